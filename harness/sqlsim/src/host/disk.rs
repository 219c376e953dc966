//! Files of the host by their real paths, with the answers that Windows gives.

use crate::files::{DirectoryEntry, FileError};
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

pub(super) fn windows(error: &io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::NOT_FOUND,
        io::ErrorKind::AlreadyExists => FileError::FILE_EXISTS,
        io::ErrorKind::StorageFull => FileError::DISK_FULL,
        io::ErrorKind::InvalidFilename => FileError::INVALID_NAME,
        _ => FileError::ACCESS_DENIED,
    }
}

pub(super) fn read_at(path: &Path, offset: u64, length: usize) -> Result<Bytes, FileError> {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map(Bytes::from).map_err(|error| windows(&error))
}

pub(super) fn size_of(path: &Path) -> Result<u64, FileError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
        Ok(_) => Err(FileError::ACCESS_DENIED),
        Err(error) => Err(windows(&error)),
    }
}

pub(super) fn create_file(path: &Path) -> Result<(), FileError> {
    if path.parent().is_some_and(|parent| !parent.exists()) {
        return Err(FileError::PATH_NOT_FOUND);
    }
    File::create(path).map(drop).map_err(|error| windows(&error))
}

pub(super) fn append_bytes(path: &Path, data: &[u8]) -> Result<(), FileError> {
    let append = || fs::OpenOptions::new().append(true).open(path)?.write_all(data);
    append().map_err(|error| windows(&error))
}

pub(super) fn truncate_file(path: &Path, size: u64) -> Result<(), FileError> {
    let truncate = || fs::OpenOptions::new().write(true).open(path)?.set_len(size);
    truncate().map_err(|error| windows(&error))
}

pub(super) fn flush_file(path: &Path) -> Result<(), FileError> {
    let flush = || fs::OpenOptions::new().append(true).open(path)?.sync_data();
    flush().map_err(|error| windows(&error))
}

pub(super) fn rename_file(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(|error| windows(&error))
}

pub(super) fn remove_entry(path: &Path) -> Result<(), FileError> {
    let removed = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
    removed.map_err(|error| windows(&error))
}

pub(super) fn entries(directory: &Path) -> Result<Vec<DirectoryEntry>, FileError> {
    let list = || {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            entries.push(DirectoryEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_directory: metadata.is_dir(),
                size: if metadata.is_dir() { 0 } else { metadata.len() },
                modified: metadata
                    .modified()
                    .ok()
                    .and_then(|time| jiff::Timestamp::try_from(time).ok())
                    .unwrap_or(jiff::Timestamp::UNIX_EPOCH),
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    };
    list().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FileError::PATH_NOT_FOUND,
        _ => windows(&error),
    })
}

pub(super) fn make_directory(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(|error| windows(&error))
}

/// Puts a file, or only its name, on disk; others go on meanwhile.
pub(super) async fn sync(path: PathBuf, with_content: bool) -> Result<(), FileError> {
    #[expect(clippy::disallowed_methods, reason = "a served server has a real disk, which takes its time")]
    let synced = tokio::task::spawn_blocking(move || sync_file(&path, with_content)).await;
    match synced {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(FileError::NOT_FOUND),
        Ok(Err(error)) if error.kind() == io::ErrorKind::StorageFull => Err(FileError::DISK_FULL),
        Ok(Err(_)) | Err(_) => Err(FileError::IO_DEVICE),
    }
}

fn sync_file(path: &Path, with_content: bool) -> io::Result<()> {
    if with_content {
        File::options().append(true).open(path)?.sync_all()?;
    }
    // Elsewhere the name goes to disk with the file.
    match path.parent() {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}
