//! Expressions.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::ast::{Block, Expression, Part, UnaryOperator};
use super::super::source::restore;
use super::super::value::Value;
use super::words::{binary_operator, here_string_body, unescape, variable_name};
use super::{Lowered, Lowering, child, children, only};

impl Lowering<'_> {
    pub(super) fn expression(&self, node: Node<'_>) -> Lowered<Expression> {
        let kind = node.kind();
        let kind = kind
            .strip_suffix("_argument_expression")
            .map_or(kind.to_owned(), |stem| format!("{stem}_expression"));
        match kind.as_str() {
            "logical_expression"
            | "bitwise_expression"
            | "comparison_expression"
            | "additive_expression"
            | "multiplicative_expression"
            | "format_expression"
            | "range_expression" => self.binary(node),
            "argument_expression"
            | "unary_expression"
            | "integer_literal"
            | "string_literal"
            | "_literal" => self.expression(only(node, self.source)?),
            "array_literal_expression" => {
                let items = children(node);
                match items.as_slice() {
                    [one] => self.expression(*one),
                    _ => Ok(Expression::List(
                        items.into_iter().map(|item| self.expression(item)).collect::<Lowered<_>>()?,
                    )),
                }
            }
            "expression_with_unary_operator" => self.unary(node),
            "cast_expression" => {
                let parts = children(node);
                let [of, value] = parts.as_slice() else { return Err(self.refuse(node)) };
                Ok(Expression::Cast(self.type_name(*of), Box::new(self.expression(*value)?)))
            }
            "variable" => Ok(Expression::Variable(variable_name(self.source.text(node)))),
            "decimal_integer_literal" | "hexadecimal_integer_literal" | "real_literal" => self.number(node),
            "verbatim_string_characters" => {
                let text = self.source.text(node);
                let inner = &text[1..text.len() - 1];
                Ok(Expression::Literal(Value::from(restore(&inner.replace("''", "'")))))
            }
            "verbatim_here_string_characters" => {
                let inner = here_string_body(self.source.text(node)).1;
                Ok(Expression::Literal(Value::from(restore(inner))))
            }
            "expandable_string_literal" => self.expandable(node, false),
            "expandable_here_string_literal" => self.expandable(node, true),
            "member_access" | "invokation_expression" => self.member(node),
            "element_access" => {
                let parts = children(node);
                let [of, index] = parts.as_slice() else { return Err(self.refuse(node)) };
                Ok(Expression::Index(Box::new(self.expression(*of)?), Box::new(self.expression(*index)?)))
            }
            "post_increment_expression" => self.step(node, 1, false),
            "post_decrement_expression" => self.step(node, -1, false),
            "pre_increment_expression" => self.step(node, 1, true),
            "pre_decrement_expression" => self.step(node, -1, true),
            "parenthesized_expression" => {
                let inner = self.pipeline_statement(only(node, self.source)?)?;
                Ok(Expression::Paren(Box::new(inner)))
            }
            "sub_expression" => Ok(Expression::Sub(self.block(node)?)),
            "array_expression" => Ok(Expression::Array(self.block(node)?)),
            "script_block_expression" => self.script_block(node),
            "hash_literal_expression" => self.hash(node),
            "type_literal" => Ok(Expression::TypeLiteral(self.type_name(node))),
            _ => Err(self.refuse(node)),
        }
    }

    pub(super) fn step(&self, node: Node<'_>, by: i64, before: bool) -> Lowered<Expression> {
        let target = Box::new(self.expression(only(node, self.source)?)?);
        Ok(Expression::Step { target, by, before })
    }

    pub(super) fn script_block(&self, node: Node<'_>) -> Lowered<Expression> {
        let text = self.source.text(node);
        let inner: Rc<str> = restore(&text[1..text.len() - 1]).into();
        let mut block = Block::default();
        for part in children(node) {
            match part.kind() {
                "script_block" => {
                    for body in children(part) {
                        match child(body, "statement_list") {
                            Some(list) => block.0.extend(self.statements(list)?),
                            None => return Err(self.refuse(only(body, self.source)?)),
                        }
                    }
                }
                _ => return Err(self.refuse(part)),
            }
        }
        Ok(Expression::ScriptBlock(Rc::new(block), inner))
    }

    pub(super) fn hash(&self, node: Node<'_>) -> Lowered<Expression> {
        let mut entries = Vec::new();
        for entry in child(node, "hash_literal_body").map(children).unwrap_or_default() {
            let parts = children(entry);
            let [key, value] = parts.as_slice() else { return Err(self.refuse(entry)) };
            let key = only(*key, self.source)?;
            let key = match key.kind() {
                "simple_name" => Expression::Literal(Value::from(self.source.text(key))),
                _ => self.expression(key)?,
            };
            entries.push((key, self.statement(*value)?));
        }
        Ok(Expression::Hash(entries))
    }

    pub(super) fn member(&self, node: Node<'_>) -> Lowered<Expression> {
        let parts = children(node);
        if parts.iter().any(|part| part.kind() == "invokation_foreach_expression") {
            return Err(self.refuse(node));
        }
        let (of, name) = match parts.as_slice() {
            [of, name] | [of, name, _] => (*of, *name),
            _ => return Err(self.refuse(node)),
        };
        let inner = only(name, self.source)?;
        let name = match inner.kind() {
            "simple_name" => Expression::Literal(Value::from(self.source.text(inner))),
            _ => self.expression(inner)?,
        };
        let is_static = {
            let mut cursor = node.walk();
            node.children(&mut cursor).any(|part| part.kind() == "::")
        };
        let arguments = parts.get(2).map(|list| self.call_arguments(*list)).transpose()?;
        if is_static {
            let (Expression::TypeLiteral(of), Expression::Literal(name)) = (self.expression(of)?, name)
            else {
                return Err(self.refuse(node));
            };
            return Ok(match arguments {
                Some(arguments) => Expression::StaticCall(of, name.text(), arguments),
                None => Expression::StaticMember(of, name.text()),
            });
        }
        let of = Box::new(self.expression(of)?);
        Ok(match arguments {
            Some(arguments) => Expression::Call(of, Box::new(name), arguments),
            None => Expression::Member(of, Box::new(name)),
        })
    }

    pub(super) fn call_arguments(&self, list: Node<'_>) -> Lowered<Vec<Expression>> {
        match child(list, "argument_expression_list") {
            Some(list) => children(list).into_iter().map(|argument| self.expression(argument)).collect(),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn type_name(&self, node: Node<'_>) -> String {
        let text = self.source.text(node);
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).trim().to_owned()
    }

    pub(super) fn number(&self, node: Node<'_>) -> Lowered<Expression> {
        let text = self.source.text(node).to_ascii_lowercase();
        let units = [("kb", 1i64 << 10), ("mb", 1 << 20), ("gb", 1 << 30), ("tb", 1 << 40), ("pb", 1 << 50)];
        let is_hexadecimal = text.starts_with("0x");
        let (digits, factor) = units
            .iter()
            .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
            .unwrap_or((text.as_str(), 1));
        let digits = if is_hexadecimal { digits } else { digits.trim_end_matches(['l', 'd']) };
        let whole = match digits.strip_prefix("0x") {
            Some(hexadecimal) => i64::from_str_radix(hexadecimal, 16).ok(),
            None => digits.parse::<i64>().ok(),
        };
        if let Some(value) = whole.and_then(|whole| whole.checked_mul(factor)) {
            return Ok(Expression::Literal(Value::Int(value)));
        }
        match digits.parse::<f64>() {
            Ok(value) => Ok(Expression::Literal(Value::Double(value * factor as f64))),
            Err(_) => Err(self.refuse(node)),
        }
    }

    pub(super) fn unary(&self, node: Node<'_>) -> Lowered<Expression> {
        let operand = only(node, self.source)?;
        if matches!(
            operand.kind(),
            "cast_expression" | "pre_increment_expression" | "pre_decrement_expression"
        ) {
            return self.expression(operand);
        }
        let operator = match node.child(0).map(|first| first.kind()).unwrap_or_default() {
            "-not" | "!" => UnaryOperator::Not,
            "-bnot" => UnaryOperator::BitNot,
            "+" => UnaryOperator::Plus,
            "-" => UnaryOperator::Minus,
            "," => UnaryOperator::Comma,
            "-join" => UnaryOperator::Join,
            "-split" => UnaryOperator::Split,
            _ => return Err(self.refuse(node)),
        };
        Ok(Expression::Unary(operator, Box::new(self.expression(operand)?)))
    }

    pub(super) fn binary(&self, node: Node<'_>) -> Lowered<Expression> {
        if node.child_count() == 1 {
            return self.expression(only(node, self.source)?);
        }
        let (Some(left), Some(operator), Some(right)) = (node.child(0), node.child(1), node.child(2)) else {
            return Err(self.refuse(node));
        };
        let operator = binary_operator(&self.source.text(operator).to_ascii_lowercase())
            .ok_or_else(|| self.refuse(node))?;
        Ok(Expression::Binary(operator, Box::new(self.expression(left)?), Box::new(self.expression(right)?)))
    }

    /// A string with variables in it. The grammar gives only the variables and
    /// subexpressions as nodes; the text between them is what is left.
    pub(super) fn expandable(&self, node: Node<'_>, here: bool) -> Lowered<Expression> {
        let text = self.source.text(node);
        let (lead, tail) = if here {
            let (lead, body) = here_string_body(text);
            (lead, lead + body.len())
        } else {
            (1, text.len() - 1)
        };
        let start = node.start_byte();
        let (mut at, end) = (start + lead, start + tail);
        let mut parts = Vec::new();
        let mut between = |from: usize, to: usize| {
            if from < to {
                parts.push(Part::Text(unescape(&self.source.text[from..to], !here)));
            }
            std::mem::take(&mut parts)
        };
        let mut pieces = Vec::new();
        for part in children(node) {
            let is_text = part.kind() == "variable" && self.source.text(part).starts_with('@');
            if is_text || part.start_byte() < at {
                continue;
            }
            pieces.append(&mut between(at, part.start_byte()));
            pieces.push(Part::Value(self.expression(part)?));
            at = part.end_byte();
        }
        pieces.append(&mut between(at, end));
        Ok(match pieces.as_mut_slice() {
            [] => Expression::Literal(Value::from("")),
            [Part::Text(text)] => Expression::Literal(Value::from(std::mem::take(text))),
            _ => Expression::Expandable(pieces),
        })
    }
}
