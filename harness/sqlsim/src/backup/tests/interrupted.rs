//! Restores that were broken off, and crashes of the whole machine.

use crate::CostModel;
use crate::backup::{BackupKind, RestoreEnd, RestoreKind, RestoreRequest};
use crate::engine::DatabaseState;
use crate::testkit::{Server, config, files};
use std::time::Duration;

async fn slow_copy() -> (Server, Server) {
    let files = files();
    let a = Server::start("A", &files);
    a.create("mgc").await;
    assert_eq!(a.backup(BackupKind::Full, "mgc", "full.bak").await, []);
    for n in 1..=2 {
        a.insert("mgc", n, "row");
        assert_eq!(a.backup(BackupKind::Log, "mgc", &format!("log{n}.trn")).await, []);
    }
    let mut slow = config("B");
    slow.cost = CostModel { per_backup_set: Duration::from_secs(60), ..CostModel::default() };
    let b = Server::with(slow, &files);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", "full.bak", RestoreEnd::NoRecovery).await, []);
    (a, b)
}

async fn restore_log(server: &Server, n: u32) -> Vec<i32> {
    server.restore(RestoreKind::Log, "mgc", &format!("log{n}.trn"), RestoreEnd::NoRecovery).await
}

#[tokio::test(start_paused = true)]
async fn a_broken_restore_has_to_be_repeated_before_anything_else() {
    let (a, b) = slow_copy().await;
    let broken = tokio::time::timeout(Duration::from_secs(30), restore_log(&b, 1)).await;
    assert!(broken.is_err(), "the restore takes a minute");
    assert_eq!(b.engine().database_by_name("mgc").unwrap().state, DatabaseState::Restoring);
    assert_eq!(b.recover("mgc").await, [4319, 3013]);
    assert_eq!(restore_log(&b, 2).await, [4319, 3013]);
    assert_eq!(restore_log(&b, 1).await, []);
    assert_eq!(restore_log(&b, 2).await, []);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(b.rows("mgc"), a.rows("mgc"));
}

#[tokio::test(start_paused = true)]
async fn a_broken_first_restore_leaves_a_database_that_can_only_be_restored_again() {
    let (_a, b) = slow_copy().await;
    let mut again = RestoreRequest::new(RestoreKind::Database, "second", Some("full.bak"));
    again.moves = b.moves("second");
    assert!(tokio::time::timeout(Duration::from_secs(1), b.run_restore(&again)).await.is_err());
    assert_eq!(b.engine().database_by_name("second").unwrap().state, DatabaseState::Restoring);
    assert_eq!(b.recover("second").await, [4319, 3013]);
    assert_eq!(b.run_restore(&again).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_restoring_database_survives_a_crash_where_it_was() {
    let (a, b) = slow_copy().await;
    assert_eq!(restore_log(&b, 1).await, []);
    b.instance.power_off();
    b.instance.power_on();
    let b = Server::of(b.instance.clone());
    assert_eq!(restore_log(&b, 2).await, []);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(b.rows("mgc"), a.rows("mgc"));
}

#[tokio::test(start_paused = true)]
async fn a_crash_keeps_what_was_committed_and_undoes_what_was_open() {
    let (a, _b) = slow_copy().await;
    let (database, table) = a.place("mgc");
    let insert =
        |open, id, body| a.engine().insert(open, database, table, crate::testkit::row(id, body)).unwrap();
    let open = a.engine().begin(70);
    insert(open, 10, "open, but flushed by the next commit");
    a.insert("mgc", 3, "committed");
    insert(open, 11, "open and not flushed");
    a.instance.power_off();
    a.instance.power_on();
    let ids: Vec<i64> = a.rows("mgc").into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [1, 2, 3]);
    // The chain goes on: what the crash undid is in the log.
    let a = Server::of(a.instance.clone());
    assert_eq!(a.backup(BackupKind::Log, "mgc", "log3.trn").await, []);
}

#[tokio::test(start_paused = true)]
async fn a_broken_backup_leaves_a_torn_file_and_a_whole_chain() {
    let files = files();
    let mut slow = config("A");
    slow.cost = CostModel { per_backup_set: Duration::from_secs(60), ..CostModel::default() };
    let a = Server::with(slow, &files);
    a.create("mgc").await;
    assert_eq!(a.backup(BackupKind::Full, "mgc", "full.bak").await, []);
    a.insert("mgc", 1, "row");
    let broken = tokio::time::timeout(Duration::from_secs(5), a.backup(BackupKind::Log, "mgc", "torn.trn"));
    assert!(broken.await.is_err());
    let b = Server::start("B", &files);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", "full.bak", RestoreEnd::NoRecovery).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "mgc", "torn.trn", RestoreEnd::NoRecovery).await, [3256, 3013]);
    assert_eq!(a.backup(BackupKind::Log, "mgc", "log1.trn").await, []);
    assert_eq!(restore_log(&b, 1).await, []);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(b.rows("mgc"), a.rows("mgc"));
}
