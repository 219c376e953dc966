//! The scripts for the management shell. Each is one line: a shell that reads standard input takes a line
//! break for the end.

use crate::quote::{argument, argument_list};

/// The cmdlets that the procedure needs.
pub(super) const CMDLETS: [&str; 7] = [
    "Get-CsService",
    "Get-CsPersistentChatState",
    "Set-CsPersistentChatState",
    "Install-CsMirrorDatabase",
    "Set-CsPersistentChatActiveServer",
    "Invoke-CsManagementStoreReplication",
    "Get-CsManagementStoreReplicationStatus",
];

/// The script that looks at the pool.
pub(crate) fn look_script() -> String {
    let section = |name: &str, command: &str| {
        format!(
            "Write-Output '#{name}'; try {{ {command} }} catch {{ Write-Output \"#error $($_.Exception.Message)\" }}"
        )
    };
    let service = "Get-CsService -PersistentChatServer -ErrorAction Stop | ForEach-Object { @{ Identity = \"$($_.Identity)\"; \
        PoolFqdn = \"$($_.PoolFqdn)\"; ActiveServers = @($_.ActiveServers | ForEach-Object { \"$_\" }); \
        BackupMirror = \"$($_.BackupMirrorPersistentChatDatabase)\" } } | ConvertTo-Json -Depth 3 -Compress";
    let state = "Get-CsPersistentChatState -ErrorAction Stop | ForEach-Object { @{ Identity = \"$($_.Identity)\"; \
        PoolState = \"$($_.PoolState)\" } } | ConvertTo-Json -Compress";
    let replicas = "Get-CsManagementStoreReplicationStatus -ErrorAction Stop | ForEach-Object { @{ \
        ReplicaFqdn = \"$($_.ReplicaFqdn)\"; UpToDate = \"$($_.UpToDate)\" } } | ConvertTo-Json -Compress";
    let cmdlets = format!(
        "Get-Command -Name {} -ErrorAction SilentlyContinue | ForEach-Object {{ Write-Output $_.Name }}",
        CMDLETS.join(",")
    );
    [
        section("cmdlets", &cmdlets),
        section("service", service),
        section("state", state),
        section("replicas", replicas),
    ]
    .join("; ")
}

/// A script that does one thing and says whether it was done.
pub(super) fn doing(command: &str) -> String {
    format!(
        "try {{ {command} -ErrorAction Stop; Write-Output '#done' }} catch {{ Write-Output \"#error $($_.Exception.Message)\" }}"
    )
}

/// Step 5's command.
pub(crate) fn set_state_command(identity: &str) -> String {
    format!(
        "Set-CsPersistentChatState -Identity {} -PoolState FailedOver -Confirm:$false",
        argument(identity)
    )
}

/// Step 6's command.
pub(crate) fn install_mirror_command(site: &crate::site::Site, drop_old_copy: bool) -> String {
    let address = site.servers.backup.in_topology();
    let mut command = format!(
        "Install-CsMirrorDatabase -DatabaseType PersistentChat -SqlServerFqdn {}",
        argument(&address.host)
    );
    if let Some(instance) = &address.instance {
        command.push_str(&format!(" -SqlInstanceName {}", argument(instance)));
    }
    if let Some(share) = &site.mirror_file_share {
        command.push_str(&format!(" -FileShare {}", argument(share)));
    }
    if drop_old_copy {
        command.push_str(" -DropExistingDatabasesOnMirror");
    }
    command.push_str(" -Confirm:$false");
    command
}

/// Step 7's command; none if nothing has to change.
pub(crate) fn set_active_command(identity: &str, current: &[String], wanted: &[&str]) -> Option<String> {
    let has = |list: &[&str], name: &str| list.iter().any(|other| other.eq_ignore_ascii_case(name));
    let current: Vec<&str> = current.iter().map(String::as_str).collect();
    let remove: Vec<&str> = current.iter().filter(|name| !has(wanted, name)).copied().collect();
    let add: Vec<&str> = wanted.iter().filter(|name| !has(&current, name)).copied().collect();
    let mut changes = Vec::new();
    if !remove.is_empty() {
        changes.push(format!("Remove={}", argument_list(remove)));
    }
    if !add.is_empty() {
        changes.push(format!("Add={}", argument_list(add)));
    }
    (!changes.is_empty()).then(|| {
        format!(
            "Set-CsPersistentChatActiveServer -Identity {} -ActiveServers @{{{}}} -Confirm:$false",
            argument(identity),
            changes.join(";")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_installed_by_the_name_in_the_topology_where_the_address_is_another() {
        let mut site = crate::fakes::site();
        site.servers.backup.name =
            Some(crate::address::ServerAddress::parse("sql-b1.litwareinc.com\\RTC").expect("an address"));
        let command = install_mirror_command(&site, false);
        assert!(
            command.contains("-SqlServerFqdn 'sql-b1.litwareinc.com' -SqlInstanceName 'RTC'"),
            "{command}"
        );
    }

    #[test]
    fn the_script_is_one_line() {
        assert!(!look_script().contains('\n'));
    }

    #[test]
    fn active_servers_are_removed_and_added_in_one_command() {
        let current = ["a1".to_owned(), "B1".to_owned()];
        let command = set_active_command("PersistentChatServer:p", &current, &["b1", "b2"]).unwrap();
        insta::assert_snapshot!(command, @"Set-CsPersistentChatActiveServer -Identity 'PersistentChatServer:p' -ActiveServers @{Remove='a1';Add='b2'} -Confirm:$false");
        assert_eq!(set_active_command("p", &current, &["b1", "a1"]), None);
    }

    #[test]
    fn the_mirror_is_installed_from_the_instance_that_the_site_names() {
        insta::assert_snapshot!(install_mirror_command(&crate::fakes::site(), true), @r"Install-CsMirrorDatabase -DatabaseType PersistentChat -SqlServerFqdn 'sql-b1.litwareinc.com' -FileShare '\\files-b\mirror-seed' -DropExistingDatabasesOnMirror -Confirm:$false");
    }
}
