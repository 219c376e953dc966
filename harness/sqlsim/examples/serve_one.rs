//! One simulated server on loopback, in real time: `cargo run -p sqlsim --example serve_one -- 127.0.0.1:14330`.
//!
//! For trying clients by hand. The password of `sa` is `pass-W0rd`; nothing survives the process.

use sqlsim::network::NoNetwork;
use sqlsim::observer::NoObserver;
use sqlsim::store::memory_files::MemoryFiles;
use sqlsim::{Clock, CostModel, Instance, InstanceConfig};
use std::io;
use std::rc::Rc;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:14330".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, serve(&address))
}

async fn serve(address: &str) -> io::Result<()> {
    let config = InstanceConfig {
        server_name: "SQLSIM".into(),
        host: "localhost".into(),
        sa_password: "pass-W0rd".into(),
        tds_port: 14330,
        data_directory: r"C:\data".into(),
        backup_directory: r"C:\backup".into(),
        agent_enabled: true,
        seed: 1,
        cost: CostModel::default(),
        product: sqlsim::config::Product::default(),
    };
    #[expect(clippy::disallowed_methods, reason = "this example runs in real time")]
    let clock = Clock::starting_at(jiff::Timestamp::now(), 0);
    let files = MemoryFiles::new(&clock, &['C']);
    for directory in [r"C:\data", r"C:\backup"] {
        files.make_directory(directory).map_err(io::Error::other)?;
    }
    let instance = Instance::start(config, clock, Rc::new(files), Rc::new(NoNetwork), Rc::new(NoObserver));
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let instance = instance.clone();
        tokio::task::spawn_local(async move { instance.serve(stream).await });
    }
}
