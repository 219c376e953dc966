//! `firedrill serve`: simulated SQL Servers on TCP, in real time, for any client.
//!
//! One fresh server is served by [`sqlsim::host`], a whole staged estate by [`estate`]. Real
//! sockets, the real clock and signals are used in these two and nowhere else; the
//! simulator below is the one that the drills run on.

mod data_folder;
pub mod estate;

use crate::estate::EstateError;
use sqlsim::host::HostError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use data_folder::DataFolderError;
pub use estate::{ServeOptions, serve};
pub use sqlsim::host::server::{ServerOptions, serve_server};
pub use sqlsim::host::{Encryption, Ended, PASSWORD_VARIABLE};

/// Why serving did not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The estate could not be staged.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// A server could not be served.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Others could reach a server whose password everybody can read.
    #[error(
        "{address} can be reached from other machines, and the estate's own password stands in its file; \
         nothing is served; set {PASSWORD_VARIABLE}, or listen at 127.0.0.1"
    )]
    Public {
        /// The address.
        address: SocketAddr,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// A file below the data directory could not be written.
    #[error("cannot write {path}: {source}; name another directory with --data")]
    Data {
        /// The path.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}
