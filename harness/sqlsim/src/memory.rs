//! What all sessions may hold together: rows that operators keep, requests that arrive.
//!
//! Each request and each operator has a limit of its own; many of them at once would still fill the machine. So what
//! they hold is counted in two budgets, and whoever finds one spent is refused: an operator with error 701, a
//! connection by being closed. Nobody waits for room, since all could wait for each other. Servers of one process run
//! on one thread and share its budgets.

use std::cell::Cell;
use std::thread::LocalKey;

/// Bytes of rows that the operators of all statements may hold together: 2 GiB (24 MiB in this crate's own tests).
pub(crate) const OPERATORS_BYTES_MAX: usize = if cfg!(test) { 24 << 20 } else { 2 << 30 };

/// Bytes of requests of all clients that have arrived and are not answered: 512 MiB (1 MiB in this crate's own tests).
pub(crate) const REQUESTS_BYTES_MAX: usize = if cfg!(test) { 1 << 20 } else { 512 << 20 };

/// Every connection may hold this much without asking, so that small requests always get through.
pub(crate) const REQUEST_BYTES_FREE: usize = 64 << 10;

/// Shares grow by this much at least.
const STEP_BYTES: usize = 64 << 10;

thread_local! {
    static OPERATORS: Cell<usize> = const { Cell::new(0) };
    static REQUESTS: Cell<usize> = const { Cell::new(0) };
}

/// What one holder has of a budget; it goes back when the holder goes.
#[derive(Debug)]
pub(crate) struct Share {
    spent: &'static LocalKey<Cell<usize>>,
    limit: usize,
    bytes: usize,
}

impl Share {
    /// Of the operators' budget; nothing yet.
    pub(crate) fn of_operators() -> Self {
        Self { spent: &OPERATORS, limit: OPERATORS_BYTES_MAX, bytes: 0 }
    }

    /// Of the requests' budget; nothing yet.
    pub(crate) fn of_requests() -> Self {
        Self { spent: &REQUESTS, limit: REQUESTS_BYTES_MAX, bytes: 0 }
    }

    /// Grows or shrinks to hold `bytes`; `false` when the budget has no room, and then nothing has changed.
    #[must_use]
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes && self.bytes - bytes < STEP_BYTES {
            return true;
        }
        let wanted = bytes.next_multiple_of(STEP_BYTES);
        let others = self.spent.get() - self.bytes;
        if wanted > self.bytes && others + wanted > self.limit {
            return false;
        }
        self.spent.set(others + wanted);
        self.bytes = wanted;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A thread that ends takes its budgets with it.
        let _ = self.spent.try_with(|spent| spent.set(spent.get() - self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_has_no_room_until_a_share_is_given_back() {
        let (mut first, mut second) = (Share::of_requests(), Share::of_requests());
        assert!(first.hold(REQUESTS_BYTES_MAX - STEP_BYTES));
        assert!(second.hold(1));
        assert!(!second.hold(STEP_BYTES + 1), "that was all");
        assert!(second.hold(STEP_BYTES), "what it has stays");
        assert!(first.hold(0));
        assert!(second.hold(REQUESTS_BYTES_MAX));
        drop(second);
        assert!(first.hold(REQUESTS_BYTES_MAX));
        assert_eq!(OPERATORS.get(), 0, "the other budget is another one");
    }
}
