//! Obstacles: arrangements that make a failover impossible or wrong from the start, and that looking would show.
//!
//! The oracle holds the failover program to them: an obstacle must be told, and must stop the program before
//! anything irreversible.

use crate::estate::{Arrangement, DataCenter};
use crate::oracle::evidence::Obstacle;

/// The obstacle that an arrangement is, if it is one.
pub(super) fn of(arrangement: &Arrangement) -> Option<Obstacle> {
    let (what, codes, stops): (&str, &[&str], bool) = match arrangement {
        Arrangement::SiteSaysDatabase(_) => {
            ("the site file names a database that is not there", &["database-not-found"], true)
        }
        Arrangement::FailoverLoginIsNotSysadmin => ("the sign-in is not sysadmin", &["not-sysadmin"], true),
        Arrangement::Survives(crate::estate::Server::Primary) => {
            ("the primary is alive", &["primary-alive"], true)
        }
        Arrangement::Survives(crate::estate::Server::Mirror) => {
            ("the mirror is alive", &["mirror-alive"], true)
        }
        Arrangement::ShellMissing => ("the management shell is missing", &["shell-missing"], true),
        Arrangement::CmdletMissing(_) => ("a cmdlet is missing", &["cmdlet-missing"], true),
        Arrangement::ManagementStoreIn(DataCenter::A) => {
            ("the management store was lost with data center A", &["management-store-unreachable"], true)
        }
        Arrangement::CopyDestinationHereIsAnotherFolder | Arrangement::ShareHereIsAnotherFolder => {
            ("the two sides of a path are different folders", &["paths-differ"], true)
        }
        Arrangement::ActiveAfterFailover(servers) if servers.len() > 4 => {
            ("more than four servers are to be active", &["too-many-active-servers"], true)
        }
        Arrangement::ActiveAfterFailover(servers)
            if servers.iter().any(|name| name.starts_with("chat-a")) =>
        {
            ("a server of data center A is to be active", &["active-server-on-the-wrong-side"], true)
        }
        Arrangement::TimeZoneOfB(_) => {
            ("the servers to be active are in another time zone", &["time-zone-differs"], true)
        }
        Arrangement::ReplicaLags(_) => {
            ("a replica is not brought up to date", &["replica-not-up-to-date"], false)
        }
        Arrangement::ShareUnreachable | Arrangement::ShareIn(DataCenter::A) => {
            ("the backup share cannot be reached", &["share-unreachable"], false)
        }
        _ => return None,
    };
    Some(Obstacle {
        what: what.to_owned(),
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        stops,
    })
}
