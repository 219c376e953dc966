//! Log backup files by name: `database_yyyymmddhhmmss.trn`, time in UTC.

use crate::files::{DirectoryEntry, FileError, Files};
use jiff::civil::DateTime;

pub(super) use crate::files::join;

/// How many bytes a copy reads at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// The digits of a file's time.
const STAMP_DIGITS: usize = 14;

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

/// A time as file names carry it.
pub(super) fn stamp(at: jiff::Timestamp) -> String {
    at.strftime("%Y%m%d%H%M%S").to_string()
}

/// The time in a file's name, if it is a log backup of `database` by its name.
pub(super) fn time_of(name: &str, database: &str) -> Option<jiff::Timestamp> {
    let stem = name.len().checked_sub(4).filter(|at| name.is_char_boundary(*at))?;
    let (stem, extension) = name.split_at(stem);
    if !extension.eq_ignore_ascii_case(".trn") {
        return None;
    }
    let split = stem.len().checked_sub(STAMP_DIGITS).filter(|at| stem.is_char_boundary(*at))?;
    let (head, digits) = stem.split_at(split);
    let head = head.strip_suffix('_')?;
    if head.to_lowercase() != database.to_lowercase() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let at = DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(at).ok()
}

/// Whether one file comes after another, by name; everything comes after no file.
pub(super) fn is_after(name: &str, other: &str) -> bool {
    other.is_empty() || name.to_lowercase() > file_name(other).to_lowercase()
}

/// The log backups of a database in a directory, by name.
pub(super) async fn log_backups(
    files: &dyn Files,
    directory: &str,
    database: &str,
) -> Result<Vec<DirectoryEntry>, FileError> {
    let mut found = files.list(directory).await?;
    found.retain(|entry| !entry.is_directory && time_of(&entry.name, database).is_some());
    found.sort_by_key(|entry| entry.name.to_lowercase());
    Ok(found)
}

/// Copies a file under a temporary name and renames it when all of it is there and flushed.
pub(super) async fn copy(files: &dyn Files, from: &str, to: &str) -> Result<u64, FileError> {
    let working = working_name(to);
    files.create(&working).await?;
    let mut copied = 0;
    loop {
        let piece = files.read(from, copied, CHUNK_BYTES).await?;
        if piece.is_empty() {
            break;
        }
        copied += piece.len() as u64;
        files.append(&working, piece).await?;
    }
    files.flush(&working).await?;
    files.rename(&working, to).await?;
    Ok(copied)
}

/// The name of a file that is not complete yet: `.wrk` in place of `.trn`.
pub(super) fn working_name(path: &str) -> String {
    let stem = path.len().checked_sub(4).filter(|at| path.is_char_boundary(*at));
    format!("{}.wrk", stem.map_or(path, |at| &path[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("mgc_20131101123000.trn", true)]
    #[case("MGC_20131101123000.TRN", true)]
    #[case("mgc_20131101123000.wrk", false)]
    #[case("mgccomp_20131101123000.trn", false)]
    #[case("mgc_2013110112300.trn", false)]
    #[case("mgc_20131301123000.trn", false)]
    #[case("mgc.trn", false)]
    #[case("ä", false)]
    fn only_log_backups_of_the_database_are_recognised(#[case] name: &str, #[case] is_one: bool) {
        assert_eq!(time_of(name, "mgc").is_some(), is_one);
    }

    #[test]
    fn a_files_name_carries_its_time_in_utc() {
        let at: jiff::Timestamp = "2013-11-01T12:30:00Z".parse().unwrap();
        assert_eq!(time_of(&format!("mgc_{}.trn", stamp(at)), "mgc"), Some(at));
    }

    #[test]
    fn files_follow_each_other_by_name_wherever_they_lie() {
        assert!(is_after("mgc_20131101123000.trn", ""));
        assert!(is_after("mgc_20131101123000.trn", r"\\files-b\logs\MGC_20131101121500.trn"));
        assert!(!is_after("mgc_20131101123000.trn", r"D:\x\mgc_20131101123000.trn"));
    }
}
