//! Paths as a SQL Server takes them, on Windows and on Linux: the one place that
//! knows the difference. A path that begins with one `/` is a path on Linux,
//! where `\` is a letter like any other; all others follow the rules of Windows.

/// Whether the rules of Linux hold for a path.
fn is_posix(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//")
}

/// Whether two servers can reach a folder by this path: a UNC path, or a path on
/// Linux, where a share is mounted at the same place on both.
pub(crate) fn is_share(path: &str) -> bool {
    match path.strip_prefix(r"\\") {
        Some(rest) => rest.trim_matches('\\').split('\\').filter(|part| !part.is_empty()).count() >= 2,
        None => is_posix(path) && !path.trim_matches('/').is_empty(),
    }
}

/// Joins a folder and a file's name, in the folder's own manner.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if is_posix(folder) {
        format!("{}/{name}", folder.trim_end_matches('/'))
    } else {
        format!("{}\\{name}", folder.trim_end_matches(['\\', '/']))
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    let separators: &[char] = if is_posix(path) { &['/'] } else { &['\\', '/'] };
    path.rsplit(separators).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::{file_name, is_share, join};

    #[rstest::rstest]
    #[case(r"\\files-b\mirror-seed", r"\\files-b\mirror-seed\mgc.bak")]
    #[case(r"\\files-b\mirror-seed\", r"\\files-b\mirror-seed\mgc.bak")]
    #[case(r"E:\", r"E:\mgc.bak")]
    #[case("E:/Db/", r"E:/Db\mgc.bak")]
    #[case("/var/opt/mssql/share", "/var/opt/mssql/share/mgc.bak")]
    #[case("/var/opt/mssql/share//", "/var/opt/mssql/share/mgc.bak")]
    #[case("/", "/mgc.bak")]
    #[case(r"/srv/odd\", r"/srv/odd\/mgc.bak")]
    fn a_file_is_put_into_its_folder_in_the_folders_own_manner(#[case] folder: &str, #[case] path: &str) {
        assert_eq!(join(folder, "mgc.bak"), path);
    }

    #[rstest::rstest]
    #[case(r"D:\Data\mgc.mdf", "mgc.mdf")]
    #[case(r"D:\Data/mgc.mdf", "mgc.mdf")]
    #[case(r"C:\var\opt\mssql\data\mgc.mdf", "mgc.mdf")]
    #[case("/var/opt/mssql/data/mgc.mdf", "mgc.mdf")]
    #[case(r"/var/opt/mssql/data/odd\mgc.mdf", r"odd\mgc.mdf")]
    #[case("mgc.mdf", "mgc.mdf")]
    fn a_files_name_is_the_last_part_of_its_path(#[case] path: &str, #[case] name: &str) {
        assert_eq!(file_name(path), name);
    }

    #[rstest::rstest]
    #[case(r"\\files-b\mirror-seed", true)]
    #[case(r"\\files-b\mirror-seed\deep\", true)]
    #[case("/var/opt/mssql/share", true)]
    #[case(r"\\files-b", false)]
    #[case(r"\\files-b\", false)]
    #[case(r"D:\seed", false)]
    #[case("seed", false)]
    #[case("//files-b/mirror-seed", false)]
    #[case("/", false)]
    #[case("", false)]
    fn a_share_is_a_unc_path_or_a_path_on_linux(#[case] path: &str, #[case] is_one: bool) {
        assert_eq!(is_share(path), is_one);
    }
}
