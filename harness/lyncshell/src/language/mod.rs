//! PowerShell, as much of it as failover scripts use: text to syntax tree
//! ([`source`], [`lower`], [`ast`]), values and their rules ([`value`],
//! [`convert`], [`operators`], [`members`]), evaluation ([`evaluate`],
//! [`expressions`]) and errors as PowerShell prints them ([`error`]).
//!
//! A construct that is not modelled is refused before anything of the script
//! runs, by name.

pub(crate) mod ast;
pub(crate) mod convert;
pub(crate) mod error;
pub(crate) mod evaluate;
pub(crate) mod expressions;
pub(crate) mod lower;
pub(crate) mod members;
pub(crate) mod operators;
mod pipes;
pub(crate) mod source;
pub(crate) mod value;
pub(crate) mod wildcard;
