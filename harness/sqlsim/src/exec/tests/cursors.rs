//! Cursors.

use super::{Bench, on_a_bench};

async fn table(bench: &Bench) {
    bench.rows("CREATE DATABASE d").await;
    bench.rows("USE d CREATE TABLE t (id int PRIMARY KEY, n int)").await;
    bench.rows("INSERT t VALUES (1, 10), (2, 20), (3, 30), (4, 40)").await;
}

#[rstest::rstest]
#[case(
    "DECLARE c CURSOR SCROLL STATIC FOR SELECT id FROM t ORDER BY id; OPEN c; DECLARE @s varchar(99) = '', @i int, @k int = -2; \
     FETCH LAST FROM c INTO @i; SET @s += STR(@i, 2); FETCH PRIOR FROM c INTO @i; SET @s += STR(@i, 2); \
     FETCH ABSOLUTE 2 FROM c INTO @i; SET @s += STR(@i, 2); FETCH RELATIVE @k FROM c INTO @i; SET @s += STR(@@FETCH_STATUS, 3); \
     FETCH NEXT FROM c INTO @i; SET @s += STR(@i, 2); FETCH ABSOLUTE -1 FROM c INTO @i; SET @s += STR(@i, 2); \
     FETCH NEXT FROM c INTO @i; SET @s += STR(@@FETCH_STATUS, 3) + STR(@@CURSOR_ROWS, 2); CLOSE c; DEALLOCATE c; SELECT @s",
    " 4 3 2 -1 1 4 -1 4"
)]
#[case(
    "DECLARE @c CURSOR, @i int, @sum int = 0; SET @c = CURSOR LOCAL FAST_FORWARD FOR SELECT n FROM t; OPEN @c; FETCH NEXT FROM @c INTO @i; \
     WHILE @@FETCH_STATUS = 0 BEGIN SET @sum += @i; FETCH NEXT FROM @c INTO @i END; CLOSE @c; DEALLOCATE @c; SELECT @sum, CURSOR_STATUS('variable', '@c')",
    "100|-2"
)]
#[case(
    "DECLARE c CURSOR FOR SELECT id, n FROM t FOR UPDATE OF n; DECLARE @i int, @n int; OPEN c; FETCH NEXT FROM c INTO @i, @n; \
     WHILE @@FETCH_STATUS = 0 BEGIN IF @i = 2 DELETE t WHERE CURRENT OF c ELSE UPDATE t SET n = @n + 1 WHERE CURRENT OF c; FETCH c INTO @i, @n END; \
     CLOSE c DEALLOCATE c SELECT * FROM t",
    "1|11; 3|31; 4|41"
)]
#[case(
    "DECLARE @i int, @s varchar(99) = ''; DECLARE c CURSOR KEYSET FOR SELECT n FROM t; OPEN c; UPDATE t SET n = 99 WHERE id = 1; DELETE t WHERE id = 2; \
     FETCH c INTO @i; SET @s += STR(@i, 3); FETCH c INTO @i; SET @s += STR(@@FETCH_STATUS, 3); FETCH c INTO @i; SET @s += STR(@i, 3); DEALLOCATE c; SELECT @s",
    " 99 -2 30"
)]
#[case(
    "DECLARE @i int, @s varchar(99) = ''; DECLARE c CURSOR FOR SELECT n FROM t; OPEN c; UPDATE t SET n = 99 WHERE id = 1; DELETE t WHERE id IN (2, 4); \
     FETCH c INTO @i; WHILE @@FETCH_STATUS = 0 BEGIN SET @s += STR(@i, 3); FETCH c INTO @i END; DEALLOCATE c; SELECT @s",
    " 99 30"
)]
#[case(
    "DECLARE @i int = 2; DECLARE c CURSOR LOCAL FOR SELECT n FROM t WHERE id = @i; SET @i = 3; OPEN c; FETCH c INTO @i; SELECT @i, CURSOR_STATUS('local', 'c'), CURSOR_STATUS('global', 'c')",
    "20|1|-3"
)]
#[case(
    "DECLARE c CURSOR GLOBAL FOR SELECT 1; DECLARE c CURSOR LOCAL FOR SELECT 2; DECLARE @a int, @b int; OPEN c; OPEN GLOBAL c; FETCH c INTO @a; FETCH NEXT FROM GLOBAL c INTO @b; DEALLOCATE GLOBAL c; SELECT @a, @b",
    "2|1"
)]
fn a_cursor_walks_its_rows(#[case] text: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| {
        table(&bench).await;
        assert_eq!(bench.rows(text).await, expected, "{text}");
    });
}

#[rstest::rstest]
#[case("OPEN nope", 16916)]
#[case("DECLARE c CURSOR FOR SELECT 1; DECLARE c CURSOR FOR SELECT 1", 16915)]
#[case("DECLARE c CURSOR FOR SELECT 1; FETCH c", 16917)]
#[case("DECLARE c CURSOR FOR SELECT 1; OPEN c; OPEN c", 16905)]
#[case("DECLARE c CURSOR FAST_FORWARD FOR SELECT 1; OPEN c; FETCH FIRST FROM c", 16911)]
#[case("DECLARE c CURSOR DYNAMIC FOR SELECT id FROM t; OPEN c; FETCH ABSOLUTE 1 FROM c", 16925)]
#[case("DECLARE c CURSOR FOR SELECT 1, 2; DECLARE @i int; OPEN c; FETCH c INTO @i", 16924)]
#[case("DECLARE c CURSOR STATIC FOR SELECT id FROM t; OPEN c; FETCH c; DELETE t WHERE CURRENT OF c", 16929)]
#[case("DECLARE c CURSOR FOR SELECT id FROM t; OPEN c; DELETE t WHERE CURRENT OF c", 16931)]
#[case(
    "CREATE TABLE u (id int); DECLARE c CURSOR FOR SELECT id FROM t; OPEN c; FETCH c; DELETE u WHERE CURRENT OF c",
    16933
)]
#[case(
    "DECLARE c CURSOR FOR SELECT id FROM t; OPEN c; FETCH c; DELETE t; DELETE t WHERE CURRENT OF c",
    16947
)]
#[case("DECLARE c CURSOR STATIC KEYSET FOR SELECT 1", 1048)]
#[case("DECLARE c CURSOR READ_ONLY FOR SELECT id FROM t FOR UPDATE", 16957)]
#[case("DECLARE @c CURSOR; SELECT @c", 137)]
fn a_cursor_that_cannot_be_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| {
        table(&bench).await;
        assert_eq!(bench.error(text).await, number, "{text}");
    });
}

#[test]
fn a_variable_without_a_cursor_is_told() {
    on_a_bench(async |bench| {
        let sink = bench.run("DECLARE @c CURSOR; OPEN @c").await;
        assert!(sink.messages.iter().any(|message| message.number == 16950), "{:?}", sink.messages);
    });
}
