//! Aggregates: which there are, their types, and how values are gathered one by one.

use super::environment::Environment;
use super::expression::{Ex, Frame, Typed};
use super::operators::{arithmetic, compare};
use super::rows::sort_order;
use crate::engine::{Fault, Key};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{BinaryOperator, Call, ObjectName};
use crate::value::{DataType, Decimal, Length, Value, convert};
use std::collections::BTreeSet;

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
    /// STDEV, VAR: of a sample, or of a whole population; of the deviation, or of its square.
    Spread {
        population: bool,
        root: bool,
    },
    ChecksumAgg,
}

impl AggregateKind {
    /// The aggregate of that name.
    pub(super) fn by_name(name: &ObjectName) -> Option<Self> {
        if name.schema.is_some() {
            return None;
        }
        let spread = |population, root| Self::Spread { population, root };
        let known = [
            ("COUNT", Self::Count),
            ("COUNT_BIG", Self::CountBig),
            ("SUM", Self::Sum),
            ("AVG", Self::Average),
            ("MIN", Self::Min),
            ("MAX", Self::Max),
            ("STRING_AGG", Self::StringAgg),
            ("STDEV", spread(false, true)),
            ("STDEVP", spread(true, true)),
            ("VAR", spread(false, false)),
            ("VARP", spread(true, false)),
            ("CHECKSUM_AGG", Self::ChecksumAgg),
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
            AggregateKind::Spread { .. } if argument_type.is_number() && argument_type != DataType::Bit => {
                DataType::Float
            }
            AggregateKind::ChecksumAgg
                if matches!(argument_type, DataType::TinyInt | DataType::SmallInt | DataType::Int) =>
            {
                DataType::Int
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
            AggregateKind::Spread { .. } | AggregateKind::ChecksumAgg => return Err(refused()),
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

    /// What one row adds, to be handed to [`Gathered::add`].
    pub(super) fn contribution(
        &self,
        env: &Environment<'_>,
        frame: &Frame<'_>,
    ) -> Result<Contribution, Fault> {
        let Some(argument) = &self.argument else { return Ok(Contribution::default()) };
        let value = argument.eval(env, frame)?;
        let order = if self.order.is_empty() || value.is_null() {
            Vec::new()
        } else {
            self.order.iter().map(|(ex, _)| ex.eval(env, frame)).collect::<Result<_, _>>()?
        };
        Ok(Contribution { value, order })
    }
}

/// What one row adds to an aggregate.
#[derive(Clone, Debug)]
pub(super) struct Contribution {
    value: Value,
    order: Vec<Value>,
}

impl Default for Contribution {
    fn default() -> Self {
        Self { value: Value::Null, order: Vec::new() }
    }
}

/// Values on their way to an aggregate's result. More may be added after a look at it.
pub(super) struct Gathered {
    count: usize,
    sum: Option<Value>,
    best: Value,
    seen: BTreeSet<Key>,
    texts: Vec<(String, Vec<Value>)>,
    checksum: i64,
    mean: f64,
    squares: f64,
}

impl Gathered {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            count: 0,
            sum: None,
            best: Value::Null,
            seen: BTreeSet::new(),
            texts: Vec::new(),
            checksum: 0,
            mean: 0.0,
            squares: 0.0,
        }
    }

    /// Adds what a row contributes. Gives the bytes that are held for it from now on.
    pub(super) fn add(&mut self, aggregate: &Aggregate, row: Contribution) -> SqlResult<usize> {
        if aggregate.argument.is_none() {
            self.count += 1;
            return Ok(0);
        }
        let Contribution { value, order } = row;
        if value.is_null() {
            return Ok(0);
        }
        let mut held = 0;
        if aggregate.distinct {
            if !self.seen.insert(Key::of_values(std::slice::from_ref(&value))) {
                return Ok(0);
            }
            held = size_of::<Key>() + 64;
        }
        self.count += 1;
        match aggregate.kind {
            AggregateKind::Count | AggregateKind::CountBig => {}
            AggregateKind::Min => self.keep_if(value, std::cmp::Ordering::is_lt),
            AggregateKind::Max => self.keep_if(value, std::cmp::Ordering::is_gt),
            AggregateKind::Sum | AggregateKind::Average => self.add_to_sum(aggregate, &value)?,
            AggregateKind::ChecksumAgg => {
                if let Value::Int(n) = value {
                    self.checksum ^= n;
                }
            }
            AggregateKind::Spread { .. } => {
                let Value::Float(x) = convert::convert(&value, aggregate.argument_type, DataType::Float, 0)?
                else {
                    return Ok(held);
                };
                let before = x - self.mean;
                self.mean += before / self.count as f64;
                self.squares += before * (x - self.mean);
            }
            AggregateKind::StringAgg => {
                let text = convert::display(&value, aggregate.argument_type, 0).unwrap_or_default();
                held += text.len() + size_of_val(&*order) + size_of::<(String, Vec<Value>)>();
                self.texts.push((text, order));
            }
        }
        Ok(held)
    }

    fn keep_if(&mut self, value: Value, better: fn(std::cmp::Ordering) -> bool) {
        if self.best.is_null() || compare(&value, &self.best).is_some_and(better) {
            self.best = value;
        }
    }

    fn add_to_sum(&mut self, aggregate: &Aggregate, value: &Value) -> SqlResult<()> {
        let from = aggregate.argument_type;
        let sum_type = match aggregate.data_type {
            DataType::Decimal { .. } => DataType::Decimal { precision: 38, scale: from.decimal_shape().1 },
            other => other,
        };
        self.sum = Some(match &self.sum {
            None => convert::convert(value, from, sum_type, 0)?,
            Some(sum) => arithmetic(BinaryOperator::Add, (sum, sum_type), (value, from), sum_type)?,
        });
        Ok(())
    }

    /// The aggregate of what was added so far.
    pub(super) fn value(&mut self, aggregate: &Aggregate, env: &Environment<'_>) -> Result<Value, Fault> {
        Ok(match aggregate.kind {
            AggregateKind::Count if i32::try_from(self.count).is_err() => {
                return Err(error(8115, 2, &[&"expression", &"int"]).into());
            }
            AggregateKind::Count | AggregateKind::CountBig => {
                Value::Int(i64::try_from(self.count).unwrap_or(i64::MAX))
            }
            AggregateKind::Min | AggregateKind::Max => self.best.clone(),
            _ if self.count == 0 => Value::Null,
            AggregateKind::Sum => self.sum.clone().unwrap_or(Value::Null),
            AggregateKind::Average => match &self.sum {
                Some(sum) => average(sum, self.count, aggregate.data_type)?,
                None => Value::Null,
            },
            AggregateKind::ChecksumAgg => Value::Int(self.checksum),
            AggregateKind::Spread { population, root } => {
                let among = if population { self.count } else { self.count - 1 };
                if among == 0 {
                    return Ok(Value::Null);
                }
                let variance = self.squares / among as f64;
                Value::Float(if root { variance.sqrt() } else { variance })
            }
            AggregateKind::StringAgg => {
                if !aggregate.order.is_empty() {
                    self.texts.sort_by(|(_, a), (_, b)| sorted_by(a, b, &aggregate.order));
                }
                let separator = match &aggregate.separator {
                    Some(separator) => match separator.eval(env, &Frame::NONE)? {
                        Value::Text(text) => text.to_string(),
                        _ => String::new(),
                    },
                    None => String::new(),
                };
                let texts: Vec<&str> = self.texts.iter().map(|(text, _)| text.as_str()).collect();
                Value::Text(texts.join(&separator).into())
            }
        })
    }
}

fn average(sum: &Value, count: usize, data_type: DataType) -> SqlResult<Value> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(match sum {
        Value::Int(n) => Value::Int(n / count),
        Value::Money(m) => Value::Money(m / count),
        Value::Float(f) => Value::Float(f / count as f64),
        Value::Decimal(d) => {
            let overflow = || error(8115, 2, &[&"expression", &"numeric"]);
            let scale = data_type.decimal_shape().1;
            Value::Decimal(d.divide(Decimal::whole(count), scale).ok_or_else(overflow)?)
        }
        other => other.clone(),
    })
}

/// Compares two rows by the values of an ORDER BY.
pub(super) fn sorted_by(a: &[Value], b: &[Value], order: &[(Ex, bool)]) -> std::cmp::Ordering {
    for ((a, b), (_, descending)) in a.iter().zip(b).zip(order) {
        let found = sort_order(a, b);
        if found.is_ne() {
            return if *descending { found.reverse() } else { found };
        }
    }
    std::cmp::Ordering::Equal
}
