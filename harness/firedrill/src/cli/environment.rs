//! The arm that was asked for, on this machine: made ready, or what it lacks.

use super::{Arm, RunArguments};
use crate::arm::ChosenArm;
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
        Arm::Docker => Err(docker()),
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

/// Asks the container engine whether it is there, the way testcontainers would reach it.
fn docker() -> String {
    let engine = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(ping()));
    match engine {
        Err(error) => format!(
            "no container engine answers ({error}). Start Docker, or point DOCKER_HOST to an engine; or use --on sim"
        ),
        Ok(version) => format!(
            "the container engine answers (version {version}), but the server images are not available yet; use --on sim"
        ),
    }
}

async fn ping() -> Result<String, String> {
    let engine =
        testcontainers::bollard::Docker::connect_with_defaults().map_err(|error| error.to_string())?;
    engine.ping().await.map_err(|error| error.to_string())?;
    let version = engine.version().await.map_err(|error| error.to_string())?;
    Ok(version.version.unwrap_or_else(|| "unknown".to_owned()))
}
