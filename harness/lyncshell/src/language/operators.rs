//! PowerShell's operators on values. Pure: nothing here runs a command.

use std::cmp::Ordering;
use std::rc::Rc;

use super::ast::{BinaryOperator, UnaryOperator};
use super::convert::{self, Converted, integer, number};
use super::error::ErrorRecord;
use super::value::{HashTable, Value};
use super::wildcard;

/// The longest list a range or a multiplication may make.
const LONGEST_LIST: usize = 100_000;

/// `left operator right`, except `-and`, `-or` (which need not look right) and
/// `-match` (which leaves `$Matches`).
pub(crate) fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Converted<Value> {
    use BinaryOperator::*;
    match operator {
        And => Ok(Value::Bool(left.truth() && right.truth())),
        Or => Ok(Value::Bool(left.truth() || right.truth())),
        Xor => Ok(Value::Bool(left.truth() != right.truth())),
        BitAnd => Ok(Value::Int(integer(left)? & integer(right)?)),
        BitOr => Ok(Value::Int(integer(left)? | integer(right)?)),
        BitXor => Ok(Value::Int(integer(left)? ^ integer(right)?)),
        Add => add(left, right),
        Subtract | Multiply | Divide | Remainder => arithmetic(operator, left, right),
        Format => format_text(&left.text(), &right.clone().into_items()).map(Value::from),
        Range => range(integer(left)?, integer(right)?),
        Equal { .. }
        | NotEqual { .. }
        | Greater { .. }
        | GreaterOrEqual { .. }
        | Less { .. }
        | LessOrEqual { .. }
        | Like { .. } => Ok(filter(left, |item| compare(operator, item, right))?),
        Match { case, not } => {
            let pattern = regex(&right.text(), case)?;
            filter(left, |item| Ok(pattern.is_match(&item.text()) != not))
        }
        Contains { case, not } => {
            let found = left.clone().into_items().iter().any(|item| equal(item, right, case));
            Ok(Value::Bool(found != not))
        }
        In { not } => {
            let found = right.clone().into_items().iter().any(|item| equal(item, left, false));
            Ok(Value::Bool(found != not))
        }
        Replace { case } => replace(left, right, case),
        Split { case } => split(left, &right.text(), case),
        Join => {
            let items: Vec<String> = left.clone().into_items().iter().map(Value::text).collect();
            Ok(Value::from(items.join(&right.text())))
        }
        Is { not } => Ok(Value::Bool(convert::is_of_type(left, &right.text()) != not)),
        As => Ok(convert::cast(&right.text(), left.clone()).unwrap_or(Value::Null)),
    }
}

/// `operator value`.
pub(crate) fn unary(operator: UnaryOperator, value: &Value) -> Converted<Value> {
    match operator {
        UnaryOperator::Not => Ok(Value::Bool(!value.truth())),
        UnaryOperator::BitNot => Ok(Value::Int(!integer(value)?)),
        UnaryOperator::Plus => number(value),
        UnaryOperator::Minus => match number(value)? {
            Value::Double(number) => Ok(Value::Double(-number)),
            other => Ok(Value::Int(integer(&other)?.checked_neg().ok_or_else(overflow)?)),
        },
        UnaryOperator::Comma => Ok(Value::Array(Rc::new(vec![value.clone()]))),
        UnaryOperator::Join => {
            Ok(Value::from(value.clone().into_items().iter().map(Value::text).collect::<String>()))
        }
        UnaryOperator::Split => Ok(Value::strings(value.text().split_whitespace())),
    }
}

fn overflow() -> ErrorRecord {
    ErrorRecord::runtime("Value was either too large or too small for an Int64.", "RuntimeException")
}

/// A comparison with a list on the left keeps the items for which it holds.
fn filter(left: &Value, mut holds: impl FnMut(&Value) -> Converted<bool>) -> Converted<Value> {
    match left {
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items.iter() {
                if holds(item)? {
                    kept.push(item.clone());
                }
            }
            Ok(Value::Array(Rc::new(kept)))
        }
        one => Ok(Value::Bool(holds(one)?)),
    }
}

/// One comparison.
fn compare(operator: BinaryOperator, left: &Value, right: &Value) -> Converted<bool> {
    use BinaryOperator::*;
    Ok(match operator {
        Equal { case } => equal(left, right, case),
        NotEqual { case } => !equal(left, right, case),
        Greater { case } => order(left, right, case)? == Ordering::Greater,
        GreaterOrEqual { case } => order(left, right, case)? != Ordering::Less,
        Less { case } => order(left, right, case)? == Ordering::Less,
        LessOrEqual { case } => order(left, right, case)? != Ordering::Greater,
        Like { case, not } => wildcard::matches(&right.text(), &left.text(), case) != not,
        _ => false,
    })
}

/// `-eq`: the right side becomes the left side's type; what cannot is unequal.
pub(crate) fn equal(left: &Value, right: &Value, case: bool) -> bool {
    match (left, right) {
        (Value::Null, other) | (other, Value::Null) => matches!(other, Value::Null),
        (Value::Bool(flag), other) => *flag == other.truth(),
        (Value::Int(_) | Value::Double(_), other) => match number(other) {
            Ok(other) => as_double(left) == as_double(&other),
            Err(_) => false,
        },
        (Value::Enum(member), Value::Int(number)) => member.index as i64 == *number,
        (Value::DateTime(left), Value::DateTime(right)) => left == right,
        (Value::Hash(left), Value::Hash(right)) => Rc::ptr_eq(left, right),
        (Value::Object(left), Value::Object(right)) => Rc::ptr_eq(left, right),
        _ => texts(left, right, case).0 == texts(left, right, case).1,
    }
}

/// Both sides as text, folded unless case counts.
fn texts(left: &Value, right: &Value, case: bool) -> (String, String) {
    let fold = |text: String| if case { text } else { text.to_lowercase() };
    (fold(left.text()), fold(right.text()))
}

fn as_double(value: &Value) -> f64 {
    match value {
        Value::Int(whole) => *whole as f64,
        Value::Double(number) => *number,
        _ => f64::NAN,
    }
}

/// The order of two values; numbers by size, dates by time, the rest as text.
pub(crate) fn order(left: &Value, right: &Value, case: bool) -> Converted<Ordering> {
    Ok(match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Int(_) | Value::Double(_) | Value::Bool(_), _) => {
            let (left, right) = (number(left)?, number(right)?);
            as_double(&left).partial_cmp(&as_double(&right)).unwrap_or(Ordering::Equal)
        }
        (Value::Enum(left), Value::Enum(right)) => left.index.cmp(&right.index),
        (Value::DateTime(left), Value::DateTime(right)) => left.cmp(right),
        _ => {
            let (left, right) = texts(left, right, case);
            left.cmp(&right)
        }
    })
}

fn add(left: &Value, right: &Value) -> Converted<Value> {
    match left {
        Value::Array(items) => {
            let mut sum = items.as_ref().clone();
            sum.extend(right.clone().into_items());
            Ok(Value::Array(Rc::new(sum)))
        }
        Value::String(text) => Ok(Value::from(format!("{text}{}", right.text()))),
        Value::Null => Ok(right.clone()),
        Value::Hash(left) => match right {
            Value::Hash(right) => {
                let mut sum = HashTable(left.borrow().0.clone());
                for (key, value) in &right.borrow().0 {
                    if sum.get(key).is_some() {
                        let message =
                            format!("Item has already been added. Key in dictionary: '{}'", key.text());
                        return Err(ErrorRecord::runtime(message, "System.ArgumentException"));
                    }
                    sum.set(key.clone(), value.clone());
                }
                Ok(Value::Hash(Rc::new(sum.into())))
            }
            _ => Err(ErrorRecord::runtime(
                "A hash table can only be added to another hash table.",
                "AddHashTableToNonHashTable",
            )),
        },
        Value::Int(_) | Value::Double(_) | Value::Bool(_) => arithmetic(BinaryOperator::Add, left, right),
        _ => Err(ErrorRecord::runtime(
            format!(
                "Method invocation failed because [{}] does not contain a method named 'op_Addition'.",
                left.type_name()
            ),
            "MethodNotFound",
        )),
    }
}

fn arithmetic(operator: BinaryOperator, left: &Value, right: &Value) -> Converted<Value> {
    if let (Value::String(text), BinaryOperator::Multiply) = (left, operator) {
        let times = usize::try_from(integer(right)?).unwrap_or(0);
        if text.len().saturating_mul(times) > LONGEST_LIST {
            return Err(overflow());
        }
        return Ok(Value::from(text.repeat(times)));
    }
    let (left, right) = (number(left)?, number(right)?);
    if let (Value::Int(left), Value::Int(right)) = (&left, &right) {
        let whole = match operator {
            BinaryOperator::Add => left.checked_add(*right),
            BinaryOperator::Subtract => left.checked_sub(*right),
            BinaryOperator::Multiply => left.checked_mul(*right),
            BinaryOperator::Divide | BinaryOperator::Remainder if *right == 0 => {
                return Err(ErrorRecord::new(
                    "Attempted to divide by zero.",
                    "NotSpecified",
                    "System.Management.Automation.RuntimeException",
                    "RuntimeException",
                ));
            }
            BinaryOperator::Divide if left % right != 0 => {
                return Ok(Value::Double(*left as f64 / *right as f64));
            }
            BinaryOperator::Divide => left.checked_div(*right),
            _ => left.checked_rem(*right),
        };
        return whole.map(Value::Int).ok_or_else(overflow);
    }
    let (left, right) = (as_double(&left), as_double(&right));
    Ok(Value::Double(match operator {
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        BinaryOperator::Multiply => left * right,
        BinaryOperator::Divide => left / right,
        _ => left % right,
    }))
}

fn range(from: i64, to: i64) -> Converted<Value> {
    if from.abs_diff(to) as usize >= LONGEST_LIST {
        return Err(ErrorRecord::not_modelled("ranges of more than 100000 numbers"));
    }
    let numbers: Vec<Value> = if from <= to {
        (from..=to).map(Value::Int).collect()
    } else {
        (to..=from).rev().map(Value::Int).collect()
    };
    Ok(Value::Array(Rc::new(numbers)))
}

/// A regular expression as .NET would read it, in the common part of both dialects.
pub(crate) fn regex(pattern: &str, case: bool) -> Converted<regex::Regex> {
    regex::RegexBuilder::new(pattern).case_insensitive(!case).size_limit(1 << 20).build().map_err(|_| {
        ErrorRecord::runtime(
            format!("The regular expression pattern {pattern} is not valid."),
            "InvalidRegularExpression",
        )
    })
}

fn replace(left: &Value, right: &Value, case: bool) -> Converted<Value> {
    let parts = right.clone().into_items();
    let pattern = regex(&parts.first().map(Value::text).unwrap_or_default(), case)?;
    let with = parts.get(1).map(Value::text).unwrap_or_default();
    let one = |value: &Value| Value::from(pattern.replace_all(&value.text(), with.as_str()).into_owned());
    Ok(match left {
        Value::Array(items) => Value::Array(Rc::new(items.iter().map(one).collect())),
        value => one(value),
    })
}

fn split(left: &Value, pattern: &str, case: bool) -> Converted<Value> {
    let pattern = regex(pattern, case)?;
    let mut parts = Vec::new();
    for item in left.clone().into_items() {
        parts.extend(pattern.split(&item.text()).map(Value::from));
    }
    Ok(Value::Array(Rc::new(parts)))
}

/// `-f`: `{0}`, `{1,-10}` and the formats `N`, `F`, `D`, `X` with a precision.
fn format_text(format: &str, items: &[Value]) -> Converted<String> {
    let wrong = || {
        ErrorRecord::runtime(
            "Error formatting a string: Input string was not in a correct format..",
            "FormatError",
        )
    };
    let mut text = String::new();
    let mut characters = format.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '{' | '}' if characters.peek() == Some(&c) => {
                characters.next();
                text.push(c);
            }
            '{' => {
                let inner: String = characters.by_ref().take_while(|c| *c != '}').collect();
                let (place, how) = inner.split_once(':').unwrap_or((&inner, ""));
                let (index, width) = place.split_once(',').unwrap_or((place, "0"));
                let index: usize = index.trim().parse().map_err(|_| wrong())?;
                let width: i64 = width.trim().parse().map_err(|_| wrong())?;
                if width.unsigned_abs() > 1000 {
                    return Err(wrong());
                }
                let item = formatted(items.get(index).ok_or_else(wrong)?, how)?;
                let columns = width.unsigned_abs() as usize;
                if width < 0 {
                    text.push_str(&format!("{item:<columns$}"));
                } else {
                    text.push_str(&format!("{item:>columns$}"));
                }
            }
            '}' => return Err(wrong()),
            _ => text.push(c),
        }
    }
    Ok(text)
}

/// One item of `-f` in a format.
pub(crate) fn formatted(value: &Value, how: &str) -> Converted<String> {
    if how.is_empty() {
        return Ok(value.text());
    }
    if let Value::DateTime(at) = value {
        return super::members::format_date(*at, how);
    }
    let unknown = || ErrorRecord::not_modelled(&format!("the format '{how}'"));
    let mut letters = how.chars();
    let kind = letters.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
    let digits = letters.as_str();
    let precision =
        if digits.is_empty() { None } else { Some(digits.parse::<usize>().map_err(|_| unknown())?) };
    let precision = precision.map(|digits| digits.min(99));
    match kind {
        'D' => {
            let whole = integer(value)?;
            let width = precision.unwrap_or(0);
            let sign = if whole < 0 { "-" } else { "" };
            Ok(format!("{sign}{:0>width$}", whole.unsigned_abs()))
        }
        'X' => Ok(format!("{:0>width$X}", integer(value)?, width = precision.unwrap_or(0))),
        'N' | 'F' => {
            let number = as_double(&number(value)?);
            let plain = format!("{number:.*}", precision.unwrap_or(2));
            Ok(if kind == 'N' { grouped(&plain) } else { plain })
        }
        _ => Err(unknown()),
    }
}

/// A number with commas between its thousands.
fn grouped(plain: &str) -> String {
    let (whole, fraction) = plain.split_once('.').map_or((plain, None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}
