//! Sessions over TDS. The one place where a connection's settings are made.

use super::{ConnectError, ResultSet, Role, Server, Servers, SqlError, Value};
use crate::environment::{ByteStream, Environment};
use crate::site::{Authentication, Encryption, Site, SqlServer};
use async_trait::async_trait;
use futures::TryStreamExt;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, QueryItem};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// The name under which our sessions appear in `sp_who2`.
const APPLICATION_NAME: &str = "pchat-failover";

/// Opens sessions over the environment's connector.
pub(crate) struct TdsServers<'a> {
    env: &'a Environment,
    site: &'a Site,
}

impl<'a> TdsServers<'a> {
    /// Sessions for the servers of `site`.
    pub(crate) fn new(env: &'a Environment, site: &'a Site) -> Self {
        Self { env, site }
    }

    /// Every connection's settings. The client library's own (real-time) timers are off.
    fn config(&self, server: &SqlServer) -> Result<Config, ConnectError> {
        let mut config = Config::new();
        config.host(&server.address.host);
        config.database("master");
        config.application_name(APPLICATION_NAME);
        config.handshake_timeout(None);
        config.command_timeout(None);
        config.encryption(match server.encryption {
            Encryption::None => EncryptionLevel::NotSupported,
            Encryption::Login => EncryptionLevel::Off,
            Encryption::Required => EncryptionLevel::Required,
            Encryption::Strict => EncryptionLevel::Strict,
        });
        if server.trust_server_certificate {
            config.trust_cert();
        } else if let Some(authority) = &server.certificate_authority {
            config.trust_cert_ca(authority);
        }
        match &server.authentication {
            Authentication::Sql { user, password } => {
                let secret = self.env.secrets.read(password).map_err(|error| {
                    ConnectError::Here(format!("the password of login {user} cannot be read: {error}"))
                })?;
                config.authentication(AuthMethod::sql_server(user, secret.reveal()));
            }
            Authentication::Windows => {
                return Err(ConnectError::Here(
                    "this build cannot sign in as a Windows account; give the server auth = { kind = \"sql\", … }"
                        .to_owned(),
                ));
            }
        }
        Ok(config)
    }

    fn server(&self, role: Role) -> Result<&SqlServer, ConnectError> {
        let servers = &self.site.servers;
        let none = || ConnectError::Here(format!("the site file names no {}", role.name()));
        match role {
            Role::Primary => Ok(&servers.primary),
            Role::Backup => Ok(&servers.backup),
            Role::Mirror => servers.mirror.as_ref().ok_or_else(none),
            Role::BackupMirror => servers.backup_mirror.as_ref().ok_or_else(none),
        }
    }
}

#[async_trait(?Send)]
impl Servers for TdsServers<'_> {
    async fn open(&self, role: Role) -> Result<Box<dyn Server>, ConnectError> {
        let server = self.server(role)?;
        let bound = self.site.deadlines.connect;
        let silent = || ConnectError::Unreachable(format!("no answer within {}s", bound.as_secs()));
        let stream = tokio::time::timeout(bound, self.env.connector.connect(&server.address))
            .await
            .map_err(|_| silent())?
            .map_err(|error| ConnectError::Unreachable(error.to_string()))?;
        // Only now: that somebody is there is known even if we have no way to sign in.
        let config = self.config(server)?;
        let client = tokio::time::timeout(bound, Box::pin(Client::connect(config, stream.compat())))
            .await
            .map_err(|_| silent())?
            .map_err(|error| match error {
                tiberius::error::Error::Io { message, .. } => ConnectError::Unreachable(message),
                tiberius::error::Error::Server(token) => {
                    ConnectError::Refused(format!("error {}: {}", token.code(), token.message()))
                }
                other => ConnectError::Refused(other.to_string()),
            })?;
        Ok(Box::new(TdsServer { client }))
    }
}

/// One session.
struct TdsServer {
    client: Client<Compat<Box<dyn ByteStream>>>,
}

fn sql_error(error: tiberius::error::Error) -> SqlError {
    match error {
        tiberius::error::Error::Server(token) => {
            SqlError::Server { number: token.code(), message: token.message().to_owned() }
        }
        tiberius::error::Error::Io { message, .. } => SqlError::Lost(message),
        other => SqlError::Lost(other.to_string()),
    }
}

#[async_trait(?Send)]
impl Server for TdsServer {
    async fn query(&mut self, batch: &str) -> Result<Vec<ResultSet>, SqlError> {
        tracing::debug!(batch, "sending");
        let mut stream = self.client.simple_query(batch).await.map_err(sql_error)?;
        let mut sets: Vec<ResultSet> = Vec::new();
        while let Some(item) = stream.try_next().await.map_err(sql_error)? {
            match item {
                QueryItem::Metadata(metadata) => {
                    let columns = metadata.columns().iter().map(|column| column.name().to_owned()).collect();
                    sets.push(ResultSet { columns, rows: Vec::new() });
                }
                QueryItem::Row(row) => {
                    let cells = row.into_iter().map(Value::from_wire).collect::<Result<Vec<_>, _>>()?;
                    let set = sets
                        .last_mut()
                        .ok_or_else(|| SqlError::Shape("has rows without columns".to_owned()))?;
                    set.rows.push(cells);
                }
            }
        }
        Ok(sets)
    }

    async fn cancel(&mut self) -> Result<(), SqlError> {
        self.client.cancel_query().await.map_err(sql_error)
    }
}
