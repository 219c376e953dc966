//! Frames of the write-ahead log: how a batch lies in a segment, and how far a segment can be believed.
//!
//! Pure: bytes in, bytes out. A segment begins with [`SegmentHeader`]; frames
//! follow without gaps. A batch is what one capture of the server's changes
//! gave; it lies in one or more frames that all carry its sequence number, the
//! last of them marked. A batch counts only as a whole.
//!
//! ```text
//! segment header   "sqlsimWL" version:u32 salt:u32 first_sequence:u64 server:16 bytes crc:u32      44 bytes
//! frame            magic:u32 crc:u32 length:u32 flags:u32 sequence:u64 hardened:u64 offset:u64     40 bytes, then payload
//! ```
//!
//! All numbers are little-endian. A frame's CRC-32 covers everything behind it
//! and starts from the segment's salt; `offset` is the frame's own place in the
//! file. `hardened` is the last batch that was on disk when the frame was
//! written. That is what tells a torn last write from damage: a bad frame may
//! be cut off as long as no later frame says that the batch was on disk.

use uuid::Uuid;

/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 44;
/// Bytes of a frame's header.
pub(crate) const FRAME_HEADER_BYTES: usize = 40;
/// The most payload in one frame.
pub(crate) const PAYLOAD_MAX: usize = 1 << 20;

const SEGMENT_MAGIC: &[u8; 8] = b"sqlsimWL";
/// Version of everything below the data directory; another one is refused.
pub(crate) const FORMAT_VERSION: u32 = 2;
const FRAME_MAGIC: u32 = 0x4D52_4657;
/// The frame ends its batch.
const FLAG_LAST: u32 = 1;
/// The frame carries no batch: it only says what is hardened.
const FLAG_MARK: u32 = 2;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Start of every CRC in the segment: a piece of another file is never taken for one of its frames.
    pub(crate) salt: u32,
    /// The first batch that may begin here.
    pub(crate) first_sequence: u64,
    /// The server that wrote it.
    pub(crate) server: Uuid,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        out.extend_from_slice(SEGMENT_MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        out.extend_from_slice(&self.first_sequence.to_le_bytes());
        out.extend_from_slice(self.server.as_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// `Err` says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let head = bytes.get(..SEGMENT_HEADER_BYTES).ok_or("it is shorter than a segment's header")?;
        if &head[..8] != SEGMENT_MAGIC {
            return Err("it does not begin as a segment does".to_owned());
        }
        let version = number(head, 8);
        if version != FORMAT_VERSION {
            return Err(format!("its format is version {version}; this program reads {FORMAT_VERSION}"));
        }
        if crc32fast::hash(&head[..40]) != number(head, 40) {
            return Err("the checksum of its header is wrong".to_owned());
        }
        let server = Uuid::from_slice(&head[24..40]).map_err(|e| e.to_string())?;
        Ok(Self { salt: number(head, 12), first_sequence: wide(head, 16), server })
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Appends a batch to `out`, whose first byte will lie at `offset` of the segment.
pub(crate) fn put_batch(
    out: &mut Vec<u8>,
    salt: u32,
    offset: u64,
    sequence: u64,
    hardened: u64,
    payload: &[u8],
) {
    let base = out.len();
    let mut rest = payload;
    loop {
        let (part, behind) = rest.split_at(rest.len().min(PAYLOAD_MAX));
        let flags = if behind.is_empty() { FLAG_LAST } else { 0 };
        let at = offset + (out.len() - base) as u64;
        put_frame(out, salt, at, flags, (sequence, hardened), part);
        rest = behind;
        if rest.is_empty() {
            return;
        }
    }
}

/// Appends a frame that says what is hardened and nothing else.
pub(crate) fn put_mark(out: &mut Vec<u8>, salt: u32, offset: u64, hardened: u64) {
    put_frame(out, salt, offset, FLAG_MARK, (hardened, hardened), &[]);
}

fn put_frame(
    out: &mut Vec<u8>,
    salt: u32,
    offset: u64,
    flags: u32,
    (sequence, hardened): (u64, u64),
    payload: &[u8],
) {
    let start = out.len();
    out.extend_from_slice(&FRAME_MAGIC.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&hardened.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(payload);
    let crc = checksum(salt, &out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// One good frame.
struct Frame<'a> {
    flags: u32,
    sequence: u64,
    hardened: u64,
    payload: &'a [u8],
}

fn frame_at(bytes: &[u8], salt: u32, offset: usize) -> Option<Frame<'_>> {
    let head = bytes.get(offset..offset + FRAME_HEADER_BYTES)?;
    if number(head, 0) != FRAME_MAGIC || wide(head, 32) != offset as u64 {
        return None;
    }
    let length = number(head, 8) as usize;
    let end = offset + FRAME_HEADER_BYTES + length;
    if length > PAYLOAD_MAX || checksum(salt, bytes.get(offset + 8..end)?) != number(head, 4) {
        return None;
    }
    let payload = &bytes[offset + FRAME_HEADER_BYTES..end];
    Some(Frame { flags: number(head, 12), sequence: wide(head, 16), hardened: wide(head, 24), payload })
}

/// How far a segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Bytes up to the end of the last whole batch (or mark).
    pub(crate) length: u64,
    /// The batch that comes next.
    pub(crate) next_sequence: u64,
}

/// Why a segment cannot be read.
#[derive(Debug)]
pub(crate) enum SegmentError<E> {
    /// Something that was on disk is damaged: where, and what.
    Damaged {
        /// Offset in the file.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The receiver of the batches gave up.
    Receiver(E),
}

/// Reads a segment, batch by batch: `each` gets the sequence number and the payload.
///
/// `next_sequence` is the batch that has to come first. Only the last segment of a log
/// (`is_last`) may end with a torn write, which is left out.
pub(crate) fn read_segment<E>(
    bytes: &[u8],
    header: &SegmentHeader,
    mut next_sequence: u64,
    is_last: bool,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<End, SegmentError<E>> {
    let mut offset = SEGMENT_HEADER_BYTES;
    let mut good = offset;
    let mut parts: Option<Vec<u8>> = None;
    while let Some(frame) = frame_at(bytes, header.salt, offset) {
        let end = offset + FRAME_HEADER_BYTES + frame.payload.len();
        if frame.flags & FLAG_MARK != 0 {
            if parts.is_some() || frame.hardened >= next_sequence {
                break;
            }
            good = end;
        } else if frame.sequence != next_sequence {
            break;
        } else if frame.flags & FLAG_LAST == 0 {
            parts.get_or_insert_default().extend_from_slice(frame.payload);
        } else {
            match parts.take() {
                Some(mut whole) => {
                    whole.extend_from_slice(frame.payload);
                    each(next_sequence, &whole)
                }
                None => each(next_sequence, frame.payload),
            }
            .map_err(SegmentError::Receiver)?;
            next_sequence += 1;
            good = end;
        }
        offset = end;
    }
    if good == bytes.len() {
        return Ok(End { length: good as u64, next_sequence });
    }
    let damaged = |what: &str| SegmentError::Damaged { offset: offset as u64, what: what.to_owned() };
    if !is_last {
        return Err(damaged("a frame is damaged or missing, and there are later segments"));
    }
    if later_frame_claims(bytes, header.salt, offset, next_sequence) {
        return Err(damaged(
            "a frame that had been written to disk is damaged: a later one says that it was there",
        ));
    }
    Ok(End { length: good as u64, next_sequence })
}

/// Whether a good frame behind `offset` says that batch `sequence` was on disk.
fn later_frame_claims(bytes: &[u8], salt: u32, offset: usize, sequence: u64) -> bool {
    let magic = FRAME_MAGIC.to_le_bytes();
    (offset..bytes.len().saturating_sub(FRAME_HEADER_BYTES - 1))
        .filter(|at| bytes[*at..*at + 4] == magic)
        .filter_map(|at| frame_at(bytes, salt, at))
        .any(|frame| frame.hardened >= sequence)
}

#[cfg(test)]
mod tests;
