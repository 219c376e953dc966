//! Sees the statements that cross a link, as a server would show them.
//!
//! Messages are put together from the bytes that a client sends; a message
//! that holds a statement of interest waits until the observer has seen it
//! begin, and its answer until the observer has seen it end. Everything else is
//! passed on as it comes. What is encrypted cannot be read and is passed on.

use bytes::BytesMut;
use sqlsim::session::rpc::{RpcProcedure, RpcRequest};
use sqlsim::tds::packet::{Assembler, HEADER_BYTES, Message, MessageKind, STATUS_END};
use sqlsim::tds::{TdsVersion, request};
use sqlsim::tsql::NoTypes;
use sqlsim::tsql::ast::{Expr, Instruction, ProcedureName, Restore, RestoreKind, StatementKind};
use sqlsim::{Observer, StatementEvent, Value};
use std::io;
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The number of `sp_executesql`.
const EXECUTE_SQL: u16 = 10;
/// Bytes read at a time.
const PIECE: usize = 32 * 1024;
/// The longest answer that is held back whole; one that is longer is passed on from there.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A statement of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    kind: &'static str,
    subject: Rc<str>,
    device: Option<Rc<str>>,
    with_recovery: bool,
}

impl Seen {
    fn event(&self, outcome: Option<i32>) -> StatementEvent<'_> {
        StatementEvent {
            session_id: 0,
            program: "",
            database: "",
            kind: self.kind,
            subject: &self.subject,
            device: self.device.as_deref(),
            with_recovery: self.with_recovery,
            outcome,
        }
    }
}

/// Carries a TDS connection between a client and a server, and shows the observer what crosses.
pub(super) async fn carry(
    client: impl AsyncRead + AsyncWrite + Unpin,
    server: impl AsyncRead + AsyncWrite + Unpin,
    observer: &dyn Observer,
) -> io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let mut messages = Assembler::new();
    let (mut raw, mut piece, mut answer) = (BytesMut::new(), vec![0; PIECE], vec![0; PIECE]);
    let mut is_readable = true;
    loop {
        tokio::select! {
            read = from_client.read(&mut piece) => {
                let read = read?;
                if read == 0 {
                    return to_server.shutdown().await;
                }
                if !(is_readable && observer.is_watching()) {
                    // Half a message that began while somebody watched goes along.
                    to_server.write_all(&raw.split()).await?;
                    to_server.write_all(&piece[..read]).await?;
                    messages = Assembler::new();
                    continue;
                }
                raw.extend_from_slice(&piece[..read]);
                messages.input().extend_from_slice(&piece[..read]);
                let mut seen = Vec::new();
                loop {
                    match messages.next_message() {
                        Ok(Some(message)) => seen.extend(statements(&message)),
                        Ok(None) => break,
                        // TLS, or nothing that we know: it is the server's to complain.
                        Err(_) => {
                            is_readable = false;
                            break;
                        }
                    }
                }
                if is_readable && messages.is_inside_message() && seen.is_empty() {
                    continue;
                }
                for statement in &seen {
                    let begun = observer.statement(statement.event(None));
                    hold(begun, &mut from_client, &mut raw).await?;
                }
                to_server.write_all(&raw.split()).await?;
                if !seen.is_empty() {
                    let whole = whole_answer(&mut from_server).await?;
                    let outcome = if whole.is_error { 1 } else { 0 };
                    for statement in &seen {
                        let ended = observer.statement(statement.event(Some(outcome)));
                        hold(ended, &mut from_client, &mut raw).await?;
                    }
                    to_client.write_all(&whole.bytes).await?;
                }
            }
            read = from_server.read(&mut answer) => {
                let read = read?;
                if read == 0 {
                    return to_client.shutdown().await;
                }
                to_client.write_all(&answer[..read]).await?;
            }
        }
    }
}

/// Waits for an observer, for as long as the client is there. What the client sends meanwhile is kept.
async fn hold(
    observer: impl Future<Output = ()>,
    client: &mut (impl AsyncRead + Unpin),
    kept: &mut BytesMut,
) -> io::Result<()> {
    let mut observer = std::pin::pin!(observer);
    let mut piece = [0; 4096];
    loop {
        tokio::select! {
            biased;
            () = &mut observer => return Ok(()),
            read = client.read(&mut piece) => match read? {
                0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client went away while it was held")),
                read => kept.extend_from_slice(&piece[..read]),
            },
        }
    }
}

/// An answer that was held back.
struct Answer {
    bytes: BytesMut,
    is_error: bool,
}

/// Reads an answer up to the end of its message.
async fn whole_answer(server: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut bytes = BytesMut::new();
    let mut at = 0;
    let mut is_last = false;
    while bytes.len() < ANSWER_BYTES_MAX {
        while let Some(header) = bytes.get(at..at + HEADER_BYTES) {
            let length = usize::from(u16::from_be_bytes([header[2], header[3]])).max(HEADER_BYTES);
            is_last = header[1] & STATUS_END != 0;
            if bytes.len() < at + length {
                break;
            }
            at += length;
            if is_last {
                break;
            }
        }
        if is_last && bytes.len() >= at && at > 0 && ends_here(&bytes, at) {
            break;
        }
        if server.read_buf(&mut bytes).await? == 0 {
            break;
        }
    }
    let is_error = tells_of_an_error(&bytes);
    Ok(Answer { bytes, is_error })
}

/// Whether the packets up to `at` are whole.
fn ends_here(bytes: &[u8], at: usize) -> bool {
    bytes.len() == at
}

/// Whether the last token, a DONE, says that there was an error.
fn tells_of_an_error(bytes: &[u8]) -> bool {
    const DONE_BYTES: usize = 13;
    const ERROR: u16 = 0x2;
    let Some(done) = bytes.len().checked_sub(DONE_BYTES).and_then(|at| bytes.get(at..)) else { return true };
    let is_done = matches!(done[0], 0xFD..=0xFF);
    !is_done || u16::from_le_bytes([done[1], done[2]]) & ERROR != 0
}

/// The statements of interest in a message.
fn statements(message: &Message) -> Vec<Seen> {
    let version = TdsVersion::V7_4;
    let mut seen = Vec::new();
    match message.kind {
        MessageKind::Batch => {
            if let Ok(text) = request::decode_batch(&message.payload, version) {
                in_batch("", &text, &[], &mut seen);
            }
        }
        MessageKind::Rpc => {
            for call in request::decode_rpc(&message.payload, version).unwrap_or_default() {
                in_call(&call, &mut seen);
            }
        }
        _ => {}
    }
    seen
}

fn in_call(call: &RpcRequest, seen: &mut Vec<Seen>) {
    let values: Vec<Option<Rc<str>>> = call
        .params
        .iter()
        .map(|param| match &param.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    let text = |at: usize| values.get(at).cloned().flatten();
    let is_text = match &call.procedure {
        RpcProcedure::Id(id) => *id == EXECUTE_SQL,
        RpcProcedure::Name(name) => last_part(name).eq_ignore_ascii_case("sp_executesql"),
    };
    if is_text {
        let declared = text(1).unwrap_or_default();
        if let Some(text) = text(0) {
            in_batch(&declared, &text, values.get(2..).unwrap_or_default(), seen);
        }
    } else if let RpcProcedure::Name(name) = &call.procedure {
        seen.extend(procedure(name));
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name).trim_matches(['[', ']', '"'])
}

fn procedure(name: &str) -> Option<Seen> {
    last_part(name).eq_ignore_ascii_case("sp_delete_log_shipping_secondary_database").then(|| Seen {
        kind: "EXECUTE",
        subject: name.into(),
        device: None,
        with_recovery: false,
    })
}

/// The statements of a text, IF, WHILE and TRY taken apart; `values` are those of its parameters.
fn in_batch(declared: &str, text: &str, values: &[Option<Rc<str>>], seen: &mut Vec<Seen>) {
    // What the simulator's parser does not know is the server's to judge; nothing of interest is written so.
    let Ok(program) = sqlsim::tsql::parse(declared, text, true, &NoTypes) else { return };
    for instruction in &program.code {
        if let Instruction::Statement(statement) = instruction {
            seen.extend(of_interest(&statement.kind, values));
        }
    }
}

fn of_interest(statement: &StatementKind, values: &[Option<Rc<str>>]) -> Option<Seen> {
    let value = |expr: &Expr| match expr {
        Expr::Literal(Value::Text(text), _) => Some(text.clone()),
        Expr::Variable(slot) => values.get(*slot).cloned().flatten(),
        _ => None,
    };
    let kill = || Seen { kind: "KILL", subject: "".into(), device: None, with_recovery: false };
    match statement {
        StatementKind::Kill { .. } => Some(kill()),
        // A KILL put together as text.
        StatementKind::ExecuteText(parts) => {
            let says_kill = |part: &Expr| {
                let mut first = part;
                while let Expr::Binary(_, left, _) = first {
                    first = left;
                }
                value(first).is_some_and(|text| text.trim_start().to_ascii_uppercase().starts_with("KILL"))
            };
            parts.first().is_some_and(says_kill).then(kill)
        }
        StatementKind::Execute(execute) => match &execute.procedure {
            ProcedureName::Name(name) => procedure(&name.name),
            ProcedureName::Variable(_) => None,
        },
        StatementKind::Restore(restore) => {
            let Restore { kind, database, devices, options } = &**restore;
            let kind = match kind {
                RestoreKind::Database => "RESTORE DATABASE",
                RestoreKind::Log => "RESTORE LOG",
                _ => return None,
            };
            let goes_on = options.iter().any(|option| matches!(&*option.name, "NORECOVERY" | "STANDBY"));
            Some(Seen {
                kind,
                subject: database.as_ref().and_then(value).unwrap_or_default(),
                device: devices.first().and_then(value),
                with_recovery: !goes_on,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::cell::RefCell;

    fn seen(text: &str) -> Vec<(String, Option<String>, bool)> {
        let mut seen = Vec::new();
        in_batch("", text, &[], &mut seen);
        let told =
            |one: Seen| (one.kind.to_owned(), one.device.map(|device| device.to_string()), one.with_recovery);
        seen.into_iter().map(told).collect()
    }

    #[rstest::rstest]
    #[case(
        "restore log [mgc] from disk = N'/a/b.trn' with norecovery",
        "RESTORE LOG",
        Some("/a/b.trn"),
        false
    )]
    #[case("RESTORE DATABASE mgc WITH RECOVERY", "RESTORE DATABASE", None, true)]
    #[case("IF 1 = 1 KILL 57", "KILL", None, false)]
    #[case("EXEC (N'KILL ' + N'57')", "KILL", None, false)]
    #[case("exec master..sp_delete_log_shipping_secondary_database N'mgc'", "EXECUTE", None, false)]
    fn a_statement_is_seen_however_it_is_written(
        #[case] text: &str,
        #[case] kind: &str,
        #[case] device: Option<&str>,
        #[case] recovers: bool,
    ) {
        assert_eq!(seen(text), [(kind.to_owned(), device.map(str::to_owned), recovers)]);
    }

    #[rstest::rstest]
    #[case("SELECT N'RESTORE LOG mgc'")]
    #[case("RESTORE HEADERONLY FROM DISK = N'/a/b.trn'")]
    #[case("this is no statement")]
    fn what_is_of_no_interest_is_not_seen(#[case] text: &str) {
        assert_eq!(seen(text), []);
    }

    /// Writes down what it is shown; holds a KILL for ever.
    #[derive(Debug, Default)]
    struct Log(RefCell<Vec<String>>);

    #[async_trait(?Send)]
    impl Observer for Log {
        async fn statement(&self, event: StatementEvent<'_>) {
            self.0.borrow_mut().push(format!("{} {:?}", event.kind, event.outcome));
            if event.kind == "KILL" {
                std::future::pending::<()>().await;
            }
        }
        fn is_watching(&self) -> bool {
            true
        }
    }

    /// A batch as a client sends it.
    fn batch(text: &str) -> Vec<u8> {
        let mut payload = 22u32.to_le_bytes().to_vec();
        payload.extend(18u32.to_le_bytes());
        payload.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        payload.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        packet(1, &payload)
    }

    fn packet(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + HEADER_BYTES).unwrap().to_be_bytes();
        [&[kind, STATUS_END, length[0], length[1], 0, 0, 1, 0], payload].concat()
    }

    fn done(status: u16) -> Vec<u8> {
        let mut token = vec![0xFD];
        token.extend(status.to_le_bytes());
        token.extend([0; 10]);
        packet(4, &token)
    }

    #[rstest::rstest]
    #[case::it_worked(0, "RESTORE LOG Some(0)")]
    #[case::it_failed(2, "RESTORE LOG Some(1)")]
    #[tokio::test]
    async fn an_answer_is_passed_on_after_the_end_was_seen(#[case] status: u16, #[case] told: &str) {
        let (mut client, near) = tokio::io::duplex(4096);
        let (far, mut server) = tokio::io::duplex(4096);
        let log = Log::default();
        let request = batch("RESTORE LOG mgc FROM DISK = N'a' WITH NORECOVERY");
        let talk = async {
            client.write_all(&request).await.unwrap();
            let mut got = vec![0; request.len()];
            server.read_exact(&mut got).await.unwrap();
            assert_eq!(got, request, "the request arrives as it was sent");
            assert_eq!(*log.0.borrow(), ["RESTORE LOG None"]);
            server.write_all(&done(status)).await.unwrap();
            let mut got = vec![0; done(status).len()];
            client.read_exact(&mut got).await.unwrap();
            assert_eq!(got, done(status));
            drop(client);
        };
        let (carried, ()) = tokio::join!(carry(near, far, &log), talk);
        carried.unwrap();
        assert_eq!(log.0.borrow().last().unwrap(), told);
    }

    #[tokio::test]
    async fn a_statement_that_is_held_never_arrives_once_its_client_is_gone() {
        let (mut client, near) = tokio::io::duplex(4096);
        let (far, mut server) = tokio::io::duplex(4096);
        let log = Log::default();
        let talk = async {
            client.write_all(&batch("KILL 57")).await.unwrap();
            tokio::task::yield_now().await;
            drop(client);
        };
        let (carried, ()) = tokio::join!(carry(near, far, &log), talk);
        assert_eq!(carried.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert!(got.is_empty(), "it was held");
    }
}
