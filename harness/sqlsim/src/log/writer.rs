//! A database's log: records in order of their LSNs, some of them already on disk.
//!
//! An LSN is virtual log file, block, slot. A block is what one flush writes:
//! a commit closes it, so that the next record starts a new one.

use super::record::{LogOp, LogRecord, LogTransactionId};
use crate::lsn::Lsn;
use std::collections::VecDeque;

/// Sectors of 512 bytes in a virtual log file.
const SECTORS_PER_VLF: u32 = 16_384;
/// The most records in one block.
const SLOTS_PER_BLOCK: u16 = 500;

/// The log of one database.
#[derive(Clone, Debug)]
pub struct Log {
    records: VecDeque<LogRecord>,
    /// How many of `records` survive a power loss.
    flushed: usize,
    vlf: u32,
    block: u32,
    slot: u16,
    block_bytes: u64,
    bytes: u64,
    /// Bytes written since the log began, for sizes and costs.
    total_bytes: u64,
    /// What a data directory has of this log; `None` for a log that lives in memory alone.
    capture: Option<Capture>,
}

/// How much of a log was handed on to the server's write-ahead log.
#[derive(Clone, Debug, Default)]
struct Capture {
    /// How many of the records, from the oldest on.
    records: usize,
    /// Records before this LSN were forgotten since the last capture.
    truncated: Option<Lsn>,
}

/// Where the next record goes, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPosition {
    /// LSN of the next record.
    pub(crate) next: Lsn,
    /// Bytes in the block that is open.
    pub(crate) block_bytes: u64,
}

impl Log {
    /// An empty log that begins at a new virtual log file.
    #[must_use]
    pub fn starting_at_vlf(vlf: u32) -> Self {
        Self {
            records: VecDeque::new(),
            flushed: 0,
            vlf,
            block: 16,
            slot: 1,
            block_bytes: 0,
            bytes: 0,
            total_bytes: 0,
            capture: None,
        }
    }

    /// An empty log whose next record has this LSN (after a restore).
    #[must_use]
    pub fn continuing_at(lsn: Lsn) -> Self {
        Self { vlf: lsn.vlf, block: lsn.block, slot: lsn.slot.max(1), ..Self::starting_at_vlf(lsn.vlf) }
    }

    /// The LSN that the next record gets.
    #[must_use]
    pub fn next_lsn(&self) -> Lsn {
        Lsn { vlf: self.vlf, block: self.block, slot: self.slot }
    }

    /// The LSN of the oldest record that is still there, or the next one.
    #[must_use]
    pub fn first_lsn(&self) -> Lsn {
        self.records.front().map_or_else(|| self.next_lsn(), |r| r.lsn)
    }

    /// LSN of the last record on disk, if any is there.
    #[must_use]
    pub fn flushed_lsn(&self) -> Option<Lsn> {
        self.flushed.checked_sub(1).and_then(|i| self.records.get(i)).map(|r| r.lsn)
    }

    /// Bytes of the records that are still there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many records are still there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no record is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Writes a record.
    pub(crate) fn write(&mut self, transaction: LogTransactionId, is_compensation: bool, op: LogOp) -> Lsn {
        let lsn = self.next_lsn();
        let size = op.size_bytes();
        self.bytes += size;
        self.total_bytes += size;
        self.block_bytes += size;
        self.records.push_back(LogRecord { lsn, transaction, is_compensation, op });
        self.slot += 1;
        if self.slot > SLOTS_PER_BLOCK {
            self.close_block();
        }
        lsn
    }

    /// Takes over records that another copy of the database wrote, with their LSNs, and puts them on disk.
    pub(crate) fn adopt(&mut self, records: Vec<LogRecord>, next_lsn: Lsn) {
        for record in records {
            let size = record.op.size_bytes();
            self.bytes += size;
            self.total_bytes += size;
            self.records.push_back(record);
        }
        self.flushed = self.records.len();
        self.continue_at(next_lsn);
    }

    /// Forgets records from `lsn` on; the next one is written there.
    pub(crate) fn cut_from(&mut self, lsn: Lsn) {
        while self.records.back().is_some_and(|r| r.lsn >= lsn) {
            if let Some(record) = self.records.pop_back() {
                self.bytes -= record.op.size_bytes();
            }
        }
        self.flushed = self.flushed.min(self.records.len());
        if let Some(capture) = &mut self.capture {
            capture.records = capture.records.min(self.records.len());
        }
        self.continue_at(lsn);
    }

    /// Sets where the next record goes; used when a backup or a partner says so.
    pub(crate) fn continue_at(&mut self, lsn: Lsn) {
        (self.vlf, self.block, self.slot, self.block_bytes) = (lsn.vlf, lsn.block, lsn.slot.max(1), 0);
    }

    /// Writes everything to disk and closes the block.
    pub(crate) fn flush(&mut self) {
        self.flushed = self.records.len();
        if self.slot > 1 {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let sectors = u32::try_from(self.block_bytes.div_ceil(512)).unwrap_or(u32::MAX).max(1);
        self.block = self.block.saturating_add(sectors);
        self.slot = 1;
        self.block_bytes = 0;
        if self.block >= SECTORS_PER_VLF {
            self.vlf += 1;
            self.block = 16;
        }
    }

    /// Records from `lsn` on, in order.
    pub fn records_from(&self, lsn: Lsn) -> impl Iterator<Item = &LogRecord> {
        self.records.range(self.records.partition_point(|r| r.lsn < lsn)..)
    }

    /// Forgets records before `lsn`; of a captured log only those that were handed on.
    pub(crate) fn truncate_before(&mut self, lsn: Lsn) {
        while self.records.front().is_some_and(|r| r.lsn < lsn) {
            if let Some(capture) = &mut self.capture {
                let Some(left) = capture.records.checked_sub(1) else { return };
                *capture = Capture { records: left, truncated: Some(lsn) };
            }
            if let Some(record) = self.records.pop_front() {
                self.bytes -= record.op.size_bytes();
                self.flushed = self.flushed.saturating_sub(1);
            }
        }
    }

    /// What a power loss does: everything not flushed is gone.
    pub(crate) fn lose_unflushed(&mut self) {
        while self.records.len() > self.flushed {
            if let Some(record) = self.records.pop_back() {
                self.bytes -= record.op.size_bytes();
                self.continue_at(record.lsn);
            }
        }
        if self.slot > 1 {
            self.close_block();
        }
    }

    /// From now on records are handed on; those that are there already count as handed on.
    pub(crate) fn start_capture(&mut self) {
        self.capture = Some(Capture { records: self.records.len(), truncated: None });
    }

    /// Where the next record goes.
    pub(crate) fn position(&self) -> LogPosition {
        LogPosition { next: self.next_lsn(), block_bytes: self.block_bytes }
    }

    /// Sets where the next record goes (a log that is read back).
    pub(crate) fn set_position(&mut self, position: LogPosition) {
        self.continue_at(position.next);
        self.block_bytes = position.block_bytes;
    }

    /// Records that were not handed on yet, and where records were forgotten since the last time.
    pub(crate) fn take_uncaptured(&mut self) -> (impl ExactSizeIterator<Item = &LogRecord>, Option<Lsn>) {
        let length = self.records.len();
        let (from, truncated) = match &mut self.capture {
            Some(capture) => (std::mem::replace(&mut capture.records, length), capture.truncated.take()),
            None => (length, None),
        };
        (self.records.range(from.min(length)..), truncated)
    }

    /// Takes back a record that was read from disk.
    pub(crate) fn put_back(&mut self, record: LogRecord) {
        let size = record.op.size_bytes();
        self.bytes += size;
        self.total_bytes += size;
        self.records.push_back(record);
        self.flushed = self.records.len();
    }
}
