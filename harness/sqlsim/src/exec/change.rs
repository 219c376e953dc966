//! UPDATE, DELETE, TRUNCATE: rows found, changed, taken out.

use super::binder::{Binder, Scope};
use super::constraints;
use super::dml::{Outcome, output_rows, transaction};
use super::environment::Environment;
use super::expression::{Ex, Frame};
use super::source::{ChangeTarget, Found, FoundTarget, Node, column_ordinal, resolve, table_columns};
use crate::engine::{DatabaseId, Fault, RowId, TableDef};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Delete, Expr, ObjectName, TableSource, Top, Update, UpdateItem};
use crate::value::{DataType, Row, Value, convert};
use std::rc::Rc;

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
    binder.see_tables(search.tables);
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
        rows = super::rows::filter_rows(rows, &filters, env, None)?;
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
