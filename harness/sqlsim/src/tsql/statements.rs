//! Statements: control of flow, variables, messages, transactions.

use super::ast::{Instruction, Isolation, RaiseError, SetOption, Statement, StatementKind};
use super::lexer::TokenKind;
use super::parser::{LoopLabels, Parser};
use crate::error::SqlResult;
use crate::value::DataType;
use std::rc::Rc;

/// Words that begin a statement though they are not reserved, and so never are an alias.
pub(super) fn starts(word: &str) -> bool {
    word.eq_ignore_ascii_case("THROW")
}

impl Parser<'_> {
    /// All statements up to the end of the text.
    pub(super) fn statements_to_end(&mut self) -> SqlResult<()> {
        let mut first = true;
        loop {
            while self.take_symbol(";") {}
            if self.at_end() {
                break;
            }
            self.statement(first)?;
            first = false;
        }
        for (at, label, line) in std::mem::take(&mut self.gotos) {
            let Some(target) = self.labels.get(&label) else {
                return Err(crate::SqlError { line, ..crate::messages::error(133, 1, &[&label]) });
            };
            self.code[at] = Instruction::Jump(*target);
        }
        Ok(())
    }

    pub(super) fn push(&mut self, line: u32, kind: StatementKind) {
        self.code.push(Instruction::Statement(Statement { line, kind }));
    }

    /// One statement; blocks are flattened on the way.
    pub(super) fn statement(&mut self, first: bool) -> SqlResult<()> {
        self.nested(|parser| parser.statement_here(first))
    }

    pub(super) fn statement_here(&mut self, first: bool) -> SqlResult<()> {
        self.combined = 0;
        let line = self.line();
        self.refuse_statement()?;
        let TokenKind::Word(word) = self.kind() else { return self.call_without_execute(first) };
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "BEGIN" => return self.begin(),
            "IF" => return self.if_else(),
            "WHILE" => return self.while_loop(),
            "BREAK" | "CONTINUE" => return self.leave_loop(upper == "BREAK"),
            "GOTO" => return self.goto(),
            "DECLARE" => return self.declaration(),
            _ => {}
        }
        if matches!(self.kind_ahead(1), TokenKind::Symbol(":")) && self.is_name() {
            let label = word.to_ascii_lowercase().into();
            self.advance();
            self.advance();
            self.labels.insert(label, self.code.len());
            return Ok(());
        }
        let kind = match self.simple_statement(&upper, first)? {
            Some(kind) => kind,
            None => return self.call_without_execute(first),
        };
        self.push(line, kind);
        Ok(())
    }

    /// Statements that are not blocks, by their first word.
    pub(super) fn simple_statement(&mut self, word: &str, first: bool) -> SqlResult<Option<StatementKind>> {
        Ok(Some(match word {
            "SELECT" => StatementKind::Select(Box::new(self.query()?)),
            "WITH" => {
                let tables = self.common_tables()?;
                match () {
                    () if self.is("INSERT") => self.insert(tables)?,
                    () if self.is("UPDATE") => self.update(tables)?,
                    () if self.is("DELETE") => self.delete(tables)?,
                    () if self.is("MERGE") => self.merge(tables)?,
                    () => StatementKind::Select(Box::new(self.query_with(tables)?)),
                }
            }
            "INSERT" => self.insert(Vec::new())?,
            "UPDATE" if !self.is_ahead(1, "STATISTICS") => self.update(Vec::new())?,
            "DELETE" => self.delete(Vec::new())?,
            "MERGE" => self.merge(Vec::new())?,
            "SET" => self.set()?,
            "USE" => {
                self.advance();
                StatementKind::Use(self.name()?)
            }
            "PRINT" => {
                self.advance();
                StatementKind::Print(self.expression()?)
            }
            "RAISERROR" => self.raiserror()?,
            "THROW" => self.throw()?,
            "RETURN" => {
                self.advance();
                let starts_value = !self.at_end() && !self.is_symbol(";") && !self.starts_statement();
                StatementKind::Return(if starts_value { Some(self.expression()?) } else { None })
            }
            "COMMIT" | "ROLLBACK" | "SAVE" => self.end_of_transaction(word)?,
            "WAITFOR" => self.waitfor()?,
            "EXEC" | "EXECUTE" => self.execute()?,
            "TRUNCATE" => {
                self.advance();
                self.need("TABLE")?;
                StatementKind::Truncate(self.object_name()?)
            }
            "KILL" => self.kill()?,
            "OPEN" | "CLOSE" | "DEALLOCATE" | "FETCH" => self.cursor_statement(word)?,
            "CREATE" | "ALTER" | "DROP" | "GRANT" | "DENY" | "REVOKE" => self.definition(first)?,
            "BACKUP" => self.backup()?,
            "RESTORE" => self.restore()?,
            "CHECKPOINT" => {
                self.advance();
                StatementKind::Checkpoint
            }
            "DBCC" => self.dbcc()?,
            "RECONFIGURE" => {
                self.advance();
                if self.take("WITH") {
                    self.need("OVERRIDE")?;
                }
                StatementKind::Reconfigure
            }
            "REVERT" => {
                self.advance();
                StatementKind::Revert
            }
            "UPDATE" => self.update_statistics()?,
            _ => return Ok(None),
        }))
    }

    /// UPDATE STATISTICS table [statistics] [WITH options]: there are none, so only the table's name is looked at.
    fn update_statistics(&mut self) -> SqlResult<StatementKind> {
        self.advance();
        self.advance();
        let table = self.object_name()?;
        if self.is_symbol("(") {
            self.name_list()?;
        } else if self.is_name() && !starts(&self.name()?) && self.take_symbol(",") {
            return Err(self.unexpected());
        }
        if self.take("WITH") {
            loop {
                self.any_word()?;
                if self.take_symbol("=") {
                    self.advance();
                } else if !matches!(self.kind(), TokenKind::Word(_) | TokenKind::End | TokenKind::Symbol(_)) {
                    // SAMPLE 50 PERCENT.
                    self.advance();
                    self.any_word()?;
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        Ok(StatementKind::Maintain(table, 2706))
    }

    /// Whether a reserved word that begins a statement is here.
    pub(super) fn starts_statement(&self) -> bool {
        self.is_any(&[
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "SET",
            "USE",
            "PRINT",
            "RAISERROR",
            "THROW",
            "RETURN",
            "COMMIT",
            "ROLLBACK",
            "SAVE",
            "WAITFOR",
            "EXEC",
            "EXECUTE",
            "TRUNCATE",
            "KILL",
            "OPEN",
            "CLOSE",
            "DEALLOCATE",
            "FETCH",
            "CREATE",
            "ALTER",
            "DROP",
            "GRANT",
            "DENY",
            "REVOKE",
            "BACKUP",
            "RESTORE",
            "BEGIN",
            "END",
            "IF",
            "ELSE",
            "WHILE",
            "BREAK",
            "CONTINUE",
            "GOTO",
            "DECLARE",
            "WITH",
            "DBCC",
            "CHECKPOINT",
            "RECONFIGURE",
            "MERGE",
        ])
    }

    /// The first statement of a batch may call a procedure without EXEC.
    pub(super) fn call_without_execute(&mut self, first: bool) -> SqlResult<()> {
        let line = self.line();
        if !first || !self.is_name() {
            return Err(self.unexpected());
        }
        let kind = self.procedure_call(None)?;
        self.push(line, kind);
        if self.at_end() || self.is_symbol(";") || self.starts_statement() {
            return Ok(());
        }
        Err(self.unexpected())
    }

    // ---- control of flow ------------------------------------------------

    pub(super) fn begin(&mut self) -> SqlResult<()> {
        let line = self.line();
        self.need("BEGIN")?;
        if self.take("TRAN") || self.take("TRANSACTION") {
            let name = self.transaction_name()?;
            if self.take("WITH") {
                self.need("MARK")?;
                if matches!(self.kind(), TokenKind::Text { .. }) {
                    self.advance();
                }
            }
            self.push(line, StatementKind::BeginTransaction(name));
            return Ok(());
        }
        if self.take("TRY") {
            return self.try_catch();
        }
        self.block_until_end(true)
    }

    /// Statements up to END (taken).
    pub(super) fn block_until_end(&mut self, needs_one: bool) -> SqlResult<()> {
        let mut seen = false;
        loop {
            while self.take_symbol(";") {}
            if self.is("END") && !self.is_ahead(1, "CONVERSATION") && (seen || !needs_one) {
                self.advance();
                return Ok(());
            }
            if self.at_end() {
                return Err(self.unexpected());
            }
            self.statement(false)?;
            seen = true;
        }
    }

    pub(super) fn try_catch(&mut self) -> SqlResult<()> {
        let begin = self.code.len();
        self.code.push(Instruction::BeginTry { handler: 0 });
        self.block_until_end(false)?;
        self.need("TRY")?;
        while self.take_symbol(";") {}
        let end = self.code.len();
        self.code.push(Instruction::EndTry { after: 0 });
        self.need("BEGIN")?;
        self.need("CATCH")?;
        let handler = self.code.len();
        self.block_until_end(false)?;
        self.need("CATCH")?;
        self.code.push(Instruction::EndCatch);
        self.code[begin] = Instruction::BeginTry { handler };
        self.code[end] = Instruction::EndTry { after: self.code.len() };
        Ok(())
    }

    pub(super) fn if_else(&mut self) -> SqlResult<()> {
        let line = self.line();
        self.need("IF")?;
        let condition = self.checked_condition()?;
        let branch = self.code.len();
        self.code.push(Instruction::Jump(0));
        self.body()?;
        let mut target = self.code.len();
        let after_then = self.at;
        while self.take_symbol(";") {}
        if self.take("ELSE") {
            let skip = self.code.len();
            self.code.push(Instruction::Jump(0));
            target = self.code.len();
            self.body()?;
            self.code[skip] = Instruction::Jump(self.code.len());
        } else {
            self.at = after_then;
        }
        self.code[branch] = Instruction::JumpUnless { condition, target, line };
        Ok(())
    }

    /// The statement of IF, ELSE or WHILE.
    pub(super) fn body(&mut self) -> SqlResult<()> {
        if self.at_end() {
            return Err(self.unexpected());
        }
        self.statement(false)
    }

    pub(super) fn while_loop(&mut self) -> SqlResult<()> {
        let line = self.line();
        self.need("WHILE")?;
        let condition = self.checked_condition()?;
        let start = self.code.len();
        self.code.push(Instruction::Jump(0));
        self.loops.push(LoopLabels { start, breaks: Vec::new() });
        self.body()?;
        self.code.push(Instruction::Jump(start));
        let target = self.code.len();
        self.code[start] = Instruction::JumpUnless { condition, target, line };
        for at in self.loops.pop().map(|labels| labels.breaks).unwrap_or_default() {
            self.code[at] = Instruction::Jump(target);
        }
        Ok(())
    }

    pub(super) fn leave_loop(&mut self, is_break: bool) -> SqlResult<()> {
        let at = self.code.len();
        let Some(labels) = self.loops.last_mut() else {
            return Err(self.failure(if is_break { 135 } else { 136 }, &[]));
        };
        if is_break {
            labels.breaks.push(at);
        }
        let start = labels.start;
        self.advance();
        self.code.push(Instruction::Jump(start));
        Ok(())
    }

    pub(super) fn goto(&mut self) -> SqlResult<()> {
        let line = self.line();
        self.need("GOTO")?;
        let label = self.name()?.to_ascii_lowercase().into();
        self.gotos.push((self.code.len(), label, line));
        self.code.push(Instruction::Jump(0));
        Ok(())
    }

    // ---- variables --------------------------------------------------------

    pub(super) fn declaration(&mut self) -> SqlResult<()> {
        self.need("DECLARE")?;
        if !matches!(self.kind(), TokenKind::Variable(_)) {
            return self.cursor_declaration();
        }
        loop {
            let line = self.line();
            let TokenKind::Variable(name) = self.kind() else { return Err(self.unexpected()) };
            let name = name.clone();
            self.advance();
            self.take("AS");
            if self.take("TABLE") {
                let definition = Rc::new(self.table_definition()?);
                let slot = self.declare(name, DataType::Int, Some(definition))?;
                self.push(line, StatementKind::DeclareTable(slot));
            } else if self.take("CURSOR") {
                let slot = self.declare(name, DataType::NVarChar(crate::value::Length::Max), None)?;
                self.variables[slot].cursor = true;
            } else {
                let data_type = self.data_type()?;
                let variable = self.declare(name, data_type, None)?;
                // A variable lives from its DECLARE on, whatever loop it stands in: only a value is code.
                if self.take_symbol("=") {
                    let value = self.expression()?;
                    self.push(
                        line,
                        StatementKind::Assign { variable, operator: None, value, declares: true },
                    );
                }
            }
            if !self.take_symbol(",") {
                return Ok(());
            }
        }
    }

    pub(super) fn set(&mut self) -> SqlResult<StatementKind> {
        self.need("SET")?;
        if matches!(self.kind(), TokenKind::Variable(_)) {
            if let Some(variable) = self.cursor_variable() {
                return self.set_cursor(variable);
            }
            let variable = self.variable()?;
            let Some(operator) = self.assignment_operator(0) else { return Err(self.unexpected()) };
            self.advance();
            let value = self.expression()?;
            return Ok(StatementKind::Assign { variable, operator, value, declares: false });
        }
        if self.take("TRANSACTION") {
            self.need("ISOLATION")?;
            self.need("LEVEL")?;
            return Ok(StatementKind::Set(vec![SetOption::Isolation(self.isolation()?)]));
        }
        let mut names = vec![self.any_word()?];
        if matches!(&*names[0], "STATISTICS") {
            names[0] = format!("STATISTICS {}", self.any_word()?).into();
        }
        if let Some(option) = self.set_with_value(&names[0].clone())? {
            return Ok(StatementKind::Set(vec![option]));
        }
        while self.take_symbol(",") {
            names.push(self.any_word()?);
        }
        for name in &names {
            if super::reference::is_option(name) {
                return Err(self.failure(40_510, &[&format_args!("SET {name}")]));
            }
            if !SWITCHES.contains(&&**name) {
                return Err(self.failure(195, &[name, &"SET option"]));
            }
        }
        let on = self.on_or_off()?;
        Ok(StatementKind::Set(names.into_iter().map(|name| SetOption::Switch(name, on)).collect()))
    }

    pub(super) fn on_or_off(&mut self) -> SqlResult<bool> {
        if self.take("ON") {
            return Ok(true);
        }
        self.need("OFF")?;
        Ok(false)
    }

    pub(super) fn isolation(&mut self) -> SqlResult<Isolation> {
        if self.take("READ") {
            if self.take("UNCOMMITTED") {
                return Ok(Isolation::ReadUncommitted);
            }
            self.need("COMMITTED")?;
            return Ok(Isolation::ReadCommitted);
        }
        if self.take("REPEATABLE") {
            self.need("READ")?;
            return Ok(Isolation::RepeatableRead);
        }
        if self.take("SNAPSHOT") {
            return Ok(Isolation::Snapshot);
        }
        self.need("SERIALIZABLE")?;
        Ok(Isolation::Serializable)
    }

    /// SET options that are not simply on or off.
    pub(super) fn set_with_value(&mut self, name: &str) -> SqlResult<Option<SetOption>> {
        Ok(Some(match name {
            "LOCK_TIMEOUT" => SetOption::LockTimeout(self.expression()?),
            "ROWCOUNT" => SetOption::RowCount(self.expression()?),
            "TEXTSIZE" => SetOption::TextSize(self.expression()?),
            "DATEFIRST" => SetOption::DateFirst(self.expression()?),
            "DATEFORMAT" => SetOption::DateFormat(self.any_word()?.to_ascii_lowercase().into()),
            "LANGUAGE" => SetOption::Language(self.name_or_text()?),
            "DEADLOCK_PRIORITY" => SetOption::DeadlockPriority(match self.kind() {
                TokenKind::Word(word) if word.eq_ignore_ascii_case("LOW") => {
                    self.advance();
                    -5
                }
                TokenKind::Word(word) if word.eq_ignore_ascii_case("HIGH") => {
                    self.advance();
                    5
                }
                TokenKind::Word(word) if word.eq_ignore_ascii_case("NORMAL") => {
                    self.advance();
                    0
                }
                _ => self.whole_number()?.clamp(-10, 10) as i8,
            }),
            "IDENTITY_INSERT" => {
                let table = self.object_name()?;
                SetOption::IdentityInsert(table, self.on_or_off()?)
            }
            "QUERY_GOVERNOR_COST_LIMIT" => {
                self.expression()?;
                SetOption::Other(name.into())
            }
            "CONTEXT_INFO" => SetOption::ContextInfo(self.expression()?),
            _ => return Ok(None),
        }))
    }

    // ---- messages -----------------------------------------------------------

    pub(super) fn raiserror(&mut self) -> SqlResult<StatementKind> {
        self.need("RAISERROR")?;
        self.need_symbol("(")?;
        let message = self.expression()?;
        self.need_symbol(",")?;
        let severity = self.expression()?;
        self.need_symbol(",")?;
        let state = self.expression()?;
        let arguments = if self.take_symbol(",") { self.expression_list()? } else { Vec::new() };
        self.need_symbol(")")?;
        let mut options = Vec::new();
        if self.take("WITH") {
            options.push(self.any_word()?);
            while self.take_symbol(",") {
                options.push(self.any_word()?);
            }
        }
        Ok(StatementKind::RaiseError(RaiseError { message, severity, state, arguments, options }))
    }

    pub(super) fn throw(&mut self) -> SqlResult<StatementKind> {
        self.advance();
        if self.at_end() || self.is_symbol(";") || self.starts_statement() {
            return Ok(StatementKind::Throw(None));
        }
        let number = self.expression()?;
        self.need_symbol(",")?;
        let message = self.expression()?;
        self.need_symbol(",")?;
        let state = self.expression()?;
        Ok(StatementKind::Throw(Some(Box::new([number, message, state]))))
    }

    // ---- transactions ---------------------------------------------------------

    pub(super) fn end_of_transaction(&mut self, word: &str) -> SqlResult<StatementKind> {
        self.advance();
        let said = self.take("TRAN") || self.take("TRANSACTION");
        if word == "SAVE" {
            let Some(name) = self.transaction_name()? else { return Err(self.unexpected()) };
            return Ok(StatementKind::Save(name));
        }
        if !said {
            self.take("WORK");
        }
        let name = if said { self.transaction_name()? } else { None };
        if self.is("WITH") && self.is_symbol_ahead(1, "(") {
            self.advance();
            self.skip_parentheses()?;
        }
        Ok(if word == "COMMIT" { StatementKind::Commit } else { StatementKind::Rollback(name) })
    }

    pub(super) fn waitfor(&mut self) -> SqlResult<StatementKind> {
        self.advance();
        let delay = self.take("DELAY");
        if !delay && !self.take("TIME") {
            return Err(self.failure(40_510, &[&"WAITFOR (statement)"]));
        }
        Ok(StatementKind::WaitFor { delay, time: self.expression()? })
    }

    pub(super) fn kill(&mut self) -> SqlResult<StatementKind> {
        self.advance();
        if matches!(self.kind(), TokenKind::Text { .. }) {
            return Err(self.failure(40_510, &[&"KILL 'unit of work'"]));
        }
        let session = self.whole_number()?;
        let status_only = self.take("WITH");
        if status_only {
            self.need("STATUSONLY")?;
        }
        Ok(StatementKind::Kill { session, status_only })
    }
}

/// SET options that are on or off.
const SWITCHES: [&str; 24] = [
    "NOCOUNT",
    "XACT_ABORT",
    "ANSI_NULLS",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ANSI_DEFAULTS",
    "ANSI_NULL_DFLT_ON",
    "ANSI_NULL_DFLT_OFF",
    "ARITHABORT",
    "ARITHIGNORE",
    "CONCAT_NULL_YIELDS_NULL",
    "QUOTED_IDENTIFIER",
    "NUMERIC_ROUNDABORT",
    "IMPLICIT_TRANSACTIONS",
    "CURSOR_CLOSE_ON_COMMIT",
    "FMTONLY",
    "NOEXEC",
    "PARSEONLY",
    "NO_BROWSETABLE",
    "REMOTE_PROC_TRANSACTIONS",
    "FORCEPLAN",
    "STATISTICS IO",
    "STATISTICS TIME",
    "STATISTICS XML",
];
