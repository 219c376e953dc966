//! Sessions that get in the way on the backup: readers of a standby database
//! who come back, and a holder of its locks who stands elsewhere.

use super::EstateError;
use super::names::Server;
use super::sql::{self, SignIn, failed, name};
use super::world::World;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How long a reader waits before it looks, or connects, again.
const READER_PAUSE: Duration = Duration::from_secs(2);
/// Readers give up after this many tries.
const READER_TRIES_MAX: u32 = 2000;

/// Starts readers of the standby database.
pub(super) fn start_readers(world: &Rc<World>, readers: u32) {
    for _ in 0..readers {
        let reader = tokio::task::spawn_local(read_on(Rc::downgrade(world))).abort_handle();
        world.readers.borrow_mut().push(reader);
    }
}

/// One reader: connects, reads, and connects again when it was cut off, as long as the database is in standby.
async fn read_on(world: Weak<World>) {
    for _ in 0..READER_TRIES_MAX {
        let Some(strong) = world.upgrade() else { return };
        let (file, database) = (strong.file.clone(), strong.database());
        let logins = &file.contents.logins;
        let who = SignIn {
            login: &logins.reader,
            password: &logins.password,
            database: &database,
            program: "Report Builder",
        };
        let stream = strong.direct(Server::Backup);
        drop(strong);
        if let Ok(stream) = stream
            && let Ok(mut client) = sql::sign_in(stream, &who).await
        {
            let look = "SELECT COUNT(*) FROM dbo.tblChat\nSELECT CONVERT(int, DATABASEPROPERTYEX(DB_NAME(), 'IsInStandBy'))";
            while let Ok(results) = results(&mut client, look).await {
                let in_standby =
                    results.get(1).and_then(|rows| rows.first()).and_then(|row| row.get::<i32, _>(0));
                if in_standby == Some(0) {
                    return;
                }
                tokio::time::sleep(READER_PAUSE).await;
            }
        }
        tokio::time::sleep(READER_PAUSE).await;
    }
}

async fn results(client: &mut super::SqlClient, batch: &str) -> tiberius::Result<Vec<Vec<tiberius::Row>>> {
    client.simple_query(batch).await?.into_results().await
}

/// A session in master keeps locks in the chat database by an open transaction.
pub(super) async fn hold_locks_from_elsewhere(world: &World) -> Result<(), EstateError> {
    let mut client = world.sa(Server::Backup, "master").await?;
    let batch = format!(
        "BEGIN TRANSACTION\nSELECT nodeID FROM {}.dbo.tblNode WITH (HOLDLOCK)",
        name(&world.database())
    );
    sql::rows(&mut client, &batch)
        .await
        .map_err(failed("holding locks in the chat database", Server::Backup))?;
    world.held_clients.borrow_mut().push(client);
    Ok(())
}

/// A reader leaves, and a session on another database gets its id.
pub(super) async fn reuse_session_id(world: &Rc<World>) {
    let reader = {
        let mut readers = world.readers.borrow_mut();
        if readers.is_empty() { None } else { Some(readers.remove(0)) }
    };
    if let Some(reader) = reader {
        reader.abort();
    }
    // The server notices that the reader is gone before the next sign-in.
    tokio::time::sleep(Duration::from_millis(1)).await;
    if let Ok(client) = world.sa(Server::Backup, "msdb").await {
        world.held_clients.borrow_mut().push(client);
    }
}
