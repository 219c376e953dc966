//! What happens to log backups: missing, torn, flipped, foreign, out of order.

use super::EstateError;
use super::log_shipping;
use super::names::Server;
use super::setup::Setup;
use super::sql;
use super::world::World;
use crate::arm::Folder;
use crate::disk::Drives;
use crate::fault::Damage;
use crate::net::Machine;
use sqlsim::FileError;
use std::rc::Rc;

/// Damages every log backup as arranged, wherever it lies.
pub(super) async fn apply(world: &World, setup: &Setup) -> Result<(), EstateError> {
    for (&ordinal, &damage) in &setup.damage {
        let Some(stem) = world.log_backups.borrow().get(ordinal - 1).map(|log| log.stem.clone()) else {
            let there = world.log_backups.borrow().len();
            return Err(EstateError::Contradiction(format!(
                "log backup {ordinal} is to be {damage}, but only {there} log backups are on the share"
            )));
        };
        let foreign =
            if damage == Damage::OfAnotherDatabase { foreign_log_backup(world).await? } else { Vec::new() };
        let mut touched = 0;
        for (machine, folder) in places(world) {
            let Ok(drives) = world.disks.drives_of(&machine) else { continue };
            touched += usize::from(damage_file(&drives, &folder, &stem, damage, &foreign).is_ok());
        }
        if touched == 0 {
            return Err(EstateError::Contradiction(format!(
                "log backup {ordinal} ({stem}.trn) lies nowhere"
            )));
        }
        world.log_backups.borrow_mut()[ordinal - 1].damage = Some(damage);
    }
    Ok(())
}

/// Where log backups lie.
fn places(world: &World) -> [(Machine, String); 2] {
    let folders = &world.file.contents.folders;
    [
        (world.share_machine(), folders.logs.clone()),
        (world.server(Server::Backup).machine.clone(), folders.copy_destination.clone()),
    ]
}

fn damage_file(
    drives: &Rc<dyn Drives>,
    folder: &str,
    stem: &str,
    damage: Damage,
    foreign: &[u8],
) -> Result<(), FileError> {
    let path = format!(r"{folder}\{stem}.trn");
    let contents = drives.contents(&path)?;
    match damage {
        Damage::Missing => drives.remove_entry(&path),
        Damage::Torn => drives.put(&path, &contents[..contents.len() * 3 / 5]),
        Damage::Flipped => {
            let mut bytes = contents.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            drives.put(&path, &bytes)
        }
        Damage::OfAnotherDatabase => drives.put(&path, foreign),
        Damage::OutOfDateOrder => {
            // All others are written again, now: this one is then the oldest.
            for entry in drives.entries(folder)? {
                let other = format!(r"{folder}\{}", entry.name);
                if other != path && !entry.is_directory {
                    let contents = drives.contents(&other)?;
                    drives.put(&other, &contents)?;
                }
            }
            Ok(())
        }
        Damage::AppendedToThePrevious => Ok(()),
        Damage::Duplicated => drives.put(&format!(r"{folder}\{stem}_again.trn"), &contents),
    }
}

/// A log backup of a database that has nothing to do with the chat.
async fn foreign_log_backup(world: &World) -> Result<Vec<u8>, EstateError> {
    let machine = &world.server(Server::Primary).machine;
    let path = &world.file.contents.folders.backup;
    let made = world.disks.drives_of(machine).and_then(|drives| drives.make_directory(path));
    made.map_err(|error| EstateError::Server {
        what: format!("making the folder {path}"),
        server: Server::Primary,
        reason: error.to_string(),
    })?;
    let folder = Folder { machine: machine.clone(), path: path.clone(), share: None };
    let named = world.folder_names.of(&folder, machine);
    let device = world.folder_names.file_in(&named, "foreign.trn");
    let batch = format!(
        "IF DB_ID(N'payroll') IS NULL CREATE DATABASE payroll\n\
         BACKUP DATABASE payroll TO DISK = {} WITH INIT\nBACKUP LOG payroll TO DISK = {} WITH INIT",
        sql::text(&world.folder_names.file_in(&named, "foreign.bak")),
        sql::text(&device)
    );
    world.errand(Server::Primary, &batch).await?;
    let contents =
        world.disks.drives_of(machine).and_then(|drives| drives.contents(&format!(r"{path}\foreign.trn")));
    contents.map(|contents| contents.to_vec()).map_err(|error| EstateError::Server {
        what: format!("reading {device}"),
        server: Server::Primary,
        reason: error.to_string(),
    })
}

/// Whether a log backup lies complete in a folder of a machine.
pub(super) fn lies_in(world: &World, machine: &Machine, folder: &str, stem: &str) -> bool {
    let drives = world.disks.drives_of(machine);
    drives.is_ok_and(|drives| drives.size_of(&format!(r"{folder}\{stem}.trn")).is_ok())
}

/// The log backups as they are now.
pub(super) async fn snapshot(world: &World) -> Vec<super::LogBackupSnapshot> {
    log_shipping::refresh_restored(world).await;
    let folders = &world.file.contents.folders;
    let share = world.share_machine();
    let is_reached = world.network.round_trip(&world.operator(), &share).is_ok();
    let backup = &world.server(Server::Backup).machine;
    let all = world.log_backups.borrow();
    (1..)
        .zip(all.iter())
        .map(|(ordinal, log)| super::LogBackupSnapshot {
            ordinal,
            file: format!("{}.trn", log.stem),
            began: log.began,
            completed: log.completed,
            on_share: is_reached && lies_in(world, &share, &folders.logs, &log.stem),
            in_copy_destination: lies_in(world, backup, &folders.copy_destination, &log.stem),
            restored: log.restored,
            damage: log.damage,
        })
        .collect()
}
