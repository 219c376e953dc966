//! BACKUP and RESTORE.
//!
//! Errors come as lists: the cause, then 3013 ("… is terminating abnormally").
//! Information messages (4035, 3211, 3014) go to the sink as they arise.

mod common;
pub mod format;
mod headers;
pub mod history;
mod log_part;
mod plan;
mod restore;
pub(crate) mod scan;
mod standby;
mod write;

pub use headers::local_datetime;
pub(crate) use restore::{get_records, redo};

use crate::error::SqlError;
use crate::instance::Instance;
use crate::session::{Session, Sink};
use crate::value::{ColumnMeta, Row};
use std::rc::Rc;

/// What went wrong, in the order in which it is sent; the last one ends the statement.
pub type Errors = Vec<SqlError>;

/// What is backed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupKind {
    /// BACKUP DATABASE
    Full,
    /// BACKUP DATABASE … WITH DIFFERENTIAL
    Differential,
    /// BACKUP LOG
    Log,
}

/// What the database becomes after a tail-log backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailLog {
    /// WITH NORECOVERY
    NoRecovery,
    /// WITH STANDBY = path
    Standby(String),
}

/// BACKUP DATABASE or BACKUP LOG.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// What.
    pub kind: BackupKind,
    /// Database's name.
    pub database: String,
    /// `TO DISK =` path; relative paths go to the backup directory.
    pub device: String,
    /// COPY_ONLY
    pub copy_only: bool,
    /// INIT: overwrite the file's backup sets (NOINIT, the default, appends).
    pub init: bool,
    /// FORMAT: write a new media header too.
    pub format: bool,
    /// NAME
    pub name: Option<String>,
    /// DESCRIPTION
    pub description: Option<String>,
    /// MEDIANAME
    pub media_name: Option<String>,
    /// COMPRESSION
    pub compression: bool,
    /// CHECKSUM
    pub checksum: bool,
    /// STATS: percentage of the progress lines.
    pub stats: Option<u8>,
    /// NORECOVERY or STANDBY of BACKUP LOG.
    pub tail: Option<TailLog>,
    /// NO_TRUNCATE
    pub no_truncate: bool,
    /// CONTINUE_AFTER_ERROR
    pub continue_after_error: bool,
}

impl BackupRequest {
    /// A backup without options.
    #[must_use]
    pub fn new(kind: BackupKind, database: &str, device: &str) -> Self {
        Self {
            kind,
            database: database.to_owned(),
            device: device.to_owned(),
            copy_only: false,
            init: false,
            format: false,
            name: None,
            description: None,
            media_name: None,
            compression: false,
            checksum: false,
            stats: None,
            tail: None,
            no_truncate: false,
            continue_after_error: false,
        }
    }
}

/// What is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreKind {
    /// RESTORE DATABASE
    Database,
    /// RESTORE LOG
    Log,
}

/// How the database is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreEnd {
    /// NORECOVERY
    NoRecovery,
    /// STANDBY = path of the undo file
    Standby(String),
    /// RECOVERY
    Recovery,
}

/// RESTORE DATABASE or RESTORE LOG.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// What.
    pub kind: RestoreKind,
    /// Database's name.
    pub database: String,
    /// `FROM DISK =`; none for RESTORE DATABASE x WITH RECOVERY alone.
    pub device: Option<String>,
    /// FILE: position of the backup set, from 1.
    pub file: Option<u32>,
    /// MOVE: logical name, new path.
    pub moves: Vec<(String, String)>,
    /// REPLACE
    pub replace: bool,
    /// RECOVERY, NORECOVERY, STANDBY.
    pub end: RestoreEnd,
    /// STOPAT, in the server's local time converted to UTC.
    pub stop_at: Option<jiff::Timestamp>,
    /// STATS
    pub stats: Option<u8>,
    /// RESTART
    pub restart: bool,
    /// CHECKSUM
    pub checksum: bool,
    /// CONTINUE_AFTER_ERROR
    pub continue_after_error: bool,
}

impl RestoreRequest {
    /// A restore without options (RECOVERY is T-SQL's default).
    #[must_use]
    pub fn new(kind: RestoreKind, database: &str, device: Option<&str>) -> Self {
        Self {
            kind,
            database: database.to_owned(),
            device: device.map(str::to_owned),
            file: None,
            moves: Vec::new(),
            replace: false,
            end: RestoreEnd::Recovery,
            stop_at: None,
            stats: None,
            restart: false,
            checksum: false,
            continue_after_error: false,
        }
    }
}

/// A result set that RESTORE … ONLY returns.
#[derive(Clone, Debug)]
pub struct ResultSet {
    /// Columns.
    pub columns: Vec<ColumnMeta>,
    /// Rows.
    pub rows: Vec<Row>,
}

/// Which RESTORE … ONLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// RESTORE HEADERONLY
    Header,
    /// RESTORE FILELISTONLY
    FileList,
    /// RESTORE LABELONLY
    Label,
}

/// BACKUP DATABASE, BACKUP LOG. A session with an open transaction (`open_transactions`) gets 3021.
///
/// # Errors
/// The cause, then 3013.
pub async fn backup(
    instance: &Instance,
    session: &Rc<Session>,
    request: &BackupRequest,
    sink: &mut dyn Sink,
) -> Result<(), Errors> {
    write::backup(instance, session, request, sink).await
}

/// RESTORE DATABASE, RESTORE LOG.
///
/// # Errors
/// The cause (sometimes several), then 3013.
pub async fn restore(
    instance: &Instance,
    session: &Rc<Session>,
    request: &RestoreRequest,
    sink: &mut dyn Sink,
) -> Result<(), Errors> {
    let result = restore::restore(instance, session, request, sink).await;
    result.map_err(|causes| common::failing_all(plan::name_of(request), causes))
}

/// RESTORE HEADERONLY, FILELISTONLY, LABELONLY. `file` is the backup set's position for FILELISTONLY.
///
/// # Errors
/// The cause, then 3013.
pub async fn inspect(
    instance: &Instance,
    inspection: Inspection,
    device: &str,
    file: Option<u32>,
) -> Result<ResultSet, Errors> {
    let statement = match inspection {
        Inspection::Header => "RESTORE HEADERONLY",
        Inspection::FileList => "RESTORE FILELIST",
        Inspection::Label => "RESTORE LABELONLY",
    };
    let offset = instance.clock().utc_offset_minutes();
    let read = async {
        let path = common::device_path(instance, device)?;
        let media = scan::read_device(instance, &path).await?;
        Ok(match inspection {
            Inspection::Header => headers::header_only(&media, offset),
            Inspection::FileList => headers::file_list(common::set_at(&media, &path, file)?),
            Inspection::Label => headers::label_only(&media, offset),
        })
    };
    read.await.map_err(|cause| common::failing(statement, cause))
}

/// RESTORE VERIFYONLY: sends 3262 when the backup set is good.
///
/// # Errors
/// The cause, then 3013.
pub async fn verify(
    instance: &Instance,
    device: &str,
    file: Option<u32>,
    sink: &mut dyn Sink,
) -> Result<(), Errors> {
    let read = async {
        let path = common::device_path(instance, device)?;
        let media = scan::read_device(instance, &path).await?;
        common::check_damage(common::set_at(&media, &path, file)?, &path)
    };
    read.await.map_err(|cause| common::failing("VERIFY DATABASE", cause))?;
    sink.message(&crate::messages::error(3262, 1, &[&file.unwrap_or(1)]));
    Ok(())
}

#[cfg(test)]
mod tests;
