//! Answers that are read and sent piece by piece.

use super::{Bench, on_a_bench, shown};
use crate::error::SqlError;
use crate::session::open::{Introduction, OpenSession};
use crate::session::sink::{Disconnected, Done, Sink, TransactionChange};
use crate::value::{ColumnMeta, Value};
use async_trait::async_trait;
use std::cell::RefCell;
use std::rc::Rc;

/// What a client has seen, for those who look while the statement runs.
#[derive(Debug, Default)]
struct Seen {
    rows: Vec<String>,
    errors: Vec<i32>,
    dones: Vec<Option<u64>>,
}

/// A client that reads row by row, and may go away.
struct Client {
    seen: Rc<RefCell<Seen>>,
    /// Rows after which it is gone.
    patience: usize,
}

#[async_trait(?Send)]
impl Sink for Client {
    fn columns(&mut self, _: &[ColumnMeta]) {}
    fn row(&mut self, row: &[Value]) {
        self.seen.borrow_mut().rows.push(shown(row));
    }
    fn done(&mut self, done: Done) {
        self.seen.borrow_mut().dones.push(done.row_count);
    }
    fn message(&mut self, message: &SqlError) {
        self.seen.borrow_mut().errors.push(message.number);
    }
    fn database_changed(&mut self, _: &str, _: &str) {}
    fn transaction_changed(&mut self, _: TransactionChange) {}
    fn return_status(&mut self, _: i32) {}
    fn return_value(&mut self, _: u16, _: &ColumnMeta, _: &Value) {}
    fn buffered(&self) -> usize {
        // Every row is to be sent at once.
        usize::MAX
    }
    async fn flush(&mut self) -> Result<(), Disconnected> {
        if self.seen.borrow().rows.len() > self.patience { Err(Disconnected) } else { Ok(()) }
    }
}

/// A second session.
struct Other<'b> {
    bench: &'b Bench,
    session: OpenSession,
}

impl<'b> Other<'b> {
    fn of(bench: &'b Bench) -> Self {
        let session = bench.instance.open_session(Introduction::of_service("other", "host"));
        Self { bench, session: session.expect("a session") }
    }

    async fn run(&self, text: &str) -> Seen {
        let seen = Rc::default();
        let mut client = Client { seen: Rc::clone(&seen), patience: usize::MAX };
        crate::exec::batch(&self.bench.instance, self.session.session(), text, &mut client).await;
        drop(client);
        Rc::try_unwrap(seen).expect("the batch is over").into_inner()
    }
}

/// `n` with the numbers from 1 to 1000, `big` with those to 5000 in rows (i, t).
async fn tables(bench: &Bench) {
    let digits = "(VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) AS";
    let filled = bench
        .run(&format!(
            "CREATE TABLE n (i int NOT NULL PRIMARY KEY);
             INSERT n SELECT ROW_NUMBER() OVER (ORDER BY (SELECT NULL))
             FROM {digits} a(d) CROSS JOIN {digits} b(d) CROSS JOIN {digits} c(d);
             CREATE TABLE big (i int NOT NULL PRIMARY KEY, t varchar(20) NOT NULL);
             INSERT big SELECT TOP 5000 ROW_NUMBER() OVER (ORDER BY (SELECT 1)), 'x' FROM n a CROSS JOIN n b"
        ))
        .await;
    assert!(filled.error().is_none(), "{:?}", filled.error());
}

/// More rows than any list could hold.
const ENDLESS: &str = "n a CROSS JOIN n b CROSS JOIN n c CROSS JOIN n d CROSS JOIN n e";

/// Lets the other tasks have a few turns.
async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

#[rstest::rstest]
#[case(format!("SELECT a.i FROM {ENDLESS}"))]
#[case(format!("SELECT a.i, ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) FROM {ENDLESS}"))]
#[case(format!("SELECT q.i FROM (SELECT a.i FROM {ENDLESS}) AS q WHERE q.i > 0"))]
#[case(format!("WITH q AS (SELECT a.i FROM {ENDLESS}) SELECT i FROM q UNION ALL SELECT i FROM q"))]
#[case(format!("SELECT TOP 5000000000 a.i FROM {ENDLESS}"))]
#[case(format!("SELECT n.i FROM n CROSS APPLY (SELECT a.i FROM {ENDLESS} WHERE a.i >= n.i) AS q"))]
#[case("WITH q AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM q) SELECT i FROM q OPTION (MAXRECURSION 0)".to_owned())]
fn rows_are_sent_before_the_last_one_is_known(#[case] query: String) {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        let seen: Rc<RefCell<Seen>> = Rc::default();
        let mut client = Client { seen: seen.clone(), patience: 20_000 };
        crate::exec::batch(&bench.instance, bench.session(), &query, &mut client).await;
        assert_eq!(seen.borrow().rows.len(), 20_001);
        assert!(seen.borrow().errors.is_empty(), "{:?}", seen.borrow().errors);
    });
}

#[rstest::rstest]
#[case(format!("SELECT COUNT_BIG(*), SUM(CAST(a.i AS bigint)) FROM {ENDLESS}"))]
#[case(format!("SELECT a.i, COUNT_BIG(*) FROM {ENDLESS} GROUP BY a.i"))]
#[case(format!("SELECT DISTINCT a.i FROM {ENDLESS} WHERE a.i < 0 OR b.i < 0"))]
#[case(format!("SELECT TOP 5 a.i FROM {ENDLESS} ORDER BY e.i, a.i"))]
#[case(format!("SELECT 1 FROM n AS z LEFT JOIN ({ENDLESS}) ON z.i = a.i + b.i + c.i + d.i + e.i WHERE 1 = 0"))]
fn a_statement_that_gives_no_row_for_long_can_be_ended(#[case] query: String) {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        let other = Other::of(&bench);
        tokio::select! {
            biased;
            () = turns(40) => {}
            seen = other.run(&query) => panic!("{seen:?}"),
        }
        crate::exec::cancelled(&bench.instance, other.session.session());
        // Nothing of it is left: its tables can be dropped.
        assert_eq!(bench.error("SET LOCK_TIMEOUT 0; DROP TABLE n").await, 0);
    });
}

#[test]
fn a_stream_waits_for_a_row_that_another_holds_and_goes_on_behind_it() {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        bench.run("BEGIN TRANSACTION; UPDATE big SET t = 'changed' WHERE i = 4000").await;
        let other = Other::of(&bench);
        let seen: Rc<RefCell<Seen>> = Rc::default();
        let mut client = Client { seen: seen.clone(), patience: usize::MAX };
        let reading =
            crate::exec::batch(&bench.instance, other.session.session(), "SELECT i, t FROM big", &mut client);
        let writing = async {
            turns(40).await;
            let before = seen.borrow().rows.len();
            assert_eq!(before, 3999, "all rows in front of the lock, and none behind it");
            // In front of the place it has come to, and behind it.
            bench.run("DELETE big WHERE i = 10; DELETE big WHERE i = 4500; COMMIT").await;
        };
        futures::join!(reading, writing);
        let rows: Vec<String> = (1..=5000)
            .filter(|i| *i != 4500)
            .map(|i| format!("{i}|{}", if i == 4000 { "changed" } else { "x" }))
            .collect();
        assert_eq!(seen.borrow().rows, rows);
        assert_eq!(seen.borrow().dones, [Some(4999)]);
    });
}

#[test]
fn a_stream_waits_for_a_row_ahead_that_another_deletes_meanwhile() {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        let other = Other::of(&bench);
        let seen: Rc<RefCell<Seen>> = Rc::default();
        let mut client = Client { seen: seen.clone(), patience: usize::MAX };
        let reading =
            crate::exec::batch(&bench.instance, other.session.session(), "SELECT i FROM big", &mut client);
        let writing = async {
            turns(2).await;
            bench.run("BEGIN TRANSACTION; DELETE big WHERE i IN (10, 4500)").await;
            turns(40).await;
            let sent = seen.borrow().rows.len();
            assert!(sent > 0 && sent < 4500, "{sent} rows");
            bench.run("ROLLBACK").await;
        };
        futures::join!(reading, writing);
        assert_eq!(seen.borrow().rows.len(), 5000, "what was not deleted in the end is sent");
    });
}

#[test]
fn a_lock_timeout_in_the_middle_of_a_stream_ends_it_with_1222() {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        bench.run("BEGIN TRANSACTION; UPDATE big SET t = 'changed' WHERE i = 4000").await;
        let seen = Other::of(&bench).run("SET LOCK_TIMEOUT 1000; SELECT i FROM big").await;
        assert_eq!((seen.rows.len(), &*seen.errors), (3999, &[1222][..]));
    });
}

#[test]
fn a_table_can_be_written_but_not_altered_while_its_rows_are_being_sent() {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        let other = Other::of(&bench);
        let seen: Rc<RefCell<Seen>> = Rc::default();
        let mut client = Client { seen: seen.clone(), patience: usize::MAX };
        let reading =
            crate::exec::batch(&bench.instance, other.session.session(), "SELECT i FROM big", &mut client);
        let changing = async {
            turns(2).await;
            let sent = seen.borrow().rows.len();
            assert!(sent > 0 && sent < 5000, "{sent} rows");
            for change in [
                "DROP TABLE big",
                "ALTER TABLE big ADD more int NULL",
                "TRUNCATE TABLE big",
                "CREATE INDEX x ON big (t)",
            ] {
                assert_eq!(bench.error(&format!("SET LOCK_TIMEOUT 0; {change}")).await, 1222, "{change}");
            }
            assert_eq!(bench.error("INSERT big VALUES (0, 'behind'), (6000, 'ahead')").await, 0);
            assert!(seen.borrow().rows.len() < 5000, "the rows were sent too early to tell");
            assert_eq!(bench.error("SET LOCK_TIMEOUT -1; DROP TABLE big").await, 0);
            assert_eq!(seen.borrow().rows.len(), 5001, "the DROP waits for the last row");
        };
        futures::join!(reading, changing);
        assert_eq!(seen.borrow().rows.last().map(String::as_str), Some("6000"));
        assert!(seen.borrow().errors.is_empty());
    });
}

#[test]
fn an_error_in_the_middle_of_an_answer_comes_behind_the_rows_before_it() {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        let seen = Other::of(&bench).run("SELECT 1 / (i - 4000) FROM big").await;
        assert_eq!((seen.rows.len(), &*seen.errors), (3999, &[8134][..]));
    });
}

#[test]
fn getdate_is_the_same_in_all_rows_of_a_long_answer() {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        let stamps =
            bench.rows("SELECT COUNT(*) FROM (SELECT DISTINCT SYSDATETIME() AS s FROM big) AS q").await;
        assert_eq!(stamps, "1");
    });
}

#[test]
fn set_rowcount_ends_a_long_answer_and_is_counted() {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        let seen = Other::of(&bench).run("SET ROWCOUNT 3000; SELECT i FROM big; SELECT @@ROWCOUNT").await;
        assert_eq!(seen.dones, [None, Some(3000), Some(1)]);
        assert_eq!(seen.rows.last().map(String::as_str), Some("3000"));
    });
}

#[rstest::rstest]
#[case("SELECT COUNT(*), SUM(i), MIN(i), MAX(i), AVG(i) FROM big", "5000|12502500|1|5000|2500")]
#[case("SELECT COUNT_BIG(*) FROM n a CROSS JOIN (SELECT TOP 200 i FROM n) AS b", "200000")]
#[case("SELECT TOP 3 i FROM big ORDER BY i DESC", "5000; 4999; 4998")]
#[case("SELECT TOP 3 i % 10, i FROM big ORDER BY i % 10 DESC", "9|9; 9|19; 9|29")]
#[case("SELECT TOP 2 WITH TIES i / 2500 FROM big WHERE i IN (1, 2, 2500, 2501) ORDER BY 1", "0; 0")]
#[case("SELECT COUNT(*) FROM (SELECT TOP 1 WITH TIES i FROM big ORDER BY i / 2500) AS q", "2499")]
#[case("SELECT COUNT(*) FROM (SELECT TOP 50 PERCENT i FROM big) AS q", "2500")]
#[case("SELECT i FROM big ORDER BY i OFFSET 2999 ROWS FETCH NEXT 2 ROWS ONLY", "3000; 3001")]
#[case("SELECT i FROM big ORDER BY (SELECT NULL) OFFSET 4998 ROWS", "4999; 5000")]
#[case("SELECT COUNT(*) FROM (SELECT i FROM big UNION ALL SELECT i FROM big) AS q", "10000")]
#[case("SELECT COUNT(*) FROM (SELECT i FROM big UNION SELECT i + 2500 FROM big) AS q", "7500")]
#[case("SELECT COUNT(*), MIN(i) FROM (SELECT i FROM big EXCEPT SELECT i FROM n) AS q", "4000|1001")]
#[case("SELECT COUNT(*), MAX(i) FROM (SELECT i FROM big INTERSECT SELECT i FROM n) AS q", "1000|1000")]
#[case("SELECT COUNT(*), COUNT(n.i) FROM big LEFT JOIN n ON n.i = big.i", "5000|1000")]
#[case("SELECT COUNT(*), COUNT(n.i) FROM n RIGHT JOIN big ON n.i = big.i", "5000|1000")]
#[case(
    "SELECT COUNT(*), COUNT(n.i), COUNT(big.i) FROM n FULL JOIN big ON n.i + 4500 = big.i",
    "5500|1000|5000"
)]
#[case("SELECT COUNT(*) FROM big JOIN n ON n.i = big.i % 1000", "4995")]
#[case("SELECT COUNT(*) FROM n a JOIN n b ON b.i = a.i + 500", "500")]
#[case(
    "SELECT COUNT(*), SUM(q.c) FROM (SELECT i % 7 AS m, COUNT(*) AS c FROM big GROUP BY i % 7) AS q",
    "7|5000"
)]
#[case("SELECT COUNT(*) FROM (SELECT DISTINCT i % 3000 AS m FROM big) AS q", "3000")]
#[case(
    "SELECT MAX(q.r) - MIN(q.r) FROM (SELECT ROW_NUMBER() OVER (ORDER BY (SELECT 1)) AS r FROM big) AS q",
    "4999"
)]
#[case(
    "SELECT SUM(q.c) FROM n CROSS APPLY (SELECT COUNT(*) AS c FROM big WHERE big.i <= n.i) AS q WHERE n.i < 51",
    "1275"
)]
#[case("SELECT COUNT(*) FROM big WHERE EXISTS (SELECT 1 FROM n WHERE n.i = big.i)", "1000")]
#[case("SELECT COUNT(*) FROM big WHERE i IN (SELECT i * 5 FROM n)", "1000")]
#[case("DECLARE @t TABLE (i int); INSERT @t SELECT i FROM big; SELECT COUNT(*), MAX(i) FROM @t", "5000|5000")]
fn long_inputs_give_what_short_ones_would(#[case] query: &str, #[case] expected: &str) {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        assert_eq!(bench.rows(query).await, expected, "{query}");
    });
}

#[rstest::rstest]
#[case("SELECT COUNT(*) FROM (SELECT TOP 100 PERCENT a.i FROM n a CROSS JOIN n b ORDER BY b.i) AS q")]
#[case("SELECT DISTINCT a.i, b.i FROM n a CROSS JOIN n b")]
#[case("SELECT a.i, b.i, COUNT(*) FROM n a CROSS JOIN n b GROUP BY a.i, b.i")]
#[case("SELECT STRING_AGG(CAST(REPLICATE('x', 100) AS varchar(max)), ',') FROM n a CROSS JOIN n b")]
#[case("SELECT COUNT(DISTINCT a.i * 1000 + b.i) FROM n a CROSS JOIN n b")]
#[case("SELECT RANK() OVER (ORDER BY a.i) FROM n a CROSS JOIN n b")]
#[case("SELECT a.i, b.i FROM n a CROSS JOIN n b UNION SELECT 1, 2")]
#[case("SELECT 1, 2 EXCEPT SELECT a.i, b.i FROM n a CROSS JOIN n b")]
#[case("SELECT COUNT(*) FROM n z CROSS JOIN (n a CROSS JOIN n b)")]
#[case("SELECT COUNT(*) FROM n z JOIN (SELECT a.i FROM n a CROSS JOIN n b) AS q ON q.i = z.i")]
#[case("SELECT 1 WHERE 1 IN (SELECT a.i * 2 FROM n a CROSS JOIN n b)")]
#[case("SELECT a.i INTO copy FROM n a CROSS JOIN n b")]
#[case("DELETE z FROM big z CROSS JOIN n a")]
fn a_statement_that_would_have_to_hold_too_many_rows_fails_with_701(#[case] query: &str) {
    on_a_bench(|bench| async move {
        tables(&bench).await;
        assert_eq!(bench.error(query).await, 701, "{query}");
        assert_eq!(bench.rows("SELECT COUNT(*) FROM big").await, "5000");
    });
}
