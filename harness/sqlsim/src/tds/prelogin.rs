//! PRELOGIN: versions and encryption, before anybody says who they are.

use super::reader::Reader;
use super::{Decoded, ProtocolError};

const OPTION_VERSION: u8 = 0;
const OPTION_ENCRYPTION: u8 = 1;
const OPTION_INSTANCE: u8 = 2;
const OPTION_THREAD_ID: u8 = 3;
const OPTION_MARS: u8 = 4;
const OPTION_END: u8 = 0xFF;
/// More options than any client has.
const OPTIONS_MAX: usize = 32;

/// What one side says about encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Only the login, if the other side can.
    Off,
    /// Everything.
    On,
    /// Cannot.
    NotSupported,
    /// Everything, or nothing at all.
    Required,
}

impl Encryption {
    fn from_byte(byte: u8) -> Decoded<Self> {
        // The higher bits announce client certificates; they change nothing here.
        Ok(match byte & 0x1F {
            0 => Self::Off,
            1 => Self::On,
            2 => Self::NotSupported,
            3 => Self::Required,
            other => {
                return Err(ProtocolError::Invalid { what: "the encryption option", found: other.into() });
            }
        })
    }

    fn byte(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::NotSupported => 2,
            Self::Required => 3,
        }
    }
}

/// A client's PRELOGIN, as far as this server cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreLogin {
    /// Its wish about encryption.
    pub encryption: Encryption,
    /// The instance it means; empty when it does not say.
    pub instance: String,
    /// Whether it wants several result sets at a time.
    pub mars: bool,
}

/// Reads a client's PRELOGIN.
///
/// # Errors
/// When an option lies outside the message or there is no encryption option.
pub fn decode(payload: &[u8]) -> Decoded<PreLogin> {
    let mut table = Reader::new(payload);
    let mut encryption = None;
    let mut instance = String::new();
    let mut mars = false;
    for _ in 0..OPTIONS_MAX {
        let option = table.u8("the PRELOGIN options")?;
        if option == OPTION_END {
            return Ok(PreLogin {
                encryption: encryption.ok_or(ProtocolError::Truncated("the PRELOGIN options"))?,
                instance,
                mars,
            });
        }
        let offset = usize::from(table.u16_big("a PRELOGIN option")?);
        let length = usize::from(table.u16_big("a PRELOGIN option")?);
        let data = payload
            .get(offset..)
            .and_then(|data| data.get(..length))
            .ok_or(ProtocolError::Truncated("a PRELOGIN option"))?;
        match (option, data.first()) {
            (OPTION_ENCRYPTION, Some(&byte)) => encryption = Some(Encryption::from_byte(byte)?),
            (OPTION_MARS, Some(&byte)) => mars = byte == 1,
            (OPTION_INSTANCE, _) => {
                let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
                instance = super::text::from_cp1252(&data[..end]);
            }
            _ => {}
        }
    }
    Err(ProtocolError::TooLarge { what: "the PRELOGIN option table", limit: OPTIONS_MAX })
}

/// The server's answer: its version (major, minor, build), what it says about encryption, no MARS.
#[must_use]
pub fn encode_answer(version: (u8, u8, u16), encryption: Encryption) -> Vec<u8> {
    let build = version.2.to_be_bytes();
    let version = [version.0, version.1, build[0], build[1], 0, 0];
    let encryption = [encryption.byte()];
    let options: [(u8, &[u8]); 5] = [
        (OPTION_VERSION, &version),
        (OPTION_ENCRYPTION, &encryption),
        (OPTION_INSTANCE, &[0]),
        (OPTION_THREAD_ID, &[]),
        (OPTION_MARS, &[0]),
    ];
    let mut out = Vec::with_capacity(64);
    let mut offset = 5 * options.len() + 1;
    for (option, data) in options {
        out.push(option);
        // Offsets and lengths of this fixed table stay far below 65 536.
        out.extend_from_slice(&u16::try_from(offset).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
        offset += data.len();
    }
    out.push(OPTION_END);
    for (_, data) in options {
        out.extend_from_slice(data);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_answer_is_itself_a_prelogin() {
        let answer = encode_answer((12, 0, 6024), Encryption::NotSupported);
        let read = decode(&answer).expect("our own bytes");
        assert_eq!(
            read,
            PreLogin { encryption: Encryption::NotSupported, instance: String::new(), mars: false }
        );
        assert_eq!(&answer[26..32], &[12, 0, 0x17, 0x88, 0, 0]);
    }

    #[test]
    fn an_option_outside_the_message_is_refused() {
        assert_eq!(
            decode(&[OPTION_ENCRYPTION, 0, 6, 0, 9, OPTION_END, 2]),
            Err(ProtocolError::Truncated("a PRELOGIN option"))
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
        }
    }
}
