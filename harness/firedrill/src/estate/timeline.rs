//! The timeline: what happened, in one order, with simulated times.

use super::names::{DataCenter, Server};
use crate::fault::{Edge, Fault, Point, Step};
use serde::Serialize;
use std::fmt;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// When, by the estate's clock.
    pub at: jiff::Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// Staging is done; the drill's time starts.
    Staged,
    /// A log backup was completed on the share.
    LogBackupOnShare {
        /// From 1.
        ordinal: usize,
        /// Its file name.
        file: String,
    },
    /// A log backup was completed in the copy destination.
    LogBackupCopied {
        /// From 1.
        ordinal: usize,
        /// Its file name.
        file: String,
    },
    /// A log backup was restored on the backup.
    LogBackupRestored {
        /// From 1.
        ordinal: usize,
        /// Its file name.
        file: String,
    },
    /// A data center was lost.
    DataCenterLost {
        /// Which.
        data_center: DataCenter,
    },
    /// A data center came back.
    DataCenterReturned {
        /// Which.
        data_center: DataCenter,
    },
    /// A machine lost its power.
    MachineLost {
        /// Its host name.
        machine: String,
    },
    /// A machine came back.
    MachineReturned {
        /// Its host name.
        machine: String,
    },
    /// A server hangs: it keeps its connections and answers nothing.
    Hangs {
        /// Which.
        server: Server,
    },
    /// A server that hung goes on.
    GoesOn {
        /// Which.
        server: Server,
    },
    /// A link was severed.
    LinkSevered {
        /// From this machine.
        from: String,
        /// To this one.
        to: String,
    },
    /// A link was repaired.
    LinkRepaired {
        /// From this machine.
        from: String,
        /// To this one.
        to: String,
    },
    /// A fault struck.
    FaultFired {
        /// Where.
        point: Point,
        /// What.
        fault: Fault,
    },
    /// The failover program was started.
    FailoverStarted {
        /// 1 for the first run of the drill.
        run: usize,
        /// Whether it was started to resume.
        resume: bool,
    },
    /// The failover program ended.
    FailoverEnded {
        /// Which run.
        run: usize,
        /// Its exit code; `None` when it was killed.
        exit_code: Option<i32>,
    },
    /// The estate saw something of a step.
    StepSeen {
        /// Which step.
        step: Step,
        /// Before or after.
        edge: Edge,
        /// What it saw.
        what: String,
    },
    /// mgc on a server became writable, or stopped being so.
    Writable {
        /// Which server.
        server: Server,
        /// Whether it is writable now.
        writable: bool,
    },
    /// A cmdlet changed the pool's state.
    PoolState {
        /// `Normal` or `FailedOver`.
        state: String,
    },
    /// A replica of the management store was brought up to date.
    ReplicaDelivered {
        /// The replica's machine.
        machine: String,
    },
    /// The first message after the disaster was acknowledged.
    ServiceRestored {
        /// By this server.
        server: Server,
        /// Posted by this chat server.
        chat_server: String,
    },
    /// Something was done by hand.
    ByHand {
        /// What.
        what: String,
    },
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staged => f.write_str("the estate is staged"),
            Self::LogBackupOnShare { ordinal, file } => {
                write!(f, "log backup {ordinal} ({file}) is on the share")
            }
            Self::LogBackupCopied { ordinal, file } => write!(f, "log backup {ordinal} ({file}) is copied"),
            Self::LogBackupRestored { ordinal, file } => {
                write!(f, "log backup {ordinal} ({file}) is restored")
            }
            Self::DataCenterLost { data_center } => write!(f, "data center {data_center} is lost"),
            Self::DataCenterReturned { data_center } => write!(f, "data center {data_center} is back"),
            Self::MachineLost { machine } => write!(f, "{machine} is lost"),
            Self::MachineReturned { machine } => write!(f, "{machine} is back"),
            Self::Hangs { server } => write!(f, "the {server} hangs"),
            Self::GoesOn { server } => write!(f, "the {server} goes on"),
            Self::LinkSevered { from, to } => write!(f, "the link from {from} to {to} is severed"),
            Self::LinkRepaired { from, to } => write!(f, "the link from {from} to {to} is repaired"),
            Self::FaultFired { point, fault } => write!(f, "{point}: {fault}"),
            Self::FailoverStarted { run, resume: false } => write!(f, "failover run {run} starts"),
            Self::FailoverStarted { run, resume: true } => write!(f, "failover run {run} starts, resuming"),
            Self::FailoverEnded { run, exit_code: Some(code) } => {
                write!(f, "failover run {run} ends with exit code {code}")
            }
            Self::FailoverEnded { run, exit_code: None } => write!(f, "failover run {run} is killed"),
            Self::StepSeen { step, edge: Edge::Begins, what } => write!(f, "{step}: {what} begins"),
            Self::StepSeen { step, edge: Edge::Ends, what } => write!(f, "{step}: {what} has run"),
            Self::Writable { server, writable: true } => write!(f, "mgc on the {server} is writable"),
            Self::Writable { server, writable: false } => write!(f, "mgc on the {server} is not writable"),
            Self::PoolState { state } => write!(f, "the pool state is {state}"),
            Self::ReplicaDelivered { machine } => write!(f, "{machine} has the management store's changes"),
            Self::ServiceRestored { server, chat_server } => {
                write!(f, "service is restored: {chat_server} posts to the {server}")
            }
            Self::ByHand { what } => write!(f, "by hand: {what}"),
        }
    }
}

/// What happened so far, in order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Timeline {
    events: Vec<Event>,
}

impl Timeline {
    /// All events, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Adds an event at its end.
    pub fn add(&mut self, at: jiff::Timestamp, what: Happening) {
        debug_assert!(self.events.last().is_none_or(|last| last.at <= at), "time never goes back");
        self.events.push(Event { at, what });
    }

    /// When the first event that `is` accepts happened.
    pub fn first(&self, is: impl Fn(&Happening) -> bool) -> Option<jiff::Timestamp> {
        self.events.iter().find(|event| is(&event.what)).map(|event| event.at)
    }
}
