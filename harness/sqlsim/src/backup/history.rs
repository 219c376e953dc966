//! What msdb is told about backups and restores.

use super::format::{MediaHeader, SetEnd, SetHeader};
use std::rc::Rc;

/// A backup that was taken, or one that was restored here (msdb knows its set, too).
#[derive(Clone, Debug)]
pub struct BackupRecord {
    /// The media.
    pub media: MediaHeader,
    /// The set.
    pub header: SetHeader,
    /// How it ended.
    pub end: SetEnd,
    /// Position in the file, from 1.
    pub position: u32,
    /// The file.
    pub device: Rc<str>,
}

/// A restore from a backup set. RECOVERY alone leaves no history: each row of it refers to a set.
#[derive(Clone, Debug)]
pub struct RestoreRecord {
    /// The backup set it read.
    pub backup: BackupRecord,
    /// Database restored.
    pub database: Rc<str>,
    /// Login that did it.
    pub user_name: Rc<str>,
    /// When (UTC).
    pub finished: jiff::Timestamp,
    /// `restore_type`: D database, I differential, L log.
    pub restore_type: &'static str,
    /// REPLACE
    pub replace: bool,
    /// Whether it ended with recovery.
    pub recovery: bool,
    /// RESTART
    pub restart: bool,
    /// STOPAT (UTC)
    pub stop_at: Option<jiff::Timestamp>,
    /// `file_id` and path of each file.
    pub files: Vec<(i32, Rc<str>)>,
}
