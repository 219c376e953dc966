//! The manifest: which checkpoint a data directory starts from.
//!
//! ```text
//! manifest   "sqlsimMF" version:u32 length:u32 crc:u32, then
//!            server:16 bytes, batch:u64, end:u64, logins and endpoint, images (database, file, batch, oldest LSN)
//! ```
//!
//! It is replaced as a whole: written under another name, flushed, renamed.

use super::frame::FORMAT_VERSION;
use super::journal::ImagePlace;
use crate::engine::DatabaseId;
use crate::log::codec::{Decoded, Malformed, Reader, Writer};
use std::collections::BTreeMap;
use uuid::Uuid;

const MAGIC: &[u8; 8] = b"sqlsimMF";

/// What a checkpoint consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The server whose directory this is.
    pub(crate) identity: Uuid,
    /// Logins and the endpoint are as of this batch.
    pub(crate) sequence: u64,
    /// The write-ahead log reaches at least to this batch.
    pub(crate) end: u64,
    /// Logins and the endpoint; `None` before the first checkpoint.
    pub(crate) server: Option<Vec<u8>>,
    /// Images.
    pub(crate) images: BTreeMap<DatabaseId, ImagePlace>,
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Writer::default();
        body.guid(self.identity);
        body.u64(self.sequence);
        body.u64(self.end);
        body.option(self.server.as_deref(), Writer::bytes);
        body.count(self.images.len());
        for (id, place) in &self.images {
            body.u64(u64::from(*id));
            body.str(&place.file);
            body.u64(place.begin);
            body.lsn(place.first_lsn);
        }
        let body = body.into_bytes();
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// `Err` says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (head, body) = bytes.split_at_checked(20).ok_or("it is shorter than a manifest")?;
        if &head[..8] != MAGIC {
            return Err("it does not begin as a manifest does".to_owned());
        }
        let number = |at: usize| head[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        if number(8) != FORMAT_VERSION {
            let version = number(8);
            return Err(format!("its format is version {version}; this program reads {FORMAT_VERSION}"));
        }
        if body.len() != number(12) as usize || crc32fast::hash(body) != number(16) {
            return Err("its checksum is wrong".to_owned());
        }
        Self::get(&mut Reader::new(body)).map_err(|_| "its content is malformed".to_owned())
    }

    fn get(from: &mut Reader<'_>) -> Decoded<Self> {
        let mut manifest = Self {
            identity: from.guid()?,
            sequence: from.u64()?,
            end: from.u64()?,
            server: from.option(|from| Ok(from.bytes()?.to_vec()))?,
            images: BTreeMap::new(),
        };
        let images = from.list(|from| {
            let id: DatabaseId = from.number()?;
            Ok((id, ImagePlace { file: from.str()?.to_string(), begin: from.u64()?, first_lsn: from.lsn()? }))
        })?;
        let count = images.len();
        manifest.images.extend(images);
        if manifest.images.len() != count || !from.is_empty() {
            return Err(Malformed);
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsn::Lsn;

    #[test]
    fn a_manifest_comes_back_and_a_damaged_one_is_refused() {
        let place = ImagePlace {
            file: "5-9.image".to_owned(),
            begin: 9,
            first_lsn: Lsn { vlf: 34, block: 16, slot: 1 },
        };
        let manifest = Manifest {
            identity: Uuid::from_u128(77),
            sequence: 8,
            end: 11,
            server: Some(vec![1, 2, 3]),
            images: BTreeMap::from([(5, place)]),
        };
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            assert!(Manifest::decode(&changed).is_err(), "byte {at}");
            assert!(Manifest::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
