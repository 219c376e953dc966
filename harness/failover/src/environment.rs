//! The outside world, by trait: the command line supplies sockets, a process and real files; a drill
//! supplies simulated ones. Nothing else in this crate opens, reads or asks anything.

use crate::address::ServerAddress;
use crate::report::Message;
use crate::site::SecretSource;
use async_trait::async_trait;
use std::fmt;
use std::io;
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection's bytes.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}

/// Opens connections to SQL Servers.
#[async_trait(?Send)]
pub trait Connector {
    /// Opens a byte stream to the instance. The caller bounds the time.
    async fn connect(&self, address: &ServerAddress) -> io::Result<Box<dyn ByteStream>>;
}

/// What a run of the shell gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShellOutput {
    /// The process's exit code.
    pub exit_code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs the management shell.
#[async_trait(?Send)]
pub trait Shell {
    /// Runs one script, given on standard input (`powershell -NoProfile -NonInteractive -Command -`).
    /// A shell that is not there is an error of kind `NotFound`.
    async fn run(&self, script: &str) -> io::Result<ShellOutput>;
}

/// One file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareEntry {
    /// Name without its folder.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Whether it is a folder.
    pub is_directory: bool,
}

/// Folders as this machine reaches them (the `here` side of the site file). A path is a folder and a
/// name, joined as the folder is written: `\\files\logs\name`, `/srv/logs/name`.
#[async_trait(?Send)]
pub trait Shares {
    /// Lists a folder, sorted by name.
    async fn list(&self, folder: &str) -> io::Result<Vec<ShareEntry>>;
    /// Reads up to `length` bytes from `offset`; fewer at the end of the file.
    async fn read(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Size of a file in bytes.
    async fn size(&self, path: &str) -> io::Result<u64>;
    /// Creates a file or empties it.
    async fn create(&self, path: &str) -> io::Result<()>;
    /// Appends to a file. Not durable before [`Shares::flush`].
    async fn append(&self, path: &str, data: &[u8]) -> io::Result<()>;
    /// Makes what was written survive a power loss.
    async fn flush(&self, path: &str) -> io::Result<()>;
    /// Renames a file inside its folder. An existing target is replaced, so the caller looks first.
    async fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    async fn remove(&self, path: &str) -> io::Result<()>;
}

/// Where the journal is kept: lines of JSON. Its errors name the place, for they are shown as they are.
#[async_trait(?Send)]
pub trait JournalStore {
    /// All lines so far; none if there is no journal yet.
    async fn read_lines(&self) -> io::Result<Vec<String>>;
    /// Appends one line and makes it durable before it returns.
    async fn append_line(&self, line: &str) -> io::Result<()>;
}

/// What time it is.
pub trait Clock {
    /// Now, in UTC.
    fn utc_now(&self) -> jiff::Timestamp;
}

/// Tells the operator.
pub trait Console {
    /// Says one thing.
    fn tell(&self, message: &Message);
}

/// A secret. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: for the sign-in only, never for a log, a journal or a report.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Hands out the secrets that the site file names.
pub trait Secrets {
    /// Reads a secret from where the site file says it is.
    fn read(&self, source: &SecretSource) -> io::Result<Secret>;
}

/// Everything a failover touches.
#[derive(Clone)]
pub struct Environment {
    /// Connections to SQL Servers.
    pub connector: Rc<dyn Connector>,
    /// The management shell.
    pub shell: Rc<dyn Shell>,
    /// The folders.
    pub shares: Rc<dyn Shares>,
    /// The journal.
    pub journal: Rc<dyn JournalStore>,
    /// The time.
    pub clock: Rc<dyn Clock>,
    /// The operator.
    pub console: Rc<dyn Console>,
    /// Passwords.
    pub secrets: Rc<dyn Secrets>,
}
