//! The red drills: which wrong implementation each guard, each verification and each rule of the oracle catches.
//!
//! Every row is a drill that must go red, by the rule it names. A test runs them all, and proves that no guard,
//! verification or rule is without a row.

use failover::plan::{Action, Guard, Verification};

use super::{Wrong, WrongImplementation};
use crate::estate::{Arrangement, DataCenter, Place, Server};
use crate::fault::Damage;
use crate::oracle::Rule;
use crate::report::Reason;
use crate::steps::drill::{Drill, DrillSettings};

/// What a row shows to be needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shows {
    /// A guard of the plan.
    Guard(Guard),
    /// A verification of the plan.
    Verification(Verification),
    /// A rule of the oracle.
    Rule(Rule),
}

/// One red drill.
pub struct RedDrill {
    /// What it shows to be needed.
    pub shows: Shows,
    /// The rule that must catch it.
    pub by: Rule,
    /// The wrongs of the implementation.
    pub wrongs: Vec<Wrong>,
    /// What the estate is like, beside four log backups on the share of which none is copied.
    pub estate: Vec<Arrangement>,
    /// What is lost beside data center A.
    pub lost: Option<Place>,
    /// Whether the operator accepts data loss.
    pub accept_data_loss: bool,
}

fn red(shows: Shows, by: Rule, wrongs: &[Wrong], estate: &[Arrangement]) -> RedDrill {
    RedDrill {
        shows,
        by,
        wrongs: wrongs.to_vec(),
        estate: estate.to_vec(),
        lost: None,
        accept_data_loss: false,
    }
}

/// Every red drill.
#[must_use]
pub fn red_drills() -> Vec<RedDrill> {
    let mut all = guards_of_the_backup();
    all.extend(guards_of_the_pool());
    all.extend(verifications());
    all.extend(rules());
    all
}

/// A guard, gone from every place where it stands.
fn unguarded(guard: Guard, by: Rule, estate: &[Arrangement]) -> RedDrill {
    red(Shows::Guard(guard), by, &[Wrong::RemoveGuard(guard)], estate)
}

fn guards_of_the_backup() -> Vec<RedDrill> {
    let hole = [Arrangement::LogBackup(3, Damage::Missing)];
    let mut unreachable = unguarded(Guard::BackupAnswers, Rule::ReasonNotTold, &[]);
    unreachable.lost = Some(Place::Server(Server::Backup));
    unreachable.wrongs.push(Wrong::KeepSilent);
    vec![
        unreachable,
        unguarded(Guard::Sysadmin, Rule::ReasonNotTold, &[Arrangement::FailoverLoginIsNotSysadmin]),
        unguarded(
            Guard::DatabaseExists,
            Rule::ReasonNotTold,
            &[Arrangement::SiteSaysDatabase("mgcc".to_owned())],
        ),
        unguarded(Guard::PrimaryIsGone, Rule::TwoWritableCopies, &[Arrangement::Survives(Server::Primary)]),
        unguarded(Guard::MirrorIsGone, Rule::StoppedTooLate, &[Arrangement::Survives(Server::Mirror)]),
        red(
            Shows::Guard(Guard::NotRecoveredEarly),
            Rule::ReasonNotTold,
            &[Wrong::RemoveGuard(Guard::NotRecoveredEarly), Wrong::RemoveGuard(Guard::ChainIsWhole)],
            &[Arrangement::RecoveredByHand],
        ),
        red(
            Shows::Guard(Guard::ShareReadable),
            Rule::StoppedTooLate,
            &[Wrong::RemoveGuard(Guard::ShareReadable), Wrong::RemoveGuard(Guard::ChainIsWhole)],
            &[Arrangement::ShareUnreachable],
        ),
        unguarded(Guard::CopyDestinationWritable, Rule::StoppedTooLate, &[Arrangement::CopyDiskRoom(0)]),
        unguarded(
            Guard::PathsAgree,
            Rule::StoppedTooLate,
            &[Arrangement::CopyDestinationHereIsAnotherFolder],
        ),
        unguarded(Guard::ChainIsWhole, Rule::StoppedTooLate, &hole),
        red(
            Shows::Guard(Guard::EverythingApplicableApplied),
            Rule::LossNotAccepted,
            &[
                Wrong::RemoveGuard(Guard::ChainIsWhole),
                Wrong::RemoveGuard(Guard::EverythingApplicableApplied),
            ],
            &hole,
        ),
        red(
            Shows::Guard(Guard::BackupIsOnline),
            Rule::FailedOverBeforeOnline,
            &[Wrong::RemoveGuard(Guard::BackupIsOnline), Wrong::SwapWithPrevious(5)],
            &[],
        ),
    ]
}

fn guards_of_the_pool() -> Vec<RedDrill> {
    let five = ["chat-b1", "chat-b2", "chat-b3", "chat-b4", "chat-b5"].map(str::to_owned).to_vec();
    let of_a = vec!["chat-b1".to_owned(), "chat-a1".to_owned()];
    vec![
        unguarded(Guard::ShellAnswers, Rule::StoppedTooLate, &[Arrangement::ShellMissing]),
        red(
            Shows::Guard(Guard::ManagementStoreAnswers),
            Rule::StoppedTooLate,
            &[Wrong::RemoveGuard(Guard::ManagementStoreAnswers), Wrong::RemoveGuard(Guard::PoolIsKnown)],
            &[Arrangement::ManagementStoreIn(DataCenter::A)],
        ),
        unguarded(
            Guard::PoolIsKnown,
            Rule::StoppedTooLate,
            &[Arrangement::PoolSpelled("atl-cs-999.litwareinc.com".to_owned())],
        ),
        unguarded(
            Guard::AtMostFourActiveServers,
            Rule::StoppedTooLate,
            &[Arrangement::ChatServersInB(5), Arrangement::ActiveAfterFailover(five)],
        ),
        unguarded(
            Guard::ActiveServersOnTheRightSide,
            Rule::ActiveServerWrongSide,
            &[Arrangement::ActiveAfterFailover(of_a)],
        ),
        unguarded(
            Guard::TimeZonesAgree,
            Rule::ActiveServerTimeZone,
            &[Arrangement::TimeZoneOfB("America/Los_Angeles".to_owned())],
        ),
    ]
}

/// An action left out, and the verification that would have seen it skipped.
fn unverified(verification: Verification, action: Action, by: Rule) -> RedDrill {
    let wrongs = [Wrong::DropAction(action), Wrong::SkipVerification(verification)];
    red(Shows::Verification(verification), by, &wrongs, &[])
}

fn verifications() -> Vec<RedDrill> {
    let mut not_copied = unverified(Verification::CopiesReadable, Action::CopyLogBackups, Rule::SkippedLsn);
    not_copied.wrongs.push(Wrong::RemoveGuard(Guard::EverythingApplicableApplied));
    let mut not_applied = unverified(Verification::LogApplied, Action::ApplyLogBackups, Rule::ShippedLost);
    not_applied.wrongs.push(Wrong::RemoveGuard(Guard::EverythingApplicableApplied));
    let mut not_online =
        unverified(Verification::DatabaseOnline, Action::BringOnline, Rule::FailedOverBeforeOnline);
    not_online.wrongs.push(Wrong::RemoveGuard(Guard::BackupIsOnline));
    vec![
        unverified(Verification::LogShippingRemoved, Action::RemoveLogShipping, Rule::LogShippingMismatch),
        not_copied,
        not_applied,
        not_online,
        unverified(Verification::PoolStateFailedOver, Action::SetPoolFailedOver, Rule::PoolStateMismatch),
        unverified(Verification::MirrorSynchronized, Action::InstallMirror, Rule::MirrorMismatch),
        unverified(Verification::ActiveServersSet, Action::SetActiveServers, Rule::ActiveServersMismatch),
        red(
            Shows::Verification(Verification::ReplicasUpToDate),
            Rule::ReasonNotTold,
            &[Wrong::SkipVerification(Verification::ReplicasUpToDate), Wrong::KeepSilent],
            &[Arrangement::ReplicaLags(None)],
        ),
    ]
}

/// Rules that catch what no plan could be blamed for; the others are shown by the rows above.
fn rules() -> Vec<RedDrill> {
    let rule = |by: Rule, wrongs: &[Wrong], estate: &[Arrangement]| red(Shows::Rule(by), by, wrongs, estate);
    let meddle = |database, batch| Wrong::Meddle { server: Server::Backup, database, batch };
    vec![
        rule(Rule::BoundWrong, &[Wrong::HideBound], &[]),
        rule(Rule::BoundWrong, &[Wrong::BoundLaterByMinutes(60)], &[]),
        rule(
            Rule::MessageAltered,
            &[meddle("mgc", "UPDATE dbo.tblChat SET content = N'something else' WHERE chatId = 1")],
            &[],
        ),
        rule(
            Rule::ComplianceTouched,
            &[meddle("mgccomp", "DELETE FROM dbo.tblComplianceData")],
            &[Arrangement::ComplianceBacklog(10)],
        ),
        rule(Rule::ReportedDoneNotDone, &[Wrong::ReportSuccessAfter(3)], &[]),
    ]
}

/// Stages a red drill and says what the oracle found.
///
/// # Errors
/// When the drill itself could not be carried out.
pub fn findings(drill: &RedDrill, seed: u64) -> Result<Vec<Reason>, String> {
    let mut world = Drill::default();
    world.settings(DrillSettings { seed, ..DrillSettings::default() });
    world.choose_estate("litware")?;
    world.arrange(Arrangement::LogBackupsOnShare(4))?;
    world.arrange(Arrangement::Copied(0))?;
    for arrangement in &drill.estate {
        world.arrange(arrangement.clone())?;
    }
    if !drill.wrongs.is_empty() {
        world.wrong = Some(WrongImplementation::of(&drill.wrongs));
    }
    world.lose(Place::DataCenter(DataCenter::A))?;
    if let Some(place) = &drill.lost {
        world.lose(place.clone())?;
    }
    world.fail_over("run", drill.accept_data_loss)?;
    Ok(world.final_judgement())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use failover::plan::{Guard, Verification};

    use super::{Shows, findings, red_drills};
    use crate::oracle::Rule;

    #[test]
    fn every_guard_has_a_red_drill() {
        let shown: BTreeSet<Guard> = red_drills()
            .iter()
            .filter_map(|drill| match drill.shows {
                Shows::Guard(guard) => Some(guard),
                _ => None,
            })
            .collect();
        assert_eq!(shown, Guard::ALL.into_iter().collect());
    }

    #[test]
    fn every_verification_has_a_red_drill() {
        let shown: BTreeSet<Verification> = red_drills()
            .iter()
            .filter_map(|drill| match drill.shows {
                Shows::Verification(verification) => Some(verification),
                _ => None,
            })
            .collect();
        assert_eq!(shown, Verification::ALL.into_iter().collect());
    }

    #[test]
    fn every_rule_catches_some_red_drill() {
        let catching: BTreeSet<Rule> = red_drills().iter().map(|drill| drill.by).collect();
        assert_eq!(catching, Rule::ALL.into_iter().collect());
    }

    #[test]
    fn every_red_drill_goes_red_by_its_rule() {
        let mut green = Vec::new();
        for drill in red_drills() {
            let found = findings(&drill, 1);
            let codes: Vec<String> = found
                .as_ref()
                .map(|all| all.iter().map(|one| one.code.clone()).collect())
                .unwrap_or_default();
            if !codes.iter().any(|code| code == drill.by.id()) {
                green.push(format!(
                    "{:?} with {:?} by {}: {found:?}",
                    drill.shows,
                    drill.wrongs,
                    drill.by.id()
                ));
            }
        }
        assert!(green.is_empty(), "not red by their rule:\n{}", green.join("\n"));
    }

    /// Without it, a red drill could be red for a reason that has nothing to do with the wrong done.
    #[test]
    fn the_right_implementation_is_not_red_by_those_rules() {
        let mut red = Vec::new();
        for mut drill in red_drills() {
            drill.wrongs.clear();
            let found = findings(&drill, 1);
            let caught = found.as_ref().map_or(true, |all| all.iter().any(|one| one.code == drill.by.id()));
            if caught {
                red.push(format!("{:?} by {}: {found:?}", drill.shows, drill.by.id()));
            }
        }
        assert!(red.is_empty(), "red without a wrong:\n{}", red.join("\n"));
    }
}
