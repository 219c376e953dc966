//! One machine's drives in memory.
