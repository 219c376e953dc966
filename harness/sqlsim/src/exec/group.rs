//! GROUP BY, run: rows are gathered into their groups one by one and let go.

use super::aggregate::{Contribution, Gathered};
use super::environment::Environment;
use super::expression::{Frame, eval_all};
use super::query::CompiledGrouping;
use super::stream::Workspace;
use crate::engine::{Fault, Key};
use crate::value::{Row, Value};
use std::collections::BTreeMap;

/// The groups of a query so far.
#[derive(Default)]
pub(super) struct Groups {
    /// For each grouping set, the groups by key. Without grouping sets there is one.
    sets: Vec<BTreeMap<Key, Group>>,
    /// What the row at hand contributes to each aggregate.
    contributions: Vec<Contribution>,
    workspace: Workspace,
}

struct Group {
    keys: Vec<Value>,
    gathered: Vec<Gathered>,
}

impl Group {
    fn new(grouping: &CompiledGrouping, keys: Vec<Value>) -> Self {
        Self { keys, gathered: grouping.aggregates.iter().map(|_| Gathered::new()).collect() }
    }
}

impl CompiledGrouping {
    /// The keys that a grouping set leaves out, as the bits of GROUPING_ID's mask.
    fn mask(&self, set: &[usize]) -> i64 {
        (0..self.keys.len()).filter(|at| !set.contains(at)).fold(0_i64, |mask, at| mask | 1 << at)
    }
}

impl Groups {
    /// Adds a row. On an error nothing of it was added.
    ///
    /// # Errors
    /// A lock in the way, an expression's error; 701 when the groups are too many to be held.
    pub(super) fn add(
        &mut self,
        grouping: &CompiledGrouping,
        env: &Environment<'_>,
        frame: &Frame<'_>,
    ) -> Result<(), Fault> {
        let keys = eval_all(&grouping.keys, env, frame)?;
        self.sets.resize_with(grouping.sets.as_ref().map_or(1, Vec::len), BTreeMap::new);
        self.contributions.clear();
        for aggregate in &grouping.aggregates {
            self.contributions.push(aggregate.contribution(env, frame)?);
        }
        for set in 0..self.sets.len() {
            let mut keys = keys.clone();
            if let Some(sets) = &grouping.sets {
                let mask = grouping.mask(&sets[set]);
                for (at, key) in keys.iter_mut().enumerate() {
                    if mask >> at & 1 == 1 {
                        *key = Value::Null;
                    }
                }
            }
            let key = Key::of_values(&keys);
            let group = match self.sets[set].entry(key) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    let overhead = size_of::<Group>() + grouping.aggregates.len() * size_of::<Gathered>();
                    self.workspace.hold(&keys, overhead)?;
                    new.insert(Group::new(grouping, keys))
                }
            };
            let all = grouping.aggregates.iter().zip(&mut group.gathered);
            for ((aggregate, gathered), row) in all.zip(&self.contributions) {
                let held = gathered.add(aggregate, row.clone())?;
                if held > 0 {
                    self.workspace.hold(&[], held)?;
                }
            }
        }
        Ok(())
    }

    /// One row for each group: its keys, the mask of grouping sets if there are any, then its aggregates.
    ///
    /// # Errors
    /// An aggregate's error.
    pub(super) fn rows(
        &mut self,
        grouping: &CompiledGrouping,
        env: &Environment<'_>,
    ) -> Result<Vec<Row>, Fault> {
        let is_empty = self.sets.iter().all(BTreeMap::is_empty);
        // Without any row, and without keys to group by, there is one group all the same.
        let has_one = match &grouping.sets {
            None => grouping.keys.is_empty(),
            Some(sets) => sets.len() == 1 && sets[0].is_empty(),
        };
        if is_empty && has_one {
            let keys = vec![Value::Null; grouping.keys.len()];
            let key = Key::of_values(&keys);
            self.sets = vec![BTreeMap::from([(key, Group::new(grouping, keys))])];
        }
        let mut rows = Vec::with_capacity(self.sets.iter().map(BTreeMap::len).sum());
        for (set, groups) in self.sets.iter_mut().enumerate() {
            let mask = grouping.sets.as_ref().map(|sets| grouping.mask(&sets[set]));
            for group in groups.values_mut() {
                let mut values = group.keys.clone();
                values.extend(mask.map(Value::Int));
                for (aggregate, gathered) in grouping.aggregates.iter().zip(&mut group.gathered) {
                    values.push(gathered.value(aggregate, env)?);
                }
                rows.push(values.into());
            }
        }
        Ok(rows)
    }
}
