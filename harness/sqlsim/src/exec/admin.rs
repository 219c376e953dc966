//! BACKUP, RESTORE, databases, endpoints, mirroring, logins, DBCC: from syntax to the engine's requests.

use super::run::{Activation, Failure, Runner};
use crate::backup::{self, BackupKind, BackupRequest, Inspection, RestoreEnd, RestoreRequest, TailLog};
use crate::engine::create::FileSpec;
use crate::engine::{self, CreateDatabase};
use crate::error::{SqlError, SqlResult};
use crate::messages::error;
use crate::session::Request;
use crate::tsql::ast::{
    Backup, BackupOption, CreateDatabase as WrittenDatabase, Expr, FileSpecification, Restore, RestoreKind,
    Statement, StatementKind,
};
use crate::value::{DataType, Value};

/// Runs an administration statement. Boxed here, so that the callers of procedures need little stack.
pub(super) fn run<'r>(
    runner: &'r mut Runner<'_>,
    activation: &'r Activation,
    statement: &'r Statement,
) -> futures::future::LocalBoxFuture<'r, Result<(), Failure>> {
    Box::pin(carry_out(runner, activation, statement))
}

async fn carry_out(
    runner: &mut Runner<'_>,
    activation: &Activation,
    statement: &Statement,
) -> Result<(), Failure> {
    match &statement.kind {
        StatementKind::Backup(written) => return run_backup(runner, activation, written).await,
        StatementKind::Restore(written) => return run_restore(runner, activation, written).await,
        StatementKind::CreateDatabase(written) => create_database(runner, written).await?,
        StatementKind::DropDatabase { names, if_exists } => {
            outside_of_transactions(runner, "DROP DATABASE")?;
            for name in names {
                may_drop(runner, name)?;
                let dropped = engine::create::drop_database(runner.instance, name);
                match dropped {
                    Err(e) if e.number == 3701 && *if_exists => {}
                    other => other?,
                }
            }
        }
        StatementKind::AlterDatabase(written) => super::alter_database::run(runner, written).await?,
        StatementKind::Endpoint(written) => super::security::endpoint(runner, written)?,
        StatementKind::Key(written) => super::certificates::run(runner, written).await?,
        StatementKind::DropEndpoint(name) => super::security::drop_endpoint(runner, name)?,
        StatementKind::Security(written) => super::security::run(runner, activation, written).await?,
        StatementKind::Checkpoint => {
            let id = runner.session.state.borrow().database_id;
            let chain = runner.chain;
            super::permissions::check_database(runner.instance, runner.session, chain, id, "CHECKPOINT")?;
            if let Some(database) = runner.instance.0.engine.borrow_mut().database_mut(id) {
                database.take_checkpoint();
            }
        }
        StatementKind::Reconfigure => {
            let mut engine = runner.instance.0.engine.borrow_mut();
            let may = runner.session.acts_as_sysadmin()
                || engine.has_server_permission(&runner.session.caller(), "ALTER SETTINGS");
            if !may {
                return Err(error(5812, 14, &[]).into());
            }
            for (configured, in_use) in engine.settings.values_mut() {
                *in_use = *configured;
            }
        }
        StatementKind::Dbcc { command, arguments, options } => {
            Box::pin(super::dbcc::run(runner, activation, command, arguments, options)).await?;
        }
        _ => return Err(error(40_510, 1, &[&"this statement"]).into()),
    }
    runner.succeed();
    Ok(())
}

/// DROP DATABASE is for who controls it, or may alter any.
fn may_drop(runner: &Runner<'_>, name: &str) -> SqlResult<()> {
    if runner.has_server_permission("ALTER ANY DATABASE") {
        return Ok(());
    }
    let engine = runner.instance.0.engine.borrow();
    let controls = engine.database_id(name).is_some_and(|id| {
        engine.has_permission(&runner.session.caller(), id, "CONTROL", engine::Securable::Database)
    });
    if controls { Ok(()) } else { Err(error(3701, 1, &[&"drop", &"database", &name])) }
}

/// Statements that no transaction may hold: 226.
pub(super) fn outside_of_transactions(runner: &Runner<'_>, statement: &str) -> SqlResult<()> {
    if runner.session.exec.borrow().transaction.is_some() {
        return Err(error(226, 5, &[&statement]));
    }
    Ok(())
}

/// Sends all errors but the last, which is the statement's own: a client sees them in order.
/// In a TRY block the last one is caught, as T-SQL's ERROR_MESSAGE() shows it.
fn send_errors(runner: &mut Runner<'_>, mut errors: Vec<SqlError>) -> Failure {
    let Some(last) = errors.pop() else { return Runner::abort() };
    for mut e in errors {
        if e.line == 0 {
            e.line = runner.line;
        }
        if e.severity > 10 {
            super::note_error(runner.session, &e);
        }
        if runner.tries == 0 || e.severity <= 10 {
            runner.sink.message(&e);
        }
    }
    last.into()
}

/// Shows what runs in `sys.dm_exec_requests`.
fn name_request(runner: &Runner<'_>, command: &str) {
    let now = runner.instance.clock().utc_now();
    runner.session.update(|state| match &mut state.request {
        Some(request) => command.clone_into(&mut request.command),
        None => {
            state.request = Some(Request {
                start: now,
                command: command.to_owned(),
                percent_complete: 0.0,
                estimated_completion_ms: 0,
            });
        }
    });
}

/// The text of an argument; 3044 and its like are the engine's.
async fn text(runner: &mut Runner<'_>, activation: &Activation, expr: &Expr) -> SqlResult<String> {
    Ok(runner.evaluate_text(activation, expr).await?.map_or_else(String::new, |text| text.to_string()))
}

async fn number(runner: &mut Runner<'_>, activation: &Activation, expr: &Expr) -> SqlResult<i64> {
    Ok(match runner.evaluate(activation, expr, DataType::BigInt).await? {
        Value::Int(n) => n,
        _ => 0,
    })
}

fn percent(n: i64) -> SqlResult<u8> {
    u8::try_from(n).ok().filter(|n| (1..=100).contains(n)).ok_or_else(|| error(3250, 1, &[&n, &"STATS"]))
}

/// STATS without a number means every ten percent.
async fn stats(
    runner: &mut Runner<'_>,
    activation: &Activation,
    option: &BackupOption,
) -> SqlResult<Option<u8>> {
    match &option.value {
        None => Ok(Some(10)),
        Some(value) => percent(number(runner, activation, value).await?).map(Some),
    }
}

async fn option_text(
    runner: &mut Runner<'_>,
    activation: &Activation,
    option: &BackupOption,
) -> SqlResult<String> {
    match &option.value {
        Some(value) => text(runner, activation, value).await,
        None => Err(error(102, 1, &[&option.name])),
    }
}

fn one_device(devices: &[Expr], statement: &str) -> SqlResult<()> {
    if devices.len() > 1 {
        return Err(error(40_510, 1, &[&format!("{statement} with several devices")]));
    }
    Ok(())
}

async fn run_backup(
    runner: &mut Runner<'_>,
    activation: &Activation,
    written: &Backup,
) -> Result<(), Failure> {
    one_device(&written.devices, "BACKUP")?;
    let database = text(runner, activation, &written.database).await?;
    let device = match written.devices.first() {
        Some(device) => text(runner, activation, device).await?,
        None => return Err(error(3207, 1, &[]).into()),
    };
    let mut kind = if written.log { BackupKind::Log } else { BackupKind::Full };
    if !written.log && written.options.iter().any(|option| &*option.name == "DIFFERENTIAL") {
        kind = BackupKind::Differential;
    }
    let mut request = BackupRequest::new(kind, &database, &device);
    let compresses =
        runner.instance.0.engine.borrow().settings.get(&1579).is_some_and(|(_, in_use)| *in_use == 1);
    request.compression = compresses;
    for option in &written.options {
        match &*option.name {
            "NO_COMPRESSION" => request.compression = false,
            "COPY_ONLY" => request.copy_only = true,
            "INIT" => request.init = true,
            "FORMAT" => {
                request.format = true;
                request.init = true;
            }
            "NAME" => request.name = Some(option_text(runner, activation, option).await?),
            "DESCRIPTION" => request.description = Some(option_text(runner, activation, option).await?),
            "MEDIANAME" => request.media_name = Some(option_text(runner, activation, option).await?),
            "COMPRESSION" => request.compression = true,
            "CHECKSUM" => request.checksum = true,
            "STATS" => request.stats = stats(runner, activation, option).await?,
            "CONTINUE_AFTER_ERROR" => request.continue_after_error = true,
            "NORECOVERY" if written.log => request.tail = Some(TailLog::NoRecovery),
            "STANDBY" if written.log => {
                request.tail = Some(TailLog::Standby(option_text(runner, activation, option).await?));
            }
            "NO_TRUNCATE" if written.log => request.no_truncate = true,
            name @ ("NORECOVERY" | "STANDBY" | "NO_TRUNCATE") => return Err(error(3032, 1, &[&name]).into()),
            "DIFFERENTIAL" if written.log => return Err(error(3032, 1, &[&"differential"]).into()),
            // Media descriptions, expiry and buffers change no result.
            _ => {}
        }
    }
    name_request(runner, if written.log { "BACKUP LOG" } else { "BACKUP DATABASE" });
    let done = Box::pin(backup::backup(runner.instance, runner.session, &request, runner.sink)).await;
    done.map_err(|errors| send_errors(runner, errors))?;
    runner.succeed();
    Ok(())
}

async fn run_restore(
    runner: &mut Runner<'_>,
    activation: &Activation,
    written: &Restore,
) -> Result<(), Failure> {
    one_device(&written.devices, "RESTORE")?;
    let device = match written.devices.first() {
        Some(device) => Some(text(runner, activation, device).await?),
        None => None,
    };
    let inspection = match written.kind {
        RestoreKind::Database | RestoreKind::Log => {
            return run_real_restore(runner, activation, written, device.as_deref()).await;
        }
        RestoreKind::HeaderOnly => Some(Inspection::Header),
        RestoreKind::FileListOnly => Some(Inspection::FileList),
        RestoreKind::LabelOnly => Some(Inspection::Label),
        RestoreKind::VerifyOnly => None,
    };
    let device = device.unwrap_or_default();
    let mut file = None;
    for option in &written.options {
        if let ("FILE", Some(value)) = (&*option.name, &option.value) {
            let n = number(runner, activation, value).await?;
            file = Some(u32::try_from(n).map_err(|_| error(3250, 1, &[&n, &"FILE"]))?);
        }
    }
    match inspection {
        Some(inspection) => {
            name_request(runner, "RESTORE HEADERONLY");
            let set = Box::pin(backup::inspect(runner.instance, inspection, &device, file)).await;
            let set = set.map_err(|errors| send_errors(runner, errors))?;
            let count = set.rows.len() as u64;
            if let Some(captured) = &mut runner.captured {
                captured.push((set.columns, set.rows));
            } else {
                runner.sink.columns(&set.columns);
                for row in &set.rows {
                    runner.sink.row(row);
                }
            }
            runner.session.exec.borrow_mut().last_error = 0;
            runner.done(0xC1, Some(count), false);
        }
        None => {
            name_request(runner, "RESTORE VERIFYONLY");
            let done = Box::pin(backup::verify(runner.instance, &device, file, runner.sink)).await;
            done.map_err(|errors| send_errors(runner, errors))?;
            runner.succeed();
        }
    }
    Ok(())
}

async fn run_real_restore(
    runner: &mut Runner<'_>,
    activation: &Activation,
    written: &Restore,
    device: Option<&str>,
) -> Result<(), Failure> {
    let database = match &written.database {
        Some(database) => text(runner, activation, database).await?,
        None => String::new(),
    };
    let is_log = written.kind == RestoreKind::Log;
    let kind = if is_log { backup::RestoreKind::Log } else { backup::RestoreKind::Database };
    let mut request = RestoreRequest::new(kind, &database, device);
    let mut ends = 0;
    for option in &written.options {
        match &*option.name {
            "FILE" => {
                if let Some(value) = &option.value {
                    let n = number(runner, activation, value).await?;
                    request.file = Some(u32::try_from(n).map_err(|_| error(3250, 1, &[&n, &"FILE"]))?);
                }
            }
            "MOVE" => {
                let logical = option_text(runner, activation, option).await?;
                let path = match &option.to {
                    Some(path) => text(runner, activation, path).await?,
                    None => String::new(),
                };
                request.moves.push((logical, path));
            }
            "REPLACE" => request.replace = true,
            "RESTART" => request.restart = true,
            "CHECKSUM" => request.checksum = true,
            "CONTINUE_AFTER_ERROR" => request.continue_after_error = true,
            "STATS" => request.stats = stats(runner, activation, option).await?,
            "RECOVERY" => {
                request.end = RestoreEnd::Recovery;
                ends += 1;
            }
            "NORECOVERY" => {
                request.end = RestoreEnd::NoRecovery;
                ends += 1;
            }
            "STANDBY" => {
                request.end = RestoreEnd::Standby(option_text(runner, activation, option).await?);
                ends += 1;
            }
            "STOPAT" => request.stop_at = Some(stop_at(runner, activation, option).await?),
            name @ ("STOPATMARK" | "STOPBEFOREMARK" | "PARTIAL" | "RESTRICTED_USER" | "KEEP_REPLICATION"
            | "LOADHISTORY") => {
                return Err(error(40_510, 1, &[&format!("RESTORE … WITH {name}")]).into());
            }
            _ => {}
        }
    }
    if ends > 1 {
        return Err(error(3031, 1, &[&"recovery", &"norecovery, standby"]).into());
    }
    name_request(runner, if is_log { "RESTORE LOG" } else { "RESTORE DATABASE" });
    let done = Box::pin(backup::restore(runner.instance, runner.session, &request, runner.sink)).await;
    done.map_err(|errors| send_errors(runner, errors))?;
    runner.succeed();
    Ok(())
}

/// STOPAT in the server's local time, as UTC.
async fn stop_at(
    runner: &mut Runner<'_>,
    activation: &Activation,
    option: &BackupOption,
) -> SqlResult<jiff::Timestamp> {
    let Some(value) = &option.value else { return Err(error(102, 1, &[&"STOPAT"])) };
    let value = runner.evaluate(activation, value, DataType::DateTime2(7)).await?;
    let moment = crate::value::datetime::Moment::of(&value).ok_or_else(|| error(3217, 1, &[&"STOPAT"]))?;
    let offset = i64::from(runner.instance.clock().utc_offset_minutes());
    let days = i64::from(moment.days - crate::value::datetime::days_of(1970, 1, 1));
    let ticks = days * crate::value::datetime::DAY as i64 + moment.time as i64 - offset * 600_000_000;
    jiff::Timestamp::from_nanosecond(i128::from(ticks) * 100).map_err(|_| error(3217, 1, &[&"STOPAT"]))
}

// ---- databases --------------------------------------------------------------------

fn file_spec(written: &FileSpecification) -> FileSpec {
    FileSpec {
        name: written.name.to_string(),
        path: written.path.as_deref().unwrap_or("").to_owned(),
        size_pages: written.size_kb.map(|kb| i64::try_from(kb / 8).unwrap_or(i64::MAX)),
        ..FileSpec::default()
    }
}

async fn create_database(runner: &mut Runner<'_>, written: &WrittenDatabase) -> Result<(), Failure> {
    outside_of_transactions(runner, "CREATE DATABASE")?;
    if let Some(collation) = &written.collation
        && !collation.to_ascii_lowercase().contains("_ci_")
    {
        return Err(error(40_510, 1, &[&format!("CREATE DATABASE … COLLATE {collation}")]).into());
    }
    if !runner.has_server_permission("CREATE ANY DATABASE") {
        return Err(error(262, 1, &[&"CREATE DATABASE", &"master"]).into());
    }
    let request = CreateDatabase {
        name: written.name.to_string(),
        owner: runner.session.acting_login().to_string(),
        collation: written.collation.as_ref().map(|collation| collation.to_string()),
        data_files: written.data.iter().map(file_spec).collect(),
        log_files: written.log.iter().map(file_spec).collect(),
    };
    let made = engine::create::create_database(runner.instance, &request).await;
    made.map_err(|errors| send_errors(runner, errors))?;
    Ok(())
}
