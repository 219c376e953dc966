//! Opening and closing sessions: the server's side of a login, whoever logs in.

use super::{Connection, Session, SessionId, SessionState};
use crate::engine::Caller;
use crate::exec;
use crate::instance::Instance;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::Notify;

/// Who opens a session, and from where.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// Login name, as the catalog spells it.
    pub login: String,
    /// Whether the login is a sysadmin.
    pub is_sysadmin: bool,
    /// Name of the client's machine; may be empty.
    pub host_name: String,
    /// Application name.
    pub program_name: String,
    /// Name of the client library.
    pub client_interface: String,
    /// Process id of the client.
    pub client_pid: u32,
    /// The database to start in.
    pub database_id: u32,
    /// How it is connected.
    pub connection: Connection,
}

impl Introduction {
    /// The server's own Agent, or another of its services, in master.
    #[must_use]
    pub fn of_service(program_name: &str, host_name: &str) -> Self {
        Self {
            login: "sa".to_owned(),
            is_sysadmin: true,
            host_name: host_name.to_owned(),
            program_name: program_name.to_owned(),
            client_interface: "ODBC".to_owned(),
            client_pid: 1,
            database_id: 1,
            connection: Connection::default(),
        }
    }
}

/// A session that is open. Dropping it closes the session: its transaction is rolled back, its
/// locks are freed. When the machine has lost power meanwhile, there is nothing left to put right.
#[derive(Debug)]
pub struct OpenSession {
    instance: Instance,
    session: Rc<Session>,
    power_cycle: u64,
}

impl OpenSession {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Rc<Session> {
        &self.session
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        if !self.instance.is_running() || self.instance.power_cycle() != self.power_cycle {
            return;
        }
        exec::closed(&self.instance, &self.session);
        let database = self.session.state.borrow().database_id;
        self.instance.0.engine.borrow_mut().leave_database(self.session.id, database);
        self.instance.0.sessions.borrow_mut().remove(self.session.id);
    }
}

impl Instance {
    /// Opens a session; `None` when there are as many as there can be.
    #[must_use]
    pub fn open_session(&self, who: Introduction) -> Option<OpenSession> {
        let mut sessions = self.0.sessions.borrow_mut();
        let now = self.0.clock.utc_now();
        let session = Rc::new(Session::new(sessions.free_id()?, now, who, true));
        let database_id = session.state.borrow().database_id;
        sessions.insert(Rc::clone(&session));
        drop(sessions);
        self.0.engine.borrow_mut().enter_database(session.id, database_id);
        Some(OpenSession { instance: self.clone(), session, power_cycle: self.power_cycle() })
    }
}

impl Session {
    /// A session that has just been opened.
    pub(super) fn new(id: SessionId, now: jiff::Timestamp, who: Introduction, is_user_process: bool) -> Self {
        let caller = Caller { login: who.login.as_str().into(), is_sysadmin: who.is_sysadmin, user: None };
        Self {
            id,
            login_time: now,
            login: who.login,
            is_sysadmin: who.is_sysadmin,
            host_name: who.host_name,
            program_name: who.program_name,
            client_interface: who.client_interface,
            client_pid: who.client_pid,
            connection: who.connection,
            is_user_process,
            caller: RefCell::new(Rc::new(caller)),
            impersonated: RefCell::default(),
            state: RefCell::new(SessionState {
                database_id: who.database_id,
                status: "sleeping",
                last_request_start: now,
                last_request_end: now,
                open_transactions: 0,
                blocked_by: None,
                wait_type: "",
                wait_resource: String::new(),
                cpu_ms: 0,
                physical_io: 0,
                request: None,
                last_text: "".into(),
                last_is_call: false,
                login_database_id: who.database_id,
                context_info: None,
            }),
            exec: RefCell::default(),
            killed: Cell::new(false),
            kill_notice: Notify::new(),
        }
    }
}
