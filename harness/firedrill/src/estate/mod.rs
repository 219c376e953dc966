//! The estate: everything a drill stages, and the verbs that act on it.
//!
//! An [`Estate`] owns a current-thread runtime of its own. Its verbs are plain
//! functions that run that runtime until the verb is done, so a caller needs no
//! runtime. Before the first verb the estate is only a list of
//! [`Arrangement`]s; [`Estate::begin`] stages it by T-SQL over TDS, runs the
//! traffic, and makes every arrangement true.
//!
//! In the sim arm nothing here asks the wall clock, starts a thread or uses
//! unseeded chance.

mod arrangement;
pub(crate) mod backup_sessions;
mod begin;
mod certificates;
pub(crate) mod clock;
mod contradictions;
mod damage;
mod failover_run;
mod file;
mod log_shipping;
mod names;
mod operator;
pub(crate) mod outside;
mod passing;
pub(crate) mod paths;
pub(crate) mod replication;
mod schema;
pub(crate) mod serving;
mod setup;
pub(crate) mod site_text;
pub(crate) mod sql;
pub(crate) mod staging;
mod timeline;
mod verbs;
mod waiting;
mod watch;
pub(crate) mod world;

pub use arrangement::Arrangement;
pub use failover_run::{FailoverOptions, FailoverRun, LogBackupSnapshot, PlanTransformation, Told};
pub use file::EstateFile;
pub(crate) use file::only_name;
pub use names::{DataCenter, Server};
pub use timeline::{Event, Happening, Timeline};

use crate::arm::{ChosenArm, Time};
use crate::fault::PlannedFault;
use crate::ledger::Ledger;
use operator::Desk;
use outside::Outside;
use setup::Setup;
use site_text::Reach;
use std::cell::{Ref, RefCell};
use std::future::Future;
use std::rc::Rc;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use world::World;

/// A client connected to a server of the estate, as any TDS client would be.
pub type SqlClient = tiberius::Client<tokio_util::compat::Compat<Box<dyn sqlsim::network::Stream>>>;

/// What went wrong with the drill itself (not with the failover).
#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    /// An arrangement came after the estate had begun.
    #[error("{0} has to be said before anything happens; the estate is staged already")]
    TooLate(String),
    /// Two arrangements contradict each other, or what happened.
    #[error("{0}")]
    Contradiction(String),
    /// The estate file cannot be used.
    #[error("{file}: {what}")]
    File {
        /// Its name, with the line where there is one.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// Something the harness itself did on a server failed.
    #[error(
        "{what} on the {server} failed: {reason}; the estate is half way through it, start the drill again"
    )]
    Server {
        /// What was done.
        what: String,
        /// Where.
        server: Server,
        /// The server's answer.
        reason: String,
    },
    /// A server cannot be reached.
    #[error("the {0} cannot be reached: {1}")]
    Unreachable(Server, std::io::Error),
    /// The estate could not be opened to other processes.
    #[error("{what} failed: {error}; the estate was taken down")]
    Outside {
        /// What was done.
        what: &'static str,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// Ctrl-C was pressed while a failover program ran.
    #[error("the run was interrupted; the failover program was killed")]
    Interrupted,
    /// The arm cannot do what the drill needs.
    #[error("{0}")]
    Lacking(String),
    /// The arm's servers could not be had.
    #[error("{0}")]
    Arm(String),
    /// The runtime could not be made.
    #[error("no runtime for the estate: {0}")]
    Runtime(std::io::Error),
    /// The site file that the estate wrote was refused.
    #[error("the estate's own site file is refused: {0}")]
    Site(#[from] failover::SiteError),
}

/// What a verb acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A whole data center.
    DataCenter(DataCenter),
    /// One SQL Server's machine.
    Server(Server),
    /// The machine that holds the backup share.
    BackupShare,
    /// The machine from which the operator works.
    Operator,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DataCenter(center) => write!(f, "data center {center}"),
            Self::Server(server) => write!(f, "the {server}"),
            Self::BackupShare => f.write_str("the backup share"),
            Self::Operator => f.write_str("the operator's machine"),
        }
    }
}

/// What an estate is before and after its first verb.
enum Stage {
    Planned(Box<Setup>),
    Staged(Box<Staged>),
    /// Staging failed.
    Broken,
}

/// A staged estate. The tasks go before the runtime that runs them.
struct Staged {
    world: Rc<World>,
    desk: Desk,
    site_text: String,
    database: String,
    /// The way in for processes, on a running clock.
    outside: Option<Outside>,
    tasks: LocalSet,
    runtime: Rc<Runtime>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        let world = self.world.clone();
        self.outside = None;
        self.tasks.block_on(&self.runtime, async move {
            world.tear_down();
            tokio::task::yield_now().await;
        });
    }
}

/// An estate, from its first arrangement to its end.
pub struct Estate {
    file: EstateFile,
    seed: u64,
    arm: ChosenArm,
    stage: Stage,
    runs: Vec<FailoverRun>,
    no_timeline: RefCell<Timeline>,
    no_ledger: RefCell<Ledger>,
}

impl std::fmt::Debug for Estate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let staged = matches!(self.stage, Stage::Staged(_));
        f.debug_struct("Estate").field("seed", &self.seed).field("staged", &staged).finish_non_exhaustive()
    }
}

/// Setting up.
impl Estate {
    /// An estate that is not staged yet, and will be in this process, on simulated time.
    #[must_use]
    pub fn new(file: &EstateFile, seed: u64) -> Self {
        Self::on(ChosenArm::default(), file, seed)
    }

    /// An estate that is not staged yet, and will be on `arm`.
    #[must_use]
    pub fn on(arm: ChosenArm, file: &EstateFile, seed: u64) -> Self {
        Self {
            file: arm.0.file(file),
            seed,
            arm,
            stage: Stage::Planned(Box::default()),
            runs: Vec::new(),
            no_timeline: RefCell::default(),
            no_ledger: RefCell::default(),
        }
    }

    /// Says something about the estate. Before it begins everything can be said; afterwards only what can still be
    /// made true: a fault at a point, traffic, a replica that lags, a cmdlet that fails, a missing shell.
    ///
    /// # Errors
    /// [`EstateError::TooLate`], [`EstateError::Contradiction`].
    pub fn arrange(&mut self, arrangement: Arrangement) -> Result<(), EstateError> {
        if let Some(lacking) = self.arm.0.lacks(&arrangement) {
            return Err(EstateError::Lacking(lacking));
        }
        let world = match &mut self.stage {
            Stage::Planned(setup) => return setup.say(arrangement),
            Stage::Staged(staged) => staged.world.clone(),
            Stage::Broken => return Err(broken()),
        };
        match arrangement {
            Arrangement::At(point, fault) => {
                world.faults.borrow_mut().push(PlannedFault::waiting(point, fault));
                Ok(())
            }
            Arrangement::Traffic { messages, over } => self.post_messages(messages, over).map(drop),
            Arrangement::ReplicaLags(_)
            | Arrangement::CmdletFails { .. }
            | Arrangement::CmdletMissing(_)
            | Arrangement::ShellMissing => {
                let mut setup = world.setup.borrow_mut();
                setup.say(arrangement)?;
                setup.check_names(&world.file)
            }
            Arrangement::CopyDiskRoom(room) => {
                world.setup.borrow_mut().say_anew(arrangement)?;
                begin::leave_room(&world, room);
                Ok(())
            }
            Arrangement::Survives(server) => {
                let center = server.data_center();
                if world.machines_of(center).iter().any(|machine| !world.network.is_on(machine)) {
                    return Err(EstateError::Contradiction(format!(
                        "data center {center} is lost already, or part of it: say before that what survives"
                    )));
                }
                world.setup.borrow_mut().say(arrangement)
            }
            other => Err(EstateError::TooLate(format!("{other:?}"))),
        }
    }

    /// Stages the estate and makes every arrangement true. Every verb does this first; calling it again does nothing.
    ///
    /// # Errors
    /// When staging fails or arrangements contradict each other.
    pub fn begin(&mut self) -> Result<(), EstateError> {
        let setup = match &mut self.stage {
            Stage::Staged(_) => return Ok(()),
            Stage::Broken => return Err(broken()),
            Stage::Planned(setup) => std::mem::take(&mut **setup),
        };
        self.stage = Stage::Broken;
        setup.check_whole(&self.file)?;
        let arm = self.arm.0.clone();
        let runtime = arm.runtime()?;
        let tasks = LocalSet::new();
        let (file, seed) = (self.file.clone(), self.seed);
        let (world, outside) = tasks.block_on(
            &runtime,
            Box::pin(async move {
                let ground = arm.ground(&file).await?;
                let world = staging::build(&file, setup, seed, &*ground)?;
                staging::stage(&world).await?;
                begin::make_true(&world).await?;
                let outside = arm.open(&world).await?;
                Ok::<_, EstateError>((world, outside))
            }),
        )?;
        let site_text = match &outside {
            None => site_text::write(&world, &Reach::simulated(&world)),
            Some(outside) => outside.desk.site_text.clone(),
        };
        let database = world.database();
        let desk = Desk::default();
        self.stage =
            Stage::Staged(Box::new(Staged { world, desk, site_text, database, outside, tasks, runtime }));
        Ok(())
    }

    fn staged(&mut self) -> Result<&mut Staged, EstateError> {
        self.begin()?;
        match &mut self.stage {
            Stage::Staged(staged) => Ok(staged),
            _ => Err(broken()),
        }
    }

    fn staged_already(&self) -> Option<&Staged> {
        match &self.stage {
            Stage::Staged(staged) => Some(staged),
            _ => None,
        }
    }
}

fn broken() -> EstateError {
    EstateError::Contradiction("staging this estate has failed; start the drill again".to_owned())
}

impl Staged {
    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.tasks.block_on(&self.runtime, Box::pin(work))
    }
}

/// What is. These are what assertions and the oracle read.
impl Estate {
    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Runs a future on the estate's runtime.
    ///
    /// # Errors
    /// When the estate is not staged.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, EstateError> {
        let staged = self.staged_already().ok_or_else(not_begun)?;
        Ok(staged.run(future))
    }

    /// Connects to a server as `sa` from the judge's own machine, which no fault touches.
    ///
    /// # Errors
    /// When the server has no power, or refuses.
    pub fn connect(&self, server: Server, database: &str) -> Result<SqlClient, EstateError> {
        let staged = self.staged_already().ok_or_else(not_begun)?;
        staged.run(staged.world.sa(server, database))
    }

    /// Runs one query over an ordinary connection and collects the rows of its first result set.
    ///
    /// # Errors
    /// As [`Estate::connect`], and when the query fails.
    pub fn query(
        &self,
        server: Server,
        database: &str,
        query: &str,
    ) -> Result<Vec<tiberius::Row>, EstateError> {
        let staged = self.staged_already().ok_or_else(not_begun)?;
        staged.run(async {
            if database.eq_ignore_ascii_case("master") {
                return staged.world.errand(server, query).await;
            }
            let mut client = staged.world.sa(server, database).await?;
            sql::rows(&mut client, query).await.map_err(sql::failed(format!("`{query}`"), server))
        })
    }

    /// Name of the chat database on the servers: `mgc`.
    #[must_use]
    pub fn database(&self) -> &str {
        match &self.stage {
            Stage::Staged(staged) => &staged.database,
            Stage::Planned(_) | Stage::Broken => &self.file.contents.database,
        }
    }

    /// The site file given to the failover program; empty before the estate begins.
    #[must_use]
    pub fn site_text(&self) -> &str {
        self.staged_already().map_or("", |staged| &staged.site_text)
    }

    /// The pool's FQDN.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.file.contents.pool
    }

    /// FQDNs of the chat servers of a data center, in order.
    #[must_use]
    pub fn chat_servers(&self, data_center: DataCenter) -> Vec<String> {
        match self.staged_already() {
            Some(staged) => staged.world.chat.names_of(data_center),
            None => {
                let chat = &self.file.contents.chat;
                let names = if data_center == DataCenter::A { &chat.servers_a } else { &chat.servers_b };
                names.iter().map(|short| world::fqdn(&self.file, short)).collect()
            }
        }
    }

    /// Now, by the estate's clock.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        self.staged_already()
            .map_or(self.file.contents.clock.start, |staged| staged.run(async { staged.world.now() }))
    }

    /// What the estate's clock shows; none while it is not known when that will start.
    #[must_use]
    pub fn clock(&self) -> Option<jiff::Timestamp> {
        let is_known = self.staged_already().is_some() || self.arm.0.starts_as_the_file_says();
        is_known.then(|| self.now())
    }

    /// Whether a server's machine has power.
    #[must_use]
    pub fn runs_on(&self, server: Server) -> bool {
        self.staged_already()
            .is_some_and(|staged| staged.world.network.is_on(&staged.world.server(server).machine))
    }

    /// Whether the backup share answers the operator's machine.
    #[must_use]
    pub fn is_share_reached(&self) -> bool {
        self.staged_already().is_some_and(|staged| {
            let world = &staged.world;
            world.network.round_trip(&world.operator(), &world.share_machine()).is_ok()
        })
    }

    /// Whether the server that holds the management store has power.
    #[must_use]
    pub fn is_management_store_up(&self) -> bool {
        self.staged_already().is_some_and(|staged| self.runs_on(staged.world.store_server()))
    }

    /// What happened so far.
    #[must_use]
    pub fn timeline(&self) -> Ref<'_, Timeline> {
        self.staged_already().map_or(&self.no_timeline, |staged| &staged.world.timeline).borrow()
    }

    /// Acknowledged writes so far.
    #[must_use]
    pub fn ledger(&self) -> Ref<'_, Ledger> {
        self.staged_already().map_or(&self.no_ledger, |staged| &staged.world.ledger).borrow()
    }

    /// Runs of the failover program so far, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[FailoverRun] {
        &self.runs
    }

    /// What was arranged beside the faults at points and waits for its moment, in words, and whether that came: cmdlets
    /// that were to fail, a disk that was to fill up, and their like.
    #[must_use]
    pub fn arranged_faults(&self) -> Vec<(String, bool)> {
        let Some(staged) = self.staged_already() else { return Vec::new() };
        let (setup, struck) = (staged.world.setup.borrow(), staged.world.struck());
        let cmdlets = setup.failing_cmdlets().map(|(name, failure)| (failure.told(name), failure.is_over()));
        let waiting = setup.waiting().into_iter().map(|one| (one.to_string(), struck.contains(&one)));
        cmdlets.chain(waiting).collect()
    }

    /// Whether a replica was held back as arranged.
    #[must_use]
    pub fn held_a_replica_back(&self) -> bool {
        let is_held = |one: &waiting::Waiting| matches!(one, waiting::Waiting::HeldReplica(_));
        self.staged_already().is_some_and(|staged| staged.world.struck().iter().any(is_held))
    }

    /// The faults that were arranged, and whether they fired.
    #[must_use]
    pub fn faults(&self) -> Vec<PlannedFault> {
        match &self.stage {
            Stage::Staged(staged) => staged.world.faults.borrow().clone(),
            Stage::Planned(setup) => setup.faults.clone(),
            Stage::Broken => Vec::new(),
        }
    }

    /// Whether what the failover program tells can be read; its exit code and what it did can always be seen.
    #[must_use]
    pub fn program_can_be_read(&self) -> bool {
        let outside = self.staged_already().and_then(|staged| staged.outside.as_ref());
        outside.is_none_or(|outside| outside.program.can_be_read())
    }

    /// Whether the servers' clocks are the estate's. Where they are not, what servers and programs tell of times before
    /// the failover is not comparable with the estate's own.
    #[must_use]
    pub fn servers_share_its_clock(&self) -> bool {
        self.staged_already().is_none_or(|staged| staged.world.time.get() != Time::SkippedAlone)
    }

    /// Whether its time is simulated, now that it is staged.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.staged_already().is_none_or(|staged| staged.world.time.get() == Time::Simulated)
    }

    /// What the arm itself failed to do.
    #[must_use]
    pub fn trouble(&self) -> Vec<String> {
        self.staged_already().map_or_else(Vec::new, |staged| staged.world.trouble.borrow().clone())
    }

    /// When the disaster struck: the first loss of a data center or of the primary.
    #[must_use]
    pub fn disaster(&self) -> Option<jiff::Timestamp> {
        self.staged_already().and_then(|staged| staged.world.disaster.get())
    }

    /// When the first message after the disaster was acknowledged: the end of the RTO clock.
    #[must_use]
    pub fn service_restored(&self) -> Option<jiff::Timestamp> {
        self.staged_already().and_then(|staged| staged.world.service_restored.get())
    }

    /// The log backups as they are now.
    ///
    /// # Errors
    /// When the estate is not staged.
    pub fn log_backups(&self) -> Result<Vec<LogBackupSnapshot>, EstateError> {
        let staged = self.staged_already().ok_or_else(not_begun)?;
        Ok(staged.run(damage::snapshot(&staged.world)))
    }

    /// Pool state, active servers and replicas as the management store has them, read over an ordinary connection.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn pool_view(&self) -> Result<PoolView, EstateError> {
        let staged = self.staged_already().ok_or_else(not_begun)?;
        let server = staged.world.store_server();
        staged.run(verbs::pool_view(&staged.world)).map_err(|error| EstateError::Server {
            what: "reading the management store".to_owned(),
            server,
            reason: error.to_string(),
        })
    }
}

fn not_begun() -> EstateError {
    EstateError::Contradiction("nothing has happened yet: the estate is not staged".to_owned())
}

/// What the management store says.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PoolView {
    /// `Normal` or `FailedOver`.
    pub state: String,
    /// FQDNs of the active servers, in order.
    pub active_servers: Vec<String>,
    /// FQDNs of replicas that have not received the last change.
    pub replicas_behind: Vec<String>,
}
