//! The sim arm for a failover program that is a process: simulated servers in
//! this process, staged on simulated time, then reachable at TCP addresses and
//! in folders of this host, on the real clock.
//!
//! Nothing here is the same every time: a real program runs in real time.

use super::run_folder::RunFolder;
use super::simulated::Simulated;
use super::{Arm, Described, Ground, Time};
use crate::disk::{DirectoryDrives, Drives};
use crate::estate::outside::{Outside, Program};
use crate::estate::world::World;
use crate::estate::{Arrangement, EstateError, EstateFile};
use crate::net::Machine;
use async_trait::async_trait;
use sqlsim::Clock;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::runtime::Runtime;

/// Simulated servers for a program of its own.
pub(crate) struct ServedArm {
    program: Program,
    folder: RunFolder,
    drill: Cell<u32>,
}

impl ServedArm {
    /// Drills `program`; files of its drills lie in a temporary folder until the run ends.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn new(program: Program) -> std::io::Result<Self> {
        Ok(Self { program, folder: RunFolder::new()?, drill: Cell::default() })
    }

    fn drill_folder(&self) -> PathBuf {
        self.folder.0.join(format!("drill-{}", self.drill.get()))
    }
}

#[async_trait(?Send)]
impl Arm for ServedArm {
    fn described(&self) -> Described {
        Described {
            arm: "sim",
            clock: "real; waits are skipped, and no two runs are the same",
            times_rest_on: "this host and the program's own speed: nothing here takes the time it takes at a real site",
            program: self.program.to_string(),
            capabilities: Vec::new(),
        }
    }

    fn runtime(&self) -> Result<Rc<Runtime>, EstateError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.map(Rc::new).map_err(EstateError::Runtime)
    }

    fn file(&self, file: &EstateFile) -> EstateFile {
        file.in_real_time()
    }

    async fn ground(&self, _: &EstateFile) -> Result<Rc<dyn Ground>, EstateError> {
        // What an earlier drill left is of no use to anybody; if it cannot be removed now, it goes with the run's folder.
        let _ = std::fs::remove_dir_all(self.drill_folder());
        self.drill.set(self.drill.get() + 1);
        let folder = self.drill_folder();
        let drives_of = move |machine: &Machine, _: &Clock| drives(&folder, machine);
        Ok(Rc::new(Simulated { drives_of: Box::new(drives_of) }))
    }

    async fn open(&self, world: &Rc<World>) -> Result<Option<Outside>, EstateError> {
        tokio::time::resume();
        world.time.set(Time::Skipped);
        // Whatever was arranged while time was simulated.
        world.show_or_hide_drives();
        let desk = self.drill_folder().join("desk");
        Outside::open(world, self.program.clone(), &desk).await.map(Some)
    }

    fn lacks(&self, said: &Arrangement) -> Option<String> {
        lacks_simulated_time(said).map(|what| {
            format!("{what}, and this program runs in real time: only the plain sim arm has simulated time")
        })
    }
}

/// What a drill wants to take so long that only simulated time has room for it.
pub(crate) fn lacks_simulated_time(said: &Arrangement) -> Option<&'static str> {
    match said {
        Arrangement::RecoveryTakes(_) => Some("recovery is to take its time"),
        Arrangement::CopyJobRunning(_) | Arrangement::RestoreJobRunning(_) => {
            Some("a job is to be at work for a long time")
        }
        Arrangement::CopyDiskRoom(_) => Some("a disk is to be full, which takes a simulated one"),
        _ => None,
    }
}

/// A machine's drives below a folder.
pub(crate) fn drives(folder: &Path, machine: &Machine) -> Result<Rc<dyn Drives>, EstateError> {
    let away = folder.join("away");
    let drives = std::fs::create_dir_all(&away)
        .and_then(|()| {
            DirectoryDrives::new(folder.join("net").join(machine.name()), &['C', 'D'])?.open_to_all()
        })
        .map(|drives| drives.moved_away_to(away.join(machine.name())));
    drives
        .map(|drives| Rc::new(drives) as Rc<dyn Drives>)
        .map_err(|error| EstateError::Outside { what: "making the drives of a machine", error })
}
