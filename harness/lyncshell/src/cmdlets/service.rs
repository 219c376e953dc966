//! `Get-CsService` and `Get-CsPool`: the published topology, read.

use std::rc::Rc;

use super::{databases, identity, not_in_topology, read_store};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::members::property;
use crate::language::value::{Object, Value};
use crate::language::wildcard;
use crate::session::Session;
use crate::store::PoolSettings;
use crate::topology::{SqlStore, Topology};

/// A role switch's set: one role a call.
const SERVER: &[&str] = &["PersistentChatServer"];
const DATABASE: &[&str] = &["PersistentChatDatabase"];
const COMPLIANCE: &[&str] = &["PersistentChatComplianceDatabase"];

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Get-CsService",
        type_name: "Microsoft.Rtc.Management.Xds.GetOcsServiceCmdlet",
        module: Module::LyncReading,
        aliases: &[],
        parameters: &[
            Parameter::new("Identity", Kind::Text).sets(&["Identity"]).at(1),
            Parameter::new("Filter", Kind::Text).sets(&["Filter"]).mandatory(),
            Parameter::new("PersistentChatServer", Kind::Switch).sets(SERVER).mandatory(),
            Parameter::new("PersistentChatDatabase", Kind::Switch).sets(DATABASE).mandatory(),
            Parameter::new("PersistentChatComplianceDatabase", Kind::Switch).sets(COMPLIANCE).mandatory(),
            Parameter::new("PoolFqdn", Kind::Fqdn).sets(&[
                "Identity",
                "PersistentChatServer",
                "PersistentChatDatabase",
                "PersistentChatComplianceDatabase",
            ]),
        ],
        default_set: "Identity",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(get_service(session, call)),
    },
    Definition {
        name: "Get-CsPool",
        type_name: "Microsoft.Rtc.Management.Xds.GetOcsPoolCmdlet",
        module: Module::LyncReading,
        aliases: &[],
        parameters: &[
            Parameter::new("Identity", Kind::Text).sets(&["Identity"]).at(1),
            Parameter::new("Filter", Kind::Text).sets(&["Filter"]),
            Parameter::new("Site", Kind::Text).sets(&["Site"]),
        ],
        default_set: "Identity",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(get_pool(session, call)),
    },
];

async fn get_service(session: &mut Session, call: &mut Call) -> Outcome {
    let (topology, settings) = read_store(session).await?;
    let (server, compliance) = ("PersistentChatServer", "PersistentChatComplianceDatabase");
    let of_all = matches!(call.set, "Identity" | "Filter");
    let mut services = Vec::new();
    if of_all || call.flag(server) {
        services.push(chat_service(&topology, &settings));
    }
    if of_all || call.flag("PersistentChatDatabase") {
        services.extend(database_services(&topology, "PersistentChatDatabase"));
    }
    if of_all || call.flag(compliance) {
        services.extend(database_services(&topology, compliance));
    }
    if let Some(pool) = call.text("PoolFqdn") {
        services.retain(|service| text_of(service, "PoolFqdn").eq_ignore_ascii_case(&pool));
    }
    if let Some(filter) = call.text("Filter") {
        services.retain(|service| wildcard::matches(&filter, &text_of(service, "Identity"), false));
    }
    if let Some(named) = call.text("Identity") {
        let bare = match named.get(.."service:".len()) {
            Some(head) if head.eq_ignore_ascii_case("service:") => &named["service:".len()..],
            _ => named.as_str(),
        };
        services.retain(|service| {
            let own = text_of(service, "Identity");
            own.eq_ignore_ascii_case(bare) || text_of(service, "PoolFqdn").eq_ignore_ascii_case(bare)
        });
        if services.is_empty() {
            let error = not_in_topology(call, "Service", &named);
            session.write_error(call, error)?;
        }
    }
    Ok(services)
}

fn text_of(service: &Value, name: &str) -> String {
    property(service, name).map(|value| value.text()).unwrap_or_default()
}

/// `PersistentChatDatabase:fqdn\instance`, or nothing.
fn database_reference(kind: &str, store: Option<&SqlStore>) -> Value {
    store.map_or(Value::Null, |store| Value::from(format!("{kind}:{}", store.name())))
}

/// The pool's chat service, with the active and inactive servers.
fn chat_service(topology: &Topology, settings: &PoolSettings) -> Value {
    let is_active =
        |fqdn: &str| settings.active_servers.iter().any(|active| active.eq_ignore_ascii_case(fqdn));
    let inactive: Vec<&str> = topology
        .chat_servers
        .iter()
        .map(|server| server.fqdn.as_str())
        .filter(|fqdn| !is_active(fqdn))
        .collect();
    let host = topology.file_store.trim_start_matches('\\').split('\\').next().unwrap_or_default();
    let mut properties = vec![
        ("Identity".to_owned(), Value::from(identity::of_pool(topology))),
        ("Registrar".to_owned(), Value::from(format!("Registrar:{}", topology.next_hop))),
        ("FileStore".to_owned(), Value::from(format!("FileStore:{host}"))),
        ("MtlsPort".to_owned(), Value::Int(5041)),
        ("DisplayName".to_owned(), Value::from(topology.pool.as_str())),
        ("ActiveServers".to_owned(), Value::strings(&settings.active_servers)),
        ("InactiveServers".to_owned(), Value::strings(inactive)),
    ];
    for kind in ["PersistentChatDatabase", "PersistentChatComplianceDatabase"] {
        let stores = stores_of(topology, kind);
        for role in ["", "Mirror", "Backup", "BackupMirror"] {
            let store = stores.and_then(|stores| stores.roles().into_iter().find(|(name, _)| *name == role));
            let reference = database_reference(kind, store.and_then(|(_, store)| store));
            properties.push((format!("{role}{kind}"), reference));
        }
    }
    properties.extend([
        ("DependentServiceList".to_owned(), Value::Array(Rc::new(Vec::new()))),
        ("ServiceId".to_owned(), Value::from("1-PersistentChatService-1")),
        ("SiteId".to_owned(), Value::from(format!("Site:{}", topology.site))),
        ("PoolFqdn".to_owned(), Value::from(topology.pool.as_str())),
        ("Version".to_owned(), Value::Int(i64::from(topology.version))),
        ("Role".to_owned(), Value::from("PersistentChatServer")),
    ]);
    let properties = properties.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    Object::value("Microsoft.Rtc.Management.Xds.DisplayPersistentChatServer", properties)
}

/// The stores behind a database role.
fn stores_of<'t>(topology: &'t Topology, kind: &str) -> Option<&'t crate::topology::SqlStores> {
    let wanted = kind.strip_suffix("Database").unwrap_or(kind);
    databases(topology).into_iter().find(|(name, _, _)| *name == wanted).map(|(_, _, stores)| stores)
}

/// The SQL stores of a role, as services.
fn database_services(topology: &Topology, kind: &'static str) -> Vec<Value> {
    let Some(stores) = stores_of(topology, kind) else { return Vec::new() };
    let present = stores.roles().into_iter().filter_map(|(_, store)| store);
    present
        .map(|store| {
            let instance = store.instance.as_deref().map_or(Value::Null, Value::from);
            Object::value(
                &format!("Microsoft.Rtc.Management.Xds.Display{kind}"),
                vec![
                    ("Identity", database_reference(kind, Some(store))),
                    ("SqlInstanceName", instance),
                    ("DependentServiceList", Value::strings([identity::of_pool(topology)])),
                    ("SiteId", Value::from(format!("Site:{}", topology.site))),
                    ("PoolFqdn", Value::from(store.fqdn.as_str())),
                    ("Version", Value::Int(i64::from(topology.version))),
                    ("Role", Value::from(kind)),
                ],
            )
        })
        .collect()
}

async fn get_pool(session: &mut Session, call: &mut Call) -> Outcome {
    let (topology, _) = read_store(session).await?;
    let mut pools = vec![pool(
        &topology,
        &topology.pool,
        topology.chat_servers.iter().map(|server| server.fqdn.as_str()).collect(),
        vec![identity::of_pool(&topology)],
    )];
    pools.push(pool(
        &topology,
        &topology.next_hop,
        Vec::new(),
        vec![format!("Registrar:{}", topology.next_hop)],
    ));
    let mut known: Vec<&str> = Vec::new();
    for (kind, _, stores) in databases(&topology) {
        for store in stores.roles().into_iter().filter_map(|(_, store)| store) {
            if known.contains(&store.fqdn.as_str()) {
                continue;
            }
            known.push(&store.fqdn);
            let service = format!("{kind}Database:{}", store.name());
            pools.push(pool(&topology, &store.fqdn, vec![&store.fqdn], vec![service]));
        }
    }
    if let Some(named) = call.text("Identity") {
        pools.retain(|pool| text_of(pool, "Fqdn").eq_ignore_ascii_case(&named));
        if pools.is_empty() {
            let error = not_in_topology(call, "Pool", &named);
            session.write_error(call, error)?;
        }
    }
    if let Some(filter) = call.text("Filter") {
        pools.retain(|pool| wildcard::matches(&filter, &text_of(pool, "Fqdn"), false));
    }
    if let Some(site) = call.text("Site") {
        pools.retain(|_| topology.site.eq_ignore_ascii_case(&site));
    }
    Ok(pools)
}

fn pool(topology: &Topology, fqdn: &str, computers: Vec<&str>, services: Vec<String>) -> Value {
    let computers = if computers.is_empty() { vec![fqdn] } else { computers };
    Object::value(
        "Microsoft.Rtc.Management.Xds.DisplayPool",
        vec![
            ("Identity", Value::from(fqdn)),
            ("Services", Value::strings(services)),
            ("Computers", Value::strings(computers)),
            ("Fqdn", Value::from(fqdn)),
            ("Site", Value::from(format!("Site:{}", topology.site))),
        ],
    )
}
