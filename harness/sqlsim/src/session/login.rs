//! Login: LOGIN7, who may come in, and what they are told.

use super::endpoint::Endpoint;
use super::open::{Introduction, OpenSession};
use super::sink::Disconnected;
use super::wire::{Lost, WireSink};
use super::{Session, Sink};
use crate::engine::LoginKind;
use crate::error::SqlError;
use crate::instance::{Instance, PRODUCT_VERSION};
use crate::messages;
use crate::tds::packet::{Message, MessageKind, PACKET_BYTES_DEFAULT, PACKET_BYTES_MAX, PACKET_BYTES_MIN};
use crate::tds::tokens::Environment;
use crate::tds::{ProtocolError, TdsVersion, login};

/// A client that has come in.
#[derive(Debug)]
pub(super) struct Welcomed {
    pub(super) session: OpenSession,
    pub(super) version: TdsVersion,
}

/// Why a client did not come in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The connection ended first.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The client went away before it had its answer.
    #[error(transparent)]
    Disconnected(#[from] Disconnected),
    /// It was told why.
    #[error("the login was refused")]
    Told,
}

impl From<ProtocolError> for Refused {
    fn from(error: ProtocolError) -> Self {
        Self::Lost(Lost::Protocol(error))
    }
}

/// A connection that wants to sign in.
pub(super) struct Applicant<'a> {
    pub(super) instance: &'a Instance,
    pub(super) endpoint: &'a Endpoint,
    /// The client's address, as the error log and `sys.dm_exec_connections` show it.
    pub(super) address: &'a str,
    pub(super) is_encrypted: bool,
}

impl Applicant<'_> {
    /// Goes through a login.
    pub(super) async fn sign_in(&self, login: &Message, sink: &mut WireSink) -> Result<Welcomed, Refused> {
        let Self { endpoint, address, .. } = *self;
        let login = match login.kind {
            MessageKind::Login => login::decode(&login.payload)?,
            // The handshake of a client that goes on to TLS although it was told that there is none.
            MessageKind::PreLogin => return Err(ProtocolError::NotSupported("TLS in clear text").into()),
            _ => return Err(ProtocolError::NotSupported("a request before the login").into()),
        };
        let version = TdsVersion::negotiate(login.version)
            .ok_or(ProtocolError::Invalid { what: "the protocol version", found: login.version.into() })?;
        sink.tokens().set_version(version);
        let delay = endpoint.delay(address);
        if !delay.is_zero() {
            // Whoever guesses passwords waits; the address that fails is the one that is slowed down.
            tokio::time::sleep(delay).await;
        }
        match self.admit(&login, version) {
            Ok((session, database)) => {
                endpoint.succeeded(address);
                sink.packetizer().set_spid(session.session().id);
                tell_welcome(sink, &login, &database);
                // The new packet size holds from the answer's next message on.
                let packet_bytes = packet_bytes(&login);
                sink.finish().await?;
                sink.packetizer().set_packet_bytes(packet_bytes);
                Ok(Welcomed { session, version })
            }
            Err(errors) => {
                if errors.iter().any(|error| error.number != TOO_MANY_SESSIONS) {
                    endpoint.failed(address);
                }
                for error in &errors {
                    sink.message(error);
                }
                sink.done(super::sink::Done {
                    kind: super::sink::DoneKind::Statement,
                    command: 0,
                    row_count: None,
                    is_error: true,
                    in_transaction: false,
                });
                sink.finish().await?;
                Err(Refused::Told)
            }
        }
    }
}

fn packet_bytes(login: &login::Login) -> usize {
    match login.packet_bytes as usize {
        0 => PACKET_BYTES_DEFAULT,
        asked => asked.clamp(PACKET_BYTES_MIN, PACKET_BYTES_MAX),
    }
}

fn tell_welcome(sink: &mut WireSink, login: &login::Login, database: &str) {
    const LANGUAGE: &str = "us_english";
    let (major, minor, build, _) = PRODUCT_VERSION;
    let tokens = sink.tokens();
    tokens.environment(Environment::Database, database, "master");
    tokens.message(&on_line_one(messages::error(5701, 2, &[&database])));
    tokens.collation();
    tokens.environment(Environment::Language, LANGUAGE, "");
    tokens.message(&on_line_one(messages::error(5703, 1, &[&LANGUAGE])));
    tokens.login_acknowledged((major, minor, build));
    let packet_bytes = packet_bytes(login).to_string();
    tokens.environment(Environment::PacketSize, &packet_bytes, &PACKET_BYTES_DEFAULT.to_string());
}

fn on_line_one(mut message: SqlError) -> SqlError {
    message.line = 1;
    message
}

impl Applicant<'_> {
    /// Lets the client in, or says why not.
    fn admit(
        &self,
        login: &login::Login,
        version: TdsVersion,
    ) -> Result<(OpenSession, String), Vec<SqlError>> {
        let Self { instance, endpoint, .. } = *self;
        if login.is_integrated || login.is_federated {
            let what = "Login failed. The login is from an untrusted domain and cannot be used with \
                        Integrated authentication.";
            self.log_failure(18452, 1, what, "Only SQL logins are supported.");
            return Err(vec![on_line_one(messages::error(18452, 1, &[&""]))]);
        }
        let user = login.user_name.as_str();
        let failed = format!("Login failed for user '{user}'.");
        let found = authenticate(instance, login).map_err(|(number, state, why)| {
            self.log_failure(number, state, &failed, why);
            let arguments: &[&dyn std::fmt::Display] =
                if number == 18470 { &[&user, &""] } else { &[&user, &"", &""] };
            vec![on_line_one(messages::error(number, 1, arguments))]
        })?;
        let introduction = Introduction {
            login: found.name,
            is_sysadmin: found.is_sysadmin,
            host_name: login.host_name.clone(),
            program_name: login.application.clone(),
            client_interface: login.library.clone(),
            client_pid: login.client_pid,
            database_id: 1,
            connection: super::Connection {
                address: self.address.into(),
                is_encrypted: self.is_encrypted,
                packet_bytes: packet_bytes(login),
                protocol_version: version.number(),
            },
        };
        let sessions_max = endpoint.limits().sessions_max;
        let has_room = instance.0.sessions.borrow().clients() < sessions_max;
        let Some(session) = has_room.then(|| instance.open_session(introduction)).flatten() else {
            let error = messages::error(TOO_MANY_SESSIONS, 1, &[&sessions_max, &""]);
            instance.log_line("Logon", &format!("Error: {TOO_MANY_SESSIONS}, Severity: 20, State: 1."));
            instance.log_line("Logon", &format!("{} [CLIENT: {}]", error.message, self.address));
            return Err(vec![on_line_one(error)]);
        };
        let explicit = !login.database.is_empty();
        let database = if explicit { login.database.clone() } else { found.default_database };
        let refuse = |first: SqlError, why: &str| {
            self.log_failure(18456, 38, &failed, why);
            vec![on_line_one(first), on_line_one(messages::error(18456, 1, &[&user, &"", &""]))]
        };
        match start_in(instance, session.session(), &database) {
            Some(name) => Ok((session, name)),
            None if explicit => {
                let why = format!("Failed to open the explicitly specified database '{database}'.");
                Err(refuse(messages::error(4060, 1, &[&database]), &why))
            }
            None => {
                let why = "Failed to open the database specified in the login properties.";
                Err(refuse(messages::error(4064, 1, &[]), why))
            }
        }
    }

    /// Writes to the error log why a login failed: the state and the reason, which the client is not told.
    fn log_failure(&self, number: i32, state: u8, what: &str, why: &str) {
        let Self { instance, address, .. } = *self;
        instance.log_line("Logon", &format!("Error: {number}, Severity: 14, State: {state}."));
        instance.log_line("Logon", &format!("{what} Reason: {why} [CLIENT: {address}]"));
    }
}

/// "Could not connect because the maximum number of user connections has already been reached."
const TOO_MANY_SESSIONS: i32 = 17809;

/// A login that may come in.
struct Known {
    name: String,
    is_sysadmin: bool,
    default_database: String,
}

/// Finds the login and compares the password; the error is (number, the state that only the error
/// log shows, the reason).
fn authenticate(instance: &Instance, login: &login::Login) -> Result<Known, (i32, u8, &'static str)> {
    if login.changes_password {
        return Err((18456, 1, "Changing the password while logging in is not supported."));
    }
    let engine = instance.0.engine.borrow();
    let Some(known) = engine.login(&login.user_name).filter(|known| known.kind == LoginKind::Sql) else {
        return Err((18456, 5, "Could not find a login matching the name provided."));
    };
    if !known.password.is_of(&login.password) {
        return Err((18456, 8, "Password did not match that for the login provided."));
    }
    if known.is_disabled {
        return Err((18470, 1, "The account is disabled."));
    }
    Ok(Known {
        name: known.name.to_string(),
        is_sysadmin: known.is_member("sysadmin"),
        default_database: known.default_database.to_string(),
    })
}

/// Puts a session into the database it asked for; gives the database's own spelling.
fn start_in(instance: &Instance, session: &Session, database: &str) -> Option<String> {
    let mut engine = instance.0.engine.borrow_mut();
    let (id, name) = engine.database_by_name(database).map(|found| (found.id, found.name.to_string()))?;
    engine.can_open(id, session).ok()?;
    engine.enter_database(session.id, id);
    engine.leave_database(session.id, session.state.borrow().database_id);
    session.update(|state| {
        state.database_id = id;
        state.login_database_id = id;
    });
    Some(name)
}
