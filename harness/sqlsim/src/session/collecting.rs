//! A sink for callers inside the server: result sets, messages and values as lists.

use super::sink::{Disconnected, Done, Sink, TransactionChange};
use crate::error::SqlError;
use crate::value::{ColumnMeta, Row, Value};
use async_trait::async_trait;

/// One result set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectedSet {
    /// Its columns.
    pub columns: Vec<ColumnMeta>,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl CollectedSet {
    /// The position of a column by name, without regard to case.
    #[must_use]
    pub fn ordinal(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The value of column `name` in row `row`.
    #[must_use]
    pub fn value(&self, row: usize, name: &str) -> Option<&Value> {
        self.rows.get(row)?.get(self.ordinal(name)?)
    }
}

/// Collects a whole answer.
#[derive(Clone, Debug, Default)]
pub struct CollectingSink {
    /// Result sets in order.
    pub sets: Vec<CollectedSet>,
    /// Errors and information messages in order.
    pub messages: Vec<SqlError>,
    /// DONE tokens in order.
    pub dones: Vec<Done>,
    /// Return statuses in order.
    pub return_statuses: Vec<i32>,
    /// Output parameters in order.
    pub return_values: Vec<(ColumnMeta, Value)>,
    /// The last database changed to.
    pub database: Option<String>,
}

impl CollectingSink {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first error (severity above 10).
    #[must_use]
    pub fn error(&self) -> Option<&SqlError> {
        self.messages.iter().find(|message| message.severity > 10)
    }

    /// The first result set, or the first error.
    ///
    /// # Errors
    /// The first error of the answer. An answer without any result set is an empty one.
    pub fn into_first_set(self) -> Result<CollectedSet, SqlError> {
        match self.messages.into_iter().find(|message| message.severity > 10) {
            Some(error) => Err(error),
            None => Ok(self.sets.into_iter().next().unwrap_or_default()),
        }
    }
}

#[async_trait(?Send)]
impl Sink for CollectingSink {
    fn columns(&mut self, columns: &[ColumnMeta]) {
        self.sets.push(CollectedSet { columns: columns.to_vec(), rows: Vec::new() });
    }

    fn row(&mut self, row: &[Value]) {
        debug_assert!(!self.sets.is_empty(), "columns come before rows");
        if let Some(set) = self.sets.last_mut() {
            set.rows.push(row.into());
        }
    }

    fn done(&mut self, done: Done) {
        self.dones.push(done);
    }

    fn message(&mut self, message: &SqlError) {
        self.messages.push(message.clone());
    }

    fn database_changed(&mut self, _old: &str, new: &str) {
        self.database = Some(new.to_owned());
    }

    fn transaction_changed(&mut self, _change: TransactionChange) {}

    fn return_status(&mut self, status: i32) {
        self.return_statuses.push(status);
    }

    fn return_value(&mut self, _ordinal: u16, column: &ColumnMeta, value: &Value) {
        self.return_values.push((column.clone(), value.clone()));
    }

    fn buffered(&self) -> usize {
        0
    }

    async fn flush(&mut self) -> Result<(), Disconnected> {
        Ok(())
    }
}
