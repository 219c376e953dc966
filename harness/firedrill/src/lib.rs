//! Rehearse the failover of Persistent Chat: stage the estate, break it, let a
//! failover program repair it, judge the result.

pub mod estate;
pub mod fault;
pub mod ledger;
