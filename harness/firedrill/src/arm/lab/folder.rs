//! The folder that a lab's servers and this host share.
//!
//! It has to be empty, or to carry the harness's mark: nobody else's files are
//! ever removed.

use crate::disk::{DirectoryDrives, Drives};
use crate::estate::EstateFile;
use crate::net::Machine;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The file that says that everything beside it is the harness's.
const MARK: &str = ".firedrill";

/// Both names of the folder.
#[derive(Clone, Debug)]
pub(super) struct LabFolder {
    /// As the servers name it.
    pub(super) server: String,
    /// As this host does.
    here: PathBuf,
}

impl LabFolder {
    /// The folder of an estate file.
    pub(super) fn of(file: &EstateFile) -> Result<Self, String> {
        let folder = file.contents.lab_folder.as_ref().ok_or("the estate file has no table [lab_folder]")?;
        Ok(Self { server: folder.server.clone(), here: PathBuf::from(&folder.here) })
    }

    /// Whether it is there, and nobody else's files are in it.
    pub(super) fn look(&self) -> Result<(), String> {
        let here = self.here.display();
        let entries = std::fs::read_dir(&self.here)
            .map_err(|error| format!("the lab's folder {here} cannot be read ({error})"))?;
        let is_empty = entries.flatten().next().is_none();
        if is_empty || self.here.join(MARK).is_file() {
            return Ok(());
        }
        Err(format!(
            "the lab's folder {here} holds files that the harness did not put there; name an empty one"
        ))
    }

    /// Removes what an earlier drill left, and marks the folder.
    pub(super) fn empty(&self) -> io::Result<()> {
        self.look().map_err(io::Error::other)?;
        std::fs::write(self.here.join(MARK), "What is in this folder belongs to firedrill.\n")?;
        for entry in std::fs::read_dir(&self.here)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => std::fs::remove_dir_all(entry.path())?,
                false if entry.file_name() == MARK => {}
                false => std::fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }

    /// The end of a run: an empty folder.
    pub(super) fn leave(&self) -> Result<(), String> {
        let mark = self.here.join(MARK);
        if !mark.is_file() {
            return Ok(());
        }
        let left = self.empty().and_then(|()| std::fs::remove_file(mark));
        left.map_err(|error| format!("{} could not be emptied ({error})", self.here.display()))
    }

    /// A machine's drives; servers, which are other users than this process, may write to them.
    pub(super) fn drives(&self, machine: &Machine) -> io::Result<Rc<dyn Drives>> {
        let away: &Path = &self.here.join(".away");
        std::fs::create_dir_all(away)?;
        let drives = DirectoryDrives::new(self.here.join(machine.name()), &['C', 'D'])?.open_to_all()?;
        Ok(Rc::new(drives.moved_away_to(away.join(machine.name()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::run_folder::RunFolder;

    /// An empty folder, which goes with the other.
    fn empty_in(folder: &RunFolder) -> LabFolder {
        let here = folder.0.join("lab");
        std::fs::create_dir(&here).unwrap();
        LabFolder { server: "/net".to_owned(), here }
    }

    #[test]
    fn a_folder_with_somebodys_file_is_refused_and_keeps_it() {
        let run = RunFolder::new().unwrap();
        let folder = empty_in(&run);
        let file = folder.here.join("theirs.bak");
        std::fs::write(&file, "x").unwrap();
        assert!(folder.look().unwrap_err().contains("did not put there"));
        folder.empty().unwrap_err();
        folder.leave().unwrap();
        assert!(file.exists());
    }

    #[test]
    fn a_folder_is_left_as_empty_as_it_was() {
        let run = RunFolder::new().unwrap();
        let folder = empty_in(&run);
        folder.empty().unwrap();
        folder.drives(&Machine::of("files-b")).unwrap();
        folder.look().unwrap();
        folder.leave().unwrap();
        assert!(std::fs::read_dir(&folder.here).unwrap().next().is_none());
    }
}
