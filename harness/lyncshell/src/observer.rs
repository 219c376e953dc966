//! The point at which a drill sees a cmdlet: before it runs, when it may be
//! held or failed, and after it has ended.

use async_trait::async_trait;

/// Where a cmdlet stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CmdletPhase {
    /// Its parameters are bound and valid; it has done nothing yet.
    Started,
    /// It has ended; its output has not reached the caller yet.
    Finished {
        /// The error's text, if it failed.
        error: Option<String>,
    },
}

/// What shall become of the cmdlet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Proceed,
    /// It ends with this error: at [`CmdletPhase::Started`] it does nothing, at
    /// [`CmdletPhase::Finished`] its work is done and only its output is lost. One
    /// that had failed by itself keeps its own error.
    FailWith(String),
}

/// Sees every Lync cmdlet. Not asked for PowerShell's own commands, nor for `-WhatIf`.
#[async_trait(?Send)]
pub trait CmdletObserver {
    /// The cmdlet `name` (in its canonical spelling) has reached `phase`. The
    /// cmdlet waits for as long as this does, so an observer that never returns
    /// holds it there.
    async fn cmdlet(&self, name: &str, phase: CmdletPhase) -> Verdict;
}
