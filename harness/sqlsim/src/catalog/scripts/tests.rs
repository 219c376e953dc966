//! Every system module parses, binds and answers.

use crate::catalog::tests::simulated;
use crate::session::collecting::CollectingSink;
use crate::session::open::{Introduction, OpenSession};
use crate::value::Value;
use crate::{Instance, exec};

async fn run(instance: &Instance, session: &OpenSession, text: &str) -> CollectingSink {
    let mut sink = CollectingSink::new();
    exec::batch(instance, session.session(), text, &mut sink).await;
    sink
}

/// A database with a bit of everything, current in the session.
async fn a_database(instance: &Instance) -> OpenSession {
    let session = instance.open_session(Introduction::of_service("tests", "here")).unwrap();
    for text in [
        "CREATE DATABASE d",
        "USE d CREATE TABLE t (id int IDENTITY CONSTRAINT pk PRIMARY KEY, v varchar(20) NOT NULL CONSTRAINT df DEFAULT 'a', \
         d decimal(9, 2), w nvarchar(max), at datetime, at2 datetime2(3), twice AS (id * 2))",
        "CREATE TABLE u (id int PRIMARY KEY, tid int CONSTRAINT fk REFERENCES t (id) ON DELETE CASCADE, n int CONSTRAINT ck CHECK (n > 0))",
        "CREATE INDEX ix ON u (tid DESC)",
        "INSERT t (d) VALUES (1), (2)",
        "CREATE VIEW v AS\nSELECT id\nFROM t",
        "CREATE PROCEDURE p @First int, @second varchar(10) = NULL, @third decimal(9, 2) OUTPUT AS SELECT 1",
    ] {
        let sink = run(instance, &session, text).await;
        assert!(sink.error().is_none(), "{text}: {:?}", sink.error());
    }
    session
}

#[test]
fn every_view_answers_in_every_database() {
    simulated(async |instance| {
        let session = a_database(&instance).await;
        let (_, views) = super::names();
        assert!(views.len() > 20, "the views have moved: tell this test where");
        for view in views {
            for database in ["d", "master", "msdb"] {
                let sink = run(&instance, &session, &format!("SELECT * FROM {database}.{view}")).await;
                assert!(sink.error().is_none(), "{database}.{view}: {:?}", sink.error());
            }
        }
        let sink =
            run(&instance, &session, "SELECT name FROM sysfiles; SELECT name FROM d..syscolumns").await;
        assert!(sink.error().is_none(), "{:?}", sink.error());
    });
}

#[test]
fn every_procedure_can_be_parsed() {
    let (procedures, _) = super::names();
    assert!(procedures.len() > 50, "the procedures have moved: tell this test where");
    for name in procedures {
        let script = super::procedure(&name).unwrap();
        let parsed = crate::tsql::parse_module(
            crate::tsql::ast::ObjectKind::Procedure,
            &script.text,
            &crate::tsql::NoTypes,
        );
        assert!(parsed.is_ok(), "{name}: {parsed:?}");
    }
}

/// The rows of the first result set, with `NULL` for nothing.
async fn rows(instance: &Instance, session: &OpenSession, text: &str) -> Vec<String> {
    let sink = run(instance, session, text).await;
    assert!(sink.error().is_none(), "{text}: {:?}", sink.error());
    let shown = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        other => {
            crate::value::convert::display(other, crate::value::DataType::SqlVariant, 0).unwrap_or_default()
        }
    };
    let sets = sink.sets.first().into_iter().flat_map(|set| set.rows.iter());
    sets.map(|row| row.iter().map(shown).collect::<Vec<_>>().join("|")).collect()
}

#[rstest::rstest]
#[case("EXEC sp_tables @table_type = \"'TABLE','VIEW'\"", &["d|dbo|t|TABLE|NULL", "d|dbo|u|TABLE|NULL", "d|dbo|v|VIEW|NULL"])]
#[case("EXEC sp_tables N'u%'", &["d|dbo|u|TABLE|NULL"])]
#[case("EXEC sp_columns 't', @column_name = 'd'", &["d|dbo|t|d|2|numeric|9|11|2|10|1|NULL|NULL|2|NULL|NULL|3|YES|108"])]
#[case("EXEC d.sys.sp_columns_100 N't', N'dbo', NULL, N'at', @ODBCVer = 3", &["d|dbo|t|at|93|datetime|23|16|3|NULL|1|NULL|NULL|9|3|NULL|5|YES|0|0|0|0|NULL|NULL|NULL|NULL|NULL|NULL|111"])]
#[case("EXEC sp_pkeys t", &["d|dbo|t|id|1|pk"])]
#[case("EXEC sp_fkeys @fktable_name = u", &["d|dbo|t|id|d|dbo|u|tid|1|1|0|fk|pk|7"])]
#[case("EXEC sp_special_columns t", &["1|id|4|int identity|10|4|0|1"])]
#[case("EXEC sp_stored_procedures", &["d|dbo|p;1|-1|-1|-1|NULL|2"])]
#[case("EXEC sp_sproc_columns p, @column_name = '@third'", &["d|dbo|p;1|@third|2|2|numeric|9|11|2|10|1|NULL|NULL|2|NULL|NULL|3|YES|108"])]
#[case("EXEC sp_datatype_info 4", &["int|4|10|NULL|NULL|NULL|1|0|2|0|0|0|int|0|0|4|NULL|10|NULL|56", "int identity|4|10|NULL|NULL|NULL|0|0|2|0|0|1|int identity|0|0|4|NULL|10|NULL|56"])]
#[case("EXEC sp_helptext v", &["CREATE VIEW v AS\n", "SELECT id\n", "FROM t"])]
#[case("EXEC sp_spaceused 't'", &["t|2                   |64 KB|8 KB|8 KB|48 KB"])]
#[case("EXEC sp_server_info 2", &["2|DBMS_VER|Microsoft SQL Server 2014 - 12.0.6024.0"])]
fn a_catalog_procedure_answers_as_documented(#[case] call: &str, #[case] expected: &[&str]) {
    simulated(async |instance| {
        let session = a_database(&instance).await;
        assert_eq!(rows(&instance, &session, call).await, expected, "{call}");
    });
}

#[rstest::rstest]
#[case("sp_tables", 5)]
#[case("sp_columns t", 19)]
#[case("sp_columns_100 t", 29)]
#[case("sp_datatype_info", 20)]
#[case("sp_datatype_info_100", 20)]
#[case("sp_pkeys t", 6)]
#[case("sp_fkeys t", 14)]
#[case("sp_statistics u", 13)]
#[case("sp_statistics_100 u", 13)]
#[case("sp_special_columns t", 8)]
#[case("sp_special_columns_100 t", 8)]
#[case("sp_stored_procedures", 8)]
#[case("sp_sproc_columns p", 20)]
#[case("sp_sproc_columns_100 p", 20)]
#[case("sp_table_privileges t", 7)]
#[case("sp_server_info", 3)]
#[case("sp_helpfile", 8)]
#[case("sp_helpfilegroup", 3)]
#[case("sp_spaceused", 3)]
#[case("sp_lock", 8)]
#[case("sp_help", 3)]
#[case("sp_help t", 4)]
#[case("sp_help p", 4)]
#[case("sp_helpindex u", 3)]
#[case("sp_helpserver", 7)]
#[case("sp_helplogins", 6)]
#[case("sp_helpuser", 7)]
#[case("sp_helprole", 3)]
#[case("sp_helprolemember", 3)]
#[case("sp_helpsrvrole", 2)]
#[case("sp_helprotect", 7)]
#[case("sp_validatelogins", 2)]
#[case("sp_change_users_login 'Report'", 2)]
fn a_procedure_gives_as_many_columns_as_the_manual_lists(#[case] call: &str, #[case] count: usize) {
    simulated(async |instance| {
        let session = a_database(&instance).await;
        let sink = run(&instance, &session, &format!("EXEC {call}")).await;
        assert!(sink.error().is_none(), "{call}: {:?}", sink.error());
        assert_eq!(sink.sets.first().map(|set| set.columns.len()), Some(count), "{call}");
    });
}

#[test]
fn the_older_security_procedures_do_what_their_statements_do() {
    simulated(async |instance| {
        let session = a_database(&instance).await;
        let set_up = "EXEC sp_addlogin 'bob', 'pass-W0rd', 'd'; EXEC sp_grantdbaccess 'bob'; EXEC sp_addrole 'readers'; \
            EXEC sp_addrolemember 'readers', 'bob'; EXEC sp_addrolemember 'db_datareader', 'readers'; EXEC sp_defaultdb 'bob', 'master'";
        assert!(run(&instance, &session, set_up).await.error().is_none());
        let roles = rows(&instance, &session, "EXEC sp_helprolemember 'readers'").await;
        assert!(roles.len() == 1 && roles[0].starts_with("readers|bob|"), "{roles:?}");
        let take_back = "EXEC sp_droprolemember 'readers', 'bob'; EXEC sp_droprolemember 'db_datareader', 'readers'; \
            EXEC sp_droprole 'readers'; EXEC sp_revokedbaccess 'bob'; EXEC sp_droplogin 'bob'";
        let sink = run(&instance, &session, take_back).await;
        assert!(sink.error().is_none(), "{:?}", sink.error());
        let sink = run(&instance, &session, "EXEC sp_addrolemember 'db_owner', 'nobody'").await;
        assert_eq!(sink.error().map(|e| e.number), Some(15_410));
    });
}

#[test]
fn an_orphaned_user_is_reported_and_gets_its_login_back() {
    simulated(async |instance| {
        let session = a_database(&instance).await;
        let orphan = "EXEC sp_addlogin 'chat', 'pass-W0rd'; EXEC sp_adduser 'chat'; EXEC sp_droplogin 'chat'; EXEC sp_addlogin 'chat', 'pass-W0rd'";
        assert!(run(&instance, &session, orphan).await.error().is_none());
        let report = rows(&instance, &session, "EXEC sp_change_users_login 'Report'").await;
        assert!(report.len() == 1 && report[0].starts_with("chat|"), "{report:?}");
        assert!(
            run(&instance, &session, "EXEC sp_change_users_login 'Auto_Fix', 'chat'").await.error().is_none()
        );
        assert!(rows(&instance, &session, "EXEC sp_change_users_login 'Report'").await.is_empty());
        let wrong =
            run(&instance, &session, "EXEC sp_change_users_login 'Update_One', 'chat', 'nobody'").await;
        assert_eq!(wrong.error().map(|e| e.number), Some(15_291));
    });
}

#[test]
fn a_statement_is_run_in_each_database_and_for_each_table() {
    simulated(async |instance| {
        let session = a_database(&instance).await;
        let tables = "CREATE TABLE #n (n nvarchar(100), c int); EXEC sp_MSforeachtable 'INSERT #n SELECT ''?'', COUNT(*) FROM ?'; SELECT n, c FROM #n ORDER BY n";
        assert_eq!(rows(&instance, &session, tables).await, ["[dbo].[t]|2", "[dbo].[u]|0"]);
        let databases = "CREATE TABLE #d (n sysname); EXEC sp_MSforeachdb 'USE [?]; INSERT #d VALUES (DB_NAME())'; SELECT n FROM #d ORDER BY n";
        assert_eq!(rows(&instance, &session, databases).await, ["d", "master", "model", "msdb", "tempdb"]);
    });
}
