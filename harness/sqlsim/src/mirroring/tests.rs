//! Two servers, and a third that follows their log, over in-memory streams.

use super::*;
use crate::backup::{BackupKind, RestoreEnd, RestoreKind};
use crate::engine::{DatabaseState, Endpoint, EndpointRole, EndpointState};
use crate::network::Network;
use crate::observer::NoObserver;
use crate::testkit::{NOON, Server, config, files, row};
use crate::{Clock, Instance};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::io;
use tokio::task::LocalSet;

/// A network of servers by host name, whose links can be cut.
#[derive(Clone, Debug, Default)]
struct Wires(Rc<WiresInner>);

#[derive(Debug, Default)]
struct WiresInner {
    servers: RefCell<BTreeMap<String, Instance>>,
    is_cut: Cell<bool>,
    /// Connections of now, to be cut.
    open: RefCell<Vec<tokio::task::AbortHandle>>,
}

#[async_trait(?Send)]
impl Network for Wires {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let server = self.0.servers.borrow().get(host).cloned();
        let server =
            server.filter(|s| s.is_running() && !self.0.is_cut.get() && s.mirroring_port() == Some(port));
        let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (near, far) = tokio::io::duplex(64 * 1024);
        // A pump between the two ends, so that a cut closes both.
        let (middle_near, middle_far) = tokio::io::duplex(64 * 1024);
        let pump = tokio::task::spawn_local(async move {
            let (mut a, mut b) = (far, middle_near);
            let _ = tokio::io::copy_bidirectional(&mut a, &mut b).await;
        });
        self.0.open.borrow_mut().push(pump.abort_handle());
        tokio::task::spawn_local(async move { server.serve_mirroring(middle_far).await });
        Ok(Box::new(near))
    }
}

impl Wires {
    fn cut(&self) {
        self.0.is_cut.set(true);
        for pump in self.0.open.borrow_mut().drain(..) {
            pump.abort();
        }
    }

    fn repair(&self) {
        self.0.is_cut.set(false);
    }

    fn server(&self, name: &str, files: &crate::store::memory_files::MemoryFiles) -> Server {
        let clock = Clock::starting_at(NOON.parse().unwrap(), 540);
        let config = config(name);
        let host = config.host.clone();
        let instance = Instance::start(
            config,
            clock,
            Rc::new(files.clone()),
            Rc::new(self.clone()),
            Rc::new(NoObserver),
        );
        self.0.servers.borrow_mut().insert(host, instance.clone());
        let endpoint = Endpoint {
            endpoint_id: 0,
            name: "mirroring".into(),
            state: EndpointState::Started,
            port: 5022,
            role: EndpointRole::Partner,
            is_encryption_enabled: true,
            authentication: "NEGOTIATE".into(),
            certificate: None,
            algorithm: 2,
            connect: Vec::new(),
        };
        instance.0.engine.borrow_mut().create_endpoint(endpoint).unwrap();
        Server::of(instance)
    }
}

async fn partner(server: &Server, command: PartnerCommand) -> i32 {
    let result = super::command(&server.instance, server.session(), "mgc", &command).await;
    result.err().map_or(0, |e| e.number)
}

fn address(host: &str) -> PartnerCommand {
    PartnerCommand::Set(format!("TCP://{host}.litwareinc.com:5022"))
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn state(server: &Server) -> (DatabaseState, MirrorRole, MirrorState) {
    let engine = server.engine();
    let database = engine.database_by_name("mgc").unwrap();
    let mirroring = database.mirroring.as_ref().expect("mirrored");
    (database.state, mirroring.role, mirroring.state)
}

fn ids(server: &Server) -> Vec<i64> {
    server.rows("mgc").into_iter().map(|(id, _)| id).collect()
}

/// Inserts a row and waits as a client would.
async fn write(server: &Server, id: i64) {
    let (database, table) = server.place("mgc");
    let ticket = {
        let mut engine = server.engine();
        let txn = engine.begin(server.session().id);
        engine.insert(txn, database, table, row(id, "row")).unwrap();
        engine.commit(txn)
    };
    commit_wait(&server.instance, ticket).await;
}

/// `mgc` on A, copied to B by a full and a log backup, not yet mirrored.
async fn prepared(wires: &Wires) -> (Server, Server) {
    let files = files();
    let (a, b) = (wires.server("A", &files), wires.server("B", &files));
    a.create("mgc").await;
    assert_eq!(a.backup(BackupKind::Full, "mgc", "full.bak").await, []);
    a.insert("mgc", 1, "in the log backup");
    assert_eq!(a.backup(BackupKind::Log, "mgc", "log1.trn").await, []);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", "full.bak", RestoreEnd::NoRecovery).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "mgc", "log1.trn", RestoreEnd::NoRecovery).await, []);
    (a, b)
}

async fn mirrored(wires: &Wires) -> (Server, Server) {
    let (a, b) = prepared(wires).await;
    a.insert("mgc", 2, "after the log backup");
    assert_eq!(partner(&b, address("a")).await, 0);
    assert_eq!(partner(&a, address("b")).await, 0);
    settle().await;
    assert_eq!(state(&a), (DatabaseState::Online, MirrorRole::Principal, MirrorState::Synchronized));
    assert_eq!(state(&b), (DatabaseState::Restoring, MirrorRole::Mirror, MirrorState::Synchronized));
    (a, b)
}

fn in_local_set(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn a_synchronous_commit_is_on_the_mirror_when_it_is_acknowledged() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = mirrored(&wires).await;
        for id in 10..20 {
            write(&a, id).await;
            assert_eq!(ids(&b).last(), Some(&id), "the mirror has it when the client is told");
        }
        let id = b.id("mgc");
        let error = b.engine().can_open(id, b.session()).unwrap_err();
        assert_eq!(error.number, 954);
        assert_eq!(b.recover("mgc").await, [3104, 3013]);
        assert_eq!(b.backup(BackupKind::Log, "mgc", "x.trn").await, [3059, 3013]);
    });
}

#[test]
fn a_failover_swaps_the_roles_and_the_log_chain_goes_on_through_it() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = mirrored(&wires).await;
        write(&a, 3).await;
        assert_eq!(a.backup(BackupKind::Log, "mgc", "log2.trn").await, []);
        write(&a, 4).await;
        assert_eq!(partner(&b, PartnerCommand::Failover).await, 1470);
        assert_eq!(partner(&a, PartnerCommand::Failover).await, 0);
        settle().await;
        assert_eq!(state(&b), (DatabaseState::Online, MirrorRole::Principal, MirrorState::Synchronized));
        assert_eq!(state(&a), (DatabaseState::Restoring, MirrorRole::Mirror, MirrorState::Synchronized));
        write(&b, 5).await;
        assert_eq!(ids(&a), [1, 2, 3, 4, 5]);
        assert_eq!(b.backup(BackupKind::Log, "mgc", "log3.trn").await, []);
        // A third server follows both servers' files as one chain.
        let c = wires.server("C", &files());
        drop(c);
        let mut full = crate::backup::RestoreRequest::new(RestoreKind::Database, "copy", Some("full.bak"));
        (full.end, full.moves) = (RestoreEnd::NoRecovery, b.moves("copy"));
        assert_eq!(b.run_restore(&full).await, []);
        for n in 1..=3 {
            let log = format!("log{n}.trn");
            assert_eq!(b.restore(RestoreKind::Log, "copy", &log, RestoreEnd::NoRecovery).await, [], "{log}");
        }
        assert_eq!(b.recover("copy").await, []);
        assert_eq!(b.rows("copy"), b.rows("mgc"));
        // And back again.
        assert_eq!(partner(&b, PartnerCommand::Failover).await, 0);
        settle().await;
        assert_eq!(state(&a), (DatabaseState::Online, MirrorRole::Principal, MirrorState::Synchronized));
        assert_eq!(ids(&a), [1, 2, 3, 4, 5]);
    });
}

#[test]
fn the_principal_goes_on_alone_and_the_mirror_catches_up_when_it_is_back() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = mirrored(&wires).await;
        wires.cut();
        settle().await;
        write(&a, 30).await;
        assert_eq!(state(&a).2, MirrorState::Disconnected);
        assert_eq!(state(&b).2, MirrorState::Disconnected);
        assert_eq!(a.backup(BackupKind::Log, "mgc", "log2.trn").await, []);
        wires.repair();
        tokio::time::sleep(Duration::from_secs(400)).await;
        assert_eq!(state(&a).2, MirrorState::Synchronized);
        assert_eq!(ids(&b), [1, 2, 30]);
    });
}

#[test]
fn both_servers_go_on_mirroring_after_a_power_loss() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = mirrored(&wires).await;
        write(&a, 3).await;
        b.instance.power_off();
        settle().await;
        write(&a, 4).await;
        b.instance.power_on();
        tokio::time::sleep(Duration::from_secs(400)).await;
        let b = Server::of(b.instance.clone());
        assert_eq!(ids(&b), [1, 2, 3, 4]);
        a.instance.power_off();
        settle().await;
        assert_eq!(state(&b).2, MirrorState::Disconnected);
        a.instance.power_on();
        settle().await;
        let a = Server::of(a.instance.clone());
        write(&a, 5).await;
        assert_eq!(ids(&b), [1, 2, 3, 4, 5]);
        assert_eq!(state(&a).2, MirrorState::Synchronized);
    });
}

#[test]
fn service_is_forced_on_a_mirror_that_lost_its_principal_and_the_old_one_steps_down() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = mirrored(&wires).await;
        assert_eq!(partner(&b, PartnerCommand::ForceService).await, 1455);
        wires.cut();
        settle().await;
        write(&a, 66).await;
        a.instance.power_off();
        assert_eq!(partner(&b, PartnerCommand::ForceService).await, 0);
        assert_eq!(state(&b), (DatabaseState::Online, MirrorRole::Principal, MirrorState::Suspended));
        assert_eq!(ids(&b), [1, 2], "what the mirror did not get is lost");
        write(&b, 77).await;
        wires.repair();
        a.instance.power_on();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(state(&a), (DatabaseState::Restoring, MirrorRole::Mirror, MirrorState::Suspended));
        assert_eq!(partner(&b, PartnerCommand::Resume).await, 0);
        tokio::time::sleep(Duration::from_secs(400)).await;
        assert_eq!(state(&b).2, MirrorState::Synchronized);
        let a = Server::of(a.instance.clone());
        assert_eq!(ids(&a), [1, 2, 77], "the old principal went back to where the paths part");
    });
}

#[test]
fn suspend_resume_and_off_do_what_they_say() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = mirrored(&wires).await;
        assert_eq!(partner(&b, PartnerCommand::Suspend).await, 0);
        settle().await;
        assert_eq!((state(&a).2, state(&b).2), (MirrorState::Suspended, MirrorState::Suspended));
        write(&a, 3).await;
        assert_eq!(ids(&b), [1, 2]);
        assert_eq!(partner(&a, PartnerCommand::Failover).await, 1422);
        assert_eq!(partner(&a, PartnerCommand::Resume).await, 0);
        settle().await;
        assert_eq!(ids(&b), [1, 2, 3]);
        assert_eq!((state(&a).2, state(&b).2), (MirrorState::Synchronized, MirrorState::Synchronized));
        assert_eq!(partner(&a, PartnerCommand::Safety(Safety::Off)).await, 0);
        assert_eq!(partner(&a, PartnerCommand::Failover).await, 1477);
        assert_eq!(partner(&a, PartnerCommand::Off).await, 0);
        settle().await;
        assert!(b.engine().database_by_name("mgc").unwrap().mirroring.is_none());
        assert_eq!(partner(&a, PartnerCommand::Off).await, 1416);
        assert_eq!(b.recover("mgc").await, []);
        assert_eq!(ids(&b), [1, 2, 3]);
    });
}

#[test]
fn set_partner_is_refused_as_sql_server_refuses_it() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = prepared(&wires).await;
        assert_eq!(partner(&a, PartnerCommand::Failover).await, 1416);
        assert_eq!(partner(&a, PartnerCommand::Set("b:5022".to_owned())).await, 1449);
        assert_eq!(partner(&a, address("a")).await, 1452);
        assert_eq!(partner(&a, address("nobody")).await, 1418);
        assert_eq!(partner(&a, PartnerCommand::Set("TCP://b.litwareinc.com:5023".to_owned())).await, 1418);
        assert_eq!(partner(&a, address("b")).await, 1416, "the mirror was not told first");
        assert_eq!(partner(&b, address("a")).await, 0);
        assert_eq!(partner(&b, address("a")).await, 1405);
        // A log backup that the mirror did not get: its part of the log is gone from the principal.
        a.insert("mgc", 5, "in a log backup that was not restored");
        assert_eq!(a.backup(BackupKind::Log, "mgc", "log2.trn").await, []);
        assert_eq!(partner(&a, address("b")).await, 1408);
    });
}

#[test]
fn a_mirror_from_a_full_backup_alone_lacks_log_for_the_chain() {
    in_local_set(async {
        let wires = Wires::default();
        let files = files();
        let (a, b) = (wires.server("A", &files), wires.server("B", &files));
        a.create("mgc").await;
        assert_eq!(a.backup(BackupKind::Full, "mgc", "full.bak").await, []);
        assert_eq!(b.restore(RestoreKind::Database, "mgc", "full.bak", RestoreEnd::NoRecovery).await, []);
        assert_eq!(partner(&b, address("a")).await, 0);
        assert_eq!(partner(&a, address("b")).await, 1478);
    });
}

/// Runs a batch that must succeed.
async fn sql(server: &Server, text: &str) {
    let mut sink = crate::session::collecting::CollectingSink::new();
    crate::exec::batch(&server.instance, server.session(), text, &mut sink).await;
    assert!(sink.error().is_none(), "{text}: {:?}", sink.error());
}

/// Two servers whose endpoints want certificates; each has written its own to the drive that they share.
async fn with_certificates(wires: &Wires) -> (Server, Server) {
    let (a, b) = prepared(wires).await;
    for (server, name) in [(&a, "a"), (&b, "b")] {
        sql(server, "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Key-of-0ne'").await;
        sql(server, &format!("CREATE CERTIFICATE {name} WITH SUBJECT = '{name}'")).await;
        sql(server, &format!(r"BACKUP CERTIFICATE {name} TO FILE = 'D:\Backup\{name}.cer'")).await;
        let alter = "ALTER ENDPOINT mirroring FOR DATABASE_MIRRORING (AUTHENTICATION = CERTIFICATE";
        sql(server, &format!("{alter} {name})")).await;
    }
    (a, b)
}

/// Lets the owner of a partner's certificate in, but for the last step.
async fn admit(server: &Server, peer: &str) {
    sql(server, &format!("CREATE LOGIN {peer}_login WITH PASSWORD = 'Pass.word1'")).await;
    sql(server, &format!("CREATE USER {peer}_user FOR LOGIN {peer}_login")).await;
    let file = format!(r"'D:\Backup\{peer}.cer'");
    sql(server, &format!("CREATE CERTIFICATE {peer} AUTHORIZATION {peer}_user FROM FILE = {file}")).await;
}

async fn grant(server: &Server, peer: &str) {
    sql(server, &format!("GRANT CONNECT ON ENDPOINT::mirroring TO {peer}_login")).await;
}

/// The last reason in a server's log why a partner was not let in.
fn told(server: &Server) -> String {
    let log = server.instance.error_log();
    log.iter().rev().find(|line| line.contains("handshake failed")).cloned().unwrap_or_default()
}

#[test]
fn partners_with_certificates_have_to_know_each_other_and_be_granted_connect() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = with_certificates(&wires).await;
        assert_eq!(partner(&b, address("a")).await, 0);
        assert_eq!(partner(&a, address("b")).await, 1418);
        assert!(told(&b).contains("is not in this server's master database"), "{}", told(&b));
        admit(&b, "a").await;
        assert_eq!(partner(&a, address("b")).await, 1418);
        assert!(told(&b).contains("does not have CONNECT permission"), "{}", told(&b));
        grant(&b, "a").await;
        assert_eq!(partner(&a, address("b")).await, 1418);
        assert!(told(&a).contains("is not in this server's master database"), "{}", told(&a));
        settle().await;
        admit(&a, "b").await;
        grant(&a, "b").await;
        assert_eq!(partner(&a, address("b")).await, 0);
        settle().await;
        assert_eq!(state(&b), (DatabaseState::Restoring, MirrorRole::Mirror, MirrorState::Synchronized));
    });
}

#[test]
fn a_partner_with_windows_authentication_and_one_with_certificates_do_not_find_each_other() {
    in_local_set(async {
        let wires = Wires::default();
        let (a, b) = with_certificates(&wires).await;
        sql(&a, "ALTER ENDPOINT mirroring FOR DATABASE_MIRRORING (AUTHENTICATION = WINDOWS NEGOTIATE)").await;
        assert_eq!(partner(&b, address("a")).await, 0);
        assert_eq!(partner(&a, address("b")).await, 1418);
        assert!(told(&b).contains("no way of authentication in common"), "{}", told(&b));
    });
}
