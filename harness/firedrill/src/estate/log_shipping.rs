//! Log shipping: set up by its own procedures, its jobs run and held back.

use super::names::{DataCenter, Server};
use super::sql::{self, failed, text};
use super::timeline::Happening;
use super::world::{LogBackup, World};
use super::{EstateError, SqlClient, paths};
use crate::arm::Time;
use std::time::Duration;

/// A job of log shipping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Takes a log backup (primary, mirror).
    Backup,
    /// Copies (backup).
    Copy,
    /// Restores (backup).
    Restore,
}

impl Job {
    /// Its name, by SSMS' convention.
    fn name(self, world: &World) -> String {
        let database = world.database();
        let primary = world.server(Server::Primary).machine.name().to_ascii_uppercase();
        match self {
            Self::Backup => format!("LSBackup_{database}"),
            Self::Copy => format!("LSCopy_{primary}_{database}"),
            Self::Restore => format!("LSRestore_{primary}_{database}"),
        }
    }
}

fn every(world: &World) -> Duration {
    let wanted = world.setup.borrow().log_shipping_every;
    wanted.unwrap_or(Duration::from_secs(world.file.contents.log_shipping.every_minutes * 60))
}

/// How often the jobs run.
pub(super) fn interval(world: &World) -> Duration {
    every(world)
}

/// Whether the jobs run on their schedule, or only when the drill starts them.
pub(super) fn is_scheduled(world: &World, job: Job) -> bool {
    let setup = world.setup.borrow();
    match job {
        Job::Backup => setup.log_backups_on_share.is_none(),
        Job::Copy | Job::Restore => setup.log_backups_on_share.is_none() && setup.ships_by_itself(),
    }
}

fn monitor(world: &World) -> Option<Server> {
    Some(match world.setup.borrow().monitor_in? {
        DataCenter::A => Server::Mirror,
        DataCenter::B => Server::BackupMirror,
    })
}

/// A schedule for a job; at night's end it starts anew.
fn schedule(world: &World, job: Job) -> String {
    let minutes = (every(world).as_secs() / 60).max(1);
    let name = text(&job.name(world));
    format!(
        "EXEC msdb.dbo.sp_add_jobschedule @job_name = {name}, @name = {name}, @enabled = 1, @freq_type = 4, \
         @freq_interval = 1, @freq_subday_type = 4, @freq_subday_interval = {minutes}, \
         @active_start_date = 20160101, @active_end_date = 99991231, @active_start_time = 0, \
         @active_end_time = 235900\n\
         EXEC msdb.dbo.sp_update_job @job_name = {name}, @enabled = {}\n",
        u8::from(is_scheduled(world, job) && world.time.get() != Time::SkippedAlone)
    )
}

fn monitor_arguments(world: &World) -> String {
    match monitor(world) {
        None => String::new(),
        Some(server) => format!(
            ", @monitor_server = {}, @monitor_server_security_mode = 0, @monitor_server_login = N'sa', \
             @monitor_server_password = {}",
            text(&world.server(server).fqdn),
            text(&world.file.contents.logins.password)
        ),
    }
}

/// Makes a server of A a primary of log shipping.
pub(super) async fn set_up_primary(
    world: &World,
    server: Server,
    client: &mut SqlClient,
) -> Result<(), EstateError> {
    let settings = &world.file.contents.log_shipping;
    let (database, share) = (text(&world.database()), text(&paths::share(world)));
    let batch = format!(
        "DECLARE @job uniqueidentifier, @primary uniqueidentifier\n\
         EXEC master.dbo.sp_add_log_shipping_primary_database @database = {database}, @backup_directory = {share}, \
         @backup_share = {share}, @backup_job_name = {}, @backup_retention_period = {}, @backup_threshold = {}, \
         @threshold_alert_enabled = 1, @history_retention_period = 5760{}, @backup_job_id = @job OUTPUT, \
         @primary_id = @primary OUTPUT, @overwrite = 1\n\
         EXEC master.dbo.sp_add_log_shipping_primary_secondary @primary_database = {database}, \
         @secondary_server = {}, @secondary_database = {database}\n{}",
        text(&Job::Backup.name(world)),
        settings.retention_minutes,
        settings.backup_threshold_minutes,
        monitor_arguments(world),
        text(&world.server(Server::Backup).machine.name().to_ascii_uppercase()),
        schedule(world, Job::Backup),
    );
    sql::run(client, &batch).await.map_err(failed("setting up log shipping", server))
}

/// Makes the backup the secondary.
pub(super) async fn set_up_backup(world: &World, client: &mut SqlClient) -> Result<(), EstateError> {
    let settings = &world.file.contents.log_shipping;
    let database = text(&world.database());
    let primary = text(&world.server(Server::Primary).machine.name().to_ascii_uppercase());
    let standby = world.setup.borrow().standby_readers.is_some() || world.setup.borrow().lock_holder;
    let batch = format!(
        "DECLARE @copy uniqueidentifier, @restore uniqueidentifier, @secondary uniqueidentifier\n\
         EXEC master.dbo.sp_add_log_shipping_secondary_primary @primary_server = {primary}, \
         @primary_database = {database}, @backup_source_directory = {}, @backup_destination_directory = {}, \
         @copy_job_name = {}, @restore_job_name = {}, @file_retention_period = {}{}, @copy_job_id = @copy OUTPUT, \
         @restore_job_id = @restore OUTPUT, @secondary_id = @secondary OUTPUT, @overwrite = 1\n\
         EXEC master.dbo.sp_add_log_shipping_secondary_database @secondary_database = {database}, \
         @primary_server = {primary}, @primary_database = {database}, @restore_delay = 0, @restore_mode = {}, \
         @disconnect_users = 0, @restore_threshold = {}, @threshold_alert_enabled = 1, \
         @history_retention_period = 5760, @overwrite = 1\n{}{}",
        text(&paths::share(world)),
        text(&paths::copy_destination_for_the_backup(world)),
        text(&Job::Copy.name(world)),
        text(&Job::Restore.name(world)),
        settings.retention_minutes,
        monitor_arguments(world),
        u8::from(standby),
        settings.restore_threshold_minutes,
        schedule(world, Job::Copy),
        schedule(world, Job::Restore),
    );
    sql::run(client, &batch).await.map_err(failed("setting up log shipping", Server::Backup))
}

/// Starts a job.
pub(super) async fn start(world: &World, server: Server, job: Job) -> Result<(), EstateError> {
    let start = format!("EXEC msdb.dbo.sp_start_job @job_name = {}", text(&job.name(world)));
    world.errand(server, &start).await.map(drop)
}

/// How often a job is looked at: on simulated time, and on real.
const LOOK_SIMULATED: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(10);

/// Starts a job and waits for its end, for at most an hour.
pub(super) async fn run(world: &World, server: Server, job: Job) -> Result<(), EstateError> {
    let began = world.now();
    start(world, server, job).await?;
    let look = if world.time.get() == Time::Simulated { LOOK_SIMULATED } else { LOOK };
    let looks = Duration::from_secs(3600).as_millis() / look.as_millis();
    for _ in 0..looks {
        tokio::time::sleep(look).await;
        if !is_running(world, server, job).await? {
            if world.time.get() == Time::SkippedAlone {
                has_succeeded(world, server, job).await?;
                if job == Job::Backup {
                    find_new_log_backups(world, began);
                }
            }
            return Ok(());
        }
    }
    Err(EstateError::Server {
        what: format!("running the job {}", job.name(world)),
        server,
        reason: "it was still running after an hour".to_owned(),
    })
}

/// Whether the job's last run succeeded; what its step said, if it did not.
async fn has_succeeded(world: &World, server: Server, job: Job) -> Result<(), EstateError> {
    let query = format!(
        "SELECT TOP 1 history.run_status, history.message FROM msdb.dbo.sysjobhistory AS history \
         JOIN msdb.dbo.sysjobs AS job ON job.job_id = history.job_id WHERE job.name = {} AND history.step_id > 0 \
         ORDER BY history.instance_id DESC",
        text(&job.name(world))
    );
    let rows = world.errand(server, &query).await?;
    match rows.first().map(|row| (row.get::<i32, _>(0), row.get::<&str, _>(1))) {
        None | Some((Some(1), _)) => Ok(()),
        Some((_, said)) => Err(EstateError::Server {
            what: format!("the job {}", job.name(world)),
            server,
            reason: said.unwrap_or("it did not say why").to_owned(),
        }),
    }
}

/// Learns of log backups that a job of another process has put on the share: those that were not there before.
fn find_new_log_backups(world: &World, began: jiff::Timestamp) {
    let drives = world.disks.drives_of(&world.share_machine());
    let folder = &world.file.contents.folders.logs;
    let entries = drives.map_or_else(|_| Vec::new(), |drives| drives.entries(folder).unwrap_or_default());
    for entry in entries {
        let Some(stem) = entry.name.strip_suffix(".trn").map(str::to_owned) else { continue };
        if world.log_backups.borrow().iter().any(|known| known.stem == stem) {
            continue;
        }
        let completed = world.now();
        world.log_backups.borrow_mut().push(LogBackup {
            stem,
            began,
            completed,
            damage: None,
            restored: false,
        });
        let ordinal = world.log_backups.borrow().len();
        world.note(Happening::LogBackupOnShare { ordinal, file: entry.name });
    }
}

/// Whether a job is at work.
pub(super) async fn is_running(world: &World, server: Server, job: Job) -> Result<bool, EstateError> {
    let running = format!(
        "SELECT COUNT(*) FROM msdb.dbo.sysjobactivity AS activity \
         JOIN msdb.dbo.sysjobs AS job ON job.job_id = activity.job_id WHERE job.name = {} \
         AND activity.start_execution_date IS NOT NULL AND activity.stop_execution_date IS NULL",
        text(&job.name(world))
    );
    let rows = world.errand(server, &running).await?;
    Ok(rows.first().and_then(|row| row.get::<i32, _>(0)) != Some(0))
}

/// Takes a job off its schedule.
pub(super) async fn hold(world: &World, server: Server, job: Job) -> Result<(), EstateError> {
    world.hold_stand_in(server, job);
    let name = text(&job.name(world));
    let hold = format!("EXEC msdb.dbo.sp_update_job @job_name = {name}, @enabled = 0");
    world.errand(server, &hold).await.map(drop)
}

/// Learns from the backup's own tables how far it has restored.
pub(super) async fn refresh_restored(world: &World) {
    let query = "SELECT last_restored_file FROM msdb.dbo.log_shipping_secondary_databases";
    let Ok(rows) = world.errand(Server::Backup, query).await else { return };
    let last = rows.first().and_then(|row| row.get::<&str, _>(0)).and_then(|file| world.ordinal_of(file));
    if let Some(last) = last {
        world.log_backups.borrow_mut().iter_mut().take(last).for_each(|log| log.restored = true);
    }
}
