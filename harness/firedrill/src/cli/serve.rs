//! `firedrill serve`.

use super::{complain, say};
use crate::estate::EstateFile;
use crate::serve::{Encryption, Ended, PASSWORD_VARIABLE, ServeError, ServeOptions, ServerOptions};
use crate::verdict::Ending;
use clap::ValueEnum;
use sqlsim::host::HostError;
use sqlsim::session::EncryptionPolicy;
use std::env::VarError;
use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

/// Where one server listens unless told otherwise: SQL Server's own port.
const SERVER_ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1433));
/// Where an estate's servers listen unless told otherwise: free ports.
const ESTATE_ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Arguments of `firedrill serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArguments {
    /// Stage the estate in this file and serve all its servers; without it, one fresh server.
    #[arg(long, value_name = "FILE")]
    estate: Option<PathBuf>,
    /// Address to listen at: 127.0.0.1:1433 if not given; with --estate, that of the first server,
    /// the others at the ports that follow, and free ports if not given. Port 0 takes a free port.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Encryption: off; optional (as the client wishes); required; strict (TDS 8.0 only).
    #[arg(long, value_enum, default_value_t = TlsMode::Optional)]
    tls: TlsMode,
    /// PEM file of the certificate to show; without it a self-signed one is made at start.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// PEM file of the certificate's key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// @@SERVERNAME of the one server.
    #[arg(long, default_value = "FIREDRILL", conflicts_with = "estate", value_parser = parse_name)]
    name: String,
    /// Where the one server keeps its databases and drives, so that they survive its end and kill -9;
    /// without it everything is in memory. With --estate: where drives and shares are kept; a new temporary
    /// directory if not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End the one server when standard input ends, for programs that start it.
    #[arg(long, conflicts_with = "estate")]
    stop_with_input: bool,
    /// Print what the simulated servers do not model, and end.
    #[arg(long)]
    not_modelled: bool,
}

/// Whether what is served encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TlsMode {
    Off,
    Optional,
    Required,
    Strict,
}

impl ServeArguments {
    fn encryption(&self) -> Encryption {
        let policy = match self.tls {
            TlsMode::Off => EncryptionPolicy::Off,
            TlsMode::Optional => EncryptionPolicy::Optional,
            TlsMode::Required => EncryptionPolicy::Required,
            TlsMode::Strict => EncryptionPolicy::Strict,
        };
        Encryption { policy, files: self.cert.clone().zip(self.key.clone()) }
    }
}

/// Serves until told to end, or Ctrl-C is pressed.
pub(crate) fn serve(arguments: &ServeArguments) -> Ending {
    if arguments.not_modelled {
        for entry in sqlsim::not_modelled::NOT_MODELLED {
            say(entry);
        }
        return Ending::Passed;
    }
    if arguments.tls == TlsMode::Off && arguments.cert.is_some() {
        complain("--cert with --tls off: nothing would be encrypted with it; leave one of them out");
        return Ending::Usage;
    }
    let password = match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => Some(password),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => {
            complain(&format!("{PASSWORD_VARIABLE} is not UTF-8; nothing is served; set it anew"));
            return Ending::Usage;
        }
    };
    let input = BufReader::new(std::io::stdin());
    let ended = match &arguments.estate {
        None => {
            let options = ServerOptions {
                listen: arguments.listen.unwrap_or(SERVER_ADDRESS),
                name: arguments.name.clone(),
                encryption: arguments.encryption(),
                password,
                data: arguments.data.clone(),
                seed: arguments.seed,
                stop_with_input: arguments.stop_with_input,
            };
            crate::serve::serve_server(&options, input, &say).map_err(ServeError::from)
        }
        Some(file) => match estate_options(arguments, file, password) {
            Ok(options) => crate::serve::serve(&options, input, &say),
            Err(error) => {
                complain(&error);
                return Ending::Usage;
            }
        },
    };
    match ended {
        Ok(Ended::Asked) => Ending::Passed,
        Ok(Ended::Interrupted) => {
            complain("interrupted; what was served has ended");
            Ending::Interrupted
        }
        Err(error) => {
            complain(&error.to_string());
            match error {
                ServeError::Estate(_)
                | ServeError::Public { .. }
                | ServeError::Host(
                    HostError::NoPassword | HostError::WeakPassword(_) | HostError::Certificate(_),
                ) => Ending::Usage,
                ServeError::Host(
                    HostError::Runtime(_)
                    | HostError::Listen { .. }
                    | HostError::DataDirectory(_)
                    | HostError::LogLost(_)
                    | HostError::Data { .. },
                )
                | ServeError::DataFolder(_)
                | ServeError::Data { .. } => Ending::Environment,
            }
        }
    }
}

fn estate_options(
    arguments: &ServeArguments,
    file: &Path,
    password: Option<String>,
) -> Result<ServeOptions, String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let file = file.display();
        format!(
            "the estate file {file} cannot be read: {error}; name one that this user may read with --estate"
        )
    })?;
    let estate = EstateFile::parse(&text, &file.display().to_string()).map_err(|error| error.to_string())?;
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("firedrill-serve-{}", std::process::id())));
    let listen = arguments.listen.unwrap_or(ESTATE_ADDRESS);
    let seed = arguments.seed;
    let encryption = arguments.encryption();
    Ok(ServeOptions { estate, listen, data, seed, arrangements: Vec::new(), encryption, password })
}

/// A server's name: a NetBIOS name, with an instance's name behind it or not.
fn parse_name(text: &str) -> Result<String, String> {
    let (host, instance) = text.split_once('\\').unwrap_or((text, "x"));
    let fits = |part: &str, most: usize| {
        (1..=most).contains(&part.len())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
    };
    if fits(host, 15) && fits(instance, 16) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("a server is named HOST or HOST\\INSTANCE, in letters, digits, - and _".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::parse_name;

    #[rstest::rstest]
    #[case("sql-a1", Some("SQL-A1"))]
    #[case(r"SQL01\RTC", Some(r"SQL01\RTC"))]
    #[case("", None)]
    #[case(r"SQL01\", None)]
    #[case("a.b", None)]
    #[case("a-name-of-16-cha", None)]
    fn a_server_is_named_as_windows_names_one(#[case] text: &str, #[case] name: Option<&str>) {
        assert_eq!(parse_name(text).ok().as_deref(), name);
    }
}
