//! The real world: sockets, a process, files, the system's clock.

use crate::address::ServerAddress;
use crate::environment::*;
use crate::remedy::about;
use crate::site::SecretSource;
use async_trait::async_trait;
use std::env::VarError;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tiberius::SqlBrowser;
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// TCP, with the browser service for named instances.
pub(super) struct Tcp;

#[async_trait(?Send)]
impl Connector for Tcp {
    async fn connect(&self, address: &ServerAddress) -> io::Result<Box<dyn ByteStream>> {
        let stream = match (&address.instance, address.port) {
            (Some(instance), None) => {
                let mut config = tiberius::Config::new();
                config.host(&address.host);
                config.instance_name(instance);
                TcpStream::connect_named(&config)
                    .await
                    .map_err(|error| io::Error::other(error.to_string()))?
            }
            (_, port) => TcpStream::connect((address.host.as_str(), port.unwrap_or(1433))).await?,
        };
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// The shell as a process.
pub(super) struct Process {
    pub(super) command: Vec<String>,
}

#[async_trait(?Send)]
impl Shell for Process {
    async fn run(&self, script: &str) -> io::Result<ShellOutput> {
        let (program, arguments) = self.command.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(script.as_bytes()).await?;
            stdin.write_all(b"\n").await?;
        }
        let output = child.wait_with_output().await?;
        Ok(ShellOutput {
            exit_code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Folders, by whatever path the operating system takes.
pub(super) struct Folders;

#[async_trait(?Send)]
impl Shares for Folders {
    async fn list(&self, folder: &str) -> io::Result<Vec<ShareEntry>> {
        let mut entries = Vec::new();
        let mut reader = fs::read_dir(folder).await?;
        while let Some(entry) = reader.next_entry().await? {
            let metadata = entry.metadata().await?;
            entries.push(ShareEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                size: if metadata.is_dir() { 0 } else { metadata.len() },
                is_directory: metadata.is_dir(),
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    async fn read(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path).await?;
        file.seek(io::SeekFrom::Start(offset)).await?;
        let mut bytes = Vec::new();
        file.take(length as u64).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn size(&self, path: &str) -> io::Result<u64> {
        Ok(fs::metadata(path).await?.len())
    }

    async fn create(&self, path: &str) -> io::Result<()> {
        fs::File::create(path).await.map(|_| ())
    }

    async fn append(&self, path: &str, data: &[u8]) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().append(true).open(path).await?;
        file.write_all(data).await?;
        file.flush().await
    }

    async fn flush(&self, path: &str) -> io::Result<()> {
        fs::OpenOptions::new().append(true).open(path).await?.sync_all().await
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(from, to).await
    }

    async fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(path).await
    }
}

/// The journal as a file.
pub(super) struct JournalFile {
    pub(super) path: PathBuf,
}

#[async_trait(?Send)]
impl JournalStore for JournalFile {
    async fn read_lines(&self) -> io::Result<Vec<String>> {
        match fs::read_to_string(&self.path).await {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(about(&self.path, &error)),
        }
    }

    async fn append_line(&self, line: &str) -> io::Result<()> {
        self.append(line).await.map_err(|error| about(&self.path, &error))
    }
}

impl JournalFile {
    async fn append(&self, line: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().create(true).append(true).read(true).open(&self.path).await?;
        // A line that was torn by a crash must not swallow the next one.
        let length = file.metadata().await?.len();
        let mut text = String::with_capacity(line.len() + 2);
        if length > 0 {
            file.seek(io::SeekFrom::Start(length - 1)).await?;
            if file.read_u8().await? != b'\n' {
                text.push('\n');
            }
        }
        text.push_str(line);
        text.push('\n');
        file.write_all(text.as_bytes()).await?;
        file.flush().await?;
        file.sync_all().await
    }
}

/// The system's clock.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the operator's machine, outside any drill")]
    fn utc_now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// Secrets from the environment and from files.
pub(super) struct LocalSecrets;

impl Secrets for LocalSecrets {
    fn read(&self, source: &SecretSource) -> io::Result<Secret> {
        match source {
            SecretSource::EnvironmentVariable(name) => {
                std::env::var(name).map(Secret::new).map_err(|error| {
                    let (kind, why) = match error {
                        VarError::NotPresent => (io::ErrorKind::NotFound, "is not set"),
                        VarError::NotUnicode(_) => (io::ErrorKind::InvalidData, "is not UTF-8 text"),
                    };
                    io::Error::new(kind, format!("the environment variable {name} {why}"))
                })
            }
            SecretSource::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| about(Path::new(path), &error))?;
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    /// A folder of our own, removed with the guard.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pchat-failover-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_string_lossy().into_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_line_torn_by_a_crash_does_not_swallow_the_next_one() {
        let folder = Folder::new("journal");
        let journal = JournalFile { path: folder.0.join("j.jsonl") };
        block_on(async {
            assert!(journal.read_lines().await.unwrap().is_empty());
            journal.append_line("one").await.unwrap();
            std::fs::write(&journal.path, "one\ntor").unwrap();
            journal.append_line("two").await.unwrap();
            assert_eq!(journal.read_lines().await.unwrap(), ["one", "tor", "two"]);
        });
    }

    #[test]
    fn an_error_about_the_journal_names_its_path() {
        let folder = Folder::new("journal-errors");
        let missing = JournalFile { path: folder.0.join("none").join("j.jsonl") };
        let error = block_on(missing.append_line("one")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&format!("{}: ", missing.path.display())), "{error}");
        let a_folder = JournalFile { path: folder.0.clone() };
        let error = block_on(a_folder.read_lines()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{}: ", folder.0.display())), "{error}");
    }

    #[test]
    fn a_file_is_written_read_in_pieces_renamed_and_listed() {
        let folder = Folder::new("folders");
        block_on(async {
            let (from, to) = (folder.path("a.part"), folder.path("a.trn"));
            Folders.create(&from).await.unwrap();
            Folders.append(&from, b"hello ").await.unwrap();
            Folders.append(&from, b"world").await.unwrap();
            Folders.flush(&from).await.unwrap();
            Folders.rename(&from, &to).await.unwrap();
            assert_eq!(Folders.read(&to, 6, 100).await.unwrap(), b"world");
            assert!(Folders.read(&to, 11, 100).await.unwrap().is_empty());
            let entries = Folders.list(&folder.path("")).await.unwrap();
            assert_eq!((entries.len(), entries[0].name.as_str(), entries[0].size), (1, "a.trn", 11));
            Folders.remove(&to).await.unwrap();
            assert_eq!(Folders.size(&to).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_gets_the_script_on_standard_input_and_one_that_is_missing_is_not_found() {
        block_on(async {
            let shell = Process { command: vec!["/bin/sh".to_owned()] };
            let output = shell.run("echo out; echo err >&2; exit 3").await.unwrap();
            assert_eq!(
                (output.exit_code, output.stdout.as_str(), output.stderr.as_str()),
                (3, "out\n", "err\n")
            );
            let missing = Process { command: vec!["/no/such/powershell".to_owned()] };
            assert_eq!(missing.run("x").await.unwrap_err().kind(), io::ErrorKind::NotFound);
        });
    }

    #[test]
    fn a_secret_comes_from_a_file_without_its_line_break_and_does_not_print_itself() {
        let folder = Folder::new("secrets");
        std::fs::write(folder.path("p"), "hunter2\r\n").unwrap();
        let secret = LocalSecrets.read(&SecretSource::File(folder.path("p"))).unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let unset = SecretSource::EnvironmentVariable("PCHAT_FAILOVER_NO_SUCH".to_owned());
        assert!(LocalSecrets.read(&unset).is_err());
    }
}
