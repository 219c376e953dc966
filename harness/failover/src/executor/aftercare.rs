//! What is left to do after a failover: looked at, and said, by `run` and `status`.

use super::Run;
use crate::quote::{identifier, literal};
use crate::report::{Aftercare, Severity};
use crate::server_path::beginnings;
use crate::sql::SqlError;

impl Run<'_> {
    fn care(&mut self, code: &str, done: bool, text: String) {
        self.aftercare.push(Aftercare { code: code.to_owned(), text, done });
    }

    /// Collects the aftercare. A question that is not answered counts as not done.
    pub(super) async fn check_aftercare(&mut self) {
        let database = self.site.database.clone();
        let scheduled = self.log_backup_is_scheduled().await.unwrap_or(false);
        self.care("log-backup-not-scheduled", scheduled, format!("schedule log backups of {database} on the new primary: until then its log grows, and nothing newer can be restored"));
        let full = self.full_backup_since_recovery().await.unwrap_or(false);
        self.care(
            "full-backup-due",
            full,
            format!(
                "take a full backup of {database} on the new primary: recovery began a new recovery path"
            ),
        );
        self.care_for_logins(&database).await;
        let a = &self.site.servers.primary.data_center;
        let fence = format!(
            "fence the old primary before {a} returns: take its {database} offline (or back up its tail WITH NORECOVERY), so that there are never two writable copies"
        );
        self.care("fence-old-primary", false, fence);
        let jobs = "disable log shipping's backup job on the old primary and the old mirror when they return: what they go on writing to the share belongs to another recovery path (error 4330)".to_owned();
        self.care("disable-old-jobs", false, jobs);
        let (up_to_date, text) = match self.lagging_replicas().await {
            Ok(lagging) if lagging.is_empty() => {
                (true, "every replica of the management store is up to date".to_owned())
            }
            Ok(lagging) => (
                false,
                format!("these replicas of the management store are not up to date: {}", lagging.join(", ")),
            ),
            Err(why) => (
                false,
                format!(
                    "see that the replicas of the management store are up to date; they could not be asked: {why}"
                ),
            ),
        };
        self.care("replica-not-up-to-date", up_to_date, text);
        let hop =
            self.site.next_hop.as_ref().map_or_else(|| "the next hop".to_owned(), |hop| hop.pool.clone());
        self.care("next-hop", false, format!("make sure that {hop} runs and routes to the pool; if it was in A, fail it over or change the next hop in Topology Builder"));
        self.care("restart-services", false, "start (or restart) the Persistent Chat services on the active servers; whether they follow the pool state by themselves is not documented".to_owned());
        self.care("test-message", false, "send a message through the pool: Test-CsPersistentChatMessage is the only documented proof end to end".to_owned());
        self.care(
            "file-attachments",
            false,
            "files attached in rooms are in the file store, not in the database: see to them apart"
                .to_owned(),
        );
        self.care("compliance-adapter-output", false, "mgccomp is not failed over: secure the compliance adapter's output and expect events queued in A to be lost".to_owned());
    }

    async fn care_for_logins(&mut self, database: &str) {
        match self.users_without_login().await {
            Ok(users) if users.is_empty() => {
                self.care("login-without-match", true, format!("every user of {database} has a login on the new primary"));
            }
            Ok(users) => {
                let text = format!("create logins on the new primary for these users of {database}, with the same SID (sp_help_revlogin) or ALTER USER … WITH LOGIN: {}. Until then the service fails with 18456", users.join(", "));
                self.find("login-without-match", Severity::Warning, text.clone());
                self.care("login-without-match", false, text);
            }
            Err(error) => self.care("login-without-match", false, format!("compare the users of {database} with the logins of the new primary; they could not be read ({error})")),
        }
    }

    async fn log_backup_is_scheduled(&mut self) -> Result<bool, SqlError> {
        let name = literal(&self.site.database);
        let batch = format!(
            "SELECT p.primary_database FROM msdb.dbo.log_shipping_primary_databases AS p \
             INNER JOIN msdb.dbo.sysjobs AS j ON j.job_id = p.backup_job_id WHERE p.primary_database = {name} AND j.enabled = 1"
        );
        Ok(self.ask_backup(&batch).await?.first().is_some_and(|set| !set.rows.is_empty()))
    }

    async fn full_backup_since_recovery(&mut self) -> Result<bool, SqlError> {
        let name = literal(&self.site.database);
        // The backup that seeds the mirror goes to a share that may be emptied afterwards: it does not count.
        let seeds = self.site.mirror_file_share.as_deref().map(beginnings).unwrap_or_default();
        let elsewhere: String = seeds
            .iter()
            .map(|seed| {
                format!(
                    " AND LEFT(f.physical_device_name, {}) <> {}",
                    seed.encode_utf16().count(),
                    literal(seed)
                )
            })
            .collect();
        let batch = format!(
            "SELECT MAX(b.backup_finish_date) AS last_full, (SELECT MAX(r.restore_date) FROM msdb.dbo.restorehistory AS r \
             WHERE r.destination_database_name = {name}) AS last_restore FROM msdb.dbo.backupset AS b \
             INNER JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = b.media_set_id \
             WHERE b.database_name = {name} AND b.type = 'D' AND b.server_name = @@SERVERNAME{elsewhere}"
        );
        let sets = self.ask_backup(&batch).await?;
        let Some(row) = sets.first().and_then(|set| set.first()) else { return Ok(false) };
        Ok(match (row.moment("last_full")?, row.moment("last_restore")?) {
            (Some(full), Some(restore)) => full > restore,
            (Some(_), None) => true,
            _ => false,
        })
    }

    async fn users_without_login(&mut self) -> Result<Vec<String>, SqlError> {
        let batch = format!(
            "SELECT u.name FROM {}.sys.database_principals AS u LEFT JOIN sys.server_principals AS l ON l.sid = u.sid \
             WHERE u.type IN ('S', 'U', 'G') AND u.principal_id > 4 AND u.sid IS NOT NULL AND l.sid IS NULL ORDER BY u.name",
            identifier(&self.site.database)
        );
        let sets = self.ask_backup(&batch).await?;
        let names = sets.iter().flat_map(|set| set.rows()).map(|row| row.text("name"));
        Ok(names.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}
