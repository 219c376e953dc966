//! The drill book itself: green where it must be, red where it must be, the same every time.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use firedrill::report::{RunReport, json};
use firedrill::runner::book::Book;
use firedrill::runner::{DrillOptions, RunOptions, jobs_by_default, run};
use firedrill::verdict::{Ending, Verdict};

fn features(folder: &str) -> Vec<PathBuf> {
    vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../features").join(folder)]
}

fn run_book(folder: &str, tags: Option<&str>, seed: u64) -> RunReport {
    run_some_at_a_time(folder, tags, seed, jobs_by_default().get())
}

fn run_some_at_a_time(folder: &str, tags: Option<&str>, seed: u64, jobs: usize) -> RunReport {
    let mut book = Book::read(&features(folder)).expect("the book can be read");
    if let Some(tags) = tags {
        book.keep_tagged(tags).expect("the tags are an expression");
    }
    run_all(book, seed, jobs)
}

fn run_all(book: Book, seed: u64, jobs: usize) -> RunReport {
    let told: Rc<RefCell<Vec<String>>> = Rc::default();
    let tell = Rc::clone(&told);
    let options = RunOptions {
        drills: DrillOptions { seed, ..DrillOptions::default() },
        jobs: NonZeroUsize::new(jobs).expect("at least one"),
        observer: Rc::new(move |drill| tell.borrow_mut().push(drill.name.clone())),
        ..RunOptions::default()
    };
    let report = run(book, &options).report;
    let names: Vec<&String> = report.drills.iter().map(|drill| &drill.name).collect();
    assert_eq!(told.borrow().iter().collect::<Vec<_>>(), names, "drills are told of in the report's order");
    report
}

#[test]
fn the_whole_book_passes() {
    let report = run_book("en", None, 1);
    let bad: Vec<String> = report
        .drills
        .iter()
        .filter(|drill| drill.verdict != Verdict::Passed)
        .map(|drill| format!("{} ({}): {:?}", drill.name, drill.verdict.word(), drill.reasons))
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(report.drills.len() >= 60, "{} drills", report.drills.len());
}

/// The drills that must not pass, and the reason by which each must go red.
const RED: [(&str, &str); 17] = [
    ("It leaves out step 5", "step"),
    ("It reports success after step 3", "reported-done-not-done"),
    ("It does step 5 before step 4", "failed-over-before-online"),
    ("It does not look for a living primary", "two-writable-copies"),
    ("It does not apply what it copied", "shipped-lost"),
    ("It does not say what may be lost", "bound-wrong"),
    ("It empties mgccomp", "mgccomp-touched"),
    ("A step that nobody defined", "undefined-step"),
    ("No Then", "no-then"),
    ("A fault that never strikes", "fault-never-fired"),
    ("No failover", "nothing-happened"),
    ("A command that failed and that nobody asked about", "answer-ignored"),
    ("A cmdlet that was to fail and was never called", "fault-never-fired"),
    ("A server that comes back and was never lost", "fault-without-effect"),
    ("A disk that never fills up", "fault-never-fired"),
    ("A survivor of a loss that never came", "fault-never-fired"),
    ("A wrong program that does no harm", "wrong-not-caught"),
];

#[test]
fn every_drill_of_the_self_test_goes_red_for_its_reason() {
    let report = run_book("self", None, 1);
    let mut wrong = Vec::new();
    for drill in &report.drills {
        let codes: Vec<&str> = drill.reasons.iter().map(|reason| reason.code.as_str()).collect();
        let wanted = RED.iter().find(|(name, _)| *name == drill.name).map(|(_, code)| *code);
        if drill.verdict == Verdict::Passed || !wanted.is_some_and(|code| codes.contains(&code)) {
            wrong.push(format!("{} ({}): {:?}", drill.name, drill.verdict.word(), drill.reasons));
        }
    }
    assert!(wrong.is_empty(), "not red for their reason:\n{}", wrong.join("\n"));
    assert_eq!(report.drills.len(), RED.len());
    assert_eq!(Ending::of_run(&report.verdicts(), false), Ending::Failed);
}

#[test]
fn one_seed_gives_one_report_and_another_seed_another() {
    let report = |seed, jobs| json::render(&run_some_at_a_time("en", Some("@smoke"), seed, jobs)).unwrap();
    let (first, other) = (report(7, 1), report(8, 1));
    for jobs in [3, 100] {
        assert!(first == report(7, jobs), "another run with the same seed differs, {jobs} drills at a time");
    }
    let fields = |text: &str| text.replace("\"seed\": 7", "").replace("\"seed\": 8", "");
    let differing =
        fields(&first).lines().zip(fields(&other).lines()).filter(|(one, two)| one != two).count();
    assert!(differing > 5, "another seed changes only {differing} lines");
}

/// The failover is killed between any two changes, and there is no change that the feature leaves out.
#[test]
fn killed_before_and_after_each_change_and_resumed_the_failover_comes_to_the_same() {
    let report = run_book("moments", None, 1);
    let bad: Vec<_> = report.drills.iter().filter(|drill| drill.verdict != Verdict::Passed).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let moments = report.drills.len();

    let file = &features("moments")[0].join("killed-at-any-moment.feature");
    let text = std::fs::read_to_string(file).expect("the feature can be read");
    let last = format!("| {moments:<6} |");
    assert!(text.contains(&last), "the feature ends with {last}");
    let beyond = text.lines().filter(|line| !line.starts_with("      | ") || line.contains("moment"));
    let beyond: Vec<String> =
        beyond.map(ToOwned::to_owned).chain([format!("      | {} |", moments + 1)]).collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed-too-late.feature");
    std::fs::write(&file, beyond.join("\n")).expect("the feature can be written");
    let report = run_all(Book::read(&[file]).expect("the feature can be read"), 1, 1);
    assert_eq!(report.drills.len(), 1);
    assert!(
        report.drills[0].reasons[0].text.contains("it should have been killed"),
        "{:?}",
        report.drills[0].reasons
    );
}
