//! Drills on servers that exist already: four served ones at loopback addresses, with a folder that all of them see.

use crate::support::{Folder, Running, firedrill};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ChildStdin;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PASSWORD: &str = "Choose-1-yourself";
const SERVERS: [(&str, &str); 4] =
    [("sql-a1", "127.0.0.11"), ("sql-a2", "127.0.0.12"), ("sql-b1", "127.0.0.13"), ("sql-b2", "127.0.0.14")];
const PORT: u16 = 21433;

/// Mirroring has one port, so only one test has a lab at a time.
static LAB: Mutex<()> = Mutex::new(());

struct Lab {
    folder: Folder,
    estate: PathBuf,
    servers: Vec<(Running, ChildStdin)>,
    _turn: MutexGuard<'static, ()>,
}

/// Four servers; none where this host lacks the addresses.
fn lab(test: &str) -> Option<Lab> {
    let turn = LAB.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = SERVERS.iter().try_for_each(|(_, ip)| TcpListener::bind((*ip, PORT)).map(drop)) {
        return not_run(&format!("this host has no addresses for a lab ({error})"));
    }
    let folder = Folder::new(test);
    let net = folder.path("net");
    std::fs::create_dir_all(&net).expect("the lab of the test answers");
    let mut servers = Vec::new();
    for (name, ip) in SERVERS {
        let data = folder.path(name);
        let seen = data.join("drives/C/var/opt/mssql");
        std::fs::create_dir_all(&seen).expect("the lab of the test answers");
        std::os::unix::fs::symlink(&net, seen.join("net")).expect("the lab of the test answers");
        let (mut server, input) = Running::start(
            firedrill()
                .args(["serve", "--stop-with-input", "--name", name, "--listen", &format!("{ip}:{PORT}")])
                .arg("--data")
                .arg(&data)
                .env("MSSQL_SA_PASSWORD", PASSWORD),
        );
        server.line_with("listening on");
        servers.push((server, input));
    }
    let estate = folder.estate_with(&format!(
        "\n[lab_folder]\nserver = \"/var/opt/mssql/net\"\nhere = \"{}\"\n",
        net.display()
    ));
    let mut text =
        format!("lab = true\n{}", std::fs::read_to_string(&estate).expect("the lab of the test answers"));
    for (name, ip) in SERVERS {
        let host = format!("host = \"{name}\"");
        text = text.replace(&host, &format!("{host}\naddress = \"{ip},{PORT}\""));
    }
    std::fs::write(&estate, text).expect("the lab of the test answers");
    Some(Lab { folder, estate, servers, _turn: turn })
}

/// Says why; with `CI=true` that is a failure where it could have been helped.
fn not_run<T>(why: &str) -> Option<T> {
    let is_root = rustix::process::geteuid().is_root();
    assert!(
        !(is_root && std::env::var("CI").is_ok_and(|ci| ci == "true")),
        "not run, which CI does not allow: {why}"
    );
    eprintln!("not run: {why}");
    None
}

/// Whether mirroring partners find each other: names of the estate lead to the addresses.
fn names_resolve() -> bool {
    use std::net::ToSocketAddrs as _;
    SERVERS.iter().all(|(name, ip)| {
        (format!("{name}.litwareinc.com"), PORT)
            .to_socket_addrs()
            .is_ok_and(|mut found| found.any(|address| address.ip().to_string() == *ip))
    })
}

/// Sees to it that they do; nothing where that cannot be.
fn resolved() -> Option<Option<Hosts>> {
    let hosts = if names_resolve() { None } else { Hosts::write() };
    if names_resolve() {
        return Some(hosts);
    }
    not_run("the servers' names do not resolve, and the hosts file cannot be written")
}

/// Lines in the hosts file, as long as the test lasts.
struct Hosts(String);

impl Hosts {
    const FILE: &str = "/etc/hosts";

    fn write() -> Option<Self> {
        let before = std::fs::read_to_string(Self::FILE).ok()?;
        let lines: String =
            SERVERS.iter().map(|(name, ip)| format!("{ip} {name}.litwareinc.com\n")).collect();
        std::fs::write(Self::FILE, format!("{}\n{lines}", before.trim_end())).ok()?;
        Some(Self(before))
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = std::fs::write(Self::FILE, &self.0);
    }
}

/// A run of one drill: its exit code and what it said.
fn run(lab: &Lab) -> (Option<i32>, String) {
    let (drill, _input) = start(lab, &["--shard", "1/3"]);
    let (status, said) = drill.end();
    (status.code(), said)
}

/// Starts a run of few drills.
fn start(lab: &Lab, more: &[&str]) -> (Running, ChildStdin) {
    Running::start(
        firedrill()
            .args(["run", "--on", "lab", "--tags", "@smoke", "features/en/chain.feature"])
            .args(more)
            .arg("--estate")
            .arg(&lab.estate)
            .env("MSSQL_SA_PASSWORD", PASSWORD),
    )
}

/// What a query answers on the first server, as text.
fn ask(ip: &str, query: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the lab of the test answers");
    runtime.block_on(async {
        use tokio_util::compat::TokioAsyncWriteCompatExt as _;
        let mut config = tiberius::Config::new();
        config.authentication(tiberius::AuthMethod::sql_server("sa", PASSWORD));
        config.encryption(tiberius::EncryptionLevel::NotSupported);
        let stream = tokio::net::TcpStream::connect((ip, PORT)).await.expect("the lab of the test answers");
        let mut client = Box::pin(tiberius::Client::connect(config, stream.compat_write()))
            .await
            .expect("the lab of the test answers");
        let rows = client
            .simple_query(query)
            .await
            .expect("the lab of the test answers")
            .into_first_result()
            .await
            .expect("the lab of the test answers");
        rows.iter().map(|row| row.get::<&str, _>(0).unwrap_or_default().to_owned()).collect()
    })
}

const USER_DATABASES: &str =
    "SELECT name FROM sys.databases WHERE name NOT IN (N'master', N'tempdb', N'model', N'msdb')";

#[test]
fn a_drill_on_a_lab_passes_and_leaves_the_servers_as_they_were() {
    let Some(lab) = lab("lab-drill") else { return };
    let Some(hosts) = resolved() else { return };
    let (code, said) = run(&lab);
    drop(hosts);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("drills on lab (seed 1)"), "{said}");
    for (name, ip) in SERVERS {
        assert_eq!(ask(ip, USER_DATABASES), Vec::<String>::new(), "databases of {name}");
        let logins = "SELECT name FROM sys.server_principals WHERE name IN (N'rtc_chat', N'pchat_failover')";
        assert_eq!(ask(ip, logins), Vec::<String>::new(), "logins of {name}");
        assert_eq!(ask(ip, "SELECT name FROM sys.database_mirroring_endpoints"), Vec::<String>::new());
    }
    assert_eq!(
        std::fs::read_dir(lab.folder.path("net")).expect("the lab of the test answers").count(),
        0,
        "the shared folder is empty"
    );
}

#[test]
fn a_lab_with_a_strangers_database_is_refused_and_keeps_it() {
    let Some(lab) = lab("lab-refused") else { return };
    ask("127.0.0.13", "CREATE DATABASE orders");
    let (code, said) = run(&lab);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("sql-b1 holds what the harness did not put there: database orders; use a server without it; nothing was changed and nothing was run"),
        "{said}"
    );
    for (name, ip) in SERVERS {
        let theirs: &[&str] = if name == "sql-b1" { &["orders"] } else { &[] };
        assert_eq!(ask(ip, USER_DATABASES), theirs, "databases of {name}");
    }
}

#[test]
fn a_lab_that_is_not_left_as_it_was_found_says_so_and_ends_with_4() {
    let Some(lab) = lab("lab-left") else { return };
    let Some(_hosts) = resolved() else { return };
    // A failover program that does nothing but end a server of data center A: the drill fails, which alone would be 1.
    let program = format!("kill -9 {}", lab.servers[0].0.id());
    let (drill, _input) = start(&lab, &["--shard", "1/5", "--failover", &program]);
    let (status, said) = drill.end();
    assert!(said.contains("1 drills on lab (seed 1): 0 passed, 1 failed"), "{said}");
    assert!(said.contains("the lab was not left as it was found: the primary at 127.0.0.11"), "{said}");
    assert_eq!(status.code(), Some(4), "{said}");
}

#[test]
fn an_estate_that_does_not_say_lab_is_no_lab() {
    let folder = Folder::new("lab-unsaid");
    let estate = folder.estate_with("");
    let (drill, _input) = Running::start(
        firedrill().args(["run", "--on", "lab", "--estate"]).arg(&estate).env("MSSQL_SA_PASSWORD", PASSWORD),
    );
    let (status, said) = drill.end();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("does not say lab = true"), "{said}");
}
