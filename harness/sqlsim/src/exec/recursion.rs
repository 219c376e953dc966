//! Recursive common table expressions: an anchor, then one step after another.

use super::binder::{Binder, VisibleTable};
use super::environment::Environment;
use super::expression::Frame;
use super::query::{Body, CompiledQuery, has_aggregate, mentions};
use super::rows::{QueryState, Receive};
use super::source::{Node, scope_column};
use super::stream::{Ask, TURN_ROWS, Workspace};
use crate::engine::{Fault, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{
    CommonTable, JoinKind, ObjectName, Query, QueryBody, Select, SelectItem, SetOperator, TableSource,
};
use crate::value::{ColumnMeta, Row};
use std::cell::RefCell;
use std::rc::Rc;

/// Steps of a query that says nothing else, as documented for MAXRECURSION.
const STEPS_MAX: u32 = 100;

/// The rows of the step before, as the recursive part reads them.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) columns: Vec<ColumnMeta>,
    pub(super) rows: RefCell<Vec<Row>>,
}

/// A bound recursion.
pub(super) struct Recursion {
    anchors: Vec<CompiledQuery>,
    members: Vec<(CompiledQuery, Rc<Step>)>,
    /// 0 is no limit.
    steps_max: u32,
}

impl Binder<'_, '_> {
    /// Binds a common table that reads itself.
    pub(super) fn recursive(&mut self, table: &CommonTable) -> SqlResult<Rc<CompiledQuery>> {
        let name = &table.name;
        let mut parts = Vec::new();
        union_all(&table.query.body, &mut parts);
        let is_member = |part: &&QueryBody| mentions(part, name);
        if parts.len() < 2 {
            return Err(error(252, 1, &[name]));
        }
        let Some(first) = parts.iter().position(is_member).filter(|at| *at > 0) else {
            return Err(error(246, 1, &[name]));
        };
        let (anchors, members) = parts.split_at(first);
        let anchor = anchors
            .iter()
            .map(|part| (*part).clone())
            .reduce(|left, right| QueryBody::Combine {
                operator: SetOperator::UnionAll,
                left: Box::new(left),
                right: Box::new(right),
            })
            .ok_or_else(|| error(246, 1, &[name]))?;
        let outside = std::mem::replace(&mut self.lowest_used, usize::MAX);
        let depth = self.scopes.len();
        let anchor = self.query(&Query { tables: table.query.tables.clone(), ..Query::of(anchor) })?;
        let mut columns = anchor.columns.clone();
        for (column, name) in columns.iter_mut().zip(&table.columns) {
            column.name = name.clone();
        }
        let mut bound = Vec::new();
        for member in members {
            check_member(member, name)?;
            let step = Rc::new(Step { columns: columns.clone(), rows: RefCell::default() });
            let sees = self.tables.len();
            let own = CommonTable { query: table.query.clone(), ..table.clone() };
            self.tables.push(VisibleTable { table: own, sees, recursive: true, member: Some(step.clone()) });
            let used = self.lowest_used;
            let compiled =
                self.query(&Query { tables: table.query.tables.clone(), ..Query::of((*member).clone()) });
            self.lowest_used = used.min(self.lowest_used.max(depth));
            self.tables.truncate(sees);
            let compiled = compiled?;
            if compiled.columns.len() != columns.len() {
                return Err(error(205, 1, &[]));
            }
            for (at, (anchor, member)) in columns.iter().zip(&compiled.columns).enumerate() {
                if !compiled.is_null_column(at) && anchor.data_type != member.data_type {
                    return Err(error(240, 1, &[&anchor.name, name]));
                }
            }
            bound.push((compiled, step));
        }
        let steps_max = self.max_recursion.unwrap_or(STEPS_MAX);
        let recursion = Recursion { anchors: vec![anchor], members: bound, steps_max };
        let columns = columns.into_iter().map(|column| ColumnMeta { nullable: true, ..column }).collect();
        let mut compiled = CompiledQuery::new(columns, Body::Recursive(Box::new(recursion)));
        compiled.is_correlated = self.lowest_used < depth;
        self.lowest_used = self.lowest_used.min(outside);
        Ok(Rc::new(compiled))
    }

    /// Binds what the recursive part reads of its own table. Whatever holds it is read anew in every step.
    pub(super) fn step(&mut self, step: &Rc<Step>, alias: &Rc<str>) -> SqlResult<Node> {
        let columns = step.columns.iter().map(|column| scope_column(column, alias, column.name.clone()));
        self.add_columns(columns.collect::<Vec<_>>());
        self.lowest_used = 0;
        Ok(Node::Step(step.clone()))
    }
}

/// How far a recursion has come: the rows of the anchor, then those of each step, until one gives none.
#[derive(Default)]
pub(super) struct RecursionState {
    /// The anchor or member being read.
    reading: QueryState,
    /// Its place among the anchors, in the first round, or else among the members.
    at: usize,
    /// Steps begun.
    steps: u32,
    /// Rows of the round before, which the members read.
    before: Vec<Row>,
    /// Rows of this round.
    fresh: Vec<Row>,
    workspace: Workspace,
}

impl RecursionState {
    /// Gives the next rows; see [`super::stream`] for the contract.
    pub(super) fn pull(
        &mut self,
        recursion: &Recursion,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        out: &mut dyn Receive,
    ) -> Result<bool, Fault> {
        let mut room = ask.rows;
        for _ in 0..TURN_ROWS {
            if room == 0 {
                return Ok(true);
            }
            let parts = if self.steps == 0 { recursion.anchors.len() } else { recursion.members.len() };
            if self.at == parts {
                if self.fresh.is_empty() || recursion.members.is_empty() {
                    return Ok(false);
                }
                self.at = 0;
                self.steps += 1;
                self.before = std::mem::take(&mut self.fresh);
                self.workspace.clear();
            }
            let held = self.fresh.len();
            let ask = Ask { rows: room, ..ask };
            let pulled = if self.steps == 0 {
                self.reading.pull(&recursion.anchors[self.at], env, outer, ask, &mut self.fresh)
            } else {
                let (member, step) = &recursion.members[self.at];
                std::mem::swap(&mut *step.rows.borrow_mut(), &mut self.before);
                let pulled = self.reading.pull(member, env, outer, ask, &mut self.fresh);
                std::mem::swap(&mut *step.rows.borrow_mut(), &mut self.before);
                pulled
            };
            let fresh = &self.fresh[held..];
            if !fresh.is_empty() && recursion.steps_max > 0 && self.steps > recursion.steps_max {
                return Err(error(530, 1, &[&recursion.steps_max]).into());
            }
            self.workspace.hold_all(fresh)?;
            for row in fresh {
                out.give(row.clone(), Vec::new())?;
            }
            room = room.saturating_sub(fresh.len());
            if !pulled? {
                self.reading = QueryState::default();
                self.at += 1;
            }
        }
        Ok(true)
    }
}

/// The parts of a query that UNION ALL joins, in order.
fn union_all<'q>(body: &'q QueryBody, parts: &mut Vec<&'q QueryBody>) {
    match body {
        QueryBody::Combine { operator: SetOperator::UnionAll, left, right } => {
            union_all(left, parts);
            union_all(right, parts);
        }
        other => parts.push(other),
    }
}

/// What may not stand in the recursive part.
fn check_member(member: &QueryBody, name: &Rc<str>) -> SqlResult<()> {
    let select: &Select = match member {
        QueryBody::Select(select) => select,
        QueryBody::Nested(query) => return check_member(&query.body, name),
        _ => return Err(error(252, 1, &[name])),
    };
    if select.distinct {
        return Err(error(460, 1, &[name]));
    }
    if select.top.is_some() {
        return Err(error(461, 1, &[name]));
    }
    let aggregates = select.items.iter().any(|item| match item {
        SelectItem::Expression(value, _) | SelectItem::Assign(_, _, value) => has_aggregate(value),
        SelectItem::Star(_) => false,
    });
    if aggregates || !select.group_by.is_empty() || select.having.is_some() {
        return Err(error(467, 1, &[name]));
    }
    let mut references = 0;
    for source in &select.from {
        references += count_references(source, name, false)?;
    }
    if references > 1 { Err(error(253, 1, &[name])) } else { Ok(()) }
}

fn count_references(source: &TableSource, name: &Rc<str>, outer: bool) -> SqlResult<usize> {
    Ok(match source {
        TableSource::Named {
            name: ObjectName { server: None, database: None, schema: None, name: table },
            ..
        } => {
            let found = same_name(table, name);
            if found && outer {
                return Err(error(462, 1, &[name]));
            }
            usize::from(found)
        }
        TableSource::Join { kind, left, right, .. } => {
            let (outer_left, outer_right) = match kind {
                JoinKind::Left | JoinKind::OuterApply => (outer, true),
                JoinKind::Right => (true, outer),
                JoinKind::Full => (true, true),
                _ => (outer, outer),
            };
            count_references(left, name, outer_left)? + count_references(right, name, outer_right)?
        }
        TableSource::Derived { query, .. } => usize::from(mentions(&query.body, name)),
        _ => 0,
    })
}
