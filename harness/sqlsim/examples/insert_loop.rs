//! What a chat message costs: logins and single-row INSERTs through tiberius over in-memory streams.
//!
//! `cargo run --release -p sqlsim --example insert_loop -- 50` prints elapsed time per round; a round is a
//! fresh server, a database, four logins and 240 INSERT statements, each with parameters of its own.

use sqlsim::network::NoNetwork;
use sqlsim::observer::NoObserver;
use sqlsim::store::memory_files::MemoryFiles;
use sqlsim::{Clock, CostModel, Instance, InstanceConfig};
use std::rc::Rc;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

type Error = Box<dyn std::error::Error>;

const LOGINS: usize = 4;
const MESSAGES: i32 = 240;

fn main() -> Result<(), Error> {
    let rounds: u32 = std::env::args().nth(1).map_or(Ok(50), |rounds| rounds.parse())?;
    #[expect(clippy::disallowed_methods, reason = "this example measures real time")]
    let begun = std::time::Instant::now();
    for _ in 0..rounds {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        tokio::task::LocalSet::new().block_on(&runtime, Box::pin(round()))?;
    }
    let each = begun.elapsed() / rounds;
    println!("{rounds} rounds, {each:?} each");
    Ok(())
}

async fn round() -> Result<(), Error> {
    let config = InstanceConfig {
        server_name: "SQL-A".into(),
        host: "sql-a.example".into(),
        sa_password: "pass-W0rd".into(),
        tds_port: 1433,
        data_directory: r"D:\data".into(),
        backup_directory: r"D:\backup".into(),
        agent_enabled: false,
        seed: 1,
        cost: CostModel::default(),
        product: sqlsim::config::Product::default(),
    };
    let clock = Clock::starting_at("2026-03-01T10:00:00Z".parse()?, 0);
    let files = MemoryFiles::new(&clock, &['D']);
    files.make_directory(r"D:\data")?;
    let instance = Instance::start(config, clock, Rc::new(files), Rc::new(NoNetwork), Rc::new(NoObserver));
    let mut clients = Vec::new();
    for _ in 0..LOGINS {
        clients.push(Box::pin(connect(&instance)).await?);
    }
    let Some(client) = clients.first_mut() else { return Ok(()) };
    for setup in [
        "CREATE DATABASE mgc",
        "USE mgc",
        "CREATE TABLE dbo.tblChat (msgId bigint IDENTITY PRIMARY KEY, room nvarchar(64) NOT NULL, \
         author nvarchar(64) NOT NULL, body nvarchar(max) NOT NULL, sent datetime NOT NULL DEFAULT GETUTCDATE())",
    ] {
        client.simple_query(setup).await?.into_results().await?;
    }
    for number in 0..MESSAGES {
        let body = format!("message {number} to everybody in the room");
        let insert = "INSERT INTO dbo.tblChat (room, author, body) VALUES (@P1, @P2, @P3)";
        client.execute(insert, &[&"operations", &"user@example", &body.as_str()]).await?;
    }
    let rows = client.simple_query("SELECT COUNT(*) FROM dbo.tblChat").await?.into_first_result().await?;
    let count = rows.first().and_then(|row| row.try_get::<i32, _>(0).ok().flatten());
    if count == Some(MESSAGES) { Ok(()) } else { Err(format!("{count:?} rows arrived").into()) }
}

async fn connect(instance: &Instance) -> tiberius::Result<Client<Compat<DuplexStream>>> {
    let (here, there) = tokio::io::duplex(1 << 16);
    let instance = instance.clone();
    tokio::task::spawn_local(async move { instance.serve(there).await });
    let mut config = Config::new();
    config.authentication(AuthMethod::sql_server("sa", "pass-W0rd"));
    config.encryption(EncryptionLevel::NotSupported);
    config.handshake_timeout(None);
    config.command_timeout(None);
    Box::pin(Client::connect(config, here.compat())).await
}
