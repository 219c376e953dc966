//! Rows of a system view, set column by column in the order of its definition.

use super::definition::Definition;
use crate::lsn::Lsn;
use crate::value::{Decimal, Row, Value};

/// Collects the rows of one view.
#[derive(Debug)]
pub struct Rows<'a> {
    definition: &'a Definition,
    rows: Vec<Row>,
}

/// One row being filled. Columns that are not set keep their default.
#[derive(Debug)]
pub struct RowDraft<'a> {
    definition: &'a Definition,
    values: Vec<Value>,
    /// Where the next name is expected: names come in order, so that a search is one step.
    next: usize,
}

impl<'a> Rows<'a> {
    /// No rows yet.
    #[must_use]
    pub fn new(definition: &'a Definition) -> Self {
        Self { definition, rows: Vec::new() }
    }

    /// Adds a row that `fill` completes.
    pub fn add(&mut self, fill: impl FnOnce(&mut RowDraft<'a>)) {
        let mut draft = RowDraft::new(self.definition);
        fill(&mut draft);
        self.rows.push(draft.values.into());
    }

    /// Adds a row whose values are all given.
    pub fn push(&mut self, values: Vec<Value>) {
        debug_assert_eq!(values.len(), self.definition.columns.len());
        self.rows.push(values.into());
    }

    /// The rows.
    #[must_use]
    pub fn finish(self) -> Vec<Row> {
        self.rows
    }
}

impl<'a> RowDraft<'a> {
    /// A row of defaults.
    #[must_use]
    pub fn new(definition: &'a Definition) -> Self {
        Self { definition, values: definition.defaults.to_vec(), next: 0 }
    }

    /// A row with values to change.
    #[must_use]
    pub fn of(definition: &'a Definition, values: &[Value]) -> Self {
        Self { definition, values: values.to_vec(), next: 0 }
    }

    /// Sets a column.
    ///
    /// # Panics
    /// In debug builds when there is no such column: names are part of this program.
    pub fn set(&mut self, name: &str, value: impl IntoValue) -> &mut Self {
        let count = self.definition.columns.len();
        let found = (0..count)
            .map(|step| (self.next + step) % count)
            .find(|i| *self.definition.columns[*i].name == *name);
        debug_assert!(found.is_some(), "there is no column {name}");
        if let Some(at) = found {
            self.values[at] = value.into_value();
            self.next = (at + 1) % count;
        }
        self
    }

    /// The values so far.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }
}

/// What can stand in a column.
pub trait IntoValue {
    /// The value.
    fn into_value(self) -> Value;
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}
impl IntoValue for &Value {
    fn into_value(self) -> Value {
        self.clone()
    }
}
impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::text(self)
    }
}
impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::text(self)
    }
}
impl IntoValue for &String {
    fn into_value(self) -> Value {
        Value::text(self.as_str())
    }
}
impl IntoValue for std::rc::Rc<str> {
    fn into_value(self) -> Value {
        Value::Text(self)
    }
}
impl IntoValue for &std::rc::Rc<str> {
    fn into_value(self) -> Value {
        Value::Text(self.clone())
    }
}
impl IntoValue for bool {
    fn into_value(self) -> Value {
        Value::Bit(self)
    }
}
impl IntoValue for uuid::Uuid {
    fn into_value(self) -> Value {
        Value::Guid(self)
    }
}
impl IntoValue for Lsn {
    /// `numeric(25,0)`; the LSN that stands for none is NULL.
    fn into_value(self) -> Value {
        if self == Self::ZERO {
            Value::Null
        } else {
            Value::Decimal(Decimal { mantissa: self.to_numeric(), scale: 0 })
        }
    }
}
impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

macro_rules! integers_into_value {
    ($($integer:ty),*) => {$(
        impl IntoValue for $integer {
            fn into_value(self) -> Value {
                Value::Int(i64::from(self))
            }
        }
    )*};
}
integers_into_value!(u8, i16, u16, i32, u32, i64);

impl IntoValue for u64 {
    fn into_value(self) -> Value {
        Value::Int(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl IntoValue for usize {
    fn into_value(self) -> Value {
        Value::Int(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

/// A point in time as `datetime`, `offset_minutes` east of UTC (0 for a UTC column).
#[must_use]
pub fn datetime(at: jiff::Timestamp, offset_minutes: i16) -> Value {
    let milliseconds = at.as_millisecond() + i64::from(offset_minutes) * 60_000;
    let days = milliseconds.div_euclid(86_400_000) + DAYS_1900_TO_1970;
    let in_day = milliseconds.rem_euclid(86_400_000);
    let ticks = (in_day * 3 + 5) / 10;
    let (days, ticks) = if ticks >= 25_920_000 { (days + 1, 0) } else { (days, ticks) };
    Value::DateTime {
        days: i32::try_from(days).unwrap_or(i32::MAX),
        ticks: u32::try_from(ticks).unwrap_or_default(),
    }
}

/// The point in time of a `datetime`, to the millisecond; `None` for NULL and other types.
#[must_use]
pub fn timestamp(value: &Value, offset_minutes: i16) -> Option<jiff::Timestamp> {
    let Value::DateTime { days, ticks } = value else { return None };
    let in_day = (i64::from(*ticks) * 10 + 1) / 3;
    let milliseconds = (i64::from(*days) - DAYS_1900_TO_1970) * 86_400_000 + in_day;
    jiff::Timestamp::from_millisecond(milliseconds - i64::from(offset_minutes) * 60_000).ok()
}

/// Days from 1900-01-01 to 1970-01-01.
const DAYS_1900_TO_1970: i64 = 25_567;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datetime_keeps_the_millisecond_to_a_three_hundredth() {
        let at: jiff::Timestamp = "2013-11-01T12:34:56.790Z".parse().unwrap();
        let value = datetime(at, -300);
        assert_eq!(value, Value::DateTime { days: 41_577, ticks: (7 * 3600 + 34 * 60 + 56) * 300 + 237 });
        assert_eq!(timestamp(&value, -300), Some(at));
    }
}
