//! Batches, calls, cancelled and killed requests.

use crate::support::{TestClient, connect, connect_with, sign_in, simulated, told};
use rstest::rstest;
use std::time::Duration;
use tiberius::numeric::Numeric;
use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};
use tiberius::{ColumnData, Command, Query, Row};

/// Rows of every result set of a batch.
async fn batch(client: &mut TestClient, text: &str) -> tiberius::Result<Vec<Vec<Row>>> {
    client.simple_query(text).await?.into_results().await
}

/// The only value of a batch, as an int.
async fn int(client: &mut TestClient, text: &str) -> i32 {
    let sets = batch(client, text).await.expect("a result");
    sets[0][0].try_get::<i32, _>(0).expect("an int").expect("not NULL")
}

#[test]
fn a_batch_gives_all_its_result_sets() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let sets =
            batch(&mut client, "SELECT 1 AS a, N'x' AS b; PRINT 'between'; SELECT 2 UNION ALL SELECT 3")
                .await
                .expect("two results");
        assert_eq!(sets.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(sets[0][0].try_get::<&str, _>("b").expect("a text"), Some("x"));
    });
}

#[test]
fn an_error_tells_number_class_state_and_line() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let error = batch(&mut client, "SELECT 1;\nSELECT 1/0;").await.expect_err("a division by zero");
        assert_eq!(told(&error), Some((8134, 16, 1)));
        let tiberius::error::Error::Server(token) = error else { unreachable!("told() said so") };
        assert_eq!((token.line(), token.server()), (2, "SQL-B"));
        assert_eq!(int(&mut client, "SELECT 7").await, 7);
    });
}

#[rstest]
#[case::bit(ColumnData::Bit(Some(true)))]
#[case::tinyint(ColumnData::U8(Some(255)))]
#[case::smallint(ColumnData::I16(Some(-2)))]
#[case::int(ColumnData::I32(Some(i32::MIN)))]
#[case::bigint(ColumnData::I64(Some(i64::MAX)))]
#[case::real(ColumnData::F32(Some(0.5)))]
#[case::float(ColumnData::F64(Some(-1e300)))]
#[case::text(ColumnData::String(Some("héllo 한국".into())))]
#[case::empty_text(ColumnData::String(Some("".into())))]
#[case::binary(ColumnData::Binary(Some(vec![0, 1, 255].into())))]
#[case::guid(ColumnData::Guid(Some(uuid::Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788))))]
#[case::numeric(ColumnData::Numeric(Some(Numeric::new_with_scale(-1_234_567, 3))))]
#[case::date(ColumnData::Date(Some(Date::new(738_000))))]
#[case::time(ColumnData::Time(Some(Time::new(863_999_999_999, 7))))]
#[case::datetime(ColumnData::DateTime(Some(DateTime::new(45_000, 25_919_999))))]
#[case::smalldatetime(ColumnData::SmallDateTime(Some(SmallDateTime::new(45_000, 1439))))]
#[case::datetime2(ColumnData::DateTime2(Some(DateTime2::new(
    Date::new(738_000),
    Time::new(1_234_567, 7)
))))]
#[case::datetimeoffset(ColumnData::DateTimeOffset(Some(DateTimeOffset::new(
    DateTime2::new(Date::new(738_000), Time::new(1_234_567, 7)),
    540
))))]
fn a_parameter_of_every_type_comes_back(#[case] value: ColumnData<'static>) {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let mut query = Query::new("SELECT @P1");
        query.bind(Bound(value.clone()));
        let row = query.query(&mut client).await.expect("an answer").into_row().await.expect("a row");
        let read = row.expect("one row").into_iter().next().expect("one column");
        assert_eq!(read, value);
    });
}

/// A value as tiberius sends it.
struct Bound(ColumnData<'static>);

impl<'a> tiberius::IntoSql<'a> for Bound {
    fn into_sql(self) -> ColumnData<'a> {
        self.0
    }
}

#[test]
fn null_parameters_come_back_as_null() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let rows = client
            .query("SELECT @P1, @P2, @P3", &[&None::<i32>, &None::<&str>, &None::<uuid::Uuid>])
            .await
            .expect("an answer")
            .into_first_result()
            .await
            .expect("rows");
        assert_eq!(rows[0].try_get::<i32, _>(0).expect("an int"), None);
        assert_eq!(rows[0].try_get::<&str, _>(1).expect("a text"), None);
        assert_eq!(rows[0].try_get::<uuid::Uuid, _>(2).expect("a GUID"), None);
    });
}

#[rstest]
#[case(512)]
#[case(4096)]
#[case(32_767)]
fn a_value_larger_than_packets_and_buffers_comes_back(#[case] packet_bytes: u32) {
    simulated(async |instance| {
        let mut config = sign_in("pass-W0rd");
        config.packet_size(packet_bytes);
        let mut client = connect_with(&instance, config).await.expect("a login");
        let long: String = "a long text, 한국어. ".repeat(20_000);
        let rows = client.query("SELECT @P1, LEN(@P1)", &[&long.as_str()]).await.expect("an answer");
        let rows = rows.into_first_result().await.expect("rows");
        assert_eq!(rows[0].try_get::<&str, _>(0).expect("a text"), Some(long.as_str()));
    });
}

#[test]
fn a_cancelled_request_leaves_the_session_usable() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let waited = batch(&mut client, "WAITFOR DELAY '01:00:00'");
        let waited = tokio::time::timeout(Duration::from_secs(5), waited).await;
        assert!(waited.is_err(), "the batch waits an hour");
        client.cancel_query().await.expect("an acknowledgement");
        assert_eq!(int(&mut client, "SELECT 5").await, 5);
        assert!(instance.clock().elapsed() < Duration::from_secs(60));
    });
}

#[test]
fn a_batch_that_never_ends_can_be_cancelled_and_keeps_nobody_out() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let mut other = connect(&instance).await;
        // The endless loop keeps the paused clock from moving, so it is left after the other's answer.
        tokio::select! {
            biased;
            _ = batch(&mut client, "WHILE 1 = 1 SET NOCOUNT ON") => unreachable!("the batch never ends"),
            seven = int(&mut other, "SELECT 7") => assert_eq!(seven, 7),
        }
        client.cancel_query().await.expect("an acknowledgement");
        assert_eq!(int(&mut client, "SELECT 8").await, 8);
    });
}

#[test]
fn a_statement_cancelled_while_it_waits_for_a_lock_leaves_nothing_behind() {
    simulated(async |instance| {
        let mut holder = connect(&instance).await;
        let mut waiter = connect(&instance).await;
        let mut third = connect(&instance).await;
        batch(&mut holder, "CREATE DATABASE d").await.expect("a database");
        batch(&mut holder, "CREATE TABLE d.dbo.t (a int PRIMARY KEY, b int)").await.expect("a table");
        batch(&mut holder, "INSERT d.dbo.t VALUES (1, 0), (2, 0)").await.expect("rows");
        batch(&mut holder, "BEGIN TRAN; UPDATE d.dbo.t SET b = 1 WHERE a = 2").await.expect("a lock");
        let waiting =
            batch(&mut waiter, "UPDATE d.dbo.t SET b = 9 WHERE a = 1; UPDATE d.dbo.t SET b = b + 5");
        assert!(tokio::time::timeout(Duration::from_secs(5), waiting).await.is_err(), "it is blocked");
        waiter.cancel_query().await.expect("an acknowledgement");
        let update = batch(&mut third, "UPDATE d.dbo.t SET b = b + 1 WHERE a = 1");
        tokio::time::timeout(Duration::from_secs(5), update).await.expect("no lock").expect("a change");
        batch(&mut holder, "COMMIT").await.expect("a commit");
        assert_eq!(int(&mut waiter, "SELECT @@TRANCOUNT").await, 0);
        // The first statement had ended before the attention; the second one left no trace.
        assert_eq!(int(&mut waiter, "SELECT SUM(b * (10 * a - 9)) FROM d.dbo.t").await, 10 + 11);
    });
}

#[test]
fn what_a_session_does_is_seen_by_others() {
    simulated(async |instance| {
        let mut busy = connect(&instance).await;
        let mut other = connect(&instance).await;
        let spid = int(&mut busy, "SELECT CAST(@@SPID AS int)").await;
        tokio::task::spawn_local(async move { batch(&mut busy, "WAITFOR DELAY '00:01:00'").await.map(drop) });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = format!("SELECT status, command FROM sys.dm_exec_requests WHERE session_id = {spid}");
        let sets = batch(&mut other, &seen).await.expect("a request");
        let seen = (sets[0][0].try_get("status"), sets[0][0].try_get("command"));
        assert!(matches!(seen, (Ok(Some("suspended")), Ok(Some("WAITFOR")))), "{seen:?}");
    });
}

#[test]
fn an_attention_that_comes_too_late_is_acknowledged_all_the_same() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let stream = client.simple_query("SELECT 1").await.expect("an answer");
        drop(stream);
        client.cancel_query().await.expect("an acknowledgement");
        assert_eq!(int(&mut client, "SELECT 6").await, 6);
    });
}

#[test]
fn a_killed_session_is_gone_and_its_client_learns_596() {
    simulated(async |instance| {
        let mut victim = connect(&instance).await;
        let mut operator = connect(&instance).await;
        let spid = int(&mut victim, "SELECT CAST(@@SPID AS int)").await;
        let waiting = tokio::task::spawn_local(async move {
            batch(&mut victim, "WAITFOR DELAY '01:00:00'").await.expect_err("the session was killed")
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        batch(&mut operator, &format!("KILL {spid}")).await.expect("a kill");
        let error = waiting.await.expect("a task that ended");
        assert_eq!(told(&error).map(|(number, class, _)| (number, class)), Some((596, 21)));
        let left = format!("SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE session_id = {spid}");
        assert_eq!(int(&mut operator, &left).await, 0);
        assert!(instance.clock().elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_client_that_disappears_takes_its_transaction_with_it() {
    simulated(async |instance| {
        let mut writer = connect(&instance).await;
        let mut reader = connect(&instance).await;
        batch(&mut writer, "CREATE DATABASE d").await.expect("a database");
        batch(&mut writer, "CREATE TABLE d.dbo.t (a int PRIMARY KEY)").await.expect("a table");
        batch(&mut writer, "BEGIN TRAN; INSERT d.dbo.t VALUES (1)").await.expect("a row");
        drop(writer);
        assert_eq!(int(&mut reader, "SELECT COUNT(*) FROM d.dbo.t").await, 0);
    });
}

#[test]
fn a_clients_own_transaction_requests_work() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        batch(&mut client, "CREATE DATABASE d").await.expect("a database");
        batch(&mut client, "CREATE TABLE d.dbo.t (a int PRIMARY KEY)").await.expect("a table");
        client.begin_transaction().await.expect("a transaction");
        batch(&mut client, "INSERT d.dbo.t VALUES (1)").await.expect("a row");
        assert_eq!(int(&mut client, "SELECT @@TRANCOUNT").await, 1);
        client.rollback_transaction().await.expect("a rollback");
        assert_eq!(int(&mut client, "SELECT COUNT(*) FROM d.dbo.t").await, 0);
        client.begin_transaction().await.expect("a transaction");
        batch(&mut client, "INSERT d.dbo.t VALUES (2)").await.expect("a row");
        client.commit_transaction().await.expect("a commit");
        assert_eq!(int(&mut client, "SELECT COUNT(*) FROM d.dbo.t").await, 1);
    });
}

#[test]
fn a_procedure_is_called_by_name() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        let mut call = Command::new("sp_executesql");
        call.bind_param("@stmt", "SELECT @a + @b");
        call.bind_param("@params", "@a int, @b int");
        call.bind_param("@a", 40_i32);
        call.bind_param("@b", 2_i32);
        let answer = call.exec(&mut client).await.expect("an answer");
        let result = answer.into_command_result().await.expect("a whole answer");
        assert_eq!(result.return_code(), 0);
    });
}

#[test]
fn a_connection_starts_in_the_database_it_asked_for() {
    simulated(async |instance| {
        let mut first = connect(&instance).await;
        batch(&mut first, "CREATE DATABASE Mgc").await.expect("a database");
        let mut config = sign_in("pass-W0rd");
        config.database("MGC");
        let mut client = connect_with(&instance, config).await.expect("a login");
        let sets = batch(&mut client, "SELECT DB_NAME()").await.expect("a name");
        assert_eq!(sets[0][0].try_get::<&str, _>(0).expect("a text"), Some("Mgc"));
    });
}

#[test]
fn a_thousand_rows_reach_a_client_that_reads_slowly() {
    simulated(async |instance| {
        let mut client = connect(&instance).await;
        batch(&mut client, "CREATE DATABASE d").await.expect("a database");
        batch(&mut client, "CREATE TABLE d.dbo.t (a int IDENTITY PRIMARY KEY, b nvarchar(200) NOT NULL)")
            .await
            .expect("a table");
        for _ in 0..50 {
            let values = vec!["(REPLICATE(N'x', 200))"; 20].join(",");
            batch(&mut client, &format!("INSERT d.dbo.t (b) VALUES {values}")).await.expect("rows");
        }
        let sets = batch(&mut client, "SELECT * FROM d.dbo.t ORDER BY a").await.expect("rows");
        assert_eq!(sets[0].len(), 1000);
        assert_eq!(sets[0][999].try_get::<i32, _>(0).expect("an int"), Some(1000));
    });
}
