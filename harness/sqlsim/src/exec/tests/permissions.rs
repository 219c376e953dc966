//! Who may do what: roles, GRANT, DENY, chains of ownership, EXECUTE AS.

use super::*;

impl Bench {
    /// A session of the login `name` in the database `d`.
    fn as_login(&self, name: &str) -> Self {
        let database_id = self.instance.0.engine.borrow().database_id("d").expect("the database d");
        let who = Introduction {
            login: name.to_owned(),
            is_sysadmin: false,
            host_name: "desk".to_owned(),
            program_name: "tests".to_owned(),
            database_id,
            ..Introduction::default()
        };
        let session = self.instance.open_session(who).expect("a session");
        Self { instance: self.instance.clone(), session }
    }
}

/// A database `d` with tables and procedures, and the login and user `clerk` without any permission.
async fn with_a_clerk(bench: Bench) -> (Bench, Bench) {
    bench.rows("CREATE DATABASE d").await;
    bench.rows("CREATE LOGIN clerk WITH PASSWORD = 'pass-W0rd', CHECK_POLICY = OFF").await;
    bench.rows("USE d; CREATE TABLE t (a int PRIMARY KEY, b int); INSERT t VALUES (1, 10), (2, 20); CREATE USER clerk FOR LOGIN clerk").await;
    bench.rows("CREATE VIEW v AS SELECT a, b FROM t WHERE b > 10").await;
    bench.rows("CREATE PROCEDURE p AS SELECT COUNT(*) FROM t").await;
    bench.rows("CREATE PROCEDURE dynamic AS EXEC ('SELECT COUNT(*) FROM t')").await;
    let clerk = bench.as_login("clerk");
    (bench, clerk)
}

#[rstest::rstest]
#[case("SELECT * FROM t", 229)]
#[case("SELECT 1 WHERE EXISTS (SELECT 1 FROM dbo.t)", 229)]
#[case("SELECT * FROM v", 229)]
#[case("INSERT t VALUES (3, 30)", 229)]
#[case("UPDATE t SET b = 1", 229)]
#[case("DELETE t", 229)]
#[case("EXEC p", 229)]
#[case("SELECT a INTO #x FROM t", 229)]
#[case("MERGE t USING (SELECT 1 AS a) s ON s.a = t.a WHEN MATCHED THEN DELETE;", 229)]
#[case("TRUNCATE TABLE t", 1088)]
#[case("ALTER TABLE t ADD c int", 1088)]
#[case("CREATE INDEX i ON t (b)", 1088)]
#[case("DROP TABLE t", 3701)]
#[case("DROP VIEW v", 3701)]
#[case("CREATE TABLE n (a int)", 262)]
#[case("SELECT 1 AS a INTO n", 262)]
#[case("CREATE VIEW n AS SELECT 1 AS a", 262)]
#[case("CREATE PROCEDURE n AS SELECT 1", 262)]
#[case("CREATE SCHEMA s", 262)]
#[case("CREATE USER other WITHOUT LOGIN", 15_247)]
#[case("DROP USER clerk", 15_151)]
#[case("CREATE ROLE r", 15_247)]
#[case("ALTER ROLE db_owner ADD MEMBER clerk", 15_151)]
#[case("GRANT SELECT ON t TO clerk", 15_151)]
#[case("GRANT CREATE TABLE TO clerk", 4613)]
#[case("CREATE LOGIN l WITH PASSWORD = 'pass-W0rd'", 15_247)]
#[case("ALTER LOGIN sa DISABLE", 15_151)]
#[case("ALTER SERVER ROLE sysadmin ADD MEMBER clerk", 15_151)]
#[case("CREATE DATABASE e", 262)]
#[case("DROP DATABASE d", 3701)]
#[case("ALTER DATABASE d SET RECOVERY SIMPLE", 5011)]
#[case("BACKUP DATABASE d TO DISK = 'D:\\backup\\d.bak'", 262)]
#[case("RESTORE DATABASE e FROM DISK = 'D:\\backup\\d.bak'", 3110)]
#[case("KILL 51", 6102)]
#[case("CHECKPOINT", 262)]
#[case("DBCC CHECKDB", 7983)]
#[case("DBCC FREEPROCCACHE", 2571)]
#[case("SELECT * FROM sys.dm_tran_locks", 300)]
#[case("SELECT * FROM sys.dm_exec_sql_text(0x02)", 300)]
#[case("EXECUTE AS LOGIN = 'sa'", 15_406)]
#[case("EXECUTE AS USER = 'dbo'", 15_517)]
#[case("EXEC sp_delete_log_shipping_secondary_database 'd'", 21_089)]
#[case("EXEC sp_configure 'show advanced options', 1", 15_247)]
#[case("RECONFIGURE", 5812)]
#[case("SELECT * FROM msdb.dbo.log_shipping_secondary", 229)]
#[case("USE model", 0)]
fn without_permission_a_statement_gets_its_number(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| {
        let (_bench, clerk) = with_a_clerk(bench).await;
        assert_eq!(clerk.error(text).await, number, "{text}");
    });
}

#[test]
fn a_refusal_names_permission_object_database_and_schema() {
    on_a_bench(async |bench| {
        let (_bench, clerk) = with_a_clerk(bench).await;
        let sink = clerk.run("SELECT * FROM t").await;
        let refusal = sink.error().expect("a refusal");
        assert_eq!(
            (refusal.severity, refusal.state, refusal.message.as_str()),
            (14, 5, "The SELECT permission was denied on the object 't', database 'd', schema 'dbo'.")
        );
    });
}

#[test]
fn a_granted_permission_is_held_until_it_is_revoked_and_a_denial_counts_more() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        bench.rows("GRANT SELECT, INSERT ON dbo.t TO clerk").await;
        assert_eq!(clerk.rows("SELECT SUM(b) FROM t").await, "30");
        assert_eq!(clerk.error("INSERT t VALUES (3, 30)").await, 0);
        assert_eq!(clerk.error("DELETE t WHERE a = 3").await, 229);
        bench.rows("CREATE ROLE writers; ALTER ROLE writers ADD MEMBER clerk; GRANT UPDATE, DELETE ON SCHEMA::dbo TO writers").await;
        assert_eq!(clerk.error("UPDATE x SET b = 31 FROM t x WHERE x.a = 3").await, 0);
        bench.rows("DENY SELECT ON t TO writers").await;
        assert_eq!(clerk.error("SELECT * FROM t").await, 229);
        assert_eq!(clerk.error("DELETE t WHERE a = 3").await, 229);
        assert_eq!(clerk.error("DELETE t").await, 0);
        bench.rows("REVOKE SELECT ON t FROM writers").await;
        assert_eq!(clerk.rows("SELECT COUNT(*) FROM t").await, "0");
        bench.rows("REVOKE SELECT ON t TO clerk CASCADE").await;
        assert_eq!(clerk.error("SELECT * FROM t").await, 229);
        bench.rows("GRANT SELECT TO public").await;
        assert_eq!(clerk.rows("SELECT COUNT(*) FROM t").await, "0");
        let shown = "SELECT class_desc, permission_name, state_desc, USER_NAME(grantee_principal_id) FROM sys.database_permissions ORDER BY 4, 2";
        assert_eq!(
            bench.rows(shown).await,
            "OBJECT_OR_COLUMN|INSERT|GRANT|clerk; DATABASE|SELECT|GRANT|public; SCHEMA|DELETE|GRANT|writers; SCHEMA|UPDATE|GRANT|writers"
        );
    });
}

#[rstest::rstest]
#[case("db_datareader", "SELECT a FROM t WHERE a = 1", "INSERT t VALUES (3, 30)")]
#[case("db_datawriter", "INSERT t VALUES (3, 30)", "SELECT a FROM t")]
#[case("db_owner", "DROP TABLE t", "CREATE DATABASE e")]
#[case("db_ddladmin", "CREATE TABLE n (a int)", "SELECT a FROM t")]
#[case("db_backupoperator", "BACKUP DATABASE d TO DISK = 'D:\\backup\\d.bak'", "SELECT a FROM t")]
#[case("db_securityadmin", "CREATE ROLE r", "CREATE TABLE n (a int)")]
#[case("db_accessadmin", "CREATE USER x WITHOUT LOGIN", "CREATE ROLE r")]
fn a_fixed_database_role_allows_what_it_is_for(
    #[case] role: &'static str,
    #[case] allowed: &'static str,
    #[case] refused: &'static str,
) {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        assert_ne!(clerk.error(allowed).await, 0, "{allowed}");
        bench.rows(&format!("ALTER ROLE {role} ADD MEMBER clerk")).await;
        assert_ne!(clerk.error(refused).await, 0, "{refused}");
        assert_eq!(clerk.error(allowed).await, 0, "{allowed}");
        assert_eq!(clerk.rows(&format!("SELECT IS_MEMBER('{role}'), IS_MEMBER('public')")).await, "1|1");
    });
}

#[test]
fn the_denying_roles_take_what_was_granted() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        bench.rows("GRANT SELECT, INSERT ON t TO clerk; ALTER ROLE db_denydatareader ADD MEMBER clerk; ALTER ROLE db_denydatawriter ADD MEMBER clerk").await;
        assert_eq!(clerk.error("SELECT a FROM t").await, 229);
        assert_eq!(clerk.error("INSERT t VALUES (3, 30)").await, 229);
    });
}

#[test]
fn what_an_object_of_the_same_owner_does_is_not_checked_again() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        bench.rows("GRANT EXECUTE ON p TO clerk; GRANT EXECUTE ON dynamic TO clerk; GRANT SELECT, UPDATE ON v TO clerk").await;
        assert_eq!(clerk.rows("EXEC p").await, "2");
        assert_eq!(clerk.rows("SELECT a FROM v").await, "2");
        assert_eq!(clerk.error("UPDATE v SET b = 21 WHERE a = 2").await, 0);
        assert_eq!(clerk.error("EXEC dynamic").await, 229);
        assert_eq!(clerk.error("SELECT a FROM t").await, 229);
        // Another owner: the chain is broken.
        bench.rows("CREATE USER keeper WITHOUT LOGIN").await;
        bench.rows("CREATE SCHEMA kept AUTHORIZATION keeper").await;
        bench.rows("CREATE TABLE kept.s (a int)").await;
        bench.rows("CREATE PROCEDURE q AS SELECT COUNT(*) FROM kept.s").await;
        bench.rows("GRANT EXECUTE ON q TO clerk").await;
        assert_eq!(clerk.error("EXEC q").await, 229);
        bench.rows("ALTER AUTHORIZATION ON SCHEMA::kept TO dbo").await;
        assert_eq!(clerk.rows("EXEC q").await, "0");
    });
}

#[test]
fn a_database_without_a_user_for_the_login_is_closed_with_916() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        bench.rows("CREATE DATABASE closed; CREATE TABLE closed.dbo.t (a int)").await;
        assert_eq!(clerk.error("USE closed").await, 916);
        assert_eq!(clerk.error("SELECT * FROM closed.dbo.t").await, 916);
        assert_eq!(
            clerk.rows("SELECT HAS_DBACCESS('closed'), HAS_DBACCESS('d'), HAS_DBACCESS('nope')").await,
            "0|1|NULL"
        );
        bench.rows("ALTER AUTHORIZATION ON DATABASE::closed TO clerk").await;
        assert_eq!(clerk.rows("USE closed; SELECT USER_NAME(), IS_MEMBER('db_owner')").await, "dbo|1");
        assert_eq!(
            bench.rows("SELECT SUSER_SNAME(owner_sid) FROM sys.databases WHERE name = 'closed'").await,
            "clerk"
        );
    });
}

#[test]
fn server_roles_and_server_permissions_allow_what_they_are_for() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        let victim = bench.other();
        let kill = format!("KILL {}", victim.session().id);
        assert_eq!(clerk.rows("SELECT COUNT(*) FROM sys.dm_exec_sessions").await, "1");
        assert_eq!(bench.error("USE d; GRANT VIEW SERVER STATE TO clerk").await, 4621);
        bench.rows("USE master; GRANT VIEW SERVER STATE TO clerk").await;
        assert_ne!(clerk.rows("SELECT COUNT(*) FROM sys.dm_exec_sessions").await, "1");
        assert_eq!(clerk.error("SELECT * FROM sys.dm_tran_locks").await, 0);
        assert_eq!(clerk.error(&kill).await, 6102);
        bench.rows("GRANT ALTER ANY CONNECTION TO clerk").await;
        assert_eq!(clerk.error(&kill).await, 0);
        assert!(victim.session().killed.get());
        bench.rows("DENY ALTER ANY CONNECTION TO clerk").await;
        assert_eq!(clerk.error(&kill).await, 6102);
        let shown = "SELECT permission_name, state_desc FROM sys.server_permissions p JOIN sys.server_principals l ON l.principal_id = p.grantee_principal_id WHERE l.name = 'clerk' ORDER BY 1";
        assert_eq!(
            bench.rows(shown).await,
            "ALTER ANY CONNECTION|DENY; CONNECT SQL|GRANT; VIEW SERVER STATE|GRANT"
        );
        bench
            .rows("REVOKE ALTER ANY CONNECTION TO clerk; ALTER SERVER ROLE dbcreator ADD MEMBER clerk")
            .await;
        assert_eq!(clerk.error("CREATE DATABASE e").await, 0);
        assert_eq!(
            clerk.rows("SELECT IS_SRVROLEMEMBER('dbcreator'), IS_SRVROLEMEMBER('sysadmin')").await,
            "1|0"
        );
    });
}

#[test]
fn a_session_acts_as_somebody_else_until_it_reverts() {
    on_a_bench(async |bench| {
        let (bench, _clerk) = with_a_clerk(bench).await;
        bench.rows("GRANT SELECT ON t TO clerk").await;
        bench.rows("EXECUTE AS LOGIN = 'clerk'").await;
        assert_eq!(
            bench
                .rows("SELECT SUSER_SNAME(), ORIGINAL_LOGIN(), USER_NAME(), IS_SRVROLEMEMBER('sysadmin')")
                .await,
            "clerk|sa|clerk|0"
        );
        assert_eq!(bench.rows("SELECT COUNT(*) FROM t").await, "2");
        assert_eq!(bench.error("DELETE t").await, 229);
        assert_eq!(bench.error("EXECUTE AS LOGIN = 'sa'").await, 15_406);
        assert_eq!(bench.error("USE master; REVERT").await, 15_199);
        bench.rows("USE d; REVERT").await;
        assert_eq!(bench.rows("SELECT SUSER_SNAME()").await, "sa");
        bench.rows("EXECUTE AS USER = 'clerk'").await;
        assert_eq!(bench.error("DELETE t").await, 229);
        assert_eq!(bench.error("CREATE DATABASE e").await, 262);
        bench.rows("REVERT; REVERT").await;
        assert_eq!(bench.error("DELETE t").await, 0);
        assert_eq!(bench.error("EXECUTE AS USER = 'nobody'").await, 15_517);
        assert_eq!(bench.error("EXECUTE AS LOGIN = 'nobody'").await, 15_406);
    });
}

#[test]
fn a_context_ends_with_the_text_or_procedure_that_began_it() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        assert_eq!(bench.rows("EXEC ('SELECT SUSER_SNAME()') AS LOGIN = 'clerk'").await, "clerk");
        bench.rows("EXEC ('EXECUTE AS USER = ''clerk''')").await;
        assert_eq!(bench.rows("SELECT USER_NAME()").await, "dbo");
        bench.rows("CREATE PROCEDURE owned WITH EXECUTE AS OWNER AS EXEC ('SELECT COUNT(*), USER_NAME() FROM t')").await;
        bench.rows("GRANT EXECUTE ON owned TO clerk").await;
        assert_eq!(clerk.rows("EXEC owned").await, "2|dbo");
        assert_eq!(clerk.rows("SELECT USER_NAME()").await, "clerk");
        bench.rows("CREATE PROCEDURE poor WITH EXECUTE AS 'clerk' AS EXEC ('DELETE t')").await;
        assert_eq!(bench.error("EXEC poor").await, 229);
        assert_eq!(bench.rows("SELECT USER_NAME(), COUNT(*) FROM t").await, "dbo|2");
    });
}

#[test]
fn a_pooled_client_that_starts_over_is_itself_again() {
    on_a_bench(async |bench| {
        let (bench, _clerk) = with_a_clerk(bench).await;
        bench.rows("EXECUTE AS LOGIN = 'clerk'").await;
        let mut sink = CollectingSink::new();
        crate::exec::reset(&bench.instance, bench.session(), false, &mut sink);
        assert_eq!(bench.rows("SELECT SUSER_SNAME()").await, "sa");
    });
}

#[test]
fn permissions_can_be_asked_for() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        bench.rows("GRANT SELECT ON t TO clerk").await;
        let asked = "SELECT HAS_PERMS_BY_NAME('dbo.t', 'OBJECT', 'SELECT'), HAS_PERMS_BY_NAME('t', 'OBJECT', 'INSERT'), \
            HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CONNECT'), \
            HAS_PERMS_BY_NAME('d', 'DATABASE', 'CREATE TABLE'), HAS_PERMS_BY_NAME('dbo', 'SCHEMA', 'ALTER'), \
            HAS_PERMS_BY_NAME('nope', 'OBJECT', 'SELECT'), HAS_PERMS_BY_NAME('t', 'OBJECT', 'ANY')";
        assert_eq!(clerk.rows(asked).await, "1|0|0|1|0|0|NULL|1");
        assert_eq!(bench.rows(asked).await, "1|1|1|1|1|1|NULL|1");
        let mine = "SELECT permission_name FROM fn_my_permissions('dbo.t', 'OBJECT')";
        assert_eq!(clerk.rows(mine).await, "SELECT");
        let of_database = "SELECT permission_name FROM sys.fn_my_permissions(NULL, 'DATABASE')";
        assert_eq!(clerk.rows(of_database).await, "CONNECT");
        assert!(bench.rows(mine).await.contains("CONTROL; DELETE"));
        assert_eq!(
            bench.rows("SELECT IS_ROLEMEMBER('db_owner', 'clerk'), IS_MEMBER('no_role')").await,
            "0|NULL"
        );
    });
}

#[rstest::rstest]
#[case("GRANT SELECT ON t (a) TO clerk", 40_510)]
#[case("GRANT SELECT (a) ON t TO clerk", 40_510)]
#[case("GRANT SELECT ON t TO clerk WITH GRANT OPTION", 40_510)]
#[case("GRANT IMPERSONATE ON USER::dbo TO clerk", 40_510)]
#[case("GRANT UNMASK TO clerk", 40_510)]
#[case("GRANT SELECT ON nope TO clerk", 15_151)]
#[case("GRANT SELECT ON t TO nobody", 15_151)]
#[case("GRANT SELECT ON t TO db_owner", 4617)]
#[case("DENY SELECT ON t TO dbo", 4617)]
#[case("DROP ROLE db_owner", 15_150)]
#[case("DROP ROLE nope", 15_151)]
#[case("DROP USER dbo", 15_150)]
fn a_grant_that_cannot_be_is_refused(#[case] text: &'static str, #[case] number: i32) {
    on_a_bench(async |bench| {
        let (bench, _clerk) = with_a_clerk(bench).await;
        assert_eq!(bench.error(text).await, number, "{text}");
    });
}

#[test]
fn a_grant_survives_backup_and_restore_and_is_undone_by_rollback() {
    on_a_bench(async |bench| {
        let (bench, clerk) = with_a_clerk(bench).await;
        bench.rows("BEGIN TRAN; GRANT SELECT ON t TO clerk; ROLLBACK").await;
        assert_eq!(clerk.error("SELECT a FROM t").await, 229);
        bench.rows("GRANT SELECT ON t TO clerk").await;
        drop(clerk);
        bench.rows(r"BACKUP DATABASE d TO DISK = 'D:\backup\d.bak'; USE master; DROP DATABASE d; RESTORE DATABASE d FROM DISK = 'D:\backup\d.bak'").await;
        let clerk = bench.as_login("clerk");
        assert_eq!(clerk.rows("SELECT COUNT(*) FROM t").await, "2");
        assert_eq!(clerk.error("DELETE t").await, 229);
    });
}
