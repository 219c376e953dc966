//! Queries: windows, recursion, grouping sets, PIVOT, FOR XML and FOR JSON.

use super::{answers, on_a_bench};

#[rstest::rstest]
#[case(
    "SELECT n, SUM(n) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) FROM (VALUES (1), (2), (2), (4)) x(n)",
    "1|1; 2|3; 2|5; 4|9"
)]
#[case("SELECT n, SUM(n) OVER (ORDER BY n) FROM (VALUES (1), (2), (2), (4)) x(n)", "1|1; 2|5; 2|5; 4|9")]
#[case(
    "SELECT n, AVG(n * 1.0) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM (VALUES (1), (2), (6)) x(n)",
    "1|1.500000; 2|3.000000; 6|4.000000"
)]
#[case(
    "SELECT n, COUNT(*) OVER (ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM (VALUES (1), (2), (3)) x(n)",
    "1|3; 2|2; 3|1"
)]
#[case(
    "SELECT n, SUM(n) OVER (ORDER BY n ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING) FROM (VALUES (1), (2), (3), (4)) x(n)",
    "1|NULL; 2|NULL; 3|1; 4|3"
)]
#[case(
    "SELECT n, LAST_VALUE(n) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), FIRST_VALUE(n) OVER (ORDER BY n DESC) FROM (VALUES (1), (2)) x(n) ORDER BY n",
    "1|2|2; 2|2|2"
)]
#[case(
    "SELECT g, n, SUM(n) OVER (PARTITION BY g), LAG(n, 1, -1) OVER (PARTITION BY g ORDER BY n), LEAD(n) OVER (ORDER BY g, n) FROM (VALUES ('a', 1), ('a', 2), ('b', 5)) x(g, n) ORDER BY g, n",
    "a|1|3|-1|2; a|2|3|1|5; b|5|5|-1|NULL"
)]
#[case(
    "SELECT n, PERCENT_RANK() OVER (ORDER BY n), CUME_DIST() OVER (ORDER BY n), NTILE(2) OVER (ORDER BY n) FROM (VALUES (1), (2), (2), (3), (9)) x(n)",
    "1|0|0.2|1; 2|0.25|0.6|1; 2|0.25|0.6|1; 3|0.75|0.8|2; 9|1|1|2"
)]
#[case(
    "SELECT DISTINCT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY n) OVER (), PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY n) OVER () FROM (VALUES (1), (2), (3), (9)) x(n)",
    "2.5|2"
)]
#[case(
    "SELECT STDEV(n), VAR(n), STDEVP(n), VARP(n) FROM (VALUES (2), (4), (4), (4), (5), (5), (7), (9)) x(n)",
    "2.13809|4.57143|2|4"
)]
#[case("SELECT STDEV(n), VARP(n), CHECKSUM_AGG(n) FROM (VALUES (5)) x(n)", "NULL|0|5")]
fn a_window_is_what_its_frame_says(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case("SELECT SUM(n) OVER (ROWS UNBOUNDED PRECEDING) FROM (VALUES (1)) x(n)", 10756)]
#[case("SELECT SUM(n) OVER (ORDER BY n RANGE 1 PRECEDING) FROM (VALUES (1)) x(n)", 4194)]
#[case(
    "SELECT SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 FOLLOWING AND CURRENT ROW) FROM (VALUES (1)) x(n)",
    4193
)]
#[case("SELECT RANK() OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) FROM (VALUES (1)) x(n)", 10752)]
#[case("SELECT RANK() OVER () FROM (VALUES (1)) x(n)", 4112)]
#[case("SELECT ROW_NUMBER() FROM (VALUES (1)) x(n)", 10753)]
#[case("SELECT COUNT(DISTINCT n) OVER () FROM (VALUES (1)) x(n)", 10759)]
#[case("SELECT UPPER('a') OVER () FROM (VALUES (1)) x(n)", 4113)]
#[case("SELECT LAG(n, -1) OVER (ORDER BY n) FROM (VALUES (1)) x(n)", 8730)]
#[case("SELECT PERCENTILE_CONT(0.5) OVER () FROM (VALUES (1)) x(n)", 10754)]
fn a_window_that_cannot_be_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(text).await, number, "{text}"));
}

#[rstest::rstest]
#[case("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n", "1; 2; 3; 4; 5")]
#[case(
    "WITH tree AS (SELECT id, CAST(name AS varchar(99)) AS path, 0 AS depth FROM (VALUES (1, 'root')) x(id, name) UNION ALL SELECT c.id, CAST(t.path + '/' + c.name AS varchar(99)), t.depth + 1 FROM (VALUES (2, 1, 'a'), (3, 1, 'b'), (4, 3, 'c')) c(id, parent, name) JOIN tree t ON t.id = c.parent) SELECT path, depth FROM tree ORDER BY path",
    "root|0; root/a|1; root/b|1; root/b/c|2"
)]
#[case(
    "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT COUNT(*), SUM(i) FROM n OPTION (MAXRECURSION 0)",
    "1000|500500"
)]
#[case(
    "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT a.i, b.i FROM n a JOIN n b ON a.i = b.i + 1 ORDER BY a.i",
    "2|1; 3|2"
)]
fn a_common_table_reads_itself(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", 530)]
#[case(
    "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT i FROM n OPTION (MAXRECURSION 10)",
    530
)]
#[case("WITH n AS (SELECT 1 AS i UNION SELECT i + 1 FROM n WHERE i < 20) SELECT i FROM n", 252)]
#[case("WITH n AS (SELECT i FROM n UNION ALL SELECT 1 AS i) SELECT i FROM n", 246)]
#[case("WITH n AS (SELECT 1 AS i UNION ALL SELECT CAST(i AS bigint) FROM n) SELECT i FROM n", 240)]
#[case("WITH n AS (SELECT 1 AS i UNION ALL SELECT DISTINCT i FROM n) SELECT i FROM n", 460)]
#[case("WITH n AS (SELECT 1 AS i UNION ALL SELECT TOP 1 i FROM n) SELECT i FROM n", 461)]
#[case(
    "WITH n AS (SELECT 1 AS i UNION ALL SELECT n.i FROM (VALUES (1)) x(i) LEFT JOIN n ON n.i = x.i) SELECT i FROM n",
    462
)]
#[case("WITH n AS (SELECT 1 AS i UNION ALL SELECT MAX(i) FROM n) SELECT i FROM n", 467)]
#[case("WITH n AS (SELECT 1 AS i UNION ALL SELECT a.i FROM n a, n b) SELECT i FROM n", 253)]
#[case(
    "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 2) SELECT i FROM n OPTION (MAXRECURSION 40000)",
    310
)]
fn a_recursion_that_cannot_be_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(text).await, number, "{text}"));
}

const SALES: &str = "(VALUES ('N', 'a', 1), ('N', 'b', 2), ('S', 'a', 4)) s(region, item, n)";

#[rstest::rstest]
#[case("GROUP BY ROLLUP (region, item)", "N|a|1|0; N|b|2|0; N|NULL|3|1; S|a|4|0; S|NULL|4|1; NULL|NULL|7|3")]
#[case(
    "GROUP BY region, item WITH ROLLUP",
    "N|a|1|0; N|b|2|0; N|NULL|3|1; S|a|4|0; S|NULL|4|1; NULL|NULL|7|3"
)]
#[case(
    "GROUP BY CUBE (region, item)",
    "N|a|1|0; N|b|2|0; N|NULL|3|1; S|a|4|0; S|NULL|4|1; NULL|a|5|2; NULL|b|2|2; NULL|NULL|7|3"
)]
#[case(
    "GROUP BY GROUPING SETS ((region), (item), ())",
    "N|NULL|3|1; S|NULL|4|1; NULL|a|5|2; NULL|b|2|2; NULL|NULL|7|3"
)]
#[case("GROUP BY region, ROLLUP (item)", "N|a|1|0; N|b|2|0; N|NULL|3|1; S|a|4|0; S|NULL|4|1")]
#[case("GROUP BY region, item HAVING SUM(n) > 1", "N|b|2|0; S|a|4|0")]
fn grouping_sets_add_their_totals(#[case] clause: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| {
        let text = format!(
            "SELECT region, item, SUM(n), GROUPING_ID(region, item) FROM {SALES} {clause} ORDER BY GROUPING_ID(region, item), region, item"
        );
        let mut rows: Vec<String> = bench.rows(&text).await.split("; ").map(str::to_owned).collect();
        let mut wanted: Vec<String> = expected.split("; ").map(str::to_owned).collect();
        rows.sort();
        wanted.sort();
        assert_eq!(rows, wanted, "{clause}");
    });
}

#[rstest::rstest]
#[case(
    "SELECT region, [a], [b] FROM (VALUES ('N', 'a', 1), ('N', 'b', 2), ('S', 'a', 4), ('N', 'a', 8)) s(region, item, n) PIVOT (SUM(n) FOR item IN ([a], [b])) AS p ORDER BY region",
    "N|9|2; S|4|NULL"
)]
#[case(
    "SELECT * FROM (SELECT item, n FROM (VALUES ('a', 1), ('b', 2), ('a', 5)) s(item, n)) q PIVOT (COUNT(n) FOR item IN ([a], [b], [c])) p",
    "2|1|0"
)]
#[case(
    "SELECT id, what, n FROM (VALUES (1, 5, 6), (2, NULL, 7)) s(id, low, high) UNPIVOT (n FOR what IN (low, high)) AS u ORDER BY id, what",
    "1|high|6; 1|low|5; 2|high|7"
)]
#[case("SELECT TOP 2 WITH TIES n FROM (VALUES (1), (2), (2), (3)) x(n) ORDER BY n", "1; 2; 2")]
#[case(
    "SELECT n FROM (VALUES (1), (2), (3), (4)) x(n) ORDER BY n OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY",
    "2; 3"
)]
#[case(
    "SELECT a.n, b.m FROM (VALUES (1), (2)) a(n) OUTER APPLY (SELECT a.n * 10 WHERE a.n > 1) b(m)",
    "1|NULL; 2|20"
)]
fn rows_are_turned_and_cut(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case(
    "SELECT STUFF((SELECT ',' + n FROM (VALUES ('a'), ('b'), ('c')) x(n) FOR XML PATH('')), 1, 1, '')",
    "a,b,c"
)]
#[case("SELECT (SELECT ', ' + n FROM (VALUES ('x<y'), ('&')) x(n) FOR XML PATH(''))", ", x&lt;y, &amp;")]
#[case("SELECT 1 AS id, 'a' AS name FOR XML PATH", "<row><id>1</id><name>a</name></row>")]
#[case(
    "SELECT 1 AS '@id', 'a' AS 'x/y', 'b' AS 'x/z', NULL AS n, 't' FOR XML PATH('r'), ROOT('all')",
    "<all><r id=\"1\"><x><y>a</y><z>b</z></x>t</r></all>"
)]
#[case("SELECT td = 'a', '', td = 'b' FOR XML PATH('tr')", "<tr><td>a</td><td>b</td></tr>")]
#[case(
    "SELECT (SELECT 1 AS b FOR XML PATH('a'), TYPE) AS outerName FOR XML PATH('')",
    "<outerName><a><b>1</b></a></outerName>"
)]
#[case("SELECT 1 AS a, 'q\"' AS b, NULL AS c FOR XML RAW", "<row a=\"1\" b=\"q&quot;\"/>")]
#[case(
    "SELECT 1 AS a, NULL AS c FOR XML RAW('x'), ELEMENTS XSINIL, ROOT",
    "<root xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><x><a>1</a><c xsi:nil=\"true\"/></x></root>"
)]
#[case(
    "SELECT p.id, c.n FROM (VALUES (1), (2)) p(id) JOIN (VALUES (1, 5), (1, 6), (2, 7)) c(id, n) ON c.id = p.id FOR XML AUTO",
    "<p id=\"1\"><c n=\"5\"/><c n=\"6\"/></p><p id=\"2\"><c n=\"7\"/></p>"
)]
#[case(
    "SELECT CAST('2026-11-22 10:20:30' AS datetime) AS d, CAST(1 AS bit) AS b, 0x0102 AS x, 1.50 AS m FOR XML PATH('')",
    "<d>2026-11-22T10:20:30</d><b>1</b><x>AQI=</x><m>1.50</m>"
)]
fn rows_become_xml(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case("SELECT 1 AS id, 'a\"/' AS name, NULL AS n FOR JSON PATH", r#"[{"id":1,"name":"a\"\/"}]"#)]
#[case(
    "SELECT 1 AS [a.b], 2 AS [a.c], CAST(1 AS bit) AS d FOR JSON PATH, WITHOUT_ARRAY_WRAPPER",
    r#"{"a":{"b":1,"c":2},"d":true}"#
)]
#[case(
    "SELECT n FROM (VALUES (1), (NULL)) x(n) FOR JSON PATH, ROOT('rows'), INCLUDE_NULL_VALUES",
    r#"{"rows":[{"n":1},{"n":null}]}"#
)]
#[case(
    "SELECT p.id, c.n FROM (VALUES (1), (2)) p(id) JOIN (VALUES (1, 5), (1, 6), (2, 7)) c(id, n) ON c.id = p.id FOR JSON AUTO",
    r#"[{"id":1,"c":[{"n":5},{"n":6}]},{"id":2,"c":[{"n":7}]}]"#
)]
#[case("SELECT 1 AS a, (SELECT 2 AS b FOR JSON PATH) AS c FOR JSON PATH", r#"[{"a":1,"c":[{"b":2}]}]"#)]
fn rows_become_json(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case("SELECT 1 FOR JSON PATH", 13605)]
#[case("SELECT 1 AS a, 2 AS a FOR JSON PATH", 13601)]
#[case("SELECT 1 AS a FOR JSON PATH, ROOT, WITHOUT_ARRAY_WRAPPER", 13620)]
#[case("SELECT 1 FOR XML RAW", 6809)]
#[case("SELECT 1 AS 'a b' FOR XML PATH", 6850)]
#[case("SELECT 1 AS a, 2 AS '@b' FOR XML PATH", 6852)]
#[case("SELECT 2 AS '@b' FOR XML PATH('')", 6864)]
#[case("SELECT 1 FOR XML EXPLICIT", 40510)]
#[case("SELECT * FROM (SELECT 1 AS a, 'x' AS b) s PIVOT (SUM(nope) FOR b IN ([x])) p", 207)]
#[case("SELECT * FROM (SELECT 1 AS a, 'x' AS b) s UNPIVOT (v FOR n IN (a, b)) p", 8167)]
#[case("SELECT * FROM (SELECT 1 AS k, 1 AS a, 'x' AS b) s PIVOT (SUM(a) FOR b IN (k)) p", 265)]
#[case("SELECT GROUPING(n) FROM (VALUES (1)) x(n)", 8161)]
fn what_cannot_be_formatted_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(text).await, number, "{text}"));
}

#[rstest::rstest]
#[case(
    "DECLARE @s varchar(99) = ''; SELECT @s = @s + n + ',' FROM (VALUES ('b'), ('a'), ('c')) x(n) ORDER BY n; SELECT @s",
    "a,b,c,"
)]
#[case(
    "DECLARE @s varchar(99); SELECT @s = COALESCE(@s + ', ', '') + n FROM (VALUES ('b'), ('a')) x(n); SELECT @s",
    "b, a"
)]
#[case(
    "DECLARE @s varchar(99) = 'k '; SELECT @s += CONVERT(varchar(5), n) + ';' FROM (VALUES (51), (52)) x(n) WHERE n > 51; SELECT @s",
    "k 52;"
)]
#[case(
    "DECLARE @a int = 1, @b int = 1; SELECT @a = @a + @b, @b = @a FROM (VALUES (1), (2), (3)) x(n); SELECT @a, @b",
    "8|8"
)]
#[case(
    "DECLARE @n int = 0; SELECT @n = CASE WHEN n > @n THEN n ELSE @n END FROM (VALUES (3), (9), (4)) x(n); SELECT @n",
    "9"
)]
#[case(
    "DECLARE @n int = 5; SELECT TOP 2 @n = @n * n FROM (VALUES (3), (9), (4)) x(n) ORDER BY n DESC; SELECT @n",
    "180"
)]
#[case("DECLARE @n int = 5; SELECT @n = @n + 1 FROM (VALUES (1)) x(n) WHERE n = 2; SELECT @n", "5")]
#[case(
    "DECLARE @n int = 5, @m int; SELECT @m = MAX(n), @n = @n + COUNT(*) FROM (VALUES (3), (9)) x(n); SELECT @n, @m",
    "7|9"
)]
fn a_variable_gathers_over_the_rows(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case(
    "SELECT STUFF((SELECT ', ' + n FROM (VALUES ('a<b'), ('&c')) x(n) FOR XML PATH(''), TYPE).value('.', 'nvarchar(max)'), 1, 2, '')",
    "a<b, &c"
)]
#[case(
    "SELECT (SELECT n + ';' FROM (VALUES ('a'), ('b')) x(n) FOR XML PATH(''), TYPE).value('(./text())[1]', 'varchar(3)')",
    "a;b"
)]
#[case(
    "DECLARE @s varchar(99) = '1,22,3'; DECLARE @x xml = '<i>' + REPLACE(@s, ',', '</i><i>') + '</i>'; SELECT t.c.value('.', 'int') * 2 FROM @x.nodes('/i') AS t(c)",
    "2; 44; 6"
)]
#[case(
    "SELECT s.id, n.c.value('@k', 'varchar(9)'), n.c.value('(b/text())[1]', 'int') FROM (SELECT 7 AS id, CAST('<a><r k=\"x\"><b>5</b></r><r k=\"y\"/></a>' AS xml) AS doc) s CROSS APPLY s.doc.nodes('/a/r') n(c)",
    "7|x|5; 7|y|NULL"
)]
#[case(
    "DECLARE @x xml = '<a><b n=\"1\">one</b><b n=\"2\">two</b></a>'; SELECT @x.value('(/a/b[@n=\"2\"])[1]', 'varchar(9)'), @x.exist('//b[@n=\"3\"]'), @x.value('count', 'int')",
    "two|0|NULL"
)]
#[case(
    "DECLARE @x xml = '<a><b n=\"1\">o&amp;e</b></a>'; SELECT CAST(@x.query('/a/b') AS varchar(99))",
    "<b n=\"1\">o&amp;e</b>"
)]
fn xml_is_read_by_its_methods(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case("DECLARE @x xml = '<a><b></a>'; SELECT @x.value('.', 'int')", 9400)]
#[case("DECLARE @x xml = '<a/>'; SELECT @x.value('for $i in 1 return $i', 'int')", 40510)]
#[case("DECLARE @x int = 1; SELECT @x.value('.', 'int')", 258)]
#[case("SELECT TIMEFROMPARTS(25, 0, 0, 0, 0)", 289)]
#[case("SELECT DATETIMEFROMPARTS(2026, 2, 30, 0, 0, 0, 0)", 289)]
#[case("SELECT TODATETIMEOFFSET('2026-01-01', 900)", 9812)]
fn xml_and_dates_that_cannot_be_get_their_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(text).await, number, "{text}"));
}

#[rstest::rstest]
#[case(
    "SELECT CONVERT(varchar(30), DATETIMEFROMPARTS(2026, 2, 28, 23, 59, 58, 990), 121)",
    "2026-02-28 23:59:58.990"
)]
#[case(
    "SELECT CONVERT(varchar(30), DATETIME2FROMPARTS(2026, 2, 28, 23, 59, 58, 5, 1), 121)",
    "2026-02-28 23:59:58.5000000"
)]
#[case(
    "SELECT CONVERT(varchar(40), DATETIMEOFFSETFROMPARTS(2026, 2, 28, 23, 59, 58, 0, -2, -30, 0), 121)",
    "2026-02-28 23:59:58.0000000 -02:30"
)]
#[case(
    "SELECT CONVERT(varchar(40), TODATETIMEOFFSET('2026-02-28 10:00', '+09:00'), 121)",
    "2026-02-28 10:00:00.0000000 +09:00"
)]
#[case(
    "SELECT CONVERT(varchar(16), TIMEFROMPARTS(1, 2, 3, 4, 1)), CONVERT(varchar(20), SMALLDATETIMEFROMPARTS(2026, 1, 2, 3, 4), 120)",
    "01:02:03.4000000|2026-01-02 03:04:00"
)]
#[case(
    "SELECT DATEPART(iso_week, '2026-01-01'), DATEPART(isowk, '2027-01-01'), DATEPART(isoww, '2024-12-30'), DATETIMEFROMPARTS(NULL, 1, 1, 1, 1, 1, 1)",
    "1|53|1|NULL"
)]
#[case(
    "SELECT CASE WHEN CHECKSUM('a', 1) = CHECKSUM('A', 1) THEN 1 ELSE 0 END, CASE WHEN BINARY_CHECKSUM('a') = BINARY_CHECKSUM('A') THEN 1 ELSE 0 END",
    "1|0"
)]
fn dates_are_made_from_parts(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}
