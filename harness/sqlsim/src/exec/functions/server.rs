//! Properties of the server and its databases.

use super::{Function, INT, Out, Takes, Types, VARIANT, text_of};
use crate::engine::{Database, DatabaseState, RecoveryModel, UserAccess};
use crate::exec::environment::Environment;
use crate::instance::PRODUCT_VERSION;
use crate::value::Value;

use Takes::Text;

/// `@@VERSION`.
pub(super) fn version_text(env: &Environment<'_>) -> String {
    let config = &env.instance.0.config;
    let (major, minor, build, revision) = PRODUCT_VERSION;
    let platform = if config.is_on_linux() { " on Linux" } else { "" };
    let edition = config.product.edition.name();
    format!(
        "Microsoft SQL Server 2014 (simulated by firedrill) - {major}.{minor}.{build}.{revision} (X64)\n\t\
         {edition}{platform}\n"
    )
}

/// Functions by name.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "SERVERPROPERTY", takes: &[Text], optional: 0, returns: VARIANT, body: serverproperty },
    Function {
        name: "DATABASEPROPERTYEX",
        takes: &[Text, Text],
        optional: 0,
        returns: VARIANT,
        body: databasepropertyex,
    },
    Function {
        name: "DATABASEPROPERTY",
        takes: &[Text, Text],
        optional: 0,
        returns: INT,
        body: databaseproperty,
    },
];

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn serverproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let config = &env.instance.0.config;
    let (machine, instance) = config.server_name.split_once('\\').unwrap_or((&config.server_name, ""));
    let (major, minor, build, revision) = PRODUCT_VERSION;
    let name = text_of(a.first()).unwrap_or("").to_ascii_lowercase();
    Ok(match name.as_str() {
        "productversion" => Value::text(format!("{major}.{minor}.{build}.{revision}")),
        "productlevel" => Value::text("SP3"),
        "productmajorversion" => Value::text(major.to_string()),
        "productminorversion" => Value::text(minor.to_string()),
        "productbuild" => Value::text(build.to_string()),
        "edition" => Value::text(config.product.edition.name()),
        "engineedition" => Value::Int(config.product.edition.engine()),
        "servername" => Value::text(config.server_name.as_str()),
        "machinename" | "computernamephysicalnetbios" => Value::text(machine),
        "instancename" if instance.is_empty() => Value::Null,
        "instancename" => Value::text(instance),
        "collation" => Value::text("SQL_Latin1_General_CP1_CI_AS"),
        "isclustered"
        | "ishadrenabled"
        | "issingleuser"
        | "isintegratedsecurityonly"
        | "isfulltextinstalled"
        | "islocaldb"
        | "isxtpsupported"
        | "filestreamconfiguredlevel"
        | "filestreameffectivelevel" => Value::Int(0),
        "processid" => Value::Int(1432),
        "lcid" => Value::Int(1033),
        "sqlcharsetname" => Value::text("iso_1"),
        "sqlsortordername" => Value::text("nocase_iso"),
        "licensetype" => Value::text("DISABLED"),
        "instancedefaultdatapath" | "instancedefaultlogpath" => {
            Value::text(crate::files::join(&config.data_directory, ""))
        }
        "instancedefaultbackuppath" => Value::text(config.backup_directory.as_str()),
        _ => Value::Null,
    })
}

fn state_name(database: &Database) -> &'static str {
    match database.state {
        DatabaseState::Online => "ONLINE",
        DatabaseState::Offline => "OFFLINE",
        DatabaseState::Restoring => "RESTORING",
        DatabaseState::Recovering => "RECOVERING",
        DatabaseState::Suspect | DatabaseState::RecoveryPending => "SUSPECT",
        DatabaseState::Emergency => "EMERGENCY",
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn databasepropertyex(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let engine = env.instance.0.engine.borrow();
    let Some(database) = text_of(a.first()).and_then(|name| engine.database_by_name(name)) else {
        return Ok(Value::Null);
    };
    let flag = |on: bool| Value::Int(i64::from(on));
    Ok(match text_of(a.get(1)).unwrap_or("").to_ascii_lowercase().as_str() {
        "status" => Value::text(state_name(database)),
        "collation" if database.is_open() => Value::Text(database.collation.clone()),
        "isinstandby" => flag(database.in_standby()),
        "updateability" => Value::text(if database.is_read_only || database.in_standby() {
            "READ_ONLY"
        } else {
            "READ_WRITE"
        }),
        "useraccess" => Value::text(match database.user_access {
            UserAccess::Multi => "MULTI_USER",
            UserAccess::Single => "SINGLE_USER",
            UserAccess::Restricted => "RESTRICTED_USER",
        }),
        "recovery" => Value::text(match database.recovery_model {
            RecoveryModel::Full => "FULL",
            RecoveryModel::BulkLogged => "BULK_LOGGED",
            RecoveryModel::Simple => "SIMPLE",
        }),
        "isautoclose" => flag(database.options.auto_close),
        "isautoshrink" => flag(database.options.auto_shrink),
        "isautocreatestatistics" | "isautoupdatestatistics" => flag(true),
        "isfulltextenabled" | "ispublished" | "issubscribed" | "ismergepublished" => flag(false),
        "version" if database.is_open() => Value::Int(782),
        "sqlsortorder" if database.is_open() => Value::Int(52),
        "comparisonstyle" if database.is_open() => Value::Int(196_609),
        "lcid" if database.is_open() => Value::Int(1033),
        _ => Value::Null,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all functions")]
fn databaseproperty(env: &Environment<'_>, a: &[Value], _: Types<'_>) -> Out {
    let engine = env.instance.0.engine.borrow();
    let Some(database) = text_of(a.first()).and_then(|name| engine.database_by_name(name)) else {
        return Ok(Value::Null);
    };
    let flag = |on: bool| Value::Int(i64::from(on));
    Ok(match text_of(a.get(1)).unwrap_or("").to_ascii_lowercase().as_str() {
        "isinstandby" => flag(database.in_standby()),
        "isinload" | "isinrecovery" => flag(database.state == DatabaseState::Restoring),
        "isoffline" => flag(database.state == DatabaseState::Offline),
        "isreadonly" => flag(database.is_read_only || database.in_standby()),
        "issuspect" => flag(database.state == DatabaseState::Suspect),
        "issingleuser" => flag(database.user_access == UserAccess::Single),
        _ => Value::Null,
    })
}
