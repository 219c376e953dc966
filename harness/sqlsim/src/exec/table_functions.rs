//! Functions that give rows.

mod server;

use super::environment::Environment;
use crate::engine::Fault;
use crate::messages::error;
use crate::tsql::ast::ObjectName;
use crate::value::{ColumnMeta, DataType, Length, Row, Value, convert};

/// A function that gives rows.
pub(super) type TableFunction = fn(&Environment<'_>, &[Value]) -> Result<Vec<Row>, Fault>;

/// Finds a function with its columns.
pub(super) fn find(name: &ObjectName) -> Option<(TableFunction, Vec<ColumnMeta>)> {
    if &*name.name == crate::tsql::XML_NODES {
        let node =
            ColumnMeta { name: "node".into(), data_type: DataType::Xml, nullable: false, identity: false };
        return Some((super::xml::nodes, vec![node]));
    }
    if name.schema.is_none() && name.name.eq_ignore_ascii_case("STRING_SPLIT") {
        let value = ColumnMeta {
            name: "value".into(),
            data_type: DataType::NVarChar(Length::Max),
            nullable: true,
            identity: false,
        };
        return Some((string_split, vec![value]));
    }
    server::find(name)
}

/// STRING_SPLIT. An ordinal came with SQL Server 2022.
fn string_split(_env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    match arguments.len() {
        2 => {}
        3 => return Err(crate::messages::unsupported(&"STRING_SPLIT with an ordinal").into()),
        1 | 0 => return Err(error(313, 3, &[&"STRING_SPLIT"]).into()),
        _ => return Err(error(8144, 3, &[&"STRING_SPLIT"]).into()),
    }
    if matches!(arguments.get(1), Some(Value::Text(separator)) if convert::characters(separator) != 1) {
        return Err(error(214, 11, &[&"separator", &"nchar(1)/nvarchar(1)"]).into());
    }
    let (Some(Value::Text(text)), Some(Value::Text(separator))) = (arguments.first(), arguments.get(1))
    else {
        return Ok(Vec::new());
    };
    Ok(text.split(&**separator).map(|part| Row::from([Value::text(part)])).collect())
}
