//! `Test-CsPersistentChatMessage`: posts a message to the database the pool
//! uses and reads it back.
//!
//! The real cmdlet signs two users in over SIP and sends through the pool. Here
//! the pool is represented by its database and its list of active servers: a
//! pool without active servers answers nobody. The test message is taken out
//! again, because the drill's chat service counts the messages of a room itself.

use super::{read_store, sign_in};
use crate::binding::{Call, Definition, Impact, Kind, Module, Outcome, Parameter};
use crate::language::value::{EnumType, Object, Value};
use crate::session::Session;
use crate::sql::{SqlError, literal};
use crate::store::PoolSettings;
use crate::topology::{PoolState, SqlStore, Topology};

static AUTHENTICATION: EnumType = EnumType {
    name: "Microsoft.Rtc.SyntheticTransactions.SipSyntheticTransaction+AuthenticationMechanism",
    members: &["TrustedServer", "Negotiate", "ClientCertificate", "LiveID"],
};

pub(crate) static DEFINITIONS: &[Definition] = &[Definition {
    name: "Test-CsPersistentChatMessage",
    type_name: "Microsoft.Rtc.SyntheticTransactions.TestPersistentChatMessageCmdlet",
    module: Module::LyncReading,
    aliases: &[],
    parameters: &[
        Parameter::new("TargetFqdn", Kind::Fqdn).mandatory(),
        Parameter::new("SenderSipAddress", Kind::Text).mandatory(),
        Parameter::new("SenderCredential", Kind::Any),
        Parameter::new("ReceiverSipAddress", Kind::Text).mandatory(),
        Parameter::new("ReceiverCredential", Kind::Any),
        Parameter::new("ChatRoomUri", Kind::Text),
        Parameter::new("TestMessage", Kind::Text),
        Parameter::new("Authentication", Kind::Enum(&AUTHENTICATION)),
        Parameter::new("RegistrarPort", Kind::Integer),
    ],
    default_set: "",
    should_process: false,
    impact: Impact::Medium,
    run: |session, call| Box::pin(test_message(session, call)),
}];

/// .NET ticks at 1970-01-01.
const TICKS_AT_UNIX_EPOCH: i64 = 621_355_968_000_000_000;

async fn test_message(session: &mut Session, call: &mut Call) -> Outcome {
    let (topology, settings) = read_store(session).await?;
    let target = call.text("TargetFqdn").unwrap_or_default();
    let started = tokio::time::Instant::now();
    let problem = try_message(session, call, &topology, &settings, &target).await.err();
    let latency = started.elapsed();
    let seconds = latency.as_secs();
    let latency_text = format!(
        "{:02}:{:02}:{:02}.{:07}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        latency.subsec_nanos() / 100
    );
    call.failed = problem.is_some();
    Ok(vec![Object::value(
        "Microsoft.Rtc.SyntheticTransactions.TaskOutput",
        vec![
            ("TargetFqdn", Value::from(target.as_str())),
            ("Result", Value::from(if problem.is_none() { "Success" } else { "Failure" })),
            ("Latency", Value::from(if problem.is_none() { latency_text } else { "00:00:00".to_owned() })),
            ("Error", Value::from(problem.unwrap_or_default())),
            ("Diagnosis", Value::from("")),
        ],
    )])
}

/// Sends and reads; the error is what `Error` shows.
async fn try_message(
    session: &mut Session,
    call: &Call,
    topology: &Topology,
    settings: &PoolSettings,
    target: &str,
) -> Result<(), String> {
    if !target.eq_ignore_ascii_case(&topology.next_hop) {
        return Err("No matching cluster found in topology.".to_owned());
    }
    if settings.active_servers.is_empty() {
        return Err("A 503 (Service Unavailable) response was received from the network: no server of the pool is active."
            .to_owned());
    }
    let places = match settings.state {
        PoolState::Normal => [Some(&topology.chat.primary), topology.chat.mirror.as_ref()],
        PoolState::FailedOver => [topology.chat.backup.as_ref(), topology.chat.backup_mirror.as_ref()],
    };
    let mut last = "The topology has no backup databases for this pool.".to_owned();
    for place in places.into_iter().flatten() {
        match post_and_read(session, call, place).await {
            Ok(()) => return Ok(()),
            Err(error) => last = format!("{}: {error}", place.name()),
        }
    }
    Err(last)
}

/// Why no message went through one database.
#[derive(Debug, thiserror::Error)]
enum MessageError {
    #[error("{0}")]
    Sql(#[from] SqlError),
    #[error("there is no such chat room")]
    NoRoom,
    #[error("the message was posted and could not be read back")]
    NotReadBack,
}

async fn post_and_read(session: &Session, call: &Call, store: &SqlStore) -> Result<(), MessageError> {
    let mut sql = sign_in(session, store, "mgc").await?;
    let room = match call.text("ChatRoomUri") {
        Some(uri) => {
            let name = uri.rsplit('/').next().unwrap_or(&uri).to_owned();
            format!(
                "SELECT TOP (1) nodeID FROM dbo.tblNode WHERE nodeType = 0 AND nodeName = {}",
                literal(&name)
            )
        }
        None => "SELECT TOP (1) nodeID FROM dbo.tblNode WHERE nodeType = 0 ORDER BY nodeID".to_owned(),
    };
    let results = sql.run(&room).await?;
    let room = results.first().and_then(|rows| rows.first()).and_then(|row| row.number("nodeID"));
    let room = room.ok_or(MessageError::NoRoom)?;
    let last = format!("SELECT MAX(chatId) AS last FROM dbo.tblChat WHERE channelId = {room}");
    let results = sql.run(&last).await?;
    let last = results.first().and_then(|rows| rows.first()).and_then(|row| row.number("last")).unwrap_or(0);
    let chat_id = last + 1;
    let now = session.env.clock.utc_now();
    let ticks = TICKS_AT_UNIX_EPOCH + now.as_microsecond() * 10;
    let text = call.text("TestMessage").unwrap_or_else(|| "Persistent Chat test message".to_owned());
    let post = format!(
        "INSERT INTO dbo.tblChat (channelId, chatId, chatDate, userId, isAlert, content) \
         VALUES ({room}, {chat_id}, {ticks}, 1, 0, {})",
        literal(&text)
    );
    sql.run(&post).await?;
    let one = format!("dbo.tblChat WHERE channelId = {room} AND chatId = {chat_id}");
    let results = sql.run(&format!("SELECT content FROM {one}")).await?;
    let read =
        results.first().and_then(|rows| rows.first()).and_then(|row| row.text("content")) == Some(&text);
    sql.run(&format!("DELETE FROM {one}")).await?;
    if read { Ok(()) } else { Err(MessageError::NotReadBack) }
}
