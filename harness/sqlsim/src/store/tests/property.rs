//! Random work, a crash at a random byte: what was acknowledged is there, as a whole.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// One piece of work of one of three clients.
#[derive(Clone, Debug)]
enum Work {
    /// A transaction of several rows.
    Insert {
        rows: u8,
    },
    /// A transaction that is rolled back.
    RollBack {
        rows: u8,
    },
    /// A transaction over two databases.
    Both,
    /// A client that leaves its transaction open.
    LeaveOpen,
    Delete,
    LogBackup,
    Checkpoint,
    Restart,
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        6 => (1u8..5).prop_map(|rows| Work::Insert { rows }),
        2 => (1u8..5).prop_map(|rows| Work::RollBack { rows }),
        2 => Just(Work::Both),
        1 => Just(Work::LeaveOpen),
        2 => Just(Work::Delete),
        1 => Just(Work::LogBackup),
        1 => Just(Work::Checkpoint),
        1 => Just(Work::Restart),
    ]
}

const SET_UP: &str = "CREATE DATABASE a; CREATE DATABASE b; \
    EXEC('USE a; CREATE TABLE t (id int PRIMARY KEY, work int)'); \
    EXEC('USE b; CREATE TABLE t (id int PRIMARY KEY, work int)'); \
    BACKUP DATABASE a TO DISK = 'D:\\Backup\\a.bak'";

/// Rows of a work: `(database, id)`.
type Rows = BTreeSet<(char, u32)>;

#[derive(Default)]
struct Ledger {
    acknowledged: Rows,
    next: u32,
    /// Clients that stay until the server dies.
    open: Vec<crate::session::open::OpenSession>,
}

impl Ledger {
    fn take(&mut self, count: u8) -> Vec<u32> {
        (0..count)
            .map(|_| {
                self.next += 1;
                self.next
            })
            .collect()
    }
}

/// Does one piece of work; the rows that are there when it was acknowledged.
async fn perform(server: &Server, work: &Work, number: usize, ledger: &mut Ledger) -> Rows {
    let mut rows = ledger.acknowledged.clone();
    let values = |ids: &[u32]| {
        ids.iter().map(|id| format!("INSERT a.dbo.t VALUES ({id}, {number});")).collect::<String>()
    };
    let script = match work {
        Work::Insert { rows: count } => {
            let ids = ledger.take(*count);
            rows.extend(ids.iter().map(|id| ('a', *id)));
            format!("BEGIN TRAN; {} COMMIT", values(&ids))
        }
        Work::RollBack { rows: count } => format!("BEGIN TRAN; {} ROLLBACK", values(&ledger.take(*count))),
        Work::Both => {
            let id = ledger.take(1)[0];
            rows.extend([('a', id), ('b', id)]);
            format!("BEGIN TRAN; INSERT a.dbo.t VALUES ({id}, 0); INSERT b.dbo.t VALUES ({id}, 0); COMMIT")
        }
        Work::LeaveOpen => {
            let id = ledger.take(1)[0];
            let session = server
                .instance
                .open_session(crate::session::open::Introduction::of_service("open", "open"))
                .unwrap();
            let mut sink = CollectingSink::new();
            let text = format!("BEGIN TRAN; INSERT a.dbo.t VALUES ({id}, 0)");
            exec::batch(&server.instance, session.session(), &text, &mut sink).await;
            ledger.open.push(session);
            String::new()
        }
        Work::Delete => match rows.iter().find(|(database, _)| *database == 'a').copied() {
            Some(row) => {
                rows.remove(&row);
                format!("DELETE a.dbo.t WHERE id = {}", row.1)
            }
            None => String::new(),
        },
        Work::LogBackup => format!("BACKUP LOG a TO DISK = 'D:\\Backup\\{number}.trn'"),
        Work::Checkpoint => {
            server.instance.checkpoint().await.unwrap();
            String::new()
        }
        Work::Restart => String::new(),
    };
    assert_eq!(server.sql(&script).await, [], "{script}");
    rows
}

async fn rows_of(server: &Server) -> Rows {
    let mut rows = Rows::new();
    for database in ['a', 'b'] {
        let ids = server.column(&format!("SELECT id FROM {database}.dbo.t WITH (NOLOCK)")).await;
        rows.extend(ids.iter().map(|id| (database, id.parse::<u32>().unwrap())));
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn a_crash_at_any_byte_of_the_last_write_keeps_what_was_acknowledged(
        works in proptest::collection::vec(work(), 1..25),
        cut in any::<proptest::sample::Index>(),
    ) {
        let (directory, files) = (TemporaryDirectory::new(), files());
        life(async || {
            let server = start(&directory, &files);
            assert_eq!(server.sql(SET_UP).await, []);
            server.instance.harden().await.unwrap();
        });
        let mut ledger = Ledger::default();
        let mut number = 0;
        for lived in works.split_inclusive(|work| matches!(work, Work::Restart)) {
            let crashed = life(async || {
                let server = start(&directory, &files);
                prop_assert_eq!(&rows_of(&server).await, &ledger.acknowledged);
                let (last, before) = lived.split_last().unwrap();
                for work in before {
                    number += 1;
                    ledger.acknowledged = perform(&server, work, number, &mut ledger).await;
                    server.check(&directory).await;
                }
                // The last one is cut off while it is being written.
                let segment = directory.segments().pop().unwrap();
                let safe = fs::metadata(&segment).unwrap().len();
                number += 1;
                let done = perform(&server, last, number, &mut ledger).await;
                server.instance.harden().await.unwrap();
                let crashed = directory.copy();
                let is_same_segment = directory.segments().last() == Some(&segment);
                if is_same_segment && !matches!(last, Work::Checkpoint) {
                    let name = crashed.path().join("log").join(segment.file_name().unwrap());
                    let bytes = fs::read(&name).unwrap();
                    let kept = safe as usize + cut.index(bytes.len() - safe as usize + 1);
                    fs::write(&name, &bytes[..kept]).unwrap();
                }
                ledger.open.clear();
                let before = std::mem::replace(&mut ledger.acknowledged, done.clone());
                Ok((crashed, before, done))
            });
            let (crashed, before, done) = crashed?;
            let there = life(async || rows_of(&start(&crashed, &files)).await);
            prop_assert!(there == before || there == done, "{there:?} is neither {before:?} nor {done:?}");
        }
    }
}
