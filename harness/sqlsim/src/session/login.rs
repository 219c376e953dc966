//! Login: PRELOGIN, LOGIN7, who may come in, and what they are told.

use super::open::{Introduction, OpenSession};
use super::sink::Disconnected;
use super::wire::{Incoming, Lost, WireSink};
use super::{Session, Sink};
use crate::engine::LoginKind;
use crate::error::SqlError;
use crate::instance::{Instance, PRODUCT_VERSION};
use crate::messages;
use crate::tds::packet::{Message, MessageKind, PACKET_BYTES_DEFAULT, PACKET_BYTES_MAX, PACKET_BYTES_MIN};
use crate::tds::prelogin::{self, Encryption};
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

/// Goes through a login.
pub(super) async fn welcome(
    instance: &Instance,
    incoming: &mut Incoming,
    sink: &mut WireSink,
) -> Result<Welcomed, Refused> {
    let mut message = incoming.next().await?;
    if message.kind == MessageKind::PreLogin {
        let wish = prelogin::decode(&message.payload)?;
        let (major, minor, build, _) = PRODUCT_VERSION;
        let answer = prelogin::encode_answer((major, minor, build), Encryption::NotSupported);
        sink.send_plain(&answer).await?;
        if matches!(wish.encryption, Encryption::Required) {
            let why = "A client required encryption, which this server does not offer.";
            instance.log_line("Logon", why);
            return Err(Refused::Told);
        }
        message = incoming.next().await?;
    }
    let login = decode_login(instance, &message)?;
    let version = TdsVersion::negotiate(login.version)
        .ok_or(ProtocolError::Invalid { what: "the protocol version", found: login.version.into() })?;
    sink.tokens().set_version(version);
    match admit(instance, &login) {
        Ok((session, database)) => {
            sink.packetizer().set_spid(session.session().id);
            tell_welcome(sink, &login, &database);
            // The new packet size holds from the answer's next message on.
            let packet_bytes = packet_bytes(&login);
            sink.finish().await?;
            sink.packetizer().set_packet_bytes(packet_bytes);
            Ok(Welcomed { session, version })
        }
        Err(errors) => {
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

fn decode_login(instance: &Instance, message: &Message) -> Result<login::Login, ProtocolError> {
    match message.kind {
        MessageKind::Login => login::decode(&message.payload),
        // The handshake of a client that goes on to TLS although it was told that there is none.
        MessageKind::PreLogin => {
            instance
                .log_line("Logon", "A client began an encrypted login, which this server does not offer.");
            Err(ProtocolError::NotSupported("encryption"))
        }
        _ => Err(ProtocolError::NotSupported("a request before the login")),
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

/// Lets the client in, or says why not.
fn admit(instance: &Instance, login: &login::Login) -> Result<(OpenSession, String), Vec<SqlError>> {
    if login.is_integrated || login.is_federated {
        let why = "Only SQL logins are supported.";
        log_failure(
            instance,
            18452,
            1,
            "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.",
            why,
        );
        return Err(vec![on_line_one(messages::error(18452, 1, &[&""]))]);
    }
    let user = login.user_name.as_str();
    let found = authenticate(instance, login).map_err(|(number, state, why)| {
        log_failure(instance, number, state, &format!("Login failed for user '{user}'."), why);
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
    };
    let explicit = !login.database.is_empty();
    let database = if explicit { login.database.clone() } else { found.default_database };
    let refuse = |first: SqlError, why: &str| {
        log_failure(instance, 18456, 38, &format!("Login failed for user '{user}'."), why);
        vec![on_line_one(first), on_line_one(messages::error(18456, 1, &[&user, &"", &""]))]
    };
    let Some(session) = instance.open_session(introduction) else {
        let why = "The maximum number of user connections has been reached.";
        log_failure(instance, 18456, 1, &format!("Login failed for user '{user}'."), why);
        return Err(vec![on_line_one(messages::error(18456, 1, &[&user, &"", &""]))]);
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
    if *known.password != *login.password {
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
    session.update(|state| state.database_id = id);
    Some(name)
}

fn log_failure(instance: &Instance, number: i32, state: u8, what: &str, why: &str) {
    instance.log_line("Logon", &format!("Error: {number}, Severity: 14, State: {state}."));
    instance.log_line("Logon", &format!("{what} Reason: {why} [CLIENT: <local machine>]"));
}
