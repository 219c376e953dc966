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
#[case::the_lab_arm(&["run", "--on", "lab"], 4)]
#[case::the_docker_arm(&["run", "--on", "docker"], 4)]
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
fn a_line_that_would_do_nothing_is_refused(#[case] lines: &str, #[case] reason: &str) {
    let name = format!("nothing-{}", reason.replace(' ', "-"));
    let text = format!(
        "Feature: F\n Scenario: s\n Given the estate \"litware\"\n And 2 log backups are on the share\n {lines}\n"
    );
    let feature = Feature::with(&name, &text);
    let output = firedrill(&["run", feature.path()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains(reason), "{}", said(&output));
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
