//! Drills on containers, as a user starts them, and what is left behind.
//!
//! Needs a container engine and the image that `docker/build` makes. Without them the cases are reported as not run;
//! with `CI=true` they fail.

#![expect(clippy::disallowed_methods, reason = "containers live on the real clock")]

mod engine;

use engine::docker;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

type Case = fn() -> Result<(), Failed>;

const CASES: [(&str, Case); 6] = [
    ("a_drill_on_containers_passes_and_leaves_nothing", passes),
    ("a_program_killed_between_its_changes_is_resumed", resumed),
    ("what_a_killed_run_has_left_is_removed_by_the_next_one_and_nothing_else", killed),
    ("an_interrupted_run_leaves_nothing", interrupted),
    ("an_image_that_is_not_there_is_named", no_image),
    ("an_engine_that_does_not_answer_is_named", no_engine),
];

/// Nothing here takes longer on a slow machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn main() {
    let arguments = Arguments::from_args();
    let missing = engine::missing();
    if let Some(why) = &missing {
        eprintln!("drills on containers were not tested: {why}");
    }
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    // One after the other: each counts what the engine has.
    let arguments = Arguments { test_threads: Some(1), ..arguments };
    let trials = CASES.iter().map(|(name, case)| {
        let missing = missing.clone();
        let ignored = missing.is_some() && !is_ci;
        let run = move || match missing {
            Some(why) => Err(Failed::from(why)),
            None => case(),
        };
        Trial::test(*name, run).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// The happy path in containers.
fn happy_path() -> Command {
    run(&["--tags", "@smoke", "features/en/data-center-lost.feature"])
}

/// A run in containers.
fn run(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .args(["run", "--on", "docker"])
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn expect(is_so: bool, what: impl FnOnce() -> String) -> Result<(), Failed> {
    if is_so { Ok(()) } else { Err(what().into()) }
}

/// Containers and networks of any run.
fn left() -> Result<Vec<String>, Failed> {
    let containers = docker(&["ps", "--all", "--quiet", "--filter", "label=firedrill.run"])?;
    let networks = docker(&["network", "ls", "--quiet", "--filter", "label=firedrill.run"])?;
    Ok(containers.lines().chain(networks.lines()).map(str::to_owned).collect())
}

fn nothing_is_left() -> Result<(), Failed> {
    let left = left()?;
    expect(left.is_empty(), || format!("left behind: {}", left.join(", ")))
}

fn passes() -> Result<(), Failed> {
    let output = happy_path().output()?;
    expect(output.status.code() == Some(0), || said(&output))?;
    let said = said(&output);
    expect(said.contains("\n  log-shipping procedures  yes\n"), || format!("no capabilities in {said}"))?;
    expect(said.contains("1 drills on docker (seed 1): 1 passed"), || said.clone())?;
    nothing_is_left()
}

/// Some of the moments at which `pchat-failover`, a process there, can be killed by SIGKILL.
fn resumed() -> Result<(), Failed> {
    let output = run(&["--shard", "1/5", "features/moments"]).output()?;
    expect(output.status.code() == Some(0), || said(&output))?;
    expect(said(&output).contains("5 drills on docker (seed 1): 5 passed"), || said(&output))?;
    nothing_is_left()
}

/// Starts the happy path, and waits until it has made all its containers.
fn under_way() -> Result<Child, Failed> {
    let mut run = happy_path().spawn()?;
    let until = Instant::now() + PATIENCE;
    loop {
        let containers = docker(&["ps", "--quiet", "--filter", "label=firedrill.run"])?;
        if containers.lines().count() == 4 {
            return Ok(run);
        }
        if run.try_wait()?.is_some() || Instant::now() > until {
            let _ = run.kill();
            return Err(format!("no four containers: {}", said(&run.wait_with_output()?)).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn killed() -> Result<(), Failed> {
    let mut run = under_way()?;
    run.kill()?;
    run.wait()?;
    expect(left()?.len() == 8, || "a killed run cannot clean up: this case tests nothing".to_owned())?;
    // A stranger's network that looks like one of ours and carries no owner that is known to be dead.
    docker(&["network", "create", "--label", "firedrill.run=stranger", "firedrill-test-stranger"])?;
    let output = happy_path().output()?;
    let stranger = docker(&["network", "ls", "--quiet", "--filter", "name=firedrill-test-stranger"])?;
    docker(&["network", "rm", "firedrill-test-stranger"])?;
    expect(output.status.code() == Some(0), || said(&output))?;
    expect(!stranger.trim().is_empty(), || "a stranger's network was removed".to_owned())?;
    nothing_is_left()
}

fn interrupted() -> Result<(), Failed> {
    let run = under_way()?;
    let interrupt = Command::new("kill").args(["-INT", &run.id().to_string()]).status()?;
    expect(interrupt.success(), || "it could not be interrupted".to_owned())?;
    let output = run.wait_with_output()?;
    expect(output.status.code() == Some(130), || format!("{:?}: {}", output.status.code(), said(&output)))?;
    nothing_is_left()
}

fn no_image() -> Result<(), Failed> {
    let output = happy_path().args(["--image", "nobody/nothing:1"]).output()?;
    let said = said(&output);
    expect(output.status.code() == Some(4), || said.clone())?;
    expect(said.contains("the engine has no image nobody/nothing:1"), || said.clone())?;
    nothing_is_left()
}

fn no_engine() -> Result<(), Failed> {
    let output = happy_path().env("DOCKER_HOST", "tcp://127.0.0.1:1").output()?;
    let said = said(&output);
    expect(output.status.code() == Some(4), || said.clone())?;
    expect(said.contains("no container engine answers"), || said)
}
