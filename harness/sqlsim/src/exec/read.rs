//! Reads what FROM names: tables, system views, variables, derived tables, functions.

use super::environment::Environment;
use super::expression::{Ex, Frame, eval_all};
use super::join::JoinState;
use super::query::CompiledQuery;
use super::rows::QueryState;
use super::source::{Node, TableNode};
use super::stream::{Ask, BATCH_ROWS, TURN_ROWS, Workspace};
use crate::catalog;
use crate::engine::{Fault, Key, RowId, Table, TableAccess};
use crate::value::{Row, Value};
use std::ops::Bound;
use std::rc::Rc;

/// How far a source has been read.
#[derive(Default)]
pub(super) enum NodeState {
    /// Not at all.
    #[default]
    Start,
    /// A table, up to a row.
    Table(Box<Place>),
    /// Rows that lie ready.
    Ready(std::vec::IntoIter<Row>),
    /// Rows that others read too, and how many were given.
    Kept(Rc<[Row]>, usize),
    /// A table variable: how many rows were given.
    Variable(usize),
    /// A query.
    Query(Box<QueryState>),
    /// A join.
    Join(Box<JoinState>),
    /// To its end.
    Done,
}

/// Where a scan stands: behind this row.
pub(super) struct Place {
    id: RowId,
    /// Its key and the end of the look-up, when an index is read.
    index: Option<(usize, Key, Bound<Key>)>,
    /// What a look-up is equal on.
    prefix: Option<Key>,
}

impl Node {
    /// All rows for which `filters` hold, for a caller that needs them at once.
    ///
    /// # Errors
    /// A lock in the way, the statement's error; 701 when they are too many to be held.
    pub(super) fn rows_where(&self, filters: &[Ex], env: &Environment<'_>) -> Result<Vec<Row>, Fault> {
        let mut state = NodeState::Start;
        let mut rows = Vec::new();
        let mut held = Workspace::default();
        let ask = Ask { rows: BATCH_ROWS, once: true };
        loop {
            let mut batch = Vec::new();
            let more = state.pull(self, env, &Frame::NONE, ask, &mut batch)?;
            'rows: for row in batch {
                let frame = Frame::of(&row, 0, None);
                for filter in filters {
                    if filter.test(env, &frame)? != Some(true) {
                        continue 'rows;
                    }
                }
                held.hold(&row, 0)?;
                rows.push(row);
            }
            if !more {
                return Ok(rows);
            }
        }
    }
}

impl NodeState {
    /// Gives the next rows; see [`super::stream`] for the contract.
    pub(super) fn pull(
        &mut self,
        node: &Node,
        env: &Environment<'_>,
        left: &Frame<'_>,
        ask: Ask,
        out: &mut Vec<Row>,
    ) -> Result<bool, Fault> {
        if let (Self::Start | Self::Table(_), Node::Table(table)) = (&*self, node) {
            return self.pull_table(table, env, left, ask.rows, out);
        }
        if matches!(self, Self::Start) {
            *self = Self::open(node, env, left, ask)?;
        }
        let more = match (&mut *self, node) {
            (Self::Ready(rows), _) => {
                out.extend(rows.by_ref().take(ask.rows));
                rows.len() > 0
            }
            (Self::Kept(rows, at), _) => {
                let end = rows.len().min(*at + ask.rows);
                out.extend_from_slice(&rows[*at..end]);
                *at = end;
                end < rows.len()
            }
            (Self::Variable(at), Node::Variable(slot, with_place)) => {
                let variables = env.table_variables.borrow();
                let rows = variables.iter().find(|v| v.slot == *slot).map_or(&[][..], |v| &v.rows);
                let end = rows.len().min(*at + ask.rows);
                let some = rows.get(*at..end).unwrap_or_default();
                if *with_place {
                    out.extend(some.iter().zip(*at..).map(|(row, place)| {
                        let place = Value::Int(i64::try_from(place).unwrap_or(i64::MAX));
                        row.iter().cloned().chain([place]).collect::<Row>()
                    }));
                } else {
                    out.extend_from_slice(some);
                }
                *at = end;
                end < rows.len()
            }
            (Self::Query(state), Node::Query(query, is_applied)) => {
                let place = Frame { row: &[], base: 0, windows: &[], outer: left.outer };
                let outer = if *is_applied { left.outer } else { Some(&place) };
                state.pull(query, env, outer, ask, out)?
            }
            (Self::Join(state), Node::Join(join)) => state.pull(join, env, left.outer, ask, out)?,
            _ => false,
        };
        if !more {
            *self = Self::Done;
        }
        Ok(more)
    }

    fn open(node: &Node, env: &Environment<'_>, left: &Frame<'_>, ask: Ask) -> Result<Self, Fault> {
        Ok(match node {
            Node::Nothing => Self::Ready(vec![Rc::from([])].into_iter()),
            Node::Table(_) => Self::Start,
            Node::View(view, database) => {
                let engine = env.instance.0.engine.borrow();
                let rows = view.rows(&catalog::ViewContext {
                    instance: env.instance,
                    engine: &engine,
                    session: env.session,
                    database_id: *database,
                });
                Self::Ready(rows.into_iter())
            }
            Node::Variable(..) => Self::Variable(0),
            Node::Query(query, is_applied) => {
                if ask.once || query.is_correlated {
                    Self::Query(Box::default())
                } else {
                    // It was bound with an empty scope in this one's place.
                    let place = Frame { row: &[], base: 0, windows: &[], outer: left.outer };
                    let outer = if *is_applied { left.outer } else { Some(&place) };
                    Self::Kept(CompiledQuery::rows(query, env, outer)?, 0)
                }
            }
            Node::Function(function, arguments) => {
                let values = eval_all(arguments, env, left)?;
                Self::Ready(function(env, &values)?.into_iter())
            }
            Node::OpenJson(open, arguments) => {
                let values = eval_all(arguments, env, left)?;
                let document = values.first().cloned().unwrap_or(Value::Null);
                Self::Ready(open.rows(&document, values.get(1))?.into_iter())
            }
            Node::UserFunction(function, arguments) => {
                let values = eval_all(arguments, env, left)?;
                Self::Ready(super::user_functions::rows(env, function, values)?.into_iter())
            }
            Node::Join(_) => Self::Join(Box::default()),
            Node::Step(step) => Self::Ready(step.rows.borrow().clone().into_iter()),
        })
    }

    fn pull_table(
        &mut self,
        node: &TableNode,
        env: &Environment<'_>,
        left: &Frame<'_>,
        rows: usize,
        out: &mut Vec<Row>,
    ) -> Result<bool, Fault> {
        let access = env.open(node.database, node.table, node.access)?;
        let table = access.table.clone();
        let mut scan = Scan { node, env, left, access, out, room: rows, ids: Vec::new(), last: None };
        let place = match self {
            Self::Table(place) => Some(&**place),
            _ => None,
        };
        if place.is_some() && !Rc::ptr_eq(&table.def, &node.def) {
            // Its lock was lost with its server's memory, or with its database's role.
            return Err(crate::messages::error(596, 1, &[]).into());
        }
        let seek = match (&node.seek, place) {
            (Some(seek), None) => match seek.keys(env, left, &table.def)? {
                None => {
                    *self = Self::Done;
                    return Ok(false);
                }
                Some(keys) => Some((seek.index, keys)),
            },
            _ => None,
        };
        let clustered = node.clustered.filter(|_| in_index_order(&table));
        let (ended, index, prefix) = match (place, seek) {
            (None, Some((index, (prefix, low, high)))) => {
                scan.access.check_seek(index, &prefix)?;
                let ended = scan.take(table.entries(index, as_bound(&low), as_bound(&high)));
                (ended, Some((index, high)), Some(prefix))
            }
            (None, None) => {
                scan.access.check_scan()?;
                match clustered {
                    Some(index) => {
                        (scan.take(table.rows_in_order(index)), Some((index, Bound::Unbounded)), None)
                    }
                    None => (scan.take(table.rows()), None, None),
                }
            }
            (Some(place), _) => {
                scan.access
                    .check_rest(place.index.as_ref().map(|(index, key, _)| (*index, key)), place.id)?;
                let ended = match &place.index {
                    Some((index, key, high)) => {
                        scan.take(table.entries_after(*index, (key, place.id), as_bound(high)))
                    }
                    None => scan.take(table.rows_after(place.id)),
                };
                let index = place.index.as_ref().map(|(index, _, high)| (*index, high.clone()));
                (ended, index, place.prefix.clone())
            }
        };
        let last = scan.finish()?;
        if let Ok(true) = ended {
            *self = Self::Done;
            return Ok(false);
        }
        if let Some(id) = last {
            let index = index.and_then(|(index, high)| {
                let key = Key::of_row(table.def.indexes.get(index)?, table.get(id)?);
                Some((index, key, high))
            });
            *self = Self::Table(Box::new(Place { id, index, prefix }));
        }
        ended.map(|_| true)
    }
}

/// One call's walk through a table.
struct Scan<'s> {
    node: &'s TableNode,
    env: &'s Environment<'s>,
    left: &'s Frame<'s>,
    access: TableAccess,
    out: &'s mut Vec<Row>,
    room: usize,
    /// Rows given, to be locked.
    ids: Vec<RowId>,
    /// The last row that has been dealt with.
    last: Option<RowId>,
}

impl Scan<'_> {
    /// Takes rows until there are enough (`Ok(false)`) or no more (`Ok(true)`).
    fn take<'t>(&mut self, rows: impl Iterator<Item = (RowId, &'t Row)>) -> Result<bool, Fault> {
        let mut left = TURN_ROWS;
        for (id, row) in rows {
            if self.room == 0 || left == 0 {
                return Ok(false);
            }
            left -= 1;
            if self.is_wanted(id, row)? {
                self.room -= 1;
                if self.node.lock.is_some() {
                    self.ids.push(id);
                }
                self.out.push(if self.node.with_row_id {
                    let id = Value::Int(i64::try_from(id).unwrap_or(i64::MAX));
                    row.iter().cloned().chain([id]).collect()
                } else {
                    row.clone()
                });
            }
            self.last = Some(id);
        }
        Ok(true)
    }

    fn is_wanted(&self, id: RowId, row: &Row) -> Result<bool, Fault> {
        let frame = Frame { row, base: self.node.base, windows: &[], outer: self.left.outer };
        for filter in &self.node.filters {
            if filter.test(self.env, &frame)? != Some(true) {
                return Ok(false);
            }
        }
        self.access.check(id)
    }

    /// Locks the rows given, when they are to be locked; without the locks none was given.
    fn finish(self) -> Result<Option<RowId>, Fault> {
        if let (Some(mode), Some(transaction), false) =
            (self.node.lock, self.env.transaction, self.ids.is_empty())
        {
            let mut engine = self.env.instance.0.engine.borrow_mut();
            let locked = engine.lock_rows(transaction, self.node.database, self.node.table, &self.ids, mode);
            if let Err(fault) = locked {
                self.out.truncate(self.out.len() - self.ids.len());
                return Err(fault);
            }
        }
        Ok(self.last)
    }
}

/// An identity key grows as rows are added, so that insertion order is index order already.
pub(super) fn in_index_order(table: &Table) -> bool {
    table.def.columns.first().is_none_or(|column| column.identity.is_none())
}

fn as_bound(bound: &Bound<Key>) -> Bound<&Key> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}
