//! The primary's side: the backup job's registration and its list of secondaries.

use super::monitor::MonitorLink;
use super::parameters::{
    BIT, GUID, INT, MONITOR_LOGIN, MONITOR_PASSWORD, MONITOR_SECURITY_MODE, MONITOR_SERVER, PATH, SYSNAME,
    TINYINT, may, must, number, out,
};
use super::{
    AgentType, DEFAULT_RETENTION_MINUTES, Refusal, finish, given, int_or, msdb, required, sysadmin_only,
    threshold_alert,
};
use crate::engine::RecoveryModel;
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Procedure, ProcedureContext};
use crate::messages::error;
use crate::msdb::agent::jobs::{self, NewJob};
use crate::msdb::storage::{Msdb, Record, same_text};
use crate::msdb::tables::{
    LOG_SHIPPING_MONITOR_PRIMARY, LOG_SHIPPING_PRIMARY_DATABASES, LOG_SHIPPING_PRIMARY_SECONDARIES,
};
use crate::value::Value;

/// Its procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_add_log_shipping_primary_database",
        home: Home::Master,
        parameters: &[
            must("@database", SYSNAME),
            must("@backup_directory", PATH),
            must("@backup_share", PATH),
            must("@backup_job_name", SYSNAME),
            number("@backup_retention_period", INT, 4320),
            MONITOR_SERVER,
            MONITOR_SECURITY_MODE,
            MONITOR_LOGIN,
            MONITOR_PASSWORD,
            number("@backup_threshold", INT, 60),
            number("@threshold_alert", INT, 14_420),
            number("@threshold_alert_enabled", BIT, 0),
            may("@history_retention_period", INT),
            out("@backup_job_id", GUID),
            out("@primary_id", GUID),
            number("@overwrite", BIT, 0),
            number("@backup_compression", TINYINT, 2),
        ],
        body: |c| Box::pin(add_primary_database(c)),
    },
    Procedure {
        name: "sp_change_log_shipping_primary_database",
        home: Home::Master,
        parameters: &[
            must("@database", SYSNAME),
            may("@backup_directory", PATH),
            may("@backup_share", PATH),
            may("@backup_retention_period", INT),
            MONITOR_SECURITY_MODE,
            MONITOR_LOGIN,
            MONITOR_PASSWORD,
            may("@backup_threshold", INT),
            may("@threshold_alert", INT),
            may("@threshold_alert_enabled", BIT),
            may("@history_retention_period", INT),
            may("@backup_compression", TINYINT),
        ],
        body: |c| Box::pin(change_primary_database(c)),
    },
    Procedure {
        name: "sp_delete_log_shipping_primary_database",
        home: Home::Master,
        parameters: &[must("@database", SYSNAME)],
        body: |c| Box::pin(delete_primary_database(c)),
    },
    Procedure {
        name: "sp_add_log_shipping_primary_secondary",
        home: Home::Master,
        parameters: &[
            must("@primary_database", SYSNAME),
            must("@secondary_server", SYSNAME),
            must("@secondary_database", SYSNAME),
            number("@overwrite", BIT, 0),
        ],
        body: |c| Box::pin(add_primary_secondary(c)),
    },
    Procedure {
        name: "sp_delete_log_shipping_primary_secondary",
        home: Home::Master,
        parameters: &[
            must("@primary_database", SYSNAME),
            must("@secondary_server", SYSNAME),
            must("@secondary_database", SYSNAME),
        ],
        body: |c| Box::pin(delete_primary_secondary(c)),
    },
];

/// The registration of a primary database.
pub(super) async fn registration(db: Msdb<'_>, database: &str) -> Result<Option<Record>, Refusal> {
    Ok(db.first(&LOG_SHIPPING_PRIMARY_DATABASES, |row| row.is("primary_database", database)).await?)
}

async fn add_primary_database(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_add_primary_database(c).await;
    finish(c, outcome)
}

async fn try_add_primary_database(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let database = required(c, "@database")?;
    let (directory, share) = (required(c, "@backup_directory")?, required(c, "@backup_share")?);
    let job_name = required(c, "@backup_job_name")?;
    let alert = threshold_alert(c, 14_420)?;
    check_primary_database(c, &database)?;
    let old = registration(db, &database).await?;
    if old.is_some() && int_or(c, "@overwrite", 0) == 0 {
        return Err(error(32_009, 1, &[&database]).into());
    }
    let link = MonitorLink::from_arguments(c);
    link.check(c.instance).await?;
    // An entry that is overwritten keeps its id, and with it its secondaries.
    let primary_id = match old {
        Some(old) => {
            let id = old.guid("primary_id");
            jobs::delete_job(db, old.guid("backup_job_id")).await?;
            db.delete(&LOG_SHIPPING_MONITOR_PRIMARY, |row| row.guid("primary_id") == id).await?;
            db.delete(&LOG_SHIPPING_PRIMARY_DATABASES, |row| row.guid("primary_id") == id).await?;
            id
        }
        None => c.instance.new_guid(),
    };
    let server = c.instance.0.config.server_name.clone();
    let job_id = jobs::create_log_shipping_job(
        db,
        NewJob {
            name: &job_name,
            category: "Log Shipping Backup",
            step_name: &error(32_004, 1, &[]).message,
            command: &super::ship::command_line("Backup", primary_id, &server),
        },
    )
    .await?;
    let arguments = c.int("@backup_retention_period").unwrap_or(DEFAULT_RETENTION_MINUTES);
    db.insert(&LOG_SHIPPING_PRIMARY_DATABASES, |row| {
        row.set("primary_id", primary_id)
            .set("primary_database", &database)
            .set("backup_directory", directory)
            .set("backup_share", share)
            .set("backup_retention_period", arguments)
            .set("backup_job_id", job_id)
            .set("monitor_server", link.server.as_str())
            .set("monitor_server_security_mode", link.windows)
            .set("user_specified_monitor", link.is_remote(c.instance))
            .set("backup_compression", int_or(c, "@backup_compression", 2));
    })
    .await?;
    db.insert(&LOG_SHIPPING_MONITOR_PRIMARY, |row| {
        row.set("primary_id", primary_id)
            .set("primary_server", server)
            .set("primary_database", &database)
            .set("backup_threshold", int_or(c, "@backup_threshold", 60))
            .set("threshold_alert", alert)
            .set("threshold_alert_enabled", int_or(c, "@threshold_alert_enabled", 0) != 0)
            .set(
                "history_retention_period",
                int_or(c, "@history_retention_period", DEFAULT_RETENTION_MINUTES),
            );
    })
    .await?;
    c.set_output("@backup_job_id", Value::Guid(job_id));
    c.set_output("@primary_id", Value::Guid(primary_id));
    link.refresh(db, AgentType::Backup, primary_id, &database).await?;
    Ok(())
}

/// A primary must be an online user database whose log is kept.
fn check_primary_database(c: &ProcedureContext<'_>, name: &str) -> Result<(), Refusal> {
    let engine = c.instance.0.engine.borrow();
    let Some(database) = engine.database_by_name(name) else {
        return Err(error(15_010, 1, &[&name]).into());
    };
    if database.recovery_model == RecoveryModel::Simple {
        return Err(error(32_015, 1, &[&name]).into());
    }
    Ok(())
}

async fn change_primary_database(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_change_primary_database(c).await;
    finish(c, outcome)
}

async fn try_change_primary_database(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let database = required(c, "@database")?;
    let Some(old) = registration(db, &database).await? else {
        return Err(error(32_010, 1, &[&database]).into());
    };
    if given(c, "@threshold_alert").is_some() {
        threshold_alert(c, 14_420)?;
    }
    let id = old.guid("primary_id");
    let settings = [
        "backup_directory",
        "backup_share",
        "backup_retention_period",
        "monitor_server_security_mode",
        "backup_compression",
    ];
    super::change_given(c, db, &LOG_SHIPPING_PRIMARY_DATABASES, "primary_id", id, &settings).await?;
    let monitored =
        ["backup_threshold", "threshold_alert", "threshold_alert_enabled", "history_retention_period"];
    super::change_given(c, db, &LOG_SHIPPING_MONITOR_PRIMARY, "primary_id", id, &monitored).await?;
    let link = MonitorLink::from_record(c, &old);
    link.refresh(db, AgentType::Backup, id, &database).await
}

async fn delete_primary_database(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_delete_primary_database(c).await;
    finish(c, outcome)
}

async fn try_delete_primary_database(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let database = required(c, "@database")?;
    let Some(old) = registration(db, &database).await? else {
        return Err(error(32_010, 1, &[&database]).into());
    };
    let id = old.guid("primary_id");
    if db.first(&LOG_SHIPPING_PRIMARY_SECONDARIES, |row| row.guid("primary_id") == id).await?.is_some() {
        return Err(error(32_011, 1, &[&database]).into());
    }
    jobs::delete_job(db, old.guid("backup_job_id")).await?;
    super::monitor::forget(db, AgentType::Backup, id, &database).await?;
    db.delete(&LOG_SHIPPING_PRIMARY_DATABASES, |row| row.guid("primary_id") == id).await?;
    MonitorLink::from_record(c, &old).forget(db, AgentType::Backup, id, &database).await
}

async fn add_primary_secondary(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_add_primary_secondary(c).await;
    finish(c, outcome)
}

async fn try_add_primary_secondary(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let database = required(c, "@primary_database")?;
    let (server, secondary) = (required(c, "@secondary_server")?, required(c, "@secondary_database")?);
    let Some(old) = registration(db, &database).await? else {
        return Err(error(32_010, 1, &[&database]).into());
    };
    let id = old.guid("primary_id");
    let same = |row: &Record| is_secondary(row, id, &server, &secondary);
    if db.first(&LOG_SHIPPING_PRIMARY_SECONDARIES, same).await?.is_some() {
        if int_or(c, "@overwrite", 0) != 0 {
            return Ok(());
        }
        return Err(error(32_012, 1, &[&server, &secondary, &database]).into());
    }
    db.insert(&LOG_SHIPPING_PRIMARY_SECONDARIES, |row| {
        row.set("primary_id", id).set("secondary_server", server).set("secondary_database", secondary);
    })
    .await?;
    Ok(())
}

fn is_secondary(row: &Record, id: uuid::Uuid, server: &str, database: &str) -> bool {
    row.guid("primary_id") == id
        && same_text(&row.text("secondary_server"), server)
        && row.is("secondary_database", database)
}

async fn delete_primary_secondary(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_delete_primary_secondary(c).await;
    finish(c, outcome)
}

async fn try_delete_primary_secondary(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let database = required(c, "@primary_database")?;
    let (server, secondary) = (required(c, "@secondary_server")?, required(c, "@secondary_database")?);
    let Some(old) = registration(db, &database).await? else {
        return Err(error(32_010, 1, &[&database]).into());
    };
    let id = old.guid("primary_id");
    db.delete(&LOG_SHIPPING_PRIMARY_SECONDARIES, |row| is_secondary(row, id, &server, &secondary)).await?;
    Ok(())
}
