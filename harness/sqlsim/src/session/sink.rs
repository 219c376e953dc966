//! Where an answer goes: the wire, or a list that a caller inside the server reads.

use crate::error::SqlError;
use crate::value::{ColumnMeta, Value};
use async_trait::async_trait;

/// What a DONE token closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneKind {
    /// A statement of a batch (DONE).
    Statement,
    /// A statement inside a procedure (DONEINPROC).
    InProcedure,
    /// A procedure (DONEPROC).
    Procedure,
}

/// A DONE token without its `more` bit, which the writer adds when something follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// What it closes.
    pub kind: DoneKind,
    /// The wire's command code (0xC1 SELECT, 0xC3 INSERT, 0xC4 DELETE, 0xC5 UPDATE, 0 unknown).
    pub command: u16,
    /// Rows affected or returned, when the count is to be shown.
    pub row_count: Option<u64>,
    /// Whether the statement failed.
    pub is_error: bool,
    /// Whether a transaction is open afterwards.
    pub in_transaction: bool,
}

/// A change of a transaction, told by ENVCHANGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionChange {
    /// Began; carries the descriptor.
    Begun(u64),
    /// Committed.
    Committed(u64),
    /// Rolled back.
    RolledBack(u64),
}

/// The client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub struct Disconnected;

/// Receives an answer piece by piece. Everything but [`Sink::flush`] only buffers.
#[async_trait(?Send)]
pub trait Sink {
    /// Starts a result set.
    fn columns(&mut self, columns: &[ColumnMeta]);
    /// One row of the result set that is open.
    fn row(&mut self, row: &[Value]);
    /// Ends a statement or procedure.
    fn done(&mut self, done: Done);
    /// An error (severity above 10) or an information message.
    fn message(&mut self, message: &SqlError);
    /// The current database changed.
    fn database_changed(&mut self, old: &str, new: &str);
    /// A transaction began or ended.
    fn transaction_changed(&mut self, change: TransactionChange);
    /// A procedure's return status.
    fn return_status(&mut self, status: i32);
    /// An output parameter.
    fn return_value(&mut self, ordinal: u16, column: &ColumnMeta, value: &Value);
    /// Bytes that wait to be sent; callers flush when it grows past 32 KiB.
    fn buffered(&self) -> usize;
    /// Sends what is buffered.
    async fn flush(&mut self) -> Result<(), Disconnected>;
}
