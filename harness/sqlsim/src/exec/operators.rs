//! What operators do to values: arithmetic, comparison, LIKE.

use crate::engine::definition::fold;
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{BinaryOperator, Comparison};
use crate::value::datetime::{DAY, DAYS_TO_1900, Moment};
use crate::value::{DataType, Decimal, Value, convert, decimal};
use std::cmp::Ordering;

/// The longest text that an expression may make.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The type of an arithmetic expression, and whether it joins texts.
pub(super) fn arithmetic_type(
    operator: BinaryOperator,
    left: DataType,
    right: DataType,
) -> SqlResult<DataType> {
    let joins = operator == BinaryOperator::Add;
    if joins && left.is_text() && right.is_text() {
        return Ok(joined_text_type(left, right));
    }
    if joins && left.is_binary() && right.is_binary() {
        return Ok(DataType::VarBinary(crate::value::Length::Max));
    }
    let higher = if left.precedence() >= right.precedence() { left } else { right };
    let symbol = symbol_of(operator);
    let refused = || error(402, 1, &[&left.name(), &right.name(), &symbol]);
    match higher {
        DataType::DateTime | DataType::SmallDateTime
            if matches!(operator, BinaryOperator::Add | BinaryOperator::Subtract) =>
        {
            Ok(higher)
        }
        _ if higher.is_moment() => Err(error(206, 2, &[&left.name(), &right.name()])),
        DataType::Float | DataType::Real => match operator {
            BinaryOperator::Modulo => Err(refused()),
            _ => Ok(if left == DataType::Real && right == DataType::Real { left } else { DataType::Float }),
        },
        DataType::Decimal { .. } => Ok(decimal_type(operator, left, right)),
        DataType::Bit if !is_bitwise(operator) => Err(refused()),
        _ if higher.is_number() => Ok(higher),
        _ if left.is_text() && right.is_text() => {
            Err(error(8117, 1, &[&left.name(), &symbol_word(operator)]))
        }
        _ => Err(refused()),
    }
}

fn joined_text_type(left: DataType, right: DataType) -> DataType {
    use crate::value::Length::{Max, Upto};
    let national = left.is_national() || right.is_national();
    let limit = if national { 4000 } else { 8000 };
    let length = match (left.length(), right.length()) {
        (Some(a), Some(b)) => Upto(a.saturating_add(b).min(limit)),
        _ => Max,
    };
    if national { DataType::NVarChar(length) } else { DataType::VarChar(length) }
}

fn decimal_type(operator: BinaryOperator, left: DataType, right: DataType) -> DataType {
    let (a, b) = (left.decimal_shape(), right.decimal_shape());
    match operator {
        BinaryOperator::Multiply => decimal::product_type(a, b),
        BinaryOperator::Divide => decimal::quotient_type(a, b),
        BinaryOperator::Modulo => decimal::modulo_type(a, b),
        _ => decimal::sum_type(a, b),
    }
}

fn is_bitwise(operator: BinaryOperator) -> bool {
    matches!(operator, BinaryOperator::BitAnd | BinaryOperator::BitOr | BinaryOperator::BitXor)
}

fn symbol_of(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "add",
        BinaryOperator::Subtract => "subtract",
        BinaryOperator::Multiply => "multiply",
        BinaryOperator::Divide => "divide",
        BinaryOperator::Modulo => "modulo",
        BinaryOperator::BitAnd => "'&'",
        BinaryOperator::BitOr => "'|'",
        BinaryOperator::BitXor => "'^'",
    }
}

fn symbol_word(operator: BinaryOperator) -> &'static str {
    symbol_of(operator)
}

/// Carries out an operator; both values are of types that [`arithmetic_type`] accepted, `out` is what it said.
pub(super) fn arithmetic(
    operator: BinaryOperator,
    (left, left_type): (&Value, DataType),
    (right, right_type): (&Value, DataType),
    out: DataType,
) -> SqlResult<Value> {
    if left.is_null() || right.is_null() {
        return Ok(Value::Null);
    }
    match out {
        _ if out.is_text() => {
            let (Value::Text(a), Value::Text(b)) = (left, right) else { return Ok(Value::Null) };
            if a.len() + b.len() > TEXT_BYTES_MAX {
                return Err(error(701, 123, &[&"default"]));
            }
            let mut text = String::with_capacity(a.len() + b.len());
            text.push_str(a);
            text.push_str(b);
            Ok(Value::Text(text.into()))
        }
        DataType::VarBinary(_) => {
            let (Value::Binary(a), Value::Binary(b)) = (left, right) else { return Ok(Value::Null) };
            Ok(Value::Binary([&a[..], &b[..]].concat().into()))
        }
        DataType::DateTime | DataType::SmallDateTime => {
            let a = convert::convert(left, left_type, DataType::DateTime, 0)?;
            let b = convert::convert(right, right_type, DataType::DateTime, 0)?;
            datetime_sum(operator, &a, &b, out)
        }
        DataType::Decimal { precision, scale } => {
            let a = as_decimal(left, left_type)?;
            let b = as_decimal(right, right_type)?;
            let overflow = || error(8115, 2, &[&"expression", &"numeric"]);
            decimal_result(operator, a, b, scale)?
                .and_then(|d| d.fit(precision, scale))
                .map(Value::Decimal)
                .ok_or_else(overflow)
        }
        DataType::Float | DataType::Real => {
            let a = as_float(left, left_type)?;
            let b = as_float(right, right_type)?;
            float_result(operator, a, b, out)
        }
        DataType::Money | DataType::SmallMoney => {
            let a = as_decimal(&convert::convert(left, left_type, DataType::Money, 0)?, DataType::Money)?;
            let b = as_decimal(&convert::convert(right, right_type, DataType::Money, 0)?, DataType::Money)?;
            decimal_result(operator, a, b, 4)?
                .and_then(|d| i64::try_from(d.mantissa).ok())
                .map(Value::Money)
                .ok_or_else(|| error(8115, 2, &[&"expression", &out.name()]))
        }
        _ => integer_result(operator, (left, left_type), (right, right_type), out),
    }
}

fn as_decimal(value: &Value, from: DataType) -> SqlResult<Decimal> {
    match value {
        Value::Decimal(d) => Ok(*d),
        Value::Int(n) => Ok(Decimal::whole(*n)),
        Value::Money(m) => Ok(Decimal { mantissa: (*m).into(), scale: 4 }),
        Value::Bit(bit) => Ok(Decimal::whole(i64::from(*bit))),
        Value::Text(text) => {
            Decimal::parse(text.trim()).ok_or_else(|| error(8114, 5, &[&from.name(), &"numeric"]))
        }
        _ => Err(error(206, 2, &[&from.name(), &"numeric"])),
    }
}

fn as_float(value: &Value, from: DataType) -> SqlResult<f64> {
    match convert::convert(value, from, DataType::Float, 0)? {
        Value::Float(f) => Ok(f),
        _ => Ok(0.0),
    }
}

fn decimal_result(operator: BinaryOperator, a: Decimal, b: Decimal, scale: u8) -> SqlResult<Option<Decimal>> {
    if matches!(operator, BinaryOperator::Divide | BinaryOperator::Modulo) && b.mantissa == 0 {
        return Err(error(8134, 1, &[]));
    }
    Ok(match operator {
        BinaryOperator::Add => a.add(b, scale),
        BinaryOperator::Subtract => a.subtract(b, scale),
        BinaryOperator::Multiply => a.multiply(b, scale),
        BinaryOperator::Divide => a.divide(b, scale),
        BinaryOperator::Modulo => a.modulo(b, scale),
        _ => return Err(error(8117, 1, &[&"numeric", &symbol_word(operator)])),
    })
}

fn float_result(operator: BinaryOperator, a: f64, b: f64, out: DataType) -> SqlResult<Value> {
    let result = match operator {
        BinaryOperator::Add => a + b,
        BinaryOperator::Subtract => a - b,
        BinaryOperator::Multiply => a * b,
        BinaryOperator::Divide if b == 0.0 => return Err(error(8134, 1, &[])),
        BinaryOperator::Divide => a / b,
        _ => return Err(error(8117, 1, &[&out.name(), &symbol_word(operator)])),
    };
    if !result.is_finite() {
        return Err(error(8115, 2, &[&"expression", &out.name()]));
    }
    Ok(if out == DataType::Real { Value::Real(result as f32) } else { Value::Float(result) })
}

fn integer_result(
    operator: BinaryOperator,
    (left, left_type): (&Value, DataType),
    (right, right_type): (&Value, DataType),
    out: DataType,
) -> SqlResult<Value> {
    let target = if out == DataType::Bit { DataType::Int } else { out };
    let read = |value: &Value, from| match convert::convert(value, from, target, 0)? {
        Value::Int(n) => Ok(n),
        _ => Ok::<i64, crate::SqlError>(0),
    };
    let (a, b) = (read(left, left_type)?, read(right, right_type)?);
    let divides = matches!(operator, BinaryOperator::Divide | BinaryOperator::Modulo);
    if divides && b == 0 {
        return Err(error(8134, 1, &[]));
    }
    let result = match operator {
        BinaryOperator::Add => a.checked_add(b),
        BinaryOperator::Subtract => a.checked_sub(b),
        BinaryOperator::Multiply => a.checked_mul(b),
        BinaryOperator::Divide => a.checked_div(b),
        BinaryOperator::Modulo => Some(a.checked_rem(b).unwrap_or(0)),
        BinaryOperator::BitAnd => Some(a & b),
        BinaryOperator::BitOr => Some(a | b),
        BinaryOperator::BitXor => Some(a ^ b),
    };
    let (low, high) = match out {
        DataType::TinyInt => (0, 255),
        DataType::SmallInt => (-32_768, 32_767),
        DataType::BigInt => (i64::MIN, i64::MAX),
        DataType::Bit => return Ok(Value::Bit(result.unwrap_or(0) & 1 == 1)),
        _ => (i32::MIN.into(), i32::MAX.into()),
    };
    result
        .filter(|n| (low..=high).contains(n))
        .map(Value::Int)
        .ok_or_else(|| error(8115, 2, &[&"expression", &out.name()]))
}

fn datetime_sum(operator: BinaryOperator, a: &Value, b: &Value, out: DataType) -> SqlResult<Value> {
    let (Some(mut a), Some(b)) = (Moment::of(a), Moment::of(b)) else { return Ok(Value::Null) };
    let sign = if operator == BinaryOperator::Subtract { -1 } else { 1 };
    a.days += sign * (b.days - DAYS_TO_1900);
    a.shift(i64::from(sign) * (b.time % DAY) as i64);
    let sum = if out == DataType::DateTime { a.to_datetime() } else { a.to_smalldatetime() };
    sum.ok_or_else(|| error(517, 1, &[&out.name()]))
}

/// Order of two texts by the collation: case and trailing blanks do not matter.
pub(super) fn compare_text(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_end_matches(' '), b.trim_end_matches(' '));
    if a.is_ascii() && b.is_ascii() {
        let lower = |byte: &u8| byte.to_ascii_lowercase();
        return a.as_bytes().iter().map(lower).cmp(b.as_bytes().iter().map(lower));
    }
    fold(a).cmp(&fold(b))
}

/// Order of two values of one type family; `None` when one is NULL.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    Some(match (a, b) {
        (Value::Null, _) | (_, Value::Null) => return None,
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => compare_text(a, b),
        (Value::Bit(a), Value::Bit(b)) => a.cmp(b),
        (Value::Money(a), Value::Money(b)) => a.cmp(b),
        (Value::Binary(a), Value::Binary(b)) => a.cmp(b),
        (Value::Float(_) | Value::Real(_), _) | (_, Value::Float(_) | Value::Real(_)) => {
            number_as_float(a).partial_cmp(&number_as_float(b))?
        }
        _ => match (number_as_decimal(a), number_as_decimal(b)) {
            (Some(a), Some(b)) => a.compare(b),
            _ => crate::engine::KeyPart::of(a).cmp(&crate::engine::KeyPart::of(b)),
        },
    })
}

fn number_as_decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(n) => Some(Decimal::whole(*n)),
        Value::Bit(bit) => Some(Decimal::whole(i64::from(*bit))),
        Value::Money(m) => Some(Decimal { mantissa: (*m).into(), scale: 4 }),
        Value::Decimal(d) => Some(*d),
        _ => None,
    }
}

fn number_as_float(value: &Value) -> f64 {
    match value {
        Value::Float(f) => *f,
        Value::Real(f) => f64::from(*f),
        other => number_as_decimal(other).map_or(f64::NAN, Decimal::to_f64),
    }
}

/// Whether an order satisfies a comparison.
pub(super) fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

/// LIKE: `%`, `_`, `[a-c]`, `[^a-c]`, with an escape character.
pub(super) fn like(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let text: Vec<char> = fold(text).chars().collect();
    let pattern = like_pattern(&fold(pattern), escape);
    like_from(&text, &pattern)
}

enum LikePart {
    Many,
    One,
    Char(char),
    Set { chars: Vec<(char, char)>, negated: bool },
}

fn like_pattern(pattern: &str, escape: Option<char>) -> Vec<LikePart> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        at += 1;
        match c {
            _ if Some(c) == escape && at < chars.len() => {
                parts.push(LikePart::Char(chars[at]));
                at += 1;
            }
            '%' => parts.push(LikePart::Many),
            '_' => parts.push(LikePart::One),
            '[' => match chars[at..].iter().skip(1).position(|c| *c == ']').map(|i| at + 1 + i) {
                Some(close) => {
                    parts.push(like_set(&chars[at..close]));
                    at = close + 1;
                }
                None => parts.push(LikePart::Char('[')),
            },
            _ => parts.push(LikePart::Char(c)),
        }
    }
    parts
}

fn like_set(inner: &[char]) -> LikePart {
    let (negated, inner) = match inner {
        ['^', rest @ ..] => (true, rest),
        _ => (false, inner),
    };
    let mut chars = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        if at + 2 < inner.len() && inner[at + 1] == '-' {
            chars.push((inner[at], inner[at + 2]));
            at += 3;
        } else {
            chars.push((inner[at], inner[at]));
            at += 1;
        }
    }
    LikePart::Set { chars, negated }
}

fn like_from(text: &[char], pattern: &[LikePart]) -> bool {
    // Greedy with one point to come back to, so that no pattern takes exponential time.
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let fits = match pattern.get(p) {
            Some(LikePart::Many) => {
                retry = Some((t, p + 1));
                p += 1;
                continue;
            }
            None => t == text.len(),
            Some(part) => text.get(t).is_some_and(|c| like_char(*c, part)),
        };
        if fits {
            if p == pattern.len() {
                return true;
            }
            t += 1;
            p += 1;
        } else {
            let Some((start, after)) = retry.filter(|(start, _)| *start < text.len()) else { return false };
            retry = Some((start + 1, after));
            t = start + 1;
            p = after;
        }
    }
}

fn like_char(c: char, part: &LikePart) -> bool {
    match part {
        LikePart::Many | LikePart::One => true,
        LikePart::Char(expected) => c == *expected,
        LikePart::Set { chars, negated } => chars.iter().any(|(a, b)| (*a..=*b).contains(&c)) != *negated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("mgc_2026", "MGC\\_%", Some('\\'), true)]
    #[case("mgcx2026", "MGC\\_%", Some('\\'), false)]
    #[case("abc", "a%c", None, true)]
    #[case("abc", "[a-c]_[^x]", None, true)]
    #[case("abc", "a%d", None, false)]
    #[case("", "%", None, true)]
    #[case("abc ", "abc", None, false)]
    fn like_follows_its_wildcards(
        #[case] text: &str,
        #[case] pattern: &str,
        #[case] escape: Option<char>,
        #[case] expected: bool,
    ) {
        assert_eq!(like(text, pattern, escape), expected);
    }
}
