//! What a statement's rows work sees: server, session, variables, time.

use super::state::ExecState;
use crate::engine::{Access, DatabaseId, Fault, TableAccess, TransactionId};
use crate::error::SqlResult;
use crate::instance::Instance;
use crate::session::Session;
use crate::tsql::ast::{Isolation, VariableDeclaration};
use crate::value::{DataType, Row, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// The surroundings of one statement. Its rows work is synchronous: nothing here changes under it.
pub(super) struct Environment<'a> {
    /// The server.
    pub(super) instance: &'a Instance,
    /// The session.
    pub(super) session: &'a Rc<Session>,
    /// Variables by slot.
    pub(super) variables: &'a [Value],
    /// Their declarations.
    pub(super) declarations: &'a [VariableDeclaration],
    /// Table variables by slot.
    pub(super) table_variables: &'a RefCell<Vec<TableVariable>>,
    /// Current database.
    pub(super) database: DatabaseId,
    /// Transaction of the statement.
    pub(super) transaction: Option<TransactionId>,
    /// Isolation level of the session.
    pub(super) isolation: Isolation,
    /// On whose behalf it works.
    pub(super) chain: super::permissions::Chain,
    /// The statement's time: GETDATE() is the same in all rows.
    pub(super) now: jiff::Timestamp,
    /// `@@PROCID`.
    pub(super) procedure_id: i32,
    /// How many functions of one's own call each other around it.
    pub(super) depth: u32,
}

/// A table variable: rows that no transaction undoes.
#[derive(Clone, Debug)]
pub(super) struct TableVariable {
    /// Slot.
    pub(super) slot: usize,
    /// Its definition.
    pub(super) def: Rc<crate::engine::TableDef>,
    /// Its rows.
    pub(super) rows: Vec<Row>,
    /// Next identity value.
    pub(super) next_identity: i64,
}

impl Environment<'_> {
    /// Type of a variable.
    pub(super) fn variable_type(&self, slot: usize) -> DataType {
        self.declarations.get(slot).map_or(DataType::Int, |declaration| declaration.data_type)
    }

    /// The interpreter's state of the session.
    pub(super) fn state(&self) -> std::cell::Ref<'_, ExecState> {
        self.session.exec.borrow()
    }

    /// Opens a table for reading.
    pub(super) fn open(
        &self,
        database: DatabaseId,
        table: crate::engine::ObjectId,
        access: Access,
    ) -> Result<TableAccess, Fault> {
        let in_snapshot = self.isolation == Isolation::Snapshot;
        match (access, self.transaction) {
            (Access::Version | Access::ForUpdate, Some(id)) if in_snapshot => {
                let mut engine = self.instance.0.engine.borrow_mut();
                return engine.open_snapshot(self.session.id, id, database, table, access);
            }
            (Access::Version, _) => {
                let engine = self.instance.0.engine.borrow();
                let found = engine.database(database).filter(|db| in_snapshot && !db.allows_snapshots());
                if let Some(found) = found.filter(|found| found.id != crate::engine::TEMPDB) {
                    return Err(crate::messages::error(3952, 1, &[&found.name]).into());
                }
                let mut state = self.session.exec.borrow_mut();
                return state.versions.open(&engine, self.transaction, database, table);
            }
            (_, Some(id)) if !in_snapshot && database != crate::engine::TEMPDB => {
                self.instance.0.engine.borrow_mut().work_without_snapshot(id);
            }
            _ => {}
        }
        self.instance.0.engine.borrow_mut().open_table(
            self.session.id,
            self.transaction,
            database,
            table,
            access,
        )
    }

    /// How a table is read without a hint that says otherwise.
    pub(super) fn default_access(&self) -> Access {
        match self.isolation {
            Isolation::ReadUncommitted => Access::Dirty,
            Isolation::ReadCommitted => Access::Committed,
            Isolation::RepeatableRead | Isolation::Serializable => Access::Held,
            Isolation::Snapshot => Access::Version,
        }
    }

    /// A database by name, open for this session.
    pub(super) fn open_database(&self, name: &str) -> SqlResult<DatabaseId> {
        let engine = self.instance.0.engine.borrow();
        let id = engine.database_id(name).ok_or_else(|| crate::messages::error(911, 1, &[&name]))?;
        engine.can_open(id, self.session)?;
        Ok(id)
    }

    /// The alias types of a database.
    pub(super) fn types(&self, database: DatabaseId) -> DatabaseTypes<'_> {
        DatabaseTypes { instance: self.instance, database }
    }
}

/// The alias types of a database.
pub(super) struct DatabaseTypes<'a> {
    pub(super) instance: &'a Instance,
    pub(super) database: DatabaseId,
}

impl crate::tsql::TypeNames for DatabaseTypes<'_> {
    fn alias(&self, schema: Option<&str>, name: &str) -> Option<(DataType, bool)> {
        // Whoever parses while he holds the engine knows built-in types only.
        let engine = self.instance.0.engine.try_borrow().ok()?;
        engine.database(self.database)?.content.alias(schema, name)
    }
}
