//! The alert job's work: who has not backed up or restored for too long.

use super::help::{is_late, minutes_since};
use crate::error::{SqlError, SqlResult};
use crate::messages::error;
use crate::msdb::storage::Msdb;
use crate::msdb::tables::{LOG_SHIPPING_MONITOR_PRIMARY, LOG_SHIPPING_MONITOR_SECONDARY};

/// 14420 and 14421 for those that are late, which the error log gets as well.
pub(super) async fn alerts(db: Msdb<'_>) -> SqlResult<Vec<SqlError>> {
    let mut alerts = Vec::new();
    for row in db.select(&LOG_SHIPPING_MONITOR_PRIMARY, |row| row.is_set("threshold_alert_enabled")).await? {
        let (since, threshold) =
            (minutes_since(db, &row, "last_backup_date_utc"), row.int("backup_threshold"));
        if is_late(since, threshold) {
            let since = since.unwrap_or(0);
            let (server, database) = (row.text("primary_server"), row.text("primary_database"));
            alerts.push(error(14_420, 1, &[&server, &database, &threshold, &since]));
        }
    }
    for row in db.select(&LOG_SHIPPING_MONITOR_SECONDARY, |row| row.is_set("threshold_alert_enabled")).await?
    {
        let (since, threshold) =
            (minutes_since(db, &row, "last_restored_date_utc"), row.int("restore_threshold"));
        if is_late(since, threshold) {
            let since = since.unwrap_or(0);
            let (server, database) = (row.text("secondary_server"), row.text("secondary_database"));
            let latency = row.int("last_restored_latency");
            alerts.push(error(14_421, 1, &[&server, &database, &threshold, &since, &latency]));
        }
    }
    for alert in &alerts {
        db.instance.log_line(
            "spid1s",
            &format!("Error: {}, Severity: 16, State: 1. {}", alert.number, alert.message),
        );
    }
    Ok(alerts)
}
