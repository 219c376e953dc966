//! What is on a lab's server, and whether the harness may use it.
//!
//! Reading changes nothing. What was read is judged by a function without I/O:
//! a server is used only when everything on it that could be in the way was
//! put there by the harness, as its own marker says.

use crate::arm::EstateFile;
use crate::estate::sql::{self, text};
use crate::estate::{Server, SqlClient};
use std::collections::BTreeSet;
use std::fmt;

/// The database in which the harness writes down what it is about to create.
pub(super) const MARKER: &str = "firedrill_marker";
/// The certificate of mirroring endpoints, where they need one.
const CERTIFICATE: &str = "firedrill_mirroring";
/// What a server calls the master key of a database.
const MASTER_KEY: &str = "##MS_DatabaseMasterKey##";
/// The mirroring endpoints that staging and the mirror cmdlet create.
const ENDPOINTS: [&str; 2] = ["mirroring_endpoint", "Mirroring"];
/// The management store's database, and the one from which a drill's wrong log backup comes.
const OTHER_DATABASES: [&str; 2] = ["xds", "payroll"];

/// A kind of object that the harness creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Database,
    LogShipping,
    History,
    Job,
    Endpoint,
    Certificate,
    MasterKey,
    Login,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Database,
        Self::LogShipping,
        Self::History,
        Self::Job,
        Self::Endpoint,
        Self::Certificate,
        Self::MasterKey,
        Self::Login,
    ];

    /// Its word in the marker and in messages.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::LogShipping => "log shipping of",
            Self::History => "backup history of",
            Self::Job => "job",
            Self::Endpoint => "mirroring endpoint",
            Self::Certificate => "certificate",
            Self::MasterKey => "master key",
            Self::Login => "login",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Something on a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// When it was created, by the server's clock (style 121, which sorts); none where servers do not tell.
    pub(super) created: Option<String>,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.name)
    }
}

/// A row of the marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// From when on things of this name are the harness's.
    pub(super) since: String,
}

/// The marker's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Missing,
    /// A database of its name, without its table.
    Strange,
    Here(Vec<Row>),
}

/// What was found on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// `@@SERVERNAME`.
    pub(super) name: String,
    /// The first line of `@@VERSION`.
    pub(super) version: String,
    /// Whether it runs on Linux, where mirroring endpoints need certificates.
    pub(super) is_on_linux: bool,
    pub(super) is_sysadmin: bool,
    pub(super) marker: Marker,
    /// All user databases, mirroring endpoints and databases under log shipping; of the rest, what has a name that the
    /// harness uses.
    pub(super) things: Vec<Thing>,
}

impl Found {
    /// Whether the harness put it there: a row names it, and it is not older than the row.
    fn is_ours(&self, thing: &Thing) -> bool {
        let Marker::Here(rows) = &self.marker else { return false };
        rows.iter().any(|row| {
            row.kind == thing.kind
                && row.name.eq_ignore_ascii_case(&thing.name)
                && thing.created.as_ref().is_none_or(|created| *created >= row.since)
        })
    }

    /// What the harness put there, in the order in which it can be removed.
    pub(super) fn ours(&self) -> Vec<&Thing> {
        let mut ours: Vec<&Thing> = self.things.iter().filter(|thing| self.is_ours(thing)).collect();
        ours.sort();
        ours.dedup();
        ours
    }
}

/// Why a server is not used; none if it may be.
pub(super) fn refusal(expected: &str, found: &Found) -> Option<String> {
    let machine = found.name.split('\\').next().unwrap_or_default();
    if !machine.eq_ignore_ascii_case(expected) {
        return Some(format!(
            "the estate file says {expected}, and the server at its address is called {}; correct host or address",
            found.name
        ));
    }
    if !found.is_sysadmin {
        return Some(format!("sa is no member of sysadmin on {expected}"));
    }
    if found.marker == Marker::Strange {
        return Some(format!(
            "{expected} has a database {MARKER} that is not the harness's marker; rename it, or use another server"
        ));
    }
    let strange: BTreeSet<String> =
        found.things.iter().filter(|thing| !found.is_ours(thing)).map(Thing::to_string).collect();
    (!strange.is_empty()).then(|| {
        format!(
            "{expected} holds what the harness did not put there: {}; use a server without it",
            strange.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}

/// What the harness may create on a server of this estate.
pub(super) fn names(file: &EstateFile) -> Vec<(Kind, String)> {
    let contents = &file.contents;
    let (database, primary) = (&contents.database, contents.servers.primary.host.to_ascii_uppercase());
    let logins = &contents.logins;
    let databases = [database, &contents.compliance_database].into_iter().map(String::as_str);
    let mut names: Vec<(Kind, String)> =
        databases.chain(OTHER_DATABASES).map(|name| (Kind::Database, name.to_owned())).collect();
    let histories: Vec<_> = names.iter().map(|(_, name)| (Kind::History, name.clone())).collect();
    names.extend(histories);
    names.push((Kind::LogShipping, database.clone()));
    names.push((Kind::Job, format!("LSBackup_{database}")));
    names.push((Kind::Job, format!("LSCopy_{primary}_{database}")));
    names.push((Kind::Job, format!("LSRestore_{primary}_{database}")));
    names.extend(ENDPOINTS.map(|name| (Kind::Endpoint, name.to_owned())));
    names.push((Kind::Certificate, CERTIFICATE.to_owned()));
    names.push((Kind::MasterKey, MASTER_KEY.to_owned()));
    names.extend([&logins.chat, &logins.failover, &logins.reader].map(|name| (Kind::Login, name.clone())));
    names
}

/// Reads what is on a server.
pub(super) async fn read(client: &mut SqlClient, file: &EstateFile) -> Result<Found, String> {
    let about = strings(
        client,
        "SELECT CONVERT(nvarchar(256), @@SERVERNAME), CONVERT(nvarchar(1000), @@VERSION), \
         CONVERT(nvarchar(1), IS_SRVROLEMEMBER(N'sysadmin'))",
    )
    .await?;
    let [Some(name), Some(version), sysadmin] = about.first().map_or(&[][..], Vec::as_slice) else {
        return Err("it did not say its name and version".to_owned());
    };
    let is_on_linux = version.contains("Linux");
    let marker = marker(client).await?;
    let mut things = Vec::new();
    for (kind, query) in queries(file, is_on_linux) {
        for row in strings(client, &query).await? {
            let mut row = row.into_iter();
            let name = row.next().flatten().unwrap_or_default();
            things.push(Thing { kind, name, created: row.next().flatten() });
        }
    }
    Ok(Found {
        name: name.clone(),
        version: version.lines().next().unwrap_or_default().trim().to_owned(),
        is_on_linux,
        is_sysadmin: sysadmin.as_deref() == Some("1"),
        marker,
        things,
    })
}

async fn marker(client: &mut SqlClient) -> Result<Marker, String> {
    let is_there = format!(
        "SELECT CASE WHEN DB_ID({0}) IS NULL THEN N'missing' \
         WHEN OBJECT_ID({1}) IS NULL THEN N'strange' ELSE N'here' END",
        text(MARKER),
        text(&format!("{MARKER}.dbo.made"))
    );
    let answer = strings(client, &is_there).await?;
    match answer.first().and_then(|row| row.first()).and_then(Option::as_deref) {
        Some("missing") => return Ok(Marker::Missing),
        Some("here") => {}
        _ => return Ok(Marker::Strange),
    }
    let query = format!("SELECT kind, name, CONVERT(nvarchar(30), since, 121) FROM {MARKER}.dbo.made");
    let mut rows = Vec::new();
    for row in strings(client, &query).await? {
        let [Some(kind), Some(name), Some(since)] = row.as_slice() else { return Ok(Marker::Strange) };
        let Some(kind) = Kind::of(kind) else { return Ok(Marker::Strange) };
        rows.push(Row { kind, name: name.clone(), since: since.clone() });
    }
    Ok(Marker::Here(rows))
}

/// Name and time of everything that counts, by kind.
fn queries(file: &EstateFile, with_certificates: bool) -> Vec<(Kind, String)> {
    let names = names(file);
    let listed = |wanted: Kind| {
        let listed: Vec<String> =
            names.iter().filter(|(kind, _)| *kind == wanted).map(|(_, name)| text(name)).collect();
        listed.join(", ")
    };
    let mut queries = vec![
        (
            Kind::Database,
            format!(
                "SELECT name, CONVERT(nvarchar(30), create_date, 121) FROM sys.databases \
                 WHERE name NOT IN (N'master', N'tempdb', N'model', N'msdb', {})",
                text(MARKER)
            ),
        ),
        (
            Kind::LogShipping,
            "SELECT primary_database, CONVERT(nvarchar(30), NULL) FROM msdb.dbo.log_shipping_primary_databases"
                .to_owned(),
        ),
        (
            Kind::LogShipping,
            "SELECT secondary_database, CONVERT(nvarchar(30), NULL) FROM msdb.dbo.log_shipping_secondary_databases"
                .to_owned(),
        ),
        (
            Kind::History,
            format!(
                "SELECT DISTINCT database_name, CONVERT(nvarchar(30), NULL) FROM msdb.dbo.backupset \
                 WHERE database_name IN ({})",
                listed(Kind::History)
            ),
        ),
        (
            Kind::History,
            format!(
                "SELECT DISTINCT destination_database_name, CONVERT(nvarchar(30), NULL) FROM msdb.dbo.restorehistory \
                 WHERE destination_database_name IN ({})",
                listed(Kind::History)
            ),
        ),
        (
            Kind::Job,
            format!(
                "SELECT name, CONVERT(nvarchar(30), date_created, 121) FROM msdb.dbo.sysjobs WHERE name IN ({})",
                listed(Kind::Job)
            ),
        ),
        (
            Kind::Endpoint,
            "SELECT name, CONVERT(nvarchar(30), NULL) FROM sys.database_mirroring_endpoints".to_owned(),
        ),
        (
            Kind::Login,
            format!(
                "SELECT name, CONVERT(nvarchar(30), create_date, 121) FROM sys.server_principals WHERE name IN ({})",
                listed(Kind::Login)
            ),
        ),
    ];
    if with_certificates {
        queries.push((
            Kind::Certificate,
            format!(
                "SELECT name, CONVERT(nvarchar(30), NULL) FROM master.sys.certificates WHERE name = {}",
                text(CERTIFICATE)
            ),
        ));
        queries.push((
            Kind::MasterKey,
            format!(
                "SELECT name, CONVERT(nvarchar(30), create_date, 121) FROM master.sys.symmetric_keys WHERE name = {}",
                text(MASTER_KEY)
            ),
        ));
    }
    queries
}

/// A query's rows, whose columns are all text.
async fn strings(client: &mut SqlClient, query: &str) -> Result<Vec<Vec<Option<String>>>, String> {
    let rows = sql::rows(client, query).await.map_err(|error| format!("{error}, in: {query}"))?;
    rows.iter()
        .map(|row| {
            (0..row.len())
                .map(|at| {
                    let value =
                        row.try_get::<&str, _>(at).map_err(|error| format!("{error}, in: {query}"))?;
                    Ok(value.map(str::to_owned))
                })
                .collect()
        })
        .collect()
}

/// The four servers' expected names.
pub(super) fn expected(file: &EstateFile, server: Server) -> String {
    crate::estate::staging::machine_of(file, server).name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: &str = "2026-03-01 10:00:00.000";
    const BEFORE: &str = "2026-03-01 09:59:59.997";
    const AFTER: &str = "2026-03-01 10:00:00.003";

    fn thing(kind: Kind, name: &str, created: Option<&str>) -> Thing {
        Thing { kind, name: name.to_owned(), created: created.map(str::to_owned) }
    }

    fn row(kind: Kind, name: &str) -> Row {
        Row { kind, name: name.to_owned(), since: SINCE.to_owned() }
    }

    fn found(marker: Marker, things: Vec<Thing>) -> Found {
        Found {
            name: "SQL-A1".to_owned(),
            version: String::new(),
            is_on_linux: false,
            is_sysadmin: true,
            marker,
            things,
        }
    }

    #[rstest::rstest]
    #[case::empty(Marker::Missing, vec![])]
    #[case::left_by_a_run_that_was_killed(
        Marker::Here(vec![row(Kind::Database, "mgc"), row(Kind::Endpoint, "mirroring_endpoint")]),
        vec![thing(Kind::Database, "mgc", Some(AFTER)), thing(Kind::Endpoint, "Mirroring_Endpoint", None)]
    )]
    #[case::made_in_the_instant_of_its_row(
        Marker::Here(vec![row(Kind::Login, "rtc_chat")]),
        vec![thing(Kind::Login, "rtc_chat", Some(SINCE))]
    )]
    fn a_server_that_holds_nothing_of_others_is_used(#[case] marker: Marker, #[case] things: Vec<Thing>) {
        let found = found(marker, things);
        assert_eq!(refusal("sql-a1", &found), None);
        assert_eq!(found.ours().len(), found.things.len(), "all of it is ours");
    }

    #[rstest::rstest]
    #[case::a_database(Marker::Missing, thing(Kind::Database, "orders", Some(AFTER)), "database orders")]
    #[case::of_our_name(Marker::Missing, thing(Kind::Database, "mgc", Some(AFTER)), "database mgc")]
    #[case::older_than_its_row(
        Marker::Here(vec![row(Kind::Database, "mgc")]),
        thing(Kind::Database, "mgc", Some(BEFORE)),
        "database mgc"
    )]
    #[case::beside_ours(
        Marker::Here(vec![row(Kind::Database, "mgc")]),
        thing(Kind::Database, "mgc2", Some(AFTER)),
        "database mgc2"
    )]
    #[case::of_another_kind(
        Marker::Here(vec![row(Kind::Database, "mgc")]),
        thing(Kind::LogShipping, "mgc", None),
        "log shipping of mgc"
    )]
    #[case::a_history(Marker::Missing, thing(Kind::History, "mgc", None), "backup history of mgc")]
    #[case::an_endpoint(Marker::Missing, thing(Kind::Endpoint, "Hadr", None), "mirroring endpoint Hadr")]
    #[case::a_login(Marker::Missing, thing(Kind::Login, "rtc_chat", Some(AFTER)), "login rtc_chat")]
    #[case::a_job(Marker::Missing, thing(Kind::Job, "LSBackup_mgc", Some(AFTER)), "job LSBackup_mgc")]
    #[case::a_key(
        Marker::Missing,
        thing(Kind::MasterKey, MASTER_KEY, Some(AFTER)),
        "master key ##MS_DatabaseMasterKey##"
    )]
    fn a_server_that_holds_something_of_others_is_refused_and_that_is_never_ours(
        #[case] marker: Marker,
        #[case] thing: Thing,
        #[case] named: &str,
    ) {
        let found = found(marker, vec![thing]);
        assert_eq!(
            refusal("sql-a1", &found).unwrap(),
            format!("sql-a1 holds what the harness did not put there: {named}; use a server without it")
        );
        assert_eq!(found.ours(), Vec::<&Thing>::new());
    }

    #[rstest::rstest]
    #[case("SQL-A1", true)]
    #[case(r"sql-a1\RTC", true)]
    #[case("SQL-A11", false)]
    #[case("", false)]
    fn a_server_is_used_only_under_the_name_that_the_file_gives_it(#[case] name: &str, #[case] used: bool) {
        let found = Found { name: name.to_owned(), ..found(Marker::Missing, Vec::new()) };
        assert_eq!(refusal("sql-a1", &found).is_none(), used);
    }

    #[test]
    fn a_database_that_only_has_the_markers_name_is_refused() {
        let said = refusal("sql-a1", &found(Marker::Strange, Vec::new())).unwrap();
        assert!(said.starts_with("sql-a1 has a database firedrill_marker that is not"), "{said}");
    }

    #[test]
    fn who_is_not_sysadmin_gets_no_further() {
        let found = Found { is_sysadmin: false, ..found(Marker::Missing, Vec::new()) };
        assert_eq!(refusal("sql-a1", &found).unwrap(), "sa is no member of sysadmin on sql-a1");
    }
}
