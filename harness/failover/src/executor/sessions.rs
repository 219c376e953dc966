//! Ending the connections to the database: those whose current database it is, and those that hold its
//! locks from another one.
//!
//! A session is its id *and* its login time: ids are given out again. Both are looked at once more in the
//! very batch that kills. SQL Server has no conditional KILL, so a window of microseconds remains between
//! that look and the KILL. Never our own session, never a system session. 6106 (no such session) is success.

use super::{Did, Halt, Run};
use crate::plan::Action;
use crate::quote::literal;
use crate::report::Severity;
use crate::sql::SqlError;
use std::time::Duration;

/// A session to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: i64,
    pub(crate) login_time: String,
    pub(crate) login: String,
    pub(crate) program: String,
}

/// How often we look again before we try without: clients come back.
const ROUNDS: u32 = 3;

/// The question who uses the database. `sysprocesses.dbid`, because `dm_exec_sessions.database_id` came
/// only with SQL Server 2012.
pub(crate) fn list_batch(database: &str) -> String {
    let name = literal(database);
    format!(
        "SELECT s.session_id, CONVERT(varchar(23), s.login_time, 126) AS login_time, s.login_name, s.program_name \
         FROM sys.dm_exec_sessions AS s WHERE s.is_user_process = 1 AND s.session_id <> @@SPID AND (\
         EXISTS (SELECT 1 FROM sys.sysprocesses AS p WHERE p.spid = s.session_id AND p.dbid = DB_ID({name})) OR \
         EXISTS (SELECT 1 FROM sys.dm_tran_locks AS l WHERE l.request_session_id = s.session_id \
         AND l.resource_database_id = DB_ID({name}))) ORDER BY s.session_id"
    )
}

/// The batch that looks once more and kills.
pub(crate) fn kill_batch(session: &Session) -> String {
    format!(
        "IF EXISTS (SELECT 1 FROM sys.dm_exec_sessions WHERE session_id = {id} AND session_id <> @@SPID \
         AND is_user_process = 1 AND CONVERT(varchar(23), login_time, 126) = {login_time}) KILL {id}",
        id = session.id,
        login_time = literal(&session.login_time)
    )
}

impl Run<'_> {
    /// Ends the connections to the database, and looks again, a few times over.
    pub(super) async fn end_connections(&mut self) -> Result<Did, Halt> {
        let mut did = Did::Nothing;
        for round in 0..ROUNDS {
            let sessions = match self.sessions().await {
                Ok(sessions) => sessions,
                Err(error) => {
                    let text = format!(
                        "The sessions on the backup cannot be listed: {error}. {} See to the server, then resume.",
                        self.state_now()
                    );
                    return Err(self.fail("backup-unreachable", text));
                }
            };
            if sessions.is_empty() {
                return Ok(did);
            }
            if round > 0 {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            for session in sessions {
                self.end(&session).await?;
                did = Did::Something;
            }
        }
        Ok(did)
    }

    async fn end(&mut self, session: &Session) -> Result<(), Halt> {
        let who = format!(
            "session {} ({}, {}, since {})",
            session.id, session.login, session.program, session.login_time
        );
        self.will(Action::EndConnections, &who).await?;
        let answer = self.tell_backup(&kill_batch(session), Some(self.site.deadlines.query)).await;
        let result = match &answer {
            Ok(_) => "ok".to_owned(),
            Err(error) if error.number() == Some(6106) => "gone already".to_owned(),
            Err(error) => error.to_string(),
        };
        self.did(Action::EndConnections, &who, &result).await?;
        match answer {
            Ok(_) => self.tell("connection-ended", Severity::Info, format!("ended {who}")),
            Err(error) if error.number() == Some(6106) => {}
            // It may be rolling back, or not to be killed: RESTORE will say whether it is in the way.
            Err(error) => self.find(
                "connection-not-ended",
                Severity::Warning,
                format!("{who} could not be ended: {error}"),
            ),
        }
        Ok(())
    }

    /// Who uses the database now.
    pub(super) async fn sessions(&mut self) -> Result<Vec<Session>, SqlError> {
        let database = self.site.database.clone();
        let sets = self.ask_backup(&list_batch(&database)).await?;
        let rows = sets.iter().flat_map(|set| set.rows());
        rows.map(|row| {
            let missing = || SqlError::Shape("has a session without id or login time".to_owned());
            Ok(Session {
                id: row.integer("session_id")?.ok_or_else(missing)?,
                login_time: row.text("login_time")?.ok_or_else(missing)?,
                login: row.text("login_name")?.unwrap_or_default(),
                program: row.text("program_name")?.unwrap_or_default(),
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_looked_at_again_in_the_batch_that_kills_it() {
        let session = Session {
            id: 57,
            login_time: "2026-11-22T20:00:00.003".into(),
            login: "chat".into(),
            program: "p".into(),
        };
        insta::assert_snapshot!(kill_batch(&session), @"IF EXISTS (SELECT 1 FROM sys.dm_exec_sessions WHERE session_id = 57 AND session_id <> @@SPID AND is_user_process = 1 AND CONVERT(varchar(23), login_time, 126) = N'2026-11-22T20:00:00.003') KILL 57");
    }
}
