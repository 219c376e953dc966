//! PARSE: texts as a culture writes numbers and dates.

use super::Culture;
use crate::value::datetime::weekday_name;
use crate::value::{DataType, Length, Value, convert};

/// The value of a text; `None` when it is none of that type.
pub(super) fn parse(text: &str, target: DataType, culture: Culture) -> Option<Value> {
    let plain = if target.is_moment() { date(text)? } else { number(text, target, culture)? };
    // An empty text is a number or a date to CONVERT, but not to PARSE.
    if plain.is_empty() {
        return None;
    }
    convert::convert(&Value::text(plain), DataType::NVarChar(Length::Max), target, 0).ok()
}

/// A number without its commas, currency sign and parentheses.
fn number(text: &str, target: DataType, culture: Culture) -> Option<String> {
    let mut text = text.trim();
    let is_money = matches!(target, DataType::Money | DataType::SmallMoney);
    let is_float = matches!(target, DataType::Float | DataType::Real);
    let mut negative = false;
    if is_money && let Some(inside) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        text = inside.trim();
        negative = true;
    }
    for _ in 0..2 {
        if let Some(rest) = text.strip_prefix('-') {
            text = rest.trim_start();
            negative = true;
        } else if let Some(rest) = text.strip_prefix('+') {
            text = rest.trim_start();
        }
        if is_money && let Some(rest) = text.strip_prefix(culture.currency()) {
            text = rest.trim_start();
        }
    }
    if let Some(rest) = text.strip_suffix('-') {
        text = rest.trim_end();
        negative = true;
    }
    let (whole, behind) = match text.find(['.', 'e', 'E']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let whole: String = whole.chars().filter(|c| *c != ',').collect();
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (fraction, exponent) = match behind.find(['e', 'E']) {
        Some(at) => behind.split_at(at),
        None => (behind, ""),
    };
    let fraction = fraction.strip_prefix('.').unwrap_or(fraction);
    if !digits(&whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if !exponent.is_empty() && !is_float {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let is_whole =
        matches!(target, DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt);
    if is_whole {
        return fraction.bytes().all(|b| b == b'0').then(|| format!("{sign}{whole}"));
    }
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    let whole = if whole.is_empty() { "0" } else { &whole };
    Some(format!("{sign}{whole}.{fraction}{exponent}"))
}

/// A date without the name of its weekday: `Monday, 13 December 2010`.
fn date(text: &str) -> Option<String> {
    let text = text.trim();
    for day in 0..7 {
        let name = weekday_name(day);
        for name in [name, &name[..3]] {
            let Some(start) = text.get(..name.len()) else { continue };
            if start.eq_ignore_ascii_case(name) {
                let rest = text[name.len()..].trim_start();
                if let Some(rest) = rest.strip_prefix(',') {
                    return Some(rest.trim_start().to_owned());
                }
            }
        }
    }
    Some(text.to_owned())
}
