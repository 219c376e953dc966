//! What strangers' scripts reach, behind one function that takes any bytes.
//!
//! For the fuzz target below `tests/fuzz`, and for the test that runs the
//! inputs kept from it: built for those two only.

use crate::language::{lower, source};

/// A script: its typographic marks made plain, parsed, lowered.
pub fn script(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let plain = source::normalise(&text);
    assert_eq!(plain.chars().count(), text.chars().count(), "positions moved");
    let _ = lower::parse(&text);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn what_was_found_once_does_no_harm_again() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/script");
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
            super::script(&std::fs::read(entry.expect("an entry").path()).expect("it can be read"));
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}
