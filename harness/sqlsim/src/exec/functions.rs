//! Scalar functions and `@@` variables.

use super::environment::Environment;
use super::expression::{Ex, ScalarFunction, Typed};
use crate::error::SqlResult;
use crate::messages::error;
use crate::value::{DataType, Length, Value, convert};

mod culture;
mod dates;
mod hash;
pub(super) mod json;
mod math;
mod metadata;
mod principals;
mod server;
mod session;
mod text;
mod zones;

/// An `@@` variable.
#[derive(Clone, Copy)]
pub(super) struct SystemVariable(fn(&Environment<'_>) -> Value);

impl SystemVariable {
    /// Its value now.
    pub(super) fn value(self, env: &Environment<'_>) -> Value {
        (self.0)(env)
    }
}

pub(super) use metadata::parsed_name;

/// A type that functions give.
const INT: Returns = Returns::Type(DataType::Int);
const NAME: Returns = Returns::Type(SYSNAME);
const VARIANT: Returns = Returns::Type(DataType::SqlVariant);

/// What a function gives, and the types of its arguments.
type Out = SqlResult<Value>;
type Types<'a> = &'a [DataType];

fn some_int(n: Option<i64>) -> Out {
    Ok(n.map_or(Value::Null, Value::Int))
}

fn some_text(text: Option<impl Into<std::rc::Rc<str>>>) -> Out {
    Ok(text.map_or(Value::Null, |text| Value::Text(text.into())))
}

/// Bytes that a value of a type of fixed size takes.
fn fixed_bytes(data_type: DataType) -> usize {
    match data_type {
        DataType::Bit | DataType::TinyInt => 1,
        DataType::SmallInt => 2,
        DataType::Int | DataType::Real | DataType::SmallMoney | DataType::SmallDateTime => 4,
        DataType::Date => 3,
        DataType::UniqueIdentifier => 16,
        DataType::Decimal { precision, .. } => match precision {
            0..=9 => 5,
            10..=19 => 9,
            20..=28 => 13,
            _ => 17,
        },
        _ => 8,
    }
}

/// Text type of names.
pub(super) const SYSNAME: DataType = DataType::NVarChar(Length::Upto(128));
/// Longest text.
pub(super) const TEXT: DataType = DataType::NVarChar(Length::Max);

/// Finds an `@@` variable and its type.
pub(super) fn system_variable(name: &str) -> Option<(SystemVariable, DataType)> {
    let (read, data_type): (fn(&Environment<'_>) -> Value, DataType) = match name {
        "@@error" => (|env| Value::Int(env.state().last_error.into()), DataType::Int),
        "@@rowcount" => (|env| Value::Int(env.state().row_count), DataType::Int),
        "@@trancount" => {
            (|env| Value::Int(env.state().transaction.as_ref().map_or(0, |t| t.count.into())), DataType::Int)
        }
        "@@identity" => (
            |env| env.state().identity.clone().unwrap_or(Value::Null),
            DataType::Decimal { precision: 38, scale: 0 },
        ),
        "@@spid" => (|env| Value::Int(env.session.id.into()), DataType::SmallInt),
        "@@servername" => (|env| Value::text(env.instance.0.config.server_name.as_str()), SYSNAME),
        "@@servicename" => (
            |env| {
                let name = &env.instance.0.config.server_name;
                Value::text(name.split_once('\\').map_or("MSSQLSERVER", |(_, instance)| instance))
            },
            SYSNAME,
        ),
        "@@version" => (|env| Value::text(server::version_text(env)), DataType::NVarChar(Length::Upto(300))),
        "@@microsoftversion" => (|_| Value::Int(0x0C00_1388), DataType::Int),
        "@@fetch_status" => (|env| Value::Int(env.state().fetch_status), DataType::Int),
        "@@cursor_rows" => (|env| Value::Int(env.state().cursor_rows), DataType::Int),
        "@@nestlevel" => (|env| Value::Int(env.state().nesting.into()), DataType::Int),
        "@@procid" => (|env| Value::Int(env.procedure_id.into()), DataType::Int),
        "@@lock_timeout" => (|env| Value::Int(env.state().settings.lock_timeout_ms), DataType::Int),
        "@@datefirst" => (|env| Value::Int(env.state().settings.date_first.into()), DataType::TinyInt),
        "@@textsize" => (|env| Value::Int(env.state().settings.text_size), DataType::Int),
        "@@language" => (|_| Value::text("us_english"), SYSNAME),
        "@@langid" => (|_| Value::Int(0), DataType::SmallInt),
        "@@max_precision" => (|_| Value::Int(38), DataType::TinyInt),
        "@@max_connections" => (|_| Value::Int(32_767), DataType::Int),
        "@@options" => (|_| Value::Int(5496), DataType::Int),
        "@@dbts" => (|_| Value::Binary([0; 8].as_slice().into()), DataType::Binary(8)),
        _ => return None,
    };
    Some((SystemVariable(read), data_type))
}

/// How a function's type follows from its arguments.
#[derive(Clone, Copy)]
pub(super) enum Returns {
    /// Always this.
    Type(DataType),
    /// As the argument at this place.
    Argument(usize),
    /// Text, national when the argument at this place is; as long as that argument.
    TextOf(usize),
    /// Text, national when the argument at this place is; of the longest length, `max` when that argument is.
    LongTextOf(usize),
    /// Float, unless the argument is exact.
    Numeric,
}

/// What an argument is converted to before the function sees it.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// Any type, as it is.
    Any,
    /// Text.
    Text,
    /// int.
    Int,
    /// float.
    Float,
    /// datetime, unless it is a date or time already.
    Moment,
}

/// A function of the table.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) takes: &'static [Takes],
    /// How many arguments may be left out.
    pub(super) optional: usize,
    pub(super) returns: Returns,
    pub(super) body: ScalarFunction,
}

/// Binds a call.
pub(super) fn bind(name: &str, arguments: Vec<Typed>, env: &Environment<'_>) -> SqlResult<Typed> {
    let families = [
        text::FUNCTIONS,
        math::FUNCTIONS,
        dates::FUNCTIONS,
        metadata::FUNCTIONS,
        principals::FUNCTIONS,
        server::FUNCTIONS,
        session::FUNCTIONS,
        json::FUNCTIONS,
        hash::FUNCTIONS,
        culture::FUNCTIONS,
    ];
    let mut named = families.iter().flat_map(|family| family.iter()).filter(|f| f.name == name).peekable();
    if named.peek().is_none() {
        return variadic(name, arguments, env);
    }
    let count = arguments.len();
    let function =
        named.find(|f| (f.takes.len() - f.optional..=f.takes.len()).contains(&count)).ok_or_else(|| {
            let known = families.iter().flat_map(|family| family.iter()).find(|f| f.name == name);
            let most = known.map_or(0, |f| f.takes.len());
            let least = known.map_or(0, |f| f.takes.len() - f.optional);
            let lower = name.to_ascii_lowercase();
            if least == most {
                error(174, 1, &[&lower, &most])
            } else {
                error(189, 1, &[&lower, &least, &most])
            }
        })?;
    let data_type = returned(function.returns, &arguments);
    let (mut bound, mut bound_types) = (Vec::new(), Vec::new());
    for (argument, takes) in arguments.into_iter().zip(function.takes) {
        let from = argument.data_type;
        let to = match takes {
            Takes::Any => from,
            Takes::Text if from.is_text() => from,
            Takes::Text => TEXT,
            Takes::Int => DataType::Int,
            Takes::Float => DataType::Float,
            Takes::Moment if from.is_moment() => from,
            Takes::Moment if from.is_text() => DataType::DateTime2(7),
            Takes::Moment => DataType::DateTime,
        };
        bound.push(argument.converted(to));
        bound_types.push(to);
    }
    Ok(Typed::new(Ex::Call { function: function.body, arguments: bound, types: bound_types }, data_type))
}

fn returned(returns: Returns, arguments: &[Typed]) -> DataType {
    let at = |i: usize| arguments.get(i).map_or(DataType::Int, |argument| argument.data_type);
    match returns {
        Returns::Type(data_type) => data_type,
        Returns::Argument(i) => at(i),
        Returns::TextOf(i) => {
            let of = at(i);
            let length = of.length().map_or(Length::Max, Length::Upto);
            match of {
                _ if of.is_national() => DataType::NVarChar(length),
                _ if of.is_text() => DataType::VarChar(length),
                _ if of.is_binary() => DataType::VarBinary(length),
                _ => DataType::VarChar(Length::Upto(8000)),
            }
        }
        Returns::LongTextOf(i) => {
            let of = at(i);
            let is_max = of.is_text() && of.length().is_none();
            match (of.is_national(), is_max) {
                (true, true) => DataType::NVarChar(Length::Max),
                (true, false) => DataType::NVarChar(Length::Upto(4000)),
                (false, true) => DataType::VarChar(Length::Max),
                (false, false) => DataType::VarChar(Length::Upto(8000)),
            }
        }
        Returns::Numeric => match at(0) {
            DataType::TinyInt | DataType::SmallInt | DataType::Bit => DataType::Int,
            exact @ (DataType::Int | DataType::BigInt | DataType::Decimal { .. } | DataType::Money) => exact,
            DataType::SmallMoney => DataType::Money,
            _ => DataType::Float,
        },
    }
}

/// Functions of any number of arguments.
fn variadic(name: &str, arguments: Vec<Typed>, _env: &Environment<'_>) -> SqlResult<Typed> {
    match name {
        crate::tsql::AT_TIME_ZONE => zones::bind(arguments),
        crate::tsql::PARSE | crate::tsql::TRY_PARSE => {
            culture::parsed(name == crate::tsql::TRY_PARSE, arguments)
        }
        crate::tsql::TRIM_FROM => {
            let data_type = returned(Returns::TextOf(1), &arguments);
            let types = arguments.iter().map(|argument| argument.data_type).collect();
            let list: Vec<Ex> = arguments.into_iter().map(|argument| argument.ex).collect();
            Ok(Typed::new(Ex::Call { function: text::trim_from, arguments: list, types }, data_type))
        }
        "CONCAT" if arguments.len() < 2 => Err(error(189, 1, &[&"concat", &2, &254])),
        "CONCAT_WS" if arguments.len() < 3 => Err(error(189, 1, &[&"concat_ws", &3, &254])),
        "ISNULL" | "NULLIF" => Err(error(174, 1, &[&name.to_ascii_lowercase(), &2])),
        "CHOOSE" => Err(error(189, 1, &[&"choose", &2, &254])),
        "CONCAT" | "CONCAT_WS" => {
            let national = arguments.iter().any(|argument| argument.data_type.is_national());
            let to = if national { TEXT } else { DataType::VarChar(Length::Max) };
            let list: Vec<Ex> = arguments.into_iter().map(|argument| argument.converted(to)).collect();
            let types = vec![to; list.len()];
            let function: ScalarFunction =
                if name == "CONCAT" { text::concat } else { text::concat_with_separator };
            Ok(Typed { ex: Ex::Call { function, arguments: list, types }, data_type: to, nullable: false })
        }
        crate::tsql::XML_VALUE | crate::tsql::XML_QUERY | crate::tsql::XML_EXIST if arguments.len() == 2 => {
            if arguments[0].data_type != DataType::Xml {
                return Err(error(258, 1, &[&arguments[0].data_type.name()]));
            }
            let (function, data_type): (ScalarFunction, DataType) = match name {
                crate::tsql::XML_VALUE => (super::xml::value, TEXT),
                crate::tsql::XML_QUERY => (super::xml::query, DataType::Xml),
                _ => (super::xml::exist, DataType::Bit),
            };
            let list: Vec<Ex> = arguments.into_iter().map(|argument| argument.ex).collect();
            let types = vec![TEXT; list.len()];
            Ok(Typed::new(Ex::Call { function, arguments: list, types }, data_type))
        }
        "CHECKSUM" | "BINARY_CHECKSUM" if !arguments.is_empty() => {
            let types = arguments.iter().map(|argument| argument.data_type).collect();
            let list: Vec<Ex> = arguments.into_iter().map(|argument| argument.ex).collect();
            let function: ScalarFunction =
                if name == "CHECKSUM" { math::checksum } else { math::binary_checksum };
            Ok(Typed::new(Ex::Call { function, arguments: list, types }, DataType::Int))
        }
        system if system.starts_with("FN_") => {
            Err(crate::messages::unsupported(&system.to_ascii_lowercase()))
        }
        _ => Err(error(195, 10, &[&name.to_ascii_lowercase(), &"function name"])),
    }
}

/// CHOOSE: the argument at the index.
pub(super) fn choose(_env: &Environment<'_>, arguments: &[Value], _types: &[DataType]) -> SqlResult<Value> {
    Ok(match arguments.first() {
        Some(Value::Int(index)) if *index >= 1 => {
            usize::try_from(*index).ok().and_then(|i| arguments.get(i)).cloned().unwrap_or(Value::Null)
        }
        _ => Value::Null,
    })
}

/// GROUPING and GROUPING_ID: the bits of a mask (the first argument) at the places that follow.
#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
pub(super) fn grouping(_env: &Environment<'_>, arguments: &[Value], _types: &[DataType]) -> SqlResult<Value> {
    let mask = int_of(arguments.first()).unwrap_or(0);
    let bit = |place: &Value| int_of(Some(place)).map_or(0, |place| mask >> place & 1);
    Ok(Value::Int(arguments.iter().skip(1).fold(0, |bits, place| bits << 1 | bit(place))))
}

/// A text argument; `None` for NULL.
pub(super) fn text_of(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// A whole number; `None` for NULL.
fn int_of(value: Option<&Value>) -> Option<i64> {
    match value {
        Some(Value::Int(n)) => Some(*n),
        Some(Value::Bit(bit)) => Some(i64::from(*bit)),
        _ => None,
    }
}

/// A value shown as text.
fn shown(value: &Value, data_type: DataType) -> String {
    convert::display(value, data_type, 0).unwrap_or_default()
}
