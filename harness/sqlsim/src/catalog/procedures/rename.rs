//! `sp_rename`.

use crate::engine::{
    Definition, Engine, Fault, ModuleDef, NamedObject, Securable, TableDef, TransactionId, same_name,
};
use crate::error::SqlResult;
use crate::exec::procedures::{DefaultValue, Home, Parameter, Procedure, ProcedureContext};
use crate::messages::error;
use crate::value::{DataType, Length};
use std::rc::Rc;

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[Procedure {
    name: "sp_rename",
    home: Home::Master,
    parameters: &[
        Parameter::required("@objname", DataType::NVarChar(Length::Upto(1035))),
        Parameter::required("@newname", DataType::NVarChar(Length::Upto(128))),
        Parameter::optional("@objtype", DataType::VarChar(Length::Upto(13)), DefaultValue::Null),
    ],
    body: |c| Box::pin(rename(c)),
}];

/// Splits a name of up to four parts at its dots; brackets and quotes keep dots inside.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut close = None;
    for c in text.trim().chars() {
        let Some(last) = parts.last_mut() else { break };
        match (close, c) {
            (Some(end), c) if c == end => close = None,
            (Some(_), c) => last.push(c),
            (None, '[') => close = Some(']'),
            (None, '"') => close = Some('"'),
            (None, '.') => parts.push(String::new()),
            (None, c) => last.push(c),
        }
    }
    parts
}

/// What is renamed.
enum Found {
    /// A table, with what its definition becomes.
    Table(Box<TableDef>),
    Module(Rc<ModuleDef>),
}

async fn rename(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let written = c.text("@objname").unwrap_or_else(|| "".into());
    let new = c.text("@newname").unwrap_or_else(|| "".into());
    let kind = c.text("@objtype").map_or_else(|| "OBJECT".to_owned(), |kind| kind.to_uppercase());
    if kind == "DATABASE" {
        let quoted = |name: &str| format!("[{}]", name.replace(']', "]]"));
        let name = parts(&written).pop().unwrap_or_default();
        c.query("master", &format!("ALTER DATABASE {} MODIFY NAME = {}", quoted(&name), quoted(&new)), &[])
            .await?;
        return Ok(0);
    }
    if !["OBJECT", "COLUMN", "INDEX"].contains(&kind.as_str()) {
        return Err(crate::messages::unsupported(&format!("sp_rename of {kind}")));
    }
    if new.is_empty() {
        return Err(error(15_223, 11, &[&"new name"]));
    }
    let id = c.session.state.borrow().database_id;
    let open = c.session.exec.borrow().transaction_id();
    let ticket = {
        let mut engine = c.instance.0.engine.borrow_mut();
        let changed = find(&engine, c, id, &kind, &written, &new)?;
        let transaction = open.unwrap_or_else(|| engine.begin(c.session.id));
        match put(&mut engine, transaction, id, changed) {
            Ok(()) if open.is_none() => Some(engine.commit(transaction)),
            Ok(()) => None,
            Err(fault) => {
                if open.is_none() {
                    engine.rollback(transaction);
                }
                return Err(match fault {
                    Fault::Sql(e) => e,
                    // Somebody uses the object; a statement would wait, this procedure says so.
                    _ => error(1222, 56, &[]),
                });
            }
        }
    };
    if let Some(ticket) = ticket
        && !ticket.is_ready()
    {
        crate::mirroring::commit_wait(c.instance, ticket).await;
    }
    c.raise(error(15_477, 1, &[]));
    Ok(0)
}

fn put(engine: &mut Engine, transaction: TransactionId, id: u32, changed: Found) -> Result<(), Fault> {
    match changed {
        Found::Table(def) => engine.alter_table(transaction, id, *def, None),
        Found::Module(after) => {
            let before = engine.database(id).and_then(|db| db.content.module(after.object_id)).cloned();
            let after = Some(Definition::Module(after));
            engine.put_definition(transaction, id, before.map(Definition::Module), after)?;
            Ok(())
        }
    }
}

/// Finds what the name means and gives it its new name.
fn find(
    engine: &Engine,
    c: &ProcedureContext<'_>,
    id: u32,
    kind: &str,
    written: &str,
    new: &Rc<str>,
) -> SqlResult<Found> {
    let Some(database) = engine.database(id) else { return Err(error(913, 1, &[&id])) };
    let unknown =
        || error(15_225, 1, &[&written, &database.name, &if kind == "OBJECT" { "(null)" } else { kind }]);
    let mut names = parts(written);
    let inner = if kind == "OBJECT" { None } else { names.pop() };
    let name = names.pop().ok_or_else(unknown)?;
    let schema = names.pop().filter(|schema| !schema.is_empty()).unwrap_or_else(|| "dbo".to_owned());
    if names.pop().is_some_and(|named| !named.is_empty() && !same_name(&named, &database.name)) {
        return Err(error(15_250, 1, &[]));
    }
    let content = &database.content;
    let may = |object: i32, schema: &str| {
        let on = Securable::Object(object, schema);
        c.session.acts_as_sysadmin() || engine.has_permission(&c.session.caller(), id, "ALTER", on)
    };
    let taken = |kind: &str| error(15_335, 1, &[new, &kind]);
    let found = content.object_by_name(&schema, &name);
    let (mut def, inner) = match (found, inner) {
        (Some(NamedObject::Table(def)), inner) if may(def.object_id, &def.schema) => ((*def).clone(), inner),
        (Some(NamedObject::Module(module)), None) if may(module.object_id, &module.schema) => {
            if content.object_by_name(&module.schema, new).is_some() {
                return Err(taken("object"));
            }
            return Ok(Found::Module(Rc::new(ModuleDef { name: new.clone(), ..(*module).clone() })));
        }
        // A constraint is an object by its own name.
        (None, None) => return constraint(engine, id, &schema, &name, new, &may).ok_or_else(unknown),
        _ => return Err(unknown()),
    };
    match (kind, inner) {
        ("COLUMN", Some(column)) => {
            let at = def.ordinal(&column).ok_or_else(unknown)?;
            if def.ordinal(new).is_some_and(|other| other != at) {
                return Err(taken("COLUMN"));
            }
            def.columns[at].meta.name = new.clone();
        }
        ("INDEX", Some(index)) => {
            if def.indexes.iter().any(|known| same_name(&known.name, new)) {
                return Err(taken("INDEX"));
            }
            let found = def.indexes.iter_mut().find(|known| same_name(&known.name, &index));
            found.ok_or_else(unknown)?.name = new.clone();
        }
        _ => {
            if content.object_by_name(&def.schema, new).is_some() {
                return Err(taken("object"));
            }
            def.name = new.clone();
        }
    }
    Ok(Found::Table(Box::new(def)))
}

/// A constraint by name, renamed.
fn constraint(
    engine: &Engine,
    id: u32,
    schema: &str,
    name: &str,
    new: &Rc<str>,
    may: &dyn Fn(i32, &str) -> bool,
) -> Option<Found> {
    let tables = engine.database(id)?.content.tables();
    for table in tables.filter(|table| same_name(&table.def.schema, schema)) {
        let mut def = (*table.def).clone();
        let found = def
            .indexes
            .iter_mut()
            .filter(|index| index.kind.is_constraint())
            .map(|index| &mut index.name)
            .chain(def.foreign_keys.iter_mut().map(|key| &mut key.name))
            .chain(def.checks.iter_mut().map(|check| &mut check.name))
            .chain(
                def.columns
                    .iter_mut()
                    .filter_map(|column| column.default.as_mut())
                    .map(|default| &mut default.name),
            )
            .find(|known| same_name(known, name));
        if let Some(found) = found {
            *found = new.clone();
            return may(def.object_id, &def.schema).then(|| Found::Table(Box::new(def)));
        }
    }
    None
}
