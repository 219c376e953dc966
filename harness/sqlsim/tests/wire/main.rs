//! The wire from a client's side: tiberius over in-memory streams.

mod logins;
mod requests;
mod support;
