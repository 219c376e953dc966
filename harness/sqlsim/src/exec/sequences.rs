//! CREATE and ALTER SEQUENCE, NEXT VALUE FOR.

use super::binder::Binder;
use super::ddl::{place, transaction};
use super::environment::Environment;
use super::expression::{Ex, Typed};
use crate::engine::sequence::Sequence;
use crate::engine::{DatabaseId, Fault, ModuleDef, ModuleKind, NamedObject, ObjectId};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{CreateSequence, ObjectName, SequenceOption};
use crate::value::{DataType, Value};
use std::rc::Rc;

/// CREATE SEQUENCE and ALTER SEQUENCE.
pub(super) fn define(env: &Environment<'_>, statement: &CreateSequence) -> Result<(), Fault> {
    let name = &statement.name;
    let (database, schema) = place(env, name)?;
    let before =
        find(env, database, &ObjectName { database: None, schema: Some(schema.clone()), ..name.clone() });
    let known = match (statement.alter, &before) {
        (true, None) => return Err(error(15_151, 1, &[&"alter", &"sequence object", name]).into()),
        (true, Some((_, module))) => Sequence::read(&module.text),
        (false, _) => None,
    };
    let data_type = known.map_or(statement.data_type.unwrap_or(DataType::BigInt), |known| known.data_type);
    let Some((lowest, highest)) = Sequence::range(data_type) else {
        return Err(error(11_702, 1, &[name]).into());
    };
    let (mut start, mut restart) = (None, None);
    let mut made = known.unwrap_or(Sequence {
        data_type,
        start: 0,
        increment: 1,
        minimum: lowest,
        maximum: highest,
        cycles: false,
        last: 0,
        next: None,
    });
    for option in &statement.options {
        match *option {
            SequenceOption::Start(n) => start = Some(n),
            SequenceOption::Restart(n) => restart = Some(n),
            SequenceOption::Increment(n) => made.increment = n,
            SequenceOption::Minimum(n) => made.minimum = n.unwrap_or(lowest),
            SequenceOption::Maximum(n) => made.maximum = n.unwrap_or(highest),
            SequenceOption::Cycle(cycles) => made.cycles = cycles,
        }
    }
    if made.increment == 0 {
        return Err(error(11_700, 1, &[name]).into());
    }
    if made.minimum >= made.maximum {
        return Err(error(11_705, 1, &[name]).into());
    }
    if known.is_none() {
        made.start = start.unwrap_or(if made.increment > 0 { made.minimum } else { made.maximum });
        made.next = Some(made.start);
        made.last = made.start;
    }
    if let Some(restart) = restart {
        made.next = Some(restart.unwrap_or(made.start));
        made.start = restart.unwrap_or(made.start);
        made.last = made.start;
    }
    let range = made.minimum..=made.maximum;
    if range.contains(&lowest) && !(lowest..=highest).contains(&made.maximum)
        || !range.contains(&made.start)
        || made.minimum < lowest
    {
        return Err(error(11_703, 1, &[name]).into());
    }
    let def = ModuleDef {
        object_id: 0,
        schema,
        name: name.name.clone(),
        kind: ModuleKind::Sequence,
        text: made.text().into(),
        parent: 0,
        created: env.now,
        modified: env.now,
    };
    env.instance.0.engine.borrow_mut().put_module(transaction(env), database, def, statement.alter)?;
    Ok(())
}

fn find(
    env: &Environment<'_>,
    database: DatabaseId,
    name: &ObjectName,
) -> Option<(DatabaseId, Rc<ModuleDef>)> {
    let engine = env.instance.0.engine.borrow();
    let database = match &name.database {
        Some(other) => engine.database_id(other)?,
        None => database,
    };
    let content = &engine.database(database)?.content;
    match content.object_by_name(name.schema.as_deref().unwrap_or("dbo"), &name.name)? {
        NamedObject::Module(module) if module.kind == ModuleKind::Sequence => Some((database, module)),
        _ => None,
    }
}

impl Binder<'_, '_> {
    /// Binds NEXT VALUE FOR.
    pub(super) fn next_value(&mut self, name: &ObjectName) -> SqlResult<Typed> {
        let (database, module) = find(self.env, self.database, name).ok_or_else(|| error(208, 1, &[name]))?;
        let sequence = Sequence::read(&module.text).ok_or_else(|| error(208, 1, &[name]))?;
        let (id, schema) = (module.object_id, module.schema.clone());
        let object = super::permissions::Object { database, id, schema, name: module.name.clone() };
        let engine = self.env.instance.0.engine.borrow();
        super::permissions::check(&engine, self.env.session, self.chain, &object, "UPDATE")?;
        let ex = Ex::NextValue(database, module.object_id);
        Ok(Typed { ex, data_type: sequence.data_type, nullable: false })
    }
}

/// Hands out the next number, in a transaction of its own.
pub(super) fn next(env: &Environment<'_>, database: DatabaseId, id: ObjectId) -> Result<Value, Fault> {
    let mut engine = env.instance.0.engine.borrow_mut();
    let found = engine.database(database).and_then(|found| found.content.module(id)).cloned();
    let sequence = found.as_ref().and_then(|module| Sequence::read(&module.text));
    let (Some(module), Some(mut sequence)) = (found, sequence) else {
        return Err(error(208, 1, &[&id]).into());
    };
    let number = sequence.take().ok_or_else(|| error(11_728, 1, &[&module.name]))?;
    let own = engine.begin(env.session.id);
    let changed = ModuleDef { text: sequence.text().into(), ..(*module).clone() };
    if let Err(fault) = engine.put_module(own, database, changed, true) {
        engine.rollback(own);
        return Err(fault);
    }
    let _ = engine.commit(own);
    Ok(sequence.value(number))
}
