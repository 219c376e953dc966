//! The files a server can reach, by drive or UNC path, case-insensitively.

use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;

/// An operating-system error as SQL Server prints it: `2(The system cannot find the file specified.)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}({text})")]
pub struct FileError {
    /// Windows error code.
    pub code: u32,
    /// Windows error text.
    pub text: &'static str,
}

impl FileError {
    /// ERROR_FILE_NOT_FOUND.
    pub const NOT_FOUND: Self = Self { code: 2, text: "The system cannot find the file specified." };
    /// ERROR_PATH_NOT_FOUND.
    pub const PATH_NOT_FOUND: Self = Self { code: 3, text: "The system cannot find the path specified." };
    /// ERROR_ACCESS_DENIED.
    pub const ACCESS_DENIED: Self = Self { code: 5, text: "Access is denied." };
    /// ERROR_SHARING_VIOLATION.
    pub const SHARING_VIOLATION: Self = Self {
        code: 32,
        text: "The process cannot access the file because it is being used by another process.",
    };
    /// ERROR_BAD_NETPATH.
    pub const BAD_NETWORK_PATH: Self = Self { code: 53, text: "The network path was not found." };
    /// ERROR_UNEXP_NET_ERR / the connection broke.
    pub const NETWORK_NAME_DELETED: Self =
        Self { code: 64, text: "The specified network name is no longer available." };
    /// ERROR_FILE_EXISTS.
    pub const FILE_EXISTS: Self = Self { code: 80, text: "The file exists." };
    /// ERROR_DISK_FULL.
    pub const DISK_FULL: Self = Self { code: 112, text: "There is not enough space on the disk." };
    /// ERROR_IO_DEVICE.
    pub const IO_DEVICE: Self =
        Self { code: 1117, text: "The request could not be performed because of an I/O device error." };
    /// ERROR_INVALID_NAME.
    pub const INVALID_NAME: Self =
        Self { code: 123, text: "The filename, directory name, or volume label syntax is incorrect." };
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Name without its directory.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Size in bytes; 0 for a directory.
    pub size: u64,
    /// Time of the last write.
    pub modified: jiff::Timestamp,
}

/// The separator that a path is written with: SQL Server on Linux takes paths from the root.
fn separator(path: &str) -> char {
    if path.starts_with('/') { '/' } else { '\\' }
}

/// A directory without a separator behind it.
#[must_use]
pub fn trim_directory(directory: &str) -> &str {
    directory.trim_end_matches(['\\', '/'])
}

/// A directory and a name as one path, in the way the directory is written.
#[must_use]
pub fn join(directory: &str, name: &str) -> String {
    format!("{}{}{name}", trim_directory(directory), separator(directory))
}

/// A path's directory and its last part; `None` for a path without a directory.
#[must_use]
pub fn split(path: &str) -> Option<(&str, &str)> {
    path.rsplit_once(separator(path))
}

/// The file system as one server sees it. Paths are absolute: `D:\dir\file`, `\\host\share\dir\file`,
/// or `/dir/file` on a server that runs on Linux.
#[async_trait(?Send)]
pub trait Files: fmt::Debug {
    /// Reads `length` bytes from `offset`; fewer at the end of the file.
    async fn read(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError>;
    /// Size of a file in bytes.
    async fn size(&self, path: &str) -> Result<u64, FileError>;
    /// Creates a file or empties it.
    async fn create(&self, path: &str) -> Result<(), FileError>;
    /// Appends to an existing file. Not durable before [`Files::flush`].
    async fn append(&self, path: &str, data: Bytes) -> Result<(), FileError>;
    /// Cuts a file to `size` bytes.
    async fn truncate(&self, path: &str, size: u64) -> Result<(), FileError>;
    /// Makes what was written survive a power loss.
    async fn flush(&self, path: &str) -> Result<(), FileError>;
    /// Renames a file inside its volume; an existing target is replaced.
    async fn rename(&self, from: &str, to: &str) -> Result<(), FileError>;
    /// Removes a file.
    async fn remove(&self, path: &str) -> Result<(), FileError>;
    /// Lists a directory, sorted by name.
    async fn list(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError>;
    /// Creates a directory and its parents.
    async fn create_directory(&self, path: &str) -> Result<(), FileError>;
}

/// A machine without a disk.
#[derive(Debug)]
pub struct NoFiles;

#[async_trait(?Send)]
impl Files for NoFiles {
    async fn read(&self, _path: &str, _offset: u64, _length: usize) -> Result<Bytes, FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn size(&self, _path: &str) -> Result<u64, FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn create(&self, _path: &str) -> Result<(), FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn append(&self, _path: &str, _data: Bytes) -> Result<(), FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn truncate(&self, _path: &str, _size: u64) -> Result<(), FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn flush(&self, _path: &str) -> Result<(), FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn rename(&self, _from: &str, _to: &str) -> Result<(), FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn remove(&self, _path: &str) -> Result<(), FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn list(&self, _directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
    async fn create_directory(&self, _path: &str) -> Result<(), FileError> {
        Err(FileError::PATH_NOT_FOUND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r"D:\logs", r"D:\logs\a.trn")]
    #[case(r"D:\logs\", r"D:\logs\a.trn")]
    #[case(r"\\nas\logs", r"\\nas\logs\a.trn")]
    #[case("/var/opt/mssql/share", "/var/opt/mssql/share/a.trn")]
    #[case("/var/opt/mssql/share/", "/var/opt/mssql/share/a.trn")]
    #[case("/", "/a.trn")]
    fn a_path_is_joined_as_its_directory_is_written(#[case] directory: &str, #[case] path: &str) {
        assert_eq!(join(directory, "a.trn"), path);
        assert_eq!(split(path), Some((trim_directory(directory), "a.trn")));
    }
}
