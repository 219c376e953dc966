//! The host's own file system, as SQL Server on Linux shows it to T-SQL.
//!
//! A path from the root is that very path, in its own case, so that a folder mounted into a container
//! is what BACKUP, RESTORE and the log-shipping jobs see there. `C:\var\opt` is `/var/opt`, as that
//! server has it; there are no other drives, and no shares of other machines.
//!
//! Invariant: no path leads into the server's own store. A backup over the write-ahead log would be the
//! end of both.

use super::disk;
use crate::files::{DirectoryEntry, FileError, Files};
use async_trait::async_trait;
use bytes::Bytes;
use std::path::PathBuf;

/// Everything below the root, but for the server's own store.
#[derive(Debug)]
pub(super) struct LinuxFiles {
    store: PathBuf,
}

impl LinuxFiles {
    /// The file system around a server that keeps what it acknowledges in `store`.
    pub(super) fn around(store: PathBuf) -> Self {
        Self { store }
    }

    fn real_path(&self, path: &str) -> Result<PathBuf, FileError> {
        if path.starts_with(r"\\") {
            return Err(FileError::BAD_NETWORK_PATH);
        }
        let path = match path.split_once(':') {
            Some(("C" | "c", rest)) => rest,
            Some((drive, _)) if drive.len() == 1 => return Err(FileError::PATH_NOT_FOUND),
            _ => path,
        };
        let path = path.replace('\\', "/");
        // The root itself comes without its separator.
        if !path.is_empty() && !path.starts_with('/') {
            return Err(FileError::INVALID_NAME);
        }
        let mut real = PathBuf::from("/");
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if part == "." || part == ".." || part.contains('\0') {
                return Err(FileError::INVALID_NAME);
            }
            real.push(part);
        }
        if real.starts_with(&self.store) { Err(FileError::SHARING_VIOLATION) } else { Ok(real) }
    }
}

#[async_trait(?Send)]
impl Files for LinuxFiles {
    async fn read(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError> {
        disk::read_at(&self.real_path(path)?, offset, length)
    }
    async fn size(&self, path: &str) -> Result<u64, FileError> {
        disk::size_of(&self.real_path(path)?)
    }
    async fn create(&self, path: &str) -> Result<(), FileError> {
        disk::create_file(&self.real_path(path)?)
    }
    async fn append(&self, path: &str, data: Bytes) -> Result<(), FileError> {
        disk::append_bytes(&self.real_path(path)?, &data)
    }
    async fn truncate(&self, path: &str, size: u64) -> Result<(), FileError> {
        disk::truncate_file(&self.real_path(path)?, size)
    }
    async fn flush(&self, path: &str) -> Result<(), FileError> {
        disk::sync(self.real_path(path)?, true).await
    }
    async fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let to = self.real_path(to)?;
        disk::rename_file(&self.real_path(from)?, &to)?;
        disk::sync(to, false).await
    }
    async fn remove(&self, path: &str) -> Result<(), FileError> {
        disk::remove_entry(&self.real_path(path)?)
    }
    async fn list(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        disk::entries(&self.real_path(directory)?)
    }
    async fn create_directory(&self, path: &str) -> Result<(), FileError> {
        let path = self.real_path(path)?;
        disk::make_directory(&path)?;
        disk::sync(path, false).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> LinuxFiles {
        LinuxFiles::around(PathBuf::from("/var/opt/mssql/.system/sqlsim"))
    }

    #[rstest::rstest]
    #[case("/var/opt/mssql/share/A.trn", "/var/opt/mssql/share/A.trn")]
    #[case(r"/var/opt/mssql/share\A.trn", "/var/opt/mssql/share/A.trn")]
    #[case(r"C:\var\opt\mssql\data\x.bak", "/var/opt/mssql/data/x.bak")]
    #[case("C:", "/")]
    #[case("", "/")]
    fn a_path_from_the_root_is_that_very_path(#[case] path: &str, #[case] real: &str) {
        assert_eq!(files().real_path(path), Ok(PathBuf::from(real)));
    }

    #[rstest::rstest]
    #[case::another_drive(r"D:\x.bak", FileError::PATH_NOT_FOUND)]
    #[case::share(r"\\nas\share\x.bak", FileError::BAD_NETWORK_PATH)]
    #[case::no_root("x.bak", FileError::INVALID_NAME)]
    #[case::upwards("/var/opt/mssql/share/../.system/sqlsim/manifest", FileError::INVALID_NAME)]
    #[case::own_store("/var/opt/mssql/.system/sqlsim/manifest", FileError::SHARING_VIOLATION)]
    fn a_path_that_leads_elsewhere_is_refused(#[case] path: &str, #[case] error: FileError) {
        assert_eq!(files().real_path(path), Err(error));
    }

    #[tokio::test]
    async fn what_is_flushed_lies_at_its_path() {
        let folder = std::env::temp_dir().join(format!("sqlsim-linux-files-{}", std::process::id()));
        let path = folder.join("Share/one.trn").display().to_string();
        let files = files();
        files.create_directory(&folder.join("Share").display().to_string()).await.unwrap();
        files.create(&path).await.unwrap();
        files.append(&path, Bytes::from_static(b"12345")).await.unwrap();
        files.flush(&path).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12345");
        assert_eq!(files.size(&path.replace("one", "ONE")).await, Err(FileError::NOT_FOUND));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
