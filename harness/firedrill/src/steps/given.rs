//! `Given`: what the estate is like. Each line is one arrangement; they may come in any order.

use super::drill::Drill;
use super::parameter::Arguments;
use super::{Definition, Kind, StepResult};
use crate::estate::{Arrangement, DataCenter, Server};
use crate::fault::{Damage, Fault, Point, Step};

/// The one name that Persistent Chat's database has.
const CHAT_DATABASE: &str = "mgc";

/// A Given that makes one arrangement.
const fn given(
    text: &'static str,
    about: &'static str,
    run: fn(&mut Drill, &Arguments) -> StepResult,
) -> Definition {
    Definition::new(Kind::Given, text, about, run)
}

/// The estate itself.
pub(super) const ESTATE: &[Definition] = &[
    given("the estate {text}", "Which estate is staged. Every drill starts so.", |drill, arguments| {
        drill.choose_estate(arguments.word(0)?)
    }),
    given(
        "log shipping of mgc every {duration}",
        "How often the backup, copy and restore jobs run.",
        |drill, arguments| drill.arrange(Arrangement::LogShippingEvery(arguments.duration(0)?)),
    ),
];

/// Traffic, and how far log shipping has come.
pub(super) const TRAFFIC: &[Definition] = &[
    given(
        "the chat service has posted {count} messages over {duration}",
        "Evenly, while the jobs run.",
        |drill, arguments| {
            let (messages, over) = (arguments.count(0)?, arguments.duration(1)?);
            drill.arrange(Arrangement::Traffic { messages, over })
        },
    ),
    given(
        "the last log backup reached the share {duration} ago",
        "Before data center A is lost. Posting went on after it.",
        |drill, arguments| drill.arrange(Arrangement::LastLogBackupAgo(arguments.duration(0)?)),
    ),
    given("the copy job is {count} log backup(s) behind", "", |drill, arguments| {
        drill.arrange(Arrangement::CopyBehind(ordinal(arguments, 0)?))
    }),
    given("the restore job is {count} log backup(s) behind", "", |drill, arguments| {
        drill.arrange(Arrangement::RestoreBehind(ordinal(arguments, 0)?))
    }),
    given(
        "{count} log backup(s) (is|are) on the share",
        "All copied and restored, unless another line says less.",
        |drill, arguments| drill.arrange(Arrangement::LogBackupsOnShare(ordinal(arguments, 0)?)),
    ),
    given("{count} log backup(s) (is|are) on the share and none is copied", "", |drill, arguments| {
        drill.arrange(Arrangement::LogBackupsOnShare(ordinal(arguments, 0)?))?;
        drill.arrange(Arrangement::Copied(0))
    }),
    given(
        "the first {count} log backup(s) (is|are) copied",
        "And no more than these.",
        |drill, arguments| drill.arrange(Arrangement::Copied(ordinal(arguments, 0)?)),
    ),
    given(
        "the first {count} log backup(s) (is|are) restored",
        "And no more than these.",
        |drill, arguments| drill.arrange(Arrangement::Restored(ordinal(arguments, 0)?)),
    ),
    given("no log backup is restored", "Whatever is copied.", |drill, _| {
        drill.arrange(Arrangement::Restored(0))
    }),
    given(
        "log backup {count} is {damage}",
        "Wherever it lies. They are counted from 1. Another line has to say how far copy or restore have come.",
        |drill, arguments| {
            let damage = match arguments.word(1)? {
                "missing" => Damage::Missing,
                "torn" => Damage::Torn,
                "corrupt" => Damage::Flipped,
                _ => Damage::OfAnotherDatabase,
            };
            drill.arrange(Arrangement::LogBackup(place_in_order(arguments, 0)?, damage))
        },
    ),
    given("log backup {count} has an older file date than all others", "", |drill, arguments| {
        drill.arrange(Arrangement::LogBackup(place_in_order(arguments, 0)?, Damage::OutOfDateOrder))
    }),
    given(
        "log backup {count} was appended to the file of the one before",
        "One file then holds two backup sets.",
        |drill, arguments| {
            drill
                .arrange(Arrangement::LogBackup(place_in_order(arguments, 0)?, Damage::AppendedToThePrevious))
        },
    ),
    given("log backup {count} is there twice under two names", "", |drill, arguments| {
        drill.arrange(Arrangement::LogBackup(place_in_order(arguments, 0)?, Damage::Duplicated))
    }),
    given("a full backup of mgc is on the share", "", |drill, _| {
        drill.arrange(Arrangement::FullBackupOnShare)
    }),
    given("a differential backup of mgc is on the share", "", |drill, _| {
        drill.arrange(Arrangement::DifferentialBackupOnShare)
    }),
    given(
        "the mirror took over in data center A while messages were posted",
        "Its log backups and the primary's form one chain.",
        |drill, _| drill.arrange(Arrangement::MirrorTookOver),
    ),
];

/// Shares, folders, disks.
pub(super) const PLACE: &[Definition] = &[
    given("the backup share is in data center {center}", "In B unless said.", |drill, arguments| {
        drill.arrange(Arrangement::ShareIn(center(arguments, 0)?))
    }),
    given("the backup share cannot be reached", "Although its data center stands.", |drill, _| {
        drill.arrange(Arrangement::ShareUnreachable)
    }),
    given("the backup share has been emptied", "", |drill, _| drill.arrange(Arrangement::ShareEmptied)),
    given("the disk of the copy destination has room for {count} more bytes", "", |drill, arguments| {
        drill.arrange(Arrangement::CopyDiskRoom(u64::from(arguments.count(0)?)))
    }),
    given(
        "the operator reaches another folder than the copy destination of the backup",
        "The site file gives each folder as the server and as the operator's machine see it.",
        |drill, _| drill.arrange(Arrangement::CopyDestinationHereIsAnotherFolder),
    ),
    given("the operator reaches another folder than the backup share", "", |drill, _| {
        drill.arrange(Arrangement::ShareHereIsAnotherFolder)
    }),
    given("an interrupted copy has left a work file in the copy destination", "A .wrk file.", |drill, _| {
        drill.arrange(Arrangement::StaleWorkFile)
    }),
];

/// The backup's database and server, and who is left of data center A.
pub(super) const BACKUP: &[Definition] = &[
    given(
        "the site file names the database {text}",
        "The Korean document prints mgcc once.",
        |drill, arguments| drill.arrange(Arrangement::SiteSaysDatabase(arguments.word(0)?.to_owned())),
    ),
    given(
        "the database is named {text} on every server",
        "mgc: Persistent Chat knows no other name. For a wrong name in the site file see the line above.",
        |drill, arguments| {
            drill.estate()?;
            let name = arguments.word(0)?;
            if name.eq_ignore_ascii_case(CHAT_DATABASE) {
                return Ok(());
            }
            Err(format!(
                "no server can have it as {name}: {}; to rehearse a wrong name, write: the site file names the database \"{name}\"",
                crate::estate::only_name(CHAT_DATABASE)
            ))
        },
    ),
    given(
        "mgc on the backup is in standby with {count} reader(s) who come back",
        "Each connects again as soon as it is cut off.",
        |drill, arguments| drill.arrange(Arrangement::StandbyWithReaders(arguments.count(0)?)),
    ),
    given(
        "a session whose current database is another one holds locks in mgc on the backup",
        "mgc on the backup is in standby then.",
        |drill, _| drill.arrange(Arrangement::LockHolderInAnotherDatabase),
    ),
    given(
        "the {job} job of the backup runs for another {duration}",
        "When the failover starts.",
        |drill, arguments| {
            let duration = arguments.duration(1)?;
            drill.arrange(match arguments.word(0)? {
                "copy" => Arrangement::CopyJobRunning(duration),
                _ => Arrangement::RestoreJobRunning(duration),
            })
        },
    ),
    given("somebody has recovered mgc on the backup already", "", |drill, _| {
        drill.arrange(Arrangement::RecoveredByHand)
    }),
    given(
        "somebody has removed log shipping from the backup already",
        "Step 1 by hand; the history is gone.",
        |drill, _| drill.arrange(Arrangement::LogShippingRemovedByHand),
    ),
    given(
        "the log shipping monitor is in data center {center}",
        "There is none unless said.",
        |drill, arguments| drill.arrange(Arrangement::MonitorServerIn(center(arguments, 0)?)),
    ),
    given("the failover's sign-in is not sysadmin on the backup", "", |drill, _| {
        drill.arrange(Arrangement::FailoverLoginIsNotSysadmin)
    }),
    given("the chat service's sign-in is missing on the backup", "", |drill, _| {
        drill.arrange(Arrangement::ChatLoginMissingOnBackup)
    }),
    given("recovery of mgc on the backup takes {duration}", "", |drill, arguments| {
        drill.arrange(Arrangement::RecoveryTakes(arguments.duration(0)?))
    }),
    given(
        "the {server} survives the loss of its data center",
        "Which a When has to lose.",
        |drill, arguments| drill.arrange(Arrangement::Survives(server(arguments, 0)?)),
    ),
    given("data center A comes back when step {step} begins", "", |drill, arguments| {
        drill.arrange(Arrangement::At(beginning(arguments, 0)?, Fault::ReturnDataCenter(DataCenter::A)))
    }),
    given("the {server} comes back when step {step} begins", "", |drill, arguments| {
        let fault = Fault::ReturnServer(server(arguments, 0)?);
        drill.arrange(Arrangement::At(beginning(arguments, 1)?, fault))
    }),
    given(
        "a session id is used again by somebody else when step {step} begins",
        "Between listing and killing, in step 4; there have to be readers.",
        |drill, arguments| drill.arrange(Arrangement::At(beginning(arguments, 0)?, Fault::ReuseSessionId)),
    ),
    given(
        "{count} compliance event(s) wait in mgccomp",
        "On the primary's side and on the backup's.",
        |drill, arguments| drill.arrange(Arrangement::ComplianceBacklog(arguments.count(0)?)),
    ),
];

/// The management shell, the pool and its servers.
pub(super) const POOL: &[Definition] = &[
    given("the management shell is missing", "On the operator's machine.", |drill, _| {
        drill.arrange(Arrangement::ShellMissing)
    }),
    given("the {cmdlet} cmdlet is missing in the management shell", "", |drill, arguments| {
        drill.arrange(Arrangement::CmdletMissing(cmdlet(arguments, 0)?))
    }),
    given("the {cmdlet} cmdlet fails {count} time(s)", "And works afterwards.", |drill, arguments| {
        let (cmdlet, times) = (cmdlet(arguments, 0)?, Some(arguments.count(1)?));
        if times == Some(0) {
            return Err("a cmdlet that fails 0 times works: leave this line out".to_owned());
        }
        drill.arrange(Arrangement::CmdletFails { cmdlet, times })
    }),
    given("the {cmdlet} cmdlet always fails", "", |drill, arguments| {
        drill.arrange(Arrangement::CmdletFails { cmdlet: cmdlet(arguments, 0)?, times: None })
    }),
    given("the management store is in data center {center}", "In B unless said.", |drill, arguments| {
        drill.arrange(Arrangement::ManagementStoreIn(center(arguments, 0)?))
    }),
    given("no replica of the management store is brought up to date", "", |drill, _| {
        drill.arrange(Arrangement::ReplicaLags(None))
    }),
    given("the replica of chat server {text} is not brought up to date", "", |drill, arguments| {
        drill.arrange(Arrangement::ReplicaLags(Some(arguments.word(0)?.to_owned())))
    }),
    given("the topology has no backup mirror", "", |drill, _| {
        drill.arrange(Arrangement::BackupMirrorMissingInTopology)
    }),
    given("an old copy of mgc is on the backup mirror", "Restoring, from an earlier mirror.", |drill, _| {
        drill.arrange(Arrangement::OldCopyOnBackupMirror)
    }),
    given("the backup mirror's mirroring endpoint listens on port {count}", "", |drill, arguments| {
        let port = u16::try_from(arguments.count(0)?).map_err(|_| "a port is at most 65535".to_owned())?;
        drill.arrange(Arrangement::BackupMirrorEndpointOn(port))
    }),
    given(
        "the site file wants {text} active",
        "Short names with commas between: \"chat-b1, chat-b2\"; none: \"\".",
        |drill, arguments| {
            let names = arguments.word(0)?.split(',').map(str::trim);
            let servers = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
            drill.arrange(Arrangement::ActiveAfterFailover(servers))
        },
    ),
    given(
        "the site file calls the link to data center {center} fast",
        "Low latency, high bandwidth.",
        |drill, arguments| drill.arrange(Arrangement::LowLatencyTo(center(arguments, 0)?)),
    ),
    given("{count} chat servers stand in data center B", "4 unless said.", |drill, arguments| {
        let count = u8::try_from(arguments.count(0)?)
            .map_err(|_| "at most 8 chat servers fit in a pool".to_owned())?;
        drill.arrange(Arrangement::ChatServersInB(count))
    }),
    given("the chat servers of data center B are in the time zone {text}", "", |drill, arguments| {
        drill.arrange(Arrangement::TimeZoneOfB(arguments.word(0)?.to_owned()))
    }),
    given("the site file spells the pool {text}", "", |drill, arguments| {
        drill.arrange(Arrangement::PoolSpelled(arguments.word(0)?.to_owned()))
    }),
];

/// The number at `index` as the place of a log backup in their order, from 1.
pub(super) fn place_in_order(arguments: &Arguments, index: usize) -> Result<usize, String> {
    match ordinal(arguments, index)? {
        0 => Err("log backups are counted from 1".to_owned()),
        ordinal => Ok(ordinal),
    }
}

/// The number at `index` as the ordinal or count of log backups.
pub(super) fn ordinal(arguments: &Arguments, index: usize) -> Result<usize, String> {
    let count = arguments.count(index)?;
    if count > 500 {
        return Err(format!("{count} log backups are more than a drill stages; at most 500"));
    }
    usize::try_from(count).map_err(|_| format!("{count} is too large"))
}

pub(super) fn center(arguments: &Arguments, index: usize) -> Result<DataCenter, String> {
    match arguments.word(index)? {
        "A" => Ok(DataCenter::A),
        "B" => Ok(DataCenter::B),
        other => Err(format!("there is no data center {other}")),
    }
}

pub(super) fn server(arguments: &Arguments, index: usize) -> Result<Server, String> {
    match arguments.word(index)? {
        "primary" => Ok(Server::Primary),
        "mirror" => Ok(Server::Mirror),
        "backup" => Ok(Server::Backup),
        "backup mirror" => Ok(Server::BackupMirror),
        other => Err(format!("there is no server called {other}")),
    }
}

pub(super) fn step(arguments: &Arguments, index: usize) -> Result<Step, String> {
    let word = arguments.word(index)?;
    word.parse()
        .ok()
        .and_then(Step::new)
        .ok_or_else(|| format!("there is no step {word}; the procedure has seven"))
}

fn beginning(arguments: &Arguments, index: usize) -> Result<Point, String> {
    Ok(Point::beginning_of(step(arguments, index)?))
}

fn cmdlet(arguments: &Arguments, index: usize) -> Result<String, String> {
    Ok(match arguments.word(index)? {
        "pool-state" => "Set-CsPersistentChatState",
        "mirror" => "Install-CsMirrorDatabase",
        _ => "Set-CsPersistentChatActiveServer",
    }
    .to_owned())
}
