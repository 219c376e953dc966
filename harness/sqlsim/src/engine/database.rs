//! One database: its state, its identity, its content and its log.

use super::content::Content;
use crate::log::{Log, Recovery};
use crate::lsn::Lsn;
use crate::mirroring::MirrorSession;
use std::rc::Rc;
use uuid::Uuid;

/// `database_id`. 1 to 4 are master, tempdb, model, msdb.
pub type DatabaseId = u32;

/// master
pub const MASTER: DatabaseId = 1;
/// tempdb
pub const TEMPDB: DatabaseId = 2;
/// model
pub const MODEL: DatabaseId = 3;
/// msdb
pub const MSDB: DatabaseId = 4;

/// `sys.databases.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// 0
    Online,
    /// 1
    Restoring,
    /// 2
    Recovering,
    /// 3
    RecoveryPending,
    /// 4
    Suspect,
    /// 5
    Emergency,
    /// 6
    Offline,
}

impl DatabaseState {
    /// The number in `sys.databases.state`.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name in `sys.databases.state_desc`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Restoring => "RESTORING",
            Self::Recovering => "RECOVERING",
            Self::RecoveryPending => "RECOVERY_PENDING",
            Self::Suspect => "SUSPECT",
            Self::Emergency => "EMERGENCY",
            Self::Offline => "OFFLINE",
        }
    }
}

/// `sys.databases.user_access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAccess {
    /// 0 MULTI_USER
    Multi,
    /// 1 SINGLE_USER
    Single,
    /// 2 RESTRICTED_USER
    Restricted,
}

/// `sys.databases.recovery_model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryModel {
    /// 1
    Full,
    /// 2
    BulkLogged,
    /// 3
    Simple,
}

impl RecoveryModel {
    /// As backup headers and `DATABASEPROPERTYEX` write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::BulkLogged => "BULK-LOGGED",
            Self::Simple => "SIMPLE",
        }
    }

    /// The number in `sys.databases.recovery_model`.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }
}

/// A data or log file.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseFile {
    /// `file_id`: 1 primary data, 2 log.
    pub file_id: i32,
    /// `file_guid`.
    pub guid: Uuid,
    /// Logical name.
    pub name: Rc<str>,
    /// Path as the server sees it.
    pub physical_name: Rc<str>,
    /// Whether it is a log file.
    pub is_log: bool,
    /// Size in pages of 8 KiB.
    pub size_pages: i64,
    /// Largest size in pages, -1 for unlimited.
    pub max_size_pages: i64,
    /// Growth in pages, or percent.
    pub growth: i64,
    /// Whether `growth` is a percentage.
    pub is_percent_growth: bool,
    /// LSN at which it was created.
    pub create_lsn: Lsn,
}

/// Who the database is, and on which recovery path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseGuids {
    /// `database_guid`: this copy.
    pub database: Uuid,
    /// `family_guid`: the original and all its copies.
    pub family: Uuid,
    /// `recovery_fork_guid`: the recovery path the next records are on.
    pub recovery_fork: Uuid,
    /// `first_recovery_fork_guid`: the path on which the next log backup begins.
    pub first_recovery_fork: Uuid,
    /// `service_broker_guid`.
    pub service_broker: Uuid,
}

/// The last full backup that a differential builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DifferentialBase {
    /// The full backup's first LSN.
    pub lsn: Lsn,
    /// Its backup set GUID.
    pub guid: Uuid,
    /// When it finished (UTC).
    pub time: jiff::Timestamp,
}

/// Options of ALTER DATABASE SET that the catalog shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// COMPATIBILITY_LEVEL
    pub compatibility_level: u8,
    /// AUTO_CLOSE
    pub auto_close: bool,
    /// AUTO_SHRINK
    pub auto_shrink: bool,
    /// PAGE_VERIFY: 0 NONE, 1 TORN_PAGE_DETECTION, 2 CHECKSUM
    pub page_verify: u8,
    /// TRUSTWORTHY
    pub trustworthy: bool,
    /// DB_CHAINING
    pub db_chaining: bool,
    /// READ_COMMITTED_SNAPSHOT
    pub read_committed_snapshot: bool,
    /// ALLOW_SNAPSHOT_ISOLATION
    pub snapshot_isolation: bool,
    /// ENABLE_BROKER (shown, not modelled)
    pub broker_enabled: bool,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            compatibility_level: 120,
            auto_close: false,
            auto_shrink: false,
            page_verify: 2,
            trustworthy: false,
            db_chaining: false,
            read_committed_snapshot: false,
            snapshot_isolation: false,
            broker_enabled: false,
        }
    }
}

/// The tables as they are on disk, and the LSN from which the log builds on them.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// `None` when a data directory keeps the tables.
    pub(crate) content: Option<Content>,
    pub(crate) lsn: Lsn,
    /// Transactions that were open, with the changes that `content` already has.
    pub(crate) recovery: Recovery,
}

/// A database.
#[derive(Debug)]
pub struct Database {
    /// `database_id`.
    pub id: DatabaseId,
    /// Name.
    pub name: Rc<str>,
    /// State.
    pub state: DatabaseState,
    /// `is_read_only`.
    pub is_read_only: bool,
    /// In standby: the undo file's path.
    pub standby_file: Option<Rc<str>>,
    /// Who may come in.
    pub user_access: UserAccess,
    /// Recovery model.
    pub recovery_model: RecoveryModel,
    /// Login that owns it.
    pub owner: Rc<str>,
    /// When it was created or restored here (UTC).
    pub create_date: jiff::Timestamp,
    /// Collation.
    pub collation: Rc<str>,
    /// Who it is.
    pub guids: DatabaseGuids,
    /// Where the current recovery path left the one before it.
    pub fork_point: Option<Lsn>,
    /// Where the next log backup begins; `None` while no full backup was ever taken.
    pub last_log_backup_lsn: Option<Lsn>,
    /// Checkpoint LSN of the last full backup (`DatabaseBackupLSN` of what follows).
    pub database_backup_lsn: Option<Lsn>,
    /// What a differential backup builds on.
    pub differential_base: Option<DifferentialBase>,
    /// Files.
    pub files: Vec<DatabaseFile>,
    /// Options.
    pub options: DatabaseOptions,
    /// While restoring: the LSN from which the next log backup is needed.
    pub redo_start_lsn: Option<Lsn>,
    /// Tables, modules, users.
    pub content: Content,
    /// The log.
    pub log: Log,
    /// Database mirroring, when it is set up.
    pub mirroring: Option<MirrorSession>,
    /// Open transactions of the log being rolled forward; empty when online.
    pub(crate) recovery: Recovery,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) next_transaction: u64,
    /// The backup set whose restore was interrupted: 4319 until it is restored again.
    pub(crate) interrupted_restore: Option<Uuid>,
    /// While restoring: the time of the last commit that was redone.
    pub(crate) rolled_forward_to: Option<jiff::Timestamp>,
    /// No log backup was taken since the chain began.
    pub(crate) begins_log_chain: bool,
    /// A full or differential backup of it is being taken.
    pub(crate) data_backup_running: bool,
    /// A log backup of it is being taken.
    pub(crate) log_backup_running: bool,
    /// What a data directory has not got yet; `None` for a database that lives in memory alone.
    pub(crate) outbox: Option<Box<crate::store::Outbox>>,
}

impl Database {
    /// Whether it is a warm standby.
    #[must_use]
    pub fn in_standby(&self) -> bool {
        self.standby_file.is_some()
    }

    /// Whether statements can use it (`ONLINE`, or standby).
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, DatabaseState::Online | DatabaseState::Emergency)
    }

    /// Whether it is one of the four system databases.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.id <= MSDB
    }

    /// Data pages of 8 KiB that hold something.
    #[must_use]
    pub fn used_pages(&self) -> u64 {
        (self.content.data_bytes() / 8096).max(1) + 280
    }
}
