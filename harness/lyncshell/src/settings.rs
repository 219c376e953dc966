//! The store file of the `lync-shell` program: where the management store is,
//! whom the shell signs in as, and at which addresses the servers are.
//!
//! ```toml
//! # The machine this shell stands for; the host's own name without it.
//! machine = "chat-b1.litwareinc.com"
//!
//! [store]
//! server = "sql-b1.litwareinc.com"
//! # instance = "RTC", port = 1433, database = "xds", encryption = "off"
//! user = "shell"
//! password = { env = "LYNC_SHELL_PASSWORD" }
//!
//! # The SQL Servers of the topology; the store's login without this table.
//! [sql]
//! user = "shell"
//! password = { file = "/run/secrets/sql" }
//! encryption = "trust-server-certificate" # or "off", "on", "strict" (TDS 8.0, whatever the certificate)
//!
//! # Where a server is, when its name does not say it: "host" or "host\INSTANCE".
//! [addresses]
//! "sql-b1.litwareinc.com" = "127.0.0.1:14331"
//!
//! # Who is told of each cmdlet and may hold or fail it: a rehearsal's harness. Without
//! # this table nobody is; with it no cmdlet runs while nobody answers there.
//! [gate]
//! address = "127.0.0.1:14399"
//! ```
//!
//! What is spoken at the gate is in [`crate::gate`].
//!
//! A password is never in the file itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::environment::{Encryption, SqlLogin, StoreLocation};

/// Why a store file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is not TOML, or has unknown or missing keys.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A password could not be fetched.
    #[error("{file}: the password of \"{user}\" cannot be read from {place}: {why}")]
    Password {
        /// The file.
        file: String,
        /// Whose password.
        user: String,
        /// The environment variable or file named there.
        place: String,
        /// What went wrong.
        why: String,
    },
    /// An address is not `host:port`.
    #[error("{file}: the address \"{address}\" of \"{server}\" is not host:port")]
    Address {
        /// The file.
        file: String,
        /// The server.
        server: String,
        /// What stands there.
        address: String,
    },
}

/// A store file, read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The machine this shell stands for, if the file says so.
    pub machine: Option<String>,
    /// Where the management store is.
    pub store: StoreLocation,
    /// The login on the topology's SQL Servers.
    pub sql_login: SqlLogin,
    /// Servers by name in lower case, and their `host:port`.
    pub addresses: BTreeMap<String, (String, u16)>,
    /// Cmdlets this machine lacks.
    pub missing_cmdlets: Vec<String>,
    /// The `host:port` of the gate that is asked about each cmdlet.
    pub gate: Option<(String, u16)>,
}

/// Where secrets are fetched from.
pub trait Secrets {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Result<String, String>;
    /// The text of a file.
    fn file(&self, path: &str) -> Result<String, String>;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    machine: Option<String>,
    store: StoreTable,
    sql: Option<LoginTable>,
    #[serde(default)]
    addresses: BTreeMap<String, String>,
    #[serde(default)]
    missing_cmdlets: Vec<String>,
    gate: Option<GateTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateTable {
    address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    server: String,
    instance: Option<String>,
    port: Option<u16>,
    #[serde(default = "store_database")]
    database: String,
    user: String,
    password: Password,
    #[serde(default)]
    encryption: EncryptionName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginTable {
    user: String,
    password: Password,
    #[serde(default)]
    encryption: EncryptionName,
}

/// `{ env = "NAME" }` or `{ file = "path" }`, taken apart by hand: the parser's own
/// errors would quote a password that stands in the file.
type Password = toml::Spanned<toml::Value>;

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum EncryptionName {
    #[default]
    Off,
    On,
    TrustServerCertificate,
    Strict,
}

fn store_database() -> String {
    "xds".to_owned()
}

impl Settings {
    /// Reads a store file's text; `file` is its name for errors.
    ///
    /// # Errors
    /// With file and line where there is one. A password is in no message.
    pub fn parse(text: &str, file: &str, secrets: &dyn Secrets) -> Result<Self, SettingsError> {
        let document: Document = toml::from_str(text).map_err(|error| SettingsError::Malformed {
            file: file.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: error.message().trim().to_owned(),
        })?;
        let login = |user: &str,
                     password: &Password,
                     encryption: EncryptionName|
         -> Result<SqlLogin, SettingsError> {
            Ok(SqlLogin {
                user: user.to_owned(),
                password: fetch(password, user, text, file, secrets)?,
                encryption: match encryption {
                    EncryptionName::Off => Encryption::Off,
                    EncryptionName::On => Encryption::On,
                    EncryptionName::TrustServerCertificate => Encryption::TrustServerCertificate,
                    EncryptionName::Strict => Encryption::Strict,
                },
            })
        };
        let store_login = login(&document.store.user, &document.store.password, document.store.encryption)?;
        let sql_login = match &document.sql {
            Some(table) => login(&table.user, &table.password, table.encryption)?,
            None => store_login.clone(),
        };
        let mut addresses = BTreeMap::new();
        for (server, address) in &document.addresses {
            addresses.insert(server.to_lowercase(), host_and_port(address, server, file)?);
        }
        let gate = document.gate.map(|gate| host_and_port(&gate.address, "[gate]", file)).transpose()?;
        let store = document.store;
        Ok(Self {
            machine: document.machine,
            store: StoreLocation {
                server: store.server,
                instance: store.instance,
                port: store.port,
                database: store.database,
                login: store_login,
            },
            sql_login,
            addresses,
            missing_cmdlets: document.missing_cmdlets,
            gate,
        })
    }

    /// The host and port of an instance: the file's address for it, else its
    /// port, else the default instance's port on the host of that name.
    ///
    /// # Errors
    /// A named instance without a known port: the SQL Server Browser is not asked.
    pub fn address(
        &self,
        fqdn: &str,
        instance: Option<&str>,
        port: Option<u16>,
    ) -> Result<(String, u16), String> {
        let host = fqdn.to_lowercase();
        let named = instance.map(|instance| format!("{host}\\{}", instance.to_lowercase()));
        let known =
            named.as_ref().and_then(|name| self.addresses.get(name)).or_else(|| self.addresses.get(&host));
        match (known, port, instance) {
            (Some(address), _, _) => Ok(address.clone()),
            (None, Some(port), _) => Ok((fqdn.to_owned(), port)),
            (None, None, None) => Ok((fqdn.to_owned(), 1433)),
            (None, None, Some(instance)) => Err(format!(
                "the port of {fqdn}\\{instance} is not known; add it to [addresses] in the store file (the SQL Server \
                 Browser is not asked)"
            )),
        }
    }
}

/// The two parts of `host:port`; `server` is whose address it is.
fn host_and_port(address: &str, server: &str, file: &str) -> Result<(String, u16), SettingsError> {
    let parts = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let parsed = parts.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    parsed.ok_or_else(|| SettingsError::Address {
        file: file.to_owned(),
        server: server.to_owned(),
        address: address.to_owned(),
    })
}

/// A password from where the file says it is.
fn fetch(
    password: &Password,
    user: &str,
    text: &str,
    file: &str,
    secrets: &dyn Secrets,
) -> Result<String, SettingsError> {
    let places: Vec<(&str, &str)> = match password.get_ref() {
        toml::Value::Table(table) => {
            table.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
        }
        _ => Vec::new(),
    };
    let (place, found) = match places.as_slice() {
        [("env", name)] => (format!("the environment variable {name}"), secrets.variable(name)),
        [("file", path)] => (format!("the file {path}"), secrets.file(path)),
        _ => {
            return Err(SettingsError::Malformed {
                file: file.to_owned(),
                line: line_of(text, password.span().start),
                message: "a password is given as { env = \"NAME\" } or { file = \"path\" }, never in the file itself"
                    .to_owned(),
            });
        }
    };
    found.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).map_err(|why| SettingsError::Password {
        file: file.to_owned(),
        user: user.to_owned(),
        place,
        why,
    })
}

/// The line a byte stands in, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::{Secrets, Settings};

    struct Fixed;

    impl Secrets for Fixed {
        fn variable(&self, name: &str) -> Result<String, String> {
            if name == "PW" { Ok("geheim\n".into()) } else { Err("it is not set".into()) }
        }

        fn file(&self, _: &str) -> Result<String, String> {
            Err("there is no such file".into())
        }
    }

    const STORE: &str = "[store]\nserver = \"sql-b1\"\nuser = \"shell\"\npassword = { env = \"PW\" }\n";

    #[test]
    fn a_short_file_is_enough() {
        let settings = Settings::parse(STORE, "store.toml", &Fixed).expect("it is complete");
        assert_eq!(settings.store.database, "xds");
        assert_eq!(settings.sql_login.password, "geheim");
        assert_eq!(settings.address("sql-b1", None, None), Ok(("sql-b1".into(), 1433)));
        assert!(settings.address("sql-b1", Some("RTC"), None).is_err());
    }

    #[test]
    fn an_address_stands_for_a_name_or_an_instance() {
        let text = format!(
            "{STORE}[addresses]\n\"SQL-a1.x\\\\rtc\" = \"127.0.0.1:1501\"\n\"sql-b1\" = \"127.0.0.1:1502\"\n"
        );
        let settings = Settings::parse(&text, "store.toml", &Fixed).expect("it is complete");
        assert_eq!(settings.address("sql-a1.x", Some("RTC"), None), Ok(("127.0.0.1".into(), 1501)));
        assert_eq!(settings.address("SQL-B1", None, Some(1433)), Ok(("127.0.0.1".into(), 1502)));
    }

    #[test]
    fn a_gate_is_an_address_and_there_is_none_without_its_table() {
        let parse = |more: &str| Settings::parse(&format!("{STORE}{more}"), "store.toml", &Fixed);
        assert_eq!(parse("").expect("it is complete").gate, None);
        let settings = parse("[gate]\naddress = \"127.0.0.1:14399\"\n").expect("it is complete");
        assert_eq!(settings.gate, Some(("127.0.0.1".into(), 14399)));
    }

    #[rstest::rstest]
    #[case("127.0.0.1")]
    #[case(":14399")]
    #[case("127.0.0.1:port")]
    #[case("127.0.0.1:70000")]
    fn a_gate_whose_address_is_none_is_refused(#[case] address: &str) {
        let text = format!("{STORE}[gate]\naddress = \"{address}\"\n");
        let error = Settings::parse(&text, "store.toml", &Fixed).expect_err("it is broken").to_string();
        assert_eq!(error, format!("store.toml: the address \"{address}\" of \"[gate]\" is not host:port"));
    }

    #[rstest::rstest]
    #[case("[store]\nserver = 5\n", "store.toml:2: invalid type: integer `5`, expected a string")]
    #[case(
        "[store]\nserver = \"x\"\nuser = \"u\"\npassword = \"oops\"\n",
        "store.toml:4: a password is given as"
    )]
    #[case(
        "[store]\nserver = \"x\"\nuser = \"u\"\npassword = { env = \"NO\" }\n",
        "store.toml: the password of \"u\" cannot be read from the environment variable NO: it is not set"
    )]
    #[case(
        "[store]\nserver = \"x\"\nuser = \"u\"\npassword = { env = \"PW\" }\nprot = 1\n",
        "store.toml:5: unknown field `prot`"
    )]
    fn a_broken_file_is_told_with_its_line(#[case] text: &str, #[case] message: &str) {
        let error = Settings::parse(text, "store.toml", &Fixed).expect_err("it is broken").to_string();
        assert!(error.starts_with(message), "{error}");
        assert!(!error.contains("oops"), "{error}");
    }
}
