//! The way in for programs that are not part of this process.
//!
//! On a running clock the failover program is a process of its own, and so is
//! the management shell it calls: any program, in any language. It finds the
//! estate at TCP addresses of this host and in ordinary folders; what it needs
//! to know stands in files of the [`Desk`] and in environment variables
//! ([`VARIABLES`]). Everything it sends still runs over the estate's links.

mod desk;
mod gateway;
mod heard;
mod process;
mod shares;

pub(crate) use desk::{Desk, VARIABLES};
pub(crate) use gateway::{From, Gateway};
pub(crate) use process::{Ended, Order, Program, interrupted, run};
pub(crate) use shares::watch as watch_shares;

use super::world::World;
use super::{EstateError, Server};
use crate::net::Machine;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use tokio::net::TcpListener;

/// What a process needs of a staged estate, and what lets it in.
pub(crate) struct Outside {
    pub(crate) desk: Desk,
    pub(crate) program: Program,
    gateways: Vec<Gateway>,
    tasks: Vec<tokio::task::AbortHandle>,
}

impl Outside {
    /// Opens the estate to processes of the operator's machine: an address for each server, and files in `folder`.
    ///
    /// # Errors
    /// When no port is free, or the files cannot be written.
    pub(crate) async fn open(
        world: &Rc<World>,
        program: Program,
        folder: &Path,
    ) -> Result<Self, EstateError> {
        let fails = |error: std::io::Error| EstateError::Outside { what: "opening a port", error };
        let mut gateways = Vec::new();
        let mut addresses = Vec::new();
        for server in Server::ALL {
            let (listener, address) = listen_on_loopback().await.map_err(fails)?;
            let to = world.server(server).machine.clone();
            let from = From::Always(world.operator());
            gateways.push(Gateway::open(listener, &world.network, from, &to, super::world::TDS_PORT));
            addresses.push((server, address));
        }
        let (gate, gate_address) = listen_on_loopback().await.map_err(fails)?;
        let shell = tokio::task::spawn_local(process::watch_the_shell(gate, Rc::downgrade(world)));
        let desk = Desk::lay_out(world, folder, &addresses, gate_address, &program)
            .map_err(|error| EstateError::Outside { what: "writing the operator's files", error })?;
        let files = tokio::task::spawn_local(watch_shares(Rc::downgrade(world)));
        Ok(Self { desk, program, gateways, tasks: vec![shell.abort_handle(), files.abort_handle()] })
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.gateways.clear();
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen_on_loopback() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The real folder behind a folder of a machine's drive, as this host reaches it.
pub(crate) fn real_folder(world: &World, machine: &Machine, folder: &str) -> Option<std::path::PathBuf> {
    world.disks.drives_of(machine).ok()?.real_path_of(folder)
}
