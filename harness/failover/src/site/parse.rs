//! Reads a site file. What TOML accepts is checked for sense here; every error names its line.

use super::{
    Authentication, ChatServer, Deadlines, Encryption, LogShipping, NextHop, SecretSource, Site, SqlServer,
    SqlServers, TwoSidedPath,
};
use crate::address::ServerAddress;
use crate::identity;
use crate::server_path::without_end;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;

/// Why a site file was refused. Nothing has been touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct SiteError {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSite {
    pool: Spanned<String>,
    next_hop: Option<RawNextHop>,
    database: Option<RawDatabase>,
    servers: RawServers,
    log_shipping: RawLogShipping,
    #[serde(default)]
    mirroring: RawMirroring,
    #[serde(default)]
    chat_servers: Vec<RawChatServer>,
    #[serde(default)]
    links: RawLinks,
    #[serde(default)]
    shell: RawShell,
    #[serde(default)]
    deadlines: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNextHop {
    pool: String,
    time_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDatabase {
    name: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServers {
    primary: RawServer,
    mirror: Option<RawServer>,
    backup: RawServer,
    backup_mirror: Option<RawServer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    address: Spanned<String>,
    name: Option<Spanned<String>>,
    data_center: Spanned<String>,
    auth: Option<RawAuth>,
    encryption: Option<Spanned<String>>,
    #[serde(default)]
    trust_server_certificate: bool,
    certificate_authority: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAuth {
    kind: Spanned<String>,
    user: Option<String>,
    password: Option<Spanned<toml::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLogShipping {
    share: RawPath,
    copy_destination: RawPath,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPath {
    server: Spanned<String>,
    here: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawMirroring {
    file_share: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChatServer {
    fqdn: Spanned<String>,
    data_center: String,
    time_zone: Option<String>,
    #[serde(default)]
    active_after_failover: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawLinks {
    #[serde(default)]
    low_latency: Vec<Spanned<Vec<String>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawShell {
    command: Option<Spanned<Vec<String>>>,
    active_servers_identity: Option<String>,
}

/// Turns byte offsets into lines and problems into errors.
struct Source<'a> {
    text: &'a str,
    file: &'a str,
}

impl Source<'_> {
    fn line(&self, offset: usize) -> usize {
        let end = offset.min(self.text.len());
        self.text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn error(&self, offset: usize, problem: impl Into<String>) -> SiteError {
        SiteError { file: self.file.to_owned(), line: self.line(offset), problem: problem.into() }
    }

    fn at<T>(&self, spanned: &Spanned<T>, problem: impl Into<String>) -> SiteError {
        self.error(spanned.span().start, problem)
    }

    /// A text that must not be empty.
    fn filled(&self, text: &Spanned<String>, what: &str) -> Result<String, SiteError> {
        let trimmed = text.get_ref().trim();
        if trimmed.is_empty() {
            return Err(self.at(text, format!("{what} is empty")));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(self.at(text, format!("{what} contains a control character")));
        }
        Ok(trimmed.to_owned())
    }

    fn server(&self, raw: RawServer) -> Result<SqlServer, SiteError> {
        let address = ServerAddress::parse(raw.address.get_ref())
            .map_err(|error| self.at(&raw.address, error.to_string()))?;
        let parse_name = |name: &Spanned<String>| {
            ServerAddress::parse(name.get_ref()).map_err(|error| self.at(name, error.to_string()))
        };
        let name = raw.name.as_ref().map(parse_name).transpose()?;
        let encryption = match &raw.encryption {
            None => Encryption::Required,
            Some(word) => match word.get_ref().as_str() {
                "none" => Encryption::None,
                "login" => Encryption::Login,
                "required" => Encryption::Required,
                "strict" => Encryption::Strict,
                other => {
                    return Err(self.at(
                        word,
                        format!("encryption `{other}` is not known; write none, login, required or strict"),
                    ));
                }
            },
        };
        if raw.trust_server_certificate && raw.certificate_authority.is_some() {
            return Err(self.at(
                &raw.address,
                "trust_server_certificate and certificate_authority exclude each other; keep one",
            ));
        }
        Ok(SqlServer {
            address,
            name,
            data_center: self.filled(&raw.data_center, "data_center")?,
            authentication: raw.auth.map_or(Ok(Authentication::Windows), |auth| self.authentication(auth))?,
            encryption,
            trust_server_certificate: raw.trust_server_certificate,
            certificate_authority: raw.certificate_authority,
        })
    }

    fn authentication(&self, raw: RawAuth) -> Result<Authentication, SiteError> {
        match raw.kind.get_ref().as_str() {
            "windows" if raw.user.is_none() && raw.password.is_none() => Ok(Authentication::Windows),
            "windows" => Err(self.at(
                &raw.kind,
                "auth kind `windows` signs in as the account that runs the program; remove user and password",
            )),
            "sql" => {
                let user = raw.user.filter(|user| !user.is_empty());
                let user = user.ok_or_else(|| self.at(&raw.kind, "auth kind `sql` needs a user"))?;
                let password = raw.password.ok_or_else(|| {
                    self.at(
                        &raw.kind,
                        "auth kind `sql` needs password = { env = \"NAME\" } or { file = \"PATH\" }",
                    )
                })?;
                Ok(Authentication::Sql { user, password: self.secret(&password)? })
            }
            other => {
                Err(self.at(&raw.kind, format!("auth kind `{other}` is not known; write windows or sql")))
            }
        }
    }

    fn secret(&self, raw: &Spanned<toml::Value>) -> Result<SecretSource, SiteError> {
        let refuse = || {
            self.at(
                raw,
                "a password is not written into the site file; say where it is: { env = \"NAME\" } or { file = \"PATH\" }",
            )
        };
        let toml::Value::Table(table) = raw.get_ref() else { return Err(refuse()) };
        let mut entries = table.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()));
        match (entries.next(), entries.next()) {
            (Some(("env", name)), None) if !name.is_empty() => {
                Ok(SecretSource::EnvironmentVariable(name.to_owned()))
            }
            (Some(("file", path)), None) if !path.is_empty() => Ok(SecretSource::File(path.to_owned())),
            _ => Err(refuse()),
        }
    }

    fn path(&self, raw: &RawPath) -> Result<TwoSidedPath, SiteError> {
        let strip = |path: String| without_end(&path).to_owned();
        Ok(TwoSidedPath {
            server: strip(self.filled(&raw.server, "the path as the server sees it")?),
            here: strip(self.filled(&raw.here, "the path as this machine reaches it")?),
        })
    }

    fn chat_servers(&self, raw: Vec<RawChatServer>) -> Result<Vec<ChatServer>, SiteError> {
        let mut servers: Vec<ChatServer> = Vec::with_capacity(raw.len());
        for server in raw {
            let fqdn = self.filled(&server.fqdn, "a chat server's fqdn")?;
            if servers.iter().any(|other| other.fqdn.eq_ignore_ascii_case(&fqdn)) {
                return Err(self.at(&server.fqdn, format!("chat server {fqdn} is listed twice")));
            }
            servers.push(ChatServer {
                fqdn,
                data_center: server.data_center,
                time_zone: server.time_zone,
                active_after_failover: server.active_after_failover,
            });
        }
        Ok(servers)
    }

    fn links(&self, raw: Vec<Spanned<Vec<String>>>) -> Result<Vec<(String, String)>, SiteError> {
        raw.into_iter()
            .map(|pair| match pair.get_ref().as_slice() {
                [a, b] if !a.is_empty() && !b.is_empty() => Ok((a.clone(), b.clone())),
                _ => Err(self.at(&pair, "a low-latency link names two data centers: [\"A\", \"B\"]")),
            })
            .collect()
    }

    fn deadlines(&self, raw: &BTreeMap<String, Spanned<String>>) -> Result<Deadlines, SiteError> {
        let mut deadlines = Deadlines::default();
        for (key, value) in raw {
            let bound = self.duration(value)?;
            let target = match key.as_str() {
                "connect" => &mut deadlines.connect,
                "query" => &mut deadlines.query,
                "shell" => &mut deadlines.shell,
                "mirror" => &mut deadlines.mirror,
                "job" => &mut deadlines.job,
                "connections" => &mut deadlines.connections,
                "replication" => &mut deadlines.replication,
                "restore" => {
                    deadlines.restore = Some(bound);
                    continue;
                }
                _ => {
                    return Err(self.at(
                        value,
                        format!(
                            "deadline `{key}` is not known; there are connect, query, shell, mirror, job, connections, replication, restore"
                        ),
                    ));
                }
            };
            *target = bound;
        }
        Ok(deadlines)
    }

    fn duration(&self, value: &Spanned<String>) -> Result<Duration, SiteError> {
        let text = value.get_ref();
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let seconds = digits.parse::<u64>().ok().and_then(|count| match text[digits.len()..].trim() {
            "s" => Some(count),
            "m" | "min" => count.checked_mul(60),
            "h" => count.checked_mul(3600),
            _ => None,
        });
        match seconds {
            Some(seconds) if (1..=7 * 24 * 3600).contains(&seconds) => Ok(Duration::from_secs(seconds)),
            _ => Err(self.at(
                value,
                format!(
                    "`{text}` is no duration; write 30s, 10m or 2h, at least a second and at most a week"
                ),
            )),
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            query: Duration::from_secs(60),
            shell: Duration::from_secs(5 * 60),
            mirror: Duration::from_secs(30 * 60),
            job: Duration::from_secs(5 * 60),
            connections: Duration::from_secs(2 * 60),
            replication: Duration::from_secs(10 * 60),
            restore: None,
        }
    }
}

pub(super) fn parse(text: &str, file_name: &str) -> Result<Site, SiteError> {
    let source = Source { text, file: file_name };
    let raw: RawSite = toml::from_str(text).map_err(|error| {
        source.error(error.span().map_or(0, |span| span.start), error.message().trim().to_owned())
    })?;
    let pool = identity::pool_fqdn(raw.pool.get_ref()).ok_or_else(|| {
        source.at(
            &raw.pool,
            "pool is not a pool's name; write its fully qualified name, such as atl-cs-001.litwareinc.com",
        )
    })?;
    let database = match &raw.database {
        Some(database) => source.filled(&database.name, "the database's name")?,
        None => "mgc".to_owned(),
    };
    if database.chars().count() > 128 {
        return Err(source.error(0, "the database's name is longer than 128 characters"));
    }
    let servers = SqlServers {
        primary: source.server(raw.servers.primary)?,
        mirror: raw.servers.mirror.map(|server| source.server(server)).transpose()?,
        backup: source.server(raw.servers.backup)?,
        backup_mirror: raw.servers.backup_mirror.map(|server| source.server(server)).transpose()?,
    };
    let mirror_file_share = raw
        .mirroring
        .file_share
        .map(|share| source.filled(&share, "the mirroring file share"))
        .transpose()?;
    if servers.backup_mirror.is_some() && mirror_file_share.is_none() {
        return Err(source.error(
            0,
            "servers.backup_mirror needs [mirroring] file_share, by which Install-CsMirrorDatabase carries the database over",
        ));
    }
    let shell_command = match raw.shell.command {
        Some(command) if command.get_ref().first().is_none_or(String::is_empty) => {
            return Err(source.at(&command, "the shell's command is empty"));
        }
        Some(command) => command.into_inner(),
        None => {
            ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", "-"].map(str::to_owned).to_vec()
        }
    };
    Ok(Site {
        pool,
        next_hop: raw.next_hop.map(|hop| NextHop { pool: hop.pool, time_zone: hop.time_zone }),
        database,
        servers,
        log_shipping: LogShipping {
            share: source.path(&raw.log_shipping.share)?,
            copy_destination: source.path(&raw.log_shipping.copy_destination)?,
        },
        mirror_file_share,
        chat_servers: source.chat_servers(raw.chat_servers)?,
        low_latency_links: source.links(raw.links.low_latency)?,
        shell_command,
        active_servers_identity: raw.shell.active_servers_identity,
        deadlines: source.deadlines(&raw.deadlines)?,
    })
}
