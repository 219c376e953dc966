//! The tables of msdb: names, columns in the manual's notation, keys.

/// A table of msdb.
#[derive(Debug)]
pub(crate) struct SystemTable {
    /// Name in schema dbo.
    pub(crate) name: &'static str,
    /// Columns in the notation of [`crate::catalog::definition`].
    pub(crate) columns: &'static str,
    /// The primary key's columns; empty for a heap.
    pub(crate) key: &'static [&'static str],
    /// The column that numbers its rows (identity from 1), if any.
    pub(crate) identity: Option<&'static str>,
}

/// `msdb.dbo.log_shipping_primary_databases`
pub(crate) const LOG_SHIPPING_PRIMARY_DATABASES: SystemTable = SystemTable {
    name: "log_shipping_primary_databases",
    columns: "primary_id uniqueidentifier not null, primary_database sysname, \
        backup_directory nvarchar(500), backup_share nvarchar(500), \
        backup_retention_period int, backup_job_id uniqueidentifier, monitor_server sysname, \
        monitor_server_security_mode bit, last_backup_file nvarchar(500), \
        last_backup_date datetime, user_specified_monitor bit = 0, \
        backup_compression tinyint not null = 2",
    key: &["primary_id"],
    identity: None,
};

/// `msdb.dbo.log_shipping_primary_secondaries`
pub(crate) const LOG_SHIPPING_PRIMARY_SECONDARIES: SystemTable = SystemTable {
    name: "log_shipping_primary_secondaries",
    columns: "primary_id uniqueidentifier not null, secondary_server sysname, \
        secondary_database sysname",
    key: &["primary_id", "secondary_server", "secondary_database"],
    identity: None,
};

/// `msdb.dbo.log_shipping_secondary`
pub(crate) const LOG_SHIPPING_SECONDARY: SystemTable = SystemTable {
    name: "log_shipping_secondary",
    columns: "secondary_id uniqueidentifier not null, primary_server sysname, \
        primary_database sysname, backup_source_directory nvarchar(500), \
        backup_destination_directory nvarchar(500), file_retention_period int, \
        copy_job_id uniqueidentifier, restore_job_id uniqueidentifier, monitor_server sysname, \
        monitor_server_security_mode bit, last_copied_file nvarchar(500), \
        last_copied_date datetime",
    key: &["secondary_id"],
    identity: None,
};

/// `msdb.dbo.log_shipping_secondary_databases`
pub(crate) const LOG_SHIPPING_SECONDARY_DATABASES: SystemTable = SystemTable {
    name: "log_shipping_secondary_databases",
    columns: "secondary_database sysname, secondary_id uniqueidentifier, restore_delay int, \
        restore_all bit, restore_mode bit, disconnect_users bit, block_size int, \
        buffer_count int, max_transfer_size int, last_restored_file nvarchar(500), \
        last_restored_date datetime",
    key: &["secondary_database"],
    identity: None,
};

/// `msdb.dbo.log_shipping_monitor_primary`
pub(crate) const LOG_SHIPPING_MONITOR_PRIMARY: SystemTable = SystemTable {
    name: "log_shipping_monitor_primary",
    columns: "primary_id uniqueidentifier not null, primary_server sysname, primary_database sysname, \
        backup_threshold int, threshold_alert int, threshold_alert_enabled bit, \
        last_backup_file nvarchar(500), last_backup_date datetime, \
        last_backup_date_utc datetime, history_retention_period int",
    key: &["primary_id"],
    identity: None,
};

/// `msdb.dbo.log_shipping_monitor_secondary`
pub(crate) const LOG_SHIPPING_MONITOR_SECONDARY: SystemTable = SystemTable {
    name: "log_shipping_monitor_secondary",
    columns: "secondary_server sysname, secondary_database sysname, \
        secondary_id uniqueidentifier not null, primary_server sysname, \
        primary_database sysname, restore_threshold int, threshold_alert int, \
        threshold_alert_enabled bit, last_copied_file nvarchar(500), last_copied_date datetime, \
        last_copied_date_utc datetime, last_restored_file nvarchar(500), \
        last_restored_date datetime, last_restored_date_utc datetime, \
        last_restored_latency int, history_retention_period int",
    key: &["secondary_id", "secondary_database"],
    identity: None,
};

/// `msdb.dbo.log_shipping_monitor_history_detail`
pub(crate) const LOG_SHIPPING_MONITOR_HISTORY_DETAIL: SystemTable = SystemTable {
    name: "log_shipping_monitor_history_detail",
    columns: "agent_id uniqueidentifier, agent_type tinyint, session_id int, database_name sysname, \
        session_status tinyint, log_time datetime, log_time_utc datetime, message nvarchar(max)",
    key: &[],
    identity: None,
};

/// `msdb.dbo.log_shipping_monitor_error_detail`
pub(crate) const LOG_SHIPPING_MONITOR_ERROR_DETAIL: SystemTable = SystemTable {
    name: "log_shipping_monitor_error_detail",
    columns: "agent_id uniqueidentifier, agent_type tinyint, session_id int, database_name sysname, \
        sequence_number int, log_time datetime, log_time_utc datetime, message nvarchar(4000), \
        source nvarchar(4000), help_url nvarchar(4000)",
    key: &[],
    identity: None,
};

/// `msdb.dbo.log_shipping_monitor_alert`
pub(crate) const LOG_SHIPPING_MONITOR_ALERT: SystemTable = SystemTable {
    name: "log_shipping_monitor_alert",
    columns: "alert_job_id uniqueidentifier not null",
    key: &["alert_job_id"],
    identity: None,
};

/// `msdb.dbo.sysjobs`
pub(crate) const SYSJOBS: SystemTable = SystemTable {
    name: "sysjobs",
    columns: "job_id uniqueidentifier not null, originating_server_id int not null = 0, name sysname, \
        enabled tinyint not null, description nvarchar(512), start_step_id int not null = 1, \
        category_id int not null = 0, owner_sid varbinary(85) not null = 0x01, \
        notify_level_eventlog int not null = 0, notify_level_email int not null = 0, \
        notify_level_netsend int not null = 0, notify_level_page int not null = 0, \
        notify_email_operator_id int not null = 0, notify_netsend_operator_id int not null = 0, \
        notify_page_operator_id int not null = 0, delete_level int not null = 0, \
        date_created datetime not null, date_modified datetime not null, \
        version_number int not null = 1",
    key: &["job_id"],
    identity: None,
};

/// `msdb.dbo.sysjobsteps`
pub(crate) const SYSJOBSTEPS: SystemTable = SystemTable {
    name: "sysjobsteps",
    columns: "job_id uniqueidentifier not null, step_id int not null, step_name sysname, \
        subsystem nvarchar(40) not null, command nvarchar(max), flags int not null = 0, \
        additional_parameters nvarchar(max), cmdexec_success_code int not null = 0, \
        on_success_action tinyint not null = 1, on_success_step_id int not null = 0, \
        on_fail_action tinyint not null = 2, on_fail_step_id int not null = 0, \
        server nvarchar(128), database_name nvarchar(128), database_user_name nvarchar(128), \
        retry_attempts int not null = 0, retry_interval int not null = 0, \
        os_run_priority int not null = 0, output_file_name nvarchar(200), \
        last_run_outcome int not null = 5, last_run_duration int not null = 0, \
        last_run_retries int not null = 0, last_run_date int not null = 0, \
        last_run_time int not null = 0, proxy_id int, step_uid uniqueidentifier",
    key: &["job_id", "step_id"],
    identity: None,
};

/// `msdb.dbo.sysjobservers`
pub(crate) const SYSJOBSERVERS: SystemTable = SystemTable {
    name: "sysjobservers",
    columns: "job_id uniqueidentifier not null, server_id int not null = 0, \
        last_run_outcome tinyint not null = 5, last_outcome_message nvarchar(4000), \
        last_run_date int not null = 0, last_run_time int not null = 0, \
        last_run_duration int not null = 0",
    key: &["job_id", "server_id"],
    identity: None,
};

/// `msdb.dbo.sysschedules`
pub(crate) const SYSSCHEDULES: SystemTable = SystemTable {
    name: "sysschedules",
    columns: "schedule_id int not null, schedule_uid uniqueidentifier not null, \
        originating_server_id int not null = 0, name sysname, \
        owner_sid varbinary(85) not null = 0x01, enabled int not null = 1, \
        freq_type int not null = 0, freq_interval int not null = 0, \
        freq_subday_type int not null = 0, freq_subday_interval int not null = 0, \
        freq_relative_interval int not null = 0, freq_recurrence_factor int not null = 0, \
        active_start_date int not null, active_end_date int not null = 99991231, \
        active_start_time int not null = 0, active_end_time int not null = 235959, \
        date_created datetime not null, date_modified datetime not null, \
        version_number int not null = 1",
    key: &["schedule_id"],
    identity: Some("schedule_id"),
};

/// `msdb.dbo.sysjobschedules`
pub(crate) const SYSJOBSCHEDULES: SystemTable = SystemTable {
    name: "sysjobschedules",
    columns: "schedule_id int not null, job_id uniqueidentifier not null, \
        next_run_date int not null = 0, next_run_time int not null = 0",
    key: &["schedule_id", "job_id"],
    identity: None,
};

/// `msdb.dbo.sysjobactivity`
pub(crate) const SYSJOBACTIVITY: SystemTable = SystemTable {
    name: "sysjobactivity",
    columns: "session_id int not null, job_id uniqueidentifier not null, run_requested_date datetime, \
        run_requested_source nvarchar(128), queued_date datetime, \
        start_execution_date datetime, last_executed_step_id int, \
        last_executed_step_date datetime, stop_execution_date datetime, job_history_id int, \
        next_scheduled_run_date datetime",
    key: &["session_id", "job_id"],
    identity: None,
};

/// `msdb.dbo.sysjobhistory`
pub(crate) const SYSJOBHISTORY: SystemTable = SystemTable {
    name: "sysjobhistory",
    columns: "instance_id int not null, job_id uniqueidentifier not null, step_id int not null, \
        step_name sysname, sql_message_id int not null = 0, sql_severity int not null = 0, \
        message nvarchar(4000), run_status int not null, run_date int not null, \
        run_time int not null, run_duration int not null, operator_id_emailed int not null = 0, \
        operator_id_netsent int not null = 0, operator_id_paged int not null = 0, \
        retries_attempted int not null = 0, server sysname",
    key: &["instance_id"],
    identity: Some("instance_id"),
};

/// `msdb.dbo.syssessions`
pub(crate) const SYSSESSIONS: SystemTable = SystemTable {
    name: "syssessions",
    columns: "session_id int not null, agent_start_date datetime not null",
    key: &["session_id"],
    identity: Some("session_id"),
};

/// `msdb.dbo.syscategories`
pub(crate) const SYSCATEGORIES: SystemTable = SystemTable {
    name: "syscategories",
    columns: "category_id int not null, category_class int not null, category_type tinyint not null, \
        name sysname",
    key: &["category_id"],
    identity: Some("category_id"),
};

/// `msdb.dbo.backupmediaset`
pub(crate) const BACKUPMEDIASET: SystemTable = SystemTable {
    name: "backupmediaset",
    columns: "media_set_id int not null, media_uuid uniqueidentifier, media_family_count tinyint = 1, \
        name nvarchar(128), description nvarchar(255), \
        software_name nvarchar(128) = Microsoft SQL Server, software_vendor_id int = 4608, \
        MTF_major_version tinyint = 1, mirror_count tinyint = 1, is_password_protected bit = 0, \
        is_compressed bit = 0, is_encrypted bit = 0",
    key: &["media_set_id"],
    identity: Some("media_set_id"),
};

/// `msdb.dbo.backupset`
pub(crate) const BACKUPSET: SystemTable = SystemTable {
    name: "backupset",
    columns: "backup_set_id int not null, backup_set_uuid uniqueidentifier, media_set_id int, \
        first_family_number tinyint, first_media_number smallint, last_family_number tinyint, \
        last_media_number smallint, catalog_family_number tinyint, \
        catalog_media_number smallint, position int, expiration_date datetime, \
        software_vendor_id int, name nvarchar(128), description nvarchar(255), \
        user_name nvarchar(128), software_major_version tinyint, \
        software_minor_version tinyint, software_build_version smallint, time_zone smallint, \
        mtf_minor_version tinyint, first_lsn numeric(25,0), last_lsn numeric(25,0), \
        checkpoint_lsn numeric(25,0), database_backup_lsn numeric(25,0), \
        database_creation_date datetime, backup_start_date datetime, \
        backup_finish_date datetime, type char(1), sort_order smallint, code_page smallint, \
        compatibility_level tinyint, database_version int, backup_size numeric(20,0), \
        database_name nvarchar(128), server_name nvarchar(128), machine_name nvarchar(128), \
        flags int, unicode_locale int, unicode_compare_style int, collation_name nvarchar(128), \
        Is_password_protected bit = 0, recovery_model nvarchar(60), has_bulk_logged_data bit = 0, \
        is_snapshot bit = 0, is_readonly bit, is_single_user bit, has_backup_checksums bit, \
        is_damaged bit = 0, begins_log_chain bit, has_incomplete_metadata bit = 0, \
        is_force_offline bit, is_copy_only bit, first_recovery_fork_guid uniqueidentifier, \
        last_recovery_fork_guid uniqueidentifier, fork_point_lsn numeric(25,0), \
        database_guid uniqueidentifier, family_guid uniqueidentifier, \
        differential_base_lsn numeric(25,0), differential_base_guid uniqueidentifier, \
        compressed_backup_size numeric(20,0), key_algorithm nvarchar(32), \
        encryptor_thumbprint varbinary(20), encryptor_type nvarchar(32)",
    key: &["backup_set_id"],
    identity: Some("backup_set_id"),
};

/// `msdb.dbo.backupmediafamily`
pub(crate) const BACKUPMEDIAFAMILY: SystemTable = SystemTable {
    name: "backupmediafamily",
    columns: "media_set_id int not null, family_sequence_number tinyint not null, \
        media_family_id uniqueidentifier, media_count int not null, \
        logical_device_name nvarchar(128), physical_device_name nvarchar(260), \
        device_type tinyint, physical_block_size int, mirror tinyint not null",
    key: &["media_set_id", "family_sequence_number", "media_count", "mirror"],
    identity: None,
};

/// `msdb.dbo.backupfile`
pub(crate) const BACKUPFILE: SystemTable = SystemTable {
    name: "backupfile",
    columns: "backup_set_id int not null, first_family_number tinyint, first_media_number smallint, \
        filegroup_name nvarchar(128), page_size int, file_number numeric(10,0) not null, \
        backed_up_page_count numeric(10,0), file_type char(1), \
        source_file_block_size numeric(10,0), file_size numeric(20,0), \
        logical_name nvarchar(128), physical_drive nvarchar(260), physical_name nvarchar(260), \
        state tinyint = 0, state_desc nvarchar(64) = ONLINE, create_lsn numeric(25,0), \
        drop_lsn numeric(25,0), file_guid uniqueidentifier, read_only_lsn numeric(25,0), \
        read_write_lsn numeric(25,0), differential_base_lsn numeric(25,0), \
        differential_base_guid uniqueidentifier, backup_size numeric(20,0), \
        filegroup_guid uniqueidentifier, is_readonly bit = 0, is_present bit = 1",
    key: &["backup_set_id", "file_number"],
    identity: None,
};

/// `msdb.dbo.restorehistory`
pub(crate) const RESTOREHISTORY: SystemTable = SystemTable {
    name: "restorehistory",
    columns: "restore_history_id int not null, restore_date datetime, \
        destination_database_name nvarchar(128), user_name nvarchar(128), backup_set_id int, \
        restore_type char(1), replace bit, recovery bit, restart bit, stop_at datetime, \
        device_count tinyint, stop_at_mark_name nvarchar(128), stop_before bit",
    key: &["restore_history_id"],
    identity: Some("restore_history_id"),
};

/// `msdb.dbo.restorefile`
pub(crate) const RESTOREFILE: SystemTable = SystemTable {
    name: "restorefile",
    columns: "restore_history_id int, file_number numeric(10,0), \
        destination_phys_drive nvarchar(260), destination_phys_name nvarchar(260)",
    key: &[],
    identity: None,
};

/// All of them.
pub(crate) const TABLES: &[&SystemTable] = &[
    &LOG_SHIPPING_PRIMARY_DATABASES,
    &LOG_SHIPPING_PRIMARY_SECONDARIES,
    &LOG_SHIPPING_SECONDARY,
    &LOG_SHIPPING_SECONDARY_DATABASES,
    &LOG_SHIPPING_MONITOR_PRIMARY,
    &LOG_SHIPPING_MONITOR_SECONDARY,
    &LOG_SHIPPING_MONITOR_HISTORY_DETAIL,
    &LOG_SHIPPING_MONITOR_ERROR_DETAIL,
    &LOG_SHIPPING_MONITOR_ALERT,
    &SYSJOBS,
    &SYSJOBSTEPS,
    &SYSJOBSERVERS,
    &SYSSCHEDULES,
    &SYSJOBSCHEDULES,
    &SYSJOBACTIVITY,
    &SYSJOBHISTORY,
    &SYSSESSIONS,
    &SYSCATEGORIES,
    &BACKUPMEDIASET,
    &BACKUPSET,
    &BACKUPMEDIAFAMILY,
    &BACKUPFILE,
    &RESTOREHISTORY,
    &RESTOREFILE,
];
