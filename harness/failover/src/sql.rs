//! Talking to a SQL Server: batches in, result sets read by column name out.
//!
//! [`Server`] is the seam between the procedure and the wire, so that the procedure can be tested against
//! a scripted server. The deadlines are ours: the client library's own timers are off.

mod connection;
mod value;

pub(crate) use connection::TdsServers;
pub(crate) use value::{Lsn, ResultSet, RowView, Value};

use async_trait::async_trait;
use std::time::Duration;

/// Which of the site's servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The primary, in A.
    Primary,
    /// Its mirror, in A.
    Mirror,
    /// The log shipping secondary, in B.
    Backup,
    /// The backup's mirror, in B.
    BackupMirror,
}

impl Role {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Mirror => "mirror",
            Self::Backup => "backup",
            Self::BackupMirror => "backup mirror",
        }
    }
}

/// Why a batch failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqlError {
    /// The server said no.
    #[error("SQL Server error {number}: {message}")]
    Server {
        /// The message's number.
        number: u32,
        /// Its text.
        message: String,
    },
    /// The connection broke; whether the server carried the batch out is unknown.
    #[error("the connection was lost ({0})")]
    Lost(String),
    /// There is no connection; the batch was not sent.
    #[error("{0}")]
    NoConnection(ConnectError),
    /// Our deadline passed; the server was asked to stop.
    #[error("no answer within {}s", .0.as_secs())]
    Deadline(Duration),
    /// The answer has not the form we need.
    #[error("the server's answer {0}")]
    Shape(String),
}

impl SqlError {
    /// The server's error number, if it was the server.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Server { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// Whether there is no connection (any more).
    pub(crate) fn is_connection(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::NoConnection(_))
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    /// Nobody answers there.
    #[error("it does not answer ({0})")]
    Unreachable(String),
    /// Somebody answers, but does not let us in.
    #[error("it answers but refuses the sign-in ({0})")]
    Refused(String),
    /// We cannot even try.
    #[error("{0}")]
    Here(String),
}

/// One session on a SQL Server, its current database master.
#[async_trait(?Send)]
pub(crate) trait Server {
    /// Runs a batch and reads everything it returns.
    async fn query(&mut self, batch: &str) -> Result<Vec<ResultSet>, SqlError>;
    /// Asks the server to stop the batch whose wait was given up.
    async fn cancel(&mut self) -> Result<(), SqlError>;
}

/// Opens sessions.
#[async_trait(?Send)]
pub(crate) trait Servers {
    /// Opens a session on one of the site's servers.
    async fn open(&self, role: Role) -> Result<Box<dyn Server>, ConnectError>;
}

/// How long we wait for the server's word that it has stopped.
const CANCEL_WITHIN: Duration = Duration::from_secs(10);

/// Runs a batch within a deadline; past it, the server is asked to stop.
pub(crate) async fn query_within(
    server: &mut dyn Server,
    batch: &str,
    bound: Option<Duration>,
) -> Result<Vec<ResultSet>, SqlError> {
    let Some(bound) = bound else { return server.query(batch).await };
    match tokio::time::timeout(bound, server.query(batch)).await {
        Ok(answer) => answer,
        Err(_) => match tokio::time::timeout(CANCEL_WITHIN, server.cancel()).await {
            Ok(Ok(())) => Err(SqlError::Deadline(bound)),
            Ok(Err(error)) => Err(SqlError::Lost(error.to_string())),
            Err(_) => Err(SqlError::Lost("the server did not confirm that it stopped".to_owned())),
        },
    }
}
