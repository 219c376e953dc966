//! Commands about the shell itself and about time.

use std::time::Duration;

use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::error::ErrorRecord;
use crate::language::members::format_date;
use crate::language::value::{CMDLET_INFO, Object, Value};
use crate::language::wildcard;
use crate::session::Session;

/// The longest `Start-Sleep`, as .NET limits it.
const LONGEST_SLEEP_SECONDS: f64 = 2_147_483.0;
/// The modules that hold the Lync cmdlets, 2013 and 2015.
const LYNC_MODULES: [&str; 2] = ["Lync", "SkypeForBusiness"];

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Get-Command",
        type_name: "Microsoft.PowerShell.Commands.GetCommandCommand",
        module: Module::PowerShell,
        aliases: &["gcm"],
        parameters: &[
            Parameter::new("Name", Kind::Texts).at(0),
            Parameter::new("Module", Kind::Texts),
            Parameter::new("CommandType", Kind::Texts).alias(&["Type"]),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(std::future::ready(get_command(session, call))),
    },
    Definition {
        name: "Start-Sleep",
        type_name: "Microsoft.PowerShell.Commands.StartSleepCommand",
        module: Module::PowerShell,
        aliases: &["sleep"],
        parameters: &[
            Parameter::new("Seconds", Kind::Any).sets(&["Seconds"]).at(0).mandatory(),
            Parameter::new("Milliseconds", Kind::Integer).sets(&["Milliseconds"]).mandatory(),
        ],
        default_set: "Seconds",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(start_sleep(session, call)),
    },
    Definition {
        name: "Get-Date",
        type_name: "Microsoft.PowerShell.Commands.GetDateCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[Parameter::new("Format", Kind::Text)],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(std::future::ready(get_date(session, call))),
    },
    Definition {
        name: "Import-Module",
        type_name: "Microsoft.PowerShell.Commands.ImportModuleCommand",
        module: Module::PowerShell,
        aliases: &["ipmo"],
        parameters: &[
            Parameter::new("Name", Kind::Texts).at(0).mandatory(),
            Parameter::new("Force", Kind::Switch),
            Parameter::new("DisableNameChecking", Kind::Switch),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(std::future::ready(import_module(session, call))),
    },
    Definition {
        name: "Get-Module",
        type_name: "Microsoft.PowerShell.Commands.GetModuleCommand",
        module: Module::PowerShell,
        aliases: &["gmo"],
        parameters: &[
            Parameter::new("Name", Kind::Texts).at(0),
            Parameter::new("ListAvailable", Kind::Switch),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(std::future::ready(Ok(get_module(session, call)))),
    },
    Definition {
        name: "Set-StrictMode",
        type_name: "Microsoft.PowerShell.Commands.SetStrictModeCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[
            Parameter::new("Version", Kind::Text).sets(&["Version"]).mandatory().at(0),
            Parameter::new("Off", Kind::Switch).sets(&["Off"]).mandatory(),
        ],
        default_set: "Version",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| {
            session.strict = call.set != "Off";
            Box::pin(std::future::ready(Ok(Vec::new())))
        },
    },
];

/// Whether the machine has a Lync module at all.
fn has_lync(session: &Session) -> bool {
    session.env.has_cmdlet("any cmdlet at all")
}

fn get_command(session: &mut Session, call: &mut Call) -> Outcome {
    let names = call.texts("Name");
    let modules = call.texts("Module");
    let mut found = Vec::new();
    let visible: Vec<&'static Definition> = super::all()
        .filter(|definition| {
            definition.module == Module::PowerShell || session.env.has_cmdlet(definition.name)
        })
        .collect();
    let in_module = |definition: &Definition| {
        let is_lync = definition.module != Module::PowerShell;
        modules.is_empty()
            || modules.iter().any(|module| {
                let is_lync_module = LYNC_MODULES.iter().any(|known| known.eq_ignore_ascii_case(module));
                is_lync_module == is_lync
            })
    };
    let patterns = if names.is_empty() { vec!["*".to_owned()] } else { names };
    for pattern in patterns {
        let matching: Vec<Value> = visible
            .iter()
            .filter(|definition| wildcard::matches(&pattern, definition.name, false) && in_module(definition))
            .map(|definition| command_info(definition))
            .collect();
        if matching.is_empty() && !pattern.contains(['*', '?', '[']) {
            let mut error = super::not_found(&pattern);
            error.origin = None;
            error.id = format!("CommandNotFoundException,{}", call.definition.type_name);
            session.write_error(call, error)?;
        }
        found.extend(matching);
    }
    Ok(found)
}

fn command_info(definition: &Definition) -> Value {
    let source =
        if definition.module == Module::PowerShell { "Microsoft.PowerShell.Core" } else { LYNC_MODULES[1] };
    Object::value(
        CMDLET_INFO,
        vec![
            ("CommandType", Value::from("Cmdlet")),
            ("Name", Value::from(definition.name)),
            ("Version", Value::from("7.0.0.0")),
            ("Source", Value::from(source)),
        ],
    )
}

async fn start_sleep(_session: &mut Session, call: &mut Call) -> Outcome {
    let duration = match call.number("Milliseconds") {
        Some(milliseconds) => Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)),
        None => {
            let seconds: f64 = call.text("Seconds").unwrap_or_default().trim().parse().unwrap_or(f64::NAN);
            if !(0.0..=LONGEST_SLEEP_SECONDS).contains(&seconds) {
                return Err(ErrorRecord::new(
                    "Cannot validate argument on parameter 'Seconds'. The argument is not in the range 0 to 2147483.",
                    "InvalidData",
                    "System.Management.Automation.ParameterBindingValidationException",
                    format!("ParameterArgumentValidationError,{}", call.definition.type_name),
                )
                .into());
            }
            Duration::from_millis((seconds * 1000.0).round() as u64)
        }
    };
    tokio::time::sleep(duration).await;
    Ok(Vec::new())
}

fn get_date(session: &mut Session, call: &mut Call) -> Outcome {
    let now = session.env.clock.utc_now();
    match call.text("Format") {
        Some(format) => Ok(vec![Value::from(format_date(now, &format)?)]),
        None => Ok(vec![Value::DateTime(now)]),
    }
}

fn import_module(session: &mut Session, call: &mut Call) -> Outcome {
    for name in call.texts("Name") {
        let known = LYNC_MODULES.iter().any(|module| module.eq_ignore_ascii_case(&name));
        if !(known && has_lync(session)) {
            let error = ErrorRecord::new(
                format!(
                    "The specified module '{name}' was not loaded because no valid module file was found in any module \
                     directory."
                ),
                "ResourceUnavailable",
                "System.IO.FileNotFoundException",
                format!("Modules_ModuleNotFound,{}", call.definition.type_name),
            )
            .with_target(&name, "String");
            session.write_error(call, error)?;
        }
    }
    Ok(Vec::new())
}

fn get_module(session: &Session, call: &Call) -> Vec<Value> {
    let names = call.texts("Name");
    let name = LYNC_MODULES[1];
    let wanted = names.is_empty() || names.iter().any(|pattern| wildcard::matches(pattern, name, false));
    if !(wanted && has_lync(session)) {
        return Vec::new();
    }
    vec![Object::value(
        "System.Management.Automation.PSModuleInfo",
        vec![
            ("ModuleType", Value::from("Binary")),
            ("Version", Value::from("7.0.0.0")),
            ("Name", Value::from(name)),
        ],
    )]
}
