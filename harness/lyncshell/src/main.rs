//! The `lync-shell` program.

fn main() {}
