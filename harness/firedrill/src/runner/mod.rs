//! Runs drills with cucumber, and collects what each came to.
//!
//! cucumber parses, matches and runs the steps; steps never wait (each estate owns its runtime and a step blocks on
//! it), so cucumber itself runs on a plain executor. What a drill came to is gathered in the hooks, not printed by
//! cucumber's writers, because a drill's result is more than its steps.

pub mod book;
pub mod check;
mod engine;
mod jobs;

pub use engine::DrillOptions;
pub use jobs::{Ran, RunOptions, jobs_by_default, run};
