//! What strangers' bytes reach, each behind one function that takes any bytes.
//!
//! For the fuzz targets below `tests/fuzz`, and for the test that runs the
//! inputs kept from them: built for those two only.

use crate::backup::format::{FRAME_BODY_MAX, SetBody, Tag, put_frame};
use crate::backup::scan::read_media;
use crate::log::codec::{Reader, get_content, get_record};
use crate::tds::packet::Assembler;
use crate::tds::request::{decode_batch, decode_rpc, decode_transaction};
use crate::tds::{TdsVersion, login, prelogin};
use crate::tsql;

const VERSIONS: [TdsVersion; 5] =
    [TdsVersion::V7_1, TdsVersion::V7_2, TdsVersion::V7_3A, TdsVersion::V7_3B, TdsVersion::V7_4];

/// A connection's first bytes: packets, and in their message a PRELOGIN or a LOGIN7.
pub fn login(bytes: &[u8]) {
    let _ = prelogin::decode(bytes);
    let _ = login::decode(bytes);
    let mut assembler = Assembler::new();
    for piece in bytes.chunks(7) {
        assembler.input().extend_from_slice(piece);
        while let Ok(Some(message)) = assembler.next_message() {
            let _ = prelogin::decode(&message.payload);
            let _ = login::decode(&message.payload);
        }
    }
}

/// A logged-in client's request in each version of the protocol: the first byte picks the version.
pub fn request(bytes: &[u8]) {
    let Some((first, payload)) = bytes.split_first() else { return };
    let version = VERSIONS[usize::from(*first) % VERSIONS.len()];
    let _ = decode_rpc(payload, version);
    let _ = decode_transaction(payload, version);
    let _ = decode_batch(payload, version);
}

/// A batch, or a declaration list before it: the two are parted by the first NUL.
pub fn batch(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (declarations, text) = text.split_once('\0').unwrap_or(("", &text));
    let _ = tsql::parse(declarations, text, true, &tsql::NoTypes);
    let _ = tsql::parse(declarations, text, false, &tsql::NoTypes);
    let _ = tsql::parse_expression(text);
}

/// A file that RESTORE is pointed at: the bytes as they are, and the same bytes as the bodies of
/// frames whose checksums are right (each begins with its length in two bytes and its tag).
pub fn backup_file(bytes: &[u8]) {
    read(bytes);
    let mut framed = bytes.get(..16).unwrap_or_default().to_vec();
    let mut rest = bytes.get(16..).unwrap_or_default();
    while let Some(([low, high, tag], after)) =
        rest.split_first_chunk::<3>().map(|(head, after)| (*head, after))
    {
        let length = usize::from(u16::from_le_bytes([low, high])).min(FRAME_BODY_MAX).min(after.len());
        let (body, after) = after.split_at(length);
        const TAGS: [Tag; 5] = [Tag::Media, Tag::SetBegin, Tag::Content, Tag::Log, Tag::SetEnd];
        put_frame(&mut framed, TAGS[usize::from(tag) % TAGS.len()], body);
        rest = after;
    }
    read(&framed);
}

fn read(file: &[u8]) {
    let Ok(media) = read_media(file) else { return };
    for set in &media.sets {
        let SetBody::Held { content, log } = &set.body else { continue };
        let _ = get_content(&mut Reader::new(content));
        let mut records = Reader::new(log);
        while !records.is_empty() && get_record(&mut records).is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[rstest::rstest]
    #[case("login", crate::fuzzing::login)]
    #[case("request", crate::fuzzing::request)]
    #[case("batch", crate::fuzzing::batch)]
    #[case("backup_file", crate::fuzzing::backup_file)]
    fn what_was_found_once_does_no_harm_again(#[case] target: &str, #[case] run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
            run(&std::fs::read(entry.expect("an entry").path()).expect("it can be read"));
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}
