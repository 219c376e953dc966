//! Replication of the management store: every change reaches the chat servers
//! later, over links, and only while the store's machine runs.

use super::names::Server;
use super::timeline::Happening;
use super::waiting::Waiting;
use super::world::{TDS_PORT, World};
use crate::net::Machine;
use async_trait::async_trait;
use lyncshell::store::{self, ManagementStore, SqlManagementStore, StoreError};
use lyncshell::{SqlLogin, StoreLocation};
use std::io;
use std::rc::{Rc, Weak};

/// The shell's way to SQL Servers from a machine of the estate.
pub(super) struct ShellConnector {
    pub(super) world: Weak<World>,
    pub(super) from: Machine,
}

#[async_trait(?Send)]
impl lyncshell::Connector for ShellConnector {
    async fn connect(
        &self,
        fqdn: &str,
        _instance: Option<&str>,
        port: Option<u16>,
    ) -> io::Result<Box<dyn lyncshell::ByteStream>> {
        let Some(world) = self.world.upgrade() else {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the estate is gone"));
        };
        Ok(Box::new(world.network.connect(&self.from, fqdn, port.unwrap_or(TDS_PORT)).await?))
    }
}

/// The store's own way to itself, and the judge's.
struct DirectConnector {
    world: Weak<World>,
    server: Server,
}

#[async_trait(?Send)]
impl lyncshell::Connector for DirectConnector {
    async fn connect(
        &self,
        _: &str,
        _: Option<&str>,
        _: Option<u16>,
    ) -> io::Result<Box<dyn lyncshell::ByteStream>> {
        let Some(world) = self.world.upgrade() else {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the estate is gone"));
        };
        Ok(Box::new(world.direct(self.server).await?))
    }
}

/// Where the management store is, for the shell.
pub(super) fn location(world: &World) -> StoreLocation {
    let server = world.server(world.store_server());
    let mut location = StoreLocation::new(
        server.fqdn.clone(),
        SqlLogin::new("sa", world.file.contents.logins.password.as_str()),
    );
    location.port = Some(TDS_PORT);
    location
}

/// Creates the store's database and tables.
pub(super) async fn create(world: &Rc<World>) -> Result<SqlManagementStore, StoreError> {
    store::create(direct(world), &location(world)).await
}

/// Opens the store past every link.
pub(super) async fn open(world: &Rc<World>) -> Result<SqlManagementStore, StoreError> {
    store::open(direct(world), &location(world)).await
}

fn direct(world: &Rc<World>) -> Rc<dyn lyncshell::Connector> {
    Rc::new(DirectConnector { world: Rc::downgrade(world), server: world.store_server() })
}

/// A cmdlet has changed the store, or asked for replication: the replicas get it after the modelled time.
pub(super) async fn settings_changed(world: &Rc<World>) {
    if let Ok(mut store) = open(world).await
        && let Ok((_, settings)) = store.read().await
    {
        let state = settings.state.name();
        let last = world.timeline.borrow().events().iter().rev().find_map(|event| match &event.what {
            Happening::PoolState { state } => Some(state.clone()),
            _ => None,
        });
        if last.as_deref().unwrap_or("Normal") != state {
            world.note(Happening::PoolState { state: state.to_owned() });
        }
    }
    if world.replication_under_way.replace(true) {
        return;
    }
    let weak = Rc::downgrade(world);
    let delay = world.file.costs.replication();
    tokio::task::spawn_local(async move {
        tokio::time::sleep(delay).await;
        if let Some(world) = weak.upgrade() {
            world.replication_under_way.set(false);
            if let Err(error) = deliver(&world).await {
                tracing::debug!(%error, "the management store could not be replicated");
            }
        }
    });
}

/// Looks for a change that a shell outside the estate has made, which no cmdlet here announced.
pub(crate) async fn replicate_what_others_changed(world: &Rc<World>) {
    let Ok(mut store) = open(world).await else { return };
    if let Ok(replicas) = store.replicas().await
        && replicas.iter().any(|replica| !replica.up_to_date())
    {
        settings_changed(world).await;
    }
}

/// Delivers the newest settings to every replica that can be reached and does not lag.
pub(super) async fn deliver(world: &Rc<World>) -> Result<(), StoreError> {
    let mut store = open(world).await?;
    let (_, settings) = store.read().await?;
    let from = world.server(world.store_server()).machine.clone();
    for replica in store.replicas().await? {
        let machine = Machine::of(&replica.fqdn);
        if replica.up_to_date() || world.network.round_trip(&from, &machine).is_err() || lags(world, &machine)
        {
            continue;
        }
        store.mark_delivered(&replica.fqdn, settings.revision, world.now()).await?;
        world.chat.deliver(&replica.fqdn, &settings);
        world.note(Happening::ReplicaDelivered { machine: replica.fqdn.clone() });
    }
    Ok(())
}

/// Whether the drill holds this change back from a replica that it would have reached; notes that it did.
fn lags(world: &World, machine: &Machine) -> bool {
    let setup = world.setup.borrow();
    if world.timeline.borrow().first(|what| *what == Happening::Staged).is_none() {
        return false;
    }
    if setup.all_replicas_lag {
        world.strikes(Waiting::HeldReplica(None));
    }
    let named = setup.lagging_replicas.iter().find(|name| Machine::of(name) == *machine);
    if let Some(name) = named {
        world.strikes(Waiting::HeldReplica(Some(name.clone())));
    }
    setup.all_replicas_lag || named.is_some()
}
