//! Conformance: clients that nobody here wrote, against `firedrill serve` or a real SQL Server.
//!
//! One test is one client and one group of cases; the cases are in `cases.py` and `failover.py`
//! and, for the clients in Rust, in the modules here and in the package `mssql_tds`. What a client needs is installed
//! by `scripts/conformance`.
//! A client that is not installed is reported as ignored, never as passed; with `CI=true` it fails.
//!
//! A real server is driven when `FIREDRILL_CONFORMANCE_SERVER=host,port` is set, with
//! `FIREDRILL_CONFORMANCE_USER` (sa if not set) and `FIREDRILL_CONFORMANCE_PASSWORD`: the cases that
//! need servers of a certain kind (encryption modes, the failover) do not run then. The suite makes the
//! database `conformance` there and leaves it. What passes against both tells that the simulator does
//! here what the real one does; what passes against the simulator alone tells nothing about the real one.

mod failover;
mod rust_clients;
mod served;

use libtest_mimic::{Arguments, Failed, Trial};
use served::{Mode, Served};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Groups of cases and the clients in Python, or driven by it.
const CLIENTS: &[(&str, &[&str])] = &[
    ("tsql", &["connect", "types", "errors", "results", "transactions", "prepared"]),
    ("pymssql", &["connect", "types", "errors", "results", "cancel", "transactions", "prepared"]),
    ("pytds", &["connect", "types", "errors", "results", "cancel", "transactions", "prepared"]),
    ("odbc", &["connect", "types", "errors", "results", "cancel", "transactions", "prepared"]),
    (
        MSSQL_TDS,
        &[
            "connect",
            "types",
            "errors",
            "results",
            "cancel",
            "transactions",
            "prepared",
            "sessions",
            "cursors",
        ],
    ),
];

/// The client that is a program of its own, built by `scripts/conformance`.
const MSSQL_TDS: &str = "mssql_tds";

fn main() {
    let arguments = Arguments::from_args();
    let python = python();
    let mut trials = Vec::new();
    for (client, groups) in CLIENTS {
        let missing = missing(client, python.as_deref());
        if let Some(why) = &missing {
            eprintln!("{client} did not run: {why}; scripts/conformance installs what it needs");
        }
        for group in groups.iter().copied().chain(["failover"]) {
            let missing = missing.clone();
            let for_real = served::real().is_some();
            let ignored = (missing.is_some() && !is_ci()) || (for_real && group == "failover");
            let python = python.clone();
            let name = format!("{client}::{group}");
            let run = move || match missing {
                Some(why) => Err(Failed::from(format!("{why}; run scripts/conformance"))),
                None => run(&python.unwrap_or_default(), client, group),
            };
            trials.push(Trial::test(name, run).with_ignored_flag(ignored));
        }
    }
    trials.extend(rust_clients::trials());
    libtest_mimic::run(&arguments, trials).exit();
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python that `scripts/conformance` has made, or the one named in the environment.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("FIREDRILL_CONFORMANCE_PYTHON").map(PathBuf::from);
    let made = root().join("target/conformance/bin/python");
    named.into_iter().chain([made]).find(|path| path.exists())
}

/// The program that drives a server with mssql-tds.
fn mssql_tds() -> PathBuf {
    root().join("target/conformance/mssql_tds/debug/conformance-mssql-tds")
}

/// What keeps a client from running.
fn missing(client: &str, python: Option<&Path>) -> Option<String> {
    if client == MSSQL_TDS {
        return (!mssql_tds().exists()).then(|| "it was not built".to_owned());
    }
    let Some(python) = python else { return Some("there is no Python with the clients".to_owned()) };
    let module = match client {
        "pymssql" => "import pymssql",
        "pytds" => "import pytds, OpenSSL",
        "odbc" => "import mssql_python",
        _ => "import shutil, sys; sys.exit(0 if shutil.which('tsql') else 'tsql is not installed')",
    };
    let tried = Command::new(python).args(["-c", module]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(said.lines().last().unwrap_or("it cannot be imported").to_owned())
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Runs one group of cases with one client.
fn run(python: &Path, client: &str, group: &str) -> Result<(), Failed> {
    let mut command = if client == MSSQL_TDS {
        Command::new(mssql_tds())
    } else {
        let mut command = Command::new(python);
        command.arg(root().join(format!("tests/conformance/client_{client}.py")));
        command
    };
    command.arg(group);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    // They end with this function.
    let mut servers = Vec::new();
    if group == "failover" {
        let estate = served::Estate::serve()?;
        command
            .env("CONFORMANCE_ESTATE", estate.folder())
            .env("CONFORMANCE_FIREDRILL", env!("CARGO_BIN_EXE_firedrill"))
            .env("CONFORMANCE_HOST", "127.0.0.1")
            .env("CONFORMANCE_PORT", estate.backup_port().to_string())
            .env("CONFORMANCE_BACKUP_MIRROR_PORT", estate.backup_mirror_port().to_string())
            .env("CONFORMANCE_USER", "sa")
            .env("CONFORMANCE_PASSWORD", served::ESTATE_PASSWORD);
        return judge(command);
    }
    if let Some(real) = served::real() {
        command
            .env("CONFORMANCE_HOST", real.host)
            .env("CONFORMANCE_PORT", real.port.to_string())
            .env("CONFORMANCE_USER", real.user)
            .env("CONFORMANCE_PASSWORD", real.password);
        return judge(command);
    }
    let main = Served::start(Mode::Optional)?;
    command
        .env("CONFORMANCE_HOST", "127.0.0.1")
        .env("CONFORMANCE_PORT", main.port().to_string())
        .env("CONFORMANCE_USER", "sa")
        .env("CONFORMANCE_PASSWORD", served::PASSWORD)
        .env("CONFORMANCE_CERTIFICATE", main.certificate());
    servers.push(main);
    if group == "connect" {
        let mut ports = vec![format!("optional={}", servers[0].port())];
        for mode in [Mode::Off, Mode::Required, Mode::Strict] {
            let server = Served::start(mode)?;
            ports.push(format!("{}={}", mode.word(), server.port()));
            servers.push(server);
        }
        command.env("CONFORMANCE_TLS_PORTS", ports.join(","));
    }
    judge(command)
}

fn judge(mut command: Command) -> Result<(), Failed> {
    let output = command.output().map_err(|error| format!("the client could not be started: {error}"))?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(said.into()) }
}
