//! The command line as a user meets it: what it prints and how it exits.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

/// Runs the program in the repository's root.
fn firedrill(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the program starts")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}

fn said(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    // How fast it was differs from run to run.
    let lines: Vec<&str> = stdout.lines().filter(|line| !line.contains("drills per second")).collect();
    format!(
        "exit {}\n{}\n{}",
        output.status.code().unwrap_or(-1),
        lines.join("\n"),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A file of its own for one test, removed afterwards.
struct Feature(PathBuf);

impl Feature {
    fn with(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("firedrill-{}-{name}.feature", std::process::id()));
        std::fs::write(&path, text).expect("the temporary folder can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a temporary path is UTF-8")
    }
}

impl Drop for Feature {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[rstest]
#[case::missing_path(&["run", "features/none.feature"], 2)]
#[case::not_a_feature(&["run", "Cargo.toml"], 2)]
#[case::nothing_selected(&["run", "--tags", "@no-such-tag"], 3)]
#[case::broken_tags(&["run", "--tags", "@a and"], 2)]
#[case::no_folder_for_the_report(&["run", "--json", "/no/such/folder/x.json"], 2)]
#[case::a_report_that_cannot_be_written(&["run", "--tags", "@no-such-tag", "--json", "/proc/firedrill.json"], 2)]
#[case::two_reports_in_one_file(&["run", "--tags", "@no-such-tag", "--json", "/tmp/x", "--junit", "/tmp/x"], 2)]
#[case::missing_estate(&["run", "--estate", "no-such.toml"], 2)]
#[case::the_lab_arm(&["run", "--on", "lab"], 2)]
#[case::the_docker_arm_without_the_image(&["run", "--on", "docker", "--image", "nobody/nothing:1"], 4)]
#[case::unknown_arm(&["run", "--on", "moon"], 2)]
#[case::no_command(&[], 2)]
#[case::help(&["--help"], 0)]
#[case::steps(&["steps"], 0)]
#[case::check(&["check"], 0)]
#[case::check_of_a_drill_with_an_unknown_step(&["check", "features/self/vacuous.feature"], 2)]
fn each_ending_has_its_exit_code(#[case] arguments: &[&str], #[case] code: i32) {
    let output = firedrill(arguments);
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
}

#[test]
fn an_unknown_step_is_named_with_its_line_and_the_nearest_step() {
    let feature = Feature::with(
        "unknown",
        "Feature: F\n  Scenario: s\n    Given the estate \"litware\"\n    When data centre A is lost\n    Then the failover succeeds\n",
    );
    let output = firedrill(&["run", feature.path()]);
    let text = said(&output).replace(feature.path(), "FILE");
    insta::assert_snapshot!(text, @r#"
        exit 1
        FAILED        FILE:2  s
          because  [undefined-step] FILE:4: no step reads "data centre A is lost"; the nearest is "When data center {center} is lost"
          passed                      Given the estate "litware"
          undefined                   When data centre A is lost
          not run                     Then the failover succeeds
        1 drills on sim (seed 1): 0 passed, 1 failed, 0 not exercised, 0 vacuous
    "#);
}

#[test]
fn a_scenario_without_then_is_vacuous() {
    let feature = Feature::with("no-then", "Feature: F\n  Scenario: s\n    Given the estate \"litware\"\n");
    let output = firedrill(&["run", feature.path()]);
    let text = said(&output).replace(feature.path(), "FILE");
    insta::assert_snapshot!(text, @r#"
        exit 3
        VACUOUS       FILE:2  s
          because  [no-then] the drill has no Then: nothing was asked of the outcome
          because  [nothing-happened] no failover was attempted and nothing was done by hand
          passed                      Given the estate "litware"
        1 drills on sim (seed 1): 0 passed, 0 failed, 0 not exercised, 1 vacuous
    "#);
}

#[test]
fn a_scenario_without_steps_is_vacuous() {
    let feature = Feature::with("no-steps", "Feature: F\n  Scenario: s\n    Whatever this is\n");
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

#[test]
fn an_unknown_estate_fails_the_drill_and_names_those_there_are() {
    let feature = Feature::with(
        "estate",
        "Feature: F\n  Scenario: s\n    Given the estate \"contoso\"\n    Then the failover succeeds\n",
    );
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("contoso"), "{}", said(&output));
}

/// Lines that would do nothing, or hold although nothing was looked at: each must be refused with a reason.
#[rstest]
#[case("When data center A is lost\n Then mgc on the primary is not mirrored", "the primary does not answer")]
#[case(
    "When the operator fails over to the backup\n Then service is not restored",
    "data center A was never lost"
)]
#[case(
    "When data center A is lost\n And the operator fails over to the backup\n Given a failover program that leaves out step 5",
    "has to come before the failover"
)]
#[case("And a failover program that does step 1 one step too early", "step 1 is the first")]
#[case("And the mirror cmdlet fails 0 times", "leave this line out")]
#[case(
    "And the restore job is 50 log backups behind\n When data center A is lost",
    "but only 2 are on the share"
)]
#[case("And 3 log backups are on the share", "was said twice")]
#[case(
    "And the replica of chat server \"nobody\" is not brought up to date\n When data center A is lost",
    "there is no chat server \"nobody\"; there are chat-a1, "
)]
#[case(
    "And a session id is used again by somebody else when step 4 begins\n When data center A is lost",
    "there are sessions on mgc"
)]
#[case("And a failover program that reports success after step 7", "step 7 is the last")]
#[case(
    "And a failover program that leaves out step 5\n And a failover program that leaves out step 5",
    "said already"
)]
#[case("And the database is named \"mgcc\" on every server", "the site file names the database \"mgcc\"")]
#[case("And the failover program will be killed while it copies log backup 0", "counted from 1")]
#[case(
    "Then mgc on the backup is restoring\n Given no log backup is restored",
    "before the first When or Then"
)]
#[case("When data center A is lost\n And the primary is lost", "the primary is lost already")]
#[case("When the primary comes back", "the primary is not lost")]
#[case("When the backup share comes back", "the backup share is not lost")]
#[case("When data center A is lost\n Given the primary survives the loss of its data center", "lost already")]
#[case(
    "When data center A is lost\n And the chat service posts 10 more messages over 1 minute",
    "only 0 of 10 messages"
)]
#[case("When the chat service posts 0 more messages over 1 minute", "leave this line out")]
#[case("When data center A is lost\n Then mgc on the primary is not there", "cannot be seen")]
#[case("Then mgc on the backup is restoring\n \"\"\"\n really\n \"\"\"", "takes no text block")]
#[case("Then mgc on the backup is restoring\n | a |\n | b |", "no step takes a table")]
#[case("When the operator runs on the backup\n \"\"\"\n\n \"\"\"", "is empty")]
#[case("When the operator runs on the backup", "two lines of \"\"\"")]
#[case(
    "When the operator enters in the management shell\n \"\"\"\n 'no error here'\n \"\"\"\n Then the command is refused",
    "it was accepted: no error here"
)]
#[case(
    "When the operator enters in the management shell\n \"\"\"\n Get-CsPool\n \"\"\"\n Then the answer contains \" \"",
    "every answer contains nothing"
)]
#[case(
    "When data center A is lost\n And the operator fails over to the backup\n Then step 4 took at least 0 seconds",
    "at least no time"
)]
#[case(
    "And no log backup is restored\n And log backup 2 is torn\n When data center A is lost\n And the operator fails over to the backup\n Then the operator is told that log backup 2 is missing",
    "is torn: nothing else can be told of it"
)]
#[case(
    "And no log backup is restored\n And log backup 2 is missing\n When data center A is lost\n And the operator fails over to the backup\n Then the operator is told that log backup 2 is missing",
    "no log backup after 2 is there"
)]
#[case(
    "When data center A is lost\n And the operator fails over to the backup\n Then the operator is told that log backup 99 is missing",
    "there was no log backup 99"
)]
#[case(
    "And the first 1 log backup is copied\n And log backup 2 was appended to the file of the one before\n When data center A is lost",
    "log backups in one file go together"
)]
#[case(
    "And the first 1 log backup is copied\n And log backup 2 is torn\n And the backup share has been emptied\n When data center A is lost",
    "it lies nowhere"
)]
#[case(
    "And a failover program that empties mgccomp\n When data center A is lost\n And the operator fails over to the backup",
    "mgccomp on the backup is empty"
)]
#[case(
    "And no log backup is restored\n And the chat service has posted 0 messages over 1 hour\n When data center A is lost\n And the operator fails over to the backup\n Then exactly the messages after log backup 2 are lost",
    "up to log backup 2: there is nothing to compare"
)]
fn a_line_that_would_do_nothing_is_refused(#[case] lines: &str, #[case] reason: &str) {
    let text = format!(
        "Feature: F\n Scenario: s\n Given the estate \"litware\"\n And 2 log backups are on the share\n {lines}\n"
    );
    let feature = Feature::with(&format!("nothing-{}", digest(lines)), &text);
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains(reason), "{}", said(&output));
}

/// A name for a file that no two different texts share.
fn digest(text: &str) -> String {
    format!("{:08x}-{}", crc32fast::hash(text.as_bytes()), text.len())
}

/// What a drill says and what never comes about: each must be vacuous, for its reason.
#[rstest]
#[case(
    "And no log backup is restored\n And the backup comes back when step 3 begins",
    "fault-without-effect"
)]
#[case("And the primary comes back when step 3 begins", "fault-never-fired")]
#[case("And the backup mirror survives the loss of its data center", "fault-never-fired")]
#[case("And the replica of chat server \"chat-a1\" is not brought up to date", "fault-never-fired")]
#[case(
    "And no log backup is restored\n And the disk of the copy destination has room for 100000 more bytes",
    "fault-never-fired"
)]
#[case("And a failover program without the verification \"database-online\"", "wrong-not-caught")]
fn a_line_that_comes_to_nothing_makes_the_drill_vacuous(#[case] lines: &str, #[case] code: &str) {
    let text = format!(
        "Feature: F\n Scenario: s\n Given the estate \"litware\"\n And 2 log backups are on the share\n {lines}\n When data center A is lost\n And the operator fails over to the backup\n Then the failover succeeds\n"
    );
    let feature = Feature::with(&format!("vacuous-{}", digest(lines)), &text);
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains(&format!("[{code}]")), "{}", said(&output));
}

#[rstest]
#[case::recovery("recovery of mgc on the backup takes 45 minutes")]
#[case::copy_job("the copy job of the backup runs for another 2 minutes")]
#[case::restore_job("the restore job of the backup runs for another 2 minutes")]
#[case::replicas("no replica of the management store is brought up to date")]
fn what_waits_for_a_failover_that_never_comes_makes_the_drill_vacuous(#[case] line: &str) {
    let text = format!(
        "Feature: F\n Scenario: s\n Given the estate \"litware\"\n And 2 log backups are on the share\n And {line}\n When data center A is lost\n And the operator enters in the management shell\n \"\"\"\n Get-CsPool\n \"\"\"\n Then mgc on the backup is restoring\n"
    );
    let feature = Feature::with(&format!("waits-{}", digest(line)), &text);
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("[fault-never-fired]"), "{}", said(&output));
}

/// Drills that a stricter reading must not turn red.
#[rstest]
#[case::two_missing(
    "And no log backup is restored\n And log backup 2 is missing\n And log backup 3 is missing\n When data center A is lost\n And the operator fails over to the backup\n Then the operator is told that log backup 2 is missing\n And the operator is told that log backup 3 is missing"
)]
#[case::the_share_comes_back(
    "And no log backup is restored\n And the backup share cannot be reached\n When data center A is lost\n And the backup share comes back\n And the operator fails over to the backup\n Then the failover succeeds\n And exactly the messages after log backup 4 are lost"
)]
#[case::the_backup_comes_back(
    "When data center A is lost\n And the backup is lost\n And the backup comes back\n And the operator fails over to the backup\n Then the failover succeeds"
)]
#[case::room_is_made(
    "And the first 0 log backups are copied\n And the disk of the copy destination has room for 3000 more bytes\n When data center A is lost\n And the operator fails over to the backup\n Then the failover fails in step 2\n Given the disk of the copy destination has room for 100000 more bytes\n When the operator resumes the failover\n Then the failover succeeds"
)]
#[case::a_cmdlet_fails_again(
    "And the mirror cmdlet fails 1 time\n When data center A is lost\n And the operator fails over to the backup\n Then the failover fails in step 6\n Given the mirror cmdlet fails 1 time\n When the operator resumes the failover\n Then the failover fails in step 6\n When the operator resumes the failover\n Then the failover succeeds"
)]
#[case::the_backup_is_lost_afterwards(
    "When data center A is lost\n And the operator fails over to the backup\n Then the failover succeeds\n When the backup is lost\n Then the pool state is FailedOver"
)]
#[case::a_fast_link(
    "And the site file wants \"chat-b1, chat-a1\" active\n And the site file calls the link to data center A fast\n When data center A is lost\n And the operator fails over to the backup\n Then the failover succeeds"
)]
#[case::nobody_is_to_be_active(
    "And the site file wants \"\" active\n When data center A is lost\n And the operator fails over to the backup\n Then the failover stops before step 1\n And the operator is told that no server is to be active"
)]
#[case::the_shell_is_missing_for_everybody(
    "And the management shell is missing\n When data center A is lost\n And the operator enters in the management shell\n \"\"\"\n Get-CsPool\n \"\"\"\n Then the command is refused\n And the answer contains \"cannot be found\""
)]
fn a_drill_that_says_what_is_so_passes(#[case] lines: &str) {
    let text = format!(
        "Feature: F\n Scenario: s\n Given the estate \"litware\"\n And 4 log backups are on the share\n {lines}\n"
    );
    let feature = Feature::with(&format!("passes-{}", digest(lines)), &text);
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_file_that_is_named_twice_runs_once() {
    let feature = Feature::with("twice", "Feature: F\n Scenario: s\n Then x\n");
    let folder = std::env::temp_dir();
    let around = folder.join("..").join(folder.file_name().expect("it has a name"));
    let other_way = around.join(feature.0.file_name().expect("it has a name"));
    let output = firedrill(&["run", feature.path(), other_way.to_str().expect("UTF-8")]);
    assert!(said(&output).contains("1 drills on sim"), "{}", said(&output));
}

#[rstest]
#[case::no_scenario("Feature: F\n Background:\n Given x\n", "a feature without a scenario")]
#[case::no_rows(
    "Feature: F\n Scenario Outline: s\n Then <a>\n Examples:\n | a |\n",
    "examples without a row"
)]
#[case::an_open_text_block(
    "Feature: F\n Scenario: s\n When x\n \"\"\"\n text\n",
    "this text block is never closed"
)]
fn a_file_of_which_no_drill_would_come_is_refused(#[case] text: &str, #[case] reason: &str) {
    let feature = Feature::with(&format!("none-{}", digest(text)), text);
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains(reason), "{}", said(&output));
}

#[test]
fn an_empty_folder_is_named() {
    let folder = std::env::temp_dir().join(format!("firedrill-{}-empty", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let output = firedrill(&["run", folder.to_str().expect("UTF-8")]);
    std::fs::remove_dir(&folder).expect("it is empty");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("no .feature file in it"), "{}", said(&output));
}

#[test]
fn check_finds_what_no_step_would_read() {
    let feature = Feature::with(
        "check-block",
        "Feature: F\n Scenario: s\n Then the failover succeeds\n \"\"\"\n really\n \"\"\"\n",
    );
    let output = firedrill(&["check", feature.path()]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("takes no text block"), "{}", said(&output));
}

#[test]
fn a_drill_in_which_no_server_is_left_can_pass() {
    let feature = Feature::with(
        "both-lost",
        "Feature: F\n Scenario: s\n Given the estate \"litware\"\n When data center A is lost\n And data center B is lost\n And the operator fails over to the backup\n Then the failover stops before step 1\n And the operator is told that the backup cannot be reached\n",
    );
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_byte_order_mark_is_named() {
    let feature = Feature::with("bom", "\u{feff}Feature: F\n  Scenario: s\n    Then x\n");
    let output = firedrill(&["run", feature.path()]);
    assert!(said(&output).contains("byte order mark"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[rstest]
#[case("", 2)]
#[case("\u{0}\u{1}\u{2}", 2)]
#[case("Scenario: without a feature\n", 2)]
#[case("# language: xx\nFeature: F\n", 2)]
#[case("Feature: F\n  Scenario Outline: s\n    Then <a>\n    Examples:\n      | a | b |\n      | 1 |\n", 2)]
fn a_broken_feature_file_is_one_error_with_its_place(#[case] text: &str, #[case] code: i32) {
    let feature = Feature::with(&format!("broken-{}", text.len()), text);
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    assert!(!said(&output).contains("panicked"), "{}", said(&output));
}
