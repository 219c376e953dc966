//! Lints the repository: who may know whom, no leftovers, nothing forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders deep")
        .to_owned()
}

fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be read") {
            let path = entry.expect("an entry of the repository can be read").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Our crates that a manifest names as dependencies of any kind.
fn known_crates(manifest: &str) -> BTreeSet<String> {
    const OURS: [&str; 4] = ["failover", "sqlsim", "lyncshell", "firedrill"];
    let table: toml::Table = manifest.parse().expect("a manifest is TOML");
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| table.get(*section)?.as_table())
        .flat_map(|t| t.keys().cloned())
        .filter(|name| OURS.contains(&name.as_str()))
        .collect()
}

/// Whether a source text names a module or crate as a path or in a `use`.
fn names(source: &str, word: &str) -> bool {
    source.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = &line[at + word.len()..];
            let starts = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
            starts && after.starts_with("::")
        })
    })
}

#[rstest::rstest]
#[case("failover", &[])]
#[case("sqlsim", &[])]
#[case("lyncshell", &[])]
#[case("firedrill", &["failover", "lyncshell", "sqlsim"])]
fn a_crate_knows_only_whom_it_may_know(#[case] krate: &str, #[case] allowed: &[&str]) {
    let manifest = fs::read_to_string(root().join("harness").join(krate).join("Cargo.toml"))
        .expect("the manifest is there");
    let allowed: BTreeSet<String> = allowed.iter().map(|s| (*s).to_owned()).collect();
    assert_eq!(known_crates(&manifest), allowed, "{krate} knows others than it may");
}

#[test]
fn the_oracle_learns_neither_of_the_simulator_nor_of_the_failover() {
    let source = root().join("harness/firedrill/src");
    let oracle: Vec<PathBuf> = rust_files(&source)
        .into_iter()
        .filter(|p| {
            p.strip_prefix(&source).is_ok_and(|p| p.starts_with("oracle") || p == Path::new("oracle.rs"))
        })
        .collect();
    assert!(!oracle.is_empty(), "the oracle has moved: tell this test where");
    for file in oracle {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        for forbidden in ["sqlsim", "failover", "red"] {
            assert!(!names(&text, forbidden), "{} names {forbidden}", file.display());
        }
    }
}

#[test]
fn no_source_file_holds_leftovers_or_lints_silenced_without_a_reason() {
    let leftovers = [
        ["to", "do!("],
        ["unimpl", "emented!("],
        ["FIX", "ME"],
        ["X", "XX"],
        ["db", "g!("],
        ["#[ig", "nore"],
        ["#[al", "low("],
        ["#![al", "low("],
    ];
    let mut found = Vec::new();
    for file in rust_files(&root().join("harness")).into_iter().chain(rust_files(&root().join("tests"))) {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        for (number, line) in text.lines().enumerate() {
            for leftover in &leftovers {
                if line.contains(&leftover.concat()) {
                    found.push(format!("{}:{}: {line}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_module_says_what_it_owns() {
    for file in rust_files(&root().join("harness")) {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        assert!(text.starts_with("//!"), "{} does not open with what it owns", file.display());
    }
}

#[test]
fn readme_and_ci_name_the_same_test_command() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("README.md and .ci/run are there");
    for command in ["cargo test --workspace", "cargo run --release -- run"] {
        assert!(read("README.md").contains(command), "README.md lacks `{command}`");
    }
    assert!(read(".ci/run").contains("cargo test --workspace"), ".ci/run lacks README's test command");
}
