//! What sqllogship.exe does: one run of a backup, copy or restore job.

use super::files::{self, file_name, is_after, join, log_backups, stamp, time_of};
use super::journal::Journal;
use super::monitor::MonitorLink;
use super::{AgentType, Refusal};
use crate::SqlError;
use crate::backup::{self, BackupKind, BackupRequest, Errors, RestoreEnd, RestoreKind, RestoreRequest};
use crate::catalog::rows::datetime;
use crate::engine::DatabaseState;
use crate::error::SqlResult;
use crate::msdb::agent::run::StepResult;
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{
    BACKUPMEDIAFAMILY, LOG_SHIPPING_MONITOR_PRIMARY, LOG_SHIPPING_MONITOR_SECONDARY,
    LOG_SHIPPING_PRIMARY_DATABASES, LOG_SHIPPING_SECONDARY, LOG_SHIPPING_SECONDARY_DATABASES,
};
use crate::session::Request;
use crate::session::collecting::CollectingSink;
use uuid::Uuid;

/// Where the program lies, as job steps name it.
const PROGRAM: &str = r"C:\Program Files\Microsoft SQL Server\120\Tools\Binn\sqllogship.exe";

/// The command line of a job step.
pub(crate) fn command_line(agent: &str, id: Uuid, server: &str) -> String {
    let id = id.to_string().to_uppercase();
    format!("\"{PROGRAM}\" -{agent} {id} -server {server}")
}

/// A parsed command line of sqllogship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    agent: AgentType,
    id: Uuid,
}

impl CommandLine {
    /// Reads a command line; `None` when it runs another program or lacks what to do.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (program, arguments) = match line.strip_prefix('"') {
            Some(rest) => rest.split_once('"')?,
            None => line.split_once(' ')?,
        };
        let program = file_name(program).to_lowercase();
        if program != "sqllogship.exe" && program != "sqllogship" {
            return None;
        }
        let mut words = arguments.split_whitespace();
        while let Some(word) = words.next() {
            let agent = match word.to_lowercase().as_str() {
                "-backup" => AgentType::Backup,
                "-copy" => AgentType::Copy,
                "-restore" => AgentType::Restore,
                _ => continue,
            };
            return Some(Self { agent, id: words.next()?.trim_matches(['{', '}']).parse().ok()? });
        }
        None
    }
}

/// Why a run ended early; already in the journal.
#[derive(Debug)]
pub(super) struct Stopped {
    /// What was said last.
    pub(super) message: String,
    /// The engine's error number, 0 for others.
    pub(super) number: i32,
}

impl From<crate::SqlError> for Stopped {
    fn from(error: crate::SqlError) -> Self {
        Self { number: error.number, message: error.message }
    }
}

/// Runs sqllogship in one of Agent's sessions.
pub(crate) async fn run(db: Msdb<'_>, line: &CommandLine) -> StepResult {
    let outcome = match line.agent {
        AgentType::Backup => back_up_log(db, line.id).await,
        AgentType::Copy => copy(db, line.id).await,
        AgentType::Restore => restore(db, line.id).await,
    };
    match outcome {
        Ok(message) => StepResult::succeeded(message),
        Err(stopped) => StepResult::failed(stopped.message, stopped.number),
    }
}

/// What the engine's own BACKUP and RESTORE answer, for a job: the cause, not the 3013 that follows it.
fn cause(errors: Result<(), Errors>) -> Result<(), SqlError> {
    let found = errors.err().map(|errors| errors.into_iter().next());
    match found {
        None => Ok(()),
        Some(cause) => Err(cause.unwrap_or_else(|| crate::messages::error(3013, 1, &[&"BACKUP or RESTORE"]))),
    }
}

/// Shows a statement in `sys.dm_exec_requests` while it runs.
async fn shown<T>(db: Msdb<'_>, command: &str, work: impl Future<Output = T>) -> T {
    let now = db.instance.0.clock.utc_now();
    db.session.update(|state| {
        state.status = "running";
        state.last_request_start = now;
        state.request = Some(Request {
            start: now,
            command: command.to_owned(),
            percent_complete: 0.0,
            estimated_completion_ms: 0,
        });
    });
    let outcome = work.await;
    let now = db.instance.0.clock.utc_now();
    db.session.update(|state| {
        state.status = "sleeping";
        state.last_request_end = now;
        state.request = None;
    });
    outcome
}

fn unknown(id: Uuid) -> Stopped {
    Stopped { message: format!("Could not retrieve log shipping settings for ID '{id}'."), number: 0 }
}

// --- backup ---------------------------------------------------------------

async fn back_up_log(db: Msdb<'_>, id: Uuid) -> Result<String, Stopped> {
    let row = db.first(&LOG_SHIPPING_PRIMARY_DATABASES, |row| row.guid("primary_id") == id).await?;
    let Some(row) = row else { return Err(unknown(id)) };
    let database = row.text("primary_database");
    let mut journal = Journal::open(db, AgentType::Backup, id, &database).await?;
    journal.say(&format!("Starting transaction log backup. Primary ID: '{id}'"));
    let outcome = back_up(db, &row, &mut journal).await;
    let link = MonitorLink::of(db.instance, &row);
    journal.close(db, outcome, &link).await
}

async fn back_up(db: Msdb<'_>, row: &Record, journal: &mut Journal) -> Result<String, Stopped> {
    let (id, database) = (row.guid("primary_id"), row.text("primary_database"));
    let online = {
        let engine = db.instance.0.engine.borrow();
        engine
            .database_by_name(&database)
            .is_some_and(|d| d.state == DatabaseState::Online && !d.in_standby())
    };
    if !online {
        // A mirror's backup job succeeds without doing anything: a green job proves nothing.
        let message = crate::messages::error(32_008, 1, &[&database]).message;
        journal.say(&message);
        return Ok(message);
    }
    let directory = row.text("backup_directory");
    let path = join(&directory, &free_name(db, &directory, &database).await);
    let working = files::working_name(&path);
    journal.say(&format!(
        "Backing up transaction log. Primary Database: '{database}', Log Backup File: '{path}'"
    ));
    let mut request = BackupRequest::new(BackupKind::Log, &database, &working);
    request.init = true;
    request.compression = row.int("backup_compression") == 1;
    let mut sink = CollectingSink::new();
    let work = backup::backup(db.instance, db.session, &request, &mut sink);
    if let Err(error) = cause(shown(db, "BACKUP LOG", work).await) {
        return Err(journal.fail(&format!("Could not back up the log of database '{database}'."), &error));
    }
    if let Err(error) = cause(backup::verify(db.instance, &working, None, &mut sink).await) {
        return Err(journal.fail(&format!("The log backup file '{working}' could not be verified."), &error));
    }
    let files = &db.instance.0.files;
    if let Err(error) = files.rename(&working, &path).await {
        return Err(journal.fail_with(&format!("The file '{working}' could not be renamed: {error}")));
    }
    let stem = path.trim_end_matches(".trn");
    journal
        .say(&crate::messages::error(32_029, 1, &[&db.instance.0.config.server_name, &stem, &stem]).message);
    db.update(
        &BACKUPMEDIAFAMILY,
        |row| row.is("physical_device_name", &working),
        |row| {
            row.set("physical_device_name", path.as_str());
        },
    )
    .await?;
    note_backup(db, id, &path).await?;
    let deleted = delete_old(db, &directory, &database, row.int("backup_retention_period"), None).await;
    journal
        .say(&format!("Deleting old log backup files. Primary Database: '{database}', Deleted: {deleted}"));
    let message = format!(
        "The backup operation was successful. Primary Database: '{database}', Log Backup File: '{path}'"
    );
    journal.say(&message);
    Ok(message)
}

/// The name of the next log backup: the time, or the second after the newest file where that one is not older.
///
/// What SQL Server does with two log backups in one second is not documented; here neither replaces the other, and they
/// keep their order.
async fn free_name(db: Msdb<'_>, directory: &str, database: &str) -> String {
    let now = db.instance.0.clock.utc_now();
    let there = log_backups(&*db.instance.0.files, directory, database).await.unwrap_or_default();
    let newest = there.last().and_then(|file| time_of(&file.name, database));
    let after = newest.and_then(|newest| newest.checked_add(jiff::SignedDuration::from_secs(1)).ok());
    let at = after.map_or(now, |after| after.max(now));
    format!("{database}_{}.trn", stamp(at))
}

async fn note_backup(db: Msdb<'_>, id: Uuid, path: &str) -> SqlResult<()> {
    let (local, utc) = (db.local_now(), db.utc_now());
    let this = |row: &Record| row.guid("primary_id") == id;
    db.update(&LOG_SHIPPING_PRIMARY_DATABASES, this, |row| {
        row.set("last_backup_file", path).set("last_backup_date", &local);
    })
    .await?;
    db.update(&LOG_SHIPPING_MONITOR_PRIMARY, this, |row| {
        row.set("last_backup_file", path).set("last_backup_date", &local).set("last_backup_date_utc", &utc);
    })
    .await?;
    Ok(())
}

/// Deletes log backups older than the retention (by the time of their last write); those that come
/// after `upto` stay. Files that cannot be deleted wait for the next run.
async fn delete_old(
    db: Msdb<'_>,
    directory: &str,
    database: &str,
    retention_minutes: i64,
    upto: Option<&str>,
) -> usize {
    let files = &db.instance.0.files;
    let oldest = db.instance.0.clock.utc_now() - jiff::SignedDuration::from_mins(retention_minutes);
    let mut deleted = 0;
    for entry in log_backups(files.as_ref(), directory, database).await.unwrap_or_default() {
        let needed = upto.is_some_and(|upto| upto.is_empty() || is_after(&entry.name, upto));
        if entry.modified < oldest && !needed && files.remove(&join(directory, &entry.name)).await.is_ok() {
            deleted += 1;
        }
    }
    deleted
}

// --- copy -----------------------------------------------------------------

async fn copy(db: Msdb<'_>, id: Uuid) -> Result<String, Stopped> {
    let row = db.first(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await?;
    let Some(row) = row else { return Err(unknown(id)) };
    let mut journal = Journal::open(db, AgentType::Copy, id, "").await?;
    journal.say(&format!("Starting transaction log copy. Secondary ID: '{id}'"));
    let outcome = copy_files(db, &row, &mut journal).await;
    let link = MonitorLink::of(db.instance, &row);
    journal.close(db, outcome, &link).await
}

async fn copy_files(db: Msdb<'_>, row: &Record, journal: &mut Journal) -> Result<String, Stopped> {
    let id = row.guid("secondary_id");
    let (source, destination) =
        (row.text("backup_source_directory"), row.text("backup_destination_directory"));
    let database = row.text("primary_database");
    let last = row.text("last_copied_file");
    let shown = if last.is_empty() { "<none>" } else { &last };
    journal.say(&format!("Retrieving copy settings. Secondary ID: '{id}'"));
    journal.say(&format!(
        "Retrieved copy settings. Primary Server: '{}', Primary Database: '{database}', Backup Source Directory: \
         '{source}', Backup Destination Directory: '{destination}', Last Copied File: '{shown}'",
        row.text("primary_server")
    ));
    let files = &db.instance.0.files;
    let offered = match log_backups(files.as_ref(), &source, &database).await {
        Ok(offered) => offered,
        Err(error) => {
            return Err(
                journal.fail_with(&format!("Could not list the backup source directory '{source}': {error}"))
            );
        }
    };
    let present = match log_backups(files.as_ref(), &destination, &database).await {
        Ok(present) => present,
        Err(error) => {
            return Err(journal.fail_with(&format!(
                "Could not list the backup destination directory '{destination}': {error}"
            )));
        }
    };
    let restored = last_restored(db, id).await?;
    journal.say(&format!(
        "Checking to see if any previously copied log backup files that are required by the restore operation are \
         missing. Secondary ID: '{id}'"
    ));
    let mut copied = 0;
    for entry in offered {
        let is_present = present.iter().any(|p| p.name.eq_ignore_ascii_case(&entry.name));
        let is_new = is_after(&entry.name, &last);
        if !(is_new || (!is_present && is_after(&entry.name, &restored))) {
            continue;
        }
        let (from, to) = (join(&source, &entry.name), join(&destination, &entry.name));
        journal.say(&format!(
            "Copying log backup file to temporary work file. Source: '{from}', Destination: '{to}'"
        ));
        if let Err(error) = files::copy(files.as_ref(), &from, &to).await {
            return Err(journal.fail_with(&format!("Could not copy the log backup file '{from}': {error}")));
        }
        copied += 1;
        if is_new {
            note_copy(db, id, &from).await?;
        }
    }
    let message = format!(
        "The copy operation was successful. Secondary ID: '{id}', Number of log backup files copied: {copied}"
    );
    journal.say(&message);
    Ok(message)
}

/// The last file that every database of a secondary has restored; empty when one has none.
async fn last_restored(db: Msdb<'_>, id: Uuid) -> SqlResult<String> {
    let of_this = |row: &Record| row.guid("secondary_id") == id;
    let rows = db.select(&LOG_SHIPPING_SECONDARY_DATABASES, of_this).await?;
    let names = rows.iter().map(|row| file_name(&row.text("last_restored_file")).to_lowercase());
    Ok(names.min().unwrap_or_default())
}

async fn note_copy(db: Msdb<'_>, id: Uuid, path: &str) -> SqlResult<()> {
    let (local, utc) = (db.local_now(), db.utc_now());
    let this = |row: &Record| row.guid("secondary_id") == id;
    db.update(&LOG_SHIPPING_SECONDARY, this, |row| {
        row.set("last_copied_file", path).set("last_copied_date", &local);
    })
    .await?;
    db.update(&LOG_SHIPPING_MONITOR_SECONDARY, this, |row| {
        row.set("last_copied_file", path).set("last_copied_date", &local).set("last_copied_date_utc", &utc);
    })
    .await?;
    Ok(())
}

// --- restore --------------------------------------------------------------

async fn restore(db: Msdb<'_>, id: Uuid) -> Result<String, Stopped> {
    let row = db.first(&LOG_SHIPPING_SECONDARY, |row| row.guid("secondary_id") == id).await?;
    let Some(row) = row else { return Err(unknown(id)) };
    let of_this = |row: &Record| row.guid("secondary_id") == id;
    let link = MonitorLink::of(db.instance, &row);
    let mut message = format!("There is no secondary database. Secondary ID: '{id}'");
    for secondary in db.select(&LOG_SHIPPING_SECONDARY_DATABASES, of_this).await? {
        let database = secondary.text("secondary_database");
        let mut journal = Journal::open(db, AgentType::Restore, id, &database).await?;
        journal.say(&format!("Starting transaction log restore. Secondary ID: '{id}'"));
        let outcome = restore_files(db, &row, &secondary, &mut journal).await;
        message = journal.close(db, outcome, &link).await?;
    }
    Ok(message)
}

async fn restore_files(
    db: Msdb<'_>,
    row: &Record,
    secondary: &Record,
    journal: &mut Journal,
) -> Result<String, Stopped> {
    let (primary, directory) = (row.text("primary_database"), row.text("backup_destination_directory"));
    let (id, database) = (row.guid("secondary_id"), secondary.text("secondary_database"));
    let files = &db.instance.0.files;
    let found = match log_backups(files.as_ref(), &directory, &primary).await {
        Ok(found) => found,
        Err(error) => {
            return Err(journal.fail_with(&format!(
                "Could not list the backup destination directory '{directory}': {error}"
            )));
        }
    };
    let last = secondary.text("last_restored_file");
    let youngest =
        db.instance.0.clock.utc_now() - jiff::SignedDuration::from_mins(secondary.int("restore_delay"));
    let mut restored = 0;
    for entry in found.iter().filter(|entry| is_after(&entry.name, &last)) {
        let path = join(&directory, &entry.name);
        let Some(taken) = time_of(&entry.name, &primary) else { continue };
        if secondary.int("restore_delay") > 0 && taken > youngest {
            journal.say(&format!("Skipping log backup file '{path}' for secondary database '{database}': it is younger than the restore delay."));
            break;
        }
        match restore_file(db, secondary, &directory, &path, journal).await? {
            Applied::Yes => {
                restored += 1;
                note_restore(db, id, &database, &path, taken).await?;
                if !secondary.is_set("restore_all") {
                    break;
                }
            }
            Applied::TooEarly => {
                journal.say(&format!("Skipped log backup file. Secondary DB: '{database}', File: '{path}'"));
            }
        }
    }
    if restored == 0 {
        journal.say(&format!(
            "Could not find a log backup file that could be applied to secondary database '{database}'."
        ));
    }
    let upto = if restored > 0 { secondary_position(db, id, &database).await? } else { last.to_string() };
    let retention = row.int("file_retention_period");
    let deleted = delete_old(db, &directory, &primary, retention, Some(&upto)).await;
    journal.say(&format!("Deleting old log backup files. Primary Database: '{primary}', Deleted: {deleted}"));
    let message = format!(
        "The restore operation was successful. Secondary Database: '{database}', Number of log backup files \
         restored: {restored}"
    );
    journal.say(&message);
    Ok(message)
}

async fn secondary_position(db: Msdb<'_>, id: Uuid, database: &str) -> SqlResult<String> {
    let this = |row: &Record| row.guid("secondary_id") == id && row.is("secondary_database", database);
    let found = db.first(&LOG_SHIPPING_SECONDARY_DATABASES, this).await?;
    Ok(found.map(|row| row.text("last_restored_file").to_string()).unwrap_or_default())
}

/// What became of one file.
enum Applied {
    Yes,
    /// 4326: it holds only what the database has already.
    TooEarly,
}

async fn restore_file(
    db: Msdb<'_>,
    secondary: &Record,
    directory: &str,
    path: &str,
    journal: &mut Journal,
) -> Result<Applied, Stopped> {
    let database = secondary.text("secondary_database");
    let standby = secondary.is_set("restore_mode");
    if standby && secondary.is_set("disconnect_users") {
        disconnect_users(db, &database).await;
    }
    let undo = join(directory, &format!("{database}_{}.tuf", stamp(db.instance.0.clock.utc_now())));
    let mut request = RestoreRequest::new(RestoreKind::Log, &database, Some(path));
    request.end = if standby { RestoreEnd::Standby(undo.clone()) } else { RestoreEnd::NoRecovery };
    let mut sink = CollectingSink::new();
    let work = backup::restore(db.instance, db.session, &request, &mut sink);
    match cause(shown(db, "RESTORE LOG", work).await) {
        Ok(_) => {
            if standby {
                delete_undo_files(db, directory, &database, &undo).await;
            }
            journal.say(&format!("Restored log backup file. Secondary DB: '{database}', File: '{path}'"));
            Ok(Applied::Yes)
        }
        Err(error) if error.number == 4326 => Ok(Applied::TooEarly),
        Err(error) if error.number == 4305 => Err(journal.fail(
            &format!("The file '{path}' is too recent to apply to the secondary database '{database}'."),
            &error,
        )),
        Err(error) => Err(journal.fail(
            &format!("Could not apply log backup file '{path}' to secondary database '{database}'."),
            &error,
        )),
    }
}

/// How often a job looks whether the users it ended have left.
const LOOKS: usize = 100;

/// Ends the sessions that would keep the restore out, and lets them go.
async fn disconnect_users(db: Msdb<'_>, database: &str) {
    let Some(id) = db.instance.0.engine.borrow().database_id(database) else { return };
    for _ in 0..LOOKS {
        let users: Vec<_> = db.instance.0.engine.borrow().locks.users_of(id).collect();
        let mut left = users.iter().filter(|user| **user != db.session.id).peekable();
        if left.peek().is_none() {
            return;
        }
        let users: Vec<_> = {
            let sessions = db.instance.0.sessions.borrow();
            left.filter_map(|user| sessions.get(*user)).collect()
        };
        for session in users.iter().filter(|session| !session.killed.get()) {
            session.kill();
        }
        tokio::task::yield_now().await;
    }
}

/// Undo files of earlier restores are of no use once a later one has its own.
async fn delete_undo_files(db: Msdb<'_>, directory: &str, database: &str, current: &str) {
    let files = &db.instance.0.files;
    let prefix = format!("{}_", database.to_lowercase());
    for entry in files.list(directory).await.unwrap_or_default() {
        let lower = entry.name.to_lowercase();
        let is_undo = lower.starts_with(&prefix) && lower.ends_with(".tuf");
        if is_undo && !entry.name.eq_ignore_ascii_case(file_name(current)) {
            // What cannot be removed now is removed after the next restore.
            let _ = files.remove(&join(directory, &entry.name)).await;
        }
    }
}

async fn note_restore(
    db: Msdb<'_>,
    id: Uuid,
    database: &str,
    path: &str,
    taken: jiff::Timestamp,
) -> SqlResult<()> {
    let clock = &db.instance.0.clock;
    let now = clock.utc_now();
    let (local, utc) = (datetime(now, clock.utc_offset_minutes()), datetime(now, 0));
    let latency = now.duration_since(taken).as_secs() / 60;
    let this = |row: &Record| row.guid("secondary_id") == id && row.is("secondary_database", database);
    db.update(&LOG_SHIPPING_SECONDARY_DATABASES, this, |row| {
        row.set("last_restored_file", path).set("last_restored_date", &local);
    })
    .await?;
    db.update(&LOG_SHIPPING_MONITOR_SECONDARY, this, |row| {
        row.set("last_restored_file", path)
            .set("last_restored_date", &local)
            .set("last_restored_date_utc", &utc)
            .set("last_restored_latency", latency);
    })
    .await?;
    Ok(())
}

impl From<Stopped> for Refusal {
    fn from(_: Stopped) -> Self {
        Self::Raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_steps_command_line_is_read_back() {
        let id = Uuid::from_u128(7);
        let line = command_line("Restore", id, r"SQL-B1\RTC");
        assert_eq!(CommandLine::parse(&line), Some(CommandLine { agent: AgentType::Restore, id }));
    }

    #[rstest::rstest]
    #[case("cmd.exe /c dir")]
    #[case("sqllogship.exe -server here")]
    #[case("sqllogship.exe -copy nonsense")]
    #[case("\"unclosed")]
    fn another_command_line_is_not_taken_for_sqllogship(#[case] line: &str) {
        assert_eq!(CommandLine::parse(line), None);
    }
}
