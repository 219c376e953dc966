//! Obstacles: what makes a failover impossible or wrong from the start, and what looking would show.
//!
//! The oracle holds the failover program to them: an obstacle must be told, and most must stop the program before
//! anything irreversible.

use crate::estate::{Arrangement, DataCenter, LogBackupSnapshot, Place, Server};
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

/// The obstacle that a loss is, if it is one.
pub(super) fn of_loss(place: &Place) -> Option<Obstacle> {
    (*place == Place::Server(Server::Backup))
        .then(|| obstacle("the backup cannot be reached", &["backup-unreachable"]))
}

/// The obstacle that an arrangement is, if it is one, given what was lost and how the database is named.
pub(super) fn of(arrangement: &Arrangement, lost: &[Place], database: &str) -> Option<Obstacle> {
    Some(match arrangement {
        Arrangement::SiteSaysDatabase(name) if !name.eq_ignore_ascii_case(database) => {
            obstacle("the site file names a database that is not there", &["database-not-found"])
        }
        Arrangement::FailoverLoginIsNotSysadmin => obstacle("the sign-in is not sysadmin", &["not-sysadmin"]),
        Arrangement::Survives(server) if lost.contains(&Place::Server(*server)) => return None,
        Arrangement::Survives(Server::Primary) => obstacle("the primary is alive", &["primary-alive"]),
        Arrangement::Survives(Server::Mirror) => obstacle("the mirror is alive", &["mirror-alive"]),
        Arrangement::RecoveredByHand => waivable("somebody recovered the backup early", &["recovered-early"]),
        Arrangement::ShellMissing => obstacle("the management shell is missing", &["shell-missing"]),
        Arrangement::CmdletMissing(_) => obstacle("a cmdlet is missing", &["cmdlet-missing"]),
        Arrangement::ManagementStoreIn(DataCenter::A) => {
            obstacle("the management store was lost with data center A", &["management-store-unreachable"])
        }
        Arrangement::PoolSpelled(name) if !name.to_lowercase().contains("atl-cs-001.litwareinc.com") => {
            obstacle("the pool is not in the topology", &["pool-not-found"])
        }
        Arrangement::CopyDestinationHereIsAnotherFolder | Arrangement::ShareHereIsAnotherFolder => {
            obstacle("the two sides of a path are different folders", &["paths-differ"])
        }
        Arrangement::CopyDiskRoom(0) => {
            obstacle("the copy destination cannot be written", &["copy-destination-unreachable"])
        }
        Arrangement::ShareUnreachable | Arrangement::ShareIn(DataCenter::A) => {
            waivable("the backup share cannot be reached", &["share-unreachable"])
        }
        Arrangement::ActiveAfterFailover(servers) if servers.len() > 4 => {
            obstacle("more than four servers are to be active", &["too-many-active-servers"])
        }
        Arrangement::ActiveAfterFailover(servers)
            if servers.iter().any(|name| name.starts_with("chat-a")) =>
        {
            obstacle("a server of data center A is to be active", &["active-server-on-the-wrong-side"])
        }
        Arrangement::TimeZoneOfB(_) => {
            obstacle("the servers to be active are in another time zone", &["time-zone-differs"])
        }
        Arrangement::ReplicaLags(_) => Obstacle {
            stops: false,
            ..obstacle("a replica is not brought up to date", &["replica-not-up-to-date"])
        },
        _ => return None,
    })
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
