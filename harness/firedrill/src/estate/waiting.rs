//! What was arranged and waits for its moment, beside the faults at points.
//!
//! A line of a drill may be true and yet come to nothing: a disk that never fills, a job that was never at work. Each
//! such line is one [`Waiting`]; the estate notes when its moment came. A drill in which it never came checked less
//! than it says, and is vacuous.

use super::names::Server;
use std::fmt;

/// One thing that waits for its moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waiting {
    /// The server's data center is lost, and it is not.
    Survivor(Server),
    /// The copy job is at work when a failover starts.
    CopyJob,
    /// The restore job is at work when a failover starts.
    RestoreJob,
    /// A write to the copy destination finds the disk full.
    FullDisk,
    /// A change of the management store is held back from this chat server's replica (from any, if `None`).
    HeldReplica(Option<String>),
    /// The chat database on the backup is recovered.
    Recovery,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survivor(server) => write!(f, "the {server} survives the loss of its data center"),
            Self::CopyJob => f.write_str("the copy job of the backup is running when the failover starts"),
            Self::RestoreJob => {
                f.write_str("the restore job of the backup is running when the failover starts")
            }
            Self::FullDisk => f.write_str("the disk of the copy destination fills up"),
            Self::HeldReplica(None) => {
                f.write_str("no replica of the management store is brought up to date")
            }
            Self::HeldReplica(Some(name)) => {
                write!(f, "the replica of chat server \"{name}\" is not brought up to date")
            }
            Self::Recovery => f.write_str("recovery of mgc on the backup takes the time arranged"),
        }
    }
}
