//! Scripts as database administrators have written them for years, run word for word.

use super::*;

/// A server with the database `mgc`, and a session of somebody else in it.
async fn with_a_visitor(bench: Bench) -> (Bench, Bench) {
    bench.rows("CREATE DATABASE mgc").await;
    let visitor = bench.other();
    visitor.rows("USE mgc").await;
    (bench, visitor)
}

const KILL_BY_SESSIONS: &str = "DECLARE @kill varchar(8000); SET @kill = ''
    SELECT @kill = @kill + 'kill ' + CONVERT(varchar(5), session_id) + ';'
    FROM sys.dm_exec_sessions
    WHERE database_id  = db_id('mgc')
    EXEC(@kill);";

const KILL_BY_PROCESSES: &str = "DECLARE @SQL varchar(max)
    SET @SQL = ''
    SELECT @SQL = @SQL + 'Kill ' + Convert(varchar, SPId) + ';'
    FROM MASTER..SysProcesses
    WHERE DBId = DB_ID(N'mgc') AND SPId <> @@SPId
    EXEC(@SQL)";

const KILL_BY_CURSOR: &str = "declare @spid int, @cmd nvarchar(100)
    declare killer cursor fast_forward for
        select spid from master.dbo.sysprocesses where dbid = db_id('mgc') and spid > 50 and spid <> @@spid
    open killer
    fetch next from killer into @spid
    while (@@fetch_status = 0)
    begin
        print 'killing ' + cast(@spid as varchar(10))
        set @cmd = 'kill ' + cast(@spid as varchar(10))
        exec sp_executesql @cmd
        fetch next from killer into @spid
    end
    close killer
    deallocate killer";

const KILL_BY_WHO2: &str = "CREATE TABLE #who (SPID int, Status varchar(255), Login varchar(255), HostName varchar(255),
        BlkBy varchar(255), DBName varchar(255), Command varchar(255), CPUTime int, DiskIO int, LastBatch varchar(255),
        ProgramName varchar(255), SPID2 int, REQUESTID int)
    INSERT INTO #who EXEC sp_who2
    DECLARE @kill nvarchar(max) = N''
    SELECT @kill += N'KILL ' + CAST(SPID AS nvarchar(10)) + N'; ' FROM #who WHERE DBName = 'mgc' AND SPID <> @@SPID
    EXEC sp_executesql @kill
    DROP TABLE #who";

const KILL_BY_WHILE: &str = "DECLARE @DatabaseName nvarchar(50) SET @DatabaseName = N'mgc'
    DECLARE @SPId int
    WHILE EXISTS (SELECT * FROM sys.sysprocesses WHERE dbid = DB_ID(@DatabaseName) AND spid <> @@SPID AND spid > ISNULL(@SPId, 0))
    BEGIN
        SELECT TOP 1 @SPId = spid FROM sys.sysprocesses
        WHERE dbid = DB_ID(@DatabaseName) AND spid <> @@SPID AND spid > ISNULL(@SPId, 0) ORDER BY spid
        EXEC('KILL ' + @SPId)
    END";

#[rstest::rstest]
#[case(KILL_BY_SESSIONS)]
#[case(KILL_BY_PROCESSES)]
#[case(KILL_BY_CURSOR)]
#[case(KILL_BY_WHO2)]
#[case(KILL_BY_WHILE)]
fn sessions_of_a_database_are_ended(#[case] script: &'static str) {
    on_a_bench(async |bench| {
        let (bench, visitor) = with_a_visitor(bench).await;
        let elsewhere = bench.other();
        bench.rows(script).await;
        assert!(visitor.session().killed.get(), "the session in mgc goes on");
        assert!(!elsewhere.session().killed.get() && !bench.session().killed.get(), "others are ended too");
    });
}

#[test]
fn a_cursor_walks_the_databases_that_log_shipping_restores() {
    on_a_bench(async |bench| {
        let set_up = r"DECLARE @copy uniqueidentifier, @restore uniqueidentifier, @id uniqueidentifier
            EXEC master.dbo.sp_add_log_shipping_secondary_primary @primary_server = N'SQLP', @primary_database = N'mgc',
                @backup_source_directory = N'\\a\s', @backup_destination_directory = N'D:\backup',
                @copy_job_name = N'c', @restore_job_name = N'r', @file_retention_period = 4320, @overwrite = 1,
                @copy_job_id = @copy OUTPUT, @restore_job_id = @restore OUTPUT, @secondary_id = @id OUTPUT
            EXEC master.dbo.sp_add_log_shipping_secondary_database @secondary_database = N'mgc', @primary_server = N'SQLP',
                @primary_database = N'mgc', @restore_delay = 0, @restore_mode = 0, @disconnect_users = 0,
                @restore_threshold = 45, @threshold_alert_enabled = 1, @history_retention_period = 5760, @overwrite = 1";
        bench.rows("CREATE DATABASE mgc").await;
        bench.rows(r"BACKUP DATABASE mgc TO DISK = 'D:\backup\mgc.bak' WITH INIT; DROP DATABASE mgc").await;
        bench.rows(r"RESTORE DATABASE mgc FROM DISK = 'D:\backup\mgc.bak' WITH NORECOVERY").await;
        bench.rows(set_up).await;
        let walk = "DECLARE @db sysname, @last nvarchar(500), @all nvarchar(max) = N''
            DECLARE secondaries CURSOR LOCAL FAST_FORWARD FOR
                SELECT secondary_database, last_restored_file FROM msdb.dbo.log_shipping_secondary_databases
            OPEN secondaries
            FETCH NEXT FROM secondaries INTO @db, @last
            WHILE @@FETCH_STATUS = 0
            BEGIN
                EXEC master.dbo.sp_delete_log_shipping_secondary_database @secondary_database = @db
                SET @all = @all + @db + N':' + ISNULL(@last, N'none')
                FETCH NEXT FROM secondaries INTO @db, @last
            END
            CLOSE secondaries
            DEALLOCATE secondaries
            SELECT @all, (SELECT COUNT(*) FROM msdb.dbo.log_shipping_secondary_databases)";
        let sink = bench.run(walk).await;
        assert!(sink.error().is_none(), "{:?}", sink.error());
        assert_eq!(shown(&sink.sets.last().expect("an answer").rows[0]), "mgc:none|0");
    });
}

/// A full backup and three log backups in `D:\backup`, a row before each; the database is gone afterwards.
async fn a_chain_of_backups(bench: &Bench) {
    bench.rows("CREATE DATABASE mgc").await;
    bench.rows("CREATE TABLE mgc.dbo.t (a int)").await;
    bench.rows(r"BACKUP DATABASE mgc TO DISK = N'D:\backup\mgc.bak' WITH INIT").await;
    for n in 1..=3 {
        bench.rows(&format!("INSERT mgc.dbo.t VALUES ({n})")).await;
        bench
            .rows(&format!(r"BACKUP LOG mgc TO DISK = N'D:\backup\mgc_2026112212000{n}.trn' WITH INIT"))
            .await;
    }
    bench.rows("DROP DATABASE mgc").await;
    bench.rows(r"RESTORE DATABASE mgc FROM DISK = N'D:\backup\mgc.bak' WITH FILE = 1, MOVE N'mgc' TO N'D:\data\mgc2.mdf', MOVE N'mgc_log' TO N'D:\data\mgc2.ldf', NORECOVERY, REPLACE, STATS = 5").await;
}

const RESTORE_BY_DIRTREE: &str = r"SET NOCOUNT ON
    DECLARE @backupPath nvarchar(500) = N'D:\backup\', @cmd nvarchar(1000), @file nvarchar(500)
    DECLARE @fileList TABLE (backupFile nvarchar(255), depth int, isFile int)
    INSERT INTO @fileList (backupFile, depth, isFile) EXEC master.sys.xp_dirtree @backupPath, 1, 1
    DECLARE backupFiles CURSOR FOR
        SELECT backupFile FROM @fileList WHERE backupFile LIKE '%.trn' AND backupFile LIKE 'mgc%' AND isFile = 1 ORDER BY backupFile
    OPEN backupFiles
    FETCH NEXT FROM backupFiles INTO @file
    WHILE @@FETCH_STATUS = 0
    BEGIN
        SET @cmd = 'RESTORE LOG [mgc] FROM DISK = ''' + @backupPath + @file + ''' WITH NORECOVERY'
        EXEC (@cmd)
        FETCH NEXT FROM backupFiles INTO @file
    END
    CLOSE backupFiles
    DEALLOCATE backupFiles
    SET @cmd = 'RESTORE DATABASE [mgc] WITH RECOVERY'
    EXEC (@cmd)";

const RESTORE_BY_ENUMERATION: &str = r"DECLARE @sql nvarchar(max), @path nvarchar(512)
    DECLARE files CURSOR LOCAL STATIC READ_ONLY FORWARD_ONLY FOR
        SELECT full_filesystem_path FROM sys.dm_os_enumerate_filesystem(N'D:\backup', N'mgc*.trn')
        WHERE is_directory = 0 ORDER BY file_or_directory_name
    OPEN files
    FETCH NEXT FROM files INTO @path
    WHILE @@FETCH_STATUS = 0
    BEGIN
        RESTORE LOG mgc FROM DISK = @path WITH NORECOVERY, STATS = 10
        FETCH NEXT FROM files INTO @path
    END
    CLOSE files DEALLOCATE files
    RESTORE DATABASE mgc WITH RECOVERY";

#[rstest::rstest]
#[case(RESTORE_BY_DIRTREE)]
#[case(RESTORE_BY_ENUMERATION)]
fn every_log_backup_of_a_folder_is_restored(#[case] script: &'static str) {
    on_a_bench(async |bench| {
        a_chain_of_backups(&bench).await;
        bench.rows(script).await;
        assert_eq!(bench.rows("SELECT a FROM mgc.dbo.t ORDER BY a").await, "1; 2; 3");
        let history = "SELECT r.restore_type, COUNT(*) FROM msdb.dbo.restorehistory r \
            JOIN msdb.dbo.backupset b ON b.backup_set_id = r.backup_set_id \
            JOIN msdb.dbo.backupmediafamily f ON f.media_set_id = b.media_set_id \
            WHERE r.destination_database_name = 'mgc' GROUP BY r.restore_type ORDER BY r.restore_type";
        assert_eq!(bench.rows(history).await, "D|1; L|3");
    });
}

#[test]
fn the_file_system_is_listed_as_it_is() {
    on_a_bench(async |bench| {
        a_chain_of_backups(&bench).await;
        bench.rows(r"EXEC xp_create_subdir 'D:\backup\old'").await;
        let listed = r"SELECT file_or_directory_name, level, is_directory, parent_directory
            FROM sys.dm_os_enumerate_filesystem('D:\', '*') WHERE full_filesystem_path LIKE 'D:\backup\%' ORDER BY 1";
        assert_eq!(
            bench.rows(listed).await,
            r"mgc.bak|1|0|D:\backup\; mgc_20261122120001.trn|1|0|D:\backup\; mgc_20261122120002.trn|1|0|D:\backup\; mgc_20261122120003.trn|1|0|D:\backup\; old|1|1|D:\backup\"
        );
        let pattern = r"SELECT COUNT(*) FROM sys.dm_os_enumerate_filesystem('D:\backup', '*0?.TRN')";
        assert_eq!(bench.rows(pattern).await, "3");
        assert_eq!(
            bench.rows(r"SELECT COUNT(*) FROM sys.dm_os_enumerate_filesystem('D:\nowhere', '*')").await,
            "0"
        );
        let cases = [
            (r"D:\backup\mgc.bak", "1|0|1"),
            (r"D:\backup", "0|1|1"),
            (r"D:\backup\none.bak", "0|0|1"),
            (r"D:\none\none.bak", "0|0|0"),
        ];
        for (path, expected) in cases {
            let exists = format!("SELECT * FROM sys.dm_os_file_exists(N'{path}')");
            assert_eq!(bench.rows(&exists).await, expected, "{path}");
        }
        let each = r"SELECT p.path, e.file_exists FROM (VALUES (N'D:\backup\mgc.bak'), (N'D:\backup\nix')) p(path)
            CROSS APPLY sys.dm_os_file_exists(p.path) e ORDER BY 1";
        assert_eq!(bench.rows(each).await, r"D:\backup\mgc.bak|1; D:\backup\nix|0");
    });
}

#[test]
fn a_statements_listing_is_read_anew_by_the_next_one() {
    on_a_bench(async |bench| {
        let count = r"SELECT COUNT(*) FROM sys.dm_os_enumerate_filesystem('D:\backup', '*')";
        assert_eq!(bench.rows(count).await, "0");
        bench.rows(r"EXEC master.dbo.xp_create_subdir N'D:\backup\new'").await;
        assert_eq!(bench.rows(count).await, "1");
        let in_one_batch = format!(r"{count}; EXEC master.dbo.xp_create_subdir N'D:\backup\more'; {count}");
        let sink = bench.run(&in_one_batch).await;
        let counts: Vec<String> = sink.sets.iter().map(|set| shown(&set.rows[0])).collect();
        assert_eq!(counts, ["1", "2"]);
        assert_eq!(bench.rows(r"EXEC xp_subdirs 'D:\backup'").await, "more; new");
    });
}

#[test]
fn old_backups_are_deleted_and_other_files_are_not() {
    on_a_bench(async |bench| {
        a_chain_of_backups(&bench).await;
        bench.rows(r"EXEC master.dbo.xp_delete_file 0, N'D:\backup', N'trn', N'2000-01-01T00:00:00'").await;
        let count = r"SELECT COUNT(*) FROM sys.dm_os_enumerate_filesystem('D:\backup', '*')";
        assert_eq!(bench.rows(count).await, "4");
        let files = &bench.instance.0.files;
        files.create(r"D:\backup\notes.trn").await.expect("a file");
        files.append(r"D:\backup\notes.trn", "no backup at all".into()).await.expect("written");
        bench.rows(r"EXEC master.dbo.xp_delete_file 0, N'D:\backup', N'trn', N'2100-01-01T00:00:00'").await;
        let left =
            r"SELECT file_or_directory_name FROM sys.dm_os_enumerate_filesystem('D:\backup', '*') ORDER BY 1";
        assert_eq!(bench.rows(left).await, "mgc.bak; notes.trn");
    });
}

#[test]
fn the_history_tells_where_the_last_backup_is() {
    on_a_bench(async |bench| {
        a_chain_of_backups(&bench).await;
        let last = "SELECT TOP 1 bs.database_name, bs.type, bmf.physical_device_name
            FROM msdb..backupset bs INNER JOIN msdb..backupmediafamily bmf ON bs.media_set_id = bmf.media_set_id
            WHERE bs.database_name = 'mgc' ORDER BY bs.backup_finish_date DESC, bs.backup_set_id DESC";
        assert_eq!(bench.rows(last).await, r"mgc|L|D:\backup\mgc_20261122120003.trn");
        let never = "SELECT d.name FROM sys.databases d LEFT OUTER JOIN msdb.dbo.backupset b
            ON b.database_name = d.name AND b.type = 'D' WHERE d.database_id > 4 GROUP BY d.name HAVING MAX(b.backup_finish_date) IS NULL";
        bench.rows("CREATE DATABASE fresh").await;
        assert_eq!(bench.rows(never).await, "fresh");
        let chain = "SELECT COUNT(*) FROM msdb.dbo.backupset a JOIN msdb.dbo.backupset b
            ON a.database_name = b.database_name AND a.type = 'L' AND b.type = 'L' AND a.last_lsn = b.first_lsn";
        assert_eq!(bench.rows(chain).await, "2");
    });
}

#[test]
fn a_tail_is_taken_from_a_database_that_others_used() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE mgc").await;
        bench.rows("CREATE TABLE mgc.dbo.t (a int)").await;
        bench
            .rows(
                r"BACKUP DATABASE mgc TO DISK = N'D:\backup\mgc.bak' WITH INIT; INSERT mgc.dbo.t VALUES (7)",
            )
            .await;
        bench
            .rows(
                r"USE master
                ALTER DATABASE [mgc] SET SINGLE_USER WITH ROLLBACK IMMEDIATE
                BACKUP LOG [mgc] TO DISK = N'D:\backup\tail.trn' WITH NORECOVERY, NO_TRUNCATE, NOFORMAT, INIT, NAME = N'mgc-tail', SKIP, NOREWIND, NOUNLOAD, STATS = 10",
            )
            .await;
        assert_eq!(bench.rows("SELECT state_desc FROM sys.databases WHERE name = 'mgc'").await, "RESTORING");
        bench.rows(r"RESTORE DATABASE mgc FROM DISK = 'D:\backup\mgc.bak' WITH NORECOVERY, REPLACE; RESTORE LOG mgc FROM DISK = 'D:\backup\tail.trn' WITH RECOVERY; ALTER DATABASE mgc SET MULTI_USER").await;
        assert_eq!(bench.rows("SELECT a FROM mgc.dbo.t").await, "7");
    });
}

fn texts(sink: &CollectingSink) -> Vec<String> {
    sink.messages.iter().map(|message| message.message.clone()).collect()
}

#[test]
fn dbcc_checks_tell_what_they_looked_at() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE mgc").await;
        bench.rows("USE mgc CREATE TABLE t (a int) INSERT t VALUES (1), (2)").await;
        let told = texts(&bench.run("DBCC CHECKDB").await);
        assert_eq!(
            told,
            [
                "DBCC results for 'mgc'.",
                "DBCC results for 't'.",
                "There are 2 rows in 1 pages for object \"t\".",
                "CHECKDB found 0 allocation errors and 0 consistency errors in database 'mgc'.",
                "DBCC execution completed. If DBCC printed error messages, contact your system administrator.",
            ]
        );
        assert!(
            texts(&bench.run("DBCC CHECKDB (N'mgc') WITH NO_INFOMSGS, ALL_ERRORMSGS, PHYSICAL_ONLY").await)
                .is_empty()
        );
        assert_eq!(texts(&bench.run("DBCC CHECKTABLE ('dbo.t')").await).len(), 3);
        assert_eq!(bench.error("DBCC CHECKTABLE ('nope')").await, 2501);
        assert_eq!(bench.error("DBCC CHECKDB (mgc, REPAIR_ALLOW_DATA_LOSS)").await, 7919);
        assert_eq!(bench.error("DBCC CHECKDB (nope)").await, 2520);
        assert_eq!(bench.error("DBCC NONSENSE").await, 2526);
        assert_eq!(bench.error("DBCC PAGE (mgc, 1, 1, 3)").await, 40_510);
    });
}

#[test]
fn dbcc_opentran_names_the_oldest_writer() {
    on_a_bench(async |bench| {
        let (bench, other) = two_sessions(bench).await;
        assert_eq!(texts(&bench.run("DBCC OPENTRAN (d)").await)[0], "No active open transactions.");
        other.rows("BEGIN TRAN INSERT t VALUES (3, 30)").await;
        let told = texts(&bench.run("DBCC OPENTRAN").await);
        assert_eq!(told[0], "Transaction information for database 'd'.");
        assert!(told.contains(&format!("    SPID (server process ID): {}", other.session().id)), "{told:?}");
        let table = "CREATE TABLE #o (n varchar(25), v sql_variant)
            INSERT #o EXEC ('DBCC OPENTRAN WITH TABLERESULTS, NO_INFOMSGS')
            SELECT CAST(v AS int) FROM #o WHERE n = 'OLDACT_SPID'";
        assert_eq!(bench.rows(table).await, other.session().id.to_string());
    });
}

#[test]
fn dbcc_shows_log_space_and_what_a_session_asked_for() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE mgc").await;
        let space = "CREATE TABLE #s (db sysname, size_mb real, used real, status int)
            INSERT #s EXEC ('DBCC SQLPERF(LOGSPACE) WITH NO_INFOMSGS') SELECT db, status FROM #s WHERE db = 'mgc' AND size_mb > 0";
        assert_eq!(bench.rows(space).await, "mgc|0");
        assert_eq!(bench.run("DBCC LOGINFO ('mgc')").await.sets[0].rows.len(), 1);
        let other = bench.other();
        other.rows("SELECT 'what is asked'").await;
        let id = other.session().id;
        let buffer = format!(
            "CREATE TABLE #b (t nvarchar(30), p int, e nvarchar(4000)) INSERT #b EXEC ('DBCC INPUTBUFFER({id}) WITH NO_INFOMSGS') SELECT t, e FROM #b"
        );
        assert_eq!(bench.rows(&buffer).await, "Language Event|SELECT 'what is asked'");
        let text = format!(
            "SELECT t.text FROM sys.dm_exec_connections c CROSS APPLY sys.dm_exec_sql_text(c.most_recent_sql_handle) t WHERE c.session_id = {id}"
        );
        assert_eq!(bench.rows(&text).await, "SELECT 'what is asked'");
        assert_eq!(bench.error("DBCC INPUTBUFFER(9999)").await, 7955);
        assert_eq!(bench.error("DBCC TRACEON (1222, -1)").await, 40_510);
        bench.rows("DBCC TRACEON (3604)").await;
        assert_eq!(bench.rows("DBCC TRACESTATUS (3604)").await, "3604|1|0|1");
    });
}

#[test]
fn dbcc_checkident_tells_and_sets_the_identity() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE d").await;
        bench.rows("USE d CREATE TABLE t (id int IDENTITY, v int); CREATE TABLE u (a int); INSERT t (v) VALUES (1), (2)").await;
        let told = texts(&bench.run("DBCC CHECKIDENT ('dbo.t', NORESEED)").await);
        assert_eq!(
            told[0],
            "Checking identity information: current identity value '2', current column value '2'."
        );
        let told = texts(&bench.run("DBCC CHECKIDENT (t, RESEED, 40)").await);
        assert_eq!(told[0], "Checking identity information: current identity value '2'.");
        assert_eq!(bench.rows("INSERT t (v) OUTPUT inserted.id VALUES (3)").await, "41");
        bench.rows("TRUNCATE TABLE t; DBCC CHECKIDENT (t, RESEED, 7) WITH NO_INFOMSGS").await;
        assert_eq!(bench.rows("INSERT t (v) OUTPUT inserted.id VALUES (3)").await, "7");
        assert_eq!(bench.error("DBCC CHECKIDENT ('u')").await, 7997);
        bench.rows("BEGIN TRAN DBCC CHECKIDENT (t, RESEED, 90) ROLLBACK").await;
        assert_eq!(bench.rows("INSERT t (v) OUTPUT inserted.id VALUES (3)").await, "8");
    });
}

#[test]
fn what_blocks_whom_is_found_with_the_text_behind_it() {
    on_a_bench(async |bench| {
        let (blocker, waiter) = two_sessions(bench).await;
        let looker = blocker.other();
        blocker.rows("BEGIN TRAN UPDATE t SET b = 11 WHERE a = 1").await;
        let (head, tail) = (blocker.session().id, waiter.session().id);
        let waiting = waiter.error("SET LOCK_TIMEOUT 5000 SELECT b FROM t");
        let looking = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let locks = looker.rows("CREATE TABLE #l (spid int, dbid int, objid int, indid int, type nchar(4), resource nchar(32), mode nvarchar(8), status nvarchar(5)) INSERT #l EXEC sp_lock SELECT COUNT(*) FROM #l WHERE status = 'WAIT'").await;
            let blocked = looker.rows("SELECT s.session_id, p.blocked FROM sys.dm_exec_sessions s JOIN sys.sysprocesses p ON p.spid = s.session_id WHERE p.blocked <> 0").await;
            (locks, blocked)
        };
        let (number, (locks, blocked)) = tokio::join!(waiting, looking);
        assert_eq!(number, 1222);
        assert_eq!(locks, "1");
        assert_eq!(blocked, format!("{tail}|{head}"));
    });
}

#[test]
fn settings_are_changed_and_reconfigured() {
    on_a_bench(async |bench| {
        assert_eq!(bench.error("EXEC sp_configure 'max server memory (MB)', 2048").await, 15_123);
        bench.rows("EXEC sp_configure 'show advanced options', 1; RECONFIGURE").await;
        bench.rows("EXEC sp_configure 'max server memory', 2048").await;
        let setting =
            "SELECT value, value_in_use FROM sys.configurations WHERE name LIKE 'max server memory%'";
        assert_eq!(bench.rows(setting).await, "2048|2147483647");
        bench.rows("RECONFIGURE WITH OVERRIDE").await;
        assert_eq!(bench.rows(setting).await, "2048|2048");
        assert_eq!(bench.error("EXEC sp_configure 'xp_cmdshell', 1").await, 40_510);
        assert_eq!(bench.error("EXEC sp_configure 'max degree of parallelism', 99999").await, 15_129);
        assert_eq!(bench.error("EXEC xp_cmdshell 'dir'").await, 15_281);
    });
}

#[test]
fn a_setting_makes_backups_compressed_unless_the_statement_says_otherwise() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE mgc").await;
        bench.rows("EXEC sp_configure 'backup compression default', 1; RECONFIGURE").await;
        bench.rows(r"BACKUP DATABASE mgc TO DISK = 'D:\backup\a.bak'; BACKUP DATABASE mgc TO DISK = 'D:\backup\b.bak' WITH NO_COMPRESSION").await;
        let flags = r"CREATE TABLE #n (n int); SELECT COUNT(*) FROM msdb.dbo.backupset WHERE name IS NULL";
        assert_eq!(bench.rows(flags).await, "2");
        for (file, expected) in [("a", 1), ("b", 0)] {
            let header = bench.run(&format!(r"RESTORE HEADERONLY FROM DISK = 'D:\backup\{file}.bak'")).await;
            let at = header.sets[0].columns.iter().position(|c| &*c.name == "Compressed").expect("a column");
            let flag = match &header.sets[0].rows[0][at] {
                Value::Bit(bit) => i32::from(*bit),
                Value::Int(n) => i32::try_from(*n).expect("a flag"),
                other => unreachable!("{other:?}"),
            };
            assert_eq!(flag, expected, "{file}");
        }
    });
}

#[test]
fn objects_are_renamed() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE d").await;
        bench.rows("USE d CREATE TABLE t (a int CONSTRAINT pk PRIMARY KEY, b int); CREATE INDEX ix ON t (b); INSERT t VALUES (1, 2)").await;
        bench.rows("CREATE PROCEDURE p AS SELECT 5").await;
        bench.rows("EXEC sp_rename 't.b', 'c', 'COLUMN'; EXEC sp_rename 'dbo.t', 'u'; EXEC sp_rename 'u.ix', 'iy', 'INDEX'; EXEC sp_rename 'pk', 'pk2', 'OBJECT'; EXEC sp_rename 'p', 'q'").await;
        assert_eq!(bench.rows("SELECT c FROM dbo.u WHERE a = 1").await, "2");
        assert_eq!(
            bench.rows("SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID('u') ORDER BY name").await,
            "iy; pk2"
        );
        assert_eq!(bench.rows("EXEC q").await, "5");
        assert_eq!(bench.error("SELECT * FROM t").await, 208);
        assert_eq!(bench.error("EXEC sp_rename 'nope', 'x'").await, 15_225);
        assert_eq!(bench.error("EXEC sp_rename 'u.c', 'a', 'COLUMN'").await, 15_335);
        bench.rows("BEGIN TRAN; EXEC sp_rename 'u', 'w'; ROLLBACK; SELECT a FROM u").await;
        bench.rows("EXEC sp_renamedb 'd', 'e'").await;
        assert_eq!(bench.rows("SELECT DB_NAME()").await, "e");
    });
}

#[test]
fn a_procedure_or_view_that_is_not_here_is_refused_by_name() {
    on_a_bench(async |bench| {
        assert_eq!(bench.error("EXEC sp_addlinkedserver 'x'").await, 40_510);
        assert_eq!(bench.error("EXEC master..xp_regread 'a', 'b', 'c'").await, 40_510);
        assert_eq!(bench.error("SELECT * FROM sys.dm_os_wait_stats").await, 40_510);
        assert_eq!(bench.error("SELECT * FROM sys.no_such_view").await, 208);
        assert_eq!(bench.error("EXEC sp_no_such").await, 2812);
    });
}
