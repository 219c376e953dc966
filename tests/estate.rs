//! The estate from end to end: staged by T-SQL, lost, failed over by the real program.

#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use firedrill::estate::{
    Arrangement, DataCenter, Estate, EstateFile, FailoverOptions, Happening, Place, Server,
};
use std::time::Duration;

fn estate(seed: u64, arrangements: &[Arrangement]) -> Estate {
    let mut estate = Estate::new(&EstateFile::named("litware").unwrap(), seed);
    for arrangement in arrangements {
        estate.arrange(arrangement.clone()).unwrap();
    }
    estate
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn a_staged_estate_mirrors_and_ships_and_posts() {
    let mut estate = estate(1, &[Arrangement::Traffic { messages: 24, over: hours(1) }]);
    estate.begin().unwrap();
    assert_eq!(estate.ledger().messages().len(), 24);
    let stored = estate.query(Server::Primary, "mgc", "SELECT COUNT(*) FROM dbo.tblChat").unwrap();
    assert_eq!(stored[0].get::<i32, _>(0), Some(24));
    let mirror = estate
        .query(
            Server::Primary,
            "master",
            "SELECT mirroring_state_desc FROM sys.database_mirroring WHERE database_id = DB_ID(N'mgc')",
        )
        .unwrap();
    assert_eq!(mirror[0].get::<&str, _>(0), Some("SYNCHRONIZED"));
    let log_backups = estate.log_backups().unwrap();
    assert!(log_backups.len() >= 3, "{log_backups:#?}");
    assert!(log_backups[0].restored && log_backups[0].in_copy_destination, "{log_backups:#?}");
    let pool = estate.pool_view().unwrap();
    assert_eq!((pool.state.as_str(), pool.active_servers.len()), ("Normal", 4));
}

#[test]
fn counted_log_backups_are_copied_and_restored_exactly_as_far_as_was_said() {
    let mut estate =
        estate(1, &[Arrangement::LogBackupsOnShare(5), Arrangement::Copied(4), Arrangement::Restored(2)]);
    estate.begin().unwrap();
    let log_backups = estate.log_backups().unwrap();
    let seen: Vec<_> =
        log_backups.iter().map(|log| (log.on_share, log.in_copy_destination, log.restored)).collect();
    assert_eq!(
        seen,
        [
            (true, true, true),
            (true, true, true),
            (true, true, false),
            (true, true, false),
            (true, false, false)
        ]
    );
}

#[test]
fn the_backup_takes_over_when_data_center_a_is_lost() {
    let mut estate = estate(
        7,
        &[
            Arrangement::Traffic { messages: 240, over: hours(2) },
            Arrangement::LastLogBackupAgo(Duration::from_secs(300)),
            Arrangement::RestoreBehind(2),
        ],
    );
    estate.lose(Place::DataCenter(DataCenter::A)).unwrap();
    let run = estate.fail_over(FailoverOptions::default()).unwrap();
    for told in &run.told {
        println!("{} {} {}", told.at, told.severity, told.text);
    }
    for event in estate.timeline().events() {
        println!("{} {}", event.at, event.what);
    }
    assert_eq!(run.exit_code, Some(0), "{:#}", run.report);
    let state = estate
        .query(
            Server::Backup,
            "master",
            "SELECT state_desc FROM sys.databases WHERE name = N'mgc' AND is_read_only = 0",
        )
        .unwrap();
    assert_eq!(state[0].get::<&str, _>(0), Some("ONLINE"));
    let pool = estate.pool_view().unwrap();
    assert_eq!(pool.state, "FailedOver");
    assert_eq!(pool.active_servers, estate.chat_servers(DataCenter::B));
    assert!(estate.service_restored().is_some(), "a message was acknowledged after the disaster");
    assert!(
        estate
            .timeline()
            .first(|what| matches!(what, Happening::ServiceRestored { server: Server::Backup, .. }))
            .is_some()
    );
}
