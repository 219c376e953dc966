//! The undo file of a warm standby.
//!
//! STANDBY undoes what is open, so that readers see a consistent database,
//! and keeps the undone records in this file: the next RESTORE LOG needs them.

use super::common::device_path;
use crate::engine::{Database, DatabaseId};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::log::LogRecord;
use crate::log::codec::{Decoded, Malformed, Reader, Writer, get_record, put_record};
use crate::lsn::Lsn;
use crate::messages;
use uuid::Uuid;

const MAGIC: &[u8; 16] = b"sqlsim undo\r\n\x1a\0\0";

struct UndoFile {
    family: Uuid,
    redo_start: Lsn,
    records: Vec<LogRecord>,
}

fn encode(undo: &UndoFile) -> Vec<u8> {
    let mut body = Writer::default();
    body.guid(undo.family);
    body.lsn(undo.redo_start);
    body.count(undo.records.len());
    for record in &undo.records {
        put_record(&mut body, record);
    }
    let body = body.into_bytes();
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    out.extend_from_slice(&body);
    out
}

fn decode(bytes: &[u8]) -> Decoded<UndoFile> {
    let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(Malformed)?;
    let (crc, body) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(Malformed);
    }
    let from = &mut Reader::new(body);
    Ok(UndoFile { family: from.guid()?, redo_start: from.lsn()?, records: from.list(get_record)? })
}

/// Makes a restoring database a warm standby.
///
/// # Errors
/// 3170 without a path, 3441 when the undo file cannot be written; the database then stays restoring.
pub(super) async fn enter(instance: &Instance, id: DatabaseId, path: &str) -> Result<(), SqlError> {
    let path = &device_path(instance, path).map_err(|_| messages::error(3170, 1, &[]))?;
    let bytes = {
        let engine = instance.0.engine.borrow();
        let Some(database) = engine.database(id) else { return Ok(()) };
        encode(&UndoFile {
            family: database.guids.family,
            redo_start: database.redo_start_lsn.unwrap_or(Lsn::ZERO),
            records: database.recovery.open_records(),
        })
    };
    let files = &instance.0.files;
    let written = async {
        files.create(path).await?;
        files.append(path, bytes.into()).await?;
        files.flush(path).await
    };
    let written = written.await;
    let mut engine = instance.0.engine.borrow_mut();
    let Some(database) = engine.database_mut(id) else { return Ok(()) };
    written.map_err(|e| messages::error(3441, 1, &[&database.name, &id, &path, &e]))?;
    database.undo_for_readers();
    database.state = crate::engine::DatabaseState::Online;
    database.is_read_only = true;
    database.standby_file = Some(path.as_str().into());
    database.save_image();
    Ok(())
}

/// Takes a database out of standby: what was undone is done again, and more log can follow.
///
/// # Errors
/// 3441 when the undo file is gone, 3445 when it is not the one.
pub(super) async fn leave(instance: &Instance, id: DatabaseId) -> Result<(), SqlError> {
    let (path, name) = {
        let engine = instance.0.engine.borrow();
        let Some(database) = engine.database(id) else { return Ok(()) };
        let Some(path) = &database.standby_file else { return Ok(()) };
        (path.clone(), database.name.clone())
    };
    let files = &instance.0.files;
    let read = async {
        let size = files.size(&path).await?;
        files.read(&path, 0, usize::try_from(size).unwrap_or(usize::MAX)).await
    };
    let bytes = read.await.map_err(|e| messages::error(3441, 1, &[&name, &id, &path, &e]))?;
    let undo = decode(&bytes).map_err(|_| messages::error(3445, 1, &[&path, &name, &id]))?;
    {
        let mut engine = instance.0.engine.borrow_mut();
        let Some(database) = engine.database_mut(id) else { return Ok(()) };
        if undo.family != database.guids.family || Some(undo.redo_start) != database.redo_start_lsn {
            return Err(messages::error(3445, 1, &[&path, &name, &id]));
        }
        database.redo_what_readers_missed(&undo.records);
        database.state = crate::engine::DatabaseState::Restoring;
        database.is_read_only = false;
        database.standby_file = None;
        database.save_image();
    }
    // Only when it is on disk that the undo file is done with may the file go.
    instance.harden().await.map_err(|_| messages::error(9001, 1, &[&name]))?;
    // The file has served; one that cannot be removed does no harm.
    let _ = files.remove(&path).await;
    Ok(())
}

impl Database {
    /// Undoes what is open in the tables alone: the log stays as the primary wrote it.
    pub(crate) fn undo_for_readers(&mut self) {
        self.note_standby_entered();
        for (_, change) in self.recovery.take_undo() {
            if let Some(change) = change {
                self.content.apply(&change);
            }
        }
    }

    /// Does again what [`Database::undo_for_readers`] undid.
    pub(crate) fn redo_what_readers_missed(&mut self, records: &[LogRecord]) {
        self.note_standby_left(records);
        for record in records {
            self.recovery.redo(&mut self.content, record);
        }
    }
}
