//! What a failover says in the end: findings, the bound on what was lost, what is left to do.
//!
//! A report is also the journal's last line and serializes to JSON; programs read that, not the text.

use serde::{Deserialize, Serialize};

/// Exit codes of `pchat-failover`.
pub mod exit_code {
    /// Done, or nothing to do.
    pub const DONE: i32 = 0;
    /// A step failed.
    pub const FAILED: i32 = 1;
    /// Usage, a bad site file, a bad journal.
    pub const USAGE: i32 = 2;
    /// A guard stopped the failover before something irreversible.
    pub const STOPPED: i32 = 3;
    /// Interrupted.
    pub const INTERRUPTED: i32 = 130;
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// The failover goes on; somebody should look.
    Warning,
    /// The failover does not go on.
    Error,
}

/// Something the operator is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// A stable code, kebab-case.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, what state things are in, what to do.
    pub text: String,
}

/// A message that also goes into the report. The codes are listed in [`crate::codes`].
pub type Finding = Message;

/// What became of a failover as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every step is done and was seen to be done.
    Done,
    /// A guard stopped it.
    Stopped,
    /// A step failed.
    Failed,
    /// Everything was done before; nothing was changed.
    #[serde(rename = "already done")]
    AlreadyDone,
    /// Only looked (`preflight`, `status`): nothing stands in the way, something is left to do.
    Open,
}

/// What became of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Done now.
    Done,
    /// It was done before; nothing was changed.
    AlreadyDone,
    /// A guard stands before it.
    Stopped,
    /// It failed.
    Failed,
}

/// One step of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// 1 to 7.
    pub number: u8,
    /// The step's name.
    pub name: String,
    /// What became of it.
    pub status: StepStatus,
    /// When it began, UTC.
    pub started: Option<jiff::Timestamp>,
    /// When it ended, UTC.
    pub finished: Option<jiff::Timestamp>,
}

/// A hole in the log chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingLog {
    /// The log was applied up to here.
    pub from_lsn: String,
    /// The next log backup that exists begins here; none if nothing is known after the hole.
    pub to_lsn: Option<String>,
    /// The file that begins after the hole.
    pub next_file: Option<String>,
}

/// A file that was not applied although it lay where log backups lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFile {
    /// Its name.
    pub file: String,
    /// A finding code.
    pub reason: String,
    /// The server's or our own words.
    pub detail: String,
}

/// What can have been lost: everything after this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The log is applied up to here (exclusive), as SQL Server prints it.
    pub last_applied_lsn: Option<String>,
    /// The file whose log backup was the last to be applied.
    pub last_applied_file: Option<String>,
    /// When that backup began, UTC: what was committed before is there.
    pub backup_start_utc: Option<jiff::Timestamp>,
    /// When that backup ended, UTC: what was committed after is not there.
    pub backup_finish_utc: Option<jiff::Timestamp>,
    /// Holes before log backups that exist.
    pub missing: Vec<MissingLog>,
    /// Files that could not be applied.
    pub refused: Vec<RefusedFile>,
}

/// Something left to do after the failover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aftercare {
    /// A stable code, kebab-case.
    pub code: String,
    /// What to do, and why.
    pub text: String,
    /// Whether it was seen to be done already.
    pub done: bool,
}

/// What a failover did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The whole.
    pub outcome: Verdict,
    /// The finding code of the guard that stopped it.
    pub stopped_by: Option<String>,
    /// When this run began, UTC.
    pub started: jiff::Timestamp,
    /// When this run ended, UTC.
    pub finished: jiff::Timestamp,
    /// Whether loss of data was accepted.
    pub data_loss_accepted: bool,
    /// The steps.
    pub steps: Vec<StepReport>,
    /// What can have been lost.
    pub bound: Bound,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What is left to do.
    pub aftercare: Vec<Aftercare>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// See [`exit_code`].
    pub exit_code: i32,
    /// Whether all seven steps are done (now or before).
    pub completed: bool,
    /// The report, which is also the journal's last line.
    pub report: Report,
}
