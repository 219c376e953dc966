//! The mirror's side: it takes log from the principal and rolls it forward.

use super::principal::{end_session, with};
use super::protocol::{Hello, Incoming, Message, send};
use super::{Link, MirrorRole, MirrorState, principal};
use crate::engine::{Database, DatabaseId, DatabaseState, EndpointRole, EndpointState};
use crate::instance::Instance;
use crate::log::{LogOp, LogRecord};
use crate::lsn::Lsn;
use crate::messages;
use crate::network::Stream;
use std::io;
use std::rc::Rc;
use uuid::Uuid;

/// How long the old principal has to hang up after a failover.
const FAREWELL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Serves one connection at the endpoint.
pub(super) async fn serve(instance: &Instance, mut stream: Box<dyn Stream>) {
    let is_open = instance.0.engine.borrow().endpoint.as_ref().is_some_and(|endpoint| {
        endpoint.state == EndpointState::Started && endpoint.role != EndpointRole::Witness
    });
    if !is_open {
        return;
    }
    let Ok(Message::Hello(hello)) = Incoming::new(&mut stream).next().await else { return };
    if principal::is_stranger(instance, &hello.credentials) {
        // Whoever is not known is told no more than that there is nothing for him here.
        let _ = send(&mut stream, &Message::Refused(1418)).await;
        return;
    }
    let (answer, accepted) = match judge(instance, &hello) {
        Ok((id, redo_lsn)) => {
            let engine = instance.0.engine.borrow();
            let (server_name, credentials) = (engine.server_name.clone(), engine.credentials());
            (Message::Welcome { redo_lsn, server_name, credentials }, Some(id))
        }
        Err(answer) => (answer, None),
    };
    // Judging may have taken back some of the log.
    if instance.harden().await.is_err() || send(&mut stream, &answer).await.is_err() {
        return;
    }
    let Some(id) = accepted else { return };
    let link = begin(instance, id, &hello);
    let _ = converse(instance, id, hello.guid, &link, stream).await;
    with(instance, id, |mirroring| {
        // A later connection of the same session, or a new role, is not this one's to end.
        if mirroring.role == MirrorRole::Mirror && Rc::ptr_eq(&mirroring.link, &link) {
            mirroring.disconnect();
        }
    });
}

/// Whether this server will be the mirror, and from where on it needs log.
fn judge(instance: &Instance, hello: &Hello) -> Result<(DatabaseId, Lsn), Message> {
    let mut engine = instance.0.engine.borrow_mut();
    let Some(id) = engine.database_id(&hello.database) else { return Err(Message::Refused(1448)) };
    let Some(database) = engine.database_mut(id) else { return Err(Message::Refused(1448)) };
    let Some(mirroring) = &database.mirroring else {
        let number = if database.state == DatabaseState::Restoring { 1416 } else { 1464 };
        return Err(Message::Refused(number));
    };
    if mirroring.role == MirrorRole::Principal {
        let (role_sequence, fork_point) = (mirroring.role_sequence, database.fork_point);
        return Err(match role_sequence > hello.role_sequence && mirroring.guid == hello.guid {
            true => Message::Superseded { role_sequence, fork_point },
            false => Message::Refused(1410),
        });
    }
    if !hello.is_new && mirroring.guid != hello.guid {
        return Err(Message::Refused(1416));
    }
    if hello.is_new && mirroring.state != MirrorState::Disconnected {
        return Err(Message::Refused(1410));
    }
    match check_log(database, hello) {
        Ok(redo_lsn) => Ok((id, redo_lsn)),
        Err(number) => Err(Message::Refused(number)),
    }
}

fn check_log(database: &mut Database, hello: &Hello) -> Result<Lsn, i32> {
    if database.state != DatabaseState::Restoring {
        return Err(1464);
    }
    if database.guids.family != hello.family {
        return Err(1407);
    }
    if database.guids.service_broker != hello.service_broker {
        return Err(1436);
    }
    if database.guids.recovery_fork != hello.recovery_fork {
        // The principal left this copy's path; what is here beyond that point has to go.
        match hello.fork_point {
            Some(fork_point) if database.rewind_to(fork_point) => {}
            _ => return Err(1412),
        }
    }
    let here = database.log.next_lsn();
    if here < hello.first_lsn {
        return Err(1408);
    }
    let oldest_here = database.log.first_lsn();
    if hello.is_new && oldest_here > hello.last_log_backup_lsn {
        return Err(1478);
    }
    Ok(here)
}

/// Takes the principal's word for what only it knows.
fn begin(instance: &Instance, id: DatabaseId, hello: &Hello) -> Rc<Link> {
    let link: Rc<Link> = Rc::default();
    let mut engine = instance.0.engine.borrow_mut();
    let Some(database) = engine.database_mut(id) else { return link };
    database.last_log_backup_lsn = Some(hello.last_log_backup_lsn);
    database.guids.recovery_fork = hello.recovery_fork;
    database.guids.first_recovery_fork = hello.recovery_fork;
    let name = database.name.clone();
    if let Some(mirroring) = &mut database.mirroring {
        mirroring.guid = hello.guid;
        mirroring.safety = hello.safety;
        mirroring.role_sequence = hello.role_sequence;
        mirroring.partner_instance = hello.server_name.clone();
        mirroring.link = link.clone();
        let suspended = hello.is_suspended;
        mirroring.set_state(if suspended { MirrorState::Suspended } else { MirrorState::Synchronizing });
    }
    drop(engine);
    instance.log_line("Mirroring", &messages::error(1441, 1, &[&name]).message);
    link
}

/// Takes log until the connection ends or this side has become the principal.
async fn converse(
    instance: &Instance,
    id: DatabaseId,
    guid: Uuid,
    link: &Link,
    stream: Box<dyn Stream>,
) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut incoming = Incoming::new(reader);
    loop {
        let waiting = link.outbox.borrow_mut().pop_front();
        if let Some(message) = waiting {
            instance.harden().await.map_err(io::Error::other)?;
            send(&mut writer, &message).await?;
            continue;
        }
        if link.hang_up.get() || !is_still_mirror(instance, id, guid) {
            return Ok(());
        }
        let message = tokio::select! {
            biased;
            message = incoming.next() => message?,
            () = link.wake.notified() => continue,
        };
        match message {
            Message::Records { records, next_lsn, is_all } => {
                let hardened = harden(instance, id, records, next_lsn, is_all);
                instance.harden().await.map_err(io::Error::other)?;
                send(&mut writer, &Message::Hardened(hardened)).await?;
            }
            Message::TakeOver => {
                let role_sequence = take_over(instance, id, None);
                instance.harden().await.map_err(io::Error::other)?;
                send(&mut writer, &Message::TookOver { role_sequence }).await?;
                // The old principal reads the answer before the connection goes.
                let _ = tokio::time::timeout(FAREWELL_TIMEOUT, incoming.next()).await;
                principal::start(instance, id, None);
                return Ok(());
            }
            Message::Off => {
                end_session(instance, id);
                return Ok(());
            }
            Message::Suspend => drop(with(instance, id, |m| m.set_state(MirrorState::Suspended))),
            Message::Resume => drop(with(instance, id, |m| m.set_state(MirrorState::Synchronizing))),
            Message::SafetyNow(safety) => drop(with(instance, id, |m| {
                m.safety = safety;
                m.safety_sequence += 1;
            })),
            _ => return Ok(()),
        }
    }
}

fn is_still_mirror(instance: &Instance, id: DatabaseId, guid: Uuid) -> bool {
    let engine = instance.0.engine.borrow();
    let mirroring = engine.database(id).and_then(|d| d.mirroring.as_ref());
    mirroring.is_some_and(|m| m.guid == guid && m.role == MirrorRole::Mirror)
}

/// Writes records to this copy's log and rolls them forward. Returns what is on disk: everything before it.
fn harden(instance: &Instance, id: DatabaseId, records: Vec<LogRecord>, next_lsn: Lsn, is_all: bool) -> Lsn {
    let mut engine = instance.0.engine.borrow_mut();
    let Some(database) = engine.database_mut(id) else { return Lsn::ZERO };
    let mut is_image_due = false;
    for record in &records {
        database.recovery.redo(&mut database.content, record);
        match &record.op {
            LogOp::LogBackedUp(lsn) => {
                database.last_log_backup_lsn = Some(*lsn);
                database.guids.first_recovery_fork = database.guids.recovery_fork;
                is_image_due = true;
            }
            LogOp::Checkpoint => is_image_due = true,
            _ => {}
        }
    }
    database.next_transaction = database.next_transaction.max(database.recovery.highest_transaction());
    database.log.adopt(records, next_lsn);
    database.redo_start_lsn = Some(next_lsn);
    if is_image_due {
        database.save_image();
        database.truncate_log();
    }
    if let Some(mirroring) = &mut database.mirroring {
        mirroring.failover_lsn = next_lsn;
        mirroring.end_of_log_lsn = next_lsn;
        if is_all && mirroring.state == MirrorState::Synchronizing {
            mirroring.set_state(MirrorState::Synchronized);
        }
    }
    next_lsn
}

/// The mirror becomes the principal. A new recovery path begins only when service was forced.
pub(super) fn take_over(instance: &Instance, id: DatabaseId, forced_fork: Option<Uuid>) -> i32 {
    let (name, role_sequence): (Rc<str>, i32) = {
        let mut engine = instance.0.engine.borrow_mut();
        let Some(database) = engine.database_mut(id) else { return 0 };
        let chain = database.last_log_backup_lsn;
        database.bring_online(forced_fork);
        database.last_log_backup_lsn = chain;
        let end = database.log.next_lsn();
        let mut role_sequence = 0;
        if let Some(mirroring) = &mut database.mirroring {
            mirroring.role = MirrorRole::Principal;
            mirroring.role_sequence += 1;
            role_sequence = mirroring.role_sequence;
            mirroring.end_of_log_lsn = end;
            let forced = forced_fork.is_some();
            mirroring.set_state(if forced { MirrorState::Suspended } else { MirrorState::Disconnected });
        }
        (database.name.clone(), role_sequence)
    };
    instance.log_line("Mirroring", &messages::error(1440, 1, &[&name]).message);
    role_sequence
}

impl Database {
    /// Takes back what was rolled forward beyond `lsn`. `false` when the tables on disk are newer than that.
    fn rewind_to(&mut self, lsn: Lsn) -> bool {
        if self.log.next_lsn() <= lsn {
            return true;
        }
        if self.checkpoint.lsn > lsn {
            return false;
        }
        self.rewind_log(lsn);
        true
    }
}
