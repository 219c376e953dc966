//! Text functions.

use super::{Function, Returns, TEXT, Takes, int_of, shown, text_of};
use crate::engine::definition::fold;
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::messages::error;
use crate::value::convert::{characters, cut_text, to_code_page};
use crate::value::{DataType, Length, Value};

use Takes::{Any, Int, Text};

const INT: Returns = Returns::Type(DataType::Int);

/// Text functions by name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "LEN", takes: &[Text], optional: 0, returns: INT, body: len },
    Function { name: "DATALENGTH", takes: &[Any], optional: 0, returns: INT, body: data_length },
    Function { name: "UPPER", takes: &[Text], optional: 0, returns: Returns::TextOf(0), body: upper },
    Function { name: "LOWER", takes: &[Text], optional: 0, returns: Returns::TextOf(0), body: lower },
    Function { name: "LTRIM", takes: &[Text], optional: 0, returns: Returns::TextOf(0), body: ltrim },
    Function { name: "RTRIM", takes: &[Text], optional: 0, returns: Returns::TextOf(0), body: rtrim },
    Function { name: "TRIM", takes: &[Text], optional: 0, returns: Returns::TextOf(0), body: trim },
    Function { name: "LEFT", takes: &[Text, Int], optional: 0, returns: Returns::TextOf(0), body: left },
    Function { name: "RIGHT", takes: &[Text, Int], optional: 0, returns: Returns::TextOf(0), body: right },
    Function {
        name: "SUBSTRING",
        takes: &[Any, Int, Int],
        optional: 0,
        returns: Returns::TextOf(0),
        body: substring,
    },
    Function {
        name: "REPLACE",
        takes: &[Text, Text, Text],
        optional: 0,
        returns: Returns::LongTextOf(0),
        body: replace,
    },
    Function { name: "CHARINDEX", takes: &[Text, Text, Int], optional: 1, returns: INT, body: charindex },
    Function { name: "PATINDEX", takes: &[Text, Text], optional: 0, returns: INT, body: patindex },
    Function {
        name: "REPLICATE",
        takes: &[Text, Int],
        optional: 0,
        returns: Returns::LongTextOf(0),
        body: replicate,
    },
    Function {
        name: "SPACE",
        takes: &[Int],
        optional: 0,
        returns: Returns::Type(DataType::VarChar(Length::Upto(8000))),
        body: space,
    },
    Function { name: "REVERSE", takes: &[Text], optional: 0, returns: Returns::TextOf(0), body: reverse },
    Function {
        name: "STUFF",
        takes: &[Text, Int, Int, Text],
        optional: 0,
        returns: Returns::LongTextOf(0),
        body: stuff,
    },
    Function { name: "ASCII", takes: &[Text], optional: 0, returns: INT, body: ascii },
    Function { name: "UNICODE", takes: &[Text], optional: 0, returns: INT, body: unicode },
    Function {
        name: "CHAR",
        takes: &[Int],
        optional: 0,
        returns: Returns::Type(DataType::Char(1)),
        body: char_of,
    },
    Function {
        name: "NCHAR",
        takes: &[Int],
        optional: 0,
        returns: Returns::Type(DataType::NChar(1)),
        body: nchar_of,
    },
    Function {
        name: "QUOTENAME",
        takes: &[Text, Text],
        optional: 1,
        returns: Returns::Type(DataType::NVarChar(Length::Upto(258))),
        body: quotename,
    },
    Function {
        name: "STR",
        takes: &[Takes::Float, Int, Int],
        optional: 2,
        returns: Returns::Type(DataType::VarChar(Length::Upto(8000))),
        body: str_of,
    },
    Function {
        name: "PARSENAME",
        takes: &[Text, Int],
        optional: 0,
        returns: Returns::Type(super::SYSNAME),
        body: parse_name,
    },
    Function {
        name: "FORMATMESSAGE",
        takes: &[Text, Any, Any, Any],
        optional: 3,
        returns: Returns::Type(TEXT),
        body: format_message,
    },
    Function {
        name: "TRANSLATE",
        takes: &[Text, Text, Text],
        optional: 0,
        returns: Returns::LongTextOf(0),
        body: translate,
    },
    Function {
        name: "STRING_ESCAPE",
        takes: &[Text, Text],
        optional: 0,
        returns: Returns::Type(TEXT),
        body: string_escape,
    },
    Function { name: "ISNUMERIC", takes: &[Any], optional: 0, returns: INT, body: is_numeric },
];

type Out = SqlResult<Value>;

fn map(value: Option<&Value>, change: impl FnOnce(&str) -> String) -> Out {
    Ok(text_of(value).map_or(Value::Null, |text| Value::Text(change(text).into())))
}

fn len(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    Ok(text_of(a.first())
        .map_or(Value::Null, |text| Value::Int(characters(text.trim_end_matches(' ')) as i64)))
}

fn data_length(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let data_type = types.first().copied().unwrap_or(DataType::Int);
    let length = match a.first() {
        None | Some(Value::Null) => return Ok(Value::Null),
        Some(Value::Text(text)) if data_type.is_national() => characters(text) * 2,
        Some(Value::Text(text)) => text.chars().count(),
        Some(Value::Binary(bytes)) => bytes.len(),
        Some(_) => super::fixed_bytes(data_type),
    };
    Ok(Value::Int(length as i64))
}

fn upper(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    map(a.first(), str::to_uppercase)
}

fn lower(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    map(a.first(), str::to_lowercase)
}

fn ltrim(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    map(a.first(), |text| text.trim_start_matches(' ').to_owned())
}

fn rtrim(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    map(a.first(), |text| text.trim_end_matches(' ').to_owned())
}

fn trim(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    map(a.first(), |text| text.trim_matches(' ').to_owned())
}

/// TRIM(characters FROM text).
pub(super) fn trim_from(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(characters) = text_of(a.first()) else { return Ok(Value::Null) };
    let folded: Vec<String> = characters.chars().map(|c| fold(&c.to_string())).collect();
    let trims = |c: char| folded.contains(&fold(&c.to_string()));
    map(a.get(1), |text| text.trim_matches(trims).to_owned())
}

/// TRANSLATE: each character of one list becomes the one at its place in the other.
fn translate(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(from), Some(to)) = (text_of(a.get(1)), text_of(a.get(2))) else { return Ok(Value::Null) };
    if characters(from) != characters(to) {
        return Err(error(9828, 1, &[&"TRANSLATE"]));
    }
    let from: Vec<String> = from.chars().map(|c| fold(&c.to_string())).collect();
    let to: Vec<char> = to.chars().collect();
    let other = |c: char| {
        let folded = fold(&c.to_string());
        from.iter().position(|known| *known == folded).and_then(|at| to.get(at)).copied().unwrap_or(c)
    };
    map(a.first(), |text| text.chars().map(other).collect())
}

/// STRING_ESCAPE, which knows JSON alone.
fn string_escape(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(kind) = text_of(a.get(1)) else { return Ok(Value::Null) };
    if !kind.eq_ignore_ascii_case("json") {
        return Err(crate::messages::unsupported(&format_args!("STRING_ESCAPE with '{kind}'")));
    }
    map(a.first(), crate::exec::format::json::escaped)
}

fn counted(value: Option<&Value>) -> SqlResult<Option<usize>> {
    match int_of(value) {
        None => Ok(None),
        Some(n) => usize::try_from(n).map(Some).map_err(|_| error(536, 2, &[])),
    }
}

fn left(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(count) = counted(a.get(1))? else { return Ok(Value::Null) };
    map(a.first(), |text| cut_text(text, count).to_owned())
}

fn right(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(count) = counted(a.get(1))? else { return Ok(Value::Null) };
    map(a.first(), |text| {
        let skip = text.chars().count().saturating_sub(count);
        text.chars().skip(skip).collect()
    })
}

fn substring(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let (Some(start), Some(length)) = (int_of(a.get(1)), int_of(a.get(2))) else { return Ok(Value::Null) };
    if length < 0 {
        return Err(error(537, 3, &[]));
    }
    let end = start.saturating_add(length).max(1);
    let from = usize::try_from(start.max(1) - 1).unwrap_or(usize::MAX);
    let count = usize::try_from(end - start.max(1)).unwrap_or(0);
    match a.first() {
        Some(Value::Binary(bytes)) => {
            Ok(Value::Binary(bytes.iter().skip(from).take(count).copied().collect()))
        }
        Some(Value::Text(text)) => {
            Ok(Value::Text(text.chars().skip(from).take(count).collect::<String>().into()))
        }
        None | Some(Value::Null) => Ok(Value::Null),
        Some(_) => {
            let name = types.first().map_or("int", |data_type| data_type.name());
            Err(error(8116, 1, &[&name, &1, &"substring"]))
        }
    }
}

/// Positions of `needle` in `text` without regard to case, in characters.
fn find(text: &str, needle: &str, from: usize) -> Option<usize> {
    let text: Vec<char> = text.chars().collect();
    let needle: Vec<char> = fold(needle).chars().collect();
    if needle.is_empty() {
        return None;
    }
    let folded: Vec<char> = fold(&text.iter().collect::<String>()).chars().collect();
    (from..=folded.len().checked_sub(needle.len())?).find(|at| folded[*at..at + needle.len()] == needle[..])
}

fn replace(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(text), Some(old), Some(new)) = (text_of(a.first()), text_of(a.get(1)), text_of(a.get(2)))
    else {
        return Ok(Value::Null);
    };
    if old.is_empty() {
        return Ok(Value::text(text));
    }
    let chars: Vec<char> = text.chars().collect();
    let width = old.chars().count();
    let (mut out, mut at) = (String::new(), 0);
    while let Some(found) = find(text, old, at) {
        out.extend(&chars[at..found]);
        out.push_str(new);
        at = found + width;
    }
    out.extend(&chars[at..]);
    Ok(Value::Text(out.into()))
}

fn charindex(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(needle), Some(text)) = (text_of(a.first()), text_of(a.get(1))) else { return Ok(Value::Null) };
    let from = int_of(a.get(2)).unwrap_or(1).max(1) - 1;
    let found = find(text, needle, usize::try_from(from).unwrap_or(0));
    Ok(Value::Int(found.map_or(0, |at| at as i64 + 1)))
}

fn patindex(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(pattern), Some(text)) = (text_of(a.first()), text_of(a.get(1))) else { return Ok(Value::Null) };
    let anchored = !pattern.starts_with('%');
    let inner = pattern.strip_prefix('%').unwrap_or(pattern);
    let chars: Vec<char> = text.chars().collect();
    let last = if anchored { 0 } else { chars.len() };
    for at in 0..=last {
        let rest: String = chars[at..].iter().collect();
        if crate::exec::operators::like(&rest, inner, None) {
            return Ok(Value::Int(at as i64 + 1));
        }
    }
    Ok(Value::Int(0))
}

fn replicate(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let Some(count) = int_of(a.get(1)) else { return Ok(Value::Null) };
    let Ok(count) = usize::try_from(count) else { return Ok(Value::Null) };
    let is_max = types.first().is_some_and(|data_type| data_type.length().is_none());
    let limit = if is_max { 1 << 24 } else { 8000 };
    map(a.first(), |text| {
        let fits = limit / text.len().max(1);
        text.repeat(count.min(fits + 1)).chars().take(limit).collect()
    })
}

fn space(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let count = int_of(a.first()).and_then(|n| usize::try_from(n).ok());
    Ok(count.map_or(Value::Null, |n| Value::text(" ".repeat(n.min(8000)))))
}

fn reverse(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    map(a.first(), |text| text.chars().rev().collect())
}

fn stuff(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(text), Some(start), Some(length)) = (text_of(a.first()), int_of(a.get(1)), int_of(a.get(2)))
    else {
        return Ok(Value::Null);
    };
    let chars: Vec<char> = text.chars().collect();
    let (Ok(start), Ok(length)) = (usize::try_from(start - 1), usize::try_from(length)) else {
        return Ok(Value::Null);
    };
    if start >= chars.len() {
        return Ok(Value::Null);
    }
    let mut out: String = chars[..start].iter().collect();
    out.push_str(text_of(a.get(3)).unwrap_or(""));
    out.extend(&chars[(start + length).min(chars.len())..]);
    Ok(Value::Text(out.into()))
}

fn ascii(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let first = text_of(a.first()).and_then(|text| text.chars().next());
    Ok(first.map_or(Value::Null, |c| {
        let mut bytes = [0; 4];
        Value::Int(
            encoding_rs::WINDOWS_1252
                .encode(c.encode_utf8(&mut bytes))
                .0
                .first()
                .copied()
                .unwrap_or(63)
                .into(),
        )
    }))
}

fn unicode(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let first = text_of(a.first()).and_then(|text| text.encode_utf16().next());
    Ok(first.map_or(Value::Null, |unit| Value::Int(unit.into())))
}

fn char_of(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let byte = int_of(a.first()).and_then(|n| u8::try_from(n).ok());
    Ok(byte.map_or(Value::Null, |byte| {
        Value::text(encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0.into_owned())
    }))
}

fn nchar_of(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let point = int_of(a.first()).and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32);
    Ok(point.map_or(Value::Null, |c| Value::text(c.to_string())))
}

fn quotename(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let quote = a.get(1).map_or(Some("["), |quote| text_of(Some(quote)));
    let (open, close) = match quote.and_then(|quote| quote.chars().next()) {
        Some('[' | ']') => ('[', ']'),
        Some('\'') => ('\'', '\''),
        Some('"') => ('"', '"'),
        Some('(' | ')') => ('(', ')'),
        Some('{' | '}') => ('{', '}'),
        _ => return Ok(Value::Null),
    };
    let Some(text) = text_of(a.first()).filter(|text| characters(text) <= 128) else {
        return Ok(Value::Null);
    };
    let doubled: String = close.to_string().repeat(2);
    Ok(Value::text(format!("{open}{}{close}", text.replace(close, &doubled))))
}

fn str_of(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let Some(Value::Float(number)) = a.first() else { return Ok(Value::Null) };
    let width = usize::try_from(int_of(a.get(1)).unwrap_or(10)).unwrap_or(10).min(8000);
    let places = usize::try_from(int_of(a.get(2)).unwrap_or(0)).unwrap_or(0).min(16);
    let text = format!("{number:.places$}");
    Ok(Value::text(if text.len() > width { "*".repeat(width) } else { format!("{text:>width$}") }))
}

fn parse_name(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> Out {
    let (Some(text), Some(part)) = (text_of(a.first()), int_of(a.get(1))) else { return Ok(Value::Null) };
    let parts: Vec<&str> = text.split('.').collect();
    let found = usize::try_from(part)
        .ok()
        .and_then(|part| parts.len().checked_sub(part))
        .and_then(|at| parts.get(at));
    Ok(found.map_or(Value::Null, |part| Value::text(part.trim_matches(['[', ']', '"']))))
}

fn format_message(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let arguments: Vec<(Value, DataType)> =
        a.iter().skip(1).cloned().zip(types.iter().skip(1).copied()).collect();
    map(a.first(), |text| crate::exec::printf::format(text, &arguments))
}

fn is_numeric(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let data_type = types.first().copied().unwrap_or(DataType::Int);
    let numeric = match a.first() {
        Some(Value::Text(text)) => {
            let text = text.trim();
            !text.is_empty() && (text.parse::<f64>().is_ok_and(f64::is_finite) || text == ".")
        }
        Some(Value::Null) | None => false,
        Some(_) => data_type.is_number(),
    };
    Ok(Value::Int(i64::from(numeric)))
}

/// CONCAT: NULL counts as an empty text.
#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
pub(super) fn concat(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let parts = a.iter().zip(types).map(|(value, data_type)| shown(value, *data_type));
    let joined: std::rc::Rc<str> = parts.collect::<String>().into();
    Ok(Value::Text(if types.first().is_some_and(|t| t.is_national()) {
        joined
    } else {
        to_code_page(&joined)
    }))
}

/// CONCAT_WS: NULLs are left out.
#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
pub(super) fn concat_with_separator(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> Out {
    let Some((separator, rest)) = a.split_first() else { return Ok(Value::Null) };
    let parts: Vec<String> = rest
        .iter()
        .zip(types.iter().skip(1))
        .filter(|(value, _)| !value.is_null())
        .map(|(value, data_type)| shown(value, *data_type))
        .collect();
    Ok(Value::Text(parts.join(text_of(Some(separator)).unwrap_or("")).into()))
}
