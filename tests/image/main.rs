//! The container image, as whoever starts the official one would use it.
//!
//! What a pass proves: this engine starts the image that `docker/build` made, and the image keeps the contract for
//! settings, log lines, data and signals; two of its servers mirror and ship logs over a real network. It proves
//! nothing about Microsoft's image.
//!
//! Without an engine or the image nothing is reported as passed: the cases are ignored, and with `CI=true` they fail.
//! Each case removes what it started, also when it fails.

mod docker;

use docker::{Estate, PASSWORD, docker};
use libtest_mimic::{Arguments, Failed, Trial};
use std::pin::Pin;

type Case = fn() -> Pin<Box<dyn Future<Output = Result<(), Failed>>>>;

/// The cases by name.
const CASES: &[(&str, Case)] = &[
    ("a_server_says_that_it_is_ready_in_the_official_lines", || Box::pin(readiness())),
    ("a_weak_password_ends_the_container_with_1", || Box::pin(weak_password())),
    ("a_license_that_is_not_accepted_ends_the_container_with_1", || Box::pin(no_license())),
    ("a_data_folder_that_cannot_be_written_ends_the_container_with_1", || Box::pin(unwritable())),
    ("settings_in_the_environment_are_what_the_server_says", || Box::pin(settings())),
    ("an_acknowledged_commit_survives_docker_kill", || Box::pin(survives_kill())),
    ("docker_stop_ends_a_server_cleanly", || Box::pin(stops())),
    ("a_container_without_a_shell_tells_its_health", || Box::pin(health())),
    ("two_containers_mirror_with_certificates_and_fail_over", || Box::pin(mirroring())),
    ("a_partner_without_the_certificate_is_refused_with_1418", || Box::pin(stranger())),
    ("three_jobs_ship_a_row_from_one_container_to_another", || Box::pin(log_shipping())),
];

fn main() {
    let arguments = Arguments::from_args();
    let missing = docker::missing();
    if let Some(why) = &missing {
        eprintln!("the image was not tested: {why}");
    }
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let trials = CASES.iter().map(|(name, case)| {
        let missing = missing.clone();
        let ignored = missing.is_some() && !is_ci;
        let run = move || match missing {
            Some(why) => Err(Failed::from(why)),
            None => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(case())
            }
        };
        Trial::test(*name, run).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn expect(is_so: bool, what: impl FnOnce() -> String) -> Result<(), Failed> {
    if is_so { Ok(()) } else { Err(what().into()) }
}

async fn readiness() -> Result<(), Failed> {
    let estate = Estate::new()?;
    let server = estate.server("sql-a1", &[]).await?;
    let log = server.log()?;
    let at = |line: &str| log.find(line).ok_or_else(|| Failed::from(format!("no \"{line}\" in\n{log}")));
    let ready = at(
        "SQL Server is now ready for client connections. This is an informational message; no user action is required.",
    )?;
    let recovered =
        at("Recovery is complete. This is an informational message only. No user action is required.")?;
    expect(ready < recovered, || format!("the lines are in the wrong order:\n{log}"))?;
    let name = server.value("SELECT @@SERVERNAME").await?;
    expect(name.as_deref() == Some("sql-a1"), || format!("@@SERVERNAME is {name:?}"))?;
    let user = server.inspect("{{.Config.User}}")?;
    expect(user == "10001:0", || format!("it runs as {user}"))
}

/// Starts a container that has to end by itself; what it said.
async fn refused(arguments: &[&str]) -> Result<String, Failed> {
    let estate = Estate::new()?;
    let container = estate.run("sql-a1", arguments)?;
    let code = container.end().await?;
    let log = container.log()?;
    expect(code == 1, || format!("it ended with {code}:\n{log}"))?;
    Ok(log)
}

fn says(log: &str, text: &str) -> Result<(), Failed> {
    expect(log.contains(text), || format!("no \"{text}\" in\n{log}"))
}

async fn weak_password() -> Result<(), Failed> {
    let log = refused(&["--env", "ACCEPT_EULA=Y", "--env", "MSSQL_SA_PASSWORD=password"]).await?;
    says(
        &log,
        "Password validation failed. The password does not meet SQL Server password policy requirements",
    )?;
    let log = refused(&["--env", "ACCEPT_EULA=Y"]).await?;
    says(&log, "Unable to set system administrator password: there is none.")
}

async fn no_license() -> Result<(), Failed> {
    let password = format!("MSSQL_SA_PASSWORD={PASSWORD}");
    for arguments in [&["--env", &password][..], &["--env", &password, "--env", "ACCEPT_EULA=N"]] {
        let log = refused(arguments).await?;
        says(
            &log,
            "The SQL Server End-User License Agreement (EULA) must be accepted before SQL Server can start.",
        )?;
    }
    Ok(())
}

async fn unwritable() -> Result<(), Failed> {
    let password = format!("MSSQL_SA_PASSWORD={PASSWORD}");
    let environment = ["--env", "ACCEPT_EULA=Y", "--env", &password];
    // A volume over a folder that the image does not have belongs to root.
    let of_root = ["--volume", "/var/opt/mssql/other", "--env", "MSSQL_DATA_DIR=/var/opt/mssql/other"];
    for more in [&["--read-only"][..], &of_root] {
        let log = refused(&[&environment[..], more].concat()).await?;
        says(&log, "cannot be written: ")?;
        says(&log, "This server runs as user 10001; ")?;
    }
    Ok(())
}

async fn settings() -> Result<(), Failed> {
    let estate = Estate::new()?;
    let environment = [
        "--env",
        "MSSQL_PID=Express",
        "--env",
        "MSSQL_MEMORY_LIMIT_MB=1024",
        "--env",
        "MSSQL_AGENT_ENABLED=true",
        "--env",
        "MSSQL_BACKUP_DIR=/var/opt/mssql/backups",
    ];
    let server = estate.server("sql-a1", &environment).await?;
    for (query, wanted) in [
        ("SELECT CAST(SERVERPROPERTY('Edition') AS nvarchar(60))", "Express Edition (64-bit)"),
        ("SELECT CAST(committed_target_kb AS nvarchar(20)) FROM sys.dm_os_sys_info", "1048576"),
        (
            "SELECT status_desc FROM sys.dm_server_services WHERE servicename LIKE 'SQL Server Agent%'",
            "Running",
        ),
        ("SELECT CAST(SERVERPROPERTY('InstanceDefaultDataPath') AS nvarchar(60))", "/var/opt/mssql/data/"),
    ] {
        let value = server.value(query).await?;
        expect(value.as_deref() == Some(wanted), || format!("{query} gives {value:?}"))?;
    }
    server.sql(&["BACKUP DATABASE master TO DISK = 'm.bak' WITH INIT"]).await?;
    let listed =
        "SELECT CAST(file_exists AS nvarchar(5)) FROM sys.dm_os_file_exists('/var/opt/mssql/backups/m.bak')";
    let listed = server.value(listed).await?;
    expect(listed.as_deref() == Some("1"), || format!("the backup is not in its folder: {listed:?}"))
}

async fn survives_kill() -> Result<(), Failed> {
    let estate = Estate::new()?;
    let server = estate.server("sql-a1", &[]).await?;
    server.sql(&["CREATE DATABASE kept", "CREATE TABLE kept.dbo.t (id int PRIMARY KEY)"]).await?;
    server.sql(&["INSERT INTO kept.dbo.t VALUES (1)"]).await?;
    docker(&["kill", &server.id])?;
    docker(&["start", &server.id])?;
    server.ready_again(2).await?;
    let rows = server.value("SELECT CAST(COUNT(*) AS nvarchar(10)) FROM kept.dbo.t").await?;
    expect(rows.as_deref() == Some("1"), || format!("{rows:?} rows are left"))
}

async fn stops() -> Result<(), Failed> {
    let estate = Estate::new()?;
    let server = estate.server("sql-a1", &[]).await?;
    docker(&["stop", "--time", "60", &server.id])?;
    let code = server.end().await?;
    // 137 would be the SIGKILL that follows a SIGTERM that nobody heard.
    expect(code == 0, || format!("it ended with {code}"))?;
    says(&server.log()?, "SQL Server is terminating because of a system shutdown.")
}

async fn health() -> Result<(), Failed> {
    let estate = Estate::new()?;
    let server = estate.server("sql-a1", &[]).await?;
    docker(&["exec", &server.id, "/opt/mssql/bin/sqlservr", "--health"])?;
    let elsewhere =
        ["exec", "--env", "MSSQL_TCP_PORT=1500", &server.id, "/opt/mssql/bin/sqlservr", "--health"];
    let asked = docker(&elsewhere);
    expect(asked.is_err(), || "a port where nobody listens is healthy".to_owned())
}

/// What a server does to take part in mirroring, as on the official image.
fn endpoint(own: &str) -> [String; 3] {
    [
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Key-of-0ne-server'".to_owned(),
        format!("CREATE CERTIFICATE {own}_cert WITH SUBJECT = '{own} for mirroring'"),
        format!(
            "CREATE ENDPOINT Mirroring STATE = STARTED AS TCP (LISTENER_PORT = 5022, LISTENER_IP = ALL) \
             FOR DATABASE_MIRRORING (AUTHENTICATION = CERTIFICATE {own}_cert, ENCRYPTION = REQUIRED ALGORITHM AES, \
             ROLE = PARTNER); \
             BACKUP CERTIFICATE {own}_cert TO FILE = '/var/opt/mssql/share/{own}.cer'"
        ),
    ]
}

/// What a server does to let its partner in.
fn admit(other: &str) -> String {
    format!(
        "CREATE LOGIN {other}_login WITH PASSWORD = 'Partner-l0gin'; \
         CREATE USER {other}_user FOR LOGIN {other}_login; \
         CREATE CERTIFICATE {other}_cert AUTHORIZATION {other}_user FROM FILE = '/var/opt/mssql/share/{other}.cer'; \
         GRANT CONNECT ON ENDPOINT::Mirroring TO {other}_login"
    )
}

const MIRRORING_STATE: &str = "SELECT mirroring_role_desc + ' ' + mirroring_state_desc FROM sys.database_mirroring \
    WHERE database_id = DB_ID('mgc')";
const ROWS: &str = "SELECT CAST(COUNT(*) AS nvarchar(10)) FROM mgc.dbo.t";

/// A database on the first, and its copy on the second, ready to be mirrored or shipped to.
async fn copy(from: &docker::Container, to: &docker::Container, end: &str) -> Result<(), Failed> {
    from.sql(&[
        "CREATE DATABASE mgc",
        "ALTER DATABASE mgc SET RECOVERY FULL",
        "CREATE TABLE mgc.dbo.t (id int PRIMARY KEY)",
        "BACKUP DATABASE mgc TO DISK = '/var/opt/mssql/share/mgc.bak' WITH INIT",
        "BACKUP LOG mgc TO DISK = '/var/opt/mssql/share/mgc-first.trn' WITH INIT",
    ])
    .await?;
    to.sql(&[
        "RESTORE DATABASE mgc FROM DISK = '/var/opt/mssql/share/mgc.bak' WITH NORECOVERY",
        &format!("RESTORE LOG mgc FROM DISK = '/var/opt/mssql/share/mgc-first.trn' WITH {end}"),
    ])
    .await
}

async fn mirroring() -> Result<(), Failed> {
    let mut estate = Estate::new()?;
    let share = format!("{}:/var/opt/mssql/share", estate.volume("share")?);
    let a = estate.server("sql-a1", &["--volume", &share]).await?;
    let b = estate.server("sql-a2", &["--volume", &share]).await?;
    for (server, own) in [(&a, "sqla1"), (&b, "sqla2")] {
        server.sql(&endpoint(own).each_ref().map(String::as_str)).await?;
    }
    a.sql(&[&admit("sqla2")]).await?;
    b.sql(&[&admit("sqla1")]).await?;
    copy(&a, &b, "NORECOVERY").await?;
    b.sql(&["ALTER DATABASE mgc SET PARTNER = 'TCP://sql-a1:5022'"]).await?;
    a.sql(&["ALTER DATABASE mgc SET PARTNER = 'TCP://sql-a2:5022'"]).await?;
    a.wait_for(MIRRORING_STATE, "PRINCIPAL SYNCHRONIZED").await?;
    a.sql(&["INSERT INTO mgc.dbo.t VALUES (1), (2), (3)"]).await?;
    a.sql(&["ALTER DATABASE mgc SET PARTNER FAILOVER"]).await?;
    b.wait_for(MIRRORING_STATE, "PRINCIPAL SYNCHRONIZED").await?;
    b.wait_for(ROWS, "3").await?;
    a.wait_for(MIRRORING_STATE, "MIRROR SYNCHRONIZED").await?;
    // The endpoint, its certificate and the session are there after a crash, too.
    docker(&["kill", &a.id])?;
    b.sql(&["INSERT INTO mgc.dbo.t VALUES (4)"]).await?;
    docker(&["start", &a.id])?;
    a.ready_again(2).await?;
    b.wait_for(MIRRORING_STATE, "PRINCIPAL SYNCHRONIZED").await?;
    b.sql(&["ALTER DATABASE mgc SET PARTNER FAILOVER"]).await?;
    a.wait_for(ROWS, "4").await
}

async fn stranger() -> Result<(), Failed> {
    let mut estate = Estate::new()?;
    let share = format!("{}:/var/opt/mssql/share", estate.volume("share")?);
    let a = estate.server("sql-a1", &["--volume", &share]).await?;
    let b = estate.server("sql-a2", &["--volume", &share]).await?;
    for (server, own) in [(&a, "sqla1"), (&b, "sqla2")] {
        server.sql(&endpoint(own).each_ref().map(String::as_str)).await?;
    }
    a.sql(&[&admit("sqla2")]).await?;
    copy(&a, &b, "NORECOVERY").await?;
    b.sql(&["ALTER DATABASE mgc SET PARTNER = 'TCP://sql-a1:5022'"]).await?;
    let refused = a.sql(&["ALTER DATABASE mgc SET PARTNER = 'TCP://sql-a2:5022'"]).await;
    let error = refused.err().and_then(|error| error.message().map(str::to_owned)).unwrap_or_default();
    expect(error.contains("1418"), || format!("SET PARTNER said {error:?}"))?;
    says(&b.log()?, "The certificate used by the peer is not in this server's master database.")
}

async fn log_shipping() -> Result<(), Failed> {
    let mut estate = Estate::new()?;
    let share = format!("{}:/var/opt/mssql/share", estate.volume("share")?);
    let arguments = ["--volume", &share, "--env", "MSSQL_AGENT_ENABLED=true"];
    let a = estate.server("sql-a1", &arguments).await?;
    let b = estate.server("sql-b1", &arguments).await?;
    copy(&a, &b, "STANDBY = '/var/opt/mssql/data/mgc.undo'").await?;
    a.sql(&["DECLARE @job uniqueidentifier, @primary uniqueidentifier
         EXEC master.dbo.sp_add_log_shipping_primary_database @database = N'mgc',
            @backup_directory = N'/var/opt/mssql/share', @backup_share = N'/var/opt/mssql/share',
            @backup_job_name = N'LSBackup_mgc', @backup_retention_period = 4320, @backup_threshold = 60,
            @threshold_alert_enabled = 1, @history_retention_period = 5760, @backup_job_id = @job OUTPUT,
            @primary_id = @primary OUTPUT, @overwrite = 1
         EXEC master.dbo.sp_add_log_shipping_primary_secondary @primary_database = N'mgc',
            @secondary_server = N'sql-b1', @secondary_database = N'mgc'"])
        .await?;
    b.sql(&["DECLARE @copy uniqueidentifier, @restore uniqueidentifier, @secondary uniqueidentifier
         EXEC master.dbo.sp_add_log_shipping_secondary_primary @primary_server = N'sql-a1',
            @primary_database = N'mgc', @backup_source_directory = N'/var/opt/mssql/share',
            @backup_destination_directory = N'/var/opt/mssql/copy', @copy_job_name = N'LSCopy_mgc',
            @restore_job_name = N'LSRestore_mgc', @file_retention_period = 4320, @copy_job_id = @copy OUTPUT,
            @restore_job_id = @restore OUTPUT, @secondary_id = @secondary OUTPUT, @overwrite = 1
         EXEC master.dbo.sp_add_log_shipping_secondary_database @secondary_database = N'mgc',
            @primary_server = N'sql-a1', @primary_database = N'mgc', @restore_delay = 0, @restore_mode = 1,
            @disconnect_users = 1, @restore_threshold = 45, @threshold_alert_enabled = 1,
            @history_retention_period = 5760, @overwrite = 1"])
        .await?;
    a.sql(&["INSERT INTO mgc.dbo.t VALUES (1)"]).await?;
    for (server, job) in [(&a, "LSBackup_mgc"), (&b, "LSCopy_mgc"), (&b, "LSRestore_mgc")] {
        server.sql(&[&format!("EXEC msdb.dbo.sp_start_job @job_name = N'{job}'")]).await?;
        let outcome = format!(
            "SELECT CAST(h.run_status AS nvarchar(5)) FROM msdb.dbo.sysjobhistory h JOIN msdb.dbo.sysjobs j \
             ON j.job_id = h.job_id WHERE j.name = N'{job}' AND h.step_id = 0"
        );
        server.wait_for(&outcome, "1").await?;
    }
    b.wait_for(ROWS, "1").await?;
    let copied = "SELECT TOP (1) file_or_directory_name FROM sys.dm_os_enumerate_filesystem('/var/opt/mssql/copy', 'mgc_*')";
    let copied = b.value(copied).await?;
    expect(copied.as_deref().is_some_and(|name| name.ends_with(".trn")), || format!("copied: {copied:?}"))
}
