//! Everything the shell touches outside itself: connections to SQL Servers, the
//! clock, script files, and what a cmdlet costs in time. Nothing else in the
//! crate reaches the world.

use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::observer::CmdletObserver;

/// A connection's bytes, as tiberius wants them.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}

/// Opens connections to SQL Servers: sockets for the program, links for a simulation.
#[async_trait(?Send)]
pub trait Connector {
    /// Connects to a SQL Server instance.
    ///
    /// `instance` is a named instance, `None` the default one; `port` wins over
    /// both when it is known.
    async fn connect(
        &self,
        fqdn: &str,
        instance: Option<&str>,
        port: Option<u16>,
    ) -> io::Result<Box<dyn ByteStream>>;
}

/// The time of day.
pub trait Clock {
    /// Now, in UTC.
    fn utc_now(&self) -> jiff::Timestamp;
}

/// Script files named by `-File`.
pub trait ScriptFiles {
    /// The text of the script at `path`.
    fn read(&self, path: &str) -> io::Result<String>;
}

/// No script files at all: a simulated machine that has none.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoScriptFiles;

impl ScriptFiles for NoScriptFiles {
    fn read(&self, _path: &str) -> io::Result<String> {
        Err(io::Error::new(io::ErrorKind::NotFound, "there is no such file on this machine"))
    }
}

/// How a connection is protected.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// No TLS, for servers that offer none.
    #[default]
    Off,
    /// TLS, with a certificate this machine trusts.
    On,
    /// TLS, whatever the certificate.
    TrustServerCertificate,
    /// TDS 8.0: TLS before everything else, whatever the certificate.
    Strict,
}

/// Whom the shell is on a SQL Server.
#[derive(Clone, Default)]
pub struct SqlLogin {
    /// The login's name.
    pub user: String,
    /// Its password; never printed.
    pub password: String,
    /// How the connection is protected.
    pub encryption: Encryption,
}

impl SqlLogin {
    /// A login over a connection without TLS.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into(), encryption: Encryption::Off }
    }
}

impl std::fmt::Debug for SqlLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlLogin")
            .field("user", &self.user)
            .field("password", &"…")
            .field("encryption", &self.encryption)
            .finish()
    }
}

/// Where the management store's database is.
#[derive(Debug, Clone)]
pub struct StoreLocation {
    /// The SQL Server's name.
    pub server: String,
    /// Its named instance, `None` for the default one.
    pub instance: Option<String>,
    /// Its port, when known.
    pub port: Option<u16>,
    /// The database, `xds` in a Lync deployment.
    pub database: String,
    /// The login the shell uses there.
    pub login: SqlLogin,
}

impl StoreLocation {
    /// The management store in database `xds` on the server's default instance.
    pub fn new(server: impl Into<String>, login: SqlLogin) -> Self {
        Self { server: server.into(), instance: None, port: None, database: "xds".into(), login }
    }
}

/// What the shell's work costs, in simulated or real time. All zero by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Costs {
    /// Starting the shell and loading the module.
    pub shell_start: Duration,
    /// A cmdlet that only reads the management store.
    pub reading_cmdlet: Duration,
    /// A cmdlet that writes the management store.
    pub writing_cmdlet: Duration,
    /// A cmdlet that works on SQL Servers, on top of what the servers take.
    pub deploying_cmdlet: Duration,
}

/// A machine's management shell: what it can reach, whom it signs in as, what
/// is missing on it.
#[derive(Clone)]
pub struct ShellEnvironment {
    /// Opens connections.
    pub connector: Rc<dyn Connector>,
    /// The management store.
    pub store: StoreLocation,
    /// The login used on the SQL Servers of the topology.
    pub sql_login: SqlLogin,
    /// The time of day.
    pub clock: Rc<dyn Clock>,
    /// The name of the machine the shell runs on.
    pub machine: String,
    /// What the shell's work costs.
    pub costs: Costs,
    /// Who is asked before a cmdlet runs and told when it has ended.
    pub observer: Option<Rc<dyn CmdletObserver>>,
    /// Cmdlets that this machine's module lacks, by name, in any case. The name
    /// `*` takes away every Lync cmdlet: the module is not installed.
    pub missing_cmdlets: BTreeSet<String>,
    /// Script files for `-File`.
    pub scripts: Rc<dyn ScriptFiles>,
}

impl ShellEnvironment {
    /// A shell with nothing missing, no costs and nobody watching.
    pub fn new(
        connector: Rc<dyn Connector>,
        store: StoreLocation,
        sql_login: SqlLogin,
        clock: Rc<dyn Clock>,
        machine: impl Into<String>,
    ) -> Self {
        Self {
            connector,
            store,
            sql_login,
            clock,
            machine: machine.into(),
            costs: Costs::default(),
            observer: None,
            missing_cmdlets: BTreeSet::new(),
            scripts: Rc::new(NoScriptFiles),
        }
    }

    /// Whether the machine's module has the Lync cmdlet `name`.
    pub fn has_cmdlet(&self, name: &str) -> bool {
        !self.missing_cmdlets.iter().any(|missing| missing == "*" || missing.eq_ignore_ascii_case(name))
    }
}
