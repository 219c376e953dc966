//! One fresh SQL Server, served until it is told to end.

use super::drive_files::DriveFiles;
use super::network::TcpNetwork;
use super::{Encryption, Ended, HostError, bind, end_signal, lines_of, password, serve_until};
use crate::clock::Clock;
use crate::config::{CostModel, InstanceConfig, Product};
use crate::files::Files;
use crate::instance::Instance;
use crate::observer::NoObserver;
use crate::store::DataDirectory;
use crate::store::memory_files::MemoryFiles;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::sync::mpsc::Receiver;
use tokio::task::LocalSet;

/// Directory of data and log files, as the server sees it.
const DATA_DIRECTORY: &str = r"C:\Program Files\Microsoft SQL Server\MSSQL12.MSSQLSERVER\MSSQL\DATA";
/// Default backup directory, as the server sees it.
const BACKUP_DIRECTORY: &str = r"C:\Program Files\Microsoft SQL Server\MSSQL12.MSSQLSERVER\MSSQL\Backup";
/// Where SQL Server on Linux keeps data and backups: scripts written for it find the directory.
const LINUX_DATA_DIRECTORY: &str = "/var/opt/mssql/data";
/// Drives of the server.
const DRIVES: [char; 2] = ['C', 'D'];

/// How to serve one server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `@@SERVERNAME`.
    pub name: String,
    /// How it encrypts.
    pub encryption: Encryption,
    /// The password of `sa`; `None` when the environment has none.
    pub password: Option<String>,
    /// Where databases and drives are kept; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// The seed of every GUID.
    pub seed: u64,
    /// Whether the end of the input ends the server.
    pub stop_with_input: bool,
}

/// Serves one server until the input says `quit`, Ctrl-C is pressed, or SIGTERM comes. `say` prints a line;
/// the one that begins with `listening on` comes when the server answers.
///
/// # Errors
/// When the password is missing or weak, the address is taken, or the data directory cannot be used.
pub fn serve_server(
    options: &ServerOptions,
    input: impl BufRead + Send + 'static,
    say: &dyn Fn(&str),
) -> Result<Ended, HostError> {
    let password = options.password.clone().ok_or(HostError::NoPassword)?;
    password::check(&password).map_err(HostError::WeakPassword)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HostError::Runtime)?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, Box::pin(serve_here(options, password, lines_of(input), say)))
}

async fn serve_here(
    options: &ServerOptions,
    password: String,
    mut lines: Receiver<String>,
    say: &dyn Fn(&str),
) -> Result<Ended, HostError> {
    let (listener, address) = bind(options.listen).await?;
    let prepared = options.encryption.prepare(&[&options.name], address.ip())?;
    let instance = start(options, password, address)?;
    say(&format!("encryption {}", prepared.told()));
    say(&format!("listening on {address}"));
    let end = async {
        tokio::select! {
            biased;
            ended = end_signal() => ended,
            () = quit(&mut lines, options.stop_with_input, say) => Ended::Asked,
        }
    };
    serve_until(&instance, (listener, prepared.endpoint()), say, end).await
}

/// Ends when `quit` is typed.
async fn quit(lines: &mut Receiver<String>, stop_with_input: bool, say: &dyn Fn(&str)) {
    loop {
        match lines.recv().await.as_deref().map(str::trim) {
            Some(line) if line.eq_ignore_ascii_case("quit") || line.eq_ignore_ascii_case("exit") => return,
            Some("") => {}
            Some(line) => say(&format!("\"{line}\" is nothing that can be done here; quit ends the server")),
            None if stop_with_input => return,
            // A server in the background has no input; it goes on.
            None => std::future::pending().await,
        }
    }
}

/// The server, on the real clock; with the databases of its data directory, if it has one.
fn start(options: &ServerOptions, password: String, address: SocketAddr) -> Result<Instance, HostError> {
    #[expect(clippy::disallowed_methods, reason = "a served server runs in real time")]
    let clock = Clock::starting_at(jiff::Timestamp::now(), 0);
    let config = InstanceConfig {
        server_name: options.name.clone(),
        host: options.name.clone(),
        sa_password: password,
        tds_port: address.port(),
        data_directory: DATA_DIRECTORY.to_owned(),
        backup_directory: BACKUP_DIRECTORY.to_owned(),
        agent_enabled: true,
        seed: options.seed,
        cost: CostModel::default(),
        product: Product::default(),
    };
    let (network, observer) = (Rc::new(TcpNetwork), Rc::new(NoObserver));
    let Some(path) = &options.data else {
        let files = memory_files(&clock);
        return Ok(Instance::start(config, clock, files, network, observer));
    };
    let directory = DataDirectory::open(path)?;
    let files = host_files(&path.join("drives"))?;
    Ok(Instance::open(config, clock, files, network, observer, directory)?)
}

/// The drives, in memory, with the directories that a fresh server has.
fn memory_files(clock: &Clock) -> Rc<dyn Files> {
    let files = MemoryFiles::new(clock, &DRIVES);
    for directory in [DATA_DIRECTORY, BACKUP_DIRECTORY] {
        // Drive C is there and empty: making a directory on it cannot fail.
        let made = files.make_directory(directory);
        debug_assert!(made.is_ok(), "{directory}: {made:?}");
    }
    Rc::new(files)
}

/// The drives as directories of the host, with the directories that a fresh server has.
fn host_files(root: &Path) -> Result<Rc<dyn Files>, HostError> {
    let fails = |source| HostError::Data { path: root.to_owned(), source };
    let files = DriveFiles::new(root.to_owned(), &DRIVES).map_err(fails)?;
    for directory in [DATA_DIRECTORY, BACKUP_DIRECTORY, LINUX_DATA_DIRECTORY] {
        files.make_directory(directory).map_err(|error| fails(io::Error::other(error)))?;
    }
    Ok(Rc::new(files))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn options() -> ServerOptions {
        ServerOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            name: "FIREDRILL".to_owned(),
            encryption: Encryption::default(),
            password: Some("Passw0rd-1".to_owned()),
            data: None,
            seed: 1,
            stop_with_input: true,
        }
    }

    fn served(options: &ServerOptions, lines: &'static str) -> Result<Vec<String>, HostError> {
        let said = RefCell::new(Vec::new());
        serve_server(options, io::Cursor::new(lines), &|line| said.borrow_mut().push(line.to_owned()))?;
        Ok(said.into_inner())
    }

    #[test]
    fn a_server_says_where_it_listens_and_ends_when_told() {
        let said = served(&options(), "explode\nquit\n").unwrap();
        assert_eq!(said[0], "encryption off: nothing here is encrypted");
        assert!(said[1].starts_with("listening on 127.0.0.1:"), "{}", said[1]);
        assert!(!said[1].ends_with(":0"), "{}", said[1]);
        assert_eq!(said[2], "\"explode\" is nothing that can be done here; quit ends the server");
    }

    #[rstest::rstest]
    #[case::none(None, "no password for sa: nothing is served; set MSSQL_SA_PASSWORD ")]
    #[case::weak(Some("password"), "the password of sa in MSSQL_SA_PASSWORD has characters from fewer ")]
    fn a_server_without_a_good_password_is_refused(#[case] password: Option<&str>, #[case] begins: &str) {
        let options = ServerOptions { password: password.map(str::to_owned), ..options() };
        let error = served(&options, "quit\n").unwrap_err().to_string();
        assert!(error.starts_with(begins), "{error}");
    }

    #[test]
    fn a_taken_address_is_named() {
        let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let options = ServerOptions { listen: taken.local_addr().unwrap(), ..options() };
        let error = served(&options, "quit\n").unwrap_err().to_string();
        assert!(error.ends_with("name a free one with --listen"), "{error}");
    }

    #[test]
    fn a_server_in_a_data_directory_ends_and_begins_again() {
        let path = std::env::temp_dir().join(format!("firedrill-server-{}", std::process::id()));
        let options = ServerOptions { data: Some(path.clone()), ..options() };
        for _ in 0..2 {
            let said = served(&options, "quit\n").unwrap();
            assert!(said[1].starts_with("listening on "), "{said:?}");
        }
        assert!(path.join("drives/C").is_dir());
        std::fs::remove_dir_all(path).unwrap();
    }
}
