//! Expressions and conditions.

use super::ast::{
    BinaryOperator, Call, Comparison, Expr, FrameBound, ObjectName, OrderItem, Over, UnaryOperator,
    WindowFrame,
};
use super::lexer::{TokenKind, is_reserved};
use super::parser::Parser;
use crate::error::SqlResult;
use crate::value::{DataType, Length, Value};
use std::rc::Rc;

impl Parser<'_> {
    /// An expression that gives a value, or a condition in parentheses.
    pub(super) fn expression(&mut self) -> SqlResult<Expr> {
        self.counted(Self::additive)
    }

    /// A condition.
    pub(super) fn condition(&mut self) -> SqlResult<Expr> {
        self.counted(|parser| {
            let mut left = parser.conjunction()?;
            while parser.take("OR") {
                parser.chain()?;
                left = Expr::Or(Box::new(left), Box::new(parser.conjunction()?));
            }
            Ok(left)
        })
    }

    fn conjunction(&mut self) -> SqlResult<Expr> {
        let mut left = self.negation()?;
        while self.take("AND") {
            self.chain()?;
            left = Expr::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> SqlResult<Expr> {
        if self.take("NOT") {
            return self.nested(|parser| Ok(Expr::Not(Box::new(parser.negation()?))));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> SqlResult<Expr> {
        if self.take("EXISTS") {
            self.need_symbol("(")?;
            let query = self.query()?;
            self.need_symbol(")")?;
            return Ok(Expr::Exists(Box::new(query)));
        }
        for word in ["CONTAINS", "FREETEXT", "MATCH"] {
            if self.is(word) && self.is_symbol_ahead(1, "(") {
                return Err(self.failure(40_510, &[&word]));
            }
        }
        if self.is_symbol("(") && self.parenthesis_holds_condition() {
            self.advance();
            let inner = self.condition()?;
            self.need_symbol(")")?;
            return Ok(inner);
        }
        let left = self.additive()?;
        self.predicate_tail(left)
    }

    /// Looks ahead: does the parenthesis here hold a condition rather than a value?
    fn parenthesis_holds_condition(&mut self) -> bool {
        let (at, variables) = (self.at, self.variables.len());
        self.advance();
        let is_condition = if self.is("SELECT") || self.is("WITH") {
            false
        } else {
            self.condition().is_ok_and(|inner| inner.is_condition()) && self.is_symbol(")")
        };
        self.at = at;
        self.variables.truncate(variables);
        is_condition
    }

    fn comparison_symbol(&mut self) -> Option<Comparison> {
        let TokenKind::Symbol(symbol) = self.kind() else { return None };
        let comparison = match *symbol {
            "=" => Comparison::Equal,
            "<>" | "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" | "!>" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" | "!<" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.advance();
        Some(comparison)
    }

    fn predicate_tail(&mut self, left: Expr) -> SqlResult<Expr> {
        if let Some(comparison) = self.comparison_symbol() {
            if self.is_any(&["ALL", "ANY", "SOME"]) {
                let all = self.is("ALL");
                self.advance();
                self.need_symbol("(")?;
                let query = Box::new(self.query()?);
                self.need_symbol(")")?;
                return Ok(Expr::Quantified { comparison, all, left: Box::new(left), query });
            }
            return Ok(Expr::Compare(comparison, Box::new(left), Box::new(self.additive()?)));
        }
        if self.take("IS") {
            let negated = self.take("NOT");
            if self.is("DISTINCT") && self.is_ahead(1, "FROM") {
                return Err(self.failure(40_510, &[&"IS DISTINCT FROM"]));
            }
            self.need("NULL")?;
            return Ok(negate(Expr::IsNull(Box::new(left)), negated));
        }
        let negated = self.take("NOT");
        if self.take("BETWEEN") {
            let low = self.additive()?;
            self.need("AND")?;
            let high = self.additive()?;
            let both = Expr::And(
                Box::new(Expr::Compare(Comparison::GreaterOrEqual, Box::new(left.clone()), Box::new(low))),
                Box::new(Expr::Compare(Comparison::LessOrEqual, Box::new(left), Box::new(high))),
            );
            return Ok(negate(both, negated));
        }
        if self.take("IN") {
            self.need_symbol("(")?;
            let inner = if self.is("SELECT") || self.is("WITH") {
                Expr::InQuery(Box::new(left), Box::new(self.query()?))
            } else {
                Expr::InList(Box::new(left), self.expression_list()?)
            };
            self.need_symbol(")")?;
            return Ok(negate(inner, negated));
        }
        if self.take("LIKE") {
            let pattern = Box::new(self.additive()?);
            let escape = if self.take("ESCAPE") { Some(Box::new(self.additive()?)) } else { None };
            return Ok(negate(Expr::Like { text: Box::new(left), pattern, escape }, negated));
        }
        if negated { Err(self.unexpected()) } else { Ok(left) }
    }

    /// One or more expressions with commas.
    pub(super) fn expression_list(&mut self) -> SqlResult<Vec<Expr>> {
        let mut list = vec![self.expression()?];
        while self.take_symbol(",") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn additive(&mut self) -> SqlResult<Expr> {
        let mut left = self.multiplicative()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Symbol("+") => BinaryOperator::Add,
                TokenKind::Symbol("-") => BinaryOperator::Subtract,
                TokenKind::Symbol("&") => BinaryOperator::BitAnd,
                TokenKind::Symbol("|") => BinaryOperator::BitOr,
                TokenKind::Symbol("^") => BinaryOperator::BitXor,
                _ => return Ok(left),
            };
            self.chain()?;
            self.advance();
            left = Expr::Binary(operator, Box::new(left), Box::new(self.multiplicative()?));
        }
    }

    fn multiplicative(&mut self) -> SqlResult<Expr> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Symbol("*") => BinaryOperator::Multiply,
                TokenKind::Symbol("/") => BinaryOperator::Divide,
                TokenKind::Symbol("%") => BinaryOperator::Modulo,
                _ => return Ok(left),
            };
            self.chain()?;
            self.advance();
            left = Expr::Binary(operator, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> SqlResult<Expr> {
        if self.take_symbol("-") {
            return self.nested(|parser| {
                let inner = parser.unary()?;
                Ok(negative_literal(&inner)
                    .unwrap_or_else(|| Expr::Unary(UnaryOperator::Minus, Box::new(inner))))
            });
        }
        if self.take_symbol("+") {
            return self.nested(Self::unary);
        }
        if self.take_symbol("~") {
            return self.nested(|parser| Ok(Expr::Unary(UnaryOperator::BitNot, Box::new(parser.unary()?))));
        }
        let mut primary = self.primary()?;
        while self.is_symbol(".") && self.is_xml_method(1) {
            self.chain()?;
            self.advance();
            primary = self.xml_method(primary)?;
        }
        loop {
            if self.take("COLLATE") {
                self.chain()?;
                primary = Expr::Collate(Box::new(primary), self.name()?);
            } else if self.is("AT") && self.is_ahead(1, "TIME") && self.is_ahead(2, "ZONE") {
                self.chain()?;
                self.at += 3;
                let zone = self.primary()?;
                primary = called(super::AT_TIME_ZONE, vec![primary, zone]);
            } else {
                return Ok(primary);
            }
        }
    }

    fn primary(&mut self) -> SqlResult<Expr> {
        let literal = match self.kind() {
            TokenKind::Text { text, national } => Some(text_literal(text, *national)),
            TokenKind::Number(number) => Some(match i32::try_from(number.mantissa) {
                Ok(whole) if number.scale == 0 => Expr::Literal(Value::Int(whole.into()), DataType::Int),
                _ => Expr::Literal(Value::Decimal(*number), number.literal_type()),
            }),
            TokenKind::Float(number) => Some(Expr::Literal(Value::Float(*number), DataType::Float)),
            TokenKind::Money(money) => Some(Expr::Literal(Value::Money(*money), DataType::Money)),
            TokenKind::Binary(bytes) => {
                let length = Length::Upto(u16::try_from(bytes.len().clamp(1, 8000)).unwrap_or(8000));
                Some(Expr::Literal(Value::Binary(bytes.clone()), DataType::VarBinary(length)))
            }
            TokenKind::SystemVariable(name) => Some(Expr::SystemVariable(name.clone())),
            _ => None,
        };
        if let Some(literal) = literal {
            self.advance();
            return Ok(literal);
        }
        match self.kind() {
            TokenKind::Variable(_) => Ok(Expr::Variable(self.variable()?)),
            TokenKind::Symbol("(") => self.parenthesis(),
            TokenKind::Word(word) if is_reserved(word) => self.keyword_expression(),
            TokenKind::Word(_) | TokenKind::QuotedName(_) => self.name_or_call(),
            _ => Err(self.unexpected()),
        }
    }

    fn parenthesis(&mut self) -> SqlResult<Expr> {
        self.need_symbol("(")?;
        let inner = if self.is("SELECT") || self.is("WITH") {
            Expr::Subquery(Box::new(self.query()?))
        } else {
            self.expression()?
        };
        self.need_symbol(")")?;
        Ok(inner)
    }

    /// Expressions that start with a reserved word.
    fn keyword_expression(&mut self) -> SqlResult<Expr> {
        if self.take("NULL") {
            return Ok(Expr::Literal(Value::Null, DataType::Int));
        }
        if self.take("CASE") {
            return self.case();
        }
        if self.is("CONVERT") || self.is("TRY_CONVERT") {
            let is_try = self.is("TRY_CONVERT");
            self.advance();
            self.need_symbol("(")?;
            let target = cast_length(self.data_type()?, self);
            self.need_symbol(",")?;
            let value = Box::new(self.expression()?);
            let style = if self.take_symbol(",") { Some(Box::new(self.expression()?)) } else { None };
            self.need_symbol(")")?;
            return Ok(Expr::Convert { value, target, style, is_try });
        }
        for word in ["COALESCE", "NULLIF", "LEFT", "RIGHT", "USER"] {
            if self.is(word) && self.is_symbol_ahead(1, "(") {
                self.advance();
                return self.call(ObjectName::bare(word.into()));
            }
        }
        for word in ["CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER"] {
            if self.take(word) {
                return Ok(simple_call(word));
            }
        }
        Err(self.unexpected())
    }

    fn case(&mut self) -> SqlResult<Expr> {
        let operand = if self.is("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.take("WHEN") {
            let when = if operand.is_some() { self.expression()? } else { self.condition()? };
            self.need("THEN")?;
            branches.push((when, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.take("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        self.need("END")?;
        Ok(Expr::Case { operand, branches, otherwise })
    }

    fn name_or_call(&mut self) -> SqlResult<Expr> {
        if (self.is("CAST") || self.is("TRY_CAST")) && self.is_symbol_ahead(1, "(") {
            let is_try = self.is("TRY_CAST");
            self.advance();
            self.advance();
            let value = Box::new(self.expression()?);
            self.need("AS")?;
            let target = cast_length(self.data_type()?, self);
            self.need_symbol(")")?;
            return Ok(Expr::Convert { value, target, style: None, is_try });
        }
        if self.is("NEXT") && self.is_ahead(1, "VALUE") && self.is_ahead(2, "FOR") {
            self.at += 3;
            let name = self.object_name()?;
            if self.is("OVER") {
                return Err(self.failure(40_510, &[&"NEXT VALUE FOR … OVER"]));
            }
            return Ok(Expr::NextValue(Box::new(name)));
        }
        if self.is("IIF") && self.is_symbol_ahead(1, "(") {
            return self.iif();
        }
        if (self.is("PARSE") || self.is("TRY_PARSE")) && self.is_symbol_ahead(1, "(") {
            return self.parse();
        }
        let mut parts = vec![self.name()?];
        while self.is_symbol(".") && !self.is_symbol_ahead(1, "*") {
            if self.is_xml_method(1) {
                self.advance();
                return self.xml_method(Expr::Column(parts));
            }
            self.advance();
            while self.take_symbol(".") {
                parts.push("".into());
            }
            parts.push(self.column_part()?);
        }
        if self.is_symbol("(") {
            let name = parts.pop().unwrap_or_else(|| "".into());
            let schema = parts.pop();
            return self.call(ObjectName { server: None, database: parts.pop(), schema, name });
        }
        Ok(Expr::Column(parts))
    }

    /// Whether `value('…', …)`, `query('…')` or `exist('…')` stands here, in the lower case it must have.
    fn is_xml_method(&self, ahead: usize) -> bool {
        let named = matches!(self.kind_ahead(ahead), TokenKind::Word(w) if matches!(&**w, "value" | "query" | "exist"));
        named
            && self.is_symbol_ahead(ahead + 1, "(")
            && matches!(self.kind_ahead(ahead + 2), TokenKind::Text { .. })
    }

    fn xml_method(&mut self, of: Expr) -> SqlResult<Expr> {
        let method = self.name()?;
        self.need_symbol("(")?;
        let path = self.expression()?;
        let mut target = None;
        let name = match &*method {
            "value" => {
                self.need_symbol(",")?;
                let text = self.text_literal()?;
                let mut inner = Parser::new(&text, true, self.types())?;
                target = Some(inner.data_type()?);
                if !inner.at_end() {
                    return Err(inner.unexpected());
                }
                super::XML_VALUE
            }
            "query" => super::XML_QUERY,
            _ => super::XML_EXIST,
        };
        self.need_symbol(")")?;
        let value = called(name, vec![of, path]);
        Ok(match target {
            Some(target) => Expr::Convert { value: Box::new(value), target, style: None, is_try: false },
            None => value,
        })
    }

    /// A name behind a point; reserved words are not names there either, but `$` columns are.
    fn column_part(&mut self) -> SqlResult<Rc<str>> {
        self.name()
    }

    fn iif(&mut self) -> SqlResult<Expr> {
        self.advance();
        self.need_symbol("(")?;
        let condition = self.condition()?;
        self.need_symbol(",")?;
        let yes = self.expression()?;
        self.need_symbol(",")?;
        let no = self.expression()?;
        self.need_symbol(")")?;
        Ok(Expr::Case { operand: None, branches: vec![(condition, yes)], otherwise: Some(Box::new(no)) })
    }

    /// `PARSE(text AS type USING culture)`.
    fn parse(&mut self) -> SqlResult<Expr> {
        let name = if self.is("PARSE") { super::PARSE } else { super::TRY_PARSE };
        self.advance();
        self.need_symbol("(")?;
        let text = self.expression()?;
        self.need("AS")?;
        let target = Expr::Literal(Value::Null, self.data_type()?);
        let mut arguments = vec![text, target];
        if self.take("USING") {
            arguments.push(self.expression()?);
        }
        self.need_symbol(")")?;
        Ok(called(name, arguments))
    }

    fn call(&mut self, name: ObjectName) -> SqlResult<Expr> {
        if name.schema.is_none() {
            let upper = name.name.to_ascii_uppercase();
            if super::reference::is_function(&upper) {
                return Err(self.failure(40_510, &[&upper]));
            }
        }
        self.need_symbol("(")?;
        let mut call = Call {
            name,
            arguments: Vec::new(),
            star: false,
            distinct: false,
            within_group: Vec::new(),
            over: None,
        };
        if self.take_symbol("*") {
            call.star = true;
        } else if !self.is_symbol(")") {
            call.distinct = self.take("DISTINCT");
            if !call.distinct {
                self.take("ALL");
            }
            call.arguments = self.call_arguments(&call.name.name.clone())?;
            if self.take("FROM") {
                // TRIM(characters FROM text).
                call.name = ObjectName::bare(super::TRIM_FROM.into());
                call.arguments.push(self.expression()?);
            }
        }
        self.need_symbol(")")?;
        if self.take("WITHIN") {
            self.need("GROUP")?;
            self.need_symbol("(")?;
            call.within_group = self.order_by()?;
            self.need_symbol(")")?;
        }
        if self.take("OVER") {
            call.over = Some(self.over()?);
        }
        Ok(Expr::Call(Box::new(call)))
    }

    /// Arguments; DATEADD and its like take a bare word first.
    fn call_arguments(&mut self, name: &str) -> SqlResult<Vec<Expr>> {
        let date_part = ["DATEADD", "DATEDIFF", "DATEDIFF_BIG", "DATEPART", "DATENAME", "DATETRUNC"]
            .iter()
            .any(|f| name.eq_ignore_ascii_case(f));
        let mut arguments = Vec::new();
        if date_part {
            let part = self.any_word()?.to_ascii_lowercase();
            arguments.push(text_literal(&part.into(), false));
            if !self.take_symbol(",") {
                return Ok(arguments);
            }
        }
        let trims = name.eq_ignore_ascii_case("TRIM");
        if trims && self.is_any(&["LEADING", "TRAILING", "BOTH"]) && !self.is_symbol_ahead(1, ")") {
            return Err(self.failure(40_510, &[&"TRIM (LEADING, TRAILING or BOTH … FROM …)"]));
        }
        loop {
            arguments.push(if self.take("DEFAULT") { Expr::Default } else { self.expression()? });
            if trims && arguments.len() == 1 && self.is("FROM") {
                return Ok(arguments);
            }
            if !self.take_symbol(",") {
                return Ok(arguments);
            }
        }
    }

    fn over(&mut self) -> SqlResult<Over> {
        let mut over = Over::default();
        self.need_symbol("(")?;
        if self.take_two("PARTITION", "BY") {
            over.partition_by = self.expression_list()?;
        }
        if self.is("ORDER") {
            over.order_by = self.order_by()?;
        }
        if self.is("ROWS") || self.is("RANGE") {
            if over.order_by.is_empty() {
                return Err(self.failure(10_756, &[]));
            }
            over.frame = Some(self.window_frame()?);
        }
        self.need_symbol(")")?;
        Ok(over)
    }

    fn window_frame(&mut self) -> SqlResult<WindowFrame> {
        let rows = self.is("ROWS");
        self.advance();
        let start_at = self.token().start;
        let frame = if self.take("BETWEEN") {
            let start = self.frame_bound()?;
            self.need("AND")?;
            WindowFrame { rows, start, end: self.frame_bound()? }
        } else {
            WindowFrame { rows, start: self.frame_bound()?, end: FrameBound::Offset(0) }
        };
        let offset = |bound: FrameBound| matches!(bound, FrameBound::Offset(n) if n != 0);
        if !rows && (offset(frame.start) || offset(frame.end)) {
            return Err(self.failure(4194, &[]));
        }
        let impossible =
            frame.start == FrameBound::UnboundedFollowing || frame.end == FrameBound::UnboundedPreceding;
        let upside_down = match (frame.start, frame.end) {
            (FrameBound::Offset(start), FrameBound::Offset(end)) => {
                (start >= 0 && end < 0) || (start > 0 && end <= 0)
            }
            _ => false,
        };
        if impossible || upside_down {
            return Err(self.failure(4193, &[&self.source_since(start_at)]));
        }
        Ok(frame)
    }

    fn frame_bound(&mut self) -> SqlResult<FrameBound> {
        if self.take("UNBOUNDED") {
            if self.take("PRECEDING") {
                return Ok(FrameBound::UnboundedPreceding);
            }
            self.need("FOLLOWING")?;
            return Ok(FrameBound::UnboundedFollowing);
        }
        if self.take("CURRENT") {
            self.need("ROW")?;
            return Ok(FrameBound::Offset(0));
        }
        if !matches!(self.kind(), TokenKind::Number(_)) {
            return Err(self.unexpected());
        }
        let rows = self.whole_number()?;
        if self.take("PRECEDING") {
            return Ok(FrameBound::Offset(-rows));
        }
        self.need("FOLLOWING")?;
        Ok(FrameBound::Offset(rows))
    }

    /// ORDER BY with its items.
    pub(super) fn order_by(&mut self) -> SqlResult<Vec<OrderItem>> {
        self.need("ORDER")?;
        self.need("BY")?;
        let mut items = Vec::new();
        loop {
            let value = self.expression()?;
            let descending = self.take("DESC");
            if !descending {
                self.take("ASC");
            }
            items.push(OrderItem { value, descending });
            if !self.take_symbol(",") {
                return Ok(items);
            }
        }
    }
}

impl Expr {
    /// Whether it is a condition rather than a value.
    #[must_use]
    pub fn is_condition(&self) -> bool {
        matches!(
            self,
            Self::Compare(..)
                | Self::Quantified { .. }
                | Self::And(..)
                | Self::Or(..)
                | Self::Not(_)
                | Self::IsNull(_)
                | Self::InList(..)
                | Self::InQuery(..)
                | Self::Exists(_)
                | Self::Like { .. }
        )
    }
}

fn negate(inner: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(inner)) } else { inner }
}

fn simple_call(name: &str) -> Expr {
    called(name, Vec::new())
}

fn called(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Call(Box::new(Call {
        name: ObjectName::bare(name.into()),
        arguments,
        star: false,
        distinct: false,
        within_group: Vec::new(),
        over: None,
    }))
}

/// A text literal with the type it has: as long as it is, `max` beyond the limit.
pub(super) fn text_literal(text: &Rc<str>, national: bool) -> Expr {
    let length = text.encode_utf16().count().max(1);
    let upto = |limit: usize| match u16::try_from(length) {
        Ok(n) if length <= limit => Length::Upto(n),
        _ => Length::Max,
    };
    if national {
        return Expr::Literal(Value::Text(text.clone()), DataType::NVarChar(upto(4000)));
    }
    Expr::Literal(Value::Text(crate::value::convert::to_code_page(text)), DataType::VarChar(upto(8000)))
}

fn negative_literal(inner: &Expr) -> Option<Expr> {
    match inner {
        Expr::Literal(Value::Int(n), data_type) => Some(Expr::Literal(Value::Int(-n), *data_type)),
        Expr::Literal(Value::Decimal(d), data_type) => {
            let negative = crate::value::Decimal { mantissa: -d.mantissa, scale: d.scale };
            if negative.scale == 0 && negative.mantissa == i128::from(i32::MIN) {
                return Some(Expr::Literal(Value::Int(i32::MIN.into()), DataType::Int));
            }
            Some(Expr::Literal(Value::Decimal(negative), *data_type))
        }
        Expr::Literal(Value::Float(f), data_type) => Some(Expr::Literal(Value::Float(-f), *data_type)),
        Expr::Literal(Value::Money(m), data_type) => Some(Expr::Literal(Value::Money(-m), *data_type)),
        _ => None,
    }
}

/// CAST and CONVERT to a text type without a length mean 30 characters.
fn cast_length(target: DataType, parser: &Parser<'_>) -> DataType {
    let explicit = matches!(parser.tokens[parser.at - 1].kind, TokenKind::Symbol(")"));
    match target {
        _ if explicit => target,
        DataType::VarChar(Length::Upto(1)) => DataType::VarChar(Length::Upto(30)),
        DataType::NVarChar(Length::Upto(1)) => DataType::NVarChar(Length::Upto(30)),
        DataType::Char(1) => DataType::Char(30),
        DataType::NChar(1) => DataType::NChar(30),
        DataType::Binary(1) => DataType::Binary(30),
        DataType::VarBinary(Length::Upto(1)) => DataType::VarBinary(Length::Upto(30)),
        other => other,
    }
}
