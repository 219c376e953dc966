//! What BACKUP and RESTORE share: devices, errors, exclusive access, progress and its cost.

use super::Errors;
use super::format::{BackupSet, Damage, Media, NotMedia};
use crate::engine::DatabaseId;
use crate::error::SqlError;
use crate::files::FileError;
use crate::instance::Instance;
use crate::messages;
use crate::session::{Session, SessionId, Sink};
use std::rc::Rc;
use std::time::Duration;

/// The cause, then 3013.
pub(super) fn failing(statement: &str, cause: SqlError) -> Errors {
    vec![cause, messages::error(3013, 1, &[&statement])]
}

/// Several causes, then 3013.
pub(super) fn failing_all(statement: &str, mut causes: Errors) -> Errors {
    causes.push(messages::error(3013, 1, &[&statement]));
    causes
}

/// The device's full path: a name without a directory lies in the backup directory. A path from the
/// root, as SQL Server on Linux takes it (`/var/opt/mssql/data/x.bak`), stays as it is.
///
/// # Errors
/// 3044 for an empty name.
pub(super) fn device_path(instance: &Instance, device: &str) -> Result<String, SqlError> {
    if device.trim().is_empty() {
        return Err(messages::error(3044, 1, &[]));
    }
    if device.starts_with("\\\\") || device.starts_with('/') || device.get(1..2) == Some(":") {
        return Ok(device.to_owned());
    }
    Ok(crate::files::join(&instance.0.config.backup_directory, device.trim_start_matches('\\')))
}

/// 3201: the device cannot be opened.
pub(super) fn cannot_open(path: &str, error: &FileError) -> SqlError {
    messages::error(3201, if error.code == 2 { 2 } else { 1 }, &[&path, error])
}

/// What a file that is no backup gives.
pub(super) fn not_media(path: &str, problem: NotMedia) -> SqlError {
    match problem {
        NotMedia::Empty => messages::error(3254, 1, &[&path]),
        NotMedia::IncorrectlyFormed => messages::error(3241, 0, &[&path]),
        NotMedia::BadSet => messages::error(3242, 2, &[&path]),
    }
}

/// The backup set at a position, 1 when none is given.
///
/// # Errors
/// 4038 when there is none, 3254 when the file has none at all.
pub(super) fn set_at<'a>(media: &'a Media, path: &str, file: Option<u32>) -> Result<&'a BackupSet, SqlError> {
    let position = file.unwrap_or(1);
    let index = usize::try_from(position).ok().and_then(|p| p.checked_sub(1));
    index.and_then(|i| media.sets.get(i)).ok_or_else(|| match media.sets.is_empty() {
        true => messages::error(3254, 1, &[&path]),
        false => messages::error(4038, 1, &[&position, &path]),
    })
}

/// A damaged set gives the error of its damage.
///
/// # Errors
/// 3203, 3189, 3256.
pub(super) fn check_damage(set: &BackupSet, path: &str) -> Result<(), SqlError> {
    match set.damage {
        None => Ok(()),
        Some(Damage::Cut) => Err(messages::error(3203, 1, &[&path, &"38(Reached the end of the file.)"])),
        Some(Damage::Unfinished) => Err(messages::error(3256, 1, &[&path])),
        Some(Damage::Corrupt) if set.header.has_checksums => Err(messages::error(3189, 1, &[])),
        Some(Damage::Corrupt) => {
            Err(messages::error(3203, 1, &[&path, &"23(Data error (cyclic redundancy check).)"]))
        }
    }
}

/// A database that one session has to itself, until this is dropped.
#[derive(Debug)]
pub(super) struct Exclusive {
    instance: Instance,
    database: DatabaseId,
    power_cycle: u64,
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        if self.instance.power_cycle() == self.power_cycle {
            self.instance.0.engine.borrow_mut().locks.give_back(self.database);
        }
    }
}

/// Gives a session a database to itself, waiting as long as the cost model says.
///
/// # Errors
/// 3101 when others use it, 3102 when the session itself does.
pub(super) async fn take_exclusive(
    instance: &Instance,
    session: SessionId,
    database: DatabaseId,
    statement: &str,
) -> Result<Exclusive, SqlError> {
    let attempt = || {
        let mut engine = instance.0.engine.borrow_mut();
        if engine.locks.users_of(database).any(|user| user == session) {
            let name = engine.database(database).map(|d| d.name.clone()).unwrap_or_default();
            return Err(messages::error(3102, 1, &[&statement, &name]));
        }
        let is_busy =
            engine.database(database).is_some_and(|d| d.data_backup_running || d.log_backup_running);
        let taken = !is_busy && engine.locks.take_exclusive(session, database).is_ok();
        Ok(taken)
    };
    let guard = || Exclusive { instance: instance.clone(), database, power_cycle: instance.power_cycle() };
    if attempt()? {
        return Ok(guard());
    }
    let wait = async {
        let released = instance.0.engine.borrow().locks.released();
        loop {
            let notified = released.notified();
            if attempt()? {
                return Ok(());
            }
            notified.await;
        }
    };
    match tokio::time::timeout(instance.0.config.cost.exclusive_access_wait, wait).await {
        Ok(result) => result.map(|()| guard()),
        Err(_) => Err(messages::error(3101, 1, &[])),
    }
}

/// Shows and charges for the progress of one statement.
pub(super) struct Progress<'a> {
    pub(super) instance: &'a Instance,
    pub(super) session: &'a Rc<Session>,
    pub(super) sink: &'a mut dyn Sink,
    pub(super) stats: Option<u8>,
}

impl Progress<'_> {
    /// Takes `total` time in slices, with `percent_complete` and, WITH STATS, message 3211.
    pub(super) async fn run(&mut self, total: Duration) {
        let total_ms = self.instance.0.engine.borrow_mut().charge(total);
        let step = self.stats.map_or(5, |stats| u32::from(stats.clamp(1, 100)));
        let slices = if total_ms < 20 && self.stats.is_none() { 1 } else { 100u32.div_ceil(step) };
        let mut spent_ms = 0;
        for slice in 1..=slices {
            let target_ms = total_ms * u64::from(slice) / u64::from(slices);
            if target_ms > spent_ms {
                tokio::time::sleep(Duration::from_millis(target_ms - spent_ms)).await;
                spent_ms = target_ms;
            }
            let percent = (slice * step).min(100);
            self.session.update(|state| {
                if let Some(request) = &mut state.request {
                    request.percent_complete = if slices == 1 { 100.0 } else { percent as f32 };
                    request.estimated_completion_ms = i64::try_from(total_ms - spent_ms).unwrap_or(i64::MAX);
                }
            });
            if self.stats.is_some() {
                self.sink.message(&messages::error(3211, 1, &[&percent]));
                if total_ms >= 1000 {
                    // A client that is gone is noticed by its session, which drops this statement.
                    let _ = self.sink.flush().await;
                }
            }
        }
    }
}

/// Time for `bytes` at a speed; nothing when the machine is as fast as it is.
pub(super) fn time_for(bytes: u64, bytes_per_second: Option<u64>) -> Duration {
    match bytes_per_second {
        None | Some(0) => Duration::ZERO,
        Some(speed) => {
            let micros = u128::from(bytes) * 1_000_000 / u128::from(speed);
            Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        }
    }
}

/// 3014: pages, seconds and speed.
pub(super) fn done_message(statement: &str, pages: u64, elapsed: Duration) -> SqlError {
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let kib_per_second = if pages == 0 { 0 } else { pages * 8 * 1000 / ms };
    let (mib, thousandths) = (kib_per_second / 1024, kib_per_second % 1024 * 1000 / 1024);
    let (seconds, rest) = (ms / 1000, format!("{:03}", ms % 1000));
    messages::error(3014, 1, &[&statement, &pages, &seconds, &rest, &mib, &format!("{thousandths:03}")])
}
