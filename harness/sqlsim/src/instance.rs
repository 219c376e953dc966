//! An instance: one SQL Server on one machine, with its databases, sessions and jobs.

use crate::clock::Clock;
use crate::config::InstanceConfig;
use crate::engine::Engine;
use crate::files::Files;
use crate::network::{Network, Stream};
use crate::observer::{Observer, StatementEvent};
use crate::session::{Endpoint, Sessions};
use crate::store::{DataDirectory, DataDirectoryError, WriteAheadLog};
use rand::{Rng, SeedableRng};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use tokio::sync::Notify;

/// What the simulated product says it is: major, minor, build, revision of SQL Server 2014 SP3.
pub const PRODUCT_VERSION: (u8, u8, u16, u16) = (12, 0, 6024, 0);

/// Lines that the error log keeps.
const ERROR_LOG_LINES_MAX: usize = 10_000;

/// Takes lines of the error log.
pub(crate) struct LogReader(Box<dyn Fn(&str)>);

impl std::fmt::Debug for LogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogReader").finish_non_exhaustive()
    }
}

/// A running SQL Server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Instance(pub(crate) Rc<Inner>);

/// What an instance is made of. Modules of this crate reach into it; no borrow lives across an await.
#[derive(Debug)]
pub(crate) struct Inner {
    /// Names, limits, costs.
    pub(crate) config: InstanceConfig,
    /// Its clock.
    pub(crate) clock: Clock,
    /// Files it can reach.
    pub(crate) files: Rc<dyn Files>,
    /// Its way out.
    pub(crate) network: Rc<dyn Network>,
    /// Who watches.
    pub(crate) observer: RefCell<Rc<dyn Observer>>,
    /// Databases, locks, transactions.
    pub(crate) engine: RefCell<Engine>,
    /// Sessions.
    pub(crate) sessions: RefCell<Sessions>,
    /// The one stream of chance: GUIDs and everything else.
    pub(crate) rng: RefCell<rand_chacha::ChaCha8Rng>,
    /// Tasks to end when the machine dies.
    pub(crate) tasks: RefCell<Vec<tokio::task::AbortHandle>>,
    /// Whether the machine runs.
    pub(crate) running: Cell<bool>,
    /// How often the machine was switched on; tells what outlived a power loss.
    pub(crate) power_cycle: Cell<u64>,
    /// Wakes everything that ends with the machine.
    pub(crate) power_lost: Notify,
    /// Lines of the error log, newest last.
    pub(crate) error_log: RefCell<Vec<String>>,
    /// Who reads the error log as it is written.
    pub(crate) log_reader: RefCell<Option<LogReader>>,
    /// The mirroring endpoint may have changed.
    pub(crate) endpoint_changed: Notify,
    /// What keeps it on disk; `None` for a server that lives in memory alone.
    pub(crate) wal: Option<WriteAheadLog>,
    /// SQL Server Agent: running jobs and the bell that wakes it.
    pub(crate) agent: crate::msdb::agent::Agent,
}

impl Instance {
    /// A server with its system databases, switched on.
    ///
    /// Must be called inside a `tokio::task::LocalSet`: jobs and mirroring run as its tasks.
    #[must_use]
    pub fn start(
        config: InstanceConfig,
        clock: Clock,
        files: Rc<dyn Files>,
        network: Rc<dyn Network>,
        observer: Rc<dyn Observer>,
    ) -> Self {
        let mut engine = Engine::new(&config, &clock);
        crate::msdb::install(&mut engine);
        let instance = Self::assemble(config, clock, files, network, observer, engine, None);
        crate::session::background::start(&instance);
        crate::msdb::agent::start(&instance);
        instance
    }

    /// A server that keeps what it acknowledges in a data directory, switched on.
    ///
    /// A directory that holds a server is read: what had been acknowledged is there, what transactions
    /// had left open is undone. `config.seed` does not decide its GUIDs: no two starts may draw the same.
    ///
    /// Must be called inside a `tokio::task::LocalSet`, in real time.
    ///
    /// # Errors
    /// When the directory is damaged or cannot be written.
    pub fn open(
        config: InstanceConfig,
        clock: Clock,
        files: Rc<dyn Files>,
        network: Rc<dyn Network>,
        observer: Rc<dyn Observer>,
        directory: DataDirectory,
    ) -> Result<Self, DataDirectoryError> {
        let open = |engine: &mut Engine| WriteAheadLog::open(directory, engine);
        Self::open_with(config, clock, files, network, observer, open)
    }

    /// As [`Instance::open`], with another way to open the log.
    pub(crate) fn open_with(
        mut config: InstanceConfig,
        clock: Clock,
        files: Rc<dyn Files>,
        network: Rc<dyn Network>,
        observer: Rc<dyn Observer>,
        open: impl FnOnce(&mut Engine) -> Result<WriteAheadLog, DataDirectoryError>,
    ) -> Result<Self, DataDirectoryError> {
        config.seed ^= crate::store::draw_seed();
        let mut engine = Engine::new(&config, &clock);
        crate::msdb::install(&mut engine);
        let wal = open(&mut engine)?;
        let instance = Self::assemble(config, clock, files, network, observer, engine, Some(wal));
        let lines = instance.0.engine.borrow_mut().recover();
        for line in lines {
            instance.log_line("Server", &line);
        }
        instance.start_log_keeper();
        crate::session::background::start(&instance);
        crate::mirroring::resume_all(&instance);
        crate::msdb::agent::start(&instance);
        Ok(instance)
    }

    fn assemble(
        config: InstanceConfig,
        clock: Clock,
        files: Rc<dyn Files>,
        network: Rc<dyn Network>,
        observer: Rc<dyn Observer>,
        engine: Engine,
        wal: Option<WriteAheadLog>,
    ) -> Self {
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(config.seed);
        let instance = Self(Rc::new(Inner {
            config,
            clock,
            files,
            network,
            observer: RefCell::new(observer),
            engine: RefCell::new(engine),
            sessions: RefCell::default(),
            rng: RefCell::new(rng),
            tasks: RefCell::default(),
            running: Cell::new(true),
            power_cycle: Cell::new(1),
            power_lost: Notify::new(),
            error_log: RefCell::default(),
            log_reader: RefCell::default(),
            endpoint_changed: Notify::new(),
            wal,
            agent: crate::msdb::agent::Agent::default(),
        }));
        let (major, minor, build, revision) = PRODUCT_VERSION;
        instance
            .log_line("Server", &format!("Microsoft SQL Server 2014 - {major}.{minor}.{build}.{revision}"));
        instance
    }

    /// Names, limits, costs.
    #[must_use]
    pub fn config(&self) -> &InstanceConfig {
        &self.0.config
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Serves one client connection until it ends: with the client, by KILL, or with the machine.
    ///
    /// A machine that is switched off closes the connection at once.
    pub async fn serve(&self, stream: impl Stream + 'static) {
        let endpoint = Rc::default();
        self.serve_at(&endpoint, crate::session::LOCAL_MACHINE, stream).await;
    }

    /// As [`Instance::serve`], for a connection that arrived at `endpoint` from the client at `address`.
    pub async fn serve_at(&self, endpoint: &Rc<Endpoint>, address: &str, stream: impl Stream + 'static) {
        let stream: Box<dyn Stream> = Box::new(stream);
        self.while_powered(crate::session::serve::connection(self, endpoint, address, stream)).await;
    }

    /// Serves one connection that arrived at the mirroring endpoint, until it ends.
    pub async fn serve_mirroring(&self, stream: impl Stream + 'static) {
        let stream: Box<dyn Stream> = Box::new(stream);
        self.while_powered(crate::mirroring::accept(self, stream)).await;
    }

    /// The port at which its mirroring endpoint listens, if it has one that is started.
    #[must_use]
    pub fn mirroring_port(&self) -> Option<u16> {
        let engine = self.0.engine.borrow();
        let endpoint = engine.endpoint.as_ref()?;
        (endpoint.state == crate::engine::EndpointState::Started).then_some(endpoint.port)
    }

    /// Ends when the mirroring endpoint has been created, changed or dropped since this was last asked.
    /// For one who listens at the endpoint's port.
    pub async fn endpoint_changed(&self) {
        self.0.endpoint_changed.notified().await;
    }

    /// Runs `work` unless the machine loses power before it is done.
    async fn while_powered(&self, work: impl Future<Output = ()>) {
        if !self.is_running() {
            return;
        }
        let mut lost = pin!(self.0.power_lost.notified());
        lost.as_mut().enable();
        tokio::select! {
            biased;
            () = lost => {}
            () = work => {}
        }
    }

    /// Runs `work` as a task that dies with the machine.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) -> tokio::task::AbortHandle {
        let handle = tokio::task::spawn_local(work).abort_handle();
        let mut tasks = self.0.tasks.borrow_mut();
        tasks.retain(|task| !task.is_finished());
        tasks.push(handle.clone());
        handle
    }

    /// Whether the machine runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.running.get()
    }

    /// How often the machine was switched on.
    #[must_use]
    pub(crate) fn power_cycle(&self) -> u64 {
        self.0.power_cycle.get()
    }

    /// The machine dies: every connection breaks, every task ends, what was not flushed is lost.
    ///
    /// A server with a data directory stays off: open its directory again.
    pub fn power_off(&self) {
        if !self.0.running.replace(false) {
            return;
        }
        for task in self.0.tasks.borrow_mut().drain(..) {
            task.abort();
        }
        if let Some(wal) = &self.0.wal {
            wal.close();
        }
        self.0.agent.power_lost();
        self.0.power_lost.notify_waiters();
        *self.0.sessions.borrow_mut() = Sessions::default();
        self.0.engine.borrow_mut().power_loss();
    }

    /// The machine comes back: crash recovery of every database, then logins are taken again.
    pub fn power_on(&self) {
        if self.0.running.get() || self.0.wal.is_some() {
            return;
        }
        let lines = self.0.engine.borrow_mut().recover();
        for line in lines {
            self.log_line("Server", &line);
        }
        self.0.power_cycle.set(self.0.power_cycle.get() + 1);
        self.0.running.set(true);
        crate::session::background::start(self);
        crate::mirroring::resume_all(self);
        crate::msdb::agent::start(self);
    }

    /// Sets who watches statements from now on.
    pub fn set_observer(&self, observer: Rc<dyn Observer>) {
        *self.0.observer.borrow_mut() = observer;
    }

    /// Whether statements are to be shown to [`Instance::observe`].
    #[must_use]
    pub(crate) fn is_watched(&self) -> bool {
        self.0.observer.borrow().is_watching()
    }

    /// Shows a statement to the observer. When the observer has switched this machine off, it does
    /// not return: the statement's session is gone.
    pub(crate) async fn observe(&self, event: StatementEvent<'_>) {
        let observer = Rc::clone(&self.0.observer.borrow());
        let power_cycle = self.power_cycle();
        observer.statement(event).await;
        if !self.is_running() || self.power_cycle() != power_cycle {
            std::future::pending::<()>().await;
        }
    }

    /// A GUID from the seeded stream.
    #[must_use]
    pub fn new_guid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.0.rng.borrow_mut().fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Adds a line to the error log, as SQL Server writes it: local time, source, text.
    pub(crate) fn log_line(&self, source: &str, text: &str) {
        let local = self.0.clock.utc_now()
            + jiff::SignedDuration::from_mins(i64::from(self.0.clock.utc_offset_minutes()));
        let time = local.strftime("%Y-%m-%d %H:%M:%S");
        let hundredths = local.subsec_nanosecond() / 10_000_000;
        let mut log = self.0.error_log.borrow_mut();
        if log.len() == ERROR_LOG_LINES_MAX {
            log.remove(0);
        }
        let line = format!("{time}.{hundredths:02} {source:<11} {text}");
        if let Some(reader) = &*self.0.log_reader.borrow() {
            (reader.0)(&line);
        }
        log.push(line);
    }

    /// Shows every line of the error log, those that are there already too, to `reader`.
    pub fn follow_error_log(&self, reader: impl Fn(&str) + 'static) {
        for line in &*self.0.error_log.borrow() {
            reader(line);
        }
        *self.0.log_reader.borrow_mut() = Some(LogReader(Box::new(reader)));
    }

    /// Lines of the error log, newest last.
    #[must_use]
    pub fn error_log(&self) -> Vec<String> {
        self.0.error_log.borrow().clone()
    }
}
