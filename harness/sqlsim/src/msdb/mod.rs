//! msdb
