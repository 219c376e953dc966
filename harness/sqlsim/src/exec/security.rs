//! Logins, users, roles, permissions, and the mirroring endpoint.

mod grants;

use super::run::{Activation, Failure, Runner};
use crate::engine::{
    Definition, Endpoint, EndpointRole, EndpointState, Login, LoginKind, PasswordHash, PrincipalDef,
    PrincipalKind, SERVER_ROLES, same_name,
};
use crate::error::SqlResult;
use crate::messages::error;
use crate::tsql::ast::{Endpoint as WrittenEndpoint, Password, Security};
use std::rc::Rc;

/// Runs a security statement.
pub(super) async fn run(
    runner: &mut Runner<'_>,
    activation: &Activation,
    written: &Security,
) -> Result<(), Failure> {
    match written {
        Security::CreateLogin { .. } | Security::AlterLogin { .. } | Security::DropLogin(_) => {
            if !runner.has_server_permission("ALTER ANY LOGIN") {
                return Err(refused_login(runner, written).into());
            }
            login(runner, written)?;
        }
        Security::ServerRole { role, .. } => {
            // Only members of a role, or sysadmins, change it; here that is sysadmin.
            if !runner.session.acts_as_sysadmin() {
                return Err(error(15_151, 1, &[&"alter", &"server role", role]).into());
            }
            login(runner, written)?;
        }
        Security::Authorization { class, name, owner } if &**class == "DATABASE" => {
            own_database(runner, name, owner)?;
        }
        Security::Grant { verb, permissions, on, principals } => {
            let grant = grants::Written { verb, permissions, on: on.as_ref(), principals };
            grants::run(runner, activation, &grant).await?;
        }
        other => {
            may_manage(runner, other)?;
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

fn refused_login(runner: &Runner<'_>, written: &Security) -> crate::SqlError {
    match written {
        Security::AlterLogin { name, .. } => error(15_151, 1, &[&"alter", &"login", name]),
        Security::DropLogin(name) => error(15_151, 1, &[&"drop", &"login", name]),
        _ => {
            debug_assert!(!runner.session.acts_as_sysadmin(), "a sysadmin may do everything");
            error(15_247, 1, &[])
        }
    }
}

/// Users and roles are managed by who may alter any of them.
fn may_manage(runner: &Runner<'_>, written: &Security) -> SqlResult<()> {
    let owner = runner.has_database_permission("CONTROL");
    let users = owner || runner.has_database_permission("ALTER ANY USER");
    let roles = owner || runner.has_database_permission("ALTER ANY ROLE");
    let denied = |verb: &str, kind: &str, name: &str| error(15_151, 1, &[&verb, &kind, &name]);
    let is_fixed = |role: &str| role.to_ascii_lowercase().starts_with("db_");
    match written {
        Security::CreateUser { .. } if !users => Err(error(15_247, 1, &[])),
        Security::AlterUser { name, .. } if !users => Err(denied("alter", "user", name)),
        Security::DropUser { name, .. } if !users => Err(denied("drop", "user", name)),
        Security::CreateRole(_) if !(roles || runner.has_database_permission("CREATE ROLE")) => {
            Err(error(15_247, 1, &[]))
        }
        Security::DropRole { name, .. } if !roles => Err(denied("drop", "role", name)),
        // Who is in a fixed role is the owner's to say.
        Security::DatabaseRole { role, .. } if !(owner || roles && !is_fixed(role)) => {
            Err(denied("alter", "role", role))
        }
        Security::Authorization { name, .. } if !owner => Err(denied("find", "schema", name)),
        _ => Ok(()),
    }
}

/// ALTER AUTHORIZATION ON DATABASE.
fn own_database(runner: &mut Runner<'_>, name: &Rc<str>, owner: &Rc<str>) -> SqlResult<()> {
    let may = runner.session.acts_as_sysadmin();
    let mut engine = runner.instance.0.engine.borrow_mut();
    let unknown = |kind: &str, name: &Rc<str>| error(15_151, 1, &[&"find", &kind, name]);
    let id = engine.database_id(name).filter(|_| may).ok_or_else(|| unknown("database", name))?;
    let (owner, sid) = match engine.login(owner) {
        Some(login) => (login.name.clone(), login.sid.clone()),
        None => return Err(unknown("principal", owner)),
    };
    let Some(database) = engine.database_mut(id) else { return Err(error(913, 1, &[&id])) };
    if database.content.user_of_sid(&sid).is_some_and(|user| user.principal_id != 1) {
        return Err(error(15_110, 1, &[]));
    }
    database.owner = owner;
    Ok(())
}

/// A password as the login keeps it.
fn kept(engine: &mut crate::engine::Engine, password: &Password) -> SqlResult<PasswordHash> {
    match password {
        Password::Text(text) => Ok(engine.hash_password(text)),
        Password::Hashed(bytes) => {
            let known = PasswordHash::from_bytes(bytes).filter(|_| !bytes.is_empty());
            known.ok_or_else(|| {
                crate::messages::unsupported(&"hashed passwords of another version than 0x0200")
            })
        }
    }
}

fn login(runner: &mut Runner<'_>, written: &Security) -> SqlResult<()> {
    let now = runner.instance.clock().utc_now();
    let mut engine = runner.instance.0.engine.borrow_mut();
    let unknown = |verb: &str, name: &str| error(15_151, 1, &[&verb, &"login", &name]);
    match written {
        Security::CreateLogin { name, password, certificate, sid, default_database } => {
            let of_certificate = match certificate {
                None => None,
                Some(named) => Some(certificate_sid(&engine, named)?),
            };
            let kind = match (password, certificate) {
                (Some(_), _) => LoginKind::Sql,
                (None, Some(_)) => LoginKind::Certificate,
                (None, None) => LoginKind::Windows,
            };
            if kind == LoginKind::Windows && !name.contains('\\') {
                return Err(error(15_407, 1, &[name]));
            }
            if let Some(database) = default_database
                && engine.database_by_name(database).is_none()
            {
                return Err(error(15_010, 1, &[database]));
            }
            let password = match password {
                Some(password) => kept(&mut engine, password)?,
                None => PasswordHash::none(),
            };
            engine.create_login(Login {
                principal_id: 0,
                name: name.clone(),
                sid: of_certificate.or_else(|| sid.clone()).unwrap_or_else(|| Rc::from([])),
                kind,
                password,
                is_disabled: false,
                default_database: default_database.clone().unwrap_or_else(|| "master".into()),
                created: now,
                roles: Vec::new(),
                permissions: Vec::new(),
            })?;
        }
        Security::AlterLogin { name, enabled, password, default_database } => {
            let password = match password {
                Some(password) => Some(kept(&mut engine, password)?),
                None => None,
            };
            let found = engine.logins.values_mut().find(|login| same_name(&login.name, name));
            let login = found.ok_or_else(|| unknown("alter", name))?;
            if let Some(enabled) = enabled {
                login.is_disabled = !enabled;
            }
            if let Some(password) = password {
                login.password = password;
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

/// The SID of logins and users of a certificate.
fn certificate_sid(engine: &crate::engine::Engine, name: &Rc<str>) -> SqlResult<Rc<[u8]>> {
    let found = engine.keys.certificate(name);
    found.map(|found| found.sid()).ok_or_else(|| error(15_151, 1, &[&"find", &"certificate", name]))
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
        Security::CreateUser { name, certificate: Some(certificate), .. } => {
            if find(&engine, name).is_some() {
                return Err(error(15_023, 1, &[name]).into());
            }
            if env.database != crate::engine::MASTER {
                let what = "a certificate of another database than master";
                return Err(error(40_510, 1, &[&what]).into());
            }
            let sid = certificate_sid(&engine, certificate)?;
            let user = new_principal(name, PrincipalKind::Certificate, Some(sid), env.now);
            (None, Some(Definition::Principal(Rc::new(user))))
        }
        Security::CreateUser { name, login, .. } => {
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
            Some(before) if before.principal_id < 5 || before.kind == PrincipalKind::Role => {
                return Err(error(15_150, 1, &[&"drop", &"user", name]).into());
            }
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
        Security::DropRole { name, if_exists } => match find(&engine, name) {
            Some(role)
                if role.kind == PrincipalKind::Role && !role.is_fixed_role && role.principal_id != 0 =>
            {
                let content = engine.database(env.database).map(|db| &db.content);
                let id = role.principal_id;
                if content.is_some_and(|c| c.principals().any(|p| p.roles.contains(&id))) {
                    return Err(error(15_144, 1, &[]).into());
                }
                (Some(Definition::Principal(role)), None)
            }
            Some(_) => return Err(error(15_150, 1, &[&"drop", &"role", name]).into()),
            None if *if_exists => return Ok(()),
            None => return Err(unknown("drop", "role", name).into()),
        },
        Security::Authorization { name, owner, .. } => {
            let schema =
                engine.database(env.database).and_then(|db| db.content.schema_by_name(name).cloned());
            let before = schema.ok_or_else(|| unknown("find", "schema", name))?;
            let owner = find(&engine, owner).ok_or_else(|| unknown("find", "principal", owner))?;
            let after = crate::engine::SchemaDef { owner: owner.principal_id, ..(*before).clone() };
            (Some(Definition::Schema(before)), Some(Definition::Schema(Rc::new(after))))
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

// ---- endpoints --------------------------------------------------------------------

/// `encryption_algorithm` of AES alone, which is what an endpoint has that says nothing else.
const AES: u8 = 2;

/// `sys.database_mirroring_endpoints.encryption_algorithm` for the words of ENCRYPTION.
fn algorithm(words: &str) -> SqlResult<u8> {
    let mut words = words.split(' ');
    let need = words.next().unwrap_or_default();
    let named: Vec<&str> = words.skip_while(|word| *word == "ALGORITHM").collect();
    let required = match named.as_slice() {
        [] | ["AES"] => AES,
        ["RC4"] => 1,
        ["RC4", "AES"] => 5,
        ["AES", "RC4"] => 6,
        _ => return Err(error(102, 1, &[&named[0]])),
    };
    match need {
        "DISABLED" if named.is_empty() => Ok(0),
        "REQUIRED" => Ok(required),
        // What is only supported may also be left out: NONE and the algorithms.
        "SUPPORTED" => Ok(required + 2),
        other => Err(error(102, 1, &[&other])),
    }
}

/// CREATE and ALTER ENDPOINT.
pub(super) fn endpoint(runner: &mut Runner<'_>, written: &WrittenEndpoint) -> SqlResult<()> {
    if !runner.has_server_permission("ALTER ANY ENDPOINT") {
        return Err(error(15_247, 1, &[]));
    }
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
    let algorithm = written.encryption.as_deref().map(algorithm).transpose()?;
    if let Some(certificate) = &written.certificate {
        certificate_sid(&engine, certificate)?;
    }
    if written.alter {
        if !engine.endpoint.as_ref().is_some_and(|endpoint| same_name(&endpoint.name, &written.name)) {
            return Err(error(7816, 1, &[&"endpoint", &written.name]));
        }
        engine.alter_endpoint(&written.name, |endpoint| {
            endpoint.state = state.unwrap_or(endpoint.state);
            endpoint.role = role.unwrap_or(endpoint.role);
            endpoint.port = written.port.unwrap_or(endpoint.port);
            endpoint.is_encryption_enabled = encrypted.unwrap_or(endpoint.is_encryption_enabled);
            endpoint.algorithm = algorithm.unwrap_or(endpoint.algorithm);
            if let Some(authentication) = &written.authentication {
                endpoint.authentication = authentication.clone();
                endpoint.certificate = written.certificate.clone();
            }
        })?;
        runner.instance.0.endpoint_changed.notify_one();
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
        certificate: written.certificate.clone(),
        algorithm: algorithm.unwrap_or(AES),
        connect: Vec::new(),
    });
    runner.instance.0.endpoint_changed.notify_one();
    Ok(())
}

/// DROP ENDPOINT.
pub(super) fn drop_endpoint(runner: &mut Runner<'_>, name: &Rc<str>) -> SqlResult<()> {
    if !runner.has_server_permission("ALTER ANY ENDPOINT") {
        return Err(error(15_151, 1, &[&"drop", &"endpoint", name]));
    }
    runner.instance.0.engine.borrow_mut().drop_endpoint(name)?;
    runner.instance.0.endpoint_changed.notify_one();
    Ok(())
}
