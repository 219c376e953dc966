//! Log sequence numbers: virtual log file, block, slot.

use std::fmt;

/// A log sequence number, ordered as the log is.
///
/// Shown as SQL Server's `numeric(25,0)`: the virtual log file's sequence
/// number, the block offset padded to ten digits, the slot padded to five, so
/// that `39:289:1` reads `39000000028900001`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn {
    /// Virtual log file sequence number.
    pub vlf: u32,
    /// Block offset inside the virtual log file, in 512-byte sectors.
    pub block: u32,
    /// Record slot inside the block, from 1.
    pub slot: u16,
}

impl Lsn {
    /// The LSN below all others; stands for "none".
    pub const ZERO: Self = Self { vlf: 0, block: 0, slot: 0 };

    /// The value as `numeric(25,0)`.
    #[must_use]
    pub fn to_numeric(self) -> i128 {
        i128::from(self.vlf) * 1_000_000_000_000_000
            + i128::from(self.block) * 100_000
            + i128::from(self.slot)
    }

    /// The LSN that a `numeric(25,0)` stands for; `None` when it stands for none.
    #[must_use]
    pub fn from_numeric(n: i128) -> Option<Self> {
        Some(Self {
            vlf: u32::try_from(n / 1_000_000_000_000_000).ok()?,
            block: u32::try_from(n / 100_000 % 10_000_000_000).ok()?,
            slot: u16::try_from(n % 100_000).ok()?,
        })
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.vlf, self.block, self.slot)
    }
}

impl fmt::Debug for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
