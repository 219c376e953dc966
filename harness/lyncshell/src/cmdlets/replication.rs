//! `Invoke-CsManagementStoreReplication` and
//! `Get-CsManagementStoreReplicationStatus`.

use super::not_in_topology;
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::value::{Object, Value};
use crate::session::{Session, store_failure};
use crate::store::Replica;

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Invoke-CsManagementStoreReplication",
        type_name: "Microsoft.Rtc.Management.Xds.InvokeOcsManagementStoreReplicationCmdlet",
        module: Module::LyncWriting,
        aliases: &[],
        parameters: &[Parameter::new("ReplicaFqdn", Kind::Fqdn).at(1), Parameter::new("Force", Kind::Switch)],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(replicate(session, call)),
    },
    Definition {
        name: "Get-CsManagementStoreReplicationStatus",
        type_name: "Microsoft.Rtc.Management.Xds.GetOcsManagementStoreReplicationStatusCmdlet",
        module: Module::LyncReading,
        aliases: &[],
        parameters: &[
            Parameter::new("ReplicaFqdn", Kind::Fqdn).sets(&["ReplicaStatus"]).at(1),
            Parameter::new("CentralManagementStoreStatus", Kind::Switch).sets(&["CmsStatus"]).mandatory(),
        ],
        default_set: "ReplicaStatus",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(replication_status(session, call)),
    },
];

/// The replicas the cmdlet is about; an error for a machine without one.
async fn replicas(session: &mut Session, call: &mut Call) -> Result<Vec<Replica>, crate::session::Flow> {
    let mut replicas = session.store().await?.replicas().await.map_err(store_failure)?;
    if let Some(fqdn) = call.text("ReplicaFqdn") {
        replicas.retain(|replica| replica.fqdn.eq_ignore_ascii_case(&fqdn));
        if replicas.is_empty() {
            let error = not_in_topology(call, "Replica", &fqdn);
            session.write_error(call, error)?;
        }
    }
    Ok(replicas)
}

/// Asks for replication. The replicas get it when the replicator has carried it over.
async fn replicate(session: &mut Session, call: &mut Call) -> Outcome {
    let wanted = replicas(session, call).await?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let only = call.text("ReplicaFqdn");
    session.store().await?.request_replication(only.as_deref()).await.map_err(store_failure)?;
    Ok(Vec::new())
}

async fn replication_status(session: &mut Session, call: &mut Call) -> Outcome {
    if call.flag("CentralManagementStoreStatus") {
        let replicas = session.store().await?.replicas().await.map_err(store_failure)?;
        let master = session.env.store.server.clone();
        let heartbeat = Value::DateTime(session.env.clock.utc_now());
        return Ok(vec![Object::value(
            "Microsoft.Rtc.Management.Xds.CentralMgmtStatus",
            vec![
                ("ActiveMasterFqdn", Value::from(master.as_str())),
                ("ActiveMasterLastHeartbeat", heartbeat.clone()),
                ("ActiveFileTransferAgents", Value::strings([master.as_str()])),
                ("ActiveFileTransferAgentsLastHeartbeat", heartbeat),
                ("ActiveReplicas", Value::strings(replicas.iter().map(|replica| replica.fqdn.as_str()))),
                ("DeletedReplicas", Value::strings::<&str>([])),
            ],
        )]);
    }
    let replicas = replicas(session, call).await?;
    Ok(replicas.iter().map(status).collect())
}

fn status(replica: &Replica) -> Value {
    Object::value(
        "Microsoft.Rtc.Management.Xds.ReplicaStatus",
        vec![
            ("UpToDate", Value::Bool(replica.up_to_date())),
            ("ReplicaFqdn", Value::from(replica.fqdn.as_str())),
            ("LastStatusReport", replica.updated.map_or(Value::Null, Value::DateTime)),
            ("LastUpdateCreation", Value::DateTime(replica.newest_made)),
            ("ProductVersion", Value::from(if replica.revision == 0 { "" } else { "5.0.8308.0" })),
        ],
    )
}
