//! Stand-ins for the world, for this crate's own tests.

use crate::address::ServerAddress;
use crate::environment::*;
use crate::report::Message;
use crate::site::{SecretSource, Site};
use crate::sql::{ConnectError, ResultSet, Role, Server, Servers, SqlError};
use async_trait::async_trait;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

/// The site of the examples.
pub(crate) fn site() -> Site {
    Site::parse(include_str!("../tests/site.toml"), "site.toml").expect("the example is a site")
}

/// A clock that moves one second a look.
pub(crate) struct FixedClock(Cell<i64>);

impl Default for FixedClock {
    fn default() -> Self {
        Self(Cell::new(1_795_000_000))
    }
}

impl Clock for FixedClock {
    fn utc_now(&self) -> jiff::Timestamp {
        self.0.set(self.0.get() + 1);
        jiff::Timestamp::from_second(self.0.get()).expect("in range")
    }
}

/// A journal in memory.
#[derive(Default)]
pub(crate) struct MemoryJournal(pub(crate) RefCell<Vec<String>>);

impl MemoryJournal {
    pub(crate) fn holding(lines: &[&str]) -> Self {
        Self(RefCell::new(lines.iter().map(|line| (*line).to_owned()).collect()))
    }
}

#[async_trait(?Send)]
impl JournalStore for MemoryJournal {
    async fn read_lines(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().clone())
    }

    async fn append_line(&self, line: &str) -> io::Result<()> {
        self.0.borrow_mut().push(line.to_owned());
        Ok(())
    }
}

/// Folders in memory: path to bytes.
#[derive(Default)]
pub(crate) struct MemoryShares {
    pub(crate) files: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) unreachable: RefCell<Vec<String>>,
}

impl MemoryShares {
    fn reach(&self, path: &str) -> io::Result<()> {
        let gone = self.unreachable.borrow().iter().any(|folder| path.starts_with(folder.as_str()));
        if gone {
            Err(io::Error::new(io::ErrorKind::NotFound, "the network path was not found"))
        } else {
            Ok(())
        }
    }
}

#[async_trait(?Send)]
impl Shares for MemoryShares {
    async fn list(&self, folder: &str) -> io::Result<Vec<ShareEntry>> {
        self.reach(folder)?;
        let prefix = crate::server_path::join(folder, "");
        let files = self.files.borrow();
        let inside = files.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix(&prefix)?;
            Some(ShareEntry { name: name.to_owned(), size: bytes.len() as u64, is_directory: false })
        });
        Ok(inside.collect())
    }

    async fn read(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.reach(path)?;
        let files = self.files.borrow();
        let bytes = files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes.iter().skip(offset as usize).take(length).copied().collect())
    }

    async fn size(&self, path: &str) -> io::Result<u64> {
        self.reach(path)?;
        Ok(self.files.borrow().get(path).ok_or(io::ErrorKind::NotFound)?.len() as u64)
    }

    async fn create(&self, path: &str) -> io::Result<()> {
        self.reach(path)?;
        self.files.borrow_mut().insert(path.to_owned(), Vec::new());
        Ok(())
    }

    async fn append(&self, path: &str, data: &[u8]) -> io::Result<()> {
        self.files.borrow_mut().get_mut(path).ok_or(io::ErrorKind::NotFound)?.extend_from_slice(data);
        Ok(())
    }

    async fn flush(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let bytes = self.files.borrow_mut().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.files.borrow_mut().insert(to.to_owned(), bytes);
        Ok(())
    }

    async fn remove(&self, path: &str) -> io::Result<()> {
        self.files.borrow_mut().remove(path).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }
}

/// A shell that answers by a function.
pub(crate) struct ScriptedShell(pub(crate) Box<Answer>);

/// What a scripted shell says to a script.
type Answer = dyn Fn(&str) -> io::Result<ShellOutput>;

#[async_trait(?Send)]
impl Shell for ScriptedShell {
    async fn run(&self, script: &str) -> io::Result<ShellOutput> {
        (self.0)(script)
    }
}

/// Servers that answer by a function of role and batch.
#[derive(Clone)]
pub(crate) struct ScriptedServers(pub(crate) Rc<dyn Answers>);

/// What scripted servers say.
pub(crate) trait Answers {
    fn open(&self, role: Role) -> Result<(), ConnectError>;
    fn query(&self, role: Role, batch: &str) -> Result<Vec<ResultSet>, SqlError>;
}

struct ScriptedServer(Role, Rc<dyn Answers>);

#[async_trait(?Send)]
impl Server for ScriptedServer {
    async fn query(&mut self, batch: &str) -> Result<Vec<ResultSet>, SqlError> {
        self.1.query(self.0, batch)
    }

    async fn cancel(&mut self) -> Result<(), SqlError> {
        Ok(())
    }
}

#[async_trait(?Send)]
impl Servers for ScriptedServers {
    async fn open(&self, role: Role) -> Result<Box<dyn Server>, ConnectError> {
        self.0.open(role)?;
        Ok(Box::new(ScriptedServer(role, Rc::clone(&self.0))))
    }
}

/// Remembers what was told.
#[derive(Default)]
pub(crate) struct Told(pub(crate) RefCell<Vec<Message>>);

impl Console for Told {
    fn tell(&self, message: &Message) {
        self.0.borrow_mut().push(message.clone());
    }
}

/// No network: the scripted servers take its place.
pub(crate) struct NoNetwork;

#[async_trait(?Send)]
impl Connector for NoNetwork {
    async fn connect(&self, _: &ServerAddress) -> io::Result<Box<dyn ByteStream>> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

/// One password for everything.
pub(crate) struct OnePassword;

impl Secrets for OnePassword {
    fn read(&self, _: &SecretSource) -> io::Result<Secret> {
        Ok(Secret::new("hunter2"))
    }
}

/// A journal that takes so many lines; then its writer hangs for good, as if killed.
pub(crate) struct DyingJournal {
    pub(crate) inner: Rc<MemoryJournal>,
    pub(crate) lines_left: Cell<usize>,
}

#[async_trait(?Send)]
impl JournalStore for DyingJournal {
    async fn read_lines(&self) -> io::Result<Vec<String>> {
        self.inner.read_lines().await
    }

    async fn append_line(&self, line: &str) -> io::Result<()> {
        if self.lines_left.get() == 0 {
            std::future::pending::<()>().await;
        }
        self.lines_left.set(self.lines_left.get() - 1);
        self.inner.append_line(line).await
    }
}

/// A journal on a disk that is full after so many lines.
pub(crate) struct FullJournal {
    pub(crate) inner: Rc<MemoryJournal>,
    pub(crate) lines_left: Cell<usize>,
}

#[async_trait(?Send)]
impl JournalStore for FullJournal {
    async fn read_lines(&self) -> io::Result<Vec<String>> {
        self.inner.read_lines().await
    }

    async fn append_line(&self, line: &str) -> io::Result<()> {
        if self.lines_left.get() == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.lines_left.set(self.lines_left.get() - 1);
        self.inner.append_line(line).await
    }
}
