//! The `lync-shell` program: real sockets, the real clock, real files, a
//! terminal. Everything else is the library's.

use std::env::VarError;
use std::io::{self, BufRead, IsTerminal, Write};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;

use crate::cli::{self, Interactive, Script};
use crate::environment::{ByteStream, Clock, Connector, ScriptFiles, ShellEnvironment};
use crate::gate::{GateObserver, GateRoad};
use crate::session::{Backends, Operator};
use crate::settings::{Secrets, Settings};
use crate::store::{self, ManagementStore};
use crate::topology::Topology;

/// The exit code for a store file or topology file that cannot be used.
const BAD_FILE: i32 = 2;

/// Runs the program with the arguments after its name and returns its exit code.
///
/// Besides PowerShell's switches it takes, first, `--store FILE` (or the
/// environment variable `LYNC_SHELL_STORE`) and `--publish FILE`, which creates
/// the management store and publishes the topology in a TOML file.
pub fn run(args: &[String]) -> i32 {
    match prepare(args) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("lync-shell: {message}");
            BAD_FILE
        }
    }
}

/// The program's own switches, before PowerShell's.
struct Own {
    store: Option<String>,
    publish: Option<String>,
}

/// Splits off the program's own switches.
fn own_switches(args: &[String]) -> Result<(Own, &[String]), String> {
    let mut own = Own { store: None, publish: None };
    let mut rest = args;
    loop {
        let slot = match rest.first().map(String::as_str) {
            Some("--store") => &mut own.store,
            Some("--publish") => &mut own.publish,
            _ => return Ok((own, rest)),
        };
        let value = rest.get(1).ok_or_else(|| format!("{} needs a file", rest[0]))?;
        *slot = Some(value.clone());
        rest = &rest[2..];
    }
}

fn prepare(args: &[String]) -> Result<i32, String> {
    let (own, args) = own_switches(args)?;
    let script = match cli::read_arguments(args) {
        Ok(Script::Help) => {
            print!("{}", cli::USAGE);
            return Ok(0);
        }
        Ok(script) => script,
        Err(error) => {
            eprintln!("lync-shell: {error}");
            return Ok(cli::WRONG_USAGE);
        }
    };
    let path = own.store.or_else(|| std::env::var("LYNC_SHELL_STORE").ok()).ok_or(
        "no store file: name one with --store FILE or the environment variable LYNC_SHELL_STORE. It says where the \
         management store is; its format is in the documentation of lyncshell::settings",
    )?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("the store file {path} cannot be read: {error}. Nothing was run; name one that this user may read with --store FILE or LYNC_SHELL_STORE"))?;
    let settings = Settings::parse(&text, &path, &Process).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let env = environment(settings);
    if let Some(topology) = own.publish {
        return runtime.block_on(publish(&env, &topology));
    }
    runtime.block_on(work(&env, args, &script))
}

/// The shell's surroundings on a real machine.
fn environment(settings: Settings) -> ShellEnvironment {
    let machine = settings
        .machine
        .clone()
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "localhost".to_owned());
    let (store, login) = (settings.store.clone(), settings.sql_login.clone());
    let missing = settings.missing_cmdlets.iter().cloned().collect();
    let gate = settings.gate.clone();
    let mut env =
        ShellEnvironment::new(Rc::new(Sockets(settings)), store, login, Rc::new(SystemClock), machine);
    env.missing_cmdlets = missing;
    env.scripts = Rc::new(Process);
    if let Some((host, port)) = gate {
        let address = format!("{host}:{port}");
        env.observer = Some(Rc::new(GateObserver::new(GateSocket { host, port }, address, &env.machine)));
    }
    env
}

/// Creates the store and publishes a topology.
async fn publish(env: &ShellEnvironment, path: &str) -> Result<i32, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the topology {path} cannot be read: {error}. Nothing was published; name one that this user may read with --publish FILE"))?;
    let topology: Topology = toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("{path}:{line}: {}", error.message())
    })?;
    let mut store =
        store::create(Rc::clone(&env.connector), &env.store).await.map_err(|error| error.to_string())?;
    let revision = store.publish(&topology, env.clock.utc_now()).await.map_err(|error| error.to_string())?;
    println!("The topology of {} is published, revision {revision}.", topology.pool);
    Ok(0)
}

/// A script, or a prompt.
async fn work(env: &ShellEnvironment, args: &[String], script: &Script) -> Result<i32, String> {
    let from_input = matches!(script, Script::Input | Script::None);
    if *script == Script::None && io::stdin().is_terminal() {
        return interact(env).await;
    }
    let input = if from_input {
        io::read_to_string(io::stdin()).map_err(|error| format!("standard input cannot be read: {error}"))?
    } else {
        String::new()
    };
    let output = cli::invoke(env, args, &input).await;
    show(&output.stdout, &output.stderr)?;
    Ok(output.exit_code)
}

/// Prints what a run left behind.
fn show(stdout: &str, stderr: &str) -> Result<(), String> {
    let written = io::stdout().write_all(stdout.as_bytes()).and_then(|()| io::stdout().flush());
    let written = written.and_then(|()| io::stderr().write_all(stderr.as_bytes()));
    written.map_err(|error| format!("the output cannot be written: {error}"))
}

/// The prompt, until `exit` or the end of input.
async fn interact(env: &ShellEnvironment) -> Result<i32, String> {
    let mut shell = Interactive::new(env, Backends::of(env), Rc::new(Keyboard));
    println!("lync-shell: a model of the Lync Server Management Shell. \"exit\" leaves it.");
    while let Some(line) = Keyboard.answer(shell.prompt()) {
        let (stdout, stderr, ended) = shell.line(&line).await;
        show(&stdout, &stderr)?;
        if let Some(code) = ended {
            return Ok(code);
        }
    }
    Ok(0)
}

/// The person at the terminal.
struct Keyboard;

impl Operator for Keyboard {
    fn answer(&self, question: &str) -> Option<String> {
        print!("{question}");
        io::stdout().flush().ok()?;
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// This process's environment and files.
struct Process;

impl Secrets for Process {
    fn variable(&self, name: &str) -> Result<String, String> {
        std::env::var(name).map_err(|error| match error {
            VarError::NotPresent => "it is not set. Set it in the environment, then run again".to_owned(),
            VarError::NotUnicode(_) => "it is not UTF-8 text".to_owned(),
        })
    }

    fn file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

impl ScriptFiles for Process {
    fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// TCP, at the addresses of the store file.
struct Sockets(Settings);

#[async_trait(?Send)]
impl Connector for Sockets {
    async fn connect(
        &self,
        fqdn: &str,
        instance: Option<&str>,
        port: Option<u16>,
    ) -> io::Result<Box<dyn ByteStream>> {
        let (host, port) = self.0.address(fqdn, instance, port).map_err(io::Error::other)?;
        let stream = tokio::net::TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// How long a connection to the gate may take. Waiting for its answers has no limit.
const GATE_CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// TCP to the gate of the store file.
struct GateSocket {
    host: String,
    port: u16,
}

#[async_trait(?Send)]
impl GateRoad for GateSocket {
    async fn open(&self) -> io::Result<Box<dyn ByteStream>> {
        let connecting = tokio::net::TcpStream::connect((self.host.as_str(), self.port));
        let stream = tokio::time::timeout(GATE_CONNECT_LIMIT, connecting).await??;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// The machine's own clock.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program runs in real time; a simulation brings its own clock"
    )]
    fn utc_now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}
