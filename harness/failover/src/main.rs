//! The `pchat-failover` program.

fn main() -> std::process::ExitCode {
    // The client library reports every server error as an event of its own; ours say it once.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,tiberius=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let code = failover::cli::invoke(std::env::args_os());
    std::process::ExitCode::from(u8::try_from(code).unwrap_or(1))
}
