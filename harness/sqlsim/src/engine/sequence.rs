//! Sequences: numbers handed out once, whether or not the transaction around them commits.

use crate::value::{DataType, Decimal, Value};
use std::fmt::Write;

/// What a sequence is and where it stands. It is kept as the text of its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Type of its numbers.
    pub data_type: DataType,
    /// First number.
    pub start: i128,
    /// Distance of two numbers; never 0.
    pub increment: i128,
    /// Smallest number.
    pub minimum: i128,
    /// Greatest number.
    pub maximum: i128,
    /// Whether it starts over at its end.
    pub cycles: bool,
    /// The number given last; the first one before any was.
    pub last: i128,
    /// The number that comes next; `None` when it has come to its end.
    pub next: Option<i128>,
}

impl Sequence {
    /// Smallest and greatest number of a type; `None` for types that are no whole numbers.
    #[must_use]
    pub fn range(data_type: DataType) -> Option<(i128, i128)> {
        Some(match data_type {
            DataType::TinyInt => (0, 255),
            DataType::SmallInt => (i16::MIN.into(), i16::MAX.into()),
            DataType::Int => (i32::MIN.into(), i32::MAX.into()),
            DataType::BigInt => (i64::MIN.into(), i64::MAX.into()),
            DataType::Decimal { precision, scale: 0 } => {
                let most = 10_i128.pow(u32::from(precision)) - 1;
                (-most, most)
            }
            _ => return None,
        })
    }

    /// The number that comes next; moves on. `None` at the end of one that does not cycle.
    pub fn take(&mut self) -> Option<i128> {
        let taken = self.next?;
        self.last = taken;
        let following =
            taken.checked_add(self.increment).filter(|n| (self.minimum..=self.maximum).contains(n));
        let first = if self.increment > 0 { self.minimum } else { self.maximum };
        self.next = following.or_else(|| self.cycles.then_some(first));
        Some(taken)
    }

    /// A number as a value of the sequence's type.
    #[must_use]
    pub fn value(&self, number: i128) -> Value {
        match self.data_type {
            DataType::Decimal { .. } => Value::Decimal(Decimal { mantissa: number, scale: 0 }),
            _ => Value::Int(i64::try_from(number).unwrap_or(0)),
        }
    }

    /// The text it is kept as.
    #[must_use]
    pub fn text(&self) -> String {
        let (kind, precision) = match self.data_type {
            DataType::Decimal { precision, .. } => ("decimal", precision),
            other => (other.name(), 0),
        };
        let mut text = format!(
            "{kind} {precision} {} {} {} {} {} {}",
            self.start,
            self.increment,
            self.minimum,
            self.maximum,
            u8::from(self.cycles),
            self.last
        );
        if let Some(next) = self.next {
            let _ = write!(text, " {next}");
        }
        text
    }

    /// Reads [`Sequence::text`].
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let kind = words.next()?;
        let precision = words.next()?.parse().ok()?;
        let data_type = match kind {
            "tinyint" => DataType::TinyInt,
            "smallint" => DataType::SmallInt,
            "int" => DataType::Int,
            "bigint" => DataType::BigInt,
            "decimal" => DataType::Decimal { precision, scale: 0 },
            _ => return None,
        };
        let mut number = || words.next()?.parse::<i128>().ok();
        let (start, increment, minimum, maximum) = (number()?, number()?, number()?, number()?);
        let (cycles, last) = (number()? != 0, number()?);
        Some(Self { data_type, start, increment, minimum, maximum, cycles, last, next: number() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_read_as_it_was_written_and_ends_or_cycles() {
        let mut sequence = Sequence {
            data_type: DataType::TinyInt,
            start: 3,
            increment: -2,
            minimum: 1,
            maximum: 9,
            cycles: false,
            last: 3,
            next: Some(3),
        };
        assert_eq!(Sequence::read(&sequence.text()), Some(sequence));
        assert_eq!((sequence.take(), sequence.take(), sequence.take()), (Some(3), Some(1), None));
        assert_eq!(Sequence::read(&sequence.text()), Some(sequence));
        let mut sequence = Sequence { cycles: true, next: Some(1), ..sequence };
        assert_eq!((sequence.take(), sequence.take()), (Some(1), Some(9)));
    }
}
