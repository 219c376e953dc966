//! Commands that count and group.

use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::convert::number;
use crate::language::error::ErrorRecord;
use crate::language::members::property;
use crate::language::operators;
use crate::language::value::{Object, Value};

const INPUT: Parameter = Parameter::new("InputObject", Kind::Anys).pipeline();

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Measure-Object",
        type_name: "Microsoft.PowerShell.Commands.MeasureObjectCommand",
        module: Module::PowerShell,
        aliases: &["measure"],
        parameters: &[
            INPUT,
            Parameter::new("Property", Kind::Text).at(0),
            Parameter::new("Sum", Kind::Switch),
            Parameter::new("Average", Kind::Switch),
            Parameter::new("Maximum", Kind::Switch),
            Parameter::new("Minimum", Kind::Switch),
        ],
        default_set: "GenericMeasure",
        should_process: false,
        impact: Impact::Medium,
        run: |_, call| Box::pin(std::future::ready(measure(call))),
    },
    Definition {
        name: "Group-Object",
        type_name: "Microsoft.PowerShell.Commands.GroupObjectCommand",
        module: Module::PowerShell,
        aliases: &["group"],
        parameters: &[INPUT, Parameter::new("Property", Kind::Text).at(0).mandatory()],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |_, call| Box::pin(std::future::ready(Ok(group(call)))),
    },
];

fn measure(call: &mut Call) -> Outcome {
    let name = call.text("Property");
    let values: Vec<Value> = call
        .items("InputObject")
        .into_iter()
        .filter_map(|item| match &name {
            Some(name) => property(&item, name),
            None => Some(item),
        })
        .filter(|value| !matches!(value, Value::Null))
        .collect();
    let count = values.len();
    let mut sum = Value::Int(0);
    if call.flag("Sum") || call.flag("Average") {
        for value in &values {
            let value = number(value).map_err(|_| not_numeric(call, value))?;
            sum = operators::binary(crate::language::ast::BinaryOperator::Add, &sum, &value)?;
        }
    }
    let average = match &sum {
        _ if count == 0 => Value::Null,
        Value::Int(sum) => Value::Double(*sum as f64 / count as f64),
        Value::Double(sum) => Value::Double(sum / count as f64),
        _ => Value::Null,
    };
    let extreme = |wanted: std::cmp::Ordering| {
        values.iter().cloned().reduce(|best, value| {
            let order = operators::order(&value, &best, false).unwrap_or(std::cmp::Ordering::Equal);
            if order == wanted { value } else { best }
        })
    };
    let when = |switch: &str, value: Value| if call.flag(switch) { value } else { Value::Null };
    Ok(vec![Object::value(
        "Microsoft.PowerShell.Commands.GenericMeasureInfo",
        vec![
            ("Count", Value::Int(count as i64)),
            ("Average", when("Average", average)),
            ("Sum", when("Sum", sum.clone())),
            ("Maximum", when("Maximum", extreme(std::cmp::Ordering::Greater).unwrap_or(Value::Null))),
            ("Minimum", when("Minimum", extreme(std::cmp::Ordering::Less).unwrap_or(Value::Null))),
            ("Property", name.map_or(Value::Null, Value::from)),
        ],
    )])
}

fn not_numeric(call: &Call, value: &Value) -> ErrorRecord {
    ErrorRecord::new(
        format!("Input object \"{}\" is not numeric.", value.text()),
        "InvalidType",
        "System.Management.Automation.PSInvalidCastException",
        format!("NonNumericInputObject,{}", call.definition.type_name),
    )
}

fn group(call: &mut Call) -> Vec<Value> {
    let name = call.text("Property").unwrap_or_default();
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in call.items("InputObject") {
        let key = property(&item, &name).unwrap_or(Value::Null);
        match groups.iter_mut().find(|(known, _)| operators::equal(known, &key, false)) {
            Some((_, items)) => items.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups
        .into_iter()
        .map(|(key, items)| {
            Object::value(
                "Microsoft.PowerShell.Commands.GroupInfo",
                vec![
                    ("Count", Value::Int(items.len() as i64)),
                    ("Name", Value::from(key.text())),
                    ("Group", Value::Array(items.into())),
                ],
            )
        })
        .collect()
}
