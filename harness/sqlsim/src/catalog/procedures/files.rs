//! `xp_dirtree`, `xp_fileexist` and the error log's readers.

use super::sysadmin_only;
use crate::catalog::definition::Definition;
use crate::error::SqlResult;
use crate::exec::procedures::{DefaultValue, Home, Parameter, Procedure, ProcedureContext};
use crate::files::{join, split, trim_directory};
use crate::messages::unsupported;
use crate::value::{DataType, Length, Row, Value};

const PATH: DataType = DataType::NVarChar(Length::Upto(4000));
const INT: DataType = DataType::Int;

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "xp_dirtree",
        home: Home::Master,
        parameters: &[
            Parameter::required("@directory", PATH),
            Parameter::optional("@depth", INT, DefaultValue::Int(0)),
            Parameter::optional("@file", INT, DefaultValue::Int(0)),
        ],
        body: |c| Box::pin(directory_tree(c)),
    },
    Procedure {
        name: "xp_fileexist",
        home: Home::Master,
        parameters: &[Parameter::required("@filename", PATH), Parameter::output("@exists", INT)],
        body: |c| Box::pin(file_exists(c)),
    },
    Procedure {
        name: "sp_readerrorlog",
        home: Home::Master,
        parameters: &ERROR_LOG,
        body: |c| Box::pin(async move { read_error_log(c) }),
    },
    Procedure {
        name: "xp_readerrorlog",
        home: Home::Master,
        parameters: &ERROR_LOG,
        body: |c| Box::pin(async move { read_error_log(c) }),
    },
];

const ERROR_LOG: [Parameter; 7] = [
    Parameter::optional("@p1", INT, DefaultValue::Int(0)),
    Parameter::optional("@p2", INT, DefaultValue::Null),
    Parameter::optional("@p3", DataType::NVarChar(Length::Upto(255)), DefaultValue::Null),
    Parameter::optional("@p4", DataType::NVarChar(Length::Upto(255)), DefaultValue::Null),
    Parameter::optional("@p5", DataType::DateTime, DefaultValue::Null),
    Parameter::optional("@p6", DataType::DateTime, DefaultValue::Null),
    Parameter::optional("@p7", DataType::NVarChar(Length::Upto(4)), DefaultValue::Null),
];

/// The most directories one call looks into.
const DIRECTORIES_MAX: usize = 10_000;

/// Lists what lies below a directory. A directory that cannot be read gives no rows, as on a real server.
async fn directory_tree(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    sysadmin_only(c)?;
    let root = trim_directory(&c.text("@directory").unwrap_or_else(|| "".into())).to_owned();
    let depth_max = c.int("@depth").filter(|depth| *depth > 0).unwrap_or(i64::MAX);
    let with_files = c.int("@file").unwrap_or(0) != 0;
    let mut rows: Vec<Row> = Vec::new();
    let mut open = vec![(root, 1_i64)];
    let mut looked = 0;
    while let Some((directory, depth)) = open.pop() {
        looked += 1;
        if looked > DIRECTORIES_MAX {
            return Err(unsupported(&"xp_dirtree below more than 10000 directories"));
        }
        let entries = c.instance.0.files.list(&directory).await.unwrap_or_default();
        let mut below = Vec::new();
        for entry in entries.iter().filter(|entry| with_files || entry.is_directory) {
            let mut row = vec![Value::text(entry.name.as_str()), Value::Int(depth)];
            if with_files {
                row.push(Value::Int(i64::from(!entry.is_directory)));
            }
            rows.push(row.into());
            if entry.is_directory && depth < depth_max {
                below.push((join(&directory, &entry.name), depth + 1));
            }
        }
        open.extend(below.into_iter().rev());
    }
    let columns = if with_files {
        "subdirectory nvarchar(512), depth int, file int"
    } else {
        "subdirectory nvarchar(512), depth int"
    };
    c.result_set(&Definition::parse(columns).columns, &rows);
    Ok(0)
}

async fn file_exists(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    sysadmin_only(c)?;
    let path = c.text("@filename").unwrap_or_else(|| "".into());
    let files = c.instance.0.files.clone();
    let is_file = files.size(&path).await.is_ok();
    let is_directory = !is_file && files.list(&path).await.is_ok();
    let parent = split(trim_directory(&path)).map_or("", |(parent, _)| parent);
    let has_parent = is_file || is_directory || files.list(parent).await.is_ok();
    if c.is_given("@exists") {
        c.set_output("@exists", Value::Int(i64::from(is_file)));
        return Ok(0);
    }
    let columns = Definition::parse(
        &["File_Exists tinyint", "File_is_a_Directory tinyint", "Parent_Directory_Exists tinyint"].join(", "),
    );
    let mut columns = columns.columns.to_vec();
    for column in &mut columns {
        column.name = column.name.replace('_', " ").into();
    }
    let flag = |on: bool| Value::Int(i64::from(on));
    c.result_set(&columns, &[[flag(is_file), flag(is_directory), flag(has_parent)].into()]);
    Ok(0)
}

/// Shows the error log: only the current one is kept, and only the server's own (log type 1).
fn read_error_log(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    sysadmin_only(c)?;
    if c.int("@p1").unwrap_or(0) != 0 {
        return Err(unsupported(&"reading an older error log"));
    }
    if c.int("@p2").unwrap_or(1) != 1 {
        return Err(unsupported(&"reading Agent's error log"));
    }
    let wanted: Vec<String> =
        ["@p3", "@p4"].iter().filter_map(|name| c.text(name)).map(|text| text.to_lowercase()).collect();
    let log = c.instance.error_log();
    let bound = |name| crate::value::datetime::Moment::of(c.argument(name)).map(|m| (m.days, m.time));
    let (from, to) = (bound("@p5"), bound("@p6"));
    let mut rows: Vec<Row> = log
        .iter()
        .filter_map(|line| {
            // As log_line writes it: 22 characters of time, 11 of source, the text.
            let (time, rest) = line.split_at_checked(22)?;
            let (source, text) = rest.trim_start().split_once(' ')?;
            let text = text.trim_start();
            let lower = text.to_lowercase();
            wanted.iter().all(|part| lower.contains(part)).then(|| {
                let at = time.trim().parse::<jiff::civil::DateTime>().ok();
                let at = at.and_then(|at| jiff::tz::Offset::UTC.to_timestamp(at).ok());
                let at = at.map_or(Value::Null, |at| crate::catalog::rows::datetime(at, 0));
                [at, Value::text(source), Value::text(text)].into()
            })
        })
        .filter(|row: &Row| {
            let at = crate::value::datetime::Moment::of(&row[0]).map(|m| (m.days, m.time));
            at.is_none_or(|at| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at <= to))
        })
        .collect();
    if c.text("@p7").is_some_and(|order| order.eq_ignore_ascii_case("desc")) {
        rows.reverse();
    }
    let columns = "LogDate datetime, ProcessInfo nvarchar(20), Text nvarchar(4000)";
    c.result_set(&Definition::parse(columns).columns, &rows);
    Ok(0)
}
