//! Directories that were damaged, disks that are full, flushes that fail.

use super::*;
use crate::store::DataDirectoryError;
use crate::store::frame::SegmentHeader;
use crate::store::writer::Medium;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;

const TABLE: &str = "CREATE DATABASE shop; EXEC('USE shop; CREATE TABLE t (id int PRIMARY KEY)')";

/// A directory with a checkpoint, log behind it, and several flushes.
fn written() -> TemporaryDirectory {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.sql(TABLE).await, []);
        server.instance.checkpoint().await.unwrap();
        for id in 0..5 {
            assert_eq!(server.sql(&format!("INSERT shop.dbo.t VALUES ({id})")).await, []);
            server.instance.harden().await.unwrap();
        }
    });
    directory
}

fn open(directory: &TemporaryDirectory) -> Result<Vec<String>, DataDirectoryError> {
    let files = files();
    life(async || {
        let opened = DataDirectory::open(directory.path())?;
        let clock = Clock::starting_at(NOON.parse().unwrap(), 540);
        let (files, network) = (Rc::new(files), Rc::new(NoNetwork));
        let instance = Instance::open(config("A"), clock, files, network, Rc::new(NoObserver), opened)?;
        Ok(Server::of(instance).column("SELECT id FROM shop.dbo.t").await)
    })
}

#[test]
fn damage_anywhere_is_refused_by_file_and_offset_and_never_loses_a_row_silently() {
    let whole = written();
    assert_eq!(open(&whole.copy()).unwrap(), ["0", "1", "2", "3", "4"]);
    let mut places = vec![whole.0.join("manifest")];
    places.extend(whole.segments());
    places.extend(fs::read_dir(whole.0.join("images")).unwrap().map(|e| e.unwrap().path()));
    for path in places {
        let name = path.strip_prefix(&whole.0).unwrap().to_owned();
        let length = fs::metadata(&path).unwrap().len() as usize;
        for step in 0..23 {
            let at = length * step / 23;
            let copy = whole.copy();
            let mut bytes = fs::read(copy.0.join(&name)).unwrap();
            bytes[at] ^= 0x20;
            fs::write(copy.0.join(&name), bytes).unwrap();
            match open(&copy) {
                Err(DataDirectoryError::Damaged { path, offset, .. }) => {
                    assert!(path.ends_with(&name), "{path:?}");
                    assert!(offset as usize <= at, "{name:?}: byte {at}, told {offset}");
                }
                Err(other) => panic!("{name:?}, byte {at}: {other}"),
                // Only a change in the last flush of the log looks like a torn write.
                Ok(rows) => {
                    assert!(rows.len() >= 4 && name.starts_with("log"), "{name:?}, byte {at}: {rows:?}")
                }
            }
        }
    }
}

#[test]
fn a_directory_of_which_a_part_is_missing_is_refused() {
    let whole = written();
    for missing in ["manifest", "log", "images"] {
        let copy = whole.copy();
        let path = copy.0.join(missing);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let error = open(&copy).unwrap_err();
        assert!(!matches!(error, DataDirectoryError::InUse { .. }), "{missing}: {error}");
    }
}

#[test]
fn a_log_that_was_cut_before_the_checkpoint_is_refused() {
    let whole = written();
    let copy = whole.copy();
    for segment in copy.segments() {
        let header = fs::read(&segment).unwrap()[..crate::store::frame::SEGMENT_HEADER_BYTES].to_vec();
        fs::write(segment, header).unwrap();
    }
    let error = open(&copy).unwrap_err();
    assert!(matches!(error, DataDirectoryError::Incomplete { .. }), "{error}");
}

/// What the disk does next.
#[derive(Clone, Debug, Default)]
struct Mood(Arc<AtomicU8>);

impl Mood {
    const WELL: u8 = 0;
    const FULL: u8 = 1;
    const FLUSH_FAILS: u8 = 2;

    fn set(&self, mood: u8) {
        self.0.store(mood, Ordering::SeqCst);
    }

    fn is(&self, mood: u8) -> bool {
        self.0.load(Ordering::SeqCst) == mood
    }
}

struct Moody {
    disk: Box<dyn Medium>,
    mood: Mood,
}

impl Medium for Moody {
    fn begin(&mut self, header: &SegmentHeader) -> io::Result<()> {
        self.disk.begin(header)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.mood.is(Mood::FULL) {
            // Some of it fits.
            self.disk.write(offset, &bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.write(offset, bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.cut(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.mood.is(Mood::FLUSH_FAILS) {
            return Err(io::Error::other("Input/output error"));
        }
        self.disk.flush()
    }
}

/// A server whose disk has moods.
fn moody(directory: &TemporaryDirectory, mood: &Mood) -> Server {
    let mood = mood.clone();
    let instance = Instance::open_with(
        config("A"),
        Clock::starting_at(NOON.parse().unwrap(), 540),
        Rc::new(files()),
        Rc::new(NoNetwork),
        Rc::new(NoObserver),
        |engine| {
            let opened = DataDirectory::open(directory.path())?;
            WriteAheadLog::open_with(opened, engine, |disk| Box::new(Moody { disk, mood }))
        },
    );
    Server::of(instance.unwrap())
}

#[test]
fn a_full_disk_acknowledges_nothing_says_so_and_goes_on_when_there_is_room() {
    let (directory, mood) = (TemporaryDirectory::new(), Mood::default());
    life(async || {
        let server = moody(&directory, &mood);
        assert_eq!(server.sql(TABLE).await, []);
        assert_eq!(server.sql("INSERT shop.dbo.t VALUES (1)").await, []);
        server.instance.harden().await.unwrap();
        mood.set(Mood::FULL);
        assert_eq!(server.sql("INSERT shop.dbo.t VALUES (2)").await, []);
        let waiting = server.instance.harden();
        let waited = tokio::time::timeout(Duration::from_millis(600), waiting).await;
        assert!(waited.is_err(), "it is not on disk");
        // The next look finds the disk full; changes are refused, reading and msdb go on.
        let _ = tokio::time::timeout(Duration::from_millis(10), server.instance.harden()).await;
        assert_eq!(server.sql("INSERT shop.dbo.t VALUES (3)").await, [9002]);
        assert_eq!(server.column("SELECT COUNT(*) FROM shop.dbo.t").await, ["2"]);
        assert!(server.instance.error_log().iter().any(|l| l.contains("Operating system error 112")));
        let crashed = directory.copy();
        let there = life_of_copy(&crashed);
        assert_eq!(there, ["1"], "what waits is not there after a crash");
        mood.set(Mood::WELL);
        server.instance.harden().await.unwrap();
        let _ = server.instance.harden().await;
        assert_eq!(server.sql("INSERT shop.dbo.t VALUES (3)").await, []);
        server.check(&directory).await;
    });
}

/// The rows that a copy of a directory has after recovery, read on a thread of its own.
fn life_of_copy(directory: &TemporaryDirectory) -> Vec<String> {
    std::thread::scope(|scope| scope.spawn(|| open(directory).unwrap()).join().unwrap())
}

#[test]
fn a_flush_that_fails_is_not_tried_again_and_nothing_is_acknowledged_any_more() {
    let (directory, mood) = (TemporaryDirectory::new(), Mood::default());
    life(async || {
        let server = moody(&directory, &mood);
        assert_eq!(server.sql(TABLE).await, []);
        server.instance.harden().await.unwrap();
        mood.set(Mood::FLUSH_FAILS);
        assert_eq!(server.sql("INSERT shop.dbo.t VALUES (1)").await, []);
        let lost = server.instance.harden().await.unwrap_err();
        assert!(lost.to_string().contains("Input/output error"), "{lost}");
        mood.set(Mood::WELL);
        assert!(server.instance.harden().await.is_err(), "what is on disk is unknown now");
        assert_eq!(server.instance.log_lost().await, lost);
    });
}

#[test]
fn a_directory_that_holds_something_else_is_left_alone() {
    let directory = TemporaryDirectory::new();
    fs::create_dir_all(directory.path()).unwrap();
    fs::write(directory.path().join("thesis.txt"), "all my work").unwrap();
    let error = DataDirectory::open(directory.path()).unwrap_err();
    assert!(error.to_string().contains("holds thesis.txt"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was made");
}
