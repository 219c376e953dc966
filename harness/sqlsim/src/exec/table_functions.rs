//! Functions that give rows.

mod server;

use super::environment::Environment;
use crate::engine::Fault;
use crate::tsql::ast::ObjectName;
use crate::value::{ColumnMeta, DataType, Length, Row, Value};

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

#[expect(clippy::unnecessary_wraps, reason = "the signature of all table functions")]
fn string_split(_env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    let (Some(Value::Text(text)), Some(Value::Text(separator))) = (arguments.first(), arguments.get(1))
    else {
        return Ok(Vec::new());
    };
    Ok(text.split(&**separator).map(|part| Row::from([Value::text(part)])).collect())
}
