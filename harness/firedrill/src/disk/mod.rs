//! The machines' drives and shares, and every machine's view of them.
//!
//! A [`MachineFiles`] resolves `D:\…` on its own machine and `\\host\share\…`
//! over the network: a host that does not answer costs the time that it costs
//! in life, and then the error that Windows gives. Every change is shown to one
//! watcher before and after it happens; the watcher may hold it.

mod drives;

pub use drives::Drives;
pub use sqlsim::host::DirectoryDrives;
pub(crate) use sqlsim::host::open_to_all;

use crate::net::{Machine, Network, Unreachable};
use async_trait::async_trait;
use bytes::Bytes;
use sqlsim::files::{DirectoryEntry, FileError, Files};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange<'a> {
    /// It is created or emptied.
    Created,
    /// Bytes are appended.
    Appended,
    /// It gets its final content: a flush.
    Flushed,
    /// It gets this path by a rename from another.
    RenamedFrom(&'a str),
    /// It is removed.
    Removed,
}

/// A change of a file, as the estate sees it.
#[derive(Clone, Copy, Debug)]
pub struct FileEvent<'a> {
    /// The machine that does it.
    pub by: &'a Machine,
    /// The machine on whose drive it happens.
    pub on: &'a Machine,
    /// The path on that drive.
    pub path: &'a str,
    /// What.
    pub change: FileChange<'a>,
    /// Whether it has happened already.
    pub done: bool,
}

/// Watches the drives.
#[async_trait(?Send)]
pub trait DiskWatcher {
    /// A file is about to change, or has changed. The change, or its answer, waits for as long as this does.
    async fn file(&self, event: FileEvent<'_>);
}

/// What reading and writing over the network costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCosts {
    /// Bytes a second between two machines.
    pub bytes_per_second: u64,
    /// Opening a file on another machine.
    pub per_remote_file: Duration,
}

struct Share {
    machine: Machine,
    directory: String,
}

struct Inner {
    network: Network,
    costs: FileCosts,
    drives: RefCell<BTreeMap<Machine, Rc<dyn Drives>>>,
    shares: RefCell<BTreeMap<(Machine, String), Share>>,
    watcher: RefCell<Option<Rc<dyn DiskWatcher>>>,
    /// The next access by a machine below a directory of its own takes so long.
    slow: RefCell<Option<SlowAccess>>,
    /// Machines on whose drives a change has found no room.
    full: RefCell<BTreeSet<Machine>>,
    /// Real files that were created through here, by whichever machine.
    written_here: RefCell<BTreeSet<PathBuf>>,
    /// Microseconds of transfer that were too short to be charged so far.
    owed_us: Cell<u64>,
}

struct SlowAccess {
    machine: Machine,
    below: String,
    takes: Duration,
}

/// All drives and shares of an estate. Clones are the same ones.
#[derive(Clone)]
pub struct Disks(Rc<Inner>);

impl Disks {
    /// No drives yet.
    #[must_use]
    pub fn new(network: &Network, costs: FileCosts) -> Self {
        Self(Rc::new(Inner {
            network: network.clone(),
            costs,
            drives: RefCell::default(),
            shares: RefCell::default(),
            watcher: RefCell::default(),
            slow: RefCell::default(),
            full: RefCell::default(),
            written_here: RefCell::default(),
            owed_us: Cell::default(),
        }))
    }

    /// Gives a machine its drives.
    pub fn add(&self, machine: &Machine, drives: Rc<dyn Drives>) {
        self.0.drives.borrow_mut().insert(machine.clone(), drives);
    }

    /// Shares a directory of a machine as `\\machine\name`; the directory is created.
    ///
    /// # Errors
    /// As the drive answers.
    pub fn share(&self, machine: &Machine, name: &str, directory: &str) -> Result<(), FileError> {
        self.drives_of(machine)?.make_directory(directory)?;
        let share = Share { machine: machine.clone(), directory: directory.to_owned() };
        self.0.shares.borrow_mut().insert((machine.clone(), name.to_ascii_lowercase()), share);
        Ok(())
    }

    /// Who is shown every change.
    pub fn watch(&self, watcher: Rc<dyn DiskWatcher>) {
        *self.0.watcher.borrow_mut() = Some(watcher);
    }

    /// The files as a machine reaches them.
    #[must_use]
    pub fn seen_from(&self, machine: &Machine) -> MachineFiles {
        MachineFiles { disks: self.clone(), machine: machine.clone() }
    }

    /// A machine's drives, past every link and every watcher: for staging, faults and the judge.
    ///
    /// # Errors
    /// 53 for a machine that has none.
    pub fn drives_of(&self, machine: &Machine) -> Result<Rc<dyn Drives>, FileError> {
        self.0.drives.borrow().get(machine).cloned().ok_or(FileError::BAD_NETWORK_PATH)
    }

    /// The drive and directory behind a path, as seen from `machine`; no link is asked.
    ///
    /// # Errors
    /// 53 for an unknown host, 67 for an unknown share.
    pub fn locate(&self, machine: &Machine, path: &str) -> Result<(Machine, String), FileError> {
        let Some(rest) = path.strip_prefix(r"\\") else {
            return Ok((machine.clone(), path.to_owned()));
        };
        let (host, rest) = rest.split_once('\\').ok_or(FileError::INVALID_NAME)?;
        let (name, below) = rest.split_once('\\').unwrap_or((rest, ""));
        let host = Machine::of(host);
        if !self.0.drives.borrow().contains_key(&host) {
            return Err(FileError::BAD_NETWORK_PATH);
        }
        let shares = self.0.shares.borrow();
        let share = shares.get(&(host, name.to_ascii_lowercase())).ok_or(NETWORK_NAME_NOT_FOUND)?;
        let below = below.trim_end_matches('\\');
        let local =
            if below.is_empty() { share.directory.clone() } else { format!(r"{}\{below}", share.directory) };
        Ok((share.machine.clone(), local))
    }

    /// The next access by `machine` to a file below its own `directory` takes so long: a job that is at work.
    pub fn slow_down_next_access(&self, machine: &Machine, directory: &str, takes: Duration) {
        let below = directory.to_ascii_lowercase();
        *self.0.slow.borrow_mut() = Some(SlowAccess { machine: machine.clone(), below, takes });
    }

    /// Whether a change has found no room on a drive of `machine`.
    #[must_use]
    pub fn has_been_full(&self, machine: &Machine) -> bool {
        self.0.full.borrow().contains(machine)
    }

    /// Whether a real file was created by a machine of this process's, and not by another process.
    #[must_use]
    pub fn is_written_here(&self, path: &Path) -> bool {
        self.0.written_here.borrow().contains(path)
    }

    /// Nobody watches any more.
    pub fn tear_down(&self) {
        *self.0.watcher.borrow_mut() = None;
    }

    async fn tell(&self, event: FileEvent<'_>) {
        let watcher = self.0.watcher.borrow().clone();
        if let Some(watcher) = watcher {
            watcher.file(event).await;
        }
    }

    async fn charge(&self, bytes: usize) {
        let us = (bytes as u64).saturating_mul(1_000_000) / self.0.costs.bytes_per_second.max(1)
            + self.0.owed_us.get();
        self.0.owed_us.set(us % 1000);
        if us >= 1000 {
            tokio::time::sleep(Duration::from_millis(us / 1000)).await;
        }
    }
}

/// ERROR_BAD_NET_NAME.
const NETWORK_NAME_NOT_FOUND: FileError = FileError { code: 67, text: "The network name cannot be found." };

/// The files as one machine reaches them: its own drives, and shares of others.
#[derive(Clone)]
pub struct MachineFiles {
    disks: Disks,
    machine: Machine,
}

impl std::fmt::Debug for MachineFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MachineFiles").field(&self.machine).finish()
    }
}

/// A resolved path.
struct Located {
    on: Machine,
    path: String,
    drives: Rc<dyn Drives>,
    remote: bool,
}

impl MachineFiles {
    /// Finds the drive behind a path and goes there.
    async fn reach(&self, path: &str) -> Result<Located, FileError> {
        let (on, local) = match self.disks.locate(&self.machine, path) {
            Err(error) if error == FileError::BAD_NETWORK_PATH => {
                tokio::time::sleep(self.disks.0.network.share_timeout()).await;
                return Err(error);
            }
            located => located?,
        };
        let remote = on != self.machine;
        let is_slow = |slow: &mut SlowAccess| {
            slow.machine == self.machine && !remote && local.to_ascii_lowercase().starts_with(&slow.below)
        };
        let slow = self.disks.0.slow.borrow_mut().take_if(is_slow);
        if let Some(slow) = slow {
            tokio::time::sleep(slow.takes).await;
        }
        if remote {
            match self.disks.0.network.round_trip(&self.machine, &on) {
                Ok(round_trip) if round_trip.is_zero() => {}
                Ok(round_trip) => tokio::time::sleep(round_trip).await,
                Err(Unreachable::UnknownHost | Unreachable::Silent) => {
                    tokio::time::sleep(self.disks.0.network.share_timeout()).await;
                    return Err(FileError::BAD_NETWORK_PATH);
                }
            }
        }
        Ok(Located { drives: self.disks.drives_of(&on)?, on, path: local, remote })
    }

    /// Does `change` to a file, between the two looks of the watcher.
    async fn change<T>(
        &self,
        at: &Located,
        change: FileChange<'_>,
        act: impl FnOnce(&dyn Drives, &str) -> Result<T, FileError>,
    ) -> Result<T, FileError> {
        let event = FileEvent { by: &self.machine, on: &at.on, path: &at.path, change, done: false };
        self.disks.tell(event).await;
        if at.remote && self.disks.0.network.round_trip(&self.machine, &at.on).is_err() {
            return Err(FileError::NETWORK_NAME_DELETED);
        }
        if matches!(change, FileChange::Created | FileChange::RenamedFrom(_))
            && let Some(path) = at.drives.real_path_of(&at.path)
        {
            self.disks.0.written_here.borrow_mut().insert(path);
        }
        let result = act(at.drives.as_ref(), &at.path);
        if result.as_ref().is_err_and(|error| *error == FileError::DISK_FULL) {
            self.disks.0.full.borrow_mut().insert(at.on.clone());
        }
        let result = result?;
        self.disks.tell(FileEvent { done: true, ..event }).await;
        Ok(result)
    }
}

#[async_trait(?Send)]
impl Files for MachineFiles {
    async fn read(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, FileError> {
        let at = self.reach(path).await?;
        let bytes = at.drives.read_at(&at.path, offset, length)?;
        if at.remote {
            self.disks.charge(bytes.len()).await;
        }
        Ok(bytes)
    }

    async fn size(&self, path: &str) -> Result<u64, FileError> {
        let at = self.reach(path).await?;
        at.drives.size_of(&at.path)
    }

    async fn create(&self, path: &str) -> Result<(), FileError> {
        let at = self.reach(path).await?;
        if at.remote && !self.disks.0.costs.per_remote_file.is_zero() {
            tokio::time::sleep(self.disks.0.costs.per_remote_file).await;
        }
        self.change(&at, FileChange::Created, |drives, path| drives.create_file(path)).await
    }

    async fn append(&self, path: &str, data: Bytes) -> Result<(), FileError> {
        let at = self.reach(path).await?;
        if at.remote {
            self.disks.charge(data.len()).await;
        }
        self.change(&at, FileChange::Appended, |drives, path| drives.append_bytes(path, &data)).await
    }

    async fn truncate(&self, path: &str, size: u64) -> Result<(), FileError> {
        let at = self.reach(path).await?;
        at.drives.truncate_file(&at.path, size)
    }

    async fn flush(&self, path: &str) -> Result<(), FileError> {
        let at = self.reach(path).await?;
        self.change(&at, FileChange::Flushed, |drives, path| drives.flush_file(path)).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let source = self.reach(from).await?;
        let target = self.reach(to).await?;
        if source.on != target.on {
            return Err(FileError {
                code: 17,
                text: "The system cannot move the file to a different disk drive.",
            });
        }
        let change = FileChange::RenamedFrom(&source.path);
        self.change(&target, change, |drives, path| drives.rename_file(&source.path, path)).await
    }

    async fn remove(&self, path: &str) -> Result<(), FileError> {
        let at = self.reach(path).await?;
        self.change(&at, FileChange::Removed, |drives, path| drives.remove_entry(path)).await
    }

    async fn list(&self, directory: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        let at = self.reach(directory).await?;
        at.drives.entries(&at.path)
    }

    async fn create_directory(&self, path: &str) -> Result<(), FileError> {
        let at = self.reach(path).await?;
        at.drives.make_directory(&at.path)
    }
}

/// The same error as the operating system's own.
fn io_error(error: &FileError) -> io::Error {
    let kind = match error.code {
        2 | 3 => io::ErrorKind::NotFound,
        5 => io::ErrorKind::PermissionDenied,
        53 | 67 => io::ErrorKind::HostUnreachable,
        64 => io::ErrorKind::ConnectionReset,
        80 => io::ErrorKind::AlreadyExists,
        112 => io::ErrorKind::StorageFull,
        123 => io::ErrorKind::InvalidFilename,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}

#[async_trait(?Send)]
impl failover::environment::Shares for MachineFiles {
    async fn list(&self, folder: &str) -> io::Result<Vec<failover::environment::ShareEntry>> {
        let entries = Files::list(self, folder).await.map_err(|error| io_error(&error))?;
        Ok(entries
            .into_iter()
            .map(|entry| failover::environment::ShareEntry {
                name: entry.name,
                size: entry.size,
                is_directory: entry.is_directory,
            })
            .collect())
    }

    async fn read(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = Files::read(self, path, offset, length).await.map_err(|error| io_error(&error))?;
        Ok(bytes.to_vec())
    }

    async fn size(&self, path: &str) -> io::Result<u64> {
        Files::size(self, path).await.map_err(|error| io_error(&error))
    }

    async fn create(&self, path: &str) -> io::Result<()> {
        Files::create(self, path).await.map_err(|error| io_error(&error))
    }

    async fn append(&self, path: &str, data: &[u8]) -> io::Result<()> {
        Files::append(self, path, Bytes::copy_from_slice(data)).await.map_err(|error| io_error(&error))
    }

    async fn flush(&self, path: &str) -> io::Result<()> {
        Files::flush(self, path).await.map_err(|error| io_error(&error))
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Files::rename(self, from, to).await.map_err(|error| io_error(&error))
    }

    async fn remove(&self, path: &str) -> io::Result<()> {
        Files::remove(self, path).await.map_err(|error| io_error(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::NetworkCosts;
    use sqlsim::store::memory_files::MemoryFiles;
    use tokio::time::Instant;

    struct Estate {
        network: Network,
        disks: Disks,
        backup: Machine,
        files: Machine,
    }

    fn estate() -> Estate {
        let costs =
            NetworkCosts { connect_timeout: Duration::from_secs(21), share_timeout: Duration::from_secs(30) };
        let network = Network::new(costs);
        let clock = sqlsim::Clock::starting_at(jiff::Timestamp::UNIX_EPOCH, 0);
        let (backup, files) = (Machine::of("sql-b1"), Machine::of("files-b"));
        let costs = FileCosts { bytes_per_second: 1000, per_remote_file: Duration::ZERO };
        let disks = Disks::new(&network, costs);
        for machine in [&backup, &files] {
            network.add(machine);
            disks.add(machine, Rc::new(MemoryFiles::new(&clock, &['C', 'D'])));
        }
        disks.share(&files, "mgc-logs", r"D:\shares\mgc-logs").unwrap();
        Estate { network, disks, backup, files }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_written_through_a_share_lies_on_the_sharing_machines_drive() {
        let estate = estate();
        let view = estate.disks.seen_from(&estate.backup);
        let path = r"\\FILES-B.litwareinc.com\MGC-logs\one.trn";
        Files::create(&view, path).await.unwrap();
        Files::append(&view, path, Bytes::from_static(b"12345")).await.unwrap();
        let own = estate.disks.seen_from(&estate.files);
        assert_eq!(Files::size(&own, r"D:\shares\mgc-logs\one.trn").await.unwrap(), 5);
        assert_eq!(Files::list(&view, r"\\files-b\mgc-logs").await.unwrap()[0].name, "one.trn");
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_takes_the_time_its_bytes_take() {
        let estate = estate();
        let view = estate.disks.seen_from(&estate.backup);
        let path = r"\\files-b\mgc-logs\big.trn";
        Files::create(&view, path).await.unwrap();
        let start = Instant::now();
        Files::append(&view, path, vec![0; 2500].into()).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(2500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_on_a_silent_machine_answers_53_after_its_time() {
        let estate = estate();
        estate.network.power_off(&estate.files);
        let view = estate.disks.seen_from(&estate.backup);
        let start = Instant::now();
        let error = Files::list(&view, r"\\files-b\mgc-logs").await.unwrap_err();
        assert_eq!((error.code, start.elapsed()), (53, Duration::from_secs(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_share_is_told_apart_from_an_unknown_machine() {
        let estate = estate();
        let view = estate.disks.seen_from(&estate.backup);
        assert_eq!(Files::list(&view, r"\\files-b\nothing").await.unwrap_err().code, 67);
        assert_eq!(Files::list(&view, r"\\files-c\mgc-logs").await.unwrap_err().code, 53);
    }

    #[tokio::test(start_paused = true)]
    async fn the_watcher_sees_a_change_before_and_after_it() {
        struct Log(RefCell<Vec<String>>);
        #[async_trait(?Send)]
        impl DiskWatcher for Log {
            async fn file(&self, event: FileEvent<'_>) {
                let line = format!("{} {} {:?} {}", event.by, event.path, event.change, event.done);
                self.0.borrow_mut().push(line);
            }
        }
        let estate = estate();
        let log = Rc::new(Log(RefCell::default()));
        estate.disks.watch(log.clone());
        let view = estate.disks.seen_from(&estate.backup);
        Files::create(&view, r"D:\one.wrk").await.unwrap();
        Files::rename(&view, r"D:\one.wrk", r"D:\one.trn").await.unwrap();
        assert_eq!(
            *log.0.borrow(),
            [
                r"sql-b1 D:\one.wrk Created false",
                r"sql-b1 D:\one.wrk Created true",
                r#"sql-b1 D:\one.trn RenamedFrom("D:\\one.wrk") false"#,
                r#"sql-b1 D:\one.trn RenamedFrom("D:\\one.wrk") true"#,
            ]
        );
    }
}
