//! The write-ahead log of a running server: capture, group commit, and the rule that nothing leaves early.
//!
//! A server's answer may rest on anything that happened before it: its own
//! commit, or another session's row that it read. So every byte that leaves the
//! server (to a client, a mirroring partner, a monitor, a backup file) waits
//! until everything that happened before is on disk: [`Instance::harden`].
//! In a server that lives in memory alone it does nothing and never waits.

use super::directory::{DataDirectory, DataDirectoryError};
use super::journal::Journal;
use super::writer::{Batch, HostSegments, Medium, SEGMENT_BYTES, Status, Writer};
use crate::engine::Engine;
use crate::instance::Instance;
use crate::messages;
use std::cell::{Cell, RefCell};

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A checkpoint is due when the log has grown by this much since the last one.
const CHECKPOINT_BYTES: u64 = 8 * SEGMENT_BYTES;
/// The same while a restore is under way, which an image in its middle would only slow down.
const CHECKPOINT_BYTES_IN_RESTORE: u64 = 1 << 30;
/// What nobody waits for is handed on this often.
const BACKGROUND_CAPTURE: Duration = Duration::from_secs(1);
/// How long the end of a server waits for its writer.
const FAREWELL: Duration = Duration::from_secs(30);

/// The write-ahead log can no longer be written: nothing that happened since is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the write-ahead log cannot be written: {0}; nothing more is acknowledged; repair the disk and start the server again"
)]
pub struct LogLost(pub Arc<str>);

/// The write-ahead log of one server.
#[derive(Debug)]
pub(crate) struct WriteAheadLog {
    pub(super) directory: RefCell<DataDirectory>,
    pub(super) journal: RefCell<Journal>,
    /// The way to the writer; `None` when the log was closed.
    batches: RefCell<Option<Sender<Batch>>>,
    status: RefCell<watch::Receiver<Status>>,
    pub(super) segments: Arc<Mutex<Vec<u64>>>,
    writer: RefCell<Option<std::thread::JoinHandle<()>>>,
    /// Bytes handed on since the last checkpoint began.
    pub(super) volume: Cell<u64>,
    checkpoint_due: Notify,
    /// Restores that are under way.
    restores: Cell<usize>,
    /// One checkpoint at a time.
    pub(super) checkpointing: tokio::sync::Mutex<()>,
    /// Whether clients were told that the disk is full.
    is_full: Cell<bool>,
}

impl WriteAheadLog {
    /// Reads a server from a directory into `engine` and goes on writing there.
    pub(crate) fn open(directory: DataDirectory, engine: &mut Engine) -> Result<Self, DataDirectoryError> {
        Self::open_with(directory, engine, |medium| medium)
    }

    /// As [`WriteAheadLog::open`]; `medium` can put something between the log and the disk.
    pub(super) fn open_with(
        directory: DataDirectory,
        engine: &mut Engine,
        medium: impl FnOnce(Box<dyn Medium>) -> Box<dyn Medium>,
    ) -> Result<Self, DataDirectoryError> {
        let mut journal = Journal::default();
        let (mut current, mut read_bytes) = (None, 0);
        if !directory.is_new() {
            let end = directory.read(engine)?;
            journal = Journal::of(engine, end.known, end.sequence);
            (current, read_bytes) = (end.current, end.read_bytes);
        }
        let place = current.as_ref().map(|(header, length)| (header.first_sequence, *length));
        let segments = HostSegments::open(directory.path().to_owned(), place).map_err(|source| {
            DataDirectoryError::Io { what: "write", path: directory.path().join("log"), source }
        })?;
        let there = Arc::new(Mutex::new(directory.segments.clone()));
        let status = Status { hardened: journal.sequence, ..Status::default() };
        let (sender, status) = watch::channel(status);
        let writer = Writer {
            medium: medium(Box::new(segments)),
            server: directory.manifest.identity,
            current,
            status: sender,
            segments: Arc::clone(&there),
        };
        let (batches, received) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("log writer".to_owned());
        let thread =
            thread.spawn(move || writer.run(&received)).map_err(|source| DataDirectoryError::Io {
                what: "start the log writer of",
                path: directory.path().to_owned(),
                source,
            })?;
        Ok(Self {
            directory: RefCell::new(directory),
            journal: RefCell::new(journal),
            batches: RefCell::new(Some(batches)),
            status: RefCell::new(status),
            segments: there,
            writer: RefCell::new(Some(thread)),
            volume: Cell::new(read_bytes),
            checkpoint_due: Notify::new(),
            restores: Cell::new(0),
            checkpointing: tokio::sync::Mutex::new(()),
            is_full: Cell::new(false),
        })
    }

    /// Hands on everything that changed. Returns the batch that has to be on disk for all of it to be.
    pub(super) fn capture(&self, engine: &mut Engine) -> Result<u64, LogLost> {
        let mut journal = self.journal.borrow_mut();
        let batches = self.batches.borrow();
        let Some(batches) = &*batches else { return Err(self.lost()) };
        let Some(payload) = journal.capture(engine) else { return Ok(journal.sequence) };
        let volume = self.volume.get() + payload.len() as u64;
        self.volume.set(volume);
        if self.is_checkpoint_due() {
            self.checkpoint_due.notify_one();
        }
        batches.send((journal.sequence, payload)).map_err(|_| self.lost())?;
        Ok(journal.sequence)
    }

    pub(super) fn is_checkpoint_due(&self) -> bool {
        let is_restoring = self.restores.get() > 0;
        self.volume.get() >= if is_restoring { CHECKPOINT_BYTES_IN_RESTORE } else { CHECKPOINT_BYTES }
    }

    fn lost(&self) -> LogLost {
        let status = self.status.borrow().borrow().lost.clone();
        LogLost(status.unwrap_or_else(|| "the server was shut down".into()))
    }

    /// Waits until a batch is on disk.
    async fn wait(&self, sequence: u64) -> Result<(), LogLost> {
        let mut status = self.status.borrow().clone();
        loop {
            {
                let now = status.borrow_and_update();
                if now.hardened >= sequence {
                    return Ok(());
                }
                if let Some(lost) = &now.lost {
                    return Err(LogLost(Arc::clone(lost)));
                }
            }
            if status.changed().await.is_err() {
                return Err(self.lost());
            }
        }
    }

    /// Lets nothing more through. What was handed on is still written.
    pub(crate) fn close(&self) {
        self.batches.borrow_mut().take();
    }
}

impl Instance {
    /// Waits until everything that happened in this server so far survives a crash.
    ///
    /// Returns at once for a server without a data directory.
    ///
    /// # Errors
    /// [`LogLost`] when the log cannot be written any more: nothing may be acknowledged.
    pub async fn harden(&self) -> Result<(), LogLost> {
        let Some(wal) = &self.0.wal else { return Ok(()) };
        let sequence = wal.capture(&mut self.0.engine.borrow_mut())?;
        self.note_full_disk(wal);
        wal.wait(sequence).await
    }

    /// Hands on everything that happened so far, and waits only for what was handed on at the call before, of which
    /// `before` is the batch: the disk works on one part of a long change while the next is made.
    ///
    /// # Errors
    /// As [`Instance::harden`].
    pub(crate) async fn harden_before(&self, before: &mut Option<u64>) -> Result<(), LogLost> {
        let Some(wal) = &self.0.wal else { return Ok(()) };
        let sequence = wal.capture(&mut self.0.engine.borrow_mut())?;
        self.note_full_disk(wal);
        match before.replace(sequence) {
            Some(before) => wal.wait(before).await,
            None => Ok(()),
        }
    }

    /// A restore begins: until the value is dropped the log may grow further before a checkpoint is taken.
    pub(crate) fn restore_under_way(&self) -> RestoreUnderWay {
        if let Some(wal) = &self.0.wal {
            wal.restores.set(wal.restores.get() + 1);
        }
        RestoreUnderWay(self.clone())
    }

    /// Waits until the write-ahead log is lost; for ever in a server without a data directory.
    pub async fn log_lost(&self) -> LogLost {
        let Some(wal) = &self.0.wal else { return std::future::pending().await };
        let mut status = wal.status.borrow().clone();
        loop {
            if let Some(lost) = &status.borrow_and_update().lost {
                return LogLost(Arc::clone(lost));
            }
            if status.changed().await.is_err() {
                return wal.lost();
            }
        }
    }

    /// Lets new changes fail with 9002 while the disk is full, and says so in the error log.
    fn note_full_disk(&self, wal: &WriteAheadLog) {
        let full = wal.status.borrow().borrow().full.clone();
        if wal.is_full.replace(full.is_some()) == full.is_some() {
            return;
        }
        self.0.engine.borrow_mut().is_log_full = full.is_some();
        if full.is_some() {
            let path = wal.directory.borrow().path().join("log").display().to_string();
            let system = "112(There is not enough space on the disk.)";
            self.log_line("spid9s", &messages::error(17053, 1, &[&path, &system]).message);
        }
    }

    /// Starts what a server with a data directory does in the background.
    pub(crate) fn start_log_keeper(&self) {
        if self.0.wal.is_none() {
            return;
        }
        let this = self.clone();
        let _ = self.spawn(async move {
            let Some(wal) = &this.0.wal else { return };
            loop {
                let _ = tokio::time::timeout(BACKGROUND_CAPTURE, wal.checkpoint_due.notified()).await;
                let captured = wal.capture(&mut this.0.engine.borrow_mut());
                this.note_full_disk(wal);
                if captured.is_err() {
                    return;
                }
                if wal.is_checkpoint_due()
                    && let Err(error) = this.checkpoint().await
                {
                    this.log_line("Server", &format!("A checkpoint was not taken: {error}."));
                }
            }
        });
    }

    /// Ends a server with a data directory: a last checkpoint, and everything on disk.
    ///
    /// # Errors
    /// [`LogLost`] when the log could not be written.
    pub async fn shut_down(&self) -> Result<(), LogLost> {
        let Some(wal) = &self.0.wal else { return Ok(()) };
        if let Err(error) = self.checkpoint().await {
            self.log_line("Server", &format!("A checkpoint was not taken: {error}."));
        }
        let hardened = tokio::time::timeout(FAREWELL, self.harden()).await;
        wal.close();
        let writer = wal.writer.borrow_mut().take();
        let hardened = hardened.unwrap_or_else(|_| Err(wal.lost()));
        if let Some(writer) = writer
            && hardened.is_ok()
            && writer.join().is_err()
        {
            return Err(wal.lost());
        }
        hardened
    }

    /// The write-ahead log, if there is one.
    pub(super) fn wal(&self) -> Option<&WriteAheadLog> {
        self.0.wal.as_ref()
    }
}

/// A restore, while it runs.
pub(crate) struct RestoreUnderWay(Instance);

impl Drop for RestoreUnderWay {
    fn drop(&mut self) {
        let Some(wal) = &self.0.0.wal else { return };
        wal.restores.set(wal.restores.get() - 1);
        if wal.is_checkpoint_due() {
            wal.checkpoint_due.notify_one();
        }
    }
}

/// Does work that blocks on a thread of its own.
pub(super) fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<tokio::sync::oneshot::Receiver<T>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("checkpoint".to_owned());
    thread.spawn(move || {
        // Whoever asked may be gone with the server.
        let _ = sender.send(work());
    })?;
    Ok(receiver)
}
