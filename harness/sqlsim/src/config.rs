//! What an instance is made from: names, limits, costs.

use std::time::Duration;

/// Names and settings of one instance.
#[derive(Clone, Debug)]
pub struct InstanceConfig {
    /// `@@SERVERNAME`: `HOST` or `HOST\INSTANCE`.
    pub server_name: String,
    /// Fully qualified name of the machine, as partners and monitors reach it.
    pub host: String,
    /// Password of the login `sa`.
    pub sa_password: String,
    /// Port of the TDS listener, shown in the catalog.
    pub tds_port: u16,
    /// Directory of data and log files, as the server sees it.
    pub data_directory: String,
    /// Default backup directory, as the server sees it.
    pub backup_directory: String,
    /// Whether SQL Server Agent runs.
    pub agent_enabled: bool,
    /// Seed of every GUID and every other chance.
    pub seed: u64,
    /// What work costs in time.
    pub cost: CostModel,
    /// What it says about the product.
    pub product: Product,
}

/// What the server says about itself, beside its version. It does the same whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// The edition.
    pub edition: Edition,
    /// The memory that it says it may take, in MiB; `None` is half of the machine's.
    pub memory_limit_mb: Option<u32>,
}

/// Editions of SQL Server. What an edition lacks is there all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// Everything, licensed by server.
    #[default]
    Enterprise,
    /// Everything, licensed by core.
    EnterpriseCore,
    /// Everything, not for production.
    Developer,
    /// Everything, for 180 days.
    Evaluation,
    /// Less.
    Standard,
    /// For hosters.
    Web,
    /// The small one.
    Express,
}

impl Edition {
    /// `SERVERPROPERTY('Edition')`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enterprise => "Enterprise Edition (64-bit)",
            Self::EnterpriseCore => "Enterprise Edition: Core-based Licensing (64-bit)",
            Self::Developer => "Developer Edition (64-bit)",
            Self::Evaluation => "Enterprise Evaluation Edition (64-bit)",
            Self::Standard => "Standard Edition (64-bit)",
            Self::Web => "Web Edition (64-bit)",
            Self::Express => "Express Edition (64-bit)",
        }
    }

    /// `SERVERPROPERTY('EngineEdition')`: 2 Standard and Web, 3 Enterprise and its like, 4 Express.
    #[must_use]
    pub fn engine(self) -> i64 {
        match self {
            Self::Standard | Self::Web => 2,
            Self::Express => 4,
            _ => 3,
        }
    }
}

impl InstanceConfig {
    /// Whether the server is one on Linux, by the paths it is given.
    #[must_use]
    pub fn is_on_linux(&self) -> bool {
        self.data_directory.starts_with('/')
    }
}

/// What work costs in time. All zero means: as fast as the machine is.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModel {
    /// Bytes a second that a backup writes.
    pub backup_bytes_per_second: Option<u64>,
    /// Bytes a second that a restore reads and applies.
    pub restore_bytes_per_second: Option<u64>,
    /// Fixed time of each BACKUP or RESTORE of a backup set.
    pub per_backup_set: Duration,
    /// Time of the undo phase of `RECOVERY`.
    pub recovery: Duration,
    /// How long RESTORE and ALTER DATABASE wait for the database lock before 3101 or 5061.
    pub exclusive_access_wait: Duration,
    /// A simulated database page stands for this many real bytes (backup sizes and times scale with it).
    pub size_scale: u64,
}

impl Default for CostModel {
    fn default() -> Self {
        Self {
            backup_bytes_per_second: None,
            restore_bytes_per_second: None,
            per_backup_set: Duration::ZERO,
            recovery: Duration::ZERO,
            exclusive_access_wait: Duration::ZERO,
            size_scale: 1,
        }
    }
}
