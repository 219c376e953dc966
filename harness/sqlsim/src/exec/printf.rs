//! Texts with place holders, as RAISERROR and FORMATMESSAGE fill them.

use crate::value::convert::display;
use crate::value::{DataType, Value};

/// Fills `%d`, `%s`, `%u`, `%x`, with flags and widths; missing arguments read `(null)`.
pub(super) fn format(template: &str, arguments: &[(Value, DataType)]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut next = arguments.iter();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '%' && chars.next_if_eq(&'%').is_none() {
            let holder = PlaceHolder::read(&mut chars, &mut next);
            holder.fill(next.next(), &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

type Arguments<'a> = std::slice::Iter<'a, (Value, DataType)>;
type Template<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// `%[flags][width][.precision][size]kind`.
struct PlaceHolder {
    left: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

impl PlaceHolder {
    /// Reads what follows the percent sign; `*` takes a number from the arguments.
    fn read(chars: &mut Template<'_>, arguments: &mut Arguments<'_>) -> Self {
        let (mut left, mut zero) = (false, false);
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '0' | '+' | ' ' | '#')) {
            left |= flag == '-';
            zero |= flag == '0';
        }
        let width = number(chars, arguments);
        let precision = chars.next_if_eq(&'.').map(|_| number(chars, arguments));
        while chars.next_if(|c| matches!(c, 'h' | 'l' | 'I' | '6' | '4')).is_some() {}
        Self { left, zero, width, precision, kind: chars.next().unwrap_or('s') }
    }

    fn fill(&self, argument: Option<&(Value, DataType)>, out: &mut String) {
        let mut text = match (argument, self.kind) {
            (None | Some((Value::Null, _)), _) => "(null)".to_owned(),
            (Some((Value::Int(n), _)), 'x') => format!("{:x}", *n as i32),
            (Some((Value::Int(n), _)), 'X') => format!("{:X}", *n as i32),
            (Some((Value::Int(n), _)), 'o') => format!("{:o}", *n as i32),
            (Some((Value::Int(n), _)), 'u') => (*n as i32 as u32).to_string(),
            (Some((value, data_type)), _) => display(value, *data_type, 0).unwrap_or_default(),
        };
        if let (Some(limit), 's') = (self.precision, self.kind) {
            text = text.chars().take(limit).collect();
        }
        let missing = self.width.saturating_sub(text.chars().count());
        let fill = if self.zero && !self.left && self.kind != 's' { "0" } else { " " };
        if self.left {
            out.push_str(&text);
            out.push_str(&" ".repeat(missing));
        } else {
            out.push_str(&fill.repeat(missing));
            out.push_str(&text);
        }
    }
}

/// A width or precision: digits, or `*` for the next argument; at most 2048.
fn number(chars: &mut Template<'_>, arguments: &mut Arguments<'_>) -> usize {
    let mut number = 0_usize;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        number = (number * 10 + digit as usize).min(2048);
        chars.next();
    }
    if chars.next_if_eq(&'*').is_some()
        && let Some((Value::Int(n), _)) = arguments.next()
    {
        number = usize::try_from(*n).unwrap_or(0).min(2048);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_holders_take_flags_and_widths() {
        let arguments = [
            (Value::text("mgc"), DataType::VarChar(crate::value::Length::Max)),
            (Value::Int(7), DataType::Int),
            (Value::Int(255), DataType::Int),
        ];
        assert_eq!(format("%-5s|%03d|%x|100%%|%s", &arguments), "mgc  |007|ff|100%|(null)");
    }
}
