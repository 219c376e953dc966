//! Reads backup files piece by piece, so that their length does not matter.
//!
//! A [`Scanner`] takes a file's bytes as they come. It checks every frame and
//! keeps what the sets say of themselves; tables and log records it keeps only
//! of a set that is not large. [`Frames`] then goes through a large one again.

use super::common::{cannot_open, not_media};
use super::format::{
    BackupSet, Damage, FRAME_BODY_READ_MAX, FRAME_HEADER, MAGIC, Media, MediaHeader, NotMedia, SetBody, Tag,
    checksum, get_end, get_media, get_set,
};
use crate::error::SqlError;
use crate::instance::Instance;
use crate::log::codec::Malformed;
use crate::messages;

/// Bytes that are read at once.
pub(super) const PIECE_BYTES: usize = if cfg!(test) { 16 * 1024 } else { 1024 * 1024 };
/// Bytes of tables and log records of one set that are kept in memory.
pub(super) const HELD_BYTES_MAX: usize = if cfg!(test) { 64 * 1024 } else { 16 * 1024 * 1024 };

/// What the next bytes are.
enum Next<'b> {
    /// A whole frame, and the bytes it takes with its header.
    Good(Tag, &'b [u8], usize),
    /// A frame whose checksum is wrong.
    Corrupt(usize),
    /// Nothing that can be a frame: what follows cannot be read either.
    Nonsense,
    /// More bytes are needed.
    Incomplete,
}

fn next_frame(bytes: &[u8]) -> Next<'_> {
    let Some((header, rest)) = bytes.split_at_checked(FRAME_HEADER) else { return Next::Incomplete };
    let Some((tag, length, crc)) = frame_header(header) else { return Next::Nonsense };
    let Some(body) = rest.get(..length) else { return Next::Incomplete };
    let whole = FRAME_HEADER + length;
    match tag {
        Some(tag) if checksum(tag, body) == crc => Next::Good(tag, body, whole),
        _ => Next::Corrupt(whole),
    }
}

/// Tag, length of the body and checksum of a frame; `None` when it cannot be one.
fn frame_header(header: &[u8]) -> Option<(Option<Tag>, usize, u32)> {
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let tag = Tag::of(header[0]);
    let length = number(1) as usize;
    (tag.is_some() && length <= FRAME_BODY_READ_MAX).then_some((tag, length, number(5)))
}

/// Takes in a backup file.
#[derive(Default)]
pub(super) struct Scanner {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that have been dealt with.
    at: usize,
    /// The file's offset of `buffer`'s first byte.
    offset: u64,
    any: bool,
    has_magic: bool,
    header: Option<MediaHeader>,
    sets: Vec<BackupSet>,
    /// The file's offset of the last set's first frame behind its header.
    body_start: u64,
    /// The rest of the file cannot be read.
    is_lost: bool,
}

impl Scanner {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`NotMedia`] when the file is no backup; damage inside a set is the set's own.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), NotMedia> {
        self.any |= !bytes.is_empty();
        if self.is_lost {
            return Ok(());
        }
        self.offset += self.at as u64;
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
        if !self.has_magic {
            if self.buffer.len() < MAGIC.len() {
                return Ok(());
            }
            if !self.buffer.starts_with(MAGIC) {
                return Err(NotMedia::IncorrectlyFormed);
            }
            (self.has_magic, self.at) = (true, MAGIC.len());
        }
        let buffer = std::mem::take(&mut self.buffer);
        let taken = self.frames(&buffer);
        self.buffer = buffer;
        taken
    }

    fn frames(&mut self, buffer: &[u8]) -> Result<(), NotMedia> {
        while !self.is_lost && self.at < buffer.len() {
            match next_frame(&buffer[self.at..]) {
                Next::Incomplete => break,
                Next::Good(tag, body, whole) => {
                    let place = self.offset + self.at as u64;
                    self.at += whole;
                    self.good(tag, body, place)?;
                }
                Next::Corrupt(whole) => {
                    self.at += whole;
                    self.damaged(Damage::Corrupt)?;
                }
                Next::Nonsense => {
                    self.is_lost = true;
                    self.damaged(Damage::Corrupt)?;
                }
            }
        }
        Ok(())
    }

    fn good(&mut self, tag: Tag, bytes: &[u8], place: u64) -> Result<(), NotMedia> {
        if self.header.is_none() {
            if tag != Tag::Media {
                return Err(NotMedia::IncorrectlyFormed);
            }
            self.header = Some(get_media(bytes).map_err(|_| NotMedia::IncorrectlyFormed)?);
            return Ok(());
        }
        let after_damage = self.sets.last().is_some_and(|set| set.damage.is_some());
        let open = self.sets.last_mut().filter(|set| set.end.is_none() && set.damage.is_none());
        match (tag, open) {
            (Tag::SetBegin, open) => {
                if let Some(open) = open {
                    open.damage = Some(Damage::Unfinished);
                }
                let header = get_set(bytes).map_err(|_| NotMedia::BadSet)?;
                self.body_start = place + (FRAME_HEADER + bytes.len()) as u64;
                let body = SetBody::Held { content: Vec::new(), log: Vec::new() };
                self.sets.push(BackupSet { header, end: None, damage: None, body });
            }
            (Tag::Content | Tag::Log, Some(open)) => {
                let end = place + (FRAME_HEADER + bytes.len()) as u64;
                keep(&mut open.body, tag, bytes, self.body_start..end);
            }
            (Tag::SetEnd, Some(open)) => match get_end(bytes) {
                Ok(end) => open.end = Some(end),
                Err(Malformed) => open.damage = Some(Damage::Corrupt),
            },
            // What lies between a damaged set and the next one is part of the damage.
            (_, None) if after_damage => {}
            _ => return Err(NotMedia::BadSet),
        }
        Ok(())
    }

    /// A frame that is no good.
    fn damaged(&mut self, damage: Damage) -> Result<(), NotMedia> {
        if self.header.is_none() {
            return Err(NotMedia::IncorrectlyFormed);
        }
        match self.sets.last_mut() {
            Some(open) if open.end.is_none() && open.damage.is_none() => open.damage = Some(damage),
            Some(_) => {}
            None => return Err(NotMedia::BadSet),
        }
        Ok(())
    }

    /// The file has ended.
    ///
    /// # Errors
    /// [`NotMedia`] when it is no backup.
    pub(super) fn finish(mut self) -> Result<Media, NotMedia> {
        if !self.any {
            return Err(NotMedia::Empty);
        }
        if !self.has_magic {
            return Err(NotMedia::IncorrectlyFormed);
        }
        if !self.is_lost && self.at < self.buffer.len() {
            self.damaged(Damage::Cut)?;
        }
        if let Some(open) = self.sets.last_mut().filter(|set| set.end.is_none() && set.damage.is_none()) {
            open.damage = Some(Damage::Unfinished);
        }
        let header = self.header.ok_or(NotMedia::IncorrectlyFormed)?;
        Ok(Media { header, sets: self.sets })
    }
}

/// Keeps a frame of a set, or only where the set's frames lie when it is large.
fn keep(body: &mut SetBody, tag: Tag, bytes: &[u8], place: std::ops::Range<u64>) {
    match body {
        SetBody::Held { content, log } if content.len() + log.len() + bytes.len() <= HELD_BYTES_MAX => {
            if tag == Tag::Content { content } else { log }.extend_from_slice(bytes);
        }
        _ => *body = SetBody::InFile { start: place.start, end: place.end },
    }
}

/// Takes in a file that is in memory, in pieces whose ends lie anywhere.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_media(bytes: &[u8]) -> Result<Media, NotMedia> {
    let mut scanner = Scanner::default();
    bytes.chunks(997).try_for_each(|piece| scanner.take(piece))?;
    scanner.finish()
}

/// Reads a backup file, whatever its length.
///
/// # Errors
/// 3201, 3203, 3241, 3242, 3254.
pub(super) async fn read_device(instance: &Instance, path: &str) -> Result<Media, SqlError> {
    let size = instance.0.files.size(path).await.map_err(|e| cannot_open(path, &e))?;
    let mut scanner = Scanner::default();
    let mut offset = 0;
    loop {
        let length = usize::try_from(size - offset).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let bytes = instance.0.files.read(path, offset, length).await;
        let bytes = bytes.map_err(|e| messages::error(3203, 1, &[&path, &e]))?;
        scanner.take(&bytes).map_err(|problem| not_media(path, problem))?;
        offset += bytes.len() as u64;
        if bytes.is_empty() || offset >= size {
            return scanner.finish().map_err(|problem| not_media(path, problem));
        }
        tokio::task::yield_now().await;
    }
}

/// Media header and number of sets of a file that is appended to: of a long one only headers are read.
///
/// # Errors
/// As [`read_device`].
pub(super) async fn skim_device(
    instance: &Instance,
    path: &str,
    size: u64,
) -> Result<(MediaHeader, usize), SqlError> {
    if size <= PIECE_BYTES as u64 {
        let media = read_device(instance, path).await?;
        return Ok((media.header, media.sets.len()));
    }
    let mut scanner = Scanner::default();
    let mut sets = 0;
    let mut offset = 0;
    while offset < size {
        let skips = scanner.has_magic && offset > 0;
        let wanted = if skips { FRAME_HEADER } else { MAGIC.len() };
        let bytes = read_exactly(instance, path, offset, wanted).await?;
        if !skips {
            scanner.take(&bytes).map_err(|problem| not_media(path, problem))?;
            offset += bytes.len() as u64;
            continue;
        }
        let header = (bytes.len() == FRAME_HEADER).then(|| frame_header(&bytes)).flatten();
        let Some((tag, length, _)) = header else { break };
        let whole = FRAME_HEADER + length;
        if matches!(tag, Some(Tag::Media | Tag::SetBegin)) {
            let frame = read_exactly(instance, path, offset, whole).await?;
            scanner.take(&frame).map_err(|problem| not_media(path, problem))?;
            sets += usize::from(tag == Some(Tag::SetBegin));
        }
        offset += whole as u64;
    }
    let header = scanner.header.ok_or_else(|| not_media(path, NotMedia::IncorrectlyFormed))?;
    Ok((header, sets))
}

async fn read_exactly(
    instance: &Instance,
    path: &str,
    offset: u64,
    length: usize,
) -> Result<bytes::Bytes, SqlError> {
    let bytes = instance.0.files.read(path, offset, length).await;
    bytes.map_err(|e| messages::error(3203, 1, &[&path, &e]))
}

/// Goes through the frames of a large set again.
pub(super) struct Frames<'i> {
    instance: &'i Instance,
    path: &'i str,
    offset: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl<'i> Frames<'i> {
    /// The frames between two offsets.
    pub(super) fn between(instance: &'i Instance, path: &'i str, start: u64, end: u64) -> Self {
        Self { instance, path, offset: start, end, buffer: Vec::new(), at: 0 }
    }

    /// Appends the next frame's body to `to`, and says what it holds; `None` behind the last one.
    ///
    /// # Errors
    /// 3203 when the file is no longer what it was.
    pub(super) async fn next(&mut self, to: &mut Vec<u8>) -> Result<Option<Tag>, SqlError> {
        loop {
            match next_frame(&self.buffer[self.at..]) {
                Next::Good(tag, body, whole) => {
                    to.extend_from_slice(body);
                    self.at += whole;
                    return Ok(Some(tag));
                }
                Next::Incomplete if self.offset < self.end => {
                    self.buffer.drain(..self.at);
                    self.at = 0;
                    let length =
                        usize::try_from(self.end - self.offset).unwrap_or(usize::MAX).min(PIECE_BYTES);
                    let bytes = read_exactly(self.instance, self.path, self.offset, length).await?;
                    if bytes.is_empty() {
                        return Err(self.broken("38(Reached the end of the file.)"));
                    }
                    self.offset += bytes.len() as u64;
                    self.buffer.extend_from_slice(&bytes);
                }
                Next::Incomplete if self.at == self.buffer.len() => return Ok(None),
                Next::Incomplete | Next::Corrupt(_) | Next::Nonsense => {
                    return Err(self.broken("23(Data error (cyclic redundancy check).)"));
                }
            }
        }
    }

    fn broken(&self, why: &str) -> SqlError {
        messages::error(3203, 1, &[&self.path, &why])
    }
}
