//! Queries, run: filter, group, window, project, sort, cut.

use super::environment::Environment;
use super::expression::{Ex, Frame, eval_all};
use super::query::{
    Body, CompiledGrouping, CompiledQuery, CompiledSelect, CompiledTop, Part, Produced, SortKey,
};
use crate::engine::{Fault, Key};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::SetOperator;
use crate::value::{ColumnMeta, Row, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
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
        if !self.is_correlated
            && let Some(kept) = &*self.kept.borrow()
        {
            return Ok(kept.clone());
        }
        let rows: Rc<[Row]> = self.run(env, outer)?.into();
        if !self.is_correlated {
            *self.kept.borrow_mut() = Some(rows.clone());
        }
        Ok(rows)
    }

    /// Whether there is any row.
    pub(super) fn exists(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<bool, Fault> {
        Ok(!self.rows(env, outer)?.is_empty())
    }

    /// Reads all rows.
    pub(super) fn run(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        let (mut produced, top) = match &self.body {
            Body::Select(select) => (select.run(env, outer)?, select.top.as_ref()),
            Body::Values(rows) => {
                let frame = Frame { outer, ..Frame::NONE };
                let mut produced = Vec::new();
                for row in rows {
                    produced.push(Produced { row: eval_all(row, env, &frame)?.into(), extra: Vec::new() });
                }
                (produced, None)
            }
            Body::Combine { operator, left, right } => {
                let rows = combine(*operator, left.rows(env, outer)?, right.rows(env, outer)?);
                (rows.into_iter().map(|row| Produced { row, extra: Vec::new() }).collect(), None)
            }
            Body::Recursive(recursion) => return recursion.run(env, outer),
            Body::Formatted(formatted) => return formatted.run(env, outer),
        };
        self.sort(&mut produced);
        if let Some(top) = top {
            self.cut(top, &mut produced, env)?;
        }
        self.page(&mut produced, env)?;
        Ok(produced.into_iter().map(|produced| produced.row).collect())
    }

    pub(super) fn sort(&self, produced: &mut [Produced]) {
        if !self.order.is_empty() && produced.len() > 1 {
            produced.sort_by(|a, b| self.compare(a, b));
        }
    }

    pub(super) fn compare(&self, a: &Produced, b: &Produced) -> std::cmp::Ordering {
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

    pub(super) fn cut(
        &self,
        top: &CompiledTop,
        produced: &mut Vec<Produced>,
        env: &Environment<'_>,
    ) -> Result<(), Fault> {
        let mut keep = match top.count.eval(env, &Frame::NONE)? {
            Value::Int(n) if n < 0 => return Err(error(1060, 1, &[]).into()),
            Value::Int(n) => usize::try_from(n).unwrap_or(usize::MAX),
            Value::Float(percent) => {
                if !(0.0..=100.0).contains(&percent) {
                    return Err(error(1031, 1, &[]).into());
                }
                (percent * produced.len() as f64 / 100.0).ceil() as usize
            }
            _ => return Err(error(1060, 1, &[]).into()),
        };
        if top.with_ties && keep > 0 {
            while keep < produced.len() && self.compare(&produced[keep - 1], &produced[keep]).is_eq() {
                keep += 1;
            }
        }
        produced.truncate(keep);
        Ok(())
    }

    pub(super) fn page(&self, produced: &mut Vec<Produced>, env: &Environment<'_>) -> Result<(), Fault> {
        let count = |ex: &Option<Ex>| -> Result<Option<usize>, Fault> {
            match ex {
                None => Ok(None),
                Some(ex) => match ex.eval(env, &Frame::NONE)? {
                    Value::Int(n) => Ok(Some(usize::try_from(n).map_err(|_| error(10_742, 1, &[]))?)),
                    _ => Err(error(10_742, 1, &[]).into()),
                },
            }
        };
        if let Some(offset) = count(&self.offset)? {
            produced.drain(..offset.min(produced.len()));
        }
        if let Some(fetch) = count(&self.fetch)? {
            produced.truncate(fetch);
        }
        Ok(())
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

impl Part {
    pub(super) fn rows(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        let rows = self.query.run(env, outer)?;
        if self.conversions.iter().all(Option::is_none) {
            return Ok(rows);
        }
        let convert = |row: &Row| -> SqlResult<Row> {
            let values = row.iter().zip(&self.conversions).map(|(value, conversion)| match conversion {
                Some((from, to)) => crate::value::convert::convert(value, *from, *to, 0),
                None => Ok(value.clone()),
            });
            values.collect()
        };
        rows.iter().map(|row| Ok(convert(row)?)).collect()
    }
}

pub(super) fn combine(operator: SetOperator, left: Vec<Row>, right: Vec<Row>) -> Vec<Row> {
    if operator == SetOperator::UnionAll {
        return left.into_iter().chain(right).collect();
    }
    let right_keys: BTreeSet<Key> = match operator {
        SetOperator::Union => BTreeSet::new(),
        _ => right.iter().map(|row| Key::of_values(row)).collect(),
    };
    let rows = if operator == SetOperator::Union { left.into_iter().chain(right).collect() } else { left };
    let mut seen = BTreeSet::new();
    let wanted = |key: &Key| match operator {
        SetOperator::Except => !right_keys.contains(key),
        SetOperator::Intersect => right_keys.contains(key),
        _ => true,
    };
    rows.into_iter()
        .filter(|row| {
            let key = Key::of_values(row);
            wanted(&key) && seen.insert(key)
        })
        .collect()
}

impl CompiledSelect {
    pub(super) fn run(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
    ) -> Result<Vec<Produced>, Fault> {
        let around = Frame { row: &[], base: 0, windows: &[], outer };
        let mut rows = self.source.rows(env, &around)?;
        if !self.filters.is_empty() {
            rows = filter_rows(rows, &self.filters, env, outer)?;
        }
        if let Some(grouping) = &self.grouping {
            rows = grouping.run(env, outer, &rows)?;
        }
        let mut windows: Vec<Vec<Value>> = Vec::new();
        for spec in &self.windows {
            windows.push(spec.values(env, outer, &rows)?);
        }
        let mut produced = Vec::with_capacity(rows.len());
        let mut seen = BTreeSet::new();
        let mut window_row = Vec::with_capacity(windows.len());
        for (at, row) in rows.iter().enumerate() {
            window_row.clear();
            window_row.extend(windows.iter().map(|values| values[at].clone()));
            let frame = Frame { row, base: 0, windows: &window_row, outer };
            let values = eval_all(&self.items, env, &frame)?;
            if self.distinct && !seen.insert(Key::of_values(&values)) {
                continue;
            }
            let extra = eval_all(&self.extra, env, &frame)?;
            produced.push(Produced { row: values.into(), extra });
        }
        Ok(produced)
    }
}

/// Keeps the rows for which all conditions hold.
pub(super) fn filter_rows(
    rows: Vec<Row>,
    filters: &[Ex],
    env: &Environment<'_>,
    outer: Option<&Frame<'_>>,
) -> Result<Vec<Row>, Fault> {
    let mut kept = Vec::with_capacity(rows.len());
    'rows: for row in rows {
        let frame = Frame::of(&row, 0, outer);
        for filter in filters {
            if filter.test(env, &frame)? != Some(true) {
                continue 'rows;
            }
        }
        kept.push(row);
    }
    Ok(kept)
}

impl CompiledGrouping {
    /// One row for each group: its keys, the mask of grouping sets if there are any, then its aggregates.
    pub(super) fn run(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        rows: &[Row],
    ) -> Result<Vec<Row>, Fault> {
        let mut keyed = Vec::with_capacity(rows.len());
        for row in rows {
            keyed.push((eval_all(&self.keys, env, &Frame::of(row, 0, outer))?, row));
        }
        let mut out = Vec::new();
        let Some(sets) = &self.sets else {
            self.groups(env, outer, keyed, None, &mut out)?;
            return Ok(out);
        };
        for set in sets {
            let mask =
                (0..self.keys.len()).filter(|at| !set.contains(at)).fold(0_i64, |mask, at| mask | 1 << at);
            let mut reduced = keyed.clone();
            for (keys, _) in &mut reduced {
                for (at, key) in keys.iter_mut().enumerate() {
                    if mask >> at & 1 == 1 {
                        *key = Value::Null;
                    }
                }
            }
            if rows.is_empty() && sets.len() == 1 && set.is_empty() {
                self.group(env, outer, vec![Value::Null; self.keys.len()], Some(mask), &[], &mut out)?;
            }
            self.groups(env, outer, reduced, Some(mask), &mut out)?;
        }
        Ok(out)
    }

    fn groups(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        keyed: Vec<(Vec<Value>, &Row)>,
        mask: Option<i64>,
        out: &mut Vec<Row>,
    ) -> Result<(), Fault> {
        let mut groups: std::collections::BTreeMap<Key, (Vec<Value>, Vec<&Row>)> =
            std::collections::BTreeMap::new();
        for (keys, row) in keyed {
            groups.entry(Key::of_values(&keys)).or_insert_with(|| (keys, Vec::new())).1.push(row);
        }
        if groups.is_empty() && self.keys.is_empty() && mask.is_none() {
            groups.insert(Key::of_values(&[]), (Vec::new(), Vec::new()));
        }
        for (_, (keys, members)) in groups {
            self.group(env, outer, keys, mask, &members, out)?;
        }
        Ok(())
    }

    fn group(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        mut values: Vec<Value>,
        mask: Option<i64>,
        members: &[&Row],
        out: &mut Vec<Row>,
    ) -> Result<(), Fault> {
        values.extend(mask.map(Value::Int));
        for aggregate in &self.aggregates {
            values.push(aggregate.value(env, outer, members)?);
        }
        let keep = match &self.having {
            Some(having) => having.test(env, &Frame::of(&values, 0, outer))? == Some(true),
            None => true,
        };
        if keep {
            out.push(values.into());
        }
        Ok(())
    }
}
