//! Views of locks and transactions.

use super::rows::{Rows, datetime};
use super::{View, ViewContext};
use crate::engine::Resource;

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "dm_tran_locks", columns: LOCKS, fill: dm_tran_locks },
    View { schema: "sys", name: "dm_tran_active_transactions", columns: ACTIVE, fill: active_transactions },
    View {
        schema: "sys",
        name: "dm_tran_session_transactions",
        columns: OF_SESSIONS,
        fill: session_transactions,
    },
    View {
        schema: "sys",
        name: "dm_tran_database_transactions",
        columns: OF_DATABASES,
        fill: database_transactions,
    },
];

const LOCKS: &str = "resource_type nvarchar(60) not null, resource_subtype nvarchar(60) not null = '', \
    resource_database_id int not null, resource_description nvarchar(256) not null = '', \
    resource_associated_entity_id bigint = 0, resource_lock_partition int not null = 0, \
    request_mode nvarchar(60) not null, request_type nvarchar(60) not null = LOCK, \
    request_status nvarchar(60) not null, request_reference_count smallint not null = 1, \
    request_lifetime int not null = 0, request_session_id int not null, \
    request_exec_context_id int not null = 0, request_request_id int not null = 0, \
    request_owner_type nvarchar(60) not null, request_owner_id bigint, \
    request_owner_guid uniqueidentifier, request_owner_lockspace_id nvarchar(32) not null = '', \
    lock_owner_address varbinary(8) not null = 0x0000000000000000, pdw_node_id int";

fn dm_tran_locks(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for lock in context.engine.locks.view() {
        if !(context.session.may_view_server_state(context.engine) || lock.session == context.session.id) {
            continue;
        }
        let (kind, database, description, entity) = match lock.resource {
            Resource::Database(id) => ("DATABASE", id, String::new(), 0),
            Resource::Table(id, table) => ("OBJECT", id, String::new(), i64::from(table)),
            Resource::Row(id, table, row) => ("KEY", id, format!("({row:012x})"), i64::from(table)),
        };
        let is_session = lock.transaction == 0;
        rows.add(|row| {
            row.set("resource_type", kind)
                .set("resource_database_id", database)
                .set("resource_description", description)
                .set("resource_associated_entity_id", entity)
                .set("request_mode", lock.mode.name())
                .set("request_status", if lock.is_granted { "GRANT" } else { "WAIT" })
                .set("request_session_id", lock.session)
                .set(
                    "request_owner_type",
                    if is_session { "SHARED_TRANSACTION_WORKSPACE" } else { "TRANSACTION" },
                )
                .set("request_owner_id", lock.transaction);
        });
    }
}

const ACTIVE: &str = "transaction_id bigint not null, name nvarchar(32) not null = user_transaction, \
    transaction_begin_time datetime not null, transaction_type int not null = 1, \
    transaction_uow uniqueidentifier, transaction_state int not null = 2, \
    transaction_status int not null = 0, transaction_status2 int not null = 0, dtc_state int not null = 0, \
    dtc_status int not null = 0, dtc_isolation_level int not null = -1, filestream_transaction_id varbinary(128)";

fn active_transactions(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for (id, transaction) in context.engine.transactions() {
        rows.add(|row| {
            row.set("transaction_id", id.0)
                .set("transaction_begin_time", datetime(transaction.began, offset));
        });
    }
}

const OF_SESSIONS: &str = "session_id int not null, transaction_id bigint not null, \
    transaction_descriptor binary(8) not null, enlist_count int not null = 1, \
    is_user_transaction bit not null = 1, is_local bit not null = 1, is_enlisted bit not null = 0, \
    is_bound bit not null = 0, open_transaction_count int not null";

fn session_transactions(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    for (id, transaction) in context.engine.transactions() {
        let session = context.instance.0.sessions.borrow().get(transaction.session);
        let count = session.map_or(1, |s| s.state.borrow().open_transactions);
        rows.add(|row| {
            row.set("session_id", transaction.session)
                .set("transaction_id", id.0)
                .set("transaction_descriptor", crate::value::Value::Binary(id.0.to_le_bytes().into()))
                .set("open_transaction_count", count);
        });
    }
}

const OF_DATABASES: &str = "transaction_id bigint not null, database_id int not null, \
    database_transaction_begin_time datetime, database_transaction_type int not null = 1, \
    database_transaction_state int not null = 4";

fn database_transactions(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    let offset = context.instance.0.clock.utc_offset_minutes();
    for (id, transaction) in context.engine.transactions() {
        for database in transaction.databases() {
            rows.add(|row| {
                row.set("transaction_id", id.0)
                    .set("database_id", database)
                    .set("database_transaction_begin_time", datetime(transaction.began, offset));
            });
        }
    }
}
