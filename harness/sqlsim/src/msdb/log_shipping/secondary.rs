//! The secondary's side: one registration per primary, with its copy and restore
//! jobs, and one row per secondary database.

use super::monitor::{self, MonitorLink};
use super::parameters::{
    BIT, GUID, INT, MONITOR_LOGIN, MONITOR_PASSWORD, MONITOR_SECURITY_MODE, MONITOR_SERVER, PATH, SYSNAME,
    may, must, number, out,
};
use super::{
    AgentType, DEFAULT_RETENTION_MINUTES, Refusal, change_given, finish, given, int_or, msdb, required,
    sysadmin_only, threshold_alert,
};
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Procedure, ProcedureContext};
use crate::messages::error;
use crate::msdb::agent::jobs::{self, NewJob};
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{
    LOG_SHIPPING_MONITOR_SECONDARY, LOG_SHIPPING_SECONDARY, LOG_SHIPPING_SECONDARY_DATABASES,
};
use crate::value::Value;
use uuid::Uuid;

/// Its procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_add_log_shipping_secondary_primary",
        home: Home::Master,
        parameters: &[
            must("@primary_server", SYSNAME),
            must("@primary_database", SYSNAME),
            must("@backup_source_directory", PATH),
            must("@backup_destination_directory", PATH),
            must("@copy_job_name", SYSNAME),
            must("@restore_job_name", SYSNAME),
            may("@file_retention_period", INT),
            MONITOR_SERVER,
            MONITOR_SECURITY_MODE,
            MONITOR_LOGIN,
            MONITOR_PASSWORD,
            out("@copy_job_id", GUID),
            out("@restore_job_id", GUID),
            out("@secondary_id", GUID),
            number("@overwrite", BIT, 0),
        ],
        body: |c| Box::pin(add_secondary_primary(c)),
    },
    Procedure {
        name: "sp_change_log_shipping_secondary_primary",
        home: Home::Master,
        parameters: &[
            must("@primary_server", SYSNAME),
            must("@primary_database", SYSNAME),
            may("@backup_source_directory", PATH),
            may("@backup_destination_directory", PATH),
            may("@file_retention_period", INT),
            MONITOR_SECURITY_MODE,
            MONITOR_LOGIN,
            MONITOR_PASSWORD,
        ],
        body: |c| Box::pin(change_secondary_primary(c)),
    },
    Procedure {
        name: "sp_delete_log_shipping_secondary_primary",
        home: Home::Master,
        parameters: &[must("@primary_server", SYSNAME), must("@primary_database", SYSNAME)],
        body: |c| Box::pin(delete_secondary_primary(c)),
    },
    Procedure {
        name: "sp_add_log_shipping_secondary_database",
        home: Home::Master,
        parameters: &[
            must("@secondary_database", SYSNAME),
            must("@primary_server", SYSNAME),
            must("@primary_database", SYSNAME),
            number("@restore_delay", INT, 0),
            number("@restore_all", BIT, 1),
            number("@restore_mode", BIT, 0),
            number("@disconnect_users", BIT, 0),
            number("@block_size", INT, -1),
            number("@buffer_count", INT, -1),
            number("@max_transfer_size", INT, -1),
            number("@restore_threshold", INT, 45),
            number("@threshold_alert", INT, 14_421),
            number("@threshold_alert_enabled", BIT, 1),
            may("@history_retention_period", INT),
            number("@overwrite", BIT, 0),
        ],
        body: |c| Box::pin(add_secondary_database(c)),
    },
    Procedure {
        name: "sp_change_log_shipping_secondary_database",
        home: Home::Master,
        parameters: &[
            must("@secondary_database", SYSNAME),
            may("@restore_delay", INT),
            may("@restore_all", BIT),
            may("@restore_mode", BIT),
            may("@disconnect_users", BIT),
            may("@block_size", INT),
            may("@buffer_count", INT),
            may("@max_transfer_size", INT),
            may("@restore_threshold", INT),
            may("@threshold_alert", INT),
            may("@threshold_alert_enabled", BIT),
            may("@history_retention_period", INT),
        ],
        body: |c| Box::pin(change_secondary_database(c)),
    },
    Procedure {
        name: "sp_delete_log_shipping_secondary_database",
        home: Home::Master,
        parameters: &[must("@secondary_database", SYSNAME)],
        body: |c| Box::pin(delete_secondary_database(c)),
    },
];

/// The registration of a primary on this secondary.
pub(super) async fn registration(
    db: Msdb<'_>,
    server: &str,
    database: &str,
) -> Result<Option<Record>, Refusal> {
    let same = |row: &Record| row.is("primary_server", server) && row.is("primary_database", database);
    Ok(db.first(&LOG_SHIPPING_SECONDARY, same).await?)
}

/// A secondary database's row.
pub(super) async fn secondary_database(db: Msdb<'_>, database: &str) -> Result<Option<Record>, Refusal> {
    Ok(db.first(&LOG_SHIPPING_SECONDARY_DATABASES, |row| row.is("secondary_database", database)).await?)
}

async fn add_secondary_primary(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_add_secondary_primary(c).await;
    finish(c, outcome)
}

async fn try_add_secondary_primary(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let (server, database) = (required(c, "@primary_server")?, required(c, "@primary_database")?);
    let source = required(c, "@backup_source_directory")?;
    let destination = required(c, "@backup_destination_directory")?;
    let (copy_name, restore_name) = (required(c, "@copy_job_name")?, required(c, "@restore_job_name")?);
    let old = registration(db, &server, &database).await?;
    if old.is_some() && int_or(c, "@overwrite", 0) == 0 {
        return Err(error(32_024, 1, &[&server, &database]).into());
    }
    let link = MonitorLink::from_arguments(c);
    link.check(c.instance).await?;
    // An entry that is overwritten keeps its id, and with it its databases.
    let id = match old {
        Some(old) => {
            let id = old.guid("secondary_id");
            jobs::delete_job(db, old.guid("copy_job_id")).await?;
            jobs::delete_job(db, old.guid("restore_job_id")).await?;
            db.delete(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await?;
            id
        }
        None => c.instance.new_guid(),
    };
    let this = c.instance.0.config.server_name.clone();
    let copy_job = NewJob {
        name: &copy_name,
        category: "Log Shipping Copy",
        step_name: &error(32_005, 1, &[]).message,
        command: &super::ship::command_line("Copy", id, &this),
    };
    let restore_job = NewJob {
        name: &restore_name,
        category: "Log Shipping Restore",
        step_name: &error(32_006, 1, &[]).message,
        command: &super::ship::command_line("Restore", id, &this),
    };
    let copy_job_id = jobs::create_log_shipping_job(db, copy_job).await?;
    let restore_job_id = jobs::create_log_shipping_job(db, restore_job).await?;
    db.insert(&LOG_SHIPPING_SECONDARY, |row| {
        row.set("secondary_id", id)
            .set("primary_server", server)
            .set("primary_database", database)
            .set("backup_source_directory", source)
            .set("backup_destination_directory", destination)
            .set("file_retention_period", int_or(c, "@file_retention_period", DEFAULT_RETENTION_MINUTES))
            .set("copy_job_id", copy_job_id)
            .set("restore_job_id", restore_job_id)
            .set("monitor_server", link.server.as_str())
            .set("monitor_server_security_mode", link.windows);
    })
    .await?;
    c.set_output("@copy_job_id", Value::Guid(copy_job_id));
    c.set_output("@restore_job_id", Value::Guid(restore_job_id));
    c.set_output("@secondary_id", Value::Guid(id));
    Ok(())
}

/// Deletes a registration with its jobs; its databases go with it.
async fn drop_registration(db: Msdb<'_>, old: &Record) -> Result<(), Refusal> {
    let id = old.guid("secondary_id");
    jobs::delete_job(db, old.guid("copy_job_id")).await?;
    jobs::delete_job(db, old.guid("restore_job_id")).await?;
    db.delete(&LOG_SHIPPING_SECONDARY_DATABASES, |row| row.guid("secondary_id") == id).await?;
    db.delete(&LOG_SHIPPING_MONITOR_SECONDARY, |row| row.guid("secondary_id") == id).await?;
    monitor::forget_history(db, id, None).await?;
    db.delete(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await?;
    Ok(())
}

async fn change_secondary_primary(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_change_secondary_primary(c).await;
    finish(c, outcome)
}

async fn try_change_secondary_primary(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let (server, database) = (required(c, "@primary_server")?, required(c, "@primary_database")?);
    let Some(old) = registration(db, &server, &database).await? else {
        return Err(error(32_023, 1, &[&server, &database]).into());
    };
    let settings = [
        "backup_source_directory",
        "backup_destination_directory",
        "file_retention_period",
        "monitor_server_security_mode",
    ];
    change_given(c, db, &LOG_SHIPPING_SECONDARY, "secondary_id", old.guid("secondary_id"), &settings).await?;
    MonitorLink::from_record(c, &old);
    Ok(())
}

async fn delete_secondary_primary(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_delete_secondary_primary(c).await;
    finish(c, outcome)
}

async fn try_delete_secondary_primary(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let (server, database) = (required(c, "@primary_server")?, required(c, "@primary_database")?);
    let Some(old) = registration(db, &server, &database).await? else {
        return Err(error(32_023, 1, &[&server, &database]).into());
    };
    let id = old.guid("secondary_id");
    if has_databases(db, id).await? {
        return Err(error(32_025, 1, &[&server, &database]).into());
    }
    drop_registration(db, &old).await
}

async fn has_databases(db: Msdb<'_>, id: Uuid) -> Result<bool, Refusal> {
    let of_this = |row: &Record| row.guid("secondary_id") == id;
    Ok(db.first(&LOG_SHIPPING_SECONDARY_DATABASES, of_this).await?.is_some())
}

async fn add_secondary_database(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_add_secondary_database(c).await;
    finish(c, outcome)
}

async fn try_add_secondary_database(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let secondary = required(c, "@secondary_database")?;
    let (server, database) = (required(c, "@primary_server")?, required(c, "@primary_database")?);
    let alert = threshold_alert(c, 14_421)?;
    let Some(primary) = registration(db, &server, &database).await? else {
        return Err(error(32_023, 1, &[&server, &database]).into());
    };
    if secondary_database(db, &secondary).await?.is_some() {
        if int_or(c, "@overwrite", 0) == 0 {
            return Err(error(32_013, 1, &[&secondary]).into());
        }
        db.delete(&LOG_SHIPPING_SECONDARY_DATABASES, |row| row.is("secondary_database", &secondary)).await?;
        db.delete(&LOG_SHIPPING_MONITOR_SECONDARY, |row| row.is("secondary_database", &secondary)).await?;
    }
    let link = MonitorLink::from_record(c, &primary);
    link.check(c.instance).await?;
    let id = primary.guid("secondary_id");
    let this = c.instance.0.config.server_name.clone();
    db.insert(&LOG_SHIPPING_SECONDARY_DATABASES, |row| {
        row.set("secondary_database", &secondary)
            .set("secondary_id", id)
            .set("restore_delay", int_or(c, "@restore_delay", 0))
            .set("restore_all", int_or(c, "@restore_all", 1) != 0)
            .set("restore_mode", int_or(c, "@restore_mode", 0) != 0)
            .set("disconnect_users", int_or(c, "@disconnect_users", 0) != 0)
            .set("block_size", int_or(c, "@block_size", -1))
            .set("buffer_count", int_or(c, "@buffer_count", -1))
            .set("max_transfer_size", int_or(c, "@max_transfer_size", -1));
    })
    .await?;
    db.insert(&LOG_SHIPPING_MONITOR_SECONDARY, |row| {
        row.set("secondary_server", this)
            .set("secondary_database", &secondary)
            .set("secondary_id", id)
            .set("primary_server", server)
            .set("primary_database", database)
            .set("restore_threshold", int_or(c, "@restore_threshold", 45))
            .set("threshold_alert", alert)
            .set("threshold_alert_enabled", int_or(c, "@threshold_alert_enabled", 1) != 0)
            .set(
                "history_retention_period",
                int_or(c, "@history_retention_period", DEFAULT_RETENTION_MINUTES),
            );
    })
    .await?;
    link.refresh(db, AgentType::Restore, id, &secondary).await
}

async fn change_secondary_database(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_change_secondary_database(c).await;
    finish(c, outcome)
}

async fn try_change_secondary_database(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let secondary = required(c, "@secondary_database")?;
    let Some(old) = secondary_database(db, &secondary).await? else {
        return Err(error(32_014, 1, &[&secondary]).into());
    };
    if given(c, "@threshold_alert").is_some() {
        threshold_alert(c, 14_421)?;
    }
    let id = old.guid("secondary_id");
    let settings = [
        "restore_delay",
        "restore_all",
        "restore_mode",
        "disconnect_users",
        "block_size",
        "buffer_count",
        "max_transfer_size",
    ];
    let monitored =
        ["restore_threshold", "threshold_alert", "threshold_alert_enabled", "history_retention_period"];
    let this = |row: &Record| row.is("secondary_database", &secondary);
    super::change_where(c, db, &LOG_SHIPPING_SECONDARY_DATABASES, this, &settings).await?;
    super::change_where(c, db, &LOG_SHIPPING_MONITOR_SECONDARY, this, &monitored).await?;
    match db.first(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await? {
        Some(primary) => {
            MonitorLink::from_record(c, &primary).refresh(db, AgentType::Restore, id, &secondary).await
        }
        None => Ok(()),
    }
}

async fn delete_secondary_database(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let outcome = try_delete_secondary_database(c).await;
    finish(c, outcome)
}

/// Removes the database's row and its history, here first and then on the monitor. When it was the
/// last one of its primary, the registration goes too, and with it the copy and restore jobs.
///
/// A monitor that cannot be reached gives 32054 and status 1, and everything here is gone all the same.
async fn try_delete_secondary_database(c: &mut ProcedureContext<'_>) -> Result<(), Refusal> {
    sysadmin_only(c)?;
    let db = msdb(c);
    let secondary = required(c, "@secondary_database")?;
    let Some(old) = secondary_database(db, &secondary).await? else {
        return Err(error(32_014, 1, &[&secondary]).into());
    };
    let id = old.guid("secondary_id");
    let primary = db.first(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await?;
    db.delete(&LOG_SHIPPING_SECONDARY_DATABASES, |row| row.is("secondary_database", &secondary)).await?;
    monitor::forget(db, AgentType::Restore, id, &secondary).await?;
    let Some(primary) = primary else { return Ok(()) };
    let link = MonitorLink::from_record(c, &primary);
    if !has_databases(db, id).await? {
        drop_registration(db, &primary).await?;
    }
    link.forget(db, AgentType::Restore, id, &secondary).await
}
