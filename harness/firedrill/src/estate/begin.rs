//! From a staged estate to the moment before the disaster: the traffic runs,
//! log backups are taken, and every arrangement is made true.

use super::log_shipping::{self, Job};
use super::names::Server;
use super::setup::Setup;
use super::sql::{self, failed, name, text};
use super::world::{LogBackup, World};
use super::{EstateError, backup_sessions, damage, paths};
use crate::chat;
use crate::fault::{Damage, Fault};
use crate::net::Machine;
use std::rc::Rc;
use std::time::Duration;

/// Messages and time of a drill that says nothing about traffic.
const DEFAULT_TRAFFIC: (u32, Duration) = (24, Duration::from_secs(3600));
/// Messages that are posted after the last of a counted number of log backups, and over how long.
const TAIL: (u32, Duration) = (3, Duration::from_secs(60));
/// Messages posted before each of a counted number of log backups, unless the drill says.
const MESSAGES_PER_LOG_BACKUP: u32 = 6;

/// Makes every arrangement true.
pub(super) async fn make_true(world: &Rc<World>) -> Result<(), EstateError> {
    let setup = world.setup.borrow().clone();
    traffic(world, &setup).await?;
    if setup.log_backups_on_share.is_some() || !setup.ships_by_itself() {
        copy_and_restore(world, &setup).await?;
    }
    damage::apply(world, &setup).await?;
    places(world, &setup)?;
    backup_database(world, &setup).await
}

/// Which server of A holds the database now.
fn principal(setup: &Setup, is_second_half: bool) -> Server {
    if setup.mirror_took_over && is_second_half { Server::Mirror } else { Server::Primary }
}

async fn traffic(world: &Rc<World>, setup: &Setup) -> Result<(), EstateError> {
    let counted = setup.log_backups_on_share;
    let messages: u32 = setup.traffic.iter().map(|(messages, _)| messages).sum();
    let over: Duration = setup.traffic.iter().map(|(_, over)| *over).sum();
    let (messages, over) = match (setup.traffic.is_empty(), counted) {
        (false, _) => (messages, over),
        (true, None | Some(0)) => DEFAULT_TRAFFIC,
        (true, Some(count)) => {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            (MESSAGES_PER_LOG_BACKUP * count, log_shipping::interval(world) * count)
        }
    };
    let parts = u32::try_from(counted.unwrap_or(2).max(1)).unwrap_or(u32::MAX);
    for part in 1..=parts {
        let posted = share_of(messages, part, parts);
        if part == parts / 2 + 1 && setup.mirror_took_over {
            mirror_takes_over(world).await?;
        }
        let acknowledged = chat::post_messages(world, posted, over / parts).await;
        super::verbs::all_acknowledged(posted, acknowledged)?;
        let is_second_half = part > parts / 2;
        if counted.is_some_and(|count| count > 0) {
            take_log_backup(world, setup, part as usize, principal(setup, is_second_half)).await?;
        }
        if part == 1 {
            other_backups_on_share(world, setup).await?;
        }
    }
    after_the_last_log_backup(world, setup, over / messages.max(1)).await
}

/// How many of `messages` fall into part `part` (from 1) of `parts`; together they are all.
fn share_of(messages: u32, part: u32, parts: u32) -> u32 {
    let until = |part: u32| u64::from(messages) * u64::from(part) / u64::from(parts);
    u32::try_from(until(part) - until(part - 1)).unwrap_or(u32::MAX)
}

/// What is posted after the last log backup: nothing ships it. `gap` is the time between two messages before.
async fn after_the_last_log_backup(
    world: &Rc<World>,
    setup: &Setup,
    gap: Duration,
) -> Result<(), EstateError> {
    let is_counted = setup.log_backups_on_share.is_some();
    let (messages, over) = match setup.last_log_backup_ago {
        Some(ago) => {
            if !is_counted {
                let server = principal(setup, true);
                log_shipping::run(world, server, Job::Backup).await?;
                log_shipping::hold(world, server, Job::Backup).await?;
            }
            let messages = ago.as_millis().checked_div(gap.as_millis()).unwrap_or(1).max(1);
            (u32::try_from(messages).unwrap_or(u32::MAX), ago)
        }
        None if is_counted => TAIL,
        None => return Ok(()),
    };
    let acknowledged = chat::post_messages(world, messages, over).await;
    super::verbs::all_acknowledged(messages, acknowledged)
}

/// One log backup, by the job; or into the file of the one before, if that was arranged.
async fn take_log_backup(
    world: &World,
    setup: &Setup,
    ordinal: usize,
    server: Server,
) -> Result<(), EstateError> {
    if setup.damage.get(&ordinal) != Some(&Damage::AppendedToThePrevious) || ordinal < 2 {
        return log_shipping::run(world, server, Job::Backup).await;
    }
    let stem = world.log_backups.borrow()[ordinal - 2].stem.clone();
    let began = world.now();
    let device = world.folder_names.file_in(&paths::share(world), &format!("{stem}.trn"));
    let batch = format!("BACKUP LOG {} TO DISK = {}", name(&world.database()), text(&device));
    world.errand(server, &batch).await?;
    let completed = world.now();
    world.log_backups.borrow_mut().push(LogBackup { stem, began, completed, damage: None, restored: false });
    Ok(())
}

async fn other_backups_on_share(world: &World, setup: &Setup) -> Result<(), EstateError> {
    let database = world.database();
    let device = |kind: &str| {
        text(&world.folder_names.file_in(&paths::share(world), &format!("{database}_{kind}.bak")))
    };
    let mut batch = String::new();
    if setup.full_backup_on_share {
        batch.push_str(&format!("BACKUP DATABASE {} TO DISK = {}\n", name(&database), device("full")));
    }
    if setup.differential_backup_on_share {
        let device = device("differential");
        batch
            .push_str(&format!("BACKUP DATABASE {} TO DISK = {device} WITH DIFFERENTIAL\n", name(&database)));
    }
    if batch.is_empty() {
        return Ok(());
    }
    let holder =
        if world.writable.borrow().contains(&Server::Mirror) { Server::Mirror } else { Server::Primary };
    world.errand(holder, &batch).await.map(drop)
}

/// A's mirror takes over, and goes on shipping.
async fn mirror_takes_over(world: &Rc<World>) -> Result<(), EstateError> {
    let batch = format!("ALTER DATABASE {} SET PARTNER FAILOVER", name(&world.database()));
    let mut primary = world.sa(Server::Primary, "master").await?;
    sql::run(&mut primary, &batch).await.map_err(failed("failing over to the mirror", Server::Primary))?;
    world.pass(Duration::from_secs(10)).await;
    let mut mirror = world.sa(Server::Mirror, "master").await?;
    log_shipping::set_up_primary(world, Server::Mirror, &mut mirror).await?;
    chat::reopen_all(world).await;
    world.look_for_writable_copies().await;
    Ok(())
}

/// Lets copy and restore come exactly as far as was said: log backups beyond that are kept out of sight meanwhile.
async fn copy_and_restore(world: &World, setup: &Setup) -> Result<(), EstateError> {
    let total = world.log_backups.borrow().len();
    setup.check_with_total(total)?;
    let (copied, restored) = (setup.copied_of(total), setup.restored_of(total));
    let hidden = hide_from(world, restored);
    if restored > 0 {
        log_shipping::run(world, Server::Backup, Job::Copy).await?;
        log_shipping::run(world, Server::Backup, Job::Restore).await?;
    }
    let (copied_too, later): (Vec<_>, Vec<_>) =
        hidden.into_iter().partition(|(ordinal, _)| *ordinal <= copied);
    show(world, &copied_too);
    if copied > restored {
        log_shipping::run(world, Server::Backup, Job::Copy).await?;
    }
    show(world, &later);
    is_copied_and_restored(world, copied, restored).await
}

/// Looks whether copy and restore have come as far as was said, and no further.
async fn is_copied_and_restored(world: &World, copied: usize, restored: usize) -> Result<(), EstateError> {
    log_shipping::refresh_restored(world).await;
    let folder = &world.file.contents.folders.copy_destination;
    let backup = &world.server(Server::Backup).machine;
    let all = world.log_backups.borrow();
    let last_restored = all.iter().rposition(|log| log.restored).map(|at| all[at].stem.as_str());
    let is_restored =
        all.iter().rposition(|log| Some(log.stem.as_str()) == last_restored).map_or(0, |at| at + 1);
    let is_copied = all.iter().filter(|log| damage::lies_in(world, backup, folder, &log.stem)).count();
    if (is_copied, is_restored) == (copied, restored) {
        return Ok(());
    }
    Err(EstateError::Contradiction(format!(
        "{copied} log backups are to be copied and {restored} restored, but {is_copied} are copied and {is_restored} restored: log backups in one file go together, and old ones are deleted"
    )))
}

/// Where files wait while they are out of sight.
fn waiting_room(world: &World) -> String {
    format!("{}-waiting", world.file.contents.folders.logs)
}

/// Takes the share's log backups after the first `visible` out of sight.
fn hide_from(world: &World, visible: usize) -> Vec<(usize, String)> {
    let all = world.log_backups.borrow();
    let Ok(drives) = world.disks.drives_of(&world.share_machine()) else { return Vec::new() };
    let (folder, waiting) = (&world.file.contents.folders.logs, waiting_room(world));
    let mut hidden = Vec::new();
    if drives.make_directory(&waiting).is_err() {
        return hidden;
    }
    for (ordinal, log) in (1..).zip(all.iter()).skip(visible) {
        let file = format!("{}.trn", log.stem);
        if drives.rename_file(&format!(r"{folder}\{file}"), &format!(r"{waiting}\{file}")).is_ok() {
            hidden.push((ordinal, file));
        }
    }
    hidden
}

fn show(world: &World, files: &[(usize, String)]) {
    let Ok(drives) = world.disks.drives_of(&world.share_machine()) else { return };
    let (folder, waiting) = (&world.file.contents.folders.logs, waiting_room(world));
    for (_, file) in files {
        let shown = drives.rename_file(&format!(r"{waiting}\{file}"), &format!(r"{folder}\{file}"));
        debug_assert!(shown.is_ok(), "{file} was put there by us");
    }
}

/// Leaves the disk of the copy destination so much room.
pub(super) fn leave_room(world: &World, bytes: u64) {
    if let Ok(drives) = world.disks.drives_of(&world.server(Server::Backup).machine) {
        drives.set_room('D', Some(bytes));
    }
}

/// Somebody empties the share. What was damaged there and nowhere else is then simply gone.
fn empty_share(world: &World, setup: &Setup) -> Result<(), EstateError> {
    let folders = &world.file.contents.folders;
    let drives = world.disks.drives_of(&world.share_machine());
    let entries = drives
        .as_ref()
        .map_or_else(|_| Vec::new(), |drives| drives.entries(&folders.logs).unwrap_or_default());
    if entries.is_empty() {
        return Err(EstateError::Contradiction(
            "the backup share has nothing on it: there is nothing to empty".to_owned(),
        ));
    }
    for entry in entries {
        let path = format!(r"{}\{}", folders.logs, entry.name);
        let removed = drives.as_ref().map(|drives| drives.remove_entry(&path));
        debug_assert!(matches!(removed, Ok(Ok(()))), "nobody else uses the share now");
    }
    let backup = &world.server(Server::Backup).machine;
    let all = world.log_backups.borrow();
    let gone = setup.damage.iter().find(|(ordinal, damage)| {
        let stem = all.get(*ordinal - 1).map_or("", |log| log.stem.as_str());
        **damage != Damage::Missing && !damage::lies_in(world, backup, &folders.copy_destination, stem)
    });
    match gone {
        Some((ordinal, damage)) => Err(EstateError::Contradiction(format!(
            "log backup {ordinal} is to be {damage}, but it was never copied and the backup share has been emptied: it lies nowhere"
        ))),
        None => Ok(()),
    }
}

/// Shares, disks, folders.
fn places(world: &World, setup: &Setup) -> Result<(), EstateError> {
    let folders = &world.file.contents.folders;
    let backup = &world.server(Server::Backup).machine;
    if setup.stale_work_file
        && let Ok(drives) = world.disks.drives_of(backup)
    {
        let stem =
            world.log_backups.borrow().last().map_or_else(|| "mgc_stale".to_owned(), |log| log.stem.clone());
        let written =
            drives.put(&format!(r"{}\{stem}.wrk", folders.copy_destination), b"half of a log backup");
        debug_assert!(written.is_ok(), "the copy destination is there");
    }
    if setup.share_emptied {
        empty_share(world, setup)?;
    }
    if let Some(room) = setup.copy_disk_room {
        leave_room(world, room);
    }
    if setup.share_unreachable {
        isolate(world, &world.share_machine());
    }
    Ok(())
}

/// Severs a machine from all others.
pub(super) fn isolate(world: &World, machine: &Machine) {
    for other in world.network.machines() {
        if other != *machine {
            world.network.sever(machine, &other);
            world.network.sever(&other, machine);
        }
    }
    world.show_or_hide_drives();
}

async fn backup_database(world: &Rc<World>, setup: &Setup) -> Result<(), EstateError> {
    let mut batch = String::new();
    if setup.log_shipping_removed {
        log_shipping::refresh_restored(world).await;
        let database = text(&world.database());
        batch.push_str(&format!("EXEC master.dbo.sp_delete_log_shipping_secondary_database {database}\n"));
    }
    if setup.recovered_by_hand {
        batch.push_str(&format!("RESTORE DATABASE {} WITH RECOVERY\n", name(&world.database())));
    }
    if !batch.is_empty() {
        let mut client = world.sa(Server::Backup, "master").await?;
        sql::run(&mut client, &batch)
            .await
            .map_err(failed("doing by hand what was arranged", Server::Backup))?;
        world.look_for_writable_copies().await;
    }
    // Whose session id is used again is one more reader: the first to be killed is past its last look.
    let is_reused = setup.faults.iter().any(|planned| planned.fault == Fault::ReuseSessionId);
    let readers = setup.standby_readers.unwrap_or(0);
    backup_sessions::start_readers(world, readers + u32::from(is_reused));
    if setup.lock_holder {
        backup_sessions::hold_locks_from_elsewhere(world).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::share_of;

    #[rstest::rstest]
    #[case(240, 7)]
    #[case(3, 5)]
    #[case(u32::MAX, 500)]
    fn the_parts_of_the_traffic_are_all_of_it(#[case] messages: u32, #[case] parts: u32) {
        let sum: u64 = (1..=parts).map(|part| u64::from(share_of(messages, part, parts))).sum();
        assert_eq!(sum, u64::from(messages));
    }
}
