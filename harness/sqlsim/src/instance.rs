//! An instance: one SQL Server on one machine, with its databases, sessions and jobs.

use crate::clock::Clock;
use crate::config::InstanceConfig;
use crate::engine::Engine;
use crate::files::Files;
use crate::network::Network;
use crate::observer::Observer;
use crate::session::Sessions;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A running SQL Server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Instance(pub(crate) Rc<Inner>);

/// What an instance is made of. Modules of this crate reach into it; no borrow lives across an await.
#[derive(Debug)]
pub(crate) struct Inner {
    /// Names, limits, costs.
    pub(crate) config: InstanceConfig,
    /// Its clock.
    pub(crate) clock: Clock,
    /// Files it can reach.
    pub(crate) files: Rc<dyn Files>,
    /// Its way out.
    pub(crate) network: Rc<dyn Network>,
    /// Who watches.
    pub(crate) observer: RefCell<Rc<dyn Observer>>,
    /// Databases, locks, transactions.
    pub(crate) engine: RefCell<Engine>,
    /// Sessions.
    pub(crate) sessions: RefCell<Sessions>,
    /// The one stream of chance: GUIDs and everything else.
    pub(crate) rng: RefCell<rand_chacha::ChaCha8Rng>,
    /// Tasks to end when the machine dies.
    pub(crate) tasks: RefCell<Vec<tokio::task::AbortHandle>>,
    /// Whether the machine runs.
    pub(crate) running: Cell<bool>,
    /// Lines of the error log, newest last.
    pub(crate) error_log: RefCell<Vec<String>>,
}
