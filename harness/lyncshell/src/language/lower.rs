//! From the grammar's tree to ours. Everything a script may hold and this shell
//! does not model is refused here, before anything runs.

use tree_sitter::Node;

use super::ast::*;
use super::error::ErrorRecord;
use super::source::{Source, restore};
use super::value::Value;

type Lowered<T> = Result<T, Box<ErrorRecord>>;

/// Parses a script into statements.
pub(crate) fn parse(script: &str) -> Lowered<Block> {
    let source = Source::parse(script)?;
    Lowering { source: &source }.program(source.tree.root_node())
}

/// A walk over one script's tree.
struct Lowering<'s> {
    source: &'s Source,
}

/// A node's named children that are not comments.
fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| child.kind() != "comment").collect()
}

/// A node's only meaningful child.
fn only<'t>(node: Node<'t>, source: &Source) -> Lowered<Node<'t>> {
    children(node).into_iter().next().ok_or_else(|| refuse_at(source, node))
}

/// A node's child of a kind.
fn child<'t>(node: Node<'t>, kind: &str) -> Option<Node<'t>> {
    children(node).into_iter().find(|child| child.kind() == kind)
}

/// The refusal of a construct.
fn refuse_at(source: &Source, node: Node<'_>) -> Box<ErrorRecord> {
    let what = match node.kind() {
        "function_statement" => "function definitions",
        "class_statement" | "enum_statement" => "classes and enumerations",
        "switch_statement" => "the switch statement",
        "trap_statement" => "the trap statement",
        "param_block" | "named_block_list" => "param, begin, process and end blocks",
        "stop_parsing" => "--%",
        "inlinescript_statement" | "parallel_statement" | "sequence_statement" => "workflows",
        "data_statement" => "the data statement",
        "redirection" => "redirection to files",
        "background_operator" => "background jobs",
        "pipeline_chain_tail" => "&& and ||, which Windows PowerShell has not got either",
        _ => "this",
    };
    let extent = source.extent(node);
    let mut error =
        ErrorRecord::not_modelled(&format!("{what}: {}", extent.text.lines().next().unwrap_or_default()));
    error.extent = Some(extent);
    Box::new(error)
}

impl<'s> Lowering<'s> {
    fn refuse(&self, node: Node<'_>) -> Box<ErrorRecord> {
        refuse_at(self.source, node)
    }

    fn program(&self, node: Node<'_>) -> Lowered<Block> {
        let mut block = Block::default();
        for child in children(node) {
            match child.kind() {
                "statement_list" => block.0.extend(self.statements(child)?),
                _ => return Err(self.refuse(child)),
            }
        }
        Ok(block)
    }

    fn statements(&self, list: Node<'_>) -> Lowered<Vec<Statement>> {
        children(list)
            .into_iter()
            .filter(|node| node.kind() != "empty_statement")
            .map(|node| self.statement(node))
            .collect()
    }

    /// The statements of a `{ … }` or of `$( … )` and `@( … )`.
    fn block(&self, node: Node<'_>) -> Lowered<Block> {
        match child(node, "statement_list") {
            Some(list) => Ok(Block(self.statements(list)?)),
            None => Ok(Block::default()),
        }
    }

    fn required_block(&self, node: Node<'_>) -> Lowered<Block> {
        let block = child(node, "statement_block").ok_or_else(|| self.refuse(node))?;
        self.block(block)
    }

    fn statement(&self, node: Node<'_>) -> Lowered<Statement> {
        let kind = match node.kind() {
            "pipeline" => return self.pipeline_statement(node),
            "if_statement" => self.if_statement(node)?,
            "foreach_statement" => self.for_each(node)?,
            "while_statement" => {
                StatementKind::While { condition: self.condition(node)?, body: self.required_block(node)? }
            }
            "do_statement" => StatementKind::DoWhile {
                body: self.required_block(node)?,
                condition: self.condition(node)?,
                until: has_keyword(node, "until"),
            },
            "for_statement" => self.for_statement(node)?,
            "try_statement" => self.try_statement(node)?,
            "flow_control_statement" => self.flow(node)?,
            _ => return Err(self.refuse(node)),
        };
        Ok(Statement { kind, extent: self.source.extent(node) })
    }

    fn pipeline_statement(&self, node: Node<'_>) -> Lowered<Statement> {
        let extent = self.source.extent(node);
        let parts = children(node);
        let kind = match parts.as_slice() {
            [only] if only.kind() == "assignment_expression" => self.assignment(*only)?,
            _ => StatementKind::Pipeline(self.pipeline(node)?),
        };
        Ok(Statement { kind, extent })
    }

    fn assignment(&self, node: Node<'_>) -> Lowered<StatementKind> {
        let parts = children(node);
        let [target, operator, value] = parts.as_slice() else { return Err(self.refuse(node)) };
        let operator = match self.source.text(*operator) {
            "=" => AssignOperator::Set,
            "+=" => AssignOperator::With(BinaryOperator::Add),
            "-=" => AssignOperator::With(BinaryOperator::Subtract),
            "*=" => AssignOperator::With(BinaryOperator::Multiply),
            "/=" => AssignOperator::With(BinaryOperator::Divide),
            "%=" => AssignOperator::With(BinaryOperator::Remainder),
            _ => return Err(self.refuse(node)),
        };
        Ok(StatementKind::Assign {
            target: self.expression(only(*target, self.source)?)?,
            operator,
            value: Box::new(self.statement(*value)?),
        })
    }

    fn pipeline(&self, node: Node<'_>) -> Lowered<Pipeline> {
        let chains = children(node);
        let [chain] = chains.as_slice() else {
            return Err(self.refuse(chains.get(1).copied().unwrap_or(node)));
        };
        if chain.kind() != "pipeline_chain" {
            return Err(self.refuse(*chain));
        }
        let mut stages: Vec<Stage> = Vec::new();
        for part in children(*chain) {
            match part.kind() {
                "command" => stages.push(Stage::Command(self.command(part)?)),
                "redirections" => {
                    let mut redirections = Redirections::default();
                    for redirection in children(part) {
                        self.redirection(redirection, &mut redirections)?;
                    }
                    match stages.last_mut() {
                        Some(Stage::Expression(_, slot)) => *slot = redirections,
                        _ => return Err(self.refuse(part)),
                    }
                }
                "verbatim_command_argument" => return Err(self.refuse(part)),
                _ => stages.push(Stage::Expression(self.expression(part)?, Redirections::default())),
            }
        }
        Ok(Pipeline(stages))
    }

    /// The condition of a loop, which the grammar wraps.
    fn condition(&self, node: Node<'_>) -> Lowered<Pipeline> {
        let condition = node.child_by_field_name("condition").ok_or_else(|| self.refuse(node))?;
        match condition.kind() {
            "pipeline" => self.pipeline(condition),
            _ => self.pipeline(only(condition, self.source)?),
        }
    }

    fn if_statement(&self, node: Node<'_>) -> Lowered<StatementKind> {
        let mut clauses = vec![(self.condition(node)?, self.required_block(node)?)];
        let mut otherwise = None;
        for part in children(node) {
            match part.kind() {
                "elseif_clauses" => {
                    for clause in children(part) {
                        clauses.push((self.condition(clause)?, self.required_block(clause)?));
                    }
                }
                "else_clause" => otherwise = Some(self.required_block(part)?),
                _ => {}
            }
        }
        Ok(StatementKind::If { clauses, otherwise })
    }

    fn for_each(&self, node: Node<'_>) -> Lowered<StatementKind> {
        let variable = child(node, "variable").ok_or_else(|| self.refuse(node))?;
        let over = child(node, "pipeline").ok_or_else(|| self.refuse(node))?;
        Ok(StatementKind::ForEach {
            variable: variable_name(self.source.text(variable)),
            over: self.pipeline(over)?,
            body: self.required_block(node)?,
        })
    }

    fn for_statement(&self, node: Node<'_>) -> Lowered<StatementKind> {
        let part = |name: &str| -> Lowered<Option<Box<Statement>>> {
            match node.child_by_field_name(name) {
                Some(part) => Ok(Some(Box::new(self.pipeline_statement(only(part, self.source)?)?))),
                None => Ok(None),
            }
        };
        let condition = match node.child_by_field_name("for_condition") {
            Some(condition) => Some(self.pipeline(only(condition, self.source)?)?),
            None => None,
        };
        Ok(StatementKind::For {
            first: part("for_initializer")?,
            condition,
            step: part("for_iterator")?,
            body: self.required_block(node)?,
        })
    }

    fn try_statement(&self, node: Node<'_>) -> Lowered<StatementKind> {
        let mut catches = Vec::new();
        let mut finally = None;
        for part in children(node) {
            match part.kind() {
                "catch_clauses" => {
                    for clause in children(part) {
                        let types = child(clause, "catch_type_list").map(children).unwrap_or_default();
                        catches.push(Catch {
                            types: types.into_iter().map(|node| self.type_name(node)).collect(),
                            body: self.required_block(clause)?,
                        });
                    }
                }
                "finally_clause" => finally = Some(self.required_block(part)?),
                _ => {}
            }
        }
        Ok(StatementKind::Try { body: self.required_block(node)?, catches, finally })
    }

    fn flow(&self, node: Node<'_>) -> Lowered<StatementKind> {
        let value = child(node, "pipeline").map(|pipeline| self.pipeline(pipeline)).transpose()?;
        let keyword = self.source.text(node).to_ascii_lowercase();
        let labelled = child(node, "label_expression");
        Ok(match keyword.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default() {
            "break" if labelled.is_none() => StatementKind::Break,
            "continue" if labelled.is_none() => StatementKind::Continue,
            "throw" => StatementKind::Throw(value),
            "return" => StatementKind::Return(value),
            "exit" => StatementKind::Exit(value),
            _ => return Err(self.refuse(node)),
        })
    }

    fn command(&self, node: Node<'_>) -> Lowered<Command> {
        let named = node.child_by_field_name("command_name").ok_or_else(|| self.refuse(node))?;
        if let Some(operator) = child(node, "command_invokation_operator") {
            if self.source.text(operator) != "&" {
                return Err(self.refuse(node));
            }
        }
        let name = match named.kind() {
            "command_name" => CommandName::Bare(self.source.text(named).to_owned()),
            _ => match only(named, self.source)? {
                bare if matches!(bare.kind(), "command_name" | "path_command_name") => {
                    CommandName::Bare(self.source.text(bare).to_owned())
                }
                expression => CommandName::Computed(self.expression(expression)?),
            },
        };
        let mut command = Command {
            name,
            arguments: Vec::new(),
            redirections: Redirections::default(),
            extent: self.source.extent(node),
        };
        if let Some(elements) = node.child_by_field_name("command_elements") {
            self.arguments(elements, &mut command)?;
        }
        Ok(command)
    }

    /// A command's arguments: `-Name`, `-Name:value`, values, comma lists and redirections.
    fn arguments(&self, elements: Node<'_>, command: &mut Command) -> Lowered<()> {
        let mut cursor = elements.walk();
        let parts: Vec<Node<'_>> =
            elements.children(&mut cursor).filter(|part| part.kind() != "comment").collect();
        let (mut joined, mut attached) = (false, false);
        for part in parts {
            match part.kind() {
                "command_argument_sep" => attached = self.source.text(part) == ":",
                "," => joined = true,
                "command_parameter" => self.parameter(part, command)?,
                "redirection" => self.redirection(part, &mut command.redirections)?,
                "generic_token" if is_redirection(self.source.text(part)) => {
                    self.bare_redirection(part, &mut command.redirections)?;
                }
                "stop_parsing" | "argument_list" => return Err(self.refuse(part)),
                _ => {
                    let value = self.argument(part)?;
                    self.add_argument(value, self.source.extent(part), command, joined, attached);
                    (joined, attached) = (false, false);
                }
            }
        }
        Ok(())
    }

    fn parameter(&self, part: Node<'_>, command: &mut Command) -> Lowered<()> {
        let text = self.source.text(part);
        if text.contains('=') || text.starts_with("--") || text == "-" {
            return Err(self.refuse(part));
        }
        command.arguments.push(Argument::Named {
            name: text.trim_start_matches('-').to_owned(),
            value: None,
            extent: self.source.extent(part),
        });
        Ok(())
    }

    fn add_argument(
        &self,
        value: Expression,
        extent: Extent,
        command: &mut Command,
        joined: bool,
        attached: bool,
    ) {
        let last = command.arguments.last_mut();
        match last {
            Some(Argument::Named { value: slot @ None, .. }) if attached => *slot = Some(value),
            Some(Argument::Positional(before, _)) if joined => match before {
                Expression::List(items) => items.push(value),
                _ => {
                    let first = std::mem::replace(before, Expression::List(Vec::new()));
                    *before = Expression::List(vec![first, value]);
                }
            },
            Some(Argument::Named { value: Some(before), .. }) if joined => match before {
                Expression::List(items) => items.push(value),
                _ => {
                    let first = std::mem::replace(before, Expression::List(Vec::new()));
                    *before = Expression::List(vec![first, value]);
                }
            },
            _ => match value {
                Expression::Variable(name) if extent.text.starts_with('@') => {
                    command.arguments.push(Argument::Splat(name));
                }
                value => command.arguments.push(Argument::Positional(value, extent)),
            },
        }
    }

    /// An argument's value: a bare word is a string, in which variables expand.
    fn argument(&self, part: Node<'_>) -> Lowered<Expression> {
        match part.kind() {
            "generic_token" => Ok(bare_word(self.source.text(part))),
            _ => self.expression(part),
        }
    }

    fn redirection(&self, node: Node<'_>, into: &mut Redirections) -> Lowered<()> {
        let text: String = self.source.text(node).chars().filter(|c| !c.is_whitespace()).collect();
        self.redirect(&text, node, into)
    }

    fn bare_redirection(&self, node: Node<'_>, into: &mut Redirections) -> Lowered<()> {
        self.redirect(self.source.text(node), node, into)
    }

    fn redirect(&self, text: &str, node: Node<'_>, into: &mut Redirections) -> Lowered<()> {
        match text.to_ascii_lowercase().as_str() {
            ">$null" | "1>$null" => into.discard_output = true,
            "2>$null" => into.discard_errors = true,
            "3>$null" | "4>$null" | "5>$null" | "6>$null" => into.discard_other = true,
            "*>$null" => {
                into.discard_output = true;
                into.discard_errors = true;
                into.discard_other = true;
            }
            "2>&1" | "*>&1" => into.merge_errors = true,
            _ => return Err(self.refuse(node)),
        }
        Ok(())
    }

    fn expression(&self, node: Node<'_>) -> Lowered<Expression> {
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

    fn step(&self, node: Node<'_>, by: i64, before: bool) -> Lowered<Expression> {
        let target = Box::new(self.expression(only(node, self.source)?)?);
        Ok(Expression::Step { target, by, before })
    }

    fn script_block(&self, node: Node<'_>) -> Lowered<Expression> {
        let text = self.source.text(node);
        let inner: std::rc::Rc<str> = restore(&text[1..text.len() - 1]).into();
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
        Ok(Expression::ScriptBlock(std::rc::Rc::new(block), inner))
    }

    fn hash(&self, node: Node<'_>) -> Lowered<Expression> {
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

    fn member(&self, node: Node<'_>) -> Lowered<Expression> {
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

    fn call_arguments(&self, list: Node<'_>) -> Lowered<Vec<Expression>> {
        match child(list, "argument_expression_list") {
            Some(list) => children(list).into_iter().map(|argument| self.expression(argument)).collect(),
            None => Ok(Vec::new()),
        }
    }

    fn type_name(&self, node: Node<'_>) -> String {
        let text = self.source.text(node);
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).trim().to_owned()
    }

    fn number(&self, node: Node<'_>) -> Lowered<Expression> {
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

    fn unary(&self, node: Node<'_>) -> Lowered<Expression> {
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

    fn binary(&self, node: Node<'_>) -> Lowered<Expression> {
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
    fn expandable(&self, node: Node<'_>, here: bool) -> Lowered<Expression> {
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

/// Whether a statement holds a keyword.
fn has_keyword(node: Node<'_>, keyword: &str) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor).any(|part| part.kind().eq_ignore_ascii_case(keyword))
}

/// Whether a bare word is a redirection the grammar took for an argument (`2>$null`).
fn is_redirection(text: &str) -> bool {
    let rest = text.strip_prefix(|c: char| c.is_ascii_digit() || c == '*').unwrap_or(text);
    rest.starts_with('>')
}

/// A variable's name without its sign and braces; `global:` and its like are
/// all one scope here.
fn variable_name(text: &str) -> String {
    let name = text.trim_start_matches(['$', '@']);
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let lower = name.to_ascii_lowercase();
    match lower.split_once(':') {
        Some(("global" | "local" | "script" | "private", rest)) => rest.to_owned(),
        _ => lower,
    }
}

/// The offset of a here-string's body and the body, without the line breaks
/// that belong to its delimiters.
fn here_string_body(text: &str) -> (usize, &str) {
    let lead = text.find('\n').map_or(text.len(), |at| at + 1);
    let tail = text.rfind('\n').unwrap_or(text.len());
    let tail = if tail > 0 && text.as_bytes()[tail - 1] == b'\r' { tail - 1 } else { tail };
    if lead > tail { (lead.min(text.len()), "") } else { (lead, &text[lead..tail]) }
}

/// What backtick sequences and doubled quotes mean.
fn unescape(text: &str, doubled_quotes: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '`' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some('0') => plain.push('\0'),
                Some('a') => plain.push('\u{7}'),
                Some('b') => plain.push('\u{8}'),
                Some('f') => plain.push('\u{c}'),
                Some('v') => plain.push('\u{b}'),
                Some(other) => plain.push(other),
                None => plain.push('`'),
            },
            '"' if doubled_quotes && characters.peek() == Some(&'"') => {
                characters.next();
                plain.push('"');
            }
            _ => plain.push(c),
        }
    }
    restore(&plain)
}

/// A bare word as an argument: a string whose simple variables expand.
fn bare_word(text: &str) -> Expression {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let name: String = rest[at + 1..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
            .collect();
        let escaped = rest[..at].ends_with('`');
        if name.is_empty() || escaped {
            parts.push(Part::Text(rest[..=at].to_owned()));
            rest = &rest[at + 1..];
            continue;
        }
        parts.push(Part::Text(rest[..at].to_owned()));
        parts.push(Part::Value(Expression::Variable(variable_name(&name))));
        rest = &rest[at + 1 + name.len()..];
    }
    if !parts.iter().any(|part| matches!(part, Part::Value(_))) {
        return Expression::Literal(Value::from(unescape(text, false)));
    }
    parts.push(Part::Text(rest.to_owned()));
    for part in &mut parts {
        if let Part::Text(text) = part {
            *text = unescape(text, false);
        }
    }
    Expression::Expandable(parts)
}

/// The operator a word stands for.
fn binary_operator(text: &str) -> Option<BinaryOperator> {
    use BinaryOperator::*;
    let simple = match text {
        "+" => Add,
        "-" => Subtract,
        "*" => Multiply,
        "/" => Divide,
        "%" => Remainder,
        ".." => Range,
        "-f" => Format,
        "-and" => And,
        "-or" => Or,
        "-xor" => Xor,
        "-band" => BitAnd,
        "-bor" => BitOr,
        "-bxor" => BitXor,
        "-in" | "-iin" => In { not: false },
        "-notin" | "-inotin" => In { not: true },
        "-join" => Join,
        "-is" => Is { not: false },
        "-isnot" => Is { not: true },
        "-as" => As,
        _ => return cased_operator(text),
    };
    Some(simple)
}

/// The operators that come in three spellings: `-eq`, `-ieq` and `-ceq`.
fn cased_operator(text: &str) -> Option<BinaryOperator> {
    use BinaryOperator::*;
    let plain = |text: &str, case: bool| -> Option<BinaryOperator> {
        Some(match text {
            "eq" => Equal { case },
            "ne" => NotEqual { case },
            "gt" => Greater { case },
            "ge" => GreaterOrEqual { case },
            "lt" => Less { case },
            "le" => LessOrEqual { case },
            "like" => Like { case, not: false },
            "notlike" => Like { case, not: true },
            "match" => Match { case, not: false },
            "notmatch" => Match { case, not: true },
            "contains" => Contains { case, not: false },
            "notcontains" => Contains { case, not: true },
            "replace" => Replace { case },
            "split" => Split { case },
            _ => return None,
        })
    };
    let name = text.strip_prefix('-')?;
    plain(name, false)
        .or_else(|| plain(name.strip_prefix('i')?, false))
        .or_else(|| plain(name.strip_prefix('c')?, true))
}
