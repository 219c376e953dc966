//! The JSON functions ("JSON data in SQL Server", "JSON path expressions").

use super::{answers, on_a_bench};

/// `@j` in the cases below.
const DOCUMENT: &str = r#"DECLARE @j nvarchar(max) = N'{"a":1,"b":"x\u0041\n\/","c":[10,{"d":true}],"e":null,"f g":2.50,"o":{"p":"q"}}'; "#;

#[rstest::rstest]
#[case(
    "SELECT JSON_VALUE(@j, '$.a'), JSON_VALUE(@j, 'lax $.\"f g\"'), JSON_VALUE(@j, '$.c[0]')",
    "1|2.50|10"
)]
#[case("SELECT JSON_VALUE(@j, '$.b')", "xA\n/")]
#[case("SELECT JSON_VALUE(@j, '$.c[1].d'), JSON_VALUE(@j, '$.e'), JSON_VALUE(@j, '$.c')", "true|NULL|NULL")]
#[case(
    "SELECT JSON_VALUE(@j, '$.nope'), JSON_VALUE(@j, '$.a.z'), JSON_VALUE(@j, '$.c[7]')",
    "NULL|NULL|NULL"
)]
#[case("SELECT JSON_VALUE(@j, 'strict $.e'), JSON_VALUE(NULL, '$.e')", "NULL|NULL")]
#[case("SELECT JSON_VALUE(N'{\"a\":1,\"a\":2}', '$.a'), JSON_VALUE(N'{\"a\":1} and more', '$.a')", "1|1")]
#[case(
    "SELECT LEN(JSON_VALUE(N'{\"a\":\"' + REPLICATE(CAST(N'x' AS nvarchar(max)), 4000) + N'\"}', '$.a'))",
    "4000"
)]
#[case(
    "SELECT JSON_VALUE(N'{\"a\":\"' + REPLICATE(CAST(N'x' AS nvarchar(max)), 4001) + N'\"}', '$.a')",
    "NULL"
)]
#[case(
    "SELECT JSON_QUERY(@j, '$.c'), JSON_QUERY(@j, '$.o'), JSON_QUERY(@j, '$.a')",
    "[10,{\"d\":true}]|{\"p\":\"q\"}|NULL"
)]
#[case("SELECT JSON_QUERY(N' {\"a\" : [ 1 ]} ')", "{\"a\" : [ 1 ]}")]
#[case(
    "SELECT ISJSON(@j), ISJSON(N'[]'), ISJSON(N'1'), ISJSON(N'{\"a\":01}'), ISJSON(N'{}x'), ISJSON(NULL)",
    "1|1|0|0|0|NULL"
)]
#[case(
    "SELECT ISJSON(REPLICATE('[', 128) + REPLICATE(']', 128)), ISJSON(REPLICATE('[', 129) + REPLICATE(']', 129))",
    "1|0"
)]
#[case("DECLARE @p varchar(9) = '$.a'; SELECT JSON_VALUE(@j, @p)", "1")]
fn json_is_read_by_a_path(#[case] text: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| assert_eq!(bench.rows(&format!("{DOCUMENT}{text}")).await, expected, "{text}"));
}

#[rstest::rstest]
#[case("'$.a', 5", r#"{"a":5,"b":[1,2]}"#)]
#[case("'$.a', 'x/\"'", r#"{"a":"x\/\"","b":[1,2]}"#)]
#[case("'$.c', CAST(1 AS bit)", r#"{"a":1,"b":[1,2],"c":true}"#)]
#[case("'$.c', CAST(1.50 AS decimal(5, 2))", r#"{"a":1,"b":[1,2],"c":1.50}"#)]
#[case("'$.a', NULL", r#"{"b":[1,2]}"#)]
#[case("'$.b', NULL", r#"{"a":1}"#)]
#[case("'strict $.a', NULL", r#"{"a":null,"b":[1,2]}"#)]
#[case("'$.b[0]', NULL", r#"{"a":1,"b":[null,2]}"#)]
#[case("'$.b[1]', 7", r#"{"a":1,"b":[1,7]}"#)]
#[case("'$.b[2]', 7", r#"{"a":1,"b":[1,2]}"#)]
#[case("'append $.b', 3", r#"{"a":1,"b":[1,2,3]}"#)]
#[case("'append lax $.n', 'x'", r#"{"a":1,"b":[1,2],"n":["x"]}"#)]
#[case("'append $.a', 3", r#"{"a":1,"b":[1,2]}"#)]
#[case("'$.z.y', 3", r#"{"a":1,"b":[1,2]}"#)]
#[case("'$.o', JSON_QUERY('{\"x\":1}')", r#"{"a":1,"b":[1,2],"o":{"x":1}}"#)]
#[case("'$.o', '{\"x\":1}'", r#"{"a":1,"b":[1,2],"o":"{\"x\":1}"}"#)]
#[case("'$.o', (SELECT 1 AS x FOR JSON PATH)", r#"{"a":1,"b":[1,2],"o":[{"x":1}]}"#)]
fn json_modify_changes_one_place(#[case] arguments: &'static str, #[case] expected: &'static str) {
    let text = format!("SELECT JSON_MODIFY(N'{{\"a\":1,\"b\":[1,2]}}', {arguments})");
    on_a_bench(async |bench| assert_eq!(bench.rows(&text).await, expected, "{arguments}"));
}

#[rstest::rstest]
#[case(
    "SELECT [key], value, type FROM OPENJSON(N'{\"a\":\"x\",\"b\":2,\"c\":true,\"d\":null,\"e\":[1],\"f\":{}}')",
    "a|x|1; b|2|2; c|true|3; d|NULL|0; e|[1]|4; f|{}|5"
)]
#[case("SELECT * FROM OPENJSON(N'[\"x\", 2]')", "0|x|1; 1|2|2")]
#[case("SELECT o.value FROM OPENJSON(N'{\"a\":{\"b\":[7, 8]}}', 'lax $.a.b') AS o ORDER BY 1 DESC", "8; 7")]
#[case("SELECT * FROM OPENJSON(N'{\"a\":1}', '$.z')", "")]
#[case("SELECT * FROM OPENJSON(NULL)", "")]
#[case(
    "SELECT id, name, city, tags FROM OPENJSON(N'[{\"id\":1,\"name\":\"n\",\"a\":{\"city\":\"c\"},\"tags\":[1]},{\"id\":2}]') WITH (id int, name varchar(9), city nvarchar(9) '$.a.city', tags nvarchar(max) AS JSON) AS t",
    "1|n|c|[1]; 2|NULL|NULL|NULL"
)]
#[case("SELECT v FROM OPENJSON(N'[1, 2, \"3\"]') WITH (v int '$')", "1; 2; 3")]
#[case(
    "SELECT a, b FROM OPENJSON(N'{\"a\":\"2026-01-02\",\"b\":true}') WITH (a date, b bit)",
    "2026-01-02|1"
)]
#[case("SELECT v FROM OPENJSON(N'[\"long\"]') WITH (v varchar(2) '$')", "lo")]
#[case(
    "SELECT t.id, j.value FROM (VALUES (1, N'[5,6]'), (2, N'[7]'), (3, NULL)) t(id, doc) CROSS APPLY OPENJSON(t.doc) j ORDER BY t.id, j.value",
    "1|5; 1|6; 2|7"
)]
#[case(
    "SELECT t.id, j.v FROM (VALUES (1, N'[5]'), (2, NULL)) t(id, doc) OUTER APPLY OPENJSON(t.doc) WITH (v int '$') j",
    "1|5; 2|NULL"
)]
#[case("SELECT COUNT(*) FROM sys.databases WHERE database_id IN (SELECT value FROM OPENJSON(N'[1,2]'))", "2")]
#[case(
    "SELECT JSON_QUERY(N'{\"a\":[1]}', '$.a') AS q, N'[1]' AS t FOR JSON PATH",
    r#"[{"q":[1],"t":"[1]"}]"#
)]
fn openjson_gives_rows(#[case] text: &'static str, #[case] expected: &'static str) {
    answers(text, expected);
}

#[rstest::rstest]
#[case("SELECT JSON_VALUE(N'{not', '$.a')", 13609)]
#[case("SELECT JSON_VALUE(N'1', '$')", 13609)]
#[case("SELECT JSON_VALUE(N'{}', 'a')", 13607)]
#[case("SELECT JSON_VALUE(N'{}', 'append $.a')", 13607)]
#[case("SELECT JSON_VALUE(N'{}', '$.')", 13607)]
#[case("SELECT JSON_VALUE(N'{}', 'strict $.a')", 13608)]
#[case("SELECT JSON_VALUE(N'{\"a\":[1]}', 'strict $.a')", 13623)]
#[case(
    "SELECT JSON_VALUE(N'{\"a\":\"' + REPLICATE(CAST(N'x' AS nvarchar(max)), 4001) + N'\"}', 'strict $.a')",
    13625
)]
#[case("SELECT JSON_QUERY(N'{\"a\":1}', 'strict $.a')", 13624)]
#[case("SELECT JSON_VALUE(N'{}', NULL)", 8116)]
#[case("SELECT JSON_VALUE(N'{}')", 174)]
#[case("SELECT JSON_QUERY(N'{}', '$', 1)", 189)]
#[case("SELECT JSON_QUERY(REPLICATE('[', 129) + REPLICATE(']', 129))", 13606)]
#[case("SELECT JSON_MODIFY(N'{}', '$', 1)", 13619)]
#[case("SELECT JSON_MODIFY(N'{}', 'strict $.a', 1)", 13608)]
#[case("SELECT JSON_MODIFY(N'{\"a\":1}', 'append strict $.a', 1)", 13621)]
#[case("SELECT JSON_MODIFY(N'{\"a\":1}x', '$.a', 1)", 13609)]
#[case("SELECT JSON_MODIFY(N'{}', '$.a', GETDATE())", 8116)]
#[case("SELECT JSON_MODIFY(N'{}', '$.a')", 174)]
#[case("SELECT * FROM OPENJSON(N'{\"a\":1}', 'strict $.z')", 13608)]
#[case("SELECT * FROM OPENJSON(N'{\"a\":1}', 'strict $.a')", 13611)]
#[case("SELECT * FROM OPENJSON(N'nope')", 13609)]
#[case("SELECT * FROM OPENJSON(N'{}') WITH (a int AS JSON)", 13618)]
#[case("SELECT * FROM OPENJSON(N'{\"a\":\"x\"}') WITH (a int)", 245)]
#[case("SELECT * FROM OPENJSON(N'{}') WITH (a int 'strict $.a')", 13608)]
#[case("SELECT * FROM OPENJSON(N'{}') WITH (a varbinary(9))", 40510)]
fn json_that_cannot_be_read_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(text).await, number, "{text}"));
}

#[test]
fn what_is_wrong_in_json_is_told_with_its_character_and_place() {
    on_a_bench(async |bench| {
        for (text, expected) in [
            ("{\"a\":x}", "Unexpected character 'x' is found at position 5."),
            ("{\"\u{ac00}\":1x}", "Unexpected character '1' is found at position 5."),
            ("[1, 2", "Unexpected character '.' is found at position 5."),
        ] {
            let sink = bench.run(&format!("SELECT * FROM OPENJSON(N'{text}')")).await;
            let told = sink.error().map(|error| error.message.clone()).unwrap_or_default();
            assert_eq!(told, format!("JSON text is not properly formatted. {expected}"), "{text}");
        }
    });
}
