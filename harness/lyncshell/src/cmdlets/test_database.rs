//! `Test-CsDatabase`.

use super::{
    DATABASE_TYPE, databases, deployment_error, not_in_topology, read_store, sign_in, warn_about_report,
};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::value::{Object, Value};
use crate::session::Session;
use crate::sql::literal;
use crate::topology::SqlStore;

const CMS: &[&str] = &["ByCMS"];
const CONFIGURED: &[&str] = &["ByConfigured"];
const BY_DATABASE: &[&str] = &["ByDatabase"];

pub(crate) static DEFINITIONS: &[Definition] = &[Definition {
    name: "Test-CsDatabase",
    type_name: "Microsoft.Rtc.Management.Deployment.TestCsDatabaseCmdlet",
    module: Module::LyncReading,
    aliases: &[],
    parameters: &[
        Parameter::new("CentralManagementDatabase", Kind::Switch).sets(CMS).mandatory(),
        Parameter::new("ConfiguredDatabases", Kind::Switch).sets(CONFIGURED).mandatory(),
        Parameter::new("DatabaseType", Kind::Enum(&DATABASE_TYPE)).sets(BY_DATABASE).mandatory(),
        Parameter::new("LocalService", Kind::Switch).sets(&["ByLocal"]).mandatory(),
        Parameter::new("SqlServerFqdn", Kind::Fqdn).sets(&["ByCMS", "ByConfigured", "ByDatabase"]),
        Parameter::new("SqlInstanceName", Kind::Text).sets(&["ByCMS", "ByDatabase"]),
        Parameter::new("Report", Kind::Text),
    ],
    default_set: "ByConfigured",
    should_process: true,
    impact: Impact::Medium,
    run: |session, call| Box::pin(test_databases(session, call)),
}];

/// One database to try.
struct Target {
    database: String,
    store: SqlStore,
    mirror: Option<SqlStore>,
}

async fn test_databases(session: &mut Session, call: &mut Call) -> Outcome {
    warn_about_report(session, call);
    if call.flag("LocalService") {
        return Err(deployment_error(
            call,
            format!(
                "lync-shell does not model -LocalService: {} runs no local databases.",
                session.env.machine
            ),
            "NotModelled",
        )
        .into());
    }
    let fqdn = call.text("SqlServerFqdn");
    if fqdn.is_none() && call.set != "ByCMS" {
        return Err(crate::language::error::ErrorRecord::new(
            "Cannot process command because of one or more missing mandatory parameters: SqlServerFqdn.",
            "InvalidArgument",
            "System.Management.Automation.ParameterBindingException",
            format!("MissingMandatoryParameter,{}", call.definition.type_name),
        )
        .into());
    }
    let targets = targets(session, call, fqdn.as_deref()).await?;
    if targets.is_empty() {
        let error = not_in_topology(call, "SqlStore", fqdn.as_deref().unwrap_or_default());
        session.write_error(call, error)?;
    }
    let mut results = Vec::new();
    for target in targets {
        if session.should_process(call, &format!("{} on {}", target.database, target.store.name()))? {
            results.push(test_one(session, &target).await);
        }
    }
    Ok(results)
}

async fn targets(
    session: &mut Session,
    call: &Call,
    fqdn: Option<&str>,
) -> Result<Vec<Target>, crate::session::Flow> {
    if call.set == "ByCMS" {
        let location = session.env.store.clone();
        let store = SqlStore { fqdn: location.server, instance: location.instance, mirroring_port: 5022 };
        return Ok(vec![Target { database: location.database, store, mirror: None }]);
    }
    let (topology, _) = read_store(session).await?;
    let instance = call.text("SqlInstanceName").filter(|name| !name.is_empty());
    let wanted = call.text("DatabaseType");
    let mut targets = Vec::new();
    for (kind, database, stores) in databases(&topology) {
        if wanted.as_deref().is_some_and(|wanted| wanted != kind) {
            continue;
        }
        for (role, store) in stores.roles() {
            let Some(store) = store else { continue };
            let fits = match call.set {
                "ByDatabase" => fqdn.is_some_and(|fqdn| store.is(fqdn, instance.as_deref())),
                _ => fqdn.is_some_and(|fqdn| store.fqdn.eq_ignore_ascii_case(fqdn)),
            };
            if fits {
                let mirror = match role {
                    "" => stores.mirror.clone(),
                    "Backup" => stores.backup_mirror.clone(),
                    _ => None,
                };
                targets.push(Target { database: database.to_owned(), store: store.clone(), mirror });
            }
        }
    }
    Ok(targets)
}

async fn test_one(session: &Session, target: &Target) -> Value {
    let outcome = async {
        let mut sql = sign_in(session, &target.store, "master").await.map_err(|error| error.to_string())?;
        let batch = format!(
            "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version\n\
             SELECT state_desc FROM sys.databases WHERE name = {}",
            literal(&target.database)
        );
        let results = sql.run(&batch).await.map_err(|error| error.to_string())?;
        let text = |index: usize, column: &str| {
            let row = results.get(index).and_then(|rows| rows.first());
            row.and_then(|row| row.text(column)).map(str::to_owned)
        };
        let version = text(0, "version").unwrap_or_default();
        match text(1, "state_desc") {
            Some(state) => Ok((version, state)),
            None => {
                Err(format!("The database {} does not exist on {}.", target.database, target.store.name()))
            }
        }
    };
    let (succeeded, version, state, error) = match outcome.await {
        Ok((version, state)) => (true, version, state, String::new()),
        Err(error) => (false, String::new(), String::new(), error),
    };
    Object::value(
        "Microsoft.Rtc.SyntheticTransactions.TaskOutput",
        vec![
            ("DatabaseName", Value::from(target.database.as_str())),
            ("SqlServerFqdn", Value::from(target.store.fqdn.as_str())),
            ("SqlInstanceName", target.store.instance.as_deref().map_or(Value::Null, Value::from)),
            ("SqlServerVersion", Value::from(version)),
            ("DatabaseState", Value::from(state)),
            (
                "MirrorSqlServer",
                target.mirror.as_ref().map_or(Value::Null, |store| Value::from(store.name())),
            ),
            ("Succeed", Value::Bool(succeeded)),
            ("Error", Value::from(error)),
        ],
    )
}
