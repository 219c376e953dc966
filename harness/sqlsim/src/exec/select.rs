//! Statements that read or write rows: run, and their answers sent.

use super::binder::Binder;
use super::change;
use super::dml::{self, Outcome};
use super::environment::Environment;
use super::run::{Activation, Failure, Runner, Stop};
use crate::engine::Fault;
use crate::messages::error;
use crate::tsql::ast::{SelectItem, Statement, StatementKind};
use crate::value::{Value, convert};

/// Rows are sent in pieces of about this size.
const FLUSH_BYTES: usize = 32 * 1024;

impl Runner<'_> {
    /// Runs a statement that reads or writes rows or definitions, and sends what it gives.
    pub(super) async fn rows_statement(
        &mut self,
        activation: &mut Activation,
        statement: &Statement,
        captured: Option<&[(Vec<crate::value::ColumnMeta>, Vec<crate::value::Row>)]>,
    ) -> Result<(), Failure> {
        let writes = match &statement.kind {
            StatementKind::Select(query) => match &query.body {
                crate::tsql::ast::QueryBody::Select(select) => select.into.is_some(),
                _ => false,
            },
            _ => true,
        };
        let level = self.session.exec.borrow().nesting;
        let outcome = self
            .with_environment(activation, writes, |env| match &statement.kind {
                StatementKind::Select(query) => select(env, query, level),
                StatementKind::Insert(insert) => match captured {
                    Some(sets) => dml::insert_given(env, insert, sets),
                    None => dml::insert(env, insert),
                },
                StatementKind::Update(update) => change::update(env, update),
                StatementKind::Delete(delete) => change::delete(env, delete),
                StatementKind::Truncate(name) => change::truncate(env, name),
                other => super::ddl::run(env, other, level),
            })
            .await?;
        for (slot, value) in &outcome.assigned {
            if let Some(known) = activation.values.get_mut(*slot) {
                *known = value.clone();
            }
        }
        {
            let mut state = self.session.exec.borrow_mut();
            state.last_error = 0;
            state.row_count = outcome.count.map_or(0, |n| i64::try_from(n).unwrap_or(i64::MAX));
            if outcome.identity.is_some() {
                state.identity.clone_from(&outcome.identity);
            }
        }
        self.send(outcome).await
    }

    pub(super) async fn send(&mut self, outcome: Outcome) -> Result<(), Failure> {
        if let Some((columns, rows)) = outcome.set {
            if let Some(captured) = &mut self.captured {
                captured.push((columns, rows));
                return Ok(());
            }
            self.sink.columns(&columns);
            for row in &rows {
                self.sink.row(row);
                if self.sink.buffered() > FLUSH_BYTES && self.sink.flush().await.is_err() {
                    return Err(Failure::Stop(Stop::Aborted));
                }
            }
        }
        self.done(outcome.command, outcome.count, false);
        Ok(())
    }
}

/// SELECT, with INTO and with assignments.
fn select(env: &Environment<'_>, query: &crate::tsql::ast::Query, level: u32) -> Result<Outcome, Fault> {
    let items: &[SelectItem] = match &query.body {
        crate::tsql::ast::QueryBody::Select(select) => &select.items,
        _ => &[],
    };
    let assigns = items.iter().filter(|item| matches!(item, SelectItem::Assign(..))).count();
    if assigns > 0 && assigns < items.len() {
        return Err(error(141, 1, &[]).into());
    }
    let assigns = assigns > 0;
    let compiled = Binder::new(env).query(query)?;
    let limit = env.state().settings.row_count_limit;
    let mut rows = if env.state().settings.format_only { Vec::new() } else { compiled.run(env, None)? };
    if limit > 0 {
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let count = rows.len() as u64;
    let mut outcome = Outcome { count: Some(count), command: 0xC1, ..Outcome::default() };
    if assigns {
        outcome.assigned = assigned(env, items, &compiled.columns, &rows)?;
        return Ok(outcome);
    }
    if let crate::tsql::ast::QueryBody::Select(select) = &query.body
        && let Some(into) = &select.into
    {
        let (database, def) = super::ddl::into_table(env, into, &compiled.columns, level)?;
        dml::select_into(env, database, def, rows)?;
        return Ok(outcome);
    }
    outcome.set = Some((compiled.columns, rows));
    Ok(outcome)
}

/// Values of `SELECT @x = …`: those of the last row; `@x = @x + …` goes through all rows.
fn assigned(
    env: &Environment<'_>,
    items: &[SelectItem],
    columns: &[crate::value::ColumnMeta],
    rows: &[crate::value::Row],
) -> Result<Vec<(usize, Value)>, Fault> {
    let mut values: Vec<(usize, Value)> = Vec::new();
    for row in rows {
        for ((item, column), value) in items.iter().zip(columns).zip(row.iter()) {
            let SelectItem::Assign(slot, operator, _) = item else { continue };
            let to = env.variable_type(*slot);
            let value = match operator {
                None => convert::convert(value, column.data_type, to, 0)?,
                Some(operator) => {
                    let before =
                        values.iter().find(|(known, _)| known == slot).map(|(_, value)| value.clone());
                    let before = before.or_else(|| env.variables.get(*slot).cloned()).unwrap_or(Value::Null);
                    let out = super::operators::arithmetic_type(*operator, to, column.data_type)?;
                    let sum = super::operators::arithmetic(
                        *operator,
                        (&before, to),
                        (value, column.data_type),
                        out,
                    )?;
                    convert::convert(&sum, out, to, 0)?
                }
            };
            values.retain(|(known, _)| known != slot);
            values.push((*slot, value));
        }
    }
    Ok(values)
}
