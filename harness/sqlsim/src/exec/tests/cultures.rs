//! FORMAT, PARSE, HASHBYTES, AT TIME ZONE and the string functions of 2016 and 2017.

use super::{answers, on_a_bench};

#[rstest::rstest]
#[case("FORMAT(1234567.891, 'N')", "1,234,567.89")]
#[case("FORMAT(1234567.891, 'N0')", "1,234,568")]
#[case("FORMAT(-1234.5, 'C')", "($1,234.50)")]
#[case("FORMAT(1234.5, 'C', '')", "¤1,234.50")]
#[case("FORMAT(1234.5, 'c0', 'en-US')", "$1,235")]
#[case("FORMAT(0.1234, 'P')", "12.34 %")]
#[case("FORMAT(42, 'D6')", "000042")]
#[case("FORMAT(-42, 'D6')", "-000042")]
#[case("FORMAT(1.5, 'D')", "NULL")]
#[case("FORMAT(255, 'X')", "FF")]
#[case("FORMAT(-1, 'x8')", "ffffffff")]
#[case("FORMAT(12345.678, 'E2')", "1.23E+004")]
#[case("FORMAT(CAST(0 AS float), 'e')", "0.000000e+000")]
#[case("FORMAT(CAST(1234.5678 AS float), 'F')", "1234.57")]
#[case("FORMAT(CAST(1e20 AS float), 'G')", "1E+20")]
#[case("FORMAT(CAST(0.1 AS float), 'R')", "0.1")]
#[case("FORMAT(CAST(1.50 AS decimal(9, 2)), 'G')", "1.50")]
#[case("FORMAT(CAST(0.000001 AS decimal(9, 6)), 'G')", "0.000001")]
#[case("FORMAT(1234, '#,##0.00')", "1,234.00")]
#[case("FORMAT(0.5, '#.##')", ".5")]
#[case("FORMAT(0, '#.##')", "")]
#[case("FORMAT(7, '000')", "007")]
#[case("FORMAT(1234567, '0,,.0M')", "1.2M")]
#[case("FORMAT(0.256, '0.0%')", "25.6%")]
#[case("FORMAT(123456789, '###-##-####')", "123-45-6789")]
#[case("FORMAT(-5, '0;(0);zero')", "(5)")]
#[case("FORMAT(0, '0;(0);zero')", "zero")]
#[case("FORMAT(0.001, '0.0;(0);zero')", "zero")]
#[case("FORMAT(12.3, '\"n\" 0.0 \\#')", "n 12.3 #")]
#[case("FORMAT(12345, '0.00E+00')", "1.23E+04")]
#[case("FORMAT(CAST(922337203685477.5807 AS money), 'N4')", "922,337,203,685,477.5807")]
#[case("FORMAT(NULL, 'N'), FORMAT(1, NULL), FORMAT(1, 'N', NULL)", "NULL|NULL|NULL")]
fn numbers_are_written_in_a_pattern(#[case] expression: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| {
        assert_eq!(bench.rows(&format!("SELECT {expression}")).await, expected, "{expression}");
    });
}

#[rstest::rstest]
#[case("'d'", "3/7/2026")]
#[case("'d', ''", "03/07/2026")]
#[case("'D'", "Saturday, March 07, 2026")]
#[case("'f'", "Saturday, March 07, 2026 2:05 PM")]
#[case("'G'", "3/7/2026 2:05:09 PM")]
#[case("'g', 'iv'", "03/07/2026 14:05")]
#[case("''", "3/7/2026 2:05:09 PM")]
#[case("'s'", "2026-03-07T14:05:09")]
#[case("'u'", "2026-03-07 14:05:09Z")]
#[case("'o'", "2026-03-07T14:05:09.1234567")]
#[case("'R'", "Sat, 07 Mar 2026 14:05:09 GMT")]
#[case("'m'", "March 07")]
#[case("'y'", "March, 2026")]
#[case("'t'", "2:05 PM")]
#[case("'yyyy-MM-dd HH:mm:ss.fff'", "2026-03-07 14:05:09.123")]
#[case("'yyyyMMdd_HHmmss'", "20260307_140509")]
#[case("'ddd d MMM yy h:m:s t'", "Sat 7 Mar 26 2:5:9 P")]
#[case("'%d'", "7")]
#[case("'MMM'", "Mar")]
#[case("'\"at\" HH\\h'", "at 14h")]
#[case("'ss.FFFFFFF'", "09.1234567")]
#[case("'x'", "NULL")]
fn dates_are_written_in_a_pattern(#[case] pattern: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| {
        let text = format!("SELECT FORMAT(CAST('2026-03-07 14:05:09.1234567' AS datetime2), {pattern})");
        assert_eq!(bench.rows(&text).await, expected, "{pattern}");
    });
}

#[rstest::rstest]
#[case(
    "FORMAT(CAST('2026-03-07 14:05:09 +09:30' AS datetimeoffset), 'yyyy-MM-dd zzz z')",
    "2026-03-07 +09:30 +9"
)]
#[case("FORMAT(CAST('2026-03-07 14:05:09 +09:30' AS datetimeoffset), 'u')", "2026-03-07 04:35:09Z")]
#[case("FORMAT(CAST('14:05:09' AS time), 'hh\\:mm')", "14:05")]
#[case("FORMAT(CAST('14:05:09' AS time), 'hh:mm')", "NULL")]
#[case("FORMAT(CAST('14:05:09.5' AS time), 'g')", "14:05:09.5")]
#[case("FORMAT(CAST('14:05:09' AS time), 'c')", "14:05:09")]
#[case("PARSE('1,234' AS int), PARSE(' -7 ' AS bigint), PARSE('12.50' AS decimal(9, 1))", "1234|-7|12.5")]
#[case(
    "PARSE('$1,234.50' AS money USING 'en-US'), PARSE('(3)' AS smallmoney), PARSE('1e3' AS float)",
    "1234.50|-3.00|1000"
)]
#[case("PARSE('Monday, 13 December 2010' AS datetime2 USING 'en-US')", "2010-12-13 00:00:00.0000000")]
#[case(
    "PARSE('3/7/2026' AS date), TRY_PARSE('Jabberwokkie' AS datetime2), TRY_PARSE('x' AS int)",
    "2026-03-07|NULL|NULL"
)]
#[case("TRY_PARSE('300' AS tinyint), TRY_PARSE('' AS int), TRY_PARSE(NULL AS int)", "NULL|NULL|NULL")]
#[case("CONVERT(varchar(99), HASHBYTES('MD5', 'abc'), 1)", "0x900150983CD24FB0D6963F7D28E17F72")]
#[case("CONVERT(varchar(99), HASHBYTES('sha1', 'abc'), 1)", "0xA9993E364706816ABA3E25717850C26C9CD0D89D")]
#[case(
    "CONVERT(varchar(99), HASHBYTES('SHA2_256', 'abc'), 1)",
    "0xBA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
)]
#[case("LEFT(CONVERT(varchar(200), HASHBYTES('SHA2_512', 'abc'), 2), 16)", "DDAF35A193617ABA")]
#[case("CONVERT(varchar(99), HASHBYTES('MD5', N'abc'), 1)", "0xCE1473CF80C6B3FDA8E3DFC006ADC315")]
#[case(
    "CONVERT(varchar(99), HASHBYTES('MD5', 0x616263), 1), HASHBYTES('nope', 'abc'), HASHBYTES('MD5', CAST(NULL AS varchar(9)))",
    "0x900150983CD24FB0D6963F7D28E17F72|NULL|NULL"
)]
#[case(
    "CONVERT(varchar(40), CAST('2026-07-15 12:00' AS datetime2(0)) AT TIME ZONE 'Pacific Standard Time')",
    "2026-07-15 12:00:00 -07:00"
)]
#[case(
    "CONVERT(varchar(40), CAST('2026-01-15 12:00' AS datetime) AT TIME ZONE 'korea standard time')",
    "2026-01-15 12:00:00.000 +09:00"
)]
#[case(
    "CONVERT(varchar(40), CAST('2026-01-15 12:00 +00:00' AS datetimeoffset(0)) AT TIME ZONE 'India Standard Time')",
    "2026-01-15 17:30:00 +05:30"
)]
// The hour that is there twice is the first one, an hour that is not there has the offset from before.
#[case(
    "CONVERT(varchar(40), CAST('2026-11-01 01:30' AS datetime2(0)) AT TIME ZONE 'Eastern Standard Time')",
    "2026-11-01 01:30:00 -04:00"
)]
#[case(
    "CONVERT(varchar(40), CAST('2026-03-08 02:30' AS datetime2(0)) AT TIME ZONE 'Eastern Standard Time')",
    "2026-03-08 02:30:00 -05:00"
)]
#[case(
    "CONVERT(varchar(40), CAST('2026-01-15 12:00' AS smalldatetime) AT TIME ZONE 'UTC' AT TIME ZONE 'Tokyo Standard Time')",
    "2026-01-15 21:00:00 +09:00"
)]
#[case("CAST('2026-01-15' AS datetime2) AT TIME ZONE NULL", "NULL")]
#[case("TRIM('  a '), TRIM('xy' FROM 'xyaXYx'), TRANSLATE('2*[3+4]', '[]', '()')", "a|a|2*(3+4)")]
#[case(
    "CONCAT_WS('-', 'a', NULL, 1), STRING_ESCAPE('a/\"', 'json'), IIF(1 = 2, 'x', 'y'), CHOOSE(2, 'a', 'b')",
    "a-1|a\\/\\\"|y|b"
)]
#[case(
    "EOMONTH('2024-02-03'), DATEFROMPARTS(2026, 1, 2), EOMONTH('2024-01-31', 1)",
    "2024-02-29|2026-01-02|2024-02-29"
)]
#[case("(SELECT STRING_AGG(value, '+') WITHIN GROUP (ORDER BY value) FROM STRING_SPLIT('b,a', ','))", "a+b")]
#[case("ROUND(DEGREES(PI()), 0), ROUND(SIN(RADIANS(90.0)), 4), ATN2(0, 1)", "180|1|0")]
fn newer_functions_answer(#[case] expression: &'static str, #[case] expected: &'static str) {
    on_a_bench(async |bench| {
        assert_eq!(bench.rows(&format!("SELECT {expression}")).await, expected, "{expression}");
    });
}

#[rstest::rstest]
#[case("SELECT FORMAT(1, 'N', 'de-DE')", 40510)]
#[case("SELECT FORMAT(1, 'N', 'no culture')", 9818)]
#[case("SELECT FORMAT('1', 'N')", 8116)]
#[case("SELECT PARSE('x' AS int)", 9819)]
#[case("SELECT PARSE('2026-02-30' AS date USING 'en-US')", 9819)]
#[case("SELECT PARSE('1' AS int USING 'ko-KR')", 40510)]
#[case("SELECT PARSE('1' AS varchar(9))", 10761)]
#[case("SELECT PARSE(1 AS int)", 8116)]
#[case("SELECT HASHBYTES('MD4', 'x')", 40510)]
#[case("SELECT HASHBYTES('MD5', 1)", 8116)]
#[case("SELECT CAST('2026-01-15' AS datetime2) AT TIME ZONE 'Europe/Berlin'", 9820)]
#[case("SELECT CAST('2026-01-15' AS date) AT TIME ZONE 'UTC'", 8116)]
#[case("SELECT TRANSLATE('a', 'ab', 'c')", 9828)]
#[case("SELECT TRIM(LEADING 'x' FROM 'xa')", 40510)]
#[case("SELECT CONCAT('a')", 189)]
#[case("SELECT CONCAT_WS('a', 'b')", 189)]
#[case("SELECT ISNULL(1)", 174)]
#[case("SELECT * FROM STRING_SPLIT('a,b', ',', 1)", 40510)]
#[case("SELECT * FROM STRING_SPLIT('a,b', ', ')", 214)]
#[case("SELECT * FROM STRING_SPLIT('a,b')", 313)]
#[case("SELECT ASIN(2)", 3623)]
fn what_they_do_not_do_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| assert_eq!(bench.error(text).await, number, "{text}"));
}

#[test]
fn context_info_is_kept_for_the_session_and_shown() {
    answers(
        "SET CONTEXT_INFO 0x0102; SELECT LEFT(CONVERT(varchar(300), CONTEXT_INFO(), 2), 8), DATALENGTH(CONTEXT_INFO()), \
         (SELECT DATALENGTH(context_info) FROM sys.dm_exec_sessions WHERE session_id = @@SPID)",
        "01020000|128|128",
    );
}

#[test]
fn the_text_of_a_module_is_shown() {
    on_a_bench(async |bench| {
        bench.run("CREATE VIEW v AS SELECT 1 AS one").await;
        let shown = bench.rows("SELECT OBJECT_DEFINITION(OBJECT_ID('v')), OBJECT_DEFINITION(0)").await;
        assert_eq!(shown, "CREATE VIEW v AS SELECT 1 AS one|NULL");
    });
}
