//! Commands that write to a stream.

use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::error::ErrorRecord;
use crate::language::value::{ERROR_RECORD, EnumType, Value};
use crate::session::{Printed, Session};

const INPUT: Parameter = Parameter::new("InputObject", Kind::Anys).pipeline();
const MESSAGE: Parameter = Parameter::new("Message", Kind::Text).at(0).mandatory().pipeline();

/// The colours of a console.
static CONSOLE_COLOR: EnumType = EnumType {
    name: "System.ConsoleColor",
    members: &[
        "Black",
        "DarkBlue",
        "DarkGreen",
        "DarkCyan",
        "DarkRed",
        "DarkMagenta",
        "DarkYellow",
        "Gray",
        "DarkGray",
        "Blue",
        "Green",
        "Cyan",
        "Red",
        "Magenta",
        "Yellow",
        "White",
    ],
};

/// A command that writes one message, or what the pipeline brings.
const fn message_command(
    name: &'static str,
    type_name: &'static str,
    run: crate::binding::Run,
) -> Definition {
    Definition {
        name,
        type_name,
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[MESSAGE],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run,
    }
}

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Write-Output",
        type_name: "Microsoft.PowerShell.Commands.WriteOutputCommand",
        module: Module::PowerShell,
        aliases: &["echo", "write"],
        parameters: &[
            Parameter::new("InputObject", Kind::Anys).at(0).remaining().pipeline().mandatory().nullable(),
            Parameter::new("NoEnumerate", Kind::Switch),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |_, call| Box::pin(std::future::ready(Ok(call.items("InputObject")))),
    },
    Definition {
        name: "Write-Host",
        type_name: "Microsoft.PowerShell.Commands.WriteHostCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[
            Parameter::new("Object", Kind::Anys).at(0).remaining().pipeline().nullable(),
            Parameter::new("NoNewline", Kind::Switch),
            Parameter::new("Separator", Kind::Text),
            Parameter::new("ForegroundColor", Kind::Enum(&CONSOLE_COLOR)),
            Parameter::new("BackgroundColor", Kind::Enum(&CONSOLE_COLOR)),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(std::future::ready(write_host(session, call))),
    },
    Definition {
        name: "Write-Error",
        type_name: "Microsoft.PowerShell.Commands.WriteErrorCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[
            Parameter::new("Message", Kind::Any).at(0).mandatory().pipeline().alias(&[
                "Msg",
                "ErrorRecord",
                "Exception",
            ]),
            Parameter::new("ErrorId", Kind::Text),
        ],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(std::future::ready(write_error(session, call))),
    },
    message_command("Write-Warning", "Microsoft.PowerShell.Commands.WriteWarningCommand", |session, call| {
        for text in messages(call) {
            session.warn(&text);
        }
        Box::pin(std::future::ready(Ok(Vec::new())))
    }),
    message_command("Write-Verbose", "Microsoft.PowerShell.Commands.WriteVerboseCommand", |session, call| {
        for text in messages(call) {
            session.verbose(call, &text);
        }
        Box::pin(std::future::ready(Ok(Vec::new())))
    }),
    Definition {
        name: "Out-Null",
        type_name: "Microsoft.PowerShell.Commands.OutNullCommand",
        module: Module::PowerShell,
        aliases: &[],
        parameters: &[INPUT],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |_, _| Box::pin(std::future::ready(Ok(Vec::new()))),
    },
    Definition {
        name: "Out-Host",
        type_name: "Microsoft.PowerShell.Commands.OutHostCommand",
        module: Module::PowerShell,
        aliases: &["oh", "Out-Default"],
        parameters: &[INPUT],
        default_set: "",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| {
            let items = call.items("InputObject");
            session.printed.extend(items.into_iter().map(Printed::Object));
            Box::pin(std::future::ready(Ok(Vec::new())))
        },
    },
];

/// The message parameter's texts, from the argument or the pipeline.
fn messages(call: &mut Call) -> Vec<String> {
    call.items("Message").iter().map(Value::text).collect()
}

fn write_host(session: &mut Session, call: &mut Call) -> Outcome {
    let separator = call.text("Separator").unwrap_or_else(|| " ".to_owned());
    let items: Vec<String> = call
        .items("Object")
        .iter()
        .map(|item| item.clone().into_items().iter().map(Value::text).collect::<Vec<_>>().join(&separator))
        .collect();
    let text = items.join(&separator);
    if call.flag("NoNewline") {
        session.printed.push(Printed::Text(text));
    } else {
        session.print(text);
    }
    Ok(Vec::new())
}

fn write_error(session: &mut Session, call: &mut Call) -> Outcome {
    let id = call.text("ErrorId");
    for item in call.items("Message") {
        let is_record = item.type_name().as_ref() == ERROR_RECORD;
        let exception =
            if is_record { "System.Exception" } else { "Microsoft.PowerShell.Commands.WriteErrorException" };
        let id = id.clone().unwrap_or_else(|| "Microsoft.PowerShell.Commands.WriteErrorException".to_owned());
        let mut record = ErrorRecord::new(item.text(), "NotSpecified", exception, id);
        record.origin = Some(call.extent.text.to_string());
        session.write_error(call, record)?;
    }
    Ok(Vec::new())
}
