//! Backup sets that are written and read piece by piece, since they are too large to be held.

use crate::CostModel;
use crate::backup::scan::{HELD_BYTES_MAX, PIECE_BYTES};
use crate::backup::{self, BackupKind, BackupRequest, RestoreEnd, RestoreKind, RestoreRequest};
use crate::engine::{DatabaseState, RecoveryModel, TransactionId};
use crate::session::CollectingSink;
use crate::store::memory_files::MemoryFiles;
use crate::testkit::{Server, config, files, numbers, row};
use crate::value::Value;
use std::time::Duration;

const FULL: &str = r"D:\Backup\full.bak";
const LOG: &str = r"D:\Backup\mgc.trn";
const ROWS: i64 = 2500;

/// A database with a large full backup and a large log backup, and a transaction left open between them.
async fn with_large_backups() -> (MemoryFiles, Server, TransactionId) {
    let files = files();
    let a = Server::start("A", &files);
    a.create("mgc").await;
    let (database, table) = a.place("mgc");
    let fill = |from: i64| {
        a.commit(|engine, txn| {
            for n in from..from + ROWS {
                let body = format!("row {n} with a text of some length: {}", "x".repeat(60));
                engine.insert(txn, database, table, row(n, &body)).unwrap();
            }
        });
    };
    fill(0);
    assert_eq!(a.backup(BackupKind::Full, "mgc", FULL).await, []);
    let open = {
        let mut engine = a.engine();
        let open = engine.begin(a.session().id);
        engine.insert(open, database, table, row(-1, "never committed")).unwrap();
        open
    };
    fill(ROWS);
    a.commit(|engine, txn| {
        let found: Vec<u64> = engine
            .database(database)
            .unwrap()
            .content
            .table(table)
            .unwrap()
            .rows()
            .map(|(id, _)| id)
            .collect();
        for id in found.iter().take(900) {
            engine.delete(txn, database, table, *id).unwrap();
        }
        for id in found.iter().skip(900).take(900) {
            engine.update(txn, database, table, *id, row(1_000_000 + *id as i64, "changed")).unwrap();
        }
    });
    assert_eq!(a.backup(BackupKind::Log, "mgc", LOG).await, []);
    for file in [FULL, LOG] {
        assert!(files.contents(file).unwrap().len() > 3 * HELD_BYTES_MAX, "{file} is small");
    }
    (files, a, open)
}

/// What recovery leaves of A: its rows without those of the open transaction.
fn committed(a: &Server, open: TransactionId) -> Vec<(i64, String)> {
    a.engine().rollback(open);
    a.rows("mgc")
}

#[tokio::test(start_paused = true)]
async fn a_large_full_backup_and_a_large_log_backup_bring_every_row_back() {
    let (files, a, open) = with_large_backups().await;
    let b = Server::start("B", &files);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", FULL, RestoreEnd::NoRecovery).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "mgc", LOG, RestoreEnd::Recovery).await, []);
    assert_eq!(b.rows("mgc"), committed(&a, open));
}

#[tokio::test(start_paused = true)]
async fn a_long_log_backup_whose_log_is_cut_off_meanwhile_fails_with_4214() {
    let files = files();
    let a = Server::start("A", &files);
    a.create("mgc").await;
    let (database, table) = a.place("mgc");
    assert_eq!(a.backup(BackupKind::Full, "mgc", FULL).await, []);
    a.commit(|engine, txn| {
        for n in 0..4 * ROWS {
            engine.insert(txn, database, table, row(n, &"x".repeat(100))).unwrap();
        }
    });
    let change = async {
        // A turn for each piece: a few of a hundred are written.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        // What ALTER DATABASE … SET RECOVERY SIMPLE does, and a change after which the log is cut off.
        a.engine().database_mut(database).unwrap().recovery_model = RecoveryModel::Simple;
        a.insert("mgc", -1, "after");
    };
    let (told, ()) = tokio::join!(a.backup(BackupKind::Log, "mgc", LOG), change);
    assert_eq!(told, [4214, 3013]);
    // Nothing of it can be mistaken for a backup.
    let found = backup::inspect(&a.instance, backup::Inspection::Header, LOG, None).await;
    assert!(found.map_or(true, |headers| headers.rows.is_empty()), "a torn set is listed");
}

#[tokio::test(start_paused = true)]
async fn a_set_behind_a_large_one_has_the_next_position_and_the_same_media() {
    let (files, a, _) = with_large_backups().await;
    a.insert("mgc", -7, "after");
    let before = files.contents(LOG).unwrap().len();
    assert_eq!(a.backup(BackupKind::Log, "mgc", LOG).await, []);
    assert!(files.contents(LOG).unwrap().len() - before < PIECE_BYTES, "the second set is a small one");
    let headers = backup::inspect(&a.instance, backup::Inspection::Header, LOG, None).await.unwrap();
    let positions: Vec<&Value> = headers.rows.iter().map(|row| &row[5]).collect();
    assert_eq!(positions, [&Value::Int(1), &Value::Int(2)]);
    let b = Server::start("B", &files);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", FULL, RestoreEnd::NoRecovery).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "mgc", LOG, RestoreEnd::NoRecovery).await, []);
    let mut second = RestoreRequest::new(RestoreKind::Log, "mgc", Some(LOG));
    (second.file, second.end) = (Some(2), RestoreEnd::Recovery);
    assert_eq!(b.run_restore(&second).await, []);
    assert!(b.rows("mgc").iter().any(|(id, _)| *id == -7));
}

#[tokio::test(start_paused = true)]
async fn a_restore_broken_off_in_the_middle_of_a_large_log_can_be_repeated() {
    let (files, a, open) = with_large_backups().await;
    let expected = committed(&a, open);
    // The whole file is looked at before anything is applied, a turn for each piece.
    let pieces = files.contents(LOG).unwrap().len() / PIECE_BYTES;
    for turns in [pieces + 5, pieces + 15, pieces + 30] {
        let b = Server::start("B", &files);
        assert_eq!(b.restore(RestoreKind::Database, "mgc", FULL, RestoreEnd::NoRecovery).await, []);
        let broken = tokio::select! {
            biased;
            () = async { for _ in 0..turns { tokio::task::yield_now().await } } => true,
            _ = b.restore(RestoreKind::Log, "mgc", LOG, RestoreEnd::NoRecovery) => false,
        };
        assert!(broken, "{turns} turns are too many");
        assert_eq!(b.engine().database_by_name("mgc").unwrap().state, DatabaseState::Restoring);
        assert_eq!(b.recover("mgc").await, [4319, 3013]);
        assert_eq!(b.restore(RestoreKind::Log, "mgc", LOG, RestoreEnd::Recovery).await, []);
        assert_eq!(b.rows("mgc"), expected, "broken off after {turns} turns");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_log_backup_that_changes_while_it_is_applied_is_refused_and_can_be_repeated() {
    let (files, a, open) = with_large_backups().await;
    let mut slow = config("B");
    slow.cost = CostModel { per_backup_set: Duration::from_secs(60), ..CostModel::default() };
    let b = Server::with(slow, &files);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", FULL, RestoreEnd::NoRecovery).await, []);
    let whole = files.contents(LOG).unwrap();
    let mut flipped = whole.to_vec();
    flipped[whole.len() / 2] ^= 1;
    for (damaged, text) in [(&flipped[..], "Data error"), (&whole[..whole.len() / 2], "end of the file")] {
        let (errors, ()) = tokio::join!(
            async {
                let mut request = RestoreRequest::new(RestoreKind::Log, "mgc", Some(LOG));
                request.end = RestoreEnd::NoRecovery;
                let mut sink = CollectingSink::new();
                backup::restore(&b.instance, b.session(), &request, &mut sink).await.unwrap_err()
            },
            async {
                tokio::time::sleep(Duration::from_secs(30)).await;
                files.put(LOG, damaged).unwrap();
            }
        );
        assert_eq!(
            (errors[0].number, errors[0].message.contains(text)),
            (3203, true),
            "{}",
            errors[0].message
        );
        files.put(LOG, &whole).unwrap();
        assert_eq!(b.recover("mgc").await, [4319, 3013]);
    }
    assert_eq!(b.restore(RestoreKind::Log, "mgc", LOG, RestoreEnd::Recovery).await, []);
    assert_eq!(b.rows("mgc"), committed(&a, open));
}

#[rstest::rstest]
#[case::the_full_backup(FULL)]
#[case::the_log_backup(LOG)]
#[tokio::test(start_paused = true)]
async fn a_large_set_that_was_cut_or_changed_is_refused(#[case] file: &str) {
    let (files, a, _) = with_large_backups().await;
    let whole = files.contents(file).unwrap();
    for at in (100..whole.len()).step_by(4099) {
        files.put(file, &whole[..at]).unwrap();
        let mut sink = CollectingSink::new();
        assert!(!numbers(backup::verify(&a.instance, file, None, &mut sink).await).is_empty(), "cut at {at}");
        let mut flipped = whole.to_vec();
        flipped[at] ^= 0x10;
        files.put(file, &flipped).unwrap();
        assert!(
            !numbers(backup::verify(&a.instance, file, None, &mut sink).await).is_empty(),
            "flipped at {at}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn others_write_while_a_large_log_is_backed_up_and_what_they_write_goes_into_the_next_backup() {
    let (files, a, open) = with_large_backups().await;
    a.engine().rollback(open);
    let (database, table) = a.place("mgc");
    a.commit(|engine, txn| {
        for n in 0..ROWS {
            engine.insert(txn, database, table, row(10_000_000 + n, &"y".repeat(90))).unwrap();
        }
    });
    let other = Server::of(a.instance.clone());
    let request = BackupRequest::new(BackupKind::Log, "mgc", r"D:\Backup\second.trn");
    let mut written = 0;
    let errors = tokio::select! {
        biased;
        errors = a.run_backup(&request) => errors,
        () = async {
            loop {
                written += 1;
                other.insert("mgc", 20_000_000 + written, "meanwhile");
                tokio::task::yield_now().await;
            }
        } => unreachable!("it goes on for ever"),
    };
    assert_eq!(errors, []);
    assert!(written > 3, "the backup left no turn to others");
    assert_eq!(a.backup(BackupKind::Log, "mgc", r"D:\Backup\next.trn").await, []);
    let b = Server::start("B", &files);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", FULL, RestoreEnd::NoRecovery).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "mgc", LOG, RestoreEnd::NoRecovery).await, []);
    assert_eq!(b.run_restore(&next(r"D:\Backup\second.trn", RestoreEnd::NoRecovery)).await, []);
    assert_eq!(b.run_restore(&next(r"D:\Backup\next.trn", RestoreEnd::Recovery)).await, []);
    assert_eq!(b.rows("mgc"), a.rows("mgc"));
}

fn next(device: &str, end: RestoreEnd) -> RestoreRequest {
    let mut request = RestoreRequest::new(RestoreKind::Log, "mgc", Some(device));
    request.end = end;
    request
}
