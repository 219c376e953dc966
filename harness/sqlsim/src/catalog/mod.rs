//! catalog

/// Its system procedures.
pub const PROCEDURES: &[crate::exec::procedures::Procedure] = &[];
