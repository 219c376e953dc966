//! Which conditions a table answers by itself, and which by an index.

use super::environment::Environment;
use super::expression::{Ex, Frame};
use super::source::{Node, Seek, TableNode};
use crate::engine::{Fault, Key, TableDef};
use crate::tsql::ast::Comparison;
use crate::value::{DataType, Value};
use std::ops::Bound;

/// Gives a source the conditions that concern it alone, or that it can look up by; returns the others.
/// Columns from `outer_base` up to `own.start` belong to the row on the left of a join.
pub(super) fn push_filters(
    node: &mut Node,
    conditions: Vec<Ex>,
    own: std::ops::Range<usize>,
    outer_base: usize,
) -> Vec<Ex> {
    let Node::Table(table) = node else { return conditions };
    let mut rest = Vec::new();
    let mut look_ups = Vec::new();
    for condition in conditions {
        let (mut inside, mut outside) = (false, false);
        let complete = condition.own_columns(&mut |ordinal| {
            if own.contains(&ordinal) { inside = true } else { outside = true }
        });
        match () {
            () if complete && inside && !outside => table.filters.push(condition),
            () if complete && inside && own.start > outer_base => look_ups.push(condition),
            () => rest.push(condition),
        }
    }
    table.choose_seek(&look_ups, &own);
    rest.extend(look_ups);
    rest
}

/// A comparison of one of the table's columns with something that does not depend on the table.
pub(super) fn column_comparison(
    condition: &Ex,
    own: &std::ops::Range<usize>,
) -> Option<(usize, Comparison, bool)> {
    let Ex::Compare(comparison, left, right) = condition else { return None };
    let independent = |ex: &Ex| {
        let mut free = true;
        ex.own_columns(&mut |ordinal| free &= !own.contains(&ordinal)) && free
    };
    match (&**left, &**right) {
        (Ex::Column { depth: 0, ordinal }, other) if own.contains(ordinal) && independent(other) => {
            Some((*ordinal - own.start, *comparison, true))
        }
        (other, Ex::Column { depth: 0, ordinal }) if own.contains(ordinal) && independent(other) => {
            Some((*ordinal - own.start, flip(*comparison), false))
        }
        _ => None,
    }
}

pub(super) fn flip(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

impl TableNode {
    /// Chooses the index whose longest prefix is compared for equality, then perhaps a range.
    /// Conditions that were used stay among the filters: they are checked again on the few rows found.
    pub(super) fn choose_seek(&mut self, look_ups: &[Ex], own: &std::ops::Range<usize>) {
        let own = own.start..own.start + self.def.columns.len();
        let candidates: Vec<(usize, Comparison)> = self
            .filters
            .iter()
            .chain(look_ups.iter())
            .filter_map(|condition| column_comparison(condition, &own).map(|(column, c, _)| (column, c)))
            .collect();
        let score = |index: usize| {
            let columns = &self.def.indexes[index].columns;
            let equal = columns
                .iter()
                .take_while(|column| candidates.contains(&(column.ordinal, Comparison::Equal)))
                .count();
            let ranged = columns.get(equal).is_some_and(|column| {
                candidates.iter().any(|(c, comparison)| {
                    *c == column.ordinal && !matches!(comparison, Comparison::Equal | Comparison::NotEqual)
                })
            });
            (equal, ranged)
        };
        let best = (0..self.def.indexes.len()).max_by_key(|index| (score(*index), std::cmp::Reverse(*index)));
        let Some(index) = best.filter(|index| score(*index) > (0, false)) else { return };
        let (equal, ranged) = score(index);
        let columns = self.def.indexes[index].columns.clone();
        let mut seek = Seek { index, equal: Vec::new(), low: None, high: None };
        for column in columns.iter().take(equal) {
            if let Some(ex) = self.take_bound(look_ups, &own, column.ordinal, &[Comparison::Equal]) {
                seek.equal.push(ex);
            }
        }
        if seek.equal.len() < equal {
            return;
        }
        if ranged {
            let column = columns[equal].ordinal;
            let above = [Comparison::Greater, Comparison::GreaterOrEqual];
            let below = [Comparison::Less, Comparison::LessOrEqual];
            seek.low = self.take_bound(look_ups, &own, column, &above);
            seek.high = self.take_bound(look_ups, &own, column, &below);
        }
        self.seek = Some(seek);
        // Conditions against the left row are filters now: the table checks them on the joined frame.
    }

    /// Copies the other side of a comparison of `column`, converted to the column's type.
    pub(super) fn take_bound(
        &self,
        look_ups: &[Ex],
        own: &std::ops::Range<usize>,
        column: usize,
        wanted: &[Comparison],
    ) -> Option<Ex> {
        for condition in self.filters.iter().chain(look_ups.iter()) {
            let Some((found, comparison, column_left)) = column_comparison(condition, own) else { continue };
            if found != column || !wanted.contains(&comparison) {
                continue;
            }
            let Ex::Compare(_, left, right) = condition else { continue };
            let other = if column_left { right } else { left };
            return copy_simple(other);
        }
        None
    }
}

/// A copy of an expression that a look-up can use.
pub(super) fn copy_simple(ex: &Ex) -> Option<Ex> {
    Some(match ex {
        Ex::Constant(value) => Ex::Constant(value.clone()),
        Ex::Variable(slot) => Ex::Variable(*slot),
        Ex::SystemVariable(variable) => Ex::SystemVariable(*variable),
        Ex::Column { depth, ordinal } => Ex::Column { depth: *depth, ordinal: *ordinal },
        Ex::Convert { value, from, to, style: None, is_try, is_explicit } => Ex::Convert {
            value: Box::new(copy_simple(value)?),
            from: *from,
            to: *to,
            style: None,
            is_try: *is_try,
            is_explicit: *is_explicit,
        },
        _ => return None,
    })
}

pub(super) type SeekKeys = (Key, Bound<Key>, Bound<Key>);

impl Seek {
    /// The keys to look up; `None` when a NULL makes every comparison unknown.
    pub(super) fn keys(
        &self,
        env: &Environment<'_>,
        left: &Frame<'_>,
        def: &TableDef,
    ) -> Result<Option<SeekKeys>, Fault> {
        let columns = &def.indexes[self.index].columns;
        let typed = |ex: &Ex, at: usize| -> Result<Option<Value>, Fault> {
            let value = ex.eval(env, left)?;
            let to = def.columns[columns[at].ordinal].meta.data_type;
            Ok(fit_key(value, to))
        };
        let mut prefix = Vec::with_capacity(self.equal.len() + 1);
        for (at, ex) in self.equal.iter().enumerate() {
            let Some(value) = typed(ex, at)? else { return Ok(None) };
            prefix.push(value);
        }
        let equal = Key::of_values(&prefix);
        let mut bound = |side: &Option<Ex>| -> Result<Option<Bound<Key>>, Fault> {
            let Some(ex) = side else {
                let whole = if prefix.is_empty() { Bound::Unbounded } else { Bound::Included(equal.clone()) };
                return Ok(Some(whole));
            };
            let Some(value) = typed(ex, self.equal.len())? else { return Ok(None) };
            prefix.push(value);
            let key = Key::of_values(&prefix);
            prefix.pop();
            Ok(Some(Bound::Included(key)))
        };
        let (Some(low), Some(high)) = (bound(&self.low)?, bound(&self.high)?) else { return Ok(None) };
        Ok(Some((equal, low, high)))
    }
}

/// A value in the form in which a column of type `to` is indexed; `None` for NULL.
pub(super) fn fit_key(value: Value, to: DataType) -> Option<Value> {
    let from = match &value {
        Value::Null => return None,
        Value::Int(_) => DataType::BigInt,
        Value::Decimal(d) => d.literal_type(),
        Value::Bit(_) => DataType::Bit,
        Value::Money(_) => DataType::Money,
        Value::Float(_) => DataType::Float,
        Value::Real(_) => DataType::Real,
        _ => return Some(value),
    };
    let whole = matches!(to, DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt);
    match (&value, to) {
        (Value::Int(_), _) if whole => Some(value),
        _ => crate::value::convert::convert(&value, from, to, 0).ok().or(Some(value)),
    }
}
