//! `Get-CsDatabaseMirrorState`.

use super::{DATABASE_TYPE, databases, deployment_error, read_store, sign_in, warn_about_report};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::value::{Object, Value};
use crate::session::Session;
use crate::sql::{SqlError, literal};
use crate::topology::{PoolState, SqlStore};

pub(crate) static DEFINITIONS: &[Definition] = &[Definition {
    name: "Get-CsDatabaseMirrorState",
    type_name: "Microsoft.Rtc.Management.Deployment.GetCsDatabaseMirrorStateCmdlet",
    module: Module::LyncReading,
    aliases: &[],
    parameters: &[
        Parameter::new("PoolFqdn", Kind::Fqdn).mandatory(),
        Parameter::new("DatabaseType", Kind::Enum(&DATABASE_TYPE)),
        Parameter::new("LocalStore", Kind::Switch),
        Parameter::new("Report", Kind::Text),
    ],
    default_set: "",
    should_process: false,
    impact: Impact::Medium,
    run: |session, call| Box::pin(mirror_state(session, call)),
}];

/// What the real cmdlet prints for a copy that is out of reach or not mirrored.
const INACCESSIBLE: &str = "DatabaseInaccessibleOrMirroringNotEnabled";

/// The mirror state of the pool's databases. Judgement, since no source says:
/// in a pool that has failed over, the backup counts as the primary and its
/// mirror as the mirror.
async fn mirror_state(session: &mut Session, call: &mut Call) -> Outcome {
    let (topology, settings) = read_store(session).await?;
    warn_about_report(session, call);
    let pool = call.text("PoolFqdn").unwrap_or_default();
    if !topology.pool.eq_ignore_ascii_case(&pool) {
        let message =
            format!("One of the following roles must exist on pool \"{pool}\": PersistentChatServer.");
        return Err(deployment_error(call, message, "RoleNotOnPool").with_target(&pool, "Fqdn").into());
    }
    let wanted = call.text("DatabaseType");
    let chosen: Vec<_> = databases(&topology)
        .into_iter()
        .filter(|(kind, _, _)| wanted.as_deref().is_none_or(|wanted| wanted == *kind))
        .collect();
    if let (Some(kind), true) = (wanted, chosen.is_empty()) {
        let message = format!("Database type \"{kind}\" is not present on pool \"{pool}\".");
        return Err(deployment_error(call, message, "DatabaseTypeNotOnPool")
            .with_target(&pool, "Fqdn")
            .into());
    }
    let mut states = Vec::new();
    for (_, database, stores) in chosen {
        let (primary, mirror) = match settings.state {
            PoolState::Normal => (Some(&stores.primary), stores.mirror.as_ref()),
            PoolState::FailedOver => (stores.backup.as_ref(), stores.backup_mirror.as_ref()),
        };
        let on_primary = side(session, primary, database).await;
        let on_mirror = side(session, mirror, database).await;
        states.push(Object::value(
            "Microsoft.Rtc.Management.Deployment.DatabaseMirrorState",
            vec![
                ("DatabaseName", Value::from(database)),
                ("StateOnPrimary", Value::from(on_primary.0)),
                ("StateOnMirror", Value::from(on_mirror.0)),
                ("MirroringStatusOnPrimary", Value::from(on_primary.1)),
                ("MirroringStatusOnMirror", Value::from(on_mirror.1)),
            ],
        ));
    }
    Ok(states)
}

/// Role and status of one copy.
async fn side(session: &Session, store: Option<&SqlStore>, database: &str) -> (String, String) {
    let inaccessible = (INACCESSIBLE.to_owned(), INACCESSIBLE.to_owned());
    let Some(store) = store else { return inaccessible };
    read_side(session, store, database).await.ok().flatten().unwrap_or(inaccessible)
}

async fn read_side(
    session: &Session,
    store: &SqlStore,
    database: &str,
) -> Result<Option<(String, String)>, SqlError> {
    let mut sql = sign_in(session, store, "master").await?;
    let batch = format!(
        "SELECT m.mirroring_role_desc, m.mirroring_state_desc FROM sys.databases AS d \
         INNER JOIN sys.database_mirroring AS m ON m.database_id = d.database_id WHERE d.name = {}",
        literal(database)
    );
    let results = sql.run(&batch).await?;
    let Some(row) = results.first().and_then(|rows| rows.first()) else { return Ok(None) };
    let (Some(role), Some(status)) = (row.text("mirroring_role_desc"), row.text("mirroring_state_desc"))
    else {
        return Ok(None);
    };
    let role = if role.eq_ignore_ascii_case("PRINCIPAL") { "Principal" } else { "Mirror" };
    Ok(Some((role.to_owned(), status.to_ascii_lowercase())))
}
