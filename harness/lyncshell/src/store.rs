//! The management store: the published topology, the pool's settings and who
//! has received them, in a database on one of the estate's SQL Servers.
//!
//! The tables are our own; Lync's are not public. The pool's settings are a log
//! of revisions and a replica is the number of the revision it has received, so
//! what a lagging replica believes can be read at any time. Nothing here
//! delivers anything: a replicator asks for [`ManagementStore::replicas`],
//! carries the settings over its links and reports with
//! [`ManagementStore::mark_delivered`].

use std::rc::Rc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::environment::{Connector, StoreLocation};
use crate::sql::{SqlError, SqlPlace, SqlRow, SqlServers, SqlSession, TdsServers, identifier, literal};
use crate::topology::{PoolState, Topology};

/// Why the management store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The SQL Server that holds it does not answer.
    ///
    /// No public source shows Lync's own text for this; the wording is ours.
    #[error("Cannot connect to the Central Management Store on \"{server}\". {source}")]
    Unreachable {
        /// Server and database.
        server: String,
        /// What SQL Server or the network said.
        source: SqlError,
    },
    /// The database is there and refused or broke.
    #[error("The Central Management Store on \"{server}\" returned an error. {source}")]
    Refused {
        /// Server and database.
        server: String,
        /// What SQL Server said.
        source: SqlError,
    },
    /// No topology has been published.
    #[error("No topology has been published to the Central Management Store on \"{server}\".")]
    NotPublished {
        /// Server and database.
        server: String,
    },
    /// What is stored is not what this version writes.
    #[error(
        "The Central Management Store on \"{server}\" holds something unreadable: {what}. Publish the topology again."
    )]
    Damaged {
        /// Server and database.
        server: String,
        /// What was read.
        what: String,
    },
}

/// One revision of the pool's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// The revision, counted from 1.
    pub revision: u64,
    /// The pool's FQDN.
    pub pool: String,
    /// The pool's state.
    pub state: PoolState,
    /// The active servers, in the order in which they became active.
    pub active_servers: Vec<String>,
    /// When the revision was made, UTC.
    pub made: Timestamp,
}

/// A machine's copy of the management store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The machine.
    pub fqdn: String,
    /// The newest revision it has received; 0 for none.
    pub revision: u64,
    /// When it received it, UTC.
    pub updated: Option<Timestamp>,
    /// When the newest revision was made, UTC.
    pub newest_made: Timestamp,
    /// The newest revision there is.
    pub newest: u64,
    /// Replication was forced and has not been delivered since.
    pub requested: bool,
}

impl Replica {
    /// Whether the machine has the newest revision and nothing forced is under way.
    pub fn up_to_date(&self) -> bool {
        self.revision == self.newest && !self.requested
    }
}

/// The management store, open.
#[async_trait(?Send)]
pub trait ManagementStore {
    /// Publishes a topology. The first publication makes the servers marked
    /// active in it active and the pool `Normal`; a later one keeps state and
    /// active servers as they are, less the servers that are gone, and replicas
    /// keep what they have received.
    /// Returns the new revision.
    async fn publish(&mut self, topology: &Topology, now: Timestamp) -> Result<u64, StoreError>;

    /// The published topology and the newest settings.
    async fn read(&mut self) -> Result<(Topology, PoolSettings), StoreError>;

    /// The settings as of a revision: the newest one not after it.
    async fn settings_at(&mut self, revision: u64) -> Result<Option<PoolSettings>, StoreError>;

    /// Makes a new revision of the settings; `settings.revision` and
    /// `settings.made` are not read. Returns the new revision.
    async fn change(&mut self, settings: &PoolSettings, now: Timestamp) -> Result<u64, StoreError>;

    /// Every replica, in the topology's order.
    async fn replicas(&mut self) -> Result<Vec<Replica>, StoreError>;

    /// Asks for replication to one machine, or to all.
    async fn request_replication(&mut self, fqdn: Option<&str>) -> Result<(), StoreError>;

    /// Notes that a machine has received a revision.
    async fn mark_delivered(&mut self, fqdn: &str, revision: u64, at: Timestamp) -> Result<(), StoreError>;
}

/// Opens the management store.
#[async_trait(?Send)]
pub trait OpenStore {
    /// Connects to it.
    async fn open(&self) -> Result<Box<dyn ManagementStore>, StoreError>;
}

/// Creates the management store's database, if it is not there, and its tables.
pub async fn create(
    connector: Rc<dyn Connector>,
    location: &StoreLocation,
) -> Result<SqlManagementStore, StoreError> {
    let servers = TdsServers::new(connector);
    let mut store = SqlManagementStore::sign_in(&servers, location, "master").await?;
    let database = identifier(&location.database);
    let make = format!("IF DB_ID({}) IS NULL CREATE DATABASE {database}", literal(&location.database));
    store.run(&make).await?;
    store.run(&format!("USE {database}")).await?;
    store.run(TABLES).await?;
    Ok(store)
}

/// Opens the management store at `location`.
pub async fn open(
    connector: Rc<dyn Connector>,
    location: &StoreLocation,
) -> Result<SqlManagementStore, StoreError> {
    SqlManagementStore::sign_in(&TdsServers::new(connector), location, &location.database).await
}

/// Our tables.
const TABLES: &str = "\
IF OBJECT_ID(N'dbo.PublishedTopology') IS NULL
CREATE TABLE dbo.PublishedTopology (Id int NOT NULL PRIMARY KEY, Document varchar(max) NOT NULL)
IF OBJECT_ID(N'dbo.PoolRevision') IS NULL
CREATE TABLE dbo.PoolRevision (Revision bigint NOT NULL PRIMARY KEY, Pool nvarchar(256) NOT NULL, \
PoolState nvarchar(16) NOT NULL, ActiveServers nvarchar(max) NOT NULL, MadeUtc nvarchar(40) NOT NULL)
IF OBJECT_ID(N'dbo.Replica') IS NULL
CREATE TABLE dbo.Replica (Ordinal int NOT NULL PRIMARY KEY, Fqdn nvarchar(256) NOT NULL, Revision bigint NOT NULL, \
UpdatedUtc nvarchar(40) NULL, Requested bit NOT NULL)";

/// The newest revision of the settings.
const NEWEST: &str = "SELECT TOP (1) Revision, Pool, PoolState, ActiveServers, MadeUtc FROM dbo.PoolRevision ORDER BY Revision DESC";

/// The management store over a SQL connection.
pub struct SqlManagementStore {
    server: String,
    session: Box<dyn SqlSession>,
    /// The topology as it was read last, and the newest revision then.
    known: Option<(Topology, u64)>,
}

impl SqlManagementStore {
    /// Signs in to the store's server.
    async fn sign_in(
        servers: &dyn SqlServers,
        location: &StoreLocation,
        database: &str,
    ) -> Result<Self, StoreError> {
        let place = SqlPlace {
            fqdn: &location.server,
            instance: location.instance.as_deref(),
            port: location.port,
            login: &location.login,
        };
        let server = format!("{};{}", place.name(), location.database);
        match servers.sign_in(&place, database).await {
            Ok(session) => Ok(Self { server, session, known: None }),
            Err(source) => Err(StoreError::Unreachable { server, source }),
        }
    }

    /// Runs a batch.
    async fn run(&mut self, batch: &str) -> Result<Vec<Vec<SqlRow>>, StoreError> {
        self.session.run(batch).await.map_err(|source| match source {
            SqlError::Server { .. } => StoreError::Refused { server: self.server.clone(), source },
            SqlError::Unreachable { .. } | SqlError::Broken { .. } => {
                StoreError::Unreachable { server: self.server.clone(), source }
            }
        })
    }

    /// Something in a table is not what we write.
    fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { server: self.server.clone(), what: what.into() }
    }

    /// A row of `dbo.PoolRevision`.
    fn settings(&self, row: &SqlRow) -> Result<PoolSettings, StoreError> {
        let read = || {
            let active = row.text("ActiveServers")?;
            Some(PoolSettings {
                revision: row.text("Revision")?.parse().ok()?,
                pool: row.text("Pool")?.to_owned(),
                state: PoolState::from_name(row.text("PoolState")?)?,
                active_servers: active
                    .split(';')
                    .filter(|fqdn| !fqdn.is_empty())
                    .map(str::to_owned)
                    .collect(),
                made: row.text("MadeUtc")?.parse().ok()?,
            })
        };
        read().ok_or_else(|| self.damaged(format!("{row:?} in dbo.PoolRevision")))
    }

    /// The newest settings, if there are any.
    async fn newest(&mut self) -> Result<Option<PoolSettings>, StoreError> {
        let results = self.run(NEWEST).await?;
        results.first().and_then(|rows| rows.first()).map(|row| self.settings(row)).transpose()
    }

    /// The batch that adds a revision after `revision`.
    fn insert(revision: u64, settings: &PoolSettings, now: Timestamp) -> String {
        format!(
            "INSERT INTO dbo.PoolRevision (Revision, Pool, PoolState, ActiveServers, MadeUtc) VALUES ({revision}, {}, {}, {}, {})",
            literal(&settings.pool),
            literal(settings.state.name()),
            literal(&settings.active_servers.join(";")),
            literal(&now.to_string()),
        )
    }
}

#[async_trait(?Send)]
impl ManagementStore for SqlManagementStore {
    async fn publish(&mut self, topology: &Topology, now: Timestamp) -> Result<u64, StoreError> {
        let newest = self.newest().await?;
        let known = if newest.is_some() { self.replicas().await? } else { Vec::new() };
        let settings = first_settings(topology, newest, now);
        let document = serde_json::to_string(topology).map_err(|error| self.damaged(error.to_string()))?;
        let mut batch = format!(
            "SET XACT_ABORT ON\nBEGIN TRANSACTION\nDELETE FROM dbo.PublishedTopology\n\
             INSERT INTO dbo.PublishedTopology (Id, Document) VALUES (1, {})\n{}\nDELETE FROM dbo.Replica\n",
            literal(&in_ascii(&document)),
            Self::insert(settings.revision, &settings, now),
        );
        for (ordinal, fqdn) in topology.replicas().iter().enumerate() {
            let before = known.iter().find(|replica| replica.fqdn.eq_ignore_ascii_case(fqdn));
            let updated = before.and_then(|replica| replica.updated);
            batch.push_str(&format!(
                "INSERT INTO dbo.Replica (Ordinal, Fqdn, Revision, UpdatedUtc, Requested) VALUES ({ordinal}, {}, {}, {}, 0)\n",
                literal(fqdn),
                before.map_or(0, |replica| replica.revision),
                updated.map_or("NULL".to_owned(), |at| literal(&at.to_string())),
            ));
        }
        batch.push_str("COMMIT TRANSACTION");
        self.run(&batch).await?;
        Ok(settings.revision)
    }

    async fn read(&mut self) -> Result<(Topology, PoolSettings), StoreError> {
        // The topology is by far the largest thing there is, and every publication makes a revision.
        let only_if_new = self.known.as_ref().map_or_else(String::new, |(_, known)| {
            format!("IF EXISTS (SELECT 1 FROM dbo.PoolRevision WHERE Revision > {known})\n")
        });
        let batch = format!("{NEWEST}\n{only_if_new}SELECT Document FROM dbo.PublishedTopology WHERE Id = 1");
        let results = self.run(&batch).await?;
        let missing = || StoreError::NotPublished { server: self.server.clone() };
        let first = |index: usize| results.get(index).and_then(|rows: &Vec<SqlRow>| rows.first());
        let settings = self.settings(first(0).ok_or_else(missing)?)?;
        let topology = match (&self.known, results.len()) {
            (Some((topology, known)), 1) if *known == settings.revision => topology.clone(),
            _ => {
                let document = first(1).and_then(|row| row.text("Document")).ok_or_else(missing)?;
                serde_json::from_str(document).map_err(|error| self.damaged(error.to_string()))?
            }
        };
        self.known = Some((topology, settings.revision));
        let topology = self.known.as_ref().map(|(topology, _)| topology.clone()).ok_or_else(missing)?;
        Ok((topology, settings))
    }

    async fn settings_at(&mut self, revision: u64) -> Result<Option<PoolSettings>, StoreError> {
        let batch = format!(
            "SELECT TOP (1) Revision, Pool, PoolState, ActiveServers, MadeUtc FROM dbo.PoolRevision \
             WHERE Revision <= {revision} ORDER BY Revision DESC"
        );
        let results = self.run(&batch).await?;
        results.first().and_then(|rows| rows.first()).map(|row| self.settings(row)).transpose()
    }

    async fn change(&mut self, settings: &PoolSettings, now: Timestamp) -> Result<u64, StoreError> {
        let newest = self.newest().await?.map_or(0, |newest| newest.revision);
        let revision = newest + 1;
        self.run(&Self::insert(revision, settings, now)).await?;
        Ok(revision)
    }

    async fn replicas(&mut self) -> Result<Vec<Replica>, StoreError> {
        let batch = format!(
            "SELECT Fqdn, Revision, UpdatedUtc, Requested FROM dbo.Replica ORDER BY Ordinal\n{NEWEST}"
        );
        let results = self.run(&batch).await?;
        let newest = match results.get(1).and_then(|rows| rows.first()) {
            Some(row) => self.settings(row)?,
            None => return Err(StoreError::NotPublished { server: self.server.clone() }),
        };
        let rows = results.first().map(Vec::as_slice).unwrap_or_default();
        rows.iter()
            .map(|row| {
                let read = || {
                    Some(Replica {
                        fqdn: row.text("Fqdn")?.to_owned(),
                        revision: row.text("Revision")?.parse().ok()?,
                        updated: match row.text("UpdatedUtc") {
                            Some(text) => Some(text.parse().ok()?),
                            None => None,
                        },
                        newest_made: newest.made,
                        newest: newest.revision,
                        requested: row.number("Requested")? != 0,
                    })
                };
                read().ok_or_else(|| self.damaged(format!("{row:?} in dbo.Replica")))
            })
            .collect()
    }

    async fn request_replication(&mut self, fqdn: Option<&str>) -> Result<(), StoreError> {
        let only = fqdn.map(|fqdn| format!(" WHERE Fqdn = {}", literal(fqdn))).unwrap_or_default();
        self.run(&format!("UPDATE dbo.Replica SET Requested = 1{only}")).await?;
        Ok(())
    }

    async fn mark_delivered(&mut self, fqdn: &str, revision: u64, at: Timestamp) -> Result<(), StoreError> {
        let batch = format!(
            "UPDATE dbo.Replica SET Revision = {revision}, UpdatedUtc = {}, Requested = 0 WHERE Fqdn = {}",
            literal(&at.to_string()),
            literal(fqdn),
        );
        self.run(&batch).await?;
        Ok(())
    }
}

/// JSON in which every character is ASCII: half the bytes of a national text, and the same in every code page.
fn in_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            // Outside of ASCII nothing stands in JSON but what is inside a string, where this is an escape.
            for unit in character.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

/// What a publication makes of the settings there were.
pub(crate) fn first_settings(
    topology: &Topology,
    before: Option<PoolSettings>,
    now: Timestamp,
) -> PoolSettings {
    let servers = &topology.chat_servers;
    let in_pool = |fqdn: &String| servers.iter().any(|server| server.fqdn.eq_ignore_ascii_case(fqdn));
    match before {
        Some(before) => PoolSettings {
            revision: before.revision + 1,
            pool: topology.pool.clone(),
            state: before.state,
            active_servers: before.active_servers.into_iter().filter(in_pool).collect(),
            made: now,
        },
        None => PoolSettings {
            revision: 1,
            pool: topology.pool.clone(),
            state: PoolState::Normal,
            active_servers: servers
                .iter()
                .filter(|server| server.active)
                .map(|server| server.fqdn.clone())
                .collect(),
            made: now,
        },
    }
}

/// Opens the store of a [`StoreLocation`] over a connector.
pub(crate) struct LocatedStore {
    /// Opens connections.
    pub(crate) connector: Rc<dyn Connector>,
    /// Where the store is.
    pub(crate) location: StoreLocation,
}

#[async_trait(?Send)]
impl OpenStore for LocatedStore {
    async fn open(&self) -> Result<Box<dyn ManagementStore>, StoreError> {
        Ok(Box::new(open(Rc::clone(&self.connector), &self.location).await?))
    }
}
