//! The interpreter: batches, RPCs, statements, queries.
//!
//! Interpretation is async between statements and synchronous inside one: rows
//! are read and written within a single borrow of the engine. A statement that
//! meets a lock is undone to its savepoint, waits, and runs again.

pub mod procedures;

use crate::error::{SqlError, SqlResult};
use crate::instance::Instance;
use crate::session::rpc::{RpcRequest, TransactionRequest};
use crate::session::{Session, Sink};
use crate::value::Value;
use procedures::ResultSet;
use std::rc::Rc;

/// What the interpreter keeps for a session between requests.
#[derive(Debug, Default)]
pub struct ExecState {
    /// `@@ERROR`.
    last_error: i32,
}

/// Runs a batch of T-SQL. Everything the client is to see goes into `sink`, DONE tokens included.
pub async fn batch(instance: &Instance, session: &Rc<Session>, text: &str, sink: &mut dyn Sink) {
    let _ = (instance, session, text);
    sink.message(&crate::messages::error(102, 1, &[&"the interpreter is not there yet"]));
}

/// Runs a procedure call.
pub async fn rpc(_instance: &Instance, _session: &Rc<Session>, _request: &RpcRequest, _sink: &mut dyn Sink) {}

/// Carries out a transaction manager's request.
pub async fn transaction(
    _instance: &Instance,
    _session: &Rc<Session>,
    _request: &TransactionRequest,
    _sink: &mut dyn Sink,
) {
}

/// Runs T-SQL in `database` on behalf of `session`, without a client: Agent's steps, system procedures.
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
    let _ = (instance, session, database, sql, parameters);
    Ok(Vec::new())
}

/// The session's request was cancelled by an attention: its open statement is undone.
pub fn cancelled(instance: &Instance, session: &Rc<Session>) {
    let _ = (instance, session);
}

/// The client asked for a fresh session state (`sp_reset_connection`).
pub fn reset(_instance: &Instance, _session: &Rc<Session>, _keep_transaction: bool, _sink: &mut dyn Sink) {}

/// The session has ended: rolls back, drops its temporary tables, releases its locks.
pub fn closed(instance: &Instance, session: &Rc<Session>) {
    let _ = (instance, session);
}

/// Remembers an error for `@@ERROR`.
fn note_error(session: &Rc<Session>, error: &SqlError) {
    if error.severity > 10 {
        session.exec.borrow_mut().last_error = error.number;
    }
}

/// A line that PRINT sends: message 0, severity 0.
fn print_message(text: &str) -> SqlError {
    SqlError { number: 0, severity: 0, state: 1, message: text.to_owned(), procedure: String::new(), line: 0 }
}
