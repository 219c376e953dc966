//! What a client asks for: text, procedure calls, transaction manager requests.

use super::reader::Reader;
use super::{Decoded, ProtocolError, TdsVersion, types, values};
use crate::session::rpc::{RequestedIsolation, RpcParam, RpcProcedure, RpcRequest, TransactionRequest};
use std::rc::Rc;

/// Most parameters of one call, as SQL Server has it.
pub const PARAMETERS_MAX: usize = 2100;
/// Most calls in one request.
pub const CALLS_MAX: usize = 4096;

/// Takes ALL_HEADERS off the front of a request; clients older than 7.2 send none.
fn skip_headers(reader: &mut Reader<'_>, version: TdsVersion) -> Decoded<()> {
    const WHAT: &str = "the request's headers";
    if version < TdsVersion::V7_2 {
        return Ok(());
    }
    let total = reader.u32(WHAT)? as usize;
    let all = total.checked_sub(4).ok_or(ProtocolError::Truncated(WHAT))?;
    let mut headers = Reader::new(reader.take(all, WHAT)?);
    while !headers.is_empty() {
        let length = headers.u32(WHAT)? as usize;
        let rest = length.checked_sub(4).ok_or(ProtocolError::Truncated(WHAT))?;
        headers.take(rest, WHAT)?;
    }
    Ok(())
}

/// Reads a batch of text.
///
/// # Errors
/// When the headers do not fit the message or the text ends half way through a character.
pub fn decode_batch(payload: &[u8], version: TdsVersion) -> Decoded<String> {
    let mut reader = Reader::new(payload);
    skip_headers(&mut reader, version)?;
    let text = reader.remaining();
    if !text.len().is_multiple_of(2) {
        return Err(ProtocolError::Truncated("the batch's text"));
    }
    Ok(super::text::from_utf16(text))
}

/// Reads the procedure calls of a request: usually one.
///
/// # Errors
/// On bytes that are no call, parameters of types that are not supported, and more of either than
/// the limits allow.
pub fn decode_rpc(payload: &[u8], version: TdsVersion) -> Decoded<Vec<RpcRequest>> {
    let mut reader = Reader::new(payload);
    skip_headers(&mut reader, version)?;
    let mut calls = Vec::new();
    while !reader.is_empty() {
        if calls.len() == CALLS_MAX {
            return Err(ProtocolError::TooLarge { what: "the count of calls", limit: CALLS_MAX });
        }
        calls.push(call(&mut reader, version)?);
    }
    Ok(calls)
}

/// Whether the byte where a parameter's name would begin ends the call instead.
fn ends_call(byte: u8, version: TdsVersion) -> bool {
    if version < TdsVersion::V7_2 { byte == 0x80 } else { byte >= 0xFE }
}

fn call(reader: &mut Reader<'_>, version: TdsVersion) -> Decoded<RpcRequest> {
    const BY_ID: u16 = 0xFFFF;
    let procedure = match reader.u16("the procedure's name")? {
        BY_ID => RpcProcedure::Id(reader.u16("the procedure's number")?),
        units => {
            let name = reader.utf16(units.into(), "the procedure's name")?;
            RpcProcedure::Name(name.into())
        }
    };
    reader.u16("the call's options")?;
    let mut params = Vec::new();
    while let Some(byte) = reader.peek_u8() {
        if ends_call(byte, version) {
            reader.u8("the end of a call")?;
            break;
        }
        if params.len() == PARAMETERS_MAX {
            return Err(ProtocolError::TooLarge { what: "the count of parameters", limit: PARAMETERS_MAX });
        }
        params.push(parameter(reader)?);
    }
    Ok(RpcRequest { procedure, params })
}

fn parameter(reader: &mut Reader<'_>) -> Decoded<RpcParam> {
    const BY_REFERENCE: u8 = 0x01;
    const DEFAULT: u8 = 0x02;
    const ENCRYPTED: u8 = 0x08;
    let name = reader.b_varchar("a parameter's name")?;
    let status = reader.u8("a parameter's status")?;
    if status & ENCRYPTED != 0 {
        return Err(ProtocolError::NotSupported("an encrypted parameter"));
    }
    let wire = types::decode(reader)?;
    let value = values::decode(reader, wire)?;
    Ok(RpcParam {
        name: name.into(),
        data_type: wire.data_type,
        value,
        is_output: status & BY_REFERENCE != 0,
        is_default: status & DEFAULT != 0,
    })
}

/// Reads a transaction manager request.
///
/// # Errors
/// On bytes that are none, and on distributed transactions, which are not supported.
pub fn decode_transaction(payload: &[u8], version: TdsVersion) -> Decoded<TransactionRequest> {
    const WHAT: &str = "a transaction request";
    let mut reader = Reader::new(payload);
    skip_headers(&mut reader, version)?;
    let request = match reader.u16(WHAT)? {
        0 | 1 | 6 => return Err(ProtocolError::NotSupported("a distributed transaction")),
        5 => {
            let isolation = isolation(reader.u8(WHAT)?)?;
            TransactionRequest::Begin { isolation, name: transaction_name(&mut reader, true)? }
        }
        7 => {
            let name = transaction_name(&mut reader, false)?;
            TransactionRequest::Commit { name, then_begin: then_begin(&mut reader)? }
        }
        8 => {
            let name = transaction_name(&mut reader, false)?;
            TransactionRequest::Rollback { name, then_begin: then_begin(&mut reader)? }
        }
        9 => TransactionRequest::Save { name: transaction_name(&mut reader, true)? },
        other => return Err(ProtocolError::Invalid { what: WHAT, found: other.into() }),
    };
    Ok(request)
}

fn isolation(byte: u8) -> Decoded<RequestedIsolation> {
    Ok(match byte {
        0 => RequestedIsolation::Unchanged,
        1 => RequestedIsolation::ReadUncommitted,
        2 => RequestedIsolation::ReadCommitted,
        3 => RequestedIsolation::RepeatableRead,
        4 => RequestedIsolation::Serializable,
        5 => RequestedIsolation::Snapshot,
        other => return Err(ProtocolError::Invalid { what: "the isolation level", found: other.into() }),
    })
}

/// A transaction's name. The protocol counts characters, most clients count bytes; where the name
/// is last, what is left tells which.
fn transaction_name(reader: &mut Reader<'_>, is_last: bool) -> Decoded<Rc<str>> {
    const WHAT: &str = "a transaction's name";
    if reader.is_empty() {
        return Ok("".into());
    }
    let count = usize::from(reader.u8(WHAT)?);
    let counts_characters = count % 2 == 1 || (is_last && reader.remaining().len() == count * 2);
    let units = if counts_characters { count } else { count / 2 };
    Ok(reader.utf16(units, WHAT)?.into())
}

/// The rest of a commit or rollback: whether another transaction begins at once.
fn then_begin(reader: &mut Reader<'_>) -> Decoded<Option<(RequestedIsolation, Rc<str>)>> {
    const WHAT: &str = "a transaction request";
    if reader.is_empty() || reader.u8(WHAT)? & 1 == 0 {
        return Ok(None);
    }
    let isolation = isolation(reader.u8(WHAT)?)?;
    Ok(Some((isolation, transaction_name(reader, true)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::text::put_utf16;
    use crate::value::{DataType, Length, Value};
    use proptest::prelude::*;
    use rstest::rstest;

    const HEADERS: [u8; 22] = [22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

    fn with_headers(body: &[u8]) -> Vec<u8> {
        [&HEADERS, body].concat()
    }

    #[test]
    fn a_batch_is_its_text_behind_the_headers() {
        let mut text = Vec::new();
        put_utf16(&mut text, "SELECT N'한'");
        assert_eq!(decode_batch(&with_headers(&text), TdsVersion::V7_4).as_deref(), Ok("SELECT N'한'"));
        assert_eq!(decode_batch(&text, TdsVersion::V7_1).as_deref(), Ok("SELECT N'한'"));
    }

    #[test]
    fn a_call_by_number_and_one_by_name_share_a_request() {
        let mut body = vec![0xFF, 0xFF, 10, 0, 0, 0];
        body.extend([0, 0, types::INTN, 4, 4, 42, 0, 0, 0]);
        body.push(0xFF);
        body.extend([2, 0, b'p', 0, b'q', 0, 0, 0]);
        body.extend([2, b'@', 0, b'x', 0, 1, types::NVARCHAR, 20, 0, 9, 4, 0xD0, 0, 0x34, 0xFF, 0xFF]);
        let calls = decode_rpc(&with_headers(&body), TdsVersion::V7_4).expect("two calls");
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0].procedure.name(), Some("sp_executesql"));
        assert_eq!(calls[0].params[0].value, Value::Int(42));
        assert_eq!(calls[1].procedure, RpcProcedure::Name("pq".into()));
        let param = &calls[1].params[0];
        assert_eq!(
            (param.data_type, &param.value, param.is_output),
            (DataType::NVarChar(Length::Upto(10)), &Value::Null, true)
        );
    }

    #[rstest]
    #[case::a_table(&[0, 0, 0xF3], "a table-valued parameter")]
    #[case::a_clr_type(&[0, 0, 0xF0], "a parameter of a CLR type")]
    #[case::encryption(&[0, 8, types::INTN], "an encrypted parameter")]
    fn a_parameter_that_is_not_supported_is_named(#[case] parameter: &[u8], #[case] what: &'static str) {
        let body = [&[0xFF, 0xFF, 10, 0, 0, 0][..], parameter].concat();
        assert_eq!(
            decode_rpc(&with_headers(&body), TdsVersion::V7_4),
            Err(ProtocolError::NotSupported(what))
        );
    }

    #[test]
    fn more_parameters_than_the_limit_are_refused() {
        let mut body = vec![0xFF, 0xFF, 10, 0, 0, 0];
        for _ in 0..=PARAMETERS_MAX {
            body.extend([0, 0, types::BITN, 1, 0]);
        }
        assert_eq!(
            decode_rpc(&with_headers(&body), TdsVersion::V7_4),
            Err(ProtocolError::TooLarge { what: "the count of parameters", limit: PARAMETERS_MAX })
        );
    }

    #[rstest]
    #[case::begin(&[5, 0, 2, 0], TransactionRequest::Begin {
        isolation: RequestedIsolation::ReadCommitted, name: "".into() })]
    #[case::name_counted_in_bytes(&[9, 0, 4, b'a', 0, b'b', 0], TransactionRequest::Save { name: "ab".into() })]
    #[case::name_counted_in_characters(&[9, 0, 2, b'a', 0, b'b', 0], TransactionRequest::Save { name: "ab".into() })]
    #[case::commit(&[7, 0, 0, 0], TransactionRequest::Commit { name: "".into(), then_begin: None })]
    #[case::commit_and_begin(&[7, 0, 0, 1, 4, 0], TransactionRequest::Commit {
        name: "".into(), then_begin: Some((RequestedIsolation::Serializable, "".into())) })]
    #[case::rollback(&[8, 0, 0, 0], TransactionRequest::Rollback { name: "".into(), then_begin: None })]
    fn a_transaction_request_is_read(#[case] body: &[u8], #[case] read: TransactionRequest) {
        assert_eq!(decode_transaction(&with_headers(body), TdsVersion::V7_4), Ok(read));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            for version in [TdsVersion::V7_1, TdsVersion::V7_4] {
                let _ = decode_batch(&bytes, version);
                let _ = decode_rpc(&bytes, version);
                let _ = decode_transaction(&bytes, version);
                let _ = decode_rpc(&with_headers(&bytes), version);
                let _ = decode_transaction(&with_headers(&bytes), version);
            }
        }
    }
}
