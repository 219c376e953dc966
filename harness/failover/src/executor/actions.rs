//! Step 1: keep what step 1 deletes, quiet the jobs, remove log shipping.

use super::{Did, Halt, Run};
use crate::plan::Action;
use crate::quote::literal;
use crate::report::Severity;
use crate::sql::SqlError;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// The tables whose rows step 1 deletes.
const CAPTURED: [(&str, &str); 3] = [
    ("log_shipping_secondary_databases", "secondary_database = {name}"),
    (
        "log_shipping_secondary",
        "secondary_id IN (SELECT secondary_id FROM msdb.dbo.log_shipping_secondary_databases WHERE secondary_database = {name})",
    ),
    ("log_shipping_monitor_secondary", "secondary_database = {name}"),
];

/// How often a running job is looked at.
const JOB_LOOK: Duration = Duration::from_secs(5);

/// The statement of step 1.
pub(crate) fn remove_log_shipping(database: &str) -> String {
    format!(
        "DECLARE @return_code int; EXEC @return_code = master.dbo.sp_delete_log_shipping_secondary_database \
         @secondary_database = {}; SELECT @return_code AS return_code",
        literal(database)
    )
}

/// The copy and restore jobs of the database.
pub(crate) fn jobs(database: &str) -> String {
    format!(
        "SELECT j.name, CONVERT(int, j.enabled) AS enabled, CASE WHEN EXISTS (SELECT 1 FROM msdb.dbo.sysjobactivity AS a \
         WHERE a.job_id = j.job_id AND a.start_execution_date IS NOT NULL AND a.stop_execution_date IS NULL \
         AND a.session_id = (SELECT MAX(session_id) FROM msdb.dbo.syssessions)) THEN 1 ELSE 0 END AS is_running \
         FROM msdb.dbo.log_shipping_secondary_databases AS d \
         INNER JOIN msdb.dbo.log_shipping_secondary AS s ON s.secondary_id = d.secondary_id \
         INNER JOIN msdb.dbo.sysjobs AS j ON j.job_id = s.copy_job_id OR j.job_id = s.restore_job_id \
         WHERE d.secondary_database = {} ORDER BY j.name",
        literal(database)
    )
}

struct Job {
    name: String,
    is_enabled: bool,
    is_running: bool,
}

impl Run<'_> {
    fn step_one_failed(&mut self, code: &str, what: &str, error: &SqlError) -> Halt {
        let text = format!("{what}: {error}. Nothing else has been changed. See to the cause, then resume.");
        self.fail(code, text)
    }

    /// Writes log shipping's rows into the journal.
    pub(super) async fn capture_log_shipping(&mut self) -> Result<Did, Halt> {
        let name = literal(&self.site.database).to_string();
        let batch: Vec<String> = CAPTURED
            .iter()
            .map(|(table, rows)| {
                format!("SELECT * FROM msdb.dbo.{table} WHERE {}", rows.replace("{name}", &name))
            })
            .collect();
        let sets = match self.ask_backup(&batch.join("; ")).await {
            Ok(sets) => sets,
            Err(error) => {
                return Err(self.step_one_failed(
                    "history-gone",
                    "Log shipping's rows in msdb cannot be read",
                    &error,
                ));
            }
        };
        let found_any = sets.first().is_some_and(|set| !set.rows.is_empty());
        if !found_any {
            if !self.past.captured {
                let text = format!(
                    "msdb on the backup does not list {} as a log shipping secondary: step 1 was done before, by somebody else. Which files were copied and applied is decided by LSN alone.",
                    self.site.database
                );
                self.find("history-gone", Severity::Warning, text);
            }
            return Ok(Did::Nothing);
        }
        let tables: serde_json::Map<String, serde_json::Value> = CAPTURED
            .iter()
            .zip(&sets)
            .map(|((table, _), set)| ((*table).to_owned(), set.to_json()))
            .collect();
        self.journal.write("captured", json!({ "step": self.step, "tables": tables })).await?;
        Ok(Did::Nothing)
    }

    /// Keeps the copy and restore jobs from working against us.
    pub(super) async fn quiet_jobs(&mut self) -> Result<Did, Halt> {
        let mut did = Did::Nothing;
        for job in self.log_shipping_jobs().await?.iter().filter(|job| job.is_enabled) {
            let batch =
                format!("EXEC msdb.dbo.sp_update_job @job_name = {}, @enabled = 0", literal(&job.name));
            self.job_command(&batch).await?;
            did = Did::Something;
        }
        let deadline = Instant::now() + self.site.deadlines.job;
        let mut was_told = false;
        loop {
            let running: Vec<String> = self
                .log_shipping_jobs()
                .await?
                .into_iter()
                .filter(|job| job.is_running)
                .map(|job| job.name)
                .collect();
            if running.is_empty() {
                return Ok(did);
            }
            if !was_told {
                was_told = true;
                let text = format!(
                    "{} is running on the backup; waiting up to {}s for it to end",
                    running.join(", "),
                    self.site.deadlines.job.as_secs()
                );
                self.find("job-running", Severity::Warning, text);
            }
            if Instant::now() >= deadline {
                return self.stop_jobs(&running).await;
            }
            tokio::time::sleep(JOB_LOOK).await;
        }
    }

    async fn stop_jobs(&mut self, running: &[String]) -> Result<Did, Halt> {
        for name in running {
            self.find("job-stopped", Severity::Warning, format!("{name} did not end; stopping it"));
            self.job_command(&format!("EXEC msdb.dbo.sp_stop_job @job_name = {}", literal(name))).await?;
        }
        for _ in 0..12 {
            if self.log_shipping_jobs().await?.iter().all(|job| !job.is_running) {
                return Ok(Did::Something);
            }
            tokio::time::sleep(JOB_LOOK).await;
        }
        let text = format!(
            "{} does not stop. Log shipping has not been removed. Stop it by hand, then resume.",
            running.join(", ")
        );
        Err(self.fail("job-running", text))
    }

    async fn job_command(&mut self, batch: &str) -> Result<(), Halt> {
        self.will(Action::QuietJobs, batch).await?;
        let answer = self.tell_backup(batch, Some(self.site.deadlines.query)).await;
        let result = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
        self.did(Action::QuietJobs, batch, &result).await?;
        match answer {
            // 22022: the job ended between our look and the request to stop it.
            Ok(_) | Err(SqlError::Server { number: 22022, .. }) => Ok(()),
            Err(error) => {
                Err(self.step_one_failed("job-running", "A log shipping job could not be quieted", &error))
            }
        }
    }

    async fn log_shipping_jobs(&mut self) -> Result<Vec<Job>, Halt> {
        let batch = jobs(&self.site.database);
        let looked = async {
            let sets = self.ask_backup(&batch).await?;
            let rows = sets.iter().flat_map(|set| set.rows());
            rows.map(|row| {
                Ok(Job {
                    name: row.text("name")?.unwrap_or_default(),
                    is_enabled: row.is_set("enabled")?,
                    is_running: row.is_set("is_running")?,
                })
            })
            .collect::<Result<Vec<_>, SqlError>>()
        };
        let looked = looked.await;
        looked.map_err(|error| {
            self.step_one_failed("job-running", "Log shipping's jobs cannot be read", &error)
        })
    }

    /// Whether msdb lists the database as a log shipping secondary.
    pub(super) async fn is_log_shipped(&mut self) -> Result<bool, SqlError> {
        let batch = format!(
            "SELECT secondary_database FROM msdb.dbo.log_shipping_secondary_databases WHERE secondary_database = {}",
            literal(&self.site.database)
        );
        Ok(self.ask_backup(&batch).await?.first().is_some_and(|set| !set.rows.is_empty()))
    }

    /// Removes log shipping. The procedure answers 1 also when only a lost monitor server was in the way:
    /// what counts is whether the row is gone.
    pub(super) async fn remove_log_shipping(&mut self) -> Result<Did, Halt> {
        match self.is_log_shipped().await {
            Ok(true) => {}
            Ok(false) => return Ok(Did::Nothing),
            Err(error) => {
                return Err(self.step_one_failed("log-shipping-not-removed", "msdb cannot be read", &error));
            }
        }
        let batch = remove_log_shipping(&self.site.database);
        self.will(Action::RemoveLogShipping, &batch).await?;
        // A monitor server in A makes the procedure wait for it: the deadline of the job applies.
        let answer = self.tell_backup(&batch, Some(self.site.deadlines.job)).await;
        let return_code = match &answer {
            Ok(sets) => sets
                .iter()
                .flat_map(|set| set.rows())
                .find_map(|row| row.integer("return_code").ok().flatten()),
            Err(_) => None,
        };
        let result = match (&answer, return_code) {
            (Err(error), _) => error.to_string(),
            (Ok(_), Some(0) | None) => "ok".to_owned(),
            (Ok(_), Some(code)) => format!("return code {code}"),
        };
        self.did(Action::RemoveLogShipping, &batch, &result).await?;
        if result != "ok" {
            let text = format!(
                "removing log shipping answered: {result}. A monitor server that is not reached answers so; it keeps its rows and may go on raising alerts for {}",
                self.site.database
            );
            self.find("monitor-server-unreachable", Severity::Warning, text);
        }
        Ok(Did::Something)
    }
}
