//! PowerShell's values, as far as scripts here meet them.

use std::cell::RefCell;
use std::rc::Rc;

use super::ast::Block;

/// A value in a pipeline or a variable.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    String(Rc<str>),
    Array(Rc<Vec<Value>>),
    Hash(Rc<RefCell<HashTable>>),
    Object(Rc<Object>),
    Enum(EnumValue),
    DateTime(jiff::Timestamp),
    ScriptBlock(Rc<Block>, Rc<str>),
    Type(Rc<str>),
}

/// A member of a .NET enumeration: prints as its name, turns into JSON as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnumValue {
    pub(crate) of: &'static EnumType,
    pub(crate) index: usize,
}

/// A .NET enumeration whose members count from zero.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EnumType {
    pub(crate) name: &'static str,
    pub(crate) members: &'static [&'static str],
}

impl EnumType {
    /// The member called `name`, in any case.
    pub(crate) fn member(&'static self, name: &str) -> Option<EnumValue> {
        let index = self.members.iter().position(|member| member.eq_ignore_ascii_case(name))?;
        Some(EnumValue { of: self, index })
    }
}

impl EnumValue {
    /// The member's name.
    pub(crate) fn name(self) -> &'static str {
        self.of.members[self.index]
    }
}

/// A hash table: keys in any case, kept in the order of insertion.
///
/// Windows PowerShell's `@{}` has no order at all; a simulation needs one.
#[derive(Debug, Default)]
pub(crate) struct HashTable(pub(crate) Vec<(Value, Value)>);

impl HashTable {
    /// The value under `key`.
    pub(crate) fn get(&self, key: &Value) -> Option<&Value> {
        self.0.iter().find(|(known, _)| same_key(known, key)).map(|(_, value)| value)
    }

    /// The value under a text key.
    pub(crate) fn named(&self, key: &str) -> Option<&Value> {
        self.get(&Value::from(key))
    }

    /// Puts `value` under `key`.
    pub(crate) fn set(&mut self, key: Value, value: Value) {
        match self.0.iter_mut().find(|(known, _)| same_key(known, &key)) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }
}

/// Whether two keys are one.
fn same_key(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Int(_), _) | (_, Value::Int(_)) => false,
        _ => left.text().eq_ignore_ascii_case(&right.text()),
    }
}

/// An object: a type name and properties in their order.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) type_name: Rc<str>,
    pub(crate) properties: RefCell<Vec<(Rc<str>, Value)>>,
}

impl Object {
    /// An object of a type with these properties.
    pub(crate) fn value(type_name: &str, properties: Vec<(&str, Value)>) -> Value {
        let properties = properties.into_iter().map(|(name, value)| (Rc::from(name), value)).collect();
        Value::Object(Rc::new(Self { type_name: type_name.into(), properties: RefCell::new(properties) }))
    }

    /// A property's value, by its name in any case.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let properties = self.properties.borrow();
        properties.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }

    /// Sets a property that is there; `false` when it is not.
    pub(crate) fn set(&self, name: &str, value: Value) -> bool {
        let mut properties = self.properties.borrow_mut();
        match properties.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, old)) => {
                *old = value;
                true
            }
            None => false,
        }
    }
}

impl Value {
    /// A list of strings.
    pub(crate) fn strings<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Array(Rc::new(items.into_iter().map(|item| Self::from(item.as_ref())).collect()))
    }

    /// What a pipeline's output is as one value: nothing, the one thing, or an array.
    pub(crate) fn from_output(mut output: Vec<Value>) -> Self {
        match output.len() {
            0 => Self::Null,
            1 => output.pop().unwrap_or(Self::Null),
            _ => Self::Array(Rc::new(output)),
        }
    }

    /// What the value contributes to a pipeline: an array's items, otherwise
    /// itself. `$null` counts as one thing, as in PowerShell.
    pub(crate) fn into_items(self) -> Vec<Value> {
        match self {
            Self::Array(items) => items.as_ref().clone(),
            other => vec![other],
        }
    }

    /// PowerShell's truth.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Double(value) => *value != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Array(items) => match items.as_slice() {
                [] => false,
                [one] => one.truth(),
                _ => true,
            },
            Self::Enum(member) => member.index != 0,
            Self::Hash(_) | Self::Object(_) | Self::DateTime(_) | Self::ScriptBlock(..) | Self::Type(_) => {
                true
            }
        }
    }

    /// The value as PowerShell puts it into a string.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Double(value) => double_text(*value),
            Self::String(text) => text.to_string(),
            Self::Array(items) => items.iter().map(Self::text).collect::<Vec<_>>().join(" "),
            Self::Hash(_) => "System.Collections.Hashtable".to_owned(),
            Self::Object(object) => object_text(object),
            Self::Enum(member) => member.name().to_owned(),
            Self::DateTime(at) => date_text(*at),
            Self::ScriptBlock(_, source) => source.to_string(),
            Self::Type(name) => name.to_string(),
        }
    }

    /// The .NET type's full name.
    pub(crate) fn type_name(&self) -> Rc<str> {
        match self {
            Self::Null => "null".into(),
            Self::Bool(_) => "System.Boolean".into(),
            Self::Int(value) if i32::try_from(*value).is_ok() => "System.Int32".into(),
            Self::Int(_) => "System.Int64".into(),
            Self::Double(_) => "System.Double".into(),
            Self::String(_) => "System.String".into(),
            Self::Array(_) => "System.Object[]".into(),
            Self::Hash(_) => "System.Collections.Hashtable".into(),
            Self::Object(object) => Rc::clone(&object.type_name),
            Self::Enum(member) => member.of.name.into(),
            Self::DateTime(_) => "System.DateTime".into(),
            Self::ScriptBlock(..) => "System.Management.Automation.ScriptBlock".into(),
            Self::Type(_) => "System.RuntimeType".into(),
        }
    }
}

/// The type of objects made by `[pscustomobject]` and `Select-Object`.
pub(crate) const CUSTOM_OBJECT: &str = "System.Management.Automation.PSCustomObject";
/// The type of the errors in `$_` and `$Error`.
pub(crate) const ERROR_RECORD: &str = "System.Management.Automation.ErrorRecord";
/// The type of a cmdlet in `Get-Command`'s answer.
pub(crate) const CMDLET_INFO: &str = "System.Management.Automation.CmdletInfo";

/// An object in a string: custom objects show their properties, errors and
/// exceptions their message, others their type.
fn object_text(object: &Object) -> String {
    match object.type_name.as_ref() {
        CUSTOM_OBJECT => {
            let properties = object.properties.borrow();
            let shown: Vec<String> =
                properties.iter().map(|(name, value)| format!("{name}={}", value.text())).collect();
            format!("@{{{}}}", shown.join("; "))
        }
        ERROR_RECORD => match object.get("Exception") {
            Some(Value::Object(exception)) => {
                exception.get("Message").map(|text| text.text()).unwrap_or_default()
            }
            _ => String::new(),
        },
        CMDLET_INFO => object.get("Name").map(|name| name.text()).unwrap_or_default(),
        _ if object.type_name.ends_with("Exception") => {
            let message = object.get("Message").map(|text| text.text()).unwrap_or_default();
            format!("{}: {message}", object.type_name)
        }
        _ => object.type_name.to_string(),
    }
}

/// A floating-point number as .NET prints it, as far as whole and short numbers go.
fn double_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    format!("{value}")
}

/// A point in time as the invariant culture prints it (`MM/dd/yyyy HH:mm:ss`), in UTC.
pub(crate) fn date_text(at: jiff::Timestamp) -> String {
    at.strftime("%m/%d/%Y %H:%M:%S").to_string()
}

impl PartialEq for Value {
    /// Equality of syntax trees only; scripts compare with `-eq`.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Double(left), Self::Double(right)) => left == right,
            (Self::String(left), Self::String(right)) => left == right,
            (Self::Array(left), Self::Array(right)) => left == right,
            (Self::Enum(left), Self::Enum(right)) => left == right,
            (Self::DateTime(left), Self::DateTime(right)) => left == right,
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
