//! Cursors of T-SQL.
//!
//! A cursor reads its rows when it is opened. One that is neither STATIC nor FAST_FORWARD and reads a
//! single table remembers which rows of the table they are: it shows their later changes, and UPDATE and
//! DELETE … WHERE CURRENT OF find them.

use super::binder::Binder;
use super::dml::Target;
use super::environment::Environment;
use super::query::CompiledQuery;
use super::run::{Activation, Failure, Runner};
use super::target::{ChangeTarget, FoundTarget};
use crate::engine::{Fault, RowId};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{
    CursorAction, CursorKind, CursorName, CursorOptions, FetchDirection, Instruction, Program, Query,
    QueryBody, Statement, StatementKind, TableSource,
};
use crate::value::{ColumnMeta, DataType, Row, Value, convert};
use futures::future::LocalBoxFuture;
use std::rc::Rc;

/// A declared cursor.
#[derive(Debug)]
pub(super) struct Cursor {
    program: Rc<Program>,
    /// Which instruction of the program declared it.
    instruction: usize,
    /// Values of the variables when it was declared.
    values: Vec<Value>,
    options: CursorOptions,
    /// Nesting level with which it ends; `None` for a global one.
    pub(super) level: Option<u32>,
    open: Option<OpenCursor>,
}

/// Rows of an open cursor.
#[derive(Debug)]
struct OpenCursor {
    columns: Vec<ColumnMeta>,
    rows: Vec<CursorRow>,
    /// The table whose rows they are.
    target: Option<Target>,
    /// Position of the last row fetched; -1 before the first.
    at: i64,
}

/// A row of a cursor, and the table's row behind it.
#[derive(Clone, Debug)]
struct CursorRow {
    shown: Row,
    origin: Option<(RowId, Row)>,
}

/// The key of a local cursor; global ones have their bare name.
fn local_key(name: &str, level: u32) -> Rc<str> {
    format!("{name}@{level}").into()
}

/// The key of the cursor that a statement names, in reach from here.
fn key(
    env_values: &[Value],
    declarations: &[crate::tsql::ast::VariableDeclaration],
    state: &super::state::ExecState,
    name: &CursorName,
) -> SqlResult<Rc<str>> {
    match name {
        CursorName::Variable(slot) => match env_values.get(*slot) {
            Some(Value::Text(key)) if state.cursors.contains_key(key) => Ok(key.clone()),
            _ => Err(error(16_950, 2, &[&declarations[*slot].name])),
        },
        CursorName::Name { name, global } => {
            let local = local_key(name, state.nesting);
            if !global && state.cursors.contains_key(&local) {
                return Ok(local);
            }
            if state.cursors.contains_key(name) {
                return Ok(name.clone());
            }
            Err(error(16_916, 1, &[name]))
        }
    }
}

impl Runner<'_> {
    fn cursor_key(&self, activation: &Activation, name: &CursorName) -> SqlResult<Rc<str>> {
        key(&activation.values, &activation.program.variables, &self.session.exec.borrow(), name)
    }

    /// A statement about a cursor. Its future is kept off the stack, which procedures in procedures fill.
    #[inline(never)]
    pub(super) fn cursor_statement<'s>(
        &'s mut self,
        activation: &'s mut Activation,
        statement: &'s StatementKind,
        at: usize,
    ) -> LocalBoxFuture<'s, Result<(), Failure>> {
        Box::pin(async move {
            match statement {
                StatementKind::DeclareCursor { name, options, .. } => {
                    Ok(self.declare_cursor(activation, name, *options, at)?)
                }
                StatementKind::SetCursor { variable, to } => Ok(self.set_cursor(activation, *variable, to)?),
                StatementKind::Cursor(action, name) => self.cursor(activation, *action, name).await,
                StatementKind::Fetch { direction, name, into } => {
                    self.fetch(activation, direction, name, into).await
                }
                _ => Ok(()),
            }
        })
    }

    /// DECLARE c CURSOR, SET @c = CURSOR.
    fn declare_cursor(
        &mut self,
        activation: &mut Activation,
        name: &CursorName,
        options: CursorOptions,
        instruction: usize,
    ) -> SqlResult<()> {
        let mut state = self.session.exec.borrow_mut();
        let level = state.nesting;
        let (key, level) = match name {
            CursorName::Name { name, .. } if options.local => (local_key(name, level), Some(level)),
            CursorName::Name { name, .. } => (name.clone(), None),
            CursorName::Variable(slot) => {
                state.last_cursor += 1;
                let key: Rc<str> = format!("@{}", state.last_cursor).into();
                activation.values[*slot] = Value::Text(key.clone());
                (key, Some(level))
            }
        };
        if state.cursors.contains_key(&key) {
            let CursorName::Name { name, .. } = name else { return Ok(()) };
            return Err(error(16_915, 1, &[name]));
        }
        let (program, values) = (activation.program.clone(), activation.values.clone());
        state.cursors.insert(key, Cursor { program, instruction, values, options, level, open: None });
        Ok(())
    }

    /// SET @c = c.
    fn set_cursor(&mut self, activation: &mut Activation, variable: usize, to: &CursorName) -> SqlResult<()> {
        let key = self.cursor_key(activation, to)?;
        activation.values[variable] = Value::Text(key);
        Ok(())
    }

    /// OPEN, CLOSE, DEALLOCATE.
    async fn cursor(
        &mut self,
        activation: &mut Activation,
        action: CursorAction,
        name: &CursorName,
    ) -> Result<(), Failure> {
        let key = self.cursor_key(activation, name)?;
        match action {
            CursorAction::Open => return self.open_cursor(activation, &key).await,
            CursorAction::Close => {
                let mut state = self.session.exec.borrow_mut();
                let cursor = state.cursors.get_mut(&key).filter(|cursor| cursor.open.is_some());
                cursor.ok_or_else(|| error(16_917, 1, &[]))?.open = None;
            }
            CursorAction::Deallocate => {
                // A variable only lets go of a cursor that has a name of its own.
                let named = matches!(name, CursorName::Variable(_)) && !key.starts_with('@');
                if !named {
                    self.session.exec.borrow_mut().cursors.remove(&key);
                }
                if let CursorName::Variable(slot) = name {
                    activation.values[*slot] = Value::Null;
                }
            }
        }
        self.succeed();
        Ok(())
    }

    async fn open_cursor(&mut self, activation: &Activation, key: &Rc<str>) -> Result<(), Failure> {
        let inner = {
            let state = self.session.exec.borrow();
            let Some(cursor) = state.cursors.get(key) else { return Err(error(16_916, 1, &[key]).into()) };
            if cursor.open.is_some() {
                return Err(error(16_905, 1, &[]).into());
            }
            let mut inner = Activation::new(cursor.program.clone());
            inner.values.clone_from(&cursor.values);
            if Rc::ptr_eq(&activation.program, &cursor.program) {
                inner.tables.clone_from(&activation.tables);
            }
            (inner, cursor.instruction, cursor.options)
        };
        let (inner, instruction, options) = inner;
        let open = self.read_cursor(&inner, instruction, options).await?;
        let mut state = self.session.exec.borrow_mut();
        let counted = matches!(options.kind, CursorKind::Static | CursorKind::Keyset);
        let count = i64::try_from(open.rows.len()).unwrap_or(i64::MAX);
        state.cursor_rows = if counted { count } else { -1 };
        if let Some(cursor) = state.cursors.get_mut(key) {
            cursor.open = Some(open);
        }
        drop(state);
        self.succeed();
        Ok(())
    }

    async fn read_cursor(
        &mut self,
        inner: &Activation,
        instruction: usize,
        options: CursorOptions,
    ) -> SqlResult<OpenCursor> {
        let program = inner.program.clone();
        let Some(Instruction::Statement(Statement {
            kind: StatementKind::DeclareCursor { query, .. }, ..
        })) = program.code.get(instruction)
        else {
            return Err(error(16_916, 1, &[&""]));
        };
        self.with_environment(inner, false, |env| read(env, query, options)).await
    }

    /// FETCH.
    async fn fetch(
        &mut self,
        activation: &mut Activation,
        direction: &FetchDirection,
        name: &CursorName,
        into: &[usize],
    ) -> Result<(), Failure> {
        let key = self.cursor_key(activation, name)?;
        let number = match direction {
            FetchDirection::Absolute(place) | FetchDirection::Relative(place) => {
                match self.evaluate(activation, place, DataType::BigInt).await? {
                    Value::Int(n) => n,
                    _ => 0,
                }
            }
            _ => 0,
        };
        self.move_cursor(&key, direction, number)?;
        let (columns, row, status) = self.current(&key, direction).await?;
        self.session.exec.borrow_mut().fetch_status = status;
        if into.is_empty() {
            let rows = row.into_iter().collect::<Vec<_>>();
            let (count, command) = (Some(rows.len() as u64), 0xC1);
            let set = Some((columns, rows));
            let outcome = super::dml::Outcome { set, count, command, ..super::dml::Outcome::default() };
            return self.send(outcome).await;
        }
        if into.len() != columns.len() {
            return Err(error(16_924, 1, &[]).into());
        }
        if let Some(row) = row {
            for ((slot, value), column) in into.iter().zip(row.iter()).zip(&columns) {
                let to = activation.program.variables.get(*slot).map_or(column.data_type, |v| v.data_type);
                activation.values[*slot] = convert::implicit(value, column.data_type, to)?;
            }
        }
        self.succeed();
        Ok(())
    }

    fn move_cursor(&self, key: &Rc<str>, direction: &FetchDirection, number: i64) -> SqlResult<()> {
        let mut state = self.session.exec.borrow_mut();
        let Some(cursor) = state.cursors.get_mut(key) else { return Err(error(16_916, 1, &[key])) };
        let (scroll, kind) = (cursor.options.scroll, cursor.options.kind);
        let Some(open) = &mut cursor.open else { return Err(error(16_917, 2, &[])) };
        let word = match direction {
            FetchDirection::Next => "NEXT",
            FetchDirection::Prior => "PRIOR",
            FetchDirection::First => "FIRST",
            FetchDirection::Last => "LAST",
            FetchDirection::Absolute(_) => "ABSOLUTE",
            FetchDirection::Relative(_) => "RELATIVE",
        };
        if word != "NEXT" && !scroll {
            return Err(error(16_911, 1, &[&"fetch", &word]));
        }
        if word == "ABSOLUTE" && kind == CursorKind::Dynamic {
            return Err(error(16_925, 1, &[&word]));
        }
        let count = i64::try_from(open.rows.len()).unwrap_or(i64::MAX);
        open.at = match direction {
            FetchDirection::Next => open.at.saturating_add(1),
            FetchDirection::Prior => open.at - 1,
            FetchDirection::First => 0,
            FetchDirection::Last => count - 1,
            FetchDirection::Absolute(_) if number < 0 => count.saturating_add(number),
            FetchDirection::Absolute(_) => number.saturating_sub(1),
            FetchDirection::Relative(_) => open.at.saturating_add(number),
        }
        .clamp(-1, count);
        Ok(())
    }

    /// The row the cursor stands on, as the table has it now, and the fetch status.
    async fn current(
        &mut self,
        key: &Rc<str>,
        direction: &FetchDirection,
    ) -> SqlResult<(Vec<ColumnMeta>, Option<Row>, i64)> {
        loop {
            let (columns, row, target, kind) = {
                let state = self.session.exec.borrow();
                let cursor = state.cursors.get(key);
                let open = cursor.and_then(|cursor| Some((cursor.options.kind, cursor.open.as_ref()?)));
                let Some((kind, open)) = open else { return Err(error(16_917, 2, &[])) };
                let row = usize::try_from(open.at).ok().and_then(|at| open.rows.get(at)).cloned();
                (open.columns.clone(), row, open.target.clone(), kind)
            };
            let Some(row) = row else { return Ok((columns, None, -1)) };
            let (Some(target), Some((id, before))) = (target, &row.origin) else {
                return Ok((columns, Some(row.shown), 0));
            };
            let now = self.table_row(&target, *id);
            if now.as_ref() == Some(before) {
                return Ok((columns, Some(row.shown), 0));
            }
            let fresh = if now.is_some() { self.fresh_row(key, *id).await? } else { None };
            if let Some(fresh) = fresh {
                return Ok((columns, Some(fresh), 0));
            }
            if kind == CursorKind::Keyset {
                return Ok((columns, None, -2));
            }
            // A dynamic cursor passes over rows that are gone.
            let onwards = match direction {
                FetchDirection::Prior | FetchDirection::Last => FetchDirection::Prior,
                _ => FetchDirection::Next,
            };
            let mut state = self.session.exec.borrow_mut();
            let open = state.cursors.get_mut(key).and_then(|cursor| cursor.open.as_mut());
            let Some(open) = open else { return Err(error(16_917, 2, &[])) };
            let at = usize::try_from(open.at).unwrap_or(0);
            open.rows.remove(at);
            if onwards == FetchDirection::Prior {
                open.at -= 1;
            }
        }
    }

    fn table_row(&self, target: &Target, id: RowId) -> Option<Row> {
        let Target::Table(database, def) = target else { return None };
        let engine = self.instance.0.engine.borrow();
        engine.database(*database)?.content.table(def.object_id)?.get(id).cloned()
    }

    /// Reads the cursor's query anew for one row that has changed.
    async fn fresh_row(&mut self, key: &Rc<str>, id: RowId) -> SqlResult<Option<Row>> {
        let (mut inner, instruction, options) = {
            let state = self.session.exec.borrow();
            let Some(cursor) = state.cursors.get(key) else { return Ok(None) };
            let mut inner = Activation::new(cursor.program.clone());
            inner.values.clone_from(&cursor.values);
            (inner, cursor.instruction, cursor.options)
        };
        inner.values.resize(inner.program.variables.len(), Value::Null);
        let again = self.read_cursor(&inner, instruction, options).await?;
        let found = again.rows.into_iter().find(|row| row.origin.as_ref().is_some_and(|(own, _)| *own == id));
        let Some(found) = found else { return Ok(None) };
        let mut state = self.session.exec.borrow_mut();
        if let Some(open) = state.cursors.get_mut(key).and_then(|cursor| cursor.open.as_mut())
            && let Some(place) = usize::try_from(open.at).ok().and_then(|at| open.rows.get_mut(at))
        {
            *place = found.clone();
        }
        Ok(Some(found.shown))
    }
}

/// Reads a cursor's rows, with their places in the table when it is a single one.
fn read(env: &Environment<'_>, query: &Query, options: CursorOptions) -> Result<OpenCursor, Fault> {
    if !matches!(options.kind, CursorKind::Static | CursorKind::FastForward)
        && let Some((mut compiled, found)) = tracked(env, query)
    {
        let width = compiled.columns.len() - 1;
        let rows = compiled
            .run(env, None)?
            .iter()
            .map(|row| {
                let id = match row.get(width) {
                    Some(Value::Int(id)) => RowId::try_from(*id).unwrap_or(0),
                    _ => 0,
                };
                let origin = found.target.row(env, id).map(|row| (id, row));
                CursorRow { shown: row[..width].to_vec().into(), origin }
            })
            .collect();
        compiled.columns.truncate(width);
        return Ok(OpenCursor { columns: compiled.columns, rows, target: Some(found.target), at: -1 });
    }
    let compiled = Binder::new(env).query(query)?;
    let rows = compiled.run(env, None)?.into_iter().map(|shown| CursorRow { shown, origin: None }).collect();
    Ok(OpenCursor { columns: compiled.columns, rows, target: None, at: -1 })
}

/// The query with the ids of its rows; `None` when they are not rows of one table.
fn tracked(env: &Environment<'_>, query: &Query) -> Option<(CompiledQuery, FoundTarget)> {
    let QueryBody::Select(select) = &query.body else { return None };
    let [TableSource::Named { name, alias, .. }] = select.from.as_slice() else { return None };
    let plain = select.group_by.is_empty()
        && select.having.is_none()
        && select.grouping_sets.is_none()
        && !select.distinct
        && query.tables.is_empty();
    let aggregates = select.items.iter().any(|item| match item {
        crate::tsql::ast::SelectItem::Expression(value, _) => super::query::has_aggregate(value),
        _ => false,
    });
    if !plain || aggregates {
        return None;
    }
    let mut binder = Binder::new(env);
    let target = ChangeTarget::named(alias.as_ref().unwrap_or(&name.name));
    binder.change_target = Some(ChangeTarget { reads: true, ..target });
    binder.exports = true;
    let compiled = binder.query(query).ok()?;
    let found = binder.change_target.and_then(|target| target.found)?;
    matches!(found.target, Target::Table(..)).then_some((compiled, found))
}

/// The row of the table `target` on which a cursor stands.
pub(super) fn current_row(env: &Environment<'_>, name: &CursorName, target: &Target) -> SqlResult<RowId> {
    let state = env.state();
    let key = key(env.variables, env.declarations, &state, name)?;
    let Some(cursor) = state.cursors.get(&key) else { return Err(error(16_916, 1, &[&key])) };
    let Some(open) = &cursor.open else { return Err(error(16_917, 1, &[])) };
    if cursor.options.read_only {
        return Err(error(16_929, 1, &[]));
    }
    let same = match (&open.target, target) {
        (Some(Target::Table(a, x)), Target::Table(b, y)) => a == b && x.object_id == y.object_id,
        _ => false,
    };
    if open.target.is_none() {
        return Err(error(16_929, 1, &[]));
    }
    if !same {
        return Err(error(16_933, 1, &[]));
    }
    let row = usize::try_from(open.at).ok().and_then(|at| open.rows.get(at));
    row.and_then(|row| row.origin.as_ref()).map(|(id, _)| *id).ok_or_else(|| error(16_931, 1, &[]))
}

/// CURSOR_STATUS: 1 open with rows, 0 open without, -1 closed, -2 a variable without a cursor, -3 no such cursor.
pub(super) fn status(env: &Environment<'_>, scope: &str, name: &str) -> i64 {
    let state = env.state();
    let lower = name.to_ascii_lowercase();
    let key: Rc<str> = match scope.to_ascii_lowercase().as_str() {
        "global" => lower.as_str().into(),
        "local" => local_key(&lower, state.nesting),
        "variable" => {
            let slot =
                env.declarations.iter().position(|declared| declared.cursor && *declared.name == *lower);
            match slot.and_then(|slot| env.variables.get(slot)) {
                Some(Value::Text(key)) if state.cursors.contains_key(key) => key.clone(),
                Some(_) => return -2,
                None => return -3,
            }
        }
        _ => return -3,
    };
    match state.cursors.get(&key).map(|cursor| cursor.open.as_ref()) {
        None => -3,
        Some(None) => -1,
        Some(Some(open)) => {
            let dynamic =
                state.cursors.get(&key).is_some_and(|cursor| cursor.options.kind == CursorKind::Dynamic);
            i64::from(dynamic || !open.rows.is_empty())
        }
    }
}
