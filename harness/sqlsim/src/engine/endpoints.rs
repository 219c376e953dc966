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
    /// AUTHENTICATION as written (`WINDOWS NEGOTIATE`, `CERTIFICATE`), without the certificate's name.
    pub authentication: Rc<str>,
    /// The certificate of AUTHENTICATION.
    pub certificate: Option<Rc<str>>,
    /// `encryption_algorithm`: the algorithms of ENCRYPTION, by the catalog's number.
    pub algorithm: u8,
    /// Who has CONNECT on it, beside sysadmins.
    pub connect: Vec<Rc<str>>,
}

/// What a mirroring partner shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// It would sign in as Windows does, which is believed here.
    pub(crate) by_windows: bool,
    /// Its certificate.
    pub(crate) thumbprint: Option<Rc<[u8]>>,
}

impl super::Engine {
    /// What this server's endpoint shows of itself.
    pub(crate) fn credentials(&self) -> Credentials {
        let Some(endpoint) = &self.endpoint else {
            return Credentials { by_windows: true, thumbprint: None };
        };
        let certificate = endpoint.certificate.as_deref().and_then(|name| self.keys.certificate(name));
        Credentials {
            by_windows: endpoint.certificate.is_none() || endpoint.authentication.contains("WINDOWS"),
            thumbprint: certificate.map(|certificate| certificate.thumbprint.clone()),
        }
    }

    /// Whether the endpoint lets whoever shows these in. A certificate has to be in `master`, in date, and
    /// its owner one who may connect to the endpoint.
    pub(crate) fn trusts(&self, peer: &Credentials) -> Result<(), &'static str> {
        let own = self.credentials();
        if own.by_windows && peer.by_windows {
            return Ok(());
        }
        let (Some(_), Some(thumbprint)) = (&own.thumbprint, &peer.thumbprint) else {
            return Err("The endpoints of the two servers have no way of authentication in common.");
        };
        let certificate = self
            .keys
            .by_thumbprint(thumbprint)
            .ok_or("The certificate used by the peer is not in this server's master database.")?;
        let now = self.clock.utc_now();
        if now < certificate.start || now > certificate.expiry {
            return Err("The certificate used by the peer is not in date.");
        }
        if self.may_connect(certificate.owner) {
            Ok(())
        } else {
            Err("The login of the certificate's owner does not have CONNECT permission on the endpoint.")
        }
    }

    /// Whether a user of `master` may connect to the endpoint.
    fn may_connect(&self, user: i32) -> bool {
        if user == super::certificates::DBO {
            return true;
        }
        let master = self.database(super::MASTER).map(|master| &master.content);
        let owner = master.and_then(|content| content.principals().find(|known| known.principal_id == user));
        let login = owner
            .and_then(|owner| owner.sid.clone())
            .and_then(|sid| self.logins.values().find(|login| login.sid == sid && !login.is_disabled));
        let connect = self.endpoint.as_ref().map_or(&[][..], |endpoint| &endpoint.connect);
        let has = |name: &str| connect.iter().any(|known| same_name(known, name));
        login.is_some_and(|login| login.is_member("sysadmin") || has(&login.name) || has("public"))
    }

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
