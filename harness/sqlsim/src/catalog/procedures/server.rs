//! `sp_helpdb`, `sp_databases`, server roles, `sp_configure`.

use super::{look, sysadmin_only};
use crate::catalog::definition::Definition;
use crate::catalog::rows::RowDraft;
use crate::catalog::server::{FIXED_SETTINGS, SETTINGS, Setting};
use crate::engine::{Database, SERVER_ROLES};
use crate::error::SqlResult;
use crate::exec::procedures::{DefaultValue, Home, Parameter, Procedure, ProcedureContext};
use crate::messages::{error, unsupported};
use crate::value::{DataType, Length, Row, Value};

const SYSNAME: DataType = DataType::NVarChar(Length::Upto(128));

/// A name that may be left out.
const fn name(parameter: &'static str) -> Parameter {
    Parameter::optional(parameter, SYSNAME, DefaultValue::Null)
}

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_helpdb",
        home: Home::Master,
        parameters: &[name("@dbname")],
        body: |c| Box::pin(async move { help_database(c) }),
    },
    Procedure {
        name: "sp_databases",
        home: Home::Master,
        parameters: &[],
        body: |c| Box::pin(async move { databases(c) }),
    },
    Procedure {
        name: "sp_helpsrvrolemember",
        home: Home::Master,
        parameters: &[name("@srvrolename")],
        body: |c| Box::pin(async move { help_role_members(c) }),
    },
    Procedure {
        name: "sp_addsrvrolemember",
        home: Home::Master,
        parameters: &[Parameter::required("@loginame", SYSNAME), name("@rolename")],
        body: |c| Box::pin(async move { change_role(c, true) }),
    },
    Procedure {
        name: "sp_dropsrvrolemember",
        home: Home::Master,
        parameters: &[Parameter::required("@loginame", SYSNAME), name("@rolename")],
        body: |c| Box::pin(async move { change_role(c, false) }),
    },
    Procedure {
        name: "sp_configure",
        home: Home::Master,
        parameters: &[
            Parameter::optional("@configname", DataType::VarChar(Length::Upto(35)), DefaultValue::Null),
            Parameter::optional("@configvalue", DataType::Int, DefaultValue::Null),
        ],
        body: |c| Box::pin(async move { configure(c) }),
    },
];

const HELP_DATABASE: &str = "name nvarchar(128), db_size nvarchar(13), owner nvarchar(128), dbid smallint, \
    created nvarchar(11), status nvarchar(600), compatibility_level tinyint";

const HELP_FILES: &str = "name nchar(128), fileid smallint, filename nchar(260), filegroup nvarchar(128), \
    size nvarchar(18), maxsize nvarchar(18), growth nvarchar(18), usage varchar(9)";

fn help_database(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let asked = c.text("@dbname");
    let offset = jiff::SignedDuration::from_mins(i64::from(c.instance.0.clock.utc_offset_minutes()));
    let definition = Definition::parse(HELP_DATABASE);
    let (rows, files) = look(c, |context| {
        let is_asked = |database: &&Database| {
            asked.as_ref().is_none_or(|name| crate::engine::same_name(&database.name, name))
        };
        let found: Vec<&Database> = context.engine.databases().filter(is_asked).collect();
        let rows: Vec<Row> = found
            .iter()
            .map(|database| {
                let mut draft = RowDraft::new(&definition);
                draft
                    .set("name", &database.name)
                    .set("db_size", format!("{:>10.2} MB", megabytes(size_pages(database))))
                    .set("owner", &database.owner)
                    .set("dbid", database.id)
                    .set("created", (database.create_date + offset).strftime("%b %e %Y").to_string())
                    .set("status", status_text(database))
                    .set("compatibility_level", database.options.compatibility_level);
                draft.into_values().into()
            })
            .collect();
        let files = match (&asked, found.as_slice()) {
            (Some(_), [database]) => database.files.iter().map(file_row).collect(),
            _ => Vec::new(),
        };
        (rows, files)
    });
    if let (Some(name), true) = (&asked, rows.is_empty()) {
        c.raise(error(15_010, 1, &[name]));
        return Ok(1);
    }
    c.result_set(&definition.columns, &rows);
    if !files.is_empty() {
        c.result_set(&Definition::parse(HELP_FILES).columns, &files);
    }
    Ok(0)
}

fn size_pages(database: &Database) -> i64 {
    database.files.iter().map(|file| file.size_pages).sum()
}

/// Pages of 8 KiB as megabytes; sizes are shown with two digits.
fn megabytes(pages: i64) -> f64 {
    f64::from(i32::try_from(pages).unwrap_or(i32::MAX)) / 128.0
}

fn status_text(database: &Database) -> String {
    let updateability =
        if database.is_read_only || database.in_standby() { "READ_ONLY" } else { "READ_WRITE" };
    let access = match database.user_access {
        crate::engine::UserAccess::Multi => "MULTI_USER",
        crate::engine::UserAccess::Single => "SINGLE_USER",
        crate::engine::UserAccess::Restricted => "RESTRICTED_USER",
    };
    let (state, recovery) = (database.state.name(), database.recovery_model.name().replace('-', "_"));
    let guid_free =
        format!("Status={state}, Updateability={updateability}, UserAccess={access}, Recovery={recovery}");
    if database.is_open() { format!("{guid_free}, Collation={}", database.collation) } else { guid_free }
}

fn file_row(file: &crate::engine::DatabaseFile) -> Row {
    let kilobytes = |pages: i64| format!("{} KB", pages * 8);
    let growth = if file.is_percent_growth { format!("{}%", file.growth) } else { kilobytes(file.growth) };
    let maximum =
        if file.max_size_pages < 0 { "Unlimited".to_owned() } else { kilobytes(file.max_size_pages) };
    [
        Value::text(crate::catalog::sessions::padded(&file.name, 128)),
        Value::Int(i64::from(file.file_id)),
        Value::text(crate::catalog::sessions::padded(&file.physical_name, 260)),
        if file.is_log { Value::Null } else { Value::text("PRIMARY") },
        Value::text(kilobytes(file.size_pages)),
        Value::text(maximum),
        Value::text(growth),
        Value::text(if file.is_log { "log only" } else { "data only" }),
    ]
    .into()
}

fn databases(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let rows: Vec<Row> = look(c, |context| {
        let open = context.engine.databases().filter(|database| database.is_open());
        open.map(|database| {
            [Value::Text(database.name.clone()), Value::Int(size_pages(database) * 8), Value::Null].into()
        })
        .collect()
    });
    let columns = "DATABASE_NAME sysname, DATABASE_SIZE int, REMARKS varchar(254)";
    c.result_set(&Definition::parse(columns).columns, &rows);
    Ok(0)
}

/// A fixed server role by name, in lower case.
fn role(name: &str) -> Option<&'static str> {
    SERVER_ROLES
        .iter()
        .map(|(_, role)| *role)
        .find(|role| role.eq_ignore_ascii_case(name) && *role != "public")
}

fn help_role_members(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let asked = c.text("@srvrolename");
    if let Some(name) = asked.as_ref().filter(|name| role(name).is_none()) {
        c.raise(error(15_412, 1, &[name]));
        return Ok(1);
    }
    let rows: Vec<Row> = look(c, |context| {
        let mut rows: Vec<Row> = Vec::new();
        for login in context.engine.logins.values() {
            for member_of in &login.roles {
                if asked.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(member_of)) {
                    let names = [Value::Text(member_of.clone()), Value::Text(login.name.clone())];
                    let [role, member] = names;
                    rows.push([role, member, Value::Binary(login.sid.clone())].into());
                }
            }
        }
        rows
    });
    let columns = "ServerRole sysname, MemberName sysname, MemberSID varbinary(85)";
    c.result_set(&Definition::parse(columns).columns, &rows);
    Ok(0)
}

/// Adds a login to a server role or takes it out.
fn change_role(c: &mut ProcedureContext<'_>, is_member: bool) -> SqlResult<i32> {
    sysadmin_only(c)?;
    let login = c.text("@loginame").unwrap_or_else(|| "".into());
    let asked = c.text("@rolename").unwrap_or_else(|| "".into());
    let Some(role) = role(&asked) else {
        c.raise(error(15_412, 1, &[&asked]));
        return Ok(1);
    };
    let mut engine = c.instance.0.engine.borrow_mut();
    let found = engine.logins.values_mut().find(|l| crate::engine::same_name(&l.name, &login));
    let known = found.is_some();
    if let Some(found) = found {
        found.roles.retain(|r| !r.eq_ignore_ascii_case(role));
        if is_member {
            found.roles.push(role.into());
        }
    }
    drop(engine);
    if !known {
        c.raise(error(15_007, 1, &[&login]));
        return Ok(1);
    }
    Ok(0)
}

/// Id of the setting that lets advanced ones be seen.
const SHOW_ADVANCED: i32 = 518;

const CONFIGURE: &str = "name nvarchar(35), minimum int, maximum int, config_value int, run_value int";

/// Shows settings, and changes one; RECONFIGURE puts it into use.
fn configure(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let values = c.instance.0.engine.borrow().settings.clone();
    let value_of = |setting: &Setting| values.get(&setting.0).copied().unwrap_or((setting.2, setting.2));
    let shows_advanced = values.get(&SHOW_ADVANCED).is_some_and(|(_, in_use)| *in_use == 1);
    let asked = c.text("@configname").map(|name| name.to_lowercase());
    let shown = || SETTINGS.iter().filter(|setting| shows_advanced || !setting.5);
    let found: Vec<&Setting> = match &asked {
        None => shown().collect(),
        Some(asked) => match shown().find(|setting| setting.1.to_lowercase() == *asked) {
            Some(exact) => vec![exact],
            None => shown().filter(|setting| setting.1.to_lowercase().contains(asked.as_str())).collect(),
        },
    };
    let name = c.text("@configname").unwrap_or_else(|| "".into());
    if found.is_empty() {
        return Err(error(15_123, 1, &[&name]));
    }
    if let (Some(_), [_, _, ..]) = (&asked, found.as_slice()) {
        return Err(error(15_124, 1, &[&name]));
    }
    if let (Some(value), Some(setting)) = (c.int("@configvalue"), found.first()) {
        let may = {
            let engine = c.instance.0.engine.borrow();
            c.session.acts_as_sysadmin()
                || engine.has_server_permission(&c.session.caller(), "ALTER SETTINGS")
        };
        if !may {
            return Err(error(15_247, 1, &[]));
        }
        let (configured, in_use) = value_of(setting);
        if !(setting.3..=setting.4).contains(&value) && value != setting.2 {
            return Err(error(15_129, 1, &[&value, &setting.1]));
        }
        if FIXED_SETTINGS.contains(&setting.0) && value != configured {
            return Err(unsupported(&format!("changing the setting '{}'", setting.1)));
        }
        c.instance.0.engine.borrow_mut().settings.insert(setting.0, (value, in_use));
        c.raise(error(15_457, 1, &[&setting.1, &configured, &value]));
        return Ok(0);
    }
    let rows: Vec<Row> = found
        .iter()
        .map(|setting| {
            let (configured, in_use) = value_of(setting);
            [
                Value::text(setting.1),
                Value::Int(setting.3),
                Value::Int(setting.4),
                Value::Int(configured),
                Value::Int(in_use),
            ]
            .into()
        })
        .collect();
    c.result_set(&Definition::parse(CONFIGURE).columns, &rows);
    Ok(0)
}
