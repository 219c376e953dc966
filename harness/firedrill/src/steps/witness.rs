//! Looks at an estate for the oracle: turns its ledger, timeline and servers into evidence.
//!
//! This is the only place where the oracle's evidence meets the estate. It reads, and judges nothing.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::drill::{Attempt, Drill};
use super::obstacle;
use crate::estate::{
    Arrangement, DataCenter, Estate, Happening, LogBackupSnapshot, Server as Place, SqlClient,
};
use crate::fault::Damage;
use crate::oracle::evidence::{Acknowledged, ActiveServer, Claims, Evidence, Server, Shipped};
use crate::oracle::read::{self, Asks, TextRows};
use crate::report::{FailoverReport, LostMessages, LostRange, ProcedureStep, shortened};

/// The compliance database's name. The procedure never renames it.
pub(super) const COMPLIANCE: &str = "mgccomp";

/// What was looked at before the first failover attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    compliance: BTreeMap<Server, Vec<String>>,
    compliance_role: BTreeMap<Server, Option<String>>,
    active: Option<Vec<ActiveServer>>,
    listed_for_log_shipping: bool,
}

impl Before {
    /// Whether nothing waited in the backup's compliance database.
    pub(super) fn compliance_is_empty(&self) -> bool {
        self.compliance.get(&Server::Backup).is_none_or(Vec::is_empty)
    }
}

/// Asks the servers of an estate, over one connection to each.
struct Connections<'a> {
    estate: &'a Estate,
    open: RefCell<BTreeMap<Server, SqlClient>>,
}

impl<'a> Connections<'a> {
    fn to(estate: &'a Estate) -> Self {
        Self { estate, open: RefCell::default() }
    }
}

impl Asks for Connections<'_> {
    fn ask(&self, server: Server, query: &str) -> Result<TextRows, String> {
        let mut open = self.open.borrow_mut();
        let client = match open.entry(server) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let client = self.estate.connect(place_of(server), "master");
                entry.insert(client.map_err(|error| error.to_string())?)
            }
        };
        let asked = async { client.simple_query(query).await?.into_first_result().await };
        let rows = self.estate.block_on(asked).map_err(|error| error.to_string())?;
        let rows = rows.map_err(|error: tiberius::error::Error| error.to_string())?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(text_of).collect()).collect())
    }
}

/// A value as text; NULL as none.
fn text_of(value: tiberius::ColumnData<'static>) -> Option<String> {
    use tiberius::ColumnData as Data;
    match value {
        Data::U8(value) => value.map(|value| value.to_string()),
        Data::I16(value) => value.map(|value| value.to_string()),
        Data::I32(value) => value.map(|value| value.to_string()),
        Data::I64(value) => value.map(|value| value.to_string()),
        Data::F32(value) => value.map(|value| value.to_string()),
        Data::F64(value) => value.map(|value| value.to_string()),
        Data::Bit(value) => value.map(|value| u8::from(value).to_string()),
        Data::String(value) => value.map(std::borrow::Cow::into_owned),
        Data::Guid(value) => value.map(|value| value.to_string()),
        Data::Numeric(value) => value.map(|value| value.to_string()),
        other => Some(format!("{other:?}")),
    }
}

fn place_of(server: Server) -> Place {
    match server {
        Server::Primary => Place::Primary,
        Server::Mirror => Place::Mirror,
        Server::Backup => Place::Backup,
        Server::BackupMirror => Place::BackupMirror,
    }
}

pub(super) fn server_of(place: Place) -> Server {
    match place {
        Place::Primary => Server::Primary,
        Place::Mirror => Server::Mirror,
        Place::Backup => Server::Backup,
        Place::BackupMirror => Server::BackupMirror,
    }
}

fn ms(at: jiff::Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

/// Looks at what must not change, before anything has happened.
pub(super) fn look_before(drill: &Drill) -> Result<Before, String> {
    let estate = drill.estate_seen()?;
    let asks = Connections::to(estate);
    let mut before = Before { active: active_servers(drill, estate), ..Before::default() };
    for server in Server::ALL {
        let facts = read::server_facts(&asks, server, estate.database(), COMPLIANCE);
        if let Some(rows) = facts.compliance_rows {
            before.compliance.insert(server, rows);
            before
                .compliance_role
                .insert(server, facts.compliance.and_then(|database| database.mirroring_role));
        }
        if server == Server::Backup {
            before.listed_for_log_shipping = facts.listed_for_log_shipping;
        }
    }
    Ok(before)
}

/// Looks at everything the rules need.
pub(super) fn look(drill: &Drill) -> Result<Evidence, String> {
    let estate = drill.estate_seen()?;
    let asks = Connections::to(estate);
    let before = drill.before.clone().unwrap_or_default();
    let servers: BTreeMap<_, _> = Server::ALL
        .into_iter()
        .map(|server| (server, read::server_facts(&asks, server, estate.database(), COMPLIANCE)))
        .collect();
    let online = servers
        .get(&Server::Backup)
        .and_then(|facts| facts.chat.as_ref())
        .is_some_and(|chat| chat.state == "ONLINE");
    let pool = estate.pool_view().ok();
    let mut evidence = Evidence {
        present: if online { read::messages(&asks, Server::Backup, estate.database()) } else { None },
        applied: if online {
            read::applied_log_backups(&asks, Server::Backup, estate.database())
        } else {
            Vec::new()
        },
        servers,
        compliance_before: before.compliance,
        compliance_role_before: before.compliance_role,
        recovered_by_hand: drill.said.iter().any(|one| matches!(one, Arrangement::RecoveredByHand)),
        listed_before: before.listed_for_log_shipping,
        pool_state: pool.map(|pool| pool.state),
        active_servers: active_servers(drill, estate),
        active_before: before.active,
        active_wanted: wanted_active(estate.site_text()),
        lost_at_ms: estate.disaster().map(ms),
        claims: drill.attempts.iter().map(|attempt| claims_of(estate, attempt)).collect(),
        obstacles: drill.attempts.last().map_or_else(Vec::new, |attempt| attempt.obstacles.clone()),
        told: drill.attempts.iter().flat_map(told_codes).collect(),
        ..Evidence::default()
    };
    read_timeline(estate, &mut evidence);
    read_ledger(estate, &mut evidence);
    if let Some(first) = drill.attempts.first() {
        evidence.shipped = first.run.log_backups.iter().map(shipped_of).collect();
        // One file may hold several log backups: the timeline names the first of them.
        let files: BTreeSet<&str> = first
            .run
            .log_backups
            .iter()
            .filter(|one| one.restored || evidence.applied_ordinals.contains(&one.ordinal))
            .map(|one| one.file.as_str())
            .collect();
        let applied = first.run.log_backups.iter().filter(|one| files.contains(one.file.as_str()));
        evidence.applied_ordinals.extend(applied.map(|one| one.ordinal));
        let end = evidence.reachable_end().map_or(0, |backup| backup.ordinal);
        let unusable = first.run.log_backups.iter().find(|backup| backup.ordinal > end);
        let is_backup_reached =
            !drill.attempts.last().is_some_and(|one| one.obstacles.iter().any(obstacle::hides_all));
        if !evidence.recovered_by_hand && is_backup_reached {
            evidence.obstacles.extend(unusable.and_then(obstacle::of_log_backup));
        }
        if estate.held_a_replica_back() {
            evidence.obstacles.push(obstacle::of_held_replica());
        }
    }
    Ok(evidence)
}

fn shipped_of(snapshot: &LogBackupSnapshot) -> Shipped {
    let readable = !matches!(
        snapshot.damage,
        Some(Damage::Missing | Damage::Torn | Damage::Flipped | Damage::OfAnotherDatabase)
    );
    Shipped {
        ordinal: snapshot.ordinal,
        file: snapshot.file.clone(),
        began_ms: ms(snapshot.began),
        finished_ms: ms(snapshot.completed),
        applied: snapshot.restored,
        within_reach: readable && (snapshot.on_share || snapshot.in_copy_destination),
    }
}

/// A failover makes two writable copies when it brings the backup online beside another. A server that the drill brings
/// back afterwards is not its doing: it can only say how to fence it.
fn read_timeline(estate: &Estate, evidence: &mut Evidence) {
    // An estate begins with the primary's copy open for writing.
    let mut writable = BTreeSet::from([Server::Primary]);
    let mut is_failing_over = false;
    for event in estate.timeline().events() {
        match &event.what {
            Happening::Writable { server, writable: true } => {
                writable.insert(server_of(*server));
                if *server == Place::Backup {
                    evidence.online_at_ms.get_or_insert(ms(event.at));
                    if is_failing_over {
                        evidence.writable_at_once.push(writable.iter().copied().collect());
                    }
                }
            }
            Happening::Writable { server, writable: false } => {
                writable.remove(&server_of(*server));
            }
            Happening::FailoverStarted { .. } => {
                is_failing_over = true;
                let others = writable.iter().copied().filter(|server| *server != Server::Backup);
                evidence.writable_at_once.push(others.collect());
            }
            Happening::PoolState { state } if state == "FailedOver" => {
                evidence.failed_over_at_ms.get_or_insert(ms(event.at));
            }
            Happening::LogBackupRestored { ordinal, .. } => {
                evidence.applied_ordinals.insert(*ordinal);
            }
            _ => {}
        }
    }
}

fn read_ledger(estate: &Estate, evidence: &mut Evidence) {
    let lost_at_ms = evidence.lost_at_ms.unwrap_or(u64::MAX);
    evidence.ledger = estate
        .ledger()
        .messages()
        .iter()
        .map(|message| Acknowledged {
            room: message.room,
            chat_id: message.chat_id,
            text_crc32: message.text_crc32,
            at_ms: ms(message.acknowledged),
            after_loss: ms(message.posted) >= lost_at_ms,
        })
        .collect();
}

/// The active servers with their places, if the management store answers.
fn active_servers(drill: &Drill, estate: &Estate) -> Option<Vec<ActiveServer>> {
    let view = estate.pool_view().ok()?;
    let in_b = estate.chat_servers(DataCenter::B);
    let fast = drill.said.iter().any(|one| matches!(one, Arrangement::LowLatencyTo(_)));
    let zone_differs = drill.said.iter().any(|one| matches!(one, Arrangement::TimeZoneOfB(_)));
    Some(
        view.active_servers
            .into_iter()
            .map(|fqdn| {
                let is_in_b = in_b.iter().any(|one| one.eq_ignore_ascii_case(&fqdn));
                ActiveServer {
                    data_center: if is_in_b { "B" } else { "A" }.to_owned(),
                    low_latency: fast && !is_in_b,
                    time_zone_differs: zone_differs && is_in_b,
                    fqdn,
                }
            })
            .collect(),
    )
}

/// The chat servers that the site file wants active afterwards.
fn wanted_active(site: &str) -> Vec<String> {
    let Ok(site) = site.parse::<toml::Table>() else { return Vec::new() };
    let servers = site.get("chat_servers").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    servers
        .iter()
        .filter(|server| server.get("active_after_failover").and_then(toml::Value::as_bool) == Some(true))
        .filter_map(|server| Some(server.get("fqdn")?.as_str()?.to_owned()))
        .collect()
}

fn claims_of(estate: &Estate, attempt: &Attempt) -> Claims {
    let report = &attempt.run.report;
    let text = |pointer: &str| report.pointer(pointer).and_then(serde_json::Value::as_str);
    let time = |pointer: &str| text(pointer).and_then(|text| text.parse::<jiff::Timestamp>().ok()).map(ms);
    let steps = report.get("steps").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let (bound_began_ms, bound_ms) = if estate.servers_share_its_clock() {
        (time("/bound/backup_start_utc"), time("/bound/backup_finish_utc"))
    } else {
        let bound = text("/bound/last_applied_file").map(|file| times_of_log_backup(estate, attempt, file));
        (bound.map(|(began, _)| began), bound.map(|(_, completed)| completed))
    };
    Claims {
        ended: !attempt.run.was_killed(),
        success: attempt.asked != "preflight" && attempt.run.exit_code == Some(0),
        preflight: attempt.asked == "preflight",
        is_read: estate.program_can_be_read(),
        steps_done: steps
            .iter()
            .filter(|step| matches!(step["status"].as_str(), Some("done" | "already-done")))
            .filter_map(|step| u8::try_from(step["number"].as_u64()?).ok())
            .collect(),
        loss_accepted: attempt.loss_accepted,
        bound_began_ms,
        bound_ms,
        has_bound: text("/bound/last_applied_lsn").is_some(),
    }
}

/// When the estate saw a log backup begin and complete, by its file: the server that took it has another clock. One that
/// is none of the drill's is the copy that the estate was staged with.
fn times_of_log_backup(estate: &Estate, attempt: &Attempt, file: &str) -> (u64, u64) {
    let known = attempt.run.log_backups.iter().rfind(|one| one.file.eq_ignore_ascii_case(file));
    known.map_or_else(
        || {
            let staged = estate.timeline().first(|what| *what == Happening::Staged).map_or(0, ms);
            (staged, staged)
        },
        |one| (ms(one.began), ms(one.completed)),
    )
}

/// Codes of everything the operator was told in an attempt: on the console and in the report.
pub(super) fn told_codes(attempt: &Attempt) -> BTreeSet<String> {
    let mut codes: BTreeSet<String> = attempt.run.told.iter().map(|told| told.code.clone()).collect();
    let report = &attempt.run.report;
    let listed = |name: &str| report.get(name).and_then(serde_json::Value::as_array).into_iter().flatten();
    let open = listed("aftercare").filter(|care| care["done"] == false);
    codes.extend(listed("findings").chain(open).filter_map(|entry| Some(entry["code"].as_str()?.to_owned())));
    let refused =
        report.pointer("/bound/refused").and_then(serde_json::Value::as_array).into_iter().flatten();
    codes.extend(refused.filter_map(|entry| Some(entry.get("reason")?.as_str()?.to_owned())));
    codes.extend(report.get("stopped_by").and_then(serde_json::Value::as_str).map(str::to_owned));
    codes
}

/// Removes every finding, as a program that keeps them to itself would.
pub(super) fn forget_what_was_told(run: &mut crate::estate::FailoverRun) {
    run.told.clear();
    if let Some(report) = run.report.as_object_mut() {
        report.insert("findings".to_owned(), serde_json::json!([]));
        report.insert("aftercare".to_owned(), serde_json::json!([]));
        report.insert("stopped_by".to_owned(), serde_json::Value::Null);
    }
}

/// One attempt for the report.
pub(super) fn failover_report(attempt: &Attempt) -> FailoverReport {
    let report = &attempt.run.report;
    let steps = report.get("steps").and_then(serde_json::Value::as_array).into_iter().flatten();
    let time = |step: &serde_json::Value, key: &str| {
        step[key].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok())
    };
    FailoverReport {
        asked: attempt.asked.to_owned(),
        exit_code: attempt.run.exit_code,
        killed: attempt.run.was_killed(),
        outcome: report["outcome"].as_str().unwrap_or_default().to_owned(),
        stopped_by: report["stopped_by"].as_str().map(str::to_owned),
        steps: steps
            .map(|step| ProcedureStep {
                number: step["number"].as_u64().unwrap_or(0),
                name: step["name"].as_str().unwrap_or_default().to_owned(),
                status: step["status"].as_str().unwrap_or_default().to_owned(),
                simulated_ms: time(step, "started")
                    .zip(time(step, "finished"))
                    .map(|(started, finished)| ms(finished).saturating_sub(ms(started))),
            })
            .collect(),
        told: told_codes(attempt).into_iter().collect(),
        printed: last_lines(&attempt.run.printed),
        said: attempt
            .run
            .told
            .iter()
            .filter(|told| told.severity != "info")
            .map(|told| format!("{}: {}", told.code, told.text))
            .collect(),
    }
}

/// The end of what a program printed; none if it printed nothing.
fn last_lines(printed: &str) -> Option<String> {
    const LINES_MAX: usize = 20;
    let lines: Vec<&str> = printed.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES_MAX)..];
    (!last.is_empty()).then(|| last.iter().map(|line| shortened(line)).collect::<Vec<_>>().join("\n"))
}

/// Which messages are gone, and how old the oldest of them was when A was lost.
pub(super) fn lost_messages(evidence: &Evidence) -> (Option<LostMessages>, Option<u64>) {
    let Some(absent) = evidence.absent() else { return (None, None) };
    let oldest_ms = absent.iter().map(|message| message.at_ms).min();
    let rpo_ms = evidence.lost_at_ms.map(|lost| oldest_ms.map_or(0, |oldest| lost.saturating_sub(oldest)));
    let mut keys: Vec<(i64, i64)> = absent.iter().map(|message| (message.room, message.chat_id)).collect();
    keys.sort_unstable();
    let mut ranges: Vec<LostRange> = Vec::new();
    for (room, chat_id) in &keys {
        match ranges.last_mut() {
            Some(range) if range.room == *room && range.last + 1 == *chat_id => range.last = *chat_id,
            _ => ranges.push(LostRange { room: *room, first: *chat_id, last: *chat_id }),
        }
    }
    (Some(LostMessages { count: keys.len(), ranges }), rpo_ms)
}

/// From the loss of A to the first message acknowledged again.
pub(super) fn recovery_time_ms(estate: &Estate, lost_at_ms: Option<u64>) -> Option<u64> {
    Some(ms(estate.service_restored()?).saturating_sub(lost_at_ms?))
}

/// At most three of many contradictions, and how many more there are.
pub(super) fn few(broken: &[String]) -> Vec<String> {
    let mut few: Vec<String> = broken.iter().take(3).cloned().collect();
    if broken.len() > 3
        && let Some(last) = few.last_mut()
    {
        last.push_str(&format!(" (and {} more like it)", broken.len() - 3));
    }
    few
}
