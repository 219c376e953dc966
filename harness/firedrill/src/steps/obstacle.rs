//! Obstacles: what makes a failover impossible or wrong from the start, and what looking would show.
//!
//! The oracle holds the failover program to them: an obstacle must be told, and most must stop the program before
//! anything irreversible.

use crate::estate::{Arrangement, DataCenter, Estate, LogBackupSnapshot, Server};
use crate::fault::Damage;
use crate::oracle::evidence::Obstacle;

fn obstacle(what: &str, codes: &[&str]) -> Obstacle {
    Obstacle {
        what: what.to_owned(),
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        stops: true,
        waivable: false,
    }
}

fn waivable(what: &str, codes: &[&str]) -> Obstacle {
    Obstacle { waivable: true, ..obstacle(what, codes) }
}

/// Behind this one nothing else can be seen.
const BACKUP_UNREACHABLE: &str = "backup-unreachable";

/// What stands in the way of a failover that starts now.
pub(super) fn standing(estate: &Estate, said: &[Arrangement]) -> Vec<Obstacle> {
    if !estate.runs_on(Server::Backup) {
        return vec![obstacle("the backup cannot be reached", &[BACKUP_UNREACHABLE])];
    }
    let mut all: Vec<Obstacle> = said.iter().filter_map(|line| of(line, estate, said)).collect();
    if !estate.is_share_reached() {
        all.push(waivable("the backup share cannot be reached", &["share-unreachable"]));
    }
    if !estate.is_management_store_up() {
        all.push(obstacle("the management store is lost", &["management-store-unreachable"]));
    }
    all
}

/// Whether nothing else can be seen behind an obstacle.
pub(super) fn hides_all(obstacle: &Obstacle) -> bool {
    obstacle.codes.iter().any(|code| code == BACKUP_UNREACHABLE)
}

/// The obstacle that an arrangement is, if it is one.
fn of(arrangement: &Arrangement, estate: &Estate, said: &[Arrangement]) -> Option<Obstacle> {
    Some(match arrangement {
        Arrangement::SiteSaysDatabase(name) if !name.eq_ignore_ascii_case(estate.database()) => {
            obstacle("the site file names a database that is not there", &["database-not-found"])
        }
        Arrangement::FailoverLoginIsNotSysadmin => obstacle("the sign-in is not sysadmin", &["not-sysadmin"]),
        Arrangement::Survives(server) if !estate.runs_on(*server) => return None,
        Arrangement::Survives(Server::Primary) => obstacle("the primary is alive", &["primary-alive"]),
        Arrangement::Survives(Server::Mirror) => obstacle("the mirror is alive", &["mirror-alive"]),
        Arrangement::RecoveredByHand => waivable("somebody recovered the backup early", &["recovered-early"]),
        Arrangement::ShellMissing => obstacle("the management shell is missing", &["shell-missing"]),
        Arrangement::CmdletMissing(_) => obstacle("a cmdlet is missing", &["cmdlet-missing"]),
        Arrangement::PoolSpelled(name) if !names_the_pool(name, estate.pool()) => {
            obstacle("the pool is not in the topology", &["pool-not-found"])
        }
        // What cannot be reached cannot be compared.
        Arrangement::ShareHereIsAnotherFolder if !estate.is_share_reached() => return None,
        Arrangement::CopyDestinationHereIsAnotherFolder | Arrangement::ShareHereIsAnotherFolder => {
            obstacle("the two sides of a path are different folders", &["paths-differ"])
        }
        Arrangement::CopyDiskRoom(0) => {
            obstacle("the copy destination cannot be written", &["copy-destination-unreachable"])
        }
        Arrangement::ActiveAfterFailover(servers) if servers.is_empty() => {
            obstacle("no server is to be active", &["no-active-server"])
        }
        Arrangement::ActiveAfterFailover(servers) if servers.len() > 4 => {
            obstacle("more than four servers are to be active", &["too-many-active-servers"])
        }
        Arrangement::ActiveAfterFailover(servers)
            if servers.iter().any(|name| is_in_a(name, estate))
                && !said.iter().any(|line| matches!(line, Arrangement::LowLatencyTo(DataCenter::A))) =>
        {
            obstacle("a server of data center A is to be active", &["active-server-on-the-wrong-side"])
        }
        Arrangement::TimeZoneOfB(_) => obstacle(
            "the servers to be active are in another time zone",
            &["time-zone-differs", "time-zone-unknown"],
        ),
        _ => return None,
    })
}

/// A pool by its FQDN, with the prefix that identities of services have or without, as the shell takes it.
fn names_the_pool(name: &str, pool: &str) -> bool {
    let name = name.trim().to_lowercase();
    let name = name.strip_prefix("service:").map_or(name.as_str(), str::trim);
    name == pool.to_lowercase()
}

fn is_in_a(name: &str, estate: &Estate) -> bool {
    let in_a = estate.chat_servers(DataCenter::A);
    let short = |fqdn: &str| fqdn.split('.').next().unwrap_or_default().to_lowercase();
    in_a.iter().any(|fqdn| short(fqdn) == short(name))
}

/// The obstacle that a replica is which got nothing any more: it shows when the settings have been changed.
pub(super) fn of_held_replica() -> Obstacle {
    Obstacle { stops: false, ..obstacle("a replica is not brought up to date", &["replica-not-up-to-date"]) }
}

/// The obstacle that the first unusable log backup of the chain is, if somebody damaged it. A missing one shows before
/// anything is done, a damaged one perhaps not before it is copied and read.
pub(super) fn of_log_backup(backup: &LogBackupSnapshot) -> Option<Obstacle> {
    let codes: &[&str] = match backup.damage? {
        Damage::Missing => &["log-backup-missing"],
        Damage::OfAnotherDatabase => &["not-a-backup-of-the-database", "log-backup-missing"],
        _ => &["log-backup-damaged"],
    };
    let what = format!("log backup {} is missing or cannot be used", backup.ordinal);
    Some(Obstacle { stops: backup.damage == Some(Damage::Missing), ..waivable(&what, codes) })
}
