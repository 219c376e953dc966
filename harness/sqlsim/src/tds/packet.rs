//! Packets: eight bytes of header, then a part of a message.

use super::{Decoded, ProtocolError};
use bytes::{Buf, Bytes, BytesMut};

/// Length of a packet's header in bytes.
pub const HEADER_BYTES: usize = 8;
/// The smallest packet size that can be agreed on, in bytes.
pub const PACKET_BYTES_MIN: usize = 512;
/// The largest packet size that can be agreed on, in bytes.
pub const PACKET_BYTES_MAX: usize = 32_767;
/// The packet size until LOGIN7 has asked for another one, in bytes.
pub const PACKET_BYTES_DEFAULT: usize = 4096;
/// The longest request this server takes, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// The longest message this server takes before it knows who sends it, in bytes. MS-TDS 2.2.6.4
/// allows 128 KiB - 1 for a LOGIN7.
pub const LOGIN_BYTES_MAX: usize = (128 << 10) - 1;

/// End of message.
pub const STATUS_END: u8 = 0x01;
/// The message is to be ignored: its sender gave up half way.
pub const STATUS_IGNORE: u8 = 0x02;
/// Reset the connection first.
pub const STATUS_RESET: u8 = 0x08;
/// Reset the connection first, but keep its transaction.
pub const STATUS_RESET_KEEPING_TRANSACTION: u8 = 0x10;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A batch of text.
    Batch,
    /// Procedure calls.
    Rpc,
    /// An answer.
    Response,
    /// Stop what you are doing.
    Attention,
    /// Rows for `INSERT BULK`.
    BulkLoad,
    /// A federated authentication token.
    FederatedToken,
    /// A transaction manager request.
    TransactionManager,
    /// LOGIN7.
    Login,
    /// Windows sign-in, next round.
    Sspi,
    /// PRELOGIN, and TLS's handshake.
    PreLogin,
}

impl MessageKind {
    fn from_byte(byte: u8) -> Decoded<Self> {
        Ok(match byte {
            1 => Self::Batch,
            3 => Self::Rpc,
            4 => Self::Response,
            6 => Self::Attention,
            7 => Self::BulkLoad,
            8 => Self::FederatedToken,
            14 => Self::TransactionManager,
            16 => Self::Login,
            17 => Self::Sspi,
            18 => Self::PreLogin,
            other => return Err(ProtocolError::Invalid { what: "the packet type", found: other.into() }),
        })
    }
}

/// One whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: MessageKind,
    /// Status bits of its first packet (reset) and its last (end, ignore).
    pub status: u8,
    /// Its bytes, headers taken off.
    pub payload: Bytes,
}

/// Puts messages together from the bytes that arrive.
#[derive(Debug)]
pub struct Assembler {
    input: BytesMut,
    kind: Option<MessageKind>,
    status: u8,
    payload: BytesMut,
    packet_bytes_max: usize,
    message_bytes_max: usize,
}

impl Default for Assembler {
    fn default() -> Self {
        Self::new()
    }
}

impl Assembler {
    /// An assembler that takes packets of any size the protocol allows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            input: BytesMut::with_capacity(PACKET_BYTES_DEFAULT),
            kind: None,
            status: 0,
            payload: BytesMut::new(),
            packet_bytes_max: PACKET_BYTES_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
        }
    }

    /// Takes messages of this many bytes at most from now on.
    pub fn set_message_bytes_max(&mut self, message_bytes_max: usize) {
        self.message_bytes_max = message_bytes_max;
    }

    /// Where bytes from the stream are put.
    pub fn input(&mut self) -> &mut BytesMut {
        self.input.reserve(PACKET_BYTES_DEFAULT);
        &mut self.input
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_inside_message(&self) -> bool {
        self.kind.is_some() || !self.input.is_empty()
    }

    /// Bytes that have arrived and were not handed out.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.input.len() + self.payload.len()
    }

    /// The next whole message; `None` when more bytes are needed.
    ///
    /// # Errors
    /// On a packet type, length or order that the protocol does not know, and on a message that is
    /// longer than the limit, [`MESSAGE_BYTES_MAX`] unless set. The stream is of no use afterwards.
    pub fn next_message(&mut self) -> Decoded<Option<Message>> {
        while let Some(header) = self.input.first_chunk::<HEADER_BYTES>() {
            let kind = MessageKind::from_byte(header[0])?;
            let status = header[1];
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            if length < HEADER_BYTES || length > self.packet_bytes_max {
                return Err(ProtocolError::Invalid { what: "the packet length", found: length as u64 });
            }
            if self.kind.is_some_and(|begun| begun != kind) {
                return Err(ProtocolError::Invalid {
                    what: "the packet type inside a message",
                    found: header[0].into(),
                });
            }
            if self.input.len() < length {
                return Ok(None);
            }
            let mut packet = self.input.split_to(length);
            packet.advance(HEADER_BYTES);
            if let Some(message) = self.add(kind, status, packet)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Adds one packet's bytes; gives the message when it was the last one.
    fn add(&mut self, kind: MessageKind, status: u8, packet: BytesMut) -> Decoded<Option<Message>> {
        if self.kind.is_none() {
            self.kind = Some(kind);
            self.status = status;
        }
        if self.payload.len() + packet.len() > self.message_bytes_max {
            return Err(ProtocolError::TooLarge { what: "the request", limit: self.message_bytes_max });
        }
        if status & STATUS_END == 0 {
            self.payload.extend_from_slice(&packet);
            return Ok(None);
        }
        let payload = if self.payload.is_empty() {
            packet.freeze()
        } else {
            let mut whole = std::mem::take(&mut self.payload);
            whole.extend_from_slice(&packet);
            whole.freeze()
        };
        let status = self.status | status;
        self.kind = None;
        Ok(Some(Message { kind, status, payload }))
    }
}

/// Cuts an answer into packets.
#[derive(Debug)]
pub struct Packetizer {
    packet_bytes: usize,
    spid: u16,
    next_id: u8,
}

impl Packetizer {
    /// Packets of the default size until the login has agreed on another.
    #[must_use]
    pub fn new(spid: u16) -> Self {
        Self { packet_bytes: PACKET_BYTES_DEFAULT, spid, next_id: 1 }
    }

    /// The session id to write into headers.
    pub fn set_spid(&mut self, spid: u16) {
        self.spid = spid;
    }

    /// The packet size in bytes, header included.
    #[must_use]
    pub fn packet_bytes(&self) -> usize {
        self.packet_bytes
    }

    /// Uses packets of this many bytes from now on.
    pub fn set_packet_bytes(&mut self, packet_bytes: usize) {
        self.packet_bytes = packet_bytes.clamp(PACKET_BYTES_MIN, PACKET_BYTES_MAX);
    }

    /// Moves `answer` to `out` as packets.
    ///
    /// Unless `is_last`, the message stays open: more packets of it will follow.
    pub fn cut(&mut self, answer: &mut Vec<u8>, out: &mut BytesMut, is_last: bool) {
        let mut rest = answer.as_slice();
        let payload_bytes = self.packet_bytes - HEADER_BYTES;
        out.reserve(rest.len() + (rest.len() / payload_bytes + 1) * HEADER_BYTES);
        while rest.len() > payload_bytes {
            let (part, after) = rest.split_at(payload_bytes);
            self.packet(out, part, 0);
            rest = after;
        }
        if is_last {
            self.packet(out, rest, STATUS_END);
            self.next_id = 1;
        } else if !rest.is_empty() {
            self.packet(out, rest, 0);
        }
        answer.clear();
    }

    fn packet(&mut self, out: &mut BytesMut, payload: &[u8], status: u8) {
        // The packet size is at most PACKET_BYTES_MAX, so the sum fits.
        let length = u16::try_from(payload.len() + HEADER_BYTES).unwrap_or(u16::MAX).to_be_bytes();
        let spid = self.spid.to_be_bytes();
        out.extend_from_slice(&[4, status, length[0], length[1], spid[0], spid[1], self.next_id, 0]);
        out.extend_from_slice(payload);
        self.next_id = self.next_id.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn packets(kind: u8, payload: &[u8], payload_bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let parts: Vec<&[u8]> =
            if payload.is_empty() { vec![payload] } else { payload.chunks(payload_bytes).collect() };
        for (index, part) in parts.iter().enumerate() {
            let length = u16::try_from(part.len() + HEADER_BYTES).expect("small").to_be_bytes();
            let status = u8::from(index + 1 == parts.len());
            out.extend_from_slice(&[kind, status, length[0], length[1], 0, 0, 1, 0]);
            out.extend_from_slice(part);
        }
        out
    }

    #[test]
    fn a_message_of_several_packets_is_put_together_byte_by_byte() {
        let bytes = packets(1, b"hello, packets", 4);
        let mut assembler = Assembler::new();
        let mut seen = Vec::new();
        for byte in bytes {
            assembler.input().extend_from_slice(&[byte]);
            seen.extend(assembler.next_message().expect("valid packets"));
        }
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].payload.as_ref(), b"hello, packets");
        assert!(!assembler.is_inside_message());
    }

    #[rstest]
    #[case::unknown_type(&[0x53, 1, 0, 8, 0, 0, 1, 0])]
    #[case::shorter_than_its_header(&[1, 1, 0, 7, 0, 0, 1, 0])]
    #[case::longer_than_allowed(&[1, 1, 0x80, 0, 0, 0, 1, 0])]
    #[case::type_changes_inside(&[1, 0, 0, 8, 0, 0, 1, 0, 3, 1, 0, 8, 0, 0, 1, 0])]
    fn a_packet_that_cannot_be_is_refused(#[case] bytes: &[u8]) {
        let mut assembler = Assembler::new();
        assembler.input().extend_from_slice(bytes);
        assert!(matches!(assembler.next_message(), Err(ProtocolError::Invalid { .. })));
    }

    #[rstest]
    #[case::of_one_packet(10, 100)]
    #[case::of_several(10, 4)]
    fn a_message_longer_than_the_limit_is_refused(#[case] limit: usize, #[case] payload_bytes: usize) {
        for (length, fits) in [(limit, true), (limit + 1, false)] {
            let mut assembler = Assembler::new();
            assembler.set_message_bytes_max(limit);
            assembler.input().extend_from_slice(&packets(1, &vec![7; length], payload_bytes));
            assert_eq!(matches!(assembler.next_message(), Ok(Some(_))), fits, "{length}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut assembler = Assembler::new();
            assembler.input().extend_from_slice(&bytes);
            while let Ok(Some(_)) = assembler.next_message() {}
        }

        #[test]
        fn an_answer_comes_back_whole_however_it_is_cut(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 1..6),
            packet_bytes in 512_usize..1500,
        ) {
            let mut packetizer = Packetizer::new(51);
            packetizer.set_packet_bytes(packet_bytes);
            let mut answer = Vec::new();
            let mut out = BytesMut::new();
            for part in &parts {
                answer.extend_from_slice(part);
                packetizer.cut(&mut answer, &mut out, false);
            }
            packetizer.cut(&mut answer, &mut out, true);
            prop_assert!(answer.is_empty());
            let mut assembler = Assembler::new();
            assembler.input().extend_from_slice(&out);
            let message = assembler.next_message().expect("valid").expect("whole");
            prop_assert_eq!(message.kind, MessageKind::Response);
            let whole = parts.concat();
            prop_assert_eq!(message.payload.as_ref(), whole.as_slice());
            prop_assert!(!assembler.is_inside_message());
        }
    }
}
