//! lyncshell
fn main() {}
