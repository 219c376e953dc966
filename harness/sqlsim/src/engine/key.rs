//! Comparable keys: what an index orders rows by.
//!
//! A key follows the collation (case and trailing blanks do not matter) and
//! treats NULL as the lowest value, equal to itself, as unique indexes do.

use super::definition::{IndexDef, fold};
use crate::value::{Decimal, Value};
use std::cmp::Ordering;

/// One value of a key, ordered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPart {
    /// NULL sorts first.
    Null,
    /// Numbers without a point: integers, bits.
    Int(i64),
    /// Exact numbers.
    Decimal(OrderedDecimal),
    /// Approximate numbers, by total order.
    Float(OrderedFloat),
    /// Date and time types, as days and ticks.
    Moment(i32, u64),
    /// Text, folded, without trailing blanks.
    Text(Box<str>),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// GUIDs, in SQL Server's order.
    Guid([u8; 16]),
}

/// A float ordered by `total_cmp`, with the two zeros equal.
#[derive(Clone, Copy, Debug)]
pub struct OrderedFloat(pub f64);

impl PartialEq for OrderedFloat {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for OrderedFloat {}
impl PartialOrd for OrderedFloat {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for OrderedFloat {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

/// A decimal without trailing zeros, ordered by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderedDecimal {
    mantissa: i128,
    scale: u8,
}

impl OrderedDecimal {
    /// Takes trailing zeros away, so that equal values are equal bytes.
    #[must_use]
    pub fn new(mut value: Decimal) -> Self {
        while value.scale > 0 && value.mantissa % 10 == 0 {
            value.mantissa /= 10;
            value.scale -= 1;
        }
        Self { mantissa: value.mantissa, scale: value.scale }
    }
}

impl PartialOrd for OrderedDecimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderedDecimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let wide = |value: i128, scale: u8| {
            ethnum::I256::from(value) * ethnum::I256::from(10).pow(u32::from(38 - scale.min(38)))
        };
        if self.scale == other.scale {
            self.mantissa.cmp(&other.mantissa)
        } else {
            wide(self.mantissa, self.scale).cmp(&wide(other.mantissa, other.scale))
        }
    }
}

impl KeyPart {
    /// The key of one value. The caller has converted it to the column's type.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bit(b) => Self::Int(i64::from(*b)),
            Value::Int(i) => Self::Int(*i),
            Value::Money(m) => Self::Int(*m),
            Value::Decimal(d) => Self::Decimal(OrderedDecimal::new(*d)),
            Value::Real(f) => Self::Float(OrderedFloat(f64::from(*f))),
            Value::Float(f) => Self::Float(OrderedFloat(*f)),
            Value::Text(t) => Self::Text(fold(t.trim_end_matches(' ')).into()),
            Value::Binary(b) => Self::Bytes(b.as_ref().into()),
            Value::Guid(g) => Self::Guid(guid_order(*g)),
            Value::Date(days) => Self::Moment(*days, 0),
            Value::Time(ticks) => Self::Moment(0, *ticks),
            Value::DateTime { days, ticks } => Self::Moment(*days, u64::from(*ticks)),
            Value::DateTime2 { days, time } | Value::DateTimeOffset { days, time, .. } => {
                Self::Moment(*days, *time)
            }
        }
    }
}

/// SQL Server compares the last six bytes of a GUID first, then backwards by group.
fn guid_order(guid: uuid::Uuid) -> [u8; 16] {
    let b = guid.to_bytes_le();
    let order = [10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3];
    order.map(|i| b[i])
}

/// A row's key in one index.
///
/// Shared, because a table that is copied before a write copies its indexes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub std::rc::Rc<[KeyPart]>);

impl Key {
    /// The key of `row` in `index`.
    #[must_use]
    pub fn of_row(index: &IndexDef, row: &[Value]) -> Self {
        Self(index.columns.iter().map(|c| KeyPart::of(row.get(c.ordinal).unwrap_or(&Value::Null))).collect())
    }

    /// A key, or the beginning of one, from values in key order.
    #[must_use]
    pub fn of_values(values: &[Value]) -> Self {
        Self(values.iter().map(KeyPart::of).collect())
    }

    /// Whether this key begins with `prefix`.
    #[must_use]
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }
}
