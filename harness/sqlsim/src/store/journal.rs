//! Capture: what changed in a server since the last time, as one batch of its write-ahead log.
//!
//! A batch is applied as a whole or not at all, so whatever one capture takes
//! stays together: a commit that touched two databases, or a restore with its
//! line in msdb.

use super::header::put_server;
use super::outbox::{Outbox, put_entry, put_position, put_recovery, tag};
use crate::engine::{Database, DatabaseId, Engine, TEMPDB};
use crate::log::codec::{Writer, put_content, put_record};
use crate::lsn::Lsn;
use std::collections::{BTreeMap, VecDeque};

/// Kinds of parts of a batch. Their numbers are part of the format.
pub(crate) mod part {
    /// Entries about one database.
    pub(crate) const DATABASE: u8 = 1;
    /// A database is gone.
    pub(crate) const DROPPED: u8 = 2;
    /// Logins and the endpoint.
    pub(crate) const SERVER: u8 = 3;
}

/// Batches whose records are looked at together when segments are removed.
const BATCHES_PER_SPAN: u64 = 64;
/// A span ends when its batches have so many bytes.
const BYTES_PER_SPAN: usize = 256 * 1024;

/// Neighbouring batches with log records of one database.
#[derive(Debug)]
struct Span {
    /// The first of the batches.
    first: u64,
    /// The highest LSN in them.
    highest: Lsn,
    bytes: usize,
}

/// What is known of one database's way to the disk.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The last batch that said something about it.
    pub(crate) last_change: u64,
    /// Where its log records lie, oldest first.
    spans: VecDeque<Span>,
    /// Its latest image.
    pub(crate) image: Option<ImagePlace>,
}

/// Where a database's image is, and what it needs of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImagePlace {
    /// Name of its file.
    pub(crate) file: String,
    /// Batches up to this one are in it.
    pub(crate) begin: u64,
    /// The oldest log record that is wanted from the log's segments: those from here on are not in the image.
    pub(crate) first_lsn: Lsn,
}

impl Known {
    /// A database that has an image.
    pub(crate) fn with_image(place: ImagePlace) -> Self {
        Self { last_change: place.begin, spans: VecDeque::new(), image: Some(place) }
    }

    /// A batch has log records of it, up to this LSN, in so many bytes.
    pub(crate) fn note_records(&mut self, sequence: u64, last: Lsn, bytes: usize) {
        match self.spans.back_mut() {
            Some(span) if sequence - span.first < BATCHES_PER_SPAN && span.bytes < BYTES_PER_SPAN => {
                span.highest = span.highest.max(last);
                span.bytes += bytes;
            }
            _ => self.spans.push_back(Span { first: sequence, highest: last, bytes }),
        }
    }

    /// Its log began anew: what was written of the old one is not needed.
    pub(crate) fn forget_records(&mut self) {
        self.spans.clear();
    }

    /// The first batch that may have a record from `lsn` on, if there is one.
    pub(crate) fn first_batch_with(&mut self, lsn: Lsn) -> Option<u64> {
        while self.spans.front().is_some_and(|span| span.highest < lsn) {
            self.spans.pop_front();
        }
        self.spans.front().map(|span| span.first)
    }
}

/// What the data directory has of a server.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Databases.
    pub(crate) known: BTreeMap<DatabaseId, Known>,
    /// Logins and the endpoint as they were written last.
    server: Vec<u8>,
    /// The last batch.
    pub(crate) sequence: u64,
    header: Writer,
    scratch: Writer,
}

impl Journal {
    /// The journal of a server that the data directory has as it is.
    pub(crate) fn of(engine: &mut Engine, known: BTreeMap<DatabaseId, Known>, sequence: u64) -> Self {
        for id in known.keys() {
            if let Some(database) = engine.database_mut(*id) {
                attach(database);
            }
        }
        let mut server = Writer::default();
        put_server(&mut server, engine);
        Self { known, server: server.into_bytes(), sequence, ..Self::default() }
    }

    /// Everything that changed since the last capture; `None` when nothing did.
    ///
    /// The batch it belongs to is [`Journal::sequence`] afterwards.
    pub(crate) fn capture(&mut self, engine: &mut Engine) -> Option<Vec<u8>> {
        let sequence = self.sequence + 1;
        let mut batch = Writer::default();
        let gone: Vec<DatabaseId> =
            self.known.keys().filter(|id| engine.database(**id).is_none()).copied().collect();
        for id in gone {
            self.known.remove(&id);
            batch.u8(part::DROPPED);
            batch.u64(u64::from(id));
        }
        for database in engine.databases.values_mut().filter(|d| d.id != TEMPDB) {
            let entries = match database.outbox {
                Some(_) => database.take_entries(&mut self.header),
                None => {
                    self.known.remove(&database.id);
                    Some(created(database))
                }
            };
            let Some(entries) = entries else { continue };
            let known = self.known.entry(database.id).or_default();
            known.last_change = sequence;
            if let Some(outbox) = &mut database.outbox {
                if std::mem::take(&mut outbox.log_restarted) {
                    known.forget_records();
                }
                if let Some(last) = outbox.last_lsn.take() {
                    known.note_records(sequence, last, entries.len());
                }
            }
            batch.u8(part::DATABASE);
            batch.u64(u64::from(database.id));
            batch.bytes(&entries);
        }
        self.scratch.clear();
        put_server(&mut self.scratch, engine);
        if self.scratch.as_bytes() != self.server {
            self.server.clear();
            self.server.extend_from_slice(self.scratch.as_bytes());
            batch.u8(part::SERVER);
            batch.bytes(&self.server);
        }
        if batch.is_empty() {
            return None;
        }
        self.sequence = sequence;
        Some(batch.into_bytes())
    }
}

/// From now on the database's changes are noted.
fn attach(database: &mut Database) {
    database.checkpoint.content = None;
    database.log.start_capture();
    database.outbox = Some(Box::new(Outbox::of(database)));
}

/// A database that the data directory has not got: all of it.
fn created(database: &mut Database) -> Vec<u8> {
    let mut out = Writer::default();
    let last = database.log.records_from(Lsn::ZERO).last().map(|r| r.lsn);
    put_entry(&mut out, tag::CREATED, |out| {
        put_state(out, database);
        out.count(database.log.len());
        for record in database.log.records_from(Lsn::ZERO) {
            put_record(out, record);
        }
        put_content(out, &database.content);
    });
    attach(database);
    if let Some(outbox) = &mut database.outbox {
        outbox.last_lsn = last;
    }
    out.into_bytes()
}

/// Writes everything about a database but the records of its log and its tables.
pub(crate) fn put_state(out: &mut Writer, database: &Database) {
    let mut header = Writer::default();
    super::header::put_header(&mut header, database);
    out.bytes(header.as_bytes());
    put_position(out, database.log.position());
    out.u64(database.next_transaction);
    out.lsn(database.checkpoint.lsn);
    put_recovery(out, &database.checkpoint.recovery);
    put_recovery(out, &database.open_transactions());
}
