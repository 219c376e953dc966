//! `lync-shell` as a process against a served estate, with the lines that the document prints.

use crate::support::{Estate, PATIENCE, Running, firedrill, run};
use lyncshell::{CmdletObserver, CmdletPhase, Verdict};
use std::cell::RefCell;
use std::future::pending;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

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

/// What happens to the cmdlet that sets the pool's state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Proceeds,
    Fails,
    IsHeld,
}

/// The harness behind the gate: writes down what it sees.
struct Gate {
    fate: Fate,
    seen: RefCell<Vec<String>>,
    /// Told when the cmdlet is held.
    held: tokio::sync::Notify,
}

#[async_trait::async_trait(?Send)]
impl CmdletObserver for Gate {
    async fn cmdlet(&self, name: &str, phase: CmdletPhase) -> Verdict {
        let starts = phase == CmdletPhase::Started;
        self.seen.borrow_mut().push(format!("{name} {phase:?}"));
        match self.fate {
            Fate::IsHeld if starts => {
                self.held.notify_one();
                pending().await
            }
            Fate::Fails if starts => Verdict::FailWith("arranged by the harness".to_owned()),
            _ => Verdict::Proceed,
        }
    }
}

/// The shell with a store file that names a gate.
fn gated_shell(estate: &Estate, address: &str, script: &str) -> Command {
    let store = std::fs::read_to_string(estate.folder.path("data/lync-shell.toml")).expect("serve wrote it");
    let file = estate.folder.path("gated.toml");
    std::fs::write(&file, format!("{store}\n[gate]\naddress = \"{address}\"\n")).expect("the folder is ours");
    let mut command = firedrill();
    command.args(["lync-shell", "--store"]).arg(file).args(["-NoProfile", "-Command", script]);
    command
}

#[test]
fn a_harness_at_the_gate_lets_a_shell_of_another_process_pass_fails_it_or_holds_it_until_it_is_killed() {
    let estate = Estate::serve("gate", Path::new("fixtures/estates/litware.toml"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        for (fate, state) in
            [(Fate::Fails, "Normal"), (Fate::IsHeld, "Normal"), (Fate::Proceeds, "FailedOver")]
        {
            let gate = Gate { fate, seen: RefCell::default(), held: tokio::sync::Notify::new() };
            let (mut shell, _) = Running::start(&mut gated_shell(&estate, &address, DOCUMENTS_LINE));
            let (stream, _) = tokio::time::timeout(PATIENCE, listener.accept())
                .await
                .expect("the shell connects")
                .expect("the listener is ours");
            let visit = lyncshell::gate::accept(stream).await.expect("it is a shell");
            assert_eq!(visit.process, Some(shell.id()));
            let kill = async {
                gate.held.notified().await;
                shell.kill();
                pending::<()>().await;
            };
            let served = tokio::select! {
                served = visit.serve(&gate) => served,
                () = kill => unreachable!("it is pending"),
            };
            match fate {
                Fate::IsHeld => {
                    assert_eq!(served.map_err(|error| error.kind()), Err(ErrorKind::UnexpectedEof))
                }
                _ => served.expect("the shell ended between two cmdlets"),
            }
            let (_, said) = shell.end();
            assert_eq!(fate == Fate::Fails, said.contains("arranged by the harness"), "{said}");
            assert_eq!(gate.seen.borrow().len(), if fate == Fate::IsHeld { 1 } else { 2 });
            assert_eq!(estate.shell("(Get-CsPersistentChatState).PoolState"), state);
        }
        drop(listener);
        let (code, said) =
            run(&mut gated_shell(&estate, &address, "Set-CsPersistentChatState -PoolState Normal"));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("was not run, and nothing has been changed"), "{said}");
        assert_eq!(estate.shell("(Get-CsPersistentChatState).PoolState"), "FailedOver");
    });
}
