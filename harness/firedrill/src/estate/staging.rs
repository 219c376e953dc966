//! Staging: machines are switched on, and everything on them is set up by
//! T-SQL over TDS, as an administrator would.

use super::clock::EstateClock;
use super::file::EstateFile;
use super::names::{DataCenter, Server};
use super::setup::Setup;
use super::sql::{self, failed, name, text};
use super::timeline::Happening;
use super::watch::{FileWatch, StatementWatch};
use super::world::{SqlMachine, World, fqdn};
use super::{EstateError, SqlClient, paths, replication, schema};
use crate::arm::{Folder, Ground, Wanted};
use crate::chat::{self, ChatService};
use crate::disk::Disks;
use crate::net::{Machine, Network};
use lyncshell::store::ManagementStore;
use lyncshell::{ChatServer, SqlStore, SqlStores, Topology};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Name of the mirroring endpoint.
pub(super) const ENDPOINT: &str = "mirroring_endpoint";
/// Port of the mirroring endpoints.
const MIRRORING_PORT: u16 = 5022;

/// A pool has eight chat servers at most, and one of them stands in data center A.
pub(super) const CHAT_SERVERS_IN_B_MAX: usize = 7;

/// Switches the machines on. Nothing is set up yet.
pub(super) fn build(
    file: &EstateFile,
    setup: Setup,
    seed: u64,
    ground: &dyn Ground,
) -> Result<Rc<World>, EstateError> {
    let contents = file.contents.clone();
    let clock = ground.clock(file);
    let network = Network::new(file.costs.network());
    let disks = Disks::new(&network, file.costs.files());
    let chat_servers = chat_servers(file, &setup);
    let machines = &contents.machines;
    let hosts = Server::ALL.map(|server| host(file, server));
    let with_drives = [&machines.files_a, &machines.files_b, &machines.operator];
    let bare = chat_servers.iter().map(|(_, short, _)| short).chain([&machines.front_end]);
    for short in hosts.iter().copied().chain(with_drives.into_iter().map(String::as_str)) {
        let machine = Machine::of(short);
        network.add(&machine);
        disks.add(&machine, ground.drives_of(&machine, &clock)?);
    }
    bare.for_each(|short| network.add(&Machine::of(short)));
    let mut servers = BTreeMap::new();
    for (index, server) in (1..).zip(Server::ALL) {
        let machine = machine_of(file, server);
        // Only the backup's recovery is ever arranged to take long.
        let recovery = setup.recovery.filter(|_| server == Server::Backup);
        let host = ground.host(&Wanted {
            file,
            server,
            mirroring_port: mirroring_port(&setup, server),
            recovery,
            clock: &clock,
            network: &network,
            disks: &disks,
            machine: &machine,
            seed: seed.wrapping_mul(31) + index,
        })?;
        host.listen(&network).map_err(|error| {
            EstateError::Arm(format!(
                "no address can be had for the {server} ({error}); the estate was not staged"
            ))
        })?;
        servers.insert(server, SqlMachine { fqdn: fqdn(file, machine.name()), machine, host });
    }
    let world = Rc::new(World {
        file: file.clone(),
        faults: RefCell::new(setup.faults.clone()),
        setup: RefCell::new(setup),
        clock: EstateClock(clock),
        network,
        disks,
        servers,
        chat: ChatService::new(&chat_servers, contents.chat.rooms, seed),
        timeline: RefCell::default(),
        ledger: RefCell::default(),
        log_backups: RefCell::default(),
        log_backups_begun: RefCell::default(),
        run: RefCell::default(),
        kill: tokio::sync::Notify::new(),
        disaster: Cell::default(),
        service_restored: Cell::default(),
        service_restored_bell: tokio::sync::Notify::new(),
        writable: RefCell::default(),
        readers: RefCell::default(),
        hands: RefCell::default(),
        held_clients: RefCell::default(),
        replication_under_way: Cell::default(),
        struck: RefCell::default(),
        folder_names: ground.folder_names(),
        has_certificates: ground.has_certificates(),
        time: Cell::new(ground.time()),
        stand_in: RefCell::default(),
        trouble: RefCell::default(),
    });
    share_folders(&world)
        .map_err(|error| EstateError::Contradiction(format!("the shares cannot be made: {error}")))?;
    world.disks.watch(Rc::new(FileWatch { world: Rc::downgrade(&world) }));
    for (server, at) in &world.servers {
        at.host.watch(Rc::new(StatementWatch { world: Rc::downgrade(&world), server: *server }));
    }
    Ok(world)
}

/// The port at which a server mirrors, or will.
pub(super) fn mirroring_port(setup: &Setup, server: Server) -> u16 {
    setup.backup_mirror_port.filter(|_| server == Server::BackupMirror).unwrap_or(MIRRORING_PORT)
}

/// A SQL Server's machine.
pub(crate) fn machine_of(file: &EstateFile, server: Server) -> Machine {
    Machine::of(host(file, server))
}

fn host(file: &EstateFile, server: Server) -> &str {
    let servers = &file.contents.servers;
    match server {
        Server::Primary => &servers.primary.host,
        Server::Mirror => &servers.mirror.host,
        Server::Backup => &servers.backup.host,
        Server::BackupMirror => &servers.backup_mirror.host,
    }
}

/// The pool's servers (data center, short name, FQDN): those of the file, unless the drill wants another number in B. A
/// pool has eight at most.
pub(super) fn chat_servers(file: &EstateFile, setup: &Setup) -> Vec<(DataCenter, String, String)> {
    let chat = &file.contents.chat;
    let mut b = chat.servers_b.clone();
    if let Some(wanted) = setup.chat_servers_in_b {
        let wanted = usize::from(wanted);
        b.truncate(wanted);
        while b.len() < wanted.min(CHAT_SERVERS_IN_B_MAX) {
            b.push(format!("chat-b{}", b.len() + 1));
        }
    }
    let a = chat.servers_a.iter().take(8 - b.len());
    a.map(|short| (DataCenter::A, short))
        .chain(b.iter().map(|short| (DataCenter::B, short)))
        .map(|(center, short)| (center, short.clone(), fqdn(file, short)))
        .collect()
}

fn share_folders(world: &World) -> Result<(), sqlsim::FileError> {
    let machines = &world.file.contents.machines;
    for files in [&machines.files_a, &machines.files_b] {
        let logs = paths::logs_on(world, Machine::of(files));
        share(world, &paths::old(&logs))?;
        share(world, &logs)?;
    }
    share(world, &paths::mirror_seed(world))?;
    share(world, &paths::copy_destination(world))?;
    share(world, &paths::old(&paths::copy_destination(world)))
}

/// Makes a folder, and shares it under its name.
fn share(world: &World, folder: &Folder) -> Result<(), sqlsim::FileError> {
    match &folder.share {
        Some(name) => world.disks.share(&folder.machine, name, &folder.path),
        None => world.disks.drives_of(&folder.machine)?.make_directory(&folder.path),
    }
}

/// Sets everything up and starts the day: databases, mirror, log shipping, pool, chat service.
pub(super) async fn stage(world: &Rc<World>) -> Result<(), EstateError> {
    let mut primary = world.sa(Server::Primary, "master").await?;
    let mut mirror = world.sa(Server::Mirror, "master").await?;
    let mut backup = world.sa(Server::Backup, "master").await?;
    let mut backup_mirror = world.sa(Server::BackupMirror, "master").await?;
    logins(world, Server::Primary, &mut primary).await?;
    logins(world, Server::Mirror, &mut mirror).await?;
    logins(world, Server::Backup, &mut backup).await?;
    logins(world, Server::BackupMirror, &mut backup_mirror).await?;
    chat_database(world, &mut primary).await?;
    compliance_database(world, Server::Primary, &mut primary).await?;
    compliance_database(world, Server::Backup, &mut backup).await?;
    seed_copies(world, &mut primary, &mut mirror, &mut backup).await?;
    if world.setup.borrow().old_copy_on_backup_mirror {
        restore_seed(world, Server::BackupMirror, &mut backup_mirror, "NORECOVERY").await?;
    }
    if world.has_certificates {
        let mut clients = [
            (Server::Primary, &mut primary),
            (Server::Mirror, &mut mirror),
            (Server::Backup, &mut backup),
            (Server::BackupMirror, &mut backup_mirror),
        ];
        super::certificates::set_up(world, &mut clients).await?;
    } else {
        endpoint(Server::Primary, &mut primary, MIRRORING_PORT).await?;
        endpoint(Server::Mirror, &mut mirror, MIRRORING_PORT).await?;
        let port = world.setup.borrow().backup_mirror_port;
        if let Some(port) = port {
            endpoint(Server::BackupMirror, &mut backup_mirror, port).await?;
        }
    }
    mirror_in_a(world, &mut primary, &mut mirror).await?;
    super::log_shipping::set_up_primary(world, Server::Primary, &mut primary).await?;
    super::log_shipping::set_up_backup(world, &mut backup).await?;
    pool(world).await?;
    let backlog = world.setup.borrow().compliance_backlog;
    if backlog > 0 {
        world.chat.skip_compliance_events(i64::from(backlog));
        compliance_backlog(world, Server::Primary, &mut primary, backlog).await?;
        compliance_backlog(world, Server::Backup, &mut backup, backlog).await?;
    }
    world.hands.borrow_mut().extend([
        (Server::Primary, primary),
        (Server::Mirror, mirror),
        (Server::Backup, backup),
        (Server::BackupMirror, backup_mirror),
    ]);
    world.start_stand_in();
    ChatService::start(world);
    chat::open_all(world).await;
    world.writable.borrow_mut().insert(Server::Primary);
    world.note(Happening::Staged);
    Ok(())
}

async fn logins(world: &World, server: Server, client: &mut SqlClient) -> Result<(), EstateError> {
    let logins = &world.file.contents.logins;
    let password = text(&logins.password);
    let (chat_missing, no_sysadmin) = {
        let setup = world.setup.borrow();
        (
            setup.chat_login_missing && server == Server::Backup,
            setup.failover_is_no_sysadmin && server == Server::Backup,
        )
    };
    let mut batch = String::new();
    let mut login = |login: &str, sid: u8| {
        batch.push_str(&format!(
            "CREATE LOGIN {} WITH PASSWORD = {password}, SID = 0x{sid:032X}, CHECK_POLICY = OFF\n",
            name(login)
        ));
    };
    login(&logins.failover, 0xF0);
    login(&logins.reader, 0xE0);
    if !chat_missing {
        login(&logins.chat, 0xC0);
    }
    if !no_sysadmin {
        batch.push_str(&format!("ALTER SERVER ROLE sysadmin ADD MEMBER {}\n", name(&logins.failover)));
    }
    sql::run(client, &batch).await.map_err(failed("creating the logins", server))
}

async fn chat_database(world: &World, client: &mut SqlClient) -> Result<(), EstateError> {
    let database = world.database();
    let logins = &world.file.contents.logins;
    let fails = |what| failed(what, Server::Primary);
    let create = format!("CREATE DATABASE {0}\nALTER DATABASE {0} SET RECOVERY FULL", name(&database));
    sql::run(client, &create).await.map_err(fails("creating the chat database"))?;
    sql::run(client, &format!("USE {}", name(&database)))
        .await
        .map_err(fails("opening the chat database"))?;
    sql::run(client, schema::CHAT).await.map_err(fails("creating the chat tables"))?;
    let mut batch = String::new();
    for login in [&logins.chat, &logins.reader] {
        batch.push_str(&format!(
            "CREATE USER {0} FOR LOGIN {0}\nALTER ROLE db_owner ADD MEMBER {0}\n",
            name(login)
        ));
    }
    batch.push_str(
        "INSERT INTO dbo.tblConfig (configLabel, configContent, configPoolID) VALUES (N'pool', N'', NEWID())\n\
         INSERT INTO dbo.tblSystemRevision (sysRevision) VALUES (1)\n",
    );
    for room in 1..=world.file.contents.chat.rooms {
        batch.push_str(&format!(
            "INSERT INTO dbo.tblNode (nodeID, nodeGuid, parentID, nodeType, nodeName, disabled, behavior, visibility) \
             VALUES ({room}, NEWID(), NULL, 0, N'Room {room}', 0, 4, 6)\n"
        ));
    }
    let chat_servers =
        world.chat.names_of(DataCenter::A).into_iter().chain(world.chat.names_of(DataCenter::B));
    for (id, fqdn) in (1..).zip(chat_servers) {
        batch.push_str(&format!(
            "INSERT INTO dbo.tblServerIdentity (serverID, serverAddress) VALUES ({id}, {})\n",
            text(&format!("net.tcp://{fqdn}:8011"))
        ));
    }
    sql::run(client, &batch).await.map_err(fails("filling the chat database"))?;
    sql::run(client, "USE master").await.map_err(fails("going back to master"))
}

async fn compliance_database(
    world: &World,
    server: Server,
    client: &mut SqlClient,
) -> Result<(), EstateError> {
    let database = name(&world.file.contents.compliance_database);
    sql::run(client, &format!("CREATE DATABASE {database}"))
        .await
        .map_err(failed("creating the compliance database", server))?;
    let (chat, missing) = {
        let missing = world.setup.borrow().chat_login_missing && server == Server::Backup;
        (name(&world.file.contents.logins.chat), missing)
    };
    let mut batch = format!("USE {database}\n{}", schema::COMPLIANCE);
    if !missing {
        batch.push_str(&format!(
            "CREATE USER {chat} FOR LOGIN {chat}\nALTER ROLE db_owner ADD MEMBER {chat}\n"
        ));
    }
    batch.push_str("USE master");
    sql::run(client, &batch).await.map_err(failed("filling the compliance database", server))
}

async fn compliance_backlog(
    world: &World,
    server: Server,
    client: &mut SqlClient,
    events: u32,
) -> Result<(), EstateError> {
    let table = format!("{}.dbo.tblComplianceData", name(&world.file.contents.compliance_database));
    let ids: Vec<u32> = (1..=events).collect();
    for part in ids.chunks(500) {
        let rows: Vec<String> = part.iter().map(|id| format!("({id},GETUTCDATE(),1,GETUTCDATE())")).collect();
        let batch = format!(
            "INSERT INTO {table} (cmplEventID, entryDate, cmplType, cmplTime) VALUES {}",
            rows.join(",")
        );
        sql::run(client, &batch).await.map_err(failed("queueing compliance events", server))?;
    }
    Ok(())
}

/// The full backup and the log backup by which copies of the database are made, as every server names them.
fn seed_files(world: &World) -> (String, String) {
    let names = &world.folder_names;
    let folder = names.shared(&paths::mirror_seed(world));
    (names.file_in(&folder, "seed.bak"), names.file_in(&folder, "seed.trn"))
}

async fn seed_copies(
    world: &World,
    primary: &mut SqlClient,
    mirror: &mut SqlClient,
    backup: &mut SqlClient,
) -> Result<(), EstateError> {
    let (database, (full, log)) = (name(&world.database()), seed_files(world));
    let batch = format!(
        "BACKUP DATABASE {database} TO DISK = {} WITH INIT\nBACKUP LOG {database} TO DISK = {} WITH INIT",
        text(&full),
        text(&log)
    );
    sql::run(primary, &batch).await.map_err(failed("the full backup for the copies", Server::Primary))?;
    restore_seed(world, Server::Mirror, mirror, "NORECOVERY").await?;
    let standby = world.setup.borrow().standby_readers.is_some() || world.setup.borrow().lock_holder;
    if standby {
        let folder = paths::copy_destination_for_the_backup(world);
        let undo = text(&world.folder_names.file_in(&folder, &format!("{}.tuf", world.database())));
        restore_seed(world, Server::Backup, backup, &format!("STANDBY = {undo}")).await
    } else {
        restore_seed(world, Server::Backup, backup, "NORECOVERY").await
    }
}

async fn restore_seed(
    world: &World,
    server: Server,
    client: &mut SqlClient,
    end: &str,
) -> Result<(), EstateError> {
    let (database, (full, log)) = (name(&world.database()), seed_files(world));
    let batch = format!(
        "RESTORE DATABASE {database} FROM DISK = {} WITH NORECOVERY\nRESTORE LOG {database} FROM DISK = {} WITH {end}",
        text(&full),
        text(&log)
    );
    sql::run(client, &batch).await.map_err(failed("restoring the copy", server))
}

async fn endpoint(server: Server, client: &mut SqlClient, port: u16) -> Result<(), EstateError> {
    let batch = format!(
        "CREATE ENDPOINT {ENDPOINT} STATE = STARTED AS TCP (LISTENER_PORT = {port}) FOR DATABASE_MIRRORING (ROLE = PARTNER)"
    );
    sql::run(client, &batch).await.map_err(failed("creating the mirroring endpoint", server))
}

async fn mirror_in_a(
    world: &World,
    primary: &mut SqlClient,
    mirror: &mut SqlClient,
) -> Result<(), EstateError> {
    let database = name(&world.database());
    let partner = |server: Server| {
        let url = format!("TCP://{}:{MIRRORING_PORT}", world.server(server).fqdn);
        format!("ALTER DATABASE {database} SET PARTNER = {}", text(&url))
    };
    sql::run(mirror, &partner(Server::Primary)).await.map_err(failed("SET PARTNER", Server::Mirror))?;
    sql::run(primary, &partner(Server::Mirror)).await.map_err(failed("SET PARTNER", Server::Primary))
}

/// Publishes the topology and brings every replica up to date.
async fn pool(world: &Rc<World>) -> Result<(), EstateError> {
    let server = world.store_server();
    let fails = |error: lyncshell::store::StoreError| EstateError::Server {
        what: "publishing the topology".to_owned(),
        server,
        reason: error.to_string(),
    };
    let mut store = replication::create(world).await.map_err(fails)?;
    store.publish(&topology(world), world.now()).await.map_err(fails)?;
    drop(store);
    replication::deliver(world).await.map_err(fails)
}

fn topology(world: &World) -> Topology {
    let contents = &world.file.contents;
    let has_backup_mirror = !world.setup.borrow().no_backup_mirror_in_topology;
    let store = |server: Server| SqlStore::new(world.server(server).fqdn.clone());
    let stores = SqlStores {
        primary: store(Server::Primary),
        mirror: Some(store(Server::Mirror)),
        backup: Some(store(Server::Backup)),
        backup_mirror: has_backup_mirror.then(|| store(Server::BackupMirror)),
    };
    let active = world.chat.names_of(DataCenter::A);
    let all = active.iter().cloned().chain(world.chat.names_of(DataCenter::B));
    Topology {
        pool: contents.pool.clone(),
        site: contents.site.clone(),
        next_hop: contents.next_hop.pool.clone(),
        version: 6,
        file_store: format!(r"\\{}\lync-files", contents.machines.files_a),
        chat_servers: all.map(|fqdn| ChatServer { active: active.contains(&fqdn), fqdn }).collect(),
        chat: stores.clone(),
        compliance: Some(stores),
        other_replicas: vec![fqdn(&world.file, &contents.machines.front_end)],
    }
}
