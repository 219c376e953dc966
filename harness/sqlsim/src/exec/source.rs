//! FROM: tables, views, derived tables, functions and joins, bound and read.

use super::binder::{Binder, Scope, ScopeColumn};
use super::environment::Environment;
use super::expression::{Ex, Frame, convert_ex, eval_all};
use super::query::CompiledQuery;
use crate::catalog;
use crate::engine::{
    Access, DatabaseId, Fault, Key, LockMode, NamedObject, ObjectId, Table, TableDef, same_name,
};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Comparison, Expr, JoinKind, ObjectKind, ObjectName, TableSource};
use crate::tsql::{self, Module};
use crate::value::{ColumnMeta, DataType, Row, Value};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

/// How deep views may stand on views.
const EXPANSION_MAX: u32 = 32;

/// The table that UPDATE or DELETE changes: its rows carry their id behind their columns.
#[derive(Clone, Debug)]
pub(super) struct ChangeTarget {
    pub(super) name: ObjectName,
    /// Set when the table was met.
    pub(super) found: Option<FoundTarget>,
}

/// Where the target's columns lie in the joined rows.
#[derive(Clone, Debug)]
pub(super) struct FoundTarget {
    pub(super) database: DatabaseId,
    pub(super) def: Rc<TableDef>,
    pub(super) base: usize,
}

/// Something that gives rows.
pub(super) enum Node {
    /// One row without columns.
    Nothing,
    /// A table.
    Table(Box<TableNode>),
    /// A system view.
    View(&'static catalog::View, DatabaseId),
    /// A table variable.
    Variable(usize),
    /// A query; whether it sees the row on its left (APPLY).
    Query(Rc<CompiledQuery>, bool),
    /// A function that gives rows.
    Function(super::table_functions::TableFunction, Vec<Ex>),
    /// A join.
    Join(Box<JoinNode>),
}

/// A table, how it is looked up, and what its rows must satisfy.
pub(super) struct TableNode {
    pub(super) database: DatabaseId,
    pub(super) table: ObjectId,
    pub(super) access: Access,
    pub(super) base: usize,
    pub(super) filters: Vec<Ex>,
    pub(super) seek: Option<Seek>,
    pub(super) lock: Option<LockMode>,
    pub(super) with_row_id: bool,
    /// Index whose order the rows come in.
    pub(super) clustered: Option<usize>,
    def: Rc<TableDef>,
}

/// A look-up in an index: equal on a prefix, then perhaps a range.
pub(super) struct Seek {
    index: usize,
    equal: Vec<Ex>,
    /// Bounds take in their own key: the filter decides about it.
    low: Option<Ex>,
    high: Option<Ex>,
}

/// A join.
pub(super) struct JoinNode {
    kind: JoinKind,
    left: Node,
    right: Node,
    left_width: usize,
    right_width: usize,
    left_base: usize,
    right_base: usize,
    on: Vec<Ex>,
    /// Keys on both sides for a hash join.
    keys: Option<(Vec<Ex>, Vec<Ex>)>,
}

impl Binder<'_, '_> {
    /// Binds FROM. The columns go into the last scope.
    pub(super) fn bind_sources(&mut self, sources: &[TableSource]) -> SqlResult<Node> {
        let mut node = Node::Nothing;
        let mut width = 0;
        for (i, source) in sources.iter().enumerate() {
            let right_base = self.width();
            let right = self.source(source)?;
            let right_width = self.width() - right_base;
            node = if i == 0 {
                right
            } else {
                Node::Join(Box::new(JoinNode {
                    kind: JoinKind::Cross,
                    left: node,
                    right,
                    left_width: width,
                    right_width,
                    left_base: right_base - width,
                    right_base,
                    on: Vec::new(),
                    keys: None,
                }))
            };
            width += right_width;
        }
        Ok(node)
    }

    fn width(&self) -> usize {
        self.scopes.last().map_or(0, |scope| scope.columns.len())
    }

    fn add_columns(&mut self, columns: impl IntoIterator<Item = ScopeColumn>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.columns.extend(columns);
        }
    }

    fn source(&mut self, source: &TableSource) -> SqlResult<Node> {
        match source {
            TableSource::Named { name, alias, hints } => self.named(name, alias.as_ref(), hints),
            TableSource::Variable { slot, alias } => {
                let name = self.env.declarations[*slot].name.clone();
                let known =
                    self.env.table_variables.borrow().iter().find(|v| v.slot == *slot).map(|v| v.def.clone());
                let Some(def) = known else { return Err(error(1087, 1, &[&name])) };
                self.add_columns(table_columns(&def, alias.as_ref().unwrap_or(&name), false));
                Ok(Node::Variable(*slot))
            }
            TableSource::Derived { query, alias, columns } => {
                let compiled = self.apart(|binder| binder.subquery(query))?;
                self.add_query_columns(&compiled, alias, columns)?;
                Ok(Node::Query(compiled, false))
            }
            TableSource::Function { name, arguments, alias, columns } => {
                self.function_source(name, arguments, alias.as_ref(), columns)
            }
            TableSource::Join { kind, left, right, on } => self.join(*kind, left, right, on.as_ref()),
        }
    }

    /// Binds a derived table: it does not see its neighbours, but what is around the query.
    fn apart<T>(&mut self, bind: impl FnOnce(&mut Self) -> SqlResult<T>) -> SqlResult<T> {
        let own = self.scopes.pop();
        self.scopes.push(Scope::default());
        let target = self.change_target.take();
        let bound = bind(self);
        self.change_target = target;
        self.scopes.pop();
        self.scopes.extend(own);
        bound
    }

    fn add_query_columns(
        &mut self,
        query: &CompiledQuery,
        alias: &Rc<str>,
        names: &[Rc<str>],
    ) -> SqlResult<()> {
        if !names.is_empty() && names.len() != query.columns.len() {
            let number = if names.len() < query.columns.len() { 8158 } else { 8159 };
            return Err(error(number, 1, &[alias]));
        }
        let mut columns = Vec::with_capacity(query.columns.len());
        for (i, column) in query.columns.iter().enumerate() {
            let name = names.get(i).unwrap_or(&column.name).clone();
            if name.is_empty() {
                return Err(error(8155, 2, &[&(i + 1), alias]));
            }
            columns.push(scope_column(column, alias, name));
        }
        self.add_columns(columns);
        Ok(())
    }

    fn join(
        &mut self,
        kind: JoinKind,
        left: &TableSource,
        right: &TableSource,
        on: Option<&Expr>,
    ) -> SqlResult<Node> {
        let left_base = self.width();
        let left = self.source(left)?;
        let right_base = self.width();
        let mut right = if matches!(kind, JoinKind::CrossApply | JoinKind::OuterApply) {
            self.applied(right)?
        } else {
            self.source(right)?
        };
        let end = self.width();
        if let Some(scope) = self.scopes.last_mut() {
            let nullable = match kind {
                JoinKind::Left | JoinKind::OuterApply => right_base..end,
                JoinKind::Right => left_base..right_base,
                JoinKind::Full => left_base..end,
                _ => 0..0,
            };
            for column in &mut scope.columns[nullable] {
                column.nullable = true;
            }
        }
        let mut conditions = Vec::new();
        if let Some(on) = on {
            self.conjuncts(on, &mut conditions)?;
        }
        let mut keys = None;
        if matches!(kind, JoinKind::Inner | JoinKind::Left) {
            conditions = push_filters(&mut right, conditions, right_base..end, left_base);
        }
        let seeks = matches!(&right, Node::Table(table) if table.seek.is_some());
        if !seeks {
            keys = self.hash_keys(&conditions, left_base..right_base, right_base..end);
        }
        Ok(Node::Join(Box::new(JoinNode {
            kind,
            left,
            right,
            left_width: right_base - left_base,
            right_width: end - right_base,
            left_base,
            right_base,
            on: conditions,
            keys,
        })))
    }

    /// The right side of APPLY sees the left side's row as the row around it.
    fn applied(&mut self, right: &TableSource) -> SqlResult<Node> {
        match right {
            TableSource::Derived { query, alias, columns } => {
                let target = self.change_target.take();
                let compiled = self.subquery(query);
                self.change_target = target;
                let compiled = compiled?;
                self.add_query_columns(&compiled, alias, columns)?;
                Ok(Node::Query(compiled, true))
            }
            other => self.source(other),
        }
    }

    /// Splits a condition at its ANDs and binds the parts.
    pub(super) fn conjuncts(&mut self, condition: &Expr, into: &mut Vec<Ex>) -> SqlResult<()> {
        if let Expr::And(left, right) = condition {
            self.conjuncts(left, into)?;
            return self.conjuncts(right, into);
        }
        into.push(self.condition(condition)?);
        Ok(())
    }

    /// Pairs of expressions, one of each side, that must be equal.
    fn hash_keys(
        &self,
        conditions: &[Ex],
        left: std::ops::Range<usize>,
        right: std::ops::Range<usize>,
    ) -> Option<(Vec<Ex>, Vec<Ex>)> {
        let mut keys = (Vec::new(), Vec::new());
        for condition in conditions {
            let Ex::Compare(Comparison::Equal, a, b) = condition else { continue };
            let (Ex::Column { depth: 0, ordinal: a }, Ex::Column { depth: 0, ordinal: b }) = (&**a, &**b)
            else {
                continue;
            };
            let (l, r) = match () {
                () if left.contains(a) && right.contains(b) => (*a, *b),
                () if left.contains(b) && right.contains(a) => (*b, *a),
                () => continue,
            };
            let columns = &self.scopes.last()?.columns;
            if std::mem::discriminant(&columns[l].data_type) != std::mem::discriminant(&columns[r].data_type)
            {
                continue;
            }
            keys.0.push(Ex::Column { depth: 0, ordinal: l });
            keys.1.push(Ex::Column { depth: 0, ordinal: r });
        }
        (!keys.0.is_empty()).then_some(keys)
    }

    // ---- names ------------------------------------------------------------

    fn named(&mut self, name: &ObjectName, alias: Option<&Rc<str>>, hints: &[Rc<str>]) -> SqlResult<Node> {
        if name.server.is_some() {
            return Err(error(40_510, 1, &[&"linked server"]));
        }
        let visible = self.tables.iter().rposition(|visible| same_name(&visible.table.name, &name.name));
        if let (Some(at), None, None) = (visible, &name.schema, &name.database) {
            return self.common_table(at, alias);
        }
        let (database, found) = resolve(self.env, self.database, name)?;
        match found {
            Found::Table(def) => Ok(self.table_node(database, &def, name, alias, hints)),
            Found::System(view) => {
                let source = alias.unwrap_or(&name.name).clone();
                let columns = view.columns();
                let schema = name.schema.clone();
                self.add_columns(columns.iter().map(|column| ScopeColumn {
                    schema: schema.clone(),
                    ..scope_column(column, &source, column.name.clone())
                }));
                Ok(Node::View(view, database))
            }
            Found::View(text) => self.user_view(database, &text, alias.unwrap_or(&name.name)),
        }
    }

    fn table_node(
        &mut self,
        database: DatabaseId,
        def: &Rc<TableDef>,
        name: &ObjectName,
        alias: Option<&Rc<str>>,
        hints: &[Rc<str>],
    ) -> Node {
        let base = self.width();
        let source = alias.unwrap_or(&name.name).clone();
        let is_target = self.change_target.as_ref().is_some_and(|target| {
            target.found.is_none()
                && (same_name(&target.name.name, &source)
                    || (same_name(&target.name.name, &def.name)
                        && (target.name.schema.is_some() || alias.is_none())))
        });
        let mut columns: Vec<ScopeColumn> = table_columns(def, &source, false).collect();
        for column in &mut columns {
            column.schema = Some(def.schema.clone());
        }
        let mut access = access_of(hints, self.env.default_access());
        let mut lock = (access == Access::ForUpdate).then_some(LockMode::Update);
        if is_target {
            columns.push(ScopeColumn {
                source,
                schema: None,
                name: "".into(),
                data_type: DataType::BigInt,
                nullable: false,
                identity: false,
                hidden: true,
            });
            if let Some(target) = &mut self.change_target {
                target.found = Some(FoundTarget { database, def: def.clone(), base });
            }
            if access != Access::Exclusive {
                access = if access == Access::SkipLocked { access } else { Access::ForUpdate };
            }
            lock = None;
        }
        self.add_columns(columns);
        Node::Table(Box::new(TableNode {
            database,
            table: def.object_id,
            access,
            base,
            filters: Vec::new(),
            seek: None,
            lock,
            with_row_id: is_target,
            clustered: def.indexes.iter().position(|index| index.is_clustered),
            def: def.clone(),
        }))
    }

    fn common_table(&mut self, at: usize, alias: Option<&Rc<str>>) -> SqlResult<Node> {
        let visible = self.tables[at].clone();
        self.deeper()?;
        let hidden = self.tables.split_off(visible.sees);
        let compiled = self.apart(|binder| binder.subquery(&visible.table.query));
        self.tables.extend(hidden);
        self.expansion -= 1;
        let compiled = compiled?;
        let name = alias.unwrap_or(&visible.table.name).clone();
        self.add_query_columns(&compiled, &name, &visible.table.columns)?;
        Ok(Node::Query(compiled, false))
    }

    fn deeper(&mut self) -> SqlResult<()> {
        self.expansion += 1;
        if self.expansion > EXPANSION_MAX {
            self.expansion -= 1;
            return Err(error(217, 1, &[&EXPANSION_MAX]));
        }
        Ok(())
    }

    fn user_view(&mut self, database: DatabaseId, text: &str, alias: &Rc<str>) -> SqlResult<Node> {
        let Module::View(columns, query) = tsql::parse_module(ObjectKind::View, text)? else {
            return Err(error(208, 1, &[alias]));
        };
        self.deeper()?;
        let outside = std::mem::replace(&mut self.database, database);
        let tables = std::mem::take(&mut self.tables);
        let scopes = std::mem::take(&mut self.scopes);
        let target = self.change_target.take();
        let compiled = self.subquery(&query);
        self.change_target = target;
        self.scopes = scopes;
        self.tables = tables;
        self.database = outside;
        self.expansion -= 1;
        let compiled = compiled?;
        self.add_query_columns(&compiled, alias, &columns)?;
        Ok(Node::Query(compiled, false))
    }

    fn function_source(
        &mut self,
        name: &ObjectName,
        arguments: &[Expr],
        alias: Option<&Rc<str>>,
        names: &[Rc<str>],
    ) -> SqlResult<Node> {
        let mut bound = Vec::new();
        for argument in arguments {
            bound.push(self.expression(argument)?);
        }
        let (function, columns) = super::table_functions::find(name).ok_or_else(|| error(208, 1, &[name]))?;
        let source = alias.unwrap_or(&name.name).clone();
        let nvarchar = DataType::NVarChar(crate::value::Length::Max);
        let arguments = bound
            .into_iter()
            .map(|argument| {
                let (ex, from) = (argument.ex, argument.data_type);
                if from.is_text() { convert_ex(ex, from, nvarchar) } else { ex }
            })
            .collect();
        let columns: Vec<ScopeColumn> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| scope_column(column, &source, names.get(i).unwrap_or(&column.name).clone()))
            .collect();
        self.add_columns(columns);
        Ok(Node::Function(function, arguments))
    }
}

fn scope_column(column: &ColumnMeta, source: &Rc<str>, name: Rc<str>) -> ScopeColumn {
    ScopeColumn {
        source: source.clone(),
        schema: None,
        name,
        data_type: column.data_type,
        nullable: column.nullable,
        identity: column.identity,
        hidden: false,
    }
}

/// A table's columns as a scope has them.
pub(super) fn table_columns<'d>(
    def: &'d TableDef,
    source: &'d Rc<str>,
    nullable: bool,
) -> impl Iterator<Item = ScopeColumn> + 'd {
    def.columns.iter().map(move |column| {
        let mut scope = scope_column(&column.meta, source, column.meta.name.clone());
        scope.nullable |= nullable;
        scope
    })
}

fn access_of(hints: &[Rc<str>], default: Access) -> Access {
    let mut access = default;
    for hint in hints {
        access = match &**hint {
            "NOLOCK" | "READUNCOMMITTED" => Access::Dirty,
            "READPAST" => Access::SkipLocked,
            "READCOMMITTED" | "READCOMMITTEDLOCK" => Access::Committed,
            "HOLDLOCK" | "SERIALIZABLE" | "REPEATABLEREAD" | "TABLOCK" if access != Access::ForUpdate => {
                Access::Held
            }
            "UPDLOCK" | "XLOCK" => Access::ForUpdate,
            "TABLOCKX" => Access::Exclusive,
            _ => access,
        };
    }
    access
}

/// What a name in FROM means.
pub(super) enum Found {
    Table(Rc<TableDef>),
    System(&'static catalog::View),
    View(Rc<str>),
}

/// Resolves a name of up to three parts, seen from `database`.
pub(super) fn resolve(
    env: &Environment<'_>,
    database: DatabaseId,
    name: &ObjectName,
) -> SqlResult<(DatabaseId, Found)> {
    let unknown = || error(208, 1, &[name]);
    if name.name.starts_with('#') {
        let state = env.state();
        let real =
            state.temporary.iter().rev().find(|t| same_name(&t.name, &name.name)).ok_or_else(unknown)?;
        let engine = env.instance.0.engine.borrow();
        let tempdb = engine.database(crate::engine::TEMPDB).ok_or_else(unknown)?;
        let table = tempdb.content.table_by_name("dbo", &real.real_name).ok_or_else(unknown)?;
        return Ok((crate::engine::TEMPDB, Found::Table(table.def.clone())));
    }
    let database = match &name.database {
        Some(other) => env.open_database(other).map_err(|e| if e.number == 911 { unknown() } else { e })?,
        None => database,
    };
    let schema = name.schema.as_deref().unwrap_or("dbo");
    let is_system = same_name(schema, "sys") || same_name(schema, "INFORMATION_SCHEMA");
    if !is_system {
        let engine = env.instance.0.engine.borrow();
        let content = &engine.database(database).ok_or_else(unknown)?.content;
        match content.object_by_name(schema, &name.name) {
            Some(NamedObject::Table(def)) => return Ok((database, Found::Table(def))),
            Some(NamedObject::Module(module)) => {
                if module.kind == crate::engine::ModuleKind::View {
                    return Ok((database, Found::View(module.text.clone())));
                }
                return Err(unknown());
            }
            None => {}
        }
    }
    let view = catalog::view(schema, &name.name).ok_or_else(unknown)?;
    Ok((database, Found::System(view)))
}

// ---- look-ups ------------------------------------------------------------------

/// Gives a source the conditions that concern it alone, or that it can look up by; returns the others.
/// Columns from `outer_base` up to `own.start` belong to the row on the left of a join.
pub(super) fn push_filters(
    node: &mut Node,
    conditions: Vec<Ex>,
    own: std::ops::Range<usize>,
    outer_base: usize,
) -> Vec<Ex> {
    let Node::Table(table) = node else { return conditions };
    let mut rest = Vec::new();
    let mut look_ups = Vec::new();
    for condition in conditions {
        let (mut inside, mut outside) = (false, false);
        let complete = condition.own_columns(&mut |ordinal| {
            if own.contains(&ordinal) { inside = true } else { outside = true }
        });
        match () {
            () if complete && inside && !outside => table.filters.push(condition),
            () if complete && inside && own.start > outer_base => look_ups.push(condition),
            () => rest.push(condition),
        }
    }
    table.choose_seek(&look_ups, &own);
    rest.extend(look_ups);
    rest
}

/// A comparison of one of the table's columns with something that does not depend on the table.
fn column_comparison(condition: &Ex, own: &std::ops::Range<usize>) -> Option<(usize, Comparison, bool)> {
    let Ex::Compare(comparison, left, right) = condition else { return None };
    let independent = |ex: &Ex| {
        let mut free = true;
        ex.own_columns(&mut |ordinal| free &= !own.contains(&ordinal)) && free
    };
    match (&**left, &**right) {
        (Ex::Column { depth: 0, ordinal }, other) if own.contains(ordinal) && independent(other) => {
            Some((*ordinal - own.start, *comparison, true))
        }
        (other, Ex::Column { depth: 0, ordinal }) if own.contains(ordinal) && independent(other) => {
            Some((*ordinal - own.start, flip(*comparison), false))
        }
        _ => None,
    }
}

fn flip(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

impl TableNode {
    /// Chooses the index whose longest prefix is compared for equality, then perhaps a range.
    /// Conditions that were used stay among the filters: they are checked again on the few rows found.
    fn choose_seek(&mut self, look_ups: &[Ex], own: &std::ops::Range<usize>) {
        let own = own.start..own.start + self.def.columns.len();
        let candidates: Vec<(usize, Comparison)> = self
            .filters
            .iter()
            .chain(look_ups.iter())
            .filter_map(|condition| column_comparison(condition, &own).map(|(column, c, _)| (column, c)))
            .collect();
        let score = |index: usize| {
            let columns = &self.def.indexes[index].columns;
            let equal = columns
                .iter()
                .take_while(|column| candidates.contains(&(column.ordinal, Comparison::Equal)))
                .count();
            let ranged = columns.get(equal).is_some_and(|column| {
                candidates.iter().any(|(c, comparison)| {
                    *c == column.ordinal && !matches!(comparison, Comparison::Equal | Comparison::NotEqual)
                })
            });
            (equal, ranged)
        };
        let best = (0..self.def.indexes.len()).max_by_key(|index| (score(*index), std::cmp::Reverse(*index)));
        let Some(index) = best.filter(|index| score(*index) > (0, false)) else { return };
        let (equal, ranged) = score(index);
        let columns = self.def.indexes[index].columns.clone();
        let mut seek = Seek { index, equal: Vec::new(), low: None, high: None };
        for column in columns.iter().take(equal) {
            if let Some(ex) = self.take_bound(look_ups, &own, column.ordinal, &[Comparison::Equal]) {
                seek.equal.push(ex);
            }
        }
        if seek.equal.len() < equal {
            return;
        }
        if ranged {
            let column = columns[equal].ordinal;
            let above = [Comparison::Greater, Comparison::GreaterOrEqual];
            let below = [Comparison::Less, Comparison::LessOrEqual];
            seek.low = self.take_bound(look_ups, &own, column, &above);
            seek.high = self.take_bound(look_ups, &own, column, &below);
        }
        self.seek = Some(seek);
        // Conditions against the left row are filters now: the table checks them on the joined frame.
    }

    /// Copies the other side of a comparison of `column`, converted to the column's type.
    fn take_bound(
        &self,
        look_ups: &[Ex],
        own: &std::ops::Range<usize>,
        column: usize,
        wanted: &[Comparison],
    ) -> Option<Ex> {
        for condition in self.filters.iter().chain(look_ups.iter()) {
            let Some((found, comparison, column_left)) = column_comparison(condition, own) else { continue };
            if found != column || !wanted.contains(&comparison) {
                continue;
            }
            let Ex::Compare(_, left, right) = condition else { continue };
            let other = if column_left { right } else { left };
            return copy_simple(other);
        }
        None
    }
}

/// A copy of an expression that a look-up can use.
fn copy_simple(ex: &Ex) -> Option<Ex> {
    Some(match ex {
        Ex::Constant(value) => Ex::Constant(value.clone()),
        Ex::Variable(slot) => Ex::Variable(*slot),
        Ex::SystemVariable(variable) => Ex::SystemVariable(*variable),
        Ex::Column { depth, ordinal } => Ex::Column { depth: *depth, ordinal: *ordinal },
        Ex::Convert { value, from, to, style: None, is_try } => Ex::Convert {
            value: Box::new(copy_simple(value)?),
            from: *from,
            to: *to,
            style: None,
            is_try: *is_try,
        },
        _ => return None,
    })
}

// ---- reading ----------------------------------------------------------------------

impl Node {
    /// The rows. `left` is the row on the left of a join, with what is around the query behind it.
    pub(super) fn rows(&self, env: &Environment<'_>, left: &Frame<'_>) -> Result<Vec<Row>, Fault> {
        match self {
            Self::Nothing => Ok(vec![Rc::from([])]),
            Self::Table(table) => table.rows(env, left),
            Self::View(view, database) => {
                let engine = env.instance.0.engine.borrow();
                Ok(view.rows(&catalog::ViewContext {
                    instance: env.instance,
                    engine: &engine,
                    session: env.session,
                    database_id: *database,
                }))
            }
            Self::Variable(slot) => {
                let variables = env.table_variables.borrow();
                Ok(variables.iter().find(|v| v.slot == *slot).map(|v| v.rows.clone()).unwrap_or_default())
            }
            Self::Query(query, true) => Ok(query.rows(env, left.outer)?.to_vec()),
            Self::Query(query, false) => {
                // It was bound with an empty scope in this one's place.
                let place = Frame { row: &[], base: 0, windows: &[], outer: left.outer };
                Ok(query.rows(env, Some(&place))?.to_vec())
            }
            Self::Function(function, arguments) => {
                let values = eval_all(arguments, env, left)?;
                Ok(function(env, &values)?)
            }
            Self::Join(join) => join.rows(env, left.outer),
        }
    }
}

impl TableNode {
    fn rows(&self, env: &Environment<'_>, left: &Frame<'_>) -> Result<Vec<Row>, Fault> {
        let access = env.open(self.database, self.table, self.access)?;
        let table = access.table.clone();
        let mut rows = Vec::new();
        let mut ids = Vec::new();
        let mut keep = |id: u64, row: &Row| -> Result<(), Fault> {
            let frame = Frame { row, base: self.base, windows: &[], outer: left.outer };
            for filter in &self.filters {
                if filter.test(env, &frame)? != Some(true) {
                    return Ok(());
                }
            }
            if !access.check(id)? {
                return Ok(());
            }
            if self.lock.is_some() {
                ids.push(id);
            }
            if self.with_row_id {
                let id = Value::Int(i64::try_from(id).unwrap_or(i64::MAX));
                rows.push(row.iter().cloned().chain([id]).collect());
            } else {
                rows.push(row.clone());
            }
            Ok(())
        };
        if let Some(seek) = &self.seek {
            match seek.keys(env, left, &table.def)? {
                None => {}
                Some((prefix, low, high)) => {
                    access.check_seek(seek.index, &prefix)?;
                    for (id, row) in table.entries(seek.index, as_bound(&low), as_bound(&high)) {
                        keep(id, row)?;
                    }
                }
            }
        } else {
            access.check_scan()?;
            match self.clustered.filter(|_| in_index_order(&table)) {
                Some(index) => {
                    for (id, row) in table.rows_in_order(index) {
                        keep(id, row)?;
                    }
                }
                None => {
                    for (id, row) in table.rows() {
                        keep(id, row)?;
                    }
                }
            }
        }
        if let (Some(mode), Some(transaction)) = (self.lock, env.transaction) {
            let mut engine = env.instance.0.engine.borrow_mut();
            engine.lock_rows(transaction, self.database, self.table, &ids, mode)?;
        }
        Ok(rows)
    }
}

/// An identity key grows as rows are added, so that insertion order is index order already.
fn in_index_order(table: &Table) -> bool {
    table.def.columns.first().is_none_or(|column| column.identity.is_none())
}

fn as_bound(bound: &Bound<Key>) -> Bound<&Key> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

type SeekKeys = (Key, Bound<Key>, Bound<Key>);

impl Seek {
    /// The keys to look up; `None` when a NULL makes every comparison unknown.
    fn keys(
        &self,
        env: &Environment<'_>,
        left: &Frame<'_>,
        def: &TableDef,
    ) -> Result<Option<SeekKeys>, Fault> {
        let columns = &def.indexes[self.index].columns;
        let typed = |ex: &Ex, at: usize| -> Result<Option<Value>, Fault> {
            let value = ex.eval(env, left)?;
            let to = def.columns[columns[at].ordinal].meta.data_type;
            Ok(fit_key(value, to))
        };
        let mut prefix = Vec::with_capacity(self.equal.len() + 1);
        for (at, ex) in self.equal.iter().enumerate() {
            let Some(value) = typed(ex, at)? else { return Ok(None) };
            prefix.push(value);
        }
        let equal = Key::of_values(&prefix);
        let mut bound = |side: &Option<Ex>| -> Result<Option<Bound<Key>>, Fault> {
            let Some(ex) = side else {
                let whole = if prefix.is_empty() { Bound::Unbounded } else { Bound::Included(equal.clone()) };
                return Ok(Some(whole));
            };
            let Some(value) = typed(ex, self.equal.len())? else { return Ok(None) };
            prefix.push(value);
            let key = Key::of_values(&prefix);
            prefix.pop();
            Ok(Some(Bound::Included(key)))
        };
        let (Some(low), Some(high)) = (bound(&self.low)?, bound(&self.high)?) else { return Ok(None) };
        Ok(Some((equal, low, high)))
    }
}

/// A value in the form in which a column of type `to` is indexed; `None` for NULL.
fn fit_key(value: Value, to: DataType) -> Option<Value> {
    let from = match &value {
        Value::Null => return None,
        Value::Int(_) => DataType::BigInt,
        Value::Decimal(d) => d.literal_type(),
        Value::Bit(_) => DataType::Bit,
        Value::Money(_) => DataType::Money,
        Value::Float(_) => DataType::Float,
        Value::Real(_) => DataType::Real,
        _ => return Some(value),
    };
    let whole = matches!(to, DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt);
    match (&value, to) {
        (Value::Int(_), _) if whole => Some(value),
        _ => crate::value::convert::convert(&value, from, to, 0).ok().or(Some(value)),
    }
}

impl JoinNode {
    fn rows(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        let around = Frame { row: &[], base: 0, windows: &[], outer };
        let left_rows = self.left.rows(env, &around)?;
        let per_row = matches!(self.kind, JoinKind::CrossApply | JoinKind::OuterApply)
            || matches!(&self.right, Node::Table(table) if table.seek.is_some());
        if per_row {
            return self.nested_rows(env, outer, &left_rows);
        }
        let right_rows = self.right.rows(env, &around)?;
        let hash = match &self.keys {
            Some((_, right_keys)) => Some(hash_rows(env, outer, &right_rows, right_keys, self.right_base)?),
            None => None,
        };
        let mut matched_right = vec![false; right_rows.len()];
        let mut out = Vec::new();
        let all: Vec<usize> = (0..right_rows.len()).collect();
        for left in &left_rows {
            let candidates: &[usize] = match (&hash, &self.keys) {
                (Some(hash), Some((left_keys, _))) => {
                    let frame = Frame::of(left, self.left_base, outer);
                    let key = eval_all(left_keys, env, &frame)?;
                    if key.iter().any(Value::is_null) {
                        &[]
                    } else {
                        hash.get(&Key::of_values(&key)).map_or(&[], Vec::as_slice)
                    }
                }
                _ => &all,
            };
            let mut matched = false;
            for at in candidates {
                let joined = joined(left, &right_rows[*at]);
                if self.holds(env, outer, &joined)? {
                    matched = true;
                    matched_right[*at] = true;
                    out.push(joined);
                }
            }
            if !matched && matches!(self.kind, JoinKind::Left | JoinKind::Full) {
                out.push(joined(left, &vec![Value::Null; self.right_width]));
            }
        }
        if matches!(self.kind, JoinKind::Right | JoinKind::Full) {
            let missing = right_rows.iter().zip(&matched_right).filter(|(_, matched)| !**matched);
            out.extend(missing.map(|(right, _)| joined(&vec![Value::Null; self.left_width], right)));
        }
        Ok(out)
    }

    /// The right side is read anew for each row of the left.
    fn nested_rows(
        &self,
        env: &Environment<'_>,
        outer: Option<&Frame<'_>>,
        left_rows: &[Row],
    ) -> Result<Vec<Row>, Fault> {
        let keeps_left = matches!(self.kind, JoinKind::Left | JoinKind::OuterApply);
        let mut out = Vec::new();
        for left in left_rows {
            let frame = Frame::of(left, self.left_base, outer);
            // A query on the right of APPLY sees this row as the row around it.
            let around = match &self.right {
                Node::Query(..) => Frame { row: &[], base: 0, windows: &[], outer: Some(&frame) },
                _ => frame,
            };
            let mut matched = false;
            for right in self.right.rows(env, &around)? {
                let joined = joined(left, &right);
                if self.holds(env, outer, &joined)? {
                    matched = true;
                    out.push(joined);
                }
            }
            if !matched && keeps_left {
                out.push(joined(left, &vec![Value::Null; self.right_width]));
            }
        }
        Ok(out)
    }

    fn holds(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>, row: &[Value]) -> Result<bool, Fault> {
        let frame = Frame::of(row, self.left_base, outer);
        for condition in &self.on {
            if condition.test(env, &frame)? != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn joined(left: &[Value], right: &[Value]) -> Row {
    left.iter().chain(right).cloned().collect()
}

fn hash_rows(
    env: &Environment<'_>,
    outer: Option<&Frame<'_>>,
    rows: &[Row],
    keys: &[Ex],
    base: usize,
) -> Result<BTreeMap<Key, Vec<usize>>, Fault> {
    let mut hash: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let key = eval_all(keys, env, &Frame::of(row, base, outer))?;
        if !key.iter().any(Value::is_null) {
            hash.entry(Key::of_values(&key)).or_default().push(at);
        }
    }
    Ok(hash)
}

/// The ordinal of a column of a definition, or error 207.
pub(super) fn column_ordinal(def: &TableDef, name: &Rc<str>) -> SqlResult<usize> {
    def.ordinal(name).ok_or_else(|| error(207, 1, &[name]))
}
