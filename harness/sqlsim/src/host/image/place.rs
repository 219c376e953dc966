//! `/var/opt/mssql`: what lies there, and whether the server can use it.

use super::settings::Settings;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of everything the server keeps, in a real or a test's file system.
#[derive(Clone, Debug)]
pub(super) struct Place {
    root: PathBuf,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    /// It cannot be written.
    #[error(
        "{path} cannot be written: {source}. This server runs as user {user}; give it the folder \
         (chown -R 10001:0), give group 0 the owner's rights (chmod -R g=u), or mount one that is not read-only. \
         Nothing was started."
    )]
    Unwritable {
        /// What was to be made.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
        /// The user's number.
        user: String,
    },
    /// It holds the files of a real SQL Server.
    #[error(
        "{0} belongs to a real SQL Server, whose files this simulated one cannot read. Nothing was changed; \
         mount another volume at /var/opt/mssql."
    )]
    Real(PathBuf),
    /// mssql.conf is there and cannot be read.
    #[error("{path} cannot be read: {source}. Make it readable for this server, or remove it.")]
    Conf {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

impl Place {
    pub(super) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the write-ahead log and the images lie, beside what the official image keeps in `.system`.
    pub(super) fn store(&self) -> PathBuf {
        self.root.join(".system/sqlsim")
    }

    /// The text of `mssql.conf`; empty when there is none.
    pub(super) fn conf(&self) -> Result<String, PlaceError> {
        let path = self.root.join("mssql.conf");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(PlaceError::Conf { path, source }),
        }
    }

    /// Makes the folders of a fresh server.
    pub(super) fn prepare(&self, settings: &Settings) -> Result<(), PlaceError> {
        let master = self.root.join("data/master.mdf");
        if master.exists() {
            return Err(PlaceError::Real(master));
        }
        let folders = [self.store(), self.root.join("data"), self.root.join("log")];
        let named = [&settings.data_directory, &settings.backup_directory].map(PathBuf::from);
        for folder in folders.into_iter().chain(named) {
            fs::create_dir_all(&folder)
                .and_then(|()| try_to_write(&folder))
                .map_err(|source| PlaceError::Unwritable { path: folder.clone(), source, user: user() })?;
        }
        Ok(())
    }
}

/// Whether a file can be made there: a folder that exists already says nothing about it.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, "")?;
    fs::remove_file(probe)
}

/// The number of the user that this program runs as.
fn user() -> String {
    #[cfg(unix)]
    if let Ok(process) = fs::metadata("/proc/self") {
        use std::os::unix::fs::MetadataExt as _;
        return process.uid().to_string();
    }
    "unknown".to_owned()
}

/// The machine's name: `@@SERVERNAME`, and the name that partners reach it by.
pub(super) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let label = name.trim().split('.').next().unwrap_or_default();
    if label.is_empty() { "localhost".to_owned() } else { label.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(root: &Path) -> Settings {
        let data = root.join("data").display().to_string();
        let get = |name: &str| match name {
            "MSSQL_SA_PASSWORD" => Some("Passw0rd-1".to_owned()),
            "MSSQL_DATA_DIR" | "MSSQL_BACKUP_DIR" => Some(data.clone()),
            _ => None,
        };
        Settings::read(get, "", true).unwrap()
    }

    fn folder(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sqlsim-place-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_fresh_folder_gets_what_a_server_has() {
        let root = folder("fresh");
        Place::at(root.clone()).prepare(&settings(&root)).unwrap();
        assert!(root.join("data").is_dir() && root.join("log").is_dir());
        assert_eq!(fs::read_dir(root.join("data")).unwrap().count(), 0, "no probe is left");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_files_of_a_real_server_are_left_alone() {
        let root = folder("real");
        fs::create_dir(root.join("data")).unwrap();
        fs::write(root.join("data/master.mdf"), "real").unwrap();
        let error = Place::at(root.clone()).prepare(&settings(&root)).unwrap_err().to_string();
        assert!(error.contains("belongs to a real SQL Server"), "{error}");
        assert!(!root.join(".system").exists());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_the_user() {
        let root = folder("file");
        fs::write(root.join("data"), "").unwrap();
        let error = Place::at(root.clone()).prepare(&settings(&root)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{} cannot be written: ", root.join("data").display())),
            "{error}"
        );
        assert!(error.contains("chown -R 10001:0"), "{error}");
        fs::remove_dir_all(root).unwrap();
    }
}
