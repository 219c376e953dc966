//! The Lync Server Management Shell, faked: PowerShell's grammar, the cmdlets a
//! Persistent Chat failover needs, and a management store to act on.
//!
//! What is real here: scripts are parsed by a PowerShell grammar and bound to
//! cmdlets by PowerShell's rules; the management store is a database on one of
//! the estate's SQL Servers; `Install-CsMirrorDatabase` backs up, restores and
//! sets partners over TDS. What is not: everything else of PowerShell and of
//! Lync Server. A command that is not modelled is refused by name, never
//! accepted in silence.
//!
//! Where no public source says what the real shell or cmdlet does, this one
//! decides, and says so at the place: the words of an unreachable management
//! store, an identity that does not parse, `-PoolState` left out (`Normal`),
//! more than four active servers (accepted with a warning), the mirror state of
//! a pool that has failed over, the numbers of the pool's states, the exit code
//! of a script on standard input.
//!
//! The crate reaches the world only through [`ShellEnvironment`], so the same
//! code serves the `lync-shell` program and a simulation with its own network
//! and clock. It knows no other crate of this workspace.

mod binding;
pub mod cli;
mod cmdlets;
mod commands;
pub mod environment;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gate;
mod language;
pub mod observer;
pub mod program;
mod server_path;
mod session;
pub mod settings;
pub mod sql;
pub mod store;
pub mod topology;

#[cfg(test)]
mod tests;

pub use cli::{ShellOutput, invoke};
pub use environment::{
    ByteStream, Clock, Connector, Costs, Encryption, NoScriptFiles, ScriptFiles, ShellEnvironment, SqlLogin,
    StoreLocation,
};
pub use observer::{CmdletObserver, CmdletPhase, Verdict};
pub use topology::{ChatServer, PoolState, SqlStore, SqlStores, Topology};
