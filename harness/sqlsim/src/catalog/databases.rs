//! Views of databases, their files, and their mirroring.

use super::rows::{RowDraft, Rows, datetime};
use super::{View, ViewContext};
use crate::engine::{Database, DatabaseFile, DatabaseState, EndpointRole, EndpointState, UserAccess};
use crate::lsn::Lsn;
use crate::mirroring::{MirrorRole, MirrorState, Safety};
use crate::value::{Decimal, Value};

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "databases", columns: DATABASES, fill: databases },
    View { schema: "sys", name: "sysdatabases", columns: SYSDATABASES, fill: sysdatabases },
    View { schema: "sys", name: "master_files", columns: MASTER_FILES, fill: master_files },
    View { schema: "sys", name: "database_files", columns: DATABASE_FILES, fill: database_files },
    View { schema: "sys", name: "database_mirroring", columns: MIRRORING, fill: database_mirroring },
    View { schema: "sys", name: "database_mirroring_witnesses", columns: WITNESSES, fill: nothing },
    View { schema: "sys", name: "database_recovery_status", columns: RECOVERY_STATUS, fill: recovery_status },
    View { schema: "sys", name: "endpoints", columns: ENDPOINTS, fill: endpoints },
    View { schema: "sys", name: "tcp_endpoints", columns: TCP_ENDPOINTS, fill: tcp_endpoints },
    View {
        schema: "sys",
        name: "database_mirroring_endpoints",
        columns: MIRRORING_ENDPOINTS,
        fill: database_mirroring_endpoints,
    },
    View { schema: "sys", name: "dm_db_log_space_usage", columns: LOG_SPACE, fill: log_space },
];

const DATABASES: &str = "name sysname, database_id int not null, source_database_id int, owner_sid varbinary(85), \
    create_date datetime, compatibility_level tinyint, collation_name nvarchar(128), \
    user_access tinyint, user_access_desc nvarchar(60), is_read_only bit = 0, \
    is_auto_close_on bit = 0, is_auto_shrink_on bit = 0, state tinyint, state_desc nvarchar(60), \
    is_in_standby bit = 0, is_cleanly_shutdown bit = 0, is_supplemental_logging_enabled bit = 0, \
    snapshot_isolation_state tinyint = 0, snapshot_isolation_state_desc nvarchar(60) = OFF, \
    is_read_committed_snapshot_on bit = 0, recovery_model tinyint, \
    recovery_model_desc nvarchar(60), page_verify_option tinyint, \
    page_verify_option_desc nvarchar(60), is_auto_create_stats_on bit = 1, \
    is_auto_create_stats_incremental_on bit = 0, is_auto_update_stats_on bit = 1, \
    is_auto_update_stats_async_on bit = 0, is_ansi_null_default_on bit = 0, \
    is_ansi_nulls_on bit = 0, is_ansi_padding_on bit = 0, is_ansi_warnings_on bit = 0, \
    is_arithabort_on bit = 0, is_concat_null_yields_null_on bit = 0, \
    is_numeric_roundabort_on bit = 0, is_quoted_identifier_on bit = 0, \
    is_recursive_triggers_on bit = 0, is_cursor_close_on_commit_on bit = 0, \
    is_local_cursor_default bit = 0, is_fulltext_enabled bit = 1, is_trustworthy_on bit = 0, \
    is_db_chaining_on bit = 0, is_parameterization_forced bit = 0, \
    is_master_key_encrypted_by_server bit = 0, is_query_store_on bit = 0, is_published bit = 0, \
    is_subscribed bit = 0, is_merge_published bit = 0, is_distributor bit = 0, \
    is_sync_with_backup bit = 0, service_broker_guid uniqueidentifier, is_broker_enabled bit = 0, \
    log_reuse_wait tinyint, log_reuse_wait_desc nvarchar(60), is_date_correlation_on bit = 0, \
    is_cdc_enabled bit = 0, is_encrypted bit = 0, is_honor_broker_priority_on bit = 0, \
    replica_id uniqueidentifier, group_database_id uniqueidentifier, resource_pool_id int, \
    default_language_lcid smallint, default_language_name nvarchar(128), \
    default_fulltext_language_lcid int, default_fulltext_language_name nvarchar(128), \
    is_nested_triggers_on bit = 0, is_transform_noise_words_on bit = 0, \
    two_digit_year_cutoff smallint, containment tinyint not null = 0, \
    containment_desc nvarchar(60) not null = NONE, target_recovery_time_in_seconds int = 0, \
    delayed_durability int = 0, delayed_durability_desc nvarchar(60) = DISABLED, \
    is_memory_optimized_elevate_to_snapshot_on bit = 0, is_federation_member bit = 0, \
    is_remote_data_archive_enabled bit = 0, is_mixed_page_allocation_on bit = 0, \
    is_temporal_retention_enabled bit = 0, catalog_collation_type int, \
    catalog_collation_type_desc nvarchar(60)";
const MASTER_FILES: &str = "database_id int, file_id int, file_guid uniqueidentifier, type tinyint, type_desc nvarchar(60), \
    data_space_id int, name sysname, physical_name nvarchar(260), state tinyint = 0, \
    state_desc nvarchar(60) = ONLINE, size int, max_size int, growth int, \
    is_media_read_only bit = 0, is_read_only bit = 0, is_sparse bit = 0, is_percent_growth bit = 0, \
    is_name_reserved bit = 0, create_lsn numeric(25,0), drop_lsn numeric(25,0), \
    read_only_lsn numeric(25,0), read_write_lsn numeric(25,0), differential_base_lsn numeric(25,0), \
    differential_base_guid uniqueidentifier, differential_base_time datetime, \
    redo_start_lsn numeric(25,0), redo_start_fork_guid uniqueidentifier, \
    redo_target_lsn numeric(25,0), redo_target_fork_guid uniqueidentifier, \
    backup_lsn numeric(25,0), credential_id int";
const DATABASE_FILES: &str = "file_id int, file_guid uniqueidentifier, type tinyint, type_desc nvarchar(60), \
    data_space_id int, name sysname, physical_name nvarchar(260), state tinyint = 0, \
    state_desc nvarchar(60) = ONLINE, size int, max_size int, growth int, \
    is_media_read_only bit = 0, is_read_only bit = 0, is_sparse bit = 0, is_percent_growth bit = 0, \
    is_name_reserved bit = 0, create_lsn numeric(25,0), drop_lsn numeric(25,0), \
    read_only_lsn numeric(25,0), read_write_lsn numeric(25,0), differential_base_lsn numeric(25,0), \
    differential_base_guid uniqueidentifier, differential_base_time datetime, \
    redo_start_lsn numeric(25,0), redo_start_fork_guid uniqueidentifier, \
    redo_target_lsn numeric(25,0), redo_target_fork_guid uniqueidentifier, backup_lsn numeric(25,0)";
const MIRRORING: &str = "database_id int not null, mirroring_guid uniqueidentifier, mirroring_state tinyint, \
    mirroring_state_desc nvarchar(60), mirroring_role tinyint, mirroring_role_desc nvarchar(60), \
    mirroring_role_sequence int, mirroring_safety_level tinyint, \
    mirroring_safety_level_desc nvarchar(60), mirroring_safety_sequence int, \
    mirroring_partner_name nvarchar(128), mirroring_partner_instance nvarchar(128), \
    mirroring_witness_name nvarchar(128), mirroring_witness_state tinyint, \
    mirroring_witness_state_desc nvarchar(60), mirroring_failover_lsn numeric(25,0), \
    mirroring_connection_timeout int, mirroring_redo_queue int, \
    mirroring_redo_queue_type nvarchar(60), mirroring_end_of_log_lsn numeric(25,0), \
    mirroring_replication_lsn numeric(25,0)";
const RECOVERY_STATUS: &str = "database_id int, database_guid uniqueidentifier, family_guid uniqueidentifier, \
    last_log_backup_lsn numeric(25,0), recovery_fork_guid uniqueidentifier, \
    first_recovery_fork_guid uniqueidentifier, fork_point_lsn numeric(25,0)";
const WITNESSES: &str = "database_name sysname, principal_server_name sysname, mirror_server_name sysname, \
    safety_level tinyint, safety_level_desc nvarchar(60), safety_sequence_number int, \
    role_sequence_number int, mirroring_guid uniqueidentifier, family_guid uniqueidentifier, \
    is_suspended bit, is_suspended_sequence_number int, partner_sync_state tinyint, \
    partner_sync_state_desc nvarchar(60)";
const ENDPOINTS: &str = "name sysname, endpoint_id int, principal_id int, protocol tinyint, protocol_desc nvarchar(60), \
    type tinyint, type_desc nvarchar(60), state tinyint, state_desc nvarchar(60), \
    is_admin_endpoint bit";
const MIRRORING_ENDPOINTS: &str = "name sysname, endpoint_id int, principal_id int, protocol tinyint, protocol_desc nvarchar(60), \
    type tinyint, type_desc nvarchar(60), state tinyint, state_desc nvarchar(60), \
    is_admin_endpoint bit, role tinyint, role_desc nvarchar(60), is_encryption_enabled bit, \
    connection_auth tinyint, connection_auth_desc nvarchar(60), certificate_id int, \
    encryption_algorithm tinyint, encryption_algorithm_desc nvarchar(60)";
const TCP_ENDPOINTS: &str = "name sysname, endpoint_id int, principal_id int, protocol tinyint, protocol_desc nvarchar(60), \
    type tinyint, type_desc nvarchar(60), state tinyint, state_desc nvarchar(60), \
    is_admin_endpoint bit, port int not null, is_dynamic_port bit not null = 0, \
    ip_address nvarchar(45)";

/// A view that has no rows here.
fn nothing(_: &ViewContext<'_>, _: &mut Rows<'_>) {}

/// Whether a session sees a database at all: its metadata is public unless somebody hid it.
fn visible<'a>(context: &'a ViewContext<'_>) -> impl Iterator<Item = &'a Database> {
    context.engine.databases()
}

fn databases(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for database in visible(context) {
        rows.add(|row| {
            describe(row, database, offset);
            let owner = context.engine.login(&database.owner);
            row.set("owner_sid", owner.map_or(Value::Null, |login| Value::Binary(login.sid.clone())));
        });
    }
}

/// `user_access_desc`.
fn user_access_name(access: UserAccess) -> &'static str {
    match access {
        UserAccess::Multi => "MULTI_USER",
        UserAccess::Single => "SINGLE_USER",
        UserAccess::Restricted => "RESTRICTED_USER",
    }
}

fn describe(row: &mut RowDraft<'_>, database: &Database, offset: i16) {
    let options = &database.options;
    let is_online = database.is_open();
    let page_verify = ["NONE", "TORN_PAGE_DETECTION", "CHECKSUM"];
    let (wait, wait_name) = log_reuse_wait(database);
    // Here an underscore, in backup headers a hyphen.
    let recovery_model = database.recovery_model.name().replace('-', "_");
    row.set("name", &database.name)
        .set("database_id", database.id)
        .set("create_date", datetime(database.create_date, offset))
        .set("compatibility_level", options.compatibility_level)
        .set("collation_name", is_online.then_some(&database.collation))
        .set("user_access", database.user_access as u8)
        .set("user_access_desc", user_access_name(database.user_access))
        .set("is_read_only", database.is_read_only || database.in_standby())
        .set("is_auto_close_on", options.auto_close)
        .set("is_auto_shrink_on", options.auto_shrink)
        .set("state", database.state.number())
        .set("state_desc", database.state.name())
        .set("is_in_standby", database.in_standby())
        .set("snapshot_isolation_state", u8::from(options.snapshot_isolation))
        .set("snapshot_isolation_state_desc", if options.snapshot_isolation { "ON" } else { "OFF" })
        .set("is_read_committed_snapshot_on", options.read_committed_snapshot)
        .set("recovery_model", database.recovery_model.number())
        .set("recovery_model_desc", recovery_model)
        .set("page_verify_option", options.page_verify)
        .set("page_verify_option_desc", page_verify[usize::from(options.page_verify.min(2))])
        .set("is_trustworthy_on", options.trustworthy)
        .set("is_db_chaining_on", options.db_chaining)
        .set("service_broker_guid", database.guids.service_broker)
        .set("is_broker_enabled", options.broker_enabled)
        .set("log_reuse_wait", wait)
        .set("log_reuse_wait_desc", wait_name);
}

/// Why the log cannot be reused: what a full log is asked for first.
fn log_reuse_wait(database: &Database) -> (u8, &'static str) {
    let is_full = database.recovery_model != crate::engine::RecoveryModel::Simple;
    if database.mirroring.as_ref().is_some_and(|m| m.state != MirrorState::Synchronized) {
        (5, "DATABASE_MIRRORING")
    } else if is_full && database.last_log_backup_lsn.is_some() && database.state == DatabaseState::Online {
        (2, "LOG_BACKUP")
    } else {
        (0, "NOTHING")
    }
}

const SYSDATABASES: &str = "name sysname, dbid smallint, sid varbinary(85), mode smallint = 0, status int, \
    status2 int, crdate datetime, reserved datetime, category int = 0, cmptlevel tinyint, \
    filename nvarchar(260), version smallint = 782";

fn sysdatabases(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for database in visible(context) {
        let bit = |on: bool, value: i32| if on { value } else { 0 };
        let status = bit(database.state == DatabaseState::Restoring, 32)
            | bit(database.state == DatabaseState::Recovering, 64)
            | bit(database.state == DatabaseState::Suspect, 256)
            | bit(database.state == DatabaseState::Offline, 512)
            | bit(database.is_read_only || database.in_standby(), 1024)
            | bit(database.recovery_model == crate::engine::RecoveryModel::Simple, 8)
            | bit(database.user_access == UserAccess::Single, 4096);
        let file = database.files.first().map(|file| &file.physical_name);
        let owner = context.engine.login(&database.owner);
        rows.add(|row| {
            row.set("name", &database.name)
                .set("dbid", database.id)
                .set("sid", owner.map_or(Value::Null, |login| Value::Binary(login.sid.clone())))
                .set("status", status | 0x10000)
                .set("status2", bit(database.in_standby(), 0x0020_0000))
                .set("crdate", datetime(database.create_date, offset))
                .set("cmptlevel", database.options.compatibility_level)
                .set("filename", file);
        });
    }
}

fn master_files(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for database in visible(context) {
        for file in &database.files {
            rows.add(|row| {
                row.set("database_id", database.id);
                describe_file(row, database, file, offset);
            });
        }
    }
}

fn database_files(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    let Some(database) = context.engine.database(context.database_id) else { return };
    for file in &database.files {
        rows.add(|row| describe_file(row, database, file, offset));
    }
}

fn describe_file(row: &mut RowDraft<'_>, database: &Database, file: &DatabaseFile, offset: i16) {
    row.set("file_id", file.file_id)
        .set("file_guid", file.guid)
        .set("type", u8::from(file.is_log))
        .set("type_desc", if file.is_log { "LOG" } else { "ROWS" })
        .set("data_space_id", i32::from(!file.is_log))
        .set("name", &file.name)
        .set("physical_name", &file.physical_name);
    if database.state == DatabaseState::Restoring {
        row.set("state", 1).set("state_desc", "RESTORING");
    }
    row.set("size", file.size_pages)
        .set("max_size", file.max_size_pages)
        .set("growth", file.growth)
        .set("is_read_only", database.is_read_only)
        .set("is_percent_growth", file.is_percent_growth)
        .set("create_lsn", file.create_lsn);
    if let (Some(base), false) = (&database.differential_base, file.is_log) {
        row.set("differential_base_lsn", base.lsn)
            .set("differential_base_guid", base.guid)
            .set("differential_base_time", datetime(base.time, offset));
    }
    if let Some(lsn) = database.redo_start_lsn {
        row.set("redo_start_lsn", lsn).set("redo_start_fork_guid", database.guids.recovery_fork);
    }
    row.set(
        "backup_lsn",
        if file.is_log { Lsn::ZERO } else { database.database_backup_lsn.unwrap_or_default() },
    );
}

fn database_mirroring(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for database in visible(context) {
        rows.add(|row| {
            row.set("database_id", database.id);
            let Some(mirroring) = &database.mirroring else { return };
            let (state, state_name) = match mirroring.state {
                MirrorState::Suspended => (0, "SUSPENDED"),
                MirrorState::Disconnected => (1, "DISCONNECTED"),
                MirrorState::Synchronizing => (2, "SYNCHRONIZING"),
                MirrorState::PendingFailover => (3, "PENDING_FAILOVER"),
                MirrorState::Synchronized => (4, "SYNCHRONIZED"),
            };
            let (role, role_name) = match mirroring.role {
                MirrorRole::Principal => (1, "PRINCIPAL"),
                MirrorRole::Mirror => (2, "MIRROR"),
            };
            let (safety, safety_name) = match mirroring.safety {
                Safety::Off => (1, "OFF"),
                Safety::Full => (2, "FULL"),
            };
            let timeout = mirroring.timeout_s;
            row.set("mirroring_guid", mirroring.guid)
                .set("mirroring_state", state)
                .set("mirroring_state_desc", state_name)
                .set("mirroring_role", role)
                .set("mirroring_role_desc", role_name)
                .set("mirroring_role_sequence", mirroring.role_sequence)
                .set("mirroring_safety_level", safety)
                .set("mirroring_safety_level_desc", safety_name)
                .set("mirroring_safety_sequence", mirroring.safety_sequence)
                .set("mirroring_partner_name", &mirroring.partner_name)
                .set("mirroring_partner_instance", &mirroring.partner_instance)
                .set("mirroring_witness_name", "")
                .set("mirroring_witness_state", 0)
                .set("mirroring_witness_state_desc", "UNKNOWN")
                .set("mirroring_failover_lsn", mirroring.failover_lsn)
                .set("mirroring_connection_timeout", timeout)
                .set("mirroring_redo_queue_type", "UNLIMITED")
                .set("mirroring_end_of_log_lsn", mirroring.end_of_log_lsn)
                .set("mirroring_replication_lsn", mirroring.failover_lsn);
        });
    }
}

fn recovery_status(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for database in visible(context) {
        rows.add(|row| {
            row.set("database_id", database.id);
            if database.is_open() {
                let first = database.guids.first_recovery_fork;
                row.set("database_guid", database.guids.database)
                    .set("family_guid", database.guids.family)
                    .set("last_log_backup_lsn", database.last_log_backup_lsn)
                    .set("recovery_fork_guid", database.guids.recovery_fork)
                    .set("first_recovery_fork_guid", first)
                    .set("fork_point_lsn", database.fork_point);
            }
        });
    }
}

/// The endpoints every instance has: name, id, protocol, type.
const SYSTEM_ENDPOINTS: &[(&str, i32, (u8, &str))] = &[
    ("Dedicated Admin Connection", 1, (2, "TCP")),
    ("TSQL Local Machine", 2, (4, "SHARED_MEMORY")),
    ("TSQL Named Pipes", 3, (3, "NAMED_PIPES")),
    ("TSQL Default TCP", 4, (2, "TCP")),
    ("TSQL Default VIA", 5, (5, "VIA")),
];

fn system_endpoint(row: &mut RowDraft<'_>, (name, id, (protocol, protocol_name)): (&str, i32, (u8, &str))) {
    row.set("name", name)
        .set("endpoint_id", id)
        .set("principal_id", 1)
        .set("protocol", protocol)
        .set("protocol_desc", protocol_name)
        .set("type", 2)
        .set("type_desc", "TSQL")
        .set("state", 0)
        .set("state_desc", "STARTED")
        .set("is_admin_endpoint", id == 1);
}

/// The columns that the mirroring endpoint shares with all others.
fn mirroring_endpoint(row: &mut RowDraft<'_>, endpoint: &crate::engine::Endpoint) {
    let state = match endpoint.state {
        EndpointState::Started => "STARTED",
        EndpointState::Stopped => "STOPPED",
        EndpointState::Disabled => "DISABLED",
    };
    row.set("name", &endpoint.name)
        .set("endpoint_id", endpoint.endpoint_id)
        .set("principal_id", 1)
        .set("protocol", 2)
        .set("protocol_desc", "TCP")
        .set("type", 4)
        .set("type_desc", "DATABASE_MIRRORING")
        .set("state", endpoint.state as u8)
        .set("state_desc", state)
        .set("is_admin_endpoint", false);
}

fn endpoints(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for endpoint in SYSTEM_ENDPOINTS {
        rows.add(|row| system_endpoint(row, *endpoint));
    }
    if let Some(endpoint) = &context.engine.endpoint {
        rows.add(|row| mirroring_endpoint(row, endpoint));
    }
}

fn tcp_endpoints(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for endpoint in SYSTEM_ENDPOINTS.iter().filter(|(.., (protocol, _))| *protocol == 2) {
        rows.add(|row| {
            system_endpoint(row, *endpoint);
            // The default endpoints say 0: their port is the server's configuration.
            row.set("port", 0);
        });
    }
    if let Some(endpoint) = &context.engine.endpoint {
        rows.add(|row| {
            mirroring_endpoint(row, endpoint);
            row.set("port", endpoint.port);
        });
    }
}

fn database_mirroring_endpoints(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(endpoint) = &context.engine.endpoint else { return };
    let (role, role_name) = match endpoint.role {
        EndpointRole::Partner => (1, "PARTNER"),
        EndpointRole::Witness => (2, "WITNESS"),
        EndpointRole::All => (3, "ALL"),
    };
    let (auth, auth_name) = connection_auth(&endpoint.authentication);
    let certificate = endpoint.certificate.as_deref().and_then(|name| context.engine.keys.certificate(name));
    const ALGORITHMS: [&str; 9] = [
        "NONE",
        "RC4",
        "AES",
        "NONE, RC4",
        "NONE, AES",
        "RC4, AES",
        "AES, RC4",
        "NONE, RC4, AES",
        "NONE, AES, RC4",
    ];
    let encrypted = endpoint.is_encryption_enabled;
    let algorithm = if encrypted { endpoint.algorithm } else { 0 };
    let algorithm_name = ALGORITHMS.get(usize::from(algorithm)).copied().unwrap_or_default();
    rows.add(|row| {
        mirroring_endpoint(row, endpoint);
        row.set("role", role)
            .set("role_desc", role_name)
            .set("is_encryption_enabled", encrypted)
            .set("connection_auth", auth)
            .set("connection_auth_desc", auth_name)
            .set("certificate_id", certificate.map_or(0, |certificate| certificate.certificate_id))
            .set("encryption_algorithm", algorithm)
            .set("encryption_algorithm_desc", algorithm_name);
    });
}

/// `connection_auth` for the words of AUTHENTICATION.
fn connection_auth(authentication: &str) -> (u8, &'static str) {
    let words: Vec<&str> = authentication.split_whitespace().collect();
    let has = |word: &str| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    let by_windows = if has("NTLM") {
        0
    } else if has("KERBEROS") {
        1
    } else {
        2
    };
    const NAMES: [[&str; 3]; 3] = [
        ["NTLM", "KERBEROS", "NEGOTIATE"],
        ["NTLM, CERTIFICATE", "KERBEROS, CERTIFICATE", "NEGOTIATE, CERTIFICATE"],
        ["CERTIFICATE, NTLM", "CERTIFICATE, KERBEROS", "CERTIFICATE, NEGOTIATE"],
    ];
    let first_is_certificate = words.first().is_some_and(|word| word.eq_ignore_ascii_case("CERTIFICATE"));
    match (first_is_certificate, has("WINDOWS"), has("CERTIFICATE")) {
        (true, false, _) => (4, "CERTIFICATE"),
        (true, true, _) => (8 + by_windows, NAMES[2][usize::from(by_windows)]),
        (false, _, true) => (5 + by_windows, NAMES[1][usize::from(by_windows)]),
        (false, _, false) => (1 + by_windows, NAMES[0][usize::from(by_windows)]),
    }
}

const LOG_SPACE: &str = "database_id int, total_log_size_in_bytes bigint, used_log_space_in_bytes bigint, \
    used_log_space_in_percent real, log_space_in_bytes_since_last_backup bigint";

fn log_space(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let Some(database) = context.engine.database(context.database_id) else { return };
    let pages: i64 = database.files.iter().filter(|f| f.is_log).map(|f| f.size_pages).sum();
    let used = database.log.bytes();
    // Shares are shown to a few digits: the precision that f32 lacks is not asked for.
    let percent =
        Decimal { mantissa: i128::from(used) * 10_000 / (i128::from(pages.max(1)) * 8192), scale: 2 };
    let percent = f32::from(i16::try_from(percent.mantissa).unwrap_or(i16::MAX)) / 100.0;
    rows.add(|row| {
        row.set("database_id", database.id)
            .set("total_log_size_in_bytes", pages * 8192)
            .set("used_log_space_in_bytes", used)
            .set("used_log_space_in_percent", Value::Real(percent))
            .set("log_space_in_bytes_since_last_backup", used);
    });
}
