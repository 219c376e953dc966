//! A served estate and other processes, each ended by its guard on every path.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio_util::compat::TokioAsyncWriteCompatExt as _;

/// Nothing here takes longer on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Replicas of the management store follow after ten seconds instead of two and a half minutes.
pub(crate) const SHORT_REPLICATION: &str = "\n[costs]\nreplication_ms = 10000\n";

/// Waits until something is so.
pub(crate) fn poll(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The program.
pub(crate) fn firedrill() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    command
        .env("PCHAT_SQL_PASSWORD", "Rehearsal-only-1")
        .env_remove("MSSQL_SA_PASSWORD")
        .env_remove("RUST_LOG");
    command
}

/// A folder of one test's own, removed with the guard.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("firedrill-processes-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The estate litware in a file of this folder, with something added.
    pub(crate) fn estate_with(&self, more: &str) -> PathBuf {
        let litware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/estates/litware.toml");
        let text = std::fs::read_to_string(litware).expect("the estate comes with the repository");
        let file = self.path("estate.toml");
        std::fs::write(&file, text + more).expect("the folder can be written");
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process, killed with the guard if it has not ended.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    /// Starts it; its output and its errors are read as one stream of lines.
    pub(crate) fn start(command: &mut Command) -> (Self, ChildStdin) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("standard input is a pipe");
        let (sender, lines) = channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
            child.stderr.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        (Self { child, lines, said: Vec::new() }, input)
    }

    /// The next line with this in it.
    pub(crate) fn line_with(&mut self, wanted: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| {
                panic!("no line with {wanted:?} ({error}) in:\n{}", self.said.join("\n"))
            });
            self.said.push(line);
            let line = &self.said[self.said.len() - 1];
            if line.contains(wanted) {
                return line.clone();
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Kills it (on Unix by SIGKILL, which it cannot see coming) and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits until it ends by itself; how it ended, and everything it said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + PATIENCE;
        // Its outputs are closed when it ends.
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.said.push(line);
        }
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                None => panic!("it does not end; it said:\n{}", self.said.join("\n")),
            }
        };
        (status, self.said.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String) {
    let (running, _) = Running::start(command);
    let (status, said) = running.end();
    (status.code(), said)
}

/// The first column of the first row of a batch, signed in over TCP as sa; none without a row.
pub(crate) fn ask(
    address: (&str, u16),
    password: &str,
    batch: &str,
) -> Result<Option<String>, tiberius::error::Error> {
    let mut config = tiberius::Config::new();
    config.authentication(tiberius::AuthMethod::sql_server("sa", password));
    config.encryption(tiberius::EncryptionLevel::NotSupported);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.expect("the server listens");
        let mut client = Box::pin(tiberius::Client::connect(config, stream.compat_write())).await?;
        let row = client.simple_query(batch).await?.into_row().await?;
        Ok(row.and_then(|row| row.get::<&str, _>(0).map(str::to_owned)))
    })
}

/// A served estate.
pub(crate) struct Estate {
    pub(crate) serve: Running,
    typed: ChildStdin,
    pub(crate) folder: Folder,
}

impl Estate {
    /// Serves the estate of a file on free ports and waits until it says that it is staged.
    pub(crate) fn serve(test: &str, file: &Path) -> Self {
        let folder = Folder::new(test);
        let mut command = firedrill();
        command.args(["serve", "--listen", "127.0.0.1:0", "--estate"]).arg(file);
        let (mut serve, typed) = Running::start(command.arg("--data").arg(folder.path("data")));
        serve.line_with("quit  ");
        Self { serve, typed, folder }
    }

    /// The program's arguments that follow `lync-shell`, with the estate's store.
    pub(crate) fn shell_command(&self, arguments: &[&str]) -> Command {
        let mut command = firedrill();
        command.args(["lync-shell", "--store"]).arg(self.folder.path("data/lync-shell.toml")).args(arguments);
        command
    }

    /// What the management shell prints for a command.
    pub(crate) fn shell(&self, script: &str) -> String {
        let (code, said) = run(&mut self.shell_command(&["-NoProfile", "-Command", script]));
        assert_eq!(code, Some(0), "{said}");
        said.trim().to_owned()
    }

    /// The first column of the first row of a query, signed in over TCP; none without a row.
    pub(crate) fn ask(&self, server: &str, query: &str) -> Option<String> {
        let site = std::fs::read_to_string(self.folder.path("data/site.toml")).expect("serve wrote it");
        let site: toml::Table = site.parse().expect("the site file is TOML");
        let address = site["servers"][server]["address"].as_str().expect("a server has an address");
        let (host, port) = address.split_once(',').expect("a served address has a port");
        ask_at((host, port.parse().expect("a port is a number")), query)
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.typed, "{line}").expect("serve reads what is typed");
    }
}

/// The same as `sa` of a server of these tests, which answers.
pub(crate) fn ask_at(address: (&str, u16), batch: &str) -> Option<String> {
    ask(address, "Rehearsal-only-1", batch).unwrap_or_else(|error| panic!("{batch}: {error}"))
}
