//! The docker arm: four SQL Servers in containers, on the real clock.
//!
//! Each server has a network of its own, whose other end is this host. What one
//! server sends to another goes to the address that this host has on the other
//! one's network, where the harness listens: so every link is the harness's,
//! for any image and without privileges, and a container cannot get past it.
//! All servers see the drives of all machines below one bind mount.
//!
//! Containers are kept for the drills of a run and reset in between. They, and
//! their networks, carry the run's id and its process, so that whatever a run
//! leaves behind when it is killed is found and removed by the next one.

mod capabilities;
mod cleaning;
mod engine;
mod host;
mod reset;

use cleaning::remove_run;
pub(crate) use cleaning::remove_what_dead_runs_left;
pub(crate) use engine::{Engine, EngineError, Image};

use super::run_folder::RunFolder;
use super::served::{drives, lacks_simulated_time};
use super::{Arm, Described, FolderNames, Ground, Host, Time, Wanted};
use crate::disk::Drives;
use crate::estate::outside::{Outside, Program};
use crate::estate::world::World;
use crate::estate::{Arrangement, EstateError, EstateFile};
use crate::net::Machine;
use async_trait::async_trait;
use capabilities::Capabilities;
use engine::Cluster;
use host::ContainerHost;
use sqlsim::Clock;
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use tokio::runtime::Runtime;

/// Where every server sees the drives of every machine.
const DRIVES: &str = "/var/opt/mssql/net";

/// SQL Servers in containers.
pub(crate) struct DockerArm {
    program: Program,
    cluster: RefCell<Option<Rc<Cluster>>>,
    capabilities: RefCell<Option<Capabilities>>,
    /// Whether a drill has used the servers since they were fresh.
    is_used: Cell<bool>,
    /// Whether the servers were removed at the end.
    has_left: Cell<bool>,
    engine: Rc<Engine>,
    folder: RunFolder,
    runtime: Rc<Runtime>,
    /// Who is told what was found at the start.
    tell: fn(&str),
}

impl DockerArm {
    /// Looks whether the engine and the image are there, and removes what dead runs left. No server is started yet.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    pub(crate) fn new(image: Image, program: Program, tell: fn(&str)) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = Rc::new(runtime.map_err(EngineError::Local)?);
        let folder = RunFolder::new().map_err(EngineError::Local)?;
        let engine = Rc::new(runtime.block_on(Engine::connect(image))?);
        runtime.block_on(remove_what_dead_runs_left(&engine));
        Ok(Self {
            program,
            cluster: RefCell::default(),
            capabilities: RefCell::default(),
            is_used: Cell::default(),
            has_left: Cell::default(),
            engine,
            folder,
            runtime,
            tell,
        })
    }

    fn shared(&self) -> PathBuf {
        self.folder.0.join("net")
    }

    /// The servers, fresh: started now, or reset after another drill.
    async fn fresh_cluster(&self, file: &EstateFile) -> Result<Rc<Cluster>, EstateError> {
        let kept = self.cluster.borrow_mut().take();
        if let Some(cluster) = kept {
            if !self.is_used.get() || reset::reset(&self.engine, &cluster, file).await {
                return Ok(cluster);
            }
            cluster.remove(&self.engine).await.map_err(EstateError::Arm)?;
        }
        let cluster = Cluster::start(&self.engine, file, &self.shared(), DRIVES)
            .await
            .map_err(|error| EstateError::Arm(error.to_string()))?;
        Ok(Rc::new(cluster))
    }
}

impl Drop for DockerArm {
    fn drop(&mut self) {
        if let Err(why) = self.leave() {
            crate::cli::complain(&why);
        }
    }
}

#[async_trait(?Send)]
impl Arm for DockerArm {
    fn described(&self) -> Described {
        let found = self.capabilities.borrow();
        Described {
            arm: "docker",
            clock: "real; waits are skipped, and no two runs are the same",
            times_rest_on: "this host: small databases in containers; nothing here takes the time it takes at a real site",
            program: self.program.to_string(),
            capabilities: found.as_ref().map_or_else(Vec::new, |found| found.told(&self.engine.image)),
        }
    }

    fn leave(&self) -> Result<(), String> {
        if self.has_left.replace(true) {
            return Ok(());
        }
        let cluster = self.cluster.borrow_mut().take();
        let removed = self.runtime.block_on(async {
            match cluster {
                Some(cluster) => cluster.remove(&self.engine).await,
                None => remove_run(&self.engine, &self.engine.run).await,
            }
        });
        removed.map_err(|left| {
            format!(
                "{left}; remove it by hand, or run --on docker again: each run removes what dead ones left"
            )
        })
    }

    fn runtime(&self) -> Result<Rc<Runtime>, EstateError> {
        Ok(Rc::clone(&self.runtime))
    }

    fn file(&self, file: &EstateFile) -> EstateFile {
        file.in_real_time()
    }

    fn starts_as_the_file_says(&self) -> bool {
        false
    }

    async fn ground(&self, file: &EstateFile) -> Result<Rc<dyn Ground>, EstateError> {
        let cluster = self.fresh_cluster(file).await?;
        self.is_used.set(true);
        *self.cluster.borrow_mut() = Some(Rc::clone(&cluster));
        if self.capabilities.borrow().is_none() {
            let found = capabilities::probe(&cluster, file).await.map_err(EstateError::Arm)?;
            (self.tell)(&found.lines(&self.engine.image));
            *self.capabilities.borrow_mut() = Some(found);
        }
        if let Some(lacking) = self.capabilities.borrow().as_ref().and_then(Capabilities::lacking) {
            return Err(EstateError::Lacking(lacking));
        }
        empty_drives(&self.folder.0)
            .map_err(|error| EstateError::Outside { what: "emptying the drives", error })?;
        Ok(Rc::new(Containers { cluster, engine: Rc::clone(&self.engine), folder: self.folder.0.clone() }))
    }

    async fn open(&self, world: &Rc<World>) -> Result<Option<Outside>, EstateError> {
        world.show_or_hide_drives();
        Outside::open(world, self.program.clone(), &self.folder.0.join("desk")).await.map(Some)
    }

    fn lacks(&self, said: &Arrangement) -> Option<String> {
        lacks_simulated_time(said).map(|what| {
            format!("{what}, and containers run in real time: only the sim arm has simulated time")
        })
    }
}

/// Removes what an earlier drill left on the drives and the operator's desk; the bind mount itself stays.
fn empty_drives(folder: &std::path::Path) -> std::io::Result<()> {
    for kept in ["net", "away", "desk"] {
        let folder = folder.join(kept);
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
        }
    }
    Ok(())
}

/// The ground of one drill.
struct Containers {
    cluster: Rc<Cluster>,
    engine: Rc<Engine>,
    folder: PathBuf,
}

impl Ground for Containers {
    fn clock(&self, file: &EstateFile) -> Clock {
        #[expect(clippy::disallowed_methods, reason = "containers run on the real clock")]
        let now = jiff::Timestamp::now();
        Clock::starting_at(now, file.contents.clock.utc_offset_minutes)
    }

    fn drives_of(&self, machine: &Machine, _: &Clock) -> Result<Rc<dyn Drives>, EstateError> {
        drives(&self.folder, machine)
    }

    fn host(&self, wanted: &Wanted<'_>) -> Result<Rc<dyn Host>, EstateError> {
        let container = self.cluster.container(wanted.server);
        Ok(Rc::new(ContainerHost::new(Rc::clone(&self.engine), Rc::clone(&self.cluster), container, wanted)))
    }

    fn folder_names(&self) -> FolderNames {
        FolderNames::Below(DRIVES.to_owned())
    }

    fn time(&self) -> Time {
        Time::SkippedAlone
    }

    fn has_certificates(&self) -> bool {
        true
    }
}
