//! Finds steps that no definition, or more than one, would run, without running anything.

use cucumber::gherkin::{Step, StepType};

use super::book::Book;
use crate::steps::{Kind, collection, definition_of, definitions};

/// A step that cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable {
    /// File and line.
    pub place: String,
    /// What is wrong, and the nearest step.
    pub text: String,
}

/// Every step of `book` that cannot be run, in order.
#[must_use]
pub fn unusable_steps(book: &Book) -> Vec<Unusable> {
    let known = collection();
    let mut found = Vec::new();
    for feature in &book.features {
        let file = feature.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let rules = feature.rules.iter();
        let backgrounds =
            feature.background.iter().chain(rules.clone().filter_map(|rule| rule.background.as_ref()));
        let scenarios = feature.scenarios.iter().chain(rules.flat_map(|rule| &rule.scenarios));
        let steps = backgrounds.flat_map(|one| &one.steps).chain(scenarios.flat_map(|one| &one.steps));
        for step in steps {
            let text = match known.find(step) {
                Ok(Some((_, _, _, context))) => match definition_of(&context).below(step) {
                    Ok(_) => continue,
                    Err(text) => text,
                },
                Ok(None) => match nearest_step(step) {
                    Some(nearest) => {
                        format!("no step reads \"{}\"; the nearest is \"{nearest}\"", step.value)
                    }
                    None => format!("no step reads \"{}\"; see firedrill steps", step.value),
                },
                Err(_) => format!("more than one step reads \"{}\"", step.value),
            };
            let unusable = Unusable { place: format!("{file}:{}", step.position.line), text };
            if !found.contains(&unusable) {
                found.push(unusable);
            }
        }
    }
    found
}

/// The definition whose words are nearest to `step`'s, if any is near at all: `Given a text {count}`.
#[must_use]
pub fn nearest_step(step: &Step) -> Option<String> {
    let words = significant(&step.value);
    definitions()
        .iter()
        .map(|definition| {
            let theirs = significant(definition.text);
            let shared = words.iter().filter(|word| theirs.contains(*word)).count();
            let kind_bonus = usize::from(definition.kind == kind_of(step.ty));
            // Twice the shared words against all words: 100 for the same, 0 for nothing in common.
            let score = 200 * shared / (words.len() + theirs.len()).max(1);
            (score + kind_bonus, definition)
        })
        .filter(|(score, _)| *score >= 40)
        .max_by_key(|(score, definition)| (*score, std::cmp::Reverse(definition.text)))
        .map(|(_, definition)| format!("{} {}", definition.kind.word(), definition.text))
}

fn kind_of(ty: StepType) -> Kind {
    match ty {
        StepType::Given => Kind::Given,
        StepType::When => Kind::When,
        StepType::Then => Kind::Then,
    }
}

fn significant(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.chars().all(|c| c.is_ascii_digit()))
        .map(str::to_lowercase)
        .collect()
}
