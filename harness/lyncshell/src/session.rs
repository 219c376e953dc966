//! One run of the shell: its variables, its streams, its connection to the
//! management store. Commands and the evaluator work on it; it decides nothing.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::binding::Call;
use crate::environment::ShellEnvironment;
use crate::language::ast::Extent;
use crate::language::convert::custom_object;
use crate::language::error::ErrorRecord;
use crate::language::value::{HashTable, Object, Value};
use crate::sql::{SqlServers, TdsServers};
use crate::store::{LocatedStore, ManagementStore, OpenStore};

/// What a statement ended with, if not normally.
#[derive(Debug)]
pub(crate) enum Flow {
    /// An error that ends at least its statement.
    Error(ErrorRecord, Reach),
    /// `exit`.
    Exit(i32),
    /// `return`; what it returns is already in the output.
    Return,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// How far an error reaches when nobody catches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The statement ends, the next one runs.
    Statement,
    /// The script ends: `throw`, or an error while the preference is `Stop`.
    Script,
}

impl From<ErrorRecord> for Flow {
    fn from(record: ErrorRecord) -> Self {
        Self::Error(record, Reach::Statement)
    }
}

/// `$ErrorActionPreference` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    Stop,
    SilentlyContinue,
    Ignore,
}

impl Action {
    /// The preference a value names; anything unknown counts as `Continue`.
    pub(crate) fn of(value: &Value) -> Self {
        match value.text().to_ascii_lowercase().as_str() {
            "stop" | "inquire" => Self::Stop,
            "silentlycontinue" => Self::SilentlyContinue,
            "ignore" => Self::Ignore,
            _ => Self::Continue,
        }
    }
}

/// Something the shell prints: objects are formatted late, because neighbours
/// of one type share a table.
#[derive(Debug)]
pub(crate) enum Printed {
    Object(Value),
    Text(String),
}

/// Where errors go that are written and do not end anything; printed without one.
#[derive(Debug)]
pub(crate) enum ErrorSink {
    Discard,
    Merge(Vec<Value>),
}

/// Asks the person at the keyboard; only an interactive shell has one.
pub(crate) trait Operator {
    /// Prints a question and returns the line typed in answer; `None` at the end of input.
    fn answer(&self, question: &str) -> Option<String>;
}

/// What a run of the shell works with.
pub(crate) struct Backends {
    /// SQL Servers of the topology.
    pub(crate) servers: Rc<dyn SqlServers>,
    /// The management store.
    pub(crate) store: Rc<dyn OpenStore>,
}

impl Backends {
    /// The real ones: TDS over the environment's connector.
    pub(crate) fn of(env: &ShellEnvironment) -> Self {
        let store = LocatedStore { connector: Rc::clone(&env.connector), location: env.store.clone() };
        Self { servers: Rc::new(TdsServers::new(Rc::clone(&env.connector))), store: Rc::new(store) }
    }
}

/// One run of the shell.
pub(crate) struct Session {
    pub(crate) env: ShellEnvironment,
    pub(crate) backends: Backends,
    pub(crate) variables: BTreeMap<String, Value>,
    pub(crate) errors: Vec<Value>,
    pub(crate) succeeded: bool,
    pub(crate) printed: Vec<Printed>,
    pub(crate) stderr: String,
    pub(crate) sinks: Vec<ErrorSink>,
    pub(crate) try_depth: usize,
    pub(crate) depth: usize,
    pub(crate) caught: Option<ErrorRecord>,
    pub(crate) strict: bool,
    pub(crate) operator: Option<Rc<dyn Operator>>,
    /// An error ended the script.
    pub(crate) ended_by_error: bool,
    /// `exit` ended the script.
    pub(crate) exited: bool,
    store: Option<Box<dyn ManagementStore>>,
}

impl Session {
    /// A fresh session.
    pub(crate) fn new(env: ShellEnvironment, backends: Backends) -> Self {
        let mut session = Self {
            env,
            backends,
            variables: BTreeMap::new(),
            errors: Vec::new(),
            succeeded: true,
            printed: Vec::new(),
            stderr: String::new(),
            sinks: Vec::new(),
            try_depth: 0,
            depth: 0,
            caught: None,
            strict: false,
            operator: None,
            ended_by_error: false,
            exited: false,
            store: None,
        };
        for (name, value) in [
            ("erroractionpreference", "Continue"),
            ("warningpreference", "Continue"),
            ("verbosepreference", "SilentlyContinue"),
            ("debugpreference", "SilentlyContinue"),
            ("informationpreference", "SilentlyContinue"),
            ("progresspreference", "Continue"),
            ("confirmpreference", "High"),
        ] {
            session.variables.insert(name.to_owned(), Value::from(value));
        }
        session.variables.insert("whatifpreference".to_owned(), Value::Bool(false));
        session
    }

    /// A variable's value.
    pub(crate) fn variable(&self, name: &str) -> Option<Value> {
        let lower = name.to_ascii_lowercase();
        Some(match lower.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "?" => Value::Bool(self.succeeded),
            "error" => Value::Array(Rc::new(self.errors.iter().rev().cloned().collect())),
            "psitem" => return self.variables.get("_").cloned(),
            "env:computername" => {
                let host = self.env.machine.split('.').next().unwrap_or_default();
                Value::from(host.to_ascii_uppercase())
            }
            "psversiontable" => version_table(),
            _ => return self.variables.get(&lower).cloned(),
        })
    }

    /// Sets a variable.
    ///
    /// # Errors
    /// PowerShell's error for the variables that cannot be set.
    pub(crate) fn set_variable(&mut self, name: &str, value: Value) -> Result<(), Flow> {
        let lower = name.to_ascii_lowercase();
        if matches!(
            lower.as_str(),
            "true" | "false" | "null" | "?" | "error" | "psversiontable" | "env:computername"
        ) {
            if lower == "null" {
                return Ok(());
            }
            return Err(ErrorRecord::new(
                format!("Cannot overwrite variable {name} because it is read-only or constant."),
                "WriteError",
                "System.Management.Automation.SessionStateUnauthorizedAccessException",
                "VariableNotWritable",
            )
            .with_target(name, "String")
            .into());
        }
        let value = if lower == "erroractionpreference" { preference(value)? } else { value };
        self.variables.insert(lower, value);
        Ok(())
    }

    /// `$ErrorActionPreference`.
    pub(crate) fn error_action(&self) -> Action {
        self.variables.get("erroractionpreference").map_or(Action::Continue, Action::of)
    }

    /// Writes an error that does not end its statement, by the preference that
    /// holds for the command.
    ///
    /// # Errors
    /// The error itself, when the preference is `Stop`.
    pub(crate) fn write_error(&mut self, call: &mut Call, record: ErrorRecord) -> Result<(), Flow> {
        let record = record.at(Some(call.definition.name), &call.extent);
        call.failed = true;
        let action = call.error_action.unwrap_or_else(|| self.error_action());
        if let Some(variable) = &call.error_variable {
            self.variables.insert(variable.clone(), record.as_value());
        }
        match action {
            Action::Stop => return Err(Flow::Error(record, Reach::Script)),
            Action::Continue => self.report(&record),
            Action::SilentlyContinue => self.errors.push(record.as_value()),
            Action::Ignore => {}
        }
        Ok(())
    }

    /// Notes an error in `$Error` and prints it, or puts it where errors go.
    pub(crate) fn report(&mut self, record: &ErrorRecord) {
        let value = record.as_value();
        self.errors.push(value.clone());
        match self.sinks.last_mut() {
            None => self.stderr.push_str(&record.render()),
            Some(ErrorSink::Discard) => {}
            Some(ErrorSink::Merge(merged)) => merged.push(value),
        }
    }

    /// Prints a line of text that is not an object: host output, warnings, verbose messages.
    /// PowerShell's program sends all of them to standard output.
    pub(crate) fn print(&mut self, text: impl Into<String>) {
        let mut text = text.into();
        text.push('\n');
        self.printed.push(Printed::Text(text));
    }

    /// Prints a warning, if the preference lets it.
    pub(crate) fn warn(&mut self, text: &str) {
        if Action::of(&self.variables["warningpreference"]) == Action::Continue {
            self.print(format!("WARNING: {text}"));
        }
    }

    /// Prints a verbose message, if the command or the preference asks for it.
    pub(crate) fn verbose(&mut self, call: &Call, text: &str) {
        let preferred = Action::of(&self.variables["verbosepreference"]) == Action::Continue;
        if call.verbose.unwrap_or(preferred) {
            self.print(format!("VERBOSE: {text}"));
        }
    }

    /// Whether the command shall do what it is about to do: `-WhatIf` says no
    /// after printing it, `-Confirm` asks.
    ///
    /// # Errors
    /// When there is a question and nobody to answer it.
    pub(crate) fn should_process(&mut self, call: &Call, target: &str) -> Result<bool, Flow> {
        let name = call.definition.name;
        if call.what_if.unwrap_or_else(|| self.variables["whatifpreference"].truth()) {
            self.print(format!("What if: Performing the operation \"{name}\" on target \"{target}\"."));
            return Ok(false);
        }
        let preference = self.variables["confirmpreference"].text().to_ascii_lowercase();
        let threshold = match preference.as_str() {
            "none" => u8::MAX,
            "low" => 1,
            "medium" => 2,
            _ => 3,
        };
        if !call.confirm.unwrap_or(call.definition.impact as u8 >= threshold) {
            return Ok(true);
        }
        let question = format!(
            "\nConfirm\nAre you sure you want to perform this action?\n\
             Performing the operation \"{name}\" on target \"{target}\".\n\
             [Y] Yes  [A] Yes to All  [N] No  [L] No to All  [S] Suspend  [?] Help (default is \"Y\"): "
        );
        let Some(operator) = self.operator.clone() else {
            return Err(ErrorRecord::new(
                "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.",
                "InvalidOperation",
                "System.Management.Automation.PSInvalidOperationException",
                format!("InvalidOperation,{}", call.definition.type_name),
            )
            .into());
        };
        let answer = operator.answer(&question).unwrap_or_else(|| "n".to_owned());
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes" | "a"))
    }

    /// Charges a cost.
    pub(crate) async fn spend(&self, cost: Duration) {
        if !cost.is_zero() {
            tokio::time::sleep(cost).await;
        }
    }

    /// The management store, opened once in a run.
    ///
    /// # Errors
    /// The store's own error, as the cmdlet's.
    pub(crate) async fn store(&mut self) -> Result<&mut Box<dyn ManagementStore>, Flow> {
        if self.store.is_none() {
            self.store = Some(self.backends.store.open().await.map_err(store_failure)?);
        }
        self.store.as_mut().ok_or_else(|| ErrorRecord::runtime("The store is not open.", "NoStore").into())
    }

    /// Forgets the connection to the store, after it broke.
    pub(crate) fn close_store(&mut self) {
        self.store = None;
    }

    /// The error of something that stands at `extent`, unless it already has a place.
    pub(crate) fn place(flow: Flow, command: Option<&str>, extent: &Extent) -> Flow {
        match flow {
            Flow::Error(record, reach) => Flow::Error(record.at(command, extent), reach),
            other => other,
        }
    }
}

/// The store's error as a cmdlet's. No public source shows Lync's own.
pub(crate) fn store_failure(error: crate::store::StoreError) -> Flow {
    use crate::store::StoreError;
    let id = match &error {
        StoreError::Unreachable { .. } => "CannotConnectToManagementStore",
        StoreError::Refused { .. } => "ManagementStoreRefused",
        StoreError::NotPublished { .. } => "NoTopologyPublished",
        StoreError::Damaged { .. } => "ManagementStoreDamaged",
    };
    let category =
        if id == "CannotConnectToManagementStore" { "ResourceUnavailable" } else { "InvalidOperation" };
    ErrorRecord::new(error.to_string(), category, "Microsoft.Rtc.Management.Xds.XdsStoreException", id).into()
}

/// `$ErrorActionPreference = value`, checked as PowerShell checks it.
fn preference(value: Value) -> Result<Value, Flow> {
    let known = ["SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore", "Suspend"];
    let text = value.text();
    if let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(&text)) {
        return Ok(Value::from(*name));
    }
    Err(ErrorRecord::new(
        format!(
            "Cannot convert value \"{text}\" to type \"System.Management.Automation.ActionPreference\". Error: \
             \"Unable to match the identifier name {text} to a valid enumerator name. Specify one of the following \
             enumerator names and try again:\n{}\"",
            known.join(", ")
        ),
        "MetadataError",
        "System.Management.Automation.ArgumentTransformationMetadataException",
        "RuntimeException",
    )
    .into())
}

/// `$PSVersionTable`, as far as scripts look into it.
fn version_table() -> Value {
    let version = Object::value(
        "System.Version",
        vec![
            ("Major", Value::Int(5)),
            ("Minor", Value::Int(1)),
            ("Build", Value::Int(0)),
            ("Revision", Value::Int(0)),
        ],
    );
    custom_object(&HashTable(vec![
        (Value::from("PSVersion"), version),
        (Value::from("PSEdition"), Value::from("Desktop")),
    ]))
}
