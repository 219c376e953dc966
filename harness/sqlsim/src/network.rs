//! The way out: connections that a server opens to another one (mirroring, a remote monitor).

use async_trait::async_trait;
use std::{fmt, io};
use tokio::io::{AsyncRead, AsyncWrite};

/// A two-way stream of bytes. `Send`, because a TDS client may be put on it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Opens connections on behalf of one server.
#[async_trait(?Send)]
pub trait Network: fmt::Debug {
    /// Connects to `host` (name as in the catalog or an endpoint URL) at `port`.
    ///
    /// # Errors
    /// As a socket would: refused, timed out, unreachable, name unknown.
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>>;
}

/// A network without anybody in it.
#[derive(Debug)]
pub struct NoNetwork;

#[async_trait(?Send)]
impl Network for NoNetwork {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        Err(io::Error::new(io::ErrorKind::HostUnreachable, format!("no way to {host}:{port}")))
    }
}
