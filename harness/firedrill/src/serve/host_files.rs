//! The drives of one served server, below its data directory.
//!
//! `D:\dir\file` lies at `DIR/drives/D/dir/file`. A path from the root, as SQL Server on Linux takes
//! it, is one on drive C, as that server maps it. What is flushed is on disk, its name too.

use crate::disk::{DirectoryDrives, Drives};
use async_trait::async_trait;
use bytes::Bytes;
use sqlsim::Files;
use sqlsim::files::{DirectoryEntry, FileError};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Files of a server on the host's file system.
#[derive(Debug)]
pub(super) struct HostFiles(DirectoryDrives);

impl HostFiles {
    /// Drives below `root`, which are made.
    ///
    /// # Errors
    /// As the operating system answers.
    pub(super) fn new(root: PathBuf, drives: &[char]) -> io::Result<Self> {
        DirectoryDrives::new(root, drives).map(Self)
    }

    /// Makes a directory and its parents.
    pub(super) fn make_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.make_directory(&local(path)?)
    }

    /// Puts a file, or only its name, on disk; others go on meanwhile.
    async fn sync(&self, path: &str, with_content: bool) -> Result<(), FileError> {
        let real = self.0.real_path(&local(path)?)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a served server has a real disk, which takes its time"
        )]
        let synced = tokio::task::spawn_blocking(move || sync_file(&real, with_content)).await;
        match synced {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(FileError::NOT_FOUND),
            Ok(Err(error)) if error.kind() == io::ErrorKind::StorageFull => Err(FileError::DISK_FULL),
            Ok(Err(_)) | Err(_) => Err(FileError::IO_DEVICE),
        }
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

/// The path on a drive; a share of another machine cannot be reached.
fn local(path: &str) -> Result<Cow<'_, str>, FileError> {
    match path.strip_prefix('/') {
        Some(rest) => Ok(Cow::Owned(format!(r"C:\{}", rest.replace('/', r"\")))),
        None if path.starts_with(r"\\") => Err(FileError::BAD_NETWORK_PATH),
        None => Ok(Cow::Borrowed(path)),
    }
}

#[async_trait(?Send)]
impl Files for HostFiles {
    async fn read(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError> {
        self.0.read_at(&local(path)?, offset, length)
    }
    async fn size(&self, path: &str) -> Result<u64, FileError> {
        self.0.size_of(&local(path)?)
    }
    async fn create(&self, path: &str) -> Result<(), FileError> {
        self.0.create_file(&local(path)?)
    }
    async fn append(&self, path: &str, data: Bytes) -> Result<(), FileError> {
        self.0.append_bytes(&local(path)?, &data)
    }
    async fn truncate(&self, path: &str, size: u64) -> Result<(), FileError> {
        self.0.truncate_file(&local(path)?, size)
    }
    async fn flush(&self, path: &str) -> Result<(), FileError> {
        self.sync(path, true).await
    }
    async fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        self.0.rename_file(&local(from)?, &local(to)?)?;
        self.sync(to, false).await
    }
    async fn remove(&self, path: &str) -> Result<(), FileError> {
        self.0.remove_entry(&local(path)?)
    }
    async fn list(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        self.0.entries(&local(directory)?)
    }
    async fn create_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.make_directory(&local(path)?)?;
        self.sync(path, false).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_from_the_root_is_one_on_drive_c() {
        let root = std::env::temp_dir().join(format!("firedrill-host-files-{}", std::process::id()));
        let files = HostFiles::new(root.clone(), &['C']).unwrap();
        files.create_directory("/var/opt/mssql/data").await.unwrap();
        files.create("/var/opt/mssql/data/x.bak").await.unwrap();
        files.append("/var/opt/mssql/data/x.bak", Bytes::from_static(b"12345")).await.unwrap();
        files.flush("/var/opt/mssql/data/x.bak").await.unwrap();
        assert_eq!(files.size(r"C:\var\opt\mssql\data\X.BAK").await, Ok(5));
        assert_eq!(files.flush("/var/opt/mssql/data/y.bak").await, Err(FileError::NOT_FOUND));
        assert_eq!(files.size(r"\\nas\share\x.bak").await, Err(FileError::BAD_NETWORK_PATH));
        assert_eq!(files.size("/../etc/passwd").await, Err(FileError::INVALID_NAME));
        std::fs::remove_dir_all(root).unwrap();
    }
}
