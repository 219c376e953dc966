//! What a drill, and a run of drills, came to, and the exit code that says so.
//!
//! A verdict is never optimistic: a drill that checked nothing is [`Verdict::Vacuous`], not passed, and a drill that
//! the arm could not stage is [`Verdict::NotExercised`], not skipped.

use serde::Serialize;

/// What one drill came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every step and every rule of the oracle held.
    Passed,
    /// A step, a rule of the oracle, or a bound given on the command line did not hold.
    Failed,
    /// The arm cannot do what the drill needs.
    NotExercised,
    /// Nothing contradicted the drill because it checked nothing.
    Vacuous,
}

impl Verdict {
    /// The word a report prints.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotExercised => "not exercised",
            Self::Vacuous => "VACUOUS",
        }
    }
}

/// How `firedrill` ends. The numbers are a contract with whoever calls it from a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything asked for was done and held.
    Passed,
    /// At least one drill failed.
    Failed,
    /// Wrong arguments, or an input file that cannot be used.
    Usage,
    /// Nothing was checked: no drill ran, a fault never fired, a rule compared nothing.
    Vacuous,
    /// The environment lacks something that the arm needs.
    Environment,
    /// Nothing failed, but something was not exercised.
    NotExercised,
    /// Interrupted from the keyboard.
    Interrupted,
}

impl Ending {
    /// The exit code, as documented in README.md.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Vacuous => 3,
            Self::Environment => 4,
            Self::NotExercised => 5,
            Self::Interrupted => 130,
        }
    }

    /// How a run of drills ends, given what each came to.
    ///
    /// A failure outweighs a vacuous drill, which outweighs one that was not exercised. A run in which nothing was
    /// exercised at all is vacuous, whatever `allow_not_exercised` says.
    #[must_use]
    pub fn of_run(verdicts: &[Verdict], allow_not_exercised: bool) -> Self {
        let any = |wanted: Verdict| verdicts.contains(&wanted);
        if any(Verdict::Failed) {
            Self::Failed
        } else if any(Verdict::Vacuous) || !any(Verdict::Passed) {
            Self::Vacuous
        } else if any(Verdict::NotExercised) && !allow_not_exercised {
            Self::NotExercised
        } else {
            Self::Passed
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Ending, Verdict};
    use Verdict::{Failed, NotExercised, Passed, Vacuous};

    #[rstest]
    #[case::nothing_ran(&[], false, 3)]
    #[case::all_passed(&[Passed, Passed], false, 0)]
    #[case::a_failure_outweighs_everything(&[Passed, NotExercised, Vacuous, Failed], false, 1)]
    #[case::vacuous_outweighs_not_exercised(&[Passed, NotExercised, Vacuous], false, 3)]
    #[case::something_was_not_exercised(&[Passed, NotExercised], false, 5)]
    #[case::and_that_is_allowed(&[Passed, NotExercised], true, 0)]
    #[case::nothing_was_exercised(&[NotExercised], true, 3)]
    fn a_run_ends_by_its_worst_drill(#[case] verdicts: &[Verdict], #[case] allow: bool, #[case] code: u8) {
        assert_eq!(Ending::of_run(verdicts, allow).exit_code(), code);
    }
}
