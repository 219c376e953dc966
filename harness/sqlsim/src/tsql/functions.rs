//! The texts of modules: procedures, views, functions.

use super::ast::{
    InsertSource, Instruction, ObjectKind, Program, QueryBody, SelectItem, StatementKind, TableSource,
};
use super::lexer::TokenKind;
use super::parser::Parser;
use super::{Module, Returns};
use crate::error::SqlResult;
use crate::value::DataType;
use std::rc::Rc;

impl Parser<'_> {
    /// The whole text of CREATE or ALTER of a module.
    pub(super) fn module_text(&mut self, kind: ObjectKind) -> SqlResult<Module> {
        while !self.is_any(&["PROC", "PROCEDURE", "VIEW", "FUNCTION"]) && !self.at_end() {
            self.advance();
        }
        self.advance();
        self.object_name()?;
        match kind {
            ObjectKind::View => self.view_text(),
            ObjectKind::Function => self.function_text(),
            _ => self.procedure_text(),
        }
    }

    fn view_text(&mut self) -> SqlResult<Module> {
        let columns = if self.is_symbol("(") { self.name_list()? } else { Vec::new() };
        if self.take("WITH") {
            self.module_options(&["SCHEMABINDING", "ENCRYPTION", "VIEW_METADATA"])?;
        }
        self.need("AS")?;
        let query = self.query()?;
        self.take_symbol(";");
        if self.is("WITH") && self.is_ahead(1, "CHECK") {
            return Err(self.failure(40_510, &[&"CREATE VIEW … WITH CHECK OPTION"]));
        }
        if !self.at_end() {
            return Err(self.unexpected());
        }
        Ok(Module::View(columns, Box::new(query)))
    }

    fn procedure_text(&mut self) -> SqlResult<Module> {
        self.parameters()?;
        if self.take("WITH") {
            self.module_options(&["RECOMPILE", "ENCRYPTION"])?;
        }
        if self.is("FOR") {
            return Err(self.failure(40_510, &[&"CREATE PROCEDURE … FOR REPLICATION"]));
        }
        self.need("AS")?;
        let parameter_count = self.variables.len();
        self.statements_to_end()?;
        Ok(Module::Procedure(self.program(parameter_count)))
    }

    fn program(&mut self, parameter_count: usize) -> Rc<Program> {
        let (code, variables) = (std::mem::take(&mut self.code), std::mem::take(&mut self.variables));
        Rc::new(Program { code, variables, parameter_count })
    }

    /// Options behind WITH, which change no result here; EXECUTE AS CALLER is what modules do anyhow.
    fn module_options(&mut self, known: &[&str]) -> SqlResult<()> {
        loop {
            if self.take("EXEC") || self.take("EXECUTE") {
                self.need("AS")?;
                if !self.take("CALLER") && !self.take("OWNER") && !self.take("SELF") {
                    self.name_or_text()?;
                }
            } else {
                let word = self.any_word()?;
                if !known.contains(&&*word) {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            }
            if !self.take_symbol(",") {
                return Ok(());
            }
        }
    }

    fn function_text(&mut self) -> SqlResult<Module> {
        if !self.is_symbol("(") {
            return Err(self.unexpected());
        }
        self.parameters()?;
        let parameter_count = self.variables.len();
        self.need("RETURNS")?;
        if self.take("TABLE") {
            self.function_options()?;
            self.take("AS");
            self.need("RETURN")?;
            let query = self.query()?;
            self.take_symbol(";");
            if !self.at_end() {
                return Err(self.unexpected());
            }
            return Ok(Module::Function(self.program(parameter_count), Returns::Inline(Box::new(query))));
        }
        let returns = if let TokenKind::Variable(name) = self.kind() {
            let name = name.clone();
            self.advance();
            self.need("TABLE")?;
            let definition = Rc::new(self.table_definition()?);
            Returns::Table(self.declare(name, DataType::Int, Some(definition))?)
        } else {
            Returns::Scalar(self.data_type()?, false)
        };
        let strict = self.function_options()?;
        self.take("AS");
        if !self.is("BEGIN") {
            return Err(self.unexpected());
        }
        if let Returns::Table(slot) = returns {
            let line = self.line();
            self.push(line, StatementKind::DeclareTable(slot));
        }
        self.statements_to_end()?;
        self.check_function(matches!(returns, Returns::Scalar(..)))?;
        let returns = match returns {
            Returns::Scalar(data_type, _) => Returns::Scalar(data_type, strict),
            other => other,
        };
        Ok(Module::Function(self.program(parameter_count), returns))
    }

    /// WITH …; whether it says RETURNS NULL ON NULL INPUT.
    fn function_options(&mut self) -> SqlResult<bool> {
        if !self.take("WITH") {
            return Ok(false);
        }
        let mut strict = false;
        loop {
            if self.take("RETURNS") || self.take("CALLED") {
                strict |= self.previous_is("RETURNS");
                self.take("NULL");
                self.need("ON")?;
                self.need("NULL")?;
                self.need("INPUT")?;
            } else if self.take("INLINE") {
                self.need_symbol("=")?;
                self.on_or_off()?;
            } else {
                self.module_options(&["SCHEMABINDING", "ENCRYPTION"])?;
                return Ok(strict);
            }
            if !self.take_symbol(",") {
                return Ok(strict);
            }
        }
    }

    /// What a function may not do: change anything outside, send anything, end without RETURN.
    fn check_function(&self, scalar: bool) -> SqlResult<()> {
        let last = self.code.last();
        if !matches!(last, Some(Instruction::Statement(s)) if matches!(s.kind, StatementKind::Return(_))) {
            return Err(self.failure(455, &[]));
        }
        for instruction in &self.code {
            let statement = match instruction {
                Instruction::Statement(statement) => statement,
                Instruction::BeginTry { .. } => return Err(self.side_effect("BEGIN TRY", self.line())),
                _ => continue,
            };
            let outside = |target: &TableSource| !matches!(target, TableSource::Variable { .. });
            let refused = match &statement.kind {
                StatementKind::Nothing | StatementKind::Assign { .. } | StatementKind::DeclareTable(_) => {
                    continue;
                }
                StatementKind::Return(value) => {
                    if value.is_some() != scalar {
                        return Err(self.at_line(178, statement.line));
                    }
                    continue;
                }
                StatementKind::Select(query) => {
                    let assigns = match &query.body {
                        QueryBody::Select(select) => {
                            select.into.is_none()
                                && select.items.iter().all(|item| matches!(item, SelectItem::Assign(..)))
                        }
                        _ => false,
                    };
                    if !assigns {
                        return Err(self.at_line(444, statement.line));
                    }
                    continue;
                }
                StatementKind::Insert(insert) if outside(&insert.target) => "INSERT",
                StatementKind::Insert(insert) if matches!(insert.source, InsertSource::Execute(_)) => {
                    "INSERT EXEC"
                }
                StatementKind::Update(update) if outside(&update.target) => "UPDATE",
                StatementKind::Delete(delete) if outside(&delete.target) => "DELETE",
                StatementKind::Insert(_) | StatementKind::Update(_) | StatementKind::Delete(_) => continue,
                StatementKind::Merge(merge) if !outside(&merge.target) => continue,
                StatementKind::Merge(_) => "MERGE",
                StatementKind::Execute(_) => return Err(self.at_line(557, statement.line)),
                StatementKind::ExecuteText(_) => "EXECUTE STRING",
                StatementKind::Print(_) => "PRINT",
                StatementKind::RaiseError(_) => "RAISERROR",
                StatementKind::Throw(_) => "THROW",
                StatementKind::BeginTransaction(_) => "BEGIN TRANSACTION",
                StatementKind::Commit => "COMMIT TRANSACTION",
                StatementKind::Rollback(_) => "ROLLBACK TRANSACTION",
                StatementKind::Save(_) => "SAVE TRANSACTION",
                StatementKind::WaitFor { .. } => "WAITFOR",
                StatementKind::Set(_) => "SET OPTION ON/OFF",
                StatementKind::Use(_) => "USE DATABASE",
                StatementKind::CreateTable(_) => "CREATE TABLE",
                StatementKind::Truncate(_) => "TRUNCATE TABLE",
                StatementKind::DeclareCursor { .. }
                | StatementKind::SetCursor { .. }
                | StatementKind::Cursor(..)
                | StatementKind::Fetch { .. } => {
                    return Err(crate::SqlError {
                        line: statement.line,
                        ..crate::messages::error(40_510, 1, &[&"cursors in functions"])
                    });
                }
                _ => "a statement that is not allowed",
            };
            return Err(self.side_effect(refused, statement.line));
        }
        Ok(())
    }

    fn at_line(&self, number: i32, line: u32) -> crate::SqlError {
        crate::SqlError { line, ..self.failure(number, &[]) }
    }

    fn side_effect(&self, what: &str, line: u32) -> crate::SqlError {
        crate::SqlError { line, ..self.failure(443, &[&what]) }
    }
}
