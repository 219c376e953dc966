//! The tokens of an answer.
//!
//! A DONE waits until it is known whether something follows it, because its `more` bit says so:
//! every other token first lets the waiting one out.

use super::{COLLATION, TdsVersion, text, types, values};
use crate::error::SqlError;
use crate::session::sink::{Done, DoneKind, TransactionChange};
use crate::value::{ColumnMeta, DataType, Value};
use std::rc::Rc;

const RETURNSTATUS: u8 = 0x79;
const COLMETADATA: u8 = 0x81;
const ERROR: u8 = 0xAA;
const INFO: u8 = 0xAB;
const RETURNVALUE: u8 = 0xAC;
const LOGINACK: u8 = 0xAD;
const ROW: u8 = 0xD1;
const NBCROW: u8 = 0xD2;
const ENVCHANGE: u8 = 0xE3;
const DONE: u8 = 0xFD;
const DONEPROC: u8 = 0xFE;
const DONEINPROC: u8 = 0xFF;

const DONE_MORE: u16 = 0x01;
const DONE_ERROR: u16 = 0x02;
const DONE_IN_TRANSACTION: u16 = 0x04;
const DONE_COUNT: u16 = 0x10;
const DONE_ATTENTION: u16 = 0x20;

/// The longest message text, in UTF-16 code units.
const MESSAGE_UNITS_MAX: usize = 4000;

/// Writes the tokens of one answer after another.
#[derive(Debug)]
pub struct TokenWriter {
    answer: Vec<u8>,
    version: TdsVersion,
    server_name: Rc<str>,
    /// Types of the open result set, as the client is shown them.
    columns: Vec<DataType>,
    waiting: Option<Done>,
    is_fatal: bool,
}

impl TokenWriter {
    /// A writer for a client of `version`; messages carry `server_name`.
    #[must_use]
    pub fn new(version: TdsVersion, server_name: Rc<str>) -> Self {
        Self {
            answer: Vec::with_capacity(1024),
            version,
            server_name,
            columns: Vec::new(),
            waiting: None,
            is_fatal: false,
        }
    }

    /// Writes for a client of this version from now on.
    pub fn set_version(&mut self, version: TdsVersion) {
        self.version = version;
    }

    /// The answer so far.
    pub fn answer(&mut self) -> &mut Vec<u8> {
        &mut self.answer
    }

    /// Bytes of the answer that wait to be sent.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.answer.len()
    }

    /// Whether a message of severity 20 or above ended the connection.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.is_fatal
    }

    /// Starts a result set.
    pub fn columns(&mut self, columns: &[ColumnMeta]) {
        self.let_done_out(true);
        self.columns.clear();
        self.answer.push(COLMETADATA);
        let count = u16::try_from(columns.len()).unwrap_or(u16::MAX - 1);
        self.answer.extend_from_slice(&count.to_le_bytes());
        for column in &columns[..usize::from(count)] {
            let shown = types::shown_to(column.data_type, self.version);
            self.columns.push(shown);
            self.column_head(column, shown);
            if matches!(shown, DataType::Text | DataType::NText | DataType::Image) {
                // The table's name: one part, empty.
                if self.version >= TdsVersion::V7_2 {
                    self.answer.push(1);
                }
                self.answer.extend_from_slice(&[0, 0]);
            }
            put_b_varchar(&mut self.answer, &column.name);
        }
    }

    /// User type, flags and type of a column or return value.
    fn column_head(&mut self, column: &ColumnMeta, shown: DataType) {
        const NULLABLE: u16 = 0x01;
        const MAYBE_UPDATABLE: u16 = 0x08;
        const IDENTITY: u16 = 0x10;
        let flags = if column.nullable { NULLABLE } else { 0 }
            | if column.identity { IDENTITY } else { MAYBE_UPDATABLE };
        let user_type: &[u8] = if self.version >= TdsVersion::V7_2 { &[0; 4] } else { &[0; 2] };
        self.answer.extend_from_slice(user_type);
        self.answer.extend_from_slice(&flags.to_le_bytes());
        types::encode(&mut self.answer, shown);
    }

    /// One row of the open result set.
    pub fn row(&mut self, row: &[Value]) {
        debug_assert_eq!(row.len(), self.columns.len(), "a row has the columns announced");
        debug_assert!(self.waiting.is_none(), "rows come before their DONE");
        let nulls = row.iter().filter(|value| value.is_null()).count();
        let bitmap_bytes = self.columns.len().div_ceil(8);
        if nulls > bitmap_bytes && self.version >= TdsVersion::V7_3B {
            self.answer.push(NBCROW);
            let bitmap = self.answer.len();
            self.answer.resize(bitmap + bitmap_bytes, 0);
            for (index, (data_type, value)) in self.columns.iter().zip(row).enumerate() {
                if value.is_null() {
                    self.answer[bitmap + index / 8] |= 1 << (index % 8);
                } else {
                    values::encode(&mut self.answer, *data_type, value);
                }
            }
        } else {
            self.answer.push(ROW);
            for (data_type, value) in self.columns.iter().zip(row) {
                values::encode(&mut self.answer, *data_type, value);
            }
        }
    }

    /// Ends a statement or procedure.
    pub fn done(&mut self, done: Done) {
        self.let_done_out(true);
        self.waiting = Some(done);
    }

    /// Ends the answer.
    pub fn finish(&mut self) {
        if self.waiting.is_none() {
            self.waiting = Some(Done {
                kind: DoneKind::Statement,
                command: 0,
                row_count: None,
                is_error: false,
                in_transaction: false,
            });
        }
        self.let_done_out(false);
        self.columns.clear();
    }

    /// Ends an answer that an attention cut short, or one of its own when it came too late.
    pub fn finish_attention(&mut self) {
        self.let_done_out(true);
        self.put_done(DONE, DONE_ATTENTION, 0, 0);
        self.columns.clear();
    }

    fn let_done_out(&mut self, more: bool) {
        let Some(done) = self.waiting.take() else { return };
        let token = match done.kind {
            DoneKind::Statement => DONE,
            DoneKind::InProcedure => DONEINPROC,
            DoneKind::Procedure => DONEPROC,
        };
        let status = if more { DONE_MORE } else { 0 }
            | if done.is_error { DONE_ERROR } else { 0 }
            | if done.in_transaction { DONE_IN_TRANSACTION } else { 0 }
            | if done.row_count.is_some() { DONE_COUNT } else { 0 };
        self.put_done(token, status, done.command, done.row_count.unwrap_or(0));
    }

    fn put_done(&mut self, token: u8, status: u16, command: u16, count: u64) {
        self.answer.push(token);
        self.answer.extend_from_slice(&status.to_le_bytes());
        self.answer.extend_from_slice(&command.to_le_bytes());
        if self.version >= TdsVersion::V7_2 {
            self.answer.extend_from_slice(&count.to_le_bytes());
        } else {
            self.answer.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        }
    }

    /// An error, or information when its severity is 10 or below.
    pub fn message(&mut self, message: &SqlError) {
        self.let_done_out(true);
        self.is_fatal |= message.severity >= 20;
        let token = if message.severity > 10 { ERROR } else { INFO };
        // Severity 10 travels as class 0.
        let class = if message.severity == 10 { 0 } else { message.severity };
        let server_name = Rc::clone(&self.server_name);
        let start = self.begin(token);
        self.answer.extend_from_slice(&message.number.to_le_bytes());
        self.answer.extend_from_slice(&[message.state, class]);
        let length_at = self.answer.len();
        self.answer.extend_from_slice(&[0, 0]);
        let units = text::put_utf16(&mut self.answer, &message.message).min(MESSAGE_UNITS_MAX);
        self.answer.truncate(length_at + 2 + units * 2);
        let units = u16::try_from(units).unwrap_or(0);
        self.answer[length_at..length_at + 2].copy_from_slice(&units.to_le_bytes());
        put_b_varchar(&mut self.answer, &server_name);
        put_b_varchar(&mut self.answer, &message.procedure);
        if self.version >= TdsVersion::V7_2 {
            self.answer.extend_from_slice(&message.line.to_le_bytes());
        } else {
            let line = u16::try_from(message.line).unwrap_or(u16::MAX);
            self.answer.extend_from_slice(&line.to_le_bytes());
        }
        self.end(start);
    }

    /// ENVCHANGE of a text: 1 database, 2 language, 4 packet size.
    pub fn environment(&mut self, kind: Environment, new: &str, old: &str) {
        self.let_done_out(true);
        let start = self.begin(ENVCHANGE);
        self.answer.push(kind as u8);
        put_b_varchar(&mut self.answer, new);
        put_b_varchar(&mut self.answer, old);
        self.end(start);
    }

    /// ENVCHANGE 7: the server's collation.
    pub fn collation(&mut self) {
        self.let_done_out(true);
        let start = self.begin(ENVCHANGE);
        self.answer.extend_from_slice(&[7, 5]);
        self.answer.extend_from_slice(&COLLATION);
        self.answer.push(0);
        self.end(start);
    }

    /// ENVCHANGE 18: the connection was reset.
    pub fn reset_acknowledged(&mut self) {
        self.let_done_out(true);
        let start = self.begin(ENVCHANGE);
        self.answer.extend_from_slice(&[18, 0, 0]);
        self.end(start);
    }

    /// ENVCHANGE 8, 9, 10: a transaction began or ended. Clients older than 7.2 know nothing of it.
    pub fn transaction(&mut self, change: TransactionChange) {
        if self.version < TdsVersion::V7_2 {
            return;
        }
        self.let_done_out(true);
        let start = self.begin(ENVCHANGE);
        match change {
            TransactionChange::Begun(descriptor) => {
                self.answer.extend_from_slice(&[8, 8]);
                self.answer.extend_from_slice(&descriptor.to_le_bytes());
                self.answer.push(0);
            }
            TransactionChange::Committed(descriptor) | TransactionChange::RolledBack(descriptor) => {
                let kind = if matches!(change, TransactionChange::Committed(_)) { 9 } else { 10 };
                self.answer.extend_from_slice(&[kind, 0, 8]);
                self.answer.extend_from_slice(&descriptor.to_le_bytes());
            }
        }
        self.end(start);
    }

    /// LOGINACK: the login succeeded. `product` is (major, minor, build).
    pub fn login_acknowledged(&mut self, product: (u8, u8, u16)) {
        self.let_done_out(true);
        let start = self.begin(LOGINACK);
        self.answer.push(1);
        self.answer.extend_from_slice(&self.version.number().to_be_bytes());
        put_b_varchar(&mut self.answer, "Microsoft SQL Server");
        let build = product.2.to_be_bytes();
        self.answer.extend_from_slice(&[product.0, product.1, build[0], build[1]]);
        self.end(start);
    }

    /// A procedure's return status.
    pub fn return_status(&mut self, status: i32) {
        self.let_done_out(true);
        self.answer.push(RETURNSTATUS);
        self.answer.extend_from_slice(&status.to_le_bytes());
    }

    /// An output parameter.
    pub fn return_value(&mut self, ordinal: u16, column: &ColumnMeta, value: &Value) {
        const OUTPUT_PARAMETER: u8 = 1;
        self.let_done_out(true);
        let shown = types::shown_to(column.data_type, self.version);
        self.answer.push(RETURNVALUE);
        self.answer.extend_from_slice(&ordinal.to_le_bytes());
        put_b_varchar(&mut self.answer, &column.name);
        self.answer.push(OUTPUT_PARAMETER);
        self.column_head(column, shown);
        values::encode(&mut self.answer, shown, value);
    }

    /// Starts a token with a length of two bytes; gives where the length stands.
    fn begin(&mut self, token: u8) -> usize {
        self.answer.push(token);
        self.answer.extend_from_slice(&[0, 0]);
        self.answer.len() - 2
    }

    /// Writes the length of a token that has ended.
    fn end(&mut self, start: usize) {
        let length = self.answer.len() - start - 2;
        debug_assert!(length <= usize::from(u16::MAX), "a token of {length} bytes");
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        self.answer[start..start + 2].copy_from_slice(&length.to_le_bytes());
    }
}

/// What an ENVCHANGE of a text changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Environment {
    /// The current database.
    Database = 1,
    /// The language.
    Language = 2,
    /// The packet size.
    PacketSize = 4,
}

/// Text behind its length as one byte; cut at 255 code units.
fn put_b_varchar(out: &mut Vec<u8>, value: &str) {
    let start = out.len();
    out.push(0);
    let units = text::put_utf16(out, value).min(usize::from(u8::MAX));
    out.truncate(start + 1 + units * 2);
    out[start] = u8::try_from(units).unwrap_or(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Length;

    fn writer(version: TdsVersion) -> TokenWriter {
        TokenWriter::new(version, "A".into())
    }

    fn done(kind: DoneKind, row_count: Option<u64>) -> Done {
        Done { kind, command: 0xC1, row_count, is_error: false, in_transaction: false }
    }

    fn bytes(mut writer: TokenWriter) -> Vec<u8> {
        std::mem::take(writer.answer())
    }

    #[test]
    fn only_the_last_done_says_that_nothing_follows() {
        let mut writer = writer(TdsVersion::V7_4);
        writer.done(done(DoneKind::Statement, Some(3)));
        writer.done(done(DoneKind::Statement, None));
        writer.finish();
        let bytes = bytes(writer);
        assert_eq!(bytes[..13], [DONE, 0x11, 0, 0xC1, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[13..16], [DONE, 0, 0]);
    }

    #[test]
    fn an_answer_without_any_done_still_ends_in_one() {
        let mut writer = writer(TdsVersion::V7_1);
        writer.finish();
        assert_eq!(bytes(writer), [DONE, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn severity_ten_is_information_of_class_zero() {
        let mut writer = writer(TdsVersion::V7_4);
        let mut message = SqlError {
            number: 3014,
            severity: 10,
            state: 1,
            message: "ok".into(),
            procedure: String::new(),
            line: 7,
        };
        writer.message(&message);
        message.severity = 16;
        writer.message(&message);
        assert!(!writer.is_fatal());
        let bytes = bytes(writer);
        assert_eq!(
            bytes[..22],
            [INFO, 20, 0, 0xC6, 0x0B, 0, 0, 1, 0, 2, 0, b'o', 0, b'k', 0, 1, b'A', 0, 0, 7, 0, 0]
        );
        assert_eq!((bytes[23], bytes[31]), (ERROR, 16));
    }

    #[test]
    fn a_row_of_nulls_is_a_bitmap_for_clients_that_know_it() {
        let column = |name: &str| ColumnMeta {
            name: name.into(),
            data_type: DataType::NVarChar(Length::Max),
            nullable: true,
            identity: false,
        };
        let row = [Value::Null, Value::Null, Value::text("x")];
        let mut sizes = Vec::new();
        for version in [TdsVersion::V7_3A, TdsVersion::V7_3B] {
            let mut writer = writer(version);
            writer.columns(&[column("a"), column("b"), column("c")]);
            let before = writer.buffered();
            writer.row(&row);
            sizes.push((bytes(writer)[before], before));
        }
        assert_eq!((sizes[0].0, sizes[1].0), (ROW, NBCROW));
    }

    #[test]
    fn a_message_that_is_too_long_is_cut_and_the_token_stays_whole() {
        let mut writer = writer(TdsVersion::V7_4);
        let message = SqlError {
            number: 50_000,
            severity: 25,
            state: 1,
            message: "x".repeat(100_000),
            procedure: "p".repeat(400),
            line: 1,
        };
        writer.message(&message);
        assert!(writer.is_fatal());
        let bytes = bytes(writer);
        assert_eq!(usize::from(u16::from_le_bytes([bytes[1], bytes[2]])), bytes.len() - 3);
    }
}
