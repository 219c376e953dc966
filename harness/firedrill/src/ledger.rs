//! The ledger: every message that a chat server was told is stored, and every
//! compliance event that it queued. It is what the drill is judged against, so
//! nothing is entered before the server has acknowledged it.

use crate::estate::Server;
use serde::Serialize;

/// One acknowledged chat message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AcknowledgedMessage {
    /// Position in the ledger, from 1: the number reports use.
    pub number: u64,
    /// `tblChat.channelId`.
    pub room: i64,
    /// `tblChat.chatId`, counted per room.
    pub chat_id: i64,
    /// FQDN of the chat server that posted it.
    pub chat_server: String,
    /// The SQL Server that acknowledged it.
    pub served_by: Server,
    /// CRC-32 of its text, as UTF-8.
    pub text_crc32: u32,
    /// When the statement was sent.
    pub posted: jiff::Timestamp,
    /// When the answer came.
    pub acknowledged: jiff::Timestamp,
}

/// One compliance event that a chat server queued in mgccomp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueuedComplianceEvent {
    /// `tblComplianceData.cmplEventID`.
    pub event_id: i64,
    /// The SQL Server that holds the mgccomp it went to.
    pub server: Server,
    /// When the answer came.
    pub acknowledged: jiff::Timestamp,
}

/// Everything acknowledged so far, in order of acknowledgement.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ledger {
    messages: Vec<AcknowledgedMessage>,
    compliance: Vec<QueuedComplianceEvent>,
}

impl Ledger {
    /// Acknowledged messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[AcknowledgedMessage] {
        &self.messages
    }

    /// Queued compliance events, oldest first.
    #[must_use]
    pub fn compliance_events(&self) -> &[QueuedComplianceEvent] {
        &self.compliance
    }

    /// Enters a message; its number is given by the ledger and returned.
    pub fn enter_message(&mut self, mut message: AcknowledgedMessage) -> u64 {
        message.number = self.messages.len() as u64 + 1;
        let number = message.number;
        self.messages.push(message);
        number
    }

    /// Enters a compliance event.
    pub fn enter_compliance_event(&mut self, event: QueuedComplianceEvent) {
        self.compliance.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_numbered_in_the_order_of_their_acknowledgement() {
        let mut ledger = Ledger::default();
        for chat_id in [7, 9] {
            ledger.enter_message(AcknowledgedMessage {
                number: 0,
                room: 1,
                chat_id,
                chat_server: "chat-a1.litwareinc.com".into(),
                served_by: Server::Primary,
                text_crc32: 0,
                posted: jiff::Timestamp::UNIX_EPOCH,
                acknowledged: jiff::Timestamp::UNIX_EPOCH,
            });
        }
        let numbers: Vec<_> = ledger.messages().iter().map(|m| (m.number, m.chat_id)).collect();
        assert_eq!(numbers, [(1, 7), (2, 9)]);
    }
}
