//! Numbers as decimal digits.

use crate::value::{Decimal, Value};

/// A number: its sign, its digits without leading zeros, and how many of them stand before the point (which may be
/// fewer than none or more than there are).
#[derive(Clone, Debug)]
pub(super) struct Digits {
    pub(super) negative: bool,
    pub(super) digits: Vec<u8>,
    pub(super) point: i32,
    /// Digits behind the point as the value has them; decimals keep their zeros.
    pub(super) scale: u8,
}

impl Digits {
    /// Of a number; `None` for NULL and what is none. Floats have 15 digits, reals 7.
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Int(n) => Self::exact(i128::from(*n), 0),
            Value::Decimal(Decimal { mantissa, scale }) => Self::exact(*mantissa, *scale),
            Value::Money(m) => Self::exact(i128::from(*m), 4),
            Value::Float(f) => Self::scientific(&format!("{f:.14e}"))?,
            Value::Real(f) => Self::scientific(&format!("{f:.6e}"))?,
            _ => return None,
        })
    }

    fn exact(mantissa: i128, scale: u8) -> Self {
        let text = mantissa.unsigned_abs().to_string();
        let digits: Vec<u8> = text.bytes().map(|b| b - b'0').collect();
        let point = i32::try_from(digits.len()).unwrap_or(0) - i32::from(scale);
        Self { negative: mantissa < 0, digits, point, scale }.trimmed()
    }

    fn scientific(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once('e')?;
        let negative = mantissa.starts_with('-');
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
        let point = exponent.parse::<i32>().ok()? + 1;
        Some(Self { negative, digits, point, scale: 0 }.trimmed())
    }

    /// Without zeros in front and behind.
    fn trimmed(mut self) -> Self {
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self.point -= i32::try_from(zeros).unwrap_or(0);
        if self.digits.is_empty() {
            self.point = 0;
        }
        self
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Times a power of ten.
    pub(super) fn shifted(mut self, by: i32) -> Self {
        if !self.is_zero() {
            self.point += by;
        }
        self
    }

    /// Rounded to so many digits behind the point, halves away from zero.
    pub(super) fn rounded(mut self, places: i32) -> Self {
        let keep = self.point.saturating_add(places);
        let Ok(keep) = usize::try_from(keep) else {
            return Self { digits: Vec::new(), point: 0, ..self };
        };
        if keep >= self.digits.len() {
            return self;
        }
        let up = self.digits[keep] >= 5;
        self.digits.truncate(keep);
        if up {
            let mut at = keep;
            loop {
                if at == 0 {
                    self.digits.insert(0, 1);
                    self.point += 1;
                    break;
                }
                at -= 1;
                if self.digits[at] < 9 {
                    self.digits[at] += 1;
                    break;
                }
                self.digits[at] = 0;
            }
        }
        self.trimmed()
    }

    /// Rounded to so many digits in all.
    pub(super) fn significant(self, count: i32) -> Self {
        let places = count - self.point;
        self.rounded(places)
    }

    /// The digits before the point, at least none.
    pub(super) fn whole(&self) -> String {
        (0..self.point.max(0)).map(|at| self.digit(at)).collect()
    }

    /// So many digits behind the point.
    pub(super) fn fraction(&self, places: usize) -> String {
        (0..i32::try_from(places).unwrap_or(0)).map(|at| self.digit(self.point + at)).collect()
    }

    /// How many digits behind the point are not zeros at the end.
    pub(super) fn fraction_length(&self) -> usize {
        usize::try_from(i32::try_from(self.digits.len()).unwrap_or(0) - self.point).unwrap_or(0)
    }

    fn digit(&self, at: i32) -> char {
        let digit = usize::try_from(at).ok().and_then(|at| self.digits.get(at)).copied().unwrap_or(0);
        char::from(b'0' + digit)
    }
}

/// Digits with a comma before each three.
pub(super) fn grouped(whole: &str) -> String {
    let mut out = String::new();
    for (at, c) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
