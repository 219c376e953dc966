//! The two directions of a connection: requests in, answers out.
//!
//! Both may be left at any await without losing or doubling a byte: what was
//! read stays in the assembler, what was written partly stays in the outbox.

use super::sink::{Disconnected, Done, Sink, TransactionChange};
use crate::error::SqlError;
use crate::network::Stream;
use crate::tds::packet::{Assembler, Message, MessageKind, Packetizer, STATUS_IGNORE};
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
}

impl Incoming {
    pub(super) fn new(stream: ReadHalf<Box<dyn Stream>>) -> Self {
        Self { stream, assembler: Assembler::new(), queue: VecDeque::new() }
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Result<Message, Lost> {
        match self.queue.pop_front() {
            Some(message) => Ok(message),
            None => self.read().await,
        }
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
}

impl WireSink {
    pub(super) fn new(stream: WriteHalf<Box<dyn Stream>>, server_name: Rc<str>) -> Self {
        Self {
            stream,
            tokens: TokenWriter::new(TdsVersion::V7_4, server_name),
            packetizer: Packetizer::new(0),
            outbox: BytesMut::new(),
            is_gone: false,
        }
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

    /// Sends an answer that is not made of tokens (PRELOGIN's).
    pub(super) async fn send_plain(&mut self, payload: &[u8]) -> Result<(), Disconnected> {
        self.tokens.answer().extend_from_slice(payload);
        self.send(true).await
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
