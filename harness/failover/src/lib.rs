//! The failover of a Persistent Chat pool to its log-shipped backup, as a program.
//!
//! Microsoft's procedure has seven steps, carried out by hand: remove log shipping, copy the log backups
//! that were not copied, apply those that were not applied, end the connections and recover, switch the
//! pool, mirror the new primary, choose the active servers. This crate does them, looks before and after
//! each, and says what was lost.
//!
//! Everything it touches comes in through [`Environment`]: connections, a shell, file shares, the journal,
//! the clock, the console. It knows nothing of drills.
//!
//! A failover is a [`plan::Plan`] (data), executed strictly by [`run::run`]: a guard, an action or a
//! verification that is not in the plan does not happen.

pub mod address;
mod chain;
pub mod cli;
pub mod codes;
pub mod environment;
mod executor;
#[cfg(test)]
mod fakes;
pub mod identity;
mod journal;
pub mod plan;
pub mod quote;
mod remedy;
pub mod report;
pub mod run;
mod server_path;
pub mod site;
mod sql;

pub use address::ServerAddress;
pub use environment::{
    ByteStream, Clock, Connector, Console, Environment, JournalStore, Secret, Secrets, ShareEntry, Shares,
    Shell, ShellOutput,
};
pub use plan::Plan;
pub use report::{Finding, Message, Outcome, Report, Severity, exit_code};
pub use run::RunOptions;
pub use site::{Site, SiteError};

/// Files that the failover writes to prove that two paths lead to one folder begin with this; they are
/// removed again and are no log backups.
pub const PROBE_PREFIX: &str = "pchat-failover-probe-";

/// While a log backup is being copied, its name in the copy destination ends with this.
pub const COPYING_SUFFIX: &str = ".pchat-copying";
