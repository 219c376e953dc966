//! Any history of transactions and backups, restored in order, gives the same rows.

use crate::backup::{BackupKind, RestoreEnd, RestoreKind};
use crate::engine::{Engine, Savepoint, TransactionId};
use crate::testkit::{Server, files, row};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(i64),
    Update(i64),
    Delete(i64),
    Savepoint,
    RollBackToSavepoint,
    Commit,
    RollBack,
    BackUpLog,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12i64).prop_map(Step::Insert),
        2 => (0..12i64).prop_map(Step::Update),
        2 => (0..12i64).prop_map(Step::Delete),
        1 => Just(Step::Savepoint),
        1 => Just(Step::RollBackToSavepoint),
        2 => Just(Step::Commit),
        1 => Just(Step::RollBack),
        2 => Just(Step::BackUpLog),
        1 => Just(Step::Crash),
    ]
}

/// One change of a row; a key that is taken changes nothing.
fn change(a: &Server, txn: TransactionId, step: &Step, body: &str) {
    let (database, table) = a.place("mgc");
    let mut engine = a.engine();
    let find = |engine: &Engine, id: i64| {
        let table = engine.database(database).unwrap().content.table(table).unwrap();
        table.rows().find(|(_, r)| r[0] == crate::value::Value::Int(id)).map(|(row_id, _)| row_id)
    };
    match step {
        Step::Insert(id) => drop(engine.insert(txn, database, table, row(*id, body))),
        Step::Update(id) => {
            if let Some(found) = find(&engine, *id) {
                engine.update(txn, database, table, found, row(*id, body)).unwrap();
            }
        }
        Step::Delete(id) => {
            if let Some(found) = find(&engine, *id) {
                engine.delete(txn, database, table, found).unwrap();
            }
        }
        _ => {}
    }
}

/// Runs the steps on A, backing up as they say. Returns how many log backups there are.
async fn play(a: &Server, steps: &[Step]) -> u32 {
    let (mut open, mut savepoint, mut backups) = (None, None::<Savepoint>, 0);
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::BackUpLog => {
                backups += 1;
                assert_eq!(a.backup(BackupKind::Log, "mgc", &format!("log{backups}.trn")).await, []);
            }
            Step::Crash => {
                a.instance.power_off();
                a.instance.power_on();
                (open, savepoint) = (None, None);
            }
            Step::Commit | Step::RollBack => {
                let Some(txn) = open.take() else { continue };
                savepoint = None;
                match step {
                    Step::Commit => assert!(a.engine().commit(txn).is_ready()),
                    _ => a.engine().rollback(txn),
                }
            }
            Step::Savepoint => savepoint = open.map(|txn| a.engine().savepoint(txn)),
            Step::RollBackToSavepoint => {
                if let (Some(txn), Some(savepoint)) = (open, savepoint) {
                    a.engine().rollback_to(txn, savepoint);
                }
            }
            Step::Insert(_) | Step::Update(_) | Step::Delete(_) => {
                let txn = *open.get_or_insert_with(|| a.engine().begin(70));
                change(a, txn, step, &format!("step {number}"));
            }
        }
    }
    if let Some(open) = open {
        a.engine().rollback(open);
    }
    assert_eq!(a.backup(BackupKind::Log, "mgc", &format!("log{}.trn", backups + 1)).await, []);
    backups + 1
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_history_restored_in_order_gives_the_same_rows(
        steps in prop::collection::vec(step(), 0..60),
        standby in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let files = files();
            let (a, b) = (Server::start("A", &files), Server::start("B", &files));
            a.create("mgc").await;
            a.insert("mgc", 100, "before");
            assert_eq!(a.backup(BackupKind::Full, "mgc", "full.bak").await, []);
            let backups = play(&a, &steps).await;
            assert_eq!(b.restore(RestoreKind::Database, "mgc", "full.bak", RestoreEnd::NoRecovery).await, []);
            for n in 1..=backups {
                let end = if standby { RestoreEnd::Standby(r"D:\Backup\b.tuf".to_owned()) } else { RestoreEnd::NoRecovery };
                assert_eq!(b.restore(RestoreKind::Log, "mgc", &format!("log{n}.trn"), end).await, []);
            }
            assert_eq!(b.recover("mgc").await, []);
            assert_eq!(b.rows("mgc"), a.rows("mgc"));
        });
    }
}
