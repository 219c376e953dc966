//! FOR XML: RAW, AUTO and PATH.

use super::{Formatted, OutputColumn, shown};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::FormatMode;
use crate::value::{DataType, Row, Value};

/// What FOR XML says.
pub(super) struct Options<'o> {
    pub(super) mode: FormatMode,
    pub(super) row: &'o str,
    pub(super) root: Option<&'o str>,
    pub(super) elements: bool,
    pub(super) nil: bool,
}

const NIL: &str = " xsi:nil=\"true\"";
const NIL_NAMESPACE: &str = " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

/// All rows as XML.
pub(super) fn write(formatted: &Formatted, rows: &[Row], options: &Options<'_>) -> SqlResult<String> {
    let mut out = String::new();
    let namespace = if options.nil { NIL_NAMESPACE } else { "" };
    if let Some(root) = options.root {
        out.push_str(&format!("<{}{namespace}>", encoded(root)));
    }
    let namespace = if options.root.is_some() { "" } else { namespace };
    match options.mode {
        FormatMode::Path => {
            for row in rows {
                path_row(formatted, row, options, namespace, &mut out);
            }
        }
        FormatMode::Raw => {
            for row in rows {
                element(formatted, row, None, options.row, namespace, options, &mut out);
                close(&mut out, options.row);
            }
        }
        FormatMode::Auto => auto_rows(formatted, rows, namespace, options, &mut out),
    }
    if let Some(root) = options.root {
        out.push_str(&format!("</{}>", encoded(root)));
    }
    Ok(out)
}

/// Opens an element with the columns of a level as attributes or elements.
fn element(
    formatted: &Formatted,
    row: &Row,
    level: Option<usize>,
    name: &str,
    namespace: &str,
    options: &Options<'_>,
    out: &mut String,
) {
    out.push_str(&format!("<{}{namespace}", encoded(name)));
    let mine = |column: &OutputColumn| level.is_none_or(|level| column.level == level);
    let columns = formatted.columns.iter().zip(row.iter()).filter(|(column, _)| mine(column));
    if !options.elements {
        let mut inner = String::new();
        for (column, value) in columns {
            match shown(value, column.data_type) {
                Some(text) if column.data_type == DataType::Xml => {
                    inner.push_str(&format!("<{0}>{text}</{0}>", encoded(&column.name)));
                }
                Some(text) => out.push_str(&format!(" {}=\"{}\"", encoded(&column.name), attribute(&text))),
                None => {}
            }
        }
        out.push('>');
        out.push_str(&inner);
        return;
    }
    out.push('>');
    for (column, value) in columns {
        let name = encoded(&column.name);
        match shown(value, column.data_type) {
            Some(text) => out.push_str(&format!("<{name}>{}</{name}>", inline(&text, column.data_type))),
            None if options.nil => out.push_str(&format!("<{name}{NIL}/>")),
            None => {}
        }
    }
}

/// Closes an element; one that holds nothing is made short.
fn close(out: &mut String, name: &str) {
    let name = encoded(name);
    let short = out.ends_with('>') && !out.ends_with("/>") && {
        let start = out.rfind('<').unwrap_or(0);
        let tag = &out[start + 1..];
        !tag.starts_with('/') && tag.split([' ', '>']).next() == Some(&*name)
    };
    if short {
        out.pop();
        out.push_str("/>");
    } else {
        out.push_str(&format!("</{name}>"));
    }
}

/// AUTO: an element for each table, inside that of the table before.
fn auto_rows(formatted: &Formatted, rows: &[Row], namespace: &str, options: &Options<'_>, out: &mut String) {
    let mut open = 0;
    let mut before = None;
    for row in rows {
        let from = formatted.first_difference(before, row);
        while open > from {
            open -= 1;
            close(out, &formatted.levels[open]);
        }
        while open < formatted.levels.len() {
            let namespace = if open == 0 { namespace } else { "" };
            element(formatted, row, Some(open), &formatted.levels[open], namespace, options, out);
            open += 1;
        }
        before = Some(row);
    }
    while open > 0 {
        open -= 1;
        close(out, &formatted.levels[open]);
    }
}

// ---- PATH ---------------------------------------------------------------------

/// Names of PATH must be XML names; attributes come before what else stands on their level.
pub(super) fn check_paths(columns: &[OutputColumn], row: &str) -> SqlResult<()> {
    let mut seen: Vec<String> = Vec::new();
    for column in columns {
        let (parents, last) = split(&column.name);
        let parent = parents.join("/");
        for part in parents.iter().copied().chain([last.trim_start_matches('@')]) {
            let wrong = part.chars().enumerate().find(|(at, c)| !is_name_char(*c, *at == 0));
            if let Some((_, odd)) = wrong.filter(|_| !is_test(part)) {
                let code = format!("0x{:04X}", u32::from(odd));
                return Err(error(6850, 1, &[&"Column", &column.name, &odd, &code]));
            }
        }
        if last.starts_with('@') {
            if row.is_empty() && parents.is_empty() {
                return Err(error(6864, 1, &[]));
            }
            if seen.contains(&parent) {
                return Err(error(6852, 1, &[&column.name]));
            }
        } else {
            seen.push(parent);
        }
    }
    Ok(())
}

fn is_test(part: &str) -> bool {
    matches!(part, "" | "*" | "text()" | "data()" | "node()" | "comment()")
        || part.starts_with("processing-instruction(")
}

fn split(name: &str) -> (Vec<&str>, &str) {
    if is_test(name) {
        return (Vec::new(), name);
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    let last = parts.pop().unwrap_or("");
    (parts, last)
}

struct Writer<'w> {
    out: &'w mut String,
    open: Vec<&'w str>,
    /// The last start tag still lacks its `>`.
    pending: bool,
    after_data: bool,
}

impl<'w> Writer<'w> {
    fn begin(&mut self, name: &'w str, namespace: &str) {
        self.finish_tag();
        self.out.push_str(&format!("<{name}{namespace}"));
        self.open.push(name);
        self.pending = true;
        self.after_data = false;
    }

    fn finish_tag(&mut self) {
        if std::mem::take(&mut self.pending) {
            self.out.push('>');
        }
    }

    fn end(&mut self) {
        let Some(name) = self.open.pop() else { return };
        if std::mem::take(&mut self.pending) {
            self.out.push_str("/>");
        } else {
            self.out.push_str(&format!("</{name}>"));
        }
        self.after_data = false;
    }

    /// Closes and opens elements until those below `base` are `path`.
    fn go_to(&mut self, base: usize, path: &[&'w str]) {
        let same = self.open[base..].iter().zip(path).take_while(|(a, b)| a == b).count();
        while self.open.len() > base + same {
            self.end();
        }
        for name in &path[same..] {
            self.begin(name, "");
        }
    }

    fn text(&mut self, text: &str) {
        self.finish_tag();
        self.out.push_str(text);
        self.after_data = false;
    }
}

fn path_row<'w>(
    formatted: &'w Formatted,
    row: &Row,
    options: &Options<'w>,
    namespace: &str,
    out: &'w mut String,
) {
    let mut writer = Writer { out, open: Vec::new(), pending: false, after_data: false };
    if !options.row.is_empty() {
        writer.begin(options.row, namespace);
    }
    let base = writer.open.len();
    for (column, value) in formatted.columns.iter().zip(row.iter()) {
        path_value(&mut writer, base, column, value, options.nil);
    }
    while !writer.open.is_empty() {
        writer.end();
    }
}

fn path_value<'w>(writer: &mut Writer<'w>, base: usize, column: &'w OutputColumn, value: &Value, nil: bool) {
    let (mut path, last) = split(&column.name);
    let Some(text) = shown(value, column.data_type) else {
        if nil && !is_test(last) && !last.starts_with('@') {
            path.push(last);
            writer.go_to(base, &path);
            writer.out.push_str(NIL);
        }
        return;
    };
    match last {
        "" | "*" | "node()" | "text()" => {
            writer.go_to(base, &path);
            writer.text(&inline(&text, column.data_type));
        }
        "data()" => {
            let after = writer.after_data && writer.open.len() == base + path.len();
            writer.go_to(base, &path);
            let space = if after { " " } else { "" };
            writer.text(&format!("{space}{}", escaped(&text)));
            writer.after_data = true;
        }
        "comment()" => {
            writer.go_to(base, &path);
            writer.text(&format!("<!--{text}-->"));
        }
        _ if last.starts_with('@') => {
            writer.go_to(base, &path);
            if writer.pending {
                writer.out.push_str(&format!(" {}=\"{}\"", &last[1..], attribute(&text)));
            }
        }
        _ if last.starts_with("processing-instruction(") => {
            let name = last["processing-instruction(".len()..].trim_end_matches(')');
            writer.go_to(base, &path);
            writer.text(&format!("<?{name} {text}?>"));
        }
        _ => {
            path.push(last);
            writer.go_to(base, &path);
            writer.text(&inline(&text, column.data_type));
        }
    }
}

fn inline(text: &str, data_type: DataType) -> String {
    if data_type == DataType::Xml { text.to_owned() } else { escaped(text) }
}

/// Text between tags.
pub(in crate::exec) fn escaped(text: &str) -> String {
    if !text.contains(['&', '<', '>', '\r']) && !text.chars().any(is_control) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#x0D;"),
            c if is_control(c) => out.push_str(&format!("&#x{:02X};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn is_control(c: char) -> bool {
    u32::from(c) < 0x20 && !matches!(c, '\t' | '\n' | '\r')
}

fn attribute(text: &str) -> String {
    escaped(text).replace('"', "&quot;").replace('\n', "&#x0A;").replace('\t', "&#x09;")
}

fn is_name_char(c: char, first: bool) -> bool {
    c.is_alphabetic() || c == '_' || (!first && (c.is_alphanumeric() || matches!(c, '-' | '.' | ':')))
}

/// A name as an XML name: what cannot stand in one becomes `_xHHHH_`.
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.chars().enumerate() {
        if is_name_char(c, at == 0) {
            out.push(c);
        } else {
            out.push_str(&format!("_x{:04X}_", u32::from(c)));
        }
    }
    out
}
