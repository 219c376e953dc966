//! Failover programs that are not ours, drilled: the examples in `fixtures/programs`, programs that do nothing, and
//! programs that misbehave as processes do.
//!
//! The examples need clients that `scripts/conformance` installs. One whose client is missing is reported as ignored,
//! never as passed; with `CI=true` it fails.

#![expect(clippy::disallowed_methods, reason = "real processes live on the real clock")]

mod examples;
mod misbehaving;
mod nothing;
mod support;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let trials = examples::trials().into_iter().chain(nothing::trials()).chain(misbehaving::trials());
    libtest_mimic::run(&arguments, trials.collect::<Vec<Trial>>()).exit();
}
