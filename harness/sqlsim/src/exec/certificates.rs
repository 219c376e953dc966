//! The master key and certificates of `master`: statements and their files.
//!
//! Other databases have none here: their statements are refused by name.

use super::run::Runner;
use crate::catalog::rows::timestamp;
use crate::engine::certificates::{
    Certificate, DBO, MasterKey, PrivateKey, Verifier, certificate_file, key_file, read_certificate_file,
    read_key_file,
};
use crate::engine::{MASTER, same_name};
use crate::error::{SqlError, SqlResult};
use crate::files::{FileError, Files};
use crate::messages::error;
use crate::tsql::ast::{CertificateSource, KeyStatement, PrivateKeyFile};
use crate::value::datetime::Moment;
use bytes::Bytes;
use std::rc::Rc;
use uuid::Uuid;

/// A certificate without EXPIRY_DATE is good for a year.
const DEFAULT_DAYS: i64 = 365;
/// No file of a certificate is longer.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// The longest subject, as the manual has it.
const SUBJECT_CHARACTERS_MAX: usize = 4096;

/// Runs a statement about keys.
pub(super) async fn run(runner: &mut Runner<'_>, written: &KeyStatement) -> SqlResult<()> {
    if runner.session.state.borrow().database_id != MASTER {
        return Err(error(40_510, 1, &[&"a master key or certificate of another database than master"]));
    }
    if !runner.has_database_permission("CONTROL") {
        return Err(error(15_247, 1, &[]));
    }
    match written {
        KeyStatement::CreateMasterKey { password } => create_master_key(runner, password),
        KeyStatement::DropMasterKey => drop_master_key(runner),
        KeyStatement::CreateCertificate { name, owner, source, is_for_dialogs } => {
            create(runner, name, owner.as_deref(), source, *is_for_dialogs).await
        }
        KeyStatement::DropCertificate(name) => drop_certificate(runner, name),
        KeyStatement::BackupCertificate { name, file, private_key } => {
            back_up(runner, name, file, private_key.as_ref()).await
        }
    }
}

fn unknown(verb: &str, name: &str) -> SqlError {
    error(15_151, 1, &[&verb, &"certificate", &name])
}

fn verifier(runner: &Runner<'_>, password: &str) -> Verifier {
    Verifier::of(password, [runner.instance.new_guid(), runner.instance.new_guid()])
}

fn create_master_key(runner: &mut Runner<'_>, password: &str) -> SqlResult<()> {
    let key = MasterKey {
        guid: runner.instance.new_guid(),
        created: runner.instance.clock().utc_now(),
        password: verifier(runner, password),
    };
    let mut engine = runner.instance.0.engine.borrow_mut();
    if engine.keys.master.is_some() {
        return Err(error(15_578, 1, &[]));
    }
    engine.keys.master = Some(key);
    Ok(())
}

fn drop_master_key(runner: &mut Runner<'_>) -> SqlResult<()> {
    let mut engine = runner.instance.0.engine.borrow_mut();
    if engine.keys.master.is_none() {
        return Err(error(15_151, 1, &[&"drop", &"symmetric key", &"master key"]));
    }
    let encrypted = engine.keys.certificates.iter().find(|c| c.private_key == PrivateKey::ByMasterKey);
    if let Some(certificate) = encrypted {
        return Err(error(15_580, 1, &[&"master key", &"certificate", &certificate.name]));
    }
    engine.keys.master = None;
    Ok(())
}

fn drop_certificate(runner: &mut Runner<'_>, name: &str) -> SqlResult<()> {
    let mut engine = runner.instance.0.engine.borrow_mut();
    let sid = engine.keys.certificate(name).ok_or_else(|| unknown("drop", name))?.sid();
    let in_use = |what: &str| Err(error(15_559, 1, &[&"certificate", &name, &what]));
    if engine.logins.values().any(|login| login.sid == sid) {
        return in_use("login");
    }
    let master = engine.database(MASTER).map(|master| &master.content);
    if master.is_some_and(|content| content.principals().any(|user| user.sid.as_ref() == Some(&sid))) {
        return in_use("user");
    }
    let endpoint = engine.endpoint.as_ref().and_then(|endpoint| endpoint.certificate.as_deref());
    if endpoint.is_some_and(|certificate| same_name(certificate, name)) {
        return in_use("endpoint");
    }
    engine.keys.remove(name);
    Ok(())
}

async fn create(
    runner: &mut Runner<'_>,
    name: &Rc<str>,
    owner: Option<&str>,
    source: &CertificateSource,
    is_for_dialogs: bool,
) -> SqlResult<()> {
    let owner = match owner {
        None => DBO,
        Some(owner) => {
            let engine = runner.instance.0.engine.borrow();
            let user = engine.database(MASTER).and_then(|master| master.content.principal_by_name(owner));
            user.ok_or_else(|| error(15_151, 1, &[&"find", &"user", &owner]))?.principal_id
        }
    };
    let made = match source {
        CertificateSource::SelfSigned { subject, start, expiry, password } => {
            self_signed(runner, subject, start.as_deref(), expiry.as_deref(), password.as_deref())?
        }
        CertificateSource::File { file, private_key } => read(runner, file, private_key.as_ref()).await?,
    };
    let mut engine = runner.instance.0.engine.borrow_mut();
    if engine.keys.certificate(name).is_some() || engine.keys.by_thumbprint(&made.thumbprint).is_some() {
        return Err(error(15_232, 1, &[name]));
    }
    if made.private_key == PrivateKey::ByMasterKey && engine.keys.master.is_none() {
        return Err(error(15_581, 1, &[]));
    }
    engine.keys.add(Certificate { name: name.clone(), owner, is_for_dialogs, ..made });
    Ok(())
}

fn self_signed(
    runner: &Runner<'_>,
    subject: &Rc<str>,
    start: Option<&str>,
    expiry: Option<&str>,
    password: Option<&str>,
) -> SqlResult<Certificate> {
    if subject.chars().count() > SUBJECT_CHARACTERS_MAX {
        let begins: String = subject.chars().take(16).collect();
        return Err(error(103, 1, &[&"subject", &begins, &SUBJECT_CHARACTERS_MAX]));
    }
    let start = match start {
        Some(text) => moment(text)?,
        None => runner.instance.clock().utc_now(),
    };
    let expiry = match expiry {
        Some(text) => moment(text)?,
        None => start + jiff::SignedDuration::from_hours(24 * DEFAULT_DAYS),
    };
    if expiry <= start {
        return Err(error(40_510, 1, &[&"a certificate that expires before it starts"]));
    }
    let [a, b, serial]: [Uuid; 3] = std::array::from_fn(|_| runner.instance.new_guid());
    let thumbprint = [&a.as_bytes()[..], &b.as_bytes()[..4]].concat();
    let private_key = match password {
        Some(password) => PrivateKey::ByPassword(verifier(runner, password)),
        None => PrivateKey::ByMasterKey,
    };
    Ok(Certificate {
        certificate_id: 0,
        name: "".into(),
        owner: DBO,
        subject: subject.clone(),
        serial: pairs(serial.as_bytes()).into(),
        thumbprint: thumbprint.into(),
        start,
        expiry,
        private_key,
        key_backed_up: None,
        is_for_dialogs: true,
    })
}

/// A serial number as `sys.certificates` shows it: `8f a1 …`.
fn pairs(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

/// A date of a certificate; it is in UTC.
fn moment(text: &str) -> SqlResult<jiff::Timestamp> {
    let value = crate::value::datetime::parse(text).and_then(Moment::to_datetime);
    value.and_then(|value| timestamp(&value, 0)).ok_or_else(|| error(241, 1, &[]))
}

/// 15208: whatever is wrong with a file, SQL Server says the same.
fn no_file() -> SqlError {
    error(15_208, 1, &[])
}

async fn read(
    runner: &Runner<'_>,
    file: &str,
    private_key: Option<&PrivateKeyFile>,
) -> SqlResult<Certificate> {
    let files = runner.instance.0.files.clone();
    let bytes = whole(files.as_ref(), file).await?;
    let certificate = read_certificate_file(&bytes).ok_or_else(no_file)?;
    let Some(written) = private_key else { return Ok(certificate) };
    let bytes = whole(files.as_ref(), &written.file).await?;
    let (thumbprint, password) = read_key_file(&bytes).ok_or_else(no_file)?;
    if thumbprint != certificate.thumbprint {
        return Err(no_file());
    }
    if !written.decryption.as_deref().is_some_and(|given| password.fits(given)) {
        return Err(error(15_465, 1, &[]));
    }
    let private_key = match &written.encryption {
        Some(password) => PrivateKey::ByPassword(verifier(runner, password)),
        None => PrivateKey::ByMasterKey,
    };
    Ok(Certificate { private_key, ..certificate })
}

async fn whole(files: &dyn Files, path: &str) -> SqlResult<Bytes> {
    let size = files.size(path).await.map_err(|_| no_file())?;
    if size > FILE_BYTES_MAX {
        return Err(no_file());
    }
    files.read(path, 0, usize::try_from(size).map_err(|_| no_file())?).await.map_err(|_| no_file())
}

async fn back_up(
    runner: &mut Runner<'_>,
    name: &str,
    file: &str,
    private_key: Option<&PrivateKeyFile>,
) -> SqlResult<()> {
    let certificate = runner.instance.0.engine.borrow().keys.certificate(name).cloned();
    let certificate = certificate.ok_or_else(|| unknown("find", name))?;
    let mut key = None;
    if let Some(written) = private_key {
        let may = match (&certificate.private_key, &written.decryption) {
            (PrivateKey::None, _) => return Err(error(15_556, 1, &[&"certificate"])),
            (PrivateKey::ByMasterKey, _) => true,
            (PrivateKey::ByPassword(password), Some(given)) => password.fits(given),
            (PrivateKey::ByPassword(_), None) => false,
        };
        if !may {
            return Err(error(15_465, 1, &[]));
        }
        let password = written.encryption.as_deref().ok_or_else(|| error(102, 1, &[&")"]))?;
        key = Some((&written.file, key_file(&certificate, &verifier(runner, password))));
    }
    let files = runner.instance.0.files.clone();
    write(files.as_ref(), file, certificate_file(&certificate)).await?;
    let Some((path, bytes)) = key else { return Ok(()) };
    write(files.as_ref(), path, bytes).await?;
    let now = runner.instance.clock().utc_now();
    let mut engine = runner.instance.0.engine.borrow_mut();
    if let Some(known) = engine.keys.certificates.iter_mut().find(|known| same_name(&known.name, name)) {
        known.key_backed_up = Some(now);
    }
    Ok(())
}

/// Writes a file that must not be there yet.
async fn write(files: &dyn Files, path: &str, bytes: Vec<u8>) -> SqlResult<()> {
    let refused = |_: FileError| error(15_240, 1, &[&path]);
    if files.size(path).await.is_ok() {
        return Err(error(15_240, 1, &[&path]));
    }
    files.create(path).await.map_err(refused)?;
    files.append(path, bytes.into()).await.map_err(refused)?;
    files.flush(path).await.map_err(refused)
}
