//! Procedures that delete backup and restore history.
//!
//! Both follow the manual: history of backup sets, and with it that of restores from them; media that nothing refers to
//! any more go too.
//! <https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-delete-backuphistory-transact-sql>

use super::agent::jobs::msdb;
use super::log_shipping::parameters::{SYSNAME, must};
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Procedure, ProcedureContext};
use crate::value::DataType;

/// Its procedures.
pub(crate) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_delete_backuphistory",
        home: Home::Msdb,
        parameters: &[must("@oldest_date", DataType::DateTime)],
        body: |c| Box::pin(delete(c, "backup_finish_date < @chosen", "@oldest_date")),
    },
    Procedure {
        name: "sp_delete_database_backuphistory",
        home: Home::Msdb,
        parameters: &[must("@database_name", SYSNAME)],
        body: |c| Box::pin(delete(c, "database_name = @chosen", "@database_name")),
    },
];

/// Deletes the history of the backup sets that `condition` holds for; `@chosen` in it is the argument.
async fn delete(c: &mut ProcedureContext<'_>, condition: &str, argument: &str) -> SqlResult<i32> {
    msdb(c)?;
    let sets = format!("(SELECT backup_set_id FROM dbo.backupset WHERE {condition})");
    let restores =
        format!("(SELECT restore_history_id FROM dbo.restorehistory WHERE backup_set_id IN {sets})");
    let unused = "WHERE media_set_id NOT IN (SELECT media_set_id FROM dbo.backupset)";
    let batch = format!(
        "BEGIN TRANSACTION
         DELETE FROM dbo.restorefile WHERE restore_history_id IN {restores}
         DELETE FROM dbo.restorehistory WHERE backup_set_id IN {sets}
         DELETE FROM dbo.backupfile WHERE backup_set_id IN {sets}
         DELETE FROM dbo.backupset WHERE {condition}
         DELETE FROM dbo.backupmediafamily {unused}
         DELETE FROM dbo.backupmediaset {unused}
         COMMIT TRANSACTION"
    );
    let chosen = c.argument(argument).clone();
    c.query("msdb", &batch, &[("@chosen", chosen)]).await?;
    Ok(0)
}
