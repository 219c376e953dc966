//! Two servers that mirror, each with a directory, through crashes of one and both.

use super::*;
use crate::engine::DatabaseState;
use crate::mirroring::{MirrorRole, MirrorState};
use crate::network::{Network, Stream};
use async_trait::async_trait;
use std::cell::RefCell;
use std::io;
use std::rc::Weak;
use std::time::Duration;

/// The servers of one life, by host.
#[derive(Debug, Default)]
struct Wires(Rc<RefCell<BTreeMap<String, Instance>>>);

/// The way to the servers; it does not keep them.
#[derive(Debug)]
struct Way(Weak<RefCell<BTreeMap<String, Instance>>>);

#[async_trait(?Send)]
impl Network for Way {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let servers = self.0.upgrade().ok_or(io::ErrorKind::ConnectionRefused)?;
        let server = servers.borrow().get(host).filter(|s| s.mirroring_port() == Some(port)).cloned();
        let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (near, far) = tokio::io::duplex(64 * 1024);
        tokio::task::spawn_local(async move { server.serve_mirroring(far).await });
        Ok(Box::new(near))
    }
}

/// Two directories, and the drives that both servers share.
struct Pair {
    files: MemoryFiles,
    a: TemporaryDirectory,
    b: TemporaryDirectory,
}

impl Pair {
    fn start(&self, name: &str, wires: &Wires) -> Server {
        let directory = if name == "A" { &self.a } else { &self.b };
        let opened = DataDirectory::open(directory.path()).unwrap();
        let clock = Clock::starting_at(NOON.parse().unwrap(), 540);
        let config = config(name);
        let host = config.host.clone();
        let (files, network) = (Rc::new(self.files.clone()), Rc::new(Way(Rc::downgrade(&wires.0))));
        let instance = Instance::open(config, clock, files, network, Rc::new(NoObserver), opened).unwrap();
        wires.0.borrow_mut().insert(host, instance.clone());
        Server::of(instance)
    }

    async fn check(&self, a: &Server, b: &Server) {
        a.check(&self.a).await;
        b.check(&self.b).await;
    }
}

/// Waits until a server's copy is in this state.
async fn until(server: &Server, role: MirrorRole, state: MirrorState) {
    let now = || {
        let engine = server.engine();
        let mirroring = engine.database_by_name("mgc").and_then(|d| d.mirroring.as_ref());
        mirroring.map(|m| (m.role, m.state))
    };
    for _ in 0..3000 {
        if now() == Some((role, state)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} instead of {:?}", now(), (role, state));
}

const ENDPOINT: &str = "CREATE ENDPOINT mirroring STATE = STARTED AS TCP (LISTENER_PORT = 5022) \
    FOR DATABASE_MIRRORING (ROLE = PARTNER)";

async fn set_up(pair: &Pair) {
    let wires = Wires::default();
    let (a, b) = (pair.start("A", &wires), pair.start("B", &wires));
    for server in [&a, &b] {
        assert_eq!(server.sql(ENDPOINT).await, []);
    }
    a.create("mgc").await;
    assert_eq!(a.sql("BACKUP DATABASE mgc TO DISK = 'full.bak'").await, []);
    assert_eq!(a.sql("BACKUP LOG mgc TO DISK = 'log.trn'").await, []);
    let restore = r"RESTORE DATABASE mgc FROM DISK = 'full.bak' WITH NORECOVERY,
        MOVE 'mgc' TO 'D:\Other\mgc.mdf', MOVE 'mgc_log' TO 'D:\Other\mgc.ldf';
        RESTORE LOG mgc FROM DISK = 'log.trn' WITH NORECOVERY";
    assert_eq!(b.sql(restore).await, []);
    assert_eq!(b.sql("ALTER DATABASE mgc SET PARTNER = 'TCP://a.litwareinc.com:5022'").await, []);
    assert_eq!(a.sql("ALTER DATABASE mgc SET PARTNER = 'TCP://b.litwareinc.com:5022'").await, []);
    until(&a, MirrorRole::Principal, MirrorState::Synchronized).await;
    assert_eq!(a.sql("INSERT mgc.dbo.t VALUES (1, N'mirrored')").await, []);
    pair.check(&a, &b).await;
}

async fn insert(server: &Server, id: u32) {
    assert_eq!(server.sql(&format!("INSERT mgc.dbo.t VALUES ({id}, N'row')")).await, []);
    server.instance.harden().await.unwrap();
}

#[test]
fn mirroring_goes_on_through_crashes_failover_and_forced_service() {
    let pair = Pair { files: files(), a: TemporaryDirectory::new(), b: TemporaryDirectory::new() };
    life(async || set_up(&pair).await);
    life(async || {
        let wires = Wires::default();
        let (b, a) = (pair.start("B", &wires), pair.start("A", &wires));
        until(&a, MirrorRole::Principal, MirrorState::Synchronized).await;
        until(&b, MirrorRole::Mirror, MirrorState::Synchronized).await;
        insert(&a, 2).await;
        assert_eq!(a.sql("BACKUP LOG mgc TO DISK = 'log2.trn'").await, []);
        a.instance.checkpoint().await.unwrap();
        b.instance.checkpoint().await.unwrap();
        insert(&a, 3).await;
        pair.check(&a, &b).await;
        assert_eq!(a.sql("USE master; ALTER DATABASE mgc SET PARTNER FAILOVER").await, []);
        until(&b, MirrorRole::Principal, MirrorState::Synchronized).await;
        insert(&b, 4).await;
        pair.check(&a, &b).await;
    });
    // The principal alone, with a row that its mirror never gets.
    life(async || {
        let b = pair.start("B", &Wires::default());
        until(&b, MirrorRole::Principal, MirrorState::Disconnected).await;
        insert(&b, 66).await;
    });
    // The mirror alone: service is forced.
    life(async || {
        let a = pair.start("A", &Wires::default());
        until(&a, MirrorRole::Mirror, MirrorState::Disconnected).await;
        assert_eq!(a.sql("ALTER DATABASE mgc SET PARTNER FORCE_SERVICE_ALLOW_DATA_LOSS").await, []);
        insert(&a, 5).await;
        a.check(&pair.a).await;
    });
    life(async || {
        let wires = Wires::default();
        let (a, b) = (pair.start("A", &wires), pair.start("B", &wires));
        until(&b, MirrorRole::Mirror, MirrorState::Suspended).await;
        assert_eq!(a.sql("ALTER DATABASE mgc SET PARTNER RESUME").await, []);
        until(&a, MirrorRole::Principal, MirrorState::Synchronized).await;
        insert(&a, 6).await;
        pair.check(&a, &b).await;
        assert_eq!(b.rows("mgc").iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(b.engine().database_by_name("mgc").unwrap().state, DatabaseState::Restoring);
    });
    // A crash of both right after the old principal went back.
    life(async || {
        let wires = Wires::default();
        let (b, a) = (pair.start("B", &wires), pair.start("A", &wires));
        until(&a, MirrorRole::Principal, MirrorState::Synchronized).await;
        insert(&a, 7).await;
        pair.check(&a, &b).await;
    });
}
