//! SELECT without its ORDER BY, run: filter, group, window, project.

use super::environment::Environment;
use super::expression::{Ex, Frame, eval_all};
use super::group::Groups;
use super::query::CompiledSelect;
use super::read::NodeState;
use super::rows::Receive;
use super::stream::{Ask, BATCH_ROWS, INPUT_ROWS_MIN, Pending, Workspace};
use crate::engine::{Fault, Key};
use crate::value::{Row, Value};
use std::collections::BTreeSet;

/// How far a SELECT has come.
#[derive(Default)]
pub(super) struct SelectState {
    source: NodeState,
    stage: Stage,
    /// Rows of the source; later those of groups or windows.
    pending: Pending,
    /// Groups so far.
    groups: Groups,
    /// Rows kept for window functions; rows of groups.
    kept: Vec<Row>,
    /// Values of window functions, by function and row.
    windows: Vec<Vec<Value>>,
    /// Rows that were projected.
    at: usize,
    /// Keys that were given (DISTINCT).
    seen: BTreeSet<Key>,
    workspace: Workspace,
}

#[derive(Default, PartialEq)]
enum Stage {
    #[default]
    Start,
    /// Rows are gathered for groups or windows.
    Gathering,
    /// They are all there, as groups if there are any.
    Gathered,
    /// Rows come from the source.
    Flowing,
    /// The source has ended; the rows that are left lie in `pending`.
    Ended,
}

impl SelectState {
    /// Gives the next rows; see [`super::stream`] for the contract.
    pub(super) fn pull(
        &mut self,
        select: &CompiledSelect,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        out: &mut dyn Receive,
    ) -> Result<bool, Fault> {
        let around = Frame { row: &[], base: 0, windows: &[], outer };
        if self.stage == Stage::Start {
            let flows =
                select.grouping.is_none() && select.windows.iter().all(|spec| spec.is_running_number());
            self.stage = if flows { Stage::Flowing } else { Stage::Gathering };
        }
        match self.stage {
            Stage::Gathering => {
                if self.gather(select, env, &around, ask)? {
                    return Ok(true);
                }
                if let Some(grouping) = &select.grouping {
                    self.kept = self.groups.rows(grouping, env)?;
                    self.groups = Groups::default();
                }
                self.stage = Stage::Gathered;
                self.settle(select, env, outer)?;
            }
            Stage::Gathered => self.settle(select, env, outer)?,
            Stage::Flowing if self.pending.first().is_none() => {
                // Not every row of the source becomes one of the answer.
                let few = if select.filters.is_empty() && !select.distinct { 1 } else { INPUT_ROWS_MIN };
                let rows = self.pending.refill();
                let pulled = self.source.pull(&select.source, env, &around, ask.at_least(few), rows);
                if matches!(pulled, Ok(false)) {
                    self.stage = Stage::Ended;
                }
                if rows.is_empty() {
                    pulled?;
                }
            }
            _ => {}
        }
        let filters: &[Ex] =
            if select.grouping.is_none() && self.windows.is_empty() { &select.filters } else { &[] };
        let mut room = ask.rows;
        let mut window_row = Vec::new();
        'rows: while let Some(row) = self.pending.first() {
            if room == 0 {
                return Ok(true);
            }
            let frame = Frame::of(row, 0, outer);
            for filter in filters {
                if filter.test(env, &frame)? != Some(true) {
                    self.pending.advance();
                    continue 'rows;
                }
            }
            window_row.clear();
            if self.windows.is_empty() {
                let number = Value::Int(i64::try_from(self.at).unwrap_or(i64::MAX - 1) + 1);
                window_row.extend(select.windows.iter().map(|_| number.clone()));
            } else {
                window_row.extend(self.windows.iter().map(|values| values[self.at].clone()));
            }
            let frame = Frame { row, base: 0, windows: &window_row, outer };
            let values = eval_all(&select.items, env, &frame)?;
            let key = select.distinct.then(|| Key::of_values(&values));
            if key.as_ref().is_none_or(|key| !self.seen.contains(key)) {
                let extra = eval_all(&select.extra, env, &frame)?;
                if let Some(key) = key {
                    self.workspace.hold(&values, size_of::<Key>())?;
                    self.seen.insert(key);
                }
                out.give(values.into(), extra)?;
                room -= 1;
            }
            self.pending.advance();
            self.at += 1;
        }
        Ok(self.stage != Stage::Ended)
    }

    /// Reads on for groups and windows. `Ok(false)`: all rows are there.
    fn gather(
        &mut self,
        select: &CompiledSelect,
        env: &Environment<'_>,
        around: &Frame<'_>,
        ask: Ask,
    ) -> Result<bool, Fault> {
        let rows = self.pending.refill();
        let pulled = self.source.pull(&select.source, env, around, Ask { rows: BATCH_ROWS, ..ask }, rows);
        'rows: while let Some(row) = self.pending.first() {
            let frame = Frame::of(row, 0, around.outer);
            for filter in &select.filters {
                if filter.test(env, &frame)? != Some(true) {
                    self.pending.advance();
                    continue 'rows;
                }
            }
            match &select.grouping {
                Some(grouping) => self.groups.add(grouping, env, &frame)?,
                None => {
                    self.workspace.hold(row, 0)?;
                    self.kept.push(row.clone());
                }
            }
            self.pending.advance();
        }
        pulled
    }

    /// All rows are there: leaves out what HAVING leaves out, and computes window functions.
    fn settle(
        &mut self,
        select: &CompiledSelect,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
    ) -> Result<(), Fault> {
        if let Some(having) = select.grouping.as_ref().and_then(|grouping| grouping.having.as_ref()) {
            let mut kept = Vec::with_capacity(self.kept.len());
            for row in &self.kept {
                if having.test(env, &Frame::of(row, 0, outer))? == Some(true) {
                    kept.push(row.clone());
                }
            }
            self.kept = kept;
        }
        let mut windows = Vec::with_capacity(select.windows.len());
        for spec in &select.windows {
            windows.push(spec.values(env, outer, &self.kept)?);
        }
        self.windows = windows;
        *self.pending.refill() = std::mem::take(&mut self.kept);
        self.stage = Stage::Ended;
        Ok(())
    }
}
