//! The lab arm: SQL Servers that exist already, on the real clock.
//!
//! A lab belongs to somebody. Before anything is written, every server has to
//! answer under the name that the estate file gives it and to hold nothing
//! that the harness did not put there ([`found`]). What the harness creates it
//! announces first, in a database of its own on each server; only what is
//! announced there, and not older than that, is ever dropped ([`cleaning`]).

mod cleaning;
mod folder;
mod found;
mod host;

use super::run_folder::RunFolder;
use super::served::lacks_simulated_time;
use super::{Arm, Described, FolderNames, Ground, Host, Time, Wanted};
use crate::disk::Drives;
use crate::estate::outside::{Outside, Program};
use crate::estate::sql::{self, SignIn};
use crate::estate::world::World;
use crate::estate::{Arrangement, EstateError, EstateFile, Server, SqlClient};
use crate::fault::Fault;
use crate::net::Machine;
use async_trait::async_trait;
use folder::LabFolder;
use found::{Found, Marker};
use host::LabHost;
use sqlsim::Clock;
use std::cell::Cell;
use std::rc::Rc;
use tokio::runtime::Runtime;

/// The application's name of the connections that a run keeps, by which another run is noticed.
const KEEPER: &str = "firedrill lab";
/// That of connections for a moment.
const VISITOR: &str = "firedrill";

/// Servers of a lab.
pub(crate) struct LabArm {
    program: Program,
    /// With the password of `sa`.
    file: EstateFile,
    has_certificates: bool,
    capabilities: Vec<(String, String)>,
    folder: LabFolder,
    desk: RunFolder,
    /// One per server, as long as the run lasts.
    _keepers: Vec<SqlClient>,
    runtime: Rc<Runtime>,
    /// Whether everything was removed at the end.
    has_left: Cell<bool>,
}

impl LabArm {
    /// Looks at every server and the folder, and refuses without having changed anything.
    ///
    /// # Errors
    /// What is in the way, on which server, and what to do about it.
    pub(crate) fn new(file: &EstateFile, password: String, program: Program) -> Result<Self, String> {
        let file = file.in_real_time().with_password(password);
        let local = |error| format!("this machine gives no runtime or no temporary folder ({error})");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(local)?;
        let desk = RunFolder::new().map_err(local)?;
        let folder = LabFolder::of(&file)?;
        let (keepers, all) = runtime.block_on(look(&file))?;
        folder.look()?;
        let mut capabilities: Vec<(String, String)> =
            all.iter().map(|found| (found.name.clone(), found.version.clone())).collect();
        let has_certificates = all.iter().any(|found| found.is_on_linux);
        capabilities.push((
            "mirroring endpoints".to_owned(),
            if has_certificates { "with certificates" } else { "with the servers' own accounts" }.to_owned(),
        ));
        Ok(Self {
            program,
            file,
            has_certificates,
            capabilities,
            folder,
            desk,
            _keepers: keepers,
            runtime: Rc::new(runtime),
            has_left: Cell::default(),
        })
    }

    /// Removes what the harness put on the servers, and says what it is about to put there now.
    async fn freshen(&self) -> Result<(), String> {
        let mut visits = self.cleaned().await?;
        // A row would make somebody else's thing ours.
        let refused = |(server, _, now): &(Server, SqlClient, Found)| {
            found::refusal(&found::expected(&self.file, *server), now)
        };
        if let Some(refusal) = visits.iter().find_map(refused) {
            return Err(format!("{refusal}; nothing was staged"));
        }
        for (server, client, now) in &mut visits {
            let names = found::names(&self.file);
            cleaning::announce(client, &now.marker, &names).await.map_err(|error| {
                format!("the marker cannot be written on the {server} ({error}); nothing was staged")
            })?;
        }
        Ok(())
    }

    /// Removes what the harness put on the servers, and looks at what is there now.
    async fn cleaned(&self) -> Result<Vec<(Server, SqlClient, Found)>, String> {
        let mut visits = Vec::new();
        for server in Server::ALL {
            let mut client = sign_in(&self.file, server, VISITOR).await?;
            let found = read(&mut client, &self.file, server).await?;
            visits.push((server, client, found));
        }
        let mut cleaned = Vec::new();
        for (server, mut client, found) in visits {
            let done = cleaning::clean(&mut client, &found).await;
            let now = read(&mut client, &self.file, server).await?;
            let left: Vec<String> = now.ours().iter().map(ToString::to_string).collect();
            if !left.is_empty() {
                return Err(format!(
                    "what the harness made on {} cannot be removed ({}): {}. Remove it by hand, and {} last",
                    now.name,
                    done.err().unwrap_or_else(|| "no error was told".to_owned()),
                    left.join(", "),
                    found::MARKER
                ));
            }
            done.map_err(|error| format!("{} cannot be made fresh ({error})", now.name))?;
            cleaned.push((server, client, now));
        }
        Ok(cleaned)
    }

    /// Removes everything from the servers, the marker last.
    async fn leave_servers(&self) -> Result<(), String> {
        for (server, mut client, now) in self.cleaned().await? {
            if matches!(now.marker, Marker::Here(_)) {
                cleaning::remove_marker(&mut client)
                    .await
                    .map_err(|error| format!("the marker on the {server} cannot be removed ({error})"))?;
            }
        }
        Ok(())
    }
}

impl Drop for LabArm {
    fn drop(&mut self) {
        if let Err(why) = self.leave() {
            crate::cli::complain(&why);
        }
    }
}

/// Visits every server; no one is refused before all have answered.
async fn look(file: &EstateFile) -> Result<(Vec<SqlClient>, Vec<Found>), String> {
    let (mut keepers, mut all) = (Vec::new(), Vec::new());
    for server in Server::ALL {
        let mut client = sign_in(file, server, KEEPER).await?;
        all.push(read(&mut client, file, server).await?);
        let others = format!(
            "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE program_name = N'{KEEPER}' AND session_id <> @@SPID"
        );
        let rows = sql::rows(&mut client, &others).await.map_err(|error| format!("{server}: {error}"))?;
        if rows.first().and_then(|row| row.get::<i32, _>(0)) != Some(0) {
            return Err(format!("another run is under way on the {server}; wait until it has ended"));
        }
        keepers.push(client);
    }
    match Server::ALL
        .into_iter()
        .zip(&all)
        .find_map(|(server, found)| found::refusal(&found::expected(file, server), found))
    {
        Some(refusal) => Err(refusal),
        None => Ok((keepers, all)),
    }
}

/// What is on a server.
async fn read(client: &mut SqlClient, file: &EstateFile, server: Server) -> Result<Found, String> {
    found::read(client, file).await.map_err(|error| format!("the {server} cannot be looked at: {error}"))
}

/// Signs in as `sa`.
async fn sign_in(file: &EstateFile, server: Server, program: &str) -> Result<SqlClient, String> {
    let address = file.address_of(server).ok_or_else(|| format!("the {server} has no address"))?;
    let fails =
        |error: String| format!("the {server} at {},{} does not let sa in ({error})", address.0, address.1);
    let stream = host::connect(&address).await.map_err(|error| fails(error.to_string()))?;
    let password = &file.contents.logins.password;
    let who = SignIn { login: "sa", password, database: "master", program };
    sql::sign_in(Box::new(stream), &who).await.map_err(|error| fails(error.to_string()))
}

#[async_trait(?Send)]
impl Arm for LabArm {
    fn described(&self) -> Described {
        Described {
            arm: "lab",
            clock: "real; waits are skipped, and no two runs are the same",
            times_rest_on: "the lab's servers and this host: small databases; nothing here takes the time it takes at a real site",
            program: self.program.to_string(),
            capabilities: self.capabilities.clone(),
        }
    }

    fn leave(&self) -> Result<(), String> {
        if self.has_left.replace(true) {
            return Ok(());
        }
        let left = self.runtime.block_on(self.leave_servers()).and_then(|()| self.folder.leave());
        left.map_err(|why| format!("the lab was not left as it was found: {why}"))
    }

    fn runtime(&self) -> Result<Rc<Runtime>, EstateError> {
        Ok(Rc::clone(&self.runtime))
    }

    fn file(&self, file: &EstateFile) -> EstateFile {
        file.in_real_time().with_password(self.file.contents.logins.password.clone())
    }

    fn starts_as_the_file_says(&self) -> bool {
        false
    }

    async fn ground(&self, file: &EstateFile) -> Result<Rc<dyn Ground>, EstateError> {
        if !file.contents.lab {
            return Err(EstateError::Lacking(format!("{} does not say lab = true", file.name)));
        }
        self.freshen().await.map_err(EstateError::Arm)?;
        self.folder
            .empty()
            .map_err(|error| EstateError::Outside { what: "emptying the lab's folder", error })?;
        match std::fs::remove_dir_all(self.desk.0.join("desk")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(EstateError::Outside { what: "clearing the operator's desk", error });
            }
            _ => {}
        }
        Ok(Rc::new(LabGround {
            file: self.file.clone(),
            folder: self.folder.clone(),
            has_certificates: self.has_certificates,
        }))
    }

    async fn open(&self, world: &Rc<World>) -> Result<Option<Outside>, EstateError> {
        world.show_or_hide_drives();
        Outside::open(world, self.program.clone(), &self.desk.0.join("desk")).await.map(Some)
    }

    fn lacks(&self, said: &Arrangement) -> Option<String> {
        if let Arrangement::At(_, Fault::HangServer(_)) = said {
            return self.lacks_power_over_servers();
        }
        lacks_simulated_time(said)
            .map(|what| format!("{what}, and a lab runs in real time: only the sim arm has simulated time"))
    }

    fn lacks_links_between_servers(&self) -> Option<String> {
        Some("what a lab's servers send each other does not run over the harness's links".to_owned())
    }

    fn lacks_power_over_servers(&self) -> Option<String> {
        Some("a lab's servers are not the harness's to pause or to shut down".to_owned())
    }
}

/// The ground of one drill.
struct LabGround {
    file: EstateFile,
    folder: LabFolder,
    has_certificates: bool,
}

impl Ground for LabGround {
    fn clock(&self, file: &EstateFile) -> Clock {
        #[expect(clippy::disallowed_methods, reason = "a lab's servers run on the real clock")]
        let now = jiff::Timestamp::now();
        Clock::starting_at(now, file.contents.clock.utc_offset_minutes)
    }

    fn drives_of(&self, machine: &Machine, _: &Clock) -> Result<Rc<dyn Drives>, EstateError> {
        self.folder
            .drives(machine)
            .map_err(|error| EstateError::Outside { what: "making the drives of a machine", error })
    }

    fn host(&self, wanted: &Wanted<'_>) -> Result<Rc<dyn Host>, EstateError> {
        let address = self
            .file
            .address_of(wanted.server)
            .ok_or_else(|| EstateError::Arm(format!("the {} has no address", wanted.server)))?;
        Ok(Rc::new(LabHost::new(address, wanted)))
    }

    fn folder_names(&self) -> FolderNames {
        FolderNames::Below(self.folder.server.clone())
    }

    fn time(&self) -> Time {
        Time::SkippedAlone
    }

    fn has_certificates(&self) -> bool {
        self.has_certificates
    }
}
