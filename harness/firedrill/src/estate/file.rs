//! The estate file: who is where, and what work costs.
//!
//! TOML. Unknown keys are refused, and every error names file and line.

use super::EstateError;
use serde::Deserialize;
use std::rc::Rc;
use std::time::Duration;

/// What an estate file says. Read it once, stage as many estates from it as you like.
#[derive(Clone, Debug)]
pub struct EstateFile {
    /// Its name, for messages: a path or `litware`.
    pub name: String,
    pub(crate) contents: Rc<Contents>,
    pub(crate) costs: Costs,
}

const LITWARE: &str = include_str!("../../../../fixtures/estates/litware.toml");
const COSTS: &str = include_str!("../../../../fixtures/estates/costs.toml");

impl EstateFile {
    /// The estate that comes with the program.
    ///
    /// # Errors
    /// When no estate of this name is built in.
    pub fn named(name: &str) -> Result<Self, EstateError> {
        if name.eq_ignore_ascii_case("litware") {
            Self::parse(LITWARE, "litware")
        } else {
            Err(EstateError::File {
                file: name.to_owned(),
                what: "no estate of this name comes with the program; there is \"litware\"".to_owned(),
            })
        }
    }

    /// Parses an estate file's text. Errors name the line.
    ///
    /// # Errors
    /// When it is not TOML, lacks a key, has an unknown one, or contradicts itself.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, EstateError> {
        let contents: Contents = parse(text, file_name)?;
        contents.check().map_err(|what| EstateError::File { file: file_name.to_owned(), what })?;
        let mut costs: Costs = parse(COSTS, "costs.toml")?;
        costs.change(&contents.costs);
        Ok(Self { name: file_name.to_owned(), contents: Rc::new(contents), costs })
    }

    /// Where a server of a lab listens; none if the file does not say.
    pub(crate) fn address_of(&self, server: super::Server) -> Option<(String, u16)> {
        let servers = &self.contents.servers;
        let host = match server {
            super::Server::Primary => &servers.primary,
            super::Server::Mirror => &servers.mirror,
            super::Server::Backup => &servers.backup,
            super::Server::BackupMirror => &servers.backup_mirror,
        };
        host.address.as_deref().and_then(parse_address)
    }

    /// The same estate, whose logins have another password.
    #[must_use]
    pub fn with_password(mut self, password: String) -> Self {
        Rc::make_mut(&mut self.contents).logins.password = password;
        self
    }
}

/// How long a connection attempt to a machine that does not answer takes, in milliseconds, where time is real.
const SILENCE_MS: u64 = 250;
/// How long the management store takes to reach its replicas where time is real.
const REPLICATION_MS: u64 = 300;

impl EstateFile {
    /// The same estate where time is real: nothing is made to take the time that it takes at a site, and who waits for
    /// something looks more often.
    #[must_use]
    pub(crate) fn in_real_time(&self) -> Self {
        let mut file = self.clone();
        file.costs = Costs {
            backup_bytes_per_second: u64::MAX,
            restore_bytes_per_second: u64::MAX,
            per_backup_set_ms: 0,
            recovery_ms: 0,
            connect_timeout_ms: SILENCE_MS,
            share_timeout_ms: SILENCE_MS,
            network_bytes_per_second: u64::MAX,
            per_remote_file_ms: 0,
            shell_start_ms: 0,
            reading_cmdlet_ms: 0,
            writing_cmdlet_ms: 0,
            deploying_cmdlet_ms: 0,
            replication_ms: REPLICATION_MS,
            chat_server_start_ms: 0,
            ..file.costs
        };
        Rc::make_mut(&mut file.contents).chat.retry_seconds = 1;
        file
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: &str, file: &str) -> Result<T, EstateError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
        });
        EstateError::File { file: format!("{file}:{line}"), what: error.message().to_owned() }
    })
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    /// Whether its servers exist, and may be used for drills.
    #[serde(default)]
    pub(crate) lab: bool,
    pub(crate) lab_folder: Option<FolderOfLab>,
    pub(crate) pool: String,
    pub(crate) domain: String,
    pub(crate) site: String,
    pub(crate) database: String,
    pub(crate) compliance_database: String,
    pub(crate) next_hop: NextHop,
    pub(crate) clock: ClockStart,
    pub(crate) servers: Servers,
    pub(crate) machines: Machines,
    pub(crate) shares: Shares,
    pub(crate) folders: Folders,
    pub(crate) log_shipping: LogShipping,
    pub(crate) chat: Chat,
    pub(crate) logins: Logins,
    #[serde(default)]
    costs: CostChanges,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextHop {
    pub(crate) pool: String,
    pub(crate) time_zone: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockStart {
    pub(crate) start: jiff::Timestamp,
    pub(crate) utc_offset_minutes: i16,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Servers {
    pub(crate) primary: Host,
    pub(crate) mirror: Host,
    pub(crate) backup: Host,
    pub(crate) backup_mirror: Host,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Host {
    pub(crate) host: String,
    /// Where it listens, in a lab: `host,port`.
    pub(crate) address: Option<String>,
}

/// The folder that all servers of a lab and this host share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderOfLab {
    /// As every server names it.
    pub(crate) server: String,
    /// As this host does.
    pub(crate) here: String,
}

/// `host,port` taken apart.
fn parse_address(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(',')?;
    let (host, port) = (host.trim(), port.trim().parse().ok().filter(|port| *port > 0)?);
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machines {
    pub(crate) files_a: String,
    pub(crate) files_b: String,
    pub(crate) operator: String,
    pub(crate) front_end: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shares {
    pub(crate) logs: String,
    pub(crate) mirror_seed: String,
    pub(crate) copy_destination: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folders {
    pub(crate) logs: String,
    pub(crate) mirror_seed: String,
    pub(crate) copy_destination: String,
    pub(crate) data: String,
    pub(crate) backup: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogShipping {
    pub(crate) every_minutes: u64,
    pub(crate) restore_threshold_minutes: u32,
    pub(crate) backup_threshold_minutes: u32,
    pub(crate) retention_minutes: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chat {
    pub(crate) servers_a: Vec<String>,
    pub(crate) servers_b: Vec<String>,
    pub(crate) rooms: i32,
    pub(crate) retry_seconds: u64,
    pub(crate) retries_max: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logins {
    pub(crate) chat: String,
    pub(crate) failover: String,
    pub(crate) reader: String,
    pub(crate) password: String,
}

/// The topology says on which instance Persistent Chat's databases are, not how they are called: the cmdlets know them
/// by type (`PersistentChat`, `PersistentChatCompliance`) and find them by the one name that setup gives them.
pub(crate) fn only_name(wanted: &str) -> String {
    format!("Persistent Chat's databases have fixed names, and this one is called {wanted} on every server")
}

impl Contents {
    fn hosts(&self) -> [(&'static str, &Host); 4] {
        let servers = &self.servers;
        [
            ("primary", &servers.primary),
            ("mirror", &servers.mirror),
            ("backup", &servers.backup),
            ("backup_mirror", &servers.backup_mirror),
        ]
    }

    /// What a lab needs that other estates do not.
    fn check_lab(&self) -> Result<(), String> {
        for (key, host) in self.hosts() {
            match &host.address {
                None if self.lab => return Err(format!("lab = true, and servers.{key} has no address")),
                Some(address) if parse_address(address).is_none() => {
                    return Err(format!("servers.{key}: `{address}` is no address; write \"host,port\""));
                }
                _ => {}
            }
        }
        let addresses = self.hosts().map(|(_, host)| host.address.as_deref().and_then(parse_address));
        for (at, address) in addresses.iter().enumerate() {
            if address.is_some() && addresses[..at].contains(address) {
                return Err("two servers have one address; every server needs its own".to_owned());
            }
        }
        match &self.lab_folder {
            None if self.lab => Err("lab = true, and there is no table [lab_folder]".to_owned()),
            Some(folder) if !(folder.server.starts_with('/') && folder.here.starts_with('/')) => {
                Err("lab_folder.server and lab_folder.here are paths from the root: /srv/net".to_owned())
            }
            Some(folder) if folder.here.chars().all(|c| c == '/') => {
                Err("lab_folder.here is the whole machine; name a folder of its own".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check(&self) -> Result<(), String> {
        self.check_lab()?;
        let machines = [
            &self.servers.primary.host,
            &self.servers.mirror.host,
            &self.servers.backup.host,
            &self.servers.backup_mirror.host,
            &self.machines.files_a,
            &self.machines.files_b,
            &self.machines.operator,
            &self.machines.front_end,
        ];
        let mut names: Vec<&String> =
            machines.into_iter().chain(&self.chat.servers_a).chain(&self.chat.servers_b).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(pair[1])) {
            return Err(format!("two machines are called {}; every machine needs its own name", twice[0]));
        }
        if let Some(name) = names.iter().find(|name| name.is_empty() || name.contains(['.', '\\', ' '])) {
            return Err(format!("`{name}` is not a machine's short name; the domain is added from `domain`"));
        }
        for (key, name, wanted) in [
            ("database", &self.database, "mgc"),
            ("compliance_database", &self.compliance_database, "mgccomp"),
        ] {
            if !name.eq_ignore_ascii_case(wanted) {
                return Err(format!("{key} is {name}: {}", only_name(wanted)));
            }
        }
        if self.chat.servers_a.is_empty() || self.chat.servers_a.len() > 4 {
            return Err("chat.servers_a needs one to four servers: at most four can be active".to_owned());
        }
        if self.chat.servers_a.len() + self.chat.servers_b.len() > 8 {
            return Err("a pool has at most eight chat servers".to_owned());
        }
        if self.log_shipping.every_minutes == 0 || self.chat.rooms < 1 {
            return Err("log_shipping.every_minutes and chat.rooms have to be at least 1".to_owned());
        }
        Ok(())
    }
}

/// Makes, of one list of costs, the costs and what an estate file may say about them.
macro_rules! costs {
    ($($cost:ident),* $(,)?) => {
        /// What work costs. See `fixtures/estates/costs.toml` for sources.
        #[derive(Clone, Copy, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Costs {
            $(pub(crate) $cost: u64,)*
        }

        /// The costs that differ at an estate: its table `[costs]`.
        #[derive(Clone, Copy, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct CostChanges {
            $($cost: Option<u64>,)*
        }

        impl Costs {
            fn change(&mut self, changes: &CostChanges) {
                $(self.$cost = changes.$cost.unwrap_or(self.$cost);)*
            }
        }
    };
}

costs! {
    backup_bytes_per_second,
    restore_bytes_per_second,
    per_backup_set_ms,
    recovery_ms,
    exclusive_access_wait_ms,
    connect_timeout_ms,
    share_timeout_ms,
    network_bytes_per_second,
    per_remote_file_ms,
    shell_start_ms,
    reading_cmdlet_ms,
    writing_cmdlet_ms,
    deploying_cmdlet_ms,
    replication_ms,
    chat_server_start_ms,
    size_scale,
}

impl Costs {
    pub(crate) fn sql(&self, recovery: Option<Duration>) -> sqlsim::CostModel {
        sqlsim::CostModel {
            backup_bytes_per_second: Some(self.backup_bytes_per_second),
            restore_bytes_per_second: Some(self.restore_bytes_per_second),
            per_backup_set: Duration::from_millis(self.per_backup_set_ms),
            recovery: recovery.unwrap_or(Duration::from_millis(self.recovery_ms)),
            exclusive_access_wait: Duration::from_millis(self.exclusive_access_wait_ms),
            size_scale: self.size_scale,
        }
    }

    pub(crate) fn network(&self) -> crate::net::NetworkCosts {
        crate::net::NetworkCosts {
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            share_timeout: Duration::from_millis(self.share_timeout_ms),
        }
    }

    pub(crate) fn files(&self) -> crate::disk::FileCosts {
        crate::disk::FileCosts {
            bytes_per_second: self.network_bytes_per_second,
            per_remote_file: Duration::from_millis(self.per_remote_file_ms),
        }
    }

    pub(crate) fn shell(&self) -> lyncshell::Costs {
        lyncshell::Costs {
            shell_start: Duration::from_millis(self.shell_start_ms),
            reading_cmdlet: Duration::from_millis(self.reading_cmdlet_ms),
            writing_cmdlet: Duration::from_millis(self.writing_cmdlet_ms),
            deploying_cmdlet: Duration::from_millis(self.deploying_cmdlet_ms),
        }
    }

    pub(crate) fn replication(&self) -> Duration {
        Duration::from_millis(self.replication_ms)
    }

    pub(crate) fn chat_server_start(&self) -> Duration {
        Duration::from_millis(self.chat_server_start_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estate_that_comes_with_the_program_is_valid() {
        EstateFile::named("litware").unwrap();
    }

    #[test]
    fn an_estate_file_may_say_what_work_costs_there_and_the_rest_stays() {
        let text = format!("{LITWARE}\n[costs]\nreplication_ms = 2000\n");
        let (mine, built_in) =
            (EstateFile::parse(&text, "mine.toml").unwrap(), EstateFile::named("litware").unwrap());
        assert_eq!(mine.costs.replication(), Duration::from_secs(2));
        assert_eq!(built_in.costs.replication(), Duration::from_secs(150));
        assert_eq!(mine.costs.recovery_ms, built_in.costs.recovery_ms);
    }

    #[rstest::rstest]
    #[case(
        "[next_hop]",
        "[costs]\nrecovery = 5\n[next_hop]",
        "mine.toml:11: unknown field `recovery`, expected one of `backup_bytes_per_second`, `restore_bytes_per_second`, `per_backup_set_ms`, `recovery_ms`, `exclusive_access_wait_ms`, `connect_timeout_ms`, `share_timeout_ms`, `network_bytes_per_second`, `per_remote_file_ms`, `shell_start_ms`, `reading_cmdlet_ms`, `writing_cmdlet_ms`, `deploying_cmdlet_ms`, `replication_ms`, `chat_server_start_ms`, `size_scale`"
    )]
    #[case("database = \"mgc\"", "database = 5", "mine.toml:7: invalid type: integer `5`, expected a string")]
    #[case(
        "rooms = 4",
        "rooms = 4\nroms = 5",
        "mine.toml:56: unknown field `roms`, expected one of `servers_a`, `servers_b`, `rooms`, `retry_seconds`, `retries_max`"
    )]
    #[case(
        "host = \"sql-a2\"",
        "host = \"sql-a1\"",
        "mine.toml: two machines are called sql-a1; every machine needs its own name"
    )]
    #[case("pool = ", "lab = true\npool = ", "mine.toml: lab = true, and servers.primary has no address")]
    #[case(
        "host = \"sql-a1\"",
        "host = \"sql-a1\"\naddress = \"sql-a1:1433\"",
        "mine.toml: servers.primary: `sql-a1:1433` is no address; write \"host,port\""
    )]
    #[case(
        "[clock]",
        "[lab_folder]\nserver = \"/net\"\nhere = \"/\"\n[clock]",
        "mine.toml: lab_folder.here is the whole machine; name a folder of its own"
    )]
    fn a_broken_estate_file_is_refused_with_its_line(
        #[case] from: &str,
        #[case] to: &str,
        #[case] error: &str,
    ) {
        let text = LITWARE.replacen(from, to, 1);
        assert_eq!(EstateFile::parse(&text, "mine.toml").unwrap_err().to_string(), error);
    }
}
