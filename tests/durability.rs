//! `firedrill serve --data` is killed in the middle of the work of many clients, several times.
//!
//! What this proves: on this host's file system, everything that a client was told is there after
//! SIGKILL and a restart, each transaction as a whole, and nothing that was rolled back. It does not prove that the
//! disk keeps what it says it flushed.

#![expect(clippy::panic, reason = "a failed expectation is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

const PASSWORD: &str = "Kill-minus-9";
/// Clients that write at the same time.
const CLIENTS: u32 = 12;
/// Rows of each transaction.
const ROWS: u32 = 3;
/// How often the server is killed.
const ROUNDS: u32 = 4;
/// How long clients work before the server is killed.
const WORK: Duration = Duration::from_millis(700);
/// How long a server may take to answer, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

type Connection = Client<Compat<TcpStream>>;
/// One transaction: the client, and its number among the client's.
type Transaction = (u32, u32);

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("firedrill-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server process; killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = command(data).stdout(Stdio::piped()).spawn().expect("the program starts");
        let output = child.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let line = lines.find(|line| line.starts_with("listening on ")).unwrap_or_default();
        let port = line.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Self { child, port: port.unwrap_or_else(|| panic!("it said {line:?}")) }
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    async fn connect(&self) -> Connection {
        tokio::time::timeout(PATIENCE, connect(self.port)).await.expect("in time").expect("a connection")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--stop-with-input", "--data"]).arg(data);
    command.env("MSSQL_SA_PASSWORD", PASSWORD).stdin(Stdio::piped());
    command
}

async fn connect(port: u16) -> Result<Connection, tiberius::error::Error> {
    let mut config = Config::new();
    config.authentication(AuthMethod::sql_server("sa", PASSWORD));
    config.encryption(EncryptionLevel::NotSupported);
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    // On the heap: the handshake's future is large.
    Box::pin(Client::connect(config, stream.compat_write())).await
}

async fn run(client: &mut Connection, batch: &str) -> Result<(), tiberius::error::Error> {
    client.simple_query(batch).await?.into_results().await.map(drop)
}

async fn rows(client: &mut Connection, query: &str) -> Vec<tiberius::Row> {
    let answer = client.simple_query(query).await.expect("an answer");
    answer.into_first_result().await.expect("rows")
}

/// What one client was told, and what it was not told.
#[derive(Default)]
struct Told {
    committed: BTreeSet<Transaction>,
    rolled_back: BTreeSet<Transaction>,
    /// The server died before it said how this one ended.
    open: Option<Transaction>,
}

/// Writes transactions until the connection breaks.
async fn write(port: u16, client: u32, first: u32) -> Told {
    let mut told = Told::default();
    let Ok(mut connection) = connect(port).await else { return told };
    for number in first.. {
        let values: Vec<String> = (0..ROWS).map(|row| format!("({client}, {number}, {row})")).collect();
        let is_rolled_back = number % 5 == 4;
        let end = if is_rolled_back { "ROLLBACK" } else { "COMMIT" };
        let inserts: String = values.iter().map(|v| format!("INSERT chat.dbo.message VALUES {v};")).collect();
        let batch = format!("BEGIN TRAN; {inserts} {end}");
        match run(&mut connection, &batch).await {
            Ok(()) if is_rolled_back => drop(told.rolled_back.insert((client, number))),
            Ok(()) => drop(told.committed.insert((client, number))),
            Err(_) => {
                told.open = (!is_rolled_back).then_some((client, number));
                if is_rolled_back {
                    told.rolled_back.insert((client, number));
                }
                break;
            }
        }
    }
    told
}

/// Backs up the log until the connection breaks.
async fn back_up(port: u16, round: u32) -> u32 {
    let Ok(mut connection) = connect(port).await else { return 0 };
    for number in 0.. {
        let batch = format!("BACKUP LOG chat TO DISK = '/var/opt/mssql/data/{round}-{number}.trn'");
        if run(&mut connection, &batch).await.is_err() {
            return number;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    0
}

/// Rows that are there, by transaction.
async fn present(client: &mut Connection, database: &str) -> BTreeMap<Transaction, u32> {
    let query = format!("SELECT client, number FROM {database}.dbo.message");
    let mut present = BTreeMap::new();
    for row in rows(client, &query).await {
        let (client, number): (i32, i32) = (row.get(0).expect("not null"), row.get(1).expect("not null"));
        *present.entry((client.cast_unsigned(), number.cast_unsigned())).or_default() += 1;
    }
    present
}

#[test]
fn what_clients_were_told_survives_kill_9_in_the_middle_of_their_work() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(kill_and_compare());
}

async fn kill_and_compare() {
    let data = Directory::new("durability");
    let mut server = Server::start(&data.0);
    let mut client = server.connect().await;
    for batch in [
        "CREATE DATABASE chat",
        "CREATE TABLE chat.dbo.message (client int, number int, row int, PRIMARY KEY (client, number, row))",
        "BACKUP DATABASE chat TO DISK = '/var/opt/mssql/data/chat.bak'",
    ] {
        run(&mut client, batch).await.unwrap_or_else(|error| panic!("{batch}: {error}"));
    }
    drop(client);
    let (mut all, mut backups) = (Told::default(), 0);
    for round in 0..ROUNDS {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(write(server.port, client, round * 100_000));
        }
        let backing_up = tokio::spawn(back_up(server.port, round));
        tokio::time::sleep(WORK).await;
        server.kill();
        let mut open = BTreeSet::new();
        for told in clients.join_all().await {
            all.committed.extend(told.committed);
            all.rolled_back.extend(told.rolled_back);
            open.extend(told.open);
        }
        backups += backing_up.await.expect("it ended");
        server = Server::start(&data.0);
        let mut client = server.connect().await;
        let present = present(&mut client, "chat").await;
        for transaction in &all.committed {
            assert_eq!(
                present.get(transaction),
                Some(&ROWS),
                "round {round}: {transaction:?} was acknowledged"
            );
        }
        for (transaction, rows) in &present {
            assert_eq!(*rows, ROWS, "round {round}: {transaction:?} is there in part");
            assert!(!all.rolled_back.contains(transaction), "round {round}: {transaction:?} was rolled back");
            let is_known = all.committed.contains(transaction) || open.contains(transaction);
            assert!(is_known, "round {round}: {transaction:?} comes from nowhere");
        }
        // What was open is decided now.
        all.committed.extend(present.keys());
        let known = rows(&mut client, "SELECT COUNT(*) FROM msdb.dbo.backupset WHERE type = 'L'").await;
        let known: i32 = known[0].get(0).expect("not null");
        assert!(
            known.cast_unsigned() >= backups,
            "{backups} log backups were acknowledged, msdb knows {known}"
        );
    }
    assert!(all.committed.len() > 20 && !all.rolled_back.is_empty() && backups > 0, "too little was done");
    the_backups_make_the_same_database(&server, &all.committed).await;
}

/// The chain of backups went on through every crash.
async fn the_backups_make_the_same_database(server: &Server, committed: &BTreeSet<Transaction>) {
    let mut client = server.connect().await;
    let history = "SELECT f.physical_device_name FROM msdb.dbo.backupset s \
                   JOIN msdb.dbo.backupmediafamily f ON f.media_set_id = s.media_set_id \
                   WHERE s.database_name = 'chat' AND s.type = 'L' ORDER BY s.backup_set_id";
    run(&mut client, "BACKUP LOG chat TO DISK = '/var/opt/mssql/data/tail.trn'").await.expect("the tail");
    let files = rows(&mut client, history).await;
    run(
        &mut client,
        "RESTORE DATABASE copy FROM DISK = '/var/opt/mssql/data/chat.bak' WITH NORECOVERY, \
         MOVE 'chat' TO 'D:\\copy.mdf', MOVE 'chat_log' TO 'D:\\copy.ldf'",
    )
    .await
    .expect("the full backup");
    for file in &files {
        let file: &str = file.get(0).expect("not null");
        run(&mut client, &format!("RESTORE LOG copy FROM DISK = '{file}' WITH NORECOVERY"))
            .await
            .unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    run(&mut client, "RESTORE DATABASE copy WITH RECOVERY").await.expect("recovery");
    let copied: BTreeSet<Transaction> = present(&mut client, "copy").await.into_keys().collect();
    assert!(&copied == committed, "{} transactions, restored {}", committed.len(), copied.len());
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let data = Directory::new("second");
    let first = Server::start(&data.0);
    let second = command(&data.0).output().expect("the program starts");
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(4), "{told}");
    let holder = format!("is in use by another server (process {})", first.child.id());
    assert!(told.contains(&holder) && told.contains("name another directory"), "{told}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = runtime.block_on(async {
        let mut client = first.connect().await;
        rows(&mut client, "SELECT 1").await.len()
    });
    assert_eq!(answer, 1);
}
