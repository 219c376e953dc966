//! Backup and restore history: what BACKUP and RESTORE write into msdb.
//!
//! History follows the fact: the backup is on disk, the database restored. What
//! msdb cannot take is noted in the error log, and the statement has still succeeded.

use super::storage::{Writer, write_now};
use super::tables::{BACKUPFILE, BACKUPMEDIAFAMILY, BACKUPMEDIASET, BACKUPSET, RESTOREFILE, RESTOREHISTORY};
use crate::backup::history::{BackupRecord, RestoreRecord};
use crate::catalog::rows::datetime;
use crate::engine::{DatabaseFile, Fault};
use crate::instance::{Instance, PRODUCT_VERSION};
use crate::value::{Decimal, Value};

/// Internal version of the simulated product's databases (SQL Server 2014).
const DATABASE_VERSION: i32 = 782;
/// Bytes of a page.
const PAGE_BYTES: i64 = 8192;
/// `sort_order`, `code_page`, `unicode_locale` and `unicode_compare_style` of the default collation.
const SORTING: (i32, i32, i32, i32) = (52, 0, 1033, 196_609);

/// Writes a backup that was taken.
pub fn record_backup(instance: &Instance, record: &BackupRecord) {
    let written = write_now(instance, |writer| backup_set(instance, writer, record));
    note(instance, written.map(|_| ()));
}

/// Writes a restore that was done.
pub fn record_restore(instance: &Instance, record: &RestoreRecord) {
    let written = write_now(instance, |writer| {
        let set_id = backup_set(instance, writer, &record.backup)?;
        restore(instance, writer, record, set_id)
    });
    note(instance, written);
}

/// Says in the error log that history could not be written.
fn note(instance: &Instance, written: Result<(), crate::SqlError>) {
    if let Err(error) = written {
        let text = crate::messages::error(3009, 1, &[]).message;
        instance.log_line("Backup", &format!("{text} {}", error.message));
    }
}

/// The set's row, added with its media and files when msdb does not know it yet.
fn backup_set(instance: &Instance, writer: &mut Writer<'_>, record: &BackupRecord) -> Result<i64, Fault> {
    let guid = record.header.guid;
    if let Some(known) = writer.find(&BACKUPSET, |row| row.guid("backup_set_uuid") == guid)?.first() {
        return Ok(known.int("backup_set_id"));
    }
    let media_set_id = media_set(writer, record)?;
    let set_id = writer.insert(&BACKUPSET, |row| fill_set(instance, row, record, media_set_id))?;
    for file in &record.header.files {
        backup_file(writer, record, file, set_id)?;
    }
    Ok(set_id)
}

/// The media set's row, added with its only family when msdb does not know it yet.
fn media_set(writer: &mut Writer<'_>, record: &BackupRecord) -> Result<i64, Fault> {
    let media = &record.media;
    let known = writer.find(&BACKUPMEDIASET, |row| row.guid("media_uuid") == media.media_set)?;
    if let Some(known) = known.first() {
        return Ok(known.int("media_set_id"));
    }
    let id = writer.insert(&BACKUPMEDIASET, |row| {
        row.set("media_uuid", media.media_set)
            .set("name", media.name.as_ref())
            .set("description", media.description.as_ref())
            .set("is_compressed", record.header.is_compressed);
    })?;
    writer.insert(&BACKUPMEDIAFAMILY, |row| {
        row.set("media_set_id", id)
            .set("family_sequence_number", 1)
            .set("media_family_id", media.family)
            .set("media_count", 1)
            .set("physical_device_name", &record.device)
            .set("device_type", 2)
            .set("physical_block_size", 512)
            .set("mirror", 0);
    })?;
    Ok(id)
}

/// `flags`, as HEADERONLY's.
fn flags(record: &BackupRecord) -> i64 {
    let header = &record.header;
    let bit = |on: bool, value: i64| if on { value } else { 0 };
    bit(header.is_read_only, 4)
        | bit(header.is_single_user, 8)
        | bit(header.has_checksums, 16)
        | bit(header.is_force_offline, 128)
}

fn fill_set(
    instance: &Instance,
    row: &mut crate::catalog::rows::RowDraft<'_>,
    record: &BackupRecord,
    media_set_id: i64,
) {
    let (header, end) = (&record.header, &record.end);
    let time = |at| datetime(at, instance.0.clock.utc_offset_minutes());
    let size = || number(i64::try_from(end.size).unwrap_or(i64::MAX));
    let (major, minor, build, _) = PRODUCT_VERSION;
    let (sort_order, code_page, locale, compare_style) = SORTING;
    let model = match header.recovery_model {
        1 => "FULL",
        2 => "BULK-LOGGED",
        _ => "SIMPLE",
    };
    row.set("backup_set_uuid", header.guid)
        .set("media_set_id", media_set_id)
        .set("first_family_number", 1)
        .set("first_media_number", 1)
        .set("last_family_number", 1)
        .set("last_media_number", 1)
        .set("catalog_family_number", 1)
        .set("catalog_media_number", 1)
        .set("position", record.position)
        .set("software_vendor_id", 4608)
        .set("name", header.name.as_ref())
        .set("description", header.description.as_ref())
        .set("user_name", &header.user_name)
        .set("software_major_version", major)
        .set("software_minor_version", minor)
        .set("software_build_version", build)
        .set("time_zone", 127)
        .set("mtf_minor_version", 0)
        .set("first_lsn", header.first_lsn)
        .set("last_lsn", end.last_lsn)
        .set("checkpoint_lsn", header.checkpoint_lsn)
        .set("database_backup_lsn", header.database_backup_lsn)
        .set("database_creation_date", time(header.database_created))
        .set("backup_start_date", time(header.started))
        .set("backup_finish_date", time(end.finished))
        .set("type", header.kind.letter())
        .set("sort_order", sort_order)
        .set("code_page", code_page)
        .set("compatibility_level", header.compatibility_level)
        .set("database_version", DATABASE_VERSION)
        .set("backup_size", size())
        .set("database_name", &header.database_name)
        .set("server_name", &header.server_name)
        .set("machine_name", &header.machine_name)
        .set("flags", flags(record))
        .set("unicode_locale", locale)
        .set("unicode_compare_style", compare_style)
        .set("collation_name", &header.collation)
        .set("recovery_model", model)
        .set("is_readonly", header.is_read_only)
        .set("is_single_user", header.is_single_user)
        .set("has_backup_checksums", header.has_checksums)
        .set("begins_log_chain", header.begins_log_chain)
        .set("is_force_offline", header.is_force_offline)
        .set("is_copy_only", header.is_copy_only)
        .set("first_recovery_fork_guid", header.first_recovery_fork)
        .set("last_recovery_fork_guid", header.recovery_fork)
        .set("fork_point_lsn", header.fork_point)
        .set("database_guid", header.binding)
        .set("family_guid", header.family)
        .set("differential_base_lsn", header.differential_base.map(|(lsn, _)| lsn))
        .set("differential_base_guid", header.differential_base.map(|(_, guid)| guid))
        .set("compressed_backup_size", size());
}

fn backup_file(
    writer: &mut Writer<'_>,
    record: &BackupRecord,
    file: &DatabaseFile,
    set_id: i64,
) -> Result<(), Fault> {
    let pages = if file.is_log { record.end.log_pages } else { record.end.data_pages };
    let pages = i64::try_from(pages).unwrap_or(i64::MAX / PAGE_BYTES);
    writer.insert(&BACKUPFILE, |row| {
        row.set("backup_set_id", set_id)
            .set("first_family_number", 1)
            .set("first_media_number", 1)
            .set("filegroup_name", (!file.is_log).then_some("PRIMARY"))
            .set("page_size", PAGE_BYTES)
            .set("file_number", number(i64::from(file.file_id)))
            .set("backed_up_page_count", number(pages))
            .set("file_type", if file.is_log { "L" } else { "D" })
            .set("source_file_block_size", number(512))
            .set("file_size", number(file.size_pages * PAGE_BYTES))
            .set("logical_name", &file.name)
            .set("physical_drive", file.physical_name.get(..2))
            .set("physical_name", &file.physical_name)
            .set("create_lsn", file.create_lsn)
            .set("file_guid", file.guid)
            .set("backup_size", number(pages * PAGE_BYTES));
    })?;
    Ok(())
}

fn restore(
    instance: &Instance,
    writer: &mut Writer<'_>,
    record: &RestoreRecord,
    set_id: i64,
) -> Result<(), Fault> {
    let offset = instance.0.clock.utc_offset_minutes();
    let id = writer.insert(&RESTOREHISTORY, |row| {
        row.set("restore_date", datetime(record.finished, offset))
            .set("destination_database_name", &record.database)
            .set("user_name", &record.user_name)
            .set("backup_set_id", set_id)
            .set("restore_type", record.restore_type)
            .set("replace", record.replace)
            .set("recovery", record.recovery)
            .set("restart", record.restart)
            .set("stop_at", record.stop_at.map(|at| datetime(at, offset)))
            .set("device_count", 1);
    })?;
    for (file_id, path) in &record.files {
        writer.insert(&RESTOREFILE, |row| {
            row.set("restore_history_id", id)
                .set("file_number", number(i64::from(*file_id)))
                .set("destination_phys_drive", path.get(..2))
                .set("destination_phys_name", path);
        })?;
    }
    Ok(())
}

/// A whole number as numeric.
fn number(value: i64) -> Value {
    Value::Decimal(Decimal { mantissa: i128::from(value), scale: 0 })
}
