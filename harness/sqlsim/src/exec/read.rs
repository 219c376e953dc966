//! Reads what FROM names: scans, look-ups, nested loops, hash joins.

use super::environment::Environment;
use super::expression::{Ex, Frame, eval_all};
use super::source::{JoinNode, Node, TableNode};
use crate::catalog;
use crate::engine::{Fault, Key, Table};
use crate::tsql::ast::JoinKind;
use crate::value::{Row, Value};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

impl Node {
    /// The rows. `left` is the row on the left of a join, with what is around the query behind it.
    pub(super) fn rows(&self, env: &Environment<'_>, left: &Frame<'_>) -> Result<Vec<Row>, Fault> {
        match self {
            Self::Nothing => Ok(vec![Rc::from([])]),
            Self::Table(table) => table.rows(env, left),
            Self::View(view, database) => {
                let engine = env.instance.0.engine.borrow();
                Ok(view.rows(&catalog::ViewContext {
                    instance: env.instance,
                    engine: &engine,
                    session: env.session,
                    database_id: *database,
                }))
            }
            Self::Variable(slot) => {
                let variables = env.table_variables.borrow();
                Ok(variables.iter().find(|v| v.slot == *slot).map(|v| v.rows.clone()).unwrap_or_default())
            }
            Self::Query(query, true) => Ok(query.rows(env, left.outer)?.to_vec()),
            Self::Query(query, false) => {
                // It was bound with an empty scope in this one's place.
                let place = Frame { row: &[], base: 0, windows: &[], outer: left.outer };
                Ok(query.rows(env, Some(&place))?.to_vec())
            }
            Self::Function(function, arguments) => {
                let values = eval_all(arguments, env, left)?;
                Ok(function(env, &values)?)
            }
            Self::Join(join) => join.rows(env, left.outer),
            Self::Step(step) => Ok(step.rows.borrow().clone()),
        }
    }
}

impl TableNode {
    pub(super) fn rows(&self, env: &Environment<'_>, left: &Frame<'_>) -> Result<Vec<Row>, Fault> {
        let access = env.open(self.database, self.table, self.access)?;
        let table = access.table.clone();
        let mut rows = Vec::new();
        let mut ids = Vec::new();
        let mut keep = |id: u64, row: &Row| -> Result<(), Fault> {
            let frame = Frame { row, base: self.base, windows: &[], outer: left.outer };
            for filter in &self.filters {
                if filter.test(env, &frame)? != Some(true) {
                    return Ok(());
                }
            }
            if !access.check(id)? {
                return Ok(());
            }
            if self.lock.is_some() {
                ids.push(id);
            }
            if self.with_row_id {
                let id = Value::Int(i64::try_from(id).unwrap_or(i64::MAX));
                rows.push(row.iter().cloned().chain([id]).collect());
            } else {
                rows.push(row.clone());
            }
            Ok(())
        };
        if let Some(seek) = &self.seek {
            match seek.keys(env, left, &table.def)? {
                None => {}
                Some((prefix, low, high)) => {
                    access.check_seek(seek.index, &prefix)?;
                    for (id, row) in table.entries(seek.index, as_bound(&low), as_bound(&high)) {
                        keep(id, row)?;
                    }
                }
            }
        } else {
            access.check_scan()?;
            match self.clustered.filter(|_| in_index_order(&table)) {
                Some(index) => {
                    for (id, row) in table.rows_in_order(index) {
                        keep(id, row)?;
                    }
                }
                None => {
                    for (id, row) in table.rows() {
                        keep(id, row)?;
                    }
                }
            }
        }
        if let (Some(mode), Some(transaction)) = (self.lock, env.transaction) {
            let mut engine = env.instance.0.engine.borrow_mut();
            engine.lock_rows(transaction, self.database, self.table, &ids, mode)?;
        }
        Ok(rows)
    }
}

/// An identity key grows as rows are added, so that insertion order is index order already.
pub(super) fn in_index_order(table: &Table) -> bool {
    table.def.columns.first().is_none_or(|column| column.identity.is_none())
}

pub(super) fn as_bound(bound: &Bound<Key>) -> Bound<&Key> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

impl JoinNode {
    pub(super) fn rows(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        let around = Frame { row: &[], base: 0, windows: &[], outer };
        let left_rows = self.left.rows(env, &around)?;
        let per_row = matches!(self.kind, JoinKind::CrossApply | JoinKind::OuterApply)
            || matches!(&self.right, Node::Table(table) if table.seek.is_some());
        if per_row {
            return self.nested_rows(env, outer, &left_rows);
        }
        let right_rows = self.right.rows(env, &around)?;
        let hash = match &self.keys {
            Some((_, right_keys)) => Some(hash_rows(env, outer, &right_rows, right_keys, self.right_base)?),
            None => None,
        };
        let mut matched_right = vec![false; right_rows.len()];
        let mut out = Vec::new();
        let all: Vec<usize> = (0..right_rows.len()).collect();
        for left in &left_rows {
            let candidates: &[usize] = match (&hash, &self.keys) {
                (Some(hash), Some((left_keys, _))) => {
                    let frame = Frame::of(left, self.left_base, outer);
                    let key = eval_all(left_keys, env, &frame)?;
                    if key.iter().any(Value::is_null) {
                        &[]
                    } else {
                        hash.get(&Key::of_values(&key)).map_or(&[], Vec::as_slice)
                    }
                }
                _ => &all,
            };
            let mut matched = false;
            for at in candidates {
                let joined = joined(left, &right_rows[*at]);
                if self.holds(env, outer, &joined)? {
                    matched = true;
                    matched_right[*at] = true;
                    keep_row(&mut out, joined)?;
                }
            }
            if !matched && matches!(self.kind, JoinKind::Left | JoinKind::Full) {
                out.push(joined(left, &vec![Value::Null; self.right_width]));
            }
        }
        if matches!(self.kind, JoinKind::Right | JoinKind::Full) {
            let missing = right_rows.iter().zip(&matched_right).filter(|(_, matched)| !**matched);
            out.extend(missing.map(|(right, _)| joined(&vec![Value::Null; self.left_width], right)));
        }
        Ok(out)
    }

    /// The right side is read anew for each row of the left.
    pub(super) fn nested_rows(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        left_rows: &[Row],
    ) -> Result<Vec<Row>, Fault> {
        let keeps_left = matches!(self.kind, JoinKind::Left | JoinKind::OuterApply);
        let mut out = Vec::new();
        for left in left_rows {
            let frame = Frame::of(left, self.left_base, outer);
            // A query on the right of APPLY sees this row as the row around it.
            let around = match &self.right {
                Node::Query(..) => Frame { row: &[], base: 0, windows: &[], outer: Some(&frame) },
                _ => frame,
            };
            let mut matched = false;
            for right in self.right.rows(env, &around)? {
                let joined = joined(left, &right);
                if self.holds(env, outer, &joined)? {
                    matched = true;
                    keep_row(&mut out, joined)?;
                }
            }
            if !matched && keeps_left {
                out.push(joined(left, &vec![Value::Null; self.right_width]));
            }
        }
        Ok(out)
    }

    pub(super) fn holds(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        row: &[Value],
    ) -> Result<bool, Fault> {
        let frame = Frame::of(row, self.left_base, outer);
        for condition in &self.on {
            if condition.test(env, &frame)? != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

pub(super) fn joined(left: &[Value], right: &[Value]) -> Row {
    left.iter().chain(right).cloned().collect()
}

pub(super) fn hash_rows(
    env: &Environment<'_>,
    outer: Option<&Frame<'_>>,
    rows: &[Row],
    keys: &[Ex],
    base: usize,
) -> Result<BTreeMap<Key, Vec<usize>>, Fault> {
    let mut hash: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let key = eval_all(keys, env, &Frame::of(row, base, outer))?;
        if !key.iter().any(Value::is_null) {
            hash.entry(Key::of_values(&key)).or_default().push(at);
        }
    }
    Ok(hash)
}

/// How many rows a join may give.
const JOINED_ROWS_MAX: usize = 2_000_000;

/// Keeps a row of a join, unless there are more than the server has memory for.
fn keep_row(rows: &mut Vec<Row>, row: Row) -> Result<(), Fault> {
    if rows.len() >= JOINED_ROWS_MAX {
        return Err(crate::messages::error(701, 123, &[&"default"]).into());
    }
    rows.push(row);
    Ok(())
}
