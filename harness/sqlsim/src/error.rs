//! An error or message as SQL Server sends it.

/// A message with its number, severity, state and text.
///
/// Severity 10 and below is information, 11 and above an error. Built by
/// [`crate::messages::error`], which owns the templates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Msg {number}, Level {severity}, State {state}: {message}")]
pub struct SqlError {
    /// Message number, as in `sys.messages`.
    pub number: i32,
    /// Severity (the wire calls it class).
    pub severity: u8,
    /// State: which place in the server raised it.
    pub state: u8,
    /// The rendered text.
    pub message: String,
    /// Name of the procedure that raised it; empty in a batch.
    pub procedure: String,
    /// Line inside the batch or procedure, from 1; 0 when unknown.
    pub line: u32,
}

/// What a statement gives: a value, or the error that ended it.
pub type SqlResult<T> = Result<T, SqlError>;
