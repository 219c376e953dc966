//! Texts with place holders, as RAISERROR and FORMATMESSAGE fill them.

use crate::value::convert::display;
use crate::value::{DataType, Value};

/// Fills `%d`, `%s`, `%u`, `%x`, with flags and widths; missing arguments read `(null)`.
pub(super) fn format(template: &str, arguments: &[(Value, DataType)]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut next = arguments.iter();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.peek() == Some(&'%') {
            chars.next();
            out.push('%');
            continue;
        }
        let mut left = false;
        let mut zero = false;
        while let Some(flag) = chars.peek().copied().filter(|c| matches!(c, '-' | '0' | '+' | ' ' | '#')) {
            left |= flag == '-';
            zero |= flag == '0';
            chars.next();
        }
        let mut number = |out: &mut usize| {
            let mut any = false;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                *out = (*out * 10 + digit as usize).min(2048);
                any = true;
                chars.next();
            }
            if chars.peek() == Some(&'*') {
                chars.next();
                if let Some((Value::Int(n), _)) = next.next() {
                    *out = usize::try_from(*n).unwrap_or(0).min(2048);
                    any = true;
                }
            }
            any
        };
        let mut width = 0;
        number(&mut width);
        let mut precision = None;
        let mut limit = 0;
        if chars.peek() == Some(&'.') {
            chars.next();
            let mut number = |out: &mut usize| {
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    *out = (*out * 10 + digit as usize).min(2048);
                    chars.next();
                }
                if chars.peek() == Some(&'*') {
                    chars.next();
                    if let Some((Value::Int(n), _)) = next.next() {
                        *out = usize::try_from(*n).unwrap_or(0).min(2048);
                    }
                }
            };
            number(&mut limit);
            precision = Some(limit);
        }
        while chars.peek().is_some_and(|c| matches!(c, 'h' | 'l' | 'I' | '6' | '4')) {
            chars.next();
        }
        let kind = chars.next().unwrap_or('s');
        let mut text = match (next.next(), kind) {
            (None | Some((Value::Null, _)), _) => "(null)".to_owned(),
            (Some((Value::Int(n), _)), 'x') => format!("{:x}", *n as i32),
            (Some((Value::Int(n), _)), 'X') => format!("{:X}", *n as i32),
            (Some((Value::Int(n), _)), 'o') => format!("{:o}", *n as i32),
            (Some((Value::Int(n), _)), 'u') => (*n as i32 as u32).to_string(),
            (Some((value, data_type)), _) => display(value, *data_type, 0).unwrap_or_default(),
        };
        if let (Some(limit), 's') = (precision, kind) {
            text = text.chars().take(limit).collect();
        }
        let missing = width.saturating_sub(text.chars().count());
        let fill = if zero && !left && kind != 's' { "0" } else { " " };
        if left {
            out.push_str(&text);
            out.push_str(&" ".repeat(missing));
        } else {
            out.push_str(&fill.repeat(missing));
            out.push_str(&text);
        }
    }
    out
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
