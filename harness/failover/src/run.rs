//! Executes a plan, strictly as it is written.

use crate::environment::Environment;
use crate::executor::Run as Executor;
use crate::plan::Plan;
use crate::report::Outcome;
use crate::site::Site;
use crate::sql::TdsServers;

/// How to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Go past the guards that protect data, after saying what is lost.
    pub accept_data_loss: bool,
    /// Go on with the failover that the journal holds.
    pub resume: bool,
}

/// Carries out `plan`. Killed at any moment (dropped at any await), it can be resumed.
pub async fn run(env: &Environment, site: &Site, plan: &Plan, options: &RunOptions) -> Outcome {
    let servers = TdsServers::new(env, site);
    Box::pin(Executor::new(env, site, plan, *options, &servers).carry_out()).await
}

/// Asks the guards that stand before the first step; changes nothing but the probe files, which it removes.
pub async fn preflight(env: &Environment, site: &Site, plan: &Plan) -> Outcome {
    let servers = TdsServers::new(env, site);
    Box::pin(Executor::new(env, site, plan, RunOptions::default(), &servers).preflight()).await
}

/// Looks how far the failover is and what is left to do; changes nothing.
pub async fn status(env: &Environment, site: &Site, plan: &Plan) -> Outcome {
    let servers = TdsServers::new(env, site);
    Box::pin(Executor::new(env, site, plan, RunOptions::default(), &servers).status()).await
}
