//! The JSON functions by name; what they do is in [`crate::exec::json`].

use super::{Function, Returns, Takes};
use crate::error::SqlResult;
use crate::exec::expression::{Ex, Typed};
use crate::exec::json;
use crate::messages::error;
use crate::tsql::ast::{Expr, Format};
use crate::value::{DataType, Length, Value};

use Takes::Text;

/// JSON functions. JSON_MODIFY is bound by [`modify`].
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "ISJSON", takes: &[Text], optional: 0, returns: INT, body: json::is_json },
    Function {
        name: "JSON_VALUE",
        takes: &[Text, Text],
        optional: 0,
        returns: Returns::Type(DataType::NVarChar(Length::Upto(4000))),
        body: json::value,
    },
    Function {
        name: "JSON_QUERY",
        takes: &[Text, Text],
        optional: 1,
        returns: Returns::Type(super::TEXT),
        body: json::query,
    },
];

const INT: Returns = Returns::Type(DataType::Int);

/// Whether an expression gives JSON, which goes into other JSON as it is.
pub(in crate::exec) fn gives_json(written: &Expr) -> bool {
    match written {
        Expr::Subquery(query) => matches!(query.format.as_deref(), Some(Format::Json { bare: false, .. })),
        Expr::Call(call) => {
            ["JSON_QUERY", "JSON_MODIFY"].iter().any(|name| call.name.name.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

/// Binds JSON_MODIFY; `written` is its third argument.
pub(in crate::exec) fn modify(arguments: Vec<Typed>, written: &Expr) -> SqlResult<Typed> {
    let mut list = Vec::with_capacity(4);
    let mut types = Vec::with_capacity(4);
    for (at, argument) in arguments.into_iter().enumerate() {
        let data_type = argument.data_type;
        let is_null = matches!(argument.ex, Ex::Constant(Value::Null));
        let goes = match data_type {
            DataType::Text | DataType::NText | DataType::Xml => false,
            DataType::Money | DataType::SmallMoney => false,
            other => other.is_text() || other.is_number(),
        };
        if at == 2 && !goes && !is_null {
            return Err(error(8116, 1, &[&data_type.name(), &3, &"json_modify"]));
        }
        if at < 2 {
            list.push(argument.converted(super::TEXT));
            types.push(super::TEXT);
        } else {
            list.push(argument.ex);
            types.push(data_type);
        }
    }
    list.push(Ex::Constant(Value::Bit(gives_json(written))));
    types.push(DataType::Bit);
    Ok(Typed::new(Ex::Call { function: json::modify, arguments: list, types }, super::TEXT))
}
