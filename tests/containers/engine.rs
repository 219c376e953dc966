//! The `docker` command, and whether what the tests need is there.

use libtest_mimic::Failed;
use std::process::Command;

/// The image under test.
pub(crate) fn image() -> String {
    std::env::var("FIREDRILL_IMAGE").unwrap_or_else(|_| "firedrill/sqlsim".to_owned()) + ":latest"
}

/// Runs `docker`; what it said on success.
pub(crate) fn docker(arguments: &[&str]) -> Result<String, Failed> {
    let command = arguments.join(" ");
    let output = Command::new("docker").args(arguments).output();
    let output = output.map_err(|error| format!("docker {command}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok(said);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("docker {command} ended with {}: {}", output.status, error.trim()).into())
}

/// What keeps the tests from running.
pub(crate) fn missing() -> Option<String> {
    if let Err(error) = docker(&["version", "--format", "{{.Server.Version}}"]) {
        return Some(format!("no container engine answers ({})", error.message().unwrap_or_default()));
    }
    let image = image();
    let found = docker(&["image", "inspect", "--format", "{{.Id}}", &image]);
    found.err().map(|_| format!("there is no image {image}; docker/build makes it"))
}
