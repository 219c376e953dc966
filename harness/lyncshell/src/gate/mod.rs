//! The gate: who is told of each cmdlet of a `lync-shell` that is a process of
//! its own, and may hold or fail it. A rehearsal's harness is behind it.
//!
//! The shell's side is [`GateObserver`], a [`CmdletObserver`](crate::CmdletObserver)
//! like any other; the harness's is [`serve`], which asks an observer of the
//! harness's own. Between them is one JSON object a line, in turns:
//!
//! ```text
//! shell  {"protocol":"lync-shell-gate","version":1,"machine":"chat-b1","process":4711}
//! gate   {"protocol":"lync-shell-gate","version":1}
//! shell  {"number":1,"cmdlet":"Set-CsPersistentChatState","phase":"started"}
//! gate   {"number":1,"verdict":"proceed"}               or {"number":1,"verdict":"fail","message":"…"}
//! shell  {"number":1,"cmdlet":"Set-CsPersistentChatState","phase":"finished","error":"…"}
//! gate   {"number":1,"verdict":"proceed"}
//! ```
//!
//! A finished cmdlet without `error` succeeded. A gate that does not speak the
//! shell's version answers with its own and ends; so does the shell.
//!
//! Invariants: the shell waits for an answer without a limit, since a harness
//! holds a cmdlet by not answering. No cmdlet runs that the gate has not let
//! pass: one that cannot be reached, goes away or answers something else fails
//! it before anything is changed. A line is at most [`LINE_BYTES_MAX`] long,
//! its end included; a longer one is refused unread.

mod client;
mod protocol;
mod server;

pub use client::{GateObserver, GateRoad};
pub use protocol::{LINE_BYTES_MAX, PROTOCOL, VERSION};
pub use server::{Visit, accept, serve};
