//! From the grammar's tree to ours. Everything a script may hold and this shell
//! does not model is refused here, before anything runs.

mod command;
mod expression;
mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tree_sitter::Node;

use super::ast::*;
use super::error::ErrorRecord;
use super::source::Source;
use words::variable_name;

type Lowered<T> = Result<T, ErrorRecord>;

/// Parses a script into statements.
pub(crate) fn parse(script: &str) -> Lowered<Block> {
    let source = Source::parse(script)?;
    Lowering { source: &source }.program(source.tree.root_node())
}

/// So many scripts are kept; then all are forgotten.
const MOST_READ_SCRIPTS: usize = 64;

thread_local! {
    /// Scripts that have been read, by their text. Reading depends on nothing else, so every run may share them.
    static READ_SCRIPTS: RefCell<BTreeMap<String, Lowered<Rc<Block>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A script's statements, read now or before.
pub(crate) fn read(script: &str) -> Lowered<Rc<Block>> {
    if let Some(read) = READ_SCRIPTS.with_borrow(|known| known.get(script).cloned()) {
        return read;
    }
    let read = parse(script).map(Rc::new);
    READ_SCRIPTS.with_borrow_mut(|known| {
        if known.len() >= MOST_READ_SCRIPTS {
            known.clear();
        }
        known.insert(script.to_owned(), read.clone());
    });
    read
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
fn refuse_at(source: &Source, node: Node<'_>) -> ErrorRecord {
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
    error
}

impl<'s> Lowering<'s> {
    fn refuse(&self, node: Node<'_>) -> ErrorRecord {
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
}

/// Whether a statement holds a keyword.
fn has_keyword(node: Node<'_>, keyword: &str) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor).any(|part| part.kind().eq_ignore_ascii_case(keyword))
}
