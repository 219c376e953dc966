//! Functions about the server that give rows: its files, texts of requests, volumes, virtual log files, permissions.
//!
//! Rows are made without waiting; a function that needs a directory's content says so with
//! [`Fault::Listing`], and the statement runs again once the directory has been read.

use super::TableFunction;
use crate::catalog::definition::Definition;
use crate::catalog::rows::Rows;
use crate::catalog::sessions;
use crate::engine::Fault;
use crate::exec::environment::Environment;
use crate::files::{DirectoryEntry, join, split, trim_directory};
use crate::messages::error;
use crate::tsql::ast::ObjectName;
use crate::value::{ColumnMeta, Row, Value};
use std::rc::Rc;

/// A function: its name, whether it answers only as `sys.name`, its columns, and its rows.
struct ServerFunction {
    name: &'static str,
    needs_sys: bool,
    columns: &'static str,
    rows: TableFunction,
}

const FUNCTIONS: &[ServerFunction] = &[
    ServerFunction {
        name: "dm_os_enumerate_filesystem",
        needs_sys: true,
        columns: ENUMERATE,
        rows: enumerate_filesystem,
    },
    ServerFunction { name: "dm_os_file_exists", needs_sys: true, columns: EXISTS, rows: file_exists },
    ServerFunction { name: "dm_exec_sql_text", needs_sys: true, columns: SQL_TEXT, rows: sql_text },
    ServerFunction { name: "fn_get_sql", needs_sys: false, columns: SQL_TEXT, rows: sql_text },
    ServerFunction {
        name: "dm_exec_input_buffer",
        needs_sys: true,
        columns: INPUT_BUFFER,
        rows: input_buffer,
    },
    ServerFunction { name: "dm_db_log_info", needs_sys: true, columns: LOG_INFO, rows: log_info },
    ServerFunction {
        name: "dm_io_virtual_file_stats",
        needs_sys: true,
        columns: FILE_STATS,
        rows: file_stats,
    },
    ServerFunction { name: "fn_my_permissions", needs_sys: false, columns: MINE, rows: my_permissions },
    ServerFunction { name: "dm_os_volume_stats", needs_sys: true, columns: VOLUME, rows: volume_stats },
];

/// Finds a function with its columns.
pub(super) fn find(name: &ObjectName) -> Option<(TableFunction, Vec<ColumnMeta>)> {
    let of_sys = name.schema.as_deref().is_some_and(|schema| schema.eq_ignore_ascii_case("sys"));
    let found = FUNCTIONS.iter().find(|f| f.name.eq_ignore_ascii_case(&name.name))?;
    (of_sys || !found.needs_sys && name.schema.is_none())
        .then(|| (found.rows, Definition::parse(found.columns).columns.to_vec()))
}

fn text(arguments: &[Value], at: usize) -> Option<Rc<str>> {
    match arguments.get(at) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

fn int(arguments: &[Value], at: usize) -> Option<i64> {
    match arguments.get(at) {
        Some(Value::Int(n)) => Some(*n),
        Some(Value::Bit(bit)) => Some(i64::from(*bit)),
        _ => None,
    }
}

/// Rows of a definition, made by `fill`.
fn made(columns: &'static str, fill: impl FnOnce(&mut Rows<'_>)) -> Vec<Row> {
    let definition = Definition::parse(columns);
    let mut rows = Rows::new(&definition);
    fill(&mut rows);
    rows.finish()
}

/// VIEW SERVER STATE, or error 300.
fn needs_server_state(env: &Environment<'_>) -> Result<(), Fault> {
    if env.session.may_view_server_state(&env.instance.0.engine.borrow()) {
        return Ok(());
    }
    Err(error(300, 1, &[&"VIEW SERVER STATE", &"server", &"master"]).into())
}

// ---- files --------------------------------------------------------------------------

/// How many directories one call looks into.
const DIRECTORIES_MAX: usize = 10_000;

const ENUMERATE: &str = "full_filesystem_path nvarchar(512), parent_directory nvarchar(512), \
    file_or_directory_name nvarchar(512), level int, is_directory bit, is_read_only bit = 0, is_system bit = 0, \
    is_hidden bit = 0, has_integrity_stream bit = 0, is_temporary bit = 0, is_sparse bit = 0, \
    creation_time datetime2(7), last_access_time datetime2(7), last_write_time datetime2(7), size_in_bytes bigint";

/// What a directory held when this statement first asked.
fn listing(env: &Environment<'_>, directory: &str) -> Result<Option<Rc<[DirectoryEntry]>>, Fault> {
    let key: Rc<str> = directory.to_lowercase().into();
    match env.session.exec.borrow().listings.get(&key) {
        Some(known) => Ok(known.clone()),
        None => Err(Fault::Listing(directory.into())),
    }
}

/// A search pattern of the file system: `*` and `?`, in any case.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    n = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn enumerate_filesystem(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    needs_server_state(env)?;
    let root = text(arguments, 0).unwrap_or_else(|| "".into());
    let folded = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let pattern = match text(arguments, 1) {
        // `*.*` means every name, as the operating system has it.
        Some(pattern) if &*pattern != "*.*" => folded(&pattern),
        _ => vec!['*'],
    };
    let offset = env.instance.0.clock.utc_offset_minutes();
    let mut open = vec![(trim_directory(&root).to_owned(), 0_i64)];
    let mut found = Vec::new();
    let mut looked = 0;
    while let Some((directory, level)) = open.pop() {
        looked += 1;
        if looked > DIRECTORIES_MAX {
            let what = "sys.dm_os_enumerate_filesystem below more than 10000 directories";
            return Err(crate::messages::unsupported(&what).into());
        }
        let Some(entries) = listing(env, &directory)? else { continue };
        let mut below = Vec::new();
        for entry in entries.iter() {
            if fits(&pattern, &folded(&entry.name)) {
                found.push((directory.clone(), level, entry.clone()));
            }
            if entry.is_directory {
                below.push((join(&directory, &entry.name), level + 1));
            }
        }
        open.extend(below.into_iter().rev());
    }
    Ok(made(ENUMERATE, |rows| {
        for (directory, level, entry) in found {
            let when = moment(entry.modified, offset);
            rows.add(|row| {
                row.set("full_filesystem_path", join(&directory, &entry.name))
                    .set("parent_directory", join(&directory, ""))
                    .set("file_or_directory_name", entry.name.as_str())
                    .set("level", level)
                    .set("is_directory", entry.is_directory)
                    .set("creation_time", when.clone())
                    .set("last_access_time", when.clone())
                    .set("last_write_time", when)
                    .set("size_in_bytes", i64::try_from(entry.size).unwrap_or(i64::MAX));
            });
        }
    }))
}

/// A time of a file in the server's local time.
fn moment(at: jiff::Timestamp, offset_minutes: i16) -> Value {
    let moment = crate::value::datetime::Moment::of_timestamp(at, offset_minutes);
    Value::DateTime2 { days: moment.days, time: moment.time }
}

const EXISTS: &str =
    "file_exists bit not null, file_is_a_directory bit not null, parent_directory_exists bit not null";

fn file_exists(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    let path = text(arguments, 0).unwrap_or_else(|| "".into());
    let path = trim_directory(&path);
    let (directory, name) = split(path).unwrap_or(("", path));
    let parent = if directory.is_empty() { None } else { listing(env, directory)? };
    let entry = parent
        .as_ref()
        .and_then(|entries| entries.iter().find(|entry| entry.name.to_lowercase() == name.to_lowercase()));
    // A drive or a share has no directory above it.
    let is_root = entry.is_none() && listing(env, path)?.is_some();
    let is_directory = is_root || entry.is_some_and(|entry| entry.is_directory);
    Ok(made(EXISTS, |rows| {
        rows.add(|row| {
            row.set("file_exists", entry.is_some() && !is_directory)
                .set("file_is_a_directory", is_directory)
                .set("parent_directory_exists", parent.is_some() || is_root);
        });
    }))
}

const VOLUME: &str = "database_id int not null, file_id int not null, volume_mount_point nvarchar(512) not null, \
    volume_id nvarchar(512) not null = '', logical_volume_name nvarchar(512) not null = '', \
    file_system_type nvarchar(512) not null = NTFS, total_bytes bigint, available_bytes bigint, \
    supports_compression tinyint = 1, supports_alternate_streams tinyint = 1, supports_sparse_files tinyint = 1, \
    is_read_only tinyint = 0, is_compressed tinyint = 0";

/// The volume of a database's file. How large it is, is not modelled.
fn volume_stats(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    needs_server_state(env)?;
    let (database, file) = (int(arguments, 0), int(arguments, 1));
    let engine = env.instance.0.engine.borrow();
    let wanted = |id: i64, given: Option<i64>| given == Some(id);
    Ok(made(VOLUME, |rows| {
        for found in engine.databases().filter(|d| wanted(d.id.into(), database)) {
            for of_file in found.files.iter().filter(|f| wanted(i64::from(f.file_id), file)) {
                let drive: String = of_file.physical_name.chars().take(3).collect();
                rows.add(|row| {
                    row.set("database_id", found.id)
                        .set("file_id", i64::from(of_file.file_id))
                        .set("volume_mount_point", drive);
                });
            }
        }
    }))
}

const FILE_STATS: &str = "database_id smallint not null, file_id smallint not null, sample_ms bigint not null = 0, \
    num_of_reads bigint not null = 0, num_of_bytes_read bigint not null = 0, io_stall_read_ms bigint not null = 0, \
    io_stall_queued_read_ms bigint not null = 0, num_of_writes bigint not null = 0, \
    num_of_bytes_written bigint not null = 0, io_stall_write_ms bigint not null = 0, \
    io_stall_queued_write_ms bigint not null = 0, io_stall bigint not null = 0, \
    size_on_disk_bytes bigint not null, file_handle varbinary(8) not null = 0x00";

fn file_stats(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    needs_server_state(env)?;
    let (database, file) = (int(arguments, 0), int(arguments, 1));
    let engine = env.instance.0.engine.borrow();
    let wanted = |id: i64, given: Option<i64>| given.is_none_or(|given| given == id);
    Ok(made(FILE_STATS, |rows| {
        for found in engine.databases().filter(|d| wanted(d.id.into(), database)) {
            for of_file in found.files.iter().filter(|f| wanted(i64::from(f.file_id), file)) {
                rows.add(|row| {
                    row.set("database_id", found.id)
                        .set("file_id", i64::from(of_file.file_id))
                        .set("size_on_disk_bytes", of_file.size_pages * 8192);
                });
            }
        }
    }))
}

// ---- requests -----------------------------------------------------------------------

const SQL_TEXT: &str =
    "dbid smallint, objectid int, number smallint, encrypted bit not null = 0, text nvarchar(max)";

/// The text behind a handle: a batch that some session sent last. Other handles give no row.
fn sql_text(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    needs_server_state(env)?;
    let Some(Value::Binary(handle)) = arguments.first() else { return Ok(Vec::new()) };
    let all = env.instance.0.sessions.borrow();
    let found = all.iter().find_map(|session| {
        let text = session.state.borrow().last_text.clone();
        let own = sessions::sql_handle(&text)?;
        // `sysprocesses` shows 20 bytes, padded.
        (handle.len() >= own.len() && handle[..own.len()] == own).then_some(text)
    });
    Ok(made(SQL_TEXT, |rows| {
        if let Some(text) = found {
            rows.add(|row| {
                row.set("text", text);
            });
        }
    }))
}

const INPUT_BUFFER: &str =
    "event_type nvarchar(256) not null, parameters smallint not null = 0, event_info nvarchar(max)";

fn input_buffer(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    let Some(wanted) = int(arguments, 0).and_then(|id| u16::try_from(id).ok()) else { return Ok(Vec::new()) };
    if wanted != env.session.id {
        needs_server_state(env)?;
    }
    let found = env.instance.0.sessions.borrow().get(wanted);
    Ok(made(INPUT_BUFFER, |rows| {
        if let Some(session) = found {
            let state = session.state.borrow();
            rows.add(|row| {
                row.set("event_type", if state.last_is_call { "RPC Event" } else { "Language Event" })
                    .set("event_info", state.last_text.clone());
            });
        }
    }))
}

// ---- the log ------------------------------------------------------------------------

const LOG_INFO: &str = "database_id smallint not null, file_id smallint not null, vlf_begin_offset bigint not null, \
    vlf_size_mb float not null, vlf_sequence_number bigint not null, vlf_active bit not null, \
    vlf_status int not null, vlf_parity tinyint not null = 64, vlf_first_lsn nvarchar(48), \
    vlf_create_lsn nvarchar(48), vlf_encryptor_thumbprint varbinary(20)";

/// The log is one piece here: one virtual log file for each log file, the first in use.
fn log_info(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    needs_server_state(env)?;
    let database = int(arguments, 0).map_or(i64::from(env.database), |id| id);
    let engine = env.instance.0.engine.borrow();
    Ok(made(LOG_INFO, |rows| {
        for found in engine.databases().filter(|d| i64::from(d.id) == database) {
            for (at, file) in found.files.iter().filter(|file| file.is_log).enumerate() {
                rows.add(|row| {
                    row.set("database_id", found.id)
                        .set("file_id", i64::from(file.file_id))
                        .set("vlf_begin_offset", 8192)
                        .set("vlf_size_mb", Value::Float(file.size_pages as f64 / 128.0))
                        .set("vlf_sequence_number", if at == 0 { 1_i64 } else { 0 })
                        .set("vlf_active", at == 0)
                        .set("vlf_status", if at == 0 { 2_i64 } else { 0 });
                });
            }
        }
    }))
}

// ---- permissions --------------------------------------------------------------------

const MINE: &str = "entity_name nvarchar(128), subentity_name nvarchar(128), permission_name nvarchar(60)";

/// The permissions that the caller holds on the server, a database, a schema or an object.
fn my_permissions(env: &Environment<'_>, arguments: &[Value]) -> Result<Vec<Row>, Fault> {
    use crate::engine::Securable;
    use crate::engine::permissions::{DATABASE_PERMISSIONS, SERVER_PERMISSIONS};
    let securable = text(arguments, 0);
    let class = text(arguments, 1).map_or_else(String::new, |class| class.to_ascii_uppercase());
    let engine = env.instance.0.engine.borrow();
    let caller = env.session.caller();
    let in_database = |id: u32, on: Securable<'_>, all: bool| -> Vec<&'static str> {
        let wanted = DATABASE_PERMISSIONS.iter().filter(|(_, on_object)| all || *on_object);
        wanted.map(|(name, _)| *name).filter(|name| engine.has_permission(&caller, id, name, on)).collect()
    };
    let name = securable.as_deref().and_then(crate::exec::functions::parsed_name);
    let (entity, held) = match (class.as_str(), &name) {
        ("SERVER", _) => {
            let all = SERVER_PERMISSIONS.iter().map(|(name, _)| *name);
            ("server".into(), all.filter(|name| engine.has_server_permission(&caller, name)).collect())
        }
        ("DATABASE", None) => ("database".into(), in_database(env.database, Securable::Database, true)),
        ("DATABASE", Some(name)) => match engine.database_id(&name.name) {
            Some(id) => ("database".into(), in_database(id, Securable::Database, true)),
            None => return Ok(Vec::new()),
        },
        ("SCHEMA", Some(name)) => {
            (name.name.clone(), in_database(env.database, Securable::Schema(&name.name), false))
        }
        ("OBJECT", Some(name)) => {
            let schema = name.schema.as_deref().unwrap_or("dbo");
            match crate::exec::permissions::Object::named(&engine, env.database, schema, &name.name) {
                Some(object) => {
                    let on = Securable::Object(object.id, &object.schema);
                    (securable.clone().unwrap_or_else(|| "".into()), in_database(env.database, on, false))
                }
                None => return Ok(Vec::new()),
            }
        }
        _ => return Err(crate::messages::unsupported(&format!("fn_my_permissions of {class}")).into()),
    };
    Ok(made(MINE, |rows| {
        for permission in held {
            rows.add(|row| {
                row.set("entity_name", entity.clone())
                    .set("subentity_name", "")
                    .set("permission_name", permission);
            });
        }
    }))
}
