//! Reading a table: which rows a statement may see, and who is in its way.

use super::Engine;
use super::database::DatabaseId;
use super::definition::ObjectId;
use super::key::Key;
use super::locks::{Conflict, LockMode, Resource};
use super::table::{RowId, Table};
use super::transaction::{Fault, TransactionId};
use crate::messages;
use crate::session::SessionId;
use crate::value::Row;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How a statement reads a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// READ COMMITTED: others' uncommitted rows block.
    Committed,
    /// NOLOCK, READ UNCOMMITTED: nothing blocks.
    Dirty,
    /// READPAST: others' uncommitted rows are skipped.
    SkipLocked,
    /// HOLDLOCK, SERIALIZABLE, REPEATABLE READ, TABLOCK: the table stays share-locked to the transaction's end.
    Held,
    /// UPDLOCK, and the look-up of UPDATE and DELETE.
    ForUpdate,
    /// TABLOCKX
    Exclusive,
    /// What was committed when the transaction or the statement took its snapshot: nothing blocks.
    Version,
}

/// A table as one statement reads it. Drop it before the statement writes, or the write copies the table.
#[derive(Clone, Debug)]
pub struct TableAccess {
    /// The rows as they were when the statement opened the table.
    pub table: Rc<Table>,
    database: DatabaseId,
    access: Access,
    /// Rows that others hold (also ones they deleted).
    foreign: BTreeMap<RowId, SessionId>,
    /// Rows that others deleted and have not committed yet.
    ghosts: Vec<(RowId, Row)>,
}

impl TableAccess {
    /// A table of a snapshot: nobody is in the way.
    pub(crate) fn of_version(table: Rc<Table>, database: DatabaseId) -> Self {
        Self { table, database, access: Access::Version, foreign: BTreeMap::new(), ghosts: Vec::new() }
    }

    /// A table of a snapshot whose rows are to be changed: who holds one of them is in the way.
    pub(crate) fn for_update(
        table: Rc<Table>,
        database: DatabaseId,
        foreign: BTreeMap<RowId, SessionId>,
    ) -> Self {
        Self { table, database, access: Access::ForUpdate, foreign, ghosts: Vec::new() }
    }

    /// Says whether a row may be read: `Ok(false)` means skip it.
    ///
    /// # Errors
    /// [`Fault::Blocked`] when someone else has changed it and not committed.
    pub fn check(&self, id: RowId) -> Result<bool, Fault> {
        if self.foreign.is_empty() {
            return Ok(true);
        }
        match self.foreign.get(&id) {
            None => Ok(true),
            Some(_) if self.access == Access::SkipLocked => Ok(false),
            Some(by) => Err(self.blocked(*by, id)),
        }
    }

    /// To be called by a full scan: others' uncommitted deletions block it.
    ///
    /// # Errors
    /// [`Fault::Blocked`].
    pub fn check_scan(&self) -> Result<(), Fault> {
        match self.ghosts.first() {
            Some((id, _)) if self.access != Access::SkipLocked => {
                Err(self.blocked(self.foreign.get(id).copied().unwrap_or(0), *id))
            }
            _ => Ok(()),
        }
    }

    /// To be called by a scan that goes on behind the row `id`, in the order of an index when `key` is its key there.
    ///
    /// # Errors
    /// [`Fault::Blocked`] when someone deleted a row further on and has not committed.
    pub fn check_rest(&self, key: Option<(usize, &Key)>, id: RowId) -> Result<(), Fault> {
        let is_ahead = |other: RowId, row: &Row| match key {
            Some((index, key)) => self.table.def.indexes.get(index).is_none_or(|def| {
                let other_key = Key::of_row(def, row);
                (&other_key, other) > (key, id)
            }),
            None => other > id,
        };
        match self.ghosts.iter().find(|(other, row)| is_ahead(*other, row)) {
            Some((id, _)) if self.access != Access::SkipLocked => {
                Err(self.blocked(self.foreign.get(id).copied().unwrap_or(0), *id))
            }
            _ => Ok(()),
        }
    }

    /// To be called by a look-up of `prefix` in the index at `index`.
    ///
    /// # Errors
    /// [`Fault::Blocked`] when someone deleted such a row and has not committed.
    pub fn check_seek(&self, index: usize, prefix: &Key) -> Result<(), Fault> {
        let Some(def) = self.table.def.indexes.get(index) else { return self.check_scan() };
        match self.ghosts.iter().find(|(_, row)| Key::of_row(def, row).starts_with(prefix)) {
            Some((id, _)) if self.access != Access::SkipLocked => {
                Err(self.blocked(self.foreign.get(id).copied().unwrap_or(0), *id))
            }
            _ => Ok(()),
        }
    }

    fn blocked(&self, by: SessionId, id: RowId) -> Fault {
        let resource = Resource::Row(self.database, self.table.def.object_id, id);
        let mode = if self.access == Access::ForUpdate { LockMode::Update } else { LockMode::Shared };
        Fault::Blocked(Conflict { by, resource, mode })
    }
}

impl Engine {
    /// Keeps tables as they are defined, and as readable as `access` wants them, while a statement reads them
    /// piece by piece. Commit the transaction that this gives when the statement has ended.
    ///
    /// # Errors
    /// [`Fault::Blocked`].
    pub fn hold_for_reading(
        &mut self,
        session: SessionId,
        tables: &[(DatabaseId, ObjectId, Access)],
    ) -> Result<TransactionId, Fault> {
        let id = self.begin(session);
        for (database, table, access) in tables {
            let mode = match access {
                Access::Dirty | Access::Version => LockMode::SchemaStability,
                Access::Committed | Access::SkipLocked => LockMode::IntentShared,
                Access::Held => LockMode::Shared,
                Access::ForUpdate => LockMode::IntentExclusive,
                Access::Exclusive => LockMode::Exclusive,
            };
            if let Err(fault) = self.lock_table(id, *database, *table, mode) {
                self.rollback(id);
                return Err(fault);
            }
        }
        Ok(id)
    }

    /// Opens a table for reading.
    ///
    /// `transaction` is `None` for a statement outside of any transaction that holds no locks.
    ///
    /// # Errors
    /// 208 when it does not exist; [`Fault::Blocked`] when someone has it exclusively.
    pub fn open_table(
        &mut self,
        session: SessionId,
        transaction: Option<TransactionId>,
        database: DatabaseId,
        table: ObjectId,
        access: Access,
    ) -> Result<TableAccess, Fault> {
        let mode = match access {
            Access::Committed | Access::SkipLocked | Access::Dirty | Access::Version => {
                LockMode::IntentShared
            }
            Access::Held => LockMode::Shared,
            Access::ForUpdate => LockMode::IntentExclusive,
            Access::Exclusive => LockMode::Exclusive,
        };
        if access != Access::Dirty {
            match transaction.filter(|_| !matches!(access, Access::Committed | Access::SkipLocked)) {
                Some(id) => self.lock_table(id, database, table, mode)?,
                None => {
                    if let Some(conflict) = self.locks.table_conflict(session, database, table, mode) {
                        return Err(conflict.into());
                    }
                }
            }
            if let (Some(id), true) = (transaction, access == Access::Held) {
                let foreign = self.locks.foreign_rows(session, database, table, LockMode::Shared);
                if let Some((row, by)) = foreign.into_iter().next() {
                    let resource = Resource::Row(database, table, row);
                    return Err(Conflict { by, resource, mode: LockMode::Shared }.into());
                }
                self.enter_for(id, database);
            }
        }
        let row_mode = if access == Access::ForUpdate { LockMode::Update } else { LockMode::Shared };
        let foreign = match access {
            Access::Dirty => BTreeMap::new(),
            _ => self.locks.foreign_rows(session, database, table, row_mode),
        };
        let ghosts = if foreign.is_empty() {
            Vec::new()
        } else {
            let range = (database, table, 0)..=(database, table, RowId::MAX);
            let ghosts = self.ghosts.range(range).filter(|((_, _, id), _)| foreign.contains_key(id));
            ghosts.map(|((_, _, id), row)| (*id, row.clone())).collect()
        };
        let found = self.databases.get(&database).and_then(|d| d.content.table(table)).cloned();
        let table = found.ok_or_else(|| messages::error(208, 1, &[&table]))?;
        Ok(TableAccess { table, database, access, foreign, ghosts })
    }
}
