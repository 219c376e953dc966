//! `Then`: what must be: how the failover ended, the state of things, and what was lost.

use super::drill::Drill;
use super::given::{center, ordinal, server, step};
use super::parameter::Arguments;
use super::{Definition, Kind, StepResult, witness};
use crate::oracle::evidence::{DatabaseFacts, Evidence, Server};
use crate::report::{console::lost_words, readable_ms};

const fn then(
    text: &'static str,
    about: &'static str,
    run: fn(&mut Drill, &Arguments) -> StepResult,
) -> Definition {
    Definition::new(Kind::Then, text, about, run)
}

/// How the failover program ended.
pub(super) const ENDING: &[Definition] = &[
    then("the failover succeeds", "Exit code 0, everything done.", |drill, _| {
        let outcome = outcome_of(drill)?;
        hold(outcome.code == Some(0) && (outcome.has_done_it() || !outcome.is_read), || {
            outcome.told("it should have succeeded")
        })
    }),
    then("the failover succeeds without changing anything", "Everything was done before.", |drill, _| {
        if !drill.words_are_read()? {
            return hold_done(drill);
        }
        let outcome = outcome_of(drill)?;
        hold(outcome.code == Some(0) && outcome.word == "already done", || {
            outcome.told("it should have found everything done")
        })
    }),
    then("the failover fails", "Exit code 1: a step failed.", |drill, _| {
        let outcome = outcome_of(drill)?;
        hold(outcome.has_failed(1), || outcome.told("a step should have failed"))
    }),
    then("the failover fails in step {step}", "", |drill, arguments| {
        let number = step(arguments, 0)?.number();
        let outcome = outcome_of(drill)?;
        let is_there = outcome.status_of(number) == "failed" || !outcome.is_read;
        hold(outcome.has_failed(1) && is_there, || outcome.told(&format!("step {number} should have failed")))
    }),
    then(
        "the failover stops before step {step}",
        "Exit code 3: a guard stands before that step.",
        |drill, arguments| {
            let number = step(arguments, 0)?.number();
            let outcome = outcome_of(drill)?;
            let is_there = outcome.stopped_at() == Some(number) || !outcome.is_read;
            hold(outcome.has_failed(3) && is_there, || {
                outcome.told(&format!("a guard should have stopped it before step {number}"))
            })
        },
    ),
    then("the failover stops before recovery", "Exit code 3, before step 4 or earlier.", |drill, _| {
        let outcome = outcome_of(drill)?;
        let is_there = outcome.stopped_at().is_some_and(|number| number <= 4) || !outcome.is_read;
        hold(outcome.has_failed(3) && is_there, || {
            outcome.told("a guard should have stopped it before recovery")
        })
    }),
    then("the failover was killed", "", |drill, _| {
        let outcome = outcome_of(drill)?;
        hold(outcome.code.is_none(), || outcome.told("it should have been killed"))
    }),
    then("the failover program exits with {count}", "Its exit code.", |drill, arguments| {
        let wanted =
            i32::try_from(arguments.count(0)?).map_err(|_| "an exit code is at most 255".to_owned())?;
        if !drill.words_are_read()? {
            return Ok(());
        }
        let outcome = outcome_of(drill)?;
        hold(outcome.code == Some(wanted), || outcome.told(&format!("it should have exited with {wanted}")))
    }),
    then("step {step} took at least {duration}", "Simulated time.", |drill, arguments| {
        if !drill.words_are_read()? {
            return Ok(());
        }
        let number = u64::from(step(arguments, 0)?.number());
        let wanted_ms = u64::try_from(arguments.duration(1)?.as_millis()).unwrap_or(u64::MAX);
        if wanted_ms == 0 {
            return Err("every step takes at least no time: name a duration".to_owned());
        }
        let report = witness::failover_report(drill.last_attempt()?);
        let took = report.steps.iter().find(|step| step.number == number).and_then(|step| step.simulated_ms);
        hold(took.is_some_and(|took| took >= wanted_ms), || {
            format!(
                "step {number} took {}, not at least {}",
                took.map_or("no time".to_owned(), readable_ms),
                readable_ms(wanted_ms)
            )
        })
    }),
    then("the answer contains {text}", "Of the operator's own command.", |drill, arguments| {
        let (_, answer) = drill.look_at_answer()?;
        let wanted = arguments.word(0)?.trim();
        if wanted.is_empty() {
            return Err("every answer contains nothing: name some words of it".to_owned());
        }
        hold(answer.to_lowercase().contains(&wanted.to_lowercase()), || {
            format!("the answer does not contain \"{wanted}\": {answer}")
        })
    }),
    then("the command is refused", "The operator's own command ended with an error.", |drill, _| {
        let (is_refused, answer) = drill.look_at_answer()?;
        hold(is_refused, || format!("it was accepted: {answer}"))
    }),
];

/// The state of servers, pool and mirror.
pub(super) const STATE: &[Definition] = &[
    then("mgc on the {server} is {condition}", "Whatever the database is named.", |drill, arguments| {
        let server = witness::server_of(server(arguments, 0)?);
        let wanted = arguments.word(1)?;
        let evidence = drill.evidence()?;
        let words = evidence.chat_on(server).map_or("not there", DatabaseFacts::words);
        let reachable = evidence.servers.get(&server).is_some_and(|facts| facts.reachable);
        hold(reachable && words == wanted, || match reachable {
            true => format!("mgc on {} is {words}; it should be {wanted}", server.words()),
            false => {
                format!("{} does not answer: whether mgc on it is {wanted} cannot be seen", server.words())
            }
        })
    }),
    then("log shipping no longer lists mgc on the backup", "", |drill, _| listed(drill, false)),
    then("log shipping still lists mgc on the backup", "", |drill, _| listed(drill, true)),
    then("the pool state is {pool-state}", "As the management store has it.", |drill, arguments| {
        let wanted = arguments.word(0)?;
        let state = drill.evidence()?.pool_state.clone();
        hold(state.as_deref() == Some(wanted), || {
            format!("the pool state is {}, not {wanted}", state.as_deref().unwrap_or("not to be read"))
        })
    }),
    then("mgc on the {server} is mirrored to the {server} and synchronized", "", |drill, arguments| {
        let (principal, mirror) = (server(arguments, 0)?, server(arguments, 1)?);
        mirrored(drill.evidence()?, witness::server_of(principal), witness::server_of(mirror))
    }),
    then("mgc on the {server} is not mirrored", "", |drill, arguments| {
        let server = witness::server_of(server(arguments, 0)?);
        let evidence = drill.evidence()?;
        if evidence.servers.get(&server).is_none_or(|facts| !facts.reachable) {
            return Err(format!("{} does not answer", server.words()));
        }
        let role = evidence.chat_on(server).and_then(|chat| chat.mirroring_role.clone());
        hold(role.is_none(), || {
            format!("mgc on {} is a {}", server.words(), role.clone().unwrap_or_default())
        })
    }),
    then("the active servers are the {count} servers of data center {center}", "", |drill, arguments| {
        let (count, center) = (arguments.count(0)?, center(arguments, 1)?.to_string());
        let active =
            drill.evidence()?.active_servers.clone().ok_or("the management store does not answer")?;
        let inside = active.iter().filter(|server| server.data_center == center).count();
        hold(active.len() == inside && u32::try_from(inside) == Ok(count), || {
            let names: Vec<&str> = active.iter().map(|server| server.fqdn.as_str()).collect();
            format!("the active servers are [{}]", names.join(", "))
        })
    }),
    then("the active servers are as before", "", |drill, _| {
        let evidence = drill.evidence()?;
        let names = |list: &Option<Vec<crate::oracle::evidence::ActiveServer>>| {
            let names = list.as_ref()?.iter().map(|one| one.fqdn.as_str());
            Some(names.collect::<Vec<_>>().join(", "))
        };
        let no_answer = "the management store does not answer";
        let before = names(&evidence.active_before)
            .ok_or_else(|| format!("which servers were active before is not known: {no_answer}"))?;
        let now = names(&evidence.active_servers)
            .ok_or_else(|| format!("which servers are active is not known: {no_answer}"))?;
        hold(before == now, || format!("the active servers were [{before}] and are [{now}]"))
    }),
    then("mgccomp has not been touched", "", |drill, _| {
        let checked = crate::oracle::judge(drill.evidence()?);
        let rule = checked.iter().find(|(rule, _)| *rule == crate::oracle::Rule::ComplianceTouched);
        match rule {
            Some((_, checked)) if checked.compared > 0 => {
                hold(checked.broken.is_empty(), || checked.broken.join("; "))
            }
            _ => Err("there was no mgccomp to look at before and after".to_owned()),
        }
    }),
    then("no other copy of mgc is writable", "Than the backup's.", |drill, _| {
        let evidence = drill.evidence()?;
        let others: Vec<&str> = Server::ALL
            .into_iter()
            .filter(|server| *server != Server::Backup)
            .filter(|server| evidence.chat_on(*server).is_some_and(DatabaseFacts::is_writable))
            .map(Server::words)
            .collect();
        hold(others.is_empty(), || format!("mgc is writable on {}", others.join(" and ")))
    }),
];

/// What was lost, and for how long.
pub(super) const LOSS: &[Definition] = &[
    then("nothing is lost", "Not one acknowledged message.", |drill, _| {
        let evidence = drill.evidence()?;
        something_to_lose(evidence)?;
        let (lost, _) = witness::lost_messages(evidence);
        let lost = lost.ok_or("mgc on the backup cannot be read")?;
        hold(lost.count == 0, || format!("lost: {}", lost_words(&lost)))
    }),
    then(
        "nothing that was shipped is lost",
        "Shipped: in a readable log backup that chains, within reach.",
        |drill, _| {
            let checked = crate::oracle::judge(drill.evidence()?);
            match checked.iter().find(|(rule, _)| *rule == crate::oracle::Rule::ShippedLost) {
            Some((_, checked)) if checked.compared > 0 => hold(checked.broken.is_empty(), || checked.broken.join("; ")),
            _ => Err("no message had been shipped, or mgc on the backup cannot be read: there is nothing to compare".to_owned()),
        }
        },
    ),
    then(
        "at most {duration} of messages are lost",
        "Counted back from the loss of data center A.",
        |drill, arguments| {
            let allowed_ms = u64::try_from(arguments.duration(0)?.as_millis()).unwrap_or(u64::MAX);
            let evidence = drill.evidence()?;
            something_to_lose(evidence)?;
            let (lost, rpo_ms) = witness::lost_messages(evidence);
            let rpo_ms = rpo_ms
                .ok_or("no loss can be told: nothing was lost from, or mgc on the backup cannot be read")?;
            hold(rpo_ms <= allowed_ms, || {
                format!(
                    "{} of messages are lost: {}",
                    readable_ms(rpo_ms),
                    lost_words(&lost.unwrap_or_default())
                )
            })
        },
    ),
    then("exactly the messages after log backup {count} are lost", "", |drill, arguments| {
        let ordinal = ordinal(arguments, 0)?;
        lost_after(drill.evidence()?, ordinal)
    }),
    then("some messages are lost", "At least one acknowledged message.", |drill, _| {
        let (lost, _) = witness::lost_messages(drill.evidence()?);
        let lost = lost.ok_or("mgc on the backup cannot be read")?;
        hold(lost.count > 0, || "none is lost".to_owned())
    }),
    then(
        "service is restored within {duration}",
        "From the loss of data center A to the first message acknowledged again.",
        |drill, arguments| {
            let allowed_ms = u64::try_from(arguments.duration(0)?.as_millis()).unwrap_or(u64::MAX);
            let rto_ms = recovery_time(drill)?;
            hold(rto_ms <= allowed_ms, || format!("service was restored after {}", readable_ms(rto_ms)))
        },
    ),
    then("service is not restored", "No message has been acknowledged since.", |drill, _| {
        let lost_at_ms = drill.evidence()?.lost_at_ms;
        if lost_at_ms.is_none() {
            return Err("data center A was never lost: there is no service to restore".to_owned());
        }
        let restored = witness::recovery_time_ms(drill.estate_seen()?, lost_at_ms);
        hold(restored.is_none(), || {
            format!("service was restored after {}", readable_ms(restored.unwrap_or(0)))
        })
    }),
];

/// Nothing can be lost, or kept, where nothing was acknowledged before the loss.
fn something_to_lose(evidence: &Evidence) -> StepResult {
    hold(evidence.ledger.iter().any(|message| !message.after_loss), || {
        "no message had been acknowledged: there is nothing to lose".to_owned()
    })
}

fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> StepResult {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn recovery_time(drill: &mut Drill) -> Result<u64, String> {
    let lost_at_ms = drill.evidence()?.lost_at_ms;
    witness::recovery_time_ms(drill.estate_seen()?, lost_at_ms)
        .ok_or_else(|| "service was not restored: no message has been acknowledged since the loss".to_owned())
}

fn listed(drill: &mut Drill, wanted: bool) -> StepResult {
    let evidence = drill.evidence()?;
    let backup = evidence.servers.get(&Server::Backup).filter(|facts| facts.reachable);
    let listed = backup.ok_or("the backup does not answer")?.listed_for_log_shipping;
    hold(listed == wanted, || match listed {
        true => "log shipping still lists mgc on the backup".to_owned(),
        false => "log shipping no longer lists mgc on the backup".to_owned(),
    })
}

fn mirrored(evidence: &Evidence, principal: Server, mirror: Server) -> StepResult {
    let role = |server: Server| {
        let role = evidence.chat_on(server).and_then(|chat| chat.mirroring_role.clone());
        role.unwrap_or_else(|| "not mirrored".to_owned())
    };
    let state = evidence.chat_on(principal).and_then(|chat| chat.mirroring_state.clone()).unwrap_or_default();
    hold(role(principal) == "PRINCIPAL" && role(mirror) == "MIRROR" && state == "SYNCHRONIZED", || {
        format!(
            "mgc on {} is {}, on {} {}, and the session is {}",
            principal.words(),
            role(principal),
            mirror.words(),
            role(mirror),
            if state.is_empty() { "not there" } else { &state }
        )
    })
}

/// All acknowledged messages up to log backup `ordinal` are there; all later ones from before the loss are not.
fn lost_after(evidence: &Evidence, ordinal: usize) -> StepResult {
    let backup = evidence
        .shipped
        .iter()
        .find(|backup| backup.ordinal == ordinal)
        .ok_or_else(|| format!("there was no log backup {ordinal} when the failover started"))?;
    let present = evidence.present.as_ref().ok_or("mgc on the backup cannot be read")?;
    let (mut kept, mut lost) = (0, 0);
    for message in evidence.ledger.iter().filter(|one| !one.after_loss) {
        if (backup.began_ms..=backup.finished_ms).contains(&message.at_ms) {
            continue;
        }
        let there = present.contains_key(&(message.room, message.chat_id));
        if there != (message.at_ms < backup.began_ms) {
            let fate = if there { "is there" } else { "is lost" };
            return Err(format!("message {} of room {} {fate}", message.chat_id, message.room));
        }
        if there {
            kept += 1;
        } else {
            lost += 1;
        }
    }
    hold(kept > 0 && lost > 0, || {
        let side = if kept == 0 { "up to" } else { "after" };
        format!("no message had been acknowledged {side} log backup {ordinal}: there is nothing to compare")
    })
}

/// How the last attempt ended.
struct Ended {
    code: Option<i32>,
    /// Whether its report can be read; if not, the exit code says success or not, and the state says the rest.
    is_read: bool,
    is_resumed_in_real_time: bool,
    word: String,
    report: crate::report::FailoverReport,
}

impl Ended {
    /// Whether it says that everything is done. What a resumed one would wait for may be done by the time it looks, where
    /// time does not stand still between the two.
    fn has_done_it(&self) -> bool {
        self.word == "done" || self.word == "already done" && self.is_resumed_in_real_time
    }

    /// Whether it ended by itself, without success: with this code, if it is a program whose codes are known.
    fn has_failed(&self, code: i32) -> bool {
        match self.is_read {
            true => self.code == Some(code),
            false => self.code.is_some_and(|code| code != 0),
        }
    }

    fn status_of(&self, number: u8) -> &str {
        self.report
            .steps
            .iter()
            .find(|step| step.number == u64::from(number))
            .map_or("", |step| step.status.as_str())
    }

    /// The first step that was not done, where a guard stands.
    fn stopped_at(&self) -> Option<u8> {
        let stopped = self.report.steps.iter().find(|step| step.status == "stopped");
        let first_open = self.report.steps.iter().find(|step| step.status == "pending");
        stopped.or(first_open).and_then(|step| u8::try_from(step.number).ok())
    }

    fn told(&self, wanted: &str) -> String {
        if !self.is_read {
            let how = match self.code {
                None => "was killed".to_owned(),
                Some(0) => "claims success (exit code 0)".to_owned(),
                Some(code) => format!("ended without success (exit code {code})"),
            };
            return format!("the failover program {how}; {wanted}");
        }
        let code =
            self.code.map_or("was killed".to_owned(), |code| format!("exited with {code} ({})", self.word));
        let steps: Vec<String> =
            self.report.steps.iter().map(|step| format!("{} {}", step.number, step.status)).collect();
        let told = self.report.told.join(", ");
        format!("the failover program {code}; {wanted}; steps: {}; told: {told}", steps.join(", "))
    }
}

/// That another program claims success; whether it changed anything cannot be seen.
fn hold_done(drill: &Drill) -> StepResult {
    let outcome = outcome_of(drill)?;
    hold(outcome.code == Some(0), || outcome.told("it should have found everything done"))
}

fn outcome_of(drill: &Drill) -> Result<Ended, String> {
    let attempt = drill.last_attempt()?;
    let report = witness::failover_report(attempt);
    let estate = drill.estate_seen()?;
    let is_read = estate.program_can_be_read();
    let is_resumed_in_real_time = attempt.asked == "resume" && !estate.is_simulated();
    Ok(Ended {
        code: attempt.run.exit_code,
        is_read,
        is_resumed_in_real_time,
        word: report.outcome.clone(),
        report,
    })
}
