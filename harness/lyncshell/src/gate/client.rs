//! The shell's side: an observer that asks the gate.

use std::io;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::protocol::{Answer, Event, Hello, Lines, PROTOCOL, Phase, VERSION, Word, cut};
use crate::environment::ByteStream;
use crate::observer::{CmdletObserver, CmdletPhase, Verdict};

/// The way to the gate: a socket for the program.
#[async_trait(?Send)]
pub trait GateRoad {
    /// Connects to the gate.
    async fn open(&self) -> io::Result<Box<dyn ByteStream>>;
}

/// Asks the gate about every cmdlet. Connects when the first one starts, and
/// anew when one starts after the gate had gone away.
pub struct GateObserver<R> {
    road: R,
    address: String,
    machine: String,
    visit: Mutex<Option<Open>>,
}

/// A connection whose first lines are exchanged.
struct Open {
    lines: Lines<Box<dyn ByteStream>>,
    /// The cmdlet under way.
    number: u64,
}

impl<R: GateRoad> GateObserver<R> {
    /// An observer that asks the gate at the end of a road. `address` is its name
    /// in errors, `machine` the name of the machine the shell runs on.
    pub fn new(road: R, address: impl Into<String>, machine: impl Into<String>) -> Self {
        Self { road, address: address.into(), machine: machine.into(), visit: Mutex::new(None) }
    }

    async fn connect(&self) -> io::Result<Open> {
        let mut lines = Lines::new(self.road.open().await?);
        let hello = Hello {
            protocol: PROTOCOL.to_owned(),
            version: VERSION,
            machine: Some(cut(&self.machine)),
            process: Some(std::process::id()),
        };
        lines.write(&hello).await?;
        lines.read::<Hello>().await?.ok_or_else(gone)?.check()?;
        Ok(Open { lines, number: 0 })
    }

    /// Asks before a cmdlet.
    async fn start(&self, open: &mut Option<Open>, cmdlet: &str) -> io::Result<Word> {
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.number += 1;
        let answer = connection.ask(cmdlet, Phase::Started).await?;
        *open = Some(connection);
        Ok(answer)
    }

    /// Tells of a cmdlet's end. The connection is the one that saw its start: a
    /// gate that came back meanwhile knows nothing of it.
    async fn finish(&self, open: &mut Option<Open>, cmdlet: &str, error: Option<&str>) -> io::Result<Word> {
        let mut connection = open.take().ok_or_else(gone)?;
        let answer = connection.ask(cmdlet, Phase::Finished { error: error.map(cut) }).await?;
        *open = Some(connection);
        Ok(answer)
    }
}

impl Open {
    async fn ask(&mut self, cmdlet: &str, phase: Phase) -> io::Result<Word> {
        let event = Event { number: self.number, cmdlet: cmdlet.to_owned(), phase };
        self.lines.write(&event).await?;
        let answer: Answer = self.lines.read().await?.ok_or_else(gone)?;
        if answer.number != self.number {
            return Err(super::protocol::garbage(format!(
                "it answers about cmdlet {} of this connection, asked about {}",
                answer.number, self.number
            )));
        }
        Ok(answer.verdict)
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection without an answer")
}

/// A closed connection in one manner of speaking, whichever way it was noticed.
fn plainly(why: io::Error) -> io::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    if matches!(why.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) { gone() } else { why }
}

#[async_trait(?Send)]
impl<R: GateRoad> CmdletObserver for GateObserver<R> {
    async fn cmdlet(&self, name: &str, phase: CmdletPhase) -> Verdict {
        let mut open = self.visit.lock().await;
        let address = &self.address;
        let (answer, trouble) = match &phase {
            CmdletPhase::Started => {
                let answer = self.start(&mut open, name).await;
                (
                    answer,
                    format!(
                        "{name} was not run, and nothing has been changed. Start the rehearsal's harness that listens there and run the command again, or remove [gate] from the store file to run without one."
                    ),
                )
            }
            CmdletPhase::Finished { error } => {
                let answer = self.finish(&mut open, name, error.as_deref()).await;
                let end = match error {
                    Some(error) => format!("it had failed: {error}"),
                    None => "its work is done and what it changed is changed; look at the state before running it again.".to_owned(),
                };
                (answer, format!("{name} had run, and the gate could not be told of its end: {end}"))
            }
        };
        match answer.map_err(plainly) {
            Ok(Word::Proceed) => Verdict::Proceed,
            Ok(Word::Fail { message }) => Verdict::FailWith(message),
            Err(why) => Verdict::FailWith(format!(
                "The gate at {address}, which this shell's store file names, does not answer: {why}. {trouble}"
            )),
        }
    }
}
