//! Microsoft's own client in Rust, mssql-tds, against a server named in the environment.
//!
//! `mssql_tds GROUP` runs one group of cases, as the clients in Python do; `tests/conformance/main.rs` starts it. Each
//! case names the documented behaviour it rests on.

#[path = "../../failover.rs"]
mod failover;

use failover::{Site, SqlError, Typist};
use mssql_tds::connection::client_context::ClientContext;
use mssql_tds::connection::cursor_ops::CursorClient;
use mssql_tds::connection::tds_client::{ExecuteOptions, ResultSet, StatementResult, TdsClient};
use mssql_tds::connection_provider::tds_connection_provider::TdsConnectionProvider;
use mssql_tds::core::EncryptionSetting;
use mssql_tds::cursor::{CursorConcurrency, CursorScrollOption, FetchDirection, FetchStatus};
use mssql_tds::datatypes::column_values::ColumnValues;
use mssql_tds::datatypes::sql_string::SqlString;
use mssql_tds::datatypes::sqltypes::SqlType;
use mssql_tds::error::Error;
use mssql_tds::message::login_options::ApplicationIntent;
use mssql_tds::message::parameters::rpc_parameters::{RpcParameter, StatusFlags};
use mssql_tds::message::transaction_management::TransactionIsolationLevel;
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let group = std::env::args().nth(1).unwrap_or_default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match &*group {
            "connect" => connect().await,
            "types" => types().await,
            "errors" => errors().await,
            "results" => results().await,
            "cancel" => cancel().await,
            "transactions" => transactions().await,
            "prepared" => prepared().await,
            "sessions" => sessions().await,
            "cursors" => cursors().await,
            "failover" => failover().await,
            _ => Err(format!("there is no group {group:?}")),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{group}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn variable(name: &str) -> String {
    std::env::var(format!("CONFORMANCE_{name}")).unwrap_or_default()
}

/// The server's own error, or the client's (number 0).
fn told(error: Error) -> SqlError {
    match &error {
        Error::SqlServerError { diagnostics } => {
            let first = diagnostics.errors.first();
            let number = first.map_or(0, |first| first.number);
            let text =
                diagnostics.errors.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; ");
            SqlError { number, text }
        }
        _ => SqlError { number: 0, text: error.to_string() },
    }
}

async fn open(encryption: EncryptionSetting, port: &str, password: &str) -> Result<TdsClient, Error> {
    open_with(context(encryption, password), port).await
}

async fn open_with(context: ClientContext, port: &str) -> Result<TdsClient, Error> {
    let address = format!("tcp:{},{port}", variable("HOST"));
    Box::pin(TdsConnectionProvider {}.create_client(context, &address, None)).await
}

fn context(encryption: EncryptionSetting, password: &str) -> ClientContext {
    let mut context = ClientContext::default();
    context.user_name = variable("USER");
    context.password = password.to_owned();
    context.database = "master".to_owned();
    context.application_name = "conformance".to_owned();
    context.encryption_options.mode = encryption;
    context.encryption_options.trust_server_certificate = true;
    if encryption == EncryptionSetting::Strict {
        // A strict client verifies; it is told which certificate to expect.
        context.encryption_options.server_certificate = Some(variable("CERTIFICATE").into());
    }
    context
}

struct Client(TdsClient);

impl Client {
    async fn new() -> Result<Self, String> {
        let opened = open(EncryptionSetting::Required, &variable("PORT"), &variable("PASSWORD")).await;
        Ok(Self(opened.map_err(told)?))
    }

    /// All result sets of a batch.
    async fn sets(&mut self, text: &str) -> Result<Vec<Vec<Vec<ColumnValues>>>, SqlError> {
        let first = self.0.execute(text.to_owned(), ()).await.map_err(told)?;
        self.rest(first).await
    }

    async fn rest(&mut self, first: StatementResult) -> Result<Vec<Vec<Vec<ColumnValues>>>, SqlError> {
        let mut sets = Vec::new();
        let mut result = first;
        loop {
            match result {
                StatementResult::Rows => {
                    let mut rows = Vec::new();
                    while let Some(row) = self.0.next_row().await.map_err(told)? {
                        rows.push(row);
                    }
                    sets.push(rows);
                }
                StatementResult::NoRows { .. } => {}
                StatementResult::End => break,
            }
            result = self.0.advance().await.map_err(told)?;
        }
        self.0.close_query().await.map_err(told)?;
        Ok(sets)
    }

    async fn scalar(&mut self, text: &str) -> Result<String, SqlError> {
        let rows = self.rows(text).await?;
        Ok(rows.into_iter().flatten().next().unwrap_or_default())
    }
}

/// A value as text.
fn shown(value: &ColumnValues) -> String {
    match value {
        ColumnValues::TinyInt(n) => n.to_string(),
        ColumnValues::SmallInt(n) => n.to_string(),
        ColumnValues::Int(n) => n.to_string(),
        ColumnValues::BigInt(n) => n.to_string(),
        ColumnValues::Bit(bit) => u8::from(*bit).to_string(),
        ColumnValues::String(text) => text.to_utf8_string(),
        ColumnValues::Null => "NULL".to_owned(),
        other => format!("{other:?}"),
    }
}

impl Typist for Client {
    async fn rows(&mut self, text: &str) -> Result<Vec<Vec<String>>, SqlError> {
        match self.sets(text).await {
            Ok(sets) => Ok(sets.iter().flatten().map(|row| row.iter().map(shown).collect()).collect()),
            Err(error) => {
                // What the failed batch still has to say is read, so that the next one can be sent.
                let _ = self.0.close_query().await;
                Err(error)
            }
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

/// MS-TDS 2.2.6.5, the table "ENCRYPTION"; TDS 8.0 where the client begins with TLS; error 18456.
async fn connect() -> Outcome {
    use EncryptionSetting::{On, PreferOff, Required, Strict};
    for listed in variable("TLS_PORTS").split(',').filter(|one| !one.is_empty()) {
        let (mode, port) = listed.split_once('=').ok_or("a mode and its port")?;
        let row = match mode {
            "off" => [Some("FALSE"), None, None, None],
            "optional" => [Some("FALSE"), Some("TRUE"), Some("TRUE"), Some("TRUE")],
            "required" => [Some("TRUE"); 4],
            _ => [None, None, None, Some("TRUE")],
        };
        for (setting, expected) in [PreferOff, On, Required, Strict].into_iter().zip(row) {
            let found = match open(setting, port, &variable("PASSWORD")).await {
                Err(_) => None,
                Ok(client) => {
                    let query =
                        "SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID";
                    Some(Client(client).scalar(query).await?)
                }
            };
            same(&format!("--tls {mode}, client {setting:?}"), found.as_deref(), expected)?;
        }
    }
    match open(Required, &variable("PORT"), "not the Passw0rd").await {
        Ok(_) => Err("a wrong password was taken".to_owned()),
        Err(error) => same("a wrong password", told(error).number, 18456),
    }
}

fn parameter(name: &str, value: SqlType) -> RpcParameter {
    RpcParameter::new(Some(name.to_owned()), StatusFlags::NONE, value)
}

/// Parameters go to the server and come back; MS-TDS 2.2.5.4 and 2.2.5.5.
async fn types() -> Outcome {
    let mut client = Client::new().await?;
    let text = |text: &str| Some(SqlString::from_utf8_string(text.to_owned()));
    let long = "\u{ac00}".repeat(100_000);
    let table: Vec<(SqlType, ColumnValues)> = vec![
        (SqlType::Bit(Some(true)), ColumnValues::Bit(true)),
        (SqlType::TinyInt(Some(255)), ColumnValues::TinyInt(255)),
        (SqlType::SmallInt(Some(i16::MIN)), ColumnValues::SmallInt(i16::MIN)),
        (SqlType::Int(Some(i32::MIN)), ColumnValues::Int(i32::MIN)),
        (SqlType::BigInt(Some(i64::MAX)), ColumnValues::BigInt(i64::MAX)),
        (SqlType::Real(Some(-1.5e-10)), ColumnValues::Real(-1.5e-10)),
        (SqlType::Float(Some(0.1)), ColumnValues::Float(0.1)),
        (SqlType::Int(None), ColumnValues::Null),
        (SqlType::NVarcharMax(None), ColumnValues::Null),
        (SqlType::VarBinary(Some(vec![0, 1, 255]), 8000), ColumnValues::Bytes(vec![0, 1, 255])),
        (SqlType::VarBinaryMax(Some(vec![7; 100_000])), ColumnValues::Bytes(vec![7; 100_000])),
    ];
    for (value, expected) in table {
        let what = format!("{value:?}").chars().take(60).collect::<String>();
        let sent = vec![parameter("@a", value)];
        let first = client.0.execute_sp_executesql("SELECT @a".to_owned(), sent, ()).await.map_err(told)?;
        let sets = client.rest(first).await?;
        let found = sets.into_iter().flatten().flatten().next().ok_or("a row")?;
        same(&what, found == expected, true).map_err(|_| format!("{what}: found {found:?}"))?;
    }
    for given in ["", "a", "\u{ac00}\u{1f600}'", &long] {
        let sent = vec![parameter("@a", SqlType::NVarcharMax(text(given)))];
        let first = client.0.execute_sp_executesql("SELECT @a".to_owned(), sent, ()).await.map_err(told)?;
        let sets = client.rest(first).await?;
        let found = sets.iter().flatten().flatten().next().map(shown);
        same("a text", found.as_deref(), Some(given))?;
    }
    let moments = "SELECT CAST('2026-01-02' AS date), CAST('13:14:15.1234567' AS time), SYSDATETIME(), \
                   SYSDATETIMEOFFSET(), GETDATE(), CAST('2026-01-02 03:04' AS smalldatetime), CAST(1.5 AS money), \
                   CAST(-1.25 AS decimal(38, 10)), NEWID(), CAST('<a/>' AS xml)";
    let row = client.sets(moments).await?.into_iter().flatten().next().ok_or("a row")?;
    let kinds = [
        matches!(row[0], ColumnValues::Date(_)),
        matches!(row[1], ColumnValues::Time(_)),
        matches!(row[2], ColumnValues::DateTime2(_)),
        matches!(row[3], ColumnValues::DateTimeOffset(_)),
        matches!(row[4], ColumnValues::DateTime(_)),
        matches!(row[5], ColumnValues::SmallDateTime(_)),
        matches!(row[6], ColumnValues::Money(_)),
        matches!(row[7], ColumnValues::Decimal(_) | ColumnValues::Numeric(_)),
        matches!(row[8], ColumnValues::Uuid(_)),
        matches!(row[9], ColumnValues::Xml(_)),
    ];
    same("kinds of values", kinds, [true; 10])
}

/// The first error of a batch, with everything the server says of it: MS-TDS 2.2.7.10.
async fn errors() -> Outcome {
    let mut client = Client::new().await?;
    for (text, expected) in [
        ("PRINT 'first'\nSELECT * FROM nowhere", (208, 16, 1, 2)),
        ("SELECT 1/0", (8134, 16, 1, 1)),
        ("SELECT 1 +", (102, 15, 1, 1)),
        ("EXEC no_such_procedure", (2812, 16, 62, 1)),
        ("RAISERROR('told %d times', 16, 7, 3)", (50000, 16, 7, 1)),
        ("THROW 50123, 'thrown', 9", (50123, 16, 9, 1)),
    ] {
        let failed = run_to_end(&mut client.0, text).await;
        let Err(Error::SqlServerError { diagnostics }) = failed else {
            return Err(format!("{text}: {failed:?}"));
        };
        let first = diagnostics.errors.first().ok_or("an error")?;
        let line = first.line_number.unwrap_or_default();
        same(text, (first.number, i32::from(first.class), i32::from(first.state), line), expected)?;
        let _ = client.0.close_query().await;
        same("the connection lives on", client.scalar("SELECT 42").await?, "42".to_owned())?;
    }
    Ok(())
}

async fn run_to_end(client: &mut TdsClient, text: &str) -> Result<(), Error> {
    let mut result = client.execute(text.to_owned(), ()).await?;
    loop {
        match result {
            StatementResult::Rows => while client.next_row().await?.is_some() {},
            StatementResult::NoRows { .. } => {}
            StatementResult::End => return Ok(()),
        }
        result = client.advance().await?;
    }
}

/// Several result sets, messages, and a result larger than any buffer: MS-TDS 2.2.7.6.
async fn results() -> Outcome {
    let mut client = Client::new().await?;
    let sets = client.sets("SELECT 1; SELECT 2 WHERE 1 = 0; PRINT 'x'; SELECT 3, 4").await?;
    same("rows of each set", sets.iter().map(Vec::len).collect(), vec![1, 0, 1])?;
    let digits = "SELECT n FROM (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) v(n)";
    let query = format!(
        "WITH d AS ({digits}) SELECT a.n * 1000 + b.n * 100 + c.n * 10 + e.n AS n, REPLICATE('x', 200) \
         FROM d a CROSS JOIN d b CROSS JOIN d c CROSS JOIN d e ORDER BY n"
    );
    let rows = client.rows(&query).await?;
    let numbers: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next()).collect();
    same("numbers", numbers, (0..10_000).map(|n| n.to_string()).collect())
}

/// A statement that lasts longer than its time: the client sends its attention. MS-TDS 2.2.1.7.
async fn cancel() -> Outcome {
    let mut client = Client::new().await?;
    let began = Instant::now();
    let options = ExecuteOptions::new().timeout_secs(1);
    match client.0.execute("WAITFOR DELAY '00:00:50'".to_owned(), options).await {
        Err(Error::TimeoutError(_)) => {}
        other => return Err(format!("a statement of 50 seconds: {other:?}")),
    }
    same("the connection lives on", client.scalar("SELECT 42").await?, "42".to_owned())?;
    if began.elapsed() > Duration::from_secs(20) { Err("the statement ran on".to_owned()) } else { Ok(()) }
}

/// Transaction manager requests: MS-TDS 2.2.6.9. What is rolled back is gone, what is committed is there.
async fn transactions() -> Outcome {
    let mut client = Client::new().await?;
    client.rows("IF DB_ID('conformance') IS NULL CREATE DATABASE conformance").await?;
    client.rows("USE conformance").await?;
    let made = "IF OBJECT_ID('dbo.mssql_tds') IS NOT NULL DROP TABLE dbo.mssql_tds; CREATE TABLE dbo.mssql_tds (id int)";
    client.rows(made).await?;
    for (commits, expected) in [(false, "0"), (true, "1")] {
        client.0.begin_transaction(TransactionIsolationLevel::ReadCommitted, None).await.map_err(told)?;
        client.rows("INSERT INTO dbo.mssql_tds VALUES (1)").await?;
        same("@@TRANCOUNT", client.scalar("SELECT @@TRANCOUNT").await?, "1".to_owned())?;
        if commits {
            client.0.commit_transaction(None, None).await.map_err(told)?;
        } else {
            client.0.rollback_transaction(None, None).await.map_err(told)?;
        }
        let count = client.scalar("SELECT COUNT(*) FROM dbo.mssql_tds").await?;
        same("rows", count.as_str(), expected)?;
    }
    Ok(())
}

/// Parameters by sp_executesql, and a procedure by name with an output and a status: MS-TDS 2.2.6.6.
async fn prepared() -> Outcome {
    let mut client = Client::new().await?;
    for number in 0..5_i32 {
        let sent = vec![parameter("@a", SqlType::Int(Some(number))), parameter("@b", SqlType::Int(Some(7)))];
        let first =
            client.0.execute_sp_executesql("SELECT @a * @b".to_owned(), sent, ()).await.map_err(told)?;
        let sets = client.rest(first).await?;
        let found = sets.iter().flatten().flatten().next().map(shown);
        same("a product", found, Some((number * 7).to_string()))?;
    }
    client.rows("IF DB_ID('conformance') IS NULL CREATE DATABASE conformance").await?;
    client.rows("USE conformance").await?;
    client.rows("IF OBJECT_ID('dbo.twice') IS NOT NULL DROP PROCEDURE dbo.twice").await?;
    client
        .rows("CREATE PROCEDURE dbo.twice @n int, @twice int OUTPUT AS SELECT @n AS n; SET @twice = @n * 2; RETURN 5")
        .await?;
    let sent = vec![
        parameter("@n", SqlType::Int(Some(21))),
        RpcParameter::new(Some("@twice".to_owned()), StatusFlags::BY_REF_VALUE, SqlType::Int(None)),
    ];
    let first = client
        .0
        .execute_stored_procedure("dbo.twice".to_owned(), None, Some(sent), ())
        .await
        .map_err(told)?;
    client.rest(first).await?;
    same("the return status", client.0.get_return_status(), Some(5))?;
    let outputs: Vec<String> =
        client.0.get_return_values().iter().map(|output| shown(&output.value)).collect();
    same("the output", outputs, vec!["42".to_owned()])
}

/// A pooled connection is reset (MS-TDS 2.2.3.1.2); a client that only means to read is let in; a change of the password
/// while logging in is refused by the simulated server, and then nothing has changed.
async fn sessions() -> Outcome {
    let mut client = Client::new().await?;
    client.rows("CREATE TABLE #t (i int); SET LOCK_TIMEOUT 7; USE msdb").await?;
    let look =
        "SELECT CONCAT(OBJECT_ID('tempdb..#t'), '|', @@LOCK_TIMEOUT, '|', DB_NAME(), '|', @@TRANCOUNT)";
    client.0.begin_transaction(TransactionIsolationLevel::Serializable, None).await.map_err(told)?;
    client.0.prepare_reset_connection(false);
    same("after the reset", client.scalar(look).await?, "|-1|master|0".to_owned())?;

    let mut reader = context(EncryptionSetting::Required, &variable("PASSWORD"));
    reader.application_intent = ApplicationIntent::ReadOnly;
    let mut reader = Client(open_with(reader, &variable("PORT")).await.map_err(told)?);
    same("read-only intent", reader.scalar("SELECT 42").await?, "42".to_owned())?;

    let is_simulated = client.scalar("SELECT SERVERPROPERTY('MachineName')").await.is_ok()
        && !variable("CERTIFICATE").is_empty();
    if is_simulated {
        let mut changing = context(EncryptionSetting::Required, &variable("PASSWORD"));
        changing.change_password = "An0ther-one".to_owned();
        match open_with(changing, &variable("PORT")).await {
            Ok(_) => return Err("the password was changed".to_owned()),
            Err(error) => same("a change of the password", told(error).number, 18456)?,
        }
        Client::new().await?;
    }
    Ok(())
}

/// Cursors by the numbers of their procedures: "Cursor stored procedures (Transact-SQL)".
async fn cursors() -> Outcome {
    let mut client = Client::new().await?;
    let query = "SELECT n FROM (VALUES (1), (2), (3), (4), (5)) v(n) ORDER BY n";
    let opened = client
        .0
        .cursor_open(query, CursorScrollOption::STATIC, CursorConcurrency::READONLY, 0, None, None)
        .await
        .map_err(told)?;
    let mut seen = Vec::new();
    for (direction, row) in [
        (FetchDirection::FIRST, 0),
        (FetchDirection::NEXT, 0),
        (FetchDirection::ABSOLUTE, 4),
        (FetchDirection::PREV, 0),
        (FetchDirection::LAST, 0),
    ] {
        client.0.cursor_fetch(opened.cursor_id, direction, row, 2, None, None).await.map_err(told)?;
        let mut block = String::new();
        while let Some((values, status)) = client.0.next_cursor_row().await.map_err(told)? {
            same("the status of a row", status, FetchStatus::SUCCEEDED)?;
            block.push_str(&values.first().map(shown).unwrap_or_default());
        }
        client.0.close_query().await.map_err(told)?;
        seen.push(block);
    }
    same("blocks of two rows", seen, ["12", "34", "45", "23", "45"].map(str::to_owned).to_vec())?;
    client.0.cursor_close(opened.cursor_id, None, None).await.map_err(told)?;
    let fetched = client.0.cursor_fetch(opened.cursor_id, FetchDirection::NEXT, 0, 1, None, None).await;
    same("a closed cursor", fetched.map_err(told).err().map(|error| error.number), Some(16909))?;
    let mut client = Client::new().await?;
    let parameters = vec![parameter("@n", SqlType::Int(Some(3)))];
    let opened = client
        .0
        .cursor_prepexec(
            "SELECT n FROM (VALUES (1), (2), (3), (4), (5)) v(n) WHERE n > @n ORDER BY n",
            parameters,
            CursorScrollOption::STATIC,
            CursorConcurrency::READONLY,
            0,
            None,
            None,
        )
        .await
        .map_err(told)?;
    client
        .0
        .cursor_fetch(opened.cursor.cursor_id, FetchDirection::FIRST, 0, 10, None, None)
        .await
        .map_err(told)?;
    let mut rows = 0;
    while client.0.next_cursor_row().await.map_err(told)?.is_some() {
        rows += 1;
    }
    client.0.close_query().await.map_err(told)?;
    same("rows of a prepared cursor", rows, 2)?;
    client.0.cursor_close(opened.cursor.cursor_id, None, None).await.map_err(told)?;
    Ok(client.0.cursor_unprepare(opened.prepared_handle, None, None).await.map_err(told)?)
}

/// The document's seven steps.
async fn failover() -> Outcome {
    let site = Site {
        folder: variable("ESTATE").into(),
        firedrill: variable("FIREDRILL").into(),
        password: variable("PASSWORD"),
    };
    let port = variable("BACKUP_MIRROR_PORT");
    let mirror = open(EncryptionSetting::PreferOff, &port, &variable("PASSWORD")).await;
    let backup = open(EncryptionSetting::PreferOff, &variable("PORT"), &variable("PASSWORD")).await;
    let (mut backup, mut mirror) = (Client(backup.map_err(told)?), Client(mirror.map_err(told)?));
    failover::type_it(&site, &mut backup, &mut mirror).await
}
