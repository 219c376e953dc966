//! The sim arm: simulated SQL Servers in this process, on simulated time.

use super::{Arm, ChosenArm, Described, FolderNames, Ground, Host, Time, Wanted};
use crate::disk::{Drives, MachineFiles};
use crate::estate::outside::Outside;
use crate::estate::world::{TDS_PORT, World, fqdn};
use crate::estate::{Arrangement, EstateError, EstateFile};
use crate::net::{End, Listener, Machine, Network, unwatched_stream};
use async_trait::async_trait;
use sqlsim::network::Stream;
use sqlsim::store::memory_files::MemoryFiles;
use sqlsim::{Clock, Instance, InstanceConfig, Observer};
use std::io;
use std::rc::Rc;
use tokio::runtime::Runtime;

/// The sim arm: everything in this process, the failover program too.
pub(crate) struct SimArm;

#[async_trait(?Send)]
impl Arm for SimArm {
    fn described(&self) -> Described {
        Described {
            arm: "sim",
            clock: "simulated",
            times_rest_on: "the estate's cost model; its assumptions are marked in the estate file",
            program: "pchat-failover".to_owned(),
            capabilities: Vec::new(),
        }
    }

    fn runtime(&self) -> Result<Rc<Runtime>, EstateError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.map(Rc::new).map_err(EstateError::Runtime)
    }

    fn file(&self, file: &EstateFile) -> EstateFile {
        file.clone()
    }

    async fn ground(&self, _: &EstateFile) -> Result<Rc<dyn Ground>, EstateError> {
        Ok(Rc::new(Simulated { drives_of: Box::new(in_memory) }))
    }

    async fn open(&self, _: &Rc<World>) -> Result<Option<Outside>, EstateError> {
        Ok(None)
    }

    fn on_another_thread(&self) -> Option<fn() -> ChosenArm> {
        Some(ChosenArm::default)
    }

    fn lacks(&self, _: &Arrangement) -> Option<String> {
        None
    }
}

/// Where a machine's drives come from.
pub(crate) type DrivesOf = Box<dyn Fn(&Machine, &Clock) -> Result<Rc<dyn Drives>, EstateError>>;

/// Drives in memory.
pub(crate) fn in_memory(_machine: &Machine, clock: &Clock) -> Result<Rc<dyn Drives>, EstateError> {
    Ok(Rc::new(MemoryFiles::new(clock, &['C', 'D'])))
}

/// Simulated servers, whose drives come from somewhere.
pub(crate) struct Simulated {
    pub(crate) drives_of: DrivesOf,
}

impl Ground for Simulated {
    fn clock(&self, file: &EstateFile) -> Clock {
        let clock = &file.contents.clock;
        Clock::starting_at(clock.start, clock.utc_offset_minutes)
    }

    fn drives_of(&self, machine: &Machine, clock: &Clock) -> Result<Rc<dyn Drives>, EstateError> {
        (self.drives_of)(machine, clock)
    }

    fn host(&self, wanted: &Wanted<'_>) -> Result<Rc<dyn Host>, EstateError> {
        let instance = start(wanted)?;
        Ok(Rc::new(SimulatedHost { machine: wanted.machine.clone(), instance }))
    }

    fn folder_names(&self) -> FolderNames {
        FolderNames::Windows
    }

    fn time(&self) -> Time {
        Time::Simulated
    }
}

/// A server's way out.
#[derive(Debug)]
struct ServerNetwork {
    network: Network,
    from: Machine,
}

#[async_trait(?Send)]
impl sqlsim::Network for ServerNetwork {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.network.connect(&self.from, host, port).await?))
    }
}

fn start(wanted: &Wanted<'_>) -> Result<Instance, EstateError> {
    let &Wanted { file, machine, disks, .. } = wanted;
    let folders = &file.contents.folders;
    let files: MachineFiles = disks.seen_from(machine);
    if let Ok(drives) = disks.drives_of(machine) {
        for folder in [&folders.data, &folders.backup] {
            drives.make_directory(folder).map_err(|error| EstateError::File {
                file: file.name.clone(),
                what: format!("the folder {folder} cannot be made: {error}"),
            })?;
        }
    }
    let config = InstanceConfig {
        server_name: machine.name().to_ascii_uppercase(),
        host: fqdn(file, machine.name()),
        sa_password: file.contents.logins.password.clone(),
        tds_port: TDS_PORT,
        data_directory: folders.data.clone(),
        backup_directory: folders.backup.clone(),
        agent_enabled: true,
        seed: wanted.seed,
        cost: file.costs.sql(wanted.recovery),
        product: sqlsim::config::Product::default(),
    };
    let way_out = ServerNetwork { network: wanted.network.clone(), from: machine.clone() };
    Ok(Instance::start(
        config,
        wanted.clock.clone(),
        Rc::new(files),
        Rc::new(way_out),
        Rc::new(sqlsim::observer::NoObserver),
    ))
}

/// A simulated SQL Server and the machine it stands on.
#[derive(Debug)]
pub(crate) struct SimulatedHost {
    pub(crate) machine: Machine,
    pub(crate) instance: Instance,
}

#[async_trait(?Send)]
impl Host for SimulatedHost {
    fn is_running(&self) -> bool {
        self.instance.is_running()
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let (near, far) = unwatched_stream();
        let instance = self.instance.clone();
        tokio::task::spawn_local(async move { instance.serve(far).await });
        Ok(Box::new(near))
    }

    fn listen(&self, network: &Network) -> io::Result<()> {
        let tds = self.instance.clone();
        network.listen(
            &self.machine,
            TDS_PORT,
            Rc::new(move |end: End| {
                let instance = tds.clone();
                tokio::task::spawn_local(async move { instance.serve(end).await });
            }),
        );
        let mirroring = self.instance.clone();
        network.listen_elsewhere(
            &self.machine,
            Rc::new(move |port| {
                let instance = mirroring.clone();
                (instance.mirroring_port() == Some(port)).then(|| {
                    Rc::new(move |end: End| {
                        let instance = instance.clone();
                        tokio::task::spawn_local(async move { instance.serve_mirroring(end).await });
                    }) as Listener
                })
            }),
        );
        Ok(())
    }

    fn watch(&self, observer: Rc<dyn Observer>) {
        self.instance.set_observer(observer);
    }

    async fn power_off(&self) -> io::Result<()> {
        self.instance.power_off();
        Ok(())
    }

    async fn power_on(&self) -> io::Result<()> {
        self.instance.power_on();
        Ok(())
    }

    async fn shut_down(&self) -> io::Result<()> {
        let ended = self.instance.shut_down().await;
        self.instance.power_off();
        ended.map_err(io::Error::other)
    }

    fn tear_down(&self) {
        self.instance.power_off();
    }

    fn instance(&self) -> Option<Instance> {
        Some(self.instance.clone())
    }
}
