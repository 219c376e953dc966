//! Commands: names, arguments, redirections.

use tree_sitter::Node;

use super::super::ast::{Argument, Command, CommandName, Expression, Extent, Redirections};
use super::words::{bare_word, is_redirection};
use super::{Lowered, Lowering, child, only};

impl Lowering<'_> {
    pub(super) fn command(&self, node: Node<'_>) -> Lowered<Command> {
        let named = node.child_by_field_name("command_name").ok_or_else(|| self.refuse(node))?;
        let operator = child(node, "command_invokation_operator");
        if operator.is_some_and(|operator| self.source.text(operator) != "&") {
            return Err(self.refuse(node));
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
    pub(super) fn arguments(&self, elements: Node<'_>, command: &mut Command) -> Lowered<()> {
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

    pub(super) fn parameter(&self, part: Node<'_>, command: &mut Command) -> Lowered<()> {
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

    pub(super) fn add_argument(
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
    pub(super) fn argument(&self, part: Node<'_>) -> Lowered<Expression> {
        match part.kind() {
            "generic_token" => Ok(bare_word(self.source.text(part))),
            _ => self.expression(part),
        }
    }

    pub(super) fn redirection(&self, node: Node<'_>, into: &mut Redirections) -> Lowered<()> {
        let text: String = self.source.text(node).chars().filter(|c| !c.is_whitespace()).collect();
        self.redirect(&text, node, into)
    }

    pub(super) fn bare_redirection(&self, node: Node<'_>, into: &mut Redirections) -> Lowered<()> {
        self.redirect(self.source.text(node), node, into)
    }

    pub(super) fn redirect(&self, text: &str, node: Node<'_>, into: &mut Redirections) -> Lowered<()> {
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
}
