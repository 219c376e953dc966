//! The language: values, operators, statements, errors, output.

use super::run;

#[rstest::rstest]
#[case("1 + 2 * 3", "7")]
#[case("7 / 2", "3.5")]
#[case("6 / 2", "3")]
#[case("7 % 4", "3")]
#[case("'a' + 1", "a1")]
#[case("1 + '2'", "3")]
#[case("'ab' * 2", "abab")]
#[case("-5", "-5")]
#[case("0x1F", "31")]
#[case("2kb", "2048")]
#[case("'a' -eq 'A'", "True")]
#[case("'a' -ceq 'A'", "False")]
#[case("1 -eq '1'", "True")]
#[case("$null -eq ''", "False")]
#[case("'atl.x.com' -like '*.X.com'", "True")]
#[case("'abc' -match 'B(.)'; $Matches[1]", "True\nc")]
#[case("'a,b' -split ','", "a\nb")]
#[case("@('a','b') -join '-'", "a-b")]
#[case("'x1y' -replace '\\d','-'", "x-y")]
#[case("@(1,2,3) -contains 2", "True")]
#[case("2 -in 1,2", "True")]
#[case("@(1,2,3) -ne 2", "1\n3")]
#[case("'{0:N1}|{1,4}|{2}' -f 1234.56, 7, 'x'", "1,234.6|   7|x")]
#[case("$true -and -not $false", "True")]
#[case("[int]'5' + 1", "6")]
#[case("[string]5 + 1", "51")]
#[case("1..3", "1\n2\n3")]
#[case("'x' -is [string]", "True")]
#[case("!$true", "False")]
#[case("@(1,2)[-1]", "2")]
#[case("(1,2,3)[0,2]", "1\n3")]
#[case("@{a=1}.a", "1")]
#[case("@{a=1}['A']", "1")]
#[case("'abc'.Substring(1).ToUpper()", "BC")]
#[case("' a '.Trim().Length", "1")]
#[case("'service:atl'.Split(':')[1]", "atl")]
#[case("[string]::IsNullOrEmpty('')", "True")]
#[case("[datetime]::UtcNow.ToString('yyyy-MM-dd HH:mm')", "2026-03-01 10:00")]
#[tokio::test]
async fn expressions_have_the_values_powershell_gives_them(#[case] script: &str, #[case] printed: &str) {
    assert_eq!(run(script).await, format!("{printed}\n"));
}

#[rstest::rstest]
#[case("$a = 'x'; \"$a $($a.Length) `$a \"\"q\"\" ${a}\"", "x 1 $a \"q\" x")]
#[case("$a = 'x'; '$a'", "$a")]
#[case("\"user@domain.com\"", "user@domain.com")]
#[case("$s = @\"\nhello $(1+1)\n \"q\"\n\"@\n$s", "hello 2\n \"q\"")]
#[case("$s = @'\nraw $x\n'@\n$s", "raw $x")]
#[case("'it''s'", "it's")]
#[case("\"a`tb\"", "a\tb")]
#[case("$a, $b = 1, 2, 3; \"$a|$b\"", "1|2 3")]
#[case("$x = 5; $x += 2; $x++; $x", "8")]
#[case("$h = @{}; $h['a'] = 1; $h.b = 2; $h.Count", "2")]
#[case("if (1 -gt 2) { 'a' } elseif ($true) { 'b' } else { 'c' }", "b")]
#[case("foreach ($i in 1..5) { if ($i -eq 2) { continue }; if ($i -eq 4) { break }; $i }", "1\n3")]
#[case("$i = 0; while ($i -lt 2) { $i++; $i }", "1\n2")]
#[case("for ($i = 0; $i -lt 2; $i++) { $i }", "0\n1")]
#[case("$i = 0; do { $i++ } until ($i -ge 3); $i", "3")]
#[case("& { return 5; 6 }", "5")]
#[case("$b = { $_ * 2 }; 1,2 | ForEach-Object $b", "2\n4")]
#[case("$p = @{Object='hi'}; Write-Host @p", "hi")]
#[case("try { throw 'x' } catch { \"caught $_\" } finally { 'end' }", "caught x\nend")]
#[case("try { throw 'x' } catch [System.ArgumentException] { 'no' } catch { $_.Exception.Message }", "x")]
#[case("try { 1/0 } catch { \"$_\" }", "Attempted to divide by zero.")]
#[case("try { try { throw 'a' } catch { throw } } catch { \"again $_\" }", "again a")]
#[case("$null | ForEach-Object { 'once' }", "once")]
#[case("@() | ForEach-Object { 'never' }; 'end'", "end")]
#[tokio::test]
async fn statements_do_what_they_do_in_powershell(#[case] script: &str, #[case] printed: &str) {
    assert_eq!(run(script).await, format!("{printed}\n"));
}

#[rstest::rstest]
#[case("1..5 | Where-Object { $_ -gt 3 }", "4\n5")]
#[case("1..5 | ? { $_ % 2 } | % { $_ * 10 }", "10\n30\n50")]
#[case("@{n='a';v=1},@{n='b';v=2} | Where-Object v -ge 2 | ForEach-Object n", "b")]
#[case("1..5 | Select-Object -First 2", "1\n2")]
#[case("1..5 | Select-Object -Last 1", "5")]
#[case("3,1,2 | Sort-Object -Descending", "3\n2\n1")]
#[case("(1..4 | Measure-Object -Sum).Sum", "10")]
#[case("1,1,2 | Select-Object -Unique", "1\n2")]
#[case("Write-Output a b | Out-Null; 'x'", "x")]
#[case("(Get-Command Get-CsPool).Name", "Get-CsPool")]
#[case("'{\"a\":[1,2]}' | ConvertFrom-Json | ForEach-Object { $_.a[1] }", "2")]
#[tokio::test]
async fn pipelines_carry_objects(#[case] script: &str, #[case] printed: &str) {
    assert_eq!(run(script).await, format!("{printed}\n"));
}

#[tokio::test]
async fn json_has_windows_powershells_layout() {
    let script = "[pscustomobject]@{ Name = \"it's\"; List = @(1, 'two'); Empty = @(); None = $null; Flag = $true; \
                  Inner = @{ a = 1 }; When = [datetime]'2026-03-01T10:00:00Z' } | ConvertTo-Json";
    insta::assert_snapshot!(run(script).await, @r#"
    {
        "Name":  "it\u0027s",
        "List":  [
                     1,
                     "two"
                 ],
        "Empty":  [

                  ],
        "None":  null,
        "Flag":  true,
        "Inner":  {
                      "a":  1
                  },
        "When":  "\/Date(1772359200000)\/"
    }
    "#);
}

#[rstest::rstest]
#[case("@(1,2) | ConvertTo-Json -Compress", "[1,2]")]
#[case("@(1) | ConvertTo-Json -Compress", "1")]
#[case("ConvertTo-Json @(1) -Compress", "[1]")]
#[case(
    "@{a=@{b=@{c=@{d=1}}}} | ConvertTo-Json -Compress",
    r#"{"a":{"b":{"c":"System.Collections.Hashtable"}}}"#
)]
#[case("@{a=@{b=@{c=@{d=1}}}} | ConvertTo-Json -Compress -Depth 4", r#"{"a":{"b":{"c":{"d":1}}}}"#)]
#[tokio::test]
async fn json_is_as_deep_as_asked_for(#[case] script: &str, #[case] printed: &str) {
    assert_eq!(run(script).await, format!("{printed}\n"));
}

#[tokio::test]
async fn objects_with_up_to_four_properties_are_shown_as_a_table() {
    let script = "[pscustomobject]@{Name='a';Size=10}, [pscustomobject]@{Name='long name';Size=5}";
    insta::assert_snapshot!(run(script).await.trim(), @r"
    Name      Size
    ----      ----
    a           10
    long name    5
    ");
}

#[tokio::test]
async fn more_properties_make_a_list_and_long_lists_are_cut() {
    let script = "[pscustomobject]@{A=1;Bb='x';C=@(1,2,3,4,5);D=$null;E=@('q')}";
    insta::assert_snapshot!(run(script).await.trim(), @r"
    A  : 1
    Bb : x
    C  : {1, 2, 3, 4...}
    D  :
    E  : {q}
    ");
}

#[tokio::test]
async fn an_unknown_command_gets_powershells_error_and_exit_code_1() {
    insta::assert_snapshot!(run("Set-CsPersistantChatState -PoolState FailedOver").await, @r"
    Set-CsPersistantChatState : The term 'Set-CsPersistantChatState' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was included, verify that the path is correct and try again.
    At line:1 char:1
    + Set-CsPersistantChatState -PoolState FailedOver
    + ~~~~~~~~~~~~~~~~~~~~~~~~~
        + CategoryInfo          : ObjectNotFound: (Set-CsPersistantChatState:String) [], CommandNotFoundException
        + FullyQualifiedErrorId : CommandNotFoundException
     
    exit 1
    ");
}

#[rstest::rstest]
#[case("Test-Path C:\\x", "the command Test-Path")]
#[case("sqlcmd.exe -Q x", "running programs and script files: sqlcmd.exe")]
#[case("Invoke-CsDatabaseFailover -NewPrincipal Mirror", "the cmdlet Invoke-CsDatabaseFailover")]
#[case("function f { 1 }", "function definitions: function f { 1 }")]
#[case("switch (1) { 1 { 2 } }", "the switch statement: switch (1) { 1 { 2 } }")]
#[case("Write-Output a > out.txt", "redirection to files: > out.txt")]
#[case("[guid]::NewGuid()", "[guid]::NewGuid()")]
#[tokio::test]
async fn what_is_not_modelled_is_refused_by_name(#[case] script: &str, #[case] what: &str) {
    let printed = run(script).await;
    assert!(printed.contains(&format!("lync-shell does not model {what}.")), "{printed}");
    assert!(printed.ends_with("exit 1\n"), "{printed}");
}

#[tokio::test]
async fn nothing_of_a_script_runs_when_a_part_of_it_is_not_modelled() {
    let printed = run("'before'; function f { 1 }").await;
    assert!(!printed.starts_with("before"), "{printed}");
}

#[rstest::rstest]
#[case("Get-CsPool (", "Missing closing ')' in expression.", "MissingEndParenthesisInExpression")]
#[case("Get-CsPool 'x", "The string is missing the terminator: '.", "TerminatorExpectedAtEndOfString")]
#[case(
    "if ($true) { 1",
    "Missing closing '}' in statement block or type definition.",
    "MissingEndCurlyBrace"
)]
#[case("1 +", "Unexpected token", "UnexpectedToken")]
#[case("Get-CsPool |", "An empty pipe element is not allowed.", "EmptyPipeElement")]
#[tokio::test]
async fn a_syntax_error_is_a_parser_error(#[case] script: &str, #[case] message: &str, #[case] id: &str) {
    let printed = run(script).await;
    assert!(printed.contains(message), "{printed}");
    assert!(printed.contains("ParserError: (:) [], ParentContainsErrorRecordException"), "{printed}");
    assert!(printed.contains(id), "{printed}");
}

#[tokio::test]
async fn a_thrown_text_ends_the_script_and_shows_where() {
    insta::assert_snapshot!(run("'before'\nthrow 'no good'\n'after'").await, @r"
    before
    no good
    At line:2 char:1
    + throw 'no good'
    + ~~~~~~~~~~~~~~~
        + CategoryInfo          : OperationStopped: (no good:String) [], RuntimeException
        + FullyQualifiedErrorId : no good
     
    exit 1
    ");
}

#[rstest::rstest]
#[case("nonsense; 'next'", "next", 0)]
#[case("$ErrorActionPreference = 'Stop'; nonsense; 'next'", "", 1)]
#[case("'x'; nonsense", "x", 1)]
#[case("Write-Error 'e'; 'next'", "next", 0)]
#[case("Write-Error 'e' -ErrorAction Stop; 'next'", "", 1)]
#[case("try { Write-Error 'e' -ErrorAction Stop } catch { 'caught' }", "caught", 0)]
#[case("try { Write-Error 'e' } catch { 'never' }; 'next'", "next", 0)]
#[case("nonsense; $?", "False", 0)]
#[case("exit 7; 'never'", "", 7)]
#[case("nonsense 2>$null; 'next'", "next", 0)]
#[tokio::test]
async fn errors_reach_as_far_as_their_kind_and_the_preference_say(
    #[case] script: &str,
    #[case] stdout: &str,
    #[case] code: i32,
) {
    let output = super::Machine::new().invoke(&["-Command", script], "").await;
    let expected = if stdout.is_empty() { String::new() } else { format!("{stdout}\n") };
    assert_eq!((output.stdout.as_str(), output.exit_code), (expected.as_str(), code), "{}", output.stderr);
}

#[tokio::test]
async fn deep_nesting_and_endless_loops_end_in_an_error() {
    let deep = format!("{}1{}", "(".repeat(3000), ")".repeat(3000));
    assert!(run(&deep).await.contains("nested this deeply"));
    assert!(run("while ($true) { $i++ }").await.contains("loops of more than a million turns"));
}

/// Words that scripts are made of.
const WORDS: [&str; 40] = [
    "Get-CsPool",
    "Get-CsService",
    "-Identity",
    "-Filter",
    "$x",
    "$_",
    "$null",
    "$true",
    "@(",
    "@{",
    "$(",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "|",
    ";",
    ",",
    "=",
    "+=",
    ".Count",
    ".Name",
    "'a'",
    "\"b $x\"",
    "\"$($x)\"",
    "1",
    "2.5",
    "-eq",
    "-match",
    "-join",
    "-f",
    "if",
    "foreach",
    "try",
    "catch",
    "throw",
    "% {",
    "1..3",
];

proptest::proptest! {
    #[test]
    fn no_script_makes_the_shell_panic(words in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(&words.join(" ")));
    }

    #[test]
    fn no_script_makes_the_parser_panic(script in "[-a-z0-9 $@{}()\\[\\]|;,.\"'`\n\u{2013}\u{2019}\u{201C}]{0,60}") {
        let _ = crate::language::lower::parse(&script);
    }

    #[test]
    fn any_text_survives_being_quoted(text in "[ -~\u{2018}\u{2019}\u{201C}\u{201D}\u{2013}\u{e4}\u{d55c}]{0,40}") {
        let quoted: String = text
            .chars()
            .flat_map(|c| match c {
                '\'' | '\u{2018}' | '\u{2019}' => vec![c, c],
                _ => vec![c],
            })
            .collect();
        let block = crate::language::lower::parse(&format!("Write-Output '{quoted}'")).expect("it parses");
        let shown = format!("{block:?}");
        proptest::prop_assert!(shown.contains(&format!("String({text:?})")), "{}", shown);
    }
}
