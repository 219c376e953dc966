//! What one log record says.

use crate::engine::definition::{Definition, ObjectId};
use crate::engine::table::{RowId, row_bytes};
use crate::lsn::Lsn;
use crate::value::Row;

/// A transaction as one database's log numbers it.
pub type LogTransactionId = u64;

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// Where it is in the log.
    pub lsn: Lsn,
    /// The transaction that wrote it; 0 for the server itself.
    pub transaction: LogTransactionId,
    /// Whether it undoes the transaction's latest change that is not yet undone.
    pub is_compensation: bool,
    /// What happened.
    pub op: LogOp,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum LogOp {
    /// A transaction began, at this time (UTC).
    Begin(jiff::Timestamp),
    /// It committed, at this time (UTC): what `STOPAT` looks at.
    Commit(jiff::Timestamp),
    /// It has been rolled back completely.
    Abort,
    /// A row was put in.
    Insert {
        /// Table.
        table: ObjectId,
        /// Row.
        id: RowId,
        /// After image.
        row: Row,
    },
    /// A row was changed.
    Update {
        /// Table.
        table: ObjectId,
        /// Row.
        id: RowId,
        /// Before image.
        before: Row,
        /// After image.
        after: Row,
    },
    /// A row was taken out.
    Delete {
        /// Table.
        table: ObjectId,
        /// Row.
        id: RowId,
        /// Before image.
        row: Row,
    },
    /// A definition was created (`before` is none), altered or dropped (`after` is none).
    Define {
        /// What it was.
        before: Option<Definition>,
        /// What it is.
        after: Option<Definition>,
    },
    /// A table's identity counter was set by hand.
    SetIdentity {
        /// Table.
        table: ObjectId,
        /// Last value before.
        before: Option<i64>,
        /// Last value after.
        after: Option<i64>,
    },
    /// A checkpoint was taken: the tables at this point are on disk.
    Checkpoint,
    /// A log backup ended before this LSN: the next one begins there.
    LogBackedUp(Lsn),
}

impl LogOp {
    /// Whether it changes what tables hold, so that it has an inverse.
    #[must_use]
    pub fn is_change(&self) -> bool {
        match self {
            Self::Insert { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Define { .. }
            | Self::SetIdentity { .. } => true,
            Self::Begin(_) | Self::Commit(_) | Self::Abort | Self::Checkpoint | Self::LogBackedUp(_) => false,
        }
    }

    /// The change that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        Some(match self {
            Self::Insert { table, id, row } => Self::Delete { table: *table, id: *id, row: row.clone() },
            Self::Delete { table, id, row } => Self::Insert { table: *table, id: *id, row: row.clone() },
            Self::Update { table, id, before, after } => {
                Self::Update { table: *table, id: *id, before: after.clone(), after: before.clone() }
            }
            Self::Define { before, after } => Self::Define { before: after.clone(), after: before.clone() },
            Self::SetIdentity { table, before, after } => {
                Self::SetIdentity { table: *table, before: *after, after: *before }
            }
            Self::Begin(_) | Self::Commit(_) | Self::Abort | Self::Checkpoint | Self::LogBackedUp(_) => {
                return None;
            }
        })
    }

    /// About how many bytes the record takes in the log, its header included.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        const HEADER: u64 = 60;
        HEADER
            + match self {
                Self::Insert { row, .. } | Self::Delete { row, .. } => row_bytes(row),
                Self::Update { before, after, .. } => row_bytes(before) + row_bytes(after),
                Self::Define { .. } => 400,
                _ => 16,
            }
    }
}
