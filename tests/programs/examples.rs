//! The examples in `fixtures/programs`: the careful ones survive what a careful program can survive, and the careless
//! one's card says what it does.

use crate::support::{Folder, Said, firedrill, is_ci, root, trial};
use libtest_mimic::{Failed, Trial};
use std::path::PathBuf;
use std::process::Command;

/// Drills of each kind: chains that are whole and broken, and a data center that is not as dead as it should be.
const DRILLS: [&str; 4] =
    ["features/en/chain.feature", "features/en/data-center-a.feature", "--tags", "@smoke"];

/// Drills that hang on points of the procedure: statements, files, cmdlets.
const KILLS: [&str; 1] = ["features/en/always.feature"];

pub(crate) fn trials() -> Vec<Trial> {
    let python = python();
    let shell_lacks = lacks(Command::new("tsql").arg("-C"), "tsql");
    let python_lacks = match &python {
        Some(python) => lacks(Command::new(python).args(["-c", "import pytds"]), "python-tds"),
        None => Some("there is no Python with the clients".to_owned()),
    };
    let with_python = format!("{} fixtures/programs/document.py", python.unwrap_or_default().display());
    vec![
        example("document.sh survives broken chains and servers that live on", &shell_lacks, |folder| {
            survives(folder, "fixtures/programs/document.sh", &DRILLS)
        }),
        example(
            "document.sh survives being killed at every point of the procedure",
            &shell_lacks,
            |folder| survives(folder, "fixtures/programs/document.sh", &KILLS),
        ),
        example(
            "document.py survives broken chains and servers that live on",
            &python_lacks,
            move |folder| survives(folder, &with_python, &DRILLS),
        ),
        example("the card of careless.sh tells what it does", &shell_lacks, careless),
    ]
}

fn survives(folder: &Folder, program: &str, drills: &[&str]) -> Result<(), Failed> {
    let said = score(folder, program, drills)?;
    said.expect(0, &[" drills survived"])?;
    said.expect_not(&["NOT SURVIVED", "NOTHING JUDGED", "harm"])
}

fn careless(folder: &Folder) -> Result<(), Failed> {
    let said = score(folder, "fixtures/programs/careless.sh", &DRILLS)?;
    said.expect(
        1,
        &[
            "survived            :10   Every log backup is copied and none is applied",
            "NOT SURVIVED        :82   A log backup that is missing stops the failover before recovery",
            "NOT SURVIVED        :9    The primary is still alive",
            "1 of 7 drills survived\n",
            "  data lost in 4 drills\n",
            "  two writable copies in 2 drills\n",
            "  success claimed that is none in 6 drills\n",
        ],
    )
}

/// Scores a program with some drills.
fn score(folder: &Folder, program: &str, drills: &[&str]) -> Result<Said, Failed> {
    let output = firedrill(folder).args(["score", "--failover", program]).args(drills).output()?;
    let left = folder.left_behind()?;
    match left.is_empty() {
        true => Ok(Said::of(&output)),
        false => Err(format!("this was left behind: {left:?}").into()),
    }
}

/// A test of an example that needs a client.
fn example(
    name: &str,
    lacks: &Option<String>,
    run: impl FnOnce(&Folder) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let Some(why) = lacks.clone() else { return trial(name, run) };
    eprintln!("{name:?} did not run: {why}; scripts/conformance installs what it needs");
    Trial::test(name, move || Err(Failed::from(format!("{why}; run scripts/conformance"))))
        .with_ignored_flag(!is_ci())
}

/// What keeps a client from running.
fn lacks(command: &mut Command, client: &str) -> Option<String> {
    let is_there = command.output().is_ok_and(|output| output.status.success());
    (!is_there).then(|| format!("{client} is not installed"))
}

/// The Python that `scripts/conformance` has made, or the one named in the environment.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("FIREDRILL_CONFORMANCE_PYTHON").map(PathBuf::from);
    let made = PathBuf::from("target/conformance/bin/python");
    named.into_iter().chain([made]).map(|path| root().join(path)).find(|path| path.exists())
}
