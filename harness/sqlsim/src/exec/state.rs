//! What the interpreter keeps for a session between requests.

use crate::engine::{Savepoint, TransactionId};
use crate::error::SqlError;
use crate::tsql::ast::{Isolation, Program};
use crate::value::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the interpreter keeps for a session between requests.
#[derive(Debug, Default)]
pub struct ExecState {
    /// SET options.
    pub(super) settings: Settings,
    /// The open transaction.
    pub(super) transaction: Option<OpenTransaction>,
    /// `@@ERROR`.
    pub(super) last_error: i32,
    /// The first error of the statement that the observer sees; 0 for none.
    pub(super) first_error: i32,
    /// The error on its way was raised by THROW: it ends the batch.
    pub(super) throws: bool,
    /// `@@ROWCOUNT`.
    pub(super) row_count: i64,
    /// `SCOPE_IDENTITY()` and `@@IDENTITY`.
    pub(super) identity: Option<Value>,
    /// Errors whose CATCH blocks run, innermost last.
    pub(super) caught: Vec<SqlError>,
    /// Prepared statements by handle.
    pub(super) prepared: BTreeMap<i32, Prepared>,
    /// The last handle given out.
    pub(super) last_handle: i32,
    /// Temporary tables: name with its `#`, and the real name in tempdb.
    pub(super) temporary: Vec<TemporaryTable>,
    /// Cursors by key.
    pub(super) cursors: BTreeMap<Rc<str>, super::cursors::Cursor>,
    /// Cursors that a driver opened by procedure call, by handle.
    pub(super) api_cursors: BTreeMap<i64, super::api_cursors::ApiCursor>,
    /// How many of them were opened.
    pub(super) last_api_cursor: i64,
    /// `@@CURSOR_ROWS`.
    pub(super) cursor_rows: i64,
    /// Numbers cursors without a name.
    pub(super) last_cursor: u64,
    /// `@@FETCH_STATUS`.
    pub(super) fetch_status: i64,
    /// How deep procedures call each other.
    pub(super) nesting: u32,
    /// What the running statement sees under READ COMMITTED SNAPSHOT.
    pub(super) versions: crate::engine::Versions,
    /// Trace flags set for this session.
    pub(super) trace_flags: std::collections::BTreeSet<i64>,
    /// Directories that the running statement has read, by path in lower case; `None` for one that cannot be read.
    pub(super) listings: BTreeMap<Rc<str>, Option<Rc<[crate::files::DirectoryEntry]>>>,
}

impl ExecState {
    /// A statement is over.
    pub(super) fn forget_statement(&mut self) {
        self.listings.clear();
        self.versions = crate::engine::Versions::default();
    }

    /// The open transaction.
    pub(crate) fn transaction_id(&self) -> Option<TransactionId> {
        self.transaction.as_ref().map(|open| open.id)
    }

    /// A batch or procedure at `level` ends: so do its local cursors.
    pub(super) fn end_cursors(&mut self, level: u32) {
        if !self.cursors.is_empty() {
            self.cursors.retain(|_, cursor| cursor.level.is_none_or(|own| own < level));
        }
    }
}

/// SET options.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one of T-SQL's own switches")]
pub(super) struct Settings {
    pub(super) no_count: bool,
    pub(super) xact_abort: bool,
    pub(super) implicit_transactions: bool,
    pub(super) quoted_identifier: bool,
    pub(super) no_exec: bool,
    pub(super) parse_only: bool,
    pub(super) format_only: bool,
    pub(super) concat_null_yields_null: bool,
    pub(super) ansi_warnings: bool,
    pub(super) arith_abort: bool,
    /// -1 waits for ever.
    pub(super) lock_timeout_ms: i64,
    pub(super) row_count_limit: u64,
    pub(super) text_size: i64,
    pub(super) date_first: i32,
    pub(super) isolation: Isolation,
    pub(super) identity_insert: Option<(u32, i32)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            no_count: false,
            xact_abort: false,
            implicit_transactions: false,
            quoted_identifier: true,
            no_exec: false,
            parse_only: false,
            format_only: false,
            concat_null_yields_null: true,
            ansi_warnings: true,
            arith_abort: true,
            lock_timeout_ms: -1,
            row_count_limit: 0,
            text_size: 2_147_483_647,
            date_first: 7,
            isolation: Isolation::ReadCommitted,
            identity_insert: None,
        }
    }
}

/// A transaction that BEGIN TRANSACTION opened.
#[derive(Debug)]
pub(super) struct OpenTransaction {
    pub(super) id: TransactionId,
    /// `@@TRANCOUNT`.
    pub(super) count: u32,
    /// It can only be rolled back (`XACT_STATE() = -1`).
    pub(super) doomed: bool,
    pub(super) name: Option<Rc<str>>,
    pub(super) savepoints: Vec<(Rc<str>, Savepoint)>,
}

/// A prepared statement.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) program: Rc<Program>,
}

/// A table of tempdb that only this session sees.
#[derive(Clone, Debug)]
pub(super) struct TemporaryTable {
    pub(super) name: Rc<str>,
    pub(super) real_name: Rc<str>,
    /// Nesting level that created it; it goes when that procedure ends.
    pub(super) level: u32,
}
