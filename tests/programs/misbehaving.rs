//! Programs as people start them: by a wrong name, in another folder, with quotes, without end, with children, with
//! too much to say; and a run that is interrupted.

use crate::support::{Folder, Said, firedrill, root, trial};
use libtest_mimic::{Failed, Trial};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes longer on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("a command that the shell cannot find in the middle is told in plain words", not_found_inside),
        trial("a program that is not executable is told before anything is run", not_executable),
        trial("a program that never ends is killed with its children when its time is over", never_ends),
        trial("what a program leaves running is killed when it has ended", leaves_a_child),
        trial("of megabytes of output the end is shown", megabytes),
        trial("quotes, the folder of the caller and a relative path are left as they are", quotes),
        trial("a program that a signal ends is not taken for one that the drill killed", dies_of_a_signal),
        trial("an interrupted run kills the program and removes its files", interrupted),
    ];
    let wrong: [(&str, &str, &[&str]); 5] = [
        ("no such program", "no-such-program --now", &["there is no program no-such-program"]),
        (
            "no such path",
            "./no/such/program",
            &["there is no ./no/such/program", "in which firedrill was started"],
        ),
        ("a folder", "fixtures/programs", &["fixtures/programs is a folder"]),
        ("an open quote", "sh -c 'exit", &["/bin/sh cannot read"]),
        ("no words", "  ", &["--failover names no program"]),
    ];
    for (what, command, words) in wrong {
        let name = format!("nothing is run for a command line that is {what}");
        trials.push(trial(&name, move |folder| {
            let said = drill(folder, command, &[])?;
            said.expect(2, words)?;
            said.expect(2, &["nothing was run"])
        }));
    }
    trials
}

/// Runs the one drill.
fn drill(folder: &Folder, program: &str, more: &[&str]) -> Result<Said, Failed> {
    let output =
        firedrill(folder).args(["run", "--failover", program]).args(more).arg(folder.feature()).output()?;
    match folder.left_behind()? {
        left if left.is_empty() => Ok(Said::of(&output)),
        left => Err(format!("this was left behind: {left:?}").into()),
    }
}

fn not_found_inside(folder: &Folder) -> Result<(), Failed> {
    let said = drill(folder, "cd . && no-such-client --query", &[])?;
    said.expect(
        1,
        &["by which a shell says that a command was not found", "no-such-client", "Correct --failover"],
    )
}

fn not_executable(folder: &Folder) -> Result<(), Failed> {
    let script = folder.path("script.sh");
    std::fs::write(&script, "exit 0\n")?;
    let script = script.display().to_string();
    drill(folder, &script, &[])?.expect(2, &["is not executable", &format!("sh {script}"), "nothing was run"])
}

/// The process whose number a program has written down is gone, or goes soon.
fn is_gone(folder: &Folder) -> Result<(), Failed> {
    let process = std::fs::read_to_string(folder.path("process"))?;
    poll("the program's child is gone", || !is_alive(process.trim()))
}

/// Waits until something is so.
fn poll(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), Failed> {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > until {
            return Err(format!("waited in vain until {what}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn is_alive(process: &str) -> bool {
    let probe = Command::new("kill").args(["-0", process]).stderr(Stdio::null()).status();
    let is_zombie = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')));
    probe.is_ok_and(|status| status.success()) && !is_zombie
}

fn never_ends(folder: &Folder) -> Result<(), Failed> {
    let program = format!("sleep 1000 & echo $! > {}; wait", folder.path("process").display());
    let said = drill(folder, &program, &["--failover-limit", "1s"])?;
    said.expect(1, &["had not ended after 1.0 s and was killed", "--failover-limit"])?;
    is_gone(folder)
}

fn leaves_a_child(folder: &Folder) -> Result<(), Failed> {
    let program = format!("sleep 1000 & echo $! > {}; exit 1", folder.path("process").display());
    let said = drill(folder, &program, &[])?;
    said.expect(1, &["it had left processes running: they were killed"])?;
    is_gone(folder)
}

fn megabytes(folder: &Folder) -> Result<(), Failed> {
    let program = "head -c 20000000 /dev/zero >&2; yes line | head -c 20000000; echo the end; exit 1";
    let said = drill(folder, program, &[])?;
    said.expect(1, &["    | line\n", "    | the end\n"])?;
    match said.text.len() < 20_000 {
        true => Ok(()),
        false => Err(format!("{} bytes were printed", said.text.len()).into()),
    }
}

fn quotes(folder: &Folder) -> Result<(), Failed> {
    let here = root().canonicalize()?.display().to_string();
    let said =
        drill(folder, "printf '%s|' \"a  b\" 'it'\\''s' \"$PWD\" \"$FIREDRILL_DATABASE\"; exit 1", &[])?;
    said.expect(1, &[&format!("    | a  b|it's|{here}|mgc|")])?;
    drill(folder, "./fixtures/../fixtures/programs/careless.sh >/dev/null 2>&1; exit 1", &[])?
        .expect(1, &["ended without success (exit code 1)"])
}

fn dies_of_a_signal(folder: &Folder) -> Result<(), Failed> {
    drill(folder, "kill -SEGV $$", &[])?.expect(1, &["ended without success (exit code 139)"])
}

fn interrupted(folder: &Folder) -> Result<(), Failed> {
    let process = folder.path("process");
    let program = format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", process.display());
    let mut command = firedrill(folder);
    command.args(["run", "--failover", &program]).arg(folder.feature());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    poll("the program has started", || process.exists())?;
    Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    let said = Said::of(&child.wait_with_output()?);
    said.expect(130, &["interrupted"])?;
    said.expect_not(&["passed  ", "FAILED"])?;
    is_gone(folder)?;
    match folder.left_behind()? {
        left if left.is_empty() => Ok(()),
        left => Err(format!("this was left behind: {left:?}").into()),
    }
}
