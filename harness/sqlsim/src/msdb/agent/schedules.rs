//! Schedules and the jobs that follow them: the procedures that keep them.

use super::super::log_shipping::parameters::{GUID, INT, SYSNAME, may, must, number, out};
use super::jobs::{self, identified};
use super::run::today;
use super::schedule::Schedule;
use crate::error::SqlResult;
use crate::exec::procedures::{Home, Parameter, Procedure, ProcedureContext};
use crate::messages::{error, unsupported};
use crate::msdb::storage::{Msdb, Record};
use crate::msdb::tables::{SYSJOBSCHEDULES, SYSSCHEDULES};
use crate::value::{DataType, Value};
use uuid::Uuid;

/// Its procedures.
pub(crate) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_add_schedule",
        home: Home::Msdb,
        parameters: &[
            must("@schedule_name", SYSNAME),
            number("@enabled", DataType::TinyInt, 1),
            number("@freq_type", INT, 0),
            number("@freq_interval", INT, 0),
            number("@freq_subday_type", INT, 0),
            number("@freq_subday_interval", INT, 0),
            number("@freq_relative_interval", INT, 0),
            number("@freq_recurrence_factor", INT, 0),
            may("@active_start_date", INT),
            number("@active_end_date", INT, 99_991_231),
            number("@active_start_time", INT, 0),
            number("@active_end_time", INT, 235_959),
            may("@owner_login_name", SYSNAME),
            out("@schedule_uid", GUID),
            out("@schedule_id", INT),
            may("@originating_server", SYSNAME),
        ],
        body: |c| Box::pin(add_schedule(c)),
    },
    Procedure {
        name: "sp_add_jobschedule",
        home: Home::Msdb,
        parameters: &[
            JOB_ID,
            JOB_NAME,
            must("@name", SYSNAME),
            number("@enabled", DataType::TinyInt, 1),
            number("@freq_type", INT, 1),
            number("@freq_interval", INT, 0),
            number("@freq_subday_type", INT, 0),
            number("@freq_subday_interval", INT, 0),
            number("@freq_relative_interval", INT, 0),
            number("@freq_recurrence_factor", INT, 0),
            may("@active_start_date", INT),
            number("@active_end_date", INT, 99_991_231),
            number("@active_start_time", INT, 0),
            number("@active_end_time", INT, 235_959),
            out("@schedule_id", INT),
            out("@schedule_uid", GUID),
        ],
        body: |c| Box::pin(add_job_schedule(c)),
    },
    Procedure {
        name: "sp_update_schedule",
        home: Home::Msdb,
        parameters: &[
            may("@schedule_id", INT),
            may("@name", SYSNAME),
            may("@new_name", SYSNAME),
            may("@enabled", DataType::TinyInt),
            may("@freq_type", INT),
            may("@freq_interval", INT),
            may("@freq_subday_type", INT),
            may("@freq_subday_interval", INT),
            may("@freq_relative_interval", INT),
            may("@freq_recurrence_factor", INT),
            may("@active_start_date", INT),
            may("@active_end_date", INT),
            may("@active_start_time", INT),
            may("@active_end_time", INT),
        ],
        body: |c| Box::pin(update_schedule(c)),
    },
    Procedure {
        name: "sp_attach_schedule",
        home: Home::Msdb,
        parameters: &[JOB_ID, JOB_NAME, may("@schedule_id", INT), may("@schedule_name", SYSNAME)],
        body: |c| Box::pin(attach_schedule(c)),
    },
    Procedure {
        name: "sp_detach_schedule",
        home: Home::Msdb,
        parameters: &[
            JOB_ID,
            JOB_NAME,
            may("@schedule_id", INT),
            may("@schedule_name", SYSNAME),
            number("@delete_unused_schedule", DataType::Bit, 0),
        ],
        body: |c| Box::pin(detach_schedule(c)),
    },
    Procedure {
        name: "sp_delete_schedule",
        home: Home::Msdb,
        parameters: &[
            may("@schedule_id", INT),
            may("@schedule_name", SYSNAME),
            number("@force_delete", DataType::Bit, 0),
        ],
        body: |c| Box::pin(delete_schedule(c)),
    },
];

const JOB_ID: Parameter = may("@job_id", GUID);
const JOB_NAME: Parameter = may("@job_name", DataType::NVarChar(crate::value::Length::Upto(128)));

/// The schedule in a row of `sysschedules`.
pub(super) fn read(row: &Record) -> Schedule {
    Schedule {
        freq_type: row.int("freq_type"),
        freq_interval: row.int("freq_interval"),
        freq_subday_type: row.int("freq_subday_type"),
        freq_subday_interval: row.int("freq_subday_interval"),
        freq_recurrence_factor: row.int("freq_recurrence_factor"),
        active_start_date: row.int("active_start_date"),
        active_end_date: row.int("active_end_date"),
        active_start_time: row.int("active_start_time"),
        active_end_time: row.int("active_end_time"),
    }
}

/// A schedule for every so many minutes, from today on.
pub(super) fn every_minutes(db: Msdb<'_>, minutes: i64) -> Schedule {
    Schedule {
        freq_type: 4,
        freq_interval: 1,
        freq_subday_type: 4,
        freq_subday_interval: minutes,
        freq_recurrence_factor: 0,
        active_start_date: today(db.instance),
        active_end_date: 99_991_231,
        active_start_time: 0,
        active_end_time: 235_959,
    }
}

async fn insert(db: Msdb<'_>, name: &str, enabled: bool, schedule: Schedule) -> SqlResult<(i64, Uuid)> {
    let uid = db.instance.new_guid();
    let now = db.local_now();
    let id = db
        .insert(&SYSSCHEDULES, |row| {
            row.set("schedule_uid", uid)
                .set("name", name)
                .set("enabled", i64::from(enabled))
                .set("freq_type", schedule.freq_type)
                .set("freq_interval", schedule.freq_interval)
                .set("freq_subday_type", schedule.freq_subday_type)
                .set("freq_subday_interval", schedule.freq_subday_interval)
                .set("freq_recurrence_factor", schedule.freq_recurrence_factor)
                .set("active_start_date", schedule.active_start_date)
                .set("active_end_date", schedule.active_end_date)
                .set("active_start_time", schedule.active_start_time)
                .set("active_end_time", schedule.active_end_time)
                .set("date_created", &now)
                .set("date_modified", &now);
        })
        .await?;
    Ok((id, uid))
}

async fn attach(db: Msdb<'_>, job_id: Uuid, schedule_id: i64) -> SqlResult<()> {
    let same = |row: &Record| row.guid("job_id") == job_id && row.int("schedule_id") == schedule_id;
    if db.first(&SYSJOBSCHEDULES, same).await?.is_none() {
        db.insert(&SYSJOBSCHEDULES, |row| {
            row.set("schedule_id", schedule_id).set("job_id", job_id);
        })
        .await?;
    }
    db.instance.0.agent.wake();
    Ok(())
}

/// Makes a schedule and lets a job follow it.
pub(super) async fn attach_new(db: Msdb<'_>, job_id: Uuid, name: &str, schedule: Schedule) -> SqlResult<()> {
    let (id, _) = insert(db, name, true, schedule).await?;
    attach(db, job_id, id).await
}

/// The schedule that the arguments describe.
fn described(c: &ProcedureContext<'_>) -> SqlResult<Schedule> {
    let int = |name: &str| c.int(name).unwrap_or(0);
    let schedule = Schedule {
        freq_type: int("@freq_type"),
        freq_interval: int("@freq_interval"),
        freq_subday_type: int("@freq_subday_type"),
        freq_subday_interval: int("@freq_subday_interval"),
        freq_recurrence_factor: int("@freq_recurrence_factor"),
        active_start_date: c.int("@active_start_date").unwrap_or_else(|| today(c.instance)),
        active_end_date: int("@active_end_date"),
        active_start_time: int("@active_start_time"),
        active_end_time: int("@active_end_time"),
    };
    check(schedule)?;
    Ok(schedule)
}

/// What cannot be followed is refused when it is set up.
fn check(schedule: Schedule) -> SqlResult<()> {
    if !schedule.is_modelled() {
        return Err(match schedule.freq_type {
            32 | 128 => unsupported(&"schedules by relative month or idle processor (@freq_type 32, 128)"),
            _ => error(14_266, 1, &[&"@freq_type", &"1, 4, 8, 16, 64"]),
        });
    }
    for (name, number) in
        [("@active_start_date", schedule.active_start_date), ("@active_end_date", schedule.active_end_date)]
    {
        if super::schedule::date(number).is_none() {
            return Err(error(14_266, 1, &[&name, &"a date as yyyymmdd"]));
        }
    }
    Ok(())
}

async fn add_schedule(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let schedule = described(c)?;
    let name = c.text("@schedule_name").unwrap_or_else(|| "".into());
    let (id, uid) = insert(db, &name, c.int("@enabled") != Some(0), schedule).await?;
    c.set_output("@schedule_uid", Value::Guid(uid));
    c.set_output("@schedule_id", Value::Int(id));
    Ok(0)
}

async fn add_job_schedule(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let job = identified(c, db).await?;
    let schedule = described(c)?;
    let name = c.text("@name").unwrap_or_else(|| "".into());
    let (id, uid) = insert(db, &name, c.int("@enabled") != Some(0), schedule).await?;
    attach(db, job.guid("job_id"), id).await?;
    c.set_output("@schedule_uid", Value::Guid(uid));
    c.set_output("@schedule_id", Value::Int(id));
    Ok(0)
}

/// The schedule that `@schedule_id` or a name names: 14262 for an unknown one.
async fn identified_schedule(c: &ProcedureContext<'_>, db: Msdb<'_>, name: &str) -> SqlResult<Record> {
    let (id, text) = (c.int("@schedule_id"), c.text(name));
    let shown = id.map_or_else(|| text.clone().unwrap_or_else(|| "".into()), |id| id.to_string().into());
    if id.is_none() && text.is_none() {
        return Err(error(14_294, 1, &[&"@schedule_id", &name]));
    }
    let this = |row: &Record| match id {
        Some(id) => row.int("schedule_id") == id,
        None => text.as_ref().is_some_and(|text| row.is("name", text)),
    };
    let argument = if id.is_some() { "@schedule_id" } else { name };
    db.first(&SYSSCHEDULES, this).await?.ok_or_else(|| error(14_262, 1, &[&argument, &shown]))
}

async fn update_schedule(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let found = identified_schedule(c, db, "@name").await?;
    let id = found.int("schedule_id");
    let mut changed = read(&found);
    for (name, place) in [
        ("@freq_type", &mut changed.freq_type),
        ("@freq_interval", &mut changed.freq_interval),
        ("@freq_subday_type", &mut changed.freq_subday_type),
        ("@freq_subday_interval", &mut changed.freq_subday_interval),
        ("@freq_recurrence_factor", &mut changed.freq_recurrence_factor),
        ("@active_start_date", &mut changed.active_start_date),
        ("@active_end_date", &mut changed.active_end_date),
        ("@active_start_time", &mut changed.active_start_time),
        ("@active_end_time", &mut changed.active_end_time),
    ] {
        if let Some(value) = c.int(name) {
            *place = value;
        }
    }
    check(changed)?;
    let now = db.local_now();
    let (new_name, enabled) = (c.text("@new_name"), c.int("@enabled"));
    db.update(
        &SYSSCHEDULES,
        |row| row.int("schedule_id") == id,
        |row| {
            if let Some(name) = &new_name {
                row.set("name", name);
            }
            if let Some(enabled) = enabled {
                row.set("enabled", enabled);
            }
            row.set("freq_type", changed.freq_type)
                .set("freq_interval", changed.freq_interval)
                .set("freq_subday_type", changed.freq_subday_type)
                .set("freq_subday_interval", changed.freq_subday_interval)
                .set("freq_recurrence_factor", changed.freq_recurrence_factor)
                .set("active_start_date", changed.active_start_date)
                .set("active_end_date", changed.active_end_date)
                .set("active_start_time", changed.active_start_time)
                .set("active_end_time", changed.active_end_time)
                .set("date_modified", &now)
                .set("version_number", found.int("version_number") + 1);
        },
    )
    .await?;
    db.instance.0.agent.wake();
    Ok(0)
}

async fn attach_schedule(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let job = identified(c, db).await?;
    let schedule = identified_schedule(c, db, "@schedule_name").await?;
    attach(db, job.guid("job_id"), schedule.int("schedule_id")).await?;
    Ok(0)
}

async fn detach_schedule(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let job = identified(c, db).await?;
    let schedule = identified_schedule(c, db, "@schedule_name").await?;
    let (job_id, id) = (job.guid("job_id"), schedule.int("schedule_id"));
    db.delete(&SYSJOBSCHEDULES, |row| row.guid("job_id") == job_id && row.int("schedule_id") == id).await?;
    let used = db.first(&SYSJOBSCHEDULES, |row| row.int("schedule_id") == id).await?.is_some();
    if c.int("@delete_unused_schedule") == Some(1) && !used {
        db.delete(&SYSSCHEDULES, |row| row.int("schedule_id") == id).await?;
    }
    db.instance.0.agent.wake();
    Ok(0)
}

async fn delete_schedule(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    let db = jobs::msdb(c)?;
    let schedule = identified_schedule(c, db, "@schedule_name").await?;
    let id = schedule.int("schedule_id");
    let used = db.first(&SYSJOBSCHEDULES, |row| row.int("schedule_id") == id).await?.is_some();
    if used && c.int("@force_delete") != Some(1) {
        return Err(unsupported(&"deleting a schedule that jobs follow without @force_delete = 1"));
    }
    db.delete(&SYSJOBSCHEDULES, |row| row.int("schedule_id") == id).await?;
    db.delete(&SYSSCHEDULES, |row| row.int("schedule_id") == id).await?;
    db.instance.0.agent.wake();
    Ok(0)
}
