//! A backup file's bytes: a media header, then backup sets one behind the other.
//!
//! Everything lies in frames: tag, length, CRC-32 of tag and body, body. A set
//! is a header frame, frames with tables and log records, and an end frame,
//! so that a file that was cut or changed anywhere is found out. No I/O here;
//! [`super::scan`] reads files of any length.

use crate::engine::database::DatabaseFile;
use crate::log::codec::{Decoded, Malformed, Reader, Writer};
use crate::lsn::Lsn;
use jiff::Timestamp;
use std::rc::Rc;
use uuid::Uuid;

/// The first bytes of every backup file of this server.
pub(super) const MAGIC: &[u8; 16] = b"sqlsim backup\r\n\x1a";
pub(super) const FRAME_HEADER: usize = 9;
/// The most bytes in one frame that holds tables or log records, as they are written.
pub(crate) const FRAME_BODY_MAX: usize = 64 * 1024;
/// The same in a set that is too large to be held in memory.
pub(crate) const LARGE_FRAME_BODY_MAX: usize = 8 * 1024 * 1024;
/// The most bytes in a frame that is read.
pub(super) const FRAME_BODY_READ_MAX: usize = 16 * 1024 * 1024;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Media = 1,
    SetBegin = 2,
    Content = 3,
    Log = 4,
    SetEnd = 5,
}

impl Tag {
    pub(super) fn of(byte: u8) -> Option<Self> {
        [Self::Media, Self::SetBegin, Self::Content, Self::Log, Self::SetEnd]
            .into_iter()
            .find(|tag| *tag as u8 == byte)
    }
}

/// What RESTORE LABELONLY shows.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaHeader {
    /// MEDIANAME.
    pub name: Option<Rc<str>>,
    /// MEDIADESCRIPTION.
    pub description: Option<Rc<str>>,
    /// Media set.
    pub media_set: Uuid,
    /// Its only family.
    pub family: Uuid,
    /// When it was formatted (UTC).
    pub created: Timestamp,
}

/// Kind of a backup set, numbered as HEADERONLY's `BackupType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// 1
    Full,
    /// 2
    Log,
    /// 5
    Differential,
}

impl SetKind {
    /// `BackupType`.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::Full => 1,
            Self::Log => 2,
            Self::Differential => 5,
        }
    }

    /// `BackupTypeDescription`.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Full => "Database",
            Self::Log => "Transaction Log",
            Self::Differential => "Database Differential",
        }
    }

    /// `msdb.dbo.backupset.type`.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Full => "D",
            Self::Log => "L",
            Self::Differential => "I",
        }
    }
}

/// What is known when a backup set begins.
#[derive(Clone, Debug, PartialEq)]
pub struct SetHeader {
    /// Kind.
    pub kind: SetKind,
    /// NAME
    pub name: Option<Rc<str>>,
    /// DESCRIPTION
    pub description: Option<Rc<str>>,
    /// `BackupSetGUID`
    pub guid: Uuid,
    /// Login that took it.
    pub user_name: Rc<str>,
    /// Server that took it.
    pub server_name: Rc<str>,
    /// Machine that took it.
    pub machine_name: Rc<str>,
    /// Database's name.
    pub database_name: Rc<str>,
    /// When the database was created (UTC).
    pub database_created: Timestamp,
    /// Compatibility level.
    pub compatibility_level: u8,
    /// Collation.
    pub collation: Rc<str>,
    /// Recovery model: 1 FULL, 2 BULK-LOGGED, 3 SIMPLE.
    pub recovery_model: u8,
    /// COMPRESSION
    pub is_compressed: bool,
    /// CHECKSUM
    pub has_checksums: bool,
    /// COPY_ONLY
    pub is_copy_only: bool,
    /// Tail-log backup WITH NORECOVERY or STANDBY.
    pub is_force_offline: bool,
    /// First log backup after the chain began.
    pub begins_log_chain: bool,
    /// The database was read-only.
    pub is_read_only: bool,
    /// The database was in single-user mode.
    pub is_single_user: bool,
    /// First LSN.
    pub first_lsn: Lsn,
    /// Checkpoint LSN.
    pub checkpoint_lsn: Lsn,
    /// Checkpoint LSN of the full backup before.
    pub database_backup_lsn: Lsn,
    /// When it began (UTC).
    pub started: Timestamp,
    /// `BindingID`
    pub binding: Uuid,
    /// `FamilyGUID`
    pub family: Uuid,
    /// Service broker id, which a copy keeps.
    pub service_broker: Uuid,
    /// `FirstRecoveryForkID`
    pub first_recovery_fork: Uuid,
    /// `RecoveryForkID`
    pub recovery_fork: Uuid,
    /// `ForkPointLSN`
    pub fork_point: Option<Lsn>,
    /// `DifferentialBaseLSN` and `DifferentialBaseGUID` of a differential.
    pub differential_base: Option<(Lsn, Uuid)>,
    /// The database's files.
    pub files: Vec<DatabaseFile>,
}

/// What is known when it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct SetEnd {
    /// LSN behind its last record.
    pub last_lsn: Lsn,
    /// When it ended (UTC).
    pub finished: Timestamp,
    /// Size in bytes, as simulated.
    pub size: u64,
    /// Data pages.
    pub data_pages: u64,
    /// Log pages.
    pub log_pages: u64,
}

/// Why a backup set cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file ends inside a frame.
    Cut,
    /// The file, or the next set, begins before this set has ended.
    Unfinished,
    /// A frame's checksum is wrong.
    Corrupt,
}

/// One backup set of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupSet {
    /// From its first frame.
    pub header: SetHeader,
    /// From its last frame; missing in a damaged set.
    pub end: Option<SetEnd>,
    /// What is wrong with it.
    pub damage: Option<Damage>,
    /// Its tables and log records.
    pub(crate) body: SetBody,
}

/// The tables and log records of a set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SetBody {
    /// In memory: tables, as [`crate::log::codec::put_content`] wrote them, and log records.
    Held { content: Vec<u8>, log: Vec<u8> },
    /// Left in the file, since they are too many: its frames lie between these offsets.
    InFile { start: u64, end: u64 },
}

/// A whole backup file.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// Its header.
    pub header: MediaHeader,
    /// Its sets; `sets[0]` has position 1.
    pub sets: Vec<BackupSet>,
}

/// Why a file is no backup at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMedia {
    /// No byte in it (3254).
    Empty,
    /// Not written by BACKUP, or its header is damaged (3241).
    IncorrectlyFormed,
    /// The first set's header is damaged (3242).
    BadSet,
}

/// Appends a frame.
pub(crate) fn put_frame(out: &mut Vec<u8>, tag: Tag, body: &[u8]) {
    out.push(tag as u8);
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&checksum(tag, body).to_le_bytes());
    out.extend_from_slice(body);
}

pub(super) fn checksum(tag: Tag, body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[tag as u8]);
    crc.update(body);
    crc.finalize()
}

/// The bytes of a new file without sets.
pub(crate) fn media_bytes(header: &MediaHeader) -> Vec<u8> {
    let mut body = Writer::default();
    body.option(header.name.as_deref(), Writer::str);
    body.option(header.description.as_deref(), Writer::str);
    body.guid(header.media_set);
    body.guid(header.family);
    body.time(header.created);
    let mut out = MAGIC.to_vec();
    put_frame(&mut out, Tag::Media, &body.into_bytes());
    out
}

pub(super) fn get_media(body: &[u8]) -> Decoded<MediaHeader> {
    let from = &mut Reader::new(body);
    Ok(MediaHeader {
        name: from.option(Reader::str)?,
        description: from.option(Reader::str)?,
        media_set: from.guid()?,
        family: from.guid()?,
        created: from.time()?,
    })
}

/// The body of a set's header frame.
pub(crate) fn set_header_bytes(header: &SetHeader) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(header.kind.number() as u8);
    out.option(header.name.as_deref(), Writer::str);
    out.option(header.description.as_deref(), Writer::str);
    out.guid(header.guid);
    for text in [&header.user_name, &header.server_name, &header.machine_name, &header.database_name] {
        out.str(text);
    }
    out.time(header.database_created);
    out.u8(header.compatibility_level);
    out.str(&header.collation);
    out.u8(header.recovery_model);
    for flag in [
        header.is_compressed,
        header.has_checksums,
        header.is_copy_only,
        header.is_force_offline,
        header.begins_log_chain,
        header.is_read_only,
        header.is_single_user,
    ] {
        out.bool(flag);
    }
    for lsn in [header.first_lsn, header.checkpoint_lsn, header.database_backup_lsn] {
        out.lsn(lsn);
    }
    out.time(header.started);
    for guid in [
        header.binding,
        header.family,
        header.service_broker,
        header.first_recovery_fork,
        header.recovery_fork,
    ] {
        out.guid(guid);
    }
    out.option(header.fork_point, Writer::lsn);
    out.option(header.differential_base, |out, (lsn, guid)| {
        out.lsn(lsn);
        out.guid(guid);
    });
    out.count(header.files.len());
    for file in &header.files {
        put_file(&mut out, file);
    }
    out.into_bytes()
}

pub(super) fn get_set(body: &[u8]) -> Decoded<SetHeader> {
    let from = &mut Reader::new(body);
    Ok(SetHeader {
        kind: match from.u8()? {
            1 => SetKind::Full,
            2 => SetKind::Log,
            5 => SetKind::Differential,
            _ => return Err(Malformed),
        },
        name: from.option(Reader::str)?,
        description: from.option(Reader::str)?,
        guid: from.guid()?,
        user_name: from.str()?,
        server_name: from.str()?,
        machine_name: from.str()?,
        database_name: from.str()?,
        database_created: from.time()?,
        compatibility_level: from.u8()?,
        collation: from.str()?,
        recovery_model: from.u8()?,
        is_compressed: from.bool()?,
        has_checksums: from.bool()?,
        is_copy_only: from.bool()?,
        is_force_offline: from.bool()?,
        begins_log_chain: from.bool()?,
        is_read_only: from.bool()?,
        is_single_user: from.bool()?,
        first_lsn: from.lsn()?,
        checkpoint_lsn: from.lsn()?,
        database_backup_lsn: from.lsn()?,
        started: from.time()?,
        binding: from.guid()?,
        family: from.guid()?,
        service_broker: from.guid()?,
        first_recovery_fork: from.guid()?,
        recovery_fork: from.guid()?,
        fork_point: from.option(Reader::lsn)?,
        differential_base: from.option(|from| Ok((from.lsn()?, from.guid()?)))?,
        files: from.list(get_file)?,
    })
}

fn put_file(out: &mut Writer, file: &DatabaseFile) {
    out.i64(i64::from(file.file_id));
    out.guid(file.guid);
    out.str(&file.name);
    out.str(&file.physical_name);
    out.bool(file.is_log);
    out.i64(file.size_pages);
    out.i64(file.max_size_pages);
    out.i64(file.growth);
    out.bool(file.is_percent_growth);
    out.lsn(file.create_lsn);
}

fn get_file(from: &mut Reader<'_>) -> Decoded<DatabaseFile> {
    Ok(DatabaseFile {
        file_id: from.signed()?,
        guid: from.guid()?,
        name: from.str()?,
        physical_name: from.str()?,
        is_log: from.bool()?,
        size_pages: from.i64()?,
        max_size_pages: from.i64()?,
        growth: from.i64()?,
        is_percent_growth: from.bool()?,
        create_lsn: from.lsn()?,
    })
}

/// The body of a set's last frame.
pub(crate) fn set_end_bytes(end: &SetEnd) -> Vec<u8> {
    let mut out = Writer::default();
    out.lsn(end.last_lsn);
    out.time(end.finished);
    out.u64(end.size);
    out.u64(end.data_pages);
    out.u64(end.log_pages);
    out.into_bytes()
}

pub(super) fn get_end(body: &[u8]) -> Decoded<SetEnd> {
    let from = &mut Reader::new(body);
    Ok(SetEnd {
        last_lsn: from.lsn()?,
        finished: from.time()?,
        size: from.u64()?,
        data_pages: from.u64()?,
        log_pages: from.u64()?,
    })
}
