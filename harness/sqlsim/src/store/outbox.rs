//! What a data directory has not got yet, database by database.
//!
//! Most of a database is built by its log: handing the log's records on is
//! enough. What the log does not say is noted here when it happens, in order
//! with the records: a restore, standby's undo and redo, a log that begins
//! anew. What a database is (its state, files, options) is compared at each
//! capture and handed on when it changed.
//!
//! A database without an outbox lives in memory alone, and every note is nothing.

use super::header::put_header;
use crate::engine::Database;
use crate::log::LogRecord;
use crate::log::codec::{Writer, put_record};
use crate::log::{LogPosition, Recovery};
use crate::lsn::Lsn;

/// Kinds of entries. Their numbers are part of the format.
pub(crate) mod tag {
    /// Log records, and where the next one goes.
    pub(crate) const RECORDS: u8 = 1;
    /// What the database is.
    pub(crate) const HEADER: u8 = 2;
    /// The log begins anew.
    pub(crate) const LOG_RESTART: u8 = 3;
    /// The tables are those of a backup.
    pub(crate) const RESTORED: u8 = 4;
    /// Records of a log backup were applied.
    pub(crate) const ROLLED_FORWARD: u8 = 5;
    /// Open transactions were undone for readers.
    pub(crate) const STANDBY_ENTERED: u8 = 6;
    /// They were redone.
    pub(crate) const STANDBY_LEFT: u8 = 7;
    /// The end of the log was taken back.
    pub(crate) const REWOUND: u8 = 8;
    /// A checkpoint.
    pub(crate) const CHECKPOINT: u8 = 9;
    /// The beginning of the log was forgotten.
    pub(crate) const TRUNCATED: u8 = 10;
    /// A whole database.
    pub(crate) const CREATED: u8 = 11;
}

/// Entries about one database that wait to be handed on.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    entries: Writer,
    /// The header as it was handed on last.
    header: Vec<u8>,
    /// The log's position as it was handed on last.
    position: LogPosition,
    /// The highest LSN among the records that wait.
    pub(crate) last_lsn: Option<Lsn>,
    /// The log began anew since the last capture: older records are not needed.
    pub(crate) log_restarted: bool,
}

impl Outbox {
    /// An outbox for a database that the data directory has as it is.
    pub(crate) fn of(database: &Database) -> Self {
        let mut header = Writer::default();
        put_header(&mut header, database);
        Self { header: header.into_bytes(), position: database.log.position(), ..Self::default() }
    }

    fn put(&mut self, tag: u8, body: impl FnOnce(&mut Writer)) {
        put_entry(&mut self.entries, tag, body);
    }
}

/// Writes one entry: its kind, and its body with its length.
pub(crate) fn put_entry(out: &mut Writer, tag: u8, body: impl FnOnce(&mut Writer)) {
    let mut writer = Writer::default();
    body(&mut writer);
    out.u8(tag);
    out.bytes(&writer.into_bytes());
}

/// Writes where a log goes on.
pub(crate) fn put_position(out: &mut Writer, position: LogPosition) {
    out.lsn(position.next);
    out.u64(position.block_bytes);
}

/// Writes which transactions are open, with their changes.
pub(crate) fn put_recovery(out: &mut Writer, recovery: &Recovery) {
    out.u64(recovery.highest_transaction());
    let records = recovery.open_records();
    out.count(records.len());
    for record in &records {
        put_record(out, record);
    }
}

impl Database {
    /// Moves log records that were not handed on yet into the outbox.
    fn drain_log(&mut self) {
        let Some(outbox) = &mut self.outbox else { return };
        let position = self.log.position();
        let (records, truncated) = self.log.take_uncaptured();
        if let Some(lsn) = truncated {
            outbox.put(tag::TRUNCATED, |out| out.lsn(lsn));
        }
        let count = records.len();
        if count == 0 && position == outbox.position {
            return;
        }
        outbox.position = position;
        let mut last = None;
        outbox.put(tag::RECORDS, |out| {
            put_position(out, position);
            out.count(count);
            for record in records {
                put_record(out, record);
                last = Some(record.lsn);
            }
        });
        outbox.last_lsn = outbox.last_lsn.max(last);
    }

    fn note(&mut self, tag: u8, body: impl FnOnce(&mut Writer)) {
        self.drain_log();
        if let Some(outbox) = &mut self.outbox {
            outbox.put(tag, body);
        }
    }

    /// The log is about to begin anew.
    pub(crate) fn note_log_restart(&mut self, lsn: Lsn) {
        self.note(tag::LOG_RESTART, |out| out.lsn(lsn));
        if let Some(outbox) = &mut self.outbox {
            outbox.position = LogPosition { next: lsn, block_bytes: 0 };
            (outbox.last_lsn, outbox.log_restarted) = (None, true);
        }
    }

    /// The tables are now those of a backup.
    pub(crate) fn note_restored(&mut self, content: &[u8]) {
        self.note(tag::RESTORED, |out| out.raw(content));
    }

    /// Records of a backup are about to be applied.
    pub(crate) fn note_rolled_forward(
        &mut self,
        from: Lsn,
        stop_at: Option<jiff::Timestamp>,
        records: &[u8],
    ) {
        self.drain_log();
        let Some(outbox) = &mut self.outbox else { return };
        // The longest entry there is: its records go straight to where they wait.
        let mut head = Writer::default();
        head.lsn(from);
        head.option(stop_at, Writer::time);
        outbox.entries.u8(tag::ROLLED_FORWARD);
        outbox.entries.count(head.len() + records.len());
        outbox.entries.raw(head.as_bytes());
        outbox.entries.raw(records);
    }

    /// Open transactions are about to be undone for readers.
    pub(crate) fn note_standby_entered(&mut self) {
        self.note(tag::STANDBY_ENTERED, |_| {});
    }

    /// They are about to be redone.
    pub(crate) fn note_standby_left(&mut self, records: &[LogRecord]) {
        self.note(tag::STANDBY_LEFT, |out| {
            out.count(records.len());
            for record in records {
                put_record(out, record);
            }
        });
    }

    /// What the log did from `lsn` on is about to be taken back.
    pub(crate) fn note_rewind(&mut self, lsn: Lsn) {
        self.note(tag::REWOUND, |out| out.lsn(lsn));
        if let Some(outbox) = &mut self.outbox {
            outbox.position = LogPosition { next: lsn, block_bytes: 0 };
        }
    }

    /// A checkpoint was taken.
    pub(crate) fn note_checkpoint(&mut self) {
        let lsn = self.checkpoint.lsn;
        self.note(tag::CHECKPOINT, |out| out.lsn(lsn));
    }

    /// Takes all entries that wait; the header is among them when it changed.
    pub(crate) fn take_entries(&mut self, header: &mut Writer) -> Option<Vec<u8>> {
        self.drain_log();
        header.clear();
        put_header(header, self);
        let outbox = self.outbox.as_mut()?;
        if header.as_bytes() != outbox.header {
            outbox.header.clear();
            outbox.header.extend_from_slice(header.as_bytes());
            outbox.put(tag::HEADER, |out| out.raw(header.as_bytes()));
        }
        (!outbox.entries.is_empty()).then(|| std::mem::take(&mut outbox.entries).into_bytes())
    }
}
