//! Database mirroring: log records over a byte stream from principal to mirror.

use crate::engine::CommitTicket;
use crate::error::SqlResult;
use crate::instance::Instance;
use crate::lsn::Lsn;
use crate::network::Stream;
use crate::session::Session;
use std::rc::Rc;

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
    /// `mirroring_failover_lsn`.
    pub failover_lsn: Lsn,
    /// `mirroring_end_of_log_lsn`.
    pub end_of_log_lsn: Lsn,
    /// PARTNER TIMEOUT in seconds.
    pub timeout_s: u32,
}

impl MirrorSession {
    /// Whether a commit has to wait for the mirror's acknowledgement.
    pub(crate) fn holds_commits(&self) -> bool {
        self.role == MirrorRole::Principal
            && self.safety == Safety::Full
            && matches!(self.state, MirrorState::Synchronized)
    }

    /// Tells the sender that there is something to send.
    pub(crate) fn wake(&self) {}

    /// The connection is gone.
    pub(crate) fn disconnect(&mut self) {
        if self.state != MirrorState::Suspended {
            self.state = MirrorState::Disconnected;
        }
    }

    /// The oldest log the partner may still need.
    pub(crate) fn needed_lsn(&self) -> Lsn {
        self.failover_lsn
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
    let _ = (instance, session, database, command);
    Ok(())
}

/// Serves a connection that arrived at the mirroring endpoint, until it ends.
pub async fn accept(instance: &Instance, stream: Box<dyn Stream>) {
    let _ = (instance, stream);
}

/// Waits until a synchronous mirror has what was committed; at once when none is needed.
pub async fn commit_wait(instance: &Instance, ticket: CommitTicket) {
    let _ = (instance, ticket);
}
