//! Limits of statements: what is beyond them ends with an error, and the session lives on.

use super::{Bench, on_a_bench};

fn ends_with(text: &str, number: i32) {
    on_a_bench(async |bench| {
        assert_eq!(bench.error(text).await, number, "{text}");
        assert_eq!(bench.rows("SELECT 1").await, "1", "the session lives on");
    });
}

#[test]
fn a_function_that_goes_round_in_circles_is_stopped() {
    on_a_bench(async |bench| {
        let function = |steps: u32| {
            format!(
                "CREATE OR ALTER FUNCTION f() RETURNS int AS BEGIN DECLARE @i int = 0; \
                 WHILE @i < {steps} SET @i += 1; RETURN @i END"
            )
        };
        assert_eq!(bench.error(&function(20_000)).await, 0);
        assert_eq!(bench.rows("SELECT dbo.f()").await, "20000");
        assert_eq!(bench.error(&function(200_000)).await, 0);
        assert_eq!(bench.error("SELECT dbo.f()").await, 40_510);
        assert_eq!(bench.rows("SELECT 1").await, "1");
    });
}

#[rstest::rstest]
#[case(128, 0)]
#[case(129, 6335)]
fn xml_may_be_128_elements_deep(#[case] depth: usize, #[case] number: i32) {
    let document = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    ends_with(&format!("DECLARE @x xml = '{document}'; SELECT @x.exist('/a')"), number);
}

#[rstest::rstest]
#[case(12, 0)]
#[case(13, 10703)]
fn a_query_may_have_4096_grouping_sets(#[case] columns: usize, #[case] number: i32) {
    let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
    let names = names.join(", ");
    let values = vec!["1"; columns].join(", ");
    ends_with(
        &format!(
            "SELECT COUNT(*) FROM (SELECT 1 AS one FROM (VALUES ({values})) v({names}) GROUP BY CUBE ({names})) q"
        ),
        number,
    );
}

#[test]
fn a_recursion_whose_steps_grow_without_end_is_stopped() {
    ends_with(
        "WITH r AS (SELECT CAST(REPLICATE('x', 100) AS varchar(100)) AS t \
         UNION ALL SELECT r.t FROM r CROSS JOIN (VALUES (1), (2), (3), (4)) v(n)) \
         SELECT COUNT_BIG(*) FROM r OPTION (MAXRECURSION 0)",
        701,
    );
}

/// Finds the distinct ones of so many thousand texts of about 1 KB: all of them are held.
async fn distinct(bench: &Bench, thousands: usize) -> i32 {
    let digits = "(VALUES ('0'),('1'),('2'),('3'),('4'),('5'),('6'),('7'),('8'),('9'))";
    bench
        .error(&format!(
            "SELECT COUNT(*) FROM (SELECT DISTINCT REPLICATE('x', 1000) + a.d + b.d + c.d + k.d AS t FROM {digits} a(d) \
             CROSS JOIN {digits} b(d) CROSS JOIN {digits} c(d) CROSS JOIN (SELECT TOP {thousands} d FROM {digits} e(d)) k) q"
        ))
        .await
}

#[test]
fn all_operators_together_have_a_budget() {
    on_a_bench(async |bench| {
        assert_eq!(distinct(&bench, 8).await, 0, "it fits alone");
        let mut others = crate::memory::Share::of_operators();
        assert!(others.hold(crate::memory::OPERATORS_BYTES_MAX - (4 << 20)));
        assert_eq!(distinct(&bench, 8).await, 701, "others hold most of what there is");
        assert_eq!(distinct(&bench, 1).await, 0, "a small one still fits");
        drop(others);
        assert_eq!(distinct(&bench, 8).await, 0, "what was given back can be had again");
        assert!(
            crate::memory::Share::of_operators().hold(crate::memory::OPERATORS_BYTES_MAX),
            "nothing is left over"
        );
    });
}
