//! Functions about the server, its databases and objects, the session and its errors.

use super::{Function, Returns, SYSNAME, TEXT, Takes, int_of, text_of};
use crate::engine::{Database, DatabaseState, NamedObject, RecoveryModel, UserAccess, same_name};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::instance::PRODUCT_VERSION;
use crate::tsql::ast::ObjectName;
use crate::value::{DataType, Value};

use Takes::{Any, Int, Text};

const INT: Returns = Returns::Type(DataType::Int);
const NAME: Returns = Returns::Type(SYSNAME);
const VARIANT: Returns = Returns::Type(DataType::SqlVariant);

/// `@@VERSION`.
pub(super) fn version_text(env: &Environment<'_>) -> String {
    let config = &env.instance.0.config;
    let (major, minor, build, revision) = PRODUCT_VERSION;
    let platform = if config.is_on_linux() { " on Linux" } else { "" };
    let edition = config.product.edition.name();
    format!(
        "Microsoft SQL Server 2014 (simulated by firedrill) - {major}.{minor}.{build}.{revision} (X64)\n\t\
         {edition}{platform}\n"
    )
}

/// Functions by name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "DB_ID",
        takes: &[Text],
        optional: 1,
        returns: Returns::Type(DataType::SmallInt),
        body: db_id,
    },
    Function { name: "DB_NAME", takes: &[Int], optional: 1, returns: NAME, body: db_name },
    Function { name: "ORIGINAL_DB_NAME", takes: &[], optional: 0, returns: NAME, body: db_name },
    Function { name: "OBJECT_ID", takes: &[Text, Text], optional: 1, returns: INT, body: object_id },
    Function { name: "OBJECT_NAME", takes: &[Int, Int], optional: 1, returns: NAME, body: object_name },
    Function {
        name: "OBJECT_SCHEMA_NAME",
        takes: &[Int, Int],
        optional: 1,
        returns: NAME,
        body: object_schema_name,
    },
    Function { name: "SCHEMA_NAME", takes: &[Int], optional: 1, returns: NAME, body: schema_name },
    Function { name: "SCHEMA_ID", takes: &[Text], optional: 1, returns: INT, body: schema_id },
    Function { name: "COL_NAME", takes: &[Int, Int], optional: 0, returns: NAME, body: col_name },
    Function {
        name: "COL_LENGTH",
        takes: &[Text, Text],
        optional: 0,
        returns: Returns::Type(DataType::SmallInt),
        body: col_length,
    },
    Function { name: "TYPE_NAME", takes: &[Int], optional: 0, returns: NAME, body: type_name },
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
    Function { name: "HOST_NAME", takes: &[], optional: 0, returns: NAME, body: host_name },
    Function { name: "APP_NAME", takes: &[], optional: 0, returns: NAME, body: app_name },
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
    Function { name: "SERVERPROPERTY", takes: &[Text], optional: 0, returns: VARIANT, body: serverproperty },
    Function {
        name: "CONNECTIONPROPERTY",
        takes: &[Text],
        optional: 0,
        returns: VARIANT,
        body: connectionproperty,
    },
    Function {
        name: "DATABASEPROPERTYEX",
        takes: &[Text, Text],
        optional: 0,
        returns: VARIANT,
        body: databasepropertyex,
    },
    Function {
        name: "DATABASEPROPERTY",
        takes: &[Text, Text],
        optional: 0,
        returns: INT,
        body: databaseproperty,
    },
    Function { name: "OBJECTPROPERTY", takes: &[Int, Text], optional: 0, returns: INT, body: objectproperty },
    Function {
        name: "NEWID",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::UniqueIdentifier),
        body: newid,
    },
    Function {
        name: "NEWSEQUENTIALID",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::UniqueIdentifier),
        body: newid,
    },
    Function {
        name: "SCOPE_IDENTITY",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::Decimal { precision: 38, scale: 0 }),
        body: scope_identity,
    },
    Function {
        name: "IDENT_CURRENT",
        takes: &[Text],
        optional: 0,
        returns: Returns::Type(DataType::Decimal { precision: 38, scale: 0 }),
        body: ident_current,
    },
    Function { name: "ERROR_NUMBER", takes: &[], optional: 0, returns: INT, body: error_number },
    Function {
        name: "ERROR_MESSAGE",
        takes: &[],
        optional: 0,
        returns: Returns::Type(TEXT),
        body: error_message,
    },
    Function { name: "ERROR_SEVERITY", takes: &[], optional: 0, returns: INT, body: error_severity },
    Function { name: "ERROR_STATE", takes: &[], optional: 0, returns: INT, body: error_state },
    Function { name: "ERROR_LINE", takes: &[], optional: 0, returns: INT, body: error_line },
    Function { name: "ERROR_PROCEDURE", takes: &[], optional: 0, returns: NAME, body: error_procedure },
    Function {
        name: "XACT_STATE",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::SmallInt),
        body: xact_state,
    },
    Function {
        name: "ROWCOUNT_BIG",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::BigInt),
        body: rowcount_big,
    },
    Function {
        name: "CURSOR_STATUS",
        takes: &[Text, Text],
        optional: 0,
        returns: Returns::Type(DataType::SmallInt),
        body: cursor_status,
    },
    Function {
        name: "CONTEXT_INFO",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::VarBinary(crate::value::Length::Upto(128))),
        body: context_info,
    },
    Function {
        name: "OBJECT_DEFINITION",
        takes: &[Int],
        optional: 0,
        returns: Returns::Type(super::TEXT),
        body: object_definition,
    },
    Function {
        name: "SESSIONPROPERTY",
        takes: &[Text],
        optional: 0,
        returns: VARIANT,
        body: sessionproperty,
    },
];

type Out = SqlResult<Value>;
type Types<'a> = &'a [DataType];

fn some_int(n: Option<i64>) -> Out {
    Ok(n.map_or(Value::Null, Value::Int))
}

fn some_text(text: Option<impl Into<std::rc::Rc<str>>>) -> Out {
    Ok(text.map_or(Value::Null, |text| Value::Text(text.into())))
}

fn db_id(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    if a.is_empty() {
        return Ok(Value::Int(env.database.into()));
    }
    let engine = env.instance.0.engine.borrow();
    some_int(text_of(a.first()).and_then(|name| engine.database_id(name)).map(i64::from))
}

fn db_name(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let id =
        if a.is_empty() { Some(env.database) } else { int_of(a.first()).and_then(|n| u32::try_from(n).ok()) };
    let engine = env.instance.0.engine.borrow();
    some_text(id.and_then(|id| engine.database(id)).map(|database| database.name.clone()))
}

/// Reads a (qualified, bracketed) name out of a text.
pub(in crate::exec) fn parsed_name(text: &str) -> Option<ObjectName> {
    let mut parts: Vec<String> = vec![String::new()];
    let mut close = None;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match (close, c) {
            (Some(end), c) if c == end && chars.peek() == Some(&end) => {
                chars.next();
                parts.last_mut()?.push(c);
            }
            (Some(end), c) if c == end => close = None,
            (Some(_), c) => parts.last_mut()?.push(c),
            (None, '[') => close = Some(']'),
            (None, '"') => close = Some('"'),
            (None, '.') => parts.push(String::new()),
            (None, c) => parts.last_mut()?.push(c),
        }
    }
    let part = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Into::into);
    let name = part(parts.pop())?;
    let schema = part(parts.pop());
    Some(ObjectName { server: None, database: part(parts.pop()), schema, name })
}

fn object_id(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let Some(mut name) = text_of(a.first()).and_then(parsed_name) else { return Ok(Value::Null) };
    let engine = env.instance.0.engine.borrow();
    if name.name.starts_with('#') && !name.name.starts_with("##") {
        let state = env.state();
        let found = state.temporary.iter().rev().find(|t| same_name(&t.name, &name.name));
        let tempdb = engine.database(crate::engine::TEMPDB);
        let table = found.zip(tempdb).and_then(|(t, db)| db.content.table_by_name("dbo", &t.real_name));
        return some_int(table.map(|table| table.def.object_id.into()));
    }
    let database = match name.database.take() {
        Some(database) => engine.database_by_name(&database),
        None => engine.database(env.database),
    };
    let wanted = text_of(a.get(1)).map(|kind| kind.trim().to_ascii_uppercase());
    let Some(database) = database.filter(|database| database.is_open()) else { return Ok(Value::Null) };
    let schema = name.schema.as_deref().unwrap_or("dbo");
    let found = match database.content.object_by_name(schema, &name.name) {
        Some(NamedObject::Table(table)) => Some((table.object_id, "U")),
        Some(NamedObject::Module(module)) => {
            Some((module.object_id, crate::catalog::objects::module_kind(module.kind).0.trim_end()))
        }
        None => None,
    };
    let fits = |kind: &str| wanted.as_deref().is_none_or(|wanted| wanted == kind);
    some_int(found.filter(|(_, kind)| fits(kind)).map(|(id, _)| i64::from(id)))
}

/// Schema and name of an object.
fn object_of(env: &Environment<'_>, a: &[Value]) -> Option<(std::rc::Rc<str>, std::rc::Rc<str>)> {
    let id = i32::try_from(int_of(a.first())?).ok()?;
    let database = int_of(a.get(1)).and_then(|n| u32::try_from(n).ok()).unwrap_or(env.database);
    let engine = env.instance.0.engine.borrow();
    let content = &engine.database(database)?.content;
    content
        .table(id)
        .map(|table| (table.def.schema.clone(), table.def.name.clone()))
        .or_else(|| content.module(id).map(|module| (module.schema.clone(), module.name.clone())))
}

fn object_name(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    some_text(object_of(env, a).map(|(_, name)| name))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn context_info(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(env.session.state.borrow().context_info.clone().map_or(Value::Null, Value::Binary))
}

fn object_definition(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let Some(id) = int_of(a.first()).and_then(|id| i32::try_from(id).ok()) else { return Ok(Value::Null) };
    let engine = env.instance.0.engine.borrow();
    some_text(
        engine.database(env.database).and_then(|db| db.content.module(id)).map(|module| module.text.clone()),
    )
}

fn object_schema_name(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    some_text(object_of(env, a).map(|(schema, _)| schema))
}

fn schema_name(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let Some(id) = int_of(a.first()) else {
        return if a.is_empty() { Ok(Value::text("dbo")) } else { Ok(Value::Null) };
    };
    let engine = env.instance.0.engine.borrow();
    let schemas = engine.database(env.database).map(|database| database.content.schemas());
    some_text(schemas.and_then(|mut all| all.find(|s| i64::from(s.schema_id) == id)).map(|s| s.name.clone()))
}

fn schema_id(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let name = if a.is_empty() { Some("dbo") } else { text_of(a.first()) };
    let engine = env.instance.0.engine.borrow();
    let found =
        name.zip(engine.database(env.database)).and_then(|(name, db)| db.content.schema_by_name(name));
    some_int(found.map(|schema| schema.schema_id.into()))
}

fn col_name(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let (Some(table), Some(column)) = (int_of(a.first()), int_of(a.get(1))) else { return Ok(Value::Null) };
    let engine = env.instance.0.engine.borrow();
    let table = i32::try_from(table)
        .ok()
        .zip(engine.database(env.database))
        .and_then(|(id, db)| db.content.table(id));
    let found = table.and_then(|table| table.def.columns.iter().find(|c| i64::from(c.column_id) == column));
    some_text(found.map(|column| column.meta.name.clone()))
}

fn col_length(env: &Environment<'_>, a: &[Value], types: Types<'_>) -> Out {
    let Value::Int(id) = object_id(env, &a[..1], types)? else { return Ok(Value::Null) };
    let engine = env.instance.0.engine.borrow();
    let table =
        i32::try_from(id).ok().zip(engine.database(env.database)).and_then(|(id, db)| db.content.table(id));
    let column = table
        .zip(text_of(a.get(1)))
        .and_then(|(table, name)| table.def.columns.iter().find(|column| same_name(&column.meta.name, name)));
    some_int(column.map(|column| match column.meta.data_type {
        national if national.is_national() => national.length().map_or(-1, |n| i64::from(n) * 2),
        other if other.is_text() || other.is_binary() => other.length().map_or(-1, i64::from),
        DataType::Bit | DataType::TinyInt => 1,
        DataType::SmallInt => 2,
        DataType::Int | DataType::Real | DataType::SmallMoney | DataType::SmallDateTime => 4,
        DataType::Date => 3,
        DataType::UniqueIdentifier => 16,
        DataType::Decimal { precision, .. } => match precision {
            0..=9 => 5,
            10..=19 => 9,
            20..=28 => 13,
            _ => 17,
        },
        _ => 8,
    }))
}

fn type_name(_: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let known = [
        (34, "image"),
        (35, "text"),
        (36, "uniqueidentifier"),
        (40, "date"),
        (41, "time"),
        (42, "datetime2"),
        (43, "datetimeoffset"),
        (48, "tinyint"),
        (52, "smallint"),
        (56, "int"),
        (58, "smalldatetime"),
        (59, "real"),
        (60, "money"),
        (61, "datetime"),
        (62, "float"),
        (98, "sql_variant"),
        (99, "ntext"),
        (104, "bit"),
        (106, "decimal"),
        (108, "numeric"),
        (122, "smallmoney"),
        (127, "bigint"),
        (165, "varbinary"),
        (167, "varchar"),
        (173, "binary"),
        (175, "char"),
        (231, "nvarchar"),
        (239, "nchar"),
        (241, "xml"),
        (256, "sysname"),
    ];
    let found = int_of(a.first()).and_then(|id| known.iter().find(|(known, _)| *known == id));
    some_text(found.map(|(_, name)| *name))
}

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

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn host_name(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::text(env.session.host_name.as_str()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn app_name(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::text(env.session.program_name.as_str()))
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

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn serverproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let config = &env.instance.0.config;
    let (machine, instance) = config.server_name.split_once('\\').unwrap_or((&config.server_name, ""));
    let (major, minor, build, revision) = PRODUCT_VERSION;
    let name = text_of(a.first()).unwrap_or("").to_ascii_lowercase();
    Ok(match name.as_str() {
        "productversion" => Value::text(format!("{major}.{minor}.{build}.{revision}")),
        "productlevel" => Value::text("SP3"),
        "productmajorversion" => Value::text(major.to_string()),
        "productminorversion" => Value::text(minor.to_string()),
        "productbuild" => Value::text(build.to_string()),
        "edition" => Value::text(config.product.edition.name()),
        "engineedition" => Value::Int(config.product.edition.engine()),
        "servername" => Value::text(config.server_name.as_str()),
        "machinename" | "computernamephysicalnetbios" => Value::text(machine),
        "instancename" if instance.is_empty() => Value::Null,
        "instancename" => Value::text(instance),
        "collation" => Value::text("SQL_Latin1_General_CP1_CI_AS"),
        "isclustered"
        | "ishadrenabled"
        | "issingleuser"
        | "isintegratedsecurityonly"
        | "isfulltextinstalled"
        | "islocaldb"
        | "isxtpsupported"
        | "filestreamconfiguredlevel"
        | "filestreameffectivelevel" => Value::Int(0),
        "processid" => Value::Int(1432),
        "lcid" => Value::Int(1033),
        "sqlcharsetname" => Value::text("iso_1"),
        "sqlsortordername" => Value::text("nocase_iso"),
        "licensetype" => Value::text("DISABLED"),
        "instancedefaultdatapath" | "instancedefaultlogpath" => {
            Value::text(crate::files::join(&config.data_directory, ""))
        }
        "instancedefaultbackuppath" => Value::text(config.backup_directory.as_str()),
        _ => Value::Null,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn connectionproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    Ok(match text_of(a.first()).unwrap_or("").to_ascii_lowercase().as_str() {
        "net_transport" | "physical_net_transport" => Value::text("TCP"),
        "protocol_type" => Value::text("TSQL"),
        "auth_scheme" => Value::text("SQL"),
        "local_tcp_port" => Value::Int(env.instance.0.config.tds_port.into()),
        _ => Value::Null,
    })
}

fn state_name(database: &Database) -> &'static str {
    match database.state {
        DatabaseState::Online => "ONLINE",
        DatabaseState::Offline => "OFFLINE",
        DatabaseState::Restoring => "RESTORING",
        DatabaseState::Recovering => "RECOVERING",
        DatabaseState::Suspect | DatabaseState::RecoveryPending => "SUSPECT",
        DatabaseState::Emergency => "EMERGENCY",
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn databasepropertyex(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let engine = env.instance.0.engine.borrow();
    let Some(database) = text_of(a.first()).and_then(|name| engine.database_by_name(name)) else {
        return Ok(Value::Null);
    };
    let flag = |on: bool| Value::Int(i64::from(on));
    Ok(match text_of(a.get(1)).unwrap_or("").to_ascii_lowercase().as_str() {
        "status" => Value::text(state_name(database)),
        "collation" if database.is_open() => Value::Text(database.collation.clone()),
        "isinstandby" => flag(database.in_standby()),
        "updateability" => Value::text(if database.is_read_only || database.in_standby() {
            "READ_ONLY"
        } else {
            "READ_WRITE"
        }),
        "useraccess" => Value::text(match database.user_access {
            UserAccess::Multi => "MULTI_USER",
            UserAccess::Single => "SINGLE_USER",
            UserAccess::Restricted => "RESTRICTED_USER",
        }),
        "recovery" => Value::text(match database.recovery_model {
            RecoveryModel::Full => "FULL",
            RecoveryModel::BulkLogged => "BULK_LOGGED",
            RecoveryModel::Simple => "SIMPLE",
        }),
        "isautoclose" => flag(database.options.auto_close),
        "isautoshrink" => flag(database.options.auto_shrink),
        "isautocreatestatistics" | "isautoupdatestatistics" => flag(true),
        "isfulltextenabled" | "ispublished" | "issubscribed" | "ismergepublished" => flag(false),
        "version" if database.is_open() => Value::Int(782),
        "sqlsortorder" if database.is_open() => Value::Int(52),
        "comparisonstyle" if database.is_open() => Value::Int(196_609),
        "lcid" if database.is_open() => Value::Int(1033),
        _ => Value::Null,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn databaseproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let engine = env.instance.0.engine.borrow();
    let Some(database) = text_of(a.first()).and_then(|name| engine.database_by_name(name)) else {
        return Ok(Value::Null);
    };
    let flag = |on: bool| Value::Int(i64::from(on));
    Ok(match text_of(a.get(1)).unwrap_or("").to_ascii_lowercase().as_str() {
        "isinstandby" => flag(database.in_standby()),
        "isinload" | "isinrecovery" => flag(database.state == DatabaseState::Restoring),
        "isoffline" => flag(database.state == DatabaseState::Offline),
        "isreadonly" => flag(database.is_read_only || database.in_standby()),
        "issuspect" => flag(database.state == DatabaseState::Suspect),
        "issingleuser" => flag(database.user_access == UserAccess::Single),
        _ => Value::Null,
    })
}

fn objectproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let Some(id) = int_of(a.first()).and_then(|n| i32::try_from(n).ok()) else { return Ok(Value::Null) };
    let engine = env.instance.0.engine.borrow();
    let Some(database) = engine.database(env.database) else { return Ok(Value::Null) };
    let table = database.content.table(id);
    let module = database.content.module(id);
    let answer = match text_of(a.get(1)).unwrap_or("").to_ascii_lowercase().as_str() {
        "istable" => Some(table.is_some()),
        "isusertable" => Some(table.is_some_and(|table| !table.def.is_ms_shipped)),
        "ismsshipped" => Some(table.is_some_and(|table| table.def.is_ms_shipped)),
        "isview" => Some(module.is_some_and(|module| module.kind == crate::engine::ModuleKind::View)),
        "isprocedure" => {
            Some(module.is_some_and(|module| module.kind == crate::engine::ModuleKind::Procedure))
        }
        "isscalarfunction" => {
            Some(module.is_some_and(|m| m.kind == crate::engine::ModuleKind::ScalarFunction))
        }
        "isinlinefunction" => {
            Some(module.is_some_and(|m| m.kind == crate::engine::ModuleKind::InlineFunction))
        }
        "istablefunction" => Some(module.is_some_and(|m| {
            use crate::engine::ModuleKind::{InlineFunction, TableFunction};
            matches!(m.kind, InlineFunction | TableFunction)
        })),
        "tablehasidentity" => Some(table.is_some_and(|table| table.def.identity_ordinal().is_some())),
        "tablehasprimarykey" => Some(table.is_some_and(|table| table.def.primary_key().is_some())),
        _ => None,
    };
    some_int(answer.filter(|_| table.is_some() || module.is_some()).map(i64::from))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn newid(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::Guid(env.instance.new_guid()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn scope_identity(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(env.state().identity.clone().unwrap_or(Value::Null))
}

fn ident_current(env: &Environment<'_>, a: &[Value], types: Types<'_>) -> Out {
    let Value::Int(id) = object_id(env, a, types)? else { return Ok(Value::Null) };
    let engine = env.instance.0.engine.borrow();
    let table =
        i32::try_from(id).ok().zip(engine.database(env.database)).and_then(|(id, db)| db.content.table(id));
    let current = table.and_then(|table| {
        let seed = table.def.columns.iter().find_map(|column| column.identity)?.seed;
        Some(table.identity_current().unwrap_or(seed))
    });
    Ok(current.map_or(Value::Null, |n| Value::Decimal(crate::value::Decimal::whole(n))))
}

fn caught<T>(env: &Environment<'_>, read: impl FnOnce(&crate::SqlError) -> T) -> Option<T> {
    env.state().caught.last().map(read)
}

fn error_number(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.number.into()))
}

fn error_message(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_text(caught(env, |error| error.message.clone()))
}

fn error_severity(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.severity.into()))
}

fn error_state(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.state.into()))
}

fn error_line(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.line.into()))
}

fn error_procedure(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_text(caught(env, |error| error.procedure.clone()).filter(|name| !name.is_empty()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn xact_state(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::Int(match &env.state().transaction {
        None => 0,
        Some(open) if open.doomed => -1,
        Some(_) => 1,
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn rowcount_big(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::Int(env.state().row_count))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn cursor_status(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let (Some(scope), Some(name)) = (text_of(a.first()), text_of(a.get(1))) else {
        return Ok(Value::Int(-3));
    };
    Ok(Value::Int(crate::exec::cursors::status(env, scope, name)))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn sessionproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let state = env.state();
    let on = match text_of(a.first()).unwrap_or("").to_ascii_uppercase().as_str() {
        "QUOTED_IDENTIFIER" => state.settings.quoted_identifier,
        "ARITHABORT" => state.settings.arith_abort,
        "ANSI_WARNINGS" => state.settings.ansi_warnings,
        "ANSI_NULLS" | "ANSI_PADDING" | "CONCAT_NULL_YIELDS_NULL" => true,
        "NUMERIC_ROUNDABORT" => false,
        _ => return Ok(Value::Null),
    };
    Ok(Value::Int(i64::from(on)))
}
