//! What survives, operation by operation.

use super::*;
use crate::engine::{DatabaseState, RecoveryModel};
use crate::store::DataDirectoryError;

const TABLE: &str =
    "CREATE DATABASE shop; EXEC('USE shop; CREATE TABLE t (id int PRIMARY KEY, body nvarchar(50))')";

#[test]
fn what_was_committed_survives_and_what_was_open_is_undone() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.sql(TABLE).await, []);
        assert_eq!(server.sql("USE shop; INSERT t VALUES (1, N'one'), (2, N'two')").await, []);
        assert_eq!(server.sql("UPDATE t SET body = N'zwei' WHERE id = 2; DELETE t WHERE id = 1").await, []);
        assert_eq!(
            server.sql("BEGIN TRAN; INSERT t VALUES (3, N'open'); UPDATE t SET body = N'x'").await,
            []
        );
        server.instance.harden().await.unwrap();
    });
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.column("SELECT body FROM shop.dbo.t").await, ["zwei"]);
        assert_eq!(server.sql("USE shop; INSERT t VALUES (3, N'three')").await, []);
        let lines = server.instance.error_log();
        assert!(
            lines.iter().any(|l| l.contains("1 transactions rolled back in database 'shop'")),
            "{lines:?}"
        );
        server.check(&directory).await;
    });
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.column("SELECT body FROM shop.dbo.t ORDER BY id").await, ["zwei", "three"]);
    });
}

#[test]
fn everything_that_is_said_of_a_database_and_a_server_survives() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    let asked = [
        "SELECT name FROM sys.databases ORDER BY name",
        "SELECT recovery_model_desc FROM sys.databases WHERE name = 'b'",
        "SELECT user_access_desc FROM sys.databases WHERE name = 'b'",
        "SELECT physical_name FROM sys.master_files ORDER BY database_id, file_id",
        "SELECT service_broker_guid FROM sys.databases WHERE name <> 'tempdb' ORDER BY name",
        "SELECT name FROM sys.server_principals ORDER BY name",
        "SELECT is_disabled FROM sys.sql_logins ORDER BY name",
        "SELECT name FROM sys.endpoints ORDER BY name",
        "SELECT connection_auth_desc + encryption_algorithm_desc FROM sys.database_mirroring_endpoints",
        "SELECT name FROM sys.symmetric_keys ORDER BY name",
        "SELECT subject FROM sys.certificates ORDER BY name",
        "SELECT string_sid FROM sys.certificates ORDER BY name",
        "SELECT type_desc FROM sys.server_principals ORDER BY name",
        "SELECT type_desc FROM sys.database_principals ORDER BY name",
        "SELECT name FROM msdb.dbo.sysjobs",
        "SELECT definition FROM b.sys.sql_modules",
    ];
    let script = [
        "CREATE DATABASE a",
        "CREATE DATABASE b",
        "ALTER DATABASE b SET RECOVERY SIMPLE",
        "ALTER DATABASE b SET RESTRICTED_USER",
        "CREATE LOGIN ann WITH PASSWORD = 'Correct-Horse-1'",
        "ALTER LOGIN ann DISABLE",
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Correct-Horse-2'",
        "CREATE CERTIFICATE own WITH SUBJECT = 'own'",
        "CREATE CERTIFICATE pw ENCRYPTION BY PASSWORD = 'x' WITH SUBJECT = 'pw'",
        "CREATE LOGIN cl FROM CERTIFICATE own",
        "CREATE USER cu FOR CERTIFICATE pw",
        "CREATE ENDPOINT m STATE = STARTED AS TCP (LISTENER_PORT = 5022) FOR DATABASE_MIRRORING \
            (AUTHENTICATION = CERTIFICATE own, ENCRYPTION = SUPPORTED, ROLE = PARTNER)",
        "GRANT CONNECT ON ENDPOINT::m TO ann",
        "USE b; EXEC('CREATE PROCEDURE p AS SELECT 1')",
        "USE b; CREATE USER ann FOR LOGIN ann",
        "USE master; EXEC msdb.dbo.sp_add_job @job_name = N'nightly'",
        "DROP DATABASE a",
    ];
    let before = life(async || {
        let server = start(&directory, &files);
        for line in script {
            assert_eq!(server.sql(line).await, [], "{line}");
            server.check(&directory).await;
        }
        answers(&server, &asked).await
    });
    let after = life(async || answers(&start(&directory, &files), &asked).await);
    assert_eq!(before, after);
    for told in ["nightly", "CERTIFICATENONE, AES", "##MS_DatabaseMasterKey##", "CERTIFICATE_MAPPED_LOGIN"] {
        assert!(before.iter().any(|a| a.contains(&told.to_owned())), "{told}: {before:?}");
    }
}

async fn answers(server: &Server, asked: &[&str]) -> Vec<Vec<String>> {
    let mut answers = Vec::new();
    for question in asked {
        let mut sink = CollectingSink::new();
        exec::batch(&server.instance, server.session(), question, &mut sink).await;
        // A view that this server does not have answers the same before and after.
        answers.push(match sink.error() {
            Some(error) => vec![error.number.to_string()],
            None => server.column(question).await,
        });
    }
    answers
}

/// Every step of a restore is there after a crash, and the next one can follow.
#[test]
fn each_step_of_backup_and_restore_survives() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    let steps = [
        TABLE,
        "USE shop; INSERT t VALUES (1, N'full')",
        r"BACKUP DATABASE shop TO DISK = 'D:\Backup\shop.bak' WITH INIT",
        "USE shop; INSERT t VALUES (2, N'log 1')",
        r"BACKUP LOG shop TO DISK = 'D:\Backup\1.trn'",
        "USE shop; INSERT t VALUES (3, N'differential')",
        r"BACKUP DATABASE shop TO DISK = 'D:\Backup\shop.dif' WITH DIFFERENTIAL",
        "USE shop; INSERT t VALUES (4, N'log 2')",
        r"BACKUP LOG shop TO DISK = 'D:\Backup\2.trn'",
        "USE shop; BEGIN TRAN; INSERT t VALUES (5, N'log 3'); COMMIT",
        r"USE master; BACKUP LOG shop TO DISK = 'D:\Backup\3.trn' WITH NORECOVERY",
        r"RESTORE DATABASE copy FROM DISK = 'D:\Backup\shop.bak' WITH NORECOVERY,
          MOVE 'shop' TO 'D:\Data\copy.mdf', MOVE 'shop_log' TO 'D:\Data\copy.ldf'",
        r"RESTORE LOG copy FROM DISK = 'D:\Backup\1.trn' WITH STANDBY = 'D:\Backup\copy.undo'",
        r"RESTORE LOG copy FROM DISK = 'D:\Backup\2.trn' WITH STANDBY = 'D:\Backup\copy.undo'",
        r"RESTORE LOG copy FROM DISK = 'D:\Backup\3.trn' WITH NORECOVERY",
        "RESTORE DATABASE copy WITH RECOVERY",
        "USE copy; INSERT t VALUES (6, N'after')",
        r"USE master; RESTORE DATABASE copy FROM DISK = 'D:\Backup\shop.bak' WITH REPLACE, NORECOVERY",
        r"RESTORE DATABASE copy FROM DISK = 'D:\Backup\shop.dif' WITH NORECOVERY",
        r"RESTORE LOG copy FROM DISK = 'D:\Backup\2.trn' WITH RECOVERY",
        "RESTORE DATABASE shop WITH RECOVERY",
        "USE shop; INSERT t VALUES (7, N'a new path')",
        r"BACKUP LOG shop TO DISK = 'D:\Backup\4.trn'",
    ];
    for (number, step) in steps.iter().enumerate() {
        life(async || {
            let server = start(&directory, &files);
            assert_eq!(server.sql(step).await, [], "step {number}: {step}");
            server.check(&directory).await;
        });
    }
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(
            server.column("SELECT id FROM shop.dbo.t ORDER BY id").await,
            ["1", "2", "3", "4", "5", "7"]
        );
        assert_eq!(server.column("SELECT id FROM copy.dbo.t ORDER BY id").await, ["1", "2", "3", "4"]);
        let shop = server.engine().database_by_name("shop").map(|d| (d.state, d.recovery_model));
        assert_eq!(shop, Some((DatabaseState::Online, RecoveryModel::Full)));
        let history = server.column("SELECT COUNT(*) FROM msdb.dbo.restorehistory").await;
        assert_eq!(history, ["7"], "one of each restore from a backup set");
    });
}

#[test]
fn a_standby_can_be_read_and_rolled_on_after_a_crash() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.sql(TABLE).await, []);
        assert_eq!(server.sql(r"BACKUP DATABASE shop TO DISK = 'D:\Backup\shop.bak' WITH INIT").await, []);
        // A transaction that is open when its log is backed up.
        assert_eq!(server.sql("USE shop; BEGIN TRAN; INSERT t VALUES (1, N'long')").await, []);
        let other = Server::of(server.instance.clone());
        assert_eq!(other.sql(r"BACKUP LOG shop TO DISK = 'D:\Backup\1.trn'").await, []);
        assert_eq!(server.sql("COMMIT").await, []);
        assert_eq!(other.sql(r"BACKUP LOG shop TO DISK = 'D:\Backup\2.trn'").await, []);
        let restore = r"RESTORE DATABASE copy FROM DISK = 'D:\Backup\shop.bak' WITH NORECOVERY,
            MOVE 'shop' TO 'D:\Data\copy.mdf', MOVE 'shop_log' TO 'D:\Data\copy.ldf'";
        assert_eq!(other.sql(restore).await, []);
        // The directory has the copy before it becomes a standby.
        other.instance.harden().await.unwrap();
        let restore = r"RESTORE LOG copy FROM DISK = 'D:\Backup\1.trn' WITH STANDBY = 'D:\Backup\copy.undo'";
        assert_eq!(other.sql(restore).await, []);
        assert_eq!(other.column("SELECT COUNT(*) FROM copy.dbo.t").await, ["0"]);
        other.check(&directory).await;
    });
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.column("SELECT COUNT(*) FROM copy.dbo.t").await, ["0"]);
        let restore = r"RESTORE LOG copy FROM DISK = 'D:\Backup\2.trn' WITH STANDBY = 'D:\Backup\copy.undo'";
        assert_eq!(server.sql(restore).await, []);
        assert_eq!(server.column("SELECT body FROM copy.dbo.t").await, ["long"]);
        server.check(&directory).await;
    });
}

#[test]
fn a_checkpoint_taken_while_rows_change_gives_the_same_server() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.sql(TABLE).await, []);
        assert_eq!(server.sql(r"BACKUP DATABASE shop TO DISK = 'D:\Backup\shop.bak' WITH INIT").await, []);
        assert_eq!(server.sql("USE shop").await, []);
        let fill = "DECLARE @i int = 0; SET NOCOUNT ON; WHILE @i < 12000 BEGIN \
                    INSERT t VALUES (@i, REPLICATE(N'row ', 12)); SET @i += 1 END";
        assert_eq!(server.sql(fill).await, []);
        for round in 0..4 {
            let taking = server.instance.clone();
            let taken = tokio::task::spawn_local(async move { taking.checkpoint().await });
            let mut changes = 0;
            while !taken.is_finished() {
                let at = (round * 5003 + changes * 997) % 12000;
                let change = match changes % 5 {
                    0 => format!("UPDATE t SET body = N'{changes}' WHERE id = {at}"),
                    1 => format!("DELETE t WHERE id = {at}"),
                    2 => {
                        format!("INSERT t (id, body) VALUES ({}, N'new')", (round + 1) * 1_000_000 + changes)
                    }
                    3 if changes == 3 => format!("ALTER TABLE t ADD c{round} int NULL"),
                    3 => format!(
                        "CREATE TABLE n{round}_{changes} (a int); INSERT n{round}_{changes} VALUES (1)"
                    ),
                    _ => format!("BEGIN TRAN; UPDATE t SET body = N'gone' WHERE id = {at}; ROLLBACK"),
                };
                if changes < 200 {
                    assert_eq!(server.sql(&change).await, [], "{change}");
                    changes += 1;
                }
                tokio::task::yield_now().await;
            }
            assert!(changes > 3, "the checkpoint was not taken in slices");
            taken.await.unwrap().unwrap();
            server.check(&directory).await;
        }
        assert!(directory.0.join("images").read_dir().unwrap().next().is_some());
    });
    life(async || start(&directory, &files).check(&directory).await);
}

#[test]
fn a_checkpoint_removes_the_log_that_nobody_needs_and_keeps_what_a_log_backup_needs() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.sql(TABLE).await, []);
        assert_eq!(server.sql(r"BACKUP DATABASE shop TO DISK = 'D:\Backup\shop.bak' WITH INIT").await, []);
        let write = "USE shop; DELETE t; DECLARE @i int = 0; WHILE @i < 3000 BEGIN \
                     INSERT t VALUES (@i, REPLICATE(N'x', 50)); SET @i += 1 END";
        while directory.segments().len() < 4 {
            assert_eq!(server.sql(write).await, []);
            server.instance.harden().await.unwrap();
        }
        let all = directory.segments();
        server.instance.checkpoint().await.unwrap();
        assert_eq!(directory.segments()[0], all[0], "the log since the full backup is needed");
        server.check(&directory).await;
        assert_eq!(server.sql(r"USE master; BACKUP LOG shop TO DISK = 'D:\Backup\1.trn'").await, []);
        server.instance.checkpoint().await.unwrap();
        let left = directory.segments();
        assert!(left.len() < all.len() && left.last() >= all.last(), "{left:?} of {all:?}");
        server.check(&directory).await;
    });
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.column("SELECT COUNT(*) FROM shop.dbo.t").await, ["3000"]);
        server.check(&directory).await;
    });
}

/// Rows of the copy that is being restored.
fn rows_of_copy(server: &Server) -> usize {
    let engine = server.engine();
    let copy = engine.database_id("copy").and_then(|id| engine.database(id));
    copy.map_or(0, |copy| copy.content.tables().map(|table| table.len()).sum())
}

#[test]
fn a_restore_that_a_crash_cuts_short_is_known_as_such_and_can_be_done_again() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.sql(TABLE).await, []);
        assert_eq!(server.sql(r"BACKUP DATABASE shop TO DISK = 'D:\Backup\shop.bak'").await, []);
        let write = "USE shop; DECLARE @i int = 0; WHILE @i < 3000 BEGIN \
                     INSERT t VALUES (@i, REPLICATE(N'x', 50)); SET @i += 1 END; USE master";
        assert_eq!(server.sql(write).await, []);
        assert_eq!(server.sql(r"BACKUP LOG shop TO DISK = 'D:\Backup\1.trn'").await, []);
        let copy = r"RESTORE DATABASE copy FROM DISK = 'D:\Backup\shop.bak' WITH NORECOVERY,
                     MOVE 'shop' TO 'D:\copy.mdf', MOVE 'shop_log' TO 'D:\copy.ldf'";
        assert_eq!(server.sql(copy).await, []);
        let mut restore =
            std::pin::pin!(server.sql(r"RESTORE LOG copy FROM DISK = 'D:\Backup\1.trn' WITH NORECOVERY"));
        while rows_of_copy(&server) < 1000 {
            tokio::select! {
                biased;
                errors = &mut restore => panic!("the restore went through at once: {errors:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        assert!(rows_of_copy(&server) < 3000);
        server.instance.harden().await.unwrap();
    });
    life(async || {
        let server = start(&directory, &files);
        assert!((1000..3000).contains(&rows_of_copy(&server)), "what was applied is there");
        assert_eq!(server.sql("RESTORE DATABASE copy WITH RECOVERY").await, [4319, 3013]);
        let again = r"RESTORE LOG copy FROM DISK = 'D:\Backup\1.trn' WITH NORECOVERY";
        assert_eq!(server.sql(again).await, []);
        assert_eq!(server.sql("RESTORE DATABASE copy WITH RECOVERY").await, []);
        assert_eq!(server.column("SELECT COUNT(*) FROM copy.dbo.t").await, ["3000"]);
        server.check(&directory).await;
    });
}

#[test]
fn no_checkpoint_is_due_in_the_middle_of_a_restore_unless_the_log_has_grown_very_long() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        let wal = server.instance.wal().unwrap();
        wal.volume.set(64 << 20);
        assert!(wal.is_checkpoint_due());
        {
            let _first = server.instance.restore_under_way();
            let second = server.instance.restore_under_way();
            assert!(!wal.is_checkpoint_due());
            drop(second);
            assert!(!wal.is_checkpoint_due(), "one of them still runs");
            wal.volume.set(1 << 30);
            assert!(wal.is_checkpoint_due());
            wal.volume.set(64 << 20);
        }
        assert!(wal.is_checkpoint_due());
    });
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let directory = TemporaryDirectory::new();
    let first = DataDirectory::open(directory.path()).unwrap();
    let error = DataDirectory::open(directory.path()).unwrap_err();
    assert!(matches!(error, DataDirectoryError::InUse { .. }));
    let text = error.to_string();
    let expected = format!("is in use by another server (process {})", std::process::id());
    assert!(text.contains(&expected) && text.contains("name another directory"), "{text}");
    drop(first);
    DataDirectory::open(directory.path()).unwrap();
}

#[test]
fn a_server_that_was_shut_down_starts_from_its_checkpoint_alone() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.sql(TABLE).await, []);
        assert_eq!(server.sql("USE shop; INSERT t VALUES (1, N'one')").await, []);
        server.instance.shut_down().await.unwrap();
        assert!(server.instance.harden().await.is_err(), "nothing is acknowledged after the end");
    });
    life(async || {
        let server = start(&directory, &files);
        assert_eq!(server.column("SELECT body FROM shop.dbo.t").await, ["one"]);
    });
}

#[test]
fn guids_of_two_starts_never_repeat() {
    let (directory, files) = (TemporaryDirectory::new(), files());
    let mut seen = Vec::new();
    for _ in 0..3 {
        life(async || {
            let server = start(&directory, &files);
            seen.extend(server.column("SELECT NEWID()").await);
            seen.push(server.engine().new_guid().to_string());
        });
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}
