//! The arrangements, folded into one description of the estate to stage.

use super::EstateError;
use super::arrangement::Arrangement;
use super::contradictions;
use super::names::{DataCenter, Server};
use super::waiting::Waiting;
use crate::fault::{Damage, PlannedFault};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A cmdlet that is to fail, and how often it has.
#[derive(Clone, Debug)]
pub(super) struct CmdletFailure {
    /// How often; `None` is always.
    wanted: Option<u32>,
    struck: u32,
}

impl CmdletFailure {
    /// Whether the call that is made now fails; counts it.
    pub(super) fn strike(&mut self) -> bool {
        let strikes = self.wanted.is_none_or(|wanted| self.struck < wanted);
        self.struck += u32::from(strikes);
        strikes
    }

    /// Whether it failed as often as was arranged; always means at least once.
    pub(super) fn is_over(&self) -> bool {
        self.struck >= self.wanted.unwrap_or(1)
    }

    /// Whether it will not fail any more.
    fn is_spent(&self) -> bool {
        self.wanted.is_some() && self.is_over()
    }

    /// In words.
    pub(super) fn told(&self, cmdlet: &str) -> String {
        match self.wanted {
            Some(wanted) => format!("{cmdlet} fails {wanted} time(s); it failed {} time(s)", self.struck),
            None => format!("{cmdlet} always fails; it failed {} time(s)", self.struck),
        }
    }
}

/// What has been said so far; everything unsaid has its default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// Everything that was said, in order.
    pub(super) said: Vec<Arrangement>,
    pub(super) log_shipping_every: Option<Duration>,
    pub(super) traffic: Vec<(u32, Duration)>,
    pub(super) last_log_backup_ago: Option<Duration>,
    pub(super) log_backups_on_share: Option<usize>,
    pub(super) copied: Option<usize>,
    pub(super) restored: Option<usize>,
    pub(super) copy_behind: Option<usize>,
    pub(super) restore_behind: Option<usize>,
    pub(super) damage: BTreeMap<usize, Damage>,
    pub(super) full_backup_on_share: bool,
    pub(super) differential_backup_on_share: bool,
    pub(super) mirror_took_over: bool,
    pub(super) share_in_a: bool,
    pub(super) share_unreachable: bool,
    pub(super) share_emptied: bool,
    pub(super) copy_disk_room: Option<u64>,
    pub(super) copy_destination_here_differs: bool,
    pub(super) share_here_differs: bool,
    pub(super) stale_work_file: bool,
    pub(super) site_database: Option<String>,
    pub(super) standby_readers: Option<u32>,
    pub(super) lock_holder: bool,
    pub(super) copy_job_running: Option<Duration>,
    pub(super) restore_job_running: Option<Duration>,
    pub(super) recovered_by_hand: bool,
    pub(super) log_shipping_removed: bool,
    pub(super) monitor_in: Option<DataCenter>,
    pub(super) failover_is_no_sysadmin: bool,
    pub(super) chat_login_missing: bool,
    pub(super) recovery: Option<Duration>,
    pub(super) survivors: BTreeSet<Server>,
    pub(super) shell_missing: bool,
    pub(super) cmdlets_missing: BTreeSet<String>,
    pub(super) cmdlets_failing: BTreeMap<String, CmdletFailure>,
    /// Earlier arrangements of the same cmdlets, which came true.
    cmdlets_that_failed: Vec<(String, CmdletFailure)>,
    pub(super) management_store_in_a: bool,
    pub(super) all_replicas_lag: bool,
    pub(super) lagging_replicas: BTreeSet<String>,
    pub(super) no_backup_mirror_in_topology: bool,
    pub(super) old_copy_on_backup_mirror: bool,
    pub(super) backup_mirror_port: Option<u16>,
    pub(super) active_after_failover: Option<Vec<String>>,
    pub(super) low_latency_to: Vec<DataCenter>,
    pub(super) chat_servers_in_b: Option<u8>,
    pub(super) time_zone_of_b: Option<String>,
    pub(super) pool_spelled: Option<String>,
    pub(super) compliance_backlog: u32,
    pub(super) faults: Vec<PlannedFault>,
}

impl Setup {
    /// Takes one arrangement.
    pub(super) fn say(&mut self, arrangement: Arrangement) -> Result<(), EstateError> {
        use Arrangement as Say;
        self.refuse_a_second_word(&arrangement)?;
        contradictions::in_one_line(&arrangement)?;
        self.said.push(arrangement.clone());
        match arrangement {
            Say::LogShippingEvery(_)
            | Say::Traffic { .. }
            | Say::LastLogBackupAgo(_)
            | Say::LogBackupsOnShare(_)
            | Say::Copied(_)
            | Say::Restored(_)
            | Say::CopyBehind(_)
            | Say::RestoreBehind(_)
            | Say::LogBackup(..)
            | Say::FullBackupOnShare
            | Say::DifferentialBackupOnShare
            | Say::MirrorTookOver => self.say_shipping(arrangement),
            Say::ShareIn(center) => self.share_in_a = center == DataCenter::A,
            Say::ShareUnreachable => self.share_unreachable = true,
            Say::ShareEmptied => self.share_emptied = true,
            Say::CopyDiskRoom(bytes) => self.copy_disk_room = Some(bytes),
            Say::CopyDestinationHereIsAnotherFolder => self.copy_destination_here_differs = true,
            Say::ShareHereIsAnotherFolder => self.share_here_differs = true,
            Say::StaleWorkFile => self.stale_work_file = true,
            Say::SiteSaysDatabase(name) => self.site_database = Some(name),
            Say::StandbyWithReaders(readers) => self.standby_readers = Some(readers),
            Say::LockHolderInAnotherDatabase => self.lock_holder = true,
            Say::CopyJobRunning(duration) => self.copy_job_running = Some(duration),
            Say::RestoreJobRunning(duration) => self.restore_job_running = Some(duration),
            Say::RecoveredByHand => self.recovered_by_hand = true,
            Say::LogShippingRemovedByHand => self.log_shipping_removed = true,
            Say::MonitorServerIn(center) => self.monitor_in = Some(center),
            Say::FailoverLoginIsNotSysadmin => self.failover_is_no_sysadmin = true,
            Say::ChatLoginMissingOnBackup => self.chat_login_missing = true,
            Say::RecoveryTakes(duration) => self.recovery = Some(duration),
            Say::Survives(server) => drop(self.survivors.insert(server)),
            Say::ShellMissing => self.shell_missing = true,
            Say::CmdletMissing(name) => drop(self.cmdlets_missing.insert(name)),
            Say::CmdletFails { cmdlet, times } => self.say_cmdlet_fails(cmdlet, times),
            Say::ManagementStoreIn(center) => self.management_store_in_a = center == DataCenter::A,
            Say::ReplicaLags(None) => self.all_replicas_lag = true,
            Say::ReplicaLags(Some(machine)) => drop(self.lagging_replicas.insert(machine)),
            Say::BackupMirrorMissingInTopology => self.no_backup_mirror_in_topology = true,
            Say::OldCopyOnBackupMirror => self.old_copy_on_backup_mirror = true,
            Say::BackupMirrorEndpointOn(port) => self.backup_mirror_port = Some(port),
            Say::ActiveAfterFailover(servers) => self.active_after_failover = Some(servers),
            Say::LowLatencyTo(center) => self.low_latency_to.push(center),
            Say::ChatServersInB(count) => self.chat_servers_in_b = Some(count),
            Say::TimeZoneOfB(zone) => self.time_zone_of_b = Some(zone),
            Say::PoolSpelled(pool) => self.pool_spelled = Some(pool),
            Say::ComplianceBacklog(events) => self.compliance_backlog = events,
            Say::At(point, fault) => self.faults.push(PlannedFault::waiting(point, fault)),
        }
        self.check()
    }

    /// Takes one arrangement in place of an earlier one about the same thing, which has been true so far.
    pub(super) fn say_anew(&mut self, arrangement: Arrangement) -> Result<(), EstateError> {
        let subject = arrangement.subject();
        self.said.retain(|said| subject.is_none() || said.subject() != subject);
        self.say(arrangement)
    }

    fn say_shipping(&mut self, arrangement: Arrangement) {
        use Arrangement as Say;
        match arrangement {
            Say::LogShippingEvery(every) => self.log_shipping_every = Some(every),
            Say::Traffic { messages, over } => self.traffic.push((messages, over)),
            Say::LastLogBackupAgo(ago) => self.last_log_backup_ago = Some(ago),
            Say::LogBackupsOnShare(count) => self.log_backups_on_share = Some(count),
            Say::Copied(count) => self.copied = Some(count),
            Say::Restored(count) => self.restored = Some(count),
            Say::CopyBehind(count) => self.copy_behind = Some(count),
            Say::RestoreBehind(count) => self.restore_behind = Some(count),
            Say::LogBackup(ordinal, damage) => drop(self.damage.insert(ordinal, damage)),
            Say::FullBackupOnShare => self.full_backup_on_share = true,
            Say::DifferentialBackupOnShare => self.differential_backup_on_share = true,
            Say::MirrorTookOver => self.mirror_took_over = true,
            other => unreachable!("{other:?} is not about shipping"),
        }
    }

    /// A cmdlet that has failed as often as was arranged may be told to fail again.
    fn say_cmdlet_fails(&mut self, cmdlet: String, times: Option<u32>) {
        let failure = CmdletFailure { wanted: times, struck: 0 };
        match self.cmdlets_failing.get(&cmdlet) {
            Some(before) if !before.is_spent() => {}
            _ => {
                if let Some(spent) = self.cmdlets_failing.insert(cmdlet.clone(), failure) {
                    self.cmdlets_that_failed.push((cmdlet, spent));
                }
            }
        }
    }

    /// Every cmdlet that was to fail, the latest arrangement of each last.
    pub(super) fn failing_cmdlets(&self) -> impl Iterator<Item = (&str, &CmdletFailure)> {
        let before = self.cmdlets_that_failed.iter().map(|(name, failure)| (name.as_str(), failure));
        before.chain(self.cmdlets_failing.iter().map(|(name, failure)| (name.as_str(), failure)))
    }

    /// What waits for its moment.
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        let mut waiting: Vec<Waiting> = self.survivors.iter().copied().map(Waiting::Survivor).collect();
        waiting.extend(self.copy_job_running.map(|_| Waiting::CopyJob));
        waiting.extend(self.restore_job_running.map(|_| Waiting::RestoreJob));
        // A disk without any room is seen to be full before anything is written.
        waiting.extend(self.copy_disk_room.filter(|room| *room > 0).map(|_| Waiting::FullDisk));
        waiting.extend(self.all_replicas_lag.then_some(Waiting::HeldReplica(None)));
        waiting.extend(self.lagging_replicas.iter().cloned().map(Some).map(Waiting::HeldReplica));
        waiting.extend(self.recovery.map(|_| Waiting::Recovery));
        waiting
    }

    /// Of two lines that say the same thing differently one would be ignored.
    fn refuse_a_second_word(&self, arrangement: &Arrangement) -> Result<(), EstateError> {
        let Some(subject) = arrangement.subject() else { return Ok(()) };
        if let Arrangement::CmdletFails { cmdlet, .. } = arrangement
            && self.cmdlets_failing.get(cmdlet).is_some_and(CmdletFailure::is_spent)
        {
            return Ok(());
        }
        let mut before = self.said.iter().filter(|said| said.subject().as_ref() == Some(&subject));
        match before.any(|said| said != arrangement) {
            true => Err(EstateError::Contradiction(format!("{subject} was said twice, in two ways"))),
            false => Ok(()),
        }
    }

    /// Whether copy and restore run by themselves on their schedule: nothing was said that needs them held back.
    pub(super) fn ships_by_itself(&self) -> bool {
        self.copied.is_none()
            && self.restored.is_none()
            && self.copy_behind.is_none()
            && self.restore_behind.is_none()
            && self.damage.is_empty()
    }

    /// How many of `total` log backups are to be copied before the disaster.
    pub(super) fn copied_of(&self, total: usize) -> usize {
        match (self.copied, self.copy_behind) {
            (Some(copied), _) => copied.min(total),
            (None, Some(behind)) => total.saturating_sub(behind),
            (None, None) => total,
        }
    }

    /// How many of `total` log backups are to be restored before the disaster.
    pub(super) fn restored_of(&self, total: usize) -> usize {
        self.restored_wish(total).unwrap_or(total).min(self.copied_of(total))
    }

    pub(super) fn restored_wish(&self, total: usize) -> Option<usize> {
        match (self.restored, self.restore_behind) {
            (Some(restored), _) => Some(restored.min(total)),
            (None, Some(behind)) => Some(total.saturating_sub(behind)),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[rstest::rstest]
    #[case(&[], 8, 8, 8)]
    #[case(&[Arrangement::RestoreBehind(2)], 8, 8, 6)]
    #[case(&[Arrangement::Copied(0)], 5, 0, 0)]
    #[case(&[Arrangement::Copied(3), Arrangement::Restored(0)], 5, 3, 0)]
    #[case(&[Arrangement::CopyBehind(2)], 5, 3, 3)]
    #[case(&[Arrangement::CopyBehind(1), Arrangement::RestoreBehind(4)], 5, 4, 1)]
    fn what_is_said_about_copy_and_restore_gives_how_far_each_is(
        #[case] said: &[Arrangement],
        #[case] total: usize,
        #[case] copied: usize,
        #[case] restored: usize,
    ) {
        let mut setup = Setup::default();
        for arrangement in said {
            setup.say(arrangement.clone()).unwrap();
        }
        assert_eq!((setup.copied_of(total), setup.restored_of(total)), (copied, restored));
    }

    #[test]
    fn more_restored_than_copied_is_a_contradiction() {
        let mut setup = Setup::default();
        setup.say(Arrangement::Copied(2)).unwrap();
        let error = setup.say(Arrangement::Restored(3)).unwrap_err();
        assert_eq!(error.to_string(), "more log backups are restored than copied");
    }

    #[rstest::rstest]
    #[case(Arrangement::LogBackupsOnShare(4), Arrangement::LogBackupsOnShare(6))]
    #[case(Arrangement::Copied(1), Arrangement::Copied(0))]
    #[case(Arrangement::Restored(1), Arrangement::Restored(0))]
    #[case(Arrangement::LogBackup(2, Damage::Torn), Arrangement::LogBackup(2, Damage::Missing))]
    fn two_lines_that_say_the_same_thing_differently_are_refused(
        #[case] one: Arrangement,
        #[case] other: Arrangement,
    ) {
        let mut setup = Setup::default();
        setup.say(one.clone()).unwrap();
        setup.say(one).unwrap();
        let error = setup.say(other).unwrap_err().to_string();
        assert!(error.ends_with("was said twice, in two ways"), "{error}");
    }

    #[test]
    fn the_first_log_backup_cannot_be_appended_to_one_before_it() {
        let first = Arrangement::LogBackup(1, Damage::AppendedToThePrevious);
        assert!(Setup::default().say(first).is_err());
    }

    #[test]
    fn a_job_cannot_be_further_behind_than_there_are_log_backups() {
        let mut setup = Setup::default();
        setup.say(Arrangement::RestoreBehind(5)).unwrap();
        assert!(setup.check_with_total(5).is_ok());
        assert!(setup.check_with_total(4).is_err());
    }

    #[test]
    fn an_unfired_fault_is_remembered_as_such() {
        let mut setup = Setup::default();
        let point = crate::fault::Point::restoring(4);
        setup.say(Arrangement::At(point, Fault::KillFailover)).unwrap();
        assert_eq!(setup.faults[0].fired, None);
    }

    #[test]
    fn a_cmdlet_that_was_called_less_often_than_it_should_fail_has_not_struck() {
        let mut setup = Setup::default();
        let cmdlet = "Install-CsMirrorDatabase".to_owned();
        setup.say(Arrangement::CmdletFails { cmdlet: cmdlet.clone(), times: Some(2) }).unwrap();
        let failure = setup.cmdlets_failing.get_mut(&cmdlet).unwrap();
        assert!(failure.strike());
        assert!(!failure.is_over());
        assert!(failure.strike());
        assert!(failure.is_over());
        assert!(!failure.strike());
    }
}
