//! The programs against a SQL Server with the paths of Linux: its folders are `/var/opt/mssql/…` to it, and
//! ordinary folders of this machine to `pchat-failover`.

use crate::support::{Folder, Running, ask_at, firedrill, run};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};

const LOGS: &str = "/var/opt/mssql/share/mgc-logs";
const COPIES: &str = "/var/opt/mssql/copies";
const SEED: &str = "/var/opt/mssql/share/seed";

/// A served server, its data directory, and files about it.
struct Server {
    serve: Running,
    _typed: ChildStdin,
    folder: Folder,
    port: u16,
}

impl Server {
    fn serve(test: &str) -> Self {
        let folder = Folder::new(test);
        let mut command = firedrill();
        command.env("MSSQL_SA_PASSWORD", "Rehearsal-only-1");
        command.args(["serve", "--listen", "127.0.0.1:0", "--name", "SQL-B1", "--tls", "off", "--data"]);
        let (mut serve, typed) = Running::start(command.arg(folder.path("data")));
        let line = serve.line_with("listening on 127.0.0.1:");
        let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok());
        let server = Self { serve, _typed: typed, folder, port: port.expect("it says its port") };
        for folder in [LOGS, COPIES, SEED] {
            std::fs::create_dir_all(server.here(folder)).expect("the folder is ours");
        }
        server
    }

    /// Where a folder of the server is on this machine.
    fn here(&self, path: &str) -> PathBuf {
        self.folder.path("data/drives/C").join(path.trim_start_matches('/'))
    }

    fn ask(&self, batch: &str) -> Option<String> {
        ask_at(("127.0.0.1", self.port), batch)
    }

    /// A database with a row for each of three log backups, the first of which is restored and copied.
    fn stage_the_secondary(&self) {
        self.ask("CREATE DATABASE mgc");
        self.ask("ALTER DATABASE mgc SET RECOVERY FULL");
        self.ask("CREATE TABLE mgc.dbo.tblChat (chatId int NOT NULL PRIMARY KEY)");
        self.ask(&format!("BACKUP DATABASE mgc TO DISK = N'{SEED}/full.bak' WITH INIT"));
        for backup in 1..=3 {
            self.ask(&format!("INSERT INTO mgc.dbo.tblChat VALUES ({backup})"));
            self.ask(&format!("BACKUP LOG mgc TO DISK = N'{LOGS}/mgc_{backup}.trn' WITH INIT"));
        }
        self.ask("DROP DATABASE mgc");
        std::fs::copy(self.here(LOGS).join("mgc_1.trn"), self.here(COPIES).join("mgc_1.trn"))
            .expect("the folders are ours");
        self.ask(&format!("RESTORE DATABASE mgc FROM DISK = N'{SEED}/full.bak' WITH NORECOVERY"));
        self.ask(&format!("RESTORE LOG mgc FROM DISK = N'{COPIES}/mgc_1.trn' WITH NORECOVERY"));
    }

    /// The management store on the same server, and its topology; the shell's store file.
    fn publish(&self) -> PathBuf {
        let store = self.folder.path("lync-shell.toml");
        let text = format!(
            "[store]\nserver = \"sql-b1.litwareinc.com\"\nuser = \"sa\"\npassword = {{ env = \"PCHAT_SQL_PASSWORD\" }}\n\
             [addresses]\n\"sql-b1.litwareinc.com\" = \"127.0.0.1:{}\"\n",
            self.port
        );
        std::fs::write(&store, text).expect("the folder is ours");
        let topology = self.folder.path("topology.toml");
        let text = r#"
pool = "atl-cs-001.litwareinc.com"
site = "Atlanta"
next_hop = "atl-pool.litwareinc.com"
version = 7
file_store = '\\files-b\chat'
chat_servers = [{ fqdn = "chat-b1.litwareinc.com", active = false }]
[chat]
primary = { fqdn = "sql-a1.litwareinc.com" }
backup = { fqdn = "sql-b1.litwareinc.com" }
backup_mirror = { fqdn = "sql-b2.litwareinc.com" }
"#;
        std::fs::write(&topology, text).expect("the folder is ours");
        let mut command = firedrill();
        command.args(["lync-shell", "--store"]).arg(&store).arg("--publish").arg(topology);
        let (code, said) = run(&mut command);
        assert_eq!(code, Some(0), "{said}");
        store
    }

    /// The site file, with the folders as the server sees them and as they are here.
    fn site_file(&self, store: &std::path::Path) -> PathBuf {
        let path = self.folder.path("site.toml");
        let login = "auth = { kind = \"sql\", user = \"sa\", password = { env = \"PCHAT_SQL_PASSWORD\" } }\nencryption = \"none\"";
        let text = format!(
            "pool = \"atl-cs-001.litwareinc.com\"\n\
             next_hop = {{ pool = \"atl-pool.litwareinc.com\", time_zone = \"America/New_York\" }}\n\
             [servers.primary]\naddress = \"127.0.0.1,1\"\nname = \"sql-a1.litwareinc.com\"\ndata_center = \"A\"\n{login}\n\
             [servers.backup]\naddress = \"127.0.0.1,{}\"\nname = \"sql-b1.litwareinc.com\"\ndata_center = \"B\"\n{login}\n\
             [log_shipping]\nshare = {{ server = '{LOGS}', here = '{}' }}\n\
             copy_destination = {{ server = '{COPIES}/', here = '{}' }}\n\
             [mirroring]\nfile_share = '{SEED}'\n\
             [[chat_servers]]\nfqdn = \"chat-b1.litwareinc.com\"\ndata_center = \"B\"\ntime_zone = \"America/New_York\"\n\
             active_after_failover = true\n\
             [shell]\ncommand = ['{}', \"lync-shell\", \"--store\", '{}', \"-NoProfile\", \"-NonInteractive\", \"-Command\", \"-\"]\n\
             [deadlines]\nreplication = \"1s\"\n",
            self.port,
            self.here(LOGS).display(),
            self.here(COPIES).display(),
            env!("CARGO_BIN_EXE_firedrill"),
            store.display(),
        );
        std::fs::write(&path, text).expect("the folder is ours");
        path
    }
}

fn failover(site: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = firedrill();
    command.arg("pchat-failover").args(arguments).arg("--site").arg(site);
    command
}

#[test]
fn on_linux_log_backups_are_copied_and_applied_by_both_sides_of_their_paths() {
    let mut server = Server::serve("linux");
    server.stage_the_secondary();
    let site = server.site_file(&server.publish());
    let output = failover(&site, &["run", "--json", "--messages", "json"])
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("the report alone is on standard output ({error}): {messages}"));
    assert_eq!(report["bound"]["last_applied_file"], "mgc_3.trn", "{messages}");
    assert_eq!(report["bound"]["refused"], serde_json::json!([]), "{messages}");
    let told: Vec<serde_json::Value> = messages
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let coded = |code: &str| told.iter().filter(|message| message["code"] == code).count();
    assert_eq!((coded("copied"), coded("applied")), (2, 2), "{messages}");
    assert_eq!((coded("paths-differ"), coded("path-not-proven")), (0, 0), "{messages}");
    assert_eq!(output.status.code(), Some(0), "{messages}");
    assert_eq!(
        server.ask("SELECT CONVERT(nvarchar(9), COUNT(*)) FROM mgc.dbo.tblChat").as_deref(),
        Some("3")
    );
    let mut copies: Vec<_> = std::fs::read_dir(server.here(COPIES))
        .expect("the folder is ours")
        .map(|entry| entry.expect("an entry can be read").file_name().into_string().expect("a name is text"))
        .collect();
    copies.sort();
    assert_eq!(copies, ["mgc_1.trn", "mgc_2.trn", "mgc_3.trn"]);

    // The backup that seeds a mirror does not count as the full backup that is due, another one does.
    let is_due = || {
        let output = failover(&site, &["status", "--json"]).output().expect("the program starts");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("status prints JSON");
        let aftercare = report["aftercare"].as_array().expect("a report lists what is left").clone();
        let care = aftercare.into_iter().find(|care| care["code"] == "full-backup-due");
        care.expect("a full backup is among what is left")["done"] == false
    };
    let seed_as_shown_on_linux = SEED.replace('/', "\\");
    server.ask(&format!("BACKUP DATABASE mgc TO DISK = N'C:{seed_as_shown_on_linux}\\mgc.bak' WITH INIT"));
    server.ask(&format!("BACKUP DATABASE mgc TO DISK = N'{SEED}/mgc.bak' WITH INIT"));
    assert!(is_due());
    let beside = format!("{SEED}-other");
    std::fs::create_dir_all(server.here(&beside)).expect("the folder is ours");
    server.ask(&format!("BACKUP DATABASE mgc TO DISK = N'{beside}/mgc.bak' WITH INIT"));
    assert!(!is_due());
    server.serve.kill();
}

#[test]
fn a_folder_that_is_another_one_on_the_server_stops_it_on_linux_too() {
    let server = Server::serve("linux-elsewhere");
    server.stage_the_secondary();
    let site = server.site_file(&server.publish());
    let text = std::fs::read_to_string(&site).expect("the folder is ours");
    std::fs::write(&site, text.replace(&format!("server = '{LOGS}'"), "server = '/var/opt/mssql/copies'"))
        .expect("the folder is ours");
    let (code, said) = run(&mut failover(&site, &["preflight"]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("are not the same folder: a file written here is not seen there"), "{said}");
}
