//! Log shipping: its procedures, its monitor, and what sqllogship does.
//!
//! The procedures live in master, answer sysadmins only, and return 0 or 1 with
//! the message that says why. They write msdb's tables locally and, when the
//! monitor is another server, there too.

mod files;
mod help;
mod journal;
mod monitor;
pub(in crate::msdb) mod parameters;
mod primary;
mod secondary;
pub(crate) mod ship;
mod watch;

use super::storage::{Msdb, Record};
use super::tables::SystemTable;
use crate::error::{SqlError, SqlResult};
use crate::exec::procedures::{Procedure, ProcedureContext};
use crate::messages::error;
use crate::value::Value;
use std::rc::Rc;
use uuid::Uuid;

/// Its procedures, by family.
pub(super) const PROCEDURES: [&[Procedure]; 4] =
    [primary::PROCEDURES, secondary::PROCEDURES, monitor::PROCEDURES, help::PROCEDURES];

/// Who writes monitor rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentType {
    /// The backup job on the primary.
    Backup = 0,
    /// The copy job on the secondary.
    Copy = 1,
    /// The restore job on the secondary.
    Restore = 2,
}

/// Minutes of history kept when the caller says nothing.
const DEFAULT_RETENTION_MINUTES: i64 = 14_420;

/// Why a procedure returns 1.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Raise this and return 1.
    Message(SqlError),
    /// The message has been raised already.
    Raised,
}

impl From<SqlError> for Refusal {
    fn from(message: SqlError) -> Self {
        Self::Message(message)
    }
}

/// Turns a refusal into its message and return status 1.
fn finish(c: &mut ProcedureContext<'_>, outcome: Result<(), Refusal>) -> SqlResult<i32> {
    match outcome {
        Ok(()) => Ok(0),
        Err(Refusal::Raised) => Ok(1),
        Err(Refusal::Message(message)) => {
            c.raise(message);
            Ok(1)
        }
    }
}

/// Log shipping answers sysadmins only.
fn sysadmin_only(c: &ProcedureContext<'_>) -> Result<(), Refusal> {
    if c.session.acts_as_sysadmin() { Ok(()) } else { Err(error(21_089, 1, &[]).into()) }
}

/// msdb as the caller of a procedure works on it.
fn msdb<'a>(c: &ProcedureContext<'a>) -> Msdb<'a> {
    Msdb { instance: c.instance, session: c.session }
}

/// A text argument that may be neither NULL nor empty.
fn required(c: &ProcedureContext<'_>, name: &str) -> Result<Rc<str>, Refusal> {
    match c.text(name) {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => Err(error(32_052, 1, &[&name]).into()),
    }
}

/// The alert's message number: an error of `sys.messages` or a user's own (50001 and above).
fn threshold_alert(c: &ProcedureContext<'_>, natural: i64) -> Result<i64, Refusal> {
    match c.int("@threshold_alert") {
        None => Ok(natural),
        Some(number) if number > 50_000 || crate::catalog::is_message(number) => Ok(number),
        Some(number) => Err(error(32_028, 1, &[&number]).into()),
    }
}

/// The number in an argument, or what stands for NULL.
fn int_or(c: &ProcedureContext<'_>, name: &str, otherwise: i64) -> i64 {
    c.int(name).unwrap_or(otherwise)
}

/// An argument's value when given and not NULL.
fn given<'a>(c: &'a ProcedureContext<'_>, name: &str) -> Option<&'a Value> {
    let value = c.argument(name);
    (c.is_given(name) && !value.is_null()).then_some(value)
}

/// Writes the arguments that were given into the row of a table that has this id.
async fn change_given(
    c: &ProcedureContext<'_>,
    db: Msdb<'_>,
    table: &'static SystemTable,
    id_column: &str,
    id: Uuid,
    columns: &[&str],
) -> Result<(), Refusal> {
    change_where(c, db, table, |row| row.guid(id_column) == id, columns).await
}

/// Writes the arguments that were given into the rows of a table that match.
async fn change_where(
    c: &ProcedureContext<'_>,
    db: Msdb<'_>,
    table: &'static SystemTable,
    matches: impl Fn(&Record) -> bool,
    columns: &[&str],
) -> Result<(), Refusal> {
    let changes: Vec<(&str, Value)> = columns
        .iter()
        .filter_map(|column| Some((*column, given(c, &format!("@{column}"))?.clone())))
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    db.update(table, matches, |row| {
        for (column, value) in &changes {
            row.set(column, value);
        }
    })
    .await?;
    Ok(())
}
