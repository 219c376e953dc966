//! The server's clock: a starting point plus tokio's time, paused or running.

use std::time::Duration;
use tokio::time::Instant;

/// Tells the time of one machine. Copies tell the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    utc_at_origin: jiff::Timestamp,
    skew: jiff::SignedDuration,
    utc_offset_minutes: i16,
}

impl Clock {
    /// A clock that shows `utc` now and goes on with tokio's time.
    ///
    /// `utc_offset_minutes` is the machine's time zone (`GETDATE` against `GETUTCDATE`).
    #[must_use]
    pub fn starting_at(utc: jiff::Timestamp, utc_offset_minutes: i16) -> Self {
        Self {
            origin: Instant::now(),
            utc_at_origin: utc,
            skew: jiff::SignedDuration::ZERO,
            utc_offset_minutes,
        }
    }

    /// The same clock, wrong by `skew` (a drill's fault).
    #[must_use]
    pub fn skewed(&self, skew: jiff::SignedDuration) -> Self {
        Self { skew: self.skew + skew, ..self.clone() }
    }

    /// Time since this clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Now, in UTC (`GETUTCDATE`).
    #[must_use]
    pub fn utc_now(&self) -> jiff::Timestamp {
        let elapsed = jiff::SignedDuration::try_from(self.elapsed()).unwrap_or(jiff::SignedDuration::MAX);
        self.utc_at_origin.saturating_add(elapsed + self.skew).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Minutes east of UTC.
    #[must_use]
    pub fn utc_offset_minutes(&self) -> i16 {
        self.utc_offset_minutes
    }
}
