//! The world of one scenario: its estate, what the failover program did, and what the oracle makes of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Kind, StepResult};
use crate::arm::ChosenArm;
use crate::estate::{Arrangement, Estate, EstateError, EstateFile, FailoverOptions, FailoverRun};
use crate::oracle::Evidence;
use crate::oracle::evidence::Obstacle;
use crate::red::WrongImplementation;
use crate::report::{FailoverReport, FaultReport, LostMessages, Reason, RuleReport};
use crate::steps::{obstacle, witness};

/// What a run says about each of its drills.
#[derive(Debug, Clone, Default)]
pub struct DrillSettings {
    /// The seed.
    pub seed: u64,
    /// An estate file that stands in for the embedded one.
    pub estate: Option<PathBuf>,
    /// Where the estate is staged.
    pub arm: ChosenArm,
    /// The run was interrupted: do nothing.
    pub abandoned: bool,
    /// Set from outside when the run is interrupted: the drill under way does nothing more.
    pub interrupted: Arc<AtomicBool>,
}

/// One step as it was run.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// Its line in the feature file.
    pub line: usize,
    /// Simulated time that went by.
    pub simulated_ms: u64,
    /// Why it does not hold, if so.
    pub failure: Option<String>,
    /// Why nobody could judge it, if so.
    pub unjudged: Option<&'static str>,
}

/// One start of the failover program.
#[derive(Debug)]
pub(super) struct Attempt {
    /// `run`, `resume`, `preflight`.
    pub(super) asked: &'static str,
    /// Whether `--accept-data-loss` was given.
    pub(super) loss_accepted: bool,
    /// What stood in its way from the start.
    pub(super) obstacles: Vec<Obstacle>,
    /// What came of it.
    pub(super) run: FailoverRun,
}

/// Numbers that reports carry.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// Time to service.
    pub rto_ms: Option<u64>,
    /// Age of the oldest lost message at the loss of A.
    pub rpo_ms: Option<u64>,
    /// Messages gone.
    pub lost: Option<LostMessages>,
    /// What the oracle compared.
    pub rules: Vec<RuleReport>,
}

/// The world cucumber gives to every step.
#[derive(Default)]
pub struct Drill {
    settings: DrillSettings,
    estate: Option<Estate>,
    /// What was said, for the oracle to know which obstacles were there from the start.
    pub(super) said: Vec<Arrangement>,
    pub(super) attempts: Vec<Attempt>,
    /// What the compliance databases held before the first attempt, and who was active.
    pub(super) before: Option<witness::Before>,
    pub(crate) wrong: Option<WrongImplementation>,
    evidence: Option<Evidence>,
    findings: Vec<Reason>,
    records: Vec<StepRecord>,
    thens: usize,
    acted: bool,
    /// Whether the drill took something away after the last attempt: what is then not there is not the program's doing.
    lost_since: bool,
    judged: Judged,
    needs: Option<String>,
    /// Why the arm has no servers for this drill or any other.
    environment: Option<String>,
    /// Why the step under way cannot be judged.
    unjudged: Option<&'static str>,
    /// What the operator's own last command gave: whether it was refused, and its words.
    answer: Option<(bool, String)>,
    /// Commands of the operator that failed, until a `Then` looks at the answer.
    failures_ignored: Vec<String>,
}

impl std::fmt::Debug for Drill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drill")
            .field("seed", &self.settings.seed)
            .field("steps", &self.records.len())
            .finish()
    }
}

impl cucumber::World for Drill {
    type Error = std::convert::Infallible;

    async fn new() -> Result<Self, Self::Error> {
        Ok(Self::default())
    }
}

/// For the runner.
impl Drill {
    /// Takes over what the run says.
    pub fn settings(&mut self, settings: DrillSettings) {
        self.settings = settings;
    }

    /// Whether the run was interrupted before this drill came to its end.
    #[must_use]
    pub fn abandoned(&self) -> bool {
        self.settings.abandoned
    }

    /// What the arm lacks for this drill.
    #[must_use]
    pub fn needs(&self) -> Option<&str> {
        self.needs.as_deref()
    }

    /// Why the arm has no servers, for this drill or any other.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// What the arm itself failed to do: what happened then is not what the drill says.
    #[must_use]
    pub fn trouble(&self) -> Vec<String> {
        self.estate.as_ref().map_or_else(Vec::new, Estate::trouble)
    }

    /// Runs one step and records it.
    ///
    /// # Errors
    /// Why the step does not hold.
    pub fn perform(
        &mut self,
        line: usize,
        kind: Kind,
        step: impl FnOnce(&mut Self) -> StepResult,
    ) -> StepResult {
        self.settings.abandoned |= self.settings.interrupted.load(Ordering::Relaxed);
        if self.settings.abandoned {
            return Err("the run was interrupted".to_owned());
        }
        let started = self.now_ms();
        let result = step(self);
        let simulated_ms = started.zip(self.now_ms()).map_or(0, |(from, to)| to.saturating_sub(from));
        let unjudged = self.unjudged.take();
        if kind == Kind::Then && unjudged.is_none() {
            self.thens += 1;
        }
        self.records.push(StepRecord { line, simulated_ms, failure: result.clone().err(), unjudged });
        result
    }

    /// The steps run so far.
    #[must_use]
    pub fn records(&self) -> &[StepRecord] {
        &self.records
    }

    /// The oracle's last word, and everything it found after earlier attempts.
    pub fn final_judgement(&mut self) -> Vec<Reason> {
        if self.attempts.is_empty() || self.lost_since {
            return self.findings.clone();
        }
        if let Err(error) = self.judge() {
            self.findings.push(Reason { code: "oracle".to_owned(), text: error });
        }
        self.findings.clone()
    }

    /// Why this drill checked nothing, if so.
    #[must_use]
    pub fn vacuous_reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut because = |code: &str, text: String| reasons.push(Reason { code: code.to_owned(), text });
        if self.thens == 0 {
            because("no-then", "the drill has no Then: nothing was asked of the outcome".to_owned());
        }
        if !self.acted {
            because("nothing-happened", "no failover was attempted and nothing was done by hand".to_owned());
        }
        for failure in &self.failures_ignored {
            because(
                "answer-ignored",
                format!("the operator's command failed and no Then looked at it: {failure}"),
            );
        }
        for fault in self.fault_reports() {
            if !fault.fired {
                because("fault-never-fired", format!("this was staged and never struck: {}", fault.fault));
            } else if !fault.had_effect {
                because("fault-without-effect", format!("this struck and changed nothing: {}", fault.fault));
            }
        }
        if self.wrong.is_some() {
            let started = if self.attempts.is_empty() { "was never started" } else { "was not caught" };
            because(
                "wrong-not-caught",
                format!("the failover program of this drill is a wrong one, and {started}"),
            );
        }
        for rule in self.judged.rules.iter().filter(|rule| rule.compared == 0) {
            because("compared-nothing", format!("the oracle's rule {} found nothing to compare", rule.rule));
        }
        reasons
    }

    /// Notes the answer to a command of the operator's own.
    pub(super) fn answered(&mut self, is_refused: bool, words: String) {
        self.acted();
        if is_refused {
            self.failures_ignored.push(words.clone());
        }
        self.answer = Some((is_refused, words));
    }

    /// The last answer, and whether it is a refusal; a refusal that was looked at is no longer ignored.
    pub(super) fn look_at_answer(&mut self) -> Result<(bool, String), String> {
        let answer = self.answer.clone().ok_or_else(|| "the operator has entered nothing".to_owned())?;
        if answer.0 {
            self.failures_ignored.retain(|failure| *failure != answer.1);
        }
        Ok(answer)
    }

    /// The numbers for the report.
    #[must_use]
    pub fn judged(&self) -> Judged {
        self.judged.clone()
    }

    /// The attempts for the report.
    #[must_use]
    pub fn failover_reports(&self) -> Vec<FailoverReport> {
        self.attempts.iter().map(witness::failover_report).collect()
    }

    /// The bound reported last.
    #[must_use]
    pub fn bound(&self) -> Option<serde_json::Value> {
        self.attempts.iter().rev().find_map(|attempt| attempt.run.report.get("bound").cloned())
    }

    /// The faults for the report.
    #[must_use]
    pub fn fault_reports(&self) -> Vec<FaultReport> {
        let Some(estate) = &self.estate else { return Vec::new() };
        let at_points = estate.faults().into_iter().map(|planned| FaultReport {
            fault: format!("{} when {}", planned.fault, planned.point),
            fired: planned.fired.is_some(),
            had_effect: planned.had_effect,
        });
        let arranged = estate.arranged_faults().into_iter();
        let arranged = arranged.map(|(fault, fired)| FaultReport { fault, fired, had_effect: fired });
        at_points.chain(arranged).collect()
    }

    /// How many events the timeline holds.
    #[must_use]
    pub fn timeline_events(&self) -> usize {
        self.estate.as_ref().map_or(0, |estate| estate.timeline().events().len())
    }

    /// CRC-32 over the timeline and the ledger, as eight hexadecimal digits.
    #[must_use]
    pub fn timeline_digest(&self) -> String {
        let Some(estate) = &self.estate else { return String::new() };
        let mut digest = crc32fast::Hasher::new();
        for event in estate.timeline().events() {
            digest.update(event.at.to_string().as_bytes());
            digest.update(event.what.to_string().as_bytes());
        }
        for message in estate.ledger().messages() {
            digest.update(&message.text_crc32.to_le_bytes());
            digest.update(message.acknowledged.to_string().as_bytes());
        }
        format!("{:08x}", digest.finalize())
    }

    /// The estate's clock; none before there is an estate, or before it is known what its clock shows.
    fn now_ms(&self) -> Option<u64> {
        u64::try_from(self.estate.as_ref()?.clock()?.as_millisecond()).ok()
    }
}

/// For the steps.
impl Drill {
    /// Chooses the estate: the embedded one of this name, or the file given on the command line.
    pub(crate) fn choose_estate(&mut self, name: &str) -> StepResult {
        if self.estate.is_some() {
            return Err("the estate was named already; one drill stages one estate".to_owned());
        }
        let file = match &self.settings.estate {
            None => EstateFile::named(name),
            Some(path) => {
                let shown = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("{shown}: cannot be read ({error})"))?;
                EstateFile::parse(&text, &shown)
            }
        };
        let file = file.map_err(|error| error.to_string())?;
        self.estate = Some(Estate::on(self.settings.arm.clone(), &file, self.settings.seed));
        Ok(())
    }

    /// The estate.
    pub(super) fn estate(&mut self) -> Result<&mut Estate, String> {
        self.estate
            .as_mut()
            .ok_or_else(|| "no estate yet; begin with: Given the estate \"litware\"".to_owned())
    }

    /// The estate, to look at.
    pub(super) fn estate_seen(&self) -> Result<&Estate, String> {
        self.estate
            .as_ref()
            .ok_or_else(|| "no estate yet; begin with: Given the estate \"litware\"".to_owned())
    }

    /// Says something about the estate.
    pub(crate) fn arrange(&mut self, arrangement: Arrangement) -> StepResult {
        let said = self.estate()?.arrange(arrangement.clone());
        said.map_err(|error| match error {
            EstateError::TooLate(_) => {
                "this line has to come before the first When or Then: the estate is staged already".to_owned()
            }
            other => self.words_of(other),
        })?;
        self.said.push(arrangement);
        Ok(())
    }

    /// Does something to the estate, after it was staged and first looked at.
    pub(super) fn act<T>(
        &mut self,
        verb: impl FnOnce(&mut Estate) -> Result<T, EstateError>,
    ) -> Result<T, String> {
        self.stage()?;
        self.evidence = None;
        let done = verb(self.estate()?);
        done.map_err(|error| self.words_of(error))
    }

    /// An error in words; notes whether it is the arm that lacks something.
    fn words_of(&mut self, error: EstateError) -> String {
        let words = error.to_string();
        match error {
            EstateError::Lacking(what) => self.needs = Some(what),
            EstateError::Arm(what) => self.environment = Some(what),
            EstateError::Interrupted => self.settings.abandoned = true,
            _ => {}
        }
        words
    }

    /// Whether what the failover program told can be judged; if not, the step under way is not.
    pub(super) fn words_are_read(&mut self) -> Result<bool, String> {
        let are_read = self.estate_seen()?.program_can_be_read();
        if !are_read {
            self.unjudged =
                Some("only pchat-failover's words are read; another program is judged by what it did");
        }
        Ok(are_read)
    }

    /// Stages the estate and looks at it for the first time, if that has not been done.
    fn stage(&mut self) -> StepResult {
        let begun = self.estate()?.begin();
        begun.map_err(|error| self.words_of(error))?;
        if self.before.is_none() {
            self.before = Some(witness::look_before(self)?);
        }
        Ok(())
    }

    /// A place is lost.
    pub(crate) fn lose(&mut self, place: crate::estate::Place) -> StepResult {
        let words = place.to_string();
        self.lost_since = true;
        match self.act(|estate| estate.lose(place))? {
            true => Ok(()),
            false => Err(format!("{words} is lost already: nothing changes")),
        }
    }

    /// A server hangs.
    pub(super) fn hang(&mut self, server: crate::estate::Server) -> StepResult {
        self.lost_since = true;
        match self.act(|estate| estate.hang(server))? {
            true => Ok(()),
            false => Err(format!("the {server} hangs already, or has no power: nothing changes")),
        }
    }

    /// A server is shut down in good order.
    pub(super) fn shut_down(&mut self, server: crate::estate::Server) -> StepResult {
        self.lost_since = true;
        match self.act(|estate| estate.shut_down(server))? {
            true => Ok(()),
            false => Err(format!("the {server} does not run: nothing changes")),
        }
    }

    /// A place comes back.
    pub(super) fn bring_back(&mut self, place: crate::estate::Place) -> StepResult {
        let words = place.to_string();
        match self.act(|estate| estate.bring_back(place))? {
            true => Ok(()),
            false => Err(format!("{words} is not lost: nothing changes")),
        }
    }

    /// Something was done that a Then can be about.
    pub(super) fn acted(&mut self) {
        self.acted = true;
    }

    /// The operator starts the failover program; the oracle looks at what it left.
    pub(crate) fn fail_over(&mut self, asked: &'static str, accept_data_loss: bool) -> StepResult {
        self.stage()?;
        let obstacles = obstacle::standing(self.estate_seen()?, &self.said);
        let wrong = self.wrong.clone();
        let options = FailoverOptions {
            accept_data_loss,
            resume: asked == "resume",
            transformation: wrong.as_ref().and_then(WrongImplementation::plan_transformation),
        };
        let mut run =
            self.act(
                |estate| if asked == "preflight" { estate.preflight() } else { estate.fail_over(options) },
            )?;
        if let Some(wrong) = &wrong {
            wrong.rewrite_report(&mut run.report);
            if wrong.keeps_silent() {
                witness::forget_what_was_told(&mut run);
            }
            for (server, database, batch) in wrong.meddling() {
                if database == witness::COMPLIANCE
                    && self.before.as_ref().is_some_and(witness::Before::compliance_is_empty)
                {
                    return Err(format!(
                        "{database} on the {server} is empty: nothing can be done to it; let compliance events wait in it"
                    ));
                }
                let server = *server;
                self.act(|estate| estate.by_hand_sql(server, database, batch))?
                    .map_err(|error| format!("the wrong implementation could not do its wrong: {error}"))?;
            }
        }
        self.attempts.push(Attempt { asked, loss_accepted: accept_data_loss, obstacles, run });
        self.acted = true;
        self.lost_since = false;
        self.judge()
    }

    /// The last attempt.
    pub(super) fn last_attempt(&self) -> Result<&Attempt, String> {
        self.attempts.last().ok_or_else(|| "the failover program has not been started yet".to_owned())
    }

    /// What is, read afresh when something happened since it was last read.
    pub(super) fn evidence(&mut self) -> Result<&Evidence, String> {
        if self.evidence.is_none() {
            self.stage()?;
            self.evidence = Some(witness::look(self)?);
        }
        self.evidence.as_ref().ok_or_else(|| "nothing could be read".to_owned())
    }

    /// Puts every rule to the evidence and keeps what contradicts it.
    fn judge(&mut self) -> StepResult {
        let evidence = self.evidence()?;
        let checked = crate::oracle::judge(evidence);
        let (lost, rpo_ms) = witness::lost_messages(evidence);
        let loss = evidence.lost_at_ms;
        self.judged.rules = checked
            .iter()
            .map(|(rule, checked)| RuleReport {
                rule: rule.id(),
                compared: checked.compared,
                broken: checked.broken.len(),
            })
            .collect();
        for (rule, checked) in checked {
            for text in witness::few(&checked.broken) {
                let reason = Reason { code: rule.id().to_owned(), text };
                if !self.findings.contains(&reason) {
                    self.findings.push(reason);
                }
            }
        }
        self.judged.lost = lost;
        self.judged.rpo_ms = rpo_ms;
        self.judged.rto_ms = witness::recovery_time_ms(self.estate_seen()?, loss);
        Ok(())
    }
}
