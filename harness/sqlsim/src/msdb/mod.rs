//! msdb: Agent jobs, log shipping, backup history, and their procedures.

/// Its system procedures, by family.
pub const PROCEDURES: &[&[crate::exec::procedures::Procedure]] = &[];
