//! One connection from its first byte to its last.
//!
//! Requests run one at a time. While one runs, three things are waited for at
//! once: KILL, the request itself, and what else the client sends (an attention,
//! or the end of the connection). A request that loses is dropped at its await
//! and `exec` puts right what it left.

use super::endpoint::Endpoint;
use super::greeting::greet;
use super::login::{Applicant, Refused, Welcomed};
use super::wire::{Incoming, Lost, WireSink};
use super::{Request, Session, Sink};
use crate::exec;
use crate::instance::Instance;
use crate::messages;
use crate::network::Stream;
use crate::tds::packet::{Message, MessageKind, STATUS_RESET, STATUS_RESET_KEEPING_TRANSACTION};
use crate::tds::request::{decode_batch, decode_rpc, decode_transaction};
use crate::tds::{ProtocolError, TdsVersion};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// How long a client may take to log in.
const LOGIN_PATIENCE: Duration = Duration::from_secs(60);
/// How long a client that is being thrown out may take to read why.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(5);

/// Serves one connection that arrived at `endpoint` from `address`, until it ends.
pub(crate) async fn connection(
    instance: &Instance,
    endpoint: &Rc<Endpoint>,
    address: &str,
    stream: Box<dyn Stream>,
) {
    let Some(stranger) = endpoint.stranger() else {
        let why = "A connection was closed: too many others have not signed in yet.";
        return instance.log_line("Logon", &format!("{why} [CLIENT: {address}]"));
    };
    let login = tokio::time::timeout(LOGIN_PATIENCE, Box::pin(sign_in(instance, endpoint, address, stream)));
    let Entered { welcomed, mut incoming, sink } = match login.await {
        Ok(Ok(entered)) => entered,
        Ok(Err(Refused::Lost(Lost::Protocol(error)))) => {
            let why = format!("A connection was closed before its login: {error}. [CLIENT: {address}]");
            return instance.log_line("Logon", &why);
        }
        Ok(Err(Refused::Lost(_) | Refused::Disconnected(_) | Refused::Told)) => return,
        Err(_) => {
            let why = "A connection was closed because its login took too long.";
            return instance.log_line("Logon", &format!("{why} [CLIENT: {address}]"));
        }
    };
    drop(stranger);
    incoming.trust();
    let session = Rc::clone(welcomed.session.session());
    let mut server = Server { instance, session, incoming, sink, version: welcomed.version };
    let end = server.requests().await;
    if let End::Killed = end {
        // The session is gone from the server before its client reads why.
        drop(welcomed);
        server.say_farewell().await;
    } else if let End::Lost(Lost::Protocol(error)) = end {
        instance
            .log_line(&format!("spid{}", server.session.id), &format!("The connection was closed: {error}."));
    }
}

/// A client that has come in, and the two directions of its connection.
struct Entered {
    welcomed: Welcomed,
    incoming: Incoming,
    sink: WireSink,
}

async fn sign_in(
    instance: &Instance,
    endpoint: &Endpoint,
    address: &str,
    stream: Box<dyn Stream>,
) -> Result<Entered, Refused> {
    let greeted = greet(instance, endpoint, stream).await?;
    let (read, write) = tokio::io::split(greeted.stream);
    let incoming = Incoming::new(read, greeted.assembler);
    let mut sink = WireSink::new(write, instance.0.config.server_name.as_str().into());
    sink.wait_for_log_of(instance);
    let applicant = Applicant { instance, endpoint, address, is_encrypted: greeted.is_encrypted };
    let welcomed = applicant.sign_in(&greeted.login, &mut sink).await?;
    Ok(Entered { welcomed, incoming, sink })
}

/// How a connection ends.
enum End {
    /// The client is gone, or talks nonsense.
    Lost(Lost),
    /// KILL.
    Killed,
    /// A fatal error, or a client that does not read.
    Over,
}

/// How a request ends.
enum Ending {
    /// By itself; its answer has been sent.
    Finished,
    /// By an attention.
    Attention,
    /// With its connection.
    End(End),
}

struct Server<'a> {
    instance: &'a Instance,
    session: Rc<Session>,
    incoming: Incoming,
    sink: WireSink,
    version: TdsVersion,
}

impl Server<'_> {
    async fn requests(&mut self) -> End {
        loop {
            let message = tokio::select! {
                biased;
                () = self.session.kill_notice.notified() => return End::Killed,
                message = self.incoming.next() => match message {
                    Ok(message) => message,
                    Err(lost) => return End::Lost(lost),
                },
            };
            if message.kind == MessageKind::Attention {
                // It came too late: the request it meant has been answered.
                if self.sink.finish_attention().await.is_err() {
                    return End::Over;
                }
                continue;
            }
            match self.request(&message).await {
                Ending::Finished if self.sink.is_over() => return End::Over,
                Ending::Finished => {}
                Ending::Attention => {
                    exec::cancelled(self.instance, &self.session);
                    if self.sink.finish_attention().await.is_err() {
                        return End::Over;
                    }
                }
                Ending::End(end) => {
                    exec::cancelled(self.instance, &self.session);
                    return end;
                }
            }
        }
    }

    /// Runs one request, unless something ends it before.
    async fn request(&mut self, message: &Message) -> Ending {
        let Self { instance, session, incoming, sink, version } = self;
        self::started(instance, session);
        let ending = {
            let mut work = pin!(answer(instance, session, message, *version, sink));
            tokio::select! {
                biased;
                () = session.kill_notice.notified() => Ending::End(End::Killed),
                () = &mut work => Ending::Finished,
                interruption = incoming.interruption() => match interruption {
                    Ok(()) => Ending::Attention,
                    Err(lost) => Ending::End(End::Lost(lost)),
                },
            }
        };
        ended(instance, session);
        ending
    }

    /// Tells a killed client why its connection ends.
    async fn say_farewell(&mut self) {
        self.sink.message(&messages::error(596, 1, &[]));
        // Whether the client still reads is its own affair.
        let _ = tokio::time::timeout(FAREWELL_PATIENCE, self.sink.finish()).await;
    }
}

fn started(instance: &Instance, session: &Session) {
    let now = instance.0.clock.utc_now();
    session.update(|state| {
        state.status = "running";
        state.last_request_start = now;
        state.request = Some(Request {
            start: now,
            command: String::new(),
            percent_complete: 0.0,
            estimated_completion_ms: 0,
        });
    });
}

fn ended(instance: &Instance, session: &Session) {
    let now = instance.0.clock.utc_now();
    session.update(|state| {
        state.status = "sleeping";
        state.last_request_end = now;
        state.request = None;
    });
}

/// Runs a request and sends its answer.
async fn answer(
    instance: &Instance,
    session: &Rc<Session>,
    message: &Message,
    version: TdsVersion,
    sink: &mut WireSink,
) {
    if message.status & (STATUS_RESET | STATUS_RESET_KEEPING_TRANSACTION) != 0 {
        let keep_transaction = message.status & STATUS_RESET_KEEPING_TRANSACTION != 0;
        exec::reset(instance, session, keep_transaction, sink);
        sink.tokens().reset_acknowledged();
    }
    if let Err(error) = carry_out(instance, session, message, version, sink).await {
        let told = match &error {
            ProtocolError::NotSupported(what) => messages::unsupported(&what),
            ProtocolError::Truncated(_) => messages::error(4002, 1, &[]),
            ProtocolError::Invalid { .. } | ProtocolError::TooLarge { .. } => messages::error(4009, 1, &[]),
        };
        instance.log_line(&format!("spid{}", session.id), &format!("A request was refused: {error}."));
        sink.message(&told);
        sink.done(super::sink::Done {
            kind: super::sink::DoneKind::Statement,
            command: 0,
            row_count: None,
            is_error: true,
            in_transaction: session.state.borrow().open_transactions > 0,
        });
    }
    // A client that is gone shows when the next request is awaited.
    let _ = sink.finish().await;
}

async fn carry_out(
    instance: &Instance,
    session: &Rc<Session>,
    message: &Message,
    version: TdsVersion,
    sink: &mut WireSink,
) -> Result<(), ProtocolError> {
    match message.kind {
        MessageKind::Batch => {
            let text = decode_batch(&message.payload, version)?;
            exec::batch(instance, session, &text, sink).await;
        }
        MessageKind::Rpc => {
            for call in decode_rpc(&message.payload, version)? {
                exec::rpc(instance, session, &call, sink).await;
            }
        }
        MessageKind::TransactionManager => {
            let request = decode_transaction(&message.payload, version)?;
            exec::transaction(instance, session, &request, sink).await;
        }
        MessageKind::BulkLoad => return Err(ProtocolError::NotSupported("bulk load")),
        _ => return Err(ProtocolError::NotSupported("a login inside a session")),
    }
    Ok(())
}
