//! Database mirroring: log records over a byte stream from principal to mirror.
//!
//! The principal connects out ([`principal`]), the other side arrives at the
//! endpoint and is served as the mirror ([`mirror`]). Nothing is shared but
//! the stream. A synchronous commit is told to the client when the mirror has
//! it on disk; without a mirror the principal goes on alone.

mod commands;
mod mirror;
mod principal;
mod protocol;
#[cfg(test)]
mod tests;

use crate::engine::{CommitTicket, DatabaseId};
use crate::error::SqlResult;
use crate::instance::Instance;
use crate::lsn::Lsn;
use crate::network::Stream;
use crate::session::Session;
use protocol::Message;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// `mirroring_role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorRole {
    /// 1
    Principal,
    /// 2
    Mirror,
}

/// `mirroring_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorState {
    /// 0
    Suspended,
    /// 1
    Disconnected,
    /// 2
    Synchronizing,
    /// 3
    PendingFailover,
    /// 4
    Synchronized,
}

/// `mirroring_safety_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// 1: asynchronous
    Off,
    /// 2: synchronous
    Full,
}

/// The way to whoever holds the connection to the partner.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// There is something to send.
    wake: Notify,
    /// The state or what the mirror has changed.
    changed: Notify,
    outbox: RefCell<VecDeque<Message>>,
    /// The connection is to be given up: the partner does not answer.
    hang_up: Cell<bool>,
}

impl Link {
    fn send(&self, message: Message) {
        self.outbox.borrow_mut().push_back(message);
        self.wake.notify_one();
    }
}

/// What `sys.database_mirroring` shows of a mirrored database.
#[derive(Debug)]
pub struct MirrorSession {
    /// `mirroring_guid`.
    pub guid: uuid::Uuid,
    /// Role.
    pub role: MirrorRole,
    /// State.
    pub state: MirrorState,
    /// Safety.
    pub safety: Safety,
    /// `mirroring_role_sequence`.
    pub role_sequence: i32,
    /// `mirroring_safety_sequence`.
    pub safety_sequence: i32,
    /// `TCP://host:port` of the partner.
    pub partner_name: Rc<str>,
    /// The partner's server name, once known.
    pub partner_instance: Rc<str>,
    /// `mirroring_failover_lsn`: what both partners have on disk.
    pub failover_lsn: Lsn,
    /// `mirroring_end_of_log_lsn`.
    pub end_of_log_lsn: Lsn,
    /// PARTNER TIMEOUT in seconds.
    pub timeout_s: u32,
    pub(crate) link: Rc<Link>,
}

impl MirrorSession {
    pub(crate) fn new(guid: uuid::Uuid, role: MirrorRole, partner_name: &str) -> Self {
        Self {
            guid,
            role,
            state: MirrorState::Disconnected,
            safety: Safety::Full,
            role_sequence: 1,
            safety_sequence: 1,
            partner_name: partner_name.into(),
            partner_instance: "".into(),
            failover_lsn: Lsn::ZERO,
            end_of_log_lsn: Lsn::ZERO,
            timeout_s: 10,
            link: Rc::default(),
        }
    }

    /// Whether a commit has to wait for the mirror's acknowledgement.
    pub(crate) fn holds_commits(&self) -> bool {
        self.role == MirrorRole::Principal
            && self.safety == Safety::Full
            && self.state == MirrorState::Synchronized
    }

    /// Tells the sender that there is something to send.
    pub(crate) fn wake(&self) {
        self.link.wake.notify_one();
    }

    /// Closes the connection, if there is one.
    pub(crate) fn hang_up(&self) {
        self.link.hang_up.set(true);
        self.link.wake.notify_one();
    }

    /// The connection is gone.
    pub(crate) fn disconnect(&mut self) {
        if self.state != MirrorState::Suspended {
            self.state = MirrorState::Disconnected;
        }
        self.link.hang_up.set(false);
        self.link.outbox.borrow_mut().clear();
        self.link.changed.notify_waiters();
    }

    fn set_state(&mut self, state: MirrorState) {
        self.state = state;
        self.link.changed.notify_waiters();
    }

    /// The oldest log the partner may still need.
    pub(crate) fn needed_lsn(&self) -> Lsn {
        match self.role {
            MirrorRole::Principal => self.failover_lsn,
            MirrorRole::Mirror => Lsn { vlf: u32::MAX, block: 0, slot: 0 },
        }
    }
}

/// `ALTER DATABASE … SET PARTNER …` and `SET WITNESS …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartnerCommand {
    /// `= 'TCP://host:port'`
    Set(String),
    /// FAILOVER
    Failover,
    /// FORCE_SERVICE_ALLOW_DATA_LOSS
    ForceService,
    /// OFF
    Off,
    /// SUSPEND
    Suspend,
    /// RESUME
    Resume,
    /// SAFETY FULL or OFF
    Safety(Safety),
    /// TIMEOUT seconds
    Timeout(u32),
    /// WITNESS = 'TCP://host:port'
    Witness(String),
    /// WITNESS OFF
    WitnessOff,
}

/// Carries out a mirroring command.
///
/// # Errors
/// The mirroring messages 1400 to 1499.
pub async fn command(
    instance: &Instance,
    session: &Rc<Session>,
    database: &str,
    command: &PartnerCommand,
) -> SqlResult<()> {
    commands::run(instance, session, database, command).await
}

/// Serves a connection that arrived at the mirroring endpoint, until it ends.
pub async fn accept(instance: &Instance, stream: Box<dyn Stream>) {
    mirror::serve(instance, stream).await;
}

/// Goes on with every mirrored database after the server has started.
pub(crate) fn resume_all(instance: &Instance) {
    let principals: Vec<DatabaseId> = {
        let engine = instance.0.engine.borrow();
        let is_principal = |m: &MirrorSession| m.role == MirrorRole::Principal;
        engine.databases().filter(|d| d.mirroring.as_ref().is_some_and(is_principal)).map(|d| d.id).collect()
    };
    for id in principals {
        principal::start(instance, id, None);
    }
}

/// Waits until a synchronous mirror has what was committed; at once when none is needed.
///
/// A mirror that does not answer within its TIMEOUT is given up, and the principal goes on alone.
pub async fn commit_wait(instance: &Instance, ticket: CommitTicket) {
    for (database, lsn) in ticket.waits {
        loop {
            let (link, timeout_s) = {
                let engine = instance.0.engine.borrow();
                let mirroring = engine.database(database).and_then(|d| d.mirroring.as_ref());
                match mirroring.filter(|m| m.holds_commits() && m.failover_lsn <= lsn) {
                    Some(mirroring) => (mirroring.link.clone(), mirroring.timeout_s),
                    None => break,
                }
            };
            let timeout = Duration::from_secs(u64::from(timeout_s));
            if tokio::time::timeout(timeout, link.changed.notified()).await.is_err() {
                give_up(instance, database, &link);
                break;
            }
        }
    }
}

/// The partner is silent: the connection is closed, the database is exposed.
fn give_up(instance: &Instance, database: DatabaseId, link: &Link) {
    link.hang_up.set(true);
    link.wake.notify_one();
    let mut engine = instance.0.engine.borrow_mut();
    let Some(found) = engine.database_mut(database) else { return };
    let name = found.name.clone();
    if let Some(mirroring) = &mut found.mirroring {
        let error = crate::messages::error(1479, 1, &[&mirroring.partner_name, &name, &mirroring.timeout_s]);
        mirroring.set_state(MirrorState::Disconnected);
        drop(engine);
        instance.log_line("Mirroring", &error.message);
    }
}
