//! A two-way stream of bytes between two simulated machines.
//!
//! Each direction has its own condition, set by the link it runs over: clear,
//! held (bytes wait and arrive after a repair, as TCP would resend them),
//! delayed, or reset. Without a delay no timer is touched. `Send`, because a
//! TDS client is put on it; there is never a second thread.

use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes that may be under way in one direction before a writer has to wait.
const CAPACITY_BYTES: usize = 256 * 1024;

/// How a link treats what is sent over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Nothing arrives; nothing is lost either, should the link be repaired.
    pub held: bool,
    /// Everything arrives this much later.
    pub delay: Duration,
}

/// One direction of a stream.
#[derive(Debug, Default)]
struct Direction {
    ready: BytesMut,
    later: VecDeque<(Instant, Bytes)>,
    later_bytes: usize,
    condition: Condition,
    /// The writing end is closed: end of file after what is under way.
    closed: bool,
    /// The reading end is gone: writing is an error.
    unread: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    /// Moves what has arrived to `ready`.
    fn settle(&mut self) {
        if self.later.is_empty() || self.condition.held {
            return;
        }
        let now = Instant::now();
        while self.later.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, bytes)) = self.later.pop_front() {
                self.later_bytes -= bytes.len();
                self.ready.extend_from_slice(&bytes);
            }
        }
    }

    fn send(&mut self, data: &[u8]) {
        if self.condition.held || !self.condition.delay.is_zero() || !self.later.is_empty() {
            self.later_bytes += data.len();
            self.later.push_back((Instant::now() + self.condition.delay, Bytes::copy_from_slice(data)));
        } else {
            self.ready.extend_from_slice(data);
        }
        self.wake_reader();
    }
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Direction>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Direction> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One end of a stream.
#[derive(Debug)]
pub struct End {
    incoming: Shared,
    outgoing: Shared,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A handle on a stream for the network that carries it. Does not keep it open.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    forward: Weak<Mutex<Direction>>,
    backward: Weak<Mutex<Direction>>,
}

/// A new stream: the connecting end, the accepting end, and the network's handle.
#[must_use]
pub(super) fn stream(forward: Condition, backward: Condition) -> (End, End, Wire) {
    let there = Shared::default();
    let back = Shared::default();
    there.lock().condition = forward;
    back.lock().condition = backward;
    let wire = Wire { forward: Arc::downgrade(&there.0), backward: Arc::downgrade(&back.0) };
    let connecting = End { incoming: back.clone(), outgoing: there.clone(), timer: None };
    let accepting = End { incoming: there, outgoing: back, timer: None };
    (connecting, accepting, wire)
}

impl Wire {
    /// Whether both ends are gone.
    #[must_use]
    pub(super) fn is_closed(&self) -> bool {
        self.forward.strong_count() == 0 && self.backward.strong_count() == 0
    }

    fn change(direction: &Weak<Mutex<Direction>>, change: impl FnOnce(&mut Direction)) {
        if let Some(shared) = direction.upgrade() {
            let mut direction = shared.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut direction);
            direction.wake_reader();
            direction.wake_writer();
        }
    }

    /// Sets the condition of the way from the connecting end.
    pub(super) fn set_forward(&self, condition: Condition) {
        Self::change(&self.forward, |direction| direction.condition = condition);
    }

    /// Sets the condition of the way to the connecting end.
    pub(super) fn set_backward(&self, condition: Condition) {
        Self::change(&self.backward, |direction| direction.condition = condition);
    }

    /// Breaks the stream: both ends get a connection reset.
    pub(super) fn reset(&self) {
        for direction in [&self.forward, &self.backward] {
            Self::change(direction, |direction| {
                direction.reset = true;
                direction.ready.clear();
                direction.later.clear();
                direction.later_bytes = 0;
            });
        }
    }
}

fn connection_reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was reset")
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = &mut *self;
        let mut direction = end.incoming.lock();
        loop {
            if direction.reset {
                return Poll::Ready(Err(connection_reset()));
            }
            direction.settle();
            if !direction.ready.is_empty() {
                let length = direction.ready.len().min(into.remaining());
                into.put_slice(&direction.ready[..length]);
                direction.ready.advance(length);
                direction.wake_writer();
                return Poll::Ready(Ok(()));
            }
            if direction.later.is_empty() && direction.closed && !direction.condition.held {
                return Poll::Ready(Ok(()));
            }
            direction.reader = Some(context.waker().clone());
            let due = match direction.later.front() {
                Some((due, _)) if !direction.condition.held => *due,
                _ => {
                    end.timer = None;
                    return Poll::Pending;
                }
            };
            let timer = end.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            timer.as_mut().reset(due);
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut direction = self.outgoing.lock();
        if direction.reset {
            return Poll::Ready(Err(connection_reset()));
        }
        if direction.unread || direction.closed {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "the other side has closed")));
        }
        let under_way = direction.ready.len() + direction.later_bytes;
        if under_way >= CAPACITY_BYTES {
            direction.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = data.len().min(CAPACITY_BYTES - under_way);
        direction.send(&data[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut direction = self.outgoing.lock();
        direction.closed = true;
        direction.wake_reader();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut outgoing = self.outgoing.lock();
        outgoing.closed = true;
        outgoing.wake_reader();
        drop(outgoing);
        let mut incoming = self.incoming.lock();
        incoming.unread = true;
        incoming.wake_writer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn clear() -> Condition {
        Condition::default()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_arrive_in_order_and_the_end_is_seen_after_them() {
        let (mut a, mut b, _wire) = stream(clear(), clear());
        a.write_all(b"one").await.unwrap();
        a.write_all(b"two").await.unwrap();
        drop(a);
        let mut all = Vec::new();
        b.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"onetwo");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_direction_delivers_later_and_still_in_order_after_the_delay_is_gone() {
        let (mut a, mut b, wire) =
            stream(Condition { delay: Duration::from_millis(500), held: false }, clear());
        let start = Instant::now();
        a.write_all(b"slow").await.unwrap();
        wire.set_forward(clear());
        a.write_all(b"fast").await.unwrap();
        let mut all = [0; 8];
        b.read_exact(&mut all).await.unwrap();
        assert_eq!((&all, start.elapsed()), (b"slowfast", Duration::from_millis(500)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_into_a_severed_link_arrives_after_the_repair() {
        let (mut a, mut b, wire) = stream(clear(), clear());
        wire.set_forward(Condition { held: true, delay: Duration::ZERO });
        a.write_all(b"hello").await.unwrap();
        let mut got = [0; 5];
        let wait = tokio::time::timeout(Duration::from_secs(60), b.read_exact(&mut got)).await;
        assert!(wait.is_err(), "nothing arrives while the link is severed");
        wire.set_forward(clear());
        b.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_breaks_both_ends() {
        let (mut a, mut b, wire) = stream(clear(), clear());
        wire.reset();
        assert_eq!(a.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(b.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_waits_when_too_much_is_under_way() {
        let (mut a, mut b, _wire) = stream(clear(), clear());
        let data = vec![7; CAPACITY_BYTES + 10];
        let writing = async { a.write_all(&data).await.unwrap() };
        let reading = async {
            let mut all = vec![0; CAPACITY_BYTES + 10];
            b.read_exact(&mut all).await.unwrap();
            all.len()
        };
        let ((), read) = tokio::join!(biased; writing, reading);
        assert_eq!(read, CAPACITY_BYTES + 10);
    }
}
