//! Permission checks of statements, and ownership chains.
//!
//! What a view or procedure reads, changes or calls is not checked again when the same principal owns both
//! ("Ownership Chains"); text that a procedure executes is checked as the caller's own. The server's own procedures
//! are trusted.

use super::binder::Binder;
use super::environment::Environment;
use super::run::Runner;
use super::source::{Found, resolve};
use crate::engine::{Caller, DatabaseId, Engine, NamedObject, ObjectId, Securable, TEMPDB};
use crate::error::SqlResult;
use crate::instance::Instance;
use crate::messages::error;
use crate::session::Session;
use crate::tsql::ast::{ObjectName, StatementKind, TableSource};
use std::rc::Rc;

/// On whose behalf a statement works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Chain {
    /// The caller's alone.
    #[default]
    Caller,
    /// Inside a view or procedure of this database and owner.
    Owner(DatabaseId, i32),
    /// Inside a procedure of the server itself.
    System,
}

/// An object as permissions see it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) database: DatabaseId,
    pub(super) id: ObjectId,
    pub(super) schema: Rc<str>,
    pub(super) name: Rc<str>,
}

impl Object {
    /// A table, view or procedure by name; `None` for the server's own.
    pub(super) fn named(engine: &Engine, database: DatabaseId, schema: &str, name: &str) -> Option<Self> {
        let found = engine.database(database)?.content.object_by_name(schema, name)?;
        Some(match found {
            NamedObject::Table(def) => {
                Self { database, id: def.object_id, schema: def.schema.clone(), name: def.name.clone() }
            }
            NamedObject::Module(def) => {
                Self { database, id: def.object_id, schema: def.schema.clone(), name: def.name.clone() }
            }
        })
    }

    /// The chain inside it.
    pub(super) fn chain(&self, engine: &Engine) -> Chain {
        Chain::Owner(self.database, owner_of(engine, self.database, &self.schema))
    }
}

fn owner_of(engine: &Engine, database: DatabaseId, schema: &str) -> i32 {
    let schema = engine.database(database).and_then(|db| db.content.schema_by_name(schema));
    schema.map_or(crate::engine::permissions::DBO, |schema| schema.owner)
}

/// Whether a permission on an object is held, or need not be asked for.
fn holds(engine: &Engine, session: &Session, chain: Chain, object: &Object, permission: &str) -> bool {
    session.acts_as_sysadmin()
        || chain == Chain::System
        || object.database == TEMPDB
        || chain == object.chain(engine)
        || engine.has_permission(
            &session.caller(),
            object.database,
            permission,
            Securable::Object(object.id, &object.schema),
        )
}

/// Checks a permission on an object.
///
/// # Errors
/// 229.
pub(super) fn check(
    engine: &Engine,
    session: &Session,
    chain: Chain,
    object: &Object,
    permission: &str,
) -> SqlResult<()> {
    if holds(engine, session, chain, object, permission) {
        return Ok(());
    }
    let database = engine.database(object.database).map_or_else(|| "".into(), |db| db.name.clone());
    Err(error(229, 5, &[&permission, &object.name, &database, &object.schema]))
}

/// Checks a permission on a database.
///
/// # Errors
/// 262.
pub(super) fn check_database(
    instance: &Instance,
    session: &Session,
    chain: Chain,
    database: DatabaseId,
    permission: &str,
) -> SqlResult<()> {
    let engine = instance.0.engine.borrow();
    if session.acts_as_sysadmin()
        || chain == Chain::System
        || engine.has_permission(&session.caller(), database, permission, Securable::Database)
    {
        return Ok(());
    }
    let name = engine.database(database).map_or_else(|| "".into(), |db| db.name.clone());
    Err(error(262, 1, &[&permission, &name]))
}

/// Views that show the whole server: VIEW SERVER STATE, or 300. Others show the caller what is its own.
const SERVER_STATE_VIEWS: &[&str] = &[
    "dm_db_mirroring_connections",
    "dm_exec_connections",
    "dm_os_host_info",
    "dm_os_sys_info",
    "dm_os_waiting_tasks",
    "dm_os_windows_info",
    "dm_server_services",
    "dm_tran_active_transactions",
    "dm_tran_database_transactions",
    "dm_tran_locks",
    "dm_tran_session_transactions",
];

impl Binder<'_, '_> {
    /// Checks that a table or view may be read. Gives the chain inside a view.
    pub(super) fn may_read(&self, database: DatabaseId, name: &ObjectName) -> SqlResult<Chain> {
        let session = self.env.session;
        let engine = self.env.instance.0.engine.borrow();
        let schema = name.schema.as_deref().unwrap_or("dbo");
        let Some(object) = Object::named(&engine, database, schema, &name.name) else {
            let shows_all = SERVER_STATE_VIEWS.iter().any(|view| view.eq_ignore_ascii_case(&name.name));
            if shows_all && self.chain != Chain::System && !session.may_view_server_state(&engine) {
                return Err(error(300, 1, &[&"VIEW SERVER STATE", &"server", &"master"]));
            }
            return Ok(Chain::System);
        };
        check(&engine, session, self.chain, &object, "SELECT")?;
        Ok(object.chain(&engine))
    }

    /// The chain inside a view that is written through, or of one that need not be checked.
    pub(super) fn chain_inside(&self, database: DatabaseId, name: &ObjectName) -> Chain {
        let engine = self.env.instance.0.engine.borrow();
        let schema = name.schema.as_deref().unwrap_or("dbo");
        Object::named(&engine, database, schema, &name.name).map_or(Chain::System, |o| o.chain(&engine))
    }
}

/// The object that a change names, by its own name or by an alias of FROM.
fn changed(env: &Environment<'_>, target: &TableSource, from: &[TableSource]) -> Option<Object> {
    let TableSource::Named { name, .. } = target else { return None };
    if name.name.starts_with('#') {
        return None;
    }
    let written = from.iter().find_map(|source| by_alias(source, name)).unwrap_or(name);
    let (database, found) = resolve(env, env.database, written).ok()?;
    if matches!(found, Found::System(_)) {
        return None;
    }
    let engine = env.instance.0.engine.borrow();
    Object::named(&engine, database, written.schema.as_deref().unwrap_or("dbo"), &written.name)
}

/// The table that an alias stands for.
fn by_alias<'s>(source: &'s TableSource, alias: &ObjectName) -> Option<&'s ObjectName> {
    match source {
        TableSource::Named { name, alias: Some(known), .. }
            if alias.schema.is_none() && crate::engine::same_name(known, &alias.name) =>
        {
            Some(name)
        }
        TableSource::Join { left, right, .. } => by_alias(left, alias).or_else(|| by_alias(right, alias)),
        _ => None,
    }
}

/// Checks the permissions of a statement that changes rows or definitions, before it runs.
///
/// # Errors
/// 229, 262, 1088, 3701, 15151.
pub(super) fn check_statement(env: &Environment<'_>, statement: &StatementKind) -> SqlResult<()> {
    if env.session.acts_as_sysadmin() || env.chain == Chain::System {
        return Ok(());
    }
    let need = |target: &TableSource, from: &[TableSource], permissions: &[&str]| -> SqlResult<()> {
        let Some(object) = changed(env, target, from) else { return Ok(()) };
        let engine = env.instance.0.engine.borrow();
        permissions.iter().try_for_each(|one| check(&engine, env.session, env.chain, &object, one))
    };
    let create = |permission: &str, name: &ObjectName| -> SqlResult<()> {
        if name.name.starts_with('#') {
            return Ok(());
        }
        let database = match &name.database {
            Some(database) => env.open_database(database)?,
            None => env.database,
        };
        check_database(env.instance, env.session, env.chain, database, permission)
    };
    match statement {
        StatementKind::Insert(insert) => need(&insert.target, &[], &["INSERT"]),
        // Where rows are looked for, they are read.
        StatementKind::Update(update) if update.filter.is_some() => {
            need(&update.target, &update.from, &["UPDATE", "SELECT"])
        }
        StatementKind::Update(update) => need(&update.target, &update.from, &["UPDATE"]),
        StatementKind::Delete(delete) if delete.filter.is_some() => {
            need(&delete.target, &delete.from, &["DELETE", "SELECT"])
        }
        StatementKind::Delete(delete) => need(&delete.target, &delete.from, &["DELETE"]),
        StatementKind::Merge(merge) => {
            use crate::tsql::ast::MergeAction;
            let permissions: Vec<&str> = std::iter::once("SELECT")
                .chain(merge.clauses.iter().map(|clause| match &clause.action {
                    MergeAction::Insert { .. } => "INSERT",
                    MergeAction::Update(_) => "UPDATE",
                    MergeAction::Delete => "DELETE",
                }))
                .collect();
            need(&merge.target, &[], &permissions)
        }
        StatementKind::Truncate(name) => may_alter(env, name, || error(1088, 7, &[name])),
        StatementKind::Maintain(name, _) => may_alter(env, name, || error(1088, 9, &[name])),
        StatementKind::AlterTable(name, _) => may_alter(env, name, || error(1088, 16, &[name])),
        StatementKind::CreateIndex(create) => {
            may_alter(env, &create.table, || error(1088, 12, &[&create.table]))
        }
        StatementKind::DropIndex { index, table, .. } => {
            may_alter(env, table, || error(3701, 6, &[&"drop", &"index", &format!("{table}.{index}")]))
        }
        StatementKind::Drop { kind: crate::tsql::ast::ObjectKind::Schema, names, .. } => {
            let engine = env.instance.0.engine.borrow();
            let caller = env.session.caller();
            let denied = names.iter().find(|name| {
                !engine.has_permission(&caller, env.database, "ALTER", Securable::Schema(&name.name))
            });
            denied.map_or(Ok(()), |name| Err(error(15_151, 1, &[&"drop", &"schema", &name.name])))
        }
        StatementKind::Drop { kind, names, .. } => names.iter().try_for_each(|name| {
            let word = format!("{kind:?}").to_lowercase();
            may_alter(env, name, || error(3701, 20, &[&"drop", &word, name]))
        }),
        StatementKind::CreateTable(table) => create("CREATE TABLE", &table.name),
        StatementKind::CreateType { name, .. } => create("CREATE TYPE", name),
        StatementKind::CreateSynonym { name, .. } => create("CREATE SYNONYM", name),
        StatementKind::Sequence(sequence) if sequence.alter => may_alter(env, &sequence.name, || {
            error(15_151, 1, &[&"alter", &"sequence object", &sequence.name])
        }),
        StatementKind::Sequence(sequence) => create("ALTER", &sequence.name),
        StatementKind::CreateModule(module) if module.alter => {
            may_alter(env, &module.name, || error(208, 6, &[&module.name]))
        }
        StatementKind::CreateModule(module) => {
            let kind = format!("CREATE {:?}", module.kind).to_uppercase();
            create(&kind, &module.name)
        }
        StatementKind::CreateSchema(..) => {
            check_database(env.instance, env.session, env.chain, env.database, "CREATE SCHEMA")
        }
        StatementKind::Select(query) => match &query.body {
            crate::tsql::ast::QueryBody::Select(select) => match &select.into {
                Some(name) => create("CREATE TABLE", name),
                None => Ok(()),
            },
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// ALTER on an object that is there; what is not there is the statement's to report.
fn may_alter(
    env: &Environment<'_>,
    name: &ObjectName,
    refusal: impl FnOnce() -> crate::SqlError,
) -> SqlResult<()> {
    if name.name.starts_with('#') {
        return Ok(());
    }
    let database = match &name.database {
        Some(database) => env.open_database(database)?,
        None => env.database,
    };
    let engine = env.instance.0.engine.borrow();
    let schema = name.schema.as_deref().unwrap_or("dbo");
    let Some(object) = Object::named(&engine, database, schema, &name.name) else { return Ok(()) };
    // Chains of ownership do not cover definitions.
    if holds(&engine, env.session, Chain::Caller, &object, "ALTER") { Ok(()) } else { Err(refusal()) }
}

impl Runner<'_> {
    /// Checks a server permission.
    pub(super) fn has_server_permission(&self, permission: &str) -> bool {
        self.chain == Chain::System
            || self.session.acts_as_sysadmin()
            || self.instance.0.engine.borrow().has_server_permission(&self.session.caller(), permission)
    }

    /// Checks a permission of the current database.
    pub(super) fn has_database_permission(&self, permission: &str) -> bool {
        let id = self.session.state.borrow().database_id;
        self.chain == Chain::System
            || self.session.acts_as_sysadmin()
            || self.instance.0.engine.borrow().has_permission(
                &self.session.caller(),
                id,
                permission,
                Securable::Database,
            )
    }

    /// EXECUTE AS and its end.
    pub(super) async fn execute_as(
        &mut self,
        activation: &super::run::Activation,
        context: &crate::tsql::ast::ExecuteAs,
        nesting: u32,
    ) -> SqlResult<()> {
        use crate::tsql::ast::ExecuteAs;
        let database = self.session.state.borrow().database_id;
        let caller = match context {
            ExecuteAs::Caller => (*self.session.caller()).clone(),
            ExecuteAs::Login(name) => {
                let name = self.evaluate_text(activation, name).await?.unwrap_or_else(|| "".into());
                self.as_login(&name)?
            }
            ExecuteAs::User(name) => {
                let name = self.evaluate_text(activation, name).await?.unwrap_or_else(|| "".into());
                self.as_user(database, &name)?
            }
        };
        self.session.impersonate(caller, database, nesting);
        Ok(())
    }

    fn as_login(&self, name: &str) -> SqlResult<Caller> {
        let engine = self.instance.0.engine.borrow();
        let found = engine
            .login(name)
            .filter(|login| self.session.acts_as_sysadmin() || login.name == self.session.acting_login());
        let login = found.ok_or_else(|| error(15_406, 1, &[&name]))?;
        Ok(Caller { login: login.name.clone(), is_sysadmin: login.is_member("sysadmin"), user: None })
    }

    /// The context of a database's user. IMPERSONATE is what CONTROL of the database implies here.
    pub(super) fn as_user(&self, database: DatabaseId, name: &str) -> SqlResult<Caller> {
        use crate::engine::PrincipalKind;
        let engine = self.instance.0.engine.borrow();
        let refused = || error(15_517, 1, &[&name]);
        let found = engine.database(database).ok_or_else(refused)?;
        let user = found.content.principal_by_name(name);
        let user = user.filter(|user| user.kind != PrincipalKind::Role).ok_or_else(refused)?;
        let own = engine.user_in(&self.session.caller(), found);
        let may = self.session.acts_as_sysadmin()
            || own == Some(user.principal_id)
            || engine.has_permission(&self.session.caller(), database, "CONTROL", Securable::Database);
        if !may || [3, 4].contains(&user.principal_id) {
            return Err(refused());
        }
        let login = match (&user.sid, user.principal_id) {
            (_, crate::engine::permissions::DBO) => Some(found.owner.clone()),
            (Some(sid), _) => engine.logins.values().find(|login| login.sid == *sid).map(|l| l.name.clone()),
            (None, _) => None,
        };
        Ok(Caller {
            login: login.unwrap_or_else(|| user.name.clone()),
            is_sysadmin: false,
            user: Some((database, user.principal_id)),
        })
    }

    /// The name of a principal.
    pub(super) fn user_name(&self, database: DatabaseId, id: i32) -> Rc<str> {
        let engine = self.instance.0.engine.borrow();
        let mut all = engine.database(database).into_iter().flat_map(|db| db.content.principals());
        all.find(|p| p.principal_id == id).map_or_else(|| "dbo".into(), |p| p.name.clone())
    }

    /// The context in which a procedure WITH EXECUTE AS runs: who made it was allowed to name that user.
    pub(super) fn trusted_user(&self, database: DatabaseId, name: &str) -> SqlResult<Caller> {
        let engine = self.instance.0.engine.borrow();
        let user = engine.database(database).and_then(|db| db.content.principal_by_name(name));
        let user = user.ok_or_else(|| error(15_517, 1, &[&name]))?;
        Ok(Caller {
            login: self.session.acting_login(),
            is_sysadmin: false,
            user: Some((database, user.principal_id)),
        })
    }

    /// REVERT: back to what was before the last EXECUTE AS of this procedure or session.
    pub(super) fn revert(&mut self) -> SqlResult<()> {
        let nesting = self.session.exec.borrow().nesting;
        let database = self.session.state.borrow().database_id;
        let last = self.session.impersonated.borrow().last().map(|c| (c.nesting, c.database_id));
        // A procedure does not end its caller's context; without one nothing is to be done.
        let Some((began, place)) = last.filter(|(began, _)| *began >= nesting) else { return Ok(()) };
        if place != database {
            return Err(error(15_199, 1, &[&"EXECUTE AS"]));
        }
        let context = self.session.impersonated.borrow_mut().pop();
        if let Some(context) = context {
            debug_assert_eq!(context.nesting, began, "contexts end in the order of their beginning");
            *self.session.caller.borrow_mut() = context.before;
        }
        Ok(())
    }
}
