//! Everything a staged estate consists of, shared between its verbs, its
//! watchers and its tasks. Watchers hold it weakly.

use super::clock::EstateClock;
use super::file::EstateFile;
use super::names::{DataCenter, Server};
use super::passing::StandIn;
use super::setup::Setup;
use super::sql::{self, SignIn};
use super::timeline::{Happening, Timeline};
use super::waiting::Waiting;
use super::{EstateError, SqlClient};
use crate::arm::{FolderNames, Host, Time};
use crate::chat::ChatService;
use crate::disk::Disks;
use crate::fault::{Damage, Edge, PlannedFault, Step};
use crate::ledger::Ledger;
use crate::net::{Machine, Network};
use sqlsim::network::Stream;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use tokio::sync::Notify;

/// Port of a SQL Server's TDS listener.
pub(crate) const TDS_PORT: u16 = 1433;

/// A SQL Server on its machine.
#[derive(Debug)]
pub(crate) struct SqlMachine {
    pub(crate) machine: Machine,
    pub(crate) fqdn: String,
    pub(crate) host: Rc<dyn Host>,
}

/// A log backup that was seen on the share.
#[derive(Clone, Debug)]
pub(crate) struct LogBackup {
    /// File name without its extension.
    pub(crate) stem: String,
    /// When its file was opened: what was acknowledged before is in it.
    pub(crate) began: jiff::Timestamp,
    pub(crate) completed: jiff::Timestamp,
    pub(crate) damage: Option<Damage>,
    /// Whether the backup database has it.
    pub(crate) restored: bool,
}

/// What is seen of a running failover program.
#[derive(Debug, Default)]
pub(crate) struct RunWatch {
    pub(crate) seen: BTreeSet<(Step, Edge)>,
    /// How many points have been reached.
    pub(crate) moments: usize,
}

/// A staged estate.
pub(crate) struct World {
    pub(crate) file: EstateFile,
    pub(crate) setup: RefCell<Setup>,
    pub(crate) clock: EstateClock,
    pub(crate) network: Network,
    pub(crate) disks: Disks,
    pub(crate) servers: BTreeMap<Server, SqlMachine>,
    pub(crate) chat: ChatService,
    pub(crate) timeline: RefCell<Timeline>,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) faults: RefCell<Vec<PlannedFault>>,
    pub(crate) log_backups: RefCell<Vec<LogBackup>>,
    /// When files were opened that are to become log backups, by stem.
    pub(crate) log_backups_begun: RefCell<BTreeMap<String, jiff::Timestamp>>,
    pub(crate) run: RefCell<Option<RunWatch>>,
    /// Rung when a fault kills the failover program.
    pub(crate) kill: Notify,
    pub(crate) disaster: Cell<Option<jiff::Timestamp>>,
    pub(crate) service_restored: Cell<Option<jiff::Timestamp>>,
    pub(crate) service_restored_bell: Notify,
    pub(crate) writable: RefCell<BTreeSet<Server>>,
    pub(crate) readers: RefCell<Vec<super::backup_sessions::Reader>>,
    /// The stage hand's connections (`sa`, master), kept for the next errand.
    pub(crate) hands: RefCell<BTreeMap<Server, SqlClient>>,
    /// Connections that a drill keeps open on purpose.
    pub(crate) held_clients: RefCell<Vec<SqlClient>>,
    pub(crate) replication_under_way: Cell<bool>,
    /// What was arranged and whose moment has come.
    pub(crate) struck: RefCell<BTreeSet<Waiting>>,
    /// How the servers name folders.
    pub(crate) folder_names: FolderNames,
    /// Whether mirroring endpoints need certificates.
    pub(crate) has_certificates: bool,
    /// How time passes.
    pub(crate) time: Cell<Time>,
    /// Runs the servers' jobs when they are due, where the servers' clocks do not skip with the estate's.
    pub(crate) stand_in: RefCell<StandIn>,
    /// What the arm itself failed to do: a drill in which that happened proves nothing.
    pub(crate) trouble: RefCell<Vec<String>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("servers", &self.servers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A machine's name with the estate's domain.
pub(crate) fn fqdn(file: &EstateFile, short: &str) -> String {
    format!("{short}.{}", file.contents.domain)
}

impl World {
    /// Now, by the estate's clock.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.clock.0.utc_now()
    }

    /// Notes what happened.
    pub(crate) fn note(&self, what: Happening) {
        let now = self.now();
        self.timeline.borrow_mut().add(now, what);
    }

    /// The moment of something arranged has come.
    pub(crate) fn strikes(&self, what: Waiting) {
        self.struck.borrow_mut().insert(what);
    }

    /// What was arranged and whose moment has come.
    pub(crate) fn struck(&self) -> BTreeSet<Waiting> {
        let mut struck = self.struck.borrow().clone();
        if self.disks.has_been_full(&self.server(Server::Backup).machine) {
            struck.insert(Waiting::FullDisk);
        }
        struck
    }

    /// The chat database's name on the servers.
    pub(crate) fn database(&self) -> String {
        self.file.contents.database.clone()
    }

    /// The machine that holds the backup share.
    pub(crate) fn share_machine(&self) -> Machine {
        let machines = &self.file.contents.machines;
        Machine::of(if self.setup.borrow().share_in_a { &machines.files_a } else { &machines.files_b })
    }

    /// The operator's machine.
    pub(crate) fn operator(&self) -> Machine {
        Machine::of(&self.file.contents.machines.operator)
    }

    /// A SQL Server.
    pub(crate) fn server(&self, server: Server) -> &SqlMachine {
        &self.servers[&server]
    }

    /// Which server a machine is, if it is one.
    pub(crate) fn server_on(&self, machine: &Machine) -> Option<Server> {
        self.servers.iter().find(|(_, at)| at.machine == *machine).map(|(server, _)| *server)
    }

    /// The server that holds the management store.
    pub(crate) fn store_server(&self) -> Server {
        if self.setup.borrow().management_store_in_a { Server::Mirror } else { Server::BackupMirror }
    }

    /// The machines of a data center.
    pub(crate) fn machines_of(&self, center: DataCenter) -> Vec<Machine> {
        let contents = &self.file.contents;
        let mut machines: Vec<Machine> = Server::ALL
            .into_iter()
            .filter(|server| server.data_center() == center)
            .map(|server| self.server(server).machine.clone())
            .collect();
        match center {
            DataCenter::A => {
                machines.push(Machine::of(&contents.machines.files_a));
                machines.push(Machine::of(&contents.machines.front_end));
            }
            DataCenter::B => machines.push(Machine::of(&contents.machines.files_b)),
        }
        machines.extend(self.chat.machines_of(center));
        machines
    }

    /// A stream to a server past every link: the judge's and the stage hand's way.
    pub(crate) async fn direct(&self, server: Server) -> io::Result<Box<dyn Stream>> {
        let at = self.server(server);
        if !at.host.is_running() {
            return Err(io::Error::new(io::ErrorKind::HostUnreachable, format!("{} has no power", at.fqdn)));
        }
        if self.network.hangs(&at.machine) {
            return Err(io::Error::new(io::ErrorKind::HostUnreachable, format!("{} hangs", at.fqdn)));
        }
        at.host.connect().await
    }

    /// Signs in to a server as `sa`, past every link.
    pub(crate) async fn sa(&self, server: Server, database: &str) -> Result<SqlClient, EstateError> {
        let stream = self.direct(server).await.map_err(|error| EstateError::Unreachable(server, error))?;
        let who = SignIn {
            login: "sa",
            password: &self.file.contents.logins.password,
            database,
            program: "firedrill",
        };
        sql::sign_in(stream, &who)
            .await
            .map_err(sql::failed(format!("signing in to {database} as sa"), server))
    }

    /// Runs a batch as `sa` in master, past every link, over a connection that is kept for the next time.
    pub(crate) async fn errand(
        &self,
        server: Server,
        batch: &str,
    ) -> Result<Vec<tiberius::Row>, EstateError> {
        let kept = self.hands.borrow_mut().remove(&server);
        let mut client = match kept {
            Some(client) => client,
            None => self.sa(server, "master").await?,
        };
        match sql::rows(&mut client, batch).await {
            Ok(rows) => {
                self.hands.borrow_mut().insert(server, client);
                Ok(rows)
            }
            Err(error) => Err(sql::failed(format!("`{batch}`"), server)(error)),
        }
    }

    /// The ordinal (from 1) of the log backup that a file name belongs to, whatever its extension.
    pub(crate) fn ordinal_of(&self, file: &str) -> Option<usize> {
        let name = file.rsplit('\\').next().unwrap_or(file);
        let all = self.log_backups.borrow();
        all.iter().position(|log| name.contains(log.stem.as_str())).map(|at| at + 1)
    }

    /// Asks every running server whether its chat database can be written, and notes what changed.
    pub(crate) async fn look_for_writable_copies(&self) {
        let query = format!(
            "SELECT COUNT(*) FROM sys.databases WHERE name = {} AND state = 0 AND is_read_only = 0 AND is_in_standby = 0",
            sql::text(&self.database())
        );
        for server in Server::ALL {
            let rows = self.errand(server, &query).await.unwrap_or_default();
            let is_writable =
                rows.first().and_then(|row| row.get::<i32, _>(0)).is_some_and(|count| count > 0);
            let was = self.writable.borrow().contains(&server);
            if was != is_writable {
                if is_writable {
                    if server == Server::Backup {
                        self.strikes(Waiting::Recovery);
                    }
                    self.writable.borrow_mut().insert(server);
                } else {
                    self.writable.borrow_mut().remove(&server);
                }
                self.note(Happening::Writable { server, writable: is_writable });
            }
        }
    }

    /// Cuts the power of machines; how many had any.
    pub(crate) async fn power_off(&self, machines: &[Machine]) -> usize {
        self.take_down(machines, Going::PowerLoss).await
    }

    /// Shuts machines down in good order; how many ran.
    pub(crate) async fn shut_down(&self, machines: &[Machine]) -> usize {
        self.take_down(machines, Going::InGoodOrder).await
    }

    async fn take_down(&self, machines: &[Machine], going: Going) -> usize {
        let mut changed = 0;
        for machine in machines {
            if !self.network.is_on(machine) {
                continue;
            }
            changed += 1;
            if let Some(server) = self.server_on(machine) {
                self.hands.borrow_mut().remove(&server);
                let host = &self.server(server).host;
                let (what, down) = match going {
                    Going::PowerLoss => {
                        // What is on the wire is lost with the power.
                        self.network.power_off(machine);
                        ("cutting the power of", host.power_off().await)
                    }
                    Going::InGoodOrder => ("shutting down", host.shut_down().await),
                };
                self.expect_of_the_arm(&format!("{what} the {server}"), down);
                if self.writable.borrow_mut().remove(&server) {
                    self.note(Happening::Writable { server, writable: false });
                }
            }
            self.network.power_off(machine);
            if let (Going::PowerLoss, Ok(drives)) = (going, self.disks.drives_of(machine)) {
                drives.power_loss();
            }
            self.show_or_hide_drives();
            self.chat.power_off(machine);
            self.note(Happening::MachineLost { machine: machine.to_string() });
        }
        changed
    }

    /// A server hangs: it keeps its connections and answers nothing. Whether it did not before.
    pub(crate) async fn hang(&self, server: Server) -> bool {
        let machine = self.server(server).machine.clone();
        if !self.network.is_on(&machine) || !self.network.hang(&machine) {
            return false;
        }
        self.hands.borrow_mut().remove(&server);
        let paused = self.server(server).host.pause().await;
        self.expect_of_the_arm(&format!("pausing the {server}"), paused);
        self.show_or_hide_drives();
        self.note(Happening::Hangs { server });
        true
    }

    /// A server that hangs goes on. Whether it did hang.
    pub(crate) async fn go_on(&self, server: Server) -> bool {
        if !self.network.go_on(&self.server(server).machine) {
            return false;
        }
        let unpaused = self.server(server).host.go_on().await;
        self.expect_of_the_arm(&format!("letting the {server} go on"), unpaused);
        self.show_or_hide_drives();
        self.note(Happening::GoesOn { server });
        self.chat.wake();
        self.look_for_writable_copies().await;
        true
    }

    /// Gives machines their power back; what runs on them starts. How many had none.
    pub(crate) async fn power_on(self: &Rc<Self>, machines: &[Machine]) -> usize {
        let mut changed = 0;
        for machine in machines {
            if self.network.is_on(machine) {
                continue;
            }
            changed += 1;
            self.network.power_on(machine);
            self.show_or_hide_drives();
            if let Some(server) = self.server_on(machine) {
                let on = self.server(server).host.power_on().await;
                self.expect_of_the_arm(&format!("giving the {server} its power back"), on);
            }
            self.note(Happening::MachineReturned { machine: machine.to_string() });
        }
        self.chat.wake();
        self.look_for_writable_copies().await;
        changed
    }

    /// Processes find the drives of exactly those machines that the operator's machine reaches. Who else may reach
    /// them is not told apart: real folders have no links.
    pub(crate) fn show_or_hide_drives(&self) {
        if self.time.get() == Time::Simulated {
            return;
        }
        let operator = self.operator();
        for machine in self.network.machines() {
            let is_reached = machine == operator || self.network.round_trip(&operator, &machine).is_ok();
            if let Ok(drives) = self.disks.drives_of(&machine) {
                let moved = drives.set_reached(is_reached).map(drop);
                self.expect_of_the_arm(&format!("moving the drives of {machine}"), moved);
            }
        }
    }

    /// Notes what the arm failed to do.
    fn expect_of_the_arm(&self, what: &str, result: io::Result<()>) {
        if let Err(error) = result {
            self.trouble.borrow_mut().push(format!("{what} failed: {error}"));
        }
    }

    /// Ends everything: machines off, tasks gone, nothing listens.
    pub(crate) fn tear_down(&self) {
        for reader in self.readers.borrow_mut().drain(..) {
            reader.task.abort();
        }
        self.held_clients.borrow_mut().clear();
        self.hands.borrow_mut().clear();
        self.chat.tear_down();
        for at in self.servers.values() {
            at.host.tear_down();
        }
        self.network.tear_down();
        self.disks.tear_down();
    }
}

/// How a machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    PowerLoss,
    InGoodOrder,
}

/// Machines of A that are lost with it: all but the survivors.
pub(crate) fn lost_with(world: &World, center: DataCenter) -> Vec<Machine> {
    let survivors: Vec<Machine> =
        world.setup.borrow().survivors.iter().map(|server| world.server(*server).machine.clone()).collect();
    world.machines_of(center).into_iter().filter(|machine| !survivors.contains(machine)).collect()
}
