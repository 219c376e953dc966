//! The command line: parses arguments, calls, and maps every ending to its documented exit code.

mod environment;
mod run;
mod score;
mod serve;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::runner::book::{Book, Shard};
use crate::runner::check::unusable_steps;
use crate::verdict::Ending;

/// Rehearse the failover of Persistent Chat before the disaster does.
#[derive(Debug, Parser)]
#[command(name = "firedrill", version, about, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Printed below the help.
const EXIT_CODES: &str = "Exit codes: 0 all passed, 1 a drill failed, 2 usage or bad input, 3 nothing was checked, \
4 the environment lacks something, 5 something was not exercised, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run drills: features/en and features/ko, or the files and folders named.
    Run(RunArguments),
    /// Drill a failover program with the whole book and print its score card.
    Score(score::ScoreArguments),
    /// List the steps that drills are written with.
    Steps,
    /// Look for lines that no step would run, without running anything.
    Check {
        /// Feature files or folders.
        paths: Vec<PathBuf>,
    },
    /// Serve one fresh SQL Server, or a staged estate, on this host in real time, for any TDS client.
    Serve(serve::ServeArguments),
    /// The management shell's stand-in, for places where one binary has to be enough.
    #[command(name = "lync-shell", disable_help_flag = true)]
    Shell {
        /// PowerShell's switches.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The failover program itself, for places where one binary has to be enough.
    #[command(name = "pchat-failover", disable_help_flag = true)]
    Failover {
        /// Its own arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Arguments of `firedrill run`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RunArguments {
    /// Feature files or folders; features/en and features/ko when none is named.
    paths: Vec<PathBuf>,
    /// Where the estate is staged.
    #[arg(long, value_enum, default_value_t = Arm::Sim)]
    on: Arm,
    /// The image of the containers' SQL Servers; the project's own if not given.
    #[arg(long, value_name = "IMG")]
    image: Option<String>,
    /// Drill this failover program: a command line for /bin/sh, or pchat-failover for the one that comes along, as a
    /// process. What a program finds in its environment: firedrill run --help-failover.
    #[arg(long, value_name = "CMD")]
    failover: Option<String>,
    /// The longest that one start of the failover program may take.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "15m")]
    failover_limit: Duration,
    /// Print what a failover program finds in its environment, and end.
    #[arg(long)]
    help_failover: bool,
    /// An estate file that stands in for the one the drills name.
    #[arg(long, value_name = "FILE")]
    estate: Option<PathBuf>,
    /// Only drills whose tags satisfy this: '@smoke and not @slow'.
    #[arg(long, value_name = "EXPR")]
    tags: Option<String>,
    /// The seed of every drill.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a JSON report.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A drill fails when service takes longer to come back: 30m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    rto: Option<Duration>,
    /// A drill fails when messages older than this are lost: 15m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    rpo: Option<Duration>,
    /// Take every N-th drill only: I/N.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// How many drills are run at a time, each on a thread; reports are the same. On the sim arm, where it is the number
    /// of processors unless told otherwise, up to 4.
    #[arg(long, value_name = "N", value_parser = parse_jobs)]
    jobs: Option<NonZeroUsize>,
    /// What the arm cannot exercise is no reason to fail.
    #[arg(long)]
    allow_not_exercised: bool,
    /// Show every drill's page, not only of those that did not pass.
    #[arg(long, short)]
    verbose: bool,
}

/// Where an estate is staged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Arm {
    /// In this process, on simulated time.
    #[default]
    Sim,
    /// In containers.
    Docker,
    /// On servers that somebody has.
    Lab,
}

/// Reads the arguments, does what they say, and ends with the documented code.
#[must_use]
pub fn main() -> ExitCode {
    log_if_asked();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Ending::Usage } else { Ending::Passed };
            // A closed output is no reason to panic; the exit code still says what happened.
            let _ = error.print();
            return ExitCode::from(code.exit_code());
        }
    };
    let ending = match arguments.command {
        Command::Run(run) => run::run(&run),
        Command::Score(arguments) => score::score(&arguments),
        Command::Steps => {
            say(&crate::steps::list::plain_list());
            Ending::Passed
        }
        Command::Check { paths } => check(&paths),
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Shell { arguments } => {
            return ExitCode::from(u8::try_from(lyncshell::program::run(&arguments)).unwrap_or(1));
        }
        Command::Failover { arguments } => {
            let all = std::iter::once(OsString::from("firedrill pchat-failover")).chain(arguments);
            return ExitCode::from(u8::try_from(failover::cli::invoke(all)).unwrap_or(1));
        }
    };
    ExitCode::from(ending.exit_code())
}

/// Without RUST_LOG nothing is logged: the reports say what happened.
fn log_if_asked() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_default_env() {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}

/// Prints to standard output; a closed output ends nothing.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = output.write_all(b"\n");
    }
}

/// Prints to standard error.
pub(crate) fn complain(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "firedrill: {text}");
}

fn check(paths: &[PathBuf]) -> Ending {
    let book = match Book::read(paths) {
        Ok(book) => book,
        Err(error) => {
            complain(&error.to_string());
            return Ending::Usage;
        }
    };
    let unusable = unusable_steps(&book);
    for one in &unusable {
        complain(&format!("{}: {}", one.place, one.text));
    }
    match (unusable.is_empty(), book.scenarios()) {
        (false, _) => Ending::Usage,
        (true, 0) => {
            complain("no scenario found: nothing was checked");
            Ending::Vacuous
        }
        (true, count) => {
            say(&format!("{count} scenarios in {} features: every line has its step", book.features.len()));
            Ending::Passed
        }
    }
}

/// Reads how many drills at a time.
fn parse_jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| format!("{text:?} is no number of drills; write 1 or more"))
}

/// Reads `90s`, `30m`, `2h`, or a number and a unit in words.
fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time; write for example 90s, 30m or 2h");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory as _, Parser as _};
    use rstest::rstest;

    use super::{Arguments, parse_time};

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[rstest]
    #[case("90s", 90)]
    #[case("30m", 1_800)]
    #[case("2h", 7_200)]
    fn times_are_read_with_their_unit(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)));
    }

    #[rstest]
    #[case("30")]
    #[case("m")]
    #[case("-5m")]
    #[case("99999999999999999999h")]
    fn a_time_without_number_or_unit_is_refused(#[case] text: &str) {
        assert!(parse_time(text).is_err());
    }

    #[rstest]
    #[case(&["firedrill"])]
    #[case(&["firedrill", "run", "--on", "moon"])]
    #[case(&["firedrill", "run", "--seed", "x"])]
    #[case(&["firedrill", "run", "--shard", "5/4"])]
    #[case(&["firedrill", "run", "--jobs", "0"])]
    fn wrong_arguments_are_refused(#[case] arguments: &[&str]) {
        assert!(Arguments::try_parse_from(arguments).is_err());
    }
}
