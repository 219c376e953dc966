//! The tabular data stream: codecs between bytes and plain data.
//!
//! Nothing here does I/O or knows a session. Decoders take bytes from a
//! stranger: every length is checked before it is believed, and no input
//! panics. Encoders write into a buffer that [`packet`] cuts into packets.

pub mod login;
pub mod packet;
pub mod prelogin;
mod reader;
pub mod request;
pub mod text;
pub mod tokens;
pub mod types;
pub mod values;

/// What the client and the server speak. Ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TdsVersion {
    /// SQL Server 2000.
    V7_1,
    /// SQL Server 2005: request headers, `max` types, wider counts.
    V7_2,
    /// SQL Server 2008: date and time types.
    V7_3A,
    /// SQL Server 2008 R2: rows with a bitmap of NULLs.
    V7_3B,
    /// SQL Server 2012 and later.
    V7_4,
    /// TDS 8.0: 7.4 inside of TLS.
    V8_0,
}

impl TdsVersion {
    /// The version that a LOGIN7 of number `number` is answered with; `None` when it is too old.
    ///
    /// A client that is newer than this server is answered with the server's newest, as the
    /// protocol asks for.
    #[must_use]
    pub fn negotiate(number: u32) -> Option<Self> {
        Some(match number {
            0x0800_0000 => Self::V8_0,
            0..0x7100_0000 => return None,
            0x7100_0000..0x7209_0002 => Self::V7_1,
            0x7209_0002..0x730A_0003 => Self::V7_2,
            0x730A_0003..0x730B_0003 => Self::V7_3A,
            0x730B_0003..0x7400_0004 => Self::V7_3B,
            _ => Self::V7_4,
        })
    }

    /// The number as LOGINACK carries it.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::V7_1 => 0x7100_0001,
            Self::V7_2 => 0x7209_0002,
            Self::V7_3A => 0x730A_0003,
            Self::V7_3B => 0x730B_0003,
            Self::V7_4 => 0x7400_0004,
            Self::V8_0 => 0x0800_0000,
        }
    }
}

/// Bytes that are not what the protocol allows here, or more of them than this server takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A field goes past the end of its message.
    #[error("the message ends inside {0}")]
    Truncated(&'static str),
    /// A field holds a value that is not allowed.
    #[error("{what} is {found}, which is not allowed here")]
    Invalid {
        /// Which field.
        what: &'static str,
        /// Its value.
        found: u64,
    },
    /// Something is larger than the server's limit.
    #[error("{what} is larger than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in the thing's own unit.
        limit: usize,
    },
    /// A valid part of the protocol that this server does not take.
    #[error("{0} is not supported by this server")]
    NotSupported(&'static str),
}

/// Result of a decoder.
pub type Decoded<T> = Result<T, ProtocolError>;

/// The collation sent with every text: SQL_Latin1_General_CP1_CI_AS.
pub const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];
