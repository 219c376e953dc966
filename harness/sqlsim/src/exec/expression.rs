//! Bound expressions and how they are evaluated.
//!
//! Names are ordinals, types are settled and conversions explicit; what is
//! left is arithmetic on values. Conditions are three-valued: `None` is UNKNOWN.

use super::environment::Environment;
use super::operators::{arithmetic, compare, holds, like};
use super::query::CompiledQuery;
use crate::engine::Fault;
use crate::messages::error;
use crate::tsql::ast::{BinaryOperator, Comparison};
use crate::value::{DataType, Decimal, Value, convert};
use std::rc::Rc;

/// The row an expression is evaluated on, and those around it for correlated queries.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    /// Values of the row.
    pub(super) row: &'a [Value],
    /// Ordinal of the row's first value.
    pub(super) base: usize,
    /// Values of window functions.
    pub(super) windows: &'a [Value],
    /// The row of the query around.
    pub(super) outer: Option<&'a Frame<'a>>,
}

impl<'a> Frame<'a> {
    /// A frame without columns.
    pub(super) const NONE: Frame<'static> = Frame { row: &[], base: 0, windows: &[], outer: None };

    /// A frame of one row.
    pub(super) fn of(row: &'a [Value], base: usize, outer: Option<&'a Frame<'a>>) -> Self {
        Self { row, base, windows: &[], outer }
    }
}

/// A function in Rust.
pub(super) type ScalarFunction =
    fn(&Environment<'_>, &[Value], &[DataType]) -> crate::error::SqlResult<Value>;

/// A bound expression or condition.
pub(super) enum Ex {
    Constant(Value),
    Variable(usize),
    SystemVariable(super::functions::SystemVariable),
    Column {
        depth: usize,
        ordinal: usize,
    },
    Window(usize),
    Convert {
        value: Box<Ex>,
        from: DataType,
        to: DataType,
        style: Option<Box<Ex>>,
        is_try: bool,
        /// Whether CAST or CONVERT is written there.
        is_explicit: bool,
    },
    Arithmetic {
        operator: BinaryOperator,
        left: Box<Ex>,
        right: Box<Ex>,
        types: (DataType, DataType),
        out: DataType,
    },
    Negate(Box<Ex>, DataType),
    BitNot(Box<Ex>),
    Call {
        function: ScalarFunction,
        arguments: Vec<Ex>,
        types: Vec<DataType>,
    },
    /// A function of a database, with its arguments as its parameters want them.
    UserFunction(Rc<super::user_functions::UserFunction>, Vec<Ex>),
    /// NEXT VALUE FOR: database and sequence.
    NextValue(crate::engine::DatabaseId, crate::engine::ObjectId),
    Coalesce(Vec<Ex>),
    NullIf(Box<Ex>, Box<Ex>),
    Case {
        branches: Vec<(Ex, Ex)>,
        otherwise: Option<Box<Ex>>,
    },
    Scalar(Rc<CompiledQuery>),
    // Conditions:
    Compare(Comparison, Box<Ex>, Box<Ex>),
    And(Box<Ex>, Box<Ex>),
    Or(Box<Ex>, Box<Ex>),
    Not(Box<Ex>),
    IsNull(Box<Ex>),
    InList(Box<Ex>, Vec<Ex>),
    InQuery {
        value: Box<Ex>,
        query: Rc<CompiledQuery>,
        from: DataType,
        to: DataType,
    },
    Quantified {
        comparison: Comparison,
        all: bool,
        left: Box<Ex>,
        query: Rc<CompiledQuery>,
    },
    Exists(Rc<CompiledQuery>),
    Like {
        text: Box<Ex>,
        pattern: Box<Ex>,
        escape: Option<Box<Ex>>,
    },
}

/// A bound expression with its type.
pub(super) struct Typed {
    pub(super) ex: Ex,
    pub(super) data_type: DataType,
    pub(super) nullable: bool,
}

impl Typed {
    pub(super) fn new(ex: Ex, data_type: DataType) -> Self {
        Self { ex, data_type, nullable: true }
    }

    /// Converted to `to`, when it is of another type.
    pub(super) fn converted(self, to: DataType) -> Ex {
        convert_ex(self.ex, self.data_type, to)
    }
}

/// Wraps a conversion around an expression; constants are converted at once when that works.
pub(super) fn convert_ex(ex: Ex, from: DataType, to: DataType) -> Ex {
    if from == to {
        return ex;
    }
    if let Ex::Constant(value) = &ex {
        if value.is_null() {
            return ex;
        }
        if let Ok(converted) = convert::convert(value, from, to, 0) {
            return Ex::Constant(converted);
        }
    }
    Ex::Convert { value: Box::new(ex), from, to, style: None, is_try: false, is_explicit: false }
}

type Evaluated = Result<Value, Fault>;

impl Ex {
    /// The value of the expression on a row.
    pub(super) fn eval(&self, env: &Environment<'_>, frame: &Frame<'_>) -> Evaluated {
        // Chains of operators are deep: what they go through must need little stack.
        match self {
            Self::Arithmetic { operator, left, right, types, out } => {
                let left = left.eval(env, frame)?;
                let right = right.eval(env, frame)?;
                Ok(arithmetic(*operator, (&left, types.0), (&right, types.1), *out)?)
            }
            other => other.eval_other(env, frame),
        }
    }

    fn eval_other(&self, env: &Environment<'_>, frame: &Frame<'_>) -> Evaluated {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Variable(slot) => Ok(env.variables.get(*slot).cloned().unwrap_or(Value::Null)),
            Self::SystemVariable(variable) => Ok(variable.value(env)),
            Self::Column { depth, ordinal } => Ok(column(frame, *depth, *ordinal)),
            Self::Window(at) => Ok(frame.windows.get(*at).cloned().unwrap_or(Value::Null)),
            Self::Convert { value, from, to, style, is_try, is_explicit } => {
                let value = value.eval(env, frame)?;
                let style = match style {
                    None => 0,
                    Some(style) => match style.eval(env, frame)? {
                        Value::Int(style) => style as i32,
                        _ => return Ok(Value::Null),
                    },
                };
                let converted = if *is_explicit {
                    convert::convert(&value, *from, *to, style)
                } else {
                    convert::implicit(&value, *from, *to)
                };
                match converted {
                    Err(_) if *is_try => Ok(Value::Null),
                    other => Ok(other?),
                }
            }
            Self::Negate(inner, data_type) => negate(&inner.eval(env, frame)?, *data_type),
            Self::BitNot(inner) => Ok(match inner.eval(env, frame)? {
                Value::Int(n) => Value::Int(!n),
                Value::Bit(bit) => Value::Bit(!bit),
                other => other,
            }),
            Self::Call { function, arguments, types } => {
                let values = eval_all(arguments, env, frame)?;
                Ok(function(env, &values, types)?)
            }
            Self::UserFunction(function, arguments) => {
                super::user_functions::value(env, function, eval_all(arguments, env, frame)?)
            }
            Self::NextValue(database, sequence) => super::sequences::next(env, *database, *sequence),
            Self::Coalesce(options) => {
                for option in options {
                    let value = option.eval(env, frame)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            Self::NullIf(left, right) => {
                let left = left.eval(env, frame)?;
                let right = right.eval(env, frame)?;
                Ok(if compare(&left, &right).is_some_and(std::cmp::Ordering::is_eq) {
                    Value::Null
                } else {
                    left
                })
            }
            Self::Case { branches, otherwise } => {
                for (when, then) in branches {
                    if when.test(env, frame)? == Some(true) {
                        return then.eval(env, frame);
                    }
                }
                otherwise.as_ref().map_or(Ok(Value::Null), |ex| ex.eval(env, frame))
            }
            Self::Scalar(query) => {
                let rows = query.rows(env, Some(frame))?;
                match &*rows {
                    [] => Ok(Value::Null),
                    [row] => Ok(row[0].clone()),
                    _ => Err(error(512, 1, &[]).into()),
                }
            }
            condition => Ok(condition.test(env, frame)?.map_or(Value::Null, Value::Bit)),
        }
    }

    /// Whether a condition holds on a row; `None` is UNKNOWN.
    pub(super) fn test(&self, env: &Environment<'_>, frame: &Frame<'_>) -> Result<Option<bool>, Fault> {
        Ok(match self {
            Self::Compare(comparison, left, right) => {
                let left = left.eval(env, frame)?;
                let right = right.eval(env, frame)?;
                compare(&left, &right).map(|order| holds(*comparison, order))
            }
            Self::And(left, right) => match left.test(env, frame)? {
                Some(false) => Some(false),
                first => match (first, right.test(env, frame)?) {
                    (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            },
            Self::Or(left, right) => match left.test(env, frame)? {
                Some(true) => Some(true),
                first => match (first, right.test(env, frame)?) {
                    (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            },
            Self::Not(inner) => inner.test(env, frame)?.map(|holds| !holds),
            Self::IsNull(inner) => Some(inner.eval(env, frame)?.is_null()),
            Self::InList(value, list) => {
                let value = value.eval(env, frame)?;
                in_values(&value, list.iter().map(|item| item.eval(env, frame)))?
            }
            Self::InQuery { value, query, from, to } => {
                let value = value.eval(env, frame)?;
                let rows = query.rows(env, Some(frame))?;
                in_values(&value, rows.iter().map(|row| Ok(convert::convert(&row[0], *from, *to, 0)?)))?
            }
            Self::Quantified { comparison, all, left, query } => {
                let left = left.eval(env, frame)?;
                quantified(*comparison, *all, &left, &query.rows(env, Some(frame))?)
            }
            Self::Exists(query) => Some(query.exists(env, Some(frame))?),
            Self::Like { text, pattern, escape } => {
                let text = text.eval(env, frame)?;
                let pattern = pattern.eval(env, frame)?;
                let escape = escape.as_ref().map(|ex| ex.eval(env, frame)).transpose()?;
                let escape = match escape {
                    Some(Value::Text(escape)) => escape.chars().next(),
                    _ => None,
                };
                match (text, pattern) {
                    (Value::Text(text), Value::Text(pattern)) => Some(like(&text, &pattern, escape)),
                    _ => None,
                }
            }
            value => match value.eval(env, frame)? {
                Value::Bit(bit) => Some(bit),
                _ => None,
            },
        })
    }

    /// Whether it plainly has one value for all rows of a query: a constant, a variable, a subquery of its own.
    pub(super) fn is_same_for_all_rows(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Variable(_) => true,
            Self::Scalar(query) => !query.is_correlated,
            _ => false,
        }
    }

    /// Calls `see` with every column of the query's own rows (depth 0). `false` when a subquery hides some.
    pub(super) fn own_columns(&self, see: &mut dyn FnMut(usize)) -> bool {
        match self {
            Self::Column { depth: 0, ordinal } => {
                see(*ordinal);
                true
            }
            Self::Constant(_) | Self::Variable(_) | Self::SystemVariable(_) | Self::Column { .. } => true,
            Self::Window(_) | Self::Scalar(_) | Self::Exists(_) | Self::NextValue(..) => false,
            Self::InQuery { .. } | Self::Quantified { .. } => false,
            Self::Convert { value, style, .. } => {
                value.own_columns(see) && style.as_ref().is_none_or(|style| style.own_columns(see))
            }
            Self::Arithmetic { left, right, .. }
            | Self::Compare(_, left, right)
            | Self::And(left, right)
            | Self::Or(left, right)
            | Self::NullIf(left, right) => left.own_columns(see) && right.own_columns(see),
            Self::Negate(inner, _) | Self::BitNot(inner) | Self::Not(inner) | Self::IsNull(inner) => {
                inner.own_columns(see)
            }
            Self::Call { arguments, .. } | Self::UserFunction(_, arguments) | Self::Coalesce(arguments) => {
                arguments.iter().all(|argument| argument.own_columns(see))
            }
            Self::Case { branches, otherwise } => {
                branches.iter().all(|(when, then)| when.own_columns(see) && then.own_columns(see))
                    && otherwise.as_ref().is_none_or(|ex| ex.own_columns(see))
            }
            Self::InList(value, list) => {
                value.own_columns(see) && list.iter().all(|item| item.own_columns(see))
            }
            Self::Like { text, pattern, escape } => {
                text.own_columns(see)
                    && pattern.own_columns(see)
                    && escape.as_ref().is_none_or(|ex| ex.own_columns(see))
            }
        }
    }
}

/// Evaluates a list.
pub(super) fn eval_all(list: &[Ex], env: &Environment<'_>, frame: &Frame<'_>) -> Result<Vec<Value>, Fault> {
    list.iter().map(|ex| ex.eval(env, frame)).collect()
}

fn column(frame: &Frame<'_>, depth: usize, ordinal: usize) -> Value {
    let mut at = frame;
    for _ in 0..depth {
        let Some(outer) = at.outer else { return Value::Null };
        at = outer;
    }
    ordinal.checked_sub(at.base).and_then(|i| at.row.get(i)).cloned().unwrap_or(Value::Null)
}

fn negate(value: &Value, data_type: DataType) -> Evaluated {
    let overflow = || Fault::from(error(8115, 2, &[&"expression", &data_type.name()]));
    Ok(match value {
        Value::Int(n) => {
            let negative = n.checked_neg().ok_or_else(overflow)?;
            let fits = match data_type {
                DataType::TinyInt => negative >= 0,
                DataType::SmallInt => i16::try_from(negative).is_ok(),
                DataType::Int => i32::try_from(negative).is_ok(),
                _ => true,
            };
            if !fits {
                return Err(overflow());
            }
            Value::Int(negative)
        }
        Value::Decimal(d) => Value::Decimal(Decimal { mantissa: -d.mantissa, scale: d.scale }),
        Value::Money(m) => Value::Money(m.checked_neg().ok_or_else(overflow)?),
        Value::Float(f) => Value::Float(-f),
        Value::Real(f) => Value::Real(-f),
        Value::Null => Value::Null,
        _ => return Err(error(8117, 1, &[&data_type.name(), &"minus"]).into()),
    })
}

fn in_values(value: &Value, list: impl Iterator<Item = Evaluated>) -> Result<Option<bool>, Fault> {
    let (mut unknown, mut any) = (false, false);
    for item in list {
        any = true;
        match compare(value, &item?) {
            Some(order) if order.is_eq() => return Ok(Some(true)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown && any { None } else { Some(false) })
}

fn quantified(comparison: Comparison, all: bool, left: &Value, rows: &[crate::value::Row]) -> Option<bool> {
    let mut unknown = false;
    for row in rows {
        match compare(left, &row[0]).map(|order| holds(comparison, order)) {
            Some(holds) if holds != all => return Some(holds),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(all) }
}
