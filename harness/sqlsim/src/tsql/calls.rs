//! EXECUTE.

use super::ast::{Argument, Execute, ExecuteAs, Expr, ProcedureName, StatementKind};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;
use crate::value::{DataType, Length, Value};

impl Parser<'_> {
    pub(super) fn execute(&mut self) -> SqlResult<StatementKind> {
        self.advance();
        if self.take("AS") {
            let context = self.execute_as()?;
            if self.take("WITH") {
                return Err(self.failure(40_510, &[&"EXECUTE AS … WITH"]));
            }
            return Ok(StatementKind::ExecuteAs(context));
        }
        if self.take_symbol("(") {
            let mut parts = vec![self.expression()?];
            while self.take_symbol(",") {
                parts.push(self.expression()?);
            }
            self.need_symbol(")")?;
            if self.is("AT") {
                return Err(self.failure(40_510, &[&"EXECUTE … AT"]));
            }
            if self.take("AS") {
                return Ok(StatementKind::ExecuteTextAs(parts, self.execute_as()?));
            }
            return Ok(StatementKind::ExecuteText(parts));
        }
        if matches!(self.kind(), TokenKind::Variable(_)) && self.is_symbol_ahead(1, "=") {
            let status = self.variable()?;
            self.advance();
            return self.procedure_call(Some(status));
        }
        self.procedure_call(None)
    }

    /// CALLER, LOGIN = 'name' or USER = 'name'.
    fn execute_as(&mut self) -> SqlResult<ExecuteAs> {
        let word = self.any_word()?;
        if &*word == "CALLER" {
            return Ok(ExecuteAs::Caller);
        }
        self.need_symbol("=")?;
        match &*word {
            "LOGIN" => Ok(ExecuteAs::Login(self.expression()?)),
            "USER" => Ok(ExecuteAs::User(self.expression()?)),
            _ => Err(self.unexpected()),
        }
    }

    pub(super) fn procedure_call(&mut self, status_into: Option<usize>) -> SqlResult<StatementKind> {
        let procedure = if matches!(self.kind(), TokenKind::Variable(_)) {
            ProcedureName::Variable(self.variable()?)
        } else {
            ProcedureName::Name(self.object_name()?)
        };
        let mut arguments = Vec::new();
        if self.starts_argument() {
            loop {
                arguments.push(self.argument(arguments.last())?);
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        if self.is("WITH") && (self.is_ahead(1, "RECOMPILE") || self.is_ahead(1, "RESULT")) {
            self.advance();
            let recompile = self.take("RECOMPILE");
            if !recompile {
                return Err(self.failure(40_510, &[&"EXECUTE … WITH RESULT SETS"]));
            }
        }
        Ok(StatementKind::Execute(Execute { procedure, status_into, arguments }))
    }

    pub(super) fn starts_argument(&self) -> bool {
        match self.kind() {
            TokenKind::End => false,
            TokenKind::Symbol(symbol) => *symbol == "-" || *symbol == "+",
            TokenKind::Word(_) => self.is_name() || self.is("NULL") || self.is("DEFAULT"),
            _ => true,
        }
    }

    pub(super) fn argument(&mut self, previous: Option<&Argument>) -> SqlResult<Argument> {
        let mut name = None;
        if let TokenKind::Variable(parameter) = self.kind()
            && self.is_symbol_ahead(1, "=")
        {
            name = Some(parameter.clone());
            self.advance();
            self.advance();
        } else if previous.is_some_and(|argument| argument.name.is_some()) {
            return Err(self.failure(119, &[&2]));
        }
        if self.take("DEFAULT") {
            return Ok(Argument { name, value: None, output: None });
        }
        let value = self.argument_value()?;
        let mut output = None;
        if self.is("OUTPUT") || self.is("OUT") {
            let Expr::Variable(slot) = &value else { return Err(self.failure(179, &[])) };
            output = Some(*slot);
            self.advance();
        }
        Ok(Argument { name, value: Some(value), output })
    }

    /// Arguments are constants, variables, or bare words that stand for texts.
    pub(super) fn argument_value(&mut self) -> SqlResult<Expr> {
        match self.kind() {
            TokenKind::Variable(_) => Ok(Expr::Variable(self.variable()?)),
            TokenKind::SystemVariable(name) => {
                let name = name.clone();
                self.advance();
                Ok(Expr::SystemVariable(name))
            }
            TokenKind::Word(_) | TokenKind::QuotedName(_) if self.is_name() => {
                let word = self.name()?;
                let length = u16::try_from(word.chars().count().max(1)).unwrap_or(u16::MAX);
                Ok(Expr::Literal(Value::Text(word), DataType::NVarChar(Length::Upto(length))))
            }
            _ => {
                self.take_symbol("+");
                let literal_at = self.at + usize::from(self.is_symbol("-"));
                let is_literal = matches!(
                    self.tokens[literal_at.min(self.tokens.len() - 1)].kind,
                    TokenKind::Text { .. }
                        | TokenKind::Number(_)
                        | TokenKind::Float(_)
                        | TokenKind::Money(_)
                        | TokenKind::Binary(_)
                ) || self.is("NULL");
                if !is_literal {
                    return Err(self.unexpected());
                }
                self.constant_expression()
            }
        }
    }

    /// A literal with its sign; no operators.
    pub(super) fn constant_expression(&mut self) -> SqlResult<Expr> {
        if let TokenKind::Text { text, national } = self.kind() {
            let literal = super::expressions::text_literal(text, *national);
            self.advance();
            return Ok(literal);
        }
        let value = self.constant()?.unwrap_or(Value::Null);
        let data_type = match &value {
            Value::Int(n) if i32::try_from(*n).is_ok() => DataType::Int,
            Value::Int(_) => DataType::BigInt,
            Value::Decimal(number) => number.literal_type(),
            Value::Float(_) => DataType::Float,
            Value::Money(_) => DataType::Money,
            Value::Binary(_) => DataType::VarBinary(Length::Max),
            _ => DataType::Int,
        };
        Ok(Expr::Literal(value, data_type))
    }
}
