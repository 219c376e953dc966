//! `firedrill serve` itself: how it ends, and who may use its folder.

use crate::support::{Estate, Folder, Running, ask, firedrill, run};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::ChildStdin;

const LITWARE: &str = "fixtures/estates/litware.toml";

/// Sends a signal: `-INT` is Ctrl-C.
#[cfg(unix)]
fn send(signal: &str, process: u32) {
    let sent = std::process::Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.expect("kill is there").success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_served_estate_with_exit_code_130() {
    let estate = Estate::serve("interrupted", Path::new(LITWARE));
    send("-INT", estate.serve.id());
    let (status, said) = estate.serve.end();
    assert_eq!(status.code(), Some(130), "{status}: {said}");
    assert!(said.ends_with("firedrill: interrupted; what was served has ended"), "{said}");
}

#[cfg(unix)]
#[test]
fn sigterm_ends_what_is_served_with_exit_code_0() {
    let estate = Estate::serve("terminated", Path::new(LITWARE));
    send("-TERM", estate.serve.id());
    let (status, said) = estate.serve.end();
    assert_eq!(status.code(), Some(0), "{status}: {said}");
    let server = OneServer::serve("terminated-one");
    send("-TERM", server.serve.id());
    let (status, said) = server.serve.end();
    assert_eq!(status.code(), Some(0), "{status}: {said}");
}

#[test]
fn a_second_serve_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let mut estate = Estate::serve("second", Path::new(LITWARE));
    let data = estate.folder.path("data");
    let (code, said) = run(firedrill().args(["serve", "--estate", LITWARE, "--data"]).arg(&data));
    assert_eq!(code, Some(4), "{said}");
    let holder = format!(
        "firedrill: {} is in use: process {} serves from it. Nothing in it has been changed.",
        data.display(),
        estate.serve.id()
    );
    assert!(said.contains(&holder), "{said}");
    estate.type_line("status");
    estate.serve.line_with("primary        sql-a1.litwareinc.com runs");
    estate.type_line("quit");
    assert_eq!(estate.serve.end().0.code(), Some(0));
}

const PASSWORD: &str = "One-0f-two";

/// One fresh server with a data directory.
struct OneServer {
    serve: Running,
    port: u16,
    folder: Folder,
    _typed: ChildStdin,
}

impl OneServer {
    fn serve(test: &str) -> Self {
        let folder = Folder::new(test);
        let mut command = firedrill();
        command.args(["serve", "--listen", "127.0.0.1:0", "--name", test.split('-').next().unwrap_or(test)]);
        command.arg("--data").arg(folder.path("data")).env("MSSQL_SA_PASSWORD", PASSWORD);
        let (mut serve, typed) = Running::start(&mut command);
        let line = serve.line_with("listening on ");
        let port = line.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Self { serve, port: port.expect("it says its port"), folder, _typed: typed }
    }

    fn sql(&self, batch: &str) -> Option<String> {
        ask(("127.0.0.1", self.port), PASSWORD, batch).unwrap_or_else(|error| panic!("{batch}: {error}"))
    }

    /// Makes the mirroring endpoint, or changes it.
    fn endpoint(&self, verb: &str, state: &str, port: u16) {
        self.sql(&format!(
            "{verb} ENDPOINT m STATE = {state} AS TCP (LISTENER_PORT = {port}) FOR DATABASE_MIRRORING (ROLE = PARTNER)"
        ));
    }
}

/// A port that nobody has; somebody may take it before it is used, which no test here has seen.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

#[test]
fn the_mirroring_endpoint_listens_while_it_is_started_and_says_when_its_port_is_taken() {
    let mut server = OneServer::serve("listening");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    server.endpoint("CREATE", "STARTED", port);
    let told = server.serve.line_with("the mirroring endpoint cannot listen at ");
    assert!(told.ends_with("free the port, or name another one with ALTER ENDPOINT"), "{told}");
    drop(taken);
    server.endpoint("ALTER", "STARTED", port);
    server.serve.line_with(&format!("mirroring endpoint listening on 127.0.0.1:{port}"));
    TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let other = free_port();
    server.endpoint("ALTER", "STARTED", other);
    server.serve.line_with(&format!("mirroring endpoint at 127.0.0.1:{port} has stopped"));
    server.serve.line_with(&format!("mirroring endpoint listening on 127.0.0.1:{other}"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the old port is given back");
    server.endpoint("ALTER", "STOPPED", other);
    server.serve.line_with(&format!("mirroring endpoint at 127.0.0.1:{other} has stopped"));
    server.endpoint("ALTER", "STARTED", other);
    server.serve.line_with(&format!("mirroring endpoint listening on 127.0.0.1:{other}"));
    server.sql("DROP ENDPOINT m");
    server.serve.line_with(&format!("mirroring endpoint at 127.0.0.1:{other} has stopped"));
    let log = server.sql(
        "CREATE TABLE #log (d datetime, p nvarchar(50), t nvarchar(4000)); \
         INSERT #log EXEC xp_readerrorlog 0, 1, N'Error: 9692'; SELECT MAX(t) FROM #log",
    );
    assert!(log.is_some_and(|line| line.contains("Severity: 16")), "a taken port stands in the error log");
}

#[test]
fn two_served_servers_mirror_over_tcp_and_change_places() {
    let (a, b) = (OneServer::serve("mirrored-a"), OneServer::serve("mirrored-b"));
    let ports = [free_port(), free_port()];
    a.endpoint("CREATE", "STARTED", ports[0]);
    b.endpoint("CREATE", "STARTED", ports[1]);
    a.sql("CREATE DATABASE mgc");
    a.sql("ALTER DATABASE mgc SET RECOVERY FULL; CREATE TABLE mgc.dbo.t (id int PRIMARY KEY)");
    for (kind, file) in [("DATABASE", "full.bak"), ("LOG", "log.trn")] {
        a.sql(&format!(r"BACKUP {kind} mgc TO DISK = 'D:\{file}'"));
        let drive = format!("data/drives/D/{file}");
        std::fs::copy(a.folder.path(&drive), b.folder.path(&drive)).expect("the backup is there");
        b.sql(&format!(r"RESTORE {kind} mgc FROM DISK = 'D:\{file}' WITH NORECOVERY"));
    }
    b.sql(&format!("ALTER DATABASE mgc SET PARTNER = 'TCP://127.0.0.1:{}'", ports[0]));
    a.sql(&format!("ALTER DATABASE mgc SET PARTNER = 'TCP://127.0.0.1:{}'", ports[1]));
    let state = |server: &OneServer| {
        server.sql(
            "SELECT mirroring_role_desc + ' ' + mirroring_state_desc FROM sys.database_mirroring \
             WHERE database_id = DB_ID('mgc')",
        )
    };
    crate::support::poll("they are synchronized", || state(&a).as_deref() == Some("PRINCIPAL SYNCHRONIZED"));
    a.sql("INSERT INTO mgc.dbo.t VALUES (1), (2)");
    a.sql("ALTER DATABASE mgc SET PARTNER FAILOVER");
    crate::support::poll("they have changed places", || {
        state(&b).as_deref() == Some("PRINCIPAL SYNCHRONIZED")
    });
    let rows = b.sql("SELECT CAST(COUNT(*) AS nvarchar(10)) FROM mgc.dbo.t");
    assert_eq!(rows.as_deref(), Some("2"));
}
