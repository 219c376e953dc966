//! Unique keys: who has a key already, and how the messages show it.

use super::Engine;
use super::database::DatabaseId;
use super::definition::{IndexDef, ObjectId};
use super::key::Key;
use super::locks::{LockMode, Owner};
use super::table::{RowId, Table};
use super::transaction::Fault;
use crate::error::SqlError;
use crate::messages;
use crate::value::{Row, Value};

impl Engine {
    /// Whether `row` may have its unique keys; `old` is the row it replaces.
    ///
    /// # Errors
    /// 2627, 2601; [`Fault::Blocked`] when the key is another transaction's.
    pub(super) fn check_unique(
        &self,
        owner: Owner,
        database: DatabaseId,
        table: ObjectId,
        row: &[Value],
        old: Option<(RowId, &Row)>,
    ) -> Result<(), Fault> {
        let Some(table) = self.databases.get(&database).and_then(|d| d.content.table(table)) else {
            return Err(messages::error(208, 1, &[&table]).into());
        };
        let def = &table.def;
        for (position, index) in def.indexes.iter().enumerate() {
            if !index.kind.is_unique() || index.filter.is_some() {
                continue;
            }
            let key = Key::of_row(index, row);
            if old.is_some_and(|(_, before)| Key::of_row(index, before) == key) && old.is_some() {
                // The key stays; only another row that came to it can collide, which its own check finds.
                let others =
                    table.seek(position, &key).filter(|(id, _)| Some(*id) != old.map(|o| o.0)).count();
                if others == 0 {
                    continue;
                }
            }
            let range = (database, def.object_id, 0)..=(database, def.object_id, RowId::MAX);
            for ((_, _, id), ghost) in self.ghosts.range(range) {
                if Key::of_row(index, ghost) == key {
                    let mode = LockMode::Shared;
                    if let Some(c) =
                        self.locks.row_conflict(owner.session, database, def.object_id, *id, mode)
                    {
                        return Err(c.into());
                    }
                }
            }
            if let Some(other) = table.duplicate(position, row, old.map(|o| o.0)) {
                let mode = LockMode::Shared;
                if let Some(c) = self.locks.row_conflict(owner.session, database, def.object_id, other, mode)
                {
                    return Err(c.into());
                }
                return Err(duplicate_error(table, position, row).into());
            }
        }
        Ok(())
    }
}

fn duplicate_error(table: &Table, position: usize, row: &[Value]) -> SqlError {
    let index = &table.def.indexes[position];
    let values = key_values(index, row);
    let object = format!("{}.{}", table.def.schema, table.def.name);
    if index.kind.is_constraint() {
        let kind = if table.def.primary_key() == Some(index) { "PRIMARY KEY" } else { "UNIQUE KEY" };
        messages::error(2627, 1, &[&kind, &index.name, &object, &values])
    } else {
        messages::error(2601, 1, &[&object, &index.name, &values])
    }
}

/// A key as the messages show it: `(1, abc)`.
pub(crate) fn key_values(index: &IndexDef, row: &[Value]) -> String {
    let values = index.columns.iter().map(|c| row.get(c.ordinal).map_or_else(String::new, key_text));
    format!("({})", values.collect::<Vec<_>>().join(", "))
}

/// A key's value as the message shows it.
fn key_text(value: &Value) -> String {
    match value {
        Value::Null => "<NULL>".to_owned(),
        Value::Bit(b) => i32::from(*b).to_string(),
        Value::Int(i) => i.to_string(),
        Value::Text(t) => t.to_string(),
        Value::Guid(g) => g.to_string(),
        Value::Decimal(d) if d.scale == 0 => d.mantissa.to_string(),
        Value::Decimal(d) => {
            let digits = format!("{:0>width$}", d.mantissa.unsigned_abs(), width = usize::from(d.scale) + 1);
            let (whole, fraction) = digits.split_at(digits.len() - usize::from(d.scale));
            format!("{}{whole}.{fraction}", if d.mantissa < 0 { "-" } else { "" })
        }
        Value::Float(f) => f.to_string(),
        Value::Real(f) => f.to_string(),
        Value::Money(m) => format!("{:.4}", *m as f64 / 10_000.0),
        Value::Binary(b) => {
            let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{hex}")
        }
        other => format!("{other:?}"),
    }
}
