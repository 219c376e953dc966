//! The arm that was asked for, on this machine: made ready, or what it lacks.

use super::{Arm, RunArguments};
use crate::arm::ChosenArm;
use crate::arm::docker::{DockerArm, Image};
use crate::arm::lab::LabArm;
use crate::arm::served::ServedArm;
use crate::estate::EstateFile;
use crate::estate::outside::Program;
use crate::serve::PASSWORD_VARIABLE;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// The arm that the arguments ask for, or what this machine lacks for it and what to do about that.
pub(super) fn arm(arguments: &RunArguments) -> Result<ChosenArm, String> {
    match arguments.on {
        Arm::Sim => {
            match &arguments.failover {
                None => Ok(ChosenArm::default()),
                Some(command) => {
                    let arm = ServedArm::new(program(command, arguments.failover_limit)?).map_err(|error| {
                    format!("no temporary folder can be made ({error}); nothing was run. Make room, or set TMPDIR")
                })?;
                    Ok(ChosenArm(Rc::new(arm)))
                }
            }
        }
        Arm::Docker => {
            let command = arguments.failover.as_deref().unwrap_or(OWN);
            let program = program(command, arguments.failover_limit)?;
            let image = arguments.image.as_deref().map_or_else(Image::default, Image::named);
            let arm = DockerArm::new(image, program, super::say).map_err(|error| error.to_string())?;
            Ok(ChosenArm(Rc::new(arm)))
        }
        Arm::Lab => {
            lab(arguments).map_err(|error| format!("{error}; nothing was changed and nothing was run"))
        }
    }
}

/// The name by which our own failover program is asked for.
const OWN: &str = "pchat-failover";

/// The lab of the estate file, which `check_files` has found to be one.
fn lab(arguments: &RunArguments) -> Result<ChosenArm, String> {
    let path = arguments.estate.as_ref().ok_or("--on lab needs --estate FILE")?;
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: cannot be read ({error})"))?;
    let file = EstateFile::parse(&text, &shown).map_err(|error| error.to_string())?;
    let password = std::env::var(PASSWORD_VARIABLE)
        .map_err(|_| format!("{PASSWORD_VARIABLE} is not set; it has to hold the password of sa"))?;
    let program = program(arguments.failover.as_deref().unwrap_or(OWN), arguments.failover_limit)?;
    Ok(ChosenArm(Rc::new(LabArm::new(&file, password, program)?)))
}

/// Our own failover program as a process, by its name; any other by its command line.
fn program(command: &str, limit: Duration) -> Result<Program, String> {
    let firedrill = this_program()?;
    Ok(match command.trim() {
        OWN => Program::Own { firedrill, limit },
        _ => Program::Foreign { command: command.to_owned(), firedrill, limit },
    })
}

/// Finds out before the run what is wrong with a failover program's command line; what only running it shows is told
/// by its drills.
pub(super) fn check_program(arguments: &RunArguments) -> Result<(), String> {
    let Some(command) = arguments.failover.as_deref().map(str::trim).filter(|command| *command != OWN) else {
        return Ok(());
    };
    if arguments.failover_limit.is_zero() {
        return Err("--failover-limit 0: no program ends in no time; nothing was run. Write for example 15m"
            .to_owned());
    }
    if command.is_empty() {
        return Err(
            "--failover names no program; nothing was run. Give a command line for /bin/sh".to_owned()
        );
    }
    if let Err(why) = answer_of_shell(&["-n", "-c", command]) {
        return Err(format!(
            "--failover: /bin/sh cannot read `{command}`: {why}; nothing was run. Correct it"
        ));
    }
    let first = command.split_ascii_whitespace().next().unwrap_or(command);
    // What the shell itself makes of other words is its own affair.
    let is_plain = first.chars().all(|c| c.is_alphanumeric() || "_-./+@,:".contains(c));
    match is_plain {
        true => check_first_word(first),
        false => Ok(()),
    }
}

fn check_first_word(word: &str) -> Result<(), String> {
    let path = Path::new(word);
    if !word.contains('/') {
        let is_file_here = if path.is_file() {
            format!(" (there is a file of that name here: write ./{word}, or sh {word})")
        } else {
            String::new()
        };
        return answer_of_shell(&["-c", "command -v -- \"$1\" >/dev/null", "sh", word]).map_err(|_| {
            format!(
                "--failover: there is no program {word}{is_file_here}; nothing was run. Give its path, or correct the name"
            )
        });
    }
    if !path.exists() {
        return Err(format!(
            "--failover: there is no {word}, seen from the folder in which firedrill was started; nothing was run. Correct the path"
        ));
    }
    if path.is_dir() {
        return Err(format!("--failover: {word} is a folder; nothing was run. Name a program in it"));
    }
    if answer_of_shell(&["-c", "test -x \"$1\"", "sh", word]).is_err() {
        return Err(format!(
            "--failover: {word} is not executable; nothing was run. Write chmod +x {word}, or name what reads it: sh {word}"
        ));
    }
    Ok(())
}

/// The first line of what /bin/sh says against these arguments, if it says no. Without a shell, nobody knows: the drill will
/// tell.
fn answer_of_shell(arguments: &[&str]) -> Result<(), String> {
    let Ok(output) = std::process::Command::new("/bin/sh").args(arguments).output() else { return Ok(()) };
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned()),
    }
}

/// This program: one binary is failover program and shell too.
fn this_program() -> Result<String, String> {
    let path = std::env::current_exe()
        .map_err(|error| format!("where this program lies cannot be found out ({error}); nothing was run"))?;
    Ok(path.display().to_string())
}
