//! Each rule holds for a good failover and breaks for one thing gone wrong.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use super::{Rule, judge};
use crate::oracle::evidence::{
    Acknowledged, ActiveServer, Applied, Claims, DatabaseFacts, Evidence, Lsn, Obstacle, Server, ServerFacts,
    Shipped,
};

fn database(state: &str, role: Option<&str>) -> DatabaseFacts {
    DatabaseFacts {
        state: state.to_owned(),
        mirroring_role: role.map(str::to_owned),
        mirroring_state: role.map(|_| "SYNCHRONIZED".to_owned()),
        ..DatabaseFacts::default()
    }
}

fn message(chat_id: i64, at_ms: u64) -> Acknowledged {
    Acknowledged { room: 1, chat_id, text_crc32: 7, at_ms, after_loss: false }
}

fn shipped(ordinal: usize, began_ms: u64) -> Shipped {
    Shipped {
        ordinal,
        file: format!("mgc_{ordinal}.trn"),
        began_ms,
        finished_ms: began_ms + 10,
        applied: false,
        within_reach: true,
    }
}

fn active(fqdn: &str) -> ActiveServer {
    ActiveServer {
        fqdn: fqdn.to_owned(),
        data_center: "B".to_owned(),
        low_latency: false,
        time_zone_differs: false,
    }
}

/// A failover that went well: two log backups applied, two messages after them lost, and said so.
fn good() -> Evidence {
    let backup = ServerFacts {
        reachable: true,
        chat: Some(database("ONLINE", Some("PRINCIPAL"))),
        compliance: Some(database("ONLINE", None)),
        compliance_rows: Some(vec!["1".into(), "2".into()]),
        listed_for_log_shipping: false,
    };
    let mirror = ServerFacts {
        reachable: true,
        chat: Some(database("RESTORING", Some("MIRROR"))),
        ..ServerFacts::default()
    };
    Evidence {
        servers: BTreeMap::from([(Server::Backup, backup), (Server::BackupMirror, mirror)]),
        compliance_before: BTreeMap::from([(Server::Backup, vec!["1".into()])]),
        compliance_role_before: BTreeMap::from([(Server::Backup, None)]),
        writable_at_once: vec![vec![Server::Backup]],
        online_at_ms: Some(5_000),
        failed_over_at_ms: Some(6_000),
        pool_state: Some("FailedOver".into()),
        active_servers: Some(vec![active("chat-b1")]),
        active_before: Some(vec![active("chat-a1")]),
        active_wanted: vec!["CHAT-B1".into()],
        ledger: vec![message(1, 900), message(2, 1_900), message(3, 2_500), message(4, 2_600)],
        present: Some(BTreeMap::from([((1, 1), 7), ((1, 2), 7)])),
        shipped: vec![shipped(1, 1_000), shipped(2, 2_000)],
        applied_ordinals: BTreeSet::from([1, 2]),
        applied: vec![Applied { first: Lsn(10), last: Lsn(20) }, Applied { first: Lsn(20), last: Lsn(30) }],
        lost_at_ms: Some(3_000),
        listed_before: true,
        claims: vec![Claims {
            ended: true,
            success: true,
            is_read: true,
            steps_done: vec![1, 2, 3, 4, 5, 6, 7],
            bound_began_ms: Some(2_000),
            bound_ms: Some(2_010),
            has_bound: true,
            ..Claims::default()
        }],
        ..Evidence::default()
    }
}

fn broken(evidence: &Evidence) -> Vec<Rule> {
    judge(evidence)
        .into_iter()
        .filter(|(_, checked)| !checked.broken.is_empty())
        .map(|(rule, _)| rule)
        .collect()
}

#[test]
fn a_good_failover_breaks_no_rule_and_leaves_none_without_something_to_compare() {
    let checked = judge(&good());
    assert_eq!(broken(&good()), []);
    assert!(checked.iter().all(|(_, checked)| checked.compared > 0), "{checked:?}");
}

fn standing(stops: bool, waivable: bool) -> Obstacle {
    Obstacle { what: "the shell is missing".into(), codes: vec!["shell-missing".into()], stops, waivable }
}

#[rstest]
#[case::two_copies(Rule::TwoWritableCopies, |e: &mut Evidence| e.writable_at_once[0].push(Server::Primary))]
#[case::pool_first(Rule::FailedOverBeforeOnline, |e: &mut Evidence| e.failed_over_at_ms = Some(4_999))]
#[case::never_online(Rule::FailedOverBeforeOnline, |e: &mut Evidence| e.online_at_ms = None)]
#[case::a_hole(Rule::SkippedLsn, |e: &mut Evidence| e.applied[1].first = Lsn(21))]
#[case::one_left_out(Rule::SkippedLsn, |e: &mut Evidence| { e.applied_ordinals.remove(&2); })]
#[case::shipped_and_gone(Rule::ShippedLost, |e: &mut Evidence| { e.present.as_mut().unwrap().remove(&(1, 2)); })]
#[case::bound_hidden(Rule::BoundWrong, |e: &mut Evidence| e.claims[0].has_bound = false)]
#[case::bound_too_late(Rule::BoundWrong, |e: &mut Evidence| {
    e.claims[0].bound_began_ms = Some(2_550);
    e.claims[0].bound_ms = Some(2_560);
})]
#[case::bound_too_early(Rule::BoundWrong, |e: &mut Evidence| {
    e.claims[0].bound_began_ms = Some(1_000);
    e.claims[0].bound_ms = Some(1_010);
})]
#[case::altered(Rule::MessageAltered, |e: &mut Evidence| { e.present.as_mut().unwrap().insert((1, 1), 8); })]
#[case::compliance_row_gone(Rule::ComplianceTouched, |e: &mut Evidence| {
    e.servers.get_mut(&Server::Backup).unwrap().compliance_rows = Some(vec!["2".into()]);
})]
#[case::compliance_mirrored(Rule::ComplianceTouched, |e: &mut Evidence| {
    e.servers.get_mut(&Server::Backup).unwrap().compliance = Some(database("ONLINE", Some("PRINCIPAL")));
})]
#[case::wrong_side(Rule::ActiveServerWrongSide, |e: &mut Evidence| {
    e.active_servers.as_mut().unwrap()[0].data_center = "A".into();
})]
#[case::five_active(Rule::ActiveServerWrongSide, |e: &mut Evidence| {
    e.active_servers = Some(["1", "2", "3", "4", "5"].map(active).to_vec());
})]
#[case::time_zone(Rule::ActiveServerTimeZone, |e: &mut Evidence| {
    e.active_servers.as_mut().unwrap()[0].time_zone_differs = true;
})]
#[case::loss_not_accepted(Rule::LossNotAccepted, |e: &mut Evidence| e.shipped.push(shipped(4, 2_900)))]
#[case::too_late(Rule::StoppedTooLate, |e: &mut Evidence| e.obstacles.push(standing(true, false)))]
#[case::not_told(Rule::ReasonNotTold, |e: &mut Evidence| e.obstacles.push(standing(false, false)))]
#[case::still_listed(Rule::LogShippingMismatch, |e: &mut Evidence| {
    e.servers.get_mut(&Server::Backup).unwrap().listed_for_log_shipping = true;
})]
#[case::pool_state(Rule::PoolStateMismatch, |e: &mut Evidence| e.pool_state = Some("Normal".into()))]
#[case::pool_state_behind_the_back(Rule::PoolStateMismatch, |e: &mut Evidence| e.claims[0].steps_done = vec![1, 2, 3])]
#[case::no_mirror(Rule::MirrorMismatch, |e: &mut Evidence| { e.servers.remove(&Server::BackupMirror); })]
#[case::other_servers(Rule::ActiveServersMismatch, |e: &mut Evidence| e.active_wanted.push("chat-b2".into()))]
#[case::not_done(Rule::ReportedDoneNotDone, |e: &mut Evidence| {
    e.servers.get_mut(&Server::Backup).unwrap().chat = Some(database("RESTORING", None));
})]
#[case::a_step_left_open(Rule::ReportedDoneNotDone, |e: &mut Evidence| e.claims[0].steps_done = vec![1, 2, 3, 4, 5, 6])]
fn one_thing_gone_wrong_breaks_its_rule(#[case] rule: Rule, #[case] wrong: fn(&mut Evidence)) {
    let mut evidence = good();
    wrong(&mut evidence);
    assert!(broken(&evidence).contains(&rule), "{:?}", broken(&evidence));
}

#[test]
fn a_killed_program_may_have_set_the_pool_state_before_it_could_say_so() {
    let mut evidence = good();
    evidence.claims[0] = Claims::default();
    assert!(!broken(&evidence).contains(&Rule::PoolStateMismatch));
}

#[test]
fn accepting_the_loss_waives_what_may_be_waived_and_nothing_else() {
    let mut evidence = good();
    evidence.claims[0].loss_accepted = true;
    evidence.told.insert("shell-missing".into());
    evidence.obstacles.push(standing(true, true));
    assert_eq!(broken(&evidence), []);
    evidence.obstacles.push(standing(true, false));
    assert_eq!(broken(&evidence), [Rule::StoppedTooLate]);
}

#[test]
fn every_rule_has_an_id_of_its_own() {
    let ids: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), Rule::ALL.len());
}

#[test]
fn a_program_whose_words_are_not_read_may_set_the_pool_state_without_saying_so() {
    let mut evidence = good();
    evidence.claims[0].is_read = false;
    evidence.claims[0].steps_done.clear();
    assert_eq!(broken(&evidence), []);
}
