//! The temporary folder of a run.

use super::{owner, run_id};
use std::io;
use std::path::{Path, PathBuf};

/// How the folders' names begin.
const PREFIX: &str = "firedrill-run-";
/// The file that names the process to which a folder belongs.
const OWNER_FILE: &str = "owner";

/// A folder that goes away with its owner: with this value, or, after a `kill -9`, when the next run begins.
#[derive(Debug)]
pub(crate) struct RunFolder(pub(crate) PathBuf);

impl RunFolder {
    /// A new folder, for this user alone. Those of runs whose processes are gone are removed.
    ///
    /// # Errors
    /// As the file system answers.
    pub(crate) fn new() -> io::Result<Self> {
        let all = std::env::temp_dir();
        remove_dead(&all);
        let folder = Self(all.join(format!("{PREFIX}{}", run_id()?)));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder.0)?;
        std::fs::write(folder.0.join(OWNER_FILE), owner::this_process())?;
        Ok(folder)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder could not be removed");
        }
    }
}

/// Removes the folders of dead runs. What cannot be read or removed is somebody else's.
fn remove_dead(all: &Path) {
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let owner = std::fs::read_to_string(entry.path().join(OWNER_FILE));
        if is_ours && owner.is_ok_and(|owner| owner::is_dead(&owner)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_value_and_that_of_a_dead_run_with_the_next_one() {
        let living = RunFolder::new().unwrap();
        let dead = std::env::temp_dir().join(format!("{PREFIX}{}", run_id().unwrap()));
        std::fs::create_dir(&dead).unwrap();
        let this = owner::this_process();
        let (boot_and_id, _) = this.rsplit_once(':').unwrap();
        std::fs::write(dead.join(OWNER_FILE), format!("{boot_and_id}:1")).unwrap();
        let next = RunFolder::new().unwrap();
        assert!(living.0.exists() && next.0.exists() && !dead.exists());
        let path = next.0.clone();
        drop(next);
        assert!(!path.exists());
    }
}
