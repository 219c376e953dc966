//! Refusals by number where SQL Server has two for much the same thing.

use super::on_a_bench;

#[rstest::rstest]
#[case::variable("DECLARE @g uniqueidentifier = 5", 206)]
#[case::set("DECLARE @g uniqueidentifier; SET @g = 5", 206)]
#[case::insert("CREATE TABLE #t (g uniqueidentifier); INSERT INTO #t VALUES (5)", 206)]
#[case::update(
    "CREATE TABLE #t (g uniqueidentifier); INSERT INTO #t VALUES (NEWID()); UPDATE #t SET g = 5",
    206
)]
#[case::parameter("EXEC sp_executesql N'SELECT @g', N'@g uniqueidentifier', @g = 5", 206)]
#[case::cast("SELECT CAST(5 AS uniqueidentifier)", 529)]
#[case::convert("SELECT CONVERT(uniqueidentifier, 5)", 529)]
#[case::cast_of_a_column("SELECT CAST(database_id AS uniqueidentifier) FROM sys.databases", 529)]
#[case::text("DECLARE @g uniqueidentifier = '0E984725-C51C-4BF4-9960-E1C80E27ABA0'", 0)]
fn a_type_that_does_not_become_another_clashes_unless_convert_is_written(
    #[case] batch: &'static str,
    #[case] number: i32,
) {
    on_a_bench(async |bench| assert_eq!(bench.error(batch).await, number));
}

#[rstest::rstest]
#[case::of_the_server("KILL 2", 6107)]
#[case::of_nobody("KILL 50", 6106)]
fn only_sessions_of_users_are_ended(#[case] batch: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(batch).await, number));
}

#[test]
fn the_servers_own_sessions_are_listed_and_are_there_again_after_a_power_loss() {
    on_a_bench(async |bench| {
        let listed =
            "SELECT COUNT(*), MAX(session_id), MIN(login_name), MAX(status) FROM sys.dm_exec_sessions
             WHERE is_user_process = 0";
        let before = bench.rows(listed).await;
        assert_eq!(before, "10|10|sa|background");
        let command = bench.rows("SELECT command FROM sys.dm_exec_requests WHERE session_id = 1").await;
        assert_eq!(command, "LOG WRITER");
        let who = bench.run("EXEC sp_who").await;
        assert_eq!(super::shown(&who.sets[0].rows[9]).split('|').map(str::trim).nth(7), Some("CHECKPOINT"));
        bench.instance.power_off();
        bench.instance.power_on();
        let again = bench.other();
        let mut sink = super::CollectingSink::new();
        crate::exec::batch(&bench.instance, again.session(), listed, &mut sink).await;
        assert_eq!(super::shown(&sink.sets[0].rows[0]), before);
    });
}
