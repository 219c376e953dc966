//! The site file that the failover program gets.

use super::names::{DataCenter, Server};
use super::paths;
use super::world::{World, fqdn};
use crate::arm::Folder;
use std::fmt::Write as _;

/// How the operator's machine reaches what the site file names.
pub(crate) struct Reach {
    /// Address of each SQL Server.
    pub(crate) servers: Vec<(Server, String)>,
    /// The backup share.
    pub(crate) share: String,
    /// The copy destination.
    pub(crate) copy_destination: String,
    /// How they are encrypted: `none`, `required` or `strict`.
    pub(crate) encryption: &'static str,
    /// The shell's command line.
    pub(crate) shell: Vec<String>,
    /// How long the failover program waits for what, where that is not its own choice.
    pub(crate) deadlines: &'static [(&'static str, &'static str)],
}

/// Where time is real and nothing takes the time that it takes at a site: nobody should wait ten minutes for a replica
/// that a drill holds back.
pub(crate) const SHORT_DEADLINES: &[(&str, &str)] =
    &[("connect", "5s"), ("connections", "20s"), ("mirror", "2m"), ("replication", "10s")];

impl Reach {
    /// As a simulated machine reaches them.
    pub(crate) fn simulated(world: &World) -> Self {
        let shares = &world.file.contents.shares;
        let backup = &world.server(Server::Backup).machine;
        let shell = ["lync-shell", "-NoProfile", "-NonInteractive", "-Command", "-"];
        Self {
            servers: Server::ALL.iter().map(|server| (*server, world.server(*server).fqdn.clone())).collect(),
            share: paths::share(world),
            copy_destination: format!(r"\\{backup}\{}", shares.copy_destination),
            encryption: "none",
            shell: shell.map(str::to_owned).to_vec(),
            deadlines: &[],
        }
    }
}

/// Writes the site file of a staged estate.
pub(crate) fn write(world: &World, reach: &Reach) -> String {
    let setup = world.setup.borrow();
    let contents = &world.file.contents;
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("pool = {}", quote(setup.pool_spelled.as_deref().unwrap_or(&contents.pool))));
    line(format!(
        "next_hop = {{ pool = {}, time_zone = {} }}",
        quote(&contents.next_hop.pool),
        quote(&contents.next_hop.time_zone)
    ));
    let database = setup.site_database.as_deref().unwrap_or(&contents.database);
    line(format!("[database]\nname = {}", quote(database)));
    for (server, address) in &reach.servers {
        line(format!("[servers.{}]", server.key()));
        line(format!("address = {}", quote(address)));
        let name = &world.server(*server).fqdn;
        if address.split(',').next() != Some(name) {
            line(format!("name = {}", quote(name)));
        }
        line(format!("data_center = \"{}\"", server.data_center()));
        line(format!(
            "auth = {{ kind = \"sql\", user = {}, password = {{ env = \"PCHAT_SQL_PASSWORD\" }} }}",
            quote(&contents.logins.failover)
        ));
        line(format!("encryption = \"{}\"", reach.encryption));
        if reach.encryption != "none" {
            line("trust_server_certificate = true".to_owned());
        }
    }
    let share = paths::share(world);
    let share_here =
        if setup.share_here_differs { format!("{}-old", reach.share) } else { reach.share.clone() };
    let copy_here = if setup.copy_destination_here_differs {
        format!("{}-old", reach.copy_destination.trim_end_matches('$'))
    } else {
        reach.copy_destination.clone()
    };
    line(format!(
        "[log_shipping]\nshare = {{ server = {}, here = {} }}\ncopy_destination = {{ server = {}, here = {} }}",
        quote(&share),
        quote(&share_here),
        quote(&paths::copy_destination_for_the_backup(world)),
        quote(&copy_here)
    ));
    line(format!("[mirroring]\nfile_share = {}", quote(&mirror_share(world))));
    drop(setup);
    chat_servers(world, &mut text);
    let shell: Vec<String> = reach.shell.iter().map(|word| quote(word)).collect();
    let _ = write!(text, "[shell]\ncommand = [{}]\n", shell.join(", "));
    if !reach.deadlines.is_empty() {
        text.push_str("[deadlines]\n");
        for (what, bound) in reach.deadlines {
            let _ = writeln!(text, "{what} = \"{bound}\"");
        }
    }
    text
}

/// FQDNs of the servers that are to be active after the failover.
pub(super) fn wanted_active(world: &World) -> Vec<String> {
    match &world.setup.borrow().active_after_failover {
        Some(names) => {
            names.iter().map(|name| fqdn(&world.file, name.split('.').next().unwrap_or(name))).collect()
        }
        None => world.chat.names_of(DataCenter::B).into_iter().take(4).collect(),
    }
}

/// The backup share and the copy destination as the operator takes them to be: another folder, if that was arranged.
pub(super) fn folders_here(world: &World) -> (Folder, Folder) {
    let setup = world.setup.borrow();
    let (share, copies) = (paths::logs(world), paths::copy_destination(world));
    (
        if setup.share_here_differs { paths::old(&share) } else { share },
        if setup.copy_destination_here_differs { paths::old(&copies) } else { copies },
    )
}

/// The share by which copies of the database are carried to a new mirror.
pub(super) fn mirror_share(world: &World) -> String {
    world.folder_names.shared(&paths::mirror_seed(world))
}

/// Every chat server on a line of its own, for programs that read no TOML: FQDN, data center, time zone.
pub(super) fn chat_server_lines(world: &World) -> String {
    let lines = places_of_chat_servers(world)
        .into_iter()
        .map(|(name, center, zone)| format!("{name} {center} {zone}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Data center B, and those to which its link is fast.
pub(super) fn near_data_centers(world: &World) -> String {
    let mut near = vec![DataCenter::B];
    for center in &world.setup.borrow().low_latency_to {
        if !near.contains(center) {
            near.push(*center);
        }
    }
    near.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// FQDN, data center and time zone of each chat server.
fn places_of_chat_servers(world: &World) -> Vec<(String, DataCenter, String)> {
    let zone_of_a = &world.file.contents.next_hop.time_zone;
    let setup = world.setup.borrow();
    let zone_of_b = setup.time_zone_of_b.as_ref().unwrap_or(zone_of_a);
    [(DataCenter::A, zone_of_a), (DataCenter::B, zone_of_b)]
        .into_iter()
        .flat_map(|(center, zone)| {
            world.chat.names_of(center).into_iter().map(move |name| (name, center, zone.clone()))
        })
        .collect()
}

fn chat_servers(world: &World, text: &mut String) {
    let wanted = wanted_active(world);
    for (name, center, zone) in places_of_chat_servers(world) {
        let active = wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(&name));
        let _ = write!(
            text,
            "[[chat_servers]]\nfqdn = {}\ndata_center = \"{center}\"\ntime_zone = {}\nactive_after_failover = {active}\n",
            quote(&name),
            quote(&zone),
        );
    }
    let setup = world.setup.borrow();
    let links: Vec<String> = setup
        .low_latency_to
        .iter()
        .map(|center| format!("[\"B\", \"{center}\"]"))
        .filter(|l| !l.contains("\"B\", \"B\""))
        .collect();
    let _ = write!(text, "[links]\nlow_latency = [{}]\n", links.join(", "));
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
