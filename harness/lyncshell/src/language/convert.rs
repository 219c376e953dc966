//! PowerShell's conversions between types, as far as they are needed here.

use std::cell::RefCell;
use std::rc::Rc;

use super::error::ErrorRecord;
use super::value::{CUSTOM_OBJECT, HashTable, Object, Value};

/// A conversion's outcome.
pub(crate) type Converted<T> = Result<T, ErrorRecord>;

/// The error of a conversion that cannot be made.
fn cannot(value: &Value, type_name: &str, why: &str) -> ErrorRecord {
    let mut error = ErrorRecord::new(
        format!("Cannot convert value \"{}\" to type \"{type_name}\". Error: \"{why}\"", value.text()),
        "InvalidArgument",
        "System.Management.Automation.RuntimeException",
        "InvalidCastFromStringToInteger",
    );
    error.target = ":".into();
    error
}

/// A value as a number: `$null` is 0, text is parsed.
pub(crate) fn number(value: &Value) -> Converted<Value> {
    match value {
        Value::Int(_) | Value::Double(_) => Ok(value.clone()),
        Value::Null => Ok(Value::Int(0)),
        Value::Bool(flag) => Ok(Value::Int(i64::from(*flag))),
        Value::Enum(member) => Ok(Value::Int(member.index as i64)),
        Value::String(text) => {
            let text = text.trim();
            if text.is_empty() {
                return Ok(Value::Int(0));
            }
            if let Ok(whole) = text.parse::<i64>() {
                return Ok(Value::Int(whole));
            }
            match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::Double(number)),
                _ => Err(cannot(value, "System.Int32", "Input string was not in a correct format.")),
            }
        }
        _ => Err(cannot(value, "System.Int32", "Input string was not in a correct format.")),
    }
}

/// A value as a whole number; fractions are rounded to even, as .NET does.
pub(crate) fn integer(value: &Value) -> Converted<i64> {
    match number(value)? {
        Value::Int(whole) => Ok(whole),
        Value::Double(number) if number.abs() < 9.0e18 => Ok(number.round_ties_even() as i64),
        _ => Err(cannot(value, "System.Int32", "Value was either too large or too small for an Int32.")),
    }
}

/// A type's name as scripts write it, without `System.` and in lower case.
pub(crate) fn simple_type(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let lower = lower.strip_prefix("system.management.automation.").unwrap_or(&lower);
    lower.strip_prefix("system.").unwrap_or(lower).to_owned()
}

/// `[type]value`.
pub(crate) fn cast(type_name: &str, value: Value) -> Converted<Value> {
    match simple_type(type_name).as_str() {
        "string" => Ok(Value::from(value.text())),
        "int" | "int32" | "int64" | "long" | "int16" | "uint32" | "uint64" | "byte" => {
            Ok(Value::Int(integer(&value)?))
        }
        "double" | "single" | "float" | "decimal" => match number(&value)? {
            Value::Int(whole) => Ok(Value::Double(whole as f64)),
            other => Ok(other),
        },
        "bool" | "boolean" | "switch" | "switchparameter" => Ok(Value::Bool(value.truth())),
        "array" | "object[]" => Ok(match value {
            Value::Array(_) => value,
            Value::Null => Value::Null,
            other => Value::Array(Rc::new(vec![other])),
        }),
        "string[]" => Ok(match value {
            Value::Null => Value::Null,
            other => Value::strings(other.into_items().iter().map(Value::text)),
        }),
        "pscustomobject" | "psobject" => Ok(match value {
            Value::Hash(table) => custom_object(&table.borrow()),
            other => other,
        }),
        "ordered" | "hashtable" | "collections.hashtable" => match value {
            Value::Hash(_) => Ok(value),
            other => Err(cannot(&other, "System.Collections.Hashtable", "The value is not a hash table.")),
        },
        "void" => Ok(Value::Null),
        "object" => Ok(value),
        "scriptblock" if matches!(value, Value::ScriptBlock(..)) => Ok(value),
        "datetime" => match &value {
            Value::DateTime(_) => Ok(value),
            other => match date(&other.text()) {
                Some(at) => Ok(Value::DateTime(at)),
                None => {
                    Err(cannot(other, "System.DateTime", "String was not recognized as a valid DateTime."))
                }
            },
        },
        _ => Err(ErrorRecord::not_modelled(&format!("the type [{type_name}]"))),
    }
}

/// A date in ISO 8601, with or without time and zone; UTC when it names none.
fn date(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at);
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok().or_else(|| {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        Some(date.at(0, 0, 0, 0))
    })?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// `[pscustomobject]@{ … }`.
pub(crate) fn custom_object(table: &HashTable) -> Value {
    let properties =
        table.0.iter().map(|(key, value)| (Rc::from(key.text()), value.clone())).collect::<Vec<_>>();
    Value::Object(Rc::new(Object { type_name: CUSTOM_OBJECT.into(), properties: RefCell::new(properties) }))
}

/// Whether a value is of a type: `-is`.
pub(crate) fn is_of_type(value: &Value, type_name: &str) -> bool {
    let wanted = simple_type(type_name);
    let own = value.type_name();
    let own = simple_type(&own);
    match wanted.as_str() {
        "object" => !matches!(value, Value::Null),
        "int" | "int32" => matches!(value, Value::Int(number) if i32::try_from(*number).is_ok()),
        "long" | "int64" => matches!(value, Value::Int(number) if i32::try_from(*number).is_err()),
        "bool" | "boolean" => matches!(value, Value::Bool(_)),
        "array" | "object[]" => matches!(value, Value::Array(_)),
        "hashtable" | "collections.hashtable" => matches!(value, Value::Hash(_)),
        "psobject" | "pscustomobject" => matches!(value, Value::Object(_)),
        _ => own == wanted,
    }
}

/// Whether an exception of a type would be caught by `catch [wanted]`.
///
/// Every exception is a `System.Exception`; other base types are not known.
pub(crate) fn catches(wanted: &str, exception: &str) -> bool {
    let wanted = simple_type(wanted);
    wanted == "exception" || wanted == simple_type(exception)
}
