//! RESTORE DATABASE and RESTORE LOG: the sequence of a restore.
//!
//! What is allowed is decided in [`super::plan`]; here it is done. Nothing of
//! the database changes before the time of the restore has passed, but a
//! restore that was broken off leaves its mark (4319).

use super::common::{Progress, check_damage, device_path, done_message, set_at, take_exclusive, time_for};
use super::format::{BackupSet, FRAME_BODY_READ_MAX, SetBody, SetEnd, SetKind, Tag};
use super::history::{BackupRecord, RestoreRecord};
use super::plan;
use super::scan::{Frames, read_device};
use super::{Errors, RestoreEnd, RestoreKind, RestoreRequest, standby};
use crate::engine::database::{DatabaseFile, DifferentialBase};
use crate::engine::{Database, DatabaseId, DatabaseState, RecoveryModel, UserAccess};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::log::codec::{Decoded, Malformed, Reader, get_content, get_record};
use crate::log::{LogOp, LogRecord, Recovery};
use crate::lsn::Lsn;
use crate::messages;
use crate::session::{Session, Sink};
use jiff::Timestamp;
use std::rc::Rc;
use uuid::Uuid;

/// The statement as messages name it.
pub(super) fn statement_name(kind: RestoreKind) -> &'static str {
    match kind {
        RestoreKind::Database => "RESTORE DATABASE",
        RestoreKind::Log => "RESTORE LOG",
    }
}

/// Restores. The errors lack 3013, which the caller adds.
pub(super) async fn restore(
    instance: &Instance,
    session: &Rc<Session>,
    request: &RestoreRequest,
    sink: &mut dyn Sink,
) -> Result<(), Errors> {
    if session.state.borrow().open_transactions > 0 {
        return Err(vec![messages::error(3021, 2, &[])]);
    }
    if !instance.0.engine.borrow().may_restore(&session.caller(), &request.database) {
        return Err(vec![messages::error(3110, 1, &[&request.database])]);
    }
    let Some(device) = &request.device else {
        return recover_only(instance, session, request, sink).await;
    };
    let path = device_path(instance, device).map_err(|e| vec![e])?;
    let media = read_device(instance, &path).await.map_err(|e| vec![e])?;
    let set = set_at(&media, &path, request.file).map_err(|e| vec![e])?;
    let started = instance.0.clock.elapsed();
    let target = plan::check(instance, request, set, &path).await?;
    let exclusive = match target.existing {
        Some(id) => {
            let statement = statement_name(request.kind);
            Some(take_exclusive(instance, session.id, id, statement).await.map_err(|e| vec![e])?)
        }
        None => None,
    };
    // What was true before the wait has to be true still.
    let target = if exclusive.is_some() { plan::check(instance, request, set, &path).await? } else { target };
    check_damage(set, &path).map_err(|e| vec![e])?;
    let Some(end) = &set.end else { return Err(vec![messages::error(3256, 1, &[&path])]) };
    if request.restart && !plan::was_interrupted(instance, &target, set) {
        sink.message(&messages::error(3018, 1, &[&format!("{path}.checkpoint")]));
    }
    if let Some(id) = target.existing {
        standby::leave(instance, id).await.map_err(|e| vec![e])?;
    }
    let id = plan::prepare(instance, request, set, &target);
    let interruption = Interruption::begin(instance, id, set.header.guid);
    let cost = &instance.0.config.cost;
    let recovery =
        if request.end == RestoreEnd::NoRecovery { std::time::Duration::ZERO } else { cost.recovery };
    let time = cost.per_backup_set + time_for(end.size, cost.restore_bytes_per_second);
    Progress { instance, session, sink, stats: request.stats }.run(time).await;
    let application = Application { instance, request, id, set, end, files: &target.files };
    let applied = application.apply(&path).await.map_err(|e| vec![e])?;
    interruption.done();
    if applied.stays_restoring {
        sink.message(&messages::error(4322, 1, &[]));
    }
    report(request, set, end, instance.0.clock.elapsed() - started, sink);
    log_restored(instance, id, set, end, &path, request);
    let ended = if applied.stays_restoring { RestoreEnd::NoRecovery } else { request.end.clone() };
    let finished = finish(instance, id, &ended, recovery).await;
    drop(exclusive);
    let backup = BackupRecord {
        media: media.header.clone(),
        header: set.header.clone(),
        end: end.clone(),
        position: request.file.unwrap_or(1),
        device: path.as_str().into(),
    };
    record(instance, session, request, id, backup, ended == RestoreEnd::Recovery);
    finished.map_err(|e| vec![e])
}

/// RESTORE DATABASE x WITH RECOVERY (or STANDBY, NORECOVERY) without a backup set, which leaves no history.
async fn recover_only(
    instance: &Instance,
    session: &Rc<Session>,
    request: &RestoreRequest,
    sink: &mut dyn Sink,
) -> Result<(), Errors> {
    let started = instance.0.clock.elapsed();
    let id = plan::check_recovery(instance, request).map_err(|e| vec![e])?;
    let statement = statement_name(request.kind);
    let exclusive = take_exclusive(instance, session.id, id, statement).await.map_err(|e| vec![e])?;
    plan::check_recovery(instance, request).map_err(|e| vec![e])?;
    standby::leave(instance, id).await.map_err(|e| vec![e])?;
    let recovery = instance.0.config.cost.recovery;
    let time = if request.end == RestoreEnd::Recovery { recovery } else { std::time::Duration::ZERO };
    Progress { instance, session, sink, stats: request.stats }.run(time).await;
    let finished = finish(instance, id, &request.end, std::time::Duration::ZERO).await;
    drop(exclusive);
    finished.map_err(|e| vec![e])?;
    sink.message(&done_message(statement, 0, instance.0.clock.elapsed() - started));
    Ok(())
}

/// Leaves the database as asked.
async fn finish(
    instance: &Instance,
    id: DatabaseId,
    end: &RestoreEnd,
    recovery: std::time::Duration,
) -> Result<(), SqlError> {
    match end {
        RestoreEnd::NoRecovery => Ok(()),
        RestoreEnd::Standby(path) => standby::enter(instance, id, path).await,
        RestoreEnd::Recovery => {
            let wait_ms = instance.0.engine.borrow_mut().charge(recovery);
            if wait_ms > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
            }
            let name = {
                let mut engine = instance.0.engine.borrow_mut();
                let fork = engine.new_guid();
                let Some(database) = engine.database_mut(id) else { return Ok(()) };
                database.is_read_only = false;
                database.bring_online(Some(fork));
                database.name.clone()
            };
            instance.log_line("Server", &format!("Starting up database '{name}'."));
            Ok(())
        }
    }
}

/// Marks the database while its restore runs; a restore that is dropped leaves the mark.
struct Interruption {
    instance: Instance,
    id: DatabaseId,
}

impl Interruption {
    fn begin(instance: &Instance, id: DatabaseId, set: Uuid) -> Self {
        if let Some(database) = instance.0.engine.borrow_mut().database_mut(id) {
            database.interrupted_restore = Some(set);
        }
        Self { instance: instance.clone(), id }
    }

    fn done(self) {
        if let Some(database) = self.instance.0.engine.borrow_mut().database_mut(self.id) {
            database.interrupted_restore = None;
        }
    }
}

/// The most bytes that one log record takes.
const RECORD_BYTES_MAX: usize = 4 * FRAME_BODY_READ_MAX;

/// Bytes of log that are applied before they are handed to the disk; it may be that much behind.
const UNHARDENED_MAX: usize = if cfg!(test) { 32 << 10 } else { 8 << 20 };

struct Applied {
    /// STOPAT was not reached: RECOVERY is not carried out (4322).
    stays_restoring: bool,
}

/// What a backup set is applied to, and how.
struct Application<'a> {
    instance: &'a Instance,
    request: &'a RestoreRequest,
    id: DatabaseId,
    set: &'a BackupSet,
    end: &'a SetEnd,
    files: &'a [DatabaseFile],
}

fn malformed(_: Malformed) -> SqlError {
    messages::error(3189, 1, &[])
}

impl Application<'_> {
    /// Builds the database from the backup set. A large one is read again, piece by piece, and others have their
    /// turn; broken off in the middle, the same set can be applied again from its beginning, since a record says
    /// what a row is and not how it changes.
    async fn apply(&self, path: &str) -> Result<Applied, SqlError> {
        match &self.set.body {
            SetBody::Held { content, log } => {
                let records = get_records(log).map_err(malformed)?;
                let mut engine = self.instance.0.engine.borrow_mut();
                let database = self.database(&mut engine)?;
                let from = self.begin(database, content)?;
                database.note_rolled_forward(from, self.request.stop_at, log);
                let stopped = redo(database, &records, from, self.request.stop_at);
                Ok(self.end(database, from, stopped))
            }
            SetBody::InFile { start, end } => self.apply_file(path, *start..*end).await,
        }
    }

    async fn apply_file(&self, path: &str, place: std::ops::Range<u64>) -> Result<Applied, SqlError> {
        let _under_way = self.instance.restore_under_way();
        let mut frames = Frames::between(self.instance, path, place.start, place.end);
        let (mut content, mut log) = (Vec::new(), Vec::new());
        let mut next = Vec::new();
        let mut tag = frames.next(&mut next).await?;
        while tag == Some(Tag::Content) {
            content.append(&mut next);
            tag = frames.next(&mut next).await?;
            tokio::task::yield_now().await;
        }
        let from = {
            let mut engine = self.instance.0.engine.borrow_mut();
            self.begin(self.database(&mut engine)?, &content)?
        };
        drop(content);
        let (mut applied, mut handed_on) = (0, None);
        let mut stopped = None;
        while tag == Some(Tag::Log) && stopped.is_none() {
            if log.is_empty() {
                std::mem::swap(&mut log, &mut next);
            }
            log.append(&mut next);
            let (records, whole) = whole_records(&log);
            if log.len() - whole > RECORD_BYTES_MAX {
                return Err(malformed(Malformed));
            }
            {
                let mut engine = self.instance.0.engine.borrow_mut();
                let database = self.database(&mut engine)?;
                database.note_rolled_forward(from, self.request.stop_at, &log[..whole]);
                stopped = redo(database, &records, from, self.request.stop_at);
            }
            applied += whole;
            if applied >= UNHARDENED_MAX {
                // A server with a data directory writes all of it again; it must not pile up in memory.
                self.instance
                    .harden_before(&mut handed_on)
                    .await
                    .map_err(|_| messages::error(9001, 1, &[&self.request.database]))?;
                applied = 0;
            }
            log.drain(..whole);
            tag = frames.next(&mut next).await?;
            tokio::task::yield_now().await;
        }
        if stopped.is_none() && (tag.is_some() || !log.is_empty()) {
            return Err(malformed(Malformed));
        }
        let mut engine = self.instance.0.engine.borrow_mut();
        Ok(self.end(self.database(&mut engine)?, from, stopped))
    }

    fn database<'e>(&self, engine: &'e mut crate::engine::Engine) -> Result<&'e mut Database, SqlError> {
        engine.database_mut(self.id).ok_or_else(|| messages::error(3204, 1, &[]))
    }

    /// Takes over the tables of a data backup. Gives the LSN from which records count.
    fn begin(&self, database: &mut Database, content: &[u8]) -> Result<Lsn, SqlError> {
        let header = &self.set.header;
        if header.kind == SetKind::Log {
            return Ok(database.redo_start_lsn.unwrap_or(Lsn::ZERO));
        }
        database.content = get_content(&mut Reader::new(content)).map_err(malformed)?;
        database.recovery = Recovery::default();
        database.note_restored(content);
        database.restart_log(header.first_lsn);
        if header.kind == SetKind::Full {
            take_identity(database, self.set, self.end, self.files);
        }
        Ok(header.checkpoint_lsn)
    }

    /// All records have been applied, or those before `stopped`.
    fn end(&self, database: &mut Database, from: Lsn, stopped: Option<Lsn>) -> Applied {
        let reached = stopped.unwrap_or(self.end.last_lsn);
        if self.set.header.kind == SetKind::Log {
            let asked = self.request.stop_at.is_some() && self.request.end == RestoreEnd::Recovery;
            database.settle(reached.max(from), &self.set.header);
            return Applied { stays_restoring: asked && stopped.is_none() };
        }
        database.settle(reached, &self.set.header);
        Applied { stays_restoring: false }
    }
}

/// The records that lie whole in `bytes`, and how many bytes they take: one may go on in the next frame.
fn whole_records(bytes: &[u8]) -> (Vec<LogRecord>, usize) {
    let mut from = Reader::new(bytes);
    let mut records = Vec::new();
    let mut whole = 0;
    while let Ok(record) = get_record(&mut from) {
        records.push(record);
        whole = bytes.len() - from.len();
    }
    (records, whole)
}

pub(crate) fn get_records(bytes: &[u8]) -> Decoded<Vec<LogRecord>> {
    let mut from = Reader::new(bytes);
    let mut records = Vec::new();
    while !from.is_empty() {
        records.push(get_record(&mut from)?);
    }
    Ok(records)
}

/// Applies records from an LSN on; stops before the first commit that is later than `stop_at`.
///
/// Returns where it stopped.
pub(crate) fn redo(
    database: &mut Database,
    records: &[LogRecord],
    from: Lsn,
    stop_at: Option<Timestamp>,
) -> Option<Lsn> {
    for record in records {
        if record.lsn < from {
            database.recovery.note(record);
            continue;
        }
        if let LogOp::Commit(time) = &record.op {
            if stop_at.is_some_and(|stop_at| *time > stop_at) {
                return Some(record.lsn);
            }
            database.rolled_forward_to = Some(*time);
        }
        database.recovery.redo(&mut database.content, record);
    }
    None
}

/// What a full backup says the database is.
fn take_identity(database: &mut Database, set: &BackupSet, end: &SetEnd, files: &[DatabaseFile]) {
    let header = &set.header;
    database.files = files.to_vec();
    database.guids.family = header.family;
    database.guids.service_broker = header.service_broker;
    database.collation = header.collation.clone();
    database.options.compatibility_level = header.compatibility_level;
    database.recovery_model = match header.recovery_model {
        1 => RecoveryModel::Full,
        2 => RecoveryModel::BulkLogged,
        _ => RecoveryModel::Simple,
    };
    database.user_access = if header.is_single_user { UserAccess::Single } else { UserAccess::Multi };
    database.database_backup_lsn = Some(header.checkpoint_lsn);
    database.fork_point = None;
    database.begins_log_chain = false;
    database.differential_base =
        Some(DifferentialBase { lsn: header.first_lsn, guid: header.guid, time: end.finished });
}

impl Database {
    /// After redo: the point reached, the recovery path, and a durable image of it.
    fn settle(&mut self, redo_start: Lsn, header: &super::format::SetHeader) {
        self.redo_start_lsn = Some(redo_start);
        self.last_log_backup_lsn = Some(redo_start);
        self.guids.recovery_fork = header.recovery_fork;
        self.guids.first_recovery_fork = header.recovery_fork;
        self.restart_log(redo_start);
        self.next_transaction = self.next_transaction.max(self.recovery.highest_transaction());
        self.state = DatabaseState::Restoring;
        self.save_image();
    }
}

/// 4035 for each file, then 3014.
fn report(
    request: &RestoreRequest,
    set: &BackupSet,
    end: &SetEnd,
    elapsed: std::time::Duration,
    sink: &mut dyn Sink,
) {
    let position = request.file.unwrap_or(1);
    let mut total = 0;
    for file in &set.header.files {
        let pages = match (file.is_log, request.kind) {
            (false, RestoreKind::Database) => end.data_pages,
            (false, RestoreKind::Log) => 0,
            (true, _) => end.log_pages,
        };
        total += pages;
        sink.message(&messages::error(4035, 1, &[&pages, &request.database, &file.name, &position]));
    }
    sink.message(&done_message(statement_name(request.kind), total, elapsed));
}

/// The error log's line about a restore.
fn log_restored(
    instance: &Instance,
    id: DatabaseId,
    set: &BackupSet,
    end: &SetEnd,
    path: &str,
    request: &RestoreRequest,
) {
    let name = instance.0.engine.borrow().database(id).map(|d| d.name.clone()).unwrap_or_default();
    let what = match set.header.kind {
        SetKind::Full => "Database was restored",
        SetKind::Differential => "Database differential changes were restored",
        SetKind::Log => "Log was restored",
    };
    let created = set.header.database_created.strftime("%Y/%m/%d(%H:%M:%S)");
    let (first, last, file) = (set.header.first_lsn, end.last_lsn, request.file.unwrap_or(1));
    let line = format!(
        "{what}. Database: {name}, creation date(time): {created}, first LSN: {first}, last LSN: {last}, \
         number of dump devices: 1, device information: (FILE={file}, TYPE=DISK: {{'{path}'}}). \
         This is an informational message. No user action is required."
    );
    instance.log_line("Backup", &line);
}

fn record(
    instance: &Instance,
    session: &Session,
    request: &RestoreRequest,
    id: DatabaseId,
    backup: BackupRecord,
    recovery: bool,
) {
    let (database, files) = {
        let engine = instance.0.engine.borrow();
        let Some(database) = engine.database(id) else { return };
        let files = database.files.iter().map(|f| (f.file_id, f.physical_name.clone()));
        (database.name.clone(), files.collect())
    };
    let record = RestoreRecord {
        restore_type: backup.header.kind.letter(),
        backup,
        database,
        user_name: session.login.as_str().into(),
        finished: instance.0.clock.utc_now(),
        replace: request.replace,
        recovery,
        restart: request.restart,
        stop_at: request.stop_at,
        files,
    };
    crate::msdb::history::record_restore(instance, &record);
}
