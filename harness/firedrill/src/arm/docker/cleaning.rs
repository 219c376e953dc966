//! Removes what a run has started, and what dead runs have left: that, and
//! nothing else.
//!
//! Everything carries the id of its run and the process that owns it. A run is
//! dead when its process is.

use super::engine::{Engine, reason};
use crate::arm::owner;
use std::collections::{BTreeSet, HashMap};
use testcontainers::bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};

/// The label with a run's id.
pub(super) const RUN_LABEL: &str = "firedrill.run";
/// The label with the process that owns it.
pub(super) const OWNER_LABEL: &str = "firedrill.owner";

/// A filter by label.
fn labelled(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

/// Removes the containers and networks of one run.
///
/// # Errors
/// What is still there, each with the engine's reason.
pub(super) async fn remove_run(engine: &Engine, run: &str) -> Result<(), String> {
    let filter = labelled(&format!("{RUN_LABEL}={run}"));
    let unlisted = |error| format!("the engine does not list what the run has started ({})", reason(&error));
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let containers = engine.docker.list_containers(Some(options)).await.map_err(unlisted)?;
    let removing = containers.into_iter().filter_map(|one| one.id).map(|id| async move {
        let removed = engine.remove_container(&id).await;
        removed.map_err(|error| format!("container {id} ({})", reason(&error)))
    });
    let removed = futures::future::join_all(removing).await;
    let mut left: Vec<String> = removed.into_iter().filter_map(Result::err).collect();
    let options = ListNetworksOptionsBuilder::default().filters(&filter).build();
    for network in engine.docker.list_networks(Some(options)).await.map_err(unlisted)? {
        let name = network.name.unwrap_or_default();
        if let Err(error) = engine.docker.remove_network(&name).await {
            left.push(format!("network {name} ({})", reason(&error)));
        }
    }
    if left.is_empty() { Ok(()) } else { Err(format!("still there: {}", left.join(", "))) }
}

/// Removes what runs have left whose processes are gone.
pub(crate) async fn remove_what_dead_runs_left(engine: &Engine) {
    for run in dead_runs(engine).await {
        tracing::info!(run, "what a dead run has left is removed");
        if let Err(left) = remove_run(engine, &run).await {
            // This run does not need it gone; the next one tries again.
            tracing::warn!(run, left, "not everything could be removed");
        }
    }
}

async fn dead_runs(engine: &Engine) -> BTreeSet<String> {
    let filter = labelled(RUN_LABEL);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let containers = engine.docker.list_containers(Some(options)).await.unwrap_or_default();
    let options = ListNetworksOptionsBuilder::default().filters(&filter).build();
    let networks = engine.docker.list_networks(Some(options)).await.unwrap_or_default();
    let labels =
        containers.into_iter().map(|one| one.labels).chain(networks.into_iter().map(|one| one.labels));
    labels
        .flatten()
        .filter(|labels| labels.get(OWNER_LABEL).is_some_and(|owner| owner::is_dead(owner)))
        .filter_map(|labels| labels.get(RUN_LABEL).cloned())
        .collect()
}
