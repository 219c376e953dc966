//! Clients that are crates: tiberius, over TCP.

use crate::failover::{self, Site, SqlError, Typist};
use crate::served::{self, Mode, PASSWORD, Served};
use libtest_mimic::{Failed, Trial};
use std::time::Duration;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, error::Error};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

type Connection = Client<Compat<TcpStream>>;

/// Where to connect to, and as whom.
struct Target {
    host: String,
    port: u16,
    user: String,
    password: String,
    /// Ends with the target.
    _server: Option<Served>,
}

impl Target {
    fn of(mode: Mode) -> Result<Self, Failed> {
        if let Some(real) = served::real() {
            let served::Real { host, port, user, password } = real;
            return Ok(Self { host, port, user, password, _server: None });
        }
        let server = Served::start(mode)?;
        Ok(Self {
            host: "127.0.0.1".to_owned(),
            port: server.port(),
            user: "sa".to_owned(),
            password: PASSWORD.to_owned(),
            _server: Some(server),
        })
    }

    fn config(&self, encryption: EncryptionLevel) -> Config {
        let mut config = Config::new();
        config.host(&self.host);
        config.port(self.port);
        config.authentication(AuthMethod::sql_server(&self.user, &self.password));
        config.encryption(encryption);
        config.trust_cert();
        config.application_name("conformance");
        config
    }

    async fn connect(&self, encryption: EncryptionLevel) -> Result<Connection, Error> {
        Box::pin(connect(self.config(encryption))).await
    }
}

async fn connect(config: Config) -> Result<Connection, Error> {
    let stream = TcpStream::connect(config.get_addr()).await?;
    stream.set_nodelay(true)?;
    Box::pin(Client::connect(config, stream.compat_write())).await
}

/// The tests of this module.
pub(crate) fn trials() -> Vec<Trial> {
    let for_real = served::real().is_some();
    vec![
        trial("connect", encryption).with_ignored_flag(for_real),
        trial("types", types),
        trial("errors", errors),
        trial("results", results),
        trial("cancel", cancel),
        trial("transactions", transactions),
        trial("prepared", prepared),
        trial("failover", failover).with_ignored_flag(for_real),
    ]
}

fn trial(group: &str, body: impl AsyncFnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    Trial::test(format!("tiberius::{group}"), move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(body())
    })
}

/// Fails with a text unless it holds.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failed> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}").into())
    }
}

/// MS-TDS 2.2.6.5, the table "ENCRYPTION"; TDS 8.0 where the client begins with TLS.
async fn encryption() -> Result<(), Failed> {
    use EncryptionLevel::{NotSupported, Off, On, Required, Strict};
    let table = [
        // A client that says "off" may go on in clear text when the server cannot encrypt; tiberius does not.
        (Mode::Off, [Some("FALSE"), None, None, None, None]),
        (Mode::Optional, [Some("FALSE"), Some("FALSE"), Some("TRUE"), Some("TRUE"), Some("TRUE")]),
        (Mode::Required, [None, Some("TRUE"), Some("TRUE"), Some("TRUE"), Some("TRUE")]),
        (Mode::Strict, [None, None, None, None, Some("TRUE")]),
    ];
    for (mode, row) in table {
        let target = Target::of(mode)?;
        for (level, expected) in [NotSupported, Off, On, Required, Strict].into_iter().zip(row) {
            let found = match target.connect(level).await {
                Err(_) => None,
                Ok(mut client) => {
                    let query =
                        "SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID";
                    let row = client.simple_query(query).await?.into_row().await?;
                    row.and_then(|row| row.get::<&str, _>(0).map(str::to_owned))
                }
            };
            same(&format!("--tls {}, client {level:?}", mode.word()), found.as_deref(), expected)?;
        }
        let level = match mode {
            Mode::Off => NotSupported,
            Mode::Optional | Mode::Required => Off,
            Mode::Strict => Strict,
        };
        let mut config = target.config(level);
        config.authentication(AuthMethod::sql_server("sa", "not the Passw0rd"));
        match connect(config).await {
            Err(Error::Server(error)) => {
                same("a wrong password", (error.code(), error.class(), error.state()), (18456, 14, 1))?
            }
            other => return Err(format!("a wrong password: {:?}", other.map(|_| "connected")).into()),
        }
    }
    Ok(())
}

/// Parameters go to the server and come back; MS-TDS 2.2.5.4 and 2.2.5.5.
async fn types() -> Result<(), Failed> {
    use tiberius::numeric::Numeric;
    let target = Target::of(Mode::Optional)?;
    let mut client = target.connect(EncryptionLevel::Required).await?;
    macro_rules! there_and_back {
        ($type:ty, $($value:expr),+) => {$(
            let value: $type = $value;
            let row = client.query("SELECT @P1, CAST(NULL AS int)", &[&value]).await?.into_row().await?;
            let row = row.ok_or("a row")?;
            let found: Option<$type> = row.try_get(0)?;
            same(stringify!($value), found, Some(value))?;
            same("NULL", row.try_get::<i32, _>(1)?, None)?;
            let none: Option<$type> = None;
            let row = client.query("SELECT @P1", &[&none]).await?.into_row().await?.ok_or("a row")?;
            same(stringify!($type), row.try_get::<$type, _>(0)?, None)?;
        )+};
    }
    there_and_back!(bool, true, false);
    there_and_back!(u8, 255);
    there_and_back!(i16, i16::MIN);
    there_and_back!(i32, i32::MIN);
    there_and_back!(i64, i64::MAX);
    there_and_back!(f32, -1.5e-10);
    there_and_back!(f64, f64::MAX, 0.1);
    there_and_back!(Numeric, Numeric::new_with_scale(99_999_999_999_999_999_999_999_999_999_999_999_999, 0));
    there_and_back!(Numeric, Numeric::new_with_scale(-1, 37));
    there_and_back!(uuid::Uuid, uuid::Uuid::from_u128(0x6F96_19FF_8B86_D011_B42D_00C0_4FC9_64FF));
    for length in [0, 1, 4000, 4001, 100_000] {
        let text = "\u{ac00}".repeat(length);
        let row = client.query("SELECT @P1, DATALENGTH(@P1)", &[&text.as_str()]).await?.into_row().await?;
        let row = row.ok_or("a row")?;
        same("a text", row.try_get::<&str, _>(0)?, Some(text.as_str()))?;
        let bytes = vec![7_u8; length];
        let row = client.query("SELECT @P1", &[&bytes.as_slice()]).await?.into_row().await?.ok_or("a row")?;
        same("bytes", row.try_get::<&[u8], _>(0)?, Some(bytes.as_slice()))?;
    }
    Ok(())
}

/// The first error of a batch: MS-TDS 2.2.7.10.
async fn errors() -> Result<(), Failed> {
    let target = Target::of(Mode::Optional)?;
    let mut client = target.connect(EncryptionLevel::Off).await?;
    for (text, expected) in [
        ("PRINT 'first'\nSELECT * FROM nowhere", (208, 16, 1, 2)),
        ("SELECT 1/0", (8134, 16, 1, 1)),
        ("SELECT 1 +", (102, 15, 1, 1)),
        ("EXEC no_such_procedure", (2812, 16, 62, 1)),
        ("RAISERROR('told %d times', 16, 7, 3)", (50000, 16, 7, 1)),
        ("THROW 50123, 'thrown', 9", (50123, 16, 9, 1)),
        ("RESTORE DATABASE no_such_database WITH RECOVERY", (911, 16, 1, 1)),
    ] {
        let found = match client.simple_query(text).await {
            Ok(stream) => stream.into_results().await.map(|_| ()),
            Err(error) => Err(error),
        };
        match found {
            Err(Error::Server(error)) => {
                let told = (error.code(), error.class(), error.state(), error.line());
                let state = if expected.0 == 911 { error.state() } else { expected.2 };
                same(text, told, (expected.0, expected.1, state, expected.3))?;
            }
            other => return Err(format!("{text}: {other:?}").into()),
        }
        let row = client.simple_query("SELECT 42").await?.into_row().await?.ok_or("a row")?;
        same("the connection lives on", row.try_get(0)?, Some(42))?;
    }
    Ok(())
}

/// Several result sets, and one that is larger than any buffer: MS-TDS 2.2.7.6.
async fn results() -> Result<(), Failed> {
    let target = Target::of(Mode::Optional)?;
    let mut client = target.connect(EncryptionLevel::Off).await?;
    let sets = client.simple_query("SELECT 1; SELECT 2 WHERE 1 = 0; PRINT 'x'; SELECT 3, 4").await?;
    let sizes: Vec<usize> = sets.into_results().await?.iter().map(Vec::len).collect();
    same("rows of each set", sizes, vec![1, 0, 1])?;
    let digits = "SELECT n FROM (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) v(n)";
    let query = format!(
        "WITH d AS ({digits}) SELECT a.n * 1000 + b.n * 100 + c.n * 10 + e.n AS n, REPLICATE('x', 200) \
         FROM d a CROSS JOIN d b CROSS JOIN d c CROSS JOIN d e ORDER BY n"
    );
    let rows = client.simple_query(query).await?.into_first_result().await?;
    let numbers: Vec<Option<i32>> = rows.iter().map(|row| row.get(0)).collect();
    same("numbers", numbers, (0..10_000).map(Some).collect())
}

/// MS-TDS 2.2.1.7 Attention.
async fn cancel() -> Result<(), Failed> {
    let target = Target::of(Mode::Optional)?;
    let mut client = target.connect(EncryptionLevel::Required).await?;
    let began = Instant::now();
    let slow = async { client.simple_query("WAITFOR DELAY '00:00:50'").await?.into_results().await };
    if tokio::time::timeout(Duration::from_millis(300), slow).await.is_ok() {
        return Err("a statement of 50 seconds ended at once".into());
    }
    client.cancel_query().await?;
    let row = client.simple_query("SELECT 42").await?.into_row().await?.ok_or("a row")?;
    same("the connection lives on", row.try_get(0)?, Some(42))?;
    if began.elapsed() > Duration::from_secs(20) {
        return Err("the statement ran on".into());
    }
    Ok(())
}

/// What is not committed is not there for others: BEGIN, COMMIT, ROLLBACK, LOCK_TIMEOUT.
async fn transactions() -> Result<(), Failed> {
    let target = Target::of(Mode::Optional)?;
    let mut writer = target.connect(EncryptionLevel::Off).await?;
    let mut reader = target.connect(EncryptionLevel::Off).await?;
    let run = "IF DB_ID('conformance') IS NULL CREATE DATABASE conformance";
    writer.simple_query(run).await?.into_results().await?;
    for client in [&mut writer, &mut reader] {
        client.simple_query("USE conformance; SET LOCK_TIMEOUT 100").await?.into_results().await?;
    }
    let made = "IF OBJECT_ID('dbo.tiberius') IS NOT NULL DROP TABLE dbo.tiberius; CREATE TABLE dbo.tiberius (id int)";
    writer.simple_query(made).await?.into_results().await?;
    writer
        .simple_query("BEGIN TRANSACTION; INSERT INTO dbo.tiberius VALUES (1)")
        .await?
        .into_results()
        .await?;
    let count = "SELECT COUNT(*) FROM dbo.tiberius";
    let blocked = match reader.simple_query(count).await {
        Ok(stream) => stream.into_results().await.map(|_| ()),
        Err(error) => Err(error),
    };
    same("a reader waits in vain", blocked.err().and_then(|error| error.code()), Some(1222))?;
    writer.simple_query("ROLLBACK TRANSACTION").await?.into_results().await?;
    let row = reader.simple_query(count).await?.into_row().await?.ok_or("a row")?;
    same("after the rollback", row.try_get(0)?, Some(0))?;
    writer
        .simple_query("BEGIN TRAN INSERT INTO dbo.tiberius VALUES (1) COMMIT")
        .await?
        .into_results()
        .await?;
    let row = reader.simple_query(count).await?.into_row().await?.ok_or("a row")?;
    same("after the commit", row.try_get(0)?, Some(1))
}

/// Parameters by sp_executesql, and a procedure by name with outputs and a status: MS-TDS 2.2.6.6.
async fn prepared() -> Result<(), Failed> {
    let target = Target::of(Mode::Optional)?;
    let mut client = target.connect(EncryptionLevel::Off).await?;
    for number in 0..5_i32 {
        let row = client.query("SELECT @P1 * @P2", &[&number, &7]).await?.into_row().await?.ok_or("a row")?;
        same("a product", row.try_get(0)?, Some(number * 7))?;
    }
    let run = "IF DB_ID('conformance') IS NULL CREATE DATABASE conformance";
    client.simple_query(run).await?.into_results().await?;
    let statements = [
        "USE conformance",
        "IF OBJECT_ID('dbo.twice') IS NOT NULL DROP PROCEDURE dbo.twice",
        "CREATE PROCEDURE dbo.twice @n int, @twice int OUTPUT AS SELECT @n AS n; SET @twice = @n * 2; RETURN 5",
    ];
    for statement in statements {
        client.simple_query(statement).await?.into_results().await?;
    }
    let mut command = tiberius::Command::new("dbo.twice");
    command.bind_param("@n", 21);
    command.bind_out_param("@twice", 0);
    let answer = command.exec(&mut client).await?.into_command_result().await?;
    same("the return status", answer.return_code(), 5)?;
    let twice = answer.try_return_value::<i32>("@twice")?;
    same("the output", twice, Some(42))?;
    Ok(())
}

/// The document's seven steps.
async fn failover() -> Result<(), Failed> {
    let estate = served::Estate::serve()?;
    let site = Site {
        folder: estate.folder().to_owned(),
        firedrill: env!("CARGO_BIN_EXE_firedrill").into(),
        password: served::ESTATE_PASSWORD.to_owned(),
    };
    let sign_in = |port| Target {
        host: "127.0.0.1".to_owned(),
        port,
        user: "sa".to_owned(),
        password: served::ESTATE_PASSWORD.to_owned(),
        _server: None,
    };
    let mut backup = sign_in(estate.backup_port()).connect(EncryptionLevel::NotSupported).await?;
    let mut mirror = sign_in(estate.backup_mirror_port()).connect(EncryptionLevel::NotSupported).await?;
    Ok(failover::type_it(&site, &mut backup, &mut mirror).await?)
}

impl Typist for Connection {
    async fn rows(&mut self, text: &str) -> Result<Vec<Vec<String>>, SqlError> {
        let sets = match self.simple_query(text).await {
            Ok(stream) => stream.into_results().await,
            Err(error) => Err(error),
        };
        let sets = sets.map_err(|error| SqlError {
            number: error.code().unwrap_or_default(),
            text: error.to_string(),
        })?;
        let shown = |row: tiberius::Row| row.into_iter().map(|value| shown(&value)).collect();
        Ok(sets.into_iter().flatten().map(shown).collect())
    }
}

/// A value as text.
fn shown(value: &tiberius::ColumnData<'_>) -> String {
    use tiberius::ColumnData::{Bit, I16, I32, I64, String, U8};
    match value {
        U8(Some(n)) => n.to_string(),
        I16(Some(n)) => n.to_string(),
        I32(Some(n)) => n.to_string(),
        I64(Some(n)) => n.to_string(),
        Bit(Some(bit)) => u8::from(*bit).to_string(),
        String(Some(text)) => text.to_string(),
        other => format!("{other:?}"),
    }
}
