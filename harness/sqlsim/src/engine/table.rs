//! A table's rows and indexes in memory: what the log has built.
//!
//! No locks, no log: those are [`super::transaction`]'s. Readers hold an
//! `Rc<Table>`; a writer that finds it shared copies it first, so that a
//! reader keeps seeing what it opened.

use super::definition::{IndexDef, TableDef};
use super::key::{Key, KeyPart};
use crate::value::{Row, Value};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

/// Identifies a row inside its table, the same on every copy of the database.
pub type RowId = u64;

/// A table with its rows.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its definition.
    pub def: Rc<TableDef>,
    rows: BTreeMap<RowId, Row>,
    indexes: Vec<Index>,
    next_row_id: RowId,
    identity_current: Option<i64>,
    data_bytes: u64,
}

/// One index: its keys and the rows behind each.
#[derive(Clone, Debug, Default)]
struct Index {
    entries: BTreeMap<(Key, RowId), ()>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(def: Rc<TableDef>) -> Self {
        let indexes = def.indexes.iter().map(|_| Index::default()).collect();
        Self { def, rows: BTreeMap::new(), indexes, next_row_id: 1, identity_current: None, data_bytes: 0 }
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of all rows, for sizes and costs.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// The row with this id.
    #[must_use]
    pub fn get(&self, id: RowId) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// All rows in order of insertion.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (RowId, &Row)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// Rows in order of insertion, from an id on.
    pub(crate) fn rows_from(&self, id: RowId) -> impl Iterator<Item = (RowId, &Row)> {
        self.rows.range(id..).map(|(id, row)| (*id, row))
    }

    /// Rows in the order of an index (position in `def.indexes`).
    pub fn rows_in_order(&self, index: usize) -> impl DoubleEndedIterator<Item = (RowId, &Row)> {
        self.entries(index, Bound::Unbounded, Bound::Unbounded)
    }

    /// Rows whose key in `index` begins with `prefix`.
    pub fn seek<'a>(
        &'a self,
        index: usize,
        prefix: &'a Key,
    ) -> impl DoubleEndedIterator<Item = (RowId, &'a Row)> {
        self.entries(index, Bound::Included(prefix), Bound::Included(prefix))
    }

    /// Rows whose key lies between two (prefixes of) keys.
    pub fn entries<'a>(
        &'a self,
        index: usize,
        low: Bound<&Key>,
        high: Bound<&Key>,
    ) -> impl DoubleEndedIterator<Item = (RowId, &'a Row)> {
        let low = match low {
            Bound::Included(key) => Bound::Included((key.clone(), 0)),
            Bound::Excluded(key) => Bound::Excluded((after(key), 0)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let high = match high {
            Bound::Included(key) => Bound::Excluded((after(key), 0)),
            Bound::Excluded(key) => Bound::Excluded((key.clone(), 0)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let empty = match (&low, &high) {
            (Bound::Included(l) | Bound::Excluded(l), Bound::Excluded(h)) => l >= h,
            _ => false,
        };
        let entries = self.indexes.get(index).filter(|_| !empty).map(|i| i.entries.range((low, high)));
        entries.into_iter().flatten().filter_map(|((_, id), ())| Some((*id, self.rows.get(id)?)))
    }

    /// Rows behind the one with this id, in order of insertion.
    pub fn rows_after(&self, id: RowId) -> impl DoubleEndedIterator<Item = (RowId, &Row)> {
        self.rows.range((Bound::Excluded(id), Bound::Unbounded)).map(|(id, row)| (*id, row))
    }

    /// Rows of an index behind the place of a row, which may be gone, up to `high`.
    pub fn entries_after<'a>(
        &'a self,
        index: usize,
        (key, id): (&Key, RowId),
        high: Bound<&Key>,
    ) -> impl Iterator<Item = (RowId, &'a Row)> {
        let high = match high {
            Bound::Included(high) => Some((after(high), 0)),
            Bound::Excluded(high) => Some((high.clone(), 0)),
            Bound::Unbounded => None,
        };
        let low = (Bound::Excluded((key.clone(), id)), Bound::Unbounded);
        let entries = self.indexes.get(index).map(|i| i.entries.range(low));
        entries
            .into_iter()
            .flatten()
            .take_while(move |(entry, ())| high.as_ref().is_none_or(|high| *entry < high))
            .filter_map(|((_, id), ())| Some((*id, self.rows.get(id)?)))
    }

    /// The row that already has `row`'s key in the unique index at `index`, other than `except`.
    #[must_use]
    pub fn duplicate(&self, index: usize, row: &[Value], except: Option<RowId>) -> Option<RowId> {
        let key = Key::of_row(self.def.indexes.get(index)?, row);
        let mut with_key = self.seek(index, &key).map(|(id, _)| id);
        with_key.find(|id| Some(*id) != except)
    }

    /// The last identity value that was given out (`IDENT_CURRENT`).
    #[must_use]
    pub fn identity_current(&self) -> Option<i64> {
        self.identity_current
    }

    /// The id that the next row gets.
    pub(crate) fn take_row_id(&mut self) -> RowId {
        self.next_row_id += 1;
        self.next_row_id - 1
    }

    /// Gives out the next identity value; `None` without an identity column or past `i64`.
    pub(crate) fn take_identity(&mut self) -> Option<i64> {
        let identity = self.def.columns.iter().find_map(|c| c.identity)?;
        let next = match self.identity_current {
            Some(current) => current.checked_add(identity.increment)?,
            None => identity.seed,
        };
        self.identity_current = Some(next);
        Some(next)
    }

    /// Sets the last identity value (DBCC CHECKIDENT, TRUNCATE TABLE).
    pub(crate) fn set_identity(&mut self, current: Option<i64>) {
        self.identity_current = current;
    }

    /// Puts a row in. Uniqueness was checked by the caller.
    pub(crate) fn put(&mut self, id: RowId, row: Row) {
        self.take_out(id);
        self.next_row_id = self.next_row_id.max(id + 1);
        self.note_identity(&row);
        self.data_bytes += row_bytes(&row);
        for (def, index) in self.def.indexes.iter().zip(&mut self.indexes) {
            index.entries.insert((Key::of_row(def, &row), id), ());
        }
        self.rows.insert(id, row);
    }

    /// Takes a row out.
    pub(crate) fn take_out(&mut self, id: RowId) -> Option<Row> {
        let row = self.rows.remove(&id)?;
        self.data_bytes -= row_bytes(&row);
        for (def, index) in self.def.indexes.iter().zip(&mut self.indexes) {
            index.entries.remove(&(Key::of_row(def, &row), id));
        }
        Some(row)
    }

    /// Takes a new definition and builds the indexes anew.
    pub(crate) fn redefine(&mut self, def: Rc<TableDef>) {
        self.indexes = def.indexes.iter().map(|index| self.build(index)).collect();
        self.def = def;
    }

    fn build(&self, def: &IndexDef) -> Index {
        Index { entries: self.rows.iter().map(|(id, row)| ((Key::of_row(def, row), *id), ())).collect() }
    }

    /// An identity value written by hand, by redo or by IDENTITY_INSERT moves the counter along.
    fn note_identity(&mut self, row: &[Value]) {
        let Some(ordinal) = self.def.identity_ordinal() else { return };
        let Some(identity) = self.def.columns[ordinal].identity else { return };
        let written = match row.get(ordinal) {
            Some(Value::Int(i)) => *i,
            Some(Value::Decimal(d)) if d.scale == 0 => i64::try_from(d.mantissa).unwrap_or(i64::MAX),
            _ => return,
        };
        self.identity_current = Some(match self.identity_current {
            None => written,
            Some(current) if identity.increment >= 0 => current.max(written),
            Some(current) => current.min(written),
        });
    }
}

/// A key that sorts behind every key that begins with `prefix`.
fn after(prefix: &Key) -> Key {
    let last = KeyPart::Guid([0xFF; 16]);
    let mut parts = prefix.0.to_vec();
    parts.push(last.clone());
    parts.push(last);
    Key(parts.into())
}

/// Bytes a row takes: its values and a header, as `sys.dm_db_partition_stats` would round them.
pub(crate) fn row_bytes(row: &[Value]) -> u64 {
    7 + row.iter().map(value_bytes).sum::<u64>()
}

fn value_bytes(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bit(_) => 1,
        Value::Int(_) | Value::Money(_) | Value::Float(_) | Value::DateTime { .. } => 8,
        Value::Real(_) => 4,
        Value::Decimal(_) => 17,
        Value::Text(t) => 2 + 2 * t.len() as u64,
        Value::Binary(b) => 2 + b.len() as u64,
        Value::Guid(_) => 16,
        Value::Date(_) => 3,
        Value::Time(_) => 5,
        Value::DateTime2 { .. } => 8,
        Value::DateTimeOffset { .. } => 10,
    }
}
