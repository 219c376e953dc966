//! `firedrill score`: drills a failover program with the whole book, and prints its score card.

use super::run::{self, Performed};
use super::{Arm, RunArguments, complain, parse_time, say};
use crate::report::DrillReport;
use crate::score::{ScoreCard, text};
use crate::verdict::Ending;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// The book, in one language: another has the same drills.
const BOOK: &str = "features/en";

/// Arguments of `firedrill score`.
#[derive(Debug, clap::Args)]
pub(crate) struct ScoreArguments {
    /// Feature files or folders; features/en when none is named.
    paths: Vec<PathBuf>,
    /// The failover program: a command line for /bin/sh, or pchat-failover for the one that comes along, as a process.
    /// What a program finds in its environment: firedrill run --help-failover.
    #[arg(long, value_name = "CMD")]
    failover: String,
    /// The longest that one start of it may take.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "15m")]
    failover_limit: Duration,
    /// Where the estate is staged.
    #[arg(long, value_enum, default_value_t = Arm::Sim)]
    on: Arm,
    /// The image of the containers' SQL Servers; the project's own if not given.
    #[arg(long, value_name = "IMG")]
    image: Option<String>,
    /// Only drills whose tags satisfy this: '@smoke and not @slow'.
    #[arg(long, value_name = "EXPR")]
    tags: Option<String>,
    /// The seed of every drill.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the card as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl ScoreArguments {
    /// The run whose drills are scored.
    fn run(&self) -> RunArguments {
        let book = || vec![PathBuf::from(BOOK)];
        RunArguments {
            paths: if self.paths.is_empty() { book() } else { self.paths.clone() },
            on: self.on,
            image: self.image.clone(),
            failover: Some(self.failover.clone()),
            failover_limit: self.failover_limit,
            tags: self.tags.clone(),
            seed: self.seed,
            json: self.json.clone(),
            ..RunArguments::default()
        }
    }
}

/// Scores a failover program.
pub(super) fn score(arguments: &ScoreArguments) -> Ending {
    let observer = observer();
    let performed = match run::perform(&arguments.run(), move |drills| observer(drills)) {
        Ok(performed) => performed,
        Err(ending) => return ending,
    };
    let Performed { report, ending, .. } = performed;
    let card = ScoreCard::of(&report);
    if !report.drills.is_empty() {
        say(&text(&card));
    }
    let is_written = arguments.json.as_deref().is_none_or(|path| write(path, &card));
    match ending {
        Some(ending) => ending,
        None if !is_written => Ending::Usage,
        None => card.ending(),
    }
}

/// Tells of each drill on standard error: a book takes minutes, and the card comes at the end.
fn observer() -> impl Fn(usize) -> Rc<dyn Fn(&DrillReport)> {
    |drills| {
        let done = Cell::new(0_usize);
        Rc::new(move |drill: &DrillReport| {
            done.set(done.get() + 1);
            let (verdict, name) = (drill.verdict.word(), &drill.name);
            complain(&format!("{} of {drills}: {verdict}: {name}", done.get()));
        })
    }
}

fn write(path: &Path, card: &ScoreCard) -> bool {
    let written = serde_json::to_string_pretty(card)
        .map_err(|error| error.to_string())
        .and_then(|text| std::fs::write(path, text + "\n").map_err(|error| error.to_string()));
    if let Err(error) = &written {
        complain(&format!(
            "{}: the card could not be written ({error}); the drills were run",
            path.display()
        ));
    }
    written.is_ok()
}
