//! Evaluating expressions and assigning to them.

use std::cell::RefCell;
use std::rc::Rc;

use futures::future::LocalBoxFuture;

use super::ast::*;
use super::convert::{self, integer};
use super::error::ErrorRecord;
use super::members;
use super::operators;
use super::value::{HashTable, Value};
use crate::session::{Flow, Session};

impl Session {
    /// An expression's value.
    pub(crate) fn expression<'a>(
        &'a mut self,
        expression: &'a Expression,
    ) -> LocalBoxFuture<'a, Result<Value, Flow>> {
        Box::pin(async move {
            match expression {
                Expression::Literal(value) => Ok(value.clone()),
                Expression::Expandable(parts) => self.expand(parts).await,
                Expression::Variable(name) => self.read_variable(name),
                Expression::TypeLiteral(name) => Ok(Value::Type(name.as_str().into())),
                Expression::ScriptBlock(block, source) => {
                    Ok(Value::ScriptBlock(Rc::clone(block), Rc::clone(source)))
                }
                Expression::List(items) => {
                    let mut values = Vec::with_capacity(items.len());
                    for item in items {
                        values.push(self.expression(item).await?);
                    }
                    Ok(Value::Array(Rc::new(values)))
                }
                Expression::Array(block) => {
                    let mut out = Vec::new();
                    self.run_block(block, &mut out).await?;
                    Ok(Value::Array(Rc::new(out)))
                }
                Expression::Sub(block) => {
                    let mut out = Vec::new();
                    self.run_block(block, &mut out).await?;
                    Ok(Value::from_output(out))
                }
                Expression::Paren(statement) => self.statement_value(statement).await,
                Expression::Hash(entries) => {
                    let mut table = HashTable::default();
                    for (key, value) in entries {
                        let key = self.expression(key).await?;
                        let value = self.statement_value(value).await?;
                        if table.get(&key).is_some() {
                            return Err(duplicate_key(&key));
                        }
                        table.set(key, value);
                    }
                    Ok(Value::Hash(Rc::new(RefCell::new(table))))
                }
                Expression::Cast(type_name, value) => {
                    let value = self.expression(value).await?;
                    Ok(convert::cast(type_name, value)?)
                }
                Expression::Unary(operator, value) => {
                    let value = self.expression(value).await?;
                    Ok(operators::unary(*operator, &value)?)
                }
                Expression::Binary(operator, left, right) => self.binary(*operator, left, right).await,
                Expression::Step { target, by, before } => self.step(target, *by, *before).await,
                Expression::Member(..)
                | Expression::StaticMember(..)
                | Expression::Index(..)
                | Expression::Call(..)
                | Expression::StaticCall(..) => self.reach_into(expression).await,
            }
        })
    }

    /// Members, elements and calls.
    async fn reach_into(&mut self, expression: &Expression) -> Result<Value, Flow> {
        match expression {
            Expression::Member(of, name) => {
                let of = self.expression(of).await?;
                let name = self.expression(name).await?.text();
                match members::property(&of, &name) {
                    Some(value) => Ok(value),
                    None if self.strict && !matches!(of, Value::Hash(_)) => Err(ErrorRecord::new(
                        format!(
                            "The property '{name}' cannot be found on this object. Verify that the property exists."
                        ),
                        "NotSpecified",
                        "System.Management.Automation.PropertyNotFoundException",
                        "PropertyNotFoundStrict",
                    )
                    .into()),
                    None => Ok(Value::Null),
                }
            }
            Expression::StaticMember(type_name, name) => {
                let now = self.env.clock.utc_now();
                Ok(members::static_member(type_name, name, now, &self.env.machine)?)
            }
            Expression::Index(of, index) => {
                let of = self.expression(of).await?;
                let index = self.expression(index).await?;
                element(&of, &index)
            }
            Expression::Call(of, name, arguments) => {
                let of = self.expression(of).await?;
                let name = self.expression(name).await?.text();
                let arguments = self.values(arguments).await?;
                if self.writes_to_console(&of, &name, &arguments) {
                    return Ok(Value::Null);
                }
                Ok(members::call(&of, &name, &arguments)?)
            }
            Expression::StaticCall(type_name, name, arguments) => {
                let arguments = self.values(arguments).await?;
                let is_console = convert::simple_type(type_name) == "console";
                if is_console && name.eq_ignore_ascii_case("WriteLine") {
                    let text = arguments.first().map(Value::text).unwrap_or_default();
                    self.print(text);
                    return Ok(Value::Null);
                }
                if convert::simple_type(type_name) == "environment" && name.eq_ignore_ascii_case("Exit") {
                    let code = integer(arguments.first().unwrap_or(&Value::Null))?;
                    return Err(Flow::Exit(i32::try_from(code).unwrap_or(-1)));
                }
                Ok(members::static_call(type_name, name, &arguments)?)
            }
            _ => Ok(Value::Null),
        }
    }

    /// `[Console]::Error.WriteLine(…)` and `[Console]::Out.WriteLine(…)`.
    fn writes_to_console(&mut self, of: &Value, name: &str, arguments: &[Value]) -> bool {
        let type_name = of.type_name();
        let is_writer = type_name.as_ref() == CONSOLE_ERROR || type_name.as_ref() == CONSOLE_OUT;
        let line = name.eq_ignore_ascii_case("WriteLine");
        if !is_writer || !(line || name.eq_ignore_ascii_case("Write")) {
            return false;
        }
        let mut text = arguments.first().map(Value::text).unwrap_or_default();
        if line {
            text.push('\n');
        }
        if type_name.as_ref() == CONSOLE_ERROR {
            self.stderr.push_str(&text);
        } else {
            self.printed.push(crate::session::Printed::Text(text));
        }
        true
    }

    async fn values(&mut self, expressions: &[Expression]) -> Result<Vec<Value>, Flow> {
        let mut values = Vec::with_capacity(expressions.len());
        for expression in expressions {
            values.push(self.expression(expression).await?);
        }
        Ok(values)
    }

    fn read_variable(&self, name: &str) -> Result<Value, Flow> {
        match self.variable(name) {
            Some(value) => Ok(value),
            None if self.strict && !name.starts_with("env:") => Err(ErrorRecord::new(
                format!("The variable '${name}' cannot be retrieved because it has not been set."),
                "InvalidOperation",
                "System.Management.Automation.RuntimeException",
                "VariableIsUndefined",
            )
            .with_target(name, "String")
            .into()),
            None => Ok(Value::Null),
        }
    }

    async fn expand(&mut self, parts: &[Part]) -> Result<Value, Flow> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(expression) => text.push_str(&self.expression(expression).await?.text()),
            }
        }
        Ok(Value::from(text))
    }

    async fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Value, Flow> {
        let left = self.expression(left).await?;
        match operator {
            BinaryOperator::And if !left.truth() => return Ok(Value::Bool(false)),
            BinaryOperator::Or if left.truth() => return Ok(Value::Bool(true)),
            _ => {}
        }
        let right = self.expression(right).await?;
        if let (BinaryOperator::Match { case, .. }, false) = (operator, matches!(left, Value::Array(_))) {
            self.remember_matches(&left.text(), &right.text(), case)?;
        }
        Ok(operators::binary(operator, &left, &right)?)
    }

    /// `$Matches` after a successful `-match`.
    fn remember_matches(&mut self, text: &str, pattern: &str, case: bool) -> Result<(), Flow> {
        let pattern = operators::regex(pattern, case)?;
        let Some(found) = pattern.captures(text) else { return Ok(()) };
        let mut table = HashTable::default();
        for (index, name) in pattern.capture_names().enumerate() {
            if let Some(group) = found.get(index) {
                let key = name.map_or(Value::Int(index as i64), Value::from);
                table.set(key, Value::from(group.as_str()));
            }
        }
        self.variables.insert("matches".into(), Value::Hash(Rc::new(RefCell::new(table))));
        Ok(())
    }

    async fn step(&mut self, target: &Expression, by: i64, before: bool) -> Result<Value, Flow> {
        let old = match self.expression(target).await? {
            Value::Null => Value::Int(0),
            value => value,
        };
        let new = operators::binary(BinaryOperator::Add, &old, &Value::Int(by))?;
        self.assign(target, AssignOperator::Set, new.clone()).await?;
        Ok(if before { new } else { old })
    }

    /// Assigns and returns the new value.
    pub(crate) fn assign<'a>(
        &'a mut self,
        target: &'a Expression,
        operator: AssignOperator,
        value: Value,
    ) -> LocalBoxFuture<'a, Result<Value, Flow>> {
        Box::pin(async move {
            let value = match operator {
                AssignOperator::Set => value,
                AssignOperator::With(operator) => {
                    let old = self.expression(target).await?;
                    operators::binary(operator, &old, &value)?
                }
            };
            match target {
                Expression::Variable(name) => self.set_variable(name, value.clone())?,
                Expression::Cast(type_name, inner) => {
                    let value = convert::cast(type_name, value)?;
                    return self.assign(inner, AssignOperator::Set, value).await;
                }
                Expression::List(targets) => {
                    let items = value.clone().into_items();
                    for (index, target) in targets.iter().enumerate() {
                        let is_last = index + 1 == targets.len();
                        let part = if is_last {
                            Value::from_output(items.get(index..).unwrap_or_default().to_vec())
                        } else {
                            items.get(index).cloned().unwrap_or(Value::Null)
                        };
                        self.assign(target, AssignOperator::Set, part).await?;
                    }
                }
                Expression::Member(of, name) => {
                    let of = self.expression(of).await?;
                    let name = self.expression(name).await?.text();
                    set_property(&of, &name, value.clone())?;
                }
                Expression::StaticMember(type_name, name) => {
                    members::set_static_member(type_name, name, &value)?;
                }
                Expression::Index(of, index) => self.assign_element(of, index, value.clone()).await?,
                _ => {
                    return Err(ErrorRecord::runtime(
                        "The assignment expression is not valid. The input to an assignment operator must be an \
                         object that is able to accept assignments, such as a variable or a property.",
                        "InvalidLeftHandSide",
                    )
                    .into());
                }
            }
            Ok(value)
        })
    }

    /// `of[index] = value`.
    async fn assign_element(
        &mut self,
        of: &Expression,
        index: &Expression,
        value: Value,
    ) -> Result<(), Flow> {
        let index = self.expression(index).await?;
        match self.expression(of).await? {
            Value::Hash(table) => table.borrow_mut().set(index, value),
            Value::Array(items) => {
                let mut items = items.as_ref().clone();
                let at = usize::try_from(integer(&index)?).unwrap_or(usize::MAX);
                *items.get_mut(at).ok_or_else(out_of_range)? = value;
                self.assign(of, AssignOperator::Set, Value::Array(Rc::new(items))).await?;
            }
            _ => return Err(ErrorRecord::runtime("Unable to index into an object.", "CannotIndex").into()),
        }
        Ok(())
    }
}

/// The type of `[Console]::Error`.
pub(crate) const CONSOLE_ERROR: &str = "System.IO.TextWriter+Error";
/// The type of `[Console]::Out`.
pub(crate) const CONSOLE_OUT: &str = "System.IO.TextWriter+Out";

fn out_of_range() -> Flow {
    ErrorRecord::new(
        "Index was outside the bounds of the array.",
        "OperationStopped",
        "System.IndexOutOfRangeException",
        "System.IndexOutOfRangeException",
    )
    .into()
}

fn duplicate_key(key: &Value) -> Flow {
    let message =
        format!("Item has already been added. Key in dictionary: '{0}'  Key being added: '{0}'", key.text());
    ErrorRecord::new(
        message,
        "InvalidOperation",
        "System.Management.Automation.RuntimeException",
        "DuplicateKeyInHashLiteral",
    )
    .into()
}

/// `of[index]`; a missing element is `$null`.
fn element(of: &Value, index: &Value) -> Result<Value, Flow> {
    match (of, index) {
        (Value::Null, _) => Err(ErrorRecord::runtime("Cannot index into a null array.", "NullArray").into()),
        (Value::Hash(table), _) => Ok(table.borrow().get(index).cloned().unwrap_or(Value::Null)),
        (Value::Array(_), Value::Array(indices)) => {
            let mut values = Vec::new();
            for index in indices.iter() {
                values.push(element(of, index)?);
            }
            Ok(Value::Array(Rc::new(values)))
        }
        (Value::Array(items), _) => Ok(pick(items, integer(index)?).cloned().unwrap_or(Value::Null)),
        (Value::String(text), _) => {
            let characters: Vec<Value> = text.chars().map(|c| Value::from(c.to_string())).collect();
            Ok(pick(&characters, integer(index)?).cloned().unwrap_or(Value::Null))
        }
        (one, _) => match integer(index)? {
            0 | -1 => Ok(one.clone()),
            _ => Ok(Value::Null),
        },
    }
}

/// An element by its index; negative ones count from the end.
fn pick(items: &[Value], index: i64) -> Option<&Value> {
    let at = if index < 0 { items.len() as i64 + index } else { index };
    usize::try_from(at).ok().and_then(|at| items.get(at))
}

/// `of.name = value`.
fn set_property(of: &Value, name: &str, value: Value) -> Result<(), Flow> {
    match of {
        Value::Hash(table) => {
            table.borrow_mut().set(Value::from(name), value);
            Ok(())
        }
        Value::Object(object) if object.set(name, value) => Ok(()),
        _ => Err(ErrorRecord::new(
            format!("The property '{name}' cannot be found on this object. Verify that the property exists and can be set."),
            "InvalidOperation",
            "System.Management.Automation.RuntimeException",
            "PropertyNotFound",
        )
        .into()),
    }
}
