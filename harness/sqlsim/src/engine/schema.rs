//! Schema changes: logged like rows.

use super::Engine;
use super::database::DatabaseId;
use super::definition::{Definition, ModuleDef, ObjectId, TableDef};
use super::locks::LockMode;
use super::transaction::{Fault, TransactionId};
use crate::log::LogOp;
use crate::messages;
use crate::value::Row;
use std::rc::Rc;

impl Engine {
    /// Creates a table. Ids that are 0 and names that are empty are chosen. Returns the table's id.
    ///
    /// # Errors
    /// 2714 when the name is taken, 3906; [`Fault::Blocked`].
    pub fn create_table(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        mut def: TableDef,
    ) -> Result<ObjectId, Fault> {
        self.check_writable(database)?;
        self.check_name_is_free(database, &def.schema, &def.name)?;
        self.complete(database, &mut def);
        def.created = self.clock.utc_now();
        let table = def.object_id;
        self.lock_table(id, database, table, LockMode::SchemaModification)?;
        self.define(id, database, None, Some(Definition::Table(Rc::new(def))));
        Ok(table)
    }

    /// Gives a table a new definition (constraints, indexes, names). Rows that need other columns are given in `rows`.
    ///
    /// # Errors
    /// 208, 1505 when a new unique index finds duplicates, 3906; [`Fault::Blocked`].
    pub fn alter_table(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        mut def: TableDef,
        rows: Option<Vec<(super::table::RowId, Row)>>,
    ) -> Result<(), Fault> {
        self.check_writable(database)?;
        let table = def.object_id;
        self.lock_table(id, database, table, LockMode::SchemaModification)?;
        self.complete(database, &mut def);
        let found = self.databases.get(&database).and_then(|d| d.content.table(table));
        let before = found.map(|t| t.def.clone()).ok_or_else(|| messages::error(208, 1, &[&def.name]))?;
        // Rows first loses no index entry: the new definition rebuilds them all.
        if let Some(rows) = rows {
            for (row_id, after) in rows {
                let current =
                    self.databases.get(&database).and_then(|d| d.content.table(table)?.get(row_id).cloned());
                if let Some(before) = current {
                    self.change(id, database, LogOp::Update { table, id: row_id, before, after });
                }
            }
        }
        let is_new_unique =
            |i: &super::definition::IndexDef| i.kind.is_unique() && !before.indexes.contains(i);
        let new_unique: Vec<usize> =
            def.indexes.iter().enumerate().filter(|(_, i)| is_new_unique(i)).map(|(n, _)| n).collect();
        self.define(id, database, Some(Definition::Table(before)), Some(Definition::Table(Rc::new(def))));
        for position in new_unique {
            self.check_no_duplicates(database, table, position)?;
        }
        Ok(())
    }

    /// Drops a table with its rows.
    ///
    /// # Errors
    /// 208, 3906; [`Fault::Blocked`]. Foreign keys that point at it are the caller's to check (3726).
    pub fn drop_table(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
    ) -> Result<(), Fault> {
        self.truncate_table(id, database, table)?;
        let found = self.databases.get(&database).and_then(|d| d.content.table(table));
        let before = found.map(|t| t.def.clone()).ok_or_else(|| messages::error(208, 1, &[&table]))?;
        self.define(id, database, Some(Definition::Table(before)), None);
        Ok(())
    }

    /// Takes all rows out and starts the identity anew.
    ///
    /// # Errors
    /// 208, 3906; [`Fault::Blocked`].
    pub fn truncate_table(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
    ) -> Result<(), Fault> {
        self.check_writable(database)?;
        self.lock_table(id, database, table, LockMode::SchemaModification)?;
        let Some(found) = self.databases.get(&database).and_then(|d| d.content.table(table)) else {
            return Err(messages::error(208, 1, &[&table]).into());
        };
        let before = found.identity_current();
        let rows: Vec<_> = found.rows().map(|(row_id, row)| (row_id, row.clone())).collect();
        for (row_id, row) in rows {
            self.change(id, database, LogOp::Delete { table, id: row_id, row });
        }
        if before.is_some() {
            self.change(id, database, LogOp::SetIdentity { table, before, after: None });
        }
        Ok(())
    }

    /// Creates or alters a view, procedure, function or trigger. Returns its id.
    ///
    /// # Errors
    /// 2714 when the name is taken and `alter` is false, 3906.
    pub fn put_module(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        mut def: ModuleDef,
        alter: bool,
    ) -> Result<ObjectId, Fault> {
        self.check_writable(database)?;
        let found =
            self.databases.get(&database).and_then(|d| d.content.object_by_name(&def.schema, &def.name));
        let before = match found {
            Some(super::NamedObject::Module(before)) if alter => Some(before),
            Some(_) => return Err(messages::error(2714, 6, &[&def.name]).into()),
            None => None,
        };
        def.modified = self.clock.utc_now();
        match &before {
            Some(before) => (def.object_id, def.created) = (before.object_id, before.created),
            None => (def.object_id, def.created) = (self.take_object_id(database), def.modified),
        }
        let object = def.object_id;
        self.define(id, database, before.map(Definition::Module), Some(Definition::Module(Rc::new(def))));
        Ok(object)
    }

    /// Drops a module.
    ///
    /// # Errors
    /// 3906. An unknown id is the caller's to report (3701).
    pub fn drop_module(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        module: ObjectId,
    ) -> Result<(), Fault> {
        self.check_writable(database)?;
        let found = self.databases.get(&database).and_then(|d| d.content.module(module)).cloned();
        if let Some(before) = found {
            self.define(id, database, Some(Definition::Module(before)), None);
        }
        Ok(())
    }

    /// Creates (`before` none), alters or drops (`after` none) a schema, principal, type or permission.
    ///
    /// A created one whose id is 0 gets one. Names are the caller's to check.
    ///
    /// # Errors
    /// 3906.
    pub fn put_definition(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        before: Option<Definition>,
        mut after: Option<Definition>,
    ) -> Result<i32, Fault> {
        self.check_writable(database)?;
        let free = match (&after, self.databases.get(&database)) {
            (Some(after), Some(found)) => found.content.take_small_id(after),
            _ => 0,
        };
        let given = match &mut after {
            Some(Definition::Schema(def)) => Some(&mut Rc::make_mut(def).schema_id),
            Some(Definition::Principal(def)) => Some(&mut Rc::make_mut(def).principal_id),
            Some(Definition::Type(def)) => Some(&mut Rc::make_mut(def).user_type_id),
            Some(Definition::Permission(def)) => Some(&mut Rc::make_mut(def).permission_id),
            _ => None,
        };
        let chosen = given.map_or(0, |given| {
            if *given == 0 {
                *given = free;
            }
            *given
        });
        self.define(id, database, before, after);
        Ok(chosen)
    }

    fn define(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        before: Option<Definition>,
        after: Option<Definition>,
    ) {
        self.change(id, database, LogOp::Define { before, after });
    }

    fn take_object_id(&mut self, database: DatabaseId) -> ObjectId {
        self.databases.get_mut(&database).map_or(0, |d| d.content.take_object_id())
    }

    fn check_name_is_free(&self, database: DatabaseId, schema: &str, name: &str) -> Result<(), Fault> {
        let found = self.databases.get(&database).and_then(|d| d.content.object_by_name(schema, name));
        if found.is_some() {
            return Err(messages::error(2714, 6, &[&name]).into());
        }
        Ok(())
    }

    /// Gives ids and names to whatever has none.
    fn complete(&mut self, database: DatabaseId, def: &mut TableDef) {
        let now = self.clock.utc_now();
        let Some(found) = self.databases.get_mut(&database) else { return };
        let content = &mut found.content;
        let mut give = |object_id: &mut ObjectId| {
            if *object_id == 0 {
                *object_id = content.take_object_id();
            }
            *object_id
        };
        give(&mut def.object_id);
        def.modified = now;
        let table = def.name.clone();
        let named = |name: &mut Rc<str>, prefix: &str, column: &str, id: ObjectId| {
            if name.is_empty() {
                let column: String = column.chars().take(5).collect();
                let table: String = table.chars().take(9).collect();
                let middle = if column.is_empty() { table } else { format!("{table}__{column}") };
                *name = format!("{prefix}__{middle}__{id:08X}").into();
            }
        };
        for (ordinal, column) in def.columns.iter_mut().enumerate() {
            if column.column_id == 0 {
                column.column_id = i32::try_from(ordinal).unwrap_or(i32::MAX) + 1;
            }
            if let Some(default) = &mut column.default {
                let id = give(&mut default.object_id);
                named(&mut default.name, "DF", &column.meta.name, id);
            }
        }
        for index in &mut def.indexes {
            if index.kind.is_constraint() {
                let id = give(&mut index.object_id);
                let prefix = if index.kind == super::IndexKind::PrimaryKey { "PK" } else { "UQ" };
                index.is_system_named |= index.name.is_empty();
                named(&mut index.name, prefix, "", id);
            }
        }
        for key in &mut def.foreign_keys {
            let id = give(&mut key.object_id);
            named(&mut key.name, "FK", "", id);
        }
        for check in &mut def.checks {
            let id = give(&mut check.object_id);
            named(&mut check.name, "CK", "", id);
        }
    }

    fn check_no_duplicates(
        &self,
        database: DatabaseId,
        table: ObjectId,
        position: usize,
    ) -> Result<(), Fault> {
        let Some(table) = self.databases.get(&database).and_then(|d| d.content.table(table)) else {
            return Ok(());
        };
        let duplicate = table.rows().find(|(id, row)| table.duplicate(position, row, Some(*id)).is_some());
        match duplicate {
            None => Ok(()),
            Some((_, row)) => {
                let index = &table.def.indexes[position];
                let object = format!("{}.{}", table.def.schema, table.def.name);
                let values = super::unique::key_values(index, row);
                Err(messages::error(1505, 1, &[&object, &index.name, &values]).into())
            }
        }
    }
}
