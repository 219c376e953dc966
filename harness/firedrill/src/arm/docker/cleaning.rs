//! Removes what a run has started, and what dead runs have left: that, and
//! nothing else.
//!
//! Everything carries the id of its run and the process that owns it. A run is
//! dead when its process is: told by the machine's boot, the process's number
//! and when it was started, so that a number that is used again is no life.

use super::engine::{Engine, reason};
use std::collections::{BTreeSet, HashMap};
use testcontainers::bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};

/// The label with a run's id.
pub(super) const RUN_LABEL: &str = "firedrill.run";
/// The label with the process that owns it.
pub(super) const OWNER_LABEL: &str = "firedrill.owner";

/// This process, as no other one is called on this machine before its next boot, nor on another machine.
pub(super) fn this_process() -> String {
    let id = std::process::id();
    process(id).unwrap_or_else(|| format!("unknown:{id}:0"))
}

/// A process that lives now; none if there is none of this number, or this system does not tell.
fn process(id: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything; the start time is the twentieth field behind it.
    let started = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{}:{id}:{started}", boot.trim()))
}

/// Whether the process that owns something is certainly gone. One of another machine, or of an unknown one, is not.
fn is_dead(owner: &str) -> bool {
    let mut parts = owner.split(':');
    let (Some(boot), Some(id)) = (parts.next(), parts.next().and_then(|id| id.parse::<u32>().ok())) else {
        return false;
    };
    let this_boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot == this_boot.trim() && process(id).as_deref() != Some(owner)
}

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
        .filter(|labels| labels.get(OWNER_LABEL).is_some_and(|owner| is_dead(owner)))
        .filter_map(|labels| labels.get(RUN_LABEL).cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives() {
        assert!(!is_dead(&this_process()));
    }

    #[test]
    fn a_process_whose_number_was_used_again_is_dead() {
        let living = this_process();
        let (boot_and_id, _) = living.rsplit_once(':').unwrap();
        assert!(is_dead(&format!("{boot_and_id}:1")));
    }

    #[rstest::rstest]
    #[case::of_another_machine("5c7d0000-0000-0000-0000-000000000000:1:1")]
    #[case::unreadable("nonsense")]
    fn a_process_that_cannot_be_told_of_is_left_alone(#[case] owner: &str) {
        assert!(!is_dead(owner));
    }
}
