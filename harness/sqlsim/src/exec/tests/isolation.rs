//! What sessions see of each other: locks, hints, snapshots.

use super::*;

/// [`two_sessions`] with snapshots allowed in `d`.
async fn with_snapshots(bench: Bench) -> (Bench, Bench) {
    let (one, two) = two_sessions(bench).await;
    one.rows("ALTER DATABASE d SET ALLOW_SNAPSHOT_ISOLATION ON").await;
    two.rows("SET TRANSACTION ISOLATION LEVEL SNAPSHOT").await;
    (one, two)
}

#[test]
fn a_snapshot_shows_what_was_committed_at_its_first_access() {
    on_a_bench(async |bench| {
        let (writer, reader) = with_snapshots(bench).await;
        writer
            .rows("BEGIN TRAN UPDATE t SET b = 11 WHERE a = 1; DELETE t WHERE a = 2; INSERT t VALUES (3, 30)")
            .await;
        reader.rows("BEGIN TRAN").await;
        assert_eq!(reader.rows("SELECT a, b FROM t ORDER BY a").await, "1|10; 2|20");
        writer.rows("COMMIT").await;
        assert_eq!(reader.rows("SELECT a, b FROM t ORDER BY a").await, "1|10; 2|20");
        assert_eq!(reader.rows("SELECT b FROM t WHERE a = 2").await, "20");
        reader.rows("COMMIT").await;
        assert_eq!(reader.rows("SELECT a, b FROM t ORDER BY a").await, "1|11; 3|30");
    });
}

#[test]
fn a_transaction_sees_its_own_changes_on_top_of_its_snapshot() {
    on_a_bench(async |bench| {
        let (other, own) = with_snapshots(bench).await;
        own.rows("BEGIN TRAN INSERT t VALUES (3, 30)").await;
        other.rows("INSERT t VALUES (4, 40)").await;
        assert_eq!(own.rows("SELECT a FROM t ORDER BY a").await, "1; 2; 3");
        own.rows("SAVE TRAN s; UPDATE t SET b = b + 1; DELETE t WHERE a = 2").await;
        assert_eq!(own.rows("SELECT a, b FROM t ORDER BY a").await, "1|11; 3|31");
        own.rows("ROLLBACK TRAN s; INSERT t VALUES (5, 50); DELETE t WHERE a = 3").await;
        assert_eq!(own.rows("SELECT a, b FROM t ORDER BY a").await, "1|10; 2|20; 5|50");
        own.rows("COMMIT").await;
        assert_eq!(own.rows("SELECT a, b FROM t ORDER BY a").await, "1|10; 2|20; 4|40; 5|50");
    });
}

#[test]
fn changing_a_row_that_changed_since_the_snapshot_gets_3960() {
    on_a_bench(async |bench| {
        let (other, own) = with_snapshots(bench).await;
        own.rows("BEGIN TRAN SELECT COUNT(*) FROM t").await;
        other.rows("UPDATE t SET b = 11 WHERE a = 1").await;
        assert_eq!(own.error("UPDATE t SET b = 21 WHERE a = 2").await, 0);
        assert_eq!(own.error("UPDATE t SET b = 12 WHERE a = 1").await, 3960);
        assert_eq!(own.rows("SELECT @@TRANCOUNT").await, "0");
        assert_eq!(other.rows("SELECT a, b FROM t ORDER BY a").await, "1|11; 2|20");
        own.rows("BEGIN TRAN SELECT COUNT(*) FROM t").await;
        other.rows("DELETE t WHERE a = 2").await;
        assert_eq!(own.error("DELETE t WHERE a = 2").await, 3960);
    });
}

#[test]
fn a_change_under_a_snapshot_waits_for_who_holds_the_row() {
    on_a_bench(async |bench| {
        let (other, own) = with_snapshots(bench).await;
        own.rows("BEGIN TRAN SELECT COUNT(*) FROM t").await;
        other.rows("BEGIN TRAN UPDATE t SET b = 11 WHERE a = 1").await;
        assert_eq!(own.error("SET LOCK_TIMEOUT 100 UPDATE t SET b = 12 WHERE a = 1").await, 1222);
        other.rows("ROLLBACK").await;
        assert_eq!(own.error("UPDATE t SET b = 12 WHERE a = 1; COMMIT").await, 0);
        assert_eq!(other.rows("SELECT b FROM t WHERE a = 1").await, "12");
    });
}

#[test]
fn snapshots_are_refused_where_they_cannot_be() {
    on_a_bench(async |bench| {
        let (one, two) = two_sessions(bench).await;
        assert_eq!(one.error("SET TRANSACTION ISOLATION LEVEL SNAPSHOT SELECT * FROM t").await, 3952);
        assert_eq!(one.error("BEGIN TRAN SELECT * FROM t").await, 3952);
        one.run("ROLLBACK; SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await;
        one.rows("ALTER DATABASE d SET ALLOW_SNAPSHOT_ISOLATION ON").await;
        one.rows("BEGIN TRAN SELECT COUNT(*) FROM t").await;
        assert_eq!(one.error("SET TRANSACTION ISOLATION LEVEL SNAPSHOT SELECT * FROM t").await, 3951);
        one.run("IF @@TRANCOUNT > 0 ROLLBACK").await;
        one.rows("BEGIN TRAN SELECT COUNT(*) FROM t").await;
        two.rows("ALTER TABLE t ADD c int").await;
        assert_eq!(one.error("SELECT a FROM t").await, 3961);
        assert_eq!(two.rows("SELECT snapshot_isolation_state_desc, is_read_committed_snapshot_on FROM sys.databases WHERE name = 'd'").await, "ON|0");
    });
}

#[test]
fn temporary_tables_are_read_as_they_are_under_a_snapshot() {
    on_a_bench(async |bench| {
        let (_one, two) = with_snapshots(bench).await;
        two.rows("CREATE TABLE #x (a int); INSERT #x VALUES (1)").await;
        assert_eq!(two.rows("BEGIN TRAN INSERT #x VALUES (2) SELECT COUNT(*) FROM #x COMMIT").await, "2");
        assert_eq!(two.rows("SELECT COUNT(*) FROM #x, t").await, "4");
    });
}

#[test]
fn readers_wait_for_nobody_under_read_committed_snapshot() {
    on_a_bench(async |bench| {
        let (writer, reader) = two_sessions(bench).await;
        reader.rows("USE master").await;
        writer.rows("ALTER DATABASE d SET READ_COMMITTED_SNAPSHOT ON").await;
        reader.rows("USE d").await;
        writer
            .rows("BEGIN TRAN UPDATE t SET b = 11 WHERE a = 1; DELETE t WHERE a = 2; INSERT t VALUES (3, 30)")
            .await;
        assert_eq!(reader.rows("SELECT a, b FROM t ORDER BY a").await, "1|10; 2|20");
        assert_eq!(writer.rows("SELECT a, b FROM t ORDER BY a").await, "1|11; 3|30");
        assert_eq!(reader.error("SET LOCK_TIMEOUT 100 SELECT * FROM t WITH (READCOMMITTEDLOCK)").await, 1222);
        assert_eq!(reader.error("UPDATE t SET b = 0 WHERE a = 1").await, 1222);
        assert_eq!(reader.rows("SELECT SUM(b) FROM t WITH (NOLOCK)").await, "41");
        reader.rows("BEGIN TRAN SELECT COUNT(*) FROM t").await;
        writer.rows("COMMIT").await;
        assert_eq!(reader.rows("SELECT a, b FROM t ORDER BY a").await, "1|11; 3|30");
    });
}

#[test]
fn readpast_leaves_out_what_others_hold() {
    on_a_bench(async |bench| {
        let (writer, reader) = two_sessions(bench).await;
        writer.rows("BEGIN TRAN UPDATE t SET b = 11 WHERE a = 1").await;
        assert_eq!(reader.rows("SELECT a FROM t WITH (READPAST)").await, "2");
        assert_eq!(reader.rows("SELECT TOP (1) a FROM t WITH (UPDLOCK, READPAST) ORDER BY a").await, "2");
        assert_eq!(reader.error("SET LOCK_TIMEOUT 0 SELECT a FROM t").await, 1222);
    });
}
