//! Warm standby: readable between two log backups.

use crate::backup::{BackupKind, RestoreEnd, RestoreKind};
use crate::engine::DatabaseState;
use crate::store::memory_files::MemoryFiles;
use crate::testkit::{Server, files, row};

const UNDO: &str = r"D:\Backup\mgc.tuf";

/// B follows A; a transaction is open in the first log backup and commits in the second.
async fn standby() -> (MemoryFiles, Server, Server) {
    let files = files();
    let (a, b) = (Server::start("A", &files), Server::start("B", &files));
    let (database, table) = a.create("mgc").await;
    assert_eq!(a.backup(BackupKind::Full, "mgc", "full.bak").await, []);
    let open = {
        let mut engine = a.engine();
        let open = engine.begin(70);
        engine.insert(open, database, table, row(1, "open")).unwrap();
        open
    };
    a.insert("mgc", 2, "committed");
    assert_eq!(a.backup(BackupKind::Log, "mgc", "log1.trn").await, []);
    assert!(a.engine().commit(open).is_ready());
    assert_eq!(a.backup(BackupKind::Log, "mgc", "log2.trn").await, []);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", "full.bak", RestoreEnd::NoRecovery).await, []);
    let end = RestoreEnd::Standby(UNDO.to_owned());
    assert_eq!(b.restore(RestoreKind::Log, "mgc", "log1.trn", end).await, []);
    (files, a, b)
}

async fn second_log(server: &Server) -> Vec<i32> {
    server.restore(RestoreKind::Log, "mgc", "log2.trn", RestoreEnd::NoRecovery).await
}

#[tokio::test(start_paused = true)]
async fn a_standby_shows_only_what_was_committed_and_goes_on() {
    let (files, a, b) = standby().await;
    {
        let engine = b.engine();
        let database = engine.database_by_name("mgc").unwrap();
        assert_eq!((database.state, database.is_read_only), (DatabaseState::Online, true));
        assert!(database.in_standby());
    }
    assert_eq!(b.rows("mgc"), [(2, "committed".to_owned())]);
    assert!(files.exists(UNDO));
    assert_eq!(b.backup(BackupKind::Log, "mgc", "x.trn").await, [3036, 3013]);
    let id = b.id("mgc");
    assert_eq!(b.engine().check_writable(id).unwrap_err().number, 3906);
    assert_eq!(second_log(&b).await, []);
    assert!(!files.exists(UNDO));
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(b.rows("mgc"), a.rows("mgc"));
}

#[tokio::test(start_paused = true)]
async fn readers_keep_the_next_log_out_with_3101() {
    let (_files, _a, b) = standby().await;
    let id = b.id("mgc");
    b.engine().enter_database(60, id);
    assert_eq!(second_log(&b).await, [3101, 3013]);
    assert_eq!(b.recover("mgc").await, [3101, 3013]);
    b.engine().leave_database(60, id);
    assert_eq!(second_log(&b).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_standby_without_its_undo_file_cannot_go_on() {
    let (files, _a, b) = standby().await;
    let undo = files.contents(UNDO).unwrap();
    files.remove_entry(UNDO).unwrap();
    assert_eq!(second_log(&b).await, [3441, 3013]);
    files.put(UNDO, b"something else").unwrap();
    assert_eq!(second_log(&b).await, [3445, 3013]);
    files.put(UNDO, &undo).unwrap();
    assert_eq!(second_log(&b).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_standby_survives_a_crash() {
    let (_files, a, b) = standby().await;
    b.instance.power_off();
    b.instance.power_on();
    let b = Server::of(b.instance.clone());
    assert_eq!(b.rows("mgc"), [(2, "committed".to_owned())]);
    assert_eq!(second_log(&b).await, []);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(b.rows("mgc"), a.rows("mgc"));
}
