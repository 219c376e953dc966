//! What the backup SQL Server says about itself and the database. Results are read by column name.

use super::Run;
use crate::chain::Position;
use crate::quote::{identifier, literal};
use crate::server_path::file_name;
use crate::sql::{Lsn, SqlError};

/// What state the database is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DatabaseState {
    /// Recovered and writable.
    Online,
    /// Recovered, but read-only, single-user or otherwise not open to the service.
    Closed(String),
    /// Takes log backups.
    Restoring,
    /// Takes log backups and can be read meanwhile.
    Standby,
    /// RECOVERING, SUSPECT and others.
    Other(String),
}

impl DatabaseState {
    /// Whether log backups can still be applied.
    pub(super) fn takes_log(&self) -> bool {
        matches!(self, Self::Restoring | Self::Standby)
    }

    /// Whether recovery is under way: nothing to do but wait.
    pub(super) fn is_recovering(&self) -> bool {
        *self == Self::Other("RECOVERING".to_owned())
    }

    /// Whether it has been recovered: no log backup can be applied any more.
    pub(super) fn is_recovered(&self) -> bool {
        matches!(self, Self::Online | Self::Closed(_))
    }
}

impl std::fmt::Display for DatabaseState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Online => f.write_str("online and writable"),
            Self::Closed(how) => write!(f, "online but {how}"),
            Self::Restoring => f.write_str("restoring"),
            Self::Standby => f.write_str("in standby"),
            Self::Other(state) => f.write_str(&state.to_lowercase()),
        }
    }
}

/// The server and its databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerFacts {
    pub(super) name: String,
    pub(super) is_sysadmin: bool,
    pub(super) utc_offset_minutes: i64,
    pub(super) databases: Vec<(String, DatabaseState)>,
}

/// Where the log of the database stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Standing {
    pub(super) position: Position,
    /// The last backup restored, as msdb has it.
    pub(super) last_restore: Option<LastRestore>,
    /// How far the server's clock is from UTC.
    pub(super) utc_offset_minutes: i64,
}

/// The last backup that msdb says was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LastRestore {
    pub(super) last_lsn: Option<Lsn>,
    pub(super) started: Option<jiff::civil::DateTime>,
    pub(super) finished: Option<jiff::civil::DateTime>,
    pub(super) device: Option<String>,
}

/// The database's state; the text of `plan` shows it too.
pub(crate) const SERVER_FACTS: &str = "SELECT @@SERVERNAME AS server_name, IS_SRVROLEMEMBER(N'sysadmin') AS is_sysadmin, \
     DATEDIFF(minute, GETUTCDATE(), GETDATE()) AS utc_offset_minutes; \
     SELECT name, state_desc, is_in_standby, is_read_only, user_access_desc FROM sys.databases";

fn standing_batch(database: &str) -> String {
    let name = literal(database);
    format!(
        "SELECT DATEDIFF(minute, GETUTCDATE(), GETDATE()) AS utc_offset_minutes; \
         SELECT TOP (1) redo_start_lsn, redo_start_fork_guid FROM sys.master_files \
         WHERE database_id = DB_ID({name}) AND redo_start_lsn IS NOT NULL ORDER BY redo_start_lsn DESC; \
         SELECT TOP (1) b.last_lsn, b.backup_start_date, b.backup_finish_date, b.family_guid, \
         b.last_recovery_fork_guid, f.physical_device_name \
         FROM msdb.dbo.restorehistory AS r \
         INNER JOIN msdb.dbo.backupset AS b ON b.backup_set_id = r.backup_set_id \
         LEFT JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = b.media_set_id \
         WHERE r.destination_database_name = {name} ORDER BY r.restore_history_id DESC"
    )
}

impl Run<'_> {
    /// Asks the backup who it is and what databases it has.
    pub(super) async fn server_facts(&mut self) -> Result<ServerFacts, SqlError> {
        let sets = self.ask_backup(SERVER_FACTS).await?;
        let [server, databases] = sets.as_slice() else {
            return Err(SqlError::Shape(format!("has {} result sets where 2 were expected", sets.len())));
        };
        let row = server.first().ok_or_else(|| SqlError::Shape("has no row".to_owned()))?;
        let mut found = Vec::with_capacity(databases.rows.len());
        for database in databases.rows() {
            let state = database.text("state_desc")?.unwrap_or_default();
            let access = database.text("user_access_desc")?.unwrap_or_default();
            let state = match state.as_str() {
                "RESTORING" => DatabaseState::Restoring,
                "ONLINE" if database.is_set("is_in_standby")? => DatabaseState::Standby,
                "ONLINE" if database.is_set("is_read_only")? => DatabaseState::Closed("read-only".to_owned()),
                "ONLINE" if access != "MULTI_USER" => {
                    DatabaseState::Closed(access.to_lowercase().replace('_', "-"))
                }
                "ONLINE" => DatabaseState::Online,
                _ => DatabaseState::Other(state),
            };
            found.push((database.text("name")?.unwrap_or_default(), state));
        }
        Ok(ServerFacts {
            name: row.text("server_name")?.unwrap_or_default(),
            is_sysadmin: row.is_set("is_sysadmin")?,
            utc_offset_minutes: row.integer("utc_offset_minutes")?.unwrap_or(0),
            databases: found,
        })
    }

    /// The database's state; none if it is not there.
    pub(super) async fn database_state(&mut self) -> Result<Option<DatabaseState>, SqlError> {
        let facts = self.server_facts().await?;
        let ours =
            facts.databases.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(&self.site.database));
        Ok(ours.map(|(_, state)| state))
    }

    /// Where the database's log stands: the files' redo point, or (in standby, or recovered) the last
    /// restore in msdb's history.
    pub(super) async fn standing(&mut self) -> Result<Standing, SqlError> {
        let database = self.site.database.clone();
        let sets = self.ask_backup(&standing_batch(&database)).await?;
        let [clock, files, history] = sets.as_slice() else {
            return Err(SqlError::Shape(format!("has {} result sets where 3 were expected", sets.len())));
        };
        let clock = clock.first().ok_or_else(|| SqlError::Shape("has no row".to_owned()))?;
        let mut standing = Standing {
            position: Position { database, ..Position::default() },
            last_restore: None,
            utc_offset_minutes: clock.integer("utc_offset_minutes")?.unwrap_or(0),
        };
        if let Some(row) = history.first() {
            standing.position.redo = row.lsn("last_lsn")?;
            standing.position.fork = row.guid("last_recovery_fork_guid")?;
            standing.position.family = row.guid("family_guid")?;
            standing.last_restore = Some(LastRestore {
                last_lsn: row.lsn("last_lsn")?,
                started: row.moment("backup_start_date")?,
                finished: row.moment("backup_finish_date")?,
                device: row.text("physical_device_name")?,
            });
        }
        if let Some(row) = files.first() {
            standing.position.redo = row.lsn("redo_start_lsn")?.or(standing.position.redo);
            standing.position.fork = row.guid("redo_start_fork_guid")?.or(standing.position.fork);
        }
        self.last_position = Some(standing.clone());
        Ok(standing)
    }

    /// The names of the files that msdb says were restored into the database, without their folders.
    pub(super) async fn restored_files(&mut self) -> Result<Vec<String>, SqlError> {
        let batch = format!(
            "SELECT DISTINCT f.physical_device_name FROM msdb.dbo.restorehistory AS r \
             INNER JOIN msdb.dbo.backupset AS b ON b.backup_set_id = r.backup_set_id \
             INNER JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = b.media_set_id \
             WHERE r.destination_database_name = {}",
            literal(&self.site.database)
        );
        let sets = self.ask_backup(&batch).await?;
        let mut names = Vec::new();
        for row in sets.iter().flat_map(|set| set.rows()) {
            if let Some(device) = row.text("physical_device_name")? {
                names.push(file_name(&device).to_owned());
            }
        }
        Ok(names)
    }

    /// Asks the database itself for an answer: online is not yet open.
    pub(super) async fn database_answers(&mut self) -> Result<(), SqlError> {
        let batch =
            format!("SELECT COUNT(*) AS tables_found FROM {}.sys.tables", identifier(&self.site.database));
        self.ask_backup(&batch).await.map(|_| ())
    }
}
