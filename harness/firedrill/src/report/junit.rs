//! The JUnit report: one test suite per feature file, one test case per drill.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{DrillReport, RunReport};
use crate::verdict::Verdict;

/// The report as JUnit XML. Times are simulated.
///
/// # Errors
/// When the XML cannot be written.
pub fn render(report: &RunReport) -> Result<String, quick_junit::SerializeError> {
    let mut junit = Report::new("firedrill");
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    for drill in &report.drills {
        if suites.last().is_none_or(|(file, _)| *file != drill.file) {
            suites.push((drill.file.clone(), TestSuite::new(format!("{}: {}", drill.file, drill.feature))));
        }
        if let Some((_, suite)) = suites.last_mut() {
            suite.add_test_case(test_case(drill));
        }
    }
    junit.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    junit.to_string()
}

fn test_case(drill: &DrillReport) -> TestCase {
    let kind = match drill.verdict {
        Verdict::Passed => None,
        Verdict::Failed => Some(NonSuccessKind::Failure),
        Verdict::Vacuous => Some(NonSuccessKind::Error),
        Verdict::NotExercised => return skipped(drill),
    };
    let status = match kind {
        None => TestCaseStatus::success(),
        Some(kind) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(first_reason(drill)).set_description(all_reasons(drill));
            status
        }
    };
    named(drill, status)
}

fn skipped(drill: &DrillReport) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(first_reason(drill));
    named(drill, status)
}

fn named(drill: &DrillReport, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(drill.name.clone(), status);
    case.set_classname(format!("{}:{}", drill.file, drill.line));
    let simulated_ms = drill.steps.iter().map(|step| step.simulated_ms).sum();
    case.set_time(std::time::Duration::from_millis(simulated_ms));
    case
}

fn first_reason(drill: &DrillReport) -> String {
    drill.reasons.first().map_or_else(|| drill.verdict.word().to_owned(), |reason| reason.text.clone())
}

fn all_reasons(drill: &DrillReport) -> String {
    drill
        .reasons
        .iter()
        .map(|reason| format!("[{}] {}", reason.code, reason.text))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use crate::report::{RunReport, tests::a_drill};
    use crate::verdict::Verdict;

    #[test]
    fn each_verdict_becomes_the_junit_element_that_servers_show() {
        let drills =
            [Verdict::Passed, Verdict::Failed, Verdict::NotExercised, Verdict::Vacuous].map(a_drill).to_vec();
        let text = super::render(&RunReport::of(crate::report::tests::sim(), 7, drills)).unwrap();
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="firedrill" tests="4" skipped="1" failures="1" errors="1">
            <testsuite name="features/en/data-center-lost.feature: Data center A is lost" tests="4" skipped="1" errors="1" failures="1">
                <testcase name="The backup takes over &lt;&amp;&gt;" classname="features/en/data-center-lost.feature:9" time="0.000"/>
                <testcase name="The backup takes over &lt;&amp;&gt;" classname="features/en/data-center-lost.feature:9" time="0.000">
                    <failure message="mgccomp has 3 rows fewer">[mgccomp-touched] mgccomp has 3 rows fewer</failure>
                </testcase>
                <testcase name="The backup takes over &lt;&amp;&gt;" classname="features/en/data-center-lost.feature:9" time="0.000">
                    <skipped message="mgccomp has 3 rows fewer"/>
                </testcase>
                <testcase name="The backup takes over &lt;&amp;&gt;" classname="features/en/data-center-lost.feature:9" time="0.000">
                    <error message="mgccomp has 3 rows fewer">[mgccomp-touched] mgccomp has 3 rows fewer</error>
                </testcase>
            </testsuite>
        </testsuites>
    "#);
    }
}
