//! A cursor over a message that checks every length before it is believed.

use super::{Decoded, ProtocolError};

/// Reads a message from front to back.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything has been read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes that are left.
    pub(super) fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize, what: &'static str) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ProtocolError::Truncated(what))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Decoded<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(ProtocolError::Truncated(what))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next byte without reading past it.
    pub(super) fn peek_u8(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Decoded<u8> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Decoded<u16> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u16_big(&mut self, what: &'static str) -> Decoded<u16> {
        Ok(u16::from_be_bytes(self.array(what)?))
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Decoded<u32> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Decoded<u64> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// UTF-16 text of `units` code units.
    pub(super) fn utf16(&mut self, units: usize, what: &'static str) -> Decoded<String> {
        let bytes = units.checked_mul(2).ok_or(ProtocolError::Truncated(what))?;
        Ok(super::text::from_utf16(self.take(bytes, what)?))
    }

    /// UTF-16 text behind its length as one byte.
    pub(super) fn b_varchar(&mut self, what: &'static str) -> Decoded<String> {
        let units = self.u8(what)?;
        self.utf16(usize::from(units), what)
    }
}
