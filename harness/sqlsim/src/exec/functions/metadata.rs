//! Functions about databases, their objects, columns and types.

use super::{
    Function, INT, NAME, Out, Returns, Takes, Types, fixed_bytes, int_of, some_int, some_text, text_of,
};
use crate::engine::{NamedObject, same_name};
use crate::exec::environment::Environment;
use crate::tsql::ast::ObjectName;
use crate::value::{DataType, Value};

use Takes::{Int, Text};

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
    Function { name: "OBJECTPROPERTY", takes: &[Int, Text], optional: 0, returns: INT, body: objectproperty },
    Function {
        name: "IDENT_CURRENT",
        takes: &[Text],
        optional: 0,
        returns: Returns::Type(DataType::Decimal { precision: 38, scale: 0 }),
        body: ident_current,
    },
    Function {
        name: "OBJECT_DEFINITION",
        takes: &[Int],
        optional: 0,
        returns: Returns::Type(super::TEXT),
        body: object_definition,
    },
];

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
        None => {
            let in_msdb = same_name(&database.name, "msdb");
            crate::catalog::system_object(schema, &name.name, in_msdb)
        }
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
        fixed => fixed_bytes(fixed) as i64,
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
