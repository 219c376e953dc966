//! The master key and certificates.

use super::ast::{CertificateSource, KeyStatement, PrivateKeyFile, StatementKind};
use super::parser::Parser;
use crate::error::SqlResult;
use std::rc::Rc;

impl Parser<'_> {
    fn key(statement: KeyStatement) -> StatementKind {
        StatementKind::Key(Box::new(statement))
    }

    /// ENCRYPTION BY PASSWORD = 'password', behind its first word.
    fn by_password(&mut self) -> SqlResult<Rc<str>> {
        self.need("BY")?;
        self.need("PASSWORD")?;
        self.need_symbol("=")?;
        self.text_literal()
    }

    /// CREATE MASTER KEY, behind MASTER.
    pub(super) fn create_master_key(&mut self) -> SqlResult<StatementKind> {
        self.need("KEY")?;
        self.need("ENCRYPTION")?;
        Ok(Self::key(KeyStatement::CreateMasterKey { password: self.by_password()? }))
    }

    /// DROP MASTER KEY, behind MASTER.
    pub(super) fn drop_master_key(&mut self) -> SqlResult<StatementKind> {
        self.need("KEY")?;
        Ok(Self::key(KeyStatement::DropMasterKey))
    }

    /// DROP CERTIFICATE, behind its second word.
    pub(super) fn drop_certificate(&mut self) -> SqlResult<StatementKind> {
        Ok(Self::key(KeyStatement::DropCertificate(self.name()?)))
    }

    /// CREATE CERTIFICATE, behind its second word.
    pub(super) fn create_certificate(&mut self) -> SqlResult<StatementKind> {
        let name = self.name()?;
        let owner = if self.take("AUTHORIZATION") { Some(self.name()?) } else { None };
        let source = if self.take("FROM") { self.certificate_from()? } else { self.certificate_with()? };
        let mut is_for_dialogs = true;
        if self.take("ACTIVE") {
            self.need("FOR")?;
            self.need("BEGIN_DIALOG")?;
            self.need_symbol("=")?;
            is_for_dialogs = self.take("ON");
            if !is_for_dialogs {
                self.need("OFF")?;
            }
        }
        Ok(Self::key(KeyStatement::CreateCertificate { name, owner, source, is_for_dialogs }))
    }

    fn certificate_from(&mut self) -> SqlResult<CertificateSource> {
        if !self.is("FILE") {
            let source = self.any_word()?;
            return Err(self.failure(40_510, &[&format!("CREATE CERTIFICATE … FROM {source}")]));
        }
        let file = self.file_option()?;
        let private_key = if self.take("WITH") { Some(self.private_key()?) } else { None };
        Ok(CertificateSource::File { file, private_key })
    }

    fn certificate_with(&mut self) -> SqlResult<CertificateSource> {
        let password = if self.take("ENCRYPTION") { Some(self.by_password()?) } else { None };
        self.need("WITH")?;
        let (mut subject, mut start, mut expiry) = (None, None, None);
        loop {
            let option = self.any_word()?;
            self.need_symbol("=")?;
            let value = Some(self.text_literal()?);
            match &*option {
                "SUBJECT" => subject = value,
                "START_DATE" => start = value,
                "EXPIRY_DATE" => expiry = value,
                _ => return Err(self.failure(155, &[&option, &"CREATE CERTIFICATE"])),
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        let subject = subject.ok_or_else(|| self.unexpected())?;
        Ok(CertificateSource::SelfSigned { subject, start, expiry, password })
    }

    /// BACKUP CERTIFICATE, behind its second word.
    pub(super) fn backup_certificate(&mut self) -> SqlResult<StatementKind> {
        let name = self.name()?;
        self.need("TO")?;
        let file = self.file_option()?;
        let private_key = if self.take("WITH") { Some(self.private_key()?) } else { None };
        Ok(Self::key(KeyStatement::BackupCertificate { name, file, private_key }))
    }

    /// FILE = 'path'.
    fn file_option(&mut self) -> SqlResult<Rc<str>> {
        self.need("FILE")?;
        self.need_symbol("=")?;
        self.text_literal()
    }

    /// PRIVATE KEY ( FILE = …, ENCRYPTION BY PASSWORD = …, DECRYPTION BY PASSWORD = … ), in any order.
    fn private_key(&mut self) -> SqlResult<PrivateKeyFile> {
        self.need("PRIVATE")?;
        self.need("KEY")?;
        self.need_symbol("(")?;
        let (mut file, mut encryption, mut decryption) = (None, None, None);
        loop {
            if self.is("FILE") {
                file = Some(self.file_option()?);
            } else if self.take("ENCRYPTION") {
                encryption = Some(self.by_password()?);
            } else if self.take("DECRYPTION") {
                decryption = Some(self.by_password()?);
            } else if self.is("BINARY") {
                return Err(self.failure(40_510, &[&"a private key from BINARY"]));
            } else {
                return Err(self.unexpected());
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.need_symbol(")")?;
        let file = file.ok_or_else(|| self.unexpected())?;
        Ok(PrivateKeyFile { file, encryption, decryption })
    }
}
