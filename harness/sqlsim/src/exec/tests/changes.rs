//! Changes of rows: MERGE, OUTPUT, table variables, views and common tables that are changed through.

use super::{Bench, on_a_bench};

/// A table of three rows and a batch behind it.
async fn stock(bench: &Bench) {
    bench.rows("CREATE DATABASE shop").await;
    bench
        .rows("USE shop CREATE TABLE stock (id int PRIMARY KEY, name varchar(20) NOT NULL, n int NOT NULL DEFAULT 0)")
        .await;
    bench.rows("INSERT stock VALUES (1, 'one', 10), (2, 'two', 20), (3, 'three', 30)").await;
}

#[test]
fn merge_updates_deletes_and_inserts_in_one_statement() {
    on_a_bench(async |bench| {
        stock(&bench).await;
        let out = bench
            .rows(
                "MERGE INTO stock AS t USING (VALUES (2, 'zwei', 5), (4, 'vier', 4), (3, 'drei', 0)) AS s (id, name, n) \
                 ON t.id = s.id \
                 WHEN MATCHED AND s.n = 0 THEN DELETE \
                 WHEN MATCHED THEN UPDATE SET name = s.name, n += s.n \
                 WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name) \
                 WHEN NOT MATCHED BY SOURCE AND t.n < 100 THEN UPDATE SET n = 100 \
                 OUTPUT $action, inserted.id, deleted.id, s.n, inserted.n;",
            )
            .await;
        assert_eq!(out, "UPDATE|2|2|5|25; INSERT|4|NULL|4|0; DELETE|NULL|3|0|NULL; UPDATE|1|1|NULL|100");
        assert_eq!(bench.rows("SELECT @@ROWCOUNT").await, "4");
        assert_eq!(bench.rows("SELECT * FROM stock").await, "1|one|100; 2|zwei|25; 4|vier|0");
        assert_eq!(
            bench
                .rows(
                    "DECLARE @t TABLE (id int PRIMARY KEY, n int); INSERT @t VALUES (1, 1), (9, 9); \
                     MERGE @t AS t USING stock AS s ON s.id = t.id \
                     WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (s.id, s.n) \
                     WHEN NOT MATCHED BY SOURCE THEN DELETE; SELECT * FROM @t ORDER BY id"
                )
                .await,
            "1|100; 2|25; 4|0"
        );
    });
}

#[rstest::rstest]
#[case("MERGE stock USING stock s ON 1 = 1 WHEN MATCHED THEN DELETE", 10713)]
#[case(
    "MERGE stock t USING (VALUES (1), (1)) s(id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = 1;",
    8672
)]
#[case(
    "MERGE stock t USING (VALUES (1)) s(id) ON t.id = s.id WHEN MATCHED THEN INSERT VALUES (1, 'x', 1);",
    10711
)]
#[case("MERGE stock t USING (VALUES (1)) s(id) ON t.id = s.id WHEN NOT MATCHED THEN DELETE;", 10711)]
#[case(
    "MERGE stock t USING (VALUES (1)) s(id) ON t.id = s.id WHEN MATCHED THEN DELETE WHEN MATCHED THEN DELETE;",
    5324
)]
#[case(
    "MERGE stock t USING (VALUES (1)) s(id) ON t.id = s.id WHEN MATCHED AND n > 1 THEN DELETE WHEN MATCHED THEN DELETE;",
    10714
)]
#[case(
    "MERGE stock t USING (VALUES (1)) s(id) ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (1, 2);",
    110
)]
#[case(
    "MERGE stock t USING (VALUES (7)) s(id) ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, n) VALUES (7, 1);",
    515
)]
#[case("MERGE nope t USING (VALUES (7)) s(id) ON t.id = s.id WHEN MATCHED THEN DELETE;", 208)]
fn a_merge_that_cannot_be_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| {
        stock(&bench).await;
        assert_eq!(bench.error(text).await, number, "{text}");
        assert_eq!(bench.rows("SELECT SUM(n), COUNT(*) FROM stock").await, "60|3", "{text}");
    });
}

#[test]
fn rows_are_changed_through_common_tables_and_views() {
    on_a_bench(async |bench| {
        stock(&bench).await;
        bench.rows("INSERT stock VALUES (4, 'one', 11), (5, 'one', 12)").await;
        // The way duplicates are removed.
        bench
            .rows(
                "WITH d AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id) AS rn FROM stock) \
                 DELETE FROM d WHERE rn > 1",
            )
            .await;
        assert_eq!(bench.rows("SELECT id FROM stock").await, "1; 2; 3");
        bench.rows("WITH top1 AS (SELECT TOP 1 n AS amount, id FROM stock ORDER BY n DESC) UPDATE top1 SET amount = amount + 1").await;
        assert_eq!(bench.rows("SELECT n FROM stock").await, "10; 20; 31");
        bench.rows("CREATE VIEW few AS SELECT id AS number, n AS amount, n * 2 AS twice, name FROM stock WHERE n < 25").await;
        bench.rows("UPDATE few SET amount = 5 WHERE number = 1").await;
        bench.rows("DELETE few WHERE number = 3").await;
        assert_eq!(bench.rows("DELETE v OUTPUT deleted.id FROM few AS v WHERE v.name = 'two'").await, "2");
        bench.rows("INSERT few (number, amount, name) VALUES (8, 80, 'eight')").await;
        assert_eq!(bench.rows("SELECT * FROM stock").await, "1|one|5; 3|three|31; 8|eight|80");
        assert_eq!(bench.error("UPDATE few SET twice = 1").await, 4406);
        bench.rows("CREATE VIEW sums AS SELECT name, SUM(n) AS n FROM stock GROUP BY name").await;
        assert_eq!(bench.error("DELETE sums").await, 4403);
        assert_eq!(bench.error("WITH x AS (SELECT DISTINCT n FROM stock) UPDATE x SET n = 1").await, 4403);
    });
}

#[test]
fn table_variables_change_with_from_and_output() {
    on_a_bench(async |bench| {
        stock(&bench).await;
        let text = "DECLARE @t TABLE (id int PRIMARY KEY, n int); DECLARE @log TABLE (id int, was int); \
             INSERT @t SELECT id, n FROM stock; \
             UPDATE t SET n = s.n + t.id OUTPUT deleted.id, deleted.n INTO @log FROM @t t JOIN stock s ON s.id = t.id WHERE s.id > 1; \
             DELETE @t OUTPUT deleted.id, deleted.n INTO @log WHERE id = 1; \
             SELECT * FROM @t; SELECT * FROM @log";
        let sink = bench.run(text).await;
        assert!(sink.error().is_none(), "{:?}", sink.error());
        let shown: Vec<String> = sink
            .sets
            .iter()
            .map(|set| set.rows.iter().map(|row| super::shown(row)).collect::<Vec<_>>().join("; "))
            .collect();
        assert_eq!(shown, ["2|22; 3|33", "2|20; 3|30; 1|10"]);
        assert_eq!(
            bench.rows("UPDATE s SET n = 0 OUTPUT inserted.id, x.why FROM stock s JOIN (VALUES (1, 'a')) x(id, why) ON x.id = s.id").await,
            "1|a"
        );
        assert_eq!(
            bench
                .error(
                    "DECLARE @t TABLE (id int PRIMARY KEY); INSERT @t VALUES (1), (2); UPDATE @t SET id = 7"
                )
                .await,
            2627
        );
    });
}
