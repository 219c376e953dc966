//! Logins, users, roles, permissions.

use super::ast::{Password, Security, StatementKind};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;
use std::rc::Rc;

impl Parser<'_> {
    pub(super) fn create_login(&mut self) -> SqlResult<StatementKind> {
        let name = self.name()?;
        let (mut password, mut sid, mut default_database) = (None, None, None);
        let mut certificate = None;
        if self.take("FROM") {
            match &*self.any_word()? {
                "WINDOWS" => {}
                "CERTIFICATE" => certificate = Some(self.name()?),
                source => return Err(self.failure(40_510, &[&format!("CREATE LOGIN … FROM {source}")])),
            }
        }
        if self.take("WITH") {
            loop {
                let option = self.any_word()?;
                self.need_symbol("=")?;
                match &*option {
                    "PASSWORD" => {
                        password = Some(self.password()?);
                        self.take("MUST_CHANGE");
                    }
                    "SID" => {
                        let TokenKind::Binary(bytes) = self.kind() else { return Err(self.unexpected()) };
                        sid = Some(bytes.clone());
                        self.advance();
                    }
                    "DEFAULT_DATABASE" => default_database = Some(self.name()?),
                    "DEFAULT_LANGUAGE" => {
                        self.name()?;
                    }
                    "CHECK_POLICY" | "CHECK_EXPIRATION" => {
                        self.any_word()?;
                    }
                    _ => return Err(self.failure(155, &[&option, &"CREATE LOGIN"])),
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        let login = Security::CreateLogin { name, password, certificate, sid, default_database };
        Ok(StatementKind::Security(Box::new(login)))
    }

    /// A password in clear text, or 0x… HASHED.
    fn password(&mut self) -> SqlResult<Password> {
        let TokenKind::Binary(bytes) = self.kind() else { return Ok(Password::Text(self.text_literal()?)) };
        let bytes = bytes.clone();
        self.advance();
        self.need("HASHED")?;
        Ok(Password::Hashed(bytes))
    }

    pub(super) fn alter_login(&mut self) -> SqlResult<StatementKind> {
        let name = self.name()?;
        let (mut enabled, mut password, mut default_database) = (None, None, None);
        if self.take("ENABLE") {
            enabled = Some(true);
        } else if self.take("DISABLE") {
            enabled = Some(false);
        } else {
            self.need("WITH")?;
            loop {
                let option = self.any_word()?;
                self.need_symbol("=")?;
                match &*option {
                    "PASSWORD" => {
                        password = Some(self.password()?);
                        if self.take("OLD_PASSWORD") {
                            self.need_symbol("=")?;
                            self.text_literal()?;
                        }
                        while self.take("UNLOCK") || self.take("MUST_CHANGE") {}
                    }
                    "DEFAULT_DATABASE" => default_database = Some(self.name()?),
                    "CHECK_POLICY" | "CHECK_EXPIRATION" => {
                        self.any_word()?;
                    }
                    _ => return Err(self.failure(155, &[&option, &"ALTER LOGIN"])),
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        let login = Security::AlterLogin { name, enabled, password, default_database };
        Ok(StatementKind::Security(Box::new(login)))
    }

    pub(super) fn create_user(&mut self) -> SqlResult<StatementKind> {
        let name = self.name()?;
        let mut login = Some(name.clone());
        let mut certificate = None;
        if self.take("FOR") || self.take("FROM") {
            if self.take("CERTIFICATE") {
                (login, certificate) = (None, Some(self.name()?));
            } else {
                self.need("LOGIN")?;
                login = Some(self.name()?);
            }
        } else if self.take_two("WITHOUT", "LOGIN") {
            login = None;
        }
        if self.take("WITH") {
            self.need("DEFAULT_SCHEMA")?;
            self.need_symbol("=")?;
            let schema = self.name()?;
            if !crate::engine::same_name(&schema, "dbo") {
                return Err(self.failure(40_510, &[&"DEFAULT_SCHEMA other than dbo"]));
            }
        }
        Ok(StatementKind::Security(Box::new(Security::CreateUser { name, login, certificate })))
    }

    pub(super) fn role_member(&mut self) -> SqlResult<(Rc<str>, Rc<str>, bool)> {
        let role = self.name()?;
        let add = self.take("ADD");
        if !add {
            self.need("DROP")?;
        }
        self.need("MEMBER")?;
        Ok((role, self.name()?, add))
    }

    pub(super) fn grant(&mut self, verb: Rc<str>) -> SqlResult<StatementKind> {
        let mut permissions = Vec::new();
        if &*verb == "REVOKE" && self.is("GRANT") && self.is_ahead(1, "OPTION") {
            return Err(self.failure(40_510, &[&"REVOKE GRANT OPTION FOR"]));
        }
        loop {
            let mut words = Vec::new();
            while !self.is_any(&["ON", "TO", "FROM"]) && matches!(self.kind(), TokenKind::Word(_)) {
                words.push(self.any_word()?);
            }
            if words.is_empty() {
                return Err(self.unexpected());
            }
            if self.is_symbol("(") {
                return Err(self.failure(40_510, &[&format!("{verb} on columns")]));
            }
            permissions.push(words.join(" ").into());
            if !self.take_symbol(",") {
                break;
            }
        }
        let mut on = None;
        if self.take("ON") {
            let mut class = None;
            if matches!(self.kind_ahead(1), TokenKind::Symbol("::")) {
                class = Some(self.any_word()?);
                self.advance();
            }
            on = Some((class, self.object_name()?));
            if self.is_symbol("(") {
                return Err(self.failure(40_510, &[&format!("{verb} on columns")]));
            }
        }
        if !self.take("TO") {
            self.need("FROM")?;
        }
        let mut principals = vec![self.principal()?];
        while self.take_symbol(",") {
            principals.push(self.principal()?);
        }
        // Nobody has passed a permission on: there is nothing that CASCADE could take too.
        self.take("CASCADE");
        if self.is("WITH") {
            return Err(self.failure(40_510, &[&"WITH GRANT OPTION"]));
        }
        if self.is("AS") {
            return Err(self.failure(40_510, &[&format!("{verb} … AS")]));
        }
        Ok(StatementKind::Security(Box::new(Security::Grant { verb, permissions, on, principals })))
    }

    /// ALTER AUTHORIZATION ON DATABASE::d TO login, ON SCHEMA::s TO user.
    pub(super) fn alter_authorization(&mut self) -> SqlResult<StatementKind> {
        self.need("ON")?;
        let class = if matches!(self.kind_ahead(1), TokenKind::Symbol("::")) {
            let class = self.any_word()?;
            self.advance();
            class
        } else {
            "OBJECT".into()
        };
        if !matches!(&*class, "DATABASE" | "SCHEMA") {
            return Err(self.failure(40_510, &[&format!("ALTER AUTHORIZATION ON {class}")]));
        }
        let name = self.name()?;
        self.need("TO")?;
        let owner = self.name()?;
        Ok(StatementKind::Security(Box::new(Security::Authorization { class, name, owner })))
    }

    pub(super) fn principal(&mut self) -> SqlResult<Rc<str>> {
        if self.take("PUBLIC") {
            return Ok("public".into());
        }
        self.name()
    }
}
