//! Where bytes are kept: a machine's drives in memory, and a server's data directory on the host.
//!
//! # The data directory
//!
//! A server that was opened with a [`DataDirectory`] keeps everything that it
//! acknowledges there. Real files, a thread and real chance are reached from
//! nowhere else: a server without one stays in memory, and is the same each time.
//!
//! One write-ahead log serves the whole server. A *capture* takes everything
//! that changed since the last one, as one *batch*: log records of databases,
//! changes of what a database is (state, files, options, mirroring), restores,
//! logins, databases created and dropped. A batch counts as a whole or not at
//! all. tempdb is in none.
//!
//! Nothing leaves the server before the batches behind it are on disk
//! ([`crate::Instance::harden`]); one flush serves all who wait. Checkpoints
//! write images of the databases, in slices while sessions go on, and bound what
//! has to be read at the next start. Then what transactions had left open is
//! undone, as in any crash recovery.
//!
//! A last write that is torn is left out: nobody was told of it. Damage to what
//! had been flushed is told from it by the frames behind, and the server does
//! not start; it names the file and the offset. Formats are described where they
//! are written: segments and frames in `frame`, parts of a batch in `journal`,
//! entries in `outbox`, images in `image`, the manifest in `manifest`.

mod checkpoint;
mod directory;
mod frame;
mod header;
mod image;
mod journal;
mod manifest;
pub mod memory_files;
mod outbox;
mod replay;
mod wal;
mod writer;

pub(crate) use directory::draw_seed;
pub use directory::{DataDirectory, DataDirectoryError};
pub(crate) use outbox::Outbox;
pub use wal::LogLost;
pub(crate) use wal::WriteAheadLog;

#[cfg(test)]
mod tests;
