//! Puts msdb's tables into a fresh engine.

use super::storage::definition;
use super::tables::{SYSCATEGORIES, SystemTable, TABLES};
use crate::engine::{Column, Engine, MSDB, Table, TableDef};
use crate::value::{ColumnMeta, Row, Value};
use std::cell::OnceCell;
use std::rc::Rc;

/// Categories of jobs, as a fresh server lists them; log shipping's own come with the rest.
const CATEGORIES: &[(i64, &str)] = &[
    (0, "[Uncategorized (Local)]"),
    (1, "Jobs from MSX"),
    (2, "[Uncategorized (Multi-Server)]"),
    (3, "Database Maintenance"),
    (4, "Web Assistant"),
    (5, "Full-Text"),
    (6, "Log Shipping"),
    (7, "Database Engine Tuning Advisor"),
    (8, "Data Collector"),
    (10, "Log Shipping Backup"),
    (11, "Log Shipping Copy"),
    (12, "Log Shipping Restore"),
    (13, "Log Shipping Alert"),
];

/// Puts msdb's tables into an engine that has none yet.
///
/// The definitions are made once per thread: an estate of four servers starts
/// for every drill, and its system tables are always the same.
pub fn install(engine: &mut Engine) {
    let created = engine.clock.utc_now();
    let Some(msdb) = engine.database_mut(MSDB) else { return };
    if msdb.content.table_by_name("dbo", TABLES[0].name).is_some() {
        return;
    }
    for def in definitions().iter() {
        let object_id = msdb.content.take_object_id();
        let key_id = msdb.content.take_object_id();
        let mut def = def.clone();
        def.object_id = object_id;
        for index in &mut def.indexes {
            index.object_id = key_id;
        }
        (def.created, def.modified) = (created, created);
        let mut table = Table::new(Rc::new(def));
        if &*table.def.name == SYSCATEGORIES.name {
            for (at, (id, name)) in (1..).zip(CATEGORIES) {
                let row: Row = [Value::Int(*id), Value::Int(1), Value::Int(1), Value::text(*name)].into();
                table.put(at, row);
            }
        }
        msdb.content.put_table(table);
    }
    msdb.take_checkpoint();
}

/// The tables' definitions, without ids.
fn definitions() -> Rc<[TableDef]> {
    thread_local! {
        static MADE: OnceCell<Rc<[TableDef]>> = const { OnceCell::new() };
    }
    MADE.with(|made| made.get_or_init(|| TABLES.iter().map(|table| define(table)).collect()).clone())
}

/// A table's definition.
fn define(table: &'static SystemTable) -> TableDef {
    let parsed = definition(table);
    let columns = (1..).zip(parsed.columns.iter()).map(|(column_id, meta)| {
        let ColumnMeta { name, data_type, nullable, .. } = meta;
        let column = Column { column_id, ..Column::new(name, *data_type, *nullable) };
        if table.identity == Some(&**name) { column.with_identity(1, 1) } else { column }
    });
    let mut def = TableDef::new("dbo", table.name, columns.collect());
    def.is_ms_shipped = true;
    let key: Vec<usize> = table.key.iter().filter_map(|name| parsed.ordinal(name)).collect();
    if key.is_empty() { def } else { def.with_primary_key(&key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_key_and_identity_among_its_columns() {
        for table in TABLES {
            let parsed = definition(table);
            for name in table.key.iter().chain(&table.identity) {
                assert!(parsed.ordinal(name).is_some(), "{} has no column {name}", table.name);
            }
        }
    }
}
