//! For tests of the rooms below the interpreter: servers, sessions, a small table, its rows.

use crate::backup::{self, BackupKind, BackupRequest, RestoreEnd, RestoreKind, RestoreRequest};
use crate::engine::{
    Access, Column, CreateDatabase, DatabaseId, Engine, ObjectId, RowId, TableDef, TransactionId, create,
};
use crate::network::NoNetwork;
use crate::observer::NoObserver;
use crate::session::open::{Introduction, OpenSession};
use crate::session::{CollectingSink, Session};
use crate::store::memory_files::MemoryFiles;
use crate::value::{DataType, Length, Value};
use crate::{Clock, CostModel, Instance, InstanceConfig};
use std::rc::Rc;

/// A noon in UTC.
pub(crate) const NOON: &str = "2026-03-02T12:00:00Z";

/// Drives that every test server shares: backups travel without copying.
pub(crate) fn files() -> MemoryFiles {
    let files = MemoryFiles::new(&Clock::starting_at(NOON.parse().unwrap(), 540), &['D']);
    for directory in [r"D:\Data", r"D:\Other", r"D:\Backup"] {
        files.make_directory(directory).unwrap();
    }
    files
}

pub(crate) fn config(name: &str) -> InstanceConfig {
    InstanceConfig {
        server_name: name.to_owned(),
        host: format!("{}.litwareinc.com", name.to_lowercase()),
        sa_password: "secret".to_owned(),
        tds_port: 1433,
        data_directory: format!(r"D:\{}", if name == "A" { "Data" } else { "Other" }),
        backup_directory: r"D:\Backup".to_owned(),
        agent_enabled: false,
        seed: name.bytes().map(u64::from).sum(),
        cost: CostModel::default(),
        product: crate::config::Product::default(),
    }
}

/// A server with a session of its own.
pub(crate) struct Server {
    pub(crate) instance: Instance,
    pub(crate) open: OpenSession,
}

impl Server {
    pub(crate) fn start(name: &str, files: &MemoryFiles) -> Self {
        Self::with(config(name), files)
    }

    pub(crate) fn with(config: InstanceConfig, files: &MemoryFiles) -> Self {
        let clock = Clock::starting_at(NOON.parse().unwrap(), 540);
        let files = Rc::new(files.clone());
        Self::of(Instance::start(config, clock, files, Rc::new(NoNetwork), Rc::new(NoObserver)))
    }

    pub(crate) fn of(instance: Instance) -> Self {
        let open = instance.open_session(Introduction::of_service("test", "test")).unwrap();
        Self { instance, open }
    }

    pub(crate) fn session(&self) -> &Rc<Session> {
        self.open.session()
    }

    pub(crate) fn engine(&self) -> std::cell::RefMut<'_, Engine> {
        self.instance.0.engine.borrow_mut()
    }

    pub(crate) fn id(&self, database: &str) -> DatabaseId {
        self.engine().database_id(database).unwrap()
    }

    /// Creates a database with the table `t(id int primary key, body nvarchar(100))`.
    pub(crate) async fn create(&self, name: &str) -> (DatabaseId, ObjectId) {
        let request = CreateDatabase { name: name.to_owned(), ..CreateDatabase::default() };
        let id = create::create_database(&self.instance, &request).await.unwrap();
        let columns = vec![
            Column::new("id", DataType::Int, false),
            Column::new("body", DataType::NVarChar(Length::Upto(100)), true),
        ];
        let table = self.commit(|engine, txn| {
            engine.create_table(txn, id, TableDef::new("dbo", "t", columns).with_primary_key(&[0])).unwrap()
        });
        (id, table)
    }

    /// Runs `work` in a transaction and commits it.
    pub(crate) fn commit<T>(&self, work: impl FnOnce(&mut Engine, TransactionId) -> T) -> T {
        let mut engine = self.engine();
        let txn = engine.begin(self.session().id);
        let result = work(&mut engine, txn);
        let ticket = engine.commit(txn);
        assert!(ticket.is_ready(), "nothing is mirrored here");
        result
    }

    /// Inserts `(id, body)` into `t` and commits.
    pub(crate) fn insert(&self, database: &str, id: i64, body: &str) -> RowId {
        let (database, table) = self.place(database);
        self.commit(|engine, txn| engine.insert(txn, database, table, row(id, body)).unwrap())
    }

    pub(crate) fn place(&self, database: &str) -> (DatabaseId, ObjectId) {
        let engine = self.engine();
        let database = engine.database_by_name(database).unwrap();
        (database.id, database.content.table_by_name("dbo", "t").unwrap().def.object_id)
    }

    /// The rows of `t`, by id.
    pub(crate) fn rows(&self, database: &str) -> Vec<(i64, String)> {
        let (database, table) = self.place(database);
        let access =
            self.engine().open_table(self.session().id, None, database, table, Access::Dirty).unwrap();
        let rows = access.table.rows_in_order(0).map(|(_, row)| match (&row[0], &row[1]) {
            (Value::Int(id), Value::Text(body)) => (*id, body.to_string()),
            other => unreachable!("{other:?}"),
        });
        rows.collect()
    }

    pub(crate) async fn backup(&self, kind: BackupKind, database: &str, device: &str) -> Vec<i32> {
        self.run_backup(&BackupRequest::new(kind, database, device)).await
    }

    /// Takes a backup; gives the error numbers.
    pub(crate) async fn run_backup(&self, request: &BackupRequest) -> Vec<i32> {
        let mut sink = CollectingSink::new();
        numbers(backup::backup(&self.instance, self.session(), request, &mut sink).await)
    }

    pub(crate) async fn restore(
        &self,
        kind: RestoreKind,
        database: &str,
        device: &str,
        end: RestoreEnd,
    ) -> Vec<i32> {
        let mut request = RestoreRequest::new(kind, database, Some(device));
        request.end = end;
        if kind == RestoreKind::Database {
            request.moves = self.moves(database);
        }
        self.run_restore(&request).await
    }

    /// MOVE clauses into this server's data directory, for a database named `mgc` in its backup.
    pub(crate) fn moves(&self, database: &str) -> Vec<(String, String)> {
        let directory = &self.instance.0.config.data_directory;
        vec![
            ("mgc".to_owned(), format!(r"{directory}\{database}.mdf")),
            ("mgc_log".to_owned(), format!(r"{directory}\{database}_log.ldf")),
        ]
    }

    /// Restores; gives the error numbers.
    pub(crate) async fn run_restore(&self, request: &RestoreRequest) -> Vec<i32> {
        let mut sink = CollectingSink::new();
        numbers(backup::restore(&self.instance, self.session(), request, &mut sink).await)
    }

    /// RESTORE DATABASE … WITH RECOVERY alone.
    pub(crate) async fn recover(&self, database: &str) -> Vec<i32> {
        self.run_restore(&RestoreRequest::new(RestoreKind::Database, database, None)).await
    }
}

pub(crate) fn numbers(result: Result<(), backup::Errors>) -> Vec<i32> {
    result.err().unwrap_or_default().iter().map(|e| e.number).collect()
}

pub(crate) fn row(id: i64, body: &str) -> crate::value::Row {
    vec![Value::Int(id), Value::text(body)].into()
}
