//! `firedrill run`: reads the book, runs it, writes the reports.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{RunArguments, complain, environment, say};
use crate::estate::outside;
use crate::report::{DrillReport, RunReport, console, json, junit};
use crate::runner::book::{Book, BookError};
use crate::runner::{DrillOptions, Ran, RunOptions, jobs_by_default, run as run_book};
use crate::verdict::Ending;

/// Runs what the arguments select.
pub(super) fn run(arguments: &RunArguments) -> Ending {
    if arguments.help_failover {
        say(&help_for_failover_programs());
        return Ending::Passed;
    }
    let verbose = arguments.verbose;
    let progress: Rc<RefCell<Option<indicatif::ProgressBar>>> = Rc::default();
    let shown = Rc::clone(&progress);
    let observer = move |drills| {
        let Progress { bar, observer } = progress_of(drills, verbose);
        *shown.borrow_mut() = bar;
        observer
    };
    let Performed { report, took, ending } = match perform(arguments, observer) {
        Ok(performed) => performed,
        Err(ending) => return ending,
    };
    if let Some(bar) = progress.borrow().as_ref() {
        bar.finish_and_clear();
    }
    if let Some(took) = took {
        say(&console::summary(&report));
        say(&console::speed(&report, took));
    }
    let written = write_reports(arguments, &report);
    match ending {
        Some(ending) => ending,
        None if !written => Ending::Usage,
        None => Ending::of_run(&report.verdicts(), arguments.allow_not_exercised),
    }
}

/// Drills that were run.
pub(super) struct Performed {
    /// What they came to.
    pub(super) report: RunReport,
    /// How long it took; none when no drill was selected.
    pub(super) took: Option<Duration>,
    /// How the program has to end, if not by the drills' verdicts: no drill was selected, the environment failed, or
    /// somebody interrupted it. The reason has been told.
    pub(super) ending: Option<Ending>,
}

/// Runs the drills that the arguments select; `observer_for` makes, for that number of drills, what is told of each.
///
/// # Errors
/// How the program has to end when nothing was run; the reason has been told.
pub(super) fn perform(
    arguments: &RunArguments,
    observer_for: impl FnOnce(usize) -> Rc<dyn Fn(&DrillReport)>,
) -> Result<Performed, Ending> {
    let fails = |message: String, ending| {
        complain(&message);
        Err(ending)
    };
    let book = match select(arguments) {
        Ok(book) => book,
        Err(error) => return fails(error.to_string(), Ending::Usage),
    };
    if let Err(message) = check_files(arguments).and_then(|()| environment::check_program(arguments)) {
        return fails(message, Ending::Usage);
    }
    let arm = match environment::arm(arguments) {
        Ok(arm) => arm,
        Err(lacking) => return fails(lacking, Ending::Environment),
    };
    if arguments.jobs.is_some_and(|jobs| jobs.get() > 1) && arm.0.on_another_thread().is_none() {
        let message = "--jobs is for drills in this process on simulated time; here one follows the other. Nothing was run: leave it out";
        return fails(message.to_owned(), Ending::Usage);
    }
    if book.scenarios() == 0 {
        complain(
            "no drill was selected: nothing was checked. The features have drills, but none that --tags or --shard selects",
        );
        let report = RunReport::of(arm.0.described(), arguments.seed, Vec::new());
        return Ok(Performed { report, took: None, ending: Some(Ending::Vacuous) });
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    watch_for_interrupt(&interrupted);
    let options = RunOptions {
        drills: DrillOptions {
            seed: arguments.seed,
            estate: arguments.estate.clone(),
            rto: arguments.rto,
            rpo: arguments.rpo,
            interrupted: Arc::clone(&interrupted),
        },
        arm,
        jobs: arguments.jobs.unwrap_or_else(jobs_by_default),
        observer: observer_for(book.scenarios()),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "outside the simulated arm: it measures the run for the console"
    )]
    let started = std::time::Instant::now();
    let Ran { report, environment } = run_book(book, &options);
    let took = Some(started.elapsed());
    let left = options.arm.0.leave();
    let ending = if let Some(lacking) = environment {
        complain(&format!("{lacking}; the drills above were run, the rest was not"));
        Some(Ending::Environment)
    } else if interrupted.load(Ordering::Relaxed) {
        complain("interrupted: the drills above were run, the rest was not");
        Some(Ending::Interrupted)
    } else {
        None
    };
    // What is left behind outweighs what the drills came to: the next run may find it in its way.
    let ending = match left {
        Ok(()) => ending,
        Err(why) => {
            complain(&why);
            Some(Ending::Environment)
        }
    };
    Ok(Performed { report, took, ending })
}

/// What a failover program finds in its environment.
fn help_for_failover_programs() -> String {
    let mut text = "\
A failover program is started by /bin/sh once for each time that the operator of a drill runs or resumes it, in the
folder in which firedrill was started, without input. It ends with 0 when it has carried out the failover, and with
anything else when it has not (126 and 127 are the shell's own: a command that could not be run). It is judged by what it
did; the end of what it prints is shown when a drill fails. It is killed, with all that it has started, when the drill
says so, when it takes longer than --failover-limit, and when the run is interrupted; what it leaves running when it ends
is killed too. Environment variables:
"
    .to_owned();
    for (name, about) in outside::VARIABLES {
        text.push_str(&format!("  {name:<38} {about}\n"));
    }
    text
}

/// Reads the features and keeps what the arguments select.
fn select(arguments: &RunArguments) -> Result<Book, BookError> {
    let mut book = Book::read(&arguments.paths)?;
    if let Some(tags) = &arguments.tags {
        book.keep_tagged(tags)?;
    }
    if let Some(shard) = arguments.shard {
        book.keep_shard(shard);
    }
    Ok(book)
}

/// Finds out before the run whether its inputs can be read and its reports can be written.
fn check_files(arguments: &RunArguments) -> Result<(), String> {
    if arguments.junit.is_some() && arguments.junit == arguments.json {
        return Err("--junit and --json name the same file; nothing was run. Name two files".to_owned());
    }
    for report in [&arguments.junit, &arguments.json].into_iter().flatten() {
        let folder =
            report.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(format!(
                "{}: there is no folder {}; nothing was run",
                report.display(),
                folder.display()
            ));
        }
        if report.is_dir() {
            return Err(format!("{}: is a folder; nothing was run. Name a file", report.display()));
        }
        // A long run must not end with a report that cannot be written.
        std::fs::OpenOptions::new().create(true).append(true).open(report).map_err(|error| {
            format!("{}: cannot be written ({error}); nothing was run. Name another file", report.display())
        })?;
    }
    if let Some(estate) = &arguments.estate {
        let shown = estate.display().to_string();
        let text = std::fs::read_to_string(estate)
            .map_err(|error| format!("{shown}: cannot be read ({error}); nothing was run"))?;
        let file = crate::estate::EstateFile::parse(&text, &shown)
            .map_err(|error| format!("{error}; nothing was run"))?;
        if arguments.on == super::Arm::Lab && !file.contents.lab {
            return Err(format!(
                "{shown}: does not say lab = true, so its servers are not used; nothing was touched. Say so if drills may be run on them"
            ));
        }
    } else if arguments.on == super::Arm::Lab {
        return Err(
            "--on lab needs --estate FILE: which servers, and that they may be used; nothing was run"
                .to_owned(),
        );
    }
    Ok(())
}

/// Writes the reports that were asked for; says which could not be written.
fn write_reports(arguments: &RunArguments, report: &RunReport) -> bool {
    let mut written = true;
    let mut write = |path: &Path, text: Result<String, String>| {
        let result = text.and_then(|text| std::fs::write(path, text).map_err(|error| error.to_string()));
        if let Err(error) = result {
            complain(&format!(
                "{}: the report could not be written ({error}); the drills were run",
                path.display()
            ));
            written = false;
        }
    };
    if let Some(path) = &arguments.junit {
        write(path, junit::render(report).map_err(|error| error.to_string()));
    }
    if let Some(path) = &arguments.json {
        write(path, json::render(report).map_err(|error| error.to_string()));
    }
    written
}

/// Sets the flag on Ctrl-C and on the request to end, so that the drill under way ends and no other begins.
fn watch_for_interrupt(interrupted: &Arc<AtomicBool>) {
    let interrupted = Arc::clone(interrupted);
    let watch = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(outside::interrupted()).is_ok() {
            interrupted.store(true, Ordering::Relaxed);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "outside the simulated arm: it only sets a flag")]
    std::thread::spawn(watch);
}

/// How a run shows that it goes on.
struct Progress {
    bar: Option<indicatif::ProgressBar>,
    observer: Rc<dyn Fn(&DrillReport)>,
}

/// A bar on a terminal, plain lines elsewhere.
fn progress_of(drills: usize, verbose: bool) -> Progress {
    let text_of = move |drill: &DrillReport| match verbose || console::deserves_a_page(drill.verdict) {
        true => console::page(drill),
        false => console::line(drill),
    };
    if !std::io::stdout().is_terminal() {
        return Progress { bar: None, observer: Rc::new(move |drill| say(&text_of(drill))) };
    }
    let bar = indicatif::ProgressBar::new(u64::try_from(drills).unwrap_or(u64::MAX));
    let shown = bar.clone();
    let observer = Rc::new(move |drill: &DrillReport| {
        shown.println(text_of(drill).trim_end());
        shown.inc(1);
    });
    Progress { bar: Some(bar), observer }
}
