//! The result sets of RESTORE HEADERONLY, FILELISTONLY and LABELONLY.

use super::ResultSet;
use super::format::{BackupSet, Damage, Media};
use crate::lsn::Lsn;
use crate::value::{ColumnMeta, DataType, Decimal, Length, Row, Value};
use jiff::Timestamp;
use std::rc::Rc;

/// Internal version of the simulated product's databases (SQL Server 2014).
const DATABASE_VERSION: i64 = 782;
const SOFTWARE_VENDOR_ID: i64 = 4608;

struct Columns {
    metas: Vec<ColumnMeta>,
}

impl Columns {
    fn of(list: &[(&str, DataType)]) -> Self {
        let meta = |(name, data_type): &(&str, DataType)| ColumnMeta {
            name: (*name).into(),
            data_type: *data_type,
            nullable: true,
            identity: false,
        };
        Self { metas: list.iter().map(meta).collect() }
    }
}

const fn nvarchar(n: u16) -> DataType {
    DataType::NVarChar(Length::Upto(n))
}
const fn numeric(precision: u8) -> DataType {
    DataType::Decimal { precision, scale: 0 }
}

/// A time in UTC as this server's local `datetime`.
#[must_use]
pub fn local_datetime(utc: Timestamp, offset_minutes: i16) -> Value {
    let local_ms = utc.as_millisecond() + i64::from(offset_minutes) * 60_000;
    let (days, ms) = (local_ms.div_euclid(86_400_000), local_ms.rem_euclid(86_400_000));
    // 1900-01-01 is 25 567 days before 1970-01-01.
    let days = i32::try_from(days + 25_567).unwrap_or(i32::MAX);
    // The nearest 1/300 s; the last one may belong to the next day, which datetime rounds to as well.
    let ticks = u32::try_from((ms * 3 + 5) / 10).unwrap_or(0);
    if ticks >= 86_400 * 300 {
        return Value::DateTime { days: days + 1, ticks: 0 };
    }
    Value::DateTime { days, ticks }
}

fn lsn(lsn: Lsn) -> Value {
    Value::Decimal(Decimal { mantissa: lsn.to_numeric(), scale: 0 })
}

fn number(value: u64) -> Value {
    Value::Decimal(Decimal { mantissa: i128::from(value), scale: 0 })
}

fn optional_text(text: Option<&Rc<str>>) -> Value {
    text.map_or(Value::Null, |t| Value::Text(t.clone()))
}

/// HEADERONLY: one row for each set, 56 columns.
pub(super) fn header_only(media: &Media, offset_minutes: i16) -> ResultSet {
    use DataType::{BigInt, Binary, Bit, DateTime, Int, SmallInt, TinyInt, UniqueIdentifier};
    let columns = Columns::of(&[
        ("BackupName", nvarchar(128)),
        ("BackupDescription", nvarchar(255)),
        ("BackupType", SmallInt),
        ("ExpirationDate", DateTime),
        ("Compressed", TinyInt),
        ("Position", SmallInt),
        ("DeviceType", TinyInt),
        ("UserName", nvarchar(128)),
        ("ServerName", nvarchar(128)),
        ("DatabaseName", nvarchar(128)),
        ("DatabaseVersion", Int),
        ("DatabaseCreationDate", DateTime),
        ("BackupSize", numeric(20)),
        ("FirstLSN", numeric(25)),
        ("LastLSN", numeric(25)),
        ("CheckpointLSN", numeric(25)),
        ("DatabaseBackupLSN", numeric(25)),
        ("BackupStartDate", DateTime),
        ("BackupFinishDate", DateTime),
        ("SortOrder", SmallInt),
        ("CodePage", SmallInt),
        ("UnicodeLocaleId", Int),
        ("UnicodeComparisonStyle", Int),
        ("CompatibilityLevel", TinyInt),
        ("SoftwareVendorId", Int),
        ("SoftwareVersionMajor", Int),
        ("SoftwareVersionMinor", Int),
        ("SoftwareVersionBuild", Int),
        ("MachineName", nvarchar(128)),
        ("Flags", Int),
        ("BindingID", UniqueIdentifier),
        ("RecoveryForkID", UniqueIdentifier),
        ("Collation", nvarchar(128)),
        ("FamilyGUID", UniqueIdentifier),
        ("HasBulkLoggedData", Bit),
        ("IsSnapshot", Bit),
        ("IsReadOnly", Bit),
        ("IsSingleUser", Bit),
        ("HasBackupChecksums", Bit),
        ("IsDamaged", Bit),
        ("BeginsLogChain", Bit),
        ("HasIncompleteMetaData", Bit),
        ("IsForceOffline", Bit),
        ("IsCopyOnly", Bit),
        ("FirstRecoveryForkID", UniqueIdentifier),
        ("ForkPointLSN", numeric(25)),
        ("RecoveryModel", nvarchar(60)),
        ("DifferentialBaseLSN", numeric(25)),
        ("DifferentialBaseGUID", UniqueIdentifier),
        ("BackupTypeDescription", nvarchar(60)),
        ("BackupSetGUID", UniqueIdentifier),
        ("CompressedBackupSize", BigInt),
        ("containment", TinyInt),
        ("KeyAlgorithm", nvarchar(32)),
        ("EncryptorThumbprint", Binary(20)),
        ("EncryptorType", nvarchar(32)),
    ]);
    let sets = media.sets.iter().enumerate();
    let rows = sets.map(|(index, set)| header_row(set, index + 1, columns.metas.len(), offset_minutes));
    ResultSet { rows: rows.collect(), columns: columns.metas }
}

/// `Flags`: 4 read-only, 8 single-user, 16 checksums, 128 tail-log with NORECOVERY.
fn flags(set: &BackupSet) -> i64 {
    let header = &set.header;
    let bit = |on: bool, value: i64| if on { value } else { 0 };
    bit(header.is_read_only, 4)
        | bit(header.is_single_user, 8)
        | bit(header.has_checksums, 16)
        | bit(header.is_force_offline, 128)
}

fn header_row(set: &BackupSet, position: usize, width: usize, offset_minutes: i16) -> Row {
    let header = &set.header;
    let position = Value::Int(i64::try_from(position).unwrap_or(i64::MAX));
    // A set that was never finished has no end: SQL Server shows its name so, and hardly more.
    let (Some(end), None | Some(Damage::Corrupt)) = (&set.end, set.damage) else {
        let mut row = vec![Value::Null; width];
        row[0] = Value::text("*** INCOMPLETE ***");
        row[2] = Value::Int(header.kind.number());
        row[5] = position;
        return row.into();
    };
    let time = |t: Timestamp| local_datetime(t, offset_minutes);
    let (major, minor, build, _) = crate::instance::PRODUCT_VERSION;
    let model = match header.recovery_model {
        1 => "FULL",
        2 => "BULK-LOGGED",
        _ => "SIMPLE",
    };
    vec![
        optional_text(header.name.as_ref()),
        optional_text(header.description.as_ref()),
        Value::Int(header.kind.number()),
        Value::Null,
        Value::Int(i64::from(header.is_compressed)),
        position,
        Value::Int(2),
        Value::Text(header.user_name.clone()),
        Value::Text(header.server_name.clone()),
        Value::Text(header.database_name.clone()),
        Value::Int(DATABASE_VERSION),
        time(header.database_created),
        number(end.size),
        lsn(header.first_lsn),
        lsn(end.last_lsn),
        lsn(header.checkpoint_lsn),
        lsn(header.database_backup_lsn),
        time(header.started),
        time(end.finished),
        Value::Int(52),
        Value::Int(0),
        Value::Int(1033),
        Value::Int(196_609),
        Value::Int(i64::from(header.compatibility_level)),
        Value::Int(SOFTWARE_VENDOR_ID),
        Value::Int(i64::from(major)),
        Value::Int(i64::from(minor)),
        Value::Int(i64::from(build)),
        Value::Text(header.machine_name.clone()),
        Value::Int(flags(set)),
        Value::Guid(header.binding),
        Value::Guid(header.recovery_fork),
        Value::Text(header.collation.clone()),
        Value::Guid(header.family),
        Value::Bit(false),
        Value::Bit(false),
        Value::Bit(header.is_read_only),
        Value::Bit(header.is_single_user),
        Value::Bit(header.has_checksums),
        Value::Bit(false),
        Value::Bit(header.begins_log_chain),
        Value::Bit(false),
        Value::Bit(header.is_force_offline),
        Value::Bit(header.is_copy_only),
        Value::Guid(header.first_recovery_fork),
        header.fork_point.map_or(Value::Null, lsn),
        Value::text(model),
        header.differential_base.map_or(Value::Null, |(base, _)| lsn(base)),
        header.differential_base.map_or(Value::Null, |(_, guid)| Value::Guid(guid)),
        Value::text(header.kind.description()),
        Value::Guid(header.guid),
        Value::Int(i64::try_from(end.size).unwrap_or(i64::MAX)),
        Value::Int(0),
        Value::Null,
        Value::Null,
        Value::Null,
    ]
    .into()
}

/// FILELISTONLY: one row for each file of the database.
pub(super) fn file_list(set: &BackupSet) -> ResultSet {
    use DataType::{BigInt, Bit, Char, Int, UniqueIdentifier, VarBinary};
    let columns = Columns::of(&[
        ("LogicalName", nvarchar(128)),
        ("PhysicalName", nvarchar(260)),
        ("Type", Char(1)),
        ("FileGroupName", nvarchar(128)),
        ("Size", numeric(20)),
        ("MaxSize", numeric(20)),
        ("FileId", BigInt),
        ("CreateLSN", numeric(25)),
        ("DropLSN", numeric(25)),
        ("UniqueId", UniqueIdentifier),
        ("ReadOnlyLSN", numeric(25)),
        ("ReadWriteLSN", numeric(25)),
        ("BackupSizeInBytes", BigInt),
        ("SourceBlockSize", Int),
        ("FileGroupId", Int),
        ("LogGroupGUID", UniqueIdentifier),
        ("DifferentialBaseLSN", numeric(25)),
        ("DifferentialBaseGUID", UniqueIdentifier),
        ("IsReadOnly", Bit),
        ("IsPresent", Bit),
        ("TDEThumbprint", VarBinary(Length::Upto(32))),
        ("SnapshotURL", nvarchar(360)),
    ]);
    let data_pages = set.end.as_ref().map_or(0, |end| end.data_pages);
    let rows = set.header.files.iter().map(|file| {
        let max = match file.max_size_pages {
            -1 => 35_184_372_080_640,
            pages => u64::try_from(pages).unwrap_or(0) * 8192,
        };
        let backed_up = if file.is_log { 0 } else { data_pages * 8192 };
        Row::from(vec![
            Value::Text(file.name.clone()),
            Value::Text(file.physical_name.clone()),
            Value::text(if file.is_log { "L" } else { "D" }),
            if file.is_log { Value::Null } else { Value::text("PRIMARY") },
            number(u64::try_from(file.size_pages).unwrap_or(0) * 8192),
            number(max),
            Value::Int(i64::from(file.file_id)),
            lsn(file.create_lsn),
            lsn(Lsn::ZERO),
            Value::Guid(file.guid),
            lsn(Lsn::ZERO),
            lsn(Lsn::ZERO),
            Value::Int(i64::try_from(backed_up).unwrap_or(i64::MAX)),
            Value::Int(512),
            Value::Int(i64::from(!file.is_log)),
            Value::Null,
            set.header.differential_base.map_or_else(|| lsn(Lsn::ZERO), |(base, _)| lsn(base)),
            Value::Guid(set.header.differential_base.map_or(uuid::Uuid::nil(), |(_, guid)| guid)),
            Value::Bit(false),
            Value::Bit(true),
            Value::Null,
            Value::Null,
        ])
    });
    ResultSet { rows: rows.collect(), columns: columns.metas }
}

/// LABELONLY: one row for the media.
pub(super) fn label_only(media: &Media, offset_minutes: i16) -> ResultSet {
    use DataType::{Bit, DateTime, Int, TinyInt, UniqueIdentifier};
    let columns = Columns::of(&[
        ("MediaName", nvarchar(128)),
        ("MediaSetId", UniqueIdentifier),
        ("FamilyCount", Int),
        ("FamilySequenceNumber", Int),
        ("MediaFamilyId", UniqueIdentifier),
        ("MediaSequenceNumber", Int),
        ("MediaLabelPresent", TinyInt),
        ("MediaDescription", nvarchar(255)),
        ("SoftwareName", nvarchar(128)),
        ("SoftwareVendorId", Int),
        ("MediaDate", DateTime),
        ("Mirror_Count", Int),
        ("IsCompressed", Bit),
    ]);
    let header = &media.header;
    let row = vec![
        optional_text(header.name.as_ref()),
        Value::Guid(header.media_set),
        Value::Int(1),
        Value::Int(1),
        Value::Guid(header.family),
        Value::Int(1),
        Value::Int(0),
        optional_text(header.description.as_ref()),
        Value::text("Microsoft SQL Server"),
        Value::Int(SOFTWARE_VENDOR_ID),
        local_datetime(header.created, offset_minutes),
        Value::Int(1),
        Value::Bit(media.sets.iter().any(|set| set.header.is_compressed)),
    ];
    ResultSet { rows: vec![row.into()], columns: columns.metas }
}
