//! T-SQL's types and the values they hold.

pub mod convert;
pub mod datetime;
pub mod decimal;

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

impl DataType {
    /// The type's bare name, as errors show it (`varchar`, `numeric`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Decimal { .. } => "decimal",
            Self::Money => "money",
            Self::SmallMoney => "smallmoney",
            Self::Real => "real",
            Self::Float => "float",
            Self::Char(_) => "char",
            Self::VarChar(_) => "varchar",
            Self::NChar(_) => "nchar",
            Self::NVarChar(_) => "nvarchar",
            Self::Text => "text",
            Self::NText => "ntext",
            Self::Image => "image",
            Self::Binary(_) => "binary",
            Self::VarBinary(_) => "varbinary",
            Self::UniqueIdentifier => "uniqueidentifier",
            Self::Date => "date",
            Self::Time(_) => "time",
            Self::DateTime => "datetime",
            Self::SmallDateTime => "smalldatetime",
            Self::DateTime2(_) => "datetime2",
            Self::DateTimeOffset(_) => "datetimeoffset",
            Self::Xml => "xml",
            Self::SqlVariant => "sql_variant",
        }
    }

    /// The name in overflow messages, which call decimals numeric.
    #[must_use]
    pub fn message_name(self) -> &'static str {
        if matches!(self, Self::Decimal { .. }) { "numeric" } else { self.name() }
    }

    /// Whether it is a character type.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Char(_) | Self::VarChar(_) | Self::NChar(_) | Self::NVarChar(_) | Self::Text | Self::NText
        )
    }

    /// Whether it is a character type of UTF-16.
    #[must_use]
    pub fn is_national(self) -> bool {
        matches!(self, Self::NChar(_) | Self::NVarChar(_) | Self::NText)
    }

    /// Whether it is binary.
    #[must_use]
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Binary(_) | Self::VarBinary(_) | Self::Image)
    }

    /// Whether it counts: integers, decimals, money, floats, bit.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::Bit
                | Self::TinyInt
                | Self::SmallInt
                | Self::Int
                | Self::BigInt
                | Self::Decimal { .. }
                | Self::Money
                | Self::SmallMoney
                | Self::Real
                | Self::Float
        )
    }

    /// Whether it holds a date or a time.
    #[must_use]
    pub fn is_moment(self) -> bool {
        matches!(
            self,
            Self::Date
                | Self::Time(_)
                | Self::DateTime
                | Self::SmallDateTime
                | Self::DateTime2(_)
                | Self::DateTimeOffset(_)
        )
    }

    /// Precedence in mixed expressions: the lower operand is converted to the higher.
    #[must_use]
    pub fn precedence(self) -> u8 {
        match self {
            Self::SqlVariant => 30,
            Self::Xml => 29,
            Self::DateTimeOffset(_) => 28,
            Self::DateTime2(_) => 27,
            Self::DateTime => 26,
            Self::SmallDateTime => 25,
            Self::Date => 24,
            Self::Time(_) => 23,
            Self::Float => 22,
            Self::Real => 21,
            Self::Decimal { .. } => 20,
            Self::Money => 19,
            Self::SmallMoney => 18,
            Self::BigInt => 17,
            Self::Int => 16,
            Self::SmallInt => 15,
            Self::TinyInt => 14,
            Self::Bit => 13,
            Self::NText => 12,
            Self::Text => 11,
            Self::Image => 10,
            Self::UniqueIdentifier => 8,
            Self::NVarChar(_) => 7,
            Self::NChar(_) => 6,
            Self::VarChar(_) => 5,
            Self::Char(_) => 4,
            Self::VarBinary(_) => 3,
            Self::Binary(_) => 2,
        }
    }

    /// Precision and scale when seen as a decimal.
    #[must_use]
    pub fn decimal_shape(self) -> (u8, u8) {
        match self {
            Self::Decimal { precision, scale } => (precision, scale),
            Self::Bit => (1, 0),
            Self::TinyInt => (3, 0),
            Self::SmallInt => (5, 0),
            Self::BigInt => (19, 0),
            Self::Money => (19, 4),
            Self::SmallMoney => (10, 4),
            _ => (10, 0),
        }
    }

    /// Longest text in characters, or bytes of a binary; `None` for max and for other types.
    #[must_use]
    pub fn length(self) -> Option<u16> {
        match self {
            Self::Char(n) | Self::NChar(n) | Self::Binary(n) => Some(n),
            Self::VarChar(Length::Upto(n))
            | Self::NVarChar(Length::Upto(n))
            | Self::VarBinary(Length::Upto(n)) => Some(n),
            _ => None,
        }
    }
}
