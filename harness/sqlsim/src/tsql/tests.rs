//! The same statement in other clothes parses to the same tree.

use super::{NoTypes, parse};

/// The tree of a batch, without its lines.
fn tree(text: &str) -> String {
    let program = parse("@db sysname, @f nvarchar(260)", text, true, &NoTypes)
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let shown = format!("{:?}", program.code);
    let mut out = String::new();
    let mut rest = shown.as_str();
    while let Some(at) = rest.find("line: ") {
        out.push_str(&rest[..at]);
        rest = rest[at + 6..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

#[rstest::rstest]
#[case(
    "RESTORE LOG [mgc] FROM DISK = N'\\\\share\\a.trn' WITH FILE = 2, NORECOVERY, STATS = 5",
    "restore\tlog mgc -- tail\nfrom disk=N'\\\\share\\a.trn' with file=2 , norecovery,/* x */stats=5;"
)]
#[case("RESTORE DATABASE mgc WITH RECOVERY", ";; Restore Database [mgc]\r\n With Recovery ;")]
#[case("BACKUP LOG @db TO DISK = @f WITH INIT", "backup log @DB to disk=@F with init")]
#[case(
    "EXEC sp_delete_log_shipping_secondary_database N'mgc'",
    "sp_delete_log_shipping_secondary_database mgc"
)]
#[case(
    "EXEC master.dbo.sp_delete_log_shipping_secondary_database @secondary_database = N'mgc'",
    "execute [master].[dbo].[sp_delete_log_shipping_secondary_database] @SECONDARY_DATABASE=mgc"
)]
#[case("KILL 53", "kill/**/53")]
#[case(
    "ALTER DATABASE mgc SET PARTNER = 'TCP://sqlb1.contoso.com:5022'",
    "alter database \"mgc\" set partner='TCP://sqlb1.contoso.com:5022'"
)]
#[case(
    "SELECT a AS b FROM dbo.t WHERE x = 1 ORDER BY a",
    "select a b from [dbo].[t] where (x=1) order by a asc"
)]
#[case("IF EXISTS (SELECT 1) PRINT 'a' ELSE PRINT 'b'", "if exists(select 1) print 'a'; else print 'b'")]
#[case("INSERT INTO t (a, b) VALUES (1, N'x')", "insert t([a],b)values(1,N'x')")]
fn a_rewritten_statement_parses_to_the_same_tree(#[case] plain: &str, #[case] rewritten: &str) {
    assert_eq!(tree(plain), tree(rewritten));
}

#[rstest::rstest]
#[case("SELECT 1\nFROM WHERE", 156, 2, "WHERE")]
#[case("SELECT 1\n\n)", 102, 3, ")")]
#[case("DECLARE @a int\nKILL @a", 102, 2, "@a")]
#[case("BEGIN SELECT 1", 102, 1, "1")]
#[case("RESTORE DATABASE x WITH NONSENSE", 155, 1, "NONSENSE")]
#[case("ALTER DATABASE x SET NONSENSE", 102, 1, "NONSENSE")]
#[case("SELECT @nope", 137, 1, "@nope")]
#[case("GOTO nowhere", 133, 1, "nowhere")]
fn a_syntax_error_names_its_token_and_line(
    #[case] text: &str,
    #[case] number: i32,
    #[case] line: u32,
    #[case] token: &str,
) {
    let error = parse("", text, true, &NoTypes).expect_err("does not parse");
    assert_eq!((error.number, error.line), (number, line), "{error}");
    assert!(error.message.contains(token), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[ -~\n']{0,60}") {
        let _ = parse("", &text, true, &NoTypes);
    }

    #[test]
    fn no_mix_of_words_makes_the_parser_panic(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "SELECT", "FROM", "t", "WHERE", "(", ")", "1", "'x'", ",", "=", "BEGIN", "END", "TRY", "CATCH", "IF",
            "ELSE", "DECLARE", "@a", "int", "EXEC", "p", "RESTORE", "DATABASE", "LOG", "WITH", "AS", "CASE", "WHEN",
            "THEN", "JOIN", "ON", ";", "*", "INSERT", "VALUES", "UPDATE", "SET", "CREATE", "TABLE", "ALTER", "TOP",
        ]), 0..25))
    {
        let _ = parse("", &words.join(" "), true, &NoTypes);
    }
}
