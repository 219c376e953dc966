//! The monitor: rows and history, here and on a server of their own, and the alert job.

use super::parameters::{GUID, SYSNAME, TINYINT, must, number, out};
use super::{AgentType, Refusal, finish, msdb, sysadmin_only};
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Procedure, ProcedureContext};
use crate::instance::Instance;
use crate::messages::error;
use crate::msdb::agent::jobs;
use crate::msdb::remote::{Remote, RemoteError, literal};
use crate::msdb::storage::{Msdb, Record, same_text};
use crate::msdb::tables::{
    LOG_SHIPPING_MONITOR_ALERT, LOG_SHIPPING_MONITOR_ERROR_DETAIL, LOG_SHIPPING_MONITOR_HISTORY_DETAIL,
    LOG_SHIPPING_MONITOR_PRIMARY, LOG_SHIPPING_MONITOR_SECONDARY, LOG_SHIPPING_PRIMARY_DATABASES,
    LOG_SHIPPING_SECONDARY, SystemTable,
};
use crate::value::Value;
use std::time::Duration;
use uuid::Uuid;

/// Its procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_refresh_log_shipping_monitor",
        home: Home::Master,
        parameters: &[
            must("@agent_id", GUID),
            must("@agent_type", TINYINT),
            must("@database", SYSNAME),
            number("@mode", TINYINT, 1),
        ],
        body: |c| Box::pin(refresh_monitor(c)),
    },
    Procedure {
        name: "sp_cleanup_log_shipping_history",
        home: Home::Master,
        parameters: &[must("@agent_id", GUID), must("@agent_type", TINYINT)],
        body: |c| Box::pin(cleanup_history(c)),
    },
    Procedure {
        name: "sp_add_log_shipping_alert_job",
        home: Home::Master,
        parameters: &[out("@alert_job_id", GUID)],
        body: |c| Box::pin(add_alert_job(c)),
    },
    Procedure {
        name: "sp_delete_log_shipping_alert_job",
        home: Home::Master,
        parameters: &[],
        body: |c| Box::pin(delete_alert_job(c)),
    },
    Procedure {
        name: "sp_check_log_shipping_monitor_alert",
        home: Home::Master,
        parameters: &[],
        body: |c| Box::pin(check_alerts(c)),
    },
];

/// How long a log-shipping job or procedure tries to reach the monitor (sqllogship's login time-out).
const MONITOR_PATIENCE: Duration = Duration::from_secs(15);

/// Where the monitor is and how to sign in there.
#[derive(Clone, Debug)]
pub(crate) struct MonitorLink {
    /// `host`, `host\instance` or `host,port`.
    pub(super) server: String,
    /// Windows authentication; stands for the service account that all simulated servers share.
    pub(super) windows: bool,
    login: Option<(String, String)>,
}

impl MonitorLink {
    /// As the arguments of an add procedure say; without a monitor this server is its own.
    pub(super) fn from_arguments(c: &ProcedureContext<'_>) -> Self {
        let this = &c.instance.0.config.server_name;
        let server = c.text("@monitor_server").map_or_else(|| this.clone(), |s| s.to_string());
        let windows = c.int("@monitor_server_security_mode").unwrap_or(1) != 0;
        let login = match (c.text("@monitor_server_login"), c.text("@monitor_server_password")) {
            (Some(login), Some(password)) if !windows => Some((login.to_string(), password.to_string())),
            _ => None,
        };
        if let Some(login) = &login {
            c.instance.0.agent.remember_monitor_login(&server, login.clone());
        }
        Self { server, windows, login }
    }

    /// As a registration says.
    pub(super) fn from_record(c: &ProcedureContext<'_>, registration: &Record) -> Self {
        Self::of(c.instance, registration)
    }

    /// As a registration says, for a job.
    pub(crate) fn of(instance: &Instance, registration: &Record) -> Self {
        let server = registration.text("monitor_server").to_string();
        let windows = registration.is_set("monitor_server_security_mode");
        let login = if windows { None } else { instance.0.agent.monitor_login(&server) };
        Self { server, windows, login }
    }

    /// Whether the monitor is another server than this one.
    pub(super) fn is_remote(&self, instance: &Instance) -> bool {
        let config = &instance.0.config;
        !(self.server.is_empty()
            || same_text(&self.server, &config.server_name)
            || same_text(&self.server, &config.host))
    }

    async fn connect(&self, instance: &Instance) -> Result<Remote, RemoteError> {
        let (login, password) =
            self.login.clone().unwrap_or_else(|| ("sa".to_owned(), instance.0.config.sa_password.clone()));
        Remote::connect(instance, &self.server, &login, &password, MONITOR_PATIENCE).await
    }

    /// Whether the monitor answers; nothing has been changed yet when it does not.
    pub(super) async fn check(&self, instance: &Instance) -> Result<(), Refusal> {
        if !self.is_remote(instance) {
            return Ok(());
        }
        match self.connect(instance).await {
            Ok(_) => Ok(()),
            Err(_) => Err(error(32_054, 1, &[]).into()),
        }
    }

    /// Writes this server's monitor row to the monitor.
    pub(crate) async fn refresh(
        &self,
        db: Msdb<'_>,
        agent: AgentType,
        id: Uuid,
        database: &str,
    ) -> Result<(), Refusal> {
        if !self.is_remote(db.instance) {
            return Ok(());
        }
        let (table, rows) = monitor_rows(db, agent, id, database).await?;
        let mut batch = String::new();
        for row in rows {
            batch.push_str(&delete_statement(table, id, database));
            batch.push_str(&insert_statement(table, &row));
        }
        self.send(db.instance, &batch).await
    }

    /// Removes this server's monitor row and history from the monitor.
    pub(super) async fn forget(
        &self,
        db: Msdb<'_>,
        agent: AgentType,
        id: Uuid,
        database: &str,
    ) -> Result<(), Refusal> {
        if !self.is_remote(db.instance) {
            return Ok(());
        }
        let table = if agent == AgentType::Backup {
            &LOG_SHIPPING_MONITOR_PRIMARY
        } else {
            &LOG_SHIPPING_MONITOR_SECONDARY
        };
        let mut batch = delete_statement(table, id, database);
        for table in ["log_shipping_monitor_history_detail", "log_shipping_monitor_error_detail"] {
            batch.push_str(&format!("DELETE FROM msdb.dbo.{table} WHERE agent_id = '{id}';\n"));
        }
        self.send(db.instance, &batch).await
    }

    /// Sends T-SQL to the monitor: 32054 when it does not answer, 32055 when it refuses.
    pub(crate) async fn send(&self, instance: &Instance, batch: &str) -> Result<(), Refusal> {
        let mut remote = match self.connect(instance).await {
            Ok(remote) => remote,
            Err(_) => return Err(error(32_054, 1, &[]).into()),
        };
        // The monitor must not know of what this server could lose.
        if instance.harden().await.is_err() {
            return Err(error(32_055, 1, &[]).into());
        }
        match remote.execute(batch).await {
            Ok(()) => Ok(()),
            Err(_) => Err(error(32_055, 1, &[]).into()),
        }
    }
}

/// The monitor table of an agent and its rows.
pub(super) async fn monitor_rows(
    db: Msdb<'_>,
    agent: AgentType,
    id: Uuid,
    database: &str,
) -> SqlResult<(&'static SystemTable, Vec<Record>)> {
    if agent == AgentType::Backup {
        let table = &LOG_SHIPPING_MONITOR_PRIMARY;
        Ok((table, db.select(table, |row| row.guid("primary_id") == id).await?))
    } else {
        let table = &LOG_SHIPPING_MONITOR_SECONDARY;
        let this = |row: &Record| {
            row.guid("secondary_id") == id && (database.is_empty() || row.is("secondary_database", database))
        };
        Ok((table, db.select(table, this).await?))
    }
}

fn delete_statement(table: &SystemTable, id: Uuid, database: &str) -> String {
    if table.name == LOG_SHIPPING_MONITOR_PRIMARY.name {
        return format!("DELETE FROM msdb.dbo.{} WHERE primary_id = '{id}';\n", table.name);
    }
    format!(
        "DELETE FROM msdb.dbo.{} WHERE secondary_id = '{id}' AND secondary_database = {};\n",
        table.name,
        literal(&Value::text(database))
    )
}

/// An INSERT that makes the same row elsewhere.
pub(crate) fn insert_statement(table: &SystemTable, record: &Record) -> String {
    let values: Vec<String> = record.row().iter().map(literal).collect();
    format!("INSERT INTO msdb.dbo.{} VALUES ({});\n", table.name, values.join(", "))
}

/// Deletes a database's monitor row and history here.
pub(super) async fn forget(db: Msdb<'_>, agent: AgentType, id: Uuid, database: &str) -> Result<(), Refusal> {
    if agent == AgentType::Backup {
        db.delete(&LOG_SHIPPING_MONITOR_PRIMARY, |row| row.guid("primary_id") == id).await?;
        return forget_history(db, id, None).await;
    }
    db.delete(&LOG_SHIPPING_MONITOR_SECONDARY, |row| {
        row.guid("secondary_id") == id && row.is("secondary_database", database)
    })
    .await?;
    forget_history(db, id, Some(database)).await
}

/// Deletes an agent's history and errors here: all, or those of one database.
pub(super) async fn forget_history(db: Msdb<'_>, id: Uuid, database: Option<&str>) -> Result<(), Refusal> {
    let this = |row: &Record| {
        row.guid("agent_id") == id && database.is_none_or(|name| row.is("database_name", name))
    };
    db.delete(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL, this).await?;
    db.delete(&LOG_SHIPPING_MONITOR_ERROR_DETAIL, this).await?;
    Ok(())
}

/// The registration that an agent id and type name, or 32016.
async fn registration_of(db: Msdb<'_>, id: Uuid, agent_type: i64) -> Result<(AgentType, Record), Refusal> {
    let found = match agent_type {
        0 => db
            .first(&LOG_SHIPPING_PRIMARY_DATABASES, |row| row.guid("primary_id") == id)
            .await?
            .map(|row| (AgentType::Backup, row)),
        1 | 2 => {
            let agent = if agent_type == 1 { AgentType::Copy } else { AgentType::Restore };
            let row = db.first(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await?;
            row.map(|row| (agent, row))
        }
        _ => None,
    };
    found.ok_or_else(|| error(32_016, 1, &[&id.to_string().to_uppercase(), &agent_type]).into())
}

async fn refresh_monitor(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_refresh_monitor(c).await;
    finish(c, outcome)
}

async fn try_refresh_monitor(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let id = c.guid("@agent_id").unwrap_or_default();
    let (agent, row) = registration_of(db, id, c.int("@agent_type").unwrap_or(-1)).await?;
    let database = c.text("@database").unwrap_or_else(|| "".into());
    let link = MonitorLink::from_record(c, &row);
    match c.int("@mode") {
        Some(2) => link.forget(db, agent, id, &database).await,
        _ => link.refresh(db, agent, id, &database).await,
    }
}

async fn cleanup_history(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_cleanup_history(c).await;
    finish(c, outcome)
}

async fn try_cleanup_history(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let id = c.guid("@agent_id").unwrap_or_default();
    let (agent, _) = registration_of(db, id, c.int("@agent_type").unwrap_or(-1)).await?;
    trim_history(db, agent, id).await?;
    Ok(())
}

/// Deletes history that is older than the agent's retention.
pub(super) async fn trim_history(db: Msdb<'_>, agent: AgentType, id: Uuid) -> SqlResult<()> {
    let (_, rows) = monitor_rows(db, agent, id, "").await?;
    let minutes = rows.iter().map(|row| row.int("history_retention_period")).max();
    let minutes = minutes.unwrap_or(super::DEFAULT_RETENTION_MINUTES);
    let oldest = db.instance.0.clock.utc_now() - jiff::SignedDuration::from_mins(minutes);
    let old = |row: &Record| {
        row.guid("agent_id") == id
            && row.int("agent_type") == agent as i64
            && crate::catalog::rows::timestamp(row.value("log_time_utc"), 0).is_some_and(|at| at < oldest)
    };
    db.delete(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL, old).await?;
    db.delete(&LOG_SHIPPING_MONITOR_ERROR_DETAIL, old).await?;
    Ok(())
}

async fn add_alert_job(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_add_alert_job(c).await;
    finish(c, outcome)
}

/// Adds the job that raises 14420 and 14421, every two minutes; a second call finds it there.
async fn try_add_alert_job(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    if let Some(old) = db.first(&LOG_SHIPPING_MONITOR_ALERT, |_| true).await? {
        c.set_output("@alert_job_id", Value::Guid(old.guid("alert_job_id")));
        return Ok(());
    }
    let name = format!("LSAlert_{}", c.instance.0.config.server_name);
    let step_name = error(32_020, 1, &[]).message;
    let id = jobs::create_alert_job(db, &name, &step_name, &error(32_021, 1, &[]).message).await?;
    db.insert(&LOG_SHIPPING_MONITOR_ALERT, |row| {
        row.set("alert_job_id", id);
    })
    .await?;
    c.set_output("@alert_job_id", Value::Guid(id));
    Ok(())
}

/// Raises 14420 and 14421 for whoever is late, and writes them into the error log.
async fn check_alerts(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    if let Err(refusal) = sysadmin_only(c) {
        return finish(c, Err(refusal));
    }
    let alerts = super::watch::alerts(msdb(c)).await?;
    let status = i32::from(!alerts.is_empty());
    for alert in alerts {
        c.raise(alert);
    }
    Ok(status)
}

async fn delete_alert_job(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_delete_alert_job(c).await;
    finish(c, outcome)
}

async fn try_delete_alert_job(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    for row in db.select(&LOG_SHIPPING_MONITOR_ALERT, |_| true).await? {
        jobs::delete_job(db, row.guid("alert_job_id")).await?;
    }
    db.delete(&LOG_SHIPPING_MONITOR_ALERT, |_| true).await?;
    Ok(())
}
