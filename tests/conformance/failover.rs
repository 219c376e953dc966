//! The document's failover, typed: T-SQL through a client in Rust, the cmdlets through lync-shell.
//!
//! Data center A of the served estate litware is lost. The steps are those of "Failing over the Persistent Chat Server
//! pool" (Lync Server 2013), as `failover.py` types them through the clients in Python.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What went wrong, in words.
pub(crate) type Told = String;

/// An error of the server, or of the client (number 0).
#[derive(Debug)]
pub(crate) struct SqlError {
    pub(crate) number: u32,
    pub(crate) text: String,
}

impl From<SqlError> for Told {
    fn from(error: SqlError) -> Self {
        format!("{}: {}", error.number, error.text)
    }
}

/// A connection that text is typed into.
pub(crate) trait Typist {
    /// All rows of all result sets, as texts.
    async fn rows(&mut self, text: &str) -> Result<Vec<Vec<String>>, SqlError>;
}

/// Where the estate lies, and who signs in.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) firedrill: PathBuf,
    pub(crate) password: String,
}

const DATABASE: &str = "mgc";
const COPY_DESTINATION: &str = r"D:\LogShipping\mgc";
const SEED: &str = r"\\sql-b2\mirror-seed";
const POOL: &str = "service:atl-cs-001.litwareinc.com";

impl Site {
    /// Types a line into the management shell.
    fn shell(&self, line: &str) -> Result<String, Told> {
        let done = Command::new(&self.firedrill)
            .args(["lync-shell", "--store"])
            .arg(self.folder.join("lync-shell.toml"))
            .args(["-Command", line])
            .env("PCHAT_SQL_PASSWORD", &self.password)
            .output()
            .map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        if done.status.success() {
            return Ok(told);
        }
        Err(format!("{line}: {}\n{told}{}", done.status, String::from_utf8_lossy(&done.stderr)))
    }

    /// Copies what is on the share and not in the copy destination; gives the names.
    fn copy_log_backups(&self) -> Result<BTreeSet<String>, Told> {
        let share = self.folder.join("files-b/D/shares/mgc-logs");
        let destination = self.folder.join("sql-b1/D/LogShipping/mgc");
        let missing: BTreeSet<String> = names(&share)?.difference(&names(&destination)?).cloned().collect();
        for name in &missing {
            std::fs::copy(share.join(name), destination.join(name)).map_err(|error| error.to_string())?;
        }
        Ok(missing)
    }
}

fn names(folder: &Path) -> Result<BTreeSet<String>, Told> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Told> {
    if found == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

/// The seven steps, and what is there afterwards.
pub(crate) async fn type_it(
    site: &Site,
    backup: &mut impl Typist,
    backup_mirror: &mut impl Typist,
) -> Result<(), Told> {
    remove_log_shipping(backup).await?;
    let copied = site.copy_log_backups()?;
    if copied.is_empty() {
        return Err("the last log backups had been copied before".into());
    }
    let applied = apply_log_backups(backup).await?;
    if !copied.is_subset(&applied) {
        return Err(format!("copied {copied:?}, applied {applied:?}"));
    }
    bring_online(backup).await?;
    site.shell(&format!("Set-CsPersistentChatState -Identity \"{POOL}\" -PoolState FailedOver"))?;
    mirror(backup, backup_mirror).await?;
    let servers: Vec<String> = (1..=4).map(|number| format!("chat-b{number}.litwareinc.com")).collect();
    let listed = servers.iter().map(|server| format!("\"{server}\"")).collect::<Vec<_>>().join(", ");
    site.shell(&format!("Set-CsPersistentChatActiveServer -Identity \"{POOL}\" -ActiveServers {listed}"))?;

    let told = site.shell("Get-CsPersistentChatState")?;
    if !told.contains("FailedOver") {
        return Err(format!("the pool's state: {told}"));
    }
    let told = site.shell("Get-CsService -PersistentChatServer | ConvertTo-Json")?;
    let active = told.split_once("\"ActiveServers\"").map_or("", |(_, rest)| rest);
    let active = active.split_once(']').map_or("", |(list, _)| list);
    let active: Vec<&str> = active.split('"').filter(|part| part.contains("litwareinc.com")).collect();
    same("active servers", active, servers.iter().map(String::as_str).collect())?;
    let count = backup.rows(&format!("SELECT COUNT(*) FROM {DATABASE}.dbo.tblChat")).await?;
    if count.first().and_then(|row| row.first()).is_none_or(|count| count == "0") {
        return Err("no message has come through".into());
    }
    Ok(())
}

async fn remove_log_shipping(backup: &mut impl Typist) -> Result<(), Told> {
    let query = "SELECT secondary_database FROM msdb.dbo.log_shipping_secondary_databases";
    same("log shipping before step 1", backup.rows(query).await?, vec![vec![DATABASE.to_owned()]])?;
    let remove = "EXEC master.dbo.sp_delete_log_shipping_secondary_database @secondary_database = N'mgc'";
    backup.rows(remove).await?;
    same("log shipping after step 1", backup.rows(query).await?, Vec::new())
}

/// Gives the names that were applied now.
async fn apply_log_backups(backup: &mut impl Typist) -> Result<BTreeSet<String>, Told> {
    let listed = backup.rows(&format!("EXEC master.sys.xp_dirtree N'{COPY_DESTINATION}', 1, 1")).await?;
    let files: BTreeSet<String> = listed
        .into_iter()
        .filter_map(|row| row.into_iter().next())
        .filter(|name| name.ends_with(".trn"))
        .collect();
    let mut applied = BTreeSet::new();
    for name in files {
        let path = format!(r"{COPY_DESTINATION}\{name}");
        let header = backup.rows(&format!("RESTORE HEADERONLY FROM DISK = N'{path}'")).await?;
        if !header.iter().any(|row| row.iter().any(|value| value == DATABASE)) {
            return Err(format!("{path}: {header:?}"));
        }
        match backup.rows(&format!("RESTORE LOG [{DATABASE}] FROM DISK = N'{path}' WITH NORECOVERY")).await {
            Ok(_) => {
                applied.insert(name);
            }
            Err(error) if error.number == 4326 => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(applied)
}

async fn bring_online(backup: &mut impl Typist) -> Result<(), Told> {
    backup
        .rows(
            "DECLARE @kill nvarchar(max) = N'';\n\
             SELECT @kill = @kill + N'KILL ' + CONVERT(nvarchar(10), session_id) + N';'\n\
             FROM sys.dm_exec_sessions WHERE database_id = DB_ID(N'mgc') AND is_user_process = 1\n\
             AND session_id <> @@SPID;\nEXEC (@kill)",
        )
        .await?;
    backup.rows("RESTORE DATABASE [mgc] WITH RECOVERY").await?;
    let state = backup.rows("SELECT state_desc FROM sys.databases WHERE name = N'mgc'").await?;
    same("state after step 4", state, vec![vec!["ONLINE".to_owned()]])
}

/// The port of the mirroring endpoint, which is made when there is none.
async fn endpoint(connection: &mut impl Typist) -> Result<String, Told> {
    let query = "SELECT port FROM sys.tcp_endpoints WHERE type_desc = N'DATABASE_MIRRORING'";
    if connection.rows(query).await?.is_empty() {
        let make = "CREATE ENDPOINT [mirroring] STATE = STARTED AS TCP (LISTENER_PORT = 5022) \
                    FOR DATABASE_MIRRORING (ROLE = PARTNER)";
        connection.rows(make).await?;
    }
    let found = connection.rows(query).await?;
    Ok(found.first().and_then(|row| row.first()).cloned().unwrap_or_default())
}

async fn mirror(backup: &mut impl Typist, mirror: &mut impl Typist) -> Result<(), Told> {
    let ports = (endpoint(backup).await?, endpoint(mirror).await?);
    backup.rows("ALTER DATABASE [mgc] SET RECOVERY FULL").await?;
    backup.rows(&format!(r"BACKUP DATABASE [mgc] TO DISK = N'{SEED}\typed.bak' WITH INIT, FORMAT")).await?;
    backup.rows(&format!(r"BACKUP LOG [mgc] TO DISK = N'{SEED}\typed.trn' WITH INIT, FORMAT")).await?;
    if !mirror.rows("SELECT name FROM sys.databases WHERE name = N'mgc'").await?.is_empty() {
        mirror.rows("DROP DATABASE [mgc]").await?;
    }
    let restore = format!(r"RESTORE DATABASE [mgc] FROM DISK = N'{SEED}\typed.bak' WITH NORECOVERY, REPLACE");
    mirror.rows(&restore).await?;
    mirror.rows(&format!(r"RESTORE LOG [mgc] FROM DISK = N'{SEED}\typed.trn' WITH NORECOVERY")).await?;
    let partner = |host: &str, port: &str| {
        format!("ALTER DATABASE [mgc] SET PARTNER = N'TCP://{host}.litwareinc.com:{port}'")
    };
    mirror.rows(&partner("sql-b1", &ports.0)).await?;
    backup.rows(&partner("sql-b2", &ports.1)).await?;
    let state = "SELECT mirroring_state_desc FROM sys.database_mirroring WHERE database_id = DB_ID(N'mgc')";
    for _ in 0..100 {
        if backup.rows(state).await? == vec![vec!["SYNCHRONIZED".to_owned()]] {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("the mirror is {:?} after 10 seconds", backup.rows(state).await?))
}
