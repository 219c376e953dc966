//! `firedrill serve` itself: how it ends, and who may use its folder.

use crate::support::{Estate, firedrill, run};
use std::path::Path;

const LITWARE: &str = "fixtures/estates/litware.toml";

/// Presses Ctrl-C.
#[cfg(unix)]
fn interrupt(process: u32) {
    let sent = std::process::Command::new("kill").args(["-INT", &process.to_string()]).status();
    assert!(sent.expect("kill is there").success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_served_estate_with_exit_code_130() {
    let estate = Estate::serve("interrupted", Path::new(LITWARE));
    interrupt(estate.serve.id());
    let (status, said) = estate.serve.end();
    assert_eq!(status.code(), Some(130), "{status}: {said}");
    assert!(said.ends_with("firedrill: interrupted; what was served has ended"), "{said}");
}

#[test]
fn a_second_serve_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let mut estate = Estate::serve("second", Path::new(LITWARE));
    let data = estate.folder.path("data");
    let (code, said) = run(firedrill().args(["serve", "--estate", LITWARE, "--data"]).arg(&data));
    assert_eq!(code, Some(4), "{said}");
    let holder = format!(
        "firedrill: {} is in use: process {} serves from it. Nothing in it has been changed.",
        data.display(),
        estate.serve.id()
    );
    assert!(said.contains(&holder), "{said}");
    estate.type_line("status");
    estate.serve.line_with("primary        sql-a1.litwareinc.com runs");
    estate.type_line("quit");
    assert_eq!(estate.serve.end().0.code(), Some(0));
}
