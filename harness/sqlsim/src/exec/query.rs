//! Queries: bound once, run as often as their rows are asked for.

use super::binder::{Binder, Grouping, Scope, VisibleTable, wider};
use super::environment::Environment;
use super::expression::{Ex, Frame, Typed, eval_all};
use super::source::{Node, push_filters};
use crate::engine::{Fault, Key, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Expr, OrderItem, Query, QueryBody, Select, SelectItem, SetOperator};
use crate::value::{ColumnMeta, DataType, Row, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

pub(super) use super::aggregate::{Aggregate, AggregateKind, WindowSpec};

/// A bound query.
pub(super) struct CompiledQuery {
    /// Its columns.
    pub(super) columns: Vec<ColumnMeta>,
    body: Body,
    order: Vec<(SortKey, bool)>,
    offset: Option<Ex>,
    fetch: Option<Ex>,
    /// Whether its rows depend on a row around it.
    pub(super) is_correlated: bool,
    /// The rows of a query that depends on nothing, once read by this statement.
    kept: RefCell<Option<Rc<[Row]>>>,
}

/// What rows are sorted by.
enum SortKey {
    /// A column of the output.
    Output(usize),
    /// Another value of the row.
    Extra(usize),
}

enum Body {
    Select(Box<CompiledSelect>),
    Values(Vec<Vec<Ex>>),
    Combine { operator: SetOperator, left: Box<Part>, right: Box<Part> },
}

/// One side of UNION and its like, with the conversions its columns need.
struct Part {
    query: CompiledQuery,
    conversions: Vec<Option<(DataType, DataType)>>,
}

struct CompiledSelect {
    source: Node,
    filters: Vec<Ex>,
    grouping: Option<CompiledGrouping>,
    windows: Vec<WindowSpec>,
    items: Vec<Ex>,
    /// Values to sort by that are not in the output.
    extra: Vec<Ex>,
    distinct: bool,
    top: Option<CompiledTop>,
}

struct CompiledGrouping {
    keys: Vec<Ex>,
    aggregates: Vec<Aggregate>,
    having: Option<Ex>,
}

struct CompiledTop {
    count: Ex,
    with_ties: bool,
}

/// A row of the output and what it is sorted by besides.
struct Produced {
    row: Row,
    extra: Vec<Value>,
}

impl Binder<'_, '_> {
    /// Binds a query.
    pub(super) fn query(&mut self, query: &Query) -> SqlResult<CompiledQuery> {
        let visible = self.tables.len();
        for table in &query.tables {
            let recursive = mentions(&table.query.body, &table.name);
            if recursive {
                return Err(error(40_510, 1, &[&"recursive common table expression"]));
            }
            let sees = self.tables.len();
            self.tables.push(VisibleTable { table: table.clone(), sees });
        }
        let compiled = self.query_body(&query.body, &query.order_by, query);
        self.tables.truncate(visible);
        compiled
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
            QueryBody::Values(rows) => self.values(rows)?,
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
        let plain = |body: &QueryBody| Query {
            tables: Vec::new(),
            body: body.clone(),
            order_by: Vec::new(),
            offset: None,
            fetch: None,
            line: 0,
        };
        let left = self.query(&plain(left))?;
        let right = self.query(&plain(right))?;
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
        let mut source = self.bind_sources(&select.from)?;
        let filters = self.filters(select.filter.as_ref(), &mut source)?;
        let grouped = !select.group_by.is_empty()
            || select.having.is_some()
            || select.items.iter().any(|item| matches!(item, SelectItem::Expression(e, _) | SelectItem::Assign(_, _, e) if has_aggregate(e)))
            || order_by.iter().any(|item| has_aggregate(&item.value));
        if grouped {
            let mut grouping = Grouping { written: select.group_by.clone(), ..Grouping::default() };
            for expr in &select.group_by {
                grouping.keys.push(self.expression(expr)?);
            }
            self.scope().grouping = Some(grouping);
        }
        self.scope().windows = Some(Vec::new());
        let (items, columns) = self.items(&select.items)?;
        let having = select.having.as_ref().map(|having| self.condition(having)).transpose()?;
        let mut extra = Vec::new();
        let order = self.order(order_by, &columns, &items, select, &mut extra)?;
        let scope = self.scope();
        let windows = scope.windows.take().unwrap_or_default();
        let grouping = scope.grouping.take().map(|grouping| CompiledGrouping {
            keys: grouping.keys.into_iter().map(|key| key.ex).collect(),
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
        Ok(CompiledQuery { order, ..CompiledQuery::new(columns, Body::Select(Box::new(body))) })
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
        for item in items {
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
        }
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

fn same_column(a: &Ex, b: &Ex) -> bool {
    matches!((a, b), (Ex::Column { depth: d1, ordinal: a }, Ex::Column { depth: d2, ordinal: b }) if a == b && d1 == d2)
}

/// A column of a result.
pub(super) fn column_meta(name: Rc<str>, data_type: DataType, nullable: bool) -> ColumnMeta {
    ColumnMeta { name, data_type, nullable, identity: false }
}

/// The output column that an ORDER BY item names, by position or alias.
fn output_position(expr: &Expr, columns: &[ColumnMeta]) -> SqlResult<Option<usize>> {
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

fn output_order(order_by: &[OrderItem], columns: &[ColumnMeta]) -> SqlResult<Vec<(SortKey, bool)>> {
    let mut order = Vec::new();
    for item in order_by {
        let at = output_position(&item.value, columns)?.ok_or_else(|| error(104, 1, &[]))?;
        order.push((SortKey::Output(at), item.descending));
    }
    Ok(order)
}

/// Whether an aggregate stands in an expression (not inside a subquery or a window).
fn has_aggregate(expr: &Expr) -> bool {
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
fn mentions(body: &QueryBody, name: &str) -> bool {
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
            _ => false,
        }
    }
    match body {
        QueryBody::Select(select) => select.from.iter().any(|source| source_mentions(source, name)),
        QueryBody::Values(_) => false,
        QueryBody::Combine { left, right, .. } => mentions(left, name) || mentions(right, name),
        QueryBody::Nested(query) => mentions(&query.body, name),
    }
}

// ---- running ----------------------------------------------------------------------

impl CompiledQuery {
    fn new(columns: Vec<ColumnMeta>, body: Body) -> Self {
        Self {
            columns,
            body,
            order: Vec::new(),
            offset: None,
            fetch: None,
            is_correlated: true,
            kept: RefCell::new(None),
        }
    }

    fn is_null_column(&self, at: usize) -> bool {
        match &self.body {
            Body::Select(select) => matches!(select.items.get(at), Some(Ex::Constant(Value::Null))),
            _ => false,
        }
    }

    /// The rows, for a row around it. Rows that depend on nothing are read once.
    pub(super) fn rows(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Rc<[Row]>, Fault> {
        if !self.is_correlated
            && let Some(kept) = &*self.kept.borrow()
        {
            return Ok(kept.clone());
        }
        let rows: Rc<[Row]> = self.run(env, outer)?.into();
        if !self.is_correlated {
            *self.kept.borrow_mut() = Some(rows.clone());
        }
        Ok(rows)
    }

    /// Whether there is any row.
    pub(super) fn exists(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<bool, Fault> {
        Ok(!self.rows(env, outer)?.is_empty())
    }

    /// Reads all rows.
    pub(super) fn run(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        let (mut produced, top) = match &self.body {
            Body::Select(select) => (select.run(env, outer)?, select.top.as_ref()),
            Body::Values(rows) => {
                let frame = outer.copied().unwrap_or(Frame::NONE);
                let mut produced = Vec::new();
                for row in rows {
                    produced.push(Produced { row: eval_all(row, env, &frame)?.into(), extra: Vec::new() });
                }
                (produced, None)
            }
            Body::Combine { operator, left, right } => {
                let rows = combine(*operator, left.rows(env, outer)?, right.rows(env, outer)?);
                (rows.into_iter().map(|row| Produced { row, extra: Vec::new() }).collect(), None)
            }
        };
        self.sort(&mut produced);
        if let Some(top) = top {
            self.cut(top, &mut produced, env)?;
        }
        self.page(&mut produced, env)?;
        Ok(produced.into_iter().map(|produced| produced.row).collect())
    }

    fn sort(&self, produced: &mut [Produced]) {
        if !self.order.is_empty() && produced.len() > 1 {
            produced.sort_by(|a, b| self.compare(a, b));
        }
    }

    fn compare(&self, a: &Produced, b: &Produced) -> std::cmp::Ordering {
        for (key, descending) in &self.order {
            let (a, b) = match key {
                SortKey::Output(at) => (&a.row[*at], &b.row[*at]),
                SortKey::Extra(at) => (&a.extra[*at], &b.extra[*at]),
            };
            let order = sort_order(a, b);
            if order.is_ne() {
                return if *descending { order.reverse() } else { order };
            }
        }
        std::cmp::Ordering::Equal
    }

    fn cut(
        &self,
        top: &CompiledTop,
        produced: &mut Vec<Produced>,
        env: &Environment<'_>,
    ) -> Result<(), Fault> {
        let mut keep = match top.count.eval(env, &Frame::NONE)? {
            Value::Int(n) if n < 0 => return Err(error(1060, 1, &[]).into()),
            Value::Int(n) => usize::try_from(n).unwrap_or(usize::MAX),
            Value::Float(percent) => {
                if !(0.0..=100.0).contains(&percent) {
                    return Err(error(1031, 1, &[]).into());
                }
                (percent * produced.len() as f64 / 100.0).ceil() as usize
            }
            _ => return Err(error(1060, 1, &[]).into()),
        };
        if top.with_ties && keep > 0 {
            while keep < produced.len() && self.compare(&produced[keep - 1], &produced[keep]).is_eq() {
                keep += 1;
            }
        }
        produced.truncate(keep);
        Ok(())
    }

    fn page(&self, produced: &mut Vec<Produced>, env: &Environment<'_>) -> Result<(), Fault> {
        let count = |ex: &Option<Ex>| -> Result<Option<usize>, Fault> {
            match ex {
                None => Ok(None),
                Some(ex) => match ex.eval(env, &Frame::NONE)? {
                    Value::Int(n) => Ok(Some(usize::try_from(n).map_err(|_| error(10_742, 1, &[]))?)),
                    _ => Err(error(10_742, 1, &[]).into()),
                },
            }
        };
        if let Some(offset) = count(&self.offset)? {
            produced.drain(..offset.min(produced.len()));
        }
        if let Some(fetch) = count(&self.fetch)? {
            produced.truncate(fetch);
        }
        Ok(())
    }
}

/// NULL sorts first.
pub(super) fn sort_order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        _ => super::operators::compare(a, b).unwrap_or(std::cmp::Ordering::Equal),
    }
}

impl Part {
    fn rows(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        let rows = self.query.run(env, outer)?;
        if self.conversions.iter().all(Option::is_none) {
            return Ok(rows);
        }
        let convert = |row: &Row| -> SqlResult<Row> {
            let values = row.iter().zip(&self.conversions).map(|(value, conversion)| match conversion {
                Some((from, to)) => crate::value::convert::convert(value, *from, *to, 0),
                None => Ok(value.clone()),
            });
            values.collect()
        };
        rows.iter().map(|row| Ok(convert(row)?)).collect()
    }
}

fn combine(operator: SetOperator, left: Vec<Row>, right: Vec<Row>) -> Vec<Row> {
    if operator == SetOperator::UnionAll {
        return left.into_iter().chain(right).collect();
    }
    let right_keys: BTreeSet<Key> = match operator {
        SetOperator::Union => BTreeSet::new(),
        _ => right.iter().map(|row| Key::of_values(row)).collect(),
    };
    let rows = if operator == SetOperator::Union { left.into_iter().chain(right).collect() } else { left };
    let mut seen = BTreeSet::new();
    let wanted = |key: &Key| match operator {
        SetOperator::Except => !right_keys.contains(key),
        SetOperator::Intersect => right_keys.contains(key),
        _ => true,
    };
    rows.into_iter()
        .filter(|row| {
            let key = Key::of_values(row);
            wanted(&key) && seen.insert(key)
        })
        .collect()
}

impl CompiledSelect {
    fn run(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Produced>, Fault> {
        let around = Frame { row: &[], base: 0, windows: &[], outer };
        let mut rows = self.source.rows(env, &around)?;
        if !self.filters.is_empty() {
            rows = filter_rows(rows, &self.filters, env, outer)?;
        }
        if let Some(grouping) = &self.grouping {
            rows = grouping.run(env, outer, &rows)?;
        }
        let mut windows: Vec<Vec<Value>> = Vec::new();
        for spec in &self.windows {
            windows.push(spec.values(env, outer, &rows)?);
        }
        let mut produced = Vec::with_capacity(rows.len());
        let mut seen = BTreeSet::new();
        let mut window_row = Vec::with_capacity(windows.len());
        for (at, row) in rows.iter().enumerate() {
            window_row.clear();
            window_row.extend(windows.iter().map(|values| values[at].clone()));
            let frame = Frame { row, base: 0, windows: &window_row, outer };
            let values = eval_all(&self.items, env, &frame)?;
            if self.distinct && !seen.insert(Key::of_values(&values)) {
                continue;
            }
            let extra = eval_all(&self.extra, env, &frame)?;
            produced.push(Produced { row: values.into(), extra });
        }
        Ok(produced)
    }
}

/// Keeps the rows for which all conditions hold.
pub(super) fn filter_rows(
    rows: Vec<Row>,
    filters: &[Ex],
    env: &Environment<'_>,
    outer: Option<&Frame<'_>>,
) -> Result<Vec<Row>, Fault> {
    let mut kept = Vec::with_capacity(rows.len());
    'rows: for row in rows {
        let frame = Frame::of(&row, 0, outer);
        for filter in filters {
            if filter.test(env, &frame)? != Some(true) {
                continue 'rows;
            }
        }
        kept.push(row);
    }
    Ok(kept)
}

impl CompiledGrouping {
    /// One row for each group: its keys, then its aggregates.
    fn run(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>, rows: &[Row]) -> Result<Vec<Row>, Fault> {
        let mut groups: std::collections::BTreeMap<Key, (Vec<Value>, Vec<&Row>)> =
            std::collections::BTreeMap::new();
        for row in rows {
            let keys = eval_all(&self.keys, env, &Frame::of(row, 0, outer))?;
            groups.entry(Key::of_values(&keys)).or_insert_with(|| (keys, Vec::new())).1.push(row);
        }
        if groups.is_empty() && self.keys.is_empty() {
            groups.insert(Key::of_values(&[]), (Vec::new(), Vec::new()));
        }
        let mut out = Vec::with_capacity(groups.len());
        for (_, (mut values, members)) in groups {
            for aggregate in &self.aggregates {
                values.push(aggregate.value(env, outer, &members)?);
            }
            let keep = match &self.having {
                Some(having) => having.test(env, &Frame::of(&values, 0, outer))? == Some(true),
                None => true,
            };
            if keep {
                out.push(values.into());
            }
        }
        Ok(out)
    }
}
