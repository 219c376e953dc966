//! The master key and the certificates of `master`.
//!
//! They exist as objects: they are listed, go to files and come from them, and say who a mirroring partner
//! is. There is no cryptography behind them. A private key is a mark that the certificate has one, and a
//! password is kept as what a stream cipher makes of it, so that no file holds it.

use super::definition::same_name;
use crate::log::codec::{Decoded, Malformed, Reader, Writer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::rc::Rc;
use uuid::Uuid;

/// `certificate_id` of the first certificate that a user creates.
const FIRST_CERTIFICATE_ID: i32 = 256;
/// `dbo`, who owns a certificate without AUTHORIZATION.
pub(crate) const DBO: i32 = 1;
/// The SID of a certificate is S-1-9-1 and its thumbprint.
const SID_PREFIX: [u8; 12] = [1, 6, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0];

/// A password, as far as one has to tell whether another is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verifier {
    salt: [u8; 32],
    made: [u8; 32],
}

impl Verifier {
    /// Of a new password; `chance` is the salt.
    pub(crate) fn of(password: &str, chance: [Uuid; 2]) -> Self {
        let mut salt = [0; 32];
        salt[..16].copy_from_slice(chance[0].as_bytes());
        salt[16..].copy_from_slice(chance[1].as_bytes());
        Self { salt, made: stretch(password, salt) }
    }

    /// Whether this is the password.
    pub(crate) fn fits(&self, password: &str) -> bool {
        stretch(password, self.salt) == self.made
    }

    fn put(&self, out: &mut Writer) {
        out.raw(&self.salt);
        out.raw(&self.made);
    }

    fn get(from: &mut Reader<'_>) -> Decoded<Self> {
        let mut half = || from.raw(32)?.try_into().map_err(|_| Malformed);
        Ok(Self { salt: half()?, made: half()? })
    }
}

/// One block of ChaCha20 for each 32 bytes, each keyed by the one before and the bytes.
fn stretch(password: &str, salt: [u8; 32]) -> [u8; 32] {
    let mut state = salt;
    let length = (password.len() as u64).to_le_bytes();
    for block in password.as_bytes().chunks(32).chain([&length[..]]) {
        for (byte, from) in state.iter_mut().zip(block) {
            *byte ^= from;
        }
        ChaCha20Rng::from_seed(state).fill_bytes(&mut state);
    }
    state
}

/// What there is of a certificate's private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrivateKey {
    /// It came from a file without one.
    None,
    /// Encrypted by the master key.
    ByMasterKey,
    /// Encrypted by a password.
    ByPassword(Verifier),
}

/// A certificate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Certificate {
    pub(crate) certificate_id: i32,
    pub(crate) name: Rc<str>,
    /// `principal_id` of the owner.
    pub(crate) owner: i32,
    pub(crate) subject: Rc<str>,
    pub(crate) serial: Rc<str>,
    /// SHA-1 of a real certificate; here what makes it the same one on another server.
    pub(crate) thumbprint: Rc<[u8]>,
    pub(crate) start: jiff::Timestamp,
    pub(crate) expiry: jiff::Timestamp,
    pub(crate) private_key: PrivateKey,
    pub(crate) key_backed_up: Option<jiff::Timestamp>,
    pub(crate) is_for_dialogs: bool,
}

impl Certificate {
    /// The SID of logins and users that come from it.
    pub(crate) fn sid(&self) -> Rc<[u8]> {
        [&SID_PREFIX[..], &self.thumbprint].concat().into()
    }

    /// What everybody may know: the same in a file, and on the server that reads it.
    pub(crate) fn put_public(&self, out: &mut Writer) {
        out.str(&self.subject);
        out.str(&self.serial);
        out.bytes(&self.thumbprint);
        out.time(self.start);
        out.time(self.expiry);
    }

    /// Reads what everybody may know; everything else is as of a certificate from a file.
    pub(crate) fn get_public(from: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Self {
            certificate_id: 0,
            name: "".into(),
            owner: DBO,
            subject: from.str()?,
            serial: from.str()?,
            thumbprint: from.bytes()?.into(),
            start: from.time()?,
            expiry: from.time()?,
            private_key: PrivateKey::None,
            key_backed_up: None,
            is_for_dialogs: true,
        })
    }
}

/// The database master key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MasterKey {
    pub(crate) guid: Uuid,
    pub(crate) created: jiff::Timestamp,
    pub(crate) password: Verifier,
}

/// All keys of a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keys {
    pub(crate) master: Option<MasterKey>,
    pub(crate) certificates: Vec<Certificate>,
    last_id: i32,
}

impl Keys {
    /// A certificate by name.
    pub(crate) fn certificate(&self, name: &str) -> Option<&Certificate> {
        self.certificates.iter().find(|known| same_name(&known.name, name))
    }

    /// A certificate by what it is.
    pub(crate) fn by_thumbprint(&self, thumbprint: &[u8]) -> Option<&Certificate> {
        self.certificates.iter().find(|known| *known.thumbprint == *thumbprint)
    }

    /// Adds a certificate; gives it its id.
    pub(crate) fn add(&mut self, mut certificate: Certificate) {
        self.last_id = self.last_id.max(FIRST_CERTIFICATE_ID - 1) + 1;
        certificate.certificate_id = self.last_id;
        self.certificates.push(certificate);
    }

    /// Removes a certificate.
    pub(crate) fn remove(&mut self, name: &str) {
        self.certificates.retain(|known| !same_name(&known.name, name));
    }

    pub(crate) fn put(&self, out: &mut Writer) {
        let Self { master, certificates, last_id } = self;
        out.option(master.as_ref(), |out, key| {
            out.guid(key.guid);
            out.time(key.created);
            key.password.put(out);
        });
        out.count(certificates.len());
        for certificate in certificates {
            certificate.put_public(out);
            out.i64(i64::from(certificate.certificate_id));
            out.str(&certificate.name);
            out.i64(i64::from(certificate.owner));
            put_private_key(out, &certificate.private_key);
            out.option(certificate.key_backed_up, Writer::time);
            out.bool(certificate.is_for_dialogs);
        }
        out.i64(i64::from(*last_id));
    }

    pub(crate) fn get(from: &mut Reader<'_>) -> Decoded<Self> {
        let master = from.option(|from| {
            Ok(MasterKey { guid: from.guid()?, created: from.time()?, password: Verifier::get(from)? })
        })?;
        let certificates = from.list(|from| {
            let public = Certificate::get_public(from)?;
            Ok(Certificate {
                certificate_id: from.signed()?,
                name: from.str()?,
                owner: from.signed()?,
                private_key: get_private_key(from)?,
                key_backed_up: from.option(Reader::time)?,
                is_for_dialogs: from.bool()?,
                ..public
            })
        })?;
        Ok(Self { master, certificates, last_id: from.signed()? })
    }
}

fn put_private_key(out: &mut Writer, key: &PrivateKey) {
    match key {
        PrivateKey::None => out.u8(0),
        PrivateKey::ByMasterKey => out.u8(1),
        PrivateKey::ByPassword(verifier) => {
            out.u8(2);
            verifier.put(out);
        }
    }
}

fn get_private_key(from: &mut Reader<'_>) -> Decoded<PrivateKey> {
    match from.u8()? {
        0 => Ok(PrivateKey::None),
        1 => Ok(PrivateKey::ByMasterKey),
        2 => Verifier::get(from).map(PrivateKey::ByPassword),
        _ => Err(Malformed),
    }
}

/// First bytes of a file of a certificate.
const CERTIFICATE_FILE: &[u8; 8] = b"FDCERT1\n";
/// First bytes of a file of a private key.
const KEY_FILE: &[u8; 8] = b"FDPKEY1\n";

/// A file: its first bytes, a CRC-32 of the body, the body.
fn sealed(first: &[u8; 8], body: &[u8]) -> Vec<u8> {
    [&first[..], &crc32fast::hash(body).to_le_bytes(), body].concat()
}

fn opened<'f>(first: &[u8; 8], file: &'f [u8]) -> Option<&'f [u8]> {
    let (sum, body) = file.strip_prefix(first)?.split_first_chunk::<4>()?;
    (crc32fast::hash(body) == u32::from_le_bytes(*sum)).then_some(body)
}

/// What BACKUP CERTIFICATE writes.
pub(crate) fn certificate_file(certificate: &Certificate) -> Vec<u8> {
    let mut out = Writer::default();
    certificate.put_public(&mut out);
    sealed(CERTIFICATE_FILE, out.as_bytes())
}

/// What BACKUP CERTIFICATE … WITH PRIVATE KEY writes beside it.
pub(crate) fn key_file(certificate: &Certificate, password: &Verifier) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(&certificate.thumbprint);
    password.put(&mut out);
    sealed(KEY_FILE, out.as_bytes())
}

/// Reads a file of a certificate.
pub(crate) fn read_certificate_file(file: &[u8]) -> Option<Certificate> {
    let mut from = Reader::new(opened(CERTIFICATE_FILE, file)?);
    Certificate::get_public(&mut from).ok().filter(|_| from.is_empty())
}

/// Reads a file of a private key: the thumbprint it goes with, and its password.
pub(crate) fn read_key_file(file: &[u8]) -> Option<(Rc<[u8]>, Verifier)> {
    let mut from = Reader::new(opened(KEY_FILE, file)?);
    let thumbprint = from.bytes().ok()?.into();
    Verifier::get(&mut from).ok().map(|verifier| (thumbprint, verifier)).filter(|_| from.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        Certificate {
            certificate_id: 0,
            name: "a".into(),
            owner: DBO,
            subject: "A".into(),
            serial: "01".into(),
            thumbprint: [7; 20].as_slice().into(),
            start: jiff::Timestamp::UNIX_EPOCH,
            expiry: jiff::Timestamp::UNIX_EPOCH,
            private_key: PrivateKey::ByPassword(Verifier::of("x", [Uuid::from_u128(1); 2])),
            key_backed_up: None,
            is_for_dialogs: true,
        }
    }

    #[test]
    fn a_password_is_told_from_others_and_not_kept() {
        let long = "Passw0rd".repeat(10);
        let verifier = Verifier::of(&long, [Uuid::from_u128(1), Uuid::from_u128(2)]);
        assert!(verifier.fits(&long));
        assert!(!verifier.fits(&long[1..]) && !verifier.fits("") && !verifier.fits(&format!("{long}\0")));
        let file = key_file(&certificate(), &verifier);
        assert!(!file.windows(8).any(|part| part == b"Passw0rd"), "the file holds the password");
        let other = Verifier::of(&long, [Uuid::from_u128(3), Uuid::from_u128(2)]);
        assert_ne!(verifier, other, "the salt counts");
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        let mut keys = Keys::default();
        keys.add(certificate());
        let password = Verifier::of("y", [Uuid::from_u128(4); 2]);
        let (guid, created) = (Uuid::from_u128(5), jiff::Timestamp::UNIX_EPOCH);
        keys.master = Some(MasterKey { guid, created, password });
        let mut out = Writer::default();
        keys.put(&mut out);
        assert_eq!(Keys::get(&mut Reader::new(out.as_bytes())), Ok(keys));
    }

    #[test]
    fn a_damaged_file_is_no_certificate() {
        let file = certificate_file(&certificate());
        assert!(read_certificate_file(&file).is_some());
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert_eq!(read_certificate_file(&damaged), None, "a flipped bit at {at}");
        }
        assert_eq!(read_key_file(&file), None);
    }
}
