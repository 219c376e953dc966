//! The journal: JSON lines, durable before and after each action.
//!
//! It says what was meant and what came of it; what *is* is always asked of the servers. A line that was
//! being written when the program was killed is the last one and is passed over; a broken line elsewhere is
//! an error, for a journal that cannot be read must not be guessed at.

use crate::environment::{Clock, JournalStore};
use crate::remedy;
use crate::report::{Bound, Report};
use crate::site::Site;
use serde_json::{Map, Value, json};
use std::io;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// It cannot be read.
    #[error("the journal cannot be read ({0}); nothing has been changed. {advice}", advice = remedy::for_reading(.0, "--journal"))]
    Unreadable(io::Error),
    /// A line is no record of ours.
    #[error(
        "journal line {line} is not a record of a failover ({problem}); nothing has been changed. Name the right journal with --journal, or move this one away"
    )]
    Broken {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// It tells of another site.
    #[error(
        "the journal belongs to the failover of {found}, not of {wanted}; nothing has been changed. Name the right journal with --journal"
    )]
    AnotherSite {
        /// The journal's.
        found: String,
        /// The site file's.
        wanted: String,
    },
    /// It cannot be begun, so neither was anything else.
    #[error(
        "the journal cannot be written ({0}); nothing has been changed. {advice}, or name another with --journal; then try again",
        advice = remedy::for_writing(.0)
    )]
    Unopened(io::Error),
    /// It cannot be written on; the action it should have announced has not been begun.
    #[error(
        "the journal cannot be written ({0}); the next action has not been begun. {advice}; then resume with this journal",
        advice = remedy::for_writing(.0)
    )]
    Unwritable(io::Error),
    /// It cannot take the report; what was done is done.
    #[error(
        "the journal cannot be written ({0}): it lacks the report of this run, and nothing else. {advice}; then look with status, and resume with this journal if a step is open",
        advice = remedy::for_writing(.0)
    )]
    Unreported(io::Error),
}

/// What the journal tells of earlier runs.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Whether there was any run.
    pub(crate) has_run: bool,
    /// Whether the last run left no report: it was killed, or it still runs.
    pub(crate) is_unfinished: bool,
    /// When the last run began.
    pub(crate) last_started: Option<String>,
    /// The last report.
    pub(crate) last_report: Option<Report>,
    /// Whether we meant to recover the database: if it is online, it was us.
    pub(crate) recovery_meant: bool,
    /// Whether log shipping's rows were captured before.
    pub(crate) captured: bool,
    /// The bound as it was last known.
    pub(crate) bound: Option<Bound>,
    /// Whether the last line was torn.
    pub(crate) is_torn: bool,
}

/// Writes records.
pub(crate) struct Journal<'a> {
    store: &'a dyn JournalStore,
    clock: &'a dyn Clock,
    is_muted: bool,
}

/// Whether a line that does not parse is the beginning of a record.
fn is_torn(line: &str) -> bool {
    const OPENING: &str = "{\"kind\":";
    line.starts_with(OPENING) || OPENING.starts_with(line)
}

/// Whether a line opens a run: what is torn before it was the end of the run before.
fn begins_a_run(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|record| record["kind"] == "run")
}

/// What the journal calls a site.
fn site_name(site: &Site) -> String {
    format!("database {} of pool {} on {}", site.database, site.pool, site.servers.backup.address)
}

impl<'a> Journal<'a> {
    /// Opens the journal.
    pub(crate) fn new(store: &'a dyn JournalStore, clock: &'a dyn Clock) -> Self {
        Self { store, clock, is_muted: false }
    }

    /// From now on nothing is written: a look leaves no trace.
    pub(crate) fn mute(&mut self) {
        self.is_muted = true;
    }

    /// Reads what earlier runs wrote.
    pub(crate) async fn load(&self, site: &Site) -> Result<Past, JournalError> {
        let lines = self.store.read_lines().await.map_err(JournalError::Unreadable)?;
        let mut past = Past::default();
        let last = lines.len();
        for (index, line) in lines.iter().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let broken = |problem: String| JournalError::Broken { line: index + 1, problem };
            let record: Map<String, Value> = match serde_json::from_str(line) {
                Ok(record) => record,
                Err(_)
                    if past.has_run
                        && is_torn(line)
                        && (index + 1 == last || begins_a_run(&lines[index + 1])) =>
                {
                    past.is_torn = index + 1 == last;
                    continue;
                }
                Err(error) => return Err(broken(error.to_string())),
            };
            let kind = record.get("kind").and_then(Value::as_str);
            past.take(kind.ok_or_else(|| broken("it has no kind".to_owned()))?, &record, site, &broken)?;
        }
        Ok(past)
    }

    /// Appends one record and makes it durable.
    pub(crate) async fn write(&self, kind: &str, fields: Value) -> Result<(), JournalError> {
        self.append(kind, fields).await.map_err(JournalError::Unwritable)
    }

    /// The record that closes a run.
    pub(crate) async fn close(&self, report: &Report) -> Result<(), JournalError> {
        let record = json!({ "report": serde_json::to_value(report).unwrap_or_default() });
        self.append("report", record).await.map_err(JournalError::Unreported)
    }

    async fn append(&self, kind: &str, fields: Value) -> io::Result<()> {
        if self.is_muted {
            return Ok(());
        }
        let mut record = Map::new();
        record.insert("kind".to_owned(), kind.into());
        record.insert("at".to_owned(), self.clock.utc_now().to_string().into());
        match fields {
            Value::Object(fields) => record.extend(fields),
            Value::Null => {}
            other => {
                record.insert("value".to_owned(), other);
            }
        }
        let line = Value::Object(record).to_string();
        self.store.append_line(&line).await
    }

    /// The record that opens a run.
    pub(crate) async fn begin(
        &self,
        site: &Site,
        resume: bool,
        accept_data_loss: bool,
        plan: Value,
    ) -> Result<(), JournalError> {
        let fields = json!({
            "site": site_name(site),
            "resume": resume,
            "accept_data_loss": accept_data_loss,
            "plan": plan,
        });
        self.append("run", fields).await.map_err(JournalError::Unopened)
    }
}

impl Past {
    fn take(
        &mut self,
        kind: &str,
        record: &Map<String, Value>,
        site: &Site,
        broken: &dyn Fn(String) -> JournalError,
    ) -> Result<(), JournalError> {
        if kind != "run" && !self.has_run {
            return Err(broken("the first record is not that of a run".to_owned()));
        }
        match kind {
            "run" => {
                let found = record.get("site").and_then(Value::as_str).unwrap_or_default();
                let wanted = site_name(site);
                if !found.eq_ignore_ascii_case(&wanted) {
                    return Err(JournalError::AnotherSite { found: found.to_owned(), wanted });
                }
                self.has_run = true;
                self.is_unfinished = true;
                self.last_started = record.get("at").and_then(Value::as_str).map(str::to_owned);
            }
            "will" if record.get("action").and_then(Value::as_str) == Some("bring-online") => {
                self.recovery_meant = true;
            }
            "captured" => self.captured = true,
            "bound" => {
                let bound = record.get("bound").cloned().unwrap_or_default();
                self.bound = Some(serde_json::from_value(bound).map_err(|error| broken(error.to_string()))?);
            }
            "report" => {
                let report = record.get("report").cloned().unwrap_or_default();
                self.last_report =
                    Some(serde_json::from_value(report).map_err(|error| broken(error.to_string()))?);
                self.is_unfinished = false;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FixedClock, MemoryJournal, site};
    use rstest::rstest;

    fn past_of(lines: &[&str]) -> Result<Past, JournalError> {
        let store = MemoryJournal::holding(lines);
        let clock = FixedClock::default();
        futures::executor::block_on(Journal::new(&store, &clock).load(&site()))
    }

    const RUN: &str = r#"{"kind":"run","at":"2026-11-22T20:00:00Z","site":"database mgc of pool atl-cs-001.litwareinc.com on sql-b1.litwareinc.com,1433"}"#;

    #[test]
    fn a_run_without_a_report_is_unfinished() {
        let past = past_of(&[RUN, r#"{"kind":"will","action":"bring-online"}"#]).unwrap();
        assert!(past.is_unfinished && past.recovery_meant && !past.is_torn);
    }

    #[test]
    fn a_line_that_was_being_written_when_the_program_died_is_passed_over() {
        let past = past_of(&[RUN, r#"{"kind":"wi"#]).unwrap();
        assert!(past.is_torn && past.is_unfinished);
    }

    #[test]
    fn a_torn_line_stays_harmless_after_the_failover_was_resumed() {
        let past = past_of(&[RUN, r#"{"kind":"wi"#, RUN, r#"{"kind":"captured"}"#]).unwrap();
        assert!(past.captured && !past.is_torn);
    }

    #[rstest]
    #[case::no_folder(io::ErrorKind::NotFound, "Make the folder it is to lie in")]
    #[case::not_ours(io::ErrorKind::PermissionDenied, "Let this user write there")]
    #[case::read_only(io::ErrorKind::ReadOnlyFilesystem, "Let this user write there")]
    #[case::full(io::ErrorKind::StorageFull, "Make room for it")]
    #[case::a_folder(io::ErrorKind::IsADirectory, "Move away what stands in its place")]
    #[case::broken(io::ErrorKind::Other, "See to the disk or share it lies on")]
    fn advice_about_a_journal_that_cannot_be_written_fits_the_reason(
        #[case] kind: io::ErrorKind,
        #[case] advice: &str,
    ) {
        let error = || crate::remedy::about(std::path::Path::new("/j/x.jsonl"), &kind.into());
        for (error, state) in [
            (JournalError::Unopened(error()), "nothing has been changed"),
            (JournalError::Unwritable(error()), "the next action has not been begun"),
            (JournalError::Unreported(error()), "it lacks the report of this run"),
        ] {
            let text = error.to_string();
            assert!(text.starts_with("the journal cannot be written (/j/x.jsonl: "), "{text}");
            assert!(text.contains(state) && text.contains(advice), "{text}");
        }
    }

    #[rstest]
    #[case(&["{\"kind\":\"ru"], "journal line 1")]
    #[case(&[RUN, "garbage", RUN], "journal line 2")]
    #[case(&[RUN, "{\"kind\":\"wi", r#"{"kind":"will"}"#], "journal line 2")]
    #[case(&[r#"{"kind":"will"}"#], "journal line 1")]
    #[case(&[RUN, "{}"], "journal line 2")]
    #[case(&[RUN, r#"{"kind":"report","report":{}}"#, RUN], "journal line 2")]
    #[case(&[r#"{"kind":"run","site":"database mgc of pool other on x"}"#], "belongs to the failover of")]
    fn a_journal_that_cannot_be_trusted_is_refused(#[case] lines: &[&str], #[case] says: &str) {
        let error = past_of(lines).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
