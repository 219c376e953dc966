//! The drives of one served server, below its data directory.
//!
//! `D:\dir\file` lies at `DIR/drives/D/dir/file`. A path from the root, as SQL Server on Linux takes
//! it, is one on drive C, as that server maps it. What is flushed is on disk, its name too.

use super::disk;
use super::drives::DirectoryDrives;
use crate::files::{DirectoryEntry, FileError, Files};
use async_trait::async_trait;
use bytes::Bytes;
use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

/// Files of a server on the host's file system.
#[derive(Debug)]
pub(super) struct DriveFiles(DirectoryDrives);

impl DriveFiles {
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
        disk::sync(self.0.real_path(&local(path)?)?, with_content).await
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
impl Files for DriveFiles {
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
        let root = std::env::temp_dir().join(format!("firedrill-drive-files-{}", std::process::id()));
        let files = DriveFiles::new(root.clone(), &['C']).unwrap();
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
