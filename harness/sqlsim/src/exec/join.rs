//! Joins: the left side flows, the right side is held, hashed, or read for each row of the left.

use super::environment::Environment;
use super::expression::{Ex, Frame, eval_all};
use super::read::NodeState;
use super::source::{JoinNode, Node};
use super::stream::{Ask, BATCH_ROWS, INPUT_ROWS_MIN, Pending, TURN_ROWS, Workspace};
use crate::engine::{Fault, Key};
use crate::tsql::ast::JoinKind;
use crate::value::{Row, Value};
use std::collections::BTreeMap;

/// How far a join has come.
#[derive(Default)]
pub(super) struct JoinState {
    left: NodeState,
    left_rows: Pending,
    left_ended: bool,
    right: Right,
    /// Candidates of the first left row that have been looked at.
    at: usize,
    /// Whether one of them matched.
    matched: bool,
}

/// The right side.
enum Right {
    /// Being read, to be held.
    Reading { state: NodeState, rows: Vec<Row>, workspace: Workspace },
    /// Held.
    Held(Held),
    /// Read for each row of the left.
    PerRow { state: NodeState, rows: Pending, ended: bool },
}

impl Default for Right {
    fn default() -> Self {
        Self::Reading { state: NodeState::Start, rows: Vec::new(), workspace: Workspace::default() }
    }
}

/// The rows of the right side.
struct Held {
    rows: Vec<Row>,
    hash: Option<BTreeMap<Key, Vec<usize>>>,
    /// Which rows have found one on the left; empty when nobody asks.
    matched: Vec<bool>,
    /// Rows looked at for having found none, once the left side has ended.
    missing_at: usize,
}

/// The rows of the right side that may match a row of the left.
enum Candidates<'h> {
    All(usize),
    Some(&'h [usize]),
}

impl Candidates<'_> {
    fn get(&self, at: usize) -> Option<usize> {
        match self {
            Self::All(len) => (at < *len).then_some(at),
            Self::Some(list) => list.get(at).copied(),
        }
    }
}

impl JoinState {
    /// Gives the next rows; see [`super::stream`] for the contract.
    pub(super) fn pull(
        &mut self,
        join: &JoinNode,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        ask: Ask,
        out: &mut Vec<Row>,
    ) -> Result<bool, Fault> {
        let around = Frame { row: &[], base: 0, windows: &[], outer };
        if let Right::Reading { state, rows, workspace } = &mut self.right {
            if join.is_per_row() {
                self.right =
                    Right::PerRow { state: NodeState::Start, rows: Pending::default(), ended: false };
            } else {
                let before = rows.len();
                let more = state.pull(&join.right, env, &around, Ask { rows: BATCH_ROWS, ..ask }, rows)?;
                workspace.hold_all(&rows[before..])?;
                if more {
                    return Ok(true);
                }
                self.right = Right::Held(Held::new(join, env, outer, std::mem::take(rows), workspace)?);
            }
        }
        if self.left_rows.first().is_none() && !self.left_ended {
            let rows = self.left_rows.refill();
            let pulled = self.left.pull(&join.left, env, &around, ask.at_least(INPUT_ROWS_MIN), rows);
            self.left_ended = matches!(pulled, Ok(false));
            // Rows that came before a lock that is in the way are dealt with first.
            if rows.is_empty() {
                pulled?;
            }
        }
        let mut turn = Turn { join, env, outer, out, room: ask.rows, looks: TURN_ROWS };
        while let Some(left) = self.left_rows.first() {
            let ended = match &mut self.right {
                Right::Held(held) => turn.match_held(held, left, &mut self.at, &mut self.matched)?,
                Right::PerRow { state, rows, ended } => {
                    turn.match_per_row((state, rows, ended), left, &mut self.matched)?
                }
                Right::Reading { .. } => return Ok(true),
            };
            if !ended {
                return Ok(true);
            }
            self.left_rows.advance();
            (self.at, self.matched) = (0, false);
        }
        if !self.left_ended {
            return Ok(true);
        }
        match &mut self.right {
            Right::Held(held) => Ok(turn.give_missing(held)),
            _ => Ok(false),
        }
    }
}

impl JoinNode {
    /// Whether the right side depends on the row of the left, or is looked up by it.
    fn is_per_row(&self) -> bool {
        matches!(self.kind, JoinKind::CrossApply | JoinKind::OuterApply)
            || matches!(&self.right, Node::Table(table) if table.seek.is_some())
    }

    fn holds(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>, row: &[Value]) -> Result<bool, Fault> {
        let frame = Frame::of(row, self.left_base, outer);
        for condition in &self.on {
            if condition.test(env, &frame)? != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Held {
    fn new(
        join: &JoinNode,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        rows: Vec<Row>,
        workspace: &mut Workspace,
    ) -> Result<Self, Fault> {
        let hash = match &join.keys {
            Some((_, keys)) => Some(hash_rows(env, outer, &rows, keys, join.right_base, workspace)?),
            None => None,
        };
        let keeps_right = matches!(join.kind, JoinKind::Right | JoinKind::Full);
        let matched = if keeps_right { vec![false; rows.len()] } else { Vec::new() };
        Ok(Self { rows, hash, matched, missing_at: 0 })
    }

    fn candidates(
        &self,
        join: &JoinNode,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        left: &Row,
    ) -> Result<Candidates<'_>, Fault> {
        let (Some(hash), Some((keys, _))) = (&self.hash, &join.keys) else {
            return Ok(Candidates::All(self.rows.len()));
        };
        let key = eval_all(keys, env, &Frame::of(left, join.left_base, outer))?;
        if key.iter().any(Value::is_null) {
            return Ok(Candidates::Some(&[]));
        }
        Ok(Candidates::Some(hash.get(&Key::of_values(&key)).map_or(&[], Vec::as_slice)))
    }
}

/// One call's work.
struct Turn<'t> {
    join: &'t JoinNode,
    env: &'t Environment<'t>,
    outer: Option<&'t Frame<'t>>,
    out: &'t mut Vec<Row>,
    room: usize,
    looks: usize,
}

impl Turn<'_> {
    fn is_over(&self) -> bool {
        self.room == 0 || self.looks == 0
    }

    fn give(&mut self, row: Row) {
        self.out.push(row);
        self.room -= 1;
    }

    /// Gives a row of the left that has found none, when the join keeps it. `false`: no room.
    fn give_unmatched(&mut self, left: &Row, matched: bool) -> bool {
        let keeps = matches!(self.join.kind, JoinKind::Left | JoinKind::Full | JoinKind::OuterApply);
        if matched || !keeps {
            return true;
        }
        if self.room == 0 {
            return false;
        }
        self.give(joined(left, &vec![Value::Null; self.join.right_width]));
        true
    }

    /// Goes on with one row of the left. `true`: it is done with.
    fn match_held(
        &mut self,
        held: &mut Held,
        left: &Row,
        at: &mut usize,
        matched: &mut bool,
    ) -> Result<bool, Fault> {
        let candidates = held.candidates(self.join, self.env, self.outer, left)?;
        let mut hits = Vec::new();
        let keeps_right = !held.matched.is_empty();
        let outcome = loop {
            let Some(right) = candidates.get(*at) else { break Ok(true) };
            if self.is_over() {
                break Ok(false);
            }
            self.looks -= 1;
            let joined = joined(left, &held.rows[right]);
            match self.join.holds(self.env, self.outer, &joined) {
                Ok(true) => {
                    *matched = true;
                    if keeps_right {
                        hits.push(right);
                    }
                    self.give(joined);
                }
                Ok(false) => {}
                Err(fault) => break Err(fault),
            }
            *at += 1;
        };
        for right in hits {
            held.matched[right] = true;
        }
        Ok(outcome? && self.give_unmatched(left, *matched))
    }

    /// The same, when the right side is read anew for each row of the left.
    fn match_per_row(
        &mut self,
        (state, rows, ended): (&mut NodeState, &mut Pending, &mut bool),
        left: &Row,
        matched: &mut bool,
    ) -> Result<bool, Fault> {
        let frame = Frame::of(left, self.join.left_base, self.outer);
        // A query on the right of APPLY sees this row as the row around it.
        let around = match &self.join.right {
            Node::Query(..) => Frame { row: &[], base: 0, windows: &[], outer: Some(&frame) },
            _ => frame,
        };
        loop {
            while let Some(right) = rows.first() {
                if self.is_over() {
                    return Ok(false);
                }
                self.looks -= 1;
                let joined = joined(left, right);
                if self.join.holds(self.env, self.outer, &joined)? {
                    *matched = true;
                    self.give(joined);
                }
                rows.advance();
            }
            if *ended {
                if !self.give_unmatched(left, *matched) {
                    return Ok(false);
                }
                (*state, *ended) = (NodeState::Start, false);
                return Ok(true);
            }
            if self.is_over() {
                return Ok(false);
            }
            self.looks -= 1;
            let ask = Ask { rows: self.room.max(INPUT_ROWS_MIN), once: false };
            let list = rows.refill();
            let pulled = state.pull(&self.join.right, self.env, &around, ask, list);
            *ended = matches!(pulled, Ok(false));
            if list.is_empty() && pulled? {
                // Much was looked at in vain: the others have their turn.
                return Ok(false);
            }
        }
    }

    /// Rows of the right that have found none. `true`: there are more.
    fn give_missing(&mut self, held: &mut Held) -> bool {
        while let Some(matched) = held.matched.get(held.missing_at) {
            if self.is_over() {
                return true;
            }
            if !matched {
                self.give(joined(&vec![Value::Null; self.join.left_width], &held.rows[held.missing_at]));
            }
            held.missing_at += 1;
            self.looks -= 1;
        }
        false
    }
}

fn joined(left: &[Value], right: &[Value]) -> Row {
    left.iter().chain(right).cloned().collect()
}

fn hash_rows(
    env: &Environment<'_>,
    outer: Option<&Frame<'_>>,
    rows: &[Row],
    keys: &[Ex],
    base: usize,
    workspace: &mut Workspace,
) -> Result<BTreeMap<Key, Vec<usize>>, Fault> {
    let mut hash: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let key = eval_all(keys, env, &Frame::of(row, base, outer))?;
        workspace.hold(&key, size_of::<usize>())?;
        if !key.iter().any(Value::is_null) {
            hash.entry(Key::of_values(&key)).or_default().push(at);
        }
    }
    Ok(hash)
}
