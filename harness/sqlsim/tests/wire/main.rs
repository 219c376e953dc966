//! The wire from a client's side: tiberius over in-memory streams.

mod logins;
mod raw;
mod requests;
mod support;
