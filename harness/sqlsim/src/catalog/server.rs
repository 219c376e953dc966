//! Views of the server itself: machine, settings, messages; and INFORMATION_SCHEMA.

use super::rows::{Rows, datetime};
use super::types::shape;
use super::{View, ViewContext};
use crate::engine::{Content, IndexKind, ModuleKind};
use crate::value::{DataType, Length, Value};

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "configurations", columns: CONFIGURATIONS, fill: configurations },
    View { schema: "sys", name: "messages", columns: MESSAGES, fill: messages },
    View { schema: "sys", name: "servers", columns: SERVERS, fill: servers },
    View { schema: "sys", name: "dm_os_sys_info", columns: SYS_INFO, fill: sys_info },
    View { schema: "sys", name: "dm_os_windows_info", columns: WINDOWS_INFO, fill: windows_info },
    View { schema: "sys", name: "dm_os_host_info", columns: HOST_INFO, fill: host_info },
    View { schema: "sys", name: "dm_server_services", columns: SERVICES, fill: services },
    View { schema: "INFORMATION_SCHEMA", name: "TABLES", columns: IS_TABLES, fill: is_tables },
    View { schema: "INFORMATION_SCHEMA", name: "COLUMNS", columns: IS_COLUMNS, fill: is_columns },
    View { schema: "INFORMATION_SCHEMA", name: "SCHEMATA", columns: IS_SCHEMATA, fill: is_schemata },
    View { schema: "INFORMATION_SCHEMA", name: "ROUTINES", columns: IS_ROUTINES, fill: is_routines },
    View {
        schema: "INFORMATION_SCHEMA",
        name: "TABLE_CONSTRAINTS",
        columns: IS_TABLE_CONSTRAINTS,
        fill: is_table_constraints,
    },
    View {
        schema: "INFORMATION_SCHEMA",
        name: "KEY_COLUMN_USAGE",
        columns: IS_KEY_COLUMN_USAGE,
        fill: is_key_column_usage,
    },
];

const CONFIGURATIONS: &str = "configuration_id int not null, name nvarchar(35) not null, value sql_variant, \
    minimum sql_variant, maximum sql_variant, value_in_use sql_variant, \
    description nvarchar(255) not null, is_dynamic bit not null = 1, is_advanced bit not null";

/// A server setting: id, name, value of a new server, smallest and largest value, whether it is an advanced one.
pub(crate) type Setting = (i32, &'static str, i64, i64, i64, bool);

/// The settings.
pub(crate) const SETTINGS: &[Setting] = &[
    (101, "recovery interval (min)", 0, 0, 32_767, true),
    (102, "allow updates", 0, 0, 1, false),
    (103, "user connections", 0, 0, 32_767, true),
    (109, "fill factor (%)", 0, 0, 100, true),
    (115, "nested triggers", 1, 0, 1, false),
    (117, "remote access", 1, 0, 1, false),
    (503, "max worker threads", 0, 128, 65_535, true),
    (518, "show advanced options", 0, 0, 1, false),
    (1519, "remote login timeout (s)", 10, 0, 2_147_483_647, false),
    (1520, "remote query timeout (s)", 600, 0, 2_147_483_647, false),
    (1535, "affinity mask", 0, -2_147_483_648, 2_147_483_647, true),
    (1538, "cost threshold for parallelism", 5, 0, 32_767, true),
    (1539, "max degree of parallelism", 0, 0, 32_767, true),
    (1541, "query wait (s)", -1, -1, 2_147_483_647, true),
    (1543, "min server memory (MB)", 0, 0, 2_147_483_647, true),
    (1544, "max server memory (MB)", 2_147_483_647, 128, 2_147_483_647, true),
    (1562, "clr enabled", 0, 0, 1, false),
    (1568, "default trace enabled", 1, 0, 1, true),
    (1576, "remote admin connections", 0, 0, 1, false),
    (1579, "backup compression default", 0, 0, 1, false),
    (1581, "optimize for ad hoc workloads", 0, 0, 1, true),
    (16_384, "Agent XPs", 1, 0, 1, true),
    (16_386, "Database Mail XPs", 0, 0, 1, true),
    (16_388, "Ole Automation Procedures", 0, 0, 1, true),
    (16_390, "xp_cmdshell", 0, 0, 1, true),
    (16_391, "Ad Hoc Distributed Queries", 0, 0, 1, true),
    (16_393, "contained database authentication", 0, 0, 1, false),
];

/// Settings that would change what the server does in a way that it does not model: their value stays.
pub(crate) const FIXED_SETTINGS: &[i32] =
    &[103, 115, 117, 1541, 1562, 16_384, 16_386, 16_388, 16_390, 16_391, 16_393];

fn configurations(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for (id, name, initial, minimum, maximum, is_advanced) in SETTINGS {
        let (value, in_use) = context.engine.settings.get(id).copied().unwrap_or((*initial, *initial));
        rows.add(|row| {
            row.set("configuration_id", *id)
                .set("name", *name)
                .set("value", value)
                .set("minimum", *minimum)
                .set("maximum", *maximum)
                .set("value_in_use", in_use)
                .set("description", *name)
                .set("is_advanced", *is_advanced);
        });
    }
}

const MESSAGES: &str = "message_id int not null, language_id smallint not null = 1033, severity tinyint, \
    is_event_logged bit not null = 0, text nvarchar(2048) not null";

fn messages(_: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for message in crate::messages::MESSAGES {
        rows.add(|row| {
            row.set("message_id", message.number)
                .set("severity", message.severity)
                .set("text", message.template);
        });
    }
}

const SERVERS: &str = "server_id int not null, name sysname, product sysname = 'SQL Server', \
    provider sysname = SQLNCLI, data_source nvarchar(4000), location nvarchar(4000), \
    provider_string nvarchar(4000), catalog sysname null, connect_timeout int = 0, query_timeout int = 0, \
    is_linked bit not null = 0, is_remote_login_enabled bit not null = 1, is_rpc_out_enabled bit not null = 1, \
    is_data_access_enabled bit not null = 0, modify_date datetime not null";

fn servers(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    let name = context.instance.0.config.server_name.as_str();
    let created = context.engine.logins.get(&1).map_or(jiff::Timestamp::UNIX_EPOCH, |sa| sa.created);
    rows.add(|row| {
        row.set("server_id", 0)
            .set("name", name)
            .set("data_source", name)
            .set("modify_date", datetime(created, offset));
    });
}

const SYS_INFO: &str = "cpu_ticks bigint not null = 0, ms_ticks bigint not null, cpu_count int not null = 4, \
    hyperthread_ratio int not null = 4, physical_memory_kb bigint not null = 16777216, \
    virtual_memory_kb bigint not null = 137438953344, committed_kb bigint not null = 262144, \
    committed_target_kb bigint not null = 8388608, visible_target_kb bigint not null = 8388608, \
    stack_size_in_bytes int not null = 2093056, os_quantum bigint not null = 4, os_error_mode int not null = 5, \
    os_priority_class int = 32, max_workers_count int not null = 512, scheduler_count int not null = 4, \
    scheduler_total_count int not null = 11, deadlock_monitor_serial_number int not null = 0, \
    sqlserver_start_time_ms_ticks bigint not null = 0, sqlserver_start_time datetime not null, \
    affinity_type int not null = 2, affinity_type_desc varchar(60) not null = AUTO, \
    process_kernel_time_ms bigint not null = 0, process_user_time_ms bigint not null = 0, \
    time_source int not null = 0, time_source_desc nvarchar(60) not null = QUERY_PERFORMANCE_COUNTER, \
    virtual_machine_type int not null = 0, virtual_machine_type_desc nvarchar(60) not null = NONE";

fn sys_info(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let clock = &context.instance.0.clock;
    let ticks = i64::try_from(clock.elapsed().as_millis()).unwrap_or(i64::MAX);
    let started = context.engine.logins.get(&1).map_or(jiff::Timestamp::UNIX_EPOCH, |sa| sa.created);
    rows.add(|row| {
        row.set("ms_ticks", ticks).set("sqlserver_start_time", datetime(started, clock.utc_offset_minutes()));
        if let Some(limit) = context.instance.0.config.product.memory_limit_mb {
            let limit_kb = i64::from(limit) * 1024;
            row.set("committed_target_kb", limit_kb).set("visible_target_kb", limit_kb);
        }
    });
}

const WINDOWS_INFO: &str = "windows_release nvarchar(256) not null = 6.3, \
    windows_service_pack_level nvarchar(256) not null = '', windows_sku int = 7, \
    os_language_version int not null = 1033";

fn windows_info(_: &ViewContext<'_>, rows: &mut Rows<'_>) {
    rows.add(|_| {});
}

const HOST_INFO: &str = "host_platform nvarchar(256) not null = Windows, \
    host_distribution nvarchar(256) not null = 'Windows Server 2012 R2 Standard', \
    host_release nvarchar(256) not null = 6.3, host_service_pack_level nvarchar(256) not null = '', \
    host_sku int = 7, os_language_version int not null = 1033";

fn host_info(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let is_on_linux = context.instance.0.config.is_on_linux();
    rows.add(|row| {
        if is_on_linux {
            row.set("host_platform", "Linux").set("host_distribution", "none").set("host_release", "");
            row.set("host_sku", Value::Null);
        }
    });
}

const SERVICES: &str = "servicename nvarchar(256) not null, startup_type int = 2, \
    startup_type_desc nvarchar(256) not null = Automatic, status int, status_desc nvarchar(256) not null, \
    process_id int, last_startup_time datetimeoffset, service_account nvarchar(256) not null, \
    filename nvarchar(256) not null = '', is_clustered nvarchar(1) not null = N, cluster_nodename nvarchar(256)";

fn services(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let config = &context.instance.0.config;
    let (_, name) = config.server_name.split_once('\\').unwrap_or(("", "MSSQLSERVER"));
    let services = [("SQL Server", true), ("SQL Server Agent", config.agent_enabled)];
    for (service, is_running) in services {
        rows.add(|row| {
            row.set("servicename", format!("{service} ({name})"))
                .set("status", if is_running { 4 } else { 1 })
                .set("status_desc", if is_running { "Running" } else { "Stopped" })
                .set("service_account", "NT AUTHORITY\\NETWORK SERVICE");
        });
    }
}

const IS_TABLES: &str =
    "TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME sysname, TABLE_TYPE varchar(10)";

/// The name and content of the database whose views are asked for.
fn database<'a>(context: &ViewContext<'a>) -> Option<(&'a std::rc::Rc<str>, &'a Content)> {
    context.engine.database(context.database_id).map(|database| (&database.name, &database.content))
}

fn is_tables(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some((catalog, content)) = database(context) else { return };
    let tables = content.tables().map(|t| (&t.def.schema, &t.def.name, "BASE TABLE"));
    let views = content.modules().filter(|m| m.kind == ModuleKind::View);
    for (schema, name, kind) in tables.chain(views.map(|m| (&m.schema, &m.name, "VIEW"))) {
        rows.add(|row| {
            row.set("TABLE_CATALOG", catalog)
                .set("TABLE_SCHEMA", schema)
                .set("TABLE_NAME", name)
                .set("TABLE_TYPE", kind);
        });
    }
}

const IS_COLUMNS: &str = "TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME sysname, \
    COLUMN_NAME nvarchar(128), ORDINAL_POSITION int, COLUMN_DEFAULT nvarchar(4000), IS_NULLABLE varchar(3), \
    DATA_TYPE nvarchar(128), CHARACTER_MAXIMUM_LENGTH int, CHARACTER_OCTET_LENGTH int, \
    NUMERIC_PRECISION tinyint, NUMERIC_PRECISION_RADIX smallint, NUMERIC_SCALE int, \
    DATETIME_PRECISION smallint, CHARACTER_SET_CATALOG sysname null, CHARACTER_SET_SCHEMA sysname null, \
    CHARACTER_SET_NAME sysname null, COLLATION_CATALOG sysname null, COLLATION_SCHEMA sysname null, \
    COLLATION_NAME sysname null, DOMAIN_CATALOG sysname null, DOMAIN_SCHEMA sysname null, \
    DOMAIN_NAME sysname null";

fn is_columns(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some((catalog, content)) = database(context) else { return };
    for table in content.tables() {
        for (position, column) in (1_i32..).zip(&table.def.columns) {
            let data_type = column.meta.data_type;
            let shape = shape(data_type);
            let characters = character_length(data_type);
            let (precision, radix, scale) = numeric(data_type);
            rows.add(|row| {
                row.set("TABLE_CATALOG", catalog)
                    .set("TABLE_SCHEMA", &table.def.schema)
                    .set("TABLE_NAME", &table.def.name)
                    .set("COLUMN_NAME", &column.meta.name)
                    .set("ORDINAL_POSITION", position)
                    .set("COLUMN_DEFAULT", column.default.as_ref().map(|d| format!("({})", d.text)))
                    .set("IS_NULLABLE", if column.meta.nullable { "YES" } else { "NO" })
                    .set("DATA_TYPE", shape.name)
                    .set("CHARACTER_MAXIMUM_LENGTH", characters)
                    .set("CHARACTER_OCTET_LENGTH", characters.map(|_| i32::from(shape.max_length)))
                    .set("NUMERIC_PRECISION", precision)
                    .set("NUMERIC_PRECISION_RADIX", radix)
                    .set("NUMERIC_SCALE", scale)
                    .set("DATETIME_PRECISION", datetime_precision(data_type));
            });
        }
    }
}

/// Characters (bytes for binary types) that a column holds; -1 for max.
fn character_length(data_type: DataType) -> Option<i32> {
    match data_type {
        DataType::Char(n) | DataType::NChar(n) | DataType::Binary(n) => Some(i32::from(n)),
        DataType::VarChar(length) | DataType::NVarChar(length) | DataType::VarBinary(length) => {
            Some(match length {
                Length::Upto(n) => i32::from(n),
                Length::Max => -1,
            })
        }
        DataType::Text | DataType::Image => Some(i32::MAX),
        DataType::NText => Some(1_073_741_823),
        _ => None,
    }
}

/// Precision, radix and scale of a number.
fn numeric(data_type: DataType) -> (Option<u8>, Option<i16>, Option<i32>) {
    let shape = shape(data_type);
    match data_type {
        DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt => {
            (Some(shape.precision), Some(10), Some(0))
        }
        DataType::Decimal { .. } | DataType::Money | DataType::SmallMoney => {
            (Some(shape.precision), Some(10), Some(i32::from(shape.scale)))
        }
        DataType::Real | DataType::Float => (Some(shape.precision), Some(2), None),
        _ => (None, None, None),
    }
}

fn datetime_precision(data_type: DataType) -> Option<i16> {
    match data_type {
        DataType::DateTime => Some(3),
        DataType::SmallDateTime | DataType::Date => Some(0),
        DataType::DateTime2(scale) | DataType::Time(scale) | DataType::DateTimeOffset(scale) => {
            Some(i16::from(scale))
        }
        _ => None,
    }
}

const IS_SCHEMATA: &str = "CATALOG_NAME nvarchar(128), SCHEMA_NAME sysname, SCHEMA_OWNER nvarchar(128), \
    DEFAULT_CHARACTER_SET_CATALOG varchar(6), DEFAULT_CHARACTER_SET_SCHEMA varchar(3), \
    DEFAULT_CHARACTER_SET_NAME sysname = iso_1";

fn is_schemata(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some((catalog, content)) = database(context) else { return };
    for schema in content.schemas() {
        let owner = content.principals().find(|p| p.principal_id == schema.owner).map(|p| &p.name);
        rows.add(|row| {
            row.set("CATALOG_NAME", catalog).set("SCHEMA_NAME", &schema.name).set("SCHEMA_OWNER", owner);
        });
    }
}

const IS_ROUTINES: &str = "SPECIFIC_CATALOG nvarchar(128), SPECIFIC_SCHEMA nvarchar(128), \
    SPECIFIC_NAME nvarchar(128), ROUTINE_CATALOG nvarchar(128), ROUTINE_SCHEMA nvarchar(128), \
    ROUTINE_NAME nvarchar(128), ROUTINE_TYPE nvarchar(20), ROUTINE_DEFINITION nvarchar(4000), \
    CREATED datetime, LAST_ALTERED datetime";

fn is_routines(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some((catalog, content)) = database(context) else { return };
    let offset = context.instance.0.clock.utc_offset_minutes();
    for module in content.modules() {
        let kind = match module.kind {
            ModuleKind::Procedure => "PROCEDURE",
            ModuleKind::ScalarFunction | ModuleKind::InlineFunction | ModuleKind::TableFunction => "FUNCTION",
            _ => continue,
        };
        rows.add(|row| {
            row.set("SPECIFIC_CATALOG", catalog)
                .set("SPECIFIC_SCHEMA", &module.schema)
                .set("SPECIFIC_NAME", &module.name)
                .set("ROUTINE_CATALOG", catalog)
                .set("ROUTINE_SCHEMA", &module.schema)
                .set("ROUTINE_NAME", &module.name)
                .set("ROUTINE_TYPE", kind)
                .set("ROUTINE_DEFINITION", module.text.chars().take(4000).collect::<String>())
                .set("CREATED", datetime(module.created, offset))
                .set("LAST_ALTERED", datetime(module.modified, offset));
        });
    }
}

const IS_TABLE_CONSTRAINTS: &str = "CONSTRAINT_CATALOG nvarchar(128), CONSTRAINT_SCHEMA nvarchar(128), \
    CONSTRAINT_NAME sysname, TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), TABLE_NAME sysname, \
    CONSTRAINT_TYPE varchar(11), IS_DEFERRABLE varchar(2) not null = NO, \
    INITIALLY_DEFERRED varchar(2) not null = NO";

fn is_table_constraints(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some((catalog, content)) = database(context) else { return };
    for table in content.tables() {
        let def = &table.def;
        let keys = def
            .indexes
            .iter()
            .filter(|i| i.kind.is_constraint())
            .map(|i| (&i.name, if i.kind == IndexKind::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" }));
        let foreign = def.foreign_keys.iter().map(|key| (&key.name, "FOREIGN KEY"));
        let checks = def.checks.iter().map(|check| (&check.name, "CHECK"));
        for (name, kind) in keys.chain(foreign).chain(checks) {
            rows.add(|row| {
                row.set("CONSTRAINT_CATALOG", catalog)
                    .set("CONSTRAINT_SCHEMA", &def.schema)
                    .set("CONSTRAINT_NAME", name)
                    .set("TABLE_CATALOG", catalog)
                    .set("TABLE_SCHEMA", &def.schema)
                    .set("TABLE_NAME", &def.name)
                    .set("CONSTRAINT_TYPE", kind);
            });
        }
    }
}

const IS_KEY_COLUMN_USAGE: &str = "CONSTRAINT_CATALOG nvarchar(128), CONSTRAINT_SCHEMA nvarchar(128), \
    CONSTRAINT_NAME nvarchar(128), TABLE_CATALOG nvarchar(128), TABLE_SCHEMA nvarchar(128), \
    TABLE_NAME nvarchar(128), COLUMN_NAME nvarchar(128), ORDINAL_POSITION int not null";

fn is_key_column_usage(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some((catalog, content)) = database(context) else { return };
    for table in content.tables() {
        let def = &table.def;
        for index in def.indexes.iter().filter(|i| i.kind.is_constraint()) {
            for (position, key) in (1_i32..).zip(&index.columns) {
                let column =
                    def.columns.get(key.ordinal).map_or(Value::Null, |c| Value::Text(c.meta.name.clone()));
                rows.add(|row| {
                    row.set("CONSTRAINT_CATALOG", catalog)
                        .set("CONSTRAINT_SCHEMA", &def.schema)
                        .set("CONSTRAINT_NAME", &index.name)
                        .set("TABLE_CATALOG", catalog)
                        .set("TABLE_SCHEMA", &def.schema)
                        .set("TABLE_NAME", &def.name)
                        .set("COLUMN_NAME", column)
                        .set("ORDINAL_POSITION", position);
                });
            }
        }
    }
}
