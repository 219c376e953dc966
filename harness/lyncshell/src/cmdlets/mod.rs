//! The Lync cmdlets a Persistent Chat failover needs, with the parameter sets
//! of their published help.
//!
//! Where no public source says what the real cmdlet does, what is done here is
//! a judgement, and the comment at the place says so.

mod active;
mod identity;
mod message;
mod mirror;
mod mirror_state;
mod replication;
mod service;
mod state;
mod test_database;

use crate::binding::{Call, Definition};
use crate::language::error::ErrorRecord;
use crate::language::value::EnumType;
use crate::session::{Flow, Session, store_failure};
use crate::sql::{SqlError, SqlPlace, SqlSession};
use crate::store::PoolSettings;
use crate::topology::{SqlStore, SqlStores, Topology};

/// Every Lync cmdlet there is here.
pub(crate) fn all() -> impl Iterator<Item = &'static Definition> {
    let families = [
        state::DEFINITIONS,
        active::DEFINITIONS,
        service::DEFINITIONS,
        mirror::DEFINITIONS,
        mirror_state::DEFINITIONS,
        replication::DEFINITIONS,
        test_database::DEFINITIONS,
        message::DEFINITIONS,
    ];
    families.into_iter().flatten()
}

/// `DatabaseNameType` as the 2015 help lists it.
pub(crate) static DATABASE_TYPE: EnumType = EnumType {
    name: "Microsoft.Rtc.Management.Deployment.DatabaseNameType",
    members: &[
        "ActiveMonitoring",
        "Application",
        "Archiving",
        "CentralMgmt",
        "Edge",
        "Lyss",
        "Monitoring",
        "PersistentChat",
        "PersistentChatCompliance",
        "Provision",
        "Registrar",
        "SigninTelemetry",
        "User",
    ],
};

/// The databases this topology can hold: type, database name, stores.
fn databases(topology: &Topology) -> Vec<(&'static str, &'static str, &SqlStores)> {
    let mut found = vec![("PersistentChat", "mgc", &topology.chat)];
    if let Some(compliance) = &topology.compliance {
        found.push(("PersistentChatCompliance", "mgccomp", compliance));
    }
    found
}

/// The topology and the newest settings.
async fn read_store(session: &mut Session) -> Result<(Topology, PoolSettings), Flow> {
    session.store().await?.read().await.map_err(store_failure)
}

/// An error of a deployment cmdlet. Its class and ids are ours.
fn deployment_error(call: &Call, message: impl Into<String>, id: &str) -> ErrorRecord {
    ErrorRecord::new(
        message,
        "InvalidOperation",
        "Microsoft.Rtc.Management.Deployment.DeploymentException",
        format!("{id},{}", call.definition.type_name),
    )
}

/// An item the topology does not have, in Lync's words.
fn not_in_topology(call: &Call, kind: &str, identity: &str) -> ErrorRecord {
    ErrorRecord::new(
        format!("Cannot find \"{kind}\" \"{identity}\" because it does not exist."),
        "ObjectNotFound",
        "Microsoft.Rtc.Management.Xds.ManagementException",
        format!("ItemNotFound,{}", call.definition.type_name),
    )
    .with_target(identity, "XdsIdentity")
}

/// Signs in to a store's instance.
async fn sign_in(
    session: &Session,
    store: &SqlStore,
    database: &str,
) -> Result<Box<dyn SqlSession>, SqlError> {
    let place = SqlPlace {
        fqdn: &store.fqdn,
        instance: store.instance.as_deref(),
        port: None,
        login: &session.env.sql_login,
    };
    session.backends.servers.sign_in(&place, database).await
}

/// Says that a report file was asked for and none is written.
fn warn_about_report(session: &mut Session, call: &Call) {
    if let Some(path) = call.text("Report") {
        session.warn(&format!("lync-shell writes no report file; \"{path}\" is not created."));
    }
}
