//! Durable inserts per second: `firedrill serve --data` against plain SQLite, side by side.
//!
//! `cargo bench -p firedrill --bench durable_inserts [-- SECONDS [DIRECTORY]]`. Each inserts the same rows, one a
//! transaction, with 1 and with 16 connections, in turns, on the same disk: SQLite in WAL mode with
//! synchronous=FULL through Python's sqlite3, the server over TDS on loopback. Also printed: the
//! time from the start of the server's process to its first answer, and its resident memory when idle.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

const PASSWORD: &str = "Bench-Mark-1";
const ROUNDS: usize = 3;

type Connection = Client<Compat<TcpStream>>;

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(data: &Path) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["serve", "--listen", "127.0.0.1:0", "--stop-with-input", "--tls", "off", "--data"])
            .arg(data)
            .env("MSSQL_SA_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("it has no output")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let line = lines.find(|line| line.starts_with("listening on ")).ok_or("it does not listen")?;
        let port = line.rsplit_once(':').ok_or("it names no port")?.1.parse()?;
        Ok(Self { child, port })
    }

    async fn connect(&self) -> Result<Connection, Box<dyn Error>> {
        let mut config = Config::new();
        config.authentication(AuthMethod::sql_server("sa", PASSWORD));
        config.encryption(EncryptionLevel::NotSupported);
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        // On the heap: the handshake's future is large.
        Ok(Box::pin(Client::connect(config, stream.compat_write())).await?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn run(client: &mut Connection, batch: &str) -> Result<(), tiberius::error::Error> {
    client.simple_query(batch).await?.into_results().await.map(drop)
}

/// Rows per second of the server.
async fn server(data: &Path, connections: u32, time: Duration) -> Result<f64, Box<dyn Error>> {
    let server = Server::start(data)?;
    let mut first = server.connect().await?;
    run(&mut first, "CREATE DATABASE chat").await?;
    let table = "CREATE TABLE chat.dbo.message (client int, number int, body nvarchar(200), PRIMARY KEY (client, number))";
    run(&mut first, table).await?;
    let mut clients = JoinSet::new();
    for client in 0..connections {
        let mut connection = server.connect().await?;
        clients.spawn_local(async move {
            let end = Instant::now() + time;
            let mut rows = 0;
            while Instant::now() < end {
                let body = format!("message {rows} of client {client}, as long as a line in a chat room");
                let insert = "INSERT INTO chat.dbo.message VALUES (@P1, @P2, @P3)";
                if connection.execute(insert, &[&client.cast_signed(), &rows, &body]).await.is_err() {
                    break;
                }
                rows += 1;
            }
            rows
        });
    }
    let began = Instant::now();
    let rows: i32 = clients.join_all().await.into_iter().sum();
    let speed = f64::from(rows) / began.elapsed().as_secs_f64();
    let counted = first.simple_query("SELECT COUNT(*) FROM chat.dbo.message").await?.into_row().await?;
    let counted: i32 = counted.and_then(|row| row.get(0)).ok_or("no count")?;
    if counted != rows {
        return Err(format!("{rows} rows were acknowledged, {counted} are there").into());
    }
    Ok(speed)
}

/// Rows per second of SQLite.
fn sqlite(file: &Path, connections: u32, time: Duration) -> Result<f64, Box<dyn Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/bench/sqlite_inserts.py");
    let seconds = time.as_secs_f64().to_string();
    let output =
        Command::new("python3").arg(script).arg(file).args([&connections.to_string(), &seconds]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let (rows, took) = text.trim().split_once(' ').ok_or("sqlite_inserts.py failed")?;
    Ok(rows.parse::<f64>()? / took.parse::<f64>()?)
}

/// Milliseconds from the start of the process to the first answer.
async fn first_answer(data: &Path) -> Result<(f64, Server), Box<dyn Error>> {
    let began = Instant::now();
    let server = Server::start(data)?;
    let mut client = server.connect().await?;
    run(&mut client, "SELECT 1").await?;
    Ok((began.elapsed().as_secs_f64() * 1000.0, server))
}

/// Resident memory in MB, where the system tells.
fn resident(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn fresh(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

async fn compare(directory: &Path, time: Duration) -> Result<(), Box<dyn Error>> {
    for connections in [1, 16] {
        for _ in 0..ROUNDS {
            let server = server(&fresh(directory, "server"), connections, time).await?;
            let file = fresh(directory, "sqlite");
            std::fs::create_dir_all(&file)?;
            let sqlite = sqlite(&file.join("chat.db"), connections, time)?;
            let ratio = server / sqlite;
            println!(
                "{connections:2} connections: {server:6.0} rows/s, SQLite {sqlite:6.0} rows/s, ratio {ratio:.2}"
            );
        }
    }
    let data = fresh(directory, "start");
    for what in ["new directory", "again"] {
        let (ms, server) = first_answer(&data).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let memory =
            resident(server.child.id()).map_or_else(|| "unknown".to_owned(), |mb| format!("{mb:.1} MB"));
        println!("start to first answer, {what}: {ms:.0} ms; resident {memory}");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let seconds: f64 = arguments.first().map_or(Ok(3.0), |text| text.parse())?;
    let directory = match arguments.get(1) {
        Some(directory) => PathBuf::from(directory),
        None => std::env::temp_dir().join(format!("firedrill-durable-{}", std::process::id())),
    };
    std::fs::create_dir_all(&directory)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, compare(&directory, Duration::from_secs_f64(seconds)))?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
