//! GRANT, DENY and REVOKE: what is written becomes rows that the checks look at.

use crate::engine::permissions::{DATABASE_PERMISSIONS, SERVER_PERMISSIONS};
use crate::engine::{Definition, Fault, PermissionDef, same_name};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::exec::permissions::Object;
use crate::exec::run::{Activation, Failure, Runner};
use crate::messages::error;
use crate::tsql::ast::ObjectName;
use std::rc::Rc;

/// A statement as written.
pub(super) struct Written<'w> {
    pub(super) verb: &'w Rc<str>,
    pub(super) permissions: &'w [Rc<str>],
    pub(super) on: Option<&'w (Option<Rc<str>>, ObjectName)>,
    pub(super) principals: &'w [Rc<str>],
}

/// Runs GRANT, DENY or REVOKE.
pub(super) async fn run(
    runner: &mut Runner<'_>,
    activation: &Activation,
    written: &Written<'_>,
) -> Result<(), Failure> {
    let is_server =
        |permission: &Rc<str>| SERVER_PERMISSIONS.iter().any(|(known, _)| **known == **permission);
    let of_endpoint = written.on.is_some_and(|(class, _)| class.as_deref() == Some("ENDPOINT"));
    if of_endpoint {
        if written.permissions.iter().all(|permission| &**permission == "CONNECT")
            && &**written.verb != "DENY"
        {
            return Ok(endpoint(runner, written)?);
        }
        let what = format!("{} {} ON ENDPOINT", written.verb, written.permissions.join(", "));
        return Err(error(40_510, 1, &[&what]).into());
    }
    if written.on.is_none() && written.permissions.iter().all(is_server) {
        return Ok(server(runner, written)?);
    }
    runner.with_environment(activation, true, |env| database(env, written)).await?;
    Ok(())
}

/// CONNECT on the mirroring endpoint.
fn endpoint(runner: &mut Runner<'_>, written: &Written<'_>) -> SqlResult<()> {
    if !runner.has_server_permission("ALTER ANY ENDPOINT") {
        return Err(error(15_151, 1, &[&"find", &"endpoint", &named(written)]));
    }
    let mut engine = runner.instance.0.engine.borrow_mut();
    for login in written.principals {
        if engine.login(login).is_none() && !same_name(login, "public") {
            return Err(error(15_151, 1, &[&"find", &"login", login]));
        }
    }
    let endpoint = engine.endpoint.as_mut().filter(|endpoint| same_name(&endpoint.name, &named(written)));
    let Some(endpoint) = endpoint else {
        return Err(error(15_151, 1, &[&"find", &"endpoint", &named(written)]));
    };
    for login in written.principals {
        endpoint.connect.retain(|known| !same_name(known, login));
        if &**written.verb == "GRANT" {
            endpoint.connect.push(login.clone());
        }
    }
    Ok(())
}

/// The name behind ON.
fn named(written: &Written<'_>) -> Rc<str> {
    written.on.map_or_else(|| "".into(), |(_, name)| name.name.clone())
}

/// Permissions of the server, kept with the login.
fn server(runner: &mut Runner<'_>, written: &Written<'_>) -> SqlResult<()> {
    if !runner.session.acts_as_sysadmin() {
        return Err(error(4613, 1, &[]));
    }
    if runner.session.state.borrow().database_id != crate::engine::MASTER {
        return Err(error(4621, 10, &[]));
    }
    let mut engine = runner.instance.0.engine.borrow_mut();
    for name in written.principals {
        let unknown = || error(15_151, 1, &[&"find", &"login", name]);
        let login =
            engine.logins.values_mut().find(|login| same_name(&login.name, name)).ok_or_else(unknown)?;
        if login.principal_id == 1 {
            return Err(error(15_405, 1, &[name]));
        }
        for permission in written.permissions {
            login.permissions.retain(|(known, _)| known != permission);
            match &**written.verb {
                "GRANT" => login.permissions.push((permission.clone(), false)),
                "DENY" => login.permissions.push((permission.clone(), true)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// What ALL stands for.
fn all(on: &Place) -> &'static [&'static str] {
    match on {
        Place { is_procedure: true, .. } => &["EXECUTE"],
        Place { id: 0, .. } => &[
            "BACKUP DATABASE",
            "BACKUP LOG",
            "CREATE FUNCTION",
            "CREATE PROCEDURE",
            "CREATE TABLE",
            "CREATE VIEW",
        ],
        _ => &["DELETE", "INSERT", "REFERENCES", "SELECT", "UPDATE"],
    }
}

/// What a permission is about: an object's id, the negative id of a schema, 0 for the database.
struct Place {
    id: i32,
    is_procedure: bool,
}

fn place(env: &Environment<'_>, written: &Written<'_>) -> SqlResult<Place> {
    let engine = env.instance.0.engine.borrow();
    let Some((class, name)) = written.on else { return Ok(Place { id: 0, is_procedure: false }) };
    let Some(database) = engine.database(env.database) else { return Err(error(913, 1, &[&env.database])) };
    let content = &database.content;
    match class.as_deref() {
        Some("SCHEMA") => {
            let schema = content.schema_by_name(&name.name);
            let schema = schema.ok_or_else(|| error(15_151, 1, &[&"find", &"schema", &name.name]))?;
            Ok(Place { id: -schema.schema_id, is_procedure: false })
        }
        Some("DATABASE") if same_name(&name.name, &database.name) => Ok(Place { id: 0, is_procedure: false }),
        None | Some("OBJECT") => {
            let schema = name.schema.as_deref().unwrap_or("dbo");
            let unknown = || error(15_151, 1, &[&"find", &"object", &name.name]);
            if name.database.as_ref().is_some_and(|named| !same_name(named, &database.name)) {
                return Err(unknown());
            }
            let object = Object::named(&engine, env.database, schema, &name.name).ok_or_else(unknown)?;
            let is_procedure = content
                .module(object.id)
                .is_some_and(|module| module.kind == crate::engine::ModuleKind::Procedure);
            Ok(Place { id: object.id, is_procedure })
        }
        Some(class) => Err(error(40_510, 1, &[&format!("{} … ON {class}", written.verb)])),
    }
}

/// Permissions of a database, its schemas and objects.
fn database(env: &Environment<'_>, written: &Written<'_>) -> Result<(), Fault> {
    let place = place(env, written)?;
    let mut permissions: Vec<Rc<str>> = Vec::new();
    for permission in written.permissions {
        match &**permission {
            "ALL" | "ALL PRIVILEGES" => permissions.extend(all(&place).iter().map(|one| Rc::from(*one))),
            "EXEC" => permissions.push("EXECUTE".into()),
            "CREATE PROC" => permissions.push("CREATE PROCEDURE".into()),
            other => {
                let known = DATABASE_PERMISSIONS.iter().find(|(known, _)| *known == other);
                match known {
                    Some((_, on_object)) if *on_object || place.id == 0 => {
                        permissions.push(permission.clone())
                    }
                    Some(_) => return Err(error(102, 1, &[permission]).into()),
                    None => {
                        let what = format!("{} {permission}", written.verb);
                        return Err(error(40_510, 1, &[&what]).into());
                    }
                }
            }
        }
    }
    let caller = env.session.caller();
    let mut engine = env.instance.0.engine.borrow_mut();
    let controls = env.session.acts_as_sysadmin()
        || ["CONTROL", "ALTER ANY ROLE"].iter().any(|permission| {
            engine.has_permission(&caller, env.database, permission, crate::engine::Securable::Database)
        });
    if !controls {
        return Err(match written.on {
            Some((_, name)) => error(15_151, 1, &[&"find", &"object", &name.name]),
            None => error(4613, 1, &[]),
        }
        .into());
    }
    for name in written.principals {
        let Some(content) = engine.database(env.database).map(|db| &db.content) else { continue };
        let grantee = content.principal_by_name(name);
        let grantee = grantee.ok_or_else(|| error(15_151, 1, &[&"find", &"user", name]))?;
        if grantee.is_fixed_role || [1, 3, 4].contains(&grantee.principal_id) {
            return Err(error(4617, 1, &[]).into());
        }
        let grantee = grantee.principal_id;
        for permission in &permissions {
            let same = |p: &PermissionDef| {
                p.grantee == grantee && p.object_id == place.id && p.permission == *permission
            };
            let content = engine.database(env.database).map(|db| &db.content);
            let before = content.and_then(|c| c.permissions().find(|p| same(p)).cloned());
            let after = match &**written.verb {
                "REVOKE" => None,
                verb => Some(Definition::Permission(Rc::new(PermissionDef {
                    permission_id: before.as_ref().map_or(0, |p| p.permission_id),
                    grantee,
                    permission: permission.clone(),
                    object_id: place.id,
                    is_deny: verb == "DENY",
                }))),
            };
            if before.is_none() && after.is_none() {
                continue;
            }
            let transaction = env.transaction.unwrap_or(crate::engine::TransactionId(0));
            engine.put_definition(transaction, env.database, before.map(Definition::Permission), after)?;
        }
    }
    Ok(())
}
