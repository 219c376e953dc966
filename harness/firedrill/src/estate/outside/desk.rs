//! The operator's desk: the files and environment variables by which a failover
//! program finds the estate.

use super::{Program, real_folder};
use crate::estate::names::{DataCenter, Server};
use crate::estate::serving::{self, Encrypted, Shell};
use crate::estate::world::World;
use crate::estate::{paths, site_text};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The environment variables that a failover program finds, and what is in them.
pub(crate) const VARIABLES: [(&str, &str); 24] = [
    ("FIREDRILL_ACTION", "what the operator does: run, resume, or preflight (look, and change nothing)"),
    ("FIREDRILL_ACCEPT_DATA_LOSS", "1 when the operator accepts that data is lost, else 0"),
    ("FIREDRILL_SITE", "the site file, as pchat-failover reads it (TOML)"),
    ("FIREDRILL_JOURNAL", "a file that stays between two runs of one drill: absent before the first"),
    ("FIREDRILL_PRIMARY", "host,port of the primary (data center A)"),
    ("FIREDRILL_MIRROR", "host,port of the primary's mirror (data center A)"),
    ("FIREDRILL_BACKUP", "host,port of the backup (data center B)"),
    ("FIREDRILL_BACKUP_MIRROR", "host,port of the backup mirror (data center B)"),
    ("FIREDRILL_BACKUP_NAME", "the backup's own name, for cmdlets and mirroring"),
    ("FIREDRILL_BACKUP_MIRROR_NAME", "the backup mirror's own name"),
    ("FIREDRILL_USER", "the SQL login; its password is in PCHAT_SQL_PASSWORD"),
    ("FIREDRILL_PASSWORD_FILE", "a file with that password, for programs that want one"),
    ("FIREDRILL_DATABASE", "the chat database, as the site file names it: mgc"),
    ("FIREDRILL_POOL", "the pool's FQDN"),
    ("FIREDRILL_ACTIVE_SERVERS", "FQDNs of the servers that are to be active, separated by commas"),
    (
        "FIREDRILL_CHAT_SERVERS",
        "every chat server on a line of its own: FQDN, data center, time zone, with blanks between",
    ),
    (
        "FIREDRILL_ACTIVE_DATA_CENTERS",
        "data centers whose servers may be active once B serves the pool: \"B\", or \"B A\"",
    ),
    ("FIREDRILL_TIME_ZONE", "the time zone of the pool's next hop"),
    ("FIREDRILL_SHARE", "the backup share as a folder of this host"),
    ("FIREDRILL_SHARE_ON_SERVER", "the backup share as the backup names it, for RESTORE"),
    ("FIREDRILL_COPY_DESTINATION", "the copy destination as a folder of this host"),
    ("FIREDRILL_COPY_DESTINATION_ON_SERVER", "the copy destination as the backup names it, for RESTORE"),
    (
        "FIREDRILL_MIRROR_SHARE",
        "the share by which Install-CsMirrorDatabase carries the database to the mirror (-FileShare)",
    ),
    ("FIREDRILL_SHELL", "the management shell: a program that takes PowerShell's switches"),
];

/// Variables that are there too, and not for a failover program's own use.
const PASSWORD: &str = "PCHAT_SQL_PASSWORD";

/// Files and variables.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Environment variables that are the same for every run.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) site: PathBuf,
    /// What stands in the site file.
    pub(crate) site_text: String,
    pub(crate) journal: PathBuf,
}

impl Desk {
    /// Writes the files.
    pub(super) fn lay_out(
        world: &World,
        folder: &Path,
        addresses: &[(Server, SocketAddr)],
        gate: SocketAddr,
        program: &Program,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (site, journal) = (folder.join("site.toml"), folder.join("journal.jsonl"));
        let (store, password, shell) =
            (folder.join("lync-shell.toml"), folder.join("password"), folder.join("lync-shell"));
        std::fs::write(&store, serving::store_text(world, addresses, Encrypted::Nothing, Some(gate)))?;
        let secret = &world.file.contents.logins.password;
        write_private(&password, secret)?;
        if !world.setup.borrow().shell_missing {
            write_program(&shell, &shell_script(program, &store))?;
        }
        let shell = shell.display().to_string();
        let text = serving::site_text_here(
            world,
            addresses,
            Encrypted::Nothing,
            &Shell::at(&shell),
            site_text::SHORT_DEADLINES,
        );
        std::fs::write(&site, &text)?;
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, value: String| drop(variables.insert(name.to_owned(), value));
        set(PASSWORD, secret.clone());
        set("FIREDRILL_SITE", site.display().to_string());
        set("FIREDRILL_JOURNAL", journal.display().to_string());
        set("FIREDRILL_PASSWORD_FILE", password.display().to_string());
        set("FIREDRILL_SHELL", shell);
        for (server, address) in addresses {
            let key = format!("FIREDRILL_{}", server.key().to_ascii_uppercase());
            set(&key, format!("{},{}", address.ip(), address.port()));
            if server.data_center() == DataCenter::B {
                set(&format!("{key}_NAME"), world.server(*server).fqdn.clone());
            }
        }
        folders(world, &mut set);
        let contents = &world.file.contents;
        set("FIREDRILL_USER", contents.logins.failover.clone());
        let setup = world.setup.borrow();
        set("FIREDRILL_DATABASE", setup.site_database.clone().unwrap_or_else(|| world.database()));
        let spelled = setup.pool_spelled.clone();
        drop(setup);
        set("FIREDRILL_POOL", spelled.unwrap_or_else(|| contents.pool.clone()));
        set("FIREDRILL_ACTIVE_SERVERS", site_text::wanted_active(world).join(","));
        set("FIREDRILL_CHAT_SERVERS", site_text::chat_server_lines(world));
        set("FIREDRILL_ACTIVE_DATA_CENTERS", site_text::near_data_centers(world));
        set("FIREDRILL_TIME_ZONE", contents.next_hop.time_zone.clone());
        set("FIREDRILL_MIRROR_SHARE", site_text::mirror_share(world));
        Ok(Self { variables, site, site_text: text, journal })
    }
}

fn folders(world: &World, set: &mut impl FnMut(&str, String)) {
    let (share, copies) = (paths::logs(world), paths::copy_destination(world));
    let (share_here, copies_here) = site_text::folders_here(world);
    for (key, folder, here) in
        [("FIREDRILL_SHARE", share, share_here), ("FIREDRILL_COPY_DESTINATION", copies, copies_here)]
    {
        let here = real_folder(world, &here.machine, &here.path);
        set(key, here.map_or_else(String::new, |path| path.display().to_string()));
        let backup = &world.server(Server::Backup).machine;
        set(&format!("{key}_ON_SERVER"), world.folder_names.of(&folder, backup));
    }
}

/// Calls the shell with this estate's store; `"$@"` are PowerShell's switches.
fn shell_script(program: &Program, store: &Path) -> String {
    let (command, store) = (program.firedrill(), store.display().to_string());
    format!("#!/bin/sh\nexec {} lync-shell --store {} \"$@\"\n", quoted(command), quoted(&store))
}

/// A word that a POSIX shell leaves as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn write_program(path: &Path, text: &str) -> io::Result<()> {
    std::fs::write(path, text)?;
    set_mode(path, 0o755)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    std::fs::write(path, "")?;
    set_mode(path, 0o600)?;
    std::fs::write(path, text)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_a_quote_stays_one_word() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn no_variable_is_documented_twice() {
        let names: std::collections::BTreeSet<_> = VARIABLES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), VARIABLES.len());
    }
}
