//! The principal's side: it connects to the mirror and sends its log.

use super::protocol::{Hello, Incoming, Message, send};
use super::{Link, MirrorRole, MirrorSession, MirrorState};
use crate::engine::endpoints::Credentials;
use crate::engine::{Database, DatabaseId, DatabaseState, Engine};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::log::LogRecord;
use crate::lsn::Lsn;
use crate::messages;
use crate::network::Stream;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWrite;
use uuid::Uuid;

/// The first pause before a lost mirror is tried again; it doubles each time.
const RETRY_FIRST: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_secs(320);
/// How many records go into one frame.
const RECORDS_PER_FRAME: usize = 512;

/// A connection whose other side has said welcome.
pub(super) struct Welcomed {
    stream: Box<dyn Stream>,
    redo_lsn: Lsn,
    server_name: Rc<str>,
}

/// Why there is no connection.
pub(super) enum Refusal {
    /// Nobody there, or nobody that speaks this protocol (1418).
    Unreachable,
    /// The partner says no, with this message.
    Number(i32),
    /// The partner is the principal now.
    Superseded { role_sequence: i32 },
}

/// `TCP://host:port`.
pub(super) fn parse_address(address: &str) -> Option<(&str, u16)> {
    let rest =
        address.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("tcp://")).map(|_| &address[6..])?;
    let (host, port) = rest.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    Some((host, port)).filter(|_| !host.is_empty() && !host.contains(['/', ' ']))
}

/// Runs a principal's mirroring as a task of the server until the role changes.
pub(super) fn start(instance: &Instance, id: DatabaseId, welcomed: Option<Welcomed>) {
    let this = instance.clone();
    let _ = instance.spawn(async move { run(&this, id, welcomed).await });
}

async fn run(instance: &Instance, id: DatabaseId, mut welcomed: Option<Welcomed>) {
    let mut pause = RETRY_FIRST;
    let Some((guid, link)) = identity(instance, id) else { return };
    while is_still_principal(instance, id, guid) {
        let connection = match welcomed.take() {
            Some(connection) => Ok(connection),
            None => connect(instance, id, false).await,
        };
        match connection {
            Ok(connection) => {
                pause = RETRY_FIRST;
                let _ = converse(instance, id, guid, &link, connection).await;
                if !is_still_principal(instance, id, guid) {
                    return;
                }
                with(instance, id, |mirroring| mirroring.disconnect());
            }
            Err(Refusal::Superseded { role_sequence }) => {
                step_down(instance, id, role_sequence, MirrorState::Suspended);
                return;
            }
            Err(Refusal::Unreachable | Refusal::Number(_)) => {
                with(instance, id, |mirroring| mirroring.disconnect());
            }
        }
        // A link that comes back is used at the next try; SET PARTNER RESUME tries at once.
        let _ = tokio::time::timeout(pause, link.wake.notified()).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

fn identity(instance: &Instance, id: DatabaseId) -> Option<(Uuid, Rc<Link>)> {
    let engine = instance.0.engine.borrow();
    let mirroring = engine.database(id)?.mirroring.as_ref()?;
    Some((mirroring.guid, mirroring.link.clone()))
}

fn is_still_principal(instance: &Instance, id: DatabaseId, guid: Uuid) -> bool {
    let engine = instance.0.engine.borrow();
    let mirroring = engine.database(id).and_then(|d| d.mirroring.as_ref());
    mirroring.is_some_and(|m| m.guid == guid && m.role == MirrorRole::Principal)
}

/// Runs `change` on a database's mirroring, if it has any.
pub(super) fn with<T>(
    instance: &Instance,
    id: DatabaseId,
    change: impl FnOnce(&mut MirrorSession) -> T,
) -> Option<T> {
    instance.0.engine.borrow_mut().database_mut(id)?.mirroring.as_mut().map(change)
}

fn hello(engine: &Engine, database: &Database, is_new: bool) -> Option<Hello> {
    let mirroring = database.mirroring.as_ref()?;
    Some(Hello {
        database: database.name.clone(),
        guid: mirroring.guid,
        is_new,
        family: database.guids.family,
        service_broker: database.guids.service_broker,
        recovery_fork: database.guids.recovery_fork,
        fork_point: database.fork_point,
        first_lsn: database.log.first_lsn(),
        last_log_backup_lsn: database.last_log_backup_lsn.unwrap_or(Lsn::ZERO),
        safety: mirroring.safety,
        role_sequence: mirroring.role_sequence,
        server_name: engine.server_name.clone(),
        is_suspended: mirroring.state == MirrorState::Suspended,
        credentials: engine.credentials(),
    })
}

/// Whether the endpoint here does not know whoever shows these credentials; the error log tells why.
pub(super) fn is_stranger(instance: &Instance, credentials: &Credentials) -> bool {
    let Err(why) = instance.0.engine.borrow().trusts(credentials) else { return false };
    let text =
        format!("Database Mirroring login attempt failed with error: 'Connection handshake failed. {why}'.");
    instance.log_line("Logon", &text);
    true
}

/// Connects to the partner and introduces this database.
pub(super) async fn connect(instance: &Instance, id: DatabaseId, is_new: bool) -> Result<Welcomed, Refusal> {
    let (hello, address) = {
        let engine = instance.0.engine.borrow();
        let database = engine.database(id).ok_or(Refusal::Unreachable)?;
        let hello = hello(&engine, database, is_new).ok_or(Refusal::Unreachable)?;
        let address = database.mirroring.as_ref().map(|m| m.partner_name.clone());
        (hello, address.ok_or(Refusal::Unreachable)?)
    };
    let (host, port) = parse_address(&address).ok_or(Refusal::Unreachable)?;
    let stream = instance.0.network.connect(host, port).await;
    let mut stream = stream.map_err(|_| Refusal::Unreachable)?;
    instance.harden().await.map_err(|_| Refusal::Unreachable)?;
    send(&mut stream, &Message::Hello(Box::new(hello))).await.map_err(|_| Refusal::Unreachable)?;
    let mut incoming = Incoming::new(&mut stream);
    match incoming.next().await {
        Ok(Message::Welcome { redo_lsn, server_name, credentials }) => {
            if is_stranger(instance, &credentials) {
                return Err(Refusal::Unreachable);
            }
            Ok(Welcomed { stream, redo_lsn, server_name })
        }
        Ok(Message::Refused(number)) => Err(Refusal::Number(number)),
        Ok(Message::Superseded { role_sequence, .. }) => Err(Refusal::Superseded { role_sequence }),
        _ => Err(Refusal::Unreachable),
    }
}

/// What SET PARTNER says to a refusal.
pub(super) fn refusal_error(refusal: &Refusal, database: &str, address: &str) -> SqlError {
    match refusal {
        Refusal::Unreachable => messages::error(1418, 1, &[&address]),
        Refusal::Superseded { .. } => messages::error(1410, 1, &[&database]),
        Refusal::Number(number) => match number {
            1407 | 1408 | 1410 | 1412 | 1416 | 1436 | 1448 | 1464 | 1478 => {
                messages::error(*number, 1, &[&database])
            }
            _ => messages::error(1418, 1, &[&address]),
        },
    }
}

/// Sends log and hears acknowledgements until the connection ends.
async fn converse(
    instance: &Instance,
    id: DatabaseId,
    guid: Uuid,
    link: &Link,
    connection: Welcomed,
) -> io::Result<()> {
    with(instance, id, |mirroring| {
        mirroring.partner_instance = connection.server_name.clone();
        mirroring.failover_lsn = connection.redo_lsn;
        if mirroring.state != MirrorState::Suspended {
            mirroring.set_state(MirrorState::Synchronizing);
        }
    });
    let (reader, mut writer) = tokio::io::split(connection.stream);
    let mut incoming = Incoming::new(reader);
    let mut next_lsn = connection.redo_lsn;
    let mut has_greeted = false;
    loop {
        // A farewell goes out even though the session is over on this side.
        if !is_still_principal(instance, id, guid) {
            return send_outbox(link, &mut writer).await.map(drop);
        }
        if link.hang_up.replace(false) {
            return Ok(());
        }
        send_log(instance, id, &mut writer, &mut next_lsn, &mut has_greeted).await?;
        instance.harden().await.map_err(io::Error::other)?;
        if send_outbox(link, &mut writer).await? {
            // After RESUME the mirror has to hear where the log ends, even when nothing is new.
            has_greeted = false;
            continue;
        }
        tokio::select! {
            biased;
            message = incoming.next() => {
                if !hear(instance, id, link, message?) {
                    return Ok(());
                }
            }
            () = link.wake.notified() => {}
        }
    }
}

/// Sends messages that wait; `true` when RESUME was among them.
async fn send_outbox(link: &Link, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
    let mut has_resumed = false;
    loop {
        let message = link.outbox.borrow_mut().pop_front();
        let Some(message) = message else { return Ok(has_resumed) };
        has_resumed |= message == Message::Resume;
        send(writer, &message).await?;
    }
}

/// Sends what is on disk and was not sent yet.
async fn send_log(
    instance: &Instance,
    id: DatabaseId,
    writer: &mut (impl AsyncWrite + Unpin),
    next_lsn: &mut Lsn,
    has_greeted: &mut bool,
) -> io::Result<()> {
    loop {
        let frame = {
            let engine = instance.0.engine.borrow();
            let Some(database) = engine.database(id) else { return Ok(()) };
            let is_suspended = database.mirroring.as_ref().is_none_or(|m| m.state == MirrorState::Suspended);
            let flushed = database.log.flushed_lsn();
            let pending = database.log.records_from(*next_lsn).filter(|r| Some(r.lsn) <= flushed);
            let records: Vec<LogRecord> = pending.take(RECORDS_PER_FRAME).cloned().collect();
            if is_suspended || records.is_empty() && *has_greeted {
                return Ok(());
            }
            let is_all = records.len() < RECORDS_PER_FRAME;
            let after = records.last().map_or(*next_lsn, |last| after_record(database, last.lsn));
            Message::Records { records, next_lsn: after, is_all }
        };
        if let Message::Records { next_lsn: after, is_all, .. } = &frame {
            (*next_lsn, *has_greeted) = (*after, true);
            let is_all = *is_all;
            // A partner must never have log that this server could lose.
            instance.harden().await.map_err(io::Error::other)?;
            send(writer, &frame).await?;
            if is_all {
                return Ok(());
            }
        }
    }
}

/// The LSN of the record behind `lsn`.
fn after_record(database: &Database, lsn: Lsn) -> Lsn {
    let next = database.log.records_from(lsn).nth(1).map(|r| r.lsn);
    next.unwrap_or_else(|| database.log.next_lsn())
}

/// Takes in what the mirror says. `false` ends the conversation.
fn hear(instance: &Instance, id: DatabaseId, link: &Link, message: Message) -> bool {
    match message {
        Message::Hardened(lsn) => {
            let mut engine = instance.0.engine.borrow_mut();
            let Some(database) = engine.database_mut(id) else { return false };
            let flushed = database.log.flushed_lsn();
            let Some(mirroring) = &mut database.mirroring else { return false };
            mirroring.failover_lsn = mirroring.failover_lsn.max(lsn);
            if mirroring.state == MirrorState::Synchronizing && flushed.is_none_or(|flushed| lsn > flushed) {
                mirroring.set_state(MirrorState::Synchronized);
            }
            link.changed.notify_waiters();
            true
        }
        Message::TookOver { role_sequence } => {
            step_down(instance, id, role_sequence, MirrorState::Disconnected);
            false
        }
        Message::Off => {
            end_session(instance, id);
            false
        }
        Message::Suspend => {
            with(instance, id, |mirroring| mirroring.set_state(MirrorState::Suspended));
            true
        }
        _ => false,
    }
}

/// Mirroring is over on this side: the database stays as it is.
pub(super) fn end_session(instance: &Instance, id: DatabaseId) {
    let name = {
        let mut engine = instance.0.engine.borrow_mut();
        let Some(database) = engine.database_mut(id) else { return };
        let Some(mirroring) = database.mirroring.take() else { return };
        if mirroring.role == MirrorRole::Mirror {
            database.redo_start_lsn = Some(database.log.next_lsn());
            database.save_image();
        }
        mirroring.link.changed.notify_waiters();
        mirroring.link.wake.notify_one();
        database.name.clone()
    };
    instance.log_line("Mirroring", &messages::error(1443, 1, &[&name]).message);
}

/// The other side is the principal now: this copy becomes its mirror.
pub(super) fn step_down(instance: &Instance, id: DatabaseId, role_sequence: i32, state: MirrorState) {
    let name = {
        let mut engine = instance.0.engine.borrow_mut();
        // In use or not: whoever is in the database loses it.
        let users: Vec<_> = engine.locks.users_of(id).collect();
        for user in users {
            if let Some(session) = instance.0.sessions.borrow().get(user) {
                session.kill();
            }
        }
        engine.roll_back_in(id);
        let Some(database) = engine.database_mut(id) else { return };
        database.log.flush();
        database.recovery = database.open_transactions();
        database.state = DatabaseState::Restoring;
        database.redo_start_lsn = Some(database.log.next_lsn());
        if let Some(mirroring) = &mut database.mirroring {
            mirroring.role = MirrorRole::Mirror;
            mirroring.role_sequence = role_sequence;
            mirroring.set_state(state);
        }
        database.name.clone()
    };
    instance.log_line("Mirroring", &messages::error(1441, 1, &[&name]).message);
}
