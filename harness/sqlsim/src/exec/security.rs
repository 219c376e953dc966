//! Logins, users, roles, permissions, and the mirroring endpoint.

use super::run::{Activation, Failure, Runner};
use crate::engine::{
    Definition, Endpoint, EndpointRole, EndpointState, Login, LoginKind, PrincipalDef, PrincipalKind,
    SERVER_ROLES, same_name,
};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Endpoint as WrittenEndpoint, Security};
use std::rc::Rc;

/// Runs a security statement.
pub(super) async fn run(
    runner: &mut Runner<'_>,
    activation: &Activation,
    written: &Security,
) -> Result<(), Failure> {
    match written {
        Security::CreateLogin { .. }
        | Security::AlterLogin { .. }
        | Security::DropLogin(_)
        | Security::ServerRole { .. } => {
            if !runner.session.is_sysadmin {
                return Err(error(15_247, 1, &[]).into());
            }
            login(runner, written)?;
        }
        Security::Grant { verb, permissions, on, principals } => {
            grant(runner, activation, verb, permissions, on.is_some(), principals).await?;
        }
        other => {
            runner
                .with_environment(activation, true, |env| {
                    let transaction = env.transaction.unwrap_or(crate::engine::TransactionId(0));
                    principal(env, transaction, other)
                })
                .await?;
        }
    }
    Ok(())
}

fn login(runner: &mut Runner<'_>, written: &Security) -> SqlResult<()> {
    let now = runner.instance.clock().utc_now();
    let mut engine = runner.instance.0.engine.borrow_mut();
    let unknown = |verb: &str, name: &str| error(15_151, 1, &[&verb, &"login", &name]);
    match written {
        Security::CreateLogin { name, password, sid, default_database } => {
            let kind = if password.is_some() { LoginKind::Sql } else { LoginKind::Windows };
            if kind == LoginKind::Windows && !name.contains('\\') {
                return Err(error(15_407, 1, &[name]));
            }
            if let Some(database) = default_database
                && engine.database_by_name(database).is_none()
            {
                return Err(error(15_010, 1, &[database]));
            }
            engine.create_login(Login {
                principal_id: 0,
                name: name.clone(),
                sid: sid.clone().unwrap_or_else(|| Rc::from([])),
                kind,
                password: password.clone().unwrap_or_else(|| "".into()),
                is_disabled: false,
                default_database: default_database.clone().unwrap_or_else(|| "master".into()),
                created: now,
                roles: Vec::new(),
                permissions: Vec::new(),
            })?;
        }
        Security::AlterLogin { name, enabled, password, default_database } => {
            let found = engine.logins.values_mut().find(|login| same_name(&login.name, name));
            let login = found.ok_or_else(|| unknown("alter", name))?;
            if let Some(enabled) = enabled {
                login.is_disabled = !enabled;
            }
            if let Some(password) = password {
                login.password = password.clone();
            }
            if let Some(database) = default_database {
                login.default_database = database.clone();
            }
        }
        Security::DropLogin(name) => {
            let id =
                engine.login(name).map(|login| login.principal_id).ok_or_else(|| unknown("drop", name))?;
            let in_use =
                runner.instance.0.sessions.borrow().iter().any(|session| same_name(&session.login, name));
            if in_use {
                return Err(error(15_434, 1, &[name]));
            }
            engine.logins.remove(&id);
        }
        Security::ServerRole { role, member, add } => {
            if !SERVER_ROLES.iter().any(|(_, known)| same_name(known, role)) {
                return Err(error(15_151, 1, &[&"alter", &"server role", role]));
            }
            let found = engine.logins.values_mut().find(|login| same_name(&login.name, member));
            let login = found.ok_or_else(|| error(15_151, 1, &[&"add", &"principal", member]))?;
            login.roles.retain(|known| !same_name(known, role));
            if *add {
                login.roles.push(role.to_ascii_lowercase().into());
            }
        }
        _ => {}
    }
    Ok(())
}

/// Users and roles of the current database.
fn principal(
    env: &super::environment::Environment<'_>,
    transaction: crate::engine::TransactionId,
    written: &Security,
) -> Result<(), crate::engine::Fault> {
    let mut engine = env.instance.0.engine.borrow_mut();
    let find = |engine: &crate::engine::Engine, name: &str| {
        engine.database(env.database).and_then(|db| db.content.principal_by_name(name).cloned())
    };
    let unknown = |verb: &str, kind: &str, name: &str| error(15_151, 1, &[&verb, &kind, &name]);
    let sid_of = |engine: &crate::engine::Engine, login: &str| {
        engine.login(login).map(|login| (login.sid.clone(), login.kind))
    };
    let (before, after) = match written {
        Security::CreateUser { name, login } => {
            if find(&engine, name).is_some() {
                return Err(error(15_023, 1, &[name]).into());
            }
            let sid = match login {
                None => None,
                Some(login) => Some(sid_of(&engine, login).ok_or_else(|| error(15_007, 1, &[login]))?),
            };
            let kind = match sid {
                Some((_, LoginKind::Windows)) => PrincipalKind::WindowsUser,
                Some((_, LoginKind::WindowsGroup)) => PrincipalKind::WindowsGroup,
                _ => PrincipalKind::SqlUser,
            };
            let user = new_principal(name, kind, sid.map(|(sid, _)| sid), env.now);
            (None, Some(Definition::Principal(Rc::new(user))))
        }
        Security::AlterUser { name, login } => {
            let before = find(&engine, name).ok_or_else(|| unknown("alter", "user", name))?;
            let (sid, _) = sid_of(&engine, login).ok_or_else(|| unknown("alter", "login", login))?;
            let after = PrincipalDef { sid: Some(sid), ..(*before).clone() };
            (Some(Definition::Principal(before)), Some(Definition::Principal(Rc::new(after))))
        }
        Security::DropUser { name, if_exists } => match find(&engine, name) {
            Some(before) => (Some(Definition::Principal(before)), None),
            None if *if_exists => return Ok(()),
            None => return Err(unknown("drop", "user", name).into()),
        },
        Security::CreateRole(name) => {
            if find(&engine, name).is_some() {
                return Err(error(15_023, 1, &[name]).into());
            }
            let role = new_principal(name, PrincipalKind::Role, None, env.now);
            (None, Some(Definition::Principal(Rc::new(role))))
        }
        Security::DatabaseRole { role, member, add } => {
            let role = find(&engine, role).ok_or_else(|| unknown("alter", "role", role))?;
            let before = find(&engine, member).ok_or_else(|| unknown("add", "principal", member))?;
            let mut after = (*before).clone();
            after.roles.retain(|known| *known != role.principal_id);
            if *add {
                after.roles.push(role.principal_id);
            }
            (Some(Definition::Principal(before)), Some(Definition::Principal(Rc::new(after))))
        }
        _ => return Ok(()),
    };
    engine.put_definition(transaction, env.database, before, after)?;
    Ok(())
}

fn new_principal(
    name: &Rc<str>,
    kind: PrincipalKind,
    sid: Option<Rc<[u8]>>,
    created: jiff::Timestamp,
) -> PrincipalDef {
    PrincipalDef {
        principal_id: 0,
        name: name.clone(),
        kind,
        sid,
        default_schema: (kind != PrincipalKind::Role).then(|| "dbo".into()),
        created,
        roles: Vec::new(),
        is_fixed_role: false,
    }
}

/// GRANT CONNECT is what being a user means here; CONNECT ON ENDPOINT is always there. Others are refused.
async fn grant(
    runner: &mut Runner<'_>,
    activation: &Activation,
    verb: &str,
    permissions: &[Rc<str>],
    on_object: bool,
    principals: &[Rc<str>],
) -> Result<(), Failure> {
    let honoured = verb == "GRANT"
        && permissions.iter().all(|permission| {
            matches!(&**permission, "CONNECT" | "CONNECT SQL" | "VIEW SERVER STATE" | "VIEW ANY DEFINITION")
                || (on_object && matches!(&**permission, "CONNECT"))
        });
    let _ = activation;
    if honoured {
        let engine = runner.instance.0.engine.borrow();
        for name in principals {
            let id = runner.session.state.borrow().database_id;
            let user = engine.database(id).and_then(|db| db.content.principal_by_name(name));
            if user.is_none() && engine.login(name).is_none() {
                return Err(error(15_151, 1, &[&"find", &"user", name]).into());
            }
        }
        return Ok(());
    }
    Err(error(40_510, 1, &[&format!("{verb} {}", permissions.join(", "))]).into())
}

// ---- endpoints --------------------------------------------------------------------

/// CREATE and ALTER ENDPOINT.
pub(super) fn endpoint(runner: &mut Runner<'_>, written: &WrittenEndpoint) -> SqlResult<()> {
    let mut engine = runner.instance.0.engine.borrow_mut();
    let state = match written.state.as_deref() {
        None => None,
        Some("STARTED") => Some(EndpointState::Started),
        Some("STOPPED") => Some(EndpointState::Stopped),
        Some("DISABLED") => Some(EndpointState::Disabled),
        Some(other) => return Err(error(102, 1, &[&other])),
    };
    let role = match written.role.as_deref() {
        None => None,
        Some("PARTNER") => Some(EndpointRole::Partner),
        Some("WITNESS") => Some(EndpointRole::Witness),
        Some("ALL") => Some(EndpointRole::All),
        Some(other) => return Err(error(102, 1, &[&other])),
    };
    let encrypted = written.encryption.as_deref().map(|words| !words.starts_with("DISABLED"));
    if written.alter {
        let found = engine.endpoint.as_mut().filter(|endpoint| same_name(&endpoint.name, &written.name));
        let Some(endpoint) = found else {
            return Err(error(7816, 1, &[&"endpoint", &written.name]));
        };
        endpoint.state = state.unwrap_or(endpoint.state);
        endpoint.role = role.unwrap_or(endpoint.role);
        endpoint.port = written.port.unwrap_or(endpoint.port);
        endpoint.is_encryption_enabled = encrypted.unwrap_or(endpoint.is_encryption_enabled);
        return Ok(());
    }
    if let Some(known) = &engine.endpoint {
        if same_name(&known.name, &written.name) {
            return Err(error(15_530, 1, &[&"endpoint", &written.name]));
        }
        return Err(error(7862, 1, &[]));
    }
    let Some(port) = written.port else { return Err(error(7806, 1, &[&"LISTENER_PORT"])) };
    let Some(role) = role else { return Err(error(7806, 1, &[&"ROLE"])) };
    engine.endpoint = Some(Endpoint {
        endpoint_id: 65_536,
        name: written.name.clone(),
        state: state.unwrap_or(EndpointState::Stopped),
        port,
        role,
        is_encryption_enabled: encrypted.unwrap_or(true),
        authentication: written.authentication.clone().unwrap_or_else(|| "WINDOWS NEGOTIATE".into()),
    });
    Ok(())
}

/// DROP ENDPOINT.
pub(super) fn drop_endpoint(runner: &mut Runner<'_>, name: &Rc<str>) -> SqlResult<()> {
    let mut engine = runner.instance.0.engine.borrow_mut();
    if engine.endpoint.as_ref().is_some_and(|endpoint| same_name(&endpoint.name, name)) {
        engine.endpoint = None;
        return Ok(());
    }
    Err(error(15_151, 1, &[&"drop", &"endpoint", name]))
}
