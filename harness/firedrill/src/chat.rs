//! The chat service: the pool's servers as clients of the database.
//!
//! A chat server acts on its own replica of the management store: if that says
//! it is active, it opens the chat database that the pool state points at,
//! registers in `tblServerIdentity`, and posts. Each message is a statement of
//! its own; only what the server acknowledged enters the ledger. After a loss
//! every active server tries again at a fixed interval, for a bounded time.

use crate::estate::sql::{self, SignIn};
use crate::estate::world::World;
use crate::estate::{DataCenter, Happening, Server, SqlClient};
use crate::ledger::{AcknowledgedMessage, QueuedComplianceEvent};
use crate::net::Machine;
use lyncshell::{PoolState, store::PoolSettings};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlsim::network::Stream;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// .NET ticks at the Unix epoch: `chatDate` counts 100 ns since year 1.
const TICKS_AT_UNIX_EPOCH: i64 = 621_355_968_000_000_000;

/// Compliance events that a chat server keeps before it sends them on in one statement.
const COMPLIANCE_BATCH: usize = 60;

const WORDS: [&str; 16] = [
    "deploy", "is", "green", "who", "has", "the", "pager", "tonight", "ticket", "closed", "see", "room",
    "notes", "thanks", "rollback", "ready",
];

/// What a chat server's replica says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct View {
    failed_over: bool,
    active: Vec<String>,
}

/// One server of the pool.
struct ChatServer {
    machine: Machine,
    fqdn: String,
    center: DataCenter,
    identity: i32,
    view: RefCell<View>,
    session: RefCell<Option<(Server, SqlClient)>>,
    bell: Rc<Notify>,
    compliance: RefCell<Vec<i64>>,
}

impl ChatServer {
    fn is_active(&self) -> bool {
        self.view.borrow().active.iter().any(|fqdn| fqdn.eq_ignore_ascii_case(&self.fqdn))
    }
}

/// The pool's servers and what they have in common.
pub(crate) struct ChatService {
    servers: Vec<Rc<ChatServer>>,
    rooms: i32,
    chance: RefCell<ChaCha8Rng>,
    chat_ids: RefCell<BTreeMap<i32, i64>>,
    next_event: Cell<i64>,
    turn: Cell<usize>,
    tasks: RefCell<Vec<tokio::task::AbortHandle>>,
}

impl ChatService {
    /// Servers by data center, as (short name, FQDN).
    pub(crate) fn new(servers: &[(DataCenter, String, String)], rooms: i32, seed: u64) -> Self {
        let servers = servers
            .iter()
            .zip(1..)
            .map(|((center, short, fqdn), identity)| {
                Rc::new(ChatServer {
                    machine: Machine::of(short),
                    fqdn: fqdn.clone(),
                    center: *center,
                    identity,
                    view: RefCell::default(),
                    session: RefCell::default(),
                    bell: Rc::default(),
                    compliance: RefCell::default(),
                })
            })
            .collect();
        Self {
            servers,
            rooms,
            chance: RefCell::new(ChaCha8Rng::seed_from_u64(seed)),
            chat_ids: RefCell::default(),
            next_event: Cell::new(1),
            turn: Cell::default(),
            tasks: RefCell::default(),
        }
    }

    /// The chat servers' machines in a data center.
    pub(crate) fn machines_of(&self, center: DataCenter) -> Vec<Machine> {
        self.servers
            .iter()
            .filter(|server| server.center == center)
            .map(|server| server.machine.clone())
            .collect()
    }

    /// FQDNs of a data center's chat servers.
    pub(crate) fn names_of(&self, center: DataCenter) -> Vec<String> {
        self.servers
            .iter()
            .filter(|server| server.center == center)
            .map(|server| server.fqdn.clone())
            .collect()
    }

    /// Sets aside the first `events` ids of compliance events for a backlog.
    pub(crate) fn skip_compliance_events(&self, events: i64) {
        self.next_event.set(events + 1);
    }

    /// Starts every server's task.
    pub(crate) fn start(world: &Rc<World>) {
        for server in &world.chat.servers {
            let task = tokio::task::spawn_local(serve(Rc::downgrade(world), server.clone()));
            world.chat.tasks.borrow_mut().push(task.abort_handle());
        }
    }

    /// A replica was brought up to date.
    pub(crate) fn deliver(&self, fqdn: &str, settings: &PoolSettings) {
        let Some(server) = self.servers.iter().find(|server| server.fqdn.eq_ignore_ascii_case(fqdn)) else {
            return;
        };
        let view = View {
            failed_over: settings.state == PoolState::FailedOver,
            active: settings.active_servers.clone(),
        };
        if *server.view.borrow() != view {
            let moved = server.view.borrow().failed_over != view.failed_over;
            *server.view.borrow_mut() = view;
            if moved || !server.is_active() {
                *server.session.borrow_mut() = None;
            }
        }
        server.bell.notify_one();
    }

    /// A chat server's machine lost its power.
    pub(crate) fn power_off(&self, machine: &Machine) {
        for server in self.servers.iter().filter(|server| server.machine == *machine) {
            *server.session.borrow_mut() = None;
            server.compliance.borrow_mut().clear();
        }
    }

    /// A machine is back, its own or a SQL Server's: every chat server looks for its database again.
    pub(crate) fn wake(&self) {
        for server in &self.servers {
            server.bell.notify_one();
        }
    }

    /// Ends all tasks and connections.
    pub(crate) fn tear_down(&self) {
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
        for server in &self.servers {
            *server.session.borrow_mut() = None;
        }
    }

    /// How long to wait before the next of messages that are `gap` apart: somewhere in the gap.
    pub(crate) fn jitter(&self, gap: Duration) -> Duration {
        let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
        if gap_ms < 2 {
            Duration::ZERO
        } else {
            Duration::from_millis(self.chance.borrow_mut().random_range(0..gap_ms))
        }
    }

    fn new_text(&self) -> String {
        let mut chance = self.chance.borrow_mut();
        let words = chance.random_range(2..12);
        let mut text = String::with_capacity(words * 8);
        for _ in 0..words {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(WORDS[chance.random_range(0..WORDS.len())]);
        }
        text.push_str(&format!(" #{:08x}", chance.next_u32()));
        text
    }

    fn next_message(&self) -> (i32, i64) {
        let room = self.chance.borrow_mut().random_range(1..=self.rooms);
        let mut ids = self.chat_ids.borrow_mut();
        let id = ids.entry(room).or_insert(0);
        *id += 1;
        (room, *id)
    }
}

/// One server's life: whenever its bell rings, it makes sure that it serves.
async fn serve(world: std::rc::Weak<World>, server: Rc<ChatServer>) {
    loop {
        server.bell.notified().await;
        let Some(strong) = world.upgrade() else { return };
        let retries = strong.file.contents.chat.retries_max;
        let pause = Duration::from_secs(strong.file.contents.chat.retry_seconds);
        let start = strong.file.costs.chat_server_start();
        drop(strong);
        tokio::time::sleep(start).await;
        for _ in 0..retries {
            let Some(world) = world.upgrade() else { return };
            if !wants_service(&world, &server) || open(&world, &server).await {
                break;
            }
            drop(world);
            tokio::select! {
                biased;
                () = server.bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

fn wants_service(world: &World, server: &ChatServer) -> bool {
    world.network.is_on(&server.machine) && server.is_active() && server.session.borrow().is_none()
}

/// Opens the database that the replica points at; after a disaster, proves service with a message.
async fn open(world: &Rc<World>, server: &ChatServer) -> bool {
    let targets = if server.view.borrow().failed_over {
        [Server::Backup, Server::BackupMirror]
    } else {
        [Server::Primary, Server::Mirror]
    };
    for target in targets {
        if let Ok(client) = sign_in(world, server, target).await {
            *server.session.borrow_mut() = Some((target, client));
            if world.disaster.get().is_none() || world.service_restored.get().is_some() {
                return true;
            }
            if post(world, server).await.is_some() {
                return true;
            }
        }
    }
    false
}

async fn sign_in(
    world: &World,
    server: &ChatServer,
    target: Server,
) -> Result<SqlClient, tiberius::error::Error> {
    let at = world.server(target);
    let end = world.network.connect(&server.machine, &at.fqdn, crate::estate::world::TDS_PORT).await?;
    let logins = &world.file.contents.logins;
    let database = world.database();
    let who = SignIn {
        login: &logins.chat,
        password: &logins.password,
        database: &database,
        program: "Lync Server Persistent Chat",
    };
    let stream: Box<dyn Stream> = Box::new(end);
    let mut client = sql::sign_in(stream, &who).await?;
    let ping = "UPDATE dbo.tblServerIdentity SET serverLastPingTime = GETUTCDATE() WHERE serverID = @P1";
    client.execute(ping, &[&server.identity]).await?;
    Ok(client)
}

/// Posts one message on a server's open connection; its ledger number if it was acknowledged.
async fn post(world: &World, server: &ChatServer) -> Option<u64> {
    let (target, mut client) = server.session.borrow_mut().take()?;
    let (room, chat_id) = world.chat.next_message();
    let text = world.chat.new_text();
    let posted = world.now();
    let ticks = TICKS_AT_UNIX_EPOCH + posted.as_microsecond() * 10;
    let user = 10 + (chat_id % 7) as i32;
    let insert = "INSERT INTO dbo.tblChat (channelId, chatId, chatDate, userId, isAlert, content) \
                  VALUES (@P1, @P2, @P3, @P4, 0, @P5)";
    let result = client.execute(insert, &[&room, &chat_id, &ticks, &user, &text.as_str()]).await;
    if let Err(error) = result {
        tracing::debug!(chat_server = %server.fqdn, %error, "a message was not acknowledged");
        return None;
    }
    let message = AcknowledgedMessage {
        number: 0,
        room: i64::from(room),
        chat_id,
        chat_server: server.fqdn.clone(),
        served_by: target,
        text_crc32: crc32fast::hash(text.as_bytes()),
        posted,
        acknowledged: world.now(),
    };
    let number = world.ledger.borrow_mut().enter_message(message);
    if world.disaster.get().is_some() && world.service_restored.get().is_none() {
        world.service_restored.set(Some(world.now()));
        world.note(Happening::ServiceRestored { server: target, chat_server: server.fqdn.clone() });
        world.service_restored_bell.notify_one();
    }
    let event = world.chat.next_event.get();
    world.chat.next_event.set(event + 1);
    server.compliance.borrow_mut().push(event);
    *server.session.borrow_mut() = Some((target, client));
    Some(number)
}

/// Sends a server's compliance events on to mgccomp, in one statement.
async fn flush_compliance(world: &World, server: &ChatServer) {
    let events = std::mem::take(&mut *server.compliance.borrow_mut());
    if events.is_empty() {
        return;
    }
    let Some((target, mut client)) = server.session.borrow_mut().take() else { return };
    let mut batch = format!(
        "INSERT INTO {}.dbo.tblComplianceData (cmplEventID, entryDate, cmplType, cmplTime, cmplChatID) VALUES ",
        sql::name(&world.file.contents.compliance_database)
    );
    for (at, event) in events.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        batch.push_str(&format!("{comma}({event},GETUTCDATE(),1,GETUTCDATE(),{event})"));
    }
    if sql::run(&mut client, &batch).await.is_ok() {
        let acknowledged = world.now();
        let mut ledger = world.ledger.borrow_mut();
        for event_id in events {
            ledger.enter_compliance_event(QueuedComplianceEvent { event_id, server: target, acknowledged });
        }
    }
    *server.session.borrow_mut() = Some((target, client));
}

/// Posts `messages` evenly over `over`, each by the next server that serves. Returns how many were acknowledged.
pub(crate) async fn post_messages(world: &Rc<World>, messages: u32, over: Duration) -> u32 {
    let start = tokio::time::Instant::now();
    let gap = over / messages.max(1);
    let mut acknowledged = 0;
    for number in 0..messages {
        let due = start + gap * number + world.chat.jitter(gap);
        if due > tokio::time::Instant::now() {
            world.pass_until(due).await;
        }
        if post_by_next_server(world).await {
            acknowledged += 1;
        }
    }
    world.pass_until(start + over).await;
    flush_all_compliance(world).await;
    acknowledged
}

async fn post_by_next_server(world: &Rc<World>) -> bool {
    let servers = &world.chat.servers;
    for _ in 0..servers.len() {
        let server = servers[world.chat.turn.get() % servers.len()].clone();
        world.chat.turn.set(world.chat.turn.get() + 1);
        if server.session.borrow().is_none() {
            continue;
        }
        let is_posted = post(world, &server).await.is_some();
        if server.compliance.borrow().len() >= COMPLIANCE_BATCH {
            flush_compliance(world, &server).await;
        }
        if !is_posted {
            server.bell.notify_one();
        }
        return is_posted;
    }
    false
}

/// Sends every server's compliance events on.
pub(crate) async fn flush_all_compliance(world: &World) {
    for server in &world.chat.servers {
        flush_compliance(world, server).await;
    }
}

/// Opens every active server's connection now, as at the start of a day.
pub(crate) async fn open_all(world: &Rc<World>) {
    for server in &world.chat.servers {
        if wants_service(world, server) {
            open(world, server).await;
        }
    }
}

/// Drops every connection and opens those of the active servers again: the principal has changed.
pub(crate) async fn reopen_all(world: &Rc<World>) {
    for server in &world.chat.servers {
        *server.session.borrow_mut() = None;
    }
    open_all(world).await;
}
