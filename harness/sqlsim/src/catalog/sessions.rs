//! Views of sessions, requests and connections.

use super::rows::{Rows, datetime};
use super::{View, ViewContext};
use crate::session::Session;
use std::rc::Rc;

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "dm_exec_sessions", columns: SESSIONS, fill: dm_exec_sessions },
    View { schema: "sys", name: "dm_exec_requests", columns: REQUESTS, fill: dm_exec_requests },
    View { schema: "sys", name: "dm_exec_connections", columns: CONNECTIONS, fill: dm_exec_connections },
    View { schema: "sys", name: "sysprocesses", columns: SYSPROCESSES, fill: sysprocesses },
];

const SESSIONS: &str = "session_id smallint not null, login_time datetime not null, host_name nvarchar(128), program_name nvarchar(128), host_process_id int, client_version int = 7, client_interface_name nvarchar(32), security_id varbinary(85) not null = 0x01, login_name nvarchar(128) not null, nt_domain nvarchar(128), nt_user_name nvarchar(128), status nvarchar(30) not null, context_info varbinary(128), cpu_time int not null, memory_usage int not null = 4, total_scheduled_time int not null = 0, total_elapsed_time int not null = 0, endpoint_id int not null = 4, last_request_start_time datetime not null, last_request_end_time datetime, reads bigint not null = 0, writes bigint not null = 0, logical_reads bigint not null = 0, is_user_process bit not null, text_size int not null = 2147483647, language nvarchar(128) = us_english, date_format nvarchar(3) = mdy, date_first smallint not null = 7, quoted_identifier bit not null = 1, arithabort bit not null = 0, ansi_null_dflt_on bit not null = 1, ansi_defaults bit not null = 0, ansi_warnings bit not null = 1, ansi_padding bit not null = 1, ansi_nulls bit not null = 1, concat_null_yields_null bit not null = 1, transaction_isolation_level smallint not null = 2, lock_timeout int not null = -1, deadlock_priority int not null = 0, row_count bigint not null = 0, prev_error int not null = 0, original_security_id varbinary(85) not null = 0x01, original_login_name nvarchar(128) not null, last_successful_logon datetime, last_unsuccessful_logon datetime, unsuccessful_logons bigint, group_id int not null = 2, database_id smallint not null, authenticating_database_id int = 1, open_transaction_count int not null, pdw_node_id int";

fn dm_exec_sessions(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for session in visible_sessions(context) {
        let state = session.state.borrow();
        rows.add(|row| {
            row.set("session_id", session.id).set("login_time", datetime(session.login_time, offset));
            if session.is_user_process {
                row.set("host_name", session.host_name.as_str())
                    .set("program_name", session.program_name.as_str())
                    .set("host_process_id", session.client_pid)
                    .set("client_interface_name", session.client_interface.as_str());
            }
            if let Some(info) = &state.context_info {
                row.set("context_info", crate::value::Value::Binary(info.clone()));
            }
            row.set("login_name", session.acting_login())
                .set("status", state.status)
                .set("cpu_time", state.cpu_ms)
                .set("last_request_start_time", datetime(state.last_request_start, offset))
                .set("last_request_end_time", datetime(state.last_request_end, offset))
                .set("reads", state.physical_io)
                .set("is_user_process", session.is_user_process)
                .set("original_login_name", session.login.as_str())
                .set("database_id", state.database_id)
                .set("open_transaction_count", state.open_transactions);
        });
    }
}

const REQUESTS: &str = "session_id smallint not null, request_id int not null = 0, start_time datetime not null, status nvarchar(30) not null, command nvarchar(32) not null, sql_handle varbinary(64), statement_start_offset int, statement_end_offset int, plan_handle varbinary(64), database_id smallint not null, user_id int not null = 1, connection_id uniqueidentifier, blocking_session_id smallint = 0, wait_type nvarchar(60), wait_time int not null = 0, last_wait_type nvarchar(60) not null = '', wait_resource nvarchar(256) not null = '', open_transaction_count int not null, open_resultset_count int not null = 1, transaction_id bigint not null = 0, context_info varbinary(128), percent_complete real not null, estimated_completion_time bigint not null, cpu_time int not null, total_elapsed_time int not null, scheduler_id int = 0, task_address varbinary(8), reads bigint not null, writes bigint not null = 0, logical_reads bigint not null = 0, text_size int not null = 2147483647, language nvarchar(128) = us_english, date_format nvarchar(3) = mdy, date_first smallint not null = 7, quoted_identifier bit not null = 1, arithabort bit not null = 0, ansi_null_dflt_on bit not null = 1, ansi_defaults bit not null = 0, ansi_warnings bit not null = 1, ansi_padding bit not null = 1, ansi_nulls bit not null = 1, concat_null_yields_null bit not null = 1, transaction_isolation_level smallint not null = 2, lock_timeout int not null = -1, deadlock_priority int not null = 0, row_count bigint not null = 0, prev_error int not null = 0, nest_level int not null = 0, granted_query_memory int not null = 0, executing_managed_code bit not null = 0, group_id int not null = 2, query_hash binary(8), query_plan_hash binary(8), statement_sql_handle varbinary(64), statement_context_id bigint, dop int not null = 1, parallel_worker_count int, external_script_request_id uniqueidentifier, is_resumable bit not null = 0";

fn dm_exec_requests(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let clock = &context.instance.0.clock;
    let (now, offset) = (clock.utc_now(), clock.utc_offset_minutes());
    for session in visible_sessions(context) {
        let state = session.state.borrow();
        let Some(request) = &state.request else { continue };
        let elapsed_ms = now.as_millisecond().saturating_sub(request.start.as_millisecond()).max(0);
        rows.add(|row| {
            row.set("session_id", session.id)
                .set("start_time", datetime(request.start, offset))
                .set("status", if state.status == "sleeping" { "running" } else { state.status })
                .set("command", request.command.as_str())
                .set("database_id", state.database_id)
                .set("blocking_session_id", state.blocked_by.unwrap_or(0));
            if let Some(handle) = sql_handle(&state.last_text) {
                row.set("sql_handle", crate::value::Value::Binary(handle.into()));
            }
            if !state.wait_type.is_empty() {
                row.set("wait_type", state.wait_type);
            }
            row.set("last_wait_type", state.wait_type)
                .set("wait_resource", state.wait_resource.as_str())
                .set("open_transaction_count", state.open_transactions)
                .set("percent_complete", crate::value::Value::Real(request.percent_complete))
                .set("estimated_completion_time", request.estimated_completion_ms)
                .set("cpu_time", state.cpu_ms)
                .set("total_elapsed_time", i32::try_from(elapsed_ms).unwrap_or(i32::MAX))
                .set("reads", state.physical_io);
        });
    }
}

const CONNECTIONS: &str = "session_id int, most_recent_session_id int, connect_time datetime not null, net_transport nvarchar(40) not null = TCP, protocol_type nvarchar(40) = TSQL, protocol_version int = 1946157060, endpoint_id int = 4, encrypt_option nvarchar(40) not null = FALSE, auth_scheme nvarchar(40) not null = SQL, node_affinity smallint not null = 0, num_reads int, num_writes int, last_read datetime, last_write datetime, net_packet_size int = 4096, client_net_address varchar(48), client_tcp_port int, local_net_address varchar(48), local_tcp_port int, connection_id uniqueidentifier not null, parent_connection_id uniqueidentifier, most_recent_sql_handle varbinary(64), pdw_node_id int";

fn dm_exec_connections(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for session in visible_sessions(context) {
        if !session.is_user_process {
            continue;
        }
        let state = session.state.borrow();
        rows.add(|row| {
            row.set("session_id", session.id)
                .set("most_recent_session_id", session.id)
                .set("connect_time", datetime(session.login_time, offset))
                .set("last_read", datetime(state.last_request_start, offset))
                .set("last_write", datetime(state.last_request_end, offset))
                .set("protocol_version", i64::from(session.connection.protocol_version))
                .set("encrypt_option", if session.connection.is_encrypted { "TRUE" } else { "FALSE" })
                .set("net_packet_size", i64::try_from(session.connection.packet_bytes).unwrap_or_default())
                .set("client_net_address", &*session.connection.address)
                .set("local_tcp_port", context.instance.0.config.tds_port)
                .set("connection_id", connection_id(&session));
            if let Some(handle) = sql_handle(&state.last_text) {
                row.set("most_recent_sql_handle", crate::value::Value::Binary(handle.into()));
            }
        });
    }
}

/// A GUID that stays the same while the session lives, without drawing from the stream of chance.
fn connection_id(session: &Session) -> uuid::Uuid {
    let second = u64::try_from(session.login_time.as_millisecond()).unwrap_or_default();
    uuid::Uuid::from_u64_pair(second << 16 | 0x4000, 0x8000_0000_0000_0000 | u64::from(session.id))
}

const SYSPROCESSES: &str = "spid smallint not null, kpid smallint not null = 0, blocked smallint not null, waittype binary(2) not null = 0x0000, waittime bigint not null = 0, lastwaittype nchar(32) not null, waitresource nchar(256) not null, dbid smallint not null, uid smallint = 1, cpu int not null, physical_io bigint not null, memusage int not null = 4, login_time datetime not null, last_batch datetime not null, ecid smallint not null = 0, open_tran smallint not null, status nchar(30) not null, sid binary(86) not null = 0x01, hostname nchar(128) not null, program_name nchar(128) not null, hostprocess nchar(10) not null, cmd nchar(16) not null, nt_domain nchar(128) not null = '', nt_username nchar(128) not null = '', net_address nchar(12) not null = '', net_library nchar(12) not null = '', loginame nchar(128) not null, context_info binary(128) not null = 0x00, sql_handle binary(20) not null = 0x00, stmt_start int not null = 0, stmt_end int not null = 0, request_id int not null = 0";

fn sysprocesses(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for session in visible_sessions(context) {
        let state = session.state.borrow();
        rows.add(|row| {
            row.set("spid", session.id)
                .set("blocked", state.blocked_by.unwrap_or(0))
                .set("lastwaittype", padded(state.wait_type, 32))
                .set("waitresource", padded(&state.wait_resource, 256))
                .set("dbid", state.database_id)
                .set("cpu", state.cpu_ms)
                .set("physical_io", state.physical_io)
                .set("login_time", datetime(session.login_time, offset))
                .set("last_batch", datetime(state.last_request_start, offset))
                .set("open_tran", state.open_transactions)
                .set("status", padded(state.status, 30))
                .set("hostname", padded(&session.host_name, 128))
                .set("program_name", padded(&session.program_name, 128))
                .set("hostprocess", padded(&session.client_pid.to_string(), 10))
                .set("cmd", padded(&command(&session), 16))
                .set("loginame", padded(&session.login, 128));
            if let Some(handle) = sql_handle(&state.last_text) {
                row.set("sql_handle", crate::value::Value::Binary(handle.into()));
            }
        });
    }
}

/// The handle of a batch's text, by which `sys.dm_exec_sql_text` finds it; `None` for no text.
pub(crate) fn sql_handle(text: &str) -> Option<[u8; 20]> {
    if text.is_empty() {
        return None;
    }
    // Two FNV-1a hashes from different starts.
    let hash = |start: u64| {
        text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
    };
    let mut handle = [0_u8; 20];
    handle[0] = 2;
    handle[4..12].copy_from_slice(&hash(0xCBF2_9CE4_8422_2325).to_be_bytes());
    handle[12..].copy_from_slice(&hash(0x6C62_272E_07BB_0142).to_be_bytes());
    Some(handle)
}

/// What the session does, as `sysprocesses.cmd` says it (16 characters).
pub(crate) fn command(session: &Session) -> String {
    let state = session.state.borrow();
    let text = match &state.request {
        Some(request) => request.command.as_str(),
        None if session.is_user_process => "AWAITING COMMAND",
        None => "TASK MANAGER",
    };
    text.chars().take(16).collect()
}

/// Pads to a fixed width, as nchar columns hold text.
pub(crate) fn padded(text: &str, width: usize) -> String {
    let mut out: String = text.chars().take(width).collect();
    let count = out.chars().count();
    out.extend(std::iter::repeat_n(' ', width - count));
    out
}

/// The sessions that the asking one may see: all for a sysadmin, else its own (VIEW SERVER STATE).
pub(crate) fn visible_sessions(context: &ViewContext<'_>) -> Vec<Rc<Session>> {
    let sessions = context.instance.0.sessions.borrow();
    let all = context.session.may_view_server_state(context.engine);
    sessions.iter().filter(|s| all || s.id == context.session.id).cloned().collect()
}
