//! What a drill may not say of its estate: lines that contradict one another, that no estate can be, or that would
//! change nothing.
//!
//! A line that would be ignored makes a drill green that checks less than it says. It is refused as early as it shows:
//! with the line itself, with the second of two lines, when everything has been said, or when the traffic has run.

use super::EstateError;
use super::arrangement::Arrangement;
use super::file::EstateFile;
use super::names::DataCenter;
use super::setup::Setup;
use super::staging::{CHAT_SERVERS_IN_B_MAX, chat_servers};
use crate::fault::{Damage, Fault, Step};
use std::time::Duration;

/// SQL Server's own port, and the range that `CREATE ENDPOINT` documents for a listener.
const TDS_PORT: u16 = super::world::TDS_PORT;
const ENDPOINT_PORTS: std::ops::RangeInclusive<u16> = 1024..=32767;
/// Every reader of a standby database is a session; more say no more.
const READERS_MAX: u32 = 100;
const DAY: Duration = Duration::from_secs(86_400);

fn refuse<T>(what: impl Into<String>) -> Result<T, EstateError> {
    Err(EstateError::Contradiction(what.into()))
}

/// What one line can get wrong by itself.
pub(super) fn in_one_line(line: &Arrangement) -> Result<(), EstateError> {
    use Arrangement as Say;
    match line {
        Say::LogShippingEvery(every) if *every < Duration::from_secs(60) => {
            refuse("log shipping cannot run more often than once a minute")
        }
        Say::LogShippingEvery(every) if every.as_secs() % 60 != 0 || *every > DAY => {
            refuse("log shipping runs on a schedule of whole minutes, at least once a day")
        }
        Say::Traffic { over, .. } if over.is_zero() => {
            refuse("messages cannot be posted over no time; write for example: over 2 hours")
        }
        Say::CopyJobRunning(duration) | Say::RestoreJobRunning(duration) | Say::RecoveryTakes(duration)
            if duration.is_zero() =>
        {
            refuse("what takes no time is what happens anyway: leave this line out")
        }
        Say::ComplianceBacklog(0) => refuse("0 compliance events wait anyway: leave this line out"),
        Say::StandbyWithReaders(readers) if *readers > READERS_MAX => {
            refuse(format!("{readers} readers are more than a drill stages; at most {READERS_MAX}"))
        }
        Say::LogBackup(1, Damage::AppendedToThePrevious) => {
            refuse("log backup 1 is the first: there is no file before it to append to")
        }
        Say::LogBackup(1, Damage::OutOfDateOrder) => {
            refuse("log backup 1 is the first, and older than all others anyway: leave this line out")
        }
        Say::BackupMirrorEndpointOn(port) if *port == TDS_PORT || !ENDPOINT_PORTS.contains(port) => {
            refuse(format!(
                "no mirroring endpoint can listen on port {port}: it takes 1024 to 32767, and {TDS_PORT} is taken by the server itself"
            ))
        }
        Say::LowLatencyTo(DataCenter::B) => refuse(
            "the new primary stands in data center B itself: only the link to data center A can be slow or fast",
        ),
        Say::ChatServersInB(count) if usize::from(*count) > CHAT_SERVERS_IN_B_MAX => refuse(format!(
            "a pool has at most eight chat servers, one of them in data center A: at most {CHAT_SERVERS_IN_B_MAX} stand in B"
        )),
        Say::At(point, Fault::ReuseSessionId) if point.step() != Step::new(4) => refuse(
            "a session id can only get in the way between listing and killing: write \"when step 4 begins\"",
        ),
        _ => Ok(()),
    }
}

impl Setup {
    /// What two lines can get wrong together, whatever comes after them.
    pub(super) fn check(&self) -> Result<(), EstateError> {
        self.check_shipping()?;
        if self.shell_missing && !(self.cmdlets_missing.is_empty() && self.cmdlets_failing.is_empty()) {
            return refuse(
                "the management shell is missing as a whole: no cmdlet of it can be missing or fail besides",
            );
        }
        if let Some(cmdlet) = self.cmdlets_failing.keys().find(|name| self.cmdlets_missing.contains(*name)) {
            return refuse(format!("{cmdlet} is missing: it cannot fail besides"));
        }
        if self.recovered_by_hand && self.standby_readers.is_some() {
            return refuse("mgc on the backup is in standby or recovered already, not both");
        }
        if self.recovered_by_hand && self.recovery.is_some() {
            return refuse("mgc on the backup is recovered already: how long that takes is past");
        }
        if self.log_shipping_removed && (self.copy_job_running.or(self.restore_job_running)).is_some() {
            return refuse(
                "log shipping is removed from the backup already, and its jobs with it: none can run",
            );
        }
        if self.all_replicas_lag && !self.lagging_replicas.is_empty() {
            return refuse("no replica is brought up to date: leave out the line about one of them");
        }
        Ok(())
    }

    fn check_shipping(&self) -> Result<(), EstateError> {
        if let (Some(copied), Some(restored)) = (self.copied, self.restored)
            && restored > copied
        {
            return refuse("more log backups are restored than copied");
        }
        if let (Some(copy), Some(restore)) = (self.copy_behind, self.restore_behind)
            && restore < copy
        {
            return refuse(
                "the restore job cannot be less far behind than the copy job: it restores what is copied",
            );
        }
        if let Some(total) = self.log_backups_on_share {
            if self.copied.is_some_and(|copied| copied > total) {
                return refuse("more log backups are copied than lie on the share");
            }
            if self.restored.is_some_and(|restored| restored > total) {
                return refuse("more log backups are restored than lie on the share");
            }
            if total == 0 && self.last_log_backup_ago.is_some() {
                return refuse("0 log backups are on the share: none of them is the last");
            }
        }
        for (ordinal, damage) in &self.damage {
            let is_shared = self.damage.get(&(ordinal + 1)) == Some(&Damage::AppendedToThePrevious);
            let is_harmless =
                matches!(damage, Damage::AppendedToThePrevious | Damage::OutOfDateOrder | Damage::Duplicated);
            if is_shared && !is_harmless {
                return refuse(format!(
                    "log backup {} lies in the file of log backup {ordinal}, which is to be {damage}: both would be; write instead which log backups are missing, torn or corrupt in files of their own",
                    ordinal + 1
                ));
            }
        }
        Ok(())
    }

    /// What shows when everything has been said.
    pub(super) fn check_whole(&self, file: &EstateFile) -> Result<(), EstateError> {
        let says_how_far = [self.copied, self.copy_behind, self.restored, self.restore_behind];
        if let Some((ordinal, damage)) = self.damage.first_key_value()
            && says_how_far.iter().all(Option::is_none)
        {
            return refuse(format!(
                "log backup {ordinal} is to be {damage}, but every log backup is copied and restored already: say how far copy or restore have come, for example \"no log backup is restored\""
            ));
        }
        let reuses = self.faults.iter().any(|planned| planned.fault == Fault::ReuseSessionId);
        if reuses && self.standby_readers.is_none_or(|readers| readers == 0) {
            return refuse(
                "a session id can only be used again if there are sessions on mgc: say that mgc on the backup is in standby with a reader who comes back",
            );
        }
        if let (Some(count), false) = (self.log_backups_on_share, self.traffic.is_empty()) {
            let over: Duration = self.traffic.iter().map(|(_, over)| *over).sum();
            let least = Duration::from_secs(u64::try_from(count).unwrap_or(u64::MAX));
            if over < least {
                return refuse(format!(
                    "{count} log backups over {} seconds: their files are named by the second and would have the same name; let the messages take at least a second for each",
                    over.as_secs()
                ));
            }
        }
        if let Some(zone) = &self.time_zone_of_b
            && zone.eq_ignore_ascii_case(&file.contents.next_hop.time_zone)
        {
            return refuse(format!(
                "{zone} is the next hop's time zone: nothing differs, leave this line out"
            ));
        }
        self.check_names(file)
    }

    /// Chat servers that a line names have to be there.
    pub(super) fn check_names(&self, file: &EstateFile) -> Result<(), EstateError> {
        let servers = chat_servers(file, self);
        let is_there = |name: &str| {
            servers
                .iter()
                .any(|(_, short, fqdn)| name.eq_ignore_ascii_case(short) || name.eq_ignore_ascii_case(fqdn))
        };
        let wanted = self.active_after_failover.iter().flatten();
        if let Some(name) = self.lagging_replicas.iter().chain(wanted).find(|name| !is_there(name)) {
            let there: Vec<&str> = servers.iter().map(|(_, short, _)| short.as_str()).collect();
            return refuse(format!("there is no chat server \"{name}\"; there are {}", there.join(", ")));
        }
        if let Some(wanted) = &self.active_after_failover {
            let short = |name: &String| name.split('.').next().unwrap_or_default().to_lowercase();
            let mut names: Vec<String> = wanted.iter().map(short).collect();
            names.sort();
            if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                return refuse(format!("the site file wants {} active twice", twice[0]));
            }
        }
        Ok(())
    }

    /// What only shows once the traffic has run: `total` log backups lie on the share.
    pub(super) fn check_with_total(&self, total: usize) -> Result<(), EstateError> {
        for (job, behind) in [("copy", self.copy_behind), ("restore", self.restore_behind)] {
            if let Some(behind) = behind.filter(|behind| *behind > total) {
                return refuse(format!(
                    "the {job} job is to be {behind} log backups behind, but only {total} are on the share"
                ));
            }
        }
        for (done, count) in [("copied", self.copied), ("restored", self.restored)] {
            if let Some(count) = count.filter(|count| *count > total) {
                return refuse(format!(
                    "the first {count} log backups are to be {done}, but only {total} are on the share"
                ));
            }
        }
        let copied = self.copied_of(total);
        if self.restored_wish(total).is_some_and(|restored| restored > copied) {
            return refuse(format!(
                "more log backups are restored than copied: {copied} of {total} are to be copied"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Server;
    use crate::fault::Point;

    /// What is said against these lines together; nothing, if so.
    fn refused(said: &[Arrangement]) -> String {
        let mut setup = Setup::default();
        for arrangement in said {
            if let Err(error) = setup.say(arrangement.clone()) {
                return error.to_string();
            }
        }
        let litware = EstateFile::named("litware").unwrap();
        setup.check_whole(&litware).map_or_else(|error| error.to_string(), |()| "nothing".to_owned())
    }

    fn reuse(step: u8) -> Arrangement {
        Arrangement::At(Point::beginning_of(Step::new(step).unwrap()), Fault::ReuseSessionId)
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[rstest::rstest]
    #[case(Arrangement::LogShippingEvery(Duration::from_secs(59)), "more often than once a minute")]
    #[case(Arrangement::LogShippingEvery(Duration::from_secs(90)), "whole minutes")]
    #[case(Arrangement::LogShippingEvery(Duration::from_secs(2 * 86_400)), "at least once a day")]
    #[case(Arrangement::Traffic { messages: 240, over: Duration::ZERO }, "over no time")]
    #[case(Arrangement::CopyJobRunning(Duration::ZERO), "leave this line out")]
    #[case(Arrangement::RestoreJobRunning(Duration::ZERO), "leave this line out")]
    #[case(Arrangement::RecoveryTakes(Duration::ZERO), "leave this line out")]
    #[case(Arrangement::ComplianceBacklog(0), "leave this line out")]
    #[case(Arrangement::StandbyWithReaders(101), "at most 100")]
    #[case(Arrangement::LogBackup(1, Damage::AppendedToThePrevious), "no file before it")]
    #[case(Arrangement::LogBackup(1, Damage::OutOfDateOrder), "older than all others anyway")]
    #[case(Arrangement::BackupMirrorEndpointOn(1433), "port 1433")]
    #[case(Arrangement::BackupMirrorEndpointOn(0), "port 0")]
    #[case(Arrangement::BackupMirrorEndpointOn(40_000), "port 40000")]
    #[case(Arrangement::LowLatencyTo(DataCenter::B), "in data center B itself")]
    #[case(Arrangement::ChatServersInB(8), "at most 7 stand in B")]
    #[case(reuse(3), "when step 4 begins")]
    fn a_line_that_no_estate_can_be_is_refused(#[case] line: Arrangement, #[case] reason: &str) {
        let error = Setup::default().say(line).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[rstest::rstest]
    #[case(&[Arrangement::Copied(2), Arrangement::Restored(3)], "more log backups are restored than copied")]
    #[case(&[Arrangement::CopyBehind(3), Arrangement::RestoreBehind(1)], "less far behind than the copy job")]
    #[case(&[Arrangement::LogBackupsOnShare(2), Arrangement::Copied(3)], "copied than lie on the share")]
    #[case(&[Arrangement::Restored(3), Arrangement::LogBackupsOnShare(2)], "restored than lie on the share")]
    #[case(
        &[Arrangement::LogBackupsOnShare(0), Arrangement::LastLogBackupAgo(Duration::from_secs(300))],
        "none of them is the last"
    )]
    #[case(&[Arrangement::LogBackup(3, Damage::Torn)], "say how far copy or restore have come")]
    #[case(
        &[Arrangement::Copied(0), Arrangement::LogBackup(3, Damage::Torn), Arrangement::LogBackup(4, Damage::AppendedToThePrevious)],
        "log backup 4 lies in the file of log backup 3, which is to be torn"
    )]
    #[case(
        &[Arrangement::Copied(0), Arrangement::LogBackup(4, Damage::AppendedToThePrevious), Arrangement::LogBackup(3, Damage::Flipped)],
        "which is to be corrupt"
    )]
    #[case(&[Arrangement::ShellMissing, Arrangement::CmdletMissing("Install-CsMirrorDatabase".into())], "missing as a whole")]
    #[case(
        &[
            Arrangement::CmdletMissing("Install-CsMirrorDatabase".into()),
            Arrangement::CmdletFails { cmdlet: "Install-CsMirrorDatabase".into(), times: None }
        ],
        "it cannot fail besides"
    )]
    #[case(&[Arrangement::StandbyWithReaders(1), Arrangement::RecoveredByHand], "not both")]
    #[case(&[Arrangement::RecoveredByHand, Arrangement::RecoveryTakes(DAY)], "is past")]
    #[case(&[Arrangement::LogShippingRemovedByHand, Arrangement::CopyJobRunning(DAY)], "none can run")]
    #[case(&[Arrangement::ReplicaLags(None), Arrangement::ReplicaLags(Some("chat-b1".into()))], "leave out the line")]
    #[case(&[reuse(4)], "in standby with a reader")]
    #[case(&[reuse(4), Arrangement::StandbyWithReaders(0)], "in standby with a reader")]
    #[case(
        &[Arrangement::LogBackupsOnShare(4), Arrangement::Traffic { messages: 240, over: Duration::from_secs(3) }],
        "at least a second for each"
    )]
    #[case(&[Arrangement::TimeZoneOfB("America/New_York".into())], "nothing differs")]
    #[case(&[Arrangement::ReplicaLags(Some("nobody".into()))], "there is no chat server \"nobody\"; there are chat-a1, ")]
    #[case(&[Arrangement::ActiveAfterFailover(names(&["chat-b1", "chat-b5"]))], "there is no chat server \"chat-b5\"")]
    #[case(&[Arrangement::ActiveAfterFailover(names(&["chat-b1.contoso.com"]))], "there is no chat server")]
    #[case(
        &[Arrangement::ActiveAfterFailover(names(&["chat-b1", "CHAT-B1.litwareinc.com"]))],
        "wants chat-b1 active twice"
    )]
    fn lines_that_contradict_one_another_are_refused(#[case] said: &[Arrangement], #[case] reason: &str) {
        let error = refused(said);
        assert!(error.contains(reason), "{error}");
    }

    /// Without it, a refusal above could be for a line that is never accepted.
    #[rstest::rstest]
    #[case(&[Arrangement::CopyBehind(1), Arrangement::RestoreBehind(3), Arrangement::LogBackup(3, Damage::Torn)])]
    #[case(&[Arrangement::Copied(0), Arrangement::LogBackup(3, Damage::OutOfDateOrder), Arrangement::LogBackup(4, Damage::AppendedToThePrevious)])]
    #[case(&[reuse(4), Arrangement::StandbyWithReaders(1), Arrangement::RecoveryTakes(DAY)])]
    #[case(&[Arrangement::ReplicaLags(Some("chat-b1.litwareinc.com".into())), Arrangement::Survives(Server::Primary)])]
    #[case(&[Arrangement::ActiveAfterFailover(names(&["chat-b5"])), Arrangement::ChatServersInB(5)])]
    #[case(&[Arrangement::ActiveAfterFailover(Vec::new()), Arrangement::TimeZoneOfB("Asia/Seoul".into())])]
    #[case(&[Arrangement::BackupMirrorEndpointOn(5024), Arrangement::LowLatencyTo(DataCenter::A)])]
    #[case(&[Arrangement::LogBackupsOnShare(4), Arrangement::Traffic { messages: 240, over: Duration::from_secs(4) }])]
    fn lines_that_an_estate_can_be_are_taken(#[case] said: &[Arrangement]) {
        assert_eq!(refused(said), "nothing");
    }

    #[rstest::rstest]
    #[case(&[Arrangement::CopyBehind(5)], "5 log backups behind, but only 4")]
    #[case(&[Arrangement::RestoreBehind(5)], "5 log backups behind, but only 4")]
    #[case(&[Arrangement::Copied(5)], "copied, but only 4")]
    #[case(&[Arrangement::Restored(5)], "restored, but only 4")]
    #[case(&[Arrangement::Copied(2), Arrangement::RestoreBehind(1)], "2 of 4 are to be copied")]
    #[case(&[Arrangement::CopyBehind(3), Arrangement::Restored(2)], "1 of 4 are to be copied")]
    fn what_contradicts_the_number_of_log_backups_is_refused(
        #[case] said: &[Arrangement],
        #[case] reason: &str,
    ) {
        let mut setup = Setup::default();
        said.iter().for_each(|line| setup.say(line.clone()).unwrap());
        let error = setup.check_with_total(4).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
