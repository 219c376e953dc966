//! The lines of the gate's protocol, and how they are read and written. Knows
//! nothing of cmdlets or observers.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What the first line of both sides names.
pub const PROTOCOL: &str = "lync-shell-gate";

/// The version spoken here.
pub const VERSION: u32 = 1;

/// The longest line, in bytes, its line break included.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest text of a line: escaped, at six bytes for one, it still fits with everything else.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The first line of either side.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: String,
    pub(super) version: u32,
    /// The machine the shell stands for; the shell's side only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) machine: Option<String>,
    /// The shell's process id; the shell's side only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<u32>,
}

impl Hello {
    /// The gate's own.
    pub(super) fn of_the_gate() -> Self {
        Self { protocol: PROTOCOL.to_owned(), version: VERSION, machine: None, process: None }
    }

    /// Whether the two sides understand each other; what is wrong, if not.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.protocol != PROTOCOL {
            return Err(garbage(format!(
                "the other side speaks \"{}\", not {PROTOCOL}",
                cut(&self.protocol)
            )));
        }
        if self.version != VERSION {
            let theirs = self.version;
            return Err(garbage(format!(
                "the other side speaks version {theirs} of {PROTOCOL}, this one {VERSION}; use programs of one release"
            )));
        }
        Ok(())
    }
}

/// What the shell says of a cmdlet.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    /// The cmdlet, counted from 1 in one connection.
    pub(super) number: u64,
    pub(super) cmdlet: String,
    #[serde(flatten)]
    pub(super) phase: Phase,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub(super) enum Phase {
    Started,
    Finished {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

/// What the gate answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) number: u64,
    #[serde(flatten)]
    pub(super) verdict: Word,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub(super) enum Word {
    Proceed,
    Fail { message: String },
}

/// A text as it goes into a line: one that is too long ends in an ellipsis.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Something on the line that does not belong there.
pub(super) fn garbage(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// A stream of lines, both ways.
pub(super) struct Lines<S> {
    stream: S,
    /// What has been read and is not a whole line yet, or begins the next one.
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next line; none when the stream has ended between two. May be given up and asked again.
    ///
    /// # Errors
    /// Of kind `InvalidData` for a line that is too long or is not what is
    /// expected, `UnexpectedEof` for one without an end.
    pub(super) async fn read<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            let end = self.buffer.iter().position(|byte| *byte == b'\n');
            if end.unwrap_or(self.buffer.len()) >= LINE_BYTES_MAX {
                return Err(garbage(format!("a line is longer than {LINE_BYTES_MAX} bytes")));
            }
            if let Some(end) = end {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(|error| {
                    let line = String::from_utf8_lossy(&line);
                    let begins: String = line.trim_end().chars().take(80).collect();
                    garbage(format!("a line is not of the protocol ({error}); it begins: {begins:?}"))
                });
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => {
                        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended in the middle of a line"))
                    }
                };
            }
        }
    }

    /// Writes a line.
    pub(super) async fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }
}
