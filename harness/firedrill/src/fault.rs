//! Faults and the points at which they strike.
//!
//! A point is something the estate sees: a server receives or answers a
//! statement, a file is written, a cmdlet starts or ends. The failover program
//! takes no part, so the same faults work on any program or person.

use crate::estate::{DataCenter, Server};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// One of the document's seven steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Step(u8);

impl Step {
    /// All seven, in order.
    pub const ALL: [Self; 7] = [Self(1), Self(2), Self(3), Self(4), Self(5), Self(6), Self(7)];

    /// The step with this number; `None` unless it is 1 to 7.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (1..=7).contains(&number).then_some(Self(number))
    }

    /// Its number, 1 to 7.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}", self.0)
    }
}

/// Before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// The statement, write or cmdlet has been received and has not run.
    Begins,
    /// It has run; its answer is held back.
    Ends,
}

/// A moment of the failover at which something changes.
///
/// What the estate takes for each step: 1 `sp_delete_log_shipping_secondary_database`; 2 a write to
/// the copy destination; 3 `RESTORE LOG`; 4 KILL or recovery; 5 `Set-CsPersistentChatState`;
/// 6 `Install-CsMirrorDatabase`; 7 `Set-CsPersistentChatActiveServer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Point {
    /// One of a step's.
    InStep {
        /// The step.
        step: Step,
        /// Which of the step's log backups (steps 2 and 3), by ordinal on the share; `None` is the first seen.
        log_backup: Option<usize>,
        /// Before or after.
        edge: Edge,
    },
    /// One of all, whichever step's.
    Moment {
        /// From 1, counted over one start of the failover program.
        moment: usize,
    },
}

impl Point {
    /// The moment a step begins to change something.
    #[must_use]
    pub fn beginning_of(step: Step) -> Self {
        Self::InStep { step, log_backup: None, edge: Edge::Begins }
    }

    /// The moment a step's (first) change is done and not yet answered.
    #[must_use]
    pub fn end_of(step: Step) -> Self {
        Self::InStep { step, log_backup: None, edge: Edge::Ends }
    }

    /// While log backup `ordinal` is being copied (step 2).
    #[must_use]
    pub fn copying(ordinal: usize) -> Self {
        Self::InStep { step: Step(2), log_backup: Some(ordinal), edge: Edge::Begins }
    }

    /// While log backup `ordinal` is being restored (step 3).
    #[must_use]
    pub fn restoring(ordinal: usize) -> Self {
        Self::InStep { step: Step(3), log_backup: Some(ordinal), edge: Edge::Begins }
    }

    /// The step it lies in, if that is said.
    #[must_use]
    pub fn step(self) -> Option<Step> {
        match self {
            Self::InStep { step, .. } => Some(step),
            Self::Moment { .. } => None,
        }
    }

    /// Whether a change of `step` is this point, the `moment`-th of all.
    #[must_use]
    pub fn is_at(self, in_step: Step, at_edge: Edge, of: Option<usize>, at_moment: usize) -> bool {
        match self {
            Self::InStep { step, log_backup, edge } => {
                step == in_step && edge == at_edge && (log_backup.is_none() || log_backup == of)
            }
            Self::Moment { moment } => moment == at_moment,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (step, edge, log_backup) = match self {
            Self::InStep { step, edge, log_backup } => (step, edge, log_backup),
            Self::Moment { moment } => return write!(f, "moment {moment} comes"),
        };
        let edge = match edge {
            Edge::Begins => "begins",
            Edge::Ends => "has run",
        };
        match log_backup {
            Some(ordinal) => write!(f, "{step} {edge} on log backup {ordinal}"),
            None => write!(f, "{step} {edge}"),
        }
    }
}

/// What strikes at a point. Each strikes once.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The failover program is killed; the reply it waits for never comes.
    KillFailover,
    /// The failover program's connections are reset.
    CutFailoverConnections,
    /// A lost data center comes back.
    ReturnDataCenter(DataCenter),
    /// A lost server comes back.
    ReturnServer(Server),
    /// A server's machine loses power.
    LoseServer(Server),
    /// A server hangs: it keeps its connections and answers nothing.
    HangServer(Server),
    /// The backup share can no longer be reached.
    LoseShare,
    /// The share can be reached again.
    RepairShare,
    /// A session on mgc ends and another, on another database, gets its id.
    ReuseSessionId,
    /// The answer comes this much later.
    Delay(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillFailover => f.write_str("the failover program is killed"),
            Self::CutFailoverConnections => f.write_str("the failover program's connections are cut"),
            Self::ReturnDataCenter(center) => write!(f, "data center {center} comes back"),
            Self::ReturnServer(server) => write!(f, "the {server} comes back"),
            Self::LoseServer(server) => write!(f, "the {server} is lost"),
            Self::HangServer(server) => write!(f, "the {server} hangs"),
            Self::LoseShare => f.write_str("the backup share is lost"),
            Self::RepairShare => f.write_str("the backup share comes back"),
            Self::ReuseSessionId => f.write_str("a session id is used again by somebody else"),
            Self::Delay(by) => {
                let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
                write!(f, "the answer comes {} later", crate::report::readable_ms(by_ms))
            }
        }
    }
}

/// A fault, where it strikes, and whether it did. A fault that never fired, or that changed nothing when it did, makes
/// a drill vacuous.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedFault {
    /// Where.
    pub point: Point,
    /// What.
    pub fault: Fault,
    /// When it fired.
    pub fired: Option<jiff::Timestamp>,
    /// Whether anything was different afterwards: a server that was never lost cannot come back.
    pub had_effect: bool,
}

impl PlannedFault {
    /// A fault that waits at a point.
    #[must_use]
    pub fn waiting(point: Point, fault: Fault) -> Self {
        Self { point, fault, fired: None, had_effect: false }
    }
}

/// What is wrong with one log backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// The file is gone, on the share and in the copy destination.
    Missing,
    /// The file ends in the middle.
    Torn,
    /// One bit in the middle is flipped.
    Flipped,
    /// The file holds a backup of another database, under the right name.
    OfAnotherDatabase,
    /// The file's time of last write lies before all others.
    OutOfDateOrder,
    /// The file's content has been appended to the previous log backup's file as a second backup set.
    AppendedToThePrevious,
    /// The file is there twice, under another name.
    Duplicated,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Torn => "torn",
            Self::Flipped => "corrupt",
            Self::OfAnotherDatabase => "of another database",
            Self::OutOfDateOrder => "older by its file date than all others",
            Self::AppendedToThePrevious => "appended to the file of the one before",
            Self::Duplicated => "there twice",
        })
    }
}
