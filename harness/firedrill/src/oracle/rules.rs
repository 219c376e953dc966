//! The rules. Each has a stable id, says when it applies, counts what it compared, and names what contradicts it.
//!
//! A rule that applies and compared nothing is a vacuous drill, not a passed one.

use super::evidence::{Evidence, Server};

/// A rule of the oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Never two writable copies of the chat database.
    TwoWritableCopies,
    /// Never `FailedOver` before the backup is online.
    FailedOverBeforeOnline,
    /// Never a hole in what was applied, never an applicable backup left out.
    SkippedLsn,
    /// Nothing that was acknowledged and shipped is lost.
    ShippedLost,
    /// What is absent lies after the reported bound, what is present before it.
    BoundWrong,
    /// What is there is what was written.
    MessageAltered,
    /// The compliance database is as it was.
    ComplianceTouched,
    /// No active server far from the new primary, never more than four.
    ActiveServerWrongSide,
    /// No active server in another time zone than the next hop's.
    ActiveServerTimeZone,
    /// No recovery over a hole, a damaged or an unreachable log backup without accepting the loss.
    LossNotAccepted,
    /// What could be seen from the start stops before anything irreversible.
    StoppedTooLate,
    /// What stands in the way is told.
    ReasonNotTold,
    /// A step 1 called done has removed log shipping.
    LogShippingMismatch,
    /// A step 5 called done has set the pool state, and it was not set by a step not called so.
    PoolStateMismatch,
    /// A step 6 called done has a synchronized mirror.
    MirrorMismatch,
    /// A step 7 called done has the wanted servers active.
    ActiveServersMismatch,
    /// A success claimed is one.
    ReportedDoneNotDone,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 17] = [
        Self::TwoWritableCopies,
        Self::FailedOverBeforeOnline,
        Self::SkippedLsn,
        Self::ShippedLost,
        Self::BoundWrong,
        Self::MessageAltered,
        Self::ComplianceTouched,
        Self::ActiveServerWrongSide,
        Self::ActiveServerTimeZone,
        Self::LossNotAccepted,
        Self::StoppedTooLate,
        Self::ReasonNotTold,
        Self::LogShippingMismatch,
        Self::PoolStateMismatch,
        Self::MirrorMismatch,
        Self::ActiveServersMismatch,
        Self::ReportedDoneNotDone,
    ];

    /// The id in reports. Never changed once published.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::TwoWritableCopies => "two-writable-copies",
            Self::FailedOverBeforeOnline => "failed-over-before-online",
            Self::SkippedLsn => "skipped-lsn",
            Self::ShippedLost => "shipped-lost",
            Self::BoundWrong => "bound-wrong",
            Self::MessageAltered => "message-altered",
            Self::ComplianceTouched => "mgccomp-touched",
            Self::ActiveServerWrongSide => "active-server-wrong-side",
            Self::ActiveServerTimeZone => "active-server-time-zone",
            Self::LossNotAccepted => "loss-not-accepted",
            Self::StoppedTooLate => "stopped-too-late",
            Self::ReasonNotTold => "reason-not-told",
            Self::LogShippingMismatch => "log-shipping-mismatch",
            Self::PoolStateMismatch => "pool-state-mismatch",
            Self::MirrorMismatch => "mirror-mismatch",
            Self::ActiveServersMismatch => "active-servers-mismatch",
            Self::ReportedDoneNotDone => "reported-done-not-done",
        }
    }

    fn check(self, evidence: &Evidence) -> Option<Checked> {
        match self {
            Self::TwoWritableCopies => two_writable_copies(evidence),
            Self::FailedOverBeforeOnline => failed_over_before_online(evidence),
            Self::SkippedLsn => skipped_lsn(evidence),
            Self::ShippedLost => shipped_lost(evidence),
            Self::BoundWrong => bound_wrong(evidence),
            Self::MessageAltered => message_altered(evidence),
            Self::ComplianceTouched => compliance_touched(evidence),
            Self::ActiveServerWrongSide => active_server_wrong_side(evidence),
            Self::ActiveServerTimeZone => active_server_time_zone(evidence),
            Self::LossNotAccepted => loss_not_accepted(evidence),
            Self::StoppedTooLate => stopped_too_late(evidence),
            Self::ReasonNotTold => reason_not_told(evidence),
            Self::LogShippingMismatch => log_shipping_mismatch(evidence),
            Self::PoolStateMismatch => pool_state_mismatch(evidence),
            Self::MirrorMismatch => mirror_mismatch(evidence),
            Self::ActiveServersMismatch => active_servers_mismatch(evidence),
            Self::ReportedDoneNotDone => reported_done_not_done(evidence),
        }
    }
}

/// What checking a rule gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many facts were compared.
    pub compared: usize,
    /// What contradicts the rule, in words.
    pub broken: Vec<String>,
}

impl Checked {
    fn one(holds: bool, otherwise: impl FnOnce() -> String) -> Self {
        let mut checked = Self::default();
        checked.compare(holds, otherwise);
        checked
    }

    fn compare(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.compared += 1;
        if !holds {
            self.broken.push(otherwise());
        }
    }
}

/// Checks every rule; those that do not apply to this evidence are left out.
#[must_use]
pub fn judge(evidence: &Evidence) -> Vec<(Rule, Checked)> {
    Rule::ALL.iter().filter_map(|rule| rule.check(evidence).map(|checked| (*rule, checked))).collect()
}

fn two_writable_copies(evidence: &Evidence) -> Option<Checked> {
    let mut checked = Checked::default();
    for copies in &evidence.writable_at_once {
        checked.compare(copies.len() < 2, || {
            let names: Vec<&str> = copies.iter().map(|server| server.words()).collect();
            format!("the chat database was open for writing on {} at the same time", names.join(" and "))
        });
    }
    Some(checked)
}

fn failed_over_before_online(evidence: &Evidence) -> Option<Checked> {
    let failed_over = evidence.failed_over_at_ms?;
    Some(Checked::one(evidence.online_at_ms.is_some_and(|online| online <= failed_over), || {
        match evidence.online_at_ms {
            Some(online) => format!(
                "the pool was set to FailedOver {} ms before the chat database on the backup came online",
                online - failed_over
            ),
            None => "the pool was set to FailedOver, but the chat database on the backup never came online"
                .to_owned(),
        }
    }))
}

fn skipped_lsn(evidence: &Evidence) -> Option<Checked> {
    evidence.online_at_ms?;
    if evidence.shipped.is_empty() && evidence.applied.len() < 2 {
        return None;
    }
    let mut checked = Checked::default();
    for pair in evidence.applied.windows(2) {
        checked.compare(pair[1].first <= pair[0].last, || {
            format!(
                "the backup applied LSN {} after {}: what lies between is missing",
                pair[1].first.0, pair[0].last.0
            )
        });
    }
    if let Some(end) = evidence.reachable_end() {
        for ordinal in 1..=end.ordinal {
            checked.compare(evidence.applied_ordinals.contains(&ordinal), || {
                format!("the backup was recovered without log backup {ordinal}, which was within reach")
            });
        }
    }
    Some(checked)
}

fn shipped_lost(evidence: &Evidence) -> Option<Checked> {
    let present = evidence.present.as_ref()?;
    let shipped_until_ms = evidence.reachable_end()?.began_ms;
    let mut checked = Checked::default();
    for message in evidence.ledger.iter().filter(|one| !one.after_loss && one.at_ms < shipped_until_ms) {
        checked.compare(present.contains_key(&(message.room, message.chat_id)), || {
            format!(
                "message {} of room {} had been acknowledged and shipped, and is gone",
                message.chat_id, message.room
            )
        });
    }
    Some(checked)
}

fn bound_wrong(evidence: &Evidence) -> Option<Checked> {
    let claims = evidence.claims.iter().rev().find(|claims| claims.success && claims.is_read)?;
    let present = evidence.present.as_ref()?;
    let mut checked =
        Checked::one(claims.has_bound, || "success was reported without saying what may be lost".to_owned());
    let Some(bound_ms) = claims.bound_ms else { return Some(checked) };
    // A message acknowledged while that backup was being written may be in it or not.
    let began_ms = claims.bound_began_ms.unwrap_or(bound_ms).min(bound_ms);
    for message in
        evidence.ledger.iter().filter(|one| !one.after_loss && !(began_ms..=bound_ms).contains(&one.at_ms))
    {
        let there = present.contains_key(&(message.room, message.chat_id));
        checked.compare(there == (message.at_ms <= bound_ms), || {
            let (fate, side) = if there { ("is there", "after") } else { ("is gone", "before") };
            format!(
                "message {} of room {} {fate}, though it lies {side} the reported bound",
                message.chat_id, message.room
            )
        });
    }
    Some(checked)
}

fn message_altered(evidence: &Evidence) -> Option<Checked> {
    let present = evidence.present.as_ref()?;
    let mut checked = Checked::default();
    for message in &evidence.ledger {
        if let Some(crc32) = present.get(&(message.room, message.chat_id)) {
            checked.compare(*crc32 == message.text_crc32, || {
                format!(
                    "message {} of room {} has another text than was acknowledged",
                    message.chat_id, message.room
                )
            });
        }
    }
    Some(checked)
}

fn compliance_touched(evidence: &Evidence) -> Option<Checked> {
    let mut checked = Checked::default();
    for (server, before) in &evidence.compliance_before {
        let Some(facts) = evidence.servers.get(server).filter(|facts| facts.reachable) else { continue };
        let gone = |rows: &Vec<String>| before.iter().filter(|row| !rows.contains(row)).count();
        let lost = facts.compliance_rows.as_ref().map_or(before.len().max(1), gone);
        checked.compare(lost == 0, || {
            format!(
                "mgccomp on {} no longer has {lost} of the {} events it had",
                server.words(),
                before.len()
            )
        });
        let role_now = facts.compliance.as_ref().and_then(|database| database.mirroring_role.clone());
        let role_before = evidence.compliance_role_before.get(server).cloned().flatten();
        checked.compare(role_now == role_before, || {
            let role = role_now.clone().unwrap_or_else(|| "none".to_owned());
            format!("mgccomp on {} has another mirroring role than before: {role}", server.words())
        });
    }
    let nobody_answers = !evidence.servers.values().any(|facts| facts.reachable);
    if evidence.compliance_before.is_empty() || nobody_answers { None } else { Some(checked) }
}

fn active_server_wrong_side(evidence: &Evidence) -> Option<Checked> {
    let active = evidence.active_servers.as_ref()?;
    if evidence.active_before.as_ref() == Some(active) {
        return None;
    }
    let mut checked = Checked::one(active.len() <= 4, || {
        format!("{} servers are active; a pool takes four at most", active.len())
    });
    for server in active {
        checked.compare(server.data_center == "B" || server.low_latency, || {
            format!(
                "{} is active in data center {}, far from the new primary",
                server.fqdn, server.data_center
            )
        });
    }
    Some(checked)
}

fn active_server_time_zone(evidence: &Evidence) -> Option<Checked> {
    let active = evidence.active_servers.as_ref()?;
    if evidence.active_before.as_ref() == Some(active) {
        return None;
    }
    let mut checked = Checked::default();
    for server in active {
        checked.compare(!server.time_zone_differs, || {
            format!("{} is active in another time zone than the next hop's", server.fqdn)
        });
    }
    Some(checked)
}

fn loss_not_accepted(evidence: &Evidence) -> Option<Checked> {
    let recovered = evidence.chat_on(Server::Backup).is_some_and(super::evidence::DatabaseFacts::is_writable);
    if !recovered || evidence.recovered_by_hand {
        return None;
    }
    let accepted = evidence.claims.iter().any(|claims| claims.loss_accepted);
    let end = evidence.reachable_end().map_or(0, |backup| backup.ordinal);
    let mut checked = Checked::default();
    for backup in &evidence.shipped {
        checked.compare(accepted || backup.ordinal <= end, || {
            format!(
                "the backup was recovered without log backup {}, and nobody had accepted that",
                backup.ordinal
            )
        });
    }
    if evidence.shipped.is_empty() { None } else { Some(checked) }
}

fn stopped_too_late(evidence: &Evidence) -> Option<Checked> {
    let accepted = evidence.claims.iter().any(|claims| claims.loss_accepted);
    let standing = evidence.obstacles.iter().filter(|one| one.stops && !(one.waivable && accepted));
    let in_the_way: Vec<&str> = standing.map(|one| one.what.as_str()).collect();
    if in_the_way.is_empty() || evidence.claims.is_empty() {
        return None;
    }
    let words = in_the_way.join("; ");
    let mut checked = Checked::default();
    if let Some(backup) = evidence.servers.get(&Server::Backup).filter(|facts| facts.reachable) {
        checked.compare(!evidence.listed_before || backup.listed_for_log_shipping, || {
            format!("log shipping was removed from the backup although {words}")
        });
        if !evidence.recovered_by_hand {
            let writable = backup.chat.as_ref().is_some_and(super::evidence::DatabaseFacts::is_writable);
            checked.compare(!writable, || format!("the backup was recovered although {words}"));
        }
    }
    if let Some(state) = &evidence.pool_state {
        checked.compare(state != "FailedOver", || format!("the pool was set to FailedOver although {words}"));
    }
    let nobody_answers = !evidence.servers.values().any(|facts| facts.reachable);
    if checked.compared == 0 && nobody_answers { None } else { Some(checked) }
}

fn reason_not_told(evidence: &Evidence) -> Option<Checked> {
    if evidence.claims.iter().all(|claims| !claims.ended || !claims.is_read) {
        return None;
    }
    let mut checked = Checked::default();
    for obstacle in &evidence.obstacles {
        checked.compare(obstacle.codes.iter().any(|code| evidence.told.contains(code)), || {
            format!("the operator was never told: {}", obstacle.what)
        });
    }
    if evidence.obstacles.is_empty() { None } else { Some(checked) }
}

/// The rule applies when some attempt called step `number` done.
fn step_claimed(evidence: &Evidence, number: u8) -> Option<()> {
    evidence.claims.iter().any(|claims| claims.steps_done.contains(&number)).then_some(())
}

fn log_shipping_mismatch(evidence: &Evidence) -> Option<Checked> {
    step_claimed(evidence, 1)?;
    let backup = evidence.servers.get(&Server::Backup).filter(|facts| facts.reachable)?;
    Some(Checked::one(!backup.listed_for_log_shipping, || {
        "step 1 was called done, but log shipping still lists the chat database on the backup".to_owned()
    }))
}

fn pool_state_mismatch(evidence: &Evidence) -> Option<Checked> {
    let state = evidence.pool_state.as_ref()?;
    if step_claimed(evidence, 5).is_some() {
        return Some(Checked::one(state == "FailedOver", || {
            format!("step 5 was called done, but the pool state is {state}")
        }));
    }
    // What a program called done of which only the exit code is known, nobody knows.
    let is_told = |claims: &super::evidence::Claims| claims.ended && claims.is_read;
    let all_told = !evidence.claims.is_empty() && evidence.claims.iter().all(is_told);
    all_told.then(|| {
        Checked::one(state != "FailedOver", || {
            "the pool state is FailedOver, but no attempt called step 5 done".to_owned()
        })
    })
}

fn mirror_mismatch(evidence: &Evidence) -> Option<Checked> {
    step_claimed(evidence, 6)?;
    let mut checked = Checked::default();
    let principal = evidence.chat_on(Server::Backup);
    let role =
        |facts: Option<&super::evidence::DatabaseFacts>| facts.and_then(|one| one.mirroring_role.clone());
    checked.compare(role(principal).as_deref() == Some("PRINCIPAL"), || {
        "step 6 was called done, but the chat database on the backup is not a principal".to_owned()
    });
    let state = principal.and_then(|one| one.mirroring_state.clone()).unwrap_or_else(|| "none".to_owned());
    checked.compare(state == "SYNCHRONIZED", || {
        format!("step 6 was called done, but the mirror's state is {state}, not SYNCHRONIZED")
    });
    checked.compare(role(evidence.chat_on(Server::BackupMirror)).as_deref() == Some("MIRROR"), || {
        "step 6 was called done, but the backup mirror does not hold the mirror".to_owned()
    });
    Some(checked)
}

fn active_servers_mismatch(evidence: &Evidence) -> Option<Checked> {
    step_claimed(evidence, 7)?;
    let mut active: Vec<String> =
        evidence.active_servers.as_ref()?.iter().map(|server| server.fqdn.to_lowercase()).collect();
    let mut wanted: Vec<String> = evidence.active_wanted.iter().map(|fqdn| fqdn.to_lowercase()).collect();
    active.sort();
    wanted.sort();
    Some(Checked::one(active == wanted, || {
        format!(
            "step 7 was called done, but the active servers are [{}], not [{}]",
            active.join(", "),
            wanted.join(", ")
        )
    }))
}

fn reported_done_not_done(evidence: &Evidence) -> Option<Checked> {
    let claims = evidence.claims.iter().rev().find(|claims| claims.success)?;
    let mut checked = Checked::default();
    checked.compare(
        evidence.chat_on(Server::Backup).is_some_and(super::evidence::DatabaseFacts::is_writable),
        || {
            let words =
                evidence.chat_on(Server::Backup).map_or("not there", super::evidence::DatabaseFacts::words);
            format!("success was reported, but the chat database on the backup is {words}")
        },
    );
    for number in 1..=7_u8 {
        let done = evidence.claims.iter().any(|one| one.steps_done.contains(&number));
        checked.compare(done || claims.steps_done.is_empty(), || {
            format!("success was reported, but no attempt called step {number} done")
        });
    }
    if let Some(state) = &evidence.pool_state {
        checked.compare(state == "FailedOver", || {
            format!("success was reported, but the pool state is {state}")
        });
    }
    Some(checked)
}

#[cfg(test)]
mod tests;
