//! The gate between a shell and an observer, over a stream in memory and over TCP.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::Notify;

use super::Machine;
use crate::cli::Interactive;
use crate::environment::ByteStream;
use crate::gate::{GateObserver, GateRoad, LINE_BYTES_MAX, accept, serve};
use crate::observer::{CmdletObserver, CmdletPhase, Verdict};
use crate::session::Operator;

const FAIL_OVER: &str = "Set-CsPersistentChatState -PoolState FailedOver -Confirm:$false";

/// The road to a gate: streams in memory, one for each connection; no way through without one.
#[derive(Default, Clone)]
struct Road(Rc<RefCell<Vec<DuplexStream>>>);

#[async_trait(?Send)]
impl GateRoad for Road {
    async fn open(&self) -> io::Result<Box<dyn ByteStream>> {
        let stream = self.0.borrow_mut().pop().ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(stream))
    }
}

/// A machine whose cmdlets pass a gate, and the gate's end of its connections, the first one first.
fn machine_with_gate(connections: usize) -> (Machine, Vec<DuplexStream>) {
    let (ours, mut theirs): (Vec<_>, Vec<_>) =
        (0..connections).map(|_| tokio::io::duplex(4 * LINE_BYTES_MAX)).unzip();
    theirs.reverse();
    let mut machine = Machine::new();
    let road = Road(Rc::new(RefCell::new(theirs)));
    machine.env.observer = Some(Rc::new(GateObserver::new(road, "127.0.0.1:14399", "chat-b1")));
    (machine, ours)
}

/// Writes down what it sees, holds and fails one cmdlet.
#[derive(Default)]
struct Harness {
    seen: RefCell<Vec<String>>,
    fail: Option<&'static str>,
    fail_the_end: bool,
    hold: Option<Rc<Notify>>,
    holding: Cell<bool>,
}

#[async_trait(?Send)]
impl CmdletObserver for Harness {
    async fn cmdlet(&self, name: &str, phase: CmdletPhase) -> Verdict {
        self.seen.borrow_mut().push(format!("{name} {phase:?}"));
        let started = phase == CmdletPhase::Started;
        if let (true, Some(until)) = (started, &self.hold) {
            self.holding.set(true);
            until.notified().await;
        }
        match self.fail {
            Some(failing) if failing == name && started != self.fail_the_end => {
                Verdict::FailWith("the drill says no".into())
            }
            _ => Verdict::Proceed,
        }
    }
}

fn only<T>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[tokio::test]
async fn a_harness_behind_the_gate_sees_start_and_end_in_order_with_the_errors_text() {
    let (mut machine, gate) = machine_with_gate(1);
    let harness = Harness::default();
    let script = format!("{FAIL_OVER}; Get-CsPool nowhere; 'x' | Out-Null; Get-CsPool | Out-Null");
    let shell = async {
        let printed = machine.run(&script).await;
        machine.env.observer = None;
        printed
    };
    let (printed, served) = tokio::join!(shell, serve(only(gate), &harness));
    served.expect("the shell ended between two cmdlets");
    assert!(printed.starts_with("Get-CsPool : Cannot find \"Pool\""), "{printed}");
    assert_eq!(machine.settings().state.name(), "FailedOver");
    insta::assert_snapshot!(harness.seen.borrow().join("\n"), @r#"
    Set-CsPersistentChatState Started
    Set-CsPersistentChatState Finished { error: None }
    Get-CsPool Started
    Get-CsPool Finished { error: Some("Cannot find \"Pool\" \"nowhere\" because it does not exist.") }
    Get-CsPool Started
    Get-CsPool Finished { error: None }
    "#);
}

#[rstest::rstest]
#[case::before_it_runs(false, "Normal")]
#[case::after_its_work(true, "FailedOver")]
#[tokio::test]
async fn a_failing_verdict_fails_the_cmdlet_with_its_message(#[case] at_the_end: bool, #[case] state: &str) {
    let (mut machine, gate) = machine_with_gate(1);
    let harness =
        Harness { fail: Some("Set-CsPersistentChatState"), fail_the_end: at_the_end, ..Harness::default() };
    let shell = async {
        let printed = machine.run(&format!("{FAIL_OVER}; $?")).await;
        machine.env.observer = None;
        printed
    };
    let (printed, served) = tokio::join!(shell, serve(only(gate), &harness));
    served.expect("a failing verdict does not end the connection");
    assert!(printed.contains("Set-CsPersistentChatState : the drill says no"), "{printed}");
    assert!(printed.starts_with("False\n"), "{printed}");
    assert_eq!(machine.settings().state.name(), state);
    assert_eq!(harness.seen.borrow().len(), 2, "it is told of the end either way");
}

#[tokio::test]
async fn a_held_cmdlet_waits_until_it_is_let_go() {
    let (mut machine, gate) = machine_with_gate(1);
    let until = Rc::new(Notify::new());
    let harness = Harness { hold: Some(Rc::clone(&until)), ..Harness::default() };
    let contents = Rc::clone(&machine.contents);
    let state = || contents.borrow().revisions.last().expect("a topology is published").state.name();
    let shell = async {
        machine.run(FAIL_OVER).await;
        machine.env.observer = None;
    };
    let hand = async {
        while !harness.holding.get() {
            tokio::task::yield_now().await;
        }
        // Whatever the shell could do without an answer, it has done after so many turns.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(state(), "Normal");
        until.notify_one();
    };
    let ((), (), served) = tokio::join!(shell, hand, serve(only(gate), &harness));
    served.expect("the shell ended between two cmdlets");
    assert_eq!(state(), "FailedOver");
}

#[tokio::test]
async fn a_shell_that_is_killed_while_it_is_held_ends_the_connection_and_changes_nothing() {
    let (machine, gate) = machine_with_gate(1);
    let harness = Harness { hold: Some(Rc::default()), ..Harness::default() };
    let hand = async {
        while !harness.holding.get() {
            tokio::task::yield_now().await;
        }
    };
    // The shell's future is dropped when the hand is done, and its connection with it.
    let shell = async {
        tokio::select! {
            _ = machine.run(FAIL_OVER) => panic!("it was held"),
            () = hand => {}
        }
    };
    let ((), served) = tokio::join!(shell, serve(only(gate), &harness));
    let error = served.expect_err("it ended in the middle of a cmdlet");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(error.to_string().contains("the shell ended while its cmdlet 1 was under way"), "{error}");
    assert_eq!(machine.settings().state.name(), "Normal");
}

#[tokio::test]
async fn without_anybody_at_the_gate_the_cmdlet_fails_and_nothing_is_changed() {
    let (machine, _) = machine_with_gate(0);
    let printed = machine.run(FAIL_OVER).await;
    assert!(
        printed.starts_with("Set-CsPersistentChatState : The gate at 127.0.0.1:14399, which this shell's store file names, does not answer: connection refused. Set-CsPersistentChatState was not run, and nothing has been changed."),
        "{printed}"
    );
    assert!(printed.ends_with("exit 1\n"), "{printed}");
    assert_eq!(machine.settings().state.name(), "Normal");
}

/// Reads what the shell writes, up to its end of line.
async fn read_line(stream: &mut DuplexStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(stream.read_u8().await.expect("the shell writes a line"));
    }
    String::from_utf8(line).expect("the shell writes UTF-8")
}

const HELLO: &str = "{\"protocol\":\"lync-shell-gate\",\"version\":1}\n";
const PROCEED: &str = "{\"number\":1,\"verdict\":\"proceed\"}\n";

/// What a gate of a few fixed answers makes of a cmdlet: what is printed, and the pool's state.
async fn with_answers(answers: &[&str]) -> (String, &'static str) {
    let (machine, gate) = machine_with_gate(1);
    let mut gate = only(gate);
    let behind = async {
        for answer in answers {
            read_line(&mut gate).await;
            gate.write_all(answer.as_bytes()).await.expect("the shell is there");
        }
        drop(gate);
    };
    let (printed, ()) = tokio::join!(machine.run(FAIL_OVER), behind);
    (printed, machine.settings().state.name())
}

#[rstest::rstest]
#[case::a_gate_that_closes_at_once(&[], "it closed the connection without an answer")]
#[case::a_gate_that_closes_after_its_hello(&[HELLO], "it closed the connection without an answer")]
#[case::half_a_line(&[HELLO, "{\"number\":1,\"verd"], "it ended in the middle of a line")]
#[case::no_json(&["SSH-2.0-OpenSSH\n"], "a line is not of the protocol")]
#[case::another_protocol(
    &["{\"protocol\":\"smtp\",\"version\":1}\n"],
    "the other side speaks \"smtp\", not lync-shell-gate"
)]
#[case::a_later_version(
    &["{\"protocol\":\"lync-shell-gate\",\"version\":2}\n"],
    "the other side speaks version 2 of lync-shell-gate, this one 1"
)]
#[case::a_verdict_there_is_not(&[HELLO, "{\"number\":1,\"verdict\":\"perhaps\"}\n"], "a line is not of the protocol")]
#[case::no_verdict(&[HELLO, "{\"number\":1}\n"], "a line is not of the protocol")]
#[case::an_answer_about_another_cmdlet(
    &[HELLO, "{\"number\":7,\"verdict\":\"proceed\"}\n"],
    "it answers about cmdlet 7 of this connection, asked about 1"
)]
#[tokio::test]
async fn a_gate_that_does_not_answer_as_it_should_fails_the_cmdlet_and_nothing_is_changed(
    #[case] answers: &[&str],
    #[case] why: &str,
) {
    let (printed, state) = with_answers(answers).await;
    assert!(printed.contains(why), "{printed}");
    assert!(printed.contains("was not run, and nothing has been changed"), "{printed}");
    assert_eq!(state, "Normal");
}

#[tokio::test]
async fn a_line_without_an_end_is_refused_at_its_limit() {
    let endless = "x".repeat(LINE_BYTES_MAX);
    let (printed, state) = with_answers(&[HELLO, &endless]).await;
    assert!(printed.contains("a line is longer than 65536 bytes"), "{printed}");
    assert_eq!(state, "Normal");
}

#[tokio::test]
async fn a_gate_that_goes_away_during_a_cmdlet_fails_it_and_says_that_its_work_is_done() {
    let (printed, state) = with_answers(&[HELLO, PROCEED]).await;
    assert!(
        printed.contains("had run, and the gate could not be told of its end: its work is done"),
        "{printed}"
    );
    assert!(printed.ends_with("exit 1\n"), "{printed}");
    assert_eq!(state, "FailedOver");
}

#[tokio::test]
async fn a_gate_that_comes_back_is_asked_again() {
    let (mut machine, mut gates) = machine_with_gate(2);
    let (first, second) = (gates.remove(0), gates.remove(0));
    drop(first);
    let harness = Harness::default();
    let shell = async {
        let printed = machine.run(&format!("{FAIL_OVER}; Get-CsPool | Out-Null")).await;
        machine.env.observer = None;
        printed
    };
    let (printed, served) = tokio::join!(shell, serve(second, &harness));
    served.expect("the second connection is served to its end");
    assert!(printed.contains("Set-CsPersistentChatState was not run"), "{printed}");
    assert_eq!(machine.settings().state.name(), "Normal");
    assert_eq!(
        *harness.seen.borrow(),
        ["Get-CsPool Started", "Get-CsPool Finished { error: None }"],
        "it hears nothing of what the first one did not let pass"
    );
}

#[tokio::test]
async fn texts_that_are_too_long_for_a_line_are_cut() {
    struct Verbose;
    #[async_trait(?Send)]
    impl CmdletObserver for Verbose {
        async fn cmdlet(&self, _: &str, _: CmdletPhase) -> Verdict {
            Verdict::FailWith("\u{1}é".repeat(LINE_BYTES_MAX))
        }
    }
    let (mut machine, gate) = machine_with_gate(1);
    let shell = async {
        let printed = machine.run(FAIL_OVER).await;
        machine.env.observer = None;
        printed
    };
    let (printed, served) = tokio::join!(shell, serve(only(gate), &Verbose));
    served.expect("its lines are short enough");
    assert!(printed.contains('…'), "{}", printed.len());
}

/// Nobody is asked anything.
struct Nobody;

impl Operator for Nobody {
    fn answer(&self, _: &str) -> Option<String> {
        None
    }
}

#[tokio::test]
async fn a_prompt_passes_the_gate_line_by_line_on_one_connection() {
    let (mut machine, gate) = machine_with_gate(1);
    let harness = Harness { fail: Some("Set-CsPersistentChatState"), ..Harness::default() };
    let typing = async {
        let mut shell = Interactive::new(&machine.env, machine.backends(), Rc::new(Nobody));
        let first = shell.line("(Get-CsPersistentChatState).PoolState").await;
        let second = shell.line(FAIL_OVER).await;
        machine.env.observer = None;
        (first.0, second.1)
    };
    let ((first, second), served) = tokio::join!(typing, serve(only(gate), &harness));
    served.expect("the prompt ended between two cmdlets");
    assert_eq!(first, "Normal\n");
    assert!(second.starts_with("Set-CsPersistentChatState : the drill says no"), "{second}");
    assert_eq!(harness.seen.borrow().len(), 4);
}

/// What the harness's side makes of the lines of something that connects.
async fn served(lines: &[u8]) -> io::Error {
    let (mut ours, theirs) = tokio::io::duplex(4 * LINE_BYTES_MAX);
    ours.write_all(lines).await.expect("the stream takes it");
    ours.shutdown().await.expect("the stream can be closed");
    serve(theirs, &Harness::default()).await.expect_err("it is refused")
}

const SHELL: &str = "{\"protocol\":\"lync-shell-gate\",\"version\":1,\"machine\":\"m\",\"process\":5}\n";
const START: &str = "{\"number\":1,\"cmdlet\":\"Get-CsPool\",\"phase\":\"started\"}\n";
const END: &str = "{\"number\":1,\"cmdlet\":\"Get-CsPool\",\"phase\":\"finished\"}\n";

#[rstest::rstest]
#[case::nothing(&[], io::ErrorKind::UnexpectedEof, "it went away without a word")]
#[case::http(&["GET / HTTP/1.1\r\n"], io::ErrorKind::InvalidData, "it begins: \"GET / HTTP/1.1\"")]
#[case::an_older_version(
    &["{\"protocol\":\"lync-shell-gate\",\"version\":0}\n"],
    io::ErrorKind::InvalidData,
    "speaks version 0"
)]
#[case::an_end_without_a_start(&[SHELL, END], io::ErrorKind::InvalidData, "where a cmdlet's start was expected")]
#[case::a_start_during_a_cmdlet(&[SHELL, START, START], io::ErrorKind::InvalidData, "where the end of cmdlet 1 was expected")]
#[case::a_number_twice(&[SHELL, START, END, START], io::ErrorKind::InvalidData, "where a cmdlet's start was expected")]
#[case::an_end_in_the_middle(&[SHELL, START], io::ErrorKind::UnexpectedEof, "while its cmdlet 1 was under way")]
#[case::half_a_line(&[SHELL, "{\"number\""], io::ErrorKind::UnexpectedEof, "in the middle of a line")]
#[case::bytes_that_are_no_text(&[SHELL, "\u{0}\u{0}\n"], io::ErrorKind::InvalidData, "not of the protocol")]
#[tokio::test]
async fn garbage_on_the_line_ends_the_connection_and_says_what_came(
    #[case] lines: &[&str],
    #[case] kind: io::ErrorKind,
    #[case] words: &str,
) {
    let error = served(lines.concat().as_bytes()).await;
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_shell_says_which_machine_and_process_it_is() {
    let (mut ours, theirs) = tokio::io::duplex(LINE_BYTES_MAX);
    ours.write_all(SHELL.as_bytes()).await.expect("the stream takes it");
    let visit = accept(theirs).await.expect("it is a shell");
    assert_eq!((visit.machine.as_str(), visit.process), ("m", Some(5)));
}
