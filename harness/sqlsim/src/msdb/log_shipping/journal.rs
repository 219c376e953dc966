//! The history that one run of sqllogship writes, here and on the monitor.

use super::monitor::{self, MonitorLink, insert_statement};
use super::ship::Stopped;
use super::{AgentType, Refusal};
use crate::SqlError;
use crate::catalog::rows::{RowDraft, datetime};
use crate::error::SqlResult;
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{LOG_SHIPPING_MONITOR_ERROR_DETAIL, LOG_SHIPPING_MONITOR_HISTORY_DETAIL};
use crate::value::Value;
use uuid::Uuid;

/// `session_status` of history rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Starting = 0,
    Running = 1,
    Success = 2,
    Error = 3,
    Warning = 4,
}

/// One run's lines, written when it ends.
#[derive(Debug)]
pub(super) struct Journal {
    agent: AgentType,
    id: Uuid,
    database: String,
    session: i64,
    clock: crate::Clock,
    lines: Vec<(Status, jiff::Timestamp, String)>,
    errors: Vec<(jiff::Timestamp, String, &'static str)>,
}

impl Journal {
    /// Begins a run: its number is one above the agent's last.
    pub(super) async fn open(db: Msdb<'_>, agent: AgentType, id: Uuid, database: &str) -> SqlResult<Self> {
        let of_agent = |row: &Record| row.guid("agent_id") == id && row.int("agent_type") == agent as i64;
        let rows = db.select(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL, of_agent).await?;
        let session = rows.iter().map(|row| row.int("session_id")).max().unwrap_or(0) + 1;
        let clock = db.instance.0.clock.clone();
        let database = database.to_owned();
        Ok(Self { agent, id, database, session, clock, lines: Vec::new(), errors: Vec::new() })
    }

    /// A line of history.
    pub(super) fn say(&mut self, text: &str) {
        let status = if self.lines.is_empty() { Status::Starting } else { Status::Running };
        self.lines.push((status, self.clock.utc_now(), text.to_owned()));
    }

    /// An error of the engine, with what it prevented.
    pub(super) fn fail(&mut self, text: &str, error: &SqlError) -> Stopped {
        let number = error.number;
        let now = self.clock.utc_now();
        let what =
            if number == 4305 { format!("*** Error 4305: {text}") } else { format!("*** Error: {text}") };
        self.errors.push((
            now,
            format!("{what}(Microsoft.SqlServer.Management.LogShipping) ***"),
            "Microsoft.SqlServer.Management.LogShipping",
        ));
        self.errors.push((
            now,
            format!("*** Error: {}(.Net SqlClient Data Provider) ***", error.message),
            ".Net SqlClient Data Provider",
        ));
        Stopped { message: format!("{text} {} (Error {number})", error.message), number }
    }

    /// An error that is not the engine's.
    pub(super) fn fail_with(&mut self, text: &str) -> Stopped {
        let source = "Microsoft.SqlServer.Management.LogShipping";
        self.errors.push((self.clock.utc_now(), format!("*** Error: {text}({source}) ***"), source));
        Stopped { message: text.to_owned(), number: 0 }
    }

    /// Ends the run: writes its lines and errors, trims old ones, tells the monitor.
    ///
    /// A monitor that does not answer is noted as an error here and makes a success a warning.
    pub(super) async fn close(
        mut self,
        db: Msdb<'_>,
        outcome: Result<String, Stopped>,
        link: &MonitorLink,
    ) -> Result<String, Stopped> {
        let told = self.tell_monitor(db, link, outcome.is_ok()).await;
        let last = match (&outcome, told) {
            (Err(stopped), _) => {
                self.lines.push((Status::Error, self.clock.utc_now(), stopped.message.clone()));
                Status::Error
            }
            (Ok(_), Err(refusal)) => {
                let why = match refusal {
                    Refusal::Message(error) => error.message,
                    Refusal::Raised => "The monitor refused.".to_owned(),
                };
                self.errors.push((self.clock.utc_now(), why, "Microsoft.SqlServer.Management.LogShipping"));
                Status::Warning
            }
            (Ok(_), Ok(())) => Status::Success,
        };
        if let Some(line) = self.lines.last_mut() {
            line.0 = last;
        }
        db.insert_all(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL, &self.lines, |line, row| {
            self.fill_line(line, row)
        })
        .await?;
        if !self.errors.is_empty() {
            let numbered: Vec<_> = (1_i64..).zip(&self.errors).collect();
            db.insert_all(&LOG_SHIPPING_MONITOR_ERROR_DETAIL, &numbered, |(number, error), row| {
                self.fill_error(*number, error, row);
            })
            .await?;
        }
        monitor::trim_history(db, self.agent, self.id).await?;
        outcome
    }

    async fn tell_monitor(&self, db: Msdb<'_>, link: &MonitorLink, is_success: bool) -> Result<(), Refusal> {
        if !link.is_remote(db.instance) {
            return Ok(());
        }
        let (_, rows) = monitor::monitor_rows(db, self.agent, self.id, &self.database).await?;
        for row in &rows {
            link.refresh(db, self.agent, self.id, &row.text(self.database_column())).await?;
        }
        let Some((_, at, text)) = self.lines.last() else { return Ok(()) };
        let status = if is_success { Status::Success } else { Status::Error };
        let definition = crate::msdb::storage::definition(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL);
        let mut draft = RowDraft::new(&definition);
        self.fill_line(&(status, *at, text.clone()), &mut draft);
        let record = Record::new(definition.clone(), draft.into_values().into());
        link.send(db.instance, &insert_statement(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL, &record)).await
    }

    fn database_column(&self) -> &'static str {
        if self.agent == AgentType::Backup { "primary_database" } else { "secondary_database" }
    }

    fn times(&self, at: jiff::Timestamp) -> (Value, Value) {
        (datetime(at, self.clock.utc_offset_minutes()), datetime(at, 0))
    }

    fn fill_line(&self, line: &(Status, jiff::Timestamp, String), row: &mut RowDraft<'_>) {
        let (local, utc) = self.times(line.1);
        row.set("agent_id", self.id)
            .set("agent_type", self.agent as u8)
            .set("session_id", self.session)
            .set("database_name", self.database.as_str())
            .set("session_status", line.0 as u8)
            .set("log_time", local)
            .set("log_time_utc", utc)
            .set("message", line.2.as_str());
    }

    fn fill_error(&self, number: i64, error: &(jiff::Timestamp, String, &str), row: &mut RowDraft<'_>) {
        let (local, utc) = self.times(error.0);
        row.set("agent_id", self.id)
            .set("agent_type", self.agent as u8)
            .set("session_id", self.session)
            .set("database_name", self.database.as_str())
            .set("sequence_number", number)
            .set("log_time", local)
            .set("log_time_utc", utc)
            .set("message", error.1.as_str())
            .set("source", error.2)
            .set("help_url", "");
    }
}
