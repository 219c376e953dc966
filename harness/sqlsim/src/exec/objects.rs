//! DROP, indexes, views, procedures, schemas.

use super::constraints;
use super::ddl::{next_index_id, place, transaction};
use super::environment::Environment;
use super::source::{Found, resolve};
use crate::engine::{
    Definition, Fault, IndexColumn, IndexDef, IndexKind, ModuleDef, ModuleKind, NamedObject, SchemaDef,
    TEMPDB, same_name,
};
use crate::messages::error;
use crate::tsql::ast::{CreateIndex, CreateModule, FunctionKind, ObjectKind, ObjectName};
use std::rc::Rc;

pub(super) fn drop_object(
    env: &Environment<'_>,
    kind: ObjectKind,
    if_exists: bool,
    name: &ObjectName,
) -> Result<(), Fault> {
    let word = match kind {
        ObjectKind::Table => "table",
        ObjectKind::View => "view",
        ObjectKind::Procedure => "procedure",
        ObjectKind::Function => "function",
        ObjectKind::Schema => return drop_schema(env, if_exists, &name.name),
        ObjectKind::Trigger => "trigger",
        ObjectKind::Type => return super::synonyms::drop_type(env, if_exists, name),
        ObjectKind::Synonym => "synonym",
        ObjectKind::Sequence => "sequence object",
    };
    let missing = || -> Result<(), Fault> {
        if if_exists { Ok(()) } else { Err(error(3701, 5, &[&"drop", &word, name]).into()) }
    };
    if name.name.starts_with('#') {
        let Ok((_, Found::Table(def))) = resolve(env, env.database, name) else { return missing() };
        if kind != ObjectKind::Table {
            return missing();
        }
        env.instance.0.engine.borrow_mut().drop_table(transaction(env), TEMPDB, def.object_id)?;
        let mut state = env.session.exec.borrow_mut();
        if let Some(at) = state.temporary.iter().rposition(|table| same_name(&table.name, &name.name)) {
            state.temporary.remove(at);
        }
        return Ok(());
    }
    let database = match &name.database {
        Some(database) => env.open_database(database)?,
        None => env.database,
    };
    let schema = name.schema.as_deref().unwrap_or("dbo");
    let found = {
        let engine = env.instance.0.engine.borrow();
        engine.database(database).and_then(|db| db.content.object_by_name(schema, &name.name))
    };
    match found {
        Some(NamedObject::Table(def)) if kind == ObjectKind::Table => {
            let id = def.object_id;
            if constraints::is_referenced(env, database, &def) {
                return Err(error(3726, 1, &[name]).into());
            }
            env.instance.0.engine.borrow_mut().drop_table(transaction(env), database, id)
        }
        Some(NamedObject::Module(module)) => {
            let wanted = match kind {
                ObjectKind::View => &[ModuleKind::View][..],
                ObjectKind::Function => {
                    &[ModuleKind::ScalarFunction, ModuleKind::InlineFunction, ModuleKind::TableFunction]
                }
                ObjectKind::Synonym => &[ModuleKind::Synonym],
                ObjectKind::Sequence => &[ModuleKind::Sequence],
                _ => &[ModuleKind::Procedure],
            };
            if !wanted.contains(&module.kind) {
                return missing();
            }
            env.instance.0.engine.borrow_mut().drop_module(transaction(env), database, module.object_id)
        }
        _ => missing(),
    }
}

pub(super) fn create_schema(
    env: &Environment<'_>,
    name: &Rc<str>,
    owner: Option<&Rc<str>>,
) -> Result<(), Fault> {
    let mut engine = env.instance.0.engine.borrow_mut();
    let known = engine.database(env.database).is_some_and(|db| db.content.schema_by_name(name).is_some());
    if known {
        return Err(error(2714, 6, &[name]).into());
    }
    let owner = match owner {
        None => 1,
        Some(owner) => {
            let found = engine.database(env.database).and_then(|db| db.content.principal_by_name(owner));
            found.map(|p| p.principal_id).ok_or_else(|| error(15_151, 1, &[&"find", &"principal", owner]))?
        }
    };
    let schema = Definition::Schema(Rc::new(SchemaDef { schema_id: 0, name: name.clone(), owner }));
    engine.put_definition(transaction(env), env.database, None, Some(schema))?;
    Ok(())
}

pub(super) fn drop_schema(env: &Environment<'_>, if_exists: bool, name: &Rc<str>) -> Result<(), Fault> {
    let mut engine = env.instance.0.engine.borrow_mut();
    let found = engine.database(env.database).and_then(|db| db.content.schema_by_name(name).cloned());
    let Some(found) = found else {
        return if if_exists { Ok(()) } else { Err(error(15_151, 1, &[&"drop", &"schema", name]).into()) };
    };
    let used = engine.database(env.database).and_then(|db| {
        let in_schema = |schema: &Rc<str>| same_name(schema, name);
        let table =
            db.content.tables().find(|table| in_schema(&table.def.schema)).map(|t| t.def.name.clone());
        table
            .or_else(|| db.content.modules().find(|module| in_schema(&module.schema)).map(|m| m.name.clone()))
    });
    if let Some(used) = used {
        return Err(error(3729, 1, &[name, &used]).into());
    }
    engine.put_definition(transaction(env), env.database, Some(Definition::Schema(found)), None)?;
    Ok(())
}

pub(super) fn create_index(env: &Environment<'_>, create: &CreateIndex) -> Result<(), Fault> {
    let Ok((database, Found::Table(before))) = resolve(env, env.database, &create.table) else {
        return Err(error(1088, 12, &[&create.table]).into());
    };
    let mut def = (*before).clone();
    if def.indexes.iter().any(|index| same_name(&index.name, &create.name)) {
        return Err(error(1913, 1, &[&create.name, &create.table]).into());
    }
    if create.clustered && def.indexes.iter().any(|index| index.is_clustered) {
        return Err(error(1902, 3, &[&create.table, &create.name]).into());
    }
    let mut columns = Vec::new();
    for (column, descending) in &create.columns {
        let ordinal = def.ordinal(column).ok_or_else(|| error(1911, 1, &[column]))?;
        columns.push(IndexColumn { ordinal, descending: *descending });
    }
    let mut included = Vec::new();
    for column in &create.included {
        included.push(def.ordinal(column).ok_or_else(|| error(1911, 1, &[column]))?);
    }
    let index_id = if create.clustered { 1 } else { next_index_id(&def) };
    def.indexes.push(IndexDef {
        index_id,
        object_id: 0,
        name: create.name.clone(),
        kind: if create.unique { IndexKind::UniqueIndex } else { IndexKind::Index },
        is_clustered: create.clustered,
        columns,
        included,
        filter: None,
        is_system_named: false,
    });
    env.instance.0.engine.borrow_mut().alter_table(transaction(env), database, def, None)?;
    Ok(())
}

pub(super) fn drop_index(
    env: &Environment<'_>,
    index: &Rc<str>,
    table: &ObjectName,
    if_exists: bool,
) -> Result<(), Fault> {
    let missing = || error(3701, 6, &[&"drop", &"index", &format!("{table}.{index}")]);
    let Ok((database, Found::Table(before))) = resolve(env, env.database, table) else {
        return if if_exists { Ok(()) } else { Err(missing().into()) };
    };
    let mut def = (*before).clone();
    let count = def.indexes.len();
    def.indexes.retain(|known| known.kind.is_constraint() || !same_name(&known.name, index));
    if def.indexes.len() == count {
        return if if_exists { Ok(()) } else { Err(missing().into()) };
    }
    env.instance.0.engine.borrow_mut().alter_table(transaction(env), database, def, None)?;
    Ok(())
}

pub(super) fn create_module(env: &Environment<'_>, create: &CreateModule) -> Result<(), Fault> {
    if create.name.database.is_some() {
        return Err(error(166, 1, &[&"CREATE/ALTER PROCEDURE"]).into());
    }
    let (database, schema) = place(env, &create.name)?;
    let kind = match (create.kind, create.function) {
        (_, Some(FunctionKind::Scalar)) => ModuleKind::ScalarFunction,
        (_, Some(FunctionKind::Inline)) => ModuleKind::InlineFunction,
        (_, Some(FunctionKind::Table)) => ModuleKind::TableFunction,
        (ObjectKind::View, _) => ModuleKind::View,
        _ => ModuleKind::Procedure,
    };
    let mut engine = env.instance.0.engine.borrow_mut();
    let now = env.now;
    let exists = engine
        .database(database)
        .is_some_and(|db| db.content.object_by_name(&schema, &create.name.name).is_some());
    if create.alter && !exists {
        return Err(error(208, 6, &[&create.name]).into());
    }
    let def = ModuleDef {
        object_id: 0,
        schema,
        name: create.name.name.clone(),
        kind,
        text: create.text.clone(),
        parent: 0,
        created: now,
        modified: now,
    };
    engine.put_module(transaction(env), database, def, create.alter || (create.or_alter && exists))?;
    drop(engine);
    if kind == ModuleKind::InlineFunction {
        super::user_functions::check(env, &create.name)?;
    }
    if kind == ModuleKind::View {
        // A view is bound when it is made, so that what it stands on is there.
        check_view(env, &create.name)?;
    }
    Ok(())
}

pub(super) fn check_view(env: &Environment<'_>, name: &ObjectName) -> Result<(), Fault> {
    use crate::tsql::ast::{Query, SelectItem, TableSource};
    let source = TableSource::Named { name: name.clone(), alias: None, hints: Vec::new() };
    let query = Query::select(vec![SelectItem::Star(Vec::new())], source);
    super::binder::Binder::new(env).query(&query)?;
    Ok(())
}
