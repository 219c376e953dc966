//! What a person reads: one line per drill while it runs, and a page per drill that did not pass.

use std::fmt::Write as _;

use super::{DrillReport, FailoverReport, LostMessages, RunReport, readable_ms};
use crate::verdict::Verdict;

/// The clock of the sim arm.
const SIMULATED: &str = "simulated";

/// One drill in one line.
#[must_use]
pub fn line(drill: &DrillReport) -> String {
    let mut text =
        format!("{:<13} {}:{}  {}", drill.verdict.word(), drill.file, drill.line, printable(&drill.name));
    if let Some(rto) = drill.rto_ms {
        let _ = write!(text, "  RTO {}", readable_ms(rto));
    }
    if let Some(lost) = &drill.lost {
        let _ = write!(text, "  lost {}", lost.count);
    }
    text
}

/// One drill with everything a person needs to judge it.
#[must_use]
pub fn page(drill: &DrillReport) -> String {
    let mut text = line(drill);
    text.push('\n');
    for reason in &drill.reasons {
        let _ = writeln!(
            text,
            "  because  [{}] {}",
            reason.code,
            printable(&reason.text).replace('\n', "\n           ")
        );
    }
    for step in &drill.steps {
        let time = if step.simulated_ms == 0 { String::new() } else { readable_ms(step.simulated_ms) };
        let _ =
            writeln!(text, "  {:<10} {:>15}  {} {}", step.status, time, step.keyword, printable(&step.text));
        if let Some(why) = step.unjudged {
            let _ = writeln!(text, "{:29}{why}", "");
        }
    }
    for failover in &drill.failovers {
        text.push_str(&failover_page(failover));
    }
    if let Some(rto) = drill.rto_ms {
        let _ = writeln!(text, "  RTO      {}", readable_ms(rto));
    }
    if let Some(rpo) = drill.rpo_ms {
        let _ = writeln!(text, "  RPO      {}", readable_ms(rpo));
    }
    if let Some(bound) = &drill.bound {
        let _ = writeln!(text, "  bound    {}", printable(&bound.to_string()));
    }
    if let Some(lost) = &drill.lost {
        let _ = writeln!(text, "  lost     {}", lost_words(lost));
    }
    for fault in &drill.faults {
        let struck = match (fault.fired, fault.had_effect) {
            (true, true) => "struck",
            (true, false) => "STRUCK AND CHANGED NOTHING",
            (false, _) => "NEVER STRUCK",
        };
        let _ = writeln!(text, "  fault    {} ({struck})", printable(&fault.fault));
    }
    text
}

fn failover_page(failover: &FailoverReport) -> String {
    let ended = match (failover.killed, failover.exit_code) {
        (true, _) => "killed".to_owned(),
        (false, Some(code)) => format!("exit {code}, {}", failover.outcome),
        (false, None) => failover.outcome.clone(),
    };
    let mut text = format!("  failover {} ({ended})\n", failover.asked);
    for step in &failover.steps {
        let time = step.simulated_ms.map(readable_ms).unwrap_or_default();
        let _ = writeln!(text, "    {} {:<9} {:>14}  {}", step.number, step.status, time, step.name);
    }
    if let Some(guard) = &failover.stopped_by {
        let _ = writeln!(text, "    stopped by {guard}");
    }
    if !failover.told.is_empty() {
        let _ = writeln!(text, "    told {}", failover.told.join(", "));
    }
    for said in &failover.said {
        let _ = writeln!(text, "    said {}", printable(said).replace('\n', " "));
    }
    if failover.steps.is_empty() {
        for line in failover.printed.iter().flat_map(|printed| printed.lines()) {
            let _ = writeln!(text, "    | {}", printable(line));
        }
    }
    text
}

/// `5 messages: room 1: 236..240`.
#[must_use]
pub fn lost_words(lost: &LostMessages) -> String {
    if lost.count == 0 {
        return "nothing".to_owned();
    }
    let ranges: Vec<String> = lost
        .ranges
        .iter()
        .map(|range| match range.first == range.last {
            true => format!("room {}: {}", range.room, range.first),
            false => format!("room {}: {}..{}", range.room, range.first, range.last),
        })
        .collect();
    format!("{} message{}: {}", lost.count, if lost.count == 1 { "" } else { "s" }, ranges.join(", "))
}

/// The last line of a run.
#[must_use]
pub fn summary(report: &RunReport) -> String {
    let counts = report.counts;
    format!(
        "{} drills on {} (seed {}): {} passed, {} failed, {} not exercised, {} vacuous",
        report.drills.len(),
        report.arm,
        report.seed,
        counts.passed,
        counts.failed,
        counts.not_exercised,
        counts.vacuous
    )
}

/// How fast a run was, in drills and in simulated time.
#[must_use]
pub fn speed(report: &RunReport, took: std::time::Duration) -> String {
    let seconds = took.as_secs_f64().max(0.000_001);
    let drills = u32::try_from(report.drills.len()).unwrap_or(u32::MAX);
    if report.clock != SIMULATED {
        return format!(
            "{seconds:.2} s, {:.2} drills per minute; the clock is {}",
            f64::from(drills) * 60.0 / seconds,
            report.clock
        );
    }
    let simulated_ms: u64 =
        report.drills.iter().flat_map(|drill| &drill.steps).map(|step| step.simulated_ms).sum();
    let simulated = std::time::Duration::from_millis(simulated_ms);
    format!(
        "{seconds:.2} s, {:.1} drills per second; {} simulated, {:.0} times as fast as the clock",
        f64::from(drills) / seconds,
        readable_ms(simulated_ms),
        simulated.as_secs_f64() / seconds
    )
}

/// Whether the page of a drill is shown without being asked for.
#[must_use]
pub fn deserves_a_page(verdict: Verdict) -> bool {
    verdict != Verdict::Passed
}

/// Text from features and databases is data: a terminal must not obey it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{lost_words, page, speed, summary};
    use crate::report::{LostMessages, RunReport, tests::a_drill};
    use crate::verdict::Verdict;

    #[test]
    fn a_page_shows_steps_times_bound_and_lost_messages() {
        insta::assert_snapshot!(page(&a_drill(Verdict::Failed)), @r#"
        FAILED        features/en/data-center-lost.feature:9  The backup takes over <&>  RTO 18 min 03 s  lost 5
          because  [mgccomp-touched] mgccomp has 3 rows fewer
          passed                      Then the failover succeeds
          failover run (exit 0, done)
            1 done               1.2 s  remove log shipping
            told log-backup-missing
            said log-backup-missing: nothing continues mgc_1.trn
          RTO      18 min 03 s
          RPO      5 min 00 s
          bound    {"last_applied_file":"mgc_20261122084500.trn","last_applied_lsn":"34000000012300001","missing":[]}
          lost     5 messages: room 1: 236..240
          fault    the failover program is killed (struck)
    "#);
    }

    #[test]
    fn a_terminal_does_not_obey_text_from_a_feature() {
        let mut drill = a_drill(Verdict::Passed);
        drill.name = "\u{1b}[2J gone".into();
        assert!(!page(&drill).contains('\u{1b}'));
    }

    #[test]
    fn nothing_lost_is_said_in_words() {
        assert_eq!(lost_words(&LostMessages::default()), "nothing");
    }

    #[test]
    fn speed_is_told_in_drills_and_in_simulated_time() {
        let mut drill = a_drill(Verdict::Passed);
        drill.steps[0].simulated_ms = 7_200_000;
        let report = RunReport::of(crate::report::tests::sim(), 7, vec![drill.clone(), drill]);
        insta::assert_snapshot!(speed(&report, std::time::Duration::from_millis(500)), @"0.50 s, 4.0 drills per second; 4 h 00 min 00 s simulated, 28800 times as fast as the clock");
    }

    #[test]
    fn the_summary_counts_every_verdict() {
        let drills = [Verdict::Passed, Verdict::Vacuous].map(a_drill).to_vec();
        insta::assert_snapshot!(summary(&RunReport::of(crate::report::tests::sim(), 7, drills)), @"2 drills on sim (seed 7): 1 passed, 0 failed, 0 not exercised, 1 vacuous");
    }
}
