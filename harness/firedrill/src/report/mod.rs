//! What a run of drills leaves behind: one model, written as console text, JUnit and JSON.
//!
//! The model holds no wall-clock value on the simulated arm, so that one seed gives one report, byte for byte.

pub mod console;
pub mod json;
pub mod junit;

use serde::Serialize;

use crate::arm::Described;
use crate::verdict::Verdict;

/// Version of the JSON report. Raised when a field changes its meaning or goes away.
pub const REPORT_VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Always `firedrill-report`.
    pub schema: &'static str,
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The arm: `sim`, `docker` or `lab`.
    pub arm: String,
    /// Simulated or real: what the times below are measured in.
    pub clock: &'static str,
    /// What recovery times rest on.
    pub times_rest_on: &'static str,
    /// The failover program that was drilled.
    pub program: String,
    /// What the arm was found able to do: a name, and what there is. Empty on the sim arm, which can do everything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<(String, String)>,
    /// The seed of the run.
    pub seed: u64,
    /// How many drills came to what.
    pub counts: Counts,
    /// The drills in the order they ran.
    pub drills: Vec<DrillReport>,
}

/// How many drills came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Drills that held.
    pub passed: usize,
    /// Drills that did not.
    pub failed: usize,
    /// Drills the arm could not stage.
    pub not_exercised: usize,
    /// Drills that checked nothing.
    pub vacuous: usize,
}

impl RunReport {
    /// A report of `drills` run with `seed` on an arm.
    #[must_use]
    pub(crate) fn of(arm: Described, seed: u64, drills: Vec<DrillReport>) -> Self {
        let mut counts = Counts::default();
        for drill in &drills {
            match drill.verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::Failed => counts.failed += 1,
                Verdict::NotExercised => counts.not_exercised += 1,
                Verdict::Vacuous => counts.vacuous += 1,
            }
        }
        Self {
            schema: "firedrill-report",
            version: REPORT_VERSION,
            arm: arm.arm.to_owned(),
            clock: arm.clock,
            times_rest_on: arm.times_rest_on,
            program: arm.program,
            capabilities: arm.capabilities,
            seed,
            counts,
            drills,
        }
    }

    /// The verdicts in order.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.drills.iter().map(|drill| drill.verdict).collect()
    }
}

/// One drill.
#[derive(Debug, Clone, Serialize)]
pub struct DrillReport {
    /// The feature's name.
    pub feature: String,
    /// The feature's file.
    pub file: String,
    /// The scenario's line (an outline's row's line).
    pub line: usize,
    /// The scenario's name.
    pub name: String,
    /// Tags of feature, rule and scenario.
    pub tags: Vec<String>,
    /// The seed the drill was staged with.
    pub seed: u64,
    /// What it came to.
    pub verdict: Verdict,
    /// Why it did not pass, one sentence each.
    pub reasons: Vec<Reason>,
    /// The drill's own steps.
    pub steps: Vec<StepReport>,
    /// Every attempt of the failover program, in order.
    pub failovers: Vec<FailoverReport>,
    /// From the loss of data center A to the first message acknowledged again, in simulated milliseconds.
    pub rto_ms: Option<u64>,
    /// From the oldest lost message to the loss of data center A, in simulated milliseconds; 0 when none is lost.
    pub rpo_ms: Option<u64>,
    /// The loss bound that the failover program reported last.
    pub bound: Option<serde_json::Value>,
    /// Which acknowledged messages are gone.
    pub lost: Option<LostMessages>,
    /// What the oracle compared.
    pub oracle: Vec<RuleReport>,
    /// Faults that were staged, and whether each struck.
    pub faults: Vec<FaultReport>,
    /// How many events the estate's timeline holds.
    pub timeline_events: usize,
    /// A digest over the timeline: two runs that did the same have the same.
    pub timeline_digest: String,
}

/// One reason why a drill did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// `step`, `undefined-step`, `ambiguous-step`, `rto`, `rpo`, an oracle rule's id, or why a drill is vacuous: `no-then`,
    /// `nothing-happened`, `answer-ignored`, `fault-never-fired`, `fault-without-effect`, `wrong-not-caught`,
    /// `compared-nothing`.
    pub code: String,
    /// What happened, and where to look.
    pub text: String,
}

/// One step of a drill.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// `Given`, `When`, `Then`.
    pub keyword: String,
    /// The words.
    pub text: String,
    /// The line in the feature file.
    pub line: usize,
    /// `passed`, `failed`, `undefined`, `ambiguous`, `not run`, `not judged`.
    pub status: &'static str,
    /// Why it was not judged, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<&'static str>,
    /// Simulated time that went by in it.
    pub simulated_ms: u64,
}

/// One attempt of the failover program.
#[derive(Debug, Clone, Serialize)]
pub struct FailoverReport {
    /// `run`, `resume`, …
    pub asked: String,
    /// Its exit code; none when it was killed.
    pub exit_code: Option<i32>,
    /// Whether the drill killed it.
    pub killed: bool,
    /// `done`, `stopped`, `failed`, `already done`; empty when killed.
    pub outcome: String,
    /// The guard that stopped it.
    pub stopped_by: Option<String>,
    /// The seven steps.
    pub steps: Vec<ProcedureStep>,
    /// Codes of what the operator was told.
    pub told: Vec<String>,
    /// Warnings and errors in the program's own words, each with its code.
    pub said: Vec<String>,
    /// The end of what it printed, where it is a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printed: Option<String>,
}

/// One of the seven steps as the failover program carried it out.
#[derive(Debug, Clone, Serialize)]
pub struct ProcedureStep {
    /// 1 to 7.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// `done`, `failed`, `not run`, …
    pub status: String,
    /// How long it took, in simulated milliseconds.
    pub simulated_ms: Option<u64>,
}

/// Which acknowledged messages are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LostMessages {
    /// How many.
    pub count: usize,
    /// Runs of consecutive chat ids per room.
    pub ranges: Vec<LostRange>,
}

/// A run of consecutive lost messages of one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostRange {
    /// The room.
    pub room: i64,
    /// The first lost chat id.
    pub first: i64,
    /// The last lost chat id.
    pub last: i64,
}

/// What one rule of the oracle did in this drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// The rule's id.
    pub rule: &'static str,
    /// How many facts it compared.
    pub compared: usize,
    /// How many contradicted it.
    pub broken: usize,
}

/// A fault of this drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultReport {
    /// The fault in words.
    pub fault: String,
    /// Whether it struck.
    pub fired: bool,
    /// Whether anything was different afterwards.
    pub had_effect: bool,
}

/// A line for people, cut where it goes on for longer than anybody reads.
#[must_use]
pub(crate) fn shortened(line: &str) -> String {
    const CHARACTERS_MAX: usize = 300;
    match line.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

/// A simulated duration as people read it: `2 h 05 min 03 s`, `41 s`, `180 ms`.
#[must_use]
pub fn readable_ms(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, seconds) {
        (0, 0, 0) => format!("{milliseconds} ms"),
        (0, 0, _) => format!("{}.{} s", rest, milliseconds % 1_000 / 100),
        (0, _, _) => format!("{minutes} min {rest:02} s"),
        _ => format!("{hours} h {minutes:02} min {rest:02} s"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rstest::rstest;

    use super::{
        DrillReport, FailoverReport, FaultReport, LostMessages, LostRange, ProcedureStep, Reason, RuleReport,
        StepReport, readable_ms,
    };
    use crate::verdict::Verdict;

    /// A drill with something in every field.
    /// The sim arm as reports describe it.
    pub(crate) fn sim() -> crate::arm::Described {
        crate::arm::ChosenArm::default().0.described()
    }

    pub(crate) fn a_drill(verdict: Verdict) -> DrillReport {
        DrillReport {
            feature: "Data center A is lost".into(),
            file: "features/en/data-center-lost.feature".into(),
            line: 9,
            name: "The backup takes over <&>".into(),
            tags: vec!["smoke".into()],
            seed: 7,
            verdict,
            reasons: match verdict {
                Verdict::Passed => Vec::new(),
                _ => vec![Reason { code: "mgccomp-touched".into(), text: "mgccomp has 3 rows fewer".into() }],
            },
            steps: vec![StepReport {
                keyword: "Then".into(),
                text: "the failover succeeds".into(),
                line: 12,
                status: "passed",
                unjudged: None,
                simulated_ms: 0,
            }],
            failovers: vec![FailoverReport {
                asked: "run".into(),
                exit_code: Some(0),
                killed: false,
                outcome: "done".into(),
                stopped_by: None,
                steps: vec![ProcedureStep {
                    number: 1,
                    name: "remove log shipping".into(),
                    status: "done".into(),
                    simulated_ms: Some(1_250),
                }],
                told: vec!["log-backup-missing".into()],
                said: vec!["log-backup-missing: nothing continues mgc_1.trn".into()],
                printed: None,
            }],
            rto_ms: Some(1_083_400),
            rpo_ms: Some(300_000),
            bound: Some(
                serde_json::json!({"last_applied_file": "mgc_20261122084500.trn", "last_applied_lsn": "34000000012300001", "missing": []}),
            ),
            lost: Some(LostMessages { count: 5, ranges: vec![LostRange { room: 1, first: 236, last: 240 }] }),
            oracle: vec![RuleReport { rule: "mgccomp-touched", compared: 3, broken: 0 }],
            faults: vec![FaultReport {
                fault: "the failover program is killed".into(),
                fired: true,
                had_effect: true,
            }],
            timeline_events: 12,
            timeline_digest: "00000000deadbeef".into(),
        }
    }

    #[rstest]
    #[case(0, "0 ms")]
    #[case(180, "180 ms")]
    #[case(41_250, "41.2 s")]
    #[case(1_083_400, "18 min 03 s")]
    #[case(7_503_000, "2 h 05 min 03 s")]
    fn durations_read_as_people_say_them(#[case] milliseconds: u64, #[case] words: &str) {
        assert_eq!(readable_ms(milliseconds), words);
    }
}
