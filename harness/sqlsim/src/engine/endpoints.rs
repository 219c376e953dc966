//! The database mirroring endpoint.

use std::rc::Rc;

/// `STATE =`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// 0
    Started,
    /// 1
    Stopped,
    /// 2
    Disabled,
}

/// `ROLE =`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointRole {
    /// 1
    Partner,
    /// 2
    Witness,
    /// 3
    All,
}

/// A `FOR DATABASE_MIRRORING` endpoint; an instance has at most one.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `endpoint_id`; 0 lets the engine choose.
    pub endpoint_id: i32,
    /// Name.
    pub name: Rc<str>,
    /// State.
    pub state: EndpointState,
    /// LISTENER_PORT.
    pub port: u16,
    /// ROLE.
    pub role: EndpointRole,
    /// ENCRYPTION: whether it is required or supported (shown; nothing is encrypted).
    pub is_encryption_enabled: bool,
    /// AUTHENTICATION as written (`WINDOWS NEGOTIATE`, `CERTIFICATE name`).
    pub authentication: Rc<str>,
}
