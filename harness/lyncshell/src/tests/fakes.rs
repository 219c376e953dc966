//! A management store in memory, and SQL Servers that keep a list of what they
//! were asked and answer by rule.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::cli::{ShellOutput, invoke_with};
use crate::environment::{ByteStream, Clock, Connector, ShellEnvironment, SqlLogin, StoreLocation};
use crate::session::Backends;
use crate::sql::{SqlError, SqlPlace, SqlRow, SqlServers, SqlSession};
use crate::store::{ManagementStore, OpenStore, PoolSettings, Replica, StoreError, first_settings};
use crate::topology::{ChatServer, SqlStore, SqlStores, Topology};

/// The pool of the official examples, four servers in each data center.
pub(super) fn topology() -> Topology {
    let server = |name: &str, active| ChatServer { fqdn: format!("{name}.litwareinc.com"), active };
    let stores = |database: &str| SqlStores {
        primary: SqlStore::new(format!("sql-a1.{database}litwareinc.com")).with_instance("RTC"),
        mirror: Some(SqlStore::new(format!("sql-a2.{database}litwareinc.com"))),
        backup: Some(SqlStore::new(format!("sql-b1.{database}litwareinc.com"))),
        backup_mirror: Some(SqlStore::new(format!("sql-b2.{database}litwareinc.com"))),
    };
    Topology {
        pool: "atl-cs-001.litwareinc.com".into(),
        site: "Atlanta".into(),
        next_hop: "atl-pool.litwareinc.com".into(),
        version: 7,
        file_store: r"\\files-a\chat".into(),
        chat_servers: vec![
            server("chat-a1", true),
            server("chat-a2", true),
            server("chat-b1", false),
            server("chat-b2", false),
            server("chat-b3", false),
        ],
        chat: stores(""),
        compliance: Some(stores("")),
        other_replicas: vec!["fe-1.litwareinc.com".into()],
    }
}

/// What the store in memory holds.
pub(super) struct Contents {
    pub(super) topology: Topology,
    pub(super) revisions: Vec<PoolSettings>,
    pub(super) delivered: BTreeMap<String, (u64, bool)>,
    pub(super) unreachable: bool,
}

struct MemoryStore(Rc<RefCell<Contents>>);

#[async_trait(?Send)]
impl ManagementStore for MemoryStore {
    async fn publish(&mut self, topology: &Topology, now: Timestamp) -> Result<u64, StoreError> {
        let mut contents = self.0.borrow_mut();
        let settings = first_settings(topology, contents.revisions.last().cloned(), now);
        contents.revisions.push(settings);
        contents.topology = topology.clone();
        Ok(contents.revisions.len() as u64)
    }

    async fn read(&mut self) -> Result<(Topology, PoolSettings), StoreError> {
        let contents = self.0.borrow();
        let newest = contents.revisions.last().cloned();
        newest
            .map(|settings| (contents.topology.clone(), settings))
            .ok_or_else(|| StoreError::NotPublished { server: "memory".into() })
    }

    async fn settings_at(&mut self, revision: u64) -> Result<Option<PoolSettings>, StoreError> {
        Ok(self.0.borrow().revisions.iter().rfind(|settings| settings.revision <= revision).cloned())
    }

    async fn change(&mut self, settings: &PoolSettings, now: Timestamp) -> Result<u64, StoreError> {
        let mut contents = self.0.borrow_mut();
        let revision = contents.revisions.len() as u64 + 1;
        contents.revisions.push(PoolSettings { revision, made: now, ..settings.clone() });
        Ok(revision)
    }

    async fn replicas(&mut self) -> Result<Vec<Replica>, StoreError> {
        let contents = self.0.borrow();
        let newest = contents.revisions.last().expect("the tests publish first").clone();
        let replica = |fqdn: String| {
            let (revision, requested) = contents.delivered.get(&fqdn).copied().unwrap_or((0, false));
            let updated = (revision > 0).then_some(newest.made);
            Replica { fqdn, revision, updated, newest_made: newest.made, newest: newest.revision, requested }
        };
        Ok(contents.topology.replicas().into_iter().map(replica).collect())
    }

    async fn request_replication(&mut self, fqdn: Option<&str>) -> Result<(), StoreError> {
        let mut contents = self.0.borrow_mut();
        for name in contents.topology.replicas() {
            if fqdn.is_none_or(|fqdn| fqdn.eq_ignore_ascii_case(&name)) {
                contents.delivered.entry(name).or_default().1 = true;
            }
        }
        Ok(())
    }

    async fn mark_delivered(&mut self, fqdn: &str, revision: u64, _: Timestamp) -> Result<(), StoreError> {
        self.0.borrow_mut().delivered.insert(fqdn.to_owned(), (revision, false));
        Ok(())
    }
}

struct OpenMemory(Rc<RefCell<Contents>>);

#[async_trait(?Send)]
impl OpenStore for OpenMemory {
    async fn open(&self) -> Result<Box<dyn ManagementStore>, StoreError> {
        if self.0.borrow().unreachable {
            let source = SqlError::Unreachable { server: "sql-a1".into(), cause: "timed out".into() };
            return Err(StoreError::Unreachable { server: "sql-a1;xds".into(), source });
        }
        Ok(Box::new(MemoryStore(Rc::clone(&self.0))))
    }
}

/// A rule: what an instance answers to a batch that holds a text. Later rules win.
type Rule = (&'static str, &'static str, Result<Vec<Vec<SqlRow>>, SqlError>);

/// What the SQL Servers were asked, and how they answer.
#[derive(Default)]
pub(super) struct Script {
    pub(super) asked: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

/// One row from names and values.
pub(super) fn row(columns: &[(&str, &str)]) -> SqlRow {
    let value = |text: &str| (text != "NULL").then(|| text.to_owned());
    SqlRow(columns.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect())
}

struct ScriptedServers(Rc<RefCell<Script>>);

#[async_trait(?Send)]
impl SqlServers for ScriptedServers {
    async fn sign_in(&self, place: &SqlPlace<'_>, _: &str) -> Result<Box<dyn SqlSession>, SqlError> {
        let session = ScriptedSession { host: place.fqdn.to_owned(), script: Rc::clone(&self.0) };
        Ok(Box::new(session))
    }
}

struct ScriptedSession {
    host: String,
    script: Rc<RefCell<Script>>,
}

#[async_trait(?Send)]
impl SqlSession for ScriptedSession {
    async fn run(&mut self, batch: &str) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        let mut script = self.script.borrow_mut();
        let host = self.host.split('.').next().unwrap_or_default().to_owned();
        if !batch.starts_with("SELECT") {
            script.asked.push(format!("{host}: {batch}"));
        }
        let rule = script.rules.iter().rev().find(|(at, part, _)| host == *at && batch.contains(part));
        rule.map_or_else(|| Ok(Vec::new()), |(_, _, answer)| answer.clone())
    }
}

struct NoConnector;

#[async_trait(?Send)]
impl Connector for NoConnector {
    async fn connect(&self, _: &str, _: Option<&str>, _: Option<u16>) -> io::Result<Box<dyn ByteStream>> {
        Err(io::Error::other("the tests have no network"))
    }
}

struct FixedClock;

impl Clock for FixedClock {
    fn utc_now(&self) -> Timestamp {
        "2026-03-01T10:00:00Z".parse().expect("a valid timestamp")
    }
}

/// A machine with the shell on it.
pub(super) struct Machine {
    pub(super) env: ShellEnvironment,
    pub(super) contents: Rc<RefCell<Contents>>,
    pub(super) sql: Rc<RefCell<Script>>,
}

impl Machine {
    pub(super) fn new() -> Self {
        let login = SqlLogin::new("shell", "secret");
        let store = StoreLocation::new("sql-a1.litwareinc.com", login.clone());
        let env = ShellEnvironment::new(
            Rc::new(NoConnector),
            store,
            login,
            Rc::new(FixedClock),
            "chat-b1.litwareinc.com",
        );
        let topology = topology();
        let first = first_settings(&topology, None, FixedClock.utc_now());
        let contents =
            Contents { topology, revisions: vec![first], delivered: BTreeMap::new(), unreachable: false };
        Self { env, contents: Rc::new(RefCell::new(contents)), sql: Rc::default() }
    }

    /// Its SQL Servers and its store.
    pub(super) fn backends(&self) -> Backends {
        Backends {
            servers: Rc::new(ScriptedServers(Rc::clone(&self.sql))),
            store: Rc::new(OpenMemory(Rc::clone(&self.contents))),
        }
    }

    /// Runs the shell with arguments and standard input.
    pub(super) async fn invoke(&self, args: &[&str], stdin: &str) -> ShellOutput {
        let backends = self.backends();
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        invoke_with(&self.env, backends, &args, stdin).await
    }

    /// Runs a script and shows standard output, standard error and a bad exit code.
    pub(super) async fn run(&self, script: &str) -> String {
        let output = self.invoke(&["-NoProfile", "-NonInteractive", "-Command", script], "").await;
        let mut text = output.stdout;
        text.push_str(&output.stderr);
        if output.exit_code != 0 {
            text.push_str(&format!("exit {}\n", output.exit_code));
        }
        text
    }

    /// The newest settings.
    pub(super) fn settings(&self) -> PoolSettings {
        self.contents.borrow().revisions.last().expect("a topology is published").clone()
    }
}
