//! A million statements of many kinds against one server, and how much memory the server has meanwhile.
//!
//! Eight connections run reads, writes, temporary tables, procedures, errors and statements whose
//! text was never seen before, and sign in anew now and then. The memory of the server's process is
//! read from `/proc`. With `--answer`, one batch is sent instead, and its answer is read and let go.
//!
//! ```text
//! MSSQL_SA_PASSWORD=… cargo run --release -p firedrill --example soak -- 127.0.0.1:14330 PID [--statements 1000000]
//! MSSQL_SA_PASSWORD=… cargo run --release -p firedrill --example soak -- 127.0.0.1:14330 PID --answer 'SELECT …'
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a load generator runs in real time, and stops at the first thing that goes wrong"
)]

mod tds_client;

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tds_client::{Client, batch};

const CONNECTIONS: u64 = 8;
/// Statements of one connection before it signs in anew.
const STATEMENTS_PER_SESSION: u64 = 2000;
const SAMPLES: u64 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        arguments.iter().position(|argument| argument == name).map(|at| arguments[at + 1].clone())
    };
    let [address, process, ..] = &arguments[..] else {
        panic!("name a server as HOST:PORT, and its process")
    };
    let process: u32 = process.parse().unwrap();
    let password = std::env::var("MSSQL_SA_PASSWORD").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    match option("--answer") {
        Some(text) => tasks.block_on(&runtime, answer(address, &password, process, &text)),
        None => {
            let statements = option("--statements").map_or(1_000_000, |count| count.parse().unwrap());
            tasks.block_on(&runtime, soak(address, &password, process, statements));
        }
    }
}

/// Resident memory of a process, now and at its highest, in MiB.
fn memory(process: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    (field("VmRSS"), field("VmHWM"))
}

async fn answer(address: &str, password: &str, process: u32, text: &str) {
    let mut client = Client::sign_in(address, password).await;
    let (before, _) = memory(process);
    let begun = Instant::now();
    let (mut length, mut failed) = (0, false);
    client
        .ask(&batch(text), &mut |bytes| {
            length += bytes.len();
            // The error bit of the last DONE.
            failed = bytes.len().checked_sub(12).is_some_and(|at| bytes[at] & 0x02 != 0);
        })
        .await;
    assert!(!failed, "the batch failed: {text}");
    let (after, highest) = memory(process);
    println!(
        "{:.1} MiB of answer in {:.1} s; the server had {before:.1} MiB before, {after:.1} MiB after, {highest:.1} MiB at most",
        length as f64 / 1_048_576.0,
        begun.elapsed().as_secs_f64(),
    );
}

async fn soak(address: &str, password: &str, process: u32, statements: u64) {
    let mut client = Client::sign_in(address, password).await;
    for text in [
        "IF DB_ID('soak') IS NULL CREATE DATABASE soak",
        "ALTER DATABASE soak SET RECOVERY SIMPLE",
        "USE soak; IF OBJECT_ID('t') IS NOT NULL DROP TABLE t; CREATE TABLE t (id int NOT NULL, worker int NOT NULL, body nvarchar(200), PRIMARY KEY (worker, id))",
        "USE soak; IF OBJECT_ID('p') IS NOT NULL DROP PROCEDURE p",
    ] {
        client.ask(&batch(text), &mut |_| ()).await;
    }
    let procedure = "CREATE PROCEDURE p @n int AS SELECT @n + COUNT(*) FROM t WHERE worker = @n";
    client.ask(&batch(&format!("USE soak; EXEC('{procedure}')")), &mut |_| ()).await;
    let done = Rc::new(Cell::new(0_u64));
    let begun = Instant::now();
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|worker| {
            let (address, password, done) = (address.to_owned(), password.to_owned(), done.clone());
            tokio::task::spawn_local(async move {
                let mut client = Client::sign_in(&address, &password).await;
                client.ask(&batch("USE soak"), &mut |_| ()).await;
                for at in 0..statements / CONNECTIONS {
                    if at % STATEMENTS_PER_SESSION == STATEMENTS_PER_SESSION - 1 {
                        client = Client::sign_in(&address, &password).await;
                        client.ask(&batch("USE soak"), &mut |_| ()).await;
                    }
                    client.ask(&batch(&statement(worker, at)), &mut |_| ()).await;
                    done.set(done.get() + 1);
                }
            })
        })
        .collect();
    let mut next = 0;
    while done.get() < statements / CONNECTIONS * CONNECTIONS {
        if done.get() >= next {
            let (now, highest) = memory(process);
            println!(
                "{:8} statements  {:6.1} s  {now:7.1} MiB  (at most {highest:.1})",
                done.get(),
                begun.elapsed().as_secs_f64()
            );
            next += statements / SAMPLES;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let (now, highest) = memory(process);
    println!(
        "{:8} statements  {:6.1} s  {now:7.1} MiB  (at most {highest:.1})",
        done.get(),
        begun.elapsed().as_secs_f64()
    );
}

/// The `at`-th statement of a worker. Its rows stay some hundred.
fn statement(worker: u64, at: u64) -> String {
    let id = at % 1000;
    match at % 12 {
        0 => "SELECT 1".to_owned(),
        1 => format!(
            "DELETE t WHERE worker = {worker} AND id = {id}; INSERT t VALUES ({id}, {worker}, N'body {at}')"
        ),
        2 => format!("UPDATE t SET body = N'changed {at}' WHERE worker = {worker} AND id = {}", id - 1),
        3 => format!("SELECT COUNT(*), MAX(body) FROM t WHERE worker = {worker}"),
        4 => format!("CREATE TABLE #w (n int); INSERT #w VALUES ({at}); SELECT n FROM #w; DROP TABLE #w"),
        5 => format!("EXEC p @n = {worker}"),
        6 => "BEGIN TRY SELECT 1 / 0 END TRY BEGIN CATCH SELECT ERROR_MESSAGE() END CATCH".to_owned(),
        7 => format!("EXEC sp_executesql N'SELECT @a + {at}', N'@a int', @a = {id}"),
        8 => format!("BEGIN TRAN; UPDATE t SET body = N'never' WHERE worker = {worker}; ROLLBACK"),
        9 => format!("DECLARE @v nvarchar(100) = N'text {at}'; PRINT @v; SELECT LEN(@v)"),
        10 => "SELECT name FROM sys.databases".to_owned(),
        _ => format!("SELECT 1 FROM no_such_table_{}", at % 5),
    }
}
