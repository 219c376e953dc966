//! A staged estate in real time, for `pchat-failover`, `lync-shell`, any TDS
//! client, and people.
//!
//! Staging and the traffic before run in simulated time; then the clock runs.
//! Every SQL Server has a TCP address of its own, every share is a folder, and
//! the lines typed on standard input are what happens to the estate.

use super::data_folder::DataFolder;
use super::{Encryption, Ended, PASSWORD_VARIABLE, ServeError};
use crate::chat;
use crate::disk::{DirectoryDrives, Drives};
use crate::estate::replication;
use crate::estate::serving::{self, Encrypted, Served};
use crate::estate::{Arrangement, DataCenter, EstateError, EstateFile, Place, Server};
use crate::net::Machine;
use sqlsim::host::{HostError, Prepared, accept, bind, end_signal, lines_of, password};
use sqlsim::session::EncryptionPolicy;
use std::fmt::Write as _;
use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// One message is posted this often while the service runs.
const POSTING_INTERVAL: Duration = Duration::from_secs(5);
/// A shell of its own process is not heard: the management store is looked at this often instead.
const REPLICATION_LOOK: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The estate.
    pub estate: EstateFile,
    /// Address of the first server; with port 0 every server gets a free port, otherwise one after the other.
    pub listen: SocketAddr,
    /// Where drives and shares are kept; it may not hold those of another estate.
    pub data: PathBuf,
    /// The seed.
    pub seed: u64,
    /// What is said about the estate.
    pub arrangements: Vec<Arrangement>,
    /// How the servers encrypt.
    pub encryption: Encryption,
    /// The password of `sa` instead of the one in the estate's file.
    pub password: Option<String>,
}

/// What a typed line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    Lose(Place),
    Return(Place),
    Status,
    Help,
    Quit,
}

const COMMANDS: &str = "\
lose A            data center A loses its power (also: lose primary, mirror, backup, backup mirror, share)
return A          it comes back
status            what runs, how many messages are posted, what happened last
quit              end";

impl Command {
    fn parse(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim().to_ascii_lowercase();
        let (verb, object) =
            line.split_once(' ').map_or((line.as_str(), ""), |(verb, rest)| (verb, rest.trim()));
        let place = || match object.trim_start_matches("data center ").trim_start_matches("the ") {
            "a" => Ok(Place::DataCenter(DataCenter::A)),
            "b" => Ok(Place::DataCenter(DataCenter::B)),
            "primary" => Ok(Place::Server(Server::Primary)),
            "mirror" => Ok(Place::Server(Server::Mirror)),
            "backup" => Ok(Place::Server(Server::Backup)),
            "backup mirror" => Ok(Place::Server(Server::BackupMirror)),
            "share" => Ok(Place::BackupShare),
            other => Err(format!("there is no place called \"{other}\"\n{COMMANDS}")),
        };
        Ok(Some(match verb {
            "" => return Ok(None),
            "lose" => Self::Lose(place()?),
            "return" => Self::Return(place()?),
            "status" => Self::Status,
            "help" | "?" => Self::Help,
            "quit" | "exit" => Self::Quit,
            other => return Err(format!("\"{other}\" is nothing that can be done here\n{COMMANDS}")),
        }))
    }
}

/// Serves until the input ends or says `quit`, Ctrl-C is pressed, or SIGTERM comes. `say` prints a line.
///
/// # Errors
/// When the estate cannot be staged, an address is taken, or the data directory cannot be written or is another
/// program's.
pub fn serve(
    options: &ServeOptions,
    input: impl BufRead + Send + 'static,
    say: &dyn Fn(&str),
) -> Result<Ended, ServeError> {
    let mut options = options.clone();
    match &options.password {
        Some(password) => {
            password::check(password).map_err(HostError::WeakPassword)?;
            options.estate = options.estate.with_password(password.clone());
        }
        None if !options.listen.ip().is_loopback() => {
            return Err(ServeError::Public { address: options.listen });
        }
        None => {}
    }
    let _folder = DataFolder::claim(&options.data)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(EstateError::Runtime)?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, Box::pin(serve_here(&options, lines_of(input), say)))
}

async fn serve_here(
    options: &ServeOptions,
    mut lines: mpsc::Receiver<String>,
    say: &dyn Fn(&str),
) -> Result<Ended, ServeError> {
    let mut signalled = pin!(end_signal());
    let data = options.data.clone();
    let drives = move |machine: &Machine, _: &sqlsim::Clock| -> Result<Rc<dyn Drives>, EstateError> {
        if data.join(machine.name()).exists() {
            return Err(EstateError::File {
                file: data.display().to_string(),
                what:
                    "there are drives of an estate already; remove them or name another directory with --data"
                        .to_owned(),
            });
        }
        let drives = DirectoryDrives::new(data.join(machine.name()), &['C', 'D']);
        drives
            .map(|drives| Rc::new(drives) as Rc<dyn Drives>)
            .map_err(|error| EstateError::File { file: data.display().to_string(), what: error.to_string() })
    };
    let served = tokio::select! {
        biased;
        ended = &mut signalled => return Ok(ended),
        served = serving::stage(&options.estate, options.seed, &options.arrangements, Box::new(drives)) => served?,
    };
    tokio::time::resume();
    let servers: Vec<_> =
        Server::ALL.into_iter().filter_map(|server| Some((server, served.instance(server)?))).collect();
    let names: Vec<&str> =
        servers.iter().map(|(_, instance)| instance.config().server_name.as_str()).collect();
    let prepared = options.encryption.prepare(&names, options.listen.ip());
    let prepared = prepared.map_err(HostError::from)?;
    let addresses = listen(options.listen, &prepared, &servers).await?;
    let files = write_files(&served, options, &addresses)?;
    say(&welcome(&served, options.password.is_some(), &prepared, &addresses, &files));
    let world = served.world();
    let posting = tokio::task::spawn_local(async move {
        loop {
            chat::post_messages(&world, 1, POSTING_INTERVAL).await;
        }
    });
    let world = served.world();
    let replicating = tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(REPLICATION_LOOK).await;
            replication::replicate_what_others_changed(&world).await;
        }
    });
    let ended = tokio::select! {
        biased;
        ended = signalled => ended,
        () = obey_lines(&served, &mut lines, say) => Ended::Asked,
    };
    replicating.abort();
    posting.abort();
    served.end();
    Ok(ended)
}

/// Does what is typed, until that is `quit` or the input ends.
async fn obey_lines(served: &Served, lines: &mut mpsc::Receiver<String>, say: &dyn Fn(&str)) {
    while let Some(line) = lines.recv().await {
        match Command::parse(&line) {
            Ok(None) => {}
            Ok(Some(Command::Quit)) => return,
            Ok(Some(command)) => say(&obey(served, command).await),
            Err(error) => say(&error),
        }
    }
}

async fn obey(served: &Served, command: Command) -> String {
    match command {
        Command::Lose(place) => {
            let lost = served.lose(&place).await;
            format!("lost: {}", lost.join(", "))
        }
        Command::Return(place) => {
            let back = served.bring_back(&place).await;
            format!("back: {}", back.join(", "))
        }
        Command::Status => served.status(),
        Command::Help | Command::Quit => COMMANDS.to_owned(),
    }
}

/// Opens a TCP listener for every server.
async fn listen(
    first: SocketAddr,
    prepared: &Prepared,
    servers: &[(Server, sqlsim::Instance)],
) -> Result<Vec<(Server, SocketAddr)>, ServeError> {
    let mut addresses = Vec::new();
    for (offset, (server, instance)) in (0u16..).zip(servers) {
        let port = if first.port() == 0 { 0 } else { first.port().saturating_add(offset) };
        let (listener, bound) = bind(SocketAddr::new(first.ip(), port)).await?;
        addresses.push((*server, bound));
        tokio::task::spawn_local(accept(listener, prepared.endpoint(), instance.clone()));
    }
    Ok(addresses)
}

/// This program: one binary is failover program and shell too.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "firedrill".to_owned(), |path| path.display().to_string())
}

/// The files a visitor needs.
struct VisitorFiles {
    site: PathBuf,
    store: PathBuf,
}

fn write_files(
    served: &Served,
    options: &ServeOptions,
    addresses: &[(Server, SocketAddr)],
) -> Result<VisitorFiles, ServeError> {
    let data = &options.data;
    let files = VisitorFiles { site: data.join("site.toml"), store: data.join("lync-shell.toml") };
    let encrypted = match options.encryption.policy {
        // A program on this host has nobody to hide from, and says so.
        EncryptionPolicy::Off | EncryptionPolicy::Optional => Encrypted::Nothing,
        EncryptionPolicy::Required => Encrypted::Everything,
        EncryptionPolicy::Strict => Encrypted::Strictly,
    };
    let store = served.store_text(addresses, encrypted);
    let site = served.site_text(addresses, encrypted, &program(), &files.store.display().to_string());
    for (path, text) in [(&files.site, site), (&files.store, store)] {
        std::fs::write(path, text).map_err(|source| ServeError::Data { path: path.clone(), source })?;
    }
    Ok(files)
}

fn welcome(
    served: &Served,
    has_secret: bool,
    prepared: &Prepared,
    addresses: &[(Server, SocketAddr)],
    files: &VisitorFiles,
) -> String {
    // A password that came from the environment is a secret; the one in the estate's file is none.
    let (told, typed) = if has_secret {
        (format!("the password in {PASSWORD_VARIABLE}"), format!("\"${PASSWORD_VARIABLE}\""))
    } else {
        (format!("password {}", served.password()), served.password().to_owned())
    };
    let mut text = format!("The estate {} is staged; its clock runs.\n", served.name());
    for (server, address) in addresses {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let _ = writeln!(text, "  {:14} {},{}", server.to_string(), host, address.port());
    }
    let _ = write!(
        text,
        "  encryption     {encryption}\n  \
         sign in as     sa, {told}\n  \
         site file      {site}\n  \
         shell's store  {store}\n\n\
         Try, in another terminal:\n  \
         export PCHAT_SQL_PASSWORD={typed}\n  \
         {program} pchat-failover preflight --site {site}\n  \
         {program} lync-shell --store {store} -Command Get-CsPersistentChatState\n\
         Here:\n{COMMANDS}",
        encryption = prepared.told(),
        program = program(),
        site = files.site.display(),
        store = files.store.display(),
    );
    for (_, address) in addresses {
        let _ = write!(text, "\nlistening on {address}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("lose A", Command::Lose(Place::DataCenter(DataCenter::A)))]
    #[case("  LOSE the backup mirror ", Command::Lose(Place::Server(Server::BackupMirror)))]
    #[case("return data center a", Command::Return(Place::DataCenter(DataCenter::A)))]
    #[case("status", Command::Status)]
    #[case("quit", Command::Quit)]
    fn a_typed_line_says_what_to_do(#[case] line: &str, #[case] command: Command) {
        assert_eq!(Command::parse(line), Ok(Some(command)));
    }

    /// Serves in a directory of its own until the typed lines end; what was said.
    fn served(test: &str, lines: &'static str) -> (PathBuf, Result<Vec<String>, ServeError>) {
        served_with(test, lines, None, [127, 0, 0, 1])
    }

    fn served_with(
        test: &str,
        lines: &'static str,
        password: Option<&str>,
        ip: [u8; 4],
    ) -> (PathBuf, Result<Vec<String>, ServeError>) {
        let data = std::env::temp_dir().join(format!("firedrill-serve-{test}-{}", std::process::id()));
        let options = ServeOptions {
            estate: EstateFile::named("litware").unwrap(),
            listen: SocketAddr::from((ip, 0)),
            data: data.clone(),
            seed: 1,
            arrangements: Vec::new(),
            password: password.map(str::to_owned),
            encryption: Encryption::default(),
        };
        let said = std::cell::RefCell::new(Vec::new());
        let ended = serve(&options, std::io::Cursor::new(lines), &|line: &str| {
            said.borrow_mut().push(line.to_owned())
        });
        (data, ended.map(|_| said.into_inner()))
    }

    #[test]
    fn a_served_estate_says_where_it_is_and_does_what_is_typed() {
        let (data, said) = served("typed", "lose A\nstatus\nquit\n");
        let said = said.unwrap();
        assert!(said[0].contains(" pchat-failover preflight --site "), "{}", said[0]);
        assert!(said[0].contains("sa, password Rehearsal-only-1"), "{}", said[0]);
        assert_eq!(said[0].matches("\nlistening on 127.0.0.1:").count(), 4, "{}", said[0]);
        assert_eq!(said[1], "lost: sql-a1, sql-a2, files-a, atl-fe-001, chat-a1, chat-a2, chat-a3, chat-a4");
        assert!(said[2].contains("primary        sql-a1.litwareinc.com has no power"), "{}", said[2]);
        let site = std::fs::read_to_string(data.join("site.toml")).unwrap();
        let site = failover::Site::parse(&site, "site.toml").unwrap();
        assert!(
            std::path::Path::new(&site.log_shipping.share.here).is_dir(),
            "the share is a folder of this host"
        );
        std::fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_password_from_the_environment_is_used_and_not_shown() {
        let (data, said) = served_with("secret", "quit\n", Some("Not-for-3yes"), [127, 0, 0, 1]);
        let said = said.unwrap();
        assert!(said[0].contains("sa, the password in MSSQL_SA_PASSWORD\n"), "{}", said[0]);
        assert!(!said[0].contains("Not-for-3yes"), "{}", said[0]);
        std::fs::remove_dir_all(data).unwrap();
        let (data, weak) = served_with("weak", "quit\n", Some("password"), [127, 0, 0, 1]);
        assert!(matches!(weak, Err(ServeError::Host(HostError::WeakPassword(_)))));
        assert!(!data.exists(), "nothing was staged");
    }

    #[test]
    fn a_public_address_wants_a_password_that_does_not_stand_in_a_file() {
        let (data, refused) = served_with("public", "quit\n", None, [0, 0, 0, 0]);
        let error = refused.unwrap_err().to_string();
        assert!(error.starts_with("0.0.0.0:0 can be reached from other machines"), "{error}");
        assert!(!data.exists(), "nothing was staged");
    }

    #[test]
    fn a_directory_that_holds_an_estate_is_refused_and_left_alone() {
        let (data, first) = served("taken", "quit\n");
        first.unwrap();
        let (_, again) = served("taken", "quit\n");
        let error = again.unwrap_err().to_string();
        assert!(error.ends_with("remove them or name another directory with --data"), "{error}");
        assert!(data.join("site.toml").exists());
        std::fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn an_unknown_line_is_answered_with_what_can_be_done() {
        let error = Command::parse("explode A").unwrap_err();
        assert!(error.starts_with("\"explode\" is nothing that can be done here\nlose A"), "{error}");
    }
}
