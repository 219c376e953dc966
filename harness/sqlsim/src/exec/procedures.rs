//! System procedures written in Rust: how they are declared, found and called.
//!
//! A procedure is a row of a static table (`msdb::PROCEDURES`,
//! `catalog::PROCEDURES`): a name, its parameters with their defaults, and an
//! async function. The interpreter binds the caller's arguments before it runs,
//! so a procedure never sees a missing or misspelt one.

use crate::error::{SqlError, SqlResult};
use crate::instance::Instance;
use crate::session::{Session, Sink};
use crate::value::{ColumnMeta, DataType, Row, Value};
use futures::future::LocalBoxFuture;
use std::rc::Rc;

/// What a parameter is when the caller leaves it out.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// The caller must give it (error 201).
    Required,
    /// NULL.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(&'static str),
}

/// A declared parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Name with its `@`.
    pub name: &'static str,
    /// Type.
    pub data_type: DataType,
    /// Value when left out.
    pub default: DefaultValue,
    /// Whether the procedure may set it.
    pub output: bool,
}

impl Parameter {
    /// A parameter that the caller must give.
    #[must_use]
    pub const fn required(name: &'static str, data_type: DataType) -> Self {
        Self { name, data_type, default: DefaultValue::Required, output: false }
    }

    /// A parameter that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, data_type: DataType, default: DefaultValue) -> Self {
        Self { name, data_type, default, output: false }
    }

    /// An output parameter, NULL when not given.
    #[must_use]
    pub const fn output(name: &'static str, data_type: DataType) -> Self {
        Self { name, data_type, default: DefaultValue::Null, output: true }
    }
}

/// Where a system procedure lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In master: seen from every database.
    Master,
    /// In msdb: seen there, or by its three-part name.
    Msdb,
}

/// A procedure's body. The return value is its status.
pub type Body = for<'a> fn(&'a mut ProcedureContext<'_>) -> LocalBoxFuture<'a, SqlResult<i32>>;

/// A system procedure.
pub struct Procedure {
    /// Name without schema, as `sp_who2`.
    pub name: &'static str,
    /// Where it lives.
    pub home: Home,
    /// Parameters in order.
    pub parameters: &'static [Parameter],
    /// What it does. An `Err` is sent to the client as raised by the procedure and ends it.
    pub body: Body,
}

impl std::fmt::Debug for Procedure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Procedure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Finds a system procedure by name (any case), as seen from database `from_msdb`.
#[must_use]
pub fn find(name: &str, from_msdb: bool) -> Option<&'static Procedure> {
    crate::msdb::PROCEDURES
        .iter()
        .chain(crate::catalog::PROCEDURES)
        .flat_map(|family| family.iter())
        .find(|p| (from_msdb || p.home == Home::Master) && p.name.eq_ignore_ascii_case(name))
}

/// A result set read inside the server.
#[derive(Clone, Debug, Default)]
pub struct ResultSet {
    /// Columns.
    pub columns: Vec<ColumnMeta>,
    /// Rows.
    pub rows: Vec<Row>,
}

/// Up to this severity a message informs; CATCH takes what is above.
const INFORMATION_SEVERITY_MAX: u8 = 10;

/// What a procedure works with.
pub struct ProcedureContext<'a> {
    /// The server.
    pub instance: &'a Instance,
    /// The caller's session.
    pub session: &'a Rc<Session>,
    /// Where result sets and messages go.
    pub sink: &'a mut dyn Sink,
    pub(super) procedure: &'static Procedure,
    pub(super) arguments: Vec<Value>,
    /// Which arguments the caller gave.
    pub(super) given: Vec<bool>,
    /// Whether a TRY block around the call takes what is raised.
    pub(super) in_try: bool,
    /// What was raised for that block: it goes to CATCH when the procedure ends, and not to the client.
    pub(super) raised: Option<SqlError>,
}

impl ProcedureContext<'_> {
    fn position(&self, name: &str) -> usize {
        let found = self.procedure.parameters.iter().position(|p| p.name == name);
        debug_assert!(found.is_some(), "{} has no parameter {name}", self.procedure.name);
        found.unwrap_or(0)
    }

    /// The procedure's own name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.procedure.name
    }

    /// The value of parameter `name` (spelt as declared), already of its declared type.
    #[must_use]
    pub fn argument(&self, name: &str) -> &Value {
        &self.arguments[self.position(name)]
    }

    /// Whether the caller gave parameter `name` (NULL counts as given).
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.given[self.position(name)]
    }

    /// A text argument; `None` for NULL.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Rc<str>> {
        match self.argument(name) {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// A number or bit argument; `None` for NULL.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.argument(name) {
            Value::Int(n) => Some(*n),
            Value::Bit(bit) => Some(i64::from(*bit)),
            _ => None,
        }
    }

    /// A uniqueidentifier argument; `None` for NULL.
    #[must_use]
    pub fn guid(&self, name: &str) -> Option<uuid::Uuid> {
        match self.argument(name) {
            Value::Guid(guid) => Some(*guid),
            _ => None,
        }
    }

    /// Sets an output parameter.
    pub fn set_output(&mut self, name: &str, value: Value) {
        let at = self.position(name);
        self.arguments[at] = value;
    }

    /// Sends a whole result set.
    pub fn result_set(&mut self, columns: &[ColumnMeta], rows: &[Row]) {
        self.sink.columns(columns);
        for row in rows {
            self.sink.row(row);
        }
        self.sink.done(crate::session::sink::Done {
            kind: crate::session::sink::DoneKind::InProcedure,
            command: 0xC1,
            row_count: Some(rows.len() as u64),
            is_error: false,
            in_transaction: self.session.state.borrow().open_transactions > 0,
        });
    }

    /// Sends an information message or an error without ending the procedure. In a TRY block an error is kept for CATCH
    /// instead: the first one is what the procedure then ends with.
    pub fn raise(&mut self, mut message: SqlError) {
        if message.procedure.is_empty() {
            message.procedure = self.procedure.name.to_owned();
        }
        super::note_error(self.session, &message);
        if self.in_try && message.severity > INFORMATION_SEVERITY_MAX {
            self.raised.get_or_insert(message);
            return;
        }
        self.sink.message(&message);
    }

    /// Sends a line of text as PRINT does.
    pub fn print(&mut self, text: &str) {
        self.sink.message(&super::print_message(text));
    }

    /// Runs T-SQL in `database` with `parameters` (`@name`, value) and gives the first result set's rows.
    /// Runs in the caller's transaction; nothing is sent to the client.
    ///
    /// # Errors
    /// The first error raised.
    pub async fn query(
        &mut self,
        database: &str,
        sql: &str,
        parameters: &[(&str, Value)],
    ) -> SqlResult<Vec<Row>> {
        let sets = super::run_internal(self.instance, self.session, database, sql, parameters).await?;
        Ok(sets.into_iter().next().map(|set| set.rows).unwrap_or_default())
    }
}

#[cfg(test)]
impl<'a> ProcedureContext<'a> {
    /// A call without an interpreter around it: `given` by parameter name, the rest by default.
    pub(crate) fn of_call(
        instance: &'a Instance,
        session: &'a Rc<Session>,
        sink: &'a mut dyn Sink,
        procedure: &'static Procedure,
        given: &[(&str, Value)],
    ) -> Self {
        let find =
            |p: &Parameter| given.iter().find(|(name, _)| *name == p.name).map(|(_, value)| value.clone());
        let default = |p: &Parameter| match p.default {
            DefaultValue::Required | DefaultValue::Null => Value::Null,
            DefaultValue::Int(n) => Value::Int(n),
            DefaultValue::Text(text) => Value::text(text),
        };
        let parameters = procedure.parameters;
        let arguments = parameters.iter().map(|p| find(p).unwrap_or_else(|| default(p))).collect();
        let given = parameters.iter().map(|p| find(p).is_some()).collect();
        Self { instance, session, sink, procedure, arguments, given, in_try: false, raised: None }
    }
}
