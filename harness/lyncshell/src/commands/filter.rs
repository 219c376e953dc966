//! Commands that pick, change and order what flows through a pipeline.

use std::rc::Rc;

use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::ast::BinaryOperator;
use crate::language::error::ErrorRecord;
use crate::language::members::property;
use crate::language::operators;
use crate::language::value::{CUSTOM_OBJECT, Object, Value};
use crate::language::wildcard;
use crate::session::{Flow, Session};

/// What comes down the pipeline.
const INPUT: Parameter = Parameter::new("InputObject", Kind::Anys).pipeline();

/// The comparisons of `Where-Object Property -eq Value`, and their operators.
const COMPARISONS: [(&str, BinaryOperator); 14] = [
    ("EQ", BinaryOperator::Equal { case: false }),
    ("NE", BinaryOperator::NotEqual { case: false }),
    ("GT", BinaryOperator::Greater { case: false }),
    ("GE", BinaryOperator::GreaterOrEqual { case: false }),
    ("LT", BinaryOperator::Less { case: false }),
    ("LE", BinaryOperator::LessOrEqual { case: false }),
    ("Like", BinaryOperator::Like { case: false, not: false }),
    ("NotLike", BinaryOperator::Like { case: false, not: true }),
    ("Match", BinaryOperator::Match { case: false, not: false }),
    ("NotMatch", BinaryOperator::Match { case: false, not: true }),
    ("Contains", BinaryOperator::Contains { case: false, not: false }),
    ("NotContains", BinaryOperator::Contains { case: false, not: true }),
    ("In", BinaryOperator::In { not: false }),
    ("NotIn", BinaryOperator::In { not: true }),
];

const BLOCK: &[&str] = &["ScriptBlockSet"];
const COMPARE: &[&str] = &["EqualSet"];

/// A comparison switch of `Where-Object`.
const fn comparison(name: &'static str) -> Parameter {
    Parameter::new(name, Kind::Switch).sets(COMPARE)
}

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Where-Object",
        type_name: "Microsoft.PowerShell.Commands.WhereObjectCommand",
        module: Module::PowerShell,
        aliases: &["where", "?"],
        parameters: &[
            INPUT,
            Parameter::new("FilterScript", Kind::Block).sets(BLOCK).at(0).mandatory(),
            Parameter::new("Property", Kind::Text).sets(COMPARE).at(0).mandatory(),
            Parameter::new("Value", Kind::Any).sets(COMPARE).at(1).nullable(),
            comparison("EQ"),
            comparison("NE"),
            comparison("GT"),
            comparison("GE"),
            comparison("LT"),
            comparison("LE"),
            comparison("Like"),
            comparison("NotLike"),
            comparison("Match"),
            comparison("NotMatch"),
            comparison("Contains"),
            comparison("NotContains"),
            comparison("In"),
            comparison("NotIn"),
        ],
        default_set: "ScriptBlockSet",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(where_object(session, call)),
    },
    Definition {
        name: "ForEach-Object",
        type_name: "Microsoft.PowerShell.Commands.ForEachObjectCommand",
        module: Module::PowerShell,
        aliases: &["foreach", "%"],
        parameters: &[
            INPUT,
            Parameter::new("Process", Kind::Block).sets(BLOCK).at(0).mandatory(),
            Parameter::new("Begin", Kind::Block).sets(BLOCK),
            Parameter::new("End", Kind::Block).sets(BLOCK),
            Parameter::new("MemberName", Kind::Text).sets(&["PropertyAndMethodSet"]).at(0).mandatory(),
        ],
        default_set: "ScriptBlockSet",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(for_each_object(session, call)),
    },
    Definition {
        name: "Select-Object",
        type_name: "Microsoft.PowerShell.Commands.SelectObjectCommand",
        module: Module::PowerShell,
        aliases: &["select"],
        parameters: &[
            INPUT,
            Parameter::new("Property", Kind::Anys).at(0),
            Parameter::new("ExcludeProperty", Kind::Texts),
            Parameter::new("ExpandProperty", Kind::Text),
            Parameter::new("Unique", Kind::Switch),
            Parameter::new("First", Kind::Integer),
            Parameter::new("Last", Kind::Integer),
            Parameter::new("Skip", Kind::Integer),
            Parameter::new("Wait", Kind::Switch),
        ],
        default_set: "DefaultParameter",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(select_object(session, call)),
    },
    Definition {
        name: "Sort-Object",
        type_name: "Microsoft.PowerShell.Commands.SortObjectCommand",
        module: Module::PowerShell,
        aliases: &["sort"],
        parameters: &[
            INPUT,
            Parameter::new("Property", Kind::Anys).at(0),
            Parameter::new("Descending", Kind::Switch),
            Parameter::new("Unique", Kind::Switch),
            Parameter::new("CaseSensitive", Kind::Switch),
        ],
        default_set: "Default",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(sort_object(session, call)),
    },
];

async fn where_object(session: &mut Session, call: &mut Call) -> Outcome {
    let items = call.items("InputObject");
    let mut kept = Vec::new();
    if let Some(Value::ScriptBlock(block, _)) = call.value("FilterScript").cloned() {
        for item in items {
            let verdict = session.with_item(&block, item.clone()).await?;
            if Value::from_output(verdict).truth() {
                kept.push(item);
            }
        }
        return Ok(kept);
    }
    let chosen: Vec<BinaryOperator> =
        COMPARISONS.iter().filter(|(name, _)| call.flag(name)).map(|(_, operator)| *operator).collect();
    let name = call.text("Property").unwrap_or_default();
    let value = call.value("Value").cloned();
    let operator = match (chosen.as_slice(), &value) {
        ([], None) => None,
        ([one], Some(_)) => Some(*one),
        _ => {
            return Err(ErrorRecord::new(
                "The specified operator requires both the -Property and -Value parameters. Provide values for both \
                 parameters, and then try the command again.",
                "InvalidArgument",
                "System.Management.Automation.PSArgumentException",
                format!("OperatorNotSpecified,{}", call.definition.type_name),
            )
            .into());
        }
    };
    for item in items {
        let found = property(&item, &name).unwrap_or(Value::Null);
        let keep = match (operator, &value) {
            (Some(operator), Some(value)) => operators::binary(operator, &found, value)?.truth(),
            _ => found.truth(),
        };
        if keep {
            kept.push(item);
        }
    }
    Ok(kept)
}

async fn for_each_object(session: &mut Session, call: &mut Call) -> Outcome {
    let items = call.items("InputObject");
    let mut out = Vec::new();
    if let Some(name) = call.text("MemberName") {
        return Ok(items
            .iter()
            .filter_map(|item| property(item, &name))
            .flat_map(Value::into_items)
            .collect());
    }
    let block = |name: &str| match call.value(name) {
        Some(Value::ScriptBlock(block, _)) => Some(Rc::clone(block)),
        _ => None,
    };
    let (begin, process, end) = (block("Begin"), block("Process"), block("End"));
    if let Some(begin) = begin {
        session.run_script_block(&begin, &mut out).await?;
    }
    if let Some(process) = process {
        for item in items {
            out.extend(session.with_item(&process, item).await?);
        }
    }
    if let Some(end) = end {
        session.run_script_block(&end, &mut out).await?;
    }
    Ok(out)
}

/// A property as `Select-Object` and the formatters take it: a name with
/// wildcards, or a hash table with a name and an expression.
#[derive(Debug, Clone)]
pub(crate) enum Chosen {
    Named(String),
    Computed(String, Value),
}

/// What the `-Property` arguments name.
pub(crate) fn chosen(call: &Call, name: &str) -> Result<Vec<Chosen>, Flow> {
    let items = call.value(name).cloned().map(Value::into_items).unwrap_or_default();
    items
        .into_iter()
        .map(|item| match &item {
            Value::Hash(table) => {
                let table = table.borrow();
                let key = |names: &[&str]| {
                    table.0.iter().find_map(|(key, value)| {
                        let key = key.text().to_ascii_lowercase();
                        names.iter().any(|name| name.starts_with(&key)).then(|| value.clone())
                    })
                };
                let expression = key(&["expression"]).ok_or_else(|| {
                    Flow::from(ErrorRecord::new(
                        "The hash table that is used as a property needs an Expression.",
                        "InvalidArgument",
                        "System.NotSupportedException",
                        format!("DictionaryKeyUnknown,{}", call.definition.type_name),
                    ))
                })?;
                let label = key(&["name", "label"]).unwrap_or_else(|| Value::from(expression.text()));
                Ok(Chosen::Computed(label.text(), expression))
            }
            Value::ScriptBlock(_, source) => Ok(Chosen::Computed(source.trim().to_owned(), item.clone())),
            other => Ok(Chosen::Named(other.text())),
        })
        .collect()
}

/// The properties of an item that were chosen, in their order.
pub(crate) async fn pick_properties(
    session: &mut Session,
    item: &Value,
    wanted: &[Chosen],
) -> Result<Vec<(Rc<str>, Value)>, Flow> {
    let mut picked: Vec<(Rc<str>, Value)> = Vec::new();
    for choice in wanted {
        match choice {
            Chosen::Named(name) if name.contains(['*', '?', '[']) => {
                for (known, value) in properties(item) {
                    let is_new = !picked.iter().any(|(name, _)| name.eq_ignore_ascii_case(&known));
                    if is_new && wildcard::matches(name, &known, false) {
                        picked.push((known, value));
                    }
                }
            }
            Chosen::Named(name) => {
                let canonical =
                    properties(item).into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                match canonical {
                    Some(found) => picked.push(found),
                    None => picked.push((name.as_str().into(), property(item, name).unwrap_or(Value::Null))),
                }
            }
            Chosen::Computed(label, Value::ScriptBlock(block, _)) => {
                let out = session.with_item(block, item.clone()).await?;
                picked.push((label.as_str().into(), Value::from_output(out)));
            }
            Chosen::Computed(label, expression) => {
                let value = property(item, &expression.text()).unwrap_or(Value::Null);
                picked.push((label.as_str().into(), value));
            }
        }
    }
    Ok(picked)
}

/// An item's own properties.
pub(crate) fn properties(item: &Value) -> Vec<(Rc<str>, Value)> {
    match item {
        Value::Object(object) => object.properties.borrow().clone(),
        Value::Hash(table) => {
            table.borrow().0.iter().map(|(key, value)| (Rc::from(key.text()), value.clone())).collect()
        }
        Value::String(text) => vec![("Length".into(), Value::Int(text.chars().count() as i64))],
        _ => Vec::new(),
    }
}

async fn select_object(session: &mut Session, call: &mut Call) -> Outcome {
    let mut items = call.items("InputObject");
    let count = |name: &str| call.number(name).map(|number| usize::try_from(number).unwrap_or(0));
    if let Some(skip) = count("Skip") {
        items.drain(..skip.min(items.len()));
    }
    let (first, last) = (count("First"), count("Last"));
    if first.is_some() || last.is_some() {
        let first = first.unwrap_or(0).min(items.len());
        let tail = items.len().saturating_sub(last.unwrap_or(0)).max(first);
        let end = items.split_off(tail);
        items.truncate(first);
        items.extend(end);
    }
    let wanted = chosen(call, "Property")?;
    let excluded = call.texts("ExcludeProperty");
    let expand = call.text("ExpandProperty");
    let mut out = Vec::new();
    for item in items {
        if let Some(name) = &expand {
            match property(&item, name) {
                Some(value) => out.extend(value.into_items()),
                None => {
                    let error = ErrorRecord::new(
                        format!("Property \"{name}\" cannot be found."),
                        "InvalidArgument",
                        "System.Management.Automation.PSArgumentException",
                        format!("ExpandPropertyNotFound,{}", call.definition.type_name),
                    );
                    session.write_error(call, error)?;
                }
            }
        } else if wanted.is_empty() && excluded.is_empty() {
            out.push(item);
        } else {
            let all = [Chosen::Named("*".into())];
            let wanted = if wanted.is_empty() { &all[..] } else { &wanted[..] };
            let mut picked = pick_properties(session, &item, wanted).await?;
            picked
                .retain(|(name, _)| !excluded.iter().any(|pattern| wildcard::matches(pattern, name, false)));
            out.push(Value::Object(Rc::new(Object {
                type_name: CUSTOM_OBJECT.into(),
                properties: picked.into(),
            })));
        }
    }
    if call.flag("Unique") {
        out = unique(out);
    }
    Ok(out)
}

/// The first of each group of equal items; objects are equal when their properties are.
fn unique(items: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        let same = |other: &Value| match (&item, other) {
            (Value::Object(_), Value::Object(_)) => item.text() == other.text(),
            _ => operators::equal(&item, other, true),
        };
        if !kept.iter().any(same) {
            kept.push(item);
        }
    }
    kept
}

async fn sort_object(session: &mut Session, call: &mut Call) -> Outcome {
    let items = call.items("InputObject");
    let wanted = chosen(call, "Property")?;
    let mut keyed: Vec<(Vec<Value>, Value)> = Vec::new();
    for item in items {
        let key = if wanted.is_empty() {
            vec![item.clone()]
        } else {
            pick_properties(session, &item, &wanted).await?.into_iter().map(|(_, value)| value).collect()
        };
        keyed.push((key, item));
    }
    let case = call.flag("CaseSensitive");
    keyed.sort_by(|(left, _), (right, _)| {
        let order = left.iter().zip(right).map(|(left, right)| operators::order(left, right, case));
        let decided = order.filter_map(Result::ok).find(|order| order.is_ne());
        decided.unwrap_or(std::cmp::Ordering::Equal)
    });
    if call.flag("Descending") {
        keyed.reverse();
    }
    let sorted: Vec<Value> = keyed.into_iter().map(|(_, item)| item).collect();
    Ok(if call.flag("Unique") { unique(sorted) } else { sorted })
}
