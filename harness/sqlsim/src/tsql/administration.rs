//! BACKUP, RESTORE, databases, endpoints, DBCC.

use super::ast::{
    AlterDatabase, AlterDatabaseAction, Backup, BackupOption, CreateDatabase, DatabaseOption, Endpoint, Expr,
    FileSpecification, PartnerAction, Restore, RestoreKind, StatementKind, Termination,
};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;
use crate::value::{DataType, Length, Value};
use std::rc::Rc;

impl Parser<'_> {
    // ---- BACKUP and RESTORE ---------------------------------------------

    pub(super) fn backup(&mut self) -> SqlResult<StatementKind> {
        self.need("BACKUP")?;
        if self.take("CERTIFICATE") {
            return self.backup_certificate();
        }
        let log = self.is("LOG");
        if !log && !self.is("DATABASE") {
            return Err(self.failure(40_510, &[&"BACKUP of anything but DATABASE, LOG and CERTIFICATE"]));
        }
        self.advance();
        let database = self.name_or_variable()?;
        if self.is_any(&["FILE", "FILEGROUP", "READ_WRITE_FILEGROUPS"]) {
            return Err(self.failure(40_510, &[&"BACKUP of single files and filegroups"]));
        }
        self.need("TO")?;
        let devices = self.devices()?;
        if self.is("MIRROR") {
            return Err(self.failure(40_510, &[&"BACKUP … MIRROR TO"]));
        }
        let options = self.backup_options(&BACKUP_OPTIONS, "BACKUP")?;
        Ok(StatementKind::Backup(Box::new(Backup { log, database, devices, options })))
    }

    pub(super) fn restore(&mut self) -> SqlResult<StatementKind> {
        self.need("RESTORE")?;
        let kind = match &*self.any_word()? {
            "DATABASE" => RestoreKind::Database,
            "LOG" => RestoreKind::Log,
            "HEADERONLY" => RestoreKind::HeaderOnly,
            "FILELISTONLY" => RestoreKind::FileListOnly,
            "LABELONLY" => RestoreKind::LabelOnly,
            "VERIFYONLY" => RestoreKind::VerifyOnly,
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        };
        let database = if matches!(kind, RestoreKind::Database | RestoreKind::Log) {
            Some(self.name_or_variable()?)
        } else {
            None
        };
        if self.is_any(&["FILE", "FILEGROUP", "PAGE"]) && self.is_symbol_ahead(1, "=") {
            return Err(self.failure(40_510, &[&"RESTORE of single files, filegroups and pages"]));
        }
        let devices = if self.take("FROM") {
            if self.is("DATABASE_SNAPSHOT") {
                return Err(self.failure(40_510, &[&"RESTORE FROM DATABASE_SNAPSHOT"]));
            }
            self.devices()?
        } else if database.is_none() {
            return Err(self.unexpected());
        } else {
            Vec::new()
        };
        let options = self.backup_options(&RESTORE_OPTIONS, "RESTORE")?;
        Ok(StatementKind::Restore(Box::new(Restore { kind, database, devices, options })))
    }

    fn name_or_variable(&mut self) -> SqlResult<Expr> {
        if matches!(self.kind(), TokenKind::Variable(_)) {
            return Ok(Expr::Variable(self.variable()?));
        }
        Ok(name_expression(self.name()?))
    }

    fn devices(&mut self) -> SqlResult<Vec<Expr>> {
        let mut devices = Vec::new();
        loop {
            if self.is_any(&["DISK", "TAPE", "URL", "VIRTUAL_DEVICE"]) && self.is_symbol_ahead(1, "=") {
                if !self.is("DISK") {
                    let device = self.any_word()?;
                    return Err(self.failure(40_510, &[&format!("backup device {device}")]));
                }
                self.advance();
                self.advance();
                devices.push(self.text_or_variable()?);
            } else {
                return Err(self.failure(40_510, &[&"logical backup device"]));
            }
            if !self.take_symbol(",") {
                return Ok(devices);
            }
        }
    }

    fn text_or_variable(&mut self) -> SqlResult<Expr> {
        if matches!(self.kind(), TokenKind::Variable(_)) {
            return Ok(Expr::Variable(self.variable()?));
        }
        let TokenKind::Text { text, national } = self.kind() else { return Err(self.unexpected()) };
        let literal = super::expressions::text_literal(text, *national);
        self.advance();
        Ok(literal)
    }

    fn backup_options(&mut self, known: &[&str], statement: &str) -> SqlResult<Vec<BackupOption>> {
        let mut options: Vec<BackupOption> = Vec::new();
        if !self.take("WITH") {
            return Ok(options);
        }
        loop {
            let before = self.at;
            let name = self.any_word()?;
            if !known.contains(&&*name) {
                self.at = before;
                if let Some(feature) = self.feature_at(self.at) {
                    return Err(self.failure(40_510, &[&format_args!("{statement} … WITH {feature}")]));
                }
                return Err(self.failure(155, &[&name, &statement]));
            }
            let mut option = BackupOption { name, value: None, to: None };
            if &*option.name == "MOVE" {
                option.value = Some(self.text_or_variable()?);
                self.need("TO")?;
                option.to = Some(self.text_or_variable()?);
            } else if self.take_symbol("=") {
                option.value = Some(self.option_value()?);
            }
            options.push(option);
            if !self.take_symbol(",") {
                return Ok(options);
            }
        }
    }

    fn option_value(&mut self) -> SqlResult<Expr> {
        match self.kind() {
            TokenKind::Text { .. } | TokenKind::Variable(_) => self.text_or_variable(),
            _ => {
                let number = self.whole_number()?;
                Ok(Expr::Literal(Value::Int(number), DataType::BigInt))
            }
        }
    }

    // ---- databases --------------------------------------------------------

    pub(super) fn create_database(&mut self) -> SqlResult<StatementKind> {
        let name = self.name()?;
        let mut create = CreateDatabase { name, data: Vec::new(), log: Vec::new(), collation: None };
        if self.take("ON") {
            self.take("PRIMARY");
            create.data = self.file_specifications()?;
        }
        if self.take_two("LOG", "ON") {
            create.log = self.file_specifications()?;
        }
        if self.take("COLLATE") {
            create.collation = Some(self.name()?);
        }
        if self.is("FOR") || self.is("WITH") || (self.is("AS") && self.is_ahead(1, "SNAPSHOT")) {
            return Err(self.failure(40_510, &[&"CREATE DATABASE … FOR ATTACH, WITH and AS SNAPSHOT"]));
        }
        Ok(StatementKind::CreateDatabase(Box::new(create)))
    }

    fn file_specifications(&mut self) -> SqlResult<Vec<FileSpecification>> {
        let mut files = vec![self.file_specification()?];
        while self.is_symbol(",") && self.is_symbol_ahead(1, "(") {
            self.advance();
            files.push(self.file_specification()?);
        }
        if self.is_symbol(",") {
            return Err(self.failure(40_510, &[&"CREATE DATABASE with filegroups"]));
        }
        Ok(files)
    }

    fn file_specification(&mut self) -> SqlResult<FileSpecification> {
        let mut file = FileSpecification::default();
        self.need_symbol("(")?;
        loop {
            let option = self.any_word()?;
            self.need_symbol("=")?;
            match &*option {
                "NAME" => file.name = self.name_or_text()?,
                "FILENAME" => file.path = Some(self.text_literal()?),
                "SIZE" => file.size_kb = self.file_size()?,
                "MAXSIZE" | "FILEGROWTH" => {
                    self.file_size()?;
                }
                _ => return Err(self.failure(155, &[&option, &"CREATE DATABASE"])),
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.need_symbol(")")?;
        Ok(file)
    }

    /// `10MB`, `1024 KB`, `10%`, `UNLIMITED`: kilobytes, when it is a size.
    fn file_size(&mut self) -> SqlResult<Option<u64>> {
        if self.take("UNLIMITED") {
            return Ok(None);
        }
        let size = self.whole_number()?.unsigned_abs();
        if self.take_symbol("%") {
            return Ok(None);
        }
        let factor = match () {
            () if self.take("KB") => 1,
            () if self.take("GB") => 1024 * 1024,
            () if self.take("TB") => 1024 * 1024 * 1024,
            () => {
                self.take("MB");
                1024
            }
        };
        Ok(Some(size.saturating_mul(factor)))
    }

    pub(super) fn alter_database(&mut self) -> SqlResult<StatementKind> {
        let name = if self.take("CURRENT") { None } else { Some(self.name()?) };
        let action = if self.take("SET") {
            self.database_options()?
        } else if self.take("MODIFY") {
            if self.take("NAME") {
                self.need_symbol("=")?;
                AlterDatabaseAction::Rename(self.name()?)
            } else {
                return Err(self.failure(40_510, &[&"ALTER DATABASE … MODIFY FILE"]));
            }
        } else if self.take("COLLATE") {
            AlterDatabaseAction::Collate(self.name()?)
        } else if self.is("ADD") || self.is("REMOVE") {
            return Err(self.failure(40_510, &[&"ALTER DATABASE … ADD and REMOVE"]));
        } else {
            return Err(self.unexpected());
        };
        Ok(StatementKind::AlterDatabase(Box::new(AlterDatabase { name, action })))
    }

    fn database_options(&mut self) -> SqlResult<AlterDatabaseAction> {
        if self.take("PARTNER") {
            return self.partner().map(AlterDatabaseAction::Partner);
        }
        if self.take("WITNESS") {
            if self.take("OFF") {
                return Ok(AlterDatabaseAction::Witness(None));
            }
            self.need_symbol("=")?;
            return Ok(AlterDatabaseAction::Witness(Some(self.text_literal()?)));
        }
        if self.is("HADR") || self.is("QUERY_STORE") || self.is("CHANGE_TRACKING") {
            let option = self.any_word()?;
            return Err(self.failure(40_510, &[&format!("ALTER DATABASE … SET {option}")]));
        }
        let mut options = Vec::new();
        loop {
            options.push(self.database_option()?);
            if !self.take_symbol(",") {
                break;
            }
        }
        let mut termination = Termination::Wait;
        if self.take("WITH") {
            if self.take("NO_WAIT") {
                termination = Termination::NoWait;
            } else {
                self.need("ROLLBACK")?;
                termination = if self.take("IMMEDIATE") {
                    Termination::RollbackAfterSeconds(0)
                } else {
                    self.need("AFTER")?;
                    let seconds = self.whole_number()?.unsigned_abs();
                    self.take("SECONDS");
                    Termination::RollbackAfterSeconds(seconds)
                };
            }
        }
        Ok(AlterDatabaseAction::Set(options, termination))
    }

    fn database_option(&mut self) -> SqlResult<DatabaseOption> {
        let before = self.at;
        let name = self.any_word()?;
        if !DATABASE_OPTIONS.contains(&&*name) {
            self.at = before;
            return Err(self.unexpected());
        }
        let mut value: Rc<str> = "".into();
        if self.take_symbol("=") {
            value = match self.kind() {
                TokenKind::Number(_) => self.whole_number()?.to_string().into(),
                TokenKind::QuotedName(_) => self.name()?,
                _ => self.any_word()?,
            };
        } else if let TokenKind::Word(word) = self.kind()
            && !self.is("WITH")
            && [
                "ON",
                "OFF",
                "FULL",
                "SIMPLE",
                "BULK_LOGGED",
                "LOCAL",
                "GLOBAL",
                "CHECKSUM",
                "NONE",
                "TORN_PAGE_DETECTION",
                "FORCED",
                "DISABLED",
                "ALLOWED",
            ]
            .iter()
            .any(|v| word.eq_ignore_ascii_case(v))
        {
            value = self.any_word()?;
            if &*value == "ON" && self.is_symbol("(") {
                self.skip_parentheses()?;
            }
        }
        Ok(DatabaseOption { name, value })
    }

    fn partner(&mut self) -> SqlResult<PartnerAction> {
        if self.take_symbol("=") {
            return self.text_literal().map(PartnerAction::Connect);
        }
        Ok(match &*self.any_word()? {
            "FAILOVER" => PartnerAction::Failover,
            "FORCE_SERVICE_ALLOW_DATA_LOSS" => PartnerAction::ForceService,
            "OFF" => PartnerAction::Off,
            "SUSPEND" => PartnerAction::Suspend,
            "RESUME" => PartnerAction::Resume,
            "SAFETY" => {
                let full = self.take("FULL");
                if !full {
                    self.need("OFF")?;
                }
                PartnerAction::Safety(full)
            }
            "TIMEOUT" => {
                let seconds = self.whole_number()?;
                PartnerAction::Timeout(u32::try_from(seconds).map_err(|_| self.unexpected())?)
            }
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        })
    }

    // ---- endpoints ------------------------------------------------------------

    pub(super) fn endpoint(&mut self, alter: bool) -> SqlResult<StatementKind> {
        let mut endpoint = Endpoint {
            name: self.name()?,
            alter,
            state: None,
            port: None,
            role: None,
            authentication: None,
            certificate: None,
            encryption: None,
            payload: None,
        };
        if self.take("AUTHORIZATION") {
            self.name()?;
        }
        if self.take("STATE") {
            self.need_symbol("=")?;
            endpoint.state = Some(self.any_word()?);
        }
        if self.take("AS") {
            let protocol = self.any_word()?;
            if &*protocol != "TCP" {
                return Err(self.failure(40_510, &[&format!("endpoint protocol {protocol}")]));
            }
            self.need_symbol("(")?;
            self.endpoint_protocol(&mut endpoint)?;
        }
        if self.take("FOR") {
            let payload = self.any_word()?;
            if !matches!(&*payload, "DATABASE_MIRRORING" | "DATA_MIRRORING") {
                return Err(self.failure(40_510, &[&format!("endpoint for {payload}")]));
            }
            endpoint.payload = Some("DATABASE_MIRRORING".into());
            self.need_symbol("(")?;
            self.endpoint_payload(&mut endpoint)?;
        }
        Ok(StatementKind::Endpoint(Box::new(endpoint)))
    }

    fn endpoint_protocol(&mut self, endpoint: &mut Endpoint) -> SqlResult<()> {
        loop {
            let option = self.any_word()?;
            self.need_symbol("=")?;
            match &*option {
                "LISTENER_PORT" => {
                    let port = self.whole_number()?;
                    endpoint.port = Some(u16::try_from(port).map_err(|_| self.unexpected())?);
                }
                "LISTENER_IP" => {
                    if self.is_symbol("(") {
                        self.skip_parentheses()?;
                    } else {
                        self.need("ALL")?;
                    }
                }
                _ => return Err(self.failure(155, &[&option, &"CREATE ENDPOINT"])),
            }
            if !self.take_symbol(",") {
                return self.need_symbol(")");
            }
        }
    }

    fn endpoint_payload(&mut self, endpoint: &mut Endpoint) -> SqlResult<()> {
        loop {
            let option = self.any_word()?;
            self.need_symbol("=")?;
            let mut words = vec![self.any_word()?];
            loop {
                if words.last().is_some_and(|word| &**word == "CERTIFICATE") && &*option == "AUTHENTICATION" {
                    endpoint.certificate = Some(self.name()?);
                }
                if !matches!(self.kind(), TokenKind::Word(_)) || self.is_symbol_ahead(1, "=") {
                    break;
                }
                words.push(self.any_word()?);
            }
            let value: Rc<str> = words.join(" ").into();
            match &*option {
                "ROLE" => endpoint.role = Some(value),
                "AUTHENTICATION" => endpoint.authentication = Some(value),
                "ENCRYPTION" => endpoint.encryption = Some(value),
                _ => return Err(self.failure(155, &[&option, &"CREATE ENDPOINT"])),
            }
            if !self.take_symbol(",") {
                return self.need_symbol(")");
            }
        }
    }

    // ---- DBCC ---------------------------------------------------------------------

    pub(super) fn dbcc(&mut self) -> SqlResult<StatementKind> {
        self.need("DBCC")?;
        let command = self.any_word()?;
        let mut arguments = Vec::new();
        if self.take_symbol("(") {
            while !self.is_symbol(")") {
                arguments.push(if self.is_name() {
                    name_expression(self.name()?)
                } else {
                    self.expression()?
                });
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.need_symbol(")")?;
        }
        let mut options = Vec::new();
        if self.take("WITH") {
            options.push(self.any_word()?);
            while self.take_symbol(",") {
                options.push(self.any_word()?);
            }
        }
        Ok(StatementKind::Dbcc { command, arguments, options })
    }
}

/// A name in the place of an expression.
fn name_expression(name: Rc<str>) -> Expr {
    Expr::Literal(Value::Text(name), DataType::NVarChar(Length::Upto(128)))
}

const BACKUP_OPTIONS: [&str; 32] = [
    "RESTART",
    "REWIND",
    "NOREWIND",
    "UNLOAD",
    "NOUNLOAD",
    "INIT",
    "NOINIT",
    "FORMAT",
    "NOFORMAT",
    "SKIP",
    "NOSKIP",
    "COPY_ONLY",
    "DIFFERENTIAL",
    "COMPRESSION",
    "NO_COMPRESSION",
    "DESCRIPTION",
    "NAME",
    "CHECKSUM",
    "NO_CHECKSUM",
    "STOP_ON_ERROR",
    "CONTINUE_AFTER_ERROR",
    "STATS",
    "NORECOVERY",
    "STANDBY",
    "NO_TRUNCATE",
    "RETAINDAYS",
    "EXPIREDATE",
    "MEDIANAME",
    "MEDIADESCRIPTION",
    "BLOCKSIZE",
    "BUFFERCOUNT",
    "MAXTRANSFERSIZE",
];

const RESTORE_OPTIONS: [&str; 29] = [
    "REWIND",
    "NOREWIND",
    "FILE",
    "MOVE",
    "REPLACE",
    "RECOVERY",
    "NORECOVERY",
    "STANDBY",
    "STOPAT",
    "STATS",
    "RESTART",
    "CHECKSUM",
    "NO_CHECKSUM",
    "STOP_ON_ERROR",
    "CONTINUE_AFTER_ERROR",
    "KEEP_REPLICATION",
    "RESTRICTED_USER",
    "STOPATMARK",
    "STOPBEFOREMARK",
    "PARTIAL",
    "LOADHISTORY",
    "NOUNLOAD",
    "UNLOAD",
    "MEDIANAME",
    "MEDIAPASSWORD",
    "PASSWORD",
    "BLOCKSIZE",
    "BUFFERCOUNT",
    "MAXTRANSFERSIZE",
];

const DATABASE_OPTIONS: [&str; 36] = [
    "ALLOW_SNAPSHOT_ISOLATION",
    "ANSI_NULLS",
    "ANSI_NULL_DEFAULT",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "AUTO_CLOSE",
    "AUTO_CREATE_STATISTICS",
    "AUTO_SHRINK",
    "AUTO_UPDATE_STATISTICS",
    "AUTO_UPDATE_STATISTICS_ASYNC",
    "COMPATIBILITY_LEVEL",
    "CONCAT_NULL_YIELDS_NULL",
    "CURSOR_CLOSE_ON_COMMIT",
    "CURSOR_DEFAULT",
    "DATE_CORRELATION_OPTIMIZATION",
    "DB_CHAINING",
    "DISABLE_BROKER",
    "EMERGENCY",
    "ENABLE_BROKER",
    "MULTI_USER",
    "NEW_BROKER",
    "NUMERIC_ROUNDABORT",
    "OFFLINE",
    "ONLINE",
    "PAGE_VERIFY",
    "PARAMETERIZATION",
    "QUOTED_IDENTIFIER",
    "READ_COMMITTED_SNAPSHOT",
    "READ_ONLY",
    "READ_WRITE",
    "RECOVERY",
    "RECURSIVE_TRIGGERS",
    "RESTRICTED_USER",
    "SINGLE_USER",
    "TRUSTWORTHY",
];
