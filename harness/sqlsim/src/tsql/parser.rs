//! The parser's core: tokens, names, types, and the errors they give.
//!
//! Statements, queries, expressions, definitions and administration each have
//! their own file of methods on [`Parser`].

use super::ast::{Instruction, ObjectName, TransactionName, VariableDeclaration};
use super::lexer::{Token, TokenKind, is_reserved};
use crate::error::{SqlError, SqlResult};
use crate::messages;
use crate::value::{DataType, Length, Value};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::rc::Rc;

/// How deep expressions, queries and blocks may nest.
const NESTING_MAX: u32 = 64;

/// How many operators one expression may chain.
const CHAIN_MAX: u32 = 240;

/// Parses one text.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    types: &'a dyn super::TypeNames,
    /// Whether an alias type was met.
    pub(super) uses_aliases: bool,
    /// Whether the alias type just met allows NULL.
    pub(super) alias_nullable: Option<bool>,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    pub(super) code: Vec<Instruction>,
    pub(super) variables: Vec<VariableDeclaration>,
    pub(super) loops: Vec<LoopLabels>,
    pub(super) labels: BTreeMap<Rc<str>, usize>,
    /// GOTOs whose target is not known yet: instruction, label, line.
    pub(super) gotos: Vec<(usize, Rc<str>, u32)>,
    pub(super) nesting: u32,
    /// Expressions around the one being parsed.
    pub(super) expressions: u32,
    /// Operators in the outermost expression: chains make deep trees.
    pub(super) chained: u32,
    /// Set operators and joins in the statement.
    pub(super) combined: u32,
}

/// Where BREAK and CONTINUE lead.
pub(super) struct LoopLabels {
    pub(super) start: usize,
    pub(super) breaks: Vec<usize>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(
        text: &'a str,
        quoted_identifiers: bool,
        types: &'a dyn super::TypeNames,
    ) -> SqlResult<Self> {
        Ok(Self {
            text,
            types,
            uses_aliases: false,
            alias_nullable: None,
            tokens: super::lexer::tokens(text, quoted_identifiers)?,
            at: 0,
            code: Vec::new(),
            variables: Vec::new(),
            loops: Vec::new(),
            labels: BTreeMap::new(),
            gotos: Vec::new(),
            nesting: 0,
            expressions: 0,
            chained: 0,
            combined: 0,
        })
    }

    // ---- tokens -------------------------------------------------------

    pub(super) fn token(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    pub(super) fn kind_ahead(&self, ahead: usize) -> &TokenKind {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].kind
    }

    pub(super) fn line(&self) -> u32 {
        self.token().line
    }

    pub(super) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    pub(super) fn at_end(&self) -> bool {
        *self.kind() == TokenKind::End
    }

    /// Whether the current token is the word `word` (upper case).
    pub(super) fn is(&self, word: &str) -> bool {
        self.is_ahead(0, word)
    }

    pub(super) fn is_ahead(&self, ahead: usize, word: &str) -> bool {
        matches!(self.kind_ahead(ahead), TokenKind::Word(w) if w.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Takes the word `word` when it is there.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        if found {
            self.advance();
        }
        found
    }

    /// Whether the token just taken was the word `word`.
    pub(super) fn previous_is(&self, word: &str) -> bool {
        let kind = self.at.checked_sub(1).map(|at| &self.tokens[at].kind);
        matches!(kind, Some(TokenKind::Word(w)) if w.eq_ignore_ascii_case(word))
    }

    /// Takes two words when both are there.
    pub(super) fn take_two(&mut self, first: &str, second: &str) -> bool {
        let found = self.is(first) && self.is_ahead(1, second);
        if found {
            self.advance();
            self.advance();
        }
        found
    }

    pub(super) fn need(&mut self, word: &str) -> SqlResult<()> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.kind(), TokenKind::Symbol(s) if *s == symbol)
    }

    pub(super) fn is_symbol_ahead(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.kind_ahead(ahead), TokenKind::Symbol(s) if *s == symbol)
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn need_symbol(&mut self, symbol: &str) -> SqlResult<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Any word, reserved or not, in upper case.
    pub(super) fn any_word(&mut self) -> SqlResult<Rc<str>> {
        let TokenKind::Word(word) = self.kind() else { return Err(self.unexpected()) };
        let word = word.to_ascii_uppercase().into();
        self.advance();
        Ok(word)
    }

    /// The text from byte `start` to the end of the last token taken.
    pub(super) fn source_since(&self, start: usize) -> Rc<str> {
        let end = if self.at == 0 { start } else { self.tokens[self.at - 1].end };
        self.text[start..end.max(start)].into()
    }

    /// Runs `parse` one level deeper; text nested too deep is refused.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> SqlResult<T>) -> SqlResult<T> {
        if self.nesting >= NESTING_MAX {
            return Err(self.failure(191, &[]));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// The types this text can name.
    pub(super) fn types(&self) -> &'a dyn super::TypeNames {
        self.types
    }

    /// Counts an operator of a chain; too many are refused.
    pub(super) fn chain(&mut self) -> SqlResult<()> {
        self.chained += 1;
        if self.chained > CHAIN_MAX { Err(self.failure(191, &[])) } else { Ok(()) }
    }

    /// Counts a set operator or a join of the statement; too many are refused.
    pub(super) fn combine(&mut self) -> SqlResult<()> {
        self.combined += 1;
        if self.combined > CHAIN_MAX / 2 { Err(self.failure(191, &[])) } else { Ok(()) }
    }

    /// Parses an expression or condition; the outermost one starts a new count of operators.
    pub(super) fn counted<T>(&mut self, parse: impl FnOnce(&mut Self) -> SqlResult<T>) -> SqlResult<T> {
        if self.expressions == 0 {
            self.chained = 0;
        }
        self.expressions += 1;
        let parsed = self.nested(parse);
        self.expressions -= 1;
        parsed
    }

    // ---- errors -------------------------------------------------------

    pub(super) fn failure(&self, number: i32, arguments: &[&dyn Display]) -> SqlError {
        SqlError { line: self.line(), ..messages::error(number, 1, arguments) }
    }

    /// The current token does not belong here: 156 for a keyword, 102 for anything else.
    pub(super) fn unexpected(&self) -> SqlError {
        let at = if self.at_end() { self.at.saturating_sub(1) } else { self.at };
        if let Some(feature) = self.feature_at(at) {
            return self.failure(40_510, &[&feature]);
        }
        let token = &self.tokens[at];
        let shown: &str = match &token.kind {
            TokenKind::Text { text, .. } => text,
            TokenKind::QuotedName(name) => name,
            _ => &self.text[token.start..token.end],
        };
        let is_keyword = matches!(&token.kind, TokenKind::Word(word) if is_reserved(word));
        let number = if is_keyword && !self.at_end() { 156 } else { 102 };
        SqlError { line: token.line, ..messages::error(number, 1, &[&shown]) }
    }

    // ---- names --------------------------------------------------------

    /// Whether a name can start here (a reserved word cannot be one).
    pub(super) fn is_name(&self) -> bool {
        match self.kind() {
            TokenKind::Word(word) => !is_reserved(word),
            TokenKind::QuotedName(_) => true,
            _ => false,
        }
    }

    pub(super) fn name(&mut self) -> SqlResult<Rc<str>> {
        if !self.is_name() {
            return Err(self.unexpected());
        }
        let (TokenKind::Word(name) | TokenKind::QuotedName(name)) = self.kind() else {
            return Err(self.unexpected());
        };
        let name = name.clone();
        self.advance();
        Ok(name)
    }

    /// A name, or a text in its place (aliases, options).
    pub(super) fn name_or_text(&mut self) -> SqlResult<Rc<str>> {
        if let TokenKind::Text { text, .. } = self.kind() {
            let text = text.clone();
            self.advance();
            return Ok(text);
        }
        self.name()
    }

    /// A name of one to four parts; parts between two points may be empty.
    pub(super) fn object_name(&mut self) -> SqlResult<ObjectName> {
        let mut parts = vec![Some(self.name()?)];
        while self.take_symbol(".") {
            if self.is_symbol(".") {
                parts.push(None);
            } else {
                parts.push(Some(self.name()?));
            }
        }
        if parts.len() > 4 {
            return Err(self.failure(117, &[&"object", &"prefixes", &3]));
        }
        let Some(Some(name)) = parts.pop() else { return Err(self.unexpected()) };
        Ok(ObjectName {
            name,
            schema: parts.pop().flatten(),
            database: parts.pop().flatten(),
            server: parts.pop().flatten(),
        })
    }

    pub(super) fn name_list(&mut self) -> SqlResult<Vec<Rc<str>>> {
        self.need_symbol("(")?;
        let mut names = vec![self.name()?];
        while self.take_symbol(",") {
            names.push(self.name()?);
        }
        self.need_symbol(")")?;
        Ok(names)
    }

    pub(super) fn text_literal(&mut self) -> SqlResult<Rc<str>> {
        let TokenKind::Text { text, .. } = self.kind() else { return Err(self.unexpected()) };
        let text = text.clone();
        self.advance();
        Ok(text)
    }

    pub(super) fn whole_number(&mut self) -> SqlResult<i64> {
        let negative = self.take_symbol("-");
        let TokenKind::Number(number) = self.kind() else { return Err(self.unexpected()) };
        let Ok(whole) = i64::try_from(number.mantissa) else { return Err(self.unexpected()) };
        if number.scale != 0 {
            return Err(self.unexpected());
        }
        self.advance();
        Ok(if negative { -whole } else { whole })
    }

    // ---- variables ----------------------------------------------------

    pub(super) fn slot_of(&self, name: &str) -> Option<usize> {
        self.variables.iter().position(|variable| *variable.name == *name)
    }

    /// The slot of the variable at the current token.
    pub(super) fn variable(&mut self) -> SqlResult<usize> {
        let TokenKind::Variable(name) = self.kind() else { return Err(self.unexpected()) };
        let Some(slot) = self.slot_of(name) else {
            return Err(self.failure(137, &[name]));
        };
        if self.variables[slot].table.is_some() || self.variables[slot].cursor {
            return Err(self.failure(137, &[name]));
        }
        self.advance();
        Ok(slot)
    }

    pub(super) fn declare(
        &mut self,
        name: Rc<str>,
        data_type: DataType,
        table: Option<Rc<super::ast::TableDefinition>>,
    ) -> SqlResult<usize> {
        if self.slot_of(&name).is_some() {
            return Err(self.failure(134, &[&name]));
        }
        self.variables.push(VariableDeclaration {
            name,
            data_type,
            default: None,
            output: false,
            table,
            cursor: false,
        });
        Ok(self.variables.len() - 1)
    }

    pub(super) fn transaction_name(&mut self) -> SqlResult<Option<TransactionName>> {
        if matches!(self.kind(), TokenKind::Variable(_)) {
            return Ok(Some(TransactionName::Variable(self.variable()?)));
        }
        let starts_statement = matches!(self.kind(), TokenKind::Word(word) if is_reserved(word) || super::statements::starts(word));
        if self.is_name() && !starts_statement {
            return Ok(Some(TransactionName::Name(self.name()?)));
        }
        Ok(None)
    }

    // ---- types --------------------------------------------------------

    /// A type, with its length or precision.
    pub(super) fn data_type(&mut self) -> SqlResult<DataType> {
        let name = self.type_name()?;
        self.alias_nullable = None;
        if name.schema.as_deref() != Some("sys")
            && let Some((data_type, nullable)) = self.types.alias(name.schema.as_deref(), &name.name)
        {
            self.uses_aliases = true;
            self.alias_nullable = Some(nullable);
            return Ok(data_type);
        }
        let lower = name.name.to_ascii_lowercase();
        let arguments = self.type_arguments()?;
        let length = |default: u16, limit: u16| -> SqlResult<u16> {
            match arguments.first() {
                None => Ok(default),
                Some(Some(n)) => u16::try_from(*n)
                    .ok()
                    .filter(|n| (1..=limit).contains(n))
                    .ok_or_else(|| self.failure(131, &[&n, &lower, &limit])),
                Some(None) => Ok(0),
            }
        };
        let variable = |limit| {
            Ok(match length(1, limit)? {
                0 => Length::Max,
                n => Length::Upto(n),
            })
        };
        let fraction = || arguments.first().copied().flatten().map_or(7, |n| n.clamp(0, 7) as u8);
        Ok(match lower.as_str() {
            "bit" => DataType::Bit,
            "tinyint" => DataType::TinyInt,
            "smallint" => DataType::SmallInt,
            "int" | "integer" => DataType::Int,
            "bigint" => DataType::BigInt,
            "decimal" | "numeric" | "dec" => self.decimal_type(&arguments)?,
            "money" => DataType::Money,
            "smallmoney" => DataType::SmallMoney,
            "real" => DataType::Real,
            "float" => match arguments.first() {
                Some(Some(n)) if *n <= 24 => DataType::Real,
                _ => DataType::Float,
            },
            "char" | "character" => DataType::Char(length(1, 8000)?),
            "varchar" => DataType::VarChar(variable(8000)?),
            "nchar" => DataType::NChar(length(1, 4000)?),
            "nvarchar" => DataType::NVarChar(variable(4000)?),
            "sysname" => DataType::NVarChar(Length::Upto(128)),
            "text" => DataType::Text,
            "ntext" => DataType::NText,
            "image" => DataType::Image,
            "binary" => DataType::Binary(length(1, 8000)?),
            "varbinary" => DataType::VarBinary(variable(8000)?),
            "timestamp" | "rowversion" => DataType::Binary(8),
            "uniqueidentifier" => DataType::UniqueIdentifier,
            "date" => DataType::Date,
            "time" => DataType::Time(fraction()),
            "datetime" => DataType::DateTime,
            "smalldatetime" => DataType::SmallDateTime,
            "datetime2" => DataType::DateTime2(fraction()),
            "datetimeoffset" => DataType::DateTimeOffset(fraction()),
            "xml" => DataType::Xml,
            "sql_variant" => DataType::SqlVariant,
            known if super::reference::is_type(known) => {
                return Err(self.failure(40_510, &[&format_args!("the type {known}")]));
            }
            _ => return Err(self.failure(2715, &[&1, &name.name])),
        })
    }

    fn type_name(&mut self) -> SqlResult<ObjectName> {
        if self.take("DOUBLE") {
            self.need("PRECISION")?;
            return Ok(ObjectName::bare("float".into()));
        }
        if self.take("NATIONAL") {
            let word = self.any_word()?;
            let base = if &*word == "TEXT" { "ntext" } else { "nchar" };
            let varying = self.take("VARYING");
            return Ok(ObjectName::bare(if varying { "nvarchar" } else { base }.into()));
        }
        let mut name = self.object_name()?;
        let is_char = name.name.eq_ignore_ascii_case("char") || name.name.eq_ignore_ascii_case("character");
        if is_char && self.take("VARYING") {
            name.name = "varchar".into();
        }
        Ok(name)
    }

    fn type_arguments(&mut self) -> SqlResult<Vec<Option<i64>>> {
        let mut arguments = Vec::new();
        if self.take_symbol("(") {
            loop {
                arguments.push(if self.take("max") { None } else { Some(self.whole_number()?) });
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.need_symbol(")")?;
        }
        Ok(arguments)
    }

    fn decimal_type(&self, arguments: &[Option<i64>]) -> SqlResult<DataType> {
        let precision = arguments.first().copied().flatten().unwrap_or(18);
        let scale = arguments.get(1).copied().flatten().unwrap_or(0);
        if !(1..=38).contains(&precision) {
            return Err(self.failure(2750, &[&1, &precision, &38]));
        }
        if !(0..=precision).contains(&scale) {
            return Err(self.failure(192, &[]));
        }
        Ok(DataType::Decimal { precision: precision as u8, scale: scale as u8 })
    }

    /// A literal's value and type, as a parameter's default has it.
    pub(super) fn constant(&mut self) -> SqlResult<Option<Value>> {
        if self.take("NULL") {
            return Ok(Some(Value::Null));
        }
        if self.is_name() {
            return Ok(Some(Value::Text(self.name()?)));
        }
        let negative = self.take_symbol("-");
        let value = match self.kind() {
            TokenKind::Text { text, .. } if !negative => Value::Text(text.clone()),
            TokenKind::Binary(bytes) if !negative => Value::Binary(bytes.clone()),
            TokenKind::Float(number) => Value::Float(if negative { -number } else { *number }),
            TokenKind::Money(money) => Value::Money(if negative { -money } else { *money }),
            TokenKind::Number(number) => {
                let mut number = *number;
                number.mantissa = if negative { -number.mantissa } else { number.mantissa };
                match i64::try_from(number.mantissa) {
                    Ok(whole) if number.scale == 0 => Value::Int(whole),
                    _ => Value::Decimal(number),
                }
            }
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Some(value))
    }
}
