//! Every code by which a message can be told from another, with its meaning. Programs may rely on them.

/// The codes, in alphabetical order. `step-N-open` (N from 1 to 7), which `status` uses, is one more.
pub const CODES: &[(&str, &str)] = &[
    (
        "active-server-on-the-wrong-side",
        "a server that is to be active stands neither in the new primary's data center nor a declared low-latency link away",
    ),
    ("active-servers-not-set", "the management store does not list exactly the servers wanted"),
    ("already-done", "everything is done already; nothing was changed"),
    ("applied", "a log backup was applied"),
    ("backup-mirror-missing", "the topology names no backup mirror store"),
    ("backup-not-online", "the database on the backup is not online and writable"),
    ("backup-unreachable", "the backup SQL Server does not answer or does not let us in"),
    ("cmdlet-failed", "a cmdlet failed; it may have been tried again"),
    ("cmdlet-missing", "the management shell lacks a cmdlet"),
    ("compliance-adapter-output", "aftercare: mgccomp is not failed over"),
    ("connection-ended", "a session that used the database was ended"),
    ("connection-lost", "a connection broke during a RESTORE; the result was looked up"),
    ("connection-not-ended", "a session could not be ended"),
    ("connections-come-back", "clients of the database came back faster than they could be ended"),
    ("copied", "a log backup was copied"),
    ("copy-destination-unreachable", "the copy destination cannot be written"),
    ("copy-failed", "a log backup could not be copied"),
    ("damaged-copy-replaced", "a damaged file in the copy destination was set aside and copied again"),
    ("database-not-found", "the database of the site file is not on the backup"),
    ("disable-old-jobs", "aftercare: the old primary's backup job"),
    ("disk-full", "the copy destination is full"),
    ("failover-unfinished", "the journal holds a failover without a report"),
    ("fence-old-primary", "aftercare: the old primary must not come back writable"),
    ("file-attachments", "aftercare: files are not in the database"),
    ("full-backup-due", "aftercare: a full backup on the new primary"),
    ("history-gone", "log shipping was removed before, by somebody else"),
    ("interrupted", "the program was interrupted"),
    ("job-running", "a copy or restore job is running on the backup"),
    ("job-stopped", "a job did not end and was stopped"),
    ("journal-torn", "the journal's last line was being written when the program died"),
    ("journal-unreadable", "the journal cannot be read, or belongs to another site"),
    ("journal-unwritable", "the journal cannot be written"),
    ("log-backup-already-applied", "error 4326: the log backup was applied before"),
    ("log-backup-damaged", "a log backup is damaged"),
    ("log-backup-missing", "the log chain has a hole"),
    ("log-backup-not-scheduled", "aftercare: log backups on the new primary"),
    ("log-backup-unreadable", "the server cannot open a file that lies in its folder"),
    ("log-not-applied", "a log backup that could be applied has not been"),
    ("log-shipping-not-removed", "msdb still lists the database as a log shipping secondary"),
    ("login-without-match", "a user of the database has no login on the new primary"),
    ("management-store-unreachable", "the management store does not answer"),
    ("mirror-alive", "the mirror in A answers"),
    ("mirror-not-established", "the new primary is not mirrored and synchronized"),
    (
        "monitor-server-unreachable",
        "removing log shipping answered an error, as it does when the monitor server is not reached",
    ),
    ("next-hop", "aftercare: the Front End pool"),
    ("no-active-server", "the site file lets no server be active"),
    ("not-a-backup-of-the-database", "a file in a log backup's place belongs to another database"),
    ("not-sysadmin", "the sign-in is no sysadmin"),
    ("nothing-to-resume", "the journal holds no failover"),
    ("old-copy-on-backup-mirror", "the backup mirror held an old copy, which is dropped for the new mirror"),
    ("old-server-not-serving", "a server in A answers, but its copy serves nobody"),
    ("other-recovery-path", "error 4330: a log backup of another recovery path"),
    ("password-unreadable", "a password cannot be read from where the site file says it is"),
    (
        "path-not-proven",
        "a folder could not be written, so its two paths were only compared by their listings",
    ),
    ("paths-differ", "a folder's two paths do not lead to one folder"),
    ("pool-not-found", "the topology has no such pool"),
    ("pool-state-not-set", "the management store does not say FailedOver"),
    ("preflight-passed", "nothing stands in the way"),
    ("primary-alive", "the primary in A answers"),
    ("progress", "how far a RESTORE is"),
    ("recovered-early", "somebody recovered the database on the backup"),
    ("recovery-failed", "recovery failed"),
    ("replica-not-up-to-date", "a replica of the management store is not up to date"),
    ("replication-not-forced", "forced replication of the management store failed"),
    ("report-unprintable", "the report cannot be printed as JSON"),
    ("restart-services", "aftercare: the chat services"),
    ("restore-failed", "a log backup could not be applied, through no fault of the file"),
    ("share-unreachable", "the backup share, or a file on it, cannot be read"),
    ("shell-missing", "the management shell cannot be run"),
    ("site-file-unusable", "the site file cannot be read, or says something that cannot be"),
    ("step-finished", "a step is done"),
    ("step-started", "a step begins"),
    ("step-status", "how far a step is"),
    ("test-message", "aftercare: the proof end to end"),
    ("time-zone-differs", "a server that is to be active is not in the next hop's time zone"),
    ("time-zone-unknown", "the site file does not state a server's time zone"),
    ("too-many-active-servers", "more than four servers are to be active"),
    ("unfinished-copy", "a .wrk file lies about; it is left alone"),
];

#[cfg(test)]
mod tests {
    use super::CODES;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The string literals with which the executor's sources name a code.
    fn codes_in_the_sources() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources = ["executor.rs", "plan.rs", "cli.rs"].map(|name| folder.join(name)).to_vec();
        let executor = std::fs::read_dir(folder.join("executor")).unwrap().map(|entry| entry.unwrap().path());
        sources.extend(executor.filter(|path| path.is_file() && !path.ends_with("tests.rs")));
        let is_code = |text: &str| {
            text.contains('-')
                && !text.starts_with('-')
                && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        };
        let mut found = BTreeSet::new();
        for source in sources {
            let text = std::fs::read_to_string(source).unwrap();
            let literals = text.split('"').skip(1).step_by(2).filter(|text| is_code(text) && text.len() > 5);
            found.extend(literals.map(str::to_owned));
        }
        found
    }

    #[test]
    fn every_code_that_is_told_is_listed_once_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let listed: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
        let words = ["kebab-case", "bring-online", "read-only", "pchat-failover"];
        let missing: Vec<String> = codes_in_the_sources()
            .into_iter()
            .filter(|code| !listed.contains(code.as_str()) && !words.contains(&code.as_str()))
            .collect();
        assert_eq!(missing, Vec::<String>::new());
    }
}
