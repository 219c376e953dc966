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
