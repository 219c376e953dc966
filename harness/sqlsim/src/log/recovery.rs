//! Redo and undo: how the log builds tables.
//!
//! A [`Recovery`] is the state of a database that is being rolled forward:
//! what its tables hold, and which transactions are open, with what they did.

use super::record::{LogOp, LogRecord, LogTransactionId};
use crate::engine::content::Content;
use std::collections::BTreeMap;

/// Changes of the transactions that are open at the current point of the log, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    open: BTreeMap<LogTransactionId, Vec<LogRecord>>,
    highest_transaction: LogTransactionId,
}

impl Recovery {
    /// Applies one record to `content` and remembers what may have to be undone.
    pub fn redo(&mut self, content: &mut Content, record: &LogRecord) {
        self.highest_transaction = self.highest_transaction.max(record.transaction);
        self.note(record);
        content.apply(&record.op);
    }

    /// Remembers a record whose effect `content` already has.
    pub fn note(&mut self, record: &LogRecord) {
        self.highest_transaction = self.highest_transaction.max(record.transaction);
        match &record.op {
            LogOp::Begin(_) => {
                self.open.insert(record.transaction, vec![record.clone()]);
            }
            LogOp::Commit(_) | LogOp::Abort => {
                self.open.remove(&record.transaction);
            }
            op if op.is_change() => {
                let changes = self.open.entry(record.transaction).or_default();
                if record.is_compensation {
                    changes.pop();
                } else {
                    changes.push(record.clone());
                }
            }
            _ => {}
        }
    }

    /// A recovery that is read back: all records of open transactions, in order of their LSNs.
    #[must_use]
    pub(crate) fn of_open_records(highest_transaction: LogTransactionId, records: Vec<LogRecord>) -> Self {
        let mut open: BTreeMap<LogTransactionId, Vec<LogRecord>> = BTreeMap::new();
        for record in records {
            open.entry(record.transaction).or_default().push(record);
        }
        Self { open, highest_transaction }
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn has_open_transactions(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many transactions are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The highest transaction number seen.
    #[must_use]
    pub fn highest_transaction(&self) -> LogTransactionId {
        self.highest_transaction
    }

    /// LSN of the oldest open transaction's first record.
    #[must_use]
    pub fn oldest_open(&self) -> Option<crate::lsn::Lsn> {
        self.open.values().filter_map(|changes| changes.first()).map(|r| r.lsn).min()
    }

    /// All records of open transactions in order of their LSNs.
    #[must_use]
    pub fn open_records(&self) -> Vec<LogRecord> {
        let mut records: Vec<LogRecord> = self.open.values().flatten().cloned().collect();
        records.sort_by_key(|r| r.lsn);
        records
    }

    /// Takes the inverse changes of all open transactions, newest first, and forgets them.
    ///
    /// Each item is the transaction and its inverse; `None` marks its end.
    pub fn take_undo(&mut self) -> Vec<(LogTransactionId, Option<LogOp>)> {
        let mut records: Vec<LogRecord> = self.open_records();
        records.reverse();
        let mut undo: Vec<_> = records
            .iter()
            .filter_map(|r| r.op.inverse().map(|inverse| (r.transaction, Some(inverse))))
            .collect();
        undo.extend(self.open.keys().map(|id| (*id, None)));
        self.open.clear();
        undo
    }
}
