//! Fills the evidence that can be read over ordinary connections: database states, mirrors, rows.
//!
//! Every statement here is one that any client of a SQL Server could send. A server that does not answer leaves
//! "not reachable", never a guess.

use std::collections::BTreeMap;

use super::evidence::{Applied, DatabaseFacts, Lsn, Server, ServerFacts};

/// Rows of a query, every value as text.
pub type TextRows = Vec<Vec<Option<String>>>;

/// Somebody who can ask a server.
pub trait Asks {
    /// The rows of a query's first result set, or the server's (or the network's) answer.
    ///
    /// # Errors
    /// When the server does not answer, or answers with an error.
    fn ask(&self, server: Server, query: &str) -> Result<TextRows, String>;
}

/// The name of a database inside a T-SQL text literal.
fn literal(name: &str) -> String {
    format!("N'{}'", name.replace('\'', "''"))
}

/// The name of a database as an identifier.
fn identifier(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// Reads the state of the chat and compliance databases of one server.
pub fn server_facts(asks: &dyn Asks, server: Server, chat: &str, compliance: &str) -> ServerFacts {
    let names = format!("({}, {})", literal(chat), literal(compliance));
    let query = format!(
        "SELECT d.name, d.state_desc, d.is_read_only, d.is_in_standby, m.mirroring_role_desc, m.mirroring_state_desc, \
         m.mirroring_partner_name FROM sys.databases AS d LEFT JOIN sys.database_mirroring AS m \
         ON m.database_id = d.database_id WHERE d.name IN {names}"
    );
    let Ok(rows) = asks.ask(server, &query) else { return ServerFacts::default() };
    let facts_of = |name: &str| {
        rows.iter().find(|row| value(row, 0).eq_ignore_ascii_case(name)).map(|row| database(row))
    };
    let listed = format!(
        "SELECT secondary_database FROM msdb.dbo.log_shipping_secondary_databases WHERE secondary_database = {}",
        literal(chat)
    );
    let compliance_facts = facts_of(compliance);
    let readable = compliance_facts.as_ref().is_some_and(|facts| facts.state == "ONLINE");
    ServerFacts {
        reachable: true,
        chat: facts_of(chat),
        compliance_rows: if readable { compliance_rows(asks, server, compliance) } else { None },
        compliance: compliance_facts,
        listed_for_log_shipping: asks.ask(server, &listed).is_ok_and(|rows| !rows.is_empty()),
    }
}

fn database(row: &[Option<String>]) -> DatabaseFacts {
    let optional = |index: usize| row.get(index).cloned().flatten();
    DatabaseFacts {
        state: value(row, 1).to_owned(),
        read_only: value(row, 2) == "1",
        in_standby: value(row, 3) == "1",
        mirroring_role: optional(4),
        mirroring_state: optional(5),
        mirroring_partner: optional(6),
    }
}

/// One text per row of the compliance queue.
pub fn compliance_rows(asks: &dyn Asks, server: Server, compliance: &str) -> Option<Vec<String>> {
    let query = format!(
        "SELECT cmplEventID, cmplType, cmplMessage FROM {}.dbo.tblComplianceData ORDER BY cmplEventID",
        identifier(compliance)
    );
    let rows = asks.ask(server, &query).ok()?;
    Some(
        rows.iter()
            .map(|row| row.iter().map(|one| one.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join(" "))
            .collect(),
    )
}

/// The messages in the chat database of a server, by room and number, with the CRC-32 of their text.
pub fn messages(asks: &dyn Asks, server: Server, chat: &str) -> Option<BTreeMap<(i64, i64), u32>> {
    let query = format!("SELECT channelId, chatId, content FROM {}.dbo.tblChat", identifier(chat));
    let rows = asks.ask(server, &query).ok()?;
    rows.iter()
        .map(|row| {
            let key = (value(row, 0).parse().ok()?, value(row, 1).parse().ok()?);
            Some((key, crc32fast::hash(value(row, 2).as_bytes())))
        })
        .collect()
}

/// The log backups that a server says it has restored into the chat database, oldest first.
pub fn applied_log_backups(asks: &dyn Asks, server: Server, chat: &str) -> Vec<Applied> {
    let query = format!(
        "SELECT b.first_lsn, b.last_lsn FROM msdb.dbo.restorehistory AS r INNER JOIN msdb.dbo.backupset AS b \
         ON b.backup_set_id = r.backup_set_id WHERE r.destination_database_name = {} AND r.restore_type = N'L' \
         ORDER BY r.restore_history_id",
        literal(chat)
    );
    let rows = asks.ask(server, &query).unwrap_or_default();
    rows.iter()
        .filter_map(|row| Some(Applied { first: lsn(value(row, 0))?, last: lsn(value(row, 1))? }))
        .collect()
}

fn lsn(text: &str) -> Option<Lsn> {
    text.split('.').next()?.parse().ok().map(Lsn)
}

fn value(row: &[Option<String>], index: usize) -> &str {
    row.get(index).and_then(|one| one.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Asks, Server, TextRows, messages, server_facts};

    /// Answers from a list of (part of the query, rows).
    struct Scripted(Vec<(&'static str, Result<TextRows, String>)>);

    impl Asks for Scripted {
        fn ask(&self, _: Server, query: &str) -> Result<TextRows, String> {
            self.0
                .iter()
                .find(|(part, _)| query.contains(part))
                .map_or_else(|| Err(format!("not scripted: {query}")), |(_, rows)| rows.clone())
        }
    }

    fn row(values: &[Option<&str>]) -> Vec<Option<String>> {
        values.iter().map(|value| value.map(str::to_owned)).collect()
    }

    #[test]
    fn a_server_that_does_not_answer_is_not_reachable() {
        let facts = server_facts(&Scripted(vec![]), Server::Primary, "mgc", "mgccomp");
        assert!(!facts.reachable);
        assert_eq!(facts.chat, None);
    }

    #[test]
    fn a_standby_database_is_told_from_a_writable_one() {
        let asks = Scripted(vec![
            (
                "sys.databases",
                Ok(vec![row(&[Some("mgc"), Some("ONLINE"), Some("1"), Some("1"), None, None, None])]),
            ),
            ("log_shipping_secondary_databases", Ok(vec![row(&[Some("mgc")])])),
        ]);
        let facts = server_facts(&asks, Server::Backup, "mgc", "mgccomp");
        let chat = facts.chat.unwrap();
        assert_eq!(chat.words(), "in standby");
        assert!(!chat.is_writable());
        assert!(facts.listed_for_log_shipping);
        assert_eq!(facts.compliance_rows, None);
    }

    #[test]
    fn a_message_that_cannot_be_understood_is_not_taken_for_none() {
        let asks = Scripted(vec![("tblChat", Ok(vec![row(&[Some("1"), Some("x"), Some("text")])]))]);
        assert_eq!(messages(&asks, Server::Backup, "mgc"), None);
    }

    #[test]
    fn a_database_name_cannot_leave_its_quotes() {
        let asks = Scripted(vec![("[m]]gc].dbo.tblChat", Ok(vec![]))]);
        assert!(messages(&asks, Server::Backup, "m]gc").is_some());
    }
}
