//! The oracle: judges what a failover left behind, by rules that hold in every drill.
//!
//! It knows neither the simulator nor the failover program. What is true it reads over ordinary connections and from
//! the ledger of acknowledged messages ([`evidence`], [`read`]); what was claimed it reads from the program's own
//! report. The rules ([`rules`]) are pure: evidence in, findings out.

pub mod evidence;
pub mod read;
pub mod rules;

pub use evidence::Evidence;
pub use rules::{Checked, Rule, judge};
