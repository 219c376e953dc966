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

/// The messages of our own program, each of which ends with its code in brackets.
#[derive(Debug, Default)]
struct Messages {
    line: Vec<u8>,
    message: String,
}

impl Messages {
    /// Severity, text and code of the messages that these bytes complete.
    fn take_in(&mut self, bytes: &[u8]) -> Vec<(String, String, String)> {
        let mut complete = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() + self.message.len() > MESSAGE_BYTES_MAX {
                self.line.clear();
                self.message.clear();
            }
            if !piece.ends_with(b"\n") {
                continue;
            }
            self.message.push_str(&String::from_utf8_lossy(&self.line));
            self.line.clear();
            if let Some(message) = message_of(self.message.trim_end()) {
                complete.push(message);
                self.message.clear();
            }
        }
        complete
    }
}

/// `warning: text [code]` as severity, text and code.
fn message_of(line: &str) -> Option<(String, String, String)> {
    let (text, code) = line.strip_suffix(']')?.rsplit_once(" [")?;
    let is_code = !code.is_empty()
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_code {
        return None;
    }
    let (severity, text) = match text.split_once(": ") {
        Some(("error", rest)) => ("error", rest),
        Some(("warning", rest)) => ("warning", rest),
        _ => ("info", text),
    };
    Some((severity.to_owned(), text.to_owned(), code.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_BYTES_MAX, Messages, TAIL_BYTES_MAX, Tail, message_of};

    #[rstest::rstest]
    #[case("error: it is damaged [log-backup-damaged]", Some(("error", "it is damaged", "log-backup-damaged")))]
    #[case("warning: a: b [x]", Some(("warning", "a: b", "x")))]
    #[case("step 1 is done [step-done]", Some(("info", "step 1 is done", "step-done")))]
    #[case("[bracketed]", None)]
    #[case("a path [C:\\x]", None)]
    #[case("interrupted", None)]
    fn a_message_ends_with_its_code(#[case] line: &str, #[case] message: Option<(&str, &str, &str)>) {
        let message = message.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(message_of(line), message);
    }

    #[test]
    fn a_message_may_come_in_pieces_and_take_several_lines() {
        let mut messages = Messages::default();
        assert_eq!(messages.take_in(b"error: it is\nbro"), []);
        let whole = messages.take_in(b"ken [x]\nnext [y]\nopen");
        let codes: Vec<&str> = whole.iter().map(|(_, _, code)| code.as_str()).collect();
        assert_eq!(codes, ["x", "y"]);
        assert_eq!(whole[0].1, "it is\nbroken");
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
