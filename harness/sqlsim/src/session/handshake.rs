//! Streams that a connection goes through before its login: TLS's handshake inside of PRELOGIN
//! packets, and bytes that were read too early.

use crate::network::Stream;
use crate::tds::packet::{HEADER_BYTES, PACKET_BYTES_DEFAULT, PACKET_BYTES_MAX, STATUS_END};
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The packet type of PRELOGIN, and of TLS's handshake.
const PRELOGIN: u8 = 0x12;
/// Bytes of one flight of the handshake; a certificate chain is far smaller.
const FLIGHT_BYTES_MAX: usize = 1 << 18;

/// Ends the handshake of an [`InPackets`]: from then on it passes bytes as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct HandshakeEnd(Arc<AtomicBool>);

impl HandshakeEnd {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream whose bytes travel as PRELOGIN packets until the handshake is over (MS-TDS 2.2.6.5).
pub(super) struct InPackets {
    stream: Box<dyn Stream>,
    end: HandshakeEnd,
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    /// Bytes of the packet that are still to come.
    left: usize,
    /// Written and not yet cut into packets.
    flight: Vec<u8>,
    /// Packets on their way out.
    out: BytesMut,
}

impl InPackets {
    pub(super) fn new(stream: Box<dyn Stream>, end: HandshakeEnd) -> Self {
        Self {
            stream,
            end,
            header: [0; HEADER_BYTES],
            header_bytes: 0,
            left: 0,
            flight: Vec::new(),
            out: BytesMut::new(),
        }
    }

    fn pack(&mut self) {
        let mut parts = self.flight.chunks(PACKET_BYTES_DEFAULT - HEADER_BYTES).peekable();
        let mut id = 1_u8;
        while let Some(part) = parts.next() {
            let status = if parts.peek().is_none() { STATUS_END } else { 0 };
            // A part is smaller than a packet, whose size is far below 65 536.
            let length = u16::try_from(part.len() + HEADER_BYTES).unwrap_or(u16::MAX).to_be_bytes();
            self.out.extend_from_slice(&[PRELOGIN, status, length[0], length[1], 0, 0, id, 0]);
            self.out.extend_from_slice(part);
            id = id.wrapping_add(1);
        }
        self.flight.clear();
    }

    fn poll_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for InPackets {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.end.is_set() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        while this.left == 0 {
            let mut header = ReadBuf::new(&mut this.header[this.header_bytes..]);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut header))?;
            let read = header.filled().len();
            if read == 0 {
                // The end of the stream; what lies above tells whether it came too early.
                return Poll::Ready(Ok(()));
            }
            this.header_bytes += read;
            if this.header_bytes == HEADER_BYTES {
                this.header_bytes = 0;
                let length = usize::from(u16::from_be_bytes([this.header[2], this.header[3]]));
                if this.header[0] != PRELOGIN || !(HEADER_BYTES..=PACKET_BYTES_MAX).contains(&length) {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "something other than the TLS handshake",
                    )));
                }
                this.left = length - HEADER_BYTES;
            }
        }
        let room = buffer.remaining().min(this.left);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        this.left -= read;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for InPackets {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.end.is_set() {
            ready!(this.poll_out(context))?;
            return Pin::new(&mut this.stream).poll_write(context, data);
        }
        if this.flight.len() + data.len() > FLIGHT_BYTES_MAX {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a flight of the TLS handshake is too long",
            )));
        }
        this.flight.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.pack();
        ready!(this.poll_out(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.pack();
        ready!(this.poll_out(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

/// A stream behind bytes that were read from it already.
pub(super) struct Unread {
    pub(super) bytes: BytesMut,
    pub(super) stream: Box<dyn Stream>,
}

impl AsyncRead for Unread {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let room = buffer.remaining().min(self.bytes.len());
        buffer.put_slice(&self.bytes.split_to(room));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Unread {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn packet(kind: u8, status: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
        [&[kind, status, length[0], length[1], 0, 0, 1, 0], payload].concat()
    }

    #[tokio::test]
    async fn bytes_travel_in_packets_until_the_handshake_ends() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let end = HandshakeEnd::default();
        let mut stream = InPackets::new(Box::new(server), end.clone());
        // Two packets, an empty one between them.
        for part in [&b"hel"[..], b"", b"lo"] {
            client.write_all(&packet(PRELOGIN, 1, part)).await.unwrap();
        }
        let mut read = [0; 5];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello");
        stream.write_all(&[7; 5000]).await.unwrap();
        stream.flush().await.unwrap();
        let mut read = vec![0; 5000 + 16];
        client.read_exact(&mut read).await.unwrap();
        let mut second = packet(PRELOGIN, 1, &[7; 912]);
        second[6] = 2;
        assert_eq!(read, [packet(PRELOGIN, 0, &[7; 4088]), second].concat());
        end.set();
        client.write_all(b"plain").await.unwrap();
        let mut read = [0; 5];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"plain");
        stream.write_all(b"too").await.unwrap();
        let mut read = [0; 3];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"too");
    }

    #[tokio::test]
    async fn another_packet_inside_the_handshake_is_an_error() {
        for bytes in [packet(16, 1, b"login"), vec![PRELOGIN, 1, 0, 7, 0, 0, 1, 0]] {
            let (mut client, server) = tokio::io::duplex(1 << 16);
            let mut stream = InPackets::new(Box::new(server), HandshakeEnd::default());
            client.write_all(&bytes).await.unwrap();
            let error = stream.read(&mut [0; 10]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn what_was_read_too_early_is_read_again() {
        let (mut client, server) = tokio::io::duplex(100);
        client.write_all(b" world").await.unwrap();
        drop(client);
        let mut stream = Unread { bytes: BytesMut::from(&b"hello"[..]), stream: Box::new(server) };
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "hello world");
    }
}
