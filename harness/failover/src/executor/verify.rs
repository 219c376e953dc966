//! The verifications: what has to be seen after a step. Each looks; none trusts what an action returned.

use super::Run;
use super::backup::DatabaseState;
use crate::plan::Verification;
use crate::quote::literal;
use crate::sql::{Role, SqlError, query_within};
use std::time::Duration;
use tokio::time::Instant;

/// How often the mirror's state is looked at.
const MIRROR_LOOK: Duration = Duration::from_secs(2);
/// How often the database is looked at while it comes online.
const ONLINE_LOOK: Duration = Duration::from_secs(1);
/// How long a database that was recovered may take until it lets us in.
const ONLINE_WITHIN: Duration = Duration::from_secs(120);

/// The database's mirroring, as one server sees it.
struct Mirroring {
    role: String,
    state: String,
    partner: String,
}

impl Run<'_> {
    /// Looks; waits where a result takes its time. The text says what is not so, in what state things
    /// are, and what to do.
    pub(super) async fn verify(&mut self, verification: Verification) -> Result<(), String> {
        match verification {
            Verification::CopiesReadable => self.copies_readable().await,
            Verification::LogApplied => self.log_applied().await,
            Verification::DatabaseOnline => self.wait_until_online().await,
            Verification::MirrorSynchronized => self.wait_until_synchronized().await,
            Verification::ReplicasUpToDate => self.wait_for_replicas().await,
            Verification::PoolStateFailedOver => {
                self.pool = None;
                self.look(verification).await
            }
            Verification::LogShippingRemoved | Verification::ActiveServersSet => {
                self.look(verification).await
            }
        }
    }

    /// Looks once, without waiting.
    pub(super) async fn look(&mut self, verification: Verification) -> Result<(), String> {
        let unasked = |error: SqlError| {
            format!("The backup SQL Server does not answer: {error}. See to the server, then resume.")
        };
        match verification {
            Verification::LogShippingRemoved => match self.is_log_shipped().await.map_err(unasked)? {
                false => Ok(()),
                true => Err(format!(
                    "msdb on the backup still lists {} as a log shipping secondary: its restore job could get in the way. Nothing else has been changed. Run sp_delete_log_shipping_secondary_database in master by hand, read its error, then resume.",
                    self.site.database
                )),
            },
            Verification::DatabaseOnline => {
                let state = self.database_state().await.map_err(unasked)?;
                match state {
                    Some(DatabaseState::Online) => self.database_answers().await.map_err(|error| format!("{} is online and does not let us in: {error}. The pool state has not been changed. See to the database, then resume.", self.site.database)),
                    Some(state) => Err(format!("{} on the backup is {state}, not online and writable. See to the database, then resume.", self.site.database)),
                    None => Err(format!("{} is not on the backup any more.", self.site.database)),
                }
            }
            Verification::MirrorSynchronized => self.mirror_is_synchronized().await,
            Verification::PoolStateFailedOver => self.pool_is_failed_over().await,
            Verification::ActiveServersSet => self.active_servers_are_set().await,
            Verification::ReplicasUpToDate => self.replicas_are_up_to_date().await,
            Verification::LogApplied | Verification::CopiesReadable => Ok(()),
        }
    }

    async fn log_applied(&mut self) -> Result<(), String> {
        let Some(expected) = self.applied_to else { return Ok(()) };
        let standing = self.standing().await.map_err(|error| {
            format!("Where the log stands cannot be read: {error}. Nothing is lost; resume.")
        })?;
        match standing.position.redo {
            Some(redo) if redo < expected => Err(format!(
                "The log of {} stands at LSN {redo}, although a log backup up to {expected} was applied. Nothing is recovered yet. Look at the server's error log, then resume.",
                self.site.database
            )),
            _ => Ok(()),
        }
    }

    /// Waits until the database is online and lets us in. One that is RECOVERING takes the time it takes.
    async fn wait_until_online(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + ONLINE_WITHIN;
        let recovered_by = self.site.deadlines.restore.map(|bound| Instant::now() + bound);
        loop {
            let text = match self.look(Verification::DatabaseOnline).await {
                Ok(()) => return Ok(()),
                Err(text) => text,
            };
            let waits_until = match self.database_state().await {
                Ok(Some(DatabaseState::Other(state))) if state == "RECOVERING" => recovered_by,
                // Online is not yet open; a server that does not answer may come back.
                Ok(Some(DatabaseState::Online | DatabaseState::Other(_))) | Err(_) => Some(deadline),
                Ok(_) => return Err(text),
            };
            if waits_until.is_some_and(|until| Instant::now() >= until) {
                return Err(text);
            }
            tokio::time::sleep(ONLINE_LOOK).await;
        }
    }

    /// Whether the database on the backup takes part in mirroring at all.
    pub(super) async fn is_mirrored(&mut self) -> Result<bool, SqlError> {
        Ok(self.mirroring().await?.is_some())
    }

    async fn mirroring(&mut self) -> Result<Option<Mirroring>, SqlError> {
        let batch = mirroring_batch(&self.site.database);
        let sets = self.ask_backup(&batch).await?;
        let Some(row) = sets.first().and_then(|set| set.first()) else { return Ok(None) };
        let Some(role) = row.text("mirroring_role_desc")? else { return Ok(None) };
        Ok(Some(Mirroring {
            role,
            state: row.text("mirroring_state_desc")?.unwrap_or_default(),
            partner: row.text("mirroring_partner_name")?.unwrap_or_default(),
        }))
    }

    async fn mirror_is_synchronized(&mut self) -> Result<(), String> {
        let database = self.site.database.clone();
        let next = "The pool is served by the backup without a mirror. See to the endpoints and the file share, then resume (or run Install-CsMirrorDatabase by hand).";
        let found = self
            .mirroring()
            .await
            .map_err(|error| format!("The mirroring state cannot be read: {error}. {next}"))?;
        match found {
            None => Err(format!("{database} on the backup is not mirrored. {next}")),
            Some(mirroring) if mirroring.role != "PRINCIPAL" => Err(format!(
                "{database} on the backup is a mirroring {}, not the principal. {next}",
                mirroring.role
            )),
            Some(mirroring) if mirroring.state != "SYNCHRONIZED" => Err(format!(
                "{database} on the backup is mirrored to {} and {}. {next}",
                mirroring.partner, mirroring.state
            )),
            Some(mirroring) => self
                .partner_is_the_backup_mirror(&mirroring.partner)
                .await
                .map_err(|text| format!("{text} {next}")),
        }
    }

    /// A mirror elsewhere than on the backup mirror is not the one wanted.
    async fn partner_is_the_backup_mirror(&self, partner: &str) -> Result<(), String> {
        let Ok(mut server) = self.servers.open(Role::BackupMirror).await else {
            return Err(format!(
                "The mirror ({partner}) is SYNCHRONIZED, yet the backup mirror does not let us look."
            ));
        };
        let batch = mirroring_batch(&self.site.database);
        let answer = query_within(&mut *server, &batch, Some(self.site.deadlines.query)).await;
        let role = answer.ok().and_then(|sets| sets.first()?.first()?.text("mirroring_role_desc").ok()?);
        match role.as_deref() {
            Some("MIRROR") => Ok(()),
            _ => Err(format!(
                "The principal says its mirror is {partner}, but the backup mirror of the site file holds no mirror of {}.",
                self.site.database
            )),
        }
    }

    async fn wait_until_synchronized(&mut self) -> Result<(), String> {
        if self.site.servers.backup_mirror.is_none() {
            return Ok(());
        }
        let deadline = Instant::now() + self.site.deadlines.mirror;
        loop {
            match self.mirror_is_synchronized().await {
                Ok(()) => return Ok(()),
                Err(text) if Instant::now() >= deadline => return Err(text),
                Err(_) => {}
            }
            // A database that is not mirrored at all will not become so by waiting.
            if matches!(self.is_mirrored().await, Ok(false)) {
                return self.mirror_is_synchronized().await;
            }
            tokio::time::sleep(MIRROR_LOOK).await;
        }
    }
}

pub(super) fn mirroring_batch(database: &str) -> String {
    format!(
        "SELECT mirroring_role_desc, mirroring_state_desc, mirroring_partner_name FROM sys.database_mirroring \
         WHERE database_id = DB_ID({})",
        literal(database)
    )
}
