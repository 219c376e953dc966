//! Checkpoints: images of all databases, so that less log has to be read at the next start.
//!
//! An image is taken in slices between which sessions go on; a thread of its
//! own writes and flushes it. The checkpoint counts from the moment the
//! manifest names it, and only then do older images and segments go.

use super::directory::DataDirectoryError;
use super::image::ImageTaker;
use super::journal::ImagePlace;
use super::manifest::Manifest;
use super::wal::{LogLost, beside};
use crate::engine::{DatabaseId, TEMPDB};
use crate::instance::Instance;
use crate::log::codec::Writer;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use tokio::sync::mpsc;

/// Slices that may wait for the disk.
const SLICES_WAITING_MAX: usize = 4;

/// Why a checkpoint was not taken. The one before still counts.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckpointError {
    /// An image or the manifest could not be written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The log cannot be written.
    #[error(transparent)]
    Lost(#[from] LogLost),
    /// The manifest could not be written.
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    /// The thread that writes is gone.
    #[error("the thread that writes images ended")]
    Thread,
}

impl Instance {
    /// Takes a checkpoint.
    pub(super) async fn checkpoint(&self) -> Result<(), CheckpointError> {
        let Some(wal) = self.wal() else { return Ok(()) };
        let _alone = wal.checkpointing.lock().await;
        wal.volume.set(0);
        wal.capture(&mut self.0.engine.borrow_mut())?;
        let mut manifest = Manifest { sequence: wal.journal.borrow().sequence, ..Manifest::default() };
        let mut server = Writer::default();
        super::header::put_server(&mut server, &self.0.engine.borrow());
        manifest.server = Some(server.into_bytes());
        manifest.identity = wal.directory.borrow().manifest.identity;
        let ids: Vec<DatabaseId> =
            self.0.engine.borrow().databases().map(|d| d.id).filter(|id| *id != TEMPDB).collect();
        for id in ids {
            if let Some(place) = self.image(id).await? {
                manifest.images.insert(id, place);
            }
        }
        // Images may hold changes whose log was not on disk when they were taken.
        self.harden().await?;
        manifest.end = wal.journal.borrow().sequence;
        self.name_checkpoint(manifest).await
    }

    /// An image of a database, taken now unless the last one is as good; `None` when it is gone.
    async fn image(&self, id: DatabaseId) -> Result<Option<ImagePlace>, CheckpointError> {
        let Some(wal) = self.wal() else { return Ok(None) };
        let (mut taker, first, place) = {
            // What is in memory and what the log says have to begin together.
            let begin = wal.capture(&mut self.0.engine.borrow_mut())?;
            let engine = self.0.engine.borrow();
            let Some(database) = engine.database(id) else { return Ok(None) };
            let mut journal = wal.journal.borrow_mut();
            let Some(known) = journal.known.get_mut(&id) else { return Ok(None) };
            if let Some(image) = known.image.as_mut().filter(|image| known.last_change <= image.begin) {
                image.begin = begin;
                return Ok(Some(image.clone()));
            }
            let (taker, place, first) = ImageTaker::begin(database, begin);
            (taker, first, place)
        };
        let path = wal.directory.borrow().image_path(&place.file);
        let (slices, mut waiting) = mpsc::channel::<Vec<u8>>(SLICES_WAITING_MAX);
        let target = path.clone();
        let written = beside(move || -> io::Result<()> {
            let mut file = File::create(&target)?;
            while let Some(slice) = waiting.blocking_recv() {
                file.write_all(&slice)?;
            }
            file.sync_all()
        });
        let fails = |source| CheckpointError::Io { path: path.clone(), source };
        let written = written.map_err(fails)?;
        let mut next = Some(first);
        let mut is_gone = false;
        while let Some(slice) = next {
            if slices.send(slice).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
            let engine = self.0.engine.borrow();
            let database = engine.database(id).filter(|d| d.outbox.is_some());
            is_gone = database.is_none();
            next = database.and_then(|database| taker.slice(&database.content));
        }
        drop(slices);
        written.await.map_err(|_| CheckpointError::Thread)?.map_err(fails)?;
        Ok((!is_gone).then_some(place))
    }

    /// The checkpoint counts from now on; what it replaces goes.
    async fn name_checkpoint(&self, manifest: Manifest) -> Result<(), CheckpointError> {
        let Some(wal) = self.wal() else { return Ok(()) };
        let path = wal.directory.borrow().path().to_owned();
        let bytes = manifest.encode();
        let images = path.join("images");
        let target = path.clone();
        let written = beside(move || {
            super::directory::sync_directory(&images)?;
            super::directory::replace_file(&target, "manifest", &bytes)
        });
        let fails = |source| CheckpointError::Io { path: path.join("manifest"), source };
        written.map_err(fails)?.await.map_err(|_| CheckpointError::Thread)?.map_err(fails)?;
        let mut needed = manifest.sequence + 1;
        {
            let mut journal = wal.journal.borrow_mut();
            for (id, place) in &manifest.images {
                let Some(known) = journal.known.get_mut(id) else { continue };
                let records = known.first_batch_with(place.first_lsn);
                needed = needed.min(place.begin + 1).min(records.unwrap_or(u64::MAX));
                known.image = Some(place.clone());
            }
        }
        wal.directory.borrow_mut().manifest = manifest;
        let directory = wal.directory.borrow();
        // What cannot be removed now goes at the next checkpoint.
        let _ = directory.remove_stray_images(&directory.manifest);
        let Ok(mut segments) = wal.segments.lock() else { return Ok(()) };
        while segments.len() > 1 && segments[1] <= needed {
            if fs::remove_file(directory.segment_path(segments[0])).is_err() {
                break;
            }
            segments.remove(0);
        }
        Ok(())
    }
}
