//! Running a job: its steps one after the other, and what is written about it.

use super::schedule::{date_number, time_number};
use super::{RunningJob, jobs, local, local_now};
use crate::error::{SqlError, SqlResult};
use crate::instance::Instance;
use crate::messages::error;
use crate::msdb::log_shipping::ship;
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{SYSJOBACTIVITY, SYSJOBHISTORY, SYSJOBSERVERS, SYSJOBSTEPS};
use crate::session::open::Introduction;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use uuid::Uuid;

/// How a step or a job ended, as `run_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunStatus {
    /// 0
    Failed = 0,
    /// 1
    Succeeded = 1,
    /// 3
    Cancelled = 3,
}

/// What a step said.
#[derive(Clone, Debug)]
pub(crate) struct StepResult {
    /// How it ended.
    pub(crate) status: RunStatus,
    /// Its message.
    pub(crate) message: String,
    /// The error's number, 0 without one.
    pub(crate) error_number: i32,
}

impl StepResult {
    /// A step that did its work.
    pub(crate) fn succeeded(message: impl Into<String>) -> Self {
        Self { status: RunStatus::Succeeded, message: message.into(), error_number: 0 }
    }

    /// A step that did not.
    pub(crate) fn failed(message: impl Into<String>, error_number: i32) -> Self {
        Self { status: RunStatus::Failed, message: message.into(), error_number }
    }
}

/// Starts a job. It runs on its own; this returns at once.
///
/// # Errors
/// 22022 when Agent does not run, when the job already runs, or when it has no step.
pub(crate) async fn start(
    db: Msdb<'_>,
    job_id: Uuid,
    from_step: Option<Rc<str>>,
    source: &str,
) -> SqlResult<()> {
    let agent = &db.instance.0.agent;
    let Some(job) = jobs::find_by_id(db, job_id).await? else { return Ok(()) };
    let name = job.text("name");
    let refuse = |why: &str| {
        let text = format!("Request to run job {name} (from {source}) refused because {why}.");
        Err(error(22_022, 1, &[&text]))
    };
    if agent.session_id() == 0 {
        return refuse("SQLServerAgent is not running");
    }
    let steps = db.select(&SYSJOBSTEPS, |row| row.guid("job_id") == job_id).await?;
    if steps.is_empty() {
        return refuse("the job has no job steps defined");
    }
    let first = match &from_step {
        None => job.int("start_step_id"),
        Some(step) => match steps.iter().find(|row| row.is("step_name", step)) {
            Some(row) => row.int("step_id"),
            None => return Err(error(14_262, 1, &[&"@step_name", step])),
        },
    };
    if let Some(other) = agent.running_for(job_id) {
        return refuse(&format!("the job is already running from a request by {other}"));
    }
    note_start(db, job_id, source).await?;
    if let Some(other) = agent.running_for(job_id) {
        return refuse(&format!("the job is already running from a request by {other}"));
    }
    let instance = db.instance.clone();
    let owner = source.to_owned();
    let task = db.instance.spawn(async move { run(instance, job, steps, first, owner).await });
    let running = RunningJob { task, source: source.to_owned(), cancelled: Cell::new(false) };
    agent.running.borrow_mut().insert(job_id, running);
    Ok(())
}

/// Stops a running job without a word (it is being deleted).
pub(crate) fn stop(instance: &Instance, job_id: Uuid) {
    if let Some(job) = instance.0.agent.running.borrow_mut().remove(&job_id) {
        job.task.abort();
    }
}

/// Stops a running job on request and writes that down. `false` when it does not run.
pub(crate) async fn cancel(db: Msdb<'_>, job_id: Uuid) -> SqlResult<bool> {
    let source = {
        let running = db.instance.0.agent.running.borrow();
        let Some(job) = running.get(&job_id) else { return Ok(false) };
        job.cancelled.set(true);
        job.source.clone()
    };
    stop(db.instance, job_id);
    let Some(job) = jobs::find_by_id(db, job_id).await? else { return Ok(true) };
    let message = format!(
        "The job was stopped prior to completion by User {}.  The Job was invoked by {source}.",
        db.session.login
    );
    let ended = StepResult { status: RunStatus::Cancelled, message, error_number: 0 };
    let began = db.instance.0.clock.utc_now();
    note_end(db, &job, 0, &ended, began).await?;
    Ok(true)
}

/// A job's life, in a session of Agent's own.
async fn run(instance: Instance, job: Record, steps: Vec<Record>, first: i64, source: String) {
    let job_id = job.guid("job_id");
    let host = instance.0.config.host.clone();
    let hex = job_id.simple().to_string().to_uppercase();
    let program = format!("SQLAgent - TSQL JobStep (Job 0x{hex} : Step {first})");
    let opened = instance.open_session(Introduction::of_service(&program, &host));
    if let Some(session) = &opened {
        let db = Msdb { instance: &instance, session: session.session() };
        let began = instance.0.clock.utc_now();
        // A job that cannot write its history has still run.
        let _ = tokio::select! {
            biased;
            () = session.session().kill_notice.notified() => {
                let message = format!("The job failed.  Its session was ended by KILL.  The Job was invoked by {source}.");
                note_end(db, &job, 0, &StepResult::failed(message, 596), began).await
            }
            ended = run_steps(db, &job, &steps, first, &source) => ended,
        };
    }
    instance.0.agent.running.borrow_mut().remove(&job_id);
    drop(opened);
}

async fn run_steps(db: Msdb<'_>, job: &Record, steps: &[Record], first: i64, source: &str) -> SqlResult<()> {
    let began = db.instance.0.clock.utc_now();
    let mut at = Some(first);
    let mut last = (first, StepResult::succeeded(""));
    // A step that sends the job back to an earlier one could run it for ever.
    for _ in 0..1000 {
        let Some(step) = at.and_then(|id| steps.iter().find(|row| row.int("step_id") == id)) else { break };
        let step_began = db.instance.0.clock.utc_now();
        let mut result = run_step(db, step).await;
        for _ in 0..step.int("retry_attempts") {
            if result.status == RunStatus::Succeeded {
                break;
            }
            let minutes = u64::try_from(step.int("retry_interval")).unwrap_or(0);
            tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
            result = run_step(db, step).await;
        }
        note_end(db, job, step.int("step_id"), &result, step_began).await?;
        let succeeded = result.status == RunStatus::Succeeded;
        let (action, step_id) = if succeeded {
            (step.int("on_success_action"), step.int("on_success_step_id"))
        } else {
            (step.int("on_fail_action"), step.int("on_fail_step_id"))
        };
        last = (step.int("step_id"), result);
        at = match action {
            3 => Some(step.int("step_id") + 1),
            4 => Some(step_id),
            1 => {
                last.1.status = RunStatus::Succeeded;
                None
            }
            _ => {
                last.1.status = RunStatus::Failed;
                None
            }
        };
    }
    let (step_id, result) = last;
    let verdict = if result.status == RunStatus::Succeeded { "succeeded" } else { "failed" };
    let name = steps.iter().find(|row| row.int("step_id") == step_id).map(|row| row.text("step_name"));
    let message = format!(
        "The job {verdict}.  The Job was invoked by {source}.  The last step to run was step {step_id} ({}).",
        name.unwrap_or_else(|| "".into())
    );
    note_end(db, job, 0, &StepResult { message, ..result }, began).await
}

/// Runs one step.
async fn run_step(db: Msdb<'_>, step: &Record) -> StepResult {
    let command = step.text("command");
    if step.is("subsystem", "CmdExec") {
        return match ship::CommandLine::parse(&command) {
            Some(line) => ship::run(db, &line).await,
            None => StepResult::failed(
                "The process could not be created: this server runs no program but sqllogship.exe.",
                0,
            ),
        };
    }
    let database = step.text("database_name");
    let database = if database.is_empty() { "master" } else { &database };
    match crate::exec::run_internal(db.instance, db.session, database, &command, &[]).await {
        Ok(_) => {
            StepResult::succeeded(format!("Executed as user: {}. The step succeeded.", db.session.login))
        }
        Err(error) => failed_by(&error),
    }
}

fn failed_by(error: &SqlError) -> StepResult {
    let text = format!("{} [SQLSTATE 42000] (Error {}).  The step failed.", error.message, error.number);
    StepResult::failed(text, error.number)
}

async fn note_start(db: Msdb<'_>, job_id: Uuid, source: &str) -> SqlResult<()> {
    super::expect_job(db, job_id).await?;
    let session_id = db.instance.0.agent.session_id();
    let now = db.local_now();
    let nothing = crate::value::Value::Null;
    let source = source.split(' ').next().unwrap_or_default();
    let code = if source == "Schedule" { "1" } else { "4" };
    db.update(
        &SYSJOBACTIVITY,
        |row| row.int("session_id") == session_id && row.guid("job_id") == job_id,
        |row| {
            row.set("run_requested_date", &now)
                .set("run_requested_source", code)
                .set("start_execution_date", &now)
                .set("last_executed_step_id", &nothing)
                .set("last_executed_step_date", &nothing)
                .set("stop_execution_date", &nothing)
                .set("job_history_id", &nothing);
        },
    )
    .await?;
    Ok(())
}

/// Writes history for a step, or for the whole job (step 0) with its activity and last outcome.
async fn note_end(
    db: Msdb<'_>,
    job: &Record,
    step_id: i64,
    result: &StepResult,
    began: jiff::Timestamp,
) -> SqlResult<()> {
    let job_id = job.guid("job_id");
    let instance = db.instance;
    let started = local(instance, began);
    let (date, time) = (date_number(started), time_number(started));
    let seconds = instance.0.clock.utc_now().duration_since(began).as_secs().max(0);
    let duration = seconds / 3600 * 10_000 + seconds / 60 % 60 * 100 + seconds % 60;
    let step_name = match step_id {
        0 => "(Job outcome)".into(),
        _ => step_name(db, job_id, step_id).await?,
    };
    let history_id = db
        .insert(&SYSJOBHISTORY, |row| {
            row.set("job_id", job_id)
                .set("step_id", step_id)
                .set("step_name", step_name)
                .set("sql_message_id", result.error_number)
                .set("sql_severity", if result.error_number == 0 { 0 } else { 16 })
                .set("message", result.message.as_str())
                .set("run_status", result.status as i32)
                .set("run_date", date)
                .set("run_time", time)
                .set("run_duration", duration)
                .set("server", instance.0.config.server_name.as_str());
        })
        .await?;
    let outcome = result.status as i64;
    let now = db.local_now();
    let session_id = instance.0.agent.session_id();
    let activity = |row: &Record| row.int("session_id") == session_id && row.guid("job_id") == job_id;
    if step_id != 0 {
        db.update(&SYSJOBACTIVITY, activity, |row| {
            row.set("last_executed_step_id", step_id).set("last_executed_step_date", &now);
        })
        .await?;
        let this = |row: &Record| row.guid("job_id") == job_id && row.int("step_id") == step_id;
        db.update(&SYSJOBSTEPS, this, |row| {
            row.set("last_run_outcome", outcome)
                .set("last_run_duration", duration)
                .set("last_run_date", date)
                .set("last_run_time", time);
        })
        .await?;
        return Ok(());
    }
    db.update(&SYSJOBACTIVITY, activity, |row| {
        row.set("stop_execution_date", &now).set("job_history_id", history_id);
    })
    .await?;
    db.update(
        &SYSJOBSERVERS,
        |row| row.guid("job_id") == job_id,
        |row| {
            row.set("last_run_outcome", outcome)
                .set("last_outcome_message", result.message.as_str())
                .set("last_run_date", date)
                .set("last_run_time", time)
                .set("last_run_duration", duration);
        },
    )
    .await?;
    Ok(())
}

async fn step_name(db: Msdb<'_>, job_id: Uuid, step_id: i64) -> SqlResult<Rc<str>> {
    let this = |row: &Record| row.guid("job_id") == job_id && row.int("step_id") == step_id;
    Ok(db.first(&SYSJOBSTEPS, this).await?.map_or_else(|| "".into(), |row| row.text("step_name")))
}

/// The machine's date, for schedules that begin today.
pub(super) fn today(instance: &Instance) -> i64 {
    date_number(local_now(instance))
}
