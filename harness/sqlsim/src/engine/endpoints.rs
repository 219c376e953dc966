//! The database mirroring endpoint.

use super::definition::same_name;
use crate::error::SqlResult;
use crate::messages;
use std::rc::Rc;

/// `endpoint_id` of the first endpoint that a user creates.
const FIRST_ENDPOINT_ID: i32 = 65_536;

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

impl super::Engine {
    /// CREATE ENDPOINT … FOR DATABASE_MIRRORING.
    ///
    /// # Errors
    /// 7862 when there is one already.
    pub fn create_endpoint(&mut self, mut endpoint: Endpoint) -> SqlResult<()> {
        if self.endpoint.is_some() {
            return Err(messages::error(7862, 1, &[]));
        }
        if endpoint.endpoint_id == 0 {
            endpoint.endpoint_id = FIRST_ENDPOINT_ID;
        }
        self.endpoint = Some(endpoint);
        Ok(())
    }

    /// ALTER ENDPOINT. One that is no longer started loses its connections.
    ///
    /// # Errors
    /// 15151 when there is none of this name.
    pub fn alter_endpoint(&mut self, name: &str, change: impl FnOnce(&mut Endpoint)) -> SqlResult<()> {
        let found = self.endpoint.as_mut().filter(|e| same_name(&e.name, name));
        let endpoint = found.ok_or_else(|| messages::error(15151, 1, &[&"alter", &"endpoint", &name]))?;
        change(endpoint);
        if endpoint.state != EndpointState::Started {
            self.close_mirroring_connections();
        }
        Ok(())
    }

    /// DROP ENDPOINT.
    ///
    /// # Errors
    /// 15151 when there is none of this name.
    pub fn drop_endpoint(&mut self, name: &str) -> SqlResult<()> {
        if !self.endpoint.as_ref().is_some_and(|e| same_name(&e.name, name)) {
            return Err(messages::error(15151, 1, &[&"drop", &"endpoint", &name]));
        }
        self.endpoint = None;
        self.close_mirroring_connections();
        Ok(())
    }

    fn close_mirroring_connections(&mut self) {
        for mirroring in self.databases.values().filter_map(|d| d.mirroring.as_ref()) {
            mirroring.hang_up();
        }
    }
}
