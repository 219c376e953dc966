//! JSON in text: JSON_VALUE, JSON_QUERY, JSON_MODIFY, ISJSON and OPENJSON.
//!
//! JSON is read where it stands and never rebuilt: JSON_QUERY gives the text as it was written, JSON_MODIFY
//! changes one place of it, and a reader stops when its path is settled, so that what comes later cannot fail it
//! ("JSON path expressions"). Of two members with one name the first counts.

mod modify;
mod open;
mod path;
mod text;

pub(super) use modify::modify;
pub(super) use open::OpenJson;

use self::path::{Found, JsonPath, follow};
use self::text::{Kind, Reader, Span, unescaped};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::exec::functions::text_of;
use crate::messages::error;
use crate::value::{DataType, Value, convert};

/// The longest text that JSON_VALUE gives.
const VALUE_MAX: usize = 4000;

/// What a JSON scalar is as text; `None` for null, and for objects and arrays.
fn scalar(text: &str, span: Span) -> Option<String> {
    let written = &text[span.start..span.end];
    match span.kind {
        Kind::Text => Some(unescaped(written)),
        Kind::Number | Kind::Bool => Some(written.to_owned()),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

/// The path argument; `None` for NULL, which some functions refuse.
fn path_of(value: Option<&Value>) -> SqlResult<Option<JsonPath>> {
    text_of(value).map(JsonPath::parse).transpose()
}

/// A NULL path (8116), with the function's name.
fn no_path(function: &str) -> crate::SqlError {
    error(8116, 8, &[&"NULL", &2, &function])
}

/// JSON_VALUE: a scalar as text.
pub(super) fn value(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> SqlResult<Value> {
    let path = path_of(a.get(1))?.ok_or_else(|| no_path("json_value"))?;
    path.refuse_append()?;
    let Some(text) = text_of(a.first()) else { return Ok(Value::Null) };
    let Found::Value(place) = follow(text, &path)? else {
        return if path.strict { Err(error(13_608, 5, &[])) } else { Ok(Value::Null) };
    };
    if matches!(place.value.kind, Kind::Array | Kind::Object) {
        return if path.strict { Err(error(13_623, 2, &[])) } else { Ok(Value::Null) };
    }
    let Some(found) = scalar(text, place.value) else { return Ok(Value::Null) };
    if convert::characters(&found) > VALUE_MAX {
        return if path.strict { Err(error(13_625, 1, &[])) } else { Ok(Value::Null) };
    }
    Ok(Value::text(found))
}

/// JSON_QUERY: an object or array as it was written.
pub(super) fn query(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> SqlResult<Value> {
    let path = match a.get(1) {
        None => JsonPath::root(),
        path => path_of(path)?.ok_or_else(|| no_path("json_query"))?,
    };
    path.refuse_append()?;
    let Some(text) = text_of(a.first()) else { return Ok(Value::Null) };
    subtree(text, &path, 5, 2)
}

/// The object or array at a path; `states` are those of 13608 and 13624.
fn subtree(text: &str, path: &JsonPath, missing_state: u8, scalar_state: u8) -> SqlResult<Value> {
    let Found::Value(place) = follow(text, path)? else {
        return if path.strict { Err(error(13_608, missing_state, &[])) } else { Ok(Value::Null) };
    };
    match place.value.kind {
        Kind::Array | Kind::Object => Ok(Value::text(&text[place.value.start..place.value.end])),
        Kind::Null => Ok(Value::Null),
        _ if path.strict => Err(error(13_624, scalar_state, &[])),
        _ => Ok(Value::Null),
    }
}

/// ISJSON: whether a text is a whole JSON object or array.
#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
pub(super) fn is_json(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> SqlResult<Value> {
    let Some(text) = text_of(a.first()) else { return Ok(Value::Null) };
    Ok(Value::Int(i64::from(Reader::new(text).document().is_ok())))
}
