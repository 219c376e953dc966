//! Site files that are right, and site files that are refused with their line.

use super::*;
use rstest::rstest;

const EXAMPLE: &str = include_str!("../../tests/site.toml");

#[test]
fn the_example_says_what_is_where() {
    let site = Site::parse(EXAMPLE, "site.toml").unwrap();
    assert_eq!(site.pool, "atl-cs-001.litwareinc.com");
    assert_eq!(site.servers.backup.address.port, Some(1433));
    assert_eq!(site.log_shipping.copy_destination.here, r"\\sql-b1\LogShipping$\mgc");
    assert_eq!(site.wanted_active_servers().count(), 1);
    assert!(site.is_near_the_backup("b") && !site.is_near_the_backup("A"));
    assert_eq!(site.deadlines, Deadlines::default());
}

#[test]
fn a_declared_link_makes_the_other_side_near() {
    let text = EXAMPLE.replace("low_latency = []", "low_latency = [[\"A\", \"B\"]]");
    assert!(Site::parse(&text, "site.toml").unwrap().is_near_the_backup("A"));
}

#[rstest]
#[case(
    "pool = \"atl-cs-001.litwareinc.com\"",
    "pool = \"registrar:x\"",
    "site.toml:2: pool is not a pool's name; write its fully qualified name, such as atl-cs-001.litwareinc.com"
)]
#[case(
    "pool = \"atl-cs-001.litwareinc.com\"",
    "pool = 3",
    "site.toml:2: invalid type: integer `3`, expected a string"
)]
#[case(
    "sql-b1.litwareinc.com,1433",
    "sql-b1.litwareinc.com,x",
    "site.toml:15: `sql-b1.litwareinc.com,x` is not a server's address (the port is no number from 1 to 65535); write `host`, `host\\instance` or `host,port`"
)]
#[case(
    "{ env = \"PCHAT_SQL_PASSWORD\" }",
    "\"hunter2\"",
    "site.toml:17: a password is not written into the site file; say where it is: { env = \"NAME\" } or { file = \"PATH\" }"
)]
#[case(
    "kind = \"sql\"",
    "kind = \"kerberos\"",
    "site.toml:17: auth kind `kerberos` is not known; write windows or sql"
)]
#[case(
    "here = '\\\\files-b\\mgc-logs'",
    "there = 'x'",
    "site.toml:23: unknown field `there`, expected `server` or `here`"
)]
#[case(
    "low_latency = []",
    "low_latency = [[\"A\"]]",
    "site.toml:37: a low-latency link names two data centers: [\"A\", \"B\"]"
)]
#[case(
    "[links]",
    "[deadlines]\nconnect = \"soon\"\n[links]",
    "site.toml:36: `soon` is no duration; write 30s, 10m or 2h, at least a second and at most a week"
)]
#[case(
    "[links]",
    "[deadlines]\nlunch = \"1h\"\n[links]",
    "site.toml:36: deadline `lunch` is not known; there are connect, query, shell, mirror, job, connections, replication, restore"
)]
#[case(
    "[mirroring]\nfile_share = '\\\\files-b\\mirror-seed'",
    "",
    "site.toml:1: servers.backup_mirror needs [mirroring] file_share, by which Install-CsMirrorDatabase carries the database over"
)]
fn a_broken_site_file_is_refused_with_its_line(#[case] old: &str, #[case] new: &str, #[case] says: &str) {
    assert!(EXAMPLE.contains(old), "{old}");
    let error = Site::parse(&EXAMPLE.replacen(old, new, 1), "site.toml").unwrap_err();
    assert_eq!(error.to_string(), says);
}

#[test]
fn a_refusal_does_not_show_a_password() {
    let text = EXAMPLE.replace("{ env = \"PCHAT_SQL_PASSWORD\" }", "\"hunter2\"");
    assert!(!Site::parse(&text, "site.toml").unwrap_err().to_string().contains("hunter2"));
}
