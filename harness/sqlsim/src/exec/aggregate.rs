//! Aggregates and window functions.

use super::environment::Environment;
use super::expression::{Ex, Frame, Typed, eval_all};
use super::operators::{arithmetic, compare};
use super::rows::sort_order;
use crate::engine::{Fault, Key};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{BinaryOperator, Call, ObjectName};
use crate::value::{DataType, Decimal, Length, Row, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Which aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AggregateKind {
    Count,
    CountBig,
    Sum,
    Average,
    Min,
    Max,
    StringAgg,
}

impl AggregateKind {
    /// The aggregate of that name.
    pub(super) fn by_name(name: &ObjectName) -> Option<Self> {
        if name.schema.is_some() {
            return None;
        }
        let known = [
            ("COUNT", Self::Count),
            ("COUNT_BIG", Self::CountBig),
            ("SUM", Self::Sum),
            ("AVG", Self::Average),
            ("MIN", Self::Min),
            ("MAX", Self::Max),
            ("STRING_AGG", Self::StringAgg),
        ];
        known.iter().find(|(known, _)| name.name.eq_ignore_ascii_case(known)).map(|(_, kind)| *kind)
    }
}

/// A bound aggregate.
pub(super) struct Aggregate {
    kind: AggregateKind,
    argument: Option<Ex>,
    argument_type: DataType,
    separator: Option<Ex>,
    distinct: bool,
    order: Vec<(Ex, bool)>,
    /// Its type.
    pub(super) data_type: DataType,
}

impl Aggregate {
    /// Checks arguments and settles the type.
    pub(super) fn new(
        kind: AggregateKind,
        call: &Call,
        arguments: Vec<Typed>,
        order: Vec<(Ex, bool)>,
    ) -> SqlResult<Self> {
        let expected = if kind == AggregateKind::StringAgg { 2 } else { 1 };
        let counts_rows = call.star && matches!(kind, AggregateKind::Count | AggregateKind::CountBig);
        if !counts_rows && (call.star || arguments.len() != expected) {
            return Err(error(174, 1, &[&call.name.name.to_ascii_lowercase(), &expected]));
        }
        let mut arguments = arguments.into_iter();
        let argument = arguments.next();
        let argument_type = argument.as_ref().map_or(DataType::Int, |argument| argument.data_type);
        let refused = || error(8117, 1, &[&argument_type.name(), &call.name.name.to_ascii_lowercase()]);
        let data_type = match kind {
            AggregateKind::Count => DataType::Int,
            AggregateKind::CountBig => DataType::BigInt,
            AggregateKind::Min | AggregateKind::Max if argument_type == DataType::Bit => {
                return Err(refused());
            }
            AggregateKind::Min | AggregateKind::Max => argument_type,
            AggregateKind::StringAgg => {
                if argument_type.is_national() {
                    DataType::NVarChar(Length::Max)
                } else {
                    DataType::VarChar(Length::Max)
                }
            }
            AggregateKind::Sum | AggregateKind::Average => match argument_type {
                DataType::TinyInt | DataType::SmallInt | DataType::Int => DataType::Int,
                DataType::BigInt => DataType::BigInt,
                DataType::Decimal { scale, .. } if kind == AggregateKind::Sum => {
                    DataType::Decimal { precision: 38, scale }
                }
                DataType::Decimal { scale, .. } => DataType::Decimal { precision: 38, scale: scale.max(6) },
                DataType::Money | DataType::SmallMoney => DataType::Money,
                DataType::Float | DataType::Real => DataType::Float,
                _ => return Err(refused()),
            },
        };
        Ok(Self {
            kind,
            argument: argument.map(|argument| argument.ex),
            argument_type,
            separator: arguments.next().map(|separator| separator.ex),
            distinct: call.distinct,
            order,
            data_type,
        })
    }

    /// Its value over the rows of a group.
    pub(super) fn value(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        rows: &[&Row],
    ) -> Result<Value, Fault> {
        let Some(argument) = &self.argument else { return self.count(rows.len()) };
        let mut values = Vec::with_capacity(rows.len());
        let mut seen = BTreeSet::new();
        for row in rows {
            let frame = Frame::of(row, 0, outer);
            let value = argument.eval(env, &frame)?;
            if value.is_null()
                || (self.distinct && !seen.insert(Key::of_values(std::slice::from_ref(&value))))
            {
                continue;
            }
            let order = if self.order.is_empty() {
                Vec::new()
            } else {
                self.order.iter().map(|(ex, _)| ex.eval(env, &frame)).collect::<Result<Vec<_>, _>>()?
            };
            values.push((value, order));
        }
        if !self.order.is_empty() {
            values.sort_by(|(_, a), (_, b)| sorted_by(a, b, &self.order));
        }
        let separator = match &self.separator {
            Some(separator) => match separator.eval(env, &Frame::NONE)? {
                Value::Text(text) => text.to_string(),
                _ => String::new(),
            },
            None => String::new(),
        };
        self.fold(values.into_iter().map(|(value, _)| value).collect(), &separator)
    }

    fn count(&self, rows: usize) -> Result<Value, Fault> {
        if self.kind == AggregateKind::Count && i32::try_from(rows).is_err() {
            return Err(error(8115, 2, &[&"expression", &"int"]).into());
        }
        Ok(Value::Int(i64::try_from(rows).unwrap_or(i64::MAX)))
    }

    fn fold(&self, values: Vec<Value>, separator: &str) -> Result<Value, Fault> {
        match self.kind {
            AggregateKind::Count | AggregateKind::CountBig => self.count(values.len()),
            AggregateKind::Min => Ok(extreme(values, std::cmp::Ordering::is_lt)),
            AggregateKind::Max => Ok(extreme(values, std::cmp::Ordering::is_gt)),
            AggregateKind::StringAgg if values.is_empty() => Ok(Value::Null),
            AggregateKind::StringAgg => {
                let texts: Vec<String> = values
                    .iter()
                    .map(|value| {
                        crate::value::convert::display(value, self.argument_type, 0).unwrap_or_default()
                    })
                    .collect();
                Ok(Value::Text(texts.join(separator).into()))
            }
            AggregateKind::Sum | AggregateKind::Average => {
                let count = values.len();
                let mut sum: Option<Value> = None;
                let sum_type = match self.data_type {
                    DataType::Decimal { .. } => {
                        DataType::Decimal { precision: 38, scale: self.argument_type.decimal_shape().1 }
                    }
                    other => other,
                };
                for value in values {
                    sum = Some(match sum {
                        None => crate::value::convert::convert(&value, self.argument_type, sum_type, 0)?,
                        Some(sum) => arithmetic(
                            BinaryOperator::Add,
                            (&sum, sum_type),
                            (&value, self.argument_type),
                            sum_type,
                        )?,
                    });
                }
                let Some(sum) = sum else { return Ok(Value::Null) };
                if self.kind == AggregateKind::Sum { Ok(sum) } else { self.average(sum, count) }
            }
        }
    }

    fn average(&self, sum: Value, count: usize) -> Result<Value, Fault> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        Ok(match sum {
            Value::Int(n) => Value::Int(n / count),
            Value::Money(m) => Value::Money(m / count),
            Value::Float(f) => Value::Float(f / count as f64),
            Value::Decimal(d) => {
                let scale = self.data_type.decimal_shape().1;
                let overflow = || error(8115, 2, &[&"expression", &"numeric"]);
                Value::Decimal(d.divide(Decimal::whole(count), scale).ok_or_else(overflow)?)
            }
            other => other,
        })
    }
}

fn extreme(values: Vec<Value>, better: fn(std::cmp::Ordering) -> bool) -> Value {
    let mut best = Value::Null;
    for value in values {
        if best.is_null() || compare(&value, &best).is_some_and(better) {
            best = value;
        }
    }
    best
}

fn sorted_by(a: &[Value], b: &[Value], order: &[(Ex, bool)]) -> std::cmp::Ordering {
    for ((a, b), (_, descending)) in a.iter().zip(b).zip(order) {
        let found = sort_order(a, b);
        if found.is_ne() {
            return if *descending { found.reverse() } else { found };
        }
    }
    std::cmp::Ordering::Equal
}

/// Which window function.
enum WindowKind {
    RowNumber,
    Rank,
    DenseRank,
    NTile,
    /// LAG (-1) and LEAD (1).
    Neighbour(i64),
    FirstValue,
    LastValue,
    Aggregate(Box<Aggregate>),
}

/// A bound window function.
pub(super) struct WindowSpec {
    kind: WindowKind,
    arguments: Vec<Ex>,
    partition: Vec<Ex>,
    order: Vec<(Ex, bool)>,
    /// Its type.
    pub(super) data_type: DataType,
}

impl WindowSpec {
    /// Checks arguments and settles the type.
    pub(super) fn new(
        call: &Call,
        mut arguments: Vec<Typed>,
        partition: Vec<Ex>,
        order: Vec<(Ex, bool)>,
    ) -> SqlResult<Self> {
        let name = call.name.name.to_ascii_uppercase();
        let first_type = arguments.first().map_or(DataType::Int, |argument| argument.data_type);
        let needs_order =
            |kind| if order.is_empty() { Err(error(4112, 1, &[&call.name.name])) } else { Ok(kind) };
        let (kind, data_type) = match &*name {
            "ROW_NUMBER" => (needs_order(WindowKind::RowNumber)?, DataType::BigInt),
            "RANK" => (needs_order(WindowKind::Rank)?, DataType::BigInt),
            "DENSE_RANK" => (needs_order(WindowKind::DenseRank)?, DataType::BigInt),
            "NTILE" => (needs_order(WindowKind::NTile)?, DataType::BigInt),
            "LAG" => (needs_order(WindowKind::Neighbour(-1))?, first_type),
            "LEAD" => (needs_order(WindowKind::Neighbour(1))?, first_type),
            "FIRST_VALUE" => (needs_order(WindowKind::FirstValue)?, first_type),
            "LAST_VALUE" => (needs_order(WindowKind::LastValue)?, first_type),
            _ => {
                let kind = AggregateKind::by_name(&call.name)
                    .ok_or_else(|| error(195, 10, &[&call.name.name, &"function name"]))?;
                let aggregate = Aggregate::new(kind, call, std::mem::take(&mut arguments), Vec::new())?;
                let data_type = aggregate.data_type;
                (WindowKind::Aggregate(Box::new(aggregate)), data_type)
            }
        };
        let arguments = arguments.into_iter().map(|argument| argument.ex).collect();
        Ok(Self { kind, arguments, partition, order, data_type })
    }

    /// Its value for every row.
    pub(super) fn values(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        rows: &[Row],
    ) -> Result<Vec<Value>, Fault> {
        let mut partitions: BTreeMap<Key, Vec<(usize, Vec<Value>)>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            let frame = Frame::of(row, 0, outer);
            let key = Key::of_values(&eval_all(&self.partition, env, &frame)?);
            let order =
                self.order.iter().map(|(ex, _)| ex.eval(env, &frame)).collect::<Result<Vec<_>, _>>()?;
            partitions.entry(key).or_default().push((at, order));
        }
        let mut values = vec![Value::Null; rows.len()];
        for (_, mut members) in partitions {
            members.sort_by(|(_, a), (_, b)| sorted_by(a, b, &self.order));
            self.partition_values(env, outer, rows, &members, &mut values)?;
        }
        Ok(values)
    }

    fn partition_values(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        rows: &[Row],
        members: &[(usize, Vec<Value>)],
        values: &mut [Value],
    ) -> Result<(), Fault> {
        let argument = |place: usize, at: usize| -> Result<Value, Fault> {
            let Some(ex) = self.arguments.get(at) else { return Ok(Value::Null) };
            ex.eval(env, &Frame::of(&rows[members[place].0], 0, outer))
        };
        let (mut rank, mut dense) = (0_i64, 0_i64);
        for place in 0..members.len() {
            let first_peer =
                place == 0 || sorted_by(&members[place - 1].1, &members[place].1, &self.order).is_ne();
            if first_peer {
                rank = place as i64 + 1;
                dense += 1;
            }
            let value = match &self.kind {
                WindowKind::RowNumber => Value::Int(place as i64 + 1),
                WindowKind::Rank => Value::Int(rank),
                WindowKind::DenseRank => Value::Int(dense),
                WindowKind::NTile => match argument(place, 0)? {
                    Value::Int(tiles) if tiles > 0 => Value::Int(tile(place, members.len(), tiles)),
                    _ => return Err(error(4119, 1, &[]).into()),
                },
                WindowKind::Neighbour(direction) => {
                    let offset = match argument(place, 1)? {
                        Value::Int(offset) => offset,
                        _ => 1,
                    };
                    let at = usize::try_from(place as i64 + direction * offset)
                        .ok()
                        .filter(|at| *at < members.len());
                    match at {
                        Some(at) => argument(at, 0)?,
                        None => argument(place, 2)?,
                    }
                }
                WindowKind::FirstValue => argument(0, 0)?,
                WindowKind::LastValue => argument(self.last_peer(members, place), 0)?,
                WindowKind::Aggregate(aggregate) => {
                    if !first_peer || (self.order.is_empty() && place > 0) {
                        values[members[place - 1].0].clone()
                    } else {
                        let end = if self.order.is_empty() {
                            members.len()
                        } else {
                            self.last_peer(members, place) + 1
                        };
                        let group: Vec<&Row> = members[..end].iter().map(|(at, _)| &rows[*at]).collect();
                        aggregate.value(env, outer, &group)?
                    }
                }
            };
            values[members[place].0] = value;
        }
        Ok(())
    }

    fn last_peer(&self, members: &[(usize, Vec<Value>)], place: usize) -> usize {
        let mut last = place;
        while last + 1 < members.len()
            && sorted_by(&members[last].1, &members[last + 1].1, &self.order).is_eq()
        {
            last += 1;
        }
        last
    }
}

/// The tile of a row: the first tiles get one row more.
fn tile(place: usize, rows: usize, tiles: i64) -> i64 {
    let (rows, place) = (rows as i64, place as i64);
    let (size, larger) = (rows / tiles, rows % tiles);
    let boundary = larger * (size + 1);
    if place < boundary { place / (size + 1) + 1 } else { larger + (place - boundary) / size.max(1) + 1 }
}
