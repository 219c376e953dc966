//! `Set-CsPersistentChatActiveServer`.

use super::{identity, not_in_topology, read_store};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::error::ErrorRecord;
use crate::language::value::Value;
use crate::session::{Session, store_failure};
use crate::store::PoolSettings;
use crate::topology::Topology;

/// More active servers than this are not supported.
const MOST_ACTIVE: usize = 4;

pub(crate) static DEFINITIONS: &[Definition] = &[Definition {
    name: "Set-CsPersistentChatActiveServer",
    type_name: "Microsoft.Rtc.Management.PersistentChat.Cmdlets.SetPersistentChatActiveServerCmdlet",
    module: Module::LyncWriting,
    aliases: &[],
    parameters: &[
        Parameter::new("Identity", Kind::Text).at(1),
        Parameter::new("ActiveServers", Kind::Any).sets(&["Explicit"]).mandatory().nullable(),
        Parameter::new("Swap", Kind::Switch).sets(&["Swap"]).mandatory(),
        Parameter::new("Force", Kind::Switch),
    ],
    default_set: "Explicit",
    should_process: true,
    impact: Impact::Medium,
    run: |session, call| Box::pin(set_active_servers(session, call)),
}];

/// Changes the list of active servers.
///
/// Judgements: a server outside the pool is refused; more than four active
/// servers are accepted with a warning, since no public source says that the
/// cmdlet refuses them; `global` (the 2013 help's identity) and no identity
/// mean the only pool.
async fn set_active_servers(session: &mut Session, call: &mut Call) -> Outcome {
    let (topology, settings) = read_store(session).await?;
    let named = call.text("Identity").unwrap_or_else(|| "global".to_owned());
    if !named.eq_ignore_ascii_case("global") && !identity::names_pool(call, &topology, &named)? {
        let error = not_in_topology(call, "PersistentChatServerCollection", &named);
        session.write_error(call, error)?;
        return Ok(Vec::new());
    }
    let wanted = if call.set == "Swap" {
        let is_active =
            |fqdn: &String| settings.active_servers.iter().any(|active| active.eq_ignore_ascii_case(fqdn));
        topology
            .chat_servers
            .iter()
            .map(|server| server.fqdn.clone())
            .filter(|fqdn| !is_active(fqdn))
            .collect()
    } else {
        let change = call.value("ActiveServers").cloned().unwrap_or(Value::Null);
        changed_list(call, &topology, &settings.active_servers, &change)?
    };
    if !session.should_process(call, &named)? || wanted == settings.active_servers {
        return Ok(Vec::new());
    }
    if wanted.len() > MOST_ACTIVE {
        session.warn(&format!(
            "The pool now has {} active servers. At most {MOST_ACTIVE} are supported.",
            wanted.len()
        ));
    }
    let now = session.env.clock.utc_now();
    let changed = PoolSettings { active_servers: wanted, ..settings };
    session.store().await?.change(&changed, now).await.map_err(store_failure)?;
    Ok(Vec::new())
}

/// The list after `$null`, a list, or `@{Add=…; Remove=…}` or `@{Replace=…}`.
fn changed_list(
    call: &Call,
    topology: &Topology,
    before: &[String],
    change: &Value,
) -> Result<Vec<String>, ErrorRecord> {
    let Value::Hash(table) = change else {
        let mut after = Vec::new();
        if !matches!(change, Value::Null) {
            add(call, topology, &mut after, change)?;
        }
        return Ok(after);
    };
    let table = table.borrow();
    let known = ["add", "remove", "replace"];
    let keys: Vec<String> = table.0.iter().map(|(key, _)| key.text().to_ascii_lowercase()).collect();
    let unknown = keys.iter().find(|key| !known.contains(&key.as_str()));
    if unknown.is_some() || keys.is_empty() || (keys.len() > 1 && keys.iter().any(|key| key == "replace")) {
        return Err(ErrorRecord::new(
            "Cannot bind parameter 'ActiveServers'. The hash table must hold Add, Remove or both, or only Replace.",
            "InvalidArgument",
            "System.Management.Automation.ParameterBindingException",
            format!("CannotConvertArgumentNoMessage,{}", call.definition.type_name),
        ));
    }
    if let Some(list) = table.named("Replace") {
        let mut after = Vec::new();
        add(call, topology, &mut after, list)?;
        return Ok(after);
    }
    let mut after = before.to_vec();
    if let Some(list) = table.named("Remove") {
        for item in list.clone().into_items() {
            let fqdn = in_pool(call, topology, &item.text())?;
            after.retain(|active| !active.eq_ignore_ascii_case(&fqdn));
        }
    }
    if let Some(list) = table.named("Add") {
        add(call, topology, &mut after, list)?;
    }
    Ok(after)
}

fn add(call: &Call, topology: &Topology, after: &mut Vec<String>, list: &Value) -> Result<(), ErrorRecord> {
    for item in list.clone().into_items() {
        let fqdn = in_pool(call, topology, &item.text())?;
        if !after.iter().any(|active| active.eq_ignore_ascii_case(&fqdn)) {
            after.push(fqdn);
        }
    }
    Ok(())
}

/// The pool's own spelling of a server's name.
fn in_pool(call: &Call, topology: &Topology, name: &str) -> Result<String, ErrorRecord> {
    let server = topology.chat_servers.iter().find(|server| server.fqdn.eq_ignore_ascii_case(name));
    server.map(|server| server.fqdn.clone()).ok_or_else(|| {
        ErrorRecord::new(
            format!("The computer \"{name}\" is not a Persistent Chat server of pool \"{}\".", topology.pool),
            "InvalidArgument",
            "Microsoft.Rtc.Management.Xds.ManagementException",
            format!("NotAServerOfThePool,{}", call.definition.type_name),
        )
        .with_target(name, "Fqdn")
    })
}
