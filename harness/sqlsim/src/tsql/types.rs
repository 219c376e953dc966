//! CREATE TYPE, SYNONYM and SEQUENCE.

use super::ast::{CreateSequence, SequenceOption, StatementKind};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;

impl Parser<'_> {
    /// `CREATE TYPE name FROM type [NULL | NOT NULL]`.
    pub(super) fn create_type(&mut self) -> SqlResult<StatementKind> {
        let name = self.object_name()?;
        if self.is("AS") || self.is("EXTERNAL") {
            return Err(self.failure(40_510, &[&"CREATE TYPE … AS TABLE and EXTERNAL NAME"]));
        }
        self.need("FROM")?;
        let base = self.data_type()?;
        let nullable = if self.take("NOT") {
            self.need("NULL")?;
            false
        } else {
            self.take("NULL");
            true
        };
        Ok(StatementKind::CreateType { name, base, nullable })
    }

    /// `CREATE SYNONYM name FOR object`.
    pub(super) fn create_synonym(&mut self) -> SqlResult<StatementKind> {
        let name = self.object_name()?;
        self.need("FOR")?;
        Ok(StatementKind::CreateSynonym { name: Box::new(name), base: Box::new(self.object_name()?) })
    }

    /// CREATE and ALTER SEQUENCE.
    pub(super) fn sequence(&mut self, alter: bool) -> SqlResult<StatementKind> {
        let name = self.object_name()?;
        let mut sequence = CreateSequence { name, alter, data_type: None, options: Vec::new() };
        loop {
            if !alter && self.take("AS") {
                sequence.data_type = Some(self.data_type()?);
                continue;
            }
            let option = if self.take("START") {
                self.need("WITH")?;
                SequenceOption::Start(self.sequence_number()?)
            } else if alter && self.take("RESTART") {
                SequenceOption::Restart(if self.take("WITH") { Some(self.sequence_number()?) } else { None })
            } else if self.take("INCREMENT") {
                self.need("BY")?;
                SequenceOption::Increment(self.sequence_number()?)
            } else if self.take("MINVALUE") {
                SequenceOption::Minimum(Some(self.sequence_number()?))
            } else if self.take("MAXVALUE") {
                SequenceOption::Maximum(Some(self.sequence_number()?))
            } else if self.take("CYCLE") {
                SequenceOption::Cycle(true)
            } else if self.take("CACHE") {
                if matches!(self.kind(), TokenKind::Number(_)) {
                    self.advance();
                }
                continue;
            } else if self.is("NO") {
                self.advance();
                let word = self.any_word()?;
                match &*word {
                    "MINVALUE" => SequenceOption::Minimum(None),
                    "MAXVALUE" => SequenceOption::Maximum(None),
                    "CYCLE" => SequenceOption::Cycle(false),
                    "CACHE" => continue,
                    _ => {
                        self.at -= 1;
                        return Err(self.unexpected());
                    }
                }
            } else {
                return Ok(StatementKind::Sequence(Box::new(sequence)));
            };
            sequence.options.push(option);
        }
    }

    fn sequence_number(&mut self) -> SqlResult<i128> {
        let negative = self.take_symbol("-");
        let TokenKind::Number(number) = self.kind() else { return Err(self.unexpected()) };
        let number = *number;
        if number.scale != 0 {
            return Err(self.unexpected());
        }
        self.advance();
        Ok(if negative { -number.mantissa } else { number.mantissa })
    }
}
