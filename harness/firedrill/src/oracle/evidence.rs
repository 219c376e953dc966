//! What the oracle judges by: facts that were read, beside claims that were made.

use std::collections::{BTreeMap, BTreeSet};

/// A log sequence number as SQL Server prints it: numeric(25,0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(pub u128);

/// A SQL Server of the estate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// Holds the chat database in data center A.
    Primary,
    /// Its mirror in A.
    Mirror,
    /// The log-shipping secondary in data center B.
    Backup,
    /// The place for the backup's mirror in B.
    BackupMirror,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Primary, Self::Mirror, Self::Backup, Self::BackupMirror];

    /// As the field says it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Primary => "the primary",
            Self::Mirror => "the mirror",
            Self::Backup => "the backup",
            Self::BackupMirror => "the backup mirror",
        }
    }
}

/// The condition of one database on one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// `sys.databases.state_desc`: ONLINE, RESTORING, …
    pub state: String,
    /// `is_read_only`.
    pub read_only: bool,
    /// `is_in_standby`.
    pub in_standby: bool,
    /// `sys.database_mirroring.mirroring_role_desc`, where there is one.
    pub mirroring_role: Option<String>,
    /// `mirroring_state_desc`.
    pub mirroring_state: Option<String>,
    /// `mirroring_partner_name` (a TCP address).
    pub mirroring_partner: Option<String>,
}

impl DatabaseFacts {
    /// Online and open for writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.state == "ONLINE" && !self.read_only && !self.in_standby
    }

    /// The condition in a step's words.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self.state.as_str() {
            "ONLINE" if self.in_standby => "in standby",
            "ONLINE" if self.read_only => "online and read-only",
            "ONLINE" => "online and writable",
            "RESTORING" => "restoring",
            "RECOVERING" => "recovering",
            "SUSPECT" => "suspect",
            _ => "in another state",
        }
    }
}

/// What one server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Whether it answered at all.
    pub reachable: bool,
    /// The chat database.
    pub chat: Option<DatabaseFacts>,
    /// The compliance database.
    pub compliance: Option<DatabaseFacts>,
    /// One text per row of the compliance queue, in order of event id; none when it cannot be read.
    pub compliance_rows: Option<Vec<String>>,
    /// Whether `msdb.dbo.log_shipping_secondary_databases` lists the chat database.
    pub listed_for_log_shipping: bool,
}

/// A message that a chat server was told is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The room.
    pub room: i64,
    /// Its number in the room.
    pub chat_id: i64,
    /// CRC-32 of its text.
    pub text_crc32: u32,
    /// When the acknowledgement arrived, in milliseconds of the estate's clock.
    pub at_ms: u64,
    /// Whether it was posted after data center A was lost.
    pub after_loss: bool,
}

/// A log backup as it was when the first failover attempt started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// Its place in the order of log backups, from 1.
    pub ordinal: usize,
    /// The file's name, without folder.
    pub file: String,
    /// When the backup began, in milliseconds of the estate's clock: what was acknowledged before is in it or in an
    /// earlier one.
    pub began_ms: u64,
    /// When it was complete.
    pub finished_ms: u64,
    /// Whether the backup server had applied it already.
    pub applied: bool,
    /// Whether it lay where the failover could reach it, whole and of the chat database.
    pub within_reach: bool,
}

/// One log backup that the backup server says it has applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// First LSN in it.
    pub first: Lsn,
    /// One past the last LSN in it.
    pub last: Lsn,
}

/// What a failover attempt claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// It ended by itself (was not killed).
    pub ended: bool,
    /// Exit code 0.
    pub success: bool,
    /// Numbers of the steps it called done.
    pub steps_done: Vec<u8>,
    /// Data loss had been accepted.
    pub loss_accepted: bool,
    /// It only looked.
    pub preflight: bool,
    /// What it told and reported can be read; else only its exit code and what it did.
    pub is_read: bool,
    /// The start of the last backup it says it applied.
    pub bound_began_ms: Option<u64>,
    /// The end of the last backup it says it applied, in milliseconds of the estate's clock.
    pub bound_ms: Option<u64>,
    /// Whether the report carries a bound at all.
    pub has_bound: bool,
}

/// A chat server that the pool calls active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveServer {
    /// Its name.
    pub fqdn: String,
    /// Its data center.
    pub data_center: String,
    /// Whether somebody declared its link to the new primary fast enough.
    pub low_latency: bool,
    /// Whether its time zone is another than the next hop's.
    pub time_zone_differs: bool,
}

/// Something that was there from the start and that looking would have shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// In words.
    pub what: String,
    /// Finding codes, one of which must be told.
    pub codes: Vec<String>,
    /// Whether nothing irreversible may be begun while it stands.
    pub stops: bool,
    /// Whether accepting data loss goes past it.
    pub waivable: bool,
}

/// Everything the rules look at.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The four servers as they are now.
    pub servers: BTreeMap<Server, ServerFacts>,
    /// The compliance rows of each server before the first failover attempt.
    pub compliance_before: BTreeMap<Server, Vec<String>>,
    /// Whether the compliance database of a server was mirrored before the first failover attempt.
    pub compliance_role_before: BTreeMap<Server, Option<String>>,
    /// Copies of the chat database that were writable at one and the same moment, per moment looked at.
    pub writable_at_once: Vec<Vec<Server>>,
    /// When the backup's chat database came online, in milliseconds of the estate's clock.
    pub online_at_ms: Option<u64>,
    /// When the pool was first set to FailedOver.
    pub failed_over_at_ms: Option<u64>,
    /// The pool state now, if the management store answers.
    pub pool_state: Option<String>,
    /// The active servers now.
    pub active_servers: Option<Vec<ActiveServer>>,
    /// The active servers before the first failover attempt.
    pub active_before: Option<Vec<ActiveServer>>,
    /// The servers that the site file wants active afterwards.
    pub active_wanted: Vec<String>,
    /// Every acknowledged message.
    pub ledger: Vec<Acknowledged>,
    /// The messages in the backup's chat database now, by room and number; none while it cannot be read.
    pub present: Option<BTreeMap<(i64, i64), u32>>,
    /// The log backups when the first failover attempt started, by ordinal.
    pub shipped: Vec<Shipped>,
    /// The ordinals of the log backups that the backup server applied, before or after.
    pub applied_ordinals: BTreeSet<usize>,
    /// The log backups the backup server says it has applied, in order.
    pub applied: Vec<Applied>,
    /// When data center A was lost.
    pub lost_at_ms: Option<u64>,
    /// Whether log shipping listed the chat database on the backup before the first attempt.
    pub listed_before: bool,
    /// Whether somebody had recovered the backup by hand before the first attempt.
    pub recovered_by_hand: bool,
    /// Obstacles that were there from the start.
    pub obstacles: Vec<Obstacle>,
    /// Codes of everything the operator was told, over all attempts.
    pub told: BTreeSet<String>,
    /// What each failover attempt claimed, in order.
    pub claims: Vec<Claims>,
}

impl Evidence {
    /// The facts of the chat database on `server`.
    #[must_use]
    pub fn chat_on(&self, server: Server) -> Option<&DatabaseFacts> {
        self.servers.get(&server).and_then(|facts| facts.chat.as_ref())
    }

    /// The acknowledged messages that are not in the backup's chat database, or none while it cannot be read.
    #[must_use]
    pub fn absent(&self) -> Option<Vec<&Acknowledged>> {
        let present = self.present.as_ref()?;
        Some(self.ledger.iter().filter(|one| !present.contains_key(&(one.room, one.chat_id))).collect())
    }

    /// The last log backup of the chain that was applied or within reach, without a hole before it. Once somebody has
    /// recovered the backup by hand, nothing more can be applied.
    #[must_use]
    pub fn reachable_end(&self) -> Option<&Shipped> {
        let mut end = None;
        for (backup, expected) in self.shipped.iter().zip(1..) {
            if backup.ordinal != expected
                || !(backup.applied || backup.within_reach && !self.recovered_by_hand)
            {
                break;
            }
            end = Some(backup);
        }
        end
    }

    /// The last attempt's claims.
    #[must_use]
    pub fn last_claim(&self) -> Option<&Claims> {
        self.claims.last()
    }

    /// Whether some attempt said it had succeeded.
    #[must_use]
    pub fn success_claimed(&self) -> bool {
        self.claims.iter().any(|claims| claims.success)
    }
}
