//! Images: one database on disk, taken piece by piece while it is in use.
//!
//! ```text
//! image   "sqlsimIM" version:u32, then chunks
//! chunk   length:u32 crc:u32, then payload: kind:u8 and
//!           1 begin   database, batch:u64, oldest LSN wanted of the log, state, log records, definitions
//!           2 table   definition, last identity value
//!           3 rows    rows of the table before
//!           4 end     number of chunks before
//! ```

use super::frame::FORMAT_VERSION;
use super::journal::{ImagePlace, put_state};
use super::replay::get_state;
use crate::engine::{Content, Database, Definition, ObjectId, RowId, Table};
use crate::log::codec::{
    Decoded, Malformed, Reader, Writer, get_definition, get_definitions, get_record, get_row, put_definition,
    put_definitions, put_record, put_row,
};
use crate::lsn::Lsn;
use std::io::{self, Read};

const MAGIC: &[u8; 8] = b"sqlsimIM";
/// About how many bytes one slice takes from the database at a time.
const SLICE_BYTES: usize = 256 * 1024;
/// A log with more records stays in the segments where it is.
const RECORDS_MAX: usize = 8192;
/// The longest chunk: a row of the largest size, with its neighbours.
const CHUNK_MAX: u32 = 1 << 31;

/// Takes an image, a slice at a time. Between two slices the database may change.
#[derive(Debug)]
pub(crate) struct ImageTaker {
    next_table: Option<ObjectId>,
    next_row: RowId,
    chunks: u64,
}

impl ImageTaker {
    /// Begins an image of what was captured up to batch `begin`: its place, and the first bytes of its file.
    pub(crate) fn begin(database: &Database, begin: u64) -> (Self, ImagePlace, Vec<u8>) {
        let log = &database.log;
        let has_log = log.len() <= RECORDS_MAX;
        let place = ImagePlace {
            file: format!("{}-{begin}.image", database.id),
            begin,
            first_lsn: if has_log { log.next_lsn() } else { log.first_lsn() },
        };
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        let mut taker = Self { next_table: Some(ObjectId::MIN), next_row: 0, chunks: 0 };
        taker.chunk(&mut out, 1, |out| {
            out.u64(u64::from(database.id));
            out.u64(place.begin);
            out.lsn(place.first_lsn);
            put_state(out, database);
            out.count(if has_log { log.len() } else { 0 });
            for record in log.records_from(Lsn::ZERO).filter(|_| has_log) {
                put_record(out, record);
            }
            put_definitions(out, &database.content);
        });
        (taker, place, out)
    }

    fn chunk(&mut self, out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Writer)) {
        let mut writer = Writer::default();
        writer.u8(kind);
        body(&mut writer);
        let bytes = writer.into_bytes();
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        out.extend_from_slice(&bytes);
        self.chunks += 1;
    }

    /// The next slice; `None` when the image is complete.
    pub(crate) fn slice(&mut self, content: &Content) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < SLICE_BYTES {
            let Some(id) = self.next_table else { break };
            let Some(table) = content.next_table(id) else {
                let chunks = self.chunks;
                self.chunk(&mut out, 4, |out| out.u64(chunks));
                self.next_table = None;
                break;
            };
            if table.def.object_id != id || self.next_row == 0 {
                self.next_table = Some(table.def.object_id);
                self.next_row = 1;
                self.chunk(&mut out, 2, |out| {
                    put_definition(out, &Definition::Table(table.def.clone()));
                    out.option(table.identity_current(), Writer::i64);
                });
            }
            self.rows(&mut out, table);
        }
        (!out.is_empty()).then_some(out)
    }

    fn rows(&mut self, out: &mut Vec<u8>, table: &Table) {
        let mut rows = Writer::default();
        let mut count = 0;
        let mut next = None;
        for (id, row) in table.rows_from(self.next_row) {
            if rows.len() >= SLICE_BYTES {
                next = Some(id);
                break;
            }
            rows.u64(id);
            put_row(&mut rows, row);
            count += 1;
        }
        if count > 0 {
            self.chunk(out, 3, |out| {
                out.count(count);
                out.raw(rows.as_bytes());
            });
        }
        match next {
            Some(row) => self.next_row = row,
            None => {
                self.next_table = table.def.object_id.checked_add(1);
                self.next_row = 0;
            }
        }
    }
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is damaged from here on.
    #[error("it is damaged at offset {0}")]
    Damaged(u64),
    /// Another format.
    #[error("it is not an image of format version {FORMAT_VERSION}")]
    NotAnImage,
}

/// Reads an image into an empty database.
pub(crate) fn read_image(file: &mut impl Read, database: &mut Database) -> Result<ImagePlace, ImageError> {
    let mut magic = [0; 12];
    file.read_exact(&mut magic)?;
    if magic[..8] != *MAGIC || magic[8..] != FORMAT_VERSION.to_le_bytes() {
        return Err(ImageError::NotAnImage);
    }
    let mut offset = magic.len() as u64;
    let mut chunks = 0;
    let mut place = None;
    let mut table: Option<Table> = None;
    loop {
        let damaged = || ImageError::Damaged(offset);
        let payload = read_chunk(file).map_err(|_| damaged())?;
        let from = &mut Reader::new(&payload);
        let kind = from.u8().map_err(|_| damaged())?;
        match (kind, place.is_some()) {
            (1, false) => place = Some(get_begin(from, database).map_err(|_| damaged())?),
            (2, true) => {
                if let Some(table) = table.replace(get_table(from).map_err(|_| damaged())?) {
                    database.content.put_table(table);
                }
            }
            (3, true) => {
                let table = table.as_mut().ok_or_else(damaged)?;
                for (id, row) in from.list(|from| Ok((from.u64()?, get_row(from)?))).map_err(|_| damaged())? {
                    table.put(id, row);
                }
            }
            (4, true) => {
                if from.u64() != Ok(chunks) {
                    return Err(damaged());
                }
                if let Some(table) = table {
                    database.content.put_table(table);
                }
                return place.ok_or_else(damaged);
            }
            _ => return Err(damaged()),
        }
        chunks += 1;
        offset += 8 + payload.len() as u64;
    }
}

fn read_chunk(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let [a, b, c, d, crc @ ..] = head;
    let length = u32::from_le_bytes([a, b, c, d]);
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    if length > CHUNK_MAX {
        return Err(invalid());
    }
    let mut payload = Vec::new();
    file.by_ref().take(u64::from(length)).read_to_end(&mut payload)?;
    if payload.len() as u64 != u64::from(length) || crc32fast::hash(&payload) != u32::from_le_bytes(crc) {
        return Err(invalid());
    }
    Ok(payload)
}

fn get_begin(from: &mut Reader<'_>, database: &mut Database) -> Decoded<ImagePlace> {
    if from.u64()? != u64::from(database.id) {
        return Err(Malformed);
    }
    let place = ImagePlace { file: String::new(), begin: from.u64()?, first_lsn: from.lsn()? };
    get_state(from, database)?;
    let position = database.log.position();
    for record in from.list(get_record)? {
        database.log.put_back(record);
    }
    database.log.set_position(position);
    let objects = database.content.object_id_position();
    database.content = get_definitions(from)?;
    database.content.set_object_id_position(objects);
    Ok(place)
}

fn get_table(from: &mut Reader<'_>) -> Decoded<Table> {
    let Definition::Table(def) = get_definition(from)? else { return Err(Malformed) };
    let mut table = Table::new(def);
    table.set_identity(from.option(Reader::i64)?);
    Ok(table)
}
