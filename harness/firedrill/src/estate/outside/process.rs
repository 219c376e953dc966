//! The failover program as a process.

use super::{Desk, Outside};
use crate::estate::failover_run::Told;
use crate::estate::watch::CmdletWatch;
use crate::estate::world::World;
use std::io;
use std::process::Stdio;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// The longest a failover program may take on a running clock.
const BOUND: Duration = Duration::from_secs(15 * 60);
/// So much of what a program prints is kept.
const OUTPUT_BYTES_MAX: u64 = 8 << 20;

/// Which failover program is drilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// Ours, as the process `FIREDRILL pchat-failover`.
    Own {
        /// The program that this process runs.
        firedrill: String,
    },
    /// Somebody else's: a command line for the host's shell.
    Foreign {
        /// The command line.
        command: String,
        /// The program that this process runs, for the management shell.
        firedrill: String,
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
            Self::Own { firedrill } | Self::Foreign { firedrill, .. } => firedrill,
        }
    }

    /// Whether what it tells can be read, or only its exit code and what it did.
    pub(crate) fn can_be_read(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    fn command(&self, desk: &Desk, order: &Order) -> Command {
        match self {
            Self::Own { firedrill } => {
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
    /// What it printed, for people.
    pub(crate) output: String,
}

/// Runs the failover program to its end, or until a fault kills it.
///
/// # Errors
/// When it cannot be started.
pub(crate) async fn run(world: &Rc<World>, outside: &Outside, order: &Order) -> io::Result<Ended> {
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
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let mut told = Vec::new();
    let (mut printed, mut complained) = (String::new(), String::new());
    let listening = async {
        tokio::join!(read_all(output, &mut printed), hear(world, errors, &mut complained, &mut told));
    };
    let ended = tokio::select! {
        biased;
        () = world.kill.notified() => {
            kill(&mut child).await;
            None
        }
        // A child of its own may hold the pipes: what counts is that the program ends.
        ended = tokio::time::timeout(BOUND, until_it_ends(&mut child, listening)) => match ended {
            Ok(status) => status?.code(),
            Err(_) => {
                kill(&mut child).await;
                world.trouble.borrow_mut().push(format!(
                    "the failover program had not ended after {} minutes and was killed",
                    BOUND.as_secs() / 60
                ));
                None
            }
        },
    };
    let report = if outside.program.can_be_read() {
        serde_json::from_str(&printed).unwrap_or_default()
    } else {
        serde_json::Value::Null
    };
    let output = format!("{printed}{complained}");
    Ok(Ended { exit_code: ended, report, told, output })
}

/// How long pipes that somebody else still holds are listened to after the program has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

async fn until_it_ends(
    child: &mut Child,
    listening: impl Future<Output = ()>,
) -> io::Result<std::process::ExitStatus> {
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

/// Kills it and everything it started, by SIGKILL.
async fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) =
        child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
    {
        // An error says that nothing is left of it.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill().await;
}

async fn read_all(output: Option<impl AsyncRead + Unpin>, into: &mut String) {
    let Some(output) = output else { return };
    let mut bytes = Vec::new();
    let mut output = output.take(OUTPUT_BYTES_MAX);
    let _ = output.read_to_end(&mut bytes).await;
    into.push_str(&String::from_utf8_lossy(&bytes));
    // What goes beyond is read and forgotten, so that the program does not wait for a reader.
    let _ = tokio::io::copy(&mut output.into_inner(), &mut tokio::io::sink()).await;
}

/// Hears what a program tells, line by line.
async fn hear(
    world: &World,
    errors: Option<impl AsyncRead + Unpin>,
    into: &mut String,
    told: &mut Vec<Told>,
) {
    let Some(errors) = errors else { return };
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    while let Ok(1..) = errors.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        match message_of(&text) {
            Some((severity, text, code)) => {
                into.push_str(&format!("{severity}: {text} [{code}]\n"));
                told.push(Told { at: world.now(), code, severity, text });
            }
            None if (into.len() as u64) < OUTPUT_BYTES_MAX => into.push_str(&text),
            None => {}
        }
        line.clear();
    }
}

/// A message of pchat-failover, as `--messages json` writes it: severity, text and code.
fn message_of(line: &str) -> Option<(String, String, String)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let word = |key: &str| message.get(key)?.as_str().map(str::to_owned);
    Some((word("severity")?, word("text")?, word("code")?))
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

#[cfg(test)]
mod tests {
    use super::message_of;

    #[rstest::rstest]
    #[case(r#"{"code":"log-backup-damaged","severity":"error","text":"one\ntwo"}"#, Some(("error", "one\ntwo", "log-backup-damaged")))]
    #[case(r#"{"code":1}"#, None)]
    #[case("warning: of somebody else's [x]", None)]
    fn a_message_is_told_from_other_lines(#[case] line: &str, #[case] message: Option<(&str, &str, &str)>) {
        let message = message.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(message_of(line), message);
    }
}
