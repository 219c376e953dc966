//! The procedure against a scripted world: a backup server, two folders, a pool. The world changes as the
//! statements and scripts sent to it say, and every change is remembered.

use super::*;
use crate::environment::{Environment, ShellOutput};
use crate::fakes::*;
use crate::plan::plan;
use crate::sql::{ConnectError, Value};
use rstest::rstest;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const SHARE: &str = r"\\files-b\mgc-logs";
const DESTINATION: &str = r"\\sql-b1\LogShipping$\mgc";

struct World {
    state: RefCell<&'static str>,
    redo: Cell<u128>,
    log_shipped: Cell<bool>,
    pool_state: RefCell<&'static str>,
    mirrored: Cell<bool>,
    active: RefCell<Vec<String>>,
    alive: Cell<bool>,
    readers: RefCell<Vec<i64>>,
    shares: Rc<MemoryShares>,
    changes: RefCell<Vec<String>>,
    cmdlet_failures: Cell<u32>,
}

impl World {
    /// Three log backups on the share, the first applied and copied.
    fn new() -> Rc<Self> {
        let world = Self {
            state: RefCell::new("RESTORING"),
            redo: Cell::new(20),
            log_shipped: Cell::new(true),
            pool_state: RefCell::new("Normal"),
            mirrored: Cell::new(false),
            active: RefCell::new(vec!["chat-a1.litwareinc.com".to_owned()]),
            alive: Cell::new(false),
            readers: RefCell::default(),
            shares: Rc::new(MemoryShares::default()),
            changes: RefCell::default(),
            cmdlet_failures: Cell::new(0),
        };
        for (name, text) in
            [("mgc_1.trn", "mgc 10 20"), ("mgc_2.trn", "mgc 20 30"), ("mgc_3.trn", "mgc 30 40")]
        {
            world.put(SHARE, name, text);
        }
        world.put(DESTINATION, "mgc_1.trn", "mgc 10 20");
        Rc::new(world)
    }

    fn put(&self, folder: &str, name: &str, text: &str) {
        self.shares.files.borrow_mut().insert(format!("{folder}\\{name}"), text.as_bytes().to_vec());
    }

    fn remove(&self, folder: &str, name: &str) {
        self.shares.files.borrow_mut().remove(&format!("{folder}\\{name}"));
    }

    fn did(&self, what: impl Into<String>) {
        self.changes.borrow_mut().push(what.into());
    }

    /// A file by its path on the server.
    fn content(&self, path: &str) -> Result<String, SqlError> {
        let here = path.replace(r"D:\LogShipping\mgc", DESTINATION);
        let bytes = self.shares.files.borrow().get(&here).cloned();
        let error = |number, message: &str| SqlError::Server { number, message: message.to_owned() };
        let text = String::from_utf8(bytes.ok_or_else(|| error(3201, "Cannot open backup device"))?).unwrap();
        if text.starts_with("garbage") { Err(error(3241, "incorrectly formed")) } else { Ok(text) }
    }

    fn shell(&self, script: &str) -> ShellOutput {
        let mut out = String::new();
        if script.contains("#cmdlets") {
            let active = serde_json::to_string(&*self.active.borrow()).unwrap();
            out = format!(
                "#cmdlets\nGet-CsService\nGet-CsPersistentChatState\nSet-CsPersistentChatState\nInstall-CsMirrorDatabase\nSet-CsPersistentChatActiveServer\nInvoke-CsManagementStoreReplication\nGet-CsManagementStoreReplicationStatus\n#service\n{{\"Identity\":\"PersistentChatServer:atl-cs-001.litwareinc.com\",\"PoolFqdn\":\"atl-cs-001.litwareinc.com\",\"ActiveServers\":{active},\"BackupMirror\":\"PersistentChatDatabase:sql-b2\"}}\n#state\n{{\"Identity\":\"PersistentChatServer:atl-cs-001.litwareinc.com\",\"PoolState\":\"{}\"}}\n#replicas\n",
                self.pool_state.borrow()
            );
        } else if self.cmdlet_failures.get() > 0 {
            self.cmdlet_failures.set(self.cmdlet_failures.get() - 1);
            out.push_str("#error not today\n");
        } else {
            if script.contains("Set-CsPersistentChatState") {
                self.pool_state.replace("FailedOver");
                self.did("pool FailedOver");
            } else if script.contains("Install-CsMirrorDatabase") {
                self.mirrored.set(true);
                self.did("mirrored");
            } else if script.contains("Set-CsPersistentChatActiveServer") {
                self.active.replace(vec!["chat-b1.litwareinc.com".to_owned()]);
                self.did("active servers");
            }
            out.push_str("#done\n");
        }
        ShellOutput { exit_code: 0, stdout: out, stderr: String::new() }
    }
}

fn set(columns: &[&str], rows: Vec<Vec<Value>>) -> ResultSet {
    ResultSet { columns: columns.iter().map(|name| (*name).to_owned()).collect(), rows }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split_once(from).unwrap().1;
    rest.split_once(to).unwrap().0
}

impl Answers for World {
    fn open(&self, role: Role) -> Result<(), ConnectError> {
        match role {
            Role::Primary | Role::Mirror if !self.alive.get() => {
                Err(ConnectError::Unreachable("timed out".into()))
            }
            _ => Ok(()),
        }
    }

    fn query(&self, role: Role, batch: &str) -> Result<Vec<ResultSet>, SqlError> {
        let lsn = |n: u128| Value::Numeric(n as i128);
        let error = |number| SqlError::Server { number, message: "said the server".to_owned() };
        if batch.starts_with("SELECT @@SERVERNAME") {
            let state = *self.state.borrow();
            let row = vec!["mgc".into(), state.into(), false.into(), false.into(), "MULTI_USER".into()];
            return Ok(vec![
                set(
                    &["server_name", "is_sysadmin", "utc_offset_minutes"],
                    vec![vec!["SQL-B1".into(), 1.into(), 0.into()]],
                ),
                set(&["name", "state_desc", "is_in_standby", "is_read_only", "user_access_desc"], vec![row]),
            ]);
        }
        if batch.starts_with("SELECT DATEDIFF") {
            let files = if *self.state.borrow() == "RESTORING" {
                vec![vec![lsn(self.redo.get()), Value::Null]]
            } else {
                vec![]
            };
            return Ok(vec![
                set(&["utc_offset_minutes"], vec![vec![0.into()]]),
                set(&["redo_start_lsn", "redo_start_fork_guid"], files),
                set(&["last_lsn"], vec![]),
            ]);
        }
        if batch.contains("RESTORE HEADERONLY") || batch.contains("RESTORE VERIFYONLY") {
            let text = self.content(between(batch, "N'", "'"))?;
            let parts: Vec<&str> = text.split(' ').collect();
            let columns = [
                "BackupType",
                "Position",
                "DatabaseName",
                "FirstLSN",
                "LastLSN",
                "FirstRecoveryForkID",
                "RecoveryForkID",
                "FamilyGUID",
                "BackupSetGUID",
                "BackupStartDate",
                "BackupFinishDate",
                "IsDamaged",
            ];
            let n = |index: usize| lsn(parts[index].parse().unwrap());
            let nothing = || Value::Null;
            let row = vec![
                2.into(),
                1.into(),
                parts[0].into(),
                n(1),
                n(2),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
                false.into(),
            ];
            return Ok(vec![set(&columns, vec![row])]);
        }
        if batch.starts_with("RESTORE LOG") {
            if !self.readers.borrow().is_empty() {
                return Err(error(3101));
            }
            let text = self.content(between(batch, "N'", "'"))?;
            if text.contains("flipped") {
                return Err(error(3203));
            }
            let parts: Vec<u128> =
                text.split(' ').skip(1).take(2).map(|part| part.parse().unwrap()).collect();
            match (parts[0], parts[1], self.redo.get()) {
                (first, _, redo) if first > redo => return Err(error(4305)),
                (_, last, redo) if last <= redo => return Err(error(4326)),
                (_, last, _) => self.redo.set(last),
            }
            self.did(format!("applied {}", parts[1]));
            return Ok(vec![]);
        }
        if batch.starts_with("RESTORE DATABASE") {
            if !self.readers.borrow().is_empty() {
                return Err(error(3101));
            }
            self.state.replace("ONLINE");
            self.did("recovered");
            return Ok(vec![]);
        }
        if batch.contains("sp_delete_log_shipping_secondary_database") {
            self.log_shipped.set(false);
            self.did("log shipping removed");
            return Ok(vec![set(&["return_code"], vec![vec![0.into()]])]);
        }
        if batch.contains("xp_dirtree") {
            let folder = between(batch, "N'", "'").replace(r"D:\LogShipping\mgc", DESTINATION);
            let files = self.shares.files.borrow();
            let names = files.keys().filter_map(|path| path.strip_prefix(&format!("{folder}\\")));
            let rows = names.map(|name| vec![name.into(), 1.into(), 1.into()]).collect();
            return Ok(vec![set(&["subdirectory", "depth", "file"], rows)]);
        }
        if batch.starts_with("SELECT * FROM") || batch.starts_with("SELECT secondary_database") {
            let rows = if self.log_shipped.get() { vec![vec!["mgc".into()]] } else { vec![] };
            return Ok(vec![set(&["secondary_database"], rows)]);
        }
        if batch.starts_with("SELECT s.session_id") {
            let readers = self.readers.borrow();
            let rows = readers
                .iter()
                .map(|id| vec![(*id).into(), "2026-11-22T20:00:00".into(), "reader".into(), "report".into()]);
            return Ok(vec![set(
                &["session_id", "login_time", "login_name", "program_name"],
                rows.collect(),
            )]);
        }
        if batch.contains("KILL") {
            let id = self.readers.borrow_mut().pop();
            self.did(format!("killed {}", id.unwrap()));
            return Ok(vec![]);
        }
        if batch.starts_with("SELECT mirroring_role_desc") {
            let columns = ["mirroring_role_desc", "mirroring_state_desc", "mirroring_partner_name"];
            let row = match (self.mirrored.get(), role) {
                (false, _) => vec![Value::Null, Value::Null, Value::Null],
                (true, Role::Backup) => {
                    vec!["PRINCIPAL".into(), "SYNCHRONIZED".into(), "TCP://sql-b2:5022".into()]
                }
                (true, _) => vec!["MIRROR".into(), "SYNCHRONIZED".into(), "TCP://sql-b1:5022".into()],
            };
            return Ok(vec![set(&columns, vec![row])]);
        }
        if batch.starts_with("SELECT d.state_desc") {
            return Ok(vec![set(
                &["state_desc", "mirroring_role_desc"],
                vec![vec!["ONLINE".into(), Value::Null]],
            )]);
        }
        Ok(vec![])
    }
}

struct Drill {
    world: Rc<World>,
    env: Environment,
    told: Rc<Told>,
    journal: Rc<MemoryJournal>,
}

impl Drill {
    fn new(world: &Rc<World>) -> Self {
        let (told, journal) = (Rc::new(Told::default()), Rc::new(MemoryJournal::default()));
        let shell_world = Rc::clone(world);
        let env = Environment {
            connector: Rc::new(NoNetwork),
            shell: Rc::new(ScriptedShell(Box::new(move |script| Ok(shell_world.shell(script))))),
            shares: Rc::clone(&world.shares) as Rc<dyn crate::environment::Shares>,
            journal: Rc::clone(&journal) as Rc<dyn crate::environment::JournalStore>,
            clock: Rc::new(FixedClock::default()),
            console: Rc::clone(&told) as Rc<dyn crate::environment::Console>,
            secrets: Rc::new(OnePassword),
        };
        Self { world: Rc::clone(world), env, told, journal }
    }

    fn run_plan(&self, change: impl FnOnce(&mut Plan), options: RunOptions) -> Outcome {
        let site = site();
        let mut plan = plan(&site);
        change(&mut plan);
        let servers = ScriptedServers(Rc::clone(&self.world) as Rc<dyn Answers>);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(Run::new(&self.env, &site, &plan, options, &servers).carry_out())
    }

    fn run(&self) -> Outcome {
        self.run_plan(|_| {}, RunOptions::default())
    }

    fn changes(&self) -> Vec<String> {
        self.world.changes.borrow().clone()
    }
}

const ALL: [&str; 7] = [
    "log shipping removed",
    "applied 30",
    "applied 40",
    "recovered",
    "pool FailedOver",
    "mirrored",
    "active servers",
];

#[test]
fn the_seven_steps_are_done_in_order_and_said_to_be_done() {
    let drill = Drill::new(&World::new());
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(drill.changes(), ALL);
    assert_eq!(outcome.report.bound.last_applied_lsn.as_deref(), Some("40"));
    assert_eq!(outcome.report.bound.last_applied_file.as_deref(), Some("mgc_3.trn"));
    assert!(outcome.report.steps.iter().all(|step| step.status == StepStatus::Done));
}

#[test]
fn run_again_it_changes_nothing_and_says_so() {
    let drill = Drill::new(&World::new());
    drill.run();
    let outcome = drill.run();
    assert_eq!((outcome.report.outcome, outcome.exit_code), (Verdict::AlreadyDone, 0));
    assert_eq!(drill.changes(), ALL);
}

#[test]
fn an_intent_is_in_the_journal_before_the_deed_and_the_rows_before_step_1() {
    let drill = Drill::new(&World::new());
    drill.run();
    let lines = drill.journal.0.borrow();
    let position = |needle: &str| {
        lines.iter().position(|line| line.contains(needle)).unwrap_or_else(|| panic!("{needle}"))
    };
    assert!(position("\"kind\":\"captured\"") < position("sp_delete_log_shipping"));
    for word in [
        "remove-log-shipping",
        "copy-log-backups",
        "apply-log-backups",
        "bring-online",
        "set-pool-failed-over",
    ] {
        assert!(lines.iter().any(|line| line.contains("\"kind\":\"will\"") && line.contains(word)), "{word}");
    }
    assert!(lines.last().unwrap().contains("\"kind\":\"report\""));
    assert!(!lines.iter().any(|line| line.contains("hunter2")));
}

#[test]
fn a_living_primary_stops_it_before_anything() {
    let world = World::new();
    world.alive.set(true);
    let outcome = Drill::new(&world).run();
    assert_eq!(outcome.exit_code, exit_code::STOPPED);
    assert_eq!(outcome.report.stopped_by.as_deref(), Some("primary-alive"));
    assert!(world.changes.borrow().is_empty());
}

#[rstest]
#[case::missing("", "log-backup-missing")]
#[case::damaged("garbage", "log-backup-damaged")]
#[case::foreign("hr 20 30", "not-a-backup-of-the-database")]
fn a_broken_chain_stops_it_until_the_loss_is_accepted(#[case] content: &str, #[case] code: &str) {
    let world = World::new();
    world.remove(SHARE, "mgc_2.trn");
    if !content.is_empty() {
        world.put(SHARE, "mgc_2.trn", content);
    }
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!((outcome.exit_code, outcome.report.stopped_by.as_deref()), (exit_code::STOPPED, Some(code)));
    assert!(drill.changes().is_empty());
    let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: true, resume: false });
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(outcome.report.bound.last_applied_lsn.as_deref(), Some("20"));
    assert!(
        drill.changes().contains(&"recovered".to_owned())
            && !drill.changes().contains(&"applied 40".to_owned())
    );
}

#[test]
fn damage_that_only_restore_sees_stops_it_before_recovery() {
    let world = World::new();
    world.put(SHARE, "mgc_3.trn", "mgc 30 40 flipped");
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.report.stopped_by.as_deref(), Some("log-backup-damaged"));
    assert_eq!(drill.changes(), ["log shipping removed", "applied 30"]);
    let unguarded = |plan: &mut Plan| {
        for step in &mut plan.steps {
            step.guards.retain(|guard| *guard != Guard::EverythingApplicableApplied);
        }
    };
    let outcome = drill.run_plan(unguarded, RunOptions::default());
    assert_eq!(outcome.exit_code, exit_code::DONE, "without its guard the plan goes through");
}

#[test]
fn a_damaged_copy_is_set_aside_for_its_intact_original() {
    let world = World::new();
    world.put(DESTINATION, "mgc_2.trn", "mgc 20 30 flipped");
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert_eq!(drill.changes(), ALL);
    assert!(world.shares.files.borrow().contains_key(&format!("{DESTINATION}\\mgc_2.trn.damaged")));
}

#[test]
fn readers_are_ended_before_recovery() {
    let world = World::new();
    world.readers.replace(vec![51, 57]);
    let drill = Drill::new(&world);
    assert_eq!(drill.run().exit_code, exit_code::DONE);
    assert_eq!(drill.changes()[1..3], ["killed 57", "killed 51"]);
}

#[test]
fn a_cmdlet_that_fails_once_is_tried_again_and_one_that_fails_always_is_said_to() {
    let world = World::new();
    world.cmdlet_failures.set(1);
    assert_eq!(Drill::new(&world).run().exit_code, exit_code::DONE);
    let world = World::new();
    world.cmdlet_failures.set(99);
    let drill = Drill::new(&world);
    let outcome = drill.run();
    assert_eq!(outcome.exit_code, exit_code::FAILED);
    assert!(outcome.report.findings.iter().any(|finding| finding.code == "pool-state-not-set"));
    world.cmdlet_failures.set(0);
    assert_eq!(drill.run().exit_code, exit_code::DONE);
    assert_eq!(drill.changes(), ALL);
}

#[test]
fn killed_after_any_of_its_records_it_can_be_resumed_and_nothing_is_done_twice() {
    let whole = Drill::new(&World::new());
    whole.run();
    let records = whole.journal.0.borrow().len();
    for kept in 1..records {
        let world = World::new();
        let drill = Drill::new(&world);
        let dying = Rc::new(DyingJournal { inner: Rc::clone(&drill.journal), lines_left: Cell::new(kept) });
        let mut env = drill.env.clone();
        env.journal = dying;
        let site = site();
        let plan = plan(&site);
        let servers = ScriptedServers(Rc::clone(&world) as Rc<dyn Answers>);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let run = Run::new(&env, &site, &plan, RunOptions::default(), &servers).carry_out();
            let _ = tokio::time::timeout(std::time::Duration::from_secs(86_400), run).await;
        });
        assert_eq!(drill.run().exit_code, exit_code::USAGE, "a run that left no report is not begun anew");
        let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: false, resume: true });
        assert_eq!(
            outcome.exit_code,
            exit_code::DONE,
            "killed after record {kept}: {:#?}",
            outcome.report.findings
        );
        assert_eq!(drill.changes(), ALL, "killed after record {kept}");
        assert_eq!(
            outcome.report.bound.last_applied_lsn.as_deref(),
            Some("40"),
            "killed after record {kept}"
        );
    }
}

#[test]
fn nothing_is_resumed_that_was_not_begun() {
    let drill = Drill::new(&World::new());
    let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: false, resume: true });
    assert_eq!(outcome.exit_code, exit_code::USAGE);
    assert!(drill.told.0.borrow().iter().any(|message| message.code == "nothing-to-resume"));
}

#[test]
fn an_unreachable_share_stops_it_and_what_was_copied_is_applied_once_the_loss_is_accepted() {
    let world = World::new();
    world.put(DESTINATION, "mgc_2.trn", "mgc 20 30");
    world.shares.unreachable.borrow_mut().push(SHARE.to_owned());
    let drill = Drill::new(&world);
    assert_eq!(drill.run().report.stopped_by.as_deref(), Some("share-unreachable"));
    let outcome = drill.run_plan(|_| {}, RunOptions { accept_data_loss: true, resume: false });
    assert_eq!(outcome.exit_code, exit_code::DONE, "{:#?}", outcome.report.findings);
    assert!(drill.changes().contains(&"applied 30".to_owned()));
}

#[test]
fn a_database_recovered_by_somebody_else_with_log_left_over_stops_it() {
    let world = World::new();
    world.state.replace("ONLINE");
    let outcome = Drill::new(&world).run();
    assert_eq!(outcome.report.stopped_by.as_deref(), Some("recovered-early"));
}
