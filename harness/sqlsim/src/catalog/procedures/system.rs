//! Extended procedures about files and the machine, and the procedures that are refused by name.

use super::sysadmin_only;
use crate::backup::{self, Inspection};
use crate::catalog::definition::Definition;
use crate::error::SqlResult;
use crate::exec::procedures::{DefaultValue, Home, Parameter, Procedure, ProcedureContext};
use crate::files::{join, trim_directory};
use crate::instance::PRODUCT_VERSION;
use crate::messages::{error, unsupported};
use crate::value::{DataType, Length, Row, Value};

const PATH: DataType = DataType::NVarChar(Length::Upto(4000));
const INT: DataType = DataType::Int;

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "xp_create_subdir",
        home: Home::Master,
        parameters: &[Parameter::required("@path", PATH)],
        body: |c| Box::pin(create_directory(c)),
    },
    Procedure {
        name: "xp_subdirs",
        home: Home::Master,
        parameters: &[Parameter::required("@path", PATH)],
        body: |c| Box::pin(directories(c)),
    },
    Procedure {
        name: "xp_delete_file",
        home: Home::Master,
        parameters: &[
            Parameter::required("@type", INT),
            Parameter::required("@folder", PATH),
            Parameter::optional("@extension", PATH, DefaultValue::Null),
            Parameter::optional("@before", DataType::DateTime, DefaultValue::Null),
            Parameter::optional("@subfolders", INT, DefaultValue::Int(0)),
        ],
        body: |c| Box::pin(delete_files(c)),
    },
    Procedure {
        name: "xp_msver",
        home: Home::Master,
        parameters: &[Parameter::optional("@name", DataType::NVarChar(Length::Upto(64)), DefaultValue::Null)],
        body: |c| Box::pin(async move { Ok(version(c)) }),
    },
    Procedure {
        name: "xp_logevent",
        home: Home::Master,
        parameters: &[
            Parameter::required("@number", INT),
            Parameter::required("@message", DataType::NVarChar(Length::Upto(2048))),
            Parameter::optional("@severity", DataType::VarChar(Length::Upto(20)), DefaultValue::Null),
        ],
        body: |c| Box::pin(async move { log_event(c) }),
    },
    Procedure {
        name: "xp_cmdshell",
        home: Home::Master,
        parameters: &[
            Parameter::required("@command", DataType::NVarChar(Length::Upto(4000))),
            Parameter::optional("@no_output", DataType::VarChar(Length::Upto(20)), DefaultValue::Null),
        ],
        body: |c| {
            Box::pin(async move { Err(error(15_281, 1, &[&"procedure", &format!("sys.{}", c.name())])) })
        },
    },
];

/// Procedures of the product that are not here: calling one says so by name (40510), not that it does not exist.
const REFUSED: &[&str] = &[
    "sp_add_alert",
    "sp_add_notification",
    "sp_add_operator",
    "sp_add_proxy",
    "sp_adddistributor",
    "sp_addextendedproc",
    "sp_addextendedproperty",
    "sp_addlinkedserver",
    "sp_addlinkedsrvlogin",
    "sp_addmessage",
    "sp_addpublication",
    "sp_addserver",
    "sp_addsubscription",
    "sp_addtype",
    "sp_addumpdevice",
    "sp_altermessage",
    "sp_approlepassword",
    "sp_attach_db",
    "sp_attach_single_file_db",
    "sp_autostats",
    "sp_bindrule",
    "sp_bindsession",
    "sp_cdc_disable_db",
    "sp_cdc_disable_table",
    "sp_cdc_enable_db",
    "sp_cdc_enable_table",
    "sp_certify_removable",
    "sp_clean_db_file_free_space",
    "sp_clean_db_free_space",
    "sp_control_plan_guide",
    "sp_create_plan_guide",
    "sp_create_removable",
    "sp_createstats",
    "sp_cycle_agent_errorlog",
    "sp_cycle_errorlog",
    "sp_db_vardecimal_storage_format",
    "sp_dbmmonitoraddmonitoring",
    "sp_dbmmonitorresults",
    "sp_dbmmonitorupdate",
    "sp_depends",
    "sp_describe_first_result_set",
    "sp_describe_undeclared_parameters",
    "sp_detach_db",
    "sp_dropdevice",
    "sp_dropextendedproperty",
    "sp_droplinkedsrvlogin",
    "sp_dropmessage",
    "sp_dropserver",
    "sp_estimate_data_compression_savings",
    "sp_execute_external_script",
    "sp_filestream_force_garbage_collection",
    "sp_fulltext_catalog",
    "sp_fulltext_database",
    "sp_fulltext_service",
    "sp_fulltext_table",
    "sp_get_query_template",
    "sp_getapplock",
    "sp_getbindtoken",
    "sp_grant_publication_access",
    "sp_help_fulltext_catalogs",
    "sp_helpdevice",
    "sp_helpdistributor",
    "sp_helpextendedproc",
    "sp_helplanguage",
    "sp_helplinkedsrvlogin",
    "sp_helpsort",
    "sp_helpstats",
    "sp_helptrigger",
    "sp_indexoption",
    "sp_invoke_diagnostics",
    "sp_invoke_external_rest_endpoint",
    "sp_linkedservers",
    "sp_marksystemobject",
    "sp_monitor",
    "sp_ms_marksystemobject",
    "sp_notify_operator",
    "sp_oacreate",
    "sp_oadestroy",
    "sp_OAGetErrorInfo",
    "sp_oagetproperty",
    "sp_oamethod",
    "sp_oasetproperty",
    "sp_OAStop",
    "sp_procoption",
    "sp_query_store_flush_db",
    "sp_query_store_force_plan",
    "sp_query_store_remove_plan",
    "sp_query_store_remove_query",
    "sp_query_store_unforce_plan",
    "sp_refreshsqlmodule",
    "sp_refreshview",
    "sp_releaseapplock",
    "sp_removedbreplication",
    "sp_replcmds",
    "sp_replflush",
    "sp_replicationdboption",
    "sp_replshowcmds",
    "sp_send_dbmail",
    "sp_sequence_get_range",
    "sp_server_diagnostics",
    "sp_serveroption",
    "sp_set_session_context",
    "sp_setapprole",
    "sp_settriggerorder",
    "sp_spaceused_filestream",
    "sp_syspolicy_purge_history",
    "sp_table_validation",
    "sp_tableoption",
    "sp_trace_create",
    "sp_trace_setevent",
    "sp_trace_setfilter",
    "sp_trace_setstatus",
    "sp_unbindrule",
    "sp_unsetapprole",
    "sp_updateextendedproperty",
    "sp_xml_preparedocument",
    "sp_xml_removedocument",
    "xp_availablemedia",
    "xp_enumerrorlogs",
    "xp_enumgroups",
    "xp_fixeddrives",
    "xp_get_mapi_profiles",
    "xp_grantlogin",
    "xp_instance_regdeletevalue",
    "xp_instance_regread",
    "xp_instance_regwrite",
    "xp_loginconfig",
    "xp_logininfo",
    "xp_regdeletekey",
    "xp_regread",
    "xp_regwrite",
    "xp_revokelogin",
    "xp_sendmail",
    "xp_servicecontrol",
    "xp_sprintf",
    "xp_sqlmaint",
    "xp_sscanf",
];

/// A procedure of the product that is not carried out here, spelt as the manual does.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    REFUSED.iter().copied().find(|known| known.eq_ignore_ascii_case(name))
}

async fn create_directory(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    sysadmin_only(c)?;
    let path = c.text("@path").unwrap_or_else(|| "".into());
    match c.instance.0.files.create_directory(trim_directory(&path)).await {
        Ok(()) => Ok(0),
        Err(why) => Err(error(
            22_048,
            1,
            &[&format!("xp_create_subdir() returned error {}, '{}'", why.code, why.text)],
        )),
    }
}

/// The directories right below one.
async fn directories(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    sysadmin_only(c)?;
    let path = c.text("@path").unwrap_or_else(|| "".into());
    match c.instance.0.files.list(trim_directory(&path)).await {
        Ok(entries) => {
            let found = entries.iter().filter(|entry| entry.is_directory);
            let rows: Vec<Row> = found.map(|entry| [Value::text(entry.name.as_str())].into()).collect();
            c.result_set(&Definition::parse("subdirectory nvarchar(512)").columns, &rows);
            Ok(0)
        }
        Err(why) => Err(error(
            22_048,
            1,
            &[&format!("xp_subdirs could not access '{path}': error {}, '{}'", why.code, why.text)],
        )),
    }
}

/// Deletes backup files (type 0) that are older than a moment. Other files are left alone, as the real one does.
async fn delete_files(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    sysadmin_only(c)?;
    if c.int("@type") != Some(0) {
        return Err(unsupported(&"xp_delete_file for maintenance plan reports"));
    }
    let files = c.instance.0.files.clone();
    let folder = c.text("@folder").unwrap_or_else(|| "".into());
    let folder = trim_directory(&folder);
    if files.size(folder).await.is_ok() {
        return if is_backup(c, folder).await { removed(c, folder).await } else { Ok(1) };
    }
    let extension =
        c.text("@extension").map_or_else(String::new, |e| e.trim_start_matches('.').to_lowercase());
    let before = crate::value::datetime::Moment::of(c.argument("@before"));
    let offset = c.instance.0.clock.utc_offset_minutes();
    let mut open = vec![(folder.to_owned(), c.int("@subfolders").unwrap_or(0) != 0)];
    while let Some((directory, goes_deeper)) = open.pop() {
        let Ok(entries) = files.list(&directory).await else {
            return Err(error(
                22_049,
                1,
                &[&format!("Error executing extended stored procedure: Invalid Parameter, {directory}")],
            ));
        };
        for entry in entries {
            let path = join(&directory, &entry.name);
            if entry.is_directory {
                // One level, as documented for the maintenance clean-up task.
                if goes_deeper {
                    open.push((path, false));
                }
                continue;
            }
            let written = crate::value::datetime::Moment::of_timestamp(entry.modified, offset);
            let fits = extension.is_empty() || entry.name.to_lowercase().ends_with(&format!(".{extension}"));
            let is_old = before.as_ref().is_none_or(|b| (written.days, written.time) < (b.days, b.time));
            if fits && is_old && is_backup(c, &path).await {
                removed(c, &path).await?;
            }
        }
    }
    Ok(0)
}

async fn is_backup(c: &ProcedureContext<'_>, path: &str) -> bool {
    backup::inspect(c.instance, Inspection::Label, path, None).await.is_ok()
}

async fn removed(c: &ProcedureContext<'_>, path: &str) -> SqlResult<i32> {
    match c.instance.0.files.remove(path).await {
        Ok(()) => Ok(0),
        Err(why) => {
            Err(error(22_048, 1, &[&format!("xp_delete_file() returned error {}, '{}'", why.code, why.text)]))
        }
    }
}

fn version(c: &mut ProcedureContext<'_>) -> i32 {
    let (major, minor, build, revision) = PRODUCT_VERSION;
    let number = (i64::from(major) << 16) | i64::from(minor);
    let lines: [(i64, &str, Option<i64>, String); 6] = [
        (1, "ProductName", None, "Microsoft SQL Server".to_owned()),
        (2, "ProductVersion", Some(number), format!("{major}.{minor}.{build}.{revision}")),
        (3, "Language", Some(1033), "English (United States)".to_owned()),
        (4, "Platform", None, "NT x64".to_owned()),
        (7, "FileDescription", None, "SQL Server Windows NT - 64 Bit".to_owned()),
        (16, "ProcessorCount", Some(2), "2".to_owned()),
    ];
    let asked = c.text("@name");
    let rows: Vec<Row> = lines
        .into_iter()
        .filter(|(_, name, ..)| asked.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(name)))
        .map(|(index, name, number, text)| {
            [Value::Int(index), Value::text(name), number.map_or(Value::Null, Value::Int), Value::text(text)]
                .into()
        })
        .collect();
    let columns = "Index smallint, Name nvarchar(64), Internal_Value int, Character_Value nvarchar(512)";
    c.result_set(&Definition::parse(columns).columns, &rows);
    0
}

fn log_event(c: &mut ProcedureContext<'_>) -> SqlResult<i32> {
    sysadmin_only(c)?;
    let number = c.int("@number").unwrap_or(0);
    if !(50_001..=1_073_741_823).contains(&number) {
        return Err(error(22_050, 1, &[&"Error executing extended stored procedure: Invalid Parameter"]));
    }
    let text = c.text("@message").unwrap_or_else(|| "".into());
    let severity = match c.text("@severity").map(|s| s.to_uppercase()).as_deref() {
        None | Some("INFORMATIONAL") => 10,
        Some("WARNING") => 10,
        Some("ERROR") => 16,
        Some(_) => {
            return Err(error(22_050, 1, &[&"Error executing extended stored procedure: Invalid Parameter"]));
        }
    };
    let source = format!("spid{}", c.session.id);
    c.instance.log_line(&source, &format!("Error: {number}, Severity: {severity}, State: 1"));
    c.instance.log_line(&source, &text);
    Ok(0)
}
