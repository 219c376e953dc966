//! The harness's side: one connection of one shell, answered by an observer.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::protocol::{Answer, Event, Hello, Lines, Phase, Word, cut, garbage};
use crate::observer::{CmdletObserver, CmdletPhase, Verdict};

/// A shell that has said who it is.
pub struct Visit<S> {
    lines: Lines<S>,
    /// The machine the shell stands for.
    pub machine: String,
    /// The shell's process id.
    pub process: Option<u32>,
}

/// Exchanges the first lines with a shell that has connected.
///
/// # Errors
/// Of kind `InvalidData` for something that is no shell of this version, which is
/// told so, or `UnexpectedEof` for one that went away.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> io::Result<Visit<S>> {
    let mut lines = Lines::new(stream);
    let hello: Hello = lines
        .read()
        .await?
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it went away without a word"))?;
    // Answered even when it is refused: the shell then knows why.
    lines.write(&Hello::of_the_gate()).await?;
    hello.check()?;
    Ok(Visit { lines, machine: hello.machine.unwrap_or_default(), process: hello.process })
}

/// Serves one connection from its first line to its end: [`accept`] and [`Visit::serve`].
///
/// # Errors
/// Those of the two.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    observer: &dyn CmdletObserver,
) -> io::Result<()> {
    accept(stream).await?.serve(observer).await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Visit<S> {
    /// Shows the observer every cmdlet of the shell, and sends its verdicts, until
    /// the shell ends. A cmdlet is held for as long as the observer does not
    /// return; the connection is watched meanwhile, so a shell that is killed while
    /// it is held ends this at once, and the observer's future is dropped.
    ///
    /// # Errors
    /// Of kind `UnexpectedEof` when the shell ended in the middle of a cmdlet (that
    /// kind alone: a harness that killed it expects it), `InvalidData` for a line
    /// that is not of the protocol, and the stream's own.
    pub async fn serve(mut self, observer: &dyn CmdletObserver) -> io::Result<()> {
        let mut known = 0;
        loop {
            let Some(event) = self.lines.read::<Event>().await? else { return Ok(()) };
            if event.number != known + 1 || event.phase != Phase::Started {
                return Err(garbage(format!("{event:?} came where a cmdlet's start was expected")));
            }
            known = event.number;
            self.answer(event, observer).await?;
            let event: Event = self.next().await.map_err(|why| while_under_way(why, known))?;
            if event.number != known || !matches!(event.phase, Phase::Finished { .. }) {
                return Err(garbage(format!("{event:?} came where the end of cmdlet {known} was expected")));
            }
            self.answer(event, observer).await?;
        }
    }

    async fn next(&mut self) -> io::Result<Event> {
        self.lines.read().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Asks the observer, and the shell stays quiet meanwhile or ends.
    async fn answer(&mut self, event: Event, observer: &dyn CmdletObserver) -> io::Result<()> {
        let Event { number, cmdlet, phase } = event;
        let phase = match phase {
            Phase::Started => CmdletPhase::Started,
            Phase::Finished { error } => CmdletPhase::Finished { error },
        };
        let verdict = tokio::select! {
            biased;
            verdict = observer.cmdlet(&cmdlet, phase) => verdict,
            event = self.next() => {
                let event = event.map_err(|why| while_under_way(why, number))?;
                return Err(garbage(format!("{event:?} came before the answer about cmdlet {number}")));
            }
        };
        let verdict = match verdict {
            Verdict::Proceed => Word::Proceed,
            Verdict::FailWith(message) => Word::Fail { message: cut(&message) },
        };
        self.lines.write(&Answer { number, verdict }).await.map_err(|why| while_under_way(why, number))
    }
}

/// The end of a connection while a cmdlet is under way, of one kind however the system tells it.
fn while_under_way(why: io::Error, number: u64) -> io::Error {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match why.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => io::Error::new(
            UnexpectedEof,
            format!("the shell ended while its cmdlet {number} was under way ({why})"),
        ),
        _ => why,
    }
}
