//! A machine's drives: in memory for the sim arm, a directory of the real file
//! system for `firedrill serve`.

use bytes::Bytes;
use sqlsim::files::{DirectoryEntry, FileError};
use sqlsim::host::DirectoryDrives;
use sqlsim::store::memory_files::MemoryFiles;

/// What a machine's drives can do, by local path (`D:\dir\file`).
pub trait Drives {
    /// Reads from `offset`; fewer bytes at the end of the file.
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError>;
    /// A file's size in bytes.
    fn size_of(&self, path: &str) -> Result<u64, FileError>;
    /// Creates a file or empties it.
    fn create_file(&self, path: &str) -> Result<(), FileError>;
    /// Appends to a file.
    fn append_bytes(&self, path: &str, data: &[u8]) -> Result<(), FileError>;
    /// Cuts a file.
    fn truncate_file(&self, path: &str, size: u64) -> Result<(), FileError>;
    /// Makes a file's content durable.
    fn flush_file(&self, path: &str) -> Result<(), FileError>;
    /// Renames a file; an existing target is replaced.
    fn rename_file(&self, from: &str, to: &str) -> Result<(), FileError>;
    /// Removes a file.
    fn remove_entry(&self, path: &str) -> Result<(), FileError>;
    /// Lists a directory by name.
    fn entries(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError>;
    /// Creates a directory and its parents.
    fn make_directory(&self, path: &str) -> Result<(), FileError>;
    /// Takes what was not flushed.
    fn power_loss(&self);
    /// Leaves a drive room for so many more bytes; `None` lifts the limit.
    fn set_room(&self, letter: char, room: Option<u64>);

    /// Where a path is in the real file system, for drives that are there.
    fn real_path_of(&self, _path: &str) -> Option<std::path::PathBuf> {
        None
    }

    /// Lets other processes find real files, or not; whether that made a difference.
    ///
    /// # Errors
    /// As the file system answers.
    fn set_reached(&self, _is_reached: bool) -> std::io::Result<bool> {
        Ok(false)
    }

    /// A whole file.
    ///
    /// # Errors
    /// As [`Drives::read_at`].
    fn contents(&self, path: &str) -> Result<Bytes, FileError> {
        self.read_at(path, 0, usize::MAX)
    }

    /// Writes a whole file, whatever was there.
    ///
    /// # Errors
    /// As [`Drives::create_file`] and [`Drives::append_bytes`].
    fn put(&self, path: &str, contents: &[u8]) -> Result<(), FileError> {
        self.create_file(path)?;
        self.append_bytes(path, contents)?;
        self.flush_file(path)
    }
}

impl Drives for MemoryFiles {
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError> {
        Self::read_at(self, path, offset, length)
    }
    fn size_of(&self, path: &str) -> Result<u64, FileError> {
        Self::size_of(self, path)
    }
    fn create_file(&self, path: &str) -> Result<(), FileError> {
        Self::create_file(self, path)
    }
    fn append_bytes(&self, path: &str, data: &[u8]) -> Result<(), FileError> {
        Self::append_bytes(self, path, data)
    }
    fn truncate_file(&self, path: &str, size: u64) -> Result<(), FileError> {
        Self::truncate_file(self, path, size)
    }
    fn flush_file(&self, path: &str) -> Result<(), FileError> {
        Self::flush_file(self, path)
    }
    fn rename_file(&self, from: &str, to: &str) -> Result<(), FileError> {
        Self::rename_file(self, from, to)
    }
    fn remove_entry(&self, path: &str) -> Result<(), FileError> {
        Self::remove_entry(self, path)
    }
    fn entries(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        Self::entries(self, directory)
    }
    fn make_directory(&self, path: &str) -> Result<(), FileError> {
        Self::make_directory(self, path)
    }
    fn power_loss(&self) {
        Self::power_loss(self);
    }
    fn set_room(&self, letter: char, room: Option<u64>) {
        let capacity = room.map(|room| self.used(letter).saturating_add(room));
        self.set_capacity(letter, capacity);
    }
}

impl Drives for DirectoryDrives {
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError> {
        Self::read_at(self, path, offset, length)
    }
    fn size_of(&self, path: &str) -> Result<u64, FileError> {
        Self::size_of(self, path)
    }
    fn create_file(&self, path: &str) -> Result<(), FileError> {
        Self::create_file(self, path)
    }
    fn append_bytes(&self, path: &str, data: &[u8]) -> Result<(), FileError> {
        Self::append_bytes(self, path, data)
    }
    fn truncate_file(&self, path: &str, size: u64) -> Result<(), FileError> {
        Self::truncate_file(self, path, size)
    }
    fn flush_file(&self, path: &str) -> Result<(), FileError> {
        Self::flush_file(self, path)
    }
    fn rename_file(&self, from: &str, to: &str) -> Result<(), FileError> {
        Self::rename_file(self, from, to)
    }
    fn remove_entry(&self, path: &str) -> Result<(), FileError> {
        Self::remove_entry(self, path)
    }
    fn entries(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        Self::entries(self, directory)
    }
    fn make_directory(&self, path: &str) -> Result<(), FileError> {
        Self::make_directory(self, path)
    }
    /// Real files do not lose what a simulated machine had not flushed.
    fn power_loss(&self) {}
    /// A real disk has the room that it has.
    fn set_room(&self, _letter: char, _room: Option<u64>) {}
    fn set_reached(&self, is_reached: bool) -> std::io::Result<bool> {
        Self::set_reached(self, is_reached)
    }
    fn real_path_of(&self, path: &str) -> Option<std::path::PathBuf> {
        self.real_path(path).ok()
    }
}
