//! msdb: Agent jobs, log shipping, backup history, and their procedures.
//!
//! Its tables are real tables of the database msdb, logged and recovered like
//! any other; the procedures that keep them are written in Rust.

pub mod agent;
pub mod history;
mod install;
mod log_shipping;
mod pruning;
mod remote;
pub(crate) mod storage;
pub(crate) mod tables;

pub use install::install;

use crate::exec::procedures::Procedure;

/// Its system procedures, by family.
pub const PROCEDURES: &[&[Procedure]] = &[
    log_shipping::PROCEDURES[0],
    log_shipping::PROCEDURES[1],
    log_shipping::PROCEDURES[2],
    log_shipping::PROCEDURES[3],
    agent::jobs::PROCEDURES,
    agent::schedules::PROCEDURES,
    agent::help::PROCEDURES,
    pruning::PROCEDURES,
];

#[cfg(test)]
mod tests;
