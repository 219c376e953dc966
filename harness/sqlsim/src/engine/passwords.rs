//! Passwords as a login keeps them: never in clear text.

use crate::tds::text::put_utf16;
use sha2::{Digest, Sha512};
use std::fmt;
use std::rc::Rc;

/// The version that SQL Server 2012 and later write.
const VERSION: [u8; 2] = [2, 0];
/// Version, salt, SHA-512.
const BYTES: usize = 2 + 4 + 64;

/// A salted hash of a password: `0x0200`, four bytes of salt, and the SHA-512 of the password in UTF-16 with the
/// salt behind it, as `sys.sql_logins.password_hash` shows it. Empty for a login without a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Rc<[u8]>);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// Of a password.
    #[must_use]
    pub fn new(password: &str, salt: [u8; 4]) -> Self {
        let mut salted = Vec::new();
        put_utf16(&mut salted, password);
        salted.extend_from_slice(&salt);
        let hash = Sha512::digest(&salted);
        Self([&VERSION[..], &salt, &hash].concat().into())
    }

    /// Of nobody: no password is right.
    #[must_use]
    pub fn none() -> Self {
        Self([].into())
    }

    /// A hash as another server wrote it (`PASSWORD = 0x… HASHED`); `None` when it is not of this version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let fits = bytes.is_empty() || (bytes.len() == BYTES && bytes.starts_with(&VERSION));
        fits.then(|| Self(bytes.into()))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &Rc<[u8]> {
        &self.0
    }

    /// Whether it is this password's. It takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn is_of(&self, password: &str) -> bool {
        let Some(salt) = self.0.get(2..).and_then(|rest| rest.first_chunk::<4>()) else { return false };
        let other = Self::new(password, *salt);
        self.0.len() == other.0.len()
            && self.0.iter().zip(other.0.iter()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::new("P\u{e4}ssw0rd", [1, 2, 3, 4]);
        assert_eq!((hash.bytes().len(), &hash.bytes()[..6]), (70, &[2, 0, 1, 2, 3, 4][..]));
        assert!(hash.is_of("P\u{e4}ssw0rd"));
        for wrong in ["p\u{e4}ssw0rd", "P\u{e4}ssw0r", "", "P\u{e4}ssw0rd "] {
            assert!(!hash.is_of(wrong), "{wrong:?}");
        }
        assert!(!PasswordHash::none().is_of(""));
    }

    #[test]
    fn a_hash_is_sha_512_of_the_password_in_utf_16_and_the_salt() {
        let expected = Sha512::digest([b'a', 0, b'b', 0, 9, 8, 7, 6]);
        assert_eq!(&PasswordHash::new("ab", [9, 8, 7, 6]).bytes()[6..], expected.as_slice());
    }

    #[test]
    fn only_this_version_is_taken_from_another_server() {
        let hash = PasswordHash::new("x", [0; 4]);
        assert_eq!(PasswordHash::from_bytes(hash.bytes()), Some(hash.clone()));
        assert_eq!(PasswordHash::from_bytes(&hash.bytes()[..69]), None);
        assert_eq!(PasswordHash::from_bytes(&[&[1, 0][..], &hash.bytes()[2..]].concat()), None);
    }
}
