//! `ConvertTo-Json` and `ConvertFrom-Json` as Windows PowerShell 5.1 does them:
//! its own indentation, enumerations as numbers, dates as `\/Date(…)\/`, and
//! what is too deep as text.

use std::cell::RefCell;
use std::rc::Rc;

use super::filter::properties;
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::error::ErrorRecord;
use crate::language::value::{CUSTOM_OBJECT, Object, Value};
use crate::session::Session;

/// How deep objects are followed when `-Depth` is not given.
const DEFAULT_DEPTH: i64 = 2;
/// The deepest `-Depth` Windows PowerShell takes.
const GREATEST_DEPTH: i64 = 100;

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "ConvertTo-Json",
        type_name: "Microsoft.PowerShell.Commands.ConvertToJsonCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[
            Parameter::new("InputObject", Kind::Any).pipeline().mandatory().at(0).nullable(),
            Parameter::new("Depth", Kind::Integer),
            Parameter::new("Compress", Kind::Switch),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |_, call| Box::pin(std::future::ready(to_json(call))),
    },
    Definition {
        name: "ConvertFrom-Json",
        type_name: "Microsoft.PowerShell.Commands.ConvertFromJsonCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[Parameter::new("InputObject", Kind::Texts).pipeline().mandatory().at(0)],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(from_json(session, call)),
    },
];

fn to_json(call: &mut Call) -> Outcome {
    let depth = call.number("Depth").unwrap_or(DEFAULT_DEPTH);
    if !(1..=GREATEST_DEPTH).contains(&depth) {
        return Err(ErrorRecord::new(
            format!(
                "Cannot validate argument on parameter 'Depth'. The {depth} argument is not in the range 1 to \
                 {GREATEST_DEPTH}. Supply an argument within the range and then try the command again."
            ),
            "InvalidData",
            "System.Management.Automation.ParameterBindingValidationException",
            format!("ParameterArgumentValidationError,{}", call.definition.type_name),
        )
        .into());
    }
    let value = match call.value("InputObject") {
        Some(value) => value.clone(),
        None => match call.input.take().unwrap_or_default() {
            items if items.is_empty() => return Ok(Vec::new()),
            items => Value::from_output(items),
        },
    };
    let writer = Writer { compress: call.flag("Compress") };
    let mut text = String::new();
    writer.write(&value, depth, 0, &mut text);
    Ok(vec![Value::from(text)])
}

/// Writes JSON in Windows PowerShell's layout.
struct Writer {
    compress: bool,
}

impl Writer {
    /// Writes a value; `column` is where its first character stands.
    fn write(&self, value: &Value, depth: i64, column: usize, text: &mut String) {
        match value {
            Value::Null => text.push_str("null"),
            Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
            Value::Int(number) => text.push_str(&number.to_string()),
            Value::Double(number) if number.is_finite() => {
                let plain = number.to_string();
                text.push_str(&plain);
                if !plain.contains(['.', 'e']) {
                    text.push_str(".0");
                }
            }
            Value::Enum(member) => text.push_str(&member.index.to_string()),
            Value::DateTime(at) => text.push_str(&format!("\"\\/Date({})\\/\"", at.as_millisecond())),
            Value::Array(items) if depth >= 0 => {
                let parts: Vec<(Option<String>, &Value)> = items.iter().map(|item| (None, item)).collect();
                self.nest('[', ']', &parts, depth, column, text);
            }
            Value::Object(_) | Value::Hash(_) if depth >= 0 => {
                let owned = properties(value);
                let parts: Vec<(Option<String>, &Value)> =
                    owned.iter().map(|(name, value)| (Some(name.to_string()), value)).collect();
                self.nest('{', '}', &parts, depth, column, text);
            }
            other => quote(&other.text(), text),
        }
    }

    fn nest(
        &self,
        open: char,
        close: char,
        parts: &[(Option<String>, &Value)],
        depth: i64,
        column: usize,
        text: &mut String,
    ) {
        text.push(open);
        let inner = column + 4;
        for (index, (name, value)) in parts.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            self.new_line(inner, text);
            let mut at = inner;
            if let Some(name) = name {
                let start = text.len();
                quote(name, text);
                text.push(':');
                if !self.compress {
                    text.push_str("  ");
                }
                at += text[start..].chars().count();
            }
            self.write(value, depth - 1, at, text);
        }
        if parts.is_empty() && !self.compress {
            text.push('\n');
        }
        self.new_line(column, text);
        text.push(close);
    }

    fn new_line(&self, column: usize, text: &mut String) {
        if !self.compress {
            text.push('\n');
            text.push_str(&" ".repeat(column));
        }
    }
}

/// A JSON string as .NET's JavaScriptSerializer escapes it.
fn quote(plain: &str, text: &mut String) {
    text.push('"');
    for c in plain.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\'' | '<' | '>' | '&' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c if u32::from(c) < 0x20 => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}

async fn from_json(_session: &mut Session, call: &mut Call) -> Outcome {
    let lines: Vec<String> = call.items("InputObject").iter().map(Value::text).collect();
    let parsed: serde_json::Value = serde_json::from_str(&lines.join("\n")).map_err(|_| {
        ErrorRecord::new(
            "Invalid JSON primitive.",
            "NotSpecified",
            "System.ArgumentException",
            format!("System.ArgumentException,{}", call.definition.type_name),
        )
    })?;
    Ok(vec![from_tree(parsed)])
}

/// A JSON tree as PowerShell values.
fn from_tree(tree: serde_json::Value) -> Value {
    match tree {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => Value::Array(Rc::new(items.into_iter().map(from_tree).collect())),
        serde_json::Value::Object(fields) => Value::Object(Rc::new(Object {
            type_name: CUSTOM_OBJECT.into(),
            properties: RefCell::new(
                fields.into_iter().map(|(name, value)| (name.into(), from_tree(value))).collect(),
            ),
        })),
    }
}
