//! What the operator may be told, in plain words: a phrase for each finding code of the failover program.
//!
//! Drills are written with phrases, so that they read as sentences and survive a changed code in one place.

/// A phrase after "the operator is told that …", and the codes of which at least one must have been told.
#[derive(Debug, Clone, Copy)]
pub struct Phrase {
    /// The words.
    pub words: &'static str,
    /// The finding codes that say so.
    pub codes: &'static [&'static str],
}

/// Every phrase.
pub const PHRASES: &[Phrase] = &[
    Phrase { words: "the backup cannot be reached", codes: &["backup-unreachable"] },
    Phrase { words: "the sign-in is not sysadmin", codes: &["not-sysadmin"] },
    Phrase { words: "the database is not on the backup", codes: &["database-not-found"] },
    Phrase { words: "the primary is alive", codes: &["primary-alive"] },
    Phrase { words: "the mirror is alive", codes: &["mirror-alive"] },
    Phrase { words: "somebody recovered the database early", codes: &["recovered-early"] },
    Phrase { words: "the backup share cannot be reached", codes: &["share-unreachable"] },
    Phrase { words: "the copy destination cannot be written", codes: &["copy-destination-unreachable"] },
    Phrase { words: "the two sides of a path differ", codes: &["paths-differ"] },
    Phrase { words: "a log backup is missing", codes: &["log-backup-missing"] },
    Phrase { words: "a log backup is damaged", codes: &["log-backup-damaged"] },
    Phrase { words: "a file is not a backup of mgc", codes: &["not-a-backup-of-the-database"] },
    Phrase { words: "the management shell is missing", codes: &["shell-missing"] },
    Phrase { words: "a cmdlet is missing", codes: &["cmdlet-missing"] },
    Phrase { words: "the management store cannot be reached", codes: &["management-store-unreachable"] },
    Phrase { words: "the pool is not known", codes: &["pool-not-found"] },
    Phrase { words: "too many servers are to be active", codes: &["too-many-active-servers"] },
    Phrase { words: "no server is to be active", codes: &["no-active-server"] },
    Phrase { words: "an active server is on the wrong side", codes: &["active-server-on-the-wrong-side"] },
    Phrase { words: "a time zone differs", codes: &["time-zone-differs"] },
    Phrase { words: "the database is not online", codes: &["backup-not-online"] },
    Phrase { words: "log shipping was not removed", codes: &["log-shipping-not-removed"] },
    Phrase { words: "log backups were not applied", codes: &["log-not-applied"] },
    Phrase { words: "the pool state was not set", codes: &["pool-state-not-set"] },
    Phrase { words: "the mirror was not established", codes: &["mirror-not-established"] },
    Phrase { words: "the active servers were not set", codes: &["active-servers-not-set"] },
    Phrase { words: "a replica is not up to date", codes: &["replica-not-up-to-date"] },
    Phrase { words: "an unfinished copy was found", codes: &["unfinished-copy"] },
    Phrase { words: "the log shipping history is gone", codes: &["history-gone"] },
    Phrase { words: "a job is running", codes: &["job-running"] },
    Phrase { words: "the topology has no backup mirror", codes: &["backup-mirror-missing"] },
    Phrase { words: "an old copy of mgc is on the backup mirror", codes: &["old-copy-on-backup-mirror"] },
    Phrase { words: "the disk is full", codes: &["disk-full"] },
    Phrase { words: "the log shipping monitor cannot be reached", codes: &["monitor-server-unreachable"] },
    Phrase { words: "a sign-in has no match on the backup", codes: &["login-without-match"] },
    Phrase { words: "a connection was ended", codes: &["connection-ended"] },
    Phrase { words: "connections keep coming back", codes: &["connections-come-back"] },
    Phrase { words: "a log backup had been applied already", codes: &["log-backup-already-applied"] },
    Phrase { words: "no log backup is scheduled", codes: &["log-backup-not-scheduled"] },
    Phrase { words: "a full backup is due", codes: &["full-backup-due"] },
    Phrase { words: "recovery failed", codes: &["recovery-failed"] },
    Phrase { words: "a cmdlet failed", codes: &["cmdlet-failed"] },
    Phrase { words: "everything is done already", codes: &["already-done"] },
    Phrase { words: "nothing stands in the way", codes: &["preflight-passed"] },
    Phrase { words: "the old primary has to be fenced", codes: &["fence-old-primary"] },
    Phrase { words: "the old jobs have to be disabled", codes: &["disable-old-jobs"] },
    Phrase { words: "services may have to be restarted", codes: &["restart-services"] },
    Phrase { words: "a job was stopped", codes: &["job-stopped"] },
    Phrase { words: "a connection was lost", codes: &["connection-lost"] },
    Phrase { words: "a time zone is not known", codes: &["time-zone-unknown"] },
    Phrase { words: "a restore failed", codes: &["restore-failed"] },
    Phrase { words: "copying failed", codes: &["copy-failed"] },
    Phrase { words: "the compliance adapter's output needs care", codes: &["compliance-adapter-output"] },
    Phrase { words: "file attachments are not in mgc", codes: &["file-attachments"] },
];

/// The phrase with these words.
#[must_use]
pub fn phrase(words: &str) -> Option<&'static Phrase> {
    PHRASES.iter().find(|phrase| phrase.words == words)
}

/// All phrases as a pattern.
#[must_use]
pub fn phrases_pattern() -> String {
    PHRASES.iter().map(|phrase| phrase.words).collect::<Vec<_>>().join("|")
}

/// All phrases as a list.
#[must_use]
pub fn phrases_explained() -> String {
    format!("one of: {}", PHRASES.iter().map(|phrase| phrase.words).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::PHRASES;

    #[test]
    fn phrases_are_plain_words_so_that_they_need_no_escaping() {
        for phrase in PHRASES {
            assert!(
                phrase.words.chars().all(|c| c.is_alphanumeric() || " -',".contains(c)),
                "{}",
                phrase.words
            );
        }
    }
}
