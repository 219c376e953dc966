//! Cursors that drivers open by procedure call: sp_cursoropen and its family.
//!
//! Microsoft, "Cursor stored procedures (Transact-SQL)". A cursor here is STATIC and READ_ONLY whatever
//! is asked for, and says so in its output parameters, as the manual allows ("SQL Server assigns an
//! appropriate value"): its rows are read when it is opened. Positioned changes (sp_cursor) are refused.

use super::calls::{Given, Returned, bind_parameters, text_argument};
use super::permissions::Chain;
use super::run::{Activation, Failure, Runner};
use super::state::Prepared;
use crate::error::SqlResult;
use crate::messages::error;
use crate::session::sink::{Done, DoneKind};
use crate::tsql::ast::Program;
use crate::value::{ColumnMeta, DataType, Row, Value};
use std::rc::Rc;

/// What sp_cursoropen's scrollopt may say.
mod scroll {
    pub(super) const STATIC: i64 = 0x0008;
    pub(super) const PARAMETERIZED: i64 = 0x1000;
    pub(super) const AUTO_FETCH: i64 = 0x2000;
    pub(super) const AUTO_CLOSE: i64 = 0x4000;
}

/// ccopt's READ_ONLY.
const READ_ONLY: i64 = 1;
/// Rows that AUTO_FETCH fetches when the caller does not say how many.
const AUTO_FETCH_ROWS: i64 = 20;
/// Cursors that a session may have open.
const CURSORS_MAX: usize = 1000;

/// Names of the procedures.
pub(super) const PROCEDURES: [&str; 9] = [
    "sp_cursor",
    "sp_cursoropen",
    "sp_cursorprepare",
    "sp_cursorexecute",
    "sp_cursorprepexec",
    "sp_cursorunprepare",
    "sp_cursorfetch",
    "sp_cursoroption",
    "sp_cursorclose",
];

/// An open cursor.
#[derive(Debug)]
pub(super) struct ApiCursor {
    columns: Vec<ColumnMeta>,
    rows: Vec<Row>,
    /// The first row of the fetch buffer, counted from 1; 0 before the first, one behind the last after it.
    at: i64,
    /// Rows in the fetch buffer.
    buffered: i64,
}

/// Which rows sp_cursorfetch moves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    First,
    Next,
    Previous,
    Last,
    Absolute,
    Relative,
    Refresh,
    Info,
}

impl Fetch {
    fn of(kind: i64) -> Option<Self> {
        Some(match kind {
            0x0001 => Self::First,
            0x0002 => Self::Next,
            0x0004 => Self::Previous,
            0x0008 => Self::Last,
            0x0010 => Self::Absolute,
            0x0020 => Self::Relative,
            0x0080 => Self::Refresh,
            0x0100 => Self::Info,
            _ => return None,
        })
    }
}

impl ApiCursor {
    fn count(&self) -> i64 {
        i64::try_from(self.rows.len()).unwrap_or(i64::MAX)
    }

    /// Moves the fetch buffer of `rows` rows; gives the rows in it.
    fn fetch(&mut self, fetch: Fetch, row: i64, rows: i64) -> &[Row] {
        let count = self.count();
        let wanted = match fetch {
            Fetch::First => 1,
            Fetch::Next => self.at.saturating_add(self.buffered).max(1),
            Fetch::Previous => self.at.min(count.saturating_add(1)).saturating_sub(rows),
            Fetch::Last => count.saturating_sub(rows).saturating_add(1).max(1),
            Fetch::Absolute if row >= 0 => row,
            Fetch::Absolute => count.saturating_add(1).saturating_add(row),
            Fetch::Relative => self.at.saturating_add(row),
            Fetch::Refresh | Fetch::Info => self.at,
        };
        // A buffer that would begin before the first row begins at it, unless all of it lies before.
        let (first, rows) = match (fetch, wanted) {
            (Fetch::Previous, ..1) if self.at > 1 => (1, self.at.saturating_sub(1).min(rows)),
            _ => (wanted, rows),
        };
        if first < 1 {
            (self.at, self.buffered) = (0, 0);
            return &[];
        }
        if first > count {
            (self.at, self.buffered) = (count.saturating_add(1), 0);
            return &[];
        }
        let begin = usize::try_from(first - 1).unwrap_or(usize::MAX).min(self.rows.len());
        let end = begin.saturating_add(usize::try_from(rows).unwrap_or(0)).min(self.rows.len());
        self.at = first;
        self.buffered = i64::try_from(end - begin).unwrap_or(0);
        &self.rows[begin..end]
    }
}

/// A parameter by position, as a number; NULL and what was left out are `None`.
fn number(given: &[Given], at: usize) -> Option<i64> {
    match given.get(at)?.value {
        Some((Value::Int(number), _)) => Some(number),
        Some((Value::Bit(bit), _)) => Some(bit.into()),
        _ => None,
    }
}

fn output(at: usize, value: i64) -> (usize, Value, DataType) {
    (at, Value::Int(value), DataType::Int)
}

/// Gives up a parameter; `None` where it was left out.
fn take(given: &mut Vec<Given>) -> Option<Given> {
    (!given.is_empty()).then(|| given.remove(0))
}

impl Runner<'_> {
    /// One of [`PROCEDURES`].
    pub(super) async fn api_cursor(&mut self, which: &str, given: Vec<Given>) -> Result<Returned, Failure> {
        if given.is_empty() {
            return Err(error(201, 10, &[&which, &"@cursor"]).into());
        }
        let done = |outputs| Ok(Returned { status: 0, outputs });
        match which {
            "sp_cursoropen" => self.cursor_open(given).await,
            "sp_cursorprepare" => {
                let handle = self.cursor_prepare(given)?;
                done(vec![output(0, handle)])
            }
            "sp_cursorexecute" => self.cursor_execute(given).await,
            "sp_cursorprepexec" => self.cursor_prepexec(given).await,
            "sp_cursorunprepare" => {
                let handle = i32::try_from(number(&given, 0).unwrap_or(0)).unwrap_or(0);
                let found = self.session.exec.borrow_mut().prepared.remove(&handle);
                found.ok_or_else(|| error(8179, 2, &[&handle]))?;
                done(Vec::new())
            }
            "sp_cursorfetch" => self.cursor_fetch(&given),
            "sp_cursoroption" => {
                let handle = number(&given, 0).unwrap_or(0);
                if !self.session.exec.borrow().api_cursors.contains_key(&handle) {
                    return Err(error(16_909, 1, &[&which, &format_args!("{handle:x}")]).into());
                }
                match number(&given, 1) {
                    // A name for positioned changes, and how text is fetched: nothing here depends on them.
                    Some(1..=3) => done(Vec::new()),
                    _ => Err(error(40_510, 1, &[&"this option of sp_cursoroption"]).into()),
                }
            }
            "sp_cursorclose" => {
                let handle = number(&given, 0).unwrap_or(0);
                let mut state = self.session.exec.borrow_mut();
                if handle == -1 {
                    state.api_cursors.clear();
                } else if state.api_cursors.remove(&handle).is_none() {
                    return Err(error(16_909, 1, &[&which, &format_args!("{handle:x}")]).into());
                }
                done(Vec::new())
            }
            _ => Err(error(40_510, 1, &[&"sp_cursor, a positioned change through a cursor"]).into()),
        }
    }

    /// sp_cursoropen cursor OUTPUT, stmt, scrollopt OUTPUT, ccopt OUTPUT, rowcount OUTPUT, paramdef, parameters.
    async fn cursor_open(&mut self, mut given: Vec<Given>) -> Result<Returned, Failure> {
        given.remove(0);
        let text = text_argument(
            take(&mut given).ok_or_else(|| error(201, 10, &[&"sp_cursoropen", &"@stmt"]))?,
            "@stmt",
        )?;
        let options = given.drain(..given.len().min(3)).collect::<Vec<_>>();
        let is_parameterized = number(&options, 0).unwrap_or(0) & scroll::PARAMETERIZED != 0;
        let declarations = match take(&mut given) {
            Some(declared) if is_parameterized => text_argument(declared, "@params")?,
            _ => "".into(),
        };
        let program = self.parse(&declarations, &text)?;
        self.open_program(program, &given, &options, 0).await
    }

    /// sp_cursorprepare handle OUTPUT, params, stmt, options: gives the handle.
    fn cursor_prepare(&mut self, mut given: Vec<Given>) -> SqlResult<i64> {
        given.remove(0);
        let missing = |name: &'static str| error(201, 10, &[&"sp_cursorprepare", &name]);
        let declarations = text_argument(take(&mut given).ok_or_else(|| missing("@params"))?, "@params")?;
        let text = text_argument(take(&mut given).ok_or_else(|| missing("@stmt"))?, "@stmt")?;
        let program = self.parse(&declarations, &text)?;
        Ok(self.remember(program))
    }

    fn remember(&self, program: Rc<Program>) -> i64 {
        let mut state = self.session.exec.borrow_mut();
        state.last_handle += 1;
        let handle = state.last_handle;
        state.prepared.insert(handle, Prepared { program });
        handle.into()
    }

    /// sp_cursorexecute handle, cursor OUTPUT, scrollopt OUTPUT, ccopt OUTPUT, rowcount OUTPUT, parameters.
    async fn cursor_execute(&mut self, mut given: Vec<Given>) -> Result<Returned, Failure> {
        let handle = i32::try_from(number(&given, 0).unwrap_or(0)).unwrap_or(0);
        let found = self.session.exec.borrow().prepared.get(&handle).cloned();
        let program = found.ok_or_else(|| error(8179, 2, &[&handle]))?.program;
        given.drain(..given.len().min(2));
        let options = given.drain(..given.len().min(3)).collect::<Vec<_>>();
        self.open_program(program, &given, &options, 1).await
    }

    /// sp_cursorprepexec handle OUTPUT, cursor OUTPUT, params, stmt, scrollopt OUTPUT, ccopt OUTPUT,
    /// rowcount OUTPUT, parameters.
    async fn cursor_prepexec(&mut self, mut given: Vec<Given>) -> Result<Returned, Failure> {
        given.drain(..given.len().min(2));
        let missing = |name: &'static str| error(201, 10, &[&"sp_cursorprepexec", &name]);
        let declarations = text_argument(take(&mut given).ok_or_else(|| missing("@params"))?, "@params")?;
        let text = text_argument(take(&mut given).ok_or_else(|| missing("@stmt"))?, "@stmt")?;
        let options = given.drain(..given.len().min(3)).collect::<Vec<_>>();
        let program = self.parse(&declarations, &text)?;
        let handle = self.remember(program.clone());
        let mut returned = self.open_program(program, &given, &options, 1).await?;
        for (at, ..) in returned.outputs.iter_mut().skip(1) {
            *at += 2;
        }
        returned.outputs.insert(0, output(0, handle));
        Ok(returned)
    }

    /// Runs a program, keeps its rows as a cursor, and shows its columns. `options` are scrollopt, ccopt
    /// and rowcount; the cursor's own parameter stands at `cursor_at`, the options behind it.
    async fn open_program(
        &mut self,
        program: Rc<Program>,
        arguments: &[Given],
        options: &[Given],
        cursor_at: usize,
    ) -> Result<Returned, Failure> {
        if self.session.exec.borrow().api_cursors.len() >= CURSORS_MAX {
            return Err(error(40_510, 1, &[&"more than 1000 open API cursors"]).into());
        }
        let mut inner = Activation::new(program.clone());
        bind_parameters(&program, &"".into(), arguments, &mut inner.values)?;
        if self.captured.is_some() {
            return Err(error(8164, 1, &[]).into());
        }
        self.captured = Some(Vec::new());
        let ran = self.nested(&mut inner, None, Chain::Caller).await;
        let captured = self.captured.take().unwrap_or_default();
        ran?;
        let Some((mut columns, mut rows)) = captured.into_iter().next() else {
            return Err(error(16_945, 2, &[]).into());
        };
        // Every row of a server cursor says in its last column how it was fetched: 1, it is there.
        columns.push(ColumnMeta {
            name: "ROWSTAT".into(),
            data_type: DataType::Int,
            nullable: false,
            identity: false,
        });
        for row in &mut rows {
            *row = row.iter().cloned().chain([Value::Int(1)]).collect();
        }
        let asked = number(options, 0).unwrap_or(0);
        let auto_fetch = (asked & scroll::AUTO_FETCH != 0)
            .then(|| number(options, 2).filter(|rows| *rows > 0).unwrap_or(AUTO_FETCH_ROWS));
        let mut cursor = ApiCursor { columns, rows, at: 0, buffered: 0 };
        let count = cursor.count();
        let shown = auto_fetch.map_or(Vec::new(), |rows| cursor.fetch(Fetch::Next, 0, rows).to_vec());
        self.show(&cursor.columns, &shown);
        let is_read = auto_fetch.is_some() && cursor.at + cursor.buffered > count;
        let handle = if is_read && asked & scroll::AUTO_CLOSE != 0 {
            0
        } else {
            let mut state = self.session.exec.borrow_mut();
            state.last_api_cursor += 1;
            // Handles look as SQL Server's do: 180150003, 180150005 ...
            let handle = 180_150_001 + 2 * state.last_api_cursor;
            state.api_cursors.insert(handle, cursor);
            handle
        };
        // sp_cursoropen has the statement between the cursor and its options.
        let options_at = if cursor_at == 0 { 2 } else { cursor_at + 1 };
        let outputs = vec![
            output(cursor_at, handle),
            output(options_at, scroll::STATIC),
            output(options_at + 1, READ_ONLY),
            output(options_at + 2, count),
        ];
        Ok(Returned { status: 0, outputs })
    }

    /// sp_cursorfetch cursor, fetchtype, rownum OUTPUT, nrows OUTPUT.
    fn cursor_fetch(&mut self, given: &[Given]) -> Result<Returned, Failure> {
        let handle = number(given, 0).unwrap_or(0);
        let Some(mut cursor) = self.session.exec.borrow_mut().api_cursors.remove(&handle) else {
            return Err(error(16_909, 1, &[&"sp_cursorfetch", &format_args!("{handle:x}")]).into());
        };
        let kind = number(given, 1).unwrap_or(2);
        let row = number(given, 2).unwrap_or(0);
        let rows = number(given, 3).filter(|rows| *rows >= 0).unwrap_or(AUTO_FETCH_ROWS);
        let mut outputs = Vec::new();
        match Fetch::of(kind) {
            Some(Fetch::Info) => {
                outputs = vec![output(2, cursor.at.min(cursor.count())), output(3, cursor.count())];
            }
            Some(fetch) => {
                let shown = cursor.fetch(fetch, row, rows).to_vec();
                self.show(&cursor.columns, &shown);
            }
            None => {
                self.session.exec.borrow_mut().api_cursors.insert(handle, cursor);
                return Err(error(16_902, 1, &[&"sp_cursorfetch", &"fetchtype"]).into());
            }
        }
        self.session.exec.borrow_mut().api_cursors.insert(handle, cursor);
        Ok(Returned { status: 0, outputs })
    }

    /// Sends rows as a result set.
    fn show(&mut self, columns: &[ColumnMeta], rows: &[Row]) {
        if let Some(captured) = &mut self.captured {
            captured.push((columns.to_vec(), rows.to_vec()));
            return;
        }
        self.sink.columns(columns);
        for row in rows {
            self.sink.row(row);
        }
        let in_transaction = self.session.state.borrow().open_transactions > 0;
        let row_count = Some(rows.len() as u64);
        self.sink.done(Done {
            kind: DoneKind::InProcedure,
            command: 0xC1,
            row_count,
            is_error: false,
            in_transaction,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(rows: i64) -> ApiCursor {
        ApiCursor {
            columns: Vec::new(),
            rows: (1..=rows).map(|number| vec![Value::Int(number)].into()).collect(),
            at: 0,
            buffered: 0,
        }
    }

    fn numbers(rows: &[Row]) -> Vec<i64> {
        rows.iter().map(|row| if let Value::Int(number) = row[0] { number } else { 0 }).collect()
    }

    #[test]
    fn a_fetch_moves_the_buffer_as_the_manual_says() {
        let mut cursor = cursor(5);
        let mut fetch = |fetch, row, rows| numbers(cursor.fetch(fetch, row, rows));
        assert_eq!(fetch(Fetch::Next, 0, 2), [1, 2]);
        assert_eq!(fetch(Fetch::Next, 0, 2), [3, 4]);
        assert_eq!(fetch(Fetch::Next, 0, 2), [5]);
        assert_eq!(fetch(Fetch::Next, 0, 2), [0; 0]);
        assert_eq!(fetch(Fetch::Previous, 0, 2), [4, 5]);
        assert_eq!(fetch(Fetch::Absolute, 2, 1), [2]);
        assert_eq!(fetch(Fetch::Previous, 0, 3), [1]);
        assert_eq!(fetch(Fetch::Previous, 0, 3), [0; 0]);
        assert_eq!(fetch(Fetch::Next, 0, 1), [1]);
        assert_eq!(fetch(Fetch::Absolute, -2, 9), [4, 5]);
        assert_eq!(fetch(Fetch::Last, 0, 2), [4, 5]);
        assert_eq!(fetch(Fetch::Relative, -2, 1), [2]);
        assert_eq!(fetch(Fetch::Refresh, 0, 1), [2]);
        assert_eq!(fetch(Fetch::First, 0, 100), [1, 2, 3, 4, 5]);
        assert_eq!(fetch(Fetch::Absolute, 6, 1), [0; 0]);
        assert_eq!(fetch(Fetch::Absolute, i64::MIN, i64::MAX), [0; 0]);
        assert_eq!(fetch(Fetch::Relative, i64::MAX, i64::MAX), [0; 0]);
    }
}
