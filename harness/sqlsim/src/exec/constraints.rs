//! What a row must satisfy: NOT NULL, CHECK, FOREIGN KEY; defaults and computed columns.

use super::binder::{Binder, Scope};
use super::environment::Environment;
use super::expression::{Ex, Frame};
use super::source::table_columns;
use crate::engine::{Access, DatabaseId, Fault, ForeignKey, Key, ReferentialAction, RowId, Table, TableDef};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql;
use crate::value::{DataType, Row, Value, convert};
use std::rc::Rc;

/// `database.schema.table`.
pub(super) fn full_name(env: &Environment<'_>, database: DatabaseId, def: &TableDef) -> String {
    let engine = env.instance.0.engine.borrow();
    let database = engine.database(database).map_or("", |database| &database.name);
    format!("{database}.{}.{}", def.schema, def.name)
}

/// Defaults of a table's columns, bound.
pub(super) struct Defaults(Vec<Option<(Ex, DataType)>>, Rc<TableDef>);

impl Defaults {
    /// Binds the defaults of the columns that `needed` names.
    pub(super) fn bind(
        env: &Environment<'_>,
        def: &Rc<TableDef>,
        needed: impl Fn(usize) -> bool,
    ) -> SqlResult<Self> {
        let mut bound = Vec::with_capacity(def.columns.len());
        for (at, column) in def.columns.iter().enumerate() {
            bound.push(match column.default.as_ref().filter(|_| needed(at)) {
                None => None,
                Some(default) => {
                    let typed = Binder::new(env).value(&*tsql::expression(&default.text)?)?;
                    Some((typed.ex, typed.data_type))
                }
            });
        }
        Ok(Self(bound, def.clone()))
    }

    /// The default of one column; NULL without one.
    pub(super) fn value(&self, env: &Environment<'_>, at: usize) -> Result<Value, Fault> {
        let Some(Some((ex, from))) = self.0.get(at) else { return Ok(Value::Null) };
        let value = ex.eval(env, &Frame::NONE)?;
        Ok(convert::assign(&value, *from, self.1.columns[at].meta.data_type)?)
    }

    /// A whole row, with defaults where nothing was given.
    pub(super) fn fill(&self, env: &Environment<'_>, given: Vec<Option<Value>>) -> Result<Vec<Value>, Fault> {
        given
            .into_iter()
            .enumerate()
            .map(|(at, value)| value.map_or_else(|| self.value(env, at), Ok))
            .collect()
    }
}

/// CHECK constraints of a table, bound.
pub(super) struct Checks(Vec<(Rc<str>, Option<usize>, Ex)>);

impl Checks {
    /// Binds the enabled checks.
    pub(super) fn bind(env: &Environment<'_>, def: &TableDef) -> SqlResult<Self> {
        let mut bound = Vec::new();
        for check in def.checks.iter().filter(|check| check.is_enabled) {
            let mut binder = Binder::new(env);
            let columns = table_columns(def, &def.name, false).collect();
            binder.scopes.push(Scope { columns, ..Scope::default() });
            bound.push((
                check.name.clone(),
                check.column,
                binder.condition(&*tsql::expression(&check.text)?)?,
            ));
        }
        Ok(Self(bound))
    }

    /// Error 547 when a check is false; UNKNOWN passes.
    pub(super) fn test(
        &self,
        env: &Environment<'_>,
        database: DatabaseId,
        def: &TableDef,
        row: &[Value],
        statement: &str,
    ) -> Result<(), Fault> {
        for (name, column, condition) in &self.0 {
            if condition.test(env, &Frame::of(row, 0, None))? == Some(false) {
                let column = column.and_then(|at| def.columns.get(at)).map(|column| &*column.meta.name);
                return Err(conflict(env, database, def, statement, "CHECK", name, column).into());
            }
        }
        Ok(())
    }
}

fn conflict(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &TableDef,
    statement: &str,
    kind: &str,
    name: &str,
    column: Option<&str>,
) -> crate::SqlError {
    let engine = env.instance.0.engine.borrow();
    let database = engine.database(database).map_or("", |database| &database.name);
    let table = format!("{}.{}", def.schema, def.name);
    let (lead, column, tail) = match column {
        Some(column) => (", column '", column, "'"),
        None => ("", "", ""),
    };
    error(547, 0, &[&statement, &kind, &name, &database, &table, &lead, &column, &tail])
}

/// Error 515 when a column that must have a value has none.
pub(super) fn not_null(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &TableDef,
    row: &[Value],
    statement: &str,
) -> SqlResult<()> {
    for (column, value) in def.columns.iter().zip(row) {
        if value.is_null() && !column.meta.nullable {
            let table = full_name(env, database, def);
            return Err(error(515, 2, &[&column.meta.name, &table, &statement]));
        }
    }
    Ok(())
}

/// Fills the computed columns of a row.
pub(super) fn compute(env: &Environment<'_>, def: &TableDef, row: &mut [Value]) -> Result<(), Fault> {
    for at in 0..def.columns.len() {
        let Some(text) = &def.columns[at].computed else { continue };
        let mut binder = Binder::new(env);
        let columns = table_columns(def, &def.name, false).collect();
        binder.scopes.push(Scope { columns, ..Scope::default() });
        let typed = binder.value(&*tsql::expression(text)?)?;
        let value = typed.ex.eval(env, &Frame::of(row, 0, None))?;
        row[at] = convert::assign(&value, typed.data_type, def.columns[at].meta.data_type)?;
    }
    Ok(())
}

/// The type of a computed column.
pub(super) fn computed_type(env: &Environment<'_>, def: &TableDef, text: &str) -> SqlResult<DataType> {
    let mut binder = Binder::new(env);
    let columns = table_columns(def, &def.name, false).collect();
    binder.scopes.push(Scope { columns, ..Scope::default() });
    Ok(binder.value(&*tsql::expression(text)?)?.data_type)
}

// ---- foreign keys ---------------------------------------------------------------

/// Whether a table has a row with `values` in the columns at `ordinals`.
fn has_row(table: &Table, ordinals: &[usize], values: &[Value]) -> bool {
    matching(table, ordinals, values).next().is_some()
}

/// Rows with `values` in the columns at `ordinals`, by index when one begins with them.
fn matching<'t>(
    table: &'t Table,
    ordinals: &'t [usize],
    values: &'t [Value],
) -> Box<dyn Iterator<Item = (RowId, &'t Row)> + 't> {
    let index = table.def.indexes.iter().position(|index| {
        index.columns.len() >= ordinals.len()
            && index.columns.iter().zip(ordinals).all(|(column, ordinal)| column.ordinal == *ordinal)
    });
    let key = Key::of_values(values);
    if let Some(index) = index {
        let bound = std::ops::Bound::Included(&key);
        let rows: Vec<(RowId, &Row)> = table.entries(index, bound, bound).collect();
        return Box::new(rows.into_iter());
    }
    Box::new(table.rows().filter(move |(_, row)| {
        let own: Vec<Value> = ordinals.iter().map(|at| row[*at].clone()).collect();
        Key::of_values(&own) == key
    }))
}

/// Error 547 when a foreign key of the row points at nothing. `old`: the row before UPDATE.
pub(super) fn foreign_keys(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &TableDef,
    row: &Row,
    old: Option<&Row>,
    statement: &str,
) -> Result<(), Fault> {
    for key in def.foreign_keys.iter().filter(|key| key.is_enabled) {
        let values: Vec<Value> = key.columns.iter().map(|at| row[*at].clone()).collect();
        let unchanged = old.is_some_and(|old| key.columns.iter().all(|at| old[*at] == row[*at]));
        if unchanged || values.iter().any(Value::is_null) {
            continue;
        }
        let referenced = env.open(database, key.referenced_table, Access::Dirty)?;
        let own = key.referenced_table == def.object_id
            && key.columns.iter().zip(&key.referenced_columns).all(|(a, b)| row[*a] == row[*b]);
        if !own && !has_row(&referenced.table, &key.referenced_columns, &values) {
            let target = referenced.table.def.clone();
            let column = match key.referenced_columns.as_slice() {
                [one] => target.columns.get(*one).map(|column| &*column.meta.name),
                _ => None,
            };
            return Err(conflict(env, database, &target, statement, "FOREIGN KEY", &key.name, column).into());
        }
    }
    Ok(())
}

/// Foreign keys that point at a table, with the tables they belong to.
fn pointing_at(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &TableDef,
) -> Vec<(Rc<TableDef>, ForeignKey)> {
    let engine = env.instance.0.engine.borrow();
    let Some(database) = engine.database(database) else { return Vec::new() };
    let mut found = Vec::new();
    for table in database.content.tables() {
        for key in &table.def.foreign_keys {
            if key.referenced_table == def.object_id && key.is_enabled {
                found.push((table.def.clone(), key.clone()));
            }
        }
    }
    found
}

/// Whether any foreign key points at a table.
pub(super) fn is_referenced(env: &Environment<'_>, database: DatabaseId, def: &TableDef) -> bool {
    pointing_at(env, database, def).iter().any(|(table, _)| table.object_id != def.object_id)
}

/// Before DELETE: rows that point at doomed ones follow them, or forbid it.
pub(super) fn before_delete(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &Rc<TableDef>,
    doomed: &[(RowId, Row)],
) -> Result<(), Fault> {
    if doomed.is_empty() {
        return Ok(());
    }
    for (table, key) in pointing_at(env, database, def) {
        let mut followers: Vec<(RowId, Row)> = Vec::new();
        {
            let access = env.open(database, table.object_id, Access::Dirty)?;
            for (_, row) in doomed {
                let values: Vec<Value> = key.referenced_columns.iter().map(|at| row[*at].clone()).collect();
                let found = matching(&access.table, &key.columns, &values).map(|(id, row)| (id, row.clone()));
                let own = table.object_id == def.object_id;
                followers.extend(found.filter(|(id, _)| !own || !doomed.iter().any(|(gone, _)| gone == id)));
            }
        }
        if followers.is_empty() {
            continue;
        }
        if key.on_delete != ReferentialAction::Cascade {
            let column = match key.columns.as_slice() {
                [one] => table.columns.get(*one).map(|column| &*column.meta.name),
                _ => None,
            };
            return Err(conflict(env, database, &table, "DELETE", "REFERENCE", &key.name, column).into());
        }
        super::change::delete_rows(env, database, &table, &followers)?;
    }
    Ok(())
}

/// After the new rows of UPDATE are known: keys that others point at must stay. Pairs are (new, old).
pub(super) fn referenced(
    env: &Environment<'_>,
    database: DatabaseId,
    def: &TableDef,
    pairs: &[(Row, Row)],
    statement: &str,
) -> Result<(), Fault> {
    if pairs.is_empty() {
        return Ok(());
    }
    for (table, key) in pointing_at(env, database, def) {
        for (new, old) in pairs {
            if key.referenced_columns.iter().all(|at| new[*at] == old[*at]) {
                continue;
            }
            let values: Vec<Value> = key.referenced_columns.iter().map(|at| old[*at].clone()).collect();
            let access = env.open(database, table.object_id, Access::Dirty)?;
            if has_row(&access.table, &key.columns, &values) {
                return Err(conflict(env, database, &table, statement, "REFERENCE", &key.name, None).into());
            }
        }
    }
    Ok(())
}
