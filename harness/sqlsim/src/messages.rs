//! The messages this server can raise: number, severity, default state, template.
//!
//! Only messages that some code raises are listed, in ascending order, each
//! with the exact template of `sys.messages`.

use crate::error::SqlError;

/// One row of the table.
#[derive(Debug)]
pub struct Message {
    /// Message number.
    pub number: i32,
    /// Severity.
    pub severity: u8,
    /// Template with printf-like place holders (`%d`, `%ls`, `%.*ls`, `%S_MSG` …).
    pub template: &'static str,
}

/// All messages, ascending by number.
pub const MESSAGES: &[Message] =
    &[Message { number: 102, severity: 15, template: "Incorrect syntax near '%.*ls'." }];

/// Renders message `number` with `state`; `arguments` fill the place holders in order.
///
/// # Panics
/// In debug builds when the number is not in the table or the count of arguments is wrong.
#[must_use]
pub fn error(number: i32, state: u8, arguments: &[&dyn std::fmt::Display]) -> SqlError {
    let found = MESSAGES.binary_search_by_key(&number, |m| m.number).ok().map(|i| &MESSAGES[i]);
    debug_assert!(found.is_some(), "message {number} is not in the table");
    let (severity, template) = found.map_or((16, ""), |m| (m.severity, m.template));
    SqlError {
        number,
        severity,
        state,
        message: render(template, arguments),
        procedure: String::new(),
        line: 0,
    }
}

/// Fills a template's place holders in order.
fn render(template: &str, arguments: &[&dyn std::fmt::Display]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    let mut next = arguments.iter();
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let end = if rest.starts_with("S_") {
            rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(rest.len())
        } else {
            rest.find(['d', 's', 'i', 'u', 'x', 'X', 'c']).map_or(rest.len(), |i| i + 1)
        };
        if let Some(argument) = next.next() {
            out.push_str(&argument.to_string());
        }
        rest = &rest[end..];
    }
    debug_assert!(next.next().is_none(), "too many arguments for: {template}");
    out.push_str(rest);
    out
}
