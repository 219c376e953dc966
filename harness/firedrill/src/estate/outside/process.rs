//! The failover program as a process.

use super::heard::Heard;
use super::{Desk, Outside};
use crate::estate::failover_run::Told;
use crate::estate::watch::CmdletWatch;
use crate::estate::world::World;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// What a shell answers when a command cannot be executed, and when it is not found.
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Which failover program is drilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// Ours, as the process `FIREDRILL pchat-failover`.
    Own {
        /// The program that this process runs.
        firedrill: String,
        /// The longest it may take.
        limit: Duration,
    },
    /// Somebody else's: a command line for the host's shell.
    Foreign {
        /// The command line.
        command: String,
        /// The program that this process runs, for the management shell.
        firedrill: String,
        /// The longest it may take.
        limit: Duration,
    },
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own { .. } => f.write_str("pchat-failover, as a process"),
            Self::Foreign { command, .. } => f.write_str(command),
        }
    }
}

impl Program {
    /// The path of this program.
    pub(crate) fn firedrill(&self) -> &str {
        match self {
            Self::Own { firedrill, .. } | Self::Foreign { firedrill, .. } => firedrill,
        }
    }

    fn limit(&self) -> Duration {
        match self {
            Self::Own { limit, .. } | Self::Foreign { limit, .. } => *limit,
        }
    }

    /// In plain words, if the shell's exit code says that a command could not be run: that judges no failover.
    fn why_it_never_ran(&self, exit_code: i32, output: &str) -> Option<String> {
        let Self::Foreign { command, .. } = self else { return None };
        let what = match exit_code {
            NOT_FOUND => "was not found",
            NOT_EXECUTABLE => "cannot be executed",
            _ => return None,
        };
        let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing");
        Some(format!(
            "`{command}` ended with {exit_code}, by which a shell says that a command {what}: {}. Correct --failover, or install what it calls",
            crate::report::shortened(last.trim())
        ))
    }

    /// Whether what it tells can be read, or only its exit code and what it did.
    pub(crate) fn can_be_read(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    fn command(&self, desk: &Desk, order: &Order) -> Command {
        match self {
            Self::Own { firedrill, .. } => {
                let mut command = Command::new(firedrill);
                command.args(["pchat-failover", order.action]);
                command.arg("--site").arg(&desk.site).arg("--journal").arg(&desk.journal);
                command.args(["--json", "--messages", "json"]);
                if order.accept_data_loss {
                    command.arg("--accept-data-loss");
                }
                command
            }
            Self::Foreign { command, .. } => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", command]);
                shell
            }
        }
    }
}

/// What the operator wants of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// `run`, `resume` or `preflight`.
    pub(crate) action: &'static str,
    pub(crate) accept_data_loss: bool,
}

/// How it ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Its exit code; none when it was killed.
    pub(crate) exit_code: Option<i32>,
    /// The report, if it is a program whose report can be read.
    pub(crate) report: serde_json::Value,
    pub(crate) told: Vec<Told>,
    /// The end of what it printed, for people.
    pub(crate) output: String,
}

/// Runs the failover program to its end, or until a fault kills it. What it has started and left running ends with it.
///
/// # Errors
/// When it cannot be started, and [`io::ErrorKind::Interrupted`] when Ctrl-C was pressed: it is killed then.
pub(crate) async fn run(world: &Rc<World>, outside: &Outside, order: &Order) -> io::Result<Ended> {
    let program = &outside.program;
    let mut child = start(outside, order)?;
    let group = ProcessGroup::of(&child);
    let heard = Heard::of(program.can_be_read());
    let listening = heard.listen(world, child.stdout.take(), child.stderr.take());
    let end = tokio::select! {
        biased;
        () = world.kill.notified() => End::Killed,
        Ok(()) = interrupted() => End::Interrupted,
        // A child of its own may hold the pipes: what counts is that the program ends.
        ended = tokio::time::timeout(program.limit(), until_it_ends(&mut child, listening)) => match ended {
            Ok(status) => End::ByItself(status?),
            Err(_) => End::TooLate,
        },
    };
    let had_left = group.kill();
    let _ = child.kill().await;
    let mut output = heard.end_of_output();
    let exit_code = match end {
        End::Interrupted => return Err(io::ErrorKind::Interrupted.into()),
        End::Killed => None,
        End::TooLate => {
            world.trouble.borrow_mut().push(format!(
                "the failover program had not ended after {} and was killed; if it needs longer, say so with --failover-limit",
                crate::report::readable_ms(u64::try_from(program.limit().as_millis()).unwrap_or(u64::MAX))
            ));
            None
        }
        End::ByItself(status) => {
            if had_left {
                output.push_str("\n(it had left processes running: they were killed)\n");
            }
            let code = exit_code_of(status);
            if let Some(why) = program.why_it_never_ran(code, &output) {
                world.trouble.borrow_mut().push(why);
            }
            Some(code)
        }
    };
    let report = if program.can_be_read() { heard.report() } else { serde_json::Value::Null };
    Ok(Ended { exit_code, report, told: heard.told(), output })
}

/// How a process came to its end.
enum End {
    ByItself(ExitStatus),
    Killed,
    TooLate,
    Interrupted,
}

fn start(outside: &Outside, order: &Order) -> io::Result<Child> {
    let desk = &outside.desk;
    let mut command = outside.program.command(desk, order);
    command
        .envs(&desk.variables)
        .env("FIREDRILL_ACTION", order.action)
        .env("FIREDRILL_ACCEPT_DATA_LOSS", if order.accept_data_loss { "1" } else { "0" })
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // A group of its own: what it starts can be ended with it, and Ctrl-C reaches it through us.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

/// Returns when Ctrl-C is pressed, or this process is asked to end.
///
/// # Errors
/// When nobody can be told of it.
#[cfg(unix)]
pub(crate) async fn interrupted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut pressed, mut asked) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        biased;
        _ = pressed.recv() => {}
        _ = asked.recv() => {}
    }
    Ok(())
}

/// Returns when Ctrl-C is pressed.
///
/// # Errors
/// When nobody can be told of it.
#[cfg(not(unix))]
pub(crate) async fn interrupted() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// As a shell has it: 128 and the signal's number for a program that a signal ended. It was not the drill's.
fn exit_code_of(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(1)
}

/// How long pipes that somebody else still holds are listened to after the program has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

async fn until_it_ends(child: &mut Child, listening: impl Future<Output = ()>) -> io::Result<ExitStatus> {
    let mut listening = std::pin::pin!(listening);
    let mut heard = false;
    loop {
        tokio::select! {
            biased;
            () = &mut listening, if !heard => heard = true,
            status = child.wait() => {
                if !heard {
                    let _ = tokio::time::timeout(LAST_WORDS, &mut listening).await;
                }
                return status;
            }
        }
    }
}

/// A program and everything that it has started, unless that has left the group.
struct ProcessGroup(#[cfg(unix)] Option<rustix::process::Pid>);

impl ProcessGroup {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw))
    }

    #[cfg(not(unix))]
    fn of(_child: &Child) -> Self {
        Self()
    }

    /// Kills whoever is left, by SIGKILL; whether anybody was.
    #[cfg(unix)]
    fn kill(&self) -> bool {
        self.0.is_some_and(|group| {
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).is_ok()
        })
    }

    #[cfg(not(unix))]
    fn kill(&self) -> bool {
        false
    }
}

/// Answers shells that ask before and after each cmdlet.
pub(super) async fn watch_the_shell(listener: TcpListener, world: Weak<World>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let watch = CmdletWatch { world: world.clone() };
        tokio::task::spawn_local(async move {
            if let Err(error) = lyncshell::gate::serve(stream, &watch).await {
                tracing::debug!(%error, "a shell's questions broke off");
            }
        });
    }
}
