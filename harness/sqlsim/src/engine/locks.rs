//! Locks: who holds what, who waits for whom.
//!
//! A request never waits here. It is granted, or the caller is told who is in
//! the way; the caller then waits for [`LockTable::released`] and tries again.

use super::database::DatabaseId;
use super::definition::ObjectId;
use super::table::RowId;
use crate::session::SessionId;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::Notify;

/// What is locked inside a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// DATABASE
    Database(DatabaseId),
    /// OBJECT
    Table(DatabaseId, ObjectId),
    /// KEY or RID
    Row(DatabaseId, ObjectId, RowId),
}

/// How it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockMode {
    /// Sch-S
    SchemaStability,
    /// IS
    IntentShared,
    /// IX
    IntentExclusive,
    /// S
    Shared,
    /// U
    Update,
    /// SIX
    SharedIntentExclusive,
    /// X
    Exclusive,
    /// Sch-M
    SchemaModification,
}

impl LockMode {
    /// As `sys.dm_tran_locks.request_mode` writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SchemaStability => "Sch-S",
            Self::IntentShared => "IS",
            Self::IntentExclusive => "IX",
            Self::Shared => "S",
            Self::Update => "U",
            Self::SharedIntentExclusive => "SIX",
            Self::Exclusive => "X",
            Self::SchemaModification => "Sch-M",
        }
    }

    /// Whether two owners may hold these at once.
    #[must_use]
    pub fn is_compatible(self, other: Self) -> bool {
        use LockMode::{
            Exclusive, IntentExclusive, IntentShared, SchemaModification, SchemaStability, Shared,
            SharedIntentExclusive, Update,
        };
        match (self, other) {
            (SchemaStability, other) | (other, SchemaStability) => other != SchemaModification,
            (Exclusive | SchemaModification, _) | (_, Exclusive | SchemaModification) => false,
            (IntentShared, _) | (_, IntentShared) => true,
            (IntentExclusive, IntentExclusive) | (Shared, Shared) => true,
            (Shared, Update) | (Update, Shared) => true,
            (Update | SharedIntentExclusive | IntentExclusive | Shared, _) => false,
        }
    }

    /// The mode that has the strength of both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self.min(other), self.max(other)) {
            (Self::IntentExclusive, Self::Shared | Self::Update) => Self::SharedIntentExclusive,
            (_, stronger) => stronger,
        }
    }
}

/// One line of `sys.dm_tran_locks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockView {
    /// What is locked.
    pub resource: Resource,
    /// How.
    pub mode: LockMode,
    /// Who holds it or waits for it.
    pub session: SessionId,
    /// The transaction; 0 for a session's lock on its current database.
    pub transaction: u64,
    /// `GRANT` or `WAIT`.
    pub is_granted: bool,
}

/// Owner of a lock: a transaction of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) transaction: u64,
    pub(crate) session: SessionId,
}

/// Someone is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The session that holds the lock.
    pub by: SessionId,
    /// What it holds.
    pub resource: Resource,
    /// What was asked for.
    pub mode: LockMode,
}

#[derive(Debug, Default)]
struct TableLocks {
    table: BTreeMap<Owner, LockMode>,
    rows: BTreeMap<RowId, BTreeMap<Owner, LockMode>>,
}

/// All locks of an instance.
#[derive(Debug, Default)]
pub struct LockTable {
    tables: BTreeMap<(DatabaseId, ObjectId), TableLocks>,
    /// Sessions that use a database, with the number of reasons.
    users: BTreeMap<(DatabaseId, SessionId), u32>,
    /// Sessions that have a database to themselves (restore, single user changes).
    exclusive: BTreeMap<DatabaseId, SessionId>,
    /// Tables each transaction locked in, to release them.
    touched: BTreeMap<u64, Vec<(DatabaseId, ObjectId)>>,
    waits: BTreeMap<SessionId, Conflict>,
    released: Rc<Notify>,
}

impl LockTable {
    /// Notified whenever locks were released.
    #[must_use]
    pub fn released(&self) -> Rc<Notify> {
        self.released.clone()
    }

    /// Asks for a table lock.
    pub(crate) fn lock_table(
        &mut self,
        owner: Owner,
        database: DatabaseId,
        table: ObjectId,
        mode: LockMode,
    ) -> Result<(), Conflict> {
        if let Some(conflict) = self.table_conflict(owner.session, database, table, mode) {
            return Err(conflict);
        }
        let locks = self.tables.entry((database, table)).or_default();
        match locks.table.get_mut(&owner) {
            Some(held) => *held = held.join(mode),
            None => {
                if !locks.rows.values().any(|row| row.contains_key(&owner)) {
                    self.touched.entry(owner.transaction).or_default().push((database, table));
                }
                locks.table.insert(owner, mode);
            }
        }
        Ok(())
    }

    /// Who keeps `session` from locking a table so.
    pub(crate) fn table_conflict(
        &self,
        session: SessionId,
        database: DatabaseId,
        table: ObjectId,
        mode: LockMode,
    ) -> Option<Conflict> {
        let locks = self.tables.get(&(database, table))?;
        let by = locks.table.iter().find(|(o, m)| o.session != session && !m.is_compatible(mode))?.0.session;
        Some(Conflict { by, resource: Resource::Table(database, table), mode })
    }

    /// Asks for a row lock. The table's intent lock is the caller's business.
    pub(crate) fn lock_row(
        &mut self,
        owner: Owner,
        database: DatabaseId,
        table: ObjectId,
        row: RowId,
        mode: LockMode,
    ) -> Result<(), Conflict> {
        if let Some(conflict) = self.row_conflict(owner.session, database, table, row, mode) {
            return Err(conflict);
        }
        let row = self.tables.entry((database, table)).or_default().rows.entry(row).or_default();
        row.entry(owner).and_modify(|held| *held = held.join(mode)).or_insert(mode);
        Ok(())
    }

    /// Who keeps `session` from locking a row so.
    pub(crate) fn row_conflict(
        &self,
        session: SessionId,
        database: DatabaseId,
        table: ObjectId,
        row: RowId,
        mode: LockMode,
    ) -> Option<Conflict> {
        let holders = self.tables.get(&(database, table))?.rows.get(&row)?;
        let by = holders.iter().find(|(o, m)| o.session != session && !m.is_compatible(mode))?.0.session;
        Some(Conflict { by, resource: Resource::Row(database, table, row), mode })
    }

    /// Rows of a table that others hold in a way that keeps `session` out; empty nearly always.
    pub(crate) fn foreign_rows(
        &self,
        session: SessionId,
        database: DatabaseId,
        table: ObjectId,
        mode: LockMode,
    ) -> BTreeMap<RowId, SessionId> {
        let Some(locks) = self.tables.get(&(database, table)) else { return BTreeMap::new() };
        let blocker = |holders: &BTreeMap<Owner, LockMode>| {
            holders
                .iter()
                .find(|(o, m)| o.session != session && !m.is_compatible(mode))
                .map(|(o, _)| o.session)
        };
        locks.rows.iter().filter_map(|(row, holders)| Some((*row, blocker(holders)?))).collect()
    }

    /// Releases everything a transaction holds.
    pub(crate) fn release(&mut self, owner: Owner) {
        for place in self.touched.remove(&owner.transaction).unwrap_or_default() {
            if let Some(locks) = self.tables.get_mut(&place) {
                locks.table.remove(&owner);
                locks.rows.retain(|_, holders| {
                    holders.remove(&owner);
                    !holders.is_empty()
                });
                if locks.table.is_empty() && locks.rows.is_empty() {
                    self.tables.remove(&place);
                }
            }
        }
        self.released.notify_waiters();
    }

    /// A session begins to use a database.
    pub(crate) fn enter(&mut self, session: SessionId, database: DatabaseId) {
        *self.users.entry((database, session)).or_default() += 1;
    }

    /// A session no longer uses a database for this reason.
    pub(crate) fn leave(&mut self, session: SessionId, database: DatabaseId) {
        if let Some(count) = self.users.get_mut(&(database, session)) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&(database, session));
                self.released.notify_waiters();
            }
        }
    }

    /// Sessions that use a database.
    pub fn users_of(&self, database: DatabaseId) -> impl Iterator<Item = SessionId> {
        self.users.range((database, 0)..=(database, SessionId::MAX)).map(|((_, session), _)| *session)
    }

    /// The session that has a database to itself.
    #[must_use]
    pub fn exclusive_holder(&self, database: DatabaseId) -> Option<SessionId> {
        self.exclusive.get(&database).copied()
    }

    /// Gives a database to one session, when nobody else uses it.
    pub(crate) fn take_exclusive(
        &mut self,
        session: SessionId,
        database: DatabaseId,
    ) -> Result<(), SessionId> {
        if let Some(other) = self.exclusive_holder(database).filter(|s| *s != session) {
            return Err(other);
        }
        if let Some(other) = self.users_of(database).find(|s| *s != session) {
            return Err(other);
        }
        self.exclusive.insert(database, session);
        Ok(())
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self, database: DatabaseId) {
        self.exclusive.remove(&database);
        self.released.notify_waiters();
    }

    /// Says that a session waits. `true` when that closes a circle: it is the deadlock's victim.
    pub fn wait(&mut self, session: SessionId, conflict: Conflict) -> bool {
        let mut at = conflict.by;
        for _ in 0..=self.waits.len() {
            if at == session {
                return true;
            }
            match self.waits.get(&at) {
                Some(next) => at = next.by,
                None => break,
            }
        }
        self.waits.insert(session, conflict);
        false
    }

    /// Says that a session no longer waits.
    pub fn stop_waiting(&mut self, session: SessionId) {
        self.waits.remove(&session);
    }

    /// All locks and waits, ordered by session, as `sys.dm_tran_locks` lists them.
    #[must_use]
    pub fn view(&self) -> Vec<LockView> {
        let mut all = Vec::new();
        for (database, session) in self.users.keys() {
            let resource = Resource::Database(*database);
            all.push(LockView {
                resource,
                mode: LockMode::Shared,
                session: *session,
                transaction: 0,
                is_granted: true,
            });
        }
        for (database, session) in &self.exclusive {
            let resource = Resource::Database(*database);
            let mode = LockMode::Exclusive;
            all.push(LockView { resource, mode, session: *session, transaction: 0, is_granted: true });
        }
        for ((database, table), locks) in &self.tables {
            let mut push = |resource, owner: &Owner, mode: LockMode| {
                let (session, transaction) = (owner.session, owner.transaction);
                all.push(LockView { resource, mode, session, transaction, is_granted: true });
            };
            for (owner, mode) in &locks.table {
                push(Resource::Table(*database, *table), owner, *mode);
            }
            for (row, holders) in &locks.rows {
                for (owner, mode) in holders {
                    push(Resource::Row(*database, *table, *row), owner, *mode);
                }
            }
        }
        for (session, wait) in &self.waits {
            let (resource, mode) = (wait.resource, wait.mode);
            all.push(LockView { resource, mode, session: *session, transaction: 0, is_granted: false });
        }
        all.sort_by_key(|lock| (lock.session, lock.resource));
        all
    }

    /// Forgets everything (power loss).
    pub(crate) fn clear(&mut self) {
        let released = self.released.clone();
        *self = Self { released, ..Self::default() };
        self.released.notify_waiters();
    }
}
