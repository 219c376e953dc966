//! Log records, definitions and values as bytes.
