//! Queries, run: filter, group, window, project, sort, cut. All but sorting, grouping and windows flows.

use super::environment::Environment;
use super::expression::{Ex, Frame, eval_all};
use super::query::{Body, CompiledQuery, CompiledTop, Produced, SortKey};
use super::recursion::RecursionState;
use super::select_rows::SelectState;
use super::set_rows::CombineState;
use super::stream::{Ask, BATCH_ROWS, Workspace};
use crate::engine::Fault;
use crate::messages::error;
use crate::value::{ColumnMeta, Row, Value};
use std::cell::RefCell;
use std::rc::Rc;

impl CompiledQuery {
    pub(super) fn new(columns: Vec<ColumnMeta>, body: Body) -> Self {
        Self {
            columns,
            body,
            order: Vec::new(),
            offset: None,
            fetch: None,
            is_correlated: true,
            exported: Vec::new(),
            kept: RefCell::new(None),
        }
    }

    pub(super) fn is_null_column(&self, at: usize) -> bool {
        match &self.body {
            Body::Select(select) => matches!(select.items.get(at), Some(Ex::Constant(Value::Null))),
            _ => false,
        }
    }

    /// The rows, for a row around it. Rows that depend on nothing are read once.
    pub(super) fn rows(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Rc<[Row]>, Fault> {
        self.kept_rows(env, outer, usize::MAX)
    }

    /// Whether there is any row.
    pub(super) fn exists(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<bool, Fault> {
        Ok(!self.kept_rows(env, outer, 1)?.is_empty())
    }

    fn kept_rows(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        limit: usize,
    ) -> Result<Rc<[Row]>, Fault> {
        if !self.is_correlated
            && let Some(kept) = &*self.kept.borrow()
        {
            return Ok(kept.clone());
        }
        let ask = Ask { rows: BATCH_ROWS.min(limit), once: false };
        let rows: Rc<[Row]> = self.collect(env, outer, ask, limit)?.into();
        if !self.is_correlated {
            *self.kept.borrow_mut() = Some(rows.clone());
        }
        Ok(rows)
    }

    /// Reads all rows, for a caller that needs them at once.
    ///
    /// # Errors
    /// A lock in the way, the statement's error; 701 when they are too many to be held.
    pub(super) fn run(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        self.collect(env, outer, Ask { rows: BATCH_ROWS, once: true }, usize::MAX)
    }

    fn collect(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        limit: usize,
    ) -> Result<Vec<Row>, Fault> {
        let mut state = QueryState::default();
        let mut rows = Vec::new();
        let mut workspace = Workspace::default();
        loop {
            let before = rows.len();
            let more = state.pull(self, env, outer, ask, &mut rows)?;
            if !more || rows.len() >= limit {
                return Ok(rows);
            }
            workspace.hold_all(&rows[before..])?;
        }
    }

    fn compare(&self, a: &Produced, b: &Produced) -> std::cmp::Ordering {
        for (key, descending) in &self.order {
            let (a, b) = match key {
                SortKey::Output(at) => (&a.row[*at], &b.row[*at]),
                SortKey::Extra(at) => (&a.extra[*at], &b.extra[*at]),
            };
            let order = sort_order(a, b);
            if order.is_ne() {
                return if *descending { order.reverse() } else { order };
            }
        }
        std::cmp::Ordering::Equal
    }

    fn top(&self) -> Option<&CompiledTop> {
        match &self.body {
            Body::Select(select) => select.top.as_ref(),
            _ => None,
        }
    }
}

/// How far a query has been read.
#[derive(Default)]
pub(super) struct QueryState {
    body: BodyState,
    stage: Stage,
    /// Rows of OFFSET that are still to be left out.
    skip: usize,
    /// Rows that may still be given.
    left: usize,
}

/// How far the rows of its body have been read.
#[derive(Default)]
enum BodyState {
    #[default]
    Start,
    Select(Box<SelectState>),
    Combine(Box<CombineState>),
    Recursion(Box<RecursionState>),
    Ready(std::vec::IntoIter<Row>),
}

#[derive(Default)]
enum Stage {
    #[default]
    Start,
    /// Rows go through as they come.
    Flowing,
    /// Rows are gathered, to be sorted.
    Sorting(Box<Sort>),
    /// Sorted.
    Sorted(std::vec::IntoIter<Row>),
    Done,
}

/// Receives what a body gives.
pub(super) trait Receive {
    /// One row and what it is sorted by besides.
    fn give(&mut self, row: Row, extra: Vec<Value>) -> Result<(), Fault>;
}

impl Receive for Vec<Row> {
    fn give(&mut self, row: Row, _extra: Vec<Value>) -> Result<(), Fault> {
        self.push(row);
        Ok(())
    }
}

/// Rows on their way to be sorted.
struct Sort {
    produced: Vec<Produced>,
    workspace: Workspace,
    cut: Cut,
    /// So many rows of the sorted ones are wanted, at most.
    wanted: Option<usize>,
}

/// What TOP leaves.
enum Cut {
    Rows(usize, bool),
    Percent(f64, bool),
}

impl Cut {
    fn of(query: &CompiledQuery, env: &Environment<'_>) -> Result<Self, Fault> {
        let Some(top) = query.top() else { return Ok(Self::Rows(usize::MAX, false)) };
        match top.count.eval(env, &Frame::NONE)? {
            Value::Int(n) if n < 0 => Err(error(1060, 1, &[]).into()),
            Value::Int(n) => Ok(Self::Rows(usize::try_from(n).unwrap_or(usize::MAX), top.with_ties)),
            Value::Float(percent) if (0.0..=100.0).contains(&percent) => {
                Ok(Self::Percent(percent, top.with_ties))
            }
            Value::Float(_) => Err(error(1031, 1, &[]).into()),
            _ => Err(error(1060, 1, &[]).into()),
        }
    }

    fn apply(&self, query: &CompiledQuery, produced: &mut Vec<Produced>) {
        let (mut keep, with_ties) = match self {
            Self::Rows(rows, with_ties) => (*rows, *with_ties),
            Self::Percent(percent, with_ties) => {
                ((percent * produced.len() as f64 / 100.0).ceil() as usize, *with_ties)
            }
        };
        if with_ties && keep > 0 {
            while keep < produced.len() && query.compare(&produced[keep - 1], &produced[keep]).is_eq() {
                keep += 1;
            }
        }
        produced.truncate(keep);
    }
}

impl Sort {
    /// Sorts what has been gathered, and lets go of rows that cannot be among those wanted.
    fn settle(&mut self, query: &CompiledQuery) -> Result<(), Fault> {
        if !query.order.is_empty() {
            self.produced.sort_by(|a, b| query.compare(a, b));
        }
        if let Some(wanted) = self.wanted
            && self.produced.len() > wanted
        {
            self.produced.truncate(wanted);
            self.workspace.clear();
            let mut kept = self.produced.iter();
            kept.try_for_each(|produced| self.workspace.hold(&produced.row, size_of_val(&*produced.extra)))?;
        }
        Ok(())
    }
}

impl Receive for Sort {
    fn give(&mut self, row: Row, extra: Vec<Value>) -> Result<(), Fault> {
        self.workspace.hold(&row, size_of::<Produced>() + size_of_val(&*extra))?;
        self.produced.push(Produced { row, extra });
        Ok(())
    }
}

/// A value of OFFSET or FETCH.
fn page_rows(ex: Option<&Ex>, env: &Environment<'_>) -> Result<Option<usize>, Fault> {
    match ex.map(|ex| ex.eval(env, &Frame::NONE)).transpose()? {
        None => Ok(None),
        Some(Value::Int(n)) => Ok(Some(usize::try_from(n).map_err(|_| error(10_742, 1, &[]))?)),
        Some(_) => Err(error(10_742, 1, &[]).into()),
    }
}

impl QueryState {
    /// Gives the next rows; see [`super::stream`] for the contract.
    pub(super) fn pull(
        &mut self,
        query: &CompiledQuery,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        out: &mut Vec<Row>,
    ) -> Result<bool, Fault> {
        if matches!(self.stage, Stage::Start) {
            self.stage = self.open(query, env)?;
        }
        if let Stage::Sorting(sort) = &mut self.stage {
            let more = self.body.pull(query, env, outer, Ask { rows: BATCH_ROWS, ..ask }, &mut **sort)?;
            let is_full = sort.wanted.is_some_and(|wanted| sort.produced.len() / 2 >= wanted.max(BATCH_ROWS));
            if !more || is_full {
                sort.settle(query)?;
            }
            if more {
                return Ok(true);
            }
            let mut produced = std::mem::take(&mut sort.produced);
            sort.cut.apply(query, &mut produced);
            let rows: Vec<Row> = produced.into_iter().map(|produced| produced.row).collect();
            self.stage = Stage::Sorted(rows.into_iter());
        }
        let more = match &mut self.stage {
            Stage::Flowing => self.flow(query, env, outer, ask, out)?,
            Stage::Sorted(rows) => {
                if self.skip > 0 {
                    rows.nth(self.skip - 1);
                    self.skip = 0;
                }
                let before = out.len();
                out.extend(rows.by_ref().take(ask.rows.min(self.left)));
                self.left -= out.len() - before;
                self.left > 0 && rows.len() > 0
            }
            _ => false,
        };
        if !more {
            self.stage = Stage::Done;
        }
        Ok(more)
    }

    fn open(&mut self, query: &CompiledQuery, env: &Environment<'_>) -> Result<Stage, Fault> {
        let cut = Cut::of(query, env)?;
        self.skip = page_rows(query.offset.as_ref(), env)?.unwrap_or(0);
        self.left = page_rows(query.fetch.as_ref(), env)?.unwrap_or(usize::MAX);
        Ok(match cut {
            Cut::Rows(rows, false) if query.order.is_empty() => {
                self.left = self.left.min(rows.saturating_sub(self.skip));
                Stage::Flowing
            }
            cut => {
                let wanted = match cut {
                    Cut::Rows(rows, false) => Some(rows.min(self.skip.saturating_add(self.left))),
                    _ => None,
                };
                let wanted = wanted.filter(|wanted| *wanted < usize::MAX);
                let workspace = Workspace::default();
                Stage::Sorting(Box::new(Sort { produced: Vec::new(), workspace, cut, wanted }))
            }
        })
    }

    /// Rows go from the body to the caller.
    fn flow(
        &mut self,
        query: &CompiledQuery,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        out: &mut Vec<Row>,
    ) -> Result<bool, Fault> {
        if self.left == 0 {
            return Ok(false);
        }
        let before = out.len();
        let rows = ask.rows.min(self.left).saturating_add(self.skip).min(BATCH_ROWS.max(ask.rows));
        let pulled = self.body.pull(query, env, outer, Ask { rows, ..ask }, out);
        let skipped = self.skip.min(out.len() - before);
        out.drain(before..before + skipped);
        self.skip -= skipped;
        self.left -= out.len() - before;
        Ok(pulled? && self.left > 0)
    }
}

impl BodyState {
    fn pull(
        &mut self,
        query: &CompiledQuery,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        out: &mut dyn Receive,
    ) -> Result<bool, Fault> {
        if matches!(self, Self::Start) {
            *self = match &query.body {
                Body::Select(_) => Self::Select(Box::default()),
                Body::Combine { .. } => Self::Combine(Box::default()),
                Body::Recursive(_) => Self::Recursion(Box::default()),
                Body::Formatted(formatted) => Self::Ready(formatted.run(env, outer)?.into_iter()),
                Body::Values(rows) => {
                    let frame = Frame { outer, ..Frame::NONE };
                    let values = |row: &Vec<Ex>| Ok::<Row, Fault>(eval_all(row, env, &frame)?.into());
                    let rows = rows.iter().map(values).collect::<Result<Vec<Row>, Fault>>()?;
                    Self::Ready(rows.into_iter())
                }
            };
        }
        match (self, &query.body) {
            (Self::Select(state), Body::Select(select)) => state.pull(select, env, outer, ask, out),
            (Self::Combine(state), Body::Combine { operator, left, right }) => {
                state.pull((*operator, left, right), env, outer, ask, out)
            }
            (Self::Recursion(state), Body::Recursive(recursion)) => {
                state.pull(recursion, env, outer, ask, out)
            }
            (Self::Ready(rows), _) => {
                for row in rows.by_ref().take(ask.rows) {
                    out.give(row, Vec::new())?;
                }
                Ok(rows.len() > 0)
            }
            _ => Ok(false),
        }
    }
}

/// NULL sorts first.
pub(super) fn sort_order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        _ => super::operators::compare(a, b).unwrap_or(std::cmp::Ordering::Equal),
    }
}
