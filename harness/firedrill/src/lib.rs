//! Rehearse the failover of Persistent Chat: stage the estate, break it, let a
//! failover program repair it, judge the result.

pub mod arm;
pub(crate) mod chat;
pub mod cli;
pub mod disk;
pub mod estate;
pub mod fault;
pub mod ledger;
pub mod net;
pub mod oracle;
pub mod red;
pub mod report;
pub mod runner;
pub(crate) mod score;
pub mod serve;
pub mod steps;
pub mod verdict;
