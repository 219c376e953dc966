//! Result sets, read by column name.

use super::SqlError;
use std::fmt;
use tiberius::{ColumnData, FromSql};

/// A log sequence number: numeric(25,0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lsn(pub(crate) u128);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// NULL.
    Null,
    /// bit.
    Bit(bool),
    /// An integer of any width.
    Integer(i64),
    /// numeric, scale 0.
    Numeric(i128),
    /// float, and numeric with digits after the point.
    Float(f64),
    /// A text.
    Text(String),
    /// uniqueidentifier.
    Guid(uuid::Uuid),
    /// datetime and its kin, in whatever zone the server is.
    DateTime(jiff::civil::DateTime),
    /// varbinary, by its length.
    Binary(usize),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(bit: bool) -> Self {
        Self::Bit(bit)
    }
}

impl Value {
    /// Takes a cell off the wire.
    pub(super) fn from_wire(data: ColumnData<'static>) -> Result<Self, SqlError> {
        let shape = |error: tiberius::error::Error| {
            SqlError::Shape(format!("holds a value that cannot be read: {error}"))
        };
        Ok(match data {
            ColumnData::U8(v) => v.map_or(Self::Null, |v| Self::Integer(v.into())),
            ColumnData::I16(v) => v.map_or(Self::Null, |v| Self::Integer(v.into())),
            ColumnData::I32(v) => v.map_or(Self::Null, |v| Self::Integer(v.into())),
            ColumnData::I64(v) => v.map_or(Self::Null, Self::Integer),
            ColumnData::F32(v) => v.map_or(Self::Null, |v| Self::Float(v.into())),
            ColumnData::F64(v) => v.map_or(Self::Null, Self::Float),
            ColumnData::Bit(v) => v.map_or(Self::Null, Self::Bit),
            ColumnData::String(v) => v.map_or(Self::Null, |v| Self::Text(v.into_owned())),
            ColumnData::Guid(v) => v.map_or(Self::Null, Self::Guid),
            ColumnData::Binary(v) => v.map_or(Self::Null, |v| Self::Binary(v.len())),
            ColumnData::Numeric(v) => v.map_or(Self::Null, |v| match v.scale() {
                0 => Self::Numeric(v.value()),
                scale => Self::Float(v.value() as f64 / 10f64.powi(scale.into())),
            }),
            ColumnData::Xml(v) => v.map_or(Self::Null, |v| Self::Text(v.to_string())),
            ColumnData::DateTime(None) | ColumnData::SmallDateTime(None) | ColumnData::DateTime2(None) => {
                Self::Null
            }
            ColumnData::DateTime(Some(at)) => {
                Self::moment(at.days().into(), u64::from(at.seconds_fragments()) * 10_000_000 / 3)?
            }
            ColumnData::SmallDateTime(Some(at)) => {
                Self::moment(at.days().into(), u64::from(at.seconds_fragments()) * 60_000_000_000)?
            }
            ColumnData::DateTime2(Some(at)) => {
                let nanos = at.time().increments() * 10u64.pow(9 - u32::from(at.time().scale().min(9)));
                Self::moment(i64::from(at.date().days()) - DAYS_FROM_YEAR_ONE_TO_1900, nanos)?
            }
            other => {
                let text: Option<&str> = FromSql::from_sql(&other).map_err(shape)?;
                text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
            }
        })
    }

    /// Days since 1900-01-01 and nanoseconds since midnight.
    fn moment(days: i64, nanos: u64) -> Result<Self, SqlError> {
        let out_of_range = || SqlError::Shape("holds a date out of range".to_owned());
        // datetime counts thirds of 1/100 s; people and SQL Server print whole milliseconds.
        let millis = i64::try_from((nanos + 500_000) / 1_000_000).map_err(|_| out_of_range())?;
        jiff::civil::date(1900, 1, 1)
            .to_datetime(jiff::civil::Time::midnight())
            .checked_add(
                jiff::SignedDuration::from_hours(days * 24) + jiff::SignedDuration::from_millis(millis),
            )
            .map(Self::DateTime)
            .map_err(|_| out_of_range())
    }

    /// For the journal.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bit(v) => (*v).into(),
            Self::Integer(v) => (*v).into(),
            Self::Float(v) => (*v).into(),
            Self::Numeric(v) => v.to_string().into(),
            Self::Text(v) => v.clone().into(),
            Self::Guid(v) => v.to_string().into(),
            Self::DateTime(v) => v.to_string().into(),
            Self::Binary(length) => format!("({length} bytes)").into(),
        }
    }
}

/// Days from 0001-01-01 to 1900-01-01.
const DAYS_FROM_YEAR_ONE_TO_1900: i64 = 693_595;

/// One result set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ResultSet {
    /// The columns' names, in order.
    pub(crate) columns: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<Value>>,
}

impl ResultSet {
    /// The rows, to be read by column name.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowView<'_>> {
        self.rows.iter().map(|cells| RowView { columns: &self.columns, cells })
    }

    /// The first row.
    pub(crate) fn first(&self) -> Option<RowView<'_>> {
        self.rows().next()
    }

    /// All rows, for the journal.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let row = |row: RowView<'_>| {
            let cells = row.columns.iter().zip(row.cells).map(|(name, cell)| (name.clone(), cell.to_json()));
            serde_json::Value::Object(cells.collect())
        };
        self.rows().map(row).collect()
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowView<'a> {
    columns: &'a [String],
    cells: &'a [Value],
}

impl RowView<'_> {
    /// A cell. A column that is not there is an error: a NULL and an absence are two things.
    pub(crate) fn get(&self, name: &str) -> Result<&Value, SqlError> {
        let index = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        index
            .and_then(|index| self.cells.get(index))
            .ok_or_else(|| SqlError::Shape(format!("has no column {name}")))
    }

    fn wrong<T>(name: &str, value: &Value) -> Result<T, SqlError> {
        Err(SqlError::Shape(format!("has an unexpected value in column {name}: {value:?}")))
    }

    /// A text; NULL is none.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, SqlError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.trim_end().to_owned())),
            other => Self::wrong(name, other),
        }
    }

    /// An integer (a bit counts); NULL is none.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, SqlError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            Value::Integer(number) => Ok(Some(*number)),
            Value::Bit(bit) => Ok(Some((*bit).into())),
            Value::Numeric(number) => {
                i64::try_from(*number).map(Some).or_else(|_| Self::wrong(name, &Value::Null))
            }
            Value::Float(number) => Ok(Some(*number as i64)),
            other => Self::wrong(name, other),
        }
    }

    /// Whether a bit or integer is set; NULL is not.
    pub(crate) fn is_set(&self, name: &str) -> Result<bool, SqlError> {
        Ok(self.integer(name)?.is_some_and(|number| number != 0))
    }

    /// An LSN; NULL is none.
    pub(crate) fn lsn(&self, name: &str) -> Result<Option<Lsn>, SqlError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            Value::Numeric(number) => {
                u128::try_from(*number).map(|lsn| Some(Lsn(lsn))).or_else(|_| Self::wrong(name, &Value::Null))
            }
            Value::Integer(number) => {
                u128::try_from(*number).map(|lsn| Some(Lsn(lsn))).or_else(|_| Self::wrong(name, &Value::Null))
            }
            other => Self::wrong(name, other),
        }
    }

    /// A GUID; NULL is none.
    pub(crate) fn guid(&self, name: &str) -> Result<Option<uuid::Uuid>, SqlError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            Value::Guid(guid) => Ok(Some(*guid)),
            other => Self::wrong(name, other),
        }
    }

    /// A moment in the server's local time; NULL is none.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<jiff::civil::DateTime>, SqlError> {
        match self.get(name)? {
            Value::Null => Ok(None),
            Value::DateTime(at) => Ok(Some(*at)),
            other => Self::wrong(name, other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datetime_is_read_to_the_millisecond_people_see() {
        // 2026-11-22 is day 46346 since 1900; 1/300 s times 1 is 3.33 ms, printed as .003.
        let wire = ColumnData::DateTime(Some(tiberius::time::DateTime::new(46_346, 1)));
        let Value::DateTime(at) = Value::from_wire(wire).unwrap() else { panic!("a moment") };
        assert_eq!(at.to_string(), "2026-11-22T00:00:00.003");
    }

    #[test]
    fn an_absent_column_is_an_error_and_not_a_null() {
        let set = ResultSet { columns: vec!["FirstLSN".into()], rows: vec![vec![Value::Null]] };
        let row = set.first().unwrap();
        assert_eq!(row.lsn("firstlsn"), Ok(None));
        assert!(row.lsn("LastLSN").is_err());
    }
}
