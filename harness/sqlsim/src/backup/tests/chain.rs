//! The log chain: what follows what.

use crate::backup::{BackupKind, BackupRequest, RestoreEnd, RestoreKind, RestoreRequest, TailLog};
use crate::engine::{DatabaseState, RecoveryModel};
use crate::testkit::{Server, files};

const FULL: &str = r"D:\Backup\full.bak";

fn log_file(n: u32) -> String {
    format!(r"D:\Backup\log{n}.trn")
}

/// Server A with `mgc`, a full backup, and `logs` log backups of one row each; and server B, restored from the full.
async fn shipped(logs: u32) -> (Server, Server) {
    let files = files();
    let (a, b) = (Server::start("A", &files), Server::start("B", &files));
    a.create("mgc").await;
    a.insert("mgc", 0, "before the full backup");
    assert_eq!(a.backup(BackupKind::Full, "mgc", FULL).await, []);
    for n in 1..=logs {
        a.insert("mgc", i64::from(n), "shipped");
        assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(n)).await, []);
    }
    assert_eq!(b.restore(RestoreKind::Database, "mgc", FULL, RestoreEnd::NoRecovery).await, []);
    (a, b)
}

async fn restore_log(server: &Server, n: u32) -> Vec<i32> {
    server.restore(RestoreKind::Log, "mgc", &log_file(n), RestoreEnd::NoRecovery).await
}

fn ids(server: &Server) -> Vec<i64> {
    server.rows("mgc").into_iter().map(|(id, _)| id).collect()
}

#[tokio::test(start_paused = true)]
async fn a_chain_restored_in_order_has_every_row() {
    let (a, b) = shipped(3).await;
    for n in 1..=3 {
        assert_eq!(restore_log(&b, n).await, []);
    }
    assert_eq!(b.engine().database_by_name("mgc").unwrap().state, DatabaseState::Restoring);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(b.rows("mgc"), a.rows("mgc"));
    assert_eq!(ids(&b), [0, 1, 2, 3]);
    b.insert("mgc", 9, "the copy lives");
}

#[tokio::test(start_paused = true)]
async fn a_log_backup_that_is_too_recent_is_refused_with_4305() {
    let (_a, b) = shipped(3).await;
    assert_eq!(restore_log(&b, 1).await, []);
    assert_eq!(restore_log(&b, 3).await, [4305, 3013]);
    assert_eq!(restore_log(&b, 2).await, []);
    assert_eq!(restore_log(&b, 3).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_log_backup_that_is_too_early_is_refused_with_4326() {
    let (_a, b) = shipped(3).await;
    for n in 1..=3 {
        assert_eq!(restore_log(&b, n).await, []);
    }
    assert_eq!(restore_log(&b, 1).await, [4326, 3013]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_database_gives_an_empty_log_backup_that_can_be_restored() {
    let (a, b) = shipped(1).await;
    for n in 2..=4 {
        assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(n)).await, []);
    }
    for n in 1..=4 {
        assert_eq!(restore_log(&b, n).await, [], "log backup {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_recovered_too_early_takes_no_more_log() {
    let (_a, b) = shipped(2).await;
    assert_eq!(restore_log(&b, 1).await, []);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(b.recover("mgc").await, [3153, 3013]);
    assert_eq!(restore_log(&b, 2).await, [3117, 3013]);
}

#[tokio::test(start_paused = true)]
async fn a_backup_from_an_abandoned_recovery_path_is_refused_with_4330() {
    let (a, b) = shipped(1).await;
    assert_eq!(restore_log(&b, 1).await, []);
    assert_eq!(b.recover("mgc").await, []);
    b.insert("mgc", 100, "after the failover");
    let forked = r"D:\Backup\forked.trn";
    assert_eq!(b.backup(BackupKind::Log, "mgc", forked).await, []);
    // A third copy follows the old primary further than the fork …
    a.insert("mgc", 2, "never shipped to B");
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(2)).await, []);
    let c = Server::start("C", &crate::testkit::files());
    drop(c);
    let mut full = RestoreRequest::new(RestoreKind::Database, "copy", Some(FULL));
    (full.end, full.moves) = (RestoreEnd::NoRecovery, b.moves("copy"));
    assert_eq!(b.run_restore(&full).await, []);
    for n in 1..=2 {
        assert_eq!(b.restore(RestoreKind::Log, "copy", &log_file(n), RestoreEnd::NoRecovery).await, []);
    }
    // … and cannot take the new primary's log; one that ends at the fork can.
    let refused = b.restore(RestoreKind::Log, "copy", forked, RestoreEnd::NoRecovery).await;
    assert!(refused == [4330, 3013] || refused == [4326, 3013], "{refused:?}");
    let mut again = full.clone();
    again.replace = true;
    assert_eq!(b.run_restore(&again).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "copy", &log_file(1), RestoreEnd::NoRecovery).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "copy", forked, RestoreEnd::Recovery).await, []);
    assert_eq!(b.rows("copy"), b.rows("mgc"));
}

#[tokio::test(start_paused = true)]
async fn a_restored_path_that_left_the_backups_path_is_refused_with_4330() {
    let (a, b) = shipped(1).await;
    assert_eq!(restore_log(&b, 1).await, []);
    assert_eq!(b.recover("mgc").await, []);
    // Taken offline again, B is on its own path; A's next backup continues the old one.
    let mut tail = BackupRequest::new(BackupKind::Log, "mgc", r"D:\Backup\tail.trn");
    tail.tail = Some(TailLog::NoRecovery);
    assert_eq!(b.run_backup(&tail).await, []);
    for n in 2..12 {
        a.insert("mgc", n, "on the old path, far enough to pass B's log");
    }
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(2)).await, []);
    assert_eq!(restore_log(&b, 2).await, [4330, 3013]);
}

#[tokio::test(start_paused = true)]
async fn a_tail_log_backup_leaves_the_database_restoring_and_completes_the_copy() {
    let (a, b) = shipped(1).await;
    a.insert("mgc", 2, "tail");
    let mut tail = BackupRequest::new(BackupKind::Log, "mgc", &log_file(2));
    tail.tail = Some(TailLog::NoRecovery);
    assert_eq!(a.run_backup(&tail).await, []);
    assert_eq!(a.engine().database_by_name("mgc").unwrap().state, DatabaseState::Restoring);
    for n in 1..=2 {
        assert_eq!(restore_log(&b, n).await, []);
    }
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(ids(&b), [0, 1, 2]);
    // The new primary's log goes back into the old one.
    b.insert("mgc", 3, "on B");
    assert_eq!(b.backup(BackupKind::Log, "mgc", &log_file(3)).await, []);
    assert_eq!(restore_log(&a, 3).await, []);
    assert_eq!(a.recover("mgc").await, []);
    assert_eq!(ids(&a), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_was_open_at_the_end_of_the_log_is_undone() {
    let (a, b) = shipped(0).await;
    let (database, table) = a.place("mgc");
    let (open, session) = {
        let mut engine = a.engine();
        let open = engine.begin(77);
        engine.insert(open, database, table, crate::testkit::row(50, "open")).unwrap();
        (open, 77)
    };
    let _ = session;
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(1)).await, []);
    let ticket = a.engine().commit(open);
    assert!(ticket.is_ready());
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(2)).await, []);
    assert_eq!(restore_log(&b, 1).await, []);
    let mut copy = RestoreRequest::new(RestoreKind::Database, "early", Some(FULL));
    (copy.end, copy.moves) = (RestoreEnd::NoRecovery, b.moves("early"));
    assert_eq!(b.run_restore(&copy).await, []);
    assert_eq!(b.restore(RestoreKind::Log, "early", &log_file(1), RestoreEnd::Recovery).await, []);
    assert_eq!(b.rows("early").len(), 1, "the transaction was open when the backup was taken");
    assert_eq!(restore_log(&b, 2).await, []);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(ids(&b), [0, 50], "and committed when the next one was");
}

#[tokio::test(start_paused = true)]
async fn a_full_backup_carries_enough_log_to_undo_what_was_open_while_it_was_taken() {
    let (a, b) = shipped(0).await;
    let (database, table) = a.place("mgc");
    let insert = |open, id| {
        a.engine().insert(open, database, table, crate::testkit::row(id, "open")).unwrap();
    };
    let open = a.engine().begin(77);
    insert(open, 50);
    // The log backup would cut the log where the transaction began, were it not open.
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(1)).await, []);
    insert(open, 51);
    let second = r"D:\Backup\second.bak";
    assert_eq!(a.backup(BackupKind::Full, "mgc", second).await, []);
    let mut copy = RestoreRequest::new(RestoreKind::Database, "copy", Some(second));
    copy.moves = b.moves("copy");
    assert_eq!(b.run_restore(&copy).await, []);
    assert_eq!(b.rows("copy").len(), 1);
    a.engine().rollback(open);
}

#[tokio::test(start_paused = true)]
async fn stop_at_ends_between_two_commits() {
    let (a, b) = shipped(0).await;
    a.insert("mgc", 1, "kept");
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let stop_at = a.instance.clock().utc_now();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    a.insert("mgc", 2, "after the stop");
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(1)).await, []);
    let mut request = RestoreRequest::new(RestoreKind::Log, "mgc", Some(&log_file(1)));
    request.stop_at = Some(stop_at);
    assert_eq!(b.run_restore(&request).await, []);
    assert_eq!(ids(&b), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn stop_at_behind_the_backup_leaves_the_database_restoring_with_4322() {
    let (a, b) = shipped(0).await;
    a.insert("mgc", 1, "kept");
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(1)).await, []);
    let mut request = RestoreRequest::new(RestoreKind::Log, "mgc", Some(&log_file(1)));
    let an_hour_later = b.instance.clock().utc_now() + jiff::SignedDuration::from_hours(1);
    request.stop_at = Some(an_hour_later);
    let mut sink = crate::session::CollectingSink::new();
    let done = crate::backup::restore(&b.instance, b.session(), &request, &mut sink).await;
    assert_eq!(done, Ok(()));
    assert!(sink.messages.iter().any(|m| m.number == 4322));
    assert_eq!(b.engine().database_by_name("mgc").unwrap().state, DatabaseState::Restoring);
    // And before what is already there: too early.
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    a.insert("mgc", 2, "later");
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(2)).await, []);
    let mut early = RestoreRequest::new(RestoreKind::Log, "mgc", Some(&log_file(2)));
    early.stop_at = Some(b.instance.clock().utc_now() - jiff::SignedDuration::from_hours(1));
    assert_eq!(b.run_restore(&early).await, [4335, 3013]);
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_with_stats_and_shown_while_it_lasts() {
    let (a, _b) = shipped(0).await;
    let mut request = BackupRequest::new(BackupKind::Log, "mgc", &log_file(1));
    request.stats = Some(25);
    let mut sink = crate::session::CollectingSink::new();
    let done = crate::backup::backup(&a.instance, a.session(), &request, &mut sink).await;
    assert_eq!(done, Ok(()));
    let told: Vec<_> = sink.messages.iter().map(|m| (m.number, m.message.as_str())).collect();
    assert_eq!(
        told[..4].iter().map(|(_, text)| *text).collect::<Vec<_>>(),
        ["25 percent processed.", "50 percent processed.", "75 percent processed.", "100 percent processed."]
    );
    assert_eq!(told[4..].iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4035, 3014]);
    assert_eq!(told[4].1, "Processed 1 pages for database 'mgc', file 'mgc_log' on file 1.");
}

#[tokio::test(start_paused = true)]
async fn a_differential_needs_its_own_full_backup() {
    let (a, b) = shipped(1).await;
    let differential = r"D:\Backup\diff.bak";
    assert_eq!(a.backup(BackupKind::Differential, "mgc", differential).await, []);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", differential, RestoreEnd::NoRecovery).await, []);
    assert_eq!(restore_log(&b, 1).await, [4326, 3013]);
    assert_eq!(b.recover("mgc").await, []);
    assert_eq!(ids(&b), [0, 1]);
    assert_eq!(a.backup(BackupKind::Full, "mgc", r"D:\Backup\second.bak").await, []);
    assert_eq!(a.backup(BackupKind::Differential, "mgc", r"D:\Backup\diff2.bak").await, []);
    let mut full = RestoreRequest::new(RestoreKind::Database, "mgc", Some(FULL));
    (full.end, full.replace) = (RestoreEnd::NoRecovery, true);
    assert_eq!(b.run_restore(&full).await, []);
    let refused =
        b.restore(RestoreKind::Database, "mgc", r"D:\Backup\diff2.bak", RestoreEnd::NoRecovery).await;
    assert_eq!(refused, [3136, 3013]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_only_log_backup_does_not_move_the_chain() {
    let (a, b) = shipped(0).await;
    a.insert("mgc", 1, "both");
    let mut copy = BackupRequest::new(BackupKind::Log, "mgc", r"D:\Backup\copy.trn");
    copy.copy_only = true;
    assert_eq!(a.run_backup(&copy).await, []);
    assert_eq!(a.backup(BackupKind::Log, "mgc", &log_file(1)).await, []);
    assert_eq!(restore_log(&b, 1).await, [], "the chain has no gap where the copy was taken");
}

#[tokio::test(start_paused = true)]
async fn backups_are_refused_as_sql_server_refuses_them() {
    let (a, b) = shipped(0).await;
    let log = |name: &str| BackupRequest::new(BackupKind::Log, name, r"D:\Backup\x.trn");
    assert_eq!(b.run_backup(&log("mgc")).await, [927, 3013]);
    assert_eq!(a.run_backup(&log("nothing")).await, [911, 3013]);
    assert_eq!(a.run_backup(&log("master")).await, [4212, 3013]);
    assert_eq!(a.run_backup(&log("tempdb")).await, [3147, 3013]);
    assert_eq!(a.run_backup(&log("msdb")).await, [4208, 3013]);
    a.create("other").await;
    assert_eq!(a.run_backup(&log("other")).await, [4214, 3013]);
    assert_eq!(a.backup(BackupKind::Differential, "other", "x.bak").await, [3035, 3013]);
    a.session().update(|s| s.open_transactions = 1);
    assert_eq!(a.run_backup(&log("mgc")).await, [3021, 3013]);
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_login_may_neither_back_up_nor_restore() {
    let (a, b) = shipped(1).await;
    for server in [&a, &b] {
        let login = crate::engine::Login {
            principal_id: 0,
            name: "clerk".into(),
            sid: std::rc::Rc::from([].as_slice()),
            kind: crate::engine::LoginKind::Sql,
            password: crate::engine::PasswordHash::none(),
            is_disabled: false,
            default_database: "master".into(),
            created: jiff::Timestamp::UNIX_EPOCH,
            roles: Vec::new(),
            permissions: Vec::new(),
        };
        server.engine().create_login(login).unwrap();
    }
    let clerk = crate::session::open::Introduction {
        login: "clerk".to_owned(),
        database_id: 1,
        ..crate::session::open::Introduction::default()
    };
    let mut sink = crate::session::CollectingSink::new();
    let open = a.instance.open_session(clerk.clone()).unwrap();
    let request = BackupRequest::new(BackupKind::Log, "mgc", &log_file(2));
    let refused = crate::backup::backup(&a.instance, open.session(), &request, &mut sink).await;
    assert_eq!(crate::testkit::numbers(refused), [262, 3013]);
    let open = b.instance.open_session(clerk).unwrap();
    let request = RestoreRequest::new(RestoreKind::Log, "mgc", Some(&log_file(1)));
    let refused = crate::backup::restore(&b.instance, open.session(), &request, &mut sink).await;
    assert_eq!(crate::testkit::numbers(refused), [3110, 3013]);
}

#[tokio::test(start_paused = true)]
async fn restores_are_refused_as_sql_server_refuses_them() {
    let (a, b) = shipped(1).await;
    let end = RestoreEnd::NoRecovery;
    assert_eq!(b.restore(RestoreKind::Log, "nothing", &log_file(1), end.clone()).await, [3118, 3013]);
    assert_eq!(b.restore(RestoreKind::Log, "mgc", FULL, end.clone()).await, [3135, 3013]);
    assert_eq!(b.restore(RestoreKind::Database, "mgc", &log_file(1), end.clone()).await, [3135, 3013]);
    assert_eq!(b.recover("nothing").await, [911, 3013]);
    a.create("foreign").await;
    assert_eq!(a.backup(BackupKind::Full, "foreign", r"D:\Backup\foreign.bak").await, []);
    assert_eq!(a.backup(BackupKind::Log, "foreign", r"D:\Backup\foreign.trn").await, []);
    let foreign = b.restore(RestoreKind::Log, "mgc", r"D:\Backup\foreign.trn", end.clone()).await;
    assert_eq!(foreign, [3154, 3013]);
    let mut over = RestoreRequest::new(RestoreKind::Database, "mgc", Some(r"D:\Backup\foreign.bak"));
    over.end = end.clone();
    assert_eq!(b.run_restore(&over).await, [3154, 3013]);
    a.insert("mgc", 7, "tail");
    let mut own = RestoreRequest::new(RestoreKind::Database, "mgc", Some(FULL));
    own.end = end;
    assert_eq!(a.run_restore(&own).await, [3159, 3013]);
    own.replace = true;
    own.moves = vec![("none".to_owned(), r"D:\Data\x.mdf".to_owned())];
    assert_eq!(a.run_restore(&own).await, [3234, 3013]);
    own.moves = vec![("mgc".to_owned(), r"D:\Nowhere\x.mdf".to_owned())];
    assert_eq!(a.run_restore(&own).await, [5133, 3156, 3119, 3013]);
    own.moves = vec![("mgc".to_owned(), r"D:\Data\foreign.mdf".to_owned())];
    assert_eq!(a.run_restore(&own).await, [1834, 3156, 3119, 3013]);
    own.moves.push(own.moves[0].clone());
    assert_eq!(a.run_restore(&own).await, [4353, 3013]);
}

#[tokio::test(start_paused = true)]
async fn a_database_in_use_cannot_be_restored_over() {
    let (a, _b) = shipped(1).await;
    let mut over = RestoreRequest::new(RestoreKind::Database, "mgc", Some(FULL));
    over.replace = true;
    let id = a.id("mgc");
    a.engine().enter_database(60, id);
    assert_eq!(a.run_restore(&over).await, [3101, 3013]);
    a.engine().leave_database(60, id);
    a.engine().enter_database(a.session().id, id);
    assert_eq!(a.run_restore(&over).await, [3102, 3013]);
    a.engine().leave_database(a.session().id, id);
    assert_eq!(a.run_restore(&over).await, []);
}

#[tokio::test(start_paused = true)]
async fn simple_recovery_forgets_its_log_and_survives_a_crash() {
    let files = files();
    let a = Server::start("A", &files);
    let (id, _) = a.create("mgc").await;
    a.engine().database_mut(id).unwrap().recovery_model = RecoveryModel::Simple;
    for n in 0..3000 {
        a.insert("mgc", n, "row");
    }
    assert!(a.engine().database(id).unwrap().log.len() < 5000);
    a.instance.power_off();
    a.instance.power_on();
    assert_eq!(a.rows("mgc").len(), 3000);
}
