//! Databases and their states, tables, transactions, locks.
//!
//! Everything here is synchronous: a statement's row work happens inside one
//! borrow of the engine. What takes time (locks held by others, backups, a
//! mirror's acknowledgement) is waited for between two borrows.

pub(crate) mod certificates;
pub mod content;
pub mod create;
pub mod database;
pub mod definition;
pub mod endpoints;
pub mod key;
pub mod locks;
pub mod logins;
pub mod passwords;
pub mod permissions;
pub mod read;
pub mod schema;
pub mod sequence;
pub mod state;
pub mod table;
pub mod transaction;
mod unique;
pub mod versions;

pub use content::{Content, NamedObject};
pub use create::CreateDatabase;
pub use database::{
    Database, DatabaseFile, DatabaseId, DatabaseOptions, DatabaseState, MASTER, MODEL, MSDB, RecoveryModel,
    TEMPDB, UserAccess,
};
pub use definition::{
    Check, Column, DefaultDef, Definition, ForeignKey, Identity, IndexColumn, IndexDef, IndexKind, ModuleDef,
    ModuleKind, ObjectId, PermissionDef, PrincipalDef, PrincipalKind, ReferentialAction, SchemaDef, TableDef,
    TypeDef, same_name,
};
pub use endpoints::{Endpoint, EndpointRole, EndpointState};
pub use key::{Key, KeyPart};
pub use locks::{Conflict, LockMode, LockTable, LockView, Resource};
pub use logins::{Login, LoginKind, SERVER_ROLES};
pub use passwords::PasswordHash;
pub use permissions::{Caller, Securable};
pub use read::{Access, TableAccess};
pub use table::{RowId, Table};
pub use transaction::{CommitTicket, Fault, Savepoint, Transaction, TransactionId};
pub use versions::Versions;

use crate::clock::Clock;
use crate::config::InstanceConfig;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::rc::Rc;
use uuid::Uuid;

/// All databases, logins, locks and transactions of an instance.
#[derive(Debug)]
pub struct Engine {
    /// Databases by id.
    pub(crate) databases: BTreeMap<DatabaseId, Database>,
    /// Logins by `principal_id`.
    pub logins: BTreeMap<i32, Login>,
    /// The mirroring endpoint, if there is one.
    pub endpoint: Option<Endpoint>,
    /// The master key and certificates of `master`.
    pub(crate) keys: certificates::Keys,
    /// Locks.
    pub locks: LockTable,
    pub(crate) transactions: BTreeMap<u64, Transaction>,
    pub(crate) last_transaction: u64,
    /// Rows deleted by transactions that are still open.
    pub(crate) ghosts: BTreeMap<(DatabaseId, ObjectId, RowId), crate::value::Row>,
    pub(crate) clock: Clock,
    pub(crate) rng: rand_chacha::ChaCha8Rng,
    /// Salts of passwords.
    pub(crate) salts: rand_chacha::ChaCha8Rng,
    pub(crate) data_directory: Rc<str>,
    pub(crate) server_name: Rc<str>,
    /// Settings that were changed (sp_configure), by id: the configured value and the one in use.
    pub(crate) settings: BTreeMap<i32, (i64, i64)>,
    /// Trace flags set for all sessions (DBCC TRACEON (n, -1)).
    pub(crate) global_trace_flags: std::collections::BTreeSet<i64>,
    /// The disk of the write-ahead log is full: user databases take no changes.
    pub(crate) is_log_full: bool,
    /// Simulated time below one millisecond that was not charged yet.
    pub(crate) uncharged: std::time::Duration,
}

impl Engine {
    /// An engine with the four system databases and the login `sa`.
    #[must_use]
    pub fn new(config: &InstanceConfig, clock: &Clock) -> Self {
        let mut engine = Self {
            databases: BTreeMap::new(),
            logins: BTreeMap::new(),
            endpoint: None,
            keys: certificates::Keys::default(),
            locks: LockTable::default(),
            transactions: BTreeMap::new(),
            last_transaction: 1000,
            ghosts: BTreeMap::new(),
            clock: clock.clone(),
            rng: rand_chacha::ChaCha8Rng::seed_from_u64(config.seed ^ 0x0065_6e67_696e_6500),
            salts: rand_chacha::ChaCha8Rng::seed_from_u64(config.seed ^ 0x7061_7373_776f_7264),
            data_directory: crate::files::trim_directory(&config.data_directory).into(),
            server_name: config.server_name.as_str().into(),
            settings: BTreeMap::new(),
            global_trace_flags: std::collections::BTreeSet::new(),
            is_log_full: false,
            uncharged: std::time::Duration::ZERO,
        };
        let created = clock.utc_now();
        let password = engine.hash_password(&config.sa_password);
        engine.logins.insert(
            1,
            Login {
                principal_id: 1,
                name: "sa".into(),
                sid: Rc::from([1u8].as_slice()),
                kind: LoginKind::Sql,
                password,
                is_disabled: false,
                default_database: "master".into(),
                created,
                roles: vec!["sysadmin".into()],
                permissions: Vec::new(),
            },
        );
        for (id, name) in [(MASTER, "master"), (TEMPDB, "tempdb"), (MODEL, "model"), (MSDB, "msdb")] {
            engine.add_system_database(id, name);
        }
        engine
    }

    /// A password as a login keeps it, with a salt of its own.
    pub fn hash_password(&mut self, password: &str) -> PasswordHash {
        let mut salt = [0; 4];
        self.salts.fill_bytes(&mut salt);
        PasswordHash::new(password, salt)
    }

    /// A GUID from the seeded stream.
    pub fn new_guid(&mut self) -> Uuid {
        let mut bytes = [0u8; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Adds to the work that is to be paid in time; gives the whole milliseconds that are due now.
    pub(crate) fn charge(&mut self, time: std::time::Duration) -> u64 {
        let due = self.uncharged + time;
        let whole_ms = u64::try_from(due.as_millis()).unwrap_or(u64::MAX);
        self.uncharged = due.saturating_sub(std::time::Duration::from_millis(whole_ms));
        whole_ms
    }

    /// A database by id.
    #[must_use]
    pub fn database(&self, id: DatabaseId) -> Option<&Database> {
        self.databases.get(&id)
    }

    /// A database by id, to change its options.
    pub fn database_mut(&mut self, id: DatabaseId) -> Option<&mut Database> {
        self.databases.get_mut(&id)
    }

    /// A database by name, without regard to case.
    #[must_use]
    pub fn database_by_name(&self, name: &str) -> Option<&Database> {
        self.databases.values().find(|d| same_name(&d.name, name))
    }

    /// A database's id by name.
    #[must_use]
    pub fn database_id(&self, name: &str) -> Option<DatabaseId> {
        self.database_by_name(name).map(|d| d.id)
    }

    /// All databases by id.
    pub fn databases(&self) -> impl Iterator<Item = &Database> {
        self.databases.values()
    }

    /// The lowest free database id.
    #[must_use]
    pub(crate) fn free_database_id(&self) -> DatabaseId {
        (5..).find(|id| !self.databases.contains_key(id)).unwrap_or(DatabaseId::MAX)
    }

    /// A login by name.
    #[must_use]
    pub fn login(&self, name: &str) -> Option<&Login> {
        self.logins.values().find(|l| same_name(&l.name, name))
    }

    /// Adds a login; id and SID are chosen when they are 0 and empty.
    ///
    /// # Errors
    /// 15025 when the name is taken.
    pub fn create_login(&mut self, mut login: Login) -> crate::error::SqlResult<i32> {
        if self.login(&login.name).is_some() {
            return Err(crate::messages::error(15025, 1, &[&login.name]));
        }
        if login.principal_id == 0 {
            login.principal_id = self.logins.keys().max().copied().unwrap_or(0).max(255) + 1;
        }
        if login.sid.is_empty() {
            login.sid = Rc::from(self.new_guid().as_bytes().as_slice());
        }
        let id = login.principal_id;
        self.logins.insert(id, login);
        Ok(id)
    }
}

#[cfg(test)]
mod tests;
