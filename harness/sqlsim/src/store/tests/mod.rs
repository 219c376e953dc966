//! Servers that die and come back, and what their directories say.

mod damage;
mod lives;
mod mirrored;
mod property;

use super::directory::DataDirectory;
use super::journal::put_state;
use super::wal::WriteAheadLog;
use crate::engine::{DatabaseId, Engine, TEMPDB};
use crate::exec;
use crate::log::codec::{Writer, put_content, put_record};
use crate::lsn::Lsn;
use crate::network::NoNetwork;
use crate::observer::NoObserver;
use crate::session::CollectingSink;
use crate::store::memory_files::MemoryFiles;
use crate::testkit::{NOON, Server, config, files};
use crate::value::Value;
use crate::{Clock, Instance};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of the host that goes with the test.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sqlsim-data-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What a crash now would leave: a copy of everything that is in the files.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy_directory(&self.0, &copy.0);
        copy
    }

    /// Segments of the log, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut segments: Vec<PathBuf> =
            fs::read_dir(self.0.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
        segments.sort();
        segments
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A server on a directory.
pub(crate) fn start(directory: &TemporaryDirectory, files: &MemoryFiles) -> Server {
    let opened = DataDirectory::open(directory.path()).unwrap();
    let clock = Clock::starting_at(NOON.parse().unwrap(), 540);
    let instance = Instance::open(
        config("A"),
        clock,
        Rc::new(files.clone()),
        Rc::new(NoNetwork),
        Rc::new(NoObserver),
        opened,
    );
    Server::of(instance.unwrap())
}

/// Everything that a server's databases hold and are, byte for byte.
pub(crate) fn state_of(engine: &Engine) -> BTreeMap<DatabaseId, Vec<u8>> {
    let databases = engine.databases().filter(|d| d.id != TEMPDB);
    let state = databases.map(|database| {
        let mut out = Writer::default();
        put_state(&mut out, database);
        out.count(database.log.len());
        for record in database.log.records_from(Lsn::ZERO) {
            put_record(&mut out, record);
        }
        put_content(&mut out, &database.content);
        (database.id, out.into_bytes())
    });
    let mut state: BTreeMap<_, _> = state.collect();
    let mut server = Writer::default();
    super::header::put_server(&mut server, engine);
    state.insert(0, server.into_bytes());
    state
}

/// What a directory holds, before recovery undoes anything.
pub(crate) fn read_back(directory: &TemporaryDirectory) -> BTreeMap<DatabaseId, Vec<u8>> {
    let clock = Clock::starting_at(NOON.parse().unwrap(), 540);
    let mut engine = Engine::new(&config("A"), &clock);
    let opened = DataDirectory::open(directory.path()).unwrap();
    // Read without a writer: nothing is changed.
    opened.read(&mut engine).unwrap();
    // A database that is online keeps what is open in its log alone.
    state_of(&engine)
}

impl Server {
    /// Runs a batch of T-SQL; the numbers of its errors.
    pub(crate) async fn sql(&self, text: &str) -> Vec<i32> {
        let mut sink = CollectingSink::new();
        exec::batch(&self.instance, self.session(), text, &mut sink).await;
        sink.messages.iter().filter(|m| m.severity > 10).map(|m| m.number).collect()
    }

    /// The first column of the first result set, as text.
    pub(crate) async fn column(&self, text: &str) -> Vec<String> {
        let mut sink = CollectingSink::new();
        exec::batch(&self.instance, self.session(), text, &mut sink).await;
        let set = sink.into_first_set().unwrap();
        let shown = |value: &Value| match value {
            Value::Null => "NULL".to_owned(),
            other => crate::value::convert::display(other, crate::value::DataType::SqlVariant, 0)
                .unwrap_or_default(),
        };
        set.rows.iter().map(|row| shown(&row[0])).collect()
    }

    /// Everything is on disk; what is there equals what is here.
    pub(crate) async fn check(&self, directory: &TemporaryDirectory) {
        self.instance.harden().await.unwrap();
        let here = state_of(&self.engine());
        let there = read_back(&directory.copy());
        assert_same(&here, &there);
    }
}

/// Says which database differs, and where.
pub(crate) fn assert_same(here: &BTreeMap<DatabaseId, Vec<u8>>, there: &BTreeMap<DatabaseId, Vec<u8>>) {
    assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>(), "databases differ");
    for (id, bytes) in here {
        let other = &there[id];
        let at = bytes.iter().zip(other).position(|(a, b)| a != b);
        assert!(
            bytes == other,
            "database {id} differs at byte {at:?} of {} and {}: {:?} … {:?}",
            bytes.len(),
            other.len(),
            at.map(|at| &bytes[at.saturating_sub(8)..(at + 24).min(bytes.len())]),
            at.map(|at| &other[at.saturating_sub(8)..(at + 24).min(other.len())]),
        );
    }
}

/// Runs one life of a server: its tasks end with it, whatever they were doing.
pub(crate) fn life<T>(work: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work())
}
