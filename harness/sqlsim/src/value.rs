//! T-SQL's types and the values they hold.

use std::rc::Rc;

/// Length of a variable type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// Up to this many characters (n-types) or bytes (others).
    Upto(u16),
    /// `max`.
    Max,
}

/// A T-SQL type with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// bit
    Bit,
    /// tinyint
    TinyInt,
    /// smallint
    SmallInt,
    /// int
    Int,
    /// bigint
    BigInt,
    /// decimal and numeric
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// money
    Money,
    /// smallmoney
    SmallMoney,
    /// real
    Real,
    /// float(53)
    Float,
    /// char(n)
    Char(u16),
    /// varchar(n), varchar(max)
    VarChar(Length),
    /// nchar(n)
    NChar(u16),
    /// nvarchar(n), nvarchar(max); sysname is nvarchar(128)
    NVarChar(Length),
    /// text
    Text,
    /// ntext
    NText,
    /// image
    Image,
    /// binary(n)
    Binary(u16),
    /// varbinary(n), varbinary(max)
    VarBinary(Length),
    /// uniqueidentifier
    UniqueIdentifier,
    /// date
    Date,
    /// time(scale)
    Time(u8),
    /// datetime
    DateTime,
    /// smalldatetime
    SmallDateTime,
    /// datetime2(scale)
    DateTime2(u8),
    /// datetimeoffset(scale)
    DateTimeOffset(u8),
    /// xml, as text
    Xml,
    /// sql_variant
    SqlVariant,
}

/// A value. The type (length, precision, kind of text) travels beside it as a [`DataType`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// bit
    Bit(bool),
    /// tinyint, smallint, int, bigint
    Int(i64),
    /// decimal, numeric
    Decimal(Decimal),
    /// money and smallmoney in ten-thousandths.
    Money(i64),
    /// real
    Real(f32),
    /// float
    Float(f64),
    /// All character types, xml included.
    Text(Rc<str>),
    /// binary, varbinary, image
    Binary(Rc<[u8]>),
    /// uniqueidentifier
    Guid(uuid::Uuid),
    /// Days since 0001-01-01.
    Date(i32),
    /// 100 ns since midnight.
    Time(u64),
    /// datetime (steps of 1/300 s) and smalldatetime (steps of a minute, as the same number).
    DateTime {
        /// Days since 1900-01-01.
        days: i32,
        /// 1/300 s since midnight.
        ticks: u32,
    },
    /// datetime2
    DateTime2 {
        /// Days since 0001-01-01.
        days: i32,
        /// 100 ns since midnight.
        time: u64,
    },
    /// datetimeoffset: the UTC point and the offset shown.
    DateTimeOffset {
        /// Days since 0001-01-01, UTC.
        days: i32,
        /// 100 ns since midnight, UTC.
        time: u64,
        /// Minutes east of UTC.
        offset_minutes: i16,
    },
}

/// An exact decimal of up to 38 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits without the point.
    pub mantissa: i128,
    /// Digits behind the point.
    pub scale: u8,
}

/// One row.
pub type Row = Rc<[Value]>;

/// A column of a result or a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnMeta {
    /// Name; empty for an unnamed expression.
    pub name: Rc<str>,
    /// Type.
    pub data_type: DataType,
    /// Whether it can hold NULL.
    pub nullable: bool,
    /// Whether it is an identity column.
    pub identity: bool,
}

impl Value {
    /// Text from anything that gives a string.
    pub fn text(s: impl Into<Rc<str>>) -> Self {
        Self::Text(s.into())
    }

    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}
