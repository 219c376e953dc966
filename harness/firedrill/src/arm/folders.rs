//! The folders of an estate, and how its servers name them.
//!
//! A drive path (`D:\shares\mgc-logs` of `files-b`) is where the harness finds
//! a folder, whatever the arm. A server names it otherwise: on Windows by a
//! share of another machine, in a container by a path below the volume that
//! all of them see.

use crate::net::Machine;

/// A folder on a machine's drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    /// The machine whose drive it lies on.
    pub(crate) machine: Machine,
    /// Its path there: `D:\shares\mgc-logs`.
    pub(crate) path: String,
    /// The name under which the machine shares it with others, if it does.
    pub(crate) share: Option<String>,
}

/// How servers name folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FolderNames {
    /// As Windows does: a drive's path on the machine itself, `\\machine\share` elsewhere.
    Windows,
    /// Every machine's drives lie below one folder that every server sees: `/var/opt/mssql/net/files-b/D/…`.
    Below(String),
}

impl FolderNames {
    /// The folder as a server on `seen_from` names it; from another machine than its own, the share's name.
    pub(crate) fn of(&self, folder: &Folder, seen_from: &Machine) -> String {
        match self {
            Self::Windows => match &folder.share {
                Some(share) if *seen_from != folder.machine => format!(r"\\{}\{share}", folder.machine),
                _ => folder.path.clone(),
            },
            Self::Below(root) => format!("{root}/{}/{}", folder.machine, below_drive(&folder.path)),
        }
    }

    /// The share's own name, which servers on every machine understand.
    pub(crate) fn shared(&self, folder: &Folder) -> String {
        self.of(folder, &Machine::of("none of the estate"))
    }

    /// A file in a folder that was named so.
    pub(crate) fn file_in(&self, folder: &str, file: &str) -> String {
        let separator = match self {
            Self::Windows => '\\',
            Self::Below(_) => '/',
        };
        format!("{folder}{separator}{file}")
    }
}

/// `D:\shares\mgc-logs` as directories below a machine's own: `D/shares/mgc-logs`.
fn below_drive(path: &str) -> String {
    path.replace(':', "").replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs() -> Folder {
        Folder {
            machine: Machine::of("files-b"),
            path: r"D:\shares\mgc-logs".to_owned(),
            share: Some("mgc-logs".to_owned()),
        }
    }

    #[rstest::rstest]
    #[case(FolderNames::Windows, "sql-b1", r"\\files-b\mgc-logs")]
    #[case(FolderNames::Windows, "files-b", r"D:\shares\mgc-logs")]
    #[case(FolderNames::Below("/net".to_owned()), "sql-b1", "/net/files-b/D/shares/mgc-logs")]
    #[case(FolderNames::Below("/net".to_owned()), "files-b", "/net/files-b/D/shares/mgc-logs")]
    fn a_folder_has_the_name_that_a_server_there_gives_it(
        #[case] names: FolderNames,
        #[case] from: &str,
        #[case] name: &str,
    ) {
        assert_eq!(names.of(&logs(), &Machine::of(from)), name);
    }

    #[test]
    fn a_file_is_named_with_the_separator_of_its_folder() {
        assert_eq!(FolderNames::Windows.file_in(r"\\files-b\mgc-logs", "a.trn"), r"\\files-b\mgc-logs\a.trn");
        assert_eq!(FolderNames::Below("/net".to_owned()).file_in("/net/x", "a.trn"), "/net/x/a.trn");
    }
}
