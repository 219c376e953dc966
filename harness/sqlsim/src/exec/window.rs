//! Window functions: partitions, peers, frames.

use super::aggregate::{Aggregate, AggregateKind, Gathered, sorted_by};
use super::environment::Environment;
use super::expression::{Ex, Frame, Typed, eval_all};
use super::rows::sort_order;
use crate::engine::{Fault, Key};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Call, FrameBound, WindowFrame};
use crate::value::{DataType, Row, Value, convert};
use std::collections::BTreeMap;
use std::ops::Range;

/// Which window function.
enum WindowKind {
    RowNumber,
    Rank,
    DenseRank,
    NTile,
    PercentRank,
    CumulativeDistribution,
    /// LAG (-1) and LEAD (1).
    Neighbour(i64),
    FirstValue,
    LastValue,
    /// PERCENTILE_CONT (true) and PERCENTILE_DISC.
    Percentile {
        continuous: bool,
        from: DataType,
    },
    Aggregate(Box<Aggregate>),
}

/// A bound window function.
pub(super) struct WindowSpec {
    kind: WindowKind,
    arguments: Vec<Ex>,
    partition: Vec<Ex>,
    order: Vec<(Ex, bool)>,
    frame: Option<WindowFrame>,
    /// Its type.
    pub(super) data_type: DataType,
}

/// What a window is bound from, besides the call.
pub(super) struct WindowParts {
    pub(super) arguments: Vec<Typed>,
    pub(super) partition: Vec<Ex>,
    pub(super) order: Vec<(Ex, bool)>,
    pub(super) frame: Option<WindowFrame>,
    /// WITHIN GROUP (ORDER BY …): its one value.
    pub(super) within: Option<(Typed, bool)>,
}

/// A row of a partition: its place among all rows, and what it is sorted by.
type Member = (usize, Vec<Value>);

impl WindowSpec {
    /// Checks arguments and settles the type.
    pub(super) fn new(call: &Call, mut parts: WindowParts) -> SqlResult<Self> {
        let name = call.name.name.to_ascii_uppercase();
        let first_type = parts.arguments.first().map_or(DataType::Int, |argument| argument.data_type);
        let ordered = !parts.order.is_empty();
        let shown = &call.name.name;
        let count = parts.arguments.len();
        let expect = |allowed: Range<usize>| {
            if allowed.contains(&count) {
                Ok(())
            } else {
                Err(error(174, 1, &[&shown.to_ascii_lowercase(), &(allowed.end - 1)]))
            }
        };
        let needs_order = |kind| if ordered { Ok(kind) } else { Err(error(4112, 1, &[shown])) };
        let (kind, data_type, allowed) = match &*name {
            "ROW_NUMBER" => (needs_order(WindowKind::RowNumber)?, DataType::BigInt, 0..1),
            "RANK" => (needs_order(WindowKind::Rank)?, DataType::BigInt, 0..1),
            "DENSE_RANK" => (needs_order(WindowKind::DenseRank)?, DataType::BigInt, 0..1),
            "NTILE" => (needs_order(WindowKind::NTile)?, DataType::BigInt, 1..2),
            "PERCENT_RANK" => (needs_order(WindowKind::PercentRank)?, DataType::Float, 0..1),
            "CUME_DIST" => (needs_order(WindowKind::CumulativeDistribution)?, DataType::Float, 0..1),
            "LAG" => (needs_order(WindowKind::Neighbour(-1))?, first_type, 1..4),
            "LEAD" => (needs_order(WindowKind::Neighbour(1))?, first_type, 1..4),
            "FIRST_VALUE" => (needs_order(WindowKind::FirstValue)?, first_type, 1..2),
            "LAST_VALUE" => (needs_order(WindowKind::LastValue)?, first_type, 1..2),
            "PERCENTILE_CONT" | "PERCENTILE_DISC" => {
                let Some((value, descending)) = parts.within.take() else {
                    return Err(error(10_754, 1, &[shown]));
                };
                let continuous = &*name == "PERCENTILE_CONT";
                let from = value.data_type;
                parts.order = vec![(value.ex, descending)];
                let data_type = if continuous { DataType::Float } else { from };
                (WindowKind::Percentile { continuous, from }, data_type, 1..2)
            }
            _ => {
                let kind = AggregateKind::by_name(&call.name).ok_or_else(|| error(4113, 1, &[shown]))?;
                if call.distinct {
                    return Err(error(10_759, 1, &[]));
                }
                if kind == AggregateKind::StringAgg {
                    return Err(error(4113, 1, &[shown]));
                }
                let aggregate = Aggregate::new(kind, call, std::mem::take(&mut parts.arguments), Vec::new())?;
                let data_type = aggregate.data_type;
                (WindowKind::Aggregate(Box::new(aggregate)), data_type, 0..3)
            }
        };
        expect(allowed)?;
        let framed =
            matches!(kind, WindowKind::Aggregate(_) | WindowKind::FirstValue | WindowKind::LastValue);
        if parts.frame.is_some() && !framed {
            return Err(error(10_752, 3, &[shown]));
        }
        let is_neighbour = matches!(kind, WindowKind::Neighbour(_));
        let mut arguments = Vec::with_capacity(parts.arguments.len());
        for (at, argument) in parts.arguments.into_iter().enumerate() {
            // LAG's default has the type of its value.
            arguments.push(if is_neighbour && at == 2 {
                argument.converted(first_type)
            } else {
                argument.ex
            });
        }
        let (partition, order, frame) = (parts.partition, parts.order, parts.frame);
        Ok(Self { kind, arguments, partition, order, frame, data_type })
    }

    /// Whether it only counts rows, in whatever order they come: `ROW_NUMBER() OVER (ORDER BY (SELECT NULL))`.
    pub(super) fn is_running_number(&self) -> bool {
        matches!(self.kind, WindowKind::RowNumber)
            && self.partition.is_empty()
            && self.order.iter().all(|(ex, _)| ex.is_same_for_all_rows())
    }

    /// Its value for every row.
    pub(super) fn values(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        rows: &[Row],
    ) -> Result<Vec<Value>, Fault> {
        let mut partitions: BTreeMap<Key, Vec<Member>> = BTreeMap::new();
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
            let part = Partition { spec: self, env, outer, rows, members: &members };
            match &self.kind {
                WindowKind::Aggregate(aggregate) => part.aggregate(aggregate, &mut values)?,
                WindowKind::Percentile { continuous, from } => {
                    let value = part.percentile(*continuous, *from)?;
                    for (at, _) in &members {
                        values[*at] = value.clone();
                    }
                }
                _ => part.ranks(&mut values)?,
            }
        }
        Ok(values)
    }
}

/// The rows of one partition, in order.
struct Partition<'p> {
    spec: &'p WindowSpec,
    env: &'p Environment<'p>,
    outer: Option<&'p Frame<'p>>,
    rows: &'p [Row],
    members: &'p [Member],
}

impl Partition<'_> {
    fn argument(&self, place: usize, at: usize) -> Result<Value, Fault> {
        let Some(ex) = self.spec.arguments.get(at) else { return Ok(Value::Null) };
        ex.eval(self.env, &Frame::of(&self.rows[self.members[place].0], 0, self.outer))
    }

    fn is_first_peer(&self, place: usize) -> bool {
        place == 0 || sorted_by(&self.members[place - 1].1, &self.members[place].1, &self.spec.order).is_ne()
    }

    fn first_peer(&self, mut place: usize) -> usize {
        while !self.is_first_peer(place) {
            place -= 1;
        }
        place
    }

    fn behind_peers(&self, mut place: usize) -> usize {
        loop {
            place += 1;
            if place >= self.members.len() || self.is_first_peer(place) {
                return place;
            }
        }
    }

    /// Functions that look at places rather than gather values.
    fn ranks(&self, values: &mut [Value]) -> Result<(), Fault> {
        let count = self.members.len();
        let (mut rank, mut dense, mut end) = (0, 0, 0);
        for place in 0..count {
            if self.is_first_peer(place) {
                rank = place;
                dense += 1;
                end = place;
            }
            let value = match &self.spec.kind {
                WindowKind::RowNumber => Value::Int(place as i64 + 1),
                WindowKind::Rank => Value::Int(rank as i64 + 1),
                WindowKind::DenseRank => Value::Int(dense),
                WindowKind::NTile => match self.argument(place, 0)? {
                    Value::Int(tiles) if tiles > 0 => Value::Int(tile(place, count, tiles)),
                    _ => return Err(error(4119, 1, &[]).into()),
                },
                WindowKind::PercentRank if count < 2 => Value::Float(0.0),
                WindowKind::PercentRank => Value::Float(rank as f64 / (count - 1) as f64),
                WindowKind::CumulativeDistribution => {
                    if end <= place {
                        end = self.behind_peers(place);
                    }
                    Value::Float(end as f64 / count as f64)
                }
                WindowKind::Neighbour(direction) => self.neighbour(place, *direction)?,
                WindowKind::FirstValue => self.at_end_of_frame(place, true)?,
                _ => self.at_end_of_frame(place, false)?,
            };
            values[self.members[place].0] = value;
        }
        Ok(())
    }

    fn neighbour(&self, place: usize, direction: i64) -> Result<Value, Fault> {
        let offset = match self.argument(place, 1)? {
            Value::Int(offset) if offset < 0 => return Err(error(8730, 1, &[]).into()),
            Value::Int(offset) => offset,
            _ => 1,
        };
        let at = (place as i64).checked_add(direction * offset).and_then(|at| usize::try_from(at).ok());
        match at.filter(|at| *at < self.members.len()) {
            Some(at) => self.argument(at, 0),
            None => self.argument(place, 2),
        }
    }

    fn at_end_of_frame(&self, place: usize, first: bool) -> Result<Value, Fault> {
        let frame = self.frame(place);
        match (frame.is_empty(), first) {
            (true, _) => Ok(Value::Null),
            (false, true) => self.argument(frame.start, 0),
            (false, false) => self.argument(frame.end - 1, 0),
        }
    }

    /// The frame of a row. Without ROWS or RANGE: up to the row's last peer, or all of it when nothing sorts.
    fn frame(&self, place: usize) -> Range<usize> {
        let count = self.members.len();
        if self.spec.order.is_empty() {
            return 0..count;
        }
        let frame = self.spec.frame.unwrap_or(WindowFrame {
            rows: false,
            start: FrameBound::UnboundedPreceding,
            end: FrameBound::Offset(0),
        });
        let shifted = |offset: i64| {
            usize::try_from((place as i64).saturating_add(offset).max(0)).unwrap_or(0).min(count)
        };
        let start = match frame.start {
            FrameBound::UnboundedPreceding => 0,
            FrameBound::UnboundedFollowing => count,
            FrameBound::Offset(_) if !frame.rows => self.first_peer(place),
            FrameBound::Offset(offset) => shifted(offset),
        };
        let end = match frame.end {
            FrameBound::UnboundedPreceding => 0,
            FrameBound::UnboundedFollowing => count,
            FrameBound::Offset(_) if !frame.rows => self.behind_peers(place),
            FrameBound::Offset(offset) => shifted(offset.saturating_add(1)),
        };
        start.min(end)..end
    }

    /// An aggregate over every row's frame. Frames that only grow are gathered once.
    fn aggregate(&self, aggregate: &Aggregate, values: &mut [Value]) -> Result<(), Fault> {
        let mut gathered = Gathered::new();
        let mut held = 0..0;
        let mut last: Option<(Range<usize>, Value)> = None;
        for place in 0..self.members.len() {
            let frame = match &last {
                // Peers share their frame, and so does a partition that nothing sorts.
                Some((frame, _))
                    if self.spec.frame.is_none_or(|frame| !frame.rows) && !self.is_first_peer(place) =>
                {
                    frame.clone()
                }
                _ => self.frame(place),
            };
            if let Some((known, value)) = &last
                && *known == frame
            {
                values[self.members[place].0] = value.clone();
                continue;
            }
            if held.is_empty() || held.start != frame.start || frame.end < held.end {
                gathered = Gathered::new();
                held = frame.start..frame.start;
            }
            for at in held.end..frame.end {
                let row = &self.rows[self.members[at].0];
                gathered.add(aggregate, aggregate.contribution(self.env, &Frame::of(row, 0, self.outer))?)?;
            }
            held = frame.clone();
            let value = gathered.value(aggregate, self.env)?;
            values[self.members[place].0] = value.clone();
            last = Some((frame, value));
        }
        Ok(())
    }

    /// PERCENTILE_CONT interpolates, PERCENTILE_DISC takes the first value whose distribution reaches the fraction.
    fn percentile(&self, continuous: bool, from: DataType) -> Result<Value, Fault> {
        let fraction = match self.argument(0, 0)? {
            Value::Decimal(d) => d.to_f64(),
            Value::Float(f) => f,
            Value::Int(n) => n as f64,
            _ => -1.0,
        };
        if !(0.0..=1.0).contains(&fraction) {
            return Err(error(1031, 1, &[]).into());
        }
        let mut sorted: Vec<&Value> = self.members.iter().filter_map(|(_, order)| order.first()).collect();
        sorted.retain(|value| !value.is_null());
        sorted.sort_by(|a, b| sort_order(a, b));
        if self.spec.order.first().is_some_and(|(_, descending)| *descending) {
            sorted.reverse();
        }
        let Some(last) = sorted.len().checked_sub(1) else { return Ok(Value::Null) };
        if !continuous {
            let at = ((fraction * sorted.len() as f64).ceil() as usize).saturating_sub(1).min(last);
            return Ok(sorted[at].clone());
        }
        let place = fraction * last as f64;
        let float = |at: usize| match convert::convert(sorted[at], from, DataType::Float, 0) {
            Ok(Value::Float(f)) => Ok(f),
            Ok(_) => Ok(0.0),
            Err(e) => Err(e),
        };
        let (low, high) = (float(place.floor() as usize)?, float(place.ceil() as usize)?);
        Ok(Value::Float(low + (high - low) * place.fract()))
    }
}

/// The tile of a row: the first tiles get one row more.
fn tile(place: usize, rows: usize, tiles: i64) -> i64 {
    let (rows, place) = (rows as i64, place as i64);
    let (size, larger) = (rows / tiles, rows % tiles);
    let boundary = larger * (size + 1);
    if place < boundary { place / (size + 1) + 1 } else { larger + (place - boundary) / size.max(1) + 1 }
}
