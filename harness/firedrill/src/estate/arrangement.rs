//! What a drill says about its estate before anything happens.
//!
//! Every sentence of a `Given` is one [`Arrangement`]. They are collected, in
//! any order, and made true together when the estate is staged and the traffic
//! before the disaster has run: so that "the restore job is two log backups
//! behind" and "log backup 3 is torn" can be said in either order.

use super::names::{DataCenter, Server};
use crate::fault::{Damage, Fault, Point};
use std::time::Duration;

/// One thing said about the estate.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrangement {
    // ── traffic and shipping ──
    /// The backup, copy and restore jobs run this often.
    LogShippingEvery(Duration),
    /// The chat service posts `messages`, evenly over `over`, while the jobs run.
    Traffic {
        /// How many.
        messages: u32,
        /// Over how long.
        over: Duration,
    },
    /// The last log backup before the disaster was finished on the share this long ago; posting went on.
    LastLogBackupAgo(Duration),
    /// Exactly this many log backups lie on the share when the disaster strikes.
    LogBackupsOnShare(usize),
    /// The first so many log backups are copied; the rest is not. `None` (not said): all.
    Copied(usize),
    /// The first so many log backups are restored; the rest is not. `None` (not said): all that are copied.
    Restored(usize),
    /// The copy job is so many log backups behind the share.
    CopyBehind(usize),
    /// The restore job is so many log backups behind the share.
    RestoreBehind(usize),
    /// Something is wrong with a log backup (ordinal on the share, from 1), wherever it lies.
    LogBackup(usize, Damage),
    /// A full backup of mgc lies on the share too, taken before log backup 2.
    FullBackupOnShare,
    /// A differential backup of mgc lies on the share too.
    DifferentialBackupOnShare,
    /// Half way through the traffic the mirror took over in A, and its backup job went on shipping.
    MirrorTookOver,
    // ── places ──
    /// The backup share stands in this data center (B unless said).
    ShareIn(DataCenter),
    /// The backup share cannot be reached from B.
    ShareUnreachable,
    /// Somebody has emptied the backup share.
    ShareEmptied,
    /// The backup server's copy disk has room for this many more bytes.
    CopyDiskRoom(u64),
    /// The site file's copy destination, as the operator's machine reaches it, is another folder.
    CopyDestinationHereIsAnotherFolder,
    /// The site file's backup share, as the operator's machine reaches it, is another folder.
    ShareHereIsAnotherFolder,
    /// A `.wrk` of an interrupted copy lies in the copy destination.
    StaleWorkFile,
    // ── the backup database ──
    /// The site file names this database.
    SiteSaysDatabase(String),
    /// The restore job leaves STANDBY, and this many readers come back whenever they are killed.
    StandbyWithReaders(u32),
    /// A session whose current database is another one holds locks in mgc (STANDBY).
    LockHolderInAnotherDatabase,
    /// The copy job is running when the failover starts, and for this long.
    CopyJobRunning(Duration),
    /// The restore job is running when the failover starts, and for this long.
    RestoreJobRunning(Duration),
    /// Somebody has recovered mgc on the backup already, after this many log backups were restored.
    RecoveredByHand,
    /// Somebody has run step 1 already: the history is gone.
    LogShippingRemovedByHand,
    /// The monitor server stands in this data center (none unless said).
    MonitorServerIn(DataCenter),
    /// The failover's login on the backup is not a sysadmin.
    FailoverLoginIsNotSysadmin,
    /// The chat service's login does not exist on the backup.
    ChatLoginMissingOnBackup,
    /// Recovery takes this long.
    RecoveryTakes(Duration),
    // ── data center A ──
    /// This server of A survives the loss of A.
    Survives(Server),
    // ── shell and pool ──
    /// `powershell` cannot be started on the operator's machine.
    ShellMissing,
    /// This cmdlet does not exist in the shell.
    CmdletMissing(String),
    /// This cmdlet fails on its first so many calls; `None`: on every call.
    CmdletFails {
        /// Its name.
        cmdlet: String,
        /// How often.
        times: Option<u32>,
    },
    /// The management store stands in this data center (B unless said).
    ManagementStoreIn(DataCenter),
    /// The replica of this chat server (of all, if `None`) gets nothing any more.
    ReplicaLags(Option<String>),
    /// The published topology has no backup mirror store.
    BackupMirrorMissingInTopology,
    /// An old copy of mgc lies on the backup mirror, restoring.
    OldCopyOnBackupMirror,
    /// The backup mirror has an endpoint already, on this port.
    BackupMirrorEndpointOn(u16),
    /// The site file makes these chat servers active after the failover (short names: `chat-b1`).
    ActiveAfterFailover(Vec<String>),
    /// The site declares the links of this data center low-latency.
    LowLatencyTo(DataCenter),
    /// So many chat servers stand in B (4 unless said).
    ChatServersInB(u8),
    /// The chat servers of B stand in this time zone.
    TimeZoneOfB(String),
    /// The site file spells the pool so.
    PoolSpelled(String),
    // ── always ──
    /// So many unprocessed events lie in mgccomp of A, and so many in mgccomp of B.
    ComplianceBacklog(u32),
    /// A fault, and the point at which it strikes.
    At(Point, Fault),
}

impl Arrangement {
    /// What it speaks of, if a drill can say that only once: of two different lines about it one would be ignored.
    pub(super) fn subject(&self) -> Option<String> {
        let subject = match self {
            Self::LogShippingEvery(_) => "how often log shipping runs",
            Self::LastLogBackupAgo(_) => "when the last log backup reached the share",
            Self::LogBackupsOnShare(_) => "how many log backups are on the share",
            Self::Copied(_) | Self::CopyBehind(_) => "how many log backups are copied",
            Self::Restored(_) | Self::RestoreBehind(_) => "how many log backups are restored",
            Self::LogBackup(ordinal, _) => {
                return Some(format!("what is the matter with log backup {ordinal}"));
            }
            Self::ShareIn(_) => "where the backup share is",
            Self::CopyDiskRoom(_) => "how much room the disk of the copy destination has",
            Self::SiteSaysDatabase(_) => "which database the site file names",
            Self::StandbyWithReaders(_) => "how many readers mgc on the backup has",
            Self::CopyJobRunning(_) => "how long the copy job runs",
            Self::RestoreJobRunning(_) => "how long the restore job runs",
            Self::MonitorServerIn(_) => "where the log shipping monitor is",
            Self::RecoveryTakes(_) => "how long recovery takes",
            Self::CmdletFails { cmdlet, .. } => return Some(format!("how often {cmdlet} fails")),
            Self::ManagementStoreIn(_) => "where the management store is",
            Self::BackupMirrorEndpointOn(_) => "which port the backup mirror's endpoint has",
            Self::ActiveAfterFailover(_) => "which servers the site file wants active",
            Self::ChatServersInB(_) => "how many chat servers stand in data center B",
            Self::TimeZoneOfB(_) => "in which time zone the chat servers of data center B are",
            Self::PoolSpelled(_) => "how the site file spells the pool",
            Self::ComplianceBacklog(_) => "how many compliance events wait",
            _ => return None,
        };
        Some(subject.to_owned())
    }
}
