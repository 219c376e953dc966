//! What an arm needs of the machine it runs on, found out by asking.

use super::Arm;

/// What the arm lacks here, and what to do about it; none when it can be used.
pub(super) fn lacking(arm: Arm) -> Option<String> {
    match arm {
        Arm::Sim => None,
        Arm::Docker => Some(docker()),
        Arm::Lab => Some("the lab arm is not available yet; use --on sim".to_owned()),
    }
}

/// Asks the container engine whether it is there, the way testcontainers would reach it.
fn docker() -> String {
    let engine = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(ping()));
    match engine {
        Err(error) => format!(
            "no container engine answers ({error}). Start Docker, or point DOCKER_HOST to an engine; or use --on sim"
        ),
        Ok(version) => format!(
            "the container engine answers (version {version}), but the server images are not available yet; use --on sim"
        ),
    }
}

async fn ping() -> Result<String, String> {
    let engine =
        testcontainers::bollard::Docker::connect_with_defaults().map_err(|error| error.to_string())?;
    engine.ping().await.map_err(|error| error.to_string())?;
    let version = engine.version().await.map_err(|error| error.to_string())?;
    Ok(version.version.unwrap_or_else(|| "unknown".to_owned()))
}
