//! What `run` would send today: the very texts, from the functions that the actions use.

use super::logs::headeronly;
use super::{Run, actions, backup, pool, restore, sessions, verify};
use crate::chain::Place;
use crate::plan::Action;
use crate::server_path::join;
use crate::site::Site;
use crate::sql::SqlError;

/// The rule of an action: where it goes and what is sent, with what is found later in angle brackets.
pub(crate) fn rule(site: &Site, action: Action) -> Vec<String> {
    let backup = format!("{} (master)", site.servers.backup.address);
    let sql = |text: String| format!("T-SQL on {backup}: {text}");
    let shell = |text: String| format!("shell: {text}");
    let destination = &site.log_shipping.copy_destination;
    let identity = format!("<identity of {}, from Get-CsService>", site.pool);
    let database = &site.database;
    match action {
        Action::CaptureLogShipping => vec![format!(
            "journal: {database}'s rows of log_shipping_secondary, log_shipping_secondary_databases and log_shipping_monitor_secondary in msdb on {}",
            site.servers.backup.address
        )],
        Action::QuietJobs => vec![
            sql(actions::jobs(database)),
            sql("EXEC msdb.dbo.sp_update_job @job_name = <each>, @enabled = 0".to_owned()),
            sql(format!(
                "EXEC msdb.dbo.sp_stop_job @job_name = <each that still runs after {}s>",
                site.deadlines.job.as_secs()
            )),
        ],
        Action::RemoveLogShipping => vec![sql(actions::remove_log_shipping(database))],
        Action::CopyLogBackups => vec![
            sql(headeronly(&join(&site.log_shipping.share.server, "<each file>"))),
            format!(
                "copy: <each file that holds log after the redo point and has no good copy> from {} to {} (as {}…, then renamed)",
                site.log_shipping.share.here,
                destination.here,
                crate::COPYING_SUFFIX
            ),
        ],
        Action::EndConnections => vec![
            sql(sessions::list_batch(database)),
            sql("IF EXISTS (<the same session with the same login time>) KILL <each>".to_owned()),
        ],
        Action::ApplyLogBackups => {
            vec![sql(restore::restore_log(database, &join(&destination.server, "<each, by LSN>"), 1)
                .replace("FILE = 1", "FILE = <its position>"))]
        }
        Action::BringOnline => vec![sql(restore::recover(database))],
        Action::SetPoolFailedOver => vec![shell(pool::set_state_command(&identity))],
        Action::InstallMirror => vec![
            sql(verify::mirroring_batch(database)),
            shell(pool::install_mirror_command(site, false)),
            "with -DropExistingDatabasesOnMirror if the backup mirror holds an old copy".to_owned(),
        ],
        Action::SetActiveServers => {
            let wanted: Vec<&str> = site.wanted_active_servers().map(|server| server.fqdn.as_str()).collect();
            let identity = site.active_servers_identity.clone().unwrap_or(identity);
            let command =
                pool::set_active_command(&identity, &["<each other active server>".to_owned()], &wanted);
            command.into_iter().map(shell).collect()
        }
        Action::ReplicateManagementStore => vec![shell("Invoke-CsManagementStoreReplication".to_owned())],
    }
}

impl Run<'_> {
    /// What an action would do now; why nothing can be said, if so.
    pub(crate) async fn today(&mut self, action: Action) -> Result<Vec<String>, String> {
        let readable = |error: SqlError| error.to_string();
        match action {
            Action::CopyLogBackups | Action::ApplyLogBackups => {
                let state = self.database_state().await.map_err(readable)?;
                if !state.is_some_and(|state: backup::DatabaseState| state.takes_log()) {
                    return Ok(vec!["nothing: the database takes no log backups".to_owned()]);
                }
                let standing = self.standing().await.map_err(readable)?;
                let inventory = self.inventory().await.map_err(readable)?;
                let chain = self.chain_of(&standing, &inventory);
                let links = chain
                    .links
                    .iter()
                    .filter(|link| action == Action::ApplyLogBackups || link.place == Place::Share);
                let mut lines: Vec<String> = links
                    .map(|link| {
                        format!(
                            "{} (set {}, LSN {} to {})",
                            link.file, link.position, link.first_lsn, link.last_lsn
                        )
                    })
                    .collect();
                lines.extend(
                    chain
                        .holes
                        .iter()
                        .map(|hole| format!("then a hole from LSN {} to {}", hole.from, hole.to)),
                );
                if lines.is_empty() {
                    lines.push("nothing".to_owned());
                }
                Ok(lines)
            }
            Action::EndConnections => {
                let sessions = self.sessions().await.map_err(readable)?;
                let lines: Vec<String> = sessions
                    .iter()
                    .map(|session| format!("session {} ({}, {})", session.id, session.login, session.program))
                    .collect();
                Ok(if lines.is_empty() { vec!["no session".to_owned()] } else { lines })
            }
            Action::RemoveLogShipping => match self.is_log_shipped().await.map_err(readable)? {
                true => Ok(Vec::new()),
                false => Ok(vec!["nothing: log shipping is removed already".to_owned()]),
            },
            _ => Ok(Vec::new()),
        }
    }
}
