//! CREATE and ALTER TABLE, temporary tables, table variables.

use super::constraints;
use super::dml::{Outcome, named_columns};
use super::environment::{Environment, TableVariable};
use super::objects::{create_index, create_module, create_schema, drop_index, drop_object};
use super::run::Activation;
use super::source::{Found, column_ordinal, resolve};
use super::state::TemporaryTable;
use crate::engine::{
    Check, Column, DatabaseId, DefaultDef, Fault, ForeignKey, Identity, IndexColumn, IndexDef, IndexKind,
    ReferentialAction, TEMPDB, TableDef, TransactionId, same_name,
};
use crate::error::SqlResult;
use crate::instance::Instance;
use crate::messages::error;
use crate::session::Session;
use crate::tsql::ast::{
    AlterTable, ColumnDefinition, Constraint, ConstraintKind, CreateTable, ObjectName, StatementKind,
    TableDefinition,
};
use crate::value::{ColumnMeta, Row, Value, convert};
use std::rc::Rc;

/// Runs a definition statement.
pub(super) fn run(env: &Environment<'_>, statement: &StatementKind, level: u32) -> Result<Outcome, Fault> {
    match statement {
        StatementKind::CreateTable(create) => create_table(env, create, level)?,
        StatementKind::AlterTable(name, action) => alter_table(env, name, action)?,
        StatementKind::Drop { kind, if_exists, names } => {
            for name in names {
                drop_object(env, *kind, *if_exists, name)?;
            }
        }
        StatementKind::CreateIndex(create) => create_index(env, create)?,
        StatementKind::DropIndex { index, table, if_exists } => drop_index(env, index, table, *if_exists)?,
        StatementKind::CreateModule(create) => create_module(env, create)?,
        StatementKind::CreateSchema(name, owner) => create_schema(env, name, owner.as_ref())?,
        StatementKind::CreateType { name, base, nullable } => {
            super::synonyms::create_type(env, name, *base, *nullable)?;
        }
        StatementKind::CreateSynonym { name, base } => super::synonyms::create(env, name, base)?,
        StatementKind::Sequence(sequence) => super::sequences::define(env, sequence)?,
        _ => return Err(error(40_510, 1, &[&"this statement"]).into()),
    }
    Ok(Outcome::default())
}

/// UPDATE STATISTICS, ALTER INDEX … REBUILD: there are no statistics and no pages out of order.
pub(super) fn maintain(env: &Environment<'_>, name: &ObjectName, missing: i32) -> Result<Outcome, Fault> {
    match super::source::resolve(env, env.database, name) {
        Ok((_, super::source::Found::Table(_))) => Ok(Outcome::default()),
        Err(other) if other.number != 208 => Err(other.into()),
        _ if missing == 2706 => Err(error(2706, 6, &[&name.name]).into()),
        _ => Err(error(1088, 9, &[name]).into()),
    }
}

pub(super) fn transaction(env: &Environment<'_>) -> TransactionId {
    env.transaction.unwrap_or(TransactionId(0))
}

/// Database and schema in which a new object is made.
pub(super) fn place(env: &Environment<'_>, name: &ObjectName) -> SqlResult<(DatabaseId, Rc<str>)> {
    if name.server.is_some() {
        return Err(error(117, 1, &[&"object", &"prefixes", &2]));
    }
    let database = match &name.database {
        Some(database) => env.open_database(database)?,
        None => env.database,
    };
    let schema: Rc<str> = name.schema.clone().unwrap_or_else(|| "dbo".into());
    let engine = env.instance.0.engine.borrow();
    let known = engine.database(database).is_some_and(|db| db.content.schema_by_name(&schema).is_some());
    if known { Ok((database, schema)) } else { Err(error(2760, 1, &[&schema])) }
}

pub(super) fn create_table(env: &Environment<'_>, create: &CreateTable, level: u32) -> Result<(), Fault> {
    let name = &create.name;
    if name.name.starts_with('#') {
        let real_name = temporary_name(env, &name.name, level)?;
        let def = table_def(env, TEMPDB, "dbo".into(), real_name.clone(), &create.definition)?;
        env.instance.0.engine.borrow_mut().create_table(transaction(env), TEMPDB, def)?;
        remember_temporary(env, &name.name, real_name, level);
        return Ok(());
    }
    let (database, schema) = place(env, name)?;
    let def = table_def(env, database, schema, name.name.clone(), &create.definition)?;
    env.instance.0.engine.borrow_mut().create_table(transaction(env), database, def)?;
    Ok(())
}

pub(super) fn temporary_name(env: &Environment<'_>, name: &Rc<str>, level: u32) -> SqlResult<Rc<str>> {
    let state = env.state();
    if state.temporary.iter().any(|table| same_name(&table.name, name) && table.level == level) {
        return Err(error(2714, 6, &[name]));
    }
    if name.starts_with("##") {
        return Ok(name.clone());
    }
    Ok(format!("{name}_{:_>12}{:04}{:04}", "", env.session.id, state.temporary.len()).into())
}

pub(super) fn remember_temporary(env: &Environment<'_>, name: &Rc<str>, real_name: Rc<str>, level: u32) {
    // A global one lives as long as the session that made it.
    let level = if name.starts_with("##") { 0 } else { level };
    let mut state = env.session.exec.borrow_mut();
    state.temporary.push(TemporaryTable { name: name.clone(), real_name, level });
}

/// Drops the temporary tables that level `level` (and deeper) made.
pub(super) fn drop_temporary(instance: &Instance, session: &Rc<Session>, level: u32) {
    let gone: Vec<TemporaryTable> = {
        let mut state = session.exec.borrow_mut();
        if state.temporary.iter().all(|table| table.level < level) {
            return;
        }
        let (kept, gone) =
            std::mem::take(&mut state.temporary).into_iter().partition(|table| table.level < level);
        state.temporary = kept;
        gone
    };
    let mut engine = instance.0.engine.borrow_mut();
    for table in gone {
        let found = engine.database(TEMPDB).and_then(|db| db.content.table_by_name("dbo", &table.real_name));
        let Some(id) = found.map(|table| table.def.object_id) else { continue };
        let transaction = engine.begin(session.id);
        if engine.drop_table(transaction, TEMPDB, id).is_ok() {
            let _ = engine.commit(transaction);
        } else {
            engine.rollback(transaction);
        }
    }
}

/// A table's definition from CREATE TABLE.
pub(super) fn table_def(
    env: &Environment<'_>,
    database: DatabaseId,
    schema: Rc<str>,
    name: Rc<str>,
    written: &TableDefinition,
) -> SqlResult<TableDef> {
    let mut def = TableDef::new(&schema, &name, Vec::new());
    for column in &written.columns {
        if def.ordinal(&column.name).is_some() {
            return Err(error(2705, 3, &[&column.name, &name]));
        }
        let made = column_def(column);
        if made.identity.is_some() && def.identity_ordinal().is_some() {
            return Err(error(2744, 1, &[&name]));
        }
        def.columns.push(made);
    }
    for constraint in &written.constraints {
        add_constraint(env, database, &mut def, constraint)?;
    }
    settle_computed(env, &mut def)?;
    // Expressions are checked when the table is made.
    let shared = Rc::new(def);
    constraints::Checks::bind(env, &shared)?;
    constraints::Defaults::bind(env, &shared, |_| true)?;
    Ok(Rc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone()))
}

pub(super) fn settle_computed(env: &Environment<'_>, def: &mut TableDef) -> SqlResult<()> {
    for at in 0..def.columns.len() {
        if let Some(text) = def.columns[at].computed.clone() {
            def.columns[at].meta.data_type = constraints::computed_type(env, def, &text)?;
            def.columns[at].meta.nullable = true;
        }
    }
    Ok(())
}

pub(super) fn column_def(written: &ColumnDefinition) -> Column {
    let nullable = written.nullable.unwrap_or(written.identity.is_none());
    let mut column = Column::new(&written.name, written.data_type, nullable && written.identity.is_none());
    if let Some((seed, increment)) = written.identity {
        column.meta.identity = true;
        column.identity = Some(Identity { seed, increment });
    }
    if let Some((name, text)) = &written.default {
        column.default = Some(DefaultDef {
            object_id: 0,
            name: name.clone().unwrap_or_else(|| "".into()),
            text: text.clone(),
            is_system_named: name.is_none(),
        });
    }
    column.computed.clone_from(&written.computed);
    column
}

pub(super) fn add_constraint(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &mut TableDef,
    constraint: &Constraint,
) -> SqlResult<()> {
    let name = constraint.name.clone().unwrap_or_else(|| "".into());
    let is_system_named = constraint.name.is_none();
    match &constraint.kind {
        ConstraintKind::Key { primary, clustered, columns } => {
            if *primary && def.primary_key().is_some() {
                return Err(error(1779, 0, &[&def.name]));
            }
            let mut keys = Vec::new();
            for (column, descending) in columns {
                let ordinal = def.ordinal(column).ok_or_else(|| error(1911, 1, &[column]))?;
                if *primary {
                    def.columns[ordinal].meta.nullable = false;
                }
                keys.push(IndexColumn { ordinal, descending: *descending });
            }
            let has_clustered = def.indexes.iter().any(|index| index.is_clustered);
            let is_clustered = clustered.unwrap_or(*primary) && !has_clustered;
            def.indexes.push(IndexDef {
                index_id: if is_clustered { 1 } else { next_index_id(def) },
                object_id: 0,
                name,
                kind: if *primary { IndexKind::PrimaryKey } else { IndexKind::UniqueConstraint },
                is_clustered,
                columns: keys,
                included: Vec::new(),
                filter: None,
                is_system_named,
            });
        }
        ConstraintKind::Foreign { columns, table, references, cascade_delete } => {
            let key = foreign_key(env, database, def, columns, table, references)?;
            def.foreign_keys.push(ForeignKey {
                name,
                on_delete: if *cascade_delete {
                    ReferentialAction::Cascade
                } else {
                    ReferentialAction::NoAction
                },
                ..key
            });
        }
        ConstraintKind::Check(text) => {
            def.checks.push(Check { object_id: 0, name, text: text.clone(), column: None, is_enabled: true })
        }
        ConstraintKind::Default(text, column) => {
            let ordinal = column_ordinal(def, column)?;
            if def.columns[ordinal].default.is_some() {
                return Err(error(1781, 1, &[]));
            }
            def.columns[ordinal].default =
                Some(DefaultDef { object_id: 0, name, text: text.clone(), is_system_named });
        }
    }
    Ok(())
}

pub(super) fn next_index_id(def: &TableDef) -> i32 {
    def.indexes.iter().map(|index| index.index_id).max().unwrap_or(1).max(1) + 1
}

pub(super) fn foreign_key(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &TableDef,
    columns: &[Rc<str>],
    table: &ObjectName,
    references: &[Rc<str>],
) -> SqlResult<ForeignKey> {
    let own = same_name(&table.name, &def.name);
    let referenced = if own {
        Rc::new(def.clone())
    } else {
        match resolve(env, database, table) {
            Ok((_, Found::Table(found))) => found,
            _ => return Err(error(1767, 0, &[&"", table])),
        }
    };
    let mut ordinals = Vec::new();
    for column in columns {
        ordinals.push(column_ordinal(def, column)?);
    }
    let mut referenced_columns = Vec::new();
    if references.is_empty() {
        let key = referenced.primary_key().ok_or_else(|| error(1773, 0, &[&"", table]))?;
        referenced_columns.extend(key.columns.iter().map(|column| column.ordinal));
    }
    for column in references {
        referenced_columns.push(column_ordinal(&referenced, column)?);
    }
    let is_key = referenced.indexes.iter().any(|index| {
        let keys: Vec<usize> = index.columns.iter().map(|column| column.ordinal).collect();
        index.kind.is_unique()
            && keys.len() == referenced_columns.len()
            && referenced_columns.iter().all(|column| keys.contains(column))
    });
    if !is_key || ordinals.len() != referenced_columns.len() {
        return Err(error(1776, 0, &[&referenced.name, &""]));
    }
    Ok(ForeignKey {
        object_id: 0,
        name: "".into(),
        columns: ordinals,
        referenced_table: referenced.object_id,
        referenced_columns,
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
        is_enabled: true,
    })
}

/// The table of SELECT … INTO.
pub(super) fn into_table(
    env: &Environment<'_>,
    name: &ObjectName,
    columns: &[ColumnMeta],
    level: u32,
) -> SqlResult<(DatabaseId, TableDef)> {
    let mut made = named_columns(columns, &name.name)?;
    for (column, source) in made.iter_mut().zip(columns) {
        if source.identity {
            column.meta.identity = true;
            column.identity = Some(Identity { seed: 1, increment: 1 });
        }
    }
    if name.name.starts_with('#') {
        let real_name = temporary_name(env, &name.name, level)?;
        remember_temporary(env, &name.name, real_name.clone(), level);
        return Ok((TEMPDB, TableDef::new("dbo", &real_name, made)));
    }
    let (database, schema) = place(env, name)?;
    Ok((database, TableDef::new(&schema, &name.name, made)))
}

/// DECLARE @t TABLE: an empty one each time it is reached.
pub(super) fn declare_table(activation: &mut Activation, slot: usize) -> SqlResult<()> {
    let Some(declaration) = activation.program.variables.get(slot).cloned() else { return Ok(()) };
    let Some(written) = &declaration.table else { return Ok(()) };
    let mut def = TableDef::new("dbo", &declaration.name, Vec::new());
    for column in &written.columns {
        def.columns.push(column_def(column));
    }
    for constraint in &written.constraints {
        let ConstraintKind::Key { primary, columns, .. } = &constraint.kind else { continue };
        let mut keys = Vec::new();
        for (column, descending) in columns {
            let ordinal = column_ordinal(&def, column)?;
            if *primary {
                def.columns[ordinal].meta.nullable = false;
            }
            keys.push(IndexColumn { ordinal, descending: *descending });
        }
        def.indexes.push(IndexDef {
            index_id: next_index_id(&def),
            object_id: 0,
            name: "PK_variable".into(),
            kind: if *primary { IndexKind::PrimaryKey } else { IndexKind::UniqueConstraint },
            is_clustered: false,
            columns: keys,
            included: Vec::new(),
            filter: None,
            is_system_named: true,
        });
    }
    for constraint in &written.constraints {
        if let ConstraintKind::Check(text) = &constraint.kind {
            let name = "CK_variable".into();
            def.checks.push(Check { object_id: 0, name, text: text.clone(), column: None, is_enabled: true });
        }
    }
    let seed = def.columns.iter().find_map(|column| column.identity).map_or(1, |identity| identity.seed);
    let variable = TableVariable { slot, def: Rc::new(def), rows: Vec::new(), next_identity: seed };
    let mut tables = activation.tables.borrow_mut();
    tables.retain(|known| known.slot != slot);
    tables.push(variable);
    Ok(())
}

pub(super) fn alter_table(
    env: &Environment<'_>,
    name: &ObjectName,
    action: &AlterTable,
) -> Result<(), Fault> {
    let Ok((database, Found::Table(before))) = resolve(env, env.database, name) else {
        return Err(error(4902, 1, &[name]).into());
    };
    let mut def = (*before).clone();
    let rows = match action {
        AlterTable::Add(added) => add_to_table(env, database, &mut def, added)?,
        AlterTable::DropConstraints(names) => {
            for name in names {
                drop_constraint(&mut def, name)?;
            }
            None
        }
        AlterTable::DropColumns(names) => drop_columns(env, database, &mut def, names)?,
        AlterTable::AlterColumn(column) => alter_column(env, database, &mut def, column)?,
        AlterTable::Unsupported(what) => return Err(error(40_510, 1, &[what]).into()),
    };
    env.instance.0.engine.borrow_mut().alter_table(transaction(env), database, def, rows)?;
    Ok(())
}

pub(super) type NewRows = Option<Vec<(crate::engine::RowId, Row)>>;

/// All rows of a table, changed by `change`.
pub(super) fn changed_rows(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &TableDef,
    change: impl Fn(&Row) -> Result<Row, Fault>,
) -> Result<NewRows, Fault> {
    let access = env.open(database, def.object_id, crate::engine::Access::Exclusive)?;
    let mut rows = Vec::with_capacity(access.table.len());
    for (id, row) in access.table.rows() {
        rows.push((id, change(row)?));
    }
    Ok(Some(rows))
}

pub(super) fn add_to_table(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &mut TableDef,
    added: &TableDefinition,
) -> Result<NewRows, Fault> {
    let before = def.columns.len();
    for column in &added.columns {
        if def.ordinal(&column.name).is_some() {
            return Err(error(2705, 4, &[&column.name, &def.name]).into());
        }
        let mut made = column_def(column);
        made.column_id = def.columns.iter().map(|column| column.column_id).max().unwrap_or(0) + 1;
        def.columns.push(made);
    }
    for constraint in &added.constraints {
        add_constraint(env, database, def, constraint)?;
    }
    settle_computed(env, def)?;
    let shared = Rc::new(def.clone());
    let checks = constraints::Checks::bind(env, &shared)?;
    let defaults = constraints::Defaults::bind(env, &shared, |_| true)?;
    let rows = changed_rows(env, database, def, |row| {
        let mut new = row.to_vec();
        for at in before..shared.columns.len() {
            let fills = !shared.columns[at].meta.nullable;
            new.push(if fills { defaults.value(env, at)? } else { Value::Null });
        }
        constraints::compute(env, &shared, &mut new)?;
        constraints::not_null(env, database, &shared, &new, "ALTER TABLE")?;
        checks.test(env, database, &shared, &new, "ALTER TABLE")?;
        let new: Row = new.into();
        constraints::foreign_keys(env, database, &shared, &new, None, "ALTER TABLE")?;
        Ok(new)
    })?;
    Ok(if added.columns.is_empty() { None } else { rows })
}

pub(super) fn drop_constraint(def: &mut TableDef, name: &Rc<str>) -> SqlResult<()> {
    let before = (def.indexes.len(), def.foreign_keys.len(), def.checks.len());
    def.indexes.retain(|index| !(index.kind.is_constraint() && same_name(&index.name, name)));
    def.foreign_keys.retain(|key| !same_name(&key.name, name));
    def.checks.retain(|check| !same_name(&check.name, name));
    let mut found = before != (def.indexes.len(), def.foreign_keys.len(), def.checks.len());
    for column in &mut def.columns {
        if column.default.as_ref().is_some_and(|default| same_name(&default.name, name)) {
            column.default = None;
            found = true;
        }
    }
    if found { Ok(()) } else { Err(error(3728, 1, &[name])) }
}

pub(super) fn drop_columns(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &mut TableDef,
    names: &[Rc<str>],
) -> Result<NewRows, Fault> {
    let mut rows: NewRows = None;
    for name in names {
        let at = def.ordinal(name).ok_or_else(|| error(4924, 1, &[&"DROP COLUMN", name, &def.name]))?;
        let in_index =
            def.indexes.iter().find(|index| index.columns.iter().any(|column| column.ordinal == at));
        let in_key = def.foreign_keys.iter().any(|key| key.columns.contains(&at));
        if in_index.is_some() || in_key || def.columns[at].default.is_some() {
            return Err(error(5074, 1, &[&"object", &in_index.map_or("", |index| &index.name), name]).into());
        }
        let cut = |row: &Row| -> Row {
            row.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, value)| value.clone()).collect()
        };
        rows = match rows {
            None => changed_rows(env, database, def, |row| Ok(cut(row)))?,
            Some(rows) => Some(rows.into_iter().map(|(id, row)| (id, cut(&row))).collect()),
        };
        def.columns.remove(at);
        let moved = |ordinal: &mut usize| *ordinal -= usize::from(*ordinal > at);
        for index in &mut def.indexes {
            index.columns.iter_mut().for_each(|column| moved(&mut column.ordinal));
            index.included.iter_mut().for_each(moved);
        }
        for key in &mut def.foreign_keys {
            key.columns.iter_mut().for_each(moved);
        }
    }
    Ok(rows)
}

pub(super) fn alter_column(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &mut TableDef,
    written: &ColumnDefinition,
) -> Result<NewRows, Fault> {
    let at = def
        .ordinal(&written.name)
        .ok_or_else(|| error(4924, 1, &[&"ALTER COLUMN", &written.name, &def.name]))?;
    let from = def.columns[at].meta.data_type;
    let to = written.data_type;
    def.columns[at].meta.data_type = to;
    def.columns[at].meta.nullable = written.nullable.unwrap_or(true);
    let shared = Rc::new(def.clone());
    changed_rows(env, database, def, |row| {
        let mut new = row.to_vec();
        new[at] = convert::assign(&row[at], from, to)?;
        constraints::not_null(env, database, &shared, &new, "UPDATE")?;
        Ok(new.into())
    })
}
