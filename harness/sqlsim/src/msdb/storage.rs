//! Reading and writing msdb's tables from inside the server.
//!
//! A change joins the caller's transaction or makes one of its own. A lock that
//! somebody else holds is waited for, as any statement would.

use super::tables::SystemTable;
use crate::catalog::definition::Definition;
use crate::catalog::rows::RowDraft;
use crate::engine::{Access, Engine, Fault, MSDB, ObjectId, RowId, TransactionId};
use crate::error::SqlResult;
use crate::instance::Instance;
use crate::messages::error;
use crate::session::{Session, SessionId};
use crate::value::{Row, Value};
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;

/// The tables of msdb, worked on by one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Msdb<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) session: &'a Rc<Session>,
}

/// One row with the names of its columns.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    definition: Rc<Definition>,
    row: Row,
}

impl Record {
    /// A row that is not in the table yet.
    pub(crate) fn new(definition: Rc<Definition>, row: Row) -> Self {
        Self { definition, row }
    }

    /// The value in a column.
    pub(crate) fn value(&self, name: &str) -> &Value {
        let found = self.definition.ordinal(name);
        debug_assert!(found.is_some(), "there is no column {name}");
        &self.row[found.unwrap_or(0)]
    }

    /// The value in a column, if there is such a column.
    pub(crate) fn find(&self, name: &str) -> Option<&Value> {
        Some(&self.row[self.definition.ordinal(name)?])
    }

    /// A text; empty for NULL.
    pub(crate) fn text(&self, name: &str) -> Rc<str> {
        match self.value(name) {
            Value::Text(text) => text.clone(),
            _ => "".into(),
        }
    }

    /// A number or a bit; 0 for NULL.
    pub(crate) fn int(&self, name: &str) -> i64 {
        match self.value(name) {
            Value::Int(n) => *n,
            Value::Bit(bit) => i64::from(*bit),
            _ => 0,
        }
    }

    /// Whether a bit is set.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.int(name) != 0
    }

    /// A GUID; the nil GUID for NULL.
    pub(crate) fn guid(&self, name: &str) -> Uuid {
        match self.value(name) {
            Value::Guid(guid) => *guid,
            _ => Uuid::nil(),
        }
    }

    /// Whether a text column says `text`, as the collation compares.
    pub(crate) fn is(&self, name: &str, text: &str) -> bool {
        matches!(self.value(name), Value::Text(found) if same_text(found, text))
    }

    /// All values.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }
}

/// Compares as the server's collation does: without case, without trailing blanks.
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    a.trim_end_matches(' ').to_lowercase() == b.trim_end_matches(' ').to_lowercase()
}

/// A table's parsed columns, kept per thread.
pub(crate) fn definition(table: &'static SystemTable) -> Rc<Definition> {
    thread_local! {
        static PARSED: RefCell<Vec<(&'static str, Rc<Definition>)>> = const { RefCell::new(Vec::new()) };
    }
    PARSED.with_borrow_mut(|parsed| {
        if let Some((_, found)) = parsed.iter().find(|(name, _)| *name == table.name) {
            return found.clone();
        }
        let made = Rc::new(Definition::parse(table.columns));
        parsed.push((table.name, made.clone()));
        made
    })
}

impl Msdb<'_> {
    /// The rows that match.
    pub(crate) async fn select(
        &self,
        table: &'static SystemTable,
        matches: impl Fn(&Record) -> bool,
    ) -> SqlResult<Vec<Record>> {
        loop {
            let attempt = {
                let mut engine = self.instance.0.engine.borrow_mut();
                let transaction = self.open_transaction(&engine);
                read(&mut engine, self.session.id, transaction, table, &matches)
            };
            match attempt {
                Ok(found) => return Ok(found.into_iter().map(|(_, record)| record).collect()),
                Err(fault) => self.wait(fault).await?,
            }
        }
    }

    /// The first row that matches.
    pub(crate) async fn first(
        &self,
        table: &'static SystemTable,
        matches: impl Fn(&Record) -> bool,
    ) -> SqlResult<Option<Record>> {
        Ok(self.select(table, matches).await?.into_iter().next())
    }

    /// Inserts a row; gives its identity value, or 0.
    pub(crate) async fn insert(
        &self,
        table: &'static SystemTable,
        fill: impl FnOnce(&mut RowDraft<'_>),
    ) -> SqlResult<i64> {
        let definition = definition(table);
        let mut draft = RowDraft::new(&definition);
        fill(&mut draft);
        let mut values = draft.into_values();
        self.change(|engine, transaction| {
            let id = table_id(engine, table)?;
            let identity = engine.next_identity(MSDB, id)?.unwrap_or(0);
            if let Some(at) = table.identity.and_then(|name| definition.ordinal(name)) {
                values[at] = Value::Int(identity);
            }
            engine.insert(transaction, MSDB, id, values.clone().into())?;
            Ok(identity)
        })
        .await
    }

    /// Inserts several rows in one transaction.
    pub(crate) async fn insert_all<T>(
        &self,
        table: &'static SystemTable,
        items: &[T],
        fill: impl Fn(&T, &mut RowDraft<'_>),
    ) -> SqlResult<()> {
        let definition = definition(table);
        self.change(|engine, transaction| {
            let id = table_id(engine, table)?;
            for item in items {
                let mut draft = RowDraft::new(&definition);
                fill(item, &mut draft);
                engine.insert(transaction, MSDB, id, draft.into_values().into())?;
            }
            Ok(())
        })
        .await
    }

    /// Changes the rows that match; gives their number.
    pub(crate) async fn update(
        &self,
        table: &'static SystemTable,
        matches: impl Fn(&Record) -> bool,
        change: impl Fn(&mut RowDraft<'_>),
    ) -> SqlResult<usize> {
        let definition = definition(table);
        self.change(|engine, transaction| {
            let found = read(engine, self.session.id, Some(transaction), table, &matches)?;
            let id = table_id(engine, table)?;
            for (row_id, record) in &found {
                let mut draft = RowDraft::of(&definition, record.row());
                change(&mut draft);
                engine.update(transaction, MSDB, id, *row_id, draft.into_values().into())?;
            }
            Ok(found.len())
        })
        .await
    }

    /// Deletes the rows that match; gives their number.
    pub(crate) async fn delete(
        &self,
        table: &'static SystemTable,
        matches: impl Fn(&Record) -> bool,
    ) -> SqlResult<usize> {
        self.change(|engine, transaction| {
            let found = read(engine, self.session.id, Some(transaction), table, &matches)?;
            let id = table_id(engine, table)?;
            for (row_id, _) in &found {
                engine.delete(transaction, MSDB, id, *row_id)?;
            }
            Ok(found.len())
        })
        .await
    }

    /// The transaction that the session has open.
    fn open_transaction(&self, engine: &Engine) -> Option<TransactionId> {
        engine.transactions().find(|(_, t)| t.session == self.session.id).map(|(id, _)| id)
    }

    /// Does `work` in the session's transaction or in one of its own, again after each wait for a lock.
    async fn change<T>(
        &self,
        mut work: impl FnMut(&mut Engine, TransactionId) -> Result<T, Fault>,
    ) -> SqlResult<T> {
        loop {
            let attempt = {
                let mut engine = self.instance.0.engine.borrow_mut();
                let open = self.open_transaction(&engine);
                let transaction = open.unwrap_or_else(|| engine.begin(self.session.id));
                let savepoint = engine.savepoint(transaction);
                let attempt = work(&mut engine, transaction);
                match (&attempt, open) {
                    (Ok(_), Some(_)) => {}
                    // msdb cannot be mirrored: there is nobody to wait for.
                    (Ok(_), None) => drop(engine.commit(transaction)),
                    (Err(_), Some(_)) => engine.rollback_to(transaction, savepoint),
                    (Err(_), None) => engine.rollback(transaction),
                }
                attempt
            };
            match attempt {
                Ok(value) => return Ok(value),
                Err(fault) => self.wait(fault).await?,
            }
        }
    }

    /// Waits until locks are released; an error or a deadlock ends the wait.
    async fn wait(&self, fault: Fault) -> SqlResult<()> {
        let conflict = match fault {
            Fault::Sql(error) => return Err(error),
            Fault::Blocked(conflict) => conflict,
            Fault::Listing(path) => return Err(error(40_510, 1, &[&format!("reading {path} here")])),
        };
        let released = {
            let mut engine = self.instance.0.engine.borrow_mut();
            if engine.locks.wait(self.session.id, conflict) {
                engine.locks.stop_waiting(self.session.id);
                return Err(error(1205, 13, &[&self.session.id, &"lock"]));
            }
            engine.locks.released()
        };
        self.session.update(|state| state.blocked_by = Some(conflict.by));
        released.notified().await;
        self.session.update(|state| state.blocked_by = None);
        self.instance.0.engine.borrow_mut().locks.stop_waiting(self.session.id);
        Ok(())
    }
}

/// Writes to msdb for the server itself: no session, no waiting.
pub(crate) struct Writer<'a> {
    engine: &'a mut Engine,
    transaction: TransactionId,
}

impl Writer<'_> {
    /// The rows that match.
    pub(crate) fn find(
        &mut self,
        table: &'static SystemTable,
        matches: impl Fn(&Record) -> bool,
    ) -> Result<Vec<Record>, Fault> {
        let found = read(self.engine, SERVER, Some(self.transaction), table, &matches)?;
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }

    /// Inserts a row; gives its identity value, or 0.
    pub(crate) fn insert(
        &mut self,
        table: &'static SystemTable,
        fill: impl FnOnce(&mut RowDraft<'_>),
    ) -> Result<i64, Fault> {
        let definition = definition(table);
        let mut draft = RowDraft::new(&definition);
        fill(&mut draft);
        let mut values = draft.into_values();
        let id = table_id(self.engine, table)?;
        let identity = self.engine.next_identity(MSDB, id)?.unwrap_or(0);
        if let Some(at) = table.identity.and_then(|name| definition.ordinal(name)) {
            values[at] = Value::Int(identity);
        }
        self.engine.insert(self.transaction, MSDB, id, values.into())?;
        Ok(identity)
    }
}

/// The session id under which the server writes for itself.
const SERVER: SessionId = 0;

/// Does `work` in one transaction, now.
///
/// # Errors
/// What `work` meets; a table that somebody has locked is 1222, as nobody waits here.
pub(crate) fn write_now<T>(
    instance: &Instance,
    work: impl FnOnce(&mut Writer<'_>) -> Result<T, Fault>,
) -> SqlResult<T> {
    let mut engine = instance.0.engine.borrow_mut();
    let transaction = engine.begin(SERVER);
    let outcome = work(&mut Writer { engine: &mut engine, transaction });
    match outcome {
        Ok(value) => {
            // msdb cannot be mirrored: there is nobody to wait for.
            drop(engine.commit(transaction));
            Ok(value)
        }
        Err(fault) => {
            engine.rollback(transaction);
            Err(match fault {
                Fault::Sql(error) => error,
                Fault::Blocked(_) | Fault::Listing(_) => error(1222, 1, &[]),
            })
        }
    }
}

/// The rows that match, with their ids.
fn read(
    engine: &mut Engine,
    session: SessionId,
    transaction: Option<TransactionId>,
    table: &'static SystemTable,
    matches: &impl Fn(&Record) -> bool,
) -> Result<Vec<(RowId, Record)>, Fault> {
    let id = table_id(engine, table)?;
    let opened = engine.open_table(session, transaction, MSDB, id, Access::Committed)?;
    opened.check_scan()?;
    let definition = definition(table);
    let mut found = Vec::new();
    for (row_id, row) in opened.table.rows() {
        let record = Record { definition: definition.clone(), row: row.clone() };
        if matches(&record) {
            if !opened.check(row_id)? {
                continue;
            }
            found.push((row_id, record));
        }
    }
    Ok(found)
}

fn table_id(engine: &Engine, table: &SystemTable) -> Result<ObjectId, Fault> {
    let msdb = engine.database(MSDB);
    let found = msdb.and_then(|msdb| msdb.content.table_by_name("dbo", table.name));
    found.map(|table| table.def.object_id).ok_or_else(|| Fault::Sql(error(208, 1, &[&table.name])))
}
