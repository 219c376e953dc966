//! What UPDATE, DELETE, MERGE and cursors change: a table, a table variable, or one of them seen through a query.
//!
//! The target's rows carry their id as a hidden column, through common tables and views too.

use super::binder::{Binder, ScopeColumn};
use super::dml::Target;
use super::environment::Environment;
use super::query::{CompiledQuery, has_aggregate};
use super::source::{Node, scope_column};
use crate::engine::{Fault, RowId, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Query, QueryBody, Select, SelectItem, TableSource};
use crate::value::{DataType, Row, Value};
use std::rc::Rc;

/// The table that is changed, while FROM is bound.
#[derive(Clone, Debug)]
pub(super) struct ChangeTarget {
    /// Its alias or name.
    pub(super) name: Rc<str>,
    /// A cursor only remembers the rows: no locks for a change yet.
    pub(super) reads: bool,
    /// Set when the table was met.
    pub(super) found: Option<FoundTarget>,
}

impl ChangeTarget {
    /// A target that has not been met yet.
    pub(super) fn named(name: &Rc<str>) -> Self {
        Self { name: name.clone(), reads: false, found: None }
    }
}

/// Where the target's columns lie in the joined rows.
#[derive(Clone, Debug)]
pub(super) struct FoundTarget {
    pub(super) target: Target,
    /// Where the row's id is.
    pub(super) id_at: usize,
    /// Where the target's own columns begin, when all of them are there.
    pub(super) own_at: Option<usize>,
    /// Columns that a query in between shows under names of its own: name, place in the joined row, ordinal.
    pub(super) shown: Option<Vec<(Rc<str>, usize, usize)>>,
}

impl FoundTarget {
    /// A target that stands in FROM itself, its columns from `base` on.
    pub(super) fn direct(target: Target, base: usize) -> Self {
        let id_at = base + target.def().columns.len();
        Self { target, id_at, own_at: Some(base), shown: None }
    }

    /// The ordinal of a column to change.
    pub(super) fn ordinal(&self, name: &Rc<str>) -> SqlResult<usize> {
        let unknown = || error(207, 1, &[name]);
        match &self.shown {
            None => self.target.def().ordinal(name).ok_or_else(unknown),
            Some(shown) => shown
                .iter()
                .find(|(known, ..)| same_name(known, name))
                .map(|(_, _, ordinal)| *ordinal)
                .ok_or_else(|| error(4406, 1, &[&self.target.def().name])),
        }
    }

    /// The row's id inside a joined row; `None` where an outer join found none.
    pub(super) fn id(&self, joined: &Row) -> Option<RowId> {
        match joined.get(self.id_at) {
            Some(Value::Int(id)) => RowId::try_from(*id).ok(),
            _ => None,
        }
    }

    /// The target's own row inside a joined row, and its id.
    pub(super) fn own(&self, env: &Environment<'_>, joined: &Row) -> (RowId, Row) {
        let id = self.id(joined).unwrap_or(0);
        let width = self.target.def().columns.len();
        let row = match self.own_at {
            Some(base) => joined[base..base + width].to_vec().into(),
            None => self.target.row(env, id).unwrap_or_else(|| vec![Value::Null; width].into()),
        };
        (id, row)
    }
}

impl Target {
    /// A row by its id.
    pub(super) fn row(&self, env: &Environment<'_>, id: RowId) -> Option<Row> {
        match self {
            Self::Table(database, def) => {
                let engine = env.instance.0.engine.borrow();
                engine.database(*database)?.content.table(def.object_id)?.get(id).cloned()
            }
            Self::Variable(slot, _) => {
                let variables = env.table_variables.borrow();
                let variable = variables.iter().find(|variable| variable.slot == *slot)?;
                variable.rows.get(usize::try_from(id).ok()?).cloned()
            }
        }
    }

    /// All rows with their ids, locked for a change.
    pub(super) fn rows(&self, env: &Environment<'_>) -> Result<Vec<(RowId, Row)>, Fault> {
        match self {
            Self::Table(database, def) => {
                let access = env.open(*database, def.object_id, crate::engine::Access::ForUpdate)?;
                access.check_scan()?;
                let table = access.table.clone();
                let mut rows = Vec::with_capacity(table.len());
                for (id, row) in table.rows() {
                    if access.check(id)? {
                        rows.push((id, row.clone()));
                    }
                }
                Ok(rows)
            }
            Self::Variable(slot, _) => {
                let variables = env.table_variables.borrow();
                let found = variables.iter().find(|variable| variable.slot == *slot);
                let rows = found.map(|variable| variable.rows.as_slice()).unwrap_or_default();
                Ok(rows.iter().enumerate().map(|(at, row)| (at as RowId, row.clone())).collect())
            }
        }
    }

    /// Changes rows of a table variable or table; what they must satisfy has been checked.
    pub(super) fn update(&self, env: &Environment<'_>, changes: &[(RowId, Row)]) -> Result<(), Fault> {
        match self {
            Self::Table(database, def) => {
                let mut engine = env.instance.0.engine.borrow_mut();
                engine.update_many(super::dml::transaction(env), *database, def.object_id, changes)
            }
            Self::Variable(slot, def) => {
                let mut variables = env.table_variables.borrow_mut();
                let Some(variable) = variables.iter_mut().find(|variable| variable.slot == *slot) else {
                    return Ok(());
                };
                let mut rows = variable.rows.clone();
                for (id, row) in changes {
                    if let Some(place) = usize::try_from(*id).ok().and_then(|at| rows.get_mut(at)) {
                        *place = row.clone();
                    }
                }
                super::dml::unique_rows(&rows, def)?;
                variable.rows = rows;
                Ok(())
            }
        }
    }

    /// Takes rows out; for a table, after the foreign keys that point at them agree (or cascade).
    pub(super) fn delete(&self, env: &Environment<'_>, doomed: &[(RowId, Row)]) -> Result<(), Fault> {
        match self {
            Self::Table(database, def) => super::change::delete_rows(env, *database, def, doomed),
            Self::Variable(slot, _) => {
                let ids: std::collections::BTreeSet<RowId> = doomed.iter().map(|(id, _)| *id).collect();
                let mut variables = env.table_variables.borrow_mut();
                if let Some(variable) = variables.iter_mut().find(|variable| variable.slot == *slot) {
                    let mut at = 0;
                    variable.rows.retain(|_| {
                        at += 1;
                        !ids.contains(&(at - 1))
                    });
                }
                Ok(())
            }
        }
    }
}

/// The hidden column of a row's id.
pub(super) fn id_column(source: Rc<str>) -> ScopeColumn {
    ScopeColumn {
        source,
        schema: None,
        name: "".into(),
        data_type: DataType::BigInt,
        nullable: false,
        identity: false,
        hidden: true,
    }
}

impl Binder<'_, '_> {
    /// Whether what is bound now, under this alias, is what the statement changes.
    pub(super) fn is_target(&self, alias: &str, name: &str) -> bool {
        self.change_target.as_ref().is_some_and(|target| {
            target.found.is_none() && (same_name(&target.name, alias) || same_name(&target.name, name))
        })
    }

    /// Binds a common table or view that the statement changes: its rows carry the id of the row behind them.
    pub(super) fn through(
        &mut self,
        query: &Query,
        alias: &Rc<str>,
        names: &[Rc<str>],
        fresh: impl FnOnce(&mut Self, &Query) -> SqlResult<CompiledQuery>,
    ) -> SqlResult<Node> {
        let Some(mut inner) = inner_target(query, alias)? else { return Err(error(4405, 1, &[alias])) };
        inner.reads = self.change_target.as_ref().is_some_and(|target| target.reads);
        let base = self.width();
        let mut outer = self.change_target.replace(inner);
        self.exports = true;
        let compiled = fresh(self, query);
        self.exports = false;
        std::mem::swap(&mut self.change_target, &mut outer);
        let compiled = compiled?;
        let Some(found) = outer.and_then(|target| target.found) else {
            return Err(error(4405, 1, &[alias]));
        };
        let width = compiled.columns.len() - 1;
        if !names.is_empty() && names.len() != width {
            return Err(error(if names.len() < width { 8158 } else { 8159 }, 1, &[alias]));
        }
        let mut shown = Vec::new();
        let places = compiled.exported.clone();
        let mut columns = Vec::with_capacity(width + 1);
        for (at, column) in compiled.columns[..width].iter().enumerate() {
            let name = names.get(at).unwrap_or(&column.name).clone();
            if name.is_empty() {
                return Err(error(8155, 2, &[&(at + 1), alias]));
            }
            if let Some(Some(ordinal)) = places.get(at) {
                shown.push((name.clone(), base + at, *ordinal));
            }
            columns.push(scope_column(column, alias, name));
        }
        columns.push(id_column(alias.clone()));
        self.add_columns(columns);
        let found =
            FoundTarget { target: found.target, id_at: base + width, own_at: None, shown: Some(shown) };
        if let Some(target) = &mut self.change_target {
            target.found = Some(found);
        }
        Ok(Node::Query(Rc::new(compiled), false))
    }

    /// The ordinals of the target's columns that the items of a select list are.
    pub(super) fn exported_ordinals(
        &self,
        found: &FoundTarget,
        items: &[super::expression::Typed],
    ) -> Vec<Option<usize>> {
        let width = found.target.def().columns.len();
        let ordinal = |item: &super::expression::Typed| {
            let super::expression::Ex::Column { depth: 0, ordinal } = item.ex else { return None };
            match (&found.shown, found.own_at) {
                (Some(shown), _) => {
                    shown.iter().find(|(_, place, _)| *place == ordinal).map(|(.., ordinal)| *ordinal)
                }
                (None, Some(base)) => ordinal.checked_sub(base).filter(|at| *at < width),
                (None, None) => None,
            }
        };
        items.iter().map(ordinal).collect()
    }
}

/// The table behind a query that can be changed through it; 4403 when its rows are not rows of a table.
fn inner_target(query: &Query, alias: &Rc<str>) -> SqlResult<Option<ChangeTarget>> {
    let QueryBody::Select(select) = &query.body else { return Err(error(4403, 1, &[alias])) };
    let select: &Select = select;
    let aggregates = select.items.iter().any(|item| match item {
        SelectItem::Expression(value, _) => has_aggregate(value),
        _ => false,
    });
    let pivots =
        select.from.iter().any(|source| matches!(source, TableSource::Pivot(_) | TableSource::Unpivot(_)));
    let grouped = !select.group_by.is_empty() || select.grouping_sets.is_some() || select.having.is_some();
    if aggregates || grouped || select.distinct || pivots || query.format.is_some() {
        return Err(error(4403, 1, &[alias]));
    }
    let Some(mut source) = select.from.first() else { return Ok(None) };
    while let TableSource::Join { left, .. } = source {
        source = left;
    }
    Ok(match source {
        TableSource::Named { name, alias, .. } => {
            Some(ChangeTarget::named(alias.as_ref().unwrap_or(&name.name)))
        }
        _ => None,
    })
}

/// What a change of a view or common table through its name reaches: the table, and its columns by the names shown.
pub(super) fn seen_through(env: &Environment<'_>, source: &TableSource) -> SqlResult<Option<FoundTarget>> {
    let TableSource::Named { name, .. } = source else { return Ok(None) };
    let mut binder = Binder::new(env);
    binder.change_target = Some(ChangeTarget { reads: true, ..ChangeTarget::named(&name.name) });
    binder.scopes.push(super::binder::Scope::default());
    binder.source(source)?;
    Ok(binder.change_target.and_then(|target| target.found))
}
