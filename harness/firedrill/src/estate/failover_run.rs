//! One run of the failover program against the estate, and what came of it.

use serde::Serialize;

/// Changes a plan before it is executed: how a wrong implementation is made.
pub type PlanTransformation = std::rc::Rc<dyn Fn(failover::plan::Plan) -> failover::plan::Plan>;

/// How the operator starts the failover program.
#[derive(Clone, Default)]
pub struct FailoverOptions {
    /// `--accept-data-loss`.
    pub accept_data_loss: bool,
    /// `resume` instead of `run`.
    pub resume: bool,
    /// For red drills: the plan is changed so before it runs.
    pub transformation: Option<PlanTransformation>,
}

impl std::fmt::Debug for FailoverOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FailoverOptions")
            .field("accept_data_loss", &self.accept_data_loss)
            .field("resume", &self.resume)
            .field("transformed", &self.transformation.is_some())
            .finish()
    }
}

/// Something the failover program told the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// When.
    pub at: jiff::Timestamp,
    /// Its finding code, as the failover program's documentation lists it.
    pub code: String,
    /// `info`, `warning`, `error` …
    pub severity: String,
    /// The text.
    pub text: String,
}

/// One run of the failover program.
#[derive(Clone, Debug, Serialize)]
pub struct FailoverRun {
    /// Its exit code; `None` when it was killed.
    pub exit_code: Option<i32>,
    /// When it was started.
    pub started: jiff::Timestamp,
    /// When it ended or was killed.
    pub ended: jiff::Timestamp,
    /// Its report (JSON); null when it was killed before it wrote one.
    pub report: serde_json::Value,
    /// What it told, in order.
    pub told: Vec<Told>,
    /// What it printed, where it is a process.
    #[serde(skip)]
    pub printed: String,
    /// The log backups as they were when it started.
    pub log_backups: Vec<LogBackupSnapshot>,
    /// Rows of mgccomp on the backup when it started: the ids, ascending; `None` when it could not be read.
    pub compliance_on_backup: Option<Vec<i64>>,
}

impl FailoverRun {
    /// Whether it was killed.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        self.exit_code.is_none()
    }
}

/// One log backup, as it was when a failover run started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogBackupSnapshot {
    /// Its place in the order in which log backups were completed on the share, from 1.
    pub ordinal: usize,
    /// File name.
    pub file: String,
    /// When BACKUP LOG began: whatever was acknowledged before is in this backup or an earlier one.
    pub began: jiff::Timestamp,
    /// When the file was complete on the share.
    pub completed: jiff::Timestamp,
    /// Whether it can be read at the share from where the failover runs.
    pub on_share: bool,
    /// Whether it lies complete in the copy destination.
    pub in_copy_destination: bool,
    /// Whether the backup database had it already.
    pub restored: bool,
    /// What the drill did to it.
    pub damage: Option<crate::fault::Damage>,
}
