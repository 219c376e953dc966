//! The program of the container image: one server that keeps the contract of Microsoft's image.
//!
//! What the contract is: settings in the environment ([`settings`]), data below `/var/opt/mssql`, two lines
//! in the log that tell that the server is ready, exit code 1 with a message when it cannot start, a clean end
//! on SIGTERM. Paths in T-SQL are those of the container ([`super::linux_files`]).

mod health;
mod place;
mod settings;

use super::linux_files::LinuxFiles;
use super::network::TcpNetwork;
use super::{Encryption, Ended, HostError, bind, end_signal, serve_until};
use crate::clock::Clock;
use crate::config::{CostModel, InstanceConfig, Product};
use crate::instance::Instance;
use crate::observer::NoObserver;
use crate::session::EncryptionPolicy;
use crate::store::DataDirectory;
use place::{Place, PlaceError};
use settings::{Refusal, Settings};
use std::cell::Cell;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use tokio::task::LocalSet;

/// Where the server keeps everything.
const ROOT: &str = "/var/opt/mssql";

/// The two lines that starters of the image wait for, in this order; both are SQL Server's own (17126 and 3408).
const READY: &str = "SQL Server is now ready for client connections. This is an informational message; \
                     no user action is required.";
const RECOVERED: &str =
    "Recovery is complete. This is an informational message only. No user action is required.";

const USAGE: &str = "\
sqlservr: a simulated SQL Server as a container's program. Its settings are environment variables:
ACCEPT_EULA=Y and MSSQL_SA_PASSWORD have to be there.
  --accept-eula   as ACCEPT_EULA=Y
  --health        ask the server that runs here whether it answers: exit code 0 or 1
  --version       what this is";

/// Why the server did not start, or ended early.
#[derive(Debug, thiserror::Error)]
enum ImageError {
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("cannot listen at {address}: {source}. Set MSSQL_TCP_PORT to a free port; nothing was started.")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Host(HostError),
}

impl From<HostError> for ImageError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Listen { address, source } => Self::Listen { address, source },
            other => Self::Host(other),
        }
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let mut eula_accepted = false;
    let mut health = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--accept-eula" => eula_accepted = true,
            "--health" => health = true,
            "--version" => {
                say(&format!("sqlservr (firedrill) {}", env!("CARGO_PKG_VERSION")));
                return ExitCode::SUCCESS;
            }
            "--help" | "-h" => {
                say(USAGE);
                return ExitCode::SUCCESS;
            }
            other => {
                complain(&format!("{other} is nothing that can be asked for.\n{USAGE}"));
                return ExitCode::FAILURE;
            }
        }
    }
    let place = Place::at(ROOT.into());
    let done =
        if health { health::ask(&place) } else { run(&place, eula_accepted).map_err(|e| e.to_string()) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Whoever started the container may have stopped to read; the server goes on.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn complain(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "sqlservr: {what}");
}

fn run(place: &Place, eula_accepted: bool) -> Result<(), ImageError> {
    let conf = place.conf()?;
    let settings = Settings::read(|name| std::env::var(name).ok(), &conf, eula_accepted)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(HostError::Runtime)?;
    let tasks = LocalSet::new();
    let _: Ended = tasks.block_on(&runtime, Box::pin(serve(place, &settings)))?;
    Ok(())
}

async fn serve(place: &Place, settings: &Settings) -> Result<Ended, ImageError> {
    place.prepare(settings)?;
    let (listener, address) = bind(SocketAddr::new(settings.ip, settings.port)).await?;
    let directory = DataDirectory::open(&place.store()).map_err(HostError::from)?;
    if settings.password.is_none() && directory.is_new() {
        return Err(Refusal::NoPassword.into());
    }
    let name = place::host_name();
    let encryption = Encryption { policy: EncryptionPolicy::Optional, files: None };
    let prepared = encryption.prepare(&[&name], address.ip()).map_err(HostError::from)?;
    let instance = start(place, settings, name, directory)?;
    let is_ready = Rc::new(Cell::new(false));
    let may_say = Rc::clone(&is_ready);
    // Recovery is over before anybody can connect. Whoever waits for that line would take it for the last one.
    instance.follow_error_log(move |line| {
        if may_say.get() || !line.ends_with(RECOVERED) {
            say(line);
        }
    });
    for note in &settings.notes {
        instance.log_line("Server", note);
    }
    instance.log_line("Server", "A self-generated certificate was successfully loaded for encryption.");
    instance.log_line("Server", &format!("Encryption is {}.", prepared.told()));
    instance.log_line("spid10s", &format!("Server is listening on [ {address} ]."));
    instance.log_line("spid10s", READY);
    is_ready.set(true);
    instance.log_line("spid9s", RECOVERED);
    let ended = serve_until(&instance, (listener, prepared.endpoint()), &|_| {}, end_signal()).await?;
    instance.log_line("Server", "SQL Server is terminating because of a system shutdown.");
    Ok(ended)
}

fn start(
    place: &Place,
    settings: &Settings,
    name: String,
    directory: DataDirectory,
) -> Result<Instance, HostError> {
    #[expect(clippy::disallowed_methods, reason = "a container runs in real time")]
    let clock = Clock::starting_at(jiff::Timestamp::now(), 0);
    let config = InstanceConfig {
        server_name: name.clone(),
        host: name,
        sa_password: settings.password.clone().unwrap_or_default(),
        tds_port: settings.port,
        data_directory: settings.data_directory.clone(),
        backup_directory: settings.backup_directory.clone(),
        agent_enabled: settings.agent_enabled,
        seed: 0,
        cost: CostModel::default(),
        product: Product { edition: settings.edition, memory_limit_mb: settings.memory_limit_mb },
    };
    let files = Rc::new(LinuxFiles::around(place.store()));
    Ok(Instance::open(config, clock, files, Rc::new(TcpNetwork), Rc::new(NoObserver), directory)?)
}
