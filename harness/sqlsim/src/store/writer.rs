//! The writer: the one thread that puts batches on disk, many with one flush.
//!
//! Batches arrive in order. Whatever waits is written together and flushed
//! once; then everybody who waits for one of them is woken. While a flush is
//! under way the next batches gather: that is the whole of group commit.
//!
//! A full disk is waited out: what was written of the group is taken back, the
//! status says so, nothing is acknowledged, and the group is tried again. Any
//! other error ends the log: what a failed flush left on disk is unknown, so it
//! is never tried again.

use super::directory::{chance, segment_path, sync_directory};
use super::frame::{SEGMENT_HEADER_BYTES, SegmentHeader, put_batch, put_mark};
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// A segment that has grown to this size is followed by another one.
pub(super) const SEGMENT_BYTES: u64 = 4 << 20;
/// One that long changes are being written to grows further: to begin a segment costs two flushes.
const LONG_SEGMENT_BYTES: u64 = 8 * SEGMENT_BYTES;
/// A group of more bytes belongs to a long change.
const LONG_GROUP_BYTES: usize = 1 << 20;
/// The most bytes of batches in one group.
const GROUP_BYTES: usize = 8 << 20;
/// How long the log has to be quiet before it is noted that its end is on disk.
const QUIET: Duration = Duration::from_millis(200);
/// How long a full disk is given before the next try.
const FULL_PAUSE: Duration = Duration::from_millis(250);

/// One batch and its number.
pub(super) type Batch = (u64, Vec<u8>);

/// How far the log is on disk, and whether it still gets there.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    /// Batches up to this one survive a crash.
    pub(super) hardened: u64,
    /// The disk is full: what waits will be written when there is room.
    pub(super) full: Option<Arc<str>>,
    /// The log is lost: nothing will be written any more.
    pub(super) lost: Option<Arc<str>>,
}

/// Segments as the writer needs them. A test can put a broken disk behind it.
pub(super) trait Medium: Send {
    /// Makes a new segment the current one; its header is on disk when this returns.
    fn begin(&mut self, header: &SegmentHeader) -> io::Result<()>;
    /// Writes behind `offset` of the current segment.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the current segment.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Puts what was written on disk.
    fn flush(&mut self) -> io::Result<()>;
}

/// Segments in a directory of the host.
#[derive(Debug)]
pub(super) struct HostSegments {
    directory: PathBuf,
    current: Option<File>,
}

impl HostSegments {
    /// Goes on in a directory; `current` is the segment to go on with and its good length.
    pub(super) fn open(directory: PathBuf, current: Option<(u64, u64)>) -> io::Result<Self> {
        let mut segments = Self { directory, current: None };
        if let Some((first, length)) = current {
            let file = File::options().write(true).open(segment_path(&segments.directory, first))?;
            // A torn last write goes now: nothing may be read behind what is written next. And what was
            // read may never have been flushed.
            file.set_len(length)?;
            file.sync_all()?;
            segments.current = Some(file);
        }
        Ok(segments)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        self.current.as_mut().ok_or_else(|| io::Error::other("no segment was begun"))
    }
}

impl Medium for HostSegments {
    fn begin(&mut self, header: &SegmentHeader) -> io::Result<()> {
        let mut file = File::create(segment_path(&self.directory, header.first_sequence))?;
        file.write_all(&header.encode())?;
        file.sync_all()?;
        sync_directory(&self.directory.join("log"))?;
        self.current = Some(file);
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file()?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }
}

/// The writer's state.
pub(super) struct Writer {
    pub(super) medium: Box<dyn Medium>,
    pub(super) server: Uuid,
    /// The current segment and its length.
    pub(super) current: Option<(SegmentHeader, u64)>,
    pub(super) status: watch::Sender<Status>,
    /// First batches of the segments that are there, ascending.
    pub(super) segments: Arc<Mutex<Vec<u64>>>,
}

impl Writer {
    /// Writes batches until nobody can send any more, or the log is lost.
    pub(super) fn run(mut self, batches: &Receiver<Batch>) {
        let mut is_marked = true;
        loop {
            let first = match batches.recv_timeout(QUIET) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => {
                    if !is_marked {
                        // Without a flush: it only helps to tell damage from a torn write.
                        is_marked = true;
                        self.mark();
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut group = vec![first];
            let mut bytes = group[0].1.len();
            while bytes < GROUP_BYTES {
                let Ok(batch) = batches.try_recv() else { break };
                bytes += batch.1.len();
                group.push(batch);
            }
            if let Err(error) = self.harden(&mut group, batches) {
                let lost: Arc<str> = error.to_string().into();
                self.status.send_modify(|status| status.lost = Some(lost));
                return;
            }
            is_marked = false;
        }
    }

    /// Puts a group on disk; waits while the disk is full.
    fn harden(&mut self, group: &mut Vec<Batch>, batches: &Receiver<Batch>) -> io::Result<()> {
        while let Err(error) = self.try_write(group) {
            if !is_full(&error) {
                return Err(error);
            }
            if let Some((_, length)) = self.current {
                self.medium.cut(length)?;
            }
            let full: Arc<str> = error.to_string().into();
            self.status.send_modify(|status| status.full = Some(full));
            match batches.recv_timeout(FULL_PAUSE) {
                Ok(batch) => group.push(batch),
                Err(RecvTimeoutError::Timeout) => {}
                // The server ends, and what waits was acknowledged to nobody.
                Err(RecvTimeoutError::Disconnected) => return Err(error),
            }
        }
        self.medium.flush()?;
        let hardened = group.last().map_or(0, |(sequence, _)| *sequence);
        self.status.send_modify(|status| {
            status.hardened = hardened;
            status.full = None;
        });
        Ok(())
    }

    fn try_write(&mut self, group: &[Batch]) -> io::Result<()> {
        let size: usize = group.iter().map(|(_, payload)| payload.len()).sum();
        let longest = if size > LONG_GROUP_BYTES { LONG_SEGMENT_BYTES } else { SEGMENT_BYTES };
        let (header, length) = match self.current {
            Some((header, length)) if length < longest => (header, length),
            _ => self.begin_segment(group.first().map_or(0, |(sequence, _)| *sequence))?,
        };
        let hardened = self.status.borrow().hardened;
        let mut bytes = Vec::with_capacity(group.iter().map(|(_, payload)| payload.len() + 64).sum());
        for (sequence, payload) in group {
            let offset = length + bytes.len() as u64;
            put_batch(&mut bytes, header.salt, offset, *sequence, hardened, payload);
        }
        self.medium.write(length, &bytes)?;
        self.current = Some((header, length + bytes.len() as u64));
        Ok(())
    }

    fn begin_segment(&mut self, first_sequence: u64) -> io::Result<(SegmentHeader, u64)> {
        let header = SegmentHeader { salt: chance() as u32, first_sequence, server: self.server };
        self.medium.begin(&header)?;
        let length = SEGMENT_HEADER_BYTES as u64;
        self.current = Some((header, length));
        if let Ok(mut segments) = self.segments.lock() {
            segments.retain(|first| *first != first_sequence);
            segments.push(first_sequence);
        }
        Ok((header, length))
    }

    /// Notes that everything is on disk. Whether the note gets there does not matter.
    fn mark(&mut self) {
        let Some((header, length)) = self.current else { return };
        let mut bytes = Vec::new();
        put_mark(&mut bytes, header.salt, length, self.status.borrow().hardened);
        match self.medium.write(length, &bytes) {
            Ok(()) => self.current = Some((header, length + bytes.len() as u64)),
            Err(_) => drop(self.medium.cut(length)),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
