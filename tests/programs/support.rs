//! Runs firedrill with a failover program, and reads what it says.

use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One failover that has to succeed, staged as fast as a drill can be.
pub(crate) const ONE_DRILL: &str = "Feature: One\n  Scenario: One\n    Given the estate \"litware\"\n    \
    And 2 log backups are on the share\n    When data center A is lost\n    \
    And the operator fails over to the backup\n    Then the failover succeeds\n";

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program, started in the root, with a temporary folder of the test's own below `folder`.
pub(crate) fn firedrill(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.current_dir(root()).env("TMPDIR", folder.path("tmp")).env_remove("RUST_LOG");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A folder of one test's own, removed with the guard.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("firedrill-programs-{test}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("tmp"))?;
        std::fs::write(path.join("one.feature"), ONE_DRILL)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The feature with the one drill.
    pub(crate) fn feature(&self) -> PathBuf {
        self.path("one.feature")
    }

    /// What a run has left in its temporary folder.
    pub(crate) fn left_behind(&self) -> Result<Vec<String>, Failed> {
        let entries = std::fs::read_dir(self.path("tmp"))?;
        Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a run ended, and all that it said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Self { code: output.status.code(), text: format!("{stdout}{stderr}") }
    }

    /// Ended with this code, and said all of these.
    pub(crate) fn expect(&self, code: i32, words: &[&str]) -> Result<(), Failed> {
        for wanted in words {
            if !self.text.contains(wanted) {
                return Err(format!("{wanted:?} is missing in:\n{}", self.text).into());
            }
        }
        match self.code == Some(code) {
            true => Ok(()),
            false => Err(format!("ended with {:?}, not {code}:\n{}", self.code, self.text).into()),
        }
    }

    /// Said none of these.
    pub(crate) fn expect_not(&self, words: &[&str]) -> Result<(), Failed> {
        match words.iter().find(|word| self.text.contains(**word)) {
            Some(word) => Err(format!("{word:?} is there in:\n{}", self.text).into()),
            None => Ok(()),
        }
    }
}

/// A test in a folder of its own.
pub(crate) fn trial(name: &str, run: impl FnOnce(&Folder) -> Result<(), Failed> + Send + 'static) -> Trial {
    let folder = name.replace(' ', "-");
    Trial::test(name, move || run(&Folder::new(&folder)?))
}

/// Whether something that is not installed is a failure.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
