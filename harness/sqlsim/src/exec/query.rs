//! Queries, bound: once, then run as often as their rows are asked for.

use super::binder::{Binder, Grouping, Scope, VisibleTable, wider};
use super::expression::{Ex, Typed};
use super::look_up::push_filters;
use super::source::Node;
use crate::engine::same_name;
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{CommonTable, Expr, OrderItem, Query, QueryBody, Select, SelectItem, SetOperator};
use crate::value::{ColumnMeta, DataType, Row, Value};
use std::cell::RefCell;
use std::rc::Rc;

pub(super) use super::aggregate::{Aggregate, AggregateKind};
pub(super) use super::window::WindowSpec;

/// A bound query.
pub(super) struct CompiledQuery {
    /// Its columns.
    pub(super) columns: Vec<ColumnMeta>,
    pub(super) body: Body,
    pub(super) order: Vec<(SortKey, bool)>,
    pub(super) offset: Option<Ex>,
    pub(super) fetch: Option<Ex>,
    /// Whether its rows depend on a row around it.
    pub(super) is_correlated: bool,
    /// For a query that a change goes through: which columns of the target its columns are.
    pub(super) exported: Vec<Option<usize>>,
    /// The rows of a query that depends on nothing, once read by this statement.
    pub(super) kept: RefCell<Option<Rc<[Row]>>>,
}

/// What rows are sorted by.
pub(super) enum SortKey {
    /// A column of the output.
    Output(usize),
    /// Another value of the row.
    Extra(usize),
}

pub(super) enum Body {
    Select(Box<CompiledSelect>),
    Values(Vec<Vec<Ex>>),
    Combine {
        operator: SetOperator,
        left: Box<Part>,
        right: Box<Part>,
    },
    /// A recursive common table.
    Recursive(Box<super::recursion::Recursion>),
    /// FOR XML or FOR JSON: all rows as one text.
    Formatted(Box<super::format::Formatted>),
}

/// One side of UNION and its like, with the conversions its columns need.
pub(super) struct Part {
    pub(super) query: CompiledQuery,
    pub(super) conversions: Vec<Option<(DataType, DataType)>>,
}

pub(super) struct CompiledSelect {
    pub(super) source: Node,
    pub(super) filters: Vec<Ex>,
    pub(super) grouping: Option<CompiledGrouping>,
    pub(super) windows: Vec<WindowSpec>,
    pub(super) items: Vec<Ex>,
    /// Values to sort by that are not in the output.
    pub(super) extra: Vec<Ex>,
    pub(super) distinct: bool,
    pub(super) top: Option<CompiledTop>,
}

pub(super) struct CompiledGrouping {
    pub(super) keys: Vec<Ex>,
    /// GROUPING SETS: which keys each set has. The rows then carry a mask of the others behind their keys.
    pub(super) sets: Option<Vec<Vec<usize>>>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) having: Option<Ex>,
}

pub(super) struct CompiledTop {
    pub(super) count: Ex,
    pub(super) with_ties: bool,
}

/// A row of the output and what it is sorted by besides.
pub(super) struct Produced {
    pub(super) row: Row,
    pub(super) extra: Vec<Value>,
}

impl Binder<'_, '_> {
    /// Binds a query.
    pub(super) fn query(&mut self, query: &Query) -> SqlResult<CompiledQuery> {
        let visible = self.tables.len();
        if query.max_recursion.is_some() {
            self.max_recursion = query.max_recursion;
        }
        self.see_tables(&query.tables);
        let outside = std::mem::replace(&mut self.origins, query.format.is_some().then(Vec::new));
        let compiled = self.query_body(&query.body, &query.order_by, query);
        self.tables.truncate(visible);
        let origins = std::mem::replace(&mut self.origins, outside);
        match &query.format {
            Some(format) => super::format::formatted(format, compiled?, &origins.unwrap_or_default()),
            None => compiled,
        }
    }

    /// Brings the tables of a WITH clause in reach.
    pub(super) fn see_tables(&mut self, tables: &[CommonTable]) {
        for table in tables {
            let sees = self.tables.len();
            let recursive = mentions(&table.query.body, &table.name);
            self.tables.push(VisibleTable { table: table.clone(), sees, recursive, member: None });
        }
    }

    fn query_body(
        &mut self,
        body: &QueryBody,
        order_by: &[OrderItem],
        whole: &Query,
    ) -> SqlResult<CompiledQuery> {
        let (offset, fetch) = (self.row_limit(whole.offset.as_ref())?, self.row_limit(whole.fetch.as_ref())?);
        let mut compiled = match body {
            QueryBody::Select(select) => {
                self.scopes.push(Scope::default());
                let compiled = self.select(select, order_by);
                self.scopes.pop();
                compiled?
            }
            QueryBody::Values(rows) => {
                self.scopes.push(Scope::default());
                let compiled = self.values(rows);
                self.scopes.pop();
                compiled?
            }
            QueryBody::Combine { operator, left, right } => {
                let mut compiled = self.combine(*operator, left, right)?;
                compiled.order = output_order(order_by, &compiled.columns)?;
                compiled
            }
            QueryBody::Nested(query) => {
                let mut compiled = self.query(query)?;
                if !order_by.is_empty() {
                    compiled.order = output_order(order_by, &compiled.columns)?;
                }
                compiled
            }
        };
        if offset.is_some() {
            compiled.offset = offset;
            compiled.fetch = fetch;
        }
        Ok(compiled)
    }

    fn row_limit(&mut self, expr: Option<&Expr>) -> SqlResult<Option<Ex>> {
        expr.map(|expr| Ok(self.expression(expr)?.converted(DataType::BigInt))).transpose()
    }

    fn values(&mut self, rows: &[Vec<Expr>]) -> SqlResult<CompiledQuery> {
        let mut bound: Vec<Vec<Typed>> = Vec::new();
        for row in rows {
            let row = row.iter().map(|expr| self.expression(expr)).collect::<SqlResult<Vec<_>>>()?;
            if bound.first().is_some_and(|first| first.len() != row.len()) {
                return Err(error(10_709, 1, &[]));
            }
            bound.push(row);
        }
        let width = bound.first().map_or(0, Vec::len);
        let mut types = Vec::new();
        for at in 0..width {
            let mut data_type: Option<DataType> = None;
            for row in &bound {
                if !matches!(row[at].ex, Ex::Constant(Value::Null)) {
                    let other = row[at].data_type;
                    data_type = Some(data_type.map_or(other, |known| wider(known, other)));
                }
            }
            types.push(data_type.unwrap_or(DataType::Int));
        }
        let convert =
            |row: Vec<Typed>| row.into_iter().zip(&types).map(|(typed, to)| typed.converted(*to)).collect();
        let rows = bound.into_iter().map(convert).collect();
        let columns = types.iter().map(|data_type| column_meta("".into(), *data_type, true)).collect();
        Ok(CompiledQuery::new(columns, Body::Values(rows)))
    }

    fn combine(
        &mut self,
        operator: SetOperator,
        left: &QueryBody,
        right: &QueryBody,
    ) -> SqlResult<CompiledQuery> {
        let left = self.query(&Query::of(left.clone()))?;
        let right = self.query(&Query::of(right.clone()))?;
        if left.columns.len() != right.columns.len() {
            return Err(error(205, 1, &[]));
        }
        let mut columns = Vec::new();
        let (mut left_conversions, mut right_conversions) = (Vec::new(), Vec::new());
        for (at, (a, b)) in left.columns.iter().zip(&right.columns).enumerate() {
            let to = match (left.is_null_column(at), right.is_null_column(at)) {
                (true, false) => b.data_type,
                (false, true) => a.data_type,
                _ => wider(a.data_type, b.data_type),
            };
            let conversion = |from: DataType| (from != to).then_some((from, to));
            left_conversions.push(conversion(a.data_type));
            right_conversions.push(conversion(b.data_type));
            columns.push(column_meta(a.name.clone(), to, a.nullable || b.nullable));
        }
        let left = Box::new(Part { query: left, conversions: left_conversions });
        let right = Box::new(Part { query: right, conversions: right_conversions });
        Ok(CompiledQuery::new(columns, Body::Combine { operator, left, right }))
    }

    // ---- SELECT ---------------------------------------------------------------

    fn select(&mut self, select: &Select, order_by: &[OrderItem]) -> SqlResult<CompiledQuery> {
        let exports = std::mem::take(&mut self.exports);
        let mut source = self.bind_sources(&select.from)?;
        let filters = self.filters(select.filter.as_ref(), &mut source)?;
        let grouped = !select.group_by.is_empty()
            || select.grouping_sets.is_some()
            || select.having.is_some()
            || select.items.iter().any(|item| matches!(item, SelectItem::Expression(e, _) | SelectItem::Assign(_, _, e) if has_aggregate(e)))
            || order_by.iter().any(|item| has_aggregate(&item.value));
        if grouped {
            let mut grouping = Grouping { written: select.group_by.clone(), ..Grouping::default() };
            for expr in &select.group_by {
                let mut key = self.expression(expr)?;
                key.nullable |= select.grouping_sets.is_some();
                grouping.keys.push(key);
            }
            grouping.has_sets = select.grouping_sets.is_some();
            self.scope().grouping = Some(grouping);
        }
        self.scope().windows = Some(Vec::new());
        let (mut items, mut columns) = self.items(&select.items)?;
        let mut exported = Vec::new();
        if exports && let Some(found) = self.change_target.as_ref().and_then(|target| target.found.clone()) {
            exported = self.exported_ordinals(&found, &items);
            items.push(Typed::new(Ex::Column { depth: 0, ordinal: found.id_at }, DataType::BigInt));
            columns.push(column_meta("".into(), DataType::BigInt, false));
        }
        let having = select.having.as_ref().map(|having| self.condition(having)).transpose()?;
        let mut extra = Vec::new();
        let order = self.order(order_by, &columns, &items, select, &mut extra)?;
        let scope = self.scope();
        let windows = scope.windows.take().unwrap_or_default();
        let grouping = scope.grouping.take().map(|grouping| CompiledGrouping {
            keys: grouping.keys.into_iter().map(|key| key.ex).collect(),
            sets: select.grouping_sets.clone(),
            aggregates: grouping.aggregates,
            having,
        });
        let top = match &select.top {
            Some(top) => {
                let to = if top.percent { DataType::Float } else { DataType::BigInt };
                let count = self.expression(&top.count)?.converted(to);
                Some(CompiledTop { count, with_ties: top.with_ties })
            }
            None => None,
        };
        let items = items.into_iter().map(|item| item.ex).collect();
        let body = CompiledSelect {
            source,
            filters,
            grouping,
            windows,
            items,
            extra,
            distinct: select.distinct,
            top,
        };
        Ok(CompiledQuery { order, exported, ..CompiledQuery::new(columns, Body::Select(Box::new(body))) })
    }

    fn scope(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// Binds WHERE; what concerns one table alone goes to that table.
    pub(super) fn filters(&mut self, filter: Option<&Expr>, source: &mut Node) -> SqlResult<Vec<Ex>> {
        let mut filters = Vec::new();
        if let Some(filter) = filter {
            self.conjuncts(filter, &mut filters)?;
        }
        let width = self.scope().columns.len();
        Ok(push_filters(source, filters, 0..width, 0))
    }

    /// Binds a select list.
    pub(super) fn items(&mut self, items: &[SelectItem]) -> SqlResult<(Vec<Typed>, Vec<ColumnMeta>)> {
        let (mut bound, mut columns) = (Vec::new(), Vec::new());
        // Subqueries in the list are not what is formatted.
        let mut origins = self.origins.take();
        for item in items {
            let before = bound.len();
            match item {
                SelectItem::Star(prefix) => self.star(prefix, &mut bound, &mut columns)?,
                SelectItem::Expression(expr, alias) => {
                    let typed = self.expression(expr)?;
                    let own_name = match expr {
                        Expr::Column(parts) => parts.last().cloned(),
                        _ => None,
                    };
                    let name = alias.clone().or(own_name).unwrap_or_else(|| "".into());
                    let mut column = column_meta(name, typed.data_type, typed.nullable);
                    column.identity = self.is_identity(&typed.ex);
                    columns.push(column);
                    bound.push(typed);
                }
                SelectItem::Assign(_, _, expr) => {
                    let typed = self.expression(expr)?;
                    columns.push(column_meta("".into(), typed.data_type, true));
                    bound.push(typed);
                }
            }
            if let Some(origins) = &mut origins {
                origins.extend(bound[before..].iter().map(|typed| self.origin(typed, item)));
            }
        }
        self.origins = origins;
        Ok((bound, columns))
    }

    fn is_identity(&self, ex: &Ex) -> bool {
        let Ex::Column { depth: 0, ordinal } = ex else { return false };
        self.scopes
            .last()
            .filter(|scope| scope.grouping.is_none())
            .and_then(|scope| scope.columns.get(*ordinal))
            .is_some_and(|column| column.identity)
    }

    fn star(
        &mut self,
        prefix: &[Rc<str>],
        bound: &mut Vec<Typed>,
        columns: &mut Vec<ColumnMeta>,
    ) -> SqlResult<()> {
        let known = self.scope().columns.clone();
        let before = bound.len();
        for (ordinal, column) in known.iter().enumerate() {
            let wanted = prefix.last().is_none_or(|source| same_name(source, &column.source));
            if column.hidden || !wanted {
                continue;
            }
            if self.scope().grouping.is_some() {
                let parts = vec![column.source.clone(), column.name.clone()];
                bound.push(self.expression(&Expr::Column(parts))?);
            } else {
                bound.push(Typed {
                    ex: Ex::Column { depth: 0, ordinal },
                    data_type: column.data_type,
                    nullable: column.nullable,
                });
            }
            let mut meta = column_meta(column.name.clone(), column.data_type, column.nullable);
            meta.identity = column.identity;
            columns.push(meta);
        }
        if bound.len() == before {
            return Err(match prefix.last() {
                Some(source) => error(107, 1, &[source]),
                None => error(263, 1, &[]),
            });
        }
        Ok(())
    }

    fn order(
        &mut self,
        order_by: &[OrderItem],
        columns: &[ColumnMeta],
        items: &[Typed],
        select: &Select,
        extra: &mut Vec<Ex>,
    ) -> SqlResult<Vec<(SortKey, bool)>> {
        let mut order = Vec::new();
        for item in order_by {
            let output = output_position(&item.value, columns)?;
            let key = match output {
                Some(at) => SortKey::Output(at),
                None => {
                    let typed = self.expression(&item.value)?;
                    let same = items.iter().position(|known| same_column(&known.ex, &typed.ex));
                    match same {
                        Some(at) => SortKey::Output(at),
                        None if select.distinct => return Err(error(145, 1, &[])),
                        None => {
                            extra.push(typed.ex);
                            SortKey::Extra(extra.len() - 1)
                        }
                    }
                }
            };
            order.push((key, item.descending));
        }
        Ok(order)
    }
}

pub(super) fn same_column(a: &Ex, b: &Ex) -> bool {
    matches!((a, b), (Ex::Column { depth: d1, ordinal: a }, Ex::Column { depth: d2, ordinal: b }) if a == b && d1 == d2)
}

/// A column of a result.
pub(super) fn column_meta(name: Rc<str>, data_type: DataType, nullable: bool) -> ColumnMeta {
    ColumnMeta { name, data_type, nullable, identity: false }
}

/// The output column that an ORDER BY item names, by position or alias.
pub(super) fn output_position(expr: &Expr, columns: &[ColumnMeta]) -> SqlResult<Option<usize>> {
    match expr {
        Expr::Literal(Value::Int(position), _) => {
            let at = usize::try_from(*position - 1).ok().filter(|at| *at < columns.len());
            at.map(Some).ok_or_else(|| error(108, 1, &[position]))
        }
        Expr::Column(parts) if parts.len() == 1 => {
            Ok(columns.iter().position(|column| same_name(&column.name, &parts[0])))
        }
        _ => Ok(None),
    }
}

pub(super) fn output_order(
    order_by: &[OrderItem],
    columns: &[ColumnMeta],
) -> SqlResult<Vec<(SortKey, bool)>> {
    let mut order = Vec::new();
    for item in order_by {
        let at = output_position(&item.value, columns)?.ok_or_else(|| error(104, 1, &[]))?;
        order.push((SortKey::Output(at), item.descending));
    }
    Ok(order)
}

/// Whether an aggregate stands in an expression (not inside a subquery or a window).
pub(super) fn has_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) if call.over.is_none() && AggregateKind::by_name(&call.name).is_some() => true,
        Expr::Call(call) => {
            let over = call.over.iter().flat_map(|over| {
                over.partition_by.iter().chain(over.order_by.iter().map(|item| &item.value))
            });
            call.arguments.iter().chain(over).any(has_aggregate)
        }
        Expr::Unary(_, inner)
        | Expr::Not(inner)
        | Expr::IsNull(inner)
        | Expr::Collate(inner, _)
        | Expr::InQuery(inner, _)
        | Expr::Convert { value: inner, .. }
        | Expr::Quantified { left: inner, .. } => has_aggregate(inner),
        Expr::Binary(_, a, b) | Expr::Compare(_, a, b) | Expr::And(a, b) | Expr::Or(a, b) => {
            has_aggregate(a) || has_aggregate(b)
        }
        Expr::InList(value, list) => has_aggregate(value) || list.iter().any(has_aggregate),
        Expr::Like { text, pattern, .. } => has_aggregate(text) || has_aggregate(pattern),
        Expr::Case { operand, branches, otherwise } => {
            operand.as_deref().is_some_and(has_aggregate)
                || branches.iter().any(|(when, then)| has_aggregate(when) || has_aggregate(then))
                || otherwise.as_deref().is_some_and(has_aggregate)
        }
        _ => false,
    }
}

/// Whether a query reads a table of that bare name.
pub(super) fn mentions(body: &QueryBody, name: &str) -> bool {
    use crate::tsql::ast::TableSource;
    fn source_mentions(source: &TableSource, name: &str) -> bool {
        match source {
            TableSource::Named { name: table, .. } => {
                table.schema.is_none() && table.database.is_none() && same_name(&table.name, name)
            }
            TableSource::Derived { query, .. } => mentions(&query.body, name),
            TableSource::Join { left, right, .. } => {
                source_mentions(left, name) || source_mentions(right, name)
            }
            TableSource::Pivot(pivot) => source_mentions(&pivot.source, name),
            TableSource::Unpivot(unpivot) => source_mentions(&unpivot.source, name),
            TableSource::Variable { .. } | TableSource::Function { .. } | TableSource::OpenJson(_) => false,
        }
    }
    match body {
        QueryBody::Select(select) => select.from.iter().any(|source| source_mentions(source, name)),
        QueryBody::Values(_) => false,
        QueryBody::Combine { left, right, .. } => mentions(left, name) || mentions(right, name),
        QueryBody::Nested(query) => mentions(&query.body, name),
    }
}
