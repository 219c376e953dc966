//! `sp_who` and `sp_who2`.

use super::look;
use crate::catalog::ViewContext;
use crate::catalog::definition::Definition;
use crate::catalog::sessions::{command, padded, visible_sessions};
use crate::error::SqlResult;
use crate::exec::procedures::{DefaultValue, Home, Parameter, Procedure, ProcedureContext};
use crate::messages::error;
use crate::session::Session;
use crate::value::{ColumnMeta, DataType, Length, Row, Value};
use std::rc::Rc;

const LOGIN_NAME: Parameter =
    Parameter::optional("@loginame", DataType::NVarChar(Length::Upto(128)), DefaultValue::Null);

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_who",
        home: Home::Master,
        parameters: &[LOGIN_NAME],
        body: |c| Box::pin(async move { who(c) }),
    },
    Procedure {
        name: "sp_who2",
        home: Home::Master,
        parameters: &[LOGIN_NAME],
        body: |c| Box::pin(async move { who2(c) }),
    },
];

/// Whose sessions are asked for.
enum Asked {
    All,
    Active,
    Session(i64),
    Login(Rc<str>),
}

impl Asked {
    /// Reads `@loginame`.
    ///
    /// # Errors
    /// 15007 for a login that is not there.
    fn read(c: &ProcedureContext<'_>) -> SqlResult<Self> {
        let Some(text) = c.text("@loginame") else { return Ok(Self::All) };
        let name = text.trim();
        if name.eq_ignore_ascii_case("active") {
            return Ok(Self::Active);
        }
        if let Ok(id) = name.parse() {
            return Ok(Self::Session(id));
        }
        let engine = c.instance.0.engine.borrow();
        match engine.login(name) {
            Some(login) => Ok(Self::Login(login.name.clone())),
            None => Err(error(15_007, 1, &[&name])),
        }
    }

    fn includes(&self, session: &Session) -> bool {
        match self {
            Self::All => true,
            Self::Active => {
                let state = session.state.borrow();
                let is_idle = state.status == "sleeping" && state.blocked_by.is_none();
                !(is_idle && command(session) == "AWAITING COMMAND")
            }
            Self::Session(id) => i64::from(session.id) == *id,
            Self::Login(name) => session.login.eq_ignore_ascii_case(name),
        }
    }
}

fn sessions(c: &ProcedureContext<'_>, asked: &Asked) -> Vec<(Rc<Session>, Rc<str>)> {
    look(c, |context| {
        let all = visible_sessions(context).into_iter().filter(|session| asked.includes(session));
        all.map(|session| (session.clone(), database_name(context, &session))).collect()
    })
}

fn database_name(context: &ViewContext<'_>, session: &Session) -> Rc<str> {
    let id = session.state.borrow().database_id;
    context.engine.database(id).map_or_else(|| "".into(), |database| database.name.clone())
}

/// An unknown login is told, and the status is 1.
fn refused(c: &mut ProcedureContext<'_>, refusal: crate::SqlError) -> SqlResult<i32> {
    c.raise(refusal);
    Ok(1)
}

const WHO: &str = "spid smallint, ecid smallint, status nchar(30), loginame nchar(128), hostname nchar(128), \
    blk char(5), dbname nchar(128), cmd nchar(16), request_id int";

fn who(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let asked = match Asked::read(c) {
        Ok(asked) => asked,
        Err(refusal) => return refused(c, refusal),
    };
    let rows: Vec<Row> = sessions(c, &asked)
        .iter()
        .map(|(session, database)| {
            let state = session.state.borrow();
            [
                Value::Int(i64::from(session.id)),
                Value::Int(0),
                Value::text(padded(state.status, 30)),
                Value::text(padded(&session.login, 128)),
                Value::text(padded(&session.host_name, 128)),
                Value::text(padded(&state.blocked_by.unwrap_or(0).to_string(), 5)),
                Value::text(padded(database, 128)),
                Value::text(padded(&command(session), 16)),
                Value::Int(0),
            ]
            .into()
        })
        .collect();
    c.result_set(&Definition::parse(WHO).columns, &rows);
    Ok(0)
}

/// A column whose width is that of its longest value, at least that of its heading.
struct Fitted {
    name: &'static str,
    is_unicode: bool,
    values: Vec<String>,
}

impl Fitted {
    /// `DATALENGTH` of the longest value: the procedure takes bytes for characters.
    fn width(&self) -> u16 {
        let bytes = if self.is_unicode { 2 } else { 1 };
        let longest = self.values.iter().map(|value| value.chars().count() * bytes).max().unwrap_or(0);
        u16::try_from(longest.max(self.name.len())).unwrap_or(4000)
    }

    fn meta(&self) -> ColumnMeta {
        let width = Length::Upto(self.width());
        let data_type = if self.is_unicode { DataType::NVarChar(width) } else { DataType::VarChar(width) };
        column(self.name, data_type)
    }
}

fn column(name: &str, data_type: DataType) -> ColumnMeta {
    ColumnMeta { name: name.into(), data_type, nullable: true, identity: false }
}

/// What stands for an empty host or for nobody that blocks.
const NOBODY: &str = "  .";

fn who2(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let asked = match Asked::read(c) {
        Ok(asked) => asked,
        Err(refusal) => return refused(c, refusal),
    };
    let offset = jiff::SignedDuration::from_mins(i64::from(c.instance.0.clock.utc_offset_minutes()));
    let found = sessions(c, &asked);
    let fitted = |name, is_unicode, value: &dyn Fn(&Session, &str) -> String| Fitted {
        name,
        is_unicode,
        values: found.iter().map(|(session, database)| value(session, database)).collect(),
    };
    let or_nobody = |text: &str| if text.trim().is_empty() { NOBODY.to_owned() } else { text.to_owned() };
    let login = fitted("Login", true, &|s, _| s.login.clone());
    let host = fitted("HostName", true, &|s, _| or_nobody(&s.host_name));
    let database = fitted("DBName", true, &|_, database| database.to_owned());
    let commands = fitted("Command", true, &|s, _| command(s));
    let cpu = fitted("CPUTime", false, &|s, _| s.state.borrow().cpu_ms.to_string());
    let io = fitted("DiskIO", false, &|s, _| s.state.borrow().physical_io.to_string());
    let last = fitted("LastBatch", false, &|s, _| {
        (s.state.borrow().last_request_start + offset).strftime("%m/%d %H:%M:%S").to_string()
    });
    let program = fitted("ProgramName", true, &|s, _| s.program_name.clone());
    let id = |name| column(name, DataType::Char(5));
    let columns = [
        id("SPID"),
        column("Status", DataType::NChar(30)),
        login.meta(),
        host.meta(),
        id("BlkBy"),
        database.meta(),
        commands.meta(),
        cpu.meta(),
        io.meta(),
        last.meta(),
        program.meta(),
        id("SPID"),
        id("REQUESTID"),
    ];
    let rows: Vec<Row> = found
        .iter()
        .enumerate()
        .map(|(at, (session, _))| {
            let state = session.state.borrow();
            let status = match state.status {
                "sleeping" => "sleeping".to_owned(),
                other => other.to_uppercase(),
            };
            let spid = Value::text(padded(&session.id.to_string(), 5));
            let blocked = state.blocked_by.map_or_else(|| NOBODY.to_owned(), |by| by.to_string());
            let fitted = |column: &Fitted| Value::text(column.values[at].as_str());
            [
                spid.clone(),
                Value::text(padded(&status, 30)),
                fitted(&login),
                fitted(&host),
                Value::text(padded(&blocked, 5)),
                fitted(&database),
                fitted(&commands),
                fitted(&cpu),
                fitted(&io),
                fitted(&last),
                fitted(&program),
                spid,
                Value::text(padded("0", 5)),
            ]
            .into()
        })
        .collect();
    c.result_set(&columns, &rows);
    Ok(0)
}
