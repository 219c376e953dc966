//! Binding: names, prefixes, sets, positions, types, and PowerShell's errors.

use super::{Machine, run};

/// The error's message and id, without the place.
async fn error(script: &str) -> String {
    let printed = run(script).await;
    let message = printed.lines().next().unwrap_or_default().to_owned();
    let id = printed.lines().find(|line| line.contains("FullyQualifiedErrorId")).unwrap_or_default().trim();
    format!("{message}\n{id}")
}

#[tokio::test]
async fn an_unknown_parameter_is_an_error_at_the_parameter() {
    insta::assert_snapshot!(run("Get-CsPool -Fqdn atl-cs-001.litwareinc.com").await, @r"
    Get-CsPool : A parameter cannot be found that matches parameter name 'Fqdn'.
    At line:1 char:12
    + Get-CsPool -Fqdn atl-cs-001.litwareinc.com
    +            ~~~~~
        + CategoryInfo          : InvalidArgument: (:) [Get-CsPool], ParameterBindingException
        + FullyQualifiedErrorId : NamedParameterNotFound,Microsoft.Rtc.Management.Xds.GetOcsPoolCmdlet
     
    exit 1
    ");
}

#[tokio::test]
async fn the_misspelt_switch_of_the_official_example_does_not_bind() {
    let script = "Install-CsMirrorDatabase -ConfiguredDatabases -FileShare \\\\a\\b -SqlServerFqdn x -DropExisitingDatabasesOnMirror";
    assert!(run(script).await.contains("parameter name 'DropExisitingDatabasesOnMirror'"));
}

#[tokio::test]
async fn an_ambiguous_prefix_names_what_it_may_mean() {
    insta::assert_snapshot!(error("Test-CsDatabase -Sql x").await, @r"
    Test-CsDatabase : Parameter cannot be processed because the parameter name 'Sql' is ambiguous. Possible matches include: -SqlServerFqdn -SqlInstanceName.
    + FullyQualifiedErrorId : AmbiguousParameter,Microsoft.Rtc.Management.Deployment.TestCsDatabaseCmdlet
    ");
}

#[rstest::rstest]
#[case("Set-CsPersistentChatState -Id service:atl-cs-001.litwareinc.com -Pool FailedOver")]
#[case("set-cspersistentchatstate service:atl-cs-001.litwareinc.com -PoolState:failedover")]
#[case(
    "Set-CsPersistentChatState \u{2013}PoolState FailedOver \u{2014}Identity \u{201C}service:atl-cs-001.litwareinc.com\u{201D}"
)]
#[case("$s = 'FailedOver'; Set-CsPersistentChatState -PoolState $s")]
#[case("$p = @{PoolState='FailedOver'}; Set-CsPersistentChatState @p")]
#[case("& 'Set-CsPersistentChatState' -PoolState Failed")]
#[case(
    "Get-CsPersistentChatState | ForEach-Object { $_.PoolState = 'FailedOver'; $_ } | Set-CsPersistentChatState"
)]
#[case("Set-CsPersistentChatState -Instance (Get-CsPersistentChatState) -PoolState 1")]
#[tokio::test]
async fn the_same_call_can_be_spelt_in_many_ways(#[case] script: &str) {
    let machine = Machine::new();
    assert_eq!(machine.run(script).await, "");
    assert_eq!(machine.settings().state.name(), "FailedOver");
}

#[tokio::test]
async fn an_enumeration_names_its_members() {
    insta::assert_snapshot!(error("Set-CsPersistentChatState -PoolState Failover").await, @r#"
    Set-CsPersistentChatState : Cannot bind parameter 'PoolState'. Cannot convert value "Failover" to type "Microsoft.Rtc.Management.WritableConfig.Settings.PersistentChat.PoolState". Error: "Unable to match the identifier name Failover to a valid enumerator name. Specify one of the following enumerator names and try again: Normal, FailedOver"
    + FullyQualifiedErrorId : CannotConvertArgumentNoMessage,Microsoft.Rtc.Management.PersistentChat.Cmdlets.SetPersistentChatStateCmdlet
    "#);
}

#[rstest::rstest]
#[case(
    "Install-CsMirrorDatabase -DatabaseType PersistentChat",
    "Cannot process command because of one or more missing mandatory parameters: FileShare SqlServerFqdn."
)]
#[case(
    "Get-CsPool -Identity",
    "Missing an argument for parameter 'Identity'. Specify a parameter of type 'System.String' and try again."
)]
#[case("Get-CsPool a b", "A positional parameter cannot be found that accepts argument 'b'.")]
#[case(
    "Get-CsPool -Identity a -Identity b",
    "Cannot bind parameter because parameter 'Identity' is specified more than once."
)]
#[case(
    "Get-CsPersistentChatState -Identity service:x -Filter *",
    "Parameter set cannot be resolved using the specified named parameters."
)]
#[case(
    "Get-CsService -PersistentChatServer -PersistentChatDatabase",
    "Parameter set cannot be resolved using the specified named parameters."
)]
#[case(
    "Set-CsPersistentChatActiveServer -ActiveServers $null -Swap",
    "Parameter set cannot be resolved using the specified named parameters."
)]
#[case(
    "Set-CsPersistentChatActiveServer",
    "Cannot process command because of one or more missing mandatory parameters: ActiveServers."
)]
#[case(
    "Get-CsDatabaseMirrorState -PoolFqdn ''",
    "Cannot bind argument to parameter 'PoolFqdn' because it is an empty string."
)]
#[case(
    "Get-CsDatabaseMirrorState -PoolFqdn $null",
    "Cannot bind argument to parameter 'PoolFqdn' because it is null."
)]
#[case(
    "Get-CsDatabaseMirrorState -PoolFqdn 'a b'",
    "Cannot bind parameter 'PoolFqdn'. Cannot convert value \"a b\""
)]
#[case(
    "Get-CsPool -Identity a,b",
    "Cannot convert 'System.Object[]' to the type 'System.String' required by parameter 'Identity'."
)]
#[case("'x' | Get-CsPool", "The input object cannot be bound to any parameters for the command")]
#[case(
    "Install-CsMirrorDatabase -ConfiguredDatabases -FileShare \\\\a\\b -SqlServerFqdn x -SqlInstanceName y",
    "Parameter set cannot be resolved"
)]
#[tokio::test]
async fn a_call_that_does_not_bind_gets_powershells_words(#[case] script: &str, #[case] words: &str) {
    let printed = run(script).await;
    assert!(printed.contains(words), "{printed}");
    assert!(printed.contains("ParameterBindingException"), "{printed}");
    assert!(printed.ends_with("exit 1\n"), "{printed}");
}

#[tokio::test]
async fn whatif_says_what_would_happen_and_changes_nothing() {
    let machine = Machine::new();
    let printed = machine.run("Set-CsPersistentChatState -PoolState FailedOver -WhatIf").await;
    insta::assert_snapshot!(printed, @r#"What if: Performing the operation "Set-CsPersistentChatState" on target "PersistentChatServer:atl-cs-001.litwareinc.com"."#);
    assert_eq!(machine.settings().state.name(), "Normal");
}

#[tokio::test]
async fn a_question_nobody_can_answer_is_an_error() {
    let machine = Machine::new();
    let printed = machine.run("Set-CsPersistentChatState -PoolState FailedOver -Confirm").await;
    assert!(
        printed.contains(
            "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available."
        ),
        "{printed}"
    );
    assert_eq!(machine.settings().state.name(), "Normal");
}

#[tokio::test]
async fn an_error_variable_and_an_out_variable_are_filled() {
    let script = "Get-CsPool nowhere.x -ErrorAction SilentlyContinue -ErrorVariable e | Out-Null; \"$e\"; \
                  Get-CsPool atl-cs-001.litwareinc.com -OutVariable o | Out-Null; $o.Fqdn";
    insta::assert_snapshot!(run(script).await, @r#"
    Cannot find "Pool" "nowhere.x" because it does not exist.
    atl-cs-001.litwareinc.com
    "#);
}
