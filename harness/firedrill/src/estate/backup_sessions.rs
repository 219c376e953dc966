//! Sessions that get in the way on the backup: readers of a standby database
//! who come back, and a holder of its locks who stands elsewhere.

use super::EstateError;
use super::names::Server;
use super::sql::{self, SignIn, failed, name};
use super::world::World;
use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How long a reader waits before it looks, or connects, again.
const READER_PAUSE: Duration = Duration::from_secs(2);
/// Readers give up after this many tries.
const READER_TRIES_MAX: u32 = 2000;

/// Sessions that may have to be opened until one gets the wanted id.
const REUSE_TRIES_MAX: usize = 64;

/// A reader of the standby database.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) task: tokio::task::AbortHandle,
    /// Its session's id while it is connected.
    session: Rc<Cell<Option<i16>>>,
}

/// Starts readers of the standby database.
pub(super) fn start_readers(world: &Rc<World>, readers: u32) {
    for _ in 0..readers {
        let session: Rc<Cell<Option<i16>>> = Rc::default();
        let task = tokio::task::spawn_local(read_on(Rc::downgrade(world), session.clone())).abort_handle();
        world.readers.borrow_mut().push(Reader { task, session });
    }
}

/// One reader: connects, reads, and connects again when it was cut off, as long as the database is in standby.
async fn read_on(world: Weak<World>, session: Rc<Cell<Option<i16>>>) {
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
        let stream = strong.direct(Server::Backup).await;
        drop(strong);
        if let Ok(stream) = stream
            && let Ok(mut client) = sql::sign_in(stream, &who).await
        {
            session.set(session_id(&mut client).await);
            let look = "SELECT COUNT(*) FROM dbo.tblChat\nSELECT CONVERT(int, DATABASEPROPERTYEX(DB_NAME(), 'IsInStandBy'))";
            while let Ok(results) = results(&mut client, look).await {
                let in_standby =
                    results.get(1).and_then(|rows| rows.first()).and_then(|row| row.get::<i32, _>(0));
                if in_standby == Some(0) {
                    return;
                }
                tokio::time::sleep(READER_PAUSE).await;
            }
            session.set(None);
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

async fn session_id(client: &mut super::SqlClient) -> Option<i16> {
    let rows = sql::rows(client, "SELECT CONVERT(smallint, @@SPID)").await.ok()?;
    rows.first().and_then(|row| row.get::<i16, _>(0))
}

/// The reader that signed in last leaves, and a session on another database gets its id. Whether that came about.
pub(super) async fn reuse_session_id(world: &Rc<World>) -> bool {
    let Some(reader) = world.readers.borrow_mut().pop() else { return false };
    let Some(wanted) = reader.session.get() else { return false };
    reader.task.abort();
    for _ in 0..REUSE_TRIES_MAX {
        // The server notices that the reader is gone before the next sign-in.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let Ok(mut client) = world.sa(Server::Backup, "msdb").await else { return false };
        let id = session_id(&mut client).await;
        world.held_clients.borrow_mut().push(client);
        if id == Some(wanted) {
            return true;
        }
    }
    false
}
