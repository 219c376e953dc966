//! The container engine: networks and containers of one run.

use super::cleaning::{self, OWNER_LABEL, RUN_LABEL};
use crate::arm::{owner, run_id};
use crate::estate::staging::machine_of;
use crate::estate::{EstateFile, Server};
use crate::net::Machine;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::NetworkCreateRequest;
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, InspectNetworkOptions, KillContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
};
use testcontainers::core::{Host, Mount, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _};

/// The image that comes with the project.
pub(crate) const OUR_IMAGE: &str = "firedrill/sqlsim:latest";
/// What builds it.
const BUILD: &str = "docker/build";
/// The memory that Microsoft's image wants for itself, in MB: it ends at once with less.
const OFFICIAL_MEMORY_MB: u64 = 2_000;
/// The line with which a server says that it answers.
const READY: &str = "Recovery is complete.";
/// How long a server may take to end in good order, in seconds.
const STOP_SECONDS: i32 = 30;
/// How long a server may take to say so.
const START_BOUND: Duration = Duration::from_secs(240);

/// Which image the servers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Its name, `mcr.microsoft.com/mssql/server`.
    name: String,
    /// Its tag, `2022-latest`.
    tag: String,
}

impl Default for Image {
    fn default() -> Self {
        Self::named(OUR_IMAGE)
    }
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

impl Image {
    /// `name`, `name:tag`; a registry's port is no tag.
    pub(crate) fn named(text: &str) -> Self {
        match text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((name, tag)) => Self { name: name.to_owned(), tag: tag.to_owned() },
            None => Self { name: text.to_owned(), tag: "latest".to_owned() },
        }
    }

    /// Whether it is the one that the project builds itself.
    pub(crate) fn is_ours(&self) -> bool {
        self.name.ends_with("firedrill/sqlsim")
    }
}

/// Why there are no servers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("this machine gives no runtime or no temporary folder ({0}); nothing was started")]
    Local(#[source] io::Error),
    #[error(
        "no container engine answers ({0}). Start Docker, or point DOCKER_HOST to an engine; or use --on sim"
    )]
    NoEngine(String),
    #[error(
        "the container engine's socket may not be used by this user ({0}). Add the user to its group (docker), or run as one who may; or use --on sim"
    )]
    NotPermitted(String),
    #[error("the engine has no image {image}. Build it with {BUILD}, or name another with --image")]
    NoImage { image: Image },
    #[error(
        "the engine has no image {image} ({reason}). Pull it where a registry can be reached (docker pull {image}), or leave out --image to use the project's own"
    )]
    NotPulled { image: Image, reason: String },
    #[error(
        "four servers of {image} want {wanted_mb} MB of memory, and this machine has {has_mb} MB; none was started. Use the project's own image, or a larger machine"
    )]
    TooLittleMemory { image: Image, wanted_mb: u64, has_mb: u64 },
    #[error("{what} failed: {reason}; everything that was started has been removed")]
    Failed { what: String, reason: String },
    #[error(
        "the container {name} did not get ready ({reason}); its last words:\n{log}\neverything that was started has been removed"
    )]
    NotReady { name: String, reason: String, log: String },
}

/// The engine, asked by one run.
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    pub(crate) image: Image,
    /// This run's id.
    pub(crate) run: String,
    /// The process that owns what this run starts.
    pub(crate) owner: String,
}

impl Engine {
    /// Asks whether the engine answers, has the image, and the memory for it.
    pub(crate) async fn connect(image: Image) -> Result<Self, EngineError> {
        let docker = testcontainers::core::client::docker_client_instance()
            .await
            .map_err(|error| EngineError::NoEngine(error.to_string()))?;
        docker.ping().await.map_err(no_engine)?;
        let run = run_id().map_err(EngineError::Local)?;
        let engine = Self { docker, image, run, owner: owner::this_process() };
        engine.look_for_image().await?;
        engine.look_for_memory().await?;
        Ok(engine)
    }

    async fn look_for_image(&self) -> Result<(), EngineError> {
        let image = &self.image;
        match self.docker.inspect_image(&image.to_string()).await {
            Ok(_) => Ok(()),
            Err(_) if image.is_ours() => Err(EngineError::NoImage { image: image.clone() }),
            Err(error) => Err(EngineError::NotPulled { image: image.clone(), reason: reason(&error) }),
        }
    }

    async fn look_for_memory(&self) -> Result<(), EngineError> {
        if self.image.is_ours() {
            return Ok(());
        }
        let info = self.docker.info().await.map_err(no_engine)?;
        let has_mb =
            info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).map(|bytes| bytes / (1 << 20));
        let wanted_mb = 4 * OFFICIAL_MEMORY_MB;
        match has_mb {
            Some(has_mb) if has_mb < wanted_mb => {
                Err(EngineError::TooLittleMemory { image: self.image.clone(), wanted_mb, has_mb })
            }
            _ => Ok(()),
        }
    }
}

/// What an error of the engine comes down to.
pub(super) fn reason(error: &testcontainers::bollard::errors::Error) -> String {
    use testcontainers::bollard::errors::Error;
    match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

fn no_engine(error: testcontainers::bollard::errors::Error) -> EngineError {
    use std::error::Error as _;
    // The client hides the operating system's answer some layers down.
    let mut source = error.source();
    let mut denied = error.to_string().contains("ermission denied");
    while let Some(inner) = source {
        denied |= inner
            .downcast_ref::<io::Error>()
            .is_some_and(|inner| inner.kind() == io::ErrorKind::PermissionDenied);
        source = inner.source();
    }
    if denied {
        EngineError::NotPermitted(error.to_string())
    } else {
        EngineError::NoEngine(error.to_string())
    }
}

/// One server's container.
pub(crate) struct Container {
    pub(crate) machine: Machine,
    /// Its id.
    pub(crate) id: String,
    /// Its address on its own network.
    address: Cell<IpAddr>,
    /// This host's address there: what other servers take for the server's own.
    pub(crate) gateway: IpAddr,
    network: String,
    handle: Cell<Option<ContainerAsync<GenericImage>>>,
}

impl Container {
    pub(crate) fn address(&self) -> IpAddr {
        self.address.get()
    }
}

/// The four containers of a run.
pub(crate) struct Cluster {
    containers: BTreeMap<Server, std::rc::Rc<Container>>,
}

impl Cluster {
    /// Starts four servers, all at the same time.
    pub(crate) async fn start(
        engine: &Engine,
        file: &EstateFile,
        drives: &Path,
        mount_at: &str,
    ) -> Result<Self, EngineError> {
        let machines = Server::ALL.map(|server| machine_of(file, server));
        prepare(drives)?;
        let started = async {
            let networks =
                futures::future::try_join_all(machines.iter().map(|machine| network(engine, machine)))
                    .await?;
            let hosts: Vec<(String, IpAddr)> = machines
                .iter()
                .zip(&networks)
                .flat_map(|(machine, network)| {
                    let fqdn = format!("{}.{}", machine.name(), file.contents.domain);
                    [(fqdn, network.1), (machine.name().to_owned(), network.1)]
                })
                .collect();
            let starting = machines.iter().zip(&networks).map(|(machine, network)| {
                container(engine, file, machine, network, &hosts, drives, mount_at)
            });
            futures::future::try_join_all(starting).await
        };
        match started.await {
            Ok(containers) => Ok(Self {
                containers: Server::ALL
                    .into_iter()
                    .zip(containers.into_iter().map(std::rc::Rc::new))
                    .collect(),
            }),
            Err(error) => {
                if let Err(left) = cleaning::remove_run(engine, &engine.run).await {
                    // The end of the run tries again, and tells.
                    tracing::warn!(left, "not everything could be removed");
                }
                Err(error)
            }
        }
    }

    pub(crate) fn container(&self, server: Server) -> std::rc::Rc<Container> {
        std::rc::Rc::clone(&self.containers[&server])
    }

    pub(crate) fn containers(&self) -> impl Iterator<Item = (Server, &std::rc::Rc<Container>)> {
        self.containers.iter().map(|(server, container)| (*server, container))
    }

    /// Which machine of the estate an address is.
    pub(crate) fn machines_by_address(&self) -> BTreeMap<IpAddr, Machine> {
        self.containers.values().map(|one| (one.address(), one.machine.clone())).collect()
    }

    /// Removes the containers and their networks.
    ///
    /// # Errors
    /// What is still there, each with the engine's reason.
    pub(crate) async fn remove(&self, engine: &Engine) -> Result<(), String> {
        let removing = self.containers.values().map(|container| async {
            if let Some(handle) = container.handle.take()
                && let Err(error) = handle.rm().await
            {
                tracing::warn!(container = %container.id, %error, "a container could not be removed");
            }
        });
        futures::future::join_all(removing).await;
        cleaning::remove_run(engine, &engine.run).await
    }
}

/// The folder with everybody's drives, which servers of another user write into.
fn prepare(drives: &Path) -> Result<(), EngineError> {
    std::fs::create_dir_all(drives).map_err(EngineError::Local)?;
    // The way to it stays this user's alone; inside, everybody may.
    crate::disk::open_to_all(drives).map_err(EngineError::Local)?;
    Ok(())
}

fn failed(what: impl Into<String>) -> impl FnOnce(testcontainers::bollard::errors::Error) -> EngineError {
    let what = what.into();
    move |error| EngineError::Failed { what, reason: reason(&error) }
}

/// A network for one server; its name, and this host's address on it.
async fn network(engine: &Engine, machine: &Machine) -> Result<(String, IpAddr), EngineError> {
    let name = format!("firedrill-{}-{machine}", engine.run);
    let labels = [(RUN_LABEL, &engine.run), (OWNER_LABEL, &engine.owner)];
    let wanted = NetworkCreateRequest {
        name: name.clone(),
        driver: Some("bridge".to_owned()),
        labels: Some(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).clone())).collect()),
        ..NetworkCreateRequest::default()
    };
    engine.docker.create_network(wanted).await.map_err(failed(format!("making the network {name}")))?;
    let made = engine
        .docker
        .inspect_network(&name, None::<InspectNetworkOptions>)
        .await
        .map_err(failed(format!("looking at the network {name}")))?;
    let gateway =
        made.ipam.and_then(|ipam| ipam.config).into_iter().flatten().find_map(|config| config.gateway);
    let gateway = gateway.and_then(|gateway| gateway.split('/').next()?.parse().ok());
    gateway.map(|gateway| (name.clone(), gateway)).ok_or_else(|| EngineError::Failed {
        what: format!("looking at the network {name}"),
        reason: "it gives this host no address".to_owned(),
    })
}

async fn container(
    engine: &Engine,
    file: &EstateFile,
    machine: &Machine,
    (network, gateway): &(String, IpAddr),
    hosts: &[(String, IpAddr)],
    drives: &Path,
    mount_at: &str,
) -> Result<Container, EngineError> {
    let name = format!("firedrill-{}-{machine}", engine.run);
    let mut request = GenericImage::new(engine.image.name.clone(), engine.image.tag.clone())
        .with_wait_for(WaitFor::message_on_stdout(READY))
        .with_startup_timeout(START_BOUND)
        .with_container_name(&name)
        .with_hostname(machine.name())
        .with_network(network.clone())
        .with_label(RUN_LABEL, &engine.run)
        .with_label(OWNER_LABEL, &engine.owner)
        .with_env_var("ACCEPT_EULA", "Y")
        .with_env_var("MSSQL_SA_PASSWORD", &file.contents.logins.password)
        .with_env_var("MSSQL_PID", "Developer")
        .with_env_var("MSSQL_AGENT_ENABLED", "true")
        .with_mount(Mount::bind_mount(drives.display().to_string(), mount_at));
    if !engine.image.is_ours() {
        request = request.with_env_var("MSSQL_MEMORY_LIMIT_MB", OFFICIAL_MEMORY_MB.to_string());
    }
    // Its own name is its own address; every other server's is this host's, on that server's network.
    for (host, address) in hosts.iter().filter(|(host, _)| Machine::of(host) != *machine) {
        request = request.with_host(host, Host::Addr(*address));
    }
    let handle = match request.start().await {
        Ok(handle) => handle,
        Err(error) => {
            let log = last_words(engine, &name).await;
            return Err(EngineError::NotReady { name, reason: error.to_string(), log });
        }
    };
    let id = handle.id().to_owned();
    let address = address_of(engine, &id, network).await?;
    Ok(Container {
        machine: machine.clone(),
        id,
        address: Cell::new(address),
        gateway: *gateway,
        network: network.clone(),
        handle: Cell::new(Some(handle)),
    })
}

async fn address_of(engine: &Engine, id: &str, network: &str) -> Result<IpAddr, EngineError> {
    let found = engine
        .docker
        .inspect_container(id, None::<InspectContainerOptions>)
        .await
        .map_err(failed("looking at a container"))?;
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let address = networks.get(network).and_then(|endpoint| endpoint.ip_address.as_deref()?.parse().ok());
    address.ok_or_else(|| EngineError::Failed {
        what: "looking at a container".to_owned(),
        reason: "it has no address on its network".to_owned(),
    })
}

/// The end of a container's log.
async fn last_words(engine: &Engine, name: &str) -> String {
    use futures::StreamExt as _;
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail("15").build();
    let lines: Vec<String> = engine
        .docker
        .logs(name, Some(options))
        .filter_map(|line| futures::future::ready(line.ok().map(|line| line.to_string())))
        .collect()
        .await;
    let text = lines.concat();
    if text.trim().is_empty() { "(it said nothing)".to_owned() } else { text }
}

impl Engine {
    /// SIGKILL.
    pub(crate) async fn kill(&self, container: &Container) -> io::Result<()> {
        let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        self.docker
            .kill_container(&container.id, Some(options))
            .await
            .map_err(|error| io::Error::other(reason(&error)))
    }

    /// Freezes every process in it.
    pub(crate) async fn pause(&self, container: &Container) -> io::Result<()> {
        self.docker.pause_container(&container.id).await.map_err(|error| io::Error::other(reason(&error)))
    }

    /// Lets its processes go on.
    pub(crate) async fn unpause(&self, container: &Container) -> io::Result<()> {
        self.docker.unpause_container(&container.id).await.map_err(|error| io::Error::other(reason(&error)))
    }

    /// SIGTERM, and SIGKILL when that is not enough.
    pub(crate) async fn stop(&self, container: &Container) -> io::Result<()> {
        let options = StopContainerOptionsBuilder::default().t(STOP_SECONDS).build();
        self.docker
            .stop_container(&container.id, Some(options))
            .await
            .map_err(|error| io::Error::other(reason(&error)))
    }

    /// Starts it again. Its address may be another afterwards.
    pub(crate) async fn start(&self, container: &Container) -> io::Result<()> {
        self.docker
            .start_container(&container.id, None::<StartContainerOptions>)
            .await
            .map_err(|error| io::Error::other(reason(&error)))?;
        let address = address_of(self, &container.id, &container.network).await;
        container.address.set(address.map_err(|error| io::Error::other(error.to_string()))?);
        Ok(())
    }

    /// Starts it if it does not run.
    pub(super) async fn run_again(&self, container: &Container) -> io::Result<()> {
        let found = self.docker.inspect_container(&container.id, None::<InspectContainerOptions>).await;
        let state = found.map_err(|error| io::Error::other(reason(&error)))?.state.unwrap_or_default();
        if state.paused == Some(true) {
            let unpaused = self.docker.unpause_container(&container.id).await;
            unpaused.map_err(|error| io::Error::other(reason(&error)))?;
        }
        if state.running == Some(true) { Ok(()) } else { self.start(container).await }
    }

    /// Removes a container by force, its volumes too.
    ///
    /// # Errors
    /// When the engine does not.
    pub(super) async fn remove_container(
        &self,
        id: &str,
    ) -> Result<(), testcontainers::bollard::errors::Error> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        self.docker.remove_container(id, Some(options)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("firedrill/sqlsim", "firedrill/sqlsim:latest", true)]
    #[case("mcr.microsoft.com/mssql/server:2022-latest", "mcr.microsoft.com/mssql/server:2022-latest", false)]
    #[case("localhost:5000/mssql", "localhost:5000/mssql:latest", false)]
    fn an_image_is_named_with_or_without_its_tag(
        #[case] text: &str,
        #[case] whole: &str,
        #[case] ours: bool,
    ) {
        let image = Image::named(text);
        assert_eq!((image.to_string().as_str(), image.is_ours()), (whole, ours));
    }
}
