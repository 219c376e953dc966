//! JSON_MODIFY: one place of a JSON text changed, the rest as it was.

use super::path::{Found, JsonPath, Place, Step, follow};
use super::text::{Kind, Reader, Span};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::exec::format;
use crate::exec::functions::text_of;
use crate::messages::error;
use crate::value::{DataType, Value};

/// JSON_MODIFY(text, path, value, whether the value is JSON).
pub(in crate::exec) fn modify(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> SqlResult<Value> {
    let path = super::path_of(a.get(1))?.ok_or_else(|| super::no_path("json_modify"))?;
    if path.steps.is_empty() && !path.append {
        return Err(error(13_619, 1, &[&2, &"JSON_MODIFY"]));
    }
    let Some(text) = text_of(a.first()) else { return Ok(Value::Null) };
    let value = a.get(2).unwrap_or(&Value::Null);
    let is_json = matches!(a.get(3), Some(Value::Bit(true)));
    let new = written(value, types.get(2).copied().unwrap_or(DataType::Int), is_json);
    let found = follow(text, &path)?;
    let changed = if path.append {
        append(text, &path, &found, &new)?
    } else {
        replace(text, &path, &found, if value.is_null() { None } else { Some(&new) })?
    };
    let Some(changed) = changed else { return Ok(Value::text(text)) };
    // What is handed out has been read as a whole.
    Reader::new(text).document()?;
    Ok(Value::text(changed))
}

/// A value as JSON.
fn written(value: &Value, data_type: DataType, is_json: bool) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bit(bit) => bit.to_string(),
        Value::Text(text) if is_json => text.to_string(),
        Value::Text(text) => format::json::quoted(text),
        other => format::shown(other, data_type).unwrap_or_default(),
    }
}

/// Sets, adds or (`None`, lax) removes; `None` when nothing changes.
fn replace(text: &str, path: &JsonPath, found: &Found, new: Option<&str>) -> SqlResult<Option<String>> {
    match (found, new) {
        (Found::Value(place), Some(new)) => Ok(Some(spliced(text, place.value.start, place.value.end, new))),
        (Found::Value(place), None) if path.strict || place.name_at.is_none() => {
            Ok(Some(spliced(text, place.value.start, place.value.end, "null")))
        }
        (Found::Value(place), None) => Ok(Some(without(text, *place))),
        (Found::Nothing(_), _) if path.strict => Err(error(13_608, 2, &[])),
        (Found::Nothing(Some(parent)), Some(new)) => Ok(added(text, path, *parent, new)),
        (Found::Nothing(_), _) => Ok(None),
    }
}

/// Adds to the array at the path, or makes one.
fn append(text: &str, path: &JsonPath, found: &Found, new: &str) -> SqlResult<Option<String>> {
    match found {
        Found::Value(place) if place.value.kind == Kind::Array => {
            let array = place.value;
            let inside = text[array.start + 1..array.end - 1].trim();
            let new = if inside.is_empty() { new.to_owned() } else { format!(",{new}") };
            Ok(Some(spliced(text, array.end - 1, array.end - 1, &new)))
        }
        Found::Value(_) if path.strict => Err(error(13_621, 1, &[])),
        Found::Value(_) => Ok(None),
        Found::Nothing(_) if path.strict => Err(error(13_608, 2, &[])),
        Found::Nothing(Some(parent)) => Ok(added(text, path, *parent, &format!("[{new}]"))),
        Found::Nothing(None) => Ok(None),
    }
}

/// A new member at the end of an object. An array gets no element beyond its end.
fn added(text: &str, path: &JsonPath, parent: Span, new: &str) -> Option<String> {
    let Some(Step::Member(name)) = path.steps.last() else { return None };
    let inside = text[parent.start + 1..parent.end - 1].trim();
    let comma = if inside.is_empty() { "" } else { "," };
    // The name stands as the path has it: a slash is not escaped.
    let name = format::json::quoted(name).replace("\\/", "/");
    Some(spliced(text, parent.end - 1, parent.end - 1, &format!("{comma}{name}:{new}")))
}

/// Without a member, and without one of the commas around it.
fn without(text: &str, place: Place) -> String {
    let start = place.name_at.unwrap_or(place.value.start);
    let behind = &text[place.value.end..];
    let space = behind.len() - behind.trim_start().len();
    if let Some(rest) = behind.trim_start().strip_prefix(',') {
        let more = rest.len() - rest.trim_start().len();
        return spliced(text, start, place.value.end + space + 1 + more, "");
    }
    let before = text[..start].trim_end();
    let start = before.strip_suffix(',').map_or(start, str::len);
    spliced(text, start, place.value.end, "")
}

fn spliced(text: &str, start: usize, end: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..start], &text[end..])
}
