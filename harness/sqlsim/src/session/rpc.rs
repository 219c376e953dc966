//! What a client asks for besides a batch of text: procedure calls and transaction requests.
//!
//! Plain data, decoded by [`crate::tds`] and carried out by [`crate::exec`].

use crate::value::{DataType, Value};
use std::rc::Rc;

/// The procedure a call names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RpcProcedure {
    /// By name, as the client wrote it (`sp_who`, `msdb.dbo.sp_start_job`, `[my proc]`).
    Name(Rc<str>),
    /// One of the procedures with a number.
    Id(u16),
}

impl RpcProcedure {
    /// sp_executesql
    pub const SP_EXECUTESQL: u16 = 10;
    /// sp_prepare
    pub const SP_PREPARE: u16 = 11;
    /// sp_execute
    pub const SP_EXECUTE: u16 = 12;
    /// sp_prepexec
    pub const SP_PREPEXEC: u16 = 13;
    /// sp_prepexecrpc
    pub const SP_PREPEXECRPC: u16 = 14;
    /// sp_unprepare
    pub const SP_UNPREPARE: u16 = 15;

    /// The name of a procedure, also of one that was called by number; `None` for an unknown number.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        const NUMBERED: [&str; 15] = [
            "sp_cursor",
            "sp_cursoropen",
            "sp_cursorprepare",
            "sp_cursorexecute",
            "sp_cursorprepexec",
            "sp_cursorunprepare",
            "sp_cursorfetch",
            "sp_cursoroption",
            "sp_cursorclose",
            "sp_executesql",
            "sp_prepare",
            "sp_execute",
            "sp_prepexec",
            "sp_prepexecrpc",
            "sp_unprepare",
        ];
        match self {
            Self::Name(name) => Some(name),
            Self::Id(id) => NUMBERED.get(usize::from(*id).checked_sub(1)?).copied(),
        }
    }
}

/// One procedure call.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcRequest {
    /// What is called.
    pub procedure: RpcProcedure,
    /// Its arguments, in the client's order.
    pub params: Vec<RpcParam>,
}

/// One argument of a procedure call.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcParam {
    /// Name with its `@`; empty for a positional argument.
    pub name: Rc<str>,
    /// The type the client declared.
    pub data_type: DataType,
    /// The value; NULL when `is_default`.
    pub value: Value,
    /// Whether the client wants the value afterwards.
    pub is_output: bool,
    /// Whether the procedure's own default is asked for.
    pub is_default: bool,
}

/// An isolation level as a transaction request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedIsolation {
    /// As the session has it.
    Unchanged,
    /// READ UNCOMMITTED
    ReadUncommitted,
    /// READ COMMITTED
    ReadCommitted,
    /// REPEATABLE READ
    RepeatableRead,
    /// SERIALIZABLE
    Serializable,
    /// SNAPSHOT
    Snapshot,
}

/// A request to the transaction manager: what a client's `BeginTransaction` sends instead of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionRequest {
    /// BEGIN TRANSACTION
    Begin {
        /// Level of the new transaction.
        isolation: RequestedIsolation,
        /// Its name; may be empty.
        name: Rc<str>,
    },
    /// COMMIT TRANSACTION
    Commit {
        /// Its name; may be empty.
        name: Rc<str>,
        /// Begin another one at once, at this level and with this name.
        then_begin: Option<(RequestedIsolation, Rc<str>)>,
    },
    /// ROLLBACK TRANSACTION, or to a savepoint when the name is one's.
    Rollback {
        /// Name of a transaction or savepoint; may be empty.
        name: Rc<str>,
        /// Begin another one at once, at this level and with this name.
        then_begin: Option<(RequestedIsolation, Rc<str>)>,
    },
    /// SAVE TRANSACTION
    Save {
        /// Name of the savepoint.
        name: Rc<str>,
    },
}
