//! Views of the master key and the certificates of `master`.

use super::rows::{Rows, datetime};
use super::{View, ViewContext};
use crate::engine::MASTER;
use crate::engine::certificates::PrivateKey;
use crate::value::Value;
use std::rc::Rc;

/// The family.
pub(super) const VIEWS: &[View] = &[
    View { schema: "sys", name: "certificates", columns: CERTIFICATES, fill: certificates },
    View { schema: "sys", name: "symmetric_keys", columns: SYMMETRIC_KEYS, fill: symmetric_keys },
];

const CERTIFICATES: &str = "name sysname, certificate_id int not null, principal_id int, \
    pvt_key_encryption_type char(2) not null, pvt_key_encryption_type_desc nvarchar(60), \
    is_active_for_begin_dialog bit, issuer_name nvarchar(442), cert_serial_number nvarchar(64), \
    sid varbinary(85), string_sid nvarchar(128), subject nvarchar(4000), expiry_date datetime, \
    start_date datetime, thumbprint varbinary(32) not null, attested_by nvarchar(260), \
    pvt_key_last_backup_date datetime, key_length int = 2048";

fn certificates(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    if context.database_id != MASTER {
        return;
    }
    let offset = context.instance.0.clock.utc_offset_minutes();
    for certificate in &context.engine.keys.certificates {
        let (key, key_name) = match certificate.private_key {
            PrivateKey::None => ("NA", "NO_PRIVATE_KEY"),
            PrivateKey::ByMasterKey => ("MK", "ENCRYPTED_BY_MASTER_KEY"),
            PrivateKey::ByPassword(_) => ("PW", "ENCRYPTED_BY_PASSWORD"),
        };
        let backed_up = certificate.key_backed_up.map_or(Value::Null, |at| datetime(at, offset));
        rows.add(|row| {
            row.set("name", &certificate.name)
                .set("certificate_id", certificate.certificate_id)
                .set("principal_id", certificate.owner)
                .set("pvt_key_encryption_type", key)
                .set("pvt_key_encryption_type_desc", key_name)
                .set("is_active_for_begin_dialog", certificate.is_for_dialogs)
                .set("issuer_name", &certificate.subject)
                .set("cert_serial_number", &certificate.serial)
                .set("sid", Value::Binary(certificate.sid()))
                .set("string_sid", string_sid(&certificate.thumbprint))
                .set("subject", &certificate.subject)
                .set("expiry_date", datetime(certificate.expiry, 0))
                .set("start_date", datetime(certificate.start, 0))
                .set("thumbprint", Value::Binary(certificate.thumbprint.clone()))
                .set("pvt_key_last_backup_date", backed_up);
        });
    }
}

/// `S-1-9-1` and the thumbprint's words.
fn string_sid(thumbprint: &[u8]) -> String {
    let (words, _) = thumbprint.as_chunks::<4>();
    words.iter().fold("S-1-9-1".to_owned(), |sid, word| format!("{sid}-{}", u32::from_le_bytes(*word)))
}

const SYMMETRIC_KEYS: &str = "name sysname, principal_id int = 1, symmetric_key_id int not null, \
    key_length int = 256, key_algorithm char(2) not null = A3, algorithm_desc nvarchar(60) = AES_256, \
    create_date datetime not null, modify_date datetime not null, key_guid uniqueidentifier, \
    key_thumbprint sql_variant, provider_type nvarchar(120), cryptographic_provider_guid uniqueidentifier, \
    cryptographic_provider_algid sql_variant";

fn symmetric_keys(context: &ViewContext<'_>, rows: &mut Rows<'_>) {
    if context.database_id != MASTER {
        return;
    }
    let offset = context.instance.0.clock.utc_offset_minutes();
    let Some(sa) = context.engine.logins.get(&1) else { return };
    let service = ("##MS_ServiceMasterKey##", 102, sa.created, uuid::Uuid::from_bytes([0x5a; 16]));
    let master = context.engine.keys.master.as_ref();
    let master = master.map(|key| ("##MS_DatabaseMasterKey##", 101, key.created, key.guid));
    for (name, id, created, guid) in master.into_iter().chain([service]) {
        let created = datetime(created, offset);
        rows.add(|row| {
            row.set("name", Rc::from(name))
                .set("symmetric_key_id", id)
                .set("create_date", &created)
                .set("modify_date", &created)
                .set("key_guid", Value::Guid(guid));
        });
    }
}
