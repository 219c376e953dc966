//! The log-shipping procedures that answer questions.

use super::parameters::{GUID, SYSNAME, may, must};
use super::{Refusal, finish, msdb, sysadmin_only};
use crate::catalog::definition::Definition;
use crate::catalog::rows::{RowDraft, timestamp};
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Procedure, ProcedureContext};
use crate::messages::error;
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{
    LOG_SHIPPING_MONITOR_ALERT, LOG_SHIPPING_MONITOR_PRIMARY, LOG_SHIPPING_MONITOR_SECONDARY,
    LOG_SHIPPING_PRIMARY_DATABASES, LOG_SHIPPING_PRIMARY_SECONDARIES, LOG_SHIPPING_SECONDARY,
    LOG_SHIPPING_SECONDARY_DATABASES,
};
use crate::value::Row;
use uuid::Uuid;

/// Its procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_help_log_shipping_primary_database",
        home: Home::Master,
        parameters: &[may("@database", SYSNAME), may("@primary_id", GUID)],
        body: |c| {
            Box::pin(async move {
                let found = primary_database(c).await;
                answer(c, found)
            })
        },
    },
    Procedure {
        name: "sp_help_log_shipping_primary_secondary",
        home: Home::Master,
        parameters: &[must("@primary_database", SYSNAME)],
        body: |c| {
            Box::pin(async move {
                let found = primary_secondary(c).await;
                answer(c, found)
            })
        },
    },
    Procedure {
        name: "sp_help_log_shipping_secondary_primary",
        home: Home::Master,
        parameters: &[must("@primary_server", SYSNAME), must("@primary_database", SYSNAME)],
        body: |c| {
            Box::pin(async move {
                let found = secondary_primary(c).await;
                answer(c, found)
            })
        },
    },
    Procedure {
        name: "sp_help_log_shipping_secondary_database",
        home: Home::Master,
        parameters: &[may("@secondary_database", SYSNAME), may("@secondary_id", GUID)],
        body: |c| {
            Box::pin(async move {
                let found = secondary_database(c).await;
                answer(c, found)
            })
        },
    },
    Procedure {
        name: "sp_help_log_shipping_monitor_primary",
        home: Home::Master,
        parameters: &[must("@primary_server", SYSNAME), must("@primary_database", SYSNAME)],
        body: |c| {
            Box::pin(async move {
                let found = monitor_primary(c).await;
                answer(c, found)
            })
        },
    },
    Procedure {
        name: "sp_help_log_shipping_monitor_secondary",
        home: Home::Master,
        parameters: &[must("@secondary_server", SYSNAME), must("@secondary_database", SYSNAME)],
        body: |c| {
            Box::pin(async move {
                let found = monitor_secondary(c).await;
                answer(c, found)
            })
        },
    },
    Procedure {
        name: "sp_help_log_shipping_monitor",
        home: Home::Master,
        parameters: &[],
        body: |c| {
            Box::pin(async move {
                let found = monitor(c).await;
                answer(c, found)
            })
        },
    },
    Procedure {
        name: "sp_help_log_shipping_alert_job",
        home: Home::Master,
        parameters: &[],
        body: |c| {
            Box::pin(async move {
                let found = alert_job(c).await;
                answer(c, found)
            })
        },
    },
];

/// A result set: its columns and rows.
type Answer = Result<(Definition, Vec<Row>), Refusal>;

fn answer(c: &mut ProcedureContext<'_>, answer: Answer) -> SqlResult<i32> {
    let outcome = answer.map(|(definition, rows)| c.result_set(&definition.columns, &rows));
    finish(c, outcome)
}

/// A row made of the columns that the records have, the first record that has one winning.
fn merge(definition: &Definition, records: &[&Record]) -> Row {
    let mut draft = RowDraft::new(definition);
    for column in definition.columns.iter() {
        if let Some(value) = records.iter().find_map(|record| record.find(&column.name)) {
            draft.set(&column.name, value);
        }
    }
    draft.into_values().into()
}

const PRIMARY_DATABASE: &str = "primary_id uniqueidentifier, primary_database sysname, \
    backup_directory nvarchar(500), backup_share nvarchar(500), backup_retention_period int, \
    backup_compression tinyint, backup_job_id uniqueidentifier, monitor_server sysname, \
    monitor_server_security_mode bit, backup_threshold int, threshold_alert int, \
    threshold_alert_enabled bit, last_backup_file nvarchar(500), last_backup_date datetime, \
    last_backup_date_utc datetime, history_retention_period int";

async fn primary_database(c: &mut ProcedureContext<'_>) -> Answer {
    sysadmin_only(c)?;
    let db = msdb(c);
    let (name, id) = (c.text("@database"), c.guid("@primary_id"));
    let definition = Definition::parse(PRIMARY_DATABASE);
    let mut rows = Vec::new();
    let asked = |row: &Record| {
        name.as_ref().is_none_or(|name| row.is("primary_database", name))
            && id.is_none_or(|id| row.guid("primary_id") == id)
    };
    for primary in db.select(&LOG_SHIPPING_PRIMARY_DATABASES, asked).await? {
        let id = primary.guid("primary_id");
        let monitor = db.first(&LOG_SHIPPING_MONITOR_PRIMARY, |row| row.guid("primary_id") == id).await?;
        let records: Vec<&Record> = [Some(&primary), monitor.as_ref()].into_iter().flatten().collect();
        rows.push(merge(&definition, &records));
    }
    if rows.is_empty() && name.is_some() {
        return Err(error(32_010, 1, &[&name.unwrap_or_else(|| "".into())]).into());
    }
    Ok((definition, rows))
}

async fn primary_secondary(c: &mut ProcedureContext<'_>) -> Answer {
    sysadmin_only(c)?;
    let db = msdb(c);
    let name = super::required(c, "@primary_database")?;
    let Some(primary) = super::primary::registration(db, &name).await? else {
        return Err(error(32_010, 1, &[&name]).into());
    };
    let id = primary.guid("primary_id");
    let definition = Definition::parse("secondary_server sysname, secondary_database sysname");
    let found = db.select(&LOG_SHIPPING_PRIMARY_SECONDARIES, |row| row.guid("primary_id") == id).await?;
    let rows = found.iter().map(|row| merge(&definition, &[row])).collect();
    Ok((definition, rows))
}

const SECONDARY_PRIMARY: &str = "secondary_id uniqueidentifier, primary_server sysname, \
    primary_database sysname, backup_source_directory nvarchar(500), \
    backup_destination_directory nvarchar(500), file_retention_period int, \
    copy_job_id uniqueidentifier, restore_job_id uniqueidentifier, monitor_server sysname, \
    monitor_server_security_mode bit";

async fn secondary_primary(c: &mut ProcedureContext<'_>) -> Answer {
    sysadmin_only(c)?;
    let db = msdb(c);
    let (server, database) =
        (super::required(c, "@primary_server")?, super::required(c, "@primary_database")?);
    let Some(found) = super::secondary::registration(db, &server, &database).await? else {
        return Err(error(32_023, 1, &[&server, &database]).into());
    };
    let definition = Definition::parse(SECONDARY_PRIMARY);
    let rows = vec![merge(&definition, &[&found])];
    Ok((definition, rows))
}

const SECONDARY_DATABASE: &str = "secondary_database sysname, restore_delay int, restore_all bit, \
    restore_mode bit, disconnect_users bit, block_size int, buffer_count int, max_transfer_size int, \
    restore_threshold int, threshold_alert int, threshold_alert_enabled bit, \
    last_copied_file nvarchar(500), last_copied_date datetime, last_copied_date_utc datetime, \
    last_restored_file nvarchar(500), last_restored_date datetime, last_restored_date_utc datetime, \
    history_retention_period int, last_restored_latency int";

async fn secondary_database(c: &mut ProcedureContext<'_>) -> Answer {
    sysadmin_only(c)?;
    let db = msdb(c);
    let (name, id) = (c.text("@secondary_database"), c.guid("@secondary_id"));
    let definition = Definition::parse(&format!("{SECONDARY_PRIMARY}, {SECONDARY_DATABASE}"));
    let mut rows = Vec::new();
    let asked = |row: &Record| {
        name.as_ref().is_none_or(|name| row.is("secondary_database", name))
            && id.is_none_or(|id| row.guid("secondary_id") == id)
    };
    for row in db.select(&LOG_SHIPPING_SECONDARY_DATABASES, asked).await? {
        let (primary, monitor) =
            of_secondary(db, row.guid("secondary_id"), &row.text("secondary_database")).await?;
        let records: Vec<&Record> =
            [Some(&row), primary.as_ref(), monitor.as_ref()].into_iter().flatten().collect();
        rows.push(merge(&definition, &records));
    }
    if rows.is_empty() && name.is_some() {
        return Err(error(32_014, 1, &[&name.unwrap_or_else(|| "".into())]).into());
    }
    Ok((definition, rows))
}

async fn of_secondary(db: Msdb<'_>, id: Uuid, database: &str) -> SqlResult<(Option<Record>, Option<Record>)> {
    let primary = db.first(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await?;
    let this = |row: &Record| row.guid("secondary_id") == id && row.is("secondary_database", database);
    Ok((primary, db.first(&LOG_SHIPPING_MONITOR_SECONDARY, this).await?))
}

async fn monitor_primary(c: &mut ProcedureContext<'_>) -> Answer {
    let db = msdb(c);
    let (server, database) =
        (super::required(c, "@primary_server")?, super::required(c, "@primary_database")?);
    let definition = Definition::parse(LOG_SHIPPING_MONITOR_PRIMARY.columns);
    let this = |row: &Record| row.is("primary_server", &server) && row.is("primary_database", &database);
    let found = db.select(&LOG_SHIPPING_MONITOR_PRIMARY, this).await?;
    let rows = found.iter().map(|row| row.row().clone()).collect();
    Ok((definition, rows))
}

const MONITOR_SECONDARY: &str = "secondary_server sysname, secondary_database sysname, \
    secondary_id uniqueidentifier, primary_server sysname, primary_database sysname, \
    restore_threshold int, threshold_alert int, threshold_alert_enabled bit, \
    last_copied_file nvarchar(500), last_copied_date datetime, last_copied_date_utc datetime, \
    last_restored_file nvarchar(500), last_restored_date datetime, last_restored_date_utc datetime, \
    history_retention_period int";

async fn monitor_secondary(c: &mut ProcedureContext<'_>) -> Answer {
    let db = msdb(c);
    let server = super::required(c, "@secondary_server")?;
    let database = super::required(c, "@secondary_database")?;
    let definition = Definition::parse(MONITOR_SECONDARY);
    let this = |row: &Record| row.is("secondary_server", &server) && row.is("secondary_database", &database);
    let found = db.select(&LOG_SHIPPING_MONITOR_SECONDARY, this).await?;
    let rows = found.iter().map(|row| merge(&definition, &[row])).collect();
    Ok((definition, rows))
}

const MONITOR: &str = "status bit, is_primary bit, server sysname, database_name sysname, \
    time_since_last_backup int, last_backup_file nvarchar(500), backup_threshold int, \
    is_backup_alert_enabled bit, time_since_last_copy int, last_copied_file nvarchar(500), \
    time_since_last_restore int, last_restored_file nvarchar(500), last_restored_latency int, \
    restore_threshold int, is_restore_alert_enabled bit";

async fn monitor(c: &mut ProcedureContext<'_>) -> Answer {
    let db = msdb(c);
    let definition = Definition::parse(MONITOR);
    let mut rows = Vec::new();
    for row in db.select(&LOG_SHIPPING_MONITOR_PRIMARY, |_| true).await? {
        let since = minutes_since(db, &row, "last_backup_date_utc");
        let mut draft = RowDraft::new(&definition);
        draft
            .set("status", is_late(since, row.int("backup_threshold")))
            .set("is_primary", true)
            .set("server", row.value("primary_server"))
            .set("database_name", row.value("primary_database"))
            .set("time_since_last_backup", since)
            .set("last_backup_file", row.value("last_backup_file"))
            .set("backup_threshold", row.value("backup_threshold"))
            .set("is_backup_alert_enabled", row.value("threshold_alert_enabled"));
        rows.push(draft.into_values().into());
    }
    for row in db.select(&LOG_SHIPPING_MONITOR_SECONDARY, |_| true).await? {
        let since = minutes_since(db, &row, "last_restored_date_utc");
        let mut draft = RowDraft::new(&definition);
        draft
            .set("status", is_late(since, row.int("restore_threshold")))
            .set("is_primary", false)
            .set("server", row.value("secondary_server"))
            .set("database_name", row.value("secondary_database"))
            .set("time_since_last_copy", minutes_since(db, &row, "last_copied_date_utc"))
            .set("last_copied_file", row.value("last_copied_file"))
            .set("time_since_last_restore", since)
            .set("last_restored_file", row.value("last_restored_file"))
            .set("last_restored_latency", row.value("last_restored_latency"))
            .set("restore_threshold", row.value("restore_threshold"))
            .set("is_restore_alert_enabled", row.value("threshold_alert_enabled"));
        rows.push(draft.into_values().into());
    }
    Ok((definition, rows))
}

/// Whole minutes since a UTC column; `None` when it never happened.
pub(crate) fn minutes_since(db: Msdb<'_>, row: &Record, column: &str) -> Option<i64> {
    let at = timestamp(row.value(column), 0)?;
    Some(db.instance.0.clock.utc_now().duration_since(at).as_secs() / 60)
}

/// Whether nothing happened within the threshold.
pub(crate) fn is_late(since: Option<i64>, threshold: i64) -> bool {
    since.is_none_or(|minutes| minutes > threshold)
}

async fn alert_job(c: &mut ProcedureContext<'_>) -> Answer {
    sysadmin_only(c)?;
    let db = msdb(c);
    let definition = Definition::parse(LOG_SHIPPING_MONITOR_ALERT.columns);
    let found = db.select(&LOG_SHIPPING_MONITOR_ALERT, |_| true).await?;
    let rows = found.iter().map(|row| row.row().clone()).collect();
    Ok((definition, rows))
}
