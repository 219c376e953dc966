//! Jobs and their steps: the procedures that keep them.

use super::super::log_shipping::parameters::{GUID, INT, SYSNAME, TINYINT, may, must, number, out, word};
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Parameter, Procedure, ProcedureContext};
use crate::messages::{error, unsupported};
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{
    SYSCATEGORIES, SYSJOBACTIVITY, SYSJOBHISTORY, SYSJOBS, SYSJOBSCHEDULES, SYSJOBSERVERS, SYSJOBSTEPS,
    SYSSCHEDULES,
};
use crate::value::{DataType, Length, Value};
use std::rc::Rc;
use uuid::Uuid;

const DESCRIPTION: DataType = DataType::NVarChar(Length::Upto(512));
const TEXT: DataType = DataType::NVarChar(Length::Max);
const JOB_NAME: Parameter = may("@job_name", SYSNAME);
const JOB_ID: Parameter = may("@job_id", GUID);

/// Its procedures.
pub(crate) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_add_job",
        home: Home::Msdb,
        parameters: &[
            must("@job_name", SYSNAME),
            number("@enabled", TINYINT, 1),
            may("@description", DESCRIPTION),
            number("@start_step_id", INT, 1),
            may("@category_name", SYSNAME),
            may("@category_id", INT),
            may("@owner_login_name", SYSNAME),
            number("@notify_level_eventlog", INT, 2),
            number("@notify_level_email", INT, 0),
            number("@notify_level_netsend", INT, 0),
            number("@notify_level_page", INT, 0),
            may("@notify_email_operator_name", SYSNAME),
            may("@notify_netsend_operator_name", SYSNAME),
            may("@notify_page_operator_name", SYSNAME),
            number("@delete_level", INT, 0),
            out("@job_id", GUID),
            may("@originating_server", SYSNAME),
        ],
        body: |c| Box::pin(add_job(c)),
    },
    Procedure {
        name: "sp_update_job",
        home: Home::Msdb,
        parameters: &[
            JOB_ID,
            JOB_NAME,
            may("@new_name", SYSNAME),
            may("@enabled", TINYINT),
            may("@description", DESCRIPTION),
            may("@start_step_id", INT),
            may("@category_name", SYSNAME),
            may("@owner_login_name", SYSNAME),
            may("@notify_level_eventlog", INT),
            may("@notify_level_email", INT),
            may("@delete_level", INT),
        ],
        body: |c| Box::pin(update_job(c)),
    },
    Procedure {
        name: "sp_delete_job",
        home: Home::Msdb,
        parameters: &[
            JOB_ID,
            JOB_NAME,
            may("@originating_server", SYSNAME),
            number("@delete_history", DataType::Bit, 1),
            number("@delete_unused_schedule", DataType::Bit, 1),
        ],
        body: |c| Box::pin(delete_job_procedure(c)),
    },
    Procedure {
        name: "sp_add_jobstep",
        home: Home::Msdb,
        parameters: &[
            JOB_ID,
            JOB_NAME,
            may("@step_id", INT),
            must("@step_name", SYSNAME),
            word("@subsystem", DataType::NVarChar(Length::Upto(40)), "TSQL"),
            may("@command", TEXT),
            may("@additional_parameters", TEXT),
            number("@cmdexec_success_code", INT, 0),
            number("@on_success_action", TINYINT, 1),
            number("@on_success_step_id", INT, 0),
            number("@on_fail_action", TINYINT, 2),
            number("@on_fail_step_id", INT, 0),
            may("@server", SYSNAME),
            may("@database_name", SYSNAME),
            may("@database_user_name", SYSNAME),
            number("@retry_attempts", INT, 0),
            number("@retry_interval", INT, 0),
            number("@os_run_priority", INT, 0),
            may("@output_file_name", DataType::NVarChar(Length::Upto(200))),
            number("@flags", INT, 0),
            may("@proxy_id", INT),
            may("@proxy_name", SYSNAME),
            out("@step_uid", GUID),
        ],
        body: |c| Box::pin(add_job_step(c)),
    },
    Procedure {
        name: "sp_add_jobserver",
        home: Home::Msdb,
        parameters: &[JOB_ID, JOB_NAME, may("@server_name", SYSNAME)],
        body: |c| Box::pin(add_job_server(c)),
    },
    Procedure {
        name: "sp_start_job",
        home: Home::Msdb,
        parameters: &[
            JOB_NAME,
            JOB_ID,
            number("@error_flag", INT, 1),
            may("@server_name", SYSNAME),
            may("@step_name", SYSNAME),
            number("@output_flag", INT, 1),
        ],
        body: |c| Box::pin(start_job(c)),
    },
    Procedure {
        name: "sp_stop_job",
        home: Home::Msdb,
        parameters: &[JOB_NAME, JOB_ID, may("@originating_server", SYSNAME), may("@server_name", SYSNAME)],
        body: |c| Box::pin(stop_job(c)),
    },
];

/// A job of log shipping to be made.
#[derive(Debug)]
pub(crate) struct NewJob<'a> {
    /// Name.
    pub(crate) name: &'a str,
    /// Category.
    pub(crate) category: &'a str,
    /// Name of its only step.
    pub(crate) step_name: &'a str,
    /// Command line of that step.
    pub(crate) command: &'a str,
}

/// Makes a disabled job with one step that runs a program. A job of the same name that
/// log shipping owns is replaced; any other one is in the way (32022).
pub(crate) async fn create_log_shipping_job(db: Msdb<'_>, new: NewJob<'_>) -> SqlResult<Uuid> {
    if let Some(old) = find_by_name(db, new.name).await? {
        let category = category_name(db, old.int("category_id")).await?;
        if !category.starts_with("Log Shipping") {
            return Err(error(32_022, 1, &[&new.name]));
        }
        delete_job(db, old.guid("job_id")).await?;
    }
    let category = category_id(db, new.category).await?.unwrap_or(0);
    let job_id = insert_job(db, new.name, false, category, None).await?;
    insert_step(db, job_id, new.step_name, "CmdExec", new.command).await?;
    Ok(job_id)
}

/// Makes the alert job: enabled, every two minutes.
pub(crate) async fn create_alert_job(
    db: Msdb<'_>,
    name: &str,
    step_name: &str,
    schedule_name: &str,
) -> SqlResult<Uuid> {
    let category = category_id(db, "Log Shipping Alert").await?.unwrap_or(0);
    if let Some(old) = find_by_name(db, name).await? {
        delete_job(db, old.guid("job_id")).await?;
    }
    let job_id = insert_job(db, name, true, category, None).await?;
    insert_step(db, job_id, step_name, "TSQL", "exec sys.sp_check_log_shipping_monitor_alert").await?;
    super::schedules::attach_new(db, job_id, schedule_name, super::schedules::every_minutes(db, 2)).await?;
    db.instance.0.agent.wake();
    Ok(job_id)
}

async fn insert_job(
    db: Msdb<'_>,
    name: &str,
    enabled: bool,
    category: i64,
    description: Option<Rc<str>>,
) -> SqlResult<Uuid> {
    let job_id = db.instance.new_guid();
    let now = db.local_now();
    db.insert(&SYSJOBS, |row| {
        row.set("job_id", job_id)
            .set("name", name)
            .set("enabled", u8::from(enabled))
            .set("description", description.unwrap_or_else(|| "No description available.".into()))
            .set("category_id", category)
            .set("notify_level_eventlog", 2)
            .set("date_created", &now)
            .set("date_modified", &now);
    })
    .await?;
    db.insert(&SYSJOBSERVERS, |row| {
        row.set("job_id", job_id);
    })
    .await?;
    super::expect_job(db, job_id).await?;
    Ok(job_id)
}

async fn insert_step(
    db: Msdb<'_>,
    job_id: Uuid,
    name: &str,
    subsystem: &str,
    command: &str,
) -> SqlResult<()> {
    let uid = db.instance.new_guid();
    db.insert(&SYSJOBSTEPS, |row| {
        row.set("job_id", job_id)
            .set("step_id", 1)
            .set("step_name", name)
            .set("subsystem", subsystem)
            .set("command", command)
            .set("database_name", "master")
            .set("step_uid", uid);
    })
    .await?;
    Ok(())
}

/// Deletes a job with everything that hangs on it, and stops it if it runs. Unknown ids are nothing to do.
pub(crate) async fn delete_job(db: Msdb<'_>, job_id: Uuid) -> SqlResult<()> {
    super::run::stop(db.instance, job_id);
    let this = |row: &Record| row.guid("job_id") == job_id;
    let links = db.select(&SYSJOBSCHEDULES, this).await?;
    for table in [&SYSJOBSCHEDULES, &SYSJOBACTIVITY, &SYSJOBHISTORY, &SYSJOBSERVERS, &SYSJOBSTEPS, &SYSJOBS] {
        db.delete(table, this).await?;
    }
    for link in links {
        let schedule_id = link.int("schedule_id");
        let used = db.first(&SYSJOBSCHEDULES, |row| row.int("schedule_id") == schedule_id).await?;
        if used.is_none() {
            db.delete(&SYSSCHEDULES, |row| row.int("schedule_id") == schedule_id).await?;
        }
    }
    db.instance.0.agent.wake();
    Ok(())
}

/// A job by name.
pub(crate) async fn find_by_name(db: Msdb<'_>, name: &str) -> SqlResult<Option<Record>> {
    db.first(&SYSJOBS, |row| row.is("name", name)).await
}

/// A job by id.
pub(crate) async fn find_by_id(db: Msdb<'_>, job_id: Uuid) -> SqlResult<Option<Record>> {
    db.first(&SYSJOBS, |row| row.guid("job_id") == job_id).await
}

async fn category_id(db: Msdb<'_>, name: &str) -> SqlResult<Option<i64>> {
    Ok(db.first(&SYSCATEGORIES, |row| row.is("name", name)).await?.map(|row| row.int("category_id")))
}

/// A category's name.
pub(crate) async fn category_name(db: Msdb<'_>, id: i64) -> SqlResult<Rc<str>> {
    let found = db.first(&SYSCATEGORIES, |row| row.int("category_id") == id).await?;
    Ok(found.map_or_else(|| "".into(), |row| row.text("name")))
}

/// msdb as the caller works on it. Without sysadmin, Agent's procedures may not be executed.
pub(crate) fn msdb<'a>(c: &ProcedureContext<'a>) -> SqlResult<Msdb<'a>> {
    if c.session.acts_as_sysadmin() {
        return Ok(Msdb { instance: c.instance, session: c.session });
    }
    Err(error(229, 5, &[&"EXECUTE", &c.name(), &"msdb", &"dbo"]))
}

/// The job that `@job_id` or `@job_name` names: 14294 for neither or both, 14262 for an unknown one.
pub(crate) async fn identified(c: &ProcedureContext<'_>, db: Msdb<'_>) -> SqlResult<Record> {
    match (c.guid("@job_id"), c.text("@job_name")) {
        (Some(id), None) => {
            let unknown = || error(14_262, 1, &[&"@job_id", &id.to_string().to_uppercase()]);
            find_by_id(db, id).await?.ok_or_else(unknown)
        }
        (None, Some(name)) => {
            find_by_name(db, &name).await?.ok_or_else(|| error(14_262, 1, &[&"@job_name", &name]))
        }
        _ => Err(error(14_294, 1, &[&"@job_id", &"@job_name"])),
    }
}

/// The category that the arguments name, if they name one.
async fn category(c: &ProcedureContext<'_>, db: Msdb<'_>) -> SqlResult<Option<i64>> {
    match c.text("@category_name") {
        None => Ok(None),
        Some(name) => match category_id(db, &name).await? {
            Some(id) => Ok(Some(id)),
            None => Err(error(14_234, 1, &[&"@category_name", &"sp_help_category"])),
        },
    }
}

/// The SID of the login that `@owner_login_name` names; nobody named is nothing to change.
fn owner(c: &ProcedureContext<'_>) -> SqlResult<Option<Value>> {
    let Some(name) = c.text("@owner_login_name") else { return Ok(None) };
    match c.instance.0.engine.borrow().login(&name) {
        Some(login) => Ok(Some(Value::Binary(login.sid.clone()))),
        None => Err(error(14_234, 1, &[&"@owner_login_name", &"sp_helplogins"])),
    }
}

/// Refuses arguments that would be accepted and do nothing: NULL and 0 ask for nothing.
fn refuse(c: &ProcedureContext<'_>, arguments: &[&str]) -> SqlResult<()> {
    let asked = arguments.iter().find(|name| !c.argument(name).is_null() && c.int(name) != Some(0));
    asked.map_or(Ok(()), |name| Err(unsupported(&format!("the argument {name} of {}", c.name()))))
}

async fn add_job(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = msdb(c)?;
    refuse(
        c,
        &[
            "@notify_email_operator_name",
            "@notify_netsend_operator_name",
            "@notify_page_operator_name",
            "@delete_level",
        ],
    )?;
    let owner = owner(c)?;
    let name = c.text("@job_name").unwrap_or_else(|| "".into());
    if find_by_name(db, &name).await?.is_some() {
        return Err(error(14_261, 1, &[&"@job_name", &name]));
    }
    let category = category(c, db).await?.or_else(|| c.int("@category_id")).unwrap_or(0);
    let enabled = c.int("@enabled") != Some(0);
    let job_id = insert_job(db, &name, enabled, category, c.text("@description")).await?;
    let start = c.int("@start_step_id").unwrap_or(1);
    let eventlog = c.int("@notify_level_eventlog").unwrap_or(2);
    db.update(
        &SYSJOBS,
        |row| row.guid("job_id") == job_id,
        |row| {
            row.set("start_step_id", start);
            if let Some(owner) = &owner {
                row.set("owner_sid", owner);
            }
            row.set("notify_level_eventlog", eventlog);
        },
    )
    .await?;
    c.set_output("@job_id", Value::Guid(job_id));
    Ok(0)
}

async fn update_job(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = msdb(c)?;
    let job = identified(c, db).await?;
    if let Some(new) = c.text("@new_name")
        && find_by_name(db, &new).await?.is_some_and(|other| other.guid("job_id") != job.guid("job_id"))
    {
        return Err(error(14_261, 1, &[&"@new_name", &new]));
    }
    let category = category(c, db).await?;
    refuse(c, &["@delete_level"])?;
    let owner = owner(c)?;
    let now = db.local_now();
    let mut changes: Vec<(&str, Value)> = Vec::new();
    for (argument, column) in [
        ("@new_name", "name"),
        ("@enabled", "enabled"),
        ("@description", "description"),
        ("@start_step_id", "start_step_id"),
        ("@notify_level_eventlog", "notify_level_eventlog"),
        ("@notify_level_email", "notify_level_email"),
    ] {
        if c.is_given(argument) && !c.argument(argument).is_null() {
            changes.push((column, c.argument(argument).clone()));
        }
    }
    let job_id = job.guid("job_id");
    db.update(
        &SYSJOBS,
        |row| row.guid("job_id") == job_id,
        |row| {
            for (column, value) in &changes {
                row.set(column, value);
            }
            if let Some(category) = category {
                row.set("category_id", category);
            }
            if let Some(owner) = &owner {
                row.set("owner_sid", owner);
            }
            row.set("date_modified", &now).set("version_number", job.int("version_number") + 1);
        },
    )
    .await?;
    db.instance.0.agent.wake();
    Ok(0)
}

async fn delete_job_procedure(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = msdb(c)?;
    let job = identified(c, db).await?;
    delete_job(db, job.guid("job_id")).await?;
    Ok(0)
}

/// Subsystems that Agent has; others are refused when the step is added.
const SUBSYSTEMS: &[&str] = &["TSQL", "CmdExec"];

async fn add_job_step(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = msdb(c)?;
    refuse(c, &["@output_file_name", "@proxy_id", "@proxy_name", "@database_user_name", "@server"])?;
    let job = identified(c, db).await?;
    let subsystem = c.text("@subsystem").unwrap_or_else(|| "TSQL".into());
    let Some(subsystem) = SUBSYSTEMS.iter().find(|s| s.eq_ignore_ascii_case(&subsystem)) else {
        return Err(error(14_266, 1, &[&"@subsystem", &SUBSYSTEMS.join(", ")]));
    };
    let job_id = job.guid("job_id");
    let steps = db.select(&SYSJOBSTEPS, |row| row.guid("job_id") == job_id).await?;
    let name = c.text("@step_name").unwrap_or_else(|| "".into());
    if steps.iter().any(|step| step.is("step_name", &name)) {
        return Err(error(14_261, 1, &[&"@step_name", &name]));
    }
    let last = steps.iter().map(|step| step.int("step_id")).max().unwrap_or(0);
    let step_id = c.int("@step_id").unwrap_or(last + 1);
    if step_id != last + 1 {
        return Err(unsupported(&"a job step that is inserted between others"));
    }
    let uid = db.instance.new_guid();
    let columns = [
        "command",
        "additional_parameters",
        "cmdexec_success_code",
        "on_success_action",
        "on_success_step_id",
        "on_fail_action",
        "on_fail_step_id",
        "server",
        "database_name",
        "database_user_name",
        "retry_attempts",
        "retry_interval",
        "os_run_priority",
        "output_file_name",
        "flags",
    ];
    let values: Vec<(&str, Value)> =
        columns.iter().map(|column| (*column, c.argument(&format!("@{column}")).clone())).collect();
    db.insert(&SYSJOBSTEPS, |row| {
        row.set("job_id", job_id).set("step_id", step_id).set("step_name", name).set("subsystem", *subsystem);
        for (column, value) in &values {
            row.set(column, value);
        }
        row.set("step_uid", uid);
    })
    .await?;
    c.set_output("@step_uid", Value::Guid(uid));
    Ok(0)
}

async fn add_job_server(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = msdb(c)?;
    identified(c, db).await?;
    let this = &c.instance.0.config.server_name;
    match c.text("@server_name") {
        Some(name) if !(name.eq_ignore_ascii_case("(local)") || name.eq_ignore_ascii_case(this)) => {
            Err(error(14_262, 1, &[&"@server_name", &name]))
        }
        _ => Ok(0),
    }
}

async fn start_job(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = msdb(c)?;
    let job = identified(c, db).await?;
    let source = format!("User {}", c.session.login);
    super::run::start(db, job.guid("job_id"), c.text("@step_name"), &source).await?;
    if c.int("@output_flag") != Some(0) {
        c.print(&format!("Job '{}' started successfully.", job.text("name")));
    }
    Ok(0)
}

async fn stop_job(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = msdb(c)?;
    let job = identified(c, db).await?;
    if !super::run::cancel(db, job.guid("job_id")).await? {
        let why = format!(
            "Request to stop job {} (from User {}) refused because the job is not currently running.",
            job.text("name"),
            c.session.login
        );
        return Err(error(22_022, 1, &[&why]));
    }
    c.print(&format!("Job '{}' stopped successfully.", job.text("name")));
    Ok(0)
}
