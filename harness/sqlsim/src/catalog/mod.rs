//! The system views: `sys.*`, `INFORMATION_SCHEMA.*` and the compatibility views of `master.dbo`.
//!
//! A view is a name, its columns in the manual's notation and a function that
//! makes its rows from the server's real state. A value that is not modelled is
//! NULL or the documented default; where that could mislead it is named in
//! [`crate::not_modelled`].

mod certificates;
mod databases;
pub mod definition;
mod details;
mod locks;
pub(crate) mod objects;
mod principals;
mod procedures;
pub mod rows;
pub mod scripts;
mod server;
pub(crate) mod sessions;
mod types;

use crate::engine::Engine;
use crate::instance::Instance;
use crate::session::Session;
use crate::value::{ColumnMeta, Row};
use definition::Definition;
use rows::Rows;
use std::cell::RefCell;
use std::rc::Rc;

/// A system view.
#[derive(Debug)]
pub struct View {
    /// Its schema: `sys`, `dbo` or `INFORMATION_SCHEMA`.
    pub schema: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its columns in the notation of [`definition`].
    columns: &'static str,
    /// Makes the rows.
    fill: fn(&ViewContext<'_>, &mut Rows<'_>),
}

/// What a view can look at. The engine is passed, not borrowed: the caller holds it.
#[derive(Clone, Copy, Debug)]
pub struct ViewContext<'a> {
    /// The server.
    pub instance: &'a Instance,
    /// Its databases, locks and transactions.
    pub engine: &'a Engine,
    /// Who asks.
    pub session: &'a Session,
    /// The database whose view it is (`mgc.sys.tables`, or the current one).
    pub database_id: u32,
}

impl View {
    /// The view's columns.
    #[must_use]
    pub fn columns(&'static self) -> Rc<[ColumnMeta]> {
        self.definition().columns.clone()
    }

    /// The view's rows now.
    #[must_use]
    pub fn rows(&'static self, context: &ViewContext<'_>) -> Vec<Row> {
        let definition = self.definition();
        let mut rows = Rows::new(&definition);
        (self.fill)(context, &mut rows);
        rows.finish()
    }

    /// The parsed columns, kept per thread.
    fn definition(&'static self) -> Rc<Definition> {
        thread_local! {
            static PARSED: RefCell<Vec<(&'static str, &'static str, Rc<Definition>)>> = const { RefCell::new(Vec::new()) };
        }
        PARSED.with_borrow_mut(|parsed| {
            if let Some((.., found)) = parsed.iter().find(|p| p.1 == self.name && p.0 == self.schema) {
                return found.clone();
            }
            let made = Rc::new(Definition::parse(self.columns));
            parsed.push((self.schema, self.name, made.clone()));
            made
        })
    }
}

/// All views, by family.
const FAMILIES: &[&[View]] = &[
    sessions::VIEWS,
    databases::VIEWS,
    locks::VIEWS,
    types::VIEWS,
    objects::VIEWS,
    details::VIEWS,
    principals::VIEWS,
    server::VIEWS,
    certificates::VIEWS,
];

/// Finds a view by schema and name, case-insensitively.
///
/// The compatibility views (`sysprocesses`, `sysdatabases`, `syslogins` …) answer
/// in the schemas `sys` and `dbo` of every database, as SQL Server resolves them.
#[must_use]
pub fn view(schema: &str, name: &str) -> Option<&'static View> {
    let compatible = schema.eq_ignore_ascii_case("dbo");
    FAMILIES.iter().flat_map(|family| family.iter()).find(|v| {
        v.name.eq_ignore_ascii_case(name)
            && (v.schema.eq_ignore_ascii_case(schema)
                || (compatible && v.schema == "sys" && COMPATIBILITY_VIEWS.contains(&v.name)))
    })
}

/// Views of `sys` that also answer as `dbo.name` and without a schema.
const COMPATIBILITY_VIEWS: &[&str] = &["sysprocesses", "sysdatabases", "syslogins", "sysobjects", "sysusers"];

/// Views of the product that are not here: reading one says so by name, not that it does not exist.
const REFUSED_VIEWS: &[&str] = &[
    "asymmetric_keys",
    "assemblies",
    "availability_databases_cluster",
    "availability_group_listeners",
    "availability_groups",
    "availability_replicas",
    "backup_devices",
    "column_store_segments",
    "credentials",
    "cryptographic_providers",
    "database_audit_specifications",
    "database_automatic_tuning_options",
    "database_scoped_configurations",
    "dm_clr_properties",
    "dm_cdc_errors",
    "dm_db_file_space_usage",
    "dm_db_index_operational_stats",
    "dm_db_index_usage_stats",
    "dm_db_mirroring_auto_page_repair",
    "dm_db_mirroring_past_actions",
    "dm_db_missing_index_details",
    "dm_db_missing_index_groups",
    "dm_db_missing_index_group_stats",
    "dm_db_session_space_usage",
    "dm_db_task_space_usage",
    "dm_exec_background_job_queue",
    "dm_exec_cached_plans",
    "dm_exec_procedure_stats",
    "dm_exec_query_memory_grants",
    "dm_exec_query_stats",
    "dm_exec_trigger_stats",
    "dm_hadr_availability_group_states",
    "dm_hadr_availability_replica_states",
    "dm_hadr_cluster",
    "dm_hadr_database_replica_states",
    "dm_io_pending_io_requests",
    "dm_os_buffer_descriptors",
    "dm_os_cluster_nodes",
    "dm_os_latch_stats",
    "dm_os_loaded_modules",
    "dm_os_memory_cache_counters",
    "dm_os_memory_clerks",
    "dm_os_nodes",
    "dm_os_performance_counters",
    "dm_os_process_memory",
    "dm_os_ring_buffers",
    "dm_os_schedulers",
    "dm_os_sys_memory",
    "dm_os_tasks",
    "dm_os_threads",
    "dm_os_wait_stats",
    "dm_os_workers",
    "dm_server_memory_dumps",
    "dm_server_registry",
    "dm_tran_version_store",
    "dm_xe_sessions",
    "endpoint_webmethods",
    "event_notifications",
    "extended_procedures",
    "extended_properties",
    "fulltext_catalogs",
    "fulltext_indexes",
    "linked_logins",
    "master_key_passwords",
    "openkeys",
    "partition_functions",
    "partition_schemes",
    "plan_guides",
    "remote_logins",
    "resource_governor_configuration",
    "resource_governor_resource_pools",
    "resource_governor_workload_groups",
    "server_audits",
    "server_event_sessions",
    "server_triggers",
    "services",
    "service_queues",
    "syscacheobjects",
    "sysdepends",
    "sysfulltextcatalogs",
    "sysopentapes",
    "sysperfinfo",
    "syspermissions",
    "sysprotects",
    "sysremotelogins",
    "system_components_surface_area_configuration",
    "trace_events",
    "traces",
    "transmission_queue",
    "xml_indexes",
    "xml_schema_collections",
];

/// A view of `sys` (or a compatibility view) that is not here, spelt as the manual does.
pub(crate) fn refused_view(schema: &str, name: &str) -> Option<&'static str> {
    let of_sys = schema.eq_ignore_ascii_case("sys");
    let found = REFUSED_VIEWS.iter().copied().find(|known| known.eq_ignore_ascii_case(name))?;
    (of_sys || schema.eq_ignore_ascii_case("dbo") && found.starts_with("sys")).then_some(found)
}

/// Number and kind (as in `sys.all_objects.type`) of an object that comes with the server: a system procedure, or a
/// view of the catalog. As with SQL Server the number is negative and the same in every database; which one it is there
/// is not documented, so no two servers need to agree.
pub(crate) fn system_object(schema: &str, name: &str, in_msdb: bool) -> Option<(i32, &'static str)> {
    let of_system = ["sys", "dbo"].iter().any(|known| known.eq_ignore_ascii_case(schema));
    let is_procedure = of_system
        && (crate::exec::procedures::find(name, in_msdb).is_some() || scripts::procedure(name).is_some());
    let kind = match is_procedure {
        true if name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xp_")) => "X",
        true => "P",
        false if view(schema, name).is_some() || scripts::view(schema, name).is_some() => "V",
        false => return None,
    };
    let digest = crc32fast::hash(name.to_ascii_lowercase().as_bytes());
    Some((-1 - i32::try_from(digest >> 2).unwrap_or(0), kind))
}

/// All views, for tests and listings.
pub fn views() -> impl Iterator<Item = &'static View> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Whether `sys.messages` has a message of this number: one that this server can raise.
#[must_use]
pub fn is_message(number: i64) -> bool {
    crate::messages::MESSAGES.iter().any(|message| i64::from(message.number) == number)
}

pub(crate) use procedures::system::refused as refused_procedure;

/// Its system procedures, by family.
pub const PROCEDURES: &[&[crate::exec::procedures::Procedure]] = procedures::PROCEDURES;

#[cfg(test)]
pub(crate) mod tests;
