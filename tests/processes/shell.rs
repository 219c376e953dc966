//! `lync-shell` as a process against a served estate, with the lines that the document prints.

use crate::support::{Estate, Running, run};
use std::io::Write as _;
use std::path::Path;

/// As the document prints it: the dash before the second parameter is an en dash.
const DOCUMENTS_LINE: &str =
    "Set-CsPersistentChatState -Identity \"service:atl-cs-001.litwareinc.com\" \u{2013}PoolState FailedOver";

#[test]
fn the_documents_own_line_sets_the_pool_state_with_its_en_dash() {
    let estate = Estate::serve("document", Path::new("fixtures/estates/litware.toml"));
    assert_eq!(estate.shell("(Get-CsPersistentChatState).PoolState"), "Normal");
    assert_eq!(estate.shell(DOCUMENTS_LINE), "");
    assert_eq!(estate.shell("(Get-CsPersistentChatState).PoolState"), "FailedOver");
    // As PowerShell takes it without quotes, word by word.
    let words: Vec<&str> = DOCUMENTS_LINE.split(' ').map(|word| word.trim_matches('"')).collect();
    let (code, said) = run(&mut estate.shell_command(&words));
    assert_eq!((code, said.as_str()), (Some(0), ""));
    // And as a line typed at its standard input.
    let script = format!(
        "{}\n(Get-CsPersistentChatState).PoolState\n",
        DOCUMENTS_LINE.replace("FailedOver", "Normal")
    );
    let (shell, mut typed) =
        Running::start(&mut estate.shell_command(&["-NoProfile", "-NonInteractive", "-Command", "-"]));
    typed.write_all(script.as_bytes()).expect("it reads what is typed");
    drop(typed);
    let (status, said) = shell.end();
    assert_eq!((status.code(), said.as_str()), (Some(0), "Normal"));
}

#[test]
fn what_powershell_refuses_is_refused_in_its_words_and_with_its_exit_code() {
    let estate = Estate::serve("refused", Path::new("fixtures/estates/litware.toml"));
    let (code, said) = run(&mut estate.shell_command(&["-Command", "Get-CsPool |"]));
    assert_eq!(code, Some(1), "{said}");
    let place = "At line:1 char:13\n+ Get-CsPool |\n+             ~\nAn empty pipe element is not allowed.\n";
    assert!(said.starts_with(place), "{said}");
    assert!(said.contains("FullyQualifiedErrorId : EmptyPipeElement"), "{said}");
    let (code, said) =
        run(&mut estate.shell_command(&["-Command", "Set-CsPersistentChatState -PoolStat Broken"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Cannot bind parameter 'PoolState'"), "{said}");
    assert_eq!(estate.shell("(Get-CsPersistentChatState).PoolState"), "Normal");
}
