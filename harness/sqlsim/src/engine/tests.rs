//! Locks, transactions and indexes as sessions see them.

use super::*;
use crate::testkit::{Server, files, row};
use crate::value::Value;

const ONE: crate::session::SessionId = 71;
const TWO: crate::session::SessionId = 72;

async fn server() -> (Server, DatabaseId, ObjectId) {
    let server = Server::start("A", &files());
    let (database, table) = server.create("mgc").await;
    for id in 1..=3 {
        server.insert("mgc", id, "row");
    }
    (server, database, table)
}

fn blocked_by(fault: Result<impl std::fmt::Debug, Fault>) -> Option<u16> {
    match fault.expect_err("someone is in the way") {
        Fault::Blocked(conflict) => Some(conflict.by),
        other => unreachable!("{other:?}"),
    }
}

fn number(fault: Result<impl std::fmt::Debug, Fault>) -> i32 {
    match fault.expect_err("the statement fails") {
        Fault::Sql(error) => error.number,
        other => unreachable!("{other:?}"),
    }
}

/// Reads all rows as a statement at READ COMMITTED does.
fn read(engine: &mut Engine, session: u16, database: DatabaseId, table: ObjectId) -> Result<Vec<i64>, Fault> {
    let access = engine.open_table(session, None, database, table, Access::Committed)?;
    access.check_scan()?;
    let mut ids = Vec::new();
    for (row_id, row) in access.table.rows() {
        if access.check(row_id)? {
            ids.extend(match row[0] {
                Value::Int(id) => Some(id),
                _ => None,
            });
        }
    }
    Ok(ids)
}

#[tokio::test(start_paused = true)]
async fn an_uncommitted_row_blocks_readers_until_its_transaction_ends() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let writer = engine.begin(ONE);
    engine.insert(writer, database, table, row(4, "new")).unwrap();
    assert_eq!(read(engine, ONE, database, table).unwrap(), [1, 2, 3, 4], "its own row is no obstacle");
    assert_eq!(blocked_by(read(engine, TWO, database, table)), Some(ONE));
    let dirty = engine.open_table(TWO, None, database, table, Access::Dirty).unwrap();
    assert_eq!(dirty.table.len(), 4);
    drop(dirty);
    assert!(engine.commit(writer).is_ready());
    assert_eq!(read(engine, TWO, database, table).unwrap(), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_uncommitted_deletion_blocks_scans_look_ups_and_the_same_key() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let writer = engine.begin(ONE);
    engine.delete(writer, database, table, 2).unwrap();
    assert_eq!(blocked_by(read(engine, TWO, database, table)), Some(ONE));
    let access = engine.open_table(TWO, None, database, table, Access::Committed).unwrap();
    assert!(access.check_seek(0, &Key::of_values(&[Value::Int(1)])).is_ok());
    assert_eq!(blocked_by(access.check_seek(0, &Key::of_values(&[Value::Int(2)]))), Some(ONE));
    drop(access);
    let other = engine.begin(TWO);
    assert_eq!(blocked_by(engine.insert(other, database, table, row(2, "again"))), Some(ONE));
    engine.rollback(writer);
    assert_eq!(number(engine.insert(other, database, table, row(2, "again"))), 2627);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_changed_and_not_committed_is_not_free_yet() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let writer = engine.begin(ONE);
    engine.update(writer, database, table, 2, row(20, "moved")).unwrap();
    let other = engine.begin(TWO);
    assert_eq!(blocked_by(engine.insert(other, database, table, row(2, "again"))), Some(ONE));
    assert!(engine.commit(writer).is_ready());
    engine.insert(other, database, table, row(2, "again")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_that_wait_for_each_other_are_a_deadlock() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let (one, two) = (engine.begin(ONE), engine.begin(TWO));
    engine.update(one, database, table, 1, row(1, "one")).unwrap();
    engine.update(two, database, table, 2, row(2, "two")).unwrap();
    let Err(Fault::Blocked(first)) = engine.update(one, database, table, 2, row(2, "one")) else {
        unreachable!("two holds the row")
    };
    assert!(!engine.locks.wait(ONE, first));
    let Err(Fault::Blocked(second)) = engine.update(two, database, table, 1, row(1, "two")) else {
        unreachable!("one holds the row")
    };
    assert!(engine.locks.wait(TWO, second), "the circle is closed");
    engine.rollback_session(TWO);
    engine.locks.stop_waiting(ONE);
    engine.update(one, database, table, 2, row(2, "one")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rollback_to_a_savepoint_keeps_what_was_before() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let txn = engine.begin(ONE);
    engine.insert(txn, database, table, row(4, "kept")).unwrap();
    let savepoint = engine.savepoint(txn);
    engine.insert(txn, database, table, row(5, "undone")).unwrap();
    engine.delete(txn, database, table, 1).unwrap();
    engine.update(txn, database, table, 2, row(22, "undone")).unwrap();
    engine.rollback_to(txn, savepoint);
    assert!(engine.commit(txn).is_ready());
    assert_eq!(read(engine, TWO, database, table).unwrap(), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn keys_that_change_places_in_one_statement_do_not_collide() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let txn = engine.begin(ONE);
    engine.update_many(txn, database, table, &[(1, row(2, "was 1")), (2, row(1, "was 2"))]).unwrap();
    let clash = engine.update_many(txn, database, table, &[(1, row(9, "a")), (3, row(9, "b"))]);
    assert_eq!(number(clash), 2627);
    engine.rollback(txn);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_table_comes_back_with_its_rows_when_the_transaction_is_rolled_back() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let txn = engine.begin(ONE);
    engine.drop_table(txn, database, table).unwrap();
    assert!(engine.database(database).unwrap().content.table_by_name("dbo", "T").is_none());
    engine.rollback(txn);
    assert_eq!(read(engine, TWO, database, table).unwrap(), [1, 2, 3]);
    assert!(engine.database(database).unwrap().content.table_by_name("DBO", "T").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_unique_index_over_duplicates_is_refused_with_1505() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    let txn = engine.begin(ONE);
    let mut def = (*engine.database(database).unwrap().content.table(table).unwrap().def).clone();
    def.indexes.push(IndexDef {
        index_id: 2,
        object_id: 0,
        name: "ux_body".into(),
        kind: IndexKind::UniqueIndex,
        is_clustered: false,
        columns: vec![IndexColumn { ordinal: 1, descending: false }],
        included: Vec::new(),
        filter: None,
        is_system_named: false,
    });
    assert_eq!(number(engine.alter_table(txn, database, def, None)), 1505);
    engine.rollback(txn);
    assert_eq!(engine.database(database).unwrap().content.table(table).unwrap().def.indexes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_uses_a_database_is_seen_in_its_locks() {
    let (server, database, table) = server().await;
    let engine = &mut *server.engine();
    engine.enter_database(ONE, database);
    let txn = engine.begin(TWO);
    engine.insert(txn, database, table, row(4, "from another database")).unwrap();
    let view = engine.locks.view();
    let in_database =
        |session| view.iter().any(|l| l.session == session && l.resource == Resource::Database(database));
    assert!(in_database(ONE) && in_database(TWO), "{view:?}");
    assert!(view.iter().any(|l| l.mode == LockMode::Exclusive && matches!(l.resource, Resource::Row(..))));
    engine.rollback(txn);
    assert_eq!(engine.locks.users_of(database).collect::<Vec<_>>(), [ONE]);
}

#[tokio::test(start_paused = true)]
async fn identity_values_survive_a_crash_without_coming_twice() {
    let (server, database, _) = server().await;
    let columns = vec![Column::new("id", crate::DataType::Int, false).with_identity(10, 5)];
    let insert = |server: &Server, table| {
        let next = server.engine().next_identity(database, table).unwrap().unwrap();
        server.commit(|engine, txn| {
            engine.insert(txn, database, table, vec![Value::Int(next)].into()).unwrap();
        });
        next
    };
    let table = server.commit(|engine, txn| {
        engine.create_table(txn, database, TableDef::new("dbo", "i", columns)).unwrap()
    });
    assert_eq!([insert(&server, table), insert(&server, table)], [10, 15]);
    server.instance.power_off();
    server.instance.power_on();
    let server = Server::of(server.instance.clone());
    assert_eq!(insert(&server, table), 20);
}
