//! Sees what happens in the copy destination where nobody in this process does
//! it: by looking, often.

use super::real_folder;
use crate::estate::names::Server;
use crate::estate::timeline::Happening;
use crate::estate::watch::reach;
use crate::estate::world::World;
use crate::fault::Edge;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A file as it was seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    /// Whether it was there before the failover program was started, or was written by the server itself.
    is_servers: bool,
    is_complete: bool,
}

/// Looks at the copy destination while a failover program runs, until the world is gone.
pub(crate) async fn watch(world: Weak<World>) {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let mut was_running = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(world) = world.upgrade() else { return };
        let is_running = world.run.borrow().is_some();
        if is_running {
            look(&world, &mut seen, was_running).await;
        } else {
            seen.clear();
        }
        was_running = is_running;
    }
}

async fn look(world: &Rc<World>, seen: &mut BTreeMap<String, Seen>, is_news: bool) {
    let machine = &world.server(Server::Backup).machine;
    let Some(folder) = real_folder(world, machine, &world.file.contents.folders.copy_destination) else {
        return;
    };
    for (name, bytes, owner) in files_in(&folder) {
        let before = seen.get(&name).copied();
        let Some(ordinal) = world.ordinal_of(&name) else { continue };
        let is_servers = before.is_some_and(|before| before.is_servers)
            || before.is_none() && (!is_news || is_by_a_server(world, &folder.join(&name), owner));
        let is_complete = name.to_ascii_lowercase().ends_with(".trn") && bytes >= size_on_share(world, &name);
        seen.insert(name.clone(), Seen { bytes, is_servers, is_complete });
        if is_servers {
            continue;
        }
        let has_grown = before.is_none_or(|before| before.bytes != bytes);
        if has_grown {
            reach(world, 2, Edge::Begins, Some(ordinal), "a write").await;
        }
        if is_complete && !before.is_some_and(|before| before.is_complete) {
            world.note(Happening::LogBackupCopied { ordinal, file: name });
            reach(world, 2, Edge::Ends, Some(ordinal), "a copy").await;
        }
    }
}

/// Name, bytes and owner of each file, by name. A file that goes away meanwhile is none.
fn files_in(folder: &Path) -> Vec<(String, u64, u32)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((entry.file_name().into_string().ok()?, metadata.len(), owner_of(&metadata)))
        })
        .collect();
    files.sort();
    files
}

/// A server in this process writes through the estate's own disks; one in a container as the owner of its process.
fn is_by_a_server(world: &World, path: &Path, owner: u32) -> bool {
    world.disks.is_written_here(path) || Some(owner) == world.server(Server::Backup).host.writes_as()
}

#[cfg(unix)]
fn owner_of(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(metadata)
}

#[cfg(not(unix))]
fn owner_of(_metadata: &std::fs::Metadata) -> u32 {
    0
}

/// How long the file is on the share; 0 when it is not there (any length is then the whole).
fn size_on_share(world: &World, name: &str) -> u64 {
    let drives = world.disks.drives_of(&world.share_machine());
    let path = format!(r"{}\{name}", world.file.contents.folders.logs);
    drives.and_then(|drives| drives.size_of(&path)).unwrap_or(0)
}
