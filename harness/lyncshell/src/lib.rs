//! lyncshell
