//! The guards: what has to be true before something irreversible. Each answers with its objections (a
//! finding code and a text that says what happened, what state things are in and what to do), or none.

use super::backup::{DatabaseState, ServerFacts};
use super::pool::PoolProblem;
use super::{Halt, Run};
use crate::chain::Place;
use crate::plan::Guard;
use crate::quote::literal;
use crate::report::Severity;
use crate::sql::{ConnectError, Role, SqlError, query_within};

/// What a guard says against going on.
pub(super) type Objections = Vec<(String, String)>;

/// How a server in A answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// Nobody answers.
    Gone,
    /// It answers, but its copy of the database serves nobody and cannot begin to.
    NotServing(String),
    /// It answers.
    Alive(String),
}

/// What was seen of A, asked once a step for both servers at the same time.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    primary: Option<Probe>,
    mirror: Option<Probe>,
}

fn object(code: &str, text: String) -> Objections {
    vec![(code.to_owned(), text)]
}

impl Run<'_> {
    /// Looks whether A answers, if a guard of the step wants to know.
    pub(super) async fn probe_a(&self, guards: &[Guard]) -> Probes {
        let probe = |guard: Guard, role: Role| async move {
            match guards.contains(&guard) {
                true => Some(self.probe(role).await),
                false => None,
            }
        };
        let (primary, mirror) = futures::future::join(
            probe(Guard::PrimaryIsGone, Role::Primary),
            probe(Guard::MirrorIsGone, Role::Mirror),
        )
        .await;
        Probes { primary, mirror }
    }

    /// Whether a server in A answers, and what its copy of the database is.
    pub(super) async fn probe(&self, role: Role) -> Probe {
        if role == Role::Mirror && self.site.servers.mirror.is_none() {
            return Probe::Gone;
        }
        let mut server = match self.servers.open(role).await {
            Ok(server) => server,
            Err(ConnectError::Unreachable(_)) => return Probe::Gone,
            // A password that we cannot read must not look like a server that is gone.
            Err(error) => return Probe::Alive(error.to_string()),
        };
        let batch = format!(
            "SELECT d.state_desc, m.mirroring_role_desc FROM sys.databases AS d \
             LEFT JOIN sys.database_mirroring AS m ON m.database_id = d.database_id WHERE d.name = {}",
            literal(&self.site.database)
        );
        let answer = query_within(&mut *server, &batch, Some(self.site.deadlines.query)).await;
        let row = match answer {
            Ok(sets) => {
                let row = sets.first().and_then(|set| set.first());
                row.map(|row| (row.text("state_desc"), row.text("mirroring_role_desc")))
            }
            Err(SqlError::Lost(_)) => return Probe::Gone,
            Err(error) => {
                return Probe::Alive(format!("it answers, and does not say what it holds: {error}"));
            }
        };
        match row {
            None => Probe::NotServing(format!("it has no database {}", self.site.database)),
            Some((Ok(Some(state)), Ok(role))) => match (state.as_str(), role) {
                ("ONLINE" | "RECOVERING" | "RECOVERY_PENDING", _) => {
                    Probe::Alive(format!("its {} is {state}", self.site.database))
                }
                (_, Some(role)) => {
                    Probe::Alive(format!("its {} is {state}, mirroring role {role}", self.site.database))
                }
                (_, None) => Probe::NotServing(format!("its {} is {state}", self.site.database)),
            },
            Some(_) => Probe::Alive("its answer cannot be read".to_owned()),
        }
    }

    /// When nothing is left to do: two live copies are still worth a warning.
    pub(super) async fn warn_if_a_is_alive(&mut self) {
        for (role, code) in [(Role::Primary, "primary-alive"), (Role::Mirror, "mirror-alive")] {
            if let Probe::Alive(how) = self.probe(role).await {
                let text = format!(
                    "the {} in A answers again ({how}). The backup is the primary now: fence the old one (take its {} offline and disable its log backup job) before anybody writes to it.",
                    role.name(),
                    self.site.database
                );
                self.find(code, Severity::Warning, text);
            }
        }
    }

    /// Asks one guard.
    pub(super) async fn ask(&mut self, guard: Guard, probes: &Probes) -> Result<Objections, Halt> {
        let unasked = |error: SqlError| {
            object(
                "backup-unreachable",
                format!(
                    "The backup SQL Server does not answer a question: {error}. Nothing more has been done; see to the server, then resume."
                ),
            )
        };
        let answer = match guard {
            Guard::BackupAnswers => self.backup_answers().await,
            Guard::Sysadmin => self.server_facts().await.map(|facts| self.sysadmin(&facts)),
            Guard::DatabaseExists => self.server_facts().await.map(|facts| self.database_exists(&facts)),
            Guard::PrimaryIsGone => Ok(self.gone(Role::Primary, probes.primary.as_ref())),
            Guard::MirrorIsGone => Ok(self.gone(Role::Mirror, probes.mirror.as_ref())),
            Guard::NotRecoveredEarly => self.not_recovered_early().await?,
            Guard::ShareReadable => self.share_readable().await,
            Guard::CopyDestinationWritable => self.copy_destination_writable().await,
            Guard::PathsAgree => self.paths_agree().await,
            Guard::ChainIsWhole => self.chain_is_whole().await?,
            Guard::EverythingApplicableApplied => self.everything_applied().await?,
            Guard::BackupIsOnline => self.backup_is_online().await,
            Guard::ShellAnswers => Ok(self.pool_problem(PoolProblem::Shell).await),
            Guard::ManagementStoreAnswers => Ok(self.pool_problem(PoolProblem::Store).await),
            Guard::PoolIsKnown => Ok(self.pool_problem(PoolProblem::Pool).await),
            Guard::AtMostFourActiveServers => Ok(self.at_most_four()),
            Guard::ActiveServersOnTheRightSide => Ok(self.on_the_right_side()),
            Guard::TimeZonesAgree => Ok(self.time_zones_agree()),
        };
        Ok(answer.unwrap_or_else(unasked))
    }

    async fn backup_answers(&mut self) -> Result<Objections, SqlError> {
        let address = self.site.servers.backup.address.to_string();
        Ok(match self.server_facts().await {
            Ok(facts) => {
                tracing::info!(server = facts.name, "the backup answers");
                Vec::new()
            }
            Err(error) => object(
                "backup-unreachable",
                format!(
                    "The backup SQL Server {address} cannot be used: {error}. Nothing has been changed. See to the server, the sign-in or the site file, then run again."
                ),
            ),
        })
    }

    fn sysadmin(&self, facts: &ServerFacts) -> Objections {
        if facts.is_sysadmin {
            return Vec::new();
        }
        object(
            "not-sysadmin",
            format!(
                "The sign-in to {} is no member of sysadmin, which removing log shipping and RESTORE need. Nothing has been changed. Sign in as a sysadmin (site file, servers.backup.auth).",
                facts.name
            ),
        )
    }

    fn database_exists(&self, facts: &ServerFacts) -> Objections {
        let wanted = &self.site.database;
        if facts.databases.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted)) {
            return Vec::new();
        }
        let others: Vec<String> = facts
            .databases
            .iter()
            .filter(|(name, _)| {
                !["master", "model", "msdb", "tempdb"].contains(&name.to_lowercase().as_str())
            })
            .map(|(name, state)| format!("{name} ({state})"))
            .collect();
        let there = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        let hint = ["mgc", "mgcc"].iter().find(|name| {
            !wanted.eq_ignore_ascii_case(name)
                && facts.databases.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
        });
        let hint = hint.map_or(String::new(), |name| {
            format!(" Did you mean {name}? The Korean text of the procedure calls mgc by the name mgcc, by mistake.")
        });
        object(
            "database-not-found",
            format!(
                "There is no database {wanted} on {}. User databases there: {there}.{hint} Nothing has been changed. Correct database.name in the site file.",
                facts.name
            ),
        )
    }

    fn gone(&mut self, role: Role, probe: Option<&Probe>) -> Objections {
        let code = if role == Role::Primary { "primary-alive" } else { "mirror-alive" };
        match probe {
            None | Some(Probe::Gone) => Vec::new(),
            Some(Probe::NotServing(how)) => {
                let text =
                    format!("the {} in A answers, but {how}: it serves nobody. Going on.", role.name());
                self.find("old-server-not-serving", Severity::Warning, text);
                Vec::new()
            }
            Some(Probe::Alive(how)) => {
                let instead = if role == Role::Primary {
                    "The procedure assumes that A is lost altogether; two live copies are worse than an outage. If A is to be given up, take the database there offline first (better: back up its tail with NORECOVERY)."
                } else {
                    "It may be able to take over inside A without any loss (Invoke-CsDatabaseFailover -NewPrincipal Mirror). If A is to be given up, remove the mirroring and take that copy offline first."
                };
                object(
                    code,
                    format!("The {} in A answers: {how}. {instead} {}", role.name(), self.state_now()),
                )
            }
        }
    }

    /// In what state a guard leaves things.
    pub(super) fn state_now(&self) -> &'static str {
        match self.step {
            0 | 1 => "Nothing has been changed.",
            2..=4 => "Log shipping is removed; the database is not recovered and still takes log backups.",
            _ => "The backup database is recovered; the pool state has not been changed.",
        }
    }

    async fn not_recovered_early(&mut self) -> Result<Result<Objections, SqlError>, Halt> {
        let looked = async {
            let Some(state) = self.database_state().await? else { return Ok(None) };
            if !state.is_recovered() || self.past.recovery_meant {
                return Ok(None);
            }
            let standing = self.standing().await?;
            let inventory = self.inventory().await?;
            Ok(Some((state, standing, inventory)))
        };
        let (state, standing, inventory) = match looked.await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(Vec::new())),
            Err(error) => return Ok(Err(error)),
        };
        let chain = self.chain_of(&standing, &inventory);
        self.note_bound(&standing, &inventory, &chain).await?;
        let left: Vec<&str> =
            chain.links.iter().chain(&chain.unreachable).map(|set| set.file.as_str()).collect();
        let database = self.site.database.clone();
        if left.is_empty() {
            let text = format!(
                "{database} on the backup is {state} already, recovered by somebody else; no log backup found is newer. Going on."
            );
            self.find("recovered-early", Severity::Warning, text);
            return Ok(Ok(Vec::new()));
        }
        let text = format!(
            "{database} on the backup is {state} already, recovered by somebody before these log backups were applied: {}. They cannot be applied any more; what they hold is lost unless the database is restored again from a full backup. --accept-data-loss goes on without them. Nothing has been changed.",
            left.join(", ")
        );
        Ok(Ok(object("recovered-early", text)))
    }

    /// Whether steps 2 and 3 still have something to decide.
    async fn takes_log(&mut self) -> Result<bool, SqlError> {
        Ok(self.database_state().await?.is_some_and(|state| state.takes_log()))
    }

    async fn share_readable(&mut self) -> Result<Objections, SqlError> {
        if !self.takes_log().await? {
            return Ok(Vec::new());
        }
        let folder = self.site.log_shipping.share.here.clone();
        let Err(error) = self.env.shares.list(&folder).await else { return Ok(Vec::new()) };
        let text = format!(
            "The backup share {folder} cannot be read: {error}. Log backups that were not copied are out of reach, and lost if they stay so; what is in the copy destination can be applied. Make the share reachable, or go on without it by --accept-data-loss. {}",
            self.state_now()
        );
        Ok(object("share-unreachable", text))
    }

    async fn copy_destination_writable(&mut self) -> Result<Objections, SqlError> {
        if !self.takes_log().await? {
            return Ok(Vec::new());
        }
        let folder = self.here(Place::CopyDestination).to_owned();
        Ok(match self.write_probe(Place::CopyDestination).await {
            Ok(probe) => {
                self.remove_probe(&probe).await;
                Vec::new()
            }
            Err(error) => object(
                "copy-destination-unreachable",
                format!(
                    "The copy destination {folder} cannot be written: {error}. Nothing has been changed. Make it reachable and writable, or correct log_shipping.copy_destination.here."
                ),
            ),
        })
    }

    async fn chain_is_whole(&mut self) -> Result<Result<Objections, SqlError>, Halt> {
        let looked = async {
            if !self.takes_log().await? {
                return Ok(None);
            }
            let standing = self.standing().await?;
            let inventory = self.inventory().await?;
            self.warn_about_unfinished(&inventory);
            let chain = self.chain_of(&standing, &inventory);
            let objections = self.chain_objections(&standing, &inventory, &chain).await?;
            Ok(Some((standing, inventory, chain, objections)))
        };
        let (standing, inventory, chain, mut objections) = match looked.await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(Vec::new())),
            Err(error) => return Ok(Err(error)),
        };
        self.note_bound(&standing, &inventory, &chain).await?;
        if let Some((_, last)) = objections.last_mut() {
            let reached = chain.end.map_or_else(|| "nowhere".to_owned(), |end| format!("LSN {end}"));
            last.push_str(&format!(" As things are, the log can be applied up to {reached}, and everything after is lost. Find the files, or go on without them by --accept-data-loss. Nothing has been changed."));
        }
        Ok(Ok(objections))
    }

    async fn everything_applied(&mut self) -> Result<Result<Objections, SqlError>, Halt> {
        let looked = async {
            if !self.takes_log().await? {
                return Ok(None);
            }
            let standing = self.standing().await?;
            let inventory = self.inventory().await?;
            let chain = self.chain_of(&standing, &inventory);
            let mut objections = self.chain_objections(&standing, &inventory, &chain).await?;
            if let Some(error) = &inventory.share_error {
                objections.push((
                    "share-unreachable".to_owned(),
                    format!("The backup share cannot be read: {error}."),
                ));
            }
            if !chain.links.is_empty() {
                let left: Vec<&str> = chain.links.iter().map(|set| set.file.as_str()).collect();
                let text = format!("Log backups that could be applied have not been: {}.", left.join(", "));
                objections.insert(0, ("log-not-applied".to_owned(), text));
            }
            Ok(Some((standing, inventory, chain, objections)))
        };
        let (standing, inventory, chain, mut objections) = match looked.await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(Vec::new())),
            Err(error) => return Ok(Err(error)),
        };
        self.note_bound(&standing, &inventory, &chain).await?;
        if let Some((_, last)) = objections.last_mut() {
            last.push_str(&format!(" Recovery is final: what is not applied now is lost. {} Find the files and run again, or go on without them by --accept-data-loss.", self.state_now()));
        }
        Ok(Ok(objections))
    }

    async fn backup_is_online(&mut self) -> Result<Objections, SqlError> {
        let state = self.database_state().await?;
        if state == Some(DatabaseState::Online) {
            return Ok(Vec::new());
        }
        let state = state.map_or_else(|| "not there".to_owned(), |state| state.to_string());
        Ok(object(
            "backup-not-online",
            format!(
                "{} on the backup is {state}. The pool must not point at a database that does not serve; its state has not been changed. Bring the database online, then resume.",
                self.site.database
            ),
        ))
    }

    fn at_most_four(&self) -> Objections {
        let wanted: Vec<&str> =
            self.site.wanted_active_servers().map(|server| server.fqdn.as_str()).collect();
        match wanted.len() {
            0 => object(
                "no-active-server",
                format!(
                    "The site file lets no chat server be active after the failover: nobody would serve. Set active_after_failover = true for one to four servers. {}",
                    self.state_now()
                ),
            ),
            1..=4 => Vec::new(),
            count => object(
                "too-many-active-servers",
                format!(
                    "{count} servers are to be active ({}); Persistent Chat allows four. Set active_after_failover for at most four. {}",
                    wanted.join(", "),
                    self.state_now()
                ),
            ),
        }
    }

    fn on_the_right_side(&self) -> Objections {
        let far: Vec<String> = self
            .site
            .wanted_active_servers()
            .filter(|server| !self.site.is_near_the_backup(&server.data_center))
            .map(|server| format!("{} ({})", server.fqdn, server.data_center))
            .collect();
        if far.is_empty() {
            return Vec::new();
        }
        object(
            "active-server-on-the-wrong-side",
            format!(
                "These servers are to be active but not in data center {}, where the new primary is: {}. Active servers must be near it. Choose others, or declare the link under links.low_latency if it was measured to be one. {}",
                self.site.servers.backup.data_center,
                far.join(", "),
                self.state_now()
            ),
        )
    }

    fn time_zones_agree(&mut self) -> Objections {
        let Some((pool, zone)) =
            self.site.next_hop.as_ref().and_then(|hop| Some((hop.pool.clone(), hop.time_zone.clone()?)))
        else {
            return Vec::new();
        };
        let year = self.started.to_zoned(jiff::tz::TimeZone::UTC).year();
        let mut differing = Vec::new();
        let mut unstated = Vec::new();
        for server in self.site.wanted_active_servers() {
            match &server.time_zone {
                Some(its) if same_zone(its, &zone, year) => {}
                Some(its) => differing.push(format!("{} ({its})", server.fqdn)),
                None => unstated.push(server.fqdn.clone()),
            }
        }
        if !unstated.is_empty() {
            let text = format!(
                "the site file does not state the time zone of {}; active servers must be in {pool}'s ({zone})",
                unstated.join(", ")
            );
            self.find("time-zone-unknown", Severity::Warning, text);
        }
        if differing.is_empty() {
            return Vec::new();
        }
        object(
            "time-zone-differs",
            format!(
                "These servers are to be active but not in the time zone of the next hop {pool} ({zone}): {}. Persistent Chat requires it. Choose others, or move the next hop first. {}",
                differing.join(", "),
                self.state_now()
            ),
        )
    }

    fn warn_about_unfinished(&mut self, inventory: &super::logs::Inventory) {
        for (place, name) in &inventory.unfinished {
            let place = if *place == Place::Share { "on the share" } else { "in the copy destination" };
            let text = format!(
                "{name} {place} was never finished by the job that wrote it; it is left alone and not applied"
            );
            self.find("unfinished-copy", Severity::Warning, text);
        }
    }
}

/// Whether two zones are one: by name, or by their offsets in winter and summer of `year`.
fn same_zone(a: &str, b: &str, year: i16) -> bool {
    let offsets = |name: &str| {
        let zone = jiff::tz::TimeZone::get(name).ok()?;
        let at = |month| {
            let noon = jiff::civil::date(year, month, 1).at(12, 0, 0, 0);
            Some(zone.to_ambiguous_timestamp(noon).compatible().ok()?.to_zoned(zone.clone()).offset())
        };
        Some((at(1)?, at(7)?))
    };
    a.eq_ignore_ascii_case(b) || matches!((offsets(a), offsets(b)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::same_zone;

    #[test]
    fn two_names_of_one_zone_agree_and_neighbours_do_not() {
        assert!(same_zone("America/New_York", "america/new_york", 2026));
        assert!(!same_zone("America/New_York", "America/Chicago", 2026));
        assert!(!same_zone("America/New_York", "No/Such", 2026));
    }
}
