//! The log: what makes a database a database.
//!
//! One record format serves rollback, crash recovery, log backups, `RESTORE
//! LOG`, standby's undo, `STOPAT` and mirroring. A record never changes after
//! it was written; a mistake is undone by further records.

pub mod codec;
pub mod record;
pub mod recovery;
pub mod writer;

pub use record::{LogOp, LogRecord};
pub use recovery::Recovery;
pub use writer::Log;
pub(crate) use writer::LogPosition;
