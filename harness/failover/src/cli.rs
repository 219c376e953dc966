//! The command line of `pchat-failover`.

mod local;

use crate::executor::{Run, today};
use crate::plan::{self, Plan};
use crate::remedy;
use crate::report::{Message, Outcome, Severity, exit_code};
use crate::run::{self, RunOptions};
use crate::site::{Authentication, SecretSource, Site};
use crate::sql::TdsServers;
use crate::{Console, Environment, Secrets};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Carries out the failover of a Persistent Chat pool to its log-shipped backup.
#[derive(Debug, Parser)]
#[command(name = "pchat-failover", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Shown under the help.
const EXIT_CODES: &str = "Exit codes: 0 done or nothing to do; 1 a step failed; 2 usage, site file or journal; \
3 stopped by a guard; 130 interrupted.\nSigning in: SQL logins; Windows sign-in and servers that speak only TLS 1.0 have not been run.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what `run` would send, and what it would find today.
    Plan {
        #[command(flatten)]
        site: SiteArgument,
        /// Ask nobody: print the rules only.
        #[arg(long)]
        offline: bool,
    },
    /// Ask everything that stands before the first step; change nothing.
    Preflight(Look),
    /// Carry out the failover.
    Run(Do),
    /// Go on with a failover that was interrupted.
    Resume(Do),
    /// Look how far the failover is, and what is left to do.
    Status(Look),
}

#[derive(Debug, clap::Args)]
struct SiteArgument {
    /// The site file.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Look {
    #[command(flatten)]
    site: SiteArgument,
    /// The journal [default: the site file's name with .journal.jsonl].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Print the report as JSON on standard output; messages go to standard error.
    #[arg(long)]
    json: bool,
    /// How messages are told: as lines of text, or, on standard error, as one JSON object a line with code, severity
    /// (info, warning or error) and text, each as soon as it is said.
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    messages: MessageForm,
}

/// How messages are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum MessageForm {
    /// `text [code]`, behind `error: ` or `warning: `. A text can have line breaks: a server's words are not ours.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, clap::Args)]
struct Do {
    #[command(flatten)]
    look: Look,
    /// Go past the guards that protect data, after they have said what is lost.
    #[arg(long)]
    accept_data_loss: bool,
}

/// Says messages line by line, each in one piece as soon as it is told.
#[derive(Clone, Copy)]
struct Lines {
    to_stderr: bool,
    form: MessageForm,
}

impl Lines {
    /// For what has no option about messages.
    const PLAIN: Self = Self { to_stderr: true, form: MessageForm::Text };

    fn of(look: &Look) -> Self {
        Self { to_stderr: look.json || look.messages == MessageForm::Json, form: look.messages }
    }

    /// An error that is said before there is a run, or instead of one.
    fn error(self, code: &str, text: String) {
        self.tell(&Message { code: code.to_owned(), severity: Severity::Error, text });
    }

    fn line(self, message: &Message) -> String {
        let mark = match message.severity {
            Severity::Info => "",
            Severity::Warning => "warning: ",
            Severity::Error => "error: ",
        };
        match self.form {
            MessageForm::Text => format!("{mark}{} [{}]\n", message.text, message.code),
            // Three texts always become JSON, and JSON in this form has no line break.
            MessageForm::Json => serde_json::to_string(message).unwrap_or_default() + "\n",
        }
    }
}

impl Console for Lines {
    fn tell(&self, message: &Message) {
        let line = self.line(message);
        // Whether anybody reads it does not decide about the failover: a closed pipe must not end it.
        let _ = if self.to_stderr || message.severity == Severity::Error {
            io::stderr().write_all(line.as_bytes())
        } else {
            io::stdout().write_all(line.as_bytes())
        };
    }
}

/// Runs the command line; the exit code. `arguments` begin with the program's name.
pub fn invoke(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; clap prints them to the right place.
            let code = if error.use_stderr() { exit_code::USAGE } else { exit_code::DONE };
            let _ = error.print();
            return code;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(tokio::task::LocalSet::new().run_until(interruptible(arguments.command)))
        }
        Err(error) => {
            eprintln!("error: the program cannot start: {error}");
            exit_code::FAILED
        }
    }
}

async fn interruptible(command: Command) -> i32 {
    let is_run = matches!(command, Command::Run(_) | Command::Resume(_));
    let lines = match &command {
        Command::Plan { .. } => Lines::PLAIN,
        Command::Preflight(look) | Command::Status(look) => Lines::of(look),
        Command::Run(the) | Command::Resume(the) => Lines::of(&the.look),
    };
    tokio::select! {
        biased;
        code = Box::pin(obey(command)) => code,
        _ = tokio::signal::ctrl_c() => {
            let far = " The journal tells how far it came; a statement that was running may go on at the server. Look with `status`, go on with `resume`.";
            lines.error("interrupted", format!("interrupted.{}", if is_run { far } else { "" }));
            exit_code::INTERRUPTED
        }
    }
}

async fn obey(command: Command) -> i32 {
    match command {
        Command::Plan { site, offline } => match load(&site.site, Lines::PLAIN) {
            Ok(site_file) => print_plan(&site.site, &site_file, offline).await,
            Err(code) => code,
        },
        Command::Preflight(look) => {
            with_site(&look, async |env, site, plan| run::preflight(env, site, plan).await).await
        }
        Command::Status(look) => {
            with_site(&look, async |env, site, plan| run::status(env, site, plan).await).await
        }
        Command::Run(the) => {
            let options = RunOptions { accept_data_loss: the.accept_data_loss, resume: false };
            with_site(&the.look, async |env, site, plan| run::run(env, site, plan, &options).await).await
        }
        Command::Resume(the) => {
            let options = RunOptions { accept_data_loss: the.accept_data_loss, resume: true };
            with_site(&the.look, async |env, site, plan| run::run(env, site, plan, &options).await).await
        }
    }
}

fn load(path: &Path, lines: Lines) -> Result<Site, i32> {
    let refuse = |text: String| {
        lines.error("site-file-unusable", text);
        exit_code::USAGE
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        refuse(format!(
            "the site file {} cannot be read: {error}. Nothing has been changed. {}.",
            path.display(),
            remedy::for_reading(&error, "--site")
        ))
    })?;
    Site::parse(&text, &path.display().to_string())
        .map_err(|error| refuse(format!("{error}. Nothing has been changed.")))
}

fn environment(site_path: &Path, site: &Site, journal: Option<&PathBuf>, lines: Lines) -> Environment {
    let journal = journal.cloned().unwrap_or_else(|| site_path.with_extension("journal.jsonl"));
    Environment {
        connector: Rc::new(local::Tcp),
        shell: Rc::new(local::Process { command: site.shell_command.clone() }),
        shares: Rc::new(local::Folders),
        journal: Rc::new(local::JournalFile { path: journal }),
        clock: Rc::new(local::SystemClock),
        console: Rc::new(lines),
        secrets: Rc::new(local::LocalSecrets),
    }
}

/// Refuses to start when a password cannot be read: every answer after that would be about the
/// password, and a server nobody signed in to would count as one that answers.
fn check_secrets(secrets: &dyn Secrets, site_path: &Path, site: &Site, lines: Lines) -> Result<(), i32> {
    let servers = &site.servers;
    let all = [
        ("primary", Some(&servers.primary)),
        ("mirror", servers.mirror.as_ref()),
        ("backup", Some(&servers.backup)),
        ("backup_mirror", servers.backup_mirror.as_ref()),
    ];
    for (role, server) in all {
        let Some(Authentication::Sql { user, password }) = server.map(|server| &server.authentication) else {
            continue;
        };
        if let Err(error) = secrets.read(password) {
            let text = format!(
                "the password of login {user} (servers.{role} in {}) cannot be read: {error}. Nothing has been changed. {}, then run again.",
                site_path.display(),
                password_remedy(password, &error)
            );
            lines.error("password-unreadable", text);
            return Err(exit_code::USAGE);
        }
    }
    Ok(())
}

/// What to do about a password that cannot be read. The beginning of a sentence.
fn password_remedy(source: &SecretSource, error: &io::Error) -> String {
    match source {
        SecretSource::EnvironmentVariable(name) => format!("Set {name} to it in the environment"),
        SecretSource::File(_) => remedy::for_reading(error, "password = { file = … } in the site file"),
    }
}

async fn with_site(look: &Look, act: impl AsyncFnOnce(&Environment, &Site, &Plan) -> Outcome) -> i32 {
    let lines = Lines::of(look);
    let site = match load(&look.site.site, lines) {
        Ok(site) => site,
        Err(code) => return code,
    };
    let env = environment(&look.site.site, &site, look.journal.as_ref(), lines);
    if let Err(code) = check_secrets(&*env.secrets, &look.site.site, &site, lines) {
        return code;
    }
    let plan = plan::plan(&site);
    let outcome = act(&env, &site, &plan).await;
    if look.json {
        match serde_json::to_string_pretty(&outcome.report) {
            // As with messages: that nobody reads it does not decide how the failover ended.
            Ok(text) => drop(writeln!(io::stdout(), "{text}")),
            Err(error) => lines.error("report-unprintable", format!("the report cannot be printed: {error}")),
        }
    } else {
        drop(write!(io::stdout(), "{}", summary(&outcome)));
    }
    outcome.exit_code
}

/// The report, for people.
fn summary(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let mut text = String::new();
    // Writing into a String does not fail.
    let _ = writeln!(
        text,
        "\noutcome: {}",
        serde_json::to_value(report.outcome)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    );
    for step in &report.steps {
        let status = serde_json::to_value(step.status)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default();
        let _ = writeln!(text, "  step {} {}: {status}", step.number, step.name);
    }
    if let Some(lsn) = &report.bound.last_applied_lsn {
        let file = report.bound.last_applied_file.as_deref().unwrap_or("a file unknown");
        let at =
            report.bound.backup_finish_utc.map_or_else(|| "a time unknown".to_owned(), |at| at.to_string());
        let _ = writeln!(
            text,
            "log applied up to LSN {lsn} ({file}, finished {at}): what was committed later is not in the database"
        );
        for hole in &report.bound.missing {
            let _ = writeln!(
                text,
                "  missing: log from LSN {} to {}",
                hole.from_lsn,
                hole.to_lsn.as_deref().unwrap_or("the end")
            );
        }
        for refused in &report.bound.refused {
            let _ = writeln!(text, "  refused: {} ({}: {})", refused.file, refused.reason, refused.detail);
        }
    }
    if !report.aftercare.is_empty() {
        let _ = writeln!(text, "aftercare:");
        for item in &report.aftercare {
            let _ = writeln!(text, "  [{}] {} [{}]", if item.done { 'x' } else { ' ' }, item.text, item.code);
        }
    }
    text
}

/// The plan, for people: rules, and what they come to today.
async fn print_plan(path: &Path, site: &Site, offline: bool) -> i32 {
    let env = environment(path, site, None, Lines::PLAIN);
    if let (false, Err(code)) = (offline, check_secrets(&*env.secrets, path, site, Lines::PLAIN)) {
        return code;
    }
    let plan = plan::plan(site);
    let servers = TdsServers::new(&env, site);
    let mut look = (!offline).then(|| Run::new(&env, site, &plan, RunOptions::default(), &servers));
    print!("{}", plan_text(site, &plan, look.as_mut()).await);
    exit_code::DONE
}

async fn plan_text(site: &Site, plan: &Plan, mut look: Option<&mut Run<'_>>) -> String {
    let mut lines = vec![format!(
        "failover of database {} of pool {} to {}",
        site.database, site.pool, site.servers.backup.address
    )];
    let verify = |verification: &plan::Verification| {
        format!("  verify: {} [{}]", plan::word(verification), verification.code())
    };
    for step in &plan.steps {
        lines.push(format!("\nstep {}: {}", step.number, step.name));
        lines.extend(
            step.guards.iter().map(|guard| format!("  guard: {} [{}]", plan::word(guard), guard.code())),
        );
        for action in &step.actions {
            lines.push(format!("  action: {}", plan::word(action)));
            lines.extend(today::rule(site, *action).iter().map(|line| format!("    {line}")));
            if let Some(look) = &mut look {
                match look.today(*action).await {
                    Ok(found) => lines.extend(found.iter().map(|line| format!("    today: {line}"))),
                    Err(why) => lines.push(format!("    today: unknown ({why})")),
                }
            }
        }
        lines.extend(step.verifications.iter().map(verify));
    }
    lines.push("\nbefore success is reported:".to_owned());
    lines.extend(plan.before_success.iter().map(verify));
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&["pchat-failover"], exit_code::USAGE)]
    #[case(&["pchat-failover", "failback"], exit_code::USAGE)]
    #[case(&["pchat-failover", "run"], exit_code::USAGE)]
    #[case(&["pchat-failover", "run", "--site", "/no/such/site.toml"], exit_code::USAGE)]
    #[case(&["pchat-failover", "plan", "--site", "Cargo.toml"], exit_code::USAGE)]
    #[case(&["pchat-failover", "--help"], exit_code::DONE)]
    fn wrong_arguments_exit_with_2(#[case] arguments: &[&str], #[case] code: i32) {
        assert_eq!(invoke(arguments.iter().map(OsString::from)), code);
    }

    #[test]
    fn a_plan_prints_what_a_run_would_send() {
        let site = crate::fakes::site();
        let text = futures::executor::block_on(plan_text(&site, &plan::plan(&site), None));
        insta::assert_snapshot!(text);
    }

    #[rstest]
    #[case::preflight(&["preflight"], exit_code::USAGE)]
    #[case::run(&["run"], exit_code::USAGE)]
    #[case::status(&["status"], exit_code::USAGE)]
    #[case::plan(&["plan"], exit_code::USAGE)]
    #[case::a_plan_that_asks_nobody(&["plan", "--offline"], exit_code::DONE)]
    fn a_password_that_cannot_be_read_is_named_before_anything_is_asked(
        #[case] command: &[&str],
        #[case] code: i32,
    ) {
        let folder =
            std::env::temp_dir().join(format!("pchat-secret-{}-{}", command.join(""), std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let site = folder.join("site.toml");
        let text = include_str!("../tests/site.toml").replace("PCHAT_SQL_PASSWORD", "PCHAT_NEVER_SET");
        std::fs::write(&site, text).unwrap();
        let mut arguments = vec![OsString::from("pchat-failover")];
        arguments.extend(command.iter().map(OsString::from));
        arguments.extend([OsString::from("--site"), site.into_os_string()]);
        assert_eq!(invoke(arguments), code);
        let _ = std::fs::remove_dir_all(folder);
    }

    /// A server's words with line breaks and quotes, as a message.
    fn message(severity: Severity) -> Message {
        let text = "error 3013: BACKUP \"is\"\nterminating [abnormally].\r\n".to_owned();
        Message { code: "restore-failed".to_owned(), severity, text }
    }

    #[rstest]
    #[case(Severity::Info)]
    #[case(Severity::Warning)]
    #[case(Severity::Error)]
    fn a_message_as_json_is_one_line_whatever_its_text(#[case] severity: Severity) {
        let line = Lines { to_stderr: true, form: MessageForm::Json }.line(&message(severity));
        assert_eq!(line.matches(['\n', '\r']).count(), 1, "{line}");
        assert_eq!(serde_json::from_str::<Message>(&line).unwrap(), message(severity));
    }

    #[rstest]
    #[case(Severity::Info, "")]
    #[case(Severity::Warning, "warning: ")]
    #[case(Severity::Error, "error: ")]
    fn a_message_as_text_says_its_severity_and_its_code(#[case] severity: Severity, #[case] mark: &str) {
        let line = Lines::PLAIN.line(&message(severity));
        assert_eq!(line, format!("{mark}{} [restore-failed]\n", message(severity).text));
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
