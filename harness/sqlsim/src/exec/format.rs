//! FOR XML and FOR JSON: a query's rows as one text.

pub(super) mod json;
mod xml;

pub(super) use xml::escaped as xml_escaped;

use super::binder::Binder;
use super::environment::Environment;
use super::expression::{Ex, Frame, Typed};
use super::query::{Body, CompiledQuery};
use crate::engine::{Fault, same_name};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Format, FormatMode, SelectItem};
use crate::value::{ColumnMeta, DataType, Length, Row, Value, convert};
use std::rc::Rc;

/// What a select list's item is, for those who format rows.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemOrigin {
    /// Alias of the table whose column it is.
    source: Option<Rc<str>>,
    /// Whether it is JSON already.
    is_json: bool,
}

/// A query and how its rows are written.
pub(super) struct Formatted {
    query: CompiledQuery,
    format: Rc<Format>,
    columns: Vec<OutputColumn>,
    /// Tables of AUTO, the outermost first.
    levels: Vec<Rc<str>>,
}

/// A column on its way into the text.
pub(super) struct OutputColumn {
    name: Rc<str>,
    data_type: DataType,
    is_json: bool,
    /// Which of the levels of AUTO it belongs to.
    level: usize,
}

/// Wraps FOR XML or FOR JSON around a bound query.
pub(super) fn formatted(
    format: &Rc<Format>,
    query: CompiledQuery,
    origins: &[ItemOrigin],
) -> SqlResult<CompiledQuery> {
    let mut levels: Vec<Rc<str>> = Vec::new();
    let mut columns = Vec::with_capacity(query.columns.len());
    for (at, column) in query.columns.iter().enumerate() {
        let origin = origins.get(at).cloned().unwrap_or_default();
        let level = match &origin.source {
            Some(source) => levels.iter().position(|known| same_name(known, source)).unwrap_or_else(|| {
                levels.push(source.clone());
                levels.len() - 1
            }),
            None => levels.len().saturating_sub(1),
        };
        let (name, data_type) = (column.name.clone(), column.data_type);
        columns.push(OutputColumn { name, data_type, is_json: origin.is_json, level });
    }
    if levels.is_empty() {
        levels.push("row".into());
    }
    let text = DataType::NVarChar(Length::Max);
    let (name, data_type) = match &**format {
        Format::Xml { typed: true, .. } => ("", DataType::Xml),
        Format::Xml { .. } => ("XML_F52E2B61-18A1-11d1-B105-00805F49916B", text),
        Format::Json { .. } => ("JSON_F52E2B61-18A1-11d1-B105-00805F49916B", text),
    };
    match &**format {
        Format::Json { .. } => json::check(&columns)?,
        Format::Xml { mode: FormatMode::Path, row, .. } => xml::check_paths(&columns, row)?,
        Format::Xml { .. } if columns.iter().any(|column| column.name.is_empty()) => {
            return Err(error(6809, 1, &[]));
        }
        Format::Xml { .. } => {}
    }
    let meta = ColumnMeta { name: name.into(), data_type, nullable: true, identity: false };
    let formatted = Formatted { query, format: format.clone(), columns, levels };
    Ok(CompiledQuery::new(vec![meta], Body::Formatted(Box::new(formatted))))
}

impl Binder<'_, '_> {
    /// What an item of a select list is. A star has become columns already.
    pub(super) fn origin(&self, typed: &Typed, written: &SelectItem) -> ItemOrigin {
        let source = match (&typed.ex, self.scopes.last()) {
            (Ex::Column { depth: 0, ordinal }, Some(scope)) if scope.grouping.is_none() => {
                scope.columns.get(*ordinal).map(|column| column.source.clone())
            }
            _ => None,
        };
        let is_json = match written {
            SelectItem::Expression(written, _) => super::functions::json::gives_json(written),
            _ => false,
        };
        ItemOrigin { source, is_json }
    }
}

impl Formatted {
    /// One row with the text; none when the query has none.
    pub(super) fn run(&self, env: &Environment<'_>, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Fault> {
        let rows = self.query.run(env, outer)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let text = match &*self.format {
            Format::Xml { mode, row, root, elements, nil, .. } => xml::write(
                self,
                &rows,
                &xml::Options { mode: *mode, row, root: root.as_deref(), elements: *elements, nil: *nil },
            )?,
            Format::Json { mode, root, nulls, bare } => json::write(
                self,
                &rows,
                &json::Options { mode: *mode, root: root.as_deref(), nulls: *nulls, bare: *bare },
            ),
        };
        Ok(vec![Row::from([Value::text(text)])])
    }

    /// The first level of AUTO on which a row differs from the one before.
    fn first_difference(&self, before: Option<&Row>, row: &Row) -> usize {
        let Some(before) = before else { return 0 };
        let differs = |level: usize| {
            self.columns.iter().enumerate().any(|(at, column)| column.level == level && before[at] != row[at])
        };
        // The innermost level always begins anew.
        (0..self.levels.len()).find(|level| differs(*level)).unwrap_or(self.levels.len() - 1)
    }
}

/// A value as XML and JSON show it, without quotes; `None` for NULL.
pub(super) fn shown(value: &Value, data_type: DataType) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Binary(bytes) => base64(bytes),
        Value::Float(_) | Value::Real(_) => convert::display(value, data_type, 2).unwrap_or_default(),
        Value::Date(_) | Value::DateTime { .. } | Value::DateTime2 { .. } | Value::Time(_) => {
            let text = convert::display(value, data_type, 126).unwrap_or_default();
            if matches!(value, Value::DateTime { .. }) { text } else { without_zeros(&text) }
        }
        Value::DateTimeOffset { offset_minutes, .. } => {
            let text = convert::display(value, data_type, 126).unwrap_or_default();
            let (moment, offset) = text.split_once(' ').unwrap_or((&text, ""));
            format!("{}{}", without_zeros(moment), if *offset_minutes == 0 { "Z" } else { offset })
        }
        other => convert::display(other, data_type, 0).unwrap_or_default(),
    })
}

/// A time without the zeros at the end of its fraction.
fn without_zeros(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// Bytes as base64 (RFC 4648).
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().enumerate().fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            if at <= chunk.len() {
                out.push(char::from(DIGITS[(word >> (18 - 6 * at) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}
