//! The interpreter's loop: instructions, errors and where they go, locks and waiting.

use super::dml::{self, Outcome};
use super::environment::{Environment, TableVariable};
use super::state::OpenTransaction;
use super::{binder::Binder, expression::Frame};
use crate::engine::{Conflict, Fault, TransactionId};
use crate::error::{SqlError, SqlResult};
use crate::instance::Instance;
use crate::messages::error;
use crate::session::sink::{Done, DoneKind};
use crate::session::{Session, Sink};
use crate::tsql::ast::{Expr, Instruction, Program, SelectItem, Statement, StatementKind};
use crate::value::{DataType, Value, convert};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How deep procedures may call each other.
pub(super) const NESTING_MAX: u32 = 32;

/// Rows are sent in pieces of about this size.
const FLUSH_BYTES: usize = 32 * 1024;

/// How often a program may loop before the other sessions have a turn.
const LOOPS_PER_TURN: u64 = 256;

/// Why a program ends before its last instruction.
pub(super) enum Stop {
    /// An error looks for a CATCH block further out.
    Thrown(SqlError),
    /// The batch is over; the error has been sent.
    Aborted,
}

/// A running program's variables.
pub(super) struct Activation {
    pub(super) program: Rc<Program>,
    pub(super) values: Vec<Value>,
    pub(super) tables: RefCell<Vec<TableVariable>>,
}

impl Activation {
    pub(super) fn new(program: Rc<Program>) -> Self {
        let values = program.variables.iter().map(|v| v.default.clone().unwrap_or(Value::Null)).collect();
        Self { program, values, tables: RefCell::default() }
    }
}

/// Runs programs for one request.
pub(super) struct Runner<'a> {
    pub(super) instance: &'a Instance,
    pub(super) session: &'a Rc<Session>,
    pub(super) sink: &'a mut dyn Sink,
    /// What a statement's DONE is called here.
    pub(super) kind: DoneKind,
    /// Whether these are the client's own statements.
    pub(super) is_client: bool,
    /// TRY blocks around, in callers too.
    pub(super) tries: u32,
    /// Name and id of the procedure that runs.
    pub(super) procedure: (Rc<str>, i32),
    /// Where result sets go instead of the client (INSERT … EXEC).
    pub(super) captured: Option<Vec<(Vec<crate::value::ColumnMeta>, Vec<crate::value::Row>)>>,
}

/// What a statement did, for the loop.
pub(super) enum Went {
    /// Go on.
    Next,
    /// RETURN.
    Return(i32),
}

impl<'a> Runner<'a> {
    pub(super) fn new(instance: &'a Instance, session: &'a Rc<Session>, sink: &'a mut dyn Sink) -> Self {
        Self {
            instance,
            session,
            sink,
            kind: DoneKind::Statement,
            is_client: true,
            tries: 0,
            procedure: ("".into(), 0),
            captured: None,
        }
    }

    /// Runs a program to its end. Gives its return status.
    pub(super) async fn run(&mut self, activation: &mut Activation) -> Result<i32, Stop> {
        let program = activation.program.clone();
        let mut handlers: Vec<usize> = Vec::new();
        let mut in_catch = 0_usize;
        let mut at = 0;
        let mut loops = 0_u64;
        let outcome = loop {
            let Some(instruction) = program.code.get(at) else { break Ok(0) };
            at += 1;
            let result = match instruction {
                Instruction::Jump(target) => {
                    if *target < at {
                        // A loop without any wait must not keep the others out, nor its own attention.
                        loops += 1;
                        if loops.is_multiple_of(LOOPS_PER_TURN) {
                            tokio::task::yield_now().await;
                        }
                    }
                    at = *target;
                    continue;
                }
                Instruction::JumpUnless { condition, target, line } => {
                    match self.condition(activation, condition, *line).await {
                        Ok(true) => continue,
                        Ok(false) => {
                            at = *target;
                            continue;
                        }
                        Err(e) => Err(e),
                    }
                }
                Instruction::BeginTry { handler } => {
                    handlers.push(*handler);
                    self.tries += 1;
                    continue;
                }
                Instruction::EndTry { after } => {
                    handlers.pop();
                    self.tries -= 1;
                    at = *after;
                    continue;
                }
                Instruction::EndCatch => {
                    self.session.exec.borrow_mut().caught.pop();
                    in_catch = in_catch.saturating_sub(1);
                    continue;
                }
                Instruction::Statement(statement) => self.observed(activation, statement, at - 1).await,
            };
            match result {
                Ok(Went::Next) => {}
                Ok(Went::Return(status)) => break Ok(status),
                Err(Failure::Stop(Stop::Aborted)) => break Err(Stop::Aborted),
                Err(Failure::Stop(Stop::Thrown(e)) | Failure::Error(e)) => {
                    let line = match instruction {
                        Instruction::Statement(statement) => statement.line,
                        Instruction::JumpUnless { line, .. } => *line,
                        _ => 0,
                    };
                    let e = self.placed(e, line);
                    if let Some(handler) = handlers.pop() {
                        self.tries -= 1;
                        self.doom_if_needed(&e);
                        self.session.exec.borrow_mut().caught.push(e);
                        in_catch += 1;
                        at = handler;
                        continue;
                    }
                    if self.tries > 0 {
                        break Err(Stop::Thrown(e));
                    }
                    if self.report(&e) {
                        break Err(Stop::Aborted);
                    }
                }
            }
        };
        self.tries -= u32::try_from(handlers.len()).unwrap_or(0);
        let mut state = self.session.exec.borrow_mut();
        for _ in 0..in_catch {
            state.caught.pop();
        }
        drop(state);
        outcome
    }

    /// Gives an error the procedure and line it was raised at.
    fn placed(&self, mut e: SqlError, line: u32) -> SqlError {
        if e.line == 0 {
            e.line = line;
        }
        if e.procedure.is_empty() && !self.procedure.0.is_empty() {
            e.procedure = self.procedure.0.to_string();
        }
        e
    }

    /// Sends an error that no CATCH takes. `true`: the batch is over.
    fn report(&mut self, e: &SqlError) -> bool {
        super::note_error(self.session, e);
        self.sink.message(e);
        let xact_abort = self.session.exec.borrow().settings.xact_abort && e.number != 50_000;
        let thrown = std::mem::take(&mut self.session.exec.borrow_mut().throws);
        let aborts = xact_abort || ends_batch(e) || thrown;
        if aborts && (xact_abort || rolls_back(e)) && self.session.exec.borrow().transaction.is_some() {
            self.roll_back_all();
        }
        self.done(0, None, true);
        aborts
    }

    /// In a TRY block, errors that would end the batch leave a transaction that can only be rolled back.
    fn doom_if_needed(&mut self, e: &SqlError) {
        super::note_error(self.session, e);
        let mut state = self.session.exec.borrow_mut();
        let xact_abort = state.settings.xact_abort;
        if let Some(open) = &mut state.transaction
            && (xact_abort || (ends_batch(e) && e.number != 50_000 && rolls_back(e)))
        {
            open.doomed = true;
        }
    }

    /// Sends a DONE.
    pub(super) fn done(&mut self, command: u16, row_count: Option<u64>, is_error: bool) {
        let no_count = self.session.exec.borrow().settings.no_count;
        let in_transaction = self.session.state.borrow().open_transactions > 0;
        let row_count = row_count.filter(|_| !no_count);
        if self.captured.is_some() && !is_error {
            return;
        }
        self.sink.done(Done { kind: self.kind, command, row_count, is_error, in_transaction });
    }

    /// Shows the client's statements to the observer.
    async fn observed(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
        at: usize,
    ) -> Result<Went, Failure> {
        if !(self.is_client && self.instance.is_watched()) {
            return self.statement(activation, statement, at).await;
        }
        let shown = super::observe::describe(self, activation, statement);
        if let Some(shown) = &shown {
            self.instance.observe(shown.event(self.session, None)).await;
        }
        let before = std::mem::replace(&mut self.session.exec.borrow_mut().first_error, 0);
        let result = Box::pin(self.statement(activation, statement, at)).await;
        if let Some(shown) = &shown {
            let outcome = match &result {
                Err(Failure::Error(e) | Failure::Stop(Stop::Thrown(e))) => e.number,
                _ => self.session.exec.borrow().first_error,
            };
            self.instance.observe(shown.event(self.session, Some(outcome))).await;
        }
        self.session.exec.borrow_mut().first_error = before;
        result
    }

    /// Runs one statement.
    pub(super) async fn statement(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
        at: usize,
    ) -> Result<Went, Failure> {
        {
            let state = self.session.exec.borrow();
            if state.settings.no_exec && !matches!(&statement.kind, StatementKind::Set(_)) {
                return Ok(Went::Next);
            }
        }
        if let Some(name) = super::observe::command_name(&statement.kind) {
            self.session.update(|state| {
                if let Some(request) = &mut state.request {
                    name.clone_into(&mut request.command);
                    request.percent_complete = 0.0;
                }
            });
        }
        match &statement.kind {
            StatementKind::Nothing => {}
            StatementKind::Select(_)
            | StatementKind::Update(_)
            | StatementKind::Delete(_)
            | StatementKind::Truncate(_)
            | StatementKind::CreateTable(_)
            | StatementKind::AlterTable(..)
            | StatementKind::Drop { .. }
            | StatementKind::CreateIndex(_)
            | StatementKind::DropIndex { .. }
            | StatementKind::CreateModule(_)
            | StatementKind::CreateSchema(_) => self.rows_statement(activation, statement, None).await?,
            StatementKind::Insert(insert) => match &insert.source {
                dml_source @ crate::tsql::ast::InsertSource::Execute(_) => {
                    let crate::tsql::ast::InsertSource::Execute(inner) = dml_source else {
                        return Ok(Went::Next);
                    };
                    let captured = Box::pin(self.capture(activation, inner)).await?;
                    self.rows_statement(activation, statement, Some(&captured)).await?;
                }
                _ => self.rows_statement(activation, statement, None).await?,
            },
            StatementKind::Assign { variable, operator, value, declares } => {
                self.assign(activation, *variable, *operator, value).await?;
                if !declares {
                    self.session.exec.borrow_mut().last_error = 0;
                }
            }
            StatementKind::DeclareTable(slot) => {
                super::ddl::declare_table(activation, *slot)?;
            }
            StatementKind::Return(status) => {
                let status = match status {
                    None => 0,
                    Some(expr) => match self.evaluate(activation, expr, DataType::Int).await? {
                        Value::Int(n) => n as i32,
                        _ => 0,
                    },
                };
                return Ok(Went::Return(status));
            }
            _ => return Box::pin(self.other_statement(activation, statement, at)).await,
        }
        Ok(Went::Next)
    }

    // ---- values ---------------------------------------------------------------

    /// Runs `work` with the surroundings of a statement; waits for locks and tries again.
    pub(super) async fn with_environment<T>(
        &mut self,
        activation: &Activation,
        writes: bool,
        work: impl Fn(&Environment<'_>) -> Result<T, Fault>,
    ) -> SqlResult<T> {
        loop {
            let (open, doomed, isolation, implicit) = {
                let state = self.session.exec.borrow();
                let open = state.transaction.as_ref().map(|open| open.id);
                let doomed = state.transaction.as_ref().is_some_and(|open| open.doomed);
                (open, doomed, state.settings.isolation, state.settings.implicit_transactions)
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
            let env = Environment {
                instance: self.instance,
                session: self.session,
                variables: &activation.values,
                declarations: &activation.program.variables,
                table_variables: &activation.tables,
                database: self.session.state.borrow().database_id,
                transaction,
                isolation,
                now: self.instance.0.clock.utc_now(),
                procedure_id: self.procedure.1,
            };
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
                    match fault {
                        Fault::Sql(e) => return Err(e),
                        Fault::Blocked(conflict) => Box::pin(self.wait_for_lock(conflict)).await?,
                    }
                }
            }
        }
    }

    /// Undoes what a statement did.
    fn undo(&self, own: Option<TransactionId>, savepoint: Option<(TransactionId, crate::engine::Savepoint)>) {
        let mut engine = self.instance.0.engine.borrow_mut();
        if let Some(id) = own {
            engine.rollback(id);
        } else if let Some((id, savepoint)) = savepoint {
            engine.rollback_to(id, savepoint);
        }
    }

    /// Waits until locks are released: 1222 when that takes too long, 1205 for the victim of a deadlock.
    async fn wait_for_lock(&mut self, conflict: Conflict) -> SqlResult<()> {
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
            return convert::convert(value, *from, to, 0);
        }
        self.with_environment(activation, false, |env| {
            let typed = Binder::new(env).value(expr)?;
            let value = typed.ex.eval(env, &Frame::NONE)?;
            Ok(convert::convert(&value, typed.data_type, to, 0)?)
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

    async fn condition(
        &mut self,
        activation: &Activation,
        condition: &Expr,
        _line: u32,
    ) -> Result<bool, Failure> {
        Ok(self
            .with_environment(activation, false, |env| {
                let bound = Binder::new(env).condition(condition)?;
                Ok(bound.test(env, &Frame::NONE)? == Some(true))
            })
            .await?)
    }

    async fn assign(
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

    // ---- statements on rows -----------------------------------------------------

    /// Runs a statement that reads or writes rows or definitions, and sends what it gives.
    async fn rows_statement(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
        captured: Option<&[(Vec<crate::value::ColumnMeta>, Vec<crate::value::Row>)]>,
    ) -> Result<(), Failure> {
        let writes = match &statement.kind {
            StatementKind::Select(query) => match &query.body {
                crate::tsql::ast::QueryBody::Select(select) => select.into.is_some(),
                _ => false,
            },
            _ => true,
        };
        let level = self.session.exec.borrow().nesting;
        let outcome = self
            .with_environment(activation, writes, |env| match &statement.kind {
                StatementKind::Select(query) => select(env, query, level),
                StatementKind::Insert(insert) => match captured {
                    Some(sets) => dml::insert_given(env, insert, sets),
                    None => dml::insert(env, insert),
                },
                StatementKind::Update(update) => dml::update(env, update),
                StatementKind::Delete(delete) => dml::delete(env, delete),
                StatementKind::Truncate(name) => dml::truncate(env, name),
                other => super::ddl::run(env, other, level),
            })
            .await?;
        for (slot, value) in &outcome.assigned {
            if let Some(known) = activation.values.get_mut(*slot) {
                *known = value.clone();
            }
        }
        {
            let mut state = self.session.exec.borrow_mut();
            state.last_error = 0;
            state.row_count = outcome.count.map_or(0, |n| i64::try_from(n).unwrap_or(i64::MAX));
            if outcome.identity.is_some() {
                state.identity.clone_from(&outcome.identity);
            }
        }
        self.send(outcome).await
    }

    async fn send(&mut self, outcome: Outcome) -> Result<(), Failure> {
        if let Some((columns, rows)) = outcome.set {
            if let Some(captured) = &mut self.captured {
                captured.push((columns, rows));
                return Ok(());
            }
            self.sink.columns(&columns);
            for row in &rows {
                self.sink.row(row);
                if self.sink.buffered() > FLUSH_BYTES && self.sink.flush().await.is_err() {
                    return Err(Failure::Stop(Stop::Aborted));
                }
            }
        }
        self.done(outcome.command, outcome.count, false);
        Ok(())
    }

    // ---- transactions -------------------------------------------------------------

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

/// SELECT, with INTO and with assignments.
fn select(env: &Environment<'_>, query: &crate::tsql::ast::Query, level: u32) -> Result<Outcome, Fault> {
    let items: &[SelectItem] = match &query.body {
        crate::tsql::ast::QueryBody::Select(select) => &select.items,
        _ => &[],
    };
    let assigns = items.iter().filter(|item| matches!(item, SelectItem::Assign(..))).count();
    if assigns > 0 && assigns < items.len() {
        return Err(error(141, 1, &[]).into());
    }
    let assigns = assigns > 0;
    let compiled = Binder::new(env).query(query)?;
    let limit = env.state().settings.row_count_limit;
    let mut rows = if env.state().settings.format_only { Vec::new() } else { compiled.run(env, None)? };
    if limit > 0 {
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let count = rows.len() as u64;
    let mut outcome = Outcome { count: Some(count), command: 0xC1, ..Outcome::default() };
    if assigns {
        outcome.assigned = assigned(env, items, &compiled.columns, &rows)?;
        return Ok(outcome);
    }
    if let crate::tsql::ast::QueryBody::Select(select) = &query.body
        && let Some(into) = &select.into
    {
        let (database, def) = super::ddl::into_table(env, into, &compiled.columns, level)?;
        dml::select_into(env, database, def, rows)?;
        return Ok(outcome);
    }
    outcome.set = Some((compiled.columns, rows));
    Ok(outcome)
}

/// Values of `SELECT @x = …`: those of the last row; `@x = @x + …` goes through all rows.
fn assigned(
    env: &Environment<'_>,
    items: &[SelectItem],
    columns: &[crate::value::ColumnMeta],
    rows: &[crate::value::Row],
) -> Result<Vec<(usize, Value)>, Fault> {
    let mut values: Vec<(usize, Value)> = Vec::new();
    for row in rows {
        for ((item, column), value) in items.iter().zip(columns).zip(row.iter()) {
            let SelectItem::Assign(slot, operator, _) = item else { continue };
            let to = env.variable_type(*slot);
            let value = match operator {
                None => convert::convert(value, column.data_type, to, 0)?,
                Some(operator) => {
                    let before =
                        values.iter().find(|(known, _)| known == slot).map(|(_, value)| value.clone());
                    let before = before.or_else(|| env.variables.get(*slot).cloned()).unwrap_or(Value::Null);
                    let out = super::operators::arithmetic_type(*operator, to, column.data_type)?;
                    let sum = super::operators::arithmetic(
                        *operator,
                        (&before, to),
                        (value, column.data_type),
                        out,
                    )?;
                    convert::convert(&sum, out, to, 0)?
                }
            };
            values.retain(|(known, _)| known != slot);
            values.push((*slot, value));
        }
    }
    Ok(values)
}

/// Why a statement failed.
pub(super) enum Failure {
    /// Its own error.
    Error(SqlError),
    /// The whole program stops.
    Stop(Stop),
}

impl From<SqlError> for Failure {
    fn from(e: SqlError) -> Self {
        Self::Error(e)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// Errors after which a batch does not go on.
fn ends_batch(e: &SqlError) -> bool {
    e.severity >= 19
        || matches!(
            e.number,
            102 | 105
                | 137
                | 156
                | 207
                | 208
                | 209
                | 213
                | 241
                | 242
                | 244
                | 245
                | 248
                | 295
                | 1205
                | 4104
                | 4121
                | 8114
                | 8120
                | 8169
                | 40_510
                | 217
                | 596
        )
}

/// Errors that roll the transaction back when they end a batch.
fn rolls_back(e: &SqlError) -> bool {
    matches!(e.number, 241 | 242 | 244 | 245 | 248 | 295 | 1205 | 8114 | 8169) || e.severity >= 19
}

fn wait_type(mode: crate::engine::LockMode) -> &'static str {
    use crate::engine::LockMode;
    match mode {
        LockMode::IntentShared => "LCK_M_IS",
        LockMode::IntentExclusive => "LCK_M_IX",
        LockMode::Shared => "LCK_M_S",
        LockMode::Update => "LCK_M_U",
        LockMode::SharedIntentExclusive => "LCK_M_SIX",
        LockMode::Exclusive => "LCK_M_X",
        LockMode::SchemaModification => "LCK_M_SCH_M",
    }
}

fn wait_resource(resource: crate::engine::Resource) -> String {
    use crate::engine::Resource;
    match resource {
        Resource::Database(database) => format!("DATABASE: {database}"),
        Resource::Table(database, table) => format!("OBJECT: {database}:{table}:0"),
        Resource::Row(database, table, row) => format!("RID: {database}:1:{table}:{row}"),
    }
}
