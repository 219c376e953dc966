//! Running statements, pipelines and commands.

use futures::future::LocalBoxFuture;

use super::ast::*;
use super::convert;
use super::error::ErrorRecord;
use super::value::Value;
use crate::binding::{self, Given};
use crate::commands;
use crate::session::{Action, ErrorSink, Flow, Reach, Session};

/// Statements and script blocks nested more deeply than this are refused.
const DEEPEST_CALL: usize = 64;
/// A loop that turns more often than this is refused: it would never end.
const MOST_TURNS: usize = 1_000_000;

type Ran<'a, T> = LocalBoxFuture<'a, Result<T, Flow>>;

impl Session {
    /// Runs a block's statements; what they put out goes to `out`.
    ///
    /// An error that ends only its statement is reported here, unless a `try`
    /// waits for it or the preference is `Stop`.
    pub(crate) fn run_block<'a>(&'a mut self, block: &'a Block, out: &'a mut Vec<Value>) -> Ran<'a, ()> {
        Box::pin(async move {
            if self.depth >= DEEPEST_CALL {
                return Err(ErrorRecord::runtime(
                    "The script failed due to call depth overflow.",
                    "CallDepthOverflow",
                )
                .into());
            }
            self.depth += 1;
            let result = self.run_statements(block, out).await;
            self.depth -= 1;
            result
        })
    }

    async fn run_statements(&mut self, block: &Block, out: &mut Vec<Value>) -> Result<(), Flow> {
        for statement in &block.0 {
            if let Err(flow) = self.run_statement(statement, out).await {
                self.settle(flow)?;
            }
        }
        Ok(())
    }

    /// Reports an error that ends only its statement; passes everything else on.
    pub(crate) fn settle(&mut self, flow: Flow) -> Result<(), Flow> {
        let Flow::Error(record, reach) = flow else { return Err(flow) };
        self.succeeded = false;
        if reach == Reach::Script || self.try_depth > 0 {
            return Err(Flow::Error(record, reach));
        }
        match self.error_action() {
            Action::Stop => return Err(Flow::Error(record, Reach::Script)),
            Action::Continue => self.report(&record),
            Action::SilentlyContinue => self.errors.push(record.as_value()),
            Action::Ignore => {}
        }
        Ok(())
    }

    /// Runs one statement of the script itself.
    pub(crate) async fn run_top(&mut self, statement: &Statement, out: &mut Vec<Value>) -> Result<(), Flow> {
        match self.run_statement(statement, out).await {
            Err(flow) => self.settle(flow),
            Ok(()) => Ok(()),
        }
    }

    fn run_statement<'a>(&'a mut self, statement: &'a Statement, out: &'a mut Vec<Value>) -> Ran<'a, ()> {
        Box::pin(async move {
            let result = self.dispatch(statement, out).await;
            result.map_err(|flow| Self::place(flow, None, &statement.extent))
        })
    }

    async fn dispatch(&mut self, statement: &Statement, out: &mut Vec<Value>) -> Result<(), Flow> {
        match &statement.kind {
            StatementKind::Pipeline(pipeline) => self.run_pipeline(pipeline, out).await,
            StatementKind::Assign { target, operator, value } => {
                let value = self.statement_value(value).await?;
                self.assign(target, *operator, value).await?;
                self.succeeded = true;
                Ok(())
            }
            StatementKind::If { clauses, otherwise } => {
                for (condition, body) in clauses {
                    if self.pipeline_value(condition).await?.truth() {
                        return self.run_block(body, out).await;
                    }
                }
                match otherwise {
                    Some(body) => self.run_block(body, out).await,
                    None => Ok(()),
                }
            }
            StatementKind::ForEach { variable, over, body } => {
                let items = match self.pipeline_value(over).await? {
                    Value::Null => Vec::new(),
                    value => value.into_items(),
                };
                for item in items {
                    self.set_variable(variable, item)?;
                    if self.turn(body, out).await? {
                        break;
                    }
                }
                Ok(())
            }
            StatementKind::While { .. } | StatementKind::DoWhile { .. } | StatementKind::For { .. } => {
                self.run_loop(&statement.kind, out).await
            }
            StatementKind::Try { body, catches, finally } => {
                let result = self.run_try(body, catches, out).await;
                if let Some(finally) = finally {
                    self.run_block(finally, out).await?;
                }
                result
            }
            StatementKind::Throw(value) => Err(self.throw(value.as_ref(), &statement.extent).await?),
            StatementKind::Return(value) => {
                if let Some(pipeline) = value {
                    self.run_pipeline(pipeline, out).await?;
                }
                Err(Flow::Return)
            }
            StatementKind::Exit(value) => {
                let code = match value {
                    Some(pipeline) => convert::integer(&self.pipeline_value(pipeline).await?)?,
                    None => 0,
                };
                Err(Flow::Exit(i32::try_from(code).unwrap_or(-1)))
            }
            StatementKind::Break => Err(Flow::Break),
            StatementKind::Continue => Err(Flow::Continue),
        }
    }

    /// One turn of a loop; `true` when it broke out.
    async fn turn(&mut self, body: &Block, out: &mut Vec<Value>) -> Result<bool, Flow> {
        match self.run_block(body, out).await {
            Err(Flow::Break) => Ok(true),
            Err(Flow::Continue) | Ok(()) => Ok(false),
            Err(flow) => Err(flow),
        }
    }

    async fn run_loop(&mut self, kind: &StatementKind, out: &mut Vec<Value>) -> Result<(), Flow> {
        if let StatementKind::For { first: Some(first), .. } = kind {
            self.run_statement(first, &mut Vec::new()).await?;
        }
        for turns in 0.. {
            if turns >= MOST_TURNS {
                return Err(ErrorRecord::not_modelled("loops of more than a million turns").into());
            }
            let (before, body) = match kind {
                StatementKind::While { condition, body } => (Some(condition), body),
                StatementKind::For { condition, body, .. } => (condition.as_ref(), body),
                StatementKind::DoWhile { body, .. } => (None, body),
                _ => return Ok(()),
            };
            if let Some(condition) = before
                && !self.pipeline_value(condition).await?.truth()
            {
                return Ok(());
            }
            if self.turn(body, out).await? {
                return Ok(());
            }
            match kind {
                StatementKind::For { step: Some(step), .. } => {
                    self.run_statement(step, &mut Vec::new()).await?
                }
                StatementKind::DoWhile { condition, until, .. } => {
                    let holds = self.pipeline_value(condition).await?.truth();
                    if holds == *until {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn run_try(&mut self, body: &Block, catches: &[Catch], out: &mut Vec<Value>) -> Result<(), Flow> {
        self.try_depth += 1;
        let result = self.run_block(body, out).await;
        self.try_depth -= 1;
        let Err(Flow::Error(record, reach)) = result else { return result };
        let Some(catch) = catches.iter().find(|catch| {
            catch.types.is_empty() || catch.types.iter().any(|name| convert::catches(name, &record.exception))
        }) else {
            return Err(Flow::Error(record, reach));
        };
        let value = record.as_value();
        self.errors.push(value.clone());
        let before = self.variables.insert("_".into(), value);
        let outer = self.caught.replace(record);
        let result = self.run_block(&catch.body, out).await;
        self.caught = outer;
        match before {
            Some(before) => self.variables.insert("_".into(), before),
            None => self.variables.remove("_"),
        };
        result
    }

    /// The error a `throw` raises; without a value, the one being handled.
    async fn throw(&mut self, value: Option<&Pipeline>, extent: &Extent) -> Result<Flow, Flow> {
        let value = match value {
            Some(pipeline) => self.pipeline_value(pipeline).await?,
            None => match self.caught.clone() {
                Some(record) => return Ok(Flow::Error(record, Reach::Script)),
                None => Value::from("ScriptHalted"),
            },
        };
        let text = value.text();
        let mut record = ErrorRecord::new(
            text.clone(),
            "OperationStopped",
            "System.Management.Automation.RuntimeException",
            text.clone(),
        )
        .with_target(&text, value.type_name().rsplit('.').next().unwrap_or_default());
        record.extent = Some(extent.clone());
        if let (Value::Object(object), Some(caught)) = (&value, &self.caught)
            && object.type_name.as_ref() == super::value::ERROR_RECORD
        {
            return Ok(Flow::Error(caught.clone(), Reach::Script));
        }
        if !matches!(value, Value::String(_)) {
            record.thrown = Some(std::rc::Rc::new(value));
        }
        Ok(Flow::Error(record, Reach::Script))
    }

    /// A statement as the right side of an assignment or inside parentheses.
    pub(crate) fn statement_value<'a>(&'a mut self, statement: &'a Statement) -> Ran<'a, Value> {
        Box::pin(async move {
            let result = match &statement.kind {
                StatementKind::Pipeline(pipeline) => self.pipeline_value(pipeline).await,
                StatementKind::Assign { target, operator, value } => {
                    let value = self.statement_value(value).await?;
                    self.assign(target, *operator, value).await
                }
                _ => {
                    let mut out = Vec::new();
                    self.run_statement(statement, &mut out).await?;
                    Ok(Value::from_output(out))
                }
            };
            result.map_err(|flow| Self::place(flow, None, &statement.extent))
        })
    }

    /// A pipeline's value: an expression's own, or what its commands put out.
    pub(crate) async fn pipeline_value(&mut self, pipeline: &Pipeline) -> Result<Value, Flow> {
        if let [Stage::Expression(expression, _)] = pipeline.0.as_slice() {
            let value = self.expression(expression).await?;
            self.succeeded = true;
            return Ok(value);
        }
        let mut out = Vec::new();
        self.run_pipeline(pipeline, &mut out).await?;
        Ok(Value::from_output(out))
    }

    /// Runs a pipeline, each stage after the one before it.
    pub(crate) async fn run_pipeline(
        &mut self,
        pipeline: &Pipeline,
        out: &mut Vec<Value>,
    ) -> Result<(), Flow> {
        let mut flowing: Option<Vec<Value>> = None;
        let mut succeeded = true;
        for stage in &pipeline.0 {
            flowing = Some(match stage {
                Stage::Expression(expression, redirections) => {
                    let value = self.expression(expression).await?;
                    let silent = matches!(expression, Expression::Step { .. }) || redirections.discard_output;
                    if silent { Vec::new() } else { value.into_items() }
                }
                Stage::Command(command) => {
                    let (output, worked) = self.run_command(command, flowing).await?;
                    succeeded &= worked;
                    output
                }
            });
        }
        self.succeeded = succeeded;
        out.append(&mut flowing.unwrap_or_default());
        Ok(())
    }

    /// Runs one command with its redirections; the flag says whether it wrote no errors.
    async fn run_command(
        &mut self,
        command: &Command,
        input: Option<Vec<Value>>,
    ) -> Result<(Vec<Value>, bool), Flow> {
        let redirections = command.redirections;
        let sink = if redirections.merge_errors {
            Some(ErrorSink::Merge(Vec::new()))
        } else if redirections.discard_errors {
            Some(ErrorSink::Discard)
        } else {
            None
        };
        let redirected = sink.is_some();
        self.sinks.extend(sink);
        let printed = self.printed.len();
        let result = self.call_command(command, input).await;
        let result = match result {
            Err(flow @ Flow::Error(_, Reach::Statement)) if redirected && self.try_depth == 0 => {
                self.settle(flow).map(|()| (Vec::new(), false))
            }
            other => other,
        };
        let merged = if redirected { self.sinks.pop() } else { None };
        if redirections.discard_other {
            self.printed.truncate(printed);
        }
        let (mut output, worked) = result?;
        if let Some(ErrorSink::Merge(mut errors)) = merged {
            errors.append(&mut output);
            output = errors;
        }
        if redirections.discard_output {
            output.clear();
        }
        Ok((output, worked))
    }

    /// Finds the command, evaluates its arguments, binds and runs it.
    async fn call_command(
        &mut self,
        command: &Command,
        input: Option<Vec<Value>>,
    ) -> Result<(Vec<Value>, bool), Flow> {
        let name = match &command.name {
            CommandName::Bare(name) => {
                if let Some(range) = bare_range(name) {
                    return Ok((range?.into_items(), true));
                }
                name.clone()
            }
            CommandName::Computed(expression) => match self.expression(expression).await? {
                Value::ScriptBlock(block, _) if command.arguments.is_empty() => {
                    let mut out = Vec::new();
                    self.run_script_block(&block, &mut out).await?;
                    return Ok((out, true));
                }
                value => value.text(),
            },
        };
        let definition = commands::find(&self.env, &name)
            .map_err(|record| Self::place(record.into(), None, &name_extent(command, &name)))?;
        let mut given = Given::default();
        for argument in &command.arguments {
            match argument {
                Argument::Named { name, value, extent } => {
                    let value = match value {
                        Some(expression) => Some(self.expression(expression).await?),
                        None => None,
                    };
                    given.named(name, value, extent);
                }
                Argument::Positional(expression, extent) => {
                    given.positional(self.expression(expression).await?, extent);
                }
                Argument::Splat(variable) => {
                    given.splat(self.variable(variable).unwrap_or(Value::Null), &command.extent);
                }
            }
        }
        let at = |flow| Self::place(flow, Some(definition.name), &command.extent);
        let mut call =
            binding::bind(definition, given, input, &command.extent).map_err(|record| at(record.into()))?;
        let output = commands::run(self, &mut call).await.map_err(at)?;
        if let Some(variable) = &call.out_variable {
            self.variables.insert(variable.clone(), Value::Array(std::rc::Rc::new(output.clone())));
        }
        Ok((output, !call.failed))
    }

    /// Runs a script block; `return` ends it.
    pub(crate) async fn run_script_block(&mut self, block: &Block, out: &mut Vec<Value>) -> Result<(), Flow> {
        match self.run_block(block, out).await {
            Err(Flow::Return) => Ok(()),
            other => other,
        }
    }

    /// Runs a script block with `$_` set and returns its output.
    pub(crate) async fn with_item(&mut self, block: &Block, item: Value) -> Result<Vec<Value>, Flow> {
        let before = self.variables.insert("_".into(), item);
        let mut out = Vec::new();
        let result = self.run_script_block(block, &mut out).await;
        match before {
            Some(before) => self.variables.insert("_".into(), before),
            None => self.variables.remove("_"),
        };
        result.map(|()| out)
    }
}

/// The extent of a command's name.
fn name_extent(command: &Command, name: &str) -> Extent {
    let mut extent = command.extent.clone();
    if command.extent.text.starts_with(name) {
        extent.text = name.into();
    }
    extent
}

/// `1..3` where the grammar takes it for a command.
fn bare_range(name: &str) -> Option<Result<Value, Flow>> {
    let (from, to) = name.split_once("..")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    let range = super::operators::binary(BinaryOperator::Range, &Value::Int(from), &Value::Int(to));
    Some(range.map_err(Flow::from))
}
