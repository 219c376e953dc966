//! Files that are missing, empty, foreign, torn, flipped, or hold several sets.

use crate::backup::{self, BackupKind, BackupRequest, Inspection, RestoreEnd, RestoreKind, RestoreRequest};
use crate::session::CollectingSink;
use crate::store::memory_files::MemoryFiles;
use crate::testkit::{Server, files, numbers};
use crate::value::Value;

const FILE: &str = r"D:\Backup\mgc.trn";

async fn with_log_backup() -> (MemoryFiles, Server) {
    let files = files();
    let a = Server::start("A", &files);
    a.create("mgc").await;
    assert_eq!(a.backup(BackupKind::Full, "mgc", r"D:\Backup\full.bak").await, []);
    for n in 0..40 {
        a.insert("mgc", n, "some text that fills the log a little");
    }
    assert_eq!(a.backup(BackupKind::Log, "mgc", FILE).await, []);
    (files, a)
}

async fn verify(server: &Server, device: &str) -> Vec<i32> {
    let mut sink = CollectingSink::new();
    let result = numbers(backup::verify(&server.instance, device, None, &mut sink).await);
    if result.is_empty() {
        assert_eq!(sink.messages[0].message, "The backup set on file 1 is valid.");
    }
    result
}

#[rstest::rstest]
#[case::missing_file(r"D:\Backup\none.trn", "2(The system cannot find the file specified.)")]
#[case::missing_directory(r"D:\None\none.trn", "3(The system cannot find the path specified.)")]
#[case::missing_machine(r"\\gone\share\none.trn", "53(The network path was not found.)")]
#[tokio::test(start_paused = true)]
async fn a_device_that_cannot_be_opened_is_3201_with_windows_own_words(
    #[case] device: &str,
    #[case] reason: &str,
) {
    let (_files, a) = with_log_backup().await;
    let errors = backup::inspect(&a.instance, Inspection::Header, device, None).await.unwrap_err();
    let expected = format!("Cannot open backup device '{device}'. Operating system error {reason}.");
    assert_eq!(errors[0].message, expected);
    assert_eq!(errors[1].message, "RESTORE HEADERONLY is terminating abnormally.");
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_is_3254_and_a_foreign_one_3241() {
    let (files, a) = with_log_backup().await;
    files.put(r"D:\Backup\empty.trn", b"").unwrap();
    files.put(r"D:\Backup\text.trn", b"this is a letter, not a backup").unwrap();
    assert_eq!(verify(&a, r"D:\Backup\empty.trn").await, [3254, 3013]);
    assert_eq!(verify(&a, r"D:\Backup\text.trn").await, [3241, 3013]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_cut_anywhere_is_refused() {
    let (files, a) = with_log_backup().await;
    let whole = files.contents(FILE).unwrap();
    assert_eq!(verify(&a, FILE).await, []);
    for length in 0..whole.len() {
        files.put(FILE, &whole[..length]).unwrap();
        let errors = verify(&a, FILE).await;
        let known = [[3254, 3013], [3241, 3013], [3203, 3013], [3256, 3013]];
        assert!(known.iter().any(|k| errors == k) || errors == [3242, 3013], "{length} bytes: {errors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flipped_byte_anywhere_is_refused() {
    let (files, a) = with_log_backup().await;
    let whole = files.contents(FILE).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.to_vec();
        flipped[at] ^= 0x10;
        files.put(FILE, &flipped).unwrap();
        let errors = verify(&a, FILE).await;
        assert!(!errors.is_empty(), "byte {at} was flipped and nobody noticed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_torn_set_is_shown_as_incomplete_and_cannot_be_restored() {
    let (files, a) = with_log_backup().await;
    let whole = files.contents(FILE).unwrap();
    files.put(FILE, &whole[..whole.len() - 200]).unwrap();
    let set = backup::inspect(&a.instance, Inspection::Header, FILE, None).await.unwrap();
    assert_eq!(set.rows[0][0], Value::text("*** INCOMPLETE ***"));
}

#[tokio::test(start_paused = true)]
async fn appending_is_the_default_and_init_starts_over() {
    let (_files, a) = with_log_backup().await;
    a.insert("mgc", 100, "second set");
    assert_eq!(a.backup(BackupKind::Log, "mgc", FILE).await, []);
    let both = backup::inspect(&a.instance, Inspection::Header, FILE, None).await.unwrap();
    assert_eq!(both.rows.len(), 2);
    assert_eq!(both.columns.len(), 56);
    let column = |name: &str| both.columns.iter().position(|c| &*c.name == name).unwrap();
    assert_eq!(both.rows[0][column("LastLSN")], both.rows[1][column("FirstLSN")]);
    assert_eq!(both.rows[1][column("Position")], Value::Int(2));
    let b = Server::start("B", &_files);
    let full = r"D:\Backup\full.bak";
    assert_eq!(b.restore(RestoreKind::Database, "mgc", full, RestoreEnd::NoRecovery).await, []);
    let mut second = RestoreRequest::new(RestoreKind::Log, "mgc", Some(FILE));
    second.file = Some(2);
    assert_eq!(b.run_restore(&second).await, [4305, 3013]);
    second.file = Some(3);
    assert_eq!(b.run_restore(&second).await, [4038, 3013]);
    let mut init = BackupRequest::new(BackupKind::Log, "mgc", FILE);
    init.init = true;
    assert_eq!(a.run_backup(&init).await, []);
    assert_eq!(backup::inspect(&a.instance, Inspection::Header, FILE, None).await.unwrap().rows.len(), 1);
}

#[rstest::rstest]
#[case::at_the_sets_header(100)]
#[case::at_the_sets_end(400)]
#[tokio::test(start_paused = true)]
async fn a_full_disk_ends_the_backup_with_3202_and_leaves_the_chain_whole(#[case] free_bytes: u64) {
    let (files, a) = with_log_backup().await;
    let before = files.contents(FILE).unwrap();
    a.insert("mgc", 100, "later");
    files.set_capacity('D', Some(files.used('D') + free_bytes));
    assert_eq!(a.backup(BackupKind::Log, "mgc", FILE).await, [3202, 3013]);
    assert_eq!(files.contents(FILE).unwrap(), before);
    assert_eq!(a.backup(BackupKind::Log, "mgc", r"D:\Backup\new.trn").await, [3202, 3013]);
    assert!(!files.exists(r"D:\Backup\new.trn"));
    files.set_capacity('D', None);
    assert_eq!(a.backup(BackupKind::Log, "mgc", FILE).await, []);
    let both = backup::inspect(&a.instance, Inspection::Header, FILE, None).await.unwrap();
    let column = |name: &str| both.columns.iter().position(|c| &*c.name == name).unwrap();
    assert_eq!(both.rows[0][column("LastLSN")], both.rows[1][column("FirstLSN")]);
}

#[tokio::test(start_paused = true)]
async fn file_list_and_label_describe_the_backup() {
    let (_files, a) = with_log_backup().await;
    let list = backup::inspect(&a.instance, Inspection::FileList, r"D:\Backup\full.bak", None).await.unwrap();
    assert_eq!(list.columns.len(), 22);
    let names: Vec<_> = list.rows.iter().map(|r| (r[0].clone(), r[1].clone(), r[2].clone())).collect();
    let text = |t: &str| Value::text(t);
    assert_eq!(
        names,
        [
            (text("mgc"), text(r"D:\Data\mgc.mdf"), text("D")),
            (text("mgc_log"), text(r"D:\Data\mgc_log.ldf"), text("L"))
        ]
    );
    let label = backup::inspect(&a.instance, Inspection::Label, FILE, None).await.unwrap();
    assert_eq!(label.columns.len(), 13);
}
