//! How a value is written on the wire, both ways.

use super::reader::Reader;
use super::types::{self, Form, WireType};
use super::{COLLATION, Decoded, ProtocolError, text};
use crate::value::{DataType, Decimal, Length, Value};

const WHAT: &str = "a parameter's value";
/// 100 ns units of a day.
const DAY: u64 = 864_000_000_000;
/// Days from 0001-01-01 to 9999-12-31.
const DATE_MAX: i32 = 3_652_058;
/// 1/300 s of a day.
const DATETIME_TICKS: u32 = 25_920_000;
/// datetime's first and last day, counted from 1900-01-01.
const DATETIME_DAYS: std::ops::RangeInclusive<i32> = -53_690..=2_958_463;

fn invalid<T>(what: &'static str, found: u64) -> Decoded<T> {
    Err(ProtocolError::Invalid { what, found })
}

/// Reads a parameter's value; NULL is a value.
pub(super) fn decode(reader: &mut Reader<'_>, wire: WireType) -> Decoded<Value> {
    let bytes = match wire.form {
        Form::Fixed(0) => return Ok(Value::Null),
        Form::Fixed(bytes) => reader.take(bytes.into(), WHAT)?,
        Form::ByteLength => match reader.u8(WHAT)? {
            0 => return Ok(Value::Null),
            bytes => reader.take(bytes.into(), WHAT)?,
        },
        Form::LegacyByteLength => match reader.u8(WHAT)? {
            u8::MAX => return Ok(Value::Null),
            bytes => reader.take(bytes.into(), WHAT)?,
        },
        Form::ShortLength => match reader.u16(WHAT)? {
            u16::MAX => return Ok(Value::Null),
            bytes => reader.take(bytes.into(), WHAT)?,
        },
        Form::LongLength => match reader.u32(WHAT)? {
            u32::MAX => return Ok(Value::Null),
            bytes => reader.take(bytes as usize, WHAT)?,
        },
        Form::Chunks => {
            return match chunks(reader)? {
                None => Ok(Value::Null),
                Some(bytes) => from_bytes(&bytes, wire.data_type),
            };
        }
        Form::Variant => return variant(reader),
    };
    from_bytes(bytes, wire.data_type)
}

/// A `max` value: an announced or unknown length, then chunks up to an empty one. `None` is NULL.
fn chunks(reader: &mut Reader<'_>) -> Decoded<Option<Vec<u8>>> {
    const UNKNOWN: u64 = 0xFFFF_FFFF_FFFF_FFFE;
    let announced = reader.u64(WHAT)?;
    if announced == u64::MAX {
        return Ok(None);
    }
    let mut whole = Vec::new();
    loop {
        match reader.u32(WHAT)? {
            0 => break,
            bytes => whole.extend_from_slice(reader.take(bytes as usize, WHAT)?),
        }
    }
    if announced != UNKNOWN && announced != whole.len() as u64 {
        return invalid("the announced length of a value", announced);
    }
    Ok(Some(whole))
}

/// A value from its bytes alone.
fn from_bytes(bytes: &[u8], data_type: DataType) -> Decoded<Value> {
    let mut reader = Reader::new(bytes);
    let value = match data_type {
        DataType::Bit => Value::Bit(reader.u8(WHAT)? != 0),
        DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt => integer(bytes)?,
        DataType::Decimal { scale, .. } => return decimal(bytes, scale),
        DataType::Money | DataType::SmallMoney => return money(bytes),
        DataType::Real | DataType::Float => return float(bytes),
        DataType::Char(_) | DataType::VarChar(_) | DataType::Text => {
            return Ok(Value::text(text::from_cp1252(bytes)));
        }
        DataType::NChar(_) | DataType::NVarChar(_) | DataType::NText => {
            if !bytes.len().is_multiple_of(2) {
                return invalid("the length of a text", bytes.len() as u64);
            }
            return Ok(Value::text(text::from_utf16(bytes)));
        }
        DataType::Xml => {
            let xml = text::from_utf16(bytes);
            return Ok(Value::text(xml.strip_prefix('\u{FEFF}').unwrap_or(&xml)));
        }
        DataType::Binary(_) | DataType::VarBinary(_) | DataType::Image => {
            return Ok(Value::Binary(bytes.into()));
        }
        DataType::UniqueIdentifier => return Ok(Value::Guid(uuid::Uuid::from_bytes_le(reader.array(WHAT)?))),
        DataType::Date => Value::Date(date(&mut reader)?),
        DataType::Time(scale) => Value::Time(time(bytes, scale)?),
        DataType::DateTime => {
            let days = i32::from_le_bytes(reader.array(WHAT)?);
            let ticks = reader.u32(WHAT)?;
            if !DATETIME_DAYS.contains(&days) || ticks >= DATETIME_TICKS {
                return invalid("a datetime", ticks.into());
            }
            Value::DateTime { days, ticks }
        }
        DataType::SmallDateTime => {
            let (days, minutes) = (reader.u16(WHAT)?, reader.u16(WHAT)?);
            if minutes >= 1440 {
                return invalid("a smalldatetime", minutes.into());
            }
            Value::DateTime { days: days.into(), ticks: u32::from(minutes) * 60 * 300 }
        }
        DataType::DateTime2(scale) => {
            let (clock, day) = bytes.split_at(bytes.len().saturating_sub(3));
            Value::DateTime2 { days: date(&mut Reader::new(day))?, time: time(clock, scale)? }
        }
        DataType::DateTimeOffset(scale) => {
            let (clock, rest) = bytes.split_at(bytes.len().saturating_sub(5));
            let mut rest = Reader::new(rest);
            let days = date(&mut rest)?;
            let offset_minutes = i16::from_le_bytes(rest.array(WHAT)?);
            if offset_minutes.unsigned_abs() > 14 * 60 {
                return invalid("a time zone offset", offset_minutes.unsigned_abs().into());
            }
            Value::DateTimeOffset { days, time: time(clock, scale)?, offset_minutes }
        }
        DataType::SqlVariant => return invalid(WHAT, types::VARIANT.into()),
    };
    Ok(value)
}

fn integer(bytes: &[u8]) -> Decoded<Value> {
    Ok(Value::Int(match *bytes {
        [tiny] => tiny.into(),
        [a, b] => i16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => return invalid("the length of an integer", bytes.len() as u64),
    }))
}

fn decimal(bytes: &[u8], scale: u8) -> Decoded<Value> {
    const LIMIT: u128 = 10_u128.pow(38);
    let Some((&sign, digits)) = bytes.split_first() else { return invalid("the length of a decimal", 0) };
    if digits.len() > 16 {
        return invalid("the length of a decimal", bytes.len() as u64);
    }
    let mut magnitude = [0; 16];
    magnitude[..digits.len()].copy_from_slice(digits);
    let magnitude = u128::from_le_bytes(magnitude);
    match i128::try_from(magnitude) {
        Ok(mantissa) if magnitude < LIMIT => {
            Ok(Value::Decimal(Decimal { mantissa: if sign == 0 { -mantissa } else { mantissa }, scale }))
        }
        _ => invalid("the digits of a decimal", sign.into()),
    }
}

fn money(bytes: &[u8]) -> Decoded<Value> {
    Ok(Value::Money(match *bytes {
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
        [e, f, g, h, a, b, c, d] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => return invalid("the length of a money", bytes.len() as u64),
    }))
}

fn float(bytes: &[u8]) -> Decoded<Value> {
    let (value, is_finite) = match *bytes {
        [a, b, c, d] => {
            let real = f32::from_le_bytes([a, b, c, d]);
            (Value::Real(real), real.is_finite())
        }
        [a, b, c, d, e, f, g, h] => {
            let float = f64::from_le_bytes([a, b, c, d, e, f, g, h]);
            (Value::Float(float), float.is_finite())
        }
        _ => return invalid("the length of a float", bytes.len() as u64),
    };
    if is_finite { Ok(value) } else { invalid("a float", u64::MAX) }
}

fn date(reader: &mut Reader<'_>) -> Decoded<i32> {
    let [a, b, c] = reader.array(WHAT)?;
    let days = i32::from_le_bytes([a, b, c, 0]);
    if days > DATE_MAX { invalid("a date", days.unsigned_abs().into()) } else { Ok(days) }
}

/// A time of day in units of 10^-scale s, as 100 ns.
fn time(bytes: &[u8], scale: u8) -> Decoded<u64> {
    if !(3..=5).contains(&bytes.len()) {
        return invalid("the length of a time", bytes.len() as u64);
    }
    let mut units = [0; 8];
    units[..bytes.len()].copy_from_slice(bytes);
    let time = u64::from_le_bytes(units) * 10_u64.pow(u32::from(7 - scale));
    if time >= DAY { invalid("a time", time) } else { Ok(time) }
}

/// A `sql_variant`: its length, its own type and properties, the bytes.
fn variant(reader: &mut Reader<'_>) -> Decoded<Value> {
    let length = reader.u32(WHAT)? as usize;
    if length == 0 {
        return Ok(Value::Null);
    }
    let mut body = Reader::new(reader.take(length, WHAT)?);
    let token = body.u8(WHAT)?;
    let property_bytes = usize::from(body.u8(WHAT)?);
    let properties = body.take(property_bytes, WHAT)?;
    let bytes = body.remaining();
    let data_type = match (token, properties) {
        (types::BIT, _) => DataType::Bit,
        (types::INT1, _) => DataType::TinyInt,
        (types::INT2, _) => DataType::SmallInt,
        (types::INT4, _) => DataType::Int,
        (types::INT8, _) => DataType::BigInt,
        (types::FLT4, _) => DataType::Real,
        (types::FLT8, _) => DataType::Float,
        (types::MONEY, _) => DataType::Money,
        (types::MONEY4, _) => DataType::SmallMoney,
        (types::DATETIME, _) => DataType::DateTime,
        (types::DATETIM4, _) => DataType::SmallDateTime,
        (types::GUID, _) => DataType::UniqueIdentifier,
        (types::DATEN, _) => DataType::Date,
        (types::DECIMALN | types::NUMERICN, &[precision, scale]) => types::decimal(precision, scale)?,
        (types::TIMEN | types::DATETIME2N | types::DATETIMEOFFSETN, &[scale]) => {
            types::scaled_time(token, scale)?
        }
        (types::BIGVARCHAR | types::BIGCHAR, _) => DataType::VarChar(Length::Max),
        (types::NVARCHAR | types::NCHAR, _) => DataType::NVarChar(Length::Max),
        (types::BIGVARBIN | types::BIGBINARY, _) => DataType::VarBinary(Length::Max),
        (other, _) => return invalid("the type inside a sql_variant", other.into()),
    };
    from_bytes(bytes, data_type)
}

/// Writes a value of type `data_type`, which has been through [`types::shown_to`].
///
/// A value that cannot be of that type is a defect of the caller; it goes out as NULL.
pub(super) fn encode(out: &mut Vec<u8>, data_type: DataType, value: &Value) {
    if value.is_null() {
        return null(out, data_type);
    }
    let start = out.len();
    let written = match data_type {
        DataType::Char(_) | DataType::VarChar(_) | DataType::NChar(_) | DataType::NVarChar(_) => {
            with_text(value, |value| character(out, data_type, value))
        }
        DataType::Text | DataType::NText | DataType::Xml => {
            with_text(value, |value| large_text(out, data_type, value))
        }
        DataType::Binary(_) | DataType::VarBinary(_) | DataType::Image => binary(out, data_type, value),
        DataType::SqlVariant => variant_value(out, value),
        _ => {
            // These have a length of one byte in front.
            out.push(0);
            let written = scalar(out, data_type, value);
            out[start] = u8::try_from(out.len() - start - 1).unwrap_or(0);
            written
        }
    };
    if written.is_none() {
        debug_assert!(false, "{value:?} is not a {data_type:?}");
        out.truncate(start);
        null(out, data_type);
    }
}

/// NULL of a type.
fn null(out: &mut Vec<u8>, data_type: DataType) {
    match data_type {
        DataType::VarChar(Length::Max)
        | DataType::NVarChar(Length::Max)
        | DataType::VarBinary(Length::Max)
        | DataType::Xml => out.extend_from_slice(&[0xFF; 8]),
        DataType::Char(_)
        | DataType::VarChar(_)
        | DataType::NChar(_)
        | DataType::NVarChar(_)
        | DataType::Binary(_)
        | DataType::VarBinary(_) => out.extend_from_slice(&[0xFF; 2]),
        DataType::SqlVariant => out.extend_from_slice(&[0; 4]),
        _ => out.push(0),
    }
}

/// Numbers, dates, GUIDs: the bytes without their length.
fn scalar(out: &mut Vec<u8>, data_type: DataType, value: &Value) -> Option<()> {
    match (data_type, value) {
        (DataType::Bit, Value::Bit(bit)) => out.push(u8::from(*bit)),
        (DataType::Bit, Value::Int(number)) => out.push(u8::from(*number != 0)),
        (DataType::TinyInt, _) => out.push(u8::try_from(whole(value)?).ok()?),
        (DataType::SmallInt, _) => out.extend(i16::try_from(whole(value)?).ok()?.to_le_bytes()),
        (DataType::Int, _) => out.extend(i32::try_from(whole(value)?).ok()?.to_le_bytes()),
        (DataType::BigInt, _) => out.extend(whole(value)?.to_le_bytes()),
        (DataType::Decimal { precision, scale }, _) => {
            let mantissa = rescaled(value, scale)?;
            out.push(u8::from(mantissa >= 0));
            let digits = usize::from(types::decimal_bytes(precision)) - 1;
            let magnitude = mantissa.unsigned_abs().to_le_bytes();
            if magnitude[digits..].iter().any(|byte| *byte != 0) {
                return None;
            }
            out.extend_from_slice(&magnitude[..digits]);
        }
        (DataType::Money, Value::Money(money)) => {
            let bytes = money.to_le_bytes();
            out.extend_from_slice(&bytes[4..]);
            out.extend_from_slice(&bytes[..4]);
        }
        (DataType::SmallMoney, Value::Money(money)) => out.extend(i32::try_from(*money).ok()?.to_le_bytes()),
        (DataType::Real, Value::Real(real)) => out.extend(real.to_le_bytes()),
        (DataType::Float, Value::Float(float)) => out.extend(float.to_le_bytes()),
        (DataType::Float, Value::Real(real)) => out.extend(f64::from(*real).to_le_bytes()),
        (DataType::UniqueIdentifier, Value::Guid(guid)) => out.extend(guid.to_bytes_le()),
        (DataType::Date, Value::Date(days)) => put_date(out, *days),
        (DataType::Time(scale), Value::Time(time)) => put_time(out, *time, scale),
        (DataType::DateTime, Value::DateTime { days, ticks }) => {
            out.extend(days.to_le_bytes());
            out.extend(ticks.to_le_bytes());
        }
        (DataType::SmallDateTime, Value::DateTime { days, ticks }) => {
            out.extend(u16::try_from(*days).ok()?.to_le_bytes());
            out.extend(u16::try_from(ticks / 18_000).ok()?.to_le_bytes());
        }
        (DataType::DateTime2(scale), Value::DateTime2 { days, time }) => {
            put_time(out, *time, scale);
            put_date(out, *days);
        }
        (DataType::DateTimeOffset(scale), Value::DateTimeOffset { days, time, offset_minutes }) => {
            put_time(out, *time, scale);
            put_date(out, *days);
            out.extend(offset_minutes.to_le_bytes());
        }
        _ => return None,
    }
    Some(())
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Bit(bit) => Some(i64::from(*bit)),
        _ => None,
    }
}

/// A number's digits at `scale`.
fn rescaled(value: &Value, scale: u8) -> Option<i128> {
    let (mantissa, from) = match value {
        Value::Decimal(decimal) => (decimal.mantissa, decimal.scale),
        Value::Int(number) => (i128::from(*number), 0),
        Value::Money(money) => (i128::from(*money), 4),
        _ => return None,
    };
    if from <= scale {
        mantissa.checked_mul(10_i128.checked_pow(u32::from(scale - from))?)
    } else {
        let divisor = 10_i128.checked_pow(u32::from(from - scale))?;
        // Half away from zero, as CAST rounds.
        let half = if mantissa < 0 { -(divisor / 2) } else { divisor / 2 };
        Some(mantissa.checked_add(half)? / divisor)
    }
}

fn put_date(out: &mut Vec<u8>, days: i32) {
    out.extend_from_slice(&days.to_le_bytes()[..3]);
}

fn put_time(out: &mut Vec<u8>, time: u64, scale: u8) {
    let bytes = match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    };
    let units = time / 10_u64.pow(u32::from(7 - scale.min(7)));
    out.extend_from_slice(&units.to_le_bytes()[..bytes]);
}

/// Calls `write` with the value's text. Dates become text for clients that are older than their types.
fn with_text(value: &Value, write: impl FnOnce(&str)) -> Option<()> {
    match value {
        Value::Text(text) => write(text),
        Value::Date(days) => write(&date_text(*days)),
        Value::Time(time) => write(&time_text(*time)),
        Value::DateTime2 { days, time } => write(&format!("{} {}", date_text(*days), time_text(*time))),
        Value::DateTimeOffset { days, time, offset_minutes } => {
            let local = i128::from(*days) * i128::from(DAY)
                + i128::from(*time)
                + i128::from(*offset_minutes) * i128::from(DAY / 1440);
            let days = i32::try_from(local.div_euclid(i128::from(DAY))).ok()?;
            let time = u64::try_from(local.rem_euclid(i128::from(DAY))).ok()?;
            let sign = if *offset_minutes < 0 { '-' } else { '+' };
            let offset = offset_minutes.unsigned_abs();
            write(&format!(
                "{} {} {sign}{:02}:{:02}",
                date_text(days),
                time_text(time),
                offset / 60,
                offset % 60
            ));
        }
        _ => return None,
    }
    Some(())
}

fn date_text(days: i32) -> String {
    // Days since 0001-01-01 to a civil date, by way of jiff's epoch arithmetic.
    jiff::civil::date(1, 1, 1)
        .checked_add(jiff::Span::new().days(days.clamp(0, DATE_MAX)))
        .map_or_else(|_| String::new(), |date| date.to_string())
}

fn time_text(time: u64) -> String {
    let seconds = time / 10_000_000;
    format!("{:02}:{:02}:{:02}.{:07}", seconds / 3600, seconds / 60 % 60, seconds % 60, time % 10_000_000)
}

/// char, varchar, nchar, nvarchar; the fixed ones are padded with blanks.
fn character(out: &mut Vec<u8>, data_type: DataType, value: &str) {
    let is_wide = matches!(data_type, DataType::NChar(_) | DataType::NVarChar(_));
    if matches!(data_type, DataType::VarChar(Length::Max) | DataType::NVarChar(Length::Max)) {
        return in_chunks(out, |out| {
            if is_wide {
                text::put_utf16(out, value)
            } else {
                text::put_cp1252(out, value)
            };
        });
    }
    let start = out.len();
    out.extend_from_slice(&[0, 0]);
    if is_wide {
        text::put_utf16(out, value);
    } else {
        text::put_cp1252(out, value);
    }
    let declared = match data_type {
        DataType::Char(n) | DataType::VarChar(Length::Upto(n)) => usize::from(n),
        DataType::NChar(n) | DataType::NVarChar(Length::Upto(n)) => usize::from(n) * 2,
        _ => usize::from(u16::MAX - 1),
    };
    debug_assert!(out.len() - start - 2 <= declared, "{value:?} does not fit {data_type:?}");
    out.truncate(start + 2 + declared);
    if matches!(data_type, DataType::Char(_) | DataType::NChar(_)) {
        while out.len() - start - 2 < declared {
            out.push(b' ');
            if is_wide {
                out.push(0);
            }
        }
    }
    put_short_length(out, start);
}

/// text, ntext (with a text pointer in front) and xml.
fn large_text(out: &mut Vec<u8>, data_type: DataType, value: &str) {
    if data_type == DataType::Xml {
        return in_chunks(out, |out| {
            text::put_utf16(out, value);
        });
    }
    let start = text_pointer(out);
    if data_type == DataType::NText {
        text::put_utf16(out, value);
    } else {
        text::put_cp1252(out, value);
    }
    put_long_length(out, start);
}

fn binary(out: &mut Vec<u8>, data_type: DataType, value: &Value) -> Option<()> {
    let Value::Binary(bytes) = value else { return None };
    match data_type {
        DataType::VarBinary(Length::Max) => in_chunks(out, |out| out.extend_from_slice(bytes)),
        DataType::Image => {
            let start = text_pointer(out);
            out.extend_from_slice(bytes);
            put_long_length(out, start);
        }
        DataType::Binary(n) | DataType::VarBinary(Length::Upto(n)) => {
            let start = out.len();
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&bytes[..bytes.len().min(usize::from(n))]);
            if matches!(data_type, DataType::Binary(_)) {
                out.resize(start + 2 + usize::from(n), 0);
            }
            put_short_length(out, start);
        }
        _ => return None,
    }
    Some(())
}

/// One chunk with its announced length around what `write` writes.
fn in_chunks(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 12]);
    write(out);
    let bytes = out.len() - start - 12;
    out[start..start + 8].copy_from_slice(&(bytes as u64).to_le_bytes());
    if bytes == 0 {
        out.truncate(start + 8);
    } else {
        // A value is at most 2 GiB long.
        out[start + 8..start + 12].copy_from_slice(&u32::try_from(bytes).unwrap_or(0).to_le_bytes());
    }
    out.extend_from_slice(&[0; 4]);
}

/// A text pointer, its time stamp and room for the length, as text, ntext and image have in front.
fn text_pointer(out: &mut Vec<u8>) -> usize {
    out.push(16);
    out.extend_from_slice(b"dummy textptr\0\0\0");
    out.extend_from_slice(b"dummyTS\0");
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    start
}

fn put_short_length(out: &mut [u8], start: usize) {
    let bytes = u16::try_from(out.len() - start - 2).unwrap_or(0);
    out[start..start + 2].copy_from_slice(&bytes.to_le_bytes());
}

fn put_long_length(out: &mut [u8], start: usize) {
    let bytes = u32::try_from(out.len() - start - 4).unwrap_or(0);
    out[start..start + 4].copy_from_slice(&bytes.to_le_bytes());
}

/// A `sql_variant` carries the type of the value it holds.
fn variant_value(out: &mut Vec<u8>, value: &Value) -> Option<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let (data_type, head): (DataType, &[u8]) = match value {
        Value::Null => return None,
        Value::Bit(_) => (DataType::Bit, &[types::BIT, 0]),
        Value::Int(number) if i32::try_from(*number).is_ok() => (DataType::Int, &[types::INT4, 0]),
        Value::Int(_) => (DataType::BigInt, &[types::INT8, 0]),
        Value::Decimal(decimal) => (
            DataType::Decimal { precision: 38, scale: decimal.scale },
            &[types::NUMERICN, 2, 38, decimal.scale],
        ),
        Value::Money(_) => (DataType::Money, &[types::MONEY, 0]),
        Value::Real(_) => (DataType::Real, &[types::FLT4, 0]),
        Value::Float(_) => (DataType::Float, &[types::FLT8, 0]),
        Value::Guid(_) => (DataType::UniqueIdentifier, &[types::GUID, 0]),
        Value::Date(_) => (DataType::Date, &[types::DATEN, 0]),
        Value::Time(_) => (DataType::Time(7), &[types::TIMEN, 1, 7]),
        Value::DateTime { .. } => (DataType::DateTime, &[types::DATETIME, 0]),
        Value::DateTime2 { .. } => (DataType::DateTime2(7), &[types::DATETIME2N, 1, 7]),
        Value::DateTimeOffset { .. } => (DataType::DateTimeOffset(7), &[types::DATETIMEOFFSETN, 1, 7]),
        Value::Text(value) => {
            out.extend_from_slice(&[types::NVARCHAR, 7]);
            out.extend_from_slice(&COLLATION);
            out.extend_from_slice(&8000_u16.to_le_bytes());
            let bytes = out.len();
            text::put_utf16(out, value);
            out.truncate(bytes + 8000);
            put_long_length(out, start);
            return Some(());
        }
        Value::Binary(bytes) => {
            out.extend_from_slice(&[types::BIGVARBIN, 2]);
            out.extend_from_slice(&8000_u16.to_le_bytes());
            out.extend_from_slice(&bytes[..bytes.len().min(8000)]);
            put_long_length(out, start);
            return Some(());
        }
    };
    out.extend_from_slice(head);
    scalar(out, data_type, value)?;
    put_long_length(out, start);
    Some(())
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
