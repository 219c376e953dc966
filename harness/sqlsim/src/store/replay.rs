//! Replay: a server is built from images and the write-ahead log.
//!
//! What a batch says about a database is done again with the same functions
//! that did it the first time. An image was taken while the database was in
//! use: its rows are those of different moments behind its beginning. Doing
//! again everything from its beginning makes them agree, since every change of
//! the log carries the whole row.
//!
//! Of batches before a database's image only the log records are taken that a
//! log backup, a mirror or recovery may still ask for.

use super::header::{get_header, get_server};
use super::journal::{ImagePlace, Known, part};
use super::outbox::tag;
use crate::engine::database::Checkpoint;
use crate::engine::{Database, DatabaseId, Engine};
use crate::log::codec::{Decoded, Malformed, Reader, get_content, get_record};
use crate::log::{Log, LogPosition, LogRecord, Recovery};
use crate::lsn::Lsn;
use std::collections::BTreeMap;

/// Builds a server.
pub(crate) struct Replay<'a> {
    engine: &'a mut Engine,
    /// Batches up to this one are in the checkpoint, apart from what databases' images say.
    checkpoint: u64,
    images: BTreeMap<DatabaseId, (ImagePlace, LogPosition)>,
    known: BTreeMap<DatabaseId, Known>,
}

impl<'a> Replay<'a> {
    /// Starts with a server that has only tempdb.
    pub(crate) fn new(engine: &'a mut Engine, checkpoint: u64) -> Self {
        Self { engine, checkpoint, images: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// Logins and the endpoint, as the checkpoint has them.
    pub(crate) fn server(&mut self, bytes: &[u8]) -> Decoded<()> {
        get_server(&mut Reader::new(bytes), self.engine)
    }

    /// A database as its image has it, without the records of its log.
    pub(crate) fn image(&mut self, database: Database, place: ImagePlace) {
        let id = database.id;
        let known = Known::with_image(place.clone());
        self.images.insert(id, (place, database.log.position()));
        self.known.insert(id, known);
        self.engine.databases.insert(id, database);
    }

    /// An empty database to read into.
    pub(crate) fn blank(&mut self, id: DatabaseId) -> Database {
        blank(self.engine, id)
    }

    /// Does again what a batch says.
    pub(crate) fn batch(&mut self, sequence: u64, payload: &[u8]) -> Decoded<()> {
        let from = &mut Reader::new(payload);
        while !from.is_empty() {
            match from.u8()? {
                part::DATABASE => {
                    let id = from.number()?;
                    let entries = from.bytes()?;
                    self.database(sequence, id, entries)?;
                }
                part::DROPPED => {
                    let id: DatabaseId = from.number()?;
                    if !self.is_in_image(sequence, id) {
                        self.images.remove(&id);
                        self.known.remove(&id);
                        self.engine.databases.remove(&id);
                    }
                }
                part::SERVER => {
                    let bytes = from.bytes()?;
                    if sequence > self.checkpoint {
                        self.server(bytes)?;
                    }
                }
                _ => return Err(Malformed),
            }
        }
        Ok(())
    }

    fn is_in_image(&self, sequence: u64, id: DatabaseId) -> bool {
        self.images.get(&id).is_some_and(|(place, _)| sequence <= place.begin)
    }

    fn database(&mut self, sequence: u64, id: DatabaseId, entries: &[u8]) -> Decoded<()> {
        let mut from = Reader::new(entries);
        let is_in_image = self.is_in_image(sequence, id);
        while !from.is_empty() {
            let (tag, body) = (from.u8()?, from.bytes()?);
            let body = &mut Reader::new(body);
            if is_in_image {
                self.log_only(sequence, id, tag, body)?;
            } else if tag == tag::CREATED {
                let database = get_created(self.engine, id, body)?;
                let mut known = Known::default();
                if let Some(last) = database.log.records_from(Lsn::ZERO).last() {
                    known.note_records(sequence, last.lsn, entries.len());
                }
                self.images.remove(&id);
                self.known.insert(id, known);
                self.engine.databases.insert(id, database);
            } else if let Some(database) = self.engine.database_mut(id) {
                let known = self.known.entry(id).or_default();
                if let Some(last) = redo_entry(database, tag, body)? {
                    known.note_records(sequence, last, entries.len());
                }
                if tag == tag::LOG_RESTART {
                    known.forget_records();
                }
            }
            // A database that is not there was dropped before its image could be taken.
            if let Some(known) = self.known.get_mut(&id) {
                known.last_change = known.last_change.max(sequence);
            }
        }
        Ok(())
    }

    /// Takes only what belongs to the kept part of the log.
    fn log_only(&mut self, sequence: u64, id: DatabaseId, tag: u8, body: &mut Reader<'_>) -> Decoded<()> {
        let Some((place, position)) = self.images.get(&id) else { return Ok(()) };
        // An image that has all of its log wants nothing.
        if place.first_lsn >= position.next {
            return Ok(());
        }
        let Some(database) = self.engine.databases.get_mut(&id) else { return Ok(()) };
        let known = self.known.entry(id).or_default();
        let bytes = body.len();
        let records = match tag {
            tag::RECORDS => {
                get_position(body)?;
                body.list(get_record)?
            }
            tag::CREATED => {
                database.log = Log::continuing_at(position.next);
                known.forget_records();
                skip_state(body)?;
                body.list(get_record)?
            }
            tag::LOG_RESTART => {
                database.log = Log::continuing_at(position.next);
                known.forget_records();
                Vec::new()
            }
            tag::REWOUND => {
                database.log.cut_from(body.lsn()?);
                Vec::new()
            }
            _ => return Ok(()),
        };
        if let Some(last) = records.last().filter(|r| r.lsn >= place.first_lsn) {
            known.note_records(sequence, last.lsn, bytes);
        }
        for record in records.into_iter().filter(|r| r.lsn >= place.first_lsn) {
            database.log.put_back(record);
        }
        database.log.set_position(*position);
        Ok(())
    }

    /// Everything has been read: what is known of each database's place on disk.
    pub(crate) fn finish(self) -> BTreeMap<DatabaseId, Known> {
        self.known
    }
}

/// Does again what one entry says. Returns the last of the log records that it had.
fn redo_entry(database: &mut Database, tag: u8, body: &mut Reader<'_>) -> Decoded<Option<Lsn>> {
    let mut last = None;
    match tag {
        tag::RECORDS => {
            let position = get_position(body)?;
            for record in body.list(get_record)? {
                if record.lsn < database.log.next_lsn() {
                    return Err(Malformed);
                }
                database.recovery.redo(&mut database.content, &record);
                last = Some(record.lsn);
                database.log.continue_at(record.lsn);
                database.log.put_back(record);
            }
            database.log.set_position(position);
        }
        tag::HEADER => get_header(body, database)?,
        tag::LOG_RESTART => database.log = Log::continuing_at(body.lsn()?),
        tag::RESTORED => {
            database.content = get_content(body)?;
            database.recovery = Recovery::default();
        }
        tag::ROLLED_FORWARD => {
            let from = body.lsn()?;
            let stop_at = body.option(Reader::time)?;
            let records = crate::backup::get_records(body.rest())?;
            crate::backup::redo(database, &records, from, stop_at);
        }
        tag::STANDBY_ENTERED => database.undo_for_readers(),
        tag::STANDBY_LEFT => {
            let records: Vec<LogRecord> = body.list(get_record)?;
            database.redo_what_readers_missed(&records);
        }
        tag::REWOUND => database.rewind_log(body.lsn()?),
        tag::CHECKPOINT => {
            let lsn = body.lsn()?;
            database.checkpoint = Checkpoint { content: None, lsn, recovery: database.recovery.clone() };
        }
        tag::TRUNCATED => database.log.truncate_before(body.lsn()?),
        _ => return Err(Malformed),
    }
    database.next_transaction = database.next_transaction.max(database.recovery.highest_transaction());
    Ok(last)
}

fn get_position(from: &mut Reader<'_>) -> Decoded<LogPosition> {
    Ok(LogPosition { next: from.lsn()?, block_bytes: from.u64()? })
}

fn get_recovery(from: &mut Reader<'_>) -> Decoded<Recovery> {
    let highest = from.u64()?;
    Ok(Recovery::of_open_records(highest, from.list(get_record)?))
}

/// A database without anything in it; not in the engine.
fn blank(engine: &mut Engine, id: DatabaseId) -> Database {
    let now = engine.clock.utc_now();
    let mut database = engine.new_database(id, "", now);
    database.checkpoint.content = None;
    database
}

/// Reads what [`super::journal::put_state`] wrote.
pub(crate) fn get_state(from: &mut Reader<'_>, database: &mut Database) -> Decoded<()> {
    get_header(&mut Reader::new(from.bytes()?), database)?;
    let position = get_position(from)?;
    database.log = Log::continuing_at(position.next);
    database.log.set_position(position);
    database.next_transaction = from.u64()?;
    let lsn = from.lsn()?;
    database.checkpoint = Checkpoint { content: None, lsn, recovery: get_recovery(from)? };
    database.recovery = get_recovery(from)?;
    Ok(())
}

fn skip_state(from: &mut Reader<'_>) -> Decoded<()> {
    from.bytes()?;
    get_position(from)?;
    from.u64()?;
    from.lsn()?;
    get_recovery(from)?;
    get_recovery(from)?;
    Ok(())
}

fn get_created(engine: &mut Engine, id: DatabaseId, from: &mut Reader<'_>) -> Decoded<Database> {
    let mut database = blank(engine, id);
    get_state(from, &mut database)?;
    let position = database.log.position();
    for record in from.list(get_record)? {
        database.log.put_back(record);
    }
    database.log.set_position(position);
    let objects = database.content.object_id_position();
    database.content = get_content(from)?;
    database.content.set_object_id_position(objects);
    Ok(database)
}
