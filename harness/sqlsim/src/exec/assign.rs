//! `SELECT @x = @x + …`: assignments that read what the row before assigned.
//!
//! What does not depend on the variables is read first, sorted and cut as the query says; then the
//! assignments go through the rows in that order.

use super::binder::{Binder, Scope};
use super::environment::Environment;
use super::expression::{Frame, Typed};
use super::source::scope_column;
use crate::engine::Fault;
use crate::tsql::ast::{Expr, Query, QueryBody, SelectItem};
use crate::value::{Value, convert};
use std::rc::Rc;

/// The assignments of a SELECT that read variables which it assigns; `None` when it has none such.
pub(super) struct Accumulation {
    /// The query with what the assignments need from each row.
    pub(super) query: Query,
    /// Variables and their values over these columns.
    assignments: Vec<(usize, Expr)>,
}

impl Accumulation {
    /// Takes a SELECT apart.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let QueryBody::Select(select) = &query.body else { return None };
        let mut slots = Vec::new();
        for item in &select.items {
            let SelectItem::Assign(slot, ..) = item else { return None };
            slots.push(*slot);
        }
        let reads = select.items.iter().any(|item| match item {
            SelectItem::Assign(_, operator, value) => operator.is_some() || reads(value, &slots),
            _ => false,
        });
        if !reads {
            return None;
        }
        let mut needed = Vec::new();
        let mut assignments = Vec::new();
        for item in &select.items {
            let SelectItem::Assign(slot, operator, value) = item else { return None };
            let value = taken_apart(value, &slots, &mut needed);
            let value = match operator {
                Some(operator) => Expr::Binary(*operator, Box::new(Expr::Variable(*slot)), Box::new(value)),
                None => value,
            };
            assignments.push((*slot, value));
        }
        if needed.is_empty() {
            needed.push(Expr::Literal(Value::Int(1), crate::value::DataType::Int));
        }
        let mut select = select.clone();
        select.items = needed
            .into_iter()
            .enumerate()
            .map(|(at, value)| SelectItem::Expression(value, Some(column_name(at))))
            .collect();
        Some(Self { query: Query { body: QueryBody::Select(select), ..query.clone() }, assignments })
    }

    /// The variables' values after the last row.
    pub(super) fn values(
        &self,
        env: &Environment<'_>,
        columns: &[crate::value::ColumnMeta],
        rows: &[crate::value::Row],
    ) -> Result<Vec<(usize, Value)>, Fault> {
        let source: Rc<str> = SOURCE.into();
        let bound = {
            let mut binder = Binder::new(env);
            let columns =
                columns.iter().map(|column| scope_column(column, &source, column.name.clone())).collect();
            binder.scopes.push(Scope { columns, ..Scope::default() });
            self.assignments
                .iter()
                .map(|(slot, value)| Ok((*slot, binder.value(value)?)))
                .collect::<crate::error::SqlResult<Vec<(usize, Typed)>>>()?
        };
        let mut live = env.variables.to_vec();
        for row in rows {
            for (slot, typed) in &bound {
                let env = Environment { variables: &live, ..*env };
                let value = typed.ex.eval(&env, &Frame::of(row, 0, None))?;
                let value = convert::implicit(&value, typed.data_type, env.variable_type(*slot))?;
                live[*slot] = value;
            }
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.assignments.iter().map(|(slot, _)| (*slot, live[*slot].clone())).collect())
    }
}

/// A source name that no query can write.
const SOURCE: &str = "\u{0}row";

fn column_name(at: usize) -> Rc<str> {
    format!("\u{0}{at}").into()
}

/// Whether an expression reads one of the variables (subqueries aside: they are read once).
fn reads(expr: &Expr, slots: &[usize]) -> bool {
    match expr {
        Expr::Variable(slot) => slots.contains(slot),
        other => {
            let mut found = false;
            each_part(other, &mut |part| found |= reads(part, slots));
            found
        }
    }
}

/// Calls `see` with the direct parts of an expression.
fn each_part<'e>(expr: &'e Expr, see: &mut dyn FnMut(&'e Expr)) {
    match expr {
        Expr::Unary(_, a) | Expr::Not(a) | Expr::IsNull(a) | Expr::Collate(a, _) | Expr::InQuery(a, _) => {
            see(a)
        }
        Expr::Binary(_, a, b) | Expr::Compare(_, a, b) | Expr::And(a, b) | Expr::Or(a, b) => {
            see(a);
            see(b);
        }
        Expr::InList(a, list) => {
            see(a);
            list.iter().for_each(see);
        }
        Expr::Like { text, pattern, escape } => {
            see(text);
            see(pattern);
            escape.iter().for_each(|escape| see(escape));
        }
        Expr::Case { operand, branches, otherwise } => {
            operand.iter().for_each(|operand| see(operand));
            for (when, then) in branches {
                see(when);
                see(then);
            }
            otherwise.iter().for_each(|otherwise| see(otherwise));
        }
        Expr::Convert { value, style, .. } => {
            see(value);
            style.iter().for_each(|style| see(style));
        }
        Expr::Call(call) => call.arguments.iter().for_each(see),
        _ => {}
    }
}

/// The expression with every part that does not read the variables replaced by a column that is read first.
fn taken_apart(expr: &Expr, slots: &[usize], needed: &mut Vec<Expr>) -> Expr {
    if !reads(expr, slots) {
        // Literals and other variables are the same in every row; conditions are taken apart to their values.
        if matches!(expr, Expr::Literal(..) | Expr::Variable(_) | Expr::SystemVariable(_)) {
            return expr.clone();
        }
        if !expr.is_condition() {
            let at = needed.iter().position(|known| known == expr).unwrap_or_else(|| {
                needed.push(expr.clone());
                needed.len() - 1
            });
            return Expr::Column(vec![SOURCE.into(), column_name(at)]);
        }
    }
    let mut boxed = |part: &Expr| Box::new(taken_apart(part, slots, needed));
    match expr {
        Expr::Unary(operator, a) => Expr::Unary(*operator, boxed(a)),
        Expr::Not(a) => Expr::Not(boxed(a)),
        Expr::IsNull(a) => Expr::IsNull(boxed(a)),
        Expr::Collate(a, collation) => Expr::Collate(boxed(a), collation.clone()),
        Expr::InQuery(a, query) => Expr::InQuery(boxed(a), query.clone()),
        Expr::Binary(operator, a, b) => Expr::Binary(*operator, boxed(a), boxed(b)),
        Expr::Compare(comparison, a, b) => Expr::Compare(*comparison, boxed(a), boxed(b)),
        Expr::And(a, b) => Expr::And(boxed(a), boxed(b)),
        Expr::Or(a, b) => Expr::Or(boxed(a), boxed(b)),
        Expr::InList(a, list) => {
            Expr::InList(boxed(a), list.iter().map(|part| taken_apart(part, slots, needed)).collect())
        }
        Expr::Like { text, pattern, escape } => Expr::Like {
            text: boxed(text),
            pattern: boxed(pattern),
            escape: escape.as_ref().map(|escape| boxed(escape)),
        },
        Expr::Case { operand, branches, otherwise } => Expr::Case {
            operand: operand.as_ref().map(|operand| boxed(operand)),
            branches: branches.iter().map(|(when, then)| (*boxed(when), *boxed(then))).collect(),
            otherwise: otherwise.as_ref().map(|otherwise| boxed(otherwise)),
        },
        Expr::Convert { value, target, style, is_try } => Expr::Convert {
            value: boxed(value),
            target: *target,
            style: style.as_ref().map(|style| boxed(style)),
            is_try: *is_try,
        },
        Expr::Call(call) => {
            let arguments = call.arguments.iter().map(|part| taken_apart(part, slots, needed)).collect();
            Expr::Call(Box::new(crate::tsql::ast::Call { arguments, ..(**call).clone() }))
        }
        other => other.clone(),
    }
}
