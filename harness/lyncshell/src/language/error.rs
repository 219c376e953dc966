//! Errors as PowerShell raises and prints them.

use std::rc::Rc;

use super::ast::Extent;
use super::value::{ERROR_RECORD, Object, Value};

/// An error record. Its details live on the heap, so that it can be returned anywhere.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ErrorRecord(Box<ErrorDetails>);

impl std::ops::Deref for ErrorRecord {
    type Target = ErrorDetails;

    fn deref(&self) -> &ErrorDetails {
        &self.0
    }
}

impl std::ops::DerefMut for ErrorRecord {
    fn deref_mut(&mut self) -> &mut ErrorDetails {
        &mut self.0
    }
}

/// What an error record holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ErrorDetails {
    /// What happened.
    pub(crate) message: String,
    /// The category's name, such as `InvalidArgument`.
    pub(crate) category: &'static str,
    /// The target in the category line: `(target:Type)` without the parentheses.
    pub(crate) target: String,
    /// The exception's type, with its namespace.
    pub(crate) exception: String,
    /// The fully qualified error id.
    pub(crate) id: String,
    /// The command that raised it, if a command did.
    pub(crate) command: Option<String>,
    /// What stands before the message: the command's name, as a rule.
    pub(crate) origin: Option<String>,
    /// Where in the script.
    pub(crate) extent: Option<Extent>,
    /// What was thrown, when it was not text.
    pub(crate) thrown: Option<Rc<Value>>,
}

impl ErrorRecord {
    /// An error with a message, a category, an exception type and an id.
    pub(crate) fn new(
        message: impl Into<String>,
        category: &'static str,
        exception: &str,
        id: impl Into<String>,
    ) -> Self {
        Self(Box::new(ErrorDetails {
            message: message.into(),
            category,
            target: ":".into(),
            exception: exception.to_owned(),
            id: id.into(),
            command: None,
            origin: None,
            extent: None,
            thrown: None,
        }))
    }

    /// An error of the language itself.
    pub(crate) fn runtime(message: impl Into<String>, id: &str) -> Self {
        Self::new(message, "InvalidOperation", "System.Management.Automation.RuntimeException", id)
    }

    /// Something this shell does not model, found while running.
    pub(crate) fn not_modelled(what: &str) -> Self {
        Self::new(
            format!("lync-shell does not model {what}."),
            "NotImplemented",
            "System.NotImplementedException",
            "NotModelled",
        )
    }

    /// The same error about a target.
    #[must_use]
    pub(crate) fn with_target(mut self, target: &str, type_name: &str) -> Self {
        self.target = format!("{target}:{type_name}");
        self
    }

    /// The same error with a name before its message.
    #[must_use]
    pub(crate) fn with_origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// The same error raised by a command at a place, unless it already has one.
    #[must_use]
    pub(crate) fn at(mut self, command: Option<&str>, extent: &Extent) -> Self {
        if self.extent.is_none() {
            self.extent = Some(extent.clone());
        }
        if self.command.is_none()
            && let Some(command) = command
        {
            self.command = Some(command.to_owned());
            self.origin.get_or_insert_with(|| command.to_owned());
        }
        self
    }

    /// The error as `$_` in a `catch` sees it.
    pub(crate) fn as_value(&self) -> Value {
        let exception = match &self.thrown {
            Some(thrown) => Object::value(
                &self.exception,
                vec![
                    ("Message", Value::from(self.message.as_str())),
                    ("TargetObject", thrown.as_ref().clone()),
                ],
            ),
            None => Object::value(
                &self.exception,
                vec![("Message", Value::from(self.message.as_str())), ("InnerException", Value::Null)],
            ),
        };
        let category = Object::value(
            "System.Management.Automation.ErrorCategoryInfo",
            vec![
                ("Category", Value::from(self.category)),
                ("Activity", Value::from(self.command.as_deref().unwrap_or_default())),
                ("Reason", Value::from(self.reason())),
                ("TargetName", Value::from(self.target.split(':').next().unwrap_or_default())),
            ],
        );
        let position = self.extent.as_ref().map(position_message).unwrap_or_default();
        let invocation = Object::value(
            "System.Management.Automation.InvocationInfo",
            vec![
                (
                    "ScriptLineNumber",
                    self.extent.as_ref().map_or(Value::Null, |at| Value::Int(at.line as i64)),
                ),
                ("PositionMessage", Value::from(position)),
                ("Line", self.extent.as_ref().map_or(Value::Null, |at| Value::from(at.line_text.as_ref()))),
            ],
        );
        let target = self.thrown.as_ref().map_or(Value::Null, |thrown| thrown.as_ref().clone());
        Object::value(
            ERROR_RECORD,
            vec![
                ("Exception", exception),
                ("TargetObject", target),
                ("CategoryInfo", category),
                ("FullyQualifiedErrorId", Value::from(self.id.as_str())),
                ("ErrorDetails", Value::Null),
                ("InvocationInfo", invocation),
            ],
        )
    }

    /// The exception's type without its namespace.
    fn reason(&self) -> &str {
        self.exception.rsplit('.').next().unwrap_or_default()
    }

    /// The error as Windows PowerShell prints it (`$ErrorView = 'NormalView'`),
    /// without breaking lines at the console's width.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        if self.category == "ParserError" {
            if let Some(extent) = &self.extent {
                text.push_str(&position_message(extent));
                text.push('\n');
            }
            text.push_str(&self.message);
        } else {
            if let Some(origin) = &self.origin {
                text.push_str(&format!("{origin} : "));
            }
            text.push_str(&self.message);
            if let Some(extent) = &self.extent {
                text.push('\n');
                text.push_str(&position_message(extent));
            }
        }
        let command = self.command.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "\n    + CategoryInfo          : {}: ({}) [{command}], {}\n    + FullyQualifiedErrorId : {}\n \n",
            self.category,
            self.target,
            self.reason(),
            self.id,
        ));
        text
    }
}

/// `At line:1 char:5` with the line and a row of tildes under the place.
fn position_message(extent: &Extent) -> String {
    let first = extent.text.lines().next().unwrap_or_default();
    let length = first.chars().count().max(1);
    let tildes = "~".repeat(length);
    let indent = " ".repeat(extent.column.saturating_sub(1));
    format!(
        "At line:{} char:{}\n+ {}\n+ {indent}{tildes}",
        extent.line,
        extent.column,
        extent.line_text.trim_end()
    )
}
