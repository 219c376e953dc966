//! SELECT, INSERT, UPDATE, DELETE.

use super::ast::{
    BinaryOperator, CommonTable, CursorName, Delete, Expr, Insert, InsertSource, JoinKind, JsonColumn,
    OpenJson, Output, Query, QueryBody, Select, SelectItem, SetOperator, StatementKind, TableSource, Top,
    Update, UpdateItem,
};
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::error::SqlResult;
use std::rc::Rc;

impl Parser<'_> {
    /// WITH name AS (…), when it is there.
    pub(super) fn common_tables(&mut self) -> SqlResult<Vec<CommonTable>> {
        let mut tables = Vec::new();
        if !self.take("WITH") {
            return Ok(tables);
        }
        loop {
            let name = self.name()?;
            let columns = if self.is_symbol("(") { self.name_list()? } else { Vec::new() };
            self.need("AS")?;
            self.need_symbol("(")?;
            let query = Rc::new(self.query()?);
            self.need_symbol(")")?;
            tables.push(CommonTable { name, columns, query });
            if !self.take_symbol(",") {
                return Ok(tables);
            }
        }
    }

    /// A whole query.
    pub(super) fn query(&mut self) -> SqlResult<Query> {
        self.nested(|parser| {
            let tables = parser.common_tables()?;
            parser.query_with(tables)
        })
    }

    /// A query behind its WITH clause.
    pub(super) fn query_with(&mut self, tables: Vec<CommonTable>) -> SqlResult<Query> {
        let line = self.line();
        let body = self.query_body()?;
        let order_by = if self.is("ORDER") { self.order_by()? } else { Vec::new() };
        let (mut offset, mut fetch) = (None, None);
        if !order_by.is_empty() && self.take("OFFSET") {
            offset = Some(self.expression()?);
            if !self.take("ROWS") {
                self.need("ROW")?;
            }
            if self.take("FETCH") {
                if !self.take("NEXT") {
                    self.need("FIRST")?;
                }
                fetch = Some(self.expression()?);
                if !self.take("ROWS") {
                    self.need("ROW")?;
                }
                self.need("ONLY")?;
            }
        }
        let format = self.format()?;
        let max_recursion = self.query_options()?;
        Ok(Query { tables, body, order_by, offset, fetch, format, max_recursion, line })
    }

    /// OPTION (…): MAXRECURSION counts, the other hints only choose a plan.
    pub(super) fn query_options(&mut self) -> SqlResult<Option<u32>> {
        if !(self.is("OPTION") && self.is_symbol_ahead(1, "(")) {
            return Ok(None);
        }
        self.advance();
        let start = self.at;
        self.skip_parentheses()?;
        let end = std::mem::replace(&mut self.at, start);
        let mut limit = None;
        while self.at < end {
            if self.take("MAXRECURSION") {
                let n = self.whole_number()?;
                let allowed = u32::try_from(n).ok().filter(|n| *n <= 32_767);
                limit = Some(allowed.ok_or_else(|| self.failure(310, &[&n, &32_767]))?);
            } else {
                self.advance();
            }
        }
        self.at = end;
        Ok(limit)
    }

    /// Skips a parenthesis and all it holds (hints, which change no result).
    pub(super) fn skip_parentheses(&mut self) -> SqlResult<()> {
        self.need_symbol("(")?;
        let mut depth = 1;
        while depth > 0 {
            match self.kind() {
                TokenKind::Symbol("(") => depth += 1,
                TokenKind::Symbol(")") => depth -= 1,
                TokenKind::End => return Err(self.unexpected()),
                _ => {}
            }
            self.advance();
        }
        Ok(())
    }

    fn query_body(&mut self) -> SqlResult<QueryBody> {
        let mut left = self.intersection()?;
        loop {
            let operator = if self.take("UNION") {
                if self.take("ALL") { SetOperator::UnionAll } else { SetOperator::Union }
            } else if self.take("EXCEPT") {
                SetOperator::Except
            } else {
                return Ok(left);
            };
            self.combine()?;
            let right = Box::new(self.intersection()?);
            left = QueryBody::Combine { operator, left: Box::new(left), right };
        }
    }

    fn intersection(&mut self) -> SqlResult<QueryBody> {
        let mut left = self.query_operand()?;
        while self.take("INTERSECT") {
            self.combine()?;
            let right = Box::new(self.query_operand()?);
            left = QueryBody::Combine { operator: SetOperator::Intersect, left: Box::new(left), right };
        }
        Ok(left)
    }

    fn query_operand(&mut self) -> SqlResult<QueryBody> {
        if self.take_symbol("(") {
            let query = self.query()?;
            self.need_symbol(")")?;
            return Ok(QueryBody::Nested(Box::new(query)));
        }
        if self.take("VALUES") {
            let mut rows = Vec::new();
            loop {
                self.need_symbol("(")?;
                rows.push(self.expression_list()?);
                self.need_symbol(")")?;
                if !self.take_symbol(",") {
                    return Ok(QueryBody::Values(rows));
                }
            }
        }
        self.need("SELECT")?;
        Ok(QueryBody::Select(Box::new(self.select()?)))
    }

    fn select(&mut self) -> SqlResult<Select> {
        let mut select = Select { distinct: self.take("DISTINCT"), ..Select::default() };
        if !select.distinct {
            self.take("ALL");
        }
        select.top = self.top()?;
        select.items = self.select_items()?;
        if self.take("INTO") {
            select.into = Some(self.object_name()?);
        }
        if self.take("FROM") {
            select.from = self.table_sources()?;
        }
        if self.take("WHERE") {
            select.filter = Some(self.checked_condition()?);
        }
        if self.take("GROUP") {
            self.need("BY")?;
            self.group_by(&mut select)?;
        }
        if self.take("HAVING") {
            select.having = Some(self.checked_condition()?);
        }
        Ok(select)
    }

    /// A condition; a value in its place is error 4145.
    pub(super) fn checked_condition(&mut self) -> SqlResult<Expr> {
        let condition = self.condition()?;
        if condition.is_condition() {
            return Ok(condition);
        }
        let at = if self.at_end() { self.at.saturating_sub(1) } else { self.at };
        let token = &self.tokens[at];
        let shown = &self.text[token.start..token.end];
        Err(self.failure(4145, &[&shown]))
    }

    pub(super) fn top(&mut self) -> SqlResult<Option<Top>> {
        if !self.take("TOP") {
            return Ok(None);
        }
        let count = if self.take_symbol("(") {
            let count = self.expression()?;
            self.need_symbol(")")?;
            count
        } else {
            let n = self.whole_number()?;
            Expr::Literal(crate::value::Value::Int(n), crate::value::DataType::BigInt)
        };
        let percent = self.take("PERCENT");
        let with_ties = self.is("WITH") && self.is_ahead(1, "TIES");
        if with_ties {
            self.advance();
            self.advance();
        }
        Ok(Some(Top { count, percent, with_ties }))
    }

    fn select_items(&mut self) -> SqlResult<Vec<SelectItem>> {
        let mut items = Vec::new();
        loop {
            items.push(self.select_item()?);
            if !self.take_symbol(",") {
                return Ok(items);
            }
        }
    }

    fn select_item(&mut self) -> SqlResult<SelectItem> {
        if self.take_symbol("*") {
            return Ok(SelectItem::Star(Vec::new()));
        }
        if let Some(prefix) = self.star_prefix() {
            return Ok(SelectItem::Star(prefix));
        }
        if matches!(self.kind(), TokenKind::Variable(_))
            && let Some(operator) = self.assignment_operator(1)
        {
            let slot = self.variable()?;
            self.advance();
            return Ok(SelectItem::Assign(slot, operator, self.expression()?));
        }
        // alias = expression
        if (self.is_name() || matches!(self.kind(), TokenKind::Text { .. })) && self.is_symbol_ahead(1, "=") {
            let alias = self.name_or_text()?;
            self.advance();
            return Ok(SelectItem::Expression(self.expression()?, Some(alias)));
        }
        let value = self.expression()?;
        let alias = self.alias()?;
        Ok(SelectItem::Expression(value, alias))
    }

    /// `a.b.*`: the prefix, when it is there.
    fn star_prefix(&mut self) -> Option<Vec<Rc<str>>> {
        let start = self.at;
        let mut prefix = Vec::new();
        while self.is_name() {
            prefix.push(self.name().ok()?);
            if !self.take_symbol(".") {
                break;
            }
            if self.take_symbol("*") {
                return Some(prefix);
            }
        }
        self.at = start;
        None
    }

    /// The operator of an assignment at `ahead`: `=` (None inside) or `+=` and its like.
    pub(super) fn assignment_operator(&self, ahead: usize) -> Option<Option<BinaryOperator>> {
        let TokenKind::Symbol(symbol) = self.kind_ahead(ahead) else { return None };
        Some(match *symbol {
            "=" => None,
            "+=" => Some(BinaryOperator::Add),
            "-=" => Some(BinaryOperator::Subtract),
            "*=" => Some(BinaryOperator::Multiply),
            "/=" => Some(BinaryOperator::Divide),
            "%=" => Some(BinaryOperator::Modulo),
            "&=" => Some(BinaryOperator::BitAnd),
            "|=" => Some(BinaryOperator::BitOr),
            "^=" => Some(BinaryOperator::BitXor),
            _ => return None,
        })
    }

    pub(super) fn alias(&mut self) -> SqlResult<Option<Rc<str>>> {
        if self.take("AS") {
            return self.name_or_text().map(Some);
        }
        let implicit = match self.kind() {
            TokenKind::Word(word) => {
                let clause = self.is_ahead(1, "APPLY") && self.is("OUTER");
                self.is_name() && !clause && !super::statements::starts(word)
            }
            TokenKind::QuotedName(_) | TokenKind::Text { .. } => true,
            _ => false,
        };
        if implicit { self.name_or_text().map(Some) } else { Ok(None) }
    }

    // ---- FROM ---------------------------------------------------------

    pub(super) fn table_sources(&mut self) -> SqlResult<Vec<TableSource>> {
        let mut sources = vec![self.table_source()?];
        while self.take_symbol(",") {
            sources.push(self.table_source()?);
        }
        Ok(sources)
    }

    pub(super) fn table_source(&mut self) -> SqlResult<TableSource> {
        let operand = self.nested(Self::table_operand)?;
        let mut left = self.pivots(operand)?;
        while let Some(kind) = self.join_kind()? {
            self.combine()?;
            let needs_on =
                matches!(kind, JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full);
            let mut right = self.nested(Self::table_operand)?;
            // a JOIN b JOIN c ON … ON …
            while needs_on && !self.is("ON") {
                let Some(inner) = self.join_kind()? else { break };
                let operand = self.nested(Self::table_operand)?;
                self.need("ON")?;
                let on = Some(self.checked_condition()?);
                right =
                    TableSource::Join { kind: inner, left: Box::new(right), right: Box::new(operand), on };
            }
            let on = if needs_on {
                self.need("ON")?;
                Some(self.checked_condition()?)
            } else {
                None
            };
            left = TableSource::Join { kind, left: Box::new(left), right: Box::new(right), on };
            left = self.pivots(left)?;
        }
        Ok(left)
    }

    fn join_kind(&mut self) -> SqlResult<Option<JoinKind>> {
        if self.take("CROSS") {
            if self.take("APPLY") {
                return Ok(Some(JoinKind::CrossApply));
            }
            self.need("JOIN")?;
            return Ok(Some(JoinKind::Cross));
        }
        if self.is("OUTER") && self.is_ahead(1, "APPLY") {
            self.advance();
            self.advance();
            return Ok(Some(JoinKind::OuterApply));
        }
        let kind = if self.take("JOIN") {
            return Ok(Some(JoinKind::Inner));
        } else if self.take("INNER") {
            JoinKind::Inner
        } else if self.take("LEFT") {
            JoinKind::Left
        } else if self.take("RIGHT") {
            JoinKind::Right
        } else if self.take("FULL") {
            JoinKind::Full
        } else {
            return Ok(None);
        };
        self.take("OUTER");
        for hint in ["HASH", "LOOP", "MERGE", "REMOTE"] {
            self.take(hint);
        }
        self.need("JOIN")?;
        Ok(Some(kind))
    }

    fn table_operand(&mut self) -> SqlResult<TableSource> {
        let is_nodes = |word: &TokenKind| matches!(word, TokenKind::Word(w) if &**w == "nodes");
        if matches!(self.kind(), TokenKind::Variable(_))
            && self.is_symbol_ahead(1, ".")
            && is_nodes(self.kind_ahead(2))
        {
            let of = Expr::Variable(self.variable()?);
            self.advance();
            self.advance();
            return self.xml_nodes(of);
        }
        if let TokenKind::Variable(name) = self.kind() {
            let slot = self.slot_of(name).filter(|slot| self.variables[*slot].table.is_some());
            let Some(slot) = slot else { return Err(self.failure(1087, &[name])) };
            self.advance();
            let alias = self.alias()?;
            self.table_hints()?;
            return Ok(TableSource::Variable { slot, alias });
        }
        if self.is_symbol("(") {
            return self.parenthesised_source();
        }
        if self.is_symbol_ahead(1, "(")
            && let TokenKind::Word(word) = self.kind()
            && super::reference::is_source(word)
        {
            return Err(self.failure(40_510, &[&word.to_ascii_uppercase()]));
        }
        if self.is("OPENJSON") && self.is_symbol_ahead(1, "(") {
            return self.open_json();
        }
        let name = self.object_name()?;
        if self.is_symbol("(") {
            if is_hint(self.kind_ahead(1)) && self.is_symbol_ahead(2, ")") {
                let hints = self.hint_list()?;
                let alias = self.alias()?;
                return Ok(TableSource::Named { name, alias, hints });
            }
            self.advance();
            if &*name.name == "nodes"
                && matches!(self.kind(), TokenKind::Text { .. })
                && name.schema.is_some()
            {
                self.at -= 1;
                let parts = [name.server, name.database, name.schema].into_iter().flatten().collect();
                return self.xml_nodes(Expr::Column(parts));
            }
            let arguments = if self.is_symbol(")") { Vec::new() } else { self.table_arguments()? };
            self.need_symbol(")")?;
            let alias = self.alias()?;
            let columns = if alias.is_some() && self.is_symbol("(") { self.name_list()? } else { Vec::new() };
            return Ok(TableSource::Function { name, arguments, alias, columns });
        }
        let alias = self.alias()?;
        let hints = self.table_hints()?;
        Ok(TableSource::Named { name, alias, hints })
    }

    /// `OPENJSON(text, path) WITH (name type 'path' AS JSON, …) AS alias`.
    fn open_json(&mut self) -> SqlResult<TableSource> {
        self.advance();
        self.need_symbol("(")?;
        let document = self.expression()?;
        let path = if self.take_symbol(",") { Some(self.expression()?) } else { None };
        self.need_symbol(")")?;
        let mut with = None;
        if self.is("WITH") && self.is_symbol_ahead(1, "(") {
            self.advance();
            self.advance();
            let mut columns = Vec::new();
            loop {
                let name = self.name()?;
                let data_type = self.data_type()?;
                if self.take("COLLATE") {
                    self.name()?;
                }
                let has_path = matches!(self.kind(), TokenKind::Text { .. });
                let path = if has_path { Some(self.text_literal()?) } else { None };
                let as_json = self.take_two("AS", "JSON");
                columns.push(JsonColumn { name, data_type, path, as_json });
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.need_symbol(")")?;
            with = Some(columns);
        }
        let alias = self.alias()?;
        let columns = if alias.is_some() && self.is_symbol("(") { self.name_list()? } else { Vec::new() };
        Ok(TableSource::OpenJson(Box::new(OpenJson { document, path, with, alias, columns })))
    }

    /// `('path') AS table(column)` behind `nodes`.
    fn xml_nodes(&mut self, of: Expr) -> SqlResult<TableSource> {
        self.need_symbol("(")?;
        let path = self.expression()?;
        self.need_symbol(")")?;
        let alias = self.alias()?;
        if alias.is_none() || !self.is_symbol("(") {
            return Err(self.unexpected());
        }
        let columns = self.name_list()?;
        let name = super::ast::ObjectName::bare(super::XML_NODES.into());
        Ok(TableSource::Function { name, arguments: vec![of, path], alias, columns })
    }

    /// Arguments of a function in FROM.
    fn table_arguments(&mut self) -> SqlResult<Vec<Expr>> {
        let mut arguments = Vec::new();
        loop {
            arguments.push(if self.take("DEFAULT") { Expr::Default } else { self.expression()? });
            if !self.take_symbol(",") {
                return Ok(arguments);
            }
        }
    }

    fn parenthesised_source(&mut self) -> SqlResult<TableSource> {
        let start = self.at;
        self.advance();
        let mut ahead = 0;
        while self.is_symbol_ahead(ahead, "(") {
            ahead += 1;
        }
        if ["SELECT", "WITH", "VALUES"].iter().any(|word| self.is_ahead(ahead, word)) {
            let query = Rc::new(self.query()?);
            self.need_symbol(")")?;
            let Some(alias) = self.alias()? else { return Err(self.unexpected()) };
            let columns = if self.is_symbol("(") { self.name_list()? } else { Vec::new() };
            return Ok(TableSource::Derived { query, alias, columns });
        }
        self.at = start + 1;
        let inner = self.table_source()?;
        self.need_symbol(")")?;
        Ok(inner)
    }

    fn table_hints(&mut self) -> SqlResult<Vec<Rc<str>>> {
        if self.is("WITH") && self.is_symbol_ahead(1, "(") {
            self.advance();
            return self.hint_list();
        }
        if self.is_symbol("(") && is_hint(self.kind_ahead(1)) {
            return self.hint_list();
        }
        Ok(Vec::new())
    }

    fn hint_list(&mut self) -> SqlResult<Vec<Rc<str>>> {
        self.need_symbol("(")?;
        let mut hints = Vec::new();
        loop {
            let hint = self.any_word()?;
            if &*hint == "INDEX" {
                if self.is_symbol("(") {
                    self.skip_parentheses()?;
                } else {
                    self.need_symbol("=")?;
                    self.advance();
                }
            } else if !HINTS.contains(&&*hint) {
                return Err(self.failure(321, &[&hint]));
            }
            hints.push(hint);
            self.take_symbol(",");
            if self.take_symbol(")") {
                return Ok(hints);
            }
        }
    }

    // ---- changes ------------------------------------------------------

    pub(super) fn insert(&mut self, tables: Vec<CommonTable>) -> SqlResult<StatementKind> {
        self.need("INSERT")?;
        self.take("INTO");
        let target = self.change_target()?;
        let columns =
            if self.is_symbol("(") && !self.is_ahead(1, "SELECT") { self.name_list()? } else { Vec::new() };
        let output = self.output_clause()?;
        let source = if self.take("DEFAULT") {
            self.need("VALUES")?;
            InsertSource::Defaults
        } else if self.take("VALUES") {
            InsertSource::Values(self.insert_rows()?)
        } else if self.is("EXEC") || self.is("EXECUTE") {
            let line = self.line();
            let kind = self.execute()?;
            InsertSource::Execute(Box::new(super::ast::Statement { line, kind }))
        } else {
            InsertSource::Query(Box::new(self.query()?))
        };
        Ok(StatementKind::Insert(Box::new(Insert { tables, target, columns, output, source })))
    }

    fn insert_rows(&mut self) -> SqlResult<Vec<Vec<Option<Expr>>>> {
        let mut rows = vec![self.insert_row()?];
        while self.take_symbol(",") {
            rows.push(self.insert_row()?);
        }
        Ok(rows)
    }

    /// `(value, DEFAULT, …)`.
    pub(super) fn insert_row(&mut self) -> SqlResult<Vec<Option<Expr>>> {
        self.need_symbol("(")?;
        let mut row = Vec::new();
        loop {
            row.push(if self.take("DEFAULT") { None } else { Some(self.expression()?) });
            if !self.take_symbol(",") {
                break;
            }
        }
        self.need_symbol(")")?;
        Ok(row)
    }

    /// The table of INSERT, UPDATE or DELETE, with its hints.
    pub(super) fn change_target(&mut self) -> SqlResult<TableSource> {
        if let TokenKind::Variable(name) = self.kind() {
            let slot = self.slot_of(name).filter(|slot| self.variables[*slot].table.is_some());
            let Some(slot) = slot else { return Err(self.failure(1087, &[name])) };
            self.advance();
            self.table_hints()?;
            return Ok(TableSource::Variable { slot, alias: None });
        }
        let name = self.object_name()?;
        let hints = self.table_hints()?;
        Ok(TableSource::Named { name, alias: None, hints })
    }

    pub(super) fn output_clause(&mut self) -> SqlResult<Option<Output>> {
        if !self.take("OUTPUT") {
            return Ok(None);
        }
        let items = self.select_items()?;
        let into = if self.take("INTO") {
            let target = self.change_target()?;
            let columns = if self.is_symbol("(") { self.name_list()? } else { Vec::new() };
            Some((target, columns))
        } else {
            None
        };
        Ok(Some(Output { items, into }))
    }

    pub(super) fn update(&mut self, tables: Vec<CommonTable>) -> SqlResult<StatementKind> {
        self.need("UPDATE")?;
        let top = self.top()?;
        let target = self.change_target()?;
        self.need("SET")?;
        let mut assignments = vec![self.update_item()?];
        while self.take_symbol(",") {
            assignments.push(self.update_item()?);
        }
        let output = self.output_clause()?;
        let from = if self.take("FROM") { self.table_sources()? } else { Vec::new() };
        let (filter, cursor) = self.change_filter()?;
        let update = Update { tables, top, target, assignments, output, from, filter, cursor };
        Ok(StatementKind::Update(Box::new(update)))
    }

    pub(super) fn update_item(&mut self) -> SqlResult<UpdateItem> {
        let mut item = UpdateItem { variable: None, column: None, operator: None, value: None };
        if matches!(self.kind(), TokenKind::Variable(_)) {
            item.variable = Some(self.variable()?);
            let Some(operator) = self.assignment_operator(0) else { return Err(self.unexpected()) };
            item.operator = operator;
            self.advance();
            if operator.is_none() && self.is_name() && self.is_symbol_ahead(1, "=") {
                item.column = Some(self.name()?);
                self.advance();
            }
        } else {
            let mut column = self.name()?;
            while self.take_symbol(".") {
                column = self.name()?;
            }
            item.column = Some(column);
            let Some(operator) = self.assignment_operator(0) else { return Err(self.unexpected()) };
            item.operator = operator;
            self.advance();
        }
        item.value = if self.take("DEFAULT") { None } else { Some(self.expression()?) };
        Ok(item)
    }

    /// WHERE of a change: a condition, or the row a cursor stands on.
    fn change_filter(&mut self) -> SqlResult<(Option<Expr>, Option<CursorName>)> {
        let (mut filter, mut cursor) = (None, None);
        if self.take("WHERE") {
            if self.take_two("CURRENT", "OF") {
                cursor = Some(self.cursor_name()?);
            } else {
                filter = Some(self.checked_condition()?);
            }
        }
        self.query_options()?;
        Ok((filter, cursor))
    }

    pub(super) fn delete(&mut self, tables: Vec<CommonTable>) -> SqlResult<StatementKind> {
        self.need("DELETE")?;
        let top = self.top()?;
        self.take("FROM");
        let target = self.change_target()?;
        let output = self.output_clause()?;
        let from = if self.take("FROM") { self.table_sources()? } else { Vec::new() };
        let (filter, cursor) = self.change_filter()?;
        Ok(StatementKind::Delete(Box::new(Delete { tables, top, target, output, from, filter, cursor })))
    }
}

const HINTS: [&str; 21] = [
    "NOLOCK",
    "READUNCOMMITTED",
    "READCOMMITTED",
    "READCOMMITTEDLOCK",
    "REPEATABLEREAD",
    "SERIALIZABLE",
    "HOLDLOCK",
    "READPAST",
    "ROWLOCK",
    "PAGLOCK",
    "TABLOCK",
    "TABLOCKX",
    "UPDLOCK",
    "XLOCK",
    "NOWAIT",
    "INDEX",
    "FORCESEEK",
    "FORCESCAN",
    "NOEXPAND",
    "SNAPSHOT",
    "KEEPIDENTITY",
];

fn is_hint(kind: &TokenKind) -> bool {
    matches!(kind, TokenKind::Word(word) if HINTS.iter().any(|hint| word.eq_ignore_ascii_case(hint)))
}
