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
pub(super) async fn remove_run(engine: &Engine, run: &str) {
    let filter = labelled(&format!("{RUN_LABEL}={run}"));
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    let containers = engine.docker.list_containers(Some(options)).await.unwrap_or_default();
    let removing =
        containers.iter().filter_map(|one| one.id.as_deref()).map(|id| engine.remove_container(id));
    futures::future::join_all(removing).await;
    let options = ListNetworksOptionsBuilder::default().filters(&filter).build();
    for network in engine.docker.list_networks(Some(options)).await.unwrap_or_default() {
        let name = network.name.unwrap_or_default();
        if let Err(error) = engine.docker.remove_network(&name).await {
            tracing::warn!(network = name, error = %reason(&error), "a network could not be removed");
        }
    }
}

/// Removes what runs have left whose processes are gone.
pub(crate) async fn remove_what_dead_runs_left(engine: &Engine) {
    for run in dead_runs(engine).await {
        tracing::info!(run, "what a dead run has left is removed");
        remove_run(engine, &run).await;
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
