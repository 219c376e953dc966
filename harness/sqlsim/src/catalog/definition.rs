//! Columns written as the manual lists them: `name type [not null] [= value when not modelled]`.
//!
//! Views and system tables are declared in this notation, so that a reader can
//! hold the source beside the manual's page. The text is parsed once per thread.

use crate::value::{ColumnMeta, DataType, Length, Value};
use std::rc::Rc;

/// Columns and what stands in each when nothing else is known.
#[derive(Debug)]
pub struct Definition {
    /// The columns, in the documented order.
    pub columns: Rc<[ColumnMeta]>,
    /// The value of a column that a row does not set.
    pub defaults: Box<[Value]>,
}

impl Definition {
    /// Parses a list of columns.
    ///
    /// # Panics
    /// On a type or a default that the notation does not know: the text is part of this program.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut columns = Vec::new();
        let mut defaults = Vec::new();
        for entry in split_outside_parentheses(text) {
            let (column, default) = parse_column(entry);
            columns.push(column);
            defaults.push(default);
        }
        Self { columns: columns.into(), defaults: defaults.into() }
    }

    /// The position of a column, case-insensitively.
    #[must_use]
    pub fn ordinal(&self, name: &str) -> Option<usize> {
        // Our own names are spelt as declared; comparing lengths first settles most of them at once.
        let exact = self.columns.iter().position(|c| *c.name == *name);
        exact.or_else(|| self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)))
    }
}

/// Splits at commas that stand outside parentheses.
fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|p| !p.is_empty());
    parts
}

/// One column and its default.
fn parse_column(entry: &str) -> (ColumnMeta, Value) {
    let (head, default) = match entry.split_once(" = ") {
        Some((head, default)) => (head.trim(), Some(default.trim())),
        None => (entry, None),
    };
    // A name with spaces stands in brackets.
    let bracketed = head.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name, rest) = bracketed.unwrap_or_else(|| head.split_once(' ').unwrap_or((head, "")));
    let rest = rest.trim();
    let lower = rest.to_ascii_lowercase();
    let (type_text, not_null, is_null) = match (lower.strip_suffix("not null"), lower.strip_suffix(" null")) {
        (Some(before), _) => (before.trim(), true, false),
        (None, Some(before)) => (before.trim(), false, true),
        (None, None) => (lower.as_str(), false, false),
    };
    let data_type = parse_type(type_text);
    assert!(data_type.is_some(), "column {name} has a type that is not known: {rest}");
    let data_type = data_type.unwrap_or(DataType::Int);
    let column = ColumnMeta {
        name: name.into(),
        data_type,
        nullable: is_null || !(not_null || type_text == "sysname"),
        identity: false,
    };
    (column, default.map_or(Value::Null, |d| parse_default(d, data_type)))
}

/// A literal for a column of this type.
fn parse_default(text: &str, data_type: DataType) -> Value {
    if text.eq_ignore_ascii_case("null") {
        return Value::Null;
    }
    match data_type {
        DataType::Bit => Value::Bit(text == "1"),
        DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt => {
            Value::Int(text.parse().unwrap_or_default())
        }
        DataType::Real => Value::Real(text.parse().unwrap_or_default()),
        DataType::Decimal { scale, .. } => {
            Value::Decimal(crate::value::Decimal { mantissa: text.parse().unwrap_or_default(), scale })
        }
        DataType::Binary(_) | DataType::VarBinary(_) => {
            let hex = text.trim_start_matches("0x").as_bytes();
            let digit = |c: u8| (c as char).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0);
            let bytes: Vec<u8> = hex.chunks(2).map(|p| p.iter().fold(0, |n, c| n * 16 + digit(*c))).collect();
            Value::Binary(bytes.into())
        }
        _ => Value::text(text.trim_matches('\'')),
    }
}

/// A type as the manual writes it.
pub fn parse_type(text: &str) -> Option<DataType> {
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.trim_end_matches(')').trim()),
        None => (text.trim(), ""),
    };
    let first = || arguments.split(',').next().and_then(|n| n.trim().parse::<u16>().ok());
    let length = || {
        if arguments == "max" { Some(Length::Max) } else { first().map(Length::Upto) }
    };
    Some(match name {
        "bit" => DataType::Bit,
        "tinyint" => DataType::TinyInt,
        "smallint" => DataType::SmallInt,
        "int" => DataType::Int,
        "bigint" => DataType::BigInt,
        "real" => DataType::Real,
        "float" => DataType::Float,
        "datetime" => DataType::DateTime,
        "uniqueidentifier" => DataType::UniqueIdentifier,
        "sysname" => DataType::NVarChar(Length::Upto(128)),
        "nvarchar" => DataType::NVarChar(length().unwrap_or(Length::Max)),
        "varchar" => DataType::VarChar(length().unwrap_or(Length::Max)),
        "varbinary" => DataType::VarBinary(length().unwrap_or(Length::Max)),
        "nchar" => DataType::NChar(first()?),
        "char" => DataType::Char(first()?),
        "binary" => DataType::Binary(first()?),
        "numeric" | "decimal" => {
            let mut digits = arguments.split(',').map(|n| n.trim().parse::<u8>().ok());
            DataType::Decimal { precision: digits.next()??, scale: digits.next().flatten().unwrap_or(0) }
        }
        "sql_variant" => DataType::SqlVariant,
        "datetime2" => DataType::DateTime2(7),
        "datetimeoffset" => DataType::DateTimeOffset(7),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_list_is_read_as_the_manual_prints_it() {
        let read = Definition::parse(
            "name sysname, backup_size numeric(20,0) NULL, is_on bit = 1, state tinyint not null = 4, x nvarchar(max), sid varbinary(85) = 0x01",
        );
        let names: Vec<&str> = read.columns.iter().map(|c| &*c.name).collect();
        assert_eq!(names, ["name", "backup_size", "is_on", "state", "x", "sid"]);
        assert_eq!(read.columns[1].data_type, DataType::Decimal { precision: 20, scale: 0 });
        assert!(!read.columns[0].nullable && read.columns[1].nullable && !read.columns[3].nullable);
        assert_eq!(read.defaults[2], Value::Bit(true));
        assert_eq!(read.defaults[3], Value::Int(4));
        assert_eq!(read.defaults[5], Value::Binary([1_u8].into()));
    }
}
