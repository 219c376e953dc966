//! ALTER DATABASE: options, states, who may come in, mirroring.

use super::admin::outside_of_transactions;
use super::run::{Failure, Runner};
use crate::engine::{DatabaseId, DatabaseState, RecoveryModel, UserAccess};
use crate::error::SqlResult;
use crate::messages::error;
use crate::mirroring::{self, PartnerCommand, Safety};
use crate::tsql::ast::{AlterDatabase, AlterDatabaseAction, DatabaseOption, PartnerAction, Termination};
use std::rc::Rc;
use std::time::Duration;

/// Runs ALTER DATABASE.
pub(super) async fn run(runner: &mut Runner<'_>, written: &AlterDatabase) -> Result<(), Failure> {
    outside_of_transactions(runner, "ALTER DATABASE")?;
    let id = {
        let engine = runner.instance.0.engine.borrow();
        match &written.name {
            None => runner.session.state.borrow().database_id,
            Some(name) => engine.database_id(name).ok_or_else(|| error(5011, 5, &[name]))?,
        }
    };
    let may = runner.has_server_permission("ALTER ANY DATABASE")
        || runner.instance.0.engine.borrow().has_permission(
            &runner.session.caller(),
            id,
            "ALTER",
            crate::engine::Securable::Database,
        );
    if !may {
        return Err(error(5011, 2, &[&database_name(runner, id)]).into());
    }
    let outcome = match &written.action {
        AlterDatabaseAction::Set(options, termination) => set(runner, id, options, *termination).await,
        AlterDatabaseAction::Partner(action) => {
            return partner(runner, id, partner_command(action)).await;
        }
        AlterDatabaseAction::Witness(address) => {
            let command = match address {
                Some(address) => PartnerCommand::Witness(address.to_string()),
                None => PartnerCommand::WitnessOff,
            };
            return partner(runner, id, command).await;
        }
        AlterDatabaseAction::Rename(new) => rename(runner, id, new),
        AlterDatabaseAction::Collate(_) => Err(error(40_510, 1, &[&"ALTER DATABASE … COLLATE"])),
        AlterDatabaseAction::Unsupported(what) => Err(error(40_510, 1, &[what])),
    };
    outcome.map_err(|e| failed(runner, e))
}

/// The cause is sent, then 5069 ends the statement.
fn failed(runner: &mut Runner<'_>, cause: crate::SqlError) -> Failure {
    if runner.tries > 0 || cause.number == 40_510 || cause.number == 102 {
        return cause.into();
    }
    super::note_error(runner.session, &cause);
    runner.sink.message(&crate::SqlError { line: runner.line, ..cause });
    error(5069, 1, &[]).into()
}

fn partner_command(action: &PartnerAction) -> PartnerCommand {
    match action {
        PartnerAction::Connect(address) => PartnerCommand::Set(address.to_string()),
        PartnerAction::Failover => PartnerCommand::Failover,
        PartnerAction::ForceService => PartnerCommand::ForceService,
        PartnerAction::Off => PartnerCommand::Off,
        PartnerAction::Suspend => PartnerCommand::Suspend,
        PartnerAction::Resume => PartnerCommand::Resume,
        PartnerAction::Safety(true) => PartnerCommand::Safety(Safety::Full),
        PartnerAction::Safety(false) => PartnerCommand::Safety(Safety::Off),
        PartnerAction::Timeout(seconds) => PartnerCommand::Timeout(*seconds),
    }
}

async fn partner(runner: &mut Runner<'_>, id: DatabaseId, command: PartnerCommand) -> Result<(), Failure> {
    let name = database_name(runner, id);
    Box::pin(mirroring::command(runner.instance, runner.session, &name, &command)).await?;
    Ok(())
}

fn database_name(runner: &Runner<'_>, id: DatabaseId) -> Rc<str> {
    let engine = runner.instance.0.engine.borrow();
    engine.database(id).map_or_else(|| "".into(), |database| database.name.clone())
}

fn rename(runner: &mut Runner<'_>, id: DatabaseId, new: &Rc<str>) -> SqlResult<()> {
    let session = runner.session.id;
    let mut engine = runner.instance.0.engine.borrow_mut();
    if engine.database_by_name(new).is_some() {
        return Err(error(1801, 3, &[new]));
    }
    if engine.locks.users_of(id).any(|user| user != session) {
        return Err(error(5030, 2, &[]));
    }
    let Some(database) = engine.database_mut(id) else { return Err(error(913, 1, &[&id])) };
    if database.is_system() {
        return Err(error(5011, 7, &[&database.name]));
    }
    if database.mirroring.is_some() {
        return Err(error(957, 1, &[&database.name]));
    }
    database.name = new.clone();
    Ok(())
}

/// Options that need the database for themselves.
fn needs_exclusive(option: &DatabaseOption) -> bool {
    matches!(
        &*option.name,
        "SINGLE_USER"
            | "RESTRICTED_USER"
            | "READ_ONLY"
            | "READ_WRITE"
            | "OFFLINE"
            | "READ_COMMITTED_SNAPSHOT"
    )
}

async fn set(
    runner: &mut Runner<'_>,
    id: DatabaseId,
    options: &[DatabaseOption],
    termination: Termination,
) -> SqlResult<()> {
    check_state(runner, id, options)?;
    if options.iter().any(needs_exclusive) {
        make_room(runner, id, termination).await?;
    }
    for option in options {
        set_option(runner, id, option)?;
    }
    Ok(())
}

/// A database that is being restored has no options; a standby has none that can be changed but who may come in.
fn check_state(runner: &Runner<'_>, id: DatabaseId, options: &[DatabaseOption]) -> SqlResult<()> {
    let engine = runner.instance.0.engine.borrow();
    let Some(database) = engine.database(id) else { return Err(error(913, 1, &[&id])) };
    let access_only = options.iter().all(|option| {
        matches!(&*option.name, "SINGLE_USER" | "RESTRICTED_USER" | "MULTI_USER" | "OFFLINE" | "ONLINE")
    });
    match database.state {
        DatabaseState::Restoring => Err(error(5052, 1, &[&"ALTER DATABASE", &"Restoring"])),
        DatabaseState::Recovering => Err(error(5052, 1, &[&"ALTER DATABASE", &"Recovering"])),
        DatabaseState::Online if database.in_standby() && !access_only => {
            Err(error(5063, 1, &[&database.name]))
        }
        DatabaseState::Offline if !options.iter().any(|option| &*option.name == "ONLINE") => {
            Err(error(942, 4, &[&database.name]))
        }
        _ if database.is_system() && options.iter().any(needs_exclusive) => {
            Err(error(5058, 1, &[&options.first().map_or("", |option| &option.name), &database.name]))
        }
        _ => Ok(()),
    }
}

/// Others leave the database, by themselves or by force.
async fn make_room(runner: &mut Runner<'_>, id: DatabaseId, termination: Termination) -> SqlResult<()> {
    let own = runner.session.id;
    let others = |runner: &Runner<'_>| -> Vec<u16> {
        let engine = runner.instance.0.engine.borrow();
        let mut users: Vec<u16> = engine.locks.users_of(id).filter(|user| *user != own).collect();
        users.dedup();
        users
    };
    if others(runner).is_empty() {
        return Ok(());
    }
    if let Termination::RollbackAfterSeconds(seconds) = termination {
        if seconds > 0 {
            wait_for_room(runner, id, Some(Duration::from_secs(seconds))).await;
        }
        for user in others(runner) {
            let victim = runner.instance.0.sessions.borrow().get(user);
            if let Some(victim) = victim {
                victim.kill();
            }
        }
        // Killed sessions leave at their next await.
        for _ in 0..64 {
            if others(runner).is_empty() {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
        wait_for_room(runner, id, Some(Duration::from_secs(60))).await;
    } else {
        let patience = runner.instance.config().cost.exclusive_access_wait;
        if termination == Termination::Wait && !patience.is_zero() {
            wait_for_room(runner, id, Some(patience)).await;
        }
    }
    if others(runner).is_empty() {
        return Ok(());
    }
    Err(error(5061, 1, &[&database_name(runner, id)]))
}

async fn wait_for_room(runner: &Runner<'_>, id: DatabaseId, patience: Option<Duration>) {
    let own = runner.session.id;
    let wait = async {
        loop {
            let released = {
                let engine = runner.instance.0.engine.borrow();
                if !engine.locks.users_of(id).any(|user| user != own) {
                    return;
                }
                engine.locks.released()
            };
            released.notified().await;
        }
    };
    if let Some(patience) = patience {
        let _ = tokio::time::timeout(patience, wait).await;
    }
}

fn set_option(runner: &mut Runner<'_>, id: DatabaseId, option: &DatabaseOption) -> SqlResult<()> {
    let mut engine = runner.instance.0.engine.borrow_mut();
    let Some(database) = engine.database_mut(id) else { return Err(error(913, 1, &[&id])) };
    let on = &*option.value == "ON";
    let near = || error(102, 1, &[&option.value]);
    match (&*option.name, &*option.value) {
        ("RECOVERY", model) => {
            if database.mirroring.is_some() {
                return Err(error(1468, 1, &[&database.name]));
            }
            let model = match model {
                "FULL" => RecoveryModel::Full,
                "BULK_LOGGED" => RecoveryModel::BulkLogged,
                "SIMPLE" => RecoveryModel::Simple,
                _ => return Err(near()),
            };
            database.recovery_model = model;
            if model == RecoveryModel::Simple {
                // The chain of log backups ends here.
                database.last_log_backup_lsn = None;
            }
        }
        ("SINGLE_USER", _) => database.user_access = UserAccess::Single,
        ("RESTRICTED_USER", _) => database.user_access = UserAccess::Restricted,
        ("MULTI_USER", _) => database.user_access = UserAccess::Multi,
        ("READ_ONLY" | "READ_WRITE" | "OFFLINE", _) if database.mirroring.is_some() => {
            return Err(error(1468, 1, &[&database.name]));
        }
        ("READ_ONLY", _) => database.is_read_only = true,
        ("READ_WRITE", _) => database.is_read_only = false,
        ("OFFLINE", _) => {
            database.take_checkpoint();
            database.state = DatabaseState::Offline;
        }
        ("ONLINE", _) if database.state == DatabaseState::Offline => database.state = DatabaseState::Online,
        ("ONLINE", _) => {}
        ("AUTO_CLOSE", _) => database.options.auto_close = on,
        ("AUTO_SHRINK", _) => database.options.auto_shrink = on,
        ("TRUSTWORTHY", _) => database.options.trustworthy = on,
        ("DB_CHAINING", _) => database.options.db_chaining = on,
        ("READ_COMMITTED_SNAPSHOT", _) => database.options.read_committed_snapshot = on,
        ("ALLOW_SNAPSHOT_ISOLATION", _) => database.options.snapshot_isolation = on,
        ("ENABLE_BROKER" | "NEW_BROKER", _) => database.options.broker_enabled = true,
        ("DISABLE_BROKER", _) => database.options.broker_enabled = false,
        ("COMPATIBILITY_LEVEL", level) => {
            let level = level.parse::<u8>().ok().filter(|level| matches!(level, 100 | 110 | 120));
            database.options.compatibility_level =
                level.ok_or_else(|| error(15_048, 1, &[&"100, 110, 120"]))?;
        }
        ("PAGE_VERIFY", verify) => {
            database.options.page_verify = match verify {
                "NONE" => 0,
                "TORN_PAGE_DETECTION" => 1,
                "CHECKSUM" => 2,
                _ => return Err(near()),
            };
        }
        ("EMERGENCY", _) => return Err(error(40_510, 1, &[&"ALTER DATABASE … SET EMERGENCY"])),
        // Statistics, ANSI defaults and the like: shown nowhere, they change no result here.
        _ => {}
    }
    Ok(())
}
