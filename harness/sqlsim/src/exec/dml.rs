//! INSERT, and what all changes share: targets, incoming rows, OUTPUT.

use super::binder::{Binder, Scope};
use super::constraints;
use super::environment::{Environment, TableVariable};
use super::expression::Frame;
use super::query::column_meta;
use super::source::{Found, column_ordinal, resolve, table_columns};
use crate::engine::{DatabaseId, Fault, TableDef, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Expr, Insert, InsertSource, Output, SelectItem, TableSource};
use crate::value::{ColumnMeta, DataType, Row, Value, convert};
use std::rc::Rc;

/// What a statement gives.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// A result set.
    pub(super) set: Option<(Vec<ColumnMeta>, Vec<Row>)>,
    /// Rows affected or returned.
    pub(super) count: Option<u64>,
    /// The wire's command code.
    pub(super) command: u16,
    /// Values for variables.
    pub(super) assigned: Vec<(usize, Value)>,
    /// The last identity value given out.
    pub(super) identity: Option<Value>,
}

/// Where a change goes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Table(DatabaseId, Rc<TableDef>),
    Variable(usize, Rc<TableDef>),
}

impl Target {
    pub(super) fn def(&self) -> &Rc<TableDef> {
        match self {
            Self::Table(_, def) | Self::Variable(_, def) => def,
        }
    }
}

pub(super) fn target_of(env: &Environment<'_>, source: &TableSource) -> SqlResult<Target> {
    match source {
        TableSource::Variable { slot, .. } => {
            let variables = env.table_variables.borrow();
            let found = variables.iter().find(|variable| variable.slot == *slot);
            let def = found.map(|variable| variable.def.clone());
            def.map(|def| Target::Variable(*slot, def))
                .ok_or_else(|| error(1087, 1, &[&env.declarations[*slot].name]))
        }
        TableSource::Named { name, .. } => match resolve(env, env.database, name)? {
            (database, Found::Table(def)) => Ok(Target::Table(database, def)),
            (_, Found::System(_)) => Err(error(259, 1, &[])),
            (_, Found::View(_)) => match super::target::seen_through(env, source)? {
                Some(found) => Ok(found.target),
                None => Err(error(4405, 1, &[name])),
            },
        },
        _ => Err(error(40_510, 1, &[&"this target of a change"])),
    }
}

/// The transaction of the statement; writes always have one.
pub(super) fn transaction(env: &Environment<'_>) -> crate::engine::TransactionId {
    env.transaction.unwrap_or(crate::engine::TransactionId(0))
}

/// INSERT, other than of a procedure's rows.
pub(super) fn insert(env: &Environment<'_>, statement: &Insert) -> Result<Outcome, Fault> {
    let (target, columns) = insert_target(env, statement)?;
    let def = target.def().clone();
    let rows = match &statement.source {
        InsertSource::Values(values) => value_rows(env, &def, &columns, values)?,
        InsertSource::Defaults => vec![vec![None; def.columns.len()]],
        InsertSource::Query(query) => {
            let mut binder = Binder::new(env);
            binder.see_tables(&statement.tables);
            let compiled = binder.query(query)?;
            if compiled.columns.len() != columns.len() {
                return Err(mismatch(&statement.columns, compiled.columns.len(), columns.len()).into());
            }
            let types: Vec<DataType> = compiled.columns.iter().map(|column| column.data_type).collect();
            given_rows(&def, &columns, &types, &compiled.run(env, None)?)?
        }
        InsertSource::Execute(_) => return Err(error(40_510, 1, &[&"INSERT … EXEC here"]).into()),
    };
    insert_rows(env, &target, rows, statement.output.as_ref())
}

/// INSERT … EXEC: the rows that the procedure gave.
pub(super) fn insert_given(
    env: &Environment<'_>,
    statement: &Insert,
    sets: &[(Vec<ColumnMeta>, Vec<Row>)],
) -> Result<Outcome, Fault> {
    let (target, columns) = insert_target(env, statement)?;
    let def = target.def().clone();
    let mut rows = Vec::new();
    for (given, set) in sets {
        if given.len() != columns.len() {
            return Err(error(213, 7, &[]).into());
        }
        let types: Vec<DataType> = given.iter().map(|column| column.data_type).collect();
        rows.extend(given_rows(&def, &columns, &types, set)?);
    }
    insert_rows(env, &target, rows, None)
}

/// The table that rows go into, and which of its columns are given; a view shows them by other names.
fn insert_target(env: &Environment<'_>, statement: &Insert) -> SqlResult<(Target, Vec<usize>)> {
    let target = target_of(env, &statement.target)?;
    let through = match &statement.target {
        TableSource::Named { name, .. } if !same_name(&name.name, &target.def().name) => {
            super::target::seen_through(env, &statement.target)?.filter(|found| found.shown.is_some())
        }
        _ => None,
    };
    let named: Vec<Rc<str>> = match &through {
        None => statement.columns.clone(),
        Some(found) => {
            let shown = found.shown.as_deref().unwrap_or_default();
            let all: Vec<Rc<str>> = shown.iter().map(|(name, ..)| name.clone()).collect();
            let names = if statement.columns.is_empty() { &all } else { &statement.columns };
            let real = |name| Ok(target.def().columns[found.ordinal(name)?].meta.name.clone());
            names.iter().map(real).collect::<SqlResult<_>>()?
        }
    };
    let columns = insert_columns(env, &target, &named)?;
    Ok((target, columns))
}

/// A row on its way in: `None` where the column's default goes.
pub(super) type Incoming = Vec<Option<Value>>;

pub(super) fn mismatch(named: &[Rc<str>], given: usize, expected: usize) -> crate::SqlError {
    match (named.is_empty(), given < expected) {
        (true, _) => error(213, 1, &[]),
        (false, true) => error(120, 1, &[]),
        (false, false) => error(121, 1, &[]),
    }
}

/// Ordinals of the columns that are given.
pub(super) fn insert_columns(
    env: &Environment<'_>,
    target: &Target,
    named: &[Rc<str>],
) -> SqlResult<Vec<usize>> {
    let def = target.def();
    let may_set_identity = match target {
        Target::Table(database, def) => {
            env.state().settings.identity_insert == Some((*database, def.object_id))
        }
        Target::Variable(..) => false,
    };
    if named.is_empty() {
        let given = |column: &crate::engine::Column| column.computed.is_none() && column.identity.is_none();
        if may_set_identity {
            return Err(error(8101, 1, &[&full_name(env, target)]));
        }
        return Ok((0..def.columns.len()).filter(|at| given(&def.columns[*at])).collect());
    }
    let mut ordinals = Vec::with_capacity(named.len());
    for name in named {
        let ordinal = column_ordinal(def, name)?;
        if ordinals.contains(&ordinal) {
            return Err(error(264, 1, &[name]));
        }
        if def.columns[ordinal].computed.is_some() {
            return Err(error(271, 1, &[name]));
        }
        if def.columns[ordinal].identity.is_some() && !may_set_identity {
            return Err(error(544, 1, &[&def.name]));
        }
        ordinals.push(ordinal);
    }
    if may_set_identity && def.identity_ordinal().is_some_and(|at| !ordinals.contains(&at)) {
        return Err(error(545, 1, &[&def.name]));
    }
    Ok(ordinals)
}

pub(super) fn value_rows(
    env: &Environment<'_>,
    def: &TableDef,
    columns: &[usize],
    values: &[Vec<Option<Expr>>],
) -> Result<Vec<Incoming>, Fault> {
    let mut binder = Binder::new(env);
    let mut rows = Vec::with_capacity(values.len());
    for given in values {
        if given.len() != columns.len() {
            let number = if given.len() < columns.len() { 110 } else { 109 };
            return Err(error(number, 1, &[]).into());
        }
        let mut row: Incoming = vec![None; def.columns.len()];
        for (expr, ordinal) in given.iter().zip(columns) {
            let Some(expr) = expr else { continue };
            let typed = binder.value(expr)?;
            let value = typed.ex.eval(env, &Frame::NONE)?;
            row[*ordinal] =
                Some(convert::assign(&value, typed.data_type, def.columns[*ordinal].meta.data_type)?);
        }
        rows.push(row);
    }
    Ok(rows)
}

pub(super) fn given_rows(
    def: &TableDef,
    columns: &[usize],
    types: &[DataType],
    given: &[Row],
) -> SqlResult<Vec<Incoming>> {
    let mut rows = Vec::with_capacity(given.len());
    for values in given {
        let mut row: Incoming = vec![None; def.columns.len()];
        for ((value, from), ordinal) in values.iter().zip(types).zip(columns) {
            row[*ordinal] = Some(convert::assign(value, *from, def.columns[*ordinal].meta.data_type)?);
        }
        rows.push(row);
    }
    Ok(rows)
}

pub(super) fn insert_rows(
    env: &Environment<'_>,
    target: &Target,
    rows: Vec<Incoming>,
    output: Option<&Output>,
) -> Result<Outcome, Fault> {
    let (inserted, identity) = put_rows(env, target, rows)?;
    let count = inserted.len() as u64;
    let mut outcome = Outcome { count: Some(count), command: 0xC3, identity, ..Outcome::default() };
    if let Some(output) = output {
        let def = target.def();
        let nothing: Row = vec![Value::Null; def.columns.len()].into();
        let pairs = inserted.into_iter().map(|row| (row, nothing.clone())).collect();
        outcome.set = output_rows(env, output, def, pairs, None)?;
    }
    Ok(outcome)
}

/// Fills, checks and inserts rows; gives them, and the last identity value.
pub(super) fn put_rows(
    env: &Environment<'_>,
    target: &Target,
    rows: Vec<Incoming>,
) -> Result<(Vec<Row>, Option<Value>), Fault> {
    let def = target.def().clone();
    let checks = constraints::Checks::bind(env, &def)?;
    let defaults = constraints::Defaults::bind(env, &def, |at| rows.iter().any(|row| row[at].is_none()))?;
    let mut identity = None;
    let mut inserted: Vec<Row> = Vec::with_capacity(rows.len());
    for incoming in rows {
        let mut row = defaults.fill(env, incoming)?;
        if let Some(at) = def.identity_ordinal() {
            if row[at].is_null() {
                row[at] = next_identity(env, target, &def, at)?;
            }
            identity = Some(row[at].clone());
        }
        constraints::compute(env, &def, &mut row)?;
        constraints::not_null(env, target_database(target), &def, &row, "INSERT")?;
        checks.test(env, target_database(target), &def, &row, "INSERT")?;
        let row: Row = row.into();
        match target {
            Target::Table(database, def) => {
                constraints::foreign_keys(env, *database, def, &row, None, "INSERT")?;
                let mut engine = env.instance.0.engine.borrow_mut();
                engine.insert(transaction(env), *database, def.object_id, row.clone())?;
            }
            Target::Variable(slot, def) => {
                let mut variables = env.table_variables.borrow_mut();
                if let Some(variable) = variables.iter_mut().find(|variable| variable.slot == *slot) {
                    unique_in_variable(variable, def, &row)?;
                    variable.rows.push(row.clone());
                }
            }
        }
        inserted.push(row);
    }
    Ok((inserted, identity))
}

pub(super) fn target_database(target: &Target) -> DatabaseId {
    match target {
        Target::Table(database, _) => *database,
        Target::Variable(..) => crate::engine::TEMPDB,
    }
}

pub(super) fn full_name(env: &Environment<'_>, target: &Target) -> String {
    constraints::full_name(env, target_database(target), target.def())
}

pub(super) fn next_identity(
    env: &Environment<'_>,
    target: &Target,
    def: &TableDef,
    at: usize,
) -> Result<Value, Fault> {
    let next = match target {
        Target::Table(database, def) => {
            env.instance.0.engine.borrow_mut().next_identity(*database, def.object_id)?
        }
        Target::Variable(slot, def) => {
            let increment = def.columns[at].identity.map_or(1, |identity| identity.increment);
            let mut variables = env.table_variables.borrow_mut();
            variables.iter_mut().find(|variable| variable.slot == *slot).map(|variable| {
                let next = variable.next_identity;
                variable.next_identity += increment;
                next
            })
        }
    };
    let to = def.columns[at].meta.data_type;
    let overflow = || error(8115, 1, &[&"IDENTITY", &to.message_name()]);
    let next = next.ok_or_else(overflow)?;
    convert::convert(&Value::Int(next), DataType::BigInt, to, 0).map_err(|_| overflow().into())
}

pub(super) fn unique_in_variable(variable: &TableVariable, def: &TableDef, row: &Row) -> SqlResult<()> {
    for index in def.indexes.iter().filter(|index| index.kind.is_unique()) {
        let key = crate::engine::Key::of_row(index, row);
        if variable.rows.iter().any(|known| crate::engine::Key::of_row(index, known) == key) {
            return Err(error(2627, 1, &[&"PRIMARY KEY", &index.name, &def.name, &""]));
        }
    }
    Ok(())
}

/// The unique keys of a table variable's rows, after a change.
pub(super) fn unique_rows(rows: &[Row], def: &TableDef) -> SqlResult<()> {
    for index in def.indexes.iter().filter(|index| index.kind.is_unique()) {
        let mut seen = std::collections::BTreeSet::new();
        if !rows.iter().all(|row| seen.insert(crate::engine::Key::of_row(index, row))) {
            return Err(error(2627, 1, &[&"PRIMARY KEY", &index.name, &def.name, &""]));
        }
    }
    Ok(())
}

pub(super) type Set = (Vec<ColumnMeta>, Vec<Row>);

/// What an OUTPUT clause sees besides inserted and deleted: columns, and their values for each row.
pub(super) type Around = (Vec<super::binder::ScopeColumn>, Vec<Row>);

/// Rows of an OUTPUT clause; pairs are (inserted, deleted).
pub(super) fn output_rows(
    env: &Environment<'_>,
    output: &Output,
    def: &TableDef,
    pairs: Vec<(Row, Row)>,
    around: Option<Around>,
) -> Result<Option<Set>, Fault> {
    let mut binder = Binder::new(env);
    let mut scope = Scope::default();
    for name in ["inserted", "deleted"] {
        let source: Rc<str> = name.into();
        scope.columns.extend(table_columns(def, &source, true));
    }
    let (columns, around) = around.unwrap_or_default();
    scope.columns.extend(columns);
    binder.scopes.push(scope);
    let star = |item: &SelectItem| matches!(item, SelectItem::Star(prefix) if prefix.is_empty());
    if output.items.iter().any(star) {
        return Err(error(102, 1, &[&"*"]).into());
    }
    let (items, columns) = binder.items(&output.items)?;
    let mut rows = Vec::with_capacity(pairs.len());
    for (at, (inserted, deleted)) in pairs.into_iter().enumerate() {
        let around = around.get(at).map(|row| &**row).unwrap_or_default();
        let row: Vec<Value> = inserted.iter().chain(deleted.iter()).chain(around).cloned().collect();
        let frame = Frame::of(&row, 0, None);
        let values = items.iter().map(|item| item.ex.eval(env, &frame)).collect::<Result<Vec<_>, _>>()?;
        rows.push(Row::from(values));
    }
    let Some((target, named)) = &output.into else { return Ok(Some((columns, rows))) };
    let target = target_of(env, target)?;
    let ordinals = insert_columns(env, &target, named)?;
    if ordinals.len() != columns.len() {
        return Err(error(213, 1, &[]).into());
    }
    let types: Vec<DataType> = columns.iter().map(|column| column.data_type).collect();
    let incoming = given_rows(target.def(), &ordinals, &types, &rows)?;
    insert_rows(env, &target, incoming, None)?;
    Ok(None)
}

/// SELECT … INTO: creates the table and fills it.
pub(super) fn select_into(
    env: &Environment<'_>,
    database: DatabaseId,
    def: TableDef,
    rows: Vec<Row>,
) -> Result<u64, Fault> {
    let count = rows.len() as u64;
    let mut engine = env.instance.0.engine.borrow_mut();
    let id = engine.create_table(transaction(env), database, def)?;
    for row in rows {
        engine.insert(transaction(env), database, id, row)?;
    }
    Ok(count)
}

/// Names of the columns of a table made from a query; each must have one, once.
pub(super) fn named_columns(columns: &[ColumnMeta], table: &str) -> SqlResult<Vec<crate::engine::Column>> {
    let mut out: Vec<crate::engine::Column> = Vec::with_capacity(columns.len());
    for column in columns {
        if column.name.is_empty() {
            return Err(error(1038, 5, &[]));
        }
        if out.iter().any(|known| same_name(&known.meta.name, &column.name)) {
            return Err(error(2705, 3, &[&column.name, &table]));
        }
        let meta = column_meta(column.name.clone(), column.data_type, column.nullable);
        out.push(crate::engine::Column {
            meta,
            ..crate::engine::Column::new(&column.name, column.data_type, column.nullable)
        });
    }
    Ok(out)
}
