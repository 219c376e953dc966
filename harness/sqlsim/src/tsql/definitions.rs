//! CREATE, ALTER and DROP of tables, indexes, modules.

use super::ast::{
    AlterTable, ColumnDefinition, Constraint, ConstraintKind, CreateIndex, CreateModule, CreateTable,
    FunctionKind, ObjectKind, ObjectName, Security, StatementKind, TableDefinition,
};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;
use crate::value::DataType;
use std::rc::Rc;

impl Parser<'_> {
    /// CREATE, ALTER, DROP, GRANT and its like.
    pub(super) fn definition(&mut self, first: bool) -> SqlResult<StatementKind> {
        let start = self.token().start;
        let verb = self.any_word()?;
        match &*verb {
            "CREATE" => self.create(start, first),
            "ALTER" => self.alter(start, first),
            "DROP" => self.drop_statement(),
            _ => self.grant(verb),
        }
    }

    pub(super) fn create(&mut self, start: usize, first: bool) -> SqlResult<StatementKind> {
        let or_alter = self.take_two("OR", "ALTER");
        if let Some(kind) = self.module_kind() {
            return self.module(kind, start, first, false, or_alter);
        }
        let unique = self.take("UNIQUE");
        let clustered = self.take("CLUSTERED");
        if !clustered {
            self.take("NONCLUSTERED");
        }
        if self.is("DATABASE") {
            self.refuse_definition("CREATE")?;
        }
        let word = self.any_word()?;
        Ok(match &*word {
            "TABLE" => {
                let name = self.object_name()?;
                let definition = self.table_definition()?;
                self.skip_table_tail()?;
                StatementKind::CreateTable(Box::new(CreateTable { name, definition }))
            }
            "INDEX" => return self.create_index(unique, clustered),
            "DATABASE" => return self.create_database(),
            "ENDPOINT" => return self.endpoint(false),
            "SCHEMA" => {
                let name = self.name()?;
                let owner = if self.take("AUTHORIZATION") { Some(self.name()?) } else { None };
                StatementKind::CreateSchema(name, owner)
            }
            "LOGIN" => self.create_login()?,
            "USER" => self.create_user()?,
            "ROLE" => {
                let role = self.name()?;
                if self.take("AUTHORIZATION") {
                    self.name()?;
                }
                StatementKind::Security(Box::new(Security::CreateRole(role)))
            }
            "TYPE" => self.create_type()?,
            "SYNONYM" => self.create_synonym()?,
            "SEQUENCE" => self.sequence(false)?,
            "CERTIFICATE" => return self.create_certificate(),
            "MASTER" => return self.create_master_key(),
            _ => {
                self.at -= 1;
                self.refuse_definition("CREATE")?;
                return Err(self.unexpected());
            }
        })
    }

    pub(super) fn alter(&mut self, start: usize, first: bool) -> SqlResult<StatementKind> {
        if let Some(kind) = self.module_kind() {
            return self.module(kind, start, first, true, false);
        }
        if self.is("DATABASE") {
            self.refuse_definition("ALTER")?;
        }
        let word = self.any_word()?;
        Ok(match &*word {
            "TABLE" => return self.alter_table(),
            "SEQUENCE" => self.sequence(true)?,
            "INDEX" => self.alter_index()?,
            "DATABASE" => return self.alter_database(),
            "ENDPOINT" => return self.endpoint(true),
            "LOGIN" => self.alter_login()?,
            "USER" => {
                let name = self.name()?;
                self.need("WITH")?;
                self.need("LOGIN")?;
                self.need_symbol("=")?;
                StatementKind::Security(Box::new(Security::AlterUser { name, login: self.name()? }))
            }
            "SERVER" if self.is("ROLE") => {
                self.advance();
                let (role, member, add) = self.role_member()?;
                StatementKind::Security(Box::new(Security::ServerRole { role, member, add }))
            }
            "ROLE" => {
                let (role, member, add) = self.role_member()?;
                StatementKind::Security(Box::new(Security::DatabaseRole { role, member, add }))
            }
            "AUTHORIZATION" => self.alter_authorization()?,
            _ => {
                self.at -= 1;
                self.refuse_definition("ALTER")?;
                return Err(self.unexpected());
            }
        })
    }

    /// ALTER INDEX name ON table REBUILD or REORGANIZE, with options that choose how.
    fn alter_index(&mut self) -> SqlResult<StatementKind> {
        if !self.take("ALL") {
            self.name()?;
        }
        self.need("ON")?;
        let table = self.object_name()?;
        let action = self.any_word()?;
        if &*action != "REBUILD" && &*action != "REORGANIZE" {
            return Err(self.failure(40_510, &[&format_args!("ALTER INDEX … {action}")]));
        }
        if self.take("PARTITION") {
            self.need_symbol("=")?;
            if !self.take("ALL") {
                return Err(self.failure(40_510, &[&"ALTER INDEX … PARTITION"]));
            }
        }
        if self.take("WITH") {
            self.skip_parentheses()?;
        }
        Ok(StatementKind::Maintain(table, 1088))
    }

    pub(super) fn drop_statement(&mut self) -> SqlResult<StatementKind> {
        if self.is("DATABASE") {
            self.refuse_definition("DROP")?;
        }
        let word = self.any_word()?;
        let if_exists = self.take_two("IF", "EXISTS");
        let kind = match &*word {
            "TABLE" => ObjectKind::Table,
            "VIEW" => ObjectKind::View,
            "PROC" | "PROCEDURE" => ObjectKind::Procedure,
            "FUNCTION" => ObjectKind::Function,
            "SCHEMA" => ObjectKind::Schema,
            "TRIGGER" => ObjectKind::Trigger,
            "TYPE" => ObjectKind::Type,
            "SYNONYM" => ObjectKind::Synonym,
            "SEQUENCE" => ObjectKind::Sequence,
            "DATABASE" => {
                let mut names = vec![self.name()?];
                while self.take_symbol(",") {
                    names.push(self.name()?);
                }
                return Ok(StatementKind::DropDatabase { names, if_exists });
            }
            "INDEX" => return self.drop_index(if_exists),
            "ENDPOINT" => return Ok(StatementKind::DropEndpoint(self.name()?)),
            "LOGIN" => return Ok(StatementKind::Security(Box::new(Security::DropLogin(self.name()?)))),
            "USER" => {
                let name = self.name()?;
                return Ok(StatementKind::Security(Box::new(Security::DropUser { name, if_exists })));
            }
            "ROLE" => {
                let name = self.name()?;
                return Ok(StatementKind::Security(Box::new(Security::DropRole { name, if_exists })));
            }
            "CERTIFICATE" => return self.drop_certificate(),
            "MASTER" => return self.drop_master_key(),
            _ => {
                self.at -= 1;
                self.refuse_definition("DROP")?;
                return Err(self.unexpected());
            }
        };
        let mut names = vec![self.object_name()?];
        while self.take_symbol(",") {
            names.push(self.object_name()?);
        }
        Ok(StatementKind::Drop { kind, if_exists, names })
    }

    pub(super) fn drop_index(&mut self, if_exists: bool) -> SqlResult<StatementKind> {
        let mut name = self.object_name()?;
        if self.take("ON") {
            return Ok(StatementKind::DropIndex { index: name.name, table: self.object_name()?, if_exists });
        }
        // The old form: DROP INDEX table.index
        let Some(table) = name.schema.take() else { return Err(self.unexpected()) };
        Ok(StatementKind::DropIndex { index: name.name, table: ObjectName::bare(table), if_exists })
    }

    // ---- modules ------------------------------------------------------------

    pub(super) fn module_kind(&mut self) -> Option<ObjectKind> {
        let kind = match () {
            () if self.is("PROC") || self.is("PROCEDURE") => ObjectKind::Procedure,
            () if self.is("VIEW") => ObjectKind::View,
            () if self.is("FUNCTION") => ObjectKind::Function,
            () if self.is("TRIGGER") => ObjectKind::Trigger,
            () => return None,
        };
        self.advance();
        Some(kind)
    }

    /// A module's text is kept whole; here it is only checked.
    pub(super) fn module(
        &mut self,
        kind: ObjectKind,
        start: usize,
        first: bool,
        alter: bool,
        or_alter: bool,
    ) -> SqlResult<StatementKind> {
        let shown = match kind {
            ObjectKind::View => "CREATE VIEW",
            ObjectKind::Function => "CREATE FUNCTION",
            ObjectKind::Trigger => "CREATE TRIGGER",
            _ => "CREATE/ALTER PROCEDURE",
        };
        if !first {
            return Err(self.failure(111, &[&shown]));
        }
        if kind == ObjectKind::Trigger {
            return Err(self.failure(40_510, &[&shown]));
        }
        let name = self.object_name()?;
        let text: Rc<str> = self.text[start..].trim_end().into();
        let at = self.at;
        let module = super::parse_module(kind, &text, self.types())?;
        let function = match &*module {
            super::Module::Function(_, returns) => Some(match returns {
                super::Returns::Scalar(..) => FunctionKind::Scalar,
                super::Returns::Inline(_) => FunctionKind::Inline,
                super::Returns::Table(_) => FunctionKind::Table,
            }),
            _ => None,
        };
        self.at = at;
        while !self.at_end() {
            self.advance();
        }
        Ok(StatementKind::CreateModule(Box::new(CreateModule {
            kind,
            function,
            name,
            alter,
            or_alter,
            text,
        })))
    }

    /// The parameters of a procedure, in parentheses or not.
    pub(super) fn parameters(&mut self) -> SqlResult<()> {
        let parenthesised = self.take_symbol("(");
        while let TokenKind::Variable(name) = self.kind() {
            let name = name.clone();
            self.advance();
            self.take("AS");
            if self.is_ahead(1, "READONLY") || (self.is_symbol_ahead(1, ".") && self.is_ahead(3, "READONLY"))
            {
                return Err(self.failure(40_510, &[&"table-valued parameters"]));
            }
            let data_type = self.data_type()?;
            let slot = self.declare(name, data_type, None)?;
            if self.take_symbol("=") {
                self.variables[slot].default = self.constant()?;
            }
            if self.take("OUTPUT") || self.take("OUT") {
                self.variables[slot].output = true;
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        if parenthesised {
            self.need_symbol(")")?;
        }
        Ok(())
    }

    // ---- tables -----------------------------------------------------------------

    pub(super) fn table_definition(&mut self) -> SqlResult<TableDefinition> {
        let mut table = TableDefinition::default();
        self.need_symbol("(")?;
        loop {
            self.table_element(&mut table)?;
            if !self.take_symbol(",") || self.is_symbol(")") {
                break;
            }
        }
        self.need_symbol(")")?;
        Ok(table)
    }

    pub(super) fn table_element(&mut self, table: &mut TableDefinition) -> SqlResult<()> {
        if self.is_any(&["CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "DEFAULT"]) {
            let name = if self.take("CONSTRAINT") { Some(self.name()?) } else { None };
            let constraint = self.constraint(name, None)?;
            table.constraints.push(constraint);
            return Ok(());
        }
        if self.is("INDEX") {
            return Err(self.failure(40_510, &[&"INDEX inside CREATE TABLE"]));
        }
        self.column_definition(table)
    }

    pub(super) fn column_definition(&mut self, table: &mut TableDefinition) -> SqlResult<()> {
        let name = self.name()?;
        let mut column = ColumnDefinition {
            name: name.clone(),
            data_type: DataType::Int,
            nullable: None,
            identity: None,
            default: None,
            computed: None,
            row_guid: false,
        };
        if self.take("AS") {
            let start = self.token().start;
            self.expression()?;
            column.computed = Some(self.source_since(start));
            self.take("PERSISTED");
        } else {
            column.data_type = self.data_type()?;
            column.nullable = self.alias_nullable;
        }
        loop {
            let constraint_name = if self.take("CONSTRAINT") { Some(self.name()?) } else { None };
            if self.is("NOT") && self.is_ahead(1, "NULL") {
                self.advance();
                self.advance();
                column.nullable = Some(false);
            } else if self.take("NULL") {
                column.nullable = Some(true);
            } else if self.take("IDENTITY") {
                column.identity = Some(self.identity()?);
            } else if self.take("ROWGUIDCOL") {
                column.row_guid = true;
            } else if self.take("COLLATE") {
                self.name()?;
            } else if self.take("SPARSE") {
            } else if self.take("DEFAULT") {
                let start = self.token().start;
                self.expression()?;
                column.default = Some((constraint_name, self.source_since(start)));
            } else if self.is_any(&["PRIMARY", "UNIQUE", "FOREIGN", "REFERENCES", "CHECK"]) {
                let constraint = self.constraint(constraint_name, Some(&name))?;
                if matches!(constraint.kind, ConstraintKind::Key { primary: true, .. }) {
                    column.nullable = Some(false);
                }
                table.constraints.push(constraint);
            } else if constraint_name.is_some() {
                return Err(self.unexpected());
            } else {
                break;
            }
        }
        table.columns.push(column);
        Ok(())
    }

    pub(super) fn identity(&mut self) -> SqlResult<(i64, i64)> {
        let mut identity = (1, 1);
        if self.take_symbol("(") {
            identity.0 = self.whole_number()?;
            self.need_symbol(",")?;
            identity.1 = self.whole_number()?;
            self.need_symbol(")")?;
        }
        if self.take_two("NOT", "FOR") {
            self.need("REPLICATION")?;
        }
        Ok(identity)
    }

    /// A constraint, of a table or of the column `column`.
    pub(super) fn constraint(
        &mut self,
        name: Option<Rc<str>>,
        column: Option<&Rc<str>>,
    ) -> SqlResult<Constraint> {
        let kind = match () {
            () if self.is("PRIMARY") || self.is("UNIQUE") => self.key_constraint(column)?,
            () if self.is("FOREIGN") || self.is("REFERENCES") => self.foreign_key(column)?,
            () if self.take("CHECK") => {
                if self.take("NOT") {
                    self.need("FOR")?;
                    self.need("REPLICATION")?;
                }
                self.need_symbol("(")?;
                let start = self.token().start;
                self.checked_condition()?;
                let text = self.source_since(start);
                self.need_symbol(")")?;
                ConstraintKind::Check(text)
            }
            () if self.take("DEFAULT") => {
                let start = self.token().start;
                self.expression()?;
                let text = self.source_since(start);
                self.need("FOR")?;
                ConstraintKind::Default(text, self.name()?)
            }
            () => return Err(self.unexpected()),
        };
        Ok(Constraint { name, kind })
    }

    pub(super) fn key_constraint(&mut self, column: Option<&Rc<str>>) -> SqlResult<ConstraintKind> {
        let primary = self.take("PRIMARY");
        if primary {
            self.need("KEY")?;
        } else {
            self.need("UNIQUE")?;
        }
        let mut clustered = None;
        if self.take("CLUSTERED") {
            clustered = Some(true);
        } else if self.take("NONCLUSTERED") {
            clustered = Some(false);
        }
        let columns = match column {
            Some(column) if !self.is_symbol("(") => vec![(column.clone(), false)],
            _ => self.key_columns()?,
        };
        self.skip_table_tail()?;
        Ok(ConstraintKind::Key { primary, clustered, columns })
    }

    pub(super) fn key_columns(&mut self) -> SqlResult<Vec<(Rc<str>, bool)>> {
        self.need_symbol("(")?;
        let mut columns = Vec::new();
        loop {
            let column = self.name()?;
            let descending = self.take("DESC");
            if !descending {
                self.take("ASC");
            }
            columns.push((column, descending));
            if !self.take_symbol(",") {
                break;
            }
        }
        self.need_symbol(")")?;
        Ok(columns)
    }

    pub(super) fn foreign_key(&mut self, column: Option<&Rc<str>>) -> SqlResult<ConstraintKind> {
        let mut columns = column.cloned().into_iter().collect::<Vec<_>>();
        if self.take("FOREIGN") {
            self.need("KEY")?;
            if self.is_symbol("(") {
                columns = self.name_list()?;
            }
        }
        self.need("REFERENCES")?;
        let table = self.object_name()?;
        let references = if self.is_symbol("(") { self.name_list()? } else { Vec::new() };
        let mut cascade_delete = false;
        while self.take("ON") {
            let delete = self.take("DELETE");
            if !delete {
                self.need("UPDATE")?;
            }
            if self.take("CASCADE") {
                if !delete {
                    return Err(self.failure(40_510, &[&"ON UPDATE CASCADE"]));
                }
                cascade_delete = true;
            } else if self.take("NO") {
                self.need("ACTION")?;
            } else {
                return Err(self.failure(40_510, &[&"ON DELETE and ON UPDATE SET NULL, SET DEFAULT"]));
            }
        }
        Ok(ConstraintKind::Foreign { columns, table, references, cascade_delete })
    }

    /// WITH (…), ON filegroup, TEXTIMAGE_ON filegroup: storage, which changes no result.
    pub(super) fn skip_table_tail(&mut self) -> SqlResult<()> {
        loop {
            if self.is("WITH") && self.is_symbol_ahead(1, "(") {
                self.advance();
                self.skip_parentheses()?;
            } else if self.is("WITH") && self.is_ahead(1, "FILLFACTOR") {
                self.advance();
                self.advance();
                self.need_symbol("=")?;
                self.whole_number()?;
            } else if self.take("ON") || self.take("TEXTIMAGE_ON") {
                if !self.take("PRIMARY") {
                    self.name_or_text()?;
                }
            } else {
                return Ok(());
            }
        }
    }

    pub(super) fn create_index(&mut self, unique: bool, clustered: bool) -> SqlResult<StatementKind> {
        let name = self.name()?;
        self.need("ON")?;
        let table = self.object_name()?;
        let columns = self.key_columns()?;
        let included = if self.take("INCLUDE") { self.name_list()? } else { Vec::new() };
        let filtered = self.take("WHERE");
        if filtered {
            return Err(self.failure(40_510, &[&"filtered index"]));
        }
        self.skip_table_tail()?;
        let index = CreateIndex { name, table, unique, clustered, columns, included, filtered };
        Ok(StatementKind::CreateIndex(Box::new(index)))
    }

    pub(super) fn alter_table(&mut self) -> SqlResult<StatementKind> {
        let name = self.object_name()?;
        if self.take("WITH") && !self.take("CHECK") {
            self.need("NOCHECK")?;
        }
        let action = if self.take("ADD") {
            let mut table = TableDefinition::default();
            self.table_element(&mut table)?;
            while self.take_symbol(",") {
                self.table_element(&mut table)?;
            }
            AlterTable::Add(table)
        } else if self.take("DROP") {
            let column = self.take("COLUMN");
            if !column {
                self.take("CONSTRAINT");
            }
            self.take_two("IF", "EXISTS");
            let mut names = vec![self.name()?];
            while self.take_symbol(",") {
                names.push(self.name()?);
            }
            if column { AlterTable::DropColumns(names) } else { AlterTable::DropConstraints(names) }
        } else if self.take_two("ALTER", "COLUMN") {
            let mut table = TableDefinition::default();
            self.column_definition(&mut table)?;
            let Some(column) = table.columns.pop() else { return Err(self.unexpected()) };
            AlterTable::AlterColumn(Box::new(column))
        } else if self.is_any(&["ENABLE", "DISABLE", "SWITCH", "REBUILD", "SET", "CHECK", "NOCHECK"]) {
            let word = self.any_word()?;
            return Err(self.failure(40_510, &[&format!("ALTER TABLE … {word}")]));
        } else {
            return Err(self.unexpected());
        };
        Ok(StatementKind::AlterTable(name, action))
    }
}
