//! Makes used servers fresh again, by T-SQL, and looks whether they are.
//!
//! A server whose container is down is started first. One that cannot be made
//! fresh is not used again: its container is removed, and all four are started
//! anew.

use super::engine::{Cluster, Container, Engine};
use crate::estate::EstateFile;
use crate::estate::SqlClient;
use crate::estate::sql::{self, SignIn};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a server may take to answer.
const BOUND: Duration = Duration::from_secs(30);

/// Everything that a drill makes on a server: connections, mirrors, databases, endpoints, log shipping, jobs, logins,
/// history. What the server was shipped with stays. One batch each, since a failure ends a batch.
const BATCHES: [&str; 8] = [
    "DECLARE @kill nvarchar(max) = N''\n\
     SELECT @kill = @kill + N'KILL ' + CONVERT(nvarchar(10), session_id) + N' ' FROM sys.dm_exec_sessions \
     WHERE is_user_process = 1 AND session_id <> @@SPID\n\
     EXEC (@kill)",
    "DECLARE @off nvarchar(max) = N''\n\
     SELECT @off = @off + N'ALTER DATABASE ' + QUOTENAME(DB_NAME(database_id)) + N' SET PARTNER OFF ' \
     FROM sys.database_mirroring WHERE mirroring_guid IS NOT NULL\n\
     EXEC (@off)",
    "DECLARE @database sysname\n\
     WHILE EXISTS (SELECT 1 FROM msdb.dbo.log_shipping_primary_databases)\n\
     BEGIN\n\
       SELECT TOP 1 @database = primary_database FROM msdb.dbo.log_shipping_primary_databases\n\
       DECLARE @server sysname, @secondary sysname\n\
       SELECT @server = secondary_server, @secondary = secondary_database FROM msdb.dbo.log_shipping_primary_secondaries\n\
       IF @server IS NOT NULL EXEC master.dbo.sp_delete_log_shipping_primary_secondary @primary_database = @database, \
         @secondary_server = @server, @secondary_database = @secondary\n\
       EXEC master.dbo.sp_delete_log_shipping_primary_database @database = @database\n\
     END\n\
     WHILE EXISTS (SELECT 1 FROM msdb.dbo.log_shipping_secondary_databases)\n\
     BEGIN\n\
       SELECT TOP 1 @database = secondary_database FROM msdb.dbo.log_shipping_secondary_databases\n\
       EXEC master.dbo.sp_delete_log_shipping_secondary_database @secondary_database = @database\n\
     END",
    "DECLARE @drop nvarchar(max) = N''\n\
     SELECT @drop = @drop + CASE WHEN state = 0 THEN N'ALTER DATABASE ' + QUOTENAME(name) \
     + N' SET SINGLE_USER WITH ROLLBACK IMMEDIATE ' ELSE N'' END + N'DROP DATABASE ' + QUOTENAME(name) + N' ' \
     FROM sys.databases WHERE name NOT IN (N'master', N'tempdb', N'model', N'msdb')\n\
     EXEC (@drop)",
    "DECLARE @gone nvarchar(max) = N''\n\
     SELECT @gone = @gone + N'DROP ENDPOINT ' + QUOTENAME(name) + N' ' FROM sys.database_mirroring_endpoints\n\
     SELECT @gone = @gone + N'EXEC msdb.dbo.sp_delete_job @job_name = N''' + REPLACE(name, N'''', N'''''') + N''' ' \
     FROM msdb.dbo.sysjobs WHERE name LIKE N'LS%' AND name NOT LIKE N'LSAlert%'\n\
     EXEC (@gone)",
    "IF EXISTS (SELECT 1 FROM sys.certificates WHERE name = N'firedrill_mirroring') \
     DROP CERTIFICATE firedrill_mirroring\n\
     IF EXISTS (SELECT 1 FROM sys.symmetric_keys WHERE name = N'##MS_DatabaseMasterKey##') DROP MASTER KEY",
    // In the order of their foreign keys: everything is a drill's, so that no date has to be chosen.
    "IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'restorefile') DELETE msdb.dbo.restorefile\n\
     IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'restorefilegroup') DELETE msdb.dbo.restorefilegroup\n\
     IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'restorehistory') DELETE msdb.dbo.restorehistory\n\
     IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'backupfile') DELETE msdb.dbo.backupfile\n\
     IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'backupfilegroup') DELETE msdb.dbo.backupfilegroup\n\
     IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'backupset') DELETE msdb.dbo.backupset\n\
     IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'backupmediafamily') DELETE msdb.dbo.backupmediafamily\n\
     IF EXISTS (SELECT 1 FROM msdb.sys.tables WHERE name = N'backupmediaset') DELETE msdb.dbo.backupmediaset",
    "DELETE msdb.dbo.log_shipping_monitor_history_detail DELETE msdb.dbo.log_shipping_monitor_error_detail \
     DELETE msdb.dbo.log_shipping_monitor_primary DELETE msdb.dbo.log_shipping_monitor_secondary",
];

/// What is still there of a drill, as one number.
const LEFT: &str = "SELECT (SELECT COUNT(*) FROM sys.databases WHERE name NOT IN (N'master', N'tempdb', N'model', N'msdb')) \
     + (SELECT COUNT(*) FROM sys.database_mirroring_endpoints) \
     + (SELECT COUNT(*) FROM msdb.dbo.log_shipping_primary_databases) \
     + (SELECT COUNT(*) FROM msdb.dbo.log_shipping_secondary_databases) \
     + (SELECT COUNT(*) FROM msdb.dbo.restorehistory) + (SELECT COUNT(*) FROM msdb.dbo.backupset)";

/// Makes all four fresh; false when one cannot be.
pub(super) async fn reset(engine: &Engine, cluster: &Cluster, file: &EstateFile) -> bool {
    let resetting = cluster.containers().map(|(server, container)| async move {
        match tokio::time::timeout(BOUND, one(engine, container, file)).await {
            Ok(Ok(())) => true,
            Ok(Err(why)) => {
                tracing::info!(%server, why, "the server cannot be reset; all are started anew");
                false
            }
            Err(_) => {
                tracing::info!(%server, "the server does not answer; all are started anew");
                false
            }
        }
    });
    futures::future::join_all(resetting).await.into_iter().all(|is_fresh| is_fresh)
}

async fn one(engine: &Engine, container: &Container, file: &EstateFile) -> Result<(), String> {
    engine.run_again(container).await.map_err(|error| error.to_string())?;
    let mut client = until_it_answers(container, file).await;
    for batch in BATCHES {
        sql::run(&mut client, batch).await.map_err(|error| format!("{error}, in: {batch}"))?;
    }
    let logins = &file.contents.logins;
    for login in [&logins.chat, &logins.failover, &logins.reader] {
        let drop = format!(
            "IF EXISTS (SELECT 1 FROM sys.server_principals WHERE name = {}) DROP LOGIN {}",
            sql::text(login),
            sql::name(login)
        );
        sql::run(&mut client, &drop).await.map_err(|error| error.to_string())?;
    }
    let rows = sql::rows(&mut client, LEFT).await.map_err(|error| error.to_string())?;
    match rows.first().and_then(|row| row.get::<i32, _>(0)) {
        Some(0) => Ok(()),
        left => Err(format!("{left:?} things are still there")),
    }
}

/// Signs in as `sa`, as often as it takes.
async fn until_it_answers(container: &Container, file: &EstateFile) -> SqlClient {
    loop {
        if let Ok(client) = sign_in(container, file).await {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Signs in as `sa`.
pub(super) async fn sign_in(container: &Container, file: &EstateFile) -> Result<SqlClient, String> {
    let stream = TcpStream::connect((container.address(), crate::estate::world::TDS_PORT))
        .await
        .map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let password = &file.contents.logins.password;
    let who = SignIn { login: "sa", password, database: "master", program: "firedrill" };
    sql::sign_in(Box::new(stream), &who).await.map_err(|error| error.to_string())
}
