//! What a database defines: functions, types, synonyms, sequences, global temporary tables.

use super::{Bench, on_a_bench};

async fn database(bench: &Bench) {
    bench.rows("CREATE DATABASE d").await;
    bench.rows("USE d CREATE TABLE t (id int PRIMARY KEY, name varchar(20))").await;
    bench.rows("INSERT t VALUES (1, 'one'), (2, 'two'), (3, NULL)").await;
}

#[test]
fn scalar_functions_compute_values() {
    on_a_bench(async |bench| {
        database(&bench).await;
        bench
            .rows(
                "CREATE FUNCTION dbo.fn_times (@a int, @b int = 10) RETURNS int WITH SCHEMABINDING AS \
                 BEGIN RETURN @a * @b END",
            )
            .await;
        assert_eq!(bench.rows("SELECT dbo.fn_times(2, 3), d.dbo.fn_times(2, DEFAULT)").await, "6|20");
        assert_eq!(
            bench.rows("SELECT id FROM t WHERE dbo.fn_times(id, id) > 3 ORDER BY dbo.fn_times(id, -1)").await,
            "3; 2"
        );
        bench
            .rows(
                "CREATE FUNCTION dbo.fn_fact (@n bigint) RETURNS bigint AS BEGIN \
                 IF @n < 2 RETURN 1; RETURN @n * dbo.fn_fact(@n - 1) END",
            )
            .await;
        assert_eq!(bench.rows("SELECT dbo.fn_fact(10)").await, "3628800");
        assert_eq!(bench.error("SELECT dbo.fn_fact(40)").await, 217);
        bench
            .rows(
                "CREATE FUNCTION dbo.fn_join (@sep varchar(5)) RETURNS varchar(max) AS BEGIN \
                 DECLARE @out varchar(max), @i int = 0; \
                 SELECT @out = COALESCE(@out + @sep, '') + name FROM t WHERE name IS NOT NULL; \
                 WHILE @i < 2 BEGIN SET @i += 1; IF @i = 2 BREAK; SET @out += '!' END \
                 RETURN @out END",
            )
            .await;
        assert_eq!(
            bench.rows("DECLARE @x varchar(99); SET @x = dbo.fn_join('-'); SELECT @x").await,
            "one-two!"
        );
        bench.rows("CREATE FUNCTION dbo.fn_strict (@a int) RETURNS int WITH RETURNS NULL ON NULL INPUT AS BEGIN RETURN 7 END").await;
        assert_eq!(bench.rows("SELECT dbo.fn_strict(NULL), dbo.fn_strict(1)").await, "NULL|7");
        bench.rows("CREATE TABLE c (a int, b AS dbo.fn_times(a, 2), e int DEFAULT dbo.fn_times(1, 5), CHECK (dbo.fn_times(a, 1) < 9))").await;
        assert_eq!(bench.rows("INSERT c (a) VALUES (4) SELECT * FROM c").await, "4|8|5");
        assert_eq!(bench.error("INSERT c (a) VALUES (9)").await, 547);
        bench
            .rows("ALTER FUNCTION dbo.fn_times (@a int, @b int = 10) RETURNS int AS BEGIN RETURN @a + @b END")
            .await;
        assert_eq!(bench.rows("SELECT dbo.fn_times(2, 3)").await, "5");
        let sink = bench.run("\nSELECT dbo.fn_times('x', 3)").await;
        assert_eq!(sink.error().map(|e| e.number), Some(245));
        bench.rows("CREATE FUNCTION dbo.fn_bad (@a int) RETURNS int AS BEGIN\n DECLARE @b int\n SET @b = 1 / @a\n RETURN @b END").await;
        let sink = bench.run("SELECT dbo.fn_bad(0)").await;
        let error = sink.error().expect("divides by zero");
        assert_eq!((error.number, &*error.procedure, error.line), (8134, "fn_bad", 3));
        bench.rows("DROP FUNCTION dbo.fn_bad").await;
        assert_eq!(bench.error("SELECT dbo.fn_bad(1)").await, 4121);
        assert_eq!(
            bench
                .rows("SELECT name, type, type_desc FROM sys.objects WHERE type = 'FN' AND name = 'fn_fact'")
                .await,
            "fn_fact|FN|SQL_SCALAR_FUNCTION"
        );
    });
}

#[test]
fn functions_give_rows() {
    on_a_bench(async |bench| {
        database(&bench).await;
        bench.rows("CREATE FUNCTION dbo.fn_from (@low int) RETURNS TABLE AS RETURN (SELECT id, name FROM dbo.t WHERE id >= @low)").await;
        assert_eq!(bench.rows("SELECT f.id FROM dbo.fn_from(2) AS f ORDER BY id").await, "2; 3");
        assert_eq!(
            bench.rows("SELECT t.id, COUNT(*) FROM t CROSS APPLY dbo.fn_from(t.id) f GROUP BY t.id").await,
            "1|3; 2|2; 3|1"
        );
        bench
            .rows(
                "CREATE FUNCTION dbo.fn_split (@text varchar(max), @sep char(1)) \
                 RETURNS @parts TABLE (n int IDENTITY PRIMARY KEY, part varchar(100)) AS BEGIN \
                 DECLARE @at int; \
                 WHILE LEN(@text) > 0 BEGIN \
                   SET @at = CHARINDEX(@sep, @text); \
                   IF @at = 0 SET @at = LEN(@text) + 1; \
                   INSERT @parts (part) VALUES (LEFT(@text, @at - 1)); \
                   SET @text = STUFF(@text, 1, @at, ''); \
                 END; \
                 DELETE @parts WHERE part = 'x'; UPDATE @parts SET part = UPPER(part) WHERE n = 1; \
                 RETURN END",
            )
            .await;
        assert_eq!(bench.rows("SELECT * FROM dbo.fn_split('a,x,b', ',')").await, "1|A; 3|b");
        assert_eq!(
            bench.rows("SELECT t.id, s.part FROM t OUTER APPLY fn_split(name, 'n') s WHERE t.id <> 2 ORDER BY t.id, s.n").await,
            "1|O; 1|e; 3|NULL"
        );
    });
}

#[rstest::rstest]
#[case("CREATE FUNCTION f () RETURNS int AS BEGIN PRINT 'x' RETURN 1 END", 443)]
#[case("CREATE FUNCTION f () RETURNS int AS BEGIN DELETE t RETURN 1 END", 443)]
#[case("CREATE FUNCTION f () RETURNS int AS BEGIN EXEC ('x') RETURN 1 END", 443)]
#[case("CREATE FUNCTION f () RETURNS int AS BEGIN EXEC p RETURN 1 END", 557)]
#[case("CREATE FUNCTION f () RETURNS int AS BEGIN SELECT 1 RETURN 1 END", 444)]
#[case("CREATE FUNCTION f () RETURNS int AS BEGIN DECLARE @i int END", 455)]
#[case("CREATE FUNCTION f () RETURNS int AS BEGIN RETURN END", 178)]
#[case("CREATE FUNCTION f () RETURNS TABLE AS RETURN (SELECT 1)", 4514)]
#[case("CREATE FUNCTION f () RETURNS TABLE AS RETURN (SELECT 1 AS a, 2 AS a)", 4506)]
#[case("SELECT 1 CREATE FUNCTION f () RETURNS int AS BEGIN RETURN 1 END", 111)]
#[case("SELECT dbo.nope(1)", 4121)]
#[case("SELECT * FROM dbo.nope(1)", 208)]
#[case("CREATE TRIGGER x ON t AFTER INSERT AS PRINT 1", 40510)]
#[case("CREATE SYNONYM s FOR t; SELECT 1 FROM s; DROP SYNONYM s; SELECT 1 FROM s", 208)]
#[case("CREATE SYNONYM s FOR nope; SELECT 1 FROM s", 5313)]
#[case("CREATE SEQUENCE s INCREMENT BY 0", 11700)]
#[case("CREATE SEQUENCE s AS varchar(5)", 11702)]
#[case("CREATE SEQUENCE s MINVALUE 5 MAXVALUE 9 START WITH 10", 11703)]
#[case("CREATE SEQUENCE s MINVALUE 5 MAXVALUE 5", 11705)]
#[case("SELECT NEXT VALUE FOR nope", 208)]
#[case("DECLARE @x dbo.nope", 2715)]
#[case("CREATE TYPE x FROM int; CREATE TYPE x FROM int", 219)]
#[case("DROP TYPE nope", 218)]
#[case("CREATE TYPE x AS TABLE (id int)", 40510)]
fn a_definition_that_cannot_be_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| {
        database(&bench).await;
        assert_eq!(bench.error(text).await, number, "{text}");
    });
}

#[test]
fn too_few_or_too_many_arguments_are_refused() {
    on_a_bench(async |bench| {
        database(&bench).await;
        bench.rows("CREATE FUNCTION dbo.f (@a int) RETURNS int AS BEGIN RETURN @a END").await;
        assert_eq!(bench.error("SELECT dbo.f()").await, 313);
        assert_eq!(bench.error("SELECT dbo.f(1, 2)").await, 8144);
        assert_eq!(
            bench.error("CREATE FUNCTION dbo.f (@a int) RETURNS int AS BEGIN RETURN @a END").await,
            2714
        );
    });
}

#[test]
fn synonyms_stand_for_tables_procedures_and_functions() {
    on_a_bench(async |bench| {
        database(&bench).await;
        bench.rows("CREATE PROCEDURE p @n int AS SELECT @n + 1 AS n").await;
        bench.rows("CREATE FUNCTION f (@n int) RETURNS int AS BEGIN RETURN @n + 2 END").await;
        bench
            .rows("CREATE SYNONYM st FOR d.dbo.t; CREATE SYNONYM sp FOR dbo.p; CREATE SYNONYM sf FOR dbo.f")
            .await;
        bench.rows("INSERT st VALUES (9, 'nine'); UPDATE st SET name = 'x' WHERE id = 9").await;
        assert_eq!(bench.rows("SELECT name FROM st WHERE id = 9").await, "x");
        assert_eq!(bench.rows("EXEC sp 1").await, "2");
        assert_eq!(bench.rows("SELECT dbo.sf(1)").await, "3");
        assert_eq!(
            bench.rows("SELECT name, base_object_name FROM sys.synonyms WHERE name = 'st'").await,
            "st|[d].[dbo].[t]"
        );
    });
}

#[test]
fn sequences_count_whatever_becomes_of_the_transaction() {
    on_a_bench(async |bench| {
        database(&bench).await;
        bench
            .rows("CREATE SEQUENCE dbo.s AS int START WITH 5 INCREMENT BY 5 MINVALUE 5 MAXVALUE 15 NO CYCLE")
            .await;
        assert_eq!(bench.rows("SELECT NEXT VALUE FOR dbo.s").await, "5");
        bench.rows("BEGIN TRAN; DECLARE @n int = NEXT VALUE FOR s; ROLLBACK").await;
        bench.rows("CREATE TABLE u (id int DEFAULT (NEXT VALUE FOR dbo.s), x int)").await;
        assert_eq!(bench.rows("INSERT u (x) VALUES (1) SELECT * FROM u").await, "15|1");
        assert_eq!(bench.error("SELECT NEXT VALUE FOR dbo.s").await, 11728);
        bench.rows("ALTER SEQUENCE dbo.s RESTART WITH 10 CYCLE").await;
        assert_eq!(bench.rows("SELECT id, NEXT VALUE FOR dbo.s FROM t").await, "1|10; 2|15; 3|5");
        assert_eq!(
            bench.rows("SELECT name, current_value, increment, is_cycling FROM sys.sequences").await,
            "s|5|5|1"
        );
        bench.rows("DROP SEQUENCE dbo.s").await;
        assert_eq!(bench.error("SELECT NEXT VALUE FOR dbo.s").await, 208);
    });
}

#[test]
fn alias_types_stand_for_their_base() {
    on_a_bench(async |bench| {
        database(&bench).await;
        bench.rows("CREATE TYPE dbo.Name FROM varchar(5) NOT NULL").await;
        assert_eq!(
            bench.rows("DECLARE @n dbo.Name = 'abcdefgh'; SELECT @n, CAST('123456789' AS Name)").await,
            "abcde|12345"
        );
        bench.rows("CREATE TABLE n (a dbo.Name, b dbo.Name NULL)").await;
        assert_eq!(bench.error("INSERT n VALUES (NULL, NULL)").await, 515);
        assert_eq!(bench.error("INSERT n VALUES ('abcdefgh', NULL)").await, 8152);
        bench.rows("CREATE PROCEDURE q @n Name AS SELECT @n").await;
        assert_eq!(bench.rows("EXEC q 'abcdefgh'").await, "abcde");
        assert_eq!(
            bench.rows("SELECT name, is_nullable FROM sys.types WHERE is_user_defined = 1").await,
            "Name|0"
        );
        bench.rows("DROP TYPE dbo.Name").await;
        assert_eq!(bench.error("DECLARE @n dbo.Name").await, 2715);
    });
}

#[test]
fn a_global_temporary_table_is_seen_by_all_and_ends_with_its_session() {
    on_a_bench(async |bench| {
        bench.rows("CREATE TABLE ##g (id int); INSERT ##g VALUES (1)").await;
        let other = bench
            .instance
            .open_session(crate::session::open::Introduction::of_service("tests", "host"))
            .expect("a session");
        let mut sink = crate::session::collecting::CollectingSink::new();
        let text = "INSERT ##g VALUES (2); SELECT 5 AS a INTO ##h; SELECT COUNT(*) FROM ##g";
        super::super::batch(&bench.instance, other.session(), text, &mut sink).await;
        assert!(sink.error().is_none(), "{:?}", sink.error());
        assert_eq!(super::shown(&sink.sets[0].rows[0]), "2");
        assert_eq!(
            bench.rows("SELECT a, OBJECT_ID('tempdb..##h') - OBJECT_ID('tempdb..##h') FROM ##h").await,
            "5|0"
        );
        super::super::closed(&bench.instance, other.session());
        assert_eq!(bench.error("SELECT * FROM ##h").await, 208);
        assert_eq!(bench.rows("SELECT COUNT(*) FROM ##g; DROP TABLE ##g").await, "2");
        assert_eq!(bench.error("SELECT * FROM ##g").await, 208);
    });
}

#[test]
fn functions_and_sequences_ask_for_permissions_and_work_on_their_owners_behalf() {
    on_a_bench(async |bench| {
        database(&bench).await;
        bench.rows("CREATE USER u WITHOUT LOGIN; CREATE SEQUENCE s").await;
        bench
            .rows("CREATE FUNCTION dbo.f () RETURNS int AS BEGIN DECLARE @n int; SELECT @n = COUNT(*) FROM t; RETURN @n END")
            .await;
        bench.rows("CREATE FUNCTION dbo.r () RETURNS TABLE AS RETURN (SELECT id FROM dbo.t)").await;
        let as_u = |text: &str| {
            format!(
                "EXECUTE AS USER = 'u'; BEGIN TRY {text} END TRY BEGIN CATCH SELECT ERROR_NUMBER() END CATCH; REVERT"
            )
        };
        assert_eq!(bench.rows(&as_u("SELECT dbo.f()")).await, "229");
        assert_eq!(bench.rows(&as_u("SELECT COUNT(*) FROM dbo.r()")).await, "229");
        assert_eq!(bench.rows(&as_u("SELECT NEXT VALUE FOR s")).await, "229");
        bench
            .rows("GRANT EXECUTE ON dbo.f TO u; GRANT SELECT ON dbo.r TO u; GRANT UPDATE ON dbo.s TO u")
            .await;
        assert_eq!(bench.rows(&as_u("SELECT dbo.f()")).await, "3");
        assert_eq!(bench.rows(&as_u("SELECT COUNT(*) FROM dbo.r()")).await, "3");
        assert_eq!(bench.rows(&as_u("SELECT NEXT VALUE FOR s")).await, "-9223372036854775808");
        assert_eq!(bench.rows(&as_u("SELECT COUNT(*) FROM t")).await, "229");
    });
}

#[rstest::rstest]
#[case("OBJECT_ID('sp_who2')", true)]
#[case("OBJECT_ID('master..sp_who', 'P')", true)]
#[case("OBJECT_ID('master.dbo.xp_dirtree', 'X')", true)]
#[case("OBJECT_ID('master.dbo.xp_dirtree', 'P')", false)]
#[case("OBJECT_ID('sys.databases', 'V')", true)]
#[case("OBJECT_ID('databases')", false)]
#[case("OBJECT_ID('msdb.dbo.sp_start_job')", true)]
#[case("OBJECT_ID('master.dbo.sp_start_job')", false)]
#[case("OBJECT_ID('msdb.dbo.sysjobs', 'U')", true)]
#[case("OBJECT_ID('other.sp_who2')", false)]
fn system_objects_have_numbers_where_they_are_seen(#[case] call: &'static str, #[case] is_there: bool) {
    on_a_bench(async |bench| {
        let rows = bench.rows(&format!("SELECT IIF({call} IS NULL, 0, 1)")).await;
        assert_eq!(rows, i32::from(is_there).to_string());
    });
}
