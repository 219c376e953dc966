//! Databases and their states, tables, transactions, locks.

/// All databases of an instance.
#[derive(Debug, Default)]
pub struct Engine {}
