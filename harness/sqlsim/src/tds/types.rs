//! How a type is described on the wire (TYPE_INFO), both ways.

use super::reader::Reader;
use super::{COLLATION, Decoded, ProtocolError, TdsVersion};
use crate::value::{DataType, Length};

pub(super) const NULL: u8 = 0x1F;
pub(super) const IMAGE: u8 = 0x22;
pub(super) const TEXT: u8 = 0x23;
pub(super) const GUID: u8 = 0x24;
const LEGACY_VARBINARY: u8 = 0x25;
pub(super) const INTN: u8 = 0x26;
const LEGACY_VARCHAR: u8 = 0x27;
pub(super) const DATEN: u8 = 0x28;
pub(super) const TIMEN: u8 = 0x29;
pub(super) const DATETIME2N: u8 = 0x2A;
pub(super) const DATETIMEOFFSETN: u8 = 0x2B;
const LEGACY_BINARY: u8 = 0x2D;
const LEGACY_CHAR: u8 = 0x2F;
pub(super) const INT1: u8 = 0x30;
pub(super) const BIT: u8 = 0x32;
pub(super) const INT2: u8 = 0x34;
const LEGACY_DECIMAL: u8 = 0x37;
pub(super) const INT4: u8 = 0x38;
pub(super) const DATETIM4: u8 = 0x3A;
pub(super) const FLT4: u8 = 0x3B;
pub(super) const MONEY: u8 = 0x3C;
pub(super) const DATETIME: u8 = 0x3D;
pub(super) const FLT8: u8 = 0x3E;
const LEGACY_NUMERIC: u8 = 0x3F;
pub(super) const VARIANT: u8 = 0x62;
pub(super) const NTEXT: u8 = 0x63;
pub(super) const BITN: u8 = 0x68;
pub(super) const DECIMALN: u8 = 0x6A;
pub(super) const NUMERICN: u8 = 0x6C;
pub(super) const FLTN: u8 = 0x6D;
pub(super) const MONEYN: u8 = 0x6E;
pub(super) const DATETIMN: u8 = 0x6F;
pub(super) const MONEY4: u8 = 0x7A;
pub(super) const INT8: u8 = 0x7F;
pub(super) const BIGVARBIN: u8 = 0xA5;
pub(super) const BIGVARCHAR: u8 = 0xA7;
pub(super) const BIGBINARY: u8 = 0xAD;
pub(super) const BIGCHAR: u8 = 0xAF;
pub(super) const NVARCHAR: u8 = 0xE7;
pub(super) const NCHAR: u8 = 0xEF;
const UDT: u8 = 0xF0;
pub(super) const XML: u8 = 0xF1;
const TABLE: u8 = 0xF3;

/// Longest value of a type that is not `max`, in bytes.
const BYTES_MAX: u16 = 8000;

/// How the length of a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// No length: the type has one, in bytes.
    Fixed(u8),
    /// One byte; 0 is NULL.
    ByteLength,
    /// One byte; 255 is NULL (types older than the `BIG` ones).
    LegacyByteLength,
    /// Two bytes; 65 535 is NULL.
    ShortLength,
    /// Four bytes; all ones is NULL.
    LongLength,
    /// Chunks.
    Chunks,
    /// A `sql_variant`, which brings its own type.
    Variant,
}

/// A type as the client described it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireType {
    /// The T-SQL type it stands for.
    pub data_type: DataType,
    /// How its values are laid out.
    pub form: Form,
}

/// Reads the description of a parameter's type.
pub(super) fn decode(reader: &mut Reader<'_>) -> Decoded<WireType> {
    const WHAT: &str = "a parameter's type";
    let token = reader.u8(WHAT)?;
    let fixed = |data_type, bytes| Ok(WireType { data_type, form: Form::Fixed(bytes) });
    match token {
        NULL => fixed(DataType::Int, 0),
        INT1 => fixed(DataType::TinyInt, 1),
        BIT => fixed(DataType::Bit, 1),
        INT2 => fixed(DataType::SmallInt, 2),
        INT4 => fixed(DataType::Int, 4),
        INT8 => fixed(DataType::BigInt, 8),
        DATETIM4 => fixed(DataType::SmallDateTime, 4),
        DATETIME => fixed(DataType::DateTime, 8),
        FLT4 => fixed(DataType::Real, 4),
        FLT8 => fixed(DataType::Float, 8),
        MONEY => fixed(DataType::Money, 8),
        MONEY4 => fixed(DataType::SmallMoney, 4),
        GUID | INTN | BITN | FLTN | MONEYN | DATETIMN => {
            let data_type = sized(token, reader.u8(WHAT)?)?;
            Ok(WireType { data_type, form: Form::ByteLength })
        }
        DECIMALN | NUMERICN | LEGACY_DECIMAL | LEGACY_NUMERIC => {
            let [_, precision, scale] = reader.array(WHAT)?;
            Ok(WireType { data_type: decimal(precision, scale)?, form: Form::ByteLength })
        }
        DATEN => Ok(WireType { data_type: DataType::Date, form: Form::ByteLength }),
        TIMEN | DATETIME2N | DATETIMEOFFSETN => {
            let data_type = scaled_time(token, reader.u8(WHAT)?)?;
            Ok(WireType { data_type, form: Form::ByteLength })
        }
        LEGACY_VARCHAR | LEGACY_CHAR | LEGACY_VARBINARY | LEGACY_BINARY => legacy(token, reader),
        BIGVARBIN | BIGVARCHAR | BIGBINARY | BIGCHAR | NVARCHAR | NCHAR => long(token, reader),
        TEXT | NTEXT | IMAGE => {
            reader.u32(WHAT)?;
            if token != IMAGE {
                reader.take(COLLATION.len(), WHAT)?;
            }
            let data_type = match token {
                TEXT => DataType::Text,
                NTEXT => DataType::NText,
                _ => DataType::Image,
            };
            Ok(WireType { data_type, form: Form::LongLength })
        }
        XML => {
            if reader.u8(WHAT)? != 0 {
                reader.b_varchar(WHAT)?;
                reader.b_varchar(WHAT)?;
                let units = reader.u16(WHAT)?;
                reader.utf16(units.into(), WHAT)?;
            }
            Ok(WireType { data_type: DataType::Xml, form: Form::Chunks })
        }
        VARIANT => {
            reader.u32(WHAT)?;
            Ok(WireType { data_type: DataType::SqlVariant, form: Form::Variant })
        }
        UDT => Err(ProtocolError::NotSupported("a parameter of a CLR type")),
        TABLE => Err(ProtocolError::NotSupported("a table-valued parameter")),
        other => Err(ProtocolError::Invalid { what: WHAT, found: other.into() }),
    }
}

/// The type of a nullable token whose length tells which one it is.
fn sized(token: u8, bytes: u8) -> Decoded<DataType> {
    Ok(match (token, bytes) {
        (GUID, 16) => DataType::UniqueIdentifier,
        (INTN, 1) => DataType::TinyInt,
        (INTN, 2) => DataType::SmallInt,
        (INTN, 4) => DataType::Int,
        (INTN, 8) => DataType::BigInt,
        (BITN, 1) => DataType::Bit,
        (FLTN, 4) => DataType::Real,
        (FLTN, 8) => DataType::Float,
        (MONEYN, 4) => DataType::SmallMoney,
        (MONEYN, 8) => DataType::Money,
        (DATETIMN, 4) => DataType::SmallDateTime,
        (DATETIMN, 8) => DataType::DateTime,
        _ => return Err(ProtocolError::Invalid { what: "the length of a type", found: bytes.into() }),
    })
}

pub(super) fn decimal(precision: u8, scale: u8) -> Decoded<DataType> {
    if !(1..=38).contains(&precision) || scale > precision {
        return Err(ProtocolError::Invalid { what: "the precision of a decimal", found: precision.into() });
    }
    Ok(DataType::Decimal { precision, scale })
}

pub(super) fn scaled_time(token: u8, scale: u8) -> Decoded<DataType> {
    if scale > 7 {
        return Err(ProtocolError::Invalid { what: "the scale of a time", found: scale.into() });
    }
    Ok(match token {
        TIMEN => DataType::Time(scale),
        DATETIME2N => DataType::DateTime2(scale),
        _ => DataType::DateTimeOffset(scale),
    })
}

/// Types of 7.0's predecessors, at most 255 bytes long; some clients still declare parameters so.
fn legacy(token: u8, reader: &mut Reader<'_>) -> Decoded<WireType> {
    const WHAT: &str = "a parameter's type";
    let bytes = u16::from(reader.u8(WHAT)?).max(1);
    let data_type = match token {
        LEGACY_VARCHAR => DataType::VarChar(Length::Upto(bytes)),
        LEGACY_CHAR => DataType::Char(bytes),
        LEGACY_VARBINARY => DataType::VarBinary(Length::Upto(bytes)),
        _ => DataType::Binary(bytes),
    };
    if matches!(token, LEGACY_VARCHAR | LEGACY_CHAR) {
        reader.take(COLLATION.len(), WHAT)?;
    }
    Ok(WireType { data_type, form: Form::LegacyByteLength })
}

/// Character and binary types with a length of two bytes, or `max`.
fn long(token: u8, reader: &mut Reader<'_>) -> Decoded<WireType> {
    const WHAT: &str = "a parameter's type";
    let bytes = reader.u16(WHAT)?;
    if !matches!(token, BIGVARBIN | BIGBINARY) {
        reader.take(COLLATION.len(), WHAT)?;
    }
    let (length, form) = if bytes == u16::MAX {
        (Length::Max, Form::Chunks)
    } else if bytes <= BYTES_MAX {
        let unit = if matches!(token, NVARCHAR | NCHAR) { 2 } else { 1 };
        (Length::Upto((bytes / unit).max(1)), Form::ShortLength)
    } else {
        return Err(ProtocolError::Invalid { what: "the length of a type", found: bytes.into() });
    };
    let data_type = match (token, length) {
        (BIGVARBIN, length) => DataType::VarBinary(length),
        (BIGVARCHAR, length) => DataType::VarChar(length),
        (NVARCHAR, length) => DataType::NVarChar(length),
        (BIGBINARY, Length::Upto(n)) => DataType::Binary(n),
        (BIGCHAR, Length::Upto(n)) => DataType::Char(n),
        (NCHAR, Length::Upto(n)) => DataType::NChar(n),
        _ => return Err(ProtocolError::Invalid { what: "the length of a type", found: bytes.into() }),
    };
    Ok(WireType { data_type, form })
}

/// The type that a client of `version` is shown in place of `data_type`, as SQL Server does for
/// clients that are older than a type.
#[must_use]
pub fn shown_to(data_type: DataType, version: TdsVersion) -> DataType {
    let shown = match data_type {
        DataType::Date if version < TdsVersion::V7_3A => DataType::NVarChar(Length::Upto(10)),
        DataType::Time(_) if version < TdsVersion::V7_3A => DataType::NVarChar(Length::Upto(16)),
        DataType::DateTime2(_) if version < TdsVersion::V7_3A => DataType::NVarChar(Length::Upto(27)),
        DataType::DateTimeOffset(_) if version < TdsVersion::V7_3A => DataType::NVarChar(Length::Upto(34)),
        other => other,
    };
    match shown {
        DataType::VarChar(Length::Max) if version < TdsVersion::V7_2 => DataType::Text,
        DataType::NVarChar(Length::Max) | DataType::Xml if version < TdsVersion::V7_2 => DataType::NText,
        DataType::VarBinary(Length::Max) if version < TdsVersion::V7_2 => DataType::Image,
        other => other,
    }
}

/// Bytes of a decimal's value, sign included, by its precision.
#[must_use]
pub fn decimal_bytes(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// Writes the description of a type that has been through [`shown_to`].
///
/// The nullable tokens are used throughout; whether a column can hold NULL is told by its flags.
pub(super) fn encode(out: &mut Vec<u8>, data_type: DataType) {
    match data_type {
        DataType::Bit => out.extend_from_slice(&[BITN, 1]),
        DataType::TinyInt => out.extend_from_slice(&[INTN, 1]),
        DataType::SmallInt => out.extend_from_slice(&[INTN, 2]),
        DataType::Int => out.extend_from_slice(&[INTN, 4]),
        DataType::BigInt => out.extend_from_slice(&[INTN, 8]),
        DataType::Decimal { precision, scale } => {
            out.extend_from_slice(&[NUMERICN, decimal_bytes(precision), precision, scale]);
        }
        DataType::Money => out.extend_from_slice(&[MONEYN, 8]),
        DataType::SmallMoney => out.extend_from_slice(&[MONEYN, 4]),
        DataType::Real => out.extend_from_slice(&[FLTN, 4]),
        DataType::Float => out.extend_from_slice(&[FLTN, 8]),
        DataType::Char(n) => text_type(out, BIGCHAR, n),
        DataType::VarChar(length) => text_type(out, BIGVARCHAR, bytes_of(length, 1)),
        DataType::NChar(n) => text_type(out, NCHAR, n.saturating_mul(2)),
        DataType::NVarChar(length) => text_type(out, NVARCHAR, bytes_of(length, 2)),
        DataType::Text => {
            out.push(TEXT);
            out.extend_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
            out.extend_from_slice(&COLLATION);
        }
        DataType::NText => {
            out.push(NTEXT);
            out.extend_from_slice(&0x7FFF_FFFE_u32.to_le_bytes());
            out.extend_from_slice(&COLLATION);
        }
        DataType::Image => {
            out.push(IMAGE);
            out.extend_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
        }
        DataType::Binary(n) => {
            out.push(BIGBINARY);
            out.extend_from_slice(&n.to_le_bytes());
        }
        DataType::VarBinary(length) => {
            out.push(BIGVARBIN);
            out.extend_from_slice(&bytes_of(length, 1).to_le_bytes());
        }
        DataType::UniqueIdentifier => out.extend_from_slice(&[GUID, 16]),
        DataType::Date => out.push(DATEN),
        DataType::Time(scale) => out.extend_from_slice(&[TIMEN, scale]),
        DataType::DateTime => out.extend_from_slice(&[DATETIMN, 8]),
        DataType::SmallDateTime => out.extend_from_slice(&[DATETIMN, 4]),
        DataType::DateTime2(scale) => out.extend_from_slice(&[DATETIME2N, scale]),
        DataType::DateTimeOffset(scale) => out.extend_from_slice(&[DATETIMEOFFSETN, scale]),
        DataType::Xml => out.extend_from_slice(&[XML, 0]),
        DataType::SqlVariant => {
            out.push(VARIANT);
            out.extend_from_slice(&8009_u32.to_le_bytes());
        }
    }
}

fn bytes_of(length: Length, unit: u16) -> u16 {
    match length {
        Length::Upto(n) => n.saturating_mul(unit),
        Length::Max => u16::MAX,
    }
}

fn text_type(out: &mut Vec<u8>, token: u8, bytes: u16) {
    out.push(token);
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(&COLLATION);
}
