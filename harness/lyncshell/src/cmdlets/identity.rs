//! The spellings of a pool's identity. Microsoft's own texts use
//! `service:fqdn`, `PersistentChatServer:fqdn` and
//! `service:PersistentChatServer:fqdn`, all of which name the pool here, in any
//! case.
//!
//! Judgement, since no public source shows the error: a space after `service:`
//! (printed in one official sample) and a name without a prefix do not parse; a
//! well-formed name of nothing in the topology is not found.

use crate::binding::Call;
use crate::language::error::ErrorRecord;
use crate::topology::Topology;

/// How the pool's chat service is called.
pub(super) fn of_pool(topology: &Topology) -> String {
    format!("PersistentChatServer:{}", topology.pool)
}

/// The FQDN an identity names.
///
/// # Errors
/// PowerShell's conversion error, when the identity is not well formed.
pub(super) fn parse<'i>(call: &Call, identity: &'i str) -> Result<&'i str, ErrorRecord> {
    let after_service = strip(identity, "service:");
    let after_role = strip(after_service.unwrap_or(identity), "persistentchatserver:");
    let name = match after_role.or(after_service) {
        Some(name) => name,
        None => {
            return Err(malformed(call, identity, "The identity has no scope such as \"service:\"."));
        }
    };
    let is_name =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !is_name {
        return Err(malformed(
            call,
            identity,
            "The part after the scope is not a fully qualified domain name.",
        ));
    }
    Ok(name)
}

/// What follows a prefix, in any case.
fn strip<'i>(identity: &'i str, prefix: &str) -> Option<&'i str> {
    let head = identity.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &identity[prefix.len()..])
}

fn malformed(call: &Call, identity: &str, why: &str) -> ErrorRecord {
    ErrorRecord::new(
        format!(
            "Cannot bind parameter 'Identity'. Cannot convert value \"{identity}\" to type \
             \"Microsoft.Rtc.Management.Xds.XdsIdentity\". Error: \"{why}\""
        ),
        "InvalidArgument",
        "System.Management.Automation.ParameterBindingException",
        format!("CannotConvertArgumentNoMessage,{}", call.definition.type_name),
    )
}

/// Whether an identity names the topology's pool.
///
/// # Errors
/// As [`parse`].
pub(super) fn names_pool(call: &Call, topology: &Topology, identity: &str) -> Result<bool, ErrorRecord> {
    Ok(parse(call, identity)?.eq_ignore_ascii_case(&topology.pool))
}
