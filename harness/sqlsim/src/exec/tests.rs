//! Batches run against a server in memory, answers read back.

use crate::clock::Clock;
use crate::config::{CostModel, InstanceConfig};
use crate::instance::Instance;
use crate::network::NoNetwork;
use crate::observer::NoObserver;
use crate::session::Session;
use crate::session::collecting::CollectingSink;
use crate::session::open::{Introduction, OpenSession};
use crate::store::memory_files::MemoryFiles;
use crate::value::Value;
use std::rc::Rc;

mod certificates;
mod changes;
mod cultures;
mod cursors;
mod errors;
mod idioms;
mod isolation;
mod json;
mod limits;
mod modules;
mod permissions;
mod queries;
mod reference;
mod refusals;
mod streaming;

/// A server and one session of sa.
struct Bench {
    instance: Instance,
    session: OpenSession,
}

impl Bench {
    fn new() -> Self {
        let utc: jiff::Timestamp = "2026-11-22T12:00:00Z".parse().expect("a timestamp");
        let clock = Clock::starting_at(utc, 60);
        let config = InstanceConfig {
            server_name: "SQLA1".into(),
            host: "sqla1.contoso.com".into(),
            sa_password: "Pass.word1".into(),
            tds_port: 1433,
            data_directory: r"D:\data".into(),
            backup_directory: r"D:\backup".into(),
            agent_enabled: false,
            seed: 7,
            cost: CostModel::default(),
            product: crate::config::Product::default(),
        };
        let files = MemoryFiles::new(&clock, &['D']);
        for directory in [r"D:\data", r"D:\backup"] {
            files.make_directory(directory).expect("a drive");
        }
        let instance =
            Instance::start(config, clock, Rc::new(files), Rc::new(NoNetwork), Rc::new(NoObserver));
        let session = instance.open_session(Introduction::of_service("tests", "host")).expect("a session");
        Self { instance, session }
    }

    fn session(&self) -> &Rc<Session> {
        self.session.session()
    }

    async fn run(&self, text: &str) -> CollectingSink {
        let mut sink = CollectingSink::new();
        super::batch(&self.instance, self.session(), text, &mut sink).await;
        sink
    }

    /// Runs a batch that must succeed; its first result set as text, rows separated by `;`.
    async fn rows(&self, text: &str) -> String {
        let sink = self.run(text).await;
        assert!(sink.error().is_none(), "{text}: {:?}", sink.error());
        sink.sets
            .first()
            .map(|set| set.rows.iter().map(|row| shown(row)).collect::<Vec<_>>().join("; "))
            .unwrap_or_default()
    }

    /// The number of the first error of a batch; 0 for none.
    async fn error(&self, text: &str) -> i32 {
        self.run(text).await.error().map_or(0, |error| error.number)
    }
}

fn shown(row: &[Value]) -> String {
    row.iter()
        .map(|value| match value {
            Value::Null => "NULL".to_owned(),
            other => crate::value::convert::display(other, crate::value::DataType::SqlVariant, 0)
                .unwrap_or_default(),
        })
        .collect::<Vec<_>>()
        .join("|")
}

/// Runs a batch that needs no table; its rows as text.
fn answers(text: &'static str, expected: &'static str) {
    on_a_bench(async |bench| assert_eq!(bench.rows(text).await, expected, "{text}"));
}

/// Runs `test` on a paused clock.
fn on_a_bench<F: Future<Output = ()>>(test: impl FnOnce(Bench) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async { test(Bench::new()).await });
}

#[rstest::rstest]
#[case("SELECT 1 + 1", "2")]
#[case("select 7/2, 7%2, -7/2", "3|1|-3")]
#[case("SELECT 1/3.0", "0.333333")]
#[case("SELECT '1' + '2', '1' + 2", "12|3")]
#[case("SELECT CASE WHEN 'a' = 'A  ' THEN 'same' ELSE 'other' END", "same")]
#[case("SELECT CASE WHEN NULL = NULL THEN 1 ELSE 0 END", "0")]
#[case("SELECT CAST('12.345' AS decimal(5,2)), CAST(2.5 AS int), ROUND(2.5, 0)", "12.35|2|3.0")]
#[case("SELECT CONVERT(varchar(3), 'abcdef'), CAST('2026-11-22' AS datetime)", "abc|Nov 22 2026 12:00AM")]
#[case("SELECT CONVERT(char(19), CONVERT(datetime, '20261122 10:20:30'), 120)", "2026-11-22 10:20:30")]
#[case("SELECT ISNULL(NULL, 'x'), COALESCE(NULL, NULL, 3), NULLIF(1, 1)", "x|3|NULL")]
#[case(
    "SELECT LEN('ab  '), UPPER('mgc'), SUBSTRING('abcdef', 2, 3), CHARINDEX('C', 'abc'), REPLACE('aXbx','x','-')",
    "2|MGC|bcd|3|a-b-"
)]
#[case(
    "SELECT DATEADD(minute, 5, '2026-11-22 23:58'), DATEDIFF(day, '2026-11-22 23:59', '2026-11-23')",
    "2026-11-23 00:03:00.0000000|1"
)]
#[case(
    "SELECT CONVERT(varchar(30), GETDATE(), 121), CONVERT(varchar(30), GETUTCDATE(), 120)",
    "2026-11-22 13:00:00.000|2026-11-22 12:00:00"
)]
#[case("SELECT DB_NAME(), SUSER_SNAME(), @@SERVERNAME, IS_SRVROLEMEMBER('sysadmin')", "master|sa|SQLA1|1")]
#[case(
    "DECLARE @i int = 0, @s varchar(20) = ''; WHILE @i < 3 BEGIN SET @i += 1; IF @i = 2 CONTINUE; SET @s = @s + CAST(@i AS varchar(2)) END SELECT @s",
    "13"
)]
#[case(
    "DECLARE @i int = 0, @n int = 0; WHILE @i < 2 BEGIN DECLARE @kept int, @fresh int = NULL; SET @n += ISNULL(@kept, 0) + ISNULL(@fresh, 100); SET @kept = 5; SET @fresh = 7; SET @i += 1 END SELECT @n",
    "205"
)]
#[case("SELECT x.n FROM (VALUES (3), (1), (2)) AS x(n) ORDER BY n DESC", "3; 2; 1")]
#[case("SELECT COUNT(*), SUM(n), AVG(n), MIN(n), MAX(n) FROM (VALUES (1), (2), (4)) x(n)", "3|7|2|1|4")]
#[case(
    "WITH t AS (SELECT 1 AS a UNION ALL SELECT 2) SELECT a, ROW_NUMBER() OVER (ORDER BY a DESC) FROM t ORDER BY a",
    "1|2; 2|1"
)]
#[case(
    "SELECT DATALENGTH(REPLICATE('ab', 2)), DATALENGTH(REPLACE(N'abc', 'b', 'x')), DATALENGTH(STUFF('abc', 1, 1, 'xy'))",
    "4|6|4"
)]
#[case(
    "SELECT DATALENGTH(REPLICATE('ab', 9000)), DATALENGTH(REPLICATE(CAST('ab' AS varchar(max)), 9000))",
    "8000|18000"
)]
#[case("SELECT QUOTENAME('a]b'), STUFF('abc', 2, 1, 'X'), REPLICATE('ab', 2)", "[a]]b]|aXc|abab")]
#[case("BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_MESSAGE() END CATCH", "")]
fn a_batch_answers(#[case] text: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| {
        let rows = bench.rows(text).await;
        if !expected.is_empty() {
            assert_eq!(rows, expected, "{text}");
        }
    });
}

#[rstest::rstest]
#[case("SELEC 1", 2812)]
#[case("SELECT FROM", 156)]
#[case("SELECT 1 +", 102)]
#[case("SELECT 'abc", 105)]
#[case("SELECT nope", 207)]
#[case("SELECT * FROM nope", 208)]
#[case("SELECT 1/0", 8134)]
#[case("SELECT CAST('x' AS int)", 245)]
#[case("SELECT CAST('x' AS numeric(5,0))", 8114)]
#[case("SELECT 2147483647 + 1", 8115)]
#[case("SELECT CAST(300 AS tinyint)", 220)]
#[case("SELECT CAST('nope' AS datetime)", 241)]
#[case("SELECT @x", 137)]
#[case("DECLARE @x int; KILL @x", 102)]
#[case("KILL 99", 6106)]
#[case("USE nope", 911)]
#[case("EXEC nope", 2812)]
#[case("COMMIT", 3902)]
#[case("ROLLBACK", 3903)]
#[case("THROW 50001, 'x', 1", 50001)]
#[case("RAISERROR('x %d', 16, 1, 5)", 50000)]
#[case("SELECT NOPE(1)", 195)]
#[case("MERGE t USING s ON 1=1", 102)]
fn a_wrong_batch_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(text).await, number, "{text}"));
}

#[test]
fn rows_go_in_and_come_out() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE mgc").await;
        bench.rows("USE mgc CREATE TABLE dbo.tblChat (id int IDENTITY PRIMARY KEY, room nvarchar(50) NOT NULL, body nvarchar(max) NULL, at datetime NOT NULL DEFAULT GETUTCDATE(), n int CHECK (n > 0))").await;
        bench
            .rows("INSERT dbo.tblChat (room, body, n) VALUES (N'one', N'hello', 1), (N'two', NULL, 2)")
            .await;
        assert_eq!(bench.rows("SELECT id, room, body, n FROM tblChat").await, "1|one|hello|1; 2|two|NULL|2");
        assert_eq!(bench.error("INSERT tblChat (room, n) VALUES (NULL, 1)").await, 515);
        assert_eq!(bench.error("INSERT tblChat (room, n) VALUES ('x', 0)").await, 547);
        assert_eq!(bench.error("INSERT tblChat (id, room) VALUES (1, 'x')").await, 544);
        bench.rows("UPDATE tblChat SET body = body + N'!', n += 1 WHERE id = 1").await;
        assert_eq!(bench.rows("SELECT body, n FROM tblChat WHERE id = 1").await, "hello!|2");
        bench.rows("DELETE c FROM tblChat c WHERE c.room = 'TWO'").await;
        assert_eq!(bench.rows("SELECT COUNT(*), @@TRANCOUNT FROM tblChat").await, "1|0");
        assert_eq!(
            bench.rows("INSERT tblChat (room) OUTPUT inserted.id, inserted.room VALUES ('three')").await,
            "5|three"
        );
        assert_eq!(bench.rows("BEGIN TRAN DELETE tblChat ROLLBACK SELECT COUNT(*) FROM tblChat").await, "2");
        assert_eq!(
            bench
                .rows("EXEC sp_executesql N'SELECT room FROM tblChat WHERE id = @id', N'@id int', @id = 5")
                .await,
            "three"
        );
    });
}

#[test]
fn a_procedure_takes_arguments_and_gives_status_and_output() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE d").await;
        bench.rows("USE d").await;
        bench.rows("CREATE PROCEDURE dbo.p @a int, @b nvarchar(10) = N'dflt', @c int OUTPUT AS BEGIN SET @c = @a * 2; SELECT @b; RETURN 7 END").await;
        assert_eq!(
            bench.rows("DECLARE @o int, @rc int; EXEC @rc = p 4, @c = @o OUTPUT; SELECT @o, @rc").await,
            "dflt"
        );
        let sink = bench.run("DECLARE @o int, @rc int; EXEC @rc = p 4, @c = @o OUTPUT; SELECT @o, @rc").await;
        assert_eq!(shown(&sink.sets[1].rows[0]), "8|7");
        assert_eq!(bench.error("EXEC p").await, 201);
        assert_eq!(bench.error("EXEC p 1, 2, 3, 4").await, 8144);
        assert_eq!(bench.error("EXEC p @z = 1").await, 8145);
    });
}

#[test]
fn temporary_tables_end_with_their_procedure() {
    on_a_bench(async |bench| {
        bench.rows("CREATE TABLE #t (a int)").await;
        bench.rows("INSERT #t VALUES (1), (2)").await;
        assert_eq!(bench.rows("SELECT SUM(a) FROM #t").await, "3");
        bench.rows("EXEC('CREATE TABLE #inner (a int)')").await;
        assert_eq!(bench.error("SELECT * FROM #inner").await, 208);
        assert_eq!(bench.rows("SELECT a INTO #copy FROM #t WHERE a > 1 SELECT a FROM #copy").await, "2");
        assert_eq!(bench.rows("DECLARE @t TABLE (k int PRIMARY KEY, v varchar(5)); INSERT @t VALUES (1,'x'); SELECT v FROM @t").await.as_str(), "x");
    });
}

#[test]
fn a_database_is_backed_up_and_restored_by_statements() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE mgc").await;
        bench.rows("CREATE TABLE mgc.dbo.t (a int)").await;
        bench.rows("INSERT mgc.dbo.t VALUES (1)").await;
        bench.rows(r"BACKUP DATABASE mgc TO DISK = N'D:\backup\mgc.bak' WITH INIT, STATS = 50").await;
        bench.rows("INSERT mgc.dbo.t VALUES (2)").await;
        bench.rows(r"DECLARE @f nvarchar(200) = N'D:\backup\mgc.trn' BACKUP LOG mgc TO DISK = @f").await;
        bench.rows("DROP DATABASE mgc").await;
        bench.rows(r"RESTORE DATABASE mgc FROM DISK = 'D:\backup\mgc.bak' WITH NORECOVERY").await;
        assert_eq!(bench.error("USE mgc").await, 927);
        bench.rows(r"restore log [mgc] from disk = N'D:\backup\mgc.trn' with norecovery").await;
        bench.rows("RESTORE DATABASE mgc WITH RECOVERY").await;
        assert_eq!(bench.rows("SELECT a FROM mgc.dbo.t").await, "1; 2");
        let header = bench.run(r"RESTORE HEADERONLY FROM DISK = 'D:\backup\mgc.trn'").await;
        assert_eq!(header.sets[0].columns.len(), 56);
    });
}

impl Bench {
    /// Another session of the same server.
    fn other(&self) -> Self {
        let who = Introduction::of_service("other", "host");
        let session = self.instance.open_session(who).expect("a session");
        Self { instance: self.instance.clone(), session }
    }
}

/// A database `d` with a table `t (a int PRIMARY KEY, b int)` of two rows, current in both sessions.
async fn two_sessions(bench: Bench) -> (Bench, Bench) {
    bench.rows("CREATE DATABASE d").await;
    bench.rows("USE d CREATE TABLE t (a int PRIMARY KEY, b int) INSERT t VALUES (1, 10), (2, 20)").await;
    let other = bench.other();
    other.rows("USE d").await;
    (bench, other)
}

#[test]
fn a_reader_waits_for_a_writer_and_gives_up_with_1222() {
    on_a_bench(async |bench| {
        let (writer, reader) = two_sessions(bench).await;
        writer.rows("BEGIN TRAN UPDATE t SET b = 11 WHERE a = 1").await;
        assert_eq!(reader.error("SET LOCK_TIMEOUT 500 SELECT b FROM t").await, 1222);
        assert_eq!(reader.rows("SELECT b FROM t WHERE a = 2").await, "20");
        assert_eq!(reader.rows("SELECT b FROM t WITH (NOLOCK) WHERE a = 1").await, "11");
        let waiting = reader.rows("SET LOCK_TIMEOUT -1 SELECT b FROM t WHERE a = 1");
        let committing = async {
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            writer.rows("COMMIT").await
        };
        assert_eq!(tokio::join!(waiting, committing).0, "11");
    });
}

#[test]
fn of_two_that_wait_for_each_other_one_gets_1205() {
    on_a_bench(async |bench| {
        let (one, two) = two_sessions(bench).await;
        one.rows("BEGIN TRAN UPDATE t SET b = 1 WHERE a = 1").await;
        two.rows("BEGIN TRAN UPDATE t SET b = 2 WHERE a = 2").await;
        let first = one.error("UPDATE t SET b = 1 WHERE a = 2");
        let second = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            two.error("UPDATE t SET b = 2 WHERE a = 1").await
        };
        assert_eq!(tokio::join!(first, second), (0, 1205));
        assert_eq!(two.rows("SELECT @@TRANCOUNT").await, "0");
        one.rows("COMMIT").await;
        assert_eq!(two.rows("SELECT b FROM t").await, "1; 1");
    });
}

#[test]
fn an_error_in_a_try_block_goes_to_its_catch_block_from_procedures_too() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE d").await;
        bench.rows("USE d").await;
        bench.rows("CREATE PROCEDURE fails AS SELECT 1 AS a; SELECT CAST('x' AS int); SELECT 2").await;
        let sink = bench
            .run("BEGIN TRY EXEC fails END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_PROCEDURE(), XACT_STATE() END CATCH SELECT 9")
            .await;
        assert!(sink.error().is_none(), "{:?}", sink.messages);
        let all: Vec<String> =
            sink.sets.iter().map(|set| set.rows.iter().map(|row| shown(row)).collect()).collect();
        assert_eq!(all, ["1", "245|fails|0", "9"]);
        assert_eq!(bench.error("BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH THROW END CATCH").await, 8134);
        let doomed = "BEGIN TRAN BEGIN TRY SELECT CAST('x' AS int) END TRY BEGIN CATCH SELECT XACT_STATE(); ROLLBACK END CATCH";
        let sink = bench.run(doomed).await;
        assert_eq!(shown(&sink.sets.last().expect("a set").rows[0]), "-1");
    });
}

#[test]
fn a_statement_that_fails_half_way_leaves_nothing_behind() {
    on_a_bench(async |bench| {
        let (bench, _other) = two_sessions(bench).await;
        assert_eq!(bench.error("INSERT t VALUES (3, 30), (1, 0)").await, 2627);
        assert_eq!(bench.rows("SELECT COUNT(*) FROM t").await, "2");
        bench.run("BEGIN TRAN INSERT t VALUES (4, 40) INSERT t VALUES (5, 50), (1, 0) COMMIT").await;
        assert_eq!(bench.rows("SELECT a FROM t ORDER BY a").await, "1; 2; 4");
        bench.rows("BEGIN TRAN SAVE TRAN s DELETE t ROLLBACK TRAN s COMMIT").await;
        assert_eq!(bench.rows("SELECT COUNT(*) FROM t").await, "3");
    });
}

#[test]
fn joins_subqueries_and_groups_agree() {
    on_a_bench(async |bench| {
        let (bench, _other) = two_sessions(bench).await;
        bench.rows("CREATE TABLE u (a int, name varchar(10)) INSERT u VALUES (1, 'one'), (1, 'uno'), (3, 'three')").await;
        let cases = [
            (
                "SELECT t.a, u.name FROM t LEFT JOIN u ON u.a = t.a ORDER BY t.a, u.name",
                "1|one; 1|uno; 2|NULL",
            ),
            (
                "SELECT t.a, u.name FROM t FULL JOIN u ON u.a = t.a ORDER BY u.name DESC",
                "1|uno; NULL|three; 1|one; 2|NULL",
            ),
            ("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)", "1"),
            ("SELECT a FROM t WHERE a NOT IN (SELECT a FROM u)", "2"),
            ("SELECT a, (SELECT COUNT(*) FROM u WHERE u.a = t.a) FROM t ORDER BY 1", "1|2; 2|0"),
            (
                "SELECT u.a, COUNT(*), STRING_AGG(name, ',') WITHIN GROUP (ORDER BY name DESC) FROM u GROUP BY u.a HAVING COUNT(*) > 1",
                "1|2|uno,one",
            ),
            (
                "SELECT t.a, x.n FROM t CROSS APPLY (SELECT COUNT(*) AS n FROM u WHERE u.a = t.a) x ORDER BY t.a",
                "1|2; 2|0",
            ),
            ("SELECT TOP (1) WITH TIES a FROM u ORDER BY a", "1; 1"),
            ("SELECT a FROM t UNION SELECT a FROM u EXCEPT SELECT 3", "1; 2"),
            ("SELECT a FROM t WHERE a > 1 AND a <= 2", "2"),
            ("SELECT x.a FROM (SELECT a, b FROM t) AS x WHERE x.b = 20", "2"),
        ];
        for (text, expected) in cases {
            assert_eq!(bench.rows(text).await, expected, "{text}");
        }
    });
}

#[test]
fn a_cursor_walks_its_rows() {
    on_a_bench(async |bench| {
        let text = "DECLARE @n int, @s int = 0; DECLARE c CURSOR LOCAL FAST_FORWARD FOR SELECT n FROM (VALUES (1), (2), (3)) x(n); \
                    OPEN c; FETCH NEXT FROM c INTO @n; WHILE @@FETCH_STATUS = 0 BEGIN SET @s += @n; FETCH NEXT FROM c INTO @n END; \
                    CLOSE c; DEALLOCATE c; SELECT @s";
        assert_eq!(bench.rows(text).await, "6");
    });
}

#[test]
fn a_view_and_a_foreign_key_hold() {
    on_a_bench(async |bench| {
        let (bench, _other) = two_sessions(bench).await;
        bench.rows("CREATE VIEW v AS SELECT a, b * 2 AS twice FROM t WHERE b > 10").await;
        assert_eq!(bench.rows("SELECT twice FROM v").await, "40");
        bench.rows("CREATE TABLE child (id int IDENTITY, a int REFERENCES t (a))").await;
        assert_eq!(bench.error("INSERT child (a) VALUES (9)").await, 547);
        bench.rows("INSERT child (a) VALUES (1), (NULL)").await;
        assert_eq!(bench.error("DELETE t WHERE a = 1").await, 547);
        assert_eq!(bench.error("DROP TABLE t").await, 3726);
    });
}

#[test]
fn single_user_throws_the_others_out() {
    on_a_bench(async |bench| {
        let (bench, other) = two_sessions(bench).await;
        assert_eq!(bench.error("ALTER DATABASE d SET SINGLE_USER WITH NO_WAIT").await, 5061);
        drop(other);
        bench.rows("ALTER DATABASE d SET SINGLE_USER WITH ROLLBACK IMMEDIATE").await;
        assert_eq!(bench.other().error("USE d").await, 924);
        bench.rows("ALTER DATABASE d SET MULTI_USER").await;
        assert_eq!(bench.other().error("USE d").await, 0);
    });
}

#[test]
fn insert_exec_takes_a_procedures_rows() {
    on_a_bench(async |bench| {
        bench.rows("CREATE TABLE #h (a int, b varchar(5))").await;
        bench.rows("INSERT #h EXEC ('SELECT 1, ''x'' UNION ALL SELECT 2, ''y''')").await;
        assert_eq!(bench.rows("SELECT b FROM #h ORDER BY a").await, "x; y");
    });
}

#[test]
fn a_table_as_management_studio_scripts_it_can_be_made() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE d").await;
        bench.rows("USE d").await;
        bench
            .rows(
                "CREATE TABLE [dbo].[c]([id] [bigint] IDENTITY(1,1) NOT NULL, [g] uniqueidentifier NOT NULL \
                 CONSTRAINT [DF_g] DEFAULT (newid()), [amount] decimal(18,4) NULL, twice AS ([amount]*(2)), \
                 CONSTRAINT [PK_c] PRIMARY KEY CLUSTERED ([id] ASC) WITH (PAD_INDEX = OFF) ON [PRIMARY]) ON [PRIMARY]",
            )
            .await;
        bench.rows("INSERT c (amount) VALUES (1.5), (2)").await;
        let update =
            "UPDATE c SET amount = x.amount + 1 FROM c x JOIN (SELECT MAX(id) AS m FROM c) y ON y.m = x.id";
        bench.rows(update).await;
        assert_eq!(bench.rows("SELECT id, amount, twice FROM c").await, "1|1.5000|3.0000; 2|3.0000|6.0000");
        bench.rows("ALTER TABLE c ADD extra nvarchar(5) NOT NULL CONSTRAINT DF_e DEFAULT 'e'").await;
        assert_eq!(bench.rows("SELECT extra FROM c WHERE id = 2").await, "e");
    });
}

#[test]
fn errors_of_one_statement_share_its_line() {
    on_a_bench(async |bench| {
        let sink = bench.run("SELECT 1\n\nBACKUP DATABASE nope TO DISK = 'x'").await;
        let errors: Vec<_> = sink.messages.iter().map(|message| (message.number, message.line)).collect();
        assert_eq!(errors, [(911, 3), (3013, 3)]);
    });
}

#[test]
fn a_local_cursor_ends_with_its_batch() {
    on_a_bench(async |bench| {
        for _ in 0..2 {
            bench.rows("DECLARE c CURSOR LOCAL FOR SELECT 1").await;
        }
        bench.rows("DECLARE g CURSOR FOR SELECT 1").await;
        assert_eq!(bench.error("DECLARE g CURSOR FOR SELECT 1").await, 16915);
    });
}

#[rstest::rstest]
#[case("SELECT 1", "+1", 10_000, 191)]
#[case("SELECT 1 WHERE 1=1", " AND 1=1", 10_000, 191)]
#[case("SELECT 1", " UNION ALL SELECT 1", 10_000, 191)]
#[case("SELECT ", "(", 10_000, 191)]
#[case("", "BEGIN ", 10_000, 191)]
#[case("SELECT 1", "+1", 230, 0)]
#[case("SELECT 1", " UNION ALL SELECT 1", 110, 0)]
fn a_statement_nested_too_deeply_is_refused(
    #[case] start: &'static str,
    #[case] again: &'static str,
    #[case] times: usize,
    #[case] number: i32,
) {
    on_a_bench(async |bench| {
        assert_eq!(bench.error(&format!("{start}{}", again.repeat(times))).await, number);
    });
}

#[test]
fn a_procedure_that_calls_itself_without_end_gets_217() {
    on_a_bench(async |bench| {
        bench.rows("CREATE DATABASE d").await;
        bench.rows("USE d").await;
        bench.rows("CREATE PROCEDURE again AS EXEC again").await;
        assert_eq!(bench.error("EXEC again").await, 217);
        assert_eq!(bench.rows("SELECT @@NESTLEVEL").await, "0");
    });
}

#[test]
fn a_text_that_grows_without_end_gets_701() {
    on_a_bench(async |bench| {
        let text = "DECLARE @s varchar(max) = REPLICATE(CAST('x' AS varchar(max)), 1000000); WHILE 1 = 1 SET @s = @s + @s";
        assert_eq!(bench.error(text).await, 701);
    });
}
