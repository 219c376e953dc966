//! A client that is not ours against the served estate: FreeTDS's `tsql`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A served estate, ended and removed with the guard.
struct Estate {
    server: Child,
    typed: ChildStdin,
    /// Kept open: the server goes on talking.
    _said: BufReader<ChildStdout>,
    data: PathBuf,
    backup_port: String,
}

impl Estate {
    /// Serves on free ports and reads, from what it says, where the backup listens.
    fn serve() -> Self {
        let data = std::env::temp_dir().join(format!("firedrill-tsql-{}", std::process::id()));
        let mut server = Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["serve", "--estate", "fixtures/estates/litware.toml", "--data"])
            .arg(&data)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let typed = server.stdin.take().expect("standard input is a pipe");
        let mut said = BufReader::new(server.stdout.take().expect("standard output is a pipe"));
        let backup_port = said
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.trim().strip_prefix("backup  ")?.rsplit_once(',').map(|at| at.1.to_owned()))
            .expect("serve says where the backup listens");
        Self { server, typed, _said: said, data, backup_port }
    }

    /// What `tsql` prints for batches, each followed by `go`.
    fn tsql(&self, batches: &[&str]) -> String {
        let mut client = Command::new("tsql")
            .args([
                "-H",
                "127.0.0.1",
                "-p",
                &self.backup_port,
                "-U",
                "sa",
                "-P",
                "Rehearsal-only-1",
                "-o",
                "q",
            ])
            .env("TDSVER", "7.4")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tsql starts");
        let mut input = client.stdin.take().expect("standard input is a pipe");
        for batch in batches {
            writeln!(input, "{batch}\ngo").expect("tsql reads");
        }
        drop(input);
        let output = client.wait_with_output().expect("tsql ends");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        let _ = writeln!(self.typed, "quit");
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

#[test]
fn tsql_lists_connections_reads_rows_and_gets_errors_by_number() {
    if let Err(error) = Command::new("tsql").arg("-C").output() {
        assert!(std::env::var_os("CI").is_none(), "FreeTDS's tsql is not installed: {error}");
        println!("not run: FreeTDS's tsql is not installed");
        return;
    }
    let estate = Estate::serve();
    let said = estate.tsql(&[
        "exec sp_who2",
        "select name, state_desc from sys.databases where name = 'mgc'",
        "use mgc",
        "kill @@spid",
        "kill 999",
        "restore log mgc from disk = 'D:\\LogShipping\\mgc\\none.trn' with norecovery",
    ]);
    for expected in [
        "SPID\tStatus\tLogin\tHostName\tBlkBy\tDBName",
        "AWAITING COMMAND",
        "mgc\tRESTORING",
        "Msg 927 (severity 14, state 2)",
        "Msg 102 (severity 15, state 1)",
        "Msg 6106 (severity 16, state 2)",
        "Msg 3201 (severity 16, state 2)",
        "Msg 3013 (severity 16, state 1)",
    ] {
        assert!(said.contains(expected), "no {expected:?} in:\n{said}");
    }
}
