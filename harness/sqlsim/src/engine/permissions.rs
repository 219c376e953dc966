//! Who may do what: server permissions of logins, database permissions of users, and the roles that imply them.
//!
//! A denial counts more than any grant, except for sysadmins, a database's owner and members of db_owner, whom
//! nothing is denied. This is what "Permissions (Database Engine)", "Server-Level Roles" and "Database-Level Roles"
//! document, as far as [`crate::not_modelled`] does not say otherwise.

use super::Engine;
use super::content::Content;
use super::database::{Database, DatabaseId, MASTER, MSDB, TEMPDB};
use super::definition::{ObjectId, PermissionDef, PrincipalDef, same_name};
use super::logins::Login;
use std::collections::BTreeSet;
use std::rc::Rc;

/// `principal_id` of `public`.
pub const PUBLIC: i32 = 0;
/// `principal_id` of `dbo`.
pub const DBO: i32 = 1;
/// `principal_id` of `guest`.
pub const GUEST: i32 = 2;

/// Fixed database roles by `principal_id`.
pub mod role {
    /// db_owner
    pub const OWNER: i32 = 16_384;
    /// db_accessadmin
    pub const ACCESS_ADMIN: i32 = 16_385;
    /// db_securityadmin
    pub const SECURITY_ADMIN: i32 = 16_386;
    /// db_ddladmin
    pub const DDL_ADMIN: i32 = 16_387;
    /// db_backupoperator
    pub const BACKUP_OPERATOR: i32 = 16_389;
    /// db_datareader
    pub const DATA_READER: i32 = 16_390;
    /// db_datawriter
    pub const DATA_WRITER: i32 = 16_391;
    /// db_denydatareader
    pub const DENY_DATA_READER: i32 = 16_392;
    /// db_denydatawriter
    pub const DENY_DATA_WRITER: i32 = 16_393;
}

/// Server permissions that can be granted here, with the fixed roles that have them anyway.
pub const SERVER_PERMISSIONS: &[(&str, &[&str])] = &[
    ("ALTER ANY CONNECTION", &["processadmin"]),
    ("ALTER ANY CREDENTIAL", &[]),
    ("ALTER ANY DATABASE", &["dbcreator"]),
    ("ALTER ANY ENDPOINT", &["serveradmin"]),
    ("ALTER ANY LINKED SERVER", &["setupadmin"]),
    ("ALTER ANY LOGIN", &["securityadmin"]),
    ("ALTER SERVER STATE", &["processadmin", "serveradmin"]),
    ("ALTER SETTINGS", &["serveradmin"]),
    ("ALTER TRACE", &[]),
    ("CONNECT SQL", &["public"]),
    ("CONTROL SERVER", &[]),
    ("CREATE ANY DATABASE", &["dbcreator"]),
    ("SHUTDOWN", &["serveradmin"]),
    ("VIEW ANY DATABASE", &["public"]),
    ("VIEW ANY DEFINITION", &[]),
    ("VIEW SERVER STATE", &["processadmin", "serveradmin"]),
];

/// Database permissions that can be granted here, on the database or on a schema or object where `on_object` says so.
pub const DATABASE_PERMISSIONS: &[(&str, bool)] = &[
    ("ALTER", true),
    ("ALTER ANY ROLE", false),
    ("ALTER ANY SCHEMA", false),
    ("ALTER ANY USER", false),
    ("BACKUP DATABASE", false),
    ("BACKUP LOG", false),
    ("CHECKPOINT", false),
    ("CONNECT", false),
    ("CONTROL", true),
    ("CREATE FUNCTION", false),
    ("CREATE PROCEDURE", false),
    ("CREATE ROLE", false),
    ("CREATE SCHEMA", false),
    ("CREATE SYNONYM", false),
    ("CREATE TABLE", false),
    ("CREATE TYPE", false),
    ("CREATE VIEW", false),
    ("DELETE", true),
    ("EXECUTE", true),
    ("INSERT", true),
    ("REFERENCES", true),
    ("SELECT", true),
    ("SHOWPLAN", false),
    ("TAKE OWNERSHIP", true),
    ("UPDATE", true),
    ("VIEW DATABASE STATE", false),
    ("VIEW DEFINITION", true),
];

/// Who asks: a login, or a user of one database (EXECUTE AS USER).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The login; for EXECUTE AS USER the one whose SID the user has, or an empty name.
    pub login: Rc<str>,
    /// Whether it is a member of sysadmin, and acts as a login.
    pub is_sysadmin: bool,
    /// The user that EXECUTE AS USER names: nothing outside of this database is open to it.
    pub user: Option<(DatabaseId, i32)>,
}

/// What a permission is asked on.
#[derive(Clone, Copy, Debug)]
pub enum Securable<'a> {
    /// The database itself.
    Database,
    /// A schema, by name.
    Schema(&'a str),
    /// A table, view or procedure, with its schema's name.
    Object(ObjectId, &'a str),
}

impl Login {
    /// Whether a server permission was granted to it, or a role it is in, and not denied.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        if self.is_member("sysadmin") {
            return true;
        }
        let said = |name: &str, deny: bool| {
            self.permissions.iter().any(|(known, is_deny)| same_name(known, name) && *is_deny == deny)
        };
        if said(permission, true) || said("CONTROL SERVER", true) {
            return false;
        }
        // A permission to alter the server's state is one to view it.
        let covering: &[&str] = match permission {
            "VIEW SERVER STATE" => &["CONTROL SERVER", "ALTER SERVER STATE"],
            "CREATE ANY DATABASE" => &["CONTROL SERVER", "ALTER ANY DATABASE"],
            "CONTROL SERVER" => &[],
            _ => &["CONTROL SERVER"],
        };
        let by_role = SERVER_PERMISSIONS
            .iter()
            .any(|(known, roles)| *known == permission && roles.iter().any(|role| self.is_member(role)));
        by_role || said(permission, false) || covering.iter().any(|cover| said(cover, false))
    }
}

impl Engine {
    /// Whether a caller has a server permission. A user's context (EXECUTE AS USER) has none.
    #[must_use]
    pub fn has_server_permission(&self, who: &Caller, permission: &str) -> bool {
        who.user.is_none()
            && (who.is_sysadmin
                || self.login(&who.login).is_some_and(|login| login.has_permission(permission)))
    }

    /// The user that a caller is in a database; `None` when it may not enter.
    ///
    /// sysadmins and the owner are dbo; master, msdb and tempdb let everyone in as guest.
    #[must_use]
    pub fn user_in(&self, who: &Caller, database: &Database) -> Option<i32> {
        if let Some((home, user)) = who.user {
            let is_system = [MASTER, MSDB, TEMPDB].contains(&database.id);
            return if home == database.id { Some(user) } else { is_system.then_some(GUEST) };
        }
        if who.is_sysadmin || same_name(&database.owner, &who.login) {
            return Some(DBO);
        }
        let login = self.login(&who.login)?;
        if let Some(user) = database.content.user_of_sid(&login.sid) {
            let denied = |p: &PermissionDef| {
                p.grantee == user.principal_id && p.is_deny && p.object_id == 0 && &*p.permission == "CONNECT"
            };
            return (!database.content.permissions().any(|p| denied(p))).then_some(user.principal_id);
        }
        let guests = database.is_system()
            || database
                .content
                .permissions()
                .any(|p| p.grantee == GUEST && !p.is_deny && p.object_id == 0 && &*p.permission == "CONNECT");
        guests.then_some(GUEST)
    }

    /// Whether a caller has a permission in a database.
    #[must_use]
    pub fn has_permission(
        &self,
        who: &Caller,
        database: DatabaseId,
        permission: &str,
        on: Securable<'_>,
    ) -> bool {
        if who.is_sysadmin && who.user.is_none() {
            return true;
        }
        let Some(database) = self.databases.get(&database) else { return false };
        let Some(user) = self.user_in(who, database) else { return false };
        if user == DBO {
            return true;
        }
        if database.id == TEMPDB {
            return true;
        }
        allows(database, user, permission, on)
    }
}

/// A user with all roles it is in, roles of roles too.
#[must_use]
pub fn roles_of(content: &Content, user: i32) -> BTreeSet<i32> {
    let mut all = BTreeSet::from([user, PUBLIC]);
    let mut open = vec![user];
    while let Some(next) = open.pop() {
        let found: Option<&Rc<PrincipalDef>> = content.principals().find(|p| p.principal_id == next);
        for role in found.into_iter().flat_map(|p| p.roles.iter()) {
            if all.insert(*role) {
                open.push(*role);
            }
        }
    }
    all
}

fn allows(database: &Database, user: i32, permission: &str, on: Securable<'_>) -> bool {
    let content = &database.content;
    let roles = roles_of(content, user);
    if roles.contains(&role::OWNER) || roles.contains(&DBO) {
        return true;
    }
    let schema = match on {
        Securable::Database => None,
        Securable::Schema(name) | Securable::Object(_, name) => content.schema_by_name(name),
    };
    // Who owns the schema controls what is in it.
    if schema.is_some_and(|schema| schema.owner != DBO && roles.contains(&schema.owner)) {
        return true;
    }
    let places = [
        Some(0),
        schema.map(|schema| -schema.schema_id),
        match on {
            Securable::Object(id, _) => Some(id),
            _ => None,
        },
    ];
    let said = |deny: bool| {
        content.permissions().any(|p| {
            p.is_deny == deny
                && roles.contains(&p.grantee)
                && places.contains(&Some(p.object_id))
                && (&*p.permission == permission
                    || &*p.permission == "CONTROL"
                    // Definitions are shown to those who may change them.
                    || (permission == "VIEW DEFINITION" && !deny && &*p.permission == "ALTER"))
        })
    };
    let writes = matches!(permission, "INSERT" | "UPDATE" | "DELETE");
    if said(true)
        || (permission == "SELECT" && roles.contains(&role::DENY_DATA_READER))
        || (writes && roles.contains(&role::DENY_DATA_WRITER))
    {
        return false;
    }
    said(false) || by_fixed_role(&roles, permission) || history_for_all(database, permission, on)
}

fn by_fixed_role(roles: &BTreeSet<i32>, permission: &str) -> bool {
    let has = |role: i32| roles.contains(&role);
    match permission {
        "SELECT" => has(role::DATA_READER),
        "INSERT" | "UPDATE" | "DELETE" => has(role::DATA_WRITER),
        "BACKUP DATABASE" | "BACKUP LOG" | "CHECKPOINT" => has(role::BACKUP_OPERATOR),
        "ALTER ANY USER" | "CREATE SCHEMA" if has(role::ACCESS_ADMIN) => true,
        "ALTER ANY ROLE" | "CREATE ROLE" => has(role::SECURITY_ADMIN),
        "VIEW DEFINITION" => has(role::SECURITY_ADMIN) || has(role::DDL_ADMIN),
        "CONNECT" => true,
        "ALTER" | "REFERENCES" | "ALTER ANY SCHEMA" => has(role::DDL_ADMIN),
        create if create.starts_with("CREATE ") => has(role::DDL_ADMIN),
        _ => false,
    }
}

/// Backup and restore history in msdb is everybody's to read.
fn history_for_all(database: &Database, permission: &str, on: Securable<'_>) -> bool {
    const PUBLIC_TABLES: [&str; 9] = [
        "backupfile",
        "backupfilegroup",
        "backupmediafamily",
        "backupmediaset",
        "backupset",
        "restorefile",
        "restorefilegroup",
        "restorehistory",
        "suspect_pages",
    ];
    let Securable::Object(id, _) = on else { return false };
    database.id == MSDB
        && permission == "SELECT"
        && database.content.table(id).is_some_and(|table| PUBLIC_TABLES.contains(&&*table.def.name))
}
