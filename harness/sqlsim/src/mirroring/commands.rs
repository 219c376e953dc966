//! ALTER DATABASE … SET PARTNER and SET WITNESS.

use super::principal::{self, Refusal, parse_address, refusal_error, with};
use super::protocol::Message;
use super::{MirrorRole, MirrorSession, MirrorState, PartnerCommand, Safety, mirror};
use crate::engine::{
    Database, DatabaseId, DatabaseState, EndpointState, RecoveryModel, UserAccess, same_name,
};
use crate::error::{SqlError, SqlResult};
use crate::instance::Instance;
use crate::messages;
use crate::session::Session;
use std::time::Duration;

/// How long a failover may take before it is given up.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn run(
    instance: &Instance,
    session: &Session,
    database: &str,
    command: &PartnerCommand,
) -> SqlResult<()> {
    let (id, name) = {
        let engine = instance.0.engine.borrow();
        let found = engine.database_by_name(database);
        let may = |d: &&Database| session.acts_as_sysadmin() || same_name(&d.owner, &session.acting_login());
        let found = found.filter(may).ok_or_else(|| messages::error(5011, 1, &[&database]))?;
        (found.id, found.name.clone())
    };
    match command {
        PartnerCommand::Set(address) => return set(instance, id, &name, address).await,
        PartnerCommand::Witness(_) => return Err(messages::unsupported(&"ALTER DATABASE … SET WITNESS")),
        _ => {}
    }
    let (role, state, safety) = with(instance, id, |m| (m.role, m.state, m.safety))
        .ok_or_else(|| messages::error(1416, 1, &[&name]))?;
    let only_principal = || match role {
        MirrorRole::Principal => Ok(()),
        MirrorRole::Mirror => Err(messages::error(1470, 1, &[&name])),
    };
    match command {
        PartnerCommand::Failover => {
            only_principal()?;
            fail_over(instance, session, id, &name, state, safety).await
        }
        PartnerCommand::ForceService => force_service(instance, id, &name, role, state),
        PartnerCommand::Off => {
            tell(instance, id, Message::Off);
            // Whoever holds the connection sends the farewell before it finds the session gone.
            tokio::task::yield_now().await;
            principal::end_session(instance, id);
            Ok(())
        }
        PartnerCommand::Suspend => {
            tell(instance, id, Message::Suspend);
            with(instance, id, |m| m.set_state(MirrorState::Suspended));
            Ok(())
        }
        PartnerCommand::Resume => {
            only_principal()?;
            resume(instance, id, &name, state)
        }
        PartnerCommand::Safety(safety) => {
            only_principal()?;
            tell(instance, id, Message::SafetyNow(*safety));
            with(instance, id, |m| {
                m.safety = *safety;
                m.safety_sequence += 1;
                m.link.changed.notify_waiters();
            });
            Ok(())
        }
        PartnerCommand::Timeout(seconds) => {
            only_principal()?;
            if *seconds > 32_767 {
                return Err(messages::error(1476, 1, &[seconds]));
            }
            with(instance, id, |m| m.timeout_s = (*seconds).max(5));
            Ok(())
        }
        PartnerCommand::WitnessOff => Err(messages::error(1439, 1, &[&name])),
        PartnerCommand::Set(_) | PartnerCommand::Witness(_) => Ok(()),
    }
}

/// Puts a message on the wire, when there is one.
fn tell(instance: &Instance, id: DatabaseId, message: Message) {
    with(instance, id, |mirroring| {
        if mirroring.state != MirrorState::Disconnected {
            mirroring.link.send(message);
        }
    });
}

async fn set(instance: &Instance, id: DatabaseId, name: &str, address: &str) -> SqlResult<()> {
    let (host, _) = parse_address(address).ok_or_else(|| messages::error(1449, 1, &[]))?;
    let is_restoring = {
        let mut engine = instance.0.engine.borrow_mut();
        let is_open = engine.endpoint.as_ref().is_some_and(|e| e.state == EndpointState::Started);
        let guid = engine.new_guid();
        let database = engine.database_mut(id).ok_or_else(|| messages::error(5011, 1, &[&name]))?;
        if host.eq_ignore_ascii_case(&instance.0.config.host) {
            return Err(messages::error(1452, 1, &[]));
        }
        check_database(database)?;
        if !is_open {
            return Err(messages::error(1418, 1, &[&address]));
        }
        let is_restoring = database.state == DatabaseState::Restoring;
        let role = if is_restoring { MirrorRole::Mirror } else { MirrorRole::Principal };
        database.mirroring = Some(MirrorSession::new(guid, role, address));
        is_restoring
    };
    if is_restoring {
        return Ok(());
    }
    match principal::connect(instance, id, true).await {
        Ok(welcomed) => {
            instance.log_line("Mirroring", &messages::error(1440, 1, &[&name]).message);
            principal::start(instance, id, Some(welcomed));
            Ok(())
        }
        Err(refusal) => {
            forget(instance, id);
            Err(set_error(&refusal, name, address))
        }
    }
}

fn set_error(refusal: &Refusal, name: &str, address: &str) -> SqlError {
    refusal_error(refusal, name, address)
}

/// SET PARTNER failed: the database is as it was.
fn forget(instance: &Instance, id: DatabaseId) {
    if let Some(database) = instance.0.engine.borrow_mut().database_mut(id) {
        database.mirroring = None;
    }
}

/// Whether a database can be mirrored.
fn check_database(database: &Database) -> SqlResult<()> {
    let name = &database.name;
    if database.mirroring.is_some() {
        return Err(messages::error(1405, 1, &[name]));
    }
    if database.is_system() {
        return Err(messages::error(1415, 1, &[name]));
    }
    if database.recovery_model != RecoveryModel::Full {
        return Err(messages::error(1465, 1, &[name]));
    }
    if database.is_read_only || database.in_standby() {
        return Err(messages::error(1466, 1, &[name]));
    }
    if database.user_access == UserAccess::Single {
        return Err(messages::error(1488, 1, &[name]));
    }
    if database.options.auto_close {
        return Err(messages::error(1469, 1, &[name]));
    }
    match database.state {
        DatabaseState::Online | DatabaseState::Restoring => Ok(()),
        _ => Err(messages::error(1467, 1, &[name])),
    }
}

/// The roles change places; everybody in the database is disconnected.
async fn fail_over(
    instance: &Instance,
    session: &Session,
    id: DatabaseId,
    name: &str,
    state: MirrorState,
    safety: Safety,
) -> SqlResult<()> {
    if session.state.borrow().database_id == id {
        return Err(messages::error(5001, 1, &[]));
    }
    if safety == Safety::Off {
        return Err(messages::error(1477, 1, &[&name]));
    }
    if state != MirrorState::Synchronized {
        return Err(messages::error(1422, 2, &[&name]));
    }
    {
        let mut engine = instance.0.engine.borrow_mut();
        let users: Vec<_> = engine.locks.users_of(id).filter(|user| *user != session.id).collect();
        for user in users {
            if let Some(user) = instance.0.sessions.borrow().get(user) {
                user.kill();
            }
        }
        engine.roll_back_in(id);
        if let Some(database) = engine.database_mut(id) {
            database.log.flush();
            database.state = DatabaseState::Recovering;
        }
    }
    let link = with(instance, id, |m| {
        m.set_state(MirrorState::PendingFailover);
        m.link.send(Message::TakeOver);
        m.link.clone()
    });
    let Some(link) = link else { return Err(messages::error(1416, 1, &[&name])) };
    let swapped = async {
        loop {
            let notified = link.changed.notified();
            match with(instance, id, |m| (m.role, m.state)) {
                Some((MirrorRole::Mirror, _)) => return true,
                Some((MirrorRole::Principal, MirrorState::PendingFailover)) => notified.await,
                _ => return false,
            }
        }
    };
    if tokio::time::timeout(FAILOVER_TIMEOUT, swapped).await == Ok(true) {
        return Ok(());
    }
    if let Some(database) = instance.0.engine.borrow_mut().database_mut(id) {
        database.state = DatabaseState::Online;
    }
    Err(messages::error(1422, 2, &[&name]))
}

/// The mirror becomes the principal without the old one; what it did not get is lost.
fn force_service(
    instance: &Instance,
    id: DatabaseId,
    name: &str,
    role: MirrorRole,
    state: MirrorState,
) -> SqlResult<()> {
    let may = role == MirrorRole::Mirror && matches!(state, MirrorState::Disconnected);
    if !may {
        return Err(messages::error(1455, 2, &[&name]));
    }
    let fork = instance.0.engine.borrow_mut().new_guid();
    mirror::take_over(instance, id, Some(fork));
    principal::start(instance, id, None);
    Ok(())
}

fn resume(instance: &Instance, id: DatabaseId, name: &str, state: MirrorState) -> SqlResult<()> {
    if state != MirrorState::Suspended {
        return Err(messages::error(1415, 1, &[&name]));
    }
    with(instance, id, |m| {
        // Without a connection the next try synchronizes; with one, sending goes on at once.
        m.set_state(MirrorState::Synchronizing);
        m.link.send(Message::Resume);
    });
    Ok(())
}
