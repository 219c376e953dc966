//! What is typed to a served program, line by line.

use std::io::{BufRead, Read};
use tokio::sync::mpsc;

/// Bytes of a line that are looked at; the rest of a longer one is passed over.
const LINE_BYTES_MAX: u64 = 4096;

/// Lines that are read before somebody has obeyed those before them.
const LINES_AHEAD_MAX: usize = 16;

/// Reads lines on a thread of its own: standard input blocks, what is served must not.
///
/// Of a line only the first 4,096 bytes count, and bytes that are not UTF-8 are replaced. The channel closes with the
/// input.
#[expect(
    clippy::disallowed_methods,
    reason = "what is served runs in real time; nothing simulated waits on the thread"
)]
pub fn lines_of(input: impl BufRead + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD_MAX);
    std::thread::spawn(move || pass_on(input, &sender));
    receiver
}

/// Ends with the input, or when nobody listens any more.
fn pass_on(mut input: impl BufRead, lines: &mpsc::Sender<String>) {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if lines.blocking_send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
            return;
        }
        // The end of the input ends a line too; passing over nothing does no harm.
        if !whole && input.skip_until(b'\n').is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(of: &[&str]) -> Vec<String> {
        of.iter().map(|&text| text.to_owned()).collect()
    }

    #[rstest::rstest]
    #[case::each_line(b"lose A\r\n\nquit".to_vec(), texts(&["lose A\r", "", "quit"]))]
    #[case::not_utf_8(b"\xFF\nquit\n".to_vec(), texts(&["\u{FFFD}", "quit"]))]
    #[case::just_long_enough([b"x".repeat(4095), b"\nquit\n".to_vec()].concat(), texts(&[&"x".repeat(4095), "quit"]))]
    #[case::too_long([b"x".repeat(9000), b"\nquit\n".to_vec()].concat(), texts(&[&"x".repeat(4096), "quit"]))]
    #[case::too_long_and_last(b"x".repeat(9000), texts(&[&"x".repeat(4096)]))]
    fn lines_come_one_by_one_and_none_is_longer_than_the_limit(
        #[case] input: Vec<u8>,
        #[case] lines: Vec<String>,
    ) {
        let mut receiver = lines_of(std::io::Cursor::new(input));
        let mut got = Vec::new();
        while let Some(line) = receiver.blocking_recv() {
            got.push(line);
        }
        assert_eq!(got, lines);
    }

    /// Counts what is read of it, and never ends.
    struct Endless(std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl std::io::Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(b'\n');
            self.0.fetch_add(buffer.len(), std::sync::atomic::Ordering::SeqCst);
            Ok(buffer.len())
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the thread that reads lives on the real clock")]
    fn input_that_nobody_obeys_is_not_read_ahead_without_a_limit() {
        let read = std::sync::Arc::default();
        let mut receiver =
            lines_of(std::io::BufReader::with_capacity(8, Endless(std::sync::Arc::clone(&read))));
        for _ in 0..1000 {
            assert_eq!(receiver.blocking_recv().as_deref(), Some(""));
        }
        // Time to read on, if nothing stopped it.
        std::thread::sleep(std::time::Duration::from_millis(200));
        // One more line waits to be sent, in a buffer of eight.
        let ahead = read.load(std::sync::atomic::Ordering::SeqCst) - 1000;
        assert!(ahead <= LINES_AHEAD_MAX + 1 + 8, "{ahead} lines were read ahead");
    }
}
