//! The vocabulary of the drill book: one table of definitions, from which the runner matches lines and
//! `firedrill steps` prints its list.
//!
//! A definition parses its words and calls one verb; what the verb does belongs to the estate. `Given` lines say what
//! the estate is like and may come in any order; nothing is staged before the first `When`.

pub mod drill;
pub mod findings;
mod given;
pub mod list;
mod obstacle;
pub mod parameter;
mod program;
mod then;
mod told;
mod when;
mod witness;

use std::sync::LazyLock;

use cucumber::codegen::{LocalBoxFuture, Regex};
use cucumber::step::{Collection, Context, Location};

use drill::Drill;
use parameter::{Arguments, pattern_of};

/// What a step says when its words do not hold: one sentence for the report.
pub type StepResult = Result<(), String>;

/// The part of a scenario that a definition belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What the estate is like.
    Given,
    /// What happens.
    When,
    /// What must hold.
    Then,
}

impl Kind {
    /// The keyword.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Given => "Given",
            Self::When => "When",
            Self::Then => "Then",
        }
    }
}

/// One step: its words, what they mean, and what they do.
#[derive(Clone, Copy)]
pub struct Definition {
    /// Given, When or Then.
    pub kind: Kind,
    /// Its words, with `{kind}` where a value goes.
    pub text: &'static str,
    /// One sentence for authors, where the words alone do not say enough.
    pub about: &'static str,
    /// Whether it reads the text block below its line.
    pub takes_block: bool,
    /// What it does.
    run: fn(&mut Drill, &Arguments) -> StepResult,
}

impl Definition {
    const fn new(
        kind: Kind,
        text: &'static str,
        about: &'static str,
        run: fn(&mut Drill, &Arguments) -> StepResult,
    ) -> Self {
        Self { kind, text, about, takes_block: false, run }
    }

    /// The same, reading the text block below its line.
    const fn with_block(self) -> Self {
        Self { takes_block: true, ..self }
    }

    /// What stands below the line of a step and fits its definition, or why it does not: what would not be read is
    /// refused.
    ///
    /// # Errors
    /// When there is a text block or a table that nobody reads, or no text where one is needed.
    pub fn below(&self, step: &cucumber::gherkin::Step) -> Result<Option<String>, String> {
        if step.table.is_some() {
            return Err("no step takes a table; what is below this line would not be read".to_owned());
        }
        match (&step.docstring, self.takes_block) {
            (Some(_), false) => {
                Err("this step takes no text block; what is below this line would not be read".to_owned())
            }
            (Some(block), true) if block.trim().is_empty() => {
                Err("the text block below this line is empty: nothing would be done".to_owned())
            }
            (None, true) => {
                Err("a text block between two lines of \"\"\" is missing below this line".to_owned())
            }
            (block, _) => Ok(block.clone()),
        }
    }
}

/// Every definition, in the order of the list.
#[must_use]
pub fn definitions() -> &'static [Definition] {
    static ALL: LazyLock<Vec<Definition>> = LazyLock::new(|| {
        [
            given::ESTATE,
            given::TRAFFIC,
            given::PLACE,
            given::BACKUP,
            given::POOL,
            program::PROGRAM,
            when::WHEN,
        ]
        .into_iter()
        .chain([then::ENDING, then::STATE, then::LOSS, told::TOLD])
        .flatten()
        .copied()
        .collect()
    });
    &ALL
}

/// The definitions as cucumber wants them.
#[must_use]
pub fn collection() -> Collection<Drill> {
    static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        definitions()
            .iter()
            .enumerate()
            .map(|(index, definition)| {
                pattern_of(definition.text, &format!("d{index}"))
                    .map_err(|error| error.to_string())
                    .and_then(|pattern| Regex::new(&pattern).map_err(|error| error.to_string()))
                    .expect("a test reads every step text")
            })
            .collect()
    });
    definitions().iter().zip(PATTERNS.iter()).zip(1..).fold(
        Collection::new(),
        |all, ((definition, pattern), line)| {
            let place = Some(Location { path: "steps", line, column: 1 });
            match definition.kind {
                Kind::Given => all.given(place, pattern.clone(), dispatch),
                Kind::When => all.when(place, pattern.clone(), dispatch),
                Kind::Then => all.then(place, pattern.clone(), dispatch),
            }
        },
    )
}

/// The definition whose mark is in a match.
#[must_use]
pub fn definition_of(context: &Context) -> &'static Definition {
    context
        .matches
        .iter()
        .find_map(|(name, _)| name.as_ref()?.strip_prefix('d')?.parse::<usize>().ok())
        .and_then(|index| definitions().get(index))
        .expect("every pattern carries the mark of its definition")
}

/// Runs the definition whose mark is in the match, and gives up the scenario when it does not hold.
fn dispatch(drill: &mut Drill, context: Context) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        let definition = definition_of(&context);
        let line = context.step.position.line;
        let performed = drill.perform(line, definition.kind, |drill| {
            let arguments = Arguments {
                words: context.matches.iter().skip(2).map(|(_, value)| value.clone()).collect(),
                block: definition.below(&context.step)?,
            };
            (definition.run)(drill, &arguments)
        });
        if let Err(failure) = performed {
            // cucumber learns of a failed step by unwinding; nothing is printed on the way.
            std::panic::resume_unwind(Box::new(failure));
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{collection, definitions, parameter::pattern_of};

    #[test]
    fn every_step_text_makes_a_pattern() {
        for definition in definitions() {
            pattern_of(definition.text, "d0").unwrap();
        }
        let _ = collection();
    }

    #[test]
    fn no_two_steps_have_the_same_words() {
        let mut seen = BTreeSet::new();
        for definition in definitions() {
            assert!(seen.insert((definition.kind, definition.text)), "twice: {}", definition.text);
        }
    }
}
