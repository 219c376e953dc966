//! Rows in pieces: the contract between everything that gives rows.
//!
//! What a statement reads is a plan (`Node`, `CompiledQuery`), which never
//! changes while it runs, and beside it a state (`NodeState`, `QueryState`),
//! which is asked for rows piece by piece. The contract of every `pull`:
//!
//! - It appends rows to a list. Whatever the outcome, rows that it has appended
//!   are given: no later call gives them again, and none is left out.
//! - `Ok(true)`: ask again, even when nothing was appended. `Ok(false)`: that was all.
//! - `Err`: a lock is in the way or the statement fails. The state stands behind
//!   the last row given; after a wait for the lock the next call goes on there.
//! - One call does a bounded amount of work ([`TURN_ROWS`]), so that other
//!   sessions, KILL and an attention have their turn between two calls.
//! - No table stays open between two calls. A scan remembers the key it has come
//!   to and goes on behind it, as READ COMMITTED does in SQL Server.
//!
//! What has to hold rows (a sort, a grouping, a hash, the right side of a join,
//! rows that a change works on) counts them in a [`Workspace`]; beyond
//! [`WORKSPACE_BYTES_MAX`] the statement fails with error 701, as it does when all
//! statements together hold more than their budget ([`crate::memory`]).

use crate::engine::Fault;
use crate::memory::Share;
use crate::messages::error;
use crate::value::{Row, Value};

/// Rows that one call is asked for.
pub(super) const BATCH_ROWS: usize = 1024;

/// Rows that a filter or a join at least takes from below at once, however few it is asked for.
pub(super) const INPUT_ROWS_MIN: usize = 64;

/// Rows, or pairs of rows, that one call looks at.
pub(super) const TURN_ROWS: usize = 8192;

/// Bytes of rows and keys that one operator of one statement may hold: 1 GiB (16 MiB in this crate's own tests).
pub(super) const WORKSPACE_BYTES_MAX: usize = if cfg!(test) { 16 << 20 } else { 1 << 30 };

/// What a caller wants of a `pull`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// At most so many rows.
    pub(super) rows: usize,
    /// Nobody will read the same rows again in this statement: nothing is kept for that.
    pub(super) once: bool,
}

impl Ask {
    /// Asks for no fewer than what makes opening a table worth while.
    pub(super) fn at_least(self, rows: usize) -> Self {
        Self { rows: self.rows.max(rows), ..self }
    }
}

/// Counts what an operator holds, for its own limit and for that of all operators together.
#[derive(Debug)]
pub(super) struct Workspace {
    bytes: usize,
    share: Share,
}

impl Default for Workspace {
    fn default() -> Self {
        Self { bytes: 0, share: Share::of_operators() }
    }
}

impl Workspace {
    /// Counts one more row, with `overhead` bytes around it.
    ///
    /// # Errors
    /// 701 beyond [`WORKSPACE_BYTES_MAX`], and when all operators together hold too much.
    pub(super) fn hold(&mut self, row: &[Value], overhead: usize) -> Result<(), Fault> {
        let outside = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        let values = size_of_val(row) + row.iter().map(outside).sum::<usize>();
        // A shared row: its two counters and the pointer to it.
        self.bytes += values + overhead + 32;
        if self.bytes > WORKSPACE_BYTES_MAX || !self.share.hold(self.bytes) {
            return Err(error(701, 123, &[&"default"]).into());
        }
        Ok(())
    }

    /// Counts rows that have been added to a list.
    ///
    /// # Errors
    /// 701 beyond [`WORKSPACE_BYTES_MAX`], and when all operators together hold too much.
    pub(super) fn hold_all(&mut self, rows: &[Row]) -> Result<(), Fault> {
        rows.iter().try_for_each(|row| self.hold(row, 0))
    }

    /// Begins to count anew: what was held is gone.
    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        // Less always has room.
        let _ = self.share.hold(0);
    }
}

/// Rows taken from below and not yet dealt with. A row leaves only when its work has succeeded.
#[derive(Debug, Default)]
pub(super) struct Pending {
    rows: Vec<Row>,
    at: usize,
}

impl Pending {
    /// The row that is next.
    pub(super) fn first(&self) -> Option<&Row> {
        self.rows.get(self.at)
    }

    /// The row that is next has been dealt with.
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// The list to which new rows are appended; those dealt with have left it.
    pub(super) fn refill(&mut self) -> &mut Vec<Row> {
        if self.at >= self.rows.len() {
            self.rows.clear();
        } else {
            self.rows.drain(..self.at);
        }
        self.at = 0;
        &mut self.rows
    }
}
