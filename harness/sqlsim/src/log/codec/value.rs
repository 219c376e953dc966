//! Values, rows and types as bytes.

use super::{Decoded, Malformed, Reader, Writer};
use crate::value::{DataType, Decimal, Length, Row, Value};

/// Writes a row.
pub(crate) fn put_row(out: &mut Writer, row: &[Value]) {
    out.count(row.len());
    for value in row {
        put_value(out, value);
    }
}

/// Reads a row.
pub(crate) fn get_row(from: &mut Reader<'_>) -> Decoded<Row> {
    Ok(from.list(get_value)?.into())
}

fn put_value(out: &mut Writer, value: &Value) {
    match value {
        Value::Null => out.u8(0),
        Value::Bit(false) => out.u8(1),
        Value::Bit(true) => out.u8(2),
        Value::Int(i) => {
            out.u8(3);
            out.i64(*i);
        }
        Value::Decimal(d) => {
            out.u8(4);
            out.u8(d.scale);
            out.i128(d.mantissa);
        }
        Value::Money(m) => {
            out.u8(5);
            out.i64(*m);
        }
        Value::Real(f) => {
            out.u8(6);
            out.raw(&f.to_le_bytes());
        }
        Value::Float(f) => {
            out.u8(7);
            out.raw(&f.to_le_bytes());
        }
        Value::Text(t) => {
            out.u8(8);
            out.str(t);
        }
        Value::Binary(b) => {
            out.u8(9);
            out.bytes(b);
        }
        Value::Guid(g) => {
            out.u8(10);
            out.guid(*g);
        }
        Value::Date(days) => {
            out.u8(11);
            out.i64(i64::from(*days));
        }
        Value::Time(ticks) => {
            out.u8(12);
            out.u64(*ticks);
        }
        Value::DateTime { days, ticks } => {
            out.u8(13);
            out.i64(i64::from(*days));
            out.u64(u64::from(*ticks));
        }
        Value::DateTime2 { days, time } => {
            out.u8(14);
            out.i64(i64::from(*days));
            out.u64(*time);
        }
        Value::DateTimeOffset { days, time, offset_minutes } => {
            out.u8(15);
            out.i64(i64::from(*days));
            out.u64(*time);
            out.i64(i64::from(*offset_minutes));
        }
    }
}

fn get_value(from: &mut Reader<'_>) -> Decoded<Value> {
    Ok(match from.u8()? {
        0 => Value::Null,
        1 => Value::Bit(false),
        2 => Value::Bit(true),
        3 => Value::Int(from.i64()?),
        4 => {
            let scale = from.u8()?;
            Value::Decimal(Decimal { mantissa: from.i128()?, scale: scale.min(38) })
        }
        5 => Value::Money(from.i64()?),
        6 => Value::Real(f32::from_le_bytes(from.raw(4)?.try_into().map_err(|_| Malformed)?)),
        7 => Value::Float(f64::from_le_bytes(from.raw(8)?.try_into().map_err(|_| Malformed)?)),
        8 => Value::Text(from.str()?),
        9 => Value::Binary(from.bytes()?.into()),
        10 => Value::Guid(from.guid()?),
        11 => Value::Date(from.signed()?),
        12 => Value::Time(from.u64()?),
        13 => Value::DateTime { days: from.signed()?, ticks: from.number()? },
        14 => Value::DateTime2 { days: from.signed()?, time: from.u64()? },
        15 => {
            Value::DateTimeOffset { days: from.signed()?, time: from.u64()?, offset_minutes: from.signed()? }
        }
        _ => return Err(Malformed),
    })
}

/// Writes a type.
pub(super) fn put_type(out: &mut Writer, data_type: DataType) {
    let length = |out: &mut Writer, length: Length| match length {
        Length::Upto(n) => out.u64(u64::from(n)),
        Length::Max => out.u64(u64::from(u16::MAX)),
    };
    match data_type {
        DataType::Bit => out.u8(0),
        DataType::TinyInt => out.u8(1),
        DataType::SmallInt => out.u8(2),
        DataType::Int => out.u8(3),
        DataType::BigInt => out.u8(4),
        DataType::Decimal { precision, scale } => {
            out.u8(5);
            out.u8(precision);
            out.u8(scale);
        }
        DataType::Money => out.u8(6),
        DataType::SmallMoney => out.u8(7),
        DataType::Real => out.u8(8),
        DataType::Float => out.u8(9),
        DataType::Char(n) => {
            out.u8(10);
            out.u64(u64::from(n));
        }
        DataType::VarChar(n) => {
            out.u8(11);
            length(out, n);
        }
        DataType::NChar(n) => {
            out.u8(12);
            out.u64(u64::from(n));
        }
        DataType::NVarChar(n) => {
            out.u8(13);
            length(out, n);
        }
        DataType::Text => out.u8(14),
        DataType::NText => out.u8(15),
        DataType::Image => out.u8(16),
        DataType::Binary(n) => {
            out.u8(17);
            out.u64(u64::from(n));
        }
        DataType::VarBinary(n) => {
            out.u8(18);
            length(out, n);
        }
        DataType::UniqueIdentifier => out.u8(19),
        DataType::Date => out.u8(20),
        DataType::Time(scale) => {
            out.u8(21);
            out.u8(scale);
        }
        DataType::DateTime => out.u8(22),
        DataType::SmallDateTime => out.u8(23),
        DataType::DateTime2(scale) => {
            out.u8(24);
            out.u8(scale);
        }
        DataType::DateTimeOffset(scale) => {
            out.u8(25);
            out.u8(scale);
        }
        DataType::Xml => out.u8(26),
        DataType::SqlVariant => out.u8(27),
    }
}

/// Reads a type.
pub(super) fn get_type(from: &mut Reader<'_>) -> Decoded<DataType> {
    let length = |from: &mut Reader<'_>| {
        Ok(match from.number::<u16>()? {
            u16::MAX => Length::Max,
            n => Length::Upto(n),
        })
    };
    Ok(match from.u8()? {
        0 => DataType::Bit,
        1 => DataType::TinyInt,
        2 => DataType::SmallInt,
        3 => DataType::Int,
        4 => DataType::BigInt,
        5 => DataType::Decimal { precision: from.u8()?, scale: from.u8()? },
        6 => DataType::Money,
        7 => DataType::SmallMoney,
        8 => DataType::Real,
        9 => DataType::Float,
        10 => DataType::Char(from.number()?),
        11 => DataType::VarChar(length(from)?),
        12 => DataType::NChar(from.number()?),
        13 => DataType::NVarChar(length(from)?),
        14 => DataType::Text,
        15 => DataType::NText,
        16 => DataType::Image,
        17 => DataType::Binary(from.number()?),
        18 => DataType::VarBinary(length(from)?),
        19 => DataType::UniqueIdentifier,
        20 => DataType::Date,
        21 => DataType::Time(from.u8()?),
        22 => DataType::DateTime,
        23 => DataType::SmallDateTime,
        24 => DataType::DateTime2(from.u8()?),
        25 => DataType::DateTimeOffset(from.u8()?),
        26 => DataType::Xml,
        27 => DataType::SqlVariant,
        _ => return Err(Malformed),
    })
}
