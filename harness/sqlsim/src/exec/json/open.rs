//! OPENJSON: the members of an object or array as rows.

use super::path::{Found, JsonPath, follow};
use super::text::{Kind, Reader, Span, unescaped};
use super::{scalar, subtree};
use crate::engine::Fault;
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::JsonColumn;
use crate::value::{ColumnMeta, DataType, Length, Row, Value, convert};

/// A column of WITH.
struct Wanted {
    path: JsonPath,
    data_type: DataType,
    as_json: bool,
}

/// OPENJSON, bound.
pub(in crate::exec) struct OpenJson {
    /// `None` is the default schema: key, value, type.
    wanted: Option<Vec<Wanted>>,
}

impl OpenJson {
    /// With the columns of WITH, or without.
    ///
    /// # Errors
    /// 13607 for a path, 13618 for AS JSON of another type, 40510 for a binary column.
    pub(in crate::exec) fn new(with: Option<&[JsonColumn]>) -> SqlResult<Self> {
        let Some(with) = with else { return Ok(Self { wanted: None }) };
        let mut wanted = Vec::with_capacity(with.len());
        for column in with {
            if column.as_json && column.data_type != DataType::NVarChar(Length::Max) {
                return Err(error(13_618, 1, &[]));
            }
            if column.data_type.is_binary() {
                return Err(crate::messages::unsupported(&"binary columns of OPENJSON … WITH"));
            }
            let path = match &column.path {
                Some(path) => JsonPath::parse(path)?,
                None => JsonPath::member(&column.name),
            };
            path.refuse_append()?;
            wanted.push(Wanted { path, data_type: column.data_type, as_json: column.as_json });
        }
        Ok(Self { wanted: Some(wanted) })
    }

    /// Its columns.
    pub(in crate::exec) fn columns(with: Option<&[JsonColumn]>) -> Vec<ColumnMeta> {
        let column = |name: &str, data_type, nullable| ColumnMeta {
            name: name.into(),
            data_type,
            nullable,
            identity: false,
        };
        match with {
            Some(with) => with.iter().map(|c| column(&c.name, c.data_type, true)).collect(),
            None => vec![
                column("key", DataType::NVarChar(Length::Upto(4000)), false),
                column("value", DataType::NVarChar(Length::Max), true),
                column("type", DataType::TinyInt, false),
            ],
        }
    }

    /// The rows of a text, at a path.
    ///
    /// # Errors
    /// 13607, 13609 and their like, and those of the conversion to a column's type.
    pub(in crate::exec) fn rows(&self, text: &Value, path: Option<&Value>) -> Result<Vec<Row>, Fault> {
        let path = match path {
            None => JsonPath::root(),
            path => super::path_of(path)?.ok_or_else(|| error(8116, 9, &[&"NULL", &2, &"OPENJSON"]))?,
        };
        path.refuse_append()?;
        let Value::Text(text) = text else { return Ok(Vec::new()) };
        let root = match follow(text, &path)? {
            Found::Value(place) => place.value,
            Found::Nothing(_) if path.strict => return Err(error(13_608, 3, &[]).into()),
            Found::Nothing(_) => return Ok(Vec::new()),
        };
        if !matches!(root.kind, Kind::Array | Kind::Object) {
            let state = if self.wanted.is_some() { 2 } else { 1 };
            return if path.strict { Err(error(13_611, state, &[]).into()) } else { Ok(Vec::new()) };
        }
        let inside = &text[root.start..root.end];
        match &self.wanted {
            None => Ok(members(inside)?
                .into_iter()
                .map(|(key, span)| {
                    let whole = &inside[span.start..span.end];
                    let value = match span.kind {
                        Kind::Array | Kind::Object => Value::text(whole),
                        _ => scalar(inside, span).map_or(Value::Null, Value::text),
                    };
                    let key = convert::cut_text(&key, 4000).to_owned();
                    Row::from([Value::text(key), value, Value::Int(span.kind.code())])
                })
                .collect()),
            Some(wanted) if root.kind == Kind::Object => Ok(vec![row(inside, wanted)?]),
            Some(wanted) => members(inside)?
                .into_iter()
                .map(|(_, span)| Ok(row(&inside[span.start..span.end], wanted)?))
                .collect(),
        }
    }
}

/// The members of a whole object or array, with their names or numbers.
fn members(text: &str) -> SqlResult<Vec<(String, Span)>> {
    let mut reader = Reader::new(text);
    let mut container = reader.root()?;
    let mut found = Vec::new();
    while let Some(member) = reader.next(&mut container, found.is_empty())? {
        let name = match member.name {
            Some((start, end)) => unescaped(&text[start..end]),
            None => found.len().to_string(),
        };
        found.push((name, reader.value()?));
    }
    Ok(found)
}

/// One row of WITH; `text` is the element, which may be a scalar.
fn row(text: &str, wanted: &[Wanted]) -> SqlResult<Row> {
    let is_container = text.starts_with(['{', '[']);
    wanted
        .iter()
        .map(|column| {
            let strict = column.path.strict;
            let value = if !is_container {
                if !column.path.steps.is_empty() {
                    return if strict { Err(error(13_608, 6, &[])) } else { Ok(Value::Null) };
                }
                let span = Reader::new(text).value()?;
                if column.as_json {
                    return if strict && span.kind != Kind::Null {
                        Err(error(13_624, 1, &[]))
                    } else {
                        Ok(Value::Null)
                    };
                }
                scalar(text, span)
            } else if column.as_json {
                return subtree(text, &column.path, 6, 1);
            } else {
                match follow(text, &column.path)? {
                    Found::Nothing(_) if strict => return Err(error(13_608, 6, &[])),
                    Found::Nothing(_) => None,
                    Found::Value(place) => {
                        if strict && matches!(place.value.kind, Kind::Array | Kind::Object) {
                            return Err(error(13_623, 1, &[]));
                        }
                        scalar(text, place.value)
                    }
                }
            };
            let value = value.map_or(Value::Null, Value::text);
            convert::convert(&value, DataType::NVarChar(Length::Max), column.data_type, 0)
        })
        .collect()
}
