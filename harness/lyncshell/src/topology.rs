//! The published topology of a Persistent Chat pool: who is in it and where its
//! databases are. Pure data; the management store keeps it as JSON.

use serde::{Deserialize, Serialize};

/// One Persistent Chat pool and what it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// The pool's FQDN.
    pub pool: String,
    /// The Lync site's display name.
    pub site: String,
    /// The registrar pool the chat pool depends on (its next hop).
    pub next_hop: String,
    /// The version number Lync prints: 6 is 2013, 7 is 2015.
    pub version: u32,
    /// The pool's file store, a UNC path.
    pub file_store: String,
    /// The pool's servers, at most eight.
    pub chat_servers: Vec<ChatServer>,
    /// Where `mgc` is.
    pub chat: SqlStores,
    /// Where `mgccomp` is, if compliance is deployed.
    pub compliance: Option<SqlStores>,
    /// Other machines with a replica of the management store (Front Ends).
    #[serde(default)]
    pub other_replicas: Vec<String>,
}

/// A Persistent Chat server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatServer {
    /// The machine's FQDN.
    pub fqdn: String,
    /// Active when the topology is published for the first time.
    pub active: bool,
}

/// A database's four places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlStores {
    /// The primary.
    pub primary: SqlStore,
    /// The primary's mirror.
    pub mirror: Option<SqlStore>,
    /// The log-shipping secondary, which Lync calls backup.
    pub backup: Option<SqlStore>,
    /// The backup's mirror.
    pub backup_mirror: Option<SqlStore>,
}

/// A SQL Server instance in the topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlStore {
    /// The machine's FQDN.
    pub fqdn: String,
    /// The named instance, `None` for the default one.
    #[serde(default)]
    pub instance: Option<String>,
    /// The port the topology gives for its mirroring endpoint.
    #[serde(default = "default_mirroring_port")]
    pub mirroring_port: u16,
}

/// Lync's default for a mirroring endpoint.
fn default_mirroring_port() -> u16 {
    5022
}

impl SqlStore {
    /// A store on the machine's default instance with the default mirroring port.
    pub fn new(fqdn: impl Into<String>) -> Self {
        Self { fqdn: fqdn.into(), instance: None, mirroring_port: default_mirroring_port() }
    }

    /// The same store on a named instance.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// `fqdn` or `fqdn\instance`.
    pub fn name(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{}\\{instance}", self.fqdn),
            None => self.fqdn.clone(),
        }
    }

    /// Whether `fqdn` and `instance` (where `None` and `MSSQLSERVER` both mean
    /// the default instance) name this store, in any case.
    pub fn is(&self, fqdn: &str, instance: Option<&str>) -> bool {
        fn named(instance: Option<&str>) -> &str {
            match instance {
                Some(name) if !name.eq_ignore_ascii_case("MSSQLSERVER") => name,
                _ => "",
            }
        }
        self.fqdn.eq_ignore_ascii_case(fqdn)
            && named(self.instance.as_deref()).eq_ignore_ascii_case(named(instance))
    }
}

impl SqlStores {
    /// The four places with the role Lync's property names give them.
    pub fn roles(&self) -> [(&'static str, Option<&SqlStore>); 4] {
        [
            ("", Some(&self.primary)),
            ("Mirror", self.mirror.as_ref()),
            ("Backup", self.backup.as_ref()),
            ("BackupMirror", self.backup_mirror.as_ref()),
        ]
    }
}

impl Topology {
    /// Every machine that keeps a replica of the management store, once, in the topology's order.
    pub fn replicas(&self) -> Vec<String> {
        let mut machines: Vec<String> = Vec::new();
        let all = self.chat_servers.iter().map(|server| &server.fqdn).chain(&self.other_replicas);
        for fqdn in all {
            if !machines.iter().any(|known| known.eq_ignore_ascii_case(fqdn)) {
                machines.push(fqdn.clone());
            }
        }
        machines
    }
}

/// A chat pool's state (`Microsoft.Rtc.Management.WritableConfig.Settings.PersistentChat.PoolState`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolState {
    /// The pool uses its primary databases.
    #[default]
    Normal,
    /// The pool uses the backup databases of its topology.
    FailedOver,
}

impl PoolState {
    /// The state's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::FailedOver => "FailedOver",
        }
    }

    /// The state with exactly this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "Normal" => Some(Self::Normal),
            "FailedOver" => Some(Self::FailedOver),
            _ => None,
        }
    }
}
