//! The `firedrill` command line. Everything it does lives in the library.

fn main() -> std::process::ExitCode {
    firedrill::cli::main()
}
