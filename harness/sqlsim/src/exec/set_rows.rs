//! UNION, EXCEPT and INTERSECT, run.

use super::environment::Environment;
use super::expression::Frame;
use super::query::Part;
use super::rows::{QueryState, Receive};
use super::stream::{Ask, BATCH_ROWS, Pending, Workspace};
use crate::engine::{Fault, Key};
use crate::error::SqlResult;
use crate::tsql::ast::SetOperator;
use crate::value::Row;
use crate::value::convert::convert;
use std::collections::BTreeSet;

/// How far the two sides have been read.
#[derive(Default)]
pub(super) struct CombineState {
    left: QueryState,
    right: QueryState,
    /// Whether the left side flows no more (UNION), or the right side has been read (the others).
    is_second: bool,
    pending: Pending,
    /// Keys of the right side, for EXCEPT and INTERSECT.
    right_keys: BTreeSet<Key>,
    /// Keys that were given, unless rows may be given twice.
    seen: BTreeSet<Key>,
    workspace: Workspace,
}

impl CombineState {
    /// Gives the next rows; see [`super::stream`] for the contract.
    pub(super) fn pull(
        &mut self,
        (operator, left, right): (SetOperator, &Part, &Part),
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        out: &mut dyn Receive,
    ) -> Result<bool, Fault> {
        if matches!(operator, SetOperator::Except | SetOperator::Intersect) && !self.is_second {
            let mut rows = Vec::new();
            let pulled =
                self.right.pull(&right.query, env, outer, Ask { rows: BATCH_ROWS, ..ask }, &mut rows);
            for row in rows {
                let row = right.converted(row)?;
                self.workspace.hold(&row, size_of::<Key>())?;
                self.right_keys.insert(Key::of_values(&row));
            }
            self.is_second = !pulled?;
            if !self.is_second {
                return Ok(true);
            }
        }
        let reads_right = self.is_second && matches!(operator, SetOperator::Union | SetOperator::UnionAll);
        let (state, part) = if reads_right { (&mut self.right, right) } else { (&mut self.left, left) };
        let rows = self.pending.refill();
        let pulled = state.pull(&part.query, env, outer, ask, rows);
        while let Some(row) = self.pending.first() {
            let row = part.converted(row.clone())?;
            if operator == SetOperator::UnionAll {
                out.give(row, Vec::new())?;
            } else {
                let key = Key::of_values(&row);
                let wanted = match operator {
                    SetOperator::Except => !self.right_keys.contains(&key),
                    SetOperator::Intersect => self.right_keys.contains(&key),
                    SetOperator::Union | SetOperator::UnionAll => true,
                };
                if wanted && !self.seen.contains(&key) {
                    self.workspace.hold(&row, size_of::<Key>())?;
                    self.seen.insert(key);
                    out.give(row, Vec::new())?;
                }
            }
            self.pending.advance();
        }
        if pulled? {
            return Ok(true);
        }
        let has_second = matches!(operator, SetOperator::Union | SetOperator::UnionAll) && !reads_right;
        self.is_second = true;
        Ok(has_second)
    }
}

impl Part {
    /// A row of this side in the types of the whole.
    fn converted(&self, row: Row) -> SqlResult<Row> {
        if self.conversions.iter().all(Option::is_none) {
            return Ok(row);
        }
        let values = row.iter().zip(&self.conversions).map(|(value, conversion)| match conversion {
            Some((from, to)) => convert(value, *from, *to, 0),
            None => Ok(value.clone()),
        });
        values.collect()
    }
}
