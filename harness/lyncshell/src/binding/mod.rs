//! Binding arguments to parameters as PowerShell does: names by unique prefix,
//! parameter sets, positions, conversions, and PowerShell's own errors. Knows
//! commands only as [`Definition`]s.

mod definition;

use std::collections::BTreeMap;

use definition::{COMMON, RISK};
pub(crate) use definition::{Definition, Impact, Kind, Module, Outcome, Parameter, Run};

use crate::language::ast::Extent;
use crate::language::convert;
use crate::language::error::ErrorRecord;
use crate::language::value::Value;
use crate::session::Action;

/// A command with its parameters bound.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) definition: &'static Definition,
    /// The parameter set.
    pub(crate) set: &'static str,
    bound: BTreeMap<&'static str, Value>,
    /// What the pipeline brought; `None` at its head.
    pub(crate) input: Option<Vec<Value>>,
    /// Where the command stands in the script.
    pub(crate) extent: Extent,
    /// It wrote an error.
    pub(crate) failed: bool,
    pub(crate) error_action: Option<Action>,
    pub(crate) error_variable: Option<String>,
    pub(crate) out_variable: Option<String>,
    pub(crate) verbose: Option<bool>,
    pub(crate) what_if: Option<bool>,
    pub(crate) confirm: Option<bool>,
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Call {
    /// A parameter's value.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.bound.get(name)
    }

    /// A parameter's value as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(Value::text)
    }

    /// A list parameter's values as text.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.value(name).cloned().map(Value::into_items).unwrap_or_default();
        items.iter().map(Value::text).collect()
    }

    /// Whether a switch is on.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.value(name).is_some_and(Value::truth)
    }

    /// A numeric parameter's value.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// What the pipeline brought, or the value of the parameter that takes it.
    pub(crate) fn items(&mut self, name: &str) -> Vec<Value> {
        match self.bound.remove(name) {
            Some(value) => value.into_items(),
            None => self.input.take().unwrap_or_default(),
        }
    }
}

/// The arguments of a command, evaluated and not yet bound.
#[derive(Debug, Default)]
pub(crate) struct Given(Vec<Argument>);

#[derive(Debug)]
enum Argument {
    Named { name: String, value: Option<Value>, extent: Extent },
    Positional { value: Value, extent: Extent },
}

impl Given {
    /// `-Name` or `-Name:value`.
    pub(crate) fn named(&mut self, name: &str, value: Option<Value>, extent: &Extent) {
        self.0.push(Argument::Named { name: name.to_owned(), value, extent: extent.clone() });
    }

    /// A value that stands alone, or after a parameter's name.
    pub(crate) fn positional(&mut self, value: Value, extent: &Extent) {
        self.0.push(Argument::Positional { value, extent: extent.clone() });
    }

    /// `@variable`: a hash table's entries as named arguments, a list's items as positional ones.
    pub(crate) fn splat(&mut self, value: Value, extent: &Extent) {
        match value {
            Value::Hash(table) => {
                for (key, value) in &table.borrow().0 {
                    self.named(&key.text(), Some(value.clone()), extent);
                }
            }
            Value::Null => {}
            other => other.into_items().into_iter().for_each(|item| self.positional(item, extent)),
        }
    }
}

type Bound<T> = Result<T, ErrorRecord>;

/// A binding error.
fn binding_error(definition: &Definition, message: String, id: &str) -> ErrorRecord {
    ErrorRecord::new(
        message,
        "InvalidArgument",
        "System.Management.Automation.ParameterBindingException",
        format!("{id},{}", definition.type_name),
    )
}

/// Binds a command's arguments.
///
/// # Errors
/// PowerShell's binding error, without its place when it concerns the whole command.
pub(crate) fn bind(
    definition: &'static Definition,
    given: Given,
    input: Option<Vec<Value>>,
    extent: &Extent,
) -> Bound<Call> {
    let mut binder =
        Binder { definition, bound: BTreeMap::new(), sets: definition.sets(), has_input: input.is_some() };
    let positional = binder.bind_named(given.0)?;
    binder.bind_positions(positional)?;
    binder.bind_pipeline()?;
    let set = binder.choose_set()?;
    Ok(binder.into_call(set, input, extent))
}

/// A binding under way.
struct Binder {
    definition: &'static Definition,
    bound: BTreeMap<&'static str, Value>,
    /// The parameter sets that are still possible.
    sets: Vec<&'static str>,
    /// Whether a pipeline feeds the command.
    has_input: bool,
}

impl Binder {
    fn all_parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        let risk = if self.definition.should_process { RISK } else { &[] };
        self.definition.parameters.iter().chain(risk).chain(COMMON)
    }

    /// The parameter a name stands for: exactly, by alias, or by unique prefix.
    fn parameter(&self, name: &str) -> Bound<&'static Parameter> {
        let exact = self.all_parameters().find(|parameter| {
            parameter.name.eq_ignore_ascii_case(name)
                || parameter.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        });
        if let Some(parameter) = exact {
            return Ok(parameter);
        }
        let lower = name.to_ascii_lowercase();
        let mut matching: Vec<&'static Parameter> = self
            .all_parameters()
            .filter(|parameter| parameter.name.to_ascii_lowercase().starts_with(&lower))
            .collect();
        matching.dedup_by_key(|parameter| parameter.name);
        match matching.as_slice() {
            [one] => Ok(one),
            [] => Err(binding_error(
                self.definition,
                format!("A parameter cannot be found that matches parameter name '{name}'."),
                "NamedParameterNotFound",
            )),
            several => {
                let names: Vec<String> =
                    several.iter().map(|parameter| format!("-{}", parameter.name)).collect();
                Err(binding_error(
                    self.definition,
                    format!(
                        "Parameter cannot be processed because the parameter name '{name}' is ambiguous. Possible \
                         matches include: {}.",
                        names.join(" ")
                    ),
                    "AmbiguousParameter",
                ))
            }
        }
    }

    /// Binds what has a name; returns what has none.
    fn bind_named(&mut self, given: Vec<Argument>) -> Bound<Vec<(Value, Extent)>> {
        let mut positional = Vec::new();
        let mut arguments = given.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            match argument {
                Argument::Positional { value, extent } => positional.push((value, extent)),
                Argument::Named { name, value, extent } => {
                    let at = |error: ErrorRecord| error.at(Some(self.definition.name), &extent);
                    let parameter = self.parameter(&name).map_err(at)?;
                    let value = match (value, parameter.kind) {
                        (Some(value), _) => value,
                        (None, Kind::Switch) => Value::Bool(true),
                        (None, _) => {
                            match arguments.next_if(|next| matches!(next, Argument::Positional { .. })) {
                                Some(Argument::Positional { value, .. }) => value,
                                _ => {
                                    return Err(at(binding_error(
                                        self.definition,
                                        format!(
                                            "Missing an argument for parameter '{}'. Specify a parameter of type '{}' and \
                                         try again.",
                                            parameter.name,
                                            kind_name(parameter.kind)
                                        ),
                                        "MissingArgument",
                                    )));
                                }
                            }
                        }
                    };
                    if self.bound.contains_key(parameter.name) {
                        return Err(at(binding_error(
                            self.definition,
                            format!(
                                "Cannot bind parameter because parameter '{}' is specified more than once. To provide \
                                 multiple values to parameters that can accept multiple values, use the array syntax. \
                                 For example, \"-parameter value1,value2,value3\".",
                                parameter.name
                            ),
                            "ParameterAlreadyBound",
                        )));
                    }
                    self.take(parameter, value)
                        .map_err(|error| error.at(Some(self.definition.name), &extent))?;
                }
            }
        }
        Ok(positional)
    }

    /// Binds one value and narrows the parameter sets.
    fn take(&mut self, parameter: &'static Parameter, value: Value) -> Bound<()> {
        let value = convert_argument(self.definition, parameter, value)?;
        self.bound.insert(parameter.name, value);
        if !parameter.sets.is_empty() {
            self.sets.retain(|set| parameter.is_in(set));
            if self.sets.is_empty() {
                return Err(self.ambiguous_set());
            }
        }
        Ok(())
    }

    fn ambiguous_set(&self) -> ErrorRecord {
        binding_error(
            self.definition,
            "Parameter set cannot be resolved using the specified named parameters.".to_owned(),
            "AmbiguousParameterSet",
        )
    }

    fn bind_positions(&mut self, positional: Vec<(Value, Extent)>) -> Bound<()> {
        let mut rest = positional.into_iter();
        while let Some((value, extent)) = rest.next() {
            let at = |error: ErrorRecord| error.at(Some(self.definition.name), &extent);
            let Some(parameter) = self.positional_for(&value) else {
                return Err(at(binding_error(
                    self.definition,
                    format!(
                        "A positional parameter cannot be found that accepts argument '{}'.",
                        value.text()
                    ),
                    "PositionalParameterNotFound",
                )));
            };
            let value = if parameter.remaining {
                let mut values = vec![value];
                values.extend(rest.by_ref().map(|(value, _)| value));
                Value::from_output(values)
            } else {
                value
            };
            self.take(parameter, value).map_err(at)?;
        }
        Ok(())
    }

    /// The positional parameter that is next and can take the value.
    fn positional_for(&self, value: &Value) -> Option<&'static Parameter> {
        let mut free: Vec<&'static Parameter> = self
            .definition
            .parameters
            .iter()
            .filter(|parameter| parameter.position.is_some() && !self.bound.contains_key(parameter.name))
            .filter(|parameter| self.sets.iter().any(|set| parameter.is_in(set)))
            .filter(|parameter| parameter.kind != Kind::Block || is_block(value))
            .collect();
        free.sort_by_key(|parameter| {
            let is_default = parameter.is_in(self.definition.default_set);
            (parameter.position, parameter.kind != Kind::Block, !is_default)
        });
        free.first().copied()
    }

    fn bind_pipeline(&mut self) -> Bound<()> {
        if !self.has_input {
            return Ok(());
        }
        let taker = self
            .definition
            .parameters
            .iter()
            .find(|parameter| parameter.pipeline && self.sets.iter().any(|set| parameter.is_in(set)));
        match taker {
            Some(parameter) => {
                if !parameter.sets.is_empty() {
                    self.sets.retain(|set| parameter.is_in(set));
                }
                Ok(())
            }
            None => Err(binding_error(
                self.definition,
                "The input object cannot be bound to any parameters for the command either because the command does \
                 not take pipeline input or the input and its properties do not match any of the parameters that \
                 take pipeline input."
                    .to_owned(),
                "InputObjectNotBound",
            )),
        }
    }

    /// The set that fits what is bound.
    fn choose_set(&self) -> Bound<&'static str> {
        let missing = |set: &str| -> Vec<&'static str> {
            self.definition
                .parameters
                .iter()
                .filter(|parameter| parameter.mandatory && parameter.is_in(set))
                .filter(|parameter| !self.bound.contains_key(parameter.name))
                .filter(|parameter| !(parameter.pipeline && self.has_input))
                .map(|parameter| parameter.name)
                .collect()
        };
        let whole: Vec<&'static str> =
            self.sets.iter().copied().filter(|set| missing(set).is_empty()).collect();
        let default = self.definition.default_set;
        match whole.as_slice() {
            [one] => return Ok(one),
            [] => {}
            several if several.contains(&default) => return Ok(default),
            _ => return Err(self.ambiguous_set()),
        }
        let best = match self.sets.as_slice() {
            [one] => *one,
            sets if sets.contains(&default) => default,
            _ => return Err(self.ambiguous_set()),
        };
        Err(binding_error(
            self.definition,
            format!(
                "Cannot process command because of one or more missing mandatory parameters: {}.",
                missing(best).join(" ")
            ),
            "MissingMandatoryParameter",
        ))
    }

    fn into_call(mut self, set: &'static str, input: Option<Vec<Value>>, extent: &Extent) -> Call {
        let flag =
            |bound: &mut BTreeMap<&'static str, Value>, name| bound.remove(name).map(|value| value.truth());
        let variable = |bound: &mut BTreeMap<&'static str, Value>, name| {
            bound.remove(name).map(|value: Value| value.text().to_ascii_lowercase())
        };
        Call {
            definition: self.definition,
            set,
            input,
            extent: extent.clone(),
            failed: false,
            error_action: self.bound.remove("ErrorAction").map(|value| Action::of(&value)),
            error_variable: variable(&mut self.bound, "ErrorVariable"),
            out_variable: variable(&mut self.bound, "OutVariable"),
            verbose: flag(&mut self.bound, "Verbose"),
            what_if: flag(&mut self.bound, "WhatIf"),
            confirm: flag(&mut self.bound, "Confirm"),
            bound: self.bound,
        }
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::ScriptBlock(..) => true,
        Value::Array(items) => items.iter().all(is_block),
        _ => false,
    }
}

/// A kind's .NET name.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "System.String",
        Kind::Texts => "System.String[]",
        Kind::Fqdn => "Microsoft.Rtc.Management.Deploy.Fqdn",
        Kind::Switch => "System.Management.Automation.SwitchParameter",
        Kind::Integer => "System.Int32",
        Kind::Enum(of) => of.name,
        Kind::HashTable => "System.Collections.Hashtable",
        Kind::Block => "System.Management.Automation.ScriptBlock",
        Kind::Any => "System.Object",
        Kind::Anys => "System.Object[]",
    }
}

/// A value that does not fit its parameter.
fn cannot_convert(definition: &Definition, parameter: &Parameter, value: &Value, why: &str) -> ErrorRecord {
    binding_error(
        definition,
        format!(
            "Cannot bind parameter '{}'. Cannot convert value \"{}\" to type \"{}\". Error: \"{why}\"",
            parameter.name,
            value.text(),
            kind_name(parameter.kind)
        ),
        "CannotConvertArgumentNoMessage",
    )
}

/// A value in the parameter's type.
fn convert_argument(definition: &Definition, parameter: &Parameter, value: Value) -> Bound<Value> {
    if matches!(value, Value::Null) {
        return null_argument(definition, parameter);
    }
    match parameter.kind {
        Kind::Any | Kind::Anys => Ok(value),
        Kind::Switch => match value {
            Value::Bool(_) | Value::Int(_) => Ok(Value::Bool(value.truth())),
            other => Err(cannot_convert(
                definition,
                parameter,
                &other,
                "Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0.",
            )),
        },
        Kind::Text | Kind::Fqdn => match value {
            Value::Array(_) | Value::Hash(_) => Err(binding_error(
                definition,
                format!(
                    "Cannot convert '{}' to the type '{}' required by parameter '{}'. Specified method is not supported.",
                    value.type_name(),
                    kind_name(parameter.kind),
                    parameter.name
                ),
                "CannotConvertArgument",
            )),
            other => one_text(definition, parameter, &other),
        },
        Kind::Texts => Ok(Value::strings(value.into_items().iter().map(Value::text))),
        Kind::Integer => match convert::integer(&value) {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => Err(cannot_convert(
                definition,
                parameter,
                &value,
                "Input string was not in a correct format.",
            )),
        },
        Kind::HashTable => match value {
            Value::Hash(_) => Ok(value),
            other => Err(cannot_convert(definition, parameter, &other, "The value is not a hash table.")),
        },
        Kind::Block => {
            if is_block(&value) {
                return Ok(value);
            }
            Err(cannot_convert(definition, parameter, &value, "The value is not a script block."))
        }
        Kind::Enum(of) => match value {
            Value::Enum(member) if member.of == of => Ok(value),
            Value::Int(number) if usize::try_from(number).is_ok_and(|index| index < of.members.len()) => {
                Ok(of.member(of.members[number as usize]).map_or(Value::Null, Value::Enum))
            }
            other => member_of(definition, parameter, of, &other),
        },
    }
}

/// A text argument: not empty where it has to be given, a name where it names a machine.
fn one_text(definition: &Definition, parameter: &Parameter, value: &Value) -> Bound<Value> {
    let text = value.text();
    if text.is_empty() && parameter.mandatory {
        return Err(binding_error(
            definition,
            format!("Cannot bind argument to parameter '{}' because it is an empty string.", parameter.name),
            "ParameterArgumentValidationErrorEmptyStringNotAllowed",
        ));
    }
    let is_name =
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if parameter.kind == Kind::Fqdn && !is_name {
        return Err(cannot_convert(definition, parameter, value, "The format of the FQDN is not valid."));
    }
    Ok(Value::from(text))
}

/// `$null` as an argument.
fn null_argument(definition: &Definition, parameter: &Parameter) -> Bound<Value> {
    let allowed = parameter.nullable
        || (!parameter.mandatory
            && matches!(parameter.kind, Kind::Any | Kind::Anys | Kind::HashTable | Kind::Texts));
    match parameter.kind {
        _ if allowed => Ok(Value::Null),
        Kind::Text if !parameter.mandatory => Ok(Value::from("")),
        Kind::Switch => Ok(Value::Bool(false)),
        _ => Err(binding_error(
            definition,
            format!("Cannot bind argument to parameter '{}' because it is null.", parameter.name),
            "ParameterArgumentValidationErrorNullNotAllowed",
        )),
    }
}

/// A member of an enumeration by its name or an unambiguous beginning of it.
fn member_of(
    definition: &Definition,
    parameter: &Parameter,
    of: &'static crate::language::value::EnumType,
    value: &Value,
) -> Bound<Value> {
    let text = value.text();
    if let Some(member) = of.member(&text) {
        return Ok(Value::Enum(member));
    }
    let lower = text.to_ascii_lowercase();
    let mut beginning =
        of.members.iter().filter(|name| !lower.is_empty() && name.to_ascii_lowercase().starts_with(&lower));
    if let (Some(only), None) = (beginning.next(), beginning.next()) {
        return Ok(of.member(only).map_or(Value::Null, Value::Enum));
    }
    Err(cannot_convert(
        definition,
        parameter,
        value,
        &format!(
            "Unable to match the identifier name {text} to a valid enumerator name. Specify one of the following \
             enumerator names and try again: {}",
            of.members.join(", ")
        ),
    ))
}
