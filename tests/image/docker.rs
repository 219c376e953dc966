//! The `docker` command: containers, networks and volumes that go with the test that made them.

#[path = "../containers/engine.rs"]
mod engine;

pub(crate) use engine::{docker, image, missing};

use libtest_mimic::Failed;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, Row};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

/// The password of `sa` on every server here.
pub(crate) const PASSWORD: &str = "In-a-c0ntainer";
/// How long a container may take for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) type Connection = Client<Compat<TcpStream>>;

/// Everything that one test makes in the engine. Its end takes it away, however the test ended.
pub(crate) struct Estate {
    label: String,
    network: String,
    volumes: Vec<String>,
}

impl Estate {
    /// A private network and no servers yet.
    pub(crate) fn new() -> Result<Self, Failed> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let network = format!("firedrill-test-{}-{number}", std::process::id());
        let label = format!("firedrill.test={network}");
        let estate = Self { label, network, volumes: Vec::new() };
        docker(&["network", "create", "--label", &estate.label, &estate.network])?;
        Ok(estate)
    }

    /// A volume.
    pub(crate) fn volume(&mut self, name: &str) -> Result<String, Failed> {
        let volume = format!("{}-{name}", self.network);
        docker(&["volume", "create", "--label", &self.label, &volume])?;
        self.volumes.push(volume.clone());
        Ok(volume)
    }

    /// Starts a container with these arguments of `docker run` and does not look whether it stays.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Result<Container, Failed> {
        let image = image();
        let mut all = vec!["run", "--detach", "--pull", "never", "--label", &self.label];
        all.extend(["--network", &self.network, "--network-alias", name, "--hostname", name]);
        all.extend(["--publish", "127.0.0.1::1433"]);
        all.extend(arguments);
        all.push(&image);
        Ok(Container { id: docker(&all)? })
    }

    /// Starts a server and waits until it says that it is ready.
    pub(crate) async fn server(&self, name: &str, arguments: &[&str]) -> Result<Container, Failed> {
        let password = format!("MSSQL_SA_PASSWORD={PASSWORD}");
        let mut all = vec!["--env", "ACCEPT_EULA=Y", "--env", &password];
        all.extend(arguments);
        let container = self.run(name, &all)?;
        container.ready().await?;
        Ok(container)
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        let filter = format!("label={}", self.label);
        let containers = docker(&["ps", "--all", "--quiet", "--filter", &filter]).unwrap_or_default();
        for container in containers.split_whitespace() {
            let _ = docker(&["rm", "--force", "--volumes", container]);
        }
        for volume in &self.volumes {
            let _ = docker(&["volume", "rm", volume]);
        }
        let _ = docker(&["network", "rm", &self.network]);
    }
}

/// One container.
pub(crate) struct Container {
    pub(crate) id: String,
}

impl Container {
    /// What it has said, on both streams.
    pub(crate) fn log(&self) -> Result<String, Failed> {
        let output = Command::new("docker").args(["logs", &self.id]).output()?;
        Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// One thing that the engine knows of it.
    pub(crate) fn inspect(&self, format: &str) -> Result<String, Failed> {
        docker(&["inspect", "--format", format, &self.id])
    }

    /// Waits for the second of the two lines that tell that a server is ready.
    pub(crate) async fn ready(&self) -> Result<(), Failed> {
        self.ready_again(1).await
    }

    /// Waits until it has become ready so many times.
    pub(crate) async fn ready_again(&self, times: usize) -> Result<(), Failed> {
        wait("the server to be ready", async || {
            let log = self.log()?;
            if log.matches("Recovery is complete.").count() >= times {
                return Ok(Some(()));
            }
            if self.inspect("{{.State.Running}}")? == "false" {
                return Err(format!("the container has ended; its log:\n{log}").into());
            }
            Ok(None)
        })
        .await
    }

    /// Waits for its end; its exit code.
    pub(crate) async fn end(&self) -> Result<i64, Failed> {
        wait("the container to end", async || {
            let state = self.inspect("{{.State.Status}} {{.State.ExitCode}}")?;
            Ok(state.strip_prefix("exited ").and_then(|code| code.parse().ok()))
        })
        .await
    }

    /// Signs in as `sa`, over the published port.
    pub(crate) async fn connect(&self) -> Result<Connection, Failed> {
        let ports = docker(&["port", &self.id, "1433/tcp"])?;
        let address = ports.lines().next().unwrap_or_default().to_owned();
        let mut config = Config::new();
        config.authentication(AuthMethod::sql_server("sa", PASSWORD));
        config.encryption(EncryptionLevel::NotSupported);
        let stream = TcpStream::connect(&address).await.map_err(|error| format!("{address}: {error}"))?;
        stream.set_nodelay(true)?;
        // On the heap: the handshake's future is large.
        Ok(Box::pin(Client::connect(config, stream.compat_write())).await?)
    }

    /// Runs batches on a connection of its own.
    pub(crate) async fn sql(&self, batches: &[&str]) -> Result<(), Failed> {
        let mut connection = self.connect().await?;
        for batch in batches {
            let answer = Box::pin(connection.simple_query(*batch)).await;
            let answer = answer.map_err(|error| format!("{batch}\n{error}"))?;
            Box::pin(answer.into_results()).await.map_err(|error| format!("{batch}\n{error}"))?;
        }
        Ok(())
    }

    /// The first column of a query's first row, as text.
    pub(crate) async fn value(&self, query: &str) -> Result<Option<String>, Failed> {
        let mut connection = self.connect().await?;
        let answer = Box::pin(connection.simple_query(query)).await;
        let row = Box::pin(answer.map_err(|error| format!("{query}\n{error}"))?.into_row()).await;
        let row: Option<Row> = row.map_err(|error| format!("{query}\n{error}"))?;
        Ok(row.and_then(|row| row.get::<&str, _>(0).map(str::to_owned)))
    }

    /// Waits until a query answers so; a server that does not answer yet is asked again.
    pub(crate) async fn wait_for(&self, query: &str, wanted: &str) -> Result<(), Failed> {
        wait(&format!("{query} to give {wanted}"), async || {
            Ok(match self.value(query).await {
                Ok(value) if value.as_deref() == Some(wanted) => Some(()),
                Ok(_) | Err(_) => None,
            })
        })
        .await
    }
}

/// Looks until there is something, for as long as patience lasts.
async fn wait<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>, Failed>) -> Result<T, Failed> {
    let looking = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let late = || Failed::from(format!("waited {} s for {what}", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| Err(late()))
}
