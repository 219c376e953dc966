//! The folders that a drill is about: where they lie, and how servers name them.

use super::names::Server;
use super::world::World;
use crate::arm::Folder;
use crate::net::Machine;

/// Where log backups lie on a file server.
pub(super) fn logs_on(world: &World, machine: Machine) -> Folder {
    let contents = &world.file.contents;
    Folder { machine, path: contents.folders.logs.clone(), share: Some(contents.shares.logs.clone()) }
}

/// The backup share.
pub(super) fn logs(world: &World) -> Folder {
    logs_on(world, world.share_machine())
}

/// `\\host\share` of the log backups, as every server names it.
pub(super) fn share(world: &World) -> String {
    world.folder_names.shared(&logs(world))
}

/// Where the backup copies log backups to.
pub(super) fn copy_destination(world: &World) -> Folder {
    let contents = &world.file.contents;
    Folder {
        machine: world.server(Server::Backup).machine.clone(),
        path: contents.folders.copy_destination.clone(),
        share: Some(contents.shares.copy_destination.clone()),
    }
}

/// The copy destination as the backup names it.
pub(super) fn copy_destination_for_the_backup(world: &World) -> String {
    let folder = copy_destination(world);
    world.folder_names.of(&folder, &folder.machine)
}

/// The folder by which copies of the database are carried from server to server.
pub(super) fn mirror_seed(world: &World) -> Folder {
    let contents = &world.file.contents;
    Folder {
        machine: world.server(Server::BackupMirror).machine.clone(),
        path: contents.folders.mirror_seed.clone(),
        share: Some(contents.shares.mirror_seed.clone()),
    }
}

/// The folder beside another that somebody may mistake for it.
pub(super) fn old(folder: &Folder) -> Folder {
    let share = folder.share.as_ref().map(|share| format!("{}-old", share.trim_end_matches('$')));
    Folder { machine: folder.machine.clone(), path: format!("{}-old", folder.path), share }
}
