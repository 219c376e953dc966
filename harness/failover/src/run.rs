//! Executes a plan, strictly as it is written.

use crate::environment::Environment;
use crate::plan::Plan;
use crate::report::Outcome;
use crate::site::Site;

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
    executor::run(env, site, plan, options).await
}

/// Looks at everything that the guards before step 1 ask for; changes nothing.
pub async fn preflight(env: &Environment, site: &Site, plan: &Plan) -> Outcome {
    executor::preflight(env, site, plan).await
}

/// Looks at how far the failover is and what is left to do; changes nothing.
pub async fn status(env: &Environment, site: &Site, plan: &Plan) -> Outcome {
    executor::status(env, site, plan).await
}

mod executor {
    use super::*;
    use crate::report::{Bound, Report, Verdict, exit_code};

    fn nothing(env: &Environment, options: &RunOptions) -> Outcome {
        let now = env.clock.utc_now();
        Outcome {
            exit_code: exit_code::FAILED,
            completed: false,
            report: Report {
                outcome: Verdict::Failed,
                stopped_by: None,
                started: now,
                finished: now,
                data_loss_accepted: options.accept_data_loss,
                steps: Vec::new(),
                bound: Bound::default(),
                findings: Vec::new(),
                aftercare: Vec::new(),
            },
        }
    }

    pub(super) async fn run(env: &Environment, _: &Site, _: &Plan, options: &RunOptions) -> Outcome {
        nothing(env, options)
    }

    pub(super) async fn preflight(env: &Environment, _: &Site, _: &Plan) -> Outcome {
        nothing(env, &RunOptions::default())
    }

    pub(super) async fn status(env: &Environment, _: &Site, _: &Plan) -> Outcome {
        nothing(env, &RunOptions::default())
    }
}
