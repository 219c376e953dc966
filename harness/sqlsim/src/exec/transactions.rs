//! BEGIN, COMMIT, ROLLBACK and SAVE TRANSACTION.

use super::run::Runner;
use super::state::OpenTransaction;
use crate::error::SqlResult;
use crate::messages::error;
use std::rc::Rc;

impl Runner<'_> {
    /// BEGIN TRANSACTION.
    pub(super) fn begin(&mut self, name: Option<Rc<str>>) -> SqlResult<()> {
        let mut state = self.session.exec.borrow_mut();
        if let Some(open) = &mut state.transaction {
            open.count += 1;
            let count = open.count;
            drop(state);
            self.session.update(|state| state.open_transactions = count);
            return Ok(());
        }
        let id = self.instance.0.engine.borrow_mut().begin(self.session.id);
        state.transaction =
            Some(OpenTransaction { id, count: 1, doomed: false, name, savepoints: Vec::new() });
        drop(state);
        self.session.update(|state| state.open_transactions = 1);
        self.sink.transaction_changed(crate::session::sink::TransactionChange::Begun(id.0));
        Ok(())
    }

    /// COMMIT TRANSACTION.
    pub(super) async fn commit(&mut self) -> SqlResult<()> {
        let id = {
            let mut state = self.session.exec.borrow_mut();
            let Some(open) = &mut state.transaction else { return Err(error(3902, 1, &[])) };
            if open.doomed {
                return Err(error(3930, 1, &[]));
            }
            open.count -= 1;
            let (count, id) = (open.count, open.id);
            if count > 0 {
                drop(state);
                self.session.update(|state| state.open_transactions = count);
                return Ok(());
            }
            state.transaction = None;
            id
        };
        self.session.update(|state| state.open_transactions = 0);
        let ticket = self.instance.0.engine.borrow_mut().commit(id);
        if !ticket.is_ready() {
            crate::mirroring::commit_wait(self.instance, ticket).await;
        }
        self.sink.transaction_changed(crate::session::sink::TransactionChange::Committed(id.0));
        Ok(())
    }

    /// ROLLBACK TRANSACTION of everything. `false` when nothing was open.
    pub(super) fn roll_back_all(&mut self) -> bool {
        let Some(open) = self.session.exec.borrow_mut().transaction.take() else { return false };
        self.instance.0.engine.borrow_mut().rollback(open.id);
        self.session.update(|state| state.open_transactions = 0);
        self.sink.transaction_changed(crate::session::sink::TransactionChange::RolledBack(open.id.0));
        true
    }

    /// ROLLBACK to a savepoint, or of the whole transaction when the name is its own.
    pub(super) fn roll_back(&mut self, name: Option<&str>) -> SqlResult<()> {
        let Some(name) = name else {
            return if self.roll_back_all() { Ok(()) } else { Err(error(3903, 1, &[])) };
        };
        let mut state = self.session.exec.borrow_mut();
        let Some(open) = &mut state.transaction else { return Err(error(3903, 1, &[])) };
        let found = open.savepoints.iter().rposition(|(known, _)| crate::engine::same_name(known, name));
        if let Some(at) = found {
            if open.doomed {
                return Err(error(3931, 1, &[]));
            }
            let (id, savepoint) = (open.id, open.savepoints[at].1);
            open.savepoints.truncate(at + 1);
            self.instance.0.engine.borrow_mut().rollback_to(id, savepoint);
            return Ok(());
        }
        let own = open.name.as_ref().is_some_and(|known| crate::engine::same_name(known, name));
        drop(state);
        if own {
            self.roll_back_all();
            return Ok(());
        }
        Err(error(6401, 1, &[&"ROLLBACK TRANSACTION", &name]))
    }

    /// SAVE TRANSACTION.
    pub(super) fn save(&mut self, name: Rc<str>) -> SqlResult<()> {
        let mut state = self.session.exec.borrow_mut();
        let Some(open) = &mut state.transaction else { return Err(error(628, 0, &[])) };
        let savepoint = self.instance.0.engine.borrow().savepoint(open.id);
        open.savepoints.push((name, savepoint));
        Ok(())
    }
}
