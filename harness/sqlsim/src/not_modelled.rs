//! What this server does not model, as a list that users can print.

/// One thing that is left out or differs, in one sentence.
pub const NOT_MODELLED: &[&str] = &[];
