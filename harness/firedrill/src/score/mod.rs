//! A failover program's score card: which drills of the book it survives, and what it did to those that it does not.
//!
//! The card is made of the drills' verdicts and never kinder than they are: a drill is survived only when it passed,
//! which it does only when something was checked. What a program that does nothing would survive too is marked as
//! such, and a card on which there is nothing else says that nothing was judged.

mod card;

pub(crate) use card::text;

use crate::oracle::Rule;
use crate::report::{DrillReport, RunReport};
use crate::verdict::{Ending, Verdict};
use serde::Serialize;
use std::collections::BTreeSet;

/// Version of the JSON score. Raised when a field changes its meaning or goes away.
const SCORE_VERSION: u32 = 1;

/// What one drill came to, for the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Score {
    /// Passed: it carried out the failover, or its part of it.
    Survived,
    /// Passed: it stopped where it had to, and nothing else was asked of it.
    SurvivedByStopping,
    /// Failed.
    NotSurvived,
    /// The arm cannot stage it, or the drill does not start the program.
    NotExercised,
    /// Nothing contradicted the program, because nothing was checked.
    NothingJudged,
}

impl Score {
    /// As the card prints it.
    fn words(self) -> &'static str {
        match self {
            Self::Survived => "survived",
            Self::SurvivedByStopping => "survived, stopping",
            Self::NotSurvived => "NOT SURVIVED",
            Self::NotExercised => "not exercised",
            Self::NothingJudged => "NOTHING JUDGED",
        }
    }

    fn is_survived(self) -> bool {
        matches!(self, Self::Survived | Self::SurvivedByStopping)
    }
}

/// Harm that a program did, beyond not doing what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Harm {
    /// Messages are gone that need not be, or the loss of which nobody had accepted.
    DataLost,
    /// Two copies of the chat database took messages at the same time.
    TwoWritableCopies,
    /// It claimed success, and something that the drill asks for is not so.
    FalseSuccess,
    /// It went on where something plain to see should have stopped it.
    WentOn,
    /// The pool was sent to a database that was not online.
    PoolWithoutDatabase,
    /// Servers were made active that must not be.
    WrongServersActive,
    /// The compliance database was touched.
    ComplianceTouched,
    /// Messages have another text than they had.
    MessagesAltered,
}

impl Harm {
    const ALL: [Self; 8] = [
        Self::DataLost,
        Self::TwoWritableCopies,
        Self::FalseSuccess,
        Self::WentOn,
        Self::PoolWithoutDatabase,
        Self::WrongServersActive,
        Self::ComplianceTouched,
        Self::MessagesAltered,
    ];

    /// As the card prints it.
    fn words(self) -> &'static str {
        match self {
            Self::DataLost => "data lost",
            Self::TwoWritableCopies => "two writable copies",
            Self::FalseSuccess => "success claimed that is none",
            Self::WentOn => "went on where it had to stop",
            Self::PoolWithoutDatabase => "pool sent to a database that is not online",
            Self::WrongServersActive => "servers active that must not be",
            Self::ComplianceTouched => "mgccomp touched",
            Self::MessagesAltered => "messages altered",
        }
    }

    /// The harm that a broken rule of the oracle is.
    fn of_rule(rule: Rule) -> Option<Self> {
        Some(match rule {
            Rule::ShippedLost | Rule::SkippedLsn | Rule::LossNotAccepted => Self::DataLost,
            Rule::TwoWritableCopies => Self::TwoWritableCopies,
            Rule::ReportedDoneNotDone => Self::FalseSuccess,
            Rule::StoppedTooLate => Self::WentOn,
            Rule::FailedOverBeforeOnline => Self::PoolWithoutDatabase,
            Rule::ActiveServerWrongSide | Rule::ActiveServerTimeZone => Self::WrongServersActive,
            Rule::ComplianceTouched => Self::ComplianceTouched,
            Rule::MessageAltered => Self::MessagesAltered,
            // What a program tells is wrong there, and these judge only one whose report is read.
            Rule::BoundWrong
            | Rule::ReasonNotTold
            | Rule::LogShippingMismatch
            | Rule::PoolStateMismatch
            | Rule::MirrorMismatch
            | Rule::ActiveServersMismatch => return None,
        })
    }
}

/// One drill on the card.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ScoredDrill {
    /// The feature's name.
    pub(crate) feature: String,
    /// Its file.
    pub(crate) file: String,
    /// The scenario's line.
    pub(crate) line: usize,
    /// Its name.
    pub(crate) name: String,
    /// What it came to.
    pub(crate) score: Score,
    /// Why it was not survived, in the first words that say so.
    pub(crate) reason: Option<String>,
    /// The harm that was done.
    pub(crate) harm: BTreeSet<Harm>,
    /// How many lines of the drill nobody could judge.
    pub(crate) lines_not_judged: usize,
}

/// How many drills came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) survived: usize,
    pub(crate) survived_by_stopping: usize,
    pub(crate) not_survived: usize,
    pub(crate) not_exercised: usize,
    pub(crate) nothing_judged: usize,
}

/// A program's card.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ScoreCard {
    /// Always `firedrill-score`.
    schema: &'static str,
    /// [`SCORE_VERSION`].
    version: u32,
    /// The failover program.
    pub(crate) program: String,
    /// Where it was drilled.
    pub(crate) arm: String,
    /// What its times are measured in.
    pub(crate) clock: &'static str,
    /// The seed of the run.
    pub(crate) seed: u64,
    /// How many drills came to what.
    pub(crate) totals: Totals,
    /// The drills in the order they ran.
    pub(crate) drills: Vec<ScoredDrill>,
}

impl ScoreCard {
    /// The card of a run.
    pub(crate) fn of(report: &RunReport) -> Self {
        let drills: Vec<ScoredDrill> = report.drills.iter().map(scored).collect();
        let mut totals = Totals::default();
        for drill in &drills {
            *match drill.score {
                Score::Survived => &mut totals.survived,
                Score::SurvivedByStopping => &mut totals.survived_by_stopping,
                Score::NotSurvived => &mut totals.not_survived,
                Score::NotExercised => &mut totals.not_exercised,
                Score::NothingJudged => &mut totals.nothing_judged,
            } += 1;
        }
        Self {
            schema: "firedrill-score",
            version: SCORE_VERSION,
            program: report.program.clone(),
            arm: report.arm.clone(),
            clock: report.clock,
            seed: report.seed,
            totals,
            drills,
        }
    }

    /// How `firedrill score` ends.
    ///
    /// What a program survives by stopping a program survives that does nothing: alone it is no reason to pass.
    pub(crate) fn ending(&self) -> Ending {
        let totals = self.totals;
        let judged = totals.survived + totals.not_survived;
        match (judged, totals.not_survived + totals.nothing_judged) {
            (0, _) => Ending::Vacuous,
            (_, 0) => Ending::Passed,
            _ => Ending::Failed,
        }
    }

    /// In how many drills each harm was done; harm that was not done is left out.
    fn harm(&self) -> Vec<(Harm, usize)> {
        let count = |harm: &Harm| self.drills.iter().filter(|drill| drill.harm.contains(harm)).count();
        Harm::ALL.into_iter().map(|harm| (harm, count(&harm))).filter(|(_, count)| *count > 0).collect()
    }
}

fn scored(drill: &DrillReport) -> ScoredDrill {
    let claims_success = |code: Option<i32>| code == Some(0);
    let (score, reason) = match drill.verdict {
        Verdict::Failed => (Score::NotSurvived, first_reason(drill)),
        Verdict::NotExercised => (Score::NotExercised, first_reason(drill)),
        Verdict::Vacuous => (Score::NothingJudged, first_reason(drill)),
        Verdict::Passed if drill.failovers.is_empty() => {
            (Score::NotExercised, Some("the drill does not start the failover program".to_owned()))
        }
        Verdict::Passed if drill.failovers.iter().any(|one| claims_success(one.exit_code)) => {
            (Score::Survived, None)
        }
        Verdict::Passed => (Score::SurvivedByStopping, None),
    };
    ScoredDrill {
        feature: drill.feature.clone(),
        file: drill.file.clone(),
        line: drill.line,
        name: drill.name.clone(),
        score,
        reason,
        harm: if score == Score::NotSurvived { harm_in(drill) } else { BTreeSet::new() },
        lines_not_judged: drill.steps.iter().filter(|step| step.unjudged.is_some()).count(),
    }
}

/// The harm that a drill's reasons tell of.
fn harm_in(drill: &DrillReport) -> BTreeSet<Harm> {
    let broken = |rule: &Rule| drill.reasons.iter().any(|reason| reason.code == rule.id());
    let mut harm: BTreeSet<Harm> = Rule::ALL.into_iter().filter(broken).filter_map(Harm::of_rule).collect();
    // That no log was skipped is asked of a database that came online. Before, what is missing can still be applied.
    if !drill.oracle.iter().any(|one| one.rule == Rule::SkippedLsn.id()) {
        harm.remove(&Harm::DataLost);
    }
    let claims_success = drill.failovers.last().is_some_and(|last| last.exit_code == Some(0));
    let contradicted = drill.reasons.iter().any(|reason| reason.code == "step");
    if claims_success && contradicted {
        harm.insert(Harm::FalseSuccess);
    }
    harm
}

/// The first reason, with the place in the file in front of it, where there is one, cut down to its line.
fn first_reason(drill: &DrillReport) -> Option<String> {
    let text = &drill.reasons.first()?.text;
    Some(match text.strip_prefix(&format!("{}:", drill.file)) {
        Some(rest) => format!("line {rest}"),
        None => text.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Harm, Score, ScoreCard, scored};
    use crate::report::tests::{a_drill, sim};
    use crate::report::{DrillReport, FailoverReport, Reason, RuleReport, RunReport};
    use crate::verdict::Verdict::{self, Failed, NotExercised, Passed, Vacuous};
    use rstest::rstest;

    /// A drill in which the program ended so, attempt by attempt.
    fn drill(verdict: Verdict, exit_codes: &[i32]) -> DrillReport {
        let mut drill = a_drill(verdict);
        let one = drill.failovers.remove(0);
        drill.failovers =
            exit_codes.iter().map(|code| FailoverReport { exit_code: Some(*code), ..one.clone() }).collect();
        drill
    }

    pub(super) fn card(drills: &[(Verdict, &[i32])]) -> ScoreCard {
        let drills = drills.iter().map(|(verdict, codes)| drill(*verdict, codes)).collect();
        ScoreCard::of(&RunReport::of(sim(), 1, drills))
    }

    #[rstest]
    #[case::it_failed_over(Passed, &[0], Score::Survived)]
    #[case::it_stopped_and_then_failed_over(Passed, &[3, 0], Score::Survived)]
    #[case::it_only_ever_stopped(Passed, &[3, 1], Score::SurvivedByStopping)]
    #[case::it_was_never_started(Passed, &[], Score::NotExercised)]
    #[case::a_step_failed(Failed, &[0], Score::NotSurvived)]
    #[case::the_arm_cannot(NotExercised, &[], Score::NotExercised)]
    #[case::nothing_was_checked(Vacuous, &[0], Score::NothingJudged)]
    fn a_drill_is_survived_only_when_it_passed(
        #[case] verdict: Verdict,
        #[case] exit_codes: &[i32],
        #[case] score: Score,
    ) {
        assert_eq!(scored(&drill(verdict, exit_codes)).score, score);
    }

    #[rstest]
    #[case::nothing_ran(&[], 3)]
    #[case::every_drill_is_survived(&[(Passed, &[0][..]), (Passed, &[3])], 0)]
    #[case::one_that_was_not_exercised_is_no_failure(&[(Passed, &[0][..]), (NotExercised, &[])], 0)]
    #[case::one_is_not(&[(Passed, &[0][..]), (Failed, &[0])], 1)]
    #[case::one_checked_nothing(&[(Passed, &[0][..]), (Vacuous, &[0])], 1)]
    #[case::nothing_was_checked_at_all(&[(Vacuous, &[0][..])], 3)]
    #[case::nothing_was_exercised(&[(NotExercised, &[][..])], 3)]
    #[case::only_stopping_was_asked(&[(Passed, &[3][..]), (NotExercised, &[])], 3)]
    fn a_card_ends_by_what_was_judged(#[case] drills: &[(Verdict, &[i32])], #[case] code: u8) {
        assert_eq!(card(drills).ending().exit_code(), code);
    }

    #[rstest]
    #[case("shipped-lost", 1, &[Harm::DataLost])]
    #[case("two-writable-copies", 1, &[Harm::TwoWritableCopies])]
    #[case("reported-done-not-done", 0, &[Harm::FalseSuccess])]
    #[case("step", 0, &[Harm::FalseSuccess])]
    #[case("step", 1, &[])]
    #[case("arm", 0, &[])]
    #[case("rto", 0, &[])]
    fn harm_is_told_by_the_rule_that_broke(
        #[case] code: &str,
        #[case] exit_code: i32,
        #[case] harm: &[Harm],
    ) {
        let mut drill = drill(Failed, &[exit_code]);
        drill.oracle = vec![RuleReport { rule: "skipped-lsn", compared: 1, broken: 0 }];
        drill.reasons = vec![Reason { code: code.to_owned(), text: String::new() }];
        assert_eq!(scored(&drill).harm.into_iter().collect::<Vec<_>>(), harm);
    }

    #[test]
    fn what_a_database_that_never_came_online_lacks_is_not_lost() {
        let mut drill = drill(Failed, &[1]);
        drill.reasons = vec![Reason { code: "shipped-lost".into(), text: String::new() }];
        assert_eq!(scored(&drill).harm.len(), 0);
    }

    #[test]
    fn a_reason_names_its_line_and_not_the_file_again() {
        let mut drill = drill(Failed, &[1]);
        drill.reasons[0].text = format!("{}:21: it is not so", drill.file);
        assert_eq!(scored(&drill).reason.as_deref(), Some("line 21: it is not so"));
    }
}
