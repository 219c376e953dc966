//! A machine's drives as directories of the real file system: for `firedrill
//! serve`, whose shares a foreign program reaches as ordinary folders.
//!
//! `D:\a\b` is `<root>/D/a/b`. Names keep their case and are found without it.

use super::disk;
use crate::files::{DirectoryEntry, FileError};
use bytes::Bytes;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Drives below a directory.
#[derive(Debug)]
pub struct DirectoryDrives {
    root: PathBuf,
    /// Where the drives are moved while their machine cannot be reached, so that no process finds them.
    away: Option<PathBuf>,
    /// Whether other users than this process's write here too.
    is_open_to_all: bool,
}

impl DirectoryDrives {
    /// Drives below `root`, which is created.
    ///
    /// # Errors
    /// As the operating system answers.
    pub fn new(root: PathBuf, letters: &[char]) -> io::Result<Self> {
        for letter in letters {
            fs::create_dir_all(root.join(letter.to_ascii_uppercase().to_string()))?;
        }
        Ok(Self { root, away: None, is_open_to_all: false })
    }

    /// The same, where other users may write too.
    ///
    /// # Errors
    /// As the file system answers.
    pub fn open_to_all(self) -> io::Result<Self> {
        open_to_all(&self.root)?;
        for letter in fs::read_dir(&self.root)? {
            open_to_all(&letter?.path())?;
        }
        Ok(Self { is_open_to_all: true, ..self })
    }

    /// The same, moved to `away` while their machine cannot be reached; that has to be on the same file system.
    #[must_use]
    pub fn moved_away_to(self, away: PathBuf) -> Self {
        Self { away: Some(away), ..self }
    }

    /// Lets other processes find the drives, or not; whether that made a difference.
    ///
    /// # Errors
    /// As the file system answers.
    pub fn set_reached(&self, is_reached: bool) -> io::Result<bool> {
        let Some(away) = &self.away else { return Ok(false) };
        let (from, to) = if is_reached { (away, &self.root) } else { (&self.root, away) };
        match fs::rename(from, to) {
            Ok(()) => Ok(true),
            // They are where they should be.
            Err(_) if to.exists() && !from.exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The real path of `D:\…`. Parts that are there are found in any case; the rest is taken as written.
    ///
    /// # Errors
    /// 123 for a path that is none.
    pub fn real_path(&self, path: &str) -> Result<PathBuf, FileError> {
        let (drive, rest) = path.split_once(':').ok_or(FileError::INVALID_NAME)?;
        // A drive alone is its root.
        if !rest.is_empty() && !rest.starts_with('\\') {
            return Err(FileError::INVALID_NAME);
        }
        if drive.len() != 1 || !drive.chars().all(|letter| letter.is_ascii_alphabetic()) {
            return Err(FileError::INVALID_NAME);
        }
        let mut real = self.root.join(drive.to_ascii_uppercase());
        for part in rest.split('\\').filter(|part| !part.is_empty()) {
            if part == "." || part == ".." || part.contains(['/', '\0']) {
                return Err(FileError::INVALID_NAME);
            }
            real = find(&real, part).unwrap_or_else(|| real.join(part));
        }
        Ok(real)
    }
}

/// Lets every user write into a directory: servers in containers are other users than this process.
///
/// # Errors
/// As the file system answers.
pub fn open_to_all(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}

/// The entry of a directory with this name, in any case.
fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let exact = directory.join(name);
    if exact.exists() {
        return Some(exact);
    }
    let entries = fs::read_dir(directory).ok()?;
    entries
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().eq_ignore_ascii_case(name))
        .map(|entry| entry.path())
}

impl DirectoryDrives {
    /// Reads from `offset`; fewer bytes at the end of the file.
    ///
    /// # Errors
    /// As Windows answers; so have all that follow.
    pub fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError> {
        disk::read_at(&self.real_path(path)?, offset, length)
    }

    /// A file's size in bytes.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn size_of(&self, path: &str) -> Result<u64, FileError> {
        disk::size_of(&self.real_path(path)?)
    }

    /// Creates a file or empties it.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn create_file(&self, path: &str) -> Result<(), FileError> {
        disk::create_file(&self.real_path(path)?)
    }

    /// Appends to a file.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn append_bytes(&self, path: &str, data: &[u8]) -> Result<(), FileError> {
        disk::append_bytes(&self.real_path(path)?, data)
    }

    /// Cuts a file.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn truncate_file(&self, path: &str, size: u64) -> Result<(), FileError> {
        disk::truncate_file(&self.real_path(path)?, size)
    }

    /// Makes a file's content durable.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn flush_file(&self, path: &str) -> Result<(), FileError> {
        disk::flush_file(&self.real_path(path)?)
    }

    /// Renames a file; an existing target is replaced.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn rename_file(&self, from: &str, to: &str) -> Result<(), FileError> {
        disk::rename_file(&self.real_path(from)?, &self.real_path(to)?)
    }

    /// Removes a file, or a directory that is empty.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn remove_entry(&self, path: &str) -> Result<(), FileError> {
        disk::remove_entry(&self.real_path(path)?)
    }

    /// Lists a directory by name.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn entries(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        disk::entries(&self.real_path(directory)?)
    }

    /// Creates a directory and its parents.
    ///
    /// # Errors
    /// As [`DirectoryDrives::read_at`].
    pub fn make_directory(&self, path: &str) -> Result<(), FileError> {
        let path = self.real_path(path)?;
        disk::make_directory(&path)?;
        let below = path.ancestors().take_while(|directory| self.is_open_to_all && *directory != self.root);
        below.into_iter().try_for_each(open_to_all).map_err(|error| disk::windows(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A folder of its own for each call: cases of one test run side by side.
    fn drives(test: &str) -> DirectoryDrives {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("firedrill-{test}-{}-{number}", std::process::id()));
        DirectoryDrives::new(root, &['D']).unwrap()
    }

    #[test]
    fn a_file_is_found_in_any_case_and_keeps_the_case_it_was_written_with() {
        let drives = drives("case");
        drives.make_directory(r"D:\LogShipping\mgc").unwrap();
        drives.create_file(r"d:\logshipping\MGC\One.trn").unwrap();
        drives.append_bytes(r"d:\logshipping\MGC\One.trn", b"12345").unwrap();
        assert_eq!(drives.size_of(r"D:\LogShipping\mgc\one.TRN").unwrap(), 5);
        assert_eq!(drives.entries(r"D:\LogShipping\mgc").unwrap()[0].name, "One.trn");
        fs::remove_dir_all(&drives.root).unwrap();
    }

    #[test]
    fn a_drive_alone_is_its_root() {
        let drives = drives("root");
        drives.create_file(r"D:\one.bak").unwrap();
        assert_eq!(drives.entries("D:").unwrap(), drives.entries(r"D:\").unwrap());
        assert_eq!(drives.entries("D:").unwrap().len(), 1);
        assert_eq!(drives.read_at("D:one.bak", 0, 1).unwrap_err(), FileError::INVALID_NAME);
        fs::remove_dir_all(&drives.root).unwrap();
    }

    #[rstest::rstest]
    #[case(r"D:\..\..\etc\passwd")]
    #[case(r"D:\a/b")]
    #[case(r"DD:\a")]
    #[case(r"\\host\share\a")]
    fn a_path_that_leaves_the_drive_is_refused(#[case] path: &str) {
        let drives = drives("escape");
        assert_eq!(drives.read_at(path, 0, 1).unwrap_err().code, 123);
        fs::remove_dir_all(&drives.root).unwrap();
    }
}
