//! Functions of one's own: values and rows that T-SQL computes inside a statement.
//!
//! They run to their end without a pause, as the expressions they stand in do, so their steps are bounded.

use super::binder::Binder;
use super::environment::Environment;
use super::expression::{Ex, Frame, Typed};
use super::permissions::{Chain, Object};
use super::run::{Activation, NESTING_MAX};
use super::source::{Node, scope_column};
use crate::engine::{DatabaseId, Fault, NamedObject, same_name};
use crate::error::{SqlError, SqlResult};
use crate::messages::error;
use crate::tsql::ast::{Call, Expr, Instruction, ObjectKind, ObjectName, Program, Statement, StatementKind};
use crate::tsql::{self, Module, Returns};
use crate::value::{ColumnMeta, DataType, Row, Value, convert};
use std::rc::Rc;

/// How many steps one call may take: 10 million (100,000 in this crate's own tests).
const STEPS_MAX: u64 = if cfg!(test) { 100_000 } else { 10_000_000 };

/// A function of a database.
pub(super) struct UserFunction {
    name: Rc<str>,
    id: i32,
    database: DatabaseId,
    module: Rc<Module>,
    object: Object,
    /// On whose behalf its statements work.
    chain: Chain,
}

/// Finds a function by its name.
pub(super) fn find(
    env: &Environment<'_>,
    current: DatabaseId,
    name: &ObjectName,
) -> SqlResult<Option<Rc<UserFunction>>> {
    if name.server.is_some() {
        return Err(error(40_510, 1, &[&"linked server"]));
    }
    let engine = env.instance.0.engine.borrow();
    let base = super::synonyms::base_of(&engine, current, name);
    let name = base.as_ref().unwrap_or(name);
    let database = match &name.database {
        Some(other) => match engine.database_id(other) {
            Some(id) => id,
            None => return Ok(None),
        },
        None => current,
    };
    let schema = name.schema.as_deref().unwrap_or("dbo");
    let found = engine.database(database).and_then(|db| db.content.object_by_name(schema, &name.name));
    let Some(NamedObject::Module(module)) = found else { return Ok(None) };
    let (id, schema) = (module.object_id, module.schema.clone());
    let object = Object { database, id, schema, name: module.name.clone() };
    let chain = object.chain(&engine);
    drop(engine);
    use crate::engine::ModuleKind::{InlineFunction, ScalarFunction, TableFunction};
    if !matches!(module.kind, InlineFunction | ScalarFunction | TableFunction) {
        return Ok(None);
    }
    let parsed = tsql::parse_module(ObjectKind::Function, &module.text, &env.types(database))?;
    Ok(Some(Rc::new(UserFunction {
        name: module.name.clone(),
        id: module.object_id,
        database,
        module: parsed,
        object,
        chain,
    })))
}

impl UserFunction {
    fn parts(&self) -> SqlResult<(&Rc<Program>, &Returns)> {
        match &*self.module {
            Module::Function(program, returns) => Ok((program, returns)),
            _ => Err(error(208, 1, &[&self.name])),
        }
    }

    /// The arguments as the parameters want them; DEFAULT stands for a parameter's default.
    fn arguments(&self, binder: &mut Binder<'_, '_>, given: &[Expr]) -> SqlResult<Vec<Ex>> {
        let (program, _) = self.parts()?;
        let parameters = &program.variables[..program.parameter_count];
        if given.len() < parameters.len() {
            return Err(error(313, 3, &[&self.name]));
        }
        if given.len() > parameters.len() {
            return Err(error(8144, 3, &[&self.name]));
        }
        let mut bound = Vec::with_capacity(given.len());
        for (argument, parameter) in given.iter().zip(parameters) {
            bound.push(match argument {
                Expr::Default => {
                    let value = parameter.default.clone().unwrap_or(Value::Null);
                    let from = match &value {
                        Value::Int(_) => DataType::BigInt,
                        Value::Decimal(d) => d.literal_type(),
                        Value::Text(_) => super::functions::TEXT,
                        _ => parameter.data_type,
                    };
                    Ex::Constant(convert::convert(&value, from, parameter.data_type, 0)?)
                }
                argument => binder.expression(argument)?.converted(parameter.data_type),
            });
        }
        Ok(bound)
    }

    fn placed(&self, fault: Fault, line: u32) -> Fault {
        match fault {
            Fault::Sql(mut e) => {
                if e.line == 0 {
                    e.line = line;
                }
                if e.procedure.is_empty() {
                    e.procedure = self.name.to_string();
                }
                Fault::Sql(e)
            }
            blocked => blocked,
        }
    }
}

impl Binder<'_, '_> {
    fn may_use(&self, function: &UserFunction, permission: &str) -> SqlResult<()> {
        let engine = self.env.instance.0.engine.borrow();
        super::permissions::check(&engine, self.env.session, self.chain, &function.object, permission)
    }

    /// Binds a call of a scalar function of one's own.
    pub(super) fn user_function(&mut self, call: &Call) -> SqlResult<Typed> {
        let unknown = || error(4121, 1, &[&call.name.schema.as_deref().unwrap_or(""), &call.name]);
        let function = find(self.env, self.database, &call.name)?.ok_or_else(unknown)?;
        let Returns::Scalar(data_type, _) = function.parts()?.1 else { return Err(unknown()) };
        let data_type = *data_type;
        self.may_use(&function, "EXECUTE")?;
        let arguments = function.arguments(self, &call.arguments)?;
        Ok(Typed::new(Ex::UserFunction(function, arguments), data_type))
    }

    /// Binds a function of one's own in FROM.
    pub(super) fn user_table_function(
        &mut self,
        function: Rc<UserFunction>,
        arguments: &[Expr],
        alias: &Rc<str>,
        names: &[Rc<str>],
    ) -> SqlResult<Node> {
        self.may_use(&function, "SELECT")?;
        let arguments = function.arguments(self, arguments)?;
        let columns = columns(self.env, &function)?;
        let columns: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| scope_column(column, alias, names.get(at).unwrap_or(&column.name).clone()))
            .collect();
        self.add_columns(columns);
        Ok(Node::UserFunction(function, arguments))
    }
}

/// The surroundings of a function's statements.
fn inside<'i>(env: &Environment<'i>, function: &UserFunction, activation: &'i Activation) -> Environment<'i> {
    Environment {
        instance: env.instance,
        session: env.session,
        variables: &activation.values,
        declarations: &activation.program.variables,
        table_variables: &activation.tables,
        database: function.database,
        transaction: env.transaction,
        isolation: env.isolation,
        now: env.now,
        procedure_id: function.id,
        chain: function.chain,
        depth: env.depth + 1,
    }
}

/// The columns of a function that gives rows.
fn columns(env: &Environment<'_>, function: &UserFunction) -> SqlResult<Vec<ColumnMeta>> {
    let (program, returns) = function.parts()?;
    let mut activation = Activation::new(program.clone());
    match returns {
        Returns::Scalar(..) => Err(error(208, 1, &[&function.name])),
        Returns::Inline(query) => Ok(Binder::new(&inside(env, function, &activation)).query(query)?.columns),
        Returns::Table(slot) => {
            super::ddl::declare_table(&mut activation, *slot)?;
            let tables = activation.tables.borrow();
            let def = tables.iter().find(|table| table.slot == *slot).map(|table| table.def.clone());
            Ok(def.map(|def| def.columns.iter().map(|c| c.meta.clone()).collect()).unwrap_or_default())
        }
    }
}

/// Binds the query of an inline function when it is made; each of its columns needs a name.
pub(super) fn check(env: &Environment<'_>, name: &ObjectName) -> Result<(), Fault> {
    let Some(function) = find(env, env.database, name)? else { return Ok(()) };
    let columns = columns(env, &function)?;
    let unnamed = columns.iter().position(|column| column.name.is_empty());
    if let Some(at) = unnamed {
        return Err(error(4514, 1, &[&(at + 1)]).into());
    }
    let twice = columns
        .iter()
        .enumerate()
        .find(|(at, column)| columns[..*at].iter().any(|known| same_name(&known.name, &column.name)));
    match twice {
        Some((_, column)) => Err(error(4506, 1, &[&column.name, &name.name]).into()),
        None => Ok(()),
    }
}

fn started(env: &Environment<'_>, function: &UserFunction, values: Vec<Value>) -> SqlResult<Activation> {
    if env.depth >= NESTING_MAX {
        return Err(error(217, 1, &[&NESTING_MAX]));
    }
    let (program, _) = function.parts()?;
    let mut activation = Activation::new(program.clone());
    for (slot, value) in activation.values.iter_mut().zip(values) {
        *slot = value;
    }
    Ok(activation)
}

/// The value of a scalar function.
pub(super) fn value(
    env: &Environment<'_>,
    function: &UserFunction,
    values: Vec<Value>,
) -> Result<Value, Fault> {
    let (_, returns) = function.parts()?;
    let Returns::Scalar(data_type, strict) = returns else {
        return Err(error(4121, 1, &[&"", &function.name]).into());
    };
    if *strict && values.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let mut activation = started(env, function, values)?;
    run(env, function, &mut activation, *data_type)
}

/// The rows of a function that gives rows.
pub(super) fn rows(
    env: &Environment<'_>,
    function: &UserFunction,
    values: Vec<Value>,
) -> Result<Vec<Row>, Fault> {
    let (_, returns) = function.parts()?;
    let mut activation = started(env, function, values)?;
    match returns {
        Returns::Scalar(..) => Err(error(208, 1, &[&function.name]).into()),
        Returns::Inline(query) => {
            let env = inside(env, function, &activation);
            let compiled = Binder::new(&env).query(query)?;
            compiled.run(&env, None)
        }
        Returns::Table(slot) => {
            run(env, function, &mut activation, DataType::Int)?;
            let tables = activation.tables.into_inner();
            Ok(tables
                .into_iter()
                .find(|table| table.slot == *slot)
                .map(|table| table.rows)
                .unwrap_or_default())
        }
    }
}

/// Runs a function's program to its RETURN.
fn run(
    env: &Environment<'_>,
    function: &UserFunction,
    activation: &mut Activation,
    returns: DataType,
) -> Result<Value, Fault> {
    let program = activation.program.clone();
    let (mut at, mut steps) = (0, 0_u64);
    while let Some(instruction) = program.code.get(at) {
        at += 1;
        steps += 1;
        if steps > STEPS_MAX {
            let what = format!("a function that takes more than {STEPS_MAX} steps");
            return Err(function.placed(error(40_510, 1, &[&what]).into(), 0));
        }
        match instruction {
            Instruction::Jump(target) => at = *target,
            Instruction::JumpUnless { condition, target, line } => {
                let env = inside(env, function, activation);
                let holds = Binder::new(&env)
                    .condition(condition)
                    .map_err(Fault::from)
                    .and_then(|condition| condition.test(&env, &Frame::NONE));
                if holds.map_err(|fault| function.placed(fault, *line))? != Some(true) {
                    at = *target;
                }
            }
            Instruction::Statement(statement) => {
                let result = step(env, function, activation, statement, returns);
                if let Some(value) = result.map_err(|fault| function.placed(fault, statement.line))? {
                    return Ok(value);
                }
            }
            Instruction::BeginTry { .. } | Instruction::EndTry { .. } | Instruction::EndCatch => {}
        }
    }
    Ok(Value::Null)
}

/// Runs one statement; `Some` is what RETURN gives.
fn step(
    env: &Environment<'_>,
    function: &UserFunction,
    activation: &mut Activation,
    statement: &Statement,
    returns: DataType,
) -> Result<Option<Value>, Fault> {
    let evaluated = |activation: &Activation, expr: &Expr, to: DataType| -> Result<Value, Fault> {
        let env = inside(env, function, activation);
        let typed = Binder::new(&env).value(expr)?;
        let value = typed.ex.eval(&env, &Frame::NONE)?;
        Ok(convert::convert(&value, typed.data_type, to, 0)?)
    };
    let outcome = match &statement.kind {
        StatementKind::Nothing => return Ok(None),
        StatementKind::Assign { variable, operator, value, .. } => {
            let to = activation.program.variables[*variable].data_type;
            let value = match operator {
                None => evaluated(activation, value, to)?,
                Some(operator) => {
                    let left = Box::new(Expr::Variable(*variable));
                    evaluated(activation, &Expr::Binary(*operator, left, Box::new(value.clone())), to)?
                }
            };
            activation.values[*variable] = value;
            return Ok(None);
        }
        StatementKind::DeclareTable(slot) => {
            super::ddl::declare_table(activation, *slot)?;
            return Ok(None);
        }
        StatementKind::Return(value) => {
            return match value {
                Some(value) => evaluated(activation, value, returns).map(Some),
                None => Ok(Some(Value::Null)),
            };
        }
        StatementKind::Select(query) => super::select::select(&inside(env, function, activation), query, 0)?,
        StatementKind::Insert(insert) => super::dml::insert(&inside(env, function, activation), insert)?,
        StatementKind::Update(update) => super::change::update(&inside(env, function, activation), update)?,
        StatementKind::Delete(delete) => super::change::delete(&inside(env, function, activation), delete)?,
        StatementKind::Merge(merge) => super::merge::merge(&inside(env, function, activation), merge)?,
        _ => return Err(Fault::from(SqlError::clone(&error(443, 1, &[&"this statement"])))),
    };
    for (slot, value) in outcome.assigned {
        activation.values[slot] = value;
    }
    Ok(None)
}
