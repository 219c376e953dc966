//! The programs as processes of their own, over TCP, against a served estate: started, interrupted, killed,
//! started again.
//!
//! Every wait has a bound and a condition, every process is ended by the guard that started it.

#![expect(
    clippy::disallowed_methods,
    reason = "processes are waited for in real time; nothing here runs on simulated time"
)]
#![expect(clippy::panic, reason = "a failed expectation is a failed test")]

mod failover;
#[cfg(unix)]
mod lab;
mod linux;
mod serve;
mod shell;
mod support;
