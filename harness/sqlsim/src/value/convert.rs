//! Conversions between types: CAST and CONVERT, implicit ones, and those of an assignment.

use super::datetime::{self, Kind, Moment};
use super::{DataType, Decimal, Length, Value};
use crate::error::{SqlError, SqlResult};
use crate::messages::error;
use std::rc::Rc;

/// What a character becomes that the server's code page does not have.
#[must_use]
pub fn to_code_page(text: &Rc<str>) -> Rc<str> {
    if text.is_ascii() {
        return text.clone();
    }
    let known = |c: char| {
        let mut bytes = [0; 4];
        !encoding_rs::WINDOWS_1252.encode(c.encode_utf8(&mut bytes)).2
    };
    if text.chars().all(known) {
        return text.clone();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let pairs = if known(c) { 0 } else { c.len_utf16() };
        if pairs == 0 {
            out.push(c);
        }
        out.extend(std::iter::repeat_n('?', pairs));
    }
    out.into()
}

/// Converts a value of type `from` to type `to` as CONVERT does: texts are cut to their length.
///
/// # Errors
/// 241, 245, 8114, 8115, 220 and their like; 529 when CONVERT does not convert between the types.
pub fn convert(value: &Value, from: DataType, to: DataType, style: i32) -> SqlResult<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match to {
        DataType::Bit => bit(value, from),
        DataType::TinyInt => integer(value, from, to, 0, 255),
        DataType::SmallInt => integer(value, from, to, -32_768, 32_767),
        DataType::Int => integer(value, from, to, i32::MIN.into(), i32::MAX.into()),
        DataType::BigInt => integer(value, from, to, i64::MIN, i64::MAX),
        DataType::Decimal { precision, scale } => decimal(value, from, to)?
            .fit(precision, scale)
            .map(Value::Decimal)
            .ok_or_else(|| overflow(from, to)),
        DataType::Money | DataType::SmallMoney => money(value, from, to),
        DataType::Real => float(value, from, to).map(|f| Value::Real(f as f32)),
        DataType::Float => float(value, from, to).map(Value::Float),
        DataType::Char(_)
        | DataType::VarChar(_)
        | DataType::NChar(_)
        | DataType::NVarChar(_)
        | DataType::Text
        | DataType::NText
        | DataType::Xml => text(value, from, to, style),
        DataType::Binary(_) | DataType::VarBinary(_) | DataType::Image => binary(value, from, to, style),
        DataType::UniqueIdentifier => guid(value, from, to),
        DataType::Date
        | DataType::Time(_)
        | DataType::DateTime
        | DataType::SmallDateTime
        | DataType::DateTime2(_)
        | DataType::DateTimeOffset(_) => moment(value, from, to),
        DataType::SqlVariant => Ok(value.clone()),
    }
}

/// Converts a value where nobody wrote CAST or CONVERT: in an assignment, a comparison, a parameter.
///
/// # Errors
/// As [`convert`], but 206, the operand type clash, where CONVERT says 529 ("CAST and CONVERT", table of
/// conversions).
pub fn implicit(value: &Value, from: DataType, to: DataType) -> SqlResult<Value> {
    convert(value, from, to, 0).map_err(|refusal| match refusal.number {
        529 => error(206, 2, &[&from.message_name(), &to.message_name()]),
        _ => refusal,
    })
}

/// Converts for an assignment to a column: a text or binary that is too long is error 8152.
///
/// # Errors
/// As [`convert`], and 8152.
pub fn assign(value: &Value, from: DataType, to: DataType) -> SqlResult<Value> {
    let cut = |length: usize, limit: u16| {
        if length > usize::from(limit) { Err(error(8152, 14, &[])) } else { Ok(()) }
    };
    match (value, to) {
        (
            Value::Text(text),
            DataType::VarChar(Length::Upto(n))
            | DataType::NVarChar(Length::Upto(n))
            | DataType::Char(n)
            | DataType::NChar(n),
        ) => {
            let length =
                if text.len() <= usize::from(n) { 0 } else { characters(text.trim_end_matches(' ')) };
            cut(length, n)?;
        }
        (Value::Binary(bytes), DataType::VarBinary(Length::Upto(n)) | DataType::Binary(n)) => {
            cut(bytes.len(), n)?;
        }
        _ => {}
    }
    implicit(value, from, to)
}

/// Length of a text as T-SQL counts it: UTF-16 units.
#[must_use]
pub fn characters(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// The first `limit` UTF-16 units of a text.
#[must_use]
pub fn cut_text(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units > limit {
            return &text[..at];
        }
    }
    text
}

fn overflow(from: DataType, to: DataType) -> SqlError {
    let shown = match from {
        DataType::Decimal { .. } => "numeric",
        DataType::Float | DataType::Real => "float",
        DataType::Money | DataType::SmallMoney => "money",
        _ if from.is_text() => from.name(),
        _ => "expression",
    };
    error(8115, 2, &[&shown, &to.message_name()])
}

fn clash(from: DataType, to: DataType) -> SqlError {
    error(529, 2, &[&from.message_name(), &to.message_name()])
}

fn bit(value: &Value, from: DataType) -> SqlResult<Value> {
    Ok(Value::Bit(match value {
        Value::Bit(bit) => *bit,
        Value::Text(text) => match text.trim() {
            t if t.eq_ignore_ascii_case("true") => true,
            t if t.eq_ignore_ascii_case("false") || t.is_empty() => false,
            t => {
                t.parse::<i64>().map(|n| n != 0).map_err(|_| error(245, 1, &[&from.name(), text, &"bit"]))?
            }
        },
        Value::Int(n) | Value::Money(n) => *n != 0,
        Value::Decimal(d) => d.mantissa != 0,
        Value::Float(f) => *f != 0.0,
        Value::Real(f) => *f != 0.0,
        Value::Binary(bytes) => bytes.iter().any(|b| *b != 0),
        _ => return Err(clash(from, DataType::Bit)),
    }))
}

fn integer(value: &Value, from: DataType, to: DataType, low: i64, high: i64) -> SqlResult<Value> {
    let n = match value {
        Value::Int(n) => *n,
        Value::Bit(bit) => i64::from(*bit),
        Value::Decimal(d) => d.to_i64().ok_or_else(|| overflow(from, to))?,
        Value::Money(m) => (*m + 5000 * m.signum()) / 10_000,
        Value::Float(_) | Value::Real(_) => {
            let f = float(value, from, to)?;
            if f.is_nan() || f.abs() >= 9.3e18 {
                return Err(overflow(from, to));
            }
            f.trunc() as i64
        }
        Value::Text(text) => return integer_text(text, from, to, low, high),
        Value::Binary(bytes) => {
            let mut wide = [0_u8; 8];
            let kept = &bytes[bytes.len().saturating_sub(8)..];
            wide[8 - kept.len()..].copy_from_slice(kept);
            let n = i64::from_be_bytes(wide);
            match to {
                DataType::Int => i64::from(n as i32),
                DataType::SmallInt => i64::from(n as i16),
                DataType::TinyInt => i64::from(n as u8),
                _ => n,
            }
        }
        Value::DateTime { days, ticks } if to != DataType::BigInt || *days >= 0 => {
            i64::from(*days) + i64::from(*ticks >= 300 * 43_200)
        }
        _ => return Err(clash(from, to)),
    };
    if (low..=high).contains(&n) {
        return Ok(Value::Int(n));
    }
    if matches!(to, DataType::TinyInt | DataType::SmallInt) && matches!(value, Value::Int(_)) {
        return Err(error(220, 2, &[&to.message_name(), &n]));
    }
    Err(overflow(from, to))
}

fn integer_text(text: &Rc<str>, from: DataType, to: DataType, low: i64, high: i64) -> SqlResult<Value> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Value::Int(0));
    }
    let unsigned = trimmed.trim_start_matches(['+', '-']);
    let is_number = !unsigned.is_empty()
        && unsigned.bytes().all(|b| b.is_ascii_digit())
        && trimmed.len() - unsigned.len() <= 1;
    if !is_number {
        if to == DataType::BigInt {
            return Err(error(8114, 5, &[&from.name(), &"bigint"]));
        }
        return Err(error(245, 1, &[&from.name(), text, &to.message_name()]));
    }
    match trimmed.trim_start_matches('+').parse::<i64>() {
        Ok(n) if (low..=high).contains(&n) => Ok(Value::Int(n)),
        _ if to == DataType::Int => Err(error(248, 1, &[&from.name(), text])),
        _ if to == DataType::BigInt => Err(overflow(from, to)),
        _ => {
            let width = if to == DataType::TinyInt { "INT1" } else { "INT2" };
            Err(error(244, 1, &[&from.name(), text, &width]))
        }
    }
}

fn decimal(value: &Value, from: DataType, to: DataType) -> SqlResult<Decimal> {
    Ok(match value {
        Value::Decimal(d) => *d,
        Value::Int(n) => Decimal::whole(*n),
        Value::Bit(bit) => Decimal::whole(i64::from(*bit)),
        Value::Money(m) => Decimal { mantissa: (*m).into(), scale: 4 },
        Value::Float(_) | Value::Real(_) => {
            let DataType::Decimal { scale, .. } = to else { return Err(clash(from, to)) };
            Decimal::from_f64(float(value, from, to)?, scale).ok_or_else(|| overflow(from, to))?
        }
        Value::Text(text) => {
            Decimal::parse(text.trim()).ok_or_else(|| error(8114, 5, &[&from.name(), &"numeric"]))?
        }
        _ => return Err(clash(from, to)),
    })
}

fn money(value: &Value, from: DataType, to: DataType) -> SqlResult<Value> {
    let number = match value {
        Value::Text(text) => {
            let plain: String = text.trim().chars().filter(|c| !matches!(c, ',' | '$')).collect();
            if plain.is_empty() {
                Decimal::whole(0)
            } else {
                Decimal::parse(&plain).ok_or_else(|| error(235, 0, &[]))?
            }
        }
        Value::Float(_) | Value::Real(_) => {
            Decimal::from_f64(float(value, from, to)?, 4).ok_or_else(|| overflow(from, to))?
        }
        _ => decimal(value, from, to)?,
    };
    let small = to == DataType::SmallMoney;
    number
        .rescale(4)
        .and_then(|d| i64::try_from(d.mantissa).ok())
        .filter(|m| !small || i32::try_from(*m).is_ok())
        .map(Value::Money)
        .ok_or_else(|| overflow(from, to))
}

fn float(value: &Value, from: DataType, to: DataType) -> SqlResult<f64> {
    Ok(match value {
        Value::Float(f) => *f,
        Value::Real(f) => f64::from(*f),
        Value::Int(n) => *n as f64,
        Value::Bit(bit) => f64::from(u8::from(*bit)),
        Value::Decimal(d) => d.to_f64(),
        Value::Money(m) => *m as f64 / 10_000.0,
        Value::Text(text) => {
            let trimmed = text.trim();
            let plausible =
                trimmed.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
            match trimmed.parse::<f64>() {
                _ if trimmed.is_empty() => 0.0,
                Ok(f) if plausible && f.is_finite() => f,
                _ => return Err(error(8114, 5, &[&from.name(), &to.message_name()])),
            }
        }
        Value::DateTime { days, ticks } => f64::from(*days) + f64::from(*ticks) / (300.0 * 86_400.0),
        _ => return Err(clash(from, to)),
    })
}

fn text(value: &Value, from: DataType, to: DataType, style: i32) -> SqlResult<Value> {
    let (limit, padded) = match to {
        DataType::Char(n) | DataType::NChar(n) => (Some(usize::from(n)), true),
        DataType::VarChar(Length::Upto(n)) | DataType::NVarChar(Length::Upto(n)) => (Some(n.into()), false),
        _ => (None, false),
    };
    let national = matches!(to, DataType::NChar(_) | DataType::NVarChar(_) | DataType::NText | DataType::Xml);
    let mut shown = match value {
        Value::Text(text) if national => text.clone(),
        Value::Text(text) => to_code_page(text),
        _ => display(value, from, style)
            .ok_or_else(|| error(281, 1, &[&style, &"datetime", &to.name()]))?
            .into(),
    };
    if let Some(limit) = limit {
        if characters(&shown) > limit {
            match value {
                Value::Int(_) | Value::Bit(_) if !national => shown = "*".into(),
                Value::Int(_) | Value::Bit(_) | Value::Decimal(_) | Value::Float(_) | Value::Real(_) => {
                    return Err(overflow(from, to));
                }
                Value::Guid(_) => return Err(error(8170, 2, &[])),
                _ => shown = cut_text(&shown, limit).into(),
            }
        }
        let length = characters(&shown);
        if padded && length < limit {
            shown = format!("{shown}{:width$}", "", width = limit - length).into();
        }
    }
    Ok(Value::Text(shown))
}

/// A value as CONVERT to text shows it in `style`; `None` for a style it does not know.
#[must_use]
pub fn display(value: &Value, from: DataType, style: i32) -> Option<String> {
    Some(match value {
        Value::Null => String::new(),
        Value::Text(text) => text.to_string(),
        Value::Bit(bit) => u8::from(*bit).to_string(),
        Value::Int(n) => n.to_string(),
        Value::Decimal(d) => d.to_string(),
        Value::Money(m) => money_text(*m, style),
        Value::Float(f) => float_text(*f, style, 15),
        Value::Real(f) => float_text(f64::from(*f), style, 7),
        Value::Guid(guid) => guid.as_hyphenated().to_string().to_ascii_uppercase(),
        Value::Binary(bytes) => match style {
            1 | 2 => {
                let prefix = if style == 1 { "0x" } else { "" };
                bytes.iter().fold(prefix.to_owned(), |text, b| text + &format!("{b:02X}"))
            }
            _ if matches!(from, DataType::NVarChar(_)) => String::new(),
            _ => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        },
        Value::Date(_)
        | Value::Time(_)
        | Value::DateTime { .. }
        | Value::DateTime2 { .. }
        | Value::DateTimeOffset { .. } => moment_text(value, from, style)?,
    })
}

fn moment_text(value: &Value, from: DataType, style: i32) -> Option<String> {
    let moment = Moment::of(value)?;
    let (kind, digits) = match from {
        DataType::Date => (Kind::Date, 0),
        DataType::Time(scale) => (Kind::Time, scale),
        DataType::DateTime2(scale) | DataType::DateTimeOffset(scale) => (Kind::DateTime2, scale),
        _ => match value {
            Value::Date(_) => (Kind::Date, 0),
            Value::Time(_) => (Kind::Time, 7),
            Value::DateTime { .. } => (Kind::DateTime, 3),
            _ => (Kind::DateTime2, 7),
        },
    };
    // The newer types print as ODBC does unless told otherwise.
    let style = match (style, kind) {
        (0, Kind::DateTime) => 0,
        (0, _) => 121,
        (style, _) => style,
    };
    let mut shown = datetime::format(moment, style, digits, kind)?;
    if let Value::DateTimeOffset { offset_minutes, .. } = value {
        let sign = if *offset_minutes < 0 { '-' } else { '+' };
        let minutes = offset_minutes.unsigned_abs();
        shown += &format!(" {sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
    Some(shown)
}

fn money_text(money: i64, style: i32) -> String {
    let exact = Decimal { mantissa: money.into(), scale: 4 };
    let plain = if style == 2 { Some(exact) } else { exact.rescale(2) }.unwrap_or(exact).to_string();
    if style != 1 {
        return plain;
    }
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, "00"));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{fraction}")
}

/// Style 0 shows six digits, others eight or sixteen; big and small numbers with an exponent of three digits.
fn float_text(number: f64, style: i32, all: usize) -> String {
    let digits: usize = match style {
        1 => 8,
        2 | 3 => all + 1,
        _ => 6,
    };
    if number == 0.0 {
        return "0".into();
    }
    let scientific = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if style == 0 && (-5..digits as i32).contains(&exponent) {
        let places = (digits as i32 - 1 - exponent).max(0) as usize;
        let plain = format!("{number:.places$}");
        return if plain.contains('.') {
            plain.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            plain
        };
    }
    let mantissa = if style == 0 && mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    format!("{mantissa}e{}{:03}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn binary(value: &Value, from: DataType, to: DataType, style: i32) -> SqlResult<Value> {
    let mut bytes: Vec<u8> = match value {
        Value::Binary(bytes) => bytes.to_vec(),
        Value::Text(text) if matches!(style, 1 | 2) => {
            from_hex(text, style).ok_or_else(|| error(8114, 5, &[&from.name(), &"varbinary"]))?
        }
        Value::Text(text) if matches!(from, DataType::NVarChar(_) | DataType::NChar(_)) => {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        Value::Text(text) => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        Value::Guid(guid) => guid.to_bytes_le().to_vec(),
        Value::Bit(bit) => vec![u8::from(*bit)],
        Value::Int(n) => match from {
            DataType::BigInt => n.to_be_bytes().to_vec(),
            DataType::SmallInt => (*n as i16).to_be_bytes().to_vec(),
            DataType::TinyInt => vec![*n as u8],
            _ => (*n as i32).to_be_bytes().to_vec(),
        },
        Value::Money(m) => m.to_be_bytes().to_vec(),
        Value::Float(f) => f.to_be_bytes().to_vec(),
        Value::DateTime { days, ticks } => [days.to_be_bytes(), ticks.to_be_bytes()].concat(),
        _ => return Err(clash(from, to)),
    };
    let from_number = matches!(value, Value::Int(_) | Value::Money(_) | Value::Bit(_));
    match to {
        DataType::Binary(n) if from_number => {
            let n = usize::from(n);
            let kept = bytes.split_off(bytes.len().saturating_sub(n));
            bytes = vec![0; n - kept.len()];
            bytes.extend(kept);
        }
        DataType::Binary(n) => bytes.resize(n.into(), 0),
        DataType::VarBinary(Length::Upto(n)) => {
            if from_number {
                bytes = bytes.split_off(bytes.len().saturating_sub(n.into()));
            }
            bytes.truncate(n.into());
        }
        _ => {}
    }
    Ok(Value::Binary(bytes.into()))
}

fn from_hex(text: &str, style: i32) -> Option<Vec<u8>> {
    let digits = if style == 1 { text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))? } else { text };
    if digits.len() % 2 == 1 || !digits.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect()
}

fn guid(value: &Value, from: DataType, to: DataType) -> SqlResult<Value> {
    match value {
        Value::Guid(guid) => Ok(Value::Guid(*guid)),
        Value::Text(text) => {
            let plain = text.trim().trim_start_matches('{');
            let plain = cut_text(plain, 36);
            let is_guid = plain.len() == 36;
            let parsed = if is_guid { uuid::Uuid::try_parse(plain).ok() } else { None };
            parsed.map(Value::Guid).ok_or_else(|| error(8169, 2, &[]))
        }
        Value::Binary(bytes) => {
            let mut wide = [0; 16];
            let length = bytes.len().min(16);
            wide[..length].copy_from_slice(&bytes[..length]);
            Ok(Value::Guid(uuid::Uuid::from_bytes_le(wide)))
        }
        _ => Err(clash(from, to)),
    }
}

fn moment(value: &Value, from: DataType, to: DataType) -> SqlResult<Value> {
    let moment = match value {
        Value::Text(text) => datetime::parse(text).ok_or_else(|| error(241, 1, &[]))?,
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) | Value::Real(_)
            if matches!(to, DataType::DateTime | DataType::SmallDateTime) =>
        {
            let days = float(value, from, to)?;
            let whole = days.floor();
            if !(-53_690.0..2_958_464.0).contains(&whole) {
                return Err(overflow(from, to));
            }
            Moment {
                days: whole as i32 + datetime::DAYS_TO_1900,
                time: ((days - whole) * datetime::DAY as f64) as u64,
                offset_minutes: 0,
            }
        }
        _ => Moment::of(value).ok_or_else(|| clash(from, to))?,
    };
    let out_of_range = || error(242, 3, &[&from.name(), &to.name()]);
    let checked = |moment: Moment| if moment.is_valid() { Ok(moment) } else { Err(out_of_range()) };
    Ok(match to {
        DataType::Date => Value::Date(checked(moment)?.days),
        DataType::Time(scale) => Value::Time(moment.rounded(scale).time),
        DataType::DateTime => moment.to_datetime().ok_or_else(out_of_range)?,
        DataType::SmallDateTime => moment.to_smalldatetime().ok_or_else(out_of_range)?,
        DataType::DateTime2(scale) => {
            let rounded = checked(moment.rounded(scale))?;
            Value::DateTime2 { days: rounded.days, time: rounded.time }
        }
        _ => {
            let DataType::DateTimeOffset(scale) = to else { return Err(clash(from, to)) };
            checked(moment.rounded(scale))?.to_offset()
        }
    })
}
