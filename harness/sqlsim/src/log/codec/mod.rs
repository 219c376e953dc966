//! Log records, definitions and whole tables as bytes.
//!
//! One format for backup files, the undo file and the mirroring stream. Every
//! read is bounded and total: hostile bytes give [`Malformed`], never a panic.

mod definition;
mod value;

use super::record::{LogOp, LogRecord};
use crate::engine::content::Content;
use crate::engine::table::Table;
use crate::lsn::Lsn;
use std::rc::Rc;

pub(crate) use definition::{get_definition, put_definition};
pub(crate) use value::{get_row, put_row};

/// The bytes are not what this server writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a log record or a table")]
pub struct Malformed;

/// What a read gives.
pub type Decoded<T> = Result<T, Malformed>;

/// Appends to a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// The bytes written so far.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes written so far, to look at.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was written and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// An unsigned number, seven bits a byte.
    pub fn u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7F) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A count.
    pub fn count(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// A signed number, zigzag.
    pub fn i64(&mut self, value: i64) {
        self.u64(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Sixteen bytes of a wide number.
    pub fn i128(&mut self, value: i128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
    }

    /// Bytes without their length.
    pub fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// Text.
    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// A GUID.
    pub fn guid(&mut self, value: uuid::Uuid) {
        self.raw(value.as_bytes());
    }

    /// A time in UTC.
    pub fn time(&mut self, value: jiff::Timestamp) {
        self.i128(value.as_nanosecond());
    }

    /// An LSN.
    pub fn lsn(&mut self, value: Lsn) {
        self.u64(u64::from(value.vlf));
        self.u64(u64::from(value.block));
        self.u64(u64::from(value.slot));
    }

    /// Something that may be missing.
    pub fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }
}

/// Reads from a slice.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the beginning.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`Malformed`], as for all reads.
    pub fn raw(&mut self, length: usize) -> Decoded<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(head)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn u8(&mut self) -> Decoded<u8> {
        Ok(self.raw(1)?[0])
    }

    /// A truth value.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn bool(&mut self) -> Decoded<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn u64(&mut self) -> Decoded<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// A number that fits into `T`.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn number<T: TryFrom<u64>>(&mut self) -> Decoded<T> {
        T::try_from(self.u64()?).map_err(|_| Malformed)
    }

    /// A signed number.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn i64(&mut self) -> Decoded<i64> {
        let value = self.u64()?;
        Ok(((value >> 1) as i64) ^ -((value & 1) as i64))
    }

    /// A signed number that fits into `T`.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn signed<T: TryFrom<i64>>(&mut self) -> Decoded<T> {
        T::try_from(self.i64()?).map_err(|_| Malformed)
    }

    /// A wide number.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn i128(&mut self) -> Decoded<i128> {
        Ok(i128::from_le_bytes(self.raw(16)?.try_into().map_err(|_| Malformed)?))
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let length = self.number()?;
        self.raw(length)
    }

    /// Text.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn str(&mut self) -> Decoded<Rc<str>> {
        Ok(std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)?.into())
    }

    /// A GUID.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn guid(&mut self) -> Decoded<uuid::Uuid> {
        uuid::Uuid::from_slice(self.raw(16)?).map_err(|_| Malformed)
    }

    /// A time in UTC.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn time(&mut self) -> Decoded<jiff::Timestamp> {
        jiff::Timestamp::from_nanosecond(self.i128()?).map_err(|_| Malformed)
    }

    /// An LSN.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn lsn(&mut self) -> Decoded<Lsn> {
        Ok(Lsn { vlf: self.number()?, block: self.number()?, slot: self.number()? })
    }

    /// Something that may be missing.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn option<T>(&mut self, get: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<Option<T>> {
        if self.bool()? { Ok(Some(get(self)?)) } else { Ok(None) }
    }

    /// Several of the same kind.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn list<T>(&mut self, mut get: impl FnMut(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let count: usize = self.number()?;
        // A hostile count cannot reserve more than the bytes that are there.
        let mut list = Vec::with_capacity(count.min(self.rest.len()));
        for _ in 0..count {
            list.push(get(self)?);
        }
        Ok(list)
    }
}

/// Writes one log record.
pub fn put_record(out: &mut Writer, record: &LogRecord) {
    out.lsn(record.lsn);
    out.u64(record.transaction);
    out.bool(record.is_compensation);
    match &record.op {
        LogOp::Begin(time) => {
            out.u8(1);
            out.time(*time);
        }
        LogOp::Commit(time) => {
            out.u8(2);
            out.time(*time);
        }
        LogOp::Abort => out.u8(3),
        LogOp::Insert { table, id, row } => {
            out.u8(4);
            put_place(out, *table, *id);
            put_row(out, row);
        }
        LogOp::Update { table, id, before, after } => {
            out.u8(5);
            put_place(out, *table, *id);
            put_row(out, before);
            put_row(out, after);
        }
        LogOp::Delete { table, id, row } => {
            out.u8(6);
            put_place(out, *table, *id);
            put_row(out, row);
        }
        LogOp::Define { before, after } => {
            out.u8(7);
            out.option(before.as_ref(), put_definition);
            out.option(after.as_ref(), put_definition);
        }
        LogOp::SetIdentity { table, before, after } => {
            out.u8(8);
            out.i64(i64::from(*table));
            out.option(*before, Writer::i64);
            out.option(*after, Writer::i64);
        }
        LogOp::Checkpoint => out.u8(9),
        LogOp::LogBackedUp(lsn) => {
            out.u8(10);
            out.lsn(*lsn);
        }
    }
}

fn put_place(out: &mut Writer, table: i32, id: u64) {
    out.i64(i64::from(table));
    out.u64(id);
}

/// Reads one log record.
///
/// # Errors
/// [`Malformed`].
pub fn get_record(from: &mut Reader<'_>) -> Decoded<LogRecord> {
    let lsn = from.lsn()?;
    let transaction = from.u64()?;
    let is_compensation = from.bool()?;
    let op = match from.u8()? {
        1 => LogOp::Begin(from.time()?),
        2 => LogOp::Commit(from.time()?),
        3 => LogOp::Abort,
        4 => LogOp::Insert { table: from.signed()?, id: from.u64()?, row: get_row(from)? },
        5 => LogOp::Update {
            table: from.signed()?,
            id: from.u64()?,
            before: get_row(from)?,
            after: get_row(from)?,
        },
        6 => LogOp::Delete { table: from.signed()?, id: from.u64()?, row: get_row(from)? },
        7 => LogOp::Define { before: from.option(get_definition)?, after: from.option(get_definition)? },
        8 => LogOp::SetIdentity {
            table: from.signed()?,
            before: from.option(Reader::i64)?,
            after: from.option(Reader::i64)?,
        },
        9 => LogOp::Checkpoint,
        10 => LogOp::LogBackedUp(from.lsn()?),
        _ => return Err(Malformed),
    };
    Ok(LogRecord { lsn, transaction, is_compensation, op })
}

/// Writes everything a database holds.
pub fn put_content(out: &mut Writer, content: &Content) {
    put_definitions(out, content);
    out.count(content.tables().count());
    for table in content.tables() {
        put_table(out, table);
    }
}

/// Writes what a database declares, tables apart.
pub(crate) fn put_definitions(out: &mut Writer, content: &Content) {
    out.u64(u64::from(content.object_id_position()));
    let definitions: Vec<_> = content.definitions_without_tables().collect();
    out.count(definitions.len());
    for definition in &definitions {
        put_definition(out, definition);
    }
}

fn put_table(out: &mut Writer, table: &Table) {
    put_definition(out, &crate::engine::Definition::Table(table.def.clone()));
    out.option(table.identity_current(), Writer::i64);
    out.count(table.len());
    for (id, row) in table.rows() {
        out.u64(id);
        put_row(out, row);
    }
}

/// Reads everything a database holds.
///
/// # Errors
/// [`Malformed`].
pub fn get_content(from: &mut Reader<'_>) -> Decoded<Content> {
    let mut content = get_definitions(from)?;
    for table in from.list(get_table)? {
        content.put_table(table);
    }
    Ok(content)
}

/// Reads what a database declares, tables apart.
pub(crate) fn get_definitions(from: &mut Reader<'_>) -> Decoded<Content> {
    let mut content = Content::default();
    content.set_object_id_position(from.number()?);
    for definition in from.list(get_definition)? {
        content.apply(&LogOp::Define { before: None, after: Some(definition) });
    }
    Ok(content)
}

fn get_table(from: &mut Reader<'_>) -> Decoded<Table> {
    let crate::engine::Definition::Table(def) = get_definition(from)? else { return Err(Malformed) };
    let mut table = Table::new(def);
    let identity = from.option(Reader::i64)?;
    for (id, row) in from.list(|from| Ok((from.u64()?, get_row(from)?)))? {
        table.put(id, row);
    }
    table.set_identity(identity);
    Ok(table)
}

#[cfg(test)]
mod tests;
