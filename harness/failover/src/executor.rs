//! Carries out a plan: asks its guards, does its actions, sees its verifications, writes the journal.
//!
//! Invariants: nothing is done that the plan does not list; an action's intent is in the journal before it
//! happens; a decision rests on what was just looked at, never on what an earlier action returned.

mod actions;
mod aftercare;
mod backup;
mod copies;
mod guards;
mod logs;
mod pool;
mod restore;
mod sessions;
#[cfg(test)]
mod tests;
pub(crate) mod today;
mod verify;

use crate::environment::Environment;
use crate::journal::{Journal, JournalError, Past};
use crate::plan::{Action, Guard, Plan, Step, Verification};
use crate::report::{
    Aftercare, Bound, Finding, Message, Outcome, RefusedFile, Report, Severity, StepReport, StepStatus,
    Verdict, exit_code,
};
use crate::run::RunOptions;
use crate::site::Site;
use crate::sql::{Lsn, ResultSet, Role, Server, Servers, SqlError, query_within};
use serde_json::json;
use std::collections::BTreeMap;

/// Why a run does not go on. What was found is in the findings already.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A guard stands.
    Stopped(String),
    /// Something failed.
    Failed,
    /// The journal cannot be used.
    Journal(JournalError),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// What an action came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    /// It changed something.
    Something,
    /// Everything was as it should be.
    Nothing,
}

/// One run.
pub(crate) struct Run<'a> {
    env: &'a Environment,
    site: &'a Site,
    plan: &'a Plan,
    options: RunOptions,
    servers: &'a dyn Servers,
    journal: Journal<'a>,
    past: Past,
    started: jiff::Timestamp,
    /// The session on the backup, opened when first needed.
    backup: Option<Box<dyn Server>>,
    steps: Vec<StepReport>,
    findings: Vec<Finding>,
    aftercare: Vec<Aftercare>,
    bound: Bound,
    /// The backup headers read so far.
    headers: BTreeMap<logs::FileKey, logs::Header>,
    /// What was refused, by the server or by us.
    refused: BTreeMap<crate::chain::Spot, RefusedFile>,
    /// What was copied in this run.
    copied: Vec<copies::Copied>,
    /// The log must be applied up to here: the last RESTORE that succeeded.
    applied_to: Option<Lsn>,
    /// Where the database stood when it was last seen restoring.
    last_position: Option<backup::Standing>,
    /// The pool as the management store knew it.
    pool: Option<Result<pool::PoolFacts, pool::Trouble>>,
    /// The step under way.
    step: u8,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        env: &'a Environment,
        site: &'a Site,
        plan: &'a Plan,
        options: RunOptions,
        servers: &'a dyn Servers,
    ) -> Self {
        let steps = plan.steps.iter().map(|step| StepReport {
            number: step.number,
            name: step.name.clone(),
            status: StepStatus::Pending,
            started: None,
            finished: None,
        });
        Self {
            env,
            site,
            plan,
            options,
            servers,
            journal: Journal::new(&*env.journal, &*env.clock),
            past: Past::default(),
            started: env.clock.utc_now(),
            backup: None,
            steps: steps.collect(),
            findings: Vec::new(),
            aftercare: Vec::new(),
            bound: Bound::default(),
            headers: BTreeMap::new(),
            refused: BTreeMap::new(),
            copied: Vec::new(),
            applied_to: None,
            last_position: None,
            pool: None,
            step: 0,
        }
    }

    /// Runs the plan.
    pub(crate) async fn carry_out(mut self) -> Outcome {
        match self.journal.load(self.site).await {
            Ok(past) => self.past = past,
            Err(error) => return self.refuse("journal-unreadable", error.to_string()),
        }
        if self.past.is_unfinished && !self.options.resume {
            let when = self.past.last_started.clone().unwrap_or_default();
            return self.refuse(
                "failover-unfinished",
                format!(
                    "the journal holds a failover that began at {when} and left no report: it was killed, or it still runs. Nothing has been changed now. When it runs no longer, go on with `resume`"
                ),
            );
        }
        if self.options.resume && !self.past.has_run {
            return self.refuse(
                "nothing-to-resume",
                "the journal holds no failover to go on with; nothing has been changed. Begin one with `run`"
                    .to_owned(),
            );
        }
        let plan = serde_json::to_value(self.plan).unwrap_or_default();
        let begun =
            self.journal.begin(self.site, self.options.resume, self.options.accept_data_loss, plan).await;
        if let Err(error) = begun {
            return self.refuse("journal-unwritable", error.to_string());
        }
        if self.past.is_torn {
            self.find(
                "journal-torn",
                Severity::Info,
                "the journal's last line was being written when the program died; it is passed over"
                    .to_owned(),
            );
        }
        if let Some(bound) = self.past.bound.clone() {
            self.bound = bound;
        }
        let result = self.all_steps().await;
        self.conclude(result).await
    }

    /// Asks the guards before the first step, and leaves no trace.
    pub(crate) async fn preflight(mut self) -> Outcome {
        match self.journal.load(self.site).await {
            Ok(past) => self.past = past,
            Err(error) => return self.refuse("journal-unreadable", error.to_string()),
        }
        self.journal.mute();
        let guards = self.plan.steps.first().map(|step| step.guards.clone()).unwrap_or_default();
        let result = self.ask_guards(&guards).await.map(|()| Verdict::Open);
        if result.is_ok() {
            self.tell(
                "preflight-passed",
                Severity::Info,
                "nothing stands in the way; nothing has been changed".to_owned(),
            );
        }
        let mut outcome = self.conclude(result).await;
        outcome.completed = false;
        outcome
    }

    /// Looks at each step's result, and leaves no trace.
    pub(crate) async fn status(mut self) -> Outcome {
        match self.journal.load(self.site).await {
            Ok(past) => self.past = past,
            Err(error) => return self.refuse("journal-unreadable", error.to_string()),
        }
        self.journal.mute();
        if let Some(bound) = self.past.bound.clone() {
            self.bound = bound;
        }
        let mut all = true;
        for index in 0..self.plan.steps.len() {
            let step = &self.plan.steps[index];
            let (number, name) = (step.number, &step.name);
            let status = match self.step_is_done(step).await {
                Ok(true) => StepStatus::AlreadyDone,
                Ok(false) => StepStatus::Pending,
                Err(text) => {
                    self.find(&format!("step-{number}-open"), Severity::Info, text);
                    StepStatus::Pending
                }
            };
            all &= status == StepStatus::AlreadyDone;
            let word = if status == StepStatus::AlreadyDone { "done" } else { "open" };
            self.tell("step-status", Severity::Info, format!("step {number}: {name}: {word}"));
            self.steps[index].status = status;
        }
        self.check_aftercare().await;
        self.warn_if_a_is_alive().await;
        let mut outcome = self.conclude(Ok(if all { Verdict::AlreadyDone } else { Verdict::Open })).await;
        outcome.exit_code = exit_code::DONE;
        outcome.completed = all;
        outcome
    }

    /// Whether a step's result can be seen. Steps 2 and 3 are done when nothing is left to copy or apply.
    async fn step_is_done(&mut self, step: &Step) -> Result<bool, String> {
        if step
            .actions
            .iter()
            .any(|action| matches!(action, Action::CopyLogBackups | Action::ApplyLogBackups))
        {
            let looked = async {
                if !self.database_state().await?.is_some_and(|state| state.takes_log()) {
                    return Ok(true);
                }
                let standing = self.standing().await?;
                let inventory = self.inventory().await?;
                let chain = self.chain_of(&standing, &inventory);
                let copies = step.actions.contains(&Action::CopyLogBackups);
                let is_open =
                    |link: &crate::chain::BackupSet| !copies || link.place == crate::chain::Place::Share;
                Ok(!chain.links.iter().any(is_open))
            };
            let looked: Result<bool, SqlError> = looked.await;
            return looked.map_err(|error| error.to_string());
        }
        for verification in &step.verifications {
            self.look(*verification).await?;
        }
        Ok(true)
    }

    async fn all_steps(&mut self) -> Result<Verdict, Halt> {
        if self.everything_is_done().await? {
            let verdict = self.let_replicas_catch_up().await?;
            self.check_aftercare().await;
            return Ok(verdict);
        }
        let mut mirror_failed = false;
        for index in 0..self.plan.steps.len() {
            let step = &self.plan.steps[index];
            match self.one_step(index, step).await {
                Ok(()) => {}
                // Service does not wait for the mirror: what is left is said, and `resume` tries again.
                Err(Halt::Failed) if step.actions.contains(&Action::InstallMirror) => mirror_failed = true,
                Err(halt) => return Err(halt),
            }
        }
        if mirror_failed {
            self.check_aftercare().await;
            return Err(Halt::Failed);
        }
        for verification in &self.plan.before_success {
            self.see(*verification).await?;
        }
        self.check_aftercare().await;
        Ok(Verdict::Done)
    }

    /// Whether all that is reported in the end can be seen already, before anything is done.
    async fn everything_is_done(&mut self) -> Result<bool, Halt> {
        // The database first: as long as it is not online, no other question is needed.
        let order = [
            Verification::DatabaseOnline,
            Verification::LogShippingRemoved,
            Verification::MirrorSynchronized,
        ];
        let rest = [Verification::PoolStateFailedOver, Verification::ActiveServersSet];
        for verification in order.iter().chain(&rest) {
            if *verification == Verification::MirrorSynchronized && self.site.servers.backup_mirror.is_none()
            {
                continue;
            }
            if self.look(*verification).await.is_err() {
                return Ok(false);
            }
        }
        for step in &mut self.steps {
            step.status = StepStatus::AlreadyDone;
        }
        self.warn_if_a_is_alive().await;
        Ok(true)
    }

    /// Everything is done, yet an earlier run may have ended while servers did not know it: the step that
    /// sees to them is then taken up again. Replicas that still lag are a warning, as they are there.
    async fn let_replicas_catch_up(&mut self) -> Result<Verdict, Halt> {
        let waits = |step: &Step| step.verifications.contains(&Verification::ReplicasUpToDate);
        let waiting = self.plan.steps.iter().position(waits);
        if let Some(index) = waiting
            && self.look(Verification::ReplicasUpToDate).await.is_err()
        {
            self.one_step(index, &self.plan.steps[index]).await?;
            return Ok(Verdict::Done);
        }
        let text = "everything is done already; nothing has been changed".to_owned();
        self.tell("already-done", Severity::Info, text);
        Ok(Verdict::AlreadyDone)
    }

    async fn one_step(&mut self, index: usize, step: &Step) -> Result<(), Halt> {
        self.step = step.number;
        self.steps[index].started = Some(self.env.clock.utc_now());
        self.tell("step-started", Severity::Info, format!("step {}: {}", step.number, step.name));
        self.journal.write("step", json!({ "step": step.number, "status": "begun" })).await?;
        let result = self.guards_actions_verifications(step).await;
        let status = match &result {
            Ok(Did::Something) => StepStatus::Done,
            Ok(Did::Nothing) => StepStatus::AlreadyDone,
            Err(Halt::Stopped(_)) => StepStatus::Stopped,
            Err(_) => StepStatus::Failed,
        };
        self.steps[index].status = status;
        self.steps[index].finished = Some(self.env.clock.utc_now());
        let word = serde_json::to_value(status).unwrap_or_default();
        self.journal.write("step", json!({ "step": step.number, "status": word })).await?;
        if result.is_ok() {
            let how = if status == StepStatus::Done { "done" } else { "nothing to do" };
            self.tell("step-finished", Severity::Info, format!("step {}: {how}", step.number));
        }
        result.map(|_| ())
    }

    async fn guards_actions_verifications(&mut self, step: &Step) -> Result<Did, Halt> {
        self.ask_guards(&step.guards).await?;
        let mut did = Did::Nothing;
        for action in &step.actions {
            if self.act(*action, step).await? == Did::Something {
                did = Did::Something;
            }
        }
        for verification in &step.verifications {
            self.see(*verification).await?;
        }
        Ok(did)
    }

    async fn act(&mut self, action: Action, step: &Step) -> Result<Did, Halt> {
        match action {
            Action::CaptureLogShipping => self.capture_log_shipping().await,
            Action::QuietJobs => self.quiet_jobs().await,
            Action::RemoveLogShipping => self.remove_log_shipping().await,
            Action::CopyLogBackups => self.copy_log_backups().await,
            Action::EndConnections => self.end_connections().await,
            Action::ApplyLogBackups => {
                self.apply_log_backups(step.actions.contains(&Action::EndConnections)).await
            }
            Action::BringOnline => self.bring_online(step.actions.contains(&Action::EndConnections)).await,
            Action::SetPoolFailedOver => self.set_pool_failed_over().await,
            Action::InstallMirror => self.install_mirror().await,
            Action::SetActiveServers => self.set_active_servers().await,
            Action::ReplicateManagementStore => self.replicate_management_store().await,
        }
    }

    /// Asks the guards; those that stand are all reported, then the first of them stops the run.
    async fn ask_guards(&mut self, guards: &[Guard]) -> Result<(), Halt> {
        let mut standing: Option<String> = None;
        let probes = self.probe_a(guards).await;
        for guard in guards {
            let objections = self.ask(*guard, &probes).await?;
            let blind =
                matches!(guard, Guard::BackupAnswers | Guard::DatabaseExists) && !objections.is_empty();
            for (code, text) in objections {
                let waived = self.options.accept_data_loss
                    && guard.waived_by_accepting_data_loss()
                    && code != "log-not-applied";
                if waived {
                    self.find(&code, Severity::Warning, format!("{text} Data loss was accepted: going on."));
                } else {
                    self.find(&code, Severity::Error, text);
                    standing.get_or_insert(code);
                }
            }
            if blind {
                break;
            }
        }
        match standing {
            Some(code) => {
                self.journal.write("stopped", json!({ "step": self.step, "by": code })).await?;
                Err(Halt::Stopped(code))
            }
            None => Ok(()),
        }
    }

    /// Looks, and fails the run if it is not so.
    async fn see(&mut self, verification: Verification) -> Result<(), Halt> {
        match self.verify(verification).await {
            Ok(()) => Ok(()),
            Err(text) if verification == Verification::ReplicasUpToDate => {
                self.find(verification.code(), Severity::Warning, text);
                Ok(())
            }
            Err(text) => Err(self.fail(verification.code(), text)),
        }
    }

    async fn conclude(mut self, result: Result<Verdict, Halt>) -> Outcome {
        let (outcome, stopped_by, code) = match result {
            Ok(verdict) => (verdict, None, exit_code::DONE),
            Err(Halt::Stopped(code)) => (Verdict::Stopped, Some(code), exit_code::STOPPED),
            Err(Halt::Failed) => (Verdict::Failed, None, exit_code::FAILED),
            Err(Halt::Journal(error)) => {
                self.find("journal-unwritable", Severity::Error, error.to_string());
                (Verdict::Failed, None, exit_code::FAILED)
            }
        };
        let report = self.report(outcome, stopped_by);
        // The work is done or not; a journal that cannot take the report changes the exit code, not the facts.
        let exit_code = match self.journal.close(&report).await {
            Ok(()) => code,
            Err(error) => {
                self.tell("journal-unwritable", Severity::Error, error.to_string());
                if code == exit_code::DONE { exit_code::FAILED } else { code }
            }
        };
        let completed = matches!(outcome, Verdict::Done | Verdict::AlreadyDone);
        Outcome { exit_code, completed, report }
    }

    fn report(&mut self, outcome: Verdict, stopped_by: Option<String>) -> Report {
        let mut bound = std::mem::take(&mut self.bound);
        for refused in self.refused.values() {
            if !bound.refused.contains(refused) {
                bound.refused.push(refused.clone());
            }
        }
        Report {
            outcome,
            stopped_by,
            started: self.started,
            finished: self.env.clock.utc_now(),
            data_loss_accepted: self.options.accept_data_loss,
            steps: std::mem::take(&mut self.steps),
            bound,
            findings: std::mem::take(&mut self.findings),
            aftercare: std::mem::take(&mut self.aftercare),
        }
    }

    /// Ends before anything was done.
    fn refuse(mut self, code: &str, text: String) -> Outcome {
        self.find(code, Severity::Error, text);
        let report = self.report(Verdict::Failed, None);
        Outcome { exit_code: exit_code::USAGE, completed: false, report }
    }

    /// Tells the operator.
    fn tell(&self, code: &str, severity: Severity, text: String) {
        self.env.console.tell(&Message { code: code.to_owned(), severity, text });
    }

    /// Tells the operator and puts it into the report, once.
    fn find(&mut self, code: &str, severity: Severity, text: String) {
        let finding = Message { code: code.to_owned(), severity, text };
        if !self.findings.contains(&finding) {
            self.env.console.tell(&finding);
            self.findings.push(finding);
        }
    }

    /// Reports a failure; the value ends the run.
    fn fail(&mut self, code: &str, text: String) -> Halt {
        self.find(code, Severity::Error, text);
        Halt::Failed
    }

    /// Announces an action.
    async fn will(&self, action: Action, detail: &str) -> Result<(), Halt> {
        Ok(self
            .journal
            .write("will", json!({ "step": self.step, "action": action, "detail": detail }))
            .await?)
    }

    /// Records what came of it.
    async fn did(&self, action: Action, detail: &str, result: &str) -> Result<(), Halt> {
        let fields = json!({ "step": self.step, "action": action, "detail": detail, "result": result });
        Ok(self.journal.write("did", fields).await?)
    }

    /// Asks the backup a question that changes nothing; a lost connection is opened again, once.
    async fn ask_backup(&mut self, batch: &str) -> Result<Vec<ResultSet>, SqlError> {
        match self.tell_backup(batch, Some(self.site.deadlines.query)).await {
            Err(SqlError::Lost(_)) => self.tell_backup(batch, Some(self.site.deadlines.query)).await,
            answer => answer,
        }
    }

    /// Sends the backup a batch, once.
    async fn tell_backup(
        &mut self,
        batch: &str,
        bound: Option<std::time::Duration>,
    ) -> Result<Vec<ResultSet>, SqlError> {
        let mut server = match self.backup.take() {
            Some(server) => server,
            None => self.servers.open(Role::Backup).await.map_err(SqlError::NoConnection)?,
        };
        let answer = query_within(&mut *server, batch, bound).await;
        if !answer.as_ref().is_err_and(SqlError::is_connection) {
            self.backup = Some(server);
        }
        answer
    }
}
