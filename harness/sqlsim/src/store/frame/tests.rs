//! Every place where a segment can be torn or damaged.

use super::*;
use proptest::prelude::*;

const HEADER: SegmentHeader = SegmentHeader { salt: 0xABCD_1234, first_sequence: 7, server: Uuid::nil() };

/// A segment of batches, each written when `hardened` were on disk.
fn segment(batches: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = HEADER.encode();
    for (sequence, (hardened, payload)) in (7..).zip(batches) {
        let offset = bytes.len() as u64;
        put_batch(&mut bytes, HEADER.salt, offset, sequence, *hardened, payload);
    }
    bytes
}

fn read(bytes: &[u8], is_last: bool) -> Result<(End, Vec<Vec<u8>>), u64> {
    let mut batches = Vec::new();
    let read = read_segment(bytes, &HEADER, 7, is_last, |_, payload| {
        batches.push(payload.to_vec());
        Ok::<(), ()>(())
    });
    match read {
        Ok(end) => Ok((end, batches)),
        Err(SegmentError::Damaged { offset, .. }) => Err(offset),
        Err(SegmentError::Receiver(())) => unreachable!("it takes everything"),
    }
}

#[test]
fn a_header_comes_back_and_a_changed_one_does_not() {
    let bytes = HEADER.encode();
    assert_eq!(bytes.len(), SEGMENT_HEADER_BYTES);
    assert_eq!(SegmentHeader::decode(&bytes), Ok(HEADER));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(SegmentHeader::decode(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_last_write_torn_at_any_byte_is_left_out_and_what_came_before_stays() {
    let whole = segment(&[(6, b"one".to_vec()), (7, b"two".to_vec()), (8, vec![9; 100])]);
    let kept = whole.len() - FRAME_HEADER_BYTES - 100;
    for length in kept..whole.len() {
        let (end, batches) = read(&whole[..length], true).expect("a torn last write is no damage");
        assert_eq!((end.length, end.next_sequence), (kept as u64, 9), "cut at {length}");
        assert_eq!(batches, [b"one".to_vec(), b"two".to_vec()]);
    }
    assert_eq!(read(&whole, true).expect("whole").0.next_sequence, 10);
}

#[test]
fn a_group_of_which_a_middle_part_never_reached_the_disk_is_left_out_from_there() {
    // Three batches in one write: nothing of them was hardened when they were written.
    let whole = segment(&[(6, b"one".to_vec()), (6, b"two".to_vec()), (6, b"three".to_vec())]);
    let second = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + 3;
    let mut torn = whole.clone();
    torn[second..second + 20].fill(0);
    let (end, batches) = read(&torn, true).expect("not hardened");
    assert_eq!((end.length, batches), (second as u64, vec![b"one".to_vec()]));
}

#[test]
fn a_flipped_bit_in_a_hardened_batch_is_damage_wherever_it_lies() {
    let whole = segment(&[(6, b"one".to_vec()), (7, b"two".to_vec()), (8, b"three".to_vec())]);
    let last = whole.len() - FRAME_HEADER_BYTES - 5;
    for at in SEGMENT_HEADER_BYTES..last {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        let offset = read(&changed, true).expect_err("hardened");
        assert!(
            offset as usize <= at && at < offset as usize + FRAME_HEADER_BYTES + 3,
            "byte {at}: {offset}"
        );
    }
    // In the last batch a changed bit cannot be told from a torn write.
    for at in last..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        assert_eq!(read(&changed, true).expect("torn").0.next_sequence, 9, "byte {at}");
    }
}

#[test]
fn a_mark_makes_damage_of_the_last_batch_known() {
    let mut whole = segment(&[(6, b"one".to_vec())]);
    let offset = whole.len() as u64;
    put_mark(&mut whole, HEADER.salt, offset, 7);
    assert_eq!(read(&whole, true).expect("whole").0.length, whole.len() as u64);
    for at in SEGMENT_HEADER_BYTES..offset as usize {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert_eq!(read(&changed, true).expect_err("hardened"), SEGMENT_HEADER_BYTES as u64);
    }
}

#[test]
fn a_segment_before_the_last_one_may_not_be_torn() {
    let whole = segment(&[(6, b"one".to_vec()), (7, b"two".to_vec())]);
    assert!(read(&whole, false).is_ok());
    assert!(read(&whole[..whole.len() - 1], false).is_err());
}

#[test]
fn a_batch_of_several_frames_counts_only_as_a_whole() {
    let large = vec![5u8; PAYLOAD_MAX * 2 + 17];
    let whole = segment(&[(6, large.clone())]);
    assert_eq!(read(&whole, true).expect("whole").1, [large]);
    let (end, batches) = read(&whole[..whole.len() - 17], true).expect("torn");
    assert_eq!((end.length, batches.len()), (SEGMENT_HEADER_BYTES as u64, 0));
}

proptest! {
    #[test]
    fn what_was_hardened_is_read_back_or_reported_whatever_happens_to_the_rest(
        batches in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..12),
        group in 1usize..4,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), 1u8..), 0..3),
        cut in any::<proptest::sample::Index>(),
    ) {
        // Groups of batches are hardened together; the last group is not yet on disk.
        let hardened = |position: usize| 6 + (position / group * group) as u64;
        let written: Vec<_> = batches.iter().enumerate().map(|(i, b)| (hardened(i), b.clone())).collect();
        let mut bytes = segment(&written);
        let safe = (batches.len() - 1) / group * group;
        let start: usize = SEGMENT_HEADER_BYTES
            + batches[..safe].iter().map(|b| FRAME_HEADER_BYTES + b.len()).sum::<usize>();
        bytes.truncate(start + cut.index(bytes.len() - start + 1));
        for (place, change) in &damage {
            if bytes.len() > start {
                let at = start + place.index(bytes.len() - start);
                bytes[at] ^= change;
            }
        }
        let (_, read) = read(&bytes, true).expect("only the tail was touched");
        prop_assert!(read.len() >= safe && read.len() <= batches.len());
        prop_assert_eq!(&read[..], &batches[..read.len()]);
    }
}
