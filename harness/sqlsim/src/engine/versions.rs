//! Row versions: what was committed when a snapshot was taken.
//!
//! A snapshot shares the tables with the database; whoever writes to a shared table copies it first. Changes that
//! others had open when it was taken are undone in the snapshot. A transaction under SNAPSHOT isolation keeps one for
//! each database, with its own changes on top; a statement under READ COMMITTED SNAPSHOT keeps one while it runs.

use super::Engine;
use super::content::Content;
use super::database::{Database, DatabaseId, TEMPDB};
use super::definition::ObjectId;
use super::locks::LockMode;
use super::read::{Access, TableAccess};
use super::table::{RowId, Table};
use super::transaction::{Fault, TransactionId};
use crate::messages;
use crate::session::SessionId;
use crate::value::Row;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The snapshot of a transaction: all databases that allow it, as they were at its first access.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    databases: BTreeMap<DatabaseId, View>,
}

/// One database in a snapshot.
#[derive(Debug)]
struct View {
    /// As it was committed.
    base: Content,
    /// With the transaction's own changes.
    own: Content,
    /// How many of the transaction's changes `own` has, and how often it had gone back then.
    applied: (usize, u64),
}

/// What a statement reads under READ COMMITTED SNAPSHOT, by database.
#[derive(Clone, Debug, Default)]
pub struct Versions(BTreeMap<DatabaseId, Content>);

impl Versions {
    /// A table as it was committed when the statement first looked at its database.
    ///
    /// # Errors
    /// 208 when it was not there.
    pub fn open(
        &mut self,
        engine: &Engine,
        own: Option<TransactionId>,
        database: DatabaseId,
        table: ObjectId,
    ) -> Result<TableAccess, Fault> {
        let found = engine.databases.get(&database).ok_or_else(|| messages::error(913, 1, &[&database]))?;
        let content = self.0.entry(database).or_insert_with(|| engine.committed(found, own));
        let table = content.table(table).cloned().ok_or_else(|| messages::error(208, 1, &[&table]))?;
        Ok(TableAccess::of_version(table, database))
    }
}

impl Database {
    /// Whether transactions may read snapshots of it. System databases always allow it.
    #[must_use]
    pub fn allows_snapshots(&self) -> bool {
        self.options.snapshot_isolation || self.is_system()
    }
}

impl Engine {
    /// What is committed in a database, with the changes of the transaction `own`.
    fn committed(&self, database: &Database, own: Option<TransactionId>) -> Content {
        let mut content = database.content.clone();
        // Rows are locked exclusively: transactions are undone in any order, each from its end.
        for (id, transaction) in self.transactions.iter().filter(|(id, _)| Some(**id) != own.map(|own| own.0))
        {
            debug_assert!(self.transactions.contains_key(id), "it is one of them");
            for change in transaction.changes_in(database.id).rev() {
                if let Some(inverse) = change.inverse() {
                    content.apply(&inverse);
                }
            }
        }
        content
    }

    /// Opens a table as the snapshot of a transaction shows it; takes the snapshot at the first access.
    ///
    /// For [`Access::ForUpdate`] rows that others hold are in the way, as they are without a snapshot.
    ///
    /// # Errors
    /// 3951 when the transaction has read or written in another way before, 3952 when the database does not allow
    /// snapshots, 3961 when the table's definition has changed since; [`Fault::Blocked`].
    pub fn open_snapshot(
        &mut self,
        session: SessionId,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        access: Access,
    ) -> Result<TableAccess, Fault> {
        if database == TEMPDB {
            let access = if access == Access::Version { Access::Committed } else { access };
            return self.open_table(session, Some(id), database, table, access);
        }
        let found = self.databases.get(&database).ok_or_else(|| messages::error(913, 1, &[&database]))?;
        if !found.allows_snapshots() {
            return Err(messages::error(3952, 1, &[&found.name]).into());
        }
        let Some(transaction) = self.transactions.get(&id.0) else {
            return Err(messages::error(596, 1, &[]).into());
        };
        if transaction.snapshot.is_none() {
            if transaction.has_worked || !transaction.is_unchanged() {
                return Err(messages::error(3951, 1, &[&found.name]).into());
            }
            self.take_snapshot(id);
        }
        self.bring_up_to_date(id, database);
        let live = self.databases.get(&database).and_then(|d| d.content.table(table)).map(|t| t.def.clone());
        let name = self.databases.get(&database).map_or_else(|| "".into(), |d| d.name.clone());
        let view = self.transactions.get(&id.0).and_then(|t| t.snapshot.as_ref()?.databases.get(&database));
        let seen = view.and_then(|view| view.own.table(table)).cloned();
        let (Some(seen), Some(live)) = (seen, live) else {
            return Err(messages::error(3961, 1, &[&name]).into());
        };
        if seen.def != live {
            return Err(messages::error(3961, 1, &[&name]).into());
        }
        if access != Access::ForUpdate {
            return Ok(TableAccess::of_version(seen, database));
        }
        self.lock_table(id, database, table, LockMode::IntentExclusive)?;
        let foreign = self.locks.foreign_rows(session, database, table, LockMode::Update);
        Ok(TableAccess::for_update(seen, database, foreign))
    }

    /// A statement that writes begins under SNAPSHOT isolation: the first one takes the snapshot.
    pub fn begin_snapshot(&mut self, id: TransactionId) {
        let is_first =
            |t: &super::transaction::Transaction| t.snapshot.is_none() && !t.has_worked && t.is_unchanged();
        if self.transactions.get(&id.0).is_some_and(is_first) {
            self.take_snapshot(id);
        }
    }

    /// A transaction reads without a snapshot: it can take none any more.
    pub fn work_without_snapshot(&mut self, id: TransactionId) {
        if let Some(transaction) = self.transactions.get_mut(&id.0) {
            transaction.has_worked = true;
        }
    }

    fn take_snapshot(&mut self, id: TransactionId) {
        let mut snapshot = Snapshot::default();
        for database in
            self.databases.values().filter(|d| d.id != TEMPDB && d.is_open() && d.allows_snapshots())
        {
            let base = self.committed(database, None);
            let view = View { own: base.clone(), base, applied: (0, 0) };
            snapshot.databases.insert(database.id, view);
        }
        if let Some(transaction) = self.transactions.get_mut(&id.0) {
            transaction.snapshot = Some(snapshot);
        }
    }

    /// Puts the transaction's own changes on top of its snapshot.
    fn bring_up_to_date(&mut self, id: TransactionId, database: DatabaseId) {
        let Some(transaction) = self.transactions.get_mut(&id.0) else { return };
        let Some(mut snapshot) = transaction.snapshot.take() else { return };
        if let Some(view) = snapshot.databases.get_mut(&database) {
            let changes: Vec<_> = transaction.changes_in(database).collect();
            let now = (changes.len(), transaction.times_undone);
            if view.applied != now {
                let from = if view.applied.1 == now.1 { view.applied.0.min(changes.len()) } else { 0 };
                if from == 0 {
                    view.own = view.base.clone();
                }
                for change in &changes[from..] {
                    view.own.apply(change);
                }
                view.applied = now;
            }
        }
        transaction.snapshot = Some(snapshot);
    }

    /// Whether somebody else has changed a row since a transaction's snapshot was taken: error 3960.
    ///
    /// # Errors
    /// 3960.
    pub(crate) fn check_update_conflict(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        row: RowId,
    ) -> Result<(), Fault> {
        if self.transactions.get(&id.0).is_none_or(|t| t.snapshot.is_none()) {
            return Ok(());
        }
        self.bring_up_to_date(id, database);
        let view = self.transactions.get(&id.0).and_then(|t| t.snapshot.as_ref()?.databases.get(&database));
        let Some(view) = view else { return Ok(()) };
        let seen: Option<&Row> = view.own.table(table).and_then(|table| table.get(row));
        let found = self.databases.get(&database);
        let live_table: Option<&Rc<Table>> = found.and_then(|d| d.content.table(table));
        let live = live_table.and_then(|table| table.get(row));
        let is_same = match (seen, live) {
            (Some(seen), Some(live)) => Rc::ptr_eq(seen, live) || seen == live,
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return Ok(());
        }
        let table = live_table.map_or_else(String::new, |t| format!("{}.{}", t.def.schema, t.def.name));
        let name = found.map_or_else(|| "".into(), |d| d.name.clone());
        Err(messages::error(3960, 2, &[&table, &name]).into())
    }
}
