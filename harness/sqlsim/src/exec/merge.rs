//! MERGE: one pass over the source, joined to the target; then all changes at once.

use super::binder::{Binder, Scope, ScopeColumn};
use super::change::Assignments;
use super::constraints;
use super::dml::{Incoming, Outcome, insert_columns, output_rows, put_rows, target_database};
use super::environment::Environment;
use super::expression::{Ex, Frame};
use super::target::{ChangeTarget, FoundTarget};
use crate::engine::{Fault, RowId};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{JoinKind, Merge, MergeAction, MergeWhen, TableSource};
use crate::value::{DataType, Length, Row, Value, convert};
use std::collections::BTreeSet;

/// A WHEN clause, bound.
struct Clause {
    when: MergeWhen,
    condition: Option<Ex>,
    action: Action,
}

enum Action {
    Update(Assignments),
    Delete,
    /// Columns that are given, and their values.
    Insert(Vec<(usize, Option<(Ex, DataType)>)>),
}

/// What happens to one row.
struct Change {
    action: &'static str,
    joined: Row,
    /// The row after it; for an INSERT once it is in.
    inserted: Option<Row>,
    deleted: Option<Row>,
}

/// What all clauses together do.
#[derive(Default)]
struct Work {
    changes: Vec<Change>,
    updates: Vec<(RowId, Row)>,
    pairs: Vec<(Row, Row)>,
    deletes: Vec<(RowId, Row)>,
    inserts: Vec<Incoming>,
    assigned: Vec<(usize, Value)>,
    touched: BTreeSet<RowId>,
}

/// MERGE.
pub(super) fn merge(env: &Environment<'_>, statement: &Merge) -> Result<Outcome, Fault> {
    let name = match &statement.target {
        TableSource::Named { name, alias, .. } => alias.as_ref().unwrap_or(&name.name),
        TableSource::Variable { slot, alias } => alias.as_ref().unwrap_or(&env.declarations[*slot].name),
        _ => return Err(error(40_510, 1, &[&"this target of MERGE"]).into()),
    };
    let mut binder = Binder::new(env);
    binder.see_tables(&statement.tables);
    binder.scopes.push(Scope::default());
    let left = binder.source(&statement.source)?;
    let source_width = binder.width();
    binder.change_target = Some(ChangeTarget::named(name));
    let right = binder.source(&statement.target)?;
    let node = binder.joined(JoinKind::Left, (left, 0), (right, source_width), Some(&statement.on))?;
    let Some(found) = binder.change_target.as_ref().and_then(|target| target.found.clone()) else {
        return Err(error(259, 1, &[]).into());
    };
    let clauses = clauses(&mut binder, &found, statement)?;
    let mut rows = node.rows_where(&[], env)?;
    if let Some(top) = &statement.top {
        let count = binder.value(&top.count)?.converted(DataType::BigInt).eval(env, &Frame::NONE)?;
        if let Value::Int(n) = count {
            rows.truncate(usize::try_from(n).unwrap_or(0));
        }
    }
    let columns = binder.scopes.pop().map(|scope| scope.columns).unwrap_or_default();
    let mut work = Work::default();
    let mut matched = BTreeSet::new();
    for joined in rows {
        let when = match found.id(&joined) {
            Some(id) => {
                matched.insert(id);
                MergeWhen::Matched
            }
            None => MergeWhen::NotMatchedByTarget,
        };
        work.row(env, &found, &clauses, when, joined)?;
    }
    if clauses.iter().any(|clause| clause.when == MergeWhen::NotMatchedBySource) {
        let Some(base) = found.own_at else {
            return Err(error(40_510, 1, &[&"NOT MATCHED BY SOURCE on a view or common table"]).into());
        };
        for (id, row) in found.target.rows(env)? {
            if matched.contains(&id) {
                continue;
            }
            let id = Value::Int(i64::try_from(id).unwrap_or(i64::MAX));
            let joined = vec![Value::Null; base].into_iter().chain(row.iter().cloned()).chain([id]).collect();
            work.row(env, &found, &clauses, MergeWhen::NotMatchedBySource, joined)?;
        }
    }
    work.carry_out(env, &found, statement, columns)
}

fn clauses(binder: &mut Binder<'_, '_>, found: &FoundTarget, statement: &Merge) -> SqlResult<Vec<Clause>> {
    let mut bound = Vec::with_capacity(statement.clauses.len());
    for clause in &statement.clauses {
        let condition = clause.condition.as_ref().map(|ex| binder.condition(ex)).transpose()?;
        let action = match &clause.action {
            MergeAction::Update(items) => Action::Update(Assignments::bind(binder, found, items)?),
            MergeAction::Delete => Action::Delete,
            MergeAction::Insert { columns, values } => {
                let ordinals = match values {
                    None => Vec::new(),
                    Some(_) => insert_columns(binder.env, &found.target, columns)?,
                };
                let values = values.as_deref().unwrap_or_default();
                if ordinals.len() != values.len() {
                    let number = if values.len() < ordinals.len() { 109 } else { 110 };
                    return Err(error(number, 1, &[]));
                }
                let mut given = Vec::with_capacity(ordinals.len());
                for (ordinal, value) in ordinals.into_iter().zip(values) {
                    let value = match value {
                        Some(value) => {
                            let typed = binder.value(value)?;
                            Some((typed.ex, typed.data_type))
                        }
                        None => None,
                    };
                    given.push((ordinal, value));
                }
                Action::Insert(given)
            }
        };
        bound.push(Clause { when: clause.when, condition, action });
    }
    Ok(bound)
}

impl Work {
    /// Notes what the first clause that fits does with a row.
    fn row(
        &mut self,
        env: &Environment<'_>,
        found: &FoundTarget,
        clauses: &[Clause],
        when: MergeWhen,
        joined: Row,
    ) -> Result<(), Fault> {
        let frame = Frame::of(&joined, 0, None);
        for clause in clauses.iter().filter(|clause| clause.when == when) {
            if let Some(condition) = &clause.condition
                && condition.test(env, &frame)? != Some(true)
            {
                continue;
            }
            let target = &found.target;
            let (action, inserted, deleted) = match &clause.action {
                Action::Insert(given) => {
                    let mut row: Incoming = vec![None; target.def().columns.len()];
                    for (ordinal, value) in given {
                        let Some((ex, from)) = value else { continue };
                        let to = target.def().columns[*ordinal].meta.data_type;
                        row[*ordinal] = Some(convert::assign(&ex.eval(env, &frame)?, *from, to)?);
                    }
                    self.inserts.push(row);
                    ("INSERT", None, None)
                }
                change => {
                    let (id, old) = found.own(env, &joined);
                    if !self.touched.insert(id) {
                        return Err(error(8672, 1, &[]).into());
                    }
                    if let Action::Update(assignments) = change {
                        let new = assignments.apply(env, target, &joined, &old, &mut self.assigned)?;
                        self.updates.push((id, new.clone()));
                        self.pairs.push((new.clone(), old.clone()));
                        ("UPDATE", Some(new), Some(old))
                    } else {
                        self.deletes.push((id, old.clone()));
                        ("DELETE", None, Some(old))
                    }
                }
            };
            self.changes.push(Change { action, joined, inserted, deleted });
            return Ok(());
        }
        Ok(())
    }

    /// Deletes, updates and inserts, and shows what OUTPUT asks for.
    fn carry_out(
        self,
        env: &Environment<'_>,
        found: &FoundTarget,
        statement: &Merge,
        mut columns: Vec<ScopeColumn>,
    ) -> Result<Outcome, Fault> {
        let target = &found.target;
        let database = target_database(target);
        if matches!(target, super::dml::Target::Table(..)) {
            constraints::referenced(env, database, target.def(), &self.pairs, "MERGE")?;
            target.delete(env, &self.deletes)?;
            target.update(env, &self.updates)?;
        } else {
            // A table variable's places move when rows go.
            target.update(env, &self.updates)?;
            target.delete(env, &self.deletes)?;
        }
        let (inserted, identity) = put_rows(env, target, self.inserts)?;
        let mut outcome = Outcome {
            count: Some(self.changes.len() as u64),
            command: 0x117,
            assigned: self.assigned,
            identity,
            ..Outcome::default()
        };
        let Some(output) = &statement.output else { return Ok(outcome) };
        columns.insert(
            0,
            ScopeColumn {
                source: "".into(),
                schema: None,
                name: "$action".into(),
                data_type: DataType::NVarChar(Length::Upto(10)),
                nullable: false,
                identity: false,
                hidden: false,
            },
        );
        let nothing: Row = vec![Value::Null; target.def().columns.len()].into();
        let mut fresh = inserted.into_iter();
        let (mut pairs, mut around) = (Vec::new(), Vec::new());
        for change in self.changes {
            let inserted = if change.action == "INSERT" { fresh.next() } else { change.inserted };
            let or_nothing = |row: Option<Row>| row.unwrap_or_else(|| nothing.clone());
            pairs.push((or_nothing(inserted), or_nothing(change.deleted)));
            around.push([Value::text(change.action)].iter().chain(change.joined.iter()).cloned().collect());
        }
        outcome.set = output_rows(env, output, target.def(), pairs, Some((columns, around)))?;
        Ok(outcome)
    }
}
