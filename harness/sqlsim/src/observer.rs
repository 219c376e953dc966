//! What a harness may watch: statements as a server receives and finishes them.
//!
//! The observer may hold a statement back by not returning at once, which is
//! how a drill stops the world at a named point.

use async_trait::async_trait;
use std::fmt;

/// One statement of one session, before or after it ran.
#[derive(Clone, Debug)]
pub struct StatementEvent<'a> {
    /// The session that sent it.
    pub session_id: u16,
    /// Its application name (`APP_NAME()`).
    pub program: &'a str,
    /// Its current database.
    pub database: &'a str,
    /// The statement's kind in upper case: `RESTORE LOG`, `RESTORE DATABASE`, `KILL`, `EXECUTE`, `INSERT` …
    pub kind: &'a str,
    /// What it is about: the database restored, the procedure called, the table written, the session killed.
    pub subject: &'a str,
    /// For BACKUP and RESTORE the device's path.
    pub device: Option<&'a str>,
    /// RESTORE: whether it ends with recovery.
    pub with_recovery: bool,
    /// After it ran: the first error's number, 0 for success; `None` before it runs.
    pub outcome: Option<i32>,
}

/// Watches an instance. Only statements that a client sent are shown, not those inside system procedures.
#[async_trait(?Send)]
pub trait Observer: fmt::Debug {
    /// A statement is about to run, or has run and its answer is not yet sent.
    async fn statement(&self, event: StatementEvent<'_>);
    /// Whether any statement is of interest now; `false` saves the events.
    fn is_watching(&self) -> bool;
}

/// Watches nothing.
#[derive(Debug)]
pub struct NoObserver;

#[async_trait(?Send)]
impl Observer for NoObserver {
    async fn statement(&self, _event: StatementEvent<'_>) {}
    fn is_watching(&self) -> bool {
        false
    }
}
