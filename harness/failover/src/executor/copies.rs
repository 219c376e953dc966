//! Step 2: the log backups that the chain needs and the copy destination lacks; and the proof that a
//! folder's two paths lead to one place.
//!
//! A copy is atomic (another name until it is whole and flushed, then renamed), is read back, and never
//! replaces a good file.
//!
//! The proof uses `xp_dirtree`, which every version since 2005 has (`sys.dm_os_enumerate_filesystem` came
//! with 2017): a file written here must be seen there, and what is seen there must be seen here.

use super::guards::Objections;
use super::logs::{Header, SET_ASIDE_SUFFIX};
use super::{Did, Halt, Run};
use crate::chain::{Place, Spot};
use crate::plan::Action;
use crate::quote::literal;
use crate::report::Severity;
use crate::server_path::{file_name, is_same_name, join};
use crate::sql::SqlError;
use crate::{COPYING_SUFFIX, PROBE_PREFIX};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::io;

/// How much is copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// A file copied in this run.
#[derive(Clone, Debug)]
pub(super) struct Copied {
    /// Its name on the share.
    pub(super) original: String,
    /// Its name in the copy destination.
    pub(super) copy: String,
    size: u64,
    hash: u64,
}

/// What is wrong with a copy.
enum CopyError {
    /// The original cannot be read.
    Read(io::Error),
    /// The copy cannot be written.
    Write(io::Error),
}

impl Run<'_> {
    /// Copies what the chain needs and the copy destination lacks.
    pub(super) async fn copy_log_backups(&mut self) -> Result<Did, Halt> {
        let lost = |run: &mut Self, error: SqlError| {
            run.fail("backup-unreachable", format!("The backup SQL Server could not read the log backups' headers: {error}. Log shipping is removed, nothing has been applied. See to the server, then resume."))
        };
        let state = self.database_state().await.map_err(|error| lost(self, error))?;
        if !state.is_some_and(|state| state.takes_log()) {
            return Ok(Did::Nothing);
        }
        let standing = self.standing().await.map_err(|error| lost(self, error))?;
        let mut did = Did::Nothing;
        let mut tried: BTreeSet<String> = BTreeSet::new();
        loop {
            let inventory = self.inventory().await.map_err(|error| lost(self, error))?;
            let chain = self.chain_of(&standing, &inventory);
            let next = chain
                .links
                .iter()
                .find(|link| link.place == Place::Share && !tried.contains(&link.file))
                .map(|link| link.file.clone());
            let Some(file) = next else { return Ok(did) };
            tried.insert(file.clone());
            self.will(Action::CopyLogBackups, &file).await?;
            match self.copy_one(&file).await {
                Ok(copied) => {
                    self.did(Action::CopyLogBackups, &file, "ok").await?;
                    self.tell("copied", Severity::Info, format!("copied {file} ({} bytes)", copied.size));
                    self.copied.push(copied);
                    did = Did::Something;
                }
                Err(CopyError::Read(error)) => {
                    self.did(Action::CopyLogBackups, &file, &error.to_string()).await?;
                    let spot = Spot { place: Place::Share, file: file.clone(), position: 1 };
                    self.note_refused(&spot, "share-unreachable", &format!("it could not be read: {error}"));
                    self.find(
                        "share-unreachable",
                        Severity::Warning,
                        format!("{file} could not be read from the share: {error}"),
                    );
                }
                Err(CopyError::Write(error)) => {
                    self.did(Action::CopyLogBackups, &file, &error.to_string()).await?;
                    let code = if is_disk_full(&error) { "disk-full" } else { "copy-failed" };
                    let text = format!(
                        "{file} could not be copied to {}: {error}. The unfinished copy has been removed; log shipping is removed, the database is restoring and nothing is lost. Make room or see to the folder, then run again.",
                        self.here(Place::CopyDestination)
                    );
                    return Err(self.fail(code, text));
                }
            }
        }
    }

    async fn copy_one(&mut self, file: &str) -> Result<Copied, CopyError> {
        let source = join(self.here(Place::Share), file);
        let copy = self.free_name(file).await.map_err(CopyError::Write)?;
        let target = join(self.here(Place::CopyDestination), &copy);
        let unfinished = format!("{target}{COPYING_SUFFIX}");
        let result = self.copy_bytes(&source, &unfinished).await;
        let shares = &self.env.shares;
        let (size, hash) = match result {
            Ok(done) => done,
            Err(error) => {
                // What cannot be removed is passed over by its name next time.
                let _ = shares.remove(&unfinished).await;
                return Err(error);
            }
        };
        shares.rename(&unfinished, &target).await.map_err(CopyError::Write)?;
        // What was refused under this name was another file, and so was the header read.
        let folder = self.server_side(Place::CopyDestination).to_owned();
        let is_other = |name: &str| !is_same_name(&folder, name, &copy);
        self.refused.retain(|spot, _| spot.place == Place::Share || is_other(&spot.file));
        self.headers.retain(|(place, name, _), _| *place == Place::Share || is_other(name));
        Ok(Copied { original: file.to_owned(), copy, size, hash })
    }

    async fn copy_bytes(&self, source: &str, target: &str) -> Result<(u64, u64), CopyError> {
        let shares = &self.env.shares;
        let size = shares.size(source).await.map_err(CopyError::Read)?;
        shares.create(target).await.map_err(CopyError::Write)?;
        let (mut offset, mut hasher) = (0u64, DefaultHasher::new());
        loop {
            let bytes = shares.read(source, offset, CHUNK_BYTES).await.map_err(CopyError::Read)?;
            if bytes.is_empty() {
                break;
            }
            offset += bytes.len() as u64;
            hasher.write(&bytes);
            shares.append(target, &bytes).await.map_err(CopyError::Write)?;
        }
        if offset != size || shares.size(source).await.map_err(CopyError::Read)? != size {
            return Err(CopyError::Read(io::Error::other("its size changed while it was copied")));
        }
        shares.flush(target).await.map_err(CopyError::Write)?;
        Ok((size, hasher.finish()))
    }

    /// A name in the copy destination under which nothing good would be lost. A damaged file of that name
    /// is set aside.
    async fn free_name(&mut self, file: &str) -> io::Result<String> {
        let folder = self.here(Place::CopyDestination).to_owned();
        let entries = self.env.shares.list(&folder).await?;
        let server_side = self.server_side(Place::CopyDestination);
        let taken = |name: &str| entries.iter().find(|entry| is_same_name(server_side, &entry.name, name));
        let Some(existing) = taken(file) else { return Ok(file.to_owned()) };
        let key = (Place::CopyDestination, existing.name.clone(), existing.size);
        let is_good = match self.headers.get(&key) {
            Some(Header::Sets(sets, torn)) => {
                torn.is_empty()
                    && sets.iter().all(|set| !set.is_damaged && !self.refused.contains_key(&set.spot()))
            }
            _ => false,
        };
        let (stem, extension) = file.rsplit_once('.').unwrap_or((file, "trn"));
        let numbered = (2u32..1000).map(|n| format!("{stem}~{n}.{extension}"));
        if is_good {
            let free = numbered.into_iter().find(|name| taken(name).is_none());
            return free.ok_or_else(|| io::Error::other(format!("too many files called {file}")));
        }
        let aside = format!("{}{SET_ASIDE_SUFFIX}", existing.name);
        self.env.shares.rename(&join(&folder, &existing.name), &join(&folder, &aside)).await?;
        let text = format!(
            "{} in the copy destination is damaged; it is kept as {aside} and copied again",
            existing.name
        );
        self.find("damaged-copy-replaced", Severity::Warning, text);
        Ok(file.to_owned())
    }

    /// Reads the copies back and lets the server verify them. A faithful copy that the server cannot read
    /// means a damaged original: both are refused, and the guard before recovery decides.
    pub(super) async fn copies_readable(&mut self) -> Result<(), String> {
        for copied in std::mem::take(&mut self.copied) {
            let path = join(self.here(Place::CopyDestination), &copied.copy);
            let bytes = self.read_back(&path).await;
            match bytes {
                Ok(found) if found == (copied.size, copied.hash) => {}
                Ok(_) => {
                    return Err(format!(
                        "{} in the copy destination is not what was copied from the share. The database is restoring and nothing is lost. Remove the copy, then run again.",
                        copied.copy
                    ));
                }
                Err(error) => {
                    return Err(format!(
                        "{} in the copy destination cannot be read back: {error}. The database is restoring and nothing is lost. See to the folder, then run again.",
                        copied.copy
                    ));
                }
            }
            let on_server = join(self.server_side(Place::CopyDestination), &copied.copy);
            let batch = format!("RESTORE VERIFYONLY FROM DISK = {}", literal(&on_server));
            match self.tell_backup(&batch, self.site.deadlines.restore).await {
                Ok(_) => {}
                Err(SqlError::Server { number, message }) => {
                    let words = format!("RESTORE VERIFYONLY says error {number}: {message}");
                    for (place, file) in
                        [(Place::Share, &copied.original), (Place::CopyDestination, &copied.copy)]
                    {
                        self.refuse_file(place, file, "log-backup-damaged", &words);
                    }
                    self.find(
                        "log-backup-damaged",
                        Severity::Warning,
                        format!("{} is damaged: {words}", copied.original),
                    );
                }
                Err(error) => {
                    return Err(format!(
                        "{} could not be verified: {error}. Nothing is lost; resume.",
                        copied.copy
                    ));
                }
            }
        }
        Ok(())
    }

    /// Refuses every backup set of a file.
    pub(super) fn refuse_file(&mut self, place: Place, file: &str, code: &str, words: &str) {
        let mut spots = vec![Spot { place, file: file.to_owned(), position: 1 }];
        for ((its_place, its_name, _), header) in &self.headers {
            let is_it = *its_place == place && is_same_name(self.server_side(place), its_name, file);
            if let (true, Header::Sets(sets, _)) = (is_it, header) {
                spots.extend(sets.iter().map(|set| set.spot()));
            }
        }
        for spot in spots {
            self.note_refused(&spot, code, words);
        }
    }

    /// Whether the share holds the very bytes of a copy; false also if it cannot be read.
    pub(super) async fn original_is_the_same(&self, file: &str) -> bool {
        let original = self.read_back(&join(self.here(Place::Share), file)).await;
        let copy = self.read_back(&join(self.here(Place::CopyDestination), file)).await;
        matches!((original, copy), (Ok(original), Ok(copy)) if original == copy)
    }

    async fn read_back(&self, path: &str) -> io::Result<(u64, u64)> {
        let (mut offset, mut hasher) = (0u64, DefaultHasher::new());
        loop {
            let bytes = self.env.shares.read(path, offset, CHUNK_BYTES).await?;
            if bytes.is_empty() {
                return Ok((offset, hasher.finish()));
            }
            offset += bytes.len() as u64;
            hasher.write(&bytes);
        }
    }

    /// Writes a small file of our own; its name.
    pub(super) async fn write_probe(&self, place: Place) -> io::Result<String> {
        let shares = &self.env.shares;
        let folder = if place == Place::Share { "share" } else { "copy" };
        let name = format!("{PROBE_PREFIX}{folder}-{}", self.env.clock.utc_now().as_nanosecond());
        let path = join(self.here(place), &name);
        shares.create(&path).await?;
        shares.append(&path, name.as_bytes()).await?;
        shares.flush(&path).await?;
        Ok(path)
    }

    /// Removes a probe. One that stays does no harm and is passed over by its name.
    pub(super) async fn remove_probe(&self, path: &str) {
        if let Err(error) = self.env.shares.remove(path).await {
            tracing::warn!(path, %error, "a probe file could not be removed");
        }
    }

    /// Proves that each folder's two paths lead to one place.
    pub(super) async fn paths_agree(&mut self) -> Result<Objections, SqlError> {
        let state = self.database_state().await?;
        if !state.is_some_and(|state| state.takes_log()) {
            return Ok(Vec::new());
        }
        let mut objections = Vec::new();
        for place in [Place::Share, Place::CopyDestination] {
            if let Some(text) = self.paths_differ(place).await? {
                objections.push(("paths-differ".to_owned(), text));
            }
        }
        Ok(objections)
    }

    /// Why a folder's two paths are not known to be one place; none if they are, or if it is out of reach
    /// altogether (which another guard judges).
    async fn paths_differ(&mut self, place: Place) -> Result<Option<String>, SqlError> {
        let (here, there) = (self.here(place).to_owned(), self.server_side(place).to_owned());
        let key = if place == Place::Share { "share" } else { "copy_destination" };
        let Ok(before) = self.env.shares.list(&here).await else { return Ok(None) };
        let probe = self.write_probe(place).await;
        let seen = self.server_lists(&there).await;
        if let Ok(path) = &probe {
            self.remove_probe(path).await;
        }
        let Ok(after) = self.env.shares.list(&here).await else { return Ok(None) };
        let seen = seen?;
        let named =
            |name: &String| before.iter().chain(&after).any(|entry| is_same_name(&there, &entry.name, name));
        let ours = |name: &String| name.starts_with(PROBE_PREFIX);
        let advice = format!("Correct log_shipping.{key} in the site file. {}", self.state_now());
        let probe_seen = probe.as_ref().is_ok_and(|path| seen.iter().any(|name| name == file_name(path)));
        if probe.is_ok() && !probe_seen {
            return Ok(Some(format!(
                "{here} and (as the backup server sees it) {there} are not the same folder: a file written here is not seen there. {advice}"
            )));
        }
        if let Some(extra) = seen.iter().find(|name| !ours(name) && !named(name)) {
            return Ok(Some(format!(
                "{here} and (as the backup server sees it) {there} are not the same folder: {extra} is seen there and not here. {advice}"
            )));
        }
        if let Err(error) = probe {
            let listed = after.iter().filter(|entry| !entry.is_directory).collect::<Vec<_>>();
            let hidden =
                listed.iter().find(|entry| !seen.iter().any(|name| is_same_name(&there, name, &entry.name)));
            if let Some(hidden) = hidden {
                return Ok(Some(format!(
                    "{here} and (as the backup server sees it) {there} are not the same folder: {} is seen here and not there. {advice}",
                    hidden.name
                )));
            }
            let text = format!(
                "{here} cannot be written from here ({error}), so that it is the backup server's {there} rests on equal listings alone"
            );
            self.find("path-not-proven", Severity::Warning, text);
        }
        Ok(None)
    }

    /// The files of a folder as the backup server sees it.
    async fn server_lists(&mut self, folder: &str) -> Result<Vec<String>, SqlError> {
        let sets = self.ask_backup(&format!("EXEC master.sys.xp_dirtree {}, 1, 1", literal(folder))).await?;
        let mut names = Vec::new();
        for row in sets.iter().flat_map(|set| set.rows()) {
            if row.is_set("file")? {
                names.extend(row.text("subdirectory")?);
            }
        }
        Ok(names)
    }
}

fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || matches!(error.raw_os_error(), Some(28 | 112 | 39))
}
