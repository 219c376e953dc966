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
mod failover_run;
mod names;
mod timeline;

pub use arrangement::Arrangement;
pub use failover_run::{FailoverOptions, FailoverRun, LogBackupSnapshot, PlanTransformation, Told};
pub use names::{DataCenter, Server};
pub use timeline::{Event, Happening, Timeline};

use crate::fault::PlannedFault;
use crate::ledger::Ledger;
use std::cell::Ref;
use std::future::Future;
use std::time::Duration;

/// A client connected to a server of the estate, as any TDS client would be.
pub type SqlClient = tiberius::Client<tokio_util::compat::Compat<Box<dyn sqlsim::network::Stream>>>;

/// What went wrong with the drill itself (not with the failover).
#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    /// An arrangement came after the estate had begun.
    #[error("\"{0}\" has to be said before anything happens; the estate is staged already")]
    TooLate(String),
    /// Two arrangements contradict each other.
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
    /// Not built yet.
    #[error("not built yet: {0}")]
    NotYet(&'static str),
}

/// What an estate file says. Read it once, stage as many estates from it as you like.
#[derive(Clone, Debug)]
pub struct EstateFile {
    /// Its name, for messages: a path or `litware`.
    pub name: String,
}

impl EstateFile {
    /// The estate that comes with the program.
    ///
    /// # Errors
    /// When no estate of this name is built in.
    pub fn named(name: &str) -> Result<Self, EstateError> {
        Ok(Self { name: name.to_owned() })
    }

    /// Parses an estate file's text. Errors name the line.
    ///
    /// # Errors
    /// When it is not TOML, lacks a key, has an unknown one, or contradicts itself.
    pub fn parse(_text: &str, file_name: &str) -> Result<Self, EstateError> {
        Ok(Self { name: file_name.to_owned() })
    }
}

/// A lost thing and a way to it, for verbs that take either.
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

/// An estate, from its first arrangement to its end.
#[derive(Debug)]
pub struct Estate {
    seed: u64,
    timeline: std::cell::RefCell<Timeline>,
    ledger: std::cell::RefCell<Ledger>,
}

/// Setting up.
impl Estate {
    /// An estate that is not staged yet.
    #[must_use]
    pub fn new(_file: &EstateFile, seed: u64) -> Self {
        Self { seed, timeline: Default::default(), ledger: Default::default() }
    }

    /// Says something about the estate. Before it begins everything can be said; afterwards only what can still be
    /// made true (traffic, faults at points, readers, lags, a share that is lost, …), which then happens at once.
    ///
    /// # Errors
    /// [`EstateError::TooLate`], [`EstateError::Contradiction`].
    pub fn arrange(&mut self, _arrangement: Arrangement) -> Result<(), EstateError> {
        Err(EstateError::NotYet("arrange"))
    }

    /// Stages the estate and makes every arrangement true. Every verb below does this first; calling it again does
    /// nothing.
    ///
    /// # Errors
    /// When staging fails or arrangements contradict each other.
    pub fn begin(&mut self) -> Result<(), EstateError> {
        Err(EstateError::NotYet("begin"))
    }
}

/// What happens. Each verb stages the estate first if need be.
impl Estate {
    /// Lets simulated time pass.
    ///
    /// # Errors
    /// As [`Estate::begin`]; so for all verbs.
    pub fn run_for(&mut self, _duration: Duration) -> Result<(), EstateError> {
        Err(EstateError::NotYet("run_for"))
    }

    /// The chat service posts `messages`, evenly over `over`. Returns how many were acknowledged.
    pub fn post_messages(&mut self, _messages: u32, _over: Duration) -> Result<u32, EstateError> {
        Err(EstateError::NotYet("post_messages"))
    }

    /// Runs the backup, copy and restore jobs now, each to its end (those whose machines run).
    pub fn ship_logs(&mut self) -> Result<(), EstateError> {
        Err(EstateError::NotYet("ship_logs"))
    }

    /// A data center, a server's machine or the share's machine loses power and all its links.
    pub fn lose(&mut self, _place: Place) -> Result<(), EstateError> {
        Err(EstateError::NotYet("lose"))
    }

    /// It comes back: machines start, databases recover, jobs run again.
    pub fn bring_back(&mut self, _place: Place) -> Result<(), EstateError> {
        Err(EstateError::NotYet("bring_back"))
    }

    /// Severs the links from one place to another (both ways), as a cut cable does: nothing arrives, nothing is reset.
    pub fn sever(&mut self, _from: Place, _to: Place) -> Result<(), EstateError> {
        Err(EstateError::NotYet("sever"))
    }

    /// Repairs the links from one place to another, both ways.
    pub fn repair(&mut self, _from: Place, _to: Place) -> Result<(), EstateError> {
        Err(EstateError::NotYet("repair"))
    }

    /// Every byte between two places takes this much longer, both ways.
    pub fn delay(&mut self, _from: Place, _to: Place, _by: Duration) -> Result<(), EstateError> {
        Err(EstateError::NotYet("delay"))
    }

    /// The operator runs the failover program on the operator's machine; afterwards the estate goes on until service
    /// is restored, for at most 15 simulated minutes, if the program claims success.
    ///
    /// What the program did wrong is not an error here: see the [`FailoverRun`].
    pub fn fail_over(&mut self, _options: FailoverOptions) -> Result<FailoverRun, EstateError> {
        Err(EstateError::NotYet("fail_over"))
    }

    /// Runs `preflight` of the failover program: it changes nothing.
    pub fn preflight(&mut self) -> Result<FailoverRun, EstateError> {
        Err(EstateError::NotYet("preflight"))
    }

    /// The operator runs a batch by hand (`sa`), as in a query window on `database`. The server's error is in the
    /// answer, not in `Err`.
    pub fn by_hand_sql(
        &mut self,
        _server: Server,
        _database: &str,
        _batch: &str,
    ) -> Result<Result<(), String>, EstateError> {
        Err(EstateError::NotYet("by_hand_sql"))
    }

    /// The operator runs a script in the management shell.
    pub fn by_hand_shell(&mut self, _script: &str) -> Result<lyncshell::ShellOutput, EstateError> {
        Err(EstateError::NotYet("by_hand_shell"))
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
    pub fn block_on<F: Future>(&self, _future: F) -> Result<F::Output, EstateError> {
        Err(EstateError::NotYet("block_on"))
    }

    /// Connects to a server as `sa` from the judge's own machine, which no fault touches.
    pub fn connect(&self, _server: Server, _database: &str) -> Result<SqlClient, EstateError> {
        Err(EstateError::NotYet("connect"))
    }

    /// Runs one query over a connection of its own and collects the rows of its first result set.
    pub fn query(
        &self,
        _server: Server,
        _database: &str,
        _query: &str,
    ) -> Result<Vec<tiberius::Row>, EstateError> {
        Err(EstateError::NotYet("query"))
    }

    /// Name of the chat database on the servers (`mgc` unless arranged otherwise).
    #[must_use]
    pub fn database(&self) -> &str {
        "mgc"
    }

    /// The site file given to the failover program.
    #[must_use]
    pub fn site_text(&self) -> &str {
        ""
    }

    /// The pool's FQDN.
    #[must_use]
    pub fn pool(&self) -> &str {
        ""
    }

    /// FQDNs of the chat servers of a data center, in order.
    #[must_use]
    pub fn chat_servers(&self, _data_center: DataCenter) -> Vec<String> {
        Vec::new()
    }

    /// Now, by the estate's clock.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    /// What happened so far.
    #[must_use]
    pub fn timeline(&self) -> Ref<'_, Timeline> {
        self.timeline.borrow()
    }

    /// Acknowledged writes so far.
    #[must_use]
    pub fn ledger(&self) -> Ref<'_, Ledger> {
        self.ledger.borrow()
    }

    /// Runs of the failover program so far, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[FailoverRun] {
        &[]
    }

    /// The faults that were arranged, and whether they fired.
    #[must_use]
    pub fn faults(&self) -> Vec<PlannedFault> {
        Vec::new()
    }

    /// When the disaster struck: the first loss.
    #[must_use]
    pub fn disaster(&self) -> Option<jiff::Timestamp> {
        None
    }

    /// When the first message after the disaster was acknowledged: the end of the RTO clock.
    #[must_use]
    pub fn service_restored(&self) -> Option<jiff::Timestamp> {
        None
    }

    /// The log backups as they are now.
    pub fn log_backups(&self) -> Result<Vec<LogBackupSnapshot>, EstateError> {
        Err(EstateError::NotYet("log_backups"))
    }

    /// Pool state, active servers and replicas as the management store has them, read over an ordinary connection.
    pub fn pool_view(&self) -> Result<PoolView, EstateError> {
        Err(EstateError::NotYet("pool_view"))
    }
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
