//! One run: feeds the book to cucumber, and makes a report of each scenario in the hook after it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cucumber::event::ScenarioFinished;
use cucumber::gherkin::{Feature, Rule, Scenario, Step};
use cucumber::{Cucumber, Event, Parser, Writer, cli, event, parser};
use futures::FutureExt as _;

use super::book::Book;
use super::check::nearest_step;
use crate::arm::ChosenArm;
use crate::report::{DrillReport, Reason, StepReport};
use crate::steps::collection;
use crate::steps::drill::{Drill, DrillSettings, StepRecord};
use crate::verdict::Verdict;

/// What holds for each drill of a run.
#[derive(Clone, Debug, Default)]
pub struct DrillOptions {
    /// The seed.
    pub seed: u64,
    /// The estate file that stands in for the embedded one of the same name.
    pub estate: Option<PathBuf>,
    /// No drill may take longer to restore service.
    pub rto: Option<Duration>,
    /// No drill may lose more than this much time of messages.
    pub rpo: Option<Duration>,
    /// Set from outside when no further drill should start.
    pub interrupted: Arc<AtomicBool>,
}

/// Runs every drill of `book`, in its order, and tells what each came to. When the arm has no servers any more, no
/// further drill is run; the answer says why.
pub(super) fn run(
    book: Book,
    options: &DrillOptions,
    arm: &ChosenArm,
    tell: impl Fn(DrillReport) + 'static,
) -> Option<String> {
    let (before, after, arm) = (options.clone(), options.clone(), arm.clone());
    let environment: Rc<RefCell<Option<String>>> = Rc::default();
    let missing = Rc::clone(&environment);
    let runner = cucumber::runner::Basic::<Drill>::default()
        .steps(collection())
        .max_concurrent_scenarios(Some(1))
        .before(move |_, _, _, drill: &mut Drill| {
            drill.settings(DrillSettings {
                seed: before.seed,
                estate: before.estate.clone(),
                arm: arm.clone(),
                abandoned: before.interrupted.load(Ordering::Relaxed),
                interrupted: Arc::clone(&before.interrupted),
            });
            futures::future::ready(()).boxed_local()
        })
        .after(move |feature, rule, scenario, finished, drill| {
            if let Some(drill) = drill.filter(|drill| !drill.abandoned()) {
                let report = conclude(&Scene { feature, rule, scenario, finished }, drill, &after);
                if let Some(lacking) = drill.environment() {
                    // No other drill would find servers either.
                    after.interrupted.store(true, Ordering::Relaxed);
                    *missing.borrow_mut() = Some(lacking.to_owned());
                }
                tell(report);
            }
            futures::future::ready(()).boxed_local()
        });
    let arguments = cli::Opts::<cli::Empty, _, cli::Empty, cli::Empty>::default();
    let cucumber: Cucumber<Drill, _, _, _, _, cli::Empty> = Cucumber::custom(Preread, runner, Silent);
    futures::executor::block_on(cucumber.with_cli(arguments).run(book.features));
    environment.take()
}

/// A scenario in its place, and how cucumber says it ended.
struct Scene<'a> {
    feature: &'a Feature,
    rule: Option<&'a Rule>,
    scenario: &'a Scenario,
    finished: &'a ScenarioFinished,
}

impl Scene<'_> {
    /// Background first, as they were run.
    fn steps(&self) -> Vec<&Step> {
        let of_feature = self.feature.background.iter().flat_map(|background| &background.steps);
        let of_rule =
            self.rule.and_then(|rule| rule.background.as_ref()).into_iter().flat_map(|one| &one.steps);
        of_feature.chain(of_rule).chain(&self.scenario.steps).collect()
    }

    fn tags(&self) -> Vec<String> {
        let of_rule = self.rule.into_iter().flat_map(|rule| &rule.tags);
        self.feature.tags.iter().chain(of_rule).chain(&self.scenario.tags).cloned().collect()
    }

    fn file(&self) -> String {
        self.feature.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

/// Judges a finished scenario and writes its report.
fn conclude(scene: &Scene<'_>, drill: &mut Drill, options: &DrillOptions) -> DrillReport {
    let steps = scene.steps();
    let mut reasons = why_the_steps_failed(scene, &steps, drill);
    if drill.needs().is_none() {
        reasons.extend(drill.final_judgement());
        reasons.extend(over_the_bounds(drill, options));
    }
    let arm_failed = |text| Reason { code: "arm".to_owned(), text };
    reasons.extend(drill.trouble().into_iter().map(arm_failed));
    let mut verdict = if reasons.is_empty() { Verdict::Passed } else { Verdict::Failed };
    if let Some(lacking) = drill.needs() {
        verdict = Verdict::NotExercised;
        reasons = vec![Reason { code: "not-exercised".into(), text: lacking.to_owned() }];
    } else if verdict == Verdict::Passed {
        reasons = drill.vacuous_reasons();
        if !reasons.is_empty() {
            verdict = Verdict::Vacuous;
        }
    }
    let judged = drill.judged();
    DrillReport {
        feature: scene.feature.name.clone(),
        file: scene.file(),
        line: scene.scenario.position.line,
        name: scene.scenario.name.clone(),
        tags: scene.tags(),
        seed: options.seed,
        verdict,
        reasons,
        steps: step_reports(&steps, drill.records(), scene.finished),
        failovers: drill.failover_reports(),
        rto_ms: judged.rto_ms,
        rpo_ms: judged.rpo_ms,
        bound: drill.bound(),
        lost: judged.lost,
        oracle: judged.rules,
        faults: drill.fault_reports(),
        timeline_events: drill.timeline_events(),
        timeline_digest: drill.timeline_digest(),
    }
}

fn over_the_bounds(drill: &Drill, options: &DrillOptions) -> Vec<Reason> {
    let judged = drill.judged();
    let mut reasons = Vec::new();
    let mut bound = |code: &str, what: &str, measured: Option<u64>, allowed: Option<Duration>| {
        if let (Some(measured), Some(allowed)) = (measured, allowed)
            && u128::from(measured) > allowed.as_millis()
        {
            let (measured, allowed) = (
                crate::report::readable_ms(measured),
                crate::report::readable_ms(u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX)),
            );
            reasons.push(Reason {
                code: code.to_owned(),
                text: format!("{what} {measured}, and --{code} allows {allowed}"),
            });
        }
    };
    bound("rto", "service was restored after", judged.rto_ms, options.rto);
    bound("rpo", "the messages lost go back", judged.rpo_ms, options.rpo);
    reasons
}

fn why_the_steps_failed(scene: &Scene<'_>, steps: &[&Step], drill: &Drill) -> Vec<Reason> {
    let done = drill.records().len();
    let next = steps.get(done);
    let place = |step: &Step| format!("{}:{}", scene.file(), step.position.line);
    match scene.finished {
        ScenarioFinished::StepPassed => Vec::new(),
        ScenarioFinished::StepSkipped => next.map_or_else(Vec::new, |step| {
            let text = match nearest_step(step) {
                Some(nearest) => {
                    format!("{}: no step reads \"{}\"; the nearest is \"{nearest}\"", place(step), step.value)
                }
                None => format!("{}: no step reads \"{}\"; see firedrill steps", place(step), step.value),
            };
            vec![Reason { code: "undefined-step".into(), text }]
        }),
        ScenarioFinished::StepFailed(_, _, event::StepError::AmbiguousMatch(_)) => {
            next.map_or_else(Vec::new, |step| {
                let text = format!("{}: more than one step reads \"{}\"", place(step), step.value);
                vec![Reason { code: "ambiguous-step".into(), text }]
            })
        }
        ScenarioFinished::StepFailed(_, _, error) => {
            let failed = drill.records().last();
            let line = failed.map_or(scene.scenario.position.line, |record| record.line);
            let text = failed.and_then(|record| record.failure.clone()).unwrap_or_else(|| panic_text(error));
            vec![Reason { code: "step".into(), text: format!("{}:{line}: {text}", scene.file()) }]
        }
        ScenarioFinished::BeforeHookFailed(_) => {
            vec![Reason { code: "step".into(), text: "the drill could not be set up".into() }]
        }
    }
}

/// What a defect in a step said when it gave up.
fn panic_text(error: &event::StepError) -> String {
    match error {
        event::StepError::Panic(payload) => {
            let text = payload
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "no message".to_owned());
            format!("a defect in firedrill: {text}")
        }
        other => other.to_string(),
    }
}

fn step_reports(steps: &[&Step], records: &[StepRecord], finished: &ScenarioFinished) -> Vec<StepReport> {
    steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let unjudged = records.get(index).and_then(|record| record.unjudged);
            let (status, simulated_ms) = match records.get(index) {
                Some(record) if record.failure.is_some() => ("failed", record.simulated_ms),
                Some(record) if unjudged.is_some() => ("not judged", record.simulated_ms),
                Some(record) => ("passed", record.simulated_ms),
                None if index == records.len() && matches!(finished, ScenarioFinished::StepSkipped) => {
                    ("undefined", 0)
                }
                None if index == records.len() && is_ambiguous(finished) => ("ambiguous", 0),
                None => ("not run", 0),
            };
            StepReport {
                keyword: format!("{:?}", step.ty),
                text: step.value.clone(),
                line: step.position.line,
                status,
                unjudged,
                simulated_ms,
            }
        })
        .collect()
}

fn is_ambiguous(finished: &ScenarioFinished) -> bool {
    matches!(finished, ScenarioFinished::StepFailed(_, _, event::StepError::AmbiguousMatch(_)))
}

/// The features were read before the run, so that nothing is staged when one of them is broken.
struct Preread;

impl Parser<Vec<Feature>> for Preread {
    type Cli = cli::Empty;
    type Output = futures::stream::Iter<std::vec::IntoIter<parser::Result<Feature>>>;

    fn parse(self, input: Vec<Feature>, _: cli::Empty) -> Self::Output {
        futures::stream::iter(input.into_iter().map(Ok).collect::<Vec<_>>())
    }
}

/// Writes nothing: reports are made in the hooks.
struct Silent;

impl Writer<Drill> for Silent {
    type Cli = cli::Empty;

    async fn handle_event(&mut self, _: parser::Result<Event<event::Cucumber<Drill>>>, _: &cli::Empty) {}
}

impl cucumber::writer::Normalized for Silent {}
