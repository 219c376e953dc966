//! TDS connections of the harness itself: staging, the chat service, the judge.

use super::{EstateError, SqlClient};
use crate::estate::Server;
use sqlsim::network::Stream;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio_util::compat::TokioAsyncReadCompatExt;

/// Who signs in, and to which database.
pub(crate) struct SignIn<'a> {
    pub(crate) login: &'a str,
    pub(crate) password: &'a str,
    pub(crate) database: &'a str,
    /// The application's name as the server shows it.
    pub(crate) program: &'a str,
}

/// Signs in over a stream. No deadline: a drill's time is simulated, tiberius' timers would measure it wrong.
pub(crate) async fn sign_in(stream: Box<dyn Stream>, who: &SignIn<'_>) -> tiberius::Result<SqlClient> {
    let mut config = Config::new();
    config.authentication(AuthMethod::sql_server(who.login, who.password));
    config.database(who.database);
    config.application_name(who.program);
    config.encryption(EncryptionLevel::NotSupported);
    config.handshake_timeout(None);
    config.command_timeout(None);
    // tiberius' sign-in is a large future; everything that signs in would carry it along.
    Box::pin(Client::connect(config, stream.compat())).await
}

/// Runs a batch to its end; the first error ends it.
pub(crate) async fn run(client: &mut SqlClient, batch: &str) -> tiberius::Result<()> {
    client.simple_query(batch).await?.into_results().await?;
    Ok(())
}

/// The first result set of a batch.
pub(crate) async fn rows(client: &mut SqlClient, batch: &str) -> tiberius::Result<Vec<tiberius::Row>> {
    client.simple_query(batch).await?.into_first_result().await
}

/// A T-SQL string literal.
pub(crate) fn text(value: &str) -> String {
    format!("N'{}'", value.replace('\'', "''"))
}

/// A T-SQL identifier in brackets.
pub(crate) fn name(value: &str) -> String {
    format!("[{}]", value.replace(']', "]]"))
}

/// What was being done when a server refused.
pub(crate) fn failed(
    what: impl Into<String>,
    server: Server,
) -> impl FnOnce(tiberius::error::Error) -> EstateError {
    let what = what.into();
    move |error| EstateError::Server { what, server, reason: error.to_string() }
}
