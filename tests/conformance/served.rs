//! Servers for the suite: `firedrill serve` as a process of its own, or a real one that somebody has.

use libtest_mimic::Failed;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The password of `sa` on servers that the suite starts.
pub(crate) const PASSWORD: &str = "Conf0rmance-1";

/// The password of `sa` in the estate litware.
pub(crate) const ESTATE_PASSWORD: &str = "Rehearsal-only-1";

/// `--tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Off,
    Optional,
    Required,
    Strict,
}

impl Mode {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Strict => "strict",
        }
    }
}

/// A real server.
pub(crate) struct Real {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
}

/// The real server named in the environment.
pub(crate) fn real() -> Option<Real> {
    let variable = |name: &str| std::env::var(format!("FIREDRILL_CONFORMANCE_{name}")).ok();
    let server = variable("SERVER")?;
    let (host, port) = server.split_once(',').unwrap_or((&server, "1433"));
    Some(Real {
        host: host.to_owned(),
        port: port.trim().parse().unwrap_or(1433),
        user: variable("USER").unwrap_or_else(|| "sa".to_owned()),
        password: variable("PASSWORD").unwrap_or_default(),
    })
}

/// A folder of this process and this moment.
fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("firedrill-conformance-{}-{number}", std::process::id()))
}

/// A process that serves; it ends with the guard, and when this process dies, with its standard input.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    /// Kept open: the server goes on talking.
    output: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Process {
    /// Starts it and waits for `wanted` lines that say where it listens; gives the ports.
    fn start(mut command: Command, folder: PathBuf, wanted: usize) -> Result<(Self, Vec<u16>), Failed> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("standard output is a pipe")?;
        let mut process = Self { child, input, output: BufReader::new(output), folder };
        let mut ports = Vec::new();
        let mut line = String::new();
        while ports.len() < wanted {
            line.clear();
            if process.output.read_line(&mut line)? == 0 {
                return Err("the server ended before it listened".into());
            }
            if let Some(address) = line.trim().strip_prefix("listening on ") {
                let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
                ports.push(port.ok_or("an address ends in its port")?);
            }
        }
        Ok((process, ports))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One fresh server.
pub(crate) struct Served {
    process: Process,
    port: u16,
}

impl Served {
    /// Starts one, with a certificate of its own that clients can be pointed at.
    pub(crate) fn start(mode: Mode) -> Result<Self, Failed> {
        let folder = folder();
        std::fs::create_dir_all(&folder)?;
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--stop-with-input", "--tls", mode.word()])
            .env("MSSQL_SA_PASSWORD", PASSWORD);
        if mode != Mode::Off {
            let (made, secret) = self::certificate()?;
            std::fs::write(&certificate, made)?;
            std::fs::write(&key, secret)?;
            command.arg("--cert").arg(&certificate).arg("--key").arg(&key);
        }
        let (process, ports) = Process::start(command, folder, 1)?;
        Ok(Self { process, port: ports[0] })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.process.folder.join("certificate.pem")
    }
}

/// The estate litware, whose data center A is lost.
pub(crate) struct Estate {
    process: Process,
    ports: Vec<u16>,
}

impl Estate {
    pub(crate) fn serve() -> Result<Self, Failed> {
        let folder = folder();
        let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--estate"])
            .arg(super::root().join("fixtures/estates/litware.toml"))
            .arg("--data")
            .arg(&folder)
            .env_remove("MSSQL_SA_PASSWORD");
        let (mut process, ports) = Process::start(command, folder, 4)?;
        let input = process.input.as_mut().ok_or("standard input is a pipe")?;
        input.write_all(b"lose A\n")?;
        let mut line = String::new();
        while !line.starts_with("lost: ") {
            line.clear();
            if process.output.read_line(&mut line)? == 0 {
                return Err("the estate ended when data center A was lost".into());
            }
        }
        Ok(Self { process, ports })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.process.folder
    }

    pub(crate) fn backup_port(&self) -> u16 {
        self.ports[2]
    }

    pub(crate) fn backup_mirror_port(&self) -> u16 {
        self.ports[3]
    }
}

/// A self-signed certificate for localhost and 127.0.0.1, and its key: a secret of this suite only.
///
/// All servers of a run show the same one, so that a client can be told of it.
fn certificate() -> Result<&'static (String, String), Failed> {
    static MADE: OnceLock<(String, String)> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made);
    }
    let key = rcgen::KeyPair::generate()?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names)?.self_signed(&key)?;
    Ok(MADE.get_or_init(|| (certificate.pem(), key.serialize_pem())))
}
