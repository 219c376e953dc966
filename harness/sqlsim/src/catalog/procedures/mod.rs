//! System procedures that show or look: who is there, which databases, which files.

mod files;
mod rename;
mod server;
pub(crate) mod system;
mod who;

use crate::catalog::ViewContext;
use crate::error::SqlResult;
use crate::exec::procedures::{Procedure, ProcedureContext};
use crate::messages::error;

/// All of them, by family.
pub(super) const PROCEDURES: &[&[Procedure]] =
    &[who::PROCEDURES, files::PROCEDURES, server::PROCEDURES, rename::PROCEDURES, system::PROCEDURES];

/// Lets `look` see what a view sees.
fn look<T>(c: &ProcedureContext<'_>, look: impl FnOnce(&ViewContext<'_>) -> T) -> T {
    let engine = c.instance.0.engine.borrow();
    let database_id = c.session.state.borrow().database_id;
    look(&ViewContext { instance: c.instance, engine: &engine, session: c.session, database_id })
}

/// Sysadmins only (15247).
fn sysadmin_only(c: &ProcedureContext<'_>) -> SqlResult<()> {
    if c.session.acts_as_sysadmin() { Ok(()) } else { Err(error(15_247, 1, &[])) }
}
