//! What a failover program prints, heard while it runs: all of the report where it can be read, and otherwise the
//! end, however much there is of it.

use crate::estate::failover_run::Told;
use crate::estate::world::World;
use std::cell::RefCell;
use tokio::io::{AsyncRead, AsyncReadExt};

/// So much of the end of what a program prints is kept for people.
const TAIL_BYTES_MAX: usize = 64 << 10;
/// So long a report is read.
const REPORT_BYTES_MAX: usize = 8 << 20;
/// No message of ours is longer; what is belongs to no message.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How much is read at a time.
const CHUNK_BYTES: usize = 8 << 10;

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    tail: RefCell<Tail>,
    report: RefCell<Vec<u8>>,
    told: RefCell<Vec<Told>>,
    /// Whether its words are read, or only shown.
    is_read: bool,
}

impl Heard {
    pub(super) fn of(is_read: bool) -> Self {
        Self { is_read, ..Self::default() }
    }

    /// Hears both outputs to their ends.
    pub(super) async fn listen(
        &self,
        world: &World,
        output: Option<impl AsyncRead + Unpin>,
        errors: Option<impl AsyncRead + Unpin>,
    ) {
        let mut messages = Messages::default();
        let report = self.hear(output, |chunk| {
            let mut report = self.report.borrow_mut();
            if report.len() < REPORT_BYTES_MAX {
                report.extend_from_slice(chunk);
            }
        });
        let told = self.hear(errors, |chunk| {
            for (severity, text, code) in messages.take_in(chunk) {
                self.told.borrow_mut().push(Told { at: world.now(), code, severity, text });
            }
        });
        tokio::join!(report, told);
    }

    /// Keeps the tail of everything, and hands on what is read.
    async fn hear(&self, stream: Option<impl AsyncRead + Unpin>, mut hand_on: impl FnMut(&[u8])) {
        let Some(mut stream) = stream else { return };
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(bytes @ 1..) = stream.read(&mut chunk).await {
            self.tail.borrow_mut().push(&chunk[..bytes]);
            if self.is_read {
                hand_on(&chunk[..bytes]);
            }
        }
    }

    /// The report, if there is one that can be read.
    pub(super) fn report(&self) -> serde_json::Value {
        serde_json::from_slice(&self.report.borrow()).unwrap_or_default()
    }

    /// What it told, in order.
    pub(super) fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    /// The end of what it printed.
    pub(super) fn end_of_output(&self) -> String {
        self.tail.borrow().text()
    }
}

/// The last bytes of a stream.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    has_more: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Not at every push: what is kept would be moved for each chunk.
        if self.bytes.len() > 2 * TAIL_BYTES_MAX {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let beyond = self.bytes.len().saturating_sub(TAIL_BYTES_MAX);
        self.has_more |= beyond > 0;
        self.bytes.drain(..beyond);
    }

    fn text(&self) -> String {
        let from = self.bytes.len().saturating_sub(TAIL_BYTES_MAX);
        let text = String::from_utf8_lossy(&self.bytes[from..]);
        match self.has_more || from > 0 {
            true => format!("… {text}"),
            false => text.into_owned(),
        }
    }
}

/// The messages of our own program, a line each.
#[derive(Debug, Default)]
struct Messages {
    line: Vec<u8>,
}

impl Messages {
    /// Severity, text and code of the messages that these bytes complete.
    fn take_in(&mut self, bytes: &[u8]) -> Vec<(String, String, String)> {
        let mut complete = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > MESSAGE_BYTES_MAX {
                self.line.clear();
            }
            if piece.ends_with(b"\n") {
                complete.extend(message_of(&self.line));
                self.line.clear();
            }
        }
        complete
    }
}

/// A message as `pchat-failover --messages json` writes it: severity, text and code. Other lines are none.
fn message_of(line: &[u8]) -> Option<(String, String, String)> {
    let message: serde_json::Value = serde_json::from_slice(line).ok()?;
    let word = |key: &str| message.get(key)?.as_str().map(str::to_owned);
    Some((word("severity")?, word("text")?, word("code")?))
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_BYTES_MAX, Messages, TAIL_BYTES_MAX, Tail, message_of};

    #[rstest::rstest]
    #[case(r#"{"code":"log-backup-damaged","severity":"error","text":"one\ntwo"}"#, Some(("error", "one\ntwo", "log-backup-damaged")))]
    #[case(r#"{"code":1}"#, None)]
    #[case("warning: of somebody else's [x]", None)]
    fn a_message_is_told_from_other_lines(#[case] line: &str, #[case] message: Option<(&str, &str, &str)>) {
        let message = message.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(message_of(line.as_bytes()), message);
    }

    #[test]
    fn a_message_may_come_in_pieces() {
        let mut messages = Messages::default();
        assert_eq!(messages.take_in(br#"{"code":"x","sever"#), []);
        let whole = messages.take_in(b"ity\":\"info\",\"text\":\"a\"}\n{\"code\":\"y\"");
        let codes: Vec<&str> = whole.iter().map(|(_, _, code)| code.as_str()).collect();
        assert_eq!(codes, ["x"]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let mut messages = Messages::default();
        for _ in 0..3 {
            assert_eq!(messages.take_in(&vec![b'x'; MESSAGE_BYTES_MAX]), []);
            assert!(messages.line.len() <= MESSAGE_BYTES_MAX);
        }
    }

    #[test]
    fn of_much_output_the_end_is_kept_and_said_to_be_one() {
        let mut tail = Tail::default();
        tail.push(b"the beginning\n");
        for _ in 0..100 {
            tail.push(&[b'x'; 8_192]);
            assert!(tail.bytes.len() <= 2 * TAIL_BYTES_MAX + 8_192);
        }
        tail.push(b"\nthe end");
        assert!(tail.text().starts_with("… x"), "{}", &tail.text()[..20]);
        assert!(tail.text().ends_with("x\nthe end"));
    }

    #[test]
    fn of_little_output_all_is_kept() {
        let mut tail = Tail::default();
        tail.push(b"all");
        assert_eq!(tail.text(), "all");
    }
}
