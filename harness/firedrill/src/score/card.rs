//! The card as a person reads it.

use super::{Score, ScoreCard, ScoredDrill};
use crate::report::console::printable;
use crate::report::shortened;
use std::fmt::Write as _;

/// Where the words below a drill begin.
const MARGIN: &str = "                        ";

/// The whole card: the drills by feature, what harm was done, and a summary.
#[must_use]
pub(crate) fn text(card: &ScoreCard) -> String {
    let mut text = format!("Score card of {}\n", printable(&card.program).replace('\n', " "));
    let _ = writeln!(text, "on {} (seed {}); clock: {}", card.arm, card.seed, card.clock);
    let mut file = None;
    for drill in &card.drills {
        if file != Some(&drill.file) {
            let _ = write!(text, "\n{}  ({})\n", printable(&drill.feature), drill.file);
            file = Some(&drill.file);
        }
        text.push_str(&line(drill));
    }
    let _ = write!(text, "\n{}", summary(card));
    text
}

fn line(drill: &ScoredDrill) -> String {
    let mut text = format!("  {:<18}  :{:<4} {}\n", drill.score.words(), drill.line, printable(&drill.name));
    if let Some(reason) = &drill.reason {
        let _ = writeln!(text, "{MARGIN}  {}", shortened(&printable(reason).replace('\n', " ")));
    }
    if !drill.harm.is_empty() {
        let harm: Vec<&str> = drill.harm.iter().map(|harm| harm.words()).collect();
        let _ = writeln!(text, "{MARGIN}  harm: {}", harm.join(", "));
    }
    text
}

/// What the card comes to.
fn summary(card: &ScoreCard) -> String {
    let totals = card.totals;
    let exercised = card.drills.len() - totals.not_exercised;
    let survived = totals.survived + totals.survived_by_stopping;
    let mut text = format!("{survived} of {exercised} drills survived");
    if totals.survived_by_stopping > 0 {
        let _ = write!(text, ", {} of them by stopping", totals.survived_by_stopping);
    }
    if totals.nothing_judged > 0 {
        let _ = write!(text, "; in {} nothing was judged", totals.nothing_judged);
    }
    if totals.not_exercised > 0 {
        let _ = write!(text, "; {} not exercised", totals.not_exercised);
    }
    text.push('\n');
    for (harm, count) in card.harm() {
        let drills = if count == 1 { "drill" } else { "drills" };
        let _ = writeln!(text, "  {} in {count} {drills}", harm.words());
    }
    let unjudged: usize = card
        .drills
        .iter()
        .filter(|drill| drill.score.is_survived())
        .map(|drill| drill.lines_not_judged)
        .sum();
    if unjudged > 0 {
        let _ = writeln!(
            text,
            "  {unjudged} lines of what was survived could not be judged: what the operator was told"
        );
    }
    if totals.survived == 0 && totals.survived_by_stopping > 0 {
        text.push_str(
            "  it carried out no failover: what it survived by stopping, a program that does nothing survives too\n",
        );
    }
    if card.drills.iter().all(|drill| matches!(drill.score, Score::NotExercised | Score::NothingJudged)) {
        text.push_str("  nothing was judged\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::ScoreCard;
    use super::super::tests::card;
    use super::text;
    use crate::report::tests::{a_drill, sim};
    use crate::report::{Reason, RuleReport, RunReport, StepReport};
    use crate::verdict::Verdict::{Failed, NotExercised, Passed, Vacuous};

    #[test]
    fn a_card_shows_each_drill_by_feature_with_its_reason_and_its_harm() {
        let mut failed = a_drill(Failed);
        failed.reasons = vec![
            Reason {
                code: "step".into(),
                text: format!("{}:21: mgc on the backup is restoring", failed.file),
            },
            Reason { code: "shipped-lost".into(), text: "message 7 of room 2 is gone".into() },
        ];
        failed.oracle.push(RuleReport { rule: "skipped-lsn", compared: 9, broken: 0 });
        let mut lacking = a_drill(NotExercised);
        lacking.reasons =
            vec![Reason { code: "not-exercised".into(), text: "only the plain sim arm has it".into() }];
        let mut empty = a_drill(Vacuous);
        empty.reasons = vec![Reason { code: "no-then".into(), text: "the drill has no Then".into() }];
        let mut stopped = a_drill(Passed);
        stopped.file = "features/en/place.feature".into();
        stopped.feature = "Shares".into();
        stopped.failovers[0].exit_code = Some(3);
        let unjudged = StepReport { unjudged: Some("not read"), ..stopped.steps[0].clone() };
        stopped.steps.push(unjudged);
        let drills = vec![a_drill(Passed), failed, lacking, empty, stopped];
        insta::assert_snapshot!(text(&ScoreCard::of(&RunReport::of(sim(), 7, drills))));
    }

    #[test]
    fn a_program_that_only_ever_stops_is_told_so() {
        insta::assert_snapshot!(text(&card(&[(Passed, &[1]), (Failed, &[1])])));
    }

    #[test]
    fn a_card_without_a_judged_drill_says_so() {
        insta::assert_snapshot!(text(&card(&[(NotExercised, &[]), (Passed, &[])])));
    }

    #[test]
    fn a_terminal_does_not_obey_text_from_a_program() {
        let mut drill = a_drill(Failed);
        drill.reasons[0].text = "\u{1b}[2J gone\nand more".into();
        let card = text(&ScoreCard::of(&RunReport::of(sim(), 7, vec![drill])));
        assert!(!card.contains('\u{1b}') && card.contains("gone and more"), "{card}");
    }
}
