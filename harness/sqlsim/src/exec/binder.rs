//! Binds names: from syntax to [`Ex`], with scopes, types and conversions settled.

use super::environment::Environment;
use super::expression::{Ex, Typed, convert_ex};
use super::functions;
use super::operators::arithmetic_type;
use super::query::{Aggregate, AggregateKind, CompiledQuery, WindowSpec};
use super::window::WindowParts;
use crate::engine::same_name;
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{BinaryOperator, Call, CommonTable, Comparison, Expr, Query, UnaryOperator};
use crate::value::{DataType, Value};
use std::rc::Rc;

/// A column that can be named.
#[derive(Clone, Debug)]
pub(super) struct ScopeColumn {
    /// Alias or name of its table.
    pub(super) source: Rc<str>,
    /// Schema of its table, for `dbo.t.c`.
    pub(super) schema: Option<Rc<str>>,
    /// Name.
    pub(super) name: Rc<str>,
    /// Type.
    pub(super) data_type: DataType,
    /// Whether it can be NULL.
    pub(super) nullable: bool,
    /// Whether it is an identity.
    pub(super) identity: bool,
    /// Left out of `*`.
    pub(super) hidden: bool,
}

/// Keys and aggregates of a grouped query.
#[derive(Default)]
pub(super) struct Grouping {
    /// The key expressions as written.
    pub(super) written: Vec<Expr>,
    /// The keys, bound to the ungrouped rows.
    pub(super) keys: Vec<Typed>,
    /// Aggregates asked for so far.
    pub(super) aggregates: Vec<Aggregate>,
    /// GROUPING SETS and their like: a mask of the keys left out stands behind the keys.
    pub(super) has_sets: bool,
}

/// What names mean in one query.
#[derive(Default)]
pub(super) struct Scope {
    /// Columns of FROM.
    pub(super) columns: Vec<ScopeColumn>,
    /// Set while the select list of a grouped query is bound.
    pub(super) grouping: Option<Grouping>,
    /// Window functions asked for so far; `None` where they are not allowed.
    pub(super) windows: Option<Vec<WindowSpec>>,
}

/// A common table expression in reach.
#[derive(Clone)]
pub(super) struct VisibleTable {
    pub(super) table: CommonTable,
    /// How many of the visible tables it may itself see.
    pub(super) sees: usize,
    /// Whether its query reads itself.
    pub(super) recursive: bool,
    /// While its recursive part is bound: the rows that this part reads.
    pub(super) member: Option<Rc<super::recursion::Step>>,
}

/// Binds expressions and queries.
pub(super) struct Binder<'e, 'a> {
    pub(super) env: &'e Environment<'a>,
    pub(super) scopes: Vec<Scope>,
    pub(super) tables: Vec<VisibleTable>,
    /// The outermost scope that the query being bound has referred to.
    pub(super) lowest_used: usize,
    /// Views and common tables being expanded.
    pub(super) expansion: u32,
    /// The database whose names are bound (a view's own).
    pub(super) database: crate::engine::DatabaseId,
    /// On whose behalf tables are read: a view's owner inside a view.
    pub(super) chain: super::permissions::Chain,
    /// Tables that have been met, and how they are read.
    pub(super) read: Vec<(crate::engine::DatabaseId, crate::engine::ObjectId, crate::engine::Access)>,
    /// The table read for UPDATE or DELETE.
    pub(super) change_target: Option<super::target::ChangeTarget>,
    /// The next SELECT shows the ids of the target's rows behind its columns.
    pub(super) exports: bool,
    /// OPTION (MAXRECURSION).
    pub(super) max_recursion: Option<u32>,
    /// Set while a query is bound that FOR XML or FOR JSON formats: what its items are.
    pub(super) origins: Option<Vec<super::format::ItemOrigin>>,
}

impl<'e, 'a> Binder<'e, 'a> {
    pub(super) fn new(env: &'e Environment<'a>) -> Self {
        Self {
            env,
            scopes: Vec::new(),
            tables: Vec::new(),
            lowest_used: usize::MAX,
            chain: env.chain,
            expansion: 0,
            database: env.database,
            read: Vec::new(),
            change_target: None,
            exports: false,
            max_recursion: None,
            origins: None,
        }
    }

    /// Binds a value outside of any query.
    pub(super) fn value(&mut self, expr: &Expr) -> SqlResult<Typed> {
        self.expression(expr)
    }

    /// Binds a subquery and says whether it depends on rows around it.
    pub(super) fn subquery(&mut self, query: &Query) -> SqlResult<Rc<CompiledQuery>> {
        let outside = std::mem::replace(&mut self.lowest_used, usize::MAX);
        let depth = self.scopes.len();
        let mut compiled = self.query(query)?;
        compiled.is_correlated = self.lowest_used < depth;
        self.lowest_used = self.lowest_used.min(outside);
        Ok(Rc::new(compiled))
    }

    /// A subquery that gives one column.
    fn one_column(&mut self, query: &Query) -> SqlResult<Rc<CompiledQuery>> {
        let compiled = self.subquery(query)?;
        if compiled.columns.len() == 1 { Ok(compiled) } else { Err(error(116, 1, &[])) }
    }

    /// Binds a condition.
    pub(super) fn condition(&mut self, expr: &Expr) -> SqlResult<Ex> {
        Ok(match expr {
            Expr::Compare(comparison, left, right) => {
                let (left, right, _) = self.comparable(left, right)?;
                Ex::Compare(*comparison, Box::new(left), Box::new(right))
            }
            Expr::And(left, right) => {
                Ex::And(Box::new(self.condition(left)?), Box::new(self.condition(right)?))
            }
            Expr::Or(left, right) => {
                Ex::Or(Box::new(self.condition(left)?), Box::new(self.condition(right)?))
            }
            Expr::Not(inner) => Ex::Not(Box::new(self.condition(inner)?)),
            Expr::IsNull(inner) => Ex::IsNull(Box::new(self.expression(inner)?.ex)),
            Expr::InList(value, list) => {
                let value = self.expression(value)?;
                let list = list.iter().map(|item| self.expression(item)).collect::<SqlResult<Vec<_>>>()?;
                let target =
                    list.iter().try_fold(value.data_type, |a, b| common_comparison(a, b.data_type))?;
                let list = list.into_iter().map(|item| comparison_side(item, target)).collect();
                Ex::InList(Box::new(comparison_side(value, target)), list)
            }
            Expr::InQuery(value, query) => {
                let value = self.expression(value)?;
                let query = self.one_column(query)?;
                let from = query.columns[0].data_type;
                let to = common_comparison(value.data_type, from)?;
                Ex::InQuery { value: Box::new(comparison_side(value, to)), query, from, to }
            }
            Expr::Quantified { comparison, all, left, query } => {
                let left = Box::new(self.expression(left)?.ex);
                Ex::Quantified { comparison: *comparison, all: *all, left, query: self.one_column(query)? }
            }
            Expr::Exists(query) => Ex::Exists(self.subquery(query)?),
            Expr::Like { text, pattern, escape } => {
                let text = Box::new(as_text(self.expression(text)?));
                let pattern = Box::new(as_text(self.expression(pattern)?));
                let escape = match escape {
                    Some(escape) => Some(Box::new(as_text(self.expression(escape)?))),
                    None => None,
                };
                Ex::Like { text, pattern, escape }
            }
            other => return Err(error(4145, 1, &[&describe(other)])),
        })
    }

    /// Binds two sides of a comparison to a common type.
    fn comparable(&mut self, left: &Expr, right: &Expr) -> SqlResult<(Ex, Ex, DataType)> {
        let left = self.expression(left)?;
        let right = self.expression(right)?;
        let target = common_comparison(left.data_type, right.data_type)?;
        Ok((comparison_side(left, target), comparison_side(right, target), target))
    }

    /// Binds a value.
    pub(super) fn expression(&mut self, expr: &Expr) -> SqlResult<Typed> {
        if let Some(key) = self.group_key(expr)? {
            return Ok(key);
        }
        // Chains of operators are deep: what they go through must need little stack.
        match expr {
            Expr::Binary(operator, left, right) => self.arithmetic(*operator, left, right),
            other => self.other_expression(other),
        }
    }

    fn other_expression(&mut self, expr: &Expr) -> SqlResult<Typed> {
        Ok(match expr {
            Expr::Literal(value, data_type) => {
                Typed { nullable: value.is_null(), ..Typed::new(Ex::Constant(value.clone()), *data_type) }
            }
            Expr::Variable(slot) => Typed::new(Ex::Variable(*slot), self.env.variable_type(*slot)),
            Expr::SystemVariable(name) => {
                let (variable, data_type) =
                    functions::system_variable(name).ok_or_else(|| error(137, 2, &[name]))?;
                Typed::new(Ex::SystemVariable(variable), data_type)
            }
            Expr::Column(parts) => self.column(parts)?,
            Expr::Unary(UnaryOperator::Minus, inner) => {
                let inner = self.expression(inner)?;
                if !inner.data_type.is_number() {
                    return Err(error(8117, 1, &[&inner.data_type.name(), &"minus"]));
                }
                Typed::new(Ex::Negate(Box::new(inner.ex), inner.data_type), inner.data_type)
            }
            Expr::Unary(UnaryOperator::BitNot, inner) => {
                let inner = self.expression(inner)?;
                Typed::new(Ex::BitNot(Box::new(inner.ex)), inner.data_type)
            }
            Expr::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise)?
            }
            Expr::Convert { value, target, style, is_try } => {
                let value = self.expression(value)?;
                let style = match style {
                    Some(style) => Some(Box::new(self.expression(style)?.converted(DataType::Int))),
                    None => None,
                };
                let (from, nullable) = (value.data_type, value.nullable || *is_try);
                let value = Box::new(value.ex);
                let (to, is_try) = (*target, *is_try);
                let ex = Ex::Convert { value, from, to, style, is_try, is_explicit: true };
                Typed { ex, data_type: *target, nullable }
            }
            Expr::Call(call) => self.call(call)?,
            Expr::NextValue(name) => self.next_value(name)?,
            Expr::Subquery(query) => {
                let query = self.one_column(query)?;
                let data_type = query.columns[0].data_type;
                Typed::new(Ex::Scalar(query), data_type)
            }
            Expr::Collate(inner, collation) => {
                if !collation.to_ascii_lowercase().contains("_ci")
                    && !same_name(collation, "database_default")
                {
                    return Err(error(40_510, 1, &[&format!("COLLATE {collation}")]));
                }
                self.expression(inner)?
            }
            condition => {
                return Err(error(102, 1, &[&describe(condition)]));
            }
        })
    }

    fn arithmetic(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr) -> SqlResult<Typed> {
        let left = self.expression(left)?;
        let right = self.expression(right)?;
        let types = (left.data_type, right.data_type);
        let is_null = |typed: &Typed| matches!(typed.ex, Ex::Constant(Value::Null));
        // A bare NULL takes the other side's type.
        let types = match (is_null(&left), is_null(&right)) {
            (true, false) => (types.1, types.1),
            (false, true) => (types.0, types.0),
            _ => types,
        };
        let out = arithmetic_type(operator, types.0, types.1)?;
        let nullable = left.nullable || right.nullable;
        let ex = Ex::Arithmetic { operator, left: Box::new(left.ex), right: Box::new(right.ex), types, out };
        Ok(Typed { ex, data_type: out, nullable })
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        branches: &[(Expr, Expr)],
        otherwise: &Option<Box<Expr>>,
    ) -> SqlResult<Typed> {
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for (when, then) in branches {
            conditions.push(match operand {
                Some(operand) => {
                    let (left, right, _) = self.comparable(operand, when)?;
                    Ex::Compare(Comparison::Equal, Box::new(left), Box::new(right))
                }
                None => self.condition(when)?,
            });
            results.push(self.expression(then)?);
        }
        let has_otherwise = otherwise.is_some();
        if let Some(otherwise) = otherwise {
            results.push(self.expression(otherwise)?);
        }
        let out = common_type(&results)?;
        let nullable = !has_otherwise || results.iter().any(|result| result.nullable);
        let mut results: Vec<Ex> = results.into_iter().map(|result| result.converted(out)).collect();
        let otherwise = if has_otherwise { results.pop().map(Box::new) } else { None };
        let branches = conditions.into_iter().zip(results).collect();
        Ok(Typed { ex: Ex::Case { branches, otherwise }, data_type: out, nullable })
    }

    fn call(&mut self, call: &Call) -> SqlResult<Typed> {
        if call.over.is_some() {
            return self.window(call);
        }
        if let Some(kind) = AggregateKind::by_name(&call.name) {
            return self.aggregate(kind, call);
        }
        let name = call.name.name.to_ascii_uppercase();
        if matches!(&*name, "GROUPING" | "GROUPING_ID") && call.name.schema.is_none() {
            return self.grouping_mask(call);
        }
        if WINDOW_ONLY.contains(&&*name) && call.name.schema.is_none() {
            return Err(error(10_753, 1, &[&call.name.name]));
        }
        if call.name.schema.is_some() && !call.name.schema.as_deref().is_some_and(|s| same_name(s, "sys")) {
            return self.user_function(call);
        }
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(self.expression(argument)?);
        }
        match (&*name, arguments.len()) {
            ("COALESCE", 1..) => {
                let out = common_type(&arguments)?;
                let nullable = arguments.iter().all(|argument| argument.nullable);
                let list = arguments.into_iter().map(|argument| argument.converted(out)).collect();
                Ok(Typed { ex: Ex::Coalesce(list), data_type: out, nullable })
            }
            ("ISNULL", 2) => {
                let untyped = matches!(arguments[0].ex, Ex::Constant(Value::Null));
                let out = arguments[usize::from(untyped)].data_type;
                let nullable = arguments[1].nullable;
                let list = arguments.into_iter().map(|argument| argument.converted(out)).collect();
                Ok(Typed { ex: Ex::Coalesce(list), data_type: out, nullable })
            }
            ("NULLIF", 2) => {
                let out = arguments[0].data_type;
                let target = common_comparison(out, arguments[1].data_type)?;
                let mut sides = arguments.into_iter();
                let (Some(left), Some(right)) = (sides.next(), sides.next()) else {
                    return Err(error(174, 1, &[&"nullif", &2]));
                };
                let right = comparison_side(right, target);
                let ex = Ex::NullIf(Box::new(left.ex), Box::new(right));
                Ok(Typed::new(ex, out))
            }
            ("CHOOSE", 2..) => {
                let index = arguments.remove(0).converted(DataType::Int);
                let out = common_type(&arguments)?;
                let mut list = vec![index];
                list.extend(arguments.into_iter().map(|argument| argument.converted(out)));
                let types = vec![out; list.len()];
                Ok(Typed::new(Ex::Call { function: functions::choose, arguments: list, types }, out))
            }
            ("JSON_MODIFY", 3) => functions::json::modify(arguments, &call.arguments[2]),
            ("JSON_MODIFY", _) => Err(error(174, 1, &[&"json_modify", &3])),
            _ => functions::bind(&name, arguments, self.env),
        }
    }

    // ---- aggregates and windows ---------------------------------------------

    fn aggregate(&mut self, kind: AggregateKind, call: &Call) -> SqlResult<Typed> {
        let Some(scope) = self.scopes.last_mut() else {
            return Err(error(195, 10, &[&call.name, &"function name"]));
        };
        let Some(mut grouping) = scope.grouping.take() else { return Err(error(147, 1, &[])) };
        let bound = self.aggregate_spec(kind, call);
        let data_type = bound.as_ref().map(|aggregate| aggregate.data_type).unwrap_or(DataType::Int);
        let ordinal = grouping.keys.len() + usize::from(grouping.has_sets) + grouping.aggregates.len();
        let outcome = bound.map(|aggregate| grouping.aggregates.push(aggregate));
        if let Some(scope) = self.scopes.last_mut() {
            scope.grouping = Some(grouping);
        }
        outcome?;
        let nullable = !matches!(kind, AggregateKind::Count | AggregateKind::CountBig);
        Ok(Typed { ex: Ex::Column { depth: 0, ordinal }, data_type, nullable })
    }

    /// Binds an aggregate's arguments to the ungrouped rows.
    fn aggregate_spec(&mut self, kind: AggregateKind, call: &Call) -> SqlResult<Aggregate> {
        let arguments = call.arguments.iter().map(|a| self.expression(a)).collect::<SqlResult<Vec<_>>>()?;
        let mut order = Vec::new();
        for item in &call.within_group {
            order.push((self.expression(&item.value)?.ex, item.descending));
        }
        Aggregate::new(kind, call, arguments, order)
    }

    fn window(&mut self, call: &Call) -> SqlResult<Typed> {
        let over = call.over.as_ref().cloned().unwrap_or_default();
        let scope = self.scopes.last_mut();
        let Some(mut windows) = scope.and_then(|scope| scope.windows.take()) else {
            return Err(error(4108, 1, &[]));
        };
        let spec = self.window_spec(call, &over);
        let data_type = spec.as_ref().map(|spec| spec.data_type).unwrap_or(DataType::Int);
        let at = windows.len();
        let outcome = spec.map(|spec| windows.push(spec));
        if let Some(scope) = self.scopes.last_mut() {
            scope.windows = Some(windows);
        }
        outcome?;
        Ok(Typed::new(Ex::Window(at), data_type))
    }

    fn window_spec(&mut self, call: &Call, over: &crate::tsql::ast::Over) -> SqlResult<WindowSpec> {
        let mut partition = Vec::new();
        for expr in &over.partition_by {
            partition.push(self.expression(expr)?.ex);
        }
        let mut order = Vec::new();
        for item in &over.order_by {
            order.push((self.expression(&item.value)?.ex, item.descending));
        }
        let mut arguments = Vec::new();
        for argument in &call.arguments {
            arguments.push(self.expression(argument)?);
        }
        let within = match call.within_group.first() {
            Some(item) => Some((self.expression(&item.value)?, item.descending)),
            None => None,
        };
        WindowSpec::new(call, WindowParts { arguments, partition, order, frame: over.frame, within })
    }

    /// GROUPING and GROUPING_ID: which of the keys are left out of a row's grouping set.
    fn grouping_mask(&mut self, call: &Call) -> SqlResult<Typed> {
        let name = call.name.name.to_ascii_uppercase();
        let Some(grouping) = self.scopes.last().and_then(|scope| scope.grouping.as_ref()) else {
            return Err(error(8161, 1, &[&1, &name]));
        };
        let (keys, has_sets) = (grouping.keys.len(), grouping.has_sets);
        let mut bits = Vec::new();
        for (at, argument) in call.arguments.iter().enumerate() {
            let Ok(Some(Typed { ex: Ex::Column { ordinal, .. }, .. })) = self.group_key(argument) else {
                return Err(error(8161, 1, &[&(at + 1), &name]));
            };
            bits.push(Value::Int(i64::try_from(ordinal).unwrap_or(0)));
        }
        if bits.is_empty() {
            bits.extend((0..keys).map(|at| Value::Int(i64::try_from(at).unwrap_or(0))));
        }
        let mask =
            if has_sets { Ex::Column { depth: 0, ordinal: keys } } else { Ex::Constant(Value::Int(0)) };
        let mut arguments = vec![mask];
        arguments.extend(bits.into_iter().map(Ex::Constant));
        let types = vec![DataType::BigInt; arguments.len()];
        let data_type = if name == "GROUPING" { DataType::TinyInt } else { DataType::Int };
        Ok(Typed {
            ex: Ex::Call { function: functions::grouping, arguments, types },
            data_type,
            nullable: false,
        })
    }

    /// The key of GROUP BY that an expression is, when the query is grouped.
    fn group_key(&mut self, expr: &Expr) -> SqlResult<Option<Typed>> {
        let Some(scope) = self.scopes.last() else { return Ok(None) };
        let Some(grouping) = &scope.grouping else { return Ok(None) };
        let found = grouping.written.iter().position(|written| written == expr);
        let found = match (found, expr) {
            (None, Expr::Column(parts)) => {
                let ordinal = find_column(&scope.columns, parts)?;
                let is_key =
                    |key: &Typed| matches!(key.ex, Ex::Column { depth: 0, ordinal: o } if Some(o) == ordinal);
                grouping.keys.iter().position(is_key)
            }
            (found, _) => found,
        };
        Ok(found.map(|ordinal| {
            let key = &grouping.keys[ordinal];
            Typed { ex: Ex::Column { depth: 0, ordinal }, data_type: key.data_type, nullable: key.nullable }
        }))
    }

    // ---- columns --------------------------------------------------------------

    /// Finds a column in the scopes, innermost first.
    fn column(&mut self, parts: &[Rc<str>]) -> SqlResult<Typed> {
        for depth in 0..self.scopes.len() {
            let at = self.scopes.len() - 1 - depth;
            let Some(ordinal) = find_column(&self.scopes[at].columns, parts)? else { continue };
            let column = &self.scopes[at].columns[ordinal];
            let mut typed = Typed {
                ex: Ex::Column { depth, ordinal },
                data_type: column.data_type,
                nullable: column.nullable,
            };
            if let Some(grouping) = &self.scopes[at].grouping {
                let is_key =
                    |key: &Typed| matches!(key.ex, Ex::Column { depth: 0, ordinal: o } if o == ordinal);
                let Some(key) = grouping.keys.iter().position(is_key) else {
                    let full = format!("{}.{}", column.source, column.name);
                    return Err(error(8120, 1, &[&full]));
                };
                typed.ex = Ex::Column { depth, ordinal: key };
            }
            if depth > 0 {
                self.lowest_used = self.lowest_used.min(at);
            }
            return Ok(typed);
        }
        match parts {
            [name] => Err(error(207, 1, &[name])),
            _ => Err(error(4104, 1, &[&parts.join(".")])),
        }
    }
}

/// Functions that need OVER.
const WINDOW_ONLY: [&str; 12] = [
    "ROW_NUMBER",
    "RANK",
    "DENSE_RANK",
    "NTILE",
    "PERCENT_RANK",
    "CUME_DIST",
    "LAG",
    "LEAD",
    "FIRST_VALUE",
    "LAST_VALUE",
    "PERCENTILE_CONT",
    "PERCENTILE_DISC",
];

/// The ordinal of a column by its (qualified) name.
pub(super) fn find_column(columns: &[ScopeColumn], parts: &[Rc<str>]) -> SqlResult<Option<usize>> {
    let Some((name, prefix)) = parts.split_last() else { return Ok(None) };
    let fits = |column: &ScopeColumn| {
        same_name(&column.name, name)
            && match prefix {
                [] => !column.hidden,
                [.., source] => {
                    same_name(&column.source, source)
                        && (prefix.len() == 1
                            || column.schema.as_ref().is_none_or(|schema| {
                                prefix[prefix.len() - 2].is_empty()
                                    || same_name(schema, &prefix[prefix.len() - 2])
                            }))
                }
            }
    };
    let mut found = columns.iter().enumerate().filter(|(_, column)| fits(column)).map(|(ordinal, _)| ordinal);
    let first = found.next();
    if first.is_some() && found.next().is_some() {
        return Err(error(209, 1, &[name]));
    }
    Ok(first)
}

/// The type to which both sides of a comparison are brought.
pub(super) fn common_comparison(left: DataType, right: DataType) -> SqlResult<DataType> {
    let higher = if left.precedence() >= right.precedence() { left } else { right };
    let lower = if left.precedence() >= right.precedence() { right } else { left };
    if (higher.is_moment() && lower.is_binary())
        || (higher == DataType::UniqueIdentifier && lower.is_number())
    {
        return Err(error(206, 2, &[&left.name(), &right.name()]));
    }
    Ok(match higher {
        // The longer text keeps both.
        _ if left.is_text() && right.is_text() => {
            if higher.is_national() {
                DataType::NVarChar(crate::value::Length::Max)
            } else {
                DataType::VarChar(crate::value::Length::Max)
            }
        }
        _ if higher.is_binary() && lower.is_binary() => DataType::VarBinary(crate::value::Length::Max),
        DataType::Decimal { .. } if lower.is_text() => DataType::Decimal { precision: 38, scale: 10 },
        other => other,
    })
}

/// Brings one side to the common type. Numbers and texts compare across their own kinds as they are.
fn comparison_side(side: Typed, target: DataType) -> Ex {
    let same_kind = (side.data_type.is_number() && target.is_number())
        || (side.data_type.is_text() && target.is_text())
        || (side.data_type.is_binary() && target.is_binary());
    if same_kind { side.ex } else { convert_ex(side.ex, side.data_type, target) }
}

/// The type of several results: the highest, wide enough for all.
pub(super) fn common_type(list: &[Typed]) -> SqlResult<DataType> {
    let typed = list.iter().filter(|typed| !matches!(typed.ex, Ex::Constant(Value::Null)));
    let mut out: Option<DataType> = None;
    for data_type in typed.map(|typed| typed.data_type) {
        out = Some(out.map_or(data_type, |out| wider(out, data_type)));
    }
    Ok(out.unwrap_or(DataType::Int))
}

/// The type that holds values of both.
pub(super) fn wider(a: DataType, b: DataType) -> DataType {
    use crate::value::Length::{Max, Upto};
    let (high, low) = if a.precedence() >= b.precedence() { (a, b) } else { (b, a) };
    let longest = match (a.length(), b.length()) {
        (Some(a), Some(b)) => Upto(a.max(b)),
        _ => Max,
    };
    match high {
        DataType::Decimal { .. } if low.is_number() => {
            let ((p1, s1), (p2, s2)) = (a.decimal_shape(), b.decimal_shape());
            let scale = s1.max(s2);
            let whole = (p1 - s1).max(p2 - s2);
            DataType::Decimal { precision: (whole + scale).min(38), scale: scale.min(38 - whole.min(38)) }
        }
        DataType::NVarChar(_) | DataType::NChar(_) if low.is_text() && a != b => DataType::NVarChar(longest),
        DataType::VarChar(_) | DataType::Char(_) if low.is_text() && a != b => DataType::VarChar(longest),
        DataType::VarBinary(_) | DataType::Binary(_) if low.is_binary() && a != b => {
            DataType::VarBinary(longest)
        }
        other => other,
    }
}

fn as_text(typed: Typed) -> Ex {
    if typed.data_type.is_text() {
        return typed.ex;
    }
    convert_ex(typed.ex, typed.data_type, DataType::NVarChar(crate::value::Length::Upto(4000)))
}

fn describe(expr: &Expr) -> String {
    match expr {
        Expr::Column(parts) => parts.join("."),
        Expr::Variable(_) => "variable".into(),
        Expr::Call(call) => call.name.name.to_string(),
        Expr::Literal(value, data_type) => {
            crate::value::convert::display(value, *data_type, 0).unwrap_or_default()
        }
        _ => "condition".into(),
    }
}
