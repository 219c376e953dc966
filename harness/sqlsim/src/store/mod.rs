//! Where bytes are kept: a machine's drives in memory.

pub mod memory_files;
