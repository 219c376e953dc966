//! Arms: where an estate is staged.
//!
//! An arm gives every SQL Server of an estate a [`Host`], says how the servers
//! name the folders of the estate ([`FolderNames`]), and whether time is
//! simulated. Everything else (staging, links, faults, the chat service, the
//! oracle) is the same on every arm. What an arm cannot do is a [`Lack`]: a
//! drill that needs it is not exercised, with the reason, and never green.

pub(crate) mod docker;
pub(crate) mod folders;
pub(crate) mod host;
pub(crate) mod lab;
pub(crate) mod owner;
pub(crate) mod run_folder;
pub(crate) mod served;
pub(crate) mod simulated;
mod sniff;

pub(crate) use folders::{Folder, FolderNames};
pub(crate) use host::Host;

use crate::disk::{Disks, Drives};
use crate::estate::outside::Outside;
use crate::estate::world::World;
use crate::estate::{Arrangement, EstateError, EstateFile, Server};
use crate::net::{Machine, Network};
use async_trait::async_trait;
use sqlsim::Clock;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A name that no other run on this machine has: sixteen hexadecimal digits.
///
/// # Errors
/// When the operating system has no randomness to give.
pub(crate) fn run_id() -> std::io::Result<String> {
    let mut bytes = [0; 8];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| std::io::Error::other("the operating system has no randomness to give"))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

/// Where drills are run.
#[async_trait(?Send)]
pub(crate) trait Arm {
    /// What reports say of it.
    fn described(&self) -> Described;

    /// Leaves the place as it was found, at the end of a run; a second time does nothing.
    ///
    /// # Errors
    /// What is left, and what to do about it.
    fn leave(&self) -> Result<(), String> {
        Ok(())
    }

    /// A runtime for one estate.
    ///
    /// # Errors
    /// When the operating system gives none.
    fn runtime(&self) -> Result<Rc<Runtime>, EstateError>;

    /// The estate's file, with the costs that this arm has.
    fn file(&self, file: &EstateFile) -> EstateFile;

    /// Whether an estate's clock starts at the time that its file says, and not at the present.
    fn starts_as_the_file_says(&self) -> bool {
        true
    }

    /// Fresh ground for one estate.
    ///
    /// # Errors
    /// When the servers cannot be had.
    async fn ground(&self, file: &EstateFile) -> Result<Rc<dyn Ground>, EstateError>;

    /// Opens a staged estate to processes, if the failover program is one here.
    ///
    /// # Errors
    /// When no port or no folder can be had.
    async fn open(&self, world: &Rc<World>) -> Result<Option<Outside>, EstateError>;

    /// Makes this arm on another thread, where drills share nothing with those on this one; none where they do.
    fn on_another_thread(&self) -> Option<fn() -> ChosenArm> {
        None
    }

    /// Why a drill that says this cannot be exercised here; none if it can.
    fn lacks(&self, said: &Arrangement) -> Option<String>;

    /// Why links between servers cannot be cut here; none if they can.
    fn lacks_links_between_servers(&self) -> Option<String> {
        None
    }

    /// Why servers cannot be paused or shut down here; none if they can.
    fn lacks_power_over_servers(&self) -> Option<String> {
        None
    }
}

/// An arm as reports describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// `sim`, `docker`, `lab`.
    pub(crate) arm: &'static str,
    /// What the times are measured in.
    pub(crate) clock: &'static str,
    /// What recovery times rest on.
    pub(crate) times_rest_on: &'static str,
    /// The failover program.
    pub(crate) program: String,
    /// What was found when the arm was asked what it can do: a name, and what there is.
    pub(crate) capabilities: Vec<(String, String)>,
}

/// An arm that any number of estates are staged on; the sim arm unless another is chosen.
#[derive(Clone)]
pub struct ChosenArm(pub(crate) Rc<dyn Arm>);

impl Default for ChosenArm {
    fn default() -> Self {
        Self(Rc::new(simulated::SimArm))
    }
}

impl std::fmt::Debug for ChosenArm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ChosenArm").field(&self.0.described().arm).finish()
    }
}

/// How time passes while an estate waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// It is simulated: whoever waits lets it pass.
    Simulated,
    /// It is real where anybody works, and skipped where the estate only waits. The servers run their jobs on the same
    /// clock.
    Skipped,
    /// The same, but the servers' own clocks do not skip: the harness runs their jobs when they would be due.
    SkippedAlone,
}

/// What one staged estate stands on.
pub(crate) trait Ground {
    /// The estate's clock, at its start.
    fn clock(&self, file: &EstateFile) -> Clock;

    /// A machine's drives.
    ///
    /// # Errors
    /// When they cannot be made.
    fn drives_of(&self, machine: &Machine, clock: &Clock) -> Result<Rc<dyn Drives>, EstateError>;

    /// A SQL Server, running and fresh.
    ///
    /// # Errors
    /// When it cannot be had.
    fn host(&self, wanted: &Wanted<'_>) -> Result<Rc<dyn Host>, EstateError>;

    /// How the servers name folders.
    fn folder_names(&self) -> FolderNames;

    /// How time passes.
    fn time(&self) -> Time;

    /// Whether mirroring endpoints need certificates: where servers have no Windows accounts.
    fn has_certificates(&self) -> bool {
        false
    }
}

/// Which server is wanted, and what it is to be part of.
pub(crate) struct Wanted<'a> {
    pub(crate) file: &'a EstateFile,
    pub(crate) server: Server,
    /// The port at which it is to mirror.
    pub(crate) mirroring_port: u16,
    /// How long its recovery is to take, if that was arranged.
    pub(crate) recovery: Option<Duration>,
    pub(crate) clock: &'a Clock,
    pub(crate) network: &'a Network,
    pub(crate) disks: &'a Disks,
    pub(crate) machine: &'a Machine,
    pub(crate) seed: u64,
}
