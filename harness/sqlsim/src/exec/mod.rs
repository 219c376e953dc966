//! Runs requests: batches of text, procedure calls, transaction requests.
//!
//! A request's whole outcome goes into the [`Sink`]; errors are messages there,
//! never return values. Every request ends with a DONE. A future of this module
//! may be dropped at any await (attention, KILL, a lost client); the session then calls
//! [`cancelled`], which puts right what the dropped future left.

use crate::instance::Instance;
use crate::session::rpc::{RpcRequest, TransactionRequest};
use crate::session::{Session, Sink};
use std::rc::Rc;

/// What a session remembers between requests: settings, prepared handles, temporary tables, its transaction.
#[derive(Debug, Default)]
pub struct ExecState {}

/// Runs a batch of text.
pub async fn batch(_instance: &Instance, _session: &Rc<Session>, _text: &str, _sink: &mut dyn Sink) {}

/// Runs a procedure call.
pub async fn rpc(_instance: &Instance, _session: &Rc<Session>, _request: &RpcRequest, _sink: &mut dyn Sink) {}

/// Carries out a transaction manager's request.
pub async fn transaction(
    _instance: &Instance,
    _session: &Rc<Session>,
    _request: &TransactionRequest,
    _sink: &mut dyn Sink,
) {
}

/// A running request was dropped (attention or KILL): undoes its statement, gives up its waits.
pub fn cancelled(_instance: &Instance, _session: &Rc<Session>) {}

/// A pooled client starts over (the reset bit): as `sp_reset_connection`.
pub fn reset(_instance: &Instance, _session: &Rc<Session>, _keep_transaction: bool, _sink: &mut dyn Sink) {}

/// The session ends: rolls its transaction back, frees its locks and temporary tables.
pub fn closed(_instance: &Instance, _session: &Rc<Session>) {}
