//! A data directory on the host: its lock, its files, and reading a server back from them.
//!
//! ```text
//! DIR/lock               held by the server that uses the directory; contains its process id
//! DIR/manifest           the checkpoint to start from
//! DIR/log/*.wal          segments of the write-ahead log, named by their first batch
//! DIR/images/*.image     images that the manifest names
//! DIR/drives             left to whoever serves: the files that the server's T-SQL can reach
//! ```

use super::frame::{SegmentError, SegmentHeader, read_segment};
use super::image::{ImageError, read_image};
use super::journal::{ImagePlace, Known};
use super::manifest::Manifest;
use super::replay::Replay;
use crate::engine::{DatabaseId, Engine};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What may lie in a data directory: its own files, the server's drives, and what a file system puts at its root.
const ENTRIES: [&str; 7] = ["lock", "manifest", "manifest.new", "log", "images", "drives", "lost+found"];

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// Another server has it.
    #[error(
        "{path} is in use by another server (process {holder}); nothing was changed; \
         stop that server, or name another directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Its process id, as far as the lock file tells.
        holder: String,
    },
    /// It holds something else.
    #[error(
        "{path} holds {entry}, which is no part of a data directory; nothing was changed; name an empty directory"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What does not belong there.
        entry: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} {path}: {source}; the server was not started")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error(
        "{path} is damaged at offset {offset}: {what}; nothing was changed, and no part of the data is served; \
         put a copy of the whole directory in its place, or start with an empty one and restore backups"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, in bytes.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A file that has to be there is missing, or one is there that does not belong.
    #[error(
        "{path}: {what}; nothing was changed; \
         put a copy of the whole directory in its place, or start with an empty one and restore backups"
    )]
    Incomplete {
        /// The directory.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
}

/// A data directory that this process has to itself.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Held for as long as the directory is used.
    _lock: File,
    /// Whether the directory was empty.
    is_new: bool,
    pub(super) manifest: Manifest,
    /// First batches of the segments that are there, ascending.
    pub(super) segments: Vec<u64>,
}

/// Where the log goes on after everything was read.
#[derive(Debug)]
pub(super) struct LogEnd {
    /// The last batch.
    pub(super) sequence: u64,
    /// The segment to go on with: its header, and its length up to the last whole batch.
    pub(super) current: Option<(SegmentHeader, u64)>,
    /// What is known of the databases' places on disk.
    pub(super) known: BTreeMap<DatabaseId, Known>,
    /// Bytes of the log that were read.
    pub(super) read_bytes: u64,
}

impl DataDirectory {
    /// Takes a directory for one server; it is created when it is not there.
    ///
    /// # Errors
    /// When another server uses it, it cannot be written, or its manifest is damaged.
    pub fn open(path: &Path) -> Result<Self, DataDirectoryError> {
        let path = path.to_owned();
        check_entries(&path)?;
        for directory in [path.clone(), path.join("log"), path.join("images")] {
            create_private(&directory).map_err(io_error("create", &directory))?;
        }
        let lock = take_lock(&path)?;
        let manifest_path = path.join("manifest");
        let segments = segments_of(&path)?;
        let (manifest, is_new) = match fs::read(&manifest_path) {
            Ok(bytes) => {
                let damaged =
                    |what| DataDirectoryError::Damaged { path: manifest_path.clone(), offset: 0, what };
                (Manifest::decode(&bytes).map_err(damaged)?, false)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && segments.is_empty() => {
                (Manifest { identity: Uuid::from_u128(chance()), ..Manifest::default() }, true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DataDirectoryError::Incomplete {
                    path,
                    what: "there are log segments and no manifest".to_owned(),
                });
            }
            Err(source) => return Err(io_error("read", &manifest_path)(source)),
        };
        let directory = Self { path, _lock: lock, is_new, manifest, segments };
        if is_new {
            directory.write_manifest(&directory.manifest)?;
        }
        Ok(directory)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing was in it when it was opened.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    pub(super) fn segment_path(&self, first: u64) -> PathBuf {
        segment_path(&self.path, first)
    }

    pub(super) fn image_path(&self, name: &str) -> PathBuf {
        self.path.join("images").join(name)
    }

    /// Replaces the manifest; it is on disk when this returns.
    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), DataDirectoryError> {
        replace_file(&self.path, "manifest", &manifest.encode())
            .map_err(io_error("write", &self.path.join("manifest")))
    }

    /// Removes images that the manifest does not name: leftovers of a checkpoint that was not finished.
    pub(super) fn remove_stray_images(&self, manifest: &Manifest) -> io::Result<()> {
        for entry in fs::read_dir(self.path.join("images"))? {
            let entry = entry?;
            let name = entry.file_name();
            if !manifest.images.values().any(|place| *place.file == *name.to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Builds the server that the directory holds.
    ///
    /// # Errors
    /// When anything that was acknowledged cannot be read.
    pub(super) fn read(&self, engine: &mut Engine) -> Result<LogEnd, DataDirectoryError> {
        engine.databases.retain(|id, _| *id == crate::engine::TEMPDB);
        let mut replay = Replay::new(engine, self.manifest.sequence);
        let manifest_path = self.path.join("manifest");
        let damaged_manifest = || DataDirectoryError::Damaged {
            path: manifest_path.clone(),
            offset: 0,
            what: "its logins cannot be read".to_owned(),
        };
        if let Some(server) = &self.manifest.server {
            replay.server(server).map_err(|_| damaged_manifest())?;
        }
        for (id, place) in &self.manifest.images {
            self.read_image(&mut replay, *id, place)?;
        }
        let mut end = LogEnd { sequence: 0, current: None, known: BTreeMap::new(), read_bytes: 0 };
        let needed_from =
            self.manifest.images.values().map(|p| p.begin).chain([self.manifest.sequence]).min();
        let needed_from = needed_from.unwrap_or(0) + 1;
        if self.segments.first().is_some_and(|first| *first > needed_from) {
            return Err(self.incomplete(format!("the log begins too late: batch {needed_from} is missing")));
        }
        for (position, first) in self.segments.iter().enumerate() {
            let is_last = position + 1 == self.segments.len();
            self.read_log_segment(&mut replay, *first, is_last, position == 0, &mut end)?;
        }
        if end.sequence < self.manifest.end {
            let (here, there) = (end.sequence, self.manifest.end);
            return Err(
                self.incomplete(format!("the log ends at batch {here}; it had reached batch {there}"))
            );
        }
        end.known = replay.finish();
        Ok(end)
    }

    fn incomplete(&self, what: String) -> DataDirectoryError {
        DataDirectoryError::Incomplete { path: self.path.join("log"), what }
    }

    fn read_image(
        &self,
        replay: &mut Replay<'_>,
        id: DatabaseId,
        place: &ImagePlace,
    ) -> Result<(), DataDirectoryError> {
        let path = self.image_path(&place.file);
        let file = File::open(&path).map_err(io_error("read", &path))?;
        let mut database = replay.blank(id);
        let read = read_image(&mut BufReader::with_capacity(64 * 1024, file), &mut database);
        let found = read.map_err(|error| match error {
            ImageError::Io(source) => io_error("read", &path)(source),
            ImageError::Damaged(offset) => DataDirectoryError::Damaged {
                path: path.clone(),
                offset,
                what: "a checksum is wrong, or the end is missing".to_owned(),
            },
            error @ ImageError::NotAnImage => {
                DataDirectoryError::Damaged { path: path.clone(), offset: 0, what: error.to_string() }
            }
        })?;
        if found.first_lsn != place.first_lsn || found.begin > place.begin {
            let what = "it is not the image that the manifest names".to_owned();
            return Err(DataDirectoryError::Damaged { path, offset: 0, what });
        }
        replay.image(database, place.clone());
        Ok(())
    }

    fn read_log_segment(
        &self,
        replay: &mut Replay<'_>,
        first: u64,
        is_last: bool,
        is_first: bool,
        end: &mut LogEnd,
    ) -> Result<(), DataDirectoryError> {
        let path = self.segment_path(first);
        let bytes = fs::read(&path).map_err(io_error("read", &path))?;
        let damaged = |offset, what: String| DataDirectoryError::Damaged { path: path.clone(), offset, what };
        let header = match SegmentHeader::decode(&bytes) {
            Ok(header) => header,
            // The crash came while the segment was made; no batch had been written to it.
            Err(_) if is_last && bytes.len() < super::frame::SEGMENT_HEADER_BYTES => {
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
                return Ok(());
            }
            Err(what) => return Err(damaged(0, what)),
        };
        if header.server != self.manifest.identity || header.first_sequence != first {
            return Err(damaged(0, "it belongs to another server or another place".to_owned()));
        }
        if !is_first && first != end.sequence + 1 {
            return Err(damaged(
                0,
                format!("it begins with batch {first}; batch {} is missing", end.sequence + 1),
            ));
        }
        let read = read_segment(&bytes, &header, first, is_last, |sequence, payload| {
            replay.batch(sequence, payload).map_err(|_| sequence)
        });
        let read = read.map_err(|error| match error {
            SegmentError::Damaged { offset, what } => damaged(offset, what),
            SegmentError::Receiver(sequence) => {
                damaged(0, format!("batch {sequence} is whole and cannot be understood"))
            }
        })?;
        end.sequence = read.next_sequence - 1;
        end.current = Some((header, read.length));
        end.read_bytes += read.length;
        Ok(())
    }
}

/// The path of a segment.
pub(super) fn segment_path(directory: &Path, first: u64) -> PathBuf {
    directory.join("log").join(format!("{first:020}.wal"))
}

/// First batches of the segments in a directory, ascending.
fn segments_of(path: &Path) -> Result<Vec<u64>, DataDirectoryError> {
    let log = path.join("log");
    let mut segments = Vec::new();
    for entry in fs::read_dir(&log).map_err(io_error("read", &log))? {
        let name = entry.map_err(io_error("read", &log))?.file_name();
        let name = name.to_string_lossy();
        let first = name.strip_suffix(".wal").and_then(|digits| digits.parse().ok());
        let Some(first) = first else {
            return Err(DataDirectoryError::Incomplete {
                path: log,
                what: format!("{name} is no log segment"),
            });
        };
        segments.push(first);
    }
    segments.sort_unstable();
    Ok(segments)
}

/// A directory that is not ours is left alone.
fn check_entries(path: &Path) -> Result<(), DataDirectoryError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(io_error("read", path)(source)),
    };
    for entry in entries {
        let entry = entry.map_err(io_error("read", path))?.file_name().to_string_lossy().into_owned();
        if !ENTRIES.contains(&&*entry) {
            return Err(DataDirectoryError::Foreign { path: path.to_owned(), entry });
        }
    }
    Ok(())
}

fn take_lock(path: &Path) -> Result<File, DataDirectoryError> {
    let lock_path = path.join("lock");
    let failed = io_error("lock", &lock_path);
    let mut options = File::options();
    let mut lock = match options.read(true).write(true).create(true).truncate(false).open(&lock_path) {
        Ok(lock) => lock,
        Err(source) => return Err(failed(source)),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&lock_path).unwrap_or_default();
            let holder =
                if holder.trim().is_empty() { "unknown".to_owned() } else { holder.trim().to_owned() };
            return Err(DataDirectoryError::InUse { path: path.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    written.map_err(io_error("write", &lock_path))?;
    Ok(lock)
}

/// Only its owner may look: logins and their passwords are in it.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> DataDirectoryError + use<'a> {
    move |source| DataDirectoryError::Io { what, path: path.to_owned(), source }
}

/// Writes a file under another name, flushes it, renames it, and flushes the directory.
pub(super) fn replace_file(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(name))?;
    sync_directory(directory)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// A seed that no other start has drawn.
pub(crate) fn draw_seed() -> u64 {
    chance() as u64
}

/// A number that no other server has drawn: a data directory is real, so chance may be too.
pub(super) fn chance() -> u128 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let draw = || u128::from(RandomState::new().build_hasher().finish());
    draw() << 64 | draw()
}
