//! What two partners say to each other: frames of length, CRC-32, body.
//!
//! The protocol is this server's own. A frame that is too long or whose
//! checksum is wrong ends the connection.

use super::Safety;
use crate::engine::endpoints::Credentials;
use crate::log::LogRecord;
use crate::log::codec::{Decoded, Malformed, Reader, Writer, get_record, put_record};
use crate::lsn::Lsn;
use std::io;
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use uuid::Uuid;

/// The longest frame that is accepted.
const FRAME_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// The principal introduces itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hello {
    /// Database's name.
    pub(super) database: Rc<str>,
    /// The session's id; new with SET PARTNER.
    pub(super) guid: Uuid,
    /// SET PARTNER, not a reconnection.
    pub(super) is_new: bool,
    pub(super) family: Uuid,
    pub(super) service_broker: Uuid,
    pub(super) recovery_fork: Uuid,
    pub(super) fork_point: Option<Lsn>,
    /// The oldest record it can send.
    pub(super) first_lsn: Lsn,
    /// Where its next log backup begins.
    pub(super) last_log_backup_lsn: Lsn,
    pub(super) safety: Safety,
    pub(super) role_sequence: i32,
    /// Its server name.
    pub(super) server_name: Rc<str>,
    pub(super) is_suspended: bool,
    /// Who it says it is.
    pub(super) credentials: Credentials,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// Principal: shall we?
    Hello(Box<Hello>),
    /// Mirror: send from here on.
    Welcome { redo_lsn: Lsn, server_name: Rc<str>, credentials: Credentials },
    /// Mirror: no, with this message number.
    Refused(i32),
    /// The other side has become the principal meanwhile.
    Superseded { role_sequence: i32, fork_point: Option<Lsn> },
    /// Principal: log; `is_all` when nothing is left behind it.
    Records { records: Vec<LogRecord>, next_lsn: Lsn, is_all: bool },
    /// Mirror: everything before this LSN is on its disk.
    Hardened(Lsn),
    /// Principal: become the principal (manual failover).
    TakeOver,
    /// Mirror: it is.
    TookOver { role_sequence: i32 },
    /// Either: mirroring is over.
    Off,
    /// Either: stop for now.
    Suspend,
    /// Principal: go on.
    Resume,
    /// Principal: the safety level changed.
    SafetyNow(Safety),
}

fn safety_byte(safety: Safety) -> u8 {
    match safety {
        Safety::Off => 1,
        Safety::Full => 2,
    }
}

fn get_safety(from: &mut Reader<'_>) -> Decoded<Safety> {
    match from.u8()? {
        1 => Ok(Safety::Off),
        2 => Ok(Safety::Full),
        _ => Err(Malformed),
    }
}

fn put(out: &mut Writer, message: &Message) {
    match message {
        Message::Hello(hello) => {
            out.u8(1);
            put_hello(out, hello);
        }
        Message::Welcome { redo_lsn, server_name, credentials } => {
            out.u8(2);
            out.lsn(*redo_lsn);
            out.str(server_name);
            put_credentials(out, credentials);
        }
        Message::Refused(number) => {
            out.u8(3);
            out.i64(i64::from(*number));
        }
        Message::Superseded { role_sequence, fork_point } => {
            out.u8(4);
            out.i64(i64::from(*role_sequence));
            out.option(*fork_point, Writer::lsn);
        }
        Message::Records { records, next_lsn, is_all } => {
            out.u8(5);
            out.lsn(*next_lsn);
            out.bool(*is_all);
            out.count(records.len());
            for record in records {
                put_record(out, record);
            }
        }
        Message::Hardened(lsn) => {
            out.u8(6);
            out.lsn(*lsn);
        }
        Message::TakeOver => out.u8(7),
        Message::TookOver { role_sequence } => {
            out.u8(8);
            out.i64(i64::from(*role_sequence));
        }
        Message::Off => out.u8(9),
        Message::Suspend => out.u8(10),
        Message::Resume => out.u8(11),
        Message::SafetyNow(safety) => {
            out.u8(12);
            out.u8(safety_byte(*safety));
        }
    }
}

fn put_hello(out: &mut Writer, hello: &Hello) {
    out.str(&hello.database);
    out.guid(hello.guid);
    out.bool(hello.is_new);
    out.guid(hello.family);
    out.guid(hello.service_broker);
    out.guid(hello.recovery_fork);
    out.option(hello.fork_point, Writer::lsn);
    out.lsn(hello.first_lsn);
    out.lsn(hello.last_log_backup_lsn);
    out.u8(safety_byte(hello.safety));
    out.i64(i64::from(hello.role_sequence));
    out.str(&hello.server_name);
    out.bool(hello.is_suspended);
    put_credentials(out, &hello.credentials);
}

fn put_credentials(out: &mut Writer, credentials: &Credentials) {
    out.bool(credentials.by_windows);
    out.option(credentials.thumbprint.as_deref(), Writer::bytes);
}

fn get_credentials(from: &mut Reader<'_>) -> Decoded<Credentials> {
    Ok(Credentials { by_windows: from.bool()?, thumbprint: from.option(|from| Ok(from.bytes()?.into()))? })
}

fn get(from: &mut Reader<'_>) -> Decoded<Message> {
    Ok(match from.u8()? {
        1 => Message::Hello(Box::new(Hello {
            database: from.str()?,
            guid: from.guid()?,
            is_new: from.bool()?,
            family: from.guid()?,
            service_broker: from.guid()?,
            recovery_fork: from.guid()?,
            fork_point: from.option(Reader::lsn)?,
            first_lsn: from.lsn()?,
            last_log_backup_lsn: from.lsn()?,
            safety: get_safety(from)?,
            role_sequence: from.signed()?,
            server_name: from.str()?,
            is_suspended: from.bool()?,
            credentials: get_credentials(from)?,
        })),
        2 => Message::Welcome {
            redo_lsn: from.lsn()?,
            server_name: from.str()?,
            credentials: get_credentials(from)?,
        },
        3 => Message::Refused(from.signed()?),
        4 => Message::Superseded { role_sequence: from.signed()?, fork_point: from.option(Reader::lsn)? },
        5 => {
            let (next_lsn, is_all) = (from.lsn()?, from.bool()?);
            Message::Records { records: from.list(get_record)?, next_lsn, is_all }
        }
        6 => Message::Hardened(from.lsn()?),
        7 => Message::TakeOver,
        8 => Message::TookOver { role_sequence: from.signed()? },
        9 => Message::Off,
        10 => Message::Suspend,
        11 => Message::Resume,
        12 => Message::SafetyNow(get_safety(from)?),
        _ => return Err(Malformed),
    })
}

/// A message's frame.
pub(super) fn encode(message: &Message) -> Vec<u8> {
    let mut body = Writer::default();
    put(&mut body, message);
    let body = body.into_bytes();
    let mut frame = Vec::with_capacity(body.len() + 8);
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    frame.extend_from_slice(&body);
    frame
}

/// Sends a message.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &Message) -> io::Result<()> {
    stream.write_all(&encode(message)).await?;
    stream.flush().await
}

fn bad_frame() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the partner sent a frame that is damaged")
}

/// Reads messages off a stream. Dropping a read that waits loses nothing.
#[derive(Debug)]
pub(super) struct Incoming<R> {
    stream: R,
    buffer: bytes::BytesMut,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, buffer: bytes::BytesMut::new() }
    }

    /// The next message.
    ///
    /// # Errors
    /// `UnexpectedEof` when the partner is gone, `InvalidData` for a damaged frame.
    pub(super) async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<Message>> {
        let Some((header, rest)) = self.buffer.split_first_chunk::<8>() else { return Ok(None) };
        let number =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (length, crc) = (number(0), number(4));
        if length > FRAME_BYTES_MAX {
            return Err(bad_frame());
        }
        let length = length as usize;
        let Some(body) = rest.get(..length) else { return Ok(None) };
        if crc32fast::hash(body) != crc {
            return Err(bad_frame());
        }
        let message = get(&mut Reader::new(body)).map_err(|Malformed| bad_frame())?;
        let _ = self.buffer.split_to(8 + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[tokio::test]
    async fn a_message_arrives_as_it_was_sent_even_in_pieces() {
        let message = Message::Records {
            records: vec![LogRecord {
                lsn: Lsn { vlf: 34, block: 17, slot: 1 },
                transaction: 5,
                is_compensation: false,
                op: crate::log::LogOp::Abort,
            }],
            next_lsn: Lsn { vlf: 34, block: 18, slot: 1 },
            is_all: true,
        };
        let frame = encode(&message);
        let (mut near, far) = tokio::io::duplex(3);
        let write = async move { near.write_all(&frame).await };
        let mut incoming = Incoming::new(far);
        let (written, read) = tokio::join!(write, incoming.next());
        written.unwrap();
        assert_eq!(read.unwrap(), message);
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = get(&mut Reader::new(&bytes));
            let mut incoming = Incoming::new(tokio::io::empty());
            incoming.buffer.extend_from_slice(&bytes);
            let _ = incoming.take();
        }
    }
}
