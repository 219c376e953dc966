//! What the estate sees: statements, files, cmdlets. Each becomes an entry of
//! the timeline and, during a failover, a point at which a fault may strike.

use super::names::Server;
use super::timeline::Happening;
use super::world::{LogBackup, World};
use crate::disk::{DiskWatcher, FileChange, FileEvent};
use crate::fault::{Edge, Fault, Step};
use async_trait::async_trait;
use lyncshell::{CmdletObserver, CmdletPhase, Verdict};
use sqlsim::StatementEvent;
use std::rc::{Rc, Weak};

/// Watches one server's statements.
pub(super) struct StatementWatch {
    pub(super) world: Weak<World>,
    pub(super) server: Server,
}

impl std::fmt::Debug for StatementWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StatementWatch").field(&self.server).finish()
    }
}

#[async_trait(?Send)]
impl sqlsim::Observer for StatementWatch {
    async fn statement(&self, event: StatementEvent<'_>) {
        let Some(world) = self.world.upgrade() else { return };
        if event.program.starts_with("firedrill") || self.server != Server::Backup {
            return;
        }
        let edge = if event.outcome.is_none() { Edge::Begins } else { Edge::Ends };
        let restores = event.kind.eq_ignore_ascii_case("RESTORE LOG");
        let recovers = event.with_recovery && event.kind.to_ascii_uppercase().starts_with("RESTORE");
        let ordinal = event.device.and_then(|device| world.ordinal_of(device));
        if restores
            && event.outcome == Some(0)
            && let Some(ordinal) = ordinal
        {
            let file = {
                let mut all = world.log_backups.borrow_mut();
                all[ordinal - 1].restored = true;
                format!("{}.trn", all[ordinal - 1].stem)
            };
            world.note(Happening::LogBackupRestored { ordinal, file });
        }
        if recovers && event.outcome == Some(0) {
            world.look_for_writable_copies().await;
        }
        let step = if restores {
            3
        } else if recovers || event.kind.eq_ignore_ascii_case("KILL") {
            4
        } else if ends_with(event.subject, "sp_delete_log_shipping_secondary_database") {
            1
        } else {
            return;
        };
        let what = format!("{} {}", event.kind, event.subject);
        reach(&world, step, edge, ordinal.filter(|_| step == 3), &what).await;
    }

    fn is_watching(&self) -> bool {
        self.server == Server::Backup
            && self.world.upgrade().is_some_and(|world| world.run.borrow().is_some())
    }
}

fn ends_with(subject: &str, procedure: &str) -> bool {
    let last = subject.rsplit('.').next().unwrap_or(subject);
    last.trim_matches(['[', ']', '"']).eq_ignore_ascii_case(procedure)
}

/// Watches the drives.
pub(super) struct FileWatch {
    pub(super) world: Weak<World>,
}

#[async_trait(?Send)]
impl DiskWatcher for FileWatch {
    async fn file(&self, event: FileEvent<'_>) {
        let Some(world) = self.world.upgrade() else { return };
        let folders = &world.file.contents.folders;
        if is_below(event.path, &folders.logs) && *event.on == world.share_machine() {
            on_share(&world, &event);
        }
        let backup = &world.server(Server::Backup).machine;
        if is_below(event.path, &folders.copy_destination) && event.on == backup {
            in_copy_destination(&world, &event).await;
        }
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.len() > folder.len() && path.as_bytes()[..folder.len()].eq_ignore_ascii_case(folder.as_bytes())
}

/// A file's name without folder and extension, if its extension is one of log shipping's.
fn log_stem(path: &str) -> Option<(&str, bool)> {
    let name = path.rsplit('\\').next()?;
    let (stem, extension) = name.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "trn" => Some((stem, true)),
        "wrk" => Some((stem, false)),
        _ => None,
    }
}

/// Follows log backups as the jobs of data center A complete them on the share.
fn on_share(world: &World, event: &FileEvent<'_>) {
    let is_from_a = world.server_on(event.by).is_some_and(|server| server != Server::Backup);
    let Some((stem, is_complete_name)) = log_stem(event.path) else { return };
    if !is_from_a {
        return;
    }
    match event.change {
        FileChange::Created if !event.done => {
            let now = world.now();
            world.log_backups_begun.borrow_mut().entry(stem.to_owned()).or_insert(now);
        }
        FileChange::RenamedFrom(_) | FileChange::Flushed | FileChange::Appended
            if event.done && is_complete_name =>
        {
            let now = world.now();
            let mut all = world.log_backups.borrow_mut();
            if let Some(known) = all.iter_mut().find(|log| log.stem == stem) {
                known.completed = now;
                return;
            }
            let began = world.log_backups_begun.borrow_mut().remove(stem).unwrap_or(now);
            all.push(LogBackup {
                stem: stem.to_owned(),
                began,
                completed: now,
                damage: None,
                restored: false,
            });
            let ordinal = all.len();
            drop(all);
            world.note(Happening::LogBackupOnShare { ordinal, file: format!("{stem}.trn") });
        }
        _ => {}
    }
}

/// Follows copies, and sees step 2 when the operator's machine writes.
async fn in_copy_destination(world: &Rc<World>, event: &FileEvent<'_>) {
    let Some(ordinal) = world.ordinal_of(event.path) else { return };
    if event.done
        && matches!(event.change, FileChange::RenamedFrom(_))
        && let Some((stem, true)) = log_stem(event.path)
    {
        world.note(Happening::LogBackupCopied { ordinal, file: format!("{stem}.trn") });
    }
    if *event.by != world.operator() {
        return;
    }
    match (event.change, event.done) {
        (FileChange::Appended, false) => reach(world, 2, Edge::Begins, Some(ordinal), "a write").await,
        (FileChange::RenamedFrom(_), true) => reach(world, 2, Edge::Ends, Some(ordinal), "a copy").await,
        _ => {}
    }
}

/// Watches the management shell's cmdlets.
pub(super) struct CmdletWatch {
    pub(super) world: Weak<World>,
}

#[async_trait(?Send)]
impl CmdletObserver for CmdletWatch {
    async fn cmdlet(&self, name: &str, phase: CmdletPhase) -> Verdict {
        let Some(world) = self.world.upgrade() else { return Verdict::Proceed };
        let step = match name {
            "Set-CsPersistentChatState" => Some(5),
            "Install-CsMirrorDatabase" => Some(6),
            "Set-CsPersistentChatActiveServer" => Some(7),
            _ => None,
        };
        match phase {
            CmdletPhase::Started => {
                if let Some(step) = step {
                    reach(&world, step, Edge::Begins, None, name).await;
                }
                if fails_now(&world, name) {
                    return Verdict::FailWith(format!(
                        "{name} : the operation failed (arranged by the drill)."
                    ));
                }
            }
            CmdletPhase::Finished { error } => {
                if name.starts_with("Set-Cs") && error.is_none()
                    || name == "Invoke-CsManagementStoreReplication"
                {
                    super::replication::settings_changed(&world).await;
                }
                if let Some(step) = step
                    && error.is_none()
                {
                    reach(&world, step, Edge::Ends, None, name).await;
                }
            }
        }
        Verdict::Proceed
    }
}

/// Whether the drill lets this call of a cmdlet fail; counts it.
fn fails_now(world: &World, name: &str) -> bool {
    world.setup.borrow_mut().cmdlets_failing.get_mut(name).is_some_and(super::setup::CmdletFailure::strike)
}

/// A point of the failover is reached: it is noted, and the faults that wait there strike.
pub(super) async fn reach(world: &Rc<World>, step: u8, edge: Edge, log_backup: Option<usize>, what: &str) {
    let Some(step) = Step::new(step) else { return };
    let moment = {
        let mut run = world.run.borrow_mut();
        let Some(run) = run.as_mut() else { return };
        run.moments += 1;
        if run.seen.insert((step, edge)) {
            world.note(Happening::StepSeen { step, edge, what: what.to_owned() });
        }
        run.moments
    };
    loop {
        let struck = {
            let mut faults = world.faults.borrow_mut();
            let waiting = faults.iter_mut().enumerate().find(|(_, planned)| {
                planned.fired.is_none() && planned.point.is_at(step, edge, log_backup, moment)
            });
            waiting.map(|(index, planned)| {
                planned.fired = Some(world.now());
                // Whoever is killed here never comes back to say so.
                planned.had_effect = planned.fault == Fault::KillFailover;
                (index, planned.point, planned.fault.clone())
            })
        };
        let Some((index, point, fault)) = struck else { return };
        world.note(Happening::FaultFired { point, fault: fault.clone() });
        let had_effect = strike(world, fault).await;
        world.faults.borrow_mut()[index].had_effect |= had_effect;
    }
}

/// Lets a fault happen; whether anything is different afterwards.
async fn strike(world: &Rc<World>, fault: Fault) -> bool {
    match fault {
        Fault::KillFailover => {
            world.kill.notify_one();
            // The reply is held until the killed program's connection is gone, and this wait with it.
            std::future::pending::<bool>().await
        }
        Fault::CutFailoverConnections => world.network.reset_streams_from(&world.operator(), None) > 0,
        Fault::ReturnDataCenter(center) => {
            let machines = world.machines_of(center);
            world.note(Happening::DataCenterReturned { data_center: center });
            world.power_on(&machines).await > 0
        }
        Fault::ReturnServer(server) => {
            let machine = world.server(server).machine.clone();
            world.power_on(&[machine]).await > 0
        }
        Fault::LoseServer(server) => {
            let machine = world.server(server).machine.clone();
            world.power_off(&[machine]).await > 0
        }
        Fault::HangServer(server) => world.hang(server).await,
        Fault::LoseShare => {
            let was_reached = world.network.round_trip(&world.operator(), &world.share_machine()).is_ok();
            world.power_off(&[world.share_machine()]).await > 0 && was_reached
        }
        Fault::RepairShare => super::verbs::repair_share(world).await,
        Fault::ReuseSessionId => super::backup_sessions::reuse_session_id(world).await,
        Fault::Delay(by) => {
            tokio::time::sleep(by).await;
            !by.is_zero()
        }
    }
}
