//! The procedure as data: seven steps, each with the guards that stand before it, its actions in order,
//! and the verifications that must hold after it.
//!
//! The executor does what is listed here and nothing else. A guard that is not listed does not guard.
//!
//! # Finding codes
//! Each guard and verification has a finding code ([`Guard::code`], [`Verification::code`]); all codes are
//! listed in [`crate::codes`].

use crate::site::Site;
use serde::{Deserialize, Serialize};

/// What has to be true before a step may begin. The code in brackets is its finding code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// The backup answers and lets us in (`backup-unreachable`).
    BackupAnswers,
    /// We are sysadmin on the backup (`not-sysadmin`).
    Sysadmin,
    /// The database named in the site file is on the backup (`database-not-found`).
    DatabaseExists,
    /// The primary in A does not answer (`primary-alive`).
    PrimaryIsGone,
    /// The mirror in A does not answer (`mirror-alive`).
    MirrorIsGone,
    /// Nobody but us has recovered the backup database, or nothing was left to apply when they did
    /// (`recovered-early`). Waived by accepting data loss.
    NotRecoveredEarly,
    /// The backup share can be listed (`share-unreachable`). Waived by accepting data loss.
    ShareReadable,
    /// The copy destination can be listed and written (`copy-destination-unreachable`).
    CopyDestinationWritable,
    /// Each folder's two paths lead to the same folder (`paths-differ`).
    PathsAgree,
    /// The log backups found continue the database without a hole (`log-backup-missing`,
    /// `log-backup-damaged`, `not-a-backup-of-the-database`). Waived by accepting data loss.
    ChainIsWhole,
    /// The management shell and its cmdlets are there (`shell-missing`, `cmdlet-missing`).
    ShellAnswers,
    /// The management store answers (`management-store-unreachable`).
    ManagementStoreAnswers,
    /// The pool is in the topology (`pool-not-found`).
    PoolIsKnown,
    /// One to four servers are to be active (`too-many-active-servers`, `no-active-server`).
    AtMostFourActiveServers,
    /// They are in the backup's data center or a declared low-latency link away
    /// (`active-server-on-the-wrong-side`).
    ActiveServersOnTheRightSide,
    /// They are in the next hop's time zone (`time-zone-differs`).
    TimeZonesAgree,
    /// Every log backup that could be applied has been (`log-backup-missing`, `log-backup-damaged`,
    /// `not-a-backup-of-the-database`, `share-unreachable`). Waived by accepting data loss.
    EverythingApplicableApplied,
    /// The backup database is online and writable (`backup-not-online`).
    BackupIsOnline,
}

impl Guard {
    /// Every guard.
    pub const ALL: [Self; 18] = [
        Self::BackupAnswers,
        Self::Sysadmin,
        Self::DatabaseExists,
        Self::PrimaryIsGone,
        Self::MirrorIsGone,
        Self::NotRecoveredEarly,
        Self::ShareReadable,
        Self::CopyDestinationWritable,
        Self::PathsAgree,
        Self::ChainIsWhole,
        Self::ShellAnswers,
        Self::ManagementStoreAnswers,
        Self::PoolIsKnown,
        Self::AtMostFourActiveServers,
        Self::ActiveServersOnTheRightSide,
        Self::TimeZonesAgree,
        Self::EverythingApplicableApplied,
        Self::BackupIsOnline,
    ];

    /// The finding code it stops with (some guards have several; this is the first).
    pub fn code(self) -> &'static str {
        match self {
            Self::BackupAnswers => "backup-unreachable",
            Self::Sysadmin => "not-sysadmin",
            Self::DatabaseExists => "database-not-found",
            Self::PrimaryIsGone => "primary-alive",
            Self::MirrorIsGone => "mirror-alive",
            Self::NotRecoveredEarly => "recovered-early",
            Self::ShareReadable => "share-unreachable",
            Self::CopyDestinationWritable => "copy-destination-unreachable",
            Self::PathsAgree => "paths-differ",
            Self::ChainIsWhole | Self::EverythingApplicableApplied => "log-backup-missing",
            Self::ShellAnswers => "shell-missing",
            Self::ManagementStoreAnswers => "management-store-unreachable",
            Self::PoolIsKnown => "pool-not-found",
            Self::AtMostFourActiveServers => "too-many-active-servers",
            Self::ActiveServersOnTheRightSide => "active-server-on-the-wrong-side",
            Self::TimeZonesAgree => "time-zone-differs",
            Self::BackupIsOnline => "backup-not-online",
        }
    }

    /// Whether `--accept-data-loss` goes past it.
    pub fn waived_by_accepting_data_loss(self) -> bool {
        matches!(
            self,
            Self::NotRecoveredEarly
                | Self::ShareReadable
                | Self::ChainIsWhole
                | Self::EverythingApplicableApplied
        )
    }
}

/// Something a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Write log shipping's rows of msdb into the journal: step 1 deletes them.
    CaptureLogShipping,
    /// Disable the copy and restore jobs, wait for a running one (bounded), then stop it.
    QuietJobs,
    /// `sp_delete_log_shipping_secondary_database`.
    RemoveLogShipping,
    /// Copy the log backups that the chain needs and the copy destination lacks.
    CopyLogBackups,
    /// End the sessions that use the database, again and again until none is left.
    EndConnections,
    /// `RESTORE LOG … WITH NORECOVERY` for each log backup of the chain not yet applied.
    ApplyLogBackups,
    /// `RESTORE DATABASE … WITH RECOVERY`.
    BringOnline,
    /// `Set-CsPersistentChatState -PoolState FailedOver`.
    SetPoolFailedOver,
    /// `Install-CsMirrorDatabase`, from the backup to the backup mirror.
    InstallMirror,
    /// `Set-CsPersistentChatActiveServer`.
    SetActiveServers,
    /// `Invoke-CsManagementStoreReplication`.
    ReplicateManagementStore,
}

/// What has to be seen after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// msdb no longer lists the database as a log shipping secondary (`log-shipping-not-removed`).
    LogShippingRemoved,
    /// Each copy has the size and the bytes of its original, and `RESTORE VERIFYONLY` reads it. A file
    /// that fails is refused (`log-backup-damaged`), which the guard before recovery judges.
    CopiesReadable,
    /// The database's redo point is the last applied log backup's end (`log-not-applied`).
    LogApplied,
    /// The database is online, writable and lets us in (`backup-not-online`).
    DatabaseOnline,
    /// The management store says FailedOver (`pool-state-not-set`).
    PoolStateFailedOver,
    /// The backup is the principal and the mirror is SYNCHRONIZED, within the deadline
    /// (`mirror-not-established`).
    MirrorSynchronized,
    /// The management store lists exactly the servers wanted (`active-servers-not-set`).
    ActiveServersSet,
    /// The replicas of the servers to be active are up to date, within the deadline
    /// (`replica-not-up-to-date`, a warning).
    ReplicasUpToDate,
}

impl Verification {
    /// Every verification.
    pub const ALL: [Self; 8] = [
        Self::LogShippingRemoved,
        Self::CopiesReadable,
        Self::LogApplied,
        Self::DatabaseOnline,
        Self::PoolStateFailedOver,
        Self::MirrorSynchronized,
        Self::ActiveServersSet,
        Self::ReplicasUpToDate,
    ];

    /// The finding code it fails with.
    pub fn code(self) -> &'static str {
        match self {
            Self::LogShippingRemoved => "log-shipping-not-removed",
            Self::CopiesReadable => "log-backup-damaged",
            Self::LogApplied => "log-not-applied",
            Self::DatabaseOnline => "backup-not-online",
            Self::PoolStateFailedOver => "pool-state-not-set",
            Self::MirrorSynchronized => "mirror-not-established",
            Self::ActiveServersSet => "active-servers-not-set",
            Self::ReplicasUpToDate => "replica-not-up-to-date",
        }
    }
}

/// One of the seven steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number in the procedure, 1 to 7.
    pub number: u8,
    /// Its name.
    pub name: String,
    /// What has to be true before it begins, asked in this order.
    pub guards: Vec<Guard>,
    /// What it does, in this order.
    pub actions: Vec<Action>,
    /// What has to be seen after it.
    pub verifications: Vec<Verification>,
}

/// A failover, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps, in the order in which they are done.
    pub steps: Vec<Step>,
    /// What has to be seen, once more, before success is reported. The run says `done` only after these.
    pub before_success: Vec<Verification>,
}

/// Plans the failover of a site.
pub fn plan(site: &Site) -> Plan {
    use Action as A;
    use Guard as G;
    use Verification as V;
    let step = |number, name: &str, guards: &[G], actions: &[A], verifications: &[V]| Step {
        number,
        name: name.to_owned(),
        guards: guards.to_vec(),
        actions: actions.to_vec(),
        verifications: verifications.to_vec(),
    };
    let before_anything = [
        G::BackupAnswers,
        G::Sysadmin,
        G::DatabaseExists,
        G::PrimaryIsGone,
        G::MirrorIsGone,
        G::NotRecoveredEarly,
        G::ShareReadable,
        G::CopyDestinationWritable,
        G::PathsAgree,
        G::ChainIsWhole,
        G::ShellAnswers,
        G::ManagementStoreAnswers,
        G::PoolIsKnown,
        G::AtMostFourActiveServers,
        G::ActiveServersOnTheRightSide,
        G::TimeZonesAgree,
    ];
    let has_backup_mirror = site.servers.backup_mirror.is_some();
    let mirror: (&[A], &[V]) =
        if has_backup_mirror { (&[A::InstallMirror], &[V::MirrorSynchronized]) } else { (&[], &[]) };
    let mut before_success = vec![V::LogShippingRemoved, V::DatabaseOnline, V::PoolStateFailedOver];
    before_success.extend_from_slice(mirror.1);
    before_success.push(V::ActiveServersSet);
    Plan {
        steps: vec![
            step(
                1,
                "remove log shipping",
                &before_anything,
                &[A::CaptureLogShipping, A::QuietJobs, A::RemoveLogShipping],
                &[V::LogShippingRemoved],
            ),
            step(2, "copy log backups", &[], &[A::CopyLogBackups], &[V::CopiesReadable]),
            step(3, "apply log backups", &[], &[A::EndConnections, A::ApplyLogBackups], &[V::LogApplied]),
            step(
                4,
                "bring the database online",
                &[G::PrimaryIsGone, G::MirrorIsGone, G::EverythingApplicableApplied],
                &[A::EndConnections, A::BringOnline],
                &[V::DatabaseOnline],
            ),
            step(
                5,
                "set the pool state to FailedOver",
                &[G::PrimaryIsGone, G::MirrorIsGone, G::BackupIsOnline],
                &[A::SetPoolFailedOver],
                &[V::PoolStateFailedOver],
            ),
            step(6, "mirror the new primary", &[], mirror.0, mirror.1),
            step(
                7,
                "set the active servers",
                &[G::AtMostFourActiveServers, G::ActiveServersOnTheRightSide, G::TimeZonesAgree],
                &[A::SetActiveServers, A::ReplicateManagementStore],
                &[V::ActiveServersSet, V::ReplicasUpToDate],
            ),
        ],
        before_success,
    }
}

/// The word by which the plan, the journal and the command line name a guard, an action or a verification.
pub(crate) fn word<T: Serialize>(named: &T) -> String {
    serde_json::to_value(named).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
