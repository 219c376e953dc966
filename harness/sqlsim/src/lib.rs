//! A SQL Server you can break: TDS outside, a real log inside.
//!
//! The crate is single-threaded on purpose: an [`Instance`] lives on one
//! thread, its sessions are tasks of a `tokio::task::LocalSet`, and rows are
//! read and written synchronously between two awaits. It has no wall clock, no
//! thread and no unseeded chance of its own, so that under a paused runtime the
//! same seed gives the same bytes. The one exception is [`store::DataDirectory`]:
//! a server that is opened with one has a thread that writes its log to disk.
//! What serves on a real machine is in `host`, behind the feature of that name.
//!
//! It knows nothing of Lync, drills or failover.

pub mod backup;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod exec;
pub mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(feature = "host")]
pub mod host;
pub mod instance;
pub mod log;
pub mod lsn;
mod memory;
pub mod messages;
pub mod mirroring;
pub mod msdb;
pub mod network;
pub mod not_modelled;
pub mod observer;
pub mod session;
pub mod store;
pub mod tds;
#[cfg(test)]
mod testkit;
pub mod tsql;
pub mod value;

pub use clock::Clock;
pub use config::{CostModel, InstanceConfig};
pub use error::SqlError;
pub use files::{FileError, Files};
pub use instance::Instance;
pub use lsn::Lsn;
pub use network::Network;
pub use observer::{Observer, StatementEvent};
pub use value::{DataType, Value};
