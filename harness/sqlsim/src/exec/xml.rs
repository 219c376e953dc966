//! The methods of xml values: `value`, `query`, `exist` and `nodes`, over the paths that scripts use.

use super::environment::Environment;
use super::format::xml_escaped as escaped;
use crate::engine::Fault;
use crate::error::SqlResult;
use crate::messages::error;
use crate::value::{DataType, Row, Value};
use std::rc::Rc;

/// How deep elements may lie inside each other.
const DEPTH_MAX: usize = 128;

/// What a row of `nodes` begins with: its one element is the context, not a document around it.
const CONTEXT: char = '\u{0}';

#[derive(Debug)]
enum Node {
    Element { name: String, attributes: Vec<(String, String)>, children: Vec<Node> },
    Text(String),
}

/// What a path finds.
#[derive(Clone, Copy)]
enum Found<'n> {
    Node(&'n Node),
    Attribute(&'n str),
    Document(&'n [Node]),
}

// ---- reading ---------------------------------------------------------------

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn failure(&self) -> crate::SqlError {
        let before = &self.text[..self.at.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let character = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        error(9400, 1, &[&line, &character])
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_past(&mut self, end: &str) -> SqlResult<&str> {
        let start = self.at;
        let Some(length) = self.rest().find(end) else { return Err(self.failure()) };
        self.at += length + end.len();
        Ok(&self.text[start..start + length])
    }

    fn nodes(&mut self, depth: usize) -> SqlResult<Vec<Node>> {
        let mut nodes = Vec::new();
        if depth > DEPTH_MAX {
            return Err(error(6335, 1, &[&DEPTH_MAX]));
        }
        loop {
            let rest = self.rest();
            if rest.is_empty() || rest.starts_with("</") {
                return Ok(nodes);
            }
            if rest.starts_with("<!--") {
                self.skip_past("-->")?;
            } else if rest.starts_with("<![CDATA[") {
                self.at += "<![CDATA[".len();
                nodes.push(Node::Text(self.skip_past("]]>")?.to_owned()));
            } else if rest.starts_with("<?") {
                self.skip_past("?>")?;
            } else if rest.starts_with('<') {
                nodes.push(self.element(depth)?);
            } else {
                let length = rest.find('<').unwrap_or(rest.len());
                let text = unescaped(&rest[..length]).ok_or_else(|| self.failure())?;
                self.at += length;
                nodes.push(Node::Text(text));
            }
        }
    }

    fn name(&mut self) -> SqlResult<String> {
        let rest = self.rest();
        let length = rest.find(|c: char| c.is_whitespace() || "<>/=\"'".contains(c)).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.failure());
        }
        let name = rest[..length].to_owned();
        self.at += length;
        Ok(name)
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn element(&mut self, depth: usize) -> SqlResult<Node> {
        self.at += 1;
        let name = self.name()?;
        let mut attributes = Vec::new();
        loop {
            self.spaces();
            if self.take("/>") {
                return Ok(Node::Element { name, attributes, children: Vec::new() });
            }
            if self.take(">") {
                break;
            }
            let attribute = self.name()?;
            self.spaces();
            if !self.take("=") {
                return Err(self.failure());
            }
            self.spaces();
            let quote = if self.take("\"") {
                "\""
            } else if self.take("'") {
                "'"
            } else {
                return Err(self.failure());
            };
            let value = unescaped(self.skip_past(quote)?);
            attributes.push((attribute, value.ok_or_else(|| self.failure())?));
        }
        let children = self.nodes(depth + 1)?;
        if !(self.take("</") && self.name()? == name) {
            return Err(self.failure());
        }
        self.spaces();
        if !self.take(">") {
            return Err(self.failure());
        }
        Ok(Node::Element { name, attributes, children })
    }
}

fn parse(text: &str) -> SqlResult<Vec<Node>> {
    let mut reader = Reader { text, at: 0 };
    let nodes = reader.nodes(0)?;
    if reader.rest().is_empty() { Ok(nodes) } else { Err(reader.failure()) }
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';')? + at;
        let entity = &rest[at + 1..end];
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let code = entity.strip_prefix('#')?;
                let code = match code.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => code.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Some(out)
}

// ---- writing ----------------------------------------------------------------

fn string_value(node: &Node, out: &mut String) {
    match node {
        Node::Text(text) => out.push_str(text),
        Node::Element { children, .. } => children.iter().for_each(|child| string_value(child, out)),
    }
}

fn write(node: &Node, out: &mut String) {
    match node {
        Node::Text(text) => out.push_str(&escaped(text)),
        Node::Element { name, attributes, children } => {
            out.push('<');
            out.push_str(name);
            for (name, value) in attributes {
                out.push_str(&format!(" {name}=\"{}\"", escaped(value).replace('"', "&quot;")));
            }
            if children.is_empty() {
                out.push_str("/>");
                return;
            }
            out.push('>');
            children.iter().for_each(|child| write(child, out));
            out.push_str(&format!("</{name}>"));
        }
    }
}

impl<'n> Found<'n> {
    fn text(self) -> String {
        let mut out = String::new();
        match self {
            Self::Node(node) => string_value(node, &mut out),
            Self::Attribute(value) => out.push_str(value),
            Self::Document(nodes) => nodes.iter().for_each(|node| string_value(node, &mut out)),
        }
        out
    }

    fn xml(self) -> String {
        let mut out = String::new();
        match self {
            Self::Node(node) => write(node, &mut out),
            Self::Attribute(value) => out.push_str(&escaped(value)),
            Self::Document(nodes) => nodes.iter().for_each(|node| write(node, &mut out)),
        }
        out
    }

    fn children(self) -> &'n [Node] {
        match self {
            Self::Node(Node::Element { children, .. }) => children,
            Self::Document(nodes) => nodes,
            _ => &[],
        }
    }
}

// ---- paths --------------------------------------------------------------------

fn refused(path: &str) -> crate::SqlError {
    error(40_510, 1, &[&format!("the XQuery expression '{path}'")])
}

/// What a path finds from `start`.
fn find<'n>(path: &str, whole: &str, start: Found<'n>, top: Found<'n>) -> SqlResult<Vec<Found<'n>>> {
    let path = path.trim();
    for function in ["data(", "string("] {
        if let Some(inner) = path.strip_prefix(function).and_then(|inner| inner.strip_suffix(')')) {
            return find(inner, whole, start, top);
        }
    }
    if let Some(inner) = path.strip_prefix('(') {
        let close = inner.rfind(')').ok_or_else(|| refused(whole))?;
        let found = find(&inner[..close], whole, start, top)?;
        let behind = inner[close + 1..].trim();
        if behind.is_empty() {
            return Ok(found);
        }
        let place = behind.strip_prefix('[').and_then(|b| b.strip_suffix(']'));
        return pick(found, place.ok_or_else(|| refused(whole))?, whole);
    }
    let (mut found, mut rest) = match path.strip_prefix('/') {
        Some(rest) => (vec![top], rest),
        None => (vec![start], path),
    };
    let mut deep = false;
    if path.starts_with('/') {
        if let Some(below) = rest.strip_prefix('/') {
            deep = true;
            rest = below;
        }
        if rest.is_empty() && !deep {
            return Ok(found);
        }
    }
    loop {
        let end = step_end(rest);
        let (step, after) = rest.split_at(end);
        let mut from = found;
        if deep {
            from = from.iter().flat_map(|found| descendants(*found)).collect();
        }
        found = Vec::new();
        for context in from {
            found.extend(one_step(step.trim(), whole, context)?);
        }
        let Some(next) = after.strip_prefix('/') else { return Ok(found) };
        deep = next.starts_with('/');
        rest = next.trim_start_matches('/');
    }
}

/// Where a step ends: at the next slash outside of brackets.
fn step_end(path: &str) -> usize {
    let mut depth = 0;
    for (at, c) in path.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '/' if depth == 0 => return at,
            _ => {}
        }
    }
    path.len()
}

fn descendants(found: Found<'_>) -> Vec<Found<'_>> {
    let mut all = vec![found];
    let mut at = 0;
    while at < all.len() {
        let children = all[at].children();
        all.extend(children.iter().filter(|c| matches!(c, Node::Element { .. })).map(Found::Node));
        at += 1;
    }
    all
}

fn one_step<'n>(step: &str, whole: &str, context: Found<'n>) -> SqlResult<Vec<Found<'n>>> {
    let (test, predicate) = match step.split_once('[') {
        Some((test, predicate)) => {
            (test.trim(), Some(predicate.strip_suffix(']').ok_or_else(|| refused(whole))?))
        }
        None => (step, None),
    };
    let simple = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
    };
    let found: Vec<Found<'n>> = match test {
        "." => vec![context],
        "text()" => {
            context.children().iter().filter(|c| matches!(c, Node::Text(_))).map(Found::Node).collect()
        }
        "node()" => context.children().iter().map(Found::Node).collect(),
        "*" => {
            context.children().iter().filter(|c| matches!(c, Node::Element { .. })).map(Found::Node).collect()
        }
        _ => match test.strip_prefix('@') {
            Some(name) if simple(name) => match context {
                Found::Node(Node::Element { attributes, .. }) => attributes
                    .iter()
                    .filter(|(known, _)| known == name)
                    .map(|(_, v)| Found::Attribute(v))
                    .collect(),
                _ => Vec::new(),
            },
            None if simple(test) => context
                .children()
                .iter()
                .filter(|c| matches!(c, Node::Element { name, .. } if name == test))
                .map(Found::Node)
                .collect(),
            _ => return Err(refused(whole)),
        },
    };
    match predicate {
        None => Ok(found),
        Some(predicate) => pick(found, predicate, whole),
    }
}

/// `[n]`, `[path]` and `[path = "value"]`.
fn pick<'n>(found: Vec<Found<'n>>, predicate: &str, whole: &str) -> SqlResult<Vec<Found<'n>>> {
    let predicate = predicate.trim();
    if let Ok(place) = predicate.parse::<usize>() {
        return Ok(place.checked_sub(1).and_then(|at| found.get(at).copied()).into_iter().collect());
    }
    let (path, wanted) = match predicate.split_once('=') {
        Some((path, value)) => {
            let value = value.trim();
            let quoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
            (path, Some(quoted.ok_or_else(|| refused(whole))?))
        }
        None => (predicate, None),
    };
    let mut kept = Vec::new();
    for one in found {
        let inner = find(path, whole, one, one)?;
        let fits = match wanted {
            Some(wanted) => inner.iter().any(|inner| inner.text() == wanted),
            None => !inner.is_empty(),
        };
        if fits {
            kept.push(one);
        }
    }
    Ok(kept)
}

/// Runs `use_found` over what a path finds in an xml value; `None` for NULL.
fn over<T>(a: &[Value], use_found: impl FnOnce(Vec<Found<'_>>) -> T) -> SqlResult<Option<T>> {
    let (Some(Value::Text(text)), Some(Value::Text(path))) = (a.first(), a.get(1)) else { return Ok(None) };
    let nodes = parse(text.trim_start_matches(CONTEXT))?;
    let document = Found::Document(&nodes);
    let start = match (text.starts_with(CONTEXT), nodes.first()) {
        (true, Some(node)) => Found::Node(node),
        _ => document,
    };
    find(path, path, start, document).map(|found| Some(use_found(found)))
}

/// `value`: the first node's text.
pub(super) fn value(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> SqlResult<Value> {
    let text = over(a, |found| found.first().map(|first| first.text()))?.flatten();
    Ok(text.map_or(Value::Null, Value::text))
}

/// `query`: all nodes as xml.
pub(super) fn query(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> SqlResult<Value> {
    let xml = over(a, |found| found.iter().map(|found| found.xml()).collect::<String>())?;
    Ok(xml.map_or(Value::Null, Value::text))
}

/// `exist`: whether there is any.
pub(super) fn exist(_: &Environment<'_>, a: &[Value], _: &[DataType]) -> SqlResult<Value> {
    Ok(over(a, |found| !found.is_empty())?.map_or(Value::Null, Value::Bit))
}

/// `nodes`: a row for each.
pub(super) fn nodes(_: &Environment<'_>, a: &[Value]) -> Result<Vec<Row>, Fault> {
    let row = |found: &Found<'_>| -> Row {
        let text: Rc<str> = format!("{CONTEXT}{}", found.xml()).into();
        Rc::from([Value::Text(text)])
    };
    Ok(over(a, |found| found.iter().map(row).collect())?.unwrap_or_default())
}
