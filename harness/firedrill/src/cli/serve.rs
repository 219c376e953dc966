//! `firedrill serve`.

use super::{complain, say};
use crate::estate::EstateFile;
use crate::serve::{Ended, ServeError, ServeOptions};
use crate::verdict::Ending;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Arguments of `firedrill serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArguments {
    /// An estate file; without one, the estate litware.
    #[arg(long, value_name = "FILE")]
    estate: Option<PathBuf>,
    /// Address of the first server; port 0 takes free ports.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where drives and shares are kept; a new temporary directory if not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print what the simulated servers do not model, and end.
    #[arg(long)]
    not_modelled: bool,
}

/// Serves until the input ends or Ctrl-C is pressed.
pub(crate) fn serve(arguments: &ServeArguments) -> Ending {
    if arguments.not_modelled {
        for entry in sqlsim::not_modelled::NOT_MODELLED {
            say(entry);
        }
        return Ending::Passed;
    }
    let estate = match read_estate(arguments) {
        Ok(estate) => estate,
        Err(error) => {
            complain(&error);
            return Ending::Usage;
        }
    };
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("firedrill-serve-{}", std::process::id())));
    let options = ServeOptions {
        estate,
        listen: arguments.listen,
        data,
        seed: arguments.seed,
        arrangements: Vec::new(),
    };
    match crate::serve::serve(&options, BufReader::new(std::io::stdin()), &say) {
        Ok(Ended::Asked) => Ending::Passed,
        Ok(Ended::Interrupted) => {
            complain("interrupted; the estate has ended");
            Ending::Interrupted
        }
        Err(error) => {
            complain(&error.to_string());
            match error {
                ServeError::Estate(_) => Ending::Usage,
                ServeError::Listen { .. } | ServeError::DataFolder(_) | ServeError::Data { .. } => {
                    Ending::Environment
                }
            }
        }
    }
}

fn read_estate(arguments: &ServeArguments) -> Result<EstateFile, String> {
    let parsed = match &arguments.estate {
        None => EstateFile::named("litware"),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            EstateFile::parse(&text, &path.display().to_string())
        }
    };
    parsed.map_err(|error| error.to_string())
}
