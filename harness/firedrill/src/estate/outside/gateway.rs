//! TCP addresses that lead into the estate's network.
//!
//! A connection accepted here becomes a stream on a link of the estate, so
//! that links that are cut, slow or gone are so for processes too, whatever
//! runs on either side, and without any privilege.

use crate::net::{Machine, Network};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Wait after an `accept` that failed: descriptors may have run out, and connections that end give them back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Which machine of the estate a connection comes from.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// Always this one.
    Always(Machine),
    /// The one at the address that the connection comes from; others are turned away.
    ByAddress(Rc<BTreeMap<IpAddr, Machine>>),
}

impl From {
    fn of(&self, address: IpAddr) -> Option<Machine> {
        match self {
            Self::Always(machine) => Some(machine.clone()),
            Self::ByAddress(machines) => machines.get(&address).cloned(),
        }
    }
}

/// An address at which connections are taken; closed when it is dropped.
pub(crate) struct Gateway(tokio::task::AbortHandle);

impl Gateway {
    /// Takes connections at `listener` for `port` of `to`.
    pub(crate) fn open(
        listener: TcpListener,
        network: &Network,
        from: From,
        to: &Machine,
        port: u16,
    ) -> Self {
        let accepting = accept(listener, network.clone(), from, to.clone(), port);
        Self(tokio::task::spawn_local(accepting).abort_handle())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: TcpListener, network: Network, from: From, to: Machine, port: u16) {
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(from) = from.of(address.ip()) else {
            tracing::debug!(%address, %to, "a connection from nowhere in the estate is turned away");
            continue;
        };
        tokio::task::spawn_local(carry(stream, network.clone(), from, to.clone(), port));
    }
}

/// Carries one connection until either side ends it, or its link resets it.
async fn carry(mut outer: TcpStream, network: Network, from: Machine, to: Machine, port: u16) {
    // Without it every small answer waits for the client's acknowledgement.
    let _ = outer.set_nodelay(true);
    let Ok(mut inner) = network.connect(&from, to.name(), port).await else {
        let _ = outer.set_zero_linger();
        return;
    };
    if let Err(error) = tokio::io::copy_bidirectional(&mut outer, &mut inner).await {
        tracing::debug!(%error, %from, %to, port, "a connection broke");
        // A reset arrives as one.
        let _ = outer.set_zero_linger();
    }
}
