//! DBCC: what checks, what shows, and the little that changes something.
//!
//! A command of the manual that is not here is refused by name (40510), a word that is none gets 2526.

use super::run::{Activation, Failure, Runner};
use crate::catalog::definition::Definition;
use crate::catalog::rows::{RowDraft, Rows};
use crate::engine::permissions::role;
use crate::engine::{Database, DatabaseId, NamedObject, Securable, UserAccess};
use crate::error::SqlResult;
use crate::messages::{error, unsupported};
use crate::tsql::ast::Expr;
use crate::value::{Row, Value};
use std::rc::Rc;

/// Commands of the manual that are not carried out here.
const NOT_CARRIED_OUT: &[&str] = &[
    "CHECKCONSTRAINTS",
    "CLONEDATABASE",
    "DBINFO",
    "DBREPAIR",
    "IND",
    "LOG",
    "MEMORYSTATUS",
    "OUTPUTBUFFER",
    "PAGE",
    "PROCCACHE",
    "SHOW_STATISTICS",
    "SHOWCONTIG",
    "STACKDUMP",
];

/// Trace flags that change no result here: where DBCC prints, and how the product allocates and plans.
const TRACE_FLAGS: &[i64] =
    &[1117, 1118, 2335, 2371, 2453, 3604, 3605, 4136, 4137, 4138, 4139, 4199, 8048, 9481];

/// The text of an argument and whether it was a number.
type Argument = Option<Rc<str>>;

/// Runs a DBCC command.
pub(super) async fn run(
    runner: &mut Runner<'_>,
    activation: &Activation,
    command: &str,
    arguments: &[Expr],
    options: &[Rc<str>],
) -> Result<(), Failure> {
    let mut given: Vec<Argument> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        given.push(runner.evaluate_text(activation, argument).await?);
    }
    let first = given.first().cloned().flatten();
    let tells = !options.iter().any(|option| &**option == "NO_INFOMSGS");
    let in_table = options.iter().any(|option| &**option == "TABLERESULTS");
    match command {
        "CHECKDB" | "CHECKALLOC" | "CHECKCATALOG" | "CHECKFILEGROUP" => {
            check_database(runner, command, &given, tells, in_table)?;
        }
        "CHECKTABLE" => check_table(runner, first.as_deref(), tells)?,
        "OPENTRAN" => open_transaction(runner, first.as_deref(), tells, in_table)?,
        "SQLPERF" => log_space(runner, first.as_deref())?,
        "LOGINFO" => log_info(runner, first.as_deref())?,
        "INPUTBUFFER" => input_buffer(runner, first.as_deref())?,
        "USEROPTIONS" => user_options(runner)?,
        "TRACEON" | "TRACEOFF" => trace(runner, command, &given)?,
        "TRACESTATUS" => trace_status(runner, &given)?,
        "CHECKIDENT" => check_identity(runner, activation, &given, tells).await?,
        "SHRINKFILE" | "SHRINKDATABASE" => shrink(runner, command, &given)?,
        // Nothing is counted wrongly, kept too long or out of order here: these change no result.
        "UPDATEUSAGE" | "CLEANTABLE" | "DBREINDEX" | "INDEXDEFRAG" => {
            if matches!(command, "CLEANTABLE" | "DBREINDEX") {
                let table = if command == "DBREINDEX" { first } else { given.get(1).cloned().flatten() };
                object(runner, table.as_deref().unwrap_or(""))?;
            }
        }
        "FREEPROCCACHE" | "FREESYSTEMCACHE" | "FREESESSIONCACHE" | "DROPCLEANBUFFERS" => {
            server_permission(runner, "ALTER SERVER STATE", command)?;
        }
        known if NOT_CARRIED_OUT.contains(&known) || known == "HELP" => {
            return Err(unsupported(&format!("DBCC {known}")).into());
        }
        _ => return Err(error(2526, 3, &[]).into()),
    }
    if tells && command != "CHECKCONSTRAINTS" {
        runner.tell(&error(2528, 1, &[]));
    }
    Ok(())
}

impl Runner<'_> {
    /// Sends an information message of the running statement.
    fn tell(&mut self, message: &crate::SqlError) {
        let message = crate::SqlError { line: self.line, ..message.clone() };
        self.sink.message(&message);
    }

    /// Sends a line without a number.
    fn tell_line(&mut self, text: &str) {
        self.tell(&super::print_message(text));
    }

    /// Sends a result set, or keeps it for INSERT … EXEC.
    fn give_rows(&mut self, columns: &str, fill: impl FnOnce(&mut Rows<'_>)) {
        let definition = Definition::parse(columns);
        let mut rows = Rows::new(&definition);
        fill(&mut rows);
        let rows: Vec<Row> = rows.finish();
        if let Some(captured) = &mut self.captured {
            captured.push((definition.columns.to_vec(), rows));
            return;
        }
        self.sink.columns(&definition.columns);
        for row in &rows {
            self.sink.row(row);
        }
        self.done(0xC1, Some(rows.len() as u64), false);
    }
}

/// The database that an argument names, or the current one; open, and the caller's to check.
fn database(runner: &Runner<'_>, command: &str, name: Option<&str>) -> SqlResult<DatabaseId> {
    let engine = runner.instance.0.engine.borrow();
    let current = runner.session.state.borrow().database_id;
    let found = match name.map(str::trim) {
        None | Some("0" | "") => engine.database(current),
        Some(name) => {
            let by_id = name.parse::<u32>().ok().and_then(|id| engine.database(id));
            by_id.or_else(|| engine.database_by_name(name))
        }
    };
    let database = found.ok_or_else(|| error(2520, 5, &[&name.unwrap_or("")]))?;
    engine.can_open(database.id, runner.session)?;
    let caller = runner.session.caller();
    let user = engine.user_in(&caller, database);
    let owns = runner.session.acts_as_sysadmin()
        || user.is_some_and(|user| {
            let roles = crate::engine::permissions::roles_of(&database.content, user);
            roles.contains(&role::OWNER) || roles.contains(&crate::engine::permissions::DBO)
        });
    if !owns {
        return Err(error(7983, 5, &[&caller.login, &command, &database.name]));
    }
    Ok(database.id)
}

fn server_permission(runner: &Runner<'_>, permission: &str, command: &str) -> SqlResult<()> {
    let engine = runner.instance.0.engine.borrow();
    let caller = runner.session.caller();
    if runner.session.acts_as_sysadmin() || engine.has_server_permission(&caller, permission) {
        return Ok(());
    }
    Err(error(2571, 2, &[&caller.login, &command]))
}

/// A table by name, as `t`, `dbo.t` or `d.dbo.t`: its database, id and name.
fn object(runner: &Runner<'_>, text: &str) -> SqlResult<(DatabaseId, crate::engine::ObjectId, Rc<str>)> {
    let unknown = || error(2501, 45, &[&text]);
    let name = super::functions::parsed_name(text).ok_or_else(unknown)?;
    let engine = runner.instance.0.engine.borrow();
    let id = match &name.database {
        Some(database) => engine.database_id(database).ok_or_else(unknown)?,
        None => runner.session.state.borrow().database_id,
    };
    engine.can_open(id, runner.session)?;
    let content = engine.database(id).map(|database| &database.content).ok_or_else(unknown)?;
    let schema = name.schema.as_deref().unwrap_or("dbo");
    match content.object_by_name(schema, &name.name) {
        Some(NamedObject::Table(def)) => {
            let on = Securable::Object(def.object_id, &def.schema);
            if !runner.session.acts_as_sysadmin()
                && !engine.has_permission(&runner.session.caller(), id, "ALTER", on)
            {
                return Err(unknown());
            }
            Ok((id, def.object_id, def.name.clone()))
        }
        _ => Err(unknown()),
    }
}

// ---- checks -------------------------------------------------------------------------

const CHECK_RESULTS: &str = "Error int, Level int, State int, MessageText nvarchar(2048), \
    RepairLevel nvarchar(22), Status int, DbId smallint, DbFragId smallint, ObjectId int, IndexId int, \
    PartitionId bigint, AllocUnitId bigint, RidDbId smallint, RidPruId smallint, [File] smallint, Page int, \
    Slot int, RefDbId smallint, RefPruId smallint, RefFile smallint, RefPage int, RefSlot int, Allocation smallint";

/// CHECKDB and its parts. What is in memory is sound, or the server would not run: nothing is ever found.
fn check_database(
    runner: &mut Runner<'_>,
    command: &str,
    given: &[Argument],
    tells: bool,
    in_table: bool,
) -> SqlResult<()> {
    let id = database(
        runner,
        command,
        given.first().and_then(Option::as_deref).filter(|_| command != "CHECKFILEGROUP"),
    )?;
    let repairs = given.iter().skip(1).flatten().any(|word| word.to_ascii_uppercase().starts_with("REPAIR_"));
    let mut lines = Vec::new();
    {
        let engine = runner.instance.0.engine.borrow();
        let Some(checked) = engine.database(id) else { return Err(error(913, 1, &[&id])) };
        if repairs && checked.user_access != UserAccess::Single {
            return Err(error(7919, 3, &[]));
        }
        if command != "CHECKCATALOG" {
            lines.push(error(2536, 1, &[&checked.name]));
            if command != "CHECKALLOC" {
                for table in checked.content.tables() {
                    lines.push(error(2536, 1, &[&table.def.name]));
                    lines.push(error(2593, 1, &[&table.len(), &pages(table.data_bytes()), &table.def.name]));
                }
            }
            lines.push(error(8989, 1, &[&command, &0, &0, &checked.name]));
        }
    }
    if !tells {
        return Ok(());
    }
    if in_table {
        runner.give_rows(CHECK_RESULTS, |rows| {
            for line in &lines {
                rows.add(|row| {
                    row.set("Error", line.number)
                        .set("Level", i32::from(line.severity))
                        .set("State", i32::from(line.state))
                        .set("MessageText", line.message.as_str())
                        .set("Status", 0)
                        .set("DbId", id);
                });
            }
        });
        return Ok(());
    }
    for line in &lines {
        runner.tell(line);
    }
    Ok(())
}

/// Pages of 8 KiB that rows of so many bytes take.
fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(8096)
}

fn check_table(runner: &mut Runner<'_>, name: Option<&str>, tells: bool) -> SqlResult<()> {
    let (database, id, name) = object(runner, name.unwrap_or(""))?;
    if tells {
        let (rows, bytes) = {
            let engine = runner.instance.0.engine.borrow();
            let table = engine.database(database).and_then(|database| database.content.table(id));
            table.map_or((0, 0), |table| (table.len(), table.data_bytes()))
        };
        runner.tell(&error(2536, 1, &[&name]));
        runner.tell(&error(2593, 1, &[&rows, &pages(bytes), &name]));
    }
    Ok(())
}

// ---- transactions, log, requests ------------------------------------------------------

const OPEN_TRANSACTION: &str = "Name nvarchar(25), Value nvarchar(100)";

/// The oldest transaction that has written to a database.
fn open_transaction(
    runner: &mut Runner<'_>,
    name: Option<&str>,
    tells: bool,
    in_table: bool,
) -> SqlResult<()> {
    let id = database(runner, "OPENTRAN", name)?;
    let (name, oldest) = {
        let engine = runner.instance.0.engine.borrow();
        let Some(database) = engine.database(id) else { return Err(error(913, 1, &[&id])) };
        let mut writers = engine.transactions().filter(|(_, t)| t.databases().any(|written| written == id));
        let oldest = writers.next().map(|(_, transaction)| {
            let login = runner.instance.0.sessions.borrow().get(transaction.session).map(|s| s.login.clone());
            let sid = login.and_then(|login| engine.login(&login).map(|login| login.sid.clone()));
            let lsn = transaction
                .number_in(id)
                .and_then(|number| database.first_lsn_of(number))
                .unwrap_or_default();
            (transaction.session, transaction.began, lsn, sid.unwrap_or_else(|| Rc::from([])))
        });
        (database.name.clone(), oldest)
    };
    let Some((session, began, lsn, sid)) = oldest else {
        if tells {
            runner.tell(&error(7969, 1, &[]));
        }
        return Ok(());
    };
    let offset = runner.instance.0.clock.utc_offset_minutes();
    let began = crate::value::convert::display(
        &crate::catalog::rows::datetime(began, offset),
        crate::value::DataType::DateTime,
        109,
    )
    .unwrap_or_default();
    let sid: String = sid.iter().map(|byte| format!("{byte:02x}")).collect();
    let lsn = format!("({lsn})");
    if in_table {
        let lines = [
            ("OLDACT_SPID", session.to_string()),
            ("OLDACT_UID", "-1".to_owned()),
            ("OLDACT_NAME", "user_transaction".to_owned()),
            ("OLDACT_LSN", lsn),
            ("OLDACT_STARTTIME", began),
            ("OLDACT_SID", format!("0x{sid}")),
        ];
        runner.give_rows(OPEN_TRANSACTION, |rows| {
            for (name, value) in lines {
                rows.add(|row| {
                    row.set("Name", name).set("Value", value);
                });
            }
        });
        return Ok(());
    }
    if tells {
        runner.tell_line(&format!("Transaction information for database '{name}'."));
        runner.tell_line("");
    }
    runner.tell_line("Oldest active transaction:");
    runner.tell_line(&format!("    SPID (server process ID): {session}"));
    runner.tell_line("    UID (user ID) : -1");
    runner.tell_line("    Name          : user_transaction");
    runner.tell_line(&format!("    LSN           : {lsn}"));
    runner.tell_line(&format!("    Start time    : {began}"));
    runner.tell_line(&format!("    SID           : 0x{sid}"));
    Ok(())
}

const LOG_SPACE: &str =
    "[Database Name] nvarchar(128), [Log Size (MB)] real, [Log Space Used (%)] real, Status int";

fn log_megabytes(database: &Database) -> f64 {
    let pages: i64 = database.files.iter().filter(|file| file.is_log).map(|file| file.size_pages).sum();
    pages as f64 / 128.0
}

/// SQLPERF(LOGSPACE). The other arguments clear statistics that are not kept.
fn log_space(runner: &mut Runner<'_>, what: Option<&str>) -> SqlResult<()> {
    let what = what.unwrap_or("").to_ascii_uppercase();
    if what != "LOGSPACE" {
        return Err(unsupported(&format!("DBCC SQLPERF({what})")));
    }
    if !runner.session.may_view_server_state(&runner.instance.0.engine.borrow()) {
        return Err(error(297, 1, &[]));
    }
    let found: Vec<(Rc<str>, f64, f64)> = {
        let engine = runner.instance.0.engine.borrow();
        let open = engine.databases().filter(|database| database.is_open());
        open.map(|database| {
            let size = log_megabytes(database);
            let used = database.log_bytes_used() as f64 / 1_048_576.0;
            (database.name.clone(), size, if size > 0.0 { (used * 100.0 / size).min(100.0) } else { 0.0 })
        })
        .collect()
    };
    runner.give_rows(LOG_SPACE, |rows| {
        for (name, size, used) in found {
            rows.add(|row| {
                row.set("Database Name", name)
                    .set("Log Size (MB)", Value::Real(size as f32))
                    .set("Log Space Used (%)", Value::Real(used as f32))
                    .set("Status", 0);
            });
        }
    });
    Ok(())
}

const LOG_INFO: &str = "RecoveryUnitId int, FileId int, FileSize bigint, StartOffset bigint, FSeqNo int, \
    Status int, Parity tinyint, CreateLSN numeric(25,0)";

/// One virtual log file for each log file: the log is in one piece here.
fn log_info(runner: &mut Runner<'_>, name: Option<&str>) -> SqlResult<()> {
    let id = database(runner, "LOGINFO", name)?;
    let files: Vec<(i32, i64)> = {
        let engine = runner.instance.0.engine.borrow();
        let files = engine.database(id).into_iter().flat_map(|database| database.files.iter());
        files.filter(|file| file.is_log).map(|file| (file.file_id, file.size_pages)).collect()
    };
    runner.give_rows(LOG_INFO, |rows| {
        for (at, (file, pages)) in files.iter().enumerate() {
            rows.add(|row| {
                row.set("RecoveryUnitId", 0)
                    .set("FileId", *file)
                    .set("FileSize", pages * 8192 - 8192)
                    .set("StartOffset", 8192_i64)
                    .set("FSeqNo", if at == 0 { 34 } else { 0 })
                    .set("Status", if at == 0 { 2 } else { 0 })
                    .set("Parity", 64_i64)
                    .set("CreateLSN", Value::Decimal(crate::value::Decimal::whole(0)));
            });
        }
    });
    Ok(())
}

const INPUT_BUFFER: &str = "EventType nvarchar(30), Parameters smallint, EventInfo nvarchar(4000)";

fn input_buffer(runner: &mut Runner<'_>, session: Option<&str>) -> SqlResult<()> {
    let Some(id) = session.and_then(|text| text.trim().parse::<u16>().ok()) else {
        return Err(error(2526, 3, &[]));
    };
    if id != runner.session.id {
        server_permission(runner, "VIEW SERVER STATE", "INPUTBUFFER")?;
    }
    let found = runner.instance.0.sessions.borrow().get(id);
    let Some(found) = found else { return Err(error(7955, 2, &[&id])) };
    let (text, is_call) = {
        let state = found.state.borrow();
        (state.last_text.chars().take(4000).collect::<String>(), state.last_is_call)
    };
    runner.give_rows(INPUT_BUFFER, |rows| {
        rows.add(|row| {
            row.set("EventType", if is_call { "RPC Event" } else { "Language Event" })
                .set("Parameters", 0)
                .set("EventInfo", text);
        });
    });
    Ok(())
}

// ---- settings -----------------------------------------------------------------------

const USER_OPTIONS: &str = "[Set Option] nvarchar(128), Value nvarchar(128)";

fn user_options(runner: &mut Runner<'_>) -> SqlResult<()> {
    let lines = {
        let state = runner.session.exec.borrow();
        let settings = &state.settings;
        let mut lines = vec![
            ("textsize", settings.text_size.to_string()),
            ("language", "us_english".to_owned()),
            ("dateformat", "mdy".to_owned()),
            ("datefirst", settings.date_first.to_string()),
            ("lock_timeout", settings.lock_timeout_ms.to_string()),
        ];
        let switches = [
            ("quoted_identifier", settings.quoted_identifier),
            ("arithabort", settings.arith_abort),
            ("nocount", settings.no_count),
            ("xact_abort", settings.xact_abort),
            ("implicit_transactions", settings.implicit_transactions),
            ("ansi_null_dflt_on", true),
            ("ansi_warnings", settings.ansi_warnings),
            ("ansi_padding", true),
            ("ansi_nulls", true),
            ("concat_null_yields_null", settings.concat_null_yields_null),
        ];
        lines.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name, "SET".to_owned())));
        lines.push(("isolation level", isolation_name(settings.isolation).to_owned()));
        lines
    };
    runner.give_rows(USER_OPTIONS, |rows| {
        for (name, value) in lines {
            rows.add(|row| {
                row.set("Set Option", name).set("Value", value);
            });
        }
    });
    Ok(())
}

/// An isolation level as `DBCC USEROPTIONS` names it.
fn isolation_name(level: crate::tsql::ast::Isolation) -> &'static str {
    use crate::tsql::ast::Isolation;
    match level {
        Isolation::ReadUncommitted => "read uncommitted",
        Isolation::ReadCommitted => "read committed",
        Isolation::RepeatableRead => "repeatable read",
        Isolation::Serializable => "serializable",
        Isolation::Snapshot => "snapshot",
    }
}

fn numbers(given: &[Argument]) -> SqlResult<Vec<i64>> {
    let number = |text: &Argument| text.as_deref().and_then(|text| text.trim().parse().ok());
    given.iter().map(|text| number(text).ok_or_else(|| error(2526, 3, &[]))).collect()
}

/// TRACEON and TRACEOFF: flags that change no result are remembered, others are refused by name.
fn trace(runner: &mut Runner<'_>, command: &str, given: &[Argument]) -> SqlResult<()> {
    server_permission(runner, "ALTER SERVER STATE", command)?;
    let mut flags = numbers(given)?;
    let is_global = flags.last() == Some(&-1);
    if is_global {
        flags.pop();
    }
    if let Some(unknown) = flags.iter().find(|flag| !TRACE_FLAGS.contains(flag)) {
        return Err(unsupported(&format!("trace flag {unknown}")));
    }
    let on = command == "TRACEON";
    let mut known = runner.instance.0.engine.borrow().global_trace_flags.clone();
    let mut state = runner.session.exec.borrow_mut();
    for flag in flags {
        let set = if is_global { &mut known } else { &mut state.trace_flags };
        if on {
            set.insert(flag)
        } else {
            set.remove(&flag)
        };
    }
    drop(state);
    runner.instance.0.engine.borrow_mut().global_trace_flags = known;
    Ok(())
}

const TRACE_STATUS: &str = "TraceFlag smallint, Status smallint, Global smallint, Session smallint";

fn trace_status(runner: &mut Runner<'_>, given: &[Argument]) -> SqlResult<()> {
    let asked = numbers(given)?;
    let all = asked.is_empty() || asked == [-1];
    let global = runner.instance.0.engine.borrow().global_trace_flags.clone();
    let own = runner.session.exec.borrow().trace_flags.clone();
    let mut flags: Vec<i64> = if all { global.union(&own).copied().collect() } else { asked };
    flags.retain(|flag| *flag != -1);
    if flags.is_empty() {
        return Ok(());
    }
    runner.give_rows(TRACE_STATUS, |rows| {
        for flag in flags {
            let (is_global, is_own) = (global.contains(&flag), own.contains(&flag));
            rows.add(|row| {
                row.set("TraceFlag", flag)
                    .set("Status", i32::from(is_global || is_own))
                    .set("Global", i32::from(is_global))
                    .set("Session", i32::from(is_own));
            });
        }
    });
    Ok(())
}

// ---- changes --------------------------------------------------------------------------

/// CHECKIDENT: tells the identity value, and sets it.
async fn check_identity(
    runner: &mut Runner<'_>,
    activation: &Activation,
    given: &[Argument],
    tells: bool,
) -> Result<(), Failure> {
    let (database, id, name) = object(runner, given.first().and_then(Option::as_deref).unwrap_or(""))?;
    let (identity, current, highest) = {
        let engine = runner.instance.0.engine.borrow();
        let found = engine.database(database).and_then(|database| database.content.table(id));
        let Some(table) = found else { return Err(error(2501, 45, &[&name]).into()) };
        let Some(ordinal) = table.def.identity_ordinal() else { return Err(error(7997, 1, &[&name]).into()) };
        let identity = table.def.columns[ordinal].identity;
        let values = table.rows().filter_map(|(_, row)| match &row[ordinal] {
            Value::Int(n) => Some(*n),
            Value::Decimal(d) => i64::try_from(d.mantissa).ok(),
            _ => None,
        });
        let descends = identity.is_some_and(|identity| identity.increment < 0);
        let highest = if descends { values.min() } else { values.max() };
        (identity, table.identity_current(), highest)
    };
    let word = given.get(1).and_then(Option::as_deref).unwrap_or("RESEED").to_ascii_uppercase();
    let wanted = match given.get(2).and_then(Option::as_deref) {
        Some(text) => Some(text.trim().parse::<i64>().map_err(|_| error(2526, 3, &[]))?),
        None => None,
    };
    let to = match (word.as_str(), wanted) {
        ("NORESEED", None) => None,
        ("RESEED", Some(wanted)) => {
            let increment = identity.map_or(1, |identity| identity.increment);
            // Where nothing was ever inserted, the next row takes the new value itself.
            Some(if current.is_none() && highest.is_none() {
                wanted.saturating_sub(increment)
            } else {
                wanted
            })
        }
        // Only a value that lags behind the column is put right.
        ("RESEED", None) => highest.filter(|highest| current.is_none_or(|current| current < *highest)),
        _ => return Err(error(2526, 3, &[]).into()),
    };
    if let Some(to) = to {
        runner
            .with_environment(activation, true, |env| {
                let transaction = env.transaction.unwrap_or(crate::engine::TransactionId(0));
                env.instance.0.engine.borrow_mut().set_identity(transaction, database, id, Some(to))
            })
            .await?;
    }
    if tells {
        let shown = |n: Option<i64>| n.map_or_else(|| "NULL".to_owned(), |n| n.to_string());
        if wanted.is_some() {
            let line = format!("Checking identity information: current identity value '{}'.", shown(current));
            runner.tell(&crate::SqlError { message: line, ..error(7998, 1, &[&"", &""]) });
        } else {
            runner.tell(&error(7998, 1, &[&shown(current), &shown(highest)]));
        }
    }
    Ok(())
}

const SHRUNK: &str =
    "DbId smallint, FileId int, CurrentSize int, MinimumSize int, UsedPages int, EstimatedPages int";

/// SHRINKFILE and SHRINKDATABASE: the files' sizes in the catalog, no smaller than what they hold.
fn shrink(runner: &mut Runner<'_>, command: &str, given: &[Argument]) -> SqlResult<()> {
    let first = given.first().and_then(Option::as_deref).unwrap_or("");
    let of_database = command == "SHRINKDATABASE";
    let id = database(runner, command, of_database.then_some(first))?;
    let target_mb = given.get(1).and_then(Option::as_deref).and_then(|text| text.trim().parse::<i64>().ok());
    let mut shrunk = Vec::new();
    {
        let mut engine = runner.instance.0.engine.borrow_mut();
        let Some(database) = engine.database_mut(id) else { return Err(error(913, 1, &[&id])) };
        let data_pages = i64::try_from(pages(database.content.data_bytes())).unwrap_or(i64::MAX) + 200;
        let log_pages = i64::try_from(database.log_bytes_used().div_ceil(8192)).unwrap_or(i64::MAX) + 64;
        let mut found = false;
        for file in &mut database.files {
            let wanted = of_database
                || first.trim().parse() == Ok(file.file_id)
                || crate::engine::same_name(&file.name, first);
            if !wanted {
                continue;
            }
            found = true;
            let used = if file.is_log { log_pages } else { data_pages };
            let target = match target_mb {
                Some(mb) if of_database => used + used * mb.clamp(0, 99) / (100 - mb.clamp(0, 99)),
                Some(mb) => mb.saturating_mul(128),
                None => used,
            };
            file.size_pages = file.size_pages.min(target.max(used));
            shrunk.push((file.file_id, file.size_pages, used.min(file.size_pages)));
        }
        if !found {
            return Err(error(8985, 1, &[&first, &database.name]));
        }
    }
    runner.give_rows(SHRUNK, |rows| {
        for (file, size, used) in shrunk {
            rows.add(|row: &mut RowDraft<'_>| {
                row.set("DbId", id)
                    .set("FileId", file)
                    .set("CurrentSize", size)
                    .set("MinimumSize", 64)
                    .set("UsedPages", used)
                    .set("EstimatedPages", used);
            });
        }
    });
    Ok(())
}
