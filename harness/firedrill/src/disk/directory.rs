//! A machine's drives as directories of the real file system: for `firedrill
//! serve`, whose shares a foreign program reaches as ordinary folders.
//!
//! `D:\a\b` is `<root>/D/a/b`. Names keep their case and are found without it.

use super::Drives;
use bytes::Bytes;
use sqlsim::files::{DirectoryEntry, FileError};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
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
pub(crate) fn open_to_all(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
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

fn windows(error: &io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::NOT_FOUND,
        io::ErrorKind::AlreadyExists => FileError::FILE_EXISTS,
        io::ErrorKind::StorageFull => FileError::DISK_FULL,
        io::ErrorKind::InvalidFilename => FileError::INVALID_NAME,
        _ => FileError::ACCESS_DENIED,
    }
}

impl Drives for DirectoryDrives {
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError> {
        let read = |path: PathBuf| {
            let mut file = fs::File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.take(length as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read(self.real_path(path)?).map(Bytes::from).map_err(|error| windows(&error))
    }

    fn size_of(&self, path: &str) -> Result<u64, FileError> {
        match fs::metadata(self.real_path(path)?) {
            Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
            Ok(_) => Err(FileError::ACCESS_DENIED),
            Err(error) => Err(windows(&error)),
        }
    }

    fn create_file(&self, path: &str) -> Result<(), FileError> {
        let real = self.real_path(path)?;
        if real.parent().is_some_and(|parent| !parent.exists()) {
            return Err(FileError::PATH_NOT_FOUND);
        }
        fs::File::create(real).map(drop).map_err(|error| windows(&error))
    }

    fn append_bytes(&self, path: &str, data: &[u8]) -> Result<(), FileError> {
        let append = |path: PathBuf| fs::OpenOptions::new().append(true).open(path)?.write_all(data);
        append(self.real_path(path)?).map_err(|error| windows(&error))
    }

    fn truncate_file(&self, path: &str, size: u64) -> Result<(), FileError> {
        let truncate = |path: PathBuf| fs::OpenOptions::new().write(true).open(path)?.set_len(size);
        truncate(self.real_path(path)?).map_err(|error| windows(&error))
    }

    fn flush_file(&self, path: &str) -> Result<(), FileError> {
        let flush = |path: PathBuf| fs::OpenOptions::new().append(true).open(path)?.sync_data();
        flush(self.real_path(path)?).map_err(|error| windows(&error))
    }

    fn rename_file(&self, from: &str, to: &str) -> Result<(), FileError> {
        fs::rename(self.real_path(from)?, self.real_path(to)?).map_err(|error| windows(&error))
    }

    fn remove_entry(&self, path: &str) -> Result<(), FileError> {
        let real = self.real_path(path)?;
        let removed = if real.is_dir() { fs::remove_dir(real) } else { fs::remove_file(real) };
        removed.map_err(|error| windows(&error))
    }

    fn entries(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        let list = |path: PathBuf| {
            let mut entries = Vec::new();
            for entry in fs::read_dir(path)? {
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
        list(self.real_path(directory)?).map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FileError::PATH_NOT_FOUND,
            _ => windows(&error),
        })
    }

    fn make_directory(&self, path: &str) -> Result<(), FileError> {
        let path = self.real_path(path)?;
        let made = fs::create_dir_all(&path).and_then(|()| {
            let below =
                path.ancestors().take_while(|directory| self.is_open_to_all && *directory != self.root);
            below.into_iter().try_for_each(open_to_all)
        });
        made.map_err(|error| windows(&error))
    }

    /// Real files do not lose what a simulated machine had not flushed.
    fn power_loss(&self) {}

    /// A real disk has the room that it has.
    fn set_room(&self, _letter: char, _room: Option<u64>) {}

    fn set_reached(&self, is_reached: bool) -> io::Result<bool> {
        let Some(away) = &self.away else { return Ok(false) };
        let (from, to) = if is_reached { (away, &self.root) } else { (&self.root, away) };
        match fs::rename(from, to) {
            Ok(()) => Ok(true),
            // They are where they should be.
            Err(_) if to.exists() && !from.exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn real_path_of(&self, path: &str) -> Option<PathBuf> {
        self.real_path(path).ok()
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
        drives.put(r"d:\logshipping\MGC\One.trn", b"12345").unwrap();
        assert_eq!(drives.size_of(r"D:\LogShipping\mgc\one.TRN").unwrap(), 5);
        assert_eq!(drives.entries(r"D:\LogShipping\mgc").unwrap()[0].name, "One.trn");
        fs::remove_dir_all(&drives.root).unwrap();
    }

    #[test]
    fn a_drive_alone_is_its_root() {
        let drives = drives("root");
        drives.put(r"D:\one.bak", b"1").unwrap();
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
