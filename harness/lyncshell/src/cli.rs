//! PowerShell's command line: its switches, where the script comes from, and
//! how it ends.
//!
//! A script on standard input (`-Command -`) is read as Windows PowerShell
//! reads it, line by line as if typed: a line that is complete runs at once and
//! an error in it does not keep the next line from running; a line that is not
//! complete is continued until an empty line, and lost without one.

use std::rc::Rc;

use crate::commands;
use crate::environment::ShellEnvironment;
use crate::language::ast::Block;
use crate::language::error::ErrorRecord;
use crate::language::lower::read;
use crate::session::{Backends, Flow, Operator, Printed, Session};

/// What a run of the shell left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShellOutput {
    /// The process's exit code.
    pub exit_code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The exit code for a command line that PowerShell would not take.
pub(crate) const WRONG_USAGE: i32 = 64;

/// The switches, for `-Help`.
pub(crate) const USAGE: &str = "\
lync-shell [--store FILE] [--publish FILE]
           [-NoProfile] [-NonInteractive] [-NoLogo] [-Sta|-Mta] [-Version 5.1] [-ExecutionPolicy P]
           [-InputFormat Text] [-OutputFormat Text] [-WindowStyle W]
           [-Command {- | script [arguments]}] | [-EncodedCommand base64] | [-File path]

The Lync Server Management Shell as PowerShell's program would run it.
  -Command          runs the script and ends; \"-\" reads it from standard input. The default.
  -EncodedCommand   runs a script given as base64 of UTF-16LE.
  -File             runs the script in a file.
  --store           the store file: where the management store is (or the environment variable LYNC_SHELL_STORE).
  --publish         creates the management store, publishes the topology in a TOML file and ends.
Without a script and with a terminal, an interactive shell. Exit codes: the script's own `exit`; otherwise 0, or 1
when the last command failed; 2 for a store file that cannot be used; 64 for a wrong switch.
";

/// Where the script comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    /// A prompt, or standard input when it is not a terminal.
    None,
    /// The text on the command line.
    Text(String),
    /// Standard input.
    Input,
    /// A file.
    File(String),
    /// `-Help`.
    Help,
}

/// Why a command line was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("{0} is not a switch that lync-shell knows. Run lync-shell -Help for the list.")]
    Unknown(String),
    #[error("{0} needs a value. Run lync-shell -Help for the list of switches.")]
    NeedsValue(&'static str),
    #[error("The format {0} is not modelled by lync-shell. Text is.")]
    Format(String),
    #[error("The value of -EncodedCommand is not base64 of a script in UTF-16LE.")]
    Encoding,
}

/// A switch: its name, whether it takes a value, and its shortest form.
const SWITCHES: [(&str, bool); 15] = [
    ("noprofile", false),
    ("noninteractive", false),
    ("nologo", false),
    ("noexit", false),
    ("sta", false),
    ("mta", false),
    ("version", true),
    ("executionpolicy", true),
    ("inputformat", true),
    ("outputformat", true),
    ("windowstyle", true),
    ("command", true),
    ("encodedcommand", true),
    ("file", true),
    ("help", false),
];

/// The switch a word stands for: PowerShell takes any beginning, `-ec` and `-ep`.
fn switch(word: &str) -> Option<(&'static str, bool)> {
    let name = word.strip_prefix(['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'])?.to_ascii_lowercase();
    match name.as_str() {
        "ec" | "e" => return Some(("encodedcommand", true)),
        "ep" | "ex" => return Some(("executionpolicy", true)),
        "?" | "-help" => return Some(("help", false)),
        "" => return None,
        _ => {}
    }
    SWITCHES.iter().find(|(known, _)| known.starts_with(&name)).copied()
}

/// Reads the command line. Returns where the script is.
pub(crate) fn read_arguments(args: &[String]) -> Result<Script, UsageError> {
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let Some((name, takes_value)) = switch(word) else {
            if word.starts_with('-') && word.len() > 1 {
                return Err(UsageError::Unknown(word.clone()));
            }
            let mut text = vec![word.as_str()];
            text.extend(words.map(String::as_str));
            return Ok(if text == ["-"] { Script::Input } else { Script::Text(text.join(" ")) });
        };
        let value = if takes_value { words.next() } else { None };
        let needed = |value: Option<&String>| value.cloned().ok_or(UsageError::NeedsValue(name));
        match name {
            "command" => {
                let mut text = vec![needed(value)?];
                text.extend(words.cloned());
                let script = text.join(" ");
                return Ok(if script == "-" { Script::Input } else { Script::Text(script) });
            }
            "file" => {
                let path = needed(value)?;
                if let Some(extra) = words.next() {
                    return Err(UsageError::Unknown(extra.clone()));
                }
                return Ok(if path == "-" { Script::Input } else { Script::File(path) });
            }
            "encodedcommand" => return decode(&needed(value)?).map(Script::Text).ok_or(UsageError::Encoding),
            "inputformat" | "outputformat" => {
                let format = needed(value)?;
                if !format.eq_ignore_ascii_case("text") {
                    return Err(UsageError::Format(format));
                }
            }
            "noexit" => return Err(UsageError::Unknown(word.clone())),
            "help" => return Ok(Script::Help),
            _ if takes_value => {
                needed(value)?;
            }
            _ => {}
        }
    }
    Ok(Script::None)
}

/// Base64 of UTF-16LE.
fn decode(text: &str) -> Option<String> {
    let mut bits = 0u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for c in text.trim().trim_end_matches('=').chars() {
        let six = match c {
            'A'..='Z' => c as u32 - 'A' as u32,
            'a'..='z' => c as u32 - 'a' as u32 + 26,
            '0'..='9' => c as u32 - '0' as u32 + 52,
            '+' => 62,
            '/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | six;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    if bytes.len() % 2 != 0 {
        return None;
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// Runs the shell once: `args` as `powershell.exe` takes them (without the
/// program's name), `stdin` as what stands on standard input (the script, with
/// `-Command -`).
pub async fn invoke(env: &ShellEnvironment, args: &[String], stdin: &str) -> ShellOutput {
    invoke_with(env, Backends::of(env), args, stdin).await
}

/// [`invoke`] with its own way to SQL Servers and the store.
pub(crate) async fn invoke_with(
    env: &ShellEnvironment,
    backends: Backends,
    args: &[String],
    stdin: &str,
) -> ShellOutput {
    let script = match read_arguments(args) {
        Ok(script) => script,
        Err(error) => {
            let stderr = format!("lync-shell: {error}\n");
            return ShellOutput { exit_code: WRONG_USAGE, stdout: String::new(), stderr };
        }
    };
    let mut session = Session::new(env.clone(), backends);
    session.spend(env.costs.shell_start).await;
    let exit_code = match script {
        Script::Help => {
            return ShellOutput { exit_code: 0, stdout: USAGE.to_owned(), stderr: String::new() };
        }
        Script::Text(text) => run_script(&mut session, &text).await,
        Script::File(path) => match env.scripts.read(&path) {
            Ok(text) => {
                let code = run_script(&mut session, &text).await;
                // A file's own errors do not show in its exit code; one that ends it does.
                if session.ended_by_error || session.exited { code } else { 0 }
            }
            Err(error) => {
                let stderr = format!(
                    "The argument '{path}' to the -File parameter does not exist. Provide the path to an existing \
                     '.ps1' file as an argument to the -File parameter. ({error})\n"
                );
                return ShellOutput { exit_code: -196_608, stdout: String::new(), stderr };
            }
        },
        Script::Input | Script::None => run_lines(&mut session, stdin).await,
    };
    ShellOutput { exit_code, stdout: commands::render(&session.printed), stderr: session.stderr }
}

/// Runs a whole script; returns its exit code.
async fn run_script(session: &mut Session, text: &str) -> i32 {
    if text.trim().is_empty() {
        return 0;
    }
    run_read(session, read(text)).await
}

/// A script that has been read, or why it could not be.
type ReadScript = Result<Rc<Block>, ErrorRecord>;

/// Runs a script that has been read, or reports why it could not be.
async fn run_read(session: &mut Session, read: ReadScript) -> i32 {
    match read {
        Ok(block) => run_parsed(session, &block).await,
        Err(error) => refuse(session, &error),
    }
}

/// A script that does not parse runs not at all.
fn refuse(session: &mut Session, error: &ErrorRecord) -> i32 {
    session.report(error);
    session.succeeded = false;
    session.ended_by_error = true;
    1
}

/// Runs parsed statements one by one, so that what they put out is printed in order.
async fn run_parsed(session: &mut Session, block: &Block) -> i32 {
    for statement in &block.0 {
        let mut out = Vec::new();
        let result = session.run_top(statement, &mut out).await;
        session.printed.extend(out.into_iter().map(Printed::Object));
        match result {
            Ok(()) => {}
            Err(Flow::Exit(code)) => {
                session.exited = true;
                return code;
            }
            Err(Flow::Error(record, _)) => return refuse(session, &record),
            Err(Flow::Return | Flow::Break | Flow::Continue) => break,
        }
    }
    i32::from(!session.succeeded)
}

/// Runs a script as if it were typed.
async fn run_lines(session: &mut Session, text: &str) -> i32 {
    let mut code = 0;
    let mut typed = Typed::default();
    for line in text.lines() {
        let Some(command) = typed.line(line) else { continue };
        code = run_read(session, command).await;
        if session.exited {
            return code;
        }
    }
    if let Some(first) = typed.open.lines().next() {
        session.stderr.push_str(&format!(
            "lync-shell: the last command on standard input was not run, because it spans lines and no empty line \
             follows it. Windows PowerShell does not run it either, and does not say so. It begins: {first}\n"
        ));
    }
    code
}

/// Lines that have been typed and are not a command yet.
#[derive(Default)]
struct Typed {
    open: String,
}

impl Typed {
    /// Takes a line. Returns the command that is complete with it: a line that
    /// is one by itself, or what has been typed up to an empty line.
    fn line(&mut self, line: &str) -> Option<ReadScript> {
        let is_empty = line.trim().is_empty();
        if self.open.is_empty() {
            if is_empty {
                return None;
            }
            let script = read(line);
            if !is_unfinished(line, &script) {
                return Some(script);
            }
        } else {
            self.open.push('\n');
        }
        self.open.push_str(line);
        is_empty.then(|| read(&std::mem::take(&mut self.open)))
    }
}

/// Whether a line waits for more: a bracket or string is open, or it ends in
/// `|`, `,`, `=` or a backtick, or a block has to follow.
fn is_unfinished(line: &str, read: &ReadScript) -> bool {
    let end = line.trim_end();
    let Err(error) = read else {
        return end.ends_with('`') || ends_in_open_statement(end);
    };
    let is_open = matches!(
        error.id.as_str(),
        "MissingEndParenthesisInExpression"
            | "MissingEndCurlyBrace"
            | "TerminatorExpectedAtEndOfString"
            | "EndSquareBracketExpectedAtEndOfAttribute"
    );
    is_open || end.ends_with(['|', ',', '`', '='])
}

/// `try {…}` and the like on one line are complete only with what has to follow.
fn ends_in_open_statement(line: &str) -> bool {
    let lower = line.trim_start().to_ascii_lowercase();
    let without_rest =
        |word: &str, rest: &[&str]| lower.starts_with(word) && !rest.iter().any(|rest| lower.contains(rest));
    without_rest("try", &["catch", "finally"])
}

/// An interactive shell: one session, one line after another.
pub(crate) struct Interactive {
    session: Session,
    typed: Typed,
}

impl Interactive {
    /// A session with a person at the keyboard.
    pub(crate) fn new(env: &ShellEnvironment, backends: Backends, operator: Rc<dyn Operator>) -> Self {
        let mut session = Session::new(env.clone(), backends);
        session.operator = Some(operator);
        Self { session, typed: Typed::default() }
    }

    /// The prompt; another one while a command waits for more lines.
    pub(crate) fn prompt(&self) -> &'static str {
        if self.typed.open.is_empty() { "PS> " } else { ">> " }
    }

    /// Takes a typed line. Returns what it printed and, after `exit`, the exit code.
    pub(crate) async fn line(&mut self, line: &str) -> (String, String, Option<i32>) {
        let Some(command) = self.typed.line(line) else {
            return (String::new(), String::new(), None);
        };
        let code = run_read(&mut self.session, command).await;
        let stdout = commands::render(&std::mem::take(&mut self.session.printed));
        let stderr = std::mem::take(&mut self.session.stderr);
        (stdout, stderr, self.session.exited.then_some(code))
    }
}
