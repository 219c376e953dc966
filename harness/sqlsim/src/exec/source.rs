//! FROM, bound: tables, views, derived tables, functions and joins.

use super::binder::{Binder, Scope, ScopeColumn};
use super::dml::Target;
use super::environment::Environment;
use super::expression::{Ex, Typed, convert_ex};
use super::look_up::push_filters;
use super::query::CompiledQuery;
use super::target::{FoundTarget, id_column};
use crate::catalog;
use crate::engine::{Access, DatabaseId, LockMode, NamedObject, ObjectId, TableDef, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Comparison, Expr, JoinKind, ObjectKind, ObjectName, Query, TableSource};
use crate::tsql::{self, Module};
use crate::value::{ColumnMeta, DataType};
use std::rc::Rc;

/// How deep views may stand on views.
pub(super) const EXPANSION_MAX: u32 = 32;

/// Something that gives rows.
pub(super) enum Node {
    /// One row without columns.
    Nothing,
    /// A table.
    Table(Box<TableNode>),
    /// A system view.
    View(&'static catalog::View, DatabaseId),
    /// A table variable; whether its rows carry their place behind their columns.
    Variable(usize, bool),
    /// A query; whether it sees the row on its left (APPLY).
    Query(Rc<CompiledQuery>, bool),
    /// A function that gives rows.
    Function(super::table_functions::TableFunction, Vec<Ex>),
    /// OPENJSON with its document and path.
    OpenJson(Box<super::json::OpenJson>, Vec<Ex>),
    /// A function of a database that gives rows.
    UserFunction(Rc<super::user_functions::UserFunction>, Vec<Ex>),
    /// A join.
    Join(Box<JoinNode>),
    /// What a recursive common table reads of itself.
    Step(Rc<super::recursion::Step>),
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
    pub(super) def: Rc<TableDef>,
}

/// A look-up in an index: equal on a prefix, then perhaps a range.
pub(super) struct Seek {
    pub(super) index: usize,
    pub(super) equal: Vec<Ex>,
    /// Bounds take in their own key: the filter decides about it.
    pub(super) low: Option<Ex>,
    pub(super) high: Option<Ex>,
}

/// A join.
pub(super) struct JoinNode {
    pub(super) kind: JoinKind,
    pub(super) left: Node,
    pub(super) right: Node,
    pub(super) left_width: usize,
    pub(super) right_width: usize,
    pub(super) left_base: usize,
    pub(super) right_base: usize,
    pub(super) on: Vec<Ex>,
    /// Keys on both sides for a hash join.
    pub(super) keys: Option<(Vec<Ex>, Vec<Ex>)>,
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

    pub(super) fn width(&self) -> usize {
        self.scopes.last().map_or(0, |scope| scope.columns.len())
    }

    pub(super) fn add_columns(&mut self, columns: impl IntoIterator<Item = ScopeColumn>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.columns.extend(columns);
        }
    }

    pub(super) fn source(&mut self, source: &TableSource) -> SqlResult<Node> {
        match source {
            TableSource::Named { name, alias, hints } => self.named(name, alias.as_ref(), hints),
            TableSource::Variable { slot, alias } => {
                let name = self.env.declarations[*slot].name.clone();
                let known =
                    self.env.table_variables.borrow().iter().find(|v| v.slot == *slot).map(|v| v.def.clone());
                let Some(def) = known else { return Err(error(1087, 1, &[&name])) };
                let source = alias.as_ref().unwrap_or(&name);
                let is_target = self.is_target(source, &name);
                let base = self.width();
                self.add_columns(table_columns(&def, source, false));
                if is_target {
                    self.add_columns([id_column(source.clone())]);
                    if let Some(target) = &mut self.change_target {
                        target.found = Some(FoundTarget::direct(Target::Variable(*slot, def), base));
                    }
                }
                Ok(Node::Variable(*slot, is_target))
            }
            TableSource::Derived { query, alias, columns } => {
                let compiled = self.apart(|binder| binder.subquery(query))?;
                self.add_query_columns(&compiled, alias, columns)?;
                Ok(Node::Query(compiled, false))
            }
            TableSource::Function { name, arguments, alias, columns } => {
                self.function_source(name, arguments, alias.as_ref(), columns)
            }
            TableSource::OpenJson(open) => self.open_json(open),
            TableSource::Join { kind, left, right, on } => self.join(*kind, left, right, on.as_ref()),
            TableSource::Pivot(pivot) => self.pivot(pivot),
            TableSource::Unpivot(unpivot) => self.unpivot(unpivot),
        }
    }

    /// Binds a derived table: it does not see its neighbours, but what is around the query.
    pub(super) fn apart<T>(&mut self, bind: impl FnOnce(&mut Self) -> SqlResult<T>) -> SqlResult<T> {
        let own = self.scopes.pop();
        self.scopes.push(Scope::default());
        let target = self.change_target.take();
        let bound = bind(self);
        self.change_target = target;
        self.scopes.pop();
        self.scopes.extend(own);
        bound
    }

    pub(super) fn add_query_columns(
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

    pub(super) fn join(
        &mut self,
        kind: JoinKind,
        left: &TableSource,
        right: &TableSource,
        on: Option<&Expr>,
    ) -> SqlResult<Node> {
        let left_base = self.width();
        let left = self.source(left)?;
        let right_base = self.width();
        let right = if matches!(kind, JoinKind::CrossApply | JoinKind::OuterApply) {
            self.applied(right)?
        } else {
            self.source(right)?
        };
        self.joined(kind, (left, left_base), (right, right_base), on)
    }

    /// Joins two bound sources, which end where the scope does.
    pub(super) fn joined(
        &mut self,
        kind: JoinKind,
        (left, left_base): (Node, usize),
        (mut right, right_base): (Node, usize),
        on: Option<&Expr>,
    ) -> SqlResult<Node> {
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
    pub(super) fn applied(&mut self, right: &TableSource) -> SqlResult<Node> {
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
    pub(super) fn hash_keys(
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

    pub(super) fn named(
        &mut self,
        name: &ObjectName,
        alias: Option<&Rc<str>>,
        hints: &[Rc<str>],
    ) -> SqlResult<Node> {
        if name.server.is_some() {
            return Err(error(40_510, 1, &[&"linked server"]));
        }
        let visible = self.tables.iter().rposition(|visible| same_name(&visible.table.name, &name.name));
        if let (Some(at), None, None) = (visible, &name.schema, &name.database) {
            return self.common_table(at, alias);
        }
        let (database, found) = resolve(self.env, self.database, name)?;
        let source = alias.unwrap_or(&name.name);
        // What is changed has been checked by name; what is only read is checked here.
        let chain = match &found {
            _ if name.name.starts_with('#') => self.chain,
            Found::Table(def) if self.is_target(source, &def.name) => self.chain,
            Found::View(_) if self.is_target(source, &name.name) => self.chain_inside(database, name),
            _ => self.may_read(database, name)?,
        };
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
            Found::View(text) => {
                let outside = std::mem::replace(&mut self.chain, chain);
                let node = self.user_view(database, &text, &name.name, alias.unwrap_or(&name.name));
                self.chain = outside;
                node
            }
        }
    }

    /// READ_COMMITTED_SNAPSHOT: readers see what is committed and wait for nobody.
    fn reads_versions(&self, database: DatabaseId) -> bool {
        let engine = self.env.instance.0.engine.borrow();
        engine.database(database).is_some_and(|db| db.options.read_committed_snapshot)
    }

    pub(super) fn table_node(
        &mut self,
        database: DatabaseId,
        def: &Rc<TableDef>,
        name: &ObjectName,
        alias: Option<&Rc<str>>,
        hints: &[Rc<str>],
    ) -> Node {
        let base = self.width();
        let source = alias.unwrap_or(&name.name).clone();
        let is_target = self.is_target(&source, &def.name);
        let mut columns: Vec<ScopeColumn> = table_columns(def, &source, false).collect();
        for column in &mut columns {
            column.schema = Some(def.schema.clone());
        }
        let mut access = access_of(hints, self.env.default_access());
        let locks = hints.iter().any(|hint| &**hint == "READCOMMITTEDLOCK");
        if access == Access::Committed && !locks && self.reads_versions(database) {
            access = Access::Version;
        }
        let mut lock = (access == Access::ForUpdate).then_some(LockMode::Update);
        if is_target {
            columns.push(id_column(source));
            let mut reads = false;
            if let Some(target) = &mut self.change_target {
                let own = Target::Table(database, def.clone());
                target.found = Some(FoundTarget::direct(own, base));
                reads = target.reads;
            }
            if !reads && !matches!(access, Access::Exclusive | Access::SkipLocked) {
                access = Access::ForUpdate;
            }
            lock = lock.filter(|_| reads);
        }
        self.add_columns(columns);
        self.read.push((database, def.object_id, access));
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

    pub(super) fn common_table(&mut self, at: usize, alias: Option<&Rc<str>>) -> SqlResult<Node> {
        let visible = self.tables[at].clone();
        let source = alias.unwrap_or(&visible.table.name);
        if !visible.recursive && self.is_target(source, &visible.table.name) {
            self.deeper()?;
            let hidden = self.tables.split_off(visible.sees);
            let node = self.through(&visible.table.query, source, &visible.table.columns, |binder, query| {
                binder.alone(|binder| binder.query(query))
            });
            self.tables.extend(hidden);
            self.expansion -= 1;
            return node;
        }
        if let Some(step) = &visible.member {
            return self.step(step, alias.unwrap_or(&visible.table.name));
        }
        self.deeper()?;
        let hidden = self.tables.split_off(visible.sees);
        let compiled = self.apart(|binder| {
            if visible.recursive {
                binder.recursive(&visible.table)
            } else {
                binder.subquery(&visible.table.query)
            }
        });
        self.tables.extend(hidden);
        self.expansion -= 1;
        let compiled = compiled?;
        let name = alias.unwrap_or(&visible.table.name).clone();
        self.add_query_columns(&compiled, &name, &visible.table.columns)?;
        Ok(Node::Query(compiled, false))
    }

    pub(super) fn deeper(&mut self) -> SqlResult<()> {
        self.expansion += 1;
        if self.expansion > EXPANSION_MAX {
            self.expansion -= 1;
            return Err(error(217, 1, &[&EXPANSION_MAX]));
        }
        Ok(())
    }

    pub(super) fn user_view(
        &mut self,
        database: DatabaseId,
        text: &str,
        name: &str,
        alias: &Rc<str>,
    ) -> SqlResult<Node> {
        let module = tsql::parse_module(ObjectKind::View, text, &self.env.types(database))?;
        let Module::View(columns, query) = &*module else { return Err(error(208, 1, &[alias])) };
        self.deeper()?;
        let in_its_place = |binder: &mut Self, query: &Query| {
            let outside = std::mem::replace(&mut binder.database, database);
            let tables = std::mem::take(&mut binder.tables);
            let scopes = std::mem::take(&mut binder.scopes);
            let compiled = binder.query(query);
            binder.scopes = scopes;
            binder.tables = tables;
            binder.database = outside;
            compiled
        };
        if self.is_target(alias, name) {
            let node = self.through(query, alias, columns, in_its_place);
            self.expansion -= 1;
            return node;
        }
        let target = self.change_target.take();
        let used = std::mem::replace(&mut self.lowest_used, usize::MAX);
        let compiled = in_its_place(self, query);
        self.lowest_used = used;
        self.change_target = target;
        self.expansion -= 1;
        let mut compiled = compiled?;
        compiled.is_correlated = false;
        self.add_query_columns(&compiled, alias, columns)?;
        Ok(Node::Query(Rc::new(compiled), false))
    }

    /// Runs `bind` in an empty scope of its own, with the change's target in reach.
    fn alone<T>(&mut self, bind: impl FnOnce(&mut Self) -> SqlResult<T>) -> SqlResult<T> {
        let own = self.scopes.pop();
        self.scopes.push(Scope::default());
        let bound = bind(self);
        self.scopes.pop();
        self.scopes.extend(own);
        bound
    }

    pub(super) fn function_source(
        &mut self,
        name: &ObjectName,
        arguments: &[Expr],
        alias: Option<&Rc<str>>,
        names: &[Rc<str>],
    ) -> SqlResult<Node> {
        if let Some(function) = super::user_functions::find(self.env, self.database, name)? {
            return self.user_table_function(function, arguments, alias.unwrap_or(&name.name), names);
        }
        let mut bound = Vec::new();
        for argument in arguments {
            bound.push(match argument {
                Expr::Default => Typed::new(Ex::Constant(crate::value::Value::Null), DataType::Int),
                argument => self.expression(argument)?,
            });
        }
        let (function, columns) = super::table_functions::find(name).ok_or_else(|| {
            if crate::tsql::reference::is_system_source(&name.name) {
                return crate::messages::unsupported(&name.name);
            }
            error(208, 1, &[name])
        })?;
        let source = alias.unwrap_or(&name.name).clone();
        let nvarchar = DataType::NVarChar(crate::value::Length::Max);
        let arguments = bound
            .into_iter()
            .map(|argument| {
                let (ex, from) = (argument.ex, argument.data_type);
                if from.is_text() { convert_ex(ex, from, nvarchar) } else { ex }
            })
            .collect();
        self.add_function_columns(&columns, &source, names);
        Ok(Node::Function(function, arguments))
    }

    fn add_function_columns(&mut self, columns: &[ColumnMeta], source: &Rc<str>, names: &[Rc<str>]) {
        let named = |(i, column): (usize, &ColumnMeta)| {
            scope_column(column, source, names.get(i).unwrap_or(&column.name).clone())
        };
        let columns: Vec<ScopeColumn> = columns.iter().enumerate().map(named).collect();
        self.add_columns(columns);
    }

    fn open_json(&mut self, open: &crate::tsql::ast::OpenJson) -> SqlResult<Node> {
        let nvarchar = DataType::NVarChar(crate::value::Length::Max);
        let mut arguments = vec![self.expression(&open.document)?.converted(nvarchar)];
        if let Some(path) = &open.path {
            arguments.push(self.expression(path)?.converted(nvarchar));
        }
        let with = open.with.as_deref();
        let source = open.alias.clone().unwrap_or_else(|| "OPENJSON".into());
        self.add_function_columns(&super::json::OpenJson::columns(with), &source, &open.columns);
        Ok(Node::OpenJson(Box::new(super::json::OpenJson::new(with)?), arguments))
    }
}

pub(super) fn scope_column(column: &ColumnMeta, source: &Rc<str>, name: Rc<str>) -> ScopeColumn {
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

pub(super) fn access_of(hints: &[Rc<str>], default: Access) -> Access {
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
    if name.name.starts_with("##") {
        let engine = env.instance.0.engine.borrow();
        let tempdb = engine.database(crate::engine::TEMPDB).ok_or_else(unknown)?;
        let table = tempdb.content.table_by_name("dbo", &name.name).ok_or_else(unknown)?;
        return Ok((crate::engine::TEMPDB, Found::Table(table.def.clone())));
    }
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
                let base = super::synonyms::read(&module).filter(|base| base != name);
                drop(engine);
                // A synonym of a synonym is not followed.
                return match base {
                    Some(base)
                        if super::synonyms::base_of(&env.instance.0.engine.borrow(), database, &base)
                            .is_none() =>
                    {
                        resolve(env, database, &base)
                            .map_err(|e| if e.number == 208 { error(5313, 1, &[name, &base]) } else { e })
                    }
                    _ => Err(unknown()),
                };
            }
            None => {}
        }
    }
    if let Some(view) = catalog::view(schema, &name.name) {
        return Ok((database, Found::System(view)));
    }
    let script = catalog::scripts::view(schema, &name.name);
    let script = script.ok_or_else(|| match catalog::refused_view(schema, &name.name) {
        Some(refused) => crate::messages::unsupported(&format!("sys.{refused}")),
        None => unknown(),
    })?;
    Ok((database, Found::View(script.text)))
}

/// The ordinal of a column of a definition, or error 207.
pub(super) fn column_ordinal(def: &TableDef, name: &Rc<str>) -> SqlResult<usize> {
    def.ordinal(name).ok_or_else(|| error(207, 1, &[name]))
}
