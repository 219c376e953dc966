//! HASHBYTES.

use super::{Function, Returns, Takes, text_of};
use crate::error::SqlResult;
use crate::exec::environment::Environment;
use crate::messages::{error, unsupported};
use crate::value::{DataType, Length, Value, convert};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// HASHBYTES.
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "HASHBYTES",
    takes: &[Takes::Text, Takes::Any],
    optional: 0,
    returns: Returns::Type(DataType::VarBinary(Length::Upto(8000))),
    body: hash_bytes,
}];

/// The hash of a text's or binary's bytes: code page 1252 for varchar, UTF-16 for nvarchar. An algorithm that is
/// none gives NULL.
fn hash_bytes(_: &Environment<'_>, a: &[Value], types: &[DataType]) -> SqlResult<Value> {
    let data_type = types.get(1).copied().unwrap_or(DataType::Int);
    if !data_type.is_text() && !data_type.is_binary() && !matches!(a.get(1), Some(Value::Null)) {
        return Err(error(8116, 1, &[&data_type.name(), &2, &"hashbytes"]));
    }
    let (Some(algorithm), Some(value)) = (text_of(a.first()), a.get(1).filter(|value| !value.is_null()))
    else {
        return Ok(Value::Null);
    };
    let Value::Binary(bytes) = convert::convert(value, data_type, DataType::VarBinary(Length::Max), 0)?
    else {
        return Ok(Value::Null);
    };
    let hash: Vec<u8> = match &*algorithm.trim_end().to_ascii_uppercase() {
        "MD5" => Md5::digest(&bytes).to_vec(),
        "SHA" | "SHA1" => Sha1::digest(&bytes).to_vec(),
        "SHA2_256" => Sha256::digest(&bytes).to_vec(),
        "SHA2_512" => Sha512::digest(&bytes).to_vec(),
        old @ ("MD2" | "MD4") => return Err(unsupported(&format_args!("HASHBYTES with {old}"))),
        _ => return Ok(Value::Null),
    };
    Ok(Value::Binary(hash.into()))
}
