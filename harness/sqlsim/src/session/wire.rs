//! The two directions of a connection: requests in, answers out.
//!
//! Both may be left at any await without losing or doubling a byte: what was
//! read stays in the assembler, what was written partly stays in the outbox.

use super::sink::{Disconnected, Done, Sink, TransactionChange};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::memory::{REQUEST_BYTES_FREE, REQUESTS_BYTES_MAX, Share};
use crate::network::Stream;
use crate::tds::packet::{
    Assembler, LOGIN_BYTES_MAX, MESSAGE_BYTES_MAX, Message, MessageKind, Packetizer, STATUS_IGNORE,
};
use crate::tds::tokens::{Environment, TokenWriter};
use crate::tds::{ProtocolError, TdsVersion};
use crate::value::{ColumnMeta, Value};
use async_trait::async_trait;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

/// Requests that a client may have sent ahead of their turn.
const QUEUE_MAX: usize = 8;

/// Why no further request comes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// The client closed the connection between two requests.
    #[error("the client closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] std::io::Error),
    /// The client does not speak the protocol.
    #[error("the client does not speak the protocol: {0}")]
    Protocol(#[from] ProtocolError),
}

/// Requests as they arrive.
pub(super) struct Incoming {
    stream: ReadHalf<Box<dyn Stream>>,
    assembler: Assembler,
    queue: VecDeque<Message>,
    /// Bytes of the request that runs.
    running_bytes: usize,
    /// What this connection's requests have of the budget of all.
    share: Share,
}

impl Incoming {
    /// Reads on from a stream of which `assembler` holds the beginning.
    pub(super) fn new(stream: ReadHalf<Box<dyn Stream>>, mut assembler: Assembler) -> Self {
        // Until it is known who asks.
        assembler.set_message_bytes_max(LOGIN_BYTES_MAX);
        Self { stream, assembler, queue: VecDeque::new(), running_bytes: 0, share: Share::of_requests() }
    }

    /// Takes long requests from now on: the client has signed in.
    pub(super) fn trust(&mut self) {
        self.assembler.set_message_bytes_max(MESSAGE_BYTES_MAX);
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Result<Message, Lost> {
        self.running_bytes = 0;
        let message = match self.queue.pop_front() {
            Some(message) => message,
            None => self.read().await?,
        };
        self.running_bytes = message.payload.len();
        Ok(message)
    }

    /// Counts what is held; when all connections together hold too much, this one ends.
    fn count(&mut self) -> Result<(), Lost> {
        let queued: usize = self.queue.iter().map(|message| message.payload.len()).sum();
        let held = self.assembler.held_bytes() + queued + self.running_bytes;
        if self.share.hold(held.saturating_sub(REQUEST_BYTES_FREE)) {
            return Ok(());
        }
        Err(ProtocolError::TooLarge {
            what: "what the requests of all clients hold",
            limit: REQUESTS_BYTES_MAX,
        }
        .into())
    }

    /// Resolves when something ends the request that is running: an attention, or a lost client.
    pub(super) async fn interruption(&mut self) -> Result<(), Lost> {
        loop {
            let message = self.read().await?;
            if message.kind == MessageKind::Attention {
                return Ok(());
            }
            if self.queue.len() == QUEUE_MAX {
                return Err(
                    ProtocolError::TooLarge { what: "the queue of requests", limit: QUEUE_MAX }.into()
                );
            }
            self.queue.push_back(message);
        }
    }

    async fn read(&mut self) -> Result<Message, Lost> {
        loop {
            while let Some(message) = self.assembler.next_message()? {
                if message.status & STATUS_IGNORE == 0 {
                    return Ok(message);
                }
            }
            self.count()?;
            if self.stream.read_buf(self.assembler.input()).await? == 0 {
                let inside = self.assembler.is_inside_message();
                return Err(if inside { ProtocolError::Truncated("a packet").into() } else { Lost::Closed });
            }
        }
    }
}

/// Answers on their way out.
pub(super) struct WireSink {
    stream: WriteHalf<Box<dyn Stream>>,
    tokens: TokenWriter,
    packetizer: Packetizer,
    /// Packets that wait for the stream.
    outbox: BytesMut,
    is_gone: bool,
    /// The server whose log has to be on disk before an answer leaves.
    instance: Option<Instance>,
}

impl WireSink {
    pub(super) fn new(stream: WriteHalf<Box<dyn Stream>>, server_name: Rc<str>) -> Self {
        Self {
            stream,
            tokens: TokenWriter::new(TdsVersion::V7_4, server_name),
            packetizer: Packetizer::new(0),
            outbox: BytesMut::new(),
            is_gone: false,
            instance: None,
        }
    }

    /// From now on an answer waits until what it rests on is on disk.
    pub(super) fn wait_for_log_of(&mut self, instance: &Instance) {
        self.instance = Some(instance.clone());
    }

    /// The tokens of the answer.
    pub(super) fn tokens(&mut self) -> &mut TokenWriter {
        &mut self.tokens
    }

    /// Packet size and session id.
    pub(super) fn packetizer(&mut self) -> &mut Packetizer {
        &mut self.packetizer
    }

    /// Whether the connection is to be closed after this answer.
    pub(super) fn is_over(&self) -> bool {
        self.is_gone || self.tokens.is_fatal()
    }

    /// Ends the answer and sends it.
    pub(super) async fn finish(&mut self) -> Result<(), Disconnected> {
        self.tokens.finish();
        self.send(true).await
    }

    /// Ends the answer that an attention cut short; one of its own when there was none.
    pub(super) async fn finish_attention(&mut self) -> Result<(), Disconnected> {
        self.tokens.finish_attention();
        self.send(true).await
    }

    async fn send(&mut self, is_last: bool) -> Result<(), Disconnected> {
        self.packetizer.cut(self.tokens.answer(), &mut self.outbox, is_last);
        if let Some(instance) = &self.instance {
            // An answer that cannot be stood by is not sent; the connection ends instead.
            self.is_gone |= instance.harden().await.is_err();
        }
        while !self.is_gone && !self.outbox.is_empty() {
            self.is_gone = !matches!(self.stream.write_buf(&mut self.outbox).await, Ok(1..));
        }
        if !self.is_gone {
            self.is_gone = self.stream.flush().await.is_err();
        }
        if self.is_gone { Err(Disconnected) } else { Ok(()) }
    }
}

#[async_trait(?Send)]
impl Sink for WireSink {
    fn columns(&mut self, columns: &[ColumnMeta]) {
        self.tokens.columns(columns);
    }

    fn row(&mut self, row: &[Value]) {
        self.tokens.row(row);
    }

    fn done(&mut self, done: Done) {
        self.tokens.done(done);
    }

    fn message(&mut self, message: &SqlError) {
        self.tokens.message(message);
    }

    fn database_changed(&mut self, old: &str, new: &str) {
        self.tokens.environment(Environment::Database, new, old);
    }

    fn transaction_changed(&mut self, change: TransactionChange) {
        self.tokens.transaction(change);
    }

    fn return_status(&mut self, status: i32) {
        self.tokens.return_status(status);
    }

    fn return_value(&mut self, ordinal: u16, column: &ColumnMeta, value: &Value) {
        self.tokens.return_value(ordinal, column, value);
    }

    fn buffered(&self) -> usize {
        self.tokens.buffered()
    }

    async fn flush(&mut self) -> Result<(), Disconnected> {
        self.send(false).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sink::DoneKind;
    use crate::tds::packet::STATUS_END;
    use crate::value::DataType;
    use std::time::Duration;
    use tokio::io::DuplexStream;

    fn wire(room: usize) -> (DuplexStream, Incoming, WireSink) {
        let (client, server) = tokio::io::duplex(room);
        let server: Box<dyn Stream> = Box::new(server);
        let (read, write) = tokio::io::split(server);
        (client, Incoming::new(read, Assembler::new()), WireSink::new(write, "A".into()))
    }

    fn done(row_count: u64) -> Done {
        Done {
            kind: DoneKind::Statement,
            command: 0xC1,
            row_count: Some(row_count),
            is_error: false,
            in_transaction: false,
        }
    }

    fn packet(kind: u8, status: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 8).expect("small").to_be_bytes();
        [&[kind, status, length[0], length[1], 0, 0, 1, 0], payload].concat()
    }

    /// The answers that lie in `bytes`.
    fn answers(bytes: &[u8]) -> Vec<Message> {
        let mut assembler = Assembler::new();
        assembler.input().extend_from_slice(bytes);
        let mut answers = Vec::new();
        while let Some(answer) = assembler.next_message().expect("packets") {
            answers.push(answer);
        }
        assert!(!assembler.is_inside_message(), "a packet is missing");
        answers
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_all_clients_together_have_a_budget() {
        // A request without an end: packets of 32,000 bytes.
        let endless = |bytes: usize| packet(1, 0, &[0; 31_992]).repeat(bytes / 32_000);
        let read = async |incoming: &mut Incoming| {
            tokio::time::timeout(Duration::from_secs(1), incoming.next()).await
        };
        let (mut client, mut first, _sink) = wire(4 << 20);
        first.trust();
        client.write_all(&endless(REQUESTS_BYTES_MAX)).await.expect("room");
        assert!(read(&mut first).await.is_err(), "it is waited for");
        let (mut other, mut second, _sink) = wire(4 << 20);
        second.trust();
        // What every connection may hold is not counted.
        other.write_all(&endless(REQUEST_BYTES_FREE / 2)).await.expect("room");
        assert!(read(&mut second).await.is_err(), "it is waited for");
        other.write_all(&endless(4 * REQUEST_BYTES_FREE)).await.expect("room");
        assert!(matches!(read(&mut second).await, Ok(Err(Lost::Protocol(ProtocolError::TooLarge { .. })))));
        drop(first);
        assert!(read(&mut second).await.is_err(), "now there is room");
        drop(second);
        assert!(Share::of_requests().hold(REQUESTS_BYTES_MAX), "nothing is left over");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_left_half_way_stays_whole_and_ends_with_the_attention() {
        let (mut client, incoming, mut sink) = wire(100);
        let column =
            ColumnMeta { name: "a".into(), data_type: DataType::Int, nullable: true, identity: false };
        sink.columns(&[column]);
        for number in 0..1000 {
            sink.row(&[Value::Int(number)]);
        }
        // Nobody reads, so the flush cannot end; it is dropped after 100 of some 6000 bytes.
        assert!(tokio::time::timeout(Duration::from_secs(1), sink.flush()).await.is_err());
        let mut read = Vec::new();
        let (sent, received) = tokio::join!(
            async {
                let sent = sink.finish_attention().await;
                drop((incoming, sink));
                sent
            },
            client.read_to_end(&mut read)
        );
        assert!(sent.is_ok() && received.is_ok());
        let answers = answers(&read);
        assert_eq!(answers.len(), 1);
        let payload = &answers[0].payload;
        // Metadata, a thousand rows of six bytes, the DONE with its attention bit.
        assert_eq!(payload.len(), 3 + 6 + 2 + 3 + 6000 + 13);
        assert_eq!(payload[payload.len() - 13..payload.len() - 10], [0xFD, 0x20, 0]);
    }

    #[tokio::test]
    async fn an_attention_after_the_answer_gets_an_answer_of_its_own() {
        let (mut client, incoming, mut sink) = wire(1000);
        sink.done(done(1));
        sink.finish().await.expect("room");
        sink.finish_attention().await.expect("room");
        drop((incoming, sink));
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.expect("the end");
        let answers = answers(&read);
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0].payload[1] & 0x20, 0);
        assert_eq!(answers[1].payload[1] & 0x20, 0x20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_comes_early_waits_for_its_turn() {
        let (mut client, mut incoming, _sink) = wire(1000);
        client.write_all(&packet(1, STATUS_END, b"early")).await.expect("room");
        let waited = tokio::time::timeout(Duration::from_secs(1), incoming.interruption()).await;
        assert!(waited.is_err(), "a request is no interruption");
        client.write_all(&packet(6, STATUS_END, b"")).await.expect("room");
        assert!(incoming.interruption().await.is_ok());
        assert_eq!(incoming.next().await.expect("a request").payload.as_ref(), b"early");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_cannot_pile_up() {
        let (mut client, mut incoming, _sink) = wire(1000);
        for _ in 0..=QUEUE_MAX {
            client.write_all(&packet(1, STATUS_END, b"more")).await.expect("room");
        }
        let piled_up = incoming.interruption().await.expect_err("too many");
        assert!(matches!(piled_up, Lost::Protocol(ProtocolError::TooLarge { .. })));
    }

    #[tokio::test]
    async fn a_request_that_its_sender_gave_up_is_not_run() {
        let (mut client, mut incoming, _sink) = wire(1000);
        client.write_all(&packet(1, STATUS_END | STATUS_IGNORE, b"never")).await.expect("room");
        client.write_all(&packet(1, STATUS_END, b"this one")).await.expect("room");
        assert_eq!(incoming.next().await.expect("a request").payload.as_ref(), b"this one");
    }

    #[tokio::test]
    async fn a_connection_that_ends_inside_a_packet_is_told_from_one_that_ends_between_two() {
        for (bytes, is_clean) in [(&[][..], true), (&[1, 1, 0, 20, 0][..], false)] {
            let (mut client, mut incoming, _sink) = wire(1000);
            client.write_all(bytes).await.expect("room");
            drop(client);
            let lost = incoming.next().await.expect_err("the end");
            assert_eq!(matches!(lost, Lost::Closed), is_clean, "{lost}");
        }
    }
}
