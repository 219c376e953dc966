//! The procedure against a scripted world.

mod world;

use super::*;
use crate::fakes::*;
use crate::plan::plan;
use rstest::rstest;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use world::{DESTINATION, Drill, SHARE, World, block_on};

const ALL: [&str; 7] = [
    "log shipping removed",
    "applied 30",
    "applied 40",
    "recovered",
    "pool FailedOver",
    "mirrored",
    "active servers",
];

#[test]
fn the_seven_steps_are_done_in_order_and_said_to_be_done() {
    let drill = Drill::new(&World::new());
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(drill.changes(), ALL);
    assert_eq!(outcome.report.bound.last_applied_lsn.as_deref(), Some("40"));
    assert_eq!(outcome.report.bound.last_applied_file.as_deref(), Some("mgc_3.trn"));
    assert!(outcome.report.steps.iter().all(|step| step.status == StepStatus::Done));
}

/// A site whose SQL Servers run on Linux: the folders as they see them, and as this machine reaches them.
fn site_on_linux() -> Site {
    let mut site = site();
    for (folder, name) in
        [(&mut site.log_shipping.share, "mgc-logs"), (&mut site.log_shipping.copy_destination, "mgc-copies")]
    {
        folder.server = format!("/var/opt/mssql/share/{name}");
        folder.here = format!("/srv/rehearsal/{name}");
    }
    site.mirror_file_share = Some("/var/opt/mssql/share/seed".to_owned());
    site
}

#[test]
fn on_linux_the_seven_steps_are_done_with_the_paths_of_linux() {
    let world = World::at(site_on_linux());
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(drill.changes(), ALL);
    assert_eq!(outcome.report.bound.last_applied_file.as_deref(), Some("mgc_3.trn"));
    let copies = world.shares.files.borrow();
    assert!(copies.contains_key("/srv/rehearsal/mgc-copies/mgc_3.trn"), "{:?}", copies.keys());
    assert!(copies.keys().all(|path| !path.contains('\\')), "{:?}", copies.keys());
}

/// Another file whose name differs by case alone and whose size is the same: one file on Windows, two on Linux.
#[rstest]
#[case::windows(site(), false)]
#[case::linux(site_on_linux(), true)]
fn a_log_backup_whose_name_differs_by_case_counts_on_linux(#[case] site: Site, #[case] counts: bool) {
    let world = World::at(site);
    let share = world.site.log_shipping.share.here.clone();
    world.remove(&share, "mgc_2.trn");
    world.put(&share, "MGC_1.trn", "mgc 20 30");
    let outcome = Drill::new(&world).run();
    assert_eq!(outcome.exit_code == exit_code::DONE, counts, "{:#?}", outcome.report.findings);
}

#[test]
fn run_again_it_changes_nothing_and_says_so() {
    let drill = Drill::new(&World::new());
    drill.run();
    let outcome = drill.run();
    assert_eq!((outcome.report.outcome, outcome.exit_code), (Verdict::AlreadyDone, 0));
    assert_eq!(drill.changes(), ALL);
}

#[test]
fn an_intent_is_in_the_journal_before_the_deed_and_the_rows_before_step_1() {
    let drill = Drill::new(&World::new());
    drill.run();
    let lines = drill.journal.0.borrow();
    let position = |needle: &str| {
        lines.iter().position(|line| line.contains(needle)).unwrap_or_else(|| panic!("{needle}"))
    };
    assert!(position("\"kind\":\"captured\"") < position("sp_delete_log_shipping"));
    for word in [
        "remove-log-shipping",
        "copy-log-backups",
        "apply-log-backups",
        "bring-online",
        "set-pool-failed-over",
    ] {
        assert!(lines.iter().any(|line| line.contains("\"kind\":\"will\"") && line.contains(word)), "{word}");
    }
    assert!(lines.last().unwrap().contains("\"kind\":\"report\""));
    assert!(!lines.iter().any(|line| line.contains("hunter2")));
}

#[test]
fn a_living_primary_stops_it_before_anything() {
    let world = World::new();
    world.alive.set(true);
    let outcome = Drill::new(&world).run();
    assert_eq!(outcome.exit_code, exit_code::STOPPED);
    assert_eq!(outcome.report.stopped_by.as_deref(), Some("primary-alive"));
    assert!(world.changes.borrow().is_empty());
}

#[rstest]
#[case::missing("", "log-backup-missing")]
#[case::damaged("garbage", "log-backup-damaged")]
#[case::foreign("hr 20 30", "not-a-backup-of-the-database")]
fn a_broken_chain_stops_it_until_the_loss_is_accepted(#[case] content: &str, #[case] code: &str) {
    let world = World::new();
    world.remove(SHARE, "mgc_2.trn");
    if !content.is_empty() {
        world.put(SHARE, "mgc_2.trn", content);
    }
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!((outcome.exit_code, outcome.report.stopped_by.as_deref()), (exit_code::STOPPED, Some(code)));
    assert!(drill.changes().is_empty());
    let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: true, resume: false });
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(outcome.report.bound.last_applied_lsn.as_deref(), Some("20"));
    assert!(
        drill.changes().contains(&"recovered".to_owned())
            && !drill.changes().contains(&"applied 40".to_owned())
    );
}

#[test]
fn damage_that_only_restore_sees_stops_it_before_recovery() {
    let world = World::new();
    world.put(SHARE, "mgc_3.trn", "mgc 30 40 flipped");
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.report.stopped_by.as_deref(), Some("log-backup-damaged"));
    assert_eq!(drill.changes(), ["log shipping removed", "applied 30"]);
    let unguarded = |plan: &mut Plan| {
        for step in &mut plan.steps {
            step.guards.retain(|guard| *guard != Guard::EverythingApplicableApplied);
        }
    };
    let outcome = drill.run_plan(unguarded, RunOptions::default());
    assert_eq!(outcome.exit_code, exit_code::DONE, "without its guard the plan goes through");
}

#[test]
fn a_damaged_copy_is_set_aside_for_its_intact_original() {
    let world = World::new();
    world.put(DESTINATION, "mgc_2.trn", "mgc 20 30 flipped");
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(drill.changes(), ALL);
    assert!(world.shares.files.borrow().contains_key(&format!("{DESTINATION}\\mgc_2.trn.damaged")));
}

#[test]
fn readers_are_ended_before_recovery() {
    let world = World::new();
    world.readers.replace(vec![51, 57]);
    let drill = Drill::new(&world);
    assert_eq!(drill.run().exit_code, exit_code::DONE);
    assert_eq!(drill.changes()[1..3], ["killed 57", "killed 51"]);
}

#[test]
fn a_cmdlet_that_fails_once_is_tried_again_and_one_that_fails_always_is_said_to() {
    let world = World::new();
    world.cmdlet_failures.set(1);
    assert_eq!(Drill::new(&world).run().exit_code, exit_code::DONE);
    let world = World::new();
    world.cmdlet_failures.set(99);
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::FAILED);
    assert!(outcome.report.findings.iter().any(|finding| finding.code == "pool-state-not-set"));
    world.cmdlet_failures.set(0);
    assert_eq!(drill.run().exit_code, exit_code::DONE);
    assert_eq!(drill.changes(), ALL);
}

#[test]
fn killed_after_any_of_its_records_it_can_be_resumed_and_nothing_is_done_twice() {
    let whole = Drill::new(&World::new());
    whole.run();
    let records = whole.journal.0.borrow().len();
    for kept in 1..records {
        let world = World::new();
        let drill = Drill::new(&world);
        let dying = Rc::new(DyingJournal { inner: Rc::clone(&drill.journal), lines_left: Cell::new(kept) });
        let mut env = drill.env.clone();
        env.journal = dying;
        let site = site();
        let plan = plan(&site);
        let servers = ScriptedServers(Rc::clone(&world) as Rc<dyn Answers>);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let run = Run::new(&env, &site, &plan, RunOptions::default(), &servers).carry_out();
            let _ = tokio::time::timeout(std::time::Duration::from_secs(86_400), run).await;
        });
        assert_eq!(drill.run().exit_code, exit_code::USAGE, "a run that left no report is not begun anew");
        let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: false, resume: true });
        assert_eq!(
            outcome.exit_code,
            exit_code::DONE,
            "killed after record {kept}: {:#?}",
            outcome.report.findings
        );
        assert_eq!(drill.changes(), ALL, "killed after record {kept}");
        assert_eq!(
            outcome.report.bound.last_applied_lsn.as_deref(),
            Some("40"),
            "killed after record {kept}"
        );
    }
}

/// Runs until it waits for the replicas, and kills it there.
fn killed_while_it_waits_for_the_replicas() -> Drill {
    let world = World::new();
    world.replica_looks.set(u32::MAX);
    let drill = Drill::new(&world);
    let (site, env) = (site(), drill.env.clone());
    let plan = plan(&site);
    let servers = ScriptedServers(Rc::clone(&world) as Rc<dyn Answers>);
    let run = Run::new(&env, &site, &plan, RunOptions::default(), &servers).carry_out();
    let killed = block_on(async { tokio::time::timeout(Duration::from_secs(300), run).await.is_err() });
    assert!(killed, "the wait for replicas ends by itself after ten minutes, not sooner");
    assert_eq!(drill.changes(), ALL);
    drill
}

const RESUME: RunOptions = RunOptions { accept_data_loss: false, resume: true };

#[test]
fn resumed_after_it_was_killed_in_the_wait_for_replicas_it_waits_on() {
    let drill = killed_while_it_waits_for_the_replicas();
    drill.world.replica_looks.set(5);
    let outcome = drill.run_plan(|_| {}, RESUME);
    assert_eq!((outcome.report.outcome, outcome.exit_code), (Verdict::Done, exit_code::DONE));
    assert_eq!(drill.world.replica_looks.get(), 0, "it looked until they were up to date");
    assert_eq!(outcome.report.steps[6].status, StepStatus::Done);
    assert!(!outcome.report.findings.iter().any(|finding| finding.code == "replica-not-up-to-date"));
    assert!(!drill.told.0.borrow().iter().any(|message| message.code == "already-done"));
    assert_eq!(drill.changes(), ALL, "nothing is done twice");
}

#[test]
fn resumed_with_replicas_that_stay_behind_it_says_so_when_the_deadline_is_over() {
    let drill = killed_while_it_waits_for_the_replicas();
    let outcome = drill.run_plan(|_| {}, RESUME);
    assert_eq!((outcome.report.outcome, outcome.exit_code), (Verdict::Done, exit_code::DONE));
    let lags = |finding: &&Message| finding.code == "replica-not-up-to-date";
    let warning = outcome.report.findings.iter().find(lags).expect("the lag is said");
    assert_eq!(warning.severity, Severity::Warning);
    assert!(
        warning.text.starts_with("The replicas of chat-b1.litwareinc.com are not up to date"),
        "{}",
        warning.text
    );
}

#[test]
fn status_counts_step_7_as_open_while_a_replica_is_behind() {
    let drill = killed_while_it_waits_for_the_replicas();
    let site = site();
    let plan = plan(&site);
    let servers = ScriptedServers(Rc::clone(&drill.world) as Rc<dyn Answers>);
    let status = || {
        let run = Run::new(&drill.env, &site, &plan, RunOptions::default(), &servers);
        block_on(run.status())
    };
    let outcome = status();
    assert_eq!((outcome.completed, outcome.report.steps[6].status), (false, StepStatus::Pending));
    assert!(outcome.report.findings.iter().any(|finding| finding.code == "step-7-open"));
    drill.world.replica_looks.set(0);
    assert!(status().completed);
}

#[test]
fn nothing_is_resumed_that_was_not_begun() {
    let drill = Drill::new(&World::new());
    let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: false, resume: true });
    assert_eq!(outcome.exit_code, exit_code::USAGE);
    assert!(drill.told.0.borrow().iter().any(|message| message.code == "nothing-to-resume"));
}

#[test]
fn an_unreachable_share_stops_it_and_what_was_copied_is_applied_once_the_loss_is_accepted() {
    let world = World::new();
    world.put(DESTINATION, "mgc_2.trn", "mgc 20 30");
    world.shares.unreachable.borrow_mut().push(SHARE.to_owned());
    let drill = Drill::new(&world);
    assert_eq!(drill.run().report.stopped_by.as_deref(), Some("share-unreachable"));
    let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: true, resume: false });
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert!(drill.changes().contains(&"applied 30".to_owned()));
}

#[test]
fn a_database_recovered_by_somebody_else_with_log_left_over_stops_it() {
    let world = World::new();
    world.state.replace("ONLINE");
    let outcome = Drill::new(&world).run();
    assert_eq!(outcome.report.stopped_by.as_deref(), Some("recovered-early"));
}

#[test]
fn without_a_mirror_the_active_servers_are_set_all_the_same_and_resume_tries_again() {
    let world = World::new();
    world.failing_cmdlet.set("Install-CsMirrorDatabase");
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::FAILED);
    assert!(drill.changes().contains(&"active servers".to_owned()));
    assert_eq!(outcome.report.steps[5].status, StepStatus::Failed);
    world.failing_cmdlet.set("");
    let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: false, resume: true });
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(drill.changes().last().unwrap(), "mirrored");
}

#[rstest]
#[case::ends_by_itself(5, false)]
#[case::is_stopped(10_000, true)]
fn a_running_job_is_waited_for_and_then_stopped(#[case] looks: u32, #[case] stopped: bool) {
    let world = World::new();
    world.job_looks.set(looks);
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert!(outcome.report.findings.iter().any(|finding| finding.code == "job-running"));
    assert_eq!(drill.changes().contains(&"job stopped".to_owned()), stopped);
}

#[rstest]
#[case::before_its_work(false)]
#[case::after_its_work(true)]
fn a_connection_cut_during_a_restore_is_followed_by_a_look(#[case] after_work: bool) {
    let world = World::new();
    world.cuts.set(2);
    world.cut_after_work.set(after_work);
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(drill.changes(), ALL);
}

#[test]
fn a_lost_monitor_server_is_said_and_does_not_stop_step_1() {
    let world = World::new();
    world.monitor_gone.set(true);
    let outcome = Drill::new(&world).run();
    assert_eq!(outcome.exit_code, exit_code::DONE);
    assert!(outcome.report.findings.iter().any(|finding| finding.code == "monitor-server-unreachable"));
}

/// A folder of the site file that is another one on the server.
#[test]
fn two_sides_of_a_path_that_differ_stop_it() {
    let world = World::new();
    let drill = Drill::new(&world);
    let mut site = site();
    site.log_shipping.copy_destination.here = r"\\elsewhere\mgc".to_owned();
    let plan = plan(&site);
    let servers = ScriptedServers(Rc::clone(&world) as Rc<dyn Answers>);
    let run = Run::new(&drill.env, &site, &plan, RunOptions::default(), &servers);
    let outcome = block_on(run.carry_out());
    assert_eq!(outcome.report.stopped_by.as_deref(), Some("paths-differ"));
    assert!(drill.changes().is_empty());
    let leftovers =
        world.shares.files.borrow().keys().filter(|path| path.contains(crate::PROBE_PREFIX)).count();
    assert_eq!(leftovers, 0, "probes are removed");
}

#[test]
fn a_look_leaves_no_trace() {
    let drill = Drill::new(&World::new());
    let site = site();
    let plan = plan(&site);
    let servers = ScriptedServers(Rc::clone(&drill.world) as Rc<dyn Answers>);
    let run = || Run::new(&drill.env, &site, &plan, RunOptions::default(), &servers);
    assert_eq!(block_on(run().preflight()).exit_code, exit_code::DONE);
    assert!(!block_on(run().status()).completed);
    assert!(drill.changes().is_empty() && drill.journal.0.borrow().is_empty());
}

#[test]
fn replicas_that_could_not_be_asked_are_not_called_up_to_date() {
    let drill = Drill::new(&World::new());
    let mut env = drill.env.clone();
    env.shell = Rc::new(ScriptedShell(Box::new(|_| Err(std::io::ErrorKind::NotFound.into()))));
    let site = site();
    let plan = plan(&site);
    let servers = ScriptedServers(Rc::clone(&drill.world) as Rc<dyn Answers>);
    let outcome = block_on(Run::new(&env, &site, &plan, RunOptions::default(), &servers).status());
    let care = outcome.report.aftercare.iter().find(|care| care.code == "replica-not-up-to-date").unwrap();
    assert!(!care.done && care.text.contains("could not be asked"), "{}", care.text);
}

#[test]
fn a_journal_that_cannot_be_written_stops_it_before_the_deed() {
    let drill = Drill::new(&World::new());
    let mut env = drill.env.clone();
    env.journal = Rc::new(FullJournal { inner: Rc::clone(&drill.journal), lines_left: Cell::new(4) });
    let site = site();
    let plan = plan(&site);
    let servers = ScriptedServers(Rc::clone(&drill.world) as Rc<dyn Answers>);
    let run = Run::new(&env, &site, &plan, RunOptions::default(), &servers);
    let outcome = block_on(run.carry_out());
    assert_eq!(outcome.exit_code, exit_code::FAILED);
    assert!(outcome.report.findings.iter().any(|finding| finding.code == "journal-unwritable"));
    assert!(drill.changes().is_empty());
}
