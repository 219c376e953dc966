//! BACKUP DATABASE and BACKUP LOG.

use super::common::{
    Exclusive, Progress, cannot_open, device_path, done_message, failing, take_exclusive, time_for,
};
use super::format::{
    FRAME_BODY_MAX, LARGE_FRAME_BODY_MAX, MediaHeader, SetEnd, SetHeader, SetKind, Tag, media_bytes,
    put_frame, set_end_bytes, set_header_bytes,
};
use super::history::BackupRecord;
use super::log_part::LogPart;
use super::scan::{HELD_BYTES_MAX, PIECE_BYTES, skim_device};
use super::{BackupKind, BackupRequest, Errors, TailLog};
use crate::engine::content::Content;
use crate::engine::database::{Database, DifferentialBase, TEMPDB};
use crate::engine::{DatabaseId, DatabaseState, MASTER, RecoveryModel, UserAccess};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::log::LogOp;
use crate::log::codec::{Writer, put_content};
use crate::lsn::Lsn;
use crate::messages;
use crate::mirroring::MirrorRole;
use crate::session::{Session, Sink};
use std::rc::Rc;

fn statement_name(kind: BackupKind) -> &'static str {
    match kind {
        BackupKind::Full | BackupKind::Differential => "BACKUP DATABASE",
        BackupKind::Log => "BACKUP LOG",
    }
}

/// Takes a backup.
pub(super) async fn backup(
    instance: &Instance,
    session: &Rc<Session>,
    request: &BackupRequest,
    sink: &mut dyn Sink,
) -> Result<(), Errors> {
    let statement = statement_name(request.kind);
    let result = take(instance, session, request, sink).await;
    result.map_err(|cause| {
        let line = messages::error(3041, 1, &[&format!("{statement} {}", request.database)]);
        instance.log_line("Backup", &line.message);
        failing(statement, cause)
    })
}

async fn take(
    instance: &Instance,
    session: &Rc<Session>,
    request: &BackupRequest,
    sink: &mut dyn Sink,
) -> Result<(), SqlError> {
    if session.state.borrow().open_transactions > 0 {
        return Err(messages::error(3021, 1, &[]));
    }
    let id = check(instance, session, request)?;
    let path = device_path(instance, &request.device)?;
    let statement = statement_name(request.kind);
    let exclusive = match &request.tail {
        Some(_) => Some(take_exclusive(instance, session.id, id, statement).await?),
        None => None,
    };
    let running = Running::begin(instance, id, request.kind)?;
    let started = instance.0.clock.elapsed();
    let device = Device::open(instance, &path, request).await?;
    let mut set = OpenSet::begin(instance, session, id, request)?;
    let begin = device.append_frame(instance, Tag::SetBegin, &set_header_bytes(&set.header)).await;
    if let Err(error) = begin {
        device.take_back(instance).await;
        return Err(device.cannot_write(&error));
    }
    let cost = &instance.0.config.cost;
    let bytes = set.size(instance, set.content.len() as u64 + set.log.bytes);
    let time = cost.per_backup_set + time_for(bytes, cost.backup_bytes_per_second);
    Progress { instance, session, sink, stats: request.stats }.run(time).await;
    set.take_log(instance, id)?;
    // A backup must not have log that this server could lose.
    if instance.harden().await.is_err() {
        device.take_back(instance).await;
        return Err(messages::error(9001, 1, &[&request.database]));
    }
    let end = match device.append_set(instance, id, &mut set).await {
        Ok(end) => end,
        Err(error) => {
            device.take_back(instance).await;
            return Err(error);
        }
    };
    drop(running);
    set.note_done(instance, id, request, &end);
    let record = BackupRecord {
        media: device.media.clone(),
        header: set.header.clone(),
        end: end.clone(),
        position: device.position,
        device: path.as_str().into(),
    };
    crate::msdb::history::record_backup(instance, &record);
    report(instance, request, &set, &end, &device, instance.0.clock.elapsed() - started, sink);
    leave_offline(instance, id, request, exclusive).await
}

/// What BACKUP LOG WITH NORECOVERY or STANDBY makes of the database.
async fn leave_offline(
    instance: &Instance,
    id: DatabaseId,
    request: &BackupRequest,
    exclusive: Option<Exclusive>,
) -> Result<(), SqlError> {
    let Some(tail) = &request.tail else { return Ok(()) };
    {
        let mut engine = instance.0.engine.borrow_mut();
        if let Some(database) = engine.database_mut(id) {
            database.start_restoring();
        }
    }
    if let TailLog::Standby(path) = tail {
        super::standby::enter(instance, id, path).await?;
    }
    drop(exclusive);
    Ok(())
}

/// Whether this database can be backed up so.
fn check(instance: &Instance, session: &Session, request: &BackupRequest) -> Result<DatabaseId, SqlError> {
    let engine = instance.0.engine.borrow();
    let found = engine.database_by_name(&request.database);
    let database = found.ok_or_else(|| messages::error(911, 11, &[&request.database]))?;
    if !engine.may_back_up(&session.caller(), database, request.kind == crate::backup::BackupKind::Log) {
        return Err(messages::error(262, 1, &[&statement_name(request.kind), &database.name]));
    }
    if database.id == TEMPDB {
        return Err(messages::error(3147, 1, &[]));
    }
    if database.mirroring.as_ref().is_some_and(|m| m.role == MirrorRole::Mirror) {
        return Err(messages::error(3059, 1, &[]));
    }
    if database.in_standby() {
        return Err(messages::error(3036, 1, &[&database.name]));
    }
    if database.state != DatabaseState::Online {
        return Err(engine.closed_error(database));
    }
    if engine.locks.exclusive_holder(database.id).is_some() {
        return Err(messages::error(3101, 1, &[]));
    }
    match request.kind {
        BackupKind::Differential if database.differential_base.is_none() => {
            Err(messages::error(3035, 1, &[&database.name]))
        }
        BackupKind::Differential if database.id == MASTER => Err(messages::error(3024, 0, &[])),
        BackupKind::Log if database.id == MASTER => Err(messages::error(4212, 1, &[])),
        BackupKind::Log if database.recovery_model == RecoveryModel::Simple => {
            Err(messages::error(4208, 1, &[&"BACKUP LOG"]))
        }
        BackupKind::Log if database.last_log_backup_lsn.is_none() => Err(messages::error(4214, 1, &[])),
        BackupKind::Log if request.tail.is_some() && database.mirroring.is_some() => {
            Err(messages::error(1468, 1, &[&database.name]))
        }
        _ => Ok(database.id),
    }
}

/// Marks the database while a backup runs, so that two of a kind never do.
struct Running {
    instance: Instance,
    id: DatabaseId,
    kind: BackupKind,
}

impl Running {
    fn begin(instance: &Instance, id: DatabaseId, kind: BackupKind) -> Result<Self, SqlError> {
        let mut engine = instance.0.engine.borrow_mut();
        let flag = engine.database_mut(id).map(|d| flag(d, kind));
        match flag {
            Some(flag) if !*flag => *flag = true,
            _ => return Err(messages::error(3023, 2, &[])),
        }
        Ok(Self { instance: instance.clone(), id, kind })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut engine = self.instance.0.engine.borrow_mut();
        if let Some(database) = engine.database_mut(self.id) {
            *flag(database, self.kind) = false;
        }
        engine.locks.released().notify_waiters();
    }
}

fn flag(database: &mut Database, kind: BackupKind) -> &mut bool {
    match kind {
        BackupKind::Full | BackupKind::Differential => &mut database.data_backup_running,
        BackupKind::Log => &mut database.log_backup_running,
    }
}

/// The file a backup is written to.
struct Device {
    path: String,
    media: MediaHeader,
    /// Size before this backup; `None` when the file is new.
    size_before: Option<u64>,
    /// Position of the set that is being written.
    position: u32,
}

impl Device {
    async fn open(instance: &Instance, path: &str, request: &BackupRequest) -> Result<Self, SqlError> {
        let files = &instance.0.files;
        let existing = match files.size(path).await {
            Ok(0) => None,
            Ok(size) => Some(size),
            Err(error) if error.code == 2 => None,
            Err(error) => return Err(cannot_open(path, &error)),
        };
        if let Some(size) = existing.filter(|_| !request.format) {
            let (media, sets) = skim_device(instance, path, size).await?;
            if !request.init {
                let position = u32::try_from(sets).unwrap_or(u32::MAX).saturating_add(1);
                return Ok(Self { path: path.to_owned(), media, size_before: Some(size), position });
            }
        }
        let now = instance.0.clock.utc_now();
        let (media_set, family) = {
            let mut engine = instance.0.engine.borrow_mut();
            (engine.new_guid(), engine.new_guid())
        };
        let media = MediaHeader {
            name: request.media_name.as_deref().map(Rc::from),
            description: None,
            media_set,
            family,
            created: now,
        };
        files.create(path).await.map_err(|e| cannot_open(path, &e))?;
        let device = Self { path: path.to_owned(), media, size_before: None, position: 1 };
        let header = files.append(path, media_bytes(&device.media).into()).await;
        if let Err(error) = header {
            device.take_back(instance).await;
            return Err(device.cannot_write(&error));
        }
        Ok(device)
    }

    fn cannot_write(&self, error: &crate::files::FileError) -> SqlError {
        messages::error(3202, 1, &[&self.path, error])
    }

    async fn append_frame(
        &self,
        instance: &Instance,
        tag: Tag,
        body: &[u8],
    ) -> Result<(), crate::files::FileError> {
        let mut bytes = Vec::with_capacity(body.len() + 16);
        put_frame(&mut bytes, tag, body);
        instance.0.files.append(&self.path, bytes.into()).await
    }

    /// Writes what the set holds, and closes it. A large one is written piece by piece: others have their turn.
    async fn append_set(
        &self,
        instance: &Instance,
        id: DatabaseId,
        set: &mut OpenSet,
    ) -> Result<SetEnd, SqlError> {
        let files = &instance.0.files;
        let failed = |error: crate::files::FileError| self.cannot_write(&error);
        let is_large = set.log.is_long() || set.content.len() > HELD_BYTES_MAX;
        let frame = if is_large { LARGE_FRAME_BODY_MAX } else { FRAME_BODY_MAX };
        let mut bytes = Vec::new();
        let mut written = 0;
        let content = std::mem::take(&mut set.content);
        for piece in content.chunks(PIECE_BYTES) {
            piece.chunks(frame).for_each(|chunk| put_frame(&mut bytes, Tag::Content, chunk));
            written += piece.len() as u64;
            if is_large {
                files.append(&self.path, std::mem::take(&mut bytes).into()).await.map_err(failed)?;
                tokio::task::yield_now().await;
            }
        }
        drop(content);
        let mut log_bytes = 0;
        while let Some(piece) = set.log.next(instance, id)? {
            piece.chunks(frame).for_each(|chunk| put_frame(&mut bytes, Tag::Log, chunk));
            log_bytes += piece.len() as u64;
            if is_large {
                files.append(&self.path, std::mem::take(&mut bytes).into()).await.map_err(failed)?;
                tokio::task::yield_now().await;
            }
        }
        let end = set.end(instance, written, log_bytes);
        put_frame(&mut bytes, Tag::SetEnd, &set_end_bytes(&end));
        files.append(&self.path, bytes.into()).await.map_err(failed)?;
        files.flush(&self.path).await.map_err(failed)?;
        Ok(end)
    }

    /// Leaves the file as it was before; a new one goes. What cannot be undone stays as a torn set.
    async fn take_back(&self, instance: &Instance) {
        let _ = match self.size_before {
            Some(size) => instance.0.files.truncate(&self.path, size).await,
            None => instance.0.files.remove(&self.path).await,
        };
    }
}

/// A backup set while it is being taken.
struct OpenSet {
    header: SetHeader,
    content: Vec<u8>,
    log: LogPart,
    data_pages: u64,
    finished: jiff::Timestamp,
}

impl OpenSet {
    fn begin(
        instance: &Instance,
        session: &Session,
        id: DatabaseId,
        request: &BackupRequest,
    ) -> Result<Self, SqlError> {
        let mut engine = instance.0.engine.borrow_mut();
        let guid = engine.new_guid();
        let taken = Taken {
            guid,
            user_name: session.login.as_str().into(),
            server_name: engine.server_name.clone(),
            started: engine.clock.utc_now(),
        };
        let finished = taken.started;
        let database =
            engine.database_mut(id).ok_or_else(|| messages::error(911, 11, &[&request.database]))?;
        let kind = match request.kind {
            BackupKind::Full => SetKind::Full,
            BackupKind::Differential => SetKind::Differential,
            BackupKind::Log => SetKind::Log,
        };
        let mut content = Vec::new();
        let mut data_pages = 0;
        let first_lsn = match (kind, database.last_log_backup_lsn) {
            (SetKind::Log, Some(lsn)) => {
                database.log.flush();
                lsn
            }
            _ => {
                database.take_checkpoint();
                content = content_bytes(&database.content);
                data_pages = database.used_pages();
                let oldest = database.checkpoint.recovery.oldest_open();
                oldest.map_or(database.checkpoint.lsn, |lsn| lsn.min(database.checkpoint.lsn))
            }
        };
        let header = set_header(database, request, kind, first_lsn, taken);
        let log = if kind == SetKind::Log { LogPart::of(database, first_lsn) } else { LogPart::empty() };
        Ok(Self { header, content, log, data_pages, finished })
    }

    /// Bytes as simulated.
    fn size(&self, instance: &Instance, bytes: u64) -> u64 {
        let scale = instance.0.config.cost.size_scale.max(1);
        bytes * scale + self.data_pages * 8192
    }

    /// Takes the log up to now (a data backup); a log backup's end was fixed when it began.
    fn take_log(&mut self, instance: &Instance, id: DatabaseId) -> Result<(), SqlError> {
        let mut engine = instance.0.engine.borrow_mut();
        self.finished = engine.clock.utc_now();
        let database =
            engine.database_mut(id).ok_or_else(|| messages::error(911, 11, &[&self.header.database_name]))?;
        if self.header.kind != SetKind::Log {
            database.log.flush();
            self.log = LogPart::of(database, self.header.first_lsn);
        }
        Ok(())
    }

    /// What is known when all is written.
    fn end(&self, instance: &Instance, content_bytes: u64, log_bytes: u64) -> SetEnd {
        SetEnd {
            last_lsn: self.log.end,
            finished: self.finished,
            size: self.size(instance, content_bytes + log_bytes),
            data_pages: self.data_pages,
            log_pages: log_bytes.div_ceil(8192).max(1),
        }
    }

    /// Moves the chain along: bases, the start of the next log backup, truncation.
    fn note_done(&self, instance: &Instance, id: DatabaseId, request: &BackupRequest, end: &SetEnd) {
        let mut engine = instance.0.engine.borrow_mut();
        let Some(database) = engine.database_mut(id) else { return };
        match request.kind {
            BackupKind::Log if !request.copy_only && !request.no_truncate => {
                database.last_log_backup_lsn = Some(end.last_lsn);
                database.begins_log_chain = false;
                database.guids.first_recovery_fork = self.header.recovery_fork;
                if database.guids.first_recovery_fork == database.guids.recovery_fork {
                    database.fork_point = None;
                }
                if database.mirroring.is_some() {
                    database.log.write(0, false, LogOp::LogBackedUp(end.last_lsn));
                    database.log.flush();
                }
                if let Some(mirroring) = &database.mirroring {
                    mirroring.wake();
                }
                if request.tail.is_none() {
                    database.take_checkpoint_if_due();
                    database.truncate_log();
                }
            }
            BackupKind::Full => {
                if !request.copy_only {
                    let (lsn, guid, time) = (self.header.first_lsn, self.header.guid, end.finished);
                    database.differential_base = Some(DifferentialBase { lsn, guid, time });
                    database.database_backup_lsn = Some(self.header.checkpoint_lsn);
                }
                if database.last_log_backup_lsn.is_none() && database.recovery_model != RecoveryModel::Simple
                {
                    database.last_log_backup_lsn = Some(self.header.first_lsn);
                    database.begins_log_chain = true;
                }
                database.truncate_log();
            }
            BackupKind::Log | BackupKind::Differential => {}
        }
    }
}

/// Who takes a backup, and when.
struct Taken {
    guid: uuid::Uuid,
    user_name: Rc<str>,
    server_name: Rc<str>,
    started: jiff::Timestamp,
}

/// What HEADERONLY will show of the set.
fn set_header(
    database: &Database,
    request: &BackupRequest,
    kind: SetKind,
    first_lsn: Lsn,
    taken: Taken,
) -> SetHeader {
    let base = database.differential_base.filter(|_| kind == SetKind::Differential);
    let has_fork = database.guids.first_recovery_fork != database.guids.recovery_fork;
    SetHeader {
        kind,
        name: request.name.as_deref().map(Rc::from),
        description: request.description.as_deref().map(Rc::from),
        guid: taken.guid,
        user_name: taken.user_name,
        machine_name: taken.server_name.split('\\').next().unwrap_or_default().into(),
        server_name: taken.server_name,
        database_name: database.name.clone(),
        database_created: database.create_date,
        compatibility_level: database.options.compatibility_level,
        collation: database.collation.clone(),
        recovery_model: database.recovery_model.number(),
        is_compressed: request.compression,
        has_checksums: request.checksum,
        is_copy_only: request.copy_only,
        is_force_offline: request.tail.is_some(),
        begins_log_chain: kind == SetKind::Log && database.begins_log_chain,
        is_read_only: database.is_read_only,
        is_single_user: database.user_access == UserAccess::Single,
        first_lsn,
        checkpoint_lsn: database.checkpoint.lsn,
        database_backup_lsn: database.database_backup_lsn.unwrap_or(Lsn::ZERO),
        started: taken.started,
        binding: database.guids.database,
        family: database.guids.family,
        service_broker: database.guids.service_broker,
        first_recovery_fork: match kind {
            SetKind::Log => database.guids.first_recovery_fork,
            _ => database.guids.recovery_fork,
        },
        recovery_fork: database.guids.recovery_fork,
        fork_point: database.fork_point.filter(|_| kind == SetKind::Log && has_fork),
        differential_base: base.map(|base| (base.lsn, base.guid)),
        files: database.files.clone(),
    }
}

fn content_bytes(content: &Content) -> Vec<u8> {
    let mut out = Writer::default();
    put_content(&mut out, content);
    out.into_bytes()
}

/// 4035 for each file, then 3014.
fn report(
    instance: &Instance,
    request: &BackupRequest,
    set: &OpenSet,
    end: &SetEnd,
    device: &Device,
    elapsed: std::time::Duration,
    sink: &mut dyn Sink,
) {
    let name = &set.header.database_name;
    let mut total = 0;
    for file in &set.header.files {
        if !file.is_log && request.kind == BackupKind::Log {
            continue;
        }
        let pages = if file.is_log { end.log_pages } else { end.data_pages };
        total += pages;
        sink.message(&messages::error(4035, 1, &[&pages, name, &file.name, &device.position]));
    }
    sink.message(&done_message(statement_name(request.kind), total, elapsed));
    let what = if request.kind == BackupKind::Log { "Log was backed up" } else { "Database backed up" };
    let line = format!(
        "{what}. Database: {name}, creation date(time): {}, first LSN: {}, last LSN: {}, number of dump devices: 1, device information: (FILE={}, TYPE=DISK: {{'{}'}}). This is an informational message only. No user action is required.",
        set.header.database_created.strftime("%Y/%m/%d(%H:%M:%S)"),
        set.header.first_lsn,
        end.last_lsn,
        device.position,
        device.path,
    );
    instance.log_line("Backup", &line);
}
