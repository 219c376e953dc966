//! Statements that read or write rows: run, and their answers sent.
//!
//! A SELECT for a client is sent while it is read: a piece of its rows, then the
//! other sessions' turn, then the next piece. Before its first piece is sent it
//! starts over when it meets a lock, as every statement does; afterwards it
//! waits for the lock and goes on.

use super::binder::Binder;
use super::change;
use super::dml::{self, Outcome};
use super::environment::Environment;
use super::query::CompiledQuery;
use super::rows::QueryState;
use super::run::{Activation, Failure, Runner, Stop};
use super::stream::{Ask, BATCH_ROWS};
use crate::engine::{Access, DatabaseId, Fault, ObjectId, TransactionId};
use crate::instance::Instance;
use crate::messages::error;
use crate::tsql::ast::{SelectItem, Statement, StatementKind};
use crate::value::{Row, convert};

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
        if let StatementKind::Select(query) = &statement.kind
            && self.captured.is_none()
            && is_sent(query)
        {
            return Box::pin(self.stream(activation, query)).await;
        }
        let writes = match &statement.kind {
            StatementKind::Select(query) => match &query.body {
                crate::tsql::ast::QueryBody::Select(select) => select.into.is_some(),
                _ => false,
            },
            _ => true,
        };
        let level = self.session.exec.borrow().nesting;
        let outcome = self
            .with_environment(activation, writes, |env| {
                super::permissions::check_statement(env, &statement.kind)?;
                match &statement.kind {
                    StatementKind::Select(query) => select(env, query, level),
                    StatementKind::Insert(insert) => match captured {
                        Some(sets) => dml::insert_given(env, insert, sets),
                        None => dml::insert(env, insert),
                    },
                    StatementKind::Update(update) => change::update(env, update),
                    StatementKind::Delete(delete) => change::delete(env, delete),
                    StatementKind::Merge(merge) => super::merge::merge(env, merge),
                    StatementKind::Truncate(name) => change::truncate(env, name),
                    StatementKind::Maintain(name, missing) => super::ddl::maintain(env, name, *missing),
                    other => super::ddl::run(env, other, level),
                }
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

    /// Runs a SELECT and sends its rows as they come.
    async fn stream(
        &mut self,
        activation: &Activation,
        query: &crate::tsql::ast::Query,
    ) -> Result<(), Failure> {
        let (settings_limit, format_only) = {
            let state = self.session.exec.borrow();
            (state.settings.row_count_limit, state.settings.format_only)
        };
        let mut left = if settings_limit > 0 { settings_limit } else { u64::MAX };
        if format_only {
            left = 0;
        }
        let now = self.instance.0.clock.utc_now();
        let mut stream =
            self.with_environment(activation, false, |env| Stream::begin(env, query, left)).await?;
        self.sink.columns(&stream.query.columns);
        let mut count = 0_u64;
        loop {
            let sent = stream.rows.len() as u64;
            for row in stream.rows.drain(..) {
                self.sink.row(&row);
                if self.sink.buffered() > FLUSH_BYTES && self.sink.flush().await.is_err() {
                    return Err(Failure::Stop(Stop::Aborted));
                }
            }
            count += sent;
            left -= sent;
            if !stream.more || left == 0 {
                break;
            }
            tokio::task::yield_now().await;
            let pulled = {
                let open = self.session.exec.borrow().transaction.as_ref().map(|open| open.id);
                stream.pull(&self.environment(activation, open, now), left)
            };
            // Rows from before a fault are sent first; the fault comes again.
            if let Err(fault) = pulled
                && stream.rows.is_empty()
            {
                self.out_of_the_way(fault).await?;
            }
        }
        drop(stream);
        {
            let mut state = self.session.exec.borrow_mut();
            state.last_error = 0;
            state.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        }
        self.done(0xC1, Some(count), false);
        Ok(())
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

/// Whether a SELECT's rows are sent: not those of INTO and of assignments.
fn is_sent(query: &crate::tsql::ast::Query) -> bool {
    match &query.body {
        crate::tsql::ast::QueryBody::Select(select) => {
            select.into.is_none() && !select.items.iter().any(|item| matches!(item, SelectItem::Assign(..)))
        }
        _ => true,
    }
}

/// A SELECT whose rows are being sent.
struct Stream {
    query: CompiledQuery,
    state: Box<QueryState>,
    /// Rows that wait to be sent.
    rows: Vec<Row>,
    /// Whether there may be more.
    more: bool,
    /// Keeps the tables from being altered; not before the statement needs a second turn.
    _held: Option<HeldTables>,
}

impl Stream {
    /// Binds the query and reads its first rows.
    fn begin(env: &Environment<'_>, query: &crate::tsql::ast::Query, left: u64) -> Result<Self, Fault> {
        let mut binder = Binder::new(env);
        let query = binder.query(query)?;
        let read = binder.read;
        let more = left > 0;
        let mut stream = Self { query, state: Box::default(), rows: Vec::new(), more, _held: None };
        if more {
            stream.pull(env, left)?;
        }
        if stream.more && !read.is_empty() {
            stream._held = Some(HeldTables::of(env, &read)?);
        }
        Ok(stream)
    }

    fn pull(&mut self, env: &Environment<'_>, left: u64) -> Result<(), Fault> {
        let rows = usize::try_from(left).unwrap_or(usize::MAX).min(BATCH_ROWS);
        self.more = self.state.pull(&self.query, env, None, Ask { rows, once: true }, &mut self.rows)?;
        Ok(())
    }
}

/// Tables that are kept as they are until this is dropped, wherever the statement ends.
struct HeldTables {
    instance: Instance,
    transaction: TransactionId,
}

impl HeldTables {
    fn of(env: &Environment<'_>, tables: &[(DatabaseId, ObjectId, Access)]) -> Result<Self, Fault> {
        let transaction = env.instance.0.engine.borrow_mut().hold_for_reading(env.session.id, tables)?;
        Ok(Self { instance: env.instance.clone(), transaction })
    }
}

impl Drop for HeldTables {
    fn drop(&mut self) {
        // No statement is dropped inside of the engine's work.
        if let Ok(mut engine) = self.instance.0.engine.try_borrow_mut() {
            engine.rollback(self.transaction);
        }
    }
}

/// SELECT with INTO, with assignments, or for a caller that takes its rows.
pub(super) fn select(
    env: &Environment<'_>,
    query: &crate::tsql::ast::Query,
    level: u32,
) -> Result<Outcome, Fault> {
    let items: &[SelectItem] = match &query.body {
        crate::tsql::ast::QueryBody::Select(select) => &select.items,
        _ => &[],
    };
    let assigns = items.iter().filter(|item| matches!(item, SelectItem::Assign(..))).count();
    if assigns > 0 && assigns < items.len() {
        return Err(error(141, 1, &[]).into());
    }
    let assigns = assigns > 0;
    let accumulation = if assigns { super::assign::Accumulation::of(query) } else { None };
    let compiled =
        Binder::new(env).query(accumulation.as_ref().map_or(query, |accumulation| &accumulation.query))?;
    let limit = env.state().settings.row_count_limit;
    let mut rows = if env.state().settings.format_only { Vec::new() } else { compiled.run(env, None)? };
    if limit > 0 {
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let count = rows.len() as u64;
    let mut outcome = Outcome { count: Some(count), command: 0xC1, ..Outcome::default() };
    if let Some(accumulation) = accumulation {
        outcome.assigned = accumulation.values(env, &compiled.columns, &rows)?;
        return Ok(outcome);
    }
    if assigns {
        if let Some(last) = rows.last() {
            for ((item, column), value) in items.iter().zip(&compiled.columns).zip(last.iter()) {
                let SelectItem::Assign(slot, ..) = item else { continue };
                let value = convert::implicit(value, column.data_type, env.variable_type(*slot))?;
                outcome.assigned.push((*slot, value));
            }
        }
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
