//! A SQL Server in a container, as the estate handles it.

use super::engine::{Cluster, Container, Engine};
use crate::arm::{Host, Wanted, sniff};
use crate::estate::outside::{From, Gateway};
use crate::estate::sql::{self, SignIn};
use crate::estate::world::TDS_PORT;
use crate::net::{End, Listener, Network};
use async_trait::async_trait;
use sqlsim::Observer;
use sqlsim::network::Stream;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// The user as which SQL Server runs in the official image, and in ours.
const SERVER_USER: u32 = 10_001;
/// How long a server that was started again may take to answer.
const RETURN_BOUND: Duration = Duration::from_secs(120);
/// How often it is asked meanwhile.
const RETURN_LOOK: Duration = Duration::from_millis(50);

/// A server in a container.
pub(super) struct ContainerHost {
    engine: Rc<Engine>,
    cluster: Rc<Cluster>,
    container: Rc<Container>,
    mirroring_port: u16,
    password: String,
    is_running: Cell<bool>,
    gateways: RefCell<Vec<Gateway>>,
    observer: Rc<RefCell<Option<Rc<dyn Observer>>>>,
}

impl std::fmt::Debug for ContainerHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ContainerHost").field(&self.container.machine).finish()
    }
}

impl ContainerHost {
    pub(super) fn new(
        engine: Rc<Engine>,
        cluster: Rc<Cluster>,
        container: Rc<Container>,
        wanted: &Wanted<'_>,
    ) -> Self {
        Self {
            engine,
            cluster,
            container,
            mirroring_port: wanted.mirroring_port,
            password: wanted.file.contents.logins.password.clone(),
            is_running: Cell::new(true),
            gateways: RefCell::default(),
            observer: Rc::default(),
        }
    }

    /// Listens, for the other servers, at this host's address on the server's network.
    fn open_gateways(&self, network: &Network) -> io::Result<()> {
        let from = From::ByAddress(Rc::new(self.cluster.machines_by_address()));
        for port in [TDS_PORT, self.mirroring_port] {
            let listener = std::net::TcpListener::bind((self.container.gateway, port))?;
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let to = &self.container.machine;
            self.gateways.borrow_mut().push(Gateway::open(listener, network, from.clone(), to, port));
        }
        Ok(())
    }

    async fn answers(&self) -> bool {
        let Ok(stream) = self.connect().await else { return false };
        let who = SignIn { login: "sa", password: &self.password, database: "master", program: "firedrill" };
        sql::sign_in(stream, &who).await.is_ok()
    }
}

#[async_trait(?Send)]
impl Host for ContainerHost {
    fn is_running(&self) -> bool {
        self.is_running.get()
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(connect(&self.container, TDS_PORT).await?))
    }

    fn listen(&self, network: &Network) -> io::Result<()> {
        let (container, observer) = (Rc::clone(&self.container), Rc::clone(&self.observer));
        network.listen(
            &self.container.machine,
            TDS_PORT,
            Rc::new(move |end: End| {
                let (container, observer) = (Rc::clone(&container), observer.borrow().clone());
                tokio::task::spawn_local(async move {
                    let Ok(server) = connect(&container, TDS_PORT).await else { return };
                    let carried = match observer {
                        Some(observer) => sniff::carry(end, server, &*observer).await,
                        None => carry(end, server).await,
                    };
                    if let Err(error) = carried {
                        tracing::debug!(%error, server = %container.machine, "a connection broke");
                    }
                });
            }),
        );
        let container = Rc::clone(&self.container);
        network.listen_elsewhere(
            &self.container.machine,
            Rc::new(move |port| {
                let container = Rc::clone(&container);
                Some(Rc::new(move |end: End| {
                    let container = Rc::clone(&container);
                    tokio::task::spawn_local(async move {
                        let Ok(server) = connect(&container, port).await else { return };
                        let _ = carry(end, server).await;
                    });
                }) as Listener)
            }),
        );
        self.open_gateways(network)
    }

    fn watch(&self, observer: Rc<dyn Observer>) {
        *self.observer.borrow_mut() = Some(observer);
    }

    async fn power_off(&self) -> io::Result<()> {
        if self.is_running.replace(false) {
            self.engine.kill(&self.container).await?;
        }
        Ok(())
    }

    async fn power_on(&self) -> io::Result<()> {
        if self.is_running.get() {
            return Ok(());
        }
        self.engine.start(&self.container).await?;
        let ready = async {
            while !self.answers().await {
                tokio::time::sleep(RETURN_LOOK).await;
            }
        };
        tokio::time::timeout(RETURN_BOUND, ready).await.map_err(|_| {
            io::Error::other(format!(
                "it was started, and does not answer after {} s",
                RETURN_BOUND.as_secs()
            ))
        })?;
        self.is_running.set(true);
        Ok(())
    }

    async fn pause(&self) -> io::Result<()> {
        self.engine.pause(&self.container).await
    }

    async fn go_on(&self) -> io::Result<()> {
        self.engine.unpause(&self.container).await
    }

    async fn shut_down(&self) -> io::Result<()> {
        if self.is_running.replace(false) {
            self.engine.stop(&self.container).await?;
        }
        Ok(())
    }

    fn writes_as(&self) -> Option<u32> {
        Some(SERVER_USER)
    }

    fn tear_down(&self) {
        self.gateways.borrow_mut().clear();
    }
}

async fn connect(container: &Container, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::new(container.address(), port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Carries a stream's bytes both ways until either side ends it.
async fn carry(mut end: End, mut server: TcpStream) -> io::Result<()> {
    tokio::io::copy_bidirectional(&mut end, &mut server).await.map(drop)
}
