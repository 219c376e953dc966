//! The procedures of log shipping and Agent, called one by one.

mod monitor;
mod script;

use super::storage::{Msdb, Record};
use super::tables::*;
use crate::catalog::tests::simulated;
use crate::engine::CreateDatabase;
use crate::error::SqlResult;
use crate::exec::procedures::{ProcedureContext, find};
use crate::instance::Instance;
use crate::session::collecting::CollectingSink;
use crate::session::open::{Introduction, OpenSession};
use crate::value::Value;
use std::time::Duration;
use uuid::Uuid;

/// A procedure's answer.
struct Answer {
    status: SqlResult<i32>,
    sink: CollectingSink,
}

impl Answer {
    /// The return status and the number of the first message, raised or ended with.
    fn outcome(&self) -> (Option<i32>, Option<i32>) {
        let ended = self.status.as_ref().err().map(|error| error.number);
        (self.status.as_ref().ok().copied(), ended.or(self.sink.messages.first().map(|m| m.number)))
    }
}

/// A client that calls procedures.
struct Client<'a> {
    instance: &'a Instance,
    session: OpenSession,
}

impl<'a> Client<'a> {
    fn of(instance: &'a Instance, is_sysadmin: bool) -> Self {
        let who = Introduction { is_sysadmin, ..Introduction::of_service("tests", "here") };
        Self { instance, session: instance.open_session(who).unwrap() }
    }

    async fn call(&self, name: &str, arguments: &[(&str, Value)]) -> Answer {
        let procedure = find(name, true).unwrap_or_else(|| panic!("there is no {name}"));
        let mut sink = CollectingSink::new();
        let session = self.session.session();
        let mut context = ProcedureContext::of_call(self.instance, session, &mut sink, procedure, arguments);
        let status = (procedure.body)(&mut context).await;
        Answer { status, sink }
    }

    fn msdb(&self) -> Msdb<'_> {
        Msdb { instance: self.instance, session: self.session.session() }
    }

    async fn all(&self, table: &'static SystemTable) -> Vec<Record> {
        self.msdb().select(table, |_| true).await.unwrap()
    }
}

fn text(value: &str) -> Value {
    Value::text(value)
}

async fn create_database(instance: &Instance, name: &str) {
    let request = CreateDatabase { name: name.into(), owner: "sa".into(), ..CreateDatabase::default() };
    crate::engine::create::create_database(instance, &request).await.unwrap();
}

async fn register_primary(client: &Client<'_>) -> Answer {
    client
        .call(
            "sp_add_log_shipping_primary_database",
            &[
                ("@database", text("mgc")),
                ("@backup_directory", text(r"D:\backup")),
                ("@backup_share", text(r"\\files-b\mgc-logs")),
                ("@backup_job_name", text("LSBackup_mgc")),
            ],
        )
        .await
}

async fn register_secondary(client: &Client<'_>, database: &str) -> (Answer, Answer) {
    let primary = [("@primary_server", text("SQL-A1")), ("@primary_database", text("mgc"))];
    let mut first = primary.to_vec();
    first.extend([
        ("@backup_source_directory", text(r"D:\backup")),
        ("@backup_destination_directory", text(r"D:\ship")),
        ("@copy_job_name", text("LSCopy_SQL-A1_mgc")),
        ("@restore_job_name", text("LSRestore_SQL-A1_mgc")),
    ]);
    let mut second = primary.to_vec();
    second.push(("@secondary_database", text(database)));
    (
        client.call("sp_add_log_shipping_secondary_primary", &first).await,
        client.call("sp_add_log_shipping_secondary_database", &second).await,
    )
}

#[test]
fn a_primary_gets_its_rows_and_a_disabled_job() {
    simulated(async |instance| {
        create_database(&instance, "mgc").await;
        let client = Client::of(&instance, true);
        assert_eq!(register_primary(&client).await.outcome(), (Some(0), None));
        let rows = client.all(&LOG_SHIPPING_PRIMARY_DATABASES).await;
        assert_eq!(&*rows[0].text("backup_share"), r"\\files-b\mgc-logs");
        assert_eq!(&*rows[0].text("monitor_server"), "SQL-B1");
        let monitor = client.all(&LOG_SHIPPING_MONITOR_PRIMARY).await;
        assert_eq!(monitor[0].int("backup_threshold"), 60);
        let jobs = client.all(&SYSJOBS).await;
        assert_eq!((&*jobs[0].text("name"), jobs[0].int("enabled")), ("LSBackup_mgc", 0));
        let steps = client.all(&SYSJOBSTEPS).await;
        assert!(steps[0].text("command").contains("sqllogship.exe"));
        assert_eq!(register_primary(&client).await.outcome(), (Some(1), Some(32_009)));
    });
}

#[test]
fn overwriting_a_registration_keeps_what_hangs_on_it() {
    simulated(async |instance| {
        create_database(&instance, "mgc").await;
        let client = Client::of(&instance, true);
        register_primary(&client).await;
        register_secondary(&client, "mgc").await;
        let before = client.all(&LOG_SHIPPING_PRIMARY_DATABASES).await[0].clone();
        let again = [
            ("@database", text("mgc")),
            ("@backup_directory", text(r"E:\elsewhere")),
            ("@backup_share", text(r"\\files-b\elsewhere")),
            ("@backup_job_name", text("LSBackup_mgc")),
            ("@overwrite", Value::Bit(true)),
        ];
        let answer = client.call("sp_add_log_shipping_primary_database", &again).await;
        assert_eq!(answer.outcome(), (Some(0), None));
        let after = client.all(&LOG_SHIPPING_PRIMARY_DATABASES).await;
        assert_eq!((after.len(), after[0].guid("primary_id")), (1, before.guid("primary_id")));
        assert_eq!(&*after[0].text("backup_directory"), r"E:\elsewhere");
        let secondary = [
            ("@primary_server", text("SQL-A1")),
            ("@primary_database", text("mgc")),
            ("@backup_source_directory", text(r"D:\backup")),
            ("@backup_destination_directory", text(r"D:\elsewhere")),
            ("@copy_job_name", text("LSCopy_SQL-A1_mgc")),
            ("@restore_job_name", text("LSRestore_SQL-A1_mgc")),
            ("@overwrite", Value::Bit(true)),
        ];
        let answer = client.call("sp_add_log_shipping_secondary_primary", &secondary).await;
        assert_eq!(answer.outcome(), (Some(0), None));
        let ids = (
            client.all(&LOG_SHIPPING_SECONDARY).await[0].guid("secondary_id"),
            client.all(&LOG_SHIPPING_SECONDARY_DATABASES).await[0].guid("secondary_id"),
        );
        assert_eq!(ids.0, ids.1);
        assert_eq!(client.all(&SYSJOBS).await.len(), 3);
    });
}

#[test]
fn only_a_database_with_its_log_kept_can_be_a_primary() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        assert_eq!(register_primary(&client).await.outcome(), (Some(1), Some(15_010)));
        create_database(&instance, "mgc").await;
        {
            let mut engine = instance.0.engine.borrow_mut();
            let id = engine.database_id("mgc").unwrap();
            engine.database_mut(id).unwrap().recovery_model = crate::engine::RecoveryModel::Simple;
        }
        assert_eq!(register_primary(&client).await.outcome(), (Some(1), Some(32_015)));
        assert!(client.all(&SYSJOBS).await.is_empty());
    });
}

#[test]
fn a_primary_with_secondaries_is_not_deleted() {
    simulated(async |instance| {
        create_database(&instance, "mgc").await;
        let client = Client::of(&instance, true);
        register_primary(&client).await;
        let pair = [
            ("@primary_database", text("MGC")),
            ("@secondary_server", text("SQL-B1")),
            ("@secondary_database", text("mgc")),
        ];
        let added = client.call("sp_add_log_shipping_primary_secondary", &pair).await;
        assert_eq!(added.outcome(), (Some(0), None));
        let again = client.call("sp_add_log_shipping_primary_secondary", &pair).await;
        assert_eq!(again.outcome(), (Some(1), Some(32_012)));
        let name = [("@database", text("mgc"))];
        let refused = client.call("sp_delete_log_shipping_primary_database", &name).await;
        assert_eq!(refused.outcome(), (Some(1), Some(32_011)));
        client.call("sp_delete_log_shipping_primary_secondary", &pair).await;
        let deleted = client.call("sp_delete_log_shipping_primary_database", &name).await;
        assert_eq!(deleted.outcome(), (Some(0), None));
        for table in [&LOG_SHIPPING_PRIMARY_DATABASES, &LOG_SHIPPING_MONITOR_PRIMARY, &SYSJOBS, &SYSJOBSTEPS]
        {
            assert!(client.all(table).await.is_empty(), "{}", table.name);
        }
    });
}

#[test]
fn deleting_the_last_secondary_database_takes_the_jobs_along() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        let (first, second) = register_secondary(&client, "mgc").await;
        assert_eq!((first.outcome(), second.outcome()), ((Some(0), None), (Some(0), None)));
        assert_eq!(client.all(&SYSJOBS).await.len(), 2);
        register_secondary(&client, "other").await;
        let delete = async |name: &str| {
            let arguments = [("@secondary_database", text(name))];
            client.call("sp_delete_log_shipping_secondary_database", &arguments).await.outcome()
        };
        assert_eq!(delete("other").await, (Some(0), None));
        assert_eq!(client.all(&SYSJOBS).await.len(), 2);
        assert_eq!(delete("MGC").await, (Some(0), None));
        for table in [
            &LOG_SHIPPING_SECONDARY,
            &LOG_SHIPPING_SECONDARY_DATABASES,
            &LOG_SHIPPING_MONITOR_SECONDARY,
            &SYSJOBS,
        ] {
            assert!(client.all(table).await.is_empty(), "{}", table.name);
        }
        assert_eq!(delete("mgc").await, (Some(1), Some(32_014)));
    });
}

#[test]
fn a_secondary_database_needs_its_primary_first() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        let arguments = [
            ("@secondary_database", text("mgc")),
            ("@primary_server", text("SQL-A1")),
            ("@primary_database", text("mgc")),
        ];
        let answer = client.call("sp_add_log_shipping_secondary_database", &arguments).await;
        assert_eq!(answer.outcome(), (Some(1), Some(32_023)));
    });
}

#[rstest::rstest]
#[case("sp_add_log_shipping_primary_database")]
#[case("sp_delete_log_shipping_secondary_database")]
#[case("sp_help_log_shipping_secondary_database")]
#[case("sp_refresh_log_shipping_monitor")]
fn log_shipping_answers_sysadmins_only(#[case] procedure: &str) {
    simulated(async |instance| {
        let client = Client::of(&instance, false);
        assert_eq!(client.call(procedure, &[]).await.outcome(), (Some(1), Some(21_089)));
    });
}

#[test]
fn a_monitor_that_cannot_be_reached_is_told_after_everything_here_is_gone() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        register_secondary(&client, "mgc").await;
        client
            .msdb()
            .update(
                &LOG_SHIPPING_SECONDARY,
                |_| true,
                |row| {
                    row.set("monitor_server", "SQL-M");
                },
            )
            .await
            .unwrap();
        let arguments = [("@secondary_database", text("mgc"))];
        let answer = client.call("sp_delete_log_shipping_secondary_database", &arguments).await;
        assert_eq!(answer.outcome(), (Some(1), Some(32_054)));
        assert!(client.all(&LOG_SHIPPING_SECONDARY).await.is_empty());
        assert!(client.all(&SYSJOBS).await.is_empty());
    });
}

#[test]
fn the_help_procedures_show_what_was_set_up() {
    simulated(async |instance| {
        create_database(&instance, "mgc").await;
        let client = Client::of(&instance, true);
        register_primary(&client).await;
        register_secondary(&client, "mgc").await;
        let asked = [
            ("sp_help_log_shipping_primary_database", vec![("@database", text("mgc"))], 16),
            ("sp_help_log_shipping_secondary_database", vec![("@secondary_database", text("mgc"))], 29),
            (
                "sp_help_log_shipping_secondary_primary",
                vec![("@primary_server", text("sql-a1")), ("@primary_database", text("mgc"))],
                10,
            ),
            (
                "sp_help_log_shipping_monitor_secondary",
                vec![("@secondary_server", text("SQL-B1")), ("@secondary_database", text("mgc"))],
                15,
            ),
        ];
        for (name, arguments, columns) in asked {
            let answer = client.call(name, &arguments).await;
            let set = &answer.sink.sets[0];
            assert_eq!((set.columns.len(), set.rows.len()), (columns, 1), "{name}");
        }
        let monitor = client.call("sp_help_log_shipping_monitor", &[]).await;
        assert_eq!(monitor.sink.sets[0].rows.len(), 2);
        assert_eq!(monitor.sink.sets[0].value(0, "status"), Some(&Value::Bit(true)));
    });
}

async fn add_job(client: &Client<'_>, name: &str) -> Uuid {
    let answer = client.call("sp_add_job", &[("@job_name", text(name))]).await;
    assert_eq!(answer.outcome(), (Some(0), None));
    let step = [("@job_name", text(name)), ("@step_name", text("look")), ("@command", text("SELECT 1"))];
    assert_eq!(client.call("sp_add_jobstep", &step).await.outcome(), (Some(0), None));
    super::agent::jobs::find_by_name(client.msdb(), name).await.unwrap().unwrap().guid("job_id")
}

#[test]
fn a_job_runs_on_its_schedule_and_agent_sleeps_in_between() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        add_job(&client, "every quarter").await;
        let schedule = [
            ("@job_name", text("every quarter")),
            ("@name", text("quarters")),
            ("@freq_type", Value::Int(4)),
            ("@freq_interval", Value::Int(1)),
            ("@freq_subday_type", Value::Int(4)),
            ("@freq_subday_interval", Value::Int(15)),
        ];
        assert_eq!(client.call("sp_add_jobschedule", &schedule).await.outcome(), (Some(0), None));
        tokio::time::sleep(Duration::from_secs(46 * 60)).await;
        let history = client.all(&SYSJOBHISTORY).await;
        let runs: Vec<i64> =
            history.iter().filter(|row| row.int("step_id") == 0).map(|row| row.int("run_time")).collect();
        // 10:00 UTC is 11:00 here.
        assert_eq!(runs, [111_500, 113_000, 114_500]);
        let activity = client.all(&SYSJOBACTIVITY).await;
        assert!(!activity[0].value("stop_execution_date").is_null());
    });
}

#[test]
fn a_disabled_job_does_not_run_on_its_schedule() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        add_job(&client, "off").await;
        let schedule = [
            ("@job_name", text("off")),
            ("@name", text("minutes")),
            ("@freq_type", Value::Int(4)),
            ("@freq_interval", Value::Int(1)),
            ("@freq_subday_type", Value::Int(4)),
            ("@freq_subday_interval", Value::Int(1)),
        ];
        client.call("sp_add_jobschedule", &schedule).await;
        client.call("sp_update_job", &[("@job_name", text("off")), ("@enabled", Value::Int(0))]).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(client.all(&SYSJOBHISTORY).await.is_empty());
    });
}

#[test]
fn sp_start_job_runs_a_job_once_and_leaves_its_history() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        let id = add_job(&client, "by hand").await;
        tokio::task::yield_now().await;
        let started = client.call("sp_start_job", &[("@job_name", text("by hand"))]).await;
        assert_eq!(started.status, Ok(0));
        let again = client.call("sp_start_job", &[("@job_name", text("by hand"))]).await;
        assert_eq!(again.outcome(), (None, Some(22_022)));
        assert!(instance.0.agent.running_for(id).is_some());
        tokio::time::sleep(Duration::from_millis(1)).await;
        let history = client.all(&SYSJOBHISTORY).await;
        let steps: Vec<i64> = history.iter().map(|row| row.int("step_id")).collect();
        assert_eq!(steps, [1, 0]);
        let help = client.call("sp_help_job", &[("@job_name", text("by hand"))]).await;
        assert_eq!(help.sink.sets[0].value(0, "last_run_outcome"), Some(&Value::Int(1)));
        assert_eq!(help.sink.sets[0].value(0, "current_execution_status"), Some(&Value::Int(4)));
    });
}

#[rstest::rstest]
#[case(&[], 14_294)]
#[case(&[("@job_name", "nobody")], 14_262)]
fn a_job_must_be_named_and_known(#[case] arguments: &[(&str, &str)], #[case] number: i32) {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        let arguments: Vec<_> = arguments.iter().map(|(name, value)| (*name, text(value))).collect();
        assert_eq!(client.call("sp_start_job", &arguments).await.outcome(), (None, Some(number)));
    });
}

#[test]
fn jobs_survive_a_power_loss_and_run_again() {
    simulated(async |instance| {
        let client = Client::of(&instance, true);
        add_job(&client, "lasting").await;
        let schedule = [
            ("@job_name", text("lasting")),
            ("@name", text("hours")),
            ("@freq_type", Value::Int(4)),
            ("@freq_interval", Value::Int(1)),
            ("@freq_subday_type", Value::Int(8)),
            ("@freq_subday_interval", Value::Int(1)),
        ];
        client.call("sp_add_jobschedule", &schedule).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        instance.power_off();
        tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
        instance.power_on();
        let client = Client::of(&instance, true);
        assert!(client.all(&SYSJOBHISTORY).await.is_empty());
        tokio::time::sleep(Duration::from_secs(3601)).await;
        assert_eq!(client.all(&SYSJOBHISTORY).await.len(), 2);
        assert_eq!(client.all(&SYSSESSIONS).await.len(), 2);
    });
}

#[test]
fn the_alert_job_reports_a_primary_that_is_not_backed_up() {
    simulated(async |instance| {
        create_database(&instance, "mgc").await;
        let client = Client::of(&instance, true);
        register_primary(&client).await;
        client
            .msdb()
            .update(
                &LOG_SHIPPING_MONITOR_PRIMARY,
                |_| true,
                |row| {
                    row.set("threshold_alert_enabled", true);
                },
            )
            .await
            .unwrap();
        assert_eq!(client.call("sp_add_log_shipping_alert_job", &[]).await.outcome(), (Some(0), None));
        tokio::time::sleep(Duration::from_secs(121)).await;
        assert!(instance.error_log().iter().any(|line| line.contains("Error: 14420")));
        let history = client.all(&SYSJOBHISTORY).await;
        assert_eq!(history[0].int("sql_message_id"), 14_420);
    });
}

/// Posts a row to `mgc.dbo.t`, so that there is log to ship.
fn post(instance: &Instance, session: u16, value: i64) {
    let mut engine = instance.0.engine.borrow_mut();
    let database = engine.database_id("mgc").unwrap();
    let transaction = engine.begin(session);
    let found = engine.database(database).unwrap().content.table_by_name("dbo", "t").map(|t| t.def.object_id);
    let table = found.unwrap_or_else(|| {
        let column = crate::engine::Column::new("n", crate::value::DataType::Int, false);
        let def = crate::engine::TableDef::new("dbo", "t", vec![column]);
        engine.create_table(transaction, database, def).map_err(|_| "no table").unwrap()
    });
    engine.insert(transaction, database, table, [Value::Int(value)].into()).map_err(|_| "no row").unwrap();
    drop(engine.commit(transaction));
}

/// A primary `mgc` and, on the same server, its secondary `mgc_b`, seeded from a full backup.
async fn ship_from_mgc_to_mgc_b(instance: &Instance) -> Client<'_> {
    use crate::backup::{
        BackupKind, BackupRequest, RestoreEnd, RestoreKind, RestoreRequest, backup, restore,
    };
    create_database(instance, "mgc").await;
    let client = Client::of(instance, true);
    let mut sink = CollectingSink::new();
    let full = BackupRequest::new(BackupKind::Full, "mgc", r"D:\backup\mgc.bak");
    backup(instance, client.session.session(), &full, &mut sink).await.unwrap();
    let mut seed = RestoreRequest::new(RestoreKind::Database, "mgc_b", Some(r"D:\backup\mgc.bak"));
    seed.moves =
        vec![("mgc".into(), r"D:\data\mgc_b.mdf".into()), ("mgc_log".into(), r"D:\data\mgc_b.ldf".into())];
    seed.end = RestoreEnd::NoRecovery;
    restore(instance, client.session.session(), &seed, &mut sink).await.unwrap();
    register_primary(&client).await;
    register_secondary(&client, "mgc_b").await;
    client
}

impl Client<'_> {
    /// Runs a job to its end; the message and status of its outcome.
    async fn run_job(&self, name: &str) -> (i64, String) {
        let started = self.call("sp_start_job", &[("@job_name", text(name))]).await;
        assert_eq!(started.status, Ok(0), "{:?}", started.sink.messages);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let history = self.all(&SYSJOBHISTORY).await;
        let step = history.iter().rfind(|row| row.int("step_id") == 1).unwrap();
        (step.int("run_status"), step.text("message").to_string())
    }

    async fn ship(&self) -> [i64; 3] {
        let mut statuses = [0; 3];
        let jobs = ["LSBackup_mgc", "LSCopy_SQL-A1_mgc", "LSRestore_SQL-A1_mgc"];
        for (status, job) in statuses.iter_mut().zip(jobs) {
            *status = self.run_job(job).await.0;
        }
        statuses
    }

    async fn last_restored(&self) -> String {
        self.all(&LOG_SHIPPING_SECONDARY_DATABASES).await[0].text("last_restored_file").to_string()
    }

    async fn files(&self, directory: &str) -> Vec<String> {
        let entries = self.instance.0.files.list(directory).await.unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    async fn said(&self, words: &str) -> usize {
        let lines = self.all(&LOG_SHIPPING_MONITOR_HISTORY_DETAIL).await;
        lines.iter().filter(|line| line.text("message").contains(words)).count()
    }
}

#[test]
fn the_jobs_back_up_copy_and_restore_the_log() {
    simulated(async |instance| {
        let client = ship_from_mgc_to_mgc_b(&instance).await;
        for n in 0..3 {
            post(&instance, client.session.session().id, n);
            assert_eq!(client.ship().await, [1, 1, 1]);
        }
        let copied = client.files(r"D:\ship").await;
        assert_eq!(copied.len(), 3);
        assert!(copied[0].starts_with("mgc_201311011000") && copied[0].ends_with(".trn"), "{copied:?}");
        assert_eq!(client.last_restored().await, format!(r"D:\ship\{}", copied[2]));
        let monitor = client.all(&LOG_SHIPPING_MONITOR_SECONDARY).await;
        assert_eq!(monitor[0].int("last_restored_latency"), 0);
        assert!(!monitor[0].value("last_copied_date_utc").is_null());
        assert_eq!(client.said("Number of log backup files restored: 1").await, 3);
        let sets = client.all(&BACKUPSET).await;
        assert_eq!(sets.iter().filter(|set| set.is("type", "L")).count(), 3);
        let restores = client.all(&RESTOREHISTORY).await;
        assert_eq!(restores.iter().filter(|row| row.is("restore_type", "L")).count(), 3);
        let families = client.all(&BACKUPMEDIAFAMILY).await;
        assert!(families.iter().all(|row| !row.text("physical_device_name").ends_with(".wrk")));
    });
}

#[test]
fn a_log_backup_that_is_applied_already_is_skipped() {
    simulated(async |instance| {
        let client = ship_from_mgc_to_mgc_b(&instance).await;
        post(&instance, client.session.session().id, 1);
        client.ship().await;
        post(&instance, client.session.session().id, 2);
        client.ship().await;
        client
            .msdb()
            .update(
                &LOG_SHIPPING_SECONDARY_DATABASES,
                |_| true,
                |row| {
                    row.set("last_restored_file", Value::Null);
                },
            )
            .await
            .unwrap();
        let (status, message) = client.run_job("LSRestore_SQL-A1_mgc").await;
        assert_eq!(status, 1, "{message}");
        assert!(client.said("Skipped log backup file. Secondary DB: 'mgc_b'").await >= 1);
    });
}

#[test]
fn a_log_backup_that_is_too_recent_ends_the_restore_job_with_an_error() {
    simulated(async |instance| {
        let client = ship_from_mgc_to_mgc_b(&instance).await;
        post(&instance, client.session.session().id, 1);
        client.run_job("LSBackup_mgc").await;
        let first = client.files(r"D:\backup").await.into_iter().find(|f| f.ends_with(".trn")).unwrap();
        instance.0.files.remove(&format!(r"D:\backup\{first}")).await.unwrap();
        post(&instance, client.session.session().id, 2);
        assert_eq!(client.ship().await, [1, 1, 0]);
        let errors = client.all(&LOG_SHIPPING_MONITOR_ERROR_DETAIL).await;
        assert!(
            errors[0].text("message").starts_with("*** Error 4305: The file"),
            "{}",
            errors[0].text("message")
        );
        assert_eq!(client.last_restored().await, "");
    });
}

#[test]
fn the_backup_job_of_a_database_that_is_not_online_succeeds_without_a_backup() {
    simulated(async |instance| {
        let client = ship_from_mgc_to_mgc_b(&instance).await;
        {
            let mut engine = instance.0.engine.borrow_mut();
            let id = engine.database_id("mgc").unwrap();
            engine.database_mut(id).unwrap().state = crate::engine::DatabaseState::Restoring;
        }
        let (status, message) = client.run_job("LSBackup_mgc").await;
        assert_eq!(status, 1);
        assert!(message.starts_with("Database mgc is not ONLINE."), "{message}");
        assert!(client.files(r"D:\backup").await.iter().all(|file| !file.ends_with(".trn")));
    });
}

#[test]
fn restore_delay_leaves_young_files_for_later() {
    simulated(async |instance| {
        let client = ship_from_mgc_to_mgc_b(&instance).await;
        let delay = [("@secondary_database", text("mgc_b")), ("@restore_delay", Value::Int(30))];
        let changed = client.call("sp_change_log_shipping_secondary_database", &delay).await;
        assert_eq!(changed.outcome(), (Some(0), None));
        post(&instance, client.session.session().id, 1);
        client.ship().await;
        assert_eq!(client.last_restored().await, "");
        tokio::time::sleep(Duration::from_secs(31 * 60)).await;
        client.run_job("LSRestore_SQL-A1_mgc").await;
        assert_ne!(client.last_restored().await, "");
    });
}

#[test]
fn a_standby_restore_disconnects_readers_only_when_told_to() {
    simulated(async |instance| {
        let client = ship_from_mgc_to_mgc_b(&instance).await;
        let change = async |disconnect: i64| {
            let settings = [
                ("@secondary_database", text("mgc_b")),
                ("@restore_mode", Value::Int(1)),
                ("@disconnect_users", Value::Int(disconnect)),
            ];
            client.call("sp_change_log_shipping_secondary_database", &settings).await;
        };
        change(0).await;
        post(&instance, client.session.session().id, 1);
        assert_eq!(client.ship().await, [1, 1, 1]);
        let id = instance.0.engine.borrow().database_id("mgc_b").unwrap();
        assert!(instance.0.engine.borrow().database(id).unwrap().in_standby());
        assert_eq!(client.files(r"D:\ship").await.iter().filter(|f| f.ends_with(".tuf")).count(), 1);

        let who = Introduction { database_id: id, ..Introduction::of_service("reader", "here") };
        let reader = instance.open_session(who).unwrap();
        let session = reader.session().clone();
        // As the session's own task would: it leaves when it is told to.
        let task = tokio::task::spawn_local(async move {
            reader.session().kill_notice.notified().await;
            drop(reader);
        });
        post(&instance, client.session.session().id, 2);
        assert_eq!(client.ship().await, [1, 1, 0]);
        assert!(!session.killed.get());
        change(1).await;
        assert_eq!(client.run_job("LSRestore_SQL-A1_mgc").await.0, 1);
        assert!(session.killed.get() && task.is_finished());
        assert_eq!(client.files(r"D:\ship").await.iter().filter(|f| f.ends_with(".tuf")).count(), 1);
    });
}

#[test]
fn files_beyond_their_retention_are_deleted_once_they_are_applied() {
    simulated(async |instance| {
        let client = ship_from_mgc_to_mgc_b(&instance).await;
        post(&instance, client.session.session().id, 1);
        client.ship().await;
        tokio::time::sleep(Duration::from_secs(4321 * 60)).await;
        post(&instance, client.session.session().id, 2);
        client.ship().await;
        let kept = |files: Vec<String>| files.into_iter().filter(|f| f.ends_with(".trn")).count();
        assert_eq!(kept(client.files(r"D:\backup").await), 1);
        // The copies are kept for 14420 minutes when nothing else is said.
        assert_eq!(kept(client.files(r"D:\ship").await), 2);
    });
}
