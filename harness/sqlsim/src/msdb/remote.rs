//! A connection to another SQL Server, opened by this one: the log-shipping monitor.

use crate::instance::Instance;
use crate::value::Value;
use std::fmt::Write as _;
use std::time::Duration;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

/// A signed-in connection.
pub(crate) struct Remote {
    client: Client<Compat<Box<dyn crate::network::Stream>>>,
}

/// Why another server could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    /// No connection.
    #[error("{server} cannot be reached: {source}")]
    Unreachable {
        /// Which server.
        server: String,
        /// Why.
        source: std::io::Error,
    },
    /// It did not answer in time.
    #[error("{0} did not answer in time")]
    Silent(String),
    /// It refused the login or the statement.
    #[error("{server} refused: {source}")]
    Refused {
        /// Which server.
        server: String,
        /// Its answer.
        source: tiberius::error::Error,
    },
}

impl Remote {
    /// Connects to `server` (`host`, `host\instance`, `host,port`) and signs in.
    pub(crate) async fn connect(
        instance: &Instance,
        server: &str,
        login: &str,
        password: &str,
        patience: Duration,
    ) -> Result<Self, RemoteError> {
        let (host, port) = address(server);
        let connecting = async {
            let stream = instance
                .0
                .network
                .connect(host, port)
                .await
                .map_err(|source| RemoteError::Unreachable { server: server.to_owned(), source })?;
            let mut config = Config::new();
            config.authentication(AuthMethod::sql_server(login, password));
            config.encryption(EncryptionLevel::NotSupported);
            config.application_name("SQLServer log shipping");
            config.handshake_timeout(None);
            config.command_timeout(None);
            // Boxed: a client's handshake is large, and every procedure that may call it would be as well.
            Box::pin(Client::connect(config, stream.compat_write()))
                .await
                .map_err(|source| RemoteError::Refused { server: server.to_owned(), source })
        };
        match tokio::time::timeout(patience, connecting).await {
            Ok(client) => Ok(Self { client: client? }),
            Err(_) => Err(RemoteError::Silent(server.to_owned())),
        }
    }

    /// Runs a batch.
    pub(crate) async fn execute(&mut self, batch: &str) -> Result<(), RemoteError> {
        let refused = |source| RemoteError::Refused { server: String::new(), source };
        let answer = Box::pin(self.client.simple_query(batch)).await.map_err(refused)?;
        Box::pin(answer.into_results()).await.map_err(refused)?;
        Ok(())
    }
}

/// Host and port of a server's name; a named instance answers at the default port, as there is no browser.
fn address(server: &str) -> (&str, u16) {
    let server = server.strip_prefix("tcp:").unwrap_or(server);
    if let Some((host, port)) = server.split_once(',') {
        return (host.trim(), port.trim().parse().unwrap_or(1433));
    }
    (server.split_once('\\').map_or(server, |(host, _)| host), 1433)
}

/// A value as T-SQL writes it.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bit(bit) => u8::from(*bit).to_string(),
        Value::Int(n) => n.to_string(),
        Value::Text(text) => format!("N'{}'", text.replace('\'', "''")),
        Value::Guid(guid) => format!("'{guid}'"),
        Value::Decimal(number) => number.mantissa.to_string(),
        Value::Binary(bytes) => bytes.iter().fold("0x".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        }),
        Value::DateTime { .. } => match crate::catalog::rows::timestamp(value, 0) {
            Some(at) => format!("'{}'", at.strftime("%Y-%m-%dT%H:%M:%S%.3f")),
            None => "NULL".to_owned(),
        },
        _ => "NULL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("sql-m", "sql-m", 1433)]
    #[case("sql-m\\MON", "sql-m", 1433)]
    #[case("sql-m,1500", "sql-m", 1500)]
    #[case("tcp:sql-m, 1500", "sql-m", 1500)]
    fn a_monitors_name_gives_host_and_port(#[case] name: &str, #[case] host: &str, #[case] port: u16) {
        assert_eq!(address(name), (host, port));
    }

    #[test]
    fn a_quote_inside_a_text_is_doubled() {
        assert_eq!(literal(&Value::text("o'clock")), "N'o''clock'");
    }
}
