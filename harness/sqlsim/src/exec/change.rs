//! UPDATE, DELETE, TRUNCATE: rows found, changed, taken out.

use super::binder::{Binder, Scope, ScopeColumn};
use super::constraints;
use super::dml::{Outcome, Target, output_rows, target_database, transaction};
use super::environment::Environment;
use super::expression::{Ex, Frame};
use super::source::{Found, Node, resolve};
use super::target::{ChangeTarget, FoundTarget};
use crate::engine::{DatabaseId, Fault, RowId, TableDef};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{CursorName, Delete, Expr, ObjectName, TableSource, Top, Update, UpdateItem};
use crate::value::{DataType, Row, Value, convert};
use std::rc::Rc;

/// Rows to change: the joined row, with the target's columns and row id inside.
struct Candidates {
    found: FoundTarget,
    rows: Vec<Row>,
    /// What the joined rows are made of.
    columns: Vec<ScopeColumn>,
}

struct Search<'s> {
    tables: &'s [crate::tsql::ast::CommonTable],
    target: &'s TableSource,
    from: &'s [TableSource],
    filter: Option<&'s Expr>,
    top: Option<&'s Top>,
    /// WHERE CURRENT OF.
    cursor: Option<&'s CursorName>,
}

/// Binds and reads FROM and WHERE of UPDATE and DELETE. `bind` sees the scope and may bind more.
fn candidates<T>(
    env: &Environment<'_>,
    search: &Search<'_>,
    bind: impl FnOnce(&mut Binder<'_, '_>, &FoundTarget) -> SqlResult<T>,
) -> Result<(Candidates, T), Fault> {
    let (name, own) = match search.target {
        TableSource::Named { name, hints, .. } => {
            (&name.name, TableSource::Named { name: name.clone(), alias: None, hints: hints.clone() })
        }
        TableSource::Variable { slot, .. } => (&env.declarations[*slot].name, search.target.clone()),
        _ => return Err(error(40_510, 1, &[&"this target of a change"]).into()),
    };
    let mut binder = Binder::new(env);
    binder.see_tables(search.tables);
    binder.change_target = Some(ChangeTarget::named(name));
    binder.scopes.push(Scope::default());
    let mut sources = search.from.to_vec();
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
        let TableSource::Named { name, .. } = search.target else {
            return Err(error(1087, 1, &[name]).into());
        };
        return Err(match resolve(env, env.database, name) {
            Err(e) => e,
            Ok((_, Found::System(_))) => error(259, 1, &[]),
            Ok(_) => error(4405, 1, &[name]),
        }
        .into());
    };
    let filters = binder.filters(search.filter, &mut node)?;
    let bound = bind(&mut binder, &found)?;
    let top =
        search.top.map(|top| Ok::<_, crate::SqlError>(binder.value(&top.count)?.converted(DataType::BigInt)));
    let top = top.transpose()?;
    let mut rows = node.rows_where(&filters, env)?;
    // A row that joins several times is changed once; an outer join may have found none.
    if !search.from.is_empty() {
        let mut seen = std::collections::BTreeSet::new();
        rows.retain(|row| found.id(row).is_some_and(|id| seen.insert(id)));
    }
    if let Some(cursor) = search.cursor {
        let current = super::cursors::current_row(env, cursor, &found.target)?;
        rows.retain(|row| found.id(row) == Some(current));
        if rows.is_empty() {
            return Err(error(16_947, 1, &[]).into());
        }
    }
    if let Some(top) = top
        && let Value::Int(n) = top.eval(env, &Frame::NONE)?
    {
        rows.truncate(usize::try_from(n).unwrap_or(0));
    }
    let columns = binder.scopes.pop().map(|scope| scope.columns).unwrap_or_default();
    Ok((Candidates { found, rows, columns }, bound))
}

/// An assignment of UPDATE, bound.
struct Assignment {
    ordinal: Option<usize>,
    variable: Option<usize>,
    value: Option<(Ex, DataType)>,
}

/// SET of UPDATE and MERGE, bound, with what new rows must satisfy.
pub(super) struct Assignments {
    list: Vec<Assignment>,
    checks: constraints::Checks,
    defaults: constraints::Defaults,
}

impl Assignments {
    /// Binds SET in the scope of the joined rows.
    pub(super) fn bind(
        binder: &mut Binder<'_, '_>,
        found: &FoundTarget,
        items: &[UpdateItem],
    ) -> SqlResult<Self> {
        let list = bind_assignments(binder, found, items)?;
        let def = found.target.def();
        let checks = constraints::Checks::bind(binder.env, def)?;
        let wanted = |at| list.iter().any(|one| one.ordinal == Some(at) && one.value.is_none());
        let defaults = constraints::Defaults::bind(binder.env, def, wanted)?;
        Ok(Self { list, checks, defaults })
    }

    /// The new row that takes an old one's place; variables that SET assigns go into `assigned`.
    pub(super) fn apply(
        &self,
        env: &Environment<'_>,
        target: &Target,
        joined: &Row,
        old: &Row,
        assigned: &mut Vec<(usize, Value)>,
    ) -> Result<Row, Fault> {
        let (def, database) = (target.def(), target_database(target));
        let mut new = old.to_vec();
        apply(env, def, &self.list, &self.defaults, joined, &mut new, assigned)?;
        constraints::compute(env, def, &mut new)?;
        constraints::not_null(env, database, def, &new, "UPDATE")?;
        self.checks.test(env, database, def, &new, "UPDATE")?;
        let new: Row = new.into();
        if matches!(target, Target::Table(..)) {
            constraints::foreign_keys(env, database, def, &new, Some(old), "UPDATE")?;
        }
        Ok(new)
    }
}

/// UPDATE.
pub(super) fn update(env: &Environment<'_>, statement: &Update) -> Result<Outcome, Fault> {
    let search = Search {
        tables: &statement.tables,
        target: &statement.target,
        from: &statement.from,
        filter: statement.filter.as_ref(),
        top: statement.top.as_ref(),
        cursor: statement.cursor.as_ref(),
    };
    let (candidates, assignments) =
        candidates(env, &search, |binder, found| Assignments::bind(binder, found, &statement.assignments))?;
    let target = &candidates.found.target;
    let mut changes = Vec::with_capacity(candidates.rows.len());
    let mut pairs = Vec::with_capacity(candidates.rows.len());
    let mut assigned = Vec::new();
    for joined in &candidates.rows {
        let (id, old) = candidates.found.own(env, joined);
        let new = assignments.apply(env, target, joined, &old, &mut assigned)?;
        pairs.push((new.clone(), old));
        changes.push((id, new));
    }
    if let Target::Table(database, def) = target {
        constraints::referenced(env, *database, def, &pairs, "UPDATE")?;
    }
    let count = changes.len() as u64;
    target.update(env, &changes)?;
    let mut outcome = Outcome { count: Some(count), command: 0xC5, assigned, ..Outcome::default() };
    if let Some(output) = &statement.output {
        let def = target.def().clone();
        let around = (!statement.from.is_empty()).then_some((candidates.columns, candidates.rows));
        outcome.set = output_rows(env, output, &def, pairs, around)?;
    }
    Ok(outcome)
}

fn bind_assignments(
    binder: &mut Binder<'_, '_>,
    found: &FoundTarget,
    items: &[UpdateItem],
) -> SqlResult<Vec<Assignment>> {
    let def = found.target.def();
    let mut bound: Vec<Assignment> = Vec::with_capacity(items.len());
    for item in items {
        let ordinal = match &item.column {
            Some(name) => {
                let ordinal = found.ordinal(name)?;
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
                let whole = |left: Expr| Expr::Binary(operator, Box::new(left), Box::new(value.clone()));
                Some(match (&item.column, item.variable) {
                    (Some(name), _) => {
                        // The target's own column, whatever else has that name.
                        let alias = binder.change_target.as_ref().map(|target| target.name.clone());
                        let qualified = alias.map(|alias| Expr::Column(vec![alias, name.clone()]));
                        let own = qualified.filter(|own| binder.value(own).is_ok());
                        binder.value(&whole(own.unwrap_or_else(|| Expr::Column(vec![name.clone()]))))?
                    }
                    (None, Some(slot)) => binder.value(&whole(Expr::Variable(slot)))?,
                    (None, None) => return Err(error(102, 1, &[&"="])),
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
                        convert::implicit(&value, *from, to)?
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

/// DELETE.
pub(super) fn delete(env: &Environment<'_>, statement: &Delete) -> Result<Outcome, Fault> {
    let search = Search {
        tables: &statement.tables,
        target: &statement.target,
        from: &statement.from,
        filter: statement.filter.as_ref(),
        top: statement.top.as_ref(),
        cursor: statement.cursor.as_ref(),
    };
    let (candidates, ()) = candidates(env, &search, |_, _| Ok(()))?;
    let target = &candidates.found.target;
    let doomed: Vec<(RowId, Row)> =
        candidates.rows.iter().map(|row| candidates.found.own(env, row)).collect();
    target.delete(env, &doomed)?;
    let mut outcome = Outcome { count: Some(doomed.len() as u64), command: 0xC4, ..Outcome::default() };
    if let Some(output) = &statement.output {
        let def = target.def().clone();
        let nothing: Row = vec![Value::Null; def.columns.len()].into();
        let pairs = doomed.into_iter().map(|(_, row)| (nothing.clone(), row)).collect();
        let around = (!statement.from.is_empty()).then_some((candidates.columns, candidates.rows));
        outcome.set = output_rows(env, output, &def, pairs, around)?;
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
