//! Views of logins, server roles, users and permissions.

use super::rows::{Rows, datetime};
use super::{View, ViewContext};
use crate::engine::{Content, LoginKind, PrincipalKind, SERVER_ROLES};
use crate::value::Value;
use std::rc::Rc;

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "server_principals", columns: SERVER_PRINCIPALS, fill: server_principals },
    View { schema: "sys", name: "sql_logins", columns: SQL_LOGINS, fill: sql_logins },
    View { schema: "sys", name: "syslogins", columns: SYSLOGINS, fill: syslogins },
    View { schema: "sys", name: "server_role_members", columns: ROLE_MEMBERS, fill: server_role_members },
    View { schema: "sys", name: "database_principals", columns: PRINCIPALS, fill: database_principals },
    View { schema: "sys", name: "sysusers", columns: SYSUSERS, fill: sysusers },
    View { schema: "sys", name: "database_role_members", columns: ROLE_MEMBERS, fill: database_role_members },
    View { schema: "sys", name: "server_permissions", columns: SERVER_PERMISSIONS, fill: server_permissions },
    View { schema: "sys", name: "database_permissions", columns: PERMISSIONS, fill: database_permissions },
];

const SERVER_PRINCIPALS: &str = "name sysname, principal_id int not null, sid varbinary(85), \
    type char(1) not null, type_desc nvarchar(60), is_disabled bit, create_date datetime not null, \
    modify_date datetime not null, default_database_name nvarchar(128), default_language_name nvarchar(128), \
    credential_id int, owning_principal_id int, is_fixed_role bit not null";

/// The SID of a fixed server role.
fn role_sid(id: i32) -> Value {
    Value::Binary(Rc::from([u8::try_from(id).unwrap_or(0)].as_slice()))
}

fn login_type(kind: LoginKind) -> (&'static str, &'static str) {
    match kind {
        LoginKind::Sql => ("S", "SQL_LOGIN"),
        LoginKind::Windows => ("U", "WINDOWS_LOGIN"),
        LoginKind::WindowsGroup => ("G", "WINDOWS_GROUP"),
        LoginKind::Certificate => ("C", "CERTIFICATE_MAPPED_LOGIN"),
    }
}

fn server_principals(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    let created = context.engine.logins.get(&1).map(|sa| datetime(sa.created, offset)).unwrap_or(Value::Null);
    for login in context.engine.logins.values() {
        let (kind, kind_name) = login_type(login.kind);
        rows.add(|row| {
            row.set("name", &login.name)
                .set("principal_id", login.principal_id)
                .set("sid", Value::Binary(login.sid.clone()))
                .set("type", kind)
                .set("type_desc", kind_name)
                .set("is_disabled", login.is_disabled)
                .set("create_date", datetime(login.created, offset))
                .set("modify_date", datetime(login.created, offset))
                .set("default_database_name", &login.default_database)
                .set("default_language_name", "us_english")
                .set("is_fixed_role", false);
        });
    }
    for (id, name) in SERVER_ROLES {
        rows.add(|row| {
            row.set("name", *name)
                .set("principal_id", *id)
                .set("sid", role_sid(*id))
                .set("type", "R")
                .set("type_desc", "SERVER_ROLE")
                .set("is_disabled", false)
                .set("create_date", &created)
                .set("modify_date", &created)
                .set("owning_principal_id", 1)
                .set("is_fixed_role", *id != 2);
        });
    }
}

const SQL_LOGINS: &str = "name sysname, principal_id int not null, sid varbinary(85), \
    type char(1) not null = S, type_desc nvarchar(60) = SQL_LOGIN, is_disabled bit, \
    create_date datetime not null, modify_date datetime not null, default_database_name nvarchar(128), \
    default_language_name nvarchar(128) = us_english, credential_id int, is_policy_checked bit = 0, \
    is_expiration_checked bit = 0, password_hash varbinary(256)";

fn sql_logins(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for login in context.engine.logins.values().filter(|login| login.kind == LoginKind::Sql) {
        rows.add(|row| {
            row.set("name", &login.name)
                .set("principal_id", login.principal_id)
                .set("sid", Value::Binary(login.sid.clone()))
                .set("is_disabled", login.is_disabled)
                .set("create_date", datetime(login.created, offset))
                .set("modify_date", datetime(login.created, offset))
                .set("default_database_name", &login.default_database);
            // CONTROL SERVER is needed to see it.
            if context.session.acts_as_sysadmin() {
                row.set("password_hash", Value::Binary(login.password.bytes().clone()));
            }
        });
    }
}

const SYSLOGINS: &str = "sid varbinary(85), status smallint = 9, createdate datetime, updatedate datetime, \
    accdate datetime, totcpu int = 0, totio int = 0, spacelimit int = 0, timelimit int = 0, \
    resultlimit int = 0, name sysname, dbname nvarchar(128), password nvarchar(128), \
    language nvarchar(128) = us_english, denylogin int = 0, hasaccess int, isntname int, isntgroup int, \
    isntuser int, sysadmin int, securityadmin int, serveradmin int, setupadmin int, processadmin int, \
    diskadmin int, dbcreator int, bulkadmin int, loginname sysname";

fn syslogins(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for login in context.engine.logins.values() {
        let is_windows = matches!(login.kind, LoginKind::Windows | LoginKind::WindowsGroup);
        let has = |role: &str| i32::from(login.roles.iter().any(|r| &**r == role));
        let created = datetime(login.created, offset);
        rows.add(|row| {
            row.set("sid", Value::Binary(login.sid.clone()))
                .set("createdate", &created)
                .set("updatedate", &created)
                .set("accdate", &created)
                .set("name", &login.name)
                .set("dbname", &login.default_database)
                .set("hasaccess", i32::from(!login.is_disabled))
                .set("isntname", i32::from(is_windows))
                .set("isntgroup", i32::from(login.kind == LoginKind::WindowsGroup))
                .set("isntuser", i32::from(login.kind == LoginKind::Windows));
            for role in [
                "sysadmin",
                "securityadmin",
                "serveradmin",
                "setupadmin",
                "processadmin",
                "diskadmin",
                "dbcreator",
                "bulkadmin",
            ] {
                row.set(role, has(role));
            }
            row.set("loginname", &login.name);
        });
    }
}

const ROLE_MEMBERS: &str = "role_principal_id int not null, member_principal_id int not null";

fn server_role_members(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for login in context.engine.logins.values() {
        for role in &login.roles {
            let Some((id, _)) = SERVER_ROLES.iter().find(|(_, name)| name.eq_ignore_ascii_case(role)) else {
                continue;
            };
            rows.add(|row| {
                row.set("role_principal_id", *id).set("member_principal_id", login.principal_id);
            });
        }
    }
}

fn content<'a>(context: &ViewContext<'a>) -> Option<&'a Content> {
    context.engine.database(context.database_id).map(|database| &database.content)
}

const PRINCIPALS: &str = "name sysname, principal_id int not null, type char(1) not null, \
    type_desc nvarchar(60), default_schema_name nvarchar(128), create_date datetime not null, \
    modify_date datetime not null, owning_principal_id int, sid varbinary(85), is_fixed_role bit not null, \
    authentication_type int not null, authentication_type_desc nvarchar(60), \
    default_language_name nvarchar(128), default_language_lcid int, \
    allow_encrypted_value_modifications bit not null = 0";

fn database_principals(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for principal in content(context).into_iter().flat_map(Content::principals) {
        let (kind, kind_name, authentication) = match principal.kind {
            PrincipalKind::SqlUser => ("S", "SQL_USER", (1, "INSTANCE")),
            PrincipalKind::WindowsUser => ("U", "WINDOWS_USER", (3, "WINDOWS")),
            PrincipalKind::WindowsGroup => ("G", "WINDOWS_GROUP", (3, "WINDOWS")),
            PrincipalKind::Role => ("R", "DATABASE_ROLE", (0, "NONE")),
            PrincipalKind::Certificate => ("C", "CERTIFICATE_MAPPED_USER", (0, "NONE")),
        };
        let is_role = principal.kind == PrincipalKind::Role;
        rows.add(|row| {
            row.set("name", &principal.name)
                .set("principal_id", principal.principal_id)
                .set("type", kind)
                .set("type_desc", kind_name)
                .set("default_schema_name", principal.default_schema.as_ref())
                .set("create_date", datetime(principal.created, offset))
                .set("modify_date", datetime(principal.created, offset))
                .set("owning_principal_id", is_role.then_some(1))
                .set("sid", principal.sid.clone().map_or(Value::Null, Value::Binary))
                .set("is_fixed_role", principal.is_fixed_role && is_role && principal.principal_id != 0)
                .set("authentication_type", authentication.0)
                .set("authentication_type_desc", authentication.1);
        });
    }
}

const SYSUSERS: &str = "uid smallint, status smallint = 0, name sysname, sid varbinary(85), \
    createdate datetime not null, updatedate datetime not null, altuid smallint, gid smallint = 0, \
    hasdbaccess int, islogin int, isntname int, isntgroup int, isntuser int, issqluser int, isaliased int = 0, \
    issqlrole int, isapprole int = 0";

fn sysusers(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for principal in content(context).into_iter().flat_map(Content::principals) {
        let is = |kind: PrincipalKind| i32::from(principal.kind == kind);
        let is_role = principal.kind == PrincipalKind::Role;
        rows.add(|row| {
            row.set("uid", principal.principal_id)
                .set("name", &principal.name)
                .set("sid", principal.sid.clone().map_or(Value::Null, Value::Binary))
                .set("createdate", datetime(principal.created, offset))
                .set("updatedate", datetime(principal.created, offset))
                .set("hasdbaccess", i32::from(!is_role))
                .set("islogin", i32::from(!is_role))
                .set("isntname", is(PrincipalKind::WindowsGroup) + is(PrincipalKind::WindowsUser))
                .set("isntgroup", is(PrincipalKind::WindowsGroup))
                .set("isntuser", is(PrincipalKind::WindowsUser))
                .set("issqluser", is(PrincipalKind::SqlUser))
                .set("issqlrole", is(PrincipalKind::Role));
        });
    }
}

fn database_role_members(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for principal in content(context).into_iter().flat_map(Content::principals) {
        for role in &principal.roles {
            rows.add(|row| {
                row.set("role_principal_id", *role).set("member_principal_id", principal.principal_id);
            });
        }
    }
}

const PERMISSIONS: &str = "class tinyint not null, class_desc nvarchar(60), major_id int not null, \
    minor_id int not null = 0, grantee_principal_id int not null, grantor_principal_id int not null = 1, \
    type char(4) not null, permission_name nvarchar(128), state char(1) not null, state_desc nvarchar(60)";

fn database_permissions(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for permission in content(context).into_iter().flat_map(Content::permissions) {
        let (class, class_name) = match permission.object_id {
            0 => (0, "DATABASE"),
            1.. => (1, "OBJECT_OR_COLUMN"),
            _ => (3, "SCHEMA"),
        };
        let (state, state_name) = if permission.is_deny { ("D", "DENY") } else { ("G", "GRANT") };
        rows.add(|row| {
            row.set("class", class)
                .set("class_desc", class_name)
                .set("major_id", permission.object_id.abs())
                .set("grantee_principal_id", permission.grantee)
                .set("type", permission_type(&permission.permission))
                .set("permission_name", &permission.permission)
                .set("state", state)
                .set("state_desc", state_name);
        });
    }
}

const SERVER_PERMISSIONS: &str = "class tinyint not null = 100, class_desc nvarchar(60) = SERVER, \
    major_id int not null = 0, minor_id int not null = 0, grantee_principal_id int not null, \
    grantor_principal_id int not null = 1, type char(4) not null, permission_name nvarchar(128), \
    state char(1) not null, state_desc nvarchar(60)";

fn server_permissions(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for login in context.engine.logins.values() {
        let connect = (std::rc::Rc::from("CONNECT SQL"), false);
        let said = login.permissions.iter().any(|(name, _)| **name == *"CONNECT SQL");
        for (name, is_deny) in (!said).then_some(&connect).into_iter().chain(&login.permissions) {
            let (state, state_name) = if *is_deny { ("D", "DENY") } else { ("G", "GRANT") };
            rows.add(|row| {
                row.set("grantee_principal_id", login.principal_id)
                    .set("type", permission_type(name))
                    .set("permission_name", name)
                    .set("state", state)
                    .set("state_desc", state_name);
            });
        }
    }
}

/// The four-letter code of a permission.
fn permission_type(name: &str) -> String {
    let code = match name {
        "CONNECT" => "CO",
        "SELECT" => "SL",
        "INSERT" => "IN",
        "UPDATE" => "UP",
        "DELETE" => "DL",
        "EXECUTE" => "EX",
        "CONTROL" => "CL",
        "ALTER" => "AL",
        "ALTER ANY CONNECTION" => "ALCO",
        "CONNECT SQL" => "COSQ",
        "CREATE PROCEDURE" => "CRPR",
        "CREATE TABLE" => "CRTB",
        "CREATE VIEW" => "CRVW",
        "BACKUP DATABASE" => "BADB",
        "BACKUP LOG" => "BALO",
        "VIEW SERVER STATE" => "VWSS",
        "REFERENCES" => "RF",
        "VIEW DEFINITION" => "VW",
        other => other.get(..4).unwrap_or(other),
    };
    format!("{code:<4}")
}
