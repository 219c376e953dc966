//! `Set-CsPersistentChatState` and `Get-CsPersistentChatState`.

use super::{identity, not_in_topology, read_store};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::members::property;
use crate::language::value::{EnumType, Object, Value};
use crate::language::wildcard;
use crate::session::{Flow, Session, store_failure};
use crate::store::PoolSettings;
use crate::topology::{PoolState, Topology};

/// The pool's states. That `Normal` is 0 is a judgement: it is the default.
pub(crate) static POOL_STATE: EnumType = EnumType {
    name: "Microsoft.Rtc.Management.WritableConfig.Settings.PersistentChat.PoolState",
    members: &["Normal", "FailedOver"],
};

/// What `Get-CsPersistentChatState` returns and `-Instance` takes.
const STATE_TYPE: &str =
    "Microsoft.Rtc.Management.WritableConfig.Settings.PersistentChat.PersistentChatState";

const IDENTITY: &[&str] = &["Identity"];

pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Set-CsPersistentChatState",
        type_name: "Microsoft.Rtc.Management.PersistentChat.Cmdlets.SetPersistentChatStateCmdlet",
        module: Module::LyncWriting,
        aliases: &[],
        parameters: &[
            Parameter::new("Identity", Kind::Text).sets(IDENTITY).at(1),
            Parameter::new("Instance", Kind::Any).sets(&["Instance"]).pipeline(),
            Parameter::new("PoolState", Kind::Enum(&POOL_STATE)),
            Parameter::new("Force", Kind::Switch),
        ],
        default_set: "Identity",
        should_process: true,
        impact: Impact::Medium,
        run: |session, call| Box::pin(set_state(session, call)),
    },
    Definition {
        name: "Get-CsPersistentChatState",
        type_name: "Microsoft.Rtc.Management.PersistentChat.Cmdlets.GetPersistentChatStateCmdlet",
        module: Module::LyncReading,
        aliases: &[],
        parameters: &[
            Parameter::new("Identity", Kind::Text).sets(IDENTITY).at(1),
            Parameter::new("Filter", Kind::Text).sets(&["Filter"]),
            Parameter::new("LocalStore", Kind::Switch),
        ],
        default_set: "Identity",
        should_process: false,
        impact: Impact::Medium,
        run: |session, call| Box::pin(get_state(session, call)),
    },
];

/// Sets the pool's state.
///
/// Judgements: without `-Identity` the only pool is meant; without `-PoolState`
/// the state becomes `Normal`, as the help's "the default value is Normal"
/// reads. The state of `-Instance` counts when `-PoolState` is not given.
async fn set_state(session: &mut Session, call: &mut Call) -> Outcome {
    let instances = match call.set {
        "Instance" => call.items("Instance"),
        _ => vec![Value::Null],
    };
    for instance in instances {
        let named =
            call.text("Identity").or_else(|| property(&instance, "Identity").map(|value| value.text()));
        let state = match call.value("PoolState").cloned().or_else(|| property(&instance, "PoolState")) {
            Some(value) => PoolState::from_name(&state_name(&value)).unwrap_or_default(),
            None => PoolState::default(),
        };
        let (topology, settings) = read_store(session).await?;
        let identity = named.unwrap_or_else(|| identity::of_pool(&topology));
        if !identity::names_pool(call, &topology, &identity)? {
            let error = not_in_topology(call, "PersistentChatState", &identity);
            session.write_error(call, error)?;
            continue;
        }
        if !session.should_process(call, &identity)? || settings.state == state {
            continue;
        }
        let now = session.env.clock.utc_now();
        let changed = PoolSettings { state, ..settings };
        session.store().await?.change(&changed, now).await.map_err(store_failure)?;
    }
    Ok(Vec::new())
}

/// A state's name, from the enumeration, its number, or text.
fn state_name(value: &Value) -> String {
    match value {
        Value::Int(number) => {
            let index = usize::try_from(*number).unwrap_or(usize::MAX);
            POOL_STATE.members.get(index).copied().unwrap_or_default().to_owned()
        }
        other => POOL_STATE.member(&other.text()).map(|member| member.name().to_owned()).unwrap_or_default(),
    }
}

async fn get_state(session: &mut Session, call: &mut Call) -> Outcome {
    let (topology, newest) = read_store(session).await?;
    let own = identity::of_pool(&topology);
    if let Some(filter) = call.text("Filter") {
        let fits =
            [own.as_str(), topology.pool.as_str()].iter().any(|name| wildcard::matches(&filter, name, false));
        if !fits {
            return Ok(Vec::new());
        }
    }
    if let Some(named) = call.text("Identity")
        && !identity::names_pool(call, &topology, &named)?
    {
        let error = not_in_topology(call, "PersistentChatState", &named);
        session.write_error(call, error)?;
        return Ok(Vec::new());
    }
    let settings = if call.flag("LocalStore") { local(session, &topology).await? } else { Some(newest) };
    Ok(settings.map(|settings| state_object(&own, settings.state)).into_iter().collect())
}

/// What this machine's replica holds; nothing before the first replication.
///
/// The replica is read through the central store here, so it is out of reach
/// when that is, which a real local replica is not.
async fn local(session: &mut Session, topology: &Topology) -> Result<Option<PoolSettings>, Flow> {
    let machine = session.env.machine.clone();
    let store = session.store().await?;
    let replicas = store.replicas().await.map_err(store_failure)?;
    let own = replicas.iter().find(|replica| {
        let host = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        host(&replica.fqdn) == host(&machine)
    });
    let Some(replica) = own else {
        return Err(crate::language::error::ErrorRecord::new(
            format!("There is no local replica of the management store of {} on {machine}.", topology.pool),
            "ObjectNotFound",
            "Microsoft.Rtc.Management.Xds.XdsStoreException",
            "NoLocalReplica",
        )
        .into());
    };
    store.settings_at(replica.revision).await.map_err(store_failure)
}

fn state_object(identity: &str, state: PoolState) -> Value {
    let member = POOL_STATE.member(state.name()).map_or(Value::Null, Value::Enum);
    Object::value(STATE_TYPE, vec![("Identity", Value::from(identity)), ("PoolState", member)])
}
