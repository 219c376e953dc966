//! Round trips of `SELECT 1` per second, side by side on several servers.
//!
//! Speaks just enough TDS to measure a server rather than a client: PRELOGIN without
//! encryption, LOGIN7 as `sa`, then the same SQL batch again and again, each sent when the
//! answer to the one before has been read to its end. Servers take turns, so that a noisy
//! machine treats them alike; the figure is the median of the rounds.
//!
//! ```text
//! MSSQL_SA_PASSWORD=… cargo run --release -p firedrill --example round_trips -- \
//!     firedrill=127.0.0.1:14330 mock=127.0.0.1:14331 [--seconds 2] [--rounds 5] [--batch 'SELECT 1']
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a load generator runs in real time, and stops at the first thing that goes wrong"
)]

mod tds_client;

use std::rc::Rc;
use std::time::{Duration, Instant};
use tds_client::{Client, batch};

/// How many clients are tried at once.
const CONNECTIONS: [usize; 2] = [1, 64];

struct Options {
    servers: Vec<(String, String)>,
    seconds: f64,
    rounds: usize,
    batch: String,
}

fn main() {
    let options = options();
    let password = std::env::var("MSSQL_SA_PASSWORD").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    let batch: Rc<[u8]> = batch(&options.batch).into();
    for connections in CONNECTIONS {
        let mut figures: Vec<Vec<f64>> = vec![Vec::new(); options.servers.len()];
        for _ in 0..options.rounds {
            for ((_, address), figures) in options.servers.iter().zip(&mut figures) {
                let time = Duration::from_secs_f64(options.seconds);
                let trips = round(address, &password, &batch, connections, time);
                figures.push(tasks.block_on(&runtime, trips));
            }
        }
        let mut first = None;
        for ((name, _), figures) in options.servers.iter().zip(&mut figures) {
            figures.sort_by(f64::total_cmp);
            let median = figures[figures.len() / 2];
            let first = *first.get_or_insert(median);
            println!(
                "{connections:3} connections  {name:12} {median:9.0} round trips/s   {:5.2} of the first   ({:.0} to {:.0})",
                median / first,
                figures[0],
                figures[figures.len() - 1],
            );
        }
    }
}

fn options() -> Options {
    let mut options = Options { servers: Vec::new(), seconds: 2.0, rounds: 5, batch: "SELECT 1".to_owned() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match &*argument {
            "--seconds" => options.seconds = value().parse().unwrap(),
            "--rounds" => options.rounds = value().parse().unwrap(),
            "--batch" => options.batch = value(),
            other => {
                let (name, address) = other.split_once('=').unwrap_or((other, other));
                options.servers.push((name.to_owned(), address.to_owned()));
            }
        }
    }
    assert!(!options.servers.is_empty(), "name at least one server as NAME=HOST:PORT");
    options
}

/// Round trips per second of so many connections.
async fn round(address: &str, password: &str, batch: &Rc<[u8]>, connections: usize, time: Duration) -> f64 {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::sign_in(address, password).await);
    }
    let begun = Instant::now();
    let until = begun + time;
    let clients: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let batch = batch.clone();
            tokio::task::spawn_local(async move {
                let mut trips = 0_u64;
                while Instant::now() < until {
                    let mut is_done = false;
                    client
                        .ask(&batch, &mut |answer| {
                            // Ends with a DONE that is final and tells of no error; some servers set no other bit.
                            let done = answer.len().checked_sub(13).map(|at| &answer[at..]);
                            is_done = done.is_some_and(|done| done[0] == 0xFD && done[1] & 0x03 == 0);
                        })
                        .await;
                    assert!(is_done, "the statement failed");
                    trips += 1;
                }
                trips
            })
        })
        .collect();
    let mut trips = 0;
    for client in clients {
        trips += client.await.unwrap();
    }
    trips as f64 / begun.elapsed().as_secs_f64()
}
