//! The shell's commands: PowerShell's own in this module, Lync's in
//! [`crate::cmdlets`]. One table of definitions, one way to run them.

mod filter;
mod format;
mod json;
mod measure;
mod output;
mod system;

pub(crate) use format::render;

use crate::binding::{Call, Definition, Module, Outcome};
use crate::cmdlets;
use crate::environment::ShellEnvironment;
use crate::language::error::ErrorRecord;
use crate::observer::{CmdletPhase, Verdict};
use crate::session::{Flow, Session};

/// Every command there is.
pub(crate) fn all() -> impl Iterator<Item = &'static Definition> {
    let own = [
        filter::DEFINITIONS,
        format::DEFINITIONS,
        json::DEFINITIONS,
        measure::DEFINITIONS,
        output::DEFINITIONS,
    ];
    own.into_iter().flatten().chain(system::DEFINITIONS).chain(cmdlets::all())
}

/// Commands of Windows PowerShell that people use and this shell has not got.
/// Calling them is a gap here, not a mistake of theirs, and the error says so.
const NOT_MODELLED: &[&str] = &[
    "Add-Content",
    "Add-Member",
    "Add-Type",
    "Clear-Host",
    "Compare-Object",
    "ConvertFrom-Csv",
    "ConvertTo-Csv",
    "ConvertTo-Html",
    "Copy-Item",
    "Enter-PSSession",
    "Export-Csv",
    "Format-Custom",
    "Format-Wide",
    "Get-ChildItem",
    "Get-Content",
    "Get-Credential",
    "Get-Help",
    "Get-Item",
    "Get-Job",
    "Get-Location",
    "Get-Member",
    "Get-Process",
    "Get-Random",
    "Get-Service",
    "Get-WmiObject",
    "Import-Csv",
    "Invoke-Command",
    "Invoke-Expression",
    "Invoke-Sqlcmd",
    "Invoke-WebRequest",
    "Join-Path",
    "Move-Item",
    "New-Item",
    "New-Object",
    "New-PSSession",
    "Out-File",
    "Read-Host",
    "Remove-Item",
    "Restart-Service",
    "Select-String",
    "Set-Content",
    "Set-Location",
    "Split-Path",
    "Start-Job",
    "Start-Process",
    "Start-Service",
    "Stop-Service",
    "Tee-Object",
    "Test-Connection",
    "Test-Path",
    "Wait-Job",
    "Write-Progress",
];

/// Lync's cmdlets that exist in the real module and not here.
const LYNC_NOT_MODELLED: &[&str] = &[
    "Invoke-CsDatabaseFailover",
    "Invoke-CsManagementServerFailover",
    "Invoke-CsPoolFailOver",
    "Invoke-CsPoolFailBack",
    "Start-CsWindowsService",
    "Stop-CsWindowsService",
    "Get-CsWindowsService",
    "Export-CsPersistentChatData",
    "Import-CsPersistentChatData",
    "Install-CsDatabase",
    "Get-CsTopology",
    "Get-CsAdminRole",
    "Set-CsPersistentChatComplianceConfiguration",
    "Enable-CsTopology",
    "Publish-CsTopology",
];

/// The command a name stands for.
///
/// # Errors
/// PowerShell's `CommandNotFoundException`, or that this shell does not model it.
pub(crate) fn find(env: &ShellEnvironment, name: &str) -> Result<&'static Definition, ErrorRecord> {
    let found = all().find(|definition| {
        definition.name.eq_ignore_ascii_case(name)
            || definition.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    });
    if let Some(definition) = found
        && (definition.module == Module::PowerShell || env.has_cmdlet(definition.name))
    {
        return Ok(definition);
    }
    let known = |list: &[&'static str]| list.iter().copied().find(|known| known.eq_ignore_ascii_case(name));
    if let Some(known) = known(NOT_MODELLED) {
        return Err(ErrorRecord::not_modelled(&format!("the command {known}")));
    }
    if let Some(known) = known(LYNC_NOT_MODELLED)
        && env.has_cmdlet(known)
    {
        return Err(ErrorRecord::not_modelled(&format!("the cmdlet {known}")));
    }
    if found.is_none() && (name.contains(['\\', '/']) || name.to_ascii_lowercase().ends_with(".exe")) {
        return Err(ErrorRecord::not_modelled(&format!("running programs and script files: {name}")));
    }
    Err(not_found(name))
}

/// PowerShell's error for an unknown command.
pub(crate) fn not_found(name: &str) -> ErrorRecord {
    ErrorRecord::new(
        format!(
            "The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program. \
             Check the spelling of the name, or if a path was included, verify that the path is correct and try again."
        ),
        "ObjectNotFound",
        "System.Management.Automation.CommandNotFoundException",
        "CommandNotFoundException",
    )
    .with_target(name, "String")
    .with_origin(name)
}

/// Runs a bound command. A Lync cmdlet passes its observer first, and pays its cost.
pub(crate) async fn run(session: &mut Session, call: &mut Call) -> Outcome {
    if call.definition.module == Module::PowerShell {
        return (call.definition.run)(session, call).await;
    }
    let observer = session.env.observer.clone().filter(|_| call.what_if != Some(true));
    let name = call.definition.name;
    if let Some(observer) = &observer
        && let Verdict::FailWith(message) = observer.cmdlet(name, CmdletPhase::Started).await
    {
        let error = failed_by_observer(call, &message);
        observer.cmdlet(name, CmdletPhase::Finished { error: Some(message) }).await;
        return Err(error.into());
    }
    session.spend(cost(session, call)).await;
    let errors = session.errors.len();
    let outcome = (call.definition.run)(session, call).await;
    if outcome.is_err() {
        session.close_store();
    }
    if let Some(observer) = &observer {
        let error = match &outcome {
            Err(Flow::Error(record, _)) => Some(record.message.clone()),
            _ if call.failed => session.errors.get(errors).map(crate::language::value::Value::text),
            _ => None,
        };
        let verdict = observer.cmdlet(name, CmdletPhase::Finished { error }).await;
        if let (Verdict::FailWith(message), Ok(_)) = (verdict, &outcome) {
            return Err(failed_by_observer(call, &message).into());
        }
    }
    outcome
}

/// The error of a cmdlet that its observer lets fail.
fn failed_by_observer(call: &Call, message: &str) -> ErrorRecord {
    ErrorRecord::new(
        message,
        "InvalidOperation",
        "Microsoft.Rtc.Management.Deployment.DeploymentException",
        format!("CmdletFailed,{}", call.definition.type_name),
    )
}

fn cost(session: &Session, call: &Call) -> std::time::Duration {
    let costs = session.env.costs;
    match call.definition.module {
        Module::PowerShell => std::time::Duration::ZERO,
        Module::LyncReading => costs.reading_cmdlet,
        Module::LyncWriting => costs.writing_cmdlet,
        Module::LyncDeploying => costs.deploying_cmdlet,
    }
}
