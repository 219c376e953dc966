//! The process: switches, standard input, exit codes.

use std::rc::Rc;

use super::Machine;
use crate::cli::{Interactive, Script, UsageError, read_arguments};
use crate::session::Operator;

#[rstest::rstest]
#[case(&["-NoProfile", "-NonInteractive", "-Command", "-"], Script::Input)]
#[case(&["-nop", "-noni", "-c", "Get-CsPool", "x"], Script::Text("Get-CsPool x".into()))]
#[case(&["Get-CsPool"], Script::Text("Get-CsPool".into()))]
#[case(&["-"], Script::Input)]
#[case(&["-ExecutionPolicy", "Bypass", "-File", "a.ps1"], Script::File("a.ps1".into()))]
#[case(&["-Version", "5.1", "-OutputFormat", "Text", "-enc", "ZQB4AGkAdAAgADMA"], Script::Text("exit 3".into()))]
#[case(&["-?"], Script::Help)]
#[case(&[], Script::None)]
fn switches_are_powershells(#[case] args: &[&str], #[case] script: Script) {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    assert_eq!(read_arguments(&args), Ok(script));
}

#[rstest::rstest]
#[case(&["-Comand", "x"], UsageError::Unknown("-Comand".into()))]
#[case(&["-Command"], UsageError::NeedsValue("command"))]
#[case(&["-OutputFormat", "XML"], UsageError::Format("XML".into()))]
#[case(&["-EncodedCommand", "%%%"], UsageError::Encoding)]
#[case(&["-NoExit", "-Command", "1"], UsageError::Unknown("-NoExit".into()))]
fn a_wrong_switch_is_refused(#[case] args: &[&str], #[case] error: UsageError) {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    assert_eq!(read_arguments(&args), Err(error));
}

/// What a script on standard input prints, and the exit code.
async fn typed(stdin: &str) -> (String, i32) {
    let output = Machine::new().invoke(&["-NoProfile", "-NonInteractive", "-Command", "-"], stdin).await;
    (output.stdout, output.exit_code)
}

#[rstest::rstest]
#[case("'a'\n'b'\n", "a\nb\n", 0)]
#[case("throw 'x'\n'still here'\n", "still here\n", 0)]
#[case("'a'\nnonsense\n", "a\n", 1)]
#[case("exit 5\n'never'\n", "", 5)]
#[case("if ($true) {\n'in'\n}\n\n'after'\n", "in\nafter\n", 0)]
#[case("if ($true) {\n'in'\n}\n'lost'\n", "", 0)]
#[case("$a = 1; try { throw 'x' } catch { 'caught'; exit 2 }; 'never'", "caught\n", 2)]
#[tokio::test]
async fn standard_input_is_read_line_by_line_as_if_typed(
    #[case] stdin: &str,
    #[case] stdout: &str,
    #[case] code: i32,
) {
    assert_eq!(typed(stdin).await, (stdout.to_owned(), code));
}

#[tokio::test]
async fn a_command_that_is_never_finished_is_told_about() {
    let output = Machine::new().invoke(&["-Command", "-"], "if ($true) {\n'lost'\n}\n").await;
    assert_eq!((output.stdout.as_str(), output.exit_code), ("", 0));
    assert!(output.stderr.contains("was not run, because it spans lines and no empty line follows it"));
}

#[tokio::test]
async fn a_missing_script_file_is_an_error() {
    let output = Machine::new().invoke(&["-File", "missing.ps1"], "").await;
    assert_eq!(output.exit_code, -196_608);
    assert!(output.stderr.contains("The argument 'missing.ps1' to the -File parameter does not exist."));
}

#[rstest::rstest]
#[case("")]
#[case("  \n\t")]
#[tokio::test]
async fn an_empty_command_does_nothing(#[case] script: &str) {
    let output = Machine::new().invoke(&["-Command", script], "").await;
    assert_eq!((output.stdout.as_str(), output.stderr.as_str(), output.exit_code), ("", "", 0));
}

#[tokio::test]
async fn help_is_printed_for_two_dashes_as_well() {
    let output = Machine::new().invoke(&["--help"], "").await;
    assert_eq!((output.stdout.as_str(), output.exit_code), (crate::cli::USAGE, 0));
}

#[tokio::test]
async fn wrong_usage_exits_with_64_and_runs_nothing() {
    let output = Machine::new().invoke(&["-Frobnicate"], "'x'").await;
    assert_eq!((output.stdout.as_str(), output.exit_code), ("", 64));
}

/// Answers every question alike.
struct Always(&'static str);

impl Operator for Always {
    fn answer(&self, question: &str) -> Option<String> {
        assert!(question.contains("[Y] Yes  [A] Yes to All  [N] No"), "{question}");
        Some(self.0.to_owned())
    }
}

#[rstest::rstest]
#[case("n", "Normal")]
#[case("y", "FailedOver")]
#[case("", "FailedOver")]
#[tokio::test]
async fn a_person_at_the_prompt_is_asked_and_obeyed(#[case] answer: &'static str, #[case] state: &str) {
    let machine = Machine::new();
    let mut shell = Interactive::new(&machine.env, machine.backends(), Rc::new(Always(answer)));
    let (stdout, stderr, ended) =
        shell.line("Set-CsPersistentChatState -PoolState FailedOver -Confirm").await;
    assert_eq!((stdout.as_str(), stderr.as_str(), ended), ("", "", None));
    assert_eq!(machine.settings().state.name(), state);
}

#[tokio::test]
async fn a_prompt_keeps_variables_and_waits_for_the_end_of_a_block() {
    let machine = Machine::new();
    let mut shell = Interactive::new(&machine.env, machine.backends(), Rc::new(Always("n")));
    assert_eq!(shell.prompt(), "PS> ");
    shell.line("$a = 1").await;
    shell.line("if ($a) {").await;
    assert_eq!(shell.prompt(), ">> ");
    shell.line("$a + 1 }").await;
    assert_eq!(shell.line("").await.0, "2\n");
    assert_eq!(shell.line("exit 4").await.2, Some(4));
}
