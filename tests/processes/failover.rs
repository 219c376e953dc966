//! `pchat-failover` as a process: it repairs a served estate, is killed again and again, and goes on.

use crate::support::{Estate, Folder, Running, SHORT_REPLICATION, firedrill, poll, run};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// A failover of a served estate whose data center A is lost.
struct Failover {
    estate: Estate,
    journal: PathBuf,
}

/// What is left when everything is over, read over connections of our own.
#[derive(Debug, PartialEq, Eq)]
struct FinalState {
    databases: Vec<String>,
    pool: String,
    active_servers: String,
    /// What `status` says: the steps that are done, and up to where the log was applied.
    steps: Vec<String>,
    bound: String,
}

impl Failover {
    /// Serves an estate and loses A.
    fn begin(test: &str) -> Self {
        let files = Folder::new(&format!("{test}-estate"));
        let mut estate = Estate::serve(test, &files.estate_with(SHORT_REPLICATION));
        estate.type_line("lose A");
        estate.serve.line_with("lost: sql-a1, sql-a2");
        let journal = estate.folder.path("journal.jsonl");
        Self { estate, journal }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = firedrill();
        command.args(["pchat-failover", verb, "--site"]).arg(self.estate.folder.path("data/site.toml"));
        command.arg("--journal").arg(&self.journal);
        command
    }

    fn records(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.journal).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The step of the last action that was announced; 0 before the first.
    fn announced_step(&self) -> u64 {
        let records = self.records();
        let last = records.iter().rev().find(|record| record["kind"] == "will");
        last.and_then(|record| record["step"].as_u64()).unwrap_or(0)
    }

    /// Starts it and kills it as soon as an action of this step or a later one is announced. The step in which it
    /// was killed, if it was.
    fn kill_in(&self, verb: &str, step: u64) -> Option<u64> {
        let known = self.records().len();
        let (mut running, _) = Running::start(&mut self.command(verb));
        let announced = |record: &serde_json::Value| {
            record["kind"] == "will" && record["step"].as_u64().is_some_and(|announced| announced >= step)
        };
        poll("the action is announced, or the program has ended", || {
            self.records().iter().skip(known).any(announced) || running.has_ended()
        });
        running.kill();
        let reported = self.records().iter().skip(known).any(|record| record["kind"] == "report");
        (!reported).then(|| self.announced_step())
    }

    /// Kills it while it waits for the replicas in step 7.
    fn kill_in_the_wait_for_replicas(&self) {
        let (mut running, _) = Running::start(&mut self.command("resume"));
        running.line_with("waiting up to 600s: The replicas of chat-b1.litwareinc.com");
        running.kill();
    }

    fn status(&self) -> serde_json::Value {
        let output = self.command("status").arg("--json").output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("status --json prints JSON, and nothing else")
    }

    fn final_state(&self) -> FinalState {
        let report = self.status();
        let steps = report["steps"].as_array().expect("a report lists its steps");
        let databases = [
            ("backup", "SELECT state_desc FROM sys.databases WHERE name = N'mgc' AND is_read_only = 0"),
            (
                "backup",
                "SELECT mirroring_role_desc + N' ' + mirroring_state_desc FROM sys.database_mirroring \
                 WHERE database_id = DB_ID(N'mgc')",
            ),
            (
                "backup_mirror",
                "SELECT mirroring_role_desc + N' ' + mirroring_state_desc FROM sys.database_mirroring \
                 WHERE database_id = DB_ID(N'mgc')",
            ),
            ("backup", "SELECT secondary_database FROM msdb.dbo.log_shipping_secondary_databases"),
        ];
        FinalState {
            databases: databases
                .map(|(server, query)| self.estate.ask(server, query).unwrap_or_else(|| "no row".to_owned()))
                .to_vec(),
            pool: self.estate.shell("(Get-CsPersistentChatState).PoolState"),
            active_servers: self
                .estate
                .shell("(Get-CsService -PersistentChatServer).ActiveServers -join ' '"),
            steps: steps.iter().map(|step| step["status"].to_string()).collect(),
            bound: report["bound"].to_string(),
        }
    }

    /// Runs it to its end.
    fn complete(&self, verb: &str) -> String {
        let (code, said) = run(&mut self.command(verb));
        assert_eq!(code, Some(0), "{said}");
        said
    }
}

/// Loses A, asks what stands in the way, and fails over without any disturbance.
fn undisturbed() -> (Failover, FinalState) {
    let failover = Failover::begin("undisturbed");
    let (code, said) = run(&mut failover.command("preflight"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing stands in the way; nothing has been changed"), "{said}");
    let said = failover.complete("run");
    assert!(said.contains("outcome: done"), "{said}");
    let state = failover.final_state();
    (failover, state)
}

/// The same, killed in each step and once more while it waits for the replicas. The steps it was killed in.
fn killed_again_and_again(test: &str) -> (BTreeSet<u64>, FinalState) {
    let failover = Failover::begin(test);
    let mut steps = BTreeSet::new();
    let mut verb = "run";
    while let Some(step) = failover.kill_in(verb, steps.last().map_or(1, |last| last + 1)) {
        verb = "resume";
        steps.insert(step);
        if step == 7 {
            let said = run(&mut failover.command("run"));
            assert_eq!(said.0, Some(2), "what was killed is not begun anew: {}", said.1);
            failover.kill_in_the_wait_for_replicas();
            let said = failover.complete("resume");
            assert!(!said.contains("[already-done]"), "{said}");
            break;
        }
    }
    (steps, failover.final_state())
}

#[test]
fn killed_in_each_of_its_steps_and_resumed_it_leaves_what_an_undisturbed_run_leaves() {
    let all: BTreeSet<u64> = (1..=7).collect();
    let (expected, (mut killed_in, state)) = std::thread::scope(|scope| {
        let undisturbed = scope.spawn(|| {
            let (failover, state) = undisturbed();
            let records = failover.records().len();
            let said = failover.complete("run");
            assert!(said.contains("everything is done already; nothing has been changed"), "{said}");
            let again = failover.records();
            assert!(again.iter().skip(records).all(|record| record["kind"] != "will"), "{again:#?}");
            assert_eq!(failover.final_state(), state, "run again it changes nothing");
            state
        });
        let killed = scope.spawn(|| killed_again_and_again("killed"));
        (undisturbed.join().expect("the run is undisturbed"), killed.join().expect("it is resumed"))
    });
    assert_eq!(
        expected.databases,
        ["ONLINE", "PRINCIPAL SYNCHRONIZED", "MIRROR SYNCHRONIZED", "no row"],
        "{expected:#?}"
    );
    assert_eq!(expected.pool, "FailedOver");
    assert_eq!(
        expected.active_servers,
        "chat-b1.litwareinc.com chat-b2.litwareinc.com chat-b3.litwareinc.com chat-b4.litwareinc.com"
    );
    assert_eq!(expected.steps, vec!["\"already-done\""; 7]);
    assert_eq!(state, expected);
    // A kill can come late on a busy machine, and then strikes a later step: what it missed is done once more.
    for attempt in 0..3 {
        if killed_in != all {
            let (more, state) = killed_again_and_again(&format!("killed-{attempt}"));
            assert_eq!(state, expected);
            killed_in.extend(more);
        }
    }
    assert_eq!(killed_in, all, "it was killed in each step");
}
