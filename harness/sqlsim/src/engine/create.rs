//! Making databases, dropping them, and what a new one is made of.

use super::Engine;
use super::content::Content;
use super::database::{
    Checkpoint, Database, DatabaseFile, DatabaseGuids, DatabaseId, DatabaseOptions, DatabaseState,
    RecoveryModel, UserAccess,
};
use super::definition::same_name;
use crate::error::{SqlError, SqlResult};
use crate::files::{join, split};
use crate::instance::Instance;
use crate::log::{Log, Recovery};
use crate::lsn::Lsn;
use crate::messages;
use std::rc::Rc;

/// The virtual log file in which a new database's log begins.
const FIRST_VLF: u32 = 34;

/// A file named in CREATE DATABASE.
#[derive(Clone, Debug, Default)]
pub struct FileSpec {
    /// NAME; empty: chosen.
    pub name: String,
    /// FILENAME; empty: in the data directory.
    pub path: String,
    /// SIZE in pages of 8 KiB.
    pub size_pages: Option<i64>,
    /// MAXSIZE in pages; -1 unlimited.
    pub max_size_pages: Option<i64>,
    /// FILEGROWTH in pages.
    pub growth_pages: Option<i64>,
    /// FILEGROWTH in percent.
    pub growth_percent: Option<i64>,
}

/// CREATE DATABASE.
#[derive(Clone, Debug, Default)]
pub struct CreateDatabase {
    /// Name.
    pub name: String,
    /// Login that owns it.
    pub owner: String,
    /// COLLATE
    pub collation: Option<String>,
    /// ON PRIMARY (…); none: one file by default.
    pub data_files: Vec<FileSpec>,
    /// LOG ON (…)
    pub log_files: Vec<FileSpec>,
}

/// Creates a database. Sends nothing; returns its id.
///
/// # Errors
/// 1801, 1828, 1834, 5133 (its directory is missing).
pub async fn create_database(
    instance: &Instance,
    request: &CreateDatabase,
) -> Result<DatabaseId, Vec<SqlError>> {
    let (files, now) = {
        let mut engine = instance.0.engine.borrow_mut();
        if engine.database_by_name(&request.name).is_some() {
            return Err(vec![messages::error(1801, 3, &[&request.name])]);
        }
        let files = engine.plan_files(request);
        engine.check_file_names(&files, None).map_err(|e| vec![e])?;
        (files, engine.clock.utc_now())
    };
    check_directories(instance, &files).await?;
    let mut engine = instance.0.engine.borrow_mut();
    if engine.database_by_name(&request.name).is_some() {
        return Err(vec![messages::error(1801, 3, &[&request.name])]);
    }
    let id = engine.free_database_id();
    let mut database = engine.new_database(id, &request.name, now);
    database.files = files;
    if !request.owner.is_empty() {
        database.owner = request.owner.as_str().into();
    }
    if let Some(collation) = &request.collation {
        database.collation = collation.as_str().into();
    }
    database.take_checkpoint();
    engine.databases.insert(id, database);
    Ok(id)
}

/// Drops a database.
///
/// # Errors
/// 3701 when it does not exist, 3702 when someone uses it, 3708 for a system database.
pub fn drop_database(instance: &Instance, name: &str) -> SqlResult<()> {
    let mut engine = instance.0.engine.borrow_mut();
    let Some(found) = engine.database_by_name(name) else {
        return Err(messages::error(3701, 1, &[&"drop", &"database", &name]));
    };
    let id = found.id;
    if found.is_system() {
        return Err(messages::error(3708, 1, &[&"drop", &"database", &name]));
    }
    if found.mirroring.is_some() {
        return Err(messages::error(3743, 1, &[&name]));
    }
    if engine.locks.users_of(id).next().is_some() || found.data_backup_running {
        return Err(messages::error(3702, 3, &[&name]));
    }
    engine.databases.remove(&id);
    Ok(())
}

/// The directories of new files have to be there.
///
/// # Errors
/// 5133.
pub(crate) async fn check_directories(
    instance: &Instance,
    files: &[DatabaseFile],
) -> Result<(), Vec<SqlError>> {
    let mut checked: Vec<&str> = Vec::new();
    for file in files {
        let Some((directory, _)) = split(&file.physical_name) else { continue };
        if checked.contains(&directory) {
            continue;
        }
        if let Err(error) = instance.0.files.list(directory).await {
            let shown = format!("{}({})", error.code, error.text);
            return Err(vec![messages::error(5133, 1, &[&file.physical_name, &shown])]);
        }
        checked.push(directory);
    }
    Ok(())
}

impl Engine {
    /// An empty database with new GUIDs that no one knows yet.
    pub(crate) fn new_database(&mut self, id: DatabaseId, name: &str, now: jiff::Timestamp) -> Database {
        let fork = self.new_guid();
        let family = self.new_guid();
        let content = Content::new(now);
        let mut log = Log::starting_at_vlf(FIRST_VLF);
        log.flush();
        Database {
            id,
            name: name.into(),
            state: DatabaseState::Online,
            is_read_only: false,
            standby_file: None,
            user_access: UserAccess::Multi,
            recovery_model: RecoveryModel::Full,
            owner: "sa".into(),
            create_date: now,
            collation: "SQL_Latin1_General_CP1_CI_AS".into(),
            guids: DatabaseGuids {
                database: family,
                family,
                recovery_fork: fork,
                first_recovery_fork: fork,
                service_broker: self.new_guid(),
            },
            fork_point: None,
            last_log_backup_lsn: None,
            database_backup_lsn: None,
            differential_base: None,
            files: Vec::new(),
            options: DatabaseOptions::default(),
            redo_start_lsn: None,
            checkpoint: Checkpoint {
                content: Some(content.clone()),
                lsn: log.next_lsn(),
                recovery: Recovery::default(),
            },
            content,
            log,
            mirroring: None,
            recovery: Recovery::default(),
            next_transaction: 0,
            interrupted_restore: None,
            rolled_forward_to: None,
            begins_log_chain: false,
            data_backup_running: false,
            log_backup_running: false,
            outbox: None,
        }
    }

    pub(crate) fn add_system_database(&mut self, id: DatabaseId, name: &str) {
        let now = self.clock.utc_now();
        let mut database = self.new_database(id, name, now);
        database.recovery_model = RecoveryModel::Simple;
        let (data, log) = match name {
            "master" => ("master", "mastlog"),
            "msdb" => ("MSDBData", "MSDBLog"),
            "tempdb" => ("tempdev", "templog"),
            _ => ("modeldev", "modellog"),
        };
        let base = match name {
            "model" => "model",
            "tempdb" => "tempdb",
            _ => data,
        };
        let directory = self.data_directory.clone();
        let log_base = if name == "tempdb" { "templog" } else { log };
        let files = [
            (1, data, join(&directory, &format!("{base}.mdf")), false),
            (2, log, join(&directory, &format!("{log_base}.ldf")), true),
        ];
        database.files = files
            .into_iter()
            .map(|(file_id, name, path, is_log)| self.file(file_id, name, &path, is_log))
            .collect();
        self.databases.insert(id, database);
    }

    fn file(&mut self, file_id: i32, name: &str, path: &str, is_log: bool) -> DatabaseFile {
        DatabaseFile {
            file_id,
            guid: self.new_guid(),
            name: name.into(),
            physical_name: path.into(),
            is_log,
            size_pages: if is_log { 128 } else { 640 },
            max_size_pages: if is_log { 268_435_456 } else { -1 },
            growth: if is_log { 10 } else { 128 },
            is_percent_growth: is_log,
            create_lsn: Lsn::ZERO,
        }
    }

    /// The files of a new database, defaults filled in.
    fn plan_files(&mut self, request: &CreateDatabase) -> Vec<DatabaseFile> {
        let name = &request.name;
        let directory: Rc<str> = self.data_directory.clone();
        let default = [FileSpec::default()];
        let data = if request.data_files.is_empty() { &default[..] } else { &request.data_files };
        let logs = if request.log_files.is_empty() { &default[..] } else { &request.log_files };
        let mut files = Vec::new();
        let specs = data.iter().map(|s| (s, false)).chain(logs.iter().map(|s| (s, true)));
        for (position, (spec, is_log)) in specs.enumerate() {
            let id = if position == 0 { 1 } else { i32::try_from(position).unwrap_or(i32::MAX) + 1 };
            let id = if is_log && data.len() == 1 && position == 1 { 2 } else { id };
            let (suffix, extension) = if is_log { ("_log", "_log.ldf") } else { ("", ".mdf") };
            let logical = if spec.name.is_empty() { format!("{name}{suffix}") } else { spec.name.clone() };
            let path = if spec.path.is_empty() {
                join(&directory, &format!("{name}{extension}"))
            } else {
                spec.path.clone()
            };
            let mut file = self.file(id, &logical, &path, is_log);
            file.size_pages = spec.size_pages.unwrap_or(file.size_pages);
            file.max_size_pages = spec.max_size_pages.unwrap_or(file.max_size_pages);
            match (spec.growth_pages, spec.growth_percent) {
                (Some(pages), _) => (file.growth, file.is_percent_growth) = (pages, false),
                (None, Some(percent)) => (file.growth, file.is_percent_growth) = (percent, true),
                (None, None) => {}
            }
            files.push(file);
        }
        files
    }

    /// New files may not be another database's.
    ///
    /// # Errors
    /// 1828 (logical name twice), 1834 (file in use).
    pub(crate) fn check_file_names(
        &self,
        files: &[DatabaseFile],
        except: Option<DatabaseId>,
    ) -> SqlResult<()> {
        for (position, file) in files.iter().enumerate() {
            if files[..position].iter().any(|f| same_name(&f.name, &file.name)) {
                return Err(messages::error(1828, 3, &[&file.name]));
            }
            for database in self.databases.values().filter(|d| Some(d.id) != except) {
                if database.files.iter().any(|f| same_name(&f.physical_name, &file.physical_name)) {
                    return Err(messages::error(1834, 1, &[&file.physical_name, &database.name]));
                }
            }
        }
        Ok(())
    }
}
