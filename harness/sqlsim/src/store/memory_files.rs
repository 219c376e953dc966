//! One machine's drives in memory: directories, files, and what a power loss takes.
//!
//! Names keep their case and are compared without it. Data that was not
//! flushed is lost with the machine; names (create, rename, remove) are kept
//! by the file system's journal and survive. Paths are `D:\dir\file`; a UNC
//! path is somebody else's business and answers 53.

use crate::clock::Clock;
use crate::engine::definition::fold;
use crate::files::{DirectoryEntry, FileError, Files};
use async_trait::async_trait;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

type FileResult<T> = Result<T, FileError>;

/// A machine's drives. Clones are the same drives.
#[derive(Clone, Debug)]
pub struct MemoryFiles(Rc<Drives>);

#[derive(Debug)]
struct Drives {
    clock: Clock,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Capacity in bytes by drive letter.
    capacities: BTreeMap<char, Option<u64>>,
    /// By folded path without a trailing backslash.
    entries: BTreeMap<Box<str>, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Last part of the path as it was written.
    name: Box<str>,
    modified: jiff::Timestamp,
    /// `None` for a directory.
    file: Option<FileData>,
}

#[derive(Clone, Debug, Default)]
struct FileData {
    bytes: Vec<u8>,
    /// How many of `bytes` survive a power loss.
    flushed: usize,
}

impl MemoryFiles {
    /// Drives with these letters, empty and without limit.
    #[must_use]
    pub fn new(clock: &Clock, letters: &[char]) -> Self {
        let state = State {
            capacities: letters.iter().map(|l| (l.to_ascii_lowercase(), None)).collect(),
            entries: BTreeMap::new(),
        };
        Self(Rc::new(Drives { clock: clock.clone(), state: RefCell::new(state) }))
    }

    /// Limits a drive to `capacity` bytes, or lifts the limit. Files that are there stay.
    pub fn set_capacity(&self, letter: char, capacity: Option<u64>) {
        self.0.state.borrow_mut().capacities.insert(letter.to_ascii_lowercase(), capacity);
    }

    /// Bytes used on a drive.
    #[must_use]
    pub fn used(&self, letter: char) -> u64 {
        self.0.state.borrow().used(letter.to_ascii_lowercase())
    }

    /// What a power loss does: data that was not flushed is gone.
    pub fn power_loss(&self) {
        for entry in self.0.state.borrow_mut().entries.values_mut() {
            if let Some(file) = &mut entry.file {
                file.bytes.truncate(file.flushed);
            }
        }
    }

    /// Whether a file or directory is there.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        Path::parse(path).is_ok_and(|path| {
            let state = self.0.state.borrow();
            path.is_root() && state.capacities.contains_key(&path.drive)
                || state.entries.contains_key(&*path.key)
        })
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// 2, 3.
    pub fn contents(&self, path: &str) -> FileResult<Bytes> {
        let path = Path::parse(path)?;
        let state = self.0.state.borrow();
        Ok(Bytes::copy_from_slice(&state.file(&path)?.bytes))
    }

    /// Writes a whole file and flushes it, whatever was there before (staging, faults).
    ///
    /// # Errors
    /// 3 when its directory is missing, 112.
    pub fn put(&self, path: &str, contents: &[u8]) -> FileResult<()> {
        self.create_file(path)?;
        self.append_bytes(path, contents)?;
        self.flush_file(path)
    }

    /// Reads from `offset`; fewer bytes at the end of the file.
    ///
    /// # Errors
    /// 2, 3.
    pub fn read_at(&self, path: &str, offset: u64, length: usize) -> FileResult<Bytes> {
        let path = Path::parse(path)?;
        let state = self.0.state.borrow();
        let bytes = &state.file(&path)?.bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        Ok(Bytes::copy_from_slice(&bytes[start..end]))
    }

    /// A file's size in bytes.
    ///
    /// # Errors
    /// 2, 3.
    pub fn size_of(&self, path: &str) -> FileResult<u64> {
        let path = Path::parse(path)?;
        let state = self.0.state.borrow();
        Ok(state.file(&path)?.bytes.len() as u64)
    }

    /// Creates a file or empties it.
    ///
    /// # Errors
    /// 3 when its directory is missing, 5 when it is a directory.
    pub fn create_file(&self, path: &str) -> FileResult<()> {
        let path = Path::parse(path)?;
        let mut state = self.0.state.borrow_mut();
        state.check_parent(&path)?;
        if path.is_root() || state.entries.get(&*path.key).is_some_and(|e| e.file.is_none()) {
            return Err(FileError::ACCESS_DENIED);
        }
        let entry =
            Entry { name: path.name, modified: self.0.clock.utc_now(), file: Some(FileData::default()) };
        state.entries.insert(path.key, entry);
        Ok(())
    }

    /// Appends to a file. A full drive takes nothing.
    ///
    /// # Errors
    /// 2, 3, 112.
    pub fn append_bytes(&self, path: &str, data: &[u8]) -> FileResult<()> {
        let path = Path::parse(path)?;
        let mut state = self.0.state.borrow_mut();
        state.file(&path)?;
        let capacity = state.capacities.get(&path.drive).copied().flatten();
        if capacity.is_some_and(|capacity| state.used(path.drive) + data.len() as u64 > capacity) {
            return Err(FileError::DISK_FULL);
        }
        let now = self.0.clock.utc_now();
        let file = state.file_mut(&path, now)?;
        file.bytes.extend_from_slice(data);
        Ok(())
    }

    /// Cuts a file to `size` bytes.
    ///
    /// # Errors
    /// 2, 3.
    pub fn truncate_file(&self, path: &str, size: u64) -> FileResult<()> {
        let path = Path::parse(path)?;
        let now = self.0.clock.utc_now();
        let mut state = self.0.state.borrow_mut();
        let file = state.file_mut(&path, now)?;
        file.bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        file.flushed = file.flushed.min(file.bytes.len());
        Ok(())
    }

    /// Makes what was written survive a power loss.
    ///
    /// # Errors
    /// 2, 3.
    pub fn flush_file(&self, path: &str) -> FileResult<()> {
        let path = Path::parse(path)?;
        let mut state = self.0.state.borrow_mut();
        state.file(&path)?;
        if let Some(file) = state.entries.get_mut(&*path.key).and_then(|e| e.file.as_mut()) {
            file.flushed = file.bytes.len();
        }
        Ok(())
    }

    /// Renames a file inside its drive; an existing target is replaced.
    ///
    /// # Errors
    /// 2, 3, 5 (the target is a directory), 17 as 5 (another drive).
    pub fn rename_file(&self, from: &str, to: &str) -> FileResult<()> {
        let (from, to) = (Path::parse(from)?, Path::parse(to)?);
        let mut state = self.0.state.borrow_mut();
        state.file(&from)?;
        state.check_parent(&to)?;
        if from.drive != to.drive || state.entries.get(&*to.key).is_some_and(|e| e.file.is_none()) {
            return Err(FileError::ACCESS_DENIED);
        }
        if let Some(mut entry) = state.entries.remove(&*from.key) {
            entry.name = to.name;
            state.entries.insert(to.key, entry);
        }
        Ok(())
    }

    /// Removes a file, or an empty directory.
    ///
    /// # Errors
    /// 2, 3, 5 when a directory is not empty.
    pub fn remove_entry(&self, path: &str) -> FileResult<()> {
        let path = Path::parse(path)?;
        let mut state = self.0.state.borrow_mut();
        state.check_parent(&path)?;
        let Some(entry) = state.entries.get(&*path.key) else { return Err(FileError::NOT_FOUND) };
        if entry.file.is_none() && state.children(&path.key).next().is_some() {
            return Err(FileError::ACCESS_DENIED);
        }
        state.entries.remove(&*path.key);
        Ok(())
    }

    /// Lists a directory by name.
    ///
    /// # Errors
    /// 3 when it is not there.
    pub fn entries(&self, directory: &str) -> FileResult<Vec<DirectoryEntry>> {
        let path = Path::parse(directory)?;
        let state = self.0.state.borrow();
        if !state.is_directory(&path) {
            return Err(FileError::PATH_NOT_FOUND);
        }
        let entry = |entry: &Entry| DirectoryEntry {
            name: entry.name.to_string(),
            is_directory: entry.file.is_none(),
            size: entry.file.as_ref().map_or(0, |f| f.bytes.len() as u64),
            modified: entry.modified,
        };
        Ok(state.children(&path.key).map(entry).collect())
    }

    /// Creates a directory and its parents; one that is there stays.
    ///
    /// # Errors
    /// 3 when the drive is missing, 80 when a file has the name.
    pub fn make_directory(&self, path: &str) -> FileResult<()> {
        let path = Path::parse(path)?;
        let mut state = self.0.state.borrow_mut();
        if !state.capacities.contains_key(&path.drive) {
            return Err(FileError::PATH_NOT_FOUND);
        }
        let modified = self.0.clock.utc_now();
        let mut key = String::from(&path.key[..2]);
        for name in path.whole.split('\\').skip(1) {
            key.push('\\');
            key.push_str(&fold(name));
            let entry = Entry { name: name.into(), modified, file: None };
            let found = state.entries.entry(key.as_str().into()).or_insert(entry);
            if found.file.is_some() {
                return Err(FileError::FILE_EXISTS);
            }
        }
        Ok(())
    }
}

/// A path taken apart.
struct Path {
    drive: char,
    /// As written, without a trailing backslash.
    whole: Box<str>,
    /// Folded.
    key: Box<str>,
    /// Last part as written.
    name: Box<str>,
}

impl Path {
    fn parse(path: &str) -> FileResult<Self> {
        let path = path.replace('/', "\\");
        if path.starts_with("\\\\") {
            return Err(FileError::BAD_NETWORK_PATH);
        }
        let whole = path.trim_end_matches('\\');
        let mut letters = whole.chars();
        let (Some(drive), Some(':')) = (letters.next(), letters.next()) else {
            return Err(FileError::INVALID_NAME);
        };
        let is_bad = |part: &str| part.is_empty() || part.contains(['<', '>', ':', '"', '|', '?', '*', '\0']);
        if !drive.is_ascii_alphabetic()
            || whole.split('\\').skip(1).any(is_bad)
            || whole[2..].starts_with(|c| c != '\\')
        {
            return Err(FileError::INVALID_NAME);
        }
        let name = whole.rsplit('\\').next().unwrap_or_default().into();
        Ok(Self { drive: drive.to_ascii_lowercase(), whole: whole.into(), key: fold(whole).into(), name })
    }

    fn is_root(&self) -> bool {
        self.key.len() == 2
    }
}

impl State {
    fn used(&self, drive: char) -> u64 {
        let prefix = format!("{drive}:");
        let range = self.entries.range(Box::from(prefix.as_str())..);
        let on_drive = range.take_while(|(key, _)| key.starts_with(&prefix));
        on_drive.filter_map(|(_, e)| e.file.as_ref()).map(|f| f.bytes.len() as u64).sum()
    }

    fn is_directory(&self, path: &Path) -> bool {
        if path.is_root() {
            return self.capacities.contains_key(&path.drive);
        }
        self.entries.get(&*path.key).is_some_and(|e| e.file.is_none())
    }

    fn check_parent(&self, path: &Path) -> FileResult<()> {
        let parent = path.key.rsplit_once('\\').map(|(parent, _)| parent);
        let is_there = match parent {
            None | Some("") => self.capacities.contains_key(&path.drive),
            Some(parent) if parent.len() == 2 => self.capacities.contains_key(&path.drive),
            Some(parent) => self.entries.get(parent).is_some_and(|e| e.file.is_none()),
        };
        if is_there { Ok(()) } else { Err(FileError::PATH_NOT_FOUND) }
    }

    fn file(&self, path: &Path) -> FileResult<&FileData> {
        self.check_parent(path)?;
        let entry = self.entries.get(&*path.key).ok_or(FileError::NOT_FOUND)?;
        entry.file.as_ref().ok_or(FileError::ACCESS_DENIED)
    }

    fn file_mut(&mut self, path: &Path, now: jiff::Timestamp) -> FileResult<&mut FileData> {
        self.check_parent(path)?;
        let entry = self.entries.get_mut(&*path.key).ok_or(FileError::NOT_FOUND)?;
        entry.modified = now;
        entry.file.as_mut().ok_or(FileError::ACCESS_DENIED)
    }

    fn children(&self, key: &str) -> impl Iterator<Item = &Entry> {
        let prefix = format!("{key}\\");
        let length = prefix.len();
        self.entries
            .range(Box::from(prefix.as_str())..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .filter(move |(key, _)| !key[length..].contains('\\'))
            .map(|(_, entry)| entry)
    }
}

#[async_trait(?Send)]
impl Files for MemoryFiles {
    async fn read(&self, path: &str, offset: u64, length: usize) -> FileResult<Bytes> {
        self.read_at(path, offset, length)
    }
    async fn size(&self, path: &str) -> FileResult<u64> {
        self.size_of(path)
    }
    async fn create(&self, path: &str) -> FileResult<()> {
        self.create_file(path)
    }
    async fn append(&self, path: &str, data: Bytes) -> FileResult<()> {
        self.append_bytes(path, &data)
    }
    async fn truncate(&self, path: &str, size: u64) -> FileResult<()> {
        self.truncate_file(path, size)
    }
    async fn flush(&self, path: &str) -> FileResult<()> {
        self.flush_file(path)
    }
    async fn rename(&self, from: &str, to: &str) -> FileResult<()> {
        self.rename_file(from, to)
    }
    async fn remove(&self, path: &str) -> FileResult<()> {
        self.remove_entry(path)
    }
    async fn list(&self, directory: &str) -> FileResult<Vec<DirectoryEntry>> {
        self.entries(directory)
    }
    async fn create_directory(&self, path: &str) -> FileResult<()> {
        self.make_directory(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drives() -> MemoryFiles {
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH, 0);
        let files = MemoryFiles::new(&clock, &['D']);
        files.make_directory(r"D:\Backup\mgc").unwrap();
        files
    }

    #[tokio::test(start_paused = true)]
    async fn names_keep_their_case_and_are_found_without_it() {
        let files = drives();
        files.put(r"D:\Backup\MGC\One.trn", b"1").unwrap();
        assert_eq!(files.contents(r"d:\backup\mgc\ONE.TRN").unwrap(), "1");
        assert_eq!(files.entries(r"D:\backup\mgc\").unwrap()[0].name, "One.trn");
    }

    #[tokio::test(start_paused = true)]
    async fn a_power_loss_takes_what_was_not_flushed() {
        let files = drives();
        files.put(r"D:\Backup\a", b"kept").unwrap();
        files.append_bytes(r"D:\Backup\a", b"lost").unwrap();
        files.power_loss();
        assert_eq!(files.contents(r"D:\Backup\a").unwrap(), "kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_drive_answers_112() {
        let files = drives();
        files.set_capacity('D', Some(5));
        files.put(r"D:\a", b"12345").unwrap();
        assert_eq!(files.append_bytes(r"D:\a", b"6"), Err(FileError::DISK_FULL));
        files.set_capacity('D', None);
        assert_eq!(files.append_bytes(r"D:\a", b"6"), Ok(()));
    }

    #[rstest::rstest]
    #[case::missing_file(r"D:\Backup\none", FileError::NOT_FOUND)]
    #[case::missing_directory(r"D:\none\none", FileError::PATH_NOT_FOUND)]
    #[case::missing_drive(r"E:\none", FileError::PATH_NOT_FOUND)]
    #[case::other_machine(r"\\host\share\none", FileError::BAD_NETWORK_PATH)]
    #[case::no_path("none", FileError::INVALID_NAME)]
    #[case::bad_name(r"D:\a*b", FileError::INVALID_NAME)]
    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_gives_windows_own_error(#[case] path: &str, #[case] expected: FileError) {
        assert_eq!(drives().contents(path), Err(expected));
    }

    #[tokio::test(start_paused = true)]
    async fn a_listing_has_only_the_directory_itself() {
        let files = drives();
        files.put(r"D:\Backup\b", b"").unwrap();
        files.put(r"D:\Backup\mgc\deep", b"").unwrap();
        let names: Vec<_> = files.entries(r"D:\Backup").unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["b", "mgc"]);
        assert_eq!(files.remove_entry(r"D:\Backup\mgc"), Err(FileError::ACCESS_DENIED));
    }
}
