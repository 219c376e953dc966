//! The names of what an estate is made of: data centers, servers, machines.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the two data centers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DataCenter {
    /// Where the service runs before the disaster.
    A,
    /// Where it runs afterwards.
    B,
}

impl fmt::Display for DataCenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// A SQL Server by its role in the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// Holds mgc before the disaster (A).
    Primary,
    /// Its synchronous mirror (A).
    Mirror,
    /// The log-shipped backup (B).
    Backup,
    /// The place for the backup's mirror (B).
    BackupMirror,
}

impl Server {
    /// All four, primary first.
    pub const ALL: [Self; 4] = [Self::Primary, Self::Mirror, Self::Backup, Self::BackupMirror];

    /// The data center it stands in.
    #[must_use]
    pub fn data_center(self) -> DataCenter {
        match self {
            Self::Primary | Self::Mirror => DataCenter::A,
            Self::Backup | Self::BackupMirror => DataCenter::B,
        }
    }

    /// Its key in a site file.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Mirror => "mirror",
            Self::Backup => "backup",
            Self::BackupMirror => "backup_mirror",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Mirror => "mirror",
            Self::Backup => "backup",
            Self::BackupMirror => "backup mirror",
        })
    }
}
