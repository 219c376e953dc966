//! The log that goes into a backup set: encoded at once, or piece by piece when it is long.

use super::scan::{HELD_BYTES_MAX, PIECE_BYTES};
use crate::engine::{Database, DatabaseId};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::log::codec::{Writer, put_record};
use crate::lsn::Lsn;
use crate::messages;

/// Records of a database's log from one LSN up to another.
pub(super) struct LogPart {
    /// What is left of a short one.
    encoded: Option<Vec<u8>>,
    /// Where a long one goes on; the record that has to be there, once one was read.
    next: Lsn,
    is_begun: bool,
    /// LSN behind the last record.
    pub(super) end: Lsn,
    /// Bytes it takes, or about so many while a long one is not yet written.
    pub(super) bytes: u64,
}

impl LogPart {
    /// Nothing.
    pub(super) fn empty() -> Self {
        Self { encoded: None, next: Lsn::ZERO, is_begun: false, end: Lsn::ZERO, bytes: 0 }
    }

    /// Everything from `first` up to now.
    pub(super) fn of(database: &Database, first: Lsn) -> Self {
        let end = database.log.next_lsn();
        let records = || database.log.records_from(first);
        let mut part = Self { encoded: None, next: first, is_begun: false, end, bytes: 0 };
        if database.log.bytes() > HELD_BYTES_MAX as u64 {
            part.bytes = records().map(|record| record.op.size_bytes()).sum();
            if part.is_long() {
                return part;
            }
        }
        let mut out = Writer::default();
        records().for_each(|record| put_record(&mut out, record));
        part.bytes = out.len() as u64;
        part.encoded = Some(out.into_bytes());
        part
    }

    /// Whether it is written piece by piece.
    pub(super) fn is_long(&self) -> bool {
        self.encoded.is_none() && self.bytes > HELD_BYTES_MAX as u64
    }

    /// The next records, encoded; `None` when all were given.
    ///
    /// # Errors
    /// 4214 when the log was cut off meanwhile.
    pub(super) fn next(&mut self, instance: &Instance, id: DatabaseId) -> Result<Option<Vec<u8>>, SqlError> {
        if !self.is_long() {
            return Ok(self.encoded.replace(Vec::new()).filter(|encoded| !encoded.is_empty()));
        }
        let engine = instance.0.engine.borrow();
        let cut_off = || messages::error(4214, 1, &[]);
        let database = engine.database(id).ok_or_else(cut_off)?;
        let mut out = Writer::default();
        let mut records = database.log.records_from(self.next).take_while(|record| record.lsn < self.end);
        let went_on = loop {
            let Some(record) = records.next() else { break None };
            if self.is_begun && out.is_empty() && record.lsn != self.next {
                return Err(cut_off());
            }
            if out.len() >= PIECE_BYTES {
                break Some(record.lsn);
            }
            put_record(&mut out, record);
        };
        if out.is_empty() {
            let is_whole = self.next == self.end || !self.is_begun;
            return if is_whole { Ok(None) } else { Err(cut_off()) };
        }
        self.is_begun = true;
        self.next = went_on.unwrap_or(self.end);
        Ok(Some(out.into_bytes()))
    }
}
