//! What lies in the two folders: every file is opened by the server with RESTORE HEADERONLY, whatever it
//! is called. A header once read is not read again in the same run while name and size stay the same.

use super::Run;
use super::backup::Standing;
use crate::chain::{BackupKind, BackupSet, Chain, Foreign, Place, Spot, chain};
use crate::quote::literal;
use crate::report::{Bound, MissingLog, RefusedFile};
use crate::server_path::{file_name, is_same_name, join, name_key};
use crate::sql::{ResultSet, RowView, SqlError};
use crate::{COPYING_SUFFIX, PROBE_PREFIX};
use serde_json::json;
use std::collections::BTreeSet;

/// A file that was replaced by its intact original keeps its name with this behind it.
pub(super) const SET_ASIDE_SUFFIX: &str = ".damaged";

/// What identifies a header within a run: folder, name, size.
pub(crate) type FileKey = (Place, String, u64);

/// What a file's header said.
#[derive(Clone, Debug)]
pub(crate) enum Header {
    /// Backup sets, and the positions of those that were never finished (their header has no end).
    Sets(Vec<BackupSet>, Vec<i64>),
    /// Nothing readable: the finding code and the server's words.
    Unreadable(&'static str, String),
}

/// What lies in the folders now.
#[derive(Clone, Debug, Default)]
pub(super) struct Inventory {
    /// Every backup set that can be read.
    pub(super) sets: Vec<BackupSet>,
    /// Files that cannot: whereabouts, finding code, the server's words.
    pub(super) unreadable: Vec<(Spot, &'static str, String)>,
    /// Files that somebody has not finished writing (`.wrk`).
    pub(super) unfinished: Vec<(Place, String)>,
    /// Why the share cannot be listed.
    pub(super) share_error: Option<String>,
    /// Why the copy destination cannot be listed.
    pub(super) destination_error: Option<String>,
}

impl Run<'_> {
    /// A folder's path on this machine.
    pub(super) fn here(&self, place: Place) -> &str {
        match place {
            Place::Share => &self.site.log_shipping.share.here,
            Place::CopyDestination => &self.site.log_shipping.copy_destination.here,
        }
    }

    /// A folder's path on the backup server.
    pub(super) fn server_side(&self, place: Place) -> &str {
        match place {
            Place::Share => &self.site.log_shipping.share.server,
            Place::CopyDestination => &self.site.log_shipping.copy_destination.server,
        }
    }

    /// Looks into both folders.
    pub(super) async fn inventory(&mut self) -> Result<Inventory, SqlError> {
        let mut found = Inventory::default();
        let mut nearby: BTreeSet<(String, u64)> = BTreeSet::new();
        for place in [Place::CopyDestination, Place::Share] {
            let entries = match self.env.shares.list(self.here(place)).await {
                Ok(entries) => entries,
                Err(error) => {
                    let slot = if place == Place::Share {
                        &mut found.share_error
                    } else {
                        &mut found.destination_error
                    };
                    *slot = Some(error.to_string());
                    continue;
                }
            };
            for entry in entries.into_iter().filter(|entry| !entry.is_directory) {
                let lower = entry.name.to_ascii_lowercase();
                if lower.ends_with(".wrk") {
                    found.unfinished.push((place, entry.name));
                    continue;
                }
                let ours = lower.starts_with(PROBE_PREFIX) || lower.ends_with(COPYING_SUFFIX);
                if ours || lower.ends_with(".tuf") || lower.ends_with(SET_ASIDE_SUFFIX) {
                    continue;
                }
                // The copy's header stands for the original's, as long as the copy is good.
                let name = name_key(self.server_side(place), &entry.name);
                if place == Place::Share && nearby.contains(&(name.clone(), entry.size)) {
                    continue;
                }
                let spot = Spot { place, file: entry.name.clone(), position: 1 };
                match self.header(place, &entry.name, entry.size).await? {
                    Header::Sets(sets, torn) => {
                        let good =
                            |set: &BackupSet| !set.is_damaged && !self.refused.contains_key(&set.spot());
                        if torn.is_empty() && sets.iter().all(good) {
                            nearby.insert((name, entry.size));
                        }
                        found.sets.extend(sets);
                        for position in torn {
                            let words = "its header says where it begins and not where it ends: it is torn";
                            let spot = Spot { position, ..spot.clone() };
                            found.unreadable.push((spot, "log-backup-damaged", words.to_owned()));
                        }
                    }
                    Header::Unreadable(code, words) => found.unreadable.push((spot, code, words)),
                }
            }
        }
        Ok(found)
    }

    /// Reads one file's header, by the server.
    async fn header(&mut self, place: Place, name: &str, size: u64) -> Result<Header, SqlError> {
        let key = (place, name.to_owned(), size);
        if let Some(header) = self.headers.get(&key) {
            return Ok(header.clone());
        }
        let path = join(self.server_side(place), name);
        let header = match self.ask_backup(&headeronly(&path)).await {
            Ok(sets) => read_header(place, name, &sets)?,
            Err(SqlError::Server { number, message }) => {
                let code = match number {
                    3201 => "log-backup-unreadable",
                    _ => "log-backup-damaged",
                };
                Header::Unreadable(code, format!("error {number}: {message}"))
            }
            Err(error) => return Err(error),
        };
        self.headers.insert(key, header.clone());
        Ok(header)
    }

    /// The chain from where the database stands over what lies in the folders.
    pub(super) fn chain_of(&self, standing: &Standing, inventory: &Inventory) -> Chain {
        let refused: BTreeSet<Spot> = self.refused.keys().cloned().collect();
        let mut position = standing.position.clone();
        // Without history, the first backup of the database tells its family.
        position.family = position.family.or_else(|| {
            let named =
                inventory.sets.iter().filter(|set| set.database.eq_ignore_ascii_case(&position.database));
            let fulls = named.filter(|set| set.kind == BackupKind::Full);
            fulls.min_by_key(|set| set.first_lsn).and_then(|set| set.family)
        });
        chain(&position, &inventory.sets, &refused)
    }

    /// What stands in the way of applying everything: finding codes and texts. Empty if nothing does.
    pub(super) async fn chain_objections(
        &mut self,
        standing: &Standing,
        inventory: &Inventory,
        chain: &Chain,
    ) -> Result<Vec<(String, String)>, SqlError> {
        let mut objections = Vec::new();
        let database = self.site.database.clone();
        let restored =
            if inventory.unreadable.is_empty() { Vec::new() } else { self.restored_files().await? };
        for (spot, code, words) in &inventory.unreadable {
            if self.is_harmless(spot, inventory, &restored) {
                continue;
            }
            self.note_refused(spot, code, words);
            objections
                .push(((*code).to_owned(), format!("{} cannot be read ({words}).", self.name_of(spot))));
        }
        for set in &chain.damaged {
            self.note_refused(&set.spot(), "log-backup-damaged", "its header says that it is damaged");
            objections.push((
                "log-backup-damaged".to_owned(),
                format!("{} is damaged.", self.name_of(&set.spot())),
            ));
        }
        let refused: Vec<RefusedFile> = self
            .refused
            .iter()
            .filter(|(spot, refusal)| {
                !["not-a-backup-of-the-database", "log-backup-already-applied"]
                    .contains(&refusal.reason.as_str())
                    && !self.is_replaced(spot, chain, standing, inventory)
            })
            .map(|(_, refusal)| refusal.clone())
            .collect();
        for refusal in refused {
            if objections.iter().all(|(_, text)| !text.contains(&refusal.file)) {
                objections.push((
                    refusal.reason.clone(),
                    format!("{} was refused ({}).", refusal.file, refusal.detail),
                ));
            }
        }
        let prefix = format!("{}_", database.to_lowercase());
        for (set, why) in &chain.foreign {
            let takes_our_place = set.file.to_lowercase().starts_with(&prefix);
            if *why == Foreign::OtherDatabase && takes_our_place {
                self.note_refused(
                    &set.spot(),
                    "not-a-backup-of-the-database",
                    &format!("it is a backup of {}", set.database),
                );
                let text = format!(
                    "{} is not a backup of {database}: it holds a log backup of {} (another database, whatever its name).",
                    self.name_of(&set.spot()),
                    set.database
                );
                objections.push(("not-a-backup-of-the-database".to_owned(), text));
            }
        }
        for hole in &chain.holes {
            let text = format!(
                "A log backup is missing: the log is there up to LSN {}, and the next log backup ({}) begins at {}. What was committed after the hole is lost unless the missing file is found.",
                hole.from, hole.next_file, hole.to
            );
            objections.push(("log-backup-missing".to_owned(), text));
        }
        Ok(objections)
    }

    /// Whether a refused spot does not matter: the log it may hold is applied or held by another file.
    fn is_replaced(&self, spot: &Spot, chain: &Chain, standing: &Standing, inventory: &Inventory) -> bool {
        let sets = inventory.sets.iter().find(|set| set.spot() == *spot);
        let end = chain.end.or(standing.position.redo);
        matches!((sets, end), (Some(set), Some(end)) if set.last_lsn <= end)
    }

    /// An unreadable file that was restored before, or that a readable one of the same name replaces.
    fn is_harmless(&self, spot: &Spot, inventory: &Inventory, restored: &[String]) -> bool {
        let same_name = |name: &str| is_same_name(self.server_side(spot.place), name, &spot.file);
        restored.iter().any(|name| same_name(name))
            || inventory.sets.iter().any(|set| {
                let is_torn_too = inventory
                    .unreadable
                    .iter()
                    .any(|(other, ..)| other.place == set.place && same_name(&other.file));
                same_name(&set.file)
                    && set.place != spot.place
                    && !is_torn_too
                    && !self.refused.contains_key(&set.spot())
            })
    }

    /// What people call a file.
    pub(super) fn name_of(&self, spot: &Spot) -> String {
        let place = if spot.place == Place::Share { "on the share" } else { "in the copy destination" };
        if spot.position > 1 {
            format!("backup set {} of {} {place}", spot.position, spot.file)
        } else {
            format!("{} {place}", spot.file)
        }
    }

    /// Remembers a file that is not applied, for the report.
    pub(super) fn note_refused(&mut self, spot: &Spot, code: &str, detail: &str) {
        let refusal =
            RefusedFile { file: spot.file.clone(), reason: code.to_owned(), detail: detail.to_owned() };
        self.refused.entry(spot.clone()).or_insert(refusal);
    }

    /// Computes the bound on what is lost, and keeps it in the journal: after recovery nobody can ask.
    pub(super) async fn note_bound(
        &mut self,
        standing: &Standing,
        inventory: &Inventory,
        chain: &Chain,
    ) -> Result<(), crate::journal::JournalError> {
        let Some(redo) = standing.position.redo else { return Ok(()) };
        let mut bound = Bound { last_applied_lsn: Some(redo.to_string()), ..Bound::default() };
        let last = inventory.sets.iter().find(|set| {
            set.last_lsn == redo
                && set.kind == BackupKind::Log
                && !chain.foreign.iter().any(|(other, _)| other == *set)
        });
        let history = standing.last_restore.as_ref().filter(|restore| restore.last_lsn == Some(redo));
        let (file, started, finished) = match (last, history) {
            (Some(set), _) => (Some(set.file.clone()), set.started, set.finished),
            (None, Some(restore)) => (
                restore.device.as_deref().map(|device| file_name(device).to_owned()),
                restore.started,
                restore.finished,
            ),
            (None, None) => (None, None, None),
        };
        bound.last_applied_file = file;
        bound.backup_start_utc = started.and_then(|at| to_utc(at, standing.utc_offset_minutes));
        bound.backup_finish_utc = finished.and_then(|at| to_utc(at, standing.utc_offset_minutes));
        bound.missing = chain
            .holes
            .iter()
            .map(|hole| MissingLog {
                from_lsn: hole.from.to_string(),
                to_lsn: Some(hole.to.to_string()),
                next_file: Some(hole.next_file.clone()),
            })
            .collect();
        bound.refused = self.refused.values().cloned().collect();
        for set in &chain.unreachable {
            bound.refused.push(RefusedFile {
                file: set.file.clone(),
                reason: "log-backup-missing".to_owned(),
                detail: "it lies behind a hole in the chain".to_owned(),
            });
        }
        if bound != self.bound {
            self.bound = bound;
            let record = serde_json::to_value(&self.bound).unwrap_or_default();
            self.journal.write("bound", json!({ "bound": record })).await?;
        }
        Ok(())
    }
}

/// The statement that reads a file's headers.
pub(crate) fn headeronly(path: &str) -> String {
    format!("RESTORE HEADERONLY FROM DISK = {}", literal(path))
}

fn read_header(place: Place, file: &str, results: &[ResultSet]) -> Result<Header, SqlError> {
    let (mut sets, mut torn) = (Vec::new(), Vec::new());
    for row in results.iter().flat_map(|result| result.rows()) {
        match read_set(place, file, row)? {
            Some(set) => sets.push(set),
            None => torn.push(row.integer("Position")?.unwrap_or(1)),
        }
    }
    Ok(Header::Sets(sets, torn))
}

/// Reads one set; none if it was never finished and has no end.
fn read_set(place: Place, file: &str, row: RowView<'_>) -> Result<Option<BackupSet>, SqlError> {
    let kind = match row.integer("BackupType")? {
        Some(1) => BackupKind::Full,
        Some(2) => BackupKind::Log,
        Some(5) => BackupKind::Differential,
        _ => BackupKind::Other,
    };
    let (Some(first_lsn), Some(last_lsn)) = (row.lsn("FirstLSN")?, row.lsn("LastLSN")?) else {
        return Ok(None);
    };
    Ok(Some(BackupSet {
        place,
        file: file.to_owned(),
        position: row.integer("Position")?.unwrap_or(1),
        kind,
        database: row.text("DatabaseName")?.unwrap_or_default(),
        first_lsn,
        last_lsn,
        first_fork: row.guid("FirstRecoveryForkID")?,
        fork: row.guid("RecoveryForkID")?,
        family: row.guid("FamilyGUID")?,
        set: row.guid("BackupSetGUID")?,
        started: row.moment("BackupStartDate")?,
        finished: row.moment("BackupFinishDate")?,
        is_damaged: row.is_set("IsDamaged")?,
    }))
}

/// A server's local time in UTC. The header does not say its zone; the backup server's stands for it.
fn to_utc(at: jiff::civil::DateTime, offset_minutes: i64) -> Option<jiff::Timestamp> {
    let seconds = i32::try_from(offset_minutes.checked_mul(60)?).ok()?;
    jiff::tz::Offset::from_seconds(seconds).ok()?.to_timestamp(at).ok()
}
