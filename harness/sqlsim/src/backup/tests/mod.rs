//! BACKUP and RESTORE against SQL Server's rules.

mod chain;
mod device;
mod interrupted;
mod large;
mod property;
mod standby;
