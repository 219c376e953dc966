//! `Install-CsMirrorDatabase` and `Uninstall-CsMirrorDatabase`: the real work,
//! over connections to the SQL Servers.
//!
//! The mirror is not a parameter: it comes from the published topology. That
//! the backup's mirror is the backup mirror is what the failover procedure
//! implies.
//!
//! The real cmdlet knows SQL Servers on Windows alone. This one also takes, as
//! FileShare and in DatabasePathMap, paths of SQL Servers on Linux: a rehearsal
//! may run on those.

use super::{DATABASE_TYPE, databases, deployment_error, read_store, sign_in, warn_about_report};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::value::Value;
use crate::server_path::{file_name, is_share, join};
use crate::session::{Flow, Session};
use crate::sql::{SqlError, SqlSession, identifier, literal};
use crate::topology::{SqlStore, SqlStores};

const CONFIGURED: &[&str] = &["ByConfigured"];
const BY_DATABASE: &[&str] = &["ByDatabase"];

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Install-CsMirrorDatabase",
        type_name: "Microsoft.Rtc.Management.Deployment.InstallCsMirrorDatabaseCmdlet",
        module: Module::LyncDeploying,
        aliases: &[],
        parameters: &[
            Parameter::new("ConfiguredDatabases", Kind::Switch).sets(CONFIGURED).mandatory(),
            Parameter::new("DatabaseType", Kind::Enum(&DATABASE_TYPE)).sets(BY_DATABASE).mandatory(),
            Parameter::new("FileShare", Kind::Text).mandatory(),
            Parameter::new("SqlServerFqdn", Kind::Fqdn).mandatory(),
            Parameter::new("SqlInstanceName", Kind::Text).sets(BY_DATABASE),
            Parameter::new("DatabasePathMap", Kind::HashTable),
            Parameter::new("DropExistingDatabasesOnMirror", Kind::Switch),
            Parameter::new("ExcludeDatabaseList", Kind::Texts),
            Parameter::new("ForDefaultInstance", Kind::Switch),
            Parameter::new("ForInstance", Kind::Text),
            Parameter::new("Report", Kind::Text),
        ],
        default_set: "ByConfigured",
        should_process: true,
        impact: Impact::High,
        run: |session, call| Box::pin(install(session, call)),
    },
    Definition {
        name: "Uninstall-CsMirrorDatabase",
        type_name: "Microsoft.Rtc.Management.Deployment.UninstallCsMirrorDatabaseCmdlet",
        module: Module::LyncDeploying,
        aliases: &[],
        parameters: &[
            Parameter::new("DatabaseType", Kind::Enum(&DATABASE_TYPE)).mandatory(),
            Parameter::new("SqlServerFqdn", Kind::Fqdn).mandatory(),
            Parameter::new("SqlInstanceName", Kind::Text),
            Parameter::new("DropExistingDatabasesOnMirror", Kind::Switch),
            Parameter::new("Report", Kind::Text),
        ],
        default_set: "",
        should_process: true,
        impact: Impact::High,
        run: |session, call| Box::pin(uninstall(session, call)),
    },
];

/// One database to mirror: its type, its name, and the pair of instances.
struct Pair {
    kind: String,
    database: &'static str,
    principal: SqlStore,
    mirror: SqlStore,
}

/// The mirror that belongs to an instance: the primary's, or the backup's.
enum Found<'t> {
    Pair(&'t SqlStore, &'t SqlStore),
    NoMirror(&'t SqlStore),
    IsMirror(&'t SqlStore),
    Unknown,
}

fn find_pair<'t>(stores: &'t SqlStores, fqdn: &str, instance: Option<&str>) -> Found<'t> {
    let pairs = [
        (Some(&stores.primary), stores.mirror.as_ref()),
        (stores.backup.as_ref(), stores.backup_mirror.as_ref()),
    ];
    for (principal, mirror) in pairs {
        match (principal, mirror) {
            (Some(principal), Some(mirror)) if principal.is(fqdn, instance) => {
                return Found::Pair(principal, mirror);
            }
            (Some(principal), None) if principal.is(fqdn, instance) => return Found::NoMirror(principal),
            (_, Some(mirror)) if mirror.is(fqdn, instance) => return Found::IsMirror(mirror),
            _ => {}
        }
    }
    Found::Unknown
}

/// The pairs the call is about.
async fn pairs(session: &mut Session, call: &mut Call) -> Result<Vec<Pair>, Flow> {
    let (topology, _) = read_store(session).await?;
    let fqdn = call.text("SqlServerFqdn").unwrap_or_default();
    if call.flag("ForDefaultInstance") && call.value("ForInstance").is_some() {
        return Err(deployment_error(
            call,
            "ForInstance and ForDefaultInstance exclude each other.",
            "AmbiguousInstance",
        )
        .into());
    }
    let instance =
        call.text("SqlInstanceName").or_else(|| call.text("ForInstance")).filter(|name| !name.is_empty());
    let place = instance.as_deref().map_or(fqdn.clone(), |instance| format!("{fqdn}\\{instance}"));
    let wanted = call.text("DatabaseType");
    let excluded = call.texts("ExcludeDatabaseList");
    let mut pairs = Vec::new();
    for (kind, database, stores) in databases(&topology) {
        if wanted.as_deref().is_some_and(|wanted| wanted != kind)
            || excluded.iter().any(|name| name.eq_ignore_ascii_case(database))
        {
            continue;
        }
        let refused = match find_pair(stores, &fqdn, instance.as_deref()) {
            Found::Pair(principal, mirror) => {
                pairs.push(Pair {
                    kind: kind.to_owned(),
                    database,
                    principal: principal.clone(),
                    mirror: mirror.clone(),
                });
                continue;
            }
            Found::Unknown if wanted.is_none() => continue,
            Found::Unknown => format!(
                "The SQL Server instance \"{place}\" does not hold the databases of type \"{kind}\" in the published \
                 topology. Check SqlServerFqdn, and SqlInstanceName: without it the default instance is meant."
            ),
            Found::NoMirror(store) => format!(
                "The published topology has no mirror SQL Server store for \"{}\". Add it to the topology, publish, and \
                 run the command again.",
                store.name()
            ),
            Found::IsMirror(store) => format!(
                "\"{}\" is a mirror SQL Server store in the published topology. SqlServerFqdn has to name the primary.",
                store.name()
            ),
        };
        return Err(deployment_error(call, refused, "NoMirrorInTopology")
            .with_target(&place, "String")
            .into());
    }
    if pairs.is_empty() {
        let what =
            wanted.map_or("mirrored databases".to_owned(), |kind| format!("databases of type \"{kind}\""));
        return Err(deployment_error(
            call,
            format!("There are no {what} on \"{place}\" in the published topology."),
            "NoDatabases",
        )
        .into());
    }
    Ok(pairs)
}

async fn install(session: &mut Session, call: &mut Call) -> Outcome {
    let share = call.text("FileShare").unwrap_or_default();
    if !is_share(&share) {
        return Err(deployment_error(
            call,
            format!(
                "The file share \"{share}\" is not a UNC path such as \\\\server\\share, nor, for SQL Servers on Linux, a \
                 path such as /var/opt/mssql/share that leads both to one folder."
            ),
            "InvalidFileShare",
        )
        .into());
    }
    let pairs = pairs(session, call).await?;
    warn_about_report(session, call);
    for pair in &pairs {
        let target = describe(session, pair);
        if !session.should_process(call, &target)? {
            continue;
        }
        if let Err(problem) = mirror(session, call, pair, &share).await {
            let problem = match problem {
                Problem::Stopped(flow) => return Err(flow),
                Problem::Failed(message) => message,
            };
            let error =
                deployment_error(call, problem, "InstallMirrorFailed").with_target(pair.database, "String");
            session.write_error(call, error)?;
        }
    }
    Ok(Vec::new())
}

/// What the confirmation names.
fn describe(session: &Session, pair: &Pair) -> String {
    let account = &session.env.sql_login.user;
    format!(
        "Database {} ({}); Primary SQL: {}; Mirror SQL: {}; Account: {account}",
        pair.database,
        pair.kind,
        pair.principal.name(),
        pair.mirror.name()
    )
}

/// Why mirroring was not established.
enum Problem {
    /// What to tell; the cmdlet goes on with the next database.
    Failed(String),
    /// The script stops.
    Stopped(Flow),
}

impl From<Flow> for Problem {
    fn from(flow: Flow) -> Self {
        Self::Stopped(flow)
    }
}

type Step<T> = Result<T, Problem>;

/// Runs a batch; its error says which server and what was being done.
async fn run(
    server: &str,
    doing: &str,
    session: &mut dyn SqlSession,
    batch: &str,
) -> Step<Vec<Vec<crate::sql::SqlRow>>> {
    session.run(batch).await.map_err(|error| failed(server, doing, &error))
}

fn failed(server: &str, doing: &str, error: &SqlError) -> Problem {
    let number = error.number().map(|number| format!("SQL Server error {number}: ")).unwrap_or_default();
    Problem::Failed(format!("{doing} on \"{server}\" failed. {number}{error}"))
}

/// The database on an instance, as far as mirroring cares.
struct DatabaseFacts {
    state: String,
    recovery_model: String,
    partner: Option<String>,
    role: Option<String>,
}

async fn facts(server: &str, sql: &mut dyn SqlSession, database: &str) -> Step<Option<DatabaseFacts>> {
    let batch = format!(
        "SELECT d.state_desc, d.recovery_model_desc, m.mirroring_partner_name, m.mirroring_role_desc \
         FROM sys.databases AS d LEFT JOIN sys.database_mirroring AS m ON m.database_id = d.database_id \
         WHERE d.name = {}",
        literal(database)
    );
    let results = run(server, "Reading the state of the database", sql, &batch).await?;
    Ok(results.first().and_then(|rows| rows.first()).map(|row| DatabaseFacts {
        state: row.text("state_desc").unwrap_or_default().to_owned(),
        recovery_model: row.text("recovery_model_desc").unwrap_or_default().to_owned(),
        partner: row.text("mirroring_partner_name").map(str::to_owned),
        role: row.text("mirroring_role_desc").map(str::to_owned),
    }))
}

/// Establishes mirroring of one database, from the checks to the verification.
async fn mirror(session: &mut Session, call: &Call, pair: &Pair, share: &str) -> Step<()> {
    let (principal_name, mirror_name) = (pair.principal.name(), pair.mirror.name());
    let connect = "Connecting";
    let mut principal = sign_in(session, &pair.principal, "master")
        .await
        .map_err(|error| failed(&principal_name, connect, &error))?;
    let mut mirror = sign_in(session, &pair.mirror, "master")
        .await
        .map_err(|error| failed(&mirror_name, connect, &error))?;
    if already_mirrored(session, call, pair, principal.as_mut()).await? {
        return Ok(());
    }
    clear_mirror(session, call, pair, mirror.as_mut()).await?;
    let principal_port = endpoint(session, call, &pair.principal, principal.as_mut()).await?;
    let mirror_port = endpoint(session, call, &pair.mirror, mirror.as_mut()).await?;
    copy_database(session, call, pair, share, principal.as_mut(), mirror.as_mut()).await?;
    let database = identifier(pair.database);
    let partner = |fqdn: &str, port: u16| literal(&format!("TCP://{fqdn}:{port}"));
    session.verbose(call, &format!("Setting the partners of {}.", pair.database));
    let on_mirror =
        format!("ALTER DATABASE {database} SET PARTNER = {}", partner(&pair.principal.fqdn, principal_port));
    run(&mirror_name, "Setting the partner", mirror.as_mut(), &on_mirror).await?;
    let on_principal =
        format!("ALTER DATABASE {database} SET PARTNER = {}", partner(&pair.mirror.fqdn, mirror_port));
    run(&principal_name, "Setting the partner", principal.as_mut(), &on_principal).await?;
    let after = facts(&principal_name, principal.as_mut(), pair.database).await?;
    match after.and_then(|after| after.role) {
        Some(role) if role.eq_ignore_ascii_case("PRINCIPAL") => Ok(()),
        role => Err(Problem::Failed(format!(
            "Mirroring of {} was set up, but \"{principal_name}\" reports the role {} instead of PRINCIPAL.",
            pair.database,
            role.as_deref().unwrap_or("(none)")
        ))),
    }
}

/// Whether nothing is left to do; an error when the principal's database cannot be mirrored.
async fn already_mirrored(
    session: &mut Session,
    call: &Call,
    pair: &Pair,
    principal: &mut dyn SqlSession,
) -> Step<bool> {
    let name = pair.principal.name();
    let Some(found) = facts(&name, principal, pair.database).await? else {
        return Err(Problem::Failed(format!("The database {} does not exist on \"{name}\".", pair.database)));
    };
    if !found.state.eq_ignore_ascii_case("ONLINE") {
        return Err(Problem::Failed(format!(
            "The database {} on \"{name}\" is {}, not ONLINE. Only an online database can be mirrored.",
            pair.database, found.state
        )));
    }
    if !found.recovery_model.eq_ignore_ascii_case("FULL") {
        return Err(Problem::Failed(format!(
            "The database {} on \"{name}\" has the recovery model {}. Mirroring needs FULL: set it, take a full backup, \
             and run the command again.",
            pair.database, found.recovery_model
        )));
    }
    let Some(partner) = found.partner else { return Ok(false) };
    let mirror_host = format!("//{}:", pair.mirror.fqdn.to_ascii_lowercase());
    if partner.to_ascii_lowercase().contains(&mirror_host) {
        session.verbose(call, &format!("{} is already mirrored to {partner}.", pair.database));
        return Ok(true);
    }
    Err(Problem::Failed(format!(
        "The database {} on \"{name}\" is already mirrored, with {partner}. Remove that mirroring first.",
        pair.database
    )))
}

/// Makes room on the mirror: an old copy is refused, or dropped when asked for.
async fn clear_mirror(
    session: &mut Session,
    call: &Call,
    pair: &Pair,
    mirror: &mut dyn SqlSession,
) -> Step<()> {
    let name = pair.mirror.name();
    let Some(found) = facts(&name, mirror, pair.database).await? else { return Ok(()) };
    if !call.flag("DropExistingDatabasesOnMirror") {
        return Err(Problem::Failed(format!(
            "The database {} already exists on the mirror \"{name}\" ({}). Remove it there, or run the command again \
             with -DropExistingDatabasesOnMirror.",
            pair.database, found.state
        )));
    }
    let database = identifier(pair.database);
    session.verbose(call, &format!("Dropping {} on {name}.", pair.database));
    if found.partner.is_some() {
        let batch = format!("ALTER DATABASE {database} SET PARTNER OFF");
        run(&name, "Removing the old mirroring", mirror, &batch).await?;
    }
    run(&name, "Dropping the old copy", mirror, &format!("DROP DATABASE {database}")).await?;
    Ok(())
}

/// The port of an instance's mirroring endpoint. One that exists is used as it
/// is, and its port wins over the topology's; otherwise one is made.
async fn endpoint(
    session: &mut Session,
    call: &Call,
    store: &SqlStore,
    sql: &mut dyn SqlSession,
) -> Step<u16> {
    let name = store.name();
    let batch = "SELECT e.name, e.state_desc, t.port FROM sys.database_mirroring_endpoints AS e \
                 INNER JOIN sys.tcp_endpoints AS t ON t.endpoint_id = e.endpoint_id";
    let results = run(&name, "Reading the mirroring endpoint", sql, batch).await?;
    let Some(row) = results.first().and_then(|rows| rows.first()) else {
        session.verbose(
            call,
            &format!("Creating a mirroring endpoint on {name}, port {}.", store.mirroring_port),
        );
        let batch = format!(
            "CREATE ENDPOINT [Mirroring] STATE = STARTED AS TCP (LISTENER_PORT = {}) FOR DATABASE_MIRRORING (ROLE = PARTNER)",
            store.mirroring_port
        );
        run(&name, "Creating the mirroring endpoint", sql, &batch).await?;
        return Ok(store.mirroring_port);
    };
    let port = row.number("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(store.mirroring_port);
    if let Some(state) = row.text("state_desc")
        && !state.eq_ignore_ascii_case("STARTED")
    {
        let endpoint = identifier(row.text("name").unwrap_or("Mirroring"));
        run(
            &name,
            "Starting the mirroring endpoint",
            sql,
            &format!("ALTER ENDPOINT {endpoint} STATE = STARTED"),
        )
        .await?;
    }
    if port != store.mirroring_port {
        session.warn(&format!(
            "\"{name}\" already has a mirroring endpoint on port {port}. It is used instead of port {} of the topology.",
            store.mirroring_port
        ));
    }
    Ok(port)
}

/// Carries the database over by way of the file share: full backup, log backup,
/// both restored without recovery.
async fn copy_database(
    session: &mut Session,
    call: &Call,
    pair: &Pair,
    share: &str,
    principal: &mut dyn SqlSession,
    mirror: &mut dyn SqlSession,
) -> Step<()> {
    let (from, to) = (pair.principal.name(), pair.mirror.name());
    let database = identifier(pair.database);
    let (full, log) = (
        literal(&join(share, &format!("{}.bak", pair.database))),
        literal(&join(share, &format!("{}.trn", pair.database))),
    );
    let moves = moves(call, pair, &from, principal).await?;
    session.verbose(call, &format!("Backing up {} to {share}.", pair.database));
    let backup = format!("BACKUP DATABASE {database} TO DISK = {full} WITH INIT, FORMAT");
    run(&from, "Backing up the database to the file share", principal, &backup).await?;
    let backup = format!("BACKUP LOG {database} TO DISK = {log} WITH INIT, FORMAT");
    run(&from, "Backing up the log to the file share", principal, &backup).await?;
    session.verbose(call, &format!("Restoring {} on {to}.", pair.database));
    let restore = format!("RESTORE DATABASE {database} FROM DISK = {full} WITH NORECOVERY{moves}");
    run(&to, "Restoring the database from the file share", mirror, &restore).await?;
    let restore = format!("RESTORE LOG {database} FROM DISK = {log} WITH NORECOVERY");
    run(&to, "Restoring the log from the file share", mirror, &restore).await?;
    Ok(())
}

/// The `MOVE` clauses for `-DatabasePathMap`; without it the files go where
/// they are on the principal.
async fn moves(call: &Call, pair: &Pair, from: &str, principal: &mut dyn SqlSession) -> Step<String> {
    let Some(Value::Hash(map)) = call.value("DatabasePathMap").cloned() else { return Ok(String::new()) };
    let path = |what: &str| map.borrow().named(&format!("{}:{what}", pair.kind)).map(Value::text);
    let (data, log) = (path("DbPath"), path("LogPath"));
    if data.is_none() && log.is_none() {
        return Ok(String::new());
    }
    let batch = format!(
        "SELECT name, type_desc, physical_name FROM sys.master_files WHERE database_id = DB_ID({})",
        literal(pair.database)
    );
    let results = run(from, "Reading the files of the database", principal, &batch).await?;
    let mut clauses = String::new();
    for row in results.first().map(Vec::as_slice).unwrap_or_default() {
        let is_log = row.text("type_desc").is_some_and(|kind| kind.eq_ignore_ascii_case("LOG"));
        let folder = if is_log { log.as_ref() } else { data.as_ref() };
        if let (Some(folder), Some(name), Some(path)) = (folder, row.text("name"), row.text("physical_name"))
        {
            let to = join(folder, file_name(path));
            clauses.push_str(&format!(", MOVE {} TO {}", literal(name), literal(&to)));
        }
    }
    Ok(clauses)
}

/// Removes mirroring. The help says that SqlServerFqdn names the primary, its
/// example names the mirror: both are taken.
async fn uninstall(session: &mut Session, call: &mut Call) -> Outcome {
    let (topology, _) = read_store(session).await?;
    let fqdn = call.text("SqlServerFqdn").unwrap_or_default();
    let instance = call.text("SqlInstanceName").filter(|name| !name.is_empty());
    let wanted = call.text("DatabaseType").unwrap_or_default();
    warn_about_report(session, call);
    let found = databases(&topology).into_iter().find(|(kind, _, _)| *kind == wanted);
    let pair = found.and_then(|(_, database, stores)| {
        let pairs = [
            (Some(&stores.primary), stores.mirror.as_ref()),
            (stores.backup.as_ref(), stores.backup_mirror.as_ref()),
        ];
        let both = pairs.into_iter().filter_map(|(principal, mirror)| Some((principal?, mirror?)));
        let mut named = both.filter(|(principal, mirror)| {
            principal.is(&fqdn, instance.as_deref()) || mirror.is(&fqdn, instance.as_deref())
        });
        named.next().map(|(principal, mirror)| (database, principal.clone(), mirror.clone()))
    });
    let Some((database, principal, mirror)) = pair else {
        return Err(deployment_error(
            call,
            format!("\"{fqdn}\" holds no mirrored databases of type \"{wanted}\" in the published topology."),
            "NoMirrorInTopology",
        )
        .into());
    };
    if !session.should_process(call, &format!("{database} on {} and {}", principal.name(), mirror.name()))? {
        return Ok(Vec::new());
    }
    let pair = Pair { kind: wanted, database, principal, mirror };
    match remove(session, call, &pair).await {
        Ok(()) => {}
        Err(Problem::Stopped(flow)) => return Err(flow),
        Err(Problem::Failed(message)) => {
            let error =
                deployment_error(call, message, "UninstallMirrorFailed").with_target(pair.database, "String");
            session.write_error(call, error)?;
        }
    }
    Ok(Vec::new())
}

/// Ends mirroring on the side that is there, and drops the mirror's copy when asked for.
async fn remove(session: &mut Session, call: &Call, pair: &Pair) -> Step<()> {
    let database = identifier(pair.database);
    let off = format!("ALTER DATABASE {database} SET PARTNER OFF");
    let mut ended = false;
    let mut last = None;
    for store in [&pair.principal, &pair.mirror] {
        let name = store.name();
        let mut sql = match sign_in(session, store, "master").await {
            Ok(sql) => sql,
            Err(error) => {
                last = Some(failed(&name, "Connecting", &error));
                continue;
            }
        };
        let Some(found) = facts(&name, sql.as_mut(), pair.database).await? else { continue };
        if found.partner.is_some() {
            run(&name, "Removing mirroring", sql.as_mut(), &off).await?;
            ended = true;
        }
        let is_mirror = store == &pair.mirror;
        if is_mirror
            && call.flag("DropExistingDatabasesOnMirror")
            && !found.state.eq_ignore_ascii_case("ONLINE")
        {
            run(&name, "Dropping the copy", sql.as_mut(), &format!("DROP DATABASE {database}")).await?;
        }
    }
    match last {
        Some(problem) if !ended => Err(problem),
        _ if !ended => Err(Problem::Failed(format!("The database {} is not mirrored.", pair.database))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, find_pair};
    use crate::topology::{SqlStore, SqlStores};

    fn stores() -> SqlStores {
        SqlStores {
            primary: SqlStore::new("a1"),
            mirror: Some(SqlStore::new("a2")),
            backup: Some(SqlStore::new("b1").with_instance("RTC")),
            backup_mirror: None,
        }
    }

    #[test]
    fn the_mirror_of_the_primary_comes_from_the_topology() {
        assert!(matches!(find_pair(&stores(), "A1", None), Found::Pair(_, mirror) if mirror.fqdn == "a2"));
    }

    #[test]
    fn a_store_without_a_mirror_in_the_topology_is_told_apart_from_an_unknown_one() {
        assert!(matches!(find_pair(&stores(), "b1", Some("rtc")), Found::NoMirror(_)));
        assert!(matches!(find_pair(&stores(), "b1", None), Found::Unknown));
        assert!(matches!(find_pair(&stores(), "a2", None), Found::IsMirror(_)));
    }
}
