//! INSERT, UPDATE, DELETE: rows in, rows changed, rows out, with all constraints.

use super::binder::{Binder, Scope};
use super::constraints;
use super::environment::{Environment, TableVariable};
use super::expression::{Ex, Frame};
use super::query::column_meta;
use super::source::{ChangeTarget, Found, FoundTarget, Node, column_ordinal, resolve, table_columns};
use crate::engine::{DatabaseId, Fault, RowId, TableDef, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{
    Delete, Expr, Insert, InsertSource, ObjectName, Output, SelectItem, TableSource, Top, Update, UpdateItem,
};
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
enum Target {
    Table(DatabaseId, Rc<TableDef>),
    Variable(usize, Rc<TableDef>),
}

impl Target {
    fn def(&self) -> &Rc<TableDef> {
        match self {
            Self::Table(_, def) | Self::Variable(_, def) => def,
        }
    }
}

fn target_of(env: &Environment<'_>, source: &TableSource) -> SqlResult<Target> {
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
            (_, Found::View(_)) => Err(error(40_510, 1, &[&"changing rows through a view"])),
        },
        _ => Err(error(40_510, 1, &[&"this target of a change"])),
    }
}

/// The transaction of the statement; writes always have one.
fn transaction(env: &Environment<'_>) -> crate::engine::TransactionId {
    env.transaction.unwrap_or(crate::engine::TransactionId(0))
}

// ---- INSERT ---------------------------------------------------------------------

/// INSERT, other than of a procedure's rows.
pub(super) fn insert(env: &Environment<'_>, statement: &Insert) -> Result<Outcome, Fault> {
    let target = target_of(env, &statement.target)?;
    let def = target.def().clone();
    let columns = insert_columns(env, &target, &statement.columns)?;
    let rows = match &statement.source {
        InsertSource::Values(values) => value_rows(env, &def, &columns, values)?,
        InsertSource::Defaults => vec![vec![None; def.columns.len()]],
        InsertSource::Query(query) => {
            let mut binder = Binder::new(env);
            for table in &statement.tables {
                let sees = binder.tables.len();
                binder.tables.push(super::binder::VisibleTable { table: table.clone(), sees });
            }
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
    let target = target_of(env, &statement.target)?;
    let def = target.def().clone();
    let columns = insert_columns(env, &target, &statement.columns)?;
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

/// A row on its way in: `None` where the column's default goes.
type Incoming = Vec<Option<Value>>;

fn mismatch(named: &[Rc<str>], given: usize, expected: usize) -> crate::SqlError {
    match (named.is_empty(), given < expected) {
        (true, _) => error(213, 1, &[]),
        (false, true) => error(120, 1, &[]),
        (false, false) => error(121, 1, &[]),
    }
}

/// Ordinals of the columns that are given.
fn insert_columns(env: &Environment<'_>, target: &Target, named: &[Rc<str>]) -> SqlResult<Vec<usize>> {
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

fn value_rows(
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

fn given_rows(
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

fn insert_rows(
    env: &Environment<'_>,
    target: &Target,
    rows: Vec<Incoming>,
    output: Option<&Output>,
) -> Result<Outcome, Fault> {
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
    let count = inserted.len() as u64;
    let mut outcome = Outcome { count: Some(count), command: 0xC3, identity, ..Outcome::default() };
    if let Some(output) = output {
        let nothing: Row = vec![Value::Null; def.columns.len()].into();
        let pairs = inserted.into_iter().map(|row| (row, nothing.clone())).collect();
        outcome.set = output_rows(env, output, &def, pairs)?;
    }
    Ok(outcome)
}

fn target_database(target: &Target) -> DatabaseId {
    match target {
        Target::Table(database, _) => *database,
        Target::Variable(..) => crate::engine::TEMPDB,
    }
}

fn full_name(env: &Environment<'_>, target: &Target) -> String {
    constraints::full_name(env, target_database(target), target.def())
}

fn next_identity(env: &Environment<'_>, target: &Target, def: &TableDef, at: usize) -> Result<Value, Fault> {
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

fn unique_in_variable(variable: &TableVariable, def: &TableDef, row: &Row) -> SqlResult<()> {
    for index in def.indexes.iter().filter(|index| index.kind.is_unique()) {
        let key = crate::engine::Key::of_row(index, row);
        if variable.rows.iter().any(|known| crate::engine::Key::of_row(index, known) == key) {
            return Err(error(2627, 1, &[&"PRIMARY KEY", &index.name, &def.name, &""]));
        }
    }
    Ok(())
}

// ---- finding rows to change --------------------------------------------------------

/// Rows to change: the joined row, with the target's columns and row id inside.
struct Candidates {
    found: FoundTarget,
    rows: Vec<Row>,
}

struct Search<'s> {
    tables: &'s [crate::tsql::ast::CommonTable],
    target: &'s TableSource,
    from: &'s [TableSource],
    filter: Option<&'s Expr>,
    top: Option<&'s Top>,
}

/// Binds and reads FROM and WHERE of UPDATE and DELETE. `bind` sees the scope and may bind more.
fn candidates<T>(
    env: &Environment<'_>,
    search: &Search<'_>,
    bind: impl FnOnce(&mut Binder<'_, '_>, &FoundTarget) -> SqlResult<T>,
) -> Result<(Candidates, T), Fault> {
    let TableSource::Named { name, hints, .. } = search.target else {
        return Err(error(40_510, 1, &[&"UPDATE and DELETE of a table variable with FROM"]).into());
    };
    let mut binder = Binder::new(env);
    for table in search.tables {
        let sees = binder.tables.len();
        binder.tables.push(super::binder::VisibleTable { table: table.clone(), sees });
    }
    binder.change_target = Some(ChangeTarget { name: name.clone(), found: None });
    binder.scopes.push(Scope::default());
    let mut sources = search.from.to_vec();
    let own = TableSource::Named { name: name.clone(), alias: None, hints: hints.clone() };
    let mut node = if sources.is_empty() { Node::Nothing } else { binder.bind_sources(&sources)? };
    if binder.change_target.as_ref().is_some_and(|target| target.found.is_none()) {
        // The target is not in FROM: it is joined to it.
        if !sources.is_empty() {
            binder.scopes.pop();
            binder.scopes.push(Scope::default());
        }
        sources.push(own);
        node = binder.bind_sources(&sources)?;
    }
    let Some(found) = binder.change_target.as_ref().and_then(|target| target.found.clone()) else {
        return Err(match resolve(env, env.database, name) {
            Err(e) => e,
            Ok((_, Found::System(_))) => error(259, 1, &[]),
            Ok(_) => error(40_510, 1, &[&"changing rows through a view or query"]),
        }
        .into());
    };
    let filters = binder.filters(search.filter, &mut node)?;
    let bound = bind(&mut binder, &found)?;
    let top =
        search.top.map(|top| Ok::<_, crate::SqlError>(binder.value(&top.count)?.converted(DataType::BigInt)));
    let top = top.transpose()?;
    let mut rows = node.rows(env, &Frame::NONE)?;
    if !filters.is_empty() {
        rows = super::query::filter_rows(rows, &filters, env, None)?;
    }
    // A row that joins several times is changed once.
    if !search.from.is_empty() {
        let id_at = found.base + found.def.columns.len();
        let mut seen = std::collections::BTreeSet::new();
        rows.retain(|row| matches!(row.get(id_at), Some(Value::Int(id)) if seen.insert(*id)));
    }
    if let Some(top) = top
        && let Value::Int(n) = top.eval(env, &Frame::NONE)?
    {
        rows.truncate(usize::try_from(n).unwrap_or(0));
    }
    Ok((Candidates { found, rows }, bound))
}

impl Candidates {
    /// The target's own row and id inside a joined row.
    fn own(&self, row: &Row) -> (RowId, Row) {
        let width = self.found.def.columns.len();
        let own = row[self.found.base..self.found.base + width].to_vec().into();
        let id = match row.get(self.found.base + width) {
            Some(Value::Int(id)) => RowId::try_from(*id).unwrap_or(0),
            _ => 0,
        };
        (id, own)
    }
}

// ---- UPDATE -------------------------------------------------------------------------

/// An assignment of UPDATE, bound.
struct Assignment {
    ordinal: Option<usize>,
    variable: Option<usize>,
    value: Option<(Ex, DataType)>,
}

/// UPDATE.
pub(super) fn update(env: &Environment<'_>, statement: &Update) -> Result<Outcome, Fault> {
    if let TableSource::Variable { slot, .. } = &statement.target {
        return update_variable(env, *slot, statement);
    }
    let search = Search {
        tables: &statement.tables,
        target: &statement.target,
        from: &statement.from,
        filter: statement.filter.as_ref(),
        top: statement.top.as_ref(),
    };
    let (candidates, assignments) = candidates(env, &search, |binder, found| {
        bind_assignments(binder, &found.def, &statement.assignments)
    })?;
    let def = candidates.found.def.clone();
    let database = candidates.found.database;
    let checks = constraints::Checks::bind(env, &def)?;
    let defaults = constraints::Defaults::bind(env, &def, |at| {
        assignments.iter().any(|assignment| assignment.ordinal == Some(at) && assignment.value.is_none())
    })?;
    let mut changes = Vec::with_capacity(candidates.rows.len());
    let mut pairs = Vec::with_capacity(candidates.rows.len());
    let mut assigned = Vec::new();
    for joined in &candidates.rows {
        let (id, old) = candidates.own(joined);
        let mut new = old.to_vec();
        apply(env, &def, &assignments, &defaults, joined, &mut new, &mut assigned)?;
        constraints::compute(env, &def, &mut new)?;
        constraints::not_null(env, database, &def, &new, "UPDATE")?;
        checks.test(env, database, &def, &new, "UPDATE")?;
        let new: Row = new.into();
        constraints::foreign_keys(env, database, &def, &new, Some(&old), "UPDATE")?;
        pairs.push((new.clone(), old));
        changes.push((id, new));
    }
    constraints::referenced(env, database, &def, &pairs, "UPDATE")?;
    let count = changes.len() as u64;
    {
        let mut engine = env.instance.0.engine.borrow_mut();
        engine.update_many(transaction(env), database, def.object_id, &changes)?;
    }
    let mut outcome = Outcome { count: Some(count), command: 0xC5, assigned, ..Outcome::default() };
    if let Some(output) = &statement.output {
        outcome.set = output_rows(env, output, &def, pairs)?;
    }
    Ok(outcome)
}

fn bind_assignments(
    binder: &mut Binder<'_, '_>,
    def: &TableDef,
    items: &[UpdateItem],
) -> SqlResult<Vec<Assignment>> {
    let mut bound: Vec<Assignment> = Vec::with_capacity(items.len());
    for item in items {
        let ordinal = match &item.column {
            Some(name) => {
                let ordinal = column_ordinal(def, name)?;
                if bound.iter().any(|known| known.ordinal == Some(ordinal)) {
                    return Err(error(264, 1, &[name]));
                }
                if def.columns[ordinal].identity.is_some() {
                    return Err(error(8102, 1, &[name]));
                }
                if def.columns[ordinal].computed.is_some() {
                    return Err(error(271, 1, &[name]));
                }
                Some(ordinal)
            }
            None => None,
        };
        let value = match (&item.value, item.operator) {
            (None, _) => None,
            (Some(value), None) => Some(binder.value(value)?),
            (Some(value), Some(operator)) => {
                let left = match (&item.column, item.variable) {
                    (Some(name), _) => Expr::Column(vec![def.name.clone(), name.clone()]),
                    (None, Some(slot)) => Expr::Variable(slot),
                    (None, None) => return Err(error(102, 1, &[&"="])),
                };
                let simple = item.column.as_ref().map(|name| Expr::Column(vec![name.clone()]));
                let whole = |left: Expr| Expr::Binary(operator, Box::new(left), Box::new(value.clone()));
                let typed = binder.value(&whole(left));
                Some(match (typed, simple) {
                    (Err(_), Some(simple)) => binder.value(&whole(simple))?,
                    (typed, _) => typed?,
                })
            }
        };
        let value = value.map(|typed| (typed.ex, typed.data_type));
        bound.push(Assignment { ordinal, variable: item.variable, value });
    }
    Ok(bound)
}

fn apply(
    env: &Environment<'_>,
    def: &TableDef,
    assignments: &[Assignment],
    defaults: &constraints::Defaults,
    joined: &Row,
    new: &mut [Value],
    assigned: &mut Vec<(usize, Value)>,
) -> Result<(), Fault> {
    let frame = Frame::of(joined, 0, None);
    for assignment in assignments {
        let value = match (&assignment.value, assignment.ordinal) {
            (Some((ex, from)), ordinal) => {
                let value = ex.eval(env, &frame)?;
                match ordinal {
                    Some(at) => convert::assign(&value, *from, def.columns[at].meta.data_type)?,
                    None => {
                        let to = assignment.variable.map_or(*from, |slot| env.variable_type(slot));
                        convert::convert(&value, *from, to, 0)?
                    }
                }
            }
            (None, Some(at)) => defaults.value(env, at)?,
            (None, None) => Value::Null,
        };
        if let Some(slot) = assignment.variable {
            assigned.retain(|(known, _)| *known != slot);
            assigned.push((slot, value.clone()));
        }
        if let Some(at) = assignment.ordinal {
            new[at] = value;
        }
    }
    Ok(())
}

fn update_variable(env: &Environment<'_>, slot: usize, statement: &Update) -> Result<Outcome, Fault> {
    if !statement.from.is_empty() || statement.output.is_some() {
        return Err(error(40_510, 1, &[&"UPDATE of a table variable with FROM or OUTPUT"]).into());
    }
    let (def, rows) = variable_rows(env, slot)?;
    let (filter, assignments) = with_variable_scope(env, slot, &def, |binder| {
        let filter = statement.filter.as_ref().map(|filter| binder.condition(filter)).transpose()?;
        Ok((filter, bind_assignments(binder, &def, &statement.assignments)?))
    })?;
    let defaults = constraints::Defaults::bind(env, &def, |at| {
        assignments.iter().any(|assignment| assignment.ordinal == Some(at) && assignment.value.is_none())
    })?;
    let mut assigned = Vec::new();
    let mut count = 0;
    let mut changed = Vec::with_capacity(rows.len());
    for row in rows {
        let frame = Frame::of(&row, 0, None);
        let hit = match &filter {
            Some(filter) => filter.test(env, &frame)? == Some(true),
            None => true,
        };
        if !hit {
            changed.push(row);
            continue;
        }
        let mut new = row.to_vec();
        apply(env, &def, &assignments, &defaults, &row, &mut new, &mut assigned)?;
        constraints::not_null(env, crate::engine::TEMPDB, &def, &new, "UPDATE")?;
        changed.push(new.into());
        count += 1;
    }
    put_variable_rows(env, slot, changed);
    Ok(Outcome { count: Some(count), command: 0xC5, assigned, ..Outcome::default() })
}

fn variable_rows(env: &Environment<'_>, slot: usize) -> SqlResult<(Rc<TableDef>, Vec<Row>)> {
    let variables = env.table_variables.borrow();
    let found = variables.iter().find(|variable| variable.slot == slot);
    found
        .map(|variable| (variable.def.clone(), variable.rows.clone()))
        .ok_or_else(|| error(1087, 1, &[&env.declarations[slot].name]))
}

fn put_variable_rows(env: &Environment<'_>, slot: usize, rows: Vec<Row>) {
    let mut variables = env.table_variables.borrow_mut();
    if let Some(variable) = variables.iter_mut().find(|variable| variable.slot == slot) {
        variable.rows = rows;
    }
}

fn with_variable_scope<T>(
    env: &Environment<'_>,
    slot: usize,
    def: &TableDef,
    bind: impl FnOnce(&mut Binder<'_, '_>) -> SqlResult<T>,
) -> SqlResult<T> {
    let mut binder = Binder::new(env);
    let name = env.declarations[slot].name.clone();
    binder.scopes.push(Scope { columns: table_columns(def, &name, false).collect(), ..Scope::default() });
    bind(&mut binder)
}

// ---- DELETE -------------------------------------------------------------------------

/// DELETE.
pub(super) fn delete(env: &Environment<'_>, statement: &Delete) -> Result<Outcome, Fault> {
    if let TableSource::Variable { slot, .. } = &statement.target {
        return delete_from_variable(env, *slot, statement);
    }
    let search = Search {
        tables: &statement.tables,
        target: &statement.target,
        from: &statement.from,
        filter: statement.filter.as_ref(),
        top: statement.top.as_ref(),
    };
    let (candidates, ()) = candidates(env, &search, |_, _| Ok(()))?;
    let def = candidates.found.def.clone();
    let doomed: Vec<(RowId, Row)> = candidates.rows.iter().map(|row| candidates.own(row)).collect();
    delete_rows(env, candidates.found.database, &def, &doomed)?;
    let mut outcome = Outcome { count: Some(doomed.len() as u64), command: 0xC4, ..Outcome::default() };
    if let Some(output) = &statement.output {
        let nothing: Row = vec![Value::Null; def.columns.len()].into();
        let pairs = doomed.into_iter().map(|(_, row)| (nothing.clone(), row)).collect();
        outcome.set = output_rows(env, output, &def, pairs)?;
    }
    Ok(outcome)
}

/// Deletes rows after the foreign keys that point at them agree (or cascade).
pub(super) fn delete_rows(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &Rc<TableDef>,
    doomed: &[(RowId, Row)],
) -> Result<(), Fault> {
    constraints::before_delete(env, database, def, doomed)?;
    let mut engine = env.instance.0.engine.borrow_mut();
    for (id, _) in doomed {
        engine.delete(transaction(env), database, def.object_id, *id)?;
    }
    Ok(())
}

fn delete_from_variable(env: &Environment<'_>, slot: usize, statement: &Delete) -> Result<Outcome, Fault> {
    if !statement.from.is_empty() || statement.output.is_some() {
        return Err(error(40_510, 1, &[&"DELETE from a table variable with FROM or OUTPUT"]).into());
    }
    let (def, rows) = variable_rows(env, slot)?;
    let filter = with_variable_scope(env, slot, &def, |binder| {
        statement.filter.as_ref().map(|filter| binder.condition(filter)).transpose()
    })?;
    let before = rows.len();
    let mut kept = Vec::with_capacity(before);
    for row in rows {
        let hit = match &filter {
            Some(filter) => filter.test(env, &Frame::of(&row, 0, None))? == Some(true),
            None => true,
        };
        if !hit {
            kept.push(row);
        }
    }
    let count = (before - kept.len()) as u64;
    put_variable_rows(env, slot, kept);
    Ok(Outcome { count: Some(count), command: 0xC4, ..Outcome::default() })
}

/// TRUNCATE TABLE.
pub(super) fn truncate(env: &Environment<'_>, name: &ObjectName) -> Result<Outcome, Fault> {
    let (database, Found::Table(def)) = resolve(env, env.database, name)
        .map_err(|e| if e.number == 208 { error(4701, 1, &[&name.name]) } else { e })?
    else {
        return Err(error(4701, 1, &[&name.name]).into());
    };
    if constraints::is_referenced(env, database, &def) {
        return Err(error(4712, 1, &[&name.name]).into());
    }
    env.instance.0.engine.borrow_mut().truncate_table(transaction(env), database, def.object_id)?;
    Ok(Outcome::default())
}

// ---- OUTPUT -------------------------------------------------------------------------

type Set = (Vec<ColumnMeta>, Vec<Row>);

/// Rows of an OUTPUT clause; pairs are (inserted, deleted).
fn output_rows(
    env: &Environment<'_>,
    output: &Output,
    def: &TableDef,
    pairs: Vec<(Row, Row)>,
) -> Result<Option<Set>, Fault> {
    let mut binder = Binder::new(env);
    let mut scope = Scope::default();
    for name in ["inserted", "deleted"] {
        let source: Rc<str> = name.into();
        scope.columns.extend(table_columns(def, &source, true));
    }
    binder.scopes.push(scope);
    let star = |item: &SelectItem| matches!(item, SelectItem::Star(prefix) if prefix.is_empty());
    if output.items.iter().any(star) {
        return Err(error(102, 1, &[&"*"]).into());
    }
    let (items, columns) = binder.items(&output.items)?;
    let mut rows = Vec::with_capacity(pairs.len());
    for (inserted, deleted) in pairs {
        let row: Vec<Value> = inserted.iter().chain(deleted.iter()).cloned().collect();
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
