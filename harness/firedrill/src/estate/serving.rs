//! An estate that is served to the outside: staged in simulated time on drives
//! that are real, then used in real time.

use super::names::{DataCenter, Server};
use super::setup::Setup;
use super::site_text::{self, Reach};
use super::staging::{self, DrivesOf};
use super::timeline::Happening;
use super::world::{World, lost_with};
use super::{Arrangement, EstateError, EstateFile, Place, begin, verbs};
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
    drives_of: &DrivesOf,
) -> Result<Served, EstateError> {
    let mut setup = Setup::default();
    for arrangement in arrangements {
        setup.say(arrangement.clone())?;
    }
    let world = staging::build(file, setup, seed, drives_of)?;
    staging::stage(&world).await?;
    begin::make_true(&world).await?;
    Ok(Served { world })
}

impl Served {
    pub(crate) fn world(&self) -> Rc<World> {
        self.world.clone()
    }

    pub(crate) fn instance(&self, server: Server) -> sqlsim::Instance {
        self.world.server(server).instance.clone()
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
        let world = &self.world;
        let folders = &world.file.contents.folders;
        let here = |machine: &Machine, folder: &str| {
            let drives = world.disks.drives_of(machine).ok();
            let real = drives.and_then(|drives| drives.real_path_of(folder));
            real.map_or_else(|| folder.to_owned(), |path| path.display().to_string())
        };
        let shell =
            [program, "lync-shell", "--store", store, "-NoProfile", "-NonInteractive", "-Command", "-"];
        let reach = Reach {
            servers: addresses
                .iter()
                .map(|(server, at)| (*server, format!("{},{}", at.ip(), at.port())))
                .collect(),
            share: here(&world.share_machine(), &folders.logs),
            copy_destination: here(&world.server(Server::Backup).machine, &folders.copy_destination),
            encryption: match encryption {
                Encrypted::Nothing => "none",
                Encrypted::Everything => "required",
                Encrypted::Strictly => "strict",
            },
            shell: shell.map(str::to_owned).to_vec(),
        };
        site_text::write(world, &reach)
    }

    /// The settings of `lync-shell` for this estate.
    pub(crate) fn store_text(&self, addresses: &[(Server, SocketAddr)], encryption: Encrypted) -> String {
        let world = &self.world;
        let encryption = match encryption {
            Encrypted::Nothing => "off",
            Encrypted::Everything => "trust-server-certificate",
            Encrypted::Strictly => "strict",
        };
        let mut text = format!(
            "# Where lync-shell finds the management store, and the SQL Servers that the topology names.\n\
             [store]\nserver = \"{}\"\nuser = \"sa\"\npassword = {{ env = \"PCHAT_SQL_PASSWORD\" }}\n\
             encryption = \"{encryption}\"\n\n[addresses]\n",
            world.server(world.store_server()).fqdn,
        );
        for (server, address) in addresses {
            let _ = writeln!(text, "\"{}\" = \"{address}\"", world.server(*server).fqdn);
        }
        text
    }

    /// Cuts the power of a place; names the machines.
    pub(crate) fn lose(&self, place: &Place) -> Vec<String> {
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
        world.power_off(&machines);
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
            let power = if at.instance.is_running() { "runs" } else { "has no power" };
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
