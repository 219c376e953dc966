//! The operator's machine: the failover program's environment, made of
//! simulated parts.

use super::failover_run::Told;
use super::replication::{self, ShellConnector};
use super::watch::CmdletWatch;
use super::world::{TDS_PORT, World};
use async_trait::async_trait;
use failover::environment::{
    Connector, Console, Environment, JournalStore, Secret, Secrets, Shell, ShellOutput,
};
use failover::site::SecretSource;
use failover::{Message, ServerAddress};
use lyncshell::{ShellEnvironment, SqlLogin};
use std::cell::RefCell;
use std::io;
use std::rc::{Rc, Weak};

/// What stays on the operator's machine between two runs.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) journal: Rc<RefCell<Vec<String>>>,
}

struct OperatorConnector(Weak<World>);

#[async_trait(?Send)]
impl Connector for OperatorConnector {
    async fn connect(&self, address: &ServerAddress) -> io::Result<Box<dyn failover::ByteStream>> {
        let Some(world) = self.0.upgrade() else {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the estate is gone"));
        };
        let port = address.port.unwrap_or(TDS_PORT);
        Ok(Box::new(world.network.connect(&world.operator(), &address.host, port).await?))
    }
}

struct SimulatedShell {
    world: Weak<World>,
    environment: ShellEnvironment,
    arguments: Vec<String>,
}

#[async_trait(?Send)]
impl Shell for SimulatedShell {
    async fn run(&self, script: &str) -> io::Result<ShellOutput> {
        let missing = self.world.upgrade().is_none_or(|world| world.setup.borrow().shell_missing);
        if missing {
            return Err(io::Error::new(io::ErrorKind::NotFound, "lync-shell: the program cannot be found"));
        }
        let output = lyncshell::invoke(&self.environment, &self.arguments, script).await;
        Ok(ShellOutput { exit_code: output.exit_code, stdout: output.stdout, stderr: output.stderr })
    }
}

struct MemoryJournal(Rc<RefCell<Vec<String>>>);

#[async_trait(?Send)]
impl JournalStore for MemoryJournal {
    async fn read_lines(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().clone())
    }

    async fn append_line(&self, line: &str) -> io::Result<()> {
        self.0.borrow_mut().push(line.to_owned());
        Ok(())
    }
}

struct Notepad {
    world: Weak<World>,
    told: Rc<RefCell<Vec<Told>>>,
}

impl Console for Notepad {
    fn tell(&self, message: &Message) {
        let Some(world) = self.world.upgrade() else { return };
        let severity = format!("{:?}", message.severity).to_ascii_lowercase();
        self.told.borrow_mut().push(Told {
            at: world.now(),
            code: message.code.clone(),
            severity,
            text: message.text.clone(),
        });
    }
}

struct OnePassword(String);

impl Secrets for OnePassword {
    fn read(&self, source: &SecretSource) -> io::Result<Secret> {
        match source {
            SecretSource::EnvironmentVariable(name) if name == "PCHAT_SQL_PASSWORD" => {
                Ok(Secret::new(&self.0))
            }
            other => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{other:?} is not on the operator's machine"),
            )),
        }
    }
}

/// The management shell on the operator's machine.
pub(super) fn shell(world: &Rc<World>) -> ShellEnvironment {
    let connector = ShellConnector { world: Rc::downgrade(world), from: world.operator() };
    let mut environment = ShellEnvironment::new(
        Rc::new(connector),
        replication::location(world),
        SqlLogin::new("sa", world.file.contents.logins.password.as_str()),
        Rc::new(world.clock.clone()),
        world.operator().name(),
    );
    environment.costs = world.file.costs.shell();
    environment.observer = Some(Rc::new(CmdletWatch { world: Rc::downgrade(world) }));
    environment.missing_cmdlets = world.setup.borrow().cmdlets_missing.clone();
    environment
}

/// PowerShell's switches as the failover program gives them.
pub(super) fn shell_arguments() -> Vec<String> {
    ["-NoProfile", "-NonInteractive", "-Command", "-"].map(str::to_owned).to_vec()
}

/// What the failover program touches, and what it says.
pub(super) fn environment(world: &Rc<World>, desk: &Desk) -> (Environment, Rc<RefCell<Vec<Told>>>) {
    let told: Rc<RefCell<Vec<Told>>> = Rc::default();
    let weak = Rc::downgrade(world);
    let environment = Environment {
        connector: Rc::new(OperatorConnector(weak.clone())),
        shell: Rc::new(SimulatedShell {
            world: weak.clone(),
            environment: shell(world),
            arguments: shell_arguments(),
        }),
        shares: Rc::new(world.disks.seen_from(&world.operator())),
        journal: Rc::new(MemoryJournal(desk.journal.clone())),
        clock: Rc::new(world.clock.clone()),
        console: Rc::new(Notepad { world: weak, told: told.clone() }),
        secrets: Rc::new(OnePassword(world.file.contents.logins.password.clone())),
    };
    (environment, told)
}
