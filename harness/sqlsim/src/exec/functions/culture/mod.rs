//! FORMAT, PARSE and TRY_PARSE: numbers and dates as a culture writes them.
//!
//! The cultures here are en-US, which is also the session's when none is named, and the invariant one (an empty
//! name or `iv`). Another culture is refused by name; what is no culture's name is error 9818.
//! Patterns are those of .NET ("Standard and custom format strings"), which the manual of FORMAT points to.

mod digits;
mod moment;
mod number;
mod parse;

use super::{Function, Returns, Takes, text_of};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::exec::expression::{Ex, Typed};
use crate::messages::{error, unsupported};
use crate::value::datetime::Moment;
use crate::value::{DataType, Length, Value};
use digits::Digits;

/// FORMAT. PARSE and TRY_PARSE have a syntax of their own and are bound by [`parsed`].
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "FORMAT",
    takes: &[Takes::Any, Takes::Text, Takes::Text],
    optional: 1,
    returns: Returns::Type(DataType::NVarChar(Length::Upto(4000))),
    body: format,
}];

/// A culture's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Culture {
    American,
    Invariant,
}

impl Culture {
    /// The culture of an argument; en-US when there is none.
    fn of(name: Option<&Value>, function: &str) -> SqlResult<Self> {
        let Some(name) = text_of(name) else { return Ok(Self::American) };
        match &*name.to_ascii_lowercase() {
            "en-us" => return Ok(Self::American),
            "" | "iv" => return Ok(Self::Invariant),
            _ => {}
        }
        let mut parts = name.split('-');
        let language = parts.next().unwrap_or("");
        let is_language =
            (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
        let is_region =
            |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_language && parts.all(is_region) {
            return Err(unsupported(&format_args!("{function} with the culture {name}")));
        }
        Err(error(9818, 1, &[&name]))
    }

    fn currency(self) -> &'static str {
        match self {
            Self::American => "$",
            Self::Invariant => "¤",
        }
    }
}

fn format(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> SqlResult<Value> {
    let data_type = types.first().copied().unwrap_or(DataType::Int);
    if !(data_type.is_number() || data_type.is_moment()) || data_type == DataType::Bit {
        return Err(error(8116, 1, &[&data_type.name(), &1, &"format"]));
    }
    let culture = match a.get(2) {
        // A culture was given, and it is NULL.
        Some(Value::Null) => return Ok(Value::Null),
        culture => Culture::of(culture, "FORMAT")?,
    };
    let (Some(value), Some(pattern)) = (a.first().filter(|value| !value.is_null()), text_of(a.get(1))) else {
        return Ok(Value::Null);
    };
    let formatted = match (value, Moment::of(value)) {
        (Value::Time(time), _) => moment::format_time(*time, pattern),
        (_, Some(moment)) => {
            let has_offset = matches!(value, Value::DateTimeOffset { .. });
            if pattern == "U" && !has_offset {
                return Err(unsupported(&"FORMAT with the pattern U"));
            }
            moment::format(moment, has_offset, pattern, culture)
        }
        _ => Digits::of(value).and_then(|digits| number::format(&digits, data_type, pattern, culture)),
    };
    // A pattern that is none gives NULL.
    Ok(formatted
        .map_or(Value::Null, |text| Value::text(crate::value::convert::cut_text(&text, 4000).to_owned())))
}

/// Binds PARSE or TRY_PARSE: the text, a NULL of the wanted type, the culture.
pub(super) fn parsed(is_try: bool, arguments: Vec<Typed>) -> SqlResult<Typed> {
    let target = arguments.get(1).map_or(DataType::Int, |argument| argument.data_type);
    let allowed = (target.is_number() && target != DataType::Bit) || target.is_moment();
    if !allowed {
        return Err(error(10_761, 2, &[&target.name(), &if is_try { "TRY_PARSE" } else { "PARSE" }]));
    }
    if let Some(from) = arguments.first().map(|text| text.data_type)
        && !from.is_text()
        && !matches!(arguments[0].ex, Ex::Constant(Value::Null))
    {
        return Err(error(8116, 1, &[&from.name(), &1, &"parse"]));
    }
    let types: Vec<DataType> = arguments.iter().map(|argument| argument.data_type).collect();
    let list: Vec<Ex> = arguments.into_iter().map(|argument| argument.ex).collect();
    let function = if is_try { try_parse } else { strict_parse };
    Ok(Typed::new(Ex::Call { function, arguments: list, types }, target))
}

fn strict_parse(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> SqlResult<Value> {
    let culture = Culture::of(a.get(2), "PARSE")?;
    let Some(text) = text_of(a.first()) else { return Ok(Value::Null) };
    let target = types.get(1).copied().unwrap_or(DataType::Int);
    parse::parse(text, target, culture).ok_or_else(|| {
        let named = text_of(a.get(2)).unwrap_or("");
        error(9819, 1, &[&text, &target.name(), &named])
    })
}

fn try_parse(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> SqlResult<Value> {
    let culture = Culture::of(a.get(2), "TRY_PARSE")?;
    let Some(text) = text_of(a.first()) else { return Ok(Value::Null) };
    let target = types.get(1).copied().unwrap_or(DataType::Int);
    Ok(parse::parse(text, target, culture).unwrap_or(Value::Null))
}
