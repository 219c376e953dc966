//! Patterns of numbers.

use super::Culture;
use super::digits::{Digits, grouped};
use crate::value::DataType;

/// The most digits a pattern may ask for.
const PRECISION_MAX: usize = 99;

/// A number in a standard or custom pattern; `None` when the pattern is none for its type.
pub(super) fn format(
    number: &Digits,
    data_type: DataType,
    pattern: &str,
    culture: Culture,
) -> Option<String> {
    let pattern = if pattern.is_empty() { "G" } else { pattern };
    let mut chars = pattern.chars();
    let letter = chars.next()?;
    let rest = chars.as_str();
    let is_standard =
        letter.is_ascii_alphabetic() && rest.len() <= 2 && rest.bytes().all(|b| b.is_ascii_digit());
    if !is_standard {
        return Some(custom(number, pattern));
    }
    let precision = rest.parse::<usize>().ok().map(|places| places.min(PRECISION_MAX));
    standard(number, data_type, letter, precision, culture)
}

fn standard(
    number: &Digits,
    data_type: DataType,
    letter: char,
    precision: Option<usize>,
    culture: Culture,
) -> Option<String> {
    let is_whole =
        matches!(data_type, DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt);
    let is_float = matches!(data_type, DataType::Float | DataType::Real);
    let fixed = |number: Digits, places: usize, groups: bool| {
        let number = number.rounded(i32::try_from(places).unwrap_or(0));
        let whole = if number.point > 0 { number.whole() } else { "0".to_owned() };
        let whole = if groups { grouped(&whole) } else { whole };
        let point = if places > 0 { "." } else { "" };
        (number.negative && !number.is_zero(), format!("{whole}{point}{}", number.fraction(places)))
    };
    let signed = |(negative, text): (bool, String)| if negative { format!("-{text}") } else { text };
    Some(match letter.to_ascii_uppercase() {
        'C' => {
            let (negative, text) = fixed(number.clone(), precision.unwrap_or(2), true);
            let text = format!("{}{text}", culture.currency());
            if negative { format!("({text})") } else { text }
        }
        'D' if is_whole => {
            let whole = number.whole();
            signed((number.negative, format!("{whole:0>width$}", width = precision.unwrap_or(1).max(1))))
        }
        'E' => exponential(number, precision.unwrap_or(6), letter, 3),
        'F' => signed(fixed(number.clone(), precision.unwrap_or(2), false)),
        'N' => signed(fixed(number.clone(), precision.unwrap_or(2), true)),
        'P' => format!("{} %", signed(fixed(number.clone().shifted(2), precision.unwrap_or(2), true))),
        'G' => general(number, data_type, precision.unwrap_or(0), letter),
        'R' if is_float => general(number, data_type, 0, letter),
        'X' if is_whole => {
            let bits: i64 = signed((number.negative, number.whole())).parse().unwrap_or(0);
            // As many bits as the type has.
            let bits = match data_type {
                DataType::TinyInt => u64::from(bits as u8),
                DataType::SmallInt => u64::from(bits as u16),
                DataType::Int => u64::from(bits as u32),
                _ => bits as u64,
            };
            let width = precision.unwrap_or(1);
            if letter == 'X' { format!("{bits:0>width$X}") } else { format!("{bits:0>width$x}") }
        }
        _ => return None,
    })
}

/// The shorter of plain and exponential.
fn general(number: &Digits, data_type: DataType, precision: usize, letter: char) -> String {
    let exact = matches!(data_type, DataType::Decimal { .. } | DataType::Money | DataType::SmallMoney);
    let limit = match (precision, data_type) {
        (0, DataType::Float) => 15,
        (0, DataType::Real) => 7,
        (0, _) => 99,
        (places, _) => places,
    };
    let limit = i32::try_from(limit).unwrap_or(99);
    let rounded = number.clone().significant(limit);
    let sign = if rounded.negative && !rounded.is_zero() { "-" } else { "" };
    let small = rounded.point < -4;
    if !rounded.is_zero() && (rounded.point > limit || (small && !(exact && precision == 0))) {
        let places = rounded.digits.len().saturating_sub(1);
        return exponential(&rounded, places, if letter == 'g' { 'e' } else { 'E' }, 2);
    }
    let places = if exact && precision == 0 { usize::from(number.scale) } else { rounded.fraction_length() };
    let whole = if rounded.point > 0 { rounded.whole() } else { "0".to_owned() };
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{}", rounded.fraction(places))
}

/// `d.ddde+000`.
fn exponential(number: &Digits, places: usize, letter: char, least: usize) -> String {
    let rounded = number.clone().significant(i32::try_from(places).unwrap_or(0) + 1);
    let exponent = if rounded.is_zero() { 0 } else { rounded.point - 1 };
    let shown = Digits { point: i32::from(!rounded.is_zero()), ..rounded.clone() };
    let whole = if shown.is_zero() { "0".to_owned() } else { shown.whole() };
    let point = if places > 0 { "." } else { "" };
    let sign = if rounded.negative && !rounded.is_zero() { "-" } else { "" };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    let exponent = format!("{:0>least$}", exponent.unsigned_abs());
    format!("{sign}{whole}{point}{}{letter}{exponent_sign}{exponent}", shown.fraction(places))
}

/// A piece of a custom pattern.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// `0`.
    Zero,
    /// `#`.
    Digit,
    Point,
    Comma,
    Text(String),
    /// `E0`: the letter, whether `+` is written, the least digits.
    Exponent(char, bool, usize),
}

/// The sections of a pattern, in pieces, with the power of ten that `%` and `‰` add.
fn sections(pattern: &str) -> Vec<(Vec<Piece>, i32)> {
    let mut sections = vec![(Vec::new(), 0)];
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ';' {
            sections.push((Vec::new(), 0));
            continue;
        }
        let Some((pieces, power)) = sections.last_mut() else { continue };
        let piece = match c {
            '0' => Piece::Zero,
            '#' => Piece::Digit,
            '.' => Piece::Point,
            ',' => Piece::Comma,
            '\'' | '"' => {
                let text = chars.by_ref().take_while(|inner| *inner != c).collect();
                Piece::Text(text)
            }
            '\\' => Piece::Text(chars.next().map(String::from).unwrap_or_default()),
            'e' | 'E' => {
                let mut ahead = chars.clone();
                let sign = ahead.next_if(|c| matches!(c, '+' | '-'));
                let zeros = ahead.by_ref().take_while(|c| *c == '0').count();
                if zeros > 0 {
                    for _ in 0..zeros + usize::from(sign.is_some()) {
                        chars.next();
                    }
                    Piece::Exponent(c, sign == Some('+'), zeros.min(10))
                } else {
                    Piece::Text(c.to_string())
                }
            }
            '%' => {
                *power += 2;
                Piece::Text("%".to_owned())
            }
            '‰' => {
                *power += 3;
                Piece::Text("‰".to_owned())
            }
            other => Piece::Text(other.to_string()),
        };
        pieces.push(piece);
    }
    sections
}

/// What a section asks for.
#[derive(Default)]
struct Shape {
    /// Placeholders before and behind the point.
    whole: usize,
    fraction: usize,
    /// The least digits before and behind the point.
    whole_least: usize,
    fraction_least: usize,
    groups: bool,
    /// Times the number is divided by a thousand.
    thousands: i32,
    has_exponent: bool,
}

impl Shape {
    fn of(pieces: &[Piece]) -> Self {
        let mut shape = Self::default();
        let (mut behind, mut commas) = (false, 0);
        for piece in pieces {
            match piece {
                Piece::Zero | Piece::Digit if behind => {
                    shape.fraction += 1;
                    if *piece == Piece::Zero {
                        shape.fraction_least = shape.fraction;
                    }
                }
                Piece::Zero | Piece::Digit => {
                    shape.groups |= commas > 0 && shape.whole > 0;
                    commas = 0;
                    shape.whole += 1;
                    shape.whole_least += usize::from(*piece == Piece::Zero || shape.whole_least > 0);
                }
                Piece::Comma if !behind && shape.whole > 0 => commas += 1,
                Piece::Point => behind = true,
                Piece::Exponent(..) => shape.has_exponent = true,
                _ => {}
            }
        }
        shape.thousands = commas;
        shape
    }
}

fn custom(number: &Digits, pattern: &str) -> String {
    let sections = sections(pattern);
    let has = |at: usize| sections.get(at).is_some_and(|(pieces, _)| !pieces.is_empty());
    let at = match () {
        () if number.is_zero() && has(2) => 2,
        () if number.negative && has(1) => 1,
        () => 0,
    };
    let shown = section(number, &sections[at], at == 0);
    match shown {
        Some(text) => text,
        // What rounds to zero is shown as zero is.
        None => {
            let zero = Digits { negative: false, digits: Vec::new(), point: 0, scale: 0 };
            section(&zero, &sections[if has(2) { 2 } else { 0 }], true).unwrap_or_default()
        }
    }
}

/// One section; `None` when a number that is not zero became zero.
fn section(number: &Digits, (pieces, power): &(Vec<Piece>, i32), with_sign: bool) -> Option<String> {
    let shape = Shape::of(pieces);
    let places = |count: usize| i32::try_from(count).unwrap_or(0);
    let scaled = number.clone().shifted(power - 3 * shape.thousands);
    let (rounded, exponent) = if shape.has_exponent {
        let rounded = scaled.significant(places(shape.whole + shape.fraction).max(1));
        let exponent = if rounded.is_zero() { 0 } else { rounded.point - places(shape.whole.max(1)) };
        (rounded.shifted(-exponent), exponent)
    } else {
        (scaled.rounded(places(shape.fraction)), 0)
    };
    if rounded.is_zero() && !number.is_zero() && shape.whole + shape.fraction > 0 {
        return None;
    }
    let whole = if rounded.point > 0 { rounded.whole() } else { String::new() };
    let whole = format!("{whole:0>width$}", width = shape.whole_least);
    let fraction_length = rounded.fraction_length().min(shape.fraction).max(shape.fraction_least);
    let fraction: Vec<char> = rounded.fraction(fraction_length).chars().collect();
    let mut out = String::new();
    if with_sign && number.negative {
        out.push('-');
    }
    let (mut before, mut behind, mut is_behind) = (0, 0, false);
    for piece in pieces {
        match piece {
            Piece::Zero | Piece::Digit if is_behind => {
                out.extend(fraction.get(behind));
                behind += 1;
            }
            Piece::Zero | Piece::Digit => {
                // The first place takes what is too long for the pattern.
                let left = shape.whole - before;
                let from = if before == 0 { 0 } else { whole.len().saturating_sub(left) };
                let to = (whole.len() + 1).saturating_sub(left);
                for at in from..to {
                    out.push_str(&whole[at..=at]);
                    let rest = whole.len() - at - 1;
                    if shape.groups && rest > 0 && rest.is_multiple_of(3) {
                        out.push(',');
                    }
                }
                before += 1;
            }
            Piece::Point if !is_behind => {
                is_behind = true;
                if fraction_length > 0 {
                    out.push('.');
                }
            }
            Piece::Point | Piece::Comma => {}
            Piece::Text(text) => out.push_str(text),
            Piece::Exponent(letter, plus, least) => {
                out.push(*letter);
                if exponent < 0 {
                    out.push('-');
                } else if *plus {
                    out.push('+');
                }
                out.push_str(&format!("{:0>least$}", exponent.unsigned_abs()));
            }
        }
    }
    Some(out)
}
