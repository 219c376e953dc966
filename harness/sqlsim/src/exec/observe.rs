//! What the observer is told about a statement.

use super::run::{Activation, Runner};
use crate::observer::StatementEvent;
use crate::session::Session;
use crate::tsql::ast::{
    Backup, Expr, ObjectName, ProcedureName, Restore, RestoreKind, Statement, StatementKind, TableSource,
};
use crate::value::{DataType, Value};
use std::rc::Rc;

/// A statement as it is shown.
pub(super) struct Shown {
    kind: &'static str,
    subject: Rc<str>,
    device: Option<Rc<str>>,
    with_recovery: bool,
    database: Rc<str>,
}

impl Shown {
    /// A procedure call.
    pub(super) fn procedure(runner: &Runner<'_>, name: &Rc<str>) -> Self {
        Self {
            kind: "EXECUTE",
            subject: name.clone(),
            device: None,
            with_recovery: false,
            database: current_database(runner),
        }
    }

    /// The event, before (`None`) or after the statement ran.
    pub(super) fn event<'s>(&'s self, session: &'s Session, outcome: Option<i32>) -> StatementEvent<'s> {
        StatementEvent {
            session_id: session.id,
            program: &session.program_name,
            database: &self.database,
            kind: self.kind,
            subject: &self.subject,
            device: self.device.as_deref(),
            with_recovery: self.with_recovery,
            outcome,
        }
    }
}

fn current_database(runner: &Runner<'_>) -> Rc<str> {
    let id = runner.session.state.borrow().database_id;
    let engine = runner.instance.0.engine.borrow();
    engine.database(id).map_or_else(|| "".into(), |database| database.name.clone())
}

/// What `sys.dm_exec_requests.command` says while a statement runs; `None` leaves what it said before.
///
/// BACKUP and RESTORE name themselves, because they show their progress too.
pub(super) fn command_name(kind: &StatementKind) -> Option<&'static str> {
    Some(match kind {
        StatementKind::Select(_) => "SELECT",
        StatementKind::Insert(_) => "INSERT",
        StatementKind::Update(_) => "UPDATE",
        StatementKind::Delete(_) => "DELETE",
        StatementKind::WaitFor { .. } => "WAITFOR",
        StatementKind::Execute(_) | StatementKind::ExecuteText(_) => "EXECUTE",
        StatementKind::Kill { .. } => "KILL",
        StatementKind::CreateDatabase(_) => "CREATE DATABASE",
        StatementKind::AlterDatabase(_) => "ALTER DATABASE",
        StatementKind::DropDatabase { .. } => "DROP DATABASE",
        StatementKind::CreateTable(_) => "CREATE TABLE",
        StatementKind::Commit => "COMMIT TRANSACTION",
        _ => return None,
    })
}

/// How a statement is shown; `None` for those that are of no interest to anybody.
pub(super) fn describe(runner: &Runner<'_>, activation: &Activation, statement: &Statement) -> Option<Shown> {
    let value = |expr: &Expr| match expr {
        Expr::Literal(Value::Text(text), DataType::NVarChar(_) | DataType::VarChar(_)) => text.clone(),
        Expr::Variable(slot) => match activation.values.get(*slot) {
            Some(Value::Text(text)) => text.clone(),
            _ => "".into(),
        },
        _ => "".into(),
    };
    let named = |name: &ObjectName| name.name.clone();
    let target = |source: &TableSource| match source {
        TableSource::Named { name, .. } => name.name.clone(),
        _ => "".into(),
    };
    let mut device = None;
    let mut with_recovery = false;
    let (kind, subject): (&'static str, Rc<str>) = match &statement.kind {
        StatementKind::Select(_) => ("SELECT", "".into()),
        StatementKind::Insert(insert) => ("INSERT", target(&insert.target)),
        StatementKind::Update(update) => ("UPDATE", target(&update.target)),
        StatementKind::Delete(delete) => ("DELETE", target(&delete.target)),
        StatementKind::Execute(execute) => match &execute.procedure {
            ProcedureName::Name(name) => ("EXECUTE", named(name)),
            ProcedureName::Variable(slot) => ("EXECUTE", value(&Expr::Variable(*slot))),
        },
        StatementKind::Kill { session, .. } => ("KILL", session.to_string().into()),
        StatementKind::Backup(backup) => {
            let Backup { log, database, devices, .. } = &**backup;
            device = devices.first().map(value);
            (if *log { "BACKUP LOG" } else { "BACKUP DATABASE" }, value(database))
        }
        StatementKind::Restore(restore) => {
            let Restore { kind, database, devices, options } = &**restore;
            device = devices.first().map(value);
            with_recovery = matches!(kind, RestoreKind::Database | RestoreKind::Log)
                && !options.iter().any(|option| matches!(&*option.name, "NORECOVERY" | "STANDBY"));
            let kind = match kind {
                RestoreKind::Database => "RESTORE DATABASE",
                RestoreKind::Log => "RESTORE LOG",
                RestoreKind::HeaderOnly => "RESTORE HEADERONLY",
                RestoreKind::FileListOnly => "RESTORE FILELISTONLY",
                RestoreKind::LabelOnly => "RESTORE LABELONLY",
                RestoreKind::VerifyOnly => "RESTORE VERIFYONLY",
            };
            (kind, database.as_ref().map_or_else(|| "".into(), value))
        }
        StatementKind::CreateDatabase(create) => ("CREATE DATABASE", create.name.clone()),
        StatementKind::AlterDatabase(alter) => {
            ("ALTER DATABASE", alter.name.clone().unwrap_or_else(|| current_database(runner)))
        }
        StatementKind::DropDatabase { names, .. } => {
            ("DROP DATABASE", names.first().cloned().unwrap_or_else(|| "".into()))
        }
        StatementKind::Use(name) => ("USE", name.clone()),
        StatementKind::Commit => ("COMMIT TRANSACTION", "".into()),
        _ => return None,
    };
    Some(Shown { kind, subject, device, with_recovery, database: current_database(runner) })
}
