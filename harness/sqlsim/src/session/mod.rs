//! A session: who is connected, what it is doing, and the answer it is being sent.
//!
//! `session` owns login, the request loop, attention and kill. It hands each
//! request to [`crate::exec`] with a [`Sink`] for the answer.

pub(crate) mod background;
pub mod collecting;
pub mod endpoint;
mod greeting;
mod handshake;
mod login;
pub mod open;
pub mod rpc;
pub(crate) mod serve;
pub mod sink;
mod wire;

use crate::engine::{Caller, Engine};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::Notify;

pub use collecting::{CollectedSet, CollectingSink};
pub use endpoint::{Encrypted, EncryptionPolicy, Endpoint, Handshake, Limits, Tls};
pub use open::{Introduction, OpenSession};
pub use rpc::{RpcParam, RpcProcedure, RpcRequest, TransactionRequest};
pub use sink::Sink;

/// How much of a request's text is kept for those who look, in bytes.
const LAST_TEXT_BYTES_MAX: usize = 64 * 1024;

/// Session id (SPID). User sessions start at 51.
pub type SessionId = u16;

/// One session. Shared between its task, the catalog's views and KILL.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When it logged in (UTC).
    pub login_time: jiff::Timestamp,
    /// Login name.
    pub login: String,
    /// Whether the login is a sysadmin.
    pub is_sysadmin: bool,
    /// Client's host name; may be empty.
    pub host_name: String,
    /// Client's application name.
    pub program_name: String,
    /// Client library's name.
    pub client_interface: String,
    /// Client's process id.
    pub client_pid: u32,
    /// How it is connected.
    pub connection: Connection,
    /// False for the server's own sessions.
    pub is_user_process: bool,
    /// As whom it acts now: its login, or whom EXECUTE AS named last.
    pub(crate) caller: RefCell<Rc<Caller>>,
    /// What REVERT goes back to, innermost last.
    pub(crate) impersonated: RefCell<Vec<Impersonated>>,
    /// What changes while it lives.
    pub state: RefCell<SessionState>,
    /// What requests leave behind for the next one.
    pub exec: RefCell<crate::exec::ExecState>,
    /// Set by KILL; the session ends at its next await.
    pub killed: Cell<bool>,
    /// Wakes the session's task after `killed` was set.
    pub kill_notice: Notify,
}

/// How a session is connected, as `sys.dm_exec_connections` shows it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Address of the client, or `<local machine>`.
    pub address: Rc<str>,
    /// Whether everything behind the login is encrypted.
    pub is_encrypted: bool,
    /// The packet size agreed on, in bytes.
    pub packet_bytes: usize,
    /// The protocol's version, as LOGINACK carries it.
    pub protocol_version: u32,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            address: LOCAL_MACHINE.into(),
            is_encrypted: false,
            packet_bytes: crate::tds::packet::PACKET_BYTES_DEFAULT,
            protocol_version: crate::tds::TdsVersion::V7_4.number(),
        }
    }
}

/// The address of a client on the server's own machine.
pub(crate) const LOCAL_MACHINE: &str = "<local machine>";

/// The changing part of a session, as `sys.dm_exec_sessions` and `sp_who2` show it.
#[derive(Clone, Debug)]
pub struct SessionState {
    /// Current database.
    pub database_id: u32,
    /// `running`, `sleeping`, `suspended`, `runnable`, `background`.
    pub status: &'static str,
    /// When the last request started (UTC).
    pub last_request_start: jiff::Timestamp,
    /// When the last request ended (UTC).
    pub last_request_end: jiff::Timestamp,
    /// Open transactions (`@@TRANCOUNT`).
    pub open_transactions: u32,
    /// The session that blocks this one.
    pub blocked_by: Option<SessionId>,
    /// What it waits for (`LCK_M_X` …); empty when it does not wait.
    pub wait_type: &'static str,
    /// The resource it waits for.
    pub wait_resource: String,
    /// Simulated processor time.
    pub cpu_ms: u32,
    /// Reads and writes.
    pub physical_io: u64,
    /// The running request.
    pub request: Option<Request>,
    /// The last batch, or the last procedure's name: DBCC INPUTBUFFER, `sys.dm_exec_sql_text`.
    pub last_text: Rc<str>,
    /// Whether that was a procedure call (RPC).
    pub last_is_call: bool,
    /// The database in which it began: a reset of the connection goes back there.
    pub login_database_id: u32,
    /// SET CONTEXT_INFO: 128 bytes.
    pub context_info: Option<Rc<[u8]>>,
}

/// A context that EXECUTE AS left behind.
#[derive(Clone, Debug)]
pub(crate) struct Impersonated {
    /// As whom the session acted before.
    pub(crate) before: Rc<Caller>,
    /// The database in which EXECUTE AS was called: REVERT works there.
    pub(crate) database_id: u32,
    /// How deep procedures called each other then: a procedure's context ends with it.
    pub(crate) nesting: u32,
}

/// A running request, as `sys.dm_exec_requests` shows it.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it started (UTC).
    pub start: jiff::Timestamp,
    /// `SELECT`, `RESTORE LOG`, `BACKUP DATABASE`, `KILLED/ROLLBACK` …
    pub command: String,
    /// Progress of BACKUP, RESTORE, recovery and rollback, 0 to 100.
    pub percent_complete: f32,
    /// Estimated rest, in milliseconds.
    pub estimated_completion_ms: i64,
}

impl Session {
    /// Ends the session at its next await (KILL, a lost machine).
    pub fn kill(&self) {
        self.killed.set(true);
        self.kill_notice.notify_one();
    }

    /// As whom it acts now.
    #[must_use]
    pub fn caller(&self) -> Rc<Caller> {
        self.caller.borrow().clone()
    }

    /// Whether it acts as a sysadmin now.
    #[must_use]
    pub fn acts_as_sysadmin(&self) -> bool {
        let caller = self.caller.borrow();
        caller.is_sysadmin && caller.user.is_none()
    }

    /// The name of the login as which it acts now (`SUSER_SNAME()`).
    #[must_use]
    pub fn acting_login(&self) -> Rc<str> {
        self.caller.borrow().login.clone()
    }

    /// Acts as somebody else until REVERT, or until the procedure at this nesting level ends.
    pub(crate) fn impersonate(&self, caller: Caller, database_id: u32, nesting: u32) {
        let before = std::mem::replace(&mut *self.caller.borrow_mut(), Rc::new(caller));
        self.impersonated.borrow_mut().push(Impersonated { before, database_id, nesting });
    }

    /// Ends what was begun at this nesting level or deeper.
    pub(crate) fn end_impersonation(&self, nesting: u32) {
        let mut contexts = self.impersonated.borrow_mut();
        while contexts.last().is_some_and(|context| context.nesting >= nesting) {
            if let Some(context) = contexts.pop() {
                *self.caller.borrow_mut() = context.before;
            }
        }
    }

    /// Whether it may see other sessions, locks and the like (VIEW SERVER STATE).
    #[must_use]
    pub fn may_view_server_state(&self, engine: &Engine) -> bool {
        self.acts_as_sysadmin() || engine.has_server_permission(&self.caller(), "VIEW SERVER STATE")
    }

    /// Remembers what the client asks for.
    pub(crate) fn asks(&self, text: &str, is_call: bool) {
        let mut end = text.len().min(LAST_TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.update(|state| {
            if *state.last_text != text[..end] {
                state.last_text = text[..end].into();
            }
            state.last_is_call = is_call;
        });
    }

    /// Runs `change` on the changing part.
    pub fn update(&self, change: impl FnOnce(&mut SessionState)) {
        change(&mut self.state.borrow_mut());
    }
}

/// All sessions of an instance, by id.
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: std::collections::BTreeMap<SessionId, Rc<Session>>,
}

impl Sessions {
    /// The lowest free user session id. Ids are reused, as SQL Server does.
    #[must_use]
    pub fn free_id(&self) -> Option<SessionId> {
        (51..=32_767).find(|id| !self.by_id.contains_key(id))
    }

    /// Adds a session.
    pub fn insert(&mut self, session: Rc<Session>) {
        self.by_id.insert(session.id, session);
    }

    /// Forgets a session that has ended.
    pub fn remove(&mut self, id: SessionId) {
        self.by_id.remove(&id);
    }

    /// Looks a session up.
    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<Rc<Session>> {
        self.by_id.get(&id).cloned()
    }

    /// How many of them belong to clients.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.by_id.range(51..).count()
    }

    /// All sessions, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<Session>> {
        self.by_id.values()
    }
}
