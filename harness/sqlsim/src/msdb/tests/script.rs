//! Log shipping as Management Studio scripts it, through the interpreter.

use crate::catalog::tests::simulated;
use crate::instance::Instance;
use crate::session::collecting::{CollectedSet, CollectingSink};
use crate::session::open::{Introduction, OpenSession};
use crate::value::Value;
use std::time::Duration;

/// What runs at the primary.
const AT_THE_PRIMARY: &str = r"
DECLARE @LS_BackupJobId AS uniqueidentifier
DECLARE @LS_PrimaryId AS uniqueidentifier
DECLARE @SP_Add_RetCode As int

EXEC @SP_Add_RetCode = master.dbo.sp_add_log_shipping_primary_database
        @database = N'mgc'
        ,@backup_directory = N'D:\backup'
        ,@backup_share = N'\\files-b\mgc-logs'
        ,@backup_job_name = N'LSBackup_mgc'
        ,@backup_retention_period = 4320
        ,@backup_compression = 2
        ,@backup_threshold = 60
        ,@threshold_alert_enabled = 1
        ,@history_retention_period = 5760
        ,@backup_job_id = @LS_BackupJobId OUTPUT
        ,@primary_id = @LS_PrimaryId OUTPUT
        ,@overwrite = 1

IF (@@ERROR = 0 AND @SP_Add_RetCode = 0)
BEGIN
DECLARE @LS_BackUpScheduleUID As uniqueidentifier
DECLARE @LS_BackUpScheduleID AS int

EXEC msdb.dbo.sp_add_schedule
        @schedule_name =N'LSBackupSchedule_SQL-B11'
        ,@enabled = 1
        ,@freq_type = 4
        ,@freq_interval = 1
        ,@freq_subday_type = 4
        ,@freq_subday_interval = 15
        ,@freq_recurrence_factor = 0
        ,@active_start_date = 20131101
        ,@active_end_date = 99991231
        ,@active_start_time = 0
        ,@active_end_time = 235900
        ,@schedule_uid = @LS_BackUpScheduleUID OUTPUT
        ,@schedule_id = @LS_BackUpScheduleID OUTPUT

EXEC msdb.dbo.sp_attach_schedule
        @job_id = @LS_BackupJobId
        ,@schedule_id = @LS_BackUpScheduleID

EXEC msdb.dbo.sp_update_job
        @job_id = @LS_BackupJobId
        ,@enabled = 1
END

EXEC master.dbo.sp_add_log_shipping_alert_job

EXEC master.dbo.sp_add_log_shipping_primary_secondary
        @primary_database = N'mgc'
        ,@secondary_server = N'SQL-B1'
        ,@secondary_database = N'mgc_b'
        ,@overwrite = 1
";

/// What runs at the secondary.
const AT_THE_SECONDARY: &str = r"
DECLARE @LS_Secondary__CopyJobId AS uniqueidentifier
DECLARE @LS_Secondary__RestoreJobId AS uniqueidentifier
DECLARE @LS_Secondary__SecondaryId AS uniqueidentifier
DECLARE @LS_Add_RetCode As int

EXEC @LS_Add_RetCode = master.dbo.sp_add_log_shipping_secondary_primary
        @primary_server = N'SQL-B1'
        ,@primary_database = N'mgc'
        ,@backup_source_directory = N'D:\backup'
        ,@backup_destination_directory = N'D:\ship'
        ,@copy_job_name = N'LSCopy_SQL-B1_mgc'
        ,@restore_job_name = N'LSRestore_SQL-B1_mgc'
        ,@file_retention_period = 4320
        ,@overwrite = 1
        ,@copy_job_id = @LS_Secondary__CopyJobId OUTPUT
        ,@restore_job_id = @LS_Secondary__RestoreJobId OUTPUT
        ,@secondary_id = @LS_Secondary__SecondaryId OUTPUT

IF (@@ERROR = 0 AND @LS_Add_RetCode = 0)
BEGIN
DECLARE @LS_SecondaryCopyJobScheduleUID As uniqueidentifier
DECLARE @LS_SecondaryCopyJobScheduleID AS int
EXEC msdb.dbo.sp_add_schedule @schedule_name =N'DefaultCopyJobSchedule', @enabled = 1, @freq_type = 4
        ,@freq_interval = 1, @freq_subday_type = 4, @freq_subday_interval = 15, @freq_recurrence_factor = 0
        ,@active_start_date = 20131101, @active_end_date = 99991231, @active_start_time = 100
        ,@active_end_time = 235900, @schedule_uid = @LS_SecondaryCopyJobScheduleUID OUTPUT
        ,@schedule_id = @LS_SecondaryCopyJobScheduleID OUTPUT
EXEC msdb.dbo.sp_attach_schedule @job_id = @LS_Secondary__CopyJobId
        ,@schedule_id = @LS_SecondaryCopyJobScheduleID

DECLARE @LS_SecondaryRestoreJobScheduleUID As uniqueidentifier
DECLARE @LS_SecondaryRestoreJobScheduleID AS int
EXEC msdb.dbo.sp_add_schedule @schedule_name =N'DefaultRestoreJobSchedule', @enabled = 1, @freq_type = 4
        ,@freq_interval = 1, @freq_subday_type = 4, @freq_subday_interval = 15, @freq_recurrence_factor = 0
        ,@active_start_date = 20131101, @active_end_date = 99991231, @active_start_time = 200
        ,@active_end_time = 235900, @schedule_uid = @LS_SecondaryRestoreJobScheduleUID OUTPUT
        ,@schedule_id = @LS_SecondaryRestoreJobScheduleID OUTPUT
EXEC msdb.dbo.sp_attach_schedule @job_id = @LS_Secondary__RestoreJobId
        ,@schedule_id = @LS_SecondaryRestoreJobScheduleID
END

DECLARE @LS_Add_RetCode2 As int
IF (@@ERROR = 0 AND @LS_Add_RetCode = 0)
BEGIN
EXEC @LS_Add_RetCode2 = master.dbo.sp_add_log_shipping_secondary_database
        @secondary_database = N'mgc_b'
        ,@primary_server = N'SQL-B1'
        ,@primary_database = N'mgc'
        ,@restore_delay = 0
        ,@restore_mode = 0
        ,@disconnect_users = 0
        ,@restore_threshold = 45
        ,@threshold_alert_enabled = 1
        ,@history_retention_period = 5760
        ,@overwrite = 1
END

IF (@@error = 0 AND @LS_Add_RetCode = 0)
BEGIN
EXEC msdb.dbo.sp_update_job @job_id = @LS_Secondary__CopyJobId, @enabled = 1
EXEC msdb.dbo.sp_update_job @job_id = @LS_Secondary__RestoreJobId, @enabled = 1
END
";

struct Client<'a> {
    instance: &'a Instance,
    session: OpenSession,
}

impl<'a> Client<'a> {
    fn of(instance: &'a Instance) -> Self {
        let session = instance.open_session(Introduction::of_service("tests", "here")).unwrap();
        Self { instance, session }
    }

    async fn answer(&self, batch: &str) -> CollectingSink {
        let mut sink = CollectingSink::new();
        crate::exec::batch(self.instance, self.session.session(), batch, &mut sink).await;
        sink
    }

    /// Runs a batch that must succeed; gives its first result set.
    async fn run(&self, batch: &str) -> CollectedSet {
        self.answer(batch).await.into_first_set().unwrap_or_else(|error| panic!("{error} in {batch}"))
    }

    /// The first value of the first row.
    async fn value(&self, query: &str) -> Value {
        self.run(query).await.rows.first().map_or(Value::Null, |row| row[0].clone())
    }

    async fn set_up(&self) {
        self.run("CREATE DATABASE mgc").await;
        self.run("CREATE TABLE mgc.dbo.tblChat (chatId int IDENTITY PRIMARY KEY, content nvarchar(100))")
            .await;
        self.run(r"BACKUP DATABASE mgc TO DISK = N'D:\backup\mgc.bak'").await;
        self.run(
            r"RESTORE DATABASE mgc_b FROM DISK = N'D:\backup\mgc.bak' WITH NORECOVERY,
              MOVE N'mgc' TO N'D:\data\mgc_b.mdf', MOVE N'mgc_log' TO N'D:\data\mgc_b.ldf'",
        )
        .await;
        self.run(AT_THE_PRIMARY).await;
        self.run(AT_THE_SECONDARY).await;
    }
}

#[test]
fn the_script_of_management_studio_sets_up_shipping_that_runs_by_itself() {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client.set_up().await;
        client.run("INSERT INTO mgc.dbo.tblChat (content) VALUES (N'hello')").await;
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        let restored = "SELECT COUNT(*) FROM msdb.dbo.restorehistory WHERE restore_type = 'L'";
        assert_eq!(client.value(restored).await, Value::Int(1));
        let statuses = client
            .run("SELECT name, run_status FROM msdb.dbo.sysjobs j JOIN msdb.dbo.sysjobhistory h ON h.job_id = j.job_id \
                  WHERE step_id = 0 AND name NOT LIKE 'LSAlert%' ORDER BY instance_id")
            .await;
        let names: Vec<Value> = statuses.rows.iter().map(|row| row[0].clone()).collect();
        let expected = [
            "LSCopy_SQL-B1_mgc",
            "LSRestore_SQL-B1_mgc",
            "LSBackup_mgc",
            "LSCopy_SQL-B1_mgc",
            "LSRestore_SQL-B1_mgc",
        ];
        assert_eq!(names, expected.map(Value::text));
        assert!(statuses.rows.iter().all(|row| row[1] == Value::Int(1)));
        client.run("RESTORE DATABASE mgc_b WITH RECOVERY").await;
        assert_eq!(client.value("SELECT content FROM mgc_b.dbo.tblChat").await, Value::text("hello"));
    });
}

#[rstest::rstest]
#[case("exec sp_delete_log_shipping_secondary_database mgc_b")]
#[case("sp_delete_log_shipping_secondary_database 'mgc_b'")]
#[case(
    "DECLARE @rc int EXEC @rc = master.dbo.sp_delete_log_shipping_secondary_database @secondary_database = N'mgc_b'"
)]
fn the_documents_first_step_removes_log_shipping_from_the_backup(#[case] batch: &str) {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client.set_up().await;
        client.run(batch).await;
        for table in
            ["log_shipping_secondary", "log_shipping_secondary_databases", "log_shipping_monitor_secondary"]
        {
            let query = format!("SELECT COUNT(*) FROM msdb.dbo.{table}");
            assert_eq!(client.value(&query).await, Value::Int(0), "{table}");
        }
        let jobs =
            "SELECT COUNT(*) FROM msdb.dbo.sysjobs WHERE name LIKE 'LSCopy%' OR name LIKE 'LSRestore%'";
        assert_eq!(client.value(jobs).await, Value::Int(0));
        let again = client.answer(batch).await;
        assert_eq!(again.error().map(|error| error.number), Some(32_014));
    });
}

#[test]
fn a_running_job_is_seen_in_sysjobactivity() {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client
            .run("EXEC msdb.dbo.sp_add_job @job_name = N'slow' \
                  EXEC msdb.dbo.sp_add_jobstep @job_name = N'slow', @step_name = N'wait', @command = N'WAITFOR DELAY ''00:01:00''' \
                  EXEC msdb.dbo.sp_start_job N'slow'")
            .await;
        let running = "SELECT COUNT(*) FROM msdb.dbo.sysjobactivity WHERE start_execution_date IS NOT NULL \
                       AND stop_execution_date IS NULL";
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(client.value(running).await, Value::Int(1));
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(client.value(running).await, Value::Int(0));
        let outcome = "SELECT run_status FROM msdb.dbo.sysjobhistory WHERE step_id = 0";
        assert_eq!(client.value(outcome).await, Value::Int(1));
    });
}

#[test]
fn a_stopped_job_is_cancelled() {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client
            .run("EXEC msdb.dbo.sp_add_job @job_name = N'slow' \
                  EXEC msdb.dbo.sp_add_jobstep @job_name = N'slow', @step_name = N'wait', @command = N'WAITFOR DELAY ''00:01:00''' \
                  EXEC msdb.dbo.sp_start_job N'slow'")
            .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.run("EXEC msdb.dbo.sp_stop_job @job_name = N'slow'").await;
        let outcome = "SELECT run_status FROM msdb.dbo.sysjobhistory WHERE step_id = 0";
        assert_eq!(client.value(outcome).await, Value::Int(3));
        let again = client.answer("EXEC msdb.dbo.sp_stop_job @job_name = N'slow'").await;
        assert_eq!(again.error().map(|error| error.number), Some(22_022));
    });
}

#[test]
fn a_step_that_fails_is_written_down_with_its_error() {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client
            .run("EXEC msdb.dbo.sp_add_job @job_name = N'bad' \
                  EXEC msdb.dbo.sp_add_jobstep @job_name = N'bad', @step_name = N'divide', @command = N'SELECT 1/0' \
                  EXEC msdb.dbo.sp_start_job N'bad'")
            .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let history = client
            .run("SELECT run_status, sql_message_id FROM msdb.dbo.sysjobhistory ORDER BY step_id DESC")
            .await;
        assert_eq!(history.rows[0].to_vec(), [Value::Int(0), Value::Int(8134)]);
    });
}

#[test]
fn the_alert_job_reports_by_its_own_procedure() {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client.set_up().await;
        tokio::time::sleep(Duration::from_secs(121)).await;
        assert!(instance.error_log().iter().any(|line| line.contains("Error: 14421")));
    });
}

#[rstest::rstest]
#[case("sp_who", 9)]
#[case("sp_who2", 13)]
#[case("EXEC master.sys.xp_dirtree N'D:\\', 1, 1", 3)]
#[case("sp_helpdb 'msdb'", 7)]
#[case("sp_helpsrvrolemember 'sysadmin'", 3)]
#[case("SELECT * FROM sys.dm_exec_sessions", 51)]
#[case("SELECT * FROM master..sysprocesses", 32)]
#[case("SELECT * FROM master.dbo.sysdatabases", 12)]
#[case("SELECT * FROM msdb.INFORMATION_SCHEMA.TABLES", 4)]
fn a_question_about_the_server_is_answered(#[case] batch: &str, #[case] columns: usize) {
    simulated(async |instance| {
        let client = Client::of(&instance);
        let set = client.run(batch).await;
        assert_eq!(set.columns.len(), columns);
        assert!(!set.rows.is_empty());
    });
}

#[test]
fn sp_who2_shows_a_session_twice_numbered_and_idle_ones_only_when_asked_for_all() {
    simulated(async |instance| {
        let client = Client::of(&instance);
        let idle = instance.open_session(Introduction::of_service("idle", "")).unwrap();
        let all = client.run("sp_who2").await;
        let active = client.run("sp_who2 'active'").await;
        let shown = |set: &CollectedSet, id: u16| {
            let id = Value::text(format!("{id:<5}"));
            set.rows.iter().filter(|row| row[0] == id && row[11] == id).count()
        };
        assert_eq!((shown(&all, idle.session().id), shown(&active, idle.session().id)), (1, 0));
        let unknown = client.answer("EXEC sp_who2 N'nobody'").await;
        assert_eq!(unknown.error().map(|error| error.number), Some(15_007));
        let host = all.rows.iter().find(|row| row[0] == Value::text(format!("{:<5}", idle.session().id)));
        assert_eq!(host.map(|row| row[3].clone()), Some(Value::text("  .")));
    });
}

#[test]
fn a_step_is_tried_again_as_often_as_it_says() {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client
            .run(
                "CREATE TABLE tempdb.dbo.tries (n int) \
                  EXEC msdb.dbo.sp_add_job @job_name = N'bad' \
                  EXEC msdb.dbo.sp_add_jobstep @job_name = N'bad', @step_name = N'try', @retry_attempts = 2, \
                  @retry_interval = 5, @command = N'INSERT INTO tempdb.dbo.tries VALUES (1) SELECT 1/0' \
                  EXEC msdb.dbo.sp_start_job N'bad'",
            )
            .await;
        tokio::time::sleep(Duration::from_secs(6 * 60)).await;
        assert_eq!(client.value("SELECT COUNT(*) FROM tempdb.dbo.tries").await, Value::Int(2));
        tokio::time::sleep(Duration::from_secs(6 * 60)).await;
        assert_eq!(client.value("SELECT COUNT(*) FROM tempdb.dbo.tries").await, Value::Int(3));
        let refused = client
            .answer("EXEC msdb.dbo.sp_add_jobstep @job_name = N'bad', @step_name = N'x', @output_file_name = N'D:\\x'")
            .await;
        assert_eq!(refused.error().map(|error| error.number), Some(crate::messages::NOT_SUPPORTED));
    });
}

/// What msdb still knows: backup sets, media families, media sets, files of backup sets, restores, files of restores.
const KNOWN: &str = "SELECT CONCAT((SELECT COUNT(*) FROM msdb.dbo.backupset), (SELECT COUNT(*) FROM msdb.dbo.backupmediafamily), \
     (SELECT COUNT(*) FROM msdb.dbo.backupmediaset), (SELECT COUNT(*) FROM msdb.dbo.backupfile), \
     (SELECT COUNT(*) FROM msdb.dbo.restorehistory), (SELECT COUNT(*) FROM msdb.dbo.restorefile))";

#[rstest::rstest]
#[case("EXEC msdb.dbo.sp_delete_database_backuphistory @database_name = N'a'", "111212")]
#[case("EXEC msdb.dbo.sp_delete_database_backuphistory @database_name = N'nobody'", "333624")]
#[case("EXEC msdb.dbo.sp_delete_backuphistory @oldest_date = '20990101'", "000000")]
#[case("EXEC msdb.dbo.sp_delete_backuphistory @oldest_date = '19990101'", "333624")]
fn history_that_is_deleted_takes_what_hangs_on_it_along(
    #[case] call: &'static str,
    #[case] left: &'static str,
) {
    simulated(async |instance| {
        let client = Client::of(&instance);
        client.run("CREATE DATABASE a; CREATE DATABASE b").await;
        client.run(r"BACKUP DATABASE a TO DISK = 'D:\a.bak'; BACKUP LOG a TO DISK = 'D:\a.trn'").await;
        client.run(r"BACKUP DATABASE b TO DISK = 'D:\b.bak'").await;
        for name in ["a", "b"] {
            client.run(&format!(r"RESTORE DATABASE {name} FROM DISK = 'D:\{name}.bak' WITH REPLACE")).await;
        }
        let before = client.value(KNOWN).await;
        assert!(matches!(&before, Value::Text(text) if text.starts_with("3336")), "{before:?}");
        client.run(call).await;
        assert_eq!(client.value(KNOWN).await, Value::text(left));
    });
}
