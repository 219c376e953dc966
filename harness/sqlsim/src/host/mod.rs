//! A server on a real machine: sockets, the real clock, signals, files of the host.
//!
//! Everything here runs in real time and is reached by nothing else of this crate: what is served is the
//! same simulator that runs in memory. [`server`] serves one server for a person or a test, [`image`] is the
//! program of the container image; both listen for mirroring partners as well ([`mod@mirroring`]).

pub(crate) mod disk;
mod drive_files;
mod drives;
pub mod image;
mod lines;
mod linux_files;
mod mirroring;
mod network;
pub mod password;
pub mod server;
pub mod tls;

use crate::instance::Instance;
use crate::session::{EncryptionPolicy, Endpoint, Tls};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tls::{Certificate, CertificateError};
use tokio::net::TcpListener;

pub use drives::{DirectoryDrives, open_to_all};
pub use lines::lines_of;

/// The environment variable that holds the password of `sa`, as Microsoft's container images name it.
pub const PASSWORD_VARIABLE: &str = "MSSQL_SA_PASSWORD";

/// Wait after an `accept` that failed: descriptors may have run out, and connections that end give them back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why serving did not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The runtime could not be made.
    #[error("the runtime cannot start: {0}")]
    Runtime(#[source] io::Error),
    /// There is no password for `sa`.
    #[error(
        "no password for sa: nothing is served; set {PASSWORD_VARIABLE} in the environment to at least \
         {} characters from three of upper case, lower case, digits and symbols",
        password::CHARACTERS_MIN
    )]
    NoPassword,
    /// The password of `sa` does not meet the policy.
    #[error(
        "the password of sa in {PASSWORD_VARIABLE} {0}; nothing is served; set one that meets the policy"
    )]
    WeakPassword(#[source] password::Weakness),
    /// There is no certificate to encrypt with.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The server's data directory cannot be used.
    #[error(transparent)]
    DataDirectory(#[from] crate::store::DataDirectoryError),
    /// The server could not go on keeping what it acknowledges.
    #[error(transparent)]
    LogLost(#[from] crate::store::LogLost),
    /// An address could not be listened at.
    #[error("cannot listen at {address}: {source}; name a free one with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A file below the data directory could not be written.
    #[error("cannot write {path}: {source}; name another directory with --data")]
    Data {
        /// The path.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// Why serving ended, when nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// `quit` was typed, the input ended, or SIGTERM asked for it.
    Asked,
    /// Ctrl-C was pressed.
    Interrupted,
}

/// Ends when Ctrl-C is pressed or SIGTERM comes; where neither can be heard, never.
pub async fn end_signal() -> Ended {
    tokio::select! {
        biased;
        () = interruption() => Ended::Interrupted,
        () = termination() => Ended::Asked,
    }
}

async fn interruption() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Ends when SIGTERM comes: what `docker stop` and service managers send.
#[cfg(unix)]
async fn termination() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn termination() {
    std::future::pending().await
}

/// How what is served encrypts.
#[derive(Clone, Debug, Default)]
pub struct Encryption {
    /// Whether.
    pub policy: EncryptionPolicy,
    /// PEM files of a certificate and its key; without them a self-signed one is made at start.
    pub files: Option<(PathBuf, PathBuf)>,
}

impl Encryption {
    /// Reads or makes the certificate, for servers of these names at this address.
    ///
    /// # Errors
    /// When the certificate cannot be made, read or used.
    pub fn prepare(&self, servers: &[&str], address: IpAddr) -> Result<Prepared, CertificateError> {
        if self.policy == EncryptionPolicy::Off {
            return Ok(Prepared::default());
        }
        let certificate = match &self.files {
            Some((certificate, key)) => Certificate::read(certificate, key)?,
            None => Certificate::self_signed(servers, address)?,
        };
        let fingerprint = certificate.fingerprint();
        let tls: Rc<dyn Tls> = Rc::new(certificate.into_tls()?);
        Ok(Prepared { policy: self.policy, certificate: Some((tls, fingerprint)) })
    }
}

/// What listeners encrypt with.
#[derive(Debug, Default)]
pub struct Prepared {
    policy: EncryptionPolicy,
    certificate: Option<(Rc<dyn Tls>, String)>,
}

impl Prepared {
    /// A listener.
    #[must_use]
    pub fn endpoint(&self) -> Rc<Endpoint> {
        Rc::new(match &self.certificate {
            None => Endpoint::default(),
            Some((tls, _)) => Endpoint::encrypting(self.policy, Rc::clone(tls)),
        })
    }

    /// What is said about it.
    #[must_use]
    pub fn told(&self) -> String {
        let policy = match self.policy {
            EncryptionPolicy::Off => return "off: nothing here is encrypted".to_owned(),
            EncryptionPolicy::Optional => "optional",
            EncryptionPolicy::Required => "required",
            EncryptionPolicy::Strict => "strict (TDS 8.0)",
        };
        let fingerprint = self.certificate.as_ref().map_or("", |(_, fingerprint)| fingerprint.as_str());
        format!("{policy}; certificate SHA-256 {fingerprint}")
    }
}

/// Opens a listener; gives the address that it got.
///
/// # Errors
/// When the address is taken or is none of this machine's.
pub async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), HostError> {
    let fails = |source| HostError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(fails)?;
    let bound = listener.local_addr().map_err(fails)?;
    Ok((listener, bound))
}

/// Takes connections for a server until the task is dropped. Must run inside a `LocalSet`.
pub async fn accept(listener: TcpListener, endpoint: Rc<Endpoint>, instance: Instance) {
    loop {
        let Ok((stream, client)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (instance, endpoint) = (instance.clone(), Rc::clone(&endpoint));
        tokio::task::spawn_local(async move {
            // Without it every small answer waits for the client's acknowledgement.
            if stream.set_nodelay(true).is_ok() {
                instance.serve_at(&endpoint, &client.ip().to_string(), stream).await;
            }
        });
    }
}

/// Serves a server until `end`, then ends it cleanly. Must run inside a `LocalSet`.
async fn serve_until(
    instance: &Instance,
    (listener, endpoint): (TcpListener, Rc<Endpoint>),
    say: &dyn Fn(&str),
    end: impl Future<Output = Ended>,
) -> Result<Ended, HostError> {
    let ip = listener.local_addr().map_or(IpAddr::from([127, 0, 0, 1]), |address| address.ip());
    let accepting = tokio::task::spawn_local(accept(listener, endpoint, instance.clone()));
    let mirroring = async {
        mirroring::listen(instance, ip, say).await;
        std::future::pending().await
    };
    let ended = tokio::select! {
        biased;
        lost = instance.log_lost() => Err(lost),
        ended = end => Ok(ended),
        ended = mirroring => Ok(ended),
    };
    accepting.abort();
    if ended.is_ok() {
        instance.shut_down().await?;
    }
    instance.power_off();
    Ok(ended?)
}
