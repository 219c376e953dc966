//! Agent's procedures that answer questions.

use super::super::log_shipping::parameters::{GUID, INT, SYSNAME, may, word};
use super::jobs;
use super::schedule::{date_number, time_number};
use crate::catalog::definition::Definition;
use crate::catalog::rows::RowDraft;
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Procedure, ProcedureContext};
use crate::messages::{error, unsupported};
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{
    SYSJOBACTIVITY, SYSJOBHISTORY, SYSJOBS, SYSJOBSCHEDULES, SYSJOBSERVERS, SYSJOBSTEPS,
};
use crate::value::{DataType, Length, Row, Value};
use uuid::Uuid;

/// Its procedures.
pub(crate) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_help_job",
        home: Home::Msdb,
        parameters: &[
            may("@job_id", GUID),
            may("@job_name", SYSNAME),
            may("@job_aspect", DataType::VarChar(Length::Upto(9))),
            may("@job_type", DataType::VarChar(Length::Upto(12))),
            may("@owner_login_name", SYSNAME),
            may("@subsystem", DataType::NVarChar(Length::Upto(40))),
            may("@category_name", SYSNAME),
            may("@enabled", DataType::TinyInt),
            may("@execution_status", INT),
            may("@date_comparator", DataType::Char(1)),
            may("@date_created", DataType::DateTime),
            may("@date_last_modified", DataType::DateTime),
            may("@description", DataType::NVarChar(Length::Upto(512))),
        ],
        body: |c| Box::pin(help_job(c)),
    },
    Procedure {
        name: "sp_help_jobactivity",
        home: Home::Msdb,
        parameters: &[may("@job_id", GUID), may("@job_name", SYSNAME), may("@session_id", INT)],
        body: |c| Box::pin(help_job_activity(c)),
    },
    Procedure {
        name: "sp_help_jobhistory",
        home: Home::Msdb,
        parameters: &[
            may("@job_id", GUID),
            may("@job_name", SYSNAME),
            may("@step_id", INT),
            may("@run_status", INT),
            word("@mode", DataType::VarChar(Length::Upto(7)), "SUMMARY"),
        ],
        body: |c| Box::pin(help_job_history(c)),
    },
];

const JOB: &str = "job_id uniqueidentifier, originating_server nvarchar(30), name sysname, enabled tinyint, \
    description nvarchar(512), start_step_id int, category sysname, owner sysname null, \
    notify_level_eventlog int, notify_level_email int, notify_level_netsend int, notify_level_page int, \
    notify_email_operator sysname = '(unknown)', notify_netsend_operator sysname = '(unknown)', \
    notify_page_operator sysname = '(unknown)', delete_level int, date_created datetime, \
    date_modified datetime, version_number int, last_run_date int, last_run_time int, \
    last_run_outcome int, next_run_date int, next_run_time int, next_run_schedule_id int, \
    current_execution_status int, current_execution_step sysname, current_retry_attempt int = 0, \
    has_step int, has_schedule int, has_target int = 1, type int = 1";

/// `current_execution_status`: executing, idle.
const EXECUTING: i64 = 1;
const IDLE: i64 = 4;

/// The jobs that `@job_id` or `@job_name` names, or all.
async fn asked(c: &ProcedureContext<'_>, db: Msdb<'_>) -> SqlResult<Vec<Record>> {
    if c.guid("@job_id").is_none() && c.text("@job_name").is_none() {
        return db.select(&SYSJOBS, |_| true).await;
    }
    Ok(vec![jobs::identified(c, db).await?])
}

async fn help_job(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    for name in [
        "@job_aspect",
        "@job_type",
        "@owner_login_name",
        "@subsystem",
        "@date_comparator",
        "@date_created",
        "@date_last_modified",
        "@description",
    ] {
        let value = c.argument(name);
        let is_plain = value.is_null() || c.text(name).is_some_and(|t| &*t == "JOB" || &*t == "LOCAL");
        if !is_plain {
            return Err(unsupported(&format!("the argument {name} of sp_help_job")));
        }
    }
    let definition = Definition::parse(JOB);
    let mut rows: Vec<Row> = Vec::new();
    for job in asked(c, db).await? {
        let category = jobs::category_name(db, job.int("category_id")).await?;
        let is_running = db.instance.0.agent.running_for(job.guid("job_id")).is_some();
        let status = if is_running { EXECUTING } else { IDLE };
        let is_asked = c.text("@category_name").is_none_or(|name| name.eq_ignore_ascii_case(&category))
            && c.int("@enabled").is_none_or(|enabled| enabled == job.int("enabled"))
            && c.int("@execution_status").is_none_or(|wanted| wanted == 0 || wanted == status);
        if is_asked {
            rows.push(describe(db, &definition, &job, &category, status).await?);
        }
    }
    c.result_set(&definition.columns, &rows);
    Ok(0)
}

async fn describe(
    db: Msdb<'_>,
    definition: &Definition,
    job: &Record,
    category: &str,
    status: i64,
) -> SqlResult<Row> {
    let job_id = job.guid("job_id");
    let this = |row: &Record| row.guid("job_id") == job_id;
    let last = db.first(&SYSJOBSERVERS, this).await?;
    let steps = db.select(&SYSJOBSTEPS, this).await?;
    let schedules = db.select(&SYSJOBSCHEDULES, this).await?;
    let now = super::local_now(db.instance);
    let due = super::scheduled_jobs(db).await?;
    let next = due.iter().filter(|(id, _)| *id == job_id).filter_map(|(_, s)| s.next_after(now)).min();
    let step = match status {
        EXECUTING => running_step(db, job_id, &steps).await?,
        _ => "0 (unknown)".to_owned(),
    };
    let mut draft = RowDraft::new(definition);
    draft
        .set("job_id", job_id)
        .set("originating_server", db.instance.0.config.server_name.as_str())
        .set("name", job.value("name"))
        .set("enabled", job.value("enabled"))
        .set("description", job.value("description"))
        .set("start_step_id", job.value("start_step_id"))
        .set("category", category)
        .set("owner", owner_name(db, job))
        .set("notify_level_eventlog", job.value("notify_level_eventlog"))
        .set("notify_level_email", job.value("notify_level_email"))
        .set("notify_level_netsend", job.value("notify_level_netsend"))
        .set("notify_level_page", job.value("notify_level_page"))
        .set("delete_level", job.value("delete_level"))
        .set("date_created", job.value("date_created"))
        .set("date_modified", job.value("date_modified"))
        .set("version_number", job.value("version_number"));
    if let Some(last) = last {
        draft
            .set("last_run_date", last.value("last_run_date"))
            .set("last_run_time", last.value("last_run_time"))
            .set("last_run_outcome", last.value("last_run_outcome"));
    }
    draft
        .set("next_run_date", next.map_or(0, date_number))
        .set("next_run_time", next.map_or(0, time_number))
        .set("next_run_schedule_id", schedules.first().map_or(0, |row| row.int("schedule_id")))
        .set("current_execution_status", status)
        .set("current_execution_step", step)
        .set("has_step", steps.len())
        .set("has_schedule", schedules.len());
    Ok(draft.into_values().into())
}

/// The login that owns a job; NULL when it is gone.
fn owner_name(db: Msdb<'_>, job: &Record) -> Option<std::rc::Rc<str>> {
    let engine = db.instance.0.engine.borrow();
    let Value::Binary(sid) = job.value("owner_sid") else { return None };
    engine.logins.values().find(|login| login.sid == *sid).map(|login| login.name.clone())
}

/// The step a running job is at: the one after the last that ended.
async fn running_step(db: Msdb<'_>, job_id: Uuid, steps: &[Record]) -> SqlResult<String> {
    let session_id = db.instance.0.agent.session_id();
    let this = |row: &Record| row.int("session_id") == session_id && row.guid("job_id") == job_id;
    let activity = db.first(&SYSJOBACTIVITY, this).await?;
    let ended = activity.map_or(0, |row| row.int("last_executed_step_id"));
    let at = steps.iter().find(|row| row.int("step_id") == ended + 1).or(steps.first());
    Ok(at.map_or_else(String::new, |row| format!("{} ({})", row.int("step_id"), row.text("step_name"))))
}

const ACTIVITY: &str = "session_id int, job_id uniqueidentifier, job_name sysname, \
    run_requested_date datetime, run_requested_source nvarchar(128), queued_date datetime, \
    start_execution_date datetime, last_executed_step_id int, last_executed_step_date datetime, \
    stop_execution_date datetime, next_scheduled_run_date datetime, job_history_id int, \
    message nvarchar(1024), run_status int, operator_id_emailed int, operator_id_netsent int, \
    operator_id_paged int";

async fn help_job_activity(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let session_id = c.int("@session_id").unwrap_or_else(|| db.instance.0.agent.session_id());
    let definition = Definition::parse(ACTIVITY);
    let mut rows: Vec<Row> = Vec::new();
    for job in asked(c, db).await? {
        let job_id = job.guid("job_id");
        let this = |row: &Record| row.int("session_id") == session_id && row.guid("job_id") == job_id;
        let Some(activity) = db.first(&SYSJOBACTIVITY, this).await? else { continue };
        let history_id = activity.int("job_history_id");
        let history = db.first(&SYSJOBHISTORY, |row| row.int("instance_id") == history_id).await?;
        let mut draft = RowDraft::new(&definition);
        for column in definition.columns.iter() {
            let found = activity.find(&column.name).or_else(|| history.as_ref()?.find(&column.name));
            if let Some(value) = found {
                draft.set(&column.name, value);
            }
        }
        draft.set("job_name", job.value("name"));
        rows.push(draft.into_values().into());
    }
    c.result_set(&definition.columns, &rows);
    Ok(0)
}

const HISTORY: &str = "instance_id int, job_id uniqueidentifier, job_name sysname, step_id int, \
    step_name sysname, sql_message_id int, sql_severity int, message nvarchar(1024), run_status int, \
    run_date int, run_time int, run_duration int, operator_emailed nvarchar(20), \
    operator_netsent nvarchar(20), operator_paged nvarchar(20), retries_attempted int, server nvarchar(30)";

const HISTORY_SUMMARY: &str = "job_id uniqueidentifier, job_name sysname, run_status int, run_date int, \
    run_time int, run_duration int, operator_emailed nvarchar(20), operator_netsent nvarchar(20), \
    operator_paged nvarchar(20), retries_attempted int, server nvarchar(30)";

async fn help_job_history(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let mode = c.text("@mode").unwrap_or_else(|| "SUMMARY".into());
    let full = match mode.to_ascii_uppercase().as_str() {
        "FULL" => true,
        "SUMMARY" => false,
        _ => return Err(error(14_266, 1, &[&"@mode", &"SUMMARY, FULL"])),
    };
    let definition = Definition::parse(if full { HISTORY } else { HISTORY_SUMMARY });
    let (step, status) = (c.int("@step_id"), c.int("@run_status"));
    let jobs = asked(c, db).await?;
    let wanted = |row: &Record| {
        (full || row.int("step_id") == 0)
            && step.is_none_or(|step| row.int("step_id") == step)
            && status.is_none_or(|status| row.int("run_status") == status)
    };
    let mut rows: Vec<Row> = Vec::new();
    // The newest first, as Agent's log viewer shows it.
    for history in db.select(&SYSJOBHISTORY, wanted).await?.iter().rev() {
        let Some(job) = jobs.iter().find(|job| job.guid("job_id") == history.guid("job_id")) else {
            continue;
        };
        let mut draft = RowDraft::new(&definition);
        for column in definition.columns.iter() {
            if let Some(value) = history.find(&column.name) {
                draft.set(&column.name, value);
            }
        }
        draft.set("job_name", job.value("name"));
        rows.push(draft.into_values().into());
    }
    c.result_set(&definition.columns, &rows);
    Ok(0)
}
