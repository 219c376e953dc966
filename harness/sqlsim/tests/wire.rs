//! The wire from a client's side: tiberius over in-memory streams.

use sqlsim::files::NoFiles;
use sqlsim::network::NoNetwork;
use sqlsim::observer::NoObserver;
use sqlsim::{Clock, CostModel, Instance, InstanceConfig};
use std::rc::Rc;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

type TestClient = Client<Compat<DuplexStream>>;

/// Runs `test` as the simulated arm runs: one thread, a paused clock, local tasks.
fn simulated<T>(test: impl AsyncFnOnce(Instance) -> T) -> T {
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
        };
        let utc = "2026-03-01T10:00:00Z".parse().expect("a time");
        let instance = Instance::start(
            config,
            Clock::starting_at(utc, 540),
            Rc::new(NoFiles),
            Rc::new(NoNetwork),
            Rc::new(NoObserver),
        );
        test(instance).await
    })
}

fn sign_in(password: &str) -> Config {
    let mut config = Config::new();
    config.authentication(AuthMethod::sql_server("sa", password));
    config.encryption(EncryptionLevel::NotSupported);
    config.handshake_timeout(None);
    config.command_timeout(None);
    config.application_name("wire tests");
    config
}

fn stream_to(instance: &Instance) -> DuplexStream {
    let (here, there) = tokio::io::duplex(1 << 16);
    let instance = instance.clone();
    tokio::task::spawn_local(async move { instance.serve(there).await });
    here
}

async fn connect_with(instance: &Instance, config: Config) -> tiberius::Result<TestClient> {
    Box::pin(Client::connect(config, stream_to(instance).compat())).await
}

async fn connect(instance: &Instance) -> TestClient {
    connect_with(instance, sign_in("pass-W0rd")).await.expect("a login")
}

/// Number, class and state of a server's error; `None` when the server did not say anything.
fn told(error: &tiberius::error::Error) -> Option<(u32, u8, u8)> {
    match error {
        tiberius::error::Error::Server(token) => Some((token.code(), token.class(), token.state())),
        _ => None,
    }
}

#[test]
fn a_wrong_password_is_18456_and_only_the_error_log_says_why() {
    simulated(async |instance| {
        let error = connect_with(&instance, sign_in("wrong")).await.expect_err("a wrong password");
        assert_eq!(told(&error), Some((18456, 14, 1)));
        let log = instance.error_log().join("\n");
        assert!(log.contains("Error: 18456, Severity: 14, State: 8."), "{log}");
        assert!(log.contains("2026-03-01 19:00:00.00 Logon"), "{log}");
    });
}

#[test]
fn an_unknown_login_looks_to_the_client_like_a_wrong_password() {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.authentication(AuthMethod::sql_server("rtcuser", "pass-W0rd"));
        let error = connect_with(&instance, config).await.expect_err("no such login");
        assert_eq!(told(&error), Some((18456, 14, 1)));
        assert!(instance.error_log().join("\n").contains("State: 5."));
    });
}

#[test]
fn a_database_that_is_not_there_is_4060() {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.database("mgc");
        let error = connect_with(&instance, config).await.expect_err("no such database");
        assert_eq!(told(&error), Some((4060, 11, 1)));
    });
}

#[test]
fn a_client_that_requires_encryption_is_refused() {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.encryption(EncryptionLevel::Required);
        assert!(connect_with(&instance, config).await.is_err());
        assert!(instance.error_log().join("\n").contains("required encryption"));
    });
}

#[test]
fn bytes_that_are_no_protocol_close_the_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    simulated(async |instance| {
        for hostile in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0, 5, 1, 2, 3], &[18, 1, 0, 9, 0, 0, 1, 0, 0]]
        {
            let mut stream = stream_to(&instance);
            stream.write_all(hostile).await.expect("room");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("the end");
            assert!(answer.is_empty());
        }
    });
}

#[test]
fn a_login_that_never_comes_is_given_up() {
    use tokio::io::AsyncReadExt;
    simulated(async |instance| {
        let mut stream = stream_to(&instance);
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.expect("the end"), 0);
        assert!(instance.error_log().join("\n").contains("took too long"));
    });
}

#[test]
fn a_machine_without_power_breaks_its_connections_and_takes_no_others() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        instance.power_off();
        assert!(client.simple_query("SELECT 1").await.is_err());
        assert!(connect_with(&instance, sign_in("pass-W0rd")).await.is_err());
        instance.power_on();
        connect(&instance).await;
    });
}
