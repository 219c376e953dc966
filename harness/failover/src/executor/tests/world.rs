//! A scripted world: a backup server, two folders, a pool. It changes as the statements and scripts sent to it
//! say, and every change is remembered.

use crate::environment::{Environment, ShellOutput};
use crate::executor::Run;
use crate::fakes::*;
use crate::plan::{Plan, plan};
use crate::report::Outcome;
use crate::run::RunOptions;
use crate::server_path::join;
use crate::site::Site;
use crate::sql::{ConnectError, ResultSet, Role, SqlError, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub(super) const SHARE: &str = r"\\files-b\mgc-logs";
pub(super) const DESTINATION: &str = r"\\sql-b1\LogShipping$\mgc";

/// The server that is to be active.
const NEW_ACTIVE: &str = "chat-b1.litwareinc.com";

pub(super) struct World {
    pub(super) site: Site,
    pub(super) state: RefCell<&'static str>,
    pub(super) redo: Cell<u128>,
    pub(super) log_shipped: Cell<bool>,
    pub(super) pool_state: RefCell<&'static str>,
    pub(super) mirrored: Cell<bool>,
    pub(super) active: RefCell<Vec<String>>,
    pub(super) alive: Cell<bool>,
    pub(super) readers: RefCell<Vec<i64>>,
    pub(super) shares: Rc<MemoryShares>,
    pub(super) changes: RefCell<Vec<String>>,
    pub(super) cmdlet_failures: Cell<u32>,
    /// This cmdlet alone fails.
    pub(super) failing_cmdlet: Cell<&'static str>,
    /// How many more looks see the replica of the new active server behind.
    pub(super) replica_looks: Cell<u32>,
    /// How many more looks see the restore job running.
    pub(super) job_looks: Cell<u32>,
    /// How many more RESTOREs lose their connection, having done their work or not.
    pub(super) cuts: Cell<u32>,
    pub(super) cut_after_work: Cell<bool>,
    /// The monitor server is gone: step 1 answers 1, having done its local work.
    pub(super) monitor_gone: Cell<bool>,
}

impl World {
    /// Three log backups on the share, the first applied and copied.
    pub(super) fn new() -> Rc<Self> {
        Self::at(site())
    }

    /// The same, with the folders of a site.
    pub(super) fn at(site: Site) -> Rc<Self> {
        let world = Self {
            site,
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
            failing_cmdlet: Cell::new(""),
            replica_looks: Cell::new(0),
            job_looks: Cell::new(0),
            cuts: Cell::new(0),
            cut_after_work: Cell::new(false),
            monitor_gone: Cell::new(false),
        };
        for (name, text) in
            [("mgc_1.trn", "mgc 10 20"), ("mgc_2.trn", "mgc 20 30"), ("mgc_3.trn", "mgc 30 40")]
        {
            world.put(&world.site.log_shipping.share.here, name, text);
        }
        world.put(&world.site.log_shipping.copy_destination.here, "mgc_1.trn", "mgc 10 20");
        Rc::new(world)
    }

    pub(super) fn put(&self, folder: &str, name: &str, text: &str) {
        self.shares.files.borrow_mut().insert(join(folder, name), text.as_bytes().to_vec());
    }

    pub(super) fn remove(&self, folder: &str, name: &str) {
        self.shares.files.borrow_mut().remove(&join(folder, name));
    }

    pub(super) fn did(&self, what: impl Into<String>) {
        self.changes.borrow_mut().push(what.into());
    }

    /// The path here of one on the server.
    fn here(&self, path: &str) -> String {
        let folders = &self.site.log_shipping;
        let both = [&folders.share, &folders.copy_destination];
        let here = both.iter().find_map(|folder| Some((&folder.here, path.strip_prefix(&folder.server)?)));
        here.map_or_else(|| path.to_owned(), |(folder, rest)| format!("{folder}{rest}"))
    }

    /// A file by its path on the server.
    fn content(&self, path: &str) -> Result<String, SqlError> {
        let here = self.here(path);
        let bytes = self.shares.files.borrow().get(&here).cloned();
        let error = |number, message: &str| SqlError::Server { number, message: message.to_owned() };
        let text = String::from_utf8(bytes.ok_or_else(|| error(3201, "Cannot open backup device"))?).unwrap();
        if text.starts_with("garbage") { Err(error(3241, "incorrectly formed")) } else { Ok(text) }
    }

    fn shell(&self, script: &str) -> ShellOutput {
        let mut out = String::new();
        if script.contains("#cmdlets") {
            let active = serde_json::to_string(&*self.active.borrow()).unwrap();
            let is_set = self.active.borrow().iter().any(|name| name == NEW_ACTIVE);
            let behind = is_set && self.replica_looks.get() > 0;
            if behind {
                self.replica_looks.set(self.replica_looks.get() - 1);
            }
            let replicas = format!("{{\"ReplicaFqdn\":\"{NEW_ACTIVE}\",\"UpToDate\":{}}}", !behind);
            out = format!(
                "#cmdlets\nGet-CsService\nGet-CsPersistentChatState\nSet-CsPersistentChatState\nInstall-CsMirrorDatabase\nSet-CsPersistentChatActiveServer\nInvoke-CsManagementStoreReplication\nGet-CsManagementStoreReplicationStatus\n#service\n{{\"Identity\":\"PersistentChatServer:atl-cs-001.litwareinc.com\",\"PoolFqdn\":\"atl-cs-001.litwareinc.com\",\"ActiveServers\":{active},\"BackupMirror\":\"PersistentChatDatabase:sql-b2\"}}\n#state\n{{\"Identity\":\"PersistentChatServer:atl-cs-001.litwareinc.com\",\"PoolState\":\"{}\"}}\n#replicas\n{replicas}\n",
                self.pool_state.borrow()
            );
        } else if !self.failing_cmdlet.get().is_empty() && script.contains(self.failing_cmdlet.get()) {
            out.push_str("#error not this one\n");
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
                self.active.replace(vec![NEW_ACTIVE.to_owned()]);
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
        let is_cut = batch.starts_with("RESTORE LOG") && self.cuts.get() > 0;
        if is_cut {
            self.cuts.set(self.cuts.get() - 1);
            if !self.cut_after_work.get() {
                return Err(SqlError::Lost("reset".to_owned()));
            }
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
            if is_cut {
                return Err(SqlError::Lost("reset".to_owned()));
            }
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
            let code = i64::from(self.monitor_gone.get());
            return Ok(vec![set(&["return_code"], vec![vec![code.into()]])]);
        }
        if batch.starts_with("SELECT j.name") {
            let running = self.job_looks.get() > 0;
            self.job_looks.set(self.job_looks.get().saturating_sub(1));
            let row = vec!["LSRestore_SQL-A1_mgc".into(), false.into(), running.into()];
            return Ok(vec![set(&["name", "enabled", "is_running"], vec![row])]);
        }
        if batch.contains("sp_stop_job") {
            self.job_looks.set(0);
            self.did("job stopped");
            return Ok(vec![]);
        }
        if batch.contains("xp_dirtree") {
            let folder = join(&self.here(between(batch, "N'", "'")), "");
            let files = self.shares.files.borrow();
            let names = files.keys().filter_map(|path| path.strip_prefix(&folder));
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

/// Runs a future under a clock that stands still but for sleeping.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

pub(super) struct Drill {
    pub(super) world: Rc<World>,
    pub(super) env: Environment,
    pub(super) told: Rc<Told>,
    pub(super) journal: Rc<MemoryJournal>,
}

impl Drill {
    pub(super) fn new(world: &Rc<World>) -> Self {
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

    pub(super) fn run_plan(&self, change: impl FnOnce(&mut Plan), options: RunOptions) -> Outcome {
        let site = &self.world.site;
        let mut plan = plan(site);
        change(&mut plan);
        let servers = ScriptedServers(Rc::clone(&self.world) as Rc<dyn Answers>);
        block_on(Run::new(&self.env, site, &plan, options, &servers).carry_out())
    }

    pub(super) fn run(&self) -> Outcome {
        self.run_plan(|_| {}, RunOptions::default())
    }

    pub(super) fn changes(&self) -> Vec<String> {
        self.world.changes.borrow().clone()
    }
}
