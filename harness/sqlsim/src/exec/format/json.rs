//! FOR JSON.

use super::{Formatted, OutputColumn, shown};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::FormatMode;
use crate::value::{DataType, Row, Value};

/// What FOR JSON says.
pub(super) struct Options<'o> {
    pub(super) mode: FormatMode,
    pub(super) root: Option<&'o str>,
    pub(super) nulls: bool,
    pub(super) bare: bool,
}

/// Every column needs a name, and no name may be another's path.
pub(super) fn check(columns: &[OutputColumn]) -> SqlResult<()> {
    for (at, column) in columns.iter().enumerate() {
        if column.name.is_empty() {
            return Err(error(13_605, 1, &[]));
        }
        let clashes = |other: &OutputColumn| {
            let inside =
                |a: &str, b: &str| a.len() > b.len() && a.starts_with(b) && a[b.len()..].starts_with('.');
            other.name == column.name
                || inside(&other.name, &column.name)
                || inside(&column.name, &other.name)
        };
        if columns[..at].iter().any(|other| other.level == column.level && clashes(other)) {
            return Err(error(13_601, 1, &[&column.name]));
        }
    }
    Ok(())
}

/// All rows as JSON.
pub(super) fn write(formatted: &Formatted, rows: &[Row], options: &Options<'_>) -> String {
    let mut body = String::new();
    if options.mode == FormatMode::Path {
        for (at, row) in rows.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            object(formatted, row, 0, formatted.columns.len(), None, options, &mut body);
        }
    } else {
        levels(formatted, rows, 0, options, &mut body);
    }
    match (options.root, options.bare) {
        (Some(root), _) => format!("{{{}:[{body}]}}", quoted(root)),
        (None, true) => body,
        (None, false) => format!("[{body}]"),
    }
}

/// Objects of one level of AUTO; rows that agree on it share one.
fn levels(formatted: &Formatted, rows: &[Row], level: usize, options: &Options<'_>, out: &mut String) {
    let mut start = 0;
    while start < rows.len() {
        let mut end = start + 1;
        while end < rows.len() && formatted.first_difference(Some(&rows[start]), &rows[end]) > level {
            end += 1;
        }
        if start > 0 {
            out.push(',');
        }
        out.push('{');
        let at = out.len();
        members(formatted, &rows[start], Some(level), options, out);
        if level + 1 < formatted.levels.len() {
            if out.len() > at {
                out.push(',');
            }
            out.push_str(&quoted(&formatted.levels[level + 1]));
            out.push_str(":[");
            levels(formatted, &rows[start..end], level + 1, options, out);
            out.push(']');
        }
        out.push('}');
        start = end;
    }
}

/// The columns of one level as members, without braces.
fn members(formatted: &Formatted, row: &Row, level: Option<usize>, options: &Options<'_>, out: &mut String) {
    let mut first = true;
    for (column, value) in formatted.columns.iter().zip(row.iter()) {
        if level.is_some_and(|level| column.level != level) || (value.is_null() && !options.nulls) {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        out.push_str(&quoted(&column.name));
        out.push(':');
        put(value, column, out);
    }
}

/// Columns `from..to` as an object; names share a path up to `prefix`.
fn object(
    formatted: &Formatted,
    row: &Row,
    from: usize,
    to: usize,
    prefix: Option<&str>,
    options: &Options<'_>,
    out: &mut String,
) {
    out.push('{');
    let tail = |at: usize| {
        let name: &str = &formatted.columns[at].name;
        prefix.map_or(name, |prefix| &name[prefix.len() + 1..])
    };
    let (mut at, mut first) = (from, true);
    while at < to {
        let name = tail(at);
        let (head, is_path) = name.split_once('.').map_or((name, false), |(head, _)| (head, true));
        let mut end = at + 1;
        while is_path && end < to && tail(end).strip_prefix(head).is_some_and(|rest| rest.starts_with('.')) {
            end += 1;
        }
        let any = options.nulls || row[at..end].iter().any(|value| !value.is_null());
        if any {
            if !first {
                out.push(',');
            }
            first = false;
            out.push_str(&quoted(head));
            out.push(':');
            if is_path {
                let whole = prefix.map_or_else(|| head.to_owned(), |prefix| format!("{prefix}.{head}"));
                object(formatted, row, at, end, Some(&whole), options, out);
            } else {
                put(&row[at], &formatted.columns[at], out);
            }
        }
        at = end;
    }
    out.push('}');
}

fn put(value: &Value, column: &OutputColumn, out: &mut String) {
    let Some(text) = shown(value, column.data_type) else {
        out.push_str("null");
        return;
    };
    match value {
        Value::Bit(bit) => out.push_str(if *bit { "true" } else { "false" }),
        Value::Int(_) | Value::Decimal(_) | Value::Float(_) | Value::Real(_) => out.push_str(&text),
        Value::Money(_) => {
            out.push_str(&crate::value::convert::display(value, DataType::Money, 2).unwrap_or(text));
        }
        _ if column.is_json => out.push_str(&text),
        _ => out.push_str(&quoted(&text)),
    }
}

/// A JSON string. SQL Server escapes the slash too.
pub(in crate::exec) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// The inside of a JSON string.
pub(in crate::exec) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
