//! Transactions: every change is checked, locked, logged, then applied.

use super::Engine;
use super::database::{Database, DatabaseId, DatabaseState, RecoveryModel, TEMPDB};
use super::definition::ObjectId;
use super::key::Key;
use super::locks::{Conflict, LockMode, Owner};
use super::table::{RowId, Table};
use crate::error::{SqlError, SqlResult};
use crate::log::LogOp;
use crate::lsn::Lsn;
use crate::messages;
use crate::session::SessionId;
use crate::value::Row;
use std::collections::BTreeMap;

/// A transaction of this instance; its descriptor on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

/// A point of a transaction to which it can be rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint(usize);

/// Why a change or a look-up could not be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The statement fails.
    Sql(SqlError),
    /// Someone is in the way: undo the statement, wait for the lock, try again.
    Blocked(Conflict),
    /// A directory must be read first: undo the statement, read it, run the statement again.
    Listing(std::rc::Rc<str>),
}

impl From<SqlError> for Fault {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<Conflict> for Fault {
    fn from(conflict: Conflict) -> Self {
        Self::Blocked(conflict)
    }
}

/// What a commit still has to wait for: a synchronous mirror's acknowledgement.
///
/// Hand it to [`crate::mirroring::commit_wait`] before the client is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a mirrored commit is not acknowledged before the mirror has it"]
pub struct CommitTicket {
    pub(crate) waits: Vec<(DatabaseId, Lsn)>,
}

impl CommitTicket {
    /// Whether there is nothing to wait for.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.waits.is_empty()
    }
}

/// One open transaction.
#[derive(Debug)]
pub struct Transaction {
    /// The session that runs it.
    pub session: SessionId,
    /// When it began (UTC).
    pub began: jiff::Timestamp,
    changes: Vec<(DatabaseId, LogOp)>,
    /// Its number in each database's log.
    databases: BTreeMap<DatabaseId, u64>,
    /// Databases it keeps others from taking exclusively.
    entered: Vec<DatabaseId>,
    /// What it sees under SNAPSHOT isolation, from its first access on.
    pub(super) snapshot: Option<super::versions::Snapshot>,
    /// It has read or written without a snapshot.
    pub(super) has_worked: bool,
    /// How often it went back to a savepoint.
    pub(super) times_undone: u64,
    /// Rows it deleted: others must not believe them gone before it commits.
    ghosts: Vec<(DatabaseId, ObjectId, RowId)>,
}

impl Transaction {
    /// Databases it has written to.
    pub fn databases(&self) -> impl Iterator<Item = DatabaseId> {
        self.databases.keys().copied()
    }

    /// Whether it has changed nothing so far.
    pub(super) fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// Its changes of a database, in order.
    pub(super) fn changes_in(&self, database: DatabaseId) -> impl DoubleEndedIterator<Item = &LogOp> {
        self.changes.iter().filter(move |(changed, _)| *changed == database).map(|(_, change)| change)
    }

    /// Its number in the log of a database it has written to.
    #[must_use]
    pub fn number_in(&self, database: DatabaseId) -> Option<u64> {
        self.databases.get(&database).copied()
    }
}

impl Engine {
    /// Starts a transaction of a session.
    pub fn begin(&mut self, session: SessionId) -> TransactionId {
        self.last_transaction += 1;
        let transaction = Transaction {
            session,
            began: self.clock.utc_now(),
            changes: Vec::new(),
            databases: BTreeMap::new(),
            entered: Vec::new(),
            ghosts: Vec::new(),
            snapshot: None,
            has_worked: false,
            times_undone: 0,
        };
        self.transactions.insert(self.last_transaction, transaction);
        TransactionId(self.last_transaction)
    }

    /// An open transaction.
    #[must_use]
    pub fn transaction(&self, id: TransactionId) -> Option<&Transaction> {
        self.transactions.get(&id.0)
    }

    /// All open transactions in order of their beginning.
    pub fn transactions(&self) -> impl Iterator<Item = (TransactionId, &Transaction)> {
        self.transactions.iter().map(|(id, t)| (TransactionId(*id), t))
    }

    /// A point to which [`Engine::rollback_to`] can go back.
    #[must_use]
    pub fn savepoint(&self, id: TransactionId) -> Savepoint {
        Savepoint(self.transactions.get(&id.0).map_or(0, |t| t.changes.len()))
    }

    /// Undoes what was done since a savepoint. Locks stay.
    pub fn rollback_to(&mut self, id: TransactionId, savepoint: Savepoint) {
        if let Some(transaction) = self.transactions.get_mut(&id.0) {
            transaction.times_undone += 1;
        }
        while let Some(transaction) = self.transactions.get_mut(&id.0) {
            if transaction.changes.len() <= savepoint.0 {
                break;
            }
            let Some((database, change)) = transaction.changes.pop() else { break };
            let number = transaction.databases.get(&database).copied().unwrap_or_default();
            let Some(inverse) = change.inverse() else { continue };
            if let Some(database) = self.databases.get_mut(&database) {
                database.content.apply(&inverse);
                database.log.write(number, true, inverse);
            }
        }
        self.drop_ghosts(id, savepoint.0 == 0);
    }

    /// Commits: the log is flushed, locks are released, waiters wake.
    ///
    /// A transaction that is not open commits nothing.
    pub fn commit(&mut self, id: TransactionId) -> CommitTicket {
        let mut ticket = CommitTicket::default();
        let Some(transaction) = self.transactions.remove(&id.0) else { return ticket };
        let now = self.clock.utc_now();
        for (database_id, number) in &transaction.databases {
            let Some(database) = self.databases.get_mut(database_id) else { continue };
            let lsn = database.log.write(*number, false, LogOp::Commit(now));
            database.log.flush();
            if database.mirroring.as_ref().is_some_and(|m| m.holds_commits()) {
                ticket.waits.push((*database_id, lsn));
            }
            if let Some(mirroring) = &database.mirroring {
                mirroring.wake();
            }
        }
        self.end(id, transaction);
        ticket
    }

    /// Rolls a transaction back and ends it.
    pub fn rollback(&mut self, id: TransactionId) {
        self.rollback_to(id, Savepoint(0));
        let Some(transaction) = self.transactions.remove(&id.0) else { return };
        for (database, number) in &transaction.databases {
            if let Some(database) = self.databases.get_mut(database) {
                database.log.write(*number, false, LogOp::Abort);
            }
        }
        self.end(id, transaction);
    }

    /// Rolls back everything a session has open (its end, KILL).
    pub fn rollback_session(&mut self, session: SessionId) {
        let open: Vec<_> =
            self.transactions.iter().filter(|(_, t)| t.session == session).map(|(id, _)| *id).collect();
        for id in open {
            self.rollback(TransactionId(id));
        }
        self.locks.stop_waiting(session);
    }

    /// Rolls back every transaction that has written to a database.
    pub(crate) fn roll_back_in(&mut self, database: DatabaseId) {
        let wrote = |t: &Transaction| t.databases.contains_key(&database);
        let open: Vec<_> = self.transactions.iter().filter(|(_, t)| wrote(t)).map(|(id, _)| *id).collect();
        for id in open {
            self.rollback(TransactionId(id));
        }
    }

    fn end(&mut self, id: TransactionId, transaction: Transaction) {
        let owner = Owner { transaction: id.0, session: transaction.session };
        for (database, table, row) in &transaction.ghosts {
            self.ghosts.remove(&(*database, *table, *row));
        }
        for database in &transaction.entered {
            self.locks.leave(transaction.session, *database);
        }
        self.locks.release(owner);
        for database in transaction.databases.keys() {
            self.checkpoint_if_simple(*database);
        }
    }

    /// Deleted rows that came back are no longer ghosts.
    fn drop_ghosts(&mut self, id: TransactionId, all: bool) {
        let Some(transaction) = self.transactions.get_mut(&id.0) else { return };
        let (databases, ghosts) = (&self.databases, &mut self.ghosts);
        transaction.ghosts.retain(|place| {
            let (database, table, row) = place;
            let table = databases.get(database).and_then(|d| d.content.table(*table));
            // As it was: the deletion, or the change of its key, has been undone.
            let is_back = all || table.is_none_or(|t| t.get(*row) == ghosts.get(place));
            if is_back {
                ghosts.remove(place);
            }
            !is_back
        });
    }

    /// Locks a table for a transaction.
    ///
    /// # Errors
    /// [`Fault::Blocked`].
    pub fn lock_table(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        mode: LockMode,
    ) -> Result<(), Fault> {
        let Some(transaction) = self.transactions.get(&id.0) else {
            // Rolled back under the session's feet (its database changed roles, KILL).
            return Err(messages::error(596, 1, &[]).into());
        };
        let owner = Owner { transaction: id.0, session: transaction.session };
        self.enter_for(id, database);
        Ok(self.locks.lock_table(owner, database, table, mode)?)
    }

    /// Locks rows for a transaction (UPDLOCK, REPEATABLE READ).
    ///
    /// # Errors
    /// [`Fault::Blocked`].
    pub fn lock_rows(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        rows: &[RowId],
        mode: LockMode,
    ) -> Result<(), Fault> {
        let intent =
            if mode == LockMode::Shared { LockMode::IntentShared } else { LockMode::IntentExclusive };
        self.lock_table(id, database, table, intent)?;
        let owner = self.owner(id);
        for row in rows {
            self.locks.lock_row(owner, database, table, *row, mode)?;
        }
        Ok(())
    }

    fn owner(&self, id: TransactionId) -> Owner {
        let session = self.transactions.get(&id.0).map_or(0, |t| t.session);
        Owner { transaction: id.0, session }
    }

    /// A transaction that uses a database keeps others from taking it exclusively.
    pub(super) fn enter_for(&mut self, id: TransactionId, database: DatabaseId) {
        let Some(transaction) = self.transactions.get_mut(&id.0) else { return };
        if !transaction.entered.contains(&database) {
            transaction.entered.push(database);
            self.locks.enter(transaction.session, database);
        }
    }

    /// Whether statements may write to a database.
    ///
    /// # Errors
    /// 3906 when it is read-only or a standby, 927 and others when it is not open, 9002 when the disk is full.
    pub fn check_writable(&self, database: DatabaseId) -> SqlResult<()> {
        let found = self.databases.get(&database).ok_or_else(|| messages::error(913, 1, &[&database]))?;
        if found.state != DatabaseState::Online {
            return Err(self.closed_error(found));
        }
        if found.is_read_only || found.in_standby() {
            return Err(messages::error(3906, 1, &[&found.name]));
        }
        // System databases go on: what makes room (a log backup, a job) writes to msdb.
        if self.is_log_full && !found.is_system() {
            return Err(messages::error(9002, 4, &[&found.name, &"NOTHING"]));
        }
        Ok(())
    }

    /// Puts a row in. The row has a value for every column, converted to its type.
    ///
    /// # Errors
    /// 2627, 2601, 3906; [`Fault::Blocked`].
    pub fn insert(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        row: Row,
    ) -> Result<RowId, Fault> {
        self.check_writable(database)?;
        self.lock_table(id, database, table, LockMode::IntentExclusive)?;
        let owner = self.owner(id);
        self.check_unique(owner, database, table, &row, None)?;
        let row_id = self.table_mut(database, table)?.take_row_id();
        self.locks.lock_row(owner, database, table, row_id, LockMode::Exclusive)?;
        self.change(id, database, LogOp::Insert { table, id: row_id, row });
        Ok(row_id)
    }

    /// Replaces a row.
    ///
    /// # Errors
    /// 2627, 2601, 3906; [`Fault::Blocked`].
    pub fn update(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        row_id: RowId,
        after: Row,
    ) -> Result<(), Fault> {
        self.check_writable(database)?;
        let before = self.take_for_write(id, database, table, row_id)?;
        let Some(before) = before else { return Ok(()) };
        self.check_unique(self.owner(id), database, table, &after, Some((row_id, &before)))?;
        self.keep_old_key(id, (database, table, row_id), &before, &after);
        self.change(id, database, LogOp::Update { table, id: row_id, before, after });
        Ok(())
    }

    /// Replaces several rows at once: unique keys are checked when all are in place, as one statement.
    ///
    /// # Errors
    /// 2627, 2601, 3906; [`Fault::Blocked`]. What was done so far stays: roll back to the statement's savepoint.
    pub fn update_many(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        rows: &[(RowId, Row)],
    ) -> Result<(), Fault> {
        if let [(row_id, after)] = rows {
            return self.update(id, database, table, *row_id, after.clone());
        }
        self.check_writable(database)?;
        let mut taken = Vec::with_capacity(rows.len());
        for (row_id, after) in rows {
            if let Some(before) = self.take_for_write(id, database, table, *row_id)? {
                self.keep_old_key(id, (database, table, *row_id), &before, after);
                let op = LogOp::Update { table, id: *row_id, before: before.clone(), after: after.clone() };
                self.change(id, database, op);
                taken.push((*row_id, before, after));
            }
        }
        let owner = self.owner(id);
        for (row_id, before, after) in taken {
            self.check_unique(owner, database, table, after, Some((row_id, &before)))?;
        }
        Ok(())
    }

    /// Takes a row out.
    ///
    /// # Errors
    /// 3906; [`Fault::Blocked`].
    pub fn delete(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        row_id: RowId,
    ) -> Result<(), Fault> {
        self.check_writable(database)?;
        let Some(row) = self.take_for_write(id, database, table, row_id)? else { return Ok(()) };
        self.add_ghost(id, (database, table, row_id), &row);
        self.change(id, database, LogOp::Delete { table, id: row_id, row });
        Ok(())
    }

    /// A key that is given up is not free before the transaction commits.
    fn keep_old_key(
        &mut self,
        id: TransactionId,
        place: (DatabaseId, ObjectId, RowId),
        before: &Row,
        after: &Row,
    ) {
        let Some(table) = self.databases.get(&place.0).and_then(|d| d.content.table(place.1)) else { return };
        let mut unique = table.def.indexes.iter().filter(|i| i.kind.is_unique());
        if unique.any(|index| Key::of_row(index, before) != Key::of_row(index, after)) {
            self.add_ghost(id, place, before);
        }
    }

    /// Remembers a row as it was committed, once.
    fn add_ghost(&mut self, id: TransactionId, place: (DatabaseId, ObjectId, RowId), row: &Row) {
        let Some(transaction) = self.transactions.get_mut(&id.0) else { return };
        // The row is locked exclusively: a ghost that is there is this transaction's own.
        self.ghosts.entry(place).or_insert_with(|| {
            transaction.ghosts.push(place);
            row.clone()
        });
    }

    /// Gives out the next identity value of a table; `None` when it has no identity column.
    ///
    /// # Errors
    /// 208 when the table does not exist.
    pub fn next_identity(&mut self, database: DatabaseId, table: ObjectId) -> Result<Option<i64>, Fault> {
        Ok(self.table_mut(database, table)?.take_identity())
    }

    /// Sets the last identity value (DBCC CHECKIDENT, TRUNCATE TABLE).
    ///
    /// # Errors
    /// 208, 3906; [`Fault::Blocked`].
    pub fn set_identity(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        after: Option<i64>,
    ) -> Result<(), Fault> {
        self.check_writable(database)?;
        self.lock_table(id, database, table, LockMode::SchemaModification)?;
        let before = self.table_mut(database, table)?.identity_current();
        self.change(id, database, LogOp::SetIdentity { table, before, after });
        Ok(())
    }

    /// Locks a row exclusively and gives its present image; `None` when it is gone.
    fn take_for_write(
        &mut self,
        id: TransactionId,
        database: DatabaseId,
        table: ObjectId,
        row_id: RowId,
    ) -> Result<Option<Row>, Fault> {
        self.lock_table(id, database, table, LockMode::IntentExclusive)?;
        self.locks.lock_row(self.owner(id), database, table, row_id, LockMode::Exclusive)?;
        self.check_update_conflict(id, database, table, row_id)?;
        Ok(self.table_mut(database, table)?.get(row_id).cloned())
    }

    fn table_mut(&mut self, database: DatabaseId, table: ObjectId) -> Result<&mut Table, Fault> {
        let found = self.databases.get_mut(&database).and_then(|d| d.content.table_mut(table));
        found.ok_or_else(|| messages::error(208, 1, &[&table]).into())
    }

    /// Logs a change and applies it.
    pub(crate) fn change(&mut self, id: TransactionId, database_id: DatabaseId, op: LogOp) {
        let Some(transaction) = self.transactions.get_mut(&id.0) else { return };
        let Some(database) = self.databases.get_mut(&database_id) else { return };
        let number = match transaction.databases.get(&database_id) {
            Some(number) => *number,
            None => {
                let number = database.take_transaction_number();
                transaction.databases.insert(database_id, number);
                database.log.write(number, false, LogOp::Begin(transaction.began));
                number
            }
        };
        database.content.apply(&op);
        database.log.write(number, false, op.clone());
        transaction.changes.push((database_id, op));
    }

    /// In SIMPLE recovery the log is cut as soon as nothing needs it.
    fn checkpoint_if_simple(&mut self, database: DatabaseId) {
        const RECORDS_KEPT: usize = 4096;
        let Some(found) = self.databases.get_mut(&database) else { return };
        // A FULL database that was never backed up has no chain to keep.
        let is_simple = found.recovery_model == RecoveryModel::Simple
            || found.last_log_backup_lsn.is_none() && found.mirroring.is_none();
        if is_simple && (found.log.len() > RECORDS_KEPT || found.id == TEMPDB && found.log.len() > 256) {
            found.take_checkpoint();
            found.truncate_log();
        }
    }
}

impl Database {
    /// Bytes of log that are still needed.
    #[must_use]
    pub fn log_bytes_used(&self) -> u64 {
        self.log.bytes()
    }

    /// LSN of the first record of a transaction, by its number in this database's log.
    #[must_use]
    pub fn first_lsn_of(&self, number: u64) -> Option<Lsn> {
        self.log.records_from(self.log.first_lsn()).find(|record| record.transaction == number).map(|r| r.lsn)
    }

    pub(crate) fn take_transaction_number(&mut self) -> u64 {
        self.next_transaction += 1;
        self.next_transaction
    }
}
