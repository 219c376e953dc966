//! Functions about logins, users, roles and permissions.

use super::{
    Function, INT, NAME, Out, Returns, Takes, Types, int_of, parsed_name, some_int, some_text, text_of,
};
use crate::engine::same_name;
use crate::exec::environment::Environment;
use crate::value::{DataType, Value};

use Takes::{Any, Int, Text};

/// Functions by name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "SUSER_SNAME", takes: &[Any], optional: 1, returns: NAME, body: suser_sname },
    Function { name: "SUSER_NAME", takes: &[Any], optional: 1, returns: NAME, body: suser_sname },
    Function { name: "SYSTEM_USER", takes: &[], optional: 0, returns: NAME, body: suser_sname },
    Function { name: "ORIGINAL_LOGIN", takes: &[], optional: 0, returns: NAME, body: original_login },
    Function {
        name: "SUSER_SID",
        takes: &[Text],
        optional: 1,
        returns: Returns::Type(DataType::VarBinary(crate::value::Length::Upto(85))),
        body: suser_sid,
    },
    Function { name: "SUSER_ID", takes: &[Text], optional: 1, returns: INT, body: suser_id },
    Function { name: "USER_NAME", takes: &[Int], optional: 1, returns: NAME, body: user_name },
    Function { name: "CURRENT_USER", takes: &[], optional: 0, returns: NAME, body: user_name },
    Function { name: "SESSION_USER", takes: &[], optional: 0, returns: NAME, body: user_name },
    Function { name: "USER", takes: &[], optional: 0, returns: NAME, body: user_name },
    Function { name: "USER_ID", takes: &[Text], optional: 1, returns: INT, body: database_principal_id },
    Function {
        name: "DATABASE_PRINCIPAL_ID",
        takes: &[Text],
        optional: 1,
        returns: INT,
        body: database_principal_id,
    },
    Function {
        name: "IS_SRVROLEMEMBER",
        takes: &[Text, Text],
        optional: 1,
        returns: INT,
        body: is_srvrolemember,
    },
    Function { name: "IS_MEMBER", takes: &[Text], optional: 0, returns: INT, body: is_member },
    Function { name: "IS_ROLEMEMBER", takes: &[Text, Text], optional: 1, returns: INT, body: is_member },
    Function { name: "HAS_DBACCESS", takes: &[Text], optional: 0, returns: INT, body: has_dbaccess },
    Function {
        name: "HAS_PERMS_BY_NAME",
        takes: &[Any, Any, Text, Any, Any],
        optional: 2,
        returns: INT,
        body: has_perms_by_name,
    },
];

fn suser_sname(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let engine = env.instance.0.engine.borrow();
    match a.first() {
        None => Ok(Value::Text(env.session.acting_login())),
        Some(Value::Binary(sid)) => {
            some_text(engine.logins.values().find(|login| login.sid == *sid).map(|login| login.name.clone()))
        }
        Some(Value::Int(id)) => {
            let login = i32::try_from(*id).ok().and_then(|id| engine.logins.get(&id));
            some_text(login.map(|login| login.name.clone()))
        }
        Some(_) => Ok(Value::Null),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn original_login(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::text(env.session.login.as_str()))
}

fn suser_sid(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let own = env.session.acting_login();
    let name = if a.is_empty() { Some(&*own) } else { text_of(a.first()) };
    let engine = env.instance.0.engine.borrow();
    Ok(name.and_then(|name| engine.login(name)).map_or(Value::Null, |login| Value::Binary(login.sid.clone())))
}

fn suser_id(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let own = env.session.acting_login();
    let name = if a.is_empty() { Some(&*own) } else { text_of(a.first()) };
    let engine = env.instance.0.engine.borrow();
    some_int(name.and_then(|name| engine.login(name)).map(|login| login.principal_id.into()))
}

fn user_name(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let engine = env.instance.0.engine.borrow();
    let Some(database) = engine.database(env.database) else { return Ok(Value::Null) };
    if let Some(id) = int_of(a.first()) {
        let mut principals = database.content.principals();
        return some_text(principals.find(|p| i64::from(p.principal_id) == id).map(|p| p.name.clone()));
    }
    let user = engine.user_in(&env.session.caller(), database);
    let user = user.and_then(|id| database.content.principals().find(|p| p.principal_id == id));
    some_text(Some(user.map_or("guest".into(), |user| user.name.clone())))
}

fn database_principal_id(env: &Environment<'_>, a: &[Value], types: Types<'_>) -> Out {
    let own = user_name(env, &[], types)?;
    let name = if a.is_empty() { text_of(Some(&own)) } else { text_of(a.first()) };
    let engine = env.instance.0.engine.borrow();
    let found =
        name.zip(engine.database(env.database)).and_then(|(name, db)| db.content.principal_by_name(name));
    some_int(found.map(|principal| principal.principal_id.into()))
}

fn is_srvrolemember(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let Some(role) = text_of(a.first()) else { return Ok(Value::Null) };
    let known = crate::engine::SERVER_ROLES.iter().any(|(_, name)| same_name(name, role));
    let own = env.session.acting_login();
    let login = text_of(a.get(1)).unwrap_or(&own);
    let engine = env.instance.0.engine.borrow();
    if a.len() < 2 && env.session.caller().user.is_some() && known {
        return Ok(Value::Int(i64::from(same_name(role, "public"))));
    }
    some_int(engine.login(login).filter(|_| known).map(|login| i64::from(login.is_member(role))))
}

/// IS_MEMBER and IS_ROLEMEMBER: whether the current user, or another, is in a role of the database.
fn is_member(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let Some(role) = text_of(a.first()) else { return Ok(Value::Null) };
    let engine = env.instance.0.engine.borrow();
    let Some(database) = engine.database(env.database) else { return Ok(Value::Null) };
    let role = database.content.principal_by_name(role);
    let Some(role) = role.filter(|role| role.kind == crate::engine::PrincipalKind::Role) else {
        return Ok(Value::Null);
    };
    let user = match text_of(a.get(1)) {
        Some(name) => database.content.principal_by_name(name).map(|user| user.principal_id),
        None => engine.user_in(&env.session.caller(), database),
    };
    let roles = user.map(|user| crate::engine::permissions::roles_of(&database.content, user));
    some_int(roles.map(|roles| i64::from(roles.contains(&role.principal_id))))
}

fn has_dbaccess(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let engine = env.instance.0.engine.borrow();
    let database = text_of(a.first()).and_then(|name| engine.database_by_name(name));
    some_int(database.map(|database| i64::from(engine.can_open(database.id, env.session).is_ok())))
}

/// HAS_PERMS_BY_NAME: NULL for what is not there or not known.
fn has_perms_by_name(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    use crate::engine::Securable;
    use crate::engine::permissions::{DATABASE_PERMISSIONS, SERVER_PERMISSIONS};
    let class = text_of(a.get(1)).map(str::to_ascii_uppercase);
    let Some(permission) = text_of(a.get(2)).map(str::to_ascii_uppercase) else { return Ok(Value::Null) };
    let securable = text_of(a.first());
    let engine = env.instance.0.engine.borrow();
    let caller = env.session.caller();
    let sysadmin = env.session.acts_as_sysadmin();
    let flag = |known: bool, held: bool| if known { Value::Int(i64::from(held)) } else { Value::Null };
    let any = permission == "ANY";
    let of_database = |id: u32, on: Securable<'_>, all: bool| {
        let mut wanted = DATABASE_PERMISSIONS
            .iter()
            .filter(|(name, on_object)| (any || *name == permission) && (all || *on_object));
        let known = wanted.clone().next().is_some();
        flag(known, sysadmin || wanted.any(|(name, _)| engine.has_permission(&caller, id, name, on)))
    };
    Ok(match (class.as_deref(), securable) {
        (None | Some("SERVER"), None) => {
            let mut wanted = SERVER_PERMISSIONS.iter().filter(|(name, _)| any || *name == permission);
            let known = wanted.clone().next().is_some();
            flag(known, sysadmin || wanted.any(|(name, _)| engine.has_server_permission(&caller, name)))
        }
        (Some("DATABASE"), name) => {
            let id = name.map_or(Some(env.database), |name| {
                parsed_name(name).and_then(|name| engine.database_id(&name.name))
            });
            id.map_or(Value::Null, |id| of_database(id, Securable::Database, true))
        }
        (Some("SCHEMA"), Some(name)) => {
            let name = parsed_name(name).map(|name| name.name);
            let content = engine.database(env.database).map(|db| &db.content);
            match name.filter(|name| content.is_some_and(|c| c.schema_by_name(name).is_some())) {
                Some(name) => of_database(env.database, Securable::Schema(&name), false),
                None => Value::Null,
            }
        }
        (Some("OBJECT"), Some(name)) => {
            let Some(name) = parsed_name(name) else { return Ok(Value::Null) };
            let id = name.database.as_ref().map_or(Some(env.database), |name| engine.database_id(name));
            let schema = name.schema.as_deref().unwrap_or("dbo");
            let object =
                id.and_then(|id| crate::exec::permissions::Object::named(&engine, id, schema, &name.name));
            match object {
                Some(object) => {
                    of_database(object.database, Securable::Object(object.id, &object.schema), false)
                }
                // Views of the server are everybody's to read.
                None if crate::catalog::view(schema, &name.name).is_some() => {
                    flag(true, any || permission == "SELECT" || sysadmin)
                }
                None => Value::Null,
            }
        }
        (Some("LOGIN"), Some(name)) => {
            flag(engine.login(name).is_some(), sysadmin || same_name(name, &caller.login))
        }
        (Some("USER"), Some(name)) => {
            let database = engine.database(env.database);
            let user = database.and_then(|db| db.content.principal_by_name(name));
            let controls = engine.has_permission(&caller, env.database, "CONTROL", Securable::Database);
            flag(user.is_some(), sysadmin || controls)
        }
        _ => Value::Null,
    })
}
