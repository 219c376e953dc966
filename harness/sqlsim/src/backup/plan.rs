//! Whether a backup set may be restored over what is there.

use super::format::{BackupSet, SetKind};
use super::restore::statement_name;
use super::{Errors, RestoreEnd, RestoreKind, RestoreRequest};
use crate::engine::create::check_directories;
use crate::engine::database::{DatabaseFile, TEMPDB};
use crate::engine::{Database, DatabaseId, DatabaseState, Engine, MASTER, RecoveryModel, same_name};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::lsn::Lsn;
use crate::messages;

/// Where a restore goes.
pub(super) struct Target {
    /// The database that is there already.
    pub(super) existing: Option<DatabaseId>,
    /// The files it will have (RESTORE DATABASE from a full backup).
    pub(super) files: Vec<DatabaseFile>,
}

/// Checks everything that can be known before the restore begins.
///
/// # Errors
/// The numbers in the manual's page "RESTORE": 3101 and damage are checked by the caller.
pub(super) async fn check(
    instance: &Instance,
    request: &RestoreRequest,
    set: &BackupSet,
    path: &str,
) -> Result<Target, Errors> {
    check_name(request).map_err(|e| vec![e])?;
    check_options(request, set).map_err(|e| vec![e])?;
    let one = |e: SqlError| vec![e];
    let (existing, files) = {
        let engine = instance.0.engine.borrow();
        let found = engine.database_by_name(&request.database);
        match (request.kind, set.header.kind) {
            (RestoreKind::Log, SetKind::Log) => {
                let missing = || messages::error(3118, 1, &[&request.database]);
                let database = found.ok_or_else(|| one(missing()))?;
                check_log(&engine, database, request, set).map_err(one)?;
                (Some(database.id), Vec::new())
            }
            (RestoreKind::Database, SetKind::Differential) => {
                let missing = || messages::error(3118, 1, &[&request.database]);
                let database = found.ok_or_else(|| one(missing()))?;
                check_differential(database, set).map_err(one)?;
                (Some(database.id), Vec::new())
            }
            (RestoreKind::Database, SetKind::Full) => {
                if let Some(database) = found {
                    check_overwrite(database, request, set).map_err(one)?;
                }
                let existing = found.map(|d| d.id);
                let files = plan_files(&engine, existing, request, set)?;
                (existing, files)
            }
            (RestoreKind::Log, _) => {
                return Err(vec![messages::error(3135, 2, &[&path, &"BACKUP DATABASE"])]);
            }
            (RestoreKind::Database, SetKind::Log) => {
                return Err(vec![messages::error(3135, 2, &[&path, &"BACKUP LOG"])]);
            }
        }
    };
    if !files.is_empty() {
        check_directories(instance, &files).await.map_err(|causes| cannot_place(&files, causes))?;
    }
    Ok(Target { existing, files })
}

fn check_name(request: &RestoreRequest) -> Result<(), SqlError> {
    if request.database.trim().is_empty() {
        return Err(messages::error(3123, 1, &[&request.database]));
    }
    if same_name(&request.database, "tempdb") {
        return Err(messages::error(3147, 3, &[]));
    }
    if same_name(&request.database, "master") {
        return Err(messages::error(3108, 1, &[]));
    }
    Ok(())
}

fn check_options(request: &RestoreRequest, set: &BackupSet) -> Result<(), SqlError> {
    if request.checksum && !set.header.has_checksums {
        return Err(messages::error(3187, 1, &[]));
    }
    if request.stop_at.is_some() && set.header.recovery_model == RecoveryModel::Simple.number() {
        return Err(messages::error(3145, 1, &[]));
    }
    Ok(())
}

/// Whether this log backup continues what the database has.
fn check_log(
    engine: &Engine,
    database: &Database,
    request: &RestoreRequest,
    set: &BackupSet,
) -> Result<(), SqlError> {
    if database.mirroring.is_some() {
        return Err(messages::error(3104, 1, &[&database.name]));
    }
    if !can_roll_forward(database) {
        return Err(match database.state {
            DatabaseState::Online => messages::error(3117, 4, &[]),
            _ => engine.closed_error(database),
        });
    }
    if database.guids.family != set.header.family {
        return Err(messages::error(3154, 4, &[&database.name]));
    }
    check_interruption(database, set)?;
    let redo_point = database.redo_start_lsn.unwrap_or(Lsn::ZERO);
    let (first, last) = (set.header.first_lsn, set.end.as_ref().map(|e| e.last_lsn));
    let shown = |lsn: Lsn| lsn.to_numeric().to_string();
    if first > redo_point {
        return Err(messages::error(4305, 1, &[&shown(first), &shown(redo_point)]));
    }
    if let Some(last) = last.filter(|last| *last < redo_point) {
        return Err(messages::error(4326, 1, &[&shown(last), &shown(redo_point)]));
    }
    check_fork(database, set, redo_point)?;
    if request.stop_at.is_some_and(|stop_at| set.end.is_some() && is_too_early(database, stop_at)) {
        return Err(messages::error(4335, 1, &[]));
    }
    Ok(())
}

/// The database and the backup have to be on the same recovery path at the redo point.
fn check_fork(database: &Database, set: &BackupSet, redo_point: Lsn) -> Result<(), SqlError> {
    let header = &set.header;
    let here = database.guids.recovery_fork;
    let is_same = match header.fork_point {
        // The backup crosses from one path to the next: what we have has to end before the crossing.
        Some(fork_point) if header.first_recovery_fork != header.recovery_fork => {
            here == header.first_recovery_fork && redo_point <= fork_point
                || here == header.recovery_fork && redo_point >= fork_point
        }
        _ => here == header.recovery_fork,
    };
    if is_same { Ok(()) } else { Err(messages::error(4330, 1, &[])) }
}

/// STOPAT before what is already there.
fn is_too_early(database: &Database, stop_at: jiff::Timestamp) -> bool {
    database.rolled_forward_to.is_some_and(|reached| reached > stop_at)
}

fn check_differential(database: &Database, set: &BackupSet) -> Result<(), SqlError> {
    if database.mirroring.is_some() {
        return Err(messages::error(3104, 1, &[&database.name]));
    }
    if !can_roll_forward(database) {
        return Err(messages::error(3117, 1, &[]));
    }
    if database.guids.family != set.header.family {
        return Err(messages::error(3154, 4, &[&database.name]));
    }
    check_interruption(database, set)?;
    let base = set.header.differential_base.map(|(_, guid)| guid);
    if database.differential_base.map(|b| b.guid) != base {
        return Err(messages::error(3136, 1, &[]));
    }
    let redo_point = database.redo_start_lsn.unwrap_or(Lsn::ZERO);
    if set.end.as_ref().is_some_and(|end| end.last_lsn < redo_point) {
        return Err(messages::error(3120, 1, &[]));
    }
    Ok(())
}

/// A database that is restoring or a warm standby takes more log.
fn can_roll_forward(database: &Database) -> bool {
    database.state == DatabaseState::Restoring || database.in_standby()
}

/// After a broken restore only the same set may come.
fn check_interruption(database: &Database, set: &BackupSet) -> Result<(), SqlError> {
    match database.interrupted_restore {
        Some(interrupted) if interrupted != set.header.guid => Err(interrupted_error(database)),
        _ => Ok(()),
    }
}

fn interrupted_error(database: &Database) -> SqlError {
    let file = database.files.first().map_or(&database.name, |f| &f.name);
    messages::error(4319, 1, &[file])
}

/// Whether a full backup may replace what is there.
fn check_overwrite(database: &Database, request: &RestoreRequest, set: &BackupSet) -> Result<(), SqlError> {
    if database.mirroring.is_some() {
        return Err(messages::error(3104, 1, &[&database.name]));
    }
    if database.id <= MASTER.max(TEMPDB) {
        return Err(messages::error(3179, 1, &[]));
    }
    if request.replace {
        return Ok(());
    }
    if database.guids.family != set.header.family {
        return Err(messages::error(3154, 4, &[&database.name]));
    }
    let has_tail = database.state == DatabaseState::Online
        && !database.in_standby()
        && database.recovery_model != RecoveryModel::Simple
        && database.last_log_backup_lsn.is_none_or(|lsn| database.log.records_from(lsn).next().is_some());
    if has_tail && request.stop_at.is_none() {
        return Err(messages::error(3159, 1, &[&database.name]));
    }
    Ok(())
}

/// Where the backup's files go.
fn plan_files(
    engine: &Engine,
    existing: Option<DatabaseId>,
    request: &RestoreRequest,
    set: &BackupSet,
) -> Result<Vec<DatabaseFile>, Errors> {
    for (position, (logical, _)) in request.moves.iter().enumerate() {
        if request.moves[..position].iter().any(|(other, _)| same_name(other, logical)) {
            return Err(vec![messages::error(4353, 1, &[logical])]);
        }
        if !set.header.files.iter().any(|f| same_name(&f.name, logical)) {
            return Err(vec![messages::error(3234, 2, &[logical, &request.database])]);
        }
    }
    let mut files = set.header.files.clone();
    // Over an existing copy of the same database, files stay where they are.
    let present = existing.and_then(|id| engine.database(id)).filter(|d| d.guids.family == set.header.family);
    for file in &mut files {
        let moved = request.moves.iter().find(|(logical, _)| same_name(logical, &file.name));
        let stays = present.and_then(|d| d.files.iter().find(|f| same_name(&f.name, &file.name)));
        file.physical_name = match (moved, stays) {
            (Some((_, path)), _) => path.as_str().into(),
            (None, Some(stays)) => stays.physical_name.clone(),
            (None, None) => file.physical_name.clone(),
        };
    }
    engine.check_file_names(&files, existing).map_err(|cause| cannot_place(&files, vec![cause]))?;
    Ok(files)
}

/// A file that cannot be put where it should: the cause, 3156, 3119.
fn cannot_place(files: &[DatabaseFile], mut causes: Errors) -> Errors {
    let is_named = |f: &&DatabaseFile| causes.iter().any(|e| e.message.contains(&*f.physical_name));
    if let Some(file) = files.iter().find(is_named).or(files.first()) {
        causes.push(messages::error(3156, 3, &[&file.name, &file.physical_name]));
    }
    causes.push(messages::error(3119, 1, &[]));
    causes
}

/// Whether the last restore of this set was broken off.
pub(super) fn was_interrupted(instance: &Instance, target: &Target, set: &BackupSet) -> bool {
    let engine = instance.0.engine.borrow();
    let database = target.existing.and_then(|id| engine.database(id));
    database.is_some_and(|d| d.interrupted_restore == Some(set.header.guid))
}

/// Makes the database that is restored into, RESTORING from now on.
pub(super) fn prepare(
    instance: &Instance,
    request: &RestoreRequest,
    set: &BackupSet,
    target: &Target,
) -> DatabaseId {
    let mut engine = instance.0.engine.borrow_mut();
    let now = engine.clock.utc_now();
    if let Some(id) = target.existing {
        if let Some(database) = engine.database_mut(id).filter(|_| set.header.kind == SetKind::Full) {
            database.state = DatabaseState::Restoring;
            database.standby_file = None;
            database.is_read_only = false;
            database.redo_start_lsn = None;
        }
        return id;
    }
    let id = engine.free_database_id();
    let mut database = engine.new_database(id, &request.database, now);
    database.state = DatabaseState::Restoring;
    database.files = target.files.clone();
    database.guids.family = set.header.family;
    engine.databases.insert(id, database);
    id
}

/// Whether RESTORE DATABASE … without a backup set may be done.
///
/// # Errors
/// 911, 3153, 3104, 4319, 4333.
pub(super) fn check_recovery(instance: &Instance, request: &RestoreRequest) -> Result<DatabaseId, SqlError> {
    check_name(request)?;
    let engine = instance.0.engine.borrow();
    let found = engine.database_by_name(&request.database);
    let database = found.ok_or_else(|| messages::error(911, 11, &[&request.database]))?;
    if database.mirroring.is_some() {
        return Err(messages::error(3104, 1, &[&database.name]));
    }
    if database.in_standby() {
        return Ok(database.id);
    }
    match database.state {
        DatabaseState::Restoring if database.interrupted_restore.is_some() => {
            Err(interrupted_error(database))
        }
        DatabaseState::Restoring if database.redo_start_lsn.is_none() => Err(messages::error(4333, 1, &[])),
        DatabaseState::Restoring => Ok(database.id),
        DatabaseState::Online if request.end == RestoreEnd::Recovery => Err(messages::error(3153, 2, &[])),
        DatabaseState::Online => Err(messages::error(3117, 4, &[])),
        _ => Err(engine.closed_error(database)),
    }
}

/// The statement of a request, for messages.
pub(super) fn name_of(request: &RestoreRequest) -> &'static str {
    statement_name(request.kind)
}
