//! Functions about the session: its client, its transaction, its errors and what it did last.

use super::{Function, INT, NAME, Out, Returns, TEXT, Takes, Types, VARIANT, some_int, some_text, text_of};
use crate::exec::environment::Environment;
use crate::value::{DataType, Value};

use Takes::Text;

/// Functions by name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "HOST_NAME", takes: &[], optional: 0, returns: NAME, body: host_name },
    Function { name: "APP_NAME", takes: &[], optional: 0, returns: NAME, body: app_name },
    Function {
        name: "CONNECTIONPROPERTY",
        takes: &[Text],
        optional: 0,
        returns: VARIANT,
        body: connectionproperty,
    },
    Function {
        name: "NEWID",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::UniqueIdentifier),
        body: newid,
    },
    Function {
        name: "NEWSEQUENTIALID",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::UniqueIdentifier),
        body: newid,
    },
    Function {
        name: "SCOPE_IDENTITY",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::Decimal { precision: 38, scale: 0 }),
        body: scope_identity,
    },
    Function { name: "ERROR_NUMBER", takes: &[], optional: 0, returns: INT, body: error_number },
    Function {
        name: "ERROR_MESSAGE",
        takes: &[],
        optional: 0,
        returns: Returns::Type(TEXT),
        body: error_message,
    },
    Function { name: "ERROR_SEVERITY", takes: &[], optional: 0, returns: INT, body: error_severity },
    Function { name: "ERROR_STATE", takes: &[], optional: 0, returns: INT, body: error_state },
    Function { name: "ERROR_LINE", takes: &[], optional: 0, returns: INT, body: error_line },
    Function { name: "ERROR_PROCEDURE", takes: &[], optional: 0, returns: NAME, body: error_procedure },
    Function {
        name: "XACT_STATE",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::SmallInt),
        body: xact_state,
    },
    Function {
        name: "ROWCOUNT_BIG",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::BigInt),
        body: rowcount_big,
    },
    Function {
        name: "CURSOR_STATUS",
        takes: &[Text, Text],
        optional: 0,
        returns: Returns::Type(DataType::SmallInt),
        body: cursor_status,
    },
    Function {
        name: "CONTEXT_INFO",
        takes: &[],
        optional: 0,
        returns: Returns::Type(DataType::VarBinary(crate::value::Length::Upto(128))),
        body: context_info,
    },
    Function {
        name: "SESSIONPROPERTY",
        takes: &[Text],
        optional: 0,
        returns: VARIANT,
        body: sessionproperty,
    },
];

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn context_info(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(env.session.state.borrow().context_info.clone().map_or(Value::Null, Value::Binary))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn host_name(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::text(env.session.host_name.as_str()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn app_name(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::text(env.session.program_name.as_str()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn connectionproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    Ok(match text_of(a.first()).unwrap_or("").to_ascii_lowercase().as_str() {
        "net_transport" | "physical_net_transport" => Value::text("TCP"),
        "protocol_type" => Value::text("TSQL"),
        "auth_scheme" => Value::text("SQL"),
        "local_tcp_port" => Value::Int(env.instance.0.config.tds_port.into()),
        _ => Value::Null,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn newid(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::Guid(env.instance.new_guid()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn scope_identity(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(env.state().identity.clone().unwrap_or(Value::Null))
}

fn caught<T>(env: &Environment<'_>, read: impl FnOnce(&crate::SqlError) -> T) -> Option<T> {
    env.state().caught.last().map(read)
}

fn error_number(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.number.into()))
}

fn error_message(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_text(caught(env, |error| error.message.clone()))
}

fn error_severity(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.severity.into()))
}

fn error_state(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.state.into()))
}

fn error_line(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_int(caught(env, |error| error.line.into()))
}

fn error_procedure(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    some_text(caught(env, |error| error.procedure.clone()).filter(|name| !name.is_empty()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn xact_state(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::Int(match &env.state().transaction {
        None => 0,
        Some(open) if open.doomed => -1,
        Some(_) => 1,
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn rowcount_big(env: &Environment<'_>, _: &[Value], _: Types<'_>) -> Out {
    Ok(Value::Int(env.state().row_count))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn cursor_status(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let (Some(scope), Some(name)) = (text_of(a.first()), text_of(a.get(1))) else {
        return Ok(Value::Int(-3));
    };
    Ok(Value::Int(crate::exec::cursors::status(env, scope, name)))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn sessionproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let state = env.state();
    let on = match text_of(a.first()).unwrap_or("").to_ascii_uppercase().as_str() {
        "QUOTED_IDENTIFIER" => state.settings.quoted_identifier,
        "ARITHABORT" => state.settings.arith_abort,
        "ANSI_WARNINGS" => state.settings.ansi_warnings,
        "ANSI_NULLS" | "ANSI_PADDING" | "CONCAT_NULL_YIELDS_NULL" => true,
        "NUMERIC_ROUNDABORT" => false,
        _ => return Ok(Value::Null),
    };
    Ok(Value::Int(i64::from(on)))
}
