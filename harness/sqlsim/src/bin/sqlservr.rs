//! The program of the container image. Everything it does lives in [`sqlsim::host::image`].

fn main() -> std::process::ExitCode {
    sqlsim::host::image::main()
}
