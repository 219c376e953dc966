//! SQL Servers as the shell uses them: a batch of T-SQL goes in, rows by column
//! name come out. One function quotes a string, one quotes an identifier; no
//! batch is put together without them.

use std::io;
use std::rc::Rc;

use async_trait::async_trait;
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use crate::environment::{ByteStream, Connector, Encryption, SqlLogin};

/// Why a SQL Server did not do what the shell asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqlError {
    /// No connection: the machine, its network or its instance is gone.
    #[error(
        "A network-related or instance-specific error occurred while establishing a connection to SQL Server. The server was not found or was not accessible. Verify that the instance name is correct and that SQL Server is configured to allow remote connections. (Server: \"{server}\", {cause})"
    )]
    Unreachable {
        /// The server as the topology names it.
        server: String,
        /// What the network said.
        cause: String,
    },
    /// The server answered with an error.
    #[error("{message}")]
    Server {
        /// The error's number.
        number: u32,
        /// The server's text.
        message: String,
    },
    /// The connection broke, or the answer was not understood.
    #[error(
        "A transport-level error has occurred when receiving results from the server. (Server: \"{server}\", {cause})"
    )]
    Broken {
        /// The server as the topology names it.
        server: String,
        /// What went wrong.
        cause: String,
    },
}

impl SqlError {
    /// The server's error number, if the server answered.
    pub fn number(&self) -> Option<u32> {
        match self {
            Self::Server { number, .. } => Some(*number),
            Self::Unreachable { .. } | Self::Broken { .. } => None,
        }
    }
}

/// One row: column names and values as text, in the server's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlRow(pub Vec<(String, Option<String>)>);

impl SqlRow {
    /// The value in column `name` (any case); `None` when it is NULL or there is no such column.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(column, _)| column.eq_ignore_ascii_case(name))?;
        value.as_deref()
    }

    /// The value in column `name` as a whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }
}

/// A signed-in connection to a SQL Server.
#[async_trait(?Send)]
pub trait SqlSession {
    /// Runs a batch to its end and returns its result sets, or its first error.
    async fn run(&mut self, batch: &str) -> Result<Vec<Vec<SqlRow>>, SqlError>;
}

/// Opens signed-in connections.
#[async_trait(?Send)]
pub trait SqlServers {
    /// Signs in to an instance, in `database`.
    async fn sign_in(&self, place: &SqlPlace<'_>, database: &str) -> Result<Box<dyn SqlSession>, SqlError>;
}

/// An instance and whom to be there.
#[derive(Debug, Clone, Copy)]
pub struct SqlPlace<'a> {
    /// The machine's FQDN.
    pub fqdn: &'a str,
    /// The named instance, `None` for the default one.
    pub instance: Option<&'a str>,
    /// The port, when known.
    pub port: Option<u16>,
    /// The login.
    pub login: &'a SqlLogin,
}

impl SqlPlace<'_> {
    /// `fqdn`, `fqdn\instance` or `fqdn,port`.
    pub fn name(&self) -> String {
        match (self.instance, self.port) {
            (Some(instance), _) => format!("{}\\{instance}", self.fqdn),
            (None, Some(port)) => format!("{},{port}", self.fqdn),
            (None, None) => self.fqdn.to_owned(),
        }
    }
}

/// Connections through tiberius over the environment's connector.
pub struct TdsServers {
    connector: Rc<dyn Connector>,
}

impl TdsServers {
    /// Servers reached through `connector`.
    pub fn new(connector: Rc<dyn Connector>) -> Self {
        Self { connector }
    }
}

#[async_trait(?Send)]
impl SqlServers for TdsServers {
    async fn sign_in(&self, place: &SqlPlace<'_>, database: &str) -> Result<Box<dyn SqlSession>, SqlError> {
        let server = place.name();
        let stream = self.connector.connect(place.fqdn, place.instance, place.port).await.map_err(
            |error: io::Error| SqlError::Unreachable { server: server.clone(), cause: error.to_string() },
        )?;
        let client = Box::pin(Client::connect(config(place, database), stream.compat()))
            .await
            .map_err(|error| sql_error(&server, error))?;
        Ok(Box::new(TdsSession { server, client }))
    }
}

/// The one place where a connection is configured. tiberius' own timers run in
/// real time and would end a backup after 30 silent seconds: they are off.
fn config(place: &SqlPlace<'_>, database: &str) -> Config {
    let mut config = Config::new();
    config.host(place.fqdn);
    if let Some(port) = place.port {
        config.port(port);
    }
    config.database(database);
    config.application_name("Lync Server Management Shell");
    config.authentication(AuthMethod::sql_server(&place.login.user, &place.login.password));
    match place.login.encryption {
        Encryption::Off => config.encryption(EncryptionLevel::NotSupported),
        Encryption::On => config.encryption(EncryptionLevel::Required),
        Encryption::TrustServerCertificate => {
            config.encryption(EncryptionLevel::Required);
            config.trust_cert();
        }
        Encryption::Strict => {
            config.encryption(EncryptionLevel::Strict);
            config.trust_cert();
        }
    }
    config.handshake_timeout(None);
    config.command_timeout(None);
    config
}

/// A tiberius client and the name of its server for errors.
struct TdsSession {
    server: String,
    client: Client<Compat<Box<dyn ByteStream>>>,
}

#[async_trait(?Send)]
impl SqlSession for TdsSession {
    async fn run(&mut self, batch: &str) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        let wrap = |error| sql_error(&self.server, error);
        let stream = self.client.simple_query(batch).await.map_err(wrap)?;
        let results = stream.into_results().await.map_err(wrap)?;
        Ok(results.into_iter().map(|rows| rows.iter().map(read_row).collect()).collect())
    }
}

/// A row's values as text.
fn read_row(row: &tiberius::Row) -> SqlRow {
    SqlRow(row.cells().map(|(column, data)| (column.name().to_owned(), text_of(data))).collect())
}

/// A value as text, numbers in their plain form and bits as 0 and 1. The shell
/// asks for no other types; they read as NULL.
fn text_of(data: &ColumnData<'_>) -> Option<String> {
    match data {
        ColumnData::U8(value) => value.map(|value| value.to_string()),
        ColumnData::I16(value) => value.map(|value| value.to_string()),
        ColumnData::I32(value) => value.map(|value| value.to_string()),
        ColumnData::I64(value) => value.map(|value| value.to_string()),
        ColumnData::Bit(value) => value.map(|value| u8::from(value).to_string()),
        ColumnData::String(value) => value.as_ref().map(ToString::to_string),
        ColumnData::Numeric(value) => value.map(|value| value.to_string()),
        ColumnData::Guid(value) => value.map(|value| value.to_string().to_uppercase()),
        _ => None,
    }
}

/// tiberius' error as ours.
fn sql_error(server: &str, error: tiberius::error::Error) -> SqlError {
    match error {
        tiberius::error::Error::Server(token) => {
            SqlError::Server { number: token.code(), message: token.message().to_owned() }
        }
        other => SqlError::Broken { server: server.to_owned(), cause: other.to_string() },
    }
}

/// A T-SQL string literal that is `text`, whatever `text` holds.
pub fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}

/// A T-SQL identifier that is `name`, whatever `name` holds.
pub fn identifier(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

#[cfg(test)]
mod tests {
    use super::{identifier, literal};

    #[rstest::rstest]
    #[case("mgc", "N'mgc'")]
    #[case("it's", "N'it''s'")]
    #[case("' ; DROP TABLE x --", "N''' ; DROP TABLE x --'")]
    fn a_string_literal_cannot_be_escaped_from(#[case] text: &str, #[case] quoted: &str) {
        assert_eq!(literal(text), quoted);
    }

    #[rstest::rstest]
    #[case("mgc", "[mgc]")]
    #[case("m]gc", "[m]]gc]")]
    fn an_identifier_cannot_be_escaped_from(#[case] name: &str, #[case] quoted: &str) {
        assert_eq!(identifier(name), quoted);
    }
}
