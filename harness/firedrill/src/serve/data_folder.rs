//! The folder that a served estate keeps its drives in, and the lock that keeps a second program out of it.
//!
//! Invariant: as long as a [`DataFolder`] lives, no other one exists for the same folder, in this process or any
//! other. The lock is the operating system's, so it goes with the process however that ends; the file that
//! carries it stays behind and means nothing by itself.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The file that is locked. It names the process that locked it last.
const LOCK_FILE: &str = "firedrill.lock";

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// Another program serves from it.
    #[error(
        "{folder} is in use: {holder} serves from it. Nothing in it has been changed. End that one (type quit \
         there, or press Ctrl-C), or name another directory with --data"
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// What is known of the program that has it.
        holder: String,
    },
    /// It cannot be made, or its lock cannot be asked for.
    #[error(
        "{path} cannot be used: {source}; name a directory that this user may write in, on a file system \
         with locks, with --data"
    )]
    Unusable {
        /// The folder, or the lock file in it.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// A folder that is ours as long as this lives.
#[derive(Debug)]
pub(crate) struct DataFolder {
    /// Locked; the operating system gives it back when it is closed.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is not there, and takes its lock.
    ///
    /// # Errors
    /// When another program has the lock, or the folder cannot be written in.
    pub(crate) fn claim(folder: &Path) -> Result<Self, DataFolderError> {
        let unusable = |path: &Path, source| DataFolderError::Unusable { path: path.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(|source| unusable(folder, source))?;
        let path = folder.join(LOCK_FILE);
        let fails = |source| unusable(&path, source);
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(fails)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Where a lock also keeps readers out, it stays unknown who has it.
                let _ = lock.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another program".to_owned(),
                    process => format!("process {process}"),
                };
                return Err(DataFolderError::InUse { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(fails(source)),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(fails)?;
        Ok(Self { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_given_to_one_at_a_time_and_to_the_next_when_the_first_is_gone() {
        let folder = std::env::temp_dir().join(format!("firedrill-claim-{}", std::process::id()));
        let first = DataFolder::claim(&folder).unwrap();
        let error = DataFolder::claim(&folder).unwrap_err().to_string();
        let holder = format!("is in use: process {} serves from it", std::process::id());
        assert!(error.contains(&holder), "{error}");
        drop(first);
        DataFolder::claim(&folder).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = std::env::temp_dir().join(format!("firedrill-claim-file-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        let error = DataFolder::claim(&file.join("below")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} cannot be used", file.join("below").display())), "{error}");
        std::fs::remove_file(file).unwrap();
    }
}
