//! SQL Server Agent: jobs that run on their schedule or on request.
//!
//! Agent sleeps until the next job is due and is woken when jobs change; it
//! never ticks. A job runs as a task of its own, with sessions of its own.

pub(crate) mod help;
pub(crate) mod jobs;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod schedules;

use super::storage::{Msdb, Record, write_now};
use super::tables::{SYSJOBACTIVITY, SYSJOBS, SYSJOBSCHEDULES, SYSSCHEDULES, SYSSESSIONS};
use crate::catalog::rows::datetime;
use crate::error::SqlResult;
use crate::instance::Instance;
use crate::session::open::{Introduction, OpenSession};
use jiff::civil::DateTime;
use schedule::Schedule;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use uuid::Uuid;

/// Agent's memory: what runs, and who wakes it. Lost with the machine.
#[derive(Debug, Default)]
pub struct Agent {
    changed: Notify,
    running: RefCell<BTreeMap<Uuid, RunningJob>>,
    session_id: Cell<i64>,
    monitor_logins: RefCell<BTreeMap<String, (String, String)>>,
}

/// A job that runs.
#[derive(Debug)]
struct RunningJob {
    task: AbortHandle,
    /// Who asked for it, as its messages say: `Schedule` or `User sa`.
    source: String,
    cancelled: Cell<bool>,
}

impl Agent {
    /// Jobs or schedules have changed: Agent looks again when the next one is due.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Whether a job runs, and at whose request.
    pub(crate) fn running_for(&self, job_id: Uuid) -> Option<String> {
        self.running.borrow().get(&job_id).map(|job| job.source.clone())
    }

    /// Keeps the login for a monitor that is not reached by Windows authentication.
    pub(super) fn remember_monitor_login(&self, server: &str, login: (String, String)) {
        self.monitor_logins.borrow_mut().insert(server.to_lowercase(), login);
    }

    /// The login for a monitor.
    pub(super) fn monitor_login(&self, server: &str) -> Option<(String, String)> {
        self.monitor_logins.borrow().get(&server.to_lowercase()).cloned()
    }

    /// The number of Agent's life in `syssessions`.
    pub(crate) fn session_id(&self) -> i64 {
        self.session_id.get()
    }

    /// The machine is gone: nothing runs any more.
    pub(crate) fn power_lost(&self) {
        self.session_id.set(0);
        for job in std::mem::take(&mut *self.running.borrow_mut()).into_values() {
            job.task.abort();
        }
    }
}

/// Starts Agent, when the instance is to have one. To be called at each start of the machine.
pub fn start(instance: &Instance) {
    if !instance.0.config.agent_enabled {
        return;
    }
    let host = instance.0.config.host.clone();
    let who = Introduction {
        database_id: crate::engine::MSDB,
        ..Introduction::of_service("SQLAgent - Generic Refresher", &host)
    };
    let Some(session) = instance.open_session(who) else { return };
    announce(instance);
    instance.spawn(follow_schedules(instance.clone(), session));
}

/// Agent's life: starts jobs as they fall due.
async fn follow_schedules(instance: Instance, session: OpenSession) {
    let db = Msdb { instance: &instance, session: session.session() };
    // What Agent cannot write about itself must not keep the jobs from running.
    let _ = begin(db).await;
    let mut handled = local_now(&instance);
    loop {
        let due = next_due(db, handled).await.unwrap_or_default();
        let Some((at, due_jobs)) = due else {
            instance.0.agent.changed.notified().await;
            handled = local_now(&instance);
            continue;
        };
        tokio::select! {
            biased;
            () = sleep_until(&instance, at) => {
                handled = at;
                for job_id in due_jobs {
                    // A job that still runs is not started a second time.
                    let _ = run::start(db, job_id, None, "Schedule").await;
                }
            }
            () = instance.0.agent.changed.notified() => handled = handled.max(local_now(&instance)),
        }
    }
}

/// Numbers Agent's life in `syssessions`. What cannot be written leaves Agent without a number: it takes no jobs.
fn announce(instance: &Instance) {
    let clock = &instance.0.clock;
    let now = datetime(clock.utc_now(), clock.utc_offset_minutes());
    let id = write_now(instance, |writer| {
        writer.insert(&SYSSESSIONS, |row| {
            row.set("agent_start_date", now);
        })
    });
    instance.0.agent.session_id.set(id.unwrap_or(0));
}

/// Opens a row of `sysjobactivity` for each job, and starts the jobs that run when Agent does.
async fn begin(db: Msdb<'_>) -> SqlResult<()> {
    for job in db.select(&SYSJOBS, |_| true).await? {
        expect_job(db, job.guid("job_id")).await?;
    }
    for (job_id, schedule) in scheduled_jobs(db).await? {
        if schedule.freq_type == 64 {
            let _ = run::start(db, job_id, None, "Schedule").await;
        }
    }
    Ok(())
}

/// Opens a job's row of `sysjobactivity` in Agent's present life.
pub(crate) async fn expect_job(db: Msdb<'_>, job_id: Uuid) -> SqlResult<()> {
    let session_id = db.instance.0.agent.session_id();
    let this = |row: &Record| row.int("session_id") == session_id && row.guid("job_id") == job_id;
    if session_id != 0 && db.first(&SYSJOBACTIVITY, this).await?.is_none() {
        db.insert(&SYSJOBACTIVITY, |row| {
            row.set("session_id", session_id).set("job_id", job_id);
        })
        .await?;
    }
    Ok(())
}

/// Enabled jobs with their enabled schedules.
pub(crate) async fn scheduled_jobs(db: Msdb<'_>) -> SqlResult<Vec<(Uuid, Schedule)>> {
    let links = db.select(&SYSJOBSCHEDULES, |_| true).await?;
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let schedules = db.select(&SYSSCHEDULES, |row| row.is_set("enabled")).await?;
    let jobs = db.select(&SYSJOBS, |row| row.is_set("enabled")).await?;
    let is_enabled = |id: Uuid| jobs.iter().any(|job| job.guid("job_id") == id);
    let found = links.iter().filter(|link| is_enabled(link.guid("job_id"))).filter_map(|link| {
        let schedule = schedules.iter().find(|s| s.int("schedule_id") == link.int("schedule_id"))?;
        Some((link.guid("job_id"), schedules::read(schedule)))
    });
    Ok(found.collect())
}

/// The next time at which jobs are due, and which.
async fn next_due(db: Msdb<'_>, after: DateTime) -> SqlResult<Option<(DateTime, Vec<Uuid>)>> {
    let mut next: Option<(DateTime, Vec<Uuid>)> = None;
    for (job_id, schedule) in scheduled_jobs(db).await? {
        let Some(at) = schedule.next_after(after) else { continue };
        match &mut next {
            Some((earliest, jobs)) if *earliest == at => {
                if !jobs.contains(&job_id) {
                    jobs.push(job_id);
                }
            }
            Some((earliest, _)) if *earliest < at => {}
            _ => next = Some((at, vec![job_id])),
        }
    }
    Ok(next)
}

/// Sleeps until the machine's clock shows a local time.
async fn sleep_until(instance: &Instance, at: DateTime) {
    let rest_ms = at.since(local_now(instance)).and_then(|span| span.total(jiff::Unit::Millisecond));
    let rest_ms = rest_ms.unwrap_or(0.0).max(0.0).ceil();
    tokio::time::sleep(std::time::Duration::from_secs_f64(rest_ms / 1000.0)).await;
}

/// The machine's local time.
pub(crate) fn local_now(instance: &Instance) -> DateTime {
    local(instance, instance.0.clock.utc_now())
}

/// A point in time as the machine's clock on the wall shows it.
pub(crate) fn local(instance: &Instance, at: jiff::Timestamp) -> DateTime {
    let seconds = i32::from(instance.0.clock.utc_offset_minutes()) * 60;
    jiff::tz::Offset::from_seconds(seconds).unwrap_or(jiff::tz::Offset::UTC).to_datetime(at)
}

impl Msdb<'_> {
    /// Now, in local time, as datetime columns hold it.
    pub(crate) fn local_now(&self) -> crate::value::Value {
        let clock = &self.instance.0.clock;
        datetime(clock.utc_now(), clock.utc_offset_minutes())
    }

    /// Now, in UTC.
    pub(crate) fn utc_now(&self) -> crate::value::Value {
        datetime(self.instance.0.clock.utc_now(), 0)
    }
}
