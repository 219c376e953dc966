//! Writes the marker, and removes what it names: that, and nothing else.

use super::found::{Found, Kind, MARKER, Marker, Thing};
use crate::estate::SqlClient;
use crate::estate::sql::{self, name, text};

/// The batches that remove what the harness put on a server, in their order. A failure ends a batch, so each does one
/// thing; each looks whether its thing is still there.
pub(super) fn batches(found: &Found) -> Vec<String> {
    let ours = found.ours();
    let of =
        |wanted: Kind| ours.iter().filter(move |thing| thing.kind == wanted).map(|thing| thing.name.as_str());
    let listed = |kind: Kind| {
        let listed: Vec<String> = of(kind).map(text).collect();
        if listed.is_empty() { "N''".to_owned() } else { listed.join(", ") }
    };
    let mut batches = Vec::new();
    if ours.iter().any(|thing| matches!(thing.kind, Kind::Database | Kind::Login)) {
        // Logins of the harness's own have no sessions but its own; a login that has one cannot be dropped.
        batches.push(format!(
            "DECLARE @kill nvarchar(max) = N''\n\
             SELECT @kill = @kill + N'KILL ' + CONVERT(nvarchar(10), session_id) + N' ' FROM sys.dm_exec_sessions \
             WHERE is_user_process = 1 AND session_id <> @@SPID \
             AND (DB_NAME(database_id) IN ({}) OR login_name IN ({}))\n\
             EXEC (@kill)",
            listed(Kind::Database),
            listed(Kind::Login)
        ));
    }
    for database in of(Kind::Database) {
        batches.push(format!(
            "IF EXISTS (SELECT 1 FROM sys.database_mirroring WHERE database_id = DB_ID({}) AND mirroring_guid IS NOT NULL) \
             ALTER DATABASE {} SET PARTNER OFF",
            text(database),
            name(database)
        ));
    }
    for database in of(Kind::LogShipping) {
        batches.push(log_shipping(database));
    }
    for thing in &ours {
        batches.extend(drop_of(thing));
    }
    for database in of(Kind::Database) {
        let database = text(database);
        batches.push(format!(
            "DELETE msdb.dbo.log_shipping_monitor_history_detail WHERE database_name = {database}\n\
             DELETE msdb.dbo.log_shipping_monitor_error_detail WHERE database_name = {database}\n\
             DELETE msdb.dbo.log_shipping_monitor_primary WHERE primary_database = {database}\n\
             DELETE msdb.dbo.log_shipping_monitor_secondary WHERE secondary_database = {database}"
        ));
    }
    batches
}

/// Ends a database's log shipping on both ends.
fn log_shipping(database: &str) -> String {
    let database = text(database);
    format!(
        "DECLARE @server sysname, @secondary sysname\n\
         IF EXISTS (SELECT 1 FROM msdb.dbo.log_shipping_primary_databases WHERE primary_database = {database})\n\
         BEGIN\n\
           SELECT @server = s.secondary_server, @secondary = s.secondary_database \
           FROM msdb.dbo.log_shipping_primary_secondaries s \
           JOIN msdb.dbo.log_shipping_primary_databases p ON p.primary_id = s.primary_id \
           WHERE p.primary_database = {database}\n\
           IF @server IS NOT NULL EXEC master.dbo.sp_delete_log_shipping_primary_secondary \
             @primary_database = {database}, @secondary_server = @server, @secondary_database = @secondary\n\
           EXEC master.dbo.sp_delete_log_shipping_primary_database @database = {database}\n\
         END\n\
         IF EXISTS (SELECT 1 FROM msdb.dbo.log_shipping_secondary_databases WHERE secondary_database = {database})\n\
           EXEC master.dbo.sp_delete_log_shipping_secondary_database @secondary_database = {database}"
    )
}

/// What drops it. Log shipping has been ended by then.
fn drop_of(thing: &Thing) -> Option<String> {
    let (quoted, literal) = (name(&thing.name), text(&thing.name));
    Some(match thing.kind {
        Kind::LogShipping => return None,
        Kind::History => {
            format!("EXEC msdb.dbo.sp_delete_database_backuphistory @database_name = {literal}")
        }
        Kind::Database => format!(
            "IF EXISTS (SELECT 1 FROM sys.databases WHERE name = {literal} AND state = 0) \
             ALTER DATABASE {quoted} SET SINGLE_USER WITH ROLLBACK IMMEDIATE\n\
             IF DB_ID({literal}) IS NOT NULL DROP DATABASE {quoted}"
        ),
        Kind::Job => format!(
            "IF EXISTS (SELECT 1 FROM msdb.dbo.sysjobs WHERE name = {literal}) \
             EXEC msdb.dbo.sp_delete_job @job_name = {literal}"
        ),
        Kind::Endpoint => format!("DROP ENDPOINT {quoted}"),
        Kind::Certificate => format!("DROP CERTIFICATE {quoted}"),
        Kind::MasterKey => "DROP MASTER KEY".to_owned(),
        Kind::Login => format!("DROP LOGIN {quoted}"),
    })
}

/// Removes what `found` shows to be the harness's; what fails is told by what is left.
pub(super) async fn clean(client: &mut SqlClient, found: &Found) -> Result<(), String> {
    let mut failures = Vec::new();
    for batch in batches(found) {
        if let Err(error) = sql::run(client, &batch).await {
            failures.push(format!("{error}, in: {batch}"));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// Writes down what is about to be created. Nothing of that name is there now, or it would have been refused or removed.
pub(super) async fn announce(
    client: &mut SqlClient,
    marker: &Marker,
    names: &[(Kind, String)],
) -> Result<(), String> {
    let mut batches = Vec::new();
    if *marker == Marker::Missing {
        batches.push(format!("CREATE DATABASE {MARKER}"));
        batches.push(format!(
            "USE {MARKER}\n\
             CREATE TABLE dbo.made (kind nvarchar(30) NOT NULL, name sysname NOT NULL, since datetime NOT NULL)\n\
             USE master"
        ));
    }
    let rows: Vec<String> =
        names.iter().map(|(kind, name)| format!("({}, {}, @now)", text(kind.word()), text(name))).collect();
    batches.push(format!(
        "DECLARE @now datetime = GETDATE()\n\
         DELETE {MARKER}.dbo.made\n\
         INSERT INTO {MARKER}.dbo.made (kind, name, since) VALUES {}",
        rows.join(", ")
    ));
    for batch in batches {
        sql::run(client, &batch).await.map_err(|error| format!("{error}, in: {batch}"))?;
    }
    Ok(())
}

/// Removes the marker, which names nothing any more.
pub(super) async fn remove_marker(client: &mut SqlClient) -> Result<(), String> {
    sql::run(client, &format!("DROP DATABASE {MARKER}")).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::lab::found::Row;

    #[test]
    fn what_is_not_ours_stands_in_no_batch() {
        let thing = |name: &str, created: &str| Thing {
            kind: Kind::Database,
            name: name.to_owned(),
            created: Some(created.to_owned()),
        };
        let row =
            |name: &str| Row { kind: Kind::Database, name: name.to_owned(), since: "2026-03-01".to_owned() };
        let found = Found {
            name: "SQL-A1".to_owned(),
            version: String::new(),
            is_on_linux: false,
            is_sysadmin: true,
            marker: Marker::Here(vec![row("mgc"), row("payroll")]),
            things: vec![
                thing("mgc", "2026-03-02"),
                thing("payroll", "2026-02-01"),
                thing("orders", "2026-03-02"),
            ],
        };
        let all = batches(&found).join("\n");
        assert!(all.contains("DROP DATABASE [mgc]"), "{all}");
        assert!(!all.contains("payroll") && !all.contains("orders"), "{all}");
    }

    #[test]
    fn a_server_with_nothing_of_ours_is_sent_nothing() {
        let found = Found {
            name: "SQL-A1".to_owned(),
            version: String::new(),
            is_on_linux: false,
            is_sysadmin: true,
            marker: Marker::Here(Vec::new()),
            things: Vec::new(),
        };
        assert_eq!(batches(&found), Vec::<String>::new());
    }
}
