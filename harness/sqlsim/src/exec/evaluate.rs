//! The surroundings of a statement: its transaction, its values, its waits for locks.

use super::environment::Environment;
use super::run::{Activation, Failure, Runner};
use super::{binder::Binder, expression::Frame};
use crate::engine::{Conflict, Fault, TransactionId};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Expr, Isolation};
use crate::value::{DataType, Value, convert};
use std::rc::Rc;
use std::time::Duration;

impl Runner<'_> {
    /// Runs `work` with the surroundings of a statement; waits for locks and tries again.
    pub(super) async fn with_environment<T>(
        &mut self,
        activation: &Activation,
        writes: bool,
        work: impl Fn(&Environment<'_>) -> Result<T, Fault>,
    ) -> SqlResult<T> {
        loop {
            let (open, doomed, implicit) = {
                let state = self.session.exec.borrow();
                let open = state.transaction.as_ref().map(|open| open.id);
                let doomed = state.transaction.as_ref().is_some_and(|open| open.doomed);
                (open, doomed, state.settings.implicit_transactions)
            };
            if writes && doomed {
                return Err(error(3930, 1, &[]));
            }
            let mut transaction = open;
            let mut own = None;
            if writes && open.is_none() {
                if implicit {
                    self.begin(None)?;
                    transaction = self.session.exec.borrow().transaction.as_ref().map(|open| open.id);
                } else {
                    own = Some(self.instance.0.engine.borrow_mut().begin(self.session.id));
                    transaction = own;
                }
            }
            let savepoint = match (writes, transaction) {
                (true, Some(id)) => Some((id, self.instance.0.engine.borrow().savepoint(id))),
                _ => None,
            };
            if let (true, true, Some(id)) =
                (writes, self.session.exec.borrow().settings.isolation == Isolation::Snapshot, transaction)
            {
                self.instance.0.engine.borrow_mut().begin_snapshot(id);
            }
            let env = self.environment(activation, transaction, self.instance.0.clock.utc_now());
            let result = work(&env);
            match result {
                Ok(value) => {
                    if let Some(id) = own {
                        let ticket = self.instance.0.engine.borrow_mut().commit(id);
                        if !ticket.is_ready() {
                            crate::mirroring::commit_wait(self.instance, ticket).await;
                        }
                    }
                    return Ok(value);
                }
                Err(fault) => {
                    self.undo(own, savepoint);
                    self.out_of_the_way(fault).await?;
                }
            }
        }
    }

    /// The surroundings of a statement that began at `now`.
    pub(super) fn environment<'e>(
        &'e self,
        activation: &'e Activation,
        transaction: Option<TransactionId>,
        now: jiff::Timestamp,
    ) -> Environment<'e> {
        Environment {
            instance: self.instance,
            session: self.session,
            variables: &activation.values,
            declarations: &activation.program.variables,
            table_variables: &activation.tables,
            database: self.session.state.borrow().database_id,
            transaction,
            isolation: self.session.exec.borrow().settings.isolation,
            now,
            procedure_id: self.procedure.1,
            chain: self.chain,
            depth: 0,
        }
    }

    /// Waits until a statement that was kept from its work may try again.
    ///
    /// # Errors
    /// The statement's own error; 1222 and 1205 as [`Runner::wait_for_lock`].
    pub(super) async fn out_of_the_way(&mut self, fault: Fault) -> SqlResult<()> {
        match fault {
            Fault::Sql(e) => Err(e),
            Fault::Blocked(conflict) => Box::pin(self.wait_for_lock(conflict)).await,
            Fault::Listing(directory) => {
                Box::pin(self.list(&directory)).await;
                Ok(())
            }
        }
    }

    /// A new statement begins: what the last one read of the file system, and what it saw, is forgotten.
    pub(super) fn forget_listings(&self) {
        self.session.exec.borrow_mut().forget_statement();
    }

    /// Reads a directory for the statement that runs.
    async fn list(&mut self, directory: &str) {
        let found = self.instance.0.files.list(directory).await.ok().map(Rc::from);
        self.session.exec.borrow_mut().listings.insert(directory.to_lowercase().into(), found);
    }

    /// Undoes what a statement did.
    pub(super) fn undo(
        &self,
        own: Option<TransactionId>,
        savepoint: Option<(TransactionId, crate::engine::Savepoint)>,
    ) {
        let mut engine = self.instance.0.engine.borrow_mut();
        if let Some(id) = own {
            engine.rollback(id);
        } else if let Some((id, savepoint)) = savepoint {
            engine.rollback_to(id, savepoint);
        }
    }

    /// Waits until locks are released: 1222 when that takes too long, 1205 for the victim of a deadlock.
    pub(super) async fn wait_for_lock(&mut self, conflict: Conflict) -> SqlResult<()> {
        let session = self.session.id;
        let released = self.instance.0.engine.borrow().locks.released();
        let mut notified = std::pin::pin!(released.notified());
        notified.as_mut().enable();
        if self.instance.0.engine.borrow_mut().locks.wait(session, conflict) {
            self.roll_back_all();
            return Err(error(1205, 45, &[&session, &"lock"]));
        }
        let mode = conflict.mode;
        self.session.update(|state| {
            state.status = "suspended";
            state.blocked_by = Some(conflict.by);
            state.wait_type = wait_type(mode);
            state.wait_resource = wait_resource(conflict.resource);
        });
        let timeout_ms = self.session.exec.borrow().settings.lock_timeout_ms;
        let timed_out = match u64::try_from(timeout_ms) {
            Err(_) => {
                notified.await;
                false
            }
            Ok(0) => true,
            Ok(ms) => tokio::time::timeout(Duration::from_millis(ms), notified).await.is_err(),
        };
        self.instance.0.engine.borrow_mut().locks.stop_waiting(session);
        self.session.update(|state| {
            state.status = "running";
            state.blocked_by = None;
            state.wait_type = "";
            state.wait_resource.clear();
        });
        if timed_out { Err(error(1222, 51, &[])) } else { Ok(()) }
    }

    /// Evaluates an expression, converted to `to`.
    pub(super) async fn evaluate(
        &mut self,
        activation: &Activation,
        expr: &Expr,
        to: DataType,
    ) -> SqlResult<Value> {
        if let Expr::Literal(value, from) = expr {
            return convert::implicit(value, *from, to);
        }
        self.with_environment(activation, false, |env| {
            let typed = Binder::new(env).value(expr)?;
            let value = typed.ex.eval(env, &Frame::NONE)?;
            Ok(convert::implicit(&value, typed.data_type, to)?)
        })
        .await
    }

    /// Evaluates an expression with its own type.
    pub(super) async fn evaluate_typed(
        &mut self,
        activation: &Activation,
        expr: &Expr,
    ) -> SqlResult<(Value, DataType)> {
        self.with_environment(activation, false, |env| {
            let typed = Binder::new(env).value(expr)?;
            Ok((typed.ex.eval(env, &Frame::NONE)?, typed.data_type))
        })
        .await
    }

    /// Evaluates an expression as text; `None` for NULL.
    pub(super) async fn evaluate_text(
        &mut self,
        activation: &Activation,
        expr: &Expr,
    ) -> SqlResult<Option<Rc<str>>> {
        Ok(match self.evaluate(activation, expr, super::functions::TEXT).await? {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    pub(super) async fn condition(
        &mut self,
        activation: &Activation,
        condition: &Expr,
        _line: u32,
    ) -> Result<bool, Failure> {
        self.forget_listings();
        Ok(self
            .with_environment(activation, false, |env| {
                let bound = Binder::new(env).condition(condition)?;
                Ok(bound.test(env, &Frame::NONE)? == Some(true))
            })
            .await?)
    }

    pub(super) async fn assign(
        &mut self,
        activation: &mut Activation,
        variable: usize,
        operator: Option<crate::tsql::ast::BinaryOperator>,
        value: &Expr,
    ) -> SqlResult<()> {
        let to = activation.program.variables.get(variable).map_or(DataType::Int, |v| v.data_type);
        let whole;
        let value = match operator {
            None => value,
            Some(operator) => {
                whole = Expr::Binary(operator, Box::new(Expr::Variable(variable)), Box::new(value.clone()));
                &whole
            }
        };
        let value = self.evaluate(activation, value, to).await?;
        if let Some(slot) = activation.values.get_mut(variable) {
            *slot = value;
        }
        Ok(())
    }
}

pub(super) fn wait_type(mode: crate::engine::LockMode) -> &'static str {
    use crate::engine::LockMode;
    match mode {
        LockMode::SchemaStability => "LCK_M_SCH_S",
        LockMode::IntentShared => "LCK_M_IS",
        LockMode::IntentExclusive => "LCK_M_IX",
        LockMode::Shared => "LCK_M_S",
        LockMode::Update => "LCK_M_U",
        LockMode::SharedIntentExclusive => "LCK_M_SIX",
        LockMode::Exclusive => "LCK_M_X",
        LockMode::SchemaModification => "LCK_M_SCH_M",
    }
}

pub(super) fn wait_resource(resource: crate::engine::Resource) -> String {
    use crate::engine::Resource;
    match resource {
        Resource::Database(database) => format!("DATABASE: {database}"),
        Resource::Table(database, table) => format!("OBJECT: {database}:{table}:0"),
        Resource::Row(database, table, row) => format!("RID: {database}:1:{table}:{row}"),
    }
}
