//! What a database is, and what a server is, apart from rows and logs: as bytes.
//!
//! Written whenever it changed. The structures are taken apart field by field,
//! so that a new field has to be put somewhere before the crate builds.

use crate::engine::certificates::Keys;
use crate::engine::database::{DatabaseFile, DatabaseGuids, DifferentialBase};
use crate::engine::{
    Database, DatabaseOptions, DatabaseState, Endpoint, EndpointRole, EndpointState, Engine, Login,
    LoginKind, PasswordHash, RecoveryModel, UserAccess,
};
use crate::log::codec::{Decoded, Malformed, Reader, Writer};
use crate::mirroring::{MirrorRole, MirrorSession, MirrorState, Safety};
use std::rc::Rc;

/// Writes what a database is.
pub(crate) fn put_header(out: &mut Writer, database: &Database) {
    let Database {
        id: _,
        name,
        state,
        is_read_only,
        standby_file,
        user_access,
        recovery_model,
        owner,
        create_date,
        collation,
        guids,
        fork_point,
        last_log_backup_lsn,
        database_backup_lsn,
        differential_base,
        files,
        options,
        redo_start_lsn,
        content,
        log: _,
        mirroring,
        recovery: _,
        checkpoint: _,
        next_transaction: _,
        interrupted_restore,
        rolled_forward_to,
        begins_log_chain,
        data_backup_running: _,
        log_backup_running: _,
        outbox: _,
    } = database;
    out.str(name);
    out.u8(state.number());
    out.bool(*is_read_only);
    out.option(standby_file.as_deref(), Writer::str);
    out.u8(*user_access as u8);
    out.u8(recovery_model.number());
    out.str(owner);
    out.time(*create_date);
    out.str(collation);
    put_guids(out, guids);
    out.option(*fork_point, Writer::lsn);
    out.option(*last_log_backup_lsn, Writer::lsn);
    out.option(*database_backup_lsn, Writer::lsn);
    out.option(differential_base.as_ref(), |out, base| {
        out.lsn(base.lsn);
        out.guid(base.guid);
        out.time(base.time);
    });
    out.count(files.len());
    for file in files {
        put_file(out, file);
    }
    put_options(out, options);
    out.option(*redo_start_lsn, Writer::lsn);
    out.u64(u64::from(content.object_id_position()));
    out.option(mirroring.as_ref(), put_mirroring);
    out.option(*interrupted_restore, Writer::guid);
    out.option(*rolled_forward_to, Writer::time);
    out.bool(*begins_log_chain);
}

/// Reads what a database is into it.
pub(crate) fn get_header(from: &mut Reader<'_>, database: &mut Database) -> Decoded<()> {
    database.name = from.str()?;
    database.state = match from.u8()? {
        0 => DatabaseState::Online,
        1 => DatabaseState::Restoring,
        2 => DatabaseState::Recovering,
        3 => DatabaseState::RecoveryPending,
        4 => DatabaseState::Suspect,
        5 => DatabaseState::Emergency,
        6 => DatabaseState::Offline,
        _ => return Err(Malformed),
    };
    database.is_read_only = from.bool()?;
    database.standby_file = from.option(Reader::str)?;
    database.user_access = match from.u8()? {
        0 => UserAccess::Multi,
        1 => UserAccess::Single,
        2 => UserAccess::Restricted,
        _ => return Err(Malformed),
    };
    database.recovery_model = match from.u8()? {
        1 => RecoveryModel::Full,
        2 => RecoveryModel::BulkLogged,
        3 => RecoveryModel::Simple,
        _ => return Err(Malformed),
    };
    database.owner = from.str()?;
    database.create_date = from.time()?;
    database.collation = from.str()?;
    database.guids = get_guids(from)?;
    database.fork_point = from.option(Reader::lsn)?;
    database.last_log_backup_lsn = from.option(Reader::lsn)?;
    database.database_backup_lsn = from.option(Reader::lsn)?;
    database.differential_base = from
        .option(|from| Ok(DifferentialBase { lsn: from.lsn()?, guid: from.guid()?, time: from.time()? }))?;
    database.files = from.list(get_file)?;
    database.options = get_options(from)?;
    database.redo_start_lsn = from.option(Reader::lsn)?;
    database.content.set_object_id_position(from.number()?);
    database.mirroring = from.option(get_mirroring)?;
    database.interrupted_restore = from.option(Reader::guid)?;
    database.rolled_forward_to = from.option(Reader::time)?;
    database.begins_log_chain = from.bool()?;
    Ok(())
}

fn put_guids(out: &mut Writer, guids: &DatabaseGuids) {
    let DatabaseGuids { database, family, recovery_fork, first_recovery_fork, service_broker } = guids;
    for guid in [database, family, recovery_fork, first_recovery_fork, service_broker] {
        out.guid(*guid);
    }
}

fn get_guids(from: &mut Reader<'_>) -> Decoded<DatabaseGuids> {
    Ok(DatabaseGuids {
        database: from.guid()?,
        family: from.guid()?,
        recovery_fork: from.guid()?,
        first_recovery_fork: from.guid()?,
        service_broker: from.guid()?,
    })
}

fn put_file(out: &mut Writer, file: &DatabaseFile) {
    let DatabaseFile {
        file_id,
        guid,
        name,
        physical_name,
        is_log,
        size_pages,
        max_size_pages,
        growth,
        is_percent_growth,
        create_lsn,
    } = file;
    out.i64(i64::from(*file_id));
    out.guid(*guid);
    out.str(name);
    out.str(physical_name);
    out.bool(*is_log);
    out.i64(*size_pages);
    out.i64(*max_size_pages);
    out.i64(*growth);
    out.bool(*is_percent_growth);
    out.lsn(*create_lsn);
}

fn get_file(from: &mut Reader<'_>) -> Decoded<DatabaseFile> {
    Ok(DatabaseFile {
        file_id: from.signed()?,
        guid: from.guid()?,
        name: from.str()?,
        physical_name: from.str()?,
        is_log: from.bool()?,
        size_pages: from.i64()?,
        max_size_pages: from.i64()?,
        growth: from.i64()?,
        is_percent_growth: from.bool()?,
        create_lsn: from.lsn()?,
    })
}

fn put_options(out: &mut Writer, options: &DatabaseOptions) {
    let DatabaseOptions {
        compatibility_level,
        auto_close,
        auto_shrink,
        page_verify,
        trustworthy,
        db_chaining,
        read_committed_snapshot,
        snapshot_isolation,
        broker_enabled,
    } = options;
    out.u8(*compatibility_level);
    out.u8(*page_verify);
    for flag in [
        auto_close,
        auto_shrink,
        trustworthy,
        db_chaining,
        read_committed_snapshot,
        snapshot_isolation,
        broker_enabled,
    ] {
        out.bool(*flag);
    }
}

fn get_options(from: &mut Reader<'_>) -> Decoded<DatabaseOptions> {
    Ok(DatabaseOptions {
        compatibility_level: from.u8()?,
        page_verify: from.u8()?,
        auto_close: from.bool()?,
        auto_shrink: from.bool()?,
        trustworthy: from.bool()?,
        db_chaining: from.bool()?,
        read_committed_snapshot: from.bool()?,
        snapshot_isolation: from.bool()?,
        broker_enabled: from.bool()?,
    })
}

/// Mirroring as it is without a connection. How far the partner has got is asked again when it is back:
/// it is left out, or every acknowledgement would be written.
fn put_mirroring(out: &mut Writer, session: &MirrorSession) {
    let MirrorSession {
        guid,
        role,
        state,
        safety,
        role_sequence,
        safety_sequence,
        partner_name,
        partner_instance,
        failover_lsn: _,
        end_of_log_lsn: _,
        timeout_s,
        link: _,
    } = session;
    out.guid(*guid);
    out.bool(*role == MirrorRole::Mirror);
    out.bool(*state == MirrorState::Suspended);
    out.bool(*safety == Safety::Full);
    out.i64(i64::from(*role_sequence));
    out.i64(i64::from(*safety_sequence));
    out.str(partner_name);
    out.str(partner_instance);
    out.u64(u64::from(*timeout_s));
}

fn get_mirroring(from: &mut Reader<'_>) -> Decoded<MirrorSession> {
    let guid = from.guid()?;
    let role = if from.bool()? { MirrorRole::Mirror } else { MirrorRole::Principal };
    let state = if from.bool()? { MirrorState::Suspended } else { MirrorState::Disconnected };
    let safety = if from.bool()? { Safety::Full } else { Safety::Off };
    let (role_sequence, safety_sequence) = (from.signed()?, from.signed()?);
    let partner_name = from.str()?;
    let mut session = MirrorSession::new(guid, role, &partner_name);
    (session.state, session.safety) = (state, safety);
    (session.role_sequence, session.safety_sequence) = (role_sequence, safety_sequence);
    session.partner_instance = from.str()?;
    session.timeout_s = from.number()?;
    Ok(session)
}

/// Writes what a server is: logins, the endpoint, keys, settings.
pub(crate) fn put_server(out: &mut Writer, engine: &Engine) {
    let Engine {
        databases: _,
        logins,
        endpoint,
        keys,
        locks: _,
        transactions: _,
        last_transaction: _,
        ghosts: _,
        clock: _,
        rng: _,
        data_directory: _,
        server_name: _,
        settings,
        // Set anew by whoever wants them: a start forgets them.
        global_trace_flags: _,
        is_log_full: _,
        uncharged: _,
        salts: _,
    } = engine;
    out.count(logins.len());
    for login in logins.values() {
        put_login(out, login);
    }
    out.option(endpoint.as_ref(), put_endpoint);
    keys.put(out);
    out.count(settings.len());
    for (id, (configured, in_use)) in settings {
        out.i64(i64::from(*id));
        out.i64(*configured);
        out.i64(*in_use);
    }
}

/// Reads what a server is into an engine.
pub(crate) fn get_server(from: &mut Reader<'_>, engine: &mut Engine) -> Decoded<()> {
    let logins = from.list(get_login)?;
    engine.logins = logins.into_iter().map(|login| (login.principal_id, login)).collect();
    engine.endpoint = from.option(get_endpoint)?;
    engine.keys = Keys::get(from)?;
    let settings = from.list(|from| Ok((from.signed()?, (from.i64()?, from.i64()?))))?;
    engine.settings = settings.into_iter().collect();
    Ok(())
}

fn put_login(out: &mut Writer, login: &Login) {
    let Login {
        principal_id,
        name,
        sid,
        kind,
        password,
        is_disabled,
        default_database,
        created,
        roles,
        permissions,
    } = login;
    out.i64(i64::from(*principal_id));
    out.str(name);
    out.bytes(sid);
    out.u8(match kind {
        LoginKind::Sql => 0,
        LoginKind::Windows => 1,
        LoginKind::WindowsGroup => 2,
        LoginKind::Certificate => 3,
    });
    out.bytes(password.bytes());
    out.bool(*is_disabled);
    out.str(default_database);
    out.time(*created);
    out.count(roles.len());
    for role in roles {
        out.str(role);
    }
    out.count(permissions.len());
    for (permission, is_denied) in permissions {
        out.str(permission);
        out.bool(*is_denied);
    }
}

fn get_login(from: &mut Reader<'_>) -> Decoded<Login> {
    Ok(Login {
        principal_id: from.signed()?,
        name: from.str()?,
        sid: Rc::from(from.bytes()?),
        kind: match from.u8()? {
            0 => LoginKind::Sql,
            1 => LoginKind::Windows,
            2 => LoginKind::WindowsGroup,
            3 => LoginKind::Certificate,
            _ => return Err(Malformed),
        },
        password: PasswordHash::from_bytes(from.bytes()?).ok_or(Malformed)?,
        is_disabled: from.bool()?,
        default_database: from.str()?,
        created: from.time()?,
        roles: from.list(Reader::str)?,
        permissions: from.list(|from| Ok((from.str()?, from.bool()?)))?,
    })
}

fn put_endpoint(out: &mut Writer, endpoint: &Endpoint) {
    let Endpoint {
        endpoint_id,
        name,
        state,
        port,
        role,
        is_encryption_enabled,
        authentication,
        certificate,
        algorithm,
        connect,
    } = endpoint;
    out.i64(i64::from(*endpoint_id));
    out.str(name);
    out.u8(match state {
        EndpointState::Started => 0,
        EndpointState::Stopped => 1,
        EndpointState::Disabled => 2,
    });
    out.u64(u64::from(*port));
    out.u8(match role {
        EndpointRole::Partner => 1,
        EndpointRole::Witness => 2,
        EndpointRole::All => 3,
    });
    out.bool(*is_encryption_enabled);
    out.str(authentication);
    out.option(certificate.as_deref(), Writer::str);
    out.u8(*algorithm);
    out.count(connect.len());
    for login in connect {
        out.str(login);
    }
}

fn get_endpoint(from: &mut Reader<'_>) -> Decoded<Endpoint> {
    Ok(Endpoint {
        endpoint_id: from.signed()?,
        name: from.str()?,
        state: match from.u8()? {
            0 => EndpointState::Started,
            1 => EndpointState::Stopped,
            2 => EndpointState::Disabled,
            _ => return Err(Malformed),
        },
        port: from.number()?,
        role: match from.u8()? {
            1 => EndpointRole::Partner,
            2 => EndpointRole::Witness,
            3 => EndpointRole::All,
            _ => return Err(Malformed),
        },
        is_encryption_enabled: from.bool()?,
        authentication: from.str()?,
        certificate: from.option(Reader::str)?,
        algorithm: from.u8()?,
        connect: from.list(Reader::str)?,
    })
}
