//! `sqlservr --health`: a container without a shell asks itself whether it answers.

use super::place::Place;
use super::settings::Settings;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the server in this container.
pub(super) fn ask(place: &Place) -> Result<(), String> {
    let conf = place.conf().map_err(|error| error.to_string())?;
    let settings = Settings::read(|name| std::env::var(name).ok(), &conf, true);
    let settings = settings.map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot start: {error}"))?;
    runtime.block_on(async {
        match tokio::time::timeout(PATIENCE, select_one(&settings)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
        }
    })
}

async fn select_one(settings: &Settings) -> Result<(), String> {
    let ip = if settings.ip.is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { settings.ip };
    let stream = TcpStream::connect((ip, settings.port)).await;
    let stream = stream.map_err(|error| format!("nothing listens at {ip}:{}: {error}", settings.port))?;
    // Who does not know the password cannot ask more.
    let Some(password) = &settings.password else { return Ok(()) };
    let mut config = Config::new();
    config.authentication(AuthMethod::sql_server("sa", password));
    config.encryption(EncryptionLevel::NotSupported);
    config.application_name("health");
    let client = Box::pin(Client::connect(config, stream.compat_write())).await;
    let answer = async { Box::pin(client?.simple_query("SELECT 1")).await?.into_results().await.map(drop) };
    match answer.await {
        // A password that was changed since the start is refused by a server that is well.
        Ok(()) | Err(tiberius::error::Error::Server(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
