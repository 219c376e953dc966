//! `firedrill steps`: the vocabulary as a plain list, made from the definitions.

use std::fmt::Write as _;

use super::parameter::PARAMETER_KINDS;
use super::{Kind, definitions};

/// The list: every step by kind, then the kinds of parameter.
#[must_use]
pub fn plain_list() -> String {
    let mut text =
        String::from("Steps of a drill. {…} takes a value; (s) may be left out; (a|b) is a choice.\n");
    for kind in [Kind::Given, Kind::When, Kind::Then] {
        let _ = writeln!(text, "\n{}", kind.word());
        for definition in definitions().iter().filter(|definition| definition.kind == kind) {
            let _ = writeln!(text, "  {}", definition.text);
            if !definition.about.is_empty() {
                let _ = writeln!(text, "      {}", definition.about);
            }
        }
    }
    text.push_str("\nValues\n");
    for kind in PARAMETER_KINDS {
        let _ = writeln!(text, "  {{{}}}\n      {}", kind.name, (kind.explained)());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::plain_list;
    use crate::steps::definitions;

    #[test]
    fn the_list_shows_every_step_and_explains_every_kind_of_value() {
        let list = plain_list();
        for definition in definitions() {
            assert!(list.contains(definition.text), "missing: {}", definition.text);
        }
        assert!(list.contains("{duration}\n      a number and a unit"), "{list}");
    }
}
