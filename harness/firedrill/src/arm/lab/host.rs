//! A SQL Server of a lab, as the estate handles it.
//!
//! The harness has no power over the server: losing it means that nothing
//! reaches it over the estate's links any more. What servers send each other
//! does not run over these links.

use crate::arm::{Host, Wanted, sniff};
use crate::estate::world::TDS_PORT;
use crate::net::{End, Machine, Network};
use async_trait::async_trait;
use sqlsim::Observer;
use sqlsim::network::Stream;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a server may take to accept a connection.
const CONNECT_BOUND: Duration = Duration::from_secs(15);

/// A server that exists already.
pub(super) struct LabHost {
    address: (String, u16),
    machine: Machine,
    is_running: Cell<bool>,
    observer: Rc<RefCell<Option<Rc<dyn Observer>>>>,
}

impl std::fmt::Debug for LabHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LabHost").field(&self.machine).finish()
    }
}

impl LabHost {
    pub(super) fn new(address: (String, u16), wanted: &Wanted<'_>) -> Self {
        Self {
            address,
            machine: wanted.machine.clone(),
            is_running: Cell::new(true),
            observer: Rc::default(),
        }
    }
}

/// A connection to a server's TDS port.
pub(super) async fn connect(address: &(String, u16)) -> io::Result<TcpStream> {
    let (host, port) = address;
    let connecting = TcpStream::connect((host.as_str(), *port));
    let stream = tokio::time::timeout(CONNECT_BOUND, connecting).await.map_err(|_| {
        io::Error::new(io::ErrorKind::TimedOut, format!("no connection after {} s", CONNECT_BOUND.as_secs()))
    })??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[async_trait(?Send)]
impl Host for LabHost {
    fn is_running(&self) -> bool {
        self.is_running.get()
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(connect(&self.address).await?))
    }

    fn listen(&self, network: &Network) -> io::Result<()> {
        let (address, observer) = (self.address.clone(), Rc::clone(&self.observer));
        network.listen(
            &self.machine,
            TDS_PORT,
            Rc::new(move |mut end: End| {
                let (address, observer) = (address.clone(), observer.borrow().clone());
                tokio::task::spawn_local(async move {
                    let Ok(mut server) = connect(&address).await else { return };
                    let carried = match observer {
                        Some(observer) => sniff::carry(end, server, &*observer).await,
                        None => tokio::io::copy_bidirectional(&mut end, &mut server).await.map(drop),
                    };
                    if let Err(error) = carried {
                        tracing::debug!(%error, server = %address.0, "a connection broke");
                    }
                });
            }),
        );
        Ok(())
    }

    fn watch(&self, observer: Rc<dyn Observer>) {
        *self.observer.borrow_mut() = Some(observer);
    }

    /// Nothing reaches it any more; it runs on.
    async fn power_off(&self) -> io::Result<()> {
        self.is_running.set(false);
        Ok(())
    }

    async fn power_on(&self) -> io::Result<()> {
        self.is_running.set(true);
        Ok(())
    }

    async fn shut_down(&self) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a lab's servers are not the harness's to stop"))
    }

    fn tear_down(&self) {}
}
