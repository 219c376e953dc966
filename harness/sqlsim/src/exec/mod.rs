//! The interpreter: batches, procedure calls, statements, queries.
//!
//! Interpretation is async between statements and synchronous inside one: rows
//! are read and written between two awaits. A statement that meets a lock is
//! undone to its savepoint, waits, and runs again.
//!
//! A request's whole outcome goes into the [`Sink`]; errors are messages there,
//! never return values, and every request ends with a DONE. A future of this
//! module may be dropped at any await (attention, KILL, a lost client); the
//! session then calls [`cancelled`], which puts right what the future left.

mod admin;
mod aggregate;
mod alter_database;
mod api_cursors;
mod assign;
mod binder;
mod calls;
mod certificates;
mod change;
mod constraints;
mod cursors;
mod dbcc;
mod ddl;
mod dml;
mod environment;
mod evaluate;
mod expression;
mod format;
mod functions;
mod group;
mod join;
mod json;
mod look_up;
mod merge;
mod objects;
mod observe;
mod operators;
mod permissions;
mod pivot;
mod printf;
pub mod procedures;
mod query;
mod read;
mod recursion;
mod rows;
mod run;
mod security;
mod select;
mod select_rows;
mod sequences;
mod set_rows;
mod source;
mod state;
mod statement;
mod stream;
mod synonyms;
mod table_functions;
mod target;
mod transactions;
mod user_functions;
mod window;
mod xml;

use crate::error::{SqlError, SqlResult};
use crate::instance::Instance;
use crate::messages;
use crate::session::collecting::CollectingSink;
use crate::session::rpc::{RequestedIsolation, RpcRequest, TransactionRequest};
use crate::session::sink::{Done, DoneKind};
use crate::session::{Session, Sink};
use crate::tsql::ast::Isolation;
use crate::value::Value;
use procedures::ResultSet;
use run::{Activation, Failure, Runner, Stop};
pub use state::ExecState;
use std::rc::Rc;

/// Runs a batch of T-SQL. Everything the client is to see goes into `sink`, DONE tokens included.
pub async fn batch(instance: &Instance, session: &Rc<Session>, text: &str, sink: &mut dyn Sink) {
    session.asks(text, false);
    let mut watched = Watched { sink, any: false };
    let mut runner = Runner::new(instance, session, &mut watched);
    match runner.parse("", text) {
        Err(error) => refuse(&mut runner, error),
        Ok(_)
            if session.exec.borrow().settings.parse_only
                && !text.to_ascii_uppercase().contains("PARSEONLY") => {}
        Ok(program) => {
            let mut activation = Activation::new(program);
            if let Err(Stop::Thrown(error)) = Box::pin(runner.run(&mut activation)).await {
                refuse(&mut runner, error);
            }
            end_doomed(&mut runner);
        }
    }
    {
        let mut state = session.exec.borrow_mut();
        state.end_cursors(0);
        state.forget_statement();
    }
    if !watched.any {
        finish(session, sink, false);
    }
}

/// Runs a procedure call.
pub async fn rpc(instance: &Instance, session: &Rc<Session>, request: &RpcRequest, sink: &mut dyn Sink) {
    let mut runner = Runner::new(instance, session, sink);
    let outcome = Box::pin(runner.rpc(request)).await;
    session.exec.borrow_mut().forget_statement();
    if let Err(failure) = outcome {
        runner.kind = DoneKind::InProcedure;
        if let Failure::Error(error) | Failure::Stop(Stop::Thrown(error)) = failure {
            refuse(&mut runner, error);
        }
        let in_transaction = session.state.borrow().open_transactions > 0;
        let kind = DoneKind::Procedure;
        sink.done(Done { kind, command: 0xE0, row_count: None, is_error: true, in_transaction });
    }
}

/// A batch that leaves a transaction which can only be rolled back is told so, and it is rolled back.
fn end_doomed(runner: &mut Runner<'_>) {
    let doomed = runner.session.exec.borrow().transaction.as_ref().is_some_and(|open| open.doomed);
    if doomed {
        runner.roll_back_all();
        refuse(runner, messages::error(3998, 1, &[]));
    }
}

/// Sends an error that ends the request.
fn refuse(runner: &mut Runner<'_>, mut error: SqlError) {
    error.line = error.line.max(1);
    note_error(runner.session, &error);
    runner.session.exec.borrow_mut().throws = false;
    runner.sink.message(&error);
    runner.done(0, None, true);
}

fn finish(session: &Rc<Session>, sink: &mut dyn Sink, is_error: bool) {
    let in_transaction = session.state.borrow().open_transactions > 0;
    sink.done(Done { kind: DoneKind::Statement, command: 0, row_count: None, is_error, in_transaction });
}

/// Carries out a transaction manager's request.
pub async fn transaction(
    instance: &Instance,
    session: &Rc<Session>,
    request: &TransactionRequest,
    sink: &mut dyn Sink,
) {
    let mut runner = Runner::new(instance, session, sink);
    let named = |name: &Rc<str>| (!name.is_empty()).then(|| name.clone());
    let outcome = match request {
        TransactionRequest::Begin { isolation, name } => {
            set_isolation(session, *isolation);
            runner.begin(named(name))
        }
        TransactionRequest::Commit { then_begin, .. } => match runner.commit().await {
            Ok(()) => begin_again(&mut runner, then_begin.as_ref()),
            failed => failed,
        },
        TransactionRequest::Rollback { name, then_begin } => match runner.roll_back(named(name).as_deref()) {
            Ok(()) => begin_again(&mut runner, then_begin.as_ref()),
            failed => failed,
        },
        TransactionRequest::Save { name } => runner.save(name.clone()),
    };
    match outcome {
        Ok(()) => finish(session, sink, false),
        Err(error) => refuse(&mut runner, error),
    }
}

fn begin_again(runner: &mut Runner<'_>, then: Option<&(RequestedIsolation, Rc<str>)>) -> SqlResult<()> {
    let Some((isolation, name)) = then else { return Ok(()) };
    set_isolation(runner.session, *isolation);
    runner.begin((!name.is_empty()).then(|| name.clone()))
}

fn set_isolation(session: &Rc<Session>, requested: RequestedIsolation) {
    let level = match requested {
        RequestedIsolation::Unchanged => return,
        RequestedIsolation::ReadUncommitted => Isolation::ReadUncommitted,
        RequestedIsolation::ReadCommitted => Isolation::ReadCommitted,
        RequestedIsolation::RepeatableRead => Isolation::RepeatableRead,
        RequestedIsolation::Serializable => Isolation::Serializable,
        RequestedIsolation::Snapshot => Isolation::Snapshot,
    };
    session.exec.borrow_mut().settings.isolation = level;
}

/// Runs T-SQL in `database` on behalf of `session`, without a client: Agent's steps, system procedures.
///
/// `parameters` are (`@name`, value). The session's database is the same again afterwards.
///
/// # Errors
/// The first error raised; statements before it have taken effect unless a transaction undoes them.
pub async fn run_internal(
    instance: &Instance,
    session: &Rc<Session>,
    database: &str,
    sql: &str,
    parameters: &[(&str, Value)],
) -> SqlResult<Vec<ResultSet>> {
    let mut sink = CollectingSink::new();
    let declared: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name} {}", type_text(value))).collect();
    let id = {
        let engine = instance.0.engine.borrow();
        let id = engine.database_id(database).ok_or_else(|| messages::error(911, 1, &[&database]))?;
        engine.can_open(id, session)?;
        id
    };
    let stopped = {
        let mut runner = Runner::new(instance, session, &mut sink);
        runner.is_client = false;
        runner.chain = permissions::Chain::System;
        let program = runner.parse(&declared.join(", "), sql)?;
        let mut activation = Activation::new(program);
        for (slot, (_, value)) in activation.values.iter_mut().zip(parameters) {
            slot.clone_from(value);
        }
        let before = session.state.borrow().database_id;
        runner.switch_database(id);
        session.exec.borrow_mut().nesting += 1;
        let stopped = Box::pin(runner.run(&mut activation)).await.err();
        let level = {
            let mut state = session.exec.borrow_mut();
            let level = state.nesting;
            state.nesting = level.saturating_sub(1);
            level
        };
        ddl::drop_temporary(instance, session, level);
        runner.switch_database(before);
        stopped
    };
    if let Some(error) = sink.messages.iter().find(|message| message.severity > 10) {
        return Err(error.clone());
    }
    if let Some(Stop::Thrown(error)) = stopped {
        return Err(error);
    }
    Ok(sink.sets.into_iter().map(|set| ResultSet { columns: set.columns, rows: set.rows }).collect())
}

/// The type of a parameter that is given by its value alone.
fn type_text(value: &Value) -> String {
    match value {
        Value::Null | Value::Text(_) => "nvarchar(max)".into(),
        Value::Bit(_) => "bit".into(),
        Value::Int(_) => "bigint".into(),
        Value::Decimal(d) => format!("numeric(38,{})", d.scale),
        Value::Money(_) => "money".into(),
        Value::Real(_) => "real".into(),
        Value::Float(_) => "float".into(),
        Value::Binary(_) => "varbinary(max)".into(),
        Value::Guid(_) => "uniqueidentifier".into(),
        Value::Date(_) => "date".into(),
        Value::Time(_) => "time".into(),
        Value::DateTime { .. } => "datetime".into(),
        Value::DateTime2 { .. } => "datetime2".into(),
        Value::DateTimeOffset { .. } => "datetimeoffset".into(),
    }
}

/// The session's request was dropped (attention, KILL): nobody waits for locks any more, procedures have ended.
pub fn cancelled(instance: &Instance, session: &Rc<Session>) {
    instance.0.engine.borrow_mut().locks.stop_waiting(session.id);
    session.update(|state| {
        state.blocked_by = None;
        state.wait_type = "";
        state.wait_resource.clear();
    });
    ddl::drop_temporary(instance, session, 1);
    session.end_impersonation(1);
    let roll_back = {
        let mut state = session.exec.borrow_mut();
        state.nesting = 0;
        state.caught.clear();
        state.throws = false;
        state.forget_statement();
        state.settings.xact_abort && state.transaction.is_some()
    };
    if roll_back {
        roll_back_quietly(instance, session);
    }
}

fn roll_back_quietly(instance: &Instance, session: &Rc<Session>) {
    if let Some(open) = session.exec.borrow_mut().transaction.take() {
        instance.0.engine.borrow_mut().rollback(open.id);
    }
    session.update(|state| state.open_transactions = 0);
}

/// A pooled client starts over (the reset bit): as `sp_reset_connection`.
pub fn reset(instance: &Instance, session: &Rc<Session>, keep_transaction: bool, sink: &mut dyn Sink) {
    if !keep_transaction {
        let open = session.exec.borrow().transaction.as_ref().map(|open| open.id);
        roll_back_quietly(instance, session);
        if let Some(id) = open {
            sink.transaction_changed(crate::session::sink::TransactionChange::RolledBack(id.0));
        }
    }
    ddl::drop_temporary(instance, session, 0);
    session.end_impersonation(0);
    session.update(|state| state.context_info = None);
    go_back_to_login_database(instance, session, sink);
    let mut state = session.exec.borrow_mut();
    let transaction = state.transaction.take();
    *state = ExecState { transaction, ..ExecState::default() };
}

/// A reset connection is in the database of its login again; one that cannot be there any more ends (4021).
fn go_back_to_login_database(instance: &Instance, session: &Rc<Session>, sink: &mut dyn Sink) {
    let (now, begun) = {
        let state = session.state.borrow();
        (state.database_id, state.login_database_id)
    };
    if now == begun {
        return;
    }
    let mut engine = instance.0.engine.borrow_mut();
    if engine.can_open(begun, session).is_err() {
        drop(engine);
        sink.message(&messages::error(4021, 1, &[]));
        session.kill();
        return;
    }
    engine.leave_database(session.id, now);
    engine.enter_database(session.id, begun);
    session.update(|state| state.database_id = begun);
    let name = |id| engine.database(id).map(|found| found.name.clone()).unwrap_or_default();
    sink.database_changed(&name(now), &name(begun));
}

/// The session has ended: rolls back, drops its temporary tables, releases its locks.
pub fn closed(instance: &Instance, session: &Rc<Session>) {
    cancelled(instance, session);
    roll_back_quietly(instance, session);
    instance.0.engine.borrow_mut().rollback_session(session.id);
    ddl::drop_temporary(instance, session, 0);
}

/// Remembers an error for `@@ERROR` and for the observer.
fn note_error(session: &Rc<Session>, error: &SqlError) {
    if error.severity > 10 {
        let mut state = session.exec.borrow_mut();
        state.last_error = error.number;
        state.row_count = 0;
        if state.first_error == 0 {
            state.first_error = error.number;
        }
    }
}

/// A line that PRINT sends: message 0, severity 0.
fn print_message(text: &str) -> SqlError {
    SqlError { number: 0, severity: 0, state: 1, message: text.to_owned(), procedure: String::new(), line: 0 }
}

/// A sink that knows whether anything was closed by a DONE.
struct Watched<'a> {
    sink: &'a mut dyn Sink,
    any: bool,
}

#[async_trait::async_trait(?Send)]
impl Sink for Watched<'_> {
    fn columns(&mut self, columns: &[crate::value::ColumnMeta]) {
        self.sink.columns(columns);
    }

    fn row(&mut self, row: &[Value]) {
        self.sink.row(row);
    }

    fn done(&mut self, done: Done) {
        self.any = true;
        self.sink.done(done);
    }

    fn message(&mut self, message: &SqlError) {
        self.sink.message(message);
    }

    fn database_changed(&mut self, old: &str, new: &str) {
        self.sink.database_changed(old, new);
    }

    fn transaction_changed(&mut self, change: crate::session::sink::TransactionChange) {
        self.sink.transaction_changed(change);
    }

    fn return_status(&mut self, status: i32) {
        self.sink.return_status(status);
    }

    fn return_value(&mut self, ordinal: u16, column: &crate::value::ColumnMeta, value: &Value) {
        self.sink.return_value(ordinal, column, value);
    }

    fn buffered(&self) -> usize {
        self.sink.buffered()
    }

    async fn flush(&mut self) -> Result<(), crate::session::sink::Disconnected> {
        self.sink.flush().await
    }
}

#[cfg(test)]
mod tests;
