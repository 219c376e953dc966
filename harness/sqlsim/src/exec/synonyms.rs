//! Synonyms and alias types.

use super::ddl::{place, transaction};
use super::environment::Environment;
use crate::engine::{
    DatabaseId, Definition, Engine, Fault, ModuleDef, ModuleKind, NamedObject, TypeDef, same_name,
};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Instruction, ObjectName, ProcedureName, Statement, StatementKind};
use crate::value::DataType;
use std::rc::Rc;

/// CREATE SYNONYM.
pub(super) fn create(env: &Environment<'_>, name: &ObjectName, base: &ObjectName) -> Result<(), Fault> {
    let (database, schema) = place(env, name)?;
    let quoted = |part: &Rc<str>| format!("[{}]", part.replace(']', "]]"));
    let parts = [&base.server, &base.database, &base.schema];
    let first = parts.iter().position(|part| part.is_some()).unwrap_or(parts.len());
    let mut text = String::new();
    for part in &parts[first..] {
        text.push_str(&part.as_ref().map(&quoted).unwrap_or_default());
        text.push('.');
    }
    text.push_str(&quoted(&base.name));
    let def = ModuleDef {
        object_id: 0,
        schema,
        name: name.name.clone(),
        kind: ModuleKind::Synonym,
        text: text.into(),
        parent: 0,
        created: env.now,
        modified: env.now,
    };
    env.instance.0.engine.borrow_mut().put_module(transaction(env), database, def, false)?;
    Ok(())
}

/// The name a synonym stands for; `None` for other modules.
pub(super) fn read(module: &ModuleDef) -> Option<ObjectName> {
    if module.kind != ModuleKind::Synonym {
        return None;
    }
    let text = format!("EXEC {}", module.text);
    let program = crate::tsql::parse("", &text, true, &crate::tsql::NoTypes).ok()?;
    match program.code.first() {
        Some(Instruction::Statement(Statement { kind: StatementKind::Execute(execute), .. })) => {
            match &execute.procedure {
                ProcedureName::Name(name) => Some(name.clone()),
                ProcedureName::Variable(_) => None,
            }
        }
        _ => None,
    }
}

/// What a name stands for when it is a synonym's.
pub(super) fn base_of(engine: &Engine, current: DatabaseId, name: &ObjectName) -> Option<ObjectName> {
    let database = match &name.database {
        Some(database) => engine.database_by_name(database)?,
        None => engine.database(current)?,
    };
    match database.content.object_by_name(name.schema.as_deref().unwrap_or("dbo"), &name.name)? {
        NamedObject::Module(module) => {
            let mut base = read(&module)?;
            if base.database.is_none() {
                base.database.clone_from(&name.database);
            }
            Some(base)
        }
        NamedObject::Table(_) => None,
    }
}

fn type_by_name(
    env: &Environment<'_>,
    database: DatabaseId,
    schema: &str,
    name: &str,
) -> Option<Rc<TypeDef>> {
    let engine = env.instance.0.engine.borrow();
    let content = &engine.database(database)?.content;
    content.types().find(|found| same_name(&found.name, name) && same_name(&found.schema, schema)).cloned()
}

/// CREATE TYPE … FROM ….
pub(super) fn create_type(
    env: &Environment<'_>,
    name: &ObjectName,
    base: DataType,
    nullable: bool,
) -> Result<(), Fault> {
    let (database, schema) = place(env, name)?;
    if type_by_name(env, database, &schema, &name.name).is_some() {
        return Err(error(219, 1, &[&format!("{schema}.{}", name.name)]).into());
    }
    let def = TypeDef { user_type_id: 0, schema, name: name.name.clone(), base, nullable };
    let mut engine = env.instance.0.engine.borrow_mut();
    engine.put_definition(transaction(env), database, None, Some(Definition::Type(Rc::new(def))))?;
    Ok(())
}

/// DROP TYPE.
pub(super) fn drop_type(env: &Environment<'_>, if_exists: bool, name: &ObjectName) -> Result<(), Fault> {
    let found = known_type(env, name)?;
    let Some((database, def)) = found else {
        return if if_exists { Ok(()) } else { Err(error(218, 1, &[name]).into()) };
    };
    let mut engine = env.instance.0.engine.borrow_mut();
    engine.put_definition(transaction(env), database, Some(Definition::Type(def)), None)?;
    Ok(())
}

fn known_type(env: &Environment<'_>, name: &ObjectName) -> SqlResult<Option<(DatabaseId, Rc<TypeDef>)>> {
    let (database, schema) = place(env, name)?;
    Ok(type_by_name(env, database, &schema, &name.name).map(|def| (database, def)))
}
