//! LOGIN7: who connects, and what the connection shall be like.

use super::reader::Reader;
use super::{Decoded, ProtocolError};
use std::fmt;

/// The fixed part; 94 bytes since 7.2.
const FIXED_BYTES: usize = 86;
/// The longest text a LOGIN7 may carry, in characters (a password; a name has at most 128).
const TEXT_CHARACTERS_MAX: usize = 1024;

/// A decoded LOGIN7.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The protocol version asked for.
    pub version: u32,
    /// The packet size asked for, in bytes; 0 leaves it to the server.
    pub packet_bytes: u32,
    /// Process id of the client.
    pub client_pid: u32,
    /// Whether Windows sign-in is asked for.
    pub is_integrated: bool,
    /// Whether the client only wants to read.
    pub is_read_only_intent: bool,
    /// Name of the client's machine; may be empty.
    pub host_name: String,
    /// Login name.
    pub user_name: String,
    /// Password. Never shown.
    pub password: String,
    /// Application name.
    pub application: String,
    /// The server name the client used.
    pub server: String,
    /// Name of the client library.
    pub library: String,
    /// Language asked for; empty for the login's own.
    pub language: String,
    /// Database asked for; empty for the login's own.
    pub database: String,
    /// Whether the client asks for a new password.
    pub changes_password: bool,
    /// Whether a feature block asks for federated authentication.
    pub is_federated: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user_name", &self.user_name)
            .field("host_name", &self.host_name)
            .field("application", &self.application)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// Reads a LOGIN7.
///
/// # Errors
/// When a text lies outside the message or is too long.
pub fn decode(payload: &[u8]) -> Decoded<Login> {
    let fixed = payload.get(..FIXED_BYTES).ok_or(ProtocolError::Truncated("LOGIN7"))?;
    let field = |at: usize| {
        let bytes = fixed.get(at..at + 4).unwrap_or(&[0; 4]);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    };
    let declared = field(0) as usize;
    let payload = payload.get(..declared).ok_or(ProtocolError::Truncated("LOGIN7"))?;
    let (flags_2, flags_type, flags_3) = (fixed[25], fixed[26], fixed[27]);
    let password = text_bytes(payload, 44)?;
    let password: Vec<u8> = password.iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
    let has_extension = flags_3 & 0x10 != 0;
    Ok(Login {
        version: field(4),
        packet_bytes: field(8),
        client_pid: field(16),
        is_integrated: flags_2 & 0x80 != 0,
        is_read_only_intent: flags_type & 0x20 != 0,
        host_name: text(payload, 36)?,
        user_name: text(payload, 40)?,
        password: super::text::from_utf16(&password),
        application: text(payload, 48)?,
        server: text(payload, 52)?,
        library: text(payload, 60)?,
        language: text(payload, 64)?,
        database: text(payload, 68)?,
        changes_password: flags_3 & 0x01 != 0,
        is_federated: has_extension && asks_for_federated_authentication(payload)?,
    })
}

/// The bytes of the text whose offset and length (in characters) stand at `at`.
fn text_bytes(payload: &[u8], at: usize) -> Decoded<&[u8]> {
    let mut entry = Reader::new(payload.get(at..).unwrap_or_default());
    let offset = usize::from(entry.u16("a LOGIN7 text")?);
    let characters = usize::from(entry.u16("a LOGIN7 text")?);
    if characters > TEXT_CHARACTERS_MAX {
        return Err(ProtocolError::TooLarge { what: "a LOGIN7 text", limit: TEXT_CHARACTERS_MAX });
    }
    if characters == 0 {
        return Ok(&[]);
    }
    payload
        .get(offset..)
        .and_then(|rest| rest.get(..characters * 2))
        .ok_or(ProtocolError::Truncated("a LOGIN7 text"))
}

fn text(payload: &[u8], at: usize) -> Decoded<String> {
    Ok(super::text::from_utf16(text_bytes(payload, at)?))
}

/// Walks the feature block. Features other than federated authentication are optional for the
/// server and get no answer, which tells the client that they are not there.
fn asks_for_federated_authentication(payload: &[u8]) -> Decoded<bool> {
    const WHAT: &str = "the LOGIN7 feature block";
    const FEDERATED: u8 = 0x02;
    let mut entry = Reader::new(payload.get(56..).unwrap_or_default());
    let offset = usize::from(entry.u16(WHAT)?);
    let mut pointer = Reader::new(payload.get(offset..).unwrap_or_default());
    let block = pointer.u32(WHAT)? as usize;
    let mut block = Reader::new(payload.get(block..).unwrap_or_default());
    let mut federated = false;
    loop {
        let feature = block.u8(WHAT)?;
        if feature == 0xFF {
            return Ok(federated);
        }
        federated |= feature == FEDERATED;
        let length = block.u32(WHAT)? as usize;
        block.take(length, WHAT)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::text::put_utf16;
    use proptest::prelude::*;

    /// A LOGIN7 with these texts in the order host, user, password, application, server, -, library,
    /// language, database.
    fn login(texts: [&str; 9]) -> Vec<u8> {
        let mut table = Vec::new();
        let mut data = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let mut bytes = Vec::new();
            put_utf16(&mut bytes, text);
            if index == 2 {
                bytes.iter_mut().for_each(|byte| *byte = byte.rotate_left(4) ^ 0xA5);
            }
            let offset = u16::try_from(94 + data.len()).expect("small");
            table.extend_from_slice(&offset.to_le_bytes());
            table.extend_from_slice(&u16::try_from(bytes.len() / 2).expect("small").to_le_bytes());
            data.extend_from_slice(&bytes);
        }
        let mut out = Vec::new();
        out.extend_from_slice(&u32::try_from(94 + data.len()).expect("small").to_le_bytes());
        out.extend_from_slice(&0x7400_0004_u32.to_le_bytes());
        out.extend_from_slice(&4096_u32.to_le_bytes());
        out.extend_from_slice(&[0; 24]);
        out.extend_from_slice(&table);
        out.resize(94, 0);
        out.extend_from_slice(&data);
        out
    }

    #[test]
    fn names_and_the_scrambled_password_are_read() {
        let login = decode(&login(["desk", "sa", "p\u{e4}ss", "tool", "sql", "", "lib", "", "mgc"]))
            .expect("a whole LOGIN7");
        assert_eq!((login.user_name.as_str(), login.password.as_str()), ("sa", "p\u{e4}ss"));
        assert_eq!((login.database.as_str(), login.application.as_str()), ("mgc", "tool"));
        assert_eq!((login.host_name.as_str(), login.packet_bytes), ("desk", 4096));
    }

    #[test]
    fn the_password_does_not_show_in_debug_output() {
        let login = decode(&login(["", "sa", "secret", "", "", "", "", "", ""])).expect("a whole LOGIN7");
        assert!(!format!("{login:?}").contains("secret"));
    }

    #[test]
    fn a_text_outside_the_message_is_refused() {
        let mut bytes = login(["desk", "sa", "x", "", "", "", "", "", ""]);
        bytes[40] = 0xF0;
        bytes[41] = 0xFF;
        assert_eq!(decode(&bytes), Err(ProtocolError::Truncated("a LOGIN7 text")));
    }

    proptest! {
        #[test]
        fn a_flipped_byte_never_panics(at in 0_usize..100, byte in any::<u8>(), cut in 0_usize..130) {
            let mut bytes = login(["desk", "sa", "x", "a", "b", "", "c", "", "mgc"]);
            let end = bytes.len();
            bytes[at.min(end - 1)] = byte;
            let _ = decode(&bytes[..cut.min(end)]);
            let _ = decode(&bytes);
        }
    }
}
