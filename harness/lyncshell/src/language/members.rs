//! Properties and methods of values: the part of .NET that scripts touch.

use std::rc::Rc;

use super::convert::{Converted, integer, simple_type};
use super::error::ErrorRecord;
use super::expressions::{CONSOLE_ERROR, CONSOLE_OUT};
use super::operators;
use super::value::{Object, Value};

/// `value.name`. On a list without such a property: the property of its items.
pub(crate) fn property(value: &Value, name: &str) -> Option<Value> {
    let lower = name.to_ascii_lowercase();
    match value {
        Value::Null => None,
        Value::Object(object) => object.get(name).or_else(|| common_property(value, &lower)),
        Value::Hash(table) => {
            let table = table.borrow();
            if let Some(found) = table.named(name) {
                return Some(found.clone());
            }
            match lower.as_str() {
                "count" => Some(Value::Int(table.0.len() as i64)),
                "keys" => Some(Value::Array(Rc::new(table.0.iter().map(|(key, _)| key.clone()).collect()))),
                "values" => {
                    Some(Value::Array(Rc::new(table.0.iter().map(|(_, value)| value.clone()).collect())))
                }
                _ => None,
            }
        }
        Value::Array(items) => match lower.as_str() {
            "count" | "length" => Some(Value::Int(items.len() as i64)),
            _ => {
                let found: Vec<Value> = items.iter().filter_map(|item| property(item, name)).collect();
                if found.is_empty() { None } else { Some(Value::from_output(found)) }
            }
        },
        Value::String(text) if lower == "length" => Some(Value::Int(text.chars().count() as i64)),
        Value::DateTime(at) => date_property(*at, &lower).or_else(|| common_property(value, &lower)),
        Value::Type(type_name) => match lower.as_str() {
            "name" => Some(Value::from(type_name.rsplit('.').next().unwrap_or_default())),
            "fullname" => Some(Value::from(type_name.as_ref())),
            _ => None,
        },
        Value::Enum(member) if lower == "value__" => Some(Value::Int(member.index as i64)),
        _ => common_property(value, &lower),
    }
}

/// Every single value has a `Count` and a `Length` of one.
fn common_property(value: &Value, lower: &str) -> Option<Value> {
    match (value, lower) {
        (Value::Null, _) => None,
        (_, "count" | "length") => Some(Value::Int(1)),
        _ => None,
    }
}

fn date_property(at: jiff::Timestamp, lower: &str) -> Option<Value> {
    let civil = jiff::tz::TimeZone::UTC.to_datetime(at);
    Some(match lower {
        "year" => Value::Int(i64::from(civil.year())),
        "month" => Value::Int(i64::from(civil.month())),
        "day" => Value::Int(i64::from(civil.day())),
        "hour" => Value::Int(i64::from(civil.hour())),
        "minute" => Value::Int(i64::from(civil.minute())),
        "second" => Value::Int(i64::from(civil.second())),
        "ticks" => Value::Int(621_355_968_000_000_000 + at.as_millisecond() * 10_000),
        _ => return None,
    })
}

/// A point in time in one of the formats scripts use.
pub(crate) fn format_date(at: jiff::Timestamp, how: &str) -> Converted<String> {
    let pattern = match how {
        "o" | "O" => "%Y-%m-%dT%H:%M:%S.%7fZ".to_owned(),
        "s" => "%Y-%m-%dT%H:%M:%S".to_owned(),
        "u" => "%Y-%m-%d %H:%M:%SZ".to_owned(),
        custom => {
            let mut pattern = custom.replace('%', "%%");
            for (from, to) in [
                ("yyyy", "%Y"),
                ("MM", "%m"),
                ("dd", "%d"),
                ("HH", "%H"),
                ("mm", "%M"),
                ("ss", "%S"),
                ("fff", "%3f"),
            ] {
                pattern = pattern.replace(from, to);
            }
            let left = pattern.replace("%Y", "").replace("%m", "").replace("%d", "").replace("%H", "");
            let left =
                left.replace("%M", "").replace("%S", "").replace("%3f", "").replace(['T', 'Z', '\''], "");
            if left.chars().any(char::is_alphabetic) {
                return Err(ErrorRecord::not_modelled(&format!("the date format '{how}'")));
            }
            pattern.replace('\'', "")
        }
    };
    Ok(at.strftime(&pattern).to_string())
}

/// The error of a method that is not there.
fn no_method(value: &Value, name: &str) -> ErrorRecord {
    if matches!(value, Value::Null) {
        return ErrorRecord::runtime(
            "You cannot call a method on a null-valued expression.",
            "InvokeMethodOnNull",
        );
    }
    ErrorRecord::runtime(
        format!(
            "Method invocation failed because [{}] does not contain a method named '{name}' that lync-shell models.",
            value.type_name()
        ),
        "MethodNotFound",
    )
}

/// `value.name(arguments)`.
pub(crate) fn call(value: &Value, name: &str, arguments: &[Value]) -> Converted<Value> {
    let lower = name.to_ascii_lowercase();
    match (value, lower.as_str()) {
        (Value::Null, _) => Err(no_method(value, name)),
        (Value::DateTime(at), "tostring") if !arguments.is_empty() => {
            Ok(Value::from(format_date(*at, &arguments[0].text())?))
        }
        (Value::DateTime(at), _) if lower != "tostring" && lower != "gettype" => {
            date_method(*at, &lower, arguments).ok_or_else(|| no_method(value, name))?
        }
        (Value::Int(_) | Value::Double(_), "tostring") if !arguments.is_empty() => {
            Ok(Value::from(operators::formatted(value, &arguments[0].text())?))
        }
        (_, "tostring") => Ok(Value::from(value.text())),
        (_, "gettype") => Ok(Value::Type(value.type_name())),
        (_, "equals") if arguments.len() == 1 => {
            Ok(Value::Bool(operators::equal(value, &arguments[0], true)))
        }
        (Value::String(text), _) => {
            text_method(text, &lower, arguments)?.ok_or_else(|| no_method(value, name))
        }
        (Value::Hash(table), "containskey" | "contains") if arguments.len() == 1 => {
            Ok(Value::Bool(table.borrow().get(&arguments[0]).is_some()))
        }
        (Value::Hash(table), "add") if arguments.len() == 2 => {
            table.borrow_mut().set(arguments[0].clone(), arguments[1].clone());
            Ok(Value::Null)
        }
        (Value::Hash(table), "remove") if arguments.len() == 1 => {
            let key = arguments[0].text();
            table.borrow_mut().0.retain(|(known, _)| !known.text().eq_ignore_ascii_case(&key));
            Ok(Value::Null)
        }
        (Value::Array(items), "contains") if arguments.len() == 1 => {
            Ok(Value::Bool(items.iter().any(|item| operators::equal(item, &arguments[0], true))))
        }
        _ => Err(no_method(value, name)),
    }
}

fn date_method(at: jiff::Timestamp, lower: &str, arguments: &[Value]) -> Option<Converted<Value>> {
    let seconds_each = match lower {
        "touniversaltime" | "tolocaltime" if arguments.is_empty() => return Some(Ok(Value::DateTime(at))),
        "addseconds" => 1,
        "addminutes" => 60,
        "addhours" => 3600,
        "adddays" => 86_400,
        _ => return None,
    };
    let add = || -> Converted<Value> {
        let count = integer(arguments.first().unwrap_or(&Value::Null))?;
        let seconds = jiff::SignedDuration::from_secs(count.saturating_mul(seconds_each));
        let moved = at.checked_add(seconds).map_err(|_| {
            ErrorRecord::runtime(
                "The added or subtracted value results in an un-representable DateTime.",
                "ArgumentOutOfRangeException",
            )
        })?;
        Ok(Value::DateTime(moved))
    };
    Some(add())
}

/// A method of a string; `None` when it is not one we know.
fn text_method(text: &str, lower: &str, arguments: &[Value]) -> Converted<Option<Value>> {
    let argument = |index: usize| arguments.get(index).map(Value::text).unwrap_or_default();
    let of_characters = |index: usize| -> Vec<char> {
        arguments
            .get(index..)
            .unwrap_or_default()
            .iter()
            .flat_map(|value| value.text().chars().collect::<Vec<_>>())
            .collect()
    };
    let trimmed: Vec<char> = of_characters(0);
    let is_trimmed = |c: char| if trimmed.is_empty() { c.is_whitespace() } else { trimmed.contains(&c) };
    Ok(Some(match lower {
        "toupper" | "toupperinvariant" => Value::from(text.to_uppercase()),
        "tolower" | "tolowerinvariant" => Value::from(text.to_lowercase()),
        "trim" => Value::from(text.trim_matches(is_trimmed)),
        "trimstart" => Value::from(text.trim_start_matches(is_trimmed)),
        "trimend" => Value::from(text.trim_end_matches(is_trimmed)),
        "startswith" => Value::Bool(text.starts_with(&argument(0))),
        "endswith" => Value::Bool(text.ends_with(&argument(0))),
        "contains" => Value::Bool(text.contains(&argument(0))),
        "replace" if !argument(0).is_empty() => Value::from(text.replace(&argument(0), &argument(1))),
        "indexof" => match text.find(&argument(0)) {
            Some(at) => Value::Int(text[..at].chars().count() as i64),
            None => Value::Int(-1),
        },
        "split" => {
            let separators = of_characters(0);
            Value::strings(text.split(|c: char| {
                if separators.is_empty() { c.is_whitespace() } else { separators.contains(&c) }
            }))
        }
        "substring" => return substring(text, arguments).map(Some),
        "padleft" | "padright" => {
            let width =
                usize::try_from(integer(arguments.first().unwrap_or(&Value::Null))?).unwrap_or(0).min(10_000);
            Value::from(if lower == "padleft" {
                format!("{text:>width$}")
            } else {
                format!("{text:<width$}")
            })
        }
        _ => return Ok(None),
    }))
}

fn substring(text: &str, arguments: &[Value]) -> Converted<Value> {
    let wrong = || {
        ErrorRecord::new(
            "Exception calling \"Substring\": \"startIndex cannot be larger than length of string.\"",
            "NotSpecified",
            "System.Management.Automation.MethodInvocationException",
            "ArgumentOutOfRangeException",
        )
    };
    let characters: Vec<char> = text.chars().collect();
    let start = usize::try_from(integer(arguments.first().unwrap_or(&Value::Null))?).map_err(|_| wrong())?;
    let length = match arguments.get(1) {
        Some(length) => usize::try_from(integer(length)?).map_err(|_| wrong())?,
        None => characters.len().saturating_sub(start),
    };
    let part = characters.get(start..start.saturating_add(length)).ok_or_else(wrong)?;
    Ok(Value::from(part.iter().collect::<String>()))
}

/// The type of an encoding object.
const ENCODING: &str = "System.Text.UTF8Encoding";

/// `[type]::name`; `now` is the clock's time.
pub(crate) fn static_member(
    type_name: &str,
    name: &str,
    now: jiff::Timestamp,
    machine: &str,
) -> Converted<Value> {
    let simple = simple_type(type_name);
    match (simple.as_str(), name.to_ascii_lowercase().as_str()) {
        ("datetime", "utcnow" | "now") => Ok(Value::DateTime(now)),
        ("string", "empty") => Ok(Value::from("")),
        ("environment", "machinename") => Ok(Value::from(machine)),
        ("environment", "newline") => Ok(Value::from("\r\n")),
        ("text.encoding", "utf8") => Ok(Object::value(ENCODING, vec![("WebName", Value::from("utf-8"))])),
        ("console", "outputencoding" | "inputencoding") => {
            Ok(Object::value(ENCODING, vec![("WebName", Value::from("utf-8"))]))
        }
        ("console", "error") => Ok(Object::value(CONSOLE_ERROR, Vec::new())),
        ("console", "out") => Ok(Object::value(CONSOLE_OUT, Vec::new())),
        ("int" | "int32", "maxvalue") => Ok(Value::Int(i64::from(i32::MAX))),
        _ => Err(ErrorRecord::not_modelled(&format!("[{type_name}]::{name}"))),
    }
}

/// `[type]::name = value`. Output is UTF-8 always, so only that can be asked for.
pub(crate) fn set_static_member(type_name: &str, name: &str, value: &Value) -> Converted<()> {
    let is_encoding = simple_type(type_name) == "console"
        && ["outputencoding", "inputencoding"].contains(&name.to_ascii_lowercase().as_str());
    if is_encoding && value.type_name().as_ref() == ENCODING {
        return Ok(());
    }
    Err(ErrorRecord::not_modelled(&format!("setting [{type_name}]::{name} to this")))
}

/// `[type]::name(arguments)`.
pub(crate) fn static_call(type_name: &str, name: &str, arguments: &[Value]) -> Converted<Value> {
    let argument = |index: usize| arguments.get(index).cloned().unwrap_or(Value::Null);
    match (simple_type(type_name).as_str(), name.to_ascii_lowercase().as_str()) {
        ("string", "isnullorempty") => Ok(Value::Bool(argument(0).text().is_empty())),
        ("string", "isnullorwhitespace") => Ok(Value::Bool(argument(0).text().trim().is_empty())),
        ("string", "join") => {
            let items: Vec<String> = match arguments.get(1..) {
                Some([one]) => one.clone().into_items().iter().map(Value::text).collect(),
                Some(several) => several.iter().map(Value::text).collect(),
                None => Vec::new(),
            };
            Ok(Value::from(items.join(&argument(0).text())))
        }
        ("string", "equals") => Ok(Value::Bool(operators::equal(&argument(0), &argument(1), true))),
        ("int" | "int32" | "int64" | "long", "parse") => Ok(Value::Int(integer(&argument(0))?)),
        ("math", "min" | "max") => {
            let (left, right) = (argument(0), argument(1));
            let first = operators::order(&left, &right, true)?.is_le() == name.eq_ignore_ascii_case("min");
            Ok(if first { left } else { right })
        }
        ("text.utf8encoding", "new") => Ok(Object::value(ENCODING, vec![("WebName", Value::from("utf-8"))])),
        _ => Err(ErrorRecord::not_modelled(&format!("[{type_name}]::{name}()"))),
    }
}
