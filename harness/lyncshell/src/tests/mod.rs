//! Tests of the whole shell: a command line goes in, output and exit code come
//! out, over a management store in memory and SQL Servers that answer by script.

mod binding;
mod cmdlets;
mod fakes;
mod gate;
mod language;
mod mirror;
mod process;

use fakes::Machine;

/// Runs a script given as `-Command` and returns everything it printed, with the exit code.
async fn run(script: &str) -> String {
    Machine::new().run(script).await
}
