//! The server's own sessions, which nobody opened and nobody can end.
//!
//! They do nothing here; a list of sessions without them would teach scripts that no session belongs to the
//! server. Commands are those that `sys.dm_exec_requests` shows on an idle SQL Server; ids stay below 51, as
//! SQL Server keeps those for itself.

use super::{Connection, Introduction, Request, Session, SessionId};
use crate::instance::Instance;
use std::rc::Rc;

/// The commands, by session id from 1.
const COMMANDS: [&str; 10] = [
    "LOG WRITER",
    "RECOVERY WRITER",
    "LAZY WRITER",
    "SIGNAL HANDLER",
    "LOCK MONITOR",
    "XE TIMER",
    "XE DISPATCHER",
    "RESOURCE MONITOR",
    "TRACE QUEUE TASK",
    "CHECKPOINT",
];
/// Database `master`.
const MASTER: u32 = 1;

/// Opens them, when the machine has been switched on.
pub(crate) fn start(instance: &Instance) {
    let now = instance.0.clock.utc_now();
    let mut sessions = instance.0.sessions.borrow_mut();
    for (id, command) in (1..).zip(COMMANDS) {
        let id: SessionId = id;
        let who = Introduction {
            login: "sa".to_owned(),
            is_sysadmin: true,
            host_name: String::new(),
            program_name: String::new(),
            client_interface: String::new(),
            client_pid: 0,
            connection: Connection::default(),
            database_id: MASTER,
        };
        let session = Session::new(id, now, who, false);
        session.update(|state| {
            state.status = "background";
            state.request = Some(Request {
                start: now,
                command: command.to_owned(),
                percent_complete: 0.0,
                estimated_completion_ms: 0,
            });
        });
        sessions.insert(Rc::new(session));
    }
}
