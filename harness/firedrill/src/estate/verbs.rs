//! What happens to an estate: the verbs that steps and tests call.

use super::failover_run::{FailoverOptions, FailoverRun};
use super::log_shipping::{self, Job};
use super::names::{DataCenter, Server};
use super::operator::{self, Desk};
use super::outside::{self, Ended, Order, Outside};
use super::timeline::Happening;
use super::waiting::Waiting;
use super::world::{RunWatch, World, lost_with};
use super::{Estate, EstateError, Place, PoolView, damage, replication, sql};
use crate::arm::Time;
use crate::chat;
use crate::net::Machine;
use failover::{RunOptions, Site};
use lyncshell::store::{ManagementStore, StoreError};
use std::rc::Rc;
use std::time::Duration;

/// How long the estate goes on after a failover that claims success, for the service to come back.
const SERVICE_WAIT: Duration = Duration::from_secs(15 * 60);
/// The same where time is real: chat servers try every second there, and replicas follow at once.
const SERVICE_WAIT_IN_REAL_TIME: Duration = Duration::from_secs(20);
/// How long the failover program may take in all before the drill gives it up.
const FAILOVER_BOUND: Duration = Duration::from_secs(48 * 3600);

/// Each verb stages the estate first if need be, and fails as [`Estate::begin`] does.
impl Estate {
    /// Lets simulated time pass.
    ///
    /// # Errors
    /// As [`Estate::begin`]; so for all verbs.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        staged.run(world.pass(duration));
        Ok(())
    }

    /// The chat service posts `messages`, evenly over `over`, and every one is acknowledged.
    ///
    /// # Errors
    /// As [`Estate::begin`], and [`EstateError::Contradiction`] when a message was not acknowledged.
    pub fn post_messages(&mut self, messages: u32, over: Duration) -> Result<(), EstateError> {
        let staged = self.staged()?;
        let acknowledged = staged.run(chat::post_messages(&staged.world, messages, over));
        all_acknowledged(messages, acknowledged)
    }

    /// Runs the backup, copy and restore jobs now, each to its end (those whose machines run).
    ///
    /// # Errors
    /// As [`Estate::begin`], and when a job cannot be started.
    pub fn ship_logs(&mut self) -> Result<(), EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        staged.run(async {
            for (server, job) in
                [(Server::Primary, Job::Backup), (Server::Backup, Job::Copy), (Server::Backup, Job::Restore)]
            {
                if world.server(server).host.is_running() {
                    log_shipping::run(world, server, job).await?;
                }
            }
            Ok(())
        })
    }

    /// A data center, a server's machine or the share's machine loses power and all its links. Whether anything had
    /// power before.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn lose(&mut self, place: Place) -> Result<bool, EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        Ok(staged.run(async {
            let machines = match place {
                Place::DataCenter(center) => {
                    world.note(Happening::DataCenterLost { data_center: center });
                    for server in world.setup.borrow().survivors.iter() {
                        if server.data_center() == center
                            && world.network.is_on(&world.server(*server).machine)
                        {
                            world.strikes(Waiting::Survivor(*server));
                        }
                    }
                    lost_with(world, center)
                }
                _ => machines_of(world, &place),
            };
            let is_disaster =
                matches!(place, Place::DataCenter(DataCenter::A) | Place::Server(Server::Primary));
            if is_disaster && world.disaster.get().is_none() {
                world.disaster.set(Some(world.now()));
            }
            world.power_off(&machines).await > 0
        }))
    }

    /// It comes back: machines start, databases recover, jobs run again; the backup share can be reached again.
    /// Whether anything was lost before.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn bring_back(&mut self, place: Place) -> Result<bool, EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        Ok(staged.run(async {
            if place == Place::BackupShare {
                return repair_share(world).await;
            }
            if let Place::DataCenter(data_center) = place {
                world.note(Happening::DataCenterReturned { data_center });
            }
            world.power_on(&machines_of(world, &place)).await > 0
        }))
    }

    /// Severs the links between two places, both ways, as a cut cable does: nothing arrives, nothing is reset.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn sever(&mut self, from: &Place, to: &Place) -> Result<(), EstateError> {
        self.needs_links_between(from, to)?;
        self.change_links(from, to, |world, from, to| {
            world.network.sever(from, to);
            world.note(Happening::LinkSevered { from: from.to_string(), to: to.to_string() });
        })
    }

    /// Severs the links from one place to another, this way only: what the other one says still arrives. Whether
    /// anything got through before.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn sever_one_way(&mut self, from: &Place, to: &Place) -> Result<(), EstateError> {
        self.needs_links_between(from, to)?;
        self.change_links_one_way(from, to, |world, from, to| {
            world.network.sever(from, to);
            world.note(Happening::LinkSevered { from: from.to_string(), to: to.to_string() });
        })
    }

    /// A server hangs: it keeps its connections and answers nothing. Whether it did not before.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn hang(&mut self, server: Server) -> Result<bool, EstateError> {
        self.needs_power_over_servers()?;
        let staged = self.staged()?;
        Ok(staged.run(staged.world.hang(server)))
    }

    /// What servers say to each other does not run over the harness's links everywhere.
    fn needs_links_between(&self, from: &Place, to: &Place) -> Result<(), EstateError> {
        let has_servers = |place: &Place| matches!(place, Place::Server(_) | Place::DataCenter(_));
        match self.arm.0.lacks_links_between_servers() {
            Some(lacking) if has_servers(from) && has_servers(to) => Err(EstateError::Lacking(lacking)),
            _ => Ok(()),
        }
    }

    fn needs_power_over_servers(&self) -> Result<(), EstateError> {
        self.arm.0.lacks_power_over_servers().map_or(Ok(()), |lacking| Err(EstateError::Lacking(lacking)))
    }

    /// A server that hangs goes on. Whether it did hang.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn go_on(&mut self, server: Server) -> Result<bool, EstateError> {
        let staged = self.staged()?;
        Ok(staged.run(staged.world.go_on(server)))
    }

    /// A server is shut down in good order. Whether it ran.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn shut_down(&mut self, server: Server) -> Result<bool, EstateError> {
        self.needs_power_over_servers()?;
        let staged = self.staged()?;
        let machine = staged.world.server(server).machine.clone();
        Ok(staged.run(staged.world.shut_down(&[machine])) > 0)
    }

    /// Every machine of a data center that runs loses its power and gets it back. How many did.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn restart(&mut self, center: DataCenter) -> Result<usize, EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        Ok(staged.run(async {
            let machines: Vec<Machine> = world
                .machines_of(center)
                .into_iter()
                .filter(|machine| world.network.is_on(machine))
                .collect();
            world.power_off(&machines).await;
            world.power_on(&machines).await
        }))
    }

    /// Repairs the links between two places, both ways.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn repair(&mut self, from: &Place, to: &Place) -> Result<(), EstateError> {
        self.change_links(from, to, |world, from, to| {
            world.network.repair(from, to);
            world.note(Happening::LinkRepaired { from: from.to_string(), to: to.to_string() });
        })
    }

    /// Every byte between two places takes this much longer, each way.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn delay(&mut self, from: &Place, to: &Place, by: Duration) -> Result<(), EstateError> {
        self.needs_links_between(from, to)?;
        self.change_links(from, to, |world, from, to| world.network.delay(from, to, by))
    }

    fn change_links(
        &mut self,
        from: &Place,
        to: &Place,
        change: impl Fn(&World, &Machine, &Machine),
    ) -> Result<(), EstateError> {
        self.change_links_one_way(from, to, |world, from, to| {
            change(world, from, to);
            change(world, to, from);
        })
    }

    fn change_links_one_way(
        &mut self,
        from: &Place,
        to: &Place,
        change: impl Fn(&World, &Machine, &Machine),
    ) -> Result<(), EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        staged.run(async {
            for from in machines_of(world, from) {
                for to in machines_of(world, to).into_iter().filter(|to| *to != from) {
                    change(world, &from, &to);
                }
            }
            world.show_or_hide_drives();
        });
        Ok(())
    }

    /// The operator runs the failover program on the operator's machine; afterwards the estate goes on until service
    /// is restored, for at most 15 simulated minutes, if the program claims success.
    ///
    /// What the program did wrong is not an error here: see the [`FailoverRun`].
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn fail_over(&mut self, options: FailoverOptions) -> Result<FailoverRun, EstateError> {
        self.start_failover(&options, false)
    }

    /// Runs `preflight` of the failover program: it changes nothing.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn preflight(&mut self) -> Result<FailoverRun, EstateError> {
        self.start_failover(&FailoverOptions::default(), true)
    }

    fn start_failover(
        &mut self,
        options: &FailoverOptions,
        preflight: bool,
    ) -> Result<FailoverRun, EstateError> {
        let number = self.runs.len() + 1;
        let staged = self.staged()?;
        let run = match &staged.outside {
            None => {
                let site = Site::parse(&staged.site_text, "site.toml")?;
                let program = Program::InProcess { desk: &staged.desk, site: &site, options };
                staged.run(fail_over(&staged.world, program, options, preflight, number))?
            }
            Some(_) if options.transformation.is_some() => {
                return Err(EstateError::Lacking(
                    "a wrong failover program is made of the plan of ours, in this process: only the plain sim arm has it"
                        .to_owned(),
                ));
            }
            Some(outside) if preflight && !outside.program.can_be_read() => {
                return Err(EstateError::Lacking(
                    "what stands in the way is asked of pchat-failover only; another program might act instead of look"
                        .to_owned(),
                ));
            }
            Some(outside) => {
                let program = Program::Process(outside);
                staged.run(fail_over(&staged.world, program, options, preflight, number))?
            }
        };
        self.runs.push(run.clone());
        Ok(run)
    }

    /// The operator runs a batch by hand (`sa`), as in a query window on `database`. The server's error is in the
    /// answer, not in `Err`.
    ///
    /// # Errors
    /// As [`Estate::begin`], and when the server has no power.
    pub fn by_hand_sql(
        &mut self,
        server: Server,
        database: &str,
        batch: &str,
    ) -> Result<Result<(), String>, EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        staged.run(async {
            world.note(Happening::ByHand { what: format!("on the {server}: {batch}") });
            let mut client = world.sa(server, database).await?;
            let answer = sql::run(&mut client, batch).await.map_err(|error| error.to_string());
            world.look_for_writable_copies().await;
            Ok(answer)
        })
    }

    /// The operator runs a script in the management shell.
    ///
    /// # Errors
    /// As [`Estate::begin`].
    pub fn by_hand_shell(&mut self, script: &str) -> Result<lyncshell::ShellOutput, EstateError> {
        let staged = self.staged()?;
        let world = &staged.world;
        let script_text = script.to_owned();
        Ok(staged.run(async {
            world.note(Happening::ByHand { what: format!("in the management shell: {script_text}") });
            if world.setup.borrow().shell_missing {
                return no_shell();
            }
            lyncshell::invoke(&operator::shell(world), &operator::shell_arguments(), &script_text).await
        }))
    }
}

/// What the operator's machine answers when the shell is not on it.
fn no_shell() -> lyncshell::ShellOutput {
    lyncshell::ShellOutput {
        // What a command line gives for a program that it does not find.
        exit_code: 127,
        stdout: String::new(),
        stderr: "lync-shell: the program cannot be found".to_owned(),
    }
}

/// A message that nobody acknowledged was not posted: nothing can be lost with it.
pub(super) fn all_acknowledged(messages: u32, acknowledged: u32) -> Result<(), EstateError> {
    if acknowledged == messages {
        return Ok(());
    }
    Err(EstateError::Contradiction(format!(
        "only {acknowledged} of {messages} messages were acknowledged: the chat service has no database, or lost it meanwhile"
    )))
}

/// The backup share can be reached again, whatever kept it away. Whether that made a difference.
pub(super) async fn repair_share(world: &Rc<World>) -> bool {
    let machine = world.share_machine();
    let is_reached = || world.network.round_trip(&world.operator(), &machine).is_ok();
    let was_reached = is_reached();
    if std::mem::take(&mut world.setup.borrow_mut().share_unreachable) {
        for other in world.network.machines().into_iter().filter(|other| *other != machine) {
            world.network.repair(&machine, &other);
            world.network.repair(&other, &machine);
        }
        world.show_or_hide_drives();
    }
    world.power_on(std::slice::from_ref(&machine)).await;
    !was_reached && is_reached()
}

pub(super) fn machines_of(world: &World, place: &Place) -> Vec<Machine> {
    match place {
        Place::DataCenter(center) => world.machines_of(*center),
        Place::Server(server) => vec![world.server(*server).machine.clone()],
        Place::BackupShare => vec![world.share_machine()],
        Place::Operator => vec![world.operator()],
    }
}

/// Who carries out the failover.
enum Program<'a> {
    /// Ours, as a part of this process.
    InProcess { desk: &'a Desk, site: &'a Site, options: &'a FailoverOptions },
    /// A process.
    Process(&'a Outside),
}

/// One run of the failover program.
async fn fail_over(
    world: &Rc<World>,
    program: Program<'_>,
    options: &FailoverOptions,
    preflight: bool,
    number: usize,
) -> Result<FailoverRun, EstateError> {
    start_jobs_that_are_at_work(world).await?;
    let log_backups = damage::snapshot(world).await;
    let compliance_on_backup = compliance_on_backup(world).await;
    *world.run.borrow_mut() = Some(RunWatch::default());
    let started = world.now();
    world.note(Happening::FailoverStarted { run: number, resume: options.resume });
    let is_process = matches!(program, Program::Process(_));
    let ended = match program {
        Program::InProcess { desk, site, options } => in_process(world, desk, site, options, preflight).await,
        Program::Process(outside) => {
            let action = match (preflight, options.resume) {
                (true, _) => "preflight",
                (false, true) => "resume",
                (false, false) => "run",
            };
            let order = Order { action, accept_data_loss: options.accept_data_loss };
            outside::run(world, outside, &order).await.map_err(|error| match error.kind() {
                std::io::ErrorKind::Interrupted => EstateError::Interrupted,
                _ => EstateError::Outside { what: "starting the failover program", error },
            })?
        }
    };
    *world.run.borrow_mut() = None;
    let at_end = world.now();
    let exit_code = ended.exit_code;
    world.note(Happening::FailoverEnded { run: number, exit_code });
    // What the program left on the wire ends; a server notices a client that is gone.
    tokio::time::sleep(if is_process { WIRE_ENDS } else { Duration::from_millis(1) }).await;
    world.look_for_writable_copies().await;
    if exit_code == Some(0) && !preflight {
        wait_for_service(world).await;
    }
    Ok(FailoverRun {
        exit_code,
        started,
        ended: at_end,
        report: ended.report,
        told: ended.told,
        printed: ended.output,
        log_backups,
        compliance_on_backup,
    })
}

/// How long connections of a process that has ended take to be gone from a server's lists.
const WIRE_ENDS: Duration = Duration::from_millis(50);

/// Runs our failover program as a part of this process.
async fn in_process(
    world: &Rc<World>,
    desk: &Desk,
    site: &Site,
    options: &FailoverOptions,
    preflight: bool,
) -> Ended {
    let (environment, told) = operator::environment(world, desk);
    let mut plan = failover::plan::plan(site);
    if let Some(transformation) = &options.transformation {
        plan = transformation(plan);
    }
    let run_options = RunOptions { accept_data_loss: options.accept_data_loss, resume: options.resume };
    let program = async {
        if preflight {
            failover::run::preflight(&environment, site, &plan).await
        } else {
            failover::run::run(&environment, site, &plan, &run_options).await
        }
    };
    let outcome = tokio::select! {
        biased;
        () = world.kill.notified() => None,
        outcome = tokio::time::timeout(FAILOVER_BOUND, Box::pin(program)) => outcome.ok(),
    };
    let told = told.borrow().clone();
    Ended {
        exit_code: outcome.as_ref().map(|outcome| outcome.exit_code),
        report: outcome
            .and_then(|outcome| serde_json::to_value(&outcome.report).ok())
            .unwrap_or(serde_json::Value::Null),
        told,
        output: String::new(),
    }
}

/// Jobs that the drill wants at work when the failover starts.
async fn start_jobs_that_are_at_work(world: &World) -> Result<(), EstateError> {
    let (copy, restore) = {
        let setup = world.setup.borrow();
        (setup.copy_job_running, setup.restore_job_running)
    };
    let backup = &world.server(Server::Backup).machine;
    let folder = &world.file.contents.folders.copy_destination;
    let wanted = [(copy, Job::Copy, Waiting::CopyJob), (restore, Job::Restore, Waiting::RestoreJob)];
    for (takes, job, waiting) in wanted {
        let Some(takes) = takes.filter(|_| !world.struck.borrow().contains(&waiting)) else { continue };
        world.disks.slow_down_next_access(backup, folder, takes);
        log_shipping::start(world, Server::Backup, job).await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        if !log_shipping::is_running(world, Server::Backup, job).await? {
            return Err(EstateError::Contradiction(format!(
                "{waiting}, says the drill, but the job found nothing to do and ended at once: leave it something"
            )));
        }
        world.strikes(waiting);
    }
    Ok(())
}

async fn wait_for_service(world: &World) {
    if world.disaster.get().is_none() || world.service_restored.get().is_some() {
        return;
    }
    let restored = async {
        while world.service_restored.get().is_none() {
            world.service_restored_bell.notified().await;
        }
    };
    let is_simulated = world.time.get() == Time::Simulated;
    if !is_simulated && world.writable.borrow().is_empty() {
        // Nothing takes messages: nobody need wait for one to be acknowledged.
        return;
    }
    // Not restored in time is what the timeline then shows.
    let wait = if is_simulated { SERVICE_WAIT } else { SERVICE_WAIT_IN_REAL_TIME };
    let _ = tokio::time::timeout(wait, restored).await;
}

async fn compliance_on_backup(world: &World) -> Option<Vec<i64>> {
    let database = sql::name(&world.file.contents.compliance_database);
    let query = format!("SELECT cmplEventID FROM {database}.dbo.tblComplianceData ORDER BY cmplEventID");
    let rows = world.errand(Server::Backup, &query).await.ok()?;
    rows.iter().map(|row| row.get::<i64, _>(0)).collect()
}

/// What the management store says now.
pub(super) async fn pool_view(world: &Rc<World>) -> Result<PoolView, StoreError> {
    let mut store = replication::open(world).await?;
    let (_, settings) = store.read().await?;
    let replicas = store.replicas().await?;
    Ok(PoolView {
        state: settings.state.name().to_owned(),
        active_servers: settings.active_servers,
        replicas_behind: replicas.into_iter().filter(|r| !r.up_to_date()).map(|r| r.fqdn).collect(),
    })
}
