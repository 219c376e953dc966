//! Steps 3 and 4: RESTORE LOG for each link of the chain, then recovery.
//!
//! These statements have no bound unless the site file gives one; progress is read on a second connection.
//! A lost connection is followed by a look at what became of it, not by a guess.

use super::backup::Standing;
use super::{Did, Halt, Run};
use crate::chain::{BackupKind, BackupSet, Place};
use crate::plan::Action;
use crate::quote::{identifier, literal};
use crate::report::Severity;
use crate::server_path::join;
use crate::sql::{ResultSet, Role, Server, SqlError, query_within};
use std::time::Duration;
use tokio::time::Instant;

/// How often a RESTORE is tried again after its connection was lost.
const ATTEMPTS: u32 = 6;
/// The pause before that.
const PAUSE: Duration = Duration::from_secs(5);

/// The statement that applies one log backup.
pub(crate) fn restore_log(database: &str, path: &str, position: i64) -> String {
    format!(
        "RESTORE LOG {} FROM DISK = {} WITH FILE = {position}, NORECOVERY",
        identifier(database),
        literal(path)
    )
}

/// The statement that recovers.
pub(crate) fn recover(database: &str) -> String {
    format!("RESTORE DATABASE {} WITH RECOVERY", identifier(database))
}

/// What became of one RESTORE LOG.
enum Applied {
    Yes,
    /// 4326: it was applied before.
    Before,
    /// The file is at fault.
    No(&'static str, String),
}

impl Run<'_> {
    /// Applies the chain's log backups from the copy destination.
    pub(super) async fn apply_log_backups(&mut self, may_end_connections: bool) -> Result<Did, Halt> {
        let mut did = Did::Nothing;
        'look: loop {
            let Some((standing, links)) = self.links_to_apply().await? else { return Ok(did) };
            if links.is_empty() {
                return Ok(did);
            }
            for link in links {
                match self.apply(&link, &standing, may_end_connections).await? {
                    Applied::Yes => {
                        did = Did::Something;
                        self.applied_to = Some(link.last_lsn);
                    }
                    Applied::Before => {
                        let text = format!("{} had been applied already (4326)", link.file);
                        self.find("log-backup-already-applied", Severity::Info, text);
                        if standing.position.redo.is_none_or(|redo| link.last_lsn > redo) {
                            self.note_refused(&link.spot(), "log-backup-already-applied", "error 4326");
                        }
                    }
                    Applied::No(code, words) => {
                        self.find(
                            code,
                            Severity::Warning,
                            format!("{} cannot be applied: {words}", self.name_of(&link.spot())),
                        );
                        self.refuse_file(Place::CopyDestination, &link.file, code, &words);
                        if self.original_is_the_same(&link.file).await {
                            self.refuse_file(Place::Share, &link.file, code, &words);
                        } else if self
                            .plan
                            .steps
                            .iter()
                            .any(|step| step.actions.contains(&Action::CopyLogBackups))
                        {
                            // The original may be better than its copy.
                            self.copy_log_backups().await?;
                        }
                        continue 'look;
                    }
                }
            }
            return Ok(did);
        }
    }

    /// What is to be applied now; none once the database is recovered.
    async fn links_to_apply(&mut self) -> Result<Option<(Standing, Vec<BackupSet>)>, Halt> {
        let looked = async {
            if !self.database_state().await?.is_some_and(|state| state.takes_log()) {
                return Ok(None);
            }
            let standing = self.standing().await?;
            let inventory = self.inventory().await?;
            let chain = self.chain_of(&standing, &inventory);
            // What is still on the share alone was not copied: the guard before recovery says so.
            let links =
                chain.links.into_iter().take_while(|link| link.place == Place::CopyDestination).collect();
            Ok(Some((standing, links)))
        };
        let looked: Result<_, SqlError> = looked.await;
        looked.map_err(|error| {
            self.fail("backup-unreachable", format!("The backup SQL Server does not answer: {error}. Log shipping is removed; the database still takes log backups. See to the server, then resume."))
        })
    }

    async fn apply(
        &mut self,
        link: &BackupSet,
        standing: &Standing,
        may_end_connections: bool,
    ) -> Result<Applied, Halt> {
        let path = join(self.server_side(Place::CopyDestination), &link.file);
        let batch = restore_log(&self.site.database, &path, link.position);
        let name = self.name_of(&link.spot());
        self.will(Action::ApplyLogBackups, &batch).await?;
        let deadline = Instant::now() + self.site.deadlines.connections;
        let (mut attempts, mut repeated) = (0, false);
        let outcome = loop {
            match self.long_batch(&batch, &name).await {
                Ok(_) => break Ok(Applied::Yes),
                Err(SqlError::Server { number: 3101, .. })
                    if may_end_connections && Instant::now() < deadline =>
                {
                    self.end_connections().await?;
                }
                Err(SqlError::Server { number: 4319, .. }) if !repeated => {
                    repeated = true;
                    self.repeat_interrupted().await?;
                }
                Err(SqlError::Server { number, message }) => break judge(number, &message),
                Err(error) if attempts < ATTEMPTS => {
                    attempts += 1;
                    self.find(
                        "connection-lost",
                        Severity::Warning,
                        format!("while {name} was being applied: {error}; looking again"),
                    );
                    tokio::time::sleep(PAUSE).await;
                    let redo = self.standing().await.ok().and_then(|now| now.position.redo);
                    if redo.is_some_and(|redo| redo >= link.last_lsn && Some(redo) != standing.position.redo)
                    {
                        break Ok(Applied::Yes);
                    }
                }
                Err(error) => break Err(error.to_string()),
            }
        };
        let result = match &outcome {
            Ok(Applied::Yes) => "ok".to_owned(),
            Ok(Applied::Before) => "applied before".to_owned(),
            Ok(Applied::No(_, words)) | Err(words) => words.clone(),
        };
        self.did(Action::ApplyLogBackups, &batch, &result).await?;
        match outcome {
            Ok(applied) => {
                if matches!(applied, Applied::Yes) {
                    self.tell("applied", Severity::Info, format!("applied {}", link.file));
                }
                Ok(applied)
            }
            Err(words) => {
                let text = format!(
                    "{name} could not be applied: {words}. The database still takes log backups and nothing is lost. See to the cause, then resume."
                );
                Err(self.fail("restore-failed", text))
            }
        }
    }

    /// 4319: a RESTORE was broken off after it had moved the redo point; the same log backup has to be
    /// restored once more before anything else.
    async fn repeat_interrupted(&mut self) -> Result<(), Halt> {
        let looked = async {
            let standing = self.standing().await?;
            let inventory = self.inventory().await?;
            Ok((standing, inventory))
        };
        let looked: Result<_, SqlError> = looked.await;
        let Ok((standing, inventory)) = looked else { return Ok(()) };
        let last = inventory.sets.iter().find(|set| {
            set.kind == BackupKind::Log
                && set.place == Place::CopyDestination
                && Some(set.last_lsn) == standing.position.redo
        });
        let Some(set) = last else { return Ok(()) };
        let path = join(self.server_side(Place::CopyDestination), &set.file);
        let batch = restore_log(&self.site.database, &path, set.position);
        self.will(Action::ApplyLogBackups, &batch).await?;
        let answer = self.long_batch(&batch, &set.file).await;
        let result = answer.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        self.did(Action::ApplyLogBackups, &batch, &result).await
    }

    /// Recovers the database.
    pub(super) async fn bring_online(&mut self, may_end_connections: bool) -> Result<Did, Halt> {
        let batch = recover(&self.site.database);
        let state = self.database_state().await;
        if matches!(&state, Ok(Some(state)) if state.is_recovered() || state.is_recovering()) {
            return Ok(Did::Nothing);
        }
        self.will(Action::BringOnline, &batch).await?;
        let deadline = Instant::now() + self.site.deadlines.connections;
        let (mut attempts, mut repeated) = (0, false);
        let outcome = loop {
            match self.long_batch(&batch, "recovery").await {
                Ok(_) => break Ok(()),
                Err(SqlError::Server { number: 3153, .. }) => break Ok(()),
                Err(SqlError::Server { number: 3101, message }) => {
                    if !may_end_connections || Instant::now() >= deadline {
                        break Err(("connections-come-back", format!("error 3101: {message}")));
                    }
                    self.end_connections().await?;
                }
                Err(SqlError::Server { number: 4319, .. }) if !repeated => {
                    repeated = true;
                    self.repeat_interrupted().await?;
                }
                Err(error @ SqlError::Server { .. }) => break Err(("recovery-failed", error.to_string())),
                Err(error) if attempts < ATTEMPTS => {
                    attempts += 1;
                    self.find(
                        "connection-lost",
                        Severity::Warning,
                        format!("during recovery: {error}; looking again"),
                    );
                    tokio::time::sleep(PAUSE).await;
                    if matches!(self.database_state().await, Ok(Some(state)) if state.is_recovered() || state.is_recovering())
                    {
                        break Ok(());
                    }
                }
                Err(error) => break Err(("recovery-failed", error.to_string())),
            }
        };
        let result = outcome.as_ref().map_or_else(|(_, words)| words.clone(), |()| "ok".to_owned());
        self.did(Action::BringOnline, &batch, &result).await?;
        match outcome {
            Ok(()) => Ok(Did::Something),
            Err((code, words)) => {
                let text = format!(
                    "{} on the backup could not be recovered: {words}. Every log backup found is applied and nothing is lost; the pool state has not been changed. Stop what uses the database, then resume.",
                    self.site.database
                );
                Err(self.fail(code, text))
            }
        }
    }

    /// Sends a statement that may take long, and shows its progress meanwhile.
    async fn long_batch(&mut self, batch: &str, what: &str) -> Result<Vec<ResultSet>, SqlError> {
        let mut server = match self.backup.take() {
            Some(server) => server,
            None => self.servers.open(Role::Backup).await.map_err(SqlError::NoConnection)?,
        };
        let answer = {
            let work = query_within(&mut *server, batch, self.site.deadlines.restore);
            let watch = self.watch(what);
            tokio::select! {
                biased;
                answer = work => answer,
                never = watch => match never {},
            }
        };
        if !answer.as_ref().is_err_and(SqlError::is_connection) {
            self.backup = Some(server);
        }
        answer
    }

    /// Tells how far the server's RESTORE is, less and less often; never ends.
    async fn watch(&self, what: &str) -> std::convert::Infallible {
        let mut pause = Duration::from_secs(10);
        let mut watcher: Option<Box<dyn Server>> = None;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
            if watcher.is_none() {
                watcher = self.servers.open(Role::Backup).await.ok();
            }
            let Some(server) = &mut watcher else { continue };
            match progress(&mut **server, self.site.deadlines.query).await {
                Ok(Some(percent)) => {
                    self.tell("progress", Severity::Info, format!("{what}: {percent} percent"))
                }
                Ok(None) => self.tell("progress", Severity::Info, format!("{what}: still waiting")),
                Err(_) => watcher = None,
            }
        }
    }
}

async fn progress(server: &mut dyn Server, bound: Duration) -> Result<Option<i64>, SqlError> {
    let batch = "SELECT TOP (1) percent_complete FROM sys.dm_exec_requests \
                 WHERE command LIKE N'RESTORE%' OR command LIKE N'DB STARTUP%' ORDER BY start_time";
    let sets = query_within(server, batch, Some(bound)).await?;
    sets.first().and_then(|set| set.first()).map_or(Ok(None), |row| row.integer("percent_complete"))
}

/// What an error of RESTORE LOG means: the file is at fault, or the statement failed.
fn judge(number: u32, message: &str) -> Result<Applied, String> {
    let words = format!("error {number}: {message}");
    match number {
        4326 => Ok(Applied::Before),
        4305 => Ok(Applied::No("log-backup-missing", words)),
        4330 => Ok(Applied::No("other-recovery-path", words)),
        3154 | 3118 => Ok(Applied::No("not-a-backup-of-the-database", words)),
        3201 => Ok(Applied::No("log-backup-unreadable", words)),
        // Incorrectly formed, cannot be processed, torn, a checksum that fails, read failures.
        3183 | 3189 | 3203 | 3241 | 3242 | 3243 | 3244 | 3246 | 3254 | 3256 | 3270 | 3288 | 4332 | 823
        | 824 => Ok(Applied::No("log-backup-damaged", words)),
        _ => Err(words),
    }
}
