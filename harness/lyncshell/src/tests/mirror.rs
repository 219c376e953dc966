//! `Install-CsMirrorDatabase` and its relatives: what they ask SQL Servers for.

use super::Machine;
use super::fakes::row;
use crate::sql::{SqlError, SqlRow};

/// The state of a database for the rule tables.
fn state(state: &str, model: &str, partner: &str, role: &str) -> Result<Vec<Vec<SqlRow>>, SqlError> {
    Ok(vec![vec![row(&[
        ("state_desc", state),
        ("recovery_model_desc", model),
        ("mirroring_partner_name", partner),
        ("mirroring_role_desc", role),
    ])]])
}

/// A backup instance whose `mgc` is online, and an empty backup mirror.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.sql.borrow_mut().rules.push(("sql-b1", "sys.databases", state("ONLINE", "FULL", "NULL", "NULL")));
    machine
}

const INSTALL: &str = "Install-CsMirrorDatabase -DatabaseType PersistentChat -SqlServerFqdn sql-b1.litwareinc.com \
                       -FileShare \\\\files-b\\mirror-seed -Confirm:$false";

#[tokio::test]
async fn the_backup_is_mirrored_to_the_backup_mirror_of_the_topology() {
    let machine = machine();
    machine.run(INSTALL).await;
    insta::assert_snapshot!(machine.sql.borrow().asked.join("\n"), @r"
    sql-b1: CREATE ENDPOINT [Mirroring] STATE = STARTED AS TCP (LISTENER_PORT = 5022) FOR DATABASE_MIRRORING (ROLE = PARTNER)
    sql-b2: CREATE ENDPOINT [Mirroring] STATE = STARTED AS TCP (LISTENER_PORT = 5022) FOR DATABASE_MIRRORING (ROLE = PARTNER)
    sql-b1: BACKUP DATABASE [mgc] TO DISK = N'\\files-b\mirror-seed\mgc.bak' WITH INIT, FORMAT
    sql-b1: BACKUP LOG [mgc] TO DISK = N'\\files-b\mirror-seed\mgc.trn' WITH INIT, FORMAT
    sql-b2: RESTORE DATABASE [mgc] FROM DISK = N'\\files-b\mirror-seed\mgc.bak' WITH NORECOVERY
    sql-b2: RESTORE LOG [mgc] FROM DISK = N'\\files-b\mirror-seed\mgc.trn' WITH NORECOVERY
    sql-b2: ALTER DATABASE [mgc] SET PARTNER = N'TCP://sql-b1.litwareinc.com:5022'
    sql-b1: ALTER DATABASE [mgc] SET PARTNER = N'TCP://sql-b2.litwareinc.com:5022'
    ");
}

#[tokio::test]
async fn on_linux_the_share_and_the_files_have_the_paths_of_linux() {
    let machine = machine();
    let files = vec![
        row(&[("name", "mgc"), ("type_desc", "ROWS"), ("physical_name", "/var/opt/mssql/data/mgc.mdf")]),
        row(&[
            ("name", "mgc_log"),
            ("type_desc", "LOG"),
            ("physical_name", r"C:\var\opt\mssql\data\mgc.ldf"),
        ]),
    ];
    machine.sql.borrow_mut().rules.push(("sql-b1", "sys.master_files", Ok(vec![files])));
    let install = INSTALL.replace(r"\\files-b\mirror-seed", "/var/opt/mssql/share/seed/");
    machine.run(&format!("{install} -DatabasePathMap @{{\"PersistentChat:DbPath\"='/data';\"PersistentChat:LogPath\"='/log/'}}")).await;
    let asked = machine.sql.borrow().asked.join("\n");
    assert!(
        asked.contains("BACKUP DATABASE [mgc] TO DISK = N'/var/opt/mssql/share/seed/mgc.bak' WITH"),
        "{asked}"
    );
    assert!(
        asked.contains(
            "RESTORE DATABASE [mgc] FROM DISK = N'/var/opt/mssql/share/seed/mgc.bak' WITH NORECOVERY, \
             MOVE N'mgc' TO N'/data/mgc.mdf', MOVE N'mgc_log' TO N'/log/mgc.ldf'"
        ),
        "{asked}"
    );
    assert!(asked.contains("RESTORE LOG [mgc] FROM DISK = N'/var/opt/mssql/share/seed/mgc.trn'"), "{asked}");
}

#[tokio::test]
async fn a_mirroring_that_did_not_come_up_is_an_error() {
    let printed = machine().run(INSTALL).await;
    assert!(printed.contains("reports the role (none) instead of PRINCIPAL"), "{printed}");
    assert!(printed.ends_with("exit 1\n"), "{printed}");
}

#[tokio::test]
async fn an_existing_endpoint_is_used_with_its_own_port() {
    let machine = machine();
    let endpoint = row(&[("name", "Hadr"), ("state_desc", "STOPPED"), ("port", "5023")]);
    machine.sql.borrow_mut().rules.push(("sql-b2", "sys.tcp_endpoints", Ok(vec![vec![endpoint]])));
    let printed = machine.run(INSTALL).await;
    assert!(
        printed
            .starts_with("WARNING: \"sql-b2.litwareinc.com\" already has a mirroring endpoint on port 5023."),
        "{printed}"
    );
    let asked = machine.sql.borrow().asked.join("\n");
    assert!(asked.contains("sql-b2: ALTER ENDPOINT [Hadr] STATE = STARTED"), "{asked}");
    assert!(
        asked.contains("sql-b1: ALTER DATABASE [mgc] SET PARTNER = N'TCP://sql-b2.litwareinc.com:5023'"),
        "{asked}"
    );
}

#[tokio::test]
async fn an_old_copy_on_the_mirror_is_refused_unless_it_may_be_dropped() {
    let machine = machine();
    machine.sql.borrow_mut().rules.push((
        "sql-b2",
        "sys.databases",
        state("RESTORING", "FULL", "TCP://x:5022", "MIRROR"),
    ));
    let printed = machine.run(INSTALL).await;
    assert!(
        printed.contains("already exists on the mirror \"sql-b2.litwareinc.com\" (RESTORING)"),
        "{printed}"
    );
    assert!(machine.sql.borrow().asked.is_empty());
    machine.run(&format!("{INSTALL} -DropExistingDatabasesOnMirror")).await;
    let asked = machine.sql.borrow().asked.join("\n");
    assert!(
        asked.starts_with("sql-b2: ALTER DATABASE [mgc] SET PARTNER OFF\nsql-b2: DROP DATABASE [mgc]\n"),
        "{asked}"
    );
}

#[rstest::rstest]
#[case("RESTORING", "FULL", "is RESTORING, not ONLINE")]
#[case("ONLINE", "SIMPLE", "has the recovery model SIMPLE. Mirroring needs FULL")]
#[tokio::test]
async fn a_database_that_cannot_be_mirrored_is_left_alone(
    #[case] is: &str,
    #[case] model: &str,
    #[case] words: &str,
) {
    let machine = machine();
    machine.sql.borrow_mut().rules.push(("sql-b1", "sys.databases", state(is, model, "NULL", "NULL")));
    let printed = machine.run(INSTALL).await;
    assert!(printed.contains(words), "{printed}");
    assert!(machine.sql.borrow().asked.is_empty());
}

#[tokio::test]
async fn a_mirror_that_is_there_already_is_not_built_again() {
    let machine = machine();
    let mirrored = state("ONLINE", "FULL", "TCP://sql-b2.litwareinc.com:5022", "PRINCIPAL");
    machine.sql.borrow_mut().rules.push(("sql-b1", "sys.databases", mirrored));
    assert_eq!(machine.run(INSTALL).await, "");
    assert!(machine.sql.borrow().asked.is_empty());
}

#[tokio::test]
async fn a_failed_backup_names_the_server_and_the_error() {
    let machine = machine();
    let denied = SqlError::Server { number: 3201, message: "Cannot open backup device.".into() };
    machine.sql.borrow_mut().rules.push(("sql-b1", "BACKUP DATABASE", Err(denied)));
    let printed = machine.run(INSTALL).await;
    assert!(
        printed.contains("Backing up the database to the file share on \"sql-b1.litwareinc.com\" failed. SQL Server error 3201: Cannot open backup device."),
        "{printed}"
    );
}

#[rstest::rstest]
#[case("-SqlServerFqdn sql-a1.litwareinc.com", "without it the default instance is meant")]
#[case("-SqlServerFqdn sql-b2.litwareinc.com", "is a mirror SQL Server store in the published topology")]
#[case("-SqlServerFqdn elsewhere.litwareinc.com", "does not hold the databases of type \"PersistentChat\"")]
#[tokio::test]
async fn the_wrong_server_is_told_apart(#[case] server: &str, #[case] words: &str) {
    let script = format!(
        "Install-CsMirrorDatabase -DatabaseType PersistentChat {server} -FileShare \\\\f\\s -Confirm:$false"
    );
    let machine = machine();
    let printed = machine.run(&script).await;
    assert!(printed.contains(words), "{printed}");
    assert!(machine.sql.borrow().asked.is_empty());
}

#[tokio::test]
async fn a_topology_without_a_backup_mirror_is_told() {
    let machine = machine();
    machine.contents.borrow_mut().topology.chat.backup_mirror = None;
    let printed = machine.run(INSTALL).await;
    assert!(
        printed
            .contains("The published topology has no mirror SQL Server store for \"sql-b1.litwareinc.com\"."),
        "{printed}"
    );
}

#[tokio::test]
async fn files_can_be_moved_by_a_path_map() {
    let machine = machine();
    let files = vec![
        row(&[("name", "mgc"), ("type_desc", "ROWS"), ("physical_name", r"D:\Data\mgc.mdf")]),
        row(&[("name", "mgc_log"), ("type_desc", "LOG"), ("physical_name", r"D:\Data\mgc.ldf")]),
    ];
    machine.sql.borrow_mut().rules.push(("sql-b1", "sys.master_files", Ok(vec![files])));
    machine.run(&format!("{INSTALL} -DatabasePathMap @{{\"PersistentChat:DbPath\"=\"E:\\Db\";\"PersistentChat:LogPath\"='F:\\Log'}}")).await;
    let asked = machine.sql.borrow().asked.join("\n");
    assert!(
        asked.contains(
            r"WITH NORECOVERY, MOVE N'mgc' TO N'E:\Db\mgc.mdf', MOVE N'mgc_log' TO N'F:\Log\mgc.ldf'"
        ),
        "{asked}"
    );
}

#[tokio::test]
async fn installing_asks_first_and_without_anybody_to_ask_it_stops() {
    let machine = machine();
    let printed = machine.run(&INSTALL.replace(" -Confirm:$false", "")).await;
    assert!(printed.contains("Windows PowerShell is in NonInteractive mode."), "{printed}");
    assert!(machine.sql.borrow().asked.is_empty());
}

#[tokio::test]
async fn uninstalling_ends_mirroring_and_drops_the_copy_when_asked_to() {
    let machine = Machine::new();
    let sides = [("sql-b1", "ONLINE", "PRINCIPAL"), ("sql-b2", "RESTORING", "MIRROR")];
    for (host, is, role) in sides {
        machine.sql.borrow_mut().rules.push((host, "sys.databases", state(is, "FULL", "TCP://x:5022", role)));
    }
    let script = "Uninstall-CsMirrorDatabase -DatabaseType PersistentChat -SqlServerFqdn sql-b1.litwareinc.com -DropExistingDatabasesOnMirror -Confirm:$false";
    assert_eq!(machine.run(script).await, "");
    insta::assert_snapshot!(machine.sql.borrow().asked.join("\n"), @r"
    sql-b1: ALTER DATABASE [mgc] SET PARTNER OFF
    sql-b2: ALTER DATABASE [mgc] SET PARTNER OFF
    sql-b2: DROP DATABASE [mgc]
    ");
}

#[tokio::test]
async fn the_mirror_state_names_what_cannot_be_read() {
    let machine = Machine::new();
    let principal = row(&[("mirroring_role_desc", "PRINCIPAL"), ("mirroring_state_desc", "SYNCHRONIZED")]);
    machine.sql.borrow_mut().rules.push(("sql-a1", "sys.database_mirroring", Ok(vec![vec![principal]])));
    let script = "Get-CsDatabaseMirrorState -PoolFqdn atl-cs-001.litwareinc.com -DatabaseType PersistentChat";
    insta::assert_snapshot!(machine.run(script).await.trim(), @r"
    DatabaseName             : mgc
    StateOnPrimary           : Principal
    StateOnMirror            : DatabaseInaccessibleOrMirroringNotEnabled
    MirroringStatusOnPrimary : synchronized
    MirroringStatusOnMirror  : DatabaseInaccessibleOrMirroringNotEnabled
    ");
}

#[tokio::test]
async fn a_test_message_goes_to_the_database_the_pool_state_points_at() {
    let machine = Machine::new();
    let text = "Persistent Chat test message";
    for host in ["sql-a1", "sql-b1"] {
        let mut sql = machine.sql.borrow_mut();
        sql.rules.push((host, "dbo.tblNode", Ok(vec![vec![row(&[("nodeID", "3")])]])));
        sql.rules.push((host, "MAX(chatId)", Ok(vec![vec![row(&[("last", "41")])]])));
        sql.rules.push((host, "SELECT content", Ok(vec![vec![row(&[("content", text)])]])));
    }
    let script = "(Test-CsPersistentChatMessage -TargetFqdn atl-pool.litwareinc.com -SenderSipAddress sip:a@b.c -ReceiverSipAddress sip:d@e.f).Result";
    assert_eq!(machine.run(script).await, "Success\n");
    machine.run("Set-CsPersistentChatState -PoolState FailedOver").await;
    assert_eq!(machine.run(script).await, "Success\n");
    let asked = machine.sql.borrow().asked.join("\n");
    assert!(asked.contains("sql-a1: INSERT INTO dbo.tblChat"), "{asked}");
    assert!(asked.contains("sql-b1: INSERT INTO dbo.tblChat"), "{asked}");
    machine.run("Set-CsPersistentChatActiveServer -ActiveServers $null").await;
    assert_eq!(machine.run(script).await, "Failure\n");
}
