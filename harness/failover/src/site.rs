//! The site file: what is where. TOML; errors name file and line.

mod parse;
#[cfg(test)]
mod tests;

use crate::address::ServerAddress;
use std::time::Duration;

pub use parse::SiteError;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable.
    EnvironmentVariable(String),
    /// In a file; a line break at its end does not count.
    File(String),
}

/// How we sign in to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// As the Windows account that runs the program.
    Windows,
    /// As a SQL Server login.
    Sql {
        /// The login.
        user: String,
        /// Where its password is.
        password: SecretSource,
    },
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// Only the sign-in.
    Login,
    /// All of it (the default).
    Required,
    /// TLS before anything else (SQL Server 2022 and later).
    Strict,
}

/// One SQL Server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlServer {
    /// Where it is.
    pub address: ServerAddress,
    /// What the published topology calls it, if its address is another (a forwarded port, an IP address).
    pub name: Option<ServerAddress>,
    /// The data center it stands in.
    pub data_center: String,
    /// How we sign in.
    pub authentication: Authentication,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Believe any certificate the server shows.
    pub trust_server_certificate: bool,
    /// The certificate authority to believe, a file.
    pub certificate_authority: Option<String>,
}

impl SqlServer {
    /// The server as the topology and the cmdlets name it.
    pub fn in_topology(&self) -> &ServerAddress {
        self.name.as_ref().unwrap_or(&self.address)
    }
}

/// The SQL Servers by role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlServers {
    /// The primary, in A.
    pub primary: SqlServer,
    /// Its mirror, in A.
    pub mirror: Option<SqlServer>,
    /// The log shipping secondary, in B.
    pub backup: SqlServer,
    /// The place for the backup's mirror, in B.
    pub backup_mirror: Option<SqlServer>,
}

/// One folder, as the backup SQL Server sees it and as this machine reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoSidedPath {
    /// As SQL Server sees it (for RESTORE).
    pub server: String,
    /// As this machine reaches it (for copies).
    pub here: String,
}

/// Log shipping's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogShipping {
    /// Where the primary's log backups arrive.
    pub share: TwoSidedPath,
    /// Where the backup server takes them from.
    pub copy_destination: TwoSidedPath,
}

/// A chat server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatServer {
    /// Its name.
    pub fqdn: String,
    /// The data center it stands in.
    pub data_center: String,
    /// Its time zone (an IANA name), if it is stated.
    pub time_zone: Option<String>,
    /// Whether it is to be active after the failover.
    pub active_after_failover: bool,
}

/// The Front End pool that the chat pool depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Its name.
    pub pool: String,
    /// Its time zone (an IANA name), if it is stated.
    pub time_zone: Option<String>,
}

/// How long things may take. None is no bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To reach a server and sign in.
    pub connect: Duration,
    /// For one question to a server.
    pub query: Duration,
    /// For one run of the shell.
    pub shell: Duration,
    /// For `Install-CsMirrorDatabase`, and then for the mirror to be synchronized.
    pub mirror: Duration,
    /// For a running copy or restore job to end by itself.
    pub job: Duration,
    /// For ending the connections that come back.
    pub connections: Duration,
    /// For the replicas of the management store.
    pub replication: Duration,
    /// For one RESTORE, or recovery.
    pub restore: Option<Duration>,
}

/// A site: one Persistent Chat pool with its servers and folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The pool's fully qualified name, whatever spelling the file used.
    pub pool: String,
    /// The next hop.
    pub next_hop: Option<NextHop>,
    /// The chat database, `mgc`.
    pub database: String,
    /// The SQL Servers.
    pub servers: SqlServers,
    /// Log shipping's folders.
    pub log_shipping: LogShipping,
    /// The share by which `Install-CsMirrorDatabase` carries the database over.
    pub mirror_file_share: Option<String>,
    /// The chat servers.
    pub chat_servers: Vec<ChatServer>,
    /// Pairs of data centers whose link is declared low-latency and high-bandwidth.
    pub low_latency_links: Vec<(String, String)>,
    /// The shell's command line.
    pub shell_command: Vec<String>,
    /// How `Set-CsPersistentChatActiveServer` names the pool; none asks `Get-CsService`.
    pub active_servers_identity: Option<String>,
    /// How long things may take.
    pub deadlines: Deadlines,
}

impl Site {
    /// Reads a site file. `file_name` is for the errors only.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, SiteError> {
        parse::parse(text, file_name)
    }

    /// The chat servers that are to be active after the failover.
    pub fn wanted_active_servers(&self) -> impl Iterator<Item = &ChatServer> {
        self.chat_servers.iter().filter(|server| server.active_after_failover)
    }

    /// Whether a chat server of `data_center` may serve the new primary.
    pub fn is_near_the_backup(&self, data_center: &str) -> bool {
        let backup = &self.servers.backup.data_center;
        data_center.eq_ignore_ascii_case(backup)
            || self.low_latency_links.iter().any(|(a, b)| {
                (a.eq_ignore_ascii_case(data_center) && b.eq_ignore_ascii_case(backup))
                    || (b.eq_ignore_ascii_case(data_center) && a.eq_ignore_ascii_case(backup))
            })
    }
}
