//! Paths as a SQL Server takes and shows them, on Windows and on Linux: the one place that knows
//! the difference. Pure text; nothing here looks at a file system.
//!
//! A path that begins with one `/` is a path on Linux: `/` alone separates, names differ by case. All
//! others follow the rules of Windows: `\` and `/` separate, case does not matter. SQL Server on Linux
//! shows its root as drive C in places, so `/var/opt/mssql/x` and `C:\var\opt\mssql\x` are one file.

/// Whether the rules of Linux hold for a path.
fn is_posix(path: &str) -> bool {
    // `//server/share` is a share that somebody wrote with the wrong slashes.
    path.starts_with('/') && !path.starts_with("//")
}

/// What separates the parts of a path.
fn separators(path: &str) -> &'static [char] {
    if is_posix(path) { &['/'] } else { &['\\', '/'] }
}

/// Joins a folder and a file's name, in the folder's own manner. A folder that does not say (`logs`)
/// gets a slash, which both systems take.
pub(crate) fn join(folder: &str, name: &str) -> String {
    let has_drive = folder.get(1..2) == Some(":");
    let slash = is_posix(folder) || !folder.contains('\\') && (folder.contains('/') || !has_drive);
    let separator = if slash { '/' } else { '\\' };
    format!("{}{separator}{name}", folder.trim_end_matches(separators(folder)))
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(separators(path)).next().unwrap_or(path)
}

/// A folder without the separators at its end; a root stays one.
pub(crate) fn without_end(folder: &str) -> &str {
    let cut = folder.trim_end_matches(separators(folder));
    if cut.is_empty() || cut.ends_with(':') { folder } else { cut }
}

/// Whether two names are one file in this folder.
pub(crate) fn is_same_name(folder: &str, a: &str, b: &str) -> bool {
    if is_posix(folder) { a == b } else { a.eq_ignore_ascii_case(b) }
}

/// A name in such a form that those of one file in this folder are equal.
pub(crate) fn name_key(folder: &str, name: &str) -> String {
    if is_posix(folder) { name.to_owned() } else { name.to_ascii_lowercase() }
}

/// What the path of everything inside a folder begins with, in each way a server shows it.
pub(crate) fn beginnings(folder: &str) -> Vec<String> {
    let plain = join(folder, "");
    let other = match plain.strip_prefix('/') {
        Some(rest) if is_posix(folder) => Some(format!("C:\\{}", rest.replace('/', "\\"))),
        _ => drive_c(&plain).map(|rest| format!("/{}", rest.replace('\\', "/"))),
    };
    [plain].into_iter().chain(other).collect()
}

/// What follows `C:\` in a path.
fn drive_c(path: &str) -> Option<&str> {
    path.strip_prefix(['C', 'c'])?.strip_prefix(':')?.strip_prefix(['\\', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::share(r"\\files-b\mgc-logs", r"\\files-b\mgc-logs\a.trn")]
    #[case::drive(r"D:\LogShipping\mgc\", r"D:\LogShipping\mgc\a.trn")]
    #[case::drive_with_slashes("D:/LogShipping", "D:/LogShipping/a.trn")]
    #[case::drive_alone(r"D:\", r"D:\a.trn")]
    #[case::drive_without_root("D:", r"D:\a.trn")]
    #[case::linux("/var/opt/mssql/share/mgc-logs", "/var/opt/mssql/share/mgc-logs/a.trn")]
    #[case::linux_with_an_end("/var/opt/mssql/share/", "/var/opt/mssql/share/a.trn")]
    #[case::root("/", "/a.trn")]
    #[case::a_backslash_in_a_name(r"/srv/a\b", r"/srv/a\b/a.trn")]
    #[case::a_backslash_at_the_end_of_a_name(r"/srv/a\", r"/srv/a\/a.trn")]
    #[case::share_with_slashes("//files-b/mgc-logs", "//files-b/mgc-logs/a.trn")]
    #[case::relative("logs", "logs/a.trn")]
    #[case::relative_here("data/logs", "data/logs/a.trn")]
    fn a_file_is_put_into_its_folder_in_the_folders_own_manner(#[case] folder: &str, #[case] path: &str) {
        assert_eq!(join(folder, "a.trn"), path);
    }

    #[rstest]
    #[case(r"\\files-b\mgc-logs\a.trn", "a.trn")]
    #[case(r"D:\LogShipping/a.trn", "a.trn")]
    #[case(r"C:\var\opt\mssql\share\a.trn", "a.trn")]
    #[case("/var/opt/mssql/share/a.trn", "a.trn")]
    #[case(r"/var/opt/mssql/share/odd\name.trn", r"odd\name.trn")]
    #[case("a.trn", "a.trn")]
    fn a_files_name_is_the_last_part_of_its_path(#[case] path: &str, #[case] name: &str) {
        assert_eq!(file_name(path), name);
    }

    #[rstest]
    #[case(r"\\files-b\mgc-logs\", r"\\files-b\mgc-logs")]
    #[case(r"D:\", r"D:\")]
    #[case("/var/opt/mssql/share//", "/var/opt/mssql/share")]
    #[case(r"/srv/a\", r"/srv/a\")]
    #[case("/", "/")]
    fn a_folder_loses_the_separators_at_its_end(#[case] folder: &str, #[case] cut: &str) {
        assert_eq!(without_end(folder), cut);
    }

    #[rstest]
    #[case(r"D:\LogShipping", true)]
    #[case(r"\\files-b\mgc-logs", true)]
    #[case("//files-b/mgc-logs", true)]
    #[case("/var/opt/mssql/share", false)]
    fn names_that_differ_by_case_are_one_file_on_windows_and_two_on_linux(
        #[case] folder: &str,
        #[case] one: bool,
    ) {
        assert_eq!(is_same_name(folder, "mgc_1.trn", "MGC_1.TRN"), one);
        assert_eq!(name_key(folder, "mgc_1.trn") == name_key(folder, "MGC_1.TRN"), one);
        assert!(is_same_name(folder, "mgc_1.trn", "mgc_1.trn"));
        assert!(!is_same_name(folder, "mgc_1.trn", "mgc_2.trn"));
    }

    #[rstest]
    #[case("/var/opt/mssql/seed", &["/var/opt/mssql/seed/", r"C:\var\opt\mssql\seed\"])]
    #[case(r"C:\var\opt\mssql\seed", &[r"C:\var\opt\mssql\seed\", "/var/opt/mssql/seed/"])]
    #[case("c:/seed/", &["c:/seed/", "/seed/"])]
    #[case(r"D:\seed", &[r"D:\seed\"])]
    #[case(r"\\files-b\mirror-seed", &[r"\\files-b\mirror-seed\"])]
    fn what_lies_in_a_folder_is_known_by_each_way_a_server_shows_it(
        #[case] folder: &str,
        #[case] all: &[&str],
    ) {
        assert_eq!(beginnings(folder), all);
    }
}
