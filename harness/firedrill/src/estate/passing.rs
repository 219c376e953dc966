//! How the estate's time passes while nobody works.
//!
//! On simulated time a wait is a sleep. Where time is real, nobody should wait
//! for the two hours of traffic that a drill tells of: the clock is paused,
//! runs ahead to the end of the wait, and is real again. Servers whose clocks
//! are not the estate's do not notice; their jobs are run by the harness
//! whenever the estate's clock says that they are due.

use super::log_shipping::{self, Job};
use super::names::Server;
use super::world::World;
use crate::arm::Time;
use std::time::Duration;
use tokio::time::Instant;

/// Runs the servers' jobs when they are due by the estate's clock.
#[derive(Debug, Default)]
pub(crate) struct StandIn {
    /// When the jobs are due next; none while no job runs on a schedule.
    next: Option<Instant>,
    /// Jobs that were taken off their schedule.
    held: Vec<(Server, Job)>,
}

impl World {
    /// Lets time pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        self.pass_until(Instant::now() + duration).await;
    }

    /// Lets time pass until then; nothing if that is past.
    pub(crate) async fn pass_until(&self, until: Instant) {
        match self.time.get() {
            Time::Simulated => tokio::time::sleep_until(until).await,
            Time::Skipped => skip_to(until).await,
            Time::SkippedAlone => {
                while let Some(due) = self.next_due(until) {
                    skip_to(due).await;
                    self.stand_in.borrow_mut().next = Some(due + log_shipping::interval(self));
                    self.run_due_jobs().await;
                }
                skip_to(until).await;
            }
        }
    }

    /// When the jobs are due next, if that is not after `until`.
    fn next_due(&self, until: Instant) -> Option<Instant> {
        self.stand_in.borrow().next.filter(|due| *due <= until)
    }

    /// From now on the jobs are due on their schedule.
    pub(super) fn start_stand_in(&self) {
        if self.time.get() == Time::SkippedAlone {
            self.stand_in.borrow_mut().next = Some(Instant::now() + log_shipping::interval(self));
        }
    }

    /// A job does not run on its schedule any more.
    pub(super) fn hold_stand_in(&self, server: Server, job: Job) {
        self.stand_in.borrow_mut().held.push((server, job));
    }

    /// The jobs that run on a schedule, one after the other; a server without power runs none.
    async fn run_due_jobs(&self) {
        let holders = [Server::Primary, Server::Mirror];
        let backups = holders.into_iter().filter(|server| self.writable.borrow().contains(server));
        let backups: Vec<_> = backups.map(|server| (server, Job::Backup)).collect();
        for (server, job) in
            backups.into_iter().chain([(Server::Backup, Job::Copy), (Server::Backup, Job::Restore)])
        {
            let is_held = self.stand_in.borrow().held.contains(&(server, job));
            if is_held || !log_shipping::is_scheduled(self, job) || !self.server(server).host.is_running() {
                continue;
            }
            if let Err(error) = log_shipping::run(self, server, job).await {
                self.trouble.borrow_mut().push(error.to_string());
            }
        }
    }
}

/// Lets the runtime's clock, which is real, run ahead.
async fn skip_to(until: Instant) {
    if until <= Instant::now() {
        return;
    }
    tokio::time::pause();
    tokio::time::sleep_until(until).await;
    tokio::time::resume();
}
