//! Logins and server roles.

use super::definition::same_name;
use std::rc::Rc;

/// What kind of server principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    /// SQL_LOGIN
    Sql,
    /// WINDOWS_LOGIN
    Windows,
    /// WINDOWS_GROUP
    WindowsGroup,
    /// CERTIFICATE_MAPPED_LOGIN: nobody can sign in with it.
    Certificate,
}

/// A login.
#[derive(Clone, Debug)]
pub struct Login {
    /// `sys.server_principals.principal_id`; 1 is sa.
    pub principal_id: i32,
    /// Name.
    pub name: Rc<str>,
    /// SID.
    pub sid: Rc<[u8]>,
    /// Kind.
    pub kind: LoginKind,
    /// Password of a SQL login, hashed.
    pub password: super::PasswordHash,
    /// ALTER LOGIN … DISABLE
    pub is_disabled: bool,
    /// Default database.
    pub default_database: Rc<str>,
    /// When it was created (UTC).
    pub created: jiff::Timestamp,
    /// Server roles it is a member of, in lower case (`sysadmin`, `dbcreator` …).
    pub roles: Vec<Rc<str>>,
    /// Server permissions granted to it, or denied (`true`), by name in upper case.
    pub permissions: Vec<(Rc<str>, bool)>,
}

impl Login {
    /// Whether it is a member of a fixed server role; sysadmin implies all others.
    #[must_use]
    pub fn is_member(&self, role: &str) -> bool {
        same_name(role, "public") || self.roles.iter().any(|r| same_name(r, role) || &**r == "sysadmin")
    }
}

/// The fixed server roles with their `principal_id`.
pub const SERVER_ROLES: &[(i32, &str)] = &[
    (2, "public"),
    (3, "sysadmin"),
    (4, "securityadmin"),
    (5, "serveradmin"),
    (6, "setupadmin"),
    (7, "processadmin"),
    (8, "diskadmin"),
    (9, "dbcreator"),
    (10, "bulkadmin"),
];

impl super::Engine {
    /// Whether a caller may back this database up: sysadmin, its owner, db_owner, db_backupoperator.
    #[must_use]
    pub fn may_back_up(&self, caller: &super::Caller, database: &super::Database, log: bool) -> bool {
        let permission = if log { "BACKUP LOG" } else { "BACKUP DATABASE" };
        // The server's own sessions act as a login that need not be there.
        (caller.user.is_none() && self.login(&caller.login).is_none())
            || self.has_permission(caller, database.id, permission, super::Securable::Database)
    }

    /// Whether a caller may restore a database of this name: sysadmin, dbcreator, its owner.
    #[must_use]
    pub fn may_restore(&self, caller: &super::Caller, database: &str) -> bool {
        caller.user.is_none()
            && self.login(&caller.login).is_none_or(|login| {
                login.has_permission("CREATE ANY DATABASE")
                    || self.database_by_name(database).is_some_and(|d| same_name(&d.owner, &login.name))
            })
    }
}
