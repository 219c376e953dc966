//! TRY and CATCH, THROW, doomed transactions, savepoints, RETURN and OUTPUT, GOTO.

use super::{Bench, on_a_bench};

async fn table(bench: &Bench) {
    bench.rows("CREATE DATABASE d").await;
    bench.rows("USE d CREATE TABLE t (id int PRIMARY KEY, n int)").await;
}

#[rstest::rstest]
#[case(
    "BEGIN TRY RAISERROR('oops %d', 15, 7, 5) END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_SEVERITY(), ERROR_STATE(), ERROR_LINE(), ERROR_MESSAGE(), ERROR_PROCEDURE(), @@ERROR END CATCH",
    "50000|15|7|1|oops 5|NULL|50000"
)]
#[case(
    "BEGIN TRY BEGIN TRY THROW 50005, 'inner', 3 END TRY BEGIN CATCH THROW END CATCH END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_MESSAGE(), ERROR_STATE() END CATCH",
    "50005|inner|3"
)]
#[case(
    "BEGIN TRY BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH DECLARE @outer int = ERROR_NUMBER(); BEGIN TRY THROW 50001, 'x', 1 END TRY BEGIN CATCH END CATCH; THROW 50002, 'y', 1 END CATCH END TRY BEGIN CATCH SELECT @outer, ERROR_NUMBER() END CATCH",
    ""
)]
#[case(
    "BEGIN TRY EXEC master.dbo.sp_help_log_shipping_secondary_database @secondary_database = N'nix'; SELECT 'on' END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_PROCEDURE() END CATCH",
    "32014|sp_help_log_shipping_secondary_database"
)]
#[case("SELECT ERROR_NUMBER(), XACT_STATE(), @@TRANCOUNT", "NULL|0|0")]
#[case(
    "BEGIN TRAN; BEGIN TRY DECLARE @i int = CAST('x' AS int) END TRY BEGIN CATCH DECLARE @s int = XACT_STATE(), @c int = @@TRANCOUNT; ROLLBACK END CATCH; SELECT @s, @c, XACT_STATE()",
    "-1|1|0"
)]
#[case(
    "SET XACT_ABORT ON; BEGIN TRAN; BEGIN TRY INSERT t VALUES (1, 1), (1, 2) END TRY BEGIN CATCH DECLARE @s int = XACT_STATE(); ROLLBACK END CATCH; SET XACT_ABORT OFF; SELECT @s, COUNT(*) FROM t",
    "-1|0"
)]
#[case(
    "BEGIN TRAN; INSERT t VALUES (1, 1); BEGIN TRY INSERT t VALUES (1, 2) END TRY BEGIN CATCH DECLARE @s int = XACT_STATE() END CATCH; COMMIT; SELECT @s, COUNT(*) FROM t",
    "1|1"
)]
#[case(
    "BEGIN TRAN a; INSERT t VALUES (1, 1); SAVE TRAN s; INSERT t VALUES (2, 2); BEGIN TRAN b; INSERT t VALUES (3, 3); COMMIT TRAN b; ROLLBACK TRAN s; DECLARE @c int = @@TRANCOUNT; COMMIT; SELECT @c, COUNT(*), @@TRANCOUNT FROM t",
    "1|1|0"
)]
#[case(
    "DECLARE @i int = 0, @s varchar(20) = ''; again: SET @i += 1; SET @s += CAST(@i AS varchar(3)); IF @i < 3 GOTO again; IF @i = 3 GOTO done; SET @s += 'never'; done: SELECT @s",
    "123"
)]
fn errors_and_transactions_go_their_way(#[case] text: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| {
        table(&bench).await;
        let sink = bench.run(text).await;
        assert!(sink.error().is_none(), "{text}: {:?}", sink.error());
        let last = sink.sets.last().expect("a result");
        let rows: Vec<String> = last.rows.iter().map(|row| super::shown(row)).collect();
        let expected = if expected.is_empty() { "8134|50002" } else { expected };
        assert_eq!(rows.join("; "), expected, "{text}");
    });
}

#[test]
fn a_doomed_transaction_can_only_be_rolled_back() {
    on_a_bench(async |bench| {
        table(&bench).await;
        let doom = "BEGIN TRAN; BEGIN TRY DECLARE @i int = CAST('x' AS int) END TRY BEGIN CATCH ";
        assert_eq!(bench.error(&format!("{doom} INSERT t VALUES (1, 1) END CATCH")).await, 3930);
        bench.rows("IF @@TRANCOUNT > 0 ROLLBACK").await;
        assert_eq!(bench.error(&format!("{doom} COMMIT END CATCH")).await, 3930);
        bench.rows("IF @@TRANCOUNT > 0 ROLLBACK").await;
        let saved = doom.replace("BEGIN TRAN;", "BEGIN TRAN; SAVE TRAN s;");
        assert_eq!(bench.error(&format!("{saved} ROLLBACK TRAN s END CATCH")).await, 3931);
        bench.rows("IF @@TRANCOUNT > 0 ROLLBACK").await;
        // A batch that ends with one rolls it back and says so.
        let sink = bench.run(&format!("{doom} SELECT XACT_STATE() END CATCH")).await;
        assert_eq!(sink.error().map(|e| e.number), Some(3998));
        assert_eq!(bench.rows("SELECT @@TRANCOUNT").await, "0");
    });
}

#[test]
fn procedures_return_give_back_and_are_told_of_their_transactions() {
    on_a_bench(async |bench| {
        table(&bench).await;
        bench
            .rows("CREATE PROCEDURE p @a int, @b varchar(9) = 'dflt', @out int OUTPUT AS SET @out = @a * 2; IF @b <> 'dflt' RETURN 7; SELECT @b")
            .await;
        assert_eq!(
            bench.rows("DECLARE @o int, @rc int; EXEC @rc = p 4, 'x', @o OUTPUT; SELECT @o, @rc").await,
            "8|7"
        );
        assert_eq!(bench.rows("DECLARE @o int; EXEC p @out = @o OUTPUT, @a = 1").await, "dflt");
        assert_eq!(bench.error("EXEC p").await, 201);
        assert_eq!(bench.error("EXEC p 1, 'x', 2, 3").await, 8144);
        assert_eq!(bench.error("DECLARE @o int; EXEC p @a = 1, @nope = 2, @out = @o").await, 8145);
        bench.rows("CREATE PROCEDURE leaves AS BEGIN TRAN").await;
        let sink = bench.run("EXEC leaves; SELECT @@TRANCOUNT; ROLLBACK").await;
        assert!(sink.messages.iter().any(|m| m.number == 266), "{:?}", sink.messages);
        bench.rows("CREATE PROCEDURE ends AS COMMIT").await;
        let sink = bench.run("BEGIN TRAN; EXEC ends; SELECT @@TRANCOUNT").await;
        let told = sink.messages.iter().find(|m| m.number == 266).expect("a message");
        assert!(told.message.contains("Previous count = 1, current count = 0"), "{}", told.message);
        bench.rows("CREATE PROCEDURE fails AS BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH DECLARE @m nvarchar(99) = ERROR_PROCEDURE(); RAISERROR(@m, 16, 1) END CATCH").await;
        let sink = bench.run("EXEC fails").await;
        assert_eq!(sink.error().map(|e| e.message.clone()), Some("fails".to_owned()));
    });
}
