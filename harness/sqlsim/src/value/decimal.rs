//! Exact decimals of up to 38 digits, with SQL Server's precision and scale rules.

use super::{DataType, Decimal};
use ethnum::I256;
use std::cmp::Ordering;
use std::fmt;

/// The largest mantissa: 38 nines.
const MANTISSA_MAX: i128 = 10_i128.pow(38) - 1;

impl Decimal {
    /// A whole number.
    #[must_use]
    pub fn whole(n: i64) -> Self {
        Self { mantissa: n.into(), scale: 0 }
    }

    /// Reads digits with at most one point and a sign; `None` beyond 38 digits or for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mut mantissa, mut scale, mut seen_point, mut seen_digit) = (0_i128, 0_u8, false, false);
        for byte in digits.bytes() {
            match byte {
                b'.' if !seen_point => seen_point = true,
                b'0'..=b'9' => {
                    mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                    scale += u8::from(seen_point);
                    seen_digit = true;
                }
                _ => return None,
            }
        }
        if !seen_digit || mantissa > MANTISSA_MAX || scale > 38 {
            return None;
        }
        Some(Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// How many digits it has, at least its scale and 1.
    #[must_use]
    pub fn digits(self) -> u8 {
        let mut rest = self.mantissa.unsigned_abs();
        let mut digits = 0;
        while rest > 0 {
            rest /= 10;
            digits += 1;
        }
        digits.max(self.scale).max(1)
    }

    /// The type of a literal that reads so.
    #[must_use]
    pub fn literal_type(self) -> DataType {
        DataType::Decimal { precision: self.digits(), scale: self.scale }
    }

    /// The same number with another scale, rounded half away from zero; `None` when it does not fit.
    #[must_use]
    pub fn rescale(self, scale: u8) -> Option<Self> {
        if scale >= self.scale {
            let factor = 10_i128.checked_pow(u32::from(scale - self.scale))?;
            let mantissa = self.mantissa.checked_mul(factor)?;
            return (mantissa.abs() <= MANTISSA_MAX).then_some(Self { mantissa, scale });
        }
        let cut = u32::from(self.scale - scale);
        if cut > 38 {
            return Some(Self { mantissa: 0, scale });
        }
        let factor = 10_i128.checked_pow(cut)?;
        let (quotient, rest) = (self.mantissa / factor, self.mantissa % factor);
        let up = i128::from(rest.unsigned_abs() * 2 >= factor.unsigned_abs());
        Some(Self { mantissa: quotient + up * self.mantissa.signum(), scale })
    }

    /// The same number with another scale, cut off instead of rounded.
    #[must_use]
    pub fn truncate(self, scale: u8) -> Self {
        if scale >= self.scale {
            return self;
        }
        let factor = 10_i128.checked_pow(u32::from(self.scale - scale)).unwrap_or(i128::MAX);
        Self { mantissa: self.mantissa / factor, scale }
    }

    /// Fits it into `decimal(precision, scale)`; `None` on overflow.
    #[must_use]
    pub fn fit(self, precision: u8, scale: u8) -> Option<Self> {
        let fitted = self.rescale(scale)?;
        (fitted.mantissa.unsigned_abs() < 10_u128.pow(u32::from(precision.min(38)))).then_some(fitted)
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // Through text, so that the nearest double is found whatever the scale.
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// From a double, with `scale` digits behind the point; `None` when it does not fit.
    #[must_use]
    pub fn from_f64(number: f64, scale: u8) -> Option<Self> {
        if !number.is_finite() || number.abs() >= 1e38 {
            return None;
        }
        Self::parse(&format!("{number:.*}", usize::from(scale)))
    }

    /// Without its fraction.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.truncate(0).mantissa).ok()
    }

    fn wide(self, scale: u8) -> I256 {
        I256::from(self.mantissa) * I256::from(10).pow(u32::from(scale - self.scale))
    }

    /// Sum, at `scale`.
    #[must_use]
    pub fn add(self, other: Self, scale: u8) -> Option<Self> {
        let common = self.scale.max(other.scale);
        narrow(self.wide(common) + other.wide(common), common, scale)
    }

    /// Difference, at `scale`.
    #[must_use]
    pub fn subtract(self, other: Self, scale: u8) -> Option<Self> {
        self.add(Self { mantissa: -other.mantissa, scale: other.scale }, scale)
    }

    /// Product, at `scale`.
    #[must_use]
    pub fn multiply(self, other: Self, scale: u8) -> Option<Self> {
        narrow(I256::from(self.mantissa) * I256::from(other.mantissa), self.scale + other.scale, scale)
    }

    /// Quotient, at `scale`, cut off; `None` on overflow. The divisor is not zero.
    #[must_use]
    pub fn divide(self, other: Self, scale: u8) -> Option<Self> {
        let shift = i32::from(scale) + i32::from(other.scale) - i32::from(self.scale);
        let mut dividend = I256::from(self.mantissa);
        let mut divisor = I256::from(other.mantissa);
        let factor = I256::from(10).pow(shift.unsigned_abs());
        if shift >= 0 {
            dividend = dividend.checked_mul(factor)?;
        } else {
            divisor = divisor.checked_mul(factor)?;
        }
        let mantissa = i128::try_from(dividend.checked_div(divisor)?).ok()?;
        (mantissa.abs() <= MANTISSA_MAX).then_some(Self { mantissa, scale })
    }

    /// Remainder. The divisor is not zero.
    #[must_use]
    pub fn modulo(self, other: Self, scale: u8) -> Option<Self> {
        let common = self.scale.max(other.scale);
        narrow(self.wide(common).checked_rem(other.wide(common))?, common, scale)
    }

    /// Numeric order, whatever the scales.
    #[must_use]
    pub fn compare(self, other: Self) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        let common = self.scale.max(other.scale);
        self.wide(common).cmp(&other.wide(common))
    }
}

/// Brings a wide mantissa to `scale`, rounding half away from zero.
fn narrow(wide: I256, from: u8, scale: u8) -> Option<Decimal> {
    let mut wide = wide;
    if scale > from {
        wide = wide.checked_mul(I256::from(10).pow(u32::from(scale - from)))?;
    } else if scale < from {
        let factor = I256::from(10).pow(u32::from(from - scale));
        let (quotient, rest) = (wide / factor, wide % factor);
        let up = if rest.abs() * I256::from(2) >= factor { wide.signum() } else { I256::ZERO };
        wide = quotient + up;
    }
    let mantissa = i128::try_from(wide).ok()?;
    (mantissa.abs() <= MANTISSA_MAX).then_some(Decimal { mantissa, scale })
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let scale = usize::from(self.scale);
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

/// Type of a sum or difference of two decimals.
#[must_use]
pub fn sum_type((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    let scale = s1.max(s2);
    capped((p1 - s1).max(p2 - s2) + scale + 1, scale)
}

/// Type of a product.
#[must_use]
pub fn product_type((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    capped(p1 + p2 + 1, s1 + s2)
}

/// Type of a quotient.
#[must_use]
pub fn quotient_type((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    let scale = (s1 + p2 + 1).max(6);
    capped(p1 - s1 + s2 + scale, scale)
}

/// Type of a remainder.
#[must_use]
pub fn modulo_type((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    let scale = s1.max(s2);
    capped((p1 - s1).min(p2 - s2) + scale, scale)
}

/// Beyond 38 digits the scale gives way, though not below 6.
fn capped(precision: u8, scale: u8) -> DataType {
    if precision <= 38 {
        return DataType::Decimal { precision, scale };
    }
    let whole = precision - scale;
    let kept = scale.min(38_u8.saturating_sub(whole).max(scale.min(6)));
    DataType::Decimal { precision: 38, scale: kept }
}
