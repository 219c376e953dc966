//! The Lync cmdlets over a management store in memory.

use std::cell::RefCell;
use std::rc::Rc;

use async_trait::async_trait;

use super::{Machine, run};
use crate::observer::{CmdletObserver, CmdletPhase, Verdict};

/// The document's own command, with the en dash it prints.
const FROM_THE_DOCUMENT: &str =
    "Set-CsPersistentChatState -Identity \"service:atl-cs-001.litwareinc.com\" \u{2013}PoolState FailedOver";

#[tokio::test]
async fn the_documents_command_fails_the_pool_over() {
    let machine = Machine::new();
    assert_eq!(machine.run(FROM_THE_DOCUMENT).await, "");
    assert_eq!(machine.settings().state.name(), "FailedOver");
    insta::assert_snapshot!(machine.run("Get-CsPersistentChatState").await.trim(), @r"
    Identity                                       PoolState
    --------                                       ---------
    PersistentChatServer:atl-cs-001.litwareinc.com FailedOver
    ");
}

#[rstest::rstest]
#[case("service:atl-cs-001.litwareinc.com")]
#[case("PersistentChatServer:ATL-CS-001.litwareinc.com")]
#[case("service:PersistentChatServer:atl-cs-001.litwareinc.com")]
#[tokio::test]
async fn every_documented_spelling_of_the_pool_is_understood(#[case] identity: &str) {
    let machine = Machine::new();
    let printed =
        machine.run(&format!("Set-CsPersistentChatState -Identity '{identity}' -PoolState FailedOver")).await;
    assert_eq!(printed, "");
    assert_eq!(machine.settings().state.name(), "FailedOver");
}

#[rstest::rstest]
#[case(
    "service: atl-cs-001.litwareinc.com",
    "The part after the scope is not a fully qualified domain name."
)]
#[case("atl-cs-001.litwareinc.com", "The identity has no scope such as \"service:\".")]
#[case("service:", "The part after the scope is not a fully qualified domain name.")]
#[case(
    "service:other.litwareinc.com",
    "Cannot find \"PersistentChatState\" \"service:other.litwareinc.com\" because it does not exist."
)]
#[tokio::test]
async fn another_spelling_or_name_changes_nothing(#[case] identity: &str, #[case] words: &str) {
    let machine = Machine::new();
    let printed =
        machine.run(&format!("Set-CsPersistentChatState -Identity '{identity}' -PoolState FailedOver")).await;
    assert!(printed.contains(words), "{printed}");
    assert!(printed.ends_with("exit 1\n"), "{printed}");
    assert_eq!(machine.settings().state.name(), "Normal");
}

#[tokio::test]
async fn without_a_pool_state_the_pool_becomes_normal() {
    let machine = Machine::new();
    machine.run(FROM_THE_DOCUMENT).await;
    assert_eq!(
        machine.run("Set-CsPersistentChatState -Identity service:atl-cs-001.litwareinc.com").await,
        ""
    );
    assert_eq!(machine.settings().state.name(), "Normal");
}

#[tokio::test]
async fn a_program_can_look_at_the_pool_with_one_line_and_read_sections() {
    let script = r##"Write-Output '#cmdlets'; try { Get-Command -Name Get-CsService,Set-CsNothing -ErrorAction SilentlyContinue | ForEach-Object { Write-Output $_.Name } } catch { Write-Output "#error $($_.Exception.Message)" }; Write-Output '#service'; try { Get-CsService -PersistentChatServer -ErrorAction Stop | ForEach-Object { @{ Identity = "$($_.Identity)"; ActiveServers = @($_.ActiveServers | ForEach-Object { "$_" }); Mirror = "$($_.BackupMirrorPersistentChatDatabase)" } } | ConvertTo-Json -Depth 3 -Compress } catch { Write-Output "#error $($_.Exception.Message)" }"##;
    let machine = Machine::new();
    let output = machine.invoke(&["-NoProfile", "-NonInteractive", "-Command", "-"], script).await;
    insta::assert_snapshot!(output.stdout, @r##"
    #cmdlets
    Get-CsService
    #service
    {"Identity":"PersistentChatServer:atl-cs-001.litwareinc.com","ActiveServers":["chat-a1.litwareinc.com","chat-a2.litwareinc.com"],"Mirror":"PersistentChatDatabase:sql-b2.litwareinc.com"}
    "##);
    machine.contents.borrow_mut().unreachable = true;
    let output = machine.invoke(&["-Command", "-"], script).await;
    assert!(
        output.stdout.contains("#error Cannot connect to the Central Management Store on"),
        "{}",
        output.stdout
    );
    assert_eq!((output.exit_code, output.stderr.as_str()), (0, ""));
}

#[tokio::test]
async fn setting_the_state_it_has_makes_no_new_revision() {
    let machine = Machine::new();
    machine.run(FROM_THE_DOCUMENT).await;
    machine.run(FROM_THE_DOCUMENT).await;
    assert_eq!(machine.settings().revision, 2);
}

#[tokio::test]
async fn the_state_is_a_number_in_json_and_a_name_in_text() {
    let machine = Machine::new();
    machine.run(FROM_THE_DOCUMENT).await;
    let script = "Get-CsPersistentChatState | ConvertTo-Json -Compress; Get-CsPersistentChatState | ForEach-Object { \"$($_.PoolState)\" }";
    insta::assert_snapshot!(machine.run(script).await, @r#"
    {"Identity":"PersistentChatServer:atl-cs-001.litwareinc.com","PoolState":1}
    FailedOver
    "#);
}

#[tokio::test]
async fn the_local_store_shows_what_has_been_replicated_here() {
    let machine = Machine::new();
    machine.run(FROM_THE_DOCUMENT).await;
    let local = "(Get-CsPersistentChatState -LocalStore).PoolState";
    assert_eq!(machine.run(local).await, "");
    machine.contents.borrow_mut().delivered.insert("chat-b1.litwareinc.com".into(), (1, false));
    assert_eq!(machine.run(local).await, "Normal\n");
    machine.contents.borrow_mut().delivered.insert("chat-b1.litwareinc.com".into(), (2, false));
    assert_eq!(machine.run(local).await, "FailedOver\n");
}

#[rstest::rstest]
#[case("@{Add='chat-b1.litwareinc.com'}", "chat-a1 chat-a2 chat-b1")]
#[case("@{Remove='CHAT-A1.litwareinc.com'}", "chat-a2")]
#[case(
    "@{Add='chat-b1.litwareinc.com','chat-b2.litwareinc.com';Remove='chat-a1.litwareinc.com','chat-a2.litwareinc.com'}",
    "chat-b1 chat-b2"
)]
#[case("@{Replace='chat-b2.litwareinc.com'}", "chat-b2")]
#[case("'chat-b1.litwareinc.com','chat-b2.litwareinc.com'", "chat-b1 chat-b2")]
#[case("$Null", "")]
#[tokio::test]
async fn the_list_of_active_servers_can_be_changed_in_every_documented_form(
    #[case] form: &str,
    #[case] active: &str,
) {
    let machine = Machine::new();
    let printed = machine
        .run(&format!("Set-CsPersistentChatActiveServer -Identity global -ActiveServers {form}"))
        .await;
    assert_eq!(printed, "");
    let names: Vec<String> =
        machine.settings().active_servers.iter().map(|fqdn| fqdn.replace(".litwareinc.com", "")).collect();
    assert_eq!(names.join(" "), active);
}

#[tokio::test]
async fn swap_exchanges_active_and_inactive_servers() {
    let machine = Machine::new();
    assert_eq!(machine.run("Set-CsPersistentChatActiveServer -Swap").await, "");
    assert_eq!(machine.settings().active_servers.len(), 3);
    assert!(machine.settings().active_servers.iter().all(|fqdn| fqdn.starts_with("chat-b")));
}

#[rstest::rstest]
#[case("@{Add='sql-b1.litwareinc.com'}", "is not a Persistent Chat server of pool")]
#[case("@{Put='chat-b1.litwareinc.com'}", "The hash table must hold Add, Remove or both, or only Replace.")]
#[case(
    "@{Add='chat-b1.litwareinc.com';Replace='chat-b2.litwareinc.com'}",
    "The hash table must hold Add, Remove or both"
)]
#[tokio::test]
async fn a_list_that_cannot_be_is_refused(#[case] form: &str, #[case] words: &str) {
    let machine = Machine::new();
    let printed = machine.run(&format!("Set-CsPersistentChatActiveServer -ActiveServers {form}")).await;
    assert!(printed.contains(words), "{printed}");
    assert_eq!(machine.settings().revision, 1);
}

#[tokio::test]
async fn a_fifth_active_server_gets_a_warning() {
    let script = "Set-CsPersistentChatActiveServer -ActiveServers @{Add='chat-b1.litwareinc.com','chat-b2.litwareinc.com','chat-b3.litwareinc.com'}";
    insta::assert_snapshot!(run(script).await, @"WARNING: The pool now has 5 active servers. At most 4 are supported.");
}

#[tokio::test]
async fn the_chat_service_lists_its_servers_and_databases() {
    insta::assert_snapshot!(run("Get-CsService -PersistentChatServer").await.trim(), @r"
    Identity                                     : PersistentChatServer:atl-cs-001.litwareinc.com
    Registrar                                    : Registrar:atl-pool.litwareinc.com
    FileStore                                    : FileStore:files-a
    MtlsPort                                     : 5041
    DisplayName                                  : atl-cs-001.litwareinc.com
    ActiveServers                                : {chat-a1.litwareinc.com, chat-a2.litwareinc.com}
    InactiveServers                              : {chat-b1.litwareinc.com, chat-b2.litwareinc.com, chat-b3.litwareinc.com}
    PersistentChatDatabase                       : PersistentChatDatabase:sql-a1.litwareinc.com\RTC
    MirrorPersistentChatDatabase                 : PersistentChatDatabase:sql-a2.litwareinc.com
    BackupPersistentChatDatabase                 : PersistentChatDatabase:sql-b1.litwareinc.com
    BackupMirrorPersistentChatDatabase           : PersistentChatDatabase:sql-b2.litwareinc.com
    PersistentChatComplianceDatabase             : PersistentChatComplianceDatabase:sql-a1.litwareinc.com\RTC
    MirrorPersistentChatComplianceDatabase       : PersistentChatComplianceDatabase:sql-a2.litwareinc.com
    BackupPersistentChatComplianceDatabase       : PersistentChatComplianceDatabase:sql-b1.litwareinc.com
    BackupMirrorPersistentChatComplianceDatabase : PersistentChatComplianceDatabase:sql-b2.litwareinc.com
    DependentServiceList                         : {}
    ServiceId                                    : 1-PersistentChatService-1
    SiteId                                       : Site:Atlanta
    PoolFqdn                                     : atl-cs-001.litwareinc.com
    Version                                      : 7
    Role                                         : PersistentChatServer
    ");
}

#[rstest::rstest]
#[case("(Get-CsService -PersistentChatDatabase | Measure-Object).Count", "4")]
#[case("(Get-CsService -PersistentChatDatabase)[0].SqlInstanceName", "RTC")]
#[case(
    "(Get-CsService -PersistentChatServer -PoolFqdn atl-cs-001.litwareinc.com).Identity.Split(':')[1]",
    "atl-cs-001.litwareinc.com"
)]
#[case("@(Get-CsService -PersistentChatServer -PoolFqdn other.litwareinc.com).Count", "0")]
#[case("(Get-CsService -Filter 'PersistentChatServer:*').Role", "PersistentChatServer")]
#[case(
    "(Get-CsService 'service:PersistentChatServer:atl-cs-001.litwareinc.com').Role",
    "PersistentChatServer"
)]
#[case("(Get-CsPool | Measure-Object).Count", "6")]
#[case("(Get-CsPool atl-cs-001.litwareinc.com).Computers.Count", "5")]
#[case("(Get-CsPool -Site Atlanta | Select-Object -First 1).Fqdn", "atl-cs-001.litwareinc.com")]
#[tokio::test]
async fn the_topology_can_be_asked(#[case] script: &str, #[case] printed: &str) {
    assert_eq!(run(script).await, format!("{printed}\n"));
}

#[tokio::test]
async fn replication_is_asked_for_and_reported() {
    let machine = Machine::new();
    let deliver = |revision| {
        let mut contents = machine.contents.borrow_mut();
        for fqdn in contents.topology.replicas() {
            contents.delivered.insert(fqdn, (revision, false));
        }
    };
    deliver(1);
    let behind =
        "(Get-CsManagementStoreReplicationStatus | Where-Object { -not $_.UpToDate } | Measure-Object).Count";
    assert_eq!(machine.run(behind).await, "0\n");
    machine.run(FROM_THE_DOCUMENT).await;
    assert_eq!(machine.run(behind).await, "6\n");
    deliver(2);
    machine.run("Invoke-CsManagementStoreReplication -ReplicaFqdn chat-b1.litwareinc.com").await;
    assert_eq!(machine.run(behind).await, "1\n");
    insta::assert_snapshot!(machine.run("Get-CsManagementStoreReplicationStatus chat-b1.litwareinc.com").await.trim(), @r"
    UpToDate           : False
    ReplicaFqdn        : chat-b1.litwareinc.com
    LastStatusReport   : 3/1/2026 10:00:00 AM
    LastUpdateCreation : 3/1/2026 10:00:00 AM
    ProductVersion     : 5.0.8308.0
    ");
    let master = "(Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus).ActiveMasterFqdn";
    assert_eq!(machine.run(master).await, "sql-a1.litwareinc.com\n");
}

#[tokio::test]
async fn a_management_store_out_of_reach_is_an_error_that_says_so() {
    let machine = Machine::new();
    machine.contents.borrow_mut().unreachable = true;
    let printed = machine.run(FROM_THE_DOCUMENT).await;
    assert!(
        printed.starts_with(
            "Set-CsPersistentChatState : Cannot connect to the Central Management Store on \"sql-a1;xds\"."
        ),
        "{printed}"
    );
    assert!(printed.ends_with("exit 1\n"), "{printed}");
}

#[tokio::test]
async fn a_cmdlet_missing_on_the_machine_is_not_found() {
    let mut machine = Machine::new();
    machine.env.missing_cmdlets.insert("install-csmirrordatabase".into());
    let script = "@(Get-Command Install-CsMirrorDatabase,Get-CsPool -ErrorAction SilentlyContinue).Count; Install-CsMirrorDatabase";
    let printed = machine.run(script).await;
    assert!(printed.starts_with("1\nInstall-CsMirrorDatabase : The term"), "{printed}");
    machine.env.missing_cmdlets.insert("*".into());
    assert!(
        machine
            .run("Import-Module Lync")
            .await
            .contains("was not loaded because no valid module file was found")
    );
    assert!(machine.run("Get-CsPool").await.contains("is not recognized as the name of a cmdlet"));
}

/// Fails one cmdlet and writes down what it sees.
#[derive(Default)]
struct Watcher {
    fail: Option<&'static str>,
    seen: RefCell<Vec<String>>,
}

#[async_trait(?Send)]
impl CmdletObserver for Watcher {
    async fn cmdlet(&self, name: &str, phase: CmdletPhase) -> Verdict {
        let failing = self.fail == Some(name) && phase == CmdletPhase::Started;
        self.seen.borrow_mut().push(format!("{name} {phase:?}"));
        if failing { Verdict::FailWith("the drill says no".into()) } else { Verdict::Proceed }
    }
}

#[tokio::test]
async fn an_observer_sees_cmdlets_and_can_fail_them() {
    let mut machine = Machine::new();
    let watcher = Rc::new(Watcher { fail: Some("Set-CsPersistentChatState"), ..Watcher::default() });
    machine.env.observer = Some(Rc::clone(&watcher) as Rc<dyn CmdletObserver>);
    let printed = machine.run(&format!("{FROM_THE_DOCUMENT}; Get-CsPool nowhere; 'x' | Out-Null")).await;
    assert!(printed.starts_with("Set-CsPersistentChatState : the drill says no"), "{printed}");
    assert_eq!(machine.settings().state.name(), "Normal");
    insta::assert_snapshot!(watcher.seen.borrow().join("\n"), @r#"
    Set-CsPersistentChatState Started
    Set-CsPersistentChatState Finished { error: Some("the drill says no") }
    Get-CsPool Started
    Get-CsPool Finished { error: Some("Cannot find \"Pool\" \"nowhere\" because it does not exist.") }
    "#);
}

#[tokio::test]
async fn whatif_passes_no_observer() {
    let mut machine = Machine::new();
    let watcher = Rc::new(Watcher::default());
    machine.env.observer = Some(Rc::clone(&watcher) as Rc<dyn CmdletObserver>);
    machine.run("Set-CsPersistentChatState -PoolState FailedOver -WhatIf").await;
    assert!(watcher.seen.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn cmdlets_cost_the_time_they_are_given() {
    use std::time::Duration;
    let mut machine = Machine::new();
    machine.env.costs.shell_start = Duration::from_secs(8);
    machine.env.costs.writing_cmdlet = Duration::from_secs(3);
    let started = tokio::time::Instant::now();
    machine.run(FROM_THE_DOCUMENT).await;
    machine.run("Start-Sleep 20; Start-Sleep -Milliseconds 500").await;
    assert_eq!(started.elapsed(), Duration::from_millis(8_000 + 3_000 + 8_000 + 20_500));
}
