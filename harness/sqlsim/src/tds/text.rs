//! Text on the wire: UTF-16 for the n-types, code page 1252 for the others.

use encoding_rs::WINDOWS_1252;

/// Text from little-endian UTF-16. Halves of surrogate pairs become U+FFFD; an odd last byte is dropped.
#[must_use]
pub fn from_utf16(bytes: &[u8]) -> String {
    let units = || bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    // Nearly all statements and names are ASCII; without a branch for each unit the compiler takes many at once.
    if units().fold(0, |all, unit| all | unit) < 0x80
        && let Ok(text) = String::from_utf8(units().map(|unit| unit as u8).collect())
    {
        return text;
    }
    let mut text = String::with_capacity(bytes.len() / 2);
    text.extend(char::decode_utf16(units()).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text
}

/// Appends text as little-endian UTF-16; gives the count of code units.
pub fn put_utf16(out: &mut Vec<u8>, text: &str) -> usize {
    let start = out.len();
    if text.is_ascii() {
        out.resize(start + 2 * text.len(), 0);
        for (unit, byte) in out[start..].as_chunks_mut::<2>().0.iter_mut().zip(text.bytes()) {
            unit[0] = byte;
        }
    } else {
        out.reserve(text.len() * 2);
        for unit in text.encode_utf16() {
            out.extend_from_slice(&unit.to_le_bytes());
        }
    }
    (out.len() - start) / 2
}

/// Text from code page 1252.
#[must_use]
pub fn from_cp1252(bytes: &[u8]) -> String {
    WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}

/// Appends text in code page 1252; what the page lacks becomes `?`. Gives the count of bytes.
pub fn put_cp1252(out: &mut Vec<u8>, text: &str) -> usize {
    let start = out.len();
    if text.is_ascii() {
        out.extend_from_slice(text.as_bytes());
    } else {
        let mut one = [0; 4];
        for character in text.chars() {
            let (encoded, _, unmappable) = WINDOWS_1252.encode(character.encode_utf8(&mut one));
            if unmappable {
                out.push(b'?');
            } else {
                out.extend_from_slice(&encoded);
            }
        }
    }
    out.len() - start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_character_that_the_code_page_lacks_becomes_a_question_mark() {
        let mut out = Vec::new();
        assert_eq!(put_cp1252(&mut out, "é€한"), 3);
        assert_eq!(out, [0xE9, 0x80, b'?']);
        assert_eq!(from_cp1252(&out), "é€?");
    }

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character() {
        assert_eq!(from_utf16(&[0x41, 0, 0x00, 0xD8, 0x42, 0]), "A\u{FFFD}B");
    }

    proptest! {
        #[test]
        fn utf16_comes_back_as_it_was(text in ".*") {
            let mut out = Vec::new();
            let units = put_utf16(&mut out, &text);
            prop_assert_eq!(units * 2, out.len());
            prop_assert_eq!(from_utf16(&out), text);
        }
    }
}
