//! The machine's own network: mirroring partners and monitor servers by name or address.

use crate::network::{Network, Stream};
use async_trait::async_trait;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a partner may take to answer the first packet. Windows gives up after 21 seconds; a machine that is
/// gone would otherwise hold a SET PARTNER for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(21);

/// TCP.
#[derive(Debug)]
pub(super) struct TcpNetwork;

#[async_trait(?Send)]
impl Network for TcpNetwork {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let connecting = TcpStream::connect((host, port));
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(stream) => stream?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
