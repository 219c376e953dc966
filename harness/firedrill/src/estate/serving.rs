//! An estate that is served to the outside: staged in simulated time on drives
//! that are real, then used in real time.

use super::names::{DataCenter, Server};
use super::setup::Setup;
use super::site_text::{self, Reach};
use super::staging;
use super::timeline::Happening;
use super::world::{World, lost_with};
use super::{Arrangement, EstateError, EstateFile, Place, begin, paths, verbs};
use crate::arm::Folder;
use crate::arm::simulated::{DrivesOf, Simulated};
use crate::net::Machine;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;

/// A served estate.
pub(crate) struct Served {
    world: Rc<World>,
}

/// What programs that are handed the estate's files encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encrypted {
    Nothing,
    Everything,
    Strictly,
}

/// Stages an estate and makes its arrangements true.
pub(crate) async fn stage(
    file: &EstateFile,
    seed: u64,
    arrangements: &[Arrangement],
    drives_of: DrivesOf,
) -> Result<Served, EstateError> {
    let mut setup = Setup::default();
    for arrangement in arrangements {
        setup.say(arrangement.clone())?;
    }
    let ground = Simulated { drives_of };
    let world = staging::build(file, setup, seed, &ground)?;
    staging::stage(&world).await?;
    begin::make_true(&world).await?;
    Ok(Served { world })
}

impl Served {
    pub(crate) fn world(&self) -> Rc<World> {
        self.world.clone()
    }

    /// Its server; none that runs elsewhere is ever served.
    pub(crate) fn instance(&self, server: Server) -> Option<sqlsim::Instance> {
        self.world.server(server).host.instance()
    }

    pub(crate) fn name(&self) -> &str {
        &self.world.file.name
    }

    pub(crate) fn password(&self) -> &str {
        &self.world.file.contents.logins.password
    }

    /// The site file for a program on this host.
    pub(crate) fn site_text(
        &self,
        addresses: &[(Server, SocketAddr)],
        encryption: Encrypted,
        program: &str,
        store: &str,
    ) -> String {
        let shell =
            Shell(vec![program.to_owned(), "lync-shell".to_owned(), "--store".to_owned(), store.to_owned()]);
        site_text_here(&self.world, addresses, encryption, &shell, &[])
    }

    /// The settings of `lync-shell` for this estate.
    pub(crate) fn store_text(&self, addresses: &[(Server, SocketAddr)], encryption: Encrypted) -> String {
        store_text(&self.world, addresses, encryption, None)
    }

    /// Cuts the power of a place; names the machines.
    pub(crate) async fn lose(&self, place: &Place) -> Vec<String> {
        let world = &self.world;
        let machines = match place {
            Place::DataCenter(center) => {
                world.note(Happening::DataCenterLost { data_center: *center });
                lost_with(world, *center)
            }
            other => verbs::machines_of(world, other),
        };
        if *place == Place::DataCenter(DataCenter::A) && world.disaster.get().is_none() {
            world.disaster.set(Some(world.now()));
        }
        world.power_off(&machines).await;
        machines.iter().map(Machine::to_string).collect()
    }

    /// Gives a place its power back.
    pub(crate) async fn bring_back(&self, place: &Place) -> Vec<String> {
        let machines = verbs::machines_of(&self.world, place);
        self.world.power_on(&machines).await;
        machines.iter().map(Machine::to_string).collect()
    }

    /// What runs, and what happened last.
    pub(crate) fn status(&self) -> String {
        let world = &self.world;
        let mut text = format!("{} (the estate's clock)\n", world.now());
        for server in Server::ALL {
            let at = world.server(server);
            let power = if at.host.is_running() { "runs" } else { "has no power" };
            let _ = writeln!(text, "  {:14} {} {power}", server.to_string(), at.fqdn);
        }
        let _ = writeln!(text, "  {} messages acknowledged", world.ledger.borrow().messages().len());
        for event in world.timeline.borrow().events().iter().rev().take(5).rev() {
            let _ = writeln!(text, "  {} {}", event.at, event.what);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Ends everything.
    pub(crate) fn end(&self) {
        self.world.tear_down();
    }
}

/// The words that start a management shell, PowerShell's switches not among them.
pub(crate) struct Shell(Vec<String>);

impl Shell {
    /// A program that is one.
    pub(crate) fn at(path: &str) -> Self {
        Self(vec![path.to_owned()])
    }

    fn command(&self) -> Vec<String> {
        let switches = ["-NoProfile", "-NonInteractive", "-Command", "-"].map(str::to_owned);
        self.0.iter().cloned().chain(switches).collect()
    }
}

/// The site file for a program on this host.
pub(crate) fn site_text_here(
    world: &World,
    addresses: &[(Server, SocketAddr)],
    encryption: Encrypted,
    shell: &Shell,
    deadlines: &'static [(&'static str, &'static str)],
) -> String {
    let here = |folder: Folder| {
        let drives = world.disks.drives_of(&folder.machine).ok();
        let real = drives.and_then(|drives| drives.real_path_of(&folder.path));
        real.map_or(folder.path, |path| path.display().to_string())
    };
    let reach = Reach {
        servers: addresses
            .iter()
            .map(|(server, at)| (*server, format!("{},{}", at.ip(), at.port())))
            .collect(),
        share: here(paths::logs(world)),
        copy_destination: here(paths::copy_destination(world)),
        encryption: match encryption {
            Encrypted::Nothing => "none",
            Encrypted::Everything => "required",
            Encrypted::Strictly => "strict",
        },
        shell: shell.command(),
        deadlines,
    };
    site_text::write(world, &reach)
}

/// The settings of `lync-shell` for an estate; `gate` is who is asked before and after each cmdlet.
pub(crate) fn store_text(
    world: &World,
    addresses: &[(Server, SocketAddr)],
    encryption: Encrypted,
    gate: Option<SocketAddr>,
) -> String {
    let encryption = match encryption {
        Encrypted::Nothing => "off",
        Encrypted::Everything => "trust-server-certificate",
        Encrypted::Strictly => "strict",
    };
    let missing: Vec<String> =
        world.setup.borrow().cmdlets_missing.iter().map(|name| format!("\"{name}\"")).collect();
    let mut text =
        "# Where lync-shell finds the management store, and the SQL Servers that the topology names.\n"
            .to_owned();
    if !missing.is_empty() {
        let _ = writeln!(text, "missing_cmdlets = [{}]\n", missing.join(", "));
    }
    let _ = write!(
        text,
        "[store]\nserver = \"{}\"\nuser = \"sa\"\npassword = {{ env = \"PCHAT_SQL_PASSWORD\" }}\n\
         encryption = \"{encryption}\"\n\n",
        world.server(world.store_server()).fqdn,
    );
    if let Some(gate) = gate {
        let _ = write!(text, "[gate]\naddress = \"{gate}\"\n\n");
    }
    text.push_str("[addresses]\n");
    for (server, address) in addresses {
        let _ = writeln!(text, "\"{}\" = \"{address}\"", world.server(*server).fqdn);
    }
    text
}
