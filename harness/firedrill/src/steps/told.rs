//! `Then`: what the operator was told.

use super::drill::Drill;
use super::findings;
use super::given::ordinal;
use super::parameter::Arguments;
use super::{Definition, Kind, StepResult, witness};
use crate::estate::LogBackupSnapshot;
use crate::fault::Damage;

const fn then(
    text: &'static str,
    about: &'static str,
    run: fn(&mut Drill, &Arguments) -> StepResult,
) -> Definition {
    Definition::new(Kind::Then, text, about, run)
}

/// What was told.
pub(super) const TOLD: &[Definition] = &[
    then("the operator is told that {finding}", "By the last attempt.", |drill, arguments| {
        if !drill.words_are_read()? {
            return Ok(());
        }
        let words = arguments.word(0)?;
        let phrase = findings::phrase(words).ok_or_else(|| format!("no finding reads \"{words}\""))?;
        let told = witness::told_codes(drill.last_attempt()?);
        if phrase.codes.iter().any(|code| told.contains(*code)) {
            return Ok(());
        }
        let told: Vec<String> = told.into_iter().collect();
        Err(format!("the operator was told [{}], and not {}", told.join(", "), phrase.codes.join(" or ")))
    }),
    then("the operator is not told that {finding}", "By the last attempt.", |drill, arguments| {
        if !drill.words_are_read()? {
            return Ok(());
        }
        let words = arguments.word(0)?;
        let phrase = findings::phrase(words).ok_or_else(|| format!("no finding reads \"{words}\""))?;
        let told = witness::told_codes(drill.last_attempt()?);
        match phrase.codes.iter().find(|code| told.contains(**code)) {
            Some(code) => Err(format!("the operator was told {code}")),
            None => Ok(()),
        }
    }),
    then(
        "the operator is told that log backup {count} is {telling}",
        "By name, in the last attempt.",
        |drill, arguments| {
            if !drill.words_are_read()? {
                return Ok(());
            }
            let ordinal = ordinal(arguments, 0)?;
            let code = match arguments.word(1)? {
                "missing" => "log-backup-missing",
                "damaged" => "log-backup-damaged",
                _ => "not-a-backup-of-the-database",
            };
            told_of_log_backup(drill, ordinal, code)
        },
    ),
    then(
        "the operator is told what to do next",
        "The last attempt leaves aftercare or says what to do.",
        |drill, _| {
            if !drill.words_are_read()? {
                return Ok(());
            }
            let attempt = drill.last_attempt()?;
            let aftercare = attempt.run.report.get("aftercare").and_then(serde_json::Value::as_array);
            let open = aftercare.into_iter().flatten().filter(|one| one["done"] == false).count();
            if open > 0 || attempt.run.told.iter().any(|told| told.severity != "info") {
                Ok(())
            } else {
                Err("the operator was told nothing to do".to_owned())
            }
        },
    ),
];

/// A file is told of by name; a missing one by the name of the file after the hole. What is asked about has to be so:
/// that a torn log backup is missing cannot be told, only said by mistake.
fn told_of_log_backup(drill: &Drill, ordinal: usize, code: &str) -> StepResult {
    let attempt = drill.last_attempt()?;
    let (backup, later) = log_backup_and_later(&attempt.run.log_backups, ordinal)?;
    let is_missing = |one: &LogBackupSnapshot| !one.on_share && !one.in_copy_destination;
    let is_so = match code {
        "log-backup-missing" => is_missing(backup),
        "log-backup-damaged" => {
            !is_missing(backup) && matches!(backup.damage, Some(Damage::Torn | Damage::Flipped))
        }
        _ => !is_missing(backup) && backup.damage == Some(Damage::OfAnotherDatabase),
    };
    if !is_so {
        let fact = match backup.damage {
            _ if is_missing(backup) => "is missing".to_owned(),
            Some(damage) => format!("is {damage}"),
            None => "is there and whole".to_owned(),
        };
        return Err(format!("log backup {ordinal} ({}) {fact}: nothing else can be told of it", backup.file));
    }
    let named = match code {
        "log-backup-missing" => later.iter().find(|one| !is_missing(one)).ok_or_else(|| {
            format!("no log backup after {ordinal} is there: nobody can know that it is missing")
        })?,
        _ => backup,
    };
    let name = named.file.as_str();
    let report = &attempt.run.report;
    let findings = report.get("findings").and_then(serde_json::Value::as_array).into_iter().flatten();
    let said: Vec<(String, String)> = findings
        .map(|one| {
            (
                one["code"].as_str().unwrap_or_default().to_owned(),
                one["text"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .chain(attempt.run.told.iter().map(|told| (told.code.clone(), told.text.clone())))
        .collect();
    if said.iter().any(|(said_code, text)| said_code == code && text.contains(name)) {
        return Ok(());
    }
    let of_this_code: Vec<&str> =
        said.iter().filter(|(one, _)| one == code).map(|(_, text)| text.as_str()).collect();
    match of_this_code.first() {
        Some(text) => Err(format!("{code} was told, but not of {name}: {text}")),
        None => {
            let told: Vec<String> = witness::told_codes(attempt).into_iter().collect();
            Err(format!("the operator was told [{}], and not {code}", told.join(", ")))
        }
    }
}

/// The log backup with this ordinal as it was when the attempt started, and those after it.
fn log_backup_and_later(
    all: &[LogBackupSnapshot],
    ordinal: usize,
) -> Result<(&LogBackupSnapshot, &[LogBackupSnapshot]), String> {
    let at = all.iter().position(|one| one.ordinal == ordinal);
    at.map(|at| (&all[at], &all[at + 1..])).ok_or_else(|| {
        format!("there was no log backup {ordinal} when the failover started: there were {}", all.len())
    })
}
