//! A server on a paused clock, and clients of it.

use sqlsim::network::NoNetwork;
use sqlsim::observer::NoObserver;
use sqlsim::store::memory_files::MemoryFiles;
use sqlsim::{Clock, CostModel, Instance, InstanceConfig};
use std::rc::Rc;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

pub(crate) type TestClient = Client<Compat<DuplexStream>>;

/// Runs `test` as the simulated arm runs: one thread, a paused clock, local tasks.
pub(crate) fn simulated<T>(test: impl AsyncFnOnce(Instance) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let config = InstanceConfig {
            server_name: "SQL-B".into(),
            host: "sql-b.example".into(),
            sa_password: "pass-W0rd".into(),
            tds_port: 1433,
            data_directory: r"D:\data".into(),
            backup_directory: r"D:\backup".into(),
            agent_enabled: false,
            seed: 1,
            cost: CostModel::default(),
            product: sqlsim::config::Product::default(),
        };
        let clock = Clock::starting_at("2026-03-01T10:00:00Z".parse().expect("a time"), 540);
        let files = MemoryFiles::new(&clock, &['D']);
        files.make_directory(r"D:\data").expect("a drive");
        let instance =
            Instance::start(config, clock, Rc::new(files), Rc::new(NoNetwork), Rc::new(NoObserver));
        test(instance).await
    })
}

pub(crate) fn sign_in(password: &str) -> Config {
    let mut config = Config::new();
    config.authentication(AuthMethod::sql_server("sa", password));
    config.encryption(EncryptionLevel::NotSupported);
    config.handshake_timeout(None);
    config.command_timeout(None);
    config.application_name("wire tests");
    config
}

pub(crate) fn stream_to(instance: &Instance) -> DuplexStream {
    let (here, there) = tokio::io::duplex(1 << 16);
    let instance = instance.clone();
    tokio::task::spawn_local(async move { instance.serve(there).await });
    here
}

pub(crate) async fn connect_with(instance: &Instance, config: Config) -> tiberius::Result<TestClient> {
    Box::pin(Client::connect(config, stream_to(instance).compat())).await
}

pub(crate) async fn connect(instance: &Instance) -> TestClient {
    connect_with(instance, sign_in("pass-W0rd")).await.expect("a login")
}

/// Number, class and state of a server's error; `None` when the server did not say anything.
pub(crate) fn told(error: &tiberius::error::Error) -> Option<(u32, u8, u8)> {
    match error {
        tiberius::error::Error::Server(token) => Some((token.code(), token.class(), token.state())),
        _ => None,
    }
}
