//! The arm that was asked for, on this machine: made ready, or what it lacks.

use super::{Arm, RunArguments};
use crate::arm::ChosenArm;
use crate::arm::docker::{DockerArm, Image};
use crate::arm::served::ServedArm;
use crate::estate::outside::Program;
use std::rc::Rc;

/// The arm that the arguments ask for, or what this machine lacks for it and what to do about that.
pub(super) fn arm(arguments: &RunArguments) -> Result<ChosenArm, String> {
    match arguments.on {
        Arm::Sim => {
            match &arguments.failover {
                None => Ok(ChosenArm::default()),
                Some(command) => {
                    let arm = ServedArm::new(program(command)?).map_err(|error| {
                    format!("no temporary folder can be made ({error}); nothing was run. Make room, or set TMPDIR")
                })?;
                    Ok(ChosenArm(Rc::new(arm)))
                }
            }
        }
        Arm::Docker => {
            let program = program(arguments.failover.as_deref().unwrap_or("pchat-failover"))?;
            let image = arguments.image.as_deref().map_or_else(Image::default, Image::named);
            let arm = DockerArm::new(image, program, super::say).map_err(|error| error.to_string())?;
            Ok(ChosenArm(Rc::new(arm)))
        }
        Arm::Lab => Err("the lab arm is not available yet; use --on sim".to_owned()),
    }
}

/// Our own failover program as a process, by its name; any other by its command line.
fn program(command: &str) -> Result<Program, String> {
    let firedrill = this_program()?;
    Ok(match command.trim() {
        "pchat-failover" => Program::Own { firedrill },
        _ => Program::Foreign { command: command.to_owned(), firedrill },
    })
}

/// This program: one binary is failover program and shell too.
fn this_program() -> Result<String, String> {
    let path = std::env::current_exe()
        .map_err(|error| format!("where this program lies cannot be found out ({error}); nothing was run"))?;
    Ok(path.display().to_string())
}
