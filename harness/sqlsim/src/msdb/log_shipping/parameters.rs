//! Parameter lists that several log-shipping procedures share.

use crate::exec::procedures::{DefaultValue, Parameter};
use crate::value::{DataType, Length};

/// sysname
pub(in crate::msdb) const SYSNAME: DataType = DataType::NVarChar(Length::Upto(128));
/// nvarchar(500)
pub(in crate::msdb) const PATH: DataType = DataType::NVarChar(Length::Upto(500));

/// A parameter that the caller must give.
pub(in crate::msdb) const fn must(name: &'static str, data_type: DataType) -> Parameter {
    Parameter::required(name, data_type)
}

/// A parameter that is NULL when left out.
pub(in crate::msdb) const fn may(name: &'static str, data_type: DataType) -> Parameter {
    Parameter::optional(name, data_type, DefaultValue::Null)
}

/// A number with a default.
pub(in crate::msdb) const fn number(name: &'static str, data_type: DataType, value: i64) -> Parameter {
    Parameter::optional(name, data_type, DefaultValue::Int(value))
}

/// A text with a default.
pub(in crate::msdb) const fn word(name: &'static str, data_type: DataType, value: &'static str) -> Parameter {
    Parameter::optional(name, data_type, DefaultValue::Text(value))
}

/// An output parameter.
pub(in crate::msdb) const fn out(name: &'static str, data_type: DataType) -> Parameter {
    Parameter::output(name, data_type)
}

/// `int`
pub(in crate::msdb) const INT: DataType = DataType::Int;
/// `bit`
pub(in crate::msdb) const BIT: DataType = DataType::Bit;
/// `tinyint`
pub(in crate::msdb) const TINYINT: DataType = DataType::TinyInt;
/// `uniqueidentifier`
pub(in crate::msdb) const GUID: DataType = DataType::UniqueIdentifier;

/// Name of the monitor.
pub(super) const MONITOR_SERVER: Parameter = may("@monitor_server", SYSNAME);
/// How to sign in there.
pub(super) const MONITOR_SECURITY_MODE: Parameter = may("@monitor_server_security_mode", BIT);
/// With which login, when not by Windows.
pub(super) const MONITOR_LOGIN: Parameter = may("@monitor_server_login", SYSNAME);
/// And its password.
pub(super) const MONITOR_PASSWORD: Parameter = may("@monitor_server_password", SYSNAME);
