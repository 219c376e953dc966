//! Objects as Windows PowerShell shows them: a table for up to four
//! properties, a list for more, and the commands that ask for either. Columns
//! are as wide as their content; nothing is cut at a console's width.

use std::rc::Rc;

use super::filter::{Chosen, chosen, pick_properties, properties};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::value::{CUSTOM_OBJECT, ERROR_RECORD, Object, Value};
use crate::session::{Printed, Session};

/// More properties than this make a list.
const WIDEST_TABLE: usize = 4;
/// `$FormatEnumerationLimit`: more items than this are cut short.
const LONGEST_ENUMERATION: usize = 4;
/// The type of what the Format commands put out: finished text.
const FORMATTED: &str = "Microsoft.PowerShell.Commands.Internal.Format.FormatEntryData";

const INPUT: Parameter = Parameter::new("InputObject", Kind::Anys).pipeline();

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Format-List",
        type_name: "Microsoft.PowerShell.Commands.FormatListCommand",
        module: Module::PowerShell,
        aliases: &["fl"],
        parameters: &[
            INPUT,
            Parameter::new("Property", Kind::Anys).at(0),
            Parameter::new("Force", Kind::Switch),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(format_command(session, call, Shape::List)),
    },
    Definition {
        name: "Format-Table",
        type_name: "Microsoft.PowerShell.Commands.FormatTableCommand",
        module: Module::PowerShell,
        aliases: &["ft"],
        parameters: &[
            INPUT,
            Parameter::new("Property", Kind::Anys).at(0),
            Parameter::new("AutoSize", Kind::Switch),
            Parameter::new("HideTableHeaders", Kind::Switch),
            Parameter::new("Wrap", Kind::Switch),
            Parameter::new("Force", Kind::Switch),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(format_command(session, call, Shape::Table)),
    },
    Definition {
        name: "Out-String",
        type_name: "Microsoft.PowerShell.Commands.OutStringCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[INPUT, Parameter::new("Stream", Kind::Switch), Parameter::new("Width", Kind::Integer)],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |_, call| Box::pin(std::future::ready(Ok(out_string(call)))),
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    List,
    Table,
}

/// One row: its properties.
type Row = Vec<(Rc<str>, Value)>;

async fn format_command(session: &mut Session, call: &mut Call, shape: Shape) -> Outcome {
    let wanted = chosen(call, "Property")?;
    let all = [Chosen::Named("*".into())];
    let mut rows = Vec::new();
    let mut plain = String::new();
    for item in call.items("InputObject") {
        if properties(&item).is_empty() || matches!(item, Value::String(_)) {
            plain.push_str(&line(&item));
            continue;
        }
        let wanted = if wanted.is_empty() { &all[..] } else { &wanted[..] };
        rows.push(pick_properties(session, &item, wanted).await?);
    }
    let mut text = plain;
    if !rows.is_empty() {
        text.push_str(&shaped(&rows, shape, call.flag("HideTableHeaders")));
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Object::value(FORMATTED, vec![("Text", Value::from(text))])])
}

fn out_string(call: &mut Call) -> Vec<Value> {
    let printed: Vec<Printed> = call.items("InputObject").into_iter().map(Printed::Object).collect();
    let text = render(&printed);
    if call.flag("Stream") {
        return text.lines().map(Value::from).collect();
    }
    vec![Value::from(text)]
}

/// Everything a run printed, as text.
pub(crate) fn render(printed: &[Printed]) -> String {
    let mut text = String::new();
    let mut group: Vec<&Value> = Vec::new();
    for item in printed {
        match item {
            Printed::Text(line) => {
                flush(&mut group, &mut text);
                text.push_str(line);
            }
            Printed::Object(value) => add(value, &mut group, &mut text),
        }
    }
    flush(&mut group, &mut text);
    text
}

/// Adds a value to the text, or to the group of like objects that is open.
fn add<'v>(value: &'v Value, group: &mut Vec<&'v Value>, text: &mut String) {
    match value {
        Value::Object(object) if object.type_name.as_ref() == FORMATTED => {
            flush(group, text);
            text.push_str(&object.get("Text").map(|text| text.text()).unwrap_or_default());
        }
        Value::Object(object) if object.type_name.as_ref() == ERROR_RECORD => {
            flush(group, text);
            text.push_str(&error_text(object));
        }
        Value::Object(_) => {
            if group.first().is_some_and(|first| !alike(first, value)) {
                flush(group, text);
            }
            group.push(value);
        }
        Value::Array(items) => items.iter().for_each(|item| add(item, group, text)),
        Value::Hash(table) => {
            flush(group, text);
            let table = table.borrow();
            let rows: Vec<Row> = table
                .0
                .iter()
                .map(|(key, value)| {
                    vec![("Name".into(), Value::from(key.text())), ("Value".into(), value.clone())]
                })
                .collect();
            if !rows.is_empty() {
                text.push_str(&shaped(&rows, Shape::Table, false));
            }
        }
        other => {
            flush(group, text);
            text.push_str(&line(other));
        }
    }
}

/// Whether two objects share a table or list.
fn alike(left: &Value, right: &Value) -> bool {
    left.type_name() == right.type_name()
        && properties(left).iter().map(|(name, _)| name).eq(properties(right).iter().map(|(name, _)| name))
}

/// Ends a group of like objects.
fn flush(group: &mut Vec<&Value>, text: &mut String) {
    let rows: Vec<Row> = group.drain(..).map(properties).filter(|row| !row.is_empty()).collect();
    let Some(first) = rows.first() else { return };
    let shape = if first.len() > WIDEST_TABLE { Shape::List } else { Shape::Table };
    text.push_str(&shaped(&rows, shape, false));
}

/// A value without properties, on its line; `$null` has none.
fn line(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::DateTime(at) => {
            format!("\n{}\n\n", at.strftime("%A, %B %-d, %Y %-I:%M:%S %p"))
        }
        other => format!("{}\n", other.text()),
    }
}

/// A merged error, shown as errors are.
fn error_text(record: &Object) -> String {
    let inner = |object: &str, name: &str| match record.get(object) {
        Some(Value::Object(object)) => object.get(name).map(|value| value.text()).unwrap_or_default(),
        _ => String::new(),
    };
    let activity = inner("CategoryInfo", "Activity");
    let lead = if activity.is_empty() { String::new() } else { format!("{activity} : ") };
    let position = inner("InvocationInfo", "PositionMessage");
    let position = if position.is_empty() { position } else { format!("{position}\n") };
    format!(
        "{lead}{}\n{position}    + CategoryInfo          : {}: ({}) [{activity}], {}\n    + FullyQualifiedErrorId : {}\n \n",
        inner("Exception", "Message"),
        inner("CategoryInfo", "Category"),
        inner("CategoryInfo", "TargetName"),
        inner("CategoryInfo", "Reason"),
        record.get("FullyQualifiedErrorId").map(|id| id.text()).unwrap_or_default(),
    )
}

/// A value in a cell: lists in braces, cut after four items.
fn cell(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let mut shown: Vec<String> = items.iter().take(LONGEST_ENUMERATION).map(Value::text).collect();
            if items.len() > LONGEST_ENUMERATION
                && let Some(last) = shown.last_mut()
            {
                last.push_str("...");
            }
            format!("{{{}}}", shown.join(", "))
        }
        Value::Hash(table) => {
            let table = table.borrow();
            let shown: Vec<String> = table.0.iter().map(|(key, _)| key.text()).collect();
            format!("{{{}}}", shown.join(", "))
        }
        Value::DateTime(at) => at.strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string(),
        Value::Object(object) if object.type_name.as_ref() == CUSTOM_OBJECT => value.text(),
        other => other.text(),
    }
}

fn shaped(rows: &[Row], shape: Shape, without_header: bool) -> String {
    match shape {
        Shape::List => list(rows),
        Shape::Table => table(rows, without_header),
    }
}

fn list(rows: &[Row]) -> String {
    let mut text = String::from("\n\n");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let width = row.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in row {
            text.push_str(format!("{name:<width$} : {}", cell(value)).trim_end());
            text.push('\n');
        }
    }
    text.push_str("\n\n\n");
    text
}

fn table(rows: &[Row], without_header: bool) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_ref()).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let value = |name: &&str| row.iter().find(|(known, _)| known.as_ref() == *name);
            names.iter().map(|name| value(name).map(|(_, value)| cell(value)).unwrap_or_default()).collect()
        })
        .collect();
    let right: Vec<bool> =
        first.iter().map(|(_, value)| matches!(value, Value::Int(_) | Value::Double(_))).collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|column| {
            let longest = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            longest.max(names[column].chars().count())
        })
        .collect();
    let row_text = |values: &[String]| -> String {
        let columns: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(column, value)| {
                let width = widths[column];
                if right[column] { format!("{value:>width$}") } else { format!("{value:<width$}") }
            })
            .collect();
        format!("{}\n", columns.join(" ").trim_end())
    };
    let mut text = String::from("\n");
    if !without_header {
        text.push_str(&row_text(&names.iter().map(ToString::to_string).collect::<Vec<_>>()));
        text.push_str(&row_text(
            &names.iter().map(|name| "-".repeat(name.chars().count())).collect::<Vec<_>>(),
        ));
    }
    cells.iter().for_each(|row| text.push_str(&row_text(row)));
    text.push_str("\n\n");
    text
}
