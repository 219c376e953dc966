//! States: who may open a database, who uses it, checkpoints, power loss, recovery.

use super::Engine;
use super::database::{Checkpoint, Database, DatabaseId, DatabaseState, TEMPDB, UserAccess};
use crate::error::{SqlError, SqlResult};
use crate::log::LogOp;
use crate::lsn::Lsn;
use crate::messages;
use crate::mirroring::MirrorRole;
use crate::session::{Session, SessionId};

impl Engine {
    /// Whether a session may use a database now.
    ///
    /// # Errors
    /// 911 never (the caller has found it); 913, 916, 922, 923, 924, 926, 927, 942, 954.
    pub fn can_open(&self, id: DatabaseId, session: &Session) -> SqlResult<()> {
        let database = self.databases.get(&id).ok_or_else(|| messages::error(913, 1, &[&id]))?;
        if !database.is_open() {
            return Err(self.closed_error(database));
        }
        if self.locks.exclusive_holder(id).is_some_and(|holder| holder != session.id) {
            return Err(messages::error(952, 1, &[&database.name]));
        }
        if !session.acts_as_sysadmin() {
            let caller = session.caller();
            if self.user_in(&caller, database).is_none() {
                return Err(messages::error(916, 1, &[&caller.login, &database.name]));
            }
        }
        match database.user_access {
            UserAccess::Multi => Ok(()),
            UserAccess::Restricted if session.acts_as_sysadmin() => Ok(()),
            UserAccess::Restricted => Err(messages::error(923, 1, &[&database.name])),
            UserAccess::Single => {
                if self.locks.users_of(id).any(|user| user != session.id) {
                    return Err(messages::error(924, 1, &[&database.name]));
                }
                Ok(())
            }
        }
    }

    /// Why a database that is not open cannot be opened.
    pub(crate) fn closed_error(&self, database: &Database) -> SqlError {
        let name = &database.name;
        let is_mirror = database.mirroring.as_ref().is_some_and(|m| m.role == MirrorRole::Mirror);
        match database.state {
            DatabaseState::Restoring if is_mirror => messages::error(954, 1, &[name]),
            DatabaseState::Restoring => messages::error(927, 2, &[name]),
            DatabaseState::Recovering => messages::error(922, 1, &[name]),
            DatabaseState::Offline => messages::error(942, 4, &[name]),
            DatabaseState::RecoveryPending => messages::error(945, 1, &[name]),
            DatabaseState::Suspect => messages::error(926, 1, &[name]),
            DatabaseState::Online | DatabaseState::Emergency => messages::error(952, 1, &[name]),
        }
    }

    /// A session makes a database its current one (or uses it for another reason): a shared DATABASE lock.
    pub fn enter_database(&mut self, session: SessionId, id: DatabaseId) {
        self.locks.enter(session, id);
    }

    /// It no longer uses it for that reason.
    pub fn leave_database(&mut self, session: SessionId, id: DatabaseId) {
        self.locks.leave(session, id);
    }

    /// Everything volatile is lost: tables, transactions, locks, log records that were not flushed.
    ///
    /// Nothing can be used before [`Engine::recover`].
    pub fn power_loss(&mut self) {
        self.transactions.clear();
        self.ghosts.clear();
        self.locks.clear();
        for database in self.databases.values_mut() {
            database.data_backup_running = false;
            database.log_backup_running = false;
            database.log.lose_unflushed();
            if let Some(content) = &database.checkpoint.content {
                database.content = content.clone();
            }
            database.recovery = database.checkpoint.recovery.clone();
            if let Some(mirroring) = &mut database.mirroring {
                mirroring.disconnect();
            }
        }
    }

    /// Crash recovery: checkpoint plus log, open transactions undone. Returns lines for the error log.
    pub fn recover(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.databases.remove(&TEMPDB).is_some() {
            self.add_system_database(TEMPDB, "tempdb");
        }
        // What was configured and waited for a start is in use now.
        for (configured, in_use) in self.settings.values_mut() {
            *in_use = *configured;
        }
        for database in self.databases.values_mut() {
            lines.push(format!("Starting up database '{}'.", database.name));
            if database.state == DatabaseState::Offline {
                continue;
            }
            database.redo_from_checkpoint();
            // A mirroring failover that the crash cut short: this copy is still the principal.
            if database.state == DatabaseState::Recovering {
                database.state = DatabaseState::Online;
            }
            if database.state == DatabaseState::Restoring {
                let message = messages::error(3402, 1, &[&database.name, &"RESTORING"]);
                lines.push(message.message);
                continue;
            }
            let undone = database.recovery.open_count();
            database.undo_open_transactions();
            // A mirrored copy may find that its partner went another way, and has to go back then.
            if database.mirroring.is_none() {
                database.take_checkpoint();
            }
            if undone > 0 {
                let message = messages::error(3407, 1, &[&undone, &database.name, &database.id, &0]);
                lines.push(message.message);
            }
        }
        lines.push(messages::error(3408, 1, &[]).message);
        lines
    }
}

impl Database {
    /// Writes the tables to disk: from now on recovery starts here.
    ///
    /// A copy that follows another database's log writes no record of its own, so it takes none.
    pub(crate) fn take_checkpoint(&mut self) {
        if self.in_standby() || self.state == DatabaseState::Restoring {
            return;
        }
        let recovery = self.open_transactions();
        let lsn = self.log.write(0, false, LogOp::Checkpoint);
        self.log.flush();
        self.set_checkpoint(lsn, recovery);
    }

    fn set_checkpoint(&mut self, lsn: Lsn, recovery: crate::log::Recovery) {
        let content = self.outbox.is_none().then(|| self.content.clone());
        self.checkpoint = Checkpoint { content, lsn, recovery };
        self.note_checkpoint();
    }

    /// Takes a checkpoint when something was logged since the last one.
    pub(crate) fn take_checkpoint_if_due(&mut self) {
        if self.log.records_from(self.checkpoint.lsn).nth(1).is_some() {
            self.take_checkpoint();
        }
    }

    /// Keeps the tables as they are as the point from which recovery starts, without a log record:
    /// a copy that follows another database's log writes none of its own.
    pub(crate) fn save_image(&mut self) {
        let lsn = self.log.next_lsn();
        self.set_checkpoint(lsn, self.recovery.clone());
    }

    /// From online to restoring: more log can be applied from here (BACKUP LOG WITH NORECOVERY).
    pub(crate) fn start_restoring(&mut self) {
        self.log.flush();
        let lsn = self.log.next_lsn();
        self.recovery = self.open_transactions();
        self.state = DatabaseState::Restoring;
        self.redo_start_lsn = Some(lsn);
        self.restart_log(lsn);
        self.save_image();
    }

    /// From restoring to online: what is open is undone, and a new recovery path begins.
    pub(crate) fn bring_online(&mut self, new_fork: Option<uuid::Uuid>) {
        let lsn = self.log.next_lsn();
        self.state = DatabaseState::Online;
        self.standby_file = None;
        if let Some(fork) = new_fork {
            self.guids.first_recovery_fork = self.guids.recovery_fork;
            self.guids.recovery_fork = fork;
            self.fork_point = Some(lsn);
            self.last_log_backup_lsn = Some(lsn);
        }
        self.redo_start_lsn = None;
        self.undo_open_transactions();
        self.take_checkpoint();
    }

    /// Which transactions are open at the log's end, with their changes.
    pub(crate) fn open_transactions(&self) -> crate::log::Recovery {
        if self.state == DatabaseState::Restoring {
            return self.recovery.clone();
        }
        let mut recovery = self.checkpoint.recovery.clone();
        for record in self.log.records_from(self.checkpoint.lsn) {
            recovery.note(record);
        }
        recovery
    }

    /// Forgets log that neither recovery, nor a log backup, nor a mirror needs.
    pub(crate) fn truncate_log(&mut self) {
        let mut keep = self.checkpoint.lsn;
        if let Some(oldest) = self.checkpoint.recovery.oldest_open() {
            keep = keep.min(oldest);
        }
        let needs_backup = self.recovery_model != super::RecoveryModel::Simple;
        if let Some(backed_up) = self.last_log_backup_lsn.filter(|_| needs_backup) {
            keep = keep.min(backed_up);
        }
        if let Some(mirroring) = &self.mirroring {
            keep = keep.min(mirroring.needed_lsn());
        }
        self.log.truncate_before(keep);
    }

    /// Builds the tables anew from the checkpoint. Those of a data directory were built as it was read.
    pub(crate) fn redo_from_checkpoint(&mut self) {
        let Some(content) = &self.checkpoint.content else { return };
        self.content = content.clone();
        let mut recovery = self.checkpoint.recovery.clone();
        for record in self.log.records_from(self.checkpoint.lsn) {
            recovery.redo(&mut self.content, record);
        }
        self.next_transaction = self.next_transaction.max(recovery.highest_transaction());
        self.recovery = recovery;
    }

    /// Empties the log; the next record has this LSN.
    pub(crate) fn restart_log(&mut self, lsn: Lsn) {
        self.note_log_restart(lsn);
        self.log = crate::log::Log::continuing_at(lsn);
        if self.outbox.is_some() {
            self.log.start_capture();
        }
    }

    /// Takes back what the log did from `lsn` on, and forgets it. The log has to reach back to `lsn`,
    /// and the last checkpoint may not be newer.
    pub(crate) fn rewind_log(&mut self, lsn: Lsn) {
        self.note_rewind(lsn);
        if self.checkpoint.content.is_some() {
            self.log.cut_from(lsn);
            self.redo_from_checkpoint();
        } else {
            let inverses: Vec<LogOp> = self.log.records_from(lsn).filter_map(|r| r.op.inverse()).collect();
            for inverse in inverses.iter().rev() {
                self.content.apply(inverse);
            }
            self.log.cut_from(lsn);
            let mut recovery = self.checkpoint.recovery.clone();
            for record in self.log.records_from(self.checkpoint.lsn) {
                recovery.note(record);
            }
            self.recovery = recovery;
        }
        self.redo_start_lsn = Some(lsn);
    }

    /// Undoes what transactions left open, in the log and in the tables.
    pub(crate) fn undo_open_transactions(&mut self) {
        self.next_transaction = self.next_transaction.max(self.recovery.highest_transaction());
        for (transaction, change) in self.recovery.take_undo() {
            match change {
                Some(change) => {
                    self.content.apply(&change);
                    self.log.write(transaction, true, change);
                }
                None => {
                    self.log.write(transaction, false, LogOp::Abort);
                }
            }
        }
        self.log.flush();
    }

    /// LSN behind everything that is in the log.
    #[must_use]
    pub fn end_of_log(&self) -> Lsn {
        self.log.next_lsn()
    }
}
